//! Tries random membership histories and says who could open what.
//!
//! ```text
//! sim-releasability [--runs N] [--seed S] [--jobs J] [--json]
//! ```
//!
//! `--runs` counts cases: pairs of an entry and a partner. Exit status 0 if every case came out as
//! released, 1 if not, 2 if the arguments are not understood.

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use watchfire_sim::releasability::{Outcome, run};

const USAGE: &str = "usage: sim-releasability [--runs N] [--seed S] [--jobs J] [--json]";
/// Histories of different jobs never share a seed.
const SEEDS_PER_JOB: u64 = 1 << 40;

struct Arguments {
    runs: u64,
    seed: u64,
    jobs: u64,
    json: bool,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let jobs = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let mut arguments = Arguments { runs: 1_000_000, seed: 1, jobs, json: false };
    while let Some(name) = words.next() {
        let mut number = || {
            let word = words.next().ok_or_else(|| format!("expected a number after `{name}`"))?;
            word.parse::<u64>()
                .map_err(|_| format!("expected a number after `{name}`, got `{word}`"))
        };
        match name.as_str() {
            "--runs" => arguments.runs = number()?.max(1),
            "--seed" => arguments.seed = number()?,
            "--jobs" => arguments.jobs = number()?.clamp(1, 64),
            "--json" => arguments.json = true,
            _ => return Err(format!("expected a known flag, got `{name}`")),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}\nhint: {USAGE}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let share = arguments.runs.div_ceil(arguments.jobs);
    let jobs: Vec<_> = (0..arguments.jobs)
        .map(|job| {
            let seed = arguments.seed.wrapping_add(job.wrapping_mul(SEEDS_PER_JOB));
            std::thread::spawn(move || run(share, seed))
        })
        .collect();
    let mut outcome = Outcome::default();
    for job in jobs {
        match job.join() {
            Ok(part) => outcome.add(part),
            Err(_) => return ExitCode::FAILURE,
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    for fault in &outcome.faults {
        eprintln!("fault: {fault}");
    }
    if arguments.json {
        let goal = json!({
            "name": "cases that came out other than released",
            "value": outcome.faults_total,
            "unit": "cases",
            "goal": 0,
            "met": outcome.faults_total == 0,
        });
        println!("{}", json!({ "results": outcome, "seconds": seconds, "goals": [goal] }));
    } else {
        println!(
            "{} cases in {} histories: {} released and opened, {} not released and closed; \
             {} thief, {} impostor and {} projection cases; {} faults; {seconds:.1} s",
            outcome.cases,
            outcome.histories,
            outcome.readable,
            outcome.hidden,
            outcome.thief_cases,
            outcome.impostor_cases,
            outcome.projected_cases,
            outcome.faults_total,
        );
    }
    if outcome.faults_total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
