//! What an operator may set.

use base::TimeDelta;

use crate::limits;

/// Settings of one node's replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Wall time between two pulses; [`limits::PULSE_EVERY`] unless set.
    pub pulse_every: TimeDelta,
    /// How many times faster the node's clock runs than the wall: 1, except in exercises. Stretches
    /// every limit of [`limits`] that is a time.
    pub rate: u32,
    /// Entries by which a peer's lane is behind before it jumps ahead; [`limits::JUMP_ENTRIES`]
    /// unless set.
    pub jump_entries: u64,
    /// Lowest and highest protocol edition to speak; [`limits::PROTOCOL_EDITIONS`] unless set.
    pub editions: (u16, u16),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pulse_every: limits::PULSE_EVERY,
            rate: 1,
            jump_entries: limits::JUMP_ENTRIES,
            editions: limits::PROTOCOL_EDITIONS,
        }
    }
}

impl Config {
    /// A length of wall time on the node's clock.
    pub(crate) fn scale(&self, wall: TimeDelta) -> TimeDelta {
        TimeDelta::from_nanos(wall.as_nanos().saturating_mul(i64::from(self.rate.max(1))))
    }

    /// By how much a stamp may be ahead beyond what the log crate allows: its limit is wall time.
    pub(crate) fn clock_slack(&self) -> TimeDelta {
        let ahead_max = TimeDelta::from_seconds(base::limits::CLOCK_AHEAD_S_MAX);
        self.scale(ahead_max) + -ahead_max
    }

    /// A length of time on the node's clock as wall time.
    pub(crate) fn unscale(&self, clock: TimeDelta) -> TimeDelta {
        TimeDelta::from_nanos(clock.as_nanos() / i64::from(self.rate.max(1)))
    }
}
