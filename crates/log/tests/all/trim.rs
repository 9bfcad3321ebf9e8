//! A store cut back to a moment is a whole store of that moment.

use std::collections::BTreeSet;

use base::Timestamp;
use watchfire_log::{
    KeyValue, MemoryStore, Precedence, Row, StoreError, StoreRead, StoreReadExt as _, Table, Trim,
    fsck, trim_after,
};

use crate::common::{Origin, Reader, at, draft, scope, world};

/// The store as it would be after the plan.
struct Planned<'a> {
    store: &'a MemoryStore,
    gone: BTreeSet<(Table, Vec<u8>)>,
    written: Vec<Row>,
}

impl<'a> Planned<'a> {
    fn new(store: &'a MemoryStore, trim: &Trim) -> Self {
        let gone = trim.removals.iter().cloned().collect();
        Self { store, gone, written: trim.writes.iter().map(watchfire_log::Write::row).collect() }
    }

    fn rows(&self, table: Table) -> Vec<KeyValue> {
        let mut rows = self.store.scan(table, &[], usize::MAX).unwrap();
        rows.retain(|(key, _)| !self.gone.contains(&(table, key.clone())));
        for (key, value) in &mut rows {
            let written = self.written.iter().find(|row| row.table == table && row.key == *key);
            if let Some(row) = written {
                value.clone_from(&row.value);
            }
        }
        rows
    }
}

impl StoreRead for Planned<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows(table).into_iter().find(|(at, _)| at == key).map(|(_, value)| value))
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let rows = self.rows(table).into_iter().filter(|(key, _)| key.as_slice() >= from);
        Ok(rows.take(limit).collect())
    }

    fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError> {
        Ok(self.rows(table).into_iter().rfind(|(key, _)| key.as_slice() <= to))
    }
}

/// Six batches, the first with an epoch entry before its statement, one each 250 ms from 0.25 s on.
fn stores() -> (watchfire_log::testing::TestCharter, Origin, Reader) {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Immediate);
    let mut reader = Reader::new(&world, "JPN-1", origin.writer.log());
    for number in 0..6 {
        let text = format!("scan {number}");
        let appended = origin.append(&world, vec![draft("JPN+KOR", &text)]);
        reader.take(&world, &appended);
    }
    (world, origin, reader)
}

fn check(cut: Timestamp, sizes: Option<u64>) {
    let (world, origin, reader) = stores();
    for (store, node) in [(&origin.store, origin.node), (&reader.store, reader.node)] {
        let whole = store.heads().unwrap()[0].size();
        let trim = trim_after(store, cut).unwrap();
        let planned = Planned::new(store, &trim);
        let report = fsck(&planned, &scope(&world, node));
        assert_eq!(report.faults, [], "{node} at {cut}");
        match sizes {
            None => assert!(trim.logs.is_empty() && trim.removals.is_empty()),
            Some(size) => {
                let log = &trim.logs[0];
                assert_eq!((log.size, log.size + log.dropped), (size, whole), "{node} at {cut}");
                let heads = planned.heads().unwrap();
                assert_eq!(heads.first().map_or(0, watchfire_log::LogHead::size), size);
                let receipts = planned.cosignatures(&log.log).unwrap();
                assert!(receipts.iter().all(|receipt| receipt.checkpoint.size <= size));
            }
        }
    }
}

#[test]
fn what_stays_is_whole_at_every_moment() {
    check(at(0), Some(0));
    check(at(1), Some(5));
    check(at(1) - base::TimeDelta::from_nanos(1), Some(4));
    check(at(60), None);
}
