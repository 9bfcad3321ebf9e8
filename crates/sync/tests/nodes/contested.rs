//! Two histories of one log: both are kept, their facts are contested, and a new key begins afresh.

use log::testing::{SeededRng, node_record};
use log::{
    Batch, Body, Charter, Draft, EntryId, HybridClock, LaneWriter, LogHead, LogId, LogState,
    NodeSecrets, Precedence, RetiredKeys, StoreReadExt,
};
use sync::{Arrival, Grounds, Level};

use crate::cluster::{Cluster, KIND};
use crate::editions::{adopt, fsck_clean, in_force, with_roster};
use crate::evidence::{convictions, frame};

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;
const ALL: &str = "JPN+KOR+USA";

/// KOR says a few things; whoever copied its disk after the second goes on otherwise.
struct Forked {
    cluster: Cluster,
    log: LogId,
    /// The other history, from entry 3 on.
    other: Vec<Batch>,
}

/// A batch of statements under KOR's key that continues `head`, which moves on.
fn write(cluster: &mut Cluster, head: &mut LogHead, texts: &[&str]) -> Batch {
    let key = cluster.charter.secrets[&cluster.hosts[KOR].id].key.clone();
    let charter = cluster.charter.charter.clone();
    let mut writer = LaneWriter::new(charter.realm().clone(), head, key);
    let body = |text: &&str| Body { kind: KIND, edition: 1, content: text.as_bytes().to_vec() };
    let drafts = texts.iter().map(|text| Draft { audience: charter.everyone(), body: body(text) });
    let mut clock = HybridClock::new(head.done.logged);
    let drafts = drafts.collect();
    let made = writer.append(drafts, &charter, &mut clock, cluster.now, &mut cluster.rng);
    let batch = made.unwrap().batch;
    batch.extend(&mut head.done.frontier);
    head.done.logged = batch.entries().last().unwrap().header().logged;
    batch
}

fn forked() -> Forked {
    let mut cluster = Cluster::three();
    for text in ["one", "two"] {
        cluster.append(KOR, ALL, text, Level::All);
    }
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    let mut head: LogHead = cluster.hosts[KOR].store.head(&log).unwrap().unwrap();
    for text in ["three", "four", "five"] {
        cluster.append(KOR, ALL, text, Level::All);
    }
    // A writer begins with a key of its own, so each batch has two entries.
    let other = ["3", "4"].map(|text| write(&mut cluster, &mut head, &[text])).to_vec();
    cluster.clear();
    Forked { cluster, log, other }
}

fn texts_of(cluster: &Cluster, host: usize, log: &LogId) -> Vec<String> {
    let storage = &cluster.charter.secrets[&cluster.hosts[host].id].storage;
    let kept = cluster.hosts[host].store.apart(Some(log)).unwrap();
    let facts = kept.iter().flat_map(|apart| apart.facts(storage).unwrap());
    let said = facts.filter(|fact| fact.kind == KIND);
    said.map(|fact| String::from_utf8(fact.content).unwrap()).collect()
}

#[test]
fn both_histories_are_kept_and_told_and_none_is_a_ground_any_more() {
    let Forked { mut cluster, log, other } = forked();
    let entry = |index| EntryId { log, index };
    let jpn = EntryId { log: cluster.node(JPN).own_log(Precedence::Flash), index: 1 };
    assert_eq!(
        cluster.node(JPN).grounds(&[entry(1), jpn]),
        Grounds { sound: 2, late: 0, contested: 0 }
    );
    for batch in &other {
        cluster.deliver(KOR, JPN, frame(batch));
    }
    assert_eq!(convictions(&cluster, JPN), 1);
    let apart = |text: &str| (text.to_owned(), Arrival::Apart);
    assert_eq!(cluster.told(JPN), [apart("3"), apart("4")]);
    // Every entry under the key is contested, in every lane and from the first one on.
    let flash = LogId { lane: Precedence::Flash, ..log };
    for id in [entry(0), entry(3), EntryId { log: flash, index: 0 }] {
        assert!(cluster.node(JPN).is_contested(&id), "{id}");
    }
    assert_eq!(cluster.node(JPN).grounds(&[entry(1)]), Grounds { sound: 0, late: 0, contested: 1 });
    assert!(!cluster.node(JPN).grounds(&[entry(1), entry(4)]).hold());
    assert!(
        cluster.node(JPN).grounds(&[entry(1), jpn]).hold(),
        "one that is sound lets it through"
    );
    assert_eq!(texts_of(&cluster, JPN, &log), ["3", "4"]);
    assert_eq!(cluster.node(JPN).cut()[&log], 6, "the copy stays as it was");
    cluster.assert_clean(JPN);
    // What is told again, be it of one history or the other, is not kept twice.
    let first = cluster.hosts[JPN].store.batches(&log, 0, 1, usize::MAX).unwrap().remove(0);
    for batch in other.iter().chain([&first]) {
        cluster.deliver(KOR, JPN, frame(batch));
    }
    assert_eq!(cluster.told(JPN).len(), 2);
    cluster.stop(JPN);
    cluster.clear();
    cluster.start(JPN);
    let mut told = cluster.told(JPN);
    told.sort();
    let again = |text: &str| (text.to_owned(), Arrival::Replayed);
    let mut expected = vec![apart("3"), apart("4")];
    expected.extend(["one", "two", "three", "four", "five"].map(again));
    expected.sort();
    assert_eq!(told, expected);
    assert!(cluster.node(JPN).is_contested(&entry(1)) && !cluster.node(JPN).is_contested(&jpn));
}

