use super::super::districts::districts;
use super::*;

fn region(
    lat: f64,
    lon: f64,
    semi_major_m: f64,
    semi_minor_m: f64,
    orientation_deg: f64,
) -> Region {
    Region {
        lat: Degrees(lat),
        lon: Degrees(lon),
        semi_major: Metres(semi_major_m),
        semi_minor: Metres(semi_minor_m),
        orientation: Degrees(orientation_deg),
    }
}

/// What a region touches: code, per mille, `!` for land and `~` for waters.
fn touches(region: &Region) -> String {
    let words: Vec<String> = districts()
        .touched(region)
        .iter()
        .map(|touch| {
            let mark = match touch.reach {
                Reach::Land => '!',
                Reach::Waters => '~',
            };
            format!("{}{mark}{:.0}", touch.district.code, 1_000.0 * touch.probability)
        })
        .collect();
    words.join(" ")
}

/// Seats of government: code, latitude, longitude.
const SEATS: &str = "
    JP-01 43.064 141.347
    JP-02 40.824 140.740
    JP-03 39.704 141.153
    JP-04 38.269 140.872
    JP-05 39.719 140.103
    JP-06 38.240 140.364
    JP-07 37.750 140.468
    JP-08 36.342 140.447
    JP-09 36.566 139.884
    JP-10 36.391 139.060
    JP-11 35.857 139.649
    JP-12 35.605 140.123
    JP-13 35.690 139.692
    JP-14 35.448 139.643
    JP-15 37.902 139.023
    JP-16 36.695 137.211
    JP-17 36.595 136.626
    JP-18 36.065 136.222
    JP-19 35.664 138.568
    JP-20 36.651 138.181
    JP-21 35.391 136.722
    JP-22 34.977 138.383
    JP-23 35.180 136.907
    JP-24 34.730 136.509
    JP-25 35.005 135.869
    JP-26 35.021 135.756
    JP-27 34.686 135.520
    JP-28 34.691 135.183
    JP-29 34.685 135.833
    JP-30 34.226 135.168
    JP-31 35.504 134.238
    JP-32 35.472 133.051
    JP-33 34.662 133.935
    JP-34 34.396 132.460
    JP-35 34.186 131.471
    JP-36 34.066 134.559
    JP-37 34.340 134.043
    JP-38 33.842 132.766
    JP-39 33.560 133.531
    JP-40 33.607 130.418
    JP-41 33.250 130.299
    JP-42 32.750 129.868
    JP-43 32.790 130.742
    JP-44 33.238 131.613
    JP-45 31.911 131.424
    JP-46 31.560 130.558
    JP-47 26.212 127.681
    KR-11 37.567 126.978
    KR-26 35.180 129.075
    KR-27 35.871 128.602
    KR-28 37.456 126.705
    KR-29 35.160 126.851
    KR-30 36.350 127.385
    KR-31 35.539 129.311
    KR-41 37.264 127.029
    KR-42 37.885 127.730
    KR-43 36.636 127.491
    KR-44 36.660 126.673
    KR-45 35.820 127.109
    KR-46 34.816 126.463
    KR-47 36.576 128.506
    KR-48 35.238 128.692
    KR-49 33.489 126.498
    KR-50 36.480 127.289
    US-AK 58.302 -134.420
    US-AL 32.377 -86.300
    US-AR 34.746 -92.289
    US-AS -14.279 -170.700
    US-AZ 33.448 -112.097
    US-CA 38.577 -121.493
    US-CO 39.739 -104.985
    US-CT 41.764 -72.682
    US-DC 38.895 -77.037
    US-DE 39.157 -75.519
    US-FL 30.438 -84.281
    US-GA 33.749 -84.388
    US-GU 13.476 144.750
    US-HI 21.330 -157.830
    US-IA 41.591 -93.604
    US-ID 43.618 -116.200
    US-IL 39.798 -89.655
    US-IN 39.768 -86.162
    US-KS 39.048 -95.678
    US-KY 38.187 -84.875
    US-LA 30.457 -91.187
    US-MA 42.358 -71.064
    US-MD 38.979 -76.491
    US-ME 44.307 -69.782
    US-MI 42.734 -84.556
    US-MN 44.955 -93.102
    US-MO 38.579 -92.173
    US-MP 15.190 145.745
    US-MS 32.303 -90.182
    US-MT 46.586 -112.018
    US-NC 35.780 -78.639
    US-ND 46.821 -100.783
    US-NE 40.808 -96.700
    US-NH 43.207 -71.538
    US-NJ 40.220 -74.770
    US-NM 35.682 -105.940
    US-NV 39.164 -119.766
    US-NY 42.653 -73.757
    US-OH 39.961 -82.999
    US-OK 35.492 -97.503
    US-OR 44.939 -123.030
    US-PA 40.264 -76.884
    US-PR 18.440 -66.080
    US-RI 41.831 -71.415
    US-SC 34.000 -81.033
    US-SD 44.367 -100.346
    US-TN 36.166 -86.784
    US-TX 30.275 -97.740
    US-UT 40.777 -111.888
    US-VA 37.539 -77.434
    US-VI 18.342 -64.931
    US-VT 44.262 -72.580
    US-WA 47.036 -122.905
    US-WI 43.075 -89.384
    US-WV 38.336 -81.612
    US-WY 41.140 -104.820
