//! `watchfire doctor`: what it says of a node that runs, one that does not, and planted faults; and that
//! neither the node nor its partners notice.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::support::{EVERYONE, Ended, Federation, files, run, scan_proposal, settle, wait_for};

fn doctor(federation: &Federation, node: &str) -> Ended {
    let config = federation.config(node);
    run(["doctor".as_ref(), "--json".as_ref(), "--config".as_ref(), config.as_os_str()])
}

/// The check of that name, of a report.
#[track_caller]
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("expected a check `{name}` in {report:#}"))
}

/// Names of what is wrong.
fn errors(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().expect("checks").iter();
    checks.filter(|check| check["state"] == "error").filter_map(|c| c["name"].as_str()).collect()
}

#[test]
fn a_running_federation_is_well_and_notices_nothing() {
    let federation = Federation::new("doctor-running");
    let nodes = federation.start_all();
    let [japan, korea, usa] = &nodes;
    korea.api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    settle(&[&japan.api, &korea.api, &usa.api]);

    let ended = doctor(&federation, "KOR-1");
    let report = ended.json();
    assert_eq!(errors(&report), Vec::<&str>::new(), "{report:#}");
    assert!(ended.success && report["ok"] == true, "{ended:#?}");
    for (name, words) in [
        ("configuration", "node KOR-1"),
        ("secret files", "node keys, TLS key, officer's key"),
        ("charter", "edition 1 of exercise/doctor-running"),
        ("realm", "exercise/doctor-running"),
        ("node keys", "sealing generation 1"),
        ("TLS key", "the charter's"),
        ("officer", "KOR"),
        ("ends", "nothing ends within 60 days"),
        ("store folder", "data"),
        ("store", "logs"),
        ("high-water file", "all of it in the store"),
        ("node", "KOR-1 since"),
        ("charter at partners", "the same wherever it was told"),
        ("line JPN-1", "up since"),
        ("line USA-1", "up since"),
        ("clocks", "none differs"),
        ("entries waiting", "within the limit"),
        ("incomplete logs", "none"),
    ] {
        let check = check(&report, name);
        assert_eq!(check["state"], "ok", "{check:#}");
        let found = check["found"].as_str().expect("words");
        assert!(found.contains(words), "expected `{words}` in `{found}`");
    }
    for listener in ["listen http", "listen lines"] {
        let words = format!("held by this node, process {}", korea.process());
        let found = check(&report, listener)["found"].to_string();
        assert!(found.contains(&words), "expected `{words}` in `{found}`");
    }
    // Progress went to standard error, a line a check.
    assert!(ended.stderr.contains("ok       charter: edition 1"), "{}", ended.stderr);

    // The lines are the same connections as before.
    let again = doctor(&federation, "KOR-1").json();
    assert_eq!(check(&again, "line JPN-1"), check(&report, "line JPN-1"));
    nodes.into_iter().for_each(crate::support::Node::stop);
    federation.assert_clean("KOR-1");
}

#[test]
fn a_stopped_node_is_left_as_it_is() {
    let federation = Federation::over("tcp", "doctor-stopped", "JPN,KOR,USA", 1);
    // Before the first start.
    let report = doctor(&federation, "JPN-1").json();
    assert_eq!(check(&report, "store folder")["state"], "warning", "{report:#}");
    assert_eq!(check(&report, "node")["found"], "not running");
    assert!(!federation.data("JPN-1").exists(), "nothing is made");

    let japan = federation.start("JPN-1");
    japan.api.append(&scan_proposal("JPN", "site-1", 1, EVERYONE));
    japan.stop();
    let before = files(&federation.data("JPN-1"));
    let korea = federation.start("KOR-1");
    let report = doctor(&federation, "JPN-1").json();
    assert_eq!(files(&federation.data("JPN-1")), before);
    federation.assert_clean("JPN-1");
    for (name, words) in [
        ("node", "not running"),
        ("listen http", "is free"),
        ("listen lines", "is free"),
        ("high-water file", "all of it in the store"),
        // JPN-1 dials both; one of them runs.
        ("line KOR-1", "takes connections"),
    ] {
        let check = check(&report, name);
        assert_eq!(check["state"], "ok", "{check:#}");
        assert!(check["found"].to_string().contains(words), "{check:#}");
    }
    let usa = check(&report, "line USA-1");
    assert_eq!(usa["state"], "error", "{usa:#}");
    assert!(usa["found"].to_string().contains("refused"), "{usa:#}");
    assert!(usa["hint"].to_string().contains("USA-1 runs"), "{usa:#}");
    assert_eq!(errors(&report), ["line USA-1"]);
    assert_eq!(report["ok"], false);

    // The partner that was tried says nothing of it, and does of one that speaks.
    let address = federation.line_address("KOR-1");
    std::io::Write::write_all(
        &mut std::net::TcpStream::connect(address).expect("the node listens"),
        b"GET / HTTP/1.1\r\n\r\n",
    )
    .expect("the node reads");
    wait_for("the finding about who spoke", || korea.api.finding(&["turned away"]));
    let snapshot = korea.api.snapshot();
    let findings = snapshot["collections"]["findings"].as_object().expect("findings");
    let turned = findings.values().filter(|one| one.to_string().contains("turned away")).count();
    assert_eq!(turned, 1, "{findings:#?}");
    korea.stop();
}

