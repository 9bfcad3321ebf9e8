//! Every decoder that takes bytes from outside, with what must hold of any bytes whatever.
//!
//! Start here: [`ALL`]. The fuzzer in `fuzz/` drives [`Decoder::check`] with inputs it makes up; the
//! test `corpora` of this crate replays what it found. A check panics where a decoder panics, or where
//! bytes that were taken are not the bytes their value is written as, in formats with one encoding.

use std::sync::OnceLock;

use base::{NodeId, Timestamp};
use domains::correction::{
    CORRECT_KIND, RECALL_KIND, RecallReport, ReplacementReport, SUPERSEDE_KIND,
};
use domains::track::events::{DECLARED_KIND, DeclaredReport, PlotRef};
use log::testing::{self, SeededRng, TestCharter};
use log::{
    Batch, Body, Charter, CharterDraft, Complaint, Cosignature, CosignatureKind, Draft, EntryId,
    EpochRing, EquivocationProof, HighWater, HoldsRange, HybridClock, IncarnationStart, LaneMirror,
    LaneWriter, LineCheck, LogHead, LogId, LogState, NodeSecrets, Precedence, Pulse, Realm,
    RootSecret, SignedCheckpoint, SigningKey, kinds,
};
use sync::wire::{Hello, Jump, Message, Relay, RelayPart, Standing};
use sync::{BundleHeader, BundlePiece, BundleReader, BundleWriter};

/// One decoder.
#[derive(Clone, Copy)]
pub struct Decoder {
    /// The name of its corpus, and on the command line.
    pub name: &'static str,
    /// What it decodes.
    pub what: &'static str,
    /// Panics if something does not hold of these bytes.
    pub check: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: &[Decoder] = &[
    Decoder {
        name: "frames",
        what: "frames of the line protocol",
        check: frames,
        seeds: frame_seeds,
    },
    Decoder {
        name: "bundles",
        what: "files of frames, for lines that carry files",
        check: bundles,
        seeds: bundle_seeds,
    },
    Decoder {
        name: "batches",
        what: "batches and the entries in them",
        check: batches,
        seeds: batch_seeds,
    },
    Decoder {
        name: "notes",
        what: "checkpoints, cosignatures, range receipts, proofs, signed notes",
        check: notes,
        seeds: note_seeds,
    },
    Decoder { name: "epochs", what: "bodies and epoch entries", check: epochs, seeds: epoch_seeds },
    Decoder {
        name: "contents",
        what: "contents of `log.*` entries",
        check: contents,
        seeds: content_seeds,
    },
    Decoder {
        name: "charters",
        what: "charter files and their drafts",
        check: charters,
        seeds: charter_seeds,
    },
    Decoder { name: "files", what: "high-water and key files", check: files, seeds: file_seeds },
    Decoder {
        name: "statements",
        what: "contents of every domain's statements",
        check: statements,
        seeds: statement_seeds,
    },
    Decoder {
        name: "scenarios",
        what: "scans as JSON Lines",
        check: scenarios,
        seeds: scenario_seeds,
    },
    Decoder {
        name: "asterix",
        what: "recordings of ASTERIX",
        check: asterix,
        seeds: asterix_seeds,
    },
    Decoder { name: "cap", what: "CAP alerts", check: cap, seeds: cap_seeds },
];

/// The decoder of this name.
pub fn by_name(name: &str) -> Option<&'static Decoder> {
    ALL.iter().find(|decoder| decoder.name == name)
}

/// Keys and a charter to decode with, made once.
struct Cast {
    charter: Charter,
    secrets: NodeSecrets,
    /// The key of the node whose log it is.
    their_key: SigningKey,
    log: LogId,
    /// A batch of one entry, whose body is the last of its bytes.
    one: Batch,
}

const NODES: [&str; 2] = ["JPN-1", "KOR-1"];

fn realm() -> Realm {
    Realm::exercise("fuzz").expect("a good name")
}

