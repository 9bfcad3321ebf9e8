//! Two histories, entries that do not open, clocks that are off: found, shown, kept.

use base::{TimeDelta, Timestamp};
use log::{
    Batch, Body, Charter, CharterDraft, CosignatureKind, Draft, HybridClock, LaneWriter, LogHead,
    LogId, Precedence, StoreReadExt, kinds, testing,
};
use sync::wire::Message;
use sync::{Arrival, Level, Output};

use crate::cluster::{Cluster, KIND};

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

/// A batch of KOR's own key that continues `head`.
fn by_kor(
    cluster: &mut Cluster,
    head: &LogHead,
    charter: &Charter,
    text: &str,
    at: Timestamp,
) -> Batch {
    let key = cluster.charter.secrets[&cluster.hosts[KOR].id].key.clone();
    let mut writer = LaneWriter::new(charter.realm().clone(), head, key);
    let body = Body { kind: KIND, edition: 1, content: text.as_bytes().to_vec() };
    let draft = Draft { audience: charter.everyone(), body };
    let mut clock = HybridClock::new(head.done.logged);
    let made = writer.append(vec![draft], charter, &mut clock, at, &mut cluster.rng);
    made.unwrap().batch
}

/// KOR's own process stops, and whoever holds its key speaks to both others; its PRIORITY lane.
fn impersonated(cluster: &mut Cluster) -> LogId {
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    cluster.stop(KOR);
    let peer = cluster.hosts[KOR].id;
    for host in [JPN, USA] {
        cluster.input(host, sync::Input::Connected { peer });
    }
    log
}

pub(crate) fn frame(batch: &Batch) -> Vec<u8> {
    Message::Batch { complete: true, batch: batch.as_bytes().clone() }.encode()
}

pub(crate) fn convictions(cluster: &Cluster, host: usize) -> usize {
    let convicts = |output: &&Output| matches!(output, Output::Equivocation { .. });
    cluster.hosts[host].out.iter().filter(convicts).count()
}

#[test]
fn what_others_witnessed_is_passed_on_where_no_line_leads() {
    let mut cluster = Cluster::new(&["JPN-1", "KOR-1", "USA-1", "USA-2"]);
    cluster.connect_all();
    // JPN and USA-1 never speak; USA-2 speaks with both.
    cluster.disconnect(0, 2);
    cluster.append(1, "JPN+KOR+USA", "for all", Level::Local);
    cluster.run_for(11_000);
    let witness = cluster.hosts[2].id;
    let lines = cluster.node(0).lines();
    let line = lines.iter().find(|line| line.peer == cluster.hosts[1].id).unwrap();
    let lane = line.lanes.iter().find(|status| status.lane == Precedence::Immediate).unwrap();
    assert!(lane.cross_checked_by.contains_key(&witness), "{:?}", lane.cross_checked_by);
    cluster.clear();
    // Told again only after `CROSS_CHECK_AGAIN`.
    cluster.run_for(15_000);
    let log = cluster.node(1).own_log(Precedence::Immediate);
    let again = cluster.sent(3, 0).into_iter().filter(|message| match message {
        Message::Cosigned { checkpoint, .. } => {
            log::SignedCheckpoint::from_bytes(checkpoint).unwrap().checkpoint.log == log
        }
        _ => false,
    });
    assert_eq!(again.count(), 0, "once");
}

