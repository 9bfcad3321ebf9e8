//! Many statements in one append: whole or not at all, one answer, sealed while the store writes.

use base::TimeDelta;
use log::Precedence;
use sync::{Bulk, Input, Level, Output, Refusal, Ticket, limits};

use crate::cluster::{Cluster, KIND};

const JPN: usize = 0;
const KOR: usize = 1;

fn bulk(ticket: u64, level: Level, contents: Vec<Vec<u8>>) -> Input {
    Input::AppendBulk(Bulk {
        ticket: Ticket(ticket),
        audience: "JPN+KOR".parse().unwrap(),
        precedence: Precedence::Routine,
        kind: KIND,
        edition: 1,
        contents,
        level,
        timeout: TimeDelta::from_seconds(10),
    })
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| number.to_string().into_bytes()).collect()
}

fn refusal(cluster: &Cluster, ticket: u64) -> Option<Refusal> {
    cluster.hosts[KOR].out.iter().find_map(|output| match output {
        Output::Refused { ticket: of, reason } if of.0 == ticket => Some(reason.clone()),
        _ => None,
    })
}

#[test]
fn all_are_told_in_order_and_answered_once_when_the_last_is_held() {
    let mut cluster = Cluster::three();
    cluster.clear();
    cluster.input(KOR, bulk(9_001, Level::All, numbered(3_000)));
    let expect: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    assert_eq!(cluster.texts(KOR), expect);
    assert_eq!(cluster.texts(JPN), expect);
    let answers = cluster.hosts[KOR].out.iter().filter(
        |output| matches!(output, Output::Acknowledged { ticket, .. } if ticket.0 == 9_001),
    );
    assert_eq!(answers.count(), 1);
    let (last, holders) = cluster.acknowledged(KOR, Ticket(9_001)).unwrap();
    assert_eq!(last.index + 1, cluster.node(KOR).cut()[&last.log]);
    assert_eq!(holders, [cluster.hosts[KOR].id, cluster.hosts[JPN].id]);
}

#[test]
fn one_statement_or_a_level_out_of_reach_answers_like_a_single_append() {
    let mut cluster = Cluster::three();
    cluster.disconnect(KOR, JPN);
    cluster.clear();
    cluster.input(KOR, bulk(9_001, Level::Local, numbered(1)));
    assert!(cluster.acknowledged(KOR, Ticket(9_001)).is_some());
    cluster.input(KOR, bulk(9_002, Level::All, numbered(5)));
    cluster.run_for(10_100);
    let pending = cluster.hosts[KOR].out.iter().find_map(|output| match output {
        Output::Pending { ticket, entry, holders } if ticket.0 == 9_002 => {
            Some((entry.is_some(), holders.clone()))
        }
        _ => None,
    });
    let (durable, holders) = pending.expect("its time ran out");
    assert!(durable && !holders.contains(&cluster.hosts[JPN].id), "{holders:?}");
}

#[test]
fn nothing_of_a_refused_one_is_taken() {
    let mut cluster = Cluster::three();
    cluster.hosts[KOR].held_writes = Some(Vec::new());
    cluster.input(KOR, bulk(9_000, Level::Local, numbered(1)));
    cluster.clear();
    let max = limits::BULK_ENTRIES_MAX;
    cluster.input(KOR, bulk(9_001, Level::Local, Vec::new()));
    cluster.input(KOR, bulk(9_002, Level::Local, numbered(max + 1)));
    assert_eq!(refusal(&cluster, 9_001), Some(Refusal::BulkSize { max, got: 0 }));
    assert_eq!(refusal(&cluster, 9_002), Some(Refusal::BulkSize { max, got: max + 1 }));
    let mut contents = numbered(5);
    contents[3] = vec![0; base::limits::ENTRY_CONTENT_BYTES_MAX + 1];
    cluster.input(KOR, bulk(9_003, Level::Local, contents));
    assert!(matches!(refusal(&cluster, 9_003), Some(Refusal::TooLarge { .. })));
    // The queue takes a few, then refuses whole ones and says how many wait.
    for ticket in 9_010..9_020 {
        cluster.input(KOR, bulk(ticket, Level::Local, numbered(max)));
    }
    let full: Vec<u64> =
        (9_010..9_020).filter(|ticket| refusal(&cluster, *ticket).is_some()).collect();
    assert!(!full.is_empty() && full.len() < 10, "{full:?} refused");
    let Some(Refusal::QueueFull { waiting, .. }) = refusal(&cluster, full[0]) else {
        panic!("refused for another reason");
    };
    assert!(waiting <= limits::LANE_QUEUE_ENTRIES_MAX);
    // The store works again: what was taken is in the log, nothing else, and there is room.
    let held = cluster.hosts[KOR].held_writes.take().unwrap();
    let error = log::StoreError::Failed { action: "commit", reason: "test".to_owned() };
    for op in held {
        cluster.input(KOR, Input::Stored { op, result: Err(error.clone()) });
    }
    cluster.run_for(500);
    assert_eq!(cluster.texts(JPN).len(), 1 + (10 - full.len()) * max);
    cluster.input(KOR, bulk(9_030, Level::All, numbered(2)));
    assert!(cluster.acknowledged(KOR, Ticket(9_030)).is_some(), "it goes on by itself");
}

#[test]
fn full_batches_are_sealed_while_the_store_writes_and_kept_to_in_order() {
    let mut cluster = Cluster::three();
    cluster.clear();
    cluster.hosts[KOR].held_writes = Some(Vec::new());
    let large = || vec![vec![b'x'; limits::BATCH_CONTENT_BYTES_MAX / 4]; 4];
    for ticket in 9_001..9_009 {
        cluster.input(KOR, bulk(ticket, Level::Local, large()));
    }
    cluster.input(KOR, bulk(9_010, Level::Local, numbered(1)));
    let held = cluster.hosts[KOR].held_writes.clone().unwrap();
    assert_eq!(held.len(), 1, "one operation of a lane is with the store");
    assert!(cluster.texts(KOR).is_empty(), "nothing is told before it is stored");
    cluster.hosts[KOR].held_writes = None;
    let error = log::StoreError::Failed { action: "commit", reason: "test".to_owned() };
    cluster.input(KOR, Input::Stored { op: held[0], result: Err(error) });
    cluster.run_for(300);
    let operations: Vec<(u64, u64)> = cluster.hosts[KOR]
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Store { writes, high_water, .. } => {
                let mut batches = writes.iter().filter_map(|write| match write {
                    log::Write::Batch(batch) if batch.log().lane == Precedence::Routine => {
                        Some((batch.first(), batch.end()))
                    }
                    _ => None,
                });
                let (first, last) = (batches.clone().next()?, batches.next_back()?);
                assert_eq!(high_water[0].size, last.1, "the mark is where the last batch ends");
                Some((first.0, last.1))
            }
            _ => None,
        })
        .collect();
    assert_eq!(operations[0], operations[1], "what failed comes again as it was");
    for pair in operations[1..].windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "one after the other: {operations:?}");
    }
    assert!(operations.len() <= 5, "sealed batches go together: {operations:?}");
    assert_eq!(cluster.texts(JPN).len(), 33);
    let log = cluster.node(KOR).own_log(Precedence::Routine);
    assert_eq!(cluster.node(JPN).cut()[&log], cluster.node(KOR).cut()[&log]);
}
