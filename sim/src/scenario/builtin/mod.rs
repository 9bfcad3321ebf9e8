//! The scenarios that come with Watchfire; `scenarios/` holds their recordings.
//!
//! Sensor sites are public, approximate ones; ranges, accuracies and rates are illustrative round
//! numbers and describe no real equipment.

mod sensors;
mod traffic;

use base::{Degrees, Geodetic, Metres, Seconds, TimeDelta, Timestamp};
use formats::scenario::{Inject, TruthClass};
use serde_json::json;

use super::Error;
use super::flight::FINE;
use super::object::{Object, Path};
use super::plan::FlightPlan;
use super::published::{self, PublishedFlight};
use super::scene::{Recording, Scene};
use super::vehicle::LIQUID_SINGLE_STAGE;

/// The exercise realm every built-in scenario plays in.
pub const REALM: &str = "exercise/first-light";

/// A scenario that can be made again from its name and seed.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name, and its files' stem.
    pub name: &'static str,
    /// One line on what it shows.
    pub about: &'static str,
    /// The seed of the committed recording.
    pub seed: u64,
    scene: fn() -> Result<Scene, Error>,
}

impl Builtin {
    /// Objects, sensors and injects.
    pub fn scene(&self) -> Result<Scene, Error> {
        (self.scene)()
    }

    /// The recording of `seed`.
    pub fn record(&self, seed: u64) -> Result<Recording, Error> {
        self.scene()?.record(seed)
    }
}

/// Every built-in scenario.
pub fn all() -> &'static [Builtin] {
    &[
        Builtin {
            name: "hwasong14-2017-07-28",
            about: "a lofted flight that ends in the sea off Hokkaido, with air traffic around",
            seed: 20_170_728,
            scene: hwasong14,
        },
        Builtin {
            name: "overflight-2017-09-15",
            about: "a flight across Hokkaido into the Pacific, seen by sensors with unknown biases",
            seed: 20_170_915,
            scene: overflight,
        },
        Builtin {
            name: "short-range-2022-10-05",
            about: "a short-range flight into the sea east of Korea: five minutes from fire to fall",
            seed: 20_221_005,
            scene: short_range,
        },
        Builtin {
            name: "stages-2017-07-28",
            about: "the first fifteen minutes of the lofted flight, with its first stage falling back",
            seed: 3,
            scene: stages,
        },
        Builtin {
            name: "exercise-akita",
            about: "an invented flight whose impact lies in Akita prefecture, for drafting warnings",
            seed: 1,
            scene: exercise_akita,
        },
        Builtin {
            name: "mixed-traffic",
            about: "airliners and turning aircraft only, with false plots: nothing may be warned of",
            seed: 2,
            scene: mixed_traffic,
        },
    ]
}

/// The built-in scenario called `name`.
pub fn named(name: &str) -> Result<&'static Builtin, Error> {
    all().iter().find(|builtin| builtin.name == name).ok_or_else(|| Error::UnknownScenario {
        got: name.to_owned(),
        known: all().iter().map(|builtin| builtin.name).collect::<Vec<_>>().join("`, `"),
    })
}

/// Seconds of scene before a launch and after an impact.
const LEAD_S: i64 = 60;
const TAIL_S: i64 = 60;

fn hwasong14() -> Result<Scene, Error> {
    let mut scene = flight_scene(&published::HWASONG_14)?;
    scene.sensors = vec![
        sensors::cheongju(4.0)?,
        sensors::shariki(4.0)?,
        sensors::sado(10.0)?,
        sensors::overhead()?,
        sensors::ship(12.0)?,
    ];
    let (begin, end) = (scene.begin, scene.end);
    scene.objects.extend(traffic::korea(begin, end)?);
    scene.objects.extend(traffic::japan(begin, end)?);
    Ok(scene)
}

fn overflight() -> Result<Scene, Error> {
    let mut scene = flight_scene(&published::HWASONG_12)?;
    scene.sensors = vec![
        sensors::biased(sensors::cheongju(4.0)?, 40.0, 0.04, -0.03),
        sensors::biased(sensors::shariki(4.0)?, -15.0, -0.02, 0.02),
        sensors::biased(sensors::sado(6.0)?, 25.0, 0.03, 0.03),
        sensors::overhead()?,
        sensors::ship(10.0)?,
    ];
    let (begin, end) = (scene.begin, scene.end);
    scene.objects.extend(traffic::japan(begin, end)?);
    Ok(scene)
}

