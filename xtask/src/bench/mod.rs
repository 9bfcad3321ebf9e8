//! `cargo xtask bench` and `validate`: a name, a program, and the machine it ran on.
//!
//! A measuring program prints, as the last line of its stdout, one JSON object with `results`
//! and, where it has them, `peers`, `limits` and `goals`. This module adds `machine` and, for
//! benchmarks, the machine's own limits measured in the same run.

mod catchup;
pub(crate) mod core_nats;
mod flash;
mod machine;
mod nats;

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::command::{Flag, Given};
use crate::demo;
use crate::error::Error;
use crate::netns::Hosts;
use crate::process;
use crate::test;
use crate::tree;

/// The carriers of a line.
const CARRIERS: [&str; 2] = ["quic", "tcp"];

/// Flags of `bench` and `validate`.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::switch("--json", "print one JSON object as the last line of stdout"),
    Flag::switch("--list", "print the names and stop"),
];

/// Something that can be measured by name.
struct Measure {
    name: &'static str,
    what: &'static str,
    program: Program,
    peers: Option<Peers>,
}

/// Measures the peers of one benchmark, in the same run; one that cannot be had is `"absent"`.
type Peers = fn(&Path) -> Map<String, Value>;

/// What measures it.
enum Program {
    /// Only the machine's limits.
    LimitsAlone,
    /// Its own course; it is handed the words for the measuring program.
    Own(fn(&Path, &[String]) -> Result<Value, Error>),
    /// A program of the workspace, built with the release profile.
    Binary { package: &'static str, binary: &'static str, words: &'static [&'static str] },
}

const BENCHES: &[Measure] = &[
    Measure {
        name: "machine",
        what: "this machine's limits: TCP round trip on loopback, 4 KiB append with fdatasync",
        program: Program::LimitsAlone,
        peers: None,
    },
    Measure {
        name: "line",
        what: "an entry from append at one partner to folded at the other",
        program: Program::Binary {
            package: "watchfire",
            binary: "watchfire",
            words: &["bench", "line", "--json"],
        },
        peers: None,
    },
    Measure {
        name: "exchange",
        what: "entries a second, idle latency and processor time of two nodes, beside NATS JetStream",
        program: Program::Binary {
            package: "watchfire",
            binary: "watchfire",
            words: &["bench", "exchange", "--json", "--folder", "target"],
        },
        peers: Some(jetstream),
    },
    Measure {
        name: "flash",
        what: "a FLASH round trip over slow lines, idle and beside a backlog, beside NATS core",
        program: Program::Own(flash::measure),
        peers: None,
    },
    Measure {
        name: "catchup",
        what: "a partner that is a million entries behind, and FLASH meanwhile, over 100 Mbit/s",
        program: Program::Own(catchup::measure),
        peers: None,
    },
];

const VALIDATIONS: &[Measure] = &[
    Measure {
        name: "releasability",
        what: "random membership histories: entries are readable exactly when released",
        program: Program::Binary {
            package: "watchfire-sim",
            binary: "sim-releasability",
            words: &["--json"],
        },
        peers: None,
    },
    Measure {
        name: "jetstream",
        what: "a store on three NATS servers that are killed in turn: nothing lost, how long appends pause",
        program: Program::Binary {
            package: "watchfire",
            binary: "watchfire",
            words: &["bench", "jetstream", "--json"],
        },
        peers: None,
    },
];

/// `cargo xtask bench NAME`
pub(crate) fn run_bench(given: &Given) -> Result<ExitCode, Error> {
    run("bench", BENCHES, true, given)
}

/// `cargo xtask validate NAME`
pub(crate) fn run_validate(given: &Given) -> Result<ExitCode, Error> {
    run("validate", VALIDATIONS, false, given)
}