";

#[test]
fn every_seat_of_government_lies_in_its_district() {
    let mut offshore = Vec::new();
    for line in SEATS.lines().filter(|line| !line.trim().is_empty()) {
        let [code, lat, lon] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let point = region(lat.parse().unwrap(), lon.parse().unwrap(), 0.0, 0.0, 0.0);
        let within: Vec<&str> = districts()
            .touched(&point)
            .iter()
            .filter(|touch| touch.probability > 0.5)
            .map(|touch| touch.district.code)
            .collect();
        if within.is_empty() {
            // Coasts are good to about a kilometre: the margin must name the district all the same.
            let near = districts().touched(&point);
            assert!(near.iter().any(|touch| touch.district.code == code), "{line}");
            offshore.push(code);
        } else {
            assert_eq!(within, [code], "{line}");
        }
    }
    assert_eq!(offshore, ["JP-46", "US-AK", "US-PR"]);
}

#[test]
fn regions_touch_what_a_map_says() {
    let check = |what: &str, region: Region, expect: &str| {
        assert_eq!(touches(&region), expect, "{what}");
    };
    // Code, `!` land or `~` waters only, probability in per mille.
    check("Tokyo", region(35.69, 139.60, 500.0, 500.0, 0.0), "JP-11~0 JP-13!1000 JP-14~0");
    check("Seoul", region(37.55, 126.99, 1e3, 500.0, 30.0), "KR-11!1000 KR-28~0 KR-41~0");
    check("Ulleung island", region(37.5, 130.87, 500.0, 500.0, 0.0), "KR-47!1000");
    check("Lake Biwa", region(35.25, 136.1, 500.0, 500.0, 0.0), "JP-25!1000");
    check("Guam", region(13.45, 144.78, 3e3, 1e3, 90.0), "US-GU!917");
    check("20 km off Guam", region(13.45, 145.1, 1e3, 1e3, 0.0), "US-GU~0");
    check("200 km off Guam", region(13.45, 146.7, 1e3, 1e3, 0.0), "");
    check("open sea between Korea and Japan", region(39.5, 134.0, 10e3, 3e3, 0.0), "");
    check("40 km west of Okushiri", region(42.15, 139.0, 5e3, 1e3, 90.0), "JP-01~0");
    check("the same, turned away", region(42.15, 139.0, 5e3, 1e3, 0.0), "");
    check(
        "long and thin over Niigata",
        region(38.0, 138.0, 60e3, 2e3, 120.0),
        "JP-07!19 JP-09~1 JP-15!127",
    );
    check("Attu, west of the antimeridian", region(52.9, 172.9, 8e3, 4e3, 0.0), "US-AK!832");
    check("just west of the antimeridian", region(51.9, 179.95, 20e3, 4e3, 90.0), "US-AK!109");
    check("just east of the antimeridian", region(51.9, -179.95, 20e3, 4e3, 90.0), "US-AK!74");
}