fn short_range() -> Result<Scene, Error> {
    let mut scene = flight_scene(&published::KN_25)?;
    scene.sensors = vec![
        sensors::cheongju(2.0)?,
        sensors::sado(4.0)?,
        sensors::overhead()?,
        sensors::ship(4.0)?,
    ];
    let (begin, end) = (scene.begin, scene.end);
    scene.objects.extend(traffic::korea(begin, end)?);
    Ok(scene)
}

/// Ends before the warhead comes down: what a node knows of it then is a forecast.
fn stages() -> Result<Scene, Error> {
    // A tumbling cylinder of a few tonnes.
    const STAGE_BALLISTIC_KG_M2: f64 = 1_500.0;
    let mut scene = flight_scene(&published::HWASONG_14)?;
    scene.end = scene.begin + TimeDelta::from_seconds(900);
    let missile = &scene.objects[0];
    let Path::Flight(flight) = &missile.path else { panic!("a flight scene begins with a flight") };
    let stage = Object {
        name: "stage-1".to_owned(),
        class: TruthClass::Debris,
        start: missile.start,
        path: Path::Flight(flight.dropped_stage(0, STAGE_BALLISTIC_KG_M2, &FINE)?),
    };
    scene.objects.push(stage);
    scene.sensors = vec![
        sensors::cheongju(2.0)?,
        sensors::shariki(4.0)?,
        sensors::sado(6.0)?,
        sensors::overhead()?,
        sensors::ship(10.0)?,
    ];
    Ok(scene)
}

/// Invented: launch site of 2017-07-28, a medium-range vehicle, an impact inland of Akita city.
fn exercise_akita() -> Result<Scene, Error> {
    let target = Geodetic::new(Degrees(39.72), Degrees(140.25), Metres(0.0))?;
    let plan = FlightPlan {
        vehicle: LIQUID_SINGLE_STAGE,
        apogee_km: 900.0,
        flight_time: None,
        ..published::HWASONG_14.plan()
    }
    .aimed_at(&target);
    let launch = "2026-11-04T01:00:00Z".parse()?;
    let mut scene = launch_scene("missile-1", &plan, launch)?;
    scene.injects.push(note(scene.begin, "invented flight, for exercise only"));
    scene.sensors = vec![
        sensors::cheongju(4.0)?,
        sensors::shariki(4.0)?,
        sensors::sado(6.0)?,
        sensors::overhead()?,
        sensors::ship(10.0)?,
    ];
    let (begin, end) = (scene.begin, scene.end);
    scene.objects.extend(traffic::korea(begin, end)?);
    scene.objects.extend(traffic::japan(begin, end)?);
    Ok(scene)
}

fn mixed_traffic() -> Result<Scene, Error> {
    let begin: Timestamp = "2026-11-04T03:00:00Z".parse()?;
    let end = begin + TimeDelta::from_seconds(900);
    let mut objects = traffic::korea(begin, end)?;
    objects.extend(traffic::japan(begin, end)?);
    objects.extend(traffic::turning(begin, end)?);
    Ok(Scene {
        objects,
        sensors: vec![
            sensors::cluttered(sensors::cheongju(4.0)?, 4.0)?,
            sensors::cluttered(sensors::sado(4.0)?, 4.0)?,
            sensors::ship(10.0)?,
        ],
        ..empty_scene(begin, end)
    })
}

/// A scene around an announced flight.
fn flight_scene(flight: &PublishedFlight) -> Result<Scene, Error> {
    let launch: Timestamp = flight.launched.parse()?;
    let mut scene = launch_scene("missile-1", &flight.plan(), launch)?;
    scene.injects.push(note(scene.begin, flight.source));
    Ok(scene)
}

fn launch_scene(name: &str, plan: &FlightPlan, launch: Timestamp) -> Result<Scene, Error> {
    let flight = plan.solve()?.trajectory;
    let down = launch + TimeDelta::from_seconds_f64(Seconds(flight.flight_s.ceil()));
    let begin = launch - TimeDelta::from_seconds(LEAD_S);
    let mut scene = empty_scene(begin, down + TimeDelta::from_seconds(TAIL_S));
    scene.objects.push(Object {
        name: name.to_owned(),
        class: TruthClass::Ballistic,
        start: launch,
        path: Path::Flight(flight),
    });
    Ok(scene)
}

fn empty_scene(begin: Timestamp, end: Timestamp) -> Scene {
    Scene {
        realm: REALM.to_owned(),
        begin,
        end,
        objects: Vec::new(),
        sensors: Vec::new(),
        injects: Vec::new(),
        truth_period: Seconds(10.0),
    }
}

fn note(t: Timestamp, text: &str) -> Inject {
    let mut parameters = serde_json::Map::new();
    parameters.insert("text".to_owned(), json!(text));
    Inject { t, name: "note".to_owned(), parameters }
}
