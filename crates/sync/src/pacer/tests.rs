//! Two pacers at the ends of a modelled line: a rate, one queue, a base delay, timers as late as real
//! ones. Everything is virtual; the same seed gives the same run.

use std::collections::VecDeque;

use super::*;

const ROUTINE: Precedence = Precedence::Routine;
const FLASH: Precedence = Precedence::Flash;

fn ms(count: i64) -> TimeDelta {
    TimeDelta::from_millis(count)
}

fn at_s(count: i64) -> Timestamp {
    Timestamp::from_seconds(count)
}

/// One direction.
struct Pipe {
    rate: f64,
    base: TimeDelta,
    free_at: Timestamp,
    under_way: VecDeque<(Timestamp, Segment)>,
    cut: bool,
}

impl Pipe {
    fn new(rate: f64, base: TimeDelta) -> Self {
        Self { rate, base, free_at: at_s(0), under_way: VecDeque::new(), cut: false }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a time on the line")]
    fn send(&mut self, segment: Segment, now: Timestamp) {
        if self.cut {
            return;
        }
        let wire = (segment.bytes.len() + 75) as f64;
        let takes = TimeDelta::from_nanos((wire / self.rate * 1e9) as i64);
        self.free_at = self.free_at.max(now) + takes;
        self.under_way.push_back((self.free_at + self.base, segment));
    }
}

/// A line with a backlog of ROUTINE at the near end and now and then a FLASH frame.
struct Model {
    now: Timestamp,
    near: Pacer,
    far: Pacer,
    out: Pipe,
    back: Pipe,
    /// The far clock runs this much faster, in millionths.
    drift: i64,
    /// Waits between FLASH frames.
    flash_every: TimeDelta,
    flash_at: Timestamp,
    flash_sent: VecDeque<Timestamp>,
    flash_delays_ms: Vec<f64>,
    routine_bytes: usize,
    /// When the backlog begins.
    bulk_at: Timestamp,
    /// Until when the far end is busy and reads nothing.
    far_busy_until: Timestamp,
}

impl Model {
    fn new(rate_bits: f64, base: TimeDelta) -> Self {
        let start = at_s(0);
        Self {
            now: start,
            near: Pacer::new(start),
            far: Pacer::new(start),
            out: Pipe::new(rate_bits / 8.0, base),
            back: Pipe::new(rate_bits / 8.0, base),
            drift: 0,
            flash_every: ms(237),
            flash_at: start + ms(500),
            flash_sent: VecDeque::new(),
            flash_delays_ms: Vec::new(),
            routine_bytes: 0,
            bulk_at: start,
            far_busy_until: start,
        }
    }

    fn far_now(&self) -> Timestamp {
        let passed = self.now - at_s(0);
        self.now + TimeDelta::from_nanos(passed.as_nanos() / 1_000_000 * self.drift)
    }

    fn set_rate(&mut self, rate_bits: f64) {
        (self.out.rate, self.back.rate) = (rate_bits / 8.0, rate_bits / 8.0);
    }

    /// Forgets what was counted so far.
    fn reset(&mut self) {
        self.flash_delays_ms.clear();
        self.routine_bytes = 0;
    }

    fn run_until(&mut self, end: Timestamp) {
        while self.now < end {
            self.turn();
            // Timers of the shell wake at the next whole millisecond.
            let late = |at: Timestamp| {
                let nanos = at.max(self.now).as_nanos();
                Timestamp::from_nanos(nanos.div_euclid(1_000_000) * 1_000_000 + 1_000_000)
            };
            let next = [
                self.near.wake_at().map(late),
                self.far.wake_at().map(late),
                self.out.under_way.front().map(|(at, _)| *(at.max(&self.far_busy_until))),
                self.back.under_way.front().map(|(at, _)| *at),
                Some(self.flash_at),
                Some(self.bulk_at).filter(|at| *at > self.now),
                Some(end),
            ];
            self.now = next.into_iter().flatten().min().unwrap_or(end).max(self.now);
        }
    }

