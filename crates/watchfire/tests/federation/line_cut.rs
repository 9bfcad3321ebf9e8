//! A node that is away for a while.

use crate::support::{EVERYONE, Federation, assert_same_digest, scan_proposal, settle, wait_for};

#[test]
fn a_node_that_was_away_catches_up() {
    let federation = Federation::new("line-cut");
    let [japan, korea, usa] = federation.start_all();
    for (api, peer) in [(&korea.api, "USA-1"), (&usa.api, "KOR-1"), (&japan.api, "USA-1")] {
        wait_for("the line to be up", || {
            let line = api.line(peer);
            if line["state"] == "up" { Ok(()) } else { Err(line) }
        });
    }
    for number in 0..5 {
        usa.api.append(&scan_proposal("USA", "before", number, EVERYONE));
    }
    usa.kill();
    let mut appended = Vec::new();
    for number in 0..60 {
        appended.push(korea.api.append(&scan_proposal("KOR", "while-away", number, EVERYONE)));
        appended.push(japan.api.append(&scan_proposal("JPN", "while-away", number, "JPN+USA")));
    }
    for api in [&korea.api, &japan.api] {
        let line = wait_for("the line to be shown lost", || {
            let line = api.line("USA-1");
            if line["state"] == "lost" { Ok(line) } else { Err(line) }
        });
        assert!(line["note"].is_string(), "expected a reason: {line}");
        assert_eq!(api.status()["receipts_complete"], false);
    }

    let usa = federation.start("USA-1");
    let nodes = [&japan.api, &korea.api, &usa.api];
    let cut = settle(&nodes);
    assert_same_digest(&nodes, EVERYONE, &cut);
    assert_same_digest(&[&japan.api, &usa.api], "JPN+USA", &cut);
    for entry in &appended {
        assert_eq!(usa.api.get(&format!("/api/v1/entries/{entry}")).status, 200, "{entry}");
    }
    for api in [&korea.api, &japan.api] {
        wait_for("the line to be shown up again", || {
            let line = api.line("USA-1");
            if line["state"] == "up" && line["note"].is_null() { Ok(()) } else { Err(line) }
        });
    }
    println!("{} entries appended while one node was away, all there", appended.len());
    for node in [japan, korea, usa] {
        node.stop();
    }
    for node in ["KOR-1", "JPN-1", "USA-1"] {
        federation.assert_clean(node);
    }
}
