//! The disk port: rows in a few ordered tables, and what a store promises about them.
//!
//! A store is an ordered map from (table, key bytes) to value bytes. Everything typed is here, above
//! the port: [`Write`] makes rows, [`StoreReadExt`] reads them back. Each value ends in a digest over
//! table, key and content, so a flipped byte in any stored row is found when it is read.
//!
//! ```text
//! value     content | digest 32
//! digest 2  first 16 bytes of SHA-256(place | GMAC(content)) | "watchfire row 2\0"
//! digest 1  SHA-256(place | content)                            read, no longer written
//! place     table u8 | key, behind its length u32
//! ```
//!
//! A digest finds damage. It keeps nobody out: whoever can write the store can make one, and what a partner
//! or an outsider might forge is under signatures and roots, which `fsck` verifies. So its key is known, and
//! GMAC (NIST SP 800-38D, section 6.4), which costs a fraction of SHA-256, is enough: of changes that nobody
//! chose fewer than one in 2^100 pass.
//!
//! | table | key | content |
//! | --- | --- | --- |
//! | `head` | log | tree frontier, last logged time, jumps (see [`LogHead`]) |
//! | `batch` | log, end size u64 | batch bytes |
//! | `bodies` | log, end size u64 | the batch's opened bodies under the storage key |
//! | `cosignature` | log, kind u8, by 5 | newest cosignature of that kind by that node |
//! | `receipt` | log, by 5, from u64 | range receipt |
//! | `complaint` | by 5, log, index u64 | complaint content |
//! | `equivocation` | node 5, SHA-256 of the proof | proof bytes |
//! | `meta` | text | bytes |
//! | `history` | log, kind u8, by 5, size u64 | a cosignature or range receipt that a newer one replaced |

use std::ops::Range;
use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use base::{NodeId, Timestamp};

use crate::codec::{Put, Reader};
use crate::keys::{Hash, sha256};
use crate::{
    Apart, Batch, Complaint, Cosignature, EntryId, EquivocationProof, Error, Frontier, HoldsRange,
    LogId, Statement, Verified, base64,
};

/// The tables of a store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Table {
    /// Where each log stands.
    Head,
    /// Batches.
    Batch,
    /// Re-wrapped bodies.
    Bodies,
    /// Cosignatures.
    Cosignature,
    /// Range receipts.
    Receipt,
    /// Complaints.
    Complaint,
    /// Proofs of equivocation.
    Equivocation,
    /// Small named values.
    Meta,
    /// Cosignatures and range receipts that newer ones replaced.
    History,
}

impl Table {
    /// All tables, in order.
    pub const ALL: [Self; 9] = [
        Self::Head,
        Self::Batch,
        Self::Bodies,
        Self::Cosignature,
        Self::Receipt,
        Self::Complaint,
        Self::Equivocation,
        Self::Meta,
        Self::History,
    ];

    /// The table's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Batch => "batch",
            Self::Bodies => "bodies",
            Self::Cosignature => "cosignature",
            Self::Receipt => "receipt",
            Self::Complaint => "complaint",
            Self::Equivocation => "equivocation",
            Self::Meta => "meta",
            Self::History => "history",
        }
    }

    /// A small number that never changes, for stores that keep all tables in one.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Reading or writing failed; a write may be persisted or not.
    #[error("expected the store to {action}, got: {reason}")]
    Failed {
        /// What was asked, such as `commit`.
        action: &'static str,
        /// What the store said.
        reason: String,
    },
    /// There is no room left; a write may be persisted or not.
    #[error("expected room to {action}, got a full disk")]
    Full {
        /// What was asked, such as `commit`.
        action: &'static str,
    },
    /// The room that is left is kept for what is more urgent; nothing was written.
    #[error("expected room for what is not urgent, got a disk that is nearly full")]
    Shed,
    /// The store lost what it had acknowledged, or has another writer. It refuses from here on, because
    /// going on could sign a second history; the node ends, and its next start decides.
    #[error("the store stopped for good: {reason}")]
    Stopped {
        /// What was expected and what came.
        reason: String,
    },
    /// A stored row is not what was written.
    #[error("expected row {key} of table `{table}` as it was written, got a damaged one")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The key, hexadecimal.
        key: String,
    },
}

/// One stored row; the value carries its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// Content and digest.
    pub value: Vec<u8>,
}

/// Key and value of a row read.
pub type KeyValue = (Vec<u8>, Vec<u8>);

const DIGEST_BYTES: usize = 32;
/// Ends the digests of edition 2.
const EDITION_2: [u8; 16] = *b"watchfire row 2\0";

