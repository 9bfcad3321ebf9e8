//! Commits that fail: the store port's promises for `Err`, with real `SQLite`.

use log::testing::port;
use log::{Store as _, StoreRead, StoreReadExt as _};

use super::disk::{Disk, Fault, after_power_cut};
use super::{Access, Seeded, SqliteStore, found, open, writes};
use crate::store::seal;

/// Commits before the one that fails.
const BEFORE: u64 = 5;
/// Writes or syncs of the commit that may fail; one commit of the run has fewer.
const PLACES: u32 = 24;
/// Power cuts tried after each failure.
const CUTS: u64 = 12;

/// What the store of a disk after a power cut has of each commit; panics on damage.
fn after_cut(disk: &Disk, name: &str, seed: u64) -> Vec<(usize, usize)> {
    let files = after_power_cut(&disk.record(), &mut Seeded(seed));
    disk.with_files(files, || {
        let store = open(name, "FULL").expect("the store opens after a power cut");
        assert_eq!(store.integrity(), Vec::<String>::new());
        (0..=BEFORE).map(|number| found(&store, number).expect("whole rows")).collect()
    })
}

fn whole((there, all): (usize, usize)) -> bool {
    there == all
}

/// Fails the last commit at every place; returns how often it was there after a power cut although
/// the commit had failed, and how often not.
fn fail_everywhere(name: &str, fault: Fault) -> (u64, u64) {
    let disk = Disk::new(name);
    let (mut persisted, mut absent, mut failures, mut changed) = (0, 0, 0, 0);
    for place in 0..PLACES {
        disk.replace(super::disk::Files::new());
        let mut store = open(name, "FULL").expect("an empty disk takes a store");
        for number in 0..BEFORE {
            store.commit(&writes(number)).expect("a healthy disk takes commits");
        }
        disk.arm(fault, place);
        let result = store.commit(&writes(BEFORE));
        if !disk.disarm() {
            result.expect("nothing failed");
            break;
        }
        failures += 1;
        result.expect_err("the disk failed");
        let (read, all) = found(&store, BEFORE).expect("the store still reads");
        assert!(read == 0 || read == all, "{fault:?} at {place}: part of a failed commit is read");
        for cut in 0..CUTS {
            let found = after_cut(&disk, name, u64::from(place) * 1_000 + cut);
            assert!(
                found[..5].iter().all(|commit| whole(*commit)),
                "{fault:?} at {place}: {found:?}"
            );
            let (there, all) = found[5];
            assert!(there == 0 || there == all, "{fault:?} at {place}: {there} of {all} rows");
            changed += u64::from(there != read);
            *if there == 0 { &mut absent } else { &mut persisted } += 1;
        }
        store.commit(&writes(BEFORE)).expect("the same writes are taken again");
        for cut in 0..CUTS {
            let found = after_cut(&disk, name, u64::from(place) * 1_000 + 500 + cut);
            assert!(found.iter().all(|commit| whole(*commit)), "{fault:?} at {place}: {found:?}");
        }
    }
    assert!(failures > 0, "the fault never happened");
    println!(
        "{fault:?}: failed at {failures} places; after power cuts the failed commit was there {persisted} times, absent {absent} times, {changed} times other than read before it; every retry held"
    );
    (persisted, absent)
}

#[test]
fn a_full_disk_keeps_what_was_there_and_takes_the_retry() {
    let (persisted, absent) = fail_everywhere("no-space", Fault::NoSpace);
    assert!(absent > 0 && persisted == 0, "{persisted} {absent}");
}

#[test]
fn a_failed_write_keeps_what_was_there_and_takes_the_retry() {
    let (persisted, absent) = fail_everywhere("write-fails", Fault::WriteFails);
    assert!(absent > 0 && persisted == 0, "{persisted} {absent}");
}

#[test]
fn failed_and_not_persisted() {
    let (_, absent) = fail_everywhere("sync-loses", Fault::SyncLoses);
    assert!(absent > 0);
}

#[test]
fn failed_but_persisted() {
    let (persisted, absent) = fail_everywhere("sync-lies", Fault::SyncLies);
    assert!(persisted > 0 && absent == 0, "{persisted} {absent}");
}

