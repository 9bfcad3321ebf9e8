use base::{Degrees, Geodetic, LocalFrame, Metres, Position, math};
use log::{Incarnation, LogId};

use super::*;
use crate::track::events::{
    AsterixReport, Plot, PlotRef, PlotReport, ScanReport, SensorInfo, SensorKind,
};
use crate::track::filters::tests::{Dice, look, radar};
use crate::track::matrix::{Vector3, along, norm, scaled};
use crate::track::motion::{Force, Moving};

/// A picture under test, fed by radars.
struct World {
    state: State,
    entries: u64,
    start: Timestamp,
    told: Vec<(String, bool)>,
}

impl World {
    fn new() -> Self {
        let start = "2026-11-03T06:00:00Z".parse().unwrap();
        Self { state: State::default(), entries: 0, start, told: Vec::new() }
    }

    fn at(&self, seconds: f64) -> Timestamp {
        self.start + TimeDelta::from_seconds_f64(base::Seconds(seconds))
    }

    fn entry(&mut self) -> EntryId {
        let lane = Precedence::Immediate;
        let node = "KOR-1".parse().unwrap();
        self.entries += 1;
        let log = LogId { node, lane, incarnation: Incarnation([3; 16]) };
        EntryId { log, index: self.entries }
    }

    /// One scan of `sensor` that sees `targets`.
    fn scan(&mut self, sensor: &SensorInfo, seconds: f64, targets: &[Vector3], dice: &mut Dice) {
        let plots = targets
            .iter()
            .map(|target| Plot { offset_ns: TimeDelta::ZERO, report: look(sensor, target, dice) });
        let report = ScanReport {
            sensor: sensor.clone(),
            scan: 0,
            measured: self.at(seconds),
            plots: plots.collect(),
        };
        let entry = self.entry();
        self.pass(seconds);
        let mut signals = Signals::default();
        observe(&mut self.state, &Scan::new(report).unwrap(), entry, &mut signals);
        self.hear(&signals);
    }

    fn pass(&mut self, seconds: f64) {
        let mut signals = Signals::default();
        let to = self.at(seconds);
        advance(&mut self.state, to, &mut signals);
        self.hear(&signals);
    }

    fn hear(&mut self, signals: &Signals) {
        for signal in signals.emitted() {
            self.told.push((signal.subject.clone(), signal.region.is_some()));
        }
    }

    /// Folds what node KOR-1 wants to declare; how many there were.
    fn declare(&mut self, seconds: f64) -> usize {
        let at = self.at(seconds);
        let wanted = desires(&self.state, "KOR-1".parse().unwrap(), at);
        for desire in &wanted {
            let report: DeclaredReport = crate::decode_content(&desire.content).unwrap();
            let mut signals = Signals::default();
            declare(&mut self.state, &Declared::new(report).unwrap(), at, &mut signals);
            self.hear(&signals);
        }
        wanted.len()
    }

    fn confirmed(&self) -> Vec<&Track> {
        let tracks = self.state.tracks.values().map(|track| &*track.0);
        tracks.filter(|track| track.confirmed.is_some()).collect()
    }
}

fn place(lat: f64, lon: f64, height_m: f64) -> (Vector3, LocalFrame) {
    let place = Geodetic::new(Degrees(lat), Degrees(lon), Metres(height_m)).unwrap();
    (place.to_ecef().xyz, LocalFrame::at(&place))
}

/// A level flight path that turns at `turn_dps`: positions every `step_s`.
fn flight(
    lat: f64,
    lon: f64,
    height_m: f64,
    mps: f64,
    turn_dps: f64,
    steps: u32,
    step_s: f64,
) -> Vec<Vector3> {
    let (_, frame) = place(lat, lon, height_m);
    let (mut east_m, mut north_m, mut course) = (0.0, 0.0, 0.3);
    (0..steps)
        .map(|_| {
            let (sin, cos) = math::sin_cos(course);
            east_m += mps * step_s * sin;
            north_m += mps * step_s * cos;
            course += turn_dps.to_radians() * step_s;
            // Follow the Earth's curve.
            let drop_m = (east_m * east_m + north_m * north_m) / (2.0 * 6_371_000.0);
            frame.to_ecef(&Position::new([east_m, north_m, -drop_m])).xyz
        })
        .collect()
}