#[test]
fn steps_of_the_own_clock_and_a_peer_that_is_off_are_told() {
    let mut cluster = Cluster::three();
    cluster.run_for(2_000);
    cluster.clear();
    cluster.now += -TimeDelta::from_seconds(3);
    cluster.run_for(100);
    let told = |cluster: &Cluster, host: usize, words: &str| {
        cluster.findings(host).iter().any(|finding| finding.contains(words))
    };
    assert!(told(&cluster, KOR, "set back by 2900 ms"), "{:?}", cluster.findings(KOR));
    cluster.append(KOR, "JPN+KOR", "after the step", Level::Local);
    assert_eq!(cluster.texts(JPN), ["after the step"], "stamps go on rising");
    cluster.now += TimeDelta::from_seconds(60);
    cluster.run_for(100);
    assert!(told(&cluster, KOR, "got nothing for 60100 ms"), "{:?}", cluster.findings(KOR));
    cluster.clear();
    // A ping of now is answered by a clock four seconds ahead.
    cluster.run_for(1_000);
    let (sent, ahead) = (cluster.now, cluster.now + TimeDelta::from_seconds(4));
    for _ in 0..9 {
        let pong = Message::Pong { sent, received: ahead, answered: ahead };
        cluster.deliver(JPN, KOR, pong.encode());
    }
    let expected = "the clock of JPN-1 within 2000 ms of this node's, got 4000 ms";
    assert!(told(&cluster, KOR, expected), "{:?}", cluster.findings(KOR));
}

#[test]
fn two_histories_shown_to_two_partners_convict_and_suspend() {
    let mut cluster = Cluster::three();
    let log = impersonated(&mut cluster);
    let (charter, at) = (cluster.charter.charter.clone(), cluster.now);
    let head = LogHead::start(log);
    let (one, other) = (
        by_kor(&mut cluster, &head, &charter, "one", at),
        by_kor(&mut cluster, &head, &charter, "other", at),
    );
    let peer = cluster.hosts[KOR].id;
    cluster.clear();
    cluster.deliver(KOR, JPN, frame(&one));
    cluster.deliver(KOR, USA, frame(&other));
    assert_eq!(
        (cluster.texts(JPN), cluster.texts(USA)),
        (vec!["one".into()], vec!["other".into()])
    );
    assert_eq!(convictions(&cluster, JPN) + convictions(&cluster, USA), 0);
    // What each witnessed goes to the other within a round.
    cluster.run_for(6_000);
    for host in [JPN, USA] {
        assert_eq!(convictions(&cluster, host), 1);
        assert_eq!(cluster.node(host).suspended().collect::<Vec<_>>(), [peer]);
        assert_eq!(cluster.hosts[host].store.equivocations().unwrap().len(), 1);
        assert!(cluster.findings(host).iter().any(|message| message.contains("one history")));
    }
    // Nothing more is taken from that node, in any lane, and a restart does not forget it.
    let more = LogHead::start(LogId { lane: Precedence::Flash, ..log });
    let more = by_kor(&mut cluster, &more, &charter, "more", at);
    cluster.deliver(KOR, JPN, frame(&more));
    cluster.stop(JPN);
    cluster.start(JPN);
    cluster.input(JPN, sync::Input::Connected { peer });
    cluster.deliver(KOR, JPN, frame(&more));
    // It contradicts the pulses held of that lane, so it is kept apart.
    let more: Vec<Arrival> = cluster
        .told(JPN)
        .into_iter()
        .filter(|(text, _)| text == "more")
        .map(|(_, how)| how)
        .collect();
    assert!(more.contains(&Arrival::Apart));
    assert!(!more.contains(&Arrival::Live) && !more.contains(&Arrival::Replayed));
    assert!(cluster.node(JPN).cut()[&LogId { lane: Precedence::Flash, ..log }] > 2);
    assert_eq!(cluster.node(JPN).suspended().collect::<Vec<_>>(), [peer]);
}

