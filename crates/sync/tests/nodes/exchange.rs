//! What is appended at one node is told at those it is addressed to, and acknowledged as asked.

use log::{CosignatureKind, Precedence, StoreReadExt};
use sync::wire::Message;
use sync::{Arrival, Input, Level, LineState, Output, limits};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

#[test]
fn a_statement_is_told_where_it_is_addressed_and_acknowledged_by_all() {
    let mut cluster = Cluster::three();
    cluster.clear();
    let ticket = cluster.append(KOR, "KOR+USA+JPN", "for all", Level::All);
    let pair = cluster.append(KOR, "KOR+USA", "for two", Level::Partners(1));
    for (host, expected) in [
        (JPN, vec!["for all"]),
        (KOR, vec!["for all", "for two"]),
        (USA, vec!["for all", "for two"]),
    ] {
        assert_eq!(cluster.texts(host), expected, "at host {host}");
    }
    let (entry, holders) = cluster.acknowledged(KOR, ticket).unwrap();
    assert_eq!(holders, [cluster.hosts[KOR].id, cluster.hosts[JPN].id, cluster.hosts[USA].id]);
    let all = "JPN+KOR+USA".parse().unwrap();
    assert_eq!(cluster.node(KOR).holders(&entry, &all), holders);
    let (entry, holders) = cluster.acknowledged(KOR, pair).unwrap();
    assert_eq!(holders, [cluster.hosts[KOR].id, cluster.hosts[USA].id]);
    let two = "KOR+USA".parse().unwrap();
    cluster.run_for(2);
    assert_eq!(cluster.node(KOR).holders(&entry, &two), holders, "others hold a hash");
    assert_eq!(cluster.node(JPN).cut(), cluster.node(KOR).cut(), "the tree is whole at JPN too");
    assert!(cluster.node(KOR).receipts_complete());
    let status = &cluster.node(KOR).lines()[0];
    assert_eq!((status.peer, status.state), (cluster.hosts[JPN].id, LineState::Up));
}

#[test]
fn outside_the_audience_nothing_but_hashes_arrives() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "KOR+USA", "canary text", Level::Local);
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    let batches = cluster.hosts[JPN].store.batches(&log, 0, 9, usize::MAX).unwrap();
    assert_eq!(batches.iter().flat_map(log::Batch::entries).count(), 0);
    assert_eq!(batches.last().unwrap().end(), cluster.node(KOR).cut()[&log]);
    let holds = cluster.stated(KOR, JPN, Precedence::Immediate, CosignatureKind::Holds);
    assert_eq!(
        holds,
        cluster.node(KOR).cut()[&log],
        "everything addressed to JPN is there: nothing"
    );
}

#[test]
fn nothing_is_sent_told_or_acknowledged_before_it_is_stored() {
    let mut cluster = Cluster::three();
    cluster.clear();
    cluster.hosts[KOR].held_writes = Some(Vec::new());
    let ticket = cluster.append(KOR, "JPN+KOR", "first", Level::Local);
    for text in ["second", "third"] {
        cluster.append(KOR, "JPN+KOR", text, Level::Local);
    }
    assert!(cluster.texts(KOR).is_empty() && cluster.acknowledged(KOR, ticket).is_none());
    let batches = |messages: &[Message]| {
        messages.iter().filter(|message| matches!(message, Message::Batch { .. })).count()
    };
    assert_eq!(batches(&cluster.sent(KOR, JPN)), 0);
    let held = cluster.hosts[KOR].held_writes.take().unwrap();
    assert_eq!(held.len(), 1, "one operation of a lane is in flight; the rest waits for the next");
    // It failed and was not persisted: the same writes come again, byte for byte.
    let writes_of = |cluster: &Cluster, n: usize| {
        let stores = cluster.hosts[KOR].out.iter().filter_map(|output| match output {
            Output::Store { writes, .. } => {
                Some(writes.iter().map(log::Write::row).collect::<Vec<_>>())
            }
            _ => None,
        });
        stores.collect::<Vec<_>>().swap_remove(n)
    };
    let error = log::StoreError::Failed { action: "commit", reason: "test".to_owned() };
    cluster.input(KOR, Input::Stored { op: held[0], result: Err(error) });
    assert!(cluster.texts(KOR).is_empty());
    cluster.run_for(300);
    assert_eq!(writes_of(&cluster, 0), writes_of(&cluster, 1));
    assert_eq!(cluster.texts(JPN), ["first", "second", "third"]);
    assert_eq!(cluster.node(KOR).counters().store_retries, 1);
    let counted = cluster.sent(KOR, JPN).into_iter().filter_map(|message| match message {
        Message::Batch { batch, .. } => Some(log::Batch::parse(batch).unwrap().entries().count()),
        _ => None,
    });
    assert!(counted.collect::<Vec<_>>().ends_with(&[2]), "what waited went as one batch of two");
}

