//! Measurements of this machine's nodes.
//!
//! [`mod@exchange`] is `watchfire bench exchange`: throughput and idle latency of two processes;
//! [`mod@flash`] is `watchfire bench flash`: FLASH over a slow line, idle and beside a backlog;
//! [`mod@catchup`] is `watchfire bench catchup`: a partner that was cut off for long.
//!
//! `watchfire bench line`: two real nodes in this process, joined by a real TLS line on loopback.
//!
//! Timed from handing a 256-byte-class statement to one loop: to its acknowledgement (durable in that
//! node's store), to its fold at the partner (received, verified, opened, folded), and to the
//! partner's `holds` receipt coming back (durable there too). One statement at a time: latency of an
//! idle line.

mod catchup;
mod child;
mod cpu;
mod exchange;
mod flash;
mod limits;
mod load;
mod near;
mod partner;
mod plain_quinn;

use std::path::{Path, PathBuf};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use base::{PartnerId, Timestamp};
use domains::track::events::{Plot, PlotReport, ScanReport, SensorInfo, SensorKind};
use log::{Carrier, ExerciseTime, Realm};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use self::near::{Near, entry_id, refusal};
use crate::clock::{instant, wall_now};
use crate::config::Tuning;
use crate::core::answers::{Appended, Proposal};
use crate::core::{Folded, Question};
use crate::error::Error;
use crate::federation::{self, Plan};
use crate::node;

pub(crate) use catchup::{Catchup, Sink, catchup, sink};
pub(crate) use exchange::{Exchange, exchange};
pub(crate) use flash::{Flash, flash};
pub(crate) use partner::run as partner;
pub(crate) use plain_quinn::{PlainQuinn, answer as plain_quinn_answer, plain_quinn};

/// Appends before the first that counts.
const WARM_UP: usize = 50;
/// The longest wait for one fold or answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the measurement and prints it.
pub(crate) fn line(samples: usize, json: bool) -> Result<(), Error> {
    if !(1..=1_000_000).contains(&samples) {
        return Err(Error::input(
            format!("expected `--samples` from 1 to 1000000, got {samples}"),
            "1000 takes a few seconds",
        ));
    }
    let folder = std::env::temp_dir().join(format!("watchfire-bench-{}", std::process::id()));
    let result = measure(&folder, samples);
    std::fs::remove_dir_all(&folder).ok();
    let result = result?;
    for (name, figures) in result["results"].as_object().into_iter().flatten() {
        eprintln!("{name}: p50 {} us, p99 {} us", figures["p50_us"], figures["p99_us"]);
    }
    if json {
        println!("{result}");
    }
    Ok(())
}

/// Where a measurement has its files and how it says what it found.
#[derive(clap::Args)]
struct Output {
    /// A folder on the disk to be measured, for files of this run; the system's temporary one if absent
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print the result as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Measures in a folder of its own and prints the report.
    fn of(
        &self,
        name: &str,
        measure: impl FnOnce(&Path) -> Result<Value, Error>,
    ) -> Result<(), Error> {
        let named = format!("watchfire-{name}-{}", std::process::id());
        let folder = self.folder.clone().unwrap_or_else(std::env::temp_dir).join(named);
        let report = measure(&folder);
        std::fs::remove_dir_all(&folder).ok();
        let report = report?;
        for goal in report["goals"].as_array().into_iter().flatten() {
            eprintln!(
                "{}: {} {} (goal {})",
                goal["name"], goal["value"], goal["unit"], goal["goal"]
            );
        }
        if self.json {
            println!("{report}");
        } else {
            println!("{report:#}");
        }
        Ok(())
    }
}

type Probed = std_mpsc::Receiver<Folded>;

/// Two partners, one node each, below `folder`.
fn two_members(
    folder: &Path,
    carrier: Carrier,
    hosts: &[std::net::IpAddr],
) -> Result<Vec<federation::Member>, Error> {
    let partners = ["JPN", "KOR"].map(|code| code.parse::<PartnerId>().expect("a code"));
    let started = wall_now();
    let plan = Plan {
        realm: Realm::exercise("bench").expect("a good name"),
        time: ExerciseTime { epoch: started, clock_rate: 1.0 },
        started,
        partners: partners.to_vec(),
        nodes: 1,
        radars: Vec::new(),
        tuning: Tuning::default(),
        carrier,
        relays: std::collections::BTreeSet::new(),
    };
    federation::make_at(folder, &plan, hosts)
}

