//! Copies of other logs: partners', and this node's own of old incarnations coming back.
//!
//! A batch is verified, its entries opened, told to the fold, and written with their bodies under the
//! storage key; only what is written is reported held and cosigned.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use base::{NodeId, Timestamp};
use log::{
    Accepted, Batch, Body, Charter, Complaint, Entry, Fact, Hash, IncarnationStart, LaneMirror,
    LogHead, LogId, Observation, OpenProblem, Precedence, Pulse, RejectReason, SignedCheckpoint,
    Verified, VerifyingKey, Write, kinds,
};

use crate::api::{Arrival, CloseReason, Severity};
use crate::bugs::Bug;
use crate::counts::LogCounts;
use crate::findings::Finding;
use crate::gap::Gap;
use crate::gossip::Heard;
use crate::holes::Holes;
use crate::late::Late;
use crate::limits;
use crate::node::{Node, Purpose, Turn};
use crate::own::tell;
use crate::peer::send;
use crate::wire::Message;

/// One copy.
#[derive(Debug)]
pub(crate) struct Mirrored {
    pub(crate) mirror: LaneMirror,
    /// The key its checkpoints were verified with; nothing while there is none.
    pub(crate) key: Option<VerifyingKey>,
    /// Entries durable here without a gap.
    durable: u64,
    /// The size of the newest checkpoint stored here, above all gaps.
    stored: u64,
    /// The newest stored checkpoint.
    checkpoint: Option<Verified<SignedCheckpoint>>,
    /// The newest stored checkpoint below the first gap, while there is one.
    below: Option<Verified<SignedCheckpoint>>,
    /// What is addressed here and not held, stored or not; `holds` stays below it.
    gap: Option<Gap>,
    /// Entries below this came after a break in the line.
    backfill_below: u64,
    /// What came late.
    pub(crate) late: Late,
    pending: VecDeque<Taken>,
    pending_bytes: usize,
    storing: Option<Taken>,
    /// Roots of the newest checkpoints, by size.
    roots: BTreeMap<u64, Hash>,
    /// Up to where each other node witnessed the very same log.
    cross_checked: BTreeMap<NodeId, u64>,
    /// Its entries by audience.
    pub(crate) counts: LogCounts,
    /// What others witnessed, to be passed on.
    pub(crate) heard: Heard,
    /// Witnessed by others, further than this copy.
    ahead: BTreeMap<NodeId, SignedCheckpoint>,
    told_size: u64,
    /// The size of the checkpoint below the gap that other nodes were shown last.
    shown_below: u64,
    /// Up to where the part below the first gap came, and since when it has not gone on.
    filling: Option<(u64, Timestamp)>,
    /// What the origin's pulse listed, and since when this copy has been behind it.
    behind: Option<(u64, Timestamp)>,
    wanted: Option<(u64, Timestamp)>,
    complained: bool,
    /// What an old own log still lacks.
    pub(crate) holes: Holes,
}

/// A batch that was taken and is on its way into the store.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Entries without a gap, with it.
    pub(crate) size: u64,
    /// The size of the newest checkpoint, with it.
    pub(crate) newest: u64,
    pub(crate) bytes: usize,
    pub(crate) checkpoint: Verified<SignedCheckpoint>,
    /// The newest checkpoint among those that filled a gap.
    pub(crate) below: Option<Verified<SignedCheckpoint>>,
    pub(crate) writes: Vec<Write>,
}

impl Taken {
    /// What was taken before this, to be stored with it.
    fn after(&mut self, before: Self) {
        self.bytes += before.bytes;
        if before.checkpoint.checkpoint.size > self.checkpoint.checkpoint.size {
            self.checkpoint = before.checkpoint;
        }
        self.below = self.below.take().or(before.below);
    }
}

impl Mirrored {
    pub(crate) fn new(mirror: LaneMirror) -> Self {
        Self {
            durable: mirror.head().size(),
            stored: mirror.head().newest(),
            mirror,
            key: None,
            checkpoint: None,
            below: None,
            gap: None,
            backfill_below: 0,
            late: Late::default(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            storing: None,
            roots: BTreeMap::new(),
            cross_checked: BTreeMap::new(),
            counts: LogCounts::default(),
            heard: Heard::default(),
            ahead: BTreeMap::new(),
            told_size: 0,
            shown_below: 0,
            filling: None,
            behind: None,
            wanted: None,
            complained: false,
            holes: Holes::default(),
        }
    }

    pub(crate) const fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) const fn mirror(&self) -> &LaneMirror {
        &self.mirror
    }

