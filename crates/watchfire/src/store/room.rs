//! Room on the disk of an embedded store: what is urgent has the last of it.
//!
//! | level | free | what is written |
//! | --- | --- | --- |
//! | ample | from `low_mib` on | everything |
//! | low | less | IMMEDIATE and FLASH; the others wait |
//! | last | less than a quarter of that, or a write found no room | FLASH, in the space of the reserve |
//!
//! The reserve is a file of allocated blocks beside the store. It is removed when nothing else is left, and
//! made again once there is room for it and for the level above: so a disk that somebody else fills to
//! the last byte still takes FLASH. What waits is asked of the store again and again, as when it fails.
//!
//! Room is kept for an embedded store alone: with servers the log lies on their disks.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use log::Precedence;
use rustix::fs::FallocateFlags;
use serde::{Deserialize, Serialize};

use crate::clock::instant;

/// Between two looks at the disk while commits come.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Bytes written at once where blocks cannot be set aside otherwise.
const FILL_BYTES: usize = 1024 * 1024;
const MIB: u64 = 1024 * 1024;

/// The part `[disk]` of a node's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Disk {
    /// Size of the reserve; 0 for none.
    pub(crate) reserve_mib: u32,
    /// Free space below which ROUTINE and PRIORITY wait; 0 for never.
    pub(crate) low_mib: u32,
}

impl Default for Disk {
    fn default() -> Self {
        Self { reserve_mib: 64, low_mib: 256 }
    }
}

impl Disk {
    const fn reserve(self) -> u64 {
        self.reserve_mib as u64 * MIB
    }

    const fn low(self) -> u64 {
        self.low_mib as u64 * MIB
    }

    /// What little is left when only FLASH goes on.
    const fn last(self) -> u64 {
        self.low() / 4
    }

    /// The level after a look that found so much free.
    fn judge(self, level: Level, free: u64) -> Level {
        match level {
            _ if free < self.last() => Level::Last,
            // The reserve has to be made again first, and the level is to last.
            Level::Last if free < 2 * self.last() + self.reserve() => Level::Last,
            Level::Last if free < self.low() + self.low() / 4 + self.reserve() => Level::Low,
            Level::Low if free < self.low() + self.low() / 4 => Level::Low,
            _ if free < self.low() => Level::Low,
            _ => Level::Ample,
        }
    }
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// For everything.
    Ample,
    /// For FLASH and IMMEDIATE.
    Low,
    /// For FLASH.
    Last,
}

impl Level {
    /// Whether what is this urgent waits.
    pub(crate) fn sheds(self, urgency: Precedence) -> bool {
        match self {
            Self::Ample => false,
            Self::Low => matches!(urgency, Precedence::Priority | Precedence::Routine),
            Self::Last => urgency != Precedence::Flash,
        }
    }
}

/// What a look at the disk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) level: Level,
    pub(crate) free_bytes: u64,
    /// Whether the reserve is there, or none is wanted.
    pub(crate) reserved: bool,
}