fn measure(folder: &Path, samples: usize) -> Result<Value, Error> {
    let members = two_members(folder, Carrier::Tcp, &[])?;
    let runtime = node::runtime()?;
    let mut ends = Vec::new();
    for member in &members {
        let (probe, probed) = std_mpsc::channel();
        ends.push((Near::start(&runtime, &member.config, Some(probe))?, probed));
    }
    let [(near, _), (_, far)] = ends.as_slice() else { return Err(no_answer("two nodes")) };
    near.wait_for_line()?;
    let figures = run(near, far, samples)?;
    for (node, _) in ends {
        node.end(&runtime);
    }
    Ok(figures)
}

fn no_answer(what: &str) -> Error {
    Error::input(
        format!("expected {what} within {} s", PATIENCE.as_secs()),
        "is the machine overloaded?",
    )
}

fn ask<T>(
    questions: &mpsc::Sender<Question>,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Result<T, Error> {
    let (reply, answer) = oneshot::channel();
    questions
        .blocking_send(question(reply))
        .map_err(|_| no_answer("the loop to take a question"))?;
    answer.blocking_recv().map_err(|_| no_answer("the loop to answer"))
}

fn run(near: &Near, far: &Probed, samples: usize) -> Result<Value, Error> {
    let mut acknowledged = Vec::with_capacity(samples);
    let mut folded = Vec::with_capacity(samples);
    let mut receipted = Vec::with_capacity(samples);
    let mut bytes = 0;
    for number in 0..samples + WARM_UP {
        let now: Timestamp = near.ask(Question::Now)?;
        let proposal = proposal(number, now, "local");
        bytes = domains::encode_content(&scan(number, now)).len();
        let begun = instant();
        let appended: Appended = append(near, proposal)?;
        let durable = begun.elapsed();
        let entry = entry_id(&appended.entry)?;
        let fold = loop {
            let folded =
                far.recv_timeout(PATIENCE).map_err(|_| no_answer("a fold at the partner"))?;
            if folded.has(&entry) {
                break folded.at.saturating_duration_since(begun);
            }
        };
        if number >= WARM_UP {
            acknowledged.push(durable);
            folded.push(fold);
        }
    }
    for number in 0..samples.min(500) {
        let now: Timestamp = near.ask(Question::Now)?;
        let proposal = proposal(samples + WARM_UP + number, now, "all");
        let begun = instant();
        append(near, proposal)?;
        receipted.push(begun.elapsed());
    }
    Ok(json!({
        "results": {
            "append_to_local_ack": percentiles(&mut acknowledged),
            "append_to_partner_folded": percentiles(&mut folded),
            "append_to_all_hold": percentiles(&mut receipted),
        },
        "content_bytes": bytes,
        "peers": {},
        "limits": {},
        "goals": [],
    }))
}

fn append(near: &Near, proposal: Proposal) -> Result<Appended, Error> {
    near.ask(|reply| Question::Append { proposal, reply })?.map_err(refusal)
}

fn proposal(number: usize, now: Timestamp, level: &str) -> Proposal {
    Proposal {
        kind: domains::track::events::SCAN_KIND.to_owned(),
        content: serde_json::to_value(scan(number, now)).expect("scans are plain data"),
        audience: None,
        precedence: Some("flash".to_owned()),
        level: Some(level.to_owned()),
        timeout_ms: None,
    }
}

/// A scan of one plot, each at another place, so that the tracker has next to nothing to do.
fn scan(number: usize, now: Timestamp) -> ScanReport {
    ScanReport {
        sensor: SensorInfo {
            id: "JPN-BENCH".to_owned(),
            partner: "JPN".parse().expect("a code"),
            kind: SensorKind::Geodetic,
            position: None,
            sigma_range_m: 100.0,
            sigma_azimuth_deg: 0.1,
            sigma_elevation_deg: 0.1,
            pd: 0.9,
            clutter: 0.0,
            period_s: 10.0,
        },
        scan: number as u64,
        measured: now,
        plots: vec![Plot {
            offset_ns: base::TimeDelta::ZERO,
            report: PlotReport::Geodetic {
                lat_deg: (number * 37 % 120) as f64 - 60.0,
                lon_deg: (number * 73 % 340) as f64 - 170.0,
                height_m: 10_000.0,
                sigma_m: 100.0,
            },
        }],
    }
}

fn percentiles(times: &mut [Duration]) -> Value {
    times.sort_unstable();
    let at = |part: usize| {
        let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(place).map(Duration::as_micros).and_then(|us| u64::try_from(us).ok())
    };
    json!({ "samples": times.len(), "p50_us": at(50), "p90_us": at(90), "p99_us": at(99), "max_us": at(100) })
}