impl Row {
    fn new(table: Table, key: Vec<u8>, content: &[u8]) -> Self {
        let mut value = Vec::with_capacity(content.len() + DIGEST_BYTES);
        value.extend_from_slice(content);
        value.extend_from_slice(&Self::digest(table, &key, content));
        Self { table, key, value }
    }

    fn digest(table: Table, key: &[u8], content: &[u8]) -> Hash {
        let mut digest = Self::placed(table, key, gmac(content).as_ref());
        digest[16..].copy_from_slice(&EDITION_2);
        digest
    }

    fn placed(table: Table, key: &[u8], content: &[u8]) -> Hash {
        let mut start = Vec::with_capacity(5 + key.len());
        start.put_u8(table.code());
        start.put_blob(key);
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(&start);
        context.update(content);
        context.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    fn has_digest(table: Table, key: &[u8], content: &[u8], digest: &Hash) -> bool {
        if digest.ends_with(&EDITION_2) {
            return Self::digest(table, key, content) == *digest;
        }
        Self::placed(table, key, content) == *digest
    }

    /// The content of a stored value, if its digest is right.
    pub fn content<'v>(table: Table, key: &[u8], value: &'v [u8]) -> Result<&'v [u8], StoreError> {
        value
            .split_last_chunk::<DIGEST_BYTES>()
            .filter(|(content, digest)| Self::has_digest(table, key, content, digest))
            .map(|(content, _)| content)
            .ok_or_else(|| damaged(table, key))
    }
}

/// A checksum of 128 bits; see the module's documentation.
fn gmac(content: &[u8]) -> Tag {
    static KEY: LazyLock<LessSafeKey> = LazyLock::new(|| {
        let key = UnboundKey::new(&AES_256_GCM, b"watchfire stored row digest, ed2");
        LessSafeKey::new(key.expect("AES-256 keys have 32 bytes"))
    });
    // Nothing is kept secret, so one nonce does for all.
    KEY.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key([0; 12]),
        Aad::from(content),
        &mut [],
    )
    .expect("a row is far below the limit")
}

fn damaged(table: Table, key: &[u8]) -> StoreError {
    StoreError::Damaged { table: table.as_str(), key: base64::hex(key) }
}

/// Reading from a store.
///
/// Reads see every commit that returned `Ok` before they began, never part of a commit, and rows in
/// ascending byte order of their keys. Several readers and one writer may work at once.
pub trait StoreRead {
    /// One value, digest included.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `limit` rows with keys from `from` on, in ascending order.
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError>;

    /// The last row whose key is at most `to`.
    fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError>;
}

/// Writing to a store. One writer at a time.
pub trait Store: StoreRead {
    /// Puts all rows of `writes`, replacing those with equal keys, as one atomic act.
    ///
    /// - `Ok`: every row survives a crash of the process and loss of power (not loss of the disk).
    /// - `Err`: all rows or none may have been persisted, and a read before the store is opened again
    ///   may say "absent" of rows that are on the disk. Committing the same writes again is safe.
    /// - After a crash during a commit the store has all of its rows or none.
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError>;
}

/// One thing to persist.
#[derive(Clone, Debug)]
pub enum Write {
    /// A batch, own or a partner's.
    Batch(Batch),
    /// Where its log stands with it.
    Head(LogHead),
    /// A batch's opened bodies, from [`crate::StorageKey::wrap`].
    Bodies {
        /// The log.
        log: LogId,
        /// The batch's end.
        end: u64,
        /// The wrapped bytes.
        wrapped: Vec<u8>,
    },
    /// A cosignature; replaces an older one of the same kind, log and node. Put newer ones only.
    Cosignature(Verified<Cosignature>),
    /// A range receipt.
    Receipt(Verified<HoldsRange>),
    /// A complaint, own or a partner's.
    Complaint {
        /// Who complains.
        by: NodeId,
        /// About what.
        complaint: Complaint,
    },
    /// A proof of equivocation.
    Equivocation(EquivocationProof),
    /// A cosignature or range receipt that a newer one has replaced: when what it covers was first
    /// held or seen. One row a second of statement suffices; see [`crate::receipts_of`].
    History(Verified<Statement>),
    /// A small named value.
    Meta {
        /// The name.
        name: String,
        /// The value.
        value: Vec<u8>,
    },
}

