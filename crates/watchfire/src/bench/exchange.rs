//! `watchfire bench exchange`: two nodes, each a process of its own, joined by a real line on loopback.
//!
//! The origin runs here and is handed statements in its loop's own form ([`super::load`] says which);
//! the partner is a child process ([`mod@super::partner`]). A statement counts as done when it was sealed,
//! signed and synced at the origin, sent, verified, opened and **folded** at the partner — by the
//! registry, into each of the partner's views, the heads of which include it — and when the partner's
//! signed `holds` for it, which it gives after its own sync, has come back.
//!
//! Processor time is read thread by thread from `/proc`: what the store's threads use is storage
//! (rows, digests of rows, `SQLite`, writes), everything else is the exchange itself.

use std::path::Path;
use std::time::Duration;

use base::Timestamp;
use log::{Carrier, Precedence};
use serde_json::{Map, Value, json};
use sync::Level;

use super::child::Partner;
use super::cpu::{Cpu, peak_mib};
use super::limits::{self, Crypto};
use super::load::Load;
use super::near::{Near, answer, entry_id};
use super::{Output, PATIENCE, no_answer, percentiles, two_members};
use crate::clock::wall_now;
use crate::error::Error;
use crate::node;

/// Statements in one bulk append.
const CHUNK: u64 = 2_048;
/// Bulk appends under way at once: half of what a lane's queue takes.
const CHUNKS_UNDER_WAY: usize = 16;
/// Statements before the first that counts.
const WARM_UP: u64 = 20_000;
/// The longest wait for the end of a run.
const RUN_PATIENCE: Duration = Duration::from_mins(10);
/// Between two statements of the idle measurement, so that it is one.
const IDLE: Duration = Duration::from_millis(3);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Exchange {
    /// Statements of 256 bytes appended for the throughput
    #[arg(long, default_value_t = 400_000)]
    entries: u64,
    /// Scans of one plot appended for the throughput of the tracker
    #[arg(long, default_value_t = 20_000)]
    scans: u64,
    /// Statements appended one after the other for the idle latency
    #[arg(long, default_value_t = 1_000)]
    samples: usize,
    #[command(flatten)]
    output: Output,
}

/// Runs the measurement and prints it.
pub(crate) fn exchange(arguments: &Exchange) -> Result<(), Error> {
    arguments.output.of("exchange", |folder| measure(folder, arguments))
}

fn measure(folder: &Path, arguments: &Exchange) -> Result<Value, Error> {
    let members = two_members(folder, Carrier::Tcp, &[])?;
    let [here, there] = members.as_slice() else { return Err(no_answer("two nodes")) };
    let partner = Partner::start(&there.config, &[])?;
    let runtime = node::runtime()?;
    let near = Near::start(&runtime, &here.config, None)?;
    near.wait_for_line()?;
    let mut bench = Bench { near, partner };
    let report = bench.report(folder, arguments);
    bench.near.end(&runtime);
    bench.partner.end();
    report
}

/// Two nodes that are up.
struct Bench {
    near: Near,
    partner: Partner,
}

/// What one run of many statements came to.
struct Run {
    entries: u64,
    seconds: f64,
    /// Origin, partner.
    cpu: [Cpu; 2],
    refused: u64,
}

impl Run {
    fn per_second(&self) -> f64 {
        (self.entries as f64 / self.seconds).round()
    }

    /// Microseconds of processor time an entry without the store's threads and the load's.
    fn exchange_us(&self) -> f64 {
        let aside = ["store", "load", "probe"];
        let of =
            |cpu: &Cpu| cpu.total() - aside.iter().map(|name| cpu.of_threads(name)).sum::<f64>();
        self.cpu.iter().map(of).sum::<f64>() * 1e6 / self.entries as f64
    }

    fn storage_us(&self) -> f64 {
        let of = |cpu: &Cpu| cpu.of_threads("store");
        self.cpu.iter().map(of).sum::<f64>() * 1e6 / self.entries as f64
    }

