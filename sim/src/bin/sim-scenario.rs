//! `sim-scenario NAME [--seed S] [--out FILE] [--truth FILE]`: makes a built-in scenario again.

use std::process::ExitCode;

use watchfire_sim::scenario::builtin;

const USAGE: &str = "usage: sim-scenario NAME [--seed S] [--out FILE] [--truth FILE]
       sim-scenario --list
       sim-scenario --all DIR      every built-in scenario from its own seed

Without --seed the committed recording's seed is taken, without --out NAME.jsonl,
without --truth NAME.truth.jsonl, both in the working directory.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Command::parse(&arguments).and_then(Command::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("sim-scenario: {problem}");
            ExitCode::FAILURE
        }
    }
}

enum Command {
    Help,
    List,
    All { folder: String },
    One { name: String, seed: Option<u64>, out: Option<String>, truth: Option<String> },
}

impl Command {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let (mut names, mut seed, mut out, mut truth) = (Vec::new(), None, None, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                let missing = || format!("expected a value after `{argument}`, got nothing");
                rest.next().cloned().ok_or_else(missing)
            };
            match argument.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "--list" => return Ok(Self::List),
                "--all" => return Ok(Self::All { folder: value()? }),
                "--seed" => {
                    let text = value()?;
                    let number = text.parse();
                    let bad = |_| format!("expected a seed as a whole number, got `{text}`");
                    seed = Some(number.map_err(bad)?);
                }
                "--out" => out = Some(value()?),
                "--truth" => truth = Some(value()?),
                flag if flag.starts_with('-') => {
                    return Err(format!("unknown flag `{flag}`\n{USAGE}"));
                }
                name => names.push(name.to_owned()),
            }
        }
        match <[String; 1]>::try_from(names) {
            Ok([name]) => Ok(Self::One { name, seed, out, truth }),
            Err(names) => Err(format!("expected one name, got {}\n{USAGE}", names.len())),
        }
    }

    fn run(self) -> Result<(), String> {
        match self {
            Self::Help => println!("{USAGE}"),
            Self::List => {
                for builtin in builtin::all() {
                    println!("{:24} {}", builtin.name, builtin.about);
                }
            }
            Self::All { folder } => {
                for builtin in builtin::all() {
                    let stem = format!("{folder}/{}", builtin.name);
                    let (out, truth) = (format!("{stem}.jsonl"), format!("{stem}.truth.jsonl"));
                    make(builtin, builtin.seed, &out, &truth)?;
                }
            }
            Self::One { name, seed, out, truth } => {
                let builtin = builtin::named(&name).map_err(|problem| problem.to_string())?;
                let out = out.unwrap_or_else(|| format!("{name}.jsonl"));
                let truth = truth.unwrap_or_else(|| format!("{name}.truth.jsonl"));
                make(builtin, seed.unwrap_or(builtin.seed), &out, &truth)?;
            }
        }
        Ok(())
    }
}

fn make(builtin: &builtin::Builtin, seed: u64, out: &str, truth: &str) -> Result<(), String> {
    let recording = builtin.record(seed).map_err(|problem| problem.to_string())?;
    for (path, text) in [(out, recording.scenario_text()), (truth, recording.truth_text())] {
        std::fs::write(path, &text)
            .map_err(|problem| format!("cannot write `{path}`: {problem}"))?;
        eprintln!("{path}: {} lines, {} bytes", text.lines().count(), text.len());
    }
    Ok(())
}
