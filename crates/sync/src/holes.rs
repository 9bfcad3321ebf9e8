//! The tail of an own log of before the store was put back: each partner returns the entries
//! addressed to it, so copies that are sparse in different places are put together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::NodeId;
use log::{Batch, Body, Fact, Item, LogId, Write};

use crate::api::Arrival;
use crate::node::{Node, Purpose, Turn};
use crate::own::tell;

/// Bytes of incomplete batches kept to be filled; what is beyond stays as it is.
const HOLES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The batches of one old own log that lack something.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    /// By end.
    kept: BTreeMap<u64, Kept>,
    bytes: usize,
    /// The one the store owes an answer for.
    storing: Option<u64>,
    /// Up to where each peer has returned its copy.
    returned: BTreeMap<NodeId, u64>,
}

#[derive(Debug)]
struct Kept {
    batch: Batch,
    /// Entries that are here and did not open: their epoch entry may still come.
    unopened: BTreeSet<u64>,
    /// To be written again.
    changed: bool,
}

impl Kept {
    fn is_sparse(&self) -> bool {
        self.batch.items().iter().any(|item| matches!(item, Item::Hidden(_)))
    }
}

impl Holes {
    /// Takes note of a batch if it lacks entries, or if some of them did not open.
    pub(crate) fn note(&mut self, batch: &Batch, unopened: BTreeSet<u64>) {
        let kept = Kept { batch: batch.clone(), unopened, changed: false };
        let bytes = batch.as_bytes().len();
        let lacks = kept.is_sparse() || !kept.unopened.is_empty();
        if lacks && self.bytes + bytes <= HOLES_BYTES_MAX {
            self.bytes += bytes;
            self.kept.insert(batch.end(), kept);
        }
    }

    /// `peer` returned a batch: what came after one that a line lost does not count.
    pub(crate) fn returned(&mut self, peer: NodeId, batch: &Batch) {
        let from = self.first_sparse().unwrap_or_else(|| batch.first());
        let known = self.returned.entry(peer).or_insert(0);
        if batch.first() <= from.max(*known) {
            *known = (*known).max(batch.end());
        }
    }

    fn first_sparse(&self) -> Option<u64> {
        self.kept.values().find(|kept| kept.is_sparse()).map(|kept| kept.batch.first())
    }

    /// Up to where `peer` has returned its copy.
    pub(crate) fn returned_by(&self, peer: NodeId) -> u64 {
        self.returned.get(&peer).copied().unwrap_or(0)
    }

    /// From where `peer`, which has not returned everything up to `size`, may still fill something.
    pub(crate) fn first_for(&self, peer: NodeId, size: u64) -> Option<u64> {
        if self.returned_by(peer) >= size {
            return None;
        }
        self.first_sparse()
    }

    /// Adds what `other` has and the kept batch lacks; says whether anything came.
    fn fill(&mut self, other: &Batch) -> bool {
        let Some(kept) = self.kept.get_mut(&other.end()) else { return false };
        let Ok(merged) = kept.batch.merge(other) else { return false };
        let before: BTreeSet<u64> = indices(&kept.batch);
        let gained: BTreeSet<u64> = indices(&merged).difference(&before).copied().collect();
        if gained.is_empty() {
            return false;
        }
        kept.unopened.extend(gained);
        kept.batch = merged;
        kept.changed = true;
        true
    }

    fn next_to_store(&mut self, durable: u64) -> Option<Batch> {
        if self.storing.is_some() {
            return None;
        }
        let (end, kept) = self.kept.range_mut(..=durable).find(|(_, kept)| kept.changed)?;
        kept.changed = false;
        self.storing = Some(*end);
        Some(kept.batch.clone())
    }

    fn stored(&mut self) {
        let end = self.storing.take().expect("an operation answers what is being stored");
        let done = |kept: &Kept| !kept.changed && !kept.is_sparse() && kept.unopened.is_empty();
        if self.kept.get(&end).is_some_and(done)
            && let Some(kept) = self.kept.remove(&end)
        {
            self.bytes = self.bytes.saturating_sub(kept.batch.as_bytes().len());
        }
    }
}

fn indices(batch: &Batch) -> BTreeSet<u64> {
    batch.entries().map(|entry| entry.id().index).collect()
}

impl Node {
    /// A batch of an old own log came again, perhaps with entries the stored copy lacks.
    pub(crate) fn fill_holes(
        &mut self,
        peer: NodeId,
        log: LogId,
        bytes: &Arc<[u8]>,
        turn: &mut Turn<'_>,
    ) {
        let Ok(batch) = Batch::parse(bytes.clone()) else { return };
        let copy = self.copies.get_mut(&log).expect("the batch was refused by its copy");
        copy.holes.returned(peer, &batch);
        if copy.holes.fill(&batch) {
            self.open_filled(log, turn);
            self.store_filled(log, turn);
        }
    }

    /// Opens what is here and did not open before: an epoch entry that came opens others.
    pub(crate) fn open_filled(&mut self, log: LogId, turn: &mut Turn<'_>) {
        let Self { copies, ring, .. } = self;
        let copy = copies.get_mut(&log).expect("only copies have holes");
        let late = &mut copy.late;
        for kept in copy.holes.kept.values_mut() {
            if kept.unopened.is_empty() {
                continue;
            }
            for entry in kept.batch.stored_entries() {
                let index = entry.id().index;
                if kept.unopened.contains(&index)
                    && let Ok(body) = ring.open(&entry)
                {
                    kept.unopened.remove(&index);
                    kept.changed = true;
                    late.add(index..index + 1);
                    tell(Fact::new(&entry, body), Arrival::Backfilled, turn);
                }
            }
        }
    }

    /// Writes a batch that gained something, once its first copy is stored.
    pub(crate) fn store_filled(&mut self, log: LogId, turn: &mut Turn<'_>) {
        let copy = self.copies.get_mut(&log).expect("only copies have holes");
        let durable = copy.durable();
        let Some(batch) = copy.holes.next_to_store(durable) else { return };
        let mut bodies: Vec<(u64, Body)> = Vec::new();
        for entry in batch.stored_entries() {
            if let Ok(body) = self.ring.open(&entry) {
                bodies.push((entry.id().index, body));
            }
        }
        let checkpoint = &batch.checkpoint().checkpoint;
        let wrapped = self.secrets.storage.wrap(batch.first(), checkpoint, &bodies);
        let writes =
            [Write::Bodies { log, end: batch.end(), wrapped }, Write::Batch(batch.clone())];
        self.store(Purpose::Fill(log), log.lane, writes.into(), Vec::new(), turn);
    }

    pub(crate) fn filled_stored(&mut self, log: LogId, turn: &mut Turn<'_>) {
        if let Some(copy) = self.copies.get_mut(&log) {
            copy.holes.stored();
            self.store_filled(log, turn);
        }
    }
}
