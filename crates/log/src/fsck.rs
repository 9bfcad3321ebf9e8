//! Re-verification of everything a store holds, and the verified replay of its statements.
//!
//! [`fsck`] reads every row of every table: digests, batches (layout, leaf hashes, roots, signatures,
//! order, audiences), heads, stored bodies against their batches, cosignatures and receipts (signatures,
//! roots), complaints, proofs, and the high-water file if given. It never stops at a fault: it reports
//! all of them, each with its place.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, limits};
use serde::Serialize;

use crate::mirror::continued;
use crate::store::{Cursor, walk};
use crate::{
    Apart, Batch, Body, Charter, Complaint, Cosignature, CosignatureKind, EntryId,
    EquivocationProof, Error, Fact, HighWater, HoldsRange, Item, LogHead, LogId, Row, Standing,
    Statement, StorageKey, StoreRead, StoreReadExt, Table, Verified,
};

/// What a store is checked against.
#[derive(Clone, Copy, Debug)]
pub struct FsckScope<'a> {
    /// The charter in force.
    pub charter: &'a Charter,
    /// Whose store it is.
    pub node: NodeId,
    /// Opens stored bodies; without it only their digests are checked.
    pub storage: Option<&'a StorageKey>,
    /// The node's high-water file.
    pub high_water: Option<&'a HighWater>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Entries held whole.
    pub entries: u64,
    /// Checkpoints verified, one a batch.
    pub checkpoints: u64,
    /// Cosignatures and range receipts verified.
    pub receipts: u64,
    /// Entries of other histories of a log, kept apart because its node signed both.
    pub apart: u64,
    /// What is wrong, the first [`limits::FINDINGS_KEPT_MAX`] of it.
    pub faults: Vec<FsckFault>,
    /// How many things are wrong.
    pub faults_total: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FsckFault {
    /// Where: a table and what it holds there.
    pub place: String,
    /// What was expected and what is there.
    pub problem: String,
}

/// Re-verifies every byte of a store.
pub fn fsck<S: StoreRead + ?Sized>(store: &S, scope: &FsckScope<'_>) -> FsckReport {
    let mut check =
        Check { store, scope: *scope, report: FsckReport::default(), complained: BTreeSet::new() };
    check.complaints();
    let heads = check.heads();
    check.batches(&heads);
    check.bodies_without_batch();
    check.cosignatures();
    check.receipts();
    check.history();
    check.equivocations();
    check.notes();
    check.high_water();
    check.report
}

struct Check<'a, S: ?Sized> {
    store: &'a S,
    scope: FsckScope<'a>,
    report: FsckReport,
    /// Entries this node complained about: their bodies may be missing.
    complained: BTreeSet<EntryId>,
}

