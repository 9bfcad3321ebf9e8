//! Losing power at any moment: commits that returned are whole afterwards.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use log::{Incarnation, LogId, LogState, Precedence, Realm, Store as _, StoreReadExt as _};

use super::super::high_water::{self, HighWaterFile};
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
    let (marks, _) = high_water::inspect(path).expect("the slots can be read");
    marks?.iter().map(|state| state.size).max()
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