    /// The size of the newest checkpoint durable here, above all gaps.
    pub(crate) const fn newest_durable(&self) -> u64 {
        self.stored
    }

    /// Entries verified, durable or not, without a gap.
    pub(crate) const fn received(&self) -> u64 {
        self.mirror.head().size()
    }

    /// The size of the newest checkpoint verified, durable or not, above all gaps.
    pub(crate) fn newest(&self) -> u64 {
        self.mirror.head().newest()
    }

    /// The logged time of the newest entry seen here.
    pub(crate) fn newest_stamp(&self) -> Timestamp {
        let head = self.mirror.head();
        head.jumps.last().map_or(head.done.logged, |jump| jump.live.logged)
    }

    /// The parts that are missing below the newest checkpoint, ascending.
    pub(crate) fn missing(&self) -> Vec<Range<u64>> {
        self.mirror.head().gaps().collect()
    }

    /// Whether the entry at `index` is durable here, be it above a gap.
    pub(crate) fn has_durable(&self, index: u64) -> bool {
        let above = self.mirror.head().islands().any(|part| part.contains(&index));
        index < self.durable || (above && index < self.stored)
    }

    pub(crate) const fn checkpoint(&self) -> Option<&Verified<SignedCheckpoint>> {
        self.checkpoint.as_ref()
    }

    /// The newest stored checkpoint below the first gap, if there is a gap and everything up to that
    /// checkpoint that is addressed here is held.
    pub(crate) fn checkpoint_below(&self) -> Option<&Verified<SignedCheckpoint>> {
        let held = |size: u64| size <= self.durable && self.gap.is_none_or(|gap| size <= gap.first);
        self.below.as_ref().filter(|checkpoint| held(checkpoint.checkpoint.size))
    }

    /// Whether every stored entry addressed here opened and is held, up to the newest checkpoint.
    pub(crate) const fn holds_all(&self) -> bool {
        let open = match self.gap {
            None => true,
            Some(gap) => self.durable <= gap.first,
        };
        open && self.durable == self.stored
    }

    /// What is held and stored above all gaps.
    pub(crate) fn held_above_gap(&self) -> Option<Range<u64>> {
        let unopened = self.gap.map(|gap| gap.end);
        let jumped = self.mirror.head().jumps.last().map(|jump| jump.start.size());
        if jumped.is_none() && self.durable < self.stored {
            return None;
        }
        let from = unopened.max(jumped)?;
        (from < self.stored).then_some(from..self.stored)
    }

    /// The first entry that came as a hash because its sender lacked it.
    pub(crate) fn unseen(&self) -> Option<u64> {
        self.gap.and_then(|gap| gap.unseen)
    }

    /// The first entry that is missing or does not open.
    pub(crate) fn first_missing(&self) -> Option<u64> {
        let missing = self.mirror.head().gaps().next().map(|gap| gap.start);
        let unopened = self.gap.map(|gap| gap.first);
        missing.into_iter().chain(unopened).min()
    }

    pub(crate) const fn cross_checked(&self) -> &BTreeMap<NodeId, u64> {
        &self.cross_checked
    }

    /// A copy as it was stored: its newest checkpoint, or that below its first gap.
    pub(crate) fn restore_checkpoint(&mut self, checkpoint: Verified<SignedCheckpoint>) {
        self.remember(&checkpoint);
        let stated = &checkpoint.checkpoint;
        let place = if stated.size == self.stored { &mut self.checkpoint } else { &mut self.below };
        *place = Some(checkpoint);
    }

    /// A stored checkpoint, to be compared with what others hold.
    pub(crate) fn remember(&mut self, checkpoint: &SignedCheckpoint) {
        self.mirror.remember(checkpoint);
        self.remember_root(checkpoint.checkpoint.size, checkpoint.checkpoint.root);
    }

    /// Remembers the key it stands under, which stays the same for all of it.
    pub(crate) fn stand_under(&mut self, charter: &Charter) {
        if self.key.is_none() {
            self.key = charter.log_key(&self.mirror.log(), 0);
        }
    }

