use super::super::testkit::region;
use super::*;

/// Distances in whole kilometres, with the side, nearest first.
fn off(lat: f64, lon: f64) -> Vec<String> {
    districts_off(lat, lon)
        .iter()
        .map(|of| {
            let km = of.offing.distance.0 / 1_000.0;
            format!("{} {km:.0} {}", of.district.code, of.offing.side.word().en)
        })
        .collect()
}

fn districts_off(lat: f64, lon: f64) -> Vec<Offshore<'static>> {
    super::super::districts().offshore(&region(lat, lon, 1.0, 1.0))
}

#[test]
fn places_at_sea_lie_off_what_a_map_says() {
    let check = |lat, lon, expect: &[&str]| {
        let off = off(lat, lon);
        assert_eq!(
            off.iter().map(String::as_str).take(2).collect::<Vec<_>>(),
            expect,
            "{lat} {lon}"
        );
    };
    // The flight of 2017-07-28 fell about 150 km north-west of Okushiri, which belongs to Hokkaido.
    check(43.1, 138.0, &["JP-01 154 west", "JP-02 281 northwest"]);
    check(12.0, 146.0, &["US-GU 195 southeast", "US-MP 249 south"]);
    check(18.0, -158.0, &["US-HI 251 southwest"]);
    check(50.0, 179.99, &["US-AK 149 southwest"]);
    check(50.0, -179.99, &["US-AK 149 southwest"]);
    check(9.95, 144.7, &["US-GU 364 south"]);
    check(9.80, 144.7, &[]);
    check(30.0, 150.0, &[]);
}

#[test]
fn distances_agree_with_the_nearest_vertex_on_a_sphere() {
    for (lat, lon) in [(43.1, 138.0), (12.0, 146.0), (36.5, 131.5), (50.0, 179.99), (26.0, -82.9)] {
        let place = Geodetic::new(base::Degrees(lat), base::Degrees(lon), Metres(0.0)).unwrap();
        let offshore = districts_off(lat, lon);
        assert!(!offshore.is_empty());
        for of in offshore {
            let rings = of.district.polygons.iter().map(|polygon| &polygon.rings[0]);
            let nearest_m = rings
                .flatten()
                .map(|vertex| {
                    let [lon, lat] = vertex.map(|units| base::Degrees(f64::from(units) / 1e4));
                    let vertex = Geodetic::new(lat, lon, Metres(0.0)).unwrap();
                    let chord = vertex.to_ecef().distance(&place.to_ecef()).0;
                    2.0 * EARTH_RADIUS_M * math::asin(chord / 2.0 / EARTH_RADIUS_M)
                })
                .fold(f64::INFINITY, f64::min);
            let (got_m, code) = (of.offing.distance.0, of.district.code);
            assert!(got_m <= 1.001 * nearest_m, "{code}: {got_m} {nearest_m}");
            // The nearest point of an edge may lie between vertices, up to some kilometres.
            assert!(got_m >= 0.999 * nearest_m - 5_000.0, "{code}: {got_m} {nearest_m}");
        }
    }
}

#[test]
fn the_compass_has_eight_equal_sides() {
    let check = |bearing_deg: f64, expect| {
        let (sin, cos) = math::sin_cos(bearing_deg * std::f64::consts::PI / 180.0);
        assert_eq!(Side::towards([sin, cos]), expect, "{bearing_deg}");
    };
    for (i, side) in [
        Side::North,
        Side::Northeast,
        Side::East,
        Side::Southeast,
        Side::South,
        Side::Southwest,
        Side::West,
        Side::Northwest,
    ]
    .into_iter()
    .enumerate()
    {
        check(45.0 * i as f64, side);
        check(45.0 * i as f64 - 22.0, side);
        check(45.0 * i as f64 + 22.0, side);
        let Text { en, ja, ko } = side.word();
        assert!(en.is_ascii() && !ja.is_empty() && ko.ends_with("쪽"));
    }
}
