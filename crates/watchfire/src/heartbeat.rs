//! A dead-man's switch outside: a beat at every interval while the node works, and none otherwise.
//!
//! What is sent is `POST` of one small JSON object, and the same to a file where one is named:
//!
//! ```text
//! {"edition":1,"node":"KOR-1","realm":"operational","state":"ok","time":"2026-11-25T14:03:00Z"}
//! ```
//!
//! A beat goes out only while the loop comes by and its store takes appends ([`standing`]). The absence of
//! beats is the alarm, so nothing here tries to say that the node is ill: a node that cannot work may not be
//! able to say so either. The state is `degraded` while the node works and some of what it works with does
//! not: a line, a log with a gap.
//!
//! Beats are made beside the loop and never hold it up. A service that does not take them is a finding
//! after [`outside::FAILURES_TOLD`] in a row, and a metric.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::{NodeId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::core::Question;
use crate::error::Error;
use crate::outside::{self, Service, Telling};

/// Edition of the object that is sent.
const EDITION: u32 = 1;
/// Seconds between two beats unless set.
const EVERY_S: u32 = 30;
/// The longest interval: beyond it an alarm would come too late to be one.
const EVERY_S_MAX: u32 = 3_600;
/// The first beat after the start: the loop has come by until then.
const FIRST_AFTER: Duration = Duration::from_secs(1);
/// The longest wait for the service to take a beat; an interval that is shorter is the limit then.
const POST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time since the loop last came by after which it is stuck; it comes by ten times a second.
pub(crate) const LOOP_STUCK_AFTER: Duration = Duration::from_secs(5);
/// Time since the store last took an append, beyond [`PULSES_MISSED`], after which it takes none.
const STORE_SILENT_AFTER: Duration = Duration::from_secs(5);
/// Pulses, which are appends, that may be missing.
const PULSES_MISSED: u32 = 2;

/// The part `[heartbeat]` of a node's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heartbeat {
    /// Where each beat is posted: `http://` or `https://`.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// A file that holds the last beat, for whoever watches on this machine.
    #[serde(default)]
    pub(crate) file: Option<PathBuf>,
    /// Certificates (PEM) that vouch for an `https://` service.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
    /// Seconds between two beats; 30 if absent.
    #[serde(default = "every_s")]
    pub(crate) every_s: u32,
}

const fn every_s() -> u32 {
    EVERY_S
}

impl Heartbeat {
    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let url = self.url.as_deref();
        if url.is_none() && self.file.is_none() {
            return Some("expected `heartbeat.url` or `heartbeat.file`, got neither".to_owned());
        }
        if !(1..=EVERY_S_MAX).contains(&self.every_s) {
            let got = self.every_s;
            return Some(format!(
                "expected `heartbeat.every_s` from 1 to {EVERY_S_MAX}, got {got}"
            ));
        }
        match url {
            Some(url) => outside::fault("heartbeat", "url", url, self.ca.as_deref()),
            None => self
                .ca
                .is_some()
                .then(|| "expected `heartbeat.ca` with an `https://` address alone".to_owned()),
        }
    }

    /// The files named, to be made relative to the configuration's folder.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.file, &mut self.ca].into_iter().flatten()
    }

    fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_s))
    }
}

/// How a node that works does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// All of it.
    Ok,
    /// Something it works with does not.
    Degraded,
}

/// What the loop last said of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sign {
    /// When.
    pub(crate) at: Instant,
    /// When the store last took an append, and whether it refuses them now.
    pub(crate) stored: Instant,
    pub(crate) refuses: bool,
    pub(crate) state: State,
}

/// Where the loop leaves its last sign.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signs(Arc<Mutex<Option<Sign>>>);

impl Signs {
    pub(crate) fn leave(&self, sign: Sign) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign);
    }

    fn last(&self) -> Option<Sign> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the node stands by its last sign, or why there is to be no beat.
fn standing(sign: Option<Sign>, now: Instant, pulse: Duration) -> Result<State, &'static str> {
    let sign = sign.ok_or("the loop has not begun")?;
    let since = |at: Instant| now.saturating_duration_since(at);
    if since(sign.at) > LOOP_STUCK_AFTER {
        return Err("the loop does not come by");
    }
    if sign.refuses {
        return Err("the store refuses appends");
    }
    if since(sign.stored) > pulse * PULSES_MISSED + STORE_SILENT_AFTER {
        return Err("the store has not answered");
    }
    Ok(sign.state)
}

/// What became of beats, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    /// Taken.
    pub(crate) sent: AtomicU64,
    /// Not taken.
    pub(crate) failed: AtomicU64,
    /// Of those, in a row until now.
    pub(crate) failing: AtomicU64,
    /// Not made, because the node did not work.
    pub(crate) withheld: AtomicU64,
}

/// What a heartbeat needs to know of its node.
pub(crate) struct Around {
    pub(crate) me: NodeId,
    pub(crate) realm: String,
    /// Between two pulses.
    pub(crate) pulse: Duration,
    pub(crate) signs: Signs,
    pub(crate) questions: mpsc::Sender<Question>,
    pub(crate) beats: Arc<Beats>,
}

#[derive(Serialize)]
struct Beat<'a> {
    edition: u32,
    node: NodeId,
    realm: &'a str,
    state: State,
    time: Timestamp,
}

