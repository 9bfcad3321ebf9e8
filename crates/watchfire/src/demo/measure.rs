//! What the demonstration reports, asked of the nodes and compared with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use base::{Degrees, Ecef, Geodetic, Metres, PartnerId, Position, Timestamp};
use formats::scenario::{Truth, TruthClass};
use serde_json::Value;

use crate::client::Client;
use crate::config::Config;
use crate::core::answers::Digest;
use crate::error::Error;
use crate::federation::Member;

/// Where and when the missile really came down.
pub(super) struct Impact {
    at: Timestamp,
    place: Position<Ecef>,
}

impl Impact {
    /// The last true state of the ballistic object, if there is one.
    pub(super) fn of_truth(file: &[u8]) -> Result<Option<Self>, Error> {
        let text = String::from_utf8_lossy(file);
        let mut impact = None;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let truth = Truth::parse(number + 1, line)
                .map_err(|error| Error::input(error.to_string(), error.hint()))?;
            if truth.class() == TruthClass::Ballistic {
                impact = Some(Self { at: truth.t(), place: truth.position() });
            }
        }
        Ok(impact)
    }
}

/// One forecast against the truth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forecast {
    /// True time left when it was made.
    pub(super) lead_s: f64,
    pub(super) error_km: f64,
    /// Forecast time less the true one.
    pub(super) time_error_s: f64,
    /// Of the major axis, one sigma.
    pub(super) sigma_km: f64,
    pub(super) time_sigma_s: f64,
}

/// The forecast of the confirmed ballistic track in `picture`, before the true impact.
pub(super) fn forecast(picture: &Value, impact: &Impact, now: Timestamp) -> Option<Forecast> {
    if now > impact.at {
        return None;
    }
    let tracks = picture["track.tracks"].as_object()?;
    // The one with most plots, should debris have a track of its own.
    let track = tracks
        .values()
        .filter(|track| track["class"] == "ballistic" && track["impact"].is_object())
        .max_by_key(|track| track["plots"].as_u64())?;
    let said = &track["impact"];
    let place = Geodetic::new(
        Degrees(said["lat_deg"].as_f64()?),
        Degrees(said["lon_deg"].as_f64()?),
        Metres(impact.place.to_geodetic().height().0),
    )
    .ok()?;
    let time: Timestamp = said["time"].as_str()?.parse().ok()?;
    Some(Forecast {
        lead_s: impact.at.since(now).as_seconds().0,
        error_km: place.to_ecef().distance(&impact.place).0 / 1_000.0,
        time_error_s: time.since(impact.at).as_seconds().0,
        sigma_km: said["semi_major_m"].as_f64()? / 1_000.0,
        time_sigma_s: said["time_sigma_s"].as_f64()?,
    })
}

/// Something an officer could do now.
pub(super) struct WaitingAct {
    pub(super) warning: String,
    pub(super) draft: String,
    pub(super) verb: &'static str,
}

/// What waits for the officers of `partner`.
pub(super) fn waiting_acts(picture: &Value, partner: PartnerId) -> Vec<WaitingAct> {
    let Some(warnings) = picture["warning.warnings"].as_object() else { return Vec::new() };
    warnings
        .values()
        .filter(|warning| warning["owner"] == partner.as_str())
        .filter_map(|warning| {
            let verb = match warning["pending"]["action"].as_str()? {
                "alert" => "release",
                "update" => "update",
                _ => "cancel",
            };
            Some(WaitingAct {
                warning: warning["id"].as_str()?.to_owned(),
                draft: warning["pending"]["entry"].as_str()?.to_owned(),
                verb,
            })
        })
        .collect()
}

/// What the nodes agreed on.
pub(super) struct Settled {
    /// Sizes that every node holds.
    pub(super) cut: BTreeMap<String, u64>,
    pub(super) receipts_complete: BTreeSet<PartnerId>,
}

/// Waits until every node's entries are held by all that should hold them, or the time is over; the
/// cut is what all hold in common.
pub(super) fn settle(
    clients: &BTreeMap<PartnerId, Client>,
    within: Duration,
) -> Result<Settled, Error> {
    let begun = crate::clock::instant();
    let mut target: Option<BTreeMap<String, u64>> = None;
    loop {
        let mut common: Option<BTreeMap<String, u64>> = None;
        let mut union = BTreeMap::new();
        let mut complete = BTreeSet::new();
        for (partner, client) in clients {
            let status: Value = client.get("/api/v1/status")?;
            let sizes: BTreeMap<String, u64> =
                serde_json::from_value(status["logs"].clone()).unwrap_or_default();
            for (log, size) in &sizes {
                let largest = union.entry(log.clone()).or_insert(0);
                *largest = (*size).max(*largest);
            }
            if status["receipts_complete"] == true {
                complete.insert(*partner);
            }
            common = Some(match common {
                None => sizes,
                Some(common) => common
                    .into_iter()
                    .filter_map(|(log, size)| Some((log.clone(), size.min(*sizes.get(&log)?))))
                    .collect(),
            });
        }
        let common = common.unwrap_or_default();
        // Pulses go on for ever, so the target is what stood in the logs at the first look.
        let target = target.get_or_insert(union);
        let reached =
            target.iter().all(|(log, size)| common.get(log).is_some_and(|held| held >= size));
        if (reached && complete.len() == clients.len()) || begun.elapsed() >= within {
            let cut = if reached { target.clone() } else { common };
            return Ok(Settled { cut, receipts_complete: complete });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The digest of the view of all partners at `cut`.
pub(super) fn digest(client: &Client, cut: &BTreeMap<String, u64>) -> Result<Digest, Error> {
    let pairs: Vec<String> = cut.iter().map(|(log, size)| format!("{log}={size}")).collect();
    client.get(&format!("/api/v1/digest?view=JPN%2BKOR%2BUSA&cut={}", pairs.join(",")))
}

/// Every CAP file the nodes have written.
pub(super) fn cap_files(members: &[Member]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for member in members {
        let folder = Config::read(&member.config)?.data.join("cap");
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        files.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|end| end == "xml")),
        );
    }
    files.sort();
    Ok(files)
}
