//! The store: an engine behind `log`'s port, one thread that commits, one that reads for catch-up.
//! [`sqlite`] is the default, [`jetstream`] for a partner that outgrows one machine.
//!
//! Commits are grouped: while one is under way the next jobs gather and go together. FLASH never
//! waits for the others, and the write-ahead log is folded back on a third connection, so that no
//! commit pays for it.
//!
//! Order of durability for one job: rows (`synchronous=FULL`), then the high-water marks
//! ([`high_water`]), then the answer. From the answer on, what was written may leave the node. A small
//! FLASH job of an own lane takes the express way: marks and rows in one synced write of the
//! high-water file, the answer, then the rows into the database before anything else is done.

mod engine;
mod high_water;
mod history;
pub(crate) mod jetstream;
mod reader;
pub(crate) mod room;
pub(crate) mod seal;
mod sqlite;
#[cfg(test)]
mod tests;
mod upkeep;

use std::sync::Arc;
use std::sync::mpsc;

use domains::{Heard, View, ViewName};
use log::{
    Fact, LogId, LogState, Precedence, Row, Store, StoreError, StoreReadExt, Write, stored_facts,
};
use sync::Op;
use tokio::sync::{mpsc as to_loop, oneshot};

use crate::core::answers::EntryAnswer;
use crate::error::Error;

pub(crate) use engine::{AnyOpened, AnyStore, Engine};
use high_water::Span;
pub(crate) use high_water::{HighWaterFile, Inspected};
pub(crate) use history::{Reading, Wanted};
pub(crate) use reader::Reader;
use room::Room;
pub(crate) use room::{Disk, Level, Standing};
pub(crate) use sqlite::{Access, SqliteStore};

/// Writes of jobs other than FLASH that one commit takes at most.
const GROUP_WRITES_MAX: usize = 4_096;
/// Bytes of write-ahead log after which it is folded back.
const WAL_BYTES: u64 = 8 * 1024 * 1024;

/// What the loop orders.
#[derive(Debug)]
pub(crate) enum Job {
    /// Commit, raise the marks, answer.
    Commit { op: Op, urgency: Precedence, writes: Arc<[Write]>, high_water: Vec<LogState> },
    /// Read batches for a partner that catches up.
    Load { op: Op, log: LogId, from: u64, bytes_max: usize },
    /// Read statements back for somebody who asks.
    Facts { log: LogId, from: u64, limit: usize, asker: Asker },
    /// Fold a view again from the log.
    Refold(Wanted),
}

/// Who wanted statements read back.
#[derive(Debug)]
pub(crate) enum Asker {
    Entries(oneshot::Sender<Vec<EntryAnswer>>),
    /// The one of this index.
    Entry(u64, oneshot::Sender<Option<EntryAnswer>>),
    /// The same, as it was said.
    Fact(u64, oneshot::Sender<Option<Fact>>),
}

/// What the store answers.
#[derive(Debug)]
pub(crate) enum Done {
    Stored {
        op: Op,
        result: Result<(), StoreError>,
    },
    Loaded {
        op: Op,
        result: Result<Vec<log::Batch>, log::Error>,
    },
    Facts {
        facts: Vec<Fact>,
        asker: Asker,
    },
    /// The room on the disk changed.
    Room(Standing),
    /// The store refuses for good; the node must end.
    Stopped {
        reason: String,
    },
    Refolded {
        name: ViewName,
        result: Result<Refolded, log::Error>,
    },
}

/// A view folded from the log, and which entries that was.
pub(crate) struct Refolded(pub(crate) Box<View>, pub(crate) Heard);

impl std::fmt::Debug for Refolded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Refolded({})", self.0.name())
    }
}

struct Commit {
    op: Op,
    urgency: Precedence,
    writes: Arc<[Write]>,
    high_water: Vec<LogState>,
}

/// Gives up the reserve where the disk has nothing left to open an embedded store in.
pub(crate) fn make_room(folder: &std::path::Path, disk: Disk) {
    drop(Room::open(folder, disk));
}

/// Starts the store's threads; they end when the job sender is dropped. The returned handle ends
/// after everything ordered is durable and the store is sealed.
pub(crate) fn start(
    store: AnyStore,
    high_water: HighWaterFile,
    reading: Reading,
    disk: Disk,
    done: to_loop::UnboundedSender<Done>,
) -> Result<(mpsc::Sender<Job>, std::thread::JoinHandle<()>), Error> {
    let (jobs, orders) = mpsc::channel();
    let (reader, historian) = (store.reader()?, store.reader()?);
    let (loads, wanted) = mpsc::channel();
    let read_done = done.clone();
    let reading = Arc::new(reading);
    let (refolds, refolds_wanted) = mpsc::channel();
    let refold_done = done.clone();
    let history = Arc::clone(&reading);
    thread("store-read", move || read(&reader, &reading, &wanted, &read_done));
    thread("store-history", move || refold(&historian, &history, &refolds_wanted, &refold_done));
    let folding = match &store {
        AnyStore::Sqlite(store) => Some(Folding::start(store)?),
        AnyStore::JetStream(_) => None,
    };
    let room = match &store {
        AnyStore::Sqlite(store) => {
            let folder = store.path().parent().unwrap_or(std::path::Path::new("."));
            Some(Room::open(folder, disk))
        }
        AnyStore::JetStream(_) => None,
    };
    let writer = Writer { owed: None, store, high_water, done, loads, refolds, folding, room };
    writer.tell_room();
    let handle = thread("store", move || {
        let mut writer = writer;
        writer.run(&orders);
        if let Err(error) = writer.pay() {
            tracing::warn!(%error, "the last commit stays in the high-water file until the next start");
        }
        let Writer { store, high_water, folding, loads, refolds, .. } = writer;
        drop((loads, refolds));
        if let Some(Folding { wanted, thread }) = folding {
            drop(wanted);
            thread.join().ok();
        }
        store.close(&high_water);
    });
    Ok((jobs, handle))
}