#[test]
fn two_histories_are_recognised_by_what_was_stored_before_a_restart() {
    let mut cluster = Cluster::three();
    let log = impersonated(&mut cluster);
    cluster.disconnect(JPN, USA);
    let (charter, at) = (cluster.charter.charter.clone(), cluster.now);
    let head = LogHead::start(log);
    let (one, other) = (
        by_kor(&mut cluster, &head, &charter, "one", at),
        by_kor(&mut cluster, &head, &charter, "other", at),
    );
    cluster.deliver(KOR, JPN, frame(&one));
    cluster.deliver(KOR, USA, frame(&other));
    // JPN comes further, so that its newest checkpoint has another size than USA's.
    let head = cluster.hosts[JPN].store.head(&log).unwrap().unwrap();
    let more = by_kor(&mut cluster, &head, &charter, "more", at);
    cluster.deliver(KOR, JPN, frame(&more));
    assert_eq!(cluster.texts(JPN), ["one", "more"]);
    cluster.stop(JPN);
    cluster.start(JPN);
    cluster.clear();
    cluster.connect(JPN, USA);
    cluster.run_for(6_000);
    assert_eq!((convictions(&cluster, JPN), convictions(&cluster, USA)), (1, 1));
}

#[test]
fn a_second_history_that_fills_a_gap_is_shown_to_those_who_know_better() {
    let mut cluster = Cluster::three();
    let log = impersonated(&mut cluster);
    let (charter, at) = (cluster.charter.charter.clone(), cluster.now);
    let start = LogHead::start(log);
    let first = by_kor(&mut cluster, &start, &charter, "one", at);
    let other = by_kor(&mut cluster, &start, &charter, "other", at);
    cluster.deliver(KOR, USA, frame(&first));
    let head = cluster.hosts[USA].store.head(&log).unwrap().unwrap();
    let second = by_kor(&mut cluster, &head, &charter, "two", at);
    cluster.deliver(KOR, USA, frame(&second));
    // JPN goes ahead to what USA has, and is told another beginning.
    let mut tree = log::Frontier::new();
    for batch in [&first, &second] {
        batch.leaf_hashes(batch.first()).unwrap().into_iter().for_each(|leaf| tree.push(leaf));
    }
    let checkpoint = second.checkpoint().to_bytes();
    let jump = sync::wire::Jump { checkpoint, peaks: tree.peaks().to_vec(), proof: Vec::new() };
    cluster.deliver(KOR, JPN, Message::Jump(jump).encode());
    cluster.deliver(KOR, JPN, frame(&other));
    assert_eq!(cluster.texts(JPN), ["other"]);
    assert_eq!(convictions(&cluster, JPN) + convictions(&cluster, USA), 0);
    cluster.run_for(6_000);
    assert_eq!((convictions(&cluster, JPN), convictions(&cluster, USA)), (1, 1));
    let witnessed = |message: &Message| match message {
        Message::Cosigned { checkpoint, cosignatures } => {
            let shown = log::SignedCheckpoint::from_bytes(checkpoint).unwrap().checkpoint;
            (shown.log, shown.size) == (log, other.end()) && !cosignatures.is_empty()
        }
        _ => false,
    };
    assert!(!cluster.sent(JPN, USA).iter().any(witnessed), "shown, and not vouched for");
}

#[test]
fn a_second_history_shown_to_one_partner_convicts_at_once_and_others_hear_of_it() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR+USA", "true", Level::All);
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    let (charter, at) = (cluster.charter.charter.clone(), cluster.now);
    let head = LogHead::start(log);
    let first = by_kor(&mut cluster, &head, &charter, "false", at);
    // Brought to the size of the true one: an epoch entry and a statement.
    assert_eq!(first.end(), 2);
    cluster.clear();
    cluster.deliver(KOR, JPN, frame(&first));
    for host in [JPN, USA] {
        assert_eq!(convictions(&cluster, host), 1, "host {host}");
    }
    assert_eq!(cluster.told(JPN), [("false".to_owned(), Arrival::Apart)]);
    assert!(cluster.texts(USA).is_empty());
    let mut proof = cluster.hosts[JPN].out.iter().find_map(|output| match output {
        Output::Equivocation { proof, .. } => Some(proof.to_vec()),
        _ => None,
    });
    // A proof that proves nothing is refused.
    let mut bad = proof.take().unwrap();
    let last = bad.len() - 40;
    bad[last] ^= 1;
    let mut fresh = Cluster::three();
    fresh.deliver(USA, JPN, Message::Contested(bad).encode());
    assert_eq!(fresh.node(JPN).suspended().count(), 0);
    assert_eq!(fresh.node(JPN).counters().notes_refused, 1);
}

