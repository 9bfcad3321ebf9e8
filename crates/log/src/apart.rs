//! A batch of another history of a log than the one this node took first, kept apart as evidence.
//!
//! The node signed both. What is kept apart continues no copy and is never cosigned; it stays for those
//! who look into the matter, and what opens of it is told as contested.
//!
//! The note `apart/<log>/<end, 20 digits>/<root, hexadecimal>` in the store, edition 1 (big-endian):
//!
//! ```text
//! "WFA" 0x01 | before it: frontier: size u64, peaks 32 each | logged i64
//! | batch length u32 | batch | its opened bodies under the storage key, to the end; none if none opened
//! ```
//!
//! With the tree before it, which the signed root binds, the batch verifies by itself.

use std::collections::BTreeMap;

use base::limits;

use crate::codec::{Put, Reader};
use crate::store::Cursor;
use crate::{
    Batch, Body, Entry, Error, Fact, Frontier, LogId, StorageKey, Verified, Write, base64,
};

const MAGIC: [u8; 4] = *b"WFA\x01";

/// A batch kept apart, with what it continues.
#[derive(Clone, Debug)]
pub struct Apart {
    start: Cursor,
    batch: Batch,
    wrapped: Vec<u8>,
}

impl Apart {
    /// What the names of all such notes begin with.
    pub const NOTES: &'static str = "apart/";

    /// A batch that was verified to continue `start`; no body of it opened yet.
    pub(crate) const fn new(start: Cursor, batch: Batch) -> Self {
        Self { start, batch, wrapped: Vec::new() }
    }

    /// What the names of the notes about `log` begin with.
    pub fn notes_of(log: &LogId) -> String {
        format!("{}{log}/", Self::NOTES)
    }

    /// Where the other history stands before it.
    pub const fn start(&self) -> &Cursor {
        &self.start
    }

    /// The batch.
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Where the other history stands after it.
    pub fn end(&self) -> Cursor {
        let mut frontier = self.start.frontier.clone();
        self.batch.extend(&mut frontier);
        let newest = self.batch.entries().map(|entry| entry.header().logged).max();
        Cursor { frontier, logged: newest.unwrap_or(self.start.logged) }
    }

    /// Its entries: verified when it was taken, and by digests since.
    pub fn entries(&self) -> impl Iterator<Item = Verified<Entry>> {
        self.batch.stored_entries()
    }

    /// Takes the bodies that opened.
    pub fn keep_bodies(&mut self, storage: &StorageKey, opened: &[(u64, Body)]) {
        let checkpoint = &self.batch.checkpoint().checkpoint;
        self.wrapped = match opened {
            [] => Vec::new(),
            opened => storage.wrap(self.batch.first(), checkpoint, opened),
        };
    }

    /// The statements in it that opened, in order.
    pub fn facts(&self, storage: &StorageKey) -> Result<Vec<Fact>, Error> {
        if self.wrapped.is_empty() {
            return Ok(Vec::new());
        }
        let checkpoint = &self.batch.checkpoint().checkpoint;
        let opened = storage.unwrap(self.batch.first(), checkpoint, &self.wrapped)?;
        let mut bodies: BTreeMap<u64, Body> = opened.into_iter().collect();
        let facts = self.entries().filter_map(|entry| {
            let body = bodies.remove(&entry.id().index)?;
            Some(Fact::new(&entry, body))
        });
        Ok(facts.collect())
    }

    /// What a store keeps of it.
    pub fn note(&self) -> Write {
        let stated = &self.batch.checkpoint().checkpoint;
        let root = base64::hex(&stated.root);
        let name = format!("{}{:020}/{root}", Self::notes_of(&stated.log), stated.size);
        Write::Meta { name, value: self.to_bytes() }
    }

    /// The bytes, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        self.start.frontier.put(&mut out);
        out.put_timestamp(self.start.logged);
        out.put_blob(self.batch.as_bytes());
        out.put(&self.wrapped);
        out
    }

    /// Reads the bytes; layouts only.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a batch kept apart", bytes);
        reader.magic(MAGIC, "`WFA` edition 1")?;
        let frontier = Frontier::read(&mut reader)?;
        let logged = reader.timestamp("a logged time")?;
        let start = Cursor { frontier, logged };
        let batch = Batch::parse(reader.blob(limits::BATCH_BYTES_MAX, "a batch")?)?;
        if batch.first() != start.frontier.size() {
            let expected = "a batch that continues the tree before it";
            return Err(reader.error(expected, format!("one from {}", batch.first())));
        }
        let wrapped = bytes[reader.at()..].to_vec();
        Ok(Self { start, batch, wrapped })
    }
}
