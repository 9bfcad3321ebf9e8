//! The store against what disks do: lost, torn and reordered writes, failing ones, flipped bytes.
//!
//! [`disk`] is a disk for `SQLite` that remembers what it was told, so that one run can be cut at every
//! point; [`power`] and [`failures`] use it. [`bytes`] works on real files.

mod bytes;
mod disk;
mod failures;
mod power;

use std::path::{Path, PathBuf};

use log::{LogId, StoreReadExt as _, Write};

use super::{Access, SqliteStore};
use crate::error::Error;

/// Where the database lies on the disk under test.
const DATABASE: &str = "/disk/watchfire.sqlite";

/// A generator whose numbers follow from its seed (splitmix64, Steele et al., OOPSLA 2014).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn size_below(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).expect("below a size")
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256).to_be_bytes()[7]).collect()
    }
}

fn log() -> LogId {
    "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().expect("a log's name")
}

/// What commit `number` writes: a body, a few notes from nothing to several pages long, and a note
/// that every commit replaces.
fn writes(number: u64) -> Vec<Write> {
    let mut random = Seeded(number);
    let mut bytes = |limit: usize| {
        let length = random.size_below(limit);
        random.bytes(length)
    };
    let mut writes = vec![Write::Bodies { log: log(), end: number + 1, wrapped: bytes(3_000) }];
    for part in 0..number % 4 {
        writes.push(Write::Meta { name: format!("{number}-{part}"), value: bytes(9_000) });
    }
    writes.push(Write::Meta { name: "newest".to_owned(), value: number.to_be_bytes().to_vec() });
    writes
}

/// How many of the commit's own rows are there, and how many there should be. A row with other bytes
/// than were written counts as damage and is an error.
fn found(store: &SqliteStore, number: u64) -> Result<(usize, usize), log::Error> {
    let (mut there, mut all) = (0, 0);
    for write in writes(number) {
        let (read, expect) = match write {
            Write::Bodies { log, end, wrapped } => (store.bodies(&log, end)?, wrapped),
            Write::Meta { name, value } if name != "newest" => (store.meta(&name)?, value),
            _ => continue,
        };
        all += 1;
        if let Some(read) = read {
            assert_eq!(read, expect, "commit {number}: a row with a good digest and other bytes");
            there += 1;
        }
    }
    Ok((there, all))
}

/// Opens the store of the disk that `SQLite` knows as `vfs`.
fn open(vfs: &str, synchronous: &str) -> Result<SqliteStore, Error> {
    SqliteStore::open_with(Path::new(DATABASE), Access::Write, Some((vfs, synchronous)))
}

/// A folder of a test's own; removed when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("watchfire-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).expect("the system's folder for temporary files works");
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A number from the environment, such as how many times to repeat.
fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number in the environment"))
}