/// A vertical-ish rocket: thrust for `burn_s`, then free fall; positions every second.
fn rocket(burn_s: i32, thrust_mps2: f64, seconds: i32) -> Vec<Vector3> {
    let (position, frame) = place(39.5, 127.5, 10.0);
    let mut state = Moving { position, velocity: [0.0; 3] };
    (0..seconds)
        .map(|second| {
            let lean = 0.25 + 0.004 * f64::from(second);
            let direction = along(&frame.rows()[2], lean, &frame.rows()[0]);
            let push = scaled(&direction, thrust_mps2 / norm(&direction));
            let force = if second < burn_s { Force::Thrust(push) } else { Force::Drag(2e-4) };
            state = state.after(1.0, force, 0.25);
            state.position
        })
        .collect()
}

#[test]
fn no_aircraft_is_ever_ballistic() {
    // Level flight up to 600 m/s, standard and fighters' turns up to 300 m/s (3 g), seen by a poor radar with
    // misses: never ballistic, never an impact.
    let mut sensor = radar(36.6, 127.5);
    (sensor.sigma_azimuth_deg, sensor.sigma_elevation_deg) = (0.2, 0.3);
    let mut aircraft_seconds = 0.0;
    for (seed, turn) in (0..40).zip([0.0, 3.0, -1.0, 6.0].into_iter().cycle()) {
        let mut dice = Dice(seed);
        let mps = 100.0 + if seed % 4 == 0 { 500.0 } else { 200.0 } * dice.uniform();
        let path = flight(37.0 + dice.uniform(), 128.5, 9_000.0, mps, turn, 60, 5.0);
        let mut world = World::new();
        for (step, target) in path.iter().enumerate() {
            let targets: &[Vector3] = if dice.uniform() < 0.85 { &[*target] } else { &[] };
            world.scan(&sensor, 5.0 * step as f64, targets, &mut dice);
            for track in world.state.tracks.values() {
                let track = &track.0;
                assert!(track.class != Class::Ballistic && track.forecast.is_none(), "{seed}");
                aircraft_seconds += if track.class == Class::Aircraft { 5.0 } else { 0.0 };
            }
        }
        assert_eq!(world.declare(300.0), 0);
    }
    assert!(aircraft_seconds > 0.4 * 40.0 * 300.0, "{aircraft_seconds}");
}

#[test]
fn crossing_aircraft_keep_their_ids() {
    let sensor = radar(36.6, 127.5);
    let mut kept = 0;
    for seed in 0..20 {
        let mut dice = Dice(100 + seed);
        let one = flight(37.6, 128.4, 9_000.0, 230.0, 0.0, 60, 5.0);
        // The second flies the mirrored way and meets the first in the middle, 300 m apart in height.
        let two: Vec<Vector3> = one.iter().rev().map(|p| along(p, 300.0 / norm(p), p)).collect();
        let mut world = World::new();
        for step in 0..60 {
            world.scan(&sensor, 5.0 * step as f64, &[one[step], two[step]], &mut dice);
            if step == 12 {
                assert_eq!(world.confirmed().len(), 2);
            }
        }
        let first_ids: Vec<TrackId> = world.confirmed().iter().map(|track| track.id).collect();
        assert_eq!(first_ids.len(), 2, "seed {seed}");
        let ends = |track: &Track, end: &Vector3| {
            norm(&minus(&track.bank.lead().position(), end)) < 6_000.0
        };
        let straight = world.confirmed().iter().all(|track| {
            let began_with_one = track.initiating[0].plot == 0;
            if began_with_one { ends(track, &one[59]) } else { ends(track, &two[59]) }
        });
        kept += u32::from(straight);
    }
    assert!(kept >= 19, "{kept} of 20");
}

