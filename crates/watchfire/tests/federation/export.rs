//! Parquet files of decoded facts, written beside a running node and read by two engines of others:
//! every row is what the node's API says, and only what may be read is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Api, EVERYONE, Ended, Federation, Node, Seeded, run, scan_proposal, settle};

/// Names a Python that has pyarrow and `DuckDB`.
const PYTHON: &str = "WATCHFIRE_PARQUET_PYTHON";

fn export(federation: &Federation, node: &str, out: &Path, more: &[&str]) -> Ended {
    let config = federation.config(node);
    let mut words = vec!["export", "parquet", "--json", "--config"];
    words.push(config.to_str().expect("a plain path"));
    words.extend(["--out", out.to_str().expect("a plain path")]);
    words.extend(more);
    run(words)
}

/// Rows by kind in the files of one export.
fn rows(report: &Value) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::new();
    for file in report["files"].as_array().expect("a list of files") {
        let kind = file["kind"].as_str().expect("a kind").to_owned();
        *rows.entry(kind).or_insert(0) += file["rows"].as_u64().expect("a count");
    }
    rows
}

/// Rows of kinds other than scans in the files of one export.
fn rows_of_others(report: &Value) -> u64 {
    rows(report).iter().filter(|(kind, _)| *kind != "track.scan").map(|(_, rows)| rows).sum()
}

/// What the node's API says of everything it can read, up to now, by entry.
fn entries(api: &Api) -> BTreeMap<String, Value> {
    let mut entries = BTreeMap::new();
    for log in api.cut().keys() {
        let page = api.get(&format!("/api/v1/entries?log={log}&from=0&limit=1000")).good();
        for entry in page.as_array().expect("a list of entries") {
            entries.insert(entry["id"].as_str().expect("an id").to_owned(), entry.clone());
        }
    }
    entries
}

/// Three nodes, and statements of KOR for everyone, for two and for itself alone.
fn told(name: &str) -> (Federation, [Node; 3]) {
    let federation = Federation::new(name);
    let nodes = federation.start_all();
    let korea = &nodes[1].api;
    for number in 0..30 {
        let audience = [EVERYONE, "KOR+USA", "KOR"][number % 3];
        korea.append(&scan_proposal("KOR", "KOR-A", number as u64, audience));
    }
    let scan = korea.append(&scan_proposal("KOR", "KOR-A", 30, EVERYONE));
    korea.append(&json!({
        "kind": "track.declared", "audience": EVERYONE,
        "content": { "public_id": "KOR-77", "evidence": [{ "entry": scan, "plot": 0 }] },
    }));
    settle(&[&nodes[0].api, korea, &nodes[2].api]);
    (federation, nodes)
}

#[test]
fn an_export_has_every_entry_once_and_a_second_one_what_is_new() {
    let (federation, [japan, korea, usa]) = told("export-again");
    let out = federation.home("KOR-1").join("out");
    let first = export(&federation, "KOR-1", &out, &[]);
    assert!(first.success, "{first:#?}");
    let first = first.json();
    assert_eq!((rows(&first)["track.scan"], rows(&first)["track.declared"]), (31, 1), "{first:#}");
    assert!(rows(&first)["log.pulse"] > 0, "kinds of the log are exported too: {first:#}");
    assert_eq!((&first["unopened"], &first["rows_before"]), (&json!(0), &json!(0)));

    // What an export that was killed left is no part of the next one.
    std::fs::write(out.join("track.scan/000002.parquet"), "torn").expect("a file can be written");
    std::fs::write(out.join("track.scan/.000003.parquet.partial"), "torn").expect("so can this");
    let again = export(&federation, "KOR-1", &out, &["--kind", "track.scan"]);
    assert!(again.success, "{again:#?}");
    assert_eq!(again.json()["files"], json!([]));
    assert_eq!(again.json()["rows_before"], first["rows"]);
    let left: BTreeSet<String> = std::fs::read_dir(out.join("track.scan"))
        .expect("there is such a folder")
        .map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, BTreeSet::from(["000001.parquet".to_owned()]));

    let id = korea.api.append(&scan_proposal("KOR", "KOR-B", 0, EVERYONE));
    korea.api.append(&scan_proposal("KOR", "KOR-B", 1, "KOR"));
    let more = export(&federation, "KOR-1", &out, &["--kind", "track.scan"]);
    assert_eq!(rows(&more.json()), BTreeMap::from([("track.scan".to_owned(), 2)]), "{id}");
    let all = export(&federation, "KOR-1", &out, &[]).json();
    assert!(!rows(&all).contains_key("track.scan"), "{all:#}");
    for node in [japan, korea, usa] {
        node.stop();
    }
    let stopped = export(&federation, "KOR-1", &out, &[]);
    assert!(stopped.success, "{stopped:#?}");
    let fresh = export(&federation, "KOR-1", &federation.home("KOR-1").join("fresh"), &[]).json();
    assert_eq!(
        fresh["rows"].as_u64(),
        Some(
            stopped.json()["rows"].as_u64().unwrap()
                + stopped.json()["rows_before"].as_u64().unwrap()
        ),
        "piece by piece and at once give the same rows"
    );
    federation.assert_clean("KOR-1");
}

