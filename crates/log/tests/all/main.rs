//! Tests across the whole crate, in one binary.

mod charter;
mod common;
mod damage;
mod fsck;
mod lanes;
mod samples;
mod tiles;
mod trim;
mod vectors;
