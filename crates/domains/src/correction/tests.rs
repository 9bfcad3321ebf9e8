//! What corrections say as bytes, and what an officer may say.

use std::slice::from_ref;
use std::sync::Arc;

use base::Timestamp;
use log::{EntryId, Fact, Incarnation, Kind, LogId, Precedence, Realm};
use serde_json::{Value, json};

use super::events::Replacement;
use super::*;
use crate::view::Placed;
use crate::{Officer, Signer, decode_content, encode_content, kinds};

fn entry(node: &str, index: u64) -> EntryId {
    let node = node.parse().unwrap();
    let log = LogId { node, lane: Precedence::Flash, incarnation: Incarnation([7; 16]) };
    EntryId { log, index }
}

fn realm() -> Realm {
    "exercise/first-light".parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_000)
}

fn fact(node: &str, index: u64, audience: &str, kind: &'static str, content: Vec<u8>) -> Fact {
    let id = entry(node, index);
    let logged = Timestamp::from_seconds(900 + index.cast_signed());
    Fact {
        id,
        leaf_hash: [0; 32],
        at: logged,
        logged,
        origin: id.log.node,
        audience: audience.parse().unwrap(),
        precedence: Precedence::Flash,
        charter_edition: 1,
        kind: Kind::from_static(kind),
        edition: 1,
        content,
    }
}

fn name(public_id: &str) -> Value {
    json!({ "public_id": public_id, "evidence": [{ "entry": entry("KOR-1", 0), "plot": 0 }] })
}

fn declared(node: &str, index: u64, audience: &str) -> Fact {
    let kind = kinds().into_iter().find(|kind| kind.name == "track.declared").unwrap();
    fact(node, index, audience, kind.name, (kind.from_json)(&name("A")).unwrap())
}

/// A prepared act, as the entry it becomes.
fn made(
    corrections: &mut Corrections,
    act: Act,
    cited: &[Fact],
    content: Option<&Value>,
) -> Result<Fact, Refusal> {
    let sign: Signer<'_> = &|bytes| format!("{} bytes signed", bytes.len());
    let partner = "KOR".parse().unwrap();
    let asked = Asked { act, cited, reason: "a slip", content, partner, now: now() };
    let (wish, audience) = prepare(&asked, corrections, ("Col. Kim", "key-1", sign), &realm())?;
    let index = 50 + corrections.newest(&"own".parse().unwrap(), usize::MAX).len() as u64;
    let entry = fact("KOR-1", index, &audience.to_string(), wish.kind, wish.content);
    corrections.insert(&Placed::read(&Arc::new(entry.clone())).expect("corrections are read"));
    Ok(entry)
}

#[track_caller]
fn check(outcome: Result<Fact, Refusal>, expect: &str) {
    let refusal = outcome.expect_err(expect);
    let text = format!("{refusal}; hint: {}", refusal.hint);
    assert!(text.contains(expect), "{text}");
}

#[test]
fn contents_survive_postcard_and_json() {
    let mut corrections = Corrections::default();
    let said = declared("KOR-1", 1, "JPN+KOR");
    let content = name("B");
    for (act, content) in
        [(Act::Correct, Some(&content)), (Act::Supersede, Some(&content)), (Act::Recall, None)]
    {
        let entry = made(&mut corrections, act, from_ref(&said), content).unwrap();
        let kind = kinds().into_iter().find(|kind| kind.name == act.kind()).unwrap();
        let json = (kind.to_json)(&entry.content).unwrap();
        assert_eq!((kind.from_json)(&json).unwrap(), entry.content, "{json}");
        assert_eq!(json.get("content"), content, "people read the new content as JSON");
        (kind.check)(&entry.content).unwrap();
        let mut silent = json.clone();
        silent["reason"] = "".into();
        assert!((kind.from_json)(&silent).is_err(), "a correction says why");
        let correction = Correction::read(&entry).unwrap();
        assert_eq!((correction.act(), correction.cited()), (act, &[said.id][..]));
        assert!(Correction::decode(kind.name, 2, &entry.content).is_err());
        for end in 0..entry.content.len() {
            assert!(Correction::decode(kind.name, 1, &entry.content[..end]).is_err());
        }
    }
}

/// The layout that `events` draws, byte by byte.
#[test]
fn the_layout_of_edition_1_does_not_change() {
    let officer =
        Officer { name: "Kim".to_owned(), key_id: "k".to_owned(), signature: "s".to_owned() };
    let log = [&b"\x05KOR-1\x00"[..], &[7; 16]].concat();
    let tail = b"\x03Kim\x01k\x01s";
    let recall = RecallReport {
        cited: vec![entry("KOR-1", 1), entry("KOR-1", 200)],
        reason: "slip".to_owned(),
        officer: officer.clone(),
    };
    let expect = [&[2][..], &log, &[1], &log, &[200, 1], b"\x04slip", tail].concat();
    assert_eq!(encode_content(&recall), expect);
    let correct = ReplacementReport {
        cited: entry("KOR-1", 1),
        reason: "slip".to_owned(),
        kind: "track.declared".to_owned(),
        edition: 1,
        content: vec![9, 8],
        officer,
    };
    let expect = [&log[..], &[1], b"\x04slip", b"\x0etrack.declared", &[1, 2, 9, 8], tail].concat();
    assert_eq!(encode_content(&correct), expect);
}

