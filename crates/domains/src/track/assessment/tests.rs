use base::Geodetic;

use super::*;
use crate::track::filters::tests::Dice;
use crate::track::matrix::minus;
use crate::track::motion::gravity;

fn start_time() -> Timestamp {
    "2017-07-28T14:50:00Z".parse().unwrap()
}

/// Above 40.6°N 130°E, rising at `up_mps` and going east at `east_mps`.
fn fall(height_m: f64, up_mps: f64, east_mps: f64) -> Fall {
    let place = Geodetic::new(Degrees(40.6), Degrees(130.0), Metres(height_m)).unwrap();
    let frame = LocalFrame::at(&place);
    let velocity = along(&scaled(&frame.rows()[2], up_mps), east_mps, &frame.rows()[0]);
    let mut mean = [Fall::LN_BALLISTIC_MEAN; 7];
    mean[..3].copy_from_slice(&place.to_ecef().xyz);
    mean[3..6].copy_from_slice(&velocity);
    Fall { mean, covariance: Matrix::diagonal(&[9e4, 9e4, 9e4, 25.0, 25.0, 25.0, 0.16]) }
}

#[test]
fn the_region_holds_nine_of_ten_true_landings() {
    let believed = fall(300_000.0, 2_000.0, 1_500.0);
    let forecast = Forecast::new(&believed, start_time(), None);
    let impact = forecast.impact.unwrap();
    let centre = Geodetic::new(Degrees(impact.lat_deg), Degrees(impact.lon_deg), Metres(0.0));
    let frame = LocalFrame::at(&centre.unwrap());
    let (sin, cos) = math::sin_cos(base::Radians::from(Degrees(impact.orientation_deg)).0);
    let mut dice = Dice(11);
    let (mut inside, mut late2) = (0, 0.0);
    let draws = 400;
    for _ in 0..draws {
        let mut truth = believed;
        for i in 0..7 {
            truth.mean[i] += math::sqrt(believed.covariance.0[i][i]) * dice.normal();
        }
        let (time_s, place) = fly(truth.moving(), truth.force()).landing.unwrap();
        let [east, north, _] = frame.to_enu(&Position::new(place)).xyz;
        let long = (east * sin + north * cos) / impact.major_sigma_m;
        let short = (east * cos - north * sin) / impact.minor_sigma_m;
        inside += i32::from(long * long + short * short <= NINETY_PERCENT * NINETY_PERCENT);
        let late_s = time_s - impact.time.since(start_time()).as_seconds().0;
        late2 += late_s * late_s / (impact.time_sigma_s * impact.time_sigma_s);
    }
    // The region also allows for air and drag that this truth does not vary: at least nine of ten.
    let share = f64::from(inside) / f64::from(draws);
    assert!((0.88..0.99).contains(&share), "{share}");
    let late2 = late2 / f64::from(draws);
    assert!((0.4..1.2).contains(&late2), "{late2}");
}

#[test]
fn apogee_is_where_energy_says() {
    // Straight up from the equator's plane at 300 km: by energy, v²/2 = GM (1/r − 1/r_top), with the
    // small shares of J2 and rotation left aside.
    let up = fall(300_000.0, 3_000.0, 0.0);
    let forecast = Forecast::new(&up, start_time(), None);
    let (height_m, time) = forecast.apogee.unwrap();
    let pull = norm(&gravity(&up.position()));
    let radius_m = norm(&up.position());
    let top_m = 1.0 / (1.0 / radius_m - 0.5 * 3_000.0 * 3_000.0 / (pull * radius_m * radius_m));
    let expected_m = top_m - radius_m + 300_000.0;
    assert!((height_m - expected_m).abs() < 0.01 * expected_m, "{height_m} {expected_m}");
    assert!(time > start_time());
    // Seen on its way down, the same arc gives the same top.
    let later_s = 600.0;
    let down = up.predicted(later_s);
    let seen = Forecast::new(&down, later(start_time(), later_s), None);
    let (seen_m, seen_time) = seen.apogee.unwrap();
    assert!((seen_m - height_m).abs() < 100.0, "{seen_m} {height_m}");
    assert!(seen_time.since(time).as_seconds().0.abs() < 1.0);
    let kept = Forecast::new(&down, later(start_time(), later_s), Some(&forecast));
    assert_eq!(kept.apogee, forecast.apogee);
}