impl Write {
    /// The row a store keeps for it.
    pub fn row(&self) -> Row {
        let (table, key) = self.place();
        match self {
            Self::Batch(batch) => Row::new(table, key, batch.as_bytes()),
            Self::Head(head) => Row::new(table, key, &head.to_content()),
            Self::Bodies { wrapped, .. } => Row::new(table, key, wrapped),
            Self::Cosignature(cosignature) => Row::new(table, key, &cosignature.to_bytes()),
            Self::Receipt(receipt) => Row::new(table, key, &receipt.to_bytes()),
            Self::Complaint { complaint, .. } => Row::new(table, key, &complaint.to_bytes()),
            Self::Equivocation(proof) => Row::new(table, key, &proof.to_bytes()),
            Self::History(statement) => Row::new(table, key, &statement.to_bytes()),
            Self::Meta { value, .. } => Row::new(table, key, value),
        }
    }

    /// The table and key of that row.
    pub fn place(&self) -> (Table, Vec<u8>) {
        match self {
            Self::Batch(batch) => (Table::Batch, end_key(&batch.log(), batch.end())),
            Self::Head(head) => (Table::Head, head.log.to_key().to_vec()),
            Self::Bodies { log, end, .. } => (Table::Bodies, end_key(log, *end)),
            Self::Cosignature(cosignature) => {
                let mut key = cosignature.checkpoint.log.to_key().to_vec();
                key.put_u8(cosignature.kind as u8);
                key.put_node(cosignature.by);
                (Table::Cosignature, key)
            }
            Self::Receipt(receipt) => {
                let mut key = receipt.checkpoint.log.to_key().to_vec();
                key.put_node(receipt.by);
                key.put_u64(receipt.from);
                (Table::Receipt, key)
            }
            Self::Complaint { by, complaint } => {
                let mut key = Vec::new();
                key.put_node(*by);
                key.put_log(&complaint.entry.log);
                key.put_u64(complaint.entry.index);
                (Table::Complaint, key)
            }
            Self::Equivocation(proof) => {
                let mut key = Vec::new();
                key.put_node(proof.log().node);
                key.put(&sha256(&proof.to_bytes()));
                (Table::Equivocation, key)
            }
            Self::History(statement) => (Table::History, statement.history_key()),
            Self::Meta { name, .. } => (Table::Meta, name.as_bytes().to_vec()),
        }
    }
}

fn end_key(log: &LogId, end: u64) -> Vec<u8> {
    let mut key = log.to_key().to_vec();
    key.put_u64(end);
    key
}

/// A place in a log from which it can be continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The tree so far.
    pub frontier: Frontier,
    /// The logged time of the last entry seen; entries after it are later.
    pub logged: Timestamp,
}

impl Cursor {
    /// The start of a log.
    pub const START: Self = Self { frontier: Frontier::new(), logged: Timestamp::MIN };

    fn put(&self, out: &mut Vec<u8>) {
        self.frontier.put(out);
        out.put_timestamp(self.logged);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { frontier: Frontier::read(reader)?, logged: reader.timestamp("a logged time")? })
    }
}

/// A part of a log that is held above a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The tree where it jumped to; the gap ends there.
    pub start: Frontier,
    /// The logged time of the first entry seen in the part, which what fills the gap is earlier than;
    /// [`Timestamp::MAX`] while there is none.
    pub first: Timestamp,
    /// Where the part ends; of the last part, where the log goes on live.
    pub live: Cursor,
}

/// Parts above gaps that one copy may have: a jump beyond it is refused, and the log is followed from
/// where it was left.
pub const JUMPS_MAX: usize = 16;

/// Where a log stands in this store. Content, edition 3 (big-endian), after the log in the key:
///
/// ```text
/// done:  frontier: size u64, peaks 32 each | logged i64
/// jumps: count u8 (at most 16) | count x (start frontier | first logged i64 | live frontier |
///        logged i64), ascending
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// The log.
    pub log: LogId,
    /// Complete up to here.
    pub done: Cursor,
    /// The parts above gaps, ascending; at most [`JUMPS_MAX`].
    pub jumps: Vec<Jump>,
}

impl LogHead {
    /// The head of an empty log.
    pub const fn start(log: LogId) -> Self {
        Self { log, done: Cursor::START, jumps: Vec::new() }
    }

    /// Entries held without a gap.
    pub const fn size(&self) -> u64 {
        self.done.frontier.size()
    }

    /// The size of the newest checkpoint held, above all gaps.
    pub fn newest(&self) -> u64 {
        self.jumps.last().map_or(self.size(), |jump| jump.live.frontier.size())
    }

    /// The parts above gaps as ranges of indexes, ascending.
    pub fn islands(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.jumps.iter().map(|jump| jump.start.size()..jump.live.frontier.size())
    }