fn run(
    command: &str,
    measures: &[Measure],
    with_limits: bool,
    given: &Given,
) -> Result<ExitCode, Error> {
    if given.has("--list") {
        for measure in measures {
            println!("{:<12} {}", measure.name, measure.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let measure = named(command, measures, given.positional.as_deref())?;
    let root = tree::root();
    let machine = machine::describe();
    let limits = if with_limits { machine::limits(&root)? } else { Map::new() };
    let measured = match measure.program {
        Program::LimitsAlone => json!({}),
        Program::Own(measure) => measure(&root, &given.passed_on)?,
        Program::Binary { package, binary, words } => {
            let path = demo::build_program(&root, package, binary, &["--release"])?;
            let mut program = process::program(&root, &path.to_string_lossy());
            program.args(words).args(&given.passed_on);
            match test::nats_server(&root) {
                Ok(nats) => drop(program.env(test::NATS_VARIABLE, nats)),
                Err(error) => eprintln!("nats-server is absent: {error}"),
            }
            eprintln!("$ {}", process::shown(&program));
            last_object(measure.name, &process::run_for_stdout(program)?)?
        }
    };
    let peers = measure.peers.map_or_else(Map::new, |peers| peers(&root));
    let report = merge(machine, limits, peers, measured);
    if given.has("--json") {
        println!("{report}");
    } else {
        println!("{report:#}");
    }
    Ok(ExitCode::SUCCESS)
}

/// NATS `JetStream` with an `fsync` for each message and with many publishes under way.
fn jetstream(root: &Path) -> Map<String, Value> {
    let absent = |error: Error| json!({ "absent": error.to_string() });
    let folder = root.join("target").join(format!("bench-nats-{}", std::process::id()));
    eprintln!("measuring NATS JetStream");
    let measured = test::nats_server(root).and_then(|program| nats::jetstream(&program, &folder));
    Map::from_iter([("nats_jetstream".to_owned(), measured.unwrap_or_else(absent))])
}

fn named<'a>(
    command: &str,
    measures: &'a [Measure],
    name: Option<&str>,
) -> Result<&'a Measure, Error> {
    measures.iter().find(|measure| Some(measure.name) == name).ok_or_else(|| {
        let known: Vec<_> = measures.iter().map(|measure| measure.name).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        Error::Usage {
            message: match name {
                Some(name) => format!("expected a name that `{command}` knows, got `{name}`"),
                None => format!("expected `cargo xtask {command} NAME`, got no name"),
            },
            hint: format!("the names are: {known}"),
        }
    })
}

/// The carriers to measure, the one whose goals count first: all, or the one after `--carrier`; and the
/// other words.
fn carriers(words: &[String]) -> Result<(Vec<&'static str>, Vec<String>), Error> {
    let mut rest = words.to_vec();
    let Some(place) = rest.iter().position(|word| word == "--carrier") else {
        return Ok((CARRIERS.to_vec(), rest));
    };
    let asked: Vec<_> = rest.drain(place..rest.len().min(place + 2)).skip(1).collect();
    let only = CARRIERS.into_iter().filter(|carrier| asked.iter().any(|word| word == carrier));
    let only: Vec<_> = only.collect();
    if only.is_empty() {
        return Err(Error::Usage {
            message: format!("expected `--carrier` with a carrier, got `{}`", asked.concat()),
            hint: format!("the carriers are: {}", CARRIERS.join(", ")),
        });
    }
    Ok((only, rest))
}

/// Runs `watchfire bench NAME` on the first host with its partner on the second, over a line of
/// `kbit_s`; what it reports.
fn between_hosts(
    root: &Path,
    (hosts, program): (&Hosts, &Path),
    name: &str,
    kbit_s: u32,
    words: &[String],
) -> Result<Value, Error> {
    let mut bench = hosts.program(0, program);
    bench.current_dir(root).args(["bench", name, "--json", "--folder", "target"]);
    bench.args(["--bits", &(u64::from(kbit_s) * 1_000).to_string()]);
    bench.arg("--hosts").args([0, 1].map(Hosts::address));
    for word in hosts.words(1) {
        bench.args(["--within", &word]);
    }
    bench.args(words);
    last_object(&format!("watchfire bench {name}"), &process::run_for_stdout(bench)?)
}

/// The JSON object on the last line of a program's stdout.
fn last_object(name: &str, stdout: &str) -> Result<Value, Error> {
    let line = stdout.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(Value::Object(object)),
        _ => Err(Error::Shape {
            at: name.to_owned(),
            expected: "one JSON object as the last line of stdout".to_owned(),
            got: line.chars().take(80).collect(),
            hint: "the program must print its talk to stderr".to_owned(),
        }),
    }
}

/// One report with every key that readers rely on.
fn merge(
    machine: Value,
    limits: Map<String, Value>,
    peers: Map<String, Value>,
    measured: Value,
) -> Value {
    let mut report = match measured {
        Value::Object(report) => report,
        other => Map::from_iter([("results".to_owned(), other)]),
    };
    report.insert("machine".to_owned(), machine);
    for (key, empty) in
        [("results", json!({})), ("peers", json!({})), ("limits", json!({})), ("goals", json!([]))]
    {
        report.entry(key).or_insert(empty);
    }
    for (key, more) in [("limits", limits), ("peers", peers)] {
        if let Some(Value::Object(all)) = report.get_mut(key) {
            for (name, value) in more {
                all.entry(name).or_insert(value);
            }
        }
    }
    Value::Object(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_every_key() {
        let limits = Map::from_iter([("tcp".to_owned(), json!(1)), ("disk".to_owned(), json!(2))]);
        let measured = json!({"results": {"p50_us": 3}, "limits": {"tcp": 9}, "extra": true});
        let peers = Map::from_iter([("other".to_owned(), json!("absent"))]);
        let got = merge(json!({"cores": 2}), limits, peers, measured);
        let expect = json!({
            "machine": {"cores": 2}, "results": {"p50_us": 3}, "peers": {"other": "absent"}, "goals": [],
            "limits": {"tcp": 9, "disk": 2}, "extra": true,
        });
        assert_eq!(got, expect);
    }

    #[test]
    fn one_carrier_may_be_asked_for() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let both = carriers(&words("--entries 5")).expect("none is named");
        assert_eq!(both, (vec!["quic", "tcp"], words("--entries 5")));
        let one = carriers(&words("--carrier tcp --entries 5")).expect("it is one");
        assert_eq!(one, (vec!["tcp"], words("--entries 5")));
        for wrong in ["--carrier", "--carrier --entries", "--entries 5 --carrier pigeon"] {
            let error = carriers(&words(wrong)).expect_err("not a carrier");
            assert_eq!(error.hint(), Some("the carriers are: quic, tcp"), "{wrong}");
        }
    }

    #[test]
    fn only_the_last_line_is_read() {
        let got = last_object("x", "talk\n{\"a\":1}\n{\"b\":2}\n\n").expect("an object");
        assert_eq!(got, json!({"b": 2}));
        let error = last_object("x", "{\"a\":1}\ntalk\n").expect_err("not an object");
        assert_eq!(
            error.to_string(),
            "`x`: expected one JSON object as the last line of stdout, got talk"
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = named("bench", BENCHES, Some("moon")).err().expect("no such bench");
        assert_eq!(error.to_string(), "expected a name that `bench` knows, got `moon`");
        assert_eq!(error.hint(), Some("the names are: machine, line, exchange, flash, catchup"));
        assert!(named("validate", VALIDATIONS, None).is_err());
    }
}
