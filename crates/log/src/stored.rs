//! What is read back from a node's own store, and what a frame says before it is checked.

use crate::{Batch, Entry, Error, LogId, Verified};

impl Batch {
    /// The log a batch claims to be of, before anything in it is checked.
    pub fn log_of(bytes: &[u8]) -> Result<LogId, Error> {
        Self::parse_start(bytes).map(|(checkpoint, _, _)| checkpoint.checkpoint.log)
    }

    /// The entries of a batch read back from this node's own store.
    ///
    /// They count as verified because they were when the batch was written, and the store's digests
    /// answer for the bytes since; never call it on bytes that came from elsewhere.
    pub fn stored_entries(&self) -> impl Iterator<Item = Verified<Entry>> {
        self.entries().cloned().map(Verified::new)
    }
}
