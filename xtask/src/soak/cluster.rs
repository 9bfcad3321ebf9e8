//! Seeds of the simulated cluster: `sim-cluster --soak` with the release profile.

use serde_json::{Value, json};

use super::{commit, number};
use crate::command::Given;
use crate::demo;
use crate::error::Error;
use crate::process;
use crate::tree;

/// How many seeds unless said otherwise.
const SEEDS: u64 = 100_000;

/// Plays, or goes on playing, and reports.
pub(super) fn run(given: &Given) -> Result<Value, Error> {
    let root = tree::root();
    let (seeds, start) = (number(given, "--seeds", SEEDS)?, number(given, "--start", 1)?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let jobs = number(given, "--jobs", cores)?;
    let commit = commit()?;
    let features = ["--release", "--features", "planted-bugs"];
    let program = demo::build_program(&root, "watchfire-sim", "sim-cluster", &features)?;
    let progress = root.join("target").join(format!("soak-cluster-{start}.json"));
    if given.has("--fresh") {
        // There may be none.
        let _ = std::fs::remove_file(&progress);
    }
    let mut soak = process::program(&root, &program.to_string_lossy());
    soak.arg("--soak").arg(&progress).args(["--commit", &commit]);
    for (flag, value) in [("--seeds", seeds), ("--start", start), ("--jobs", jobs)] {
        soak.args([flag, &value.to_string()]);
    }
    eprintln!("$ {}", process::shown(&soak));
    let outcome = process::run_kept_stdout(soak)?;
    let line = outcome.output.lines().rfind(|line| line.starts_with('{')).unwrap_or("{}");
    let mut report: Value = serde_json::from_str(line).unwrap_or_else(|_| json!({}));
    report["command"] = json!(format!("cargo xtask soak cluster --seeds {seeds} --start {start}"));
    report["sound"] = json!(outcome.status.success());
    Ok(report)
}
