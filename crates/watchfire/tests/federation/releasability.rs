//! What is released to some is not at the others: not in a picture, not in any byte of their files.
//!
//! Bodies are kept under a storage key even where they may be read, so the same raw search finds
//! nothing at a reader either: there the search goes through `watchfire replay`, which opens what the
//! node's keys open.

use std::path::{Path, PathBuf};

use crate::support::{
    Api, Cut, EVERYONE, Federation, assert_same_digest, scan_proposal, settle, wait_for,
};

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The files below `folder` that contain one of `needles`; and how many bytes were searched.
pub(crate) fn containing(folder: &Path, needles: &[Vec<u8>]) -> (Vec<PathBuf>, usize) {
    let (mut hits, mut searched) = (Vec::new(), 0);
    for path in files(folder) {
        let bytes = std::fs::read(&path).expect("the file can be read");
        searched += bytes.len();
        let hit =
            needles.iter().any(|needle| bytes.windows(needle.len()).any(|part| part == needle));
        if hit {
            hits.push(path);
        }
    }
    (hits, searched)
}

/// The text as it may stand in a file: itself, in UTF-16, in hexadecimal.
pub(crate) fn spellings(text: &str) -> Vec<Vec<u8>> {
    let digits =
        |byte: u8| [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
    vec![
        text.as_bytes().to_vec(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.bytes().flat_map(digits).collect(),
    ]
}

fn find(api: &Api, entry: &str) -> u16 {
    api.get(&format!("/api/v1/entries/{entry}")).status
}

#[test]
fn an_entry_for_two_is_nowhere_at_the_third() {
    const CANARY: &str = "canary-7d1f83c5-heron";
    let federation = Federation::new("releasability");
    let [japan, korea, usa] = federation.start_all();
    let nodes = [&japan.api, &korea.api, &usa.api];
    korea.api.append(&scan_proposal("KOR", "for-all", 1, EVERYONE));
    let mut entries = Vec::new();
    for number in 0..5 {
        entries.push(korea.api.append(&scan_proposal("KOR", CANARY, number, "KOR+USA")));
    }
    korea.api.append(&scan_proposal("KOR", "for-all", 2, EVERYONE));
    let cut = settle(&nodes);
    assert_same_digest(&nodes, EVERYONE, &cut);
    assert_same_digest(&[&korea.api, &usa.api], "KOR+USA", &cut);
    for entry in &entries {
        assert_eq!(
            (find(&korea.api, entry), find(&usa.api, entry), find(&japan.api, entry)),
            (200, 200, 404)
        );
        let (log, index) = entry.rsplit_once('.').expect("an id ends in its index");
        let log = japan.api.get(&format!("/api/v1/entries?log={log}&from={index}&limit=1")).good();
        assert_ne!(log[0]["id"], entry.as_str(), "{log}");
    }
    assert_eq!(japan.api.get("/api/v1/digest?view=KOR%2BUSA").status, 404);
    // While the node runs its write-ahead log is there too.
    let (hits, _) = containing(&federation.home("JPN-1"), &spellings(CANARY));
    assert_eq!(hits, Vec::<PathBuf>::new());
    for node in [japan, korea, usa] {
        node.stop();
    }

    // The tree of Korea's log verifies at all three, whoever may read the entries.
    for node in ["JPN-1", "KOR-1", "USA-1"] {
        let report = federation.assert_clean(node);
        println!("{node}: {report}");
    }
    let (hits, searched) = containing(&federation.home("JPN-1"), &spellings(CANARY));
    assert_eq!(hits, Vec::<PathBuf>::new());
    // The search itself finds what is there: Japan's own node id.
    let (own, _) = containing(&federation.home("JPN-1"), &spellings("JPN-1"));
    assert!(!own.is_empty());
    let (japan, usa) = (federation.replay("JPN-1", "own"), federation.replay("USA-1", "own"));
    assert!(!japan.to_string().contains(CANARY), "{japan}");
    assert!(usa.to_string().contains(CANARY), "expected the canary among the sensors: {usa}");
    assert!(japan.to_string().contains("for-all"), "{japan}");
    let readable = |replay: &serde_json::Value| replay["facts"].as_u64().expect("a count");
    assert!(readable(&japan) + 5 <= readable(&usa), "{} {}", japan["facts"], usa["facts"]);
    println!(
        "{searched} bytes of JPN-1 searched for `{CANARY}`: none; replay reads {} facts at JPN-1, {} at USA-1",
        japan["facts"], usa["facts"]
    );
}

/// Waits until all nodes hold everything the first says it has of its own logs; gives those sizes.
fn own_cut(origin: &Api, node: &str, others: &[&Api]) -> Cut {
    let mut cut = origin.cut();
    cut.retain(|log, _| log.starts_with(node));
    for api in others {
        wait_for("the logs to arrive", || {
            let held = api.cut();
            let all = cut.iter().all(|(log, size)| held.get(log).is_some_and(|held| held >= size));
            if all { Ok(()) } else { Err(held) }
        });
    }
    cut
}

#[test]
fn an_entry_for_one_changes_no_wider_picture() {
    const CANARY: &str = "canary-own-eyes-only";
    let federation = Federation::new("own-only");
    let [japan, korea, usa] = federation.start_all();
    let nodes = [&japan.api, &korea.api, &usa.api];
    for number in 0..8 {
        korea.api.append(&scan_proposal("KOR", "for-all", number, EVERYONE));
    }
    let before = settle(&nodes);
    let digest = assert_same_digest(&nodes, EVERYONE, &before)["digest"].clone();
    let pair = assert_same_digest(&[&korea.api, &usa.api], "KOR+USA", &before)["digest"].clone();
    let own_before = korea.api.digest("own", &before)["digest"].clone();

    let entry = korea.api.append(&scan_proposal("KOR", CANARY, 1, "KOR"));
    let (log, index) = entry.rsplit_once('.').expect("an id ends in its index");
    own_cut(&korea.api, "KOR-1", &[&japan.api, &usa.api]);
    let mut after = before.clone();
    after.insert(log.to_owned(), index.parse::<u64>().expect("an index") + 1);
    assert!(after[log] > before[log]);
    assert_eq!(assert_same_digest(&nodes, EVERYONE, &after)["digest"], digest);
    assert_eq!(assert_same_digest(&[&korea.api, &usa.api], "KOR+USA", &after)["digest"], pair);
    assert_ne!(korea.api.digest("own", &after)["digest"], own_before, "the entry says something");
    assert_eq!(
        (find(&korea.api, &entry), find(&usa.api, &entry), find(&japan.api, &entry)),
        (200, 404, 404)
    );
    for node in [japan, korea, usa] {
        node.stop();
    }
    for node in ["JPN-1", "USA-1"] {
        let (hits, _) = containing(&federation.home(node), &spellings(CANARY));
        assert_eq!(hits, Vec::<PathBuf>::new());
        assert!(!federation.replay(node, "own").to_string().contains(CANARY));
        federation.assert_clean(node);
    }
    assert!(federation.replay("KOR-1", "own").to_string().contains(CANARY));
}

/// Appends of what one radar sees in the first minutes of the published flight, as if it were now.
fn launch_seen_by(sensor: &str, audience: &str) -> Vec<serde_json::Value> {
    const SHOWN_S: i64 = 400;
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/hwasong14-2017-07-28.jsonl");
    let text = std::fs::read_to_string(file).expect("a built-in scenario");
    let mut lines = text.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line).expect("scenarios are JSON lines")
    });
    let header = lines.next().expect("a header");
    let sensors = header["sensors"].as_array().expect("sensors");
    let site = sensors.iter().find(|known| known["id"] == sensor).expect("a sensor of it");
    let place = |name: &str| site[name].clone();
    let described = serde_json::json!({
        "id": sensor, "partner": place("partner"), "kind": "radar",
        "position": {
            "lat_deg": place("lat_deg"), "lon_deg": place("lon_deg"), "height_m": place("height_m"),
        },
        "sigma_range_m": place("sigma_range_m"), "sigma_azimuth_deg": place("sigma_azimuth_deg"),
        "sigma_elevation_deg": place("sigma_elevation_deg"), "pd": place("pd"),
        "clutter": place("clutter"), "period_s": place("period_s"),
    });
    let scans: Vec<serde_json::Value> = lines.filter(|line| line["sensor"] == sensor).collect();
    let measured = |scan: &serde_json::Value| scan["t_meas"].as_i64().expect("nanoseconds");
    let first = measured(scans.first().expect("a scan"));
    let end = crate::support::now();
    scans
        .iter()
        .map(|scan| (scan, measured(scan) - first))
        .take_while(|(_, since)| *since < SHOWN_S * 1_000_000_000)
        .map(|(scan, since)| {
            let ago = base::TimeDelta::from_nanos(since - SHOWN_S * 1_000_000_000);
            let plots: Vec<serde_json::Value> = scan["plots"]
                .as_array()
                .expect("plots")
                .iter()
                .map(|plot| {
                    let mut plot = plot.clone();
                    plot["sigmas"] = serde_json::Value::Null;
                    serde_json::json!({ "offset_ns": 0, "report": { "radar": plot } })
                })
                .collect();
            serde_json::json!({
                "kind": "track.scan", "audience": audience, "level": "local",
                "content": {
                    "sensor": described, "scan": scan["scan"], "measured": end + ago, "plots": plots,
                },
            })
        })
        .collect()
}

