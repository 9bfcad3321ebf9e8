//! The node's own lanes: queue, natural batching, acknowledgement, pulses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::limits as base_limits;
use log::{
    Appended, Batch, Body, Draft, Fact, Hash, LaneWriter, LogId, LogState, Precedence, Pulse, kinds,
};

use crate::api::{Append, Arrival, Level, Output, Refusal, Severity, Ticket};
use crate::bugs::{self, Bug};
use crate::findings::Finding;
use crate::jump::Tip;
use crate::limits;
use crate::node::{Node, Purpose, Turn};
use crate::tickets::other_partners;

/// One own lane.
#[derive(Debug)]
pub(crate) struct Lane {
    writer: LaneWriter,
    queue: VecDeque<(Draft, Option<Ticket>)>,
    queue_bytes: usize,
    in_flight: Option<InFlight>,
    cache: Cache,
    /// Roots of the newest checkpoints, by size.
    roots: BTreeMap<u64, Hash>,
    /// Whether the store knows of this incarnation.
    noted: bool,
    /// What a jump to the newest checkpoint is made from.
    pub(crate) tip: Tip,
}

/// The batch the store owes an answer for.
#[derive(Debug)]
struct InFlight {
    appended: Appended,
    tickets: Vec<Option<Ticket>>,
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
            in_flight: None,
            cache: Cache::default(),
            roots: BTreeMap::new(),
            noted,
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

    /// New keys for what comes next, now or once the batch in flight is settled.
    pub(crate) fn renew_epochs(&mut self) {
        if self.in_flight.is_some() {
            self.tip.renew_due = true;
            return;
        }
        self.writer.renew_epochs();
        self.tip.renewed(self.size());
    }

    fn enqueue(&mut self, draft: Draft, ticket: Option<Ticket>) {
        self.queue_bytes += draft.body.content.len();
        self.queue.push_back((draft, ticket));
    }

    fn full(&self, more_bytes: usize) -> bool {
        self.queue.len() >= limits::LANE_QUEUE_ENTRIES_MAX
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

    /// Forgets the batch in flight and queues its statements again, as a planted fault has it.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn take_back(&mut self) {
        let Some(InFlight { appended, tickets }) = self.in_flight.take() else { return };
        self.writer.abandon_epoch();
        let facts = appended.facts.into_iter().filter(|fact| fact.kind != kinds::EPOCH);
        for (fact, ticket) in facts.zip(tickets).collect::<Vec<_>>().into_iter().rev() {
            let body = Body { kind: fact.kind, edition: fact.edition, content: fact.content };
            self.queue_bytes += body.content.len();
            self.queue.push_front((Draft { audience: fact.audience, body }, ticket));
        }
    }