/// The charter as KOR would have it if JPN's key for sealing were another.
fn charter_with_another_kem(cluster: &mut Cluster) -> Charter {
    let jpn = cluster.hosts[JPN].id;
    let mut secrets = cluster.charter.secrets[&jpn].clone();
    secrets.kem = vec![log::KemSecret::random(1, &mut cluster.rng)];
    let charter = &cluster.charter.charter;
    let mut draft = CharterDraft::new(charter.agreement().clone());
    for (partner, root) in &cluster.charter.roots {
        draft.sign_agreement(*partner, &root.key).unwrap();
        let mut roster = charter.rosters()[partner].clone();
        if *partner == jpn.partner() {
            roster.nodes.insert(jpn, testing::node_record(&secrets));
        }
        draft.sign_roster(roster, &root.key).unwrap();
    }
    draft.finish().unwrap()
}

#[test]
fn an_entry_that_does_not_open_is_witnessed_complained_of_and_not_held() {
    let mut cluster = Cluster::three();
    let charter = charter_with_another_kem(&mut cluster);
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    let at = cluster.now;
    let batch = by_kor(&mut cluster, &LogHead::start(log), &charter, "sealed wrongly", at);
    cluster.clear();
    cluster.deliver(KOR, JPN, frame(&batch));
    assert!(cluster.texts(JPN).is_empty());
    assert!(cluster.node(JPN).counters().unopened >= 1);
    assert_eq!(cluster.node(JPN).gap(&log), Some(0));
    let cosigned = cluster.sent(JPN, KOR).into_iter().find_map(|message| match message {
        Message::Cosigned { cosignatures, .. } => Some(cosignatures),
        _ => None,
    });
    let kinds_stated: Vec<CosignatureKind> = cosigned
        .unwrap()
        .iter()
        .map(|bytes| log::Cosignature::from_bytes(bytes).unwrap().kind)
        .collect();
    assert_eq!(kinds_stated, [CosignatureKind::Witness]);
    // The complaint travels as an entry, and KOR's operators hear of it.
    cluster.run_for(200);
    let complaint = |host: usize| {
        let mut facts = cluster.facts(host).into_iter();
        facts.any(|(fact, _)| fact.kind == kinds::COMPLAINT)
    };
    assert!(complaint(JPN) && complaint(KOR) && complaint(USA));
    assert!(cluster.findings(KOR).iter().any(|message| message.contains("complaint")));
    assert_eq!(cluster.hosts[KOR].store.complaints().unwrap().len(), 1);
    // A restart does not make up for it.
    cluster.stop(JPN);
    cluster.start(JPN);
    assert_eq!(cluster.node(JPN).gap(&log), Some(0));
}

#[test]
fn what_the_sender_lacks_is_not_taken_for_what_is_addressed_elsewhere() {
    let mut cluster = Cluster::three();
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    let (charter, at) = (cluster.charter.charter.clone(), cluster.now);
    let batch = by_kor(&mut cluster, &LogHead::start(log), &charter, "lost", at);
    // As KOR would send it after a rollback from which this entry never came back.
    let sparse = batch.for_audience("AUS".parse().unwrap());
    let message = Message::Batch { complete: false, batch: sparse.as_bytes().clone() };
    cluster.clear();
    cluster.deliver(KOR, JPN, message.encode());
    assert_eq!(cluster.node(JPN).cut()[&log], 2, "its place in the tree is known");
    assert_eq!(cluster.node(JPN).gap(&log), Some(0), "and it is not said to be held");
    cluster.stop(JPN);
    cluster.start(JPN);
    assert_eq!(cluster.node(JPN).gap(&log), Some(0));
}

