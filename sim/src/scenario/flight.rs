//! One flight from ignition to the ground, integrated in the inertial frame.
//!
//! Boost follows a pitch programme on an inertial platform set up at launch: straight up for the
//! rise, then a smooth turn by `tilt` towards `azimuth`, then a fixed attitude. After the last
//! cut-off only gravity and the air act. The ground is the ellipsoid (height 0).

use base::{Geodetic, LocalFrame, Radians, math};

use super::Error;
use super::atmosphere::air_at;
use super::earth::{
    Environment, Geodesic, Motion, geodesic_between, gravity, ground_velocity, height_and_climb,
    split, to_earth_fixed,
};
use super::integrator::{Step, Tolerance, integrate};
use super::vector::{add_scaled, norm, scaled};
use super::vehicle::{Stage, Vehicle, drag_ratio, paced};

/// No flight of these classes lasts longer, seconds.
const FLIGHT_S_MAX: f64 = 12_000.0;

/// The free parameters of a boost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guidance {
    /// Direction of the pitch programme from true north, clockwise.
    pub azimuth: Radians,
    /// Angle of the final attitude from the launch vertical, 0 to π/2.
    pub tilt: Radians,
    /// Share of the last stage's burn that is used, 0 to 1.
    pub cutoff_share: f64,
    /// Burn times over the class's own; thrust is divided by it. Near 1.
    pub pace: f64,
}

/// Where and what is launched, and under which guidance.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Launch place; its height is where the flight begins.
    pub site: Geodetic,
    /// What flies.
    pub vehicle: Vehicle,
    /// How it is steered.
    pub guidance: Guidance,
}

/// A whole flight, ready to be looked at any second.
#[derive(Clone, Debug)]
pub struct Trajectory {
    steps: Vec<Step<6>>,
    /// Inertial state at the cut-off of each stage and its time, seconds from launch.
    cutoffs: Vec<(f64, [f64; 6])>,
    site: Geodetic,
    /// Seconds from launch to where this path begins; later than 0 only for a stage that was dropped.
    pub begin_s: f64,
    /// Seconds from launch to the last cut-off.
    pub burnout_s: f64,
    /// Seconds from launch to the highest point.
    pub apogee_s: f64,
    /// Height of the highest point above the ellipsoid, metres.
    pub apogee_m: f64,
    /// Seconds from launch to the ground.
    pub flight_s: f64,
    /// Where it comes down, height 0.
    pub impact: Geodetic,
    /// From launch to impact along the ground.
    pub ground: Geodesic,
}

impl Trajectory {
    /// Motion `time_s` seconds after launch, or nothing before it begins and after impact.
    pub fn at(&self, time_s: f64) -> Option<Motion> {
        if !(self.begin_s..=self.flight_s).contains(&time_s) {
            return None;
        }
        let index = self.steps.partition_point(|step| step.end_s() < time_s);
        self.steps.get(index).map(|step| to_earth_fixed(&step.at(time_s), time_s))
    }

    /// Whether an engine burns.
    pub fn burns_at(&self, time_s: f64) -> bool {
        (0.0..=self.burnout_s).contains(&time_s)
    }

    /// The way down of stage `index` (from 0) after its own cut-off, as a tumbling body with
    /// `ballistic_kg_m2`; times stay seconds from launch.
    pub fn dropped_stage(
        &self,
        index: usize,
        ballistic_kg_m2: f64,
        tolerance: &Tolerance<6>,
    ) -> Result<Self, Error> {
        let &(begin_s, state) = self
            .cutoffs
            .get(index)
            .ok_or(Error::NoSuchStage { got: index, stages: self.cutoffs.len() })?;
        let mut steps = Vec::new();
        fall(begin_s, state, ballistic_kg_m2, Environment::Full, tolerance, &mut steps)?;
        // Before zero: a dropped stage never burns.
        Ok(Self { begin_s, ..finish(steps, -1.0, &self.site, Vec::new())? })
    }

    /// Steps the integrator took.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }
}