/// A check in error: its name, words of what was found and of the hint.
type Wrong<'a> = (&'a str, &'a str, &'a str);

/// Expects exactly these checks to be in error.
fn assert_error(federation: &Federation, plant: &str, expected: &[Wrong]) {
    let ended = doctor(federation, "KOR-1");
    let report = ended.json();
    assert!(!ended.success, "{plant}: {report:#}");
    assert_eq!(report["ok"], false, "{plant}");
    for (name, found, hint) in expected {
        let check = check(&report, name);
        assert_eq!(check["state"], "error", "{plant}: {check:#}");
        assert!(check["found"].to_string().contains(found), "{plant}: {check:#}");
        assert!(check["hint"].to_string().contains(hint), "{plant}: {check:#}");
    }
    let names: Vec<&str> = expected.iter().map(|(name, _, _)| *name).collect();
    // The partner that this node dials does not run in these tests.
    let wrong: Vec<&str> =
        errors(&report).into_iter().filter(|name| *name != "line USA-1").collect();
    assert_eq!(wrong, names, "{plant}");
    assert!(ended.stderr.contains("hint: "), "{plant}: {}", ended.stderr);
}

#[test]
fn planted_faults_are_named_with_their_mend() {
    let federation = Federation::over("tcp", "doctor-faults", "JPN,KOR,USA", 1);
    let korea = federation.start("KOR-1");
    korea.api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    korea.stop();
    let home = federation.home("KOR-1");
    let config = std::fs::read_to_string(federation.config("KOR-1")).expect("it was made");
    let edits: [(&str, String, &[Wrong]); 4] = [
        (
            "unknown key",
            config.replace("data = ", "colour = \"red\"\ndata = "),
            &[("configuration", "`colour`", "unknown keys are refused")],
        ),
        (
            "another node's keys",
            config.replace("keys = \"node.keys\"", "keys = \"../USA-1/node.keys\""),
            &[("node keys", "the keys of USA-1", "key file as `keys`")],
        ),
        (
            "another node's TLS key",
            config.replace("\"tls.key\"", "\"../USA-1/tls.key\""),
            &[("TLS key", "another TLS key for `KOR-1`", "roster")],
        ),
        (
            "no time of the exercise",
            config
                .lines()
                .filter(|line| !line.starts_with("exercise_started"))
                .fold(String::new(), |text, line| text + line + "\n"),
            &[("realm", "exercise_started", "--help")],
        ),
    ];
    for (plant, text, expected) in &edits {
        assert_ne!(text, &config, "{plant}: the edit found nothing to replace");
        federation.edit_config("KOR-1", |_| text.clone());
        assert_error(&federation, plant, expected);
    }
    federation.edit_config("KOR-1", |_| config.clone());

    let keys = home.join("node.keys");
    let mode = |mode| {
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&keys, rights).expect("the file is ours");
    };
    mode(0o644);
    let name = format!("secret file `{}`", keys.display());
    assert_error(&federation, "open keys", &[(&name, "mode 644", "chmod 600")]);
    mode(0o600);

    let held = TcpListener::bind(federation.line_address("KOR-1")).expect("the port is free");
    assert_error(&federation, "a held port", &[("listen lines", "in use", "stop what listens")]);
    drop(held);

    // A store that was put back: what was signed is not in it.
    let database = federation.database("KOR-1");
    let old = std::fs::read(&database).expect("the store is there");
    let korea = federation.start("KOR-1");
    korea.api.append(&scan_proposal("KOR", "site-1", 2, EVERYONE));
    korea.stop();
    let new = std::fs::read(&database).expect("the store is there");
    std::fs::write(&database, old).expect("the store can be written");
    let lacks = ("high-water file", "lacks entries this node signed", "fsck");
    assert_error(&federation, "a store put back", &[lacks]);
    std::fs::write(&database, new).expect("the store can be written");

    // None, and one that is none.
    let aside = database.with_extension("aside");
    std::fs::rename(&database, &aside).expect("the store is there");
    let report = doctor(&federation, "KOR-1").json();
    let marks = check(&report, "high-water file");
    assert_eq!(marks["state"], "warning", "{marks:#}");
    assert_eq!(marks["found"], "marks, and no store");
    std::fs::copy(federation.home("USA-1").join("node.keys"), &database)
        .expect("it can be written");
    assert_error(&federation, "no database", &[("store", "not a database", "fsck")]);
    std::fs::rename(&aside, &database).expect("the store is there");

    let report = doctor(&federation, "KOR-1").json();
    assert_eq!(errors(&report), ["line USA-1"]);
}

