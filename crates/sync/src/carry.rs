//! A line that carries files: what goes into the next bundle, what comes out of one.
//!
//! What another node holds is known from its own last bundle (the hello in it) and its receipts, what was
//! exported from the note `carried/NODE` in the store:
//!
//! ```text
//! number u64 of the last bundle exported | number u64 of the last one imported
//! | two lists: what it said it holds, what was exported: count u32 | log 22, size u64 each
//! ```

use std::collections::BTreeMap;

use base::{NodeId, Timestamp};
use log::{LogId, Precedence, Write};

use crate::bundle::BundleHeader;
use crate::node::{Node, Purpose, Turn};
use crate::peer::{is_complete, released};
use crate::wire::Message;

/// From where a bundle begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// From what the receiver has acknowledged: safe when a file was lost.
    Acknowledged,
    /// From what was exported last: for lines on which nothing comes back.
    Exported,
    /// From the beginning of every log.
    Start,
}

/// What another node holds and was sent, as far as files tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    exported_number: u64,
    imported_number: u64,
    held: BTreeMap<LogId, u64>,
    exported: BTreeMap<LogId, u64>,
    /// Since this process began; not kept.
    counts: CarriedCounts,
}

/// What became of the frames of a node's bundles, since this process began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CarriedCounts {
    /// Batches that were here already.
    pub repeated: u64,
    /// Batches that do not join what is here: entries before them are missing.
    pub gaps: u64,
    /// Batches, cosignatures and frames that were refused; findings say why.
    pub refused: u64,
}

/// Charter files that go with a bundle: those put in force last, the one in force at the end.
const CHARTERS_CARRIED_MAX: usize = 4;
/// Logs one note may list.
const LOGS_MAX: usize = crate::limits::HELLO_LOGS_MAX;

impl Carried {
    pub(crate) fn name(node: NodeId) -> String {
        format!("carried/{node}")
    }

    fn note(&self, node: NodeId) -> Write {
        let mut value = self.exported_number.to_be_bytes().to_vec();
        value.extend_from_slice(&self.imported_number.to_be_bytes());
        for list in [&self.held, &self.exported] {
            let count = list.len().min(LOGS_MAX);
            value.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
            for (log, size) in list.iter().take(count) {
                value.extend_from_slice(&log.to_key());
                value.extend_from_slice(&size.to_be_bytes());
            }
        }
        Write::Meta { name: Self::name(node), value }
    }

    /// Reads the note; nothing if it is not one.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let (exported, rest) = value.split_first_chunk::<8>()?;
        let (imported, mut rest) = rest.split_first_chunk::<8>()?;
        let mut lists = [BTreeMap::new(), BTreeMap::new()];
        for list in &mut lists {
            let (count, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            for _ in 0..u32::from_be_bytes(*count) {
                let (log, after) = rest.split_first_chunk::<{ LogId::KEY_BYTES }>()?;
                let (size, after) = after.split_first_chunk::<8>()?;
                list.insert(LogId::from_key(log).ok()?, u64::from_be_bytes(*size));
                rest = after;
            }
        }
        let [held, sent] = lists;
        rest.is_empty().then_some(Self {
            exported_number: u64::from_be_bytes(*exported),
            imported_number: u64::from_be_bytes(*imported),
            held,
            exported: sent,
            counts: CarriedCounts::default(),
        })
    }
}

/// How far some logs were taken at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken(BTreeMap<LogId, (u64, u64)>);

/// What the next bundle for a node is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundlePlan {
    /// Its header.
    pub header: BundleHeader,
    /// Its first frames: hello, proofs, receipts.
    pub frames: Vec<Vec<u8>>,
    /// Then the stored batches of each log from the first size to the second, FLASH first, each projected
    /// by [`log::Batch::released_to`] and framed by [`carried_batch`].
    pub logs: Vec<(LogId, u64, u64)>,
}

/// The frame that carries a stored batch to `to`.
pub fn carried_batch(batch: &log::Batch, to: NodeId, charter: &log::Charter) -> Vec<u8> {
    let complete = is_complete(batch);
    Message::Batch { complete, batch: released(batch, to, charter) }.encode()
}

impl Node {
    /// What the next bundle for `to` holds; nothing if the charter has no such other node.
    pub fn bundle_plan(&self, to: NodeId, since: Since, now: Timestamp) -> Option<BundlePlan> {
        if !self.peers.contains_key(&to) {
            return None;
        }
        let known = self.carried.get(&to).cloned().unwrap_or_default();
        let header = BundleHeader {
            realm: self.charter.realm().clone(),
            from: self.me,
            to,
            charter_edition: self.charter.edition(),
            charter_hash: self.charter.fingerprint().0,
            number: known.exported_number + 1,
            made: now,
        };
        let mut frames = vec![Message::Hello(self.hello(to)).encode()];
        // The other node may have no other way to learn of them.
        let charters = self.editions.newest(CHARTERS_CARRIED_MAX);
        frames.extend(charters.map(|text| Message::Charter(text.to_owned()).encode()));
        for proof in self.proofs() {
            frames.push(Message::Contested(proof.to_vec()).encode());
        }
        for log in self.copies.keys() {
            frames.extend(self.stated(log, to, now).iter().map(Message::encode));
        }
        let mut logs = Vec::new();
        for (log, size) in self.durable_sizes() {
            let held = known.held.get(&log).copied();
            let from = if log.node == self.me {
                let stated = self.evidence.get(&log).map_or(0, |made| made.stated(to).witness);
                let acknowledged = held.unwrap_or(0).max(stated);
                match since {
                    Since::Acknowledged => acknowledged,
                    Since::Exported => {
                        known.exported.get(&log).copied().unwrap_or(0).max(acknowledged)
                    }
                    Since::Start => 0,
                }
            } else if log.node == to && !known.held.is_empty() {
                // It has lost part of its own log: that goes back to it.
                held.unwrap_or(0)
            } else {
                continue;
            };
            if from < size {
                logs.push((log, from, size));
            }
        }
        logs.sort_by_key(|(log, _, _)| (log.lane, *log));
        Some(BundlePlan { header, frames, logs })
    }

