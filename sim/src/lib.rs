//! Simulation: the scenario physics that makes truth, and the cluster simulator with its faults.
//!
//! Start here: [`scenario`] (trajectories, sensors, scenario files) and [`cluster`] (three nodes of the
//! replication protocol with every fault that can be drawn from a seed), [`releasability`] (membership
//! histories and who can open what), [`decoders`] (what a fuzzer drives).

pub mod cluster;
pub mod decoders;
pub mod releasability;
pub mod scenario;
