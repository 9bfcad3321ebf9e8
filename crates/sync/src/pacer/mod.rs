//! The pacer: frames cut to the line, acknowledged, and sent only as fast as the line empties.
//!
//! A sender that keeps the line's queue full makes what is urgent wait behind that queue, whatever
//! priorities it has itself. The pacer keeps the queue empty instead: frames of a lower precedence are
//! cut into segments sized to the measured line, each is acknowledged by the pacer at the other end with
//! the time it arrived, and the next leaves when the line is about to be free. It is sans-IO: carriers
//! and the simulator drive the same code, one pacer at each end of a connection.
//!
//! ```text
//! push(frame) ─► lane queue ─► poll ─► unit ─► stream of its lane ─► receive ─► frame
//!                                ▲                                      │
//!                                └── window, pace ◄── ack (arrival) ◄───┘
//! ```
//!
//! On the line, for each direction (big-endian): four ordered streams of units, one for each lane.
//! A lane's data units, put together, are its frames, each behind its length.
//!
//! ```text
//! data  0b00LL_0000 | number u16 | length u16 (1 to 32,768) | bytes      LL lane, 0 is FLASH
//! ack   0b01LL_0000 | number u16 | arrived u32 µs                       newest unit of lane LL
//! frame u32 length (1 to base::limits::FRAME_BYTES_MAX) | bytes
//! ```
//!
//! Numbers count a lane's units and wrap. A repeated unit is dropped; a missing one, or an
//! acknowledgement of what was never sent, ends the connection: carriers deliver in order or fail.
//! `arrived` is the receiver's own clock and wraps; only differences are ever used. Acks travel in the
//! FLASH stream. Those of FLASH units wait up to [`FLASH_ACK_WITHIN`] for company, so that they do not
//! precede the receipt the sender really waits for.
//!
//! How the pace is found is told in `control`.

mod control;
mod queue;
mod reassembly;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::VecDeque;
use std::sync::Arc;

use base::{TimeDelta, Timestamp};
use log::Precedence;

use self::control::{Arrival, Control};
use self::queue::LaneQueue;
use self::reassembly::LaneInbox;
use self::unit::Unit;
use crate::Error;

pub use self::control::Measured;

/// Bytes of the largest segment: at gigabit speed a quarter of a millisecond.
pub const SEGMENT_BYTES_MAX: usize = 32 * 1024;
/// Units of one lane sent and not yet acknowledged; numbers are 16 bits wide.
pub const UNITS_IN_FLIGHT_MAX: usize = 16_384;
/// Bytes of one lane that may wait for the rest of their frame: one frame, its length and a unit.
pub const REASSEMBLY_BYTES_MAX: usize =
    base::limits::FRAME_BYTES_MAX + LENGTH_BYTES + SEGMENT_BYTES_MAX + unit::DATA_HEADER_BYTES;
/// Longest an acknowledgement of a FLASH unit waits for company.
pub const FLASH_ACK_WITHIN: TimeDelta = TimeDelta::from_millis(25);

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
const LANES: usize = 4;

/// One end of a connection.
#[derive(Debug)]
pub struct Pacer {
    control: Control,
    outgoing: [LaneQueue; LANES],
    in_flight: [VecDeque<Sent>; LANES],
    in_flight_bytes: usize,
    incoming: [LaneInbox; LANES],
    /// When to say how far each lane has come.
    ack_at: [Option<Timestamp>; LANES],
}

/// A unit on its way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Timestamp,
    wire: usize,
    /// Whether more waited behind it, so that its arrival says something about the line.
    limited: bool,
    /// Whether nothing else was on its way.
    alone: bool,
}

/// Bytes to write to the stream of a lane, whole and before any later ones of that stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whose stream.
    pub lane: Precedence,
    /// One unit.
    pub bytes: Vec<u8>,
}

impl Pacer {
    /// A pacer of a connection that opened at `now`, a monotonic clock of any origin.
    pub fn new(now: Timestamp) -> Self {
        Self {
            control: Control::new(now),
            outgoing: Default::default(),
            in_flight: Default::default(),
            in_flight_bytes: 0,
            incoming: Default::default(),
            ack_at: [None; LANES],
        }
    }

    /// Whether the lane has less queued here than the next segments take. Frames are best left in the
    /// caller's own bounded queue until then.
    pub fn wants(&self, lane: Precedence) -> bool {
        self.outgoing[lane as usize].bytes() < 2 * self.control.segment_bytes()
    }

    /// Bytes of the lane that wait here.
    pub fn queued(&self, lane: Precedence) -> usize {
        self.outgoing[lane as usize].bytes()
    }

    /// Queues a whole frame.
    pub fn push(&mut self, lane: Precedence, frame: Arc<[u8]>) {
        self.outgoing[lane as usize].push(frame);
    }

    /// What was measured of the line.
    pub fn measured(&self) -> Measured {
        self.control.measured(self.in_flight_bytes)
    }

