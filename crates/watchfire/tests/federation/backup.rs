//! Backups with real processes: taken under load, put back after the disk was lost, cut back to a
//! moment, rehearsed.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::mpsc;

use crate::support::{
    Api, EVERYONE, Ended, Federation, assert_same_digest, run, scan_proposal, settle, wait_for,
};

/// Runs `watchfire COMMAND … --config` of KOR-1.
fn at_korea(federation: &Federation, arguments: &[&OsStr]) -> Ended {
    let config = federation.config("KOR-1");
    run(arguments.iter().copied().chain([OsStr::new("--config"), config.as_os_str()]))
}

fn backup(federation: &Federation, target: &Path) -> Ended {
    at_korea(federation, &["backup".as_ref(), "--json".as_ref(), target.as_os_str()])
}

fn restore(federation: &Federation, source: &Path, more: &[&str]) -> Ended {
    let mut arguments: Vec<&OsStr> =
        vec!["restore".as_ref(), "--json".as_ref(), source.as_os_str()];
    arguments.extend(more.iter().map(|word| OsStr::new(*word)));
    at_korea(federation, &arguments)
}

fn remove_store(federation: &Federation) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = federation.database("KOR-1").into_os_string();
        path.push(suffix);
        std::fs::remove_file(path).ok();
    }
}

/// Appends at the level `partners(1)` until the node is gone.
fn append_until_gone(api: &Api, acknowledged: &mpsc::Sender<String>) {
    for number in 0.. {
        let mut proposal = scan_proposal("KOR", "load", number, EVERYONE);
        proposal["level"] = "partners(1)".into();
        let bytes = proposal.to_string();
        match api.try_post("/api/v1/entries", "application/json", bytes.as_bytes()) {
            Ok(answer) => {
                let answer = answer.good();
                if answer["state"] == "reached" {
                    let entry = answer["entry"].as_str().expect("an id").to_owned();
                    acknowledged.send(entry).expect("the test listens to the end");
                }
            }
            Err(_) => return,
        }
    }
}

#[test]
fn a_lost_disk_loses_nothing_that_a_partner_acknowledged() {
    let federation = Federation::new("backup-load");
    let [japan, korea, usa] = federation.start_all();
    settle(&[&japan.api, &korea.api, &usa.api]);
    let (acknowledged, entries) = mpsc::channel();
    let api = korea.api.clone();
    let appender = std::thread::spawn(move || append_until_gone(&api, &acknowledged));
    let mut all: Vec<String> = entries.iter().take(20).collect();
    let target = federation.home("KOR-1").join("backups/first");
    let taken = backup(&federation, &target);
    assert!(taken.success, "{taken:#?}");
    let manifest = taken.json();
    assert!(manifest["entries"].as_u64().expect("a count") >= 20, "{manifest}");
    assert!(!target.join("high-water.a").exists());
    let again = backup(&federation, &target);
    assert!(!again.success && again.stderr.contains("a name of its own"), "{again:#?}");
    all.extend(entries.iter().take(20));
    korea.kill();
    appender.join().expect("the appender does not panic");
    all.extend(entries.iter());

    remove_store(&federation);
    let restored = restore(&federation, &target, &[]);
    assert!(restored.success, "{restored:#?}");
    assert_eq!(restored.json()["entries"], manifest["entries"]);
    let korea = federation.start("KOR-1");
    for entry in &all {
        wait_for("an acknowledged entry to be there again", || {
            let answer = korea.api.get(&format!("/api/v1/entries/{entry}"));
            if answer.status == 200 { Ok(()) } else { Err(answer) }
        });
    }
    let new = korea.api.append(&scan_proposal("KOR", "new-life", 1, EVERYONE));
    let (log, _) = new.rsplit_once('.').expect("an id ends in its index");
    assert!(all.iter().all(|entry| !entry.starts_with(log)), "the old log was continued: {new}");
    let nodes = [&japan.api, &korea.api, &usa.api];
    let cut = settle(&nodes);
    assert_same_digest(&nodes, EVERYONE, &cut);
    println!("{} acknowledged entries, all there after the disk was lost", all.len());
    for node in [korea, japan, usa] {
        node.stop();
    }
    for node in ["KOR-1", "JPN-1", "USA-1"] {
        federation.assert_clean(node);
    }
}

