//! `watchfire bench catchup`: how a partner that was cut off catches up over a line of a known rate.
//!
//! Two nodes, each a process of its own, in namespaces of their own. The line is unplugged, the origin
//! appends a ROUTINE backlog (declarations of 256 bytes) as fast as it takes them, and when both ends
//! have given the line up it is plugged in again. From then on:
//!
//! - FLASH declarations are appended on a fixed beat, whether or not the last one has been answered;
//!   the time of each goes to the moment the origin has verified the partner's `holds` for it.
//! - The backlog is caught up with when the partner's `holds` for its last entry has come: everything
//!   below was verified, opened and synced there.
//! - The line's share is batches (as sealed and signed) over that time, against a plain TCP stream
//!   over the same line before it; its bytes are those of the interface's own counter.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use log::{Carrier, LogId, Precedence, StoreReadExt as _};
use serde_json::{Value, json};
use sync::Level;
use tokio::sync::oneshot;

use super::child::Partner;
use super::cpu::{Cpu, forget_peak, peak_mib};
use super::exchange::goal;
use super::flash::carrier;
use super::load::{DECLARED_BYTES, Load};
use super::near::{Answer, Near, answer, entry_id, refusal};
use super::{Output, PATIENCE, no_answer, percentiles, two_members};
use crate::clock::{instant, wall_now};
use crate::core::Question;
use crate::core::answers::Digest;
use crate::core::items::LineState;
use crate::error::Error;
use crate::node::{self, Being};
use crate::store::{Access, SqliteStore};

/// Statements in one bulk append.
const CHUNK: u64 = 2_048;
/// Bulk appends under way at once.
const CHUNKS_UNDER_WAY: usize = 8;
/// Between two FLASH entries.
const BEAT: Duration = Duration::from_millis(100);
/// Between two looks at the line.
const LOOK: Duration = Duration::from_millis(5);
/// Seconds of the plain stream that the line is measured with.
const RAW_S: u64 = 5;
/// The longest wait for the backlog to be held.
const CATCH_UP_PATIENCE: Duration = Duration::from_mins(15);
/// The longest wait for both views to have folded the past.
const FOLD_PATIENCE: Duration = Duration::from_mins(3);
/// Bytes read at once from the store when its batches are counted.
const COUNT_BYTES: usize = 4 * 1024 * 1024;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Catchup {
    /// The line's rate in bits a second
    #[arg(long)]
    bits: u64,
    /// What carries the line: `quic` or `tcp`
    #[arg(long, default_value = "quic", value_parser = carrier)]
    carrier: Carrier,
    /// Where the two nodes listen for the line
    #[arg(long, num_args = 2, required = true)]
    hosts: Vec<IpAddr>,
    /// A word before the partner's command, once for each, such as `ip`, `netns`, `exec`, NAME
    #[arg(long = "within")]
    within: Vec<String>,
    /// A word of the command that plugs the line with `up` or `down` after it, once for each
    #[arg(long = "plug", required = true, allow_hyphen_values = true)]
    plug: Vec<String>,
    /// Entries to be behind
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    #[command(flatten)]
    output: Output,
}

/// Where the far end of the plain stream listens.
#[derive(clap::Args)]
pub(crate) struct Sink {
    /// The address
    #[arg(long)]
    listen: SocketAddr,
}

/// Runs the measurement and prints it.
pub(crate) fn catchup(arguments: &Catchup) -> Result<(), Error> {
    arguments.output.of("catchup", |folder| measure(folder, arguments))
}