    /// The next unit that may leave at `now`: acknowledgements, then lanes by precedence.
    pub fn poll(&mut self, now: Timestamp) -> Option<Segment> {
        if let Some(ack) = self.next_ack(now) {
            return Some(ack);
        }
        let place = self.outgoing.iter().position(|queue| !queue.is_empty())?;
        let lane = Precedence::ALL[place];
        let bytes_max = self.control.segment_bytes();
        let wire = self.outgoing[place].bytes().min(bytes_max) + control::OVERHEAD_BYTES;
        let room = self.in_flight[place].len() < UNITS_IN_FLIGHT_MAX;
        if !room || !self.control.may_send(place, wire, self.in_flight_bytes, now) {
            return None;
        }
        let (number, content) = self.outgoing[place].take(bytes_max);
        let alone = self.in_flight_bytes == 0;
        let limited = !self.outgoing[place].is_empty();
        self.control.sent(wire, now);
        self.in_flight_bytes += wire;
        self.in_flight[place].push_back(Sent { at: now, wire, limited, alone });
        Some(Segment {
            lane,
            bytes: Unit::Data { lane: place, number, content: &content }.encode(),
        })
    }

    /// When [`Pacer::poll`] may give more although nothing came in; nothing if only an input can.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let ack = self.ack_at.iter().flatten().min().copied();
        let place = self.outgoing.iter().position(|queue| !queue.is_empty());
        let data = place.and_then(|place| {
            let bytes = self.outgoing[place].bytes().min(self.control.segment_bytes());
            let wire = bytes + control::OVERHEAD_BYTES;
            self.control.free_at(place, wire, self.in_flight_bytes)
        });
        [ack, data].into_iter().flatten().min()
    }

    /// Takes bytes of the stream of `lane`; whole frames are added to `frames`. After an error the
    /// connection is to be closed.
    pub fn receive(
        &mut self,
        lane: Precedence,
        bytes: &[u8],
        now: Timestamp,
        frames: &mut Vec<(Precedence, Vec<u8>)>,
    ) -> Result<(), Error> {
        self.incoming[lane as usize].feed(bytes);
        while let Some(unit) = self.incoming[lane as usize].next_unit(lane as usize, now)? {
            match unit {
                reassembly::Taken::Data => {
                    let patience =
                        if lane == Precedence::Flash { FLASH_ACK_WITHIN } else { TimeDelta::ZERO };
                    let due = self.ack_at[lane as usize].get_or_insert(now + patience);
                    *due = (*due).min(now + patience);
                    while let Some(frame) = self.incoming[lane as usize].next_frame()? {
                        frames.push((lane, frame));
                    }
                }
                reassembly::Taken::Ack { lane, number, arrived_us } => {
                    self.acknowledged(lane, number, arrived_us, now)?;
                }
            }
        }
        self.incoming[lane as usize].tidy();
        Ok(())
    }

    fn next_ack(&mut self, now: Timestamp) -> Option<Segment> {
        // One that is due takes the others along.
        if !self.ack_at.iter().flatten().any(|at| *at <= now) {
            return None;
        }
        let place = self.ack_at.iter().rposition(Option::is_some)?;
        self.ack_at[place] = None;
        if let Some(other) = self.ack_at.iter_mut().flatten().next() {
            *other = now;
        }
        let number = self.incoming[place].newest();
        let arrived_us = self.incoming[place].arrived_us();
        let unit = Unit::Ack { lane: place, number, arrived_us };
        Some(Segment { lane: Precedence::Flash, bytes: unit.encode() })
    }

    fn acknowledged(
        &mut self,
        place: usize,
        number: u16,
        arrived_us: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let in_flight = &mut self.in_flight[place];
        let first = self.outgoing[place]
            .next_number()
            .wrapping_sub(u16::try_from(in_flight.len()).expect("at most `UNITS_IN_FLIGHT_MAX`"));
        let count = usize::from(number.wrapping_sub(first).wrapping_add(1));
        if count > in_flight.len() {
            // An old acknowledgement is behind by less than half the numbers.
            if count > usize::from(u16::MAX / 2) {
                return Ok(());
            }
            let got = format!("unit {number} with {} on their way", in_flight.len());
            return Err(unit::error("an acknowledgement of a unit that was sent", got));
        }
        let mut wire = 0;
        let mut last = None;
        for sent in in_flight.drain(..count) {
            wire += sent.wire;
            last = Some(sent);
        }
        self.in_flight_bytes -= wire;
        if let Some(sent) = last {
            let paced = place > 0;
            let left = self.in_flight_bytes;
            let Sent { at: sent_at, wire: own, limited, alone } = sent;
            let arrival = Arrival { sent_at, own, limited, alone, paced, wire, arrived_us, left };
            self.control.arrived(&arrival, now);
        }
        Ok(())
    }
}

/// Microseconds of a monotonic clock, wrapping.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the clock wraps on purpose; only differences are used"
)]
const fn micros(at: Timestamp) -> u32 {
    at.as_nanos().div_euclid(1_000) as u32
}
