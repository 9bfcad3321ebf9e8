//! One log on its way to one peer: what the peer holds, what is under way, when to send again.

use std::collections::VecDeque;

use base::{TimeDelta, Timestamp};
use log::Batch;

use crate::api::Op;
use crate::bugs::{self, Bug};
use crate::config::Config;
use crate::limits;

/// The sender's side of one log toward one peer, within one connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Entries the peer has reported durable.
    held: u64,
    /// Entries sent, or held there already.
    sent: u64,
    /// End and bytes of each batch sent and not yet reported durable.
    under_way: VecDeque<(u64, usize)>,
    under_way_bytes: usize,
    /// The read in flight for this log, if it is behind the cache.
    pub(crate) load: Option<Op>,
    /// Batches read ahead of what was sent, in order.
    ready: VecDeque<Batch>,
    ready_bytes: usize,
    /// When to send again what is not reported durable, and the wall time after that.
    resend_at: Option<Timestamp>,
    resend_after: TimeDelta,
    /// When something was last sent or reported durable.
    moved_at: Option<Timestamp>,
}

impl Outgoing {
    pub(crate) const fn new(held: u64) -> Self {
        Self {
            held,
            sent: held,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
            load: None,
            ready: VecDeque::new(),
            ready_bytes: 0,
            resend_at: None,
            resend_after: limits::RESEND_AFTER,
            moved_at: None,
        }
    }

    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether another batch may be sent, with so many bytes under way at most.
    pub(crate) fn has_room(&self, window: usize) -> bool {
        self.under_way.is_empty() || self.under_way_bytes < window
    }

    /// Keeps what a read gave as far as it continues what was sent or read before; whether any does.
    pub(crate) fn keep(&mut self, batches: Vec<Batch>) -> bool {
        let before = self.ready.len();
        for batch in batches {
            let next = self.read_from();
            if batch.first() <= next && batch.end() > next {
                self.ready_bytes += batch.as_bytes().len();
                self.ready.push_back(batch);
            }
        }
        self.ready.len() > before
    }

    /// Takes the batch to send next out of what was read.
    pub(crate) fn take_ready(&mut self) -> Option<Batch> {
        loop {
            let batch = self.ready.pop_front()?;
            self.ready_bytes -= batch.as_bytes().len();
            if batch.first() <= self.sent && batch.end() > self.sent {
                return Some(batch);
            }
        }
    }

    /// The entry from which on nothing was sent or read.
    pub(crate) fn read_from(&self) -> u64 {
        self.ready.back().map_or(self.sent, |batch| batch.end().max(self.sent))
    }

    /// Whether so little is read ahead that the next read is due.
    pub(crate) const fn reads_ahead(&self) -> bool {
        self.load.is_none() && self.ready_bytes < limits::LOAD_BYTES_MAX
    }

    /// A batch that ends at `end` was sent.
    pub(crate) fn send(&mut self, end: u64, bytes: usize, now: Timestamp, config: &Config) {
        assert!(end > self.sent, "batches are sent in order, {end} after {}", self.sent);
        self.sent = end;
        self.moved_at = Some(now);
        self.under_way.push_back((end, bytes));
        self.under_way_bytes += bytes;
        if self.resend_at.is_none() {
            self.resend_at = Some(now + config.scale(self.resend_after));
        }
    }

    /// The peer reported `size` durable.
    pub(crate) fn hold(&mut self, size: u64, now: Timestamp, config: &Config) {
        if size <= self.held {
            return;
        }
        self.held = size;
        self.moved_at = Some(now);
        self.sent = self.sent.max(size);
        while self.under_way.front().is_some_and(|(end, _)| *end <= size) {
            let (_, bytes) = self.under_way.pop_front().expect("a front was seen");
            self.under_way_bytes -= bytes;
        }
        self.resend_after = limits::RESEND_AFTER;
        self.resend_at =
            (!self.under_way.is_empty()).then(|| now + config.scale(self.resend_after));
    }

