//! Plays the built-in scenarios through the track domain and measures it against the truth files.
//!
//! The truth was made by another program with another integrator; nothing here knows it but the
//! comparison. Run with `--nocapture` for the tables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base::{Degrees, Ecef, Geodetic, Metres, NodeId, Position, TimeDelta, Timestamp};
use log::{Audience, EntryId, Fact, Incarnation, Kind, LogId, Precedence};
use serde_json::Value;
use watchfire_domains::track::events::{
    EDITION, Event, Plot, PlotReport, SCAN_KIND, Scan, ScanReport, SensorInfo, SensorKind,
};
use watchfire_domains::track::{Capability, State};
use watchfire_domains::{Domain, Items, Signals, Statement, View, encode_content};

/// A scenario's sensors, scans in the order of measurement, and truth.
struct Scenario {
    scans: Vec<(Scan, EntryId)>,
    truth: BTreeMap<String, Vec<Truth>>,
}

struct Truth {
    t: Timestamp,
    class: String,
    position: [f64; 3],
}

impl Scenario {
    fn load(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let lines = |suffix: &str| -> Vec<Value> {
            let path = folder.join(format!("{name}{suffix}"));
            let text = std::fs::read_to_string(&path).expect("built-in scenarios are committed");
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let lines_in = lines(".jsonl");
        let sensors: BTreeMap<String, SensorInfo> =
            lines_in[0]["sensors"].as_array().unwrap().iter().map(sensor).collect();
        let mut next: BTreeMap<NodeId, u64> = BTreeMap::new();
        let mut scans: Vec<(Scan, EntryId)> = Vec::new();
        for line in lines_in[1..].iter().filter(|line| line.get("scan").is_some()) {
            let info = &sensors[line["sensor"].as_str().unwrap()];
            let node = NodeId::new(info.partner, 1).unwrap();
            let index = next.entry(node).or_default();
            let lane = Precedence::Immediate;
            let log = LogId { node, lane, incarnation: Incarnation([9; 16]) };
            scans.push((scan(info, line), EntryId { log, index: *index }));
            *index += 1;
        }
        scans.sort_by_key(|(scan, entry)| (scan.report().measured, *entry));
        let mut truth: BTreeMap<String, Vec<Truth>> = BTreeMap::new();
        for line in lines(".truth.jsonl") {
            truth.entry(line["object"].as_str().unwrap().to_owned()).or_default().push(Truth {
                t: Timestamp::from_nanos(line["t"].as_i64().unwrap()),
                class: line["class"].as_str().unwrap().to_owned(),
                position: std::array::from_fn(|i| line["ecef_m"][i].as_f64().unwrap()),
            });
        }
        Self { scans, truth }
    }
}

fn sensor(line: &Value) -> (String, SensorInfo) {
    let number = |key: &str| line.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let id = line["id"].as_str().unwrap().to_owned();
    let kind = if line["kind"] == "radar" { SensorKind::Radar } else { SensorKind::Geodetic };
    let site = Geodetic::new(
        Degrees(number("lat_deg")),
        Degrees(number("lon_deg")),
        Metres(number("height_m")),
    );
    let info = SensorInfo {
        id: id.clone(),
        partner: line["partner"].as_str().unwrap().parse().unwrap(),
        kind,
        position: Some(site.unwrap()),
        sigma_range_m: number("sigma_range_m"),
        sigma_azimuth_deg: number("sigma_azimuth_deg"),
        sigma_elevation_deg: number("sigma_elevation_deg"),
        pd: number("pd"),
        clutter: number("clutter"),
        period_s: number("period_s"),
    };
    (id, info)
}

fn scan(info: &SensorInfo, line: &Value) -> Scan {
    let number = |plot: &Value, key: &str| plot[key].as_f64().unwrap();
    let plots = line["plots"].as_array().unwrap().iter().map(|plot| Plot {
        offset_ns: TimeDelta::ZERO,
        report: if plot.get("range_m").is_some() {
            PlotReport::Radar {
                range_m: number(plot, "range_m"),
                azimuth_deg: number(plot, "azimuth_deg"),
                elevation_deg: number(plot, "elevation_deg"),
                sigmas: None,
            }
        } else {
            PlotReport::Geodetic {
                lat_deg: number(plot, "lat_deg"),
                lon_deg: number(plot, "lon_deg"),
                height_m: number(plot, "height_m"),
                sigma_m: number(plot, "sigma_m"),
            }
        },
    });
    Scan::new(ScanReport {
        sensor: info.clone(),
        scan: line["scan"].as_u64().unwrap(),
        measured: Timestamp::from_nanos(line["t_meas"].as_i64().unwrap()),
        plots: plots.collect(),
    })
    .unwrap()
}

/// A fold with everything it gave off.
#[derive(Default)]
struct Played {
    state: State,
    signals: Vec<(Timestamp, String, bool)>,
    declared: u64,
}

impl Played {
    fn fold(&mut self, event: &Event, entry: EntryId, at: Timestamp) {
        let fact = blank(entry, at);
        let mut signals = Signals::default();
        Capability::advance(&mut self.state, at, &mut signals);
        Capability::fold(&mut self.state, &Statement { fact: &fact, event, at }, &mut signals);
        for signal in signals.emitted() {
            self.signals.push((at, signal.subject.clone(), signal.region.is_some()));
        }
    }

