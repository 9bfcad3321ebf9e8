//! Cutting a store back to a moment: the rows that go so that what stays is a whole store.
//!
//! Batches go whole. A log ends before its first batch with an entry logged after the moment; what lies
//! above a gap goes with it. Cosignatures and range receipts that speak of more than is left go too:
//! whoever gave them states them again. Proofs of equivocation stay. A batch of which this node holds
//! hashes only has no time of its own and goes or stays with what is before it.

use base::Timestamp;

use crate::codec::Reader;
use crate::store::{Cursor, walk};
use crate::{
    Batch, Complaint, Cosignature, Error, HoldsRange, LogHead, LogId, Row, Statement, StoreRead,
    StoreReadExt, Table, Write,
};

/// A log that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrimmedLog {
    /// The log.
    pub log: LogId,
    /// Entries left.
    pub size: u64,
    /// Entries that go, those above a gap included.
    pub dropped: u64,
}

/// What to do to a store.
#[derive(Clone, Debug, Default)]
pub struct Trim {
    /// The logs that are cut.
    pub logs: Vec<TrimmedLog>,
    /// Rows to write: where the cut logs stand.
    pub writes: Vec<Write>,
    /// Rows to remove.
    pub removals: Vec<(Table, Vec<u8>)>,
}

impl Trim {
    /// What is left of `log`, if it was cut.
    fn size(&self, log: &LogId) -> Option<u64> {
        self.logs.iter().find(|cut| cut.log == *log).map(|cut| cut.size)
    }
}

/// Plans cutting `store` back to what was logged up to `last`.
pub fn trim_after<S: StoreRead + ?Sized>(store: &S, last: Timestamp) -> Result<Trim, Error> {
    let mut trim = Trim::default();
    for head in store.heads()? {
        cut_log(store, &head, last, &mut trim)?;
    }
    if !trim.logs.is_empty() {
        drop_statements(store, &mut trim)?;
    }
    Ok(trim)
}

fn cut_log<S: StoreRead + ?Sized>(
    store: &S,
    head: &LogHead,
    last: Timestamp,
    trim: &mut Trim,
) -> Result<(), Error> {
    let mut done = Cursor::START;
    let (mut cut, mut above_is_late) = (false, false);
    let (mut above, mut dropped, mut dropped_above) = (Vec::new(), 0, 0);
    let mut gone = Vec::new();
    walk(store, Table::Batch, &head.log.to_key(), |key, value| {
        let batch = Batch::parse(Row::content(Table::Batch, &key, &value)?)?;
        let leaves = batch.end() - batch.first();
        let late = batch.entries().any(|entry| entry.header().logged > last);
        if !cut && batch.first() != done.frontier.size() {
            above_is_late |= late;
            dropped_above += leaves;
            above.push(key);
            return Ok(());
        }
        if cut || late {
            cut = true;
            dropped += leaves;
            gone.push(key);
            return Ok(());
        }
        batch.extend(&mut done.frontier);
        if let Some(entry) = batch.entries().last() {
            done.logged = entry.header().logged;
        }
        Ok(())
    })?;
    if cut || above_is_late {
        gone.append(&mut above);
        dropped += dropped_above;
    } else {
        return Ok(());
    }
    for key in gone {
        trim.removals.push((Table::Batch, key.clone()));
        trim.removals.push((Table::Bodies, key));
    }
    let (log, size) = (head.log, done.frontier.size());
    trim.logs.push(TrimmedLog { log, size, dropped });
    if size == 0 {
        trim.removals.push((Table::Head, log.to_key().to_vec()));
    } else {
        trim.writes.push(Write::Head(LogHead { log, done, jumps: Vec::new() }));
    }
    Ok(())
}

/// Removes what speaks of entries that are no longer there.
fn drop_statements<S: StoreRead + ?Sized>(store: &S, trim: &mut Trim) -> Result<(), Error> {
    for table in [Table::Cosignature, Table::Receipt, Table::History, Table::Complaint] {
        let mut gone = Vec::new();
        walk(store, table, &[], |key, value| {
            let content = Row::content(table, &key, &value)?;
            let (log, reaches) = match table {
                Table::Cosignature => {
                    let checkpoint = Cosignature::from_bytes(content)?.checkpoint;
                    (checkpoint.log, checkpoint.size)
                }
                Table::Receipt => {
                    let receipt = HoldsRange::from_bytes(content)?;
                    (receipt.checkpoint.log, receipt.checkpoint.size)
                }
                Table::History => {
                    let statement = Statement::from_bytes(content)?;
                    (statement.checkpoint().log, statement.checkpoint().size)
                }
                _ => {
                    Reader::new("a complaint's key", &key).node()?;
                    let entry = Complaint::read(content)?.entry;
                    (entry.log, entry.index + 1)
                }
            };
            if trim.size(&log).is_some_and(|size| reaches > size) {
                gone.push((table, key));
            }
            Ok(())
        })?;
        trim.removals.append(&mut gone);
    }
    Ok(())
}
