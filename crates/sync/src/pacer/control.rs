//! How fast: a paced window, steered by the delay of single units.
//!
//! The rule is Vegas' (Brakmo and Peterson, "TCP Vegas", IEEE JSAC 13(8), 1995, section III.B: compare
//! what a line delivers with what it would deliver were its queue empty, and keep less than a named
//! amount in the queue), measured as LEDBAT does (RFC 6817, sections 2.4.2 and 3.4): one-way delays from
//! the receiver's arrival times, compared with the least of the last two intervals, so that neither the
//! way back nor the two clocks' offset and drift count. As in Copa (Arun and Balakrishnan, NSDI 2018,
//! section 2.1) only a standing queue counts, one that several units in a row have met, and a line that
//! shows none for long is tried faster with doubling steps (its "velocity", section 2.2).
//!
//! - **Start**: a window of two segments that doubles each round, until a queue stands.
//! - **A queue stands** once [`STANDING`] units in a row were late by more than the target. Then the
//!   spacing of their arrivals is the line's rate. The pace becomes that less [`YIELD`], after a pause in
//!   which the queue empties.
//! - **No queue**: the pace creeps up with each unit. So the queue is empty nearly always, and the line
//!   is idle for the few percent between yield and creep.
//! - **A delay that a pause does not mend** is no queue: the line has changed. All is let drain, and the
//!   next unit, alone on the line, gives the delay to compare with.
//! - The **window** bounds what is on its way when acknowledgements fail to come.
//!
//! Lanes: ROUTINE and PRIORITY leave only when the pace says so. IMMEDIATE may be a segment ahead of it
//! and FLASH [`FLASH_AHEAD_BYTES`], so that it never waits for the pace; what runs ahead is made up for
//! by the others.

use base::{TimeDelta, Timestamp};

use super::{SEGMENT_BYTES_MAX, micros};

/// Bytes a unit costs on the line beside its content: Ethernet, IP and UDP 42, QUIC about 31, its own
/// header 5. TCP with TLS costs about as much.
pub(super) const OVERHEAD_BYTES: usize = 80;
/// Content of the smallest segment, so that more than four fifths of a line carry content.
const SEGMENT_BYTES_MIN: usize = 480;
/// Content that fits one QUIC packet of the least size every path carries (RFC 9000, section 14).
const SEGMENT_BYTES_PACKET: usize = 1_100;
/// And what that costs on the line.
const PACKET_WIRE: f64 = (SEGMENT_BYTES_PACKET + OVERHEAD_BYTES) as f64;
/// Time on the line of a segment on slow lines, up to one packet; what FLASH may find in its way.
const SEGMENT_S: f64 = 0.006;
/// Time on the line of a segment on fast lines, where packets are no longer the measure.
const SEGMENT_FAST_S: f64 = 0.000_4;

/// Least delay that counts as a queue: timers and schedulers are no better.
const TARGET_S: f64 = 0.001;
/// And most, on lines so fast that a scheduler's pauses look like queues.
const TARGET_S_MAX: f64 = 0.004;
/// A line of this rate has the least target.
const TARGET_RATE: f64 = 12.5e6;
/// The target as a share of a segment's time, on slow lines.
const TARGET_SEGMENTS: f64 = 0.125;
/// Late units in a row that make a standing queue.
const STANDING: usize = 4;
/// Share of the line's rate that is sent at when a queue was found.
const YIELD: f64 = 0.965;
/// Creep for each unit without a queue.
const CREEP: f64 = 0.002_5;
/// Units without a queue before the creep begins to double.
const CREEP_CALM: u32 = 32;
/// And after how many more it doubles again.
const CREEP_DOUBLES: u32 = 16;
/// Most doublings.
const CREEP_DOUBLINGS_MAX: u32 = 6;
/// Longest pause.
const PAUSE_S_MAX: f64 = 1.0;
/// Units after a pause that must all be late for the delay to be no queue.
const PROBATION: u32 = 4;
/// How much later than due a unit may leave without the time being lost: timers wake this late.
const CREDIT: TimeDelta = TimeDelta::from_nanos(1_500_000);
/// What the window allows for late acknowledgements.
const SLACK_S: f64 = 0.003;
/// Bytes of FLASH that may leave ahead of the pace.
const FLASH_AHEAD_BYTES: f64 = 8_192.0;
/// Bytes on their way at most.
const WINDOW_BYTES_MAX: f64 = 8.0 * 1024.0 * 1024.0;
/// Slowest and fastest pace, bytes a second: 4 kbit/s, and more than memory copies.
const RATES: (f64, f64) = (500.0, 1e10);
/// The rate a line is taken for before anything is known: 64 kbit/s.
const RATE_START: f64 = 8_000.0;
/// Delays and round trips are compared with the least of this interval and the one before.
const INTERVAL: TimeDelta = TimeDelta::from_seconds(10);
/// Arrivals over which delivery is measured.
const RECENT: usize = 16;

