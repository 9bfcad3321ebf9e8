//! What a run counted and found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Kinds of faults, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Both directions of a line cut.
    Partition,
    /// One direction of a line cut.
    OneWayPartition,
    /// A connection dropped with what was under way on it.
    Disconnect,
    /// A process killed.
    Crash,
    /// A store operation under way at a crash that left nothing.
    WriteTorn,
    /// A store operation under way at a crash that was persisted unanswered.
    WriteUnanswered,
    /// A commit persisted and the high-water file not yet raised, at a crash.
    HighWaterBehind,
    /// Operations queued for the disk and gone at a crash.
    WriteDropped,
    /// A store operation that failed and was not persisted.
    WriteFailed,
    /// A store operation that failed and was persisted all the same.
    WriteFailedButPersisted,
    /// A disk that takes a hundred times as long.
    SlowDisk,
    /// A disk on which commits fail for a while.
    FailingDisk,
    /// A direction of a line that repeats, reorders or damages frames for a while.
    LineTrouble,
    /// A store put back to an earlier state.
    Rollback,
    /// A clock moved forwards or back.
    ClockStep,
    /// A batch signed by another key, in a partner's name.
    Forgery,
    /// A partner that tells another history of a lane to one partner.
    LieFork,
    /// A partner that signs a batch no sound node makes.
    LieBadBatch,
    /// A partner that speaks in another's name.
    LieInOthersName,
    /// A partner that says again what was said before, to anybody.
    LieReplay,
    /// A partner that sends as hashes what is addressed to the receiver.
    LieHiddenEntries,
    /// A partner that sends nothing of a lane.
    LieHiddenLane,
    /// A partner that sends more than anybody can use.
    LieFlood,
    /// A partner that states it holds what it does not.
    LieOverstated,
    /// A partner that greets again with other sizes.
    LieHello,
    /// A partner that accuses an honest one.
    LieProof,
    /// A partner whose clock is an hour ahead.
    LieClock,
    /// A frame swallowed by a line that stayed connected.
    FrameLost,
    /// A frame that came twice.
    FrameRepeated,
    /// A frame overtaken within its precedence.
    FrameReordered,
    /// A frame with bytes changed or cut off.
    FrameDamaged,
}

impl Fault {
    /// Whether the fault is one of those planned for a run, rather than what one of them did to a
    /// single frame or write.
    pub const fn is_planned(self) -> bool {
        !matches!(
            self,
            Self::FrameLost
                | Self::FrameRepeated
                | Self::FrameReordered
                | Self::FrameDamaged
                | Self::WriteTorn
                | Self::WriteUnanswered
                | Self::HighWaterBehind
                | Self::WriteDropped
                | Self::WriteFailed
                | Self::WriteFailedButPersisted
        )
    }
}

/// How often each fault happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Fault, u64>);

impl Counts {
    /// One more.
    pub fn add(&mut self, fault: Fault) {
        *self.0.entry(fault).or_insert(0) += 1;
    }

    /// All of another run's.
    pub fn merge(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_insert(0) += count;
        }
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// All faults.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each kind and how often, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        self.0.iter().map(|(fault, count)| (*fault, *count))
    }
}

/// What one seed did.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Statements appended by clients and taken.
    pub entries: u64,
    /// Those acknowledged at the level asked for.
    pub acknowledged: u64,
    /// Those answered "durable here, pending".
    pub pending: u64,
    /// Whether one partner is byzantine.
    pub byzantine: bool,
    /// Honest nodes that proved the byzantine partner's two histories.
    pub convicted: u64,
    /// Facts told of other histories than the one taken first, each time a process told them.
    pub apart: u64,
    /// Times a copy jumped ahead of a gap.
    pub jumps: u64,
    /// Statements held above a gap of a log whose origin lost its disk, which are not returned to it.
    pub cut_off: u64,
    /// Frames that a third partner passed on.
    pub relayed: u64,
    /// Faults by kind.
    pub faults: Counts,
    /// Virtual seconds from the first start to the last check.
    pub virtual_s: u64,
    /// Virtual milliseconds from the end of the faults until everything agreed.
    pub healed_ms: u64,
    /// What a checker found wrong, the first first; empty if the seed passed.
    pub failures: Vec<String>,
}

impl Report {
    /// Faults planned and come about, without what they did to single frames and writes.
    pub fn planned(&self) -> u64 {
        let planned = self.faults.iter().filter(|(fault, _)| fault.is_planned());
        planned.map(|(_, count)| count).sum()
    }

    /// Whether every checker was content.
    pub const fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}