    /// A bundle was written and kept: the next one begins after it.
    pub(crate) fn exported(&mut self, plan: &BundlePlan, turn: &mut Turn<'_>) {
        let to = plan.header.to;
        let carried = self.carried.entry(to).or_default();
        carried.exported_number = carried.exported_number.max(plan.header.number);
        for (log, _, end) in &plan.logs {
            let known = carried.exported.entry(*log).or_insert(0);
            *known = (*known).max(*end);
        }
        let note = carried.note(to);
        self.store(Purpose::Note, Precedence::Routine, [note].into(), Vec::new(), turn);
    }

    /// A whole, signed bundle was read to its end.
    pub(crate) fn imported(&mut self, from: NodeId, number: u64, turn: &mut Turn<'_>) {
        let carried = self.carried.entry(from).or_default();
        carried.imported_number = carried.imported_number.max(number);
        let note = carried.note(from);
        self.store(Purpose::Note, Precedence::Routine, [note].into(), Vec::new(), turn);
    }

    /// One frame of a bundle by `from`.
    pub(crate) fn take_carried(
        &mut self,
        from: NodeId,
        number: u64,
        frame: &[u8],
        turn: &mut Turn<'_>,
    ) {
        if !self.peers.contains_key(&from) {
            return;
        }
        let before = self.counters;
        self.take_frame(from, number, frame, turn);
        let now = self.counters;
        let counts = &mut self.carried.entry(from).or_default().counts;
        counts.repeated += now.duplicates - before.duplicates;
        counts.gaps += now.gaps - before.gaps;
        counts.refused += (now.batches_refused - before.batches_refused)
            + (now.notes_refused - before.notes_refused)
            + (now.malformed - before.malformed)
            + (now.overflow - before.overflow);
    }

    fn take_frame(&mut self, from: NodeId, number: u64, frame: &[u8], turn: &mut Turn<'_>) {
        match Message::decode(frame) {
            Ok(Message::Hello(hello)) if hello.node == from => {
                // What a file brings is late, unless it came within seconds: it changes the picture and
                // pages nobody.
                for (log, size) in hello.logs.iter().filter(|(log, _)| log.node == from) {
                    if self.admit(from, *log).is_ok() {
                        self.copies.get_mut(log).expect("`admit` made it").expect_backfill(*size);
                    }
                }
                // An older file, imported late, does not take back what a newer one acknowledged.
                let known = self.carried.entry(from).or_default();
                if number >= known.imported_number {
                    known.held = hello.logs.into_iter().collect();
                }
            }
            Ok(Message::Batch { complete, batch }) => self.on_batch(from, complete, &batch, turn),
            Ok(Message::Cosigned { checkpoint, cosignatures }) => {
                self.on_cosigned(from, &checkpoint, &cosignatures, turn);
            }
            Ok(Message::Contested(proof)) => self.on_contested(from, &proof, turn),
            Ok(Message::Charter(text)) => self.take_charter(Some(from), &text, turn),
            // What only makes sense while both ends listen.
            Ok(_) => {}
            Err(error) => {
                self.counters.malformed += 1;
                self.warn("bundle", &from, error.to_string(), turn);
            }
        }
    }

    /// How far a node's logs, and this node's own old ones, are taken: verified, stored or not.
    pub fn taken_of(&self, node: NodeId) -> Taken {
        let whose = |log: &LogId| log.node == node || log.node == self.me;
        let copies = self.copies.iter().filter(|(log, _)| whose(log));
        Taken(copies.map(|(log, copy)| (*log, (copy.received(), copy.newest()))).collect())
    }

    /// Whether all of that is in the store.
    pub fn has_stored(&self, taken: &Taken) -> bool {
        taken.0.iter().all(|(log, (size, newest))| {
            let copy = self.copies.get(log);
            copy.is_some_and(|copy| copy.durable() >= *size && copy.newest_durable() >= *newest)
        })
    }

    /// What became of a node's bundles since this process began.
    pub fn carried_counts(&self, node: NodeId) -> CarriedCounts {
        self.carried.get(&node).map(|known| known.counts).unwrap_or_default()
    }

    /// The number of the last bundle imported from a node, and of the last one exported to it.
    pub fn bundle_numbers(&self, node: NodeId) -> (u64, u64) {
        let known = self.carried.get(&node);
        known.map_or((0, 0), |known| (known.imported_number, known.exported_number))
    }
}