#[test]
fn what_is_no_forecast_touches_nothing() {
    for (what, region) in [
        ("too wide", region(37.5, 127.0, SIGMA_M_MAX + 1.0, 500.0, 0.0)),
        ("negative", region(37.5, 127.0, -1.0, 500.0, 0.0)),
        ("not a number", region(37.5, 127.0, f64::NAN, 500.0, 0.0)),
        ("no direction", region(37.5, 127.0, 500.0, 500.0, f64::INFINITY)),
        ("no place", region(91.0, 127.0, 500.0, 500.0, 0.0)),
        ("the pole", region(89.9, 0.0, 50_000.0, 500.0, 0.0)),
    ] {
        assert_eq!(touches(&region), "", "{what}");
    }
}

#[test]
fn a_thin_touch_without_any_sample_is_not_missed() {
    // Swains Island, 1 km², inside an ellipse of 1,500 km²: no sample point falls on it.
    let around = region(-11.05, -171.3, 10_000.0, 5_000.0, 90.0);
    assert_eq!(touches(&around), "US-AS!0");
}

#[test]
fn the_sample_is_a_unit_gaussian() {
    let points = sample();
    let mean = |f: &dyn Fn(&[f64; 2]) -> f64| points.iter().map(f).sum::<f64>() / SAMPLES as f64;
    assert!(mean(&|p| p[0]).abs() < 5e-3 && mean(&|p| p[1]).abs() < 5e-3);
    assert!((mean(&|p| p[0] * p[0]) - 1.0).abs() < 1e-2);
    assert!((mean(&|p| p[1] * p[1]) - 1.0).abs() < 1e-2);
    assert!(mean(&|p| p[0] * p[1]).abs() < 5e-3);
    let within =
        |radius: f64| mean(&|p| f64::from(u8::from(p[0] * p[0] + p[1] * p[1] <= radius * radius)));
    assert!((within(RADIUS_90) - 0.90).abs() < 1e-3 && (within(RADIUS_99) - 0.99).abs() < 1e-3);
}

#[test]
fn the_90_percent_ring_is_closed_and_lies_where_it_should() {
    let ring = ellipse_ring(&region(0.0, 179.99, 10_000.0, 5_000.0, 90.0), 36);
    assert_eq!(ring.len(), 37);
    assert_eq!(ring.first(), ring.last());
    let east = ring.iter().map(|p| p[0]).fold(f64::MIN, f64::max);
    // 21.46 km east along the equator is 0.19278°, past the antimeridian.
    assert!((east - 180.18278).abs() < 1e-4, "{east}");
    let twice_area: f64 = ring.windows(2).map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1]).sum();
    assert!(twice_area > 0.0, "counter-clockwise");
}

#[test]
fn rings_near_a_region_are_closed_and_few() {
    let tokyo = districts().get("JP-13").unwrap();
    let near = region(35.69, 139.60, 500.0, 500.0, 0.0);
    let rings = tokyo.rings_near(&near, 10, 100);
    assert_eq!(rings.len(), 1, "the main part without the islands");
    assert_eq!(rings[0].first(), rings[0].last());
    assert!(
        rings[0]
            .iter()
            .all(|[lat, lon]| (35.0..36.5).contains(lat) && (138.0..141.0).contains(lon))
    );
    let islands = districts().get("KR-46").unwrap();
    let rings = islands.rings_near(&region(34.5, 126.3, 20_000.0, 20_000.0, 0.0), 10, 100);
    assert_eq!(rings.len(), 10);
    assert!(rings.iter().all(|ring| (4..=100).contains(&ring.len())));
}
