//! `cargo xtask soak driver`: what `chaos` runs beside each node, in its namespace.
//!
//! It appends statements in all four lanes for as long as its standard input stays open, one by one and
//! on the ROUTINE lane many at once too, so that a partner that was away has something to catch up with;
//! it prints the id, lane, level, state and number of each entry that the node acknowledged. With
//! `--get PATH` it asks the node one thing and prints the answer. With `--read` it takes a log's name
//! and a size a line and prints the number of every statement of a driver below that size, each with its
//! id, as it reads them back from the node.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base::Timestamp;
use serde_json::{Value, json};

use crate::command::Given;
use crate::error::Error;

/// Each lane with the time between two of its statements, milliseconds.
const LANES: [(&str, u64); 4] =
    [("flash", 400), ("immediate", 250), ("priority", 150), ("routine", 80)];
/// Statements of one bulk append.
const BULK: u64 = 48;
/// Between two of them, milliseconds.
const BULK_EVERY_MS: u64 = 1_000;
/// Where the numbers of the statements of bulk appends begin.
const BULK_FROM: u64 = 1_000_000_000;
/// Entries read back at once.
const READ_AT_ONCE: u64 = 500;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A node's API, as its local commands use it.
struct Api {
    agent: ureq::Agent,
    url: String,
    /// Every start of the node writes another token, so it is read for each request.
    token: PathBuf,
}

impl Api {
    fn of(config: &Path) -> Result<Self, Error> {
        let shape = |got: String| Error::Shape {
            at: config.display().to_string(),
            expected: "a node's configuration".to_owned(),
            got,
            hint: "make it with `watchfire charter init`".to_owned(),
        };
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|source| Error::File { path: path.to_owned(), source })
        };
        let table: toml::Table = read(config)?.parse().map_err(|e| shape(format!("{e}")))?;
        let listen = table.get("http").and_then(|http| http.get("listen")?.as_str());
        let data = table.get("data").and_then(toml::Value::as_str);
        let (Some(listen), Some(data)) = (listen, data) else {
            return Err(shape("one without `http.listen` and `data`".to_owned()));
        };
        let token = config.parent().unwrap_or(Path::new(".")).join(data).join("control-token");
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Ok(Self { agent: settings.into(), url: format!("http://{listen}"), token })
    }

    fn bearer(&self) -> Option<String> {
        let token = std::fs::read_to_string(&self.token).ok()?;
        Some(format!("Bearer {}", token.trim()))
    }

    fn get(&self, path: &str) -> Option<Value> {
        let bearer = self.bearer()?;
        let asked = self.agent.get(format!("{}{path}", self.url)).header("authorization", &bearer);
        let mut answer = asked.call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok().filter(|_| answer.status().is_success())
    }

    fn append(&self, proposal: &Value) -> Option<Value> {
        self.post("/api/v1/entries", "application/json", &proposal.to_string())
    }

    fn post(&self, path: &str, media: &str, body: &str) -> Option<Value> {
        let bearer = self.bearer()?;
        let asked = self.agent.post(format!("{}{path}", self.url));
        let asked = asked.header("authorization", &bearer).header("content-type", media);
        let mut answer = asked.send(body).ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok().filter(|_| answer.status().is_success())
    }
}

/// Drives, or asks.
pub(super) fn run(given: &Given) -> Result<Value, Error> {
    let config = given.values("--node").last().copied().ok_or_else(|| Error::Usage {
        message: "expected `--node FILE`, got none".to_owned(),
        hint: "`cargo xtask soak chaos` starts this by itself".to_owned(),
    })?;
    let api = Api::of(Path::new(config))?;
    if let Some(path) = given.values("--get").last() {
        let answer = api.get(path);
        return Ok(json!({ "sound": answer.is_some(), "answer": answer }));
    }
    if given.has("--read") {
        return Ok(json!({ "sound": read_back(&api) }));
    }
    let (ended, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (lane, every_ms) in LANES {
            let (api, ended, refused) = (&api, &ended, &refused);
            let config = Path::new(config);
            scope.spawn(move || drive(api, config, lane, every_ms, ended, refused));
        }
        let (all, over, missed) = (&api, &ended, &refused);
        scope.spawn(move || drive_bulk(all, &partner_of(Path::new(config)), over, missed));
        // The one who started this lets go when it is over.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ended.store(true, Ordering::Relaxed);
    });
    Ok(json!({ "sound": true, "unanswered": refused.load(Ordering::Relaxed) }))
}

