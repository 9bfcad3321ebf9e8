//! The steps in the order they run: what is quick and what others need comes first.
//!
//! The console is built before the Rust is compiled, because the program embeds it.

use std::path::PathBuf;
use std::process::Command;

use super::{Context, Counts, Ended, Step};
use super::{demonstration, tools};
use crate::console;
use crate::demo;
use crate::error::Error;
use crate::format;
use crate::generated;
use crate::licences;
use crate::netns::Hosts;
use crate::process;
use crate::toy;

/// What the nodes play while the browser looks: a warning has to be released in it.
const EXERCISE: &str = "scenarios/exercise-akita.jsonl";
/// Its twenty minutes pass in this many times less.
const EXERCISE_RATE: &str = "8";
/// How long real nodes are tormented.
const CHAOS_MINUTES: &str = "2";

/// Every step.
pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", what: "the Rust is formatted", run: format_check },
    Step { name: "licences", what: "every package's licence and source", run: licences },
    Step { name: "deny", what: "cargo-deny, where it is installed", run: deny },
    Step {
        name: "tools",
        what: "install what only tests need",
        run: |context| Ok(tools::prepare(context)),
    },
    Step {
        name: "web-install",
        what: "the console's packages",
        run: |context| npm(context, &["ci"]),
    },
    Step {
        name: "web-check",
        what: "types of the console",
        run: |context| npm(context, &["run", "check"]),
    },
    Step {
        name: "web-unit",
        what: "unit tests of the console",
        run: |context| npm(context, &["run", "test"]),
    },
    Step {
        name: "web-build",
        what: "the console is built for embedding",
        run: |context| npm(context, &["run", "build"]),
    },
    Step { name: "clippy", what: "lints of the Rust", run: clippy },
    Step { name: "tests", what: "unit and integration tests of the Rust", run: tests },
    Step {
        name: "doc-tests",
        what: "examples in the documentation",
        run: |context| call(cargo(context, &["test", "--workspace", "--doc", "--quiet"])),
    },
    Step { name: "docs", what: "the documentation builds without a warning", run: docs },
    Step { name: "generated", what: "generated files are fresh and valid", run: generated },
    Step {
        name: "simulator",
        what: "seeded clusters with faults, and planted bugs",
        run: simulator,
    },
    Step {
        name: "chaos",
        what: "two minutes of real nodes that are killed, stopped, cut off and starved",
        run: chaos,
    },
    Step { name: "demo", what: "three nodes end with one picture", run: demonstration::run },
    Step { name: "journeys", what: "the console in a browser, against a stand-in", run: journeys },
    Step {
        name: "nodes",
        what: "the console in a browser, against real nodes",
        run: node_journeys,
    },
    Step { name: "toy-domain", what: "a domain is one folder and one word", run: toy_domain },
];

fn cargo(context: &Context, words: &[&str]) -> Command {
    let mut cargo = process::program(&context.root, "cargo");
    cargo.args(words);
    cargo
}

/// Runs a program; its end decides, its summary lines count.
fn call(command: Command) -> Result<Ended, Error> {
    let name = process::shown(&command);
    println!("$ {name}");
    let outcome = process::run_kept(command)?;
    let counts = Counts::read(&outcome.output);
    if outcome.status.success() {
        return Ok(Ended::Passed(counts.unwrap_or(Counts::ONE_PASSED)));
    }
    let mut counts = counts.unwrap_or(Counts::NONE);
    counts.failed = counts.failed.max(1);
    Ok(Ended::Failed(counts, format!("`{name}` ended with {}", outcome.status)))
}

fn npm(context: &Context, words: &[&str]) -> Result<Ended, Error> {
    if !console::node_is_usable(&context.root) {
        return Ok(skip(console::NODE_ABSENT.to_owned()));
    }
    call(console::npm(&context.root, words))
}

fn format_check(context: &Context) -> Result<Ended, Error> {
    println!("$ cargo xtask fmt --check");
    let mut rustfmt = format::command(&context.root)?;
    rustfmt.arg("--check");
    if process::run_kept(rustfmt)?.status.success() {
        return Ok(Ended::Passed(Counts::ONE_PASSED));
    }
    Ok(Ended::Failed(Counts::ONE_FAILED, "unformatted files; run `cargo xtask fmt`".to_owned()))
}

fn licences(context: &Context) -> Result<Ended, Error> {
    let breaches = licences::check(&context.root)?;
    for breach in &breaches {
        println!("{breach}");
    }
    if breaches.is_empty() {
        return Ok(Ended::Passed(Counts::ONE_PASSED));
    }
    let counts = Counts { failed: breaches.len(), ..Counts::NONE };
    Ok(Ended::Failed(counts, "packages that `deny.toml` does not allow".to_owned()))
}

