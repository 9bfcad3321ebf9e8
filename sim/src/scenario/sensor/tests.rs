//! The statistics of what sensors report, over many looks at one object that stands still.

use base::{MetresPerSecond, Velocity};
use formats::scenario::{Plot, PolarSigmas, SensorKind, TruthClass};

use super::super::aircraft::{Course, Leg};
use super::super::object::Path;
use super::*;

const EPOCH: Timestamp = Timestamp::from_seconds(1_500_000_000);

fn sigmas() -> PolarSigmas {
    PolarSigmas::new(Metres(30.0), Degrees(0.05), Degrees(0.08)).unwrap()
}

fn radar(pd: f64, clutter: f64, bias: Bias) -> Sensor {
    let site = Geodetic::new(Degrees(37.0), Degrees(127.0), Metres(100.0)).unwrap();
    let kind = SensorKind::Radar(sigmas());
    let header = file::Sensor::new("R".parse().unwrap(), "KOR".parse().unwrap(), kind, site)
        .with_detection(pd, clutter, Seconds(2.0))
        .unwrap();
    Sensor {
        header,
        reports: Reports::Polar { sigmas: sigmas(), bias },
        coverage: Coverage {
            range_m_min: 5_000.0,
            range_m_max: 500_000.0,
            azimuth_deg: 350.0,
            half_width_deg: 60.0,
            elevation_deg_min: 1.0,
        },
        latency: Seconds(0.2),
        latency_jitter: Seconds(0.3),
        first: Seconds(0.5),
        empty_looks: true,
    }
}

/// Something that (nearly) hangs in the air.
fn hovering(lat_deg: f64, lon_deg: f64, height_m: f64) -> Object {
    let course = Course {
        start: Geodetic::new(Degrees(lat_deg), Degrees(lon_deg), Metres(height_m)).unwrap(),
        heading: Degrees(0.0),
        speed: MetresPerSecond(1e-9),
        legs: vec![Leg {
            duration: Seconds(1e6),
            turn_deg_per_s: 0.0,
            climb: MetresPerSecond(0.0),
        }],
    };
    Object {
        name: "kite".to_owned(),
        class: TruthClass::Aircraft,
        start: EPOCH,
        path: Path::Air(course.fly().unwrap()),
    }
}

/// Errors of every plot in sigmas: range, azimuth, elevation.
fn errors(sensor: &Sensor, object: &Object, looks: u32, seed: u64) -> Vec<[f64; 3]> {
    let mut dice = Dice::new(seed, 0);
    let place = object.at(EPOCH).unwrap().motion.position;
    let polar = LocalFrame::at(sensor.header.site()).to_enu(&place).to_polar();
    let objects = [object.clone()];
    let plots = (0..looks).flat_map(|_| sensor.look(&objects, EPOCH, &mut dice).unwrap());
    plots
        .map(|plot| {
            let Plot::Polar(plot) = plot else { panic!("a radar gives polar plots") };
            let azimuth = Radians::from(plot.azimuth()).0 - polar.azimuth.0;
            [
                (plot.range().0 - polar.range.0) / 30.0,
                Degrees::from(Radians(math::wrap_pi(azimuth))).0 / 0.05,
                (plot.elevation().0 - Degrees::from(polar.elevation).0) / 0.08,
            ]
        })
        .collect()
}

#[test]
fn residuals_are_white_with_the_headers_sigmas() {
    let looks = 20_000;
    // Due north, so that azimuths wrap around zero.
    let errors =
        errors(&radar(1.0, 0.0, Bias::default()), &hovering(38.5, 127.0, 30_000.0), looks, 5);
    assert_eq!(errors.len(), 20_000);
    let n = f64::from(looks);
    let mut total = 0.0;
    for axis in 0..3 {
        let mean = errors.iter().map(|e| e[axis]).sum::<f64>() / n;
        let square = errors.iter().map(|e| e[axis] * e[axis]).sum::<f64>();
        total += square;
        assert!(mean.abs() < 4.5 / math::sqrt(n), "axis {axis}: mean {mean}");
        // Chi-square with n degrees of freedom: mean n, variance 2n.
        let off = (square - n) / math::sqrt(2.0 * n);
        assert!(off.abs() < 4.5, "axis {axis}: {off} standard deviations");
        let next = (axis + 1) % 3;
        let mixed = errors.iter().map(|e| e[axis] * e[next]).sum::<f64>() / math::sqrt(n);
        assert!(mixed.abs() < 4.5, "axes {axis} and {next} go together: {mixed}");
    }
    assert!(((total - 3.0 * n) / math::sqrt(6.0 * n)).abs() < 4.5);
    let within_one = errors.iter().filter(|e| e[0].abs() < 1.0).count() as f64 / n;
    assert!((within_one - 0.682_69).abs() < 0.015, "{within_one}");
}

#[test]
fn a_bias_shifts_every_plot_and_nothing_else() {
    let bias = Bias { range_m: 60.0, azimuth_deg: -0.05, elevation_deg: 0.04 };
    let object = hovering(38.5, 127.0, 30_000.0);
    let off = errors(&radar(1.0, 0.0, bias), &object, 500, 9);
    let clean = errors(&radar(1.0, 0.0, Bias::default()), &object, 500, 9);
    for (off, clean) in off.iter().zip(&clean) {
        let shift = [off[0] - clean[0], off[1] - clean[1], off[2] - clean[2]];
        for (shift, expected) in shift.iter().zip([2.0, -1.0, 0.5]) {
            assert!((shift - expected).abs() < 0.02, "{shift} for {expected}");
        }
    }
}

