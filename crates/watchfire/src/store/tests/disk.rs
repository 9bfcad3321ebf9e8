//! A disk in memory that keeps a record of everything it was told.
//!
//! Between two syncs of a file a real disk may write back any part of what it was given, in any
//! order. [`after_power_cut`] makes the bytes that could be found after losing power at any point of
//! the record: what was synced before is there; of what was not, each write is there, gone, or torn
//! at 512-byte sectors, and each change of length is there or gone, independently for every file.
//! A sync that failed may have lost what it should have written for good, as on Linux: later syncs do
//! not bring it back. Making and deleting a file counts as durable at once.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sqlite_vfs::{DatabaseHandle, LockKind, OpenAccess, OpenOptions, Vfs, wip};

use super::Seeded;

const SECTOR_BYTES: usize = 512;

/// Bytes by file.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// One thing the disk was told.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Make(String),
    Delete(String),
    Write {
        file: String,
        offset: usize,
        bytes: Vec<u8>,
    },
    Resize {
        file: String,
        length: usize,
    },
    Sync(String),
    /// The sync reported an error.
    FailedSync(String),
    /// The test's own mark: from here on this commit is acknowledged.
    Acknowledged(u64),
}

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The write is refused: no space is left.
    NoSpace,
    /// The write fails.
    WriteFails,
    /// The sync fails and wrote nothing.
    SyncLoses,
    /// The sync wrote everything and reports a failure.
    SyncLies,
}

#[derive(Default)]
struct State {
    files: Files,
    record: Vec<Act>,
    /// The fault, and how many writes or syncs go well before it.
    fault: Option<(Fault, u32)>,
    /// A disk that says it synced and did not.
    ignores_syncs: bool,
}

/// The disk; clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// A new disk that `SQLite` knows by `name`, which must be new in this process.
    pub(super) fn new(name: &str) -> Self {
        let disk = Self::default();
        sqlite_vfs::register(name, disk.clone(), false).expect("SQLite takes the disk");
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }

    pub(super) fn ignore_syncs(&self) {
        self.state().ignores_syncs = true;
    }

    /// Arms `fault` after `good` more writes or syncs.
    pub(super) fn arm(&self, fault: Fault, good: u32) {
        self.state().fault = Some((fault, good));
    }

    /// Disarms; whether the fault had happened.
    pub(super) fn disarm(&self) -> bool {
        self.state().fault.take().is_none()
    }

    pub(super) fn acknowledged(&self, number: u64) {
        self.state().record.push(Act::Acknowledged(number));
    }

    pub(super) fn record(&self) -> Vec<Act> {
        self.state().record.clone()
    }

    /// What is on it now.
    pub(super) fn files(&self) -> Files {
        self.state().files.clone()
    }

    /// Puts other files on the disk, with an empty record.
    pub(super) fn replace(&self, files: Files) {
        *self.state() = State { files, ..State::default() };
    }
}

impl Disk {
    /// Does `work` with other files on the disk, then puts back what was there.
    pub(super) fn with_files<T>(&self, files: Files, work: impl FnOnce() -> T) -> T {
        let state = State { files, ..State::default() };
        let kept = std::mem::replace(&mut *self.state(), state);
        let result = work();
        *self.state() = kept;
        result
    }
}

impl State {
    /// Whether the armed fault is one of `kinds` and happens now.
    fn fails(&mut self, kinds: &[Fault]) -> Option<Fault> {
        let (fault, good) = self.fault.as_mut().filter(|(fault, _)| kinds.contains(fault))?;
        if *good > 0 {
            *good -= 1;
            return None;
        }
        let fault = *fault;
        self.fault = None;
        Some(fault)
    }

    fn tell(&mut self, act: Act) {
        apply(&mut self.files, &act);
        self.record.push(act);
    }
}

fn apply(files: &mut Files, act: &Act) {
    match act {
        Act::Make(file) => {
            files.entry(file.clone()).or_default();
        }
        Act::Delete(file) => {
            files.remove(file);
        }
        Act::Write { file, offset, bytes } => {
            let content = files.entry(file.clone()).or_default();
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
        Act::Resize { file, length } => files.entry(file.clone()).or_default().resize(*length, 0),
        Act::Sync(_) | Act::FailedSync(_) | Act::Acknowledged(_) => {}
    }
}

/// What each act of a record has come to at its end.
fn durable(record: &[Act]) -> Vec<bool> {
    let mut durable = vec![false; record.len()];
    let mut waiting: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, act) in record.iter().enumerate() {
        match act {
            Act::Make(_) | Act::Delete(_) | Act::Acknowledged(_) => durable[place] = true,
            Act::Write { file, .. } | Act::Resize { file, .. } => {
                waiting.entry(file).or_default().push(place);
            }
            Act::Sync(file) => {
                for place in waiting.remove(file.as_str()).into_iter().flatten() {
                    durable[place] = true;
                }
            }
            Act::FailedSync(file) => {
                waiting.remove(file.as_str());
            }
        }
    }
    durable
}

