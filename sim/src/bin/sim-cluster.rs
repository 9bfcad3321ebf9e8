//! Plays seeds of the cluster simulator.
//!
//! ```text
//! sim-cluster --seeds N [--start S] [--entries 200] [--json]   many seeds; counts of faults
//! sim-cluster --seed S --trace                                 one seed with everything it does
//! sim-cluster --planted [--seeds N]                            every planted bug must be caught
//! sim-cluster --soak FILE --commit NAME [--seeds N]            many seeds, resumable from FILE; JSON
//! ```
//!
//! Exit status 0 if every seed passed (with `--planted`: if every bug was caught and the same seeds
//! pass without it), 1 if not, 2 if the arguments are not understood.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use log::bugs::Bug;
use serde_json::json;
use watchfire_sim::cluster::{Cast, Counts, Options, Report, Soak, run};

const USAGE: &str = "usage: sim-cluster [--seeds N | --seed S] [--start S] [--entries N] \
                     [--jobs N] [--json] [--trace] [--bug NAME] [--planted] [--upgrade] \
                     [--soak FILE --commit NAME]";

#[derive(Debug, Default)]
struct Arguments {
    seeds: Option<u64>,
    seed: Option<u64>,
    start: u64,
    jobs: Option<usize>,
    json: bool,
    planted: bool,
    soak: Option<PathBuf>,
    commit: String,
    options: Options,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}\nhint: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match &arguments.soak {
        Some(progress) => soak(&arguments, progress),
        None if arguments.planted => planted(&arguments),
        None => many(&arguments),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments { start: 1, ..Arguments::default() };
    while let Some(name) = arguments.next() {
        let mut value =
            || arguments.next().ok_or_else(|| format!("expected a value after `{name}`"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("expected a number after `{name}`, got `{text}`"))
        };
        let size = |text: String| {
            text.parse::<usize>().map_err(|_| format!("expected a number, got `{text}`"))
        };
        match name.as_str() {
            "--seeds" => parsed.seeds = Some(number(value()?)?),
            "--seed" => parsed.seed = Some(number(value()?)?),
            "--start" => parsed.start = number(value()?)?,
            "--entries" => parsed.options.entries = size(value()?)?,
            "--jobs" => parsed.jobs = Some(size(value()?)?),
            "--json" => parsed.json = true,
            "--trace" => parsed.options.trace = true,
            "--planted" => parsed.planted = true,
            "--soak" => parsed.soak = Some(value()?.into()),
            "--commit" => parsed.commit = value()?,
            "--upgrade" => parsed.options.upgrade = true,
            "--bug" => {
                let text = value()?;
                let bug = Bug::ALL.into_iter().find(|bug| bug.as_str() == text);
                let names = Bug::ALL.map(Bug::as_str).join("`, `");
                let bug = bug.ok_or_else(|| format!("expected `{names}`, got `{text}`"))?;
                parsed.options.bug = Some(bug);
            }
            other => return Err(format!("expected an option, got `{other}`")),
        }
    }
    let wants_bugs = parsed.planted || parsed.options.bug.is_some();
    if wants_bugs && !cfg!(feature = "planted-bugs") {
        return Err("planted bugs need a build with `--features planted-bugs`".to_owned());
    }
    Ok(parsed)
}