fn cast() -> &'static Cast {
    static CAST: OnceLock<Cast> = OnceLock::new();
    CAST.get_or_init(|| {
        let TestCharter { charter, secrets, .. } = testing::charter(&realm(), &NODES, 1);
        let origin: NodeId = NODES[0].parse().expect("a good name");
        let mut secrets = secrets;
        let theirs = secrets.remove(&origin).expect("a node of the charter");
        let (_, secrets) = secrets.pop_first().expect("the other node");
        let log =
            LogId { node: origin, lane: Precedence::Flash, incarnation: log::Incarnation([7; 16]) };
        let mut writer = LaneWriter::new(realm(), &LogHead::start(log), theirs.key.clone());
        let mut clock = HybridClock::new(Timestamp::MIN);
        let body = Body { kind: kinds::LINE_CHECK, edition: 1, content: b"statement".to_vec() };
        let draft = Draft { audience: charter.everyone(), body };
        let now = Timestamp::from_seconds(1_800_000_000);
        let drafts = vec![draft.clone(), draft];
        let appended = writer.append(drafts, &charter, &mut clock, now, &mut SeededRng::new(4));
        let one = appended.expect("a good batch").batch;
        Cast { charter, secrets, their_key: theirs.key, log, one }
    })
}

/// A file read whole and read byte by byte says the same, and no piece of it comes twice.
fn bundles(bytes: &[u8]) {
    let whole = bundle_pieces(bytes, bytes.len().max(1));
    assert_eq!(whole, bundle_pieces(bytes, 1), "however its bytes come");
    let header = whole.0.iter().filter(|piece| matches!(piece, BundlePiece::Header(_)));
    assert!(header.count() <= 1, "a file has one header");
    for piece in &whole.0 {
        if let BundlePiece::Frame(frame) = piece {
            frames(frame);
        }
    }
}

/// What a file gives, and whether it ended well.
fn bundle_pieces(bytes: &[u8], step: usize) -> (Vec<BundlePiece>, Result<(), String>) {
    let cast = cast();
    let mut reader = BundleReader::new(&cast.charter, cast.secrets.node);
    let mut pieces = Vec::new();
    for part in bytes.chunks(step) {
        reader.push(part);
        loop {
            match reader.piece() {
                Ok(Some(piece)) => pieces.push(piece),
                Ok(None) => break,
                Err(_) => return (pieces, Err("refused".to_owned())),
            }
        }
    }
    let ended = reader.finish().map_err(|error| error.to_string());
    (pieces, ended)
}

fn bundle_seeds() -> Vec<Vec<u8>> {
    let Cast { charter, secrets, their_key, log, .. } = cast();
    let header = BundleHeader {
        realm: realm(),
        from: log.node,
        to: secrets.node,
        charter_edition: charter.edition(),
        charter_hash: charter.fingerprint().0,
        number: 1,
        made: Timestamp::from_seconds(1_800_000_000),
    };
    let mut seeds = Vec::new();
    for count in [0, 1, 3] {
        let mut out = Vec::new();
        let mut writer = BundleWriter::begin(header.clone(), &mut out);
        for frame in frame_seeds().iter().take(count) {
            writer.chunk(frame, &mut out);
        }
        writer.end(their_key, &mut out);
        seeds.push(out);
    }
    seeds
}

fn frames(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(message.encode(), bytes, "a frame is written as it was read");
        match message {
            Message::Batch { batch, .. } => batches(&batch),
            Message::Batches { batches: several, .. } => {
                for batch in &several {
                    batches(batch);
                }
            }
            Message::Counts(statements) => {
                for bytes in statements {
                    if let Ok(statement) = log::CountStatement::from_bytes(&bytes) {
                        assert_eq!(statement.to_bytes(), bytes, "a statement has one form");
                    }
                }
            }
            Message::Cosigned { checkpoint, cosignatures } => {
                notes(&checkpoint);
                for bytes in &cosignatures {
                    notes(bytes);
                }
            }
            Message::Contested(proof) => notes(&proof),
            Message::Relay(relayed) => {
                if let Ok(offer) = log::TunnelOffer::read(&relayed.bytes) {
                    let key = &cast().secrets.key;
                    let taken = offer.answer(&key.verifying_key(), key, &mut SeededRng::new(8));
                    let made = offered(cast().log.node).bytes;
                    assert!(taken.is_err() || relayed.bytes == made, "nobody signed another");
                }
            }
            _ => {}
        }
    }
}

