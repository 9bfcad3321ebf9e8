//! An officer recalls, corrects and supersedes entries; every node's pictures follow, also of what was
//! let go, after a restart and in a replay.

use serde_json::{Value, json};

use crate::support::{
    Api, Ended, Federation, Node, assert_same_digest, run, scan, scan_proposal, settle, wait_for,
};

const BOTH: &str = "JPN+KOR";

fn named(name: &str) -> Value {
    let entry = "KOR-1.flash.000102030405060708090a0b0c0d0e0f.7";
    json!({ "public_id": name, "evidence": [{ "entry": entry, "plot": 0 }] })
}

fn declare(node: &Node, name: &str) -> String {
    node.api.append(&json!({
        "kind": "track.declared", "content": named(name), "audience": BOTH, "level": "local",
    }))
}

fn command(federation: &Federation, node: &str, words: &[&str]) -> Ended {
    let config = federation.config(node);
    let config = config.to_str().expect("test folders have plain names");
    run([words, &["--config", config]].concat())
}

/// The corrections of an entry as `ACT rules`.
fn corrections(api: &Api, entry: &str) -> Vec<String> {
    let answer = api.get(&format!("/api/v1/entries/{entry}")).good();
    let word = |note: &Value| format!("{} {}", note["act"].as_str().unwrap_or("-"), note["rules"]);
    answer["corrections"].as_array().expect("a list").iter().map(word).collect()
}

/// Sensors of a node's picture with the scans heard.
fn sensors(api: &Api) -> Value {
    let picture = api.get("/api/v1/picture/track?view=own").good();
    let mut scans = serde_json::Map::new();
    for (id, sensor) in picture["track.sensors"].as_object().into_iter().flatten() {
        scans.insert(id.clone(), sensor["scans"].clone());
    }
    scans.into()
}

#[test]
fn an_officer_mends_what_the_partner_said_and_all_pictures_follow() {
    let federation = Federation::of("corrections", "JPN,KOR", 1);
    let [japan, korea] = ["JPN-1", "KOR-1"].map(|node| federation.start(node));
    let wrong = korea.api.append(&scan_proposal("KOR", "false", 1, BOTH));
    let kept = korea.api.append(&scan_proposal("KOR", "good", 1, BOTH));
    let theirs = japan.api.append(&scan_proposal("JPN", "coast", 1, BOTH));
    let name = declare(&korea, "KOR-A");

    let recalled = command(
        &federation,
        "KOR-1",
        &["recall", &wrong, "--reason", "a recording was played", "--json"],
    );
    assert!(recalled.success, "{recalled:#?}");
    let recall = recalled.json();
    assert_eq!(recall["state"], "recalled");
    let mended = scan("KOR", "mended", 1).to_string();
    let corrected =
        command(&federation, "KOR-1", &["correct", &kept, &mended, "--reason", "another sensor"]);
    assert!(corrected.success && corrected.stdout.contains("corrected by"), "{corrected:#?}");
    let renamed = named("KOR-B").to_string();
    let superseded =
        command(&federation, "KOR-1", &["supersede", &name, &renamed, "--reason", "renamed"]);
    assert!(superseded.success && superseded.stdout.contains("superseded by"), "{superseded:#?}");

    let nodes = [&japan.api, &korea.api];
    let cut = settle(&nodes);
    assert_same_digest(&nodes, BOTH, &cut);
    for api in nodes {
        let expect = json!({ "JPN/coast": 1, "KOR/mended": 1 });
        wait_for("the picture without what was recalled", || {
            let seen = sensors(api);
            if seen == expect { Ok(()) } else { Err(seen) }
        });
        assert_eq!(corrections(api, &wrong), ["recall true"]);
        assert_eq!(corrections(api, &kept), ["correct true"]);
        assert_eq!(corrections(api, &name), ["supersede true"]);
        assert_eq!(corrections(api, &theirs), [""; 0]);
        let id = recall["entry"].as_str().expect("an entry has an id");
        wait_for("the console to be told of the recall", || {
            let shown = api.snapshot()["collections"]["corrections"][id].clone();
            let told = shown["act"] == "recall" && shown["cited"] == json!([wrong]);
            if told && shown["stands"] == true { Ok(()) } else { Err(shown) }
        });
    }
    refusals(&federation, &korea, [&theirs, &wrong, &kept]);

    // The recall is recalled: the scan counts again.
    let again = json!({ "act": "recall", "entries": [recall["entry"]], "reason": "it was real" });
    korea.api.post("/api/v1/corrections", &again).good();
    let cut = settle(&nodes);
    let digest = assert_same_digest(&nodes, BOTH, &cut);
    let expect = json!({ "JPN/coast": 1, "KOR/false": 1, "KOR/mended": 1 });
    assert_eq!(sensors(&japan.api), expect);
    assert_eq!(corrections(&japan.api, &wrong), ["recall false"]);

    japan.stop();
    let japan = federation.start("JPN-1");
    assert_eq!(japan.api.digest(BOTH, &cut), digest, "after a restart");
    assert_eq!(corrections(&japan.api, &name), ["supersede true"]);
    for (name, node) in ["JPN-1", "KOR-1"].into_iter().zip([japan, korea]) {
        node.stop();
        federation.assert_clean(name);
    }
    let replayed = federation.replay("JPN-1", BOTH);
    assert_eq!(replayed["digest"], federation.replay("KOR-1", BOTH)["digest"]);
    assert_eq!(replayed["items"]["track.sensors"].as_object().map(serde_json::Map::len), Some(3));
}