#[test]
fn a_node_that_does_not_answer_is_named() {
    let federation = Federation::new("doctor-stuck");
    let korea = federation.start("KOR-1");
    let process = korea.process().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &process]).status();
        assert!(sent.expect("kill runs").success());
    };
    signal("-STOP");
    let report = doctor(&federation, "KOR-1").json();
    let node = check(&report, "node");
    assert_eq!(node["state"], "error", "{node:#}");
    let words = format!("process {process} runs and does not answer");
    assert!(node["found"].to_string().contains(&words), "{node:#}");
    assert_eq!(check(&report, "high-water file")["state"], "ok");
    signal("-CONT");
    wait_for("the node to answer again", || {
        let report = doctor(&federation, "KOR-1").json();
        if check(&report, "node")["state"] == "ok" { Ok(()) } else { Err(report) }
    });
    korea.stop();

    // After a crash the write-ahead log is still to be folded back; the store is read with it.
    let korea = federation.start("KOR-1");
    korea.api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    korea.kill();
    let report = doctor(&federation, "KOR-1").json();
    for name in ["node", "store", "high-water file"] {
        assert_eq!(check(&report, name)["state"], "ok", "{report:#}");
    }
    assert_eq!(check(&report, "node")["found"], "not running");
    federation.start("KOR-1").stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn a_line_by_way_of_a_relay_is_doubtful() {
    let federation = Federation::with("doctor-relay", &["--relay", "USA"]);
    // KOR listens elsewhere than the charter says: JPN, who dials it, does not get through.
    let said = federation.line_address("KOR-1").to_string();
    let elsewhere = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        free.local_addr().expect("it is bound").to_string()
    };
    federation.edit_config("KOR-1", |text| text.replace(&said, &elsewhere));
    federation.edit_config("JPN-1", |text| {
        format!("{text}\n[heartbeat]\nfile = \"beat.json\"\nevery_s = 1\n")
    });
    let nodes = federation.start_all();
    wait_for("the two to speak by way of USA-1", || {
        let line = nodes[0].api.line("KOR-1");
        if line["state"] == "up" && line["via"] == "USA-1" { Ok(()) } else { Err(line) }
    });
    let report = doctor(&federation, "JPN-1").json();
    let line = check(&report, "line KOR-1");
    assert_eq!(line["state"], "warning", "{line:#}");
    assert!(line["found"].to_string().contains("up by way of USA-1 since"), "{line:#}");
    assert_eq!(check(&report, "line USA-1")["state"], "ok");
    assert_eq!(errors(&report), Vec::<&str>::new(), "{report:#}");
    let beat = federation.home("JPN-1").join("beat.json");
    wait_for("a beat that says so", || {
        let beat = std::fs::read_to_string(&beat).unwrap_or_default();
        if beat.contains("\"state\":\"degraded\"") { Ok(()) } else { Err(beat) }
    });
    nodes.into_iter().for_each(crate::support::Node::stop);
}
