//! `cargo xtask bench catchup`: a partner that was cut off catches up over a line of 100 Mbit/s.
//!
//! Two nodes in namespaces of their own, joined by a token-bucket line; for each carrier in turn the
//! line is cut, a backlog appended, and the line plugged in again. `watchfire bench catchup` is what
//! measures; this makes the hosts and the line. Words after `--` go to it, such as `--entries 50000`;
//! `--carrier quic` or `tcp` measures one carrier alone.

use std::path::Path;

use serde_json::{Value, json};

use super::{between_hosts, carriers};
use crate::demo;
use crate::error::Error;
use crate::netns::{Direction, Hosts};

/// The line's rate.
const KBIT_S: u32 = 100_000;

/// Measures over each carrier; `words` go to `watchfire bench catchup`.
pub(super) fn measure(root: &Path, words: &[String]) -> Result<Value, Error> {
    let (carriers, words) = carriers(words)?;
    let program = demo::build_program(root, "watchfire", "watchfire", &["--release"])?;
    if let Some(reason) = Hosts::unavailable() {
        return Ok(json!({ "absent": reason }));
    }
    let hosts = Hosts::make(&["near", "far"])?;
    for place in 0..2 {
        hosts.starve(place, Direction::Out, KBIT_S)?;
    }
    let mut report = json!({ "results": {}, "limits": {}, "goals": [] });
    for carrier in carriers {
        eprintln!("catching up over {carrier}");
        let mut words = [&words[..], &["--carrier", carrier].map(str::to_owned)].concat();
        words.extend(hosts.plug_words(0).map(|word| format!("--plug={word}")));
        let measured = between_hosts(root, (&hosts, &program), "catchup", KBIT_S, &words)?;
        add(&mut report, carrier, measured);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_named_after_their_carrier() {
        let mut report = json!({ "results": {}, "limits": {}, "goals": [] });
        for carrier in ["quic", "tcp"] {
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
