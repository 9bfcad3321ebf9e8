//! Scenario physics: truth trajectories and the sensors that look at them.
//!
//! Start here: [`plan::FlightPlan`] (from announced figures to a flight), [`scene::Scene`] (objects and
//! sensors, recorded into files), [`builtin::all`] (the scenarios that come with the product).
//!
//! **Architecture Invariant:** nothing here shares code with the estimator in `domains`: other
//! frame (inertial), other integrator (Dormand-Prince 5(4)), more harmonics, another atmosphere.
//! **Architecture Invariant:** the same seed gives the same bytes on every platform; only
//! `base::math` is used for transcendental functions.

pub mod aircraft;
pub mod atmosphere;
pub mod builtin;
pub mod earth;
pub mod flight;
pub mod integrator;
pub mod object;
pub mod plan;
pub mod published;
pub mod random;
pub mod scene;
pub mod sensor;
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
    /// A stage the vehicle does not have.
    #[error("expected a stage below {stages}, got {got}")]
    NoSuchStage {
        /// What came, counted from 0.
        got: usize,
        /// How many the flight has.
        stages: usize,
    },
    /// A name no built-in scenario has.
    #[error("expected a built-in scenario (`{known}`), got `{got}`; hint: `--list` tells of each")]
    UnknownScenario {
        /// What came.
        got: String,
        /// Those that exist.
        known: String,
    },
    /// A value outside the range of its type.
    #[error(transparent)]
    Value(#[from] base::Error),
    /// A line the scenario format does not hold.
    #[error(transparent)]
    Format(#[from] formats::Error),
}
