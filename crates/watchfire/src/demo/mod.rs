//! `watchfire demo`: three nodes on loopback, a published flight, one picture.
//!
//! Nothing here is special to the demonstration: the nodes are real processes with real keys, lines
//! and stores; scans go in through the API; what is reported is asked of the nodes' API.

mod measure;
mod nodes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base::{PartnerId, TimeDelta, Timestamp};
use log::{ExerciseTime, Realm};
use serde_json::{Value, json};

use crate::client::Client;
use crate::clock::{Clock, wall_now};
use crate::config::{Config, Tuning};
use crate::error::Error;
use crate::federation::{self, Plan};
use crate::play::Scenario;

use measure::{Forecast, Impact};
use nodes::Nodes;

/// The scenario played unless another is named.
const SCENARIO: &[u8] = include_bytes!("../../../../scenarios/hwasong14-2017-07-28.jsonl");
const TRUTH: &[u8] = include_bytes!("../../../../scenarios/hwasong14-2017-07-28.truth.jsonl");
/// Picture seconds between the exercise's beginning and the first scan: time to connect.
const LEAD: TimeDelta = TimeDelta::from_seconds(2);
/// The scripted officer looks at a draft this long (wall time) before releasing it.
const OFFICER_LOOKS: Duration = Duration::from_secs(2);
/// Wall time for the nodes to agree after the last scan.
const SETTLE: Duration = Duration::from_secs(30);

/// What the command line asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Wall seconds to run; until interrupted if absent.
    pub(crate) seconds: Option<u64>,
    /// Picture seconds per wall second.
    pub(crate) rate: f64,
    /// Print the result as JSON.
    pub(crate) json: bool,
    /// Where to make the nodes; a new temporary folder if absent.
    pub(crate) folder: Option<PathBuf>,
    /// Another scenario file, and its truth.
    pub(crate) scenario: Option<(PathBuf, Option<PathBuf>)>,
    /// Leave drafts to whoever sits at the console.
    pub(crate) no_officer: bool,
}

/// Runs the demonstration.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let (scenario, truth) = load(options)?;
    let begins = scenario.begins().ok_or_else(|| {
        Error::input("the scenario has no scans", "name another one with `--scenario FILE`")
    })?;
    let folder = options.folder.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("watchfire-demo-{}", std::process::id()))
    });
    let partners = ["JPN", "KOR", "USA"].map(|code| code.parse::<PartnerId>().expect("a code"));
    // Nodes get a moment of wall time to start and connect before the exercise begins.
    let started = wall_now() + TimeDelta::from_seconds(3);
    let time = ExerciseTime { epoch: begins - LEAD, clock_rate: options.rate };
    let realm: Realm = scenario.header.realm().parse().map_err(|error: log::Error| {
        Error::input(error.to_string(), "a scenario plays in `exercise/NAME`")
    })?;
    let members = federation::make(
        &folder,
        &Plan {
            realm,
            time,
            started,
            partners: partners.to_vec(),
            nodes: 1,
            radars: Vec::new(),
            tuning: Tuning { pulse_ms: 1_000, display_ms: 100 },
            carrier: log::Carrier::Tcp,
            relays: std::collections::BTreeSet::new(),
        },
    )?;
    let mut nodes = Nodes::start(&members)?;
    let mut clients = BTreeMap::new();
    for member in &members {
        let config = Config::read(&member.config)?;
        clients.insert(member.node.partner(), Client::of(&config)?);
    }
    announce(&nodes, &folder);
    let clock = Clock::exercise(started, time.epoch, options.rate);
    let mut stage = Stage {
        options: options.clone(),
        clients,
        impact: truth.as_deref().map(Impact::of_truth).transpose()?.flatten(),
        forecasts: Vec::new(),
        drafts: BTreeMap::new(),
        released: 0,
        asked: wall_now(),
        ends: options.seconds.map(|s| wall_now() + TimeDelta::from_seconds(s.cast_signed())),
    };
    let clients = stage.clients.clone();
    let played = scenario.play(&clients, clock, |now| stage.between(now));
    eprintln!(
        "played {} scans with {} plots; {} of partners without a node, {} not taken",
        played.scans, played.plots, played.without_node, played.not_taken
    );
    while options.seconds.is_some() && stage.between(clock.now()) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let result = stage.result(&nodes, &members)?;
    stage.report(&result);
    if options.seconds.is_none() {
        eprintln!("the nodes go on until you press Ctrl-C");
        nodes.wait();
    }
    nodes.stop();
    Ok(())
}

type Loaded = (Scenario, Option<Vec<u8>>);

fn load(options: &Options) -> Result<Loaded, Error> {
    let read =
        |path: &PathBuf| std::fs::read(path).map_err(|error| Error::file("read", path, error));
    match &options.scenario {
        None => Ok((Scenario::read(SCENARIO, "hwasong14-2017-07-28")?, Some(TRUTH.to_vec()))),
        Some((path, truth)) => {
            let scenario = Scenario::read(&read(path)?, &path.display().to_string())?;
            Ok((scenario, truth.as_ref().map(read).transpose()?))
        }
    }
}

