//! How a thing falls: gravity with J2, the turning Earth, drag; integrated in ECEF by RK4.
//!
//! r̈ = g(r) + ω²(x, y, 0) − 2 ω×v − ½ ρ |v| v s(M) / β, with β the ballistic coefficient
//! (mass over drag coefficient times area) at hypersonic speed and s(M) how the drag coefficient grows towards the speed of sound (Zarchan, *Tactical and Strategic Missile Guidance*, chapter 17; Vallado, *Fundamentals of
//! Astrodynamics*, section 8.7 for J2). v is relative to the turning Earth, and so is the air.

use base::{math, wgs84};

use super::atmosphere;
use super::matrix::{Matrix, Vector3, along, dot, norm, outer, scaled};

/// Position and velocity in ECEF, m and m/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moving {
    pub(super) position: Vector3,
    pub(super) velocity: Vector3,
}

/// What acts besides gravity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Force {
    /// Nothing: the vacuum arc.
    None,
    /// Drag with this inverse ballistic coefficient, m²/kg.
    Drag(f64),
    /// This acceleration in ECEF, m/s², thrust and drag together.
    Thrust(Vector3),
}

/// Longest step outside the air, seconds: the error of RK4 there is below a millimetre a step.
const VACUUM_STEP_S_MAX: f64 = 15.0;
/// A step inside the air covers at most this height, metres.
const AIR_STEP_M_MAX: f64 = 1_500.0;
/// Below this height the air matters to the step length, metres.
const AIR_M: f64 = 90_000.0;

impl Moving {
    /// Height above the ellipsoid along the radius, metres; equals the geodetic height at 0 and
    /// within 6 parts in a million elsewhere.
    pub(super) fn height_m(&self) -> f64 {
        height_m(&self.position)
    }

    /// Speed along the radius, m/s.
    pub(super) fn radial_speed_mps(&self) -> f64 {
        dot(&self.position, &self.velocity) / norm(&self.position)
    }

    /// A step length that suits the height and speed, seconds.
    pub(super) fn step_s(&self) -> f64 {
        let height_m = self.height_m();
        let speed_mps = norm(&self.velocity).max(50.0);
        let inside_s = (AIR_STEP_M_MAX / speed_mps).min(2.0);
        if height_m < AIR_M {
            inside_s
        } else {
            // Never step from far outside deep into the air.
            inside_s.max((0.5 * (height_m - AIR_M) / speed_mps).min(VACUUM_STEP_S_MAX))
        }
    }

    /// One step of the classical fourth-order Runge-Kutta method.
    pub(super) fn rk4(&self, step_s: f64, force: Force) -> Self {
        let half_s = 0.5 * step_s;
        let derivative = |at: &Self| (at.velocity, acceleration(&at.position, &at.velocity, force));
        let shifted = |(velocity, acceleration): &(Vector3, Vector3), by_s: f64| Self {
            position: along(&self.position, by_s, velocity),
            velocity: along(&self.velocity, by_s, acceleration),
        };
        let first = derivative(self);
        let second = derivative(&shifted(&first, half_s));
        let third = derivative(&shifted(&second, half_s));
        let fourth = derivative(&shifted(&third, step_s));
        let sixth = step_s / 6.0;
        Self {
            position: std::array::from_fn(|i| {
                self.position[i]
                    + sixth * (first.0[i] + 2.0 * second.0[i] + 2.0 * third.0[i] + fourth.0[i])
            }),
            velocity: std::array::from_fn(|i| {
                self.velocity[i]
                    + sixth * (first.1[i] + 2.0 * second.1[i] + 2.0 * third.1[i] + fourth.1[i])
            }),
        }
    }
}

/// Height above the ellipsoid along the radius, metres.
pub(super) fn height_m(position: &Vector3) -> f64 {
    let radius_m = norm(position);
    if radius_m == 0.0 {
        return -wgs84::SEMI_MINOR_M;
    }
    let sine = position[2] / radius_m;
    let sine2 = sine * sine;
    let (a, b) = (wgs84::SEMI_MAJOR_M, wgs84::SEMI_MINOR_M);
    radius_m - 1.0 / math::sqrt((1.0 - sine2) / (a * a) + sine2 / (b * b))
}

/// Gravity with J2, without the centrifugal part, m/s².
pub(super) fn gravity(position: &Vector3) -> Vector3 {
    let [x, y, z] = *position;
    // Nothing real is nearer to the centre; keeps wild states finite.
    let radius2 = dot(position, position).max(1e12);
    let radius_m = math::sqrt(radius2);
    let central = -wgs84::GM / (radius2 * radius_m);
    let ratio2 = wgs84::SEMI_MAJOR_M * wgs84::SEMI_MAJOR_M / radius2;
    let oblate = 1.5 * wgs84::J2 * ratio2;
    let sine2 = z * z / radius2;
    let across = central * (1.0 + oblate * (1.0 - 5.0 * sine2));
    let polar = central * (1.0 + oblate * (3.0 - 5.0 * sine2));
    [across * x, across * y, polar * z]
}

