//! No room on the disk: appends pause with a finding, and go on by themselves.
//!
//! A limit on file size stands in for the full disk: the store's writes fail in the same place.

use std::process::Command;

use crate::support::{EVERYONE, Federation, scan_proposal, wait_for};

/// `prlimit` of util-linux, on a running process.
fn limit(process: u32, bytes: &str) -> bool {
    let pid = process.to_string();
    Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")])
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn appends_pause_and_go_on() {
    let federation = Federation::new("disk-full");
    // A write beyond the limit is to fail rather than to end the process.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_watchfire")]);
    let mut korea = federation.start_as("KOR-1", command);
    if !limit(korea.process(), "unlimited") {
        println!("SKIPPED: prlimit of util-linux is missing");
        return;
    }
    let api = korea.api.clone();
    let first = api.append(&scan_proposal("KOR", "site-1", 0, EVERYONE));
    let wal = federation.data("KOR-1").join("watchfire.sqlite-wal");
    let full = std::fs::metadata(wal).expect("the store has a write-ahead log").len();
    assert!(limit(korea.process(), &full.to_string()));
    let mut paused = scan_proposal("KOR", "site-1", 1, EVERYONE);
    paused["timeout_ms"] = 1_000.into();
    let answer = api.post("/api/v1/entries", &paused);
    assert!(
        answer.status != 200 || answer.body["state"] == "pending",
        "expected no acknowledgement, got {}",
        answer.body
    );
    println!("while full: {} {}", answer.status, answer.body);
    let finding = wait_for("a finding", || api.finding(&["appends are paused", "free space"]));
    println!("finding: {finding}");
    let status = api.status();
    assert_eq!(status["node"]["state"], "degraded", "{status}");
    assert_eq!(api.get(&format!("/api/v1/entries/{first}")).status, 200);
    assert!(korea.runs());

    assert!(limit(korea.process(), "unlimited"));
    wait_for("the node to go on by itself", || {
        let status = api.status();
        if status["node"]["state"] == "ok" { Ok(()) } else { Err(status) }
    });
    wait_for("a finding", || api.finding(&["appends go on"]));
    api.append(&scan_proposal("KOR", "site-1", 2, EVERYONE));
    // What waited was not forgotten: three scans of one sensor.
    let sensors = api.get("/api/v1/picture/track?view=own").good();
    let sensor = &sensors["track.sensors"].as_object().expect("sensors").values().next();
    assert_eq!(sensor.expect("one sensor")["scans"], 3, "{sensors}");
    korea.stop();
    federation.assert_clean("KOR-1");
}
