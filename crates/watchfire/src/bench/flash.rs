//! `watchfire bench flash`: the round trip of a FLASH entry, on an idle line and beside a backlog.
//!
//! Two nodes, each a process of its own; where they stand (namespaces joined by a line of a known
//! rate, usually) is the caller's business. One sample goes from handing a declaration of 256 bytes to
//! the origin's loop to the moment that loop has verified the partner's signed `holds` for it: sealed,
//! signed and synced here, sent, verified, opened and synced there, and the receipt's way back.
//!
//! Beside a backlog the ROUTINE lane never runs dry: fillers of 928 bytes are appended as fast as
//! the partner takes them. Goodput is measured in a time of its own without samples, and counts entries
//! as they stand in the log (999 bytes: the entry's part of the header, kind, content and tag); the
//! share of their content alone is told beside it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use base::Timestamp;
use log::{Carrier, Precedence};
use serde_json::{Value, json};
use sync::Level;

use super::child::{Partner, Said};
use super::exchange::between;
use super::load::{FILLER_BYTES, FILLER_KIND, Load};
use super::near::{Near, answer, entry_id};
use super::{Output, no_answer, percentiles, two_members};
use crate::clock::{instant, wall_now};
use crate::error::Error;
use crate::node;

/// Samples before the first that counts.
const WARM_UP: usize = 3;
/// Between two samples, least; more by up to [`JITTER_MAX_MS`], so that they meet no rhythm.
const BETWEEN: Duration = Duration::from_millis(20);
/// See [`BETWEEN`].
const JITTER_MAX_MS: u64 = 37;
/// Share of the line that samples may take, so that they do not load it themselves.
const SAMPLES_SHARE: f64 = 0.02;
/// Bytes on the line that a sample is taken for.
const SAMPLE_BYTES: f64 = 1_000.0;
/// Longest time between two samples.
const BETWEEN_MAX: Duration = Duration::from_millis(1_500);
/// Seconds of the line's rate kept waiting in the backlog.
const BACKLOG_S: u64 = 2;
/// Entries in the backlog, least and most.
const BACKLOG: (u64, u64) = (64, 30_000);
/// Entries appended at once for the backlog, most.
const CHUNK_MAX: u64 = 1_024;
/// Where the numbers of the backlog's fillers begin.
const BACKLOG_FROM: u64 = 1_000_000;

/// Bytes of one entry of the backlog in a batch: tag 1, entry part 35 with an audience of two, length 4,
/// kind with its length and edition, content, AEAD tag 16.
const ENTRY_BYTES: usize = 1 + 35 + 4 + FILLER_KIND.len() + 3 + FILLER_BYTES + 16;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Flash {
    /// The line's rate in bits a second, for the goodput and the time between samples
    #[arg(long)]
    bits: u64,
    /// What carries the line: `quic` or `tcp`
    #[arg(long, default_value = "quic", value_parser = carrier)]
    carrier: Carrier,
    /// Where the two nodes listen for the line; loopback if absent
    #[arg(long, num_args = 2)]
    hosts: Vec<std::net::IpAddr>,
    /// A word before the partner's command, once for each, such as `ip`, `netns`, `exec`, NAME
    #[arg(long = "within")]
    within: Vec<String>,
    /// FLASH entries on the idle line
    #[arg(long, default_value_t = 200)]
    idle: usize,
    /// FLASH entries beside the backlog
    #[arg(long, default_value_t = 300)]
    loaded: usize,
    /// Seconds under load before the first sample
    #[arg(long, default_value_t = 10)]
    settle_s: u64,
    /// Seconds over which goodput is measured
    #[arg(long, default_value_t = 15)]
    goodput_s: u64,
    #[command(flatten)]
    output: Output,
}

pub(super) fn carrier(word: &str) -> Result<Carrier, String> {
    match word {
        "quic" => Ok(Carrier::Quic),
        "tcp" => Ok(Carrier::Tcp),
        _ => Err("expected `quic` or `tcp`".to_owned()),
    }
}

/// Runs the measurement and prints it.
pub(crate) fn flash(arguments: &Flash) -> Result<(), Error> {
    arguments.output.of("flash", |folder| {
        Ok(json!({ "results": measure(folder, arguments)?, "peers": {}, "limits": {}, "goals": [] }))
    })
}

fn measure(folder: &Path, arguments: &Flash) -> Result<Value, Error> {
    let members = two_members(folder, arguments.carrier, &arguments.hosts)?;
    let [here, there] = members.as_slice() else { return Err(no_answer("two nodes")) };
    let partner = Partner::start(&there.config, &arguments.within)?;
    let runtime = node::runtime()?;
    let near = Near::start(&runtime, &here.config, None)?;
    near.wait_for_line()?;
    let report = run(&near, &partner.said, arguments);
    near.end(&runtime);
    partner.end();
    report
}