#[test]
fn an_orbit_has_no_impact() {
    let orbit = fall(500_000.0, 0.0, 7_300.0);
    assert_eq!(Forecast::new(&orbit, start_time(), None).impact, None);
}

#[test]
fn steady_climbs_give_their_start() {
    // 20 m/s² net straight up for 60 s: 36 km, 1,200 m/s; the climb share lies between this steady
    // one (a half) and a growing one.
    let pad = Geodetic::new(Degrees(40.6), Degrees(126.4), Metres(0.0)).unwrap();
    let up = LocalFrame::at(&pad).rows()[2];
    let place = along(&pad.to_ecef().xyz, 36_000.0, &up);
    let mut boost = Gaussian::<9> { mean: [0.0; 9], covariance: Matrix::diagonal(&[400.0; 9]) };
    boost.mean[..3].copy_from_slice(&place);
    boost.mean[3..6].copy_from_slice(&scaled(&up, 1_200.0));
    let launch = Launch::from_boost(&boost, later(start_time(), 60.0)).unwrap();
    let early_s = start_time().since(launch.time).as_seconds().0;
    assert!(early_s > 0.0 && early_s < 2.5 * launch.time_sigma_s, "{early_s}");
    let found = Geodetic::new(Degrees(launch.lat_deg), Degrees(launch.lon_deg), Metres(0.0));
    let miss_m = norm(&minus(&found.unwrap().to_ecef().xyz, &pad.to_ecef().xyz));
    // The tracker's up is the radius, 0.19° off the plumb line: 97 m over 36 km.
    assert!(miss_m < 110.0, "{miss_m}");
    let mut sinking = boost;
    sinking.mean[3..6].copy_from_slice(&scaled(&up, -300.0));
    assert_eq!(Launch::from_boost(&sinking, start_time()), None);
}

#[test]
fn an_arc_first_seen_late_gives_a_wide_launch() {
    let coasting = fall(400_000.0, 2_500.0, 1_500.0);
    let launch = Launch::from_fall(&coasting, start_time()).unwrap();
    assert!(launch.lon_deg < 130.0 && launch.time < start_time());
    assert!(launch.sigma_m > 30_000.0);
}

#[test]
fn ellipses_point_along_their_longer_axis() {
    // Long axis towards 60° (east-north-east), 3 km by 1 km.
    let (sin, cos) = math::sin_cos(60.0_f64.to_radians());
    let mut covariance = Matrix::<3, 3>::ZERO;
    let (long, short) = ([sin, cos, 0.0], [cos, -sin, 0.0]);
    covariance.add_block(0, 0, &super::super::matrix::outer(&long, &long), 9e6);
    covariance.add_block(0, 0, &super::super::matrix::outer(&short, &short), 1e6);
    let (major_m, minor_m, orientation_deg) = ellipse(&covariance);
    assert!((major_m - 3_000.0).abs() < 1e-6 && (minor_m - 1_000.0).abs() < 1e-6);
    assert!((orientation_deg - 60.0).abs() < 1e-9, "{orientation_deg}");
    let ring = ring(41.0, 138.0, 3_000.0, 1_000.0, 60.0);
    assert_eq!(ring.first(), ring.last());
    let east_m = (ring[0][0] - 138.0).to_radians() * 6_388_000.0 * math::cos(41.0_f64.to_radians());
    let north_m = (ring[0][1] - 41.0).to_radians() * 6_363_000.0;
    assert!((east_m - 3_000.0 * sin).abs() < 5.0 && (north_m - 3_000.0 * cos).abs() < 5.0);
}
