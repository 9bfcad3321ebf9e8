//! The high-water file on disk: two slots written in turn, so that a torn write leaves the other.
//!
//! ```text
//! slot    marks: log::HighWater text | zeros to a multiple of 4 KiB | redo | zeros to a multiple of 4 KiB
//! redo    see [`redo`]: the rows of the commit the marks were raised for, or none
//! ```
//!
//! One `fdatasync` a raise, of blocks that were written before, so that nothing but data is synced;
//! reading takes the higher mark of each log from the slots that are whole.
//!
//! **One sync for a small commit.** The slot can carry the rows themselves: once it is durable, so is
//! the commit, and may be answered before the store has it. What makes that sound:
//!
//! 1. The store has the commit of a slot before the other slot is written (the writer owes it and does
//!    nothing else until it is paid), so of all redos only the newest can be missing from the store.
//! 2. After a crash the store stands where that commit began, or has it. In the first case the redo is
//!    put in, byte for byte what was signed; whether it had left the node does not matter.
//! 3. A store that stands elsewhere was put back. No redo fits it, the marks are above it, and a new
//!    incarnation begins as ever.
//!
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use base::NodeId;
use log::{HighWater, LogState, Realm, Row, StoreError, StoreRead};

use self::redo::Redo;
pub(crate) use self::redo::Span;
use crate::error::Error;

mod redo;

const BLOCK_BYTES: usize = 4_096;
/// Bytes of rows a slot may carry: a few statements, or a key wrapped to several nodes; what one synced
/// write takes without losing time on its length.
pub(super) const REDO_BYTES_MAX: usize = 12 * 1024;

/// Bytes of a fresh slot: marks of a few incarnations and the largest redo.
const SLOT_BYTES: usize = REDO_BYTES_MAX + 4 * BLOCK_BYTES;

/// The two slots, open for writing.
pub(crate) struct HighWaterFile {
    marks: HighWater,
    slots: [(PathBuf, File); 2],
    next: usize,
    /// Counts raises, so that the newer slot is known.
    sequence: u64,
    /// The redos of both slots as they were found, the older first.
    found: Vec<Redo>,
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
        let mut found: Vec<Redo> = Vec::new();
        let (mut whole, mut damaged) = (0, None);
        for path in &paths {
            match read_slot(path)? {
                Slot::Absent => {}
                Slot::Damaged(message) => damaged = Some((path.clone(), message)),
                Slot::Whole(read, redo) => {
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
                    found.extend(redo);
                }
            }
        }
        found.sort_by_key(|redo| redo.sequence);
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
        let sequence = found.last().map_or(0, |redo| redo.sequence);
        Ok(Self { marks, slots: [open(&paths[0])?, open(&paths[1])?], next: 0, sequence, found })
    }

    /// Writes both slots whole, with room for a redo, and makes their names durable; due before the
    /// first raise and after what is owed was paid.
    pub(crate) fn make_whole(&mut self) -> Result<(), Error> {
        let path = self.slots[0].0.clone();
        self.found.clear();
        for _ in 0..2 {
            self.write(None, SLOT_BYTES).map_err(|error| Error::file("write", &path, error))?;
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

    /// Rows that were made durable here and are not in `store`, in the order they were written; due
    /// before the store is used.
    pub(crate) fn owed(&self, store: &impl StoreRead) -> Result<Vec<Row>, log::Error> {
        let mut rows = Vec::new();
        for redo in &self.found {
            if redo.fits(store, &rows)? {
                rows.extend(redo.rows.iter().cloned());
            }
        }
        Ok(rows)
    }

    /// Raises the marks, durably; the store has what they are about.
    pub(crate) fn raise(&mut self, marks: &[LogState]) -> Result<(), StoreError> {
        if marks.is_empty() {
            return Ok(());
        }
        self.raise_with(marks, None)
    }

    /// Raises the marks and keeps the rows of the commit they are about, durably. The store must have
    /// that commit before the next raise.
    pub(crate) fn raise_before(
        &mut self,
        marks: &[LogState],
        spans: Vec<Span>,
        rows: Vec<Row>,
    ) -> Result<(), StoreError> {
        let redo = Redo { sequence: self.sequence + 1, spans, rows };
        self.raise_with(marks, Some(redo))
    }

    fn raise_with(&mut self, marks: &[LogState], redo: Option<Redo>) -> Result<(), StoreError> {
        let before = self.marks.clone();
        for mark in marks {
            self.marks.raise(mark);
        }
        let action = "raise the high-water mark";
        let written = self.write(redo, 0).map_err(|error| match error.kind() {
            std::io::ErrorKind::StorageFull => StoreError::Full { action },
            _ => StoreError::Failed { action, reason: error.to_string() },
        });
        if written.is_err() {
            // What was not made durable may be asked for again, or never.
            self.marks = before;
        }
        written
    }

    /// Writes the next slot, at least `bytes_min` long: blocks that a later raise then only overwrites.
    fn write(&mut self, redo: Option<Redo>, bytes_min: usize) -> std::io::Result<()> {
        self.sequence += 1;
        let redo =
            redo.unwrap_or(Redo { sequence: self.sequence, spans: Vec::new(), rows: Vec::new() });
        let text = self.marks.to_text();
        let mut bytes = text.clone().into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        redo.put(text.as_bytes(), &mut bytes);
        bytes.resize(bytes.len().max(bytes_min).next_multiple_of(BLOCK_BYTES), 0);
        let (_, file) = &self.slots[self.next];
        file.write_all_at(&bytes, 0)?;
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
    Whole(HighWater, Option<Redo>),
}

fn read_slot(path: &Path) -> Result<Slot, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => return Ok(Slot::Absent),
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Slot::Absent),
        Err(error) => return Err(Error::file("read", path, error)),
    };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = match std::str::from_utf8(&bytes[..end]) {
        Ok(text) => text,
        Err(error) => return Ok(Slot::Damaged(error.to_string())),
    };
    let marks = match HighWater::parse(text) {
        Ok(marks) => marks,
        Err(error) => return Ok(Slot::Damaged(error.to_string())),
    };
    let redo = bytes.get(end.next_multiple_of(BLOCK_BYTES)..).unwrap_or_default();
    Ok(match Redo::read(text.as_bytes(), redo) {
        Ok(redo) => Slot::Whole(marks, Some(redo)),
        Err(message) => Slot::Damaged(message),
    })
}