#[test]
fn flash_has_operations_of_its_own() {
    let mut cluster = Cluster::three();
    cluster.clear();
    cluster.hosts[KOR].held_writes = Some(Vec::new());
    cluster.append_in(KOR, Precedence::Routine, "JPN+KOR", b"bulk", Level::Local);
    cluster.append_in(KOR, Precedence::Flash, "JPN+KOR", b"urgent", Level::Local);
    let urgencies: Vec<Precedence> = cluster.hosts[KOR]
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Store { urgency, .. } => Some(*urgency),
            _ => None,
        })
        .collect();
    assert_eq!(urgencies, [Precedence::Routine, Precedence::Flash]);
}

#[test]
fn time_runs_out_with_what_is_known() {
    let mut cluster = Cluster::three();
    cluster.disconnect(KOR, JPN);
    cluster.clear();
    let ticket = cluster.append(KOR, "JPN+KOR+USA", "hello", Level::All);
    cluster.run_for(10_100);
    let pending = cluster.hosts[KOR].out.iter().find_map(|output| match output {
        Output::Pending { ticket: of, entry, holders } if *of == ticket => {
            Some((entry.is_some(), holders.clone()))
        }
        _ => None,
    });
    assert_eq!(pending, Some((true, vec![cluster.hosts[KOR].id, cluster.hosts[USA].id])));
    assert!(!cluster.node(KOR).receipts_complete());
    cluster.connect(KOR, JPN);
    assert_eq!(cluster.texts(JPN), ["hello"]);
    assert!(cluster.node(KOR).receipts_complete());
}

#[test]
fn what_a_short_break_held_up_is_live() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "before", Level::Local);
    cluster.disconnect(KOR, JPN);
    cluster.append(KOR, "JPN+KOR", "long ago", Level::Local);
    cluster.run_for(2_000);
    cluster.append(KOR, "JPN+KOR", "just now", Level::Local);
    cluster.run_for(2_000);
    cluster.clear();
    cluster.connect(KOR, JPN);
    let expected = [("long ago", Arrival::Backfilled), ("just now", Arrival::Live)];
    assert_eq!(cluster.told(JPN), expected.map(|(text, arrival)| (text.to_owned(), arrival)));
}

