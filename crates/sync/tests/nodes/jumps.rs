//! Far behind after a break: ahead at once, the rest from behind, whatever happens in between.

use std::collections::BTreeSet;
use std::ops::Range;

use log::{EntryId, Precedence};
use sync::wire::{Jump, Message};
use sync::{Arrival, Level};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

/// Three nodes whose lanes jump when they are behind by more than 8 entries.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(&["JPN-1", "KOR-1", "USA-1"]);
    for host in [JPN, KOR, USA] {
        cluster.hosts[host].config.jump_entries = 8;
        cluster.stop(host);
        cluster.start(host);
    }
    cluster.connect_all();
    cluster.run_for(1_000);
    cluster
}

/// So many statements of KOR in one lane, named by `word` and number, one batch each.
fn say(cluster: &mut Cluster, lane: Precedence, word: &str, count: usize) {
    for number in 0..count {
        let text = format!("{word} {number}");
        cluster.append_in(KOR, lane, "JPN+KOR+USA", text.as_bytes(), Level::Local);
    }
}

/// KOR and JPN are parted, KOR says 30 things, they meet again and KOR cannot read yet what fills the
/// gap.
fn jumped() -> Cluster {
    let mut cluster = parted();
    cluster.hosts[KOR].held_loads = Some(Vec::new());
    cluster.connect(KOR, JPN);
    // The proof of the jump is read; what then is asked for fills the gap.
    cluster.release_loads(KOR);
    cluster
}

fn missing(cluster: &Cluster, lane: Precedence) -> Vec<Range<u64>> {
    let line = &cluster.node(JPN).lines()[0];
    assert_eq!(line.peer, cluster.hosts[KOR].id);
    line.lanes.iter().find(|status| status.lane == lane).unwrap().missing.clone()
}

/// Everything KOR said is told at JPN, each once, and all is as if nothing had happened.
fn assert_whole(cluster: &mut Cluster, texts: usize) {
    cluster.run_for(6_000);
    let told = cluster.texts(JPN);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), texts, "{told:?}");
    assert_eq!(told.len(), texts, "each once");
    assert!(Precedence::ALL.iter().all(|lane| missing(cluster, *lane).is_empty()));
    assert_eq!(cluster.node(JPN).incomplete().count(), 0);
    assert_eq!(cluster.node(JPN).cut(), cluster.node(KOR).cut());
    assert!(cluster.node(KOR).receipts_complete());
    for host in [JPN, KOR, USA] {
        cluster.assert_clean(host);
        assert_eq!(cluster.node(host).suspended().count(), 0);
        let counters = cluster.node(host).counters();
        assert_eq!((counters.batches_refused, counters.unopened), (0, 0), "{counters:?}");
    }
}

#[test]
fn what_is_said_after_the_break_is_told_at_once_and_the_gap_is_filled_from_behind() {
    let mut cluster = jumped();
    let ticket =
        cluster.append_in(KOR, Precedence::Immediate, "JPN+KOR+USA", b"now", Level::Partners(2));
    assert_eq!(cluster.told(JPN), [("now".to_owned(), Arrival::Live)]);
    let (entry, holders) = cluster.acknowledged(KOR, ticket).expect("a range receipt is enough");
    assert!(holders.contains(&cluster.hosts[JPN].id) && holders.len() == 3, "{holders:?}");
    let gaps = missing(&cluster, Precedence::Immediate);
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].end < entry.index && gaps[0].end - gaps[0].start == 30, "{gaps:?}");
    assert_eq!(cluster.node(JPN).gap(&entry.log), Some(gaps[0].start));
    assert_eq!(cluster.node(JPN).cut()[&entry.log], gaps[0].start, "a cut has no gaps");
    cluster.assert_clean(JPN);
    cluster.read_again(KOR);
    let told = cluster.told(JPN);
    assert_eq!(told.len(), 31);
    assert!(told[1..].iter().all(|(_, arrival)| *arrival == Arrival::Backfilled));
    let order: Vec<String> = (0..30).map(|number| format!("apart {number}")).collect();
    assert_eq!(cluster.texts(JPN)[1..], order);
    assert_whole(&mut cluster, 31);
    // Which came late is known after a restart too.
    for restarted in [false, true] {
        if restarted {
            cluster.stop(JPN);
            cluster.start(JPN);
        }
        let late = |index| cluster.node(JPN).came_late(&EntryId { log: entry.log, index });
        let gap = gaps[0].clone();
        assert!(gap.clone().all(late), "{gap:?}");
        assert!(!late(gap.end) && !late(entry.index) && (gap.start == 0 || !late(gap.start - 1)));
    }
}

