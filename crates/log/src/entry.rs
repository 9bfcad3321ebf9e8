//! One statement: header and body.
//!
//! Header, edition 1 (big-endian). The first part is the same for a whole log and is not repeated
//! inside a batch; leaf hash and associated data always cover both parts.
//!
//! ```text
//! log part    "WFE" 0x01 | realm: u8 length, text | partner 3 | number u16 | lane u8 | incarnation 16
//! entry part  index u64 | logged i64 ns | charter edition u32 | epoch u64 (0: not sealed)
//!             | audience: u8 count (1..=32), 3 bytes each, sorted
//! ```
//!
//! Body before sealing, edition 1:
//!
//! ```text
//! kind: u8 length (1..=48), text | edition u16 | content, to the end (at most 256 KiB)
//! ```
//!
//! Leaf hash (RFC 9162 section 2.1.1): SHA-256(0x00 | log part | entry part | body as sealed).

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use base::{NodeId, Timestamp, limits};

use crate::codec::{Put, Reader};
use crate::keys::{Hash, sha256};
use crate::{Audience, EntryId, Error, Kind, LogId, Precedence, Realm};

/// A plain, decoded statement as domains read it. Debug output leaves the content out.
#[derive(Clone, PartialEq, Eq)]
pub struct Fact {
    /// Which entry said it.
    pub id: EntryId,
    /// The entry's leaf hash: the last word in the order of facts.
    pub leaf_hash: Hash,
    /// When it holds: the logged time, or a sensor's own measurement time set by the fold layer.
    pub at: Timestamp,
    /// When its origin logged it (hybrid logical clock).
    pub logged: Timestamp,
    /// Who said it.
    pub origin: NodeId,
    /// Who may read it.
    pub audience: Audience,
    /// How urgent it is.
    pub precedence: Precedence,
    /// The charter edition its origin had.
    pub charter_edition: u32,
    /// What the content is.
    pub kind: Kind,
    /// The edition of that kind.
    pub edition: u16,
    /// The content, in the kind's own encoding.
    pub content: Vec<u8>,
}

impl Fact {
    /// The statement of a verified entry and its opened body, `at` its logged time.
    pub fn new(entry: &Verified<Entry>, body: Body) -> Self {
        let header = entry.header();
        Self {
            id: header.id,
            leaf_hash: *entry.leaf_hash(),
            at: header.logged,
            logged: header.logged,
            origin: header.id.log.node,
            audience: header.audience,
            precedence: header.id.log.lane,
            charter_edition: header.charter_edition,
            kind: body.kind,
            edition: body.edition,
            content: body.content,
        }
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, at, audience, kind, edition, content, .. } = self;
        write!(f, "Fact({id} at {at} for {audience}: {kind}/{edition}, {} bytes)", content.len())
    }
}

/// A value whose signatures and hashes have been checked; only this crate can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, its guarantee dropped.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What stands before a body, in the clear for everyone who gets the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// Log and index.
    pub id: EntryId,
    /// Hybrid logical time, strictly increasing in a log.
    pub logged: Timestamp,
    /// The charter edition the origin had.
    pub charter_edition: u32,
    /// The epoch key the body is sealed under: the index of its epoch entry in this log, plus one;
    /// 0 means the body is not sealed.
    pub epoch: u64,
    /// Who may read.
    pub audience: Audience,
}

const MAGIC: &[u8; 4] = b"WFE\x01";

impl EntryHeader {
    /// The precedence, which is the log's lane.
    pub const fn precedence(&self) -> Precedence {
        self.id.log.lane
    }

    /// The bytes hashed and authenticated, both parts.
    pub fn to_bytes(&self, realm: &Realm) -> Vec<u8> {
        let mut bytes = log_part(realm, &self.id.log);
        self.put_entry_part(&mut bytes);
        bytes
    }

    pub(crate) fn put_entry_part(&self, out: &mut Vec<u8>) {
        out.put_u64(self.id.index);
        out.put_timestamp(self.logged);
        out.put_u32(self.charter_edition);
        out.put_u64(self.epoch);
        out.put_audience(&self.audience);
    }

    pub(crate) fn read_entry_part(log: LogId, reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: EntryId { log, index: reader.u64("an entry index")? },
            logged: reader.timestamp("a logged time")?,
            charter_edition: reader.u32("a charter edition")?,
            epoch: reader.u64("an epoch number")?,
            audience: reader.audience()?,
        })
    }
}

