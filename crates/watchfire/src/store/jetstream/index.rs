//! Which rows there are and where their values lie: rebuilt by reading the journal at start.
//!
//! The values of batches and bodies stay in the journal, with the newest messages in memory; all other
//! tables are small and kept whole.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use log::Table;

use super::message::{Message, What};

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Here(Arc<[u8]>),
    Journal { sequence: u64, start: usize, length: usize },
}

/// Every row by table and key.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: BTreeMap<Table, BTreeMap<Vec<u8>, Place>>,
    /// Parts of a commit whose last part has not come.
    staged: Vec<(Table, Vec<u8>, Place)>,
    /// Whose parts they are: process, commit, parts seen.
    staging: Option<([u8; 16], u64, u16)>,
}

impl Index {
    /// Takes the next message in order: rows appear once their commit is whole. Parts of a commit that
    /// another message interrupts were never acknowledged and are dropped. An error says what was
    /// expected.
    pub(super) fn take(
        &mut self,
        sequence: u64,
        message: &Message,
        bytes: &[u8],
    ) -> Result<(), &'static str> {
        let head = &message.head;
        if head.part == 0 || head.what != What::Rows {
            self.staged.clear();
            self.staging = None;
        } else if self.staging != Some((head.process, head.commit, head.part)) {
            return Err("the parts of a commit in order");
        }
        if head.what != What::Rows {
            return Ok(());
        }
        self.staging = Some((head.process, head.commit, head.part + 1));
        self.staged.extend(message.rows.iter().map(|row| {
            let value = &bytes[row.start..row.start + row.length];
            let place = match row.table {
                Table::Batch | Table::Bodies => {
                    Place::Journal { sequence, start: row.start, length: row.length }
                }
                _ => Place::Here(value.into()),
            };
            (row.table, row.key.clone(), place)
        }));
        if head.part + 1 == head.parts {
            self.staging = None;
            for (table, key, place) in self.staged.drain(..) {
                self.rows.entry(table).or_default().insert(key, place);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Place> {
        self.rows.get(&table)?.get(key).cloned()
    }

    /// Up to `limit` rows with keys from `from` on.
    pub(super) fn scan(&self, table: Table, from: &[u8], limit: usize) -> Vec<(Vec<u8>, Place)> {
        let range = (Bound::Included(from), Bound::Unbounded);
        let rows = self.rows.get(&table).into_iter().flat_map(|rows| rows.range::<[u8], _>(range));
        rows.take(limit).map(|(key, place)| (key.clone(), place.clone())).collect()
    }

    /// The last row whose key is at most `to`.
    pub(super) fn last(&self, table: Table, to: &[u8]) -> Option<(Vec<u8>, Place)> {
        let range = (Bound::Unbounded, Bound::Included(to));
        let (key, place) = self.rows.get(&table)?.range::<[u8], _>(range).next_back()?;
        Some((key.clone(), place.clone()))
    }
}

/// The messages read or written last, so that following the journal costs no round trips.
#[derive(Debug)]
pub(super) struct Cache {
    messages: BTreeMap<u64, Arc<[u8]>>,
    order: VecDeque<u64>,
    bytes: usize,
    bytes_max: usize,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { messages: BTreeMap::new(), order: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }

    pub(super) fn get(&self, sequence: u64) -> Option<Arc<[u8]>> {
        self.messages.get(&sequence).cloned()
    }

    /// Keeps a message; those that came first go first.
    pub(super) fn put(&mut self, sequence: u64, message: Arc<[u8]>) {
        self.bytes += message.len();
        if let Some(old) = self.messages.insert(sequence, message) {
            self.bytes -= old.len();
        } else {
            self.order.push_back(sequence);
        }
        while self.bytes > self.bytes_max && self.order.len() > 1 {
            let oldest = self.order.pop_front().expect("more than one is there");
            if let Some(old) = self.messages.remove(&oldest) {
                self.bytes -= old.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use log::Write;

    use super::super::message::{Head, decode, encode};
    use super::*;

    fn take(index: &mut Index, sequence: u64, place: (u64, u16, u16), name: &str) -> bool {
        let (commit, part, parts) = place;
        let head =
            Head { what: What::Rows, process: [1; 16], commit, part, parts, before: [0; 32] };
        let write = Write::Meta { name: name.to_owned(), value: vec![1] };
        let bytes = encode(&head, &[write.row()]);
        index.take(sequence, &decode(&bytes).expect("just written"), &bytes).is_ok()
    }

    fn names(index: &Index) -> Vec<String> {
        let rows = index.scan(Table::Meta, b"", 10);
        rows.into_iter().map(|(key, _)| String::from_utf8(key).expect("a name")).collect()
    }

    #[test]
    fn a_commit_appears_with_its_last_part() {
        let mut index = Index::default();
        assert!(take(&mut index, 1, (1, 0, 2), "a"));
        assert_eq!(names(&index), Vec::<String>::new());
        assert!(take(&mut index, 2, (1, 1, 2), "b"));
        assert_eq!(names(&index), ["a", "b"]);
    }

    #[test]
    fn an_interrupted_commit_is_dropped() {
        let mut index = Index::default();
        assert!(take(&mut index, 1, (1, 0, 2), "a"));
        assert!(take(&mut index, 2, (2, 0, 1), "c"));
        assert_eq!(names(&index), ["c"]);
        assert!(!take(&mut index, 3, (1, 1, 2), "b"), "a part without those before it");
        assert_eq!(names(&index), ["c"]);
    }

    #[test]
    fn the_cache_keeps_the_newest() {
        let mut cache = Cache::new(100);
        for sequence in 1..=5 {
            cache.put(sequence, Arc::from(vec![0; 40]));
        }
        let kept: Vec<u64> = (1..=5).filter(|n| cache.get(*n).is_some()).collect();
        assert_eq!(kept, [4, 5]);
        cache.put(6, Arc::from(vec![0; 1_000]));
        assert!(cache.get(6).is_some(), "one message is kept whatever its size");
    }
}