#[test]
fn a_gap_that_nobody_fills_any_more_is_asked_for_again() {
    let mut cluster = jumped();
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    let size = cluster.node(KOR).cut()[&log];
    // KOR takes the gap for filled, as a peer that says what is not so may have it.
    cluster.deliver(JPN, KOR, Message::Held { log, size }.encode());
    cluster.read_again(KOR);
    cluster.run_for(20_000);
    assert_eq!(cluster.texts(JPN), Vec::<String>::new());
    assert_eq!(missing(&cluster, Precedence::Immediate).len(), 1);
    cluster.run_for(15_000);
    assert_whole(&mut cluster, 30);
}

#[test]
fn a_busy_lane_jumps_to_where_its_new_keys_begin() {
    let mut cluster = parted();
    cluster.hosts[KOR].held_loads = Some(Vec::new());
    cluster.connect(KOR, JPN);
    // While the proof is read the lane goes on under its new keys.
    say(&mut cluster, Precedence::Immediate, "meanwhile", 3);
    cluster.release_loads(KOR);
    say(&mut cluster, Precedence::Immediate, "after", 1);
    let live = ["meanwhile 0", "meanwhile 1", "meanwhile 2", "after 0"];
    assert_eq!(cluster.told(JPN), live.map(|text| (text.to_owned(), Arrival::Live)));
    cluster.read_again(KOR);
    assert_whole(&mut cluster, 34);
}

#[test]
fn flash_lanes_are_filled_first_and_behind_everything_live() {
    let mut cluster = cluster();
    cluster.disconnect(KOR, JPN);
    for lane in [Precedence::Routine, Precedence::Immediate, Precedence::Flash] {
        say(&mut cluster, lane, lane.to_string().as_str(), 20);
    }
    cluster.clear();
    cluster.connect(KOR, JPN);
    let told = cluster.texts(JPN);
    let words: Vec<&str> = told.iter().map(|text| text.split(' ').next().unwrap()).collect();
    let expected = [["FLASH"; 20], ["IMMEDIATE"; 20], ["ROUTINE"; 20]].concat();
    assert_eq!(words.iter().map(|word| word.to_uppercase()).collect::<Vec<_>>(), expected);
    let fills = cluster.sent(KOR, JPN).into_iter().filter_map(|message| match message {
        Message::Batches { batches, .. } => Some(batches.len()),
        _ => None,
    });
    let fills: Vec<usize> = fills.collect();
    assert!(fills.iter().sum::<usize>() >= 60 && fills.len() <= 6, "many a frame: {fills:?}");
    assert_whole(&mut cluster, 60);
}

#[test]
fn a_node_that_restarts_in_the_gap_goes_on_where_it_was() {
    let mut cluster = jumped();
    say(&mut cluster, Precedence::Immediate, "above", 2);
    let gaps = missing(&cluster, Precedence::Immediate);
    cluster.stop(JPN);
    cluster.clear();
    cluster.start(JPN);
    assert_eq!(missing(&cluster, Precedence::Immediate), gaps);
    let replayed: BTreeSet<String> = cluster.texts(JPN).into_iter().collect();
    assert!(replayed.contains("above 1") && replayed.contains("before 2"), "{replayed:?}");
    cluster.hosts[KOR].held_loads = None;
    cluster.connect(KOR, JPN);
    cluster.connect(JPN, USA);
    assert_whole(&mut cluster, 35);
}

