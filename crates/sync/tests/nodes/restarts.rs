//! Stores that come back: whole, put back, or with a node that goes on in between.

use log::{HighWater, IncarnationCause, IncarnationStart, MemoryStore, Precedence, kinds};
use sync::{Arrival, Input, Level};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

#[test]
fn a_restarted_node_tells_everything_again_and_goes_on_in_its_log() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "mine", Level::Local);
    cluster.append(JPN, "JPN+KOR", "theirs", Level::Local);
    cluster.run_for(200);
    assert!(cluster.node(KOR).receipts_stored());
    let (incarnation, cut) = (cluster.node(KOR).incarnation(), cluster.node(KOR).cut());
    cluster.stop(KOR);
    cluster.clear();
    cluster.start(KOR);
    let mut told = cluster.told(KOR);
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let replayed = |text: &str| (text.to_owned(), Arrival::Replayed);
    assert_eq!(told, [replayed("mine"), replayed("theirs")]);
    assert_eq!(cluster.node(KOR).incarnation(), incarnation);
    assert_eq!(cluster.node(KOR).cut(), cut);
    assert!(cluster.node(KOR).receipts_complete(), "receipts are kept too");
    // The partner's epoch began before the restart: its key is opened again from the epoch entry.
    cluster.connect_all();
    cluster.append(JPN, "JPN+KOR", "after", Level::Local);
    assert_eq!(cluster.texts(KOR).last().unwrap(), "after");
}

#[test]
fn a_store_put_back_begins_a_new_incarnation_and_the_tail_returns_from_several_partners() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR+USA", "kept", Level::All);
    let backup = cluster.hosts[KOR].store.clone();
    for (audience, text) in
        [("JPN+KOR", "jpn 1"), ("KOR+USA", "usa 1"), ("KOR", "alone"), ("JPN+KOR", "jpn 2")]
    {
        cluster.append(KOR, audience, text, Level::Local);
    }
    let old = cluster.node(KOR).own_log(Precedence::Immediate);
    let (incarnation, signed) = (cluster.node(KOR).incarnation(), cluster.node(KOR).cut()[&old]);
    cluster.stop(KOR);
    cluster.hosts[KOR].store = backup;
    cluster.clear();
    cluster.start(KOR);
    assert_ne!(cluster.node(KOR).incarnation(), incarnation);
    assert!(cluster.findings(KOR)[0].contains("everything this node signed"));
    cluster.run_for(200);
    let start = cluster
        .facts(KOR)
        .into_iter()
        .find(|(fact, arrival)| fact.kind == kinds::INCARNATION && *arrival == Arrival::Live);
    let start = IncarnationStart::read(&start.unwrap().0.content).unwrap();
    assert_eq!(start.cause, IncarnationCause::StoreBehind);
    assert!(start.old.iter().any(|state| state.log == old && state.size == signed));

    cluster.connect(KOR, JPN);
    let mut texts = cluster.texts(KOR);
    texts.sort();
    assert_eq!(texts, ["jpn 1", "jpn 2", "kept"], "JPN returns what was addressed to it");
    cluster.connect(KOR, USA);
    let mut texts = cluster.texts(KOR);
    texts.sort();
    assert_eq!(texts, ["jpn 1", "jpn 2", "kept", "usa 1"], "nobody else had `alone`");
    assert_eq!(cluster.node(KOR).cut()[&old], signed);
    let came = cluster.told(KOR).into_iter().find(|(text, _)| text == "usa 1");
    assert_eq!(came.unwrap().1, Arrival::Backfilled);

    let incarnation = cluster.node(KOR).incarnation();
    cluster.append(KOR, "JPN+KOR+USA", "new life", Level::All);
    cluster.run_for(6_000);
    assert!(cluster.node(KOR).receipts_complete());
    cluster.stop(KOR);
    cluster.clear();
    cluster.start(KOR);
    assert_eq!(cluster.node(KOR).incarnation(), incarnation, "the loss is cited once");
    let mut texts = cluster.texts(KOR);
    texts.sort();
    assert_eq!(texts, ["jpn 1", "jpn 2", "kept", "new life", "usa 1"], "and what returned is kept");
    assert_eq!(cluster.node(JPN).cut(), cluster.node(KOR).cut());
}