    fn report(&self, load: Load) -> Value {
        json!({
            "kind": load.name(),
            "content_bytes": load.content(WARM_UP, wall_now()).len(),
            "entries": self.entries,
            "seconds": (self.seconds * 1e3).round() / 1e3,
            "entries_per_s": self.per_second(),
            "refused_and_sent_again": self.refused,
            "cpu_us_per_entry": {
                "exchange_both_nodes": (self.exchange_us() * 1e2).round() / 1e2,
                "storage_both_nodes": (self.storage_us() * 1e2).round() / 1e2,
                "origin_threads": self.cpu[0].micros_each(self.entries),
                "partner_threads": self.cpu[1].micros_each(self.entries),
            },
        })
    }
}

impl Bench {
    fn report(&mut self, folder: &Path, arguments: &Exchange) -> Result<Value, Error> {
        let mut syncs = limits::fdatasync(folder)?;
        let mut trips = limits::round_trips()?;
        eprintln!("idle latency of {} statements", arguments.samples);
        let (mut folded, mut durable) = self.idle(arguments.samples)?;
        syncs.extend(limits::fdatasync(folder)?);
        eprintln!("throughput of {} statements", arguments.entries);
        self.run(Load::Declared, 0, WARM_UP)?;
        let run = self.run(Load::Declared, WARM_UP, arguments.entries)?;
        let peak = self.peaks();
        eprintln!("throughput of {} scans", arguments.scans);
        let scans = match arguments.scans {
            0 => None,
            scans => Some(self.run(Load::Scan, 0, scans)?),
        };
        // A leaf: header of two partners and log part (76), kind and edition, content, tag.
        let body = super::load::DECLARED_BYTES + 17;
        let crypto = Crypto::measure(body + 16 + 82, body);
        let sync = percentiles(&mut syncs);
        let trip = percentiles(&mut trips);
        let latency = percentiles(&mut folded);
        let micros = |value: &Value, key: &str| value[key].as_f64().unwrap_or(f64::NAN);
        let floor = micros(&sync, "p50_us") + micros(&trip, "p50_us") / 2.0;
        let over = micros(&latency, "p50_us") - floor;
        let goals = json!([
            goal("entries_per_s", run.per_second(), "entries/s", "at least", 200_000.0),
            goal("idle_over_floor_p50_us", over, "us", "at most", 300.0),
            goal(
                "cpu_over_hash_and_aead",
                (run.exchange_us() / crypto.entry_us() * 1e2).round() / 1e2,
                "times",
                "at most",
                3.0
            ),
        ]);
        let mut results = Map::new();
        results.insert("exchange".to_owned(), run.report(Load::Declared));
        if let Some(scans) = scans {
            results.insert("scan".to_owned(), scans.report(Load::Scan));
        }
        results.insert("idle_append_to_partner_folded".to_owned(), latency);
        results.insert("idle_append_to_local_ack".to_owned(), percentiles(&mut durable));
        results.insert("peak_memory_mib".to_owned(), peak);
        Ok(json!({
            "results": results,
            "peers": {},
            "limits": limits::report(&crypto, &mut syncs, &mut trips, body + 16 + 82, body),
            "goals": goals,
        }))
    }

    fn pids(&self) -> [u32; 2] {
        [std::process::id(), self.partner.child.id()]
    }

    fn peaks(&self) -> Value {
        let [origin, partner] = self.pids().map(peak_mib);
        json!({ "origin": origin, "partner": partner })
    }