/// Plays the seeds on `jobs` threads; reports come in order of seed.
fn play(cast: &Cast, options: &Options, seeds: std::ops::Range<u64>, jobs: usize) -> Vec<Report> {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let mut reports: Vec<Report> = std::thread::scope(|scope| {
        let work = || {
            let mut reports = Vec::new();
            loop {
                let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if seed >= seeds.end {
                    return reports;
                }
                reports.push(run(cast, options, seed));
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("runs catch panics")).collect()
    });
    reports.sort_by_key(|report| report.seed);
    reports
}

fn jobs(arguments: &Arguments) -> usize {
    arguments.jobs.unwrap_or(1).max(1)
}

fn range(arguments: &Arguments, usual: u64) -> std::ops::Range<u64> {
    match arguments.seed {
        Some(seed) => seed..seed + 1,
        None => arguments.start..arguments.start + arguments.seeds.unwrap_or(usual),
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let cast = Cast::assemble();
    let reports = play(&cast, &arguments.options, range(arguments, 100), jobs(arguments));
    let wall_s = started.elapsed().as_secs_f64();
    let mut faults = Counts::default();
    for report in &reports {
        faults.merge(&report.faults);
    }
    let failed: Vec<&Report> = reports.iter().filter(|report| !report.passed()).collect();
    for report in &failed {
        eprintln!("seed {} failed:", report.seed);
        for failure in &report.failures {
            eprintln!("  {failure}");
        }
        let entries = arguments.options.entries;
        let bug =
            arguments.options.bug.map_or(String::new(), |bug| format!(" --bug {}", bug.as_str()));
        eprintln!(
            "  again: cargo run --release -p watchfire-sim --bin sim-cluster -- --seed {} \
             --entries {entries}{bug} --trace",
            report.seed
        );
    }
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let least = |of: fn(&Report) -> u64| reports.iter().map(of).min().unwrap_or(0);
    let most = |of: fn(&Report) -> u64| reports.iter().map(of).max().unwrap_or(0);
    eprintln!(
        "{} seeds, {} failed, {:.1} s; {} statements (at least {} a seed), {} acknowledged, {} pending; \
         {} jumps ahead; {} frames relayed; {} facts kept apart; {} cut off by a gap; healed within {} ms",
        reports.len(),
        failed.len(),
        wall_s,
        sum(|report| report.entries),
        least(|report| report.entries),
        sum(|report| report.acknowledged),
        sum(|report| report.pending),
        sum(|report| report.jumps),
        sum(|report| report.relayed),
        sum(|report| report.apart),
        sum(|report| report.cut_off),
        most(|report| report.healed_ms),
    );
    eprintln!(
        "{} faults, at least {} a seed, of which planned at least {}:",
        faults.total(),
        least(|report| report.faults.total()),
        least(Report::planned)
    );
    for (fault, count) in faults.iter() {
        let name = serde_json::to_value(fault).expect("faults are words");
        eprintln!("  {count:>9}  {}", name.as_str().unwrap_or("?"));
    }
    if arguments.json {
        let failing: Vec<_> = failed
            .iter()
            .map(|report| json!({ "seed": report.seed, "failures": report.failures }))
            .collect();
        println!(
            "{}",
            json!({
                "seeds": reports.len(), "failed": failed.len(), "wall_s": wall_s,
                "entries": sum(|report| report.entries),
                "entries_per_seed_min": least(|report| report.entries),
                "acknowledged": sum(|report| report.acknowledged),
                "pending": sum(|report| report.pending),
                "faults": faults, "faults_per_seed_min": least(|report| report.faults.total()),
                "planned_faults_per_seed_min": least(Report::planned),
                "seeds_with_a_conviction": reports.iter().filter(|r| r.convicted > 0).count(),
                "healed_ms_max": most(|report| report.healed_ms), "failures": failing,
            })
        );
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every planted bug must be caught within its number of seeds, and the first of them pass without it.
fn planted(arguments: &Arguments) -> ExitCode {
    let cast = Cast::assemble();
    let sound = play(&cast, &arguments.options, range(arguments, 20), jobs(arguments));
    let unsound = sound.iter().filter(|report| !report.passed()).count();
    eprintln!("no bug: {} of {} seeds pass", sound.len() - unsound, sound.len());
    let catches = catch_all(&cast, arguments);
    let escaped = catches.iter().filter(|(_, caught)| caught.is_none()).count();
    if arguments.json {
        let planted = shown(&catches);
        println!("{}", json!({ "planted": planted, "escaped": escaped, "sound_failed": unsound }));
    }
    if escaped == 0 && unsound == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A bug, and the first seed that caught it with what was wrong.
type Catch = (Bug, Option<(u64, String)>);

fn catch_all(cast: &Cast, arguments: &Arguments) -> Vec<Catch> {
    // A planted bug may trip one of the node's own assertions; that is a catch, not news.
    std::panic::set_hook(Box::new(|_| {}));
    let start = arguments.start;
    let catches = each_bug(jobs(arguments), |bug| {
        let options = Options { bug: Some(bug), ..arguments.options.clone() };
        (start..start + bug.seeds_max()).find_map(|seed| {
            let report = run(cast, &options, seed);
            report.failures.into_iter().next().map(|failure| (seed, failure))
        })
    });
    for (bug, caught) in &catches {
        let (name, within) = (bug.as_str(), bug.seeds_max());
        match caught {
            Some((seed, failure)) => eprintln!("{name}: caught by seed {seed}: {failure}"),
            None => eprintln!("{name}: ESCAPED {within} seeds"),
        }
    }
    catches
}

fn shown(catches: &[Catch]) -> serde_json::Value {
    let shown = catches.iter().map(|(bug, caught)| {
        json!({
            "bug": bug.as_str(), "within_seeds": bug.seeds_max(),
            "seed": caught.as_ref().map(|(seed, _)| seed),
            "failure": caught.as_ref().map(|(_, failure)| failure),
        })
    });
    shown.collect()
}

/// Many seeds, gone on with from the progress file; then the planted bugs.
fn soak(arguments: &Arguments, progress: &Path) -> ExitCode {
    let soak = Soak {
        start: arguments.start,
        seeds: arguments.seeds.unwrap_or(100_000),
        jobs: jobs(arguments),
        commit: arguments.commit.clone(),
        progress: progress.to_owned(),
        options: arguments.options.clone(),
    };
    let mut told = 0;
    let tally = soak.run(|tally| {
        if tally.played >= told + 1_000 || tally.is_complete() {
            told = tally.played;
            let (played, failed, cpu_s) = (tally.played, tally.failed, tally.cpu_s);
            let faults = tally.faults.total();
            eprintln!(
                "{played} seeds, {failed} failed, {faults} faults, {cpu_s:.0} s of processor"
            );
        }
    });
    let tally = match tally {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let catches = catch_all(&Cast::assemble(), arguments);
    let escaped = catches.iter().filter(|(_, caught)| caught.is_none()).count();
    let sound = tally.failed == 0;
    let mut report = serde_json::to_value(&tally).expect("a tally is plain data");
    let fields = report.as_object_mut().expect("a tally is an object");
    fields.remove("blocks");
    fields.insert("planted".to_owned(), shown(&catches));
    fields.insert("planted_escaped".to_owned(), json!(escaped));
    println!("{report}");
    if sound && escaped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Does something for each bug on `jobs` threads; results come in the order of the bugs.
fn each_bug<R: Send>(jobs: usize, work: impl Fn(Bug) -> R + Sync) -> Vec<(Bug, R)> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(bug) = Bug::ALL.get(place) else { return done };
                done.push((place, work(*bug)));
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("runs catch panics")).collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(place, result)| (Bug::ALL[place], result)).collect()
}