#[test]
fn a_history_that_leaves_within_a_batch_is_found_and_goes_on_after_a_restart() {
    let mut cluster = Cluster::three();
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    let mut head = LogHead::start(log);
    let long = write(&mut cluster, &mut head, &["a", "b", "c"]);
    let short = write(&mut cluster, &mut head, &["d"]);
    for batch in [&long, &short] {
        cluster.deliver(KOR, JPN, frame(batch));
    }
    // The other one leaves after "a", which stands inside the first batch.
    let mut other = LogHead::start(log);
    let common = long.leaf_hashes(0).unwrap();
    common[..2].iter().for_each(|leaf| other.done.frontier.push(*leaf));
    other.done.logged = long.entries().nth(1).unwrap().header().logged;
    let leaves = write(&mut cluster, &mut other, &["B"]);
    let goes_on = write(&mut cluster, &mut other, &["C"]);
    assert_eq!((leaves.first(), leaves.end(), goes_on.end()), (2, 4, 6));
    cluster.clear();
    cluster.deliver(KOR, JPN, frame(&leaves));
    let apart = |text: &str| (text.to_owned(), Arrival::Apart);
    assert_eq!(cluster.told(JPN), [apart("B")], "{:?}", cluster.findings(JPN));
    cluster.stop(JPN);
    cluster.start(JPN);
    let peer = cluster.hosts[KOR].id;
    cluster.input(JPN, sync::Input::Connected { peer });
    cluster.clear();
    cluster.deliver(KOR, JPN, frame(&goes_on));
    assert_eq!(cluster.told(JPN), [apart("C")], "{:?}", cluster.findings(JPN));
    assert_eq!(texts_of(&cluster, JPN, &log), ["B", "C"]);
    cluster.assert_clean(JPN);
}

/// KOR's disk is copied, KOR says `then` more, and the copy goes on instead, with the same high-water
/// file; what JPN makes of it.
fn run_twice(then: &[&str], instead: &[&str]) -> (Cluster, LogId) {
    let mut cluster = Cluster::three();
    cluster.append(KOR, ALL, "common", Level::All);
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    let (store, file) = (cluster.hosts[KOR].store.clone(), cluster.hosts[KOR].high_water.clone());
    for text in then {
        cluster.append(KOR, ALL, text, Level::All);
    }
    cluster.stop(KOR);
    (cluster.hosts[KOR].store, cluster.hosts[KOR].high_water) = (store, file);
    cluster.disconnect(JPN, USA);
    cluster.start(KOR);
    cluster.clear();
    cluster.connect(KOR, JPN);
    for text in instead {
        cluster.append(KOR, ALL, text, Level::Local);
    }
    // No pulse falls into this, so the lane alone has to show it.
    cluster.run_for(1_500);
    (cluster, log)
}

#[test]
fn a_second_history_is_proven_by_whatever_sizes_it_was_signed_at() {
    // The second life begins with a batch of two, an epoch entry and a statement, from entry 2 on.
    for (then, instead) in [
        (&["a"][..], &["A"][..]),
        (&["a"], &["A", "B"]),
        (&["a", "b"], &["A", "B"]),
        (&["a", "b", "c"], &["A"]),
        (&["a", "b", "c"], &["A", "B", "C", "D"]),
    ] {
        let (cluster, log) = run_twice(then, instead);
        let case = format!("{then:?} and {instead:?}: {:?}", cluster.findings(JPN));
        assert_eq!(convictions(&cluster, JPN), 1, "{case}");
        assert!(cluster.node(JPN).is_contested(&EntryId { log, index: 0 }), "{case}");
        let proofs = cluster.hosts[JPN].store.equivocations().unwrap();
        let key = cluster.charter.charter.node(cluster.hosts[KOR].id).unwrap().key;
        proofs[0].clone().verify(&key).expect("it verifies for everyone");
        cluster.assert_clean(JPN);
    }
}

#[test]
fn one_history_in_other_batches_accuses_nobody() {
    let mut cluster = Cluster::three();
    let log = cluster.node(KOR).own_log(Precedence::Priority);
    let whole = write(&mut cluster, &mut LogHead::start(log), &["a", "b"]);
    // The same three leaves, signed after the second already.
    let key = cluster.charter.secrets[&cluster.hosts[KOR].id].key.clone();
    let realm = cluster.charter.charter.realm().clone();
    let mut tree = log::Frontier::new();
    whole.leaf_hashes(0).unwrap()[..2].iter().for_each(|leaf| tree.push(*leaf));
    let early = log::Checkpoint { realm, log, size: 2, root: tree.root() }.sign(&key);
    let jump = sync::wire::Jump {
        checkpoint: early.to_bytes(),
        peaks: tree.peaks().to_vec(),
        proof: Vec::new(),
    };
    cluster.deliver(KOR, JPN, sync::wire::Message::Jump(jump).encode());
    cluster.deliver(KOR, JPN, frame(&whole));
    assert_eq!(convictions(&cluster, JPN), 0);
    assert_eq!(cluster.node(JPN).suspended().count(), 0);
}