    fn turn(&mut self) {
        let mut frames = Vec::new();
        let reads =
            |(at, _): &mut (Timestamp, Segment)| *at <= self.now && self.far_busy_until <= self.now;
        while let Some((_, segment)) = self.out.under_way.pop_front_if(reads) {
            let now = self.far_now();
            self.far.receive(segment.lane, &segment.bytes, now, &mut frames).unwrap();
        }
        for (lane, frame) in frames.drain(..) {
            if lane == FLASH {
                let sent = self.flash_sent.pop_front().unwrap();
                self.flash_delays_ms.push((self.now - sent).as_nanos() as f64 / 1e6);
            } else {
                self.routine_bytes += frame.len();
            }
        }
        while let Some((_, segment)) = self.back.under_way.pop_front_if(|(at, _)| *at <= self.now) {
            self.near.receive(segment.lane, &segment.bytes, self.now, &mut frames).unwrap();
        }
        if self.now >= self.flash_at {
            self.near.push(FLASH, [7; 480].into());
            self.flash_sent.push_back(self.now);
            self.flash_at = self.now + self.flash_every;
        }
        loop {
            while self.now >= self.bulk_at && self.near.wants(ROUTINE) {
                self.near.push(ROUTINE, [3; 1_100].into());
            }
            let Some(segment) = self.near.poll(self.now) else { break };
            self.out.send(segment, self.now);
        }
        while let Some(segment) = self.far.poll(self.far_now()) {
            self.back.send(segment, self.now);
        }
    }

    fn flash_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.flash_delays_ms.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }

    /// ROUTINE frames' share of the line since the last reset.
    fn share(&self, seconds: f64) -> f64 {
        self.routine_bytes as f64 / (self.out.rate * seconds)
    }
}

/// Time of `count` bytes with headers on a line, milliseconds.
fn wire_ms(count: usize, rate_bits: f64) -> f64 {
    (count + 80) as f64 * 8e3 / rate_bits
}

#[test]
fn urgent_frames_wait_for_about_one_segment_and_bulk_fills_the_line() {
    // Rate, base delay; FLASH may take the larger part of a second to say something at 64 kbit/s.
    for (rate, base, share_min, every) in [
        (64e3, ms(0), 0.74, ms(4_001)),
        (1e6, ms(0), 0.80, ms(237)),
        (1e6, ms(40), 0.80, ms(237)),
        (10e6, ms(5), 0.85, ms(97)),
        (100e6, ms(0), 0.85, ms(37)),
    ] {
        let mut model = Model::new(rate, base);
        model.flash_every = every;
        model.run_until(at_s(20));
        model.reset();
        model.run_until(at_s(80));
        let segment = model.near.measured().segment_bytes;
        let alone = wire_ms(489, rate) + base.as_nanos() as f64 / 1e6;
        let wait = model.flash_ms(99) - alone;
        // What is sent too much is seen a round trip later.
        let lag = 0.2 * 2.0 * (base.as_nanos() as f64 / 1e6);
        let allowed = 1.5 * wire_ms(segment, rate) + 1.5 + lag;
        let share = model.share(60.0);
        assert!(wait <= allowed, "{rate} bit/s, {base:?}: FLASH waited {wait} of {allowed} ms");
        assert!(share >= share_min, "{rate} bit/s, {base:?}: bulk had {share} of the line");
    }
}

#[test]
fn what_left_before_the_rate_was_known_is_not_paid_for_later() {
    // Two hundred FLASH frames that never filled the line, then a backlog and a far end that pauses.
    let mut model = Model::new(1e9, ms(0));
    model.flash_every = ms(2);
    model.bulk_at = at_s(1);
    model.run_until(at_s(1));
    model.flash_every = ms(237);
    model.run_until(at_s(1) + ms(100));
    model.out.free_at = model.now + ms(20);
    model.run_until(at_s(1) + ms(200));
    assert!(model.near.measured().rate_bytes.is_some(), "a queue stood");
    model.reset();
    model.run_until(at_s(2));
    let share = model.share(0.8);
    assert!(share > 0.2, "bulk had {share} of the line");
}