/// What was measured of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Bytes a second sent at, headers included; nothing before a queue was seen.
    pub rate_bytes: Option<f64>,
    /// Content of one segment.
    pub segment_bytes: usize,
    /// Bytes that may be on their way.
    pub window_bytes: usize,
    /// Bytes on their way.
    pub in_flight_bytes: usize,
    /// Round trip of a unit when the queue is empty.
    pub round_trip: Option<TimeDelta>,
    /// Delay of the newest unit in the line's queue.
    pub queued: TimeDelta,
}

/// A unit's arrival as its acknowledgement tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) sent_at: Timestamp,
    /// Its own bytes on the line.
    pub(super) own: usize,
    pub(super) limited: bool,
    pub(super) alone: bool,
    /// Of a lane that is acknowledged at once.
    pub(super) paced: bool,
    /// Bytes acknowledged with it.
    pub(super) wire: usize,
    pub(super) arrived_us: u32,
    /// Bytes still on their way.
    pub(super) left: usize,
}

/// A unit that met no queue: what others are compared with.
#[derive(Clone, Copy, Debug)]
struct Reference {
    delay_us: u32,
    own: usize,
    /// What the line's rate was taken for then; nothing while starting.
    rate: Option<f64>,
}

/// The least of this interval and of the one before.
#[derive(Clone, Copy, Debug)]
struct Least<T> {
    began: Timestamp,
    before: Option<T>,
    now: Option<T>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    delivered: u64,
    arrived_us: u32,
    late_s: f64,
}

/// Whether a pause has shortened the delay, as it does if the delay was a queue.
#[derive(Clone, Copy, Debug)]
struct Probation {
    left: u32,
    before_s: f64,
    least_s: f64,
    /// Whether it follows a pause that mended too little.
    again: bool,
}

/// The state of one direction of a line.
#[derive(Debug)]
pub(super) struct Control {
    rate: f64,
    /// The window while starting.
    starting: Option<f64>,
    next_at: Timestamp,
    delays: Least<Reference>,
    round_trips: Least<TimeDelta>,
    delivered: u64,
    recent: std::collections::VecDeque<Point>,
    late: Vec<Point>,
    late_s: f64,
    /// Units sent before this say nothing new.
    fresh_after: Timestamp,
    calm: u32,
    /// Units to be judged after a pause.
    probation: Option<Probation>,
    /// Nothing leaves until nothing is on its way.
    draining: bool,
}

impl<T: Copy> Least<T> {
    const fn new(began: Timestamp) -> Self {
        Self { began, before: None, now: None }
    }

    fn turn(&mut self, now: Timestamp) {
        if now - self.began >= INTERVAL {
            *self = Self { began: now, before: self.now.take(), now: None };
        }
    }

    fn set(&mut self, value: T) {
        (self.before, self.now) = (None, Some(value));
    }
}

fn seconds(delta: TimeDelta) -> f64 {
    delta.as_nanos() as f64 / 1e9
}

#[expect(clippy::cast_possible_truncation, reason = "times here are below an hour")]
fn delta(seconds: f64) -> TimeDelta {
    TimeDelta::from_nanos((seconds * 1e9) as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes within the window's limit"
)]
const fn bytes(count: f64) -> usize {
    count as usize
}

/// `late - early` of a clock that wraps.
fn since_us(late: u32, early: u32) -> f64 {
    f64::from(late.wrapping_sub(early).cast_signed())
}