/// Beats until `stop` changes.
pub(crate) fn start(
    config: &Heartbeat,
    around: Around,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let sender = Arc::new(Sender::new(config)?);
    tokio::spawn(keep_beating(sender, around, config.every(), stop));
    Ok(())
}

async fn keep_beating(
    sender: Arc<Sender>,
    around: Around,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let first = tokio::time::Instant::from_std(clock::instant() + FIRST_AFTER);
    let mut due = tokio::time::interval_at(first, every);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut silent = false;
    let mut telling = Telling::new("heartbeat", "heartbeats", around.questions.clone());
    loop {
        tokio::select! {
            _ = due.tick() => {}
            _ = stop.changed() => return,
        }
        let state = match standing(around.signs.last(), clock::instant(), around.pulse) {
            Ok(state) => state,
            Err(why) => {
                around.beats.withheld.fetch_add(1, Ordering::Relaxed);
                if !silent {
                    tracing::warn!(why, "no heartbeats until this is mended");
                }
                silent = true;
                continue;
            }
        };
        silent = false;
        let time = clock::wall_now();
        let beat = Beat { edition: EDITION, node: around.me, realm: &around.realm, state, time };
        let beat = serde_json::to_string(&beat).expect("a beat is plain data");
        let sending = Arc::clone(&sender);
        // The client blocks, within its limit.
        let sent = tokio::task::spawn_blocking(move || sending.send(&beat));
        let result = tokio::select! {
            result = sent => result.unwrap_or_else(|error| Err(error.to_string())),
            _ = stop.changed() => return,
        };
        count(&around.beats, &mut telling, result);
    }
}

/// Counts a beat; tells the operator once it fails again and again, and once it goes on.
fn count(beats: &Beats, telling: &mut Telling, result: Result<(), String>) {
    let counter = if result.is_ok() { &beats.sent } else { &beats.failed };
    counter.fetch_add(1, Ordering::Relaxed);
    beats.failing.store(telling.note(result), Ordering::Relaxed);
}

/// Who takes beats.
struct Sender {
    service: Option<Service>,
    file: Option<PathBuf>,
}

impl Sender {
    fn new(config: &Heartbeat) -> Result<Self, Error> {
        let limit = config.every().min(POST_TIMEOUT);
        let service = |url: String| Service::new(url, config.ca.as_deref(), limit);
        let service = config.url.clone().map(service).transpose()?;
        Ok(Self { service, file: config.file.clone() })
    }

    /// Sends to both; why not, without the address, which is nobody's business.
    fn send(&self, beat: &str) -> Result<(), String> {
        let posted = self.service.as_ref().map_or(Ok(()), |service| service.post(beat).map(drop));
        let written = self.file.as_ref().map_or(Ok(()), |path| {
            write(path, beat).map_err(|error| format!("`{}`: {error}", path.display()))
        });
        posted.and(written)
    }
}

/// Whoever reads the file finds one beat, the last or the one before.
fn write(path: &Path, beat: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, format!("{beat}\n"))?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_needs_a_loop_and_a_store() {
        let began = clock::instant();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let check = |sign: Option<(u64, u64, bool, State)>, now_ms, expect| {
            let sign = sign.map(|(at_ms, stored_ms, refuses, state)| Sign {
                at: at(at_ms),
                stored: at(stored_ms),
                refuses,
                state,
            });
            assert_eq!(standing(sign, at(now_ms), Duration::from_secs(5)), expect);
        };
        check(None, 0, Err("the loop has not begun"));
        check(Some((0, 0, false, State::Ok)), 5_000, Ok(State::Ok));
        check(Some((0, 0, false, State::Degraded)), 0, Ok(State::Degraded));
        check(Some((0, 0, false, State::Ok)), 5_001, Err("the loop does not come by"));
        check(Some((0, 0, true, State::Ok)), 100, Err("the store refuses appends"));
        check(Some((15_000, 0, false, State::Ok)), 15_000, Ok(State::Ok));
        check(Some((15_001, 0, false, State::Ok)), 15_001, Err("the store has not answered"));
    }

    #[test]
    fn settings_are_checked() {
        let fault = |text: &str| {
            let read: Result<Heartbeat, _> = toml::from_str(text);
            read.map_err(|error| error.message().to_owned()).map(|read| read.fault())
        };
        let neither = "expected `heartbeat.url` or `heartbeat.file`, got neither";
        assert_eq!(fault(""), Ok(Some(neither.to_owned())));
        assert_eq!(fault("file = \"beat\""), Ok(None));
        assert_eq!(fault("url = \"http://10.0.0.1:8080/alive\""), Ok(None));
        assert_eq!(fault("url = \"https://a.example/x\"\nca = \"a.pem\""), Ok(None));
        let starts = |text, words: &str| {
            let got = fault(text).expect("it is read").expect("it is refused");
            assert!(got.starts_with(words), "expected `{words}`, got `{got}`");
        };
        starts("url = \"ftp://a.example\"", "expected `heartbeat.url` as http://HOST");
        starts("url = \"http://\"", "expected `heartbeat.url` as http://HOST");
        starts("url = \"https://a.example/x\"", "expected `heartbeat.ca`, a PEM file");
        starts("url = \"http://a.example\"\nca = \"a.pem\"", "expected `heartbeat.ca` with");
        starts(
            "file = \"beat\"\nevery_s = 0",
            "expected `heartbeat.every_s` from 1 to 3600, got 0",
        );
        assert!(fault("file = \"beat\"\nevery_m = 1").is_err());
    }
}
