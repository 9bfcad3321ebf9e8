//! The turning Earth seen from an inertial frame, and distances along its surface.
//!
//! The inertial frame coincides with the Earth-fixed one at time zero (launch) and does not turn.
//! Gravity: point mass and the zonal harmonics J2 to J4 of EGM96, with the recurrences of Vallado,
//! *Fundamentals of Astrodynamics and Applications*, section 8.7.1.
//! Geodesics: Vincenty, Survey Review 23 (1975) 88.

use base::{Degrees, Ecef, Geodetic, Metres, Position, Radians, Velocity, math, wgs84};

use super::vector::{add_scaled, cross, dot, norm, scaled, turned_about_pole};

/// J2, J3, J4 (EGM96, unnormalised, tide free).
const ZONAL: [f64; 3] = [wgs84::J2, -2.532_656_485_33e-6, -1.619_621_591_37e-6];

/// How much of the Earth acts on a flight; the reduced forms exist for tests against closed forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// A point mass, no air.
    PointMass,
    /// The zonal field, no air.
    Vacuum,
    /// The zonal field and the air that turns with the Earth.
    Full,
}

/// A place and the velocity relative to the Earth's surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Where, metres.
    pub position: Position<Ecef>,
    /// How fast relative to the turning Earth, m/s.
    pub velocity: Velocity<Ecef>,
}

/// Gravitational acceleration at `place_m` (inertial or Earth-fixed alike: the field is zonal), m/s².
pub fn gravity(place_m: [f64; 3], environment: Environment) -> [f64; 3] {
    let r = norm(place_m);
    let point = scaled(-wgs84::GM / (r * r * r), place_m);
    if environment == Environment::PointMass {
        return point;
    }
    let sin_lat = place_m[2] / r;
    let ratio = wgs84::SEMI_MAJOR_M / r;
    // Legendre polynomials P_n and their derivatives by sin(latitude), n = 0 … 4.
    let (mut before, mut now) = (1.0, sin_lat);
    let (mut slope_before, mut slope_now) = (0.0, 1.0);
    let mut power = ratio;
    let (mut along_radius, mut along_pole) = (0.0, 0.0);
    for (order, zonal) in (2..).zip(ZONAL) {
        let n = f64::from(order);
        let next = ((2.0 * n - 1.0) * sin_lat * now - (n - 1.0) * before) / n;
        let slope_next = slope_before + (2.0 * n - 1.0) * now;
        (before, now) = (now, next);
        (slope_before, slope_now) = (slope_now, slope_next);
        power *= ratio;
        // The potential's part -(GM/r) Σ J_n (a/r)ⁿ P_n(z/r), its gradient split along r̂ and the pole.
        along_radius += zonal * power * ((n + 1.0) * now + sin_lat * slope_now);
        along_pole -= zonal * power * slope_now;
    }
    let scale = wgs84::GM / (r * r);
    let with_radius = add_scaled(point, scale * along_radius / r, place_m);
    add_scaled(with_radius, scale * along_pole, [0.0, 0.0, 1.0])
}

/// Potential energy per mass of the same field, J/kg; with [`gravity`] it closes the energy check.
pub fn potential(place_m: [f64; 3], environment: Environment) -> f64 {
    let r = norm(place_m);
    let mut sum = 1.0;
    if environment != Environment::PointMass {
        let s = place_m[2] / r;
        let ratio = wgs84::SEMI_MAJOR_M / r;
        let legendre = [
            0.5 * (3.0 * s * s - 1.0),
            0.5 * (5.0 * s * s * s - 3.0 * s),
            0.125 * (35.0 * s * s * s * s - 30.0 * s * s + 3.0),
        ];
        let mut power = ratio;
        for (zonal, value) in ZONAL.iter().zip(legendre) {
            power *= ratio;
            sum -= zonal * power * value;
        }
    }
    -wgs84::GM / r * sum
}

/// Velocity of the ground under an inertial place, m/s.
pub fn ground_velocity(place_eci_m: [f64; 3]) -> [f64; 3] {
    cross([0.0, 0.0, wgs84::ROTATION_RATE], place_eci_m)
}

/// Inertial state (metres, m/s) to Earth-fixed motion `time_s` after the frames coincided.
pub fn to_earth_fixed(state_eci: &[f64; 6], time_s: f64) -> Motion {
    let (place, velocity) = split(state_eci);
    let angle = -wgs84::ROTATION_RATE * time_s;
    let relative = add_scaled(velocity, -1.0, ground_velocity(place));
    Motion {
        position: Position::new(turned_about_pole(place, angle)),
        velocity: Velocity::new(turned_about_pole(relative, angle)),
    }
}

