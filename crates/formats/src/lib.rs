//! Outside formats: bytes to types and back.
//!
//! Start here: [`scenario`] (the JSON Lines scans that sensors, scenarios and trackers exchange),
//! [`asterix`] (what radars send), [`cap`] (what warning systems take) and [`geojson`] (what maps draw).
//! Every module offers types that can only hold valid values, a reader that says what it expected,
//! what came, where and what mends it, and, where Watchfire writes the format, a writer.
//!
//! **Architecture Invariant:** no I/O, no clock, no randomness: bytes and times are arguments.
//! **Architecture Invariant:** nothing here knows an entry, a log or a domain; the shell translates.
//! **Architecture Invariant:** a received count never sizes an allocation.

pub mod asterix;
pub mod cap;
mod error;
pub mod geojson;
pub mod scenario;

pub use error::Error;
