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