impl Control {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            rate: RATE_START,
            starting: Some(2.0 * (SEGMENT_BYTES_MIN + OVERHEAD_BYTES) as f64),
            next_at: now,
            delays: Least::new(now),
            round_trips: Least::new(now),
            delivered: 0,
            recent: std::collections::VecDeque::new(),
            late: Vec::new(),
            late_s: 0.0,
            fresh_after: now,
            calm: 0,
            probation: None,
            draining: false,
        }
    }

    /// Content of the next segment.
    pub(super) fn segment_bytes(&self) -> usize {
        let wire = (self.rate * SEGMENT_S).min(PACKET_WIRE).max(self.rate * SEGMENT_FAST_S);
        let most = (SEGMENT_BYTES_MAX + OVERHEAD_BYTES) as f64;
        bytes(wire.min(most)).saturating_sub(OVERHEAD_BYTES).max(SEGMENT_BYTES_MIN)
    }

    fn segment_wire(&self) -> f64 {
        (self.segment_bytes() + OVERHEAD_BYTES) as f64
    }

    /// Delay above which a unit has met a queue.
    fn target_s(&self) -> f64 {
        let fast = (TARGET_S * self.rate / TARGET_RATE).clamp(TARGET_S, TARGET_S_MAX);
        fast.max(TARGET_SEGMENTS * self.segment_wire() / self.rate)
    }

    fn round_trip(&self) -> Option<TimeDelta> {
        self.round_trips.before.into_iter().chain(self.round_trips.now).min()
    }

    fn window(&self) -> f64 {
        let window = self.starting.unwrap_or_else(|| {
            let round_trip = self.round_trip().map_or(0.0, seconds);
            let time = round_trip + self.target_s() + SLACK_S;
            2.0 * self.segment_wire() + self.rate * time
        });
        window.min(WINDOW_BYTES_MAX)
    }

    fn ahead(&self, place: usize) -> f64 {
        match place {
            0 => FLASH_AHEAD_BYTES,
            1 => self.segment_wire(),
            _ => 0.0,
        }
    }

    fn has_room(&self, place: usize, wire: usize, in_flight: usize) -> bool {
        if self.draining && place > 0 {
            return in_flight == 0;
        }
        in_flight == 0 || (in_flight + wire) as f64 <= self.window() + self.ahead(place)
    }

    fn paced_at(&self, place: usize) -> Timestamp {
        let ahead = delta((self.ahead(place) / self.rate).min(PAUSE_S_MAX));
        self.next_at + -ahead
    }

    /// Whether a unit of the lane at `place` may leave.
    pub(super) fn may_send(
        &self,
        place: usize,
        wire: usize,
        in_flight: usize,
        now: Timestamp,
    ) -> bool {
        self.has_room(place, wire, in_flight)
            && (self.starting.is_some() || now >= self.paced_at(place))
    }

    /// When it may leave if nothing comes in; nothing if an acknowledgement is needed first.
    pub(super) fn free_at(&self, place: usize, wire: usize, in_flight: usize) -> Option<Timestamp> {
        self.has_room(place, wire, in_flight).then(|| self.paced_at(place))
    }

    /// A unit left. While starting no pace is known, and so none is owed: what leaves then must not be
    /// paid for at the rate that was assumed.
    pub(super) fn sent(&mut self, wire: usize, now: Timestamp) {
        if self.starting.is_some() {
            return;
        }
        let from = self.next_at.max(now + -CREDIT);
        self.next_at = from + delta(wire as f64 / self.rate);
    }

    pub(super) fn measured(&self, in_flight_bytes: usize) -> Measured {
        Measured {
            rate_bytes: self.starting.is_none().then_some(self.rate),
            segment_bytes: self.segment_bytes(),
            window_bytes: bytes(self.window()),
            in_flight_bytes,
            round_trip: self.round_trip(),
            queued: delta(self.late_s.max(0.0)),
        }
    }

    /// A unit was acknowledged.
    pub(super) fn arrived(&mut self, arrival: &Arrival, now: Timestamp) {
        self.delivered += arrival.wire as u64;
        self.delays.turn(now);
        self.round_trips.turn(now);
        if arrival.paced {
            let round_trip = now - arrival.sent_at;
            let least = self.round_trips.now.map_or(round_trip, |least| least.min(round_trip));
            self.round_trips.now = Some(least);
        }
        let delay_us = arrival.arrived_us.wrapping_sub(micros(arrival.sent_at));
        let rate = self.starting.is_none().then_some(self.rate);
        let sample = Reference { delay_us, own: arrival.own, rate };
        if self.draining && arrival.alone && arrival.paced {
            self.drained(sample, now - arrival.sent_at);
        }
        let late_s = self.late_by(sample);
        self.late_s = late_s;
        let arrived_us = arrival.arrived_us;
        let point = Point { delivered: self.delivered, arrived_us, late_s };
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(point);
        if arrival.limited
            && let Some(window) = self.starting.as_mut()
        {
            *window = (*window + arrival.wire as f64).min(WINDOW_BYTES_MAX);
            if let Some(rate) = delivery(&self.recent) {
                self.rate = rate.max(self.rate).min(RATES.1);
            }
        }
        if arrival.paced && arrival.sent_at >= self.fresh_after {
            if !arrival.alone {
                self.judge(point, arrival, now);
            } else if arrival.limited && self.starting.is_none() {
                // So slow that each unit has the line to itself: no queue can stand.
                self.late.clear();
                self.creep();
            }
        }
    }

    /// How much later than in an empty line a unit came.
    fn late_by(&mut self, sample: Reference) -> f64 {
        let than = move |reference: Reference| {
            let later = since_us(sample.delay_us, reference.delay_us) / 1e6;
            // Before the rate is known every line is taken for one where size does not matter.
            let Some(rate) = sample.rate else { return later };
            let longer = (sample.own as f64 - reference.own as f64) / rate;
            // Where the rate fell far since, the reference was on the line for what the rate was then: one
            // that fell too far must not make every shorter unit late.
            match reference.rate.filter(|then| *then > 2.0 * rate) {
                Some(then) => later - (sample.own as f64 / rate - reference.own as f64 / then),
                None => later - longer,
            }
        };
        let now = self.delays.now.map(than);
        let before = self.delays.before.map(than);
        if now.is_none_or(|late| late < 0.0) {
            self.delays.now = Some(sample);
        }
        now.into_iter().chain(before).fold(0.0, f64::max)
    }

    fn judge(&mut self, point: Point, arrival: &Arrival, now: Timestamp) {
        let target = self.target_s();
        if let Some(mut probation) = self.probation.take() {
            probation.left -= 1;
            probation.least_s = probation.least_s.min(point.late_s);
            if probation.left > 0 {
                self.probation = Some(probation);
            } else {
                self.conclude(probation, target, arrival.left, now);
            }
            return;
        }
        if point.late_s > target && arrival.left == 0 {
            // Nothing of ours is behind it, so no queue stands: the far end was busy and took all at once.
            self.late.clear();
            return;
        }
        if point.late_s > target {
            self.late.push(point);
            self.calm = 0;
            if self.late.len() >= STANDING {
                self.yield_to_queue(arrival.left, now);
            }
            return;
        }
        self.late.clear();
        if arrival.limited && self.starting.is_none() {
            self.creep();
        }
    }

    /// After a pause: gone, still there and so paused for again, or not a queue at all.
    fn conclude(&mut self, probation: Probation, target: f64, left: usize, now: Timestamp) {
        let still = probation.least_s > probation.before_s / 2.0 && probation.least_s > target;
        if still && probation.again {
            self.draining = true;
        } else if still {
            self.pause(probation.least_s, left, now);
            let (left, before_s) = (PROBATION, probation.least_s);
            self.probation = Some(Probation { left, before_s, least_s: f64::MAX, again: true });
        }
    }

    /// Nothing paced leaves until a queue of `queue_s` has emptied.
    fn pause(&mut self, queue_s: f64, left: usize, now: Timestamp) {
        // Nothing longer than what is on its way can stand in the queue.
        let pause = queue_s.min(left as f64 / self.rate).clamp(0.0, PAUSE_S_MAX);
        self.fresh_after = now + delta(pause);
        self.next_at = self.next_at.max(self.fresh_after);
    }

    fn creep(&mut self) {
        self.calm = self.calm.saturating_add(1);
        // A pace far above what arrives says that something else is the limit.
        if delivery(&self.recent).is_some_and(|delivered| self.rate > 2.0 * delivered) {
            return;
        }
        let doublings = self.calm.saturating_sub(CREEP_CALM) / CREEP_DOUBLES;
        let step = CREEP * f64::from(1_u32 << doublings.min(CREEP_DOUBLINGS_MAX));
        self.rate = (self.rate * (1.0 + step)).min(RATES.1);
    }

    /// A queue stands: its units' spacing is the line's rate.
    fn yield_to_queue(&mut self, left: usize, now: Timestamp) {
        let late = std::mem::take(&mut self.late);
        let before_s = late.last().map_or(0.0, |point| point.late_s);
        // On a fast line a pause of the far end and the burst after it are no measure; more arrivals are.
        let burst = delivery(&self.recent).filter(|_| self.rate * SEGMENT_FAST_S > PACKET_WIRE);
        let rate = delivery(&late).map(|rate| burst.map_or(rate, |recent| rate.max(recent)));
        if let Some(rate) = rate {
            let alike = (rate / self.rate - 1.0).abs() < 0.25 && self.starting.is_none();
            self.rate = if alike { f64::midpoint(self.rate, rate) } else { rate };
        }
        self.starting = None;
        self.rate = (self.rate * YIELD).clamp(RATES.0, RATES.1);
        self.pause(before_s, left, now);
        self.calm = 0;
        let left = PROBATION;
        self.probation = Some(Probation { left, before_s, least_s: f64::MAX, again: false });
    }

    /// A unit was alone on the line: its delay is what others are compared with.
    fn drained(&mut self, sample: Reference, round_trip: TimeDelta) {
        self.draining = false;
        // Token buckets let a unit pass early after a pause, here of about the way back.
        let own_s = sample.own as f64 / self.rate;
        let early_s = (seconds(round_trip) - own_s).clamp(0.0, own_s);
        let early_us = delta(early_s).as_nanos() / 1_000;
        let early_us = u32::try_from(early_us).unwrap_or(0);
        let delay_us = sample.delay_us.wrapping_add(early_us);
        self.delays.set(Reference { delay_us, ..sample });
        self.round_trips.set(round_trip);
    }
}