/// Tolerances for truth: about a millimetre over a whole flight.
pub const FINE: Tolerance<6> = tolerance(1e-12, 1e-5, 1e-8);
/// Tolerances for searching: metres over a whole flight.
pub const COARSE: Tolerance<6> = tolerance(1e-7, 1.0, 1e-3);

const fn tolerance(relative: f64, place_m: f64, speed_mps: f64) -> Tolerance<6> {
    let (p, v) = (place_m, speed_mps);
    Tolerance { relative, absolute: [p, p, p, v, v, v], step_s_max: 30.0 }
}

/// Flies `shot` to the ground.
pub fn fly(
    shot: &Shot,
    environment: Environment,
    tolerance: &Tolerance<6>,
) -> Result<Trajectory, Error> {
    let platform = Platform::at(shot);
    let start_m = shot.site.to_ecef().xyz;
    let drift = ground_velocity(start_m);
    let mut state = [start_m[0], start_m[1], start_m[2], drift[0], drift[1], drift[2]];
    let mut steps = Vec::new();
    let mut cutoffs = Vec::new();
    let mut time_s = 0.0;
    let last = shot.vehicle.stages.len() - 1;
    for (index, stage) in shot.vehicle.stages.iter().enumerate() {
        let stage = paced(stage, shot.guidance.pace);
        let share = if index == last { shot.guidance.cutoff_share } else { 1.0 };
        let (from_s, end_s) = (time_s, time_s + stage.burn_s * share);
        // The programme has corners at its beginning and end; no step may straddle one.
        for corner_s in platform.corners_s(from_s, end_s) {
            let slope =
                |t: f64, y: &[f64; 6]| platform.boost(&stage, t - from_s, t, y, environment);
            state =
                integrate(&slope, time_s, corner_s, state, tolerance, &|_, _| false, &mut steps)?;
            time_s = corner_s;
        }
        cutoffs.push((time_s, state));
    }
    let ballistic_kg_m2 = shot.vehicle.reentry_ballistic_kg_m2;
    fall(time_s, state, ballistic_kg_m2, environment, tolerance, &mut steps)?;
    finish(steps, time_s, &shot.site, cutoffs)
}

/// Free flight from `begin_s` until a step ends below the ground.
fn fall(
    begin_s: f64,
    state: [f64; 6],
    ballistic_kg_m2: f64,
    environment: Environment,
    tolerance: &Tolerance<6>,
    steps: &mut Vec<Step<6>>,
) -> Result<(), Error> {
    let slope = |_: f64, y: &[f64; 6]| coast(y, ballistic_kg_m2, environment);
    let down = |t: f64, y: &[f64; 6]| height_and_climb(&to_earth_fixed(y, t)).0 <= 0.0;
    integrate(&slope, begin_s, FLIGHT_S_MAX, state, tolerance, &down, steps)?;
    Ok(())
}

/// Finds the highest point and the ground in the steps.
fn finish(
    steps: Vec<Step<6>>,
    burnout_s: f64,
    site: &Geodetic,
    cutoffs: Vec<(f64, [f64; 6])>,
) -> Result<Trajectory, Error> {
    let height = |step: &Step<6>, t: f64| height_and_climb(&to_earth_fixed(&step.at(t), t));
    let never = Error::Integration { time_s: FLIGHT_S_MAX, reason: "the flight never came down" };
    let final_step = steps.last().ok_or(never.clone())?;
    if height(final_step, final_step.end_s()).0 > 0.0 {
        return Err(never);
    }
    let flight_s = root(final_step.start_s, final_step.end_s(), |t| height(final_step, t).0);
    let ground_point = to_earth_fixed(&final_step.at(flight_s), flight_s).position.to_geodetic();
    // Climb rate changes sign once at the top; search backwards so a hop at launch cannot fool it.
    let (mut apogee_s, mut apogee_m) = (0.0, site.height().0);
    for step in steps.iter().rev() {
        if height(step, step.start_s).1 > 0.0 {
            let end_s = step.end_s().min(flight_s);
            apogee_s = root(step.start_s, end_s, |t| height(step, t).1);
            apogee_m = height(step, apogee_s).0;
            break;
        }
    }
    let ground = geodesic_between(site, &ground_point);
    Ok(Trajectory {
        steps,
        cutoffs,
        site: *site,
        begin_s: 0.0,
        burnout_s,
        apogee_s,
        apogee_m,
        flight_s,
        impact: ground_point,
        ground,
    })
}