    /// Appends one statement after the other: times to the fold at the partner, to the local answer.
    fn idle(&self, samples: usize) -> Result<(Vec<Duration>, Vec<Duration>), Error> {
        let warm_up = (samples / 10).min(50);
        let (mut folded, mut durable) = (Vec::new(), Vec::new());
        for number in 0..samples + warm_up {
            std::thread::sleep(IDLE);
            let begun = wall_now();
            let bulk =
                Load::Declared.bulk(number as u64, 1, begun, Precedence::Flash, Level::Local);
            let asked = wall_now();
            let appended =
                answer(self.near.bulk(bulk)?)?.ok_or_else(|| no_answer("room in the queue"))?;
            let acknowledged = wall_now();
            let at = self.partner.folded(&entry_id(&appended.last)?, PATIENCE)?;
            if number >= warm_up {
                folded.push(between(asked, at));
                durable.push(between(asked, acknowledged));
            }
        }
        Ok((folded, durable))
    }

    /// Appends `entries` statements from number `from` on as fast as they are taken.
    fn run(&mut self, load: Load, from: u64, entries: u64) -> Result<Run, Error> {
        // A thread of its own, so that the load's processor time is told from the node's.
        std::thread::scope(|scope| {
            let work = || self.run_here(load, from, entries);
            let thread = std::thread::Builder::new().name("load".to_owned());
            let thread = thread
                .spawn_scoped(scope, work)
                .map_err(|error| Error::input(error.to_string(), "check the limit on threads"))?;
            thread.join().expect("the load does not panic")
        })
    }

    fn run_here(&mut self, load: Load, from: u64, entries: u64) -> Result<Run, Error> {
        let end = from + entries;
        let bulk = |start: u64, level| {
            let count = CHUNK.min(end - start);
            load.bulk(start, count, wall_now(), Precedence::Routine, level)
        };
        let level = |start: u64| if start + CHUNK >= end { Level::All } else { Level::Local };
        let starts = || (from..end).step_by(usize::try_from(CHUNK).expect("small"));
        // Statements that say nothing of the time are made beforehand: making them is not the exchange.
        let mut made: std::collections::VecDeque<_> = if load == Load::Declared {
            starts().map(|start| bulk(start, level(start))).collect()
        } else {
            std::collections::VecDeque::new()
        };
        let before = self.pids().map(Cpu::of);
        let mut under_way = std::collections::VecDeque::new();
        let mut refused = 0;
        let mut next = starts();
        let begun = wall_now();
        let mut last = None;
        loop {
            if under_way.len() < CHUNKS_UNDER_WAY
                && let Some(start) = next.next()
            {
                let bulk = made.pop_front().unwrap_or_else(|| bulk(start, level(start)));
                under_way.push_back((start, self.near.bulk(bulk)?));
                continue;
            }
            let Some((start, asked)) = under_way.pop_front() else { break };
            if let Some(appended) = answer(asked)? {
                last = Some(appended);
                continue;
            }
            // Refused for want of room: what overload looks like to a caller.
            refused += CHUNK.min(end - start);
            std::thread::sleep(Duration::from_millis(5));
            under_way.push_back((start, self.near.bulk(bulk(start, Level::All))?));
        }
        let held = wall_now();
        let last = last.ok_or_else(|| no_answer("an answer to the last append"))?;
        if last.state != "reached" {
            return Err(no_answer("the partner's receipt for everything"));
        }
        let folded = self.partner.folded(&entry_id(&last.last)?, RUN_PATIENCE)?;
        let [origin, partner] = self.pids().map(Cpu::of);
        let cpu = [origin.since(&before[0]), partner.since(&before[1])];
        let seconds = between(begun, held.max(folded)).as_secs_f64();
        Ok(Run { entries, seconds, cpu, refused })
    }
}

pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(to.since(from).as_nanos()).unwrap_or(0))
}

pub(super) fn goal(name: &str, value: f64, unit: &str, sense: &str, bound: f64) -> Value {
    let met = if sense == "at least" { value >= bound } else { value <= bound };
    json!({ "name": name, "value": value, "unit": unit, "goal": format!("{sense} {bound}"), "met": met })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_know_their_sense() {
        let more = goal("a", 3.0, "x", "at least", 2.0);
        let less = goal("a", 3.0, "x", "at most", 2.0);
        assert_eq!((&more["met"], &less["met"]), (&json!(true), &json!(false)));
    }
}
