//! The integration against closed forms and conserved quantities.

use base::{Degrees, Metres, wgs84};

use super::super::earth::potential;
use super::super::vector::{cross, dot};
use super::super::vehicle::SOLID_SHORT_RANGE;
use super::*;

/// Integrates a free flight and returns its end and its steps.
fn arc(
    state: [f64; 6],
    duration_s: f64,
    environment: Environment,
    tolerance: &Tolerance<6>,
) -> ([f64; 6], Vec<Step<6>>) {
    let mut steps = Vec::new();
    let slope = |_: f64, y: &[f64; 6]| coast(y, 1e4, environment);
    let end = integrate(&slope, 0.0, duration_s, state, tolerance, &|_, _| false, &mut steps);
    (end.unwrap(), steps)
}

/// A lofted arc: 6.2 km/s nearly straight up from 500 km height, with some of every component.
const LOFTED: [f64; 6] = [-3.3e6, 4.2e6, 4.3e6, -3_100.0, 3_300.0, 4_200.0];

/// Two-body motion by Lagrange coefficients in the change of eccentric anomaly (Battin, *Introduction
/// to the Mathematics and Methods of Astrodynamics*, section 4.3).
fn kepler(state: &[f64; 6], time_s: f64) -> [f64; 6] {
    let (r0, v0) = split(state);
    let gm = wgs84::GM;
    let r = norm(r0);
    let a = 1.0 / (2.0 / r - dot(v0, v0) / gm);
    let sigma = dot(r0, v0) / math::sqrt(gm);
    let n = math::sqrt(gm / (a * a * a));
    let (c, s) = (1.0 - r / a, sigma / math::sqrt(a));
    // Kepler's equation in the change of eccentric anomaly rises steadily: halve to the last bit.
    let (mut change, mut high) = (0.0, std::f64::consts::TAU);
    for _ in 0..80 {
        let middle = 0.5 * (change + high);
        let (sin, cos) = math::sin_cos(middle);
        if middle - c * sin + s * (1.0 - cos) < n * time_s {
            change = middle;
        } else {
            high = middle;
        }
    }
    let (sin, cos) = math::sin_cos(change);
    let f = 1.0 - a / r * (1.0 - cos);
    let g = time_s - math::sqrt(a * a * a / gm) * (change - sin);
    let place = add_scaled(scaled(f, r0), g, v0);
    let far = norm(place);
    let slope = -math::sqrt(gm * a) / (far * r) * sin;
    let speed = add_scaled(scaled(1.0 - a / far * (1.0 - cos), v0), slope, r0);
    [place[0], place[1], place[2], speed[0], speed[1], speed[2]]
}

#[test]
fn a_point_mass_gives_keplers_arc_at_and_between_steps() {
    let (end, steps) = arc(LOFTED, 2_600.0, Environment::PointMass, &FINE);
    let exact = kepler(&LOFTED, 2_600.0);
    let miss_m = norm(add_scaled(split(&end).0, -1.0, split(&exact).0));
    assert!(miss_m < 1e-3, "{miss_m} m after 2,600 s");
    for step in &steps {
        let time_s = step.start_s + 0.43 * step.length_s;
        let between = split(&step.at(time_s)).0;
        let miss_m = norm(add_scaled(between, -1.0, split(&kepler(&LOFTED, time_s)).0));
        assert!(miss_m < 1e-2, "{miss_m} m at {time_s} s");
    }
}

#[test]
fn energy_and_the_polar_angular_momentum_are_kept_in_vacuum() {
    for environment in [Environment::PointMass, Environment::Vacuum] {
        let (end, _) = arc(LOFTED, 2_600.0, environment, &FINE);
        let energy = |state: &[f64; 6]| {
            let (place, speed) = split(state);
            0.5 * dot(speed, speed) + potential(place, environment)
        };
        let momentum = |state: &[f64; 6]| cross(split(state).0, split(state).1)[2];
        let energy_off = energy(&end) / energy(&LOFTED) - 1.0;
        let momentum_off = momentum(&end) / momentum(&LOFTED) - 1.0;
        assert!(energy_off.abs() < 1e-11, "{environment:?}: {energy_off}");
        assert!(momentum_off.abs() < 1e-11, "{environment:?}: {momentum_off}");
    }
}

#[test]
fn a_stone_thrown_straight_up_lands_to_the_west() {
    // At the equator, without air: 4/3 · ω v³/g² (Landau and Lifshitz, Mechanics, section 39), to
    // the order of the height over the Earth's radius.
    let (speed_mps, gravity_mps2) = (300.0, 9.780_3);
    let x = wgs84::SEMI_MAJOR_M;
    let drift = wgs84::ROTATION_RATE * x;
    let time_s = 2.0 * speed_mps / gravity_mps2;
    let (end, _) = arc([x, 0.0, 0.0, speed_mps, drift, 0.0], time_s, Environment::Vacuum, &FINE);
    let east_m = to_earth_fixed(&end, time_s).position.xyz[1];
    let cube = speed_mps * speed_mps * speed_mps;
    let west_m = 4.0 / 3.0 * wgs84::ROTATION_RATE * cube / (gravity_mps2 * gravity_mps2);
    assert!((east_m / -west_m - 1.0).abs() < 0.005, "{east_m} against {west_m} to the west");
}

