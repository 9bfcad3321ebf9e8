//! Flipped bytes of a real store: every one is reported.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use base::NodeId;
use log::{ExerciseTime, Realm};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::high_water::HighWaterFile;
use super::super::seal::{self, Checked};
use super::{Folder, Seeded, from_environment};
use crate::client::Client;
use crate::clock::wall_now;
use crate::config::{Config, Tuning};
use crate::federation::{self, Member, Plan};
use crate::node::{self, Being};

/// Looks at a running node before giving up.
const POLLS_MAX: u32 = 400;

/// Runs three nodes in this process until each holds the others' entries and receipts, then stops
/// them; the files of the first.
fn stopped_store(folder: &Path) -> (Config, Being) {
    let started = wall_now();
    let partners = ["JPN", "KOR", "USA"].map(|partner| partner.parse().expect("a partner"));
    let members = federation::make(
        folder,
        &Plan {
            realm: Realm::exercise("every-byte").expect("a name"),
            time: ExerciseTime { epoch: started, clock_rate: 1.0 },
            started,
            partners: partners.to_vec(),
            nodes: 1,
            radars: Vec::new(),
            tuning: Tuning { pulse_ms: 500, display_ms: 500 },
            carrier: log::Carrier::Tcp,
            relays: std::collections::BTreeSet::new(),
        },
    )
    .expect("an empty folder takes a federation");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let (stop, _) = watch::channel(false);
    let nodes: Vec<_> = members
        .iter()
        .map(|member| {
            let being = Being::read(&member.config).expect("what was made fits together");
            let mut stopped = stop.subscribe();
            let stopped = async move { drop(stopped.changed().await) };
            let (ready, readied) = std::sync::mpsc::channel();
            let ready = move |_: node::Ready| ready.send(()).expect("the test waits");
            let node = runtime.spawn(node::run(being, stopped, ready, node::Watchers::default()));
            readied.recv().expect("the node starts");
            node
        })
        .collect();
    let config = Config::read(&members[0].config).expect("the configuration was made");
    converse(&config, &members);
    stop.send(true).expect("the nodes run");
    for node in nodes {
        runtime.block_on(node).expect("nodes do not panic").expect("nodes stop cleanly");
    }
    let being = Being::read(&members[0].config).expect("what was made fits together");
    (config, being)
}

/// Appends an entry and waits until all partners hold it.
fn converse(config: &Config, members: &[Member]) {
    let client = Client::of(config).expect("the node runs");
    let everyone: Vec<NodeId> = members.iter().map(|member| member.node).collect();
    let proposal = json!({
        "kind": "track.scan",
        "content": {
            "sensor": {
                "id": "site-1", "partner": config.node.partner(), "kind": "geodetic", "position": null,
                "sigma_range_m": 100.0, "sigma_azimuth_deg": 1.0, "sigma_elevation_deg": 1.0,
                "pd": 0.9, "clutter": 0.0, "period_s": 1.0,
            },
            "scan": 1, "measured": wall_now(), "plots": [],
        },
        "level": "all", "timeout_ms": 20_000,
    });
    let appended: Value = client.post("/api/v1/entries", &proposal).expect("the entry is good");
    assert_eq!(appended["state"], "reached", "{appended}");
    for _ in 0..POLLS_MAX {
        let status: Value = client.get("/api/v1/status").expect("the node answers");
        let logs = status["logs"].as_object().expect("sizes by log");
        let heard =
            everyone.iter().all(|node| logs.keys().any(|log| log.starts_with(&node.to_string())));
        if heard && status["receipts_complete"] == true {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("expected receipts within {POLLS_MAX} looks");
}

/// What checking the files finds.
fn faults(config: &Config) -> Vec<String> {
    let mut faults = match seal::check(&config.database()).expect("the files can be read") {
        Checked::Absent => vec!["the seal is gone".to_owned()],
        Checked::Present(faults) => faults,
    };
    faults.extend(
        HighWaterFile::inspect(&config.high_water()).expect("the files can be read").faults,
    );
    faults
}

#[test]
fn every_flipped_byte_is_reported() {
    let seed = from_environment("WATCHFIRE_SEED", 1);
    let folder = Folder::new("every-byte");
    let (config, _) = stopped_store(&folder.path().join("federation"));
    assert_eq!(faults(&config), Vec::<String>::new());
    let mut random = Seeded(seed);
    let data = |name: &str| config.data.join(name);
    for path in
        [data("watchfire.seal"), data("high-water.a"), data("high-water.b"), config.database()]
    {
        let file = File::options().read(true).write(true).open(&path).expect("a sealed file");
        let bytes = file.metadata().expect("a sealed file").len();
        for place in 0..bytes {
            let mut byte = [0];
            file.read_exact_at(&mut byte, place).expect("below the length");
            let flipped = byte[0] ^ random.bytes(1)[0].max(1);
            file.write_all_at(&[flipped], place).expect("the file can be written");
            assert_ne!(faults(&config), Vec::<String>::new(), "byte {place} of {}", path.display());
            file.write_all_at(&byte, place).expect("the file can be written");
        }
        assert_eq!(faults(&config), Vec::<String>::new(), "{}", path.display());
        println!(
            "{}: {bytes} bytes flipped one by one, each reported (seed {seed})",
            path.display()
        );
    }
}
