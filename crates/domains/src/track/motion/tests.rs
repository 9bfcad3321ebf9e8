use base::{Degrees, Geodetic, Metres, wgs84};

use super::*;
use crate::track::matrix::minus;

pub(in crate::track) fn plus(a: &Vector3, b: &Vector3) -> Vector3 {
    along(a, 1.0, b)
}

impl Moving {
    /// The state `duration_s` later, in equal RK4 steps of at most `step_s`.
    pub(in crate::track) fn after(&self, duration_s: f64, force: Force, step_s: f64) -> Self {
        let count = (duration_s.abs() / step_s).ceil().max(1.0);
        let mut state = *self;
        let mut done = 0.0;
        while done < count {
            state = state.rk4(duration_s / count, force);
            done += 1.0;
        }
        state
    }
}

fn ecef(lat: f64, lon: f64, height_m: f64) -> Vector3 {
    Geodetic::new(Degrees(lat), Degrees(lon), Metres(height_m)).unwrap().to_ecef().xyz
}

/// Gravity and centrifugal acceleration at rest, m/s².
fn weight(lat: f64, height_m: f64) -> f64 {
    norm(&free_fall(&ecef(lat, 20.0, height_m), &[0.0; 3]))
}

#[test]
fn weight_matches_normal_gravity() {
    // Normal gravity on WGS 84: 9.7803253359 at the equator, 9.8321849378 at the poles (TR8350.2,
    // table 3.4), 9.8061978 at 45° (Somigliana). The level ellipsoid's J4 of -2.37e-6, left out, is
    // worth 5 J4 g = 1.2e-4 at the pole.
    for (lat, normal) in [(0.0, 9.780_325_335_9), (45.0, 9.806_197_8), (90.0, 9.832_184_937_8)] {
        let got = weight(lat, 0.0);
        assert!((got - normal).abs() < 1.3e-4, "{lat}: {got} for {normal}");
    }
    // The J2 part alone at the pole: central gravity less 3 J2 (a/b)² of it.
    let pole = gravity(&[0.0, 0.0, wgs84::SEMI_MINOR_M]);
    let central = wgs84::GM / (wgs84::SEMI_MINOR_M * wgs84::SEMI_MINOR_M);
    let ratio = wgs84::SEMI_MAJOR_M / wgs84::SEMI_MINOR_M;
    let expected = -central * (1.0 - 3.0 * wgs84::J2 * ratio * ratio);
    assert!((pole[2] - expected).abs() < 1e-12);
}

#[test]
fn height_is_zero_on_the_ellipsoid() {
    for lat in [-90.0, -60.0, -12.3, 0.0, 33.0, 45.0, 71.0, 90.0] {
        assert!(height_m(&ecef(lat, 77.0, 0.0)).abs() < 1e-6);
        assert!((height_m(&ecef(lat, 77.0, 100_000.0)) - 100_000.0).abs() < 1.0);
    }
}

/// Jacobi's integral in the turning frame: kinetic, gravity with J2, centrifugal; J/kg.
fn jacobi(state: &Moving) -> f64 {
    let radius_m = norm(&state.position);
    let sine = state.position[2] / radius_m;
    let ratio = wgs84::SEMI_MAJOR_M / radius_m;
    let potential =
        wgs84::GM / radius_m * (1.0 - wgs84::J2 * ratio * ratio * 0.5 * (3.0 * sine * sine - 1.0));
    let omega = wgs84::ROTATION_RATE;
    let axis2 = state.position[0] * state.position[0] + state.position[1] * state.position[1];
    0.5 * dot(&state.velocity, &state.velocity) - potential - 0.5 * omega * omega * axis2
}