/// Takes one stream to its end and says how many bytes came within how many nanoseconds.
pub(crate) fn sink(arguments: &Sink) -> Result<(), Error> {
    let fault = |error: std::io::Error| Error::input(error.to_string(), "is the address free?");
    let listener = TcpListener::bind(arguments.listen).map_err(fault)?;
    println!("up");
    let (mut stream, _) = listener.accept().map_err(fault)?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut bytes, mut begun) = (0_u64, None);
    loop {
        match stream.read(&mut buffer).map_err(fault)? {
            0 => break,
            count => {
                // What came first fills the queues; the rate is of what follows.
                if begun.is_some() {
                    bytes += count as u64;
                }
                begun.get_or_insert_with(instant);
            }
        }
    }
    let nanos = begun.map_or(0, |begun| begun.elapsed().as_nanos());
    println!("{bytes} {nanos}");
    Ok(())
}

fn measure(folder: &Path, arguments: &Catchup) -> Result<Value, Error> {
    let raw = raw_bits(arguments)?;
    eprintln!("a plain TCP stream has {:.1} Mbit/s", raw / 1e6);
    let members = two_members(folder, arguments.carrier, &arguments.hosts)?;
    let [here, there] = members.as_slice() else { return Err(no_answer("two nodes")) };
    let partner = Partner::start(&there.config, &arguments.within)?;
    let store = Being::read(&here.config)?.config.database();
    let runtime = node::runtime()?;
    let near = Near::start(&runtime, &here.config, None)?;
    near.wait_for_line()?;
    let mut bench = Bench { near, partner, arguments, store, raw };
    let report = bench.report();
    bench.near.end(&runtime);
    bench.partner.end();
    report
}

/// Bits a second of a plain TCP stream over the line.
fn raw_bits(arguments: &Catchup) -> Result<f64, Error> {
    let program = std::env::current_exe()
        .map_err(|error| Error::file("read", Path::new("/proc/self/exe"), error))?;
    let words = [&arguments.within[..], &[program.to_string_lossy().into_owned()]].concat();
    let far = SocketAddr::new(arguments.hosts[1], 5_201);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["bench", "sink", "--listen", &far.to_string()]);
    let fault = |error: std::io::Error| Error::file("run", &program, error);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(fault)?;
    let measured = raw_stream(&mut child, far);
    if measured.is_err() {
        child.kill().ok();
    }
    child.wait().map_err(fault)?;
    measured
}

fn raw_stream(child: &mut Child, far: SocketAddr) -> Result<f64, Error> {
    let fault = |error: std::io::Error| Error::input(error.to_string(), "is the line up?");
    let mut out = child.stdout.take().expect("a pipe was asked for");
    let mut said = [0; 3];
    out.read_exact(&mut said).map_err(fault)?;
    let mut stream = TcpStream::connect_timeout(&far, PATIENCE).map_err(fault)?;
    let (block, begun) = (vec![0x5a; 64 * 1024], instant());
    while begun.elapsed() < Duration::from_secs(RAW_S) {
        stream.write_all(&block).map_err(fault)?;
    }
    drop(stream);
    let mut said = String::new();
    out.read_to_string(&mut said).map_err(fault)?;
    let mut words = said.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let (Some(bytes), Some(nanos)) = (words.next(), words.next().filter(|nanos| *nanos > 0.0))
    else {
        return Err(no_answer("the sink's count"));
    };
    Ok(bytes * 8.0 / nanos * 1e9)
}

/// Two nodes that are up.
struct Bench<'a> {
    near: Near,
    partner: Partner,
    arguments: &'a Catchup,
    /// The origin's database.
    store: PathBuf,
    /// Bits a second of a plain stream.
    raw: f64,
}

/// What came of the time between the plug and the last receipt.
struct Caught {
    plugged_to_connected: Duration,
    connected_to_first: Duration,
    flash: Vec<Duration>,
    took: Duration,
    /// Bytes that left and that came.
    wire: (u64, u64),
    cpu: [Cpu; 2],
}

