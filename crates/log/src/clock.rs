//! The hybrid logical clock that stamps entries.
//!
//! Kulkarni et al., "Logical Physical Clocks", OPODIS 2014, with both parts in one nanosecond count:
//! a stamp is the node's time, or one nanosecond after the last stamp given or seen if that is later.
//! So a node's stamps strictly increase and stand above everything it had verified. A stamp more than
//! [`limits::CLOCK_AHEAD_S_MAX`] ahead of the node's own time never moves the clock.

use base::{TimeDelta, Timestamp, limits};

use crate::bugs;

/// One node's clock, shared by its lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HybridClock {
    last: Timestamp,
}

impl HybridClock {
    /// A clock whose stamps come after `last`: the newest logged time of the node's own logs, or
    /// [`Timestamp::MIN`].
    pub const fn new(last: Timestamp) -> Self {
        Self { last }
    }

    /// The next stamp.
    pub fn next(&mut self, now: Timestamp) -> Timestamp {
        self.last = now.max(self.last + TimeDelta::from_nanos(1));
        self.last
    }

    /// Takes note of a verified stamp; says whether it is too far ahead, and then ignores it.
    pub fn observe(&mut self, stamp: Timestamp, now: Timestamp) -> bool {
        let ahead = stamp - now > TimeDelta::from_seconds(limits::CLOCK_AHEAD_S_MAX);
        if !ahead || bugs::has(bugs::Bug::FollowPeerClock) {
            self.last = self.last.max(stamp);
        }
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_above_everything_seen_unless_it_is_far_ahead() {
        let at = Timestamp::from_seconds;
        let mut clock = HybridClock::new(Timestamp::MIN);
        assert_eq!(clock.next(at(100)), at(100));
        assert_eq!(clock.next(at(99)), at(100) + TimeDelta::from_nanos(1));
        assert!(!clock.observe(at(101), at(99)));
        assert!(clock.next(at(100)) > at(101));
        assert!(clock.observe(at(103), at(100)));
        assert!(clock.next(at(100)) < at(102));
    }
}
