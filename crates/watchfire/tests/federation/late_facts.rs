//! What filled a gap is in the picture, and calls nobody.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Federation, Node, now, scan, wait_for};

pub(crate) const BOTH: &str = "JPN+KOR";
/// FLASH entries said while a node is away: more than it is sent in order when it comes back.
const MISSED: u64 = 700;

/// A draft of a warning for Tokyo, an impact in half an hour.
pub(crate) fn draft(warning: &str, evidence: &[&str]) -> Value {
    let impact = now() + base::TimeDelta::from_seconds(1_800);
    json!({
        "kind": "warning.draft", "audience": BOTH, "level": "local",
        "content": {
            "warning": warning, "action": "alert", "reason": "threat",
            "subject": {
                "forecast": {
                    "region": {
                        "lat": 35.69, "lon": 139.5, "semi_major": 1_000.0, "semi_minor": 1_000.0,
                        "orientation": 0.0,
                    },
                    "impact": impact, "impact_sigma_s": 5.0,
                },
                "area": "land",
                "districts": [{ "code": "JP-13", "probability": 0.9, "nearby_only": false }],
                "evidence": evidence,
            },
        },
    })
}

/// Drafts and releases a warning at `node`.
fn warn(node: &Node, warning: &str) {
    let evidence = node.api.append(&json!({
        "kind": "track.scan", "content": scan("JPN", "coast", 1), "audience": BOTH, "level": "local",
    }));
    let draft = node.api.append(&draft(warning, &[&evidence]));
    wait_for("the draft to be in the picture", || {
        let item = item(node, warning);
        if item["pending"]["entry"] == *draft { Ok(()) } else { Err(item) }
    });
    let path = format!("/api/v1/warnings/{warning}/release");
    node.api.post(&path, &json!({ "draft": draft })).good();
}

fn picture(node: &Node) -> Value {
    let view = BOTH.replace('+', "%2B");
    node.api.get(&format!("/api/v1/picture/warning?view={view}")).good()
}

pub(crate) fn item(node: &Node, warning: &str) -> Value {
    picture(node)["warning.warnings"][warning].clone()
}

/// The CAP files of a node.
pub(crate) fn alerts(federation: &Federation, node: &str) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(federation.data(node).join("cap"));
    folder.into_iter().flatten().flatten().map(|file| file.path()).collect()
}

fn released(node: &Node, warning: &str, late: bool) {
    wait_for("the released warning to be in the picture", || {
        let item = item(node, warning);
        if item["state"] == "released" && item["late"] == late { Ok(()) } else { Err(item) }
    });
}

#[test]
fn a_warning_that_came_late_is_in_the_picture_and_calls_nobody() {
    let federation = Federation::of("late-facts", "JPN,KOR", 2);
    let [away, here] = ["JPN-1", "JPN-2"].map(|node| federation.start(node));
    wait_for("the line to be up", || {
        let line = here.api.line("JPN-1");
        if line["state"] == "up" { Ok(()) } else { Err(line) }
    });
    away.kill();
    warn(&here, "KOR-7.JPN.1");
    let missed: Vec<String> =
        (0..MISSED).map(|number| scan("JPN", "missed", number).to_string()).collect();
    let path = format!(
        "/api/v1/entries/bulk?kind=track.scan&precedence=flash&level=local&audience={}",
        BOTH.replace('+', "%2B")
    );
    let bulk = here.api.try_post(&path, "application/jsonl", missed.join("\n").as_bytes());
    bulk.expect("the node answers").good();
    wait_for("the alert to be written where it was released", || {
        let written = alerts(&federation, "JPN-2");
        if written.len() == 1 { Ok(()) } else { Err(written) }
    });
    // What was said less than three seconds before a line comes up is not late.
    let said = now();
    wait_for("the break to be long enough", || {
        let passed = now() - said;
        if passed > base::TimeDelta::from_seconds(4) { Ok(()) } else { Err(passed) }
    });

    let back = federation.start("JPN-1");
    released(&back, "KOR-7.JPN.1", true);
    let told = wait_for("the node to say why it wrote no alert", || {
        back.api.finding(&["late facts", "KOR-7.JPN.1", "is not written out"])
    });
    wait_for("the gap to close", || {
        let picture = picture(&back);
        let incomplete = picture["incomplete"].as_object().is_none_or(|logs| !logs.is_empty());
        if incomplete { Err(picture) } else { Ok(()) }
    });
    assert_eq!(alerts(&federation, "JPN-1"), [] as [PathBuf; 0]);

    // A live one is written out here too, and the late one still is not, nor after a restart.
    warn(&here, "KOR-8.JPN.1");
    released(&back, "KOR-8.JPN.1", false);
    let live_alone = |written: Vec<PathBuf>| {
        let live = |path: &PathBuf| path.to_string_lossy().contains("KOR-8");
        if written.len() == 1 && written.iter().all(live) { Ok(()) } else { Err(written) }
    };
    wait_for("the live alert", || live_alone(alerts(&federation, "JPN-1")));
    back.stop();
    let back = federation.start("JPN-1");
    released(&back, "KOR-7.JPN.1", true);
    released(&back, "KOR-8.JPN.1", false);
    wait_for("the node to say it again", || {
        back.api.finding(&["late facts", "KOR-7.JPN.1", "is not written out"])
    });
    live_alone(alerts(&federation, "JPN-1")).expect("the live alert alone");
    println!("one late warning, no alert: {told}");
    for (name, node) in ["JPN-1", "JPN-2"].into_iter().zip([back, here]) {
        node.stop();
        federation.assert_clean(name);
    }
}
