//! Background traffic: invented airliners along plausible ways, and aircraft that turn and climb.

use base::{Degrees, Geodetic, Metres, MetresPerSecond, Seconds, Timestamp};
use formats::scenario::TruthClass;

use super::super::Error;
use super::super::aircraft::{Course, Leg};
use super::super::object::{Object, Path};

/// Name, latitude, longitude, height (m), heading (°), speed (m/s) and legs: duration (s), turn
/// (°/s), climb (m/s). The last leg is stretched to the end of the scene.
type Row = (&'static str, f64, f64, f64, f64, f64, &'static [(f64, f64, f64)]);

/// Over and around Korea.
pub(super) fn korea(begin: Timestamp, end: Timestamp) -> Result<Vec<Object>, Error> {
    fly(
        begin,
        end,
        &[
            // Seoul to the south coast, and the other way.
            ("air-01", 37.35, 127.15, 9_500.0, 155.0, 225.0, &[(0.0, 0.0, 0.0)]),
            ("air-02", 36.10, 129.90, 8_200.0, 320.0, 215.0, &[(600.0, 0.0, 0.0), (0.0, 0.0, 0.0)]),
            // Eastbound over the sea.
            ("air-03", 37.45, 129.20, 10_700.0, 95.0, 245.0, &[(0.0, 0.0, 0.0)]),
        ],
    )
}

/// Over and around Japan.
pub(super) fn japan(begin: Timestamp, end: Timestamp) -> Result<Vec<Object>, Error> {
    fly(
        begin,
        end,
        &[
            // Tokyo to Sapporo and back, level.
            ("air-04", 37.10, 139.60, 11_300.0, 12.0, 240.0, &[(0.0, 0.0, 0.0)]),
            ("air-05", 41.60, 140.90, 11_900.0, 193.0, 235.0, &[(0.0, 0.0, 0.0)]),
            // From the west along the coast with one gentle change of course.
            (
                "air-06",
                36.60,
                135.10,
                10_100.0,
                55.0,
                230.0,
                &[(500.0, 0.0, 0.0), (30.0, 0.6, 0.0), (0.0, 0.0, 0.0)],
            ),
        ],
    )
}

/// Aircraft that hold, climb and turn hard.
pub(super) fn turning(begin: Timestamp, end: Timestamp) -> Result<Vec<Object>, Error> {
    fly(
        begin,
        end,
        &[
            (
                "air-07",
                37.60,
                128.90,
                5_500.0,
                30.0,
                150.0,
                &[
                    (60.0, 0.0, 0.0),
                    (60.0, 3.0, 0.0),
                    (60.0, 0.0, 0.0),
                    (60.0, 3.0, 0.0),
                    (0.0, 0.0, 0.0),
                ],
            ),
            (
                "air-08",
                38.70,
                138.90,
                3_000.0,
                300.0,
                190.0,
                &[(300.0, 0.0, 15.0), (30.0, -1.5, 0.0), (200.0, 0.0, 0.0), (0.0, 0.0, -8.0)],
            ),
            (
                "air-09",
                37.90,
                130.50,
                9_000.0,
                80.0,
                320.0,
                &[
                    (150.0, 0.0, 0.0),
                    (40.0, 4.5, 0.0),
                    (120.0, 0.0, 20.0),
                    (40.0, -4.5, 0.0),
                    (0.0, 0.0, 0.0),
                ],
            ),
            // Two that cross close by.
            ("air-10", 38.30, 137.00, 9_800.0, 90.0, 230.0, &[(0.0, 0.0, 0.0)]),
            ("air-11", 38.80, 137.70, 10_100.0, 180.0, 230.0, &[(0.0, 0.0, 0.0)]),
        ],
    )
}

fn fly(begin: Timestamp, end: Timestamp, rows: &[Row]) -> Result<Vec<Object>, Error> {
    let whole_s = end.since(begin).as_seconds().0;
    rows.iter()
        .map(|&(name, lat_deg, lon_deg, height_m, heading_deg, speed_mps, legs)| {
            let given_s: f64 = legs.iter().map(|leg| leg.0).sum();
            let (last, before) = legs.split_last().expect("every row has a leg");
            let stretched = (whole_s - given_s + last.0, last.1, last.2);
            let legs = before.iter().chain([&stretched]).map(|&(duration_s, turn, climb)| Leg {
                duration: Seconds(duration_s),
                turn_deg_per_s: turn,
                climb: MetresPerSecond(climb),
            });
            let course = Course {
                start: Geodetic::new(Degrees(lat_deg), Degrees(lon_deg), Metres(height_m))?,
                heading: Degrees(heading_deg),
                speed: MetresPerSecond(speed_mps),
                legs: legs.collect(),
            };
            Ok(Object {
                name: name.to_owned(),
                class: TruthClass::Aircraft,
                start: begin,
                path: Path::Air(course.fly()?),
            })
        })
        .collect()
}
