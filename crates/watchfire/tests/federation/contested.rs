//! A node whose disk was copied runs twice: both histories are kept, and nothing goes out on them alone.

use std::path::Path;

use serde_json::{Value, json};

use crate::late_facts::{BOTH, alerts, draft, item};
use crate::support::{Federation, Node, run, scan, wait_for};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for file in std::fs::read_dir(from).expect("the folder is there") {
        let path = file.expect("its files can be listed").path();
        let target = to.join(path.file_name().expect("a file has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("the file can be copied");
        }
    }
}

fn say(node: &Node, partner: &str, sensor: &str) -> String {
    node.api.append(&json!({
        "kind": "track.scan", "content": scan(partner, sensor, 1), "audience": BOTH, "level": "all",
    }))
}

/// Drafts a warning at `node` on this evidence; the answer to its release.
fn release(node: &Node, warning: &str, evidence: &[&str]) -> crate::support::Answer {
    let entry = node.api.append(&draft(warning, evidence));
    wait_for("the draft to be in the picture", || {
        let item = item(node, warning);
        if item["pending"]["entry"] == *entry { Ok(()) } else { Err(item) }
    });
    let path = format!("/api/v1/warnings/{warning}/release");
    node.api.post(&path, &json!({ "draft": entry }))
}

fn evidence(federation: &Federation, node: &str) -> Value {
    let config = federation.config(node);
    let words = ["evidence".as_ref(), "--json".as_ref(), "--config".as_ref(), config.as_os_str()];
    let ended = run(words);
    assert!(ended.success, "{ended:#?}");
    ended.json()
}

fn is_contested(node: &Node, entry: &str) -> Value {
    node.api.get(&format!("/api/v1/entries/{entry}")).good()["contested"].clone()
}

#[test]
fn a_node_that_ran_twice_is_proven_and_no_alert_rests_on_it_alone() {
    let federation = Federation::of("contested", "JPN,KOR", 1);
    let [japan, korea] = ["JPN-1", "KOR-1"].map(|node| federation.start(node));
    say(&korea, "KOR", "common");
    korea.stop();
    let (data, spare) = (federation.data("KOR-1"), federation.home("KOR-1").join("copied"));
    copy(&data, &spare);
    let korea = federation.start("KOR-1");
    let theirs = say(&korea, "KOR", "first");
    let ours = say(&japan, "JPN", "coast");
    assert_eq!(is_contested(&japan, &theirs), false);
    korea.stop();

    // Everything is put back, the high-water file too: nothing tells the node that it lived on.
    std::fs::remove_dir_all(&data).expect("the folder can be removed");
    copy(&spare, &data);
    let korea = federation.start("KOR-1");
    korea.api.append(&json!({
        "kind": "track.scan", "content": scan("KOR", "second", 1), "audience": BOTH, "level": "local",
    }));
    wait_for("the two histories to be proven", || japan.api.finding(&["has two histories"]));
    wait_for("the line to be shown as suspended", || {
        let line = japan.api.line("KOR-1");
        if line["suspended"] == true { Ok(()) } else { Err(line) }
    });
    assert_eq!(is_contested(&japan, &theirs), true);
    assert_eq!(is_contested(&japan, &ours), false);

    // On contested statements alone an officer releases nothing; one sound statement is enough.
    let refused = release(&japan, "KOR-7.JPN.1", &[&theirs]);
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.to_string().contains("signed two histories"), "{refused:?}");
    assert_eq!(item(&japan, "KOR-7.JPN.1")["contested"], true);
    release(&japan, "KOR-8.JPN.1", &[&theirs, &ours]).good();
    wait_for("the alert that has a sound ground", || {
        let written = alerts(&federation, "JPN-1");
        let only = written.len() == 1 && written[0].to_string_lossy().contains("KOR-8");
        if only { Ok(()) } else { Err(written) }
    });
    assert_eq!(item(&japan, "KOR-8.JPN.1")["contested"], false);

    korea.stop();
    japan.stop();
    let kept = evidence(&federation, "JPN-1");
    assert_eq!(kept["proofs"][0]["node"], "KOR-1", "{kept}");
    assert_eq!(kept["proofs"][0]["on_roster"], true);
    let logs = kept["logs"].as_array().expect("a list of logs");
    let places = logs.iter().flat_map(|log| log["entries"].as_array().into_iter().flatten());
    let both = |place: &&Value| {
        let opened = |which: &str| place[which]["kind"].is_string();
        opened("apart") && opened("held") && place["apart"]["leaf"] != place["held"]["leaf"]
    };
    assert!(places.filter(both).count() >= 1, "{kept:#}");
    assert!(federation.assert_clean("JPN-1")["apart"].as_u64() > Some(0));

    // A restart forgets none of it.
    let japan = federation.start("JPN-1");
    assert_eq!(is_contested(&japan, &theirs), true);
    wait_for("the picture to be as it was", || {
        let item = item(&japan, "KOR-7.JPN.1");
        if item["contested"] == true { Ok(()) } else { Err(item) }
    });
    japan.stop();
}