/// The kinds of what Korea's logs hold at a node from these sizes on.
fn kinds_above(api: &Api, sizes: &Cut) -> Vec<String> {
    let mut kinds = Vec::new();
    for (log, from) in sizes {
        let path = format!("/api/v1/entries?log={log}&from={from}&limit=1000");
        let entries = api.get(&path).good();
        let found = entries.as_array().expect("a list of entries").iter();
        kinds.extend(found.map(|entry| entry["kind"].as_str().expect("a kind").to_owned()));
    }
    kinds
}

#[test]
fn what_is_derived_from_facts_for_one_is_for_that_one() {
    let federation = Federation::new("derived-own");
    let [japan, korea, usa] = federation.start_all();
    korea.api.append(&scan_proposal("KOR", "for-all", 1, EVERYONE));
    let before = own_cut(&korea.api, "KOR-1", &[&japan.api, &usa.api]);
    // A launch that Korea's radar alone reports, and to Korea alone.
    for proposal in launch_seen_by("KOR-CHEONGJU", "KOR") {
        korea.api.append(&proposal);
    }
    let derived = wait_for("Korea to derive something", || {
        let kinds = kinds_above(&korea.api, &before);
        let derived: Vec<String> = kinds
            .iter()
            .filter(|kind| !kind.starts_with("log.") && *kind != "track.scan")
            .cloned()
            .collect();
        if derived.is_empty() { Err(kinds) } else { Ok(derived) }
    });
    let after = own_cut(&korea.api, "KOR-1", &[&japan.api, &usa.api]);
    for api in [&japan.api, &usa.api] {
        let kinds = kinds_above(api, &before);
        let others: Vec<&String> = kinds.iter().filter(|kind| !kind.starts_with("log.")).collect();
        assert!(others.is_empty(), "expected pulses alone beside {derived:?}, got {others:?}");
        let tracks = api.get("/api/v1/picture/track?view=own").good();
        assert!(!tracks.to_string().contains("CHEONGJU"), "{tracks}");
    }
    let grown: u64 = after.iter().map(|(log, size)| size - before.get(log).unwrap_or(&0)).sum();
    println!("{grown} more entries of KOR-1, among them {derived:?}; pulses alone at the others");
    for node in [japan, korea, usa] {
        node.stop();
    }
}