#[test]
fn a_rocket_is_declared_told_and_lands() {
    let sensor = radar(36.6, 127.5);
    let mut dice = Dice(5);
    let path = rocket(70, 35.0, 500);
    let mut world = World::new();
    let mut declared = 0;
    let landing = path.iter().position(|p| crate::track::motion::height_m(p) < 0.0).unwrap();
    for second in (20..landing - 25).step_by(4) {
        world.scan(&sensor, second as f64, &[path[second]], &mut dice);
        declared += world.declare(second as f64);
    }
    assert_eq!(declared, 1);
    let track = world.confirmed()[0].clone();
    let public_id = track.public_id.clone().unwrap();
    assert!(world.told.iter().all(|(subject, told)| *subject == public_id && *told));
    assert!(!world.told.is_empty());
    let impact = track.forecast.as_ref().unwrap().impact.unwrap();
    let place = Geodetic::new(Degrees(impact.lat_deg), Degrees(impact.lon_deg), Metres(0.0));
    let miss_m = norm(&minus(&place.unwrap().to_ecef().xyz, &path[landing]));
    assert!(miss_m < 4.0 * impact.major_sigma_m + 1_000.0, "{miss_m}");
    // Its time passes unseen: it has landed, and nothing is taken back.
    let told = world.told.len();
    world.pass(landing as f64 + 60.0);
    assert_eq!(world.confirmed()[0].phase, Phase::Landed);
    world.pass(landing as f64 + 4_000.0);
    assert!(world.confirmed().is_empty() && world.told.len() == told);
}

#[test]
fn a_rocket_that_is_lost_is_taken_back() {
    // On its way up with an hour to fly: seen for a while, then never again.
    let sensor = radar(36.6, 127.5);
    let mut dice = Dice(6);
    let path = rocket(160, 45.0, 400);
    let mut world = World::new();
    for second in (20..300).step_by(4) {
        world.scan(&sensor, second as f64, &[path[second]], &mut dice);
        world.declare(second as f64);
    }
    assert!(world.told.last().unwrap().1, "a forecast was told");
    world.pass(300.0 + 1_490.0);
    assert!(world.told.last().unwrap().1, "an object that falls needs no radar to go on falling");
    assert_eq!(world.confirmed()[0].life, Life::Stale);
    world.pass(300.0 + 1_600.0);
    assert!(!world.told.last().unwrap().1, "lost support is told");
}

#[test]
fn deadlines_do_not_depend_on_how_time_is_cut() {
    let sensor = radar(36.6, 127.5);
    let build = || {
        let mut dice = Dice(8);
        let mut world = World::new();
        let one = flight(37.6, 128.4, 9_000.0, 230.0, 0.0, 12, 5.0);
        for (step, target) in one.iter().enumerate() {
            let clutter = flight(36.9, 127.9, 4_000.0, 50.0, 0.0, 1, step as f64 * 97.0)[0];
            world.scan(&sensor, 5.0 * step as f64, &[*target, clutter], &mut dice);
        }
        world
    };
    let (mut whole, mut cut) = (build(), build());
    whole.pass(100.0);
    for second in 56..=100 {
        cut.pass(f64::from(second));
    }
    assert_eq!(crate::canonical_bytes(&whole.state), crate::canonical_bytes(&cut.state));
    whole.pass(600.0);
    assert_eq!(whole.state.tracks(), 0);
}

#[test]
fn a_second_name_is_an_alias_and_an_early_one_waits() {
    let sensor = radar(36.6, 127.5);
    let mut dice = Dice(9);
    let path = flight(37.6, 128.4, 9_000.0, 230.0, 0.0, 12, 5.0);
    let mut world = World::new();
    let first = PlotRef {
        entry: {
            let mut w = World::new();
            w.entry()
        },
        plot: 0,
    };
    let name = |id: &str| {
        let report = DeclaredReport { public_id: id.to_owned(), evidence: vec![first] };
        Declared::new(report).unwrap()
    };
    let mut signals = Signals::default();
    let at = world.at(0.0);
    declare(&mut world.state, &name("KOR-early"), at, &mut signals);
    for (step, target) in path.iter().enumerate() {
        world.scan(&sensor, 5.0 * step as f64, &[*target], &mut dice);
    }
    let at = world.at(60.0);
    declare(&mut world.state, &name("JPN-late"), at, &mut signals);
    let track = world.confirmed()[0];
    assert_eq!(track.public_id.as_deref(), Some("KOR-early"));
    assert_eq!(track.aliases, ["JPN-late"]);
    assert!(world.state.waiting.is_empty());
}

