//! Aircraft: legs at constant ground speed, straight along a great circle or in a steady turn.

use base::{Degrees, Geodetic, LocalFrame, Metres, MetresPerSecond, Radians, Seconds, Velocity};
use base::{math, wgs84};

use super::Error;
use super::earth::Motion;
use super::integrator::{Step, Tolerance, integrate};

/// One leg of a course.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// How long it lasts.
    pub duration: Seconds,
    /// Degrees a second to the right; 0 keeps to the great circle.
    pub turn_deg_per_s: f64,
    /// Upwards.
    pub climb: MetresPerSecond,
}

/// An aircraft's way: where it starts and what it flies.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Where it is at the beginning.
    pub start: Geodetic,
    /// First course from true north, clockwise.
    pub heading: Degrees,
    /// Over the ground, constant.
    pub speed: MetresPerSecond,
    /// What follows, in order.
    pub legs: Vec<Leg>,
}

/// A flown course.
#[derive(Clone, Debug)]
pub struct AirTrack {
    speed_mps: f64,
    /// Climb of each leg and the time it ends, seconds.
    climbs: Vec<(f64, f64)>,
    /// State: latitude, longitude, course (radians), height (metres).
    steps: Vec<Step<4>>,
}

impl Course {
    /// Flies the course. Poles are out of bounds, as an [`Error::Integration`].
    pub fn fly(&self) -> Result<AirTrack, Error> {
        const TOLERANCE: Tolerance<4> =
            Tolerance { relative: 0.0, absolute: [1e-11, 1e-11, 1e-10, 1e-5], step_s_max: 60.0 };
        let speed_mps = self.speed.0;
        let mut state = [
            Radians::from(self.start.lat()).0,
            Radians::from(self.start.lon()).0,
            Radians::from(self.heading).0,
            self.start.height().0,
        ];
        let (mut time_s, mut steps, mut climbs) = (0.0, Vec::new(), Vec::new());
        for leg in &self.legs {
            let turn = Radians::from(Degrees(leg.turn_deg_per_s)).0;
            let slope = |_: f64, y: &[f64; 4]| over_ground(y, speed_mps, turn, leg.climb.0);
            let end_s = time_s + leg.duration.0;
            state = integrate(&slope, time_s, end_s, state, &TOLERANCE, &|_, _| false, &mut steps)?;
            time_s = end_s;
            climbs.push((leg.climb.0, end_s));
        }
        Ok(AirTrack { speed_mps, climbs, steps })
    }
}

/// Kinematics over the ellipsoid with its two radii of curvature; the course of a great circle
/// turns by itself as meridians converge.
fn over_ground(state: &[f64; 4], speed_mps: f64, turn: f64, climb_mps: f64) -> [f64; 4] {
    let (sin_lat, cos_lat) = math::sin_cos(state[0]);
    let (sin_course, cos_course) = math::sin_cos(state[2]);
    let e2 = wgs84::ECCENTRICITY_SQUARED;
    let w2 = 1.0 - e2 * sin_lat * sin_lat;
    let normal = wgs84::SEMI_MAJOR_M / math::sqrt(w2);
    let meridian = normal * (1.0 - e2) / w2;
    let east = speed_mps * sin_course / ((normal + state[3]) * cos_lat);
    let north = speed_mps * cos_course / (meridian + state[3]);
    [north, east, turn + east * sin_lat, climb_mps]
}

impl AirTrack {
    /// Motion `time_s` seconds after the start, or nothing before it and after the last leg.
    pub fn at(&self, time_s: f64) -> Option<Motion> {
        if time_s < 0.0 {
            return None;
        }
        let step = self.steps.get(self.steps.partition_point(|s| s.end_s() < time_s))?;
        let [lat, lon, course, height] = step.at(time_s);
        let climb = self.climbs.get(self.climbs.partition_point(|leg| leg.1 < time_s))?.0;
        let place = Geodetic::new(
            Degrees::from(Radians(lat)),
            Degrees::from(Radians(math::wrap_pi(lon))),
            Metres(height),
        )
        .ok()?;
        let rows = *LocalFrame::at(&place).rows();
        let (sin, cos) = math::sin_cos(course);
        let velocity = std::array::from_fn(|i| {
            self.speed_mps * (sin * rows[0][i] + cos * rows[1][i]) + climb * rows[2][i]
        });
        Some(Motion { position: place.to_ecef(), velocity: Velocity::new(velocity) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::earth::geodesic_between;
    use super::super::vector::norm;
    use super::*;

    fn course(legs: Vec<Leg>) -> AirTrack {
        let start = Geodetic::new(Degrees(37.0), Degrees(127.0), Metres(10_000.0)).unwrap();
        Course { start, heading: Degrees(75.0), speed: MetresPerSecond(240.0), legs }.fly().unwrap()
    }

    fn leg(duration_s: f64, turn_deg_per_s: f64, climb_mps: f64) -> Leg {
        Leg { duration: Seconds(duration_s), turn_deg_per_s, climb: MetresPerSecond(climb_mps) }
    }

    #[test]
    fn a_straight_leg_follows_the_geodesic() {
        let track = course(vec![leg(3_600.0, 0.0, 0.0)]);
        let end = track.at(3_600.0).unwrap().position.to_geodetic();
        let start = track.at(0.0).unwrap().position.to_geodetic();
        let line = geodesic_between(&start, &end);
        // 240 m/s at 10 km height covers less of the ground by the ratio of the radii.
        let ground_m = 240.0 * 3_600.0 * 6_378_137.0 / 6_388_137.0;
        assert!((line.distance.0 - ground_m).abs() < 30.0, "{}", line.distance.0);
        assert!((line.bearing.0 - 75.0).abs() < 0.002, "{}", line.bearing.0);
        assert!((end.height().0 - 10_000.0).abs() < 1e-3);
        assert!(track.at(3_600.1).is_none() && track.at(-0.1).is_none());
    }

    #[test]
    fn velocity_is_the_derivative_of_position_in_turns_and_climbs() {
        let track = course(vec![leg(100.0, 0.0, 0.0), leg(60.0, 3.0, -5.0), leg(100.0, 0.0, 8.0)]);
        for time_s in [50.0, 130.0, 200.0] {
            let now = track.at(time_s).unwrap();
            let (before, after) =
                (track.at(time_s - 0.5).unwrap(), track.at(time_s + 0.5).unwrap());
            for axis in 0..3 {
                let slope = after.position.xyz[axis] - before.position.xyz[axis];
                let miss = slope - now.velocity.xyz[axis];
                assert!(miss.abs() < 0.05, "{time_s} {axis}: {miss}");
            }
        }
        // Half a turn a minute: after 60 s the aircraft flies the other way.
        let (out, back) = (track.at(99.0).unwrap(), track.at(161.0).unwrap());
        let cosine = super::super::vector::dot(out.velocity.xyz, back.velocity.xyz)
            / (norm(out.velocity.xyz) * norm(back.velocity.xyz));
        assert!(cosine < -0.998, "{cosine}");
    }
}
