//! A host's disk: one operation at a time, each atomic, some failing, some lost in a crash.

use std::collections::VecDeque;
use std::sync::Arc;

use base::TimeDelta;
use log::{
    Batch, HighWater, LogId, LogState, MemoryStore, Precedence, Store, StoreError, StoreReadExt,
    Write,
};
use sync::Op;

use super::dice::Dice;
use super::report::{Counts, Fault};

/// Something asked of the disk.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Writes, then marks for the high-water file.
    Commit {
        /// The node's name for it.
        op: Op,
        /// Flash goes ahead of everything that has not begun.
        urgency: Precedence,
        /// What to write.
        writes: Arc<[Write]>,
        /// What to raise.
        marks: Vec<LogState>,
    },
    /// A read.
    Load {
        /// The node's name for it.
        op: Op,
        /// Which log.
        log: LogId,
        /// From which entry.
        from: u64,
        /// Until so many bytes.
        bytes_max: usize,
    },
}

/// What the disk answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// A commit ended.
    Stored(Op, Result<(), StoreError>),
    /// A read ended.
    Loaded(Op, Result<Vec<Batch>, log::Error>),
}

/// One host's store, high-water file and queue of operations.
#[derive(Debug)]
pub(super) struct Disk {
    /// What survives a crash.
    pub(super) store: MemoryStore,
    /// The high-water file, which lies outside the store and its backups.
    pub(super) high_water: Option<HighWater>,
    empty_file: HighWater,
    queue: VecDeque<Job>,
    /// Commits that fail, in a thousand.
    pub(super) failing_per_mille: u64,
    /// How many times slower than usual.
    pub(super) slowness: u64,
    backup: Option<MemoryStore>,
    /// Whether the store was ever put back.
    pub(super) was_rolled_back: bool,
}

impl Disk {
    /// An empty disk; `empty_file` is the high-water file that names no log.
    pub(super) fn new(empty_file: HighWater) -> Self {
        Self {
            store: MemoryStore::new(),
            high_water: None,
            empty_file,
            queue: VecDeque::new(),
            failing_per_mille: 0,
            slowness: 1,
            backup: None,
            was_rolled_back: false,
        }
    }

    /// Queues an operation; says whether the disk was idle.
    pub(super) fn ask(&mut self, job: Job) -> bool {
        let idle = self.queue.is_empty();
        let flash = matches!(job, Job::Commit { urgency: Precedence::Flash, .. });
        // The first is under way; Flash goes before the first waiting one that is not.
        let waiting = self.queue.iter().enumerate().skip(1);
        let place = waiting
            .filter(|(_, job)| !matches!(job, Job::Commit { urgency: Precedence::Flash, .. }))
            .map(|(place, _)| place)
            .next()
            .filter(|_| flash);
        self.queue.insert(place.unwrap_or(self.queue.len()), job);
        idle
    }

    /// How long the operation under way takes.
    pub(super) fn latency(&self, dice: &mut Dice) -> TimeDelta {
        let usual = if dice.chance(30) { dice.millis(5..30) } else { dice.millis(0..3) };
        let nanos = usual.as_nanos().max(50_000);
        TimeDelta::from_nanos(nanos.saturating_mul(i64::try_from(self.slowness).expect("small")))
    }

    /// Whether an operation is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether a commit is under way.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.queue.front(), Some(Job::Commit { .. }))
    }

    /// Ends the operation under way.
    pub(super) fn finish(&mut self, dice: &mut Dice, counts: &mut Counts) -> Option<Answer> {
        Some(match self.queue.pop_front()? {
            Job::Commit { op, writes, marks, .. } => {
                let fails = dice.chance(self.failing_per_mille);
                let persists = !fails || dice.chance(500);
                if persists {
                    self.persist(&writes);
                    self.raise(&marks);
                }
                let failed =
                    StoreError::Failed { action: "commit", reason: "simulated".to_owned() };
                if fails {
                    counts.add(if persists {
                        Fault::WriteFailedButPersisted
                    } else {
                        Fault::WriteFailed
                    });
                }
                Answer::Stored(op, if fails { Err(failed) } else { Ok(()) })
            }
            Job::Load { op, log, from, bytes_max } => {
                Answer::Loaded(op, self.store.batches(&log, from, usize::MAX, bytes_max))
            }
        })
    }

    fn persist(&mut self, writes: &[Write]) {
        self.store.commit(writes).expect("a store in memory without a planned fault commits");
    }

    fn raise(&mut self, marks: &[LogState]) {
        let file = self.high_water.get_or_insert_with(|| self.empty_file.clone());
        for mark in marks {
            file.raise(mark);
        }
    }

    /// Loses power: what has not begun is gone, what is under way leaves everything, the rows without
    /// the mark, or nothing.
    pub(super) fn crash(&mut self, dice: &mut Dice, counts: &mut Counts) {
        let mut queue = std::mem::take(&mut self.queue).into_iter();
        if let Some(Job::Commit { writes, marks, .. }) = queue.next() {
            match dice.index(3) {
                0 => counts.add(Fault::WriteTorn),
                1 => {
                    counts.add(Fault::WriteUnanswered);
                    self.persist(&writes);
                    self.raise(&marks);
                }
                _ => {
                    self.persist(&writes);
                    counts.add(if marks.is_empty() {
                        Fault::WriteUnanswered
                    } else {
                        Fault::HighWaterBehind
                    });
                }
            }
        }
        for _ in queue {
            counts.add(Fault::WriteDropped);
        }
    }

    /// Takes a backup of the store.
    pub(super) fn back_up(&mut self) {
        self.backup = Some(self.store.clone());
    }

    /// Puts the backup back, if there is one; says whether there was.
    pub(super) fn roll_back(&mut self) -> bool {
        let Some(backup) = self.backup.take() else { return false };
        self.store = backup;
        self.was_rolled_back = true;
        true
    }
}
