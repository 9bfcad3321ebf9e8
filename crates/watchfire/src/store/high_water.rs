//! The high-water file on disk: two slots written in turn, so that a torn write leaves the other.
//!
//! Each slot is `log::HighWater` text padded with zero bytes to a multiple of 4 KiB. One `fdatasync`
//! a raise; reading takes the higher mark of each log from the slots that are whole.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use base::NodeId;
use log::{HighWater, LogState, Realm, StoreError};

use crate::error::Error;

const BLOCK_BYTES: usize = 4_096;

/// The two slots, open for writing.
pub(crate) struct HighWaterFile {
    marks: HighWater,
    slots: [(PathBuf, File); 2],
    next: usize,
}

/// The paths of both slots of the file named `path`.
fn slot_paths(path: &Path) -> [PathBuf; 2] {
    [path.with_extension("a"), path.with_extension("b")]
}

impl HighWaterFile {
    /// Opens or makes the file and reads it, changing nothing; both slots damaged is refused.
    pub(crate) fn open(path: &Path, realm: &Realm, node: NodeId) -> Result<Self, Error> {
        let paths = slot_paths(path);
        let mut marks = HighWater::new(realm.clone(), node);
        let (mut whole, mut damaged) = (0, None);
        for path in &paths {
            match read_slot(path)? {
                Slot::Absent => {}
                Slot::Damaged(message) => damaged = Some((path.clone(), message)),
                Slot::Whole(read) => {
                    if read.realm != *realm || read.node != node {
                        return Err(refuse(
                            path,
                            format!(
                                "expected the marks of `{node}` in `{realm}`, got those of `{}` in `{}`",
                                read.node, read.realm
                            ),
                        ));
                    }
                    whole += 1;
                    read.logs().for_each(|state| marks.raise(&state));
                }
            }
        }
        if let (0, Some((path, message))) = (whole, damaged) {
            return Err(refuse(&path, message));
        }
        let open = |path: &PathBuf| {
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map(|file| (path.clone(), file))
                .map_err(|error| Error::file("write", path, error))
        };
        Ok(Self { marks, slots: [open(&paths[0])?, open(&paths[1])?], next: 0 })
    }

    /// Writes both slots whole and makes their names durable; due before the first raise.
    pub(crate) fn make_whole(&mut self) -> Result<(), Error> {
        let path = self.slots[0].0.clone();
        for _ in 0..2 {
            self.write().map_err(|error| Error::file("write", &path, error))?;
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Error::file("write", folder, error))
    }

    /// The marks as they stand, if anything was ever signed.
    pub(crate) fn noted(&self) -> Option<&HighWater> {
        self.marks.logs().next().map(|_| &self.marks)
    }

    /// Both slots.
    pub(crate) fn paths(&self) -> [&Path; 2] {
        [&self.slots[0].0, &self.slots[1].0]
    }

    /// Raises the marks, durably.
    pub(crate) fn raise(&mut self, marks: &[LogState]) -> Result<(), StoreError> {
        if marks.is_empty() {
            return Ok(());
        }
        for mark in marks {
            self.marks.raise(mark);
        }
        self.write().map_err(|error| StoreError::Failed {
            action: "raise the high-water mark",
            reason: error.to_string(),
        })
    }

    fn write(&mut self) -> std::io::Result<()> {
        let mut bytes = self.marks.to_text().into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        let (_, file) = &self.slots[self.next];
        file.write_all_at(&bytes, 0)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_data()?;
        self.next = 1 - self.next;
        Ok(())
    }
}

fn refuse(path: &Path, message: String) -> Error {
    Error::Identity {
        what: "high-water file",
        path: path.to_owned(),
        message,
        hint: "restore the file; without it a restored store could sign a second history"
            .to_owned(),
    }
}

enum Slot {
    Absent,
    Damaged(String),
    Whole(HighWater),
}

fn read_slot(path: &Path) -> Result<Slot, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => return Ok(Slot::Absent),
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Slot::Absent),
        Err(error) => return Err(Error::file("read", path, error)),
    };
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |place| place + 1);
    let text = match std::str::from_utf8(&bytes[..end]) {
        Ok(text) => text,
        Err(error) => return Ok(Slot::Damaged(error.to_string())),
    };
    Ok(match HighWater::parse(text) {
        Ok(marks) => Slot::Whole(marks),
        Err(error) => Slot::Damaged(error.to_string()),
    })
}

/// Reads the marks without opening the file for writing; `None` if there is none. A damaged slot is
/// reported by name.
pub(crate) fn inspect(path: &Path) -> Result<(Option<Vec<LogState>>, Vec<String>), Error> {
    let mut faults = Vec::new();
    let mut marks: Option<HighWater> = None;
    for path in slot_paths(path) {
        match read_slot(&path)? {
            Slot::Absent => {}
            Slot::Damaged(message) => faults.push(format!("{}: {message}", path.display())),
            Slot::Whole(read) => match &mut marks {
                None => marks = Some(read),
                Some(marks) => read.logs().for_each(|state| marks.raise(&state)),
            },
        }
    }
    Ok((marks.map(|marks| marks.logs().collect()), faults))
}

impl HighWaterFile {
    /// See [`inspect`].
    pub(crate) fn inspect(path: &Path) -> Result<(Option<Vec<LogState>>, Vec<String>), Error> {
        inspect(path)
    }
}
