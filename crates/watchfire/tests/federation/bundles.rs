//! Nodes whose line is a carried file: everything crosses, receipts come back, and no torn, altered or
//! foreign file changes anything.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{
    Api, Cut, Ended, Federation, Node, assert_same_digest, run, scan_proposal, wait_for,
};

/// The view of both partners.
const BOTH: &str = "JPN+KOR";

fn bundle(federation: &Federation, node: &str, words: &[&OsStr]) -> Ended {
    let config = federation.config(node);
    let mut arguments: Vec<&OsStr> = vec!["bundle".as_ref()];
    arguments.extend_from_slice(words);
    arguments.extend_from_slice(&["--config".as_ref(), config.as_os_str()]);
    run(arguments)
}

/// Files of one test.
struct Desk<'a> {
    federation: &'a Federation,
    made: std::cell::Cell<u32>,
}

impl Desk<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.federation.home("KOR-1").join(name)
    }

    fn export(&self, from: &str, to: &str, since: &str) -> (PathBuf, Value) {
        self.made.set(self.made.get() + 1);
        let file = self.path(&format!("{}.bundle", self.made.get()));
        let words = ["export".as_ref(), file.as_os_str(), "--json".as_ref(), "--to".as_ref()];
        let more = [to.as_ref(), "--since".as_ref(), since.as_ref()];
        let ended = bundle(self.federation, from, &[&words[..], &more[..]].concat());
        assert!(ended.success, "{ended:#?}");
        (file, ended.json())
    }

    fn import(&self, at: &str, file: &Path) -> Value {
        let words = ["import".as_ref(), file.as_os_str(), "--json".as_ref()];
        let ended = bundle(self.federation, at, &words);
        assert!(ended.success, "{ended:#?}");
        ended.json()
    }

    /// Why the file is refused.
    fn refused(&self, at: &str, file: &Path) -> String {
        let ended = bundle(self.federation, at, &["import".as_ref(), file.as_os_str()]);
        assert!(!ended.success, "expected it to be refused, got {ended:#?}");
        ended.stderr
    }
}

/// Logs of one node as another holds them.
fn held(api: &Api, of: &str) -> Cut {
    api.cut().into_iter().filter(|(log, _)| log.starts_with(of)).collect()
}

fn level(api: &Api, number: u64, level: &str) -> Value {
    let mut proposal = scan_proposal("KOR", "carried", number, BOTH);
    proposal["level"] = json!(level);
    proposal["timeout_ms"] = json!(300);
    api.post("/api/v1/entries", &proposal).body
}

fn holders(api: &Api, entry: &str) -> String {
    api.get(&format!("/api/v1/entries/{entry}")).good()["holders"].to_string()
}

#[test]
fn what_is_carried_by_file_arrives_and_is_acknowledged() {
    let federation = Federation::over("bundle", "carried", "JPN,KOR", 1);
    let desk = Desk { federation: &federation, made: std::cell::Cell::default() };
    let [korea, japan] = ["KOR-1", "JPN-1"].map(|node| federation.start(node));
    let pending = level(&korea.api, 0, "partners(1)");
    assert_eq!(pending["state"], "pending", "{pending}");
    let entry = pending["entry"].as_str().expect("an id").to_owned();
    let why = korea.api.get(&format!("/api/v1/entries/{entry}/why/JPN")).good();
    assert!(why.to_string().contains("carried-by-file"), "{why}");

    let (file, exported) = desk.export("KOR-1", "JPN-1", "acknowledged");
    assert_eq!(exported["number"], 1, "{exported}");
    assert!(held(&japan.api, "KOR-1").is_empty(), "there is no line");
    let brought = desk.import("JPN-1", &file);
    assert_eq!(
        (&brought["from"], &brought["entries"], &brought["gaps"], &brought["refused"]),
        (&json!("KOR-1"), &exported["entries"], &json!(0), &json!(0)),
        "{brought}"
    );
    let read = japan.api.get(&format!("/api/v1/entries/{entry}")).good();
    assert_eq!(read["content"]["sensor"]["id"], "carried", "{read}");
    // Once more changes nothing.
    let before = held(&japan.api, "KOR-1");
    let again = desk.import("JPN-1", &file);
    assert_eq!((&again["entries"], &again["gaps"]), (&json!(0), &json!(0)), "{again}");
    assert!(again["repeated"].as_u64() > Some(0), "{again}");
    assert_eq!(held(&japan.api, "KOR-1"), before);

    // Receipts come with the next file of the other direction.
    assert!(!holders(&korea.api, &entry).contains("JPN-1"));
    let (back, _) = desk.export("JPN-1", "KOR-1", "acknowledged");
    desk.import("KOR-1", &back);
    assert!(holders(&korea.api, &entry).contains("JPN-1"));
    // What is acknowledged does not go again.
    let (_, next) = desk.export("KOR-1", "JPN-1", "acknowledged");
    let carried = [&exported, &next].map(|bundle| bundle["entries"].as_u64().expect("a count"));
    let all: u64 = held(&korea.api, "KOR-1").values().sum();
    assert!(carried[0] + carried[1] <= all, "{carried:?} of {all}");

    let common = common_cut(&korea.api, &japan.api);
    assert_same_digest(&[&korea.api, &japan.api], BOTH, &common);
    for (name, node) in [("KOR-1", korea), ("JPN-1", japan)] {
        node.stop();
        federation.assert_clean(name);
    }
}