#[test]
fn a_part_of_the_tail_that_a_line_lost_is_returned_again() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR+USA", "kept", Level::All);
    let backup = cluster.hosts[KOR].store.clone();
    for text in ["usa 1", "usa 2", "usa 3"] {
        cluster.append(KOR, "KOR+USA", text, Level::Local);
    }
    cluster.stop(KOR);
    cluster.hosts[KOR].store = backup;
    cluster.start(KOR);
    cluster.clear();
    // JPN returns hashes, which USA's copies then fill: all but the first, which is lost.
    cluster.connect(JPN, KOR);
    cluster.hosts[USA].held_loads = Some(Vec::new());
    cluster.connect(KOR, USA);
    cluster.stall(KOR, USA);
    cluster.read_again(USA);
    cluster.lose_a_batch(USA, KOR);
    cluster.unstall(KOR, USA);
    let got = cluster.texts(KOR).len();
    assert!(got < 3, "expected a lost batch to be missed, got {got} statements");
    cluster.run_for(25_000);
    let mut texts = cluster.texts(KOR);
    texts.sort();
    assert_eq!(texts, ["usa 1", "usa 2", "usa 3"]);
}

#[test]
fn what_was_on_its_way_into_the_store_is_returned_too() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "kept", Level::All);
    let backup = cluster.hosts[KOR].store.clone();
    cluster.hosts[JPN].held_writes = Some(Vec::new());
    let text = b"on its way at JPN";
    cluster.append_in(KOR, Precedence::Immediate, "JPN+KOR", text, Level::Local);
    let old = cluster.node(KOR).own_log(Precedence::Immediate);
    cluster.stop(KOR);
    cluster.hosts[KOR].store = backup;
    cluster.start(KOR);
    cluster.clear();
    cluster.connect(JPN, KOR);
    assert_eq!(cluster.texts(KOR), Vec::<String>::new());
    // The disk fails what it held, and takes it at the second try.
    for op in cluster.hosts[JPN].held_writes.take().unwrap() {
        let error = log::StoreError::Failed { action: "commit", reason: "test".to_owned() };
        cluster.input(JPN, Input::Stored { op, result: Err(error) });
    }
    cluster.run_for(2_000);
    assert_eq!(cluster.texts(KOR), ["on its way at JPN"]);
    assert_eq!(cluster.node(KOR).cut()[&old], cluster.node(JPN).cut()[&old]);
}

#[test]
fn first_start_lost_store_and_lost_file_are_told_apart() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "said", Level::All);
    let causes = |cluster: &Cluster| -> Vec<IncarnationCause> {
        let facts = cluster.facts(KOR).into_iter();
        facts
            .filter(|(fact, _)| fact.kind == kinds::INCARNATION && fact.origin.number() == 1)
            .filter(|(fact, arrival)| {
                fact.origin == cluster.hosts[KOR].id && *arrival == Arrival::Live
            })
            .map(|(fact, _)| IncarnationStart::read(&fact.content).unwrap().cause)
            .collect()
    };
    assert_eq!(causes(&cluster), [IncarnationCause::FirstStart]);
    cluster.stop(KOR);
    cluster.hosts[KOR].store = MemoryStore::new();
    cluster.clear();
    cluster.start(KOR);
    cluster.run_for(200);
    assert_eq!(causes(&cluster), [IncarnationCause::StoreReplaced]);
    cluster.connect_all();
    assert_eq!(cluster.texts(KOR), ["said"], "even a new disk gets back what partners hold");
    cluster.stop(KOR);
    cluster.hosts[KOR].high_water = None;
    cluster.clear();
    cluster.start(KOR);
    cluster.run_for(200);
    assert_eq!(causes(&cluster), [IncarnationCause::StoreReplaced]);
    let realm = cluster.charter.charter.realm().clone();
    let id = cluster.hosts[KOR].id;
    assert_ne!(cluster.hosts[KOR].high_water, Some(HighWater::new(realm, id)));
}

#[test]
fn a_commit_that_failed_and_was_persisted_is_part_of_the_log() {
    let mut cluster = Cluster::three();
    cluster.hosts[KOR].store.fail_next(log::Fault::FailButPersisted);
    let ticket = cluster.append(KOR, "JPN+KOR", "once", Level::All);
    assert!(cluster.acknowledged(KOR, ticket).is_none());
    cluster.run_for(300);
    assert!(cluster.acknowledged(KOR, ticket).is_some());
    assert_eq!(cluster.texts(JPN), ["once"]);
    // The same with the process ending before it could try again.
    cluster.hosts[KOR].store.fail_next(log::Fault::FailButPersisted);
    cluster.append(KOR, "JPN+KOR", "unanswered", Level::All);
    cluster.stop(KOR);
    cluster.start(KOR);
    cluster.connect_all();
    assert_eq!(cluster.texts(JPN), ["once", "unanswered"]);
    // Not persisted, and the process ends: it was never said.
    cluster.hosts[KOR].store.fail_next(log::Fault::FailNotPersisted);
    cluster.append(KOR, "JPN+KOR", "never said", Level::All);
    cluster.stop(KOR);
    cluster.start(KOR);
    cluster.connect_all();
    cluster.append(KOR, "JPN+KOR", "in its place", Level::All);
    assert_eq!(cluster.texts(JPN), ["once", "unanswered", "in its place"]);
    assert!(cluster.node(USA).suspended().next().is_none());
}
