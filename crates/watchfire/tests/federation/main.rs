//! Whole nodes, as their operators run them: the real binary, real files, real sockets, and what can
//! happen to them.
//!
//! Start here: [`support`] makes a federation and talks to its nodes. Every test prints what it did,
//! seeds included.

mod audit;
mod backup;
mod bundles;
mod contested;
mod corrections;
mod damage;
mod disk_full;
mod doctor;
mod editions;
mod export;
mod heartbeat;
mod impostors;
mod jetstream;
mod kills;
mod late_facts;
mod line_check;
mod line_cut;
mod metrics;
mod recordings;
mod refusals;
mod relays;
mod releasability;
mod restored;
mod room;
mod service;
mod several_nodes;
mod still;
mod support;
mod telemetry;
