//! Launch, apogee and impact of a falling object.
//!
//! Impact: the estimate and its sigma points (Julier, Uhlmann, Proc. IEEE 92 (2004) 401) are flown to the ellipsoid through gravity and drag; the spread of their places and times about the
//! estimate's, plus what the model does not know, gives the region. Launch: the earliest good boost estimate is
//! traced back as an accelerated climb from rest.

use base::{Degrees, LocalFrame, Metres, Position, Seconds, TimeDelta, Timestamp, math};
use log::EntryId;
use serde::Serialize;

use super::filters::{Fall, Gaussian};
use super::matrix::{Matrix, Vector3, along, dot, norm, scaled};
use super::motion::{Force, Moving};
use crate::{Certainty, Region, Signal};

/// The signal of a confirmed object's impact.
pub(super) const IMPACT_SIGNAL: &str = "track.impact";

/// Nothing that falls is in the air longer, seconds.
const FLIGHT_S_MAX: f64 = 7_200.0;
/// Steps of one flight.
const FLIGHT_STEPS_MAX: u32 = 20_000;
/// Winds, lift and the real air on the last 30 km, one sigma, metres and seconds.
const AIR_SIGMA_M: f64 = 400.0;
const AIR_SIGMA_S: f64 = 0.4;
/// How much the drag coefficient may yet change with the Mach number: added spread of ln β.
const DRAG_SIGMA: f64 = 0.25;
/// Radius of the 90% circle in units of sigma, two dimensions: √(−2 ln 0.1).
const NINETY_PERCENT: f64 = 2.145_966_026_289_347;
/// Corners of a region's ring.
const RING_CORNERS: u32 = 36;

/// What is foreseen of a falling object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Forecast {
    /// The time of the estimate it was made from.
    pub(super) made: Timestamp,
    /// Height in metres and time of the highest point.
    pub(super) apogee: Option<(f64, Timestamp)>,
    /// Where and when it lands.
    pub(super) impact: Option<Impact>,
}

/// A place and time with one-sigma ellipse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Impact {
    pub(super) lat_deg: f64,
    pub(super) lon_deg: f64,
    pub(super) time: Timestamp,
    pub(super) time_sigma_s: f64,
    pub(super) major_sigma_m: f64,
    pub(super) minor_sigma_m: f64,
    /// Of the major axis, clockwise from north, degrees, 0 to 180.
    pub(super) orientation_deg: f64,
}

/// One flight to the ground.
#[derive(Debug, Clone, Copy, Default)]
struct Flight {
    /// Seconds and height of the highest point on the way.
    apogee: Option<(f64, f64)>,
    /// Seconds and place of the landing.
    landing: Option<(f64, Vector3)>,
}

impl Forecast {
    /// From the estimate `fall` at `at`; the apogee of `earlier` stands once passed.
    pub(super) fn new(fall: &Fall, at: Timestamp, earlier: Option<&Self>) -> Self {
        let flight = fly(fall.moving(), fall.force());
        let passed = || earlier.and_then(|earlier| earlier.apogee).or_else(|| climbed(fall, at));
        let apogee =
            flight.apogee.map(|(after_s, height_m)| (height_m, later(at, after_s))).or_else(passed);
        let impact = flight.landing.and_then(|landing| impact(fall, at, landing));
        Self { made: at, apogee, impact }
    }
}

/// The highest point behind a falling estimate that was first seen on its way down.
fn climbed(fall: &Fall, at: Timestamp) -> Option<(f64, Timestamp)> {
    let mut state = fall.moving();
    let mut before_s = 0.0;
    if state.radial_speed_mps() >= 0.0 {
        return None;
    }
    for _ in 0..FLIGHT_STEPS_MAX {
        let step_s = state.step_s();
        let earlier = state.rk4(-step_s, Force::None);
        let (falling, rising) = (state.radial_speed_mps(), earlier.radial_speed_mps());
        if rising >= 0.0 {
            let part_s = step_s * falling / (falling - rising);
            let top = state.rk4(-part_s, Force::None);
            return Some((top.height_m(), later(at, -before_s - part_s)));
        }
        state = earlier;
        before_s += step_s;
        if before_s > FLIGHT_S_MAX {
            return None;
        }
    }
    None
}

/// Flies to the ellipsoid.
fn fly(start: Moving, force: Force) -> Flight {
    let mut flight = Flight::default();
    let (mut state, mut time_s) = (start, 0.0);
    for _ in 0..FLIGHT_STEPS_MAX {
        if time_s > FLIGHT_S_MAX {
            return flight;
        }
        let step_s = state.step_s();
        let next = state.rk4(step_s, force);
        let (rising, falling) = (state.radial_speed_mps(), next.radial_speed_mps());
        if rising > 0.0 && falling <= 0.0 {
            let part_s = step_s * rising / (rising - falling);
            flight.apogee = Some((time_s + part_s, state.rk4(part_s, force).height_m()));
        }
        if next.height_m() <= 0.0 {
            let (part_s, place) = touch_down(&state, force, step_s);
            flight.landing = Some((time_s + part_s, place));
            return flight;
        }
        state = next;
        time_s += step_s;
    }
    flight
}