#[test]
fn a_node_that_restarts_right_after_the_jump_knows_its_checkpoint() {
    let mut cluster = jumped();
    let stated = cluster.stated(KOR, JPN, Precedence::Immediate, log::CosignatureKind::Witness);
    assert_eq!(stated, cluster.node(KOR).cut()[&cluster.node(KOR).own_log(Precedence::Immediate)]);
    cluster.stop(JPN);
    cluster.clear();
    cluster.start(JPN);
    cluster.hosts[KOR].held_loads = None;
    cluster.connect(KOR, JPN);
    cluster.connect(JPN, USA);
    assert_whole(&mut cluster, 33);
}

#[test]
fn an_origin_that_restarts_fills_the_gaps_it_left() {
    let mut cluster = jumped();
    say(&mut cluster, Precedence::Immediate, "above", 2);
    cluster.stop(KOR);
    cluster.hosts[KOR].held_loads = None;
    cluster.start(KOR);
    cluster.connect_all();
    assert_whole(&mut cluster, 32);
}

#[test]
fn a_second_break_while_filling_leaves_two_gaps_and_both_close() {
    let mut cluster = jumped();
    say(&mut cluster, Precedence::Immediate, "above", 2);
    cluster.disconnect(KOR, JPN);
    say(&mut cluster, Precedence::Immediate, "again", 20);
    cluster.run_for(6_000);
    cluster.connect(KOR, JPN);
    cluster.release_loads(KOR);
    say(&mut cluster, Precedence::Immediate, "top", 1);
    assert_eq!(cluster.texts(JPN).last().unwrap(), "top 0");
    let gaps = missing(&cluster, Precedence::Immediate);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert_eq!(cluster.node(JPN).counters().jumps, 2);
    cluster.assert_clean(JPN);
    // A restart in between changes nothing.
    cluster.stop(JPN);
    cluster.clear();
    cluster.start(JPN);
    assert_eq!(missing(&cluster, Precedence::Immediate), gaps);
    cluster.hosts[KOR].held_loads = None;
    cluster.connect(KOR, JPN);
    cluster.connect(JPN, USA);
    assert_whole(&mut cluster, 56);
}

#[test]
fn a_break_that_the_connection_outlives_is_jumped_over_too() {
    let mut cluster = cluster();
    cluster.clear();
    // Nothing passes for four seconds: the line is late, the connection stands.
    cluster.stall(JPN, KOR);
    cluster.run_for(4_000);
    for number in 0..24 {
        let large = format!("{number} {}", "x".repeat(200_000));
        cluster.append_in(KOR, Precedence::Immediate, "JPN+KOR", large.as_bytes(), Level::Local);
    }
    say(&mut cluster, Precedence::Immediate, "apart", 30);
    cluster.unstall(JPN, KOR);
    cluster.run_for(1_000);
    assert_eq!(cluster.node(JPN).counters().jumps, 1);
    assert_whole(&mut cluster, 54);
}

#[test]
fn a_node_that_joins_from_nothing_follows_at_once() {
    let mut cluster = cluster();
    cluster.stop(JPN);
    cluster.hosts[JPN].store = log::MemoryStore::new();
    cluster.hosts[JPN].high_water = None;
    say(&mut cluster, Precedence::Immediate, "old", 300);
    cluster.clear();
    cluster.hosts[KOR].held_loads = Some(Vec::new());
    cluster.start(JPN);
    cluster.connect(KOR, JPN);
    say(&mut cluster, Precedence::Immediate, "new", 1);
    assert_eq!(cluster.texts(JPN), ["new 0"]);
    cluster.read_again(KOR);
    cluster.connect(JPN, USA);
    assert_whole(&mut cluster, 301);
}

