//! A node whose store is a stream of three real NATS servers, while servers and the node are killed.

use std::path::Path;
use std::sync::mpsc;

use crate::support::{Api, Federation, assert_same_digest, run, scan_proposal, settle};

#[path = "../../src/store/jetstream/cluster.rs"]
#[expect(dead_code, reason = "shared with the store's own tests, which also freeze servers")]
mod cluster;

use cluster::Cluster;

/// The view of both partners.
const BOTH: &str = "JPN+KOR";

/// Appends until told to stop, through pauses; acknowledged entries go out.
fn load(api: &Api, stop: &mpsc::Receiver<()>, acknowledged: &mpsc::Sender<String>) {
    for number in 0.. {
        if stop.try_recv().is_ok() {
            return;
        }
        let proposal = scan_proposal("KOR", "load", number, BOTH).to_string();
        let answer = api.try_post("/api/v1/entries", "application/json", proposal.as_bytes());
        let Ok(answer) = answer else { return };
        if answer.status == 200 && answer.body["entry"].is_string() {
            let entry = answer.body["entry"].as_str().expect("just seen").to_owned();
            acknowledged.send(entry).expect("the test listens to the end");
        }
    }
}

/// The doctor reads the journal and finds in it all that the node signed.
fn doctor_compares(federation: &Federation) {
    let config = federation.config("KOR-1");
    let ended =
        run(["doctor".as_ref(), "--json".as_ref(), "--config".as_ref(), config.as_os_str()]);
    let report = ended.json();
    let mut checks = report["checks"].as_array().into_iter().flatten();
    let check = checks.find(|check| check["name"] == "high-water file").expect("it is looked at");
    assert_eq!(check["state"], "ok", "{check:#}");
    assert!(check["found"].to_string().contains("all of it in the store"), "{check:#}");
}

#[test]
fn servers_and_the_node_die_and_nothing_is_lost() {
    let program = match cluster::program() {
        Ok(program) => program,
        Err(why) => return println!("SKIPPED: a node on NATS JetStream: {why}"),
    };
    let federation = Federation::of("jetstream", "JPN,KOR", 1);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("jetstream-servers-{}", std::process::id()));
    let mut servers = Cluster::start(program, &folder, 3).expect("the servers start");
    federation.edit_config("KOR-1", |text| {
        let engine = format!(
            "engine = \"jetstream\"\nservers = {:?}\nmonitors = {:?}",
            servers.servers(),
            servers.monitors()
        );
        assert!(text.contains("engine = \"sqlite\""), "{text}");
        text.replace("engine = \"sqlite\"", &engine)
    });
    let mut korea = federation.start("KOR-1");
    let japan = federation.start("JPN-1");
    let (acknowledged, all) = mpsc::channel();
    let mut entries = Vec::new();
    for server in 0..3 {
        let (stop, stopped) = mpsc::channel();
        let (api, acknowledged) = (korea.api.clone(), acknowledged.clone());
        let loader = std::thread::spawn(move || load(&api, &stopped, &acknowledged));
        entries.extend(all.iter().take(20));
        servers.kill(server).expect("a process can be killed");
        entries.extend(all.iter().take(20));
        servers.restart(server).expect("it starts again");
        stop.send(()).ok();
        loader.join().expect("the load does not panic");
    }
    // The node itself, in the middle of its work.
    let (api, sender) = (korea.api.clone(), acknowledged.clone());
    let (stop, stopped) = mpsc::channel();
    let loader = std::thread::spawn(move || load(&api, &stopped, &sender));
    entries.extend(all.iter().take(20));
    korea.kill_in_place();
    stop.send(()).ok();
    loader.join().expect("the load does not panic");
    drop(acknowledged);
    entries.extend(all.iter());

    let korea = federation.start("KOR-1");
    let apis = [&korea.api, &japan.api];
    let cut = settle(&apis);
    let digest = assert_same_digest(&apis, BOTH, &cut);
    for entry in &entries {
        let (log, index) = entry.rsplit_once('.').expect("an id ends in its index");
        let index: u64 = index.parse().expect("an index is a number");
        assert!(cut[log] > index, "`{entry}` was acknowledged and is lost");
    }
    doctor_compares(&federation);
    let incarnations = cut.keys().filter(|log| log.starts_with("KOR-1.immediate.")).count();
    assert_eq!(incarnations, 1, "the store was never behind: {cut:?}");
    korea.stop();
    doctor_compares(&federation);
    let report = federation.fsck("KOR-1");
    assert_eq!(report["faults"], serde_json::json!([]), "{report}");
    assert!(report["entries"].as_u64() >= Some(entries.len() as u64), "{report}");
    println!("{} acknowledged, none lost; digest {}", entries.len(), digest["digest"]);
    drop(servers);
    std::fs::remove_dir_all(&folder).ok();
}
