//! Who stated what about an entry, and when, read from a store.
//!
//! A node keeps of every partner's node the newest cosignature of each kind (table `cosignature`). When
//! a later second's one replaces it, the old one goes into the table `history`, so that an entry of any
//! age still finds the first statement that covered it, exact to the second in which it was signed:
//!
//! ```text
//! history    size 10 at 12:00:03   size 31 at 12:00:04            <- one row a second at most
//! newest                                            size 40 at 12:07:00
//! entry 8  ─► 12:00:03     entry 12 ─► 12:00:04     entry 33 ─► 12:07:00
//! ```
//!
//! Signatures of stored statements are checked when they are taken and by `fsck`, not here.

use base::{NodeId, Timestamp};

use crate::codec::Put;
use crate::store::{Row, StoreRead, StoreReadExt, Table};
use crate::{
    Checkpoint, Cosignature, CosignatureKind, EntryHeader, EntryId, Error, HoldsRange, LogId,
    NodeRecord, Verified,
};

/// A cosignature or a range receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// About a whole log up to a size.
    Cosignature(Cosignature),
    /// About what is held above a gap.
    Range(HoldsRange),
}

/// The code of a range receipt among the kinds of [`CosignatureKind`].
const RANGE_CODE: u8 = 2;
/// Replaced cosignatures of one node and kind looked at for a checkpoint that many cosigned.
const REPLACED_LOOKED_AT_MAX: usize = 8;
/// Replaced range receipts of one node looked at for one entry.
const RANGES_LOOKED_AT_MAX: usize = 16;
/// The first bytes of a range receipt.
const RANGE_MAGIC: &[u8] = b"WFH";

impl Statement {
    /// Who states it.
    pub const fn by(&self) -> NodeId {
        match self {
            Self::Cosignature(made) => made.by,
            Self::Range(receipt) => receipt.by,
        }
    }

    /// Over which checkpoint.
    pub const fn checkpoint(&self) -> &Checkpoint {
        match self {
            Self::Cosignature(made) => &made.checkpoint,
            Self::Range(receipt) => &receipt.checkpoint,
        }
    }

    /// When, POSIX seconds of the clock of who states it.
    pub const fn time_s(&self) -> u64 {
        match self {
            Self::Cosignature(made) => made.time_s,
            Self::Range(receipt) => receipt.time_s,
        }
    }

    /// Whether it covers the entry at `index` of its log.
    pub const fn covers(&self, index: u64) -> bool {
        match self {
            Self::Cosignature(made) => index < made.checkpoint.size,
            Self::Range(receipt) => receipt.from <= index && index < receipt.to,
        }
    }

    /// Checks the signature with the node's key for it.
    pub fn verify(self, node: &NodeRecord) -> Result<Verified<Self>, Error> {
        let verified = match self {
            Self::Cosignature(made) => {
                let key = match made.kind {
                    CosignatureKind::Witness => node.witness,
                    CosignatureKind::Holds => node.holds,
                };
                Self::Cosignature(made.verify(&key)?.into_inner())
            }
            Self::Range(receipt) => Self::Range(receipt.verify(&node.holds)?.into_inner()),
        };
        Ok(Verified::new(verified))
    }

    /// The bytes of what it is, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Cosignature(made) => made.to_bytes(),
            Self::Range(receipt) => receipt.to_bytes(),
        }
    }

    /// Reads either; nothing may follow.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.starts_with(RANGE_MAGIC) {
            HoldsRange::from_bytes(bytes).map(Self::Range)
        } else {
            Cosignature::from_bytes(bytes).map(Self::Cosignature)
        }
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Cosignature(made) => made.kind as u8,
            Self::Range(_) => RANGE_CODE,
        }
    }

    /// The first size above everything it covers.
    const fn end(&self) -> u64 {
        match self {
            Self::Cosignature(made) => made.checkpoint.size,
            Self::Range(receipt) => receipt.to,
        }
    }

    pub(crate) fn history_key(&self) -> Vec<u8> {
        let mut key = history_prefix(&self.checkpoint().log, self.code(), self.by());
        key.put_u64(self.end());
        key
    }
}

impl From<Verified<Cosignature>> for Verified<Statement> {
    fn from(made: Verified<Cosignature>) -> Self {
        Self::new(Statement::Cosignature(made.into_inner()))
    }
}

impl From<Verified<HoldsRange>> for Verified<Statement> {
    fn from(receipt: Verified<HoldsRange>) -> Self {
        Self::new(Statement::Range(receipt.into_inner()))
    }
}

fn history_prefix(log: &LogId, code: u8, by: NodeId) -> Vec<u8> {
    let mut key = log.to_key().to_vec();
    key.put_u8(code);
    key.put_node(by);
    key
}