/// Where a function that is positive at `low` and not at `high` crosses zero, by bisection to the
/// last bit that matters (a microsecond over hours).
fn root(low: f64, high: f64, value: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if value(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The inertial platform a boost is steered by.
struct Platform {
    up: [f64; 3],
    downrange: [f64; 3],
    tilt_rad: f64,
    rise_s: f64,
    pitch_over_s: f64,
}

impl Platform {
    fn at(shot: &Shot) -> Self {
        let rows = *LocalFrame::at(&shot.site).rows();
        let (sin, cos) = math::sin_cos(shot.guidance.azimuth.0);
        Self {
            up: rows[2],
            downrange: add_scaled(scaled(sin, rows[0]), cos, rows[1]),
            tilt_rad: shot.guidance.tilt.0,
            rise_s: shot.vehicle.rise_s,
            pitch_over_s: shot.vehicle.pitch_over_s,
        }
    }

    /// Times in (`from_s`, `end_s`] at which an integration must stop, the last being `end_s`.
    fn corners_s(&self, from_s: f64, end_s: f64) -> Vec<f64> {
        [self.rise_s, self.rise_s + self.pitch_over_s]
            .into_iter()
            .filter(|corner_s| (from_s + 1e-9..end_s - 1e-9).contains(corner_s))
            .chain([end_s])
            .collect()
    }

    /// Unit vector of the thrust, `time_s` after launch.
    fn attitude(&self, time_s: f64) -> [f64; 3] {
        let along = ((time_s - self.rise_s) / self.pitch_over_s).clamp(0.0, 1.0);
        let angle = self.tilt_rad * along * along * (3.0 - 2.0 * along);
        let (sin, cos) = math::sin_cos(angle);
        add_scaled(scaled(cos, self.up), sin, self.downrange)
    }

    fn boost(
        &self,
        stage: &Stage,
        burning_s: f64,
        time_s: f64,
        state: &[f64; 6],
        environment: Environment,
    ) -> [f64; 6] {
        let share = stage.mass_share(burning_s);
        let mut slope = coast(state, stage.ballistic_kg_m2 * share, environment);
        let thrust = self.attitude(time_s);
        for axis in 0..3 {
            slope[axis + 3] += stage.ignition_mps2 / share * thrust[axis];
        }
        slope
    }
}

/// Time derivative of an inertial state under gravity and drag.
fn coast(state: &[f64; 6], ballistic_kg_m2: f64, environment: Environment) -> [f64; 6] {
    let (place, velocity) = split(state);
    let mut pull = gravity(place, environment);
    if environment == Environment::Full {
        pull = add_scaled(pull, 1.0, drag(place, velocity, ballistic_kg_m2));
    }
    [velocity[0], velocity[1], velocity[2], pull[0], pull[1], pull[2]]
}

/// Acceleration by air that turns with the Earth, m/s².
fn drag(place_m: [f64; 3], velocity_mps: [f64; 3], ballistic_kg_m2: f64) -> [f64; 3] {
    // Above 250 km the air costs less than a micrometre per second squared.
    const AIRLESS_RADIUS_M: f64 = 6_630_000.0;
    if norm(place_m) > AIRLESS_RADIUS_M {
        return [0.0; 3];
    }
    let height_m = base::Position::<base::Ecef>::new(place_m).to_geodetic().height().0;
    let air = air_at(height_m);
    let relative = add_scaled(velocity_mps, -1.0, ground_velocity(place_m));
    let speed = norm(relative);
    let ratio = drag_ratio(speed / air.sound_mps);
    scaled(-0.5 * air.density_kg_m3 * speed * ratio / ballistic_kg_m2, relative)
}

#[cfg(test)]
mod tests;
