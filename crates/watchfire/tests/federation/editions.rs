//! Charters at run time, with real nodes: one command at one node, and every node has it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{
    Api, EVERYONE, Federation, assert_same_digest, run, scan_proposal, settle, wait_for,
};

fn charter(words: &[&str]) -> String {
    let words = std::iter::once("charter").chain(words.iter().copied());
    let ended = run(words.map(str::to_owned));
    assert!(ended.success, "{}", ended.stderr);
    ended.stdout
}

/// The next edition of the charter `from`, changed by `words` and signed by the roots of `signers`.
fn next_edition(
    federation: &Federation,
    from: &Path,
    name: &str,
    words: &[&str],
    signers: &[&str],
) -> PathBuf {
    let folder = federation.home("KOR-1");
    let draft = folder.join(name);
    charter(&[&["amend", text(from), "--out", text(&draft)], words].concat());
    for partner in signers {
        let key = folder.join("../roots").join(format!("{partner}.key"));
        charter(&["sign", text(&draft), "--partner", partner, "--key", text(&key)]);
    }
    draft
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn in_force(api: &Api) -> Value {
    api.get("/api/v1/charter").good()
}

/// Waits until every node says that all others have what it has, with this roster of KOR's.
fn agreed(nodes: &[&Api], edition: u64, roster: u64) {
    for api in nodes {
        wait_for("one charter everywhere", || {
            let seen = in_force(api);
            let others = seen["nodes"].as_array().cloned().unwrap_or_default();
            let same = others.iter().all(|node| node["same"] == json!(true));
            let here = (&seen["edition"], &seen["rosters"]["KOR"]);
            if same && here == (&json!(edition), &json!(roster)) { Ok(()) } else { Err(seen) }
        });
    }
}

#[test]
fn a_roster_and_an_edition_reach_every_node_and_outlast_a_restart() {
    const CANARY: &str = "canary-91c2-egret";
    let federation = Federation::new("editions");
    let [japan, korea, usa] = federation.start_all();
    let nodes = [&japan.api, &korea.api, &usa.api];
    korea.api.append(&scan_proposal("KOR", "for-all", 1, EVERYONE));
    settle(&nodes);
    let home = federation.home("KOR-1");
    let config = federation.config("KOR-1");
    let file = home.join("charter.toml");

    // KOR's root alone stops releasing to JPN.
    let withheld = home.join("withheld.toml");
    let key = home.join("../roots/KOR.key");
    charter(&[
        "roster",
        text(&file),
        "--partner",
        "KOR",
        "--withhold",
        "JPN",
        "--key",
        text(&key),
        "--out",
        text(&withheld),
    ]);
    let said = charter(&["adopt", text(&withheld), "--config", text(&config)]);
    assert!(said.contains("rosters     JPN 1, KOR 2, USA 1"), "{said}");
    agreed(&nodes, 1, 2);
    let hidden = korea.api.append(&scan_proposal("KOR", CANARY, 2, EVERYONE));
    settle(&[&korea.api, &usa.api]);
    assert_eq!(usa.api.get(&format!("/api/v1/entries/{hidden}")).status, 200);
    assert_eq!(japan.api.get(&format!("/api/v1/entries/{hidden}")).status, 404);

    // All roots agree on edition 2.
    let all = ["JPN", "KOR", "USA"];
    let draft =
        next_edition(&federation, &withheld, "two.toml", &["--deadline", "release=90"], &all);
    let usa_config = federation.config("USA-1");
    charter(&["adopt", text(&draft), "--config", text(&usa_config)]);
    agreed(&nodes, 2, 2);
    let shown = charter(&["show", "--config", text(&config)]);
    assert!(
        shown.contains("edition     2") && shown.contains("USA-1       has the same"),
        "{shown}"
    );

    // A node that is stopped remembers, though its configuration names the first file.
    korea.stop();
    let korea = federation.start("KOR-1");
    let nodes = [&japan.api, &korea.api, &usa.api];
    agreed(&nodes, 2, 2);
    let open = korea.api.append(&scan_proposal("KOR", "for-two", 3, "KOR+USA"));
    let cut = settle(&[&korea.api, &usa.api]);
    assert_same_digest(&[&korea.api, &usa.api], "KOR+USA", &cut);
    assert_eq!(usa.api.get(&format!("/api/v1/entries/{open}")).status, 200);
    let stale = korea.api.post("/api/v1/charter", &json!({ "text": "edition = 1" }));
    assert_eq!(stale.status, 422);
    for node in [japan, korea, usa] {
        node.stop();
    }
    for node in ["JPN-1", "KOR-1", "USA-1"] {
        federation.assert_clean(node);
    }
    let japan = federation.replay("JPN-1", "own");
    assert!(!japan.to_string().contains(CANARY), "{japan}");
}

#[test]
fn a_removed_partner_gets_nothing_sealed_after_and_the_rest_go_on_over_another_carrier() {
    const CANARY: &str = "canary-2b60-heron";
    let federation = Federation::new("removal");
    let [japan, korea, usa] = federation.start_all();
    let before = japan.api.append(&scan_proposal("JPN", "from-japan", 1, EVERYONE));
    settle(&[&japan.api, &korea.api, &usa.api]);
    let other = if korea.api.line("USA-1")["carrier"] == "quic" { "tcp" } else { "quic" };
    let line = format!("KOR-1:USA-1:{other}");
    let changes =
        ["--remove-partner", "JPN", "--remove-line", "KOR-1:USA-1", "--line", line.as_str()];
    let file = federation.home("KOR-1").join("charter.toml");
    let two = next_edition(&federation, &file, "two.toml", &changes, &["KOR", "USA"]);
    let config = federation.config("USA-1");
    charter(&["adopt", text(&two), "--config", text(&config)]);

    let rest = [&korea.api, &usa.api];
    for api in rest {
        wait_for("edition 2 at both that stay", || {
            let seen = in_force(api);
            let same = seen["nodes"]
                .as_array()
                .is_some_and(|n| n.len() == 1 && n[0]["same"] == json!(true));
            if same && seen["edition"] == 2 { Ok(()) } else { Err(seen) }
        });
        let lines = api.status()["lines"].clone();
        assert_eq!(lines.as_array().map(Vec::len), Some(1), "{lines}");
    }
    wait_for("the line over the other carrier", || {
        let line = korea.api.line("USA-1");
        let right = line["state"] == "up" && line["carrier"] == other;
        if right { Ok(()) } else { Err(line) }
    });
    if other == "quic" {
        let listening = std::net::UdpSocket::bind(federation.line_address("USA-1"));
        assert!(listening.is_err(), "expected QUIC to be listened for, got a free address");
    }
    wait_for("the removed partner's lines to be down", || {
        let lines = [japan.api.line("KOR-1"), japan.api.line("USA-1")];
        if lines.iter().all(|line| line["state"] == "lost") { Ok(()) } else { Err(lines) }
    });

    let after = korea.api.append(&scan_proposal("KOR", CANARY, 2, "KOR+USA"));
    let cut = settle(&rest);
    assert_same_digest(&rest, "KOR+USA", &cut);
    for entry in [&before, &after] {
        assert_eq!(usa.api.get(&format!("/api/v1/entries/{entry}")).status, 200);
    }
    assert_eq!(japan.api.get(&format!("/api/v1/entries/{after}")).status, 404);
    // It goes on by itself, and what it says reaches nobody.
    let alone = japan.api.append(&scan_proposal("JPN", "alone", 3, EVERYONE));
    korea.api.append(&scan_proposal("KOR", "later", 4, "KOR+USA"));
    settle(&rest);
    assert_eq!(korea.api.get(&format!("/api/v1/entries/{alone}")).status, 404);
    // A node that starts now dials over the new carrier only.
    korea.stop();
    let korea = federation.start("KOR-1");
    korea.api.append(&scan_proposal("KOR", "again", 5, "KOR+USA"));
    settle(&[&korea.api, &usa.api]);
    for node in [japan, korea, usa] {
        node.stop();
    }
    for node in ["JPN-1", "KOR-1", "USA-1"] {
        federation.assert_clean(node);
    }
    let japan = federation.replay("JPN-1", "own");
    assert!(!japan.to_string().contains(CANARY), "{japan}");
    let usa = federation.replay("USA-1", "KOR+USA");
    assert!(usa.to_string().contains("digest"), "{usa}");
}

#[test]
fn an_audience_that_comes_at_run_time_has_a_view_with_what_was_said_before() {
    let federation = Federation::new("audience");
    let [japan, korea, usa] = federation.start_all();
    korea.api.append(&scan_proposal("KOR", "for-two", 1, "KOR+USA"));
    korea.api.append(&scan_proposal("KOR", "for-all", 2, EVERYONE));
    settle(&[&japan.api, &korea.api, &usa.api]);
    let all = ["JPN", "KOR", "USA"];
    let first = federation.home("KOR-1").join("charter.toml");
    let config = federation.config("KOR-1");
    let gone = ["--remove-audience", "KOR+USA"];
    let two = next_edition(&federation, &first, "two.toml", &gone, &all);
    charter(&["adopt", text(&two), "--config", text(&config)]);
    agreed(&[&japan.api, &korea.api, &usa.api], 2, 1);
    let refused = korea.api.post("/api/v1/entries", &scan_proposal("KOR", "for-two", 3, "KOR+USA"));
    assert!(refused.body.to_string().contains("KOR+USA"), "{refused:?}");
    assert!((400..500).contains(&refused.status), "{refused:?}");

    // A node that starts now has no such view; USA's stays from before.
    korea.stop();
    let korea = federation.start("KOR-1");
    let nodes = [&japan.api, &korea.api, &usa.api];
    agreed(&nodes, 2, 1);
    let views = |api: &Api| api.status()["facts"].to_string();
    assert!(!views(&korea.api).contains("\"KOR+USA\""), "{}", views(&korea.api));
    let three = next_edition(&federation, &two, "three.toml", &["--audience", "KOR+USA"], &all);
    charter(&["adopt", text(&three), "--config", text(&config)]);
    agreed(&nodes, 3, 1);
    assert!(views(&korea.api).contains("\"KOR+USA\""), "{}", views(&korea.api));
    korea.api.append(&scan_proposal("KOR", "for-two", 4, "KOR+USA"));
    let two_of_them = [&korea.api, &usa.api];
    let cut = settle(&two_of_them);
    let digest = |api: &Api| api.digest("KOR+USA", &cut)["digest"].clone();
    wait_for("the same picture in the view that came and the one that stayed", || {
        let digests = two_of_them.map(digest);
        if digests[0] == digests[1] && digests[0].is_string() { Ok(()) } else { Err(digests) }
    });
}
