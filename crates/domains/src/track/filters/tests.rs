use base::{Degrees, Geodetic, Metres, TimeDelta, Timestamp};

use super::*;
use crate::track::events::{Plot, PlotReport, Scan, ScanReport, SensorInfo, SensorKind};
use crate::track::matrix::minus;
use crate::track::motion::tests::plus;
use crate::track::observation::Observation;

/// Uniform and normal draws for tests.
pub(in crate::track) struct Dice(pub(in crate::track) u64);

impl Dice {
    pub(in crate::track) fn uniform(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `items`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product lies in 0 to the length"
    )]
    pub(in crate::track) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[(self.uniform() * items.len() as f64).floor() as usize]
    }

    pub(in crate::track) fn normal(&mut self) -> f64 {
        let radius = math::sqrt(-2.0 * math::ln(1.0 - self.uniform()));
        radius * math::cos(std::f64::consts::TAU * self.uniform())
    }
}

pub(in crate::track) fn radar(lat: f64, lon: f64) -> SensorInfo {
    SensorInfo {
        id: "R".to_owned(),
        partner: "KOR".parse().unwrap(),
        kind: SensorKind::Radar,
        position: Some(Geodetic::new(Degrees(lat), Degrees(lon), Metres(100.0)).unwrap()),
        sigma_range_m: 50.0,
        sigma_azimuth_deg: 0.08,
        sigma_elevation_deg: 0.08,
        pd: 0.95,
        clutter: 0.5,
        period_s: 5.0,
    }
}

/// One plot of `target` with noise.
pub(in crate::track) fn look(sensor: &SensorInfo, target: &Vector3, dice: &mut Dice) -> PlotReport {
    let frame = base::LocalFrame::at(sensor.position.as_ref().unwrap());
    let polar = frame.to_enu(&base::Position::new(*target)).to_polar();
    PlotReport::Radar {
        range_m: polar.range.0 + sensor.sigma_range_m * dice.normal(),
        azimuth_deg: Degrees::from(polar.azimuth).0 + sensor.sigma_azimuth_deg * dice.normal(),
        elevation_deg: Degrees::from(polar.elevation).0
            + sensor.sigma_elevation_deg * dice.normal(),
        sigmas: None,
    }
}

fn observe(sensor: &SensorInfo, target: &Vector3, dice: &mut Dice) -> Observation {
    let report = look(sensor, target, dice);
    let scan = Scan::new(ScanReport {
        sensor: sensor.clone(),
        scan: 0,
        measured: Timestamp::from_seconds(0),
        plots: vec![Plot { offset_ns: TimeDelta::ZERO, report }],
    })
    .unwrap();
    Observation::of_scan(&scan).remove(0)
}

/// Squared Mahalanobis distance of `estimate` from the truth over position and velocity.
fn nees<const N: usize>(estimate: &Gaussian<N>, truth: &Moving) -> f64 {
    let block: Matrix<6, 6> = estimate.block(0, 0);
    let position = minus(&estimate.position(), &truth.position);
    let velocity = minus(&estimate.velocity(), &truth.velocity);
    let error = [position[0], position[1], position[2], velocity[0], velocity[1], velocity[2]];
    let white = block.cholesky().unwrap().solve_lower(&error);
    dot(&white, &white)
}

/// A falling thing seen by two radars every 5 s; average NEES and NIS over seeds.
fn fall_consistency(start: Moving, ballistic: f64, seconds: i32) -> (f64, f64, f64) {
    let sensors = [radar(36.6, 127.5), radar(38.2, 138.3)];
    let (mut nees_sum, mut nis_sum, mut nis_count, mut miss) = (0.0, 0.0, 0.0, 0.0_f64);
    let seeds = 60;
    for seed in 0..seeds {
        let mut dice = Dice(1_000 + seed);
        let mut truth = start;
        let mut fall = Fall {
            mean: [0.0; 7],
            covariance: Matrix::diagonal(&[9e6, 9e6, 9e6, 4e4, 4e4, 4e4, 0.36]),
        };
        for i in 0..3 {
            fall.mean[i] = start.position[i] + 3_000.0 * dice.normal();
            fall.mean[i + 3] = start.velocity[i] + 200.0 * dice.normal();
        }
        fall.mean[6] = Fall::LN_BALLISTIC_MEAN;
        for tick in 1..=seconds {
            truth = truth.after(1.0, Force::Drag(1.0 / ballistic), 0.1);
            if tick % 5 == 0 {
                fall = fall.predicted(5.0);
                for sensor in &sensors {
                    let observation = observe(sensor, &truth.position, &mut dice);
                    let linear = observation.linear(&fall.position());
                    nis_sum += fall.fit(&linear, 0.0).unwrap().distance2;
                    nis_count += 3.0;
                    fall.update(&linear);
                }
            }
        }
        nees_sum += nees(&fall, &truth);
        miss = miss.max(norm(&minus(&fall.position(), &truth.position)));
    }
    (nees_sum / (6.0 * seeds as f64), nis_sum / nis_count, miss)
}