/// What [`HighWaterFile::inspect`] finds.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// The marks, if there are any.
    pub(crate) marks: Option<Vec<LogState>>,
    /// Damaged slots, by name.
    pub(crate) faults: Vec<String>,
    redos: Vec<Redo>,
}

impl Inspected {
    /// The marks less those of a commit that only its slot has yet: after a crash the next start puts
    /// it into the store.
    pub(crate) fn marks_of(&self, store: &impl StoreRead) -> Result<Vec<LogState>, log::Error> {
        let mut ahead = std::collections::BTreeSet::new();
        let mut rows = Vec::new();
        for redo in &self.redos {
            if redo.fits(store, &rows)? {
                rows.extend(redo.rows.iter().cloned());
                ahead.extend(redo.spans.iter().map(|span| (span.log, span.size)));
            }
        }
        let marks = self.marks.iter().flatten().copied();
        Ok(marks.filter(|mark| !ahead.contains(&(mark.log, mark.size))).collect())
    }
}

impl HighWaterFile {
    /// Reads the marks without opening the file for writing.
    pub(crate) fn inspect(path: &Path) -> Result<Inspected, Error> {
        let mut found = Inspected::default();
        let mut marks: Option<HighWater> = None;
        for path in slot_paths(path) {
            match read_slot(&path)? {
                Slot::Absent => {}
                Slot::Damaged(message) => {
                    found.faults.push(format!("{}: {message}", path.display()));
                }
                Slot::Whole(read, redo) => {
                    found.redos.extend(redo);
                    match &mut marks {
                        None => marks = Some(read),
                        Some(marks) => read.logs().for_each(|state| marks.raise(&state)),
                    }
                }
            }
        }
        found.redos.sort_by_key(|redo| redo.sequence);
        found.marks = marks.map(|marks| marks.logs().collect());
        Ok(found)
    }
}
