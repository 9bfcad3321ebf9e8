//! The store port's promises as checks that every engine runs: see [`crate::Store`].

use crate::store::KeyValue;
use crate::{LogId, Row, Store, StoreRead, StoreReadExt as _, Table, Write};

/// One engine under test.
pub trait Bench {
    /// Its store.
    type Store: Store;

    /// Opens the store, anew or again; the one opened before is gone.
    fn open(&mut self) -> Self::Store;

    /// Ends the store as a crash of the process does: nothing is tidied up.
    fn crash(&mut self, store: Self::Store) {
        drop(store);
    }

    /// The next commit fails; whether it is persisted all the same. Ends with [`Bench::mend`].
    fn fail_next(&mut self, store: &mut Self::Store, persisted: bool);

    /// From here on commits succeed again.
    fn mend(&mut self);

    /// Another reader of an open store, where the engine has one.
    fn reader(&self, store: &Self::Store) -> Option<Box<dyn StoreRead + Send>>;
}

/// What commit `number` writes: a body of its own, a note of its own, a note all commits replace.
fn writes(number: u64) -> Vec<Write> {
    let meta = |name: String, value: Vec<u8>| Write::Meta { name, value };
    vec![
        Write::Bodies { log: log(), end: number + 1, wrapped: number.to_be_bytes().repeat(20) },
        meta(format!("note-{number}"), number.to_be_bytes().repeat(3)),
        meta("newest".to_owned(), number.to_be_bytes().to_vec()),
    ]
}

fn log() -> LogId {
    "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().expect("a log's name")
}

/// Whether the commit's own rows are there: all or none.
fn found(store: &impl StoreRead, number: u64) -> bool {
    let mut there = Vec::new();
    for write in &writes(number)[..2] {
        let (table, key) = write.place();
        let value = store.get(table, &key).expect("the store reads");
        if let Some(value) = &value {
            assert_eq!(*value, write.row().value, "commit {number} as it was written");
        }
        there.push(value.is_some());
    }
    assert_eq!(there[0], there[1], "commit {number} whole or not at all");
    there[0]
}

fn newest(store: &impl StoreRead) -> Option<u64> {
    let value = store.meta("newest").expect("the store reads")?;
    Some(u64::from_be_bytes(value.try_into().expect("eight bytes")))
}

fn commit(store: &mut impl Store, number: u64) {
    store.commit(&writes(number)).expect("a healthy store takes commits");
}

/// Every promise, one after the other, in one store.
///
/// # Panics
/// If one is not kept.
pub fn check<B: Bench>(bench: &mut B) {
    rows_come_back(bench);
    reads_are_ordered_and_limited(bench);
    failed_and_not_persisted(bench);
    failed_but_persisted(bench);
    readers_see_whole_commits(bench);
}

/// What was committed is read at once and after opening again; equal keys are replaced.
pub fn rows_come_back<B: Bench>(bench: &mut B) {
    let mut store = bench.open();
    assert!(!found(&store, 0) && newest(&store).is_none(), "a new store is empty");
    for number in 0..5 {
        commit(&mut store, number);
        assert!(found(&store, number), "a read sees every commit that returned before it");
        assert_eq!(newest(&store), Some(number));
    }
    store.commit(&[]).expect("nothing to write is no error");
    bench.crash(store);
    let store = bench.open();
    assert!((0..5).all(|number| found(&store, number)), "commits survive");
    assert_eq!(newest(&store), Some(4));
}

/// Rows come in ascending byte order from the key asked for, no more than asked for.
pub fn reads_are_ordered_and_limited<B: Bench>(bench: &mut B) {
    let mut store = bench.open();
    let notes: Vec<Write> = ["b", "a\u{0}", "a", "", "ab", "\u{7f}"]
        .into_iter()
        .map(|name| Write::Meta { name: name.to_owned(), value: name.as_bytes().to_vec() })
        .collect();
    store.commit(&notes).expect("a healthy store takes commits");
    let names = |rows: Vec<KeyValue>| -> Vec<String> {
        rows.into_iter()
            .map(|(key, value)| {
                Row::content(Table::Meta, &key, &value).expect("the digest fits");
                String::from_utf8(key).expect("a name")
            })
            .filter(|name| !name.starts_with("note-") && name != "newest")
            .collect()
    };
    let scan =
        |from: &str, limit| names(store.scan(Table::Meta, from.as_bytes(), limit).expect("reads"));
    assert_eq!(scan("", 100), ["", "a", "a\u{0}", "ab", "b", "\u{7f}"]);
    assert_eq!(scan("a\u{0}", 2), ["a\u{0}", "ab"]);
    assert_eq!(scan("\u{7f}\u{0}", 5), Vec::<String>::new());
    assert_eq!(scan("", 0), Vec::<String>::new());
    let last = |to: &str| store.last(Table::Meta, to.as_bytes()).expect("reads").map(|row| row.0);
    assert_eq!(last("aa"), Some(b"a\0".to_vec()));
    assert_eq!(last("b"), Some(b"b".to_vec()));
    let none = store.last(Table::Equivocation, &[255; 40]).expect("reads");
    assert_eq!(none, None, "tables are apart");
    assert_eq!(store.scan(Table::Equivocation, &[], 5).expect("reads"), Vec::new());
}