fn drive(
    api: &Api,
    config: &Path,
    lane: &str,
    every_ms: u64,
    ended: &AtomicBool,
    refused: &AtomicU64,
) {
    let partner = partner_of(config);
    let mut number = 0_u64;
    while !ended.load(Ordering::Relaxed) {
        number += 1;
        let level =
            ["local", "local", "partners(1)", "all"][usize::from(number.to_le_bytes()[0]) % 4];
        let proposal = proposal(&partner, lane, number, level);
        let acknowledged = api.append(&proposal);
        if let Some(entry) = acknowledged.as_ref().and_then(|answer| answer["entry"].as_str()) {
            let state = acknowledged.as_ref().and_then(|answer| answer["state"].as_str());
            say(&format!("{entry} {lane} {level} {} {number}\n", state.unwrap_or("?")));
        } else {
            refused.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(every_ms));
    }
}

/// The partner whose node's folder holds `config`.
fn partner_of(config: &Path) -> String {
    let partner = config.parent().and_then(|home| home.file_name()).unwrap_or_default();
    partner.to_string_lossy().chars().take(3).collect()
}

fn say(lines: &str) {
    // A reader that is gone ends the run through standard input.
    let _ = std::io::stdout().lock().write_all(lines.as_bytes());
}

/// Many statements in one append, again and again.
fn drive_bulk(api: &Api, partner: &str, ended: &AtomicBool, refused: &AtomicU64) {
    let mut number = BULK_FROM;
    while !ended.load(Ordering::Relaxed) {
        let content = |number| proposal(partner, "bulk", number, "local")["content"].to_string();
        let lines: Vec<String> = (number..number + BULK).map(content).collect();
        let path = "/api/v1/entries/bulk?kind=track.scan&precedence=routine&level=local";
        let answer = api.post(path, "application/jsonl", &lines.join("\n"));
        let last = answer.as_ref().and_then(|answer| answer["last"].as_str()?.rsplit_once('.'));
        if let Some((log, last)) =
            last.and_then(|(log, last)| Some((log, last.parse::<u64>().ok()?)))
        {
            let line = |at: u64| {
                let (index, number) = (last + 1 + at - BULK, number + at);
                format!("{log}.{index} routine bulk reached {number}\n")
            };
            say(&(0..BULK).map(line).collect::<String>());
        } else {
            refused.fetch_add(BULK, Ordering::Relaxed);
        }
        number += BULK;
        std::thread::sleep(Duration::from_millis(BULK_EVERY_MS));
    }
}

/// Reads back every log that is named; whether all could be read.
fn read_back(api: &Api) -> bool {
    let mut whole = true;
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let Some((log, size)) = line.split_once(' ') else { continue };
        let (mut next, size) = (0, size.parse::<u64>().unwrap_or(0));
        while next < size {
            let limit = READ_AT_ONCE.min(size - next);
            let path = format!("/api/v1/entries?log={log}&from={next}&limit={limit}");
            let answer = api.get(&path);
            let entries = answer.as_ref().and_then(Value::as_array);
            whole &= entries.is_some();
            let numbers = entries.into_iter().flatten().filter_map(|entry| {
                let number = entry["content"]["scan"].as_u64()?;
                Some(format!("{} {number}\n", entry["id"].as_str()?))
            });
            say(&numbers.collect::<String>());
            next += limit;
        }
    }
    whole
}

/// A scan of nothing, with the number of its lane as that of the scan.
fn proposal(partner: &str, lane: &str, number: u64, level: &str) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_nanos(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
    json!({
        "kind": "track.scan",
        "content": {
            "sensor": {
                "id": format!("chaos-{lane}"), "partner": partner, "kind": "geodetic",
                "position": null, "sigma_range_m": 100.0, "sigma_azimuth_deg": 1.0,
                "sigma_elevation_deg": 1.0, "pd": 0.9, "clutter": 0.0, "period_s": 1.0,
            },
            "scan": number,
            "measured": now.to_string(),
            "plots": [],
        },
        "precedence": lane, "level": level, "timeout_ms": 2_000,
    })
}