    /// Puts on its way into the store what was taken.
    pub(crate) fn queue(&mut self, taken: Taken) {
        self.pending_bytes += taken.bytes;
        let stated = &taken.checkpoint.checkpoint;
        self.remember_root(stated.size, stated.root);
        self.pending.push_back(taken);
    }

    /// Whether so many more bytes may wait for the store.
    pub(crate) const fn has_room(&self, bytes: usize) -> bool {
        self.pending_bytes + bytes <= limits::MIRROR_PENDING_BYTES_MAX
    }

    pub(crate) fn add_gap(&mut self, gap: Option<Gap>) {
        self.gap = Gap::join(self.gap, gap);
    }

    /// The size to tell `peer` that greets: what is verified, from where it goes on, or less where it
    /// may still fill something.
    pub(crate) fn size_to_tell(&self, peer: NodeId) -> u64 {
        self.holes.first_for(peer, self.received()).unwrap_or_else(|| self.received())
    }

    /// The newest checkpoint, if other nodes have not been told of it.
    pub(crate) fn news_to_cross_check(&mut self) -> Option<Verified<SignedCheckpoint>> {
        if self.told_size >= self.stored {
            return None;
        }
        self.told_size = self.stored;
        self.checkpoint.clone()
    }

    /// The newest checkpoint below a gap, if other nodes have not been shown it. Nothing says that what
    /// stands above extends it, so it is not witnessed: who holds another one of its size finds out.
    pub(crate) fn news_below(&mut self) -> Option<Verified<SignedCheckpoint>> {
        let below = self.below.as_ref()?;
        let size = below.checkpoint.size;
        (std::mem::replace(&mut self.shown_below, size) != size).then(|| below.clone())
    }

    /// Other nodes are to be told of the newest checkpoint again: a line may have swallowed it.
    pub(crate) const fn cross_check_again(&mut self) {
        self.told_size = 0;
        self.shown_below = 0;
    }

    /// `by` witnessed the very same log up to `size`.
    pub(crate) fn confirm(&mut self, by: NodeId, size: u64) {
        let known = self.cross_checked.entry(by).or_insert(0);
        *known = (*known).max(size);
    }

    /// `by` witnessed a checkpoint this copy has not come to.
    pub(crate) fn confirm_later(&mut self, by: NodeId, checkpoint: SignedCheckpoint) {
        self.ahead.insert(by, checkpoint);
    }

    /// What others witnessed and this copy has now come to.
    fn reached(&mut self) -> Vec<(NodeId, SignedCheckpoint)> {
        let size = self.mirror.head().newest();
        let ripe: Vec<NodeId> = self
            .ahead
            .iter()
            .filter(|(_, checkpoint)| checkpoint.checkpoint.size <= size)
            .map(|(by, _)| *by)
            .collect();
        ripe.into_iter().filter_map(|by| Some((by, self.ahead.remove(&by)?))).collect()
    }

    /// The origin had `size` entries when the line came up.
    pub(crate) fn expect_backfill(&mut self, size: u64) {
        self.backfill_below = self.backfill_below.max(size);
    }

    /// Takes what is being stored for stored, as a planted fault has it.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn count_as_stored(&mut self) {
        if let Some(storing) = &self.storing {
            self.durable = storing.size;
            self.stored = storing.newest;
            self.checkpoint = Some(storing.checkpoint.clone());
        }
    }

    /// The root held here at `size`, if it is remembered.
    pub(crate) fn root_at(&self, size: u64) -> Option<&Hash> {
        self.roots.get(&size)
    }

    fn remember_root(&mut self, size: u64, root: Hash) {
        self.roots.insert(size, root);
        if self.roots.len() > limits::CHECKPOINTS_KEPT_MAX {
            self.roots.pop_first();
        }
    }
}