#[test]
fn many_sensors_are_refused_with_a_finding() {
    let mut world = World::new();
    let mut signals = Signals::default();
    let mut sensor = radar(36.6, 127.5);
    for number in 0..=SENSORS_MAX {
        sensor.id = format!("S{number}");
        let report = ScanReport {
            sensor: sensor.clone(),
            scan: 0,
            measured: world.at(0.0),
            plots: Vec::new(),
        };
        let entry = world.entry();
        observe(&mut world.state, &Scan::new(report).unwrap(), entry, &mut signals);
    }
    assert_eq!(world.state.sensors.len(), SENSORS_MAX);
}

#[test]
fn a_scan_reported_to_two_nodes_is_one_scan() {
    let sensor = radar(36.6, 127.5);
    let path = rocket(70, 35.0, 500);
    let folded = |copies: [usize; 4]| {
        let mut world = World::new();
        let mut dice = Dice(5);
        for (step, copies) in copies.into_iter().enumerate() {
            let second = 20 + 4 * step;
            let report = look(&sensor, &path[second], &mut dice);
            let report = ScanReport {
                sensor: sensor.clone(),
                scan: step as u64,
                measured: world.at(second as f64),
                plots: vec![Plot { offset_ns: TimeDelta::ZERO, report }],
            };
            // Each copy stands in the log of another node.
            for _ in 0..copies {
                let entry = world.entry();
                let scan = Scan::new(report.clone()).unwrap();
                observe(&mut world.state, &scan, entry, &mut Signals::default());
            }
        }
        let sensor = world.state.sensors.values().next().unwrap();
        (sensor.scans, world.state.tracks())
    };
    let once = folded([1, 1, 1, 1]);
    assert_eq!(once.0, 4);
    assert_eq!(folded([2, 1, 3, 2]), once);
}

/// An ASTERIX scan of `reports` at `seconds`.
fn asterix(world: &World, seconds: f64, reports: &[AsterixReport]) -> Scan {
    let sensor = SensorInfo { kind: SensorKind::Asterix, ..radar(36.6, 127.5) };
    let plots = reports.iter().map(|report| Plot {
        offset_ns: TimeDelta::ZERO,
        report: PlotReport::Asterix(report.clone()),
    });
    let measured = world.at(seconds);
    Scan::new(ScanReport { sensor, scan: 0, measured, plots: plots.collect() }).unwrap()
}

#[test]
fn one_aircraft_told_twice_is_one_track() {
    let report = AsterixReport {
        rho_m: 120_000.0,
        theta_deg: 45.0,
        flight_level_m: Some(10_000.0),
        aircraft_address: Some(0x71_BE_01),
        mode_3a: Some(0o2000),
        ..AsterixReport::default()
    };
    let other = AsterixReport { aircraft_address: Some(0x71_BE_02), ..report.clone() };
    let mut world = World::new();
    let mut signals = Signals::default();
    // The same plot twice in a scan, again in the next sector's entry, and another aircraft on top.
    for reports in [vec![report.clone(), report.clone(), other], vec![report]] {
        let scan = asterix(&world, 0.0, &reports);
        let entry = world.entry();
        observe(&mut world.state, &scan, entry, &mut signals);
    }
    assert_eq!(world.state.tracks(), 2);
    let tracks = world.confirmed();
    assert!(tracks.iter().all(|track| track.plots == 1 && track.class == Class::Aircraft));
}

#[test]
fn what_answers_a_transponder_never_falls() {
    // Flight levels that climb like a rocket: still an aircraft.
    let mut world = World::new();
    let mut signals = Signals::default();
    for step in 0..40 {
        let height_m = (f64::from(step) * 4_000.0).min(50_000.0);
        let report = AsterixReport {
            rho_m: 120_000.0 + f64::from(step) * 4_000.0,
            theta_deg: 45.0,
            flight_level_m: Some(height_m),
            mode_3a: Some(0o7777),
            ..AsterixReport::default()
        };
        let scan = asterix(&world, 4.0 * f64::from(step), &[report]);
        let entry = world.entry();
        observe(&mut world.state, &scan, entry, &mut signals);
    }
    assert!(world.state.tracks.values().all(|track| track.0.class == Class::Aircraft));
    assert!(signals.emitted().is_empty() && world.declare(200.0) == 0);
}