#[test]
fn small_files_follow_one_another_and_times_bound_them() {
    let (federation, [japan, korea, usa]) = told("export-bounds");
    let out = federation.home("KOR-1").join("hours");
    let later = korea.api.status()["now"].as_str().expect("a time").to_owned();
    korea.api.append(&scan_proposal("KOR", "KOR-B", 0, EVERYONE));
    let before = export(&federation, "KOR-1", &out, &["--to", &later, "--kind", "track.scan"]);
    assert_eq!(rows(&before.json()), BTreeMap::from([("track.scan".to_owned(), 31)]));
    let again = export(&federation, "KOR-1", &out, &["--to", &later, "--kind", "track.scan"]);
    assert_eq!(again.json()["rows"], 0);
    let rest = federation.home("KOR-1").join("rest");
    let after = export(&federation, "KOR-1", &rest, &["--from", &later, "--kind", "track.scan"]);
    assert_eq!(rows(&after.json()), BTreeMap::from([("track.scan".to_owned(), 1)]));

    let seeded = Seeded::new(1);
    for number in 0..48 {
        // Too old to be folded, which costs the node nothing; they are exported all the same.
        let mut proposal = scan_proposal("KOR", "KOR-C", number, EVERYONE);
        let plot = proposal["content"]["plots"][0].clone();
        let plots = (0..2_000).map(|_| {
            let mut plot = plot.clone();
            plot["report"]["geodetic"]["lat_deg"] = (seeded.below(9_000_000) as f64 / 1e5).into();
            plot["report"]["geodetic"]["lon_deg"] = (seeded.below(9_000_000) as f64 / 1e5).into();
            plot
        });
        proposal["content"]["plots"] = plots.collect();
        proposal["content"]["measured"] = "2026-01-01T00:00:00Z".into();
        korea.api.append(&proposal);
    }
    let large = export(&federation, "KOR-1", &rest, &["--from", &later, "--file-mib", "1"]).json();
    let files = large["files"].as_array().into_iter().flatten();
    let scans = files.filter(|file| file["kind"] == "track.scan").count();
    assert!(scans > 1 && rows(&large)["track.scan"] == 48, "{large:#}");
    let again = export(&federation, "KOR-1", &rest, &["--from", &later, "--kind", "track.scan"]);
    assert_eq!(
        (&again.json()["rows"], &again.json()["rows_before"]),
        (&json!(0), &json!(49 + rows_of_others(&large)))
    );

    let refused = |ended: &Ended, words: &str| {
        assert!(!ended.success && ended.stderr.contains(words), "{words}: {ended:#?}");
    };
    refused(&export(&federation, "KOR-1", &out, &[]), "an export of");
    refused(&export(&federation, "KOR-1", &out, &["--view", "JPN"]), "expected a view out of");
    let home = federation.home("KOR-1");
    refused(&export(&federation, "KOR-1", &home, &[]), "expected an empty folder");
    refused(&export(&federation, "KOR-1", &out, &["--kind", "Nonsense"]), "Nonsense");
    for node in [japan, korea, usa] {
        node.stop();
    }
}

