//! A line that is down, and a third partner whose node carries for the two and learns nothing.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use memchr::memmem;

use crate::releasability::{containing, spellings};
use crate::support::{EVERYONE, Federation, assert_same_digest, scan_proposal, settle, wait_for};

const CANARY: &str = "canary-relayed-bittern";
/// Bytes of a process's memory read at once.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Which of `needles` stand in the readable memory of a process, and how many bytes were searched.
fn in_memory(process: u32, needles: &[Vec<u8>]) -> (Vec<bool>, usize) {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("it runs");
    let memory = File::open(format!("/proc/{process}/mem")).expect("a child may be looked into");
    let finders: Vec<memmem::Finder<'_>> = needles.iter().map(memmem::Finder::new).collect();
    let longest = needles.iter().map(Vec::len).max().unwrap_or(0);
    let (mut found, mut searched) = (vec![false; needles.len()], 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    for line in maps.lines().filter(|line| !line.contains("[v")) {
        let (range, rest) = line.split_once(' ').expect("a range and its rights");
        if !rest.starts_with('r') {
            continue;
        }
        let hex = |text| u64::from_str_radix(text, 16).expect("addresses are hexadecimal");
        let (start, end) = range.split_once('-').map(|(a, b)| (hex(a), hex(b))).expect("a range");
        let mut at = start;
        while at < end {
            let length = CHUNK_BYTES.min(usize::try_from(end - at).expect("below 2^64"));
            // Pages may be gone since the map was read.
            let Ok(read) = memory.read_at(&mut chunk[..length], at) else { break };
            if read == 0 {
                break;
            }
            searched += read;
            for (finder, found) in finders.iter().zip(&mut found) {
                *found |= finder.find(&chunk[..read]).is_some();
            }
            // What lies over the edge of two chunks is read again.
            let step =
                if at + (read as u64) < end { read.saturating_sub(longest).max(1) } else { read };
            at += step as u64;
        }
    }
    (found, searched)
}

/// The private halves of a node's keys.
fn private_halves(federation: &Federation, node: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(federation.home(node).join("node.keys")).expect("its keys");
    let words = text.lines().filter_map(|line| line.split_whitespace().last());
    let halves: Vec<Vec<u8>> =
        words.filter_map(log::base64::decode).filter(|bytes| bytes.len() == 32).collect();
    assert!(halves.len() >= 5, "expected the halves of five keys, got {}", halves.len());
    halves
}

#[test]
fn a_relay_carries_what_neither_its_disk_nor_its_memory_shows() {
    let federation = Federation::with("relays", &["--relay", "USA"]);
    // KOR listens elsewhere than the charter says: nobody but JPN dials it.
    let said = federation.line_address("KOR-1").to_string();
    let elsewhere = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        free.local_addr().expect("it is bound").to_string()
    };
    federation.edit_config("KOR-1", |text| text.replace(&said, &elsewhere));
    let [japan, korea, usa] = federation.start_all();
    for (api, peer) in [(&japan.api, "KOR-1"), (&korea.api, "JPN-1")] {
        wait_for("the two to speak by way of USA-1", || {
            let line = api.line(peer);
            if line["state"] == "up" && line["via"] == "USA-1" { Ok(()) } else { Err(line) }
        });
    }
    let entries: Vec<String> = (0..5)
        .map(|number| korea.api.append(&scan_proposal("KOR", CANARY, number, "JPN+KOR")))
        .collect();
    japan.api.append(&scan_proposal("JPN", "for-all", 1, EVERYONE));
    let nodes = [&japan.api, &korea.api, &usa.api];
    let cut = settle(&nodes);
    assert_same_digest(&[&japan.api, &korea.api], "JPN+KOR", &cut);
    for entry in &entries {
        assert_eq!(japan.api.get(&format!("/api/v1/entries/{entry}")).status, 200, "{entry}");
    }
    let mut needles = spellings(CANARY);
    let words = needles.len();
    needles.extend(private_halves(&federation, "KOR-1"));
    needles.extend(private_halves(&federation, "JPN-1"));
    let (hits, on_disk) = containing(&federation.home("USA-1"), &needles);
    assert!(hits.is_empty(), "{hits:?}");
    let (found, in_its_memory) = in_memory(usa.process(), &needles);
    assert!(!found.contains(&true), "{found:?}");
    // The search finds what is there: both ends have the word, and each its own keys.
    let (korean, _) = in_memory(korea.process(), &needles);
    let (japanese, _) = in_memory(japan.process(), &needles);
    assert!(korean[0] && japanese[0], "{korean:?} {japanese:?}");
    assert!(korean[words..].contains(&true), "{korean:?}");
    println!(
        "{on_disk} bytes on USA-1's disk and {in_its_memory} of its memory searched for `{CANARY}` and \
         {} private keys of the two: none",
        needles.len() - words
    );
    // Their own line is used as soon as there is one.
    korea.stop();
    federation.edit_config("KOR-1", |text| text.replace(&elsewhere, &said));
    let korea = federation.start("KOR-1");
    for (api, peer) in [(&japan.api, "KOR-1"), (&korea.api, "JPN-1")] {
        wait_for("the two to have a line of their own", || {
            let line = api.line(peer);
            if line["state"] == "up" && line["via"].is_null() { Ok(()) } else { Err(line) }
        });
    }
    for node in [japan, korea, usa] {
        node.stop();
    }
    for node in ["KOR-1", "JPN-1", "USA-1"] {
        federation.assert_clean(node);
    }
}
