//! Scenario physics: truth trajectories and the sensors that look at them.
//!
//! Start here: [`plan::FlightPlan`] (from announced figures to a flight), [`flight::fly`].
//!
//! **Architecture Invariant:** nothing here shares code with the estimator in `domains`: other
//! frame (inertial), other integrator (Dormand-Prince 5(4)), more harmonics, another atmosphere.
//! **Architecture Invariant:** the same seed gives the same bytes on every platform; only
//! `base::math` is used for transcendental functions.

pub mod atmosphere;
pub mod earth;
pub mod flight;
pub mod integrator;
pub mod plan;
pub mod published;
mod vector;
pub mod vehicle;

/// What can go wrong when a scenario is made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The integrator gave up.
    #[error("expected a trajectory that reaches the ground, stopped at {time_s} s: {reason}")]
    Integration {
        /// Seconds from the start.
        time_s: f64,
        /// Why.
        reason: &'static str,
    },
    /// No boost of the class reproduces the plan.
    #[error(
        "expected an apogee of {apogee_km} km at {range_km} km range to be within the class \
         `{vehicle}`, nearest flight misses by a factor of {miss:.3}; hint: name another class"
    )]
    Unreachable {
        /// The class.
        vehicle: &'static str,
        /// Asked for.
        apogee_km: f64,
        /// Asked for.
        range_km: f64,
        /// Worst relative miss of the nearest flight.
        miss: f64,
    },
}
