//! Lines tested with real entries: measured at every partner, folded by nobody, within limits.

use serde_json::{Value, json};

use crate::support::{EVERYONE, Ended, Federation, run, settle, wait_for};

fn check(federation: &Federation, node: &str, more: &[&str]) -> Ended {
    let config = federation.config(node);
    let mut words = vec!["line-check", "--config", config.to_str().expect("a plain path")];
    words.extend(more);
    run(words)
}

/// The results by node.
fn nodes(answer: &Value) -> Vec<(String, u64, u64)> {
    let results = answer["nodes"].as_array().expect("a list of nodes").iter();
    let number = |result: &Value, name: &str| result[name].as_u64().expect("a number");
    results
        .map(|result| {
            let node = result["node"].as_str().expect("a node").to_owned();
            (node, number(result, "held"), number(result, "lost"))
        })
        .collect()
}

#[test]
fn a_line_is_tested_with_entries_that_nobody_folds() {
    let federation = Federation::new("line-check");
    let [japan, korea, usa] = federation.start_all();
    for peer in ["JPN-1", "USA-1"] {
        wait_for("the line to be up", || {
            let line = korea.api.line(peer);
            if line["state"] == "up" { Ok(()) } else { Err(line) }
        });
        assert_eq!(korea.api.line(peer)["check"], Value::Null);
    }
    let apis = [&japan.api, &korea.api, &usa.api];
    let before = settle(&apis);
    let digest = korea.api.digest(EVERYONE, &before)["digest"].clone();
    let facts = korea.api.status()["facts"].clone();

    let ended = check(&federation, "KOR-1", &["--count", "5", "--precedence", "flash", "--json"]);
    assert!(ended.success, "{ended:#?}");
    let answer = ended.json();
    assert_eq!((&answer["sent"], &answer["size"]), (&json!(5), &json!(256)), "{answer}");
    let both = [("JPN-1".to_owned(), 5, 0), ("USA-1".to_owned(), 5, 0)];
    assert_eq!(nodes(&answer), both, "{answer}");
    let latency = &answer["nodes"][0]["latency"];
    let p50_ms = latency["p50_ms"].as_f64().expect("a time");
    assert!(p50_ms > 0.0 && latency["p99_ms"].as_f64() >= Some(p50_ms), "{answer}");
    let line = korea.api.line("JPN-1");
    assert_eq!((&line["check"]["lane"], &line["check"]["held"]), (&json!("flash"), &json!(5)));

    // Real entries: in the log of every partner, read by no domain, in no picture.
    let after = settle(&apis);
    let lane = |cut: &crate::support::Cut| -> u64 {
        cut.iter().filter(|(log, _)| log.starts_with("KOR-1.flash.")).map(|(_, size)| size).sum()
    };
    assert!(lane(&after) >= lane(&before) + 5, "{before:?} and {after:?}");
    assert_eq!(korea.api.status()["facts"], facts);
    assert_eq!(korea.api.digest(EVERYONE, &after)["digest"], digest);

    // Not at once again, not beyond the limits, not toward nobody.
    for (more, words) in [
        (&["--count", "1"][..], "between two checks"),
        (&["--count", "101"], "expected `count` from 1 to 100, got 101"),
        (&["--size", "15"], "expected `size` from 16 to 16384, got 15"),
        (&["--count", "100", "--size", "16384"], "expected at most 65536 bytes in one check"),
        (&["--precedence", "soon"], "soon"),
        (&["XYZ"], "XYZ"),
    ] {
        if !words.contains("between") {
            wait_for("the next check to be due", || {
                let ended = check(&federation, "KOR-1", more);
                if ended.stderr.contains("between two checks") { Err(ended) } else { Ok(()) }
            });
        }
        let refused = check(&federation, "KOR-1", more);
        assert!(!refused.success && refused.stderr.contains(words), "{more:?}: {refused:#?}");
    }

    // A partner that is gone holds nothing in time, and the line says so.
    usa.stop();
    let ended = check(&federation, "KOR-1", &["USA", "--count", "2", "--json"]);
    assert!(ended.success, "{ended:#?}");
    assert_eq!(nodes(&ended.json()), [("USA-1".to_owned(), 0, 2)]);
    assert_eq!(korea.api.line("USA-1")["check"]["latency"], Value::Null);
    wait_for("the loss to be told", || korea.api.finding(&["were not held in time"]));
    for node in [japan, korea] {
        node.stop();
    }
}
