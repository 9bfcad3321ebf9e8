//! Committed examples of every wire and disk form: what is made today is what was made then, and what
//! was made then is read today.

use std::path::{Path, PathBuf};

use watchfire_log::{
    Apart, Batch, Charter, Complaint, Cosignature, EquivocationProof, HighWater, HoldsRange,
    IncarnationStart, LaneMirror, LineCheck, LogHead, NodeSecrets, Pulse, Realm, RootSecret, Row,
    SignedCheckpoint, Table,
};

use crate::common::{node, partner};
use crate::samples::{file_bytes, file_text, samples};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Vectors of forms that are read and no longer written.
const NO_LONGER_MADE: [&str; 2] = ["row-head-1.hex", "row-bodies-1.hex"];

#[test]
fn what_is_made_today_is_what_was_made_then() {
    for (name, bytes) in samples() {
        assert_eq!(read(name), file_text(name, &bytes), "{name}");
    }
}

#[test]
fn every_vector_has_a_maker() {
    let mut made: Vec<&str> = samples().iter().map(|(name, _)| *name).collect();
    made.extend(NO_LONGER_MADE);
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(made.contains(&name.as_str()), "{name} is made by nothing");
    }
}

#[test]
fn what_was_made_then_is_read_today() {
    let charter = Charter::parse_verify(&read("charter-1.toml")).unwrap();
    assert_eq!(charter.agreement().canonical_text(), read("charter-signed-1.txt"));
    let public = charter.node(node("KOR-1")).unwrap();
    let jpn = charter.node(node("JPN-1")).unwrap();
    let checkpoint = SignedCheckpoint::from_bytes(&file_bytes(&read("checkpoint-1.hex"))).unwrap();
    let checkpoint = checkpoint.verify(&public.key).unwrap();
    let note = SignedCheckpoint::from_note(&read("checkpoint-note-1.txt"), &public.key).unwrap();
    assert_eq!(note, checkpoint);
    let log = checkpoint.checkpoint.log;
    let realm = Realm::exercise("alpha").unwrap();
    for (name, me) in [("batch-1.hex", "KOR"), ("batch-sparse-1.hex", "JPN")] {
        let mut mirror = LaneMirror::new(realm.clone(), partner(me), LogHead::start(log));
        let accepted = mirror.accept(file_bytes(&read(name)), &charter).unwrap();
        assert_eq!(accepted.checkpoint, checkpoint, "{name}");
    }
    let whole = Batch::parse(file_bytes(&read("batch-1.hex"))).unwrap();
    let header = whole.entries().nth(1).unwrap().header().to_bytes(&realm);
    assert_eq!(header, file_bytes(&read("header-1.hex")));
    for (name, key) in
        [("cosignature-witness-1.hex", jpn.witness), ("cosignature-holds-1.hex", jpn.holds)]
    {
        let cosignature = Cosignature::from_bytes(&file_bytes(&read(name))).unwrap();
        assert_eq!(cosignature.verify(&key).unwrap().checkpoint, checkpoint.checkpoint);
    }
    let range = HoldsRange::from_bytes(&file_bytes(&read("holds-range-1.hex"))).unwrap();
    range.verify(&jpn.holds).unwrap();
    let proof = EquivocationProof::from_bytes(&file_bytes(&read("equivocation-1.hex"))).unwrap();
    proof.verify(&public.key).unwrap();
    let apart = Apart::from_bytes(&file_bytes(&read("apart-1.hex"))).unwrap();
    assert_eq!(apart.end().frontier.root(), apart.batch().checkpoint().checkpoint.root);
    Pulse::read(&file_bytes(&read("pulse-1.hex"))).unwrap();
    IncarnationStart::read(&file_bytes(&read("incarnation-1.hex"))).unwrap();
    Complaint::read(&file_bytes(&read("complaint-1.hex"))).unwrap();
    LineCheck::read(&file_bytes(&read("line-check-1.hex"))).unwrap();
    HighWater::parse(&read("high-water-1.txt")).unwrap();
    for edition in [1, 2] {
        let key_bytes = log.to_key().len();
        let head = file_bytes(&read(&format!("row-head-{edition}.hex")));
        let (key, value) = head.split_at(key_bytes);
        Row::content(Table::Head, key, value).unwrap();
        let bodies = file_bytes(&read(&format!("row-bodies-{edition}.hex")));
        let (key, value) = bodies.split_at(key_bytes + 8);
        Row::content(Table::Bodies, key, value).unwrap();
    }
    let secrets = NodeSecrets::parse(&read("node-keys-1.txt")).unwrap();
    assert_eq!(secrets.key.verifying_key(), public.key);
    RootSecret::parse(&read("root-key-1.txt")).unwrap();
}