#[test]
fn the_signature_covers_everything_but_itself() {
    let signed = |change: &dyn Fn(&mut ReplacementReport), act: Act, realm: &Realm| {
        let mut corrections = Corrections::default();
        let said = declared("KOR-1", 1, "JPN+KOR");
        let new = name("B");
        let entry = made(&mut corrections, Act::Correct, &[said], Some(&new)).unwrap();
        let mut report: ReplacementReport = decode_content(&entry.content).unwrap();
        change(&mut report);
        let content = encode_content(&report);
        Correction::decode(act.kind(), 1, &content).unwrap().signed_bytes(realm)
    };
    let plain = signed(&|_| {}, Act::Correct, &realm());
    assert_eq!(signed(&|r| r.officer.signature.push('x'), Act::Correct, &realm()), plain);
    let changes: [&dyn Fn(&mut ReplacementReport); 7] = [
        &|r| r.cited.index += 1,
        &|r| r.reason.push('x'),
        &|r| r.kind.push('x'),
        &|r| r.edition += 1,
        &|r| r.content.push(0),
        &|r| r.officer.name.push('x'),
        &|r| r.officer.key_id.push('x'),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_ne!(signed(change, Act::Correct, &realm()), plain, "change {number}");
    }
    assert_ne!(signed(&|_| {}, Act::Supersede, &realm()), plain);
    assert_ne!(signed(&|_| {}, Act::Correct, &Realm::Operational), plain);
}

#[test]
fn what_may_not_be_said_is_refused_with_the_mend() {
    let mut none = Corrections::default();
    let (ours, theirs) = (declared("KOR-1", 1, "JPN+KOR"), declared("JPN-1", 1, "JPN+KOR"));
    let (one, narrow) = (from_ref(&ours), declared("KOR-2", 2, "KOR"));
    let (new, same) = (name("B"), name("A"));
    check(made(&mut none, Act::Recall, &[], None), "got none");
    check(made(&mut none, Act::Recall, &[theirs], None), "only the partner that made a statement");
    check(
        made(&mut none, Act::Recall, &[ours.clone(), narrow.clone()], None),
        "the audience of what it cites",
    );
    check(made(&mut none, Act::Correct, &[ours.clone(), narrow], Some(&new)), "expected one entry");
    check(made(&mut none, Act::Recall, one, Some(&new)), "a recall has no new content");
    check(made(&mut none, Act::Correct, one, None), "expected new content");
    check(made(&mut none, Act::Correct, one, Some(&same)), "other content than the entry has");
    check(made(&mut none, Act::Correct, one, Some(&json!({}))), "kind's schema");
    let act = fact("KOR-1", 3, "JPN+KOR", "warning.release", vec![1]);
    check(
        made(&mut none, Act::Recall, &[act], None),
        "hint: cancel the warning, or release an update",
    );
    let pulse = fact("KOR-1", 3, "JPN+KOR", "log.pulse", vec![1]);
    check(made(&mut none, Act::Recall, &[pulse], None), "the log's own statements stand");
    let future = Fact { logged: now() + base::TimeDelta::from_seconds(1), ..ours.clone() };
    check(made(&mut none, Act::Recall, &[future], None), "it is measured ahead of the clock");
    let many: Vec<Fact> = (0..=CITED_MAX as u64).map(|n| declared("KOR-1", n, "JPN")).collect();
    check(made(&mut none, Act::Recall, &many, None), "at most 256 entries");

    let mut corrections = Corrections::default();
    let recall = made(&mut corrections, Act::Recall, one, None).unwrap();
    check(made(&mut corrections, Act::Recall, one, None), "was recalled by");
    check(made(&mut corrections, Act::Correct, one, Some(&new)), "recall the recall first");
    check(
        made(&mut corrections, Act::Correct, from_ref(&recall), Some(&new)),
        "a correction is not corrected",
    );
    made(&mut corrections, Act::Recall, &[recall], None).unwrap();
    for _ in 0..CORRECTIONS_PER_ENTRY_MAX {
        made(&mut corrections, Act::Supersede, one, Some(&new)).unwrap();
    }
    check(made(&mut corrections, Act::Recall, one, None), "at most 16 corrections");
    let rules: Vec<bool> = corrections.of(&ours).iter().map(|note| note.rules).collect();
    assert_eq!(rules.iter().filter(|rules| **rules).count(), 1);
    assert!(rules[CORRECTIONS_PER_ENTRY_MAX], "the newest, after the recall that was recalled");
}

#[test]
fn reasons_and_lists_are_bounded() {
    let officer =
        Officer { name: "Kim".to_owned(), key_id: String::new(), signature: String::new() };
    let refused = |cited: Vec<EntryId>, reason: &str, expect: &str| {
        let report = RecallReport { cited, reason: reason.to_owned(), officer: officer.clone() };
        let error = Correction::decode(RECALL_KIND, 1, &encode_content(&report)).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    let one = vec![entry("KOR-1", 1)];
    refused(vec![], "slip", "expected 1 to 256 cited entries, got 0");
    refused(
        vec![one[0], one[0]],
        "slip",
        "expected cited entries ascending, each once, got another order",
    );
    refused(one.clone(), "", "expected reason of 1 to 1000 bytes, got 0 bytes");
    refused(one.clone(), &"x".repeat(1_001), "expected reason of 1 to 1000 bytes, got 1001 bytes");
    refused(one, "a\u{7}", "expected reason without control characters, got a\\u{7}");
    let wrong = Replacement { kind: Kind::from_static("track.scan"), edition: 1, content: vec![] };
    let cited = vec![entry("KOR-1", 1)];
    let unsigned = Correction::unsigned(Act::Correct, cited, String::new(), Some(wrong), officer);
    assert!(unsigned.is_err(), "a correction says why");
}