fn common_cut(one: &Api, other: &Api) -> Cut {
    let theirs = other.cut();
    one.cut()
        .into_iter()
        .filter_map(|(log, size)| Some((size.min(*theirs.get(&log)?), log)))
        .map(|(size, log)| (log, size))
        .collect()
}

#[test]
fn files_may_be_lost_late_or_cut_short_by_a_crash() {
    let federation = Federation::over("bundle", "late", "JPN,KOR", 1);
    let desk = Desk { federation: &federation, made: std::cell::Cell::default() };
    let [korea, japan] = ["KOR-1", "JPN-1"].map(|node| federation.start(node));
    let files: Vec<PathBuf> = (0..3)
        .map(|number| {
            level(&korea.api, number, "local");
            desk.export("KOR-1", "JPN-1", "exported").0
        })
        .collect();
    // The third before the second: its entries wait, and nothing of it is lost.
    desk.import("JPN-1", &files[0]);
    let early = desk.import("JPN-1", &files[2]);
    assert!(early["gaps"].as_u64() > Some(0), "{early}");
    let log = |cut: &Cut| cut.iter().find(|(log, _)| log.contains(".immediate.")).map(|(_, s)| *s);
    let whole = log(&held(&korea.api, "KOR-1"));
    assert!(log(&held(&japan.api, "KOR-1")) < whole);
    desk.import("JPN-1", &files[1]);
    // The node dies; what was said to be stored is there, and the same file may come again.
    let stored = held(&japan.api, "KOR-1");
    japan.kill();
    let japan = federation.start("JPN-1");
    assert_eq!(held(&japan.api, "KOR-1"), stored);
    let brought = desk.import("JPN-1", &files[2]);
    assert_eq!(brought["gaps"], 0, "{brought}");
    assert_eq!(log(&held(&japan.api, "KOR-1")), whole);
    japan.stop();
    federation.assert_clean("JPN-1");
    drop(korea);
}

#[test]
fn torn_altered_and_foreign_files_are_refused_and_lose_nothing() {
    let federation = Federation::over("bundle", "refused", "JPN,KOR,USA", 1);
    let desk = Desk { federation: &federation, made: std::cell::Cell::default() };
    let [japan, korea, america]: [Node; 3] = federation.start_all();
    level(&korea.api, 0, "local");
    let (file, _) = desk.export("KOR-1", "JPN-1", "acknowledged");
    let bytes = std::fs::read(&file).expect("the file was made");
    let bad = desk.path("bad.bundle");
    let put = |bytes: &[u8]| std::fs::write(&bad, bytes).expect("the folder can be written");
    for cut in [0, 3, 40, bytes.len() / 2, bytes.len() - 1] {
        put(&bytes[..cut]);
        let why = desk.refused("JPN-1", &bad);
        assert!(why.contains("copy the file again") && why.contains("nothing was used"), "{why}");
    }
    for at in [0, 30, 90, bytes.len() / 2, bytes.len() - 70, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[at] ^= 0x40;
        put(&altered);
        desk.refused("JPN-1", &bad);
    }
    put(&[&bytes[..], b"more"].concat());
    assert!(desk.refused("JPN-1", &bad).contains("expected the end"));
    put(b"PK\x03\x04 something else");
    assert!(desk.refused("JPN-1", &bad).contains("`WFX` and edition 1"));
    let why = desk.refused("USA-1", &file);
    assert!(why.contains("a bundle for `USA-1`, got a bundle with `JPN-1`"), "{why}");
    // A federation of the same names is another realm with other keys.
    let other = Federation::over("bundle", "elsewhere", "JPN,KOR,USA", 1);
    let elsewhere = other.start("JPN-1");
    let desk_there = Desk { federation: &other, made: std::cell::Cell::default() };
    let why = desk_there.refused("JPN-1", &file);
    assert!(why.contains("realm `exercise/elsewhere`"), "{why}");
    drop((elsewhere, america));
    let missing = bundle(
        &federation,
        "KOR-1",
        &["export".as_ref(), "x.bundle".as_ref(), "--to".as_ref(), "GBR-1".as_ref()],
    );
    assert!(
        missing.stderr.contains("expected another node out of `JPN-1`, `USA-1`"),
        "{missing:?}"
    );

    assert!(held(&japan.api, "KOR-1").is_empty(), "nothing of a refused file is used");
    let brought = desk.import("JPN-1", &file);
    assert_eq!(brought["refused"], 0, "the good file is taken all the same: {brought}");
    wait_for("the picture to have the scan", || {
        let facts = japan.api.status()["facts"]["own"].as_u64();
        if facts > Some(0) { Ok(()) } else { Err(facts) }
    });
    let untouched = bundle(
        &federation,
        "KOR-1",
        &["export".as_ref(), file.as_os_str(), "--to".as_ref(), "JPN-1".as_ref()],
    );
    assert!(untouched.stderr.contains("never replaced"), "{untouched:?}");
    assert_eq!(std::fs::read(&file).ok(), Some(bytes));
    drop(korea);
}
