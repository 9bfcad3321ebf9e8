//! The truth file: where objects really were, apart from what sensors saw.

use base::{Ecef, Position, Timestamp, Velocity};
use serde::{Deserialize, Serialize};

use super::{nanos, read};
use crate::Error;
use crate::error::within;

/// What an object really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TruthClass {
    /// A missile or its warhead.
    Ballistic,
    /// Anything that flies on wings or rotors.
    Aircraft,
    /// A spent stage or fragment.
    Debris,
}

/// One true state of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawTruth")]
pub struct Truth {
    #[serde(with = "nanos")]
    t: Timestamp,
    object: String,
    class: TruthClass,
    ecef_m: Position<Ecef>,
    velocity_mps: Velocity<Ecef>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTruth {
    #[serde(with = "nanos")]
    t: Timestamp,
    object: String,
    class: TruthClass,
    ecef_m: Position<Ecef>,
    velocity_mps: Velocity<Ecef>,
}

impl TryFrom<RawTruth> for Truth {
    type Error = Error;

    fn try_from(raw: RawTruth) -> Result<Self, Error> {
        Self::new(raw.t, raw.object, raw.class, raw.ecef_m, raw.velocity_mps)
    }
}

impl Truth {
    /// `object` is a name of 1 to 64 bytes; coordinates within 10,000,000 km, velocities (relative to
    /// the turning Earth) within 100 km/s.
    pub fn new(
        t: Timestamp,
        object: String,
        class: TruthClass,
        ecef: Position<Ecef>,
        velocity: Velocity<Ecef>,
    ) -> Result<Self, Error> {
        const NAME_BYTES_MAX: usize = 64;
        if !(1..=NAME_BYTES_MAX).contains(&object.len()) {
            return Err(Error::Text {
                expected: "an object name of 1 to 64 bytes",
                got: Error::quote(&object),
            });
        }
        for x in ecef.xyz {
            within("position (metres)", x, -1e10, 1e10)?;
        }
        for v in velocity.xyz {
            within("velocity (metres per second)", v, -1e5, 1e5)?;
        }
        Ok(Self { t, object, class, ecef_m: ecef, velocity_mps: velocity })
    }

    /// Line number `line` (from 1) of a truth file.
    pub fn parse(line: usize, text: &str) -> Result<Self, Error> {
        read::typed(line, text, "give `t`, `object`, `class`, `ecef_m` and `velocity_mps`")
    }

    /// The line as JSON, without a line end.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("finite numbers and string keys always serialise")
    }

    /// When.
    pub const fn t(&self) -> Timestamp {
        self.t
    }

    /// Which object.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// What it is.
    pub const fn class(&self) -> TruthClass {
        self.class
    }

    /// Where it was.
    pub const fn position(&self) -> Position<Ecef> {
        self.ecef_m
    }

    /// How it moved, relative to the turning Earth.
    pub const fn velocity(&self) -> Velocity<Ecef> {
        self.velocity_mps
    }
}