/// A thread with a name, by which its processor time is told from others'.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<()> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.expect("a thread can be started")
}

/// The thread that folds `SQLite`'s write-ahead log back.
struct Folding {
    wanted: mpsc::SyncSender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Folding {
    fn start(store: &SqliteStore) -> Result<Self, Error> {
        let folder = SqliteStore::open(store.path(), Access::Write)?;
        let (wanted, folds) = mpsc::sync_channel::<()>(1);
        let thread = thread("store-fold", move || {
            while folds.recv().is_ok() {
                folder.fold_back();
            }
        });
        Ok(Self { wanted, thread })
    }
}

struct Writer {
    /// A commit that was answered and is not in the database yet; only a failing disk leaves one.
    owed: Option<Vec<Write>>,
    store: AnyStore,
    high_water: HighWaterFile,
    done: to_loop::UnboundedSender<Done>,
    loads: mpsc::Sender<Job>,
    refolds: mpsc::Sender<Wanted>,
    folding: Option<Folding>,
    /// Of an embedded store.
    room: Option<Room>,
}

impl Writer {
    fn run(&mut self, orders: &mpsc::Receiver<Job>) {
        let (mut flash, mut others) = (Vec::new(), std::collections::VecDeque::new());
        loop {
            if flash.is_empty() && others.is_empty() {
                match orders.recv() {
                    Ok(job) => self.sort(job, &mut flash, &mut others),
                    Err(_) => return,
                }
            }
            while let Ok(job) = orders.try_recv() {
                self.sort(job, &mut flash, &mut others);
            }
            let group: Vec<Commit> = if flash.is_empty() {
                let mut writes = 0;
                let mut group = Vec::new();
                while let Some(commit) = others.pop_front() {
                    writes += commit.writes.len();
                    group.push(commit);
                    if writes >= GROUP_WRITES_MAX {
                        break;
                    }
                }
                group
            } else {
                std::mem::take(&mut flash)
            };
            let group = self.admit(group);
            if !group.is_empty() {
                self.write(&group);
            }
            if let (AnyStore::Sqlite(store), Some(folding)) = (&self.store, &self.folding)
                && store.wal_bytes() > WAL_BYTES
            {
                folding.wanted.try_send(()).ok();
            }
        }
    }

    fn sort(
        &self,
        job: Job,
        flash: &mut Vec<Commit>,
        others: &mut std::collections::VecDeque<Commit>,
    ) {
        match job {
            Job::Commit { op, urgency, writes, high_water } => {
                let commit = Commit { op, urgency, writes, high_water };
                if urgency == Precedence::Flash {
                    flash.push(commit);
                } else {
                    others.push_back(commit);
                }
            }
            job @ (Job::Load { .. } | Job::Facts { .. }) => drop(self.loads.send(job)),
            Job::Refold(wanted) => drop(self.refolds.send(wanted)),
        }
    }

    fn tell_room(&self) {
        if let Some(room) = &self.room {
            self.done.send(Done::Room(room.standing())).ok();
        }
    }

    /// Those for which there is room; the others are answered, and come again.
    fn admit(&mut self, group: Vec<Commit>) -> Vec<Commit> {
        let Some(room) = &mut self.room else { return group };
        let changed = room.look();
        let level = room.standing().level;
        if changed {
            self.tell_room();
        }
        let (shed, admitted): (Vec<Commit>, Vec<Commit>) =
            group.into_iter().partition(|commit| level.sheds(commit.urgency));
        self.answer(&shed, &Err(StoreError::Shed));
        admitted
    }

    /// Whether the reserve was given up for a write that found no room, so that it may find some now.
    fn makes_room<T>(&mut self, result: &Result<T, StoreError>) -> bool {
        let (Err(StoreError::Full { .. }), Some(room)) = (result, &mut self.room) else {
            return false;
        };
        let gave = room.give_up();
        self.tell_room();
        gave
    }