    /// What is missing below [`LogHead::newest`], ascending.
    pub fn gaps(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut from = self.size();
        self.islands().map(move |island| {
            let gap = from..island.start;
            from = island.end;
            gap
        })
    }

    fn to_content(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.done.put(&mut out);
        out.put_u8(u8::try_from(self.jumps.len()).expect("at most `JUMPS_MAX`"));
        for jump in &self.jumps {
            jump.start.put(&mut out);
            out.put_timestamp(jump.first);
            jump.live.put(&mut out);
        }
        out
    }

    pub(crate) fn from_row(key: &[u8], content: &[u8]) -> Result<Self, Error> {
        let log = key.try_into().map_err(|_| damaged(Table::Head, key))?;
        Self::from_content(LogId::from_key(log)?, content)
    }

    fn from_content(log: LogId, content: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a log head", content);
        let done = Cursor::read(&mut reader)?;
        let count = usize::from(reader.u8("a count of jumps")?);
        if count > JUMPS_MAX {
            return Err(reader.error("at most 16 jumps", count.to_string()));
        }
        let mut jumps = Vec::new();
        let mut end = done.frontier.size();
        for _ in 0..count {
            let jump = Jump {
                start: Frontier::read(&mut reader)?,
                first: reader.timestamp("a logged time")?,
                live: Cursor::read(&mut reader)?,
            };
            let (start, next) = (jump.start.size(), jump.live.frontier.size());
            if start <= end || next < start {
                return Err(reader.error("jumps in order", format!("{start} to {next}")));
            }
            end = next;
            jumps.push(jump);
        }
        reader.finish()?;
        Ok(Self { log, done, jumps })
    }
}

/// Typed reads over any store.
pub trait StoreReadExt: StoreRead {
    /// Every log's head, in order of log.
    fn heads(&self) -> Result<Vec<LogHead>, Error> {
        let rows = contents(self, Table::Head, &[])?;
        rows.into_iter().map(|(key, content)| LogHead::from_row(&key, &content)).collect()
    }

    /// One log's head.
    fn head(&self, log: &LogId) -> Result<Option<LogHead>, Error> {
        let key = log.to_key();
        let Some(value) = self.get(Table::Head, &key)? else { return Ok(None) };
        let content = Row::content(Table::Head, &key, &value)?;
        LogHead::from_content(*log, content).map(Some)
    }