/// The part of a step at which the height is zero.
fn touch_down(state: &Moving, force: Force, step_s: f64) -> (f64, Vector3) {
    let (mut low_s, mut high_s) = (0.0, step_s);
    for _ in 0..24 {
        let middle_s = 0.5 * (low_s + high_s);
        if state.rk4(middle_s, force).height_m() > 0.0 {
            low_s = middle_s;
        } else {
            high_s = middle_s;
        }
    }
    (high_s, state.rk4(high_s, force).position)
}

/// The landing of the estimate and the spread of its sigma points about it.
fn impact(fall: &Fall, at: Timestamp, nominal: (f64, Vector3)) -> Option<Impact> {
    let place = Position::new(nominal.1).to_geodetic();
    let frame = LocalFrame::at(&place);
    let mut covariance = fall.covariance;
    covariance.0[Fall::LN_BALLISTIC][Fall::LN_BALLISTIC] += DRAG_SIGMA * DRAG_SIGMA;
    let lower = covariance.cholesky()?;
    let mut covariance = Matrix::<3, 3>::diagonal(&[
        AIR_SIGMA_M * AIR_SIGMA_M,
        AIR_SIGMA_M * AIR_SIGMA_M,
        AIR_SIGMA_S * AIR_SIGMA_S,
    ]);
    for axis in 0..7 {
        // The landing is nearly linear in place and speed, not at all in ln β: there a wide pair of
        // points would overstate the spread of the times.
        let spread = if axis == Fall::LN_BALLISTIC { 1.0 } else { math::sqrt(3.0) };
        for sign in [1.0, -1.0] {
            let mut point = *fall;
            for i in 0..7 {
                point.mean[i] += sign * spread * lower.0[i][axis];
            }
            let (time_s, landing) = fly(point.moving(), point.force()).landing?;
            let [east, north, _] = frame.to_enu(&Position::new(landing)).xyz;
            // Spread about the landing of the estimate itself: drag skews the times, and the mean of
            // the points would lie later than the likeliest one.
            let off = [east, north, time_s - nominal.0];
            let weight = 0.5 / (spread * spread);
            covariance.add_block(0, 0, &super::matrix::outer(&off, &off), weight);
        }
    }
    let (major_sigma_m, minor_sigma_m, orientation_deg) = ellipse(&covariance);
    Some(Impact {
        lat_deg: place.lat().0,
        lon_deg: place.lon().0,
        time: later(at, nominal.0),
        time_sigma_s: math::sqrt(covariance.0[2][2]),
        major_sigma_m,
        minor_sigma_m,
        orientation_deg,
    })
}

/// Axes and orientation (clockwise from north, degrees) of an east-north covariance.
fn ellipse(covariance: &Matrix<3, 3>) -> (f64, f64, f64) {
    let (east, north, both) = (covariance.0[0][0], covariance.0[1][1], covariance.0[0][1]);
    let mean = 0.5 * (east + north);
    let apart = math::hypot(0.5 * (east - north), both);
    let from_north = 0.5 * math::atan2(2.0 * both, north - east);
    let degrees = Degrees::from(base::Radians(from_north)).0;
    (
        math::sqrt(mean + apart),
        math::sqrt((mean - apart).max(0.0)),
        if degrees < 0.0 { degrees + 180.0 } else { degrees },
    )
}

impl Impact {
    /// The signal that tells it.
    pub(super) fn signal(&self, subject: &str, evidence: Vec<EntryId>) -> Signal {
        Signal {
            what: IMPACT_SIGNAL,
            subject: subject.to_owned(),
            region: Some(Region {
                lat: Degrees(self.lat_deg),
                lon: Degrees(self.lon_deg),
                semi_major: Metres(self.major_sigma_m),
                semi_minor: Metres(self.minor_sigma_m),
                orientation: Degrees(self.orientation_deg),
            }),
            when: Some((self.time, Seconds(self.time_sigma_s))),
            certainty: Certainty::Confirmed,
            evidence,
        }
    }

    /// Half axes of the 90% ellipse, metres.
    pub(super) fn ninety_percent_m(&self) -> (f64, f64) {
        (NINETY_PERCENT * self.major_sigma_m, NINETY_PERCENT * self.minor_sigma_m)
    }

    /// The 90% ellipse as a closed ring of longitude and latitude.
    pub(super) fn ring(&self) -> Vec<[f64; 2]> {
        let (major_m, minor_m) = self.ninety_percent_m();
        ring(self.lat_deg, self.lon_deg, major_m, minor_m, self.orientation_deg)
    }
}