fn run(near: &Near, said: &std_mpsc::Receiver<Said>, arguments: &Flash) -> Result<Value, Error> {
    eprintln!("{} FLASH entries on the idle line", arguments.idle);
    let mut idle = samples(near, arguments.idle, arguments.bits)?;
    let over = AtomicBool::new(false);
    let (mut loaded, goodput) = std::thread::scope(|scope| {
        let sampling = scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(arguments.settle_s));
            let from = wall_now();
            std::thread::sleep(Duration::from_secs(arguments.goodput_s));
            let to = wall_now();
            eprintln!("{} FLASH entries beside the backlog", arguments.loaded);
            let loaded = samples(near, arguments.loaded, arguments.bits);
            over.store(true, Ordering::Relaxed);
            (loaded, from, to)
        });
        let folded = backlog(near, said, arguments.bits, &over);
        let (loaded, from, to) = sampling.join().expect("the samples do not panic");
        Ok::<_, Error>((loaded?, goodput(&folded?, from, to)))
    })?;
    let share = goodput / arguments.bits as f64;
    let content_share = share * FILLER_BYTES as f64 / ENTRY_BYTES as f64;
    Ok(json!({
        "carrier": arguments.carrier.as_str(),
        "line_bits_per_s": arguments.bits,
        "idle": percentiles(&mut idle),
        "loaded": percentiles(&mut loaded),
        "goodput_bits_per_s": goodput.round(),
        "goodput_share": (share * 1e3).round() / 1e3,
        "content_share": (content_share * 1e3).round() / 1e3,
    }))
}

/// Appends `count` FLASH entries one after the other; the time of each to the partner's `holds`.
fn samples(near: &Near, count: usize, bits: u64) -> Result<Vec<Duration>, Error> {
    let light = Duration::from_secs_f64(SAMPLE_BYTES * 8.0 / SAMPLES_SHARE / bits as f64);
    let mut times = Vec::with_capacity(count);
    for number in 0..count + WARM_UP {
        let jitter = Duration::from_millis(number as u64 * 23 % JITTER_MAX_MS);
        std::thread::sleep(light.clamp(BETWEEN, BETWEEN_MAX) + jitter);
        let level = Level::Partners(1);
        let number = u64::try_from(number).expect("a count of samples");
        let bulk = Load::Declared.bulk(number, 1, wall_now(), Precedence::Flash, level);
        let begun = instant();
        let appended = answer(near.bulk(bulk)?)?.ok_or_else(|| no_answer("room in the queue"))?;
        let took = begun.elapsed();
        if appended.state != "reached" {
            return Err(no_answer("the partner's receipt"));
        }
        if number >= WARM_UP as u64 {
            times.push(took);
        }
    }
    Ok(times)
}

/// Keeps the ROUTINE lane from running dry until `over`; how far the partner had folded it, and when.
fn backlog(
    near: &Near,
    said: &std_mpsc::Receiver<Said>,
    bits: u64,
    over: &AtomicBool,
) -> Result<Vec<(Timestamp, u64)>, Error> {
    let entry_bits = FILLER_BYTES as u64 * 8;
    let wanted = (bits * BACKLOG_S / entry_bits).clamp(BACKLOG.0, BACKLOG.1);
    let chunk = (wanted / 4).clamp(1, CHUNK_MAX);
    let (mut number, mut appended, mut folded) = (BACKLOG_FROM, 0, 0);
    let mut seen = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if appended < folded + wanted {
            let load = Load::Filler;
            let bulk = load.bulk(number, chunk, wall_now(), Precedence::Routine, Level::Local);
            number += chunk;
            match answer(near.bulk(bulk)?)? {
                Some(taken) => appended = entry_id(&taken.last)?.index + 1,
                None => std::thread::sleep(BETWEEN),
            }
        } else if let Ok(Said::Folded { last, wall }) = said.recv_timeout(BETWEEN)
            && last.log.lane == Precedence::Routine
        {
            folded = last.index + 1;
            seen.push((wall, folded));
        }
    }
    Ok(seen)
}

/// Bits of entries a second folded between `from` and `to`.
fn goodput(folded: &[(Timestamp, u64)], from: Timestamp, to: Timestamp) -> f64 {
    let within: Vec<_> = folded.iter().filter(|(at, _)| (from..to).contains(at)).collect();
    let (Some(first), Some(last)) = (within.first(), within.last()) else { return 0.0 };
    let seconds = between(first.0, last.0).as_secs_f64();
    if seconds == 0.0 {
        return 0.0;
    }
    (last.1 - first.1) as f64 * ENTRY_BYTES as f64 * 8.0 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goodput_counts_what_was_folded_in_its_time() {
        let at = Timestamp::from_seconds;
        let folded = [(at(0), 5), (at(1), 10), (at(2), 30), (at(3), 50), (at(9), 99)];
        let entry_bits = ENTRY_BYTES as f64 * 8.0;
        for (from, to, entries_per_s) in [(1, 4, 20.0), (4, 9, 0.0), (9, 10, 0.0)] {
            let got = goodput(&folded, at(from), at(to));
            assert!((got - entries_per_s * entry_bits).abs() < 1e-6, "{from} to {to}: {got}");
        }
    }
}
