//! The ground every other crate stands on: names, time, units, frames, geodesy, deterministic
//! mathematics and the named limits.
//!
//! Start here: [`Timestamp`] (UTC nanoseconds), [`Geodetic`] and [`Position`] (frames in types),
//! [`math`] (the only trigonometry allowed in folds) and [`limits`].
//!
//! **Architecture Invariant:** this crate does no I/O, reads no clock and uses no randomness.
//! **Architecture Invariant:** results are bit-for-bit equal on every platform; `std`'s
//! transcendental functions are banned by `clippy.toml` in favour of [`math`].

mod frames;
mod ids;
pub mod limits;
pub mod math;
mod time;
mod units;

pub use frames::{Ecef, Enu, Frame, Geodetic, LocalFrame, Polar, Position, Velocity, wgs84};
pub use ids::{NodeId, PartnerId, deserialize_text};
pub use time::{TimeDelta, Timestamp};
pub use units::{Degrees, Metres, MetresPerSecond, Radians, Seconds};

/// What can be wrong with a value handed to this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A partner code that is not three capital ASCII letters.
    #[error(
        "expected a partner as three capital letters (ISO 3166 alpha-3, such as `KOR`), got `{got}`"
    )]
    Partner {
        /// What came.
        got: String,
    },
    /// A node name that is not `PARTNER-NUMBER`.
    #[error(
        "expected a node as `PARTNER-NUMBER` with a number from 1 to 999 (such as `KOR-1`), got `{got}`"
    )]
    Node {
        /// What came.
        got: String,
    },
    /// Text that is not an RFC 3339 time.
    #[error(
        "expected an RFC 3339 time with an offset (such as `2017-07-28T14:42:00Z`), got `{got}`"
    )]
    Timestamp {
        /// What came.
        got: String,
    },
    /// A number outside its range, or not a number.
    #[error("expected `{what}` from {min} to {max}, got {got}")]
    OutOfRange {
        /// Which quantity, with its unit.
        what: &'static str,
        /// Smallest accepted value.
        min: f64,
        /// Largest accepted value.
        max: f64,
        /// What came.
        got: f64,
    },
}
