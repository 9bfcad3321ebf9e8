//! Other histories of logs whose node signed two: kept apart within limits, and told as contested.
//!
//! A batch that contradicts what is held here is no part of the copy. It is verified like any, from the
//! place where it begins: the tree there is that of the copy, read back from the store, or that of a
//! batch kept apart before. What goes on beyond all that is held is not taken: the log is suspended.
//! A batch whose bounds do not fit those of the copy is verified the same way before anything is proven:
//! its leaves tell whether its node signed two histories, though never two roots of one size.
//! Nothing of it is cosigned, acknowledged, counted or passed on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base::NodeId;
use log::{
    Apart, Batch, Body, Cursor, EpochRing, Fact, Hash, LogId, OpenProblem, Precedence,
    RejectReason, Verified,
};

use crate::api::{Arrival, Op, Severity};
use crate::findings::Finding;
use crate::limits;
use crate::node::{LoadPurpose, LoadTask, Node, Purpose, Turn};
use crate::own::tell;

/// What is kept apart, and what waits to be.
#[derive(Debug)]
pub(crate) struct KeptApart {
    /// Keys of the other histories; those of a common beginning are in the node's own ring.
    ring: EpochRing,
    logs: BTreeMap<LogId, Kept>,
    /// Batches whose beginning is not found yet.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    reading: Option<Reading>,
}

/// Of one log.
#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    /// Size and root of every batch.
    known: BTreeSet<(u64, Hash)>,
    /// Where the batches end.
    ends: Vec<Cursor>,
    /// How often its copy was read from the start.
    reads: u32,
    /// Whether the operator was told that something did not fit.
    told_full: bool,
}

#[derive(Debug)]
struct Waiting {
    peer: NodeId,
    batch: Batch,
}

/// A copy on its way through the store, up to where a batch begins.
#[derive(Debug)]
struct Reading {
    log: LogId,
    at: Cursor,
    op: Option<Op>,
}

impl KeptApart {
    pub(crate) const fn new(ring: EpochRing) -> Self {
        Self {
            ring,
            logs: BTreeMap::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            reading: None,
        }
    }

    fn note(&mut self, apart: &Apart) {
        let stated = &apart.batch().checkpoint().checkpoint;
        let kept = self.logs.entry(stated.log).or_default();
        if kept.known.insert((stated.size, stated.root)) {
            kept.bytes += apart.batch().as_bytes().len();
            kept.ends.push(apart.end());
        }
    }

    fn has_room(&self, log: &LogId, bytes: usize) -> bool {
        match self.logs.get(log) {
            Some(kept) => kept.bytes + bytes <= limits::APART_BYTES_MAX,
            None => self.logs.len() < limits::APART_LOGS_MAX,
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front()?;
        self.waiting_bytes -= next.batch.as_bytes().len();
        Some(next)
    }
}

/// What a read from the store says of the place a batch begins at.
enum Place {
    /// The copy is this far and goes on.
    Before,
    /// The history the batch continues, if it does.
    Found(Cursor),
    /// The batch is one of the copy itself.
    Same,
    /// The copy lacks the place.
    Absent,
}

impl Node {
    /// A batch of a suspended log came, or one whose bounds are not those of the copy: kept apart if it
    /// tells other things of places held here.
    pub(crate) fn keep_apart(
        &mut self,
        peer: NodeId,
        log: LogId,
        bytes: &Arc<[u8]>,
        turn: &mut Turn<'_>,
    ) {
        let Some(copy) = self.copies.get(&log) else { return };
        let Ok(batch) = Batch::parse(bytes.clone()) else { return };
        let stated = &batch.checkpoint().checkpoint;
        let place = (stated.size, stated.root);
        let kept = self.apart.logs.get(&log);
        let known = copy.root_at(stated.size) == Some(&stated.root)
            || kept.is_some_and(|kept| kept.known.contains(&place))
            || self.apart.waiting.iter().any(|waiting| waiting.batch.as_bytes() == bytes);
        if known || batch.first() >= copy.newest() {
            return;
        }
        let waiting = self.apart.waiting_bytes + bytes.len();
        if !self.apart.has_room(&log, bytes.len()) || waiting > limits::APART_WAITING_BYTES_MAX {
            return self.tell_full(log, turn);
        }
        self.apart.waiting_bytes = waiting;
        self.apart.waiting.push_back(Waiting { peer, batch });
        self.tend_apart(turn);
    }