impl Node {
    /// A batch came.
    pub(crate) fn on_batch(
        &mut self,
        peer: NodeId,
        complete: bool,
        bytes: &Arc<[u8]>,
        turn: &mut Turn<'_>,
    ) {
        let log = match Batch::log_of(bytes) {
            Ok(log) => log,
            Err(error) => return self.refuse_batch_of(peer, &peer, error.to_string(), turn),
        };
        if self.is_own_lane(&log) {
            return self.warn_of_own_fork(log, peer, turn);
        }
        if let Err(message) = self.admit(peer, log) {
            return self.refuse_batch_of(peer, &log, message, turn);
        }
        if self.is_suspended(&log) {
            self.counters.batches_refused += 1;
            return self.keep_apart(peer, log, bytes, turn);
        }
        self.fold_if_planted(Bug::FoldUnverified, bytes, turn);
        let copy = self.copies.get_mut(&log).expect("`admit` made the copy");
        if !copy.has_room(bytes.len()) {
            self.counters.overflow += 1;
            return;
        }
        match copy.mirror.accept(bytes.clone(), &self.charter) {
            Ok(accepted) => self.take(peer, complete, accepted, turn),
            Err(reason) => self.not_taken(peer, log, bytes, reason, turn),
        }
    }

    /// Whether `peer` may send this log; starts a copy of one that is new.
    pub(crate) fn admit(&mut self, peer: NodeId, log: LogId) -> Result<(), String> {
        if log.node != peer && log.node != self.me {
            return Err(format!(
                "expected a log of {peer} or {}, got one of {}",
                self.me, log.node
            ));
        }
        if self.copies.contains_key(&log) {
            return Ok(());
        }
        if self.lanes.get(&log.lane).is_some_and(|lane| lane.log() == log) {
            return Err(format!(
                "expected no more of {log} than this node wrote, got a batch of it"
            ));
        }
        if self.charter.node(log.node).is_none() {
            return Err(format!("expected a node of the charter, got {}", log.node));
        }
        let siblings =
            self.copies.keys().filter(|known| known.node == log.node && known.lane == log.lane);
        if siblings.count() >= limits::INCARNATIONS_MAX {
            let max = limits::INCARNATIONS_MAX;
            return Err(format!("expected at most {max} incarnations of a lane, got another"));
        }
        let (realm, partner) = (self.charter.realm().clone(), self.me.partner());
        let copy = Mirrored::new(LaneMirror::new(realm, partner, LogHead::start(log)));
        self.copies.insert(log, copy);
        Ok(())
    }

    fn not_taken(
        &mut self,
        peer: NodeId,
        log: LogId,
        bytes: &Arc<[u8]>,
        reason: RejectReason,
        turn: &mut Turn<'_>,
    ) {
        let newest = self.copies[&log].newest();
        let is_overlap = matches!(reason, RejectReason::Overlap { .. });
        match reason {
            RejectReason::Duplicate { .. } => {
                self.counters.duplicates += 1;
                self.fold_if_planted(Bug::FoldTwice, bytes, turn);
                self.again(peer, log, bytes, turn);
            }
            RejectReason::Gap { have, .. } | RejectReason::Overlap { have, .. } => {
                self.counters.gaps += 1;
                self.hold_over_gap_if_planted(peer, bytes, turn);
                self.want(peer, log, have, turn);
                // A log's own node has one set of batches.
                if is_overlap && log.node == peer {
                    self.keep_apart(peer, log, bytes, turn);
                }
            }
            RejectReason::Equivocation(proof) => {
                self.convict(*proof, peer, turn);
                self.keep_apart(peer, log, bytes, turn);
            }
            reason if reason.is_fault() => {
                self.refuse_batch_of(peer, &log, reason.to_string(), turn);
                // Leaves that do not continue the copy under a true signature: what its node signed of the
                // size held here shows whether it tells another history.
                let other = matches!(reason, RejectReason::Root { .. });
                let from = if other { newest.saturating_sub(1) } else { newest };
                self.want(peer, log, from, turn);
            }
            reason => self.warn("charter", &log, reason.to_string(), turn),
        }
    }

    /// A batch that is here already came again.
    fn again(&mut self, peer: NodeId, log: LogId, bytes: &Arc<[u8]>, turn: &mut Turn<'_>) {
        if log.node != self.me {
            return self.report_held(peer, log, turn);
        }
        self.fill_holes(peer, log, bytes, turn);
        let size = self.copies[&log].holes.returned_by(peer).min(self.copies[&log].durable);
        if size > 0 && self.is_greeted(peer) {
            send(peer, log.lane, &Message::Held { log, size }, turn);
        }
    }

    pub(crate) fn refuse_batch_of(
        &mut self,
        peer: NodeId,
        source: &impl ToString,
        message: String,
        turn: &mut Turn<'_>,
    ) {
        self.counters.batches_refused += 1;
        self.warn("batch", source, message, turn);
        self.refuse_frame(peer, turn);
    }