    /// Whether entry `from` was sent, is not reported durable, and may still be on a slow line.
    pub(crate) fn may_be_on_the_line(&self, from: u64, now: Timestamp, config: &Config) -> bool {
        let patience = config.scale(limits::ON_THE_LINE_MAX);
        (self.held..self.sent).contains(&from)
            && self.moved_at.is_some_and(|at| now - at < patience)
    }

    /// The peer asked for everything from `from` again; what it asks for cannot be beyond what exists.
    pub(crate) fn rewind(&mut self, from: u64) {
        self.sent = from + u64::from(bugs::has(Bug::ResendOffByOne));
        self.held = self.held.min(from);
        self.under_way.clear();
        self.under_way_bytes = 0;
        self.load = None;
        self.ready.clear();
        self.ready_bytes = 0;
        self.resend_at = None;
    }

    /// Whether nothing was reported durable for too long; if so, everything from there is due again.
    pub(crate) fn overdue(&mut self, now: Timestamp) -> bool {
        if self.resend_at.is_none_or(|at| now < at) {
            return false;
        }
        self.rewind(self.held);
        let doubled = TimeDelta::from_nanos(self.resend_after.as_nanos() * 2);
        self.resend_after = doubled.min(limits::RESEND_AFTER_MAX);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn the_window_holds_back_and_one_large_batch_passes() {
        let config = Config::default();
        let mut log = Outgoing::new(3);
        log.send(4, 10 * limits::WINDOW_BYTES_MAX, at(0), &config);
        assert!(!log.has_room(limits::WINDOW_BYTES_MAX));
        log.hold(4, at(1), &config);
        assert!(log.has_room(limits::WINDOW_BYTES_MAX));
        for end in 5..9 {
            assert!(log.has_room(limits::WINDOW_BYTES_MAX));
            log.send(end, limits::WINDOW_BYTES_MAX / 4, at(1), &config);
        }
        assert!(!log.has_room(limits::WINDOW_BYTES_MAX));
        log.hold(2, at(2), &config);
        assert_eq!(log.held(), 4, "an old report changes nothing");
    }

    #[test]
    fn silence_sends_again_from_what_is_held_with_growing_patience() {
        let config = Config::default();
        let mut log = Outgoing::new(0);
        log.send(1, 100, at(0), &config);
        log.send(2, 100, at(10), &config);
        log.hold(1, at(15), &config);
        assert!(!log.overdue(at(34)));
        assert!(log.overdue(at(35)));
        assert_eq!((log.held(), log.sent()), (1, 1));
        assert!(!log.overdue(at(1_000)), "nothing is under way");
        log.send(2, 100, at(1_000), &config);
        assert!(!log.overdue(at(1_039)) && log.overdue(at(1_040)));
    }

    #[test]
    fn what_a_slow_line_still_carries_is_not_sent_again() {
        let config = Config::default();
        let mut log = Outgoing::new(2);
        log.send(4, 100, at(0), &config);
        let on_the_line =
            |log: &Outgoing, from, now| log.may_be_on_the_line(from, at(now), &config);
        assert!(on_the_line(&log, 2, 9) && on_the_line(&log, 3, 9));
        assert!(!on_the_line(&log, 1, 9), "that was held");
        assert!(!on_the_line(&log, 4, 9), "that was not sent");
        assert!(!on_the_line(&log, 2, 10), "nothing has moved for long");
        log.hold(3, at(10), &config);
        assert!(on_the_line(&log, 3, 19) && !on_the_line(&log, 3, 20));
    }

    #[test]
    fn a_request_rewinds() {
        let config = Config::default();
        let mut log = Outgoing::new(0);
        log.send(8, 100, at(0), &config);
        log.hold(8, at(1), &config);
        log.rewind(5);
        assert_eq!((log.held(), log.sent(), log.has_room(limits::WINDOW_BYTES_MAX)), (5, 5, true));
    }
}