/// What one node has stated about one entry; each the earliest statement that covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which node.
    pub by: NodeId,
    /// "Consistent with everything I cosigned."
    pub witness: Option<Cosignature>,
    /// "And everything below this size addressed to me is durable here and opens."
    pub holds: Option<Cosignature>,
    /// "And so is this range, above a gap."
    pub range: Option<HoldsRange>,
}

impl Receipt {
    /// When the node first stated that it holds the entry, POSIX seconds of its own clock.
    pub fn held_s(&self) -> Option<u64> {
        let holds = self.holds.as_ref().map(|made| made.time_s);
        let range = self.range.as_ref().map(|receipt| receipt.time_s);
        holds.into_iter().chain(range).min()
    }

    /// The same as a time.
    pub fn held_at(&self) -> Option<Timestamp> {
        self.held_s().map(posix_time)
    }

    /// When the node first witnessed a tree with the entry.
    pub fn witnessed_at(&self) -> Option<Timestamp> {
        self.witness.as_ref().map(|made| posix_time(made.time_s))
    }
}

fn posix_time(seconds: u64) -> Timestamp {
    let nanos = i128::from(seconds) * 1_000_000_000;
    Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// What every node has stated about an entry, in order of node; nodes that stated nothing about its log
/// are not listed.
pub fn receipts_of<S: StoreRead + ?Sized>(
    store: &S,
    entry: &EntryId,
) -> Result<Vec<Receipt>, Error> {
    let mut found: Vec<Receipt> = Vec::new();
    let newest = store.cosignatures(&entry.log)?.into_iter().map(Statement::Cosignature);
    let ranges = store.receipts(&entry.log)?.into_iter().map(Statement::Range);
    for statement in newest.chain(ranges) {
        let by = statement.by();
        let place = match found.binary_search_by_key(&by, |receipt| receipt.by) {
            Ok(place) => place,
            Err(place) => {
                found.insert(place, Receipt { by, witness: None, holds: None, range: None });
                place
            }
        };
        let first = first_covering(store, entry, statement.code(), by)?;
        let first = first.or_else(|| statement.covers(entry.index).then_some(statement));
        match first {
            Some(Statement::Range(receipt)) => {
                let known = found[place].range.take().filter(|known| known.time_s < receipt.time_s);
                found[place].range = Some(known.unwrap_or(receipt));
            }
            Some(Statement::Cosignature(made)) if made.kind == CosignatureKind::Holds => {
                found[place].holds = Some(made);
            }
            Some(Statement::Cosignature(made)) => found[place].witness = Some(made),
            None => {}
        }
    }
    Ok(found)
}

/// The earliest replaced statement of this kind by `by` that covers the entry.
fn first_covering<S: StoreRead + ?Sized>(
    store: &S,
    entry: &EntryId,
    code: u8,
    by: NodeId,
) -> Result<Option<Statement>, Error> {
    let prefix = history_prefix(&entry.log, code, by);
    let mut from = prefix.clone();
    from.put_u64(entry.index.saturating_add(1));
    // A cosignature covers everything below its size, so the first row is the one; ranges may differ in
    // where they begin.
    for (key, value) in store.scan(Table::History, &from, RANGES_LOOKED_AT_MAX)? {
        if !key.starts_with(&prefix) {
            break;
        }
        let statement = Statement::from_bytes(Row::content(Table::History, &key, &value)?)?;
        if statement.covers(entry.index) {
            return Ok(Some(statement));
        }
    }
    Ok(None)
}

/// The newest of the replaced statements of this kind by `by`, newest first.
pub(crate) fn last_replaced<S: StoreRead + ?Sized>(
    store: &S,
    log: &LogId,
    kind: CosignatureKind,
    by: NodeId,
) -> Result<Vec<Statement>, Error> {
    let prefix = history_prefix(log, kind as u8, by);
    let mut found = Vec::new();
    let mut to = u64::MAX;
    while found.len() < REPLACED_LOOKED_AT_MAX {
        let mut last = prefix.clone();
        last.put_u64(to);
        let Some((key, value)) = store.last(Table::History, &last)? else { break };
        let Some(end) = key.strip_prefix(&prefix[..]).and_then(|end| end.try_into().ok()) else {
            break;
        };
        found.push(Statement::from_bytes(Row::content(Table::History, &key, &value)?)?);
        match u64::from_be_bytes(end).checked_sub(1) {
            Some(before) => to = before,
            None => break,
        }
    }
    Ok(found)
}

/// The header of an entry that is held whole.
pub fn entry_header<S: StoreRead + ?Sized>(
    store: &S,
    entry: &EntryId,
) -> Result<Option<EntryHeader>, Error> {
    let Some(batch) = store.batch_of(entry)? else { return Ok(None) };
    Ok(batch.entries().find(|held| held.id() == *entry).map(|held| *held.header()))
}