/// A closed ring of longitude and latitude around a place on the ellipsoid.
fn ring(lat: f64, lon: f64, major_m: f64, minor_m: f64, orientation_deg: f64) -> Vec<[f64; 2]> {
    let centre = base::Geodetic::new(Degrees(lat), Degrees(lon), Metres(0.0))
        .expect("a forecast lies on the Earth");
    let frame = LocalFrame::at(&centre);
    let (sin_axis, cos_axis) = math::sin_cos(base::Radians::from(Degrees(orientation_deg)).0);
    (0..=RING_CORNERS)
        .map(|corner| {
            let turn = f64::from(corner % RING_CORNERS) / f64::from(RING_CORNERS);
            let (sin, cos) = math::sin_cos(std::f64::consts::TAU * turn);
            let (long_m, short_m) = (major_m * cos, minor_m * sin);
            let east_m = long_m * sin_axis + short_m * cos_axis;
            let north_m = long_m * cos_axis - short_m * sin_axis;
            let place = frame.to_ecef(&Position::new([east_m, north_m, 0.0])).to_geodetic();
            [place.lon().0, place.lat().0]
        })
        .collect()
}

/// Where and when an object started.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Launch {
    pub(super) lat_deg: f64,
    pub(super) lon_deg: f64,
    pub(super) time: Timestamp,
    pub(super) time_sigma_s: f64,
    /// In each direction.
    pub(super) sigma_m: f64,
}

/// A boost seen first above this height (metres) says little about its start.
const LAUNCH_HEIGHT_M_MAX: f64 = 150_000.0;
/// A climb from rest covers this part of its last vertical speed times its time: between a half
/// (steady acceleration) and a third (acceleration that grows from nothing).
const CLIMB_SHARE: f64 = 0.40;
const CLIMB_SHARE_SIGMA: f64 = 0.06;
/// The same over ground: the path bends over late.
const GROUND_SHARE: f64 = 0.33;
const GROUND_SHARE_SIGMA: f64 = 0.10;

impl Launch {
    /// From an estimate under thrust at `at`; `None` if it does not climb or is too high.
    pub(super) fn from_boost<const N: usize>(boost: &Gaussian<N>, at: Timestamp) -> Option<Self> {
        let moving = boost.moving();
        let height_m = moving.height_m();
        let up = scaled(&moving.position, 1.0 / norm(&moving.position));
        let climb_mps = dot(&moving.velocity, &up);
        let climb_sigma_mps = boost.sigma_along(3, &up);
        if !(0.0..=LAUNCH_HEIGHT_M_MAX).contains(&height_m) || climb_mps < 3.0 * climb_sigma_mps {
            return None;
        }
        let climbed_s = height_m / (CLIMB_SHARE * climb_mps);
        let height_sigma_m = boost.sigma_along(0, &up);
        let relative2 = square(CLIMB_SHARE_SIGMA / CLIMB_SHARE)
            + square(climb_sigma_mps / climb_mps)
            + square(height_sigma_m / height_m.max(1.0));
        let ground_velocity = along(&moving.velocity, -climb_mps, &up);
        let ground_mps = norm(&ground_velocity);
        let start = along(&moving.position, -GROUND_SHARE * climbed_s, &ground_velocity);
        let place = Position::new(start).to_geodetic();
        let variance = square(boost.sigma(0)) * 0.5
            + square(GROUND_SHARE_SIGMA * climbed_s * ground_mps)
            + square(GROUND_SHARE * climbed_s * boost.sigma(3)) * 0.5;
        Some(Self {
            lat_deg: place.lat().0,
            lon_deg: place.lon().0,
            time: later(at, -climbed_s),
            time_sigma_s: climbed_s * math::sqrt(relative2),
            sigma_m: math::sqrt(variance),
        })
    }

    /// From a falling estimate at `at` that was never seen under thrust: where its arc, without air,
    /// leaves the ground behind it. The powered climb is unknown, so the region is wide.
    pub(super) fn from_fall(fall: &Fall, at: Timestamp) -> Option<Self> {
        const SIGMA_M: f64 = 60_000.0;
        const SIGMA_S: f64 = 60.0;
        let mut state = fall.moving();
        let mut before_s = 0.0;
        while state.height_m() > 0.0 {
            if before_s > FLIGHT_S_MAX {
                return None;
            }
            let step_s = state.step_s();
            state = state.rk4(-step_s, Force::None);
            before_s += step_s;
        }
        let place = Position::new(state.position).to_geodetic();
        Some(Self {
            lat_deg: place.lat().0,
            lon_deg: place.lon().0,
            time: later(at, -before_s),
            time_sigma_s: SIGMA_S,
            sigma_m: SIGMA_M,
        })
    }

    /// The 90% circle as a closed ring of longitude and latitude.
    pub(super) fn ring(&self) -> Vec<[f64; 2]> {
        let radius_m = NINETY_PERCENT * self.sigma_m;
        ring(self.lat_deg, self.lon_deg, radius_m, radius_m, 0.0)
    }
}

fn later(at: Timestamp, seconds: f64) -> Timestamp {
    at + TimeDelta::from_seconds_f64(Seconds(seconds))
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests;
