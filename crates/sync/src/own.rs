//! The node's own lanes: queue, natural batching, acknowledgement, pulses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::limits as base_limits;
use log::{
    Appended, Audience, Batch, Body, Draft, EntryId, Fact, Hash, Kind, LaneWriter, LogId, LogState,
    Precedence, Pulse, Write, kinds,
};

use crate::api::{Append, Arrival, Bulk, Level, Output, Refusal, Severity, Ticket};
use crate::bugs::{self, Bug};
use crate::counts::LogCounts;
use crate::findings::Finding;
use crate::jump::Tip;
use crate::limits;
use crate::node::{Node, Purpose, Turn};
use crate::tickets::{members, other_partners};

/// One own lane.
#[derive(Debug)]
pub(crate) struct Lane {
    writer: LaneWriter,
    queue: VecDeque<(Draft, Asked)>,
    queue_bytes: usize,
    /// Sealed batches whose place in the log is not yet durable, in order.
    sealed: VecDeque<Sealed>,
    sealed_bytes: usize,
    /// How many of them, from the first, are with the store; none if it owes no answer.
    storing: usize,
    cache: Cache,
    /// Roots of the newest checkpoints, by size.
    roots: BTreeMap<u64, Hash>,
    /// Whether the store knows of this incarnation.
    noted: bool,
    /// Its entries by audience.
    pub(crate) counts: LogCounts,
    /// What a jump to the newest checkpoint is made from.
    pub(crate) tip: Tip,
}

/// Who waits for a draft.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// Nobody, or whoever waits for the last of its bulk append.
    Nobody,
    /// An append of its own.
    By(Ticket),
    /// The first of a bulk append.
    First(Ticket),
    /// The last of a bulk append.
    Last(Ticket),
}

impl Asked {
    const fn ticket(self) -> Option<Ticket> {
        match self {
            Self::Nobody => None,
            Self::By(ticket) | Self::First(ticket) | Self::Last(ticket) => Some(ticket),
        }
    }
}

/// A sealed batch on its way into the store.
#[derive(Debug)]
struct Sealed {
    appended: Appended,
    asked: Vec<Asked>,
}

/// The newest batches of a lane, so that a peer that keeps up costs no reads.
#[derive(Debug, Default)]
struct Cache {
    batches: VecDeque<Batch>,
    bytes: usize,
}

impl Cache {
    fn push(&mut self, batch: Batch) {
        self.bytes += batch.as_bytes().len();
        self.batches.push_back(batch);
        while self.bytes > limits::CACHE_BYTES_MAX && self.batches.len() > 1 {
            let old = self.batches.pop_front().expect("more than one batch is there");
            self.bytes -= old.as_bytes().len();
        }
    }

    fn starting(&self, first: u64) -> Option<&Batch> {
        let place = self.batches.binary_search_by_key(&first, Batch::first).ok()?;
        self.batches.get(place)
    }
}

impl Lane {
    pub(crate) fn new(writer: LaneWriter, noted: bool) -> Self {
        Self {
            writer,
            queue: VecDeque::new(),
            queue_bytes: 0,
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            storing: 0,
            cache: Cache::default(),
            roots: BTreeMap::new(),
            noted,
            counts: LogCounts::default(),
            tip: Tip::new(),
        }
    }

    pub(crate) const fn log(&self) -> LogId {
        self.writer.log()
    }

    /// Entries that are durable here.
    pub(crate) const fn size(&self) -> u64 {
        self.writer.size()
    }

    pub(crate) fn state(&self) -> LogState {
        self.writer.state()
    }

    /// The cached batch that starts at `first`.
    pub(crate) fn cached(&self, first: u64) -> Option<&Batch> {
        self.cache.starting(first)
    }

    /// The root this node signed at `size`, if it is remembered.
    pub(crate) fn root_at(&self, size: u64) -> Option<&Hash> {
        self.roots.get(&size)
    }

    pub(crate) fn remember_root(&mut self, size: u64, root: Hash) {
        self.roots.insert(size, root);
        if self.roots.len() > limits::CHECKPOINTS_KEPT_MAX {
            self.roots.pop_first();
        }
    }

    /// New keys for whatever is sealed from here on.
    pub(crate) fn renew_epochs(&mut self) {
        self.writer.renew_epochs();
        let sealed = self.sealed.back().map(|sealed| sealed.appended.batch.end());
        self.tip.renewed(sealed.unwrap_or_else(|| self.size()));
    }

    fn enqueue(&mut self, draft: Draft, asked: Asked) {
        self.queue_bytes += draft.body.content.len();
        self.queue.push_back((draft, asked));
    }