#[test]
fn folding_back_may_fail_anywhere() {
    let name = "fold-fails";
    let disk = Disk::new(name);
    let mut failures = 0;
    for fault in [Fault::NoSpace, Fault::WriteFails, Fault::SyncLoses, Fault::SyncLies] {
        for place in 0..PLACES {
            disk.replace(super::disk::Files::new());
            let mut store = open(name, "FULL").expect("an empty disk takes a store");
            for number in 0..BEFORE {
                store.commit(&writes(number)).expect("a healthy disk takes commits");
            }
            disk.arm(fault, place);
            store.fold_back();
            if !disk.disarm() {
                break;
            }
            failures += 1;
            for cut in 0..CUTS {
                let found = after_cut(&disk, name, u64::from(place) * 1_000 + cut);
                let (last, before) = found.split_last().expect("one more commit is looked for");
                assert!(
                    before.iter().all(|commit| whole(*commit)),
                    "{fault:?} at {place}: {found:?}"
                );
                assert_eq!(last.0, 0);
            }
            store.fold_back();
            store.commit(&writes(BEFORE)).expect("a healthy disk takes commits");
            for cut in 0..CUTS {
                let found = after_cut(&disk, name, u64::from(place) * 1_000 + 500 + cut);
                assert!(
                    found.iter().all(|commit| whole(*commit)),
                    "{fault:?} at {place}: {found:?}"
                );
            }
        }
    }
    assert!(failures > 4, "the faults never happened");
    println!(
        "folding back failed at {failures} places; nothing was lost, and it went on afterwards"
    );
}

/// `SQLite` on the disk under test: a full disk, or a sync that reports a failure and wrote all.
struct OnDisk(Disk);

impl port::Bench for OnDisk {
    type Store = SqliteStore;

    fn open(&mut self) -> SqliteStore {
        open("port", "FULL").expect("the disk takes a store")
    }

    fn crash(&mut self, store: SqliteStore) {
        // What closing does is done to a copy of the files.
        self.0.with_files(self.0.files(), || drop(store));
    }

    fn fail_next(&mut self, _: &mut SqliteStore, persisted: bool) {
        self.0.arm(if persisted { Fault::SyncLies } else { Fault::NoSpace }, 0);
    }

    fn mend(&mut self) {
        assert!(self.0.disarm(), "the fault happened");
    }

    fn reader(&self, _: &SqliteStore) -> Option<Box<dyn StoreRead + Send>> {
        // This disk has no shared memory; readers beside a writer are tested on real files.
        None
    }
}

#[test]
fn the_ports_promises_hold() {
    port::check(&mut OnDisk(Disk::new("port")));
}

/// The same on real files, without faults but with readers.
struct OnFile(std::path::PathBuf);

impl port::Bench for OnFile {
    type Store = SqliteStore;

    fn open(&mut self) -> SqliteStore {
        SqliteStore::open(&self.0, Access::Write).expect("the folder takes a store")
    }

    fn fail_next(&mut self, _: &mut SqliteStore, _: bool) {
        unreachable!("faults are tried on the disk under test")
    }

    fn mend(&mut self) {}

    fn reader(&self, _: &SqliteStore) -> Option<Box<dyn StoreRead + Send>> {
        Some(Box::new(SqliteStore::open(&self.0, Access::Read).expect("the store is there")))
    }
}

#[test]
fn a_still_store_that_is_opened_meanwhile_is_read_as_it_is_then() {
    let folder = std::env::temp_dir().join(format!("watchfire-still-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let path = folder.join("watchfire.sqlite");
    let open = || SqliteStore::open(&path, Access::Write).expect("the store opens");
    let mut store = open();
    store.commit(&writes(0)).expect("there is room");
    store.close();
    let others = ["a", "b"].map(|name| folder.join(name));
    for other in &others {
        std::fs::write(other, "marks").expect("a file can be made");
    }
    seal::write(&path, [&others[0], &others[1]]).expect("the store can be sealed");

    let reader = SqliteStore::open_for_reading(&path).expect("it is read");
    let newest = || reader.meta("newest").expect("rows are whole").expect("there is one");
    assert_eq!(newest(), 0_u64.to_be_bytes());
    let beside = |ending: &str| folder.join(format!("watchfire.sqlite{ending}")).exists();
    assert!(!beside("-wal") && !beside("-shm"), "a still store is left alone");

    seal::break_seal(&path).expect("the seal can be broken");
    let mut store = open();
    for number in 1..40 {
        store.commit(&writes(number)).expect("there is room");
        store.fold_back();
        assert_eq!(newest(), number.to_be_bytes());
    }
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

#[test]
fn readers_beside_a_writer() {
    let folder = super::Folder::new("port-readers");
    let mut bench = OnFile(folder.path().join("watchfire.sqlite"));
    port::rows_come_back(&mut bench);
    port::readers_see_whole_commits(&mut bench);
}
