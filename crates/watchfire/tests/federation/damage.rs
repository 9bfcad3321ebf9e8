//! Damaged, cut and foreign stores: `watchfire fsck` reports them, and a node does not start on one.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde_json::json;

use crate::support::{EVERYONE, Federation, Seeded, from_environment, run, scan_proposal, settle};

const FILES: [&str; 4] = ["watchfire.seal", "high-water.a", "high-water.b", "watchfire.sqlite"];

/// A federation that ran, said something at every node, and stopped cleanly.
fn stopped(name: &str) -> Federation {
    let federation = Federation::new(name);
    let nodes = federation.start_all();
    for (node, partner) in nodes.iter().zip(["JPN", "KOR", "USA"]) {
        node.api.append(&scan_proposal(partner, "site-1", 1, EVERYONE));
        node.api.append(&scan_proposal(partner, "site-1", 2, partner));
    }
    settle(&nodes.each_ref().map(|node| &node.api));
    for node in nodes {
        node.stop();
    }
    federation
}

fn faults(federation: &Federation, node: &str) -> usize {
    federation.fsck(node)["faults"].as_array().expect("a list").len()
}

/// Every byte of every file is tried within the store's own tests; this goes through the command.
#[test]
fn fsck_reports_flipped_bytes() {
    let seed = from_environment("WATCHFIRE_SEED", 1);
    let flips = from_environment("WATCHFIRE_FLIPS", 100);
    let random = Seeded::new(seed);
    let federation = stopped("flipped");
    let whole = federation.assert_clean("KOR-1");
    assert!(whole["receipts"].as_u64().expect("a count") > 0, "{whole}");
    let mut by_rows = 0;
    for flip in 0..flips {
        let name = FILES[usize::try_from(flip % 4).expect("below 4")];
        let path = federation.data("KOR-1").join(name);
        let file = File::options().read(true).write(true).open(&path).expect("a sealed file");
        let place = random.below(file.metadata().expect("a sealed file").len());
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).expect("below the length");
        let mask = u8::try_from(1 + random.below(255)).expect("below 256");
        file.write_all_at(&[byte[0] ^ mask], place).expect("the file can be written");
        let report = federation.fsck("KOR-1");
        let found = report["faults"].as_array().expect("a list").len();
        assert!(found > 0, "seed {seed}: byte {place} of {name}: {report}");
        by_rows += u64::from(found > 1);
        file.write_all_at(&byte, place).expect("the file can be written");
    }
    federation.assert_clean("KOR-1");
    println!("{flips} flips (seed {seed}), each reported by fsck; {by_rows} by more than the seal");
}

/// Asserts that the node refuses to start, and says why and what to do.
fn assert_no_start(federation: &Federation, node: &str, words: &[&str]) {
    let config = federation.config(node);
    let ended = run([
        "node".as_ref(),
        "--stop-with-stdin".as_ref(),
        "--config".as_ref(),
        config.as_os_str(),
    ]);
    assert!(!ended.success, "{ended:?}");
    for word in words.iter().chain(&["hint:"]) {
        assert!(ended.stderr.contains(word), "expected `{word}` in {}", ended.stderr);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("the file can be copied");
}

#[test]
fn a_cut_store_is_reported_and_not_used() {
    let federation = stopped("cut-store");
    let database = federation.database("KOR-1");
    let spare = federation.home("KOR-1").join("spare.sqlite");
    copy(&database, &spare);
    let length = std::fs::metadata(&spare).expect("it was copied").len();
    for kept in [length - 1, length - 4_096, length / 2, 4_096, 100] {
        let file = File::options().write(true).open(&database).expect("the file can be written");
        file.set_len(kept).expect("the file can be cut");
        assert!(faults(&federation, "KOR-1") > 0, "{kept} of {length} bytes");
    }
    // No node goes on from any of that, and a refused start leaves the seal for `fsck`.
    for kept in [length - 1, length - 4_096, length / 2, 4_096, 100] {
        copy(&spare, &database);
        let file = File::options().write(true).open(&database).expect("the file can be written");
        file.set_len(kept).expect("the file can be cut");
        assert_no_start(&federation, "KOR-1", &["watchfire.sqlite", "fsck"]);
        assert_eq!(federation.fsck("KOR-1")["sealed"], true, "{kept} of {length} bytes");
    }
    copy(&spare, &database);
    federation.assert_clean("KOR-1");
    std::fs::write(&database, b"not a database, but long enough to be looked at").expect("written");
    assert!(faults(&federation, "KOR-1") > 0);
    assert_no_start(&federation, "KOR-1", &["watchfire.sqlite", "not a database"]);
    copy(&spare, &database);
    federation.start("KOR-1").stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn another_nodes_store_is_reported_and_not_used() {
    let federation = stopped("swapped");
    let spare = federation.home("KOR-1").join("spare.sqlite");
    copy(&federation.database("KOR-1"), &spare);
    copy(&federation.database("JPN-1"), &federation.database("KOR-1"));
    assert!(faults(&federation, "KOR-1") > 0);
    assert_no_start(&federation, "KOR-1", &["watchfire.sqlite"]);
    copy(&spare, &federation.database("KOR-1"));

    // The whole data folder of another node: its high-water file says whose it is.
    let aside = federation.home("KOR-1").join("aside");
    std::fs::rename(federation.data("KOR-1"), &aside).expect("the folder can be moved");
    std::fs::create_dir(federation.data("KOR-1")).expect("the folder can be made");
    for name in FILES {
        copy(&federation.data("JPN-1").join(name), &federation.data("KOR-1").join(name));
    }
    assert_no_start(
        &federation,
        "KOR-1",
        &["high-water", "expected the marks of `KOR-1`", "`JPN-1`"],
    );
    std::fs::remove_dir_all(federation.data("KOR-1")).expect("the folder can be removed");
    std::fs::rename(&aside, federation.data("KOR-1")).expect("the folder can be moved");
    federation.start("KOR-1").stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn a_store_of_another_realm_is_reported_and_not_used() {
    let (here, there) = (stopped("this-exercise"), stopped("that-exercise"));
    let spare = here.home("KOR-1").join("spare.sqlite");
    copy(&here.database("KOR-1"), &spare);
    copy(&there.database("KOR-1"), &here.database("KOR-1"));
    assert!(faults(&here, "KOR-1") > 0);
    assert_no_start(&here, "KOR-1", &["watchfire.sqlite"]);
    copy(&spare, &here.database("KOR-1"));
    copy(&there.data("KOR-1").join("high-water.a"), &here.data("KOR-1").join("high-water.a"));
    assert_no_start(
        &here,
        "KOR-1",
        &["high-water", "`exercise/this-exercise`", "`exercise/that-exercise`"],
    );
    assert_eq!(there.fsck("KOR-1")["faults"], json!([]));
}