#[test]
fn misses_and_false_plots_come_at_their_rates() {
    let looks = 20_000;
    let n = f64::from(looks);
    let object = hovering(38.5, 127.0, 30_000.0);
    let seen = errors(&radar(0.8, 0.0, Bias::default()), &object, looks, 1).len() as f64;
    assert!((seen - 0.8 * n).abs() < 4.5 * math::sqrt(0.16 * n), "{seen}");
    let all = errors(&radar(0.8, 1.7, Bias::default()), &object, looks, 1);
    let count = all.len() as f64;
    assert!((count - 2.5 * n).abs() < 4.5 * math::sqrt(1.86 * n), "{count}");
    // Half of the false plots fall within 15 km and 1.5° of the object.
    let near = all.iter().filter(|e| e[0].abs() < 500.1 && e[1].abs() < 30.1 && e[2].abs() < 18.9);
    let expected = (0.8 + 0.85) * n;
    assert!((near.count() as f64 - expected).abs() < 0.02 * n);
}

#[test]
fn coverage_and_the_horizon_decide_what_is_seen() {
    let radar = radar(1.0, 0.0, Bias::default());
    let sees = |lat_deg, lon_deg, height_m| {
        let mut dice = Dice::new(1, 1);
        let objects = [hovering(lat_deg, lon_deg, height_m)];
        !radar.look(&objects, EPOCH, &mut dice).unwrap().is_empty()
    };
    assert!(sees(39.0, 127.0, 11_000.0), "222 km, 1.9° with the bending");
    assert!(!sees(40.0, 127.0, 11_000.0), "333 km, below the lowest elevation");
    assert!(sees(40.0, 127.0, 30_000.0));
    assert!(!sees(41.6, 127.0, 60_000.0), "beyond 500 km");
    assert!(!sees(37.02, 127.0, 500.0), "nearer than 5 km");
    assert!(sees(38.0, 128.0, 20_000.0), "38° right of north, inside 350° + 60°");
    assert!(!sees(37.2, 129.0, 20_000.0), "to the east");
    assert!(!sees(36.0, 127.0, 20_000.0), "behind");
}

#[test]
fn infrared_sees_only_what_burns_and_places_scatter_by_sigma() {
    let mut sensor = radar(1.0, 0.0, Bias::default());
    let sigma = Metres(400.0);
    sensor.reports = Reports::Places { sigma, burning_only: true };
    let objects = [hovering(38.0, 127.0, 20_000.0)];
    let mut dice = Dice::new(4, 0);
    assert!(sensor.look(&objects, EPOCH, &mut dice).unwrap().is_empty());
    sensor.reports = Reports::Places { sigma, burning_only: false };
    let place = objects[0].at(EPOCH).unwrap().motion.position;
    let (mut square, looks) = (0.0, 5_000);
    for _ in 0..looks {
        let plots = sensor.look(&objects, EPOCH, &mut dice).unwrap();
        let [Plot::Geodetic(plot)] = plots[..] else { panic!("one place expected") };
        let off_m = plot.place().to_ecef().distance(&place).0;
        square += off_m * off_m / (sigma.0 * sigma.0);
    }
    let degrees = 3.0 * f64::from(looks);
    assert!(((square - degrees) / math::sqrt(2.0 * degrees)).abs() < 4.5, "{square}");
    let burning = Sight {
        motion: super::super::earth::Motion { position: place, velocity: Velocity::new([0.0; 3]) },
        burning: true,
    };
    sensor.reports = Reports::Places { sigma, burning_only: true };
    let anywhere = Polar { range: Metres(1e9), azimuth: Radians(3.0), elevation: Radians(-1.0) };
    assert!(sensor.sees(&burning, &anywhere));
}

#[test]
fn looks_follow_the_period_and_arrive_late_by_the_latency() {
    let sensor = radar(0.5, 0.0, Bias::default());
    let objects = [hovering(38.5, 127.0, 30_000.0)];
    let end = EPOCH + TimeDelta::from_seconds(100);
    let scans = sensor.watch(&objects, EPOCH, end, &mut Dice::new(3, 0)).unwrap();
    assert_eq!(scans.len(), 50, "every 2 s from 0.5 s on");
    for (number, scan) in (0_i64..).zip(&scans) {
        assert_eq!(scan.number().cast_signed(), number);
        let after = scan.t_meas() - EPOCH;
        assert_eq!(after, TimeDelta::from_millis(500 + 2_000 * number));
        let late_s = (scan.t_arrive() - scan.t_meas()).as_seconds().0;
        assert!((0.2..=0.5).contains(&late_s), "{late_s}");
    }
    let mut quiet = sensor;
    quiet.empty_looks = false;
    let spoken = quiet.watch(&objects, EPOCH, end, &mut Dice::new(3, 0)).unwrap();
    let full: Vec<_> = scans.into_iter().filter(|scan| !scan.plots().is_empty()).collect();
    assert_eq!(spoken, full, "the same looks without the empty ones");
}

#[test]
fn plots_over_the_zenith_and_around_north_stay_in_their_ranges() {
    let plot = |azimuth_deg: f64, elevation_deg: f64| {
        let polar = Polar {
            range: Metres(-3.0),
            azimuth: Radians::from(Degrees(azimuth_deg)),
            elevation: Radians::from(Degrees(elevation_deg)),
        };
        let Plot::Polar(plot) = polar_plot(&polar).unwrap() else { panic!("polar") };
        [plot.range().0, plot.azimuth().0, plot.elevation().0]
    };
    assert_eq!(plot(-0.000_01, 10.0).map(f64::to_bits), [0.0, 0.0, 10.0].map(f64::to_bits));
    assert_eq!(plot(359.99, 10.0).map(f64::to_bits), [0.0, 359.99, 10.0].map(f64::to_bits));
    assert_eq!(plot(10.0, 91.5).map(f64::to_bits), [0.0, 190.0, 88.5].map(f64::to_bits));
}