#[test]
fn a_far_end_that_is_busy_is_not_taken_for_a_slow_line() {
    let mut model = Model::new(1e9, ms(0));
    model.bulk_at = at_s(1);
    model.run_until(at_s(1));
    for _ in 0..8 {
        model.far_busy_until = model.now + ms(100);
        model.run_until(model.far_busy_until + TimeDelta::from_nanos(1));
    }
    model.reset();
    let begun = model.now;
    model.run_until(begun + ms(500));
    let share = model.share(0.5);
    assert!(share > 0.5, "bulk had {share} of the line");
}

#[test]
fn a_change_of_rate_is_followed() {
    let mut model = Model::new(1e6, ms(2));
    model.run_until(at_s(10));
    model.set_rate(64e3);
    model.run_until(at_s(30));
    model.reset();
    model.run_until(at_s(60));
    let wait = model.flash_ms(95);
    assert!(wait <= 190.0, "slow line: FLASH took {wait} ms");
    assert!(model.share(30.0) >= 0.3, "slow line: bulk had {}", model.share(30.0));
    model.set_rate(10e6);
    model.run_until(at_s(70));
    model.reset();
    model.run_until(at_s(80));
    assert!(model.share(10.0) >= 0.8, "fast line: bulk had {}", model.share(10.0));
    assert!(model.flash_ms(99) <= 6.0, "fast line: FLASH took {} ms", model.flash_ms(99));
}

#[test]
fn drifting_clocks_and_a_longer_way_change_little() {
    let mut model = Model::new(1e6, ms(5));
    model.drift = 100;
    model.run_until(at_s(30));
    model.reset();
    model.run_until(at_s(90));
    assert!(model.share(60.0) >= 0.72, "drift: bulk had {}", model.share(60.0));
    assert!(model.flash_ms(99) <= 18.0, "drift: FLASH took {} ms", model.flash_ms(99));
    (model.out.base, model.back.base) = (ms(60), ms(60));
    model.run_until(at_s(110));
    model.reset();
    model.run_until(at_s(140));
    assert!(model.share(30.0) >= 0.75, "longer way: bulk had {}", model.share(30.0));
    assert!(model.flash_ms(99) <= 95.0, "longer way: FLASH took {} ms", model.flash_ms(99));
}

#[test]
fn a_dead_line_holds_no_more_than_the_window() {
    let mut model = Model::new(1e6, ms(2));
    model.run_until(at_s(5));
    (model.out.cut, model.back.cut) = (true, true);
    model.flash_every = at_s(1_000) - at_s(0);
    model.run_until(at_s(30));
    let measured = model.near.measured();
    assert!(measured.in_flight_bytes <= 16 * 1_024, "{measured:?}");
    assert!(model.near.poll(model.now).is_none(), "nothing leaves without acknowledgements");
    assert!(model.near.wake_at().is_none(), "and nothing is waited for but them");
}

/// A generator whose numbers follow from its seed (splitmix64, Steele et al., OOPSLA 2014).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn length(&mut self) -> usize {
        let most = [4, 300, 3_000, 60_000][usize::try_from(self.below(4)).unwrap()];
        usize::try_from(1 + self.below(most)).unwrap()
    }
}

