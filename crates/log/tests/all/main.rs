//! Tests across the whole crate, in one binary.

mod common;
mod lanes;
