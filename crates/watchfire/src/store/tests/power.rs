//! Losing power at any moment: commits that returned are whole afterwards.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use base::Timestamp;
use log::{
    Cursor, Frontier, Incarnation, LogHead, LogId, LogState, Precedence, Realm, Row, Store as _,
    StoreReadExt as _, Write,
};

use super::super::high_water::{HighWaterFile, Span};
use super::disk::{Act, Disk, after_power_cut};
use super::{Seeded, found, from_environment, open, writes};

/// Commits in the run that is cut.
const COMMITS: u64 = 60;

/// What was found after all the cuts of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Losses {
    /// Cuts after which an acknowledged commit was gone.
    lost: u64,
    /// Cuts after which a commit was there in part.
    partial: u64,
    /// Cuts after which the store was refused or damaged.
    damaged: u64,
}

/// One run of commits, with the write-ahead log folded back now and then.
fn record(disk: &Disk, name: &str, synchronous: &str) -> Vec<Act> {
    let mut store = open(name, synchronous).expect("an empty disk takes a store");
    for number in 0..COMMITS {
        store.commit(&writes(number)).expect("a healthy disk takes commits");
        disk.acknowledged(number);
        if number % 7 == 6 {
            store.fold_back();
        }
    }
    disk.record()
}

/// Cuts the run at seeded points and looks at what is there.
fn cut(disk: &Disk, name: &str, record: &[Act], seed: u64, cuts: u64) -> Losses {
    let mut losses = Losses::default();
    for number in 0..cuts {
        let mut random = Seeded(seed.wrapping_mul(1_000_003) + number);
        let at = random.size_below(record.len() + 1);
        disk.replace(after_power_cut(&record[..at], &mut random));
        let acknowledged = record[..at].iter().rev().find_map(|act| match act {
            Act::Acknowledged(number) => Some(number + 1),
            _ => None,
        });
        look(name, acknowledged.unwrap_or(0), &mut losses);
    }
    losses
}

/// Opens what is left and compares it with what was acknowledged.
fn look(name: &str, acknowledged: u64, losses: &mut Losses) {
    let Ok(store) = open(name, "FULL") else {
        losses.damaged += 1;
        return;
    };
    if !store.integrity().is_empty() {
        losses.damaged += 1;
        return;
    }
    let (mut complete, mut lost, mut partial) = (0, false, false);
    for number in 0..COMMITS {
        match found(&store, number) {
            Ok((there, all)) if there == all => complete = number + 1,
            Ok((0, _)) => lost |= number < acknowledged,
            Ok(_) => partial = true,
            Err(_) => {
                losses.damaged += 1;
                return;
            }
        }
    }
    let newest = store.meta("newest").ok().flatten();
    partial |= newest != complete.checked_sub(1).map(|number: u64| number.to_be_bytes().to_vec());
    losses.lost += u64::from(lost);
    losses.partial += u64::from(partial);
}

fn run(name: &str, synchronous: &str, ignores_syncs: bool) -> Losses {
    let seed = from_environment("WATCHFIRE_SEED", 1);
    let cuts = from_environment("WATCHFIRE_POWER_CUTS", 400);
    let disk = Disk::new(name);
    if ignores_syncs {
        disk.ignore_syncs();
    }
    let record = record(&disk, name, synchronous);
    let losses = cut(&disk, name, &record, seed, cuts);
    println!(
        "synchronous={synchronous}, disk {} syncs, seed {seed}: {} acts recorded, {cuts} power cuts: {losses:?}",
        if ignores_syncs { "ignores" } else { "obeys" },
        record.len(),
    );
    losses
}

#[test]
fn with_full_nothing_acknowledged_is_lost() {
    assert_eq!(run("full", "FULL", false), Losses::default());
}

#[test]
fn with_normal_acknowledged_commits_are_lost_but_nothing_breaks() {
    let losses = run("normal", "NORMAL", false);
    assert!(losses.lost > 0, "{losses:?}");
    assert_eq!((losses.partial, losses.damaged), (0, 0));
}

#[test]
fn with_off_acknowledged_commits_are_lost() {
    let losses = run("off", "OFF", false);
    assert!(losses.lost > 0, "{losses:?}");
}