    /// Folds a scan, then whatever the nodes want to declare.
    fn play(&mut self, scan: &Scan, entry: EntryId) {
        let at = scan.report().measured;
        self.fold(&Event::Scan(scan.clone()), entry, at);
        for partner in ["JPN-1", "KOR-1", "USA-1"] {
            let node: NodeId = partner.parse().unwrap();
            for desire in Capability::desires(&self.state, node, &audience(), at) {
                let event =
                    Capability::decode(desire.kind, desire.edition, &desire.content).unwrap();
                let Event::Declared(_) = &event else { panic!("only declarations are wanted") };
                let lane = Precedence::Flash;
                let log = LogId { node, lane, incarnation: Incarnation([9; 16]) };
                self.declared += 1;
                self.fold(&event, EntryId { log, index: self.declared }, at);
            }
        }
    }

    fn tracks(&self, now: Timestamp) -> Vec<Value> {
        let mut items = Items::default();
        Capability::items(&self.state, now, &mut items);
        let tracks = items.collections().get("track.tracks");
        tracks.map(|tracks| tracks.values().cloned().collect()).unwrap_or_default()
    }
}

/// A fact without content.
fn blank(entry: EntryId, at: Timestamp) -> Fact {
    Fact {
        id: entry,
        leaf_hash: [0; 32],
        at,
        logged: at,
        origin: entry.log.node,
        audience: audience(),
        precedence: entry.log.lane,
        charter_edition: 1,
        kind: Kind::from_static(SCAN_KIND),
        edition: EDITION,
        content: Vec::new(),
    }
}

fn audience() -> Audience {
    "JPN+KOR+USA".parse().unwrap()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// One forecast against the truth.
#[derive(Debug, Clone, Copy)]
struct Shot {
    left_s: f64,
    miss_m: f64,
    late_s: f64,
    sigma_s: f64,
    major_m: f64,
    /// Squared Mahalanobis distance of the true impact.
    distance2: f64,
}

fn shot(item: &Value, truth: &Truth, now: Timestamp) -> Option<Shot> {
    let impact = item.get("impact").filter(|impact| !impact.is_null())?;
    let number = |key: &str| impact[key].as_f64().unwrap();
    let (east, north) = offset(impact, truth);
    let (sin, cos) = base::math::sin_cos(number("orientation_deg").to_radians());
    let (along, across) = (east * sin + north * cos, east * cos - north * sin);
    let sigma = |key: &str| number(key) / 2.145_966;
    let (long, short) = (along / sigma("semi_major_m"), across / sigma("semi_minor_m"));
    Some(Shot {
        left_s: (truth.t - now).as_seconds().0,
        miss_m: base::math::hypot(east, north),
        late_s: (time(&impact["time"]) - truth.t).as_seconds().0,
        sigma_s: number("time_sigma_s"),
        major_m: number("semi_major_m"),
        distance2: long * long + short * short,
    })
}

/// East and north of `place` (an item with latitude and longitude) to the truth, metres.
fn offset(place: &Value, truth: &Truth) -> (f64, f64) {
    let number = |key: &str| place[key].as_f64().unwrap();
    let centre = Geodetic::new(Degrees(number("lat_deg")), Degrees(number("lon_deg")), Metres(0.0));
    let frame = base::LocalFrame::at(&centre.unwrap());
    let [east, north, _] = frame.to_enu(&Position::new(truth.position)).xyz;
    (east, north)
}

/// Plays `name`; every forecast that lands nearest to `object` of all objects that fall.
fn shots(name: &str, object: &str) -> (Played, Vec<Shot>, Timestamp) {
    let scenario = Scenario::load(name);
    let end = scenario.truth[object].last().unwrap();
    let others: Vec<&Truth> = scenario
        .truth
        .iter()
        .filter(|(id, truth)| *id != object && truth[0].class != "aircraft")
        .map(|(_, truth)| truth.last().unwrap())
        .collect();
    let mut played = Played::default();
    let mut shots = Vec::new();
    let mut last = end.t;
    for (scan, entry) in &scenario.scans {
        played.play(scan, *entry);
        last = scan.report().measured;
        for track in played.tracks(last) {
            let fresh = time(&track["updated"]) == last;
            let Some(mine) = shot(&track, end, last).filter(|_| fresh) else { continue };
            let nearer = |other: &&Truth| {
                shot(&track, other, last).is_some_and(|shot| shot.miss_m < mine.miss_m)
            };
            if !others.iter().any(nearer) {
                shots.push(mine);
            }
        }
    }
    table(name, &shots);
    (played, shots, last)
}

fn table(name: &str, shots: &[Shot]) {
    println!("{name}: {} forecasts", shots.len());
    println!("   left s    miss km    late s  sigma s   90% km     d2");
    let step = (shots.len() / 16).max(1);
    for shot in shots.iter().step_by(step).chain(shots.last()) {
        println!(
            "{:9.1} {:10.3} {:9.2} {:8.2} {:8.2} {:6.2}",
            shot.left_s,
            shot.miss_m / 1e3,
            shot.late_s,
            shot.sigma_s,
            shot.major_m / 1e3,
            shot.distance2
        );
    }
}

/// The only ballistic track that is shown.
fn only_ballistic(played: &Played, now: Timestamp) -> Value {
    let mut ballistic = played.tracks(now);
    ballistic.retain(|track| track["class"] == "ballistic");
    assert_eq!(ballistic.len(), 1, "one object, one track");
    ballistic.remove(0)
}

/// Share of forecasts whose 90% region holds the true impact.
fn held(shots: &[Shot]) -> f64 {
    shots.iter().filter(|shot| shot.distance2 <= 4.605).count() as f64 / shots.len() as f64
}

#[test]
fn the_flight_of_28_july_2017_is_foreseen() {
    let (played, shots, last) = shots("hwasong14-2017-07-28", "missile-1");
    assert!(shots[0].left_s > 2_400.0, "first forecast {} s ahead", shots[0].left_s);
    for shot in &shots {
        // A minute after the first forecast: within 5 km and 3 s, 40 minutes ahead.
        let settled = shot.left_s < shots[0].left_s - 60.0;
        let bar = if settled { (5_000.0, 3.0) } else { (20_000.0, 20.0) };
        assert!(shot.miss_m < bar.0 && shot.late_s.abs() < bar.1, "{shot:?}");
    }
    assert!(held(&shots) > 0.9, "{}", held(&shots));
    let track = only_ballistic(&played, last);
    assert_eq!(track["phase"], "landed");
    check_launch("hwasong14-2017-07-28", &track);
    let apogee_m = track["apogee"]["height_m"].as_f64().unwrap();
    assert!((apogee_m - 3_724_900.0).abs() < 1_000.0, "{apogee_m}");
    assert_eq!(played.declared, 1);
    assert!(
        played.signals.iter().all(|(_, subject, told)| *told && *subject == track["public_id"])
    );
}

#[test]
fn the_other_flights_are_foreseen_with_honest_regions() {
    for (name, ahead_s, miss_m) in [
        ("exercise-akita", 880.0, 2_000.0),
        ("overflight-2017-09-15", 940.0, 4_000.0),
        ("short-range-2022-10-05", 240.0, 4_000.0),
    ] {
        let (played, shots, last) = shots(name, "missile-1");
        assert!(shots[0].left_s > ahead_s, "{name}: first forecast {} s ahead", shots[0].left_s);
        let settled: Vec<&Shot> =
            shots.iter().filter(|shot| shot.left_s < shots[0].left_s - 60.0).collect();
        for shot in settled {
            assert!(shot.miss_m < miss_m, "{name}: {shot:?}");
            assert!(shot.late_s.abs() < 3.0 * shot.sigma_s, "{name}: {shot:?}");
        }
        assert!(held(&shots) > 0.9, "{name}: {}", held(&shots));
        check_launch(name, &only_ballistic(&played, last));
        assert!(played.signals.iter().all(|(_, _, told)| *told), "{name}: withdrawn");
    }
}

/// The launch estimate against the pad.
fn check_launch(name: &str, track: &Value) {
    let scenario = Scenario::load(name);
    let pad = &scenario.truth["missile-1"][0];
    let launch = &track["launch"];
    let (east, north) = offset(launch, pad);
    let miss_m = base::math::hypot(east, north);
    let late_s = (time(&launch["time"]) - pad.t).as_seconds().0;
    let sigma_s = launch["time_sigma_s"].as_f64().unwrap();
    println!("{name}: launch {miss_m:.0} m off, {late_s:.1} s late, sigma {sigma_s:.1} s");
    assert!(miss_m < 8_000.0 && late_s.abs() < 2.5 * sigma_s && sigma_s < 30.0, "{name}");
}

#[test]
fn a_stage_that_falls_back_is_another_object() {
    let (played, mut stage, last) = shots("stages-2017-07-28", "stage-1");
    // The file ends before the missile lands; its forecasts are the far ones.
    stage.retain(|shot| shot.miss_m < 100_000.0);
    assert!(stage.len() > 200);
    // A tumbling stage has a tenth of the ballistic coefficient that is expected: its time lies three
    // sigma late.
    assert!(held(&stage) > 0.9, "{}", held(&stage));
    for shot in &stage {
        assert!(shot.miss_m < 5_000.0 && shot.late_s.abs() < 4.0 * shot.sigma_s, "{shot:?}");
    }
    let ids: std::collections::BTreeSet<&String> =
        played.signals.iter().map(|(_, subject, _)| subject).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let coasting = |track: &Value| track["class"] == "ballistic" && track["phase"] == "coast";
    assert_eq!(played.tracks(last).iter().filter(|track| coasting(track)).count(), 1);
}

#[test]
fn aircraft_and_clutter_never_have_an_impact() {
    let scenario = Scenario::load("mixed-traffic");
    let mut played = Played::default();
    let (mut found, mut expected, mut spurious) = (0, 0, 0);
    let mut seen: Vec<(Timestamp, Position<Ecef>)> = Vec::new();
    for (count, (scan, entry)) in scenario.scans.iter().enumerate() {
        played.play(scan, *entry);
        let now = scan.report().measured;
        let tracks = played.tracks(now);
        assert!(tracks.iter().all(|track| track["impact"].is_null()));
        assert!(tracks.iter().all(|track| track["class"] != "ballistic"), "{now}");
        seen.extend(scan.report().plots.iter().map(|plot| (now, place(scan, plot))));
        seen.retain(|(at, _)| now - *at < TimeDelta::from_seconds(20));
        if count < 150 || count % 25 != 0 {
            continue;
        }
        let confirmed: Vec<Position<Ecef>> =
            tracks.iter().filter(|track| track["state"] == "confirmed").map(shown_at).collect();
        let truth: Vec<Position<Ecef>> =
            scenario.truth.values().map(|truth| position_at(truth, now)).collect();
        let near = |a: &Position<Ecef>, b: &Position<Ecef>| a.distance(b).0 < 5_000.0;
        for aircraft in &truth {
            // Three plots in 20 s: it is in coverage.
            if seen.iter().filter(|(_, plot)| near(plot, aircraft)).count() >= 3 {
                expected += 1;
                found += usize::from(confirmed.iter().any(|track| near(track, aircraft)));
            }
        }
        spurious +=
            confirmed.iter().filter(|track| !truth.iter().any(|truth| near(track, truth))).count();
    }
    println!("mixed traffic: {found} of {expected} aircraft shown, {spurious} spurious");
    assert!(played.signals.is_empty() && played.declared == 0);
    assert!(expected > 80 && found as f64 > 0.95 * f64::from(expected), "{found} of {expected}");
    assert!((spurious as f64) < 0.03 * f64::from(expected), "{spurious} of {expected}");
}

/// Where a plot lies.
fn place(scan: &Scan, plot: &Plot) -> Position<Ecef> {
    let at = |lat: f64, lon: f64, height: f64| {
        Geodetic::new(Degrees(lat), Degrees(lon), Metres(height)).unwrap()
    };
    match &plot.report {
        PlotReport::Radar { range_m, azimuth_deg, elevation_deg, .. } => {
            let polar = base::Polar {
                range: Metres(*range_m),
                azimuth: Degrees(*azimuth_deg).into(),
                elevation: Degrees(*elevation_deg).into(),
            };
            base::LocalFrame::at(&scan.report().sensor.position.unwrap()).to_ecef(&polar.to_enu())
        }
        PlotReport::Geodetic { lat_deg, lon_deg, height_m, .. } => {
            at(*lat_deg, *lon_deg, *height_m).to_ecef()
        }
        PlotReport::Asterix(_) => panic!("scenarios have no ASTERIX plots"),
    }
}

fn shown_at(track: &Value) -> Position<Ecef> {
    let number = |key: &str| track[key].as_f64().unwrap();
    let (lat, lon) = (Degrees(number("lat_deg")), Degrees(number("lon_deg")));
    Geodetic::new(lat, lon, Metres(number("height_m"))).unwrap().to_ecef()
}

fn position_at(truth: &[Truth], now: Timestamp) -> Position<Ecef> {
    let next = truth.partition_point(|truth| truth.t <= now).clamp(1, truth.len() - 1);
    let (a, b) = (&truth[next - 1], &truth[next]);
    let share = (now - a.t).as_seconds().0 / (b.t - a.t).as_seconds().0;
    Position::new(std::array::from_fn(|i| a.position[i] + share * (b.position[i] - a.position[i])))
}

#[test]
fn any_order_of_arrival_gives_the_same_picture() {
    let scenario = Scenario::load("short-range-2022-10-05");
    let facts: Vec<Arc<Fact>> =
        scenario.scans.iter().map(|(scan, entry)| fact(scan, *entry)).collect();
    let folded = |order: &[usize]| {
        let mut view = View::new("JPN+KOR+USA".parse().unwrap());
        let end = facts.last().unwrap().logged;
        for (count, index) in order.iter().enumerate() {
            view.insert(&facts[*index], end);
            if count % 40 == 39 {
                view.head(end);
            }
        }
        let pictures = view.head(end).clone();
        (view.digest_of(&pictures), view.refolded())
    };
    let straight: Vec<usize> = (0..facts.len()).collect();
    let (expected, none) = folded(&straight);
    assert_eq!(none, 0);
    for stride in [7, 11, 29] {
        // Late by up to `stride` scans, then a whole block first.
        let mut order = straight.clone();
        order.sort_by_key(|index| (index / stride, index % 2, std::cmp::Reverse(*index)));
        order.rotate_left(facts.len() / 3);
        let (digest, refolded) = folded(&order);
        assert!(digest == expected && refolded > 0, "stride {stride}");
    }
}

fn fact(scan: &Scan, entry: EntryId) -> Arc<Fact> {
    let at = scan.report().measured;
    let content = encode_content(scan.report());
    let leaf_hash = log::sha256(&content);
    let kind = Kind::from_static(SCAN_KIND);
    Arc::new(Fact { leaf_hash, content, kind, ..blank(entry, at) })
}