#[test]
fn a_backup_is_rehearsed_and_cut_back_to_a_moment() {
    let federation = Federation::new("backup-moment");
    let [japan, korea, usa] = federation.start_all();
    let nodes = [&japan.api, &korea.api, &usa.api];
    let append =
        |sensor: &str, number| korea.api.append(&scan_proposal("KOR", sensor, number, EVERYONE));
    let early: Vec<String> = (0..8).map(|number| append("early", number)).collect();
    settle(&nodes);
    let moment = korea.api.status()["now"].as_str().expect("a time").to_owned();
    let late: Vec<String> = (0..8).map(|number| append("late", number)).collect();
    let before = settle(&nodes);
    let digest = assert_same_digest(&nodes, EVERYONE, &before);
    let target = federation.home("KOR-1").join("copy.sqlite");
    assert!(backup(&federation, &target).success);
    append("after", 0);

    let drill = restore(&federation, &target, &["--drill"]);
    assert!(drill.success, "{drill:#?}");
    let drill = drill.json();
    for view in drill["views"].as_array().expect("views") {
        assert_eq!(view["equal"], true, "{drill}");
    }
    assert!(drill["behind"].as_u64().expect("a count") >= 1, "{drill}");
    let refused = restore(&federation, &target, &["--replace"]);
    assert!(refused.stderr.contains("another process"), "{refused:#?}");
    korea.stop();
    let refused = restore(&federation, &target, &[]);
    assert!(refused.stderr.contains("--replace"), "{refused:#?}");

    let restored = restore(&federation, &target, &["--replace", "--to", &moment]);
    assert!(restored.success, "{restored:#?}");
    let restored = restored.json();
    assert!(Path::new(restored["previous"].as_str().expect("a path")).exists());
    let faults = federation.fsck("KOR-1")["faults"].clone();
    // Only that the store is behind what was signed.
    assert_eq!(faults.as_array().map(Vec::len), Some(1), "{faults}");
    assert!(faults[0].to_string().contains("high-water"), "{faults}");
    let cut = federation.replay("KOR-1", EVERYONE)["cut"].clone();
    let index = |entry: &str| {
        let (log, index) = entry.rsplit_once('.').expect("an id ends in its index");
        (log.to_owned(), index.parse::<u64>().expect("an index"))
    };
    for (entries, held) in [(&early, true), (&late, false)] {
        for entry in entries {
            let (log, index) = index(entry);
            assert_eq!(cut[&log].as_u64().unwrap_or(0) > index, held, "{entry} in {cut}");
        }
    }

    let korea = federation.start("KOR-1");
    let nodes = [&japan.api, &korea.api, &usa.api];
    for entry in early.iter().chain(&late) {
        wait_for("what was cut to come back from partners", || {
            let answer = korea.api.get(&format!("/api/v1/entries/{entry}"));
            if answer.status == 200 { Ok(()) } else { Err(answer) }
        });
    }
    settle(&nodes);
    assert_eq!(assert_same_digest(&nodes, EVERYONE, &before)["digest"], digest["digest"]);
}

#[test]
fn a_changed_or_foreign_backup_is_refused() {
    let federation = Federation::new("backup-refused");
    let korea = federation.start("KOR-1");
    korea.api.append(&scan_proposal("KOR", "site", 0, EVERYONE));
    let target = federation.home("KOR-1").join("copy");
    assert!(backup(&federation, &target).success);
    korea.stop();
    let config = federation.config("JPN-1");
    let foreign =
        run(["restore".as_ref(), target.as_os_str(), "--config".as_ref(), config.as_os_str()]);
    assert!(foreign.stderr.contains("a backup of `JPN-1`"), "{foreign:#?}");
    let not_one = restore(&federation, &federation.data("KOR-1"), &["--replace"]);
    assert!(!not_one.success && not_one.stderr.contains("manifest"), "{not_one:#?}");

    let database = target.join("watchfire.sqlite");
    let mut bytes = std::fs::read(&database).expect("the copy is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, &bytes).expect("the copy can be changed");
    let changed = restore(&federation, &target, &["--replace"]);
    assert!(!changed.success && changed.stderr.contains("SHA-256"), "{changed:#?}");
    // The store that is here was not touched.
    federation.assert_clean("KOR-1");
}
