//! The README's first command, judged: three nodes, one picture.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Context, Counts, Ended};
use crate::demo;
use crate::error::Error;
use crate::process;

/// The last forecast may be this far off: the figure is some metres, a broken tracker's many kilometres.
const IMPACT_ERROR_KM_MAX: f64 = 5.0;
/// Likewise in time.
const IMPACT_TIME_ERROR_S_MAX: f64 = 10.0;

/// What `watchfire demo --json` prints, as much of it as is judged.
#[derive(Deserialize)]
struct Told {
    nodes: Vec<Node>,
    impact_error_km: Option<f64>,
    impact_time_error_s: Option<f64>,
    cap: Vec<String>,
}

#[derive(Deserialize)]
struct Node {
    partner: String,
    digest: String,
    tracks: u64,
    receipts_complete: bool,
}

/// Plays the published flight to three nodes and judges what they say in the end.
pub(super) fn run(context: &Context) -> Result<Ended, Error> {
    let path = demo::build_program(&context.root, "watchfire", "watchfire", &[])?;
    let mut program = process::program(&context.root, &path.to_string_lossy());
    program.args(["demo", "--for", "90", "--json"]);
    println!("$ {}", process::shown(&program));
    let printed = process::run_for_stdout(program)?;
    let line = printed.lines().last().unwrap_or_default();
    println!("{line}");
    let told: Told = serde_json::from_str(line).map_err(|error| Error::Shape {
        at: "watchfire demo --json".to_owned(),
        expected: "one JSON object as the last line".to_owned(),
        got: error.to_string(),
        hint: "see `watchfire demo --help`".to_owned(),
    })?;
    Ok(ended(&judge(&told)))
}

/// One sentence for each thing, and whether it is so.
fn judge(told: &Told) -> Vec<(bool, String)> {
    let digests: BTreeSet<&str> = told.nodes.iter().map(|node| node.digest.as_str()).collect();
    let within = |value: Option<f64>, most: f64| value.is_some_and(|value| value.abs() <= most);
    let mut judged = vec![
        (told.nodes.len() == 3, format!("three nodes: {}", told.nodes.len())),
        (digests.len() == 1, format!("one digest: {digests:?}")),
        (
            within(told.impact_error_km, IMPACT_ERROR_KM_MAX),
            format!("impact within {IMPACT_ERROR_KM_MAX} km: {:?}", told.impact_error_km),
        ),
        (
            within(told.impact_time_error_s, IMPACT_TIME_ERROR_S_MAX),
            format!("impact within {IMPACT_TIME_ERROR_S_MAX} s: {:?}", told.impact_time_error_s),
        ),
        (!told.cap.is_empty(), format!("an alert was written: {}", told.cap.len())),
    ];
    for Node { partner, tracks, receipts_complete, .. } in &told.nodes {
        judged.push((*receipts_complete, format!("{partner}: receipts complete")));
        judged.push((*tracks > 0, format!("{partner}: tracks: {tracks}")));
    }
    judged
}

fn ended(judged: &[(bool, String)]) -> Ended {
    let mut counts = Counts::NONE;
    let mut faults = Vec::new();
    for (is_so, sentence) in judged {
        if *is_so {
            counts.passed += 1;
        } else {
            counts.failed += 1;
            faults.push(format!("expected {sentence}"));
        }
    }
    if faults.is_empty() { Ended::Passed(counts) } else { Ended::Failed(counts, faults.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(digest: &str, error_km: &str) -> Told {
        let node = |partner: &str, digest: &str| {
            format!(
                r#"{{"partner":"{partner}","digest":"{digest}","tracks":3,"receipts_complete":true}}"#
            )
        };
        let nodes = [node("JPN", "a"), node("KOR", "a"), node("USA", digest)].join(",");
        let text = format!(
            r#"{{"nodes":[{nodes}],"impact_error_km":{error_km},"impact_time_error_s":-1,"cap":["x.xml"]}}"#
        );
        serde_json::from_str(&text).expect("the shape is the program's")
    }

    #[test]
    fn one_picture_and_a_near_forecast_are_asked_for() {
        let all = Counts { passed: 11, failed: 0, skipped: 0 };
        assert_eq!(ended(&judge(&told("a", "0.007"))), Ended::Passed(all));
        for (told, expect) in [
            (told("b", "0.007"), r#"expected one digest: {"a", "b"}"#),
            (told("a", "700.0"), "expected impact within 5 km: Some(700.0)"),
            (told("a", "null"), "expected impact within 5 km: None"),
        ] {
            let counts = Counts { passed: 10, failed: 1, skipped: 0 };
            assert_eq!(ended(&judge(&told)), Ended::Failed(counts, expect.to_owned()));
        }
    }
}