#[test]
fn with_an_older_release_everything_goes_in_order_and_no_new_frame_is_sent() {
    for old in [JPN, KOR] {
        let mut cluster = cluster();
        cluster.stop(old);
        cluster.hosts[old].config.editions = (1, 1);
        cluster.start(old);
        cluster.connect_all();
        cluster.disconnect(KOR, JPN);
        cluster.clear();
        say(&mut cluster, Precedence::Immediate, "apart", 30);
        cluster.connect(KOR, JPN);
        for (from, to) in [(KOR, JPN), (JPN, KOR)] {
            assert!(cluster.sent(from, to).iter().all(|message| message.edition() == 1));
        }
        assert_eq!(cluster.node(JPN).counters().jumps, 0);
        assert_whole(&mut cluster, 30);
    }
}

#[test]
fn a_gap_left_by_an_older_connection_is_filled_by_an_older_release() {
    let mut cluster = jumped();
    say(&mut cluster, Precedence::Immediate, "above", 2);
    cluster.stop(KOR);
    cluster.hosts[KOR].config.editions = (1, 1);
    cluster.hosts[KOR].held_loads = None;
    cluster.start(KOR);
    cluster.connect_all();
    assert_whole(&mut cluster, 32);
}

/// KOR is 30 entries ahead of JPN, which knows the first ones.
fn parted() -> Cluster {
    let mut cluster = cluster();
    say(&mut cluster, Precedence::Immediate, "before", 3);
    cluster.disconnect(KOR, JPN);
    say(&mut cluster, Precedence::Immediate, "apart", 30);
    cluster.clear();
    cluster
}

#[test]
fn a_jump_that_proves_nothing_is_refused_and_nothing_is_lost() {
    let mut cluster = parted();
    cluster.connect(KOR, JPN);
    let jump = cluster.sent(KOR, JPN).into_iter().find_map(|message| match message {
        Message::Jump(jump) => Some(jump),
        _ => None,
    });
    let jump = jump.unwrap();
    let flipped = |hashes: &[log::Hash]| {
        let mut hashes = hashes.to_vec();
        hashes[0][0] ^= 1;
        hashes
    };
    let mut unsigned = jump.checkpoint.clone();
    *unsigned.last_mut().unwrap() ^= 1;
    // The same cluster once more, just before they meet again.
    let mut cluster = parted();
    let peer = cluster.hosts[KOR].id;
    cluster.input(JPN, sync::Input::Connected { peer });
    for (number, bad) in [
        Jump { proof: flipped(&jump.proof), ..jump.clone() },
        Jump { proof: Vec::new(), ..jump.clone() },
        Jump { peaks: flipped(&jump.peaks), ..jump.clone() },
        Jump { peaks: jump.peaks[1..].to_vec(), ..jump.clone() },
        Jump { checkpoint: unsigned, ..jump.clone() },
        Jump { checkpoint: b"no checkpoint".to_vec(), ..jump.clone() },
    ]
    .into_iter()
    .enumerate()
    {
        cluster.deliver(KOR, JPN, Message::Jump(bad).encode());
        let counters = cluster.node(JPN).counters();
        assert_eq!((counters.batches_refused, counters.jumps), (number as u64 + 1, 0));
    }
    let other = cluster.hosts[USA].id;
    assert_ne!(other, peer);
    cluster.deliver(USA, JPN, Message::Jump(jump.clone()).encode());
    assert_eq!(cluster.node(JPN).counters().batches_refused, 7, "a log of another node");
    cluster.deliver(KOR, JPN, Message::Jump(jump).encode());
    assert_eq!(cluster.node(JPN).counters().jumps, 1, "the true one is taken");
    assert_eq!(missing(&cluster, Precedence::Immediate).len(), 1);
    cluster.disconnect(JPN, KOR);
    cluster.connect(JPN, KOR);
    cluster.run_for(6_000);
    assert_eq!(cluster.texts(JPN).len(), 30);
    assert_eq!(cluster.node(JPN).cut(), cluster.node(KOR).cut());
}
