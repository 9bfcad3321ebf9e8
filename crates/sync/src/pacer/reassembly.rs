//! What came in: units put together to frames, within a bound.

use base::{Timestamp, limits};

use super::unit::{self, Unit};
use super::{LENGTH_BYTES, REASSEMBLY_BYTES_MAX, micros};
use crate::Error;

/// One lane's incoming bytes.
#[derive(Debug, Default)]
pub(super) struct LaneInbox {
    /// Bytes of units that are not whole yet, from `parsed` on.
    raw: Vec<u8>,
    parsed: usize,
    /// Bytes of frames that are not whole yet, from `given` on.
    frames: Vec<u8>,
    given: usize,
    /// The number of the next unit.
    number: u16,
    arrived_us: u32,
}

/// What a unit was.
#[derive(Debug)]
pub(super) enum Taken {
    Data,
    Ack { lane: usize, number: u16, arrived_us: u32 },
}

impl LaneInbox {
    /// The newest unit that came.
    pub(super) const fn newest(&self) -> u16 {
        self.number.wrapping_sub(1)
    }

    /// When it came.
    pub(super) const fn arrived_us(&self) -> u32 {
        self.arrived_us
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
    }

    /// Takes the next whole unit; repeated data is passed over.
    pub(super) fn next_unit(
        &mut self,
        lane: usize,
        now: Timestamp,
    ) -> Result<Option<Taken>, Error> {
        loop {
            let Some((unit, length)) = Unit::parse(&self.raw[self.parsed..])? else {
                return Ok(None);
            };
            match unit {
                Unit::Ack { lane, number, arrived_us } => {
                    self.parsed += length;
                    return Ok(Some(Taken::Ack { lane, number, arrived_us }));
                }
                Unit::Data { lane: of, .. } if of != lane => {
                    let got = format!("a unit of lane {of} in the stream of lane {lane}");
                    return Err(unit::error("units of the stream's own lane", got));
                }
                Unit::Data { number, content, .. } => {
                    let ahead = number.wrapping_sub(self.number);
                    if ahead == 0 {
                        self.frames.extend_from_slice(content);
                        self.number = self.number.wrapping_add(1);
                        self.arrived_us = micros(now);
                        self.parsed += length;
                        return Ok(Some(Taken::Data));
                    }
                    if ahead <= u16::MAX / 2 {
                        let got = format!("unit {number} where {} comes next", self.number);
                        return Err(unit::error("every unit in order", got));
                    }
                    self.parsed += length;
                }
            }
        }
    }

    /// The next whole frame.
    pub(super) fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let rest = &self.frames[self.given..];
        let Some(length) = rest.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length == 0 || length > limits::FRAME_BYTES_MAX {
            let max = limits::FRAME_BYTES_MAX;
            return Err(unit::error(
                "a frame of a length within limits",
                format!("{length} of {max} bytes"),
            ));
        }
        let Some(frame) = rest.get(LENGTH_BYTES..LENGTH_BYTES + length) else { return Ok(None) };
        let frame = frame.to_vec();
        self.given += LENGTH_BYTES + length;
        Ok(Some(frame))
    }

    /// Drops what was used.
    pub(super) fn tidy(&mut self) {
        self.raw.drain(..self.parsed);
        self.parsed = 0;
        self.frames.drain(..self.given);
        self.given = 0;
        assert!(
            self.raw.len() + self.frames.len() <= REASSEMBLY_BYTES_MAX,
            "a frame in parts is at most `REASSEMBLY_BYTES_MAX`"
        );
    }
}
