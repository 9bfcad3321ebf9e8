//! A store in memory with faults to order, for simulators and tests.

use std::collections::BTreeMap;

use crate::store::KeyValue;
use crate::{Row, Store, StoreError, StoreRead, Table, Write};

/// What the next commit does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Says it failed, and did.
    FailNotPersisted,
    /// Says it failed, and did not.
    FailButPersisted,
    /// Says it failed after the first `rows` rows, breaking atomicity as a lying disk does.
    Torn {
        /// Rows that stay.
        rows: usize,
    },
}

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// A [`Store`] in memory. By default a commit is durable at once; see
/// [`MemoryStore::hold_back`] for a disk that lies about that.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    rows: Rows,
    /// What would survive a crash, when commits are held back.
    durable: Option<Rows>,
    fault: Option<Fault>,
    commits: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next commit goes wrong.
    pub fn fail_next(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// From here on commits answer `Ok` before they are durable, until [`MemoryStore::sync`].
    pub fn hold_back(&mut self) {
        self.durable.get_or_insert_with(|| self.rows.clone());
    }

    /// Makes everything durable that was held back; still holding back afterwards.
    pub fn sync(&mut self) {
        if self.durable.is_some() {
            self.durable = Some(self.rows.clone());
        }
    }

    /// Loses everything that is not durable, as a power cut does.
    pub fn crash(&mut self) {
        if let Some(durable) = &self.durable {
            self.rows.clone_from(durable);
        }
        self.fault = None;
    }

    /// Commits that were asked for.
    pub const fn commits(&self) -> u64 {
        self.commits
    }

    /// Every row: table, key, value.
    pub fn rows(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        self.rows.iter().map(|((table, key), value)| (*table, key.as_slice(), value.as_slice()))
    }

    /// A stored value, to be damaged.
    pub fn value_mut(&mut self, table: Table, key: &[u8]) -> Option<&mut Vec<u8>> {
        self.rows.get_mut(&(table, key.to_vec()))
    }

    /// Puts a row as it is, digest and all.
    pub fn put_raw(&mut self, row: Row) {
        self.rows.insert((row.table, row.key), row.value);
    }

    /// Removes a row.
    pub fn remove(&mut self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        self.rows.remove(&(table, key.to_vec()))
    }
}

impl StoreRead for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let rows = self.rows.range((table, from.to_vec())..);
        let rows = rows.take_while(|((of, _), _)| *of == table).take(limit);
        Ok(rows.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError> {
        let last = self.rows.range(..=(table, to.to_vec())).next_back();
        let last = last.filter(|((of, _), _)| *of == table);
        Ok(last.map(|((_, key), value)| (key.clone(), value.clone())))
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.commits += 1;
        let fault = self.fault.take();
        let persisted = match fault {
            None | Some(Fault::FailButPersisted) => writes.len(),
            Some(Fault::FailNotPersisted) => 0,
            Some(Fault::Torn { rows }) => rows.min(writes.len()),
        };
        for write in &writes[..persisted] {
            self.put_raw(write.row());
        }
        match fault {
            None => Ok(()),
            Some(_) => Err(StoreError::Failed { action: "commit", reason: "as ordered".into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::port;

    /// One store; a bench that opens it again gets what was durable.
    #[derive(Default)]
    struct Memory(std::rc::Rc<std::cell::RefCell<MemoryStore>>);

    struct Shared(std::rc::Rc<std::cell::RefCell<MemoryStore>>);

    impl StoreRead for Shared {
        fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.borrow().get(table, key)
        }

        fn scan(
            &self,
            table: Table,
            from: &[u8],
            limit: usize,
        ) -> Result<Vec<KeyValue>, StoreError> {
            self.0.borrow().scan(table, from, limit)
        }

        fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError> {
            self.0.borrow().last(table, to)
        }
    }

    impl Store for Shared {
        fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
            self.0.borrow_mut().commit(writes)
        }
    }

    impl port::Bench for Memory {
        type Store = Shared;

        fn open(&mut self) -> Shared {
            Shared(self.0.clone())
        }

        fn fail_next(&mut self, store: &mut Shared, persisted: bool) {
            let fault = if persisted { Fault::FailButPersisted } else { Fault::FailNotPersisted };
            store.0.borrow_mut().fail_next(fault);
        }

        fn mend(&mut self) {}

        fn reader(&self, _: &Shared) -> Option<Box<dyn StoreRead + Send>> {
            None
        }
    }

    #[test]
    fn the_ports_promises_hold() {
        port::check(&mut Memory::default());
    }

    #[test]
    #[should_panic(expected = "whole or not at all")]
    fn a_torn_commit_is_noticed() {
        struct Torn(Memory);
        impl port::Bench for Torn {
            type Store = Shared;

            fn open(&mut self) -> Shared {
                self.0.open()
            }

            fn fail_next(&mut self, store: &mut Shared, _: bool) {
                store.0.borrow_mut().fail_next(Fault::Torn { rows: 1 });
            }

            fn mend(&mut self) {}

            fn reader(&self, _: &Shared) -> Option<Box<dyn StoreRead + Send>> {
                None
            }
        }
        port::check(&mut Torn(Memory::default()));
    }
}
