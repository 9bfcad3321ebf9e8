//! A line that is down, and a third node that carries for the two.

use std::collections::BTreeSet;

use log::{Agreement, Carrier, LineRecord, Precedence, TunnelEnds, TunnelOffer};
use sync::wire::{Message, Relay, RelayPart};
use sync::{Arrival, Level, LineState};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

type Terms = fn(&mut Agreement);

fn usa_relays(agreement: &mut Agreement) {
    agreement.relays = BTreeSet::from(["USA".parse().unwrap()]);
}

fn three(change: impl FnOnce(&mut Agreement)) -> Cluster {
    let mut cluster = Cluster::with(&["JPN-1", "KOR-1", "USA-1"], change);
    cluster.connect_all();
    cluster.run_for(1_000);
    cluster.clear();
    cluster
}

fn relayed(cluster: &Cluster, from: usize, to: usize) -> Vec<Relay> {
    let frames = cluster.sent(from, to).into_iter();
    frames
        .filter_map(|message| match message {
            Message::Relay(relayed) => Some(relayed),
            _ => None,
        })
        .collect()
}

#[test]
fn what_two_say_goes_sealed_through_a_third_until_their_line_is_back() {
    let mut cluster = three(usa_relays);
    cluster.disconnect(JPN, KOR);
    cluster.run_for(4_000);
    assert_eq!(cluster.node(JPN).relay_to(cluster.hosts[KOR].id), Some(cluster.hosts[USA].id));
    assert_eq!(cluster.node(KOR).relay_to(cluster.hosts[JPN].id), Some(cluster.hosts[USA].id));
    let ticket =
        cluster.append_in(KOR, Precedence::Flash, "JPN+KOR", b"launch detected", Level::All);
    let (_, holders) = cluster.acknowledged(KOR, ticket).unwrap();
    assert_eq!(holders, [cluster.hosts[KOR].id, cluster.hosts[JPN].id]);
    assert_eq!(cluster.told(JPN), [("launch detected".to_owned(), Arrival::Live)]);
    assert_eq!(cluster.texts(USA), Vec::<String>::new());
    cluster.run_for(10_000);
    let line =
        cluster.node(KOR).lines().into_iter().find(|line| line.peer == cluster.hosts[JPN].id);
    assert_eq!(line.unwrap().state, LineState::Up, "pings go through too");
    assert!(cluster.node(USA).counters().relayed > 10);
    // What USA saw of it: sealed frames, in which no frame of the protocol is to be found.
    let sealed = relayed(&cluster, KOR, USA);
    assert!(sealed.iter().any(|frame| frame.precedence == Precedence::Flash));
    for frame in sealed.iter().filter(|frame| frame.part == RelayPart::Sealed) {
        for word in [&b"launch"[..], b"WFS", b"WFB", b"WFE"] {
            assert!(!frame.bytes.windows(word.len()).any(|part| part == word), "{word:?}");
        }
    }
    assert_eq!(
        relayed(&cluster, USA, JPN).len(),
        sealed.len(),
        "and passed every one on as it was"
    );
    cluster.connect(JPN, KOR);
    assert_eq!(cluster.node(JPN).relay_to(cluster.hosts[KOR].id), None);
    let before = cluster.node(USA).counters().relayed;
    cluster.append(JPN, "JPN+KOR", "over their own line", Level::All);
    cluster.run_for(4_000);
    assert_eq!(cluster.texts(KOR).last().unwrap(), "over their own line");
    assert_eq!(cluster.node(USA).counters().relayed, before);
    assert_eq!(cluster.node(JPN).cut(), cluster.node(KOR).cut());
    for host in [JPN, KOR, USA] {
        cluster.assert_clean(host);
    }
}