    fn has_queued_pulse(&self) -> bool {
        self.queue.iter().any(|(draft, _)| draft.body.kind == kinds::PULSE)
    }
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
        self.lane_mut(append.precedence).enqueue(draft, Some(ticket));
    }

    fn lane_mut(&mut self, lane: Precedence) -> &mut Lane {
        self.lanes.get_mut(&lane).expect("a node has four lanes")
    }

    pub(crate) fn check_append(&self, append: &Append) -> Result<(), Refusal> {
        let mine = self.me.partner();
        let audience = append.audience;
        if self.tickets.contains(append.ticket) {
            return Err(Refusal::TicketInUse);
        }
        if !audience.contains(mine) {
            return Err(Refusal::NotAMember(audience));
        }
        if !self.charter.allows(mine, &audience) {
            return Err(Refusal::UnknownAudience(audience));
        }
        if append.kind.domain() == "log" && append.kind != kinds::LINE_CHECK {
            return Err(Refusal::ReservedKind(append.kind));
        }
        let (max, got) = (base_limits::ENTRY_CONTENT_BYTES_MAX, append.content.len());
        if got > max {
            return Err(Refusal::TooLarge { max, got });
        }
        if let Level::Partners(asked) = append.level {
            let others = u8::try_from(other_partners(&audience, mine)).unwrap_or(u8::MAX);
            if asked > others {
                return Err(Refusal::LevelAboveAudience { asked, others });
            }
        }
        if self.tickets.len() >= limits::TICKETS_MAX {
            return Err(Refusal::TooManyWaiting(limits::TICKETS_MAX));
        }
        let lane = &self.lanes[&append.precedence];
        if lane.full(got) {
            let waiting = lane.queue.len();
            return Err(Refusal::QueueFull { lane: append.precedence, waiting });
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
        if !lane.full(body.content.len()) {
            lane.enqueue(Draft { audience, body }, None);
        }
    }

    /// Makes the next batch of a lane from everything that waits, unless the store still owes an
    /// answer for the one before.
    pub(crate) fn flush_lane(&mut self, precedence: Precedence, turn: &mut Turn<'_>) {
        let Self { lanes, charter, clock, .. } = self;
        let lane = lanes.get_mut(&precedence).expect("a node has four lanes");
        if lane.in_flight.is_some() || lane.queue.is_empty() {
            return;
        }
        let count = LaneWriter::fitting(lane.next_drafts(), charter).max(1);
        let (drafts, tickets): (Vec<Draft>, Vec<Option<Ticket>>) =
            lane.queue.drain(..count).unzip();
        lane.queue_bytes -= drafts.iter().map(|draft| draft.body.content.len()).sum::<usize>();
        let appended = match lane.writer.append(drafts, charter, clock, turn.now, turn.entropy) {
            Ok(appended) => appended,
            Err(error) => return self.refuse_batch(&tickets, &error, turn),
        };
        let mut writes = appended.writes(&self.secrets.storage);
        if !lane.noted {
            writes.push(self.incarnation_note.clone());
        }
        let stated = &appended.checkpoint.checkpoint;
        let mark = LogState { log: stated.log, size: stated.size, root: stated.root };
        let early = appended.draft_ids().zip(tickets.iter().copied()).collect::<Vec<_>>();
        lane.in_flight = Some(InFlight { appended, tickets });
        self.store(Purpose::Own(precedence), precedence, writes.into(), vec![mark], turn);
        if bugs::has(Bug::AcknowledgeBeforeSync) {
            for (entry, ticket) in early {
                if let Some(ticket) = ticket {
                    self.tickets.durable(ticket, entry, &[self.me], turn.out);
                }
            }
        }
    }

    /// The log crate refused a batch: only a charter with an unusable key can make it.
    fn refuse_batch(
        &mut self,
        tickets: &[Option<Ticket>],
        error: &log::Error,
        turn: &mut Turn<'_>,
    ) {
        for ticket in tickets.iter().copied().flatten() {
            self.tickets.withdraw(ticket);
            let reason = Refusal::Log(error.to_string());
            turn.out.push(Output::Refused { ticket, reason });
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

    /// The store has a batch of an own lane: it is part of the log, and may be told and sent.
    pub(crate) fn own_stored(&mut self, precedence: Precedence, turn: &mut Turn<'_>) {
        let lane = self.lanes.get_mut(&precedence).expect("a node has four lanes");
        let InFlight { appended, tickets } =
            lane.in_flight.take().expect("a lane's store operation answers its batch in flight");
        lane.writer.settle();
        lane.noted = true;
        lane.tip.settled(&appended);
        if lane.tip.renew_due {
            lane.renew_epochs();
        }
        let log = lane.log();
        lane.remember_root(appended.batch.end(), appended.checkpoint.checkpoint.root);
        lane.cache.push(appended.batch.clone());
        let answered: Vec<_> = appended.draft_ids().zip(tickets).collect();
        let evidence = self.evidence.entry(log).or_default();
        for fact in appended.facts {
            if fact.kind != kinds::PULSE {
                evidence.require(fact.id.index, &fact.audience);
            }
            tell(fact, Arrival::Live, turn);
        }
        for (entry, ticket) in answered {
            if let Some(ticket) = ticket {
                self.tickets.durable(ticket, entry, &[self.me], turn.out);
            }
        }
        self.pump_log(log, turn);
    }

    pub(crate) fn expire_tickets(&mut self, turn: &mut Turn<'_>) {
        for (ticket, entry) in self.tickets.expire(turn.elapsed) {
            let holders = entry.map_or_else(Vec::new, |entry| self.holders(&entry));
            turn.out.push(Output::Pending { ticket, entry, holders });
        }
    }

    /// Appends a pulse when one is due.
    pub(crate) fn pulse(&mut self, turn: &mut Turn<'_>) {
        if self.pulse_at.is_some_and(|at| turn.elapsed < at) {
            return;
        }
        self.pulse_at = Some(turn.elapsed + self.config.scale(self.config.pulse_every));
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
