//! SIGKILL at random moments while appends come in: what was acknowledged stays.

use std::sync::mpsc;
use std::time::Duration;

use crate::support::{
    Api, EVERYONE, Federation, Node, Seeded, assert_same_digest, from_environment, scan_proposal,
    settle,
};

/// Appends until the node is gone; the ids that were acknowledged.
fn append_until_gone(api: &Api, partner: &str, sensor: &str, acknowledged: &mpsc::Sender<String>) {
    for number in 0.. {
        let proposal = scan_proposal(partner, sensor, number, EVERYONE).to_string();
        match api.try_post("/api/v1/entries", "application/json", proposal.as_bytes()) {
            Ok(answer) => {
                let entry = answer.good()["entry"].as_str().expect("an id").to_owned();
                acknowledged.send(entry).expect("the test listens to the end");
            }
            Err(_) => return,
        }
    }
}

#[test]
fn acknowledged_entries_survive_sigkill() {
    let kills = from_environment("WATCHFIRE_KILLS", 50);
    let seed = from_environment("WATCHFIRE_SEED", 1);
    println!("WATCHFIRE_KILLS={kills} WATCHFIRE_SEED={seed}");
    let random = Seeded::new(seed);
    let federation = Federation::new("kills");
    let (japan, usa) = (federation.start("JPN-1"), federation.start("USA-1"));
    let (acknowledged, all) = mpsc::channel();
    for kill in 0..kills {
        let korea = federation.start("KOR-1");
        let appenders: Vec<_> = ["left", "right"]
            .into_iter()
            .map(|side| {
                let (api, acknowledged) = (korea.api.clone(), acknowledged.clone());
                let sensor = format!("{side}-{kill}");
                std::thread::spawn(move || append_until_gone(&api, "KOR", &sensor, &acknowledged))
            })
            .collect();
        // The moment is the fault that is injected, not something that is waited for.
        let moment = Duration::from_micros(random.below(400_000));
        std::thread::sleep(moment);
        korea.kill();
        for appender in appenders {
            appender.join().expect("appenders do not panic");
        }
    }
    drop(acknowledged);
    let acknowledged: Vec<String> = all.into_iter().collect();
    assert!(acknowledged.len() as u64 >= kills, "only {} appends", acknowledged.len());

    let korea = federation.start("KOR-1");
    for entry in &acknowledged {
        let found = korea.api.get(&format!("/api/v1/entries/{entry}"));
        assert_eq!(found.status, 200, "seed {seed}: `{entry}` was acknowledged and is lost");
    }
    // The question can be answered with no: the same logs, far beyond their ends.
    let (log, _) = acknowledged[0].rsplit_once('.').expect("an id ends in its index");
    assert_eq!(korea.api.get(&format!("/api/v1/entries/{log}.999999999")).status, 404);
    let nodes = [&japan.api, &korea.api, &usa.api];
    let cut = settle(&nodes);
    let digest = assert_same_digest(&nodes, EVERYONE, &cut);
    for entry in &acknowledged {
        let (log, index) = entry.rsplit_once('.').expect("an id ends in its index");
        let index: u64 = index.parse().expect("an index is a number");
        assert!(cut[log] > index, "seed {seed}: partners do not hold `{entry}`");
    }
    let logs = cut.keys().filter(|log| log.starts_with("KOR-1.immediate.")).count();
    assert_eq!(logs, 1, "expected one incarnation throughout: {cut:?}");
    for node in [korea, japan, usa] {
        node.stop();
    }
    for node in ["KOR-1", "JPN-1", "USA-1"] {
        federation.assert_clean(node);
    }
    println!(
        "{kills} kills, {} acknowledged entries, all there; digest {}",
        acknowledged.len(),
        digest["digest"]
    );
}

#[test]
fn any_node_may_be_killed_while_all_append() {
    let kills = from_environment("WATCHFIRE_KILLS", 50) / 4;
    let seed = from_environment("WATCHFIRE_SEED", 1);
    println!("{kills} kills of any node, WATCHFIRE_SEED={seed}");
    let random = Seeded::new(seed ^ 0x5eed);
    let federation = Federation::new("any-kill");
    let names = ["JPN-1", "KOR-1", "USA-1"];
    let (acknowledged, all) = mpsc::channel();
    let appender = |node: &Node, name: &'static str, life: u64| {
        let (api, acknowledged) = (node.api.clone(), acknowledged.clone());
        std::thread::spawn(move || {
            append_until_gone(&api, &name[..3], &format!("{name}-{life}"), &acknowledged);
        })
    };
    let mut nodes = names.map(|name| {
        let node = federation.start(name);
        let appending = appender(&node, name, 0);
        (node, appending)
    });
    for life in 1..=kills {
        let victim = usize::try_from(random.below(3)).expect("below 3");
        std::thread::sleep(Duration::from_micros(random.below(300_000)));
        nodes[victim].0.kill_in_place();
        let node = federation.start(names[victim]);
        let appending = appender(&node, names[victim], life);
        let (old, ended) = std::mem::replace(&mut nodes[victim], (node, appending));
        drop(old);
        ended.join().expect("appenders do not panic");
    }
    for (node, _) in &mut nodes {
        node.kill_in_place();
    }
    for (_, appending) in nodes {
        appending.join().expect("appenders do not panic");
    }
    drop(acknowledged);
    let acknowledged: Vec<String> = all.into_iter().collect();

    let nodes = federation.start_all();
    let apis = nodes.each_ref().map(|node| &node.api);
    let cut = settle(&apis);
    let digest = assert_same_digest(&apis, EVERYONE, &cut);
    for entry in &acknowledged {
        for api in apis {
            let found = api.get(&format!("/api/v1/entries/{entry}"));
            assert_eq!(found.status, 200, "seed {seed}: `{entry}` was acknowledged and is lost");
        }
    }
    for node in nodes {
        node.stop();
    }
    for name in names {
        federation.assert_clean(name);
    }
    println!(
        "{kills} kills, {} acknowledged entries at all three nodes; digest {}",
        acknowledged.len(),
        digest["digest"]
    );
}