fn lofted(height_m: f64, up_mps: f64, east_mps: f64) -> Moving {
    let place = Geodetic::new(Degrees(40.6), Degrees(132.0), Metres(height_m)).unwrap();
    let frame = base::LocalFrame::at(&place);
    let rows = frame.rows();
    let velocity = plus(&scaled(&rows[2], up_mps), &scaled(&rows[0], east_mps));
    Moving { position: place.to_ecef().xyz, velocity }
}

#[test]
fn the_falling_filter_is_consistent_in_space() {
    let (nees, nis, miss_m) = fall_consistency(lofted(500_000.0, 3_000.0, 1_000.0), 6_000.0, 200);
    // 60 seeds of 6 degrees: the mean of χ²/6 has sigma 0.075; NIS over 14,400 degrees 0.012.
    assert!((0.75..1.25).contains(&nees), "NEES {nees}");
    assert!((0.95..1.05).contains(&nis), "NIS {nis}");
    assert!(miss_m < 1_500.0, "{miss_m}");
}

#[test]
fn the_falling_filter_is_consistent_through_reentry() {
    // From 150 km down at 2 km/s to 10 km: the drag model is the filter's own, its error allowance
    // makes the filter cautious, so NEES may lie below 1.
    let (nees, nis, _) = fall_consistency(lofted(150_000.0, -2_000.0, 600.0), 3_000.0, 55);
    assert!((0.4..1.3).contains(&nees), "NEES {nees}");
    assert!((0.7..1.1).contains(&nis), "NIS {nis}");
}

#[test]
fn the_cruise_filter_follows_a_level_aircraft() {
    let sensor = radar(36.6, 127.5);
    let mut sum = 0.0;
    let seeds = 60;
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let mut truth = lofted(10_000.0, 0.0, 240.0);
        truth.position = plus(&truth.position, &[300_000.0, 200_000.0, -150_000.0]);
        let first = observe(&sensor, &truth.position, &mut dice);
        let mut cruise = cruise_seed(&first.position, &first.covariance());
        for _ in 0..20 {
            truth.position = plus(&truth.position, &scaled(&truth.velocity, 5.0));
            cruise = cruise.predicted(5.0);
            let linear = observe(&sensor, &truth.position, &mut dice).linear(&cruise.position());
            cruise.update(&linear);
        }
        sum += nees(&cruise, &truth) / 6.0;
    }
    // The process noise is for turns; straight flight must lie inside it.
    let mean = sum / seeds as f64;
    assert!((0.3..1.1).contains(&mean), "NEES {mean}");
}

#[test]
fn the_boost_filter_follows_thrust_and_sees_it_end() {
    let sensor = radar(36.6, 127.5);
    let mut dice = Dice(3);
    let mut truth = lofted(40_000.0, 900.0, 150.0);
    let first = observe(&sensor, &truth.position, &mut dice);
    let mut boost = boost_seed(&first.position, &first.covariance());
    let thrust = scaled(&truth.position, 25.0 / norm(&truth.position));
    let mut seen = Vec::new();
    for second in 1..=120 {
        let force = if second <= 80 { Force::Thrust(thrust) } else { Force::None };
        truth = truth.after(1.0, force, 0.5);
        if second % 5 == 0 {
            boost = boost.predicted(5.0);
            let linear = observe(&sensor, &truth.position, &mut dice).linear(&boost.position());
            boost.update(&linear);
            seen.push(dot(&boost.thrust(), &thrust) / 25.0);
        }
    }
    assert!((seen[15] - 25.0).abs() < 10.0, "{seen:?}");
    assert!(seen[23].abs() < 10.0, "{seen:?}");
}

#[test]
fn predicting_forth_and_back_returns() {
    let fall = Fall {
        mean: {
            let start = lofted(300_000.0, 2_000.0, 1_500.0);
            let mut mean = [Fall::LN_BALLISTIC_MEAN; 7];
            mean[..3].copy_from_slice(&start.position);
            mean[3..6].copy_from_slice(&start.velocity);
            mean
        },
        covariance: Matrix::diagonal(&[1e4, 1e4, 1e4, 1.0, 1.0, 1.0, 0.36]),
    };
    let back = fall.predicted(40.0).predicted(-40.0);
    assert!(norm(&minus(&back.position(), &fall.position())) < 1e-3);
    assert!(back.covariance.0[0][0] < 1.1e4 && back.is_sound());
}
