//! `cargo xtask soak driver`: what `chaos` runs beside each node, in its namespace.
//!
//! It appends statements in all four lanes for as long as its standard input stays open, and prints
//! the id of each entry that the node acknowledged. With `--get PATH` it asks the node one thing and
//! prints the answer.

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
        let bearer = self.bearer()?;
        let asked = self.agent.post(format!("{}/api/v1/entries", self.url));
        let asked = asked.header("authorization", &bearer);
        let asked = asked.header("content-type", "application/json");
        let mut answer = asked.send(proposal.to_string()).ok()?;
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
    let (ended, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (lane, every_ms) in LANES {
            let (api, ended, refused) = (&api, &ended, &refused);
            let config = Path::new(config);
            scope.spawn(move || drive(api, config, lane, every_ms, ended, refused));
        }
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
    let partner = config.parent().and_then(|home| home.file_name()).unwrap_or_default();
    let partner: String = partner.to_string_lossy().chars().take(3).collect();
    let mut number = 0_u64;
    while !ended.load(Ordering::Relaxed) {
        number += 1;
        let level =
            ["local", "local", "partners(1)", "all"][usize::from(number.to_le_bytes()[0]) % 4];
        let proposal = proposal(&partner, lane, number, level);
        let acknowledged = api.append(&proposal);
        if let Some(entry) = acknowledged.as_ref().and_then(|answer| answer["entry"].as_str()) {
            let state = acknowledged.as_ref().and_then(|answer| answer["state"].as_str());
            let line = format!("{entry} {lane} {level} {}\n", state.unwrap_or("?"));
            // A reader that is gone ends the run through standard input.
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
        } else {
            refused.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(every_ms));
    }
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
