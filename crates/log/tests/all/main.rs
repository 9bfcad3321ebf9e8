//! Tests across the whole crate, in one binary.

mod charter;
mod common;
mod fsck;
mod lanes;
mod samples;
mod vectors;