/// A commit that failed and was not persisted is not there later, and is taken when it comes again.
pub fn failed_and_not_persisted<B: Bench>(bench: &mut B) {
    let mut store = bench.open();
    commit(&mut store, 10);
    bench.fail_next(&mut store, false);
    store.commit(&writes(11)).expect_err("the fault was ordered");
    assert_eq!((found(&store, 11), newest(&store)), (false, Some(10)));
    bench.mend();
    bench.crash(store);
    let mut store = bench.open();
    assert_eq!((found(&store, 11), newest(&store)), (false, Some(10)));
    bench.fail_next(&mut store, false);
    store.commit(&writes(11)).expect_err("the fault was ordered");
    bench.mend();
    commit(&mut store, 11);
    commit(&mut store, 12);
    bench.crash(store);
    let store = bench.open();
    assert!((10..13).all(|number| found(&store, number)), "nothing else was lost");
    assert_eq!(newest(&store), Some(12));
}

/// A commit that failed but was persisted is there after opening again, and may come again.
pub fn failed_but_persisted<B: Bench>(bench: &mut B) {
    let mut store = bench.open();
    // One before it: the first commit after opening may have more to do than to be persisted.
    commit(&mut store, 19);
    bench.fail_next(&mut store, true);
    store.commit(&writes(20)).expect_err("the fault was ordered");
    bench.mend();
    bench.crash(store);
    let mut store = bench.open();
    assert!(found(&store, 20), "it was persisted");
    commit(&mut store, 20);
    bench.fail_next(&mut store, true);
    store.commit(&writes(21)).expect_err("the fault was ordered");
    bench.mend();
    // Another commit first: what was persisted before it stays, and nothing is out of order.
    commit(&mut store, 22);
    assert_eq!(newest(&store), Some(22), "the later commit wins");
    assert!(found(&store, 22));
    commit(&mut store, 21);
    bench.crash(store);
    let store = bench.open();
    assert!((20..23).all(|number| found(&store, number)));
    assert_eq!(newest(&store), Some(21));
}

/// Commits while others read: a read never sees part of one, and never an older state than before.
pub fn readers_see_whole_commits<B: Bench>(bench: &mut B) {
    const COMMITS: u64 = 30;
    const PAIR: [&str; 2] = ["pair-a", "pair-b"];
    let mut store = bench.open();
    let pair = |number: u64| {
        PAIR.map(|name| Write::Meta { name: name.to_owned(), value: number.to_be_bytes().to_vec() })
    };
    store.commit(&pair(0)).expect("a healthy store takes commits");
    let readers: Vec<_> = (0..2).filter_map(|_| bench.reader(&store)).collect();
    std::thread::scope(|scope| {
        for reader in readers {
            scope.spawn(move || {
                let mut seen = 0;
                while seen < COMMITS {
                    let rows = reader.scan(Table::Meta, PAIR[0].as_bytes(), 2).expect("reads");
                    let values: Vec<&[u8]> = rows
                        .iter()
                        .map(|(key, value)| Row::content(Table::Meta, key, value).expect("whole"))
                        .collect();
                    assert_eq!(values[0], values[1], "one commit, one value");
                    let now = u64::from_be_bytes(values[0].try_into().expect("eight bytes"));
                    assert!(now >= seen, "a reader goes forward");
                    seen = now;
                }
            });
        }
        for number in 1..=COMMITS {
            store.commit(&pair(number)).expect("a healthy store takes commits");
        }
    });
}