#[test]
fn every_frame_arrives_whole_and_in_the_order_of_its_lane() {
    for seed in 0..200 {
        let mut dice = Seeded(seed);
        let mut now = at_s(0);
        let (mut near, mut far) = (Pacer::new(now), Pacer::new(now));
        let mut sent: [Vec<Vec<u8>>; LANES] = Default::default();
        let mut got: [Vec<Vec<u8>>; LANES] = Default::default();
        for _ in 0..=dice.below(40) {
            let place = usize::try_from(dice.below(4)).unwrap();
            let frame: Vec<u8> = (0..dice.length()).map(|_| dice.byte()).collect();
            near.push(Precedence::ALL[place], frame.clone().into());
            sent[place].push(frame);
        }
        let mut frames = Vec::new();
        for _ in 0..200_000 {
            now += TimeDelta::from_nanos(i64::try_from(dice.below(3_000_000)).unwrap());
            while let Some(segment) = near.poll(now) {
                // Streams cut where they like.
                let cut = usize::try_from(dice.below(segment.bytes.len() as u64 + 1)).unwrap();
                for part in [&segment.bytes[..cut], &segment.bytes[cut..]] {
                    far.receive(segment.lane, part, now, &mut frames).unwrap();
                }
            }
            while let Some(segment) = far.poll(now) {
                near.receive(segment.lane, &segment.bytes, now, &mut frames).unwrap();
            }
            if sent.iter().map(Vec::len).sum::<usize>() == frames.len() {
                break;
            }
        }
        for (lane, frame) in frames {
            got[lane as usize].push(frame);
        }
        assert!(got == sent, "seed {seed}");
    }
}

#[test]
fn repeated_units_are_dropped_and_missing_ones_are_refused() {
    let now = at_s(0);
    let (mut near, mut far) = (Pacer::new(now), Pacer::new(now));
    near.push(ROUTINE, [1; 700].into());
    let units = [near.poll(now).unwrap(), near.poll(now).unwrap()];
    let mut frames = Vec::new();
    for unit in [&units[0], &units[0], &units[1], &units[0], &units[1]] {
        far.receive(ROUTINE, &unit.bytes, now, &mut frames).unwrap();
    }
    assert_eq!(frames, [(ROUTINE, vec![1; 700])]);
    let mut other = Pacer::new(now);
    let error = other.receive(ROUTINE, &units[1].bytes, now, &mut frames).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected every unit in order on the line, got unit 1 where 0 comes next"
    );
    let error = Pacer::new(now).receive(FLASH, &units[0].bytes, now, &mut frames).unwrap_err();
    assert!(error.to_string().contains("the stream's own lane"), "{error}");
}

#[test]
fn acknowledgements_of_nothing_are_refused_and_wild_times_do_no_harm() {
    let now = at_s(0);
    let mut pacer = Pacer::new(now);
    let ack = Unit::Ack { lane: 3, number: 5, arrived_us: 0 }.encode();
    let error = pacer.receive(FLASH, &ack, now, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("a unit that was sent"), "{error}");
    for seed in 0..50 {
        let mut dice = Seeded(seed);
        let mut now = at_s(0);
        let mut pacer = Pacer::new(now);
        let mut next = 0_u16;
        for _ in 0..2_000 {
            now += TimeDelta::from_nanos(i64::try_from(dice.below(20_000_000)).unwrap());
            while pacer.wants(ROUTINE) {
                pacer.push(ROUTINE, [3; 1_100].into());
            }
            let mut count = 0;
            while pacer.poll(now).is_some() {
                count += 1;
            }
            next = next.wrapping_add(count);
            if next > 0 && dice.below(3) > 0 {
                let arrived_us = u32::try_from(dice.below(1 << 32)).unwrap();
                let number = next - 1;
                let ack = Unit::Ack { lane: 3, number, arrived_us }.encode();
                pacer.receive(FLASH, &ack, now, &mut Vec::new()).unwrap();
            }
            let measured = pacer.measured();
            assert!(measured.in_flight_bytes <= 9 * 1024 * 1024, "{measured:?}");
            assert!(measured.rate_bytes.is_none_or(|rate| (400.0..=2e10).contains(&rate)));
        }
    }
}

#[test]
fn absurd_frame_lengths_are_refused_before_anything_is_kept() {
    let now = at_s(0);
    for length in [[0, 0, 0, 0], [255, 255, 255, 255]] {
        let unit = Unit::Data { lane: 1, number: 0, content: &length }.encode();
        let error = Pacer::new(now).receive(Precedence::Immediate, &unit, now, &mut Vec::new());
        assert!(error.unwrap_err().to_string().contains("within limits"));
    }
}
