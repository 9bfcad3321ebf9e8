//! ASTERIX, EUROCONTROL's surveillance messages: categories 034 (radar service messages) and 048
//! (radar target reports), and the recordings they come in.
//!
//! ```text
//! recording   datagram, datagram, …           raw file, pcap, pcapng, or a recorder's framing
//! datagram    data block, data block, …
//! data block  CAT (1) │ LEN (2, whole block) │ record, record, …
//! record      FSPEC (1 bit an item, 7 a byte, last bit: more) │ item, item, …
//! item        fixed │ extended (last bit: more) │ counted │ length-prefixed │ compound
//! ```
//!
//! Start here: [`open`] a recording, then [`blocks`] of each datagram. Sources: EUROCONTROL-SPEC-0149
//! part 1 (edition 3.1), part 2b (category 034, edition 1.29), part 4 (category 048, edition 1.32)
//! and its appendix A (edition 1.11). All numbers are big endian.
//!
//! A block with one malformed record is refused whole: what went before the fault may have been
//! misread already, and half a sector must not pass for a sector. The next block is read.

pub mod cat034;
pub mod cat048;
mod cursor;
mod recording;

use std::fmt;

use base::{Degrees, Metres, MetresPerSecond, Seconds, TimeDelta, Timestamp};

pub use cursor::Fault;
pub use recording::{Datagram, Framing, Recording, open};

use crate::Error;
use cursor::Cursor;

/// One data block: records of one category from one sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Where it begins, in bytes from the start of the recording.
    pub offset: usize,
    /// Its bytes, header included; 3 or more.
    pub length: usize,
    /// Its category as sent.
    pub category: u8,
    /// What it holds.
    pub content: Content,
}

/// The records of a data block.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Service messages of a radar: north and sector marks, status, filters.
    Cat034(Vec<cat034::Record>),
    /// Target reports of a radar: plots and local tracks.
    Cat048(Vec<cat048::Record>),
    /// Another category: passed over by its length, for the caller to count.
    Skipped,
}

/// The data blocks of `payload`, which begins `origin` bytes into the recording (only used to say
/// where a block lies).
///
/// After a malformed record the next block is read; after a block header that contradicts the bytes
/// nothing is, because no later boundary can be trusted.
pub fn blocks(payload: &[u8], origin: usize) -> Blocks<'_> {
    Blocks { rest: payload, offset: origin }
}

/// Iterator over data blocks, made by [`blocks`].
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// Bytes of a block header: category and length.
const HEADER_BYTES: usize = 3;

impl Iterator for Blocks<'_> {
    type Item = Result<Block, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.offset;
        let left = self.rest.len();
        let Some(&[category, high, low]) = self.rest.first_chunk::<HEADER_BYTES>() else {
            self.rest = &[];
            return Some(Err(Error::AsterixTail { offset, left }));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(HEADER_BYTES..=left).contains(&length) {
            self.rest = &[];
            return Some(Err(Error::AsterixBlock { offset, category, length, left }));
        }
        let (block, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.offset += length;
        let cursor = Cursor::new(&block[HEADER_BYTES..], offset + HEADER_BYTES, category);
        let content = match category {
            cat034::CATEGORY => cat034::records(cursor).map(Content::Cat034),
            cat048::CATEGORY => cat048::records(cursor).map(Content::Cat048),
            _ => Ok(Content::Skipped),
        };
        Some(content.map(|content| Block { offset, length, category, content }))
    }
}

/// The time that `time_of_day` means: the one closest to `reference`, so that a report from before
/// midnight read after it (or the reverse) falls on the right day. Half a day off either way, the
/// earlier.
pub fn resolve_time(time_of_day: TimeOfDay, reference: Timestamp) -> Timestamp {
    const DAY_NANOS: i64 = 86_400_000_000_000;
    let midnight = reference.as_nanos().div_euclid(DAY_NANOS).saturating_mul(DAY_NANOS);
    let today = Timestamp::from_nanos(midnight) + time_of_day.since_midnight();
    let day = TimeDelta::from_nanos(DAY_NANOS);
    let far = |candidate: &Timestamp| candidate.as_nanos().abs_diff(reference.as_nanos());
    [today - day, today, today + day].into_iter().min_by_key(far).expect("three candidates")
}

/// The radar a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataSource {
    /// System area code: who runs it.
    pub sac: u8,
    /// System identification code: which one it is.
    pub sic: u8,
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}/{:03}", self.sac, self.sic)
    }
}

/// UTC time since the last midnight in steps of 1/128 s, below 24 h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// Steps in a second.
    pub const STEPS_PER_SECOND: u32 = 128;
    const STEPS_MAX: u32 = 86_400 * Self::STEPS_PER_SECOND - 1;
    const NANOS_PER_STEP: i64 = 7_812_500;

    /// From steps of 1/128 s; `None` from 24 h on.
    pub const fn from_steps(steps: u32) -> Option<Self> {
        if steps <= Self::STEPS_MAX { Some(Self(steps)) } else { None }
    }

    /// Steps of 1/128 s.
    pub const fn steps(self) -> u32 {
        self.0
    }

    /// Exact seconds.
    pub fn seconds(self) -> Seconds {
        Seconds(f64::from(self.0) / f64::from(Self::STEPS_PER_SECOND))
    }

    /// Exact nanoseconds.
    pub fn since_midnight(self) -> TimeDelta {
        TimeDelta::from_nanos(i64::from(self.0) * Self::NANOS_PER_STEP)
    }

    fn take(cursor: &mut Cursor<'_>, item: &'static str) -> Result<Self, Error> {
        let before = cursor.clone();
        let steps = cursor.u24(item)?;
        Self::from_steps(steps)
            .ok_or_else(|| before.value(item, "a time of day below 24 h in 1/128 s", steps))
    }
}

/// Metres in a nautical mile.
const NAUTICAL_MILE_M: f64 = 1852.0;
/// Metres in a foot.
const FOOT_M: f64 = 0.3048;

/// `steps` of 1/2^`bits` nautical mile; exact.
fn nautical_miles(steps: impl Into<f64>, bits: u32) -> Metres {
    Metres(steps.into() * NAUTICAL_MILE_M / f64::from(1_u32 << bits))
}

/// `steps` of 1/2^`bits` nautical mile per second; exact.
fn nautical_miles_per_second(steps: impl Into<f64>, bits: u32) -> MetresPerSecond {
    MetresPerSecond(steps.into() * NAUTICAL_MILE_M / f64::from(1_u32 << bits))
}

/// `steps` of 360°/2^`bits`; exact.
fn turns(steps: impl Into<f64>, bits: u32) -> Degrees {
    Degrees(steps.into() * 360.0 / f64::from(1_u32 << bits))
}

#[cfg(test)]
mod tests;
