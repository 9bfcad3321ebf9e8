//! Outside audit of a running node: by `watchfire audit`, and by an independent implementation of the C2SP
//! specifications. A server that tampers, rolls back or forks is caught, and the evidence is kept.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use log::{Checkpoint, CosignedCheckpoint, NodeSecrets, Tile};
use serde_json::Value;

use crate::support::{EVERYONE, Ended, Federation, Node, run, scan_proposal, settle, wait_for};

/// Entries of the lane that is audited: two full tiles and a partial one of level 0, one of level 1.
const ENTRIES: u64 = 530;

/// A free port of the loopback interface.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address")
}

/// Three nodes of which KOR's serves auditors, with enough in its IMMEDIATE lane.
fn audited(name: &str) -> (Federation, [Node; 3], String) {
    let federation = Federation::new(name);
    let address = free_address();
    federation.edit_config("KOR-1", |text| format!("{text}\n[audit]\nlisten = \"{address}\"\n"));
    let nodes = federation.start_all();
    let kor = &nodes[1].api;
    // In groups, as a feed would bring them.
    for number in 0..ENTRIES {
        kor.append(&scan_proposal("KOR", "KOR-A", number, EVERYONE));
    }
    settle(&[&nodes[0].api, kor, &nodes[2].api]);
    (federation, nodes, format!("http://{address}"))
}

fn audit(federation: &Federation, url: &str, more: &[&str]) -> Ended {
    let (config, state) = (federation.config("KOR-1"), federation.home("KOR-1").join("audit.json"));
    let mut words = vec!["audit", url, "--config", config.to_str().expect("a plain path")];
    words.extend(["--state", state.to_str().expect("a plain path")]);
    words.extend(more);
    run(words)
}

/// The IMMEDIATE lane in an audit's report.
fn lane(report: &Value) -> Value {
    let mut logs = report["logs"].as_array().into_iter().flatten();
    let found = logs.find(|log| {
        log["origin"].as_str().is_some_and(|origin| origin.contains("/KOR-1/immediate/"))
    });
    found.cloned().unwrap_or_else(|| panic!("expected the lane, got {report:#}"))
}

fn fetch(url: &str) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).call().expect("the server answers");
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let headers = headers.collect();
    let status = response.status().as_u16();
    (status, headers, response.body_mut().read_to_vec().expect("a body"))
}

/// A server between auditor and node that answers some paths itself.
struct Liar {
    url: String,
    lies: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Liar {
    fn before(honest: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let lies: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let (honest, told) = (honest.to_owned(), Arc::clone(&lies));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                answer(stream, &honest, &told.lock().expect("no holder panics"));
            }
        });
        Self { url, lies }
    }

    fn lie(&self, path: &str, content: Vec<u8>) {
        self.lies.lock().expect("no holder panics").insert(path.to_owned(), content);
    }

    fn be_honest(&self) {
        self.lies.lock().expect("no holder panics").clear();
    }
}

fn answer(mut stream: TcpStream, honest: &str, lies: &BTreeMap<String, Vec<u8>>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
    let (status, body) = if let Some(lie) = lies.get(&path) {
        (200, lie.clone())
    } else {
        let (status, _, body) = fetch(&format!("{honest}{path}"));
        (status, body)
    };
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok();
}