impl<S: StoreRead + ?Sized> Check<'_, S> {
    fn fault(&mut self, place: impl Into<String>, problem: &impl ToString) {
        self.report.faults_total += 1;
        if self.report.faults.len() < limits::FINDINGS_KEPT_MAX {
            let (place, problem) = (place.into(), problem.to_string());
            self.report.faults.push(FsckFault { place, problem });
        }
    }

    /// Visits every row with its checked content; faults of the visit are noted at the row.
    fn table(
        &mut self,
        table: Table,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), Error>,
    ) {
        let store = self.store;
        let walked = walk(store, table, &[], |key, value| {
            let visited = Row::content(table, &key, &value)
                .map_err(Error::from)
                .and_then(|content| visit(self, &key, content));
            if let Err(error) = visited {
                self.fault(place(table, &key), &error);
            }
            Ok(())
        });
        if let Err(error) = walked {
            self.fault(table.as_str(), &error);
        }
    }

    fn complaints(&mut self) {
        let node = self.scope.node;
        self.table(Table::Complaint, |check, key, content| {
            let complaint = Complaint::read(content)?;
            let mut by = key.to_vec();
            by.truncate(5);
            let by = crate::codec::Reader::new("a complaint's key", &by).node()?;
            same_key(key, &crate::Write::Complaint { by, complaint })?;
            if by == node {
                check.complained.insert(complaint.entry);
            }
            Ok(())
        });
    }

    fn heads(&mut self) -> BTreeMap<LogId, LogHead> {
        let mut heads = BTreeMap::new();
        self.table(Table::Head, |_, key, content| {
            let head = LogHead::from_row(key, content)?;
            heads.insert(head.log, head);
            Ok(())
        });
        heads
    }

    fn batches(&mut self, heads: &BTreeMap<LogId, LogHead>) {
        let mut ends: BTreeMap<LogId, Ends> = BTreeMap::new();
        for head in heads.values() {
            ends.insert(head.log, Ends::new(Some(head)));
        }
        self.table(Table::Batch, |check, key, content| {
            let batch = Batch::parse(content)?;
            same_key(key, &crate::Write::Batch(batch.clone()))?;
            let ends = ends.entry(batch.log()).or_insert_with(|| Ends::new(None));
            verify_batch(&batch, ends, check.scope.charter, check.scope.node)?;
            check.report.checkpoints += 1;
            check.report.entries += batch.entries().count() as u64;
            check.bodies(&batch);
            Ok(())
        });
        for (log, ends) in &ends {
            match heads.get(log) {
                None => self.fault(format!("head of {log}"), &"expected a head, got none"),
                Some(head) if !ends.reach(head) => {
                    let have = ends.size();
                    let problem = format!("expected batches up to {}, got {have}", head.newest());
                    self.fault(format!("head of {log}"), &problem);
                }
                Some(_) => {}
            }
        }
    }

    /// The stored bodies of one batch are exactly those of its entries.
    fn bodies(&mut self, batch: &Batch) {
        let Some(storage) = self.scope.storage else { return };
        let place = format!("bodies of {} up to {}", batch.log(), batch.end());
        let mut bodies = match read_bodies(self.store, storage, batch) {
            Ok(bodies) => bodies,
            Err(error) => {
                self.fault(place, &error);
                return;
            }
        };
        for entry in batch.entries() {
            let id = entry.id();
            match bodies.remove(&id.index) {
                None if self.complained.contains(&id) => {}
                None => self.fault(&place, &format!("expected a body of {}, got none", id.index)),
                Some(body)
                    if entry.header().epoch > 0 || body.is_encoded_as(entry.sealed_body()) => {}
                Some(_) => {
                    let problem = format!("expected the body of {}, got another", id.index);
                    self.fault(&place, &problem);
                }
            }
        }
        for index in bodies.keys() {
            self.fault(&place, &format!("expected bodies of whole entries, got one of {index}"));
        }
    }

    fn bodies_without_batch(&mut self) {
        self.table(Table::Bodies, |check, key, _| match check.store.get(Table::Batch, key)? {
            Some(_) => Ok(()),
            None => Err(Error::text("stored bodies", "a batch they belong to", "none")),
        });
    }

    fn cosignatures(&mut self) {
        self.table(Table::Cosignature, |check, key, content| {
            let cosignature = Cosignature::from_bytes(content)?;
            let kind = cosignature.kind;
            let cosignature = check.any_record(cosignature.by, |record| {
                let key = match kind {
                    CosignatureKind::Witness => &record.witness,
                    CosignatureKind::Holds => &record.holds,
                };
                cosignature.clone().verify(key)
            })?;
            check.same_root(&cosignature.checkpoint)?;
            same_key(key, &crate::Write::Cosignature(cosignature))?;
            check.report.receipts += 1;
            Ok(())
        });
    }

    fn receipts(&mut self) {
        self.table(Table::Receipt, |check, key, content| {
            let receipt = HoldsRange::from_bytes(content)?;
            let verify = |record: &crate::NodeRecord| receipt.clone().verify(&record.holds);
            let receipt = check.any_record(receipt.by, verify)?;
            check.same_root(&receipt.checkpoint)?;
            same_key(key, &crate::Write::Receipt(receipt))?;
            check.report.receipts += 1;
            Ok(())
        });
    }

    fn history(&mut self) {
        self.table(Table::History, |check, key, content| {
            let statement = Statement::from_bytes(content)?;
            let by = statement.by();
            let statement = check.any_record(by, |record| statement.clone().verify(record))?;
            check.same_root(statement.checkpoint())?;
            same_key(key, &crate::Write::History(statement))?;
            check.report.receipts += 1;
            Ok(())
        });
    }

    fn equivocations(&mut self) {
        self.table(Table::Equivocation, |check, key, content| {
            let proof = EquivocationProof::from_bytes(content)?;
            let node = proof.log().node;
            let proof = check.any_record(node, |record| proof.clone().verify(&record.key))?;
            let proof = proof.into_inner();
            same_key(key, &crate::Write::Equivocation(proof))
        });
    }

    /// Digests of all notes; and what is kept apart is what its node signed.
    fn notes(&mut self) {
        self.table(Table::Meta, |check, key, content| {
            if !key.starts_with(Apart::NOTES.as_bytes()) {
                return Ok(());
            }
            let apart = Apart::from_bytes(content)?;
            same_key(key, &apart.note())?;
            let FsckScope { charter, node, storage, .. } = check.scope;
            let batch = apart.batch();
            let log = batch.log();
            let keys = charter.stored_log_keys(&log, 0);
            any(charter, log.node, keys, |key| batch.checkpoint().clone().verify(key))?;
            let end = continued(batch, apart.start().clone(), charter, node.partner());
            end.map_err(fault_of)?;
            if let Some(storage) = storage {
                apart.facts(storage)?;
            }
            check.report.checkpoints += 1;
            check.report.apart += batch.entries().count() as u64;
            Ok(())
        });
    }

    fn high_water(&mut self) {
        let Some(file) = self.scope.high_water else { return };
        let store = self.store;
        match file.standing(|log, size| store.root_at(log, size)) {
            Ok(Standing::Continues) => {}
            Ok(Standing::Behind { .. }) => {
                self.fault(
                    "high-water file",
                    &"expected every signed entry in the store, got fewer",
                );
            }
            Err(error) => self.fault("high-water file", &error),
        }
    }

    /// Verifies with the first of a node's records that fits: what is stored may be under an older one.
    fn any_record<T>(
        &self,
        node: NodeId,
        verify: impl Fn(&crate::NodeRecord) -> Result<T, Error>,
    ) -> Result<T, Error> {
        any(self.scope.charter, node, self.scope.charter.stored_records(node), verify)
    }

    /// A cosigned checkpoint is the one held, where one of its size is held.
    fn same_root(&self, checkpoint: &crate::Checkpoint) -> Result<(), Error> {
        match self.store.root_at(&checkpoint.log, checkpoint.size)? {
            Some(root) if root != checkpoint.root => Err(Error::Proof { what: "cosigned root" }),
            _ => Ok(()),
        }
    }
}

