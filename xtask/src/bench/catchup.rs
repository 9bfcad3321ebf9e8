//! `cargo xtask bench catchup`: a partner that was cut off catches up over a line of 100 Mbit/s.
//!
//! Two nodes in namespaces of their own, joined by a token-bucket line; for each carrier in turn the
//! line is cut, a backlog appended, and the line plugged in again. `watchfire bench catchup` is what
//! measures; this makes the hosts and the line. Words after `--` go to it, such as `--entries 50000`;
//! `--carrier quic` or `tcp` measures one carrier alone.

use std::path::Path;

use serde_json::{Value, json};

use super::last_object;
use crate::demo;
use crate::error::Error;
use crate::netns::{Direction, Hosts};
use crate::process;

/// The line's rate.
const KBIT_S: u32 = 100_000;
/// The carriers.
const CARRIERS: [&str; 2] = ["quic", "tcp"];

/// Measures over each carrier; `words` go to `watchfire bench catchup`.
pub(super) fn measure(root: &Path, words: &[String]) -> Result<Value, Error> {
    let program = demo::build_program(root, "watchfire", "watchfire", &["--release"])?;
    if let Some(reason) = Hosts::unavailable() {
        return Ok(json!({ "absent": reason }));
    }
    let hosts = Hosts::make(&["near", "far"])?;
    for place in 0..2 {
        hosts.starve(place, Direction::Out, KBIT_S)?;
    }
    let asked = words.iter().position(|word| word == "--carrier");
    let mut report = json!({ "results": {}, "limits": {}, "goals": [] });
    for carrier in CARRIERS {
        let alone = asked.and_then(|place| words.get(place + 1));
        if alone.is_none_or(|only| only == carrier) {
            eprintln!("catching up over {carrier}");
            add(&mut report, carrier, watchfire(root, &hosts, &program, carrier, words)?);
        }
    }
    Ok(report)
}

/// What one carrier came to, beside the others.
fn add(report: &mut Value, carrier: &str, mut measured: Value) {
    for part in ["results", "limits"] {
        report[part][carrier] = measured[part].take();
    }
    let goals = measured["goals"].as_array_mut().map(std::mem::take).unwrap_or_default();
    for mut goal in goals {
        goal["name"] = json!(format!("{carrier}_{}", goal["name"].as_str().unwrap_or_default()));
        report["goals"].as_array_mut().expect("it is a list").push(goal);
    }
}

fn watchfire(
    root: &Path,
    hosts: &Hosts,
    program: &Path,
    carrier: &str,
    words: &[String],
) -> Result<Value, Error> {
    let mut bench = hosts.program(0, program);
    bench.current_dir(root).args(["bench", "catchup", "--json"]);
    bench.arg("--hosts").args([0, 1].map(Hosts::address));
    for word in hosts.words(1) {
        bench.args(["--within", &word]);
    }
    for word in hosts.plug_words(0) {
        bench.arg(format!("--plug={word}"));
    }
    let folder = format!("target/bench-catchup-{}", std::process::id());
    bench.args(["--bits", &(u64::from(KBIT_S) * 1_000).to_string(), "--folder", &folder]);
    if !words.iter().any(|word| word == "--carrier") {
        bench.args(["--carrier", carrier]);
    }
    bench.args(words);
    let said = process::run_for_stdout(bench)?;
    last_object("watchfire bench catchup", &said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_named_after_their_carrier() {
        let mut report = json!({ "results": {}, "limits": {}, "goals": [] });
        for carrier in CARRIERS {
            let measured = json!({
                "results": { "a": 1 }, "limits": { "b": 2 },
                "goals": [{ "name": "x", "met": true }],
            });
            add(&mut report, carrier, measured);
        }
        let expect = json!({
            "results": { "quic": { "a": 1 }, "tcp": { "a": 1 } },
            "limits": { "quic": { "b": 2 }, "tcp": { "b": 2 } },
            "goals": [{ "name": "quic_x", "met": true }, { "name": "tcp_x", "met": true }],
        });
        assert_eq!(report, expect);
    }
}
