//! A database that was put back from an older copy: the node does not sign a second history.

use std::path::PathBuf;

use crate::support::{EVERYONE, Federation, assert_same_digest, scan_proposal, settle, wait_for};

fn logs(cut: &crate::support::Cut, lane: &str) -> usize {
    cut.keys().filter(|log| log.starts_with(lane)).count()
}

#[test]
fn an_older_copy_begins_a_new_life_and_gets_its_tail_back() {
    let federation = Federation::new("restored");
    let [japan, korea, usa] = federation.start_all();
    let mut entries = Vec::new();
    for number in 0..10 {
        entries.push(korea.api.append(&scan_proposal("KOR", "early", number, EVERYONE)));
    }
    settle(&[&japan.api, &korea.api, &usa.api]);
    korea.stop();
    let spare: PathBuf = federation.home("KOR-1").join("older.sqlite");
    std::fs::copy(federation.database("KOR-1"), &spare).expect("the file can be copied");

    let korea = federation.start("KOR-1");
    for number in 0..10 {
        entries.push(korea.api.append(&scan_proposal("KOR", "late", number, EVERYONE)));
    }
    let nodes = [&japan.api, &korea.api, &usa.api];
    let before = settle(&nodes);
    let digest = assert_same_digest(&nodes, EVERYONE, &before);
    assert_eq!(logs(&before, "KOR-1.immediate."), 1);
    korea.stop();

    std::fs::copy(&spare, federation.database("KOR-1")).expect("the file can be put back");
    // The seal is of the newer file, and the high-water file knows more than the store.
    assert_ne!(federation.fsck("KOR-1")["faults"], serde_json::json!([]));
    let korea = federation.start("KOR-1");
    wait_for("the restored store to be named", || {
        korea.api.finding(&["expected a store with everything this node signed"])
    });
    let nodes = [&japan.api, &korea.api, &usa.api];
    for entry in &entries {
        wait_for("the old tail from partners", || {
            let answer = korea.api.get(&format!("/api/v1/entries/{entry}"));
            if answer.status == 200 { Ok(()) } else { Err(answer) }
        });
    }
    let new = korea.api.append(&scan_proposal("KOR", "new-life", 1, EVERYONE));
    let after = settle(&nodes);
    assert_eq!(logs(&after, "KOR-1.immediate."), 2, "{after:?}");
    let (log, _) = new.rsplit_once('.').expect("an id ends in its index");
    assert!(!before.contains_key(log), "the old log was continued");
    // What was agreed before is still agreed, and so is what came after.
    assert_eq!(assert_same_digest(&nodes, EVERYONE, &before)["digest"], digest["digest"]);
    assert_same_digest(&nodes, EVERYONE, &after);

    // The new life cites the old one: its first FLASH entry names the old logs.
    korea.stop();
    japan.stop();
    usa.stop();
    for node in ["KOR-1", "JPN-1", "USA-1"] {
        federation.assert_clean(node);
    }
    let korea = federation.start("KOR-1");
    let again = korea.api.append(&scan_proposal("KOR", "new-life", 2, EVERYONE));
    assert!(again.starts_with(log), "expected the new life to go on, got {again}");
    korea.stop();
}