/// The part of every header of a log that does not change.
pub(crate) fn log_part(realm: &Realm, log: &LogId) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.put_realm(realm);
    bytes.put_log(log);
    bytes
}

/// Hashes the leaves of one log: both header parts and the body as sealed. The part that is the same
/// for all of them is laid out once, so that a leaf is one call of the hash.
#[derive(Debug)]
pub(crate) struct LeafHasher {
    bytes: Vec<u8>,
    start: usize,
}

impl LeafHasher {
    pub(crate) fn new(log_part: &[u8]) -> Self {
        let bytes = [&[0], log_part].concat();
        Self { start: bytes.len(), bytes }
    }

    pub(crate) fn hash(&mut self, entry_part: &[u8], body: &[u8]) -> Hash {
        self.bytes.truncate(self.start);
        self.bytes.extend_from_slice(entry_part);
        self.bytes.extend_from_slice(body);
        sha256(&self.bytes)
    }
}

/// What an entry says, before sealing. Debug output leaves the content out.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// What the content is.
    pub kind: Kind,
    /// The edition of that kind.
    pub edition: u16,
    /// The content, at most [`limits::ENTRY_CONTENT_BYTES_MAX`] bytes.
    pub content: Vec<u8>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({}/{}, {} bytes)", self.kind, self.edition, self.content.len())
    }
}

/// Appends a body before sealing.
pub(crate) fn put_body(kind: &Kind, edition: u16, content: &[u8], out: &mut Vec<u8>) {
    out.put_short_text(kind.as_str());
    out.put_u16(edition);
    out.extend_from_slice(content);
}

/// Most bytes of an encoded body with its seal.
pub(crate) const BODY_BYTES_MAX: usize =
    1 + Kind::BYTES_MAX + 2 + limits::ENTRY_CONTENT_BYTES_MAX + crate::seal::TAG_BYTES;

impl Body {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_body(&self.kind, self.edition, &self.content, out);
    }

    pub(crate) fn is_encoded_as(&self, bytes: &[u8]) -> bool {
        let mut encoded = Vec::with_capacity(bytes.len());
        self.put(&mut encoded);
        encoded == bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        Self::take(bytes.to_vec())
    }

    /// Reads a body in place: its content stays in the memory it came in.
    pub(crate) fn take(mut bytes: Vec<u8>) -> Result<Self, Error> {
        let mut reader = Reader::new("a body", &bytes);
        let length = usize::from(reader.u8("a kind's length")?);
        let name = reader.take(length, "a kind")?;
        let kind = Kind::from_bytes(name)
            .ok_or_else(|| reader.error("a kind", format!("`{}`", name.escape_ascii())))?;
        let edition = reader.u16("an edition")?;
        let start = reader.at();
        let content_bytes = bytes.len() - start;
        if content_bytes > limits::ENTRY_CONTENT_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of content",
                max: limits::ENTRY_CONTENT_BYTES_MAX as u64,
                got: content_bytes as u64,
            });
        }
        bytes.drain(..start);
        Ok(Self { kind, edition, content: bytes })
    }
}

/// Header and body as sealed; the body is a slice of its batch, so taking an entry apart from a
/// batch copies nothing.
#[derive(Clone)]
pub struct Entry {
    header: EntryHeader,
    leaf_hash: Hash,
    batch: Arc<[u8]>,
    body: Range<usize>,
}

impl Entry {
    pub(crate) const fn new(
        header: EntryHeader,
        leaf_hash: Hash,
        batch: Arc<[u8]>,
        body: Range<usize>,
    ) -> Self {
        Self { header, leaf_hash, batch, body }
    }

    /// The header.
    pub const fn header(&self) -> &EntryHeader {
        &self.header
    }

    /// The log and index.
    pub const fn id(&self) -> EntryId {
        self.header.id
    }

    /// The hash that stands in the tree.
    pub const fn leaf_hash(&self) -> &Hash {
        &self.leaf_hash
    }

    /// The body as sealed.
    pub fn sealed_body(&self) -> &[u8] {
        &self.batch[self.body.clone()]
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("header", &self.header).finish_non_exhaustive()
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header && self.leaf_hash == other.leaf_hash
    }
}

impl Eq for Entry {}