    fn tell_full(&mut self, log: LogId, turn: &mut Turn<'_>) {
        self.counters.overflow += 1;
        let Some(kept) = self.apart.logs.get_mut(&log) else { return };
        if !std::mem::replace(&mut kept.told_full, true) {
            let max = limits::APART_BYTES_MAX;
            let message = format!(
                "expected at most {max} bytes of other histories of {log}, got more; what is kept stays"
            );
            self.warn("apart full", &log, message, turn);
        }
    }

    /// Verifies what waits; reads a copy where the place a batch begins at is not known.
    fn tend_apart(&mut self, turn: &mut Turn<'_>) {
        while let Some(next) = self.apart.waiting.front() {
            if self.apart.reading.as_ref().is_some_and(|reading| reading.op.is_some()) {
                return;
            }
            let (log, first) = (next.batch.log(), next.batch.first());
            let ends = self.apart.logs.get(&log).map_or(&[][..], |kept| &kept.ends);
            let ends: Vec<Cursor> =
                ends.iter().filter(|end| end.frontier.size() == first).cloned().collect();
            if ends.iter().any(|end| self.take_next(end, turn).is_ok()) {
                continue;
            }
            if !self.read_on(log, first, turn) {
                self.drop_next("the copy was not read that far", turn);
            }
        }
    }

    /// Reads on toward where the first of those that wait begins, if it may.
    fn read_on(&mut self, log: LogId, first: u64, turn: &mut Turn<'_>) -> bool {
        let going = self.apart.reading.take();
        let going =
            going.filter(|reading| reading.log == log && reading.at.frontier.size() <= first);
        let at = if let Some(reading) = going {
            reading.at
        } else {
            let kept = self.apart.logs.entry(log).or_default();
            kept.reads += 1;
            if kept.reads > limits::APART_READS_MAX {
                return false;
            }
            Cursor::START
        };
        let task = LoadTask { peer: log.node, log, purpose: LoadPurpose::Apart };
        let op = Some(self.load(task, at.frontier.size(), turn));
        self.apart.reading = Some(Reading { log, at, op });
        true
    }

    /// The store answered a read of a copy.
    pub(crate) fn apart_loaded(&mut self, op: Op, batches: &[Batch], turn: &mut Turn<'_>) {
        let KeptApart { reading, waiting, .. } = &mut self.apart;
        let Some(reading) = reading.as_mut().filter(|reading| reading.op == Some(op)) else {
            return;
        };
        reading.op = None;
        let log = reading.log;
        let Some(next) = waiting.front().filter(|next| next.batch.log() == log) else { return };
        match read_through(&mut reading.at, batches, &next.batch) {
            Place::Before => {
                let first = next.batch.first();
                self.read_on(log, first, turn);
                return;
            }
            Place::Found(start) => {
                if let Err(reason) = self.take_next(&start, turn) {
                    self.drop_next(&reason.to_string(), turn);
                }
            }
            Place::Same => drop(self.apart.pop()),
            Place::Absent => self.drop_next("the copy here lacks that place", turn),
        }
        self.tend_apart(turn);
    }

    fn drop_next(&mut self, why: &str, turn: &mut Turn<'_>) {
        let Some(Waiting { peer, batch }) = self.apart.pop() else { return };
        self.counters.batches_refused += 1;
        let (first, log) = (batch.first(), batch.log());
        let message = format!("{peer} sent another history of {log} from entry {first}: {why}");
        self.warn("apart", &log, message, turn);
    }