impl Bench<'_> {
    fn report(&mut self) -> Result<Value, Error> {
        let entries = self.arguments.entries;
        self.plug(false)?;
        let loading = instant();
        eprintln!("{entries} entries with the line cut");
        let (log, held) = self.load(entries)?;
        let load_s = loading.elapsed().as_secs_f64();
        self.wait_for_loss()?;
        let (batches, payload) = self.batches(&log)?;
        let loaded_peaks = self.peaks();
        self.pids().into_iter().for_each(forget_peak);
        let cut_s = loading.elapsed().as_secs_f64();
        eprintln!("{payload} bytes in {batches} batches; the line is plugged in");
        let caught = self.catch_up(held)?;
        let peaks = self.peaks();
        eprintln!("caught up in {:.1?}; comparing digests", caught.took);
        let digests = self.digests()?;
        Ok(self.judge(
            &caught,
            payload,
            json!({
                "entries": entries, "content_bytes": DECLARED_BYTES, "batches": batches,
                "appended_per_s": (entries as f64 / load_s).round(), "line_cut_s": cut_s.round(),
                "peak_memory_mib": { "while_loading": loaded_peaks, "while_catching_up": peaks },
                "digests": digests,
            }),
        ))
    }

    fn judge(&self, caught: &Caught, payload: u64, mut results: Value) -> Value {
        let entries = self.arguments.entries;
        let seconds = caught.took.as_secs_f64();
        let rate = payload as f64 * 8.0 / seconds;
        let share = |rate: f64| (rate / self.raw * 1e3).round() / 1e3;
        let millis = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
        let first = millis(caught.connected_to_first);
        let mut flash = caught.flash.clone();
        let [origin, partner] = &caught.cpu;
        results["carrier"] = json!(self.arguments.carrier.as_str());
        results["reconnect"] = json!({
            "plugged_to_connected_ms": millis(caught.plugged_to_connected),
            "connected_to_first_flash_held_ms": first,
            "plugged_to_first_flash_held_ms":
                millis(caught.plugged_to_connected + caught.connected_to_first),
        });
        results["flash_while_catching_up"] = percentiles(&mut flash);
        results["backfill"] = json!({
            "seconds": (seconds * 1e3).round() / 1e3,
            "entries_per_s": (entries as f64 / seconds).round(),
            "payload_bytes": payload,
            "payload_bits_per_s": rate.round(),
            "payload_share_of_raw": share(rate),
            "wire_bytes": { "there": caught.wire.0, "back": caught.wire.1 },
            "wire_share_of_raw": share(caught.wire.0 as f64 * 8.0 / seconds),
            "wire_bytes_per_entry": {
                "there": (caught.wire.0 as f64 / entries as f64 * 10.0).round() / 10.0,
                "back": (caught.wire.1 as f64 / entries as f64 * 10.0).round() / 10.0,
            },
            "cpu_us_per_entry": {
                "origin_threads": origin.micros_each(entries),
                "partner_threads": partner.micros_each(entries),
            },
        });
        let equal = results["digests"]["equal"] == true;
        json!({
            "results": results,
            "peers": {},
            "limits": {
                "line_bits_per_s": self.arguments.bits, "raw_tcp_bits_per_s": self.raw.round(),
            },
            "goals": [
                goal("first_flash_after_reconnect_ms", first, "ms", "at most", 1_000.0),
                goal("backfill_payload_share_of_raw", share(rate), "of the line", "at least", 0.8),
                goal("digests_equal", f64::from(u8::from(equal)), "of 1", "at least", 1.0),
            ],
        })
    }

    fn pids(&self) -> [u32; 2] {
        [std::process::id(), self.partner.child.id()]
    }

    fn peaks(&self) -> Value {
        let [origin, partner] = self.pids().map(peak_mib);
        json!({ "origin": origin, "partner": partner })
    }

    fn plug(&self, up: bool) -> Result<(), Error> {
        let [first, rest @ ..] = &self.arguments.plug[..] else {
            return Err(Error::input("expected `--plug`, got none", "see `--help`"));
        };
        let status = Command::new(first).args(rest).arg(if up { "up" } else { "down" }).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::input(format!("the plug ended with {status}"), "run as root")),
            Err(error) => Err(Error::file("run", Path::new(first), error)),
        }
    }

    fn bulk(
        &self,
        number: u64,
        count: u64,
        lane: Precedence,
        level: Level,
    ) -> Result<oneshot::Receiver<Answer>, Error> {
        let mut bulk = Load::Declared.bulk(number, count, wall_now(), lane, level);
        bulk.timeout_ms = u32::try_from(CATCH_UP_PATIENCE.as_millis()).unwrap_or(u32::MAX);
        self.near.bulk(bulk)
    }

    /// Appends `entries` statements and one that asks for all receipts; the log, and what answers once
    /// the partner holds it.
    fn load(&self, entries: u64) -> Result<(LogId, oneshot::Receiver<Answer>), Error> {
        let last = entries - 1;
        let (mut next, mut under_way, mut log) = (0, VecDeque::new(), None);
        while next < last || !under_way.is_empty() {
            if next < last && under_way.len() < CHUNKS_UNDER_WAY {
                let count = CHUNK.min(last - next);
                let asked = self.bulk(next, count, Precedence::Routine, Level::Local)?;
                under_way.push_back((next, count, asked));
                next += count;
                continue;
            }
            let (start, count, asked) = under_way.pop_front().expect("something is under way");
            if let Some(taken) = answer(asked)? {
                log = Some(entry_id(&taken.last)?.log);
            } else {
                std::thread::sleep(LOOK);
                let asked = self.bulk(start, count, Precedence::Routine, Level::Local)?;
                under_way.push_back((start, count, asked));
            }
        }
        let held = self.bulk(last, 1, Precedence::Routine, Level::All)?;
        Ok((log.ok_or_else(|| no_answer("an answer to the appends"))?, held))
    }

    fn line_is(&self, state: LineState) -> Result<bool, Error> {
        let status = self.near.status()?;
        Ok(status.lines.iter().all(|line| line.state == state))
    }

    fn wait_for_loss(&self) -> Result<(), Error> {
        let begun = instant();
        while !self.line_is(LineState::Lost)? {
            if begun.elapsed() > PATIENCE * 2 {
                return Err(no_answer("the line to be given up"));
            }
            std::thread::sleep(LOOK * 10);
        }
        Ok(())
    }

    /// How many batches the origin's log has, and their bytes.
    fn batches(&self, log: &LogId) -> Result<(u64, u64), Error> {
        let store = SqliteStore::open(&self.store, Access::Read)?;
        let (mut count, mut bytes, mut next) = (0, 0, 0);
        loop {
            let read = store.batches(log, next, usize::MAX, COUNT_BYTES);
            let read = read.map_err(|error| Error::input(error.to_string(), "report this"))?;
            let Some(last) = read.last() else { return Ok((count, bytes)) };
            next = last.end();
            count += read.len() as u64;
            bytes += read.iter().map(|batch| batch.as_bytes().len() as u64).sum::<u64>();
        }
    }

    fn catch_up(&mut self, mut held: oneshot::Receiver<Answer>) -> Result<Caught, Error> {
        let (before, cpu) = (wire_bytes()?, self.pids().map(Cpu::of));
        self.plug(true)?;
        let plugged = instant();
        while !self.line_is(LineState::Up)? {
            if plugged.elapsed() > PATIENCE * 2 {
                return Err(no_answer("the line to come up"));
            }
            std::thread::sleep(LOOK);
        }
        let connected = instant();
        let mut flash = Flash::default();
        let caught_up = loop {
            flash.beat(self, connected)?;
            flash.gather(Duration::ZERO)?;
            match held.try_recv() {
                Ok(answered) => {
                    if answered.map_err(refusal)?.state != "reached" {
                        return Err(no_answer("the partner's receipt for the backlog"));
                    }
                    break connected.elapsed();
                }
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(no_answer("the loop to answer"));
                }
            }
            while self.partner.said.try_recv().is_ok() {}
            std::thread::sleep(LOOK / 5);
        };
        let after = wire_bytes()?;
        let [origin, partner] = self.pids().map(Cpu::of);
        flash.gather(PATIENCE)?;
        Ok(Caught {
            plugged_to_connected: connected - plugged,
            connected_to_first: flash.first.ok_or_else(|| no_answer("a FLASH receipt"))?,
            flash: flash.times,
            took: caught_up,
            wire: (after.0 - before.0, after.1 - before.1),
            cpu: [origin.since(&cpu[0]), partner.since(&cpu[1])],
        })
    }

    /// The digest of the common view at both nodes at one cut, once both have folded it.
    fn digests(&mut self) -> Result<Value, Error> {
        let view: domains::ViewName =
            "JPN+KOR".parse().map_err(|_| Error::input("expected a view", "report this"))?;
        let begun = instant();
        let mut seen = (None, None);
        while begun.elapsed() < FOLD_PATIENCE {
            let asked = view.clone();
            let near = self.near.ask(|reply| Question::Digest { view: asked, cut: None, reply })?;
            if let Ok(Digest { cut, digest, .. }) = near {
                let cut: Vec<String> =
                    cut.iter().map(|(log, size)| format!("{log}={size}")).collect();
                let far = self.partner.digest(&cut.join(","))?;
                if far.as_deref() == Ok(&digest) {
                    return Ok(json!({
                        "equal": true, "digest": digest,
                        "after_s": (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0,
                    }));
                }
                seen = (Some(digest), Some(far));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        let far = seen.1.map(|far| far.unwrap_or_else(|why| why));
        Ok(json!({ "equal": false, "origin": seen.0, "partner": far }))
    }
}

/// FLASH entries on their beat.
#[derive(Default)]
struct Flash {
    sent: u64,
    under_way: VecDeque<(Instant, oneshot::Receiver<Answer>)>,
    times: Vec<Duration>,
    first: Option<Duration>,
}

/// Where the numbers of the FLASH declarations begin.
const FLASH_FROM: u64 = 5_000_000;

impl Flash {
    /// Appends one if its time has come.
    fn beat(&mut self, bench: &Bench<'_>, connected: Instant) -> Result<(), Error> {
        let due = BEAT * u32::try_from(self.sent).unwrap_or(u32::MAX);
        if connected.elapsed() >= due {
            let begun = instant();
            let number = FLASH_FROM + self.sent;
            let asked = bench.bulk(number, 1, Precedence::Flash, Level::Partners(1))?;
            self.under_way.push_back((begun, asked));
            self.sent += 1;
        }
        Ok(())
    }

    /// Takes the answers that came; waits `patience` for those that did not.
    fn gather(&mut self, patience: Duration) -> Result<(), Error> {
        let begun = instant();
        while let Some((appended, asked)) = self.under_way.front_mut() {
            match asked.try_recv() {
                Ok(Ok(taken)) if taken.state == "reached" => {
                    let took = appended.elapsed();
                    self.first.get_or_insert(took);
                    self.times.push(took);
                    self.under_way.pop_front();
                }
                Err(oneshot::error::TryRecvError::Empty) if begun.elapsed() < patience => {
                    std::thread::sleep(LOOK / 5);
                }
                Err(oneshot::error::TryRecvError::Empty) if patience.is_zero() => return Ok(()),
                _ => return Err(no_answer("the partner's receipt for FLASH")),
            }
        }
        Ok(())
    }
}

/// Bytes that left and that came over this host's interface.
fn wire_bytes() -> Result<(u64, u64), Error> {
    let read = |what: &str| {
        let path = PathBuf::from(format!("/sys/class/net/eth0/statistics/{what}_bytes"));
        let text = std::fs::read_to_string(&path).map_err(|e| Error::file("read", &path, e))?;
        text.trim().parse().map_err(|_| Error::input("expected a count of bytes", "report this"))
    };
    Ok((read("tx")?, read("rx")?))
}