fn batches(bytes: &[u8]) {
    let Ok(batch) = Batch::parse(bytes.to_vec()) else { return };
    assert_eq!(batch.as_bytes().as_ref(), bytes, "a batch keeps its bytes");
    let Cast { charter, secrets, .. } = cast();
    let mine = batch.released_to(secrets.node.partner(), charter);
    assert_eq!((mine.first(), mine.end()), (batch.first(), batch.end()));
    Batch::parse(mine.as_bytes().clone()).expect("a released batch is a batch");
    let head = LogHead::start(batch.log());
    let mut mirror = LaneMirror::new(realm(), secrets.node.partner(), head);
    // The fuzzer has no key: what it changed of a signed batch must not be taken.
    if mirror.accept(batch.as_bytes().clone(), charter).is_ok() {
        assert!(batch.end() <= cast().one.end(), "nobody signed a longer log");
    }
    open_all(&batch);
}

/// Opens what a batch carries, verified or not: what comes from a partner with a key is as strange.
fn open_all(batch: &Batch) {
    let Cast { secrets, .. } = cast();
    let mut ring = EpochRing::new(realm(), secrets.node, secrets.kem.clone());
    for entry in batch.stored_entries() {
        if let Ok(body) = ring.open(&entry) {
            contents(&body.content);
        }
    }
}

fn notes(bytes: &[u8]) {
    let key = secrets_key();
    if let Ok(made) = SignedCheckpoint::from_bytes(bytes) {
        assert_eq!(made.to_bytes(), bytes, "a checkpoint is written as it was read");
        let _ = made.verify(&key);
    }
    if let Ok(made) = Cosignature::from_bytes(bytes) {
        assert_eq!(made.to_bytes(), bytes, "a cosignature is written as it was read");
        let _ = made.verify(&key);
    }
    if let Ok(made) = HoldsRange::from_bytes(bytes) {
        assert_eq!(made.to_bytes(), bytes, "a range receipt is written as it was read");
        let _ = made.verify(&key);
    }
    if let Ok(made) = EquivocationProof::from_bytes(bytes) {
        assert_eq!(made.to_bytes(), bytes, "a proof is written as it was read");
        assert!(made.verify(&key).is_err(), "nobody signed two histories");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = SignedCheckpoint::from_note(text, &key);
    }
}

fn secrets_key() -> log::VerifyingKey {
    cast().charter.node(cast().log.node).expect("a node of the charter").key
}