    /// Takes the first of those that wait, if it continues `start`.
    fn take_next(&mut self, start: &Cursor, turn: &mut Turn<'_>) -> Result<(), RejectReason> {
        let next = self.apart.waiting.front().expect("the caller saw one");
        let log = next.batch.log();
        let copy = self.copies.get(&log).expect("copies stay");
        let bytes = next.batch.as_bytes().clone();
        let mut apart = copy.mirror().verify_apart(bytes, start, &self.charter)?;
        let proof = copy.mirror().contradicted_by(&apart, &self.charter);
        let Some(Waiting { peer, .. }) = self.apart.pop() else { return Ok(()) };
        if !self.is_suspended(&log) {
            // Without a proof it is the history held here, in other batches.
            let Some(proof) = proof else { return Ok(()) };
            self.convict(*proof, peer, turn);
            if !self.is_suspended(&log) {
                return Ok(());
            }
        }
        let opened = self.open_apart(&apart);
        let bodies: Vec<(u64, Body)> =
            opened.iter().map(|(entry, body)| (entry.id().index, body.clone())).collect();
        apart.keep_bodies(&self.secrets.storage, &bodies);
        self.apart.note(&apart);
        let first = apart.batch().first();
        let message = format!("another history of {log}, from entry {first} on, is kept apart");
        let hint = Some("`watchfire evidence` shows both");
        let (severity, source) = (Severity::Warning, log.to_string());
        self.finding(Finding { topic: "apart", severity, source, message, hint }, turn);
        self.store(Purpose::Note, Precedence::Routine, [apart.note()].into(), Vec::new(), turn);
        for (entry, body) in opened {
            tell(Fact::new(&entry, body), Arrival::Apart, turn);
        }
        Ok(())
    }

    /// The bodies that open, by the keys of the other histories or of the common beginning.
    fn open_apart(&mut self, apart: &Apart) -> Vec<(Verified<log::Entry>, Body)> {
        let Self { apart: KeptApart { ring, .. }, ring: common, .. } = self;
        let open = |entry: Verified<log::Entry>| {
            let body = match ring.open(&entry) {
                // A key's own entry is never learned for the copy.
                Err(OpenProblem::UnknownEpoch { .. }) => common.open(&entry),
                result => result,
            };
            body.ok().map(|body| (entry, body))
        };
        apart.entries().filter_map(open).collect()
    }

    /// What the store keeps apart is known and told again.
    pub(crate) fn restore_apart(
        &mut self,
        kept: &[Apart],
        turn: &mut Turn<'_>,
    ) -> Result<(), log::Error> {
        for apart in kept {
            self.apart.note(apart);
            for entry in apart.entries() {
                self.apart.ring.defer(&entry);
            }
            for fact in apart.facts(&self.secrets.storage)? {
                tell(fact, Arrival::Apart, turn);
            }
        }
        Ok(())
    }
}

/// Moves `at` through stored batches toward where `sought` begins.
fn read_through(at: &mut Cursor, batches: &[Batch], sought: &Batch) -> Place {
    let first = sought.first();
    for batch in batches {
        let size = at.frontier.size();
        if batch.end() <= size {
            continue;
        }
        if batch.first() != size {
            break;
        }
        if batch.end() <= first {
            batch.extend(&mut at.frontier);
            at.logged = last_logged(batch, batch.end()).unwrap_or(at.logged);
            continue;
        }
        let same = batch.end() == sought.end()
            && batch.checkpoint().checkpoint.root == sought.checkpoint().checkpoint.root;
        if same {
            return Place::Same;
        }
        let mut start = at.clone();
        if size < first {
            let Some(leaves) = batch.leaf_hashes(size) else { return Place::Absent };
            let before = usize::try_from(first - size).unwrap_or(usize::MAX);
            leaves.into_iter().take(before).for_each(|leaf| start.frontier.push(leaf));
            start.logged = last_logged(batch, first).unwrap_or(start.logged);
        }
        return Place::Found(start);
    }
    let size = at.frontier.size();
    match batches.last() {
        Some(last) if last.end() == size && size < first => Place::Before,
        // What follows is in a gap of the copy.
        _ if size == first => Place::Found(at.clone()),
        _ => Place::Absent,
    }
}

/// The logged time of the last entry below `index` that is here whole.
fn last_logged(batch: &Batch, index: u64) -> Option<base::Timestamp> {
    let below = batch.entries().take_while(|entry| entry.id().index < index);
    below.last().map(|entry| entry.header().logged)
}