#[test]
fn nobody_relays_without_leave_over_files_or_from_whom_something_is_withheld() {
    let by_file = |agreement: &mut Agreement| {
        usa_relays(agreement);
        for line in &mut agreement.lines {
            line.carrier = Carrier::Bundle;
        }
    };
    let no_leave = |_: &mut Agreement| {};
    let an_end = |agreement: &mut Agreement| {
        agreement.relays = BTreeSet::from(["KOR".parse().unwrap()]);
    };
    let checks: [(&str, Terms); 3] =
        [("no leave", no_leave), ("by file", by_file), ("an end itself", an_end)];
    for (name, change) in checks {
        let mut cluster = three(change);
        cluster.disconnect(JPN, KOR);
        cluster.append(KOR, "JPN+KOR", "held back", Level::Local);
        cluster.run_for(12_000);
        assert_eq!(cluster.texts(JPN), Vec::<String>::new(), "{name}");
        assert_eq!(cluster.node(USA).counters().relayed, 0, "{name}");
        // Nor does anybody carry for one who asks for it all the same.
        let (from, to) = (cluster.hosts[KOR].id, cluster.hosts[JPN].id);
        let (precedence, part) = (Precedence::Flash, RelayPart::Sealed);
        let frame = Message::Relay(Relay { from, to, precedence, part, bytes: vec![7; 60] });
        cluster.deliver(KOR, USA, frame.encode());
        let counters = cluster.node(USA).counters();
        assert_eq!((counters.relayed, counters.relayed_refused), (0, 1), "{name}");
        assert!(relayed(&cluster, USA, JPN).is_empty(), "{name}");
    }
}

#[test]
fn frames_that_are_forged_repeated_or_of_others_change_nothing() {
    let mut cluster = three(usa_relays);
    cluster.disconnect(JPN, KOR);
    cluster.run_for(4_000);
    cluster.append(KOR, "JPN+KOR", "first", Level::All);
    let (jpn, kor, usa) = (cluster.hosts[JPN].id, cluster.hosts[KOR].id, cluster.hosts[USA].id);
    let offers = relayed(&cluster, USA, KOR);
    let offer = offers.iter().find(|frame| frame.part == RelayPart::Offer).unwrap().clone();
    let frames = relayed(&cluster, USA, JPN);
    let sealed = frames.iter().rfind(|frame| frame.part == RelayPart::Sealed).unwrap().clone();
    let answer = frames.iter().find(|frame| frame.part == RelayPart::Answer).unwrap().clone();
    let refused = |cluster: &Cluster, host: usize| cluster.node(host).counters().relayed_refused;
    let dropped = |cluster: &Cluster, host: usize| cluster.node(host).counters().relayed_dropped;
    // Repeated, and with a byte changed.
    for (to, frame) in [(JPN, &sealed), (KOR, &offer), (JPN, &answer)] {
        let before = (refused(&cluster, to), dropped(&cluster, to));
        cluster.deliver(USA, to, Message::Relay(frame.clone()).encode());
        let mut changed = frame.clone();
        let middle = changed.bytes.len() / 2;
        changed.bytes[middle] ^= 1;
        cluster.deliver(USA, to, Message::Relay(changed).encode());
        let after = (refused(&cluster, to), dropped(&cluster, to));
        assert_eq!(after.0 + after.1, before.0 + before.1 + 2, "{:?}", frame.part);
    }
    // Of another than its sender, and by way of one that is not a neighbour of its own.
    let forged = Relay { from: usa, ..sealed.clone() };
    cluster.deliver(USA, JPN, Message::Relay(forged).encode());
    let onward = Relay { from: jpn, to: kor, ..sealed };
    let before = refused(&cluster, USA);
    cluster.deliver(KOR, USA, Message::Relay(onward).encode());
    assert_eq!(refused(&cluster, USA), before + 1, "what another said is not passed on");
    assert_eq!(cluster.node(KOR).relay_to(jpn), Some(usa), "the tunnel is still there");
    cluster.append(KOR, "JPN+KOR", "second", Level::All);
    assert_eq!(cluster.texts(JPN), ["first", "second"]);
}