/// What could be on the disk if power is lost at the end of `record`.
pub(super) fn after_power_cut(record: &[Act], random: &mut Seeded) -> Files {
    // Some disks lose everything that was not synced, some nothing, most something.
    let kept_percent = [0, 0, 50, 50, 90, 100][random.size_below(6)];
    let durable = durable(record);
    let mut files = Files::new();
    for (act, durable) in record.iter().zip(durable) {
        if durable || random.below(100) < kept_percent {
            apply(&mut files, act);
        } else if let Act::Write { file, offset, bytes } = act
            && random.below(2) == 0
        {
            tear(&mut files, file, *offset, bytes, random);
        }
    }
    files
}

/// Keeps some sectors of a write.
fn tear(files: &mut Files, file: &str, offset: usize, bytes: &[u8], random: &mut Seeded) {
    let mut start = 0;
    while start < bytes.len() {
        let to_edge = SECTOR_BYTES - (offset + start) % SECTOR_BYTES;
        let end = (start + to_edge).min(bytes.len());
        if random.below(2) == 0 {
            let bytes = bytes[start..end].to_vec();
            apply(files, &Act::Write { file: file.to_owned(), offset: offset + start, bytes });
        }
        start = end;
    }
}

/// An open file.
pub(super) struct Handle {
    disk: Disk,
    file: String,
    lock: LockKind,
}

impl Vfs for Disk {
    type Handle = Handle;

    fn open(&self, file: &str, options: OpenOptions) -> Result<Handle, Error> {
        let mut state = self.state();
        if !state.files.contains_key(file) {
            if !matches!(options.access, OpenAccess::Create | OpenAccess::CreateNew) {
                return Err(ErrorKind::NotFound.into());
            }
            state.tell(Act::Make(file.to_owned()));
        }
        Ok(Handle { disk: self.clone(), file: file.to_owned(), lock: LockKind::None })
    }

    fn delete(&self, file: &str) -> Result<(), Error> {
        let mut state = self.state();
        if !state.files.contains_key(file) {
            return Err(ErrorKind::NotFound.into());
        }
        state.tell(Act::Delete(file.to_owned()));
        Ok(())
    }

    fn exists(&self, file: &str) -> Result<bool, Error> {
        Ok(self.state().files.contains_key(file))
    }

    fn temporary_name(&self) -> String {
        "/disk/temporary".to_owned()
    }

    fn random(&self, buffer: &mut [i8]) {
        // Salts of the write-ahead log only have to differ from one another.
        let made = self.state().record.len() as u64;
        let mut random = Seeded(made);
        buffer.fill_with(|| i8::try_from(random.below(128)).expect("below 128"));
    }

    fn sleep(&self, duration: Duration) -> Duration {
        duration
    }
}

impl DatabaseHandle for Handle {
    type WalIndex = NoSharedMemory;

    fn size(&self) -> Result<u64, Error> {
        Ok(self.disk.state().files.get(&self.file).map_or(0, Vec::len) as u64)
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        let state = self.disk.state();
        let content = state.files.get(&self.file).map_or(&[][..], Vec::as_slice);
        let rest = content.get(usize::try_from(offset).expect("small")..).unwrap_or_default();
        let held = rest.len().min(buffer.len());
        buffer[..held].copy_from_slice(&rest[..held]);
        // SQLite relies on the rest being zeros.
        buffer[held..].fill(0);
        if held < buffer.len() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        let mut state = self.disk.state();
        match state.fails(&[Fault::NoSpace, Fault::WriteFails]) {
            Some(Fault::NoSpace) => return Err(ErrorKind::WriteZero.into()),
            Some(_) => return Err(ErrorKind::TimedOut.into()),
            None => {}
        }
        let offset = usize::try_from(offset).expect("small");
        state.tell(Act::Write { file: self.file.clone(), offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&mut self, _data_only: bool) -> Result<(), Error> {
        let mut state = self.disk.state();
        let fault = state.fails(&[Fault::SyncLoses, Fault::SyncLies]);
        if fault == Some(Fault::SyncLoses) {
            state.tell(Act::FailedSync(self.file.clone()));
        } else if !state.ignores_syncs {
            state.tell(Act::Sync(self.file.clone()));
        }
        fault.map_or(Ok(()), |_| Err(ErrorKind::TimedOut.into()))
    }

    fn set_len(&mut self, length: u64) -> Result<(), Error> {
        let length = usize::try_from(length).expect("small");
        self.disk.state().tell(Act::Resize { file: self.file.clone(), length });
        Ok(())
    }

    fn lock(&mut self, lock: LockKind) -> Result<bool, Error> {
        // One connection at a time uses this disk.
        self.lock = lock;
        Ok(true)
    }

    fn reserved(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    fn current_lock(&self) -> Result<LockKind, Error> {
        Ok(self.lock)
    }

    fn wal_index(&self, _readonly: bool) -> Result<NoSharedMemory, Error> {
        Err(ErrorKind::Unsupported.into())
    }
}

/// The store opens such disks in exclusive mode, which needs no shared memory.
pub(super) struct NoSharedMemory;

impl wip::WalIndex for NoSharedMemory {
    fn enabled() -> bool {
        false
    }

    fn map(&mut self, _region: u32) -> Result<[u8; 32_768], Error> {
        Err(ErrorKind::Unsupported.into())
    }

    fn lock(&mut self, _locks: Range<u8>, _lock: wip::WalIndexLock) -> Result<bool, Error> {
        Err(ErrorKind::Unsupported.into())
    }

    fn delete(self) -> Result<(), Error> {
        Ok(())
    }
}