    /// Batches in order, from the one that holds index `from`, up to `count_max` of them and stopping
    /// once `bytes_max` is reached. The first may start above `from` if that part is not held.
    fn batches(
        &self,
        log: &LogId,
        from: u64,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, Error> {
        let mut batches = Vec::new();
        let mut next = end_key(log, from.saturating_add(1));
        let mut bytes = 0;
        while batches.len() < count_max && bytes < bytes_max {
            let rows = self.scan(Table::Batch, &next, 1)?;
            let Some((key, value)) = rows.into_iter().next() else { break };
            if !key.starts_with(&log.to_key()) {
                break;
            }
            let content = Row::content(Table::Batch, &key, &value)?;
            bytes += content.len();
            batches.push(Batch::parse(content)?);
            next = key;
            next.push(0);
        }
        Ok(batches)
    }

    /// The batch that holds one entry.
    fn batch_of(&self, entry: &EntryId) -> Result<Option<Batch>, Error> {
        let batch = self.batches(&entry.log, entry.index, 1, usize::MAX)?.pop();
        Ok(batch.filter(|batch| batch.first() <= entry.index))
    }

    /// The batch that ends at `size`: its checkpoint is the log's at that size.
    fn batch_ending(&self, log: &LogId, size: u64) -> Result<Option<Batch>, Error> {
        let key = end_key(log, size);
        let Some(value) = self.get(Table::Batch, &key)? else { return Ok(None) };
        Batch::parse(Row::content(Table::Batch, &key, &value)?).map(Some)
    }

    /// The root of a log where the store has a checkpoint of that size; the empty tree's at 0.
    fn root_at(&self, log: &LogId, size: u64) -> Result<Option<Hash>, Error> {
        if size == 0 {
            return Ok(Some(Frontier::new().root()));
        }
        Ok(self.batch_ending(log, size)?.map(|batch| batch.checkpoint().checkpoint.root))
    }

    /// The last batch held of a log.
    fn last_batch(&self, log: &LogId) -> Result<Option<Batch>, Error> {
        let Some((key, value)) = self.last(Table::Batch, &end_key(log, u64::MAX))? else {
            return Ok(None);
        };
        if !key.starts_with(&log.to_key()) {
            return Ok(None);
        }
        Batch::parse(Row::content(Table::Batch, &key, &value)?).map(Some)
    }

    /// The wrapped bodies of the batch that ends at `end`.
    fn bodies(&self, log: &LogId, end: u64) -> Result<Option<Vec<u8>>, Error> {
        let key = end_key(log, end);
        let Some(value) = self.get(Table::Bodies, &key)? else { return Ok(None) };
        Ok(Some(Row::content(Table::Bodies, &key, &value)?.to_vec()))
    }

    /// The cosignatures kept for a log, by kind and node; signatures are checked by `fsck`, not here.
    fn cosignatures(&self, log: &LogId) -> Result<Vec<Cosignature>, Error> {
        let rows = contents(self, Table::Cosignature, &log.to_key())?;
        rows.into_iter().map(|(_, content)| Cosignature::from_bytes(&content)).collect()
    }

    /// The range receipts kept for a log.
    fn receipts(&self, log: &LogId) -> Result<Vec<HoldsRange>, Error> {
        let rows = contents(self, Table::Receipt, &log.to_key())?;
        rows.into_iter().map(|(_, content)| HoldsRange::from_bytes(&content)).collect()
    }

    /// The complaints kept, each with who made it.
    fn complaints(&self) -> Result<Vec<(NodeId, Complaint)>, Error> {
        let rows = contents(self, Table::Complaint, &[])?;
        rows.into_iter()
            .map(|(key, content)| {
                let by = Reader::new("a complaint's key", &key).node()?;
                Ok((by, Complaint::read(&content)?))
            })
            .collect()
    }

    /// The proofs of equivocation kept.
    fn equivocations(&self) -> Result<Vec<EquivocationProof>, Error> {
        let rows = contents(self, Table::Equivocation, &[])?;
        rows.into_iter().map(|(_, content)| EquivocationProof::from_bytes(&content)).collect()
    }

    /// What is kept apart of other histories of one log, or of all, by log and end.
    fn apart(&self, log: Option<&LogId>) -> Result<Vec<Apart>, Error> {
        let prefix = log.map_or_else(|| Apart::NOTES.to_owned(), Apart::notes_of);
        let rows = contents(self, Table::Meta, prefix.as_bytes())?;
        rows.into_iter().map(|(_, content)| Apart::from_bytes(&content)).collect()
    }

    /// A named value.
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = self.get(Table::Meta, name.as_bytes())? else { return Ok(None) };
        Ok(Some(Row::content(Table::Meta, name.as_bytes(), &value)?.to_vec()))
    }
}

impl<S: StoreRead + ?Sized> StoreReadExt for S {}

/// Rows read at once while walking a table.
const SCAN_ROWS: usize = 256;

/// Visits every row of `table` whose key starts with `prefix`, in order.
pub(crate) fn walk<S: StoreRead + ?Sized>(
    store: &S,
    table: Table,
    prefix: &[u8],
    mut visit: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut next = prefix.to_vec();
    loop {
        let rows = store.scan(table, &next, SCAN_ROWS)?;
        let full = rows.len() == SCAN_ROWS;
        for (key, value) in rows {
            if !key.starts_with(prefix) {
                return Ok(());
            }
            next.clone_from(&key);
            next.push(0);
            visit(key, value)?;
        }
        if !full {
            return Ok(());
        }
    }
}

/// Keys and checked contents of a whole small table or prefix.
fn contents<S: StoreRead + ?Sized>(
    store: &S,
    table: Table,
    prefix: &[u8],
) -> Result<Vec<KeyValue>, Error> {
    let mut rows = Vec::new();
    walk(store, table, prefix, |key, value| {
        let content = Row::content(table, &key, &value)?.to_vec();
        rows.push((key, content));
        Ok(())
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"clock";

    fn read(value: &[u8]) -> Option<&[u8]> {
        Row::content(Table::Meta, KEY, value).ok()
    }

    #[test]
    fn every_flipped_bit_and_every_other_place_is_damage() {
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(300).collect();
        let row = Row::new(Table::Meta, KEY.to_vec(), &content);
        assert_eq!(read(&row.value), Some(content.as_slice()));
        for bit in 0..8 * row.value.len() {
            let mut value = row.value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&value), None, "bit {bit}");
        }
        assert!(Row::content(Table::Meta, b"clocks", &row.value).is_err());
        assert!(Row::content(Table::Head, KEY, &row.value).is_err());
        assert_eq!(read(&row.value[1..]), None);
    }
}
