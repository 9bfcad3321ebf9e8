//! What pings say about a line: its state, lag and clock offset.

use std::collections::VecDeque;

use base::{TimeDelta, Timestamp};

use crate::api::LineState;
use crate::config::Config;
use crate::limits;

/// One answered ping.
#[derive(Clone, Copy, Debug)]
struct Sample {
    round_trip: TimeDelta,
    offset: TimeDelta,
}

/// What is known about the line to one peer.
#[derive(Debug)]
pub(crate) struct Line {
    connected_at: Option<Timestamp>,
    heard_at: Option<Timestamp>,
    pinged_at: Option<Timestamp>,
    samples: VecDeque<Sample>,
    state: LineState,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self {
            connected_at: None,
            heard_at: None,
            pinged_at: None,
            samples: VecDeque::new(),
            state: LineState::Lost,
        }
    }

    pub(crate) const fn state(&self) -> LineState {
        self.state
    }

    pub(crate) const fn heard_at(&self) -> Option<Timestamp> {
        self.heard_at
    }

    pub(crate) fn connect(&mut self, now: Timestamp) {
        self.connected_at = Some(now);
        self.pinged_at = None;
    }

    pub(crate) fn disconnect(&mut self) {
        self.connected_at = None;
    }

    pub(crate) fn hear(&mut self, now: Timestamp) {
        self.heard_at = Some(now);
    }

    /// Whether a ping is due; assumes it is sent if so.
    pub(crate) fn ping_due(&mut self, now: Timestamp, config: &Config) -> bool {
        let every = config.scale(limits::PING_EVERY);
        let due = self.connected_at.is_some() && self.pinged_at.is_none_or(|at| now - at >= every);
        if due {
            self.pinged_at = Some(now);
        }
        due
    }

    /// Whether the connection has been silent for too long.
    pub(crate) fn silent(&self, now: Timestamp, config: &Config) -> bool {
        let since = self.connected_at.map(|at| self.heard_at.map_or(at, |heard| heard.max(at)));
        since.is_some_and(|since| now - since >= config.scale(limits::LOST_AFTER))
    }

    /// Works out the state at `now`; says whether it changed.
    pub(crate) fn refresh(&mut self, now: Timestamp, config: &Config) -> bool {
        let state = match self.heard_at.map(|heard| now - heard) {
            Some(quiet) if quiet < config.scale(limits::LATE_AFTER) => LineState::Up,
            Some(quiet) if quiet < config.scale(limits::LOST_AFTER) => LineState::Late,
            _ => LineState::Lost,
        };
        std::mem::replace(&mut self.state, state) != state
    }

    /// Takes note of an answered ping: sent and answered here, received and sent on there. Samples
    /// whose times cannot be are dropped.
    pub(crate) fn pong(
        &mut self,
        [sent, received, answered, now]: [Timestamp; 4],
        config: &Config,
    ) -> bool {
        let round_trip = (now - sent) + -(answered - received);
        let possible = sent <= now && received <= answered && round_trip >= TimeDelta::ZERO;
        if !possible || now - sent > config.scale(limits::LOST_AFTER) {
            return false;
        }
        let twice = (received - sent) + (answered - now);
        let offset = TimeDelta::from_nanos(twice.as_nanos() / 2);
        if self.samples.len() == limits::CLOCK_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            round_trip: config.unscale(round_trip),
            offset: config.unscale(offset),
        });
        true
    }

    fn best(&self) -> Option<Sample> {
        self.samples.iter().copied().min_by_key(|sample| sample.round_trip)
    }

    /// Half of the shortest recent round trip, wall time.
    pub(crate) fn lag(&self) -> Option<TimeDelta> {
        self.best().map(|sample| TimeDelta::from_nanos(sample.round_trip.as_nanos() / 2))
    }

    /// The peer's clock minus ours, wall time, from the shortest recent round trip.
    pub(crate) fn clock_offset(&self) -> Option<TimeDelta> {
        self.best().map(|sample| sample.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::MIN + TimeDelta::from_seconds(1_000_000) + TimeDelta::from_millis(millis)
    }

    #[test]
    fn offset_comes_from_the_shortest_round_trip() {
        let config = Config::default();
        let mut line = Line::new();
        // The peer is 500 ms ahead; 10 ms out, 30 ms back, then 10 ms each way.
        assert!(line.pong([at(0), at(510), at(510), at(40)], &config));
        assert_eq!(line.clock_offset(), Some(TimeDelta::from_millis(490)));
        assert!(line.pong([at(100), at(610), at(615), at(125)], &config));
        assert_eq!(line.clock_offset(), Some(TimeDelta::from_millis(500)));
        assert_eq!(line.lag(), Some(TimeDelta::from_millis(10)));
        assert!(
            !line.pong([at(100), at(615), at(610), at(125)], &config),
            "answered before it came"
        );
    }

    #[test]
    fn a_line_goes_late_then_lost_and_is_closed() {
        let config = Config::default();
        let mut line = Line::new();
        assert_eq!(line.state(), LineState::Lost);
        line.connect(at(0));
        line.hear(at(10));
        assert!(line.refresh(at(20), &config));
        assert_eq!(line.state(), LineState::Up);
        assert!(line.refresh(at(3_010), &config));
        assert_eq!(line.state(), LineState::Late);
        assert!(!line.silent(at(15_000), &config));
        assert!(line.refresh(at(15_010), &config) && line.silent(at(15_010), &config));
        assert_eq!(line.state(), LineState::Lost);
        let fast = Config { rate: 60, ..config };
        line.hear(at(20_000));
        line.refresh(at(30_000), &fast);
        assert_eq!(line.state(), LineState::Up, "limits stretch with the clock's rate");
    }
}