/// Where the reserve lies, for a store in this folder.
pub(crate) fn reserve_path(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

/// Free bytes of a folder's disk, for this user.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// The room of one store.
pub(super) struct Room {
    disk: Disk,
    folder: PathBuf,
    standing: Standing,
    looked: Instant,
}

impl Room {
    /// Looks at the disk of the store in this folder; makes the reserve, or gives it up where nothing is
    /// left to start in.
    pub(super) fn open(folder: &Path, disk: Disk) -> Self {
        let reserved = std::fs::metadata(reserve_path(folder)).is_ok();
        // Without a reserve, it may have been given up: the way back is the same.
        let kept = reserved || disk.reserve_mib == 0;
        let level = if kept { Level::Ample } else { Level::Last };
        let standing = Standing { level, free_bytes: 0, reserved };
        let mut room = Self { disk, folder: folder.to_owned(), standing, looked: instant() };
        room.judge();
        room
    }

    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Looks again if it is time to; whether the level or the reserve changed.
    pub(super) fn look(&mut self) -> bool {
        if self.looked.elapsed() < LOOK_EVERY {
            return false;
        }
        let before = self.standing;
        self.judge();
        let now = self.standing;
        (before.level, before.reserved) != (now.level, now.reserved)
            || before.free_bytes / MIB != now.free_bytes / MIB
    }

    /// A write found no room: gives the reserve up; whether there was any.
    pub(super) fn give_up(&mut self) -> bool {
        self.standing.level = Level::Last;
        self.looked = instant();
        let path = reserve_path(&self.folder);
        let gave = std::fs::remove_file(&path).is_ok();
        self.standing.reserved = self.disk.reserve_mib == 0;
        self.standing.free_bytes = free_bytes(&self.folder).unwrap_or(0);
        gave
    }

    fn judge(&mut self) {
        self.looked = instant();
        // A disk that cannot be asked is used until a write fails.
        let Some(free) = free_bytes(&self.folder) else { return };
        self.standing.free_bytes = free;
        let level = self.disk.judge(self.standing.level, free);
        if level == Level::Last {
            if self.standing.level != Level::Last {
                self.give_up();
            }
            return;
        }
        if self.make_reserve() {
            self.standing.level = level;
            self.standing.free_bytes = free_bytes(&self.folder).unwrap_or(free);
        } else if self.standing.level != Level::Last {
            // Blocks that are free and cannot be had: a quota, or somebody faster.
            self.standing.level = Level::Low;
        }
    }

    /// Makes the reserve if it is wanted and not there in full.
    fn make_reserve(&mut self) -> bool {
        let (path, bytes) = (reserve_path(&self.folder), self.disk.reserve());
        let there = std::fs::metadata(&path).map_or(0, |file| file.len());
        if there == bytes {
            self.standing.reserved = true;
            return true;
        }
        std::fs::remove_file(&path).ok();
        self.standing.reserved = bytes == 0 || allocate(&path, bytes).is_ok();
        if !self.standing.reserved {
            std::fs::remove_file(&path).ok();
        }
        self.standing.reserved
    }
}

/// Makes a file whose every block is allocated.
fn allocate(path: &Path, bytes: u64) -> std::io::Result<()> {
    use std::io::Write as _;

    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    if rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err() {
        let zeros = vec![0; FILL_BYTES];
        let mut left = bytes;
        while left > 0 {
            let part = left.min(FILL_BYTES as u64);
            file.write_all(&zeros[..usize::try_from(part).unwrap_or(FILL_BYTES)])?;
            left -= part;
        }
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_free_space_and_do_not_flap() {
        let disk = Disk { reserve_mib: 16, low_mib: 64 };
        let check = |level, free_mib: u64, expect| {
            assert_eq!(disk.judge(level, free_mib * MIB), expect, "{level:?}, {free_mib} MiB free");
        };
        check(Level::Ample, 64, Level::Ample);
        check(Level::Ample, 63, Level::Low);
        check(Level::Ample, 15, Level::Last);
        check(Level::Low, 79, Level::Low);
        check(Level::Low, 80, Level::Ample);
        check(Level::Low, 16, Level::Low);
        check(Level::Low, 15, Level::Last);
        // The reserve alone, given up, leads back to nothing.
        check(Level::Last, 31, Level::Last);
        check(Level::Last, 47, Level::Last);
        check(Level::Last, 48, Level::Low);
        check(Level::Last, 95, Level::Low);
        check(Level::Last, 96, Level::Ample);
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_asked_for() {
        let disk = Disk { reserve_mib: 0, low_mib: 0 };
        for level in [Level::Ample, Level::Low, Level::Last] {
            assert_eq!(disk.judge(level, 0), Level::Ample);
        }
    }

    #[test]
    fn lower_lanes_wait_first() {
        let waiting = |level: Level| Precedence::ALL.map(|urgency| level.sheds(urgency));
        assert_eq!(waiting(Level::Ample), [false; 4]);
        assert_eq!(waiting(Level::Low), [false, false, true, true]);
        assert_eq!(waiting(Level::Last), [false, true, true, true]);
    }

    #[test]
    fn the_reserve_is_made_given_up_and_made_again() {
        let folder = std::env::temp_dir().join(format!("watchfire-room-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let disk = Disk { reserve_mib: 1, low_mib: 0 };
        let mut room = Room::open(&folder, disk);
        let bytes = || std::fs::metadata(reserve_path(&folder)).map_or(0, |file| file.len());
        assert_eq!((bytes(), room.standing().level), (MIB, Level::Ample));
        assert!(room.give_up() && !room.give_up(), "there is one to give up");
        assert_eq!((bytes(), room.standing().level), (0, Level::Last));
        room.judge();
        assert_eq!((bytes(), room.standing().reserved), (MIB, true));
        // Another size is wanted.
        drop(Room::open(&folder, Disk { reserve_mib: 2, low_mib: 0 }));
        assert_eq!(bytes(), 2 * MIB);
        drop(Room::open(&folder, Disk { reserve_mib: 0, low_mib: 0 }));
        assert_eq!(bytes(), 0);
        std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    }
}
