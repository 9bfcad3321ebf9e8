//! `cargo xtask bench flash`: the round trip of FLASH over slow lines.
//!
//! Two nodes in namespaces of their own, joined by a token-bucket line at each of three rates, over
//! each carrier; in the same run plain QUIC with stream priorities and NATS core over the same lines.
//! `watchfire bench flash` is what measures; this makes the hosts, the lines and the goals.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{CARRIERS, between_hosts, carriers, core_nats};
use crate::demo;
use crate::error::Error;
use crate::netns::{Direction, Hosts};
use crate::test;

/// A line to measure over.
struct Line {
    name: &'static str,
    kbit_s: u32,
    /// Seconds for the carrier to find the line's pace, and for NATS to be measured.
    settle_s: u64,
    idle: usize,
    loaded: usize,
    goal: Goal,
    goodput_least: f64,
}

/// What the loaded round trip is to stay below at the 99th percentile.
enum Goal {
    Millis(f64),
    /// So many times the idle one.
    TimesIdle(f64),
}

const LINES: [Line; 3] = [
    Line {
        name: "64kbit",
        kbit_s: 64,
        settle_s: 30,
        idle: 40,
        loaded: 100,
        goal: Goal::Millis(200.0),
        goodput_least: 0.80,
    },
    Line {
        name: "1mbit",
        kbit_s: 1_000,
        settle_s: 12,
        idle: 100,
        loaded: 200,
        goal: Goal::Millis(15.0),
        goodput_least: 0.85,
    },
    Line {
        name: "100mbit",
        kbit_s: 100_000,
        settle_s: 8,
        idle: 200,
        loaded: 300,
        goal: Goal::TimesIdle(3.0),
        goodput_least: 0.85,
    },
];

/// Measures every line; `words` go to `watchfire bench flash`.
pub(super) fn measure(root: &Path, words: &[String]) -> Result<Value, Error> {
    let (carriers, words) = carriers(words)?;
    let program = demo::build_program(root, "watchfire", "watchfire", &["--release"])?;
    if let Some(reason) = Hosts::unavailable() {
        return Ok(json!({ "absent": reason }));
    }
    let hosts = Hosts::make(&["near", "far"])?;
    let nats = test::nats_server(root);
    let (mut results, mut goals) = (Map::new(), Vec::new());
    let (mut quinn_peers, mut nats_peers) = (Map::new(), Map::new());
    let over = |name: &str, line: &Line, words: &[String]| {
        let mut told = between_hosts(root, (&hosts, &program), name, line.kbit_s, words)?;
        Ok::<_, Error>(told["results"].take())
    };
    for line in &LINES {
        for place in 0..2 {
            hosts.starve(place, Direction::Out, line.kbit_s)?;
        }
        let mut by_carrier = Map::new();
        for carrier in &carriers {
            eprintln!("{} over {carrier}", line.name);
            let given = [line.words(carrier), words.clone()].concat();
            let measured = over("flash", line, &given)?;
            if *carrier == CARRIERS[0] {
                goals.extend(judge(line, &measured));
            }
            by_carrier.insert((*carrier).to_owned(), measured);
        }
        results.insert(line.name.to_owned(), Value::Object(by_carrier));
        // The peer with stream priorities alone: Cubic, as the library comes.
        let seconds = ["--seconds".to_owned(), line.settle_s.to_string()];
        let peer = over("plain-quinn", line, &seconds);
        let peer = peer.unwrap_or_else(|error| json!({ "absent": error.to_string() }));
        quinn_peers.insert(line.name.to_owned(), peer);
        eprintln!("{} with NATS core", line.name);
        let peer = match &nats {
            Ok(server) => core_nats::measure(&hosts, server, line.settle_s),
            Err(error) => Ok(json!({ "absent": error.to_string() })),
        };
        let peer = peer.unwrap_or_else(|error| json!({ "absent": error.to_string() }));
        nats_peers.insert(line.name.to_owned(), peer);
    }
    let peers = json!({ "plain_quinn": quinn_peers, "nats_core": nats_peers });
    Ok(json!({ "results": results, "peers": peers, "goals": goals }))
}

impl Line {
    /// What `watchfire bench flash` is to do on this line.
    fn words(&self, carrier: &str) -> Vec<String> {
        let numbers = [
            ("--settle-s", self.settle_s),
            ("--idle", self.idle as u64),
            ("--loaded", self.loaded as u64),
        ];
        let numbers = numbers.map(|(flag, value)| [flag.to_owned(), value.to_string()]);
        [["--carrier".to_owned(), carrier.to_owned()]]
            .iter()
            .chain(&numbers)
            .flatten()
            .cloned()
            .collect()
    }
}

fn judge(line: &Line, measured: &Value) -> Vec<Value> {
    let micros = |load: &str| measured[load]["p99_us"].as_f64().unwrap_or(f64::INFINITY);
    let loaded_ms = micros("loaded") / 1e3;
    let name = |what: &str| format!("{}_{what}", line.name);
    let latency = match line.goal {
        Goal::Millis(most) => json!({
            "name": name("loaded_p99"), "value": loaded_ms, "unit": "ms",
            "goal": format!("at most {most}"), "met": loaded_ms <= most,
        }),
        Goal::TimesIdle(most) => {
            let times = micros("loaded") / micros("idle");
            json!({
                "name": name("loaded_over_idle_p99"), "value": times, "unit": "times",
                "goal": format!("at most {most}"), "met": times <= most,
            })
        }
    };
    let share = measured["goodput_share"].as_f64().unwrap_or(0.0);
    let least = line.goodput_least;
    let goodput = json!({
        "name": name("goodput_share"), "value": share, "unit": "of the line",
        "goal": format!("at least {least}"), "met": share >= least,
    });
    vec![latency, goodput]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_by_the_loaded_line() {
        let measured = json!({
            "idle": { "p99_us": 1_000 }, "loaded": { "p99_us": 14_000 }, "goodput_share": 0.84,
        });
        let met = |line: &Line| {
            judge(line, &measured).iter().map(|goal| goal["met"] == true).collect::<Vec<_>>()
        };
        assert_eq!(
            LINES.iter().map(met).collect::<Vec<_>>(),
            [[true, true], [true, false], [false, false]]
        );
        assert_eq!(
            judge(&LINES[1], &json!({}))[0]["met"],
            false,
            "what was not measured is not met"
        );
    }
}