/// Place and velocity of a packed state.
pub fn split(state: &[f64; 6]) -> ([f64; 3], [f64; 3]) {
    ([state[0], state[1], state[2]], [state[3], state[4], state[5]])
}

/// Height above the ellipsoid, metres, and the speed away from it, m/s.
pub fn height_and_climb(motion: &Motion) -> (f64, f64) {
    let geodetic = motion.position.to_geodetic();
    let (sin_lat, cos_lat) = math::sin_cos(Radians::from(geodetic.lat()).0);
    let (sin_lon, cos_lon) = math::sin_cos(Radians::from(geodetic.lon()).0);
    let up = [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat];
    (geodetic.height().0, dot(up, motion.velocity.xyz))
}

/// Distance and first bearing along the ellipsoid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geodesic {
    /// Surface distance.
    pub distance: Metres,
    /// Bearing at the start, from true north, clockwise, in [0°, 360°).
    pub bearing: Degrees,
}

/// The geodesic from one place to another (heights ignored); 0.1 mm up to 19,000 km, after which
/// Vincenty's iteration is cut off and only the first digits hold.
pub fn geodesic_between(from: &Geodetic, to: &Geodetic) -> Geodesic {
    const ITERATIONS_MAX: usize = 60;
    let reduced = |place: &Geodetic| {
        let tan = (1.0 - wgs84::FLATTENING) * math::tan(Radians::from(place.lat()).0);
        math::sin_cos(math::atan(tan))
    };
    let ((sin_u1, cos_u1), (sin_u2, cos_u2)) = (reduced(from), reduced(to));
    let turn = math::wrap_pi(Radians::from(to.lon()).0 - Radians::from(from.lon()).0);
    let mut lambda = turn;
    let (mut sin_l, mut cos_l) = math::sin_cos(lambda);
    let mut arc = Arc { sin: 0.0, cos: 1.0, angle: 0.0, cos2_alpha: 1.0, cos_2m: 0.0 };
    for _ in 0..ITERATIONS_MAX {
        let (east, north) = (cos_u2 * sin_l, cos_u1 * sin_u2 - sin_u1 * cos_u2 * cos_l);
        let sin = math::hypot(east, north);
        if sin == 0.0 {
            return Geodesic { distance: Metres(0.0), bearing: Degrees(0.0) };
        }
        let cos = sin_u1 * sin_u2 + cos_u1 * cos_u2 * cos_l;
        let sin_alpha = cos_u1 * cos_u2 * sin_l / sin;
        let cos2_alpha = 1.0 - sin_alpha * sin_alpha;
        let cos_2m = if cos2_alpha > 0.0 { cos - 2.0 * sin_u1 * sin_u2 / cos2_alpha } else { 0.0 };
        arc = Arc { sin, cos, angle: math::atan2(sin, cos), cos2_alpha, cos_2m };
        let next = turn + arc.longitude_excess() * sin_alpha;
        let moved = (next - lambda).abs();
        lambda = next;
        (sin_l, cos_l) = math::sin_cos(lambda);
        if moved < 1e-13 {
            break;
        }
    }
    let bearing = math::atan2(cos_u2 * sin_l, cos_u1 * sin_u2 - sin_u1 * cos_u2 * cos_l);
    Geodesic { distance: Metres(arc.distance_m()), bearing: compass(bearing) }
}

/// The auxiliary-sphere arc of Vincenty's formulae.
struct Arc {
    sin: f64,
    cos: f64,
    angle: f64,
    cos2_alpha: f64,
    cos_2m: f64,
}

impl Arc {
    /// Equations 10 and 11, without the sine of the azimuth at the equator.
    fn longitude_excess(&self) -> f64 {
        let f = wgs84::FLATTENING;
        let c = f / 16.0 * self.cos2_alpha * (4.0 + f * (4.0 - 3.0 * self.cos2_alpha));
        let tail = self.cos_2m + c * self.cos * (2.0 * self.cos_2m * self.cos_2m - 1.0);
        (1.0 - c) * f * (self.angle + c * self.sin * tail)
    }