/// What the two engines read in one kind's folder.
fn read(python: &Path, folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/federation/read_parquet.py");
    let output = Command::new(python).arg(script).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// A time in an answer of the API, in nanoseconds.
fn nanos(value: &Value) -> i64 {
    let time: base::Timestamp = value.as_str().expect("a text").parse().expect("a time");
    time.as_nanos()
}

/// Asserts that a row says what the API says of the same entry.
fn compare(row: &Value, entry: &Value, reader: &str) {
    let same = |column: &str, expect: Value| {
        assert_eq!(row[column], expect, "{reader}: `{column}` of {row:#} beside {entry:#}");
    };
    same("entry", entry["id"].clone());
    same("node", entry["origin"].clone());
    same("partner", entry["partner"].clone());
    same("lane", entry["precedence"].clone());
    same("audience", entry["audience"].clone());
    same("kind", entry["kind"].clone());
    same("edition", entry["edition"].clone());
    same("logged", nanos(&entry["logged"]).into());
    same("refused", Value::Null);
    let (log, index) = row["entry"].as_str().and_then(|id| id.rsplit_once('.')).expect("an id");
    same("log", log.into());
    same("index", index.parse::<u64>().expect("an index").into());
    assert_eq!(row["leaf_hash"].as_str().map(str::len), Some(64), "{reader}: {row:#}");
    let at = if entry["kind"] == "track.scan" {
        &entry["content"]["measured"]
    } else {
        &entry["logged"]
    };
    same("at", nanos(at).into());
    for (name, value) in entry["content"].as_object().into_iter().flatten() {
        let column = format!("content_{name}");
        match (name.as_str(), value) {
            ("measured", _) => same(&column, nanos(value).into()),
            (_, Value::Object(_) | Value::Array(_)) => {
                let text = row[&column].as_str().unwrap_or_else(|| panic!("{reader}: {row:#}"));
                let nested: Value = serde_json::from_str(text).expect("a JSON column holds JSON");
                assert_eq!(&nested, value, "{reader}: `{column}`");
            }
            _ => same(&column, value.clone()),
        }
    }
}

#[test]
fn other_engines_read_what_the_api_says_and_no_more() {
    let Some(python) = std::env::var_os(PYTHON).map(PathBuf::from) else {
        println!(
            "SKIPPED: reading exports with pyarrow and DuckDB: `{PYTHON}` names no Python with them"
        );
        return;
    };
    let (federation, [japan, korea, usa]) = told("export-read");
    for (node, api, view, reads) in [
        ("KOR-1", &korea.api, "own", &["KOR", "KOR+USA", EVERYONE][..]),
        ("KOR-1", &korea.api, EVERYONE, &[EVERYONE][..]),
        ("JPN-1", &japan.api, "own", &[EVERYONE][..]),
    ] {
        let out = federation.home(node).join(view);
        let ended = export(&federation, node, &out, &["--view", view]);
        assert!(ended.success, "{ended:#?}");
        let known = entries(api);
        for kind in ["track.scan", "track.declared"] {
            let found = read(&python, &out.join(kind));
            let expect: BTreeSet<&String> = known
                .iter()
                .filter(|(_, entry)| entry["kind"] == kind)
                .filter(|(_, entry)| reads.iter().any(|audience| entry["audience"] == *audience))
                .map(|(id, _)| id)
                .collect();
            for reader in ["pyarrow", "duckdb"] {
                let rows = found[reader]["rows"].as_array().expect("a list of rows");
                let got: Vec<&str> = rows.iter().filter_map(|row| row["entry"].as_str()).collect();
                assert_eq!(got.len(), expect.len(), "{reader}, {node}, {view}, {kind}");
                for (row, id) in rows.iter().zip(got) {
                    assert!(expect.contains(&id.to_owned()), "{reader}: {id} is not for {view}");
                    compare(row, &known[id], reader);
                }
            }
            check_types(&found, kind, node, view);
        }
    }
    for node in [japan, korea, usa] {
        node.stop();
    }
}

fn check_types(found: &Value, kind: &str, node: &str, view: &str) {
    let types = |reader: &str, columns: &[(&str, &str)]| {
        for (column, expect) in columns {
            assert_eq!(found[reader]["types"][*column], *expect, "{reader}: `{column}`");
        }
    };
    types(
        "pyarrow",
        &[
            ("logged", "timestamp[ns, tz=UTC]"),
            ("index", "uint64"),
            ("edition", "uint16"),
            ("leaf_hash", "fixed_size_binary[32]"),
            ("audience", "string"),
        ],
    );
    types("duckdb", &[("index", "UBIGINT"), ("edition", "USMALLINT"), ("audience", "VARCHAR")]);
    if kind == "track.scan" {
        types(
            "pyarrow",
            &[
                ("content_measured", "timestamp[ns, tz=UTC]"),
                ("content_scan", "uint64"),
                ("content_sensor", "extension<arrow.json>"),
            ],
        );
        types(
            "duckdb",
            &[("content_scan", "UBIGINT"), ("content_sensor", "JSON"), ("content_plots", "JSON")],
        );
    }
    let notes = &found["pyarrow"]["notes"];
    assert_eq!(notes["watchfire.kind"], kind);
    assert_eq!((&notes["watchfire.node"], &notes["watchfire.view"]), (&json!(node), &json!(view)));
}