fn refusals(federation: &Federation, korea: &Node, [theirs, recalled, kept]: [&str; 3]) {
    let refused = |words: &[&str], expect: &str| {
        let ended = command(federation, "KOR-1", words);
        assert!(!ended.success && ended.stderr.contains(expect), "{expect}: {ended:#?}");
    };
    refused(&["recall", theirs, "--reason", "x"], "only the partner that made a statement");
    refused(&["recall", recalled, "--reason", "x"], "was recalled by");
    refused(&["recall", kept, "--reason", ""], "expected reason of 1 to 1000 bytes");
    refused(&["correct", kept, "{}", "--reason", "x"], "hint:");
    let another = scan("KOR", "other", 2).to_string();
    refused(&["supersede", kept, &another, "--reason", "x"], "append the newer statement");
    let unknown = format!("{}9999", kept.trim_end_matches(char::is_numeric));
    refused(&["recall", &unknown, "--reason", "x"], "this node reads no entry");
    refused(&["recall", "moon", "--reason", "x"], "hint:");
    let log = kept.rsplit_once('.').expect("an entry has a number").0;
    let flash = log.replace("immediate", "flash");
    refused(&["recall", &format!("{flash}.0"), "--reason", "x"], "the log's own statements stand");
    let by_hand = json!({ "kind": "correction.recall", "content": {}, "level": "local" });
    let answer = korea.api.post("/api/v1/entries", &by_hand);
    assert_eq!(answer.status, 403, "{}", answer.body);
}

#[test]
fn a_recall_of_what_was_let_go_is_folded_in_from_the_log() {
    /// More than a view keeps, so that the first are let go.
    const REQUESTS: usize = 5;
    const REQUEST: usize = 16_384;
    let federation = Federation::of("corrections-let-go", "JPN,KOR", 1);
    let [japan, korea] = ["JPN-1", "KOR-1"].map(|node| federation.start(node));
    let wrong = korea.api.append(&scan_proposal("KOR", "false", 1, BOTH));
    let path = format!(
        "/api/v1/entries/bulk?kind=track.declared&precedence=routine&level=local&audience={}",
        BOTH.replace('+', "%2B")
    );
    for request in 0..REQUESTS {
        let names: Vec<String> = (0..REQUEST)
            .map(|number| named(&format!("KOR-{request}-{number}")).to_string())
            .collect();
        let answer = korea.api.try_post(&path, "application/jsonl", names.join("\n").as_bytes());
        answer.expect("the node answers").good();
    }
    let nodes = [&japan.api, &korea.api];
    settle(&nodes);
    for api in nodes {
        assert_eq!(sensors(api), json!({ "KOR/false": 1 }));
    }
    let recall = json!({ "act": "recall", "entries": [wrong], "reason": "a recording was played" });
    korea.api.post("/api/v1/corrections", &recall).good();
    let cut = settle(&nodes);
    for api in nodes {
        wait_for("the view to be folded again without it", || {
            let seen = sensors(api);
            if seen == json!({}) { Ok(()) } else { Err(seen) }
        });
    }
    let pairs: Vec<String> = cut.iter().map(|(log, size)| format!("{log}={size}")).collect();
    let path = format!("/api/v1/digest?view={}&cut={}", BOTH.replace('+', "%2B"), pairs.join(","));
    for api in nodes {
        // A view that lacks a recall says so; it gives no digest of what it holds meanwhile.
        wait_for("the other view to be folded again too", || {
            let answer = api.get(&path);
            if answer.status == 200 { Ok(()) } else { Err(answer) }
        });
    }
    let digest = assert_same_digest(&nodes, BOTH, &cut)["digest"].clone();
    for (name, node) in ["JPN-1", "KOR-1"].into_iter().zip([japan, korea]) {
        node.stop();
        federation.assert_clean(name);
        assert_eq!(federation.replay(name, BOTH)["digest"], digest, "{name}: from nothing");
    }
}