    /// Counts a refused frame against the connection, which ends when there were too many.
    pub(crate) fn refuse_frame(&mut self, peer: NodeId, turn: &mut Turn<'_>) {
        let session = self.peers.get_mut(&peer).and_then(|peer| peer.session.as_mut());
        let Some(session) = session else { return };
        session.refusals += 1;
        if session.refusals > limits::REFUSALS_MAX {
            self.close(peer, CloseReason::TooManyRefusals, turn);
        }
    }

    /// Opens what a verified batch carries, tells it, and puts it on its way into the store.
    fn take(&mut self, peer: NodeId, complete: bool, accepted: Accepted, turn: &mut Turn<'_>) {
        let Accepted { batch, entries, checkpoint, head, backfill } = accepted;
        let log = batch.log();
        let mut gap = if complete { None } else { Gap::of_hidden(&batch) };
        let mut writes = vec![Write::Batch(batch.clone()), Write::Head(head)];
        let mut opened: Vec<(u64, Body)> = Vec::with_capacity(entries.len());
        let mut headers = Vec::with_capacity(entries.len());
        let mut unopened = BTreeSet::new();
        for entry in entries {
            self.check_stamp(&entry, turn);
            let index = entry.id().index;
            match self.ring.open(&entry) {
                Ok(body) => {
                    opened.push((index, body));
                    headers.push(entry);
                }
                Err(problem) => {
                    gap = Gap::join(gap, Some(Gap::at(index)));
                    unopened.insert(index);
                    writes.extend(self.complain(&entry, &problem, turn));
                }
            }
        }
        if !opened.is_empty() {
            let wrapped = self.secrets.storage.wrap(batch.first(), &checkpoint.checkpoint, &opened);
            writes.push(Write::Bodies { log, end: batch.end(), wrapped });
        }
        let held_up = self.is_held_up(&batch, turn);
        let copy = self.copies.get_mut(&log).expect("a batch was taken by its copy");
        copy.stand_under(&self.charter);
        copy.counts.take(&batch);
        let late = backfill || (held_up && batch.end() <= copy.backfill_below);
        let arrival = if late { Arrival::Backfilled } else { Arrival::Live };
        if late {
            copy.late.add(batch.first()..batch.end());
        }
        if gap.is_some() {
            copy.add_gap(gap);
            writes.extend(copy.gap.map(|gap| gap.note(&log)));
        }
        let bytes = batch.as_bytes().len();
        if log.node == self.me {
            copy.holes.note(&batch, unopened);
            copy.holes.returned(peer, &batch);
        }
        let (size, newest) = (copy.received(), copy.newest());
        let below = backfill.then(|| checkpoint.clone());
        copy.queue(Taken { size, newest, bytes, checkpoint, below, writes });
        for (entry, (_, body)) in headers.iter().zip(opened) {
            self.notice(peer, entry, &body, turn);
            tell(Fact::new(entry, body), arrival, turn);
        }
        if log.node == self.me {
            self.open_filled(log, turn);
        }
        self.store_copy(log, turn);
        self.check_ahead(log, turn);
        self.compare_counts_ahead(log, turn);
    }

    /// Whether all of a batch is older than what makes a line late: a shorter break was none.
    fn is_held_up(&self, batch: &Batch, turn: &Turn<'_>) -> bool {
        let newest = batch.entries().last().map(|entry| entry.header().logged);
        newest.is_none_or(|logged| turn.now - logged >= self.config.scale(limits::LATE_AFTER))
    }

    fn check_stamp(&mut self, entry: &Verified<Entry>, turn: &mut Turn<'_>) {
        let logged = entry.header().logged;
        let slack = self.config.clock_slack();
        if self.clock.observe(logged, turn.now + slack) {
            let log = entry.id().log;
            let message =
                format!("expected stamps near {}, got entry {} at {logged}", turn.now, entry.id());
            let hint = Some("compare the clocks of both nodes with a reference");
            let severity = Severity::Warning;
            let source = log.node.to_string();
            self.finding(Finding { topic: "clock", severity, source, message, hint }, turn);
        }
    }