#[test]
fn a_disk_that_ignores_syncs_is_found_out() {
    let losses = run("ignoring", "FULL", true);
    assert!(losses.lost > 0, "{losses:?}");
}

fn mark(size: u64) -> LogState {
    let node = "KOR-1".parse().expect("a node");
    let log = LogId { node, lane: Precedence::Flash, incarnation: Incarnation([7; 16]) };
    LogState { log, size, root: log::sha256(&size.to_be_bytes()) }
}

/// What the two slots hold.
fn slots(path: &Path) -> [Vec<u8>; 2] {
    ["a", "b"].map(|end| std::fs::read(path.with_extension(end)).expect("both slots are there"))
}

fn highest(path: &Path) -> Option<u64> {
    let found = HighWaterFile::inspect(path).expect("the slots can be read");
    found.marks?.iter().map(|state| state.size).max()
}

#[test]
fn a_torn_raise_leaves_the_mark_before_it() {
    let folder = super::Folder::new("torn-raise");
    let path = folder.path().join("high-water");
    let realm = Realm::exercise("torn-raise").expect("a name");
    let node = "KOR-1".parse().expect("a node");
    let mut file = HighWaterFile::open(&path, &realm, node).expect("an empty folder takes it");
    file.make_whole().expect("the folder can be written");
    let mut torn = 0;
    let mut before = slots(&path);
    for size in 1..=6 {
        file.raise(&[mark(size)]).expect("the folder can be written");
        let after = slots(&path);
        let written = usize::from(before[0] == after[0]);
        let slot = path.with_extension(["a", "b"][written]);
        let file = File::options().write(true).open(&slot).expect("the slot can be written");
        let put = |bytes: &[u8]| {
            file.set_len(bytes.len() as u64).expect("the slot can be resized");
            file.write_all_at(bytes, 0).expect("the slot can be written");
        };
        // Mixtures of old and new at one edge, both ways round, and shorter files; at every byte of
        // the text and at the sectors of the padding.
        let (old, new) = (&before[written], &after[written]);
        let text = new.iter().position(|byte| *byte == 0).expect("marks are padded");
        for edge in (1..=text + 8).chain((text + 9..new.len()).step_by(512)) {
            let mixtures = [
                [&new[..edge], &old[edge..]].concat(),
                [&old[..edge], &new[edge..]].concat(),
                new[..edge].to_vec(),
            ];
            for mixture in mixtures {
                put(&mixture);
                let found = highest(&path);
                assert!(found == Some(size) || found == (size > 1).then(|| size - 1), "{found:?}");
                torn += 1;
            }
        }
        put(new);
        assert_eq!(highest(&path), Some(size));
        before = after;
    }
    println!("{torn} torn raises, the mark before or the new one read after each");
}

/// What commit `number` of the express way writes: its rows, and the log one entry longer.
fn express_writes(number: u64) -> Vec<Write> {
    let size = number + 1;
    let peaks = vec![[9; 32]; size.count_ones() as usize];
    let frontier = Frontier::from_peaks(size, peaks).expect("as many peaks as bits");
    let done = Cursor { frontier, logged: Timestamp::from_seconds(1) };
    let mut writes = writes(number);
    writes.push(Write::Head(LogHead { log: mark(size).log, done, jumps: Vec::new() }));
    writes
}

fn open_slots(path: &Path) -> HighWaterFile {
    let realm = Realm::exercise("express").expect("a name");
    let node = "KOR-1".parse().expect("a node");
    HighWaterFile::open(path, &realm, node).expect("one slot at least is whole")
}

fn put_slots(path: &Path, slots: &[Vec<u8>; 2]) {
    for (end, bytes) in ["a", "b"].into_iter().zip(slots) {
        std::fs::write(path.with_extension(end), bytes).expect("the folder can be written");
    }
}