    fn full(&self, more_entries: usize, more_bytes: usize) -> bool {
        self.queue.len() + more_entries > limits::LANE_QUEUE_ENTRIES_MAX
            || self.queue_bytes + more_bytes > limits::LANE_QUEUE_BYTES_MAX
    }

    /// What waits, up to where a batch is closed.
    fn next_drafts(&self) -> impl Iterator<Item = &Draft> {
        let mut bytes = 0;
        self.queue.iter().map(|(draft, _)| draft).take_while(move |draft| {
            let before = bytes;
            bytes += draft.body.content.len();
            before < limits::BATCH_CONTENT_BYTES_MAX
        })
    }

    /// Forgets the batches under way and queues their statements again, as a planted fault has it.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn take_back(&mut self) {
        self.writer.abandon_epoch();
        self.storing = 0;
        self.sealed_bytes = 0;
        let sealed: Vec<Sealed> = self.sealed.drain(..).collect();
        for Sealed { appended, asked } in sealed.into_iter().rev() {
            let facts = appended.facts.into_iter().filter(|fact| fact.kind != kinds::EPOCH);
            for (fact, asked) in facts.zip(asked).collect::<Vec<_>>().into_iter().rev() {
                let body = Body { kind: fact.kind, edition: fact.edition, content: fact.content };
                self.queue_bytes += body.content.len();
                self.queue.push_front((Draft { audience: fact.audience, body }, asked));
            }
        }
    }

    /// Whether more waits than goes into one batch.
    fn has_full_batch(&self) -> bool {
        self.queue_bytes >= limits::BATCH_CONTENT_BYTES_MAX
            || self.queue.len() >= base_limits::BATCH_ENTRIES_MAX
    }

    fn has_queued_pulse(&self) -> bool {
        self.queue.iter().any(|(draft, _)| draft.body.kind == kinds::PULSE)
    }
}

/// What an append asks for, whatever its way in.
struct Request {
    ticket: Ticket,
    audience: Audience,
    precedence: Precedence,
    kind: Kind,
    level: Level,
    entries: usize,
    /// Of all contents.
    bytes: usize,
    /// Of the largest content.
    largest: usize,
}

impl Node {
    pub(crate) fn append(&mut self, append: Append, turn: &mut Turn<'_>) {
        let ticket = append.ticket;
        if let Err(reason) = self.check_append(&append) {
            turn.out.push(Output::Refused { ticket, reason });
            return;
        }
        let deadline = turn.elapsed + self.config.scale(append.timeout);
        self.tickets.open(ticket, append.audience, append.level, deadline);
        let body = Body { kind: append.kind, edition: append.edition, content: append.content };
        let draft = Draft { audience: append.audience, body };
        self.lane_mut(append.precedence).enqueue(draft, Asked::By(ticket));
    }

    /// Takes many statements, all or none.
    pub(crate) fn append_bulk(&mut self, bulk: Bulk, turn: &mut Turn<'_>) {
        let ticket = bulk.ticket;
        let sizes = || bulk.contents.iter().map(Vec::len);
        let request = Request {
            ticket,
            audience: bulk.audience,
            precedence: bulk.precedence,
            kind: bulk.kind,
            level: bulk.level,
            entries: bulk.contents.len(),
            bytes: sizes().sum(),
            largest: sizes().max().unwrap_or(0),
        };
        if let Err(reason) = self.check_request(&request) {
            turn.out.push(Output::Refused { ticket, reason });
            return;
        }
        let deadline = turn.elapsed + self.config.scale(bulk.timeout);
        self.tickets.open(ticket, bulk.audience, bulk.level, deadline);
        let lane = self.lane_mut(bulk.precedence);
        let last = request.entries - 1;
        for (place, content) in bulk.contents.into_iter().enumerate() {
            let asked = match place {
                _ if last == 0 => Asked::By(ticket),
                0 => Asked::First(ticket),
                place if place == last => Asked::Last(ticket),
                _ => Asked::Nobody,
            };
            let body = Body { kind: bulk.kind, edition: bulk.edition, content };
            lane.enqueue(Draft { audience: bulk.audience, body }, asked);
        }
    }

    fn lane_mut(&mut self, lane: Precedence) -> &mut Lane {
        self.lanes.get_mut(&lane).expect("a node has four lanes")
    }

    pub(crate) fn check_append(&self, append: &Append) -> Result<(), Refusal> {
        self.check_request(&Request {
            ticket: append.ticket,
            audience: append.audience,
            precedence: append.precedence,
            kind: append.kind,
            level: append.level,
            entries: 1,
            bytes: append.content.len(),
            largest: append.content.len(),
        })
    }