fn place(table: Table, key: &[u8]) -> String {
    let log = key.first_chunk().and_then(|log| LogId::from_key(log).ok());
    let end = key.get(LogId::KEY_BYTES..).and_then(|end| end.try_into().ok());
    match (table, log, end.map(u64::from_be_bytes)) {
        (Table::Batch | Table::Bodies, Some(log), Some(end)) => {
            format!("{} of {log} up to {end}", table.as_str())
        }
        (Table::Head | Table::Cosignature | Table::Receipt | Table::History, Some(log), _) => {
            format!("{} of {log}", table.as_str())
        }
        _ => format!("{} row {}", table.as_str(), crate::base64::hex(key)),
    }
}

/// The row a content would be written to is the row it was found in.
fn same_key(key: &[u8], write: &crate::Write) -> Result<(), Error> {
    if write.place().1 == key {
        Ok(())
    } else {
        Err(Error::text("a row", "the key its content gives", "another"))
    }
}

/// The ends of a log while its batches are walked in order: of its complete part, and of each part
/// above a gap.
struct Ends(Vec<Cursor>);

impl Ends {
    fn new(head: Option<&LogHead>) -> Self {
        let jumps = head.into_iter().flat_map(|head| &head.jumps);
        // The logged time before a jump's start is not known here: any order starts anew.
        let above =
            jumps.map(|jump| Cursor { frontier: jump.start.clone(), ..Cursor::START.clone() });
        Self(std::iter::once(Cursor::START).chain(above).collect())
    }