fn shot(azimuth_deg: f64) -> Shot {
    Shot {
        site: Geodetic::new(Degrees(0.0), Degrees(127.0), Metres(0.0)).unwrap(),
        vehicle: SOLID_SHORT_RANGE,
        guidance: Guidance {
            azimuth: Radians::from(Degrees(azimuth_deg)),
            tilt: Radians(0.8),
            cutoff_share: 0.9,
            pace: 1.0,
        },
    }
}

#[test]
fn the_same_boost_reaches_farther_to_the_east() {
    let fly = |azimuth_deg| fly(&shot(azimuth_deg), Environment::Full, &FINE).unwrap();
    let (east, west, north, south) = (fly(90.0), fly(270.0), fly(0.0), fly(180.0));
    assert!(east.ground.distance.0 > 1.02 * west.ground.distance.0);
    assert!(east.apogee_m > west.apogee_m, "the turning Earth lifts what goes east");
    // The equator is a line of symmetry but for J3.
    assert!((east.ground.bearing.0 - 90.0).abs() < 1e-3, "{}", east.ground.bearing.0);
    // North and south mirror each other but for J3, and both drift to the west at the top.
    assert!((north.ground.distance.0 / south.ground.distance.0 - 1.0).abs() < 1e-5);
    assert!(north.ground.bearing.0 > 359.0 && south.ground.bearing.0 > 180.0);
}

#[test]
fn air_shortens_the_flight_and_slows_the_fall() {
    let full = fly(&shot(60.0), Environment::Full, &FINE).unwrap();
    let vacuum = fly(&shot(60.0), Environment::Vacuum, &FINE).unwrap();
    let speed = |flown: &Trajectory| norm(flown.at(flown.flight_s).unwrap().velocity.xyz);
    assert!(full.ground.distance.0 < 0.97 * vacuum.ground.distance.0);
    assert!(speed(&full) < 0.6 * speed(&vacuum), "{} {}", speed(&full), speed(&vacuum));
    assert!(full.at(-0.001).is_none() && full.at(full.flight_s + 0.001).is_none());
    let end = full.at(full.flight_s).unwrap().position.to_geodetic();
    assert!(end.height().0.abs() < 1e-3, "{}", end.height().0);
}

#[test]
fn a_tolerance_ten_times_tighter_moves_the_impact_by_less_than_a_centimetre() {
    let tight = Tolerance { relative: 1e-13, absolute: FINE.absolute.map(|a| 0.1 * a), ..FINE };
    let (fine, tighter) = (
        fly(&shot(60.0), Environment::Full, &FINE).unwrap(),
        fly(&shot(60.0), Environment::Full, &tight).unwrap(),
    );
    let moved_m = fine.impact.to_ecef().distance(&tighter.impact.to_ecef()).0;
    assert!(moved_m < 0.01, "{moved_m}");
    assert!((fine.flight_s - tighter.flight_s).abs() < 1e-5);
    assert!(tighter.steps() > fine.steps());
}

#[test]
fn a_boost_that_cannot_come_down_is_an_error() {
    let escape = Vehicle {
        stages: &[Stage {
            ignition_mps2: 40.0,
            exhaust_mps: 9_000.0,
            burn_s: 200.0,
            ballistic_kg_m2: 1e5,
        }],
        ..SOLID_SHORT_RANGE
    };
    let run = fly(&Shot { vehicle: escape, ..shot(60.0) }, Environment::Full, &COARSE);
    assert!(matches!(run, Err(Error::Integration { .. })));
}

#[test]
fn a_dropped_stage_leaves_the_flight_at_its_cutoff_and_falls_short() {
    let vehicle = super::super::vehicle::LIQUID_TWO_STAGE;
    let shot = Shot { vehicle, ..shot(60.0) };
    let flown = fly(&shot, Environment::Full, &FINE).unwrap();
    let stage = flown.dropped_stage(0, 1_500.0, &FINE).unwrap();
    assert!((stage.begin_s - vehicle.stages[0].burn_s).abs() < 1e-9);
    let (one, other) = (flown.at(stage.begin_s).unwrap(), stage.at(stage.begin_s).unwrap());
    assert!(one.position.distance(&other.position).0 < 1e-3);
    assert!(stage.at(stage.begin_s - 0.1).is_none() && !stage.burns_at(stage.begin_s));
    assert!(flown.burns_at(stage.begin_s) && !flown.burns_at(flown.burnout_s + 0.1));
    assert!(stage.ground.distance.0 < 0.5 * flown.ground.distance.0);
    let missing = flown.dropped_stage(2, 1_500.0, &FINE).unwrap_err().to_string();
    assert!(missing.contains("below 2, got 2"), "{missing}");
}
