//! `cargo xtask soak NAME`: long loads with faults.
//!
//! | name | what runs |
//! | --- | --- |
//! | `cluster` | seeds of the simulated cluster, resumable |
//! | `chaos` | three real nodes in network namespaces that are killed, stopped, cut off and starved; with `--store jetstream` on NATS servers that are killed too |

mod chaos;
mod cluster;
mod driver;
mod servers;

use std::process::ExitCode;

use serde_json::Value;

use crate::command::{Flag, Given};
use crate::error::Error;
use crate::process;
use crate::tree;

/// Flags of `soak`.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::switch("--json", "print one JSON object as the last line of stdout"),
    Flag::switch("--list", "print the names and stop"),
    Flag::switch("--fresh", "cluster: forget the progress of an earlier run"),
    Flag::value("--seeds", "COUNT", "cluster: how many seeds (default 100000)"),
    Flag::value("--start", "SEED", "the first seed, or the seed of the schedule (default 1)"),
    Flag::value("--jobs", "COUNT", "cluster: threads (default: one a processor)"),
    Flag::value("--minutes", "COUNT", "chaos: how long (default 30)"),
    Flag::value(
        "--store",
        "ENGINE",
        "chaos: `sqlite` (default), or `jetstream` with servers that are killed",
    ),
    Flag::value("--config", "FILE", "chaos: more lines of every node's configuration"),
    Flag::value("--node", "FILE", "driver: the node's configuration"),
    Flag::value("--get", "PATH", "driver: ask this and print the answer"),
    Flag::switch("--read", "driver: print every statement of the logs named on standard input"),
    Flag::value("--report", "FILE", "write the report there as well"),
];

struct Soak {
    name: &'static str,
    what: &'static str,
    run: fn(&Given) -> Result<Value, Error>,
}

const SOAKS: &[Soak] = &[
    Soak {
        name: "cluster",
        what: "seeds of the simulated cluster with faults, and every planted bug",
        run: cluster::run,
    },
    Soak {
        name: "chaos",
        what: "three nodes in network namespaces, killed, stopped, cut off and starved under load",
        run: chaos::run,
    },
    Soak {
        name: "driver",
        what: "the load beside one node (started by `chaos`)",
        run: driver::run,
    },
];

/// `cargo xtask soak NAME`
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    if given.has("--list") {
        for soak in SOAKS {
            println!("{:<12} {}", soak.name, soak.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let name = given.positional.as_deref();
    let soak = SOAKS.iter().find(|soak| Some(soak.name) == name).ok_or_else(|| {
        let known: Vec<_> = SOAKS.iter().map(|soak| soak.name).collect();
        Error::Usage {
            message: format!("expected a name that `soak` knows, got `{}`", name.unwrap_or("")),
            hint: format!("the names are: {}", known.join(", ")),
        }
    })?;
    let report = (soak.run)(given)?;
    if let Some(path) = given.values("--report").last() {
        let path = tree::root().join(path);
        let written = std::fs::write(&path, format!("{report:#}\n"));
        written.map_err(|source| Error::File { path, source })?;
    }
    if given.has("--json") {
        println!("{report}");
    } else {
        println!("{report:#}");
    }
    let sound = report.get("sound") == Some(&Value::Bool(true));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A whole number given to a flag, or what is usual.
fn number(given: &Given, flag: &'static str, usual: u64) -> Result<u64, Error> {
    let Some(text) = given.values(flag).last().copied() else { return Ok(usual) };
    text.parse().map_err(|_| Error::Usage {
        message: format!("expected `{flag}` with a whole number, got `{text}`"),
        hint: format!("the usual is {usual}"),
    })
}

/// The commit that is checked out, marked where files differ from it.
fn commit() -> Result<String, Error> {
    let root = tree::root();
    let git = |words: &[&str]| {
        let mut git = process::program(&root, "git");
        git.args(words);
        process::run_for_stdout(git)
    };
    let head = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "crates", "sim"])?;
    let mark = if changed.trim().is_empty() { "" } else { "-changed" };
    Ok(format!("{}{mark}", head.trim()))
}
