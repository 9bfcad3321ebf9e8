//! Whole nodes against one another, with stores in memory and lines that deliver at once.

extern crate watchfire_sync as sync;

mod bulk;
mod bundles;
mod cluster;
mod contested;
mod counts;
mod editions;
mod evidence;
mod exchange;
mod explain;
mod interference;
mod jumps;
mod refusals;
mod relays;
mod restarts;
