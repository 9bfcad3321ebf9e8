//! What an honest host may put on its disk and on its lines, checked as it does.
//!
//! - Within one life an entry's place in an own log has one content: a failed write is repeated byte for
//!   byte.
//! - An entry is sealed under a key its own process drew: no epoch is taken up from an earlier life,
//!   and no two lives draw the same key.
//! - Own stamps stay near true time, whatever partners' stamps say.
//! - Nothing is sent whole to a partner it is not addressed to, and nothing is cosigned that is not
//!   durable.

use std::collections::BTreeMap;

use base::{NodeId, TimeDelta, Timestamp};
use log::{Batch, Cosignature, CosignatureKind, Hash, LogId, StoreReadExt, Write, kinds};
use sync::wire::Message;

use super::disk::Disk;

/// How far own stamps may be ahead of true time: the clock's own error, what a partner's stamp may add,
/// and the partner's error.
const AHEAD_MAX: TimeDelta = TimeDelta::from_millis(800 + 2_000 + 800);

/// What one host has written.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Leaves of own logs, by place, in this life.
    leaves: BTreeMap<(LogId, u64), Hash>,
    /// Sizes of own logs when this life began.
    began: BTreeMap<LogId, u64>,
    /// Which life made each epoch key, by commitment.
    keys: BTreeMap<Hash, u64>,
    life: u64,
}

impl Ledger {
    /// A process starts.
    pub(super) fn start(&mut self, id: NodeId, disk: &Disk) {
        self.life += 1;
        self.leaves.clear();
        let heads = disk.store.heads().unwrap_or_default();
        let own = heads.into_iter().filter(|head| head.log.node == id);
        self.began = own.map(|head| (head.log, head.size())).collect();
    }

    /// What is wrong with a store operation of `id`.
    pub(super) fn look_at_writes(
        &mut self,
        id: NodeId,
        writes: &[Write],
        now: Timestamp,
    ) -> Option<String> {
        let mut own = writes.iter().filter_map(|write| match write {
            Write::Batch(batch) if batch.log().node == id => Some(batch),
            _ => None,
        });
        own.find_map(|batch| self.look_at_own(batch, now))
    }

    fn look_at_own(&mut self, batch: &Batch, now: Timestamp) -> Option<String> {
        let log = batch.log();
        let began = self.began.get(&log).copied().unwrap_or(0);
        for entry in batch.entries() {
            let (header, place) = (entry.header(), entry.id());
            let key = (log, place.index);
            if *self.leaves.entry(key).or_insert(*entry.leaf_hash()) != *entry.leaf_hash() {
                return Some(format!("{} wrote two contents of {place}", log.node));
            }
            if header.epoch > 0 && header.epoch - 1 < began {
                return Some(format!("{place} is sealed under a key of an earlier life"));
            }
            if header.logged - now > AHEAD_MAX {
                return Some(format!("{place} is stamped {} at {now}", header.logged));
            }
            if header.epoch == 0
                && let Some(commitment) = commitment(entry.sealed_body())
                && *self.keys.entry(commitment).or_insert(self.life) != self.life
            {
                return Some(format!("{place} hands out a key of an earlier life"));
            }
        }
        None
    }
}

/// The commitment of an epoch entry, from its body as the log crate draws it.
fn commitment(body: &[u8]) -> Option<Hash> {
    let kind = kinds::EPOCH;
    let length = u8::try_from(kind.as_str().len()).ok()?;
    let content = body.strip_prefix(&[length])?.strip_prefix(kind.as_str().as_bytes())?.get(2..)?;
    let members = usize::from(*content.first()?);
    content.get(1 + 3 * members..)?.first_chunk().copied()
}

/// What is wrong with a frame an honest host sends to `peer`.
pub(super) fn look_at_frame(id: NodeId, peer: NodeId, bytes: &[u8], disk: &Disk) -> Option<String> {
    // Type 2 is a batch, 12 several, 5 a cosigned checkpoint; the others carry neither entries nor
    // cosignatures.
    if !matches!(bytes.get(4), Some(2 | 5 | 12)) {
        return None;
    }
    let leak = |batch: std::sync::Arc<[u8]>| {
        let batch = Batch::parse(batch).ok()?;
        let mut entries = batch.entries();
        let leak = entries.find(|entry| !entry.header().audience.contains(peer.partner()))?;
        let (place, audience) = (leak.id(), leak.header().audience);
        Some(format!("{id} sent {place}, which is for {audience}, to {peer}"))
    };
    match Message::decode(bytes) {
        Ok(Message::Batch { batch, .. }) => leak(batch),
        Ok(Message::Batches { batches, .. }) => batches.into_iter().find_map(leak),
        Ok(Message::Cosigned { cosignatures, .. }) => {
            let mut made =
                cosignatures.iter().filter_map(|bytes| Cosignature::from_bytes(bytes).ok());
            let early = made.find(|made| {
                let stated = &made.checkpoint;
                let head = disk.store.head(&stated.log).ok().flatten();
                let durable = head.map_or(0, |head| head.size());
                made.by == id && made.kind == CosignatureKind::Holds && durable < stated.size
            })?;
            let stated = &early.checkpoint;
            Some(format!("{id} cosigned {} at {} before it was durable", stated.log, stated.size))
        }
        Ok(_) => None,
        Err(error) => Some(format!("{id} sent a frame that does not decode: {error}")),
    }
}
