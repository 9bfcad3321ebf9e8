//! Real recordings: aircraft become tracks at every partner, and no aircraft raises a warning.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Api, EVERYONE, Federation, run, wait_for};

/// A recording with categories 034 and 048; it lies beside the repository, not in it.
const RECORDING: &str = "../../../shared/samples/asterix/asterix/sample_data/cat_034_048.pcap";
/// Where its radars are taken to stand: the recording does not say, and no result depends on it.
const SITE: &str = "45.8,16.0,150";
/// Distinct aircraft in it, counted by radar and track number in the reference decoder's output: the
/// tracker may join two of them, or miss one without height.
const AIRCRAFT_MIN: usize = 40;

fn recording() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(RECORDING);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: the ASTERIX recording: shared folder missing");
    None
}

/// The radars named in the recording, `SAC/SIC`.
fn radars(file: &str) -> BTreeSet<(u64, u64)> {
    let listed = run(["ingest", "asterix", file, "--json"]);
    let rows = listed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.filter_map(|row| Some((row["sac"].as_u64()?, row["sic"].as_u64()?))).collect()
}

/// Confirmed aircraft that rest on ASTERIX, seen in the view of all partners; anything else of that
/// sensor kind that is confirmed fails.
fn aircraft(api: &Api) -> BTreeSet<String> {
    let picture =
        api.get(&format!("/api/v1/picture/track?view={}", EVERYONE.replace('+', "%2B"))).good();
    let tracks = picture["track.tracks"].as_object().cloned().unwrap_or_default();
    tracks
        .values()
        .filter(|track| track["state"] == "confirmed")
        .map(|track| {
            assert_eq!(track["class"], "aircraft", "{track}");
            assert!(track["impact"].is_null(), "{track}");
            track["id"].as_str().expect("an id").to_owned()
        })
        .collect()
}

fn no_warning(api: &Api) {
    let picture =
        api.get(&format!("/api/v1/picture/warning?view={}", EVERYONE.replace('+', "%2B"))).good();
    let warnings = picture["warning.warnings"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(warnings, 0, "{picture}");
}

fn see_everywhere(nodes: &[&Api]) -> usize {
    // Tracks grow old within seconds, so what counts is that each node shows them while they live.
    let seen: Vec<usize> = nodes
        .iter()
        .map(|api| {
            wait_for("the aircraft at a node", || {
                let seen = aircraft(api).len();
                if seen >= AIRCRAFT_MIN { Ok(seen) } else { Err(seen) }
            })
        })
        .collect();
    for api in nodes {
        no_warning(api);
    }
    seen[0]
}

#[test]
fn recorded_aircraft_appear_at_every_node_and_warn_nobody() {
    let Some(path) = recording() else { return };
    let file = path.to_str().expect("a plain path");
    let federation = Federation::new("recording");
    let [japan, korea, usa] = federation.start_all();
    let config = federation.config("KOR-1");
    let mut arguments =
        vec!["ingest".to_owned(), "asterix".to_owned(), file.to_owned(), "--config".to_owned()];
    arguments.push(config.to_str().expect("a plain path").to_owned());
    for (sac, sic) in radars(file) {
        arguments.extend(["--site".to_owned(), format!("{sac}/{sic}={SITE}")]);
    }
    run(&arguments);
    let seen = see_everywhere(&[&korea.api, &japan.api, &usa.api]);
    println!("{seen} recorded aircraft at each of three nodes, no warning");
    for node in [japan, korea, usa] {
        node.stop();
    }
}

#[test]
fn a_live_feed_over_udp_is_read() {
    let Some(path) = recording() else { return };
    let recording = std::fs::read(&path).expect("a readable recording");
    let federation = Federation::new("udp-feed");
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a free port");
    federation.edit_config("KOR-1", |text| {
        let mut text = text.replace("radars = []\n", "").replace("feeds = []\n", "");
        for (sac, sic) in radars(path.to_str().expect("a plain path")) {
            text += &format!(
                "\n[[radars]]\nsac = {sac}\nsic = {sic}\n\
                 site = {{ lat_deg = 45.8, lon_deg = 16.0, height_m = 150.0 }}\n"
            );
        }
        text + &format!("\n[[feeds]]\nasterix_udp = \"{port}\"\n")
    });
    let [japan, korea, usa] = federation.start_all();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let mut sent = 0;
    for datagram in formats::asterix::open(&recording).expect("a recording") {
        let datagram = datagram.expect("a datagram");
        socket.send_to(datagram.payload, port).expect("loopback takes it");
        sent += 1;
    }
    // Rubbish on the feed is counted, and the feed goes on.
    socket.send_to(&[48, 0, 4, 255], port).expect("loopback takes it");
    let seen = see_everywhere(&[&korea.api, &japan.api, &usa.api]);
    println!("{sent} datagrams over UDP, {seen} aircraft at each of three nodes, no warning");
    for node in [japan, korea, usa] {
        node.stop();
    }
}
