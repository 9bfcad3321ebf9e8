//! A partner with two nodes: counted once, told everything, and no worse off for losing one.

use std::sync::mpsc;

use serde_json::{Value, json};

use crate::support::{Api, Federation, assert_same_digest, scan, scan_proposal, settle, wait_for};

/// The view of both partners.
const BOTH: &str = "JPN+KOR";

/// How many scans of a sensor a node's picture counts.
fn scans(api: &Api, sensor: &str) -> u64 {
    let view = BOTH.replace('+', "%2B");
    let picture = api.get(&format!("/api/v1/picture/track?view={view}")).good();
    let sensors = picture["track.sensors"].as_object().cloned().unwrap_or_default();
    let mut found =
        sensors.values().filter(|item| item["id"].as_str().is_some_and(|id| id.ends_with(sensor)));
    found.next().and_then(|item| item["scans"].as_u64()).unwrap_or(0)
}

fn append(api: &Api, sensor: &str, number: u64, level: &str) -> Value {
    let mut proposal = scan_proposal("KOR", sensor, number, BOTH);
    proposal["level"] = json!(level);
    proposal["timeout_ms"] = json!(3_000);
    api.post("/api/v1/entries", &proposal).body
}

#[test]
fn a_partner_with_two_nodes_is_one_partner() {
    let federation = Federation::of("two-nodes", "JPN,KOR", 2);
    let [one, two] = ["KOR-1", "KOR-2"].map(|node| federation.start(node));
    wait_for("the two nodes to meet", || {
        let line = one.api.line("KOR-2");
        if line["state"] == "up" { Ok(()) } else { Err(line) }
    });

    // Another node of the same partner holds it; no other partner does.
    let pending = append(&one.api, "alone", 0, "partners(1)");
    assert_eq!(pending["state"], "pending", "{pending}");
    let japan = ["JPN-1", "JPN-2"].map(|node| federation.start(node));
    let reached = wait_for("another partner to hold an entry", || {
        let answer = append(&one.api, "alone", 1, "partners(1)");
        if answer["state"] == "reached" { Ok(answer) } else { Err(answer) }
    });
    assert!(reached["holders"].to_string().contains("JPN-"), "{reached}");
    let refused = append(&one.api, "alone", 2, "partners(2)");
    assert!(refused.to_string().contains("at most 1 other partners"), "{refused}");

    // The same scan at both nodes: two entries, one scan.
    let content = scan("KOR", "shared", 0);
    let proposal =
        json!({ "kind": "track.scan", "content": content, "audience": BOTH, "level": "local" });
    let entries = [one.api.append(&proposal), two.api.append(&proposal)];
    assert_ne!(entries[0], entries[1]);
    // What is for the partner alone reaches its other node, readable.
    let own = one.api.append(&scan_proposal("KOR", "inner", 0, "KOR"));
    let apis = [&one.api, &two.api, &japan[0].api, &japan[1].api];
    let cut = settle(&apis);
    assert_same_digest(&apis, BOTH, &cut);
    assert_same_digest(&[&one.api, &two.api], "KOR", &cut);
    for api in apis {
        assert_eq!(scans(api, "shared"), 1, "a scan reported to two nodes is one scan");
    }
    let read = two.api.get(&format!("/api/v1/entries/{own}")).good();
    assert_eq!(read["content"]["sensor"]["id"], "inner", "{read}");
    println!("two nodes: counted once, one scan of two entries, {} logs", cut.len());
}

#[test]
fn a_partner_outlives_one_of_its_nodes() {
    let federation = Federation::of("outlive", "JPN,KOR", 2);
    let [one, two] = ["KOR-1", "KOR-2"].map(|node| federation.start(node));
    let japan = ["JPN-1", "JPN-2"].map(|node| federation.start(node));
    let (acknowledged, all) = mpsc::channel();
    let loads: Vec<_> = [("one", one.api.clone()), ("two", two.api.clone())]
        .into_iter()
        .map(|(sensor, api)| {
            let acknowledged = acknowledged.clone();
            std::thread::spawn(move || {
                for number in 0..400 {
                    let proposal = scan_proposal("KOR", sensor, number, BOTH).to_string();
                    let answer =
                        api.try_post("/api/v1/entries", "application/json", proposal.as_bytes());
                    let Ok(answer) = answer else { return number };
                    let entry = answer.good()["entry"].as_str().expect("an id").to_owned();
                    acknowledged.send(entry).expect("the test listens to the end");
                }
                400
            })
        })
        .collect();
    drop(acknowledged);
    let mut entries: Vec<String> = all.iter().take(100).collect();
    one.kill();
    entries.extend(all.iter());
    let sent: Vec<u64> = loads.into_iter().map(|load| load.join().expect("no panic")).collect();
    assert!(sent[0] < 400 && sent[1] == 400, "the other node carries on: {sent:?}");
    let answer = append(&two.api, "after", 0, "partners(1)");
    assert_eq!(answer["state"], "reached", "{answer}");

    let one = federation.start("KOR-1");
    let apis = [&one.api, &two.api, &japan[0].api, &japan[1].api];
    let cut = settle(&apis);
    let digest = assert_same_digest(&apis, BOTH, &cut);
    for entry in &entries {
        let (log, index) = entry.rsplit_once('.').expect("an id ends in its index");
        let index: u64 = index.parse().expect("an index is a number");
        assert!(cut[log] > index, "`{entry}` was acknowledged and is lost");
    }
    for (name, node) in ["KOR-1", "KOR-2"].into_iter().zip([one, two]) {
        node.stop();
        federation.assert_clean(name);
    }
    println!("{} acknowledged, none lost; digest {}", entries.len(), digest["digest"]);
}