    fn write(&mut self, group: &[Commit]) {
        let mut paid = self.pay();
        if self.makes_room(&paid) {
            paid = self.pay();
        }
        if let Err(error) = paid {
            return self.answer(group, &Err(error));
        }
        let express = match &self.store {
            AnyStore::Sqlite(_) => express(group),
            // An answer means more there than this machine's disk.
            AnyStore::JetStream(_) => None,
        };
        match express {
            Some((marks, spans, rows)) => {
                let result = self.high_water.raise_before(&marks, spans, rows);
                let taken = result.is_ok();
                self.answer(group, &result);
                if taken {
                    let writes = group.iter().flat_map(|commit| commit.writes.iter().cloned());
                    self.owed = Some(writes.collect());
                    // A failure is answered by the next job, and tried again before it.
                    if let Err(error) = self.pay() {
                        tracing::warn!(%error, "a commit is durable and not yet in the database");
                    }
                }
            }
            None => self.commit(group),
        }
    }

    /// Puts into the database what was answered before it was there.
    fn pay(&mut self) -> Result<(), StoreError> {
        if let Some(owed) = &self.owed {
            self.store.commit(owed)?;
            self.owed = None;
        }
        Ok(())
    }

    fn answer(&self, group: &[Commit], result: &Result<(), StoreError>) {
        if let Err(StoreError::Stopped { reason }) = result {
            self.done.send(Done::Stopped { reason: reason.clone() }).ok();
        }
        for commit in group {
            self.done.send(Done::Stored { op: commit.op, result: result.clone() }).ok();
        }
    }

    fn commit(&mut self, group: &[Commit]) {
        let marks: Vec<LogState> =
            group.iter().flat_map(|commit| commit.high_water.iter().copied()).collect();
        // One large job is the rule under load: its writes are taken as they are.
        let writes: std::borrow::Cow<'_, [Write]> = match group {
            [one] => (&one.writes[..]).into(),
            many => many.iter().flat_map(|commit| commit.writes.iter().cloned()).collect(),
        };
        let mut result = self.commit_once(&writes, &marks);
        let urgent = group.iter().all(|commit| commit.urgency == Precedence::Flash);
        if self.makes_room(&result) && urgent {
            result = self.commit_once(&writes, &marks);
        }
        self.answer(group, &result);
    }

    fn commit_once(&mut self, writes: &[Write], marks: &[LogState]) -> Result<(), StoreError> {
        self.store.commit(writes)?;
        self.high_water.raise(marks)
    }
}

/// Marks, spans and rows of a group that may take the express way: only batches of own lanes, each
/// continuing its log, and not much.
fn express(group: &[Commit]) -> Option<(Vec<LogState>, Vec<Span>, Vec<Row>)> {
    let (mut marks, mut spans, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    for Commit { urgency, writes, high_water, .. } in group {
        if *urgency != Precedence::Flash || high_water.is_empty() {
            return None;
        }
        for mark in high_water {
            let own = writes.iter().filter_map(|write| match write {
                Write::Batch(batch) if batch.log() == mark.log => Some(batch.first()),
                _ => None,
            });
            spans.push(Span { log: mark.log, first: own.min()?, size: mark.size });
        }
        marks.extend(high_water.iter().copied());
        for write in writes.iter() {
            let Row { table, key, value } = write.row();
            bytes += key.len() + value.len() + 8;
            if bytes > high_water::REDO_BYTES_MAX {
                return None;
            }
            rows.push(Row { table, key, value });
        }
    }
    Some((marks, spans, rows))
}

fn read(
    store: &AnyStore,
    reading: &Reading,
    wanted: &mpsc::Receiver<Job>,
    done: &to_loop::UnboundedSender<Done>,
) {
    for job in wanted {
        let answer = match job {
            Job::Load { op, log, from, bytes_max } => {
                let result = store.batches(&log, from, usize::MAX, bytes_max);
                Done::Loaded { op, result }
            }
            Job::Facts { log, from, limit, asker } => {
                let facts = read_facts(store, reading, &log, from, limit).unwrap_or_else(|error| {
                    tracing::warn!(%log, %error, "stored statements could not be read");
                    Vec::new()
                });
                Done::Facts { facts, asker }
            }
            Job::Commit { .. } | Job::Refold(_) => unreachable!("these go to other threads"),
        };
        done.send(answer).ok();
    }
}

/// Up to `limit` statements of a log from index `from` on.
fn read_facts(
    store: &AnyStore,
    reading: &Reading,
    log: &LogId,
    from: u64,
    limit: usize,
) -> Result<Vec<Fact>, log::Error> {
    const READ_BYTES: usize = 256 * 1024;
    let (mut facts, mut next) = (Vec::new(), from);
    while facts.len() < limit {
        let found = stored_facts(store, &reading.storage, log, next, READ_BYTES)?;
        let Some(last) = found.read.last() else { break };
        next = last.end;
        facts.extend(found.facts);
    }
    facts.truncate(limit);
    Ok(facts)
}

fn refold(
    store: &AnyStore,
    reading: &Reading,
    wanted: &mpsc::Receiver<Wanted>,
    done: &to_loop::UnboundedSender<Done>,
) {
    for wanted in wanted {
        let result = reading.fold(store, &wanted);
        let result = result.map(|(view, heard)| Refolded(Box::new(view), heard));
        done.send(Done::Refolded { name: wanted.name, result }).ok();
    }
}