#[test]
fn wild_scans_never_break_the_fold() {
    // Everything that decoding lets through, edges included: the state stays finite and writable.
    let edges = |dice: &mut Dice, values: &[f64], low: f64, high: f64| {
        if dice.uniform() < 0.3 { dice.pick(values) } else { low + (high - low) * dice.uniform() }
    };
    for seed in 0..30 {
        let mut dice = Dice(900 + seed);
        let mut world = World::new();
        let mut seconds = 0.0;
        for _ in 0..60 {
            let mut sensor = radar(edges(&mut dice, &[-90.0, 90.0, 0.0], -90.0, 90.0), 180.0);
            sensor.kind =
                dice.pick(&[SensorKind::Radar, SensorKind::Geodetic, SensorKind::Asterix]);
            sensor.id = format!("{:?}", sensor.kind);
            sensor.sigma_range_m = edges(&mut dice, &[0.1, 1e5], 1.0, 500.0);
            sensor.sigma_azimuth_deg = edges(&mut dice, &[1e-4, 45.0], 0.01, 1.0);
            sensor.sigma_elevation_deg = edges(&mut dice, &[1e-4, 45.0], 0.01, 1.0);
            sensor.period_s = edges(&mut dice, &[1e-3, 3_600.0], 1.0, 10.0);
            seconds += edges(&mut dice, &[0.0, 3_000.0], 0.0, 10.0);
            let plots = (0..8).map(|_| wild_plot(sensor.kind, &mut dice, &edges)).collect();
            let measured = world.at(seconds);
            let report = ScanReport { sensor, scan: 0, measured, plots };
            let entry = world.entry();
            world.pass(seconds);
            let scan = Scan::new(report).unwrap();
            observe(&mut world.state, &scan, entry, &mut Signals::default());
        }
        assert!(!crate::canonical_bytes(&world.state).is_empty());
        let mut items = crate::Items::default();
        crate::track::items::show(&world.state, world.at(seconds), &mut items);
    }
}

type Edges = dyn Fn(&mut Dice, &[f64], f64, f64) -> f64;

fn wild_plot(kind: SensorKind, dice: &mut Dice, edges: &Edges) -> Plot {
    let report = match kind {
        SensorKind::Radar => PlotReport::Radar {
            range_m: edges(dice, &[1.0, 1e8], 1e4, 1e6),
            azimuth_deg: edges(dice, &[-360.0, 0.0, 360.0], 0.0, 360.0),
            elevation_deg: edges(dice, &[-90.0, 0.0, 90.0], 0.0, 90.0),
            sigmas: None,
        },
        SensorKind::Geodetic => PlotReport::Geodetic {
            lat_deg: edges(dice, &[-90.0, 90.0], -90.0, 90.0),
            lon_deg: edges(dice, &[-180.0, 360.0], -180.0, 180.0),
            height_m: edges(dice, &[-20_000.0, 1e8], 0.0, 1e6),
            sigma_m: edges(dice, &[0.1, 1e6], 1.0, 1_000.0),
        },
        SensorKind::Asterix => PlotReport::Asterix(AsterixReport {
            rho_m: edges(dice, &[0.0, 1e6], 0.0, 4e5),
            theta_deg: edges(dice, &[0.0, 360.0], 0.0, 360.0),
            flight_level_m: (dice.uniform() < 0.7)
                .then(|| edges(dice, &[-3_000.0, 50_000.0], 0.0, 12_000.0)),
            mode_3a: (dice.uniform() < 0.5).then_some(0o2000),
            ..AsterixReport::default()
        }),
    };
    Plot { offset_ns: TimeDelta::from_seconds_f64(base::Seconds(2.0 * dice.uniform())), report }
}