    /// Entries found without a gap.
    fn size(&self) -> u64 {
        self.0.first().map_or(0, |done| done.frontier.size())
    }

    /// Whether everything the head claims was found.
    fn reach(&self, head: &LogHead) -> bool {
        let claimed = head.jumps.iter().map(|jump| &jump.live.frontier);
        let claimed = std::iter::once(&head.done.frontier).chain(claimed);
        self.0.iter().map(|end| &end.frontier).eq(claimed)
    }
}

/// Checks one batch and moves the end it continues.
fn verify_batch(
    batch: &Batch,
    ends: &mut Ends,
    charter: &Charter,
    node: NodeId,
) -> Result<(), Error> {
    let log = batch.log();
    if batch.checkpoint().checkpoint.realm != *charter.realm() {
        return Err(Error::text("a batch", "this realm", "another"));
    }
    let keys = charter.stored_log_keys(&log, batch.end());
    any(charter, log.node, keys, |key| batch.checkpoint().clone().verify(key))?;
    let Some(cursor) = ends.0.iter_mut().rfind(|end| end.frontier.size() == batch.first()) else {
        let expected = "the batch that comes next";
        return Err(Error::text("a batch", expected, &format!("one from {}", batch.first())));
    };
    let next = continued(batch, cursor.clone(), charter, node.partner()).map_err(fault_of)?;
    *cursor = next;
    Ok(())
}

/// Why a stored batch is not what this node may hold.
fn fault_of(reason: crate::RejectReason) -> Error {
    match reason {
        crate::RejectReason::Malformed(error) => error,
        crate::RejectReason::Root { .. } => Error::Proof { what: "batch" },
        other => Error::text("a batch", "entries this node may hold", &other.to_string()),
    }
}

/// What the first of `keys` that fits verifies, or why the last did not.
fn any<K, T>(
    charter: &Charter,
    node: NodeId,
    keys: Vec<K>,
    verify: impl Fn(&K) -> Result<T, Error>,
) -> Result<T, Error> {
    let (got, edition) = (node.to_string(), charter.edition());
    let mut last = Error::NotInCharter { what: "a node", got, edition };
    for key in keys {
        match verify(&key) {
            Ok(verified) => return Ok(verified),
            Err(error) => last = error,
        }
    }
    Err(last)
}

pub(crate) fn read_bodies<S: StoreRead + ?Sized>(
    store: &S,
    storage: &StorageKey,
    batch: &Batch,
) -> Result<BTreeMap<u64, Body>, Error> {
    let Some(wrapped) = store.bodies(&batch.log(), batch.end())? else {
        return Ok(BTreeMap::new());
    };
    let checkpoint = &batch.checkpoint().checkpoint;
    Ok(storage.unwrap(batch.first(), checkpoint, &wrapped)?.into_iter().collect())
}

/// Reads every statement of one log back from the store, verified again on the way: signatures, leaf
/// hashes and roots, like [`fsck`], but stopping at the first fault. Gives the number of facts.
///
/// A part above a gap comes after the part below it.
pub fn replay<S: StoreRead + ?Sized>(
    store: &S,
    scope: &FsckScope<'_>,
    storage: &StorageKey,
    log: &LogId,
    mut visit: impl FnMut(Fact),
) -> Result<u64, Error> {
    let head = store.head(log)?;
    let mut ends = Ends::new(head.as_ref());
    let mut count = 0;
    walk(store, Table::Batch, &log.to_key(), |key, value| {
        let batch = Batch::parse(Row::content(Table::Batch, &key, &value)?)?;
        verify_batch(&batch, &mut ends, scope.charter, scope.node)?;
        let mut bodies = read_bodies(store, storage, &batch)?;
        for item in batch.items() {
            let Item::Entry(entry) = item else { continue };
            if let Some(body) = bodies.remove(&entry.id().index) {
                visit(Fact::new(&Verified::new(entry.clone()), body));
                count += 1;
            }
        }
        Ok(())
    })?;
    match head {
        Some(head) if !ends.reach(&head) => {
            let got = format!("{} entries", ends.size());
            Err(Error::text("a log", "every batch up to its head", &got))
        }
        _ => Ok(count),
    }
}