#[test]
fn an_outsider_verifies_every_log_and_catches_a_server_that_lies() {
    let (federation, nodes, url) = audited("audited");
    let first = audit(&federation, &url, &["--json"]);
    assert!(first.success, "{first:#?}");
    let report = first.json();
    assert_eq!(report["faults"], Value::Array(Vec::new()), "{report:#}");
    let log = lane(&report);
    let size = log["size"].as_u64().expect("a size");
    assert!(size >= ENTRIES, "{log:#}");
    assert_eq!((&log["verdict"], &log["previous_size"]), (&"verified".into(), &Value::Null));
    assert_eq!(log["witnessed_by"], serde_json::json!(["JPN", "USA"]));
    assert_eq!(log["held_by"], serde_json::json!(["JPN", "USA"]));
    assert_eq!(log["tiles"], 4, "{log:#}");
    // Every log is listed: also the partners', which this node may read.
    let origins: Vec<&str> = report["logs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|log| log["origin"].as_str())
        .collect();
    for node in ["/JPN-1/flash/", "/KOR-1/flash/", "/USA-1/flash/"] {
        assert!(origins.iter().any(|origin| origin.contains(node)), "{node} in {origins:?}");
    }

    let origin = log["origin"].as_str().expect("an origin").to_owned();
    let path = |rest: &str| format!("/{origin}/{rest}");
    let (_, _, old_note) = fetch(&format!("{url}{}", path("checkpoint")));
    nodes[1].api.append(&scan_proposal("KOR", "KOR-A", ENTRIES, EVERYONE));
    settle(&[&nodes[0].api, &nodes[1].api, &nodes[2].api]);
    let second = lane(&audit(&federation, &url, &["--json"]).json());
    assert_eq!(second["previous_size"].as_u64(), Some(size), "{second:#}");
    assert_eq!(second["size"].as_u64(), Some(size + 1), "{second:#}");

    // The lies, each told to an auditor who has seen the log before.
    let liar = Liar::before(&url);
    let (_, _, mut tile) = fetch(&format!("{url}{}", path("tile/0/001")));
    tile[77] ^= 1;
    let (_, _, mut above) =
        fetch(&format!("{url}{}", path(&Tile::of_size(1, 0, size).expect("a tile").to_string())));
    above[0] ^= 1;
    let (_, _, note) = fetch(&format!("{url}{}", path("checkpoint")));
    let text = String::from_utf8(note.clone()).expect("a note is text");
    let forged = text.replace(&text[text.len() - 20..text.len() - 12], "AAAAAAAA");
    let above_path = Tile::of_size(1, 0, size).expect("a tile").to_string();
    for (at, content, words) in [
        (path("tile/0/001"), tile, "through the root audited before"),
        (path(&above_path), above, "root of the tile below"),
        (path("checkpoint"), old_note, "rolled back"),
        (path("checkpoint"), forged.into_bytes(), "does not verify"),
        (path("checkpoint"), fork(&federation, &text).into_bytes(), "two histories"),
    ] {
        liar.lie(&at, content);
        let told = audit(&federation, &format!("{}/{origin}", liar.url), &[]);
        assert!(!told.success, "{at}: {told:#?}");
        assert!(told.stdout.contains(words), "expected `{words}` at {at}, got {told:#?}");
        liar.be_honest();
    }
    let memory = std::fs::read_to_string(federation.home("KOR-1").join("audit.json"));
    let memory: Value = serde_json::from_str(&memory.expect("the state")).expect("JSON");
    assert_eq!(memory["evidence"].as_array().map(Vec::len), Some(5), "{memory:#}");
    let honest = audit(&federation, &url, &[]);
    assert!(honest.success, "what was verified stays verified: {honest:#?}");
    let [_, kor, _] = nodes;
    kor.stop();
    let stopped = audit(&federation, &url, &[]);
    assert!(!stopped.success && stopped.stderr.contains("hint:"), "{stopped:#?}");
}

/// A note of the same size with another root, signed by the node's own key.
fn fork(federation: &Federation, note: &str) -> String {
    let keys = std::fs::read_to_string(federation.home("KOR-1").join("node.keys"));
    let secrets = NodeSecrets::parse(&keys.expect("the keys")).expect("the node's keys");
    let charter = std::fs::read_to_string(federation.home("KOR-1").join("charter.toml"));
    let charter = log::Charter::parse_verify(&charter.expect("the charter")).expect("a charter");
    let real = CosignedCheckpoint::from_note(note, &charter).expect("the node's note");
    let stated = real.checkpoint.checkpoint.clone();
    let other = Checkpoint { root: log::sha256(b"another history"), ..stated };
    other.sign(&secrets.key).to_note(&secrets.key.verifying_key())
}

#[test]
fn what_is_served_is_bounded_cached_and_never_an_entry() {
    let federation = Federation::new("audit-bounds");
    let address = free_address();
    federation.edit_config("KOR-1", |text| {
        format!("{text}\n[audit]\nlisten = \"{address}\"\nrequests_per_s = 20\n")
    });
    let node = federation.start("KOR-1");
    node.api.append(&scan_proposal("KOR", "KOR-A", 1, "KOR"));
    let url = format!("http://{address}");
    let (status, _, index) = fetch(&format!("{url}/"));
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    assert_eq!(status, 200);
    let log = wait_for("the lane to be listed", || {
        let logs = index["logs"].as_array().cloned().unwrap_or_default();
        logs.into_iter()
            .find(|log| log["origin"].as_str().is_some_and(|o| o.contains("/immediate/")))
            .ok_or_else(|| index.clone())
    });
    let origin = log["origin"].as_str().expect("an origin");
    let size = log["size"].as_u64().expect("a size");
    let tile = Tile::of_size(0, 0, size).expect("a tile");
    let (status, headers, content) = fetch(&format!("{url}/{origin}/{tile}"));
    assert_eq!((status, content.len()), (200, tile.bytes()));
    let header = |name: &str| headers.iter().find(|(of, _)| of == name).map(|(_, v)| v.as_str());
    assert_eq!(header("cache-control"), Some("public, max-age=31536000, immutable"));
    let (_, headers, _) = fetch(&format!("{url}/{origin}/checkpoint"));
    let header = |name: &str| headers.iter().find(|(of, _)| of == name).map(|(_, v)| v.as_str());
    assert_eq!(header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(header("cache-control"), Some("no-cache"));
    for (path, expected) in [
        (format!("/{origin}/tile/entries/000"), 404),
        (format!("/{origin}/tile/0/999"), 404),
        (format!("/{origin}/tile/0/000.p/257"), 404),
        (format!("/{}/checkpoint", origin.replace("exercise/", "exercise/not-")), 404),
        ("/api/v1/status".to_owned(), 404),
        (format!("/{}", "x".repeat(600)), 414),
    ] {
        let (status, _, body) = fetch(&format!("{url}{path}"));
        assert_eq!(status, expected, "{path}: {}", String::from_utf8_lossy(&body));
        assert!(!body.is_empty(), "{path} says why");
    }
    let flooded = (0..200).map(|_| fetch(&format!("{url}/")).0).filter(|status| *status == 429);
    assert!(flooded.count() > 0, "a client over its rate is told so");
    // The console of the same node does not care.
    node.api.status();
}

/// Runs an independent verifier: the log's signature, two of the partners' four cosignatures, and every
/// tile up to the root.
const FOREIGN: &str = r#"
import json, sys, urllib.request
import aics_tlog as t
base, keys = sys.argv[1], [t.parse_vkey(key) for key in sys.argv[2:]]
note = t.parse_note(urllib.request.urlopen(base + "/checkpoint").read().decode())
verified = t.verify_checkpoint(note, keys[0], keys[1:], quorum=4)
checkpoint = t.parse_checkpoint(note.text)
tiles = t.HttpTileReader([base + "/"], proxies={})
audit = t.audit_tiles(tiles, checkpoint.size, checkpoint.root, entries=False)
print(json.dumps({"ok": verified.ok, "size": audit.size, "tiles": audit.tiles,
                  "error": getattr(verified, "error", None)}))
"#;

#[test]
fn an_independent_implementation_verifies_the_same() {
    let Some(python) = std::env::var_os("WATCHFIRE_TLOG_PYTHON").map(PathBuf::from) else {
        println!("SKIPPED: another C2SP verifier: `WATCHFIRE_TLOG_PYTHON` names no Python with it");
        return;
    };
    let (federation, _nodes, url) = audited("audited-by-others");
    let ours = lane(&audit(&federation, &url, &["--json"]).json());
    let origin = ours["origin"].as_str().expect("an origin");
    let base = format!("{url}/{origin}");
    let keys = audit(&federation, &base, &["--keys"]);
    assert!(keys.success, "{keys:#?}");
    let verify = |base: &str| {
        let output = Command::new(&python)
            .args(["-c", FOREIGN, base])
            .args(keys.stdout.lines())
            .output()
            .expect("the verifier runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), output)
    };
    let (success, stdout, output) = verify(&base);
    assert!(success, "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&theirs["ok"], &theirs["size"]), (&true.into(), &ours["size"]), "{theirs:#}");
    assert_eq!(theirs["tiles"], ours["tiles"], "{theirs:#}");
    // It is a check that can fail.
    let liar = Liar::before(&url);
    let (_, _, mut tile) = fetch(&format!("{base}/tile/0/000"));
    tile[0] ^= 1;
    liar.lie(&format!("/{origin}/tile/0/000"), tile);
    let (success, stdout, _) = verify(&format!("{}/{origin}", liar.url));
    assert!(!success, "{stdout}");
}
