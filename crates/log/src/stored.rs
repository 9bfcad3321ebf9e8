//! What is read back from a node's own store, and what a frame says before it is checked.

use std::ops::Range;

use crate::fsck::read_bodies;
use crate::{Batch, Entry, Error, Fact, LogId, StorageKey, StoreRead, StoreReadExt, Verified};

impl Batch {
    /// The log a batch claims to be of, before anything in it is checked.
    pub fn log_of(bytes: &[u8]) -> Result<LogId, Error> {
        Self::parse_start(bytes).map(|(checkpoint, _, _)| checkpoint.checkpoint.log)
    }

    /// The log and the size after it that a batch claims, before anything in it is checked.
    pub fn end_of(bytes: &[u8]) -> Result<(LogId, u64), Error> {
        let (signed, _, _) = Self::parse_start(bytes)?;
        Ok((signed.checkpoint.log, signed.checkpoint.size))
    }

    /// The entries of a batch read back from this node's own store.
    ///
    /// They count as verified because they were when the batch was written, and the store's digests
    /// answer for the bytes since; never call it on bytes that came from elsewhere.
    pub fn stored_entries(&self) -> impl Iterator<Item = Verified<Entry>> {
        self.entries().cloned().map(Verified::new)
    }
}

/// A part of a log, read back from this node's own store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredFacts {
    /// The statements this node can read, in order.
    pub facts: Vec<Fact>,
    /// Which entries were looked at; nothing once the end is reached.
    pub read: Vec<Range<u64>>,
    /// Entries looked at that stand here in full and have no opened body, ascending: their key has not
    /// come yet, or the body was erased.
    pub unopened: Vec<u64>,
}

/// The statements of `log` from index `from` on, in whole batches of about `bytes_max` bytes; the
/// first batch may begin before `from`, and its earlier statements are left out.
///
/// Rows are checked by their digests only: [`crate::fsck()`] verifies the log itself.
pub fn stored_facts<S: StoreRead + ?Sized>(
    store: &S,
    storage: &StorageKey,
    log: &LogId,
    from: u64,
    bytes_max: usize,
) -> Result<StoredFacts, Error> {
    let mut found = StoredFacts::default();
    for batch in store.batches(log, from, usize::MAX, bytes_max)? {
        let mut bodies = read_bodies(store, storage, &batch)?;
        for entry in batch.stored_entries() {
            let index = entry.id().index;
            if index < from {
                continue;
            }
            match bodies.remove(&index) {
                Some(body) => found.facts.push(Fact::new(&entry, body)),
                None => found.unopened.push(index),
            }
        }
        let start = batch.first().max(from);
        match found.read.last_mut() {
            Some(last) if last.end == start => last.end = batch.end(),
            _ => found.read.push(start..batch.end()),
        }
    }
    Ok(found)
}