#[test]
fn after_a_break_everything_missed_comes_marked_as_backfill_and_within_the_window() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR", "before", Level::Local);
    cluster.disconnect(KOR, JPN);
    let large = vec![b'x'; 200_000];
    for _ in 0..100 {
        cluster.append_in(KOR, Precedence::Immediate, "JPN+KOR", &large, Level::Local);
    }
    cluster.append_in(KOR, Precedence::Flash, "JPN+KOR", b"flash", Level::Local);
    cluster.run_for(4_000);
    cluster.clear();
    cluster.connect(KOR, JPN);
    let told = cluster.told(JPN);
    assert_eq!(told.len(), 101);
    assert_eq!(told[0].0, "flash", "the most urgent lane comes first");
    assert!(told.iter().all(|(_, arrival)| *arrival == Arrival::Backfilled));
    let host = &cluster.hosts[KOR];
    let read = |out: &Output| match out {
        Output::Load { log, from, bytes_max, .. } => {
            let batches = host.store.batches(log, *from, usize::MAX, *bytes_max).unwrap();
            Some((*from, batches.last().unwrap().end()))
        }
        _ => None,
    };
    let reads: Vec<(u64, u64)> = host.out.iter().filter_map(read).collect();
    assert!(reads.len() > 2, "20 MB do not fit the cache");
    assert!(reads.is_sorted_by(|(_, end), (from, _)| end <= from), "read twice: {reads:?}");
    let first_burst: usize = cluster.hosts[KOR]
        .out
        .iter()
        .take_while(|output| !matches!(output, Output::Receipt { .. }))
        .map(|output| if let Output::Send { bytes, .. } = output { bytes.len() } else { 0 })
        .sum();
    assert!(first_burst < limits::WINDOW_BYTES_MAX + 500_000, "{first_burst} bytes at once");
    cluster.clear();
    cluster.append(KOR, "JPN+KOR", "after", Level::Local);
    assert_eq!(cluster.told(JPN), [("after".to_owned(), Arrival::Live)]);
}

#[test]
fn frames_out_of_order_repeated_or_lost_do_no_harm() {
    let mut cluster = Cluster::three();
    cluster.disconnect(KOR, JPN);
    cluster.clear();
    for number in 0..5 {
        cluster.append(KOR, "JPN+KOR", &number.to_string(), Level::Local);
    }
    let batches: Vec<Vec<u8>> = cluster.hosts[KOR]
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Store { writes, .. } => writes.iter().find_map(|write| match write {
                log::Write::Batch(batch) if batch.log().lane == Precedence::Immediate => {
                    let batch = batch.for_audience(cluster.hosts[JPN].id.partner());
                    let batch = batch.as_bytes().clone();
                    Some(Message::Batch { complete: true, batch }.encode())
                }
                _ => None,
            }),
            _ => None,
        })
        .collect();
    assert_eq!(batches.len(), 5);
    // JPN believes in a connection on which KOR says nothing of itself.
    let peer = cluster.hosts[KOR].id;
    cluster.input(JPN, Input::Connected { peer });
    for place in [3, 0, 0, 2, 1, 4, 2, 1] {
        cluster.deliver(KOR, JPN, batches[place].clone());
    }
    assert_eq!(cluster.texts(JPN), ["0", "1", "2"], "3 and 4 came too early");
    let counters = cluster.node(JPN).counters();
    assert!(counters.gaps >= 2 && counters.duplicates >= 2, "{counters:?}");
    cluster.connect(KOR, JPN);
    assert_eq!(cluster.texts(JPN), ["0", "1", "2", "3", "4"]);
}

#[test]
fn the_line_is_late_then_lost_then_closed_and_clocks_are_compared() {
    let mut cluster = Cluster::three();
    cluster.run_for(2_000);
    let line = |cluster: &Cluster| cluster.node(KOR).lines()[0].clone();
    assert_eq!(line(&cluster).state, LineState::Up);
    assert_eq!(line(&cluster).clock_offset.unwrap().as_nanos(), 0);
    cluster.stop(JPN);
    // The connection stays open at KOR: its other end is silently gone.
    let peer = cluster.hosts[JPN].id;
    cluster.input(KOR, Input::Connected { peer });
    cluster.run_for(3_500);
    assert_eq!(line(&cluster).state, LineState::Late);
    cluster.clear();
    cluster.run_for(12_000);
    assert_eq!(line(&cluster).state, LineState::Lost);
    let closed = |output: &Output| matches!(output, Output::Close { .. });
    assert!(cluster.hosts[KOR].out.iter().any(closed));
}
