//! The committed scenario files: fresh, readable, small, and saying what they should.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base::{Degrees, Geodetic, Metres};
use formats::scenario::{Line, Plot, Truth, TruthClass, read};
use watchfire_sim::scenario::builtin;

const FILE_BYTES_MAX: usize = 700_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn committed(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|problem| panic!("cannot read {}: {problem}", path.display()))
}

#[test]
fn committed_files_equal_what_their_seeds_make() {
    let mut expected = BTreeSet::from(["README.md".to_owned()]);
    for builtin in builtin::all() {
        let made = builtin.record(builtin.seed).unwrap();
        for (name, text) in [
            (format!("{}.jsonl", builtin.name), made.scenario_text()),
            (format!("{}.truth.jsonl", builtin.name), made.truth_text()),
        ] {
            assert!(text.len() < FILE_BYTES_MAX, "{name}: {} bytes", text.len());
            let kept = committed(&name);
            let line = kept.lines().zip(text.lines()).position(|(a, b)| a != b);
            assert!(
                kept == text,
                "{name} is stale from line {line:?} on; hint: cargo run -p watchfire-sim --bin \
                 sim-scenario -- --all scenarios"
            );
            expected.insert(name);
        }
    }
    let listed = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<String> = listed.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(found, expected, "files nobody makes, or missing ones");
}

#[test]
fn every_line_is_read_back_and_arrives_in_order() {
    for builtin in builtin::all() {
        let text = committed(&format!("{}.jsonl", builtin.name));
        let lines: Vec<Line> = read(text.as_bytes()).map(|(_, line)| line.unwrap()).collect();
        let Line::Header(header) = &lines[0] else { panic!("{}: no header", builtin.name) };
        assert_eq!((header.seed(), header.realm()), (builtin.seed, builtin::REALM));
        let partners: BTreeSet<_> =
            header.sensors().iter().map(formats::scenario::Sensor::partner).collect();
        assert!(partners.len() >= 2, "{}: sensors of {partners:?}", builtin.name);
        let times: Vec<_> = lines[1..]
            .iter()
            .map(|line| match line {
                Line::Scan(scan) => scan.t_arrive(),
                Line::Inject(inject) => inject.t,
                Line::Header(_) => panic!("{}: a second header", builtin.name),
            })
            .collect();
        assert!(times.is_sorted(), "{}", builtin.name);
        let truth = committed(&format!("{}.truth.jsonl", builtin.name));
        for (number, line) in truth.lines().enumerate() {
            Truth::parse(number + 1, line).unwrap();
        }
    }
}

#[test]
fn seeds_decide_the_noise_and_nothing_else() {
    let builtin = builtin::named("short-range-2022-10-05").unwrap();
    let (first, again, other) =
        (builtin.record(77).unwrap(), builtin.record(77).unwrap(), builtin.record(78).unwrap());
    assert_eq!(first.scenario_text(), again.scenario_text());
    assert_ne!(first.scenario_text(), other.scenario_text());
    assert_eq!(first.truth_text(), other.truth_text());
    let problem = builtin::named("no-such").unwrap_err().to_string();
    assert!(problem.contains("`no-such`") && problem.contains("mixed-traffic"), "{problem}");
}

/// Last true state of the missile.
fn last_of_missile(name: &str) -> Truth {
    let text = committed(&format!("{name}.truth.jsonl"));
    let lines = text.lines().enumerate();
    let all = lines.map(|(number, line)| Truth::parse(number + 1, line).unwrap());
    all.filter(|truth| truth.class() == TruthClass::Ballistic).last().unwrap()
}

#[test]
fn missiles_come_down_where_their_scenarios_say() {
    // Name, impact within so many km of a place.
    for (name, lat_deg, lon_deg, km_max) in [
        // 160 km off Okushiri, as was reported of the flight.
        ("hwasong14-2017-07-28", 43.12, 137.98, 2.0),
        ("exercise-akita", 39.72, 140.25, 0.1),
    ] {
        let place = Geodetic::new(Degrees(lat_deg), Degrees(lon_deg), Metres(0.0)).unwrap();
        let truth = last_of_missile(name);
        let off_km = truth.position().distance(&place.to_ecef()).0 / 1_000.0;
        assert!(off_km < km_max, "{name}: {off_km} km away");
        assert!(truth.position().to_geodetic().height().0.abs() < 1.0);
    }
    let text = committed("stages-2017-07-28.truth.jsonl");
    let stage = text.lines().rfind(|line| line.contains(r#""class":"debris""#)).unwrap();
    let fallen = Truth::parse(1, stage).unwrap().position().to_geodetic();
    assert!(fallen.height().0.abs() < 1.0, "the stage is down before the recording ends");
    assert!((127.0..133.0).contains(&fallen.lon().0), "in the sea east of Korea: {fallen:?}");
    let launch: base::Timestamp = "2017-07-28T14:42:00Z".parse().unwrap();
    let flight_s = last_of_missile("hwasong14-2017-07-28").t().since(launch).as_seconds().0;
    assert!((flight_s - 2_832.0).abs() < 0.5, "{flight_s}");
}

#[test]
fn the_overflight_crosses_hokkaido_and_only_traffic_flies_in_mixed_traffic() {
    let text = committed("overflight-2017-09-15.truth.jsonl");
    let over = text.lines().enumerate().filter_map(|(number, line)| {
        let truth = Truth::parse(number + 1, line).unwrap();
        let place = truth.position().to_geodetic();
        let inside =
            (41.4..43.5).contains(&place.lat().0) && (140.2..143.3).contains(&place.lon().0);
        (truth.class() == TruthClass::Ballistic && inside).then(|| place.height().0)
    });
    let heights: Vec<f64> = over.collect();
    assert!(heights.len() >= 3 && heights.iter().all(|&h| h > 500_000.0), "{heights:?}");
    let traffic = committed("mixed-traffic.truth.jsonl");
    assert!(traffic.lines().all(|line| line.contains(r#""class":"aircraft""#)));
}

#[test]
fn partners_see_the_lofted_flight_long_enough_to_estimate_it() {
    let text = committed("hwasong14-2017-07-28.jsonl");
    let truth: Vec<Truth> = committed("hwasong14-2017-07-28.truth.jsonl")
        .lines()
        .enumerate()
        .map(|(number, line)| Truth::parse(number + 1, line).unwrap())
        .filter(|truth| truth.class() == TruthClass::Ballistic)
        .collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (_, line) in read(text.as_bytes()) {
        let Line::Scan(scan) = line.unwrap() else { continue };
        // Slant range alone tells the missile apart once it is above 250 km.
        let range_m = truth
            .iter()
            .min_by_key(|t| t.t().since(scan.t_meas()).as_nanos().abs())
            .filter(|t| t.position().to_geodetic().height().0 > 250_000.0)
            .map(Truth::position);
        let Some(place) = range_m else { continue };
        let near = |plot: &Plot| match plot {
            Plot::Geodetic(plot) => plot.place().to_ecef().distance(&place).0 < 60_000.0,
            Plot::Polar(plot) => plot.elevation().0 > 8.0,
        };
        if scan.plots().iter().any(near) {
            *seen.entry(scan.sensor().as_str()[..3].to_owned()).or_default() += 1;
        }
    }
    assert!(seen["KOR"] > 80 && seen["JPN"] > 300 && seen["USA"] > 20, "{seen:?}");
}
