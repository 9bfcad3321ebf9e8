//! The one place that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use base::{Seconds, TimeDelta, Timestamp};

/// Picture time: the wall clock in operations, a started and scaled one in exercises.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// Wall time at which picture time was `epoch`.
    started: Timestamp,
    epoch: Timestamp,
    /// Picture seconds per wall second, above 0; `None` if picture time is wall time, which must
    /// not lose nanoseconds to floating point.
    rate: Option<f64>,
}

impl Clock {
    /// The wall clock itself.
    pub(crate) const fn wall() -> Self {
        Self { started: Timestamp::from_nanos(0), epoch: Timestamp::from_nanos(0), rate: None }
    }

    /// A clock that read `epoch` when the wall clock read `started` and runs `rate` times as fast.
    pub(crate) const fn exercise(started: Timestamp, epoch: Timestamp, rate: f64) -> Self {
        Self { started, epoch, rate: Some(rate) }
    }

    /// Picture time now.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = wall_now().since(self.started);
        self.epoch + self.stretch(elapsed)
    }

    /// When picture time started.
    pub(crate) const fn epoch(&self) -> Timestamp {
        self.epoch
    }

    /// Picture seconds per wall second.
    pub(crate) const fn rate(&self) -> f64 {
        match self.rate {
            Some(rate) => rate,
            None => 1.0,
        }
    }

    /// The rate rounded up to a whole number, for stretching limits; at least 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    pub(crate) fn whole_rate(&self) -> u32 {
        (self.rate().ceil() as u32).max(1)
    }

    /// A length of wall time as picture time.
    pub(crate) fn stretch(&self, wall: TimeDelta) -> TimeDelta {
        match self.rate {
            Some(rate) => TimeDelta::from_seconds_f64(Seconds(wall.as_seconds().0 * rate)),
            None => wall,
        }
    }

    /// Wall time until picture time reaches `at`; zero if it has.
    pub(crate) fn until(&self, at: Timestamp) -> std::time::Duration {
        let seconds = at.since(self.now()).as_seconds().0 / self.rate();
        std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "the one reading of the clock in the program")]
pub(crate) fn wall_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A monotonic reading, for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "the one reading of the clock in the program")]
pub(crate) fn instant() -> std::time::Instant {
    std::time::Instant::now()
}
