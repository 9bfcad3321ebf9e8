//! Simulation: the scenario physics that makes truth, and the cluster simulator with its faults.
//!
//! Start here: [`scenario`] (trajectories, sensors, scenario files).

pub mod scenario;