#[test]
fn a_lofted_arc_conserves_jacobis_integral() {
    let start = Moving {
        position: ecef(40.6, 126.4, 150_000.0),
        velocity: lofted_velocity(ecef(40.6, 126.4, 150_000.0), 6_900.0),
    };
    let mut state = start;
    let mut worst = 0.0_f64;
    for _ in 0..240 {
        state = state.after(10.0, Force::None, VACUUM_STEP_S_MAX);
        worst = worst.max((jacobi(&state) / jacobi(&start) - 1.0).abs());
    }
    assert!(worst < 2e-9, "{worst:e}");
}

fn lofted_velocity(position: Vector3, speed_mps: f64) -> Vector3 {
    let up = scaled(&position, 1.0 / norm(&position));
    let east = {
        let across = (position[0] * position[0] + position[1] * position[1]).sqrt();
        [-position[1] / across, position[0] / across, 0.0]
    };
    plus(&scaled(&up, 0.98 * speed_mps), &scaled(&east, 0.2 * speed_mps))
}

#[test]
fn without_j2_an_arc_is_keplers() {
    let miss_m = bare_kepler_miss_m(1_800.0);
    assert!(miss_m < 0.01, "{miss_m}");
}

/// The same arc with J2 cancelled by a thrust that is its opposite, step by step.
fn bare_kepler_miss_m(duration_s: f64) -> f64 {
    let mut state = Moving {
        position: [7.0e6, 0.0, 0.0],
        velocity: [4_000.0, 5_000.0 - wgs84::ROTATION_RATE * 7.0e6, 0.0],
    };
    let steps = 36_000;
    let step_s = duration_s / f64::from(steps);
    let opposite = |state: &Moving| {
        let radius_m = norm(&state.position);
        let central = scaled(&state.position, -wgs84::GM / (radius_m * radius_m * radius_m));
        minus(&central, &gravity(&state.position))
    };
    for _ in 0..steps {
        // Midpoint value of the cancelling force: second-order accurate.
        let middle = state.rk4(0.5 * step_s, Force::Thrust(opposite(&state)));
        state = state.rk4(step_s, Force::Thrust(opposite(&middle)));
    }
    let kepler = kepler_planar([7.0e6, 0.0], [4_000.0, 5_000.0], duration_s);
    let (sin, cos) = math::sin_cos(-wgs84::ROTATION_RATE * duration_s);
    let turned = [kepler[0] * cos - kepler[1] * sin, kepler[0] * sin + kepler[1] * cos, 0.0];
    norm(&minus(&state.position, &turned))
}

/// Two-body motion in a plane by f and g functions over Kepler's equation (Bate, Mueller, White,
/// *Fundamentals of Astrodynamics*, section 4.4).
fn kepler_planar(position: [f64; 2], velocity: [f64; 2], duration_s: f64) -> [f64; 2] {
    let radius_m = math::hypot(position[0], position[1]);
    let energy = 0.5 * dot(&velocity, &velocity) - wgs84::GM / radius_m;
    let axis_m = -wgs84::GM / (2.0 * energy);
    let sigma = dot(&position, &velocity) / math::sqrt(wgs84::GM * axis_m);
    let cosine = 1.0 - radius_m / axis_m;
    let rate = math::sqrt(wgs84::GM / (axis_m * axis_m * axis_m));
    let mut delta = rate * duration_s;
    for _ in 0..60 {
        let (sin, cos) = math::sin_cos(delta);
        let value = delta - cosine * sin + sigma * (1.0 - cos) - rate * duration_s;
        delta -= value / (1.0 - cosine * cos + sigma * sin);
    }
    let (sin, cos) = math::sin_cos(delta);
    let f = 1.0 - axis_m / radius_m * (1.0 - cos);
    let g = duration_s + (sin - delta) / rate;
    [f * position[0] + g * velocity[0], f * position[1] + g * velocity[1]]
}

