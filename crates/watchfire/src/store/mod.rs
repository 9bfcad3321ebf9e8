//! The store: `SQLite` behind `log`'s port, one thread that commits, one that reads for catch-up.
//!
//! Commits are grouped: while one is under way the next jobs gather and go together. FLASH never
//! waits for the others, and the write-ahead log is folded back on a third connection, so that no
//! commit pays for it.
//!
//! Order of durability for one job: rows (`synchronous=FULL`), then the high-water marks
//! ([`high_water`]), then the answer. From the answer on, what was written may leave the node.

mod high_water;
mod reader;

pub(crate) mod seal;
mod sqlite;
#[cfg(test)]
mod tests;
mod upkeep;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use log::{LogId, LogState, Precedence, Store, StoreError, StoreReadExt, Write};
use sync::Op;
use tokio::sync::mpsc as to_loop;

use crate::error::Error;

pub(crate) use high_water::HighWaterFile;
pub(crate) use reader::Reader;
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
}

/// What the store answers.
#[derive(Debug)]
pub(crate) enum Done {
    Stored { op: Op, result: Result<(), StoreError> },
    Loaded { op: Op, result: Result<Vec<log::Batch>, log::Error> },
}

struct Commit {
    op: Op,
    writes: Arc<[Write]>,
    high_water: Vec<LogState>,
}

/// Starts the store's threads; they end when the job sender is dropped. The returned handle ends
/// after everything ordered is durable and the store is sealed.
pub(crate) fn start(
    store: SqliteStore,
    high_water: HighWaterFile,
    database: &Path,
    done: to_loop::UnboundedSender<Done>,
) -> Result<(mpsc::Sender<Job>, std::thread::JoinHandle<()>), Error> {
    let (jobs, orders) = mpsc::channel();
    let reader = SqliteStore::open(database, Access::Read)?;
    let folder = SqliteStore::open(database, Access::Write)?;
    let (loads, wanted) = mpsc::channel();
    let (fold, folds) = mpsc::sync_channel::<()>(1);
    let read_done = done.clone();
    std::thread::spawn(move || read(&reader, &wanted, &read_done));
    let folding = std::thread::spawn(move || {
        while folds.recv().is_ok() {
            folder.fold_back();
        }
    });
    let path = database.to_owned();
    let writer = Writer { store, high_water, done, loads, fold };
    let handle = std::thread::spawn(move || {
        let mut writer = writer;
        writer.run(&orders);
        let Writer { store, high_water, fold, loads, .. } = writer;
        drop((fold, loads));
        folding.join().ok();
        store.close();
        if let Err(error) = seal::write(&path, high_water.paths()) {
            tracing::warn!(%error, "the closed store could not be sealed");
        }
    });
    Ok((jobs, handle))
}

struct Writer {
    store: SqliteStore,
    high_water: HighWaterFile,
    done: to_loop::UnboundedSender<Done>,
    loads: mpsc::Sender<(Op, LogId, u64, usize)>,
    fold: mpsc::SyncSender<()>,
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
            if !group.is_empty() {
                self.commit(group);
            }
            if self.store.wal_bytes() > WAL_BYTES {
                self.fold.try_send(()).ok();
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
                let commit = Commit { op, writes, high_water };
                if urgency == Precedence::Flash {
                    flash.push(commit);
                } else {
                    others.push_back(commit);
                }
            }
            Job::Load { op, log, from, bytes_max } => {
                self.loads.send((op, log, from, bytes_max)).ok();
            }
        }
    }

    fn commit(&mut self, group: Vec<Commit>) {
        let mut writes = Vec::new();
        let mut marks = Vec::new();
        let mut ops = Vec::with_capacity(group.len());
        for commit in group {
            writes.extend(commit.writes.iter().cloned());
            marks.extend(commit.high_water);
            ops.push(commit.op);
        }
        let result = self.store.commit(&writes).and_then(|()| self.high_water.raise(&marks));
        for op in ops {
            self.done.send(Done::Stored { op, result: result.clone() }).ok();
        }
    }
}

fn read(
    store: &SqliteStore,
    wanted: &mpsc::Receiver<(Op, LogId, u64, usize)>,
    done: &to_loop::UnboundedSender<Done>,
) {
    for (op, log, from, bytes_max) in wanted {
        let result = store.batches(&log, from, usize::MAX, bytes_max);
        done.send(Done::Loaded { op, result }).ok();
    }
}
