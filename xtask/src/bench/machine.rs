//! What machine this is, and the two limits everything else is compared with.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::error::Error;

/// Round trips measured, after the warm-up.
const ROUND_TRIPS: usize = 4_000;
/// Round trips thrown away first.
const ROUND_TRIPS_WARM_UP: usize = 400;
/// Bytes of one message: an entry of the highest precedence is about this long.
const MESSAGE_BYTES: usize = 256;
/// Appends measured.
const APPENDS: usize = 1_000;
/// Bytes of one append.
const APPEND_BYTES: usize = 4_096;

/// Processor, cores, load and kernel.
pub(super) fn describe() -> Value {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    json!({
        "cpu": cpu().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        "cores": cores,
        "load": load(),
        "kernel": kernel(),
    })
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The load over the last minute, or null where the system does not tell.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned()
}

/// Both limits, as they go under `limits` in a report.
pub(super) fn limits(root: &Path) -> Result<Map<String, Value>, Error> {
    eprintln!("measuring this machine's limits");
    let folder = root.join("target");
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let trips = round_trips().map_err(fault(Path::new("loopback")))?;
    std::fs::create_dir_all(&folder).map_err(fault(&folder))?;
    let file = folder.join(format!("append-{}.bin", std::process::id()));
    let appends = appends(&file).map_err(fault(&file));
    // The file is scratch: a failure to remove it changes no figure.
    let _ = std::fs::remove_file(&file);
    let mut limits = Map::new();
    limits.insert("tcp_round_trip_us".to_owned(), summary(trips, MESSAGE_BYTES));
    limits.insert("append_fdatasync_us".to_owned(), summary(appends?, APPEND_BYTES));
    Ok(limits)
}

/// Microseconds of raw TCP ping-pong over loopback.
fn round_trips() -> std::io::Result<Vec<f64>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut message = [0_u8; MESSAGE_BYTES];
        for _ in 0..ROUND_TRIPS + ROUND_TRIPS_WARM_UP {
            stream.read_exact(&mut message)?;
            stream.write_all(&message)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut message = [7_u8; MESSAGE_BYTES];
    let mut times_us = Vec::with_capacity(ROUND_TRIPS);
    for round in 0..ROUND_TRIPS + ROUND_TRIPS_WARM_UP {
        let start = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        if round >= ROUND_TRIPS_WARM_UP {
            times_us.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    echo.join().expect("the echo thread does not panic")?;
    Ok(times_us)
}

/// Microseconds of appending one block to a file and making it durable.
fn appends(path: &Path) -> std::io::Result<Vec<f64>> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    let block = [7_u8; APPEND_BYTES];
    let mut times_us = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times_us.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times_us)
}

fn summary(mut times_us: Vec<f64>, bytes: usize) -> Value {
    times_us.sort_by(f64::total_cmp);
    json!({
        "p50": rounded(quantile(&times_us, 0.50)),
        "p99": rounded(quantile(&times_us, 0.99)),
        "count": times_us.len(),
        "bytes": bytes,
    })
}

/// The nearest-rank quantile of sorted, non-empty values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    assert!(!sorted.is_empty() && (0.0..=1.0).contains(&share));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank between 1 and the count, itself a usize"
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_rank() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        for (share, expect) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            assert_eq!(quantile(&values, share).to_bits(), f64::to_bits(expect), "{share}");
        }
    }

    #[test]
    fn the_machine_is_described_with_every_key() {
        let machine = describe();
        for key in ["cpu", "cores", "load", "kernel"] {
            assert!(machine.get(key).is_some(), "{key}");
        }
        assert!(machine["cores"].as_u64().is_some_and(|cores| cores > 0));
    }
}