/// A run of the express way as the writer does it: marks and rows into the slot, the answer, then the
/// database. Gives the database's record and both slots after each answer, those at the start first.
fn record_express(disk: &Disk, name: &str, path: &Path) -> (Vec<Act>, Vec<[Vec<u8>; 2]>) {
    let mut store = open(name, "FULL").expect("an empty disk takes a store");
    let mut file = open_slots(path);
    file.make_whole().expect("the folder can be written");
    let mut seen = vec![slots(path)];
    for number in 0..COMMITS {
        let writes = express_writes(number);
        let rows: Vec<Row> = writes.iter().map(Write::row).collect();
        let mark = mark(number + 1);
        let span = Span { log: mark.log, first: number, size: mark.size };
        file.raise_before(&[mark], vec![span], rows).expect("the folder can be written");
        seen.push(slots(path));
        disk.acknowledged(number);
        store.commit(&writes).expect("a healthy disk takes commits");
        if number % 7 == 6 {
            store.fold_back();
        }
    }
    (disk.record(), seen)
}

#[test]
fn what_the_express_way_answered_survives_a_power_cut_at_any_moment() {
    let seed = from_environment("WATCHFIRE_SEED", 1);
    let cuts = from_environment("WATCHFIRE_POWER_CUTS", 400);
    let folder = super::Folder::new("express-power");
    let path = folder.path().join("high-water");
    let disk = Disk::new("express");
    let (record, seen) = record_express(&disk, "express", &path);
    let (mut losses, mut paid, mut torn) = (Losses::default(), 0, 0);
    for number in 0..cuts {
        let mut random = Seeded(seed.wrapping_mul(1_000_003) + number);
        let at = random.size_below(record.len() + 1);
        let acknowledged = record[..at].iter().rev().find_map(|act| match act {
            Act::Acknowledged(number) => Some(number + 1),
            _ => None,
        });
        let acknowledged = acknowledged.unwrap_or(0);
        let mut left = seen[usize::try_from(acknowledged).expect("a small number")].clone();
        if let Some(Act::Acknowledged(next)) = record.get(at) {
            // The slot's write was under way: any part of it may be there.
            let next = &seen[usize::try_from(next + 1).expect("a small number")];
            let slot = usize::from(left[0] == next[0]);
            let edge = random.size_below(next[slot].len() + 1);
            let length = left[slot].len().max(next[slot].len());
            left[slot].resize(length, 0);
            left[slot][..edge].copy_from_slice(&next[slot][..edge]);
            torn += 1;
        }
        disk.replace(after_power_cut(&record[..at], &mut random));
        put_slots(&path, &left);
        let Ok(mut store) = open("express", "FULL") else {
            losses.damaged += 1;
            continue;
        };
        let rows = open_slots(&path).owed(&store).expect("the store can be read");
        paid += u64::from(!rows.is_empty());
        store.put_rows(rows.into_iter()).expect("a healthy disk takes rows");
        drop(store);
        look("express", acknowledged, &mut losses);
    }
    println!(
        "seed {seed}: {cuts} power cuts, {torn} torn slots, {paid} commits put in from them: {losses:?}"
    );
    assert_eq!(losses, Losses::default());
    assert!(paid > 0 && torn > 0, "both cases were met");
}

#[test]
fn a_store_put_back_takes_no_redo_and_is_behind_its_marks() {
    let folder = super::Folder::new("express-rollback");
    let path = folder.path().join("high-water");
    let disk = Disk::new("express-rollback");
    let (record, seen) = record_express(&disk, "express-rollback", &path);
    put_slots(&path, seen.last().expect("the slots were seen"));
    let at = |number: u64| {
        let place =
            record.iter().position(|act| matches!(act, Act::Acknowledged(n) if *n == number));
        place.expect("every commit is acknowledged")
    };
    // Put back to where each earlier commit began: the last two redos fit, no other.
    for number in [1, 20, COMMITS - 3, COMMITS - 2, COMMITS - 1] {
        let mut random = Seeded(number);
        disk.replace(after_power_cut(&record[..at(number)], &mut random));
        let store = open("express-rollback", "FULL").expect("a healthy store");
        let rows = open_slots(&path).owed(&store).expect("the store can be read");
        let fits = number >= COMMITS - 2;
        assert_eq!(!rows.is_empty(), fits, "put back to before commit {number}");
        let marks = HighWaterFile::inspect(&path).expect("the slots can be read");
        let ahead = marks.marks_of(&store).expect("the store can be read");
        assert_eq!(ahead.is_empty(), fits, "fsck hears of marks above the store");
    }
}