    fn check_request(&self, request: &Request) -> Result<(), Refusal> {
        let mine = self.me.partner();
        let audience = request.audience;
        if self.tickets.contains(request.ticket) {
            return Err(Refusal::TicketInUse);
        }
        if !(1..=limits::BULK_ENTRIES_MAX).contains(&request.entries) {
            let (max, got) = (limits::BULK_ENTRIES_MAX, request.entries);
            return Err(Refusal::BulkSize { max, got });
        }
        if !audience.contains(mine) {
            return Err(Refusal::NotAMember(audience));
        }
        if !self.charter.allows(mine, &audience) {
            return Err(Refusal::UnknownAudience(audience));
        }
        if request.kind.domain() == "log" && request.kind != kinds::LINE_CHECK {
            return Err(Refusal::ReservedKind(request.kind));
        }
        let (max, got) = (base_limits::ENTRY_CONTENT_BYTES_MAX, request.largest);
        if got > max {
            return Err(Refusal::TooLarge { max, got });
        }
        if let Level::Partners(asked) = request.level {
            let others = u8::try_from(other_partners(&audience, mine)).unwrap_or(u8::MAX);
            if asked > others {
                return Err(Refusal::LevelAboveAudience { asked, others });
            }
        }
        if self.tickets.len() >= limits::TICKETS_MAX {
            return Err(Refusal::TooManyWaiting(limits::TICKETS_MAX));
        }
        let lane = &self.lanes[&request.precedence];
        if lane.full(request.entries, request.bytes) {
            let waiting = lane.queue.len();
            return Err(Refusal::QueueFull { lane: request.precedence, waiting });
        }
        Ok(())
    }

    /// Appends a statement of the node itself; dropped if its lane is full.
    pub(crate) fn append_own(&mut self, lane: Precedence, body: Body) {
        let audience = self.charter.everyone();
        if !self.charter.allows(self.me.partner(), &audience) {
            return;
        }
        let lane = self.lane_mut(lane);
        if !lane.full(1, body.content.len()) {
            lane.enqueue(Draft { audience, body }, Asked::Nobody);
        }
    }

    /// Seals what waits of a lane and gives it to the store, one operation at a time. While the store
    /// still owes an answer only full batches are sealed: what is less gathers for the next one.
    pub(crate) fn flush_lane(&mut self, precedence: Precedence, turn: &mut Turn<'_>) {
        loop {
            let lane = self.lane_mut(precedence);
            let due = lane.storing == 0 || lane.has_full_batch();
            if !due || lane.queue.is_empty() || lane.sealed_bytes >= limits::SEALED_BYTES_MAX {
                break;
            }
            self.seal_batch(precedence, turn);
        }
        self.store_sealed(precedence, turn);
    }

    fn seal_batch(&mut self, precedence: Precedence, turn: &mut Turn<'_>) {
        let Self { lanes, charter, clock, .. } = self;
        let lane = lanes.get_mut(&precedence).expect("a node has four lanes");
        let count = LaneWriter::fitting(lane.next_drafts(), charter).max(1);
        let (drafts, asked): (Vec<Draft>, Vec<Asked>) = lane.queue.drain(..count).unzip();
        lane.queue_bytes -= drafts.iter().map(|draft| draft.body.content.len()).sum::<usize>();
        match lane.writer.append(drafts, charter, clock, turn.now, turn.entropy) {
            Ok(appended) => {
                lane.sealed_bytes += appended.batch.as_bytes().len();
                lane.sealed.push_back(Sealed { appended, asked });
            }
            Err(error) => self.refuse_batch(&asked, &error, turn),
        }
    }

    /// Gives every sealed batch that waits to the store, in one operation.
    fn store_sealed(&mut self, precedence: Precedence, turn: &mut Turn<'_>) {
        let lane = self.lanes.get_mut(&precedence).expect("a node has four lanes");
        let Some(newest) = lane.sealed.back().filter(|_| lane.storing == 0) else { return };
        let stated = &newest.appended.checkpoint.checkpoint;
        let mark = LogState { log: stated.log, size: stated.size, root: stated.root };
        let mut writes = Vec::with_capacity(3 * lane.sealed.len() + 1);
        let newest = lane.sealed.len() - 1;
        for (place, sealed) in lane.sealed.iter().enumerate() {
            // Where the log stands is said once, after the last batch.
            let all = sealed.appended.writes(&self.secrets.storage);
            let wanted = |write: &Write| place == newest || !matches!(write, Write::Head(_));
            writes.extend(all.into_iter().filter(wanted));
        }
        if !lane.noted {
            writes.push(self.incarnation_note.clone());
        }
        lane.storing = lane.sealed.len();
        let early: Vec<_> = if cfg!(feature = "planted-bugs") {
            let ids = |sealed: &Sealed| {
                let ids = sealed.appended.draft_ids();
                ids.zip(sealed.asked.iter().copied()).collect::<Vec<_>>()
            };
            lane.sealed.iter().flat_map(ids).collect()
        } else {
            Vec::new()
        };
        self.store(Purpose::Own(precedence), precedence, writes.into(), vec![mark], turn);
        if bugs::has(Bug::AcknowledgeBeforeSync) {
            self.tell_durable(early.into_iter(), turn);
        }
    }

