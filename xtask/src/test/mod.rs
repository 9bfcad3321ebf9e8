//! `cargo xtask test`: every check of the project, each step timed, all of them run.

mod counts;
mod demonstration;
mod steps;
mod tools;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::command::{Flag, Given};
use crate::error::Error;
use crate::tree;
use counts::Counts;
use steps::STEPS;

pub(crate) use tools::{NATS_VARIABLE, nats_server};

/// Flags of `cargo xtask test`.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::value("--only", "STEP", "run this step alone (may be repeated)"),
    Flag::value("--skip", "STEP", "leave this step out (may be repeated)"),
    Flag::value("--seeds", "COUNT", "seeds of the cluster simulator (default 1000)"),
    Flag::switch("--list", "print the steps and stop"),
];

/// What a step may look at.
struct Context {
    root: PathBuf,
    seeds: String,
}

/// One step.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Context) -> Result<Ended, Error>,
}

/// How a step ended.
#[derive(Debug, PartialEq)]
enum Ended {
    /// It passed, with what it counted; a step that counts nothing counts as one.
    Passed(Counts),
    /// It failed, with what it counted and one sentence.
    Failed(Counts, String),
    /// It could not run, with the reason.
    Skipped(String),
}

struct Row {
    name: &'static str,
    ended: Ended,
    took: Duration,
}

/// Runs the chosen steps in order and sums them up.
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    let chosen = choose(&given.values("--only"), &given.values("--skip"))?;
    if given.has("--list") {
        for step in &chosen {
            println!("{:<12} {}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let seeds = given.values("--seeds").last().map_or("1000", |seeds| *seeds).to_owned();
    if seeds.parse::<u32>().is_err() {
        return Err(Error::Usage {
            message: format!("expected `--seeds COUNT` with a whole number, got `{seeds}`"),
            hint: "try `--seeds 1000`".to_owned(),
        });
    }
    let context = Context { root: tree::root(), seeds };
    let mut rows = Vec::new();
    for step in chosen {
        println!("\n==> {}: {}", step.name, step.what);
        let start = Instant::now();
        let ended = (step.run)(&context).unwrap_or_else(|error| {
            let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
            Ended::Failed(Counts::ONE_FAILED, format!("{error}{hint}"))
        });
        let took = start.elapsed();
        println!("<== {}: {} in {:.1} s", step.name, word(&ended), took.as_secs_f64());
        rows.push(Row { name: step.name, ended, took });
    }
    print!("{}", table(&rows));
    let failed = rows.iter().any(|row| matches!(row.ended, Ended::Failed(..)));
    println!("{}", total(&rows));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn choose(only: &[&str], skip: &[&str]) -> Result<Vec<&'static Step>, Error> {
    let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    if let Some(unknown) = only.iter().chain(skip).find(|name| !known.contains(name)) {
        return Err(Error::Usage {
            message: format!("expected the name of a step, got `{unknown}`"),
            hint: format!("the steps are {}", known.join(", ")),
        });
    }
    let wanted = |name| (only.is_empty() || only.contains(&name)) && !skip.contains(&name);
    Ok(STEPS.iter().filter(|step| wanted(step.name)).collect())
}

fn word(ended: &Ended) -> &'static str {
    match ended {
        Ended::Passed(_) => "passed",
        Ended::Failed(..) => "FAILED",
        Ended::Skipped(_) => "SKIPPED",
    }
}

/// The summary: a line a step with its seconds, its counts and what went wrong.
fn table(rows: &[Row]) -> String {
    let mut text = format!("\n{:<12} {:<8} {:>8}  counts\n", "step", "result", "seconds");
    for row in rows {
        let detail = match &row.ended {
            Ended::Passed(counts) => counts.to_string(),
            Ended::Failed(counts, why) => format!("{counts}: {why}"),
            Ended::Skipped(why) => format!("SKIPPED: {why}"),
        };
        let seconds = row.took.as_secs_f64();
        let _ = writeln!(text, "{:<12} {:<8} {seconds:>8.1}  {detail}", row.name, word(&row.ended));
    }
    let seconds: f64 = rows.iter().map(|row| row.took.as_secs_f64()).sum();
    let _ = writeln!(text, "{:<12} {:<8} {seconds:>8.1}", "total", "");
    text
}

/// The last line: every count of every step.
fn total(rows: &[Row]) -> Counts {
    rows.iter().fold(Counts::NONE, |sum, row| {
        sum.plus(match &row.ended {
            Ended::Passed(counts) | Ended::Failed(counts, _) => *counts,
            Ended::Skipped(_) => Counts::ONE_SKIPPED,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name_in_their_own_order() {
        let names = |only: &[&str], skip: &[&str]| -> Vec<&str> {
            choose(only, skip).expect("known").iter().map(|step| step.name).collect()
        };
        assert_eq!(names(&["tests", "fmt"], &[]), ["fmt", "tests"]);
        assert_eq!(names(&[], &["fmt"]).len(), STEPS.len() - 1);
        let error = choose(&["tests"], &["nothing"]).err().expect("unknown");
        assert_eq!(error.to_string(), "expected the name of a step, got `nothing`");
    }

    #[test]
    fn the_summary_counts_tests_and_steps() {
        let row = |name, ended| Row { name, ended, took: Duration::from_millis(1_500) };
        let rows = [
            row("fmt", Ended::Passed(Counts::ONE_PASSED)),
            row("tests", Ended::Passed(Counts { passed: 40, failed: 0, skipped: 2 })),
            row("docs", Ended::Failed(Counts::ONE_FAILED, "`cargo doc` failed".to_owned())),
            row("journeys", Ended::Skipped("no Node".to_owned())),
        ];
        assert_eq!(total(&rows).to_string(), "41 passed, 1 failed, 3 skipped");
        let text = table(&rows);
        assert!(
            text.contains("FAILED        1.5  0 passed, 1 failed, 0 skipped: `cargo doc` failed"),
            "{text}"
        );
        let last = text.lines().last().map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(last, Some(vec!["total", "6.0"]));
        assert!(text.contains("SKIPPED: no Node"), "{text}");
    }
}