fn deny(context: &Context) -> Result<Ended, Error> {
    if process::is_installed("cargo-deny") {
        let check = ["deny", "--offline", "check", "licenses", "bans", "sources"];
        return call(cargo(context, &check));
    }
    let reason = "cargo-deny is not installed (the step `licences` checks the same lists); \
                  install it with `cargo install --locked cargo-deny`";
    Ok(skip(reason.to_owned()))
}

fn clippy(context: &Context) -> Result<Ended, Error> {
    let words = ["clippy", "--workspace", "--all-targets", "--keep-going", "--"];
    call(cargo(context, &[&words[..], &["--deny", "warnings"]].concat()))
}

fn docs(context: &Context) -> Result<Ended, Error> {
    let mut doc = cargo(context, &["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    call(doc)
}

fn tests(context: &Context) -> Result<Ended, Error> {
    let has_nextest = process::is_installed("cargo-nextest");
    // A report left by an earlier run must not count; there may be none.
    let _ = std::fs::remove_file(report_path(context));
    let mut run = if has_nextest {
        let words = ["nextest", "run", "--workspace", "--no-fail-fast", "--config-file"];
        let profile = ["xtask/nextest.toml", "--profile", PROFILE];
        cargo(context, &[&words[..], &profile[..]].concat())
    } else {
        println!(
            "cargo-nextest is not installed: the same tests run with `cargo test`; install it \
             with `cargo install --locked cargo-nextest --version {}`",
            tools::NEXTEST_VERSION
        );
        let words = ["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        cargo(context, &[&words[..], &["--", "--show-output"][..]].concat())
    };
    let python = tools::oracle_python(&context.root);
    if python.is_file() {
        run.env("WATCHFIRE_ASTERIX_PYTHON", python);
    }
    // Where one cannot be had, the tests that need it say `SKIPPED:`.
    if let Ok(python) = tools::tlog_python(&context.root) {
        run.env("WATCHFIRE_TLOG_PYTHON", python);
    }
    if let Ok(python) = tools::otlp_python(&context.root) {
        run.env("WATCHFIRE_OTLP_PYTHON", python);
    }
    if let Ok(python) = tools::parquet_python(&context.root) {
        run.env("WATCHFIRE_PARQUET_PYTHON", python);
    }
    if let Ok(nats) = tools::nats_server(&context.root) {
        run.env(tools::NATS_VARIABLE, nats);
    }
    let ended = call(run)?;
    Ok(if has_nextest { with_skips(context, ended) } else { ended })
}

/// The profile in `xtask/nextest.toml` that keeps what passing tests print.
const PROFILE: &str = "watchfire";

/// Where nextest writes the report of that profile, wherever cargo builds to.
fn report_path(context: &Context) -> PathBuf {
    context.root.join("target/nextest").join(PROFILE).join("junit.xml")
}

/// Moves tests that printed `SKIPPED:` from passed to skipped, and shows why.
fn with_skips(context: &Context, ended: Ended) -> Ended {
    let skips = skip_lines(&std::fs::read_to_string(report_path(context)).unwrap_or_default());
    for line in &skips {
        println!("{line}");
    }
    let shift = |counts: Counts| {
        let moved = skips.len().min(counts.passed);
        Counts { passed: counts.passed - moved, skipped: counts.skipped + moved, ..counts }
    };
    match ended {
        Ended::Passed(counts) => Ended::Passed(shift(counts)),
        Ended::Failed(counts, why) => Ended::Failed(shift(counts), why),
        other @ Ended::Skipped(_) => other,
    }
}

/// Every `SKIPPED:` line in a `JUnit` report, distinct, without XML escapes.
fn skip_lines(report: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in report.lines() {
        let Some(at) = line.find("SKIPPED:") else { continue };
        let text = line[at..].split("</").next().unwrap_or_default();
        let mut text = text.to_owned();
        for (escape, sign) in
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        {
            text = text.replace(escape, sign);
        }
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
    lines
}

fn generated(context: &Context) -> Result<Ended, Error> {
    let stale = generated::make_all(&context.root, true)?;
    let fresh = if stale == 0 {
        Ended::Passed(Counts::ONE_PASSED)
    } else {
        let counts = Counts { failed: stale, ..Counts::NONE };
        Ended::Failed(counts, format!("stale generated files; {}", generated::MEND))
    };
    Ok(both(fresh, valid_description(context)?))
}

/// The API's description against the rules of its format, where the validator is installed.
fn valid_description(context: &Context) -> Result<Ended, Error> {
    let python = tools::oracle_python(&context.root);
    if !python.is_file() {
        println!("SKIPPED: openapi-spec-validator is not installed; the step `tools` installs it");
        return Ok(Ended::Passed(Counts::ONE_SKIPPED));
    }
    let mut validate = process::program(&context.root, &python.to_string_lossy());
    validate.args(["-m", "openapi_spec_validator", "docs/openapi.json"]);
    call(validate)
}

/// Many seeds that must pass, then the planted bugs, each of which must be caught.
fn simulator(context: &Context) -> Result<Ended, Error> {
    let played = |features: &[&str], words: &[&str]| {
        let program = demo::build_tool(&context.root, "sim-cluster", features)?;
        let mut cluster = process::program(&context.root, &program.to_string_lossy());
        cluster.args(words);
        call(cluster)
    };
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let seeds = played(&[], &["--seeds", &context.seeds, "--jobs", &jobs])?;
    // The bugs are compiled in here alone.
    let planted = ["--planted", "--jobs", &jobs];
    let planted = played(&["--features", "watchfire-sim/planted-bugs"], &planted)?;
    Ok(both(seeds, planted))
}

/// The share of `cargo xtask soak chaos` that every run takes, where namespaces can be made.
fn chaos(context: &Context) -> Result<Ended, Error> {
    if let Some(reason) = Hosts::unavailable() {
        return Ok(skip(reason));
    }
    let me = std::env::current_exe()
        .map_err(|source| Error::File { path: PathBuf::from("xtask"), source })?;
    let mut soak = process::program(&context.root, &me.to_string_lossy());
    soak.args(["soak", "chaos", "--minutes", CHAOS_MINUTES]);
    call(soak)
}

/// Two parts of one step.
fn both(first: Ended, second: Ended) -> Ended {
    match (first, second) {
        (Ended::Passed(a), Ended::Passed(b)) => Ended::Passed(a.plus(b)),
        (Ended::Passed(a) | Ended::Failed(a, _), Ended::Failed(b, why))
        | (Ended::Failed(a, why), Ended::Passed(b)) => Ended::Failed(a.plus(b), why),
        (Ended::Skipped(why), _) | (_, Ended::Skipped(why)) => Ended::Skipped(why),
    }
}

fn journeys(context: &Context) -> Result<Ended, Error> {
    browse(context, console::npm(&context.root, &["run", "journeys"]))
}

/// Three nodes play an exercise while the browser looks at one of them.
fn node_journeys(context: &Context) -> Result<Ended, Error> {
    let program = demo::build_program(&context.root, "watchfire", "watchfire", &[])?;
    let mut journeys = console::npm(&context.root, &["run", "journeys"]);
    journeys
        .env("WATCHFIRE_PROGRAM", program)
        .env("WATCHFIRE_SCENARIO", context.root.join(EXERCISE))
        .env("WATCHFIRE_RATE", EXERCISE_RATE)
        .env("WATCHFIRE_ARTEFACTS", context.root.join("artefacts/nodes"));
    browse(context, journeys)
}

/// Runs journeys where Node and a browser are there.
fn browse(context: &Context, journeys: Command) -> Result<Ended, Error> {
    if !console::node_is_usable(&context.root) {
        return Ok(skip(console::NODE_ABSENT.to_owned()));
    }
    if !tools::CHROMIUM.is_installed() {
        return Ok(skip(tools::CHROMIUM.missing()));
    }
    call(journeys)
}

fn toy_domain(context: &Context) -> Result<Ended, Error> {
    let found = toy::check(&context.root)?;
    for fault in &found.faults {
        println!("{fault}");
    }
    let skipped = found.console_skipped.map(|reason| println!("SKIPPED: its panel: {reason}"));
    let counts = Counts {
        passed: found.right,
        failed: found.faults.len(),
        skipped: usize::from(skipped.is_some()),
    };
    if counts.failed == 0 {
        return Ok(Ended::Passed(counts));
    }
    Ok(Ended::Failed(counts, "places that do not follow the registry".to_owned()))
}

fn skip(reason: String) -> Ended {
    println!("SKIPPED: {reason}");
    Ended::Skipped(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_lines_are_read_from_the_report() {
        let report = "<system-out>running\nSKIPPED: shared folder missing &amp; more</system-out>\n\
                      SKIPPED: shared folder missing &amp; more\nnothing\n";
        assert_eq!(skip_lines(report), ["SKIPPED: shared folder missing & more"]);
    }

    #[test]
    fn a_program_that_fails_without_counts_counts_as_one() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 1"]);
        let got = call(command).expect("sh runs");
        assert!(matches!(got, Ended::Failed(Counts::ONE_FAILED, _)), "{got:?}");
    }

    #[test]
    fn a_step_of_two_parts_fails_where_one_does() {
        let passed = || Ended::Passed(Counts::ONE_PASSED);
        let failed = || Ended::Failed(Counts::ONE_FAILED, "why".to_owned());
        let one_each = Counts { passed: 1, failed: 1, skipped: 0 };
        for (first, second, expect) in [
            (passed(), passed(), Ended::Passed(Counts { passed: 2, ..Counts::NONE })),
            (passed(), failed(), Ended::Failed(one_each, "why".to_owned())),
            (failed(), passed(), Ended::Failed(one_each, "why".to_owned())),
        ] {
            assert_eq!(both(first, second), expect);
        }
    }

    #[test]
    fn step_names_are_distinct() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
