//! One example of everything that has a wire or disk form, made from seeds alone.
//!
//! `cargo run -p watchfire-log --example vectors` writes them to `tests/vectors`; the tests compare.
//! Editions are added beside one another: a file that exists never changes.

use std::fmt::Write as _;
use std::path::Path;

use base::Timestamp;
use watchfire_log::testing::{SeededRng, TestCharter};
use watchfire_log::{
    Apart, Body, Complaint, ComplaintReason, Cosignature, CosignatureKind, CountStatement, Cursor,
    EntryId, HighWater, HoldsRange, IncarnationCause, IncarnationStart, LineCheck, Precedence,
    Pulse, RejectReason, StorageKey, Tally, Write,
};

use crate::common::{Origin, Reader, at, draft, node, partner, world};

/// File name and bytes.
pub(crate) fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let world = world();
    let secrets = |name: &str| &world.secrets[&node(name)];
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let drafts = vec![
        draft("JPN+KOR+USA", "all"),
        draft("KOR+USA", "two"),
        draft("KOR", "own"),
        draft("KOR", "own"),
    ];
    let appended = origin.append(&world, drafts);
    let sparse = appended.batch.for_audience(partner("JPN"));
    let public = secrets("KOR-1").key.verifying_key();
    let checkpoint = &appended.checkpoint;
    let cosign = |kind, key| Cosignature::sign(kind, node("JPN-1"), checkpoint, at(60), key);
    let witness = cosign(CosignatureKind::Witness, &secrets("JPN-1").witness);
    let holds = cosign(CosignatureKind::Holds, &secrets("JPN-1").holds);
    let range = HoldsRange::sign(node("JPN-1"), 2..4, checkpoint, at(60), &secrets("JPN-1").holds);
    let mut tally = Tally::new();
    tally.take(&sparse);
    let everyone = world.charter.everyone();
    let counted = tally.count(&everyone, sparse.end()).expect("all of it is counted");
    let counts = CountStatement::sign(
        world.charter.realm().clone(),
        node("JPN-1"),
        (log, sparse.end()),
        (everyone, counted),
        at(60),
        &secrets("JPN-1").key,
    );
    let note = checkpoint.to_note(&public)
        + &witness.to_note_line(&secrets("JPN-1").witness.verifying_key())
        + &holds.to_note_line(&secrets("JPN-1").holds.verifying_key());
    let header = *appended.batch.entries().nth(1).expect("the first draft").header();
    let states = vec![origin.writer.state()];
    let mut high_water = HighWater::new(world.charter.realm().clone(), node("KOR-1"));
    high_water.raise(&states[0]);
    let pulse = Pulse { sent: at(61), logs: states.clone() };
    let start = IncarnationStart { cause: IncarnationCause::StoreBehind, old: states };
    let complaint = Complaint {
        entry: EntryId { log, index: 3 },
        leaf_hash: appended.facts[3].leaf_hash,
        reason: ComplaintReason::BadSeal,
    };
    let check = LineCheck { number: 7, sent: at(62), padding: 4 };
    let storage = StorageKey::random(&mut SeededRng::new(11));
    let rows = appended.writes(&storage);
    let row = |write: &Write| [write.row().key, write.row().value].concat();
    let kor = partner("KOR");
    let roster = &world.charter.rosters()[&kor];
    let text = |text: String| text.into_bytes();
    vec![
        ("header-1.hex", header.to_bytes(world.charter.realm())),
        ("batch-1.hex", appended.batch.as_bytes().to_vec()),
        ("batch-sparse-1.hex", sparse.as_bytes().to_vec()),
        ("epoch-1.hex", appended.facts[0].content.clone()),
        ("checkpoint-1.hex", checkpoint.to_bytes()),
        ("checkpoint-note-1.txt", text(note)),
        ("cosignature-witness-1.hex", witness.to_bytes()),
        ("cosignature-holds-1.hex", holds.to_bytes()),
        ("holds-range-1.hex", range.to_bytes()),
        ("counts-1.hex", counts.to_bytes()),
        ("equivocation-1.hex", equivocation()),
        ("apart-1.hex", apart(&world).to_bytes()),
        ("pulse-1.hex", pulse.to_body().content),
        ("incarnation-1.hex", start.to_body().content),
        ("complaint-1.hex", complaint.to_body().content),
        ("line-check-1.hex", check.to_body().content),
        ("high-water-1.txt", text(high_water.to_text())),
        ("row-head-2.hex", row(&rows[1])),
        ("row-bodies-2.hex", row(&rows[2])),
        ("charter-1.toml", text(world.charter.text().to_owned())),
        ("charter-signed-1.txt", text(world.charter.agreement().canonical_text())),
        ("roster-signed-1.txt", text(roster.canonical_text(world.charter.realm()))),
        ("node-keys-1.txt", secrets("KOR-1").to_text().as_bytes().to_vec()),
        ("root-key-1.txt", world.roots[&kor].to_text().as_bytes().to_vec()),
    ]
}

fn equivocation() -> Vec<u8> {
    let world = world();
    let mut one = Origin::new(&world, "KOR-1", Precedence::Flash);
    let mut two = Origin::new(&world, "KOR-1", Precedence::Flash);
    let mut usa = Reader::new(&world, "USA-1", one.writer.log());
    usa.take(&world, &one.append(&world, vec![draft("KOR+USA", "one")]));
    two.now = Timestamp::from_seconds(0);
    let other = two.append(&world, vec![draft("KOR+USA", "two")]);
    match usa.mirror.accept(other.batch.as_bytes().clone(), &world.charter) {
        Err(RejectReason::Equivocation(proof)) => proof.to_bytes(),
        other => panic!("expected a proof, got {other:?}"),
    }
}

/// What USA keeps of KOR's other history, with the one body in it that opened.
pub(crate) fn apart(world: &TestCharter) -> Apart {
    let mut one = Origin::new(world, "KOR-1", Precedence::Flash);
    let mut two = Origin::new(world, "KOR-1", Precedence::Flash);
    let mut usa = Reader::new(world, "USA-1", one.writer.log());
    usa.take(world, &one.append(world, vec![draft("KOR+USA", "one")]));
    let other = two.append(world, vec![draft("KOR+USA", "two")]).batch;
    let taken = usa.mirror.verify_apart(other.as_bytes().clone(), &Cursor::START, &world.charter);
    let mut apart = taken.expect("it begins where every history does");
    let opened: Vec<(u64, Body)> = apart
        .entries()
        .map(|entry| (entry.id().index, usa.ring.open(&entry).expect("it is for USA")))
        .collect();
    apart.keep_bodies(&world.secrets[&node("USA-1")].storage, &opened);
    apart
}

/// The text of a vector file: bytes as hex lines of 64 digits, or as they are.
pub(crate) fn file_text(name: &str, bytes: &[u8]) -> String {
    if Path::new(name).extension() != Some("hex".as_ref()) {
        return String::from_utf8(bytes.to_vec()).expect("text samples are UTF-8");
    }
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").expect("strings take every write");
        }
        text.push('\n');
    }
    text
}

/// The bytes of a `.hex` file.
pub(crate) fn file_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    digits.chunks(2).map(|p| pair(p).expect("two hex digits")).collect()
}
