//! `ingest` and `scenario`: sensor data from files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::{Degrees, Geodetic, Metres, PartnerId};
use clap::Subcommand;
use formats::asterix::{self, Content, cat048};
use serde_json::{Value, json};

use super::{ConfigArgument, print};
use crate::client::Client;
use crate::clock::wall_now;
use crate::config::{Config, RadarSite};
use crate::core::answers::Ingested;
use crate::error::Error;
use crate::ingest;
use crate::node::Being;
use crate::play::Scenario;

#[derive(Subcommand)]
pub(super) enum IngestCommand {
    /// Read ASTERIX categories 034 and 048 from a raw or capture file
    Asterix(AsterixArguments),
    /// Read scans given as the lines of a scenario file, and send them at once
    Reports {
        #[command(flatten)]
        node: ConfigArgument,
        /// The file
        file: PathBuf,
    },
}

#[derive(clap::Args)]
pub(super) struct AsterixArguments {
    /// The file
    file: PathBuf,
    /// Send the target reports to this running node; without it they are only printed
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where a radar stands: SAC/SIC=LAT,LON,HEIGHT in degrees and metres; may be repeated
    #[arg(long, value_parser = read_site)]
    site: Vec<RadarSite>,
    /// Print one JSON object a target report instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
pub(super) enum ScenarioCommand {
    /// Play a scenario to running nodes, each scan when it would have arrived
    Play {
        /// The scenario file
        file: PathBuf,
        /// The configurations of the nodes to play to, one a partner
        #[arg(long, required = true)]
        config: Vec<PathBuf>,
    },
    /// Say what is in a scenario file
    Show {
        /// The scenario file
        file: PathBuf,
    },
}

fn read_site(text: &str) -> Result<RadarSite, String> {
    let bad =
        || format!("expected SAC/SIC=LAT,LON,HEIGHT such as 25/201=45.8,16.0,150, got `{text}`");
    let (codes, place) = text.split_once('=').ok_or_else(bad)?;
    let (sac, sic) = codes.split_once('/').ok_or_else(bad)?;
    let numbers: Vec<f64> =
        place.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
    let [lat, lon, height] = numbers[..] else { return Err(bad()) };
    Ok(RadarSite {
        sac: sac.parse().map_err(|_| bad())?,
        sic: sic.parse().map_err(|_| bad())?,
        site: Geodetic::new(Degrees(lat), Degrees(lon), Metres(height))
            .map_err(|e| e.to_string())?,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::file("read", path, error))
}

impl IngestCommand {
    pub(super) fn run(self) -> Result<(), Error> {
        match self {
            Self::Asterix(arguments) => arguments.run(),
            Self::Reports { node, file } => {
                let client = Client::of(&Config::read(&node.config)?)?;
                let answer: Ingested =
                    client.send("/api/v1/reports", "application/jsonl", &read(&file)?)?;
                report(&answer);
                Ok(())
            }
        }
    }
}

fn report(answer: &Ingested) {
    eprintln!("appended {} entries with {} plots", answer.appended, answer.plots);
    for (reason, count) in &answer.skipped {
        eprintln!("skipped {count}: {reason}");
    }
}

impl AsterixArguments {
    fn run(&self) -> Result<(), Error> {
        let file = read(&self.file)?;
        let listed = list(&file)?;
        let mut page = String::new();
        if !self.json {
            page += "   offset  SAC/SIC  time of day          rho NM   theta deg  3/A   track\n";
        }
        for row in &listed.rows {
            page += &if self.json { format!("{row}\n") } else { line(row) };
        }
        print(&page);
        eprintln!(
            "{} target reports, {} service messages; other categories: {:?}",
            listed.rows.len(),
            listed.services,
            listed.others
        );
        for fault in &listed.faults {
            eprintln!("refused: {fault}");
        }
        if let Some(config) = &self.config {
            self.send(config, &file)?;
        }
        if listed.faults.is_empty() {
            return Ok(());
        }
        Err(Error::input(
            format!("{} parts of `{}` were refused", listed.faults.len(), self.file.display()),
            "the rest was read; each part is named above with its place",
        ))
    }

    /// Sends the scans as `track.scan` entries through the API.
    fn send(&self, config: &Path, file: &[u8]) -> Result<(), Error> {
        let being = Being::read(config)?;
        let client = Client::of(&being.config)?;
        let mut sites = self.site.clone();
        sites.extend(&being.config.radars);
        let feed =
            ingest::from_asterix(file, being.clock.now(), being.config.node.partner(), &sites);
        let mut answer = Ingested { skipped: feed.skipped.clone(), ..Ingested::default() };
        for scan in &feed.scans {
            let proposal = json!({ "kind": domains::track::events::SCAN_KIND, "content": scan });
            let appended: Value = client.post("/api/v1/entries", &proposal)?;
            answer.appended += 1;
            answer.plots += scan.plots.len() as u64;
            answer.entries.extend(appended["entry"].as_str().map(str::to_owned));
        }
        report(&answer);
        Ok(())
    }
}

struct Listed {
    rows: Vec<Value>,
    services: u64,
    others: BTreeMap<u8, u64>,
    faults: Vec<String>,
}

fn list(file: &[u8]) -> Result<Listed, Error> {
    let recording =
        asterix::open(file).map_err(|error| Error::input(error.to_string(), error.hint()))?;
    let mut listed =
        Listed { rows: Vec::new(), services: 0, others: BTreeMap::new(), faults: Vec::new() };
    for datagram in recording {
        let datagram = match datagram {
            Ok(datagram) => datagram,
            Err(error) => {
                listed.faults.push(format!("{error} (hint: {})", error.hint()));
                continue;
            }
        };
        for block in asterix::blocks(datagram.payload, datagram.offset) {
            match block.map(|block| (block.category, block.content)) {
                Ok((_, Content::Cat048(records))) => listed.rows.extend(records.iter().map(row)),
                Ok((_, Content::Cat034(records))) => listed.services += records.len() as u64,
                Ok((category, Content::Skipped)) => {
                    *listed.others.entry(category).or_default() += 1;
                }
                Err(error) => listed.faults.push(format!("{error} (hint: {})", error.hint())),
            }
        }
    }
    Ok(listed)
}

/// A target report in the units of its category: nautical miles, degrees, octal Mode 3/A.
fn row(record: &cat048::Record) -> Value {
    const NAUTICAL_MILE_M: f64 = 1_852.0;
    json!({
        "offset": record.offset,
        "sac": record.source.map(|source| source.sac),
        "sic": record.source.map(|source| source.sic),
        "time_of_day_s": record.time_of_day.map(|time| time.seconds().0),
        "rho_nm": record.position.map(|position| position.range.0 / NAUTICAL_MILE_M),
        "theta_deg": record.position.map(|position| position.azimuth.0),
        "mode_3a": record.mode_3a.map(|code| code.to_string()),
        "track_number": record.track_number,
        "flight_level": record.flight_level.map(cat048::FlightLevel::levels),
        "aircraft_address": record.aircraft_address.map(|address| format!("{address:06X}")),
        "callsign": record.identification.map(|name| name.as_str().trim().to_owned()),
    })
}

fn line(row: &Value) -> String {
    let number =
        |name: &str| row[name].as_f64().map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
    let word = |name: &str| match &row[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!(
        "{:>9}  {:>3}/{:<3}  {:>12}  {:>14}  {:>10}  {:>4}  {:>5}\n",
        word("offset"),
        word("sac"),
        word("sic"),
        number("time_of_day_s"),
        number("rho_nm"),
        number("theta_deg"),
        word("mode_3a"),
        word("track_number"),
    )
}

impl ScenarioCommand {
    pub(super) fn run(self) -> Result<(), Error> {
        match self {
            Self::Show { file } => {
                let scenario = Scenario::read(&read(&file)?, &file.display().to_string())?;
                show(&scenario);
                Ok(())
            }
            Self::Play { file, config } => {
                let scenario = Scenario::read(&read(&file)?, &file.display().to_string())?;
                play(&scenario, &config)
            }
        }
    }
}

fn show(scenario: &Scenario) {
    let header = &scenario.header;
    let plots: usize = scenario.scans.iter().map(|scan| scan.plots().len()).sum();
    let mut page = format!("realm {}\nseed  {}\n", header.realm(), header.seed());
    for sensor in header.sensors() {
        page += &format!("sensor {} of {}\n", sensor.id().as_str(), sensor.partner());
    }
    let first = scenario.scans.first().map(|scan| scan.t_meas().to_string()).unwrap_or_default();
    let last = scenario.scans.last().map(|scan| scan.t_meas().to_string()).unwrap_or_default();
    page += &format!("{} scans with {plots} plots from {first} to {last}\n", scenario.scans.len());
    print(&page);
}

fn play(scenario: &Scenario, configs: &[PathBuf]) -> Result<(), Error> {
    let mut clients: BTreeMap<PartnerId, Client> = BTreeMap::new();
    let mut clock = None;
    for path in configs {
        let being = Being::read(path)?;
        let realm = being.charter.realm().to_string();
        if realm != scenario.header.realm() {
            return Err(Error::input(
                format!("expected nodes of realm `{}`, got `{realm}`", scenario.header.realm()),
                "a scenario plays only in its own exercise realm",
            ));
        }
        clients.insert(being.config.node.partner(), Client::of(&being.config)?);
        clock.get_or_insert(being.clock);
    }
    let clock = clock.ok_or_else(|| Error::input("no node is named", "add `--config FILE`"))?;
    let begun = wall_now();
    let played = scenario.play(&clients, clock, |_| true);
    let seconds = wall_now().since(begun).as_seconds().0;
    eprintln!("played {} scans with {} plots in {seconds:.1} s", played.scans, played.plots);
    if played.not_taken > 0 {
        eprintln!(
            "{} scans were not taken: a node was away, or its clock is more than {} s from theirs",
            played.not_taken,
            base::limits::SCAN_AGE_S_MAX
        );
    }
    if played.without_node > 0 {
        eprintln!("{} scans belong to partners without a node here", played.without_node);
    }
    Ok(())
}