fn announce(nodes: &Nodes, folder: &std::path::Path) {
    eprintln!("three nodes in `{}`", folder.display());
    for node in nodes.iter() {
        eprintln!("  {} console {}", node.id, node.console);
        eprintln!("    log in once with {}", node.link);
    }
}

/// What happens around the playing.
struct Stage {
    options: Options,
    clients: BTreeMap<PartnerId, Client>,
    impact: Option<Impact>,
    forecasts: Vec<Forecast>,
    /// Drafts seen, and when.
    drafts: BTreeMap<String, Timestamp>,
    released: u64,
    asked: Timestamp,
    ends: Option<Timestamp>,
}

impl Stage {
    /// Looks at the pictures a few times a second; whether to go on.
    fn between(&mut self, now: Timestamp) -> bool {
        let wall = wall_now();
        if self.ends.is_some_and(|ends| wall >= ends) {
            return false;
        }
        if wall.since(self.asked) < TimeDelta::from_millis(250) {
            return true;
        }
        self.asked = wall;
        let looked = self
            .note_forecast(now)
            .and_then(|()| if self.options.no_officer { Ok(()) } else { self.play_officer(wall) });
        // A node that was stopped is part of what one may try; the others go on.
        if let Err(error) = looked {
            eprintln!("{error}");
        }
        true
    }

    fn note_forecast(&mut self, now: Timestamp) -> Result<(), Error> {
        let Some(impact) = &self.impact else { return Ok(()) };
        let Some(client) = self.clients.values().next() else { return Ok(()) };
        let picture: Value = client.get("/api/v1/picture/track?view=JPN%2BKOR%2BUSA")?;
        if let Some(forecast) = measure::forecast(&picture, impact, now) {
            self.forecasts.push(forecast);
        }
        Ok(())
    }

    /// Stands in for the duty officers: reads each waiting draft, then lets it out.
    fn play_officer(&mut self, wall: Timestamp) -> Result<(), Error> {
        for (partner, client) in &self.clients {
            let picture: Value = client.get("/api/v1/picture/warning?view=JPN%2BKOR%2BUSA")?;
            for act in measure::waiting_acts(&picture, *partner) {
                let key = format!("{}/{}", act.warning, act.draft);
                let seen = *self.drafts.entry(key.clone()).or_insert(wall);
                let looked = wall.since(seen).as_nanos();
                if looked < i64::try_from(OFFICER_LOOKS.as_nanos()).unwrap_or(i64::MAX) {
                    continue;
                }
                let path = format!("/api/v1/warnings/{}/{}", act.warning, act.verb);
                let note = json!({ "note": "released by the demonstration's scripted officer" });
                match client.post::<Value>(&path, &note) {
                    Ok(_) => {
                        eprintln!("officer of {partner}: {} `{}`", act.verb, act.warning);
                        self.released += 1;
                    }
                    // The draft may have been overtaken by a newer one; the next look sees it.
                    Err(error) => eprintln!("officer of {partner}: {error}"),
                }
                self.drafts.insert(key, wall + TimeDelta::from_seconds(3_600));
            }
        }
        Ok(())
    }

    /// Waits until the nodes agree, and asks them what they have.
    fn result(&self, nodes: &Nodes, members: &[federation::Member]) -> Result<Value, Error> {
        let settled = measure::settle(&self.clients, SETTLE)?;
        let mut rows = Vec::new();
        for node in nodes.iter() {
            let client = &self.clients[&node.id.partner()];
            let digest = measure::digest(client, &settled.cut)?;
            rows.push(json!({
                "partner": node.id.partner(),
                "digest": digest.digest,
                "tracks": digest.items.get("track.tracks").copied().unwrap_or(0),
                "warnings": digest.items.get("warning.warnings").copied().unwrap_or(0),
                "receipts_complete": settled.receipts_complete.contains(&node.id.partner()),
                "console": node.console,
            }));
        }
        let last = self.forecasts.last();
        let at = |lead: f64| {
            self.forecasts.iter().rev().find(|f| f.lead_s >= lead).map(|f| {
                json!({
                    "lead_s": f.lead_s, "error_km": f.error_km, "time_error_s": f.time_error_s,
                    "sigma_km": f.sigma_km, "time_sigma_s": f.time_sigma_s,
                })
            })
        };
        Ok(json!({
            "nodes": rows,
            "impact_error_km": last.map(|f| f.error_km),
            "impact_time_error_s": last.map(|f| f.time_error_s),
            "cap": measure::cap_files(members)?,
            "cut": settled.cut,
            "forecasts": [at(2_400.0), at(1_800.0), at(1_200.0), at(600.0), at(120.0), at(0.0)],
            "acts_released": self.released,
        }))
    }

    fn report(&self, result: &Value) {
        if let Some(rows) = result["nodes"].as_array() {
            for row in rows {
                eprintln!(
                    "{}: digest {} tracks {} warnings {} receipts complete {}",
                    row["partner"],
                    row["digest"],
                    row["tracks"],
                    row["warnings"],
                    row["receipts_complete"]
                );
            }
        }
        eprintln!(
            "impact error {} km, time error {} s; alerts {}",
            result["impact_error_km"], result["impact_time_error_s"], result["cap"]
        );
        if self.options.json {
            println!("{result}");
        }
    }
}
