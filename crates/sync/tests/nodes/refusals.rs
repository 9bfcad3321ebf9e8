//! What is not as it should be is refused, counted, told, and the node goes on.

use base::TimeDelta;
use log::{Body, Draft, HybridClock, LaneWriter, Precedence, Realm, StoreReadExt, testing};
use sync::wire::{Hello, Message};
use sync::{Append, CloseReason, Input, Level, Node, Output, Refusal, Setup, Ticket, limits};

use crate::cluster::{Cluster, KIND};

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

fn good(ticket: u64) -> Append {
    Append {
        ticket: Ticket(ticket),
        audience: "JPN+KOR+USA".parse().unwrap(),
        precedence: Precedence::Priority,
        kind: KIND,
        edition: 1,
        content: b"x".to_vec(),
        level: Level::Local,
        timeout: TimeDelta::from_seconds(5),
    }
}

#[test]
fn appends_that_cannot_be_are_refused_with_the_reason() {
    let mut cluster = Cluster::three();
    let refused = |cluster: &mut Cluster, append: Append| {
        cluster.clear();
        cluster.input(KOR, Input::Append(append));
        cluster.hosts[KOR].out.iter().find_map(|output| match output {
            Output::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    };
    let base = good(1_000);
    let jpn_usa = "JPN+USA".parse().unwrap();
    let cases = [
        (Append { audience: jpn_usa, ..base.clone() }, Refusal::NotAMember(jpn_usa)),
        (
            Append { audience: "AUS+KOR".parse().unwrap(), ..base.clone() },
            Refusal::UnknownAudience("AUS+KOR".parse().unwrap()),
        ),
        (
            Append { level: Level::Partners(3), ..base.clone() },
            Refusal::LevelAboveAudience { asked: 3, others: 2 },
        ),
        (
            Append { kind: log::kinds::PULSE, ..base.clone() },
            Refusal::ReservedKind(log::kinds::PULSE),
        ),
        (
            Append { content: vec![0; 262_145], ..base.clone() },
            Refusal::TooLarge { max: 262_144, got: 262_145 },
        ),
    ];
    for (append, expected) in cases {
        assert_eq!(refused(&mut cluster, append), Some(expected));
    }
    assert_eq!(refused(&mut cluster, base), None);
}

#[test]
fn a_full_lane_refuses_at_once_and_others_go_on() {
    let mut cluster = Cluster::three();
    cluster.hosts[KOR].held_writes = Some(Vec::new());
    // Some are sealed while the store owes an answer, the rest waits; then there is no more room.
    let refused = |cluster: &Cluster| {
        let last = cluster.hosts[KOR].out.last();
        matches!(last, Some(Output::Refused { .. }))
    };
    let most = 2 * limits::LANE_QUEUE_ENTRIES_MAX as u64;
    for number in 0..most {
        cluster.input(KOR, Input::Append(good(number)));
        if refused(&cluster) {
            break;
        }
    }
    assert!(refused(&cluster), "memory is bounded");
    cluster.clear();
    cluster.input(KOR, Input::Append(good(9_999_999)));
    cluster.input(KOR, Input::Append(Append { ticket: Ticket(5), ..good(5) }));
    let flash = Append { precedence: Precedence::Flash, ..good(8_888_888) };
    cluster.input(KOR, Input::Append(flash));
    let refusals: Vec<String> = cluster.hosts[KOR]
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Refused { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(
        refusals,
        [
            "expected room in the priority lane, got 65536 entries waiting for the store",
            "expected a new ticket, got one that is still waiting",
        ]
    );
}

fn hello_of(cluster: &mut Cluster) -> Hello {
    cluster.disconnect(JPN, KOR);
    cluster.clear();
    cluster.connect(JPN, KOR);
    let hello = cluster.sent(JPN, KOR).into_iter().find_map(|message| match message {
        Message::Hello(hello) => Some(hello),
        _ => None,
    });
    hello.unwrap()
}

#[test]
fn a_hello_that_does_not_fit_closes_the_line_and_says_why() {
    let mut cluster = Cluster::three();
    let hello = hello_of(&mut cluster);
    let cases = [
        (Hello { lowest: 3, highest: 9, ..hello.clone() }, "protocol edition from 1 to 2"),
        (Hello { node: "USA-1".parse().unwrap(), ..hello.clone() }, "a hello from JPN-1"),
        (Hello { realm: Realm::Operational, ..hello.clone() }, "realm `exercise/test`"),
        (Hello { charter_hash: [1; 32], ..hello }, "charter edition 1 from JPN-1 as it is known"),
    ];
    for (bad, expected) in cases {
        let bad = Message::Hello(Hello { connection: 99, ..bad }).encode();
        cluster.disconnect(JPN, KOR);
        cluster.connect(JPN, KOR);
        cluster.clear();
        cluster.deliver(JPN, KOR, bad);
        let findings = cluster.findings(KOR);
        assert!(findings.iter().any(|message| message.contains(expected)), "{findings:?}");
        let closed =
            |output: &Output| matches!(output, Output::Close { why: CloseReason::Mismatch, .. });
        assert!(cluster.hosts[KOR].out.iter().any(closed), "{expected}");
    }
}

#[test]
fn rubbish_closes_the_line_and_the_node_goes_on() {
    let mut cluster = Cluster::three();
    let hello = Message::Hello(hello_of(&mut cluster)).encode();
    for rubbish in [&b""[..], b"GET / HTTP/1.1", &hello[..hello.len() - 1]] {
        cluster.disconnect(JPN, KOR);
        cluster.connect(JPN, KOR);
        cluster.clear();
        cluster.deliver(JPN, KOR, rubbish.to_vec());
        let closed =
            |output: &Output| matches!(output, Output::Close { why: CloseReason::Malformed, .. });
        assert!(cluster.hosts[KOR].out.iter().any(closed));
        assert!(!cluster.findings(KOR).is_empty());
    }
    assert_eq!(cluster.node(KOR).counters().malformed, 3);
    cluster.connect(JPN, KOR);
    cluster.append(JPN, "JPN+KOR", "still here", Level::Local);
    assert_eq!(cluster.texts(KOR), ["still here"]);
}

/// A batch in KOR's name, continuing its log as JPN has it, signed by another key.
fn forged(cluster: &mut Cluster) -> Vec<u8> {
    let realm = cluster.charter.charter.realm().clone();
    let log = cluster.node(KOR).own_log(Precedence::Flash);
    let head = cluster.hosts[JPN].store.head(&log).unwrap().unwrap();
    let key = cluster.charter.secrets[&cluster.hosts[USA].id].key.clone();
    let mut writer = LaneWriter::new(realm, &head, key);
    let audience = cluster.charter.charter.everyone();
    let body = Body { kind: KIND, edition: 1, content: b"forged".to_vec() };
    let mut clock = HybridClock::new(head.done.logged);
    let charter = &cluster.charter.charter;
    let draft = Draft { audience, body };
    let made = writer.append(vec![draft], charter, &mut clock, cluster.now, &mut cluster.rng);
    let batch = made.unwrap().batch.as_bytes().clone();
    Message::Batch { complete: true, batch }.encode()
}

#[test]
fn a_batch_by_another_key_a_relayed_one_and_a_changed_one_are_refused() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "real", Level::Local);
    cluster.clear();
    let forged = forged(&mut cluster);
    cluster.deliver(KOR, JPN, forged.clone());
    assert!(cluster.findings(JPN)[0].contains("checkpoint signed by KOR-1"));
    cluster.deliver(USA, JPN, forged);
    assert!(cluster.findings(JPN)[1].contains("a log of USA-1 or JPN-1"));
    assert!(cluster.texts(JPN).is_empty());
    cluster.append(KOR, "JPN+KOR", "next", Level::Local);
    let real = cluster.hosts[KOR].out.iter().rev().find_map(|output| match output {
        Output::Send { bytes, .. } if bytes[4] == 2 => Some(bytes.to_vec()),
        _ => None,
    });
    let real = real.unwrap();
    let before = cluster.node(JPN).cut();
    for at in (6..real.len()).step_by(7) {
        let mut changed = real.clone();
        changed[at] ^= 0x10;
        if !cluster.is_connected(KOR, JPN) {
            cluster.connect(KOR, JPN);
        }
        cluster.deliver(KOR, JPN, changed);
    }
    assert_eq!(cluster.texts(JPN), ["next"], "told once, from the true frame");
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    assert_eq!(cluster.node(JPN).cut()[&log], before[&log]);
    assert!(cluster.node(JPN).counters().batches_refused > 10);
}

#[test]
fn a_peer_that_goes_on_sending_what_is_refused_is_cut_off() {
    let mut cluster = Cluster::three();
    let forged = forged(&mut cluster);
    cluster.clear();
    for _ in 0..=limits::REFUSALS_MAX {
        cluster.deliver(KOR, JPN, forged.clone());
    }
    let closed =
        |output: &Output| matches!(output, Output::Close { why: CloseReason::TooManyRefusals, .. });
    assert!(cluster.hosts[JPN].out.iter().any(closed));
    assert!(cluster.findings(JPN).len() <= limits::FINDINGS_PER_SOURCE_MAX as usize);
    assert!(cluster.node(JPN).counters().findings_withheld > 0);
}

#[test]
fn keys_of_another_node_do_not_start_one() {
    let cluster = Cluster::new(&["JPN-1", "KOR-1"]);
    let realm = cluster.charter.charter.realm().clone();
    let mut rng = testing::SeededRng::new(9);
    let store = &cluster.hosts[JPN].store;
    for (node, expected) in [("JPN-1", "private keys of `JPN-1`"), ("JPN-2", "`JPN-2` among")] {
        let secrets = log::NodeSecrets::random(realm.clone(), node.parse().unwrap(), &mut rng);
        let setup = Setup { secrets, ..cluster.setup(JPN) };
        let error = Node::restore(setup, store, None, cluster.now, &mut rng).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn receipts_for_what_was_never_signed_are_refused() {
    let mut cluster = Cluster::three();
    cluster.clear();
    // USA signs a checkpoint of KOR's log in KOR's place, and a receipt over it.
    let log = cluster.node(KOR).own_log(Precedence::Flash);
    let realm = cluster.charter.charter.realm().clone();
    let usa = cluster.charter.secrets[&cluster.hosts[USA].id].clone();
    let checkpoint = log::Checkpoint { realm, log, size: 1_000, root: [5; 32] }.sign(&usa.key);
    let kind = log::CosignatureKind::Holds;
    let receipt = log::Cosignature::sign(kind, usa.node, &checkpoint, cluster.now, &usa.holds);
    let message = Message::Cosigned {
        checkpoint: checkpoint.to_bytes(),
        cosignatures: vec![receipt.to_bytes()],
    };
    cluster.deliver(USA, KOR, message.encode());
    assert_eq!(cluster.node(KOR).counters().notes_refused, 1);
    assert!(cluster.findings(KOR)[0].contains("a checkpoint this node signed"));
    assert!(cluster.stated(KOR, USA, Precedence::Flash, kind) < 1_000);
}