#[test]
fn a_falling_stone_drifts_east() {
    // Dropped from 1,000 m at the equator: eastward drift ω g t³ / 3 (first order).
    let start = Moving { position: ecef(0.0, 0.0, 1_000.0), velocity: [0.0; 3] };
    let fall_s = (2.0 * 1_000.0 / weight(0.0, 500.0)).sqrt();
    let end = start.after(fall_s, Force::None, 0.1);
    let drift = wgs84::ROTATION_RATE * weight(0.0, 500.0) * fall_s * fall_s * fall_s / 3.0;
    assert!((end.position[1] - drift).abs() < 1e-3, "{} {drift}", end.position[1]);
    assert!(end.height_m().abs() < 0.5);
}

#[test]
fn terminal_speed_balances_drag() {
    // At 5 km with β = 1,000 kg/m², below Mach 0.8: v² = 2 β g / ρ.
    let position = ecef(40.0, 130.0, 5_000.0);
    let up = scaled(&position, 1.0 / norm(&position));
    let speed_mps = math::sqrt(2.0 * 1_000.0 * 9.79 / atmosphere::density_kgpm3(5_000.0));
    let pull = acceleration(&position, &scaled(&up, -speed_mps), Force::Drag(1.0 / 1_000.0));
    assert!(dot(&pull, &up).abs() < 0.05, "{pull:?}");
}

#[test]
fn gradients_agree_with_differences() {
    let position = ecef(41.0, 138.0, 40_000.0);
    let velocity = scaled(&lofted_velocity(position, 4_000.0), -1.0);
    let force = Force::Drag(1.0 / 3_000.0);
    let (by_position, by_velocity) = gradients(&position, &velocity, force);
    for axis in 0..3 {
        let mut step = [0.0; 3];
        step[axis] = 1.0;
        let ahead = plus(&position, &scaled(&step, 20.0));
        let behind = minus(&position, &scaled(&step, 20.0));
        let change = scaled(
            &minus(
                &acceleration(&ahead, &velocity, force),
                &acceleration(&behind, &velocity, force),
            ),
            1.0 / 40.0,
        );
        let faster = plus(&velocity, &step);
        let slower = minus(&velocity, &step);
        let kick = scaled(
            &minus(
                &acceleration(&position, &faster, force),
                &acceleration(&position, &slower, force),
            ),
            0.5,
        );
        for i in 0..3 {
            let (a, b) = (by_position.0[i][axis], change[i]);
            assert!((a - b).abs() < 2e-8 + 0.02 * b.abs(), "position {i}{axis}: {a:e} {b:e}");
            let (a, b) = (by_velocity.0[i][axis], kick[i]);
            assert!((a - b).abs() < 1e-7 + 1e-3 * b.abs(), "velocity {i}{axis}: {a:e} {b:e}");
        }
    }
}

#[test]
fn steps_converge_through_reentry() {
    let position = ecef(41.0, 138.0, 400_000.0);
    let mut coarse =
        Moving { position, velocity: scaled(&lofted_velocity(position, 6_500.0), -1.0) };
    let mut fine = coarse;
    let force = Force::Drag(1.0 / 4_000.0);
    let mut time_s = 0.0;
    while coarse.height_m() > 3_000.0 {
        let step_s = coarse.step_s();
        coarse = coarse.rk4(step_s, force);
        fine = fine.after(step_s, force, 0.02);
        time_s += step_s;
    }
    let miss_m = norm(&minus(&coarse.position, &fine.position));
    assert!(miss_m < 5.0 && time_s > 50.0, "{miss_m} m after {time_s} s");
}

#[test]
fn drag_peaks_beyond_the_speed_of_sound() {
    let shape: Vec<f64> = [100.0, 372.0, 1_000.0, 2_000.0, 7_000.0].map(drag_shape).into();
    assert!((shape[0] - 1.0).abs() < 1e-12 && (shape[4] - 1.0).abs() < 1e-12);
    assert!(shape[1] > 1.63 && shape[1] > shape[2] && shape[2] > shape[3], "{shape:?}");
    assert!((drag_shape(-0.0) - 1.0).abs() < 1e-12);
}