#[test]
fn a_node_on_no_roster_is_refused_though_a_line_names_it() {
    let mut cluster = three(|agreement| {
        usa_relays(agreement);
        let (from, to) = ("JPN-2".parse().unwrap(), "KOR-1".parse().unwrap());
        agreement.lines.push(LineRecord { from, to, carrier: Carrier::Tcp });
    });
    let ends = TunnelEnds { from: "JPN-2".parse().unwrap(), to: cluster.hosts[KOR].id };
    let key = cluster.charter.secrets[&cluster.hosts[JPN].id].key.clone();
    let realm = cluster.charter.charter.realm().clone();
    let (bytes, _) = TunnelOffer::make(&realm, ends, cluster.now, &key, &mut cluster.rng);
    let (TunnelEnds { from, to }, precedence) = (ends, Precedence::Flash);
    for part in [RelayPart::Offer, RelayPart::Answer, RelayPart::Sealed] {
        let frame = Relay { from, to, precedence, part, bytes: bytes.clone() };
        cluster.deliver(USA, KOR, Message::Relay(frame).encode());
    }
    assert_eq!(cluster.node(KOR).counters().relayed_refused, 3);
    assert!(relayed(&cluster, KOR, USA).is_empty());
}

#[test]
fn another_relay_is_tried_when_one_is_gone_and_restarts_find_each_other() {
    let both = |agreement: &mut Agreement| {
        agreement.relays = BTreeSet::from(["USA".parse().unwrap(), "AUS".parse().unwrap()]);
    };
    let mut cluster = Cluster::with(&["AUS-1", "JPN-1", "KOR-1", "USA-1"], both);
    let (aus, jpn, kor, usa) = (0, 1, 2, 3);
    let id = |cluster: &Cluster, host: usize| cluster.hosts[host].id;
    cluster.connect_all();
    cluster.disconnect(jpn, kor);
    cluster.run_for(4_000);
    assert_eq!(cluster.node(kor).relay_to(id(&cluster, jpn)), Some(id(&cluster, aus)));
    // AUS loses its line to KOR: what JPN offers there finds no way, the next is tried.
    cluster.disconnect(aus, kor);
    cluster.run_for(30_000);
    assert_eq!(cluster.node(kor).relay_to(id(&cluster, jpn)), Some(id(&cluster, usa)));
    assert_eq!(cluster.node(jpn).relay_to(id(&cluster, kor)), Some(id(&cluster, usa)));
    // KOR starts anew and has forgotten its end; JPN notices the silence and offers again.
    cluster.stop(kor);
    cluster.start(kor);
    cluster.connect(kor, usa);
    cluster.run_for(40_000);
    assert_eq!(cluster.node(kor).relay_to(id(&cluster, jpn)), Some(id(&cluster, usa)));
    cluster.clear();
    let ticket = cluster.append(jpn, "JPN+KOR", "after the restart", Level::All);
    assert!(cluster.acknowledged(jpn, ticket).is_some());
    assert_eq!(cluster.texts(kor), ["after the restart"]);
}

#[test]
fn much_that_waits_comes_through_and_little_of_it_is_on_the_way() {
    let mut cluster = three(usa_relays);
    cluster.disconnect(JPN, KOR);
    cluster.run_for(4_000);
    cluster.clear();
    // Nothing comes through to JPN for a while, as over a slow line.
    cluster.stall(JPN, USA);
    for number in 0..300 {
        let text = format!("{number:0>4096}");
        cluster.append_in(KOR, Precedence::Routine, "JPN+KOR", text.as_bytes(), Level::Local);
    }
    let on_the_way: usize = relayed(&cluster, KOR, USA).iter().map(|frame| frame.bytes.len()).sum();
    let window = sync::limits::RELAYED_WINDOW_BYTES_MAX;
    assert!((window / 2..window + 64 * 1024).contains(&on_the_way), "{on_the_way}");
    cluster.unstall(JPN, USA);
    cluster.run_for(1_000);
    assert_eq!(cluster.texts(JPN).len(), 300);
    assert_eq!(cluster.node(JPN).cut(), cluster.node(KOR).cut());
}