#[test]
fn what_is_beyond_all_that_is_held_or_too_much_is_not_kept() {
    let Forked { mut cluster, log, other } = forked();
    cluster.deliver(KOR, JPN, frame(&other[0]));
    let mut head = cluster.hosts[JPN].store.head(&log).unwrap().unwrap();
    let beyond = write(&mut cluster, &mut head, &["beyond"]);
    cluster.deliver(KOR, JPN, frame(&beyond));
    assert_eq!(cluster.texts(JPN), ["3"]);
    // Histories without end, each another: what is kept is bounded, and said to be.
    for number in 0..80 {
        let text = format!("{number}{}", " ".repeat(20_000));
        let batch = write(&mut cluster, &mut LogHead::start(log), &[&text]);
        cluster.deliver(KOR, JPN, frame(&batch));
    }
    let kept = cluster.hosts[JPN].store.apart(Some(&log)).unwrap();
    let bytes: usize = kept.iter().map(|apart| apart.batch().as_bytes().len()).sum();
    assert!(bytes <= sync::limits::APART_BYTES_MAX && kept.len() > 2, "{} of {bytes}", kept.len());
    assert!(cluster.findings(JPN).iter().any(|found| found.contains("what is kept stays")));
    cluster.assert_clean(JPN);
}

/// KOR's next roster names a new key and says where its logs under the old one ended.
fn with_a_new_key(cluster: &mut Cluster) -> String {
    let id = cluster.hosts[KOR].id;
    let old = in_force(cluster, JPN).node(id).unwrap().clone();
    let logs: Vec<LogState> = cluster.hosts[KOR].high_water.as_ref().unwrap().logs().collect();
    let fresh: NodeSecrets = cluster.charter.secrets[&id].rotate_signing(&mut SeededRng::new(77));
    let text = with_roster(cluster, &in_force(cluster, JPN), "KOR", |roster| {
        let mut record = node_record(&fresh);
        record.tls_spki_sha256 = old.tls_spki_sha256;
        let (key, witness, holds) = (old.key, old.witness, old.holds);
        record.retired.push(RetiredKeys { key, witness, holds, logs });
        roster.nodes.insert(id, record);
    });
    cluster.charter.secrets.insert(id, fresh);
    text
}

#[test]
fn a_node_comes_back_under_a_new_key_and_its_old_logs_stay_contested() {
    let Forked { mut cluster, log, other } = forked();
    let old = EntryId { log, index: 3 };
    // The thief begins a log of its own too, which no roster will ever list.
    let stolen = LogId { incarnation: log::Incarnation([9; 16]), ..log };
    let thief = write(&mut cluster, &mut LogHead::start(stolen), &["thief"]);
    cluster.deliver(KOR, JPN, frame(&thief));
    for batch in &other {
        cluster.deliver(KOR, JPN, frame(batch));
    }
    let kor = cluster.hosts[KOR].id;
    for host in [JPN, USA] {
        assert_eq!(cluster.node(host).suspended().collect::<Vec<_>>(), [kor]);
    }
    cluster.append(KOR, ALL, "suspended", Level::Local);
    assert!(!cluster.texts(JPN).contains(&"suspended".to_owned()));
    cluster.stop(KOR);
    let text = with_a_new_key(&mut cluster);
    adopt(&mut cluster, JPN, text.clone());
    cluster.charter.charter = Charter::parse_verify(&text).unwrap();
    cluster.clear();
    cluster.start(KOR);
    cluster.connect_all();
    cluster.run_for(40_000);
    let ticket = cluster.append(KOR, ALL, "under the new key", Level::All);
    for host in [JPN, USA] {
        assert_eq!(cluster.texts(host), ["under the new key"], "{:?}", cluster.findings(host));
        assert_eq!(cluster.node(host).suspended().count(), 0);
        fsck_clean(&cluster, host);
    }
    let (fresh, _) = cluster.acknowledged(KOR, ticket).expect("both others hold it");
    // A restart under the new roster changes nothing of it.
    for round in 0..2 {
        let node = cluster.node(JPN);
        assert!(!node.is_contested(&fresh), "round {round}");
        assert!(node.is_contested(&old) && node.is_contested(&EntryId { log: stolen, index: 1 }));
        assert_eq!(node.counters().notes_refused, 0, "{:?}", cluster.findings(JPN));
        cluster.stop(JPN);
        cluster.start(JPN);
    }
    assert!(cluster.is_connected(KOR, USA), "{:?}", cluster.findings(KOR));
}