    /// Equations 3, 4, 6 and 19.
    fn distance_m(&self) -> f64 {
        let (a, b) = (wgs84::SEMI_MAJOR_M, wgs84::SEMI_MINOR_M);
        let u2 = self.cos2_alpha * (a * a - b * b) / (b * b);
        let big_a = 1.0 + u2 / 16_384.0 * (4_096.0 + u2 * (-768.0 + u2 * (320.0 - 175.0 * u2)));
        let big_b = u2 / 1_024.0 * (256.0 + u2 * (-128.0 + u2 * (74.0 - 47.0 * u2)));
        let m2 = self.cos_2m * self.cos_2m;
        let inner = self.cos * (2.0 * m2 - 1.0)
            - big_b / 6.0 * self.cos_2m * (4.0 * self.sin * self.sin - 3.0) * (4.0 * m2 - 3.0);
        let change = big_b * self.sin * (self.cos_2m + big_b / 4.0 * inner);
        b * big_a * (self.angle - change)
    }
}

/// An angle in radians as a compass bearing.
fn compass(angle_rad: f64) -> Degrees {
    let degrees = Degrees::from(Radians(angle_rad)).0;
    Degrees(if degrees < 0.0 { degrees + 360.0 } else { degrees })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lon: f64) -> Geodetic {
        Geodetic::new(Degrees(lat), Degrees(lon), Metres(0.0)).unwrap()
    }

    #[test]
    fn gravity_is_the_gradient_of_its_potential() {
        for at in [[7e6, 1e6, -2e6], [1e5, 2e5, 6.6e6], [-5e6, 4e6, 3e6]] {
            for environment in [Environment::PointMass, Environment::Vacuum] {
                let pull = gravity(at, environment);
                for axis in 0..3 {
                    let (mut ahead, mut behind) = (at, at);
                    ahead[axis] += 10.0;
                    behind[axis] -= 10.0;
                    let slope =
                        (potential(ahead, environment) - potential(behind, environment)) / 20.0;
                    assert!((pull[axis] + slope).abs() < 2e-8, "{at:?} {axis}: {}", pull[axis]);
                }
            }
        }
    }

    #[test]
    fn standstill_on_the_surface_feels_the_standards_gravity() {
        // Somigliana's formula with the WGS 84 constants, TR8350.2 equation 4-1. That normal field has
        // no odd harmonics, so J3 may stand between the two: 4·J3·g = 1e-4 m/s² at a pole.
        for (lat, printed) in [(0.0, 9.780_325_3), (45.0, 9.806_199_2), (90.0, 9.832_184_9)] {
            let at = place(lat, 30.0).to_ecef().xyz;
            let centrifugal =
                scaled(wgs84::ROTATION_RATE * wgs84::ROTATION_RATE, [at[0], at[1], 0.0]);
            let felt = norm(add_scaled(gravity(at, Environment::Vacuum), 1.0, centrifugal));
            assert!((felt - printed).abs() < 1e-4, "{lat}: {felt}");
        }
    }

    #[test]
    fn geodesics_match_published_ones() {
        // Vincenty's test line Flinders Peak to Buninyong, recomputed on WGS 84 by the survey of
        // Australia: 54,972.271 m, 306° 52' 05.37" (GRS 80, equal to a micrometre here).
        let line = geodesic_between(
            &place(
                -(37.0 + 57.0 / 60.0 + 3.72030 / 3600.0),
                144.0 + 25.0 / 60.0 + 29.52440 / 3600.0,
            ),
            &place(
                -(37.0 + 39.0 / 60.0 + 10.15610 / 3600.0),
                143.0 + 55.0 / 60.0 + 35.38390 / 3600.0,
            ),
        );
        assert!((line.distance.0 - 54_972.271).abs() < 1e-3, "{}", line.distance.0);
        let bearing = 306.0 + 52.0 / 60.0 + 5.37 / 3600.0;
        assert!((line.bearing.0 - bearing).abs() < 1e-5, "{}", line.bearing.0);
        // A quarter of the meridian: 10,001,965.729 m.
        let quarter = geodesic_between(&place(0.0, 10.0), &place(90.0, 10.0));
        assert!((quarter.distance.0 - 10_001_965.729).abs() < 1e-3, "{}", quarter.distance.0);
        assert!(geodesic_between(&place(40.0, 127.0), &place(40.0, 127.0)).distance.0 < 1e-9);
    }

    #[test]
    fn a_place_at_rest_on_the_ground_stays_there_in_the_inertial_frame() {
        let start = place(40.6, 126.4).to_ecef().xyz;
        let time_s = 5_000.0;
        let there = turned_about_pole(start, wgs84::ROTATION_RATE * time_s);
        let drift = ground_velocity(there);
        let state = [there[0], there[1], there[2], drift[0], drift[1], drift[2]];
        let motion = to_earth_fixed(&state, time_s);
        assert!(motion.position.distance(&Position::new(start)).0 < 1e-6);
        assert!(norm(motion.velocity.xyz) < 1e-9);
    }
}