/// Gravity, centrifugal and Coriolis acceleration in ECEF, m/s².
pub(super) fn free_fall(position: &Vector3, velocity: &Vector3) -> Vector3 {
    let omega = wgs84::ROTATION_RATE;
    let [gx, gy, gz] = gravity(position);
    [
        gx + omega * (omega * position[0] + 2.0 * velocity[1]),
        gy + omega * (omega * position[1] - 2.0 * velocity[0]),
        gz,
    ]
}

/// The whole acceleration in ECEF, m/s².
pub(super) fn acceleration(position: &Vector3, velocity: &Vector3, force: Force) -> Vector3 {
    let falling = free_fall(position, velocity);
    match force {
        Force::None => falling,
        Force::Thrust(thrust) => along(&falling, 1.0, &thrust),
        Force::Drag(inverse_m2pkg) => {
            along(&falling, 1.0, &drag(position, velocity, inverse_m2pkg))
        }
    }
}

/// Drag with inverse ballistic coefficient `inverse_m2pkg`, m/s².
pub(super) fn drag(position: &Vector3, velocity: &Vector3, inverse_m2pkg: f64) -> Vector3 {
    let height_m = height_m(position);
    if height_m >= atmosphere::CEILING_M {
        return [0.0; 3];
    }
    let speed_mps = norm(velocity);
    let pressure = 0.5 * atmosphere::density_kgpm3(height_m) * drag_shape(speed_mps);
    scaled(velocity, -pressure * speed_mps * inverse_m2pkg)
}

/// The drag coefficient at a speed relative to its hypersonic value: the form of a slender rocket body
/// (Sutton, Biblarz, *Rocket Propulsion Elements*, section 4.2, the curve for the V-2) at half its
/// logarithm, since cones and blunt bodies vary less; one speed of sound, 310 m/s, for all heights.
fn drag_shape(speed_mps: f64) -> f64 {
    const SOUND_MPS: f64 = 310.0;
    const SHAPE: [(f64, f64); 9] = [
        (0.0, 1.0),
        (0.8, 1.0),
        (1.0, 1.41),
        (1.2, 1.64),
        (2.0, 1.41),
        (3.0, 1.22),
        (4.0, 1.12),
        (5.0, 1.04),
        (6.0, 1.0),
    ];
    let mach = speed_mps / SOUND_MPS;
    let next = SHAPE.partition_point(|(at, _)| *at <= mach);
    if next == SHAPE.len() {
        return 1.0;
    }
    let ((low, from), (high, to)) = (SHAPE[next - 1], SHAPE[next]);
    from + (to - from) * (mach - low) / (high - low)
}

/// Derivatives of the acceleration by position and velocity (the J2 part of the gravity gradient,
/// a thousandth, is left out: it only shapes the covariance).
pub(super) fn gradients(
    position: &Vector3,
    velocity: &Vector3,
    force: Force,
) -> (Matrix<3, 3>, Matrix<3, 3>) {
    let omega = wgs84::ROTATION_RATE;
    let radius2 = dot(position, position).max(1e12);
    let central = wgs84::GM / (radius2 * math::sqrt(radius2));
    let mut by_position =
        Matrix::diagonal(&[omega * omega - central, omega * omega - central, -central]);
    by_position.add_block(0, 0, &outer(position, position), 3.0 * central / radius2);
    let mut by_velocity = Matrix::ZERO;
    by_velocity.0[0][1] = 2.0 * omega;
    by_velocity.0[1][0] = -2.0 * omega;
    if let Force::Drag(inverse_m2pkg) = force {
        let height_m = height_m(position);
        let speed_mps = norm(velocity);
        if height_m < atmosphere::CEILING_M && speed_mps > 0.0 {
            let pressure = 0.5 * atmosphere::density_kgpm3(height_m) * drag_shape(speed_mps);
            let slope = -pressure * inverse_m2pkg;
            by_velocity.add_block(0, 0, &Matrix::<3, 3>::identity(), slope * speed_mps);
            by_velocity.add_block(0, 0, &outer(velocity, velocity), slope / speed_mps);
            let up = scaled(position, 1.0 / math::sqrt(radius2));
            let by_height = -slope * speed_mps / atmosphere::scale_height_m(height_m);
            by_position.add_block(0, 0, &outer(velocity, &up), by_height);
        }
    }
    (by_position, by_velocity)
}

#[cfg(test)]
pub(super) mod tests;