    /// What to write, and once per log to say, about an entry that does not open.
    fn complain(
        &mut self,
        entry: &Verified<Entry>,
        problem: &OpenProblem,
        turn: &mut Turn<'_>,
    ) -> Option<Write> {
        self.counters.unopened += 1;
        let id = entry.id();
        self.warn("open", &id.log, format!("entry {id}: {problem}"), turn);
        let complaint = Complaint::new(id, *entry.leaf_hash(), problem)?;
        let copy = self.copies.get_mut(&id.log).expect("entries come from a copy");
        if !std::mem::replace(&mut copy.complained, true) {
            self.append_own(Precedence::Immediate, complaint.to_body());
        }
        Some(Write::Complaint { by: self.me, complaint })
    }

    /// Reads what nodes say about logs themselves.
    fn notice(&mut self, peer: NodeId, entry: &Verified<Entry>, body: &Body, turn: &mut Turn<'_>) {
        let origin = entry.id().log.node;
        if body.kind == kinds::PULSE {
            if let Ok(pulse) = Pulse::read(&body.content) {
                self.compare_pulse(peer, origin, &pulse, turn);
            }
        } else if body.kind == kinds::INCARNATION {
            if let Ok(start) = IncarnationStart::read(&body.content) {
                let message = format!("{origin} began a new incarnation: {:?}", start.cause);
                let (severity, source) = (Severity::Info, origin.to_string());
                let topic = "incarnation";
                self.finding(Finding { topic, severity, source, message, hint: None }, turn);
            }
        } else if body.kind == kinds::COMPLAINT
            && let Ok(complaint) = Complaint::read(&body.content)
            && complaint.entry.log.node == self.me
        {
            let message = format!(
                "expected entry {} to open at {origin}, got a complaint: {:?}",
                complaint.entry, complaint.reason
            );
            let (severity, source) = (Severity::Error, origin.to_string());
            let topic = "complaint";
            self.finding(Finding { topic, severity, source, message, hint: None }, turn);
            let writes = [Write::Complaint { by: origin, complaint }];
            self.store(Purpose::Note, Precedence::Routine, writes.into(), Vec::new(), turn);
        }
    }

    /// Holds a pulse against the copies of the same node's lanes.
    fn compare_pulse(&mut self, peer: NodeId, origin: NodeId, pulse: &Pulse, turn: &mut Turn<'_>) {
        for state in &pulse.logs {
            if state.log.node != origin || origin != peer {
                continue;
            }
            if self.admit(peer, state.log).is_err() {
                continue;
            }
            let copy = self.copies.get_mut(&state.log).expect("`admit` made the copy");
            if copy.newest() < state.size {
                let since = copy.behind.map_or(turn.elapsed, |(_, since)| since);
                copy.behind = Some((state.size, since));
                continue;
            }
            copy.behind = None;
            if let Some(root) = copy.root_at(state.size)
                && *root != state.root
            {
                let message = format!(
                    "expected {origin}'s pulse to list the root of {} at {}, got another",
                    state.log, state.size
                );
                let (severity, source) = (Severity::Error, origin.to_string());
                let hint = Some("speak to the partner: its node contradicts itself");
                let topic = "pulse";
                self.finding(Finding { topic, severity, source, message, hint }, turn);
            }
        }
    }

    /// Writes what waits of a copy, one operation at a time.
    pub(crate) fn store_copy(&mut self, log: LogId, turn: &mut Turn<'_>) {
        let copy = self.copies.get_mut(&log).expect("only copies are stored here");
        if copy.storing.is_some() || copy.pending.is_empty() {
            return;
        }
        let mut writes = Vec::new();
        let mut last: Option<Taken> = None;
        for mut taken in copy.pending.drain(..) {
            writes.append(&mut taken.writes);
            if let Some(before) = last.take() {
                taken.after(before);
            }
            last = Some(taken);
        }
        writes.extend(copy.late.note(&log));
        copy.storing = last;
        self.store(Purpose::Mirror(log), log.lane, writes.into(), Vec::new(), turn);
        self.cosign_early_if_planted(log, turn);
    }