    /// Entries of an own lane are durable: whoever asked for them hears of it.
    fn tell_durable(
        &mut self,
        entries: impl Iterator<Item = (EntryId, Asked)>,
        turn: &mut Turn<'_>,
    ) {
        for (entry, asked) in entries {
            match asked {
                Asked::Nobody => {}
                Asked::First(ticket) => self.tickets.begin(ticket, entry),
                Asked::By(ticket) | Asked::Last(ticket) => {
                    self.tickets.durable(ticket, entry, &[self.me], turn.out);
                }
            }
        }
    }

    /// The log crate refused a batch: only a charter with an unusable key can make it.
    fn refuse_batch(&mut self, asked: &[Asked], error: &log::Error, turn: &mut Turn<'_>) {
        for ticket in asked.iter().copied().filter_map(Asked::ticket) {
            if self.tickets.withdraw(ticket) {
                let reason = Refusal::Log(error.to_string());
                turn.out.push(Output::Refused { ticket, reason });
            }
        }
        self.finding(
            Finding {
                topic: "append",
                severity: Severity::Error,
                source: self.me.to_string(),
                message: error.to_string(),
                hint: error.hint(),
            },
            turn,
        );
    }

    /// The store has the batches of an own lane that it was given: they are part of the log, and may be
    /// told and sent.
    pub(crate) fn own_stored(&mut self, precedence: Precedence, turn: &mut Turn<'_>) {
        let lane = self.lanes.get_mut(&precedence).expect("a node has four lanes");
        assert!(lane.storing > 0, "a lane's store operation answers what it was given");
        let stored: Vec<Sealed> = lane.sealed.drain(..lane.storing).collect();
        lane.storing = 0;
        lane.noted = true;
        let log = lane.log();
        for Sealed { appended, asked } in stored {
            let lane = self.lanes.get_mut(&precedence).expect("a node has four lanes");
            lane.writer.settle();
            lane.sealed_bytes -= appended.batch.as_bytes().len();
            lane.tip.settled(&appended);
            lane.counts.take(&appended.batch);
            lane.remember_root(appended.batch.end(), appended.checkpoint.checkpoint.root);
            lane.cache.push(appended.batch.clone());
            let answered: Vec<_> = appended
                .draft_ids()
                .zip(asked)
                .filter(|(_, asked)| asked.ticket().is_some())
                .collect();
            let evidence = self.evidence.entry(log).or_default();
            for fact in appended.facts {
                if fact.kind != kinds::PULSE {
                    evidence.require(fact.id.index, &fact.audience);
                }
                tell(fact, Arrival::Live, turn);
            }
            self.tell_durable(answered.into_iter(), turn);
        }
        self.pump_log(log, turn);
    }

    pub(crate) fn expire_tickets(&mut self, turn: &mut Turn<'_>) {
        for (ticket, audience, entry) in self.tickets.expire(turn.elapsed) {
            let holders =
                entry.map_or_else(Vec::new, |(first, last)| self.holders_of(first, &last));
            let holders = members(&audience, holders.into_iter());
            let entry = entry.map(|(_, last)| last);
            turn.out.push(Output::Pending { ticket, entry, holders });
        }
    }

    /// Appends a pulse when one is due.
    pub(crate) fn pulse(&mut self, turn: &mut Turn<'_>) {
        if self.pulse_at.is_some_and(|at| turn.elapsed < at) {
            return;
        }
        self.pulse_at = Some(turn.elapsed + self.config.scale(self.config.pulse_every));
        self.state_counts(turn);
        if self.lane_mut(Precedence::Flash).has_queued_pulse() {
            return;
        }
        let mut logs: Vec<LogState> = self.lanes.values().map(Lane::state).collect();
        logs.retain(|state| state.size > 0);
        logs.sort_by_key(|state| state.log);
        self.append_own(Precedence::Flash, Pulse { sent: turn.now, logs }.to_body());
    }
}

/// Hands a fact to the fold.
pub(crate) fn tell(fact: Fact, arrival: Arrival, turn: &mut Turn<'_>) {
    turn.out.push(Output::Fact { fact: Arc::new(fact), arrival });
}