#[test]
fn a_stamp_far_ahead_is_flagged_and_moves_no_clock() {
    let mut cluster = Cluster::three();
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    let (charter, at) = (cluster.charter.charter.clone(), cluster.now);
    let ahead = at + TimeDelta::from_seconds(3_600);
    let batch = by_kor(&mut cluster, &LogHead::start(log), &charter, "tomorrow", ahead);
    cluster.clear();
    cluster.deliver(KOR, JPN, frame(&batch));
    assert_eq!(cluster.texts(JPN), ["tomorrow"], "stored and told all the same");
    assert!(cluster.findings(JPN)[0].contains("stamps near"));
    cluster.append(JPN, "JPN+KOR", "today", Level::Local);
    let today = cluster.facts(JPN).into_iter().find(|(fact, _)| fact.content == b"today");
    assert!(today.unwrap().0.logged < at + TimeDelta::from_seconds(1));
}

#[test]
fn later_statements_sort_after_what_their_origin_had_verified() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "alert", Level::Local);
    // JPN's clock is a second behind: its answer still comes after the alert.
    cluster.now += -TimeDelta::from_seconds(1);
    cluster.append(JPN, "JPN+KOR", "answer", Level::Local);
    let logged = |text: &[u8]| {
        let facts = cluster.facts(KOR);
        facts.iter().find(|(fact, _)| fact.content == text).unwrap().0.logged
    };
    assert!(logged(b"answer") > logged(b"alert"));
}

#[test]
fn others_that_saw_the_same_history_are_shown() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "said", Level::Local);
    cluster.run_for(6_000);
    let lines = cluster.node(JPN).lines();
    let kor = lines.iter().find(|line| line.peer == cluster.hosts[KOR].id).unwrap();
    let lane = &kor.lanes[1];
    assert_eq!(lane.lane, Precedence::Immediate);
    assert_eq!((lane.received, lane.durable), (2, 2));
    assert_eq!(lane.cross_checked_by[&cluster.hosts[USA].id], 2);
}

#[test]
fn above_a_gap_ranges_are_stated_and_what_waits_is_acknowledged() {
    let mut cluster = Cluster::three();
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    // The first batch of the lane reaches JPN without what is in it; KOR's own store has it whole.
    cluster.disconnect(KOR, JPN);
    let content = b"lost on the way";
    cluster.append_in(KOR, Precedence::Priority, "JPN+KOR+USA", content, Level::Local);
    let first = cluster.hosts[KOR].store.batches(&log, 0, 1, usize::MAX).unwrap().remove(0);
    let sparse = first.for_audience("AUS".parse().unwrap()).as_bytes().clone();
    let peer = cluster.hosts[KOR].id;
    cluster.input(JPN, sync::Input::Connected { peer });
    cluster.deliver(KOR, JPN, Message::Batch { complete: false, batch: sparse }.encode());
    cluster.connect(KOR, JPN);
    cluster.clear();
    // A new process at KOR means a new key, so JPN can open what follows.
    cluster.stop(KOR);
    cluster.start(KOR);
    cluster.connect_all();
    let ticket = cluster.append_in(KOR, Precedence::Priority, "JPN+KOR+USA", b"above", Level::All);
    assert_eq!(cluster.texts(JPN), ["above"]);
    let (entry, holders) = cluster.acknowledged(KOR, ticket).unwrap();
    assert_eq!(holders.len(), 3);
    assert_eq!(cluster.stated(KOR, JPN, Precedence::Priority, CosignatureKind::Holds), 0);
    assert!(!cluster.node(KOR).receipts_complete(), "the first statement is not held by JPN");
    cluster.run_for(200);
    cluster.stop(KOR);
    cluster.start(KOR);
    let all = "JPN+KOR+USA".parse().unwrap();
    assert_eq!(cluster.node(KOR).holders(&entry, &all).len(), 3, "range receipts are kept");
    assert_eq!(cluster.hosts[KOR].store.receipts(&log).unwrap().len(), 1);
}