/// Bytes a second between the first and the last arrival.
fn delivery<'a>(points: impl IntoIterator<Item = &'a Point>) -> Option<f64> {
    let mut points = points.into_iter();
    let first = points.next()?;
    let last = points.last()?;
    let time_s = since_us(last.arrived_us, first.arrived_us) / 1e6;
    let rate = (last.delivered - first.delivered) as f64 / time_s;
    (time_s > 0.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at_us(micros: i64) -> Timestamp {
        Timestamp::from_nanos(micros * 1_000)
    }

    /// A unit of `own` bytes that left `delay_us` before `arrived_us`, with more behind it.
    fn unit(own: usize, arrived_us: u32, delay_us: u32) -> Arrival {
        let sent_at = at_us(i64::from(arrived_us - delay_us));
        let (limited, alone, paced, left) = (true, false, true, 500_000);
        Arrival { sent_at, own, limited, alone, paced, wire: own, arrived_us, left }
    }

    fn fast() -> Control {
        let mut control = Control { starting: None, rate: 1e9, ..Control::new(at_us(0)) };
        for number in 1..=16 {
            let arrived_us = 1_000 + 40 * number;
            control.arrived(&unit(32_848, arrived_us, 50), at_us(i64::from(arrived_us)));
        }
        control
    }

    #[test]
    fn a_short_unit_is_not_late_because_the_rate_fell_since_a_long_one() {
        let mut control = fast();
        control.rate = 3.7e6;
        control.arrived(&unit(1_500, 10_000, 60), at_us(10_000));
        let late_s = control.late_s;
        assert!(late_s < control.target_s(), "late by {late_s} s");
        // A queue is seen all the same.
        control.arrived(&unit(1_500, 30_000, 9_000), at_us(30_000));
        assert!((0.008..0.009).contains(&control.late_s), "late by {} s", control.late_s);
    }

    #[test]
    fn a_pause_of_the_far_end_is_no_rate_of_a_fast_line() {
        let mut control = fast();
        for (arrived_us, delay_us) in
            [(6_000, 4_500), (50_000, 48_000), (50_040, 48_000), (50_080, 48_000)]
        {
            control.arrived(&unit(32_848, arrived_us, delay_us), at_us(i64::from(arrived_us)));
        }
        assert_eq!(control.calm, 0, "a queue stood");
        assert!(control.probation.is_some(), "and was yielded to");
        // Three units in 44 ms would be 2.2 MB/s.
        assert!(control.rate > 8e6, "{} bytes a second", control.rate);
    }
}