/// A batch of one entry that is not sealed, with these bytes as its body.
fn with_body(body: &[u8]) -> Option<Batch> {
    let one = &cast().one;
    let last = one.entries().last()?;
    // The first entry hands out the epoch's key: its body follows its header and a length.
    let first = one.entries().next()?;
    let (whole, sealed) = (one.as_bytes(), first.sealed_body());
    let at = whole.windows(sealed.len()).position(|window| window == sealed)?;
    let rest = at + sealed.len();
    let mut bytes = whole[..at - 4].to_vec();
    bytes.extend_from_slice(&u32::try_from(body.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&whole[rest..]);
    Batch::parse(bytes).ok().filter(|_| last.id().index > 0)
}

fn epochs(bytes: &[u8]) {
    if let Some(batch) = with_body(bytes) {
        open_all(&batch);
    }
}

fn contents(bytes: &[u8]) {
    if let Ok(made) = Pulse::read(bytes) {
        assert_eq!(made.to_body().content, bytes, "a pulse is written as it was read");
    }
    if let Ok(made) = IncarnationStart::read(bytes) {
        assert_eq!(made.to_body().content, bytes, "an incarnation is written as it was read");
    }
    if let Ok(made) = Complaint::read(bytes) {
        assert_eq!(made.to_body().content, bytes, "a complaint is written as it was read");
    }
    if let Ok(made) = LineCheck::read(bytes) {
        assert_eq!(made.to_body().content.len(), bytes.len(), "padding is counted");
    }
}

fn charters(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(draft) = CharterDraft::parse(text) {
        let again = draft.to_text();
        let second = CharterDraft::parse(&again).expect("what a draft writes, it reads");
        assert_eq!(second.to_text(), again, "a draft has one text");
    }
    if let Ok(charter) = Charter::parse_verify(text) {
        let again = Charter::parse_verify(charter.text()).expect("a charter reads its own text");
        assert_eq!(again.fingerprint(), charter.fingerprint());
    }
}

fn files(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(made) = HighWater::parse(text) {
        assert_eq!(made.to_text(), text, "a high-water file is written as it was read");
    }
    if let Ok(made) = NodeSecrets::parse(text) {
        NodeSecrets::parse(&made.to_text()).expect("a key file reads its own text");
    }
    if let Ok(made) = RootSecret::parse(text) {
        RootSecret::parse(&made.to_text()).expect("a root's key file reads its own text");
    }
}

/// The first byte says of which kind.
fn statements(bytes: &[u8]) {
    let Some((which, content)) = bytes.split_first() else { return };
    let kinds = domains::kinds();
    let kind = &kinds[usize::from(*which) % kinds.len()];
    let Ok(value) = (kind.to_json)(content) else { return };
    let again = (kind.from_json)(&value);
    let again = again.unwrap_or_else(|error| panic!("{} shows {value}: {error}", kind.name));
    let second = (kind.to_json)(&again).expect("what a kind writes, it reads");
    assert_eq!(second, value, "{} shows other values", kind.name);
}

fn scenarios(bytes: &[u8]) {
    for (_, line) in formats::scenario::read(bytes) {
        if let Ok(line) = line {
            let text = line.to_json();
            let again = formats::scenario::Line::parse(1, &text);
            let again = again.unwrap_or_else(|error| panic!("{text} was written: {error}"));
            assert_eq!(again.to_json(), text, "a line is written as it was read");
        }
    }
}

fn asterix(bytes: &[u8]) {
    let Ok(recording) = formats::asterix::open(bytes) else { return };
    for datagram in recording.flatten() {
        for block in formats::asterix::blocks(datagram.payload, datagram.offset).flatten() {
            let _ = format!("{block:?}");
        }
    }
}

fn cap(bytes: &[u8]) {
    let Ok((_, message)) = formats::cap::read(bytes) else { return };
    if let Ok(alert) = formats::cap::Alert::new(message) {
        let text = alert.to_xml();
        let (_, again) = formats::cap::read(text.as_bytes()).expect("what is written is read");
        assert_eq!(&again, alert.message(), "an alert survives being written");
    }
}

fn frame_seeds() -> Vec<Vec<u8>> {
    let Cast { log, one, .. } = cast();
    let batch: std::sync::Arc<[u8]> = one.as_bytes().clone();
    let (checkpoint, cosignatures) = receipts();
    let at = Timestamp::from_seconds(1_800_000_000);
    let hello = Hello {
        lowest: sync::limits::PROTOCOL_EDITIONS.0,
        highest: sync::limits::PROTOCOL_EDITIONS.1,
        node: log.node,
        process: [1; 16],
        connection: 1,
        charter_edition: 1,
        charter_hash: [2; 32],
        realm: realm(),
        logs: vec![(*log, 2)],
        islands: vec![(*log, 3, 5)],
        later: Vec::new(),
    };
    let jump = Jump { checkpoint: checkpoint.clone(), peaks: vec![[3; 32]], proof: vec![[4; 32]] };
    let messages = [
        Message::Hello(hello),
        Message::Batches { complete: true, batches: vec![batch.clone(), batch.clone()] },
        Message::Batch { complete: true, batch },
        Message::Jump(jump),
        Message::Above { log: *log, from: 3, to: 5 },
        Message::Held { log: *log, size: 2 },
        Message::Want { log: *log, from: 1 },
        Message::Cosigned { checkpoint, cosignatures },
        Message::Ping { sent: at },
        Message::Pong { sent: at, received: at, answered: at },
        Message::Contested(proof().to_bytes()),
        Message::Restate { log: *log },
        Message::Counts(vec![counts(*log)]),
        Message::Standing(Standing {
            edition: 1,
            hash: [2; 32],
            rosters: [(log.node.partner(), 3)].into(),
        }),
        Message::Charter(cast().charter.text().to_owned()),
        Message::Relay(offered(log.node)),
    ];
    messages.iter().map(Message::encode).collect()
}

/// The offer of a tunnel.
fn offered(from: NodeId) -> Relay {
    let Cast { secrets, .. } = cast();
    let ends = log::TunnelEnds { from, to: secrets.node };
    let made = Timestamp::from_seconds(1_800_000_000);
    let mut rng = SeededRng::new(9);
    let (bytes, _) = log::TunnelOffer::make(&realm(), ends, made, &secrets.key, &mut rng);
    let (precedence, part) = (Precedence::Flash, RelayPart::Offer);
    Relay { from, to: secrets.node, precedence, part, bytes }
}

/// The sample batch's checkpoint with everything a partner may state about it.
fn receipts() -> (Vec<u8>, Vec<Vec<u8>>) {
    let Cast { secrets, one, .. } = cast();
    let signed = one.checkpoint().clone();
    let checkpoint = signed.verify(&secrets_key()).expect("a good signature");
    let at = Timestamp::from_seconds(1_800_000_001);
    let by = secrets.node;
    let witness =
        Cosignature::sign(CosignatureKind::Witness, by, &checkpoint, at, &secrets.witness);
    let holds = Cosignature::sign(CosignatureKind::Holds, by, &checkpoint, at, &secrets.holds);
    let range = HoldsRange::sign(by, 1..2, &checkpoint, at, &secrets.holds);
    let statements = vec![witness.to_bytes(), holds.to_bytes(), range.to_bytes()];
    (checkpoint.to_bytes(), statements)
}

/// A count of an audience's entries.
fn counts(log: LogId) -> Vec<u8> {
    let Cast { secrets, charter, .. } = cast();
    let about = (charter.everyone(), log::EntryCount { count: 1, digest: [1; 32] });
    let (realm, now) = (secrets.realm.clone(), Timestamp::from_seconds(1));
    log::CountStatement::sign(realm, secrets.node, (log, 2), about, now, &secrets.key).to_bytes()
}

/// A proof that is none: its second signature is not over what it states.
fn proof() -> EquivocationProof {
    let first = cast().one.checkpoint().clone();
    let mut second = first.clone();
    second.checkpoint.root[0] ^= 1;
    EquivocationProof::of_one_size(&first, &second).expect("two roots of one size")
}

fn batch_seeds() -> Vec<Vec<u8>> {
    let Cast { one, .. } = cast();
    let hidden = one.for_audience("AUS".parse().expect("a good name"));
    vec![one.as_bytes().to_vec(), hidden.as_bytes().to_vec()]
}

fn note_seeds() -> Vec<Vec<u8>> {
    let (checkpoint, mut seeds) = receipts();
    let note = cast().one.checkpoint().to_note(&secrets_key());
    seeds.extend([checkpoint, proof().to_bytes(), note.into_bytes()]);
    seeds
}

fn epoch_seeds() -> Vec<Vec<u8>> {
    cast().one.entries().map(|entry| entry.sealed_body().to_vec()).collect()
}

fn content_seeds() -> Vec<Vec<u8>> {
    let Cast { log, one, .. } = cast();
    let state = LogState { log: *log, size: 2, root: one.checkpoint().checkpoint.root };
    let sent = Timestamp::from_seconds(1_800_000_000);
    let entry = EntryId { log: *log, index: 1 };
    let reason = log::ComplaintReason::BadSeal;
    vec![
        Pulse { sent, logs: vec![state] }.to_body().content,
        IncarnationStart { cause: log::IncarnationCause::StoreBehind, old: vec![state] }
            .to_body()
            .content,
        Complaint { entry, leaf_hash: [3; 32], reason }.to_body().content,
        LineCheck { number: 1, sent, padding: 9 }.to_body().content,
    ]
}

fn charter_seeds() -> Vec<Vec<u8>> {
    vec![cast().charter.text().as_bytes().to_vec()]
}

fn file_seeds() -> Vec<Vec<u8>> {
    let Cast { secrets, log, one, .. } = cast();
    let mut high_water = HighWater::new(realm(), log.node);
    let root = one.checkpoint().checkpoint.root;
    high_water.raise(&LogState { log: *log, size: 2, root });
    let partner = log.node.partner();
    let root = RootSecret::random(realm(), partner, &mut SeededRng::new(9));
    vec![
        high_water.to_text().into_bytes(),
        secrets.to_text().as_bytes().to_vec(),
        root.to_text().as_bytes().to_vec(),
    ]
}

/// What the built-in scenarios' first scans say as statements is too long to begin with: short runs
/// of small numbers of each kind find the layouts.
fn statement_seeds() -> Vec<Vec<u8>> {
    let kinds = u8::try_from(domains::kinds().len()).expect("few kinds");
    let seeds = (0..kinds).flat_map(|kind| {
        let (zeros, ones) =
            ([[kind].as_slice(), &[0; 48]].concat(), [[kind].as_slice(), &[1; 48]].concat());
        [zeros, ones]
    });
    seeds.chain(correction_seeds()).collect()
}

/// Corrections check more than numbers can meet by chance.
fn correction_seeds() -> Vec<Vec<u8>> {
    let log: LogId = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().expect("a log's name");
    let cited = EntryId { log, index: 7 };
    let (name, key_id, signature) = ("Kim".to_owned(), "k".to_owned(), "s".to_owned());
    let officer = domains::Officer { name, key_id, signature };
    let of = |name: &str| domains::kinds().iter().position(|kind| kind.name == name);
    let seed = |name: &str, content: Vec<u8>| {
        let which = of(name).and_then(|place| u8::try_from(place).ok()).expect("a kind of the few");
        [&[which], &content[..]].concat()
    };
    let reason = "a slip".to_owned();
    let report = |public_id: &str| DeclaredReport {
        public_id: public_id.to_owned(),
        evidence: vec![PlotRef { entry: cited, plot: 0 }],
    };
    let replacement = ReplacementReport {
        cited,
        reason: reason.clone(),
        kind: DECLARED_KIND.to_owned(),
        edition: 1,
        content: domains::encode_content(&report("KOR-7")),
        officer: officer.clone(),
    };
    let replacement = domains::encode_content(&replacement);
    let recall = RecallReport { cited: vec![cited], reason, officer };
    vec![
        seed(RECALL_KIND, domains::encode_content(&recall)),
        seed(CORRECT_KIND, replacement.clone()),
        seed(SUPERSEDE_KIND, replacement),
    ]
}

fn scenario_seeds() -> Vec<Vec<u8>> {
    // The first lines of a built-in scenario.
    let file = include_str!("../../scenarios/exercise-akita.jsonl");
    let lines: Vec<&str> = file.lines().take(4).collect();
    vec![lines.join("\n").into_bytes()]
}

fn asterix_seeds() -> Vec<Vec<u8>> {
    // A CAT034 north marker and a CAT048 report with polar position and time: laid out by hand after
    // the published categories.
    let north = [34, 0, 11, 0b1111_0000, 25, 201, 1, 0x12, 0x34, 0x56, 0];
    let plot =
        [48, 0, 16, 0b1111_0000, 25, 201, 0x12, 0x34, 0x57, 0b0010_0000, 0x40, 0, 0x20, 0, 0, 0];
    vec![north.to_vec(), plot.to_vec(), [&north[..], &plot[..]].concat()]
}

fn cap_seeds() -> Vec<Vec<u8>> {
    vec![ALERT.as_bytes().to_vec()]
}

/// An alert with most of the elements there are.
const ALERT: &str = r#"<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>A.1</identifier>
<sender>watch@kor.example</sender><sent>2026-11-25T09:00:00+09:00</sent><status>Exercise</status>
<msgType>Update</msgType><source>KOR-1</source><scope>Public</scope><code>IPAWSv1.0</code><note>n</note>
<references>watch@kor.example,A.0,2026-11-25T08:59:00+09:00</references><info><language>ko-KR</language>
<category>Safety</category><event>Missile</event><responseType>Shelter</responseType>
<urgency>Immediate</urgency><severity>Extreme</severity><certainty>Likely</certainty>
<eventCode><valueName>SAME</valueName><value>CDW</value></eventCode>
<effective>2026-11-25T09:00:00+09:00</effective><onset>2026-11-25T09:05:00+09:00</onset>
<expires>2026-11-25T10:00:00+09:00</expires><headline>h</headline><description>a &lt; b</description>
<parameter><valueName>p</valueName><value>1</value></parameter><resource><resourceDesc>map</resourceDesc>
<mimeType>image/png</mimeType><size>9</size><uri>https://example.org/a</uri></resource>
<area><areaDesc>Akita</areaDesc><polygon>41,139 43.5,139 43.5,141.25 41,139</polygon>
<circle>42,-139.5 60.5</circle><geocode><valueName>ISO3166-2</valueName><value>JP-05</value></geocode>
<altitude>0</altitude><ceiling>100.5</ceiling></area></info></alert>"#;