    /// The store has more of a copy: it is held, and may be cosigned and passed on.
    pub(crate) fn mirror_stored(&mut self, log: LogId, turn: &mut Turn<'_>) {
        let Some(copy) = self.copies.get_mut(&log) else { return };
        let stored = copy.storing.take().expect("an operation answers what is being stored");
        copy.durable = stored.size;
        copy.stored = stored.newest;
        copy.pending_bytes -= stored.bytes;
        if stored.checkpoint.checkpoint.size == stored.newest {
            copy.checkpoint = Some(stored.checkpoint);
        }
        // Where the gap has closed the newest checkpoint says it all.
        copy.below = stored.below.or(copy.below.take());
        copy.below = copy.below.take().filter(|_| stored.size < stored.newest);
        if log.node == self.me {
            self.report_returned(log, turn);
            self.store_filled(log, turn);
        } else {
            self.report_held(log.node, log, turn);
            self.cosign(log, turn);
        }
        self.store_copy(log, turn);
        self.pump_log(log, turn);
    }

    /// Confirms what other nodes witnessed once this copy has come to it.
    pub(crate) fn check_ahead(&mut self, log: LogId, turn: &mut Turn<'_>) {
        let copy = self.copies.get_mut(&log).expect("a batch was taken by its copy");
        for (by, checkpoint) in copy.reached() {
            let size = checkpoint.checkpoint.size;
            let copy = self.copies.get_mut(&log).expect("copies stay");
            match copy.mirror.observe(checkpoint, &self.charter) {
                Ok(Observation::Confirmed) => copy.confirm(by, size),
                Err(RejectReason::Equivocation(proof)) => self.convict(*proof, by, turn),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Tells each peer that returns an old own log how much of its copy is durable here.
    fn report_returned(&mut self, log: LogId, turn: &mut Turn<'_>) {
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            let copy = &self.copies[&log];
            let size = copy.holes.returned_by(peer).min(copy.durable);
            if size > 0 && self.is_greeted(peer) {
                send(peer, log.lane, &Message::Held { log, size }, turn);
            }
        }
    }

    pub(crate) fn report_held(&mut self, peer: NodeId, log: LogId, turn: &mut Turn<'_>) {
        if !self.is_greeted(peer) {
            return;
        }
        if let Some(size) = self.durable_size(&log).filter(|size| *size > 0) {
            send(peer, log.lane, &Message::Held { log, size }, turn);
        }
        self.report_above(peer, log, turn);
    }

    /// Asks for a log from `from`, not too often for the same part.
    pub(crate) fn want(&mut self, peer: NodeId, log: LogId, from: u64, turn: &mut Turn<'_>) {
        let every = self.config.scale(limits::WANT_EVERY);
        let Some(copy) = self.copies.get_mut(&log) else { return };
        let asked = copy.wanted;
        if asked.is_some_and(|(index, at)| index == from && turn.elapsed - at < every) {
            return;
        }
        copy.wanted = Some((from, turn.elapsed));
        if self.is_greeted(peer) {
            send(peer, log.lane, &Message::Want { log, from }, turn);
        }
    }

    /// Asks for logs that stay behind what their origin's pulse lists, and for what fills a gap and stopped
    /// coming.
    pub(crate) fn ask_for_what_is_behind(&mut self, turn: &mut Turn<'_>) {
        let patience = self.config.scale(limits::BEHIND_AFTER);
        let mut wanted = Vec::new();
        let suspended = self.suspended_logs();
        for (log, copy) in self.copies.iter_mut().filter(|(log, _)| !suspended.contains(log)) {
            let Some((size, since)) = copy.behind else { continue };
            if copy.newest() >= size {
                copy.behind = None;
            } else if turn.elapsed - since >= patience {
                copy.behind = Some((size, turn.elapsed));
                wanted.push((*log, copy.newest()));
            }
        }
        let patience = self.config.scale(limits::GAP_ASK_AFTER);
        for (log, copy) in self.copies.iter_mut().filter(|(log, _)| !suspended.contains(log)) {
            let size = copy.received();
            if log.node == self.me || copy.newest() == size {
                copy.filling = None;
                continue;
            }
            let since = copy.filling.filter(|(at, _)| *at == size).map(|(_, since)| since);
            let overdue = since.is_some_and(|since| turn.elapsed - since >= patience);
            if overdue {
                wanted.push((*log, size));
            }
            let since = since.filter(|_| !overdue).unwrap_or(turn.elapsed);
            copy.filling = Some((size, since));
        }
        for (log, from) in wanted {
            self.want(log.node, log, from, turn);
        }
    }
}
