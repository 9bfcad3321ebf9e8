//! Receipts of any age, why somebody has or has not got an entry, and previews that cannot differ from
//! what is then done.

use std::collections::BTreeSet;

use base::{PartnerId, TimeDelta, Timestamp};
use log::{Audience, EntryId, Hidden, Precedence, Sight, StoreReadExt, receipts_of};
use sync::{Append, Level, NodeWhy, Reason, Ticket, Why};

use crate::cluster::{Cluster, KIND};

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

fn partner(name: &str) -> PartnerId {
    name.parse().unwrap()
}

fn append(audience: &str, level: Level) -> Append {
    Append {
        ticket: Ticket(u64::MAX),
        audience: audience.parse().unwrap(),
        precedence: Precedence::Immediate,
        kind: KIND,
        edition: 1,
        content: b"looked at".to_vec(),
        level,
        timeout: TimeDelta::from_seconds(10),
    }
}

/// The newest entry of a host's IMMEDIATE lane.
fn newest(cluster: &Cluster, host: usize) -> EntryId {
    let log = cluster.node(host).own_log(Precedence::Immediate);
    EntryId { log, index: cluster.node(host).cut()[&log] - 1 }
}

fn why(cluster: &Cluster, entry: EntryId, audience: &str, of: &str) -> (Why, NodeWhy) {
    let why = cluster.node(KOR).why(entry, audience.parse().unwrap(), partner(of));
    let node = why.nodes[0].clone();
    (why, node)
}

/// Has `owner` withhold from `from` by a newer roster, which every node then starts with.
fn withhold(cluster: &mut Cluster, owner: &str, from: &[&str]) {
    let owner = partner(owner);
    let realm = cluster.charter.charter.realm().clone();
    let mut roster = cluster.charter.charter.rosters()[&owner].clone();
    roster.number += 1;
    roster.withhold = from.iter().map(|name| partner(name)).collect();
    let root = &cluster.charter.roots[&owner];
    let signature = root.key.sign(roster.canonical_text(&realm).as_bytes());
    cluster.charter.charter.adopt_roster(roster, &signature).unwrap();
    for host in [JPN, KOR, USA] {
        cluster.stop(host);
    }
    for host in [JPN, KOR, USA] {
        cluster.start(host);
    }
    cluster.connect_all();
}

#[test]
fn a_receipt_of_any_age_says_when_an_entry_was_first_held() {
    let mut cluster = Cluster::three();
    let mut expected = Vec::new();
    for text in ["first", "second", "third", "fourth"] {
        cluster.append(KOR, "JPN+KOR+USA", text, Level::Local);
        let second = cluster.now.as_nanos().div_euclid(1_000_000_000);
        expected.push((newest(&cluster, KOR), Timestamp::from_seconds(second)));
        cluster.run_for(2_000);
    }
    // Every later statement replaced the one before it; a restart must not forget them either.
    cluster.stop(KOR);
    cluster.start(KOR);
    cluster.connect_all();
    cluster.append(KOR, "JPN+KOR+USA", "fifth", Level::Local);
    cluster.run_for(6_000);
    cluster.append(KOR, "JPN+KOR+USA", "sixth", Level::Local);
    for (entry, at) in expected {
        let receipts = receipts_of(&cluster.hosts[KOR].store, &entry).unwrap();
        let by: Vec<String> = receipts.iter().map(|made| made.by.to_string()).collect();
        assert_eq!(by, ["JPN-1", "USA-1"]);
        for receipt in receipts {
            assert_eq!(receipt.held_at(), Some(at), "{entry} by {}", receipt.by);
            assert_eq!(receipt.witnessed_at(), Some(at), "{entry} by {}", receipt.by);
        }
    }
    let rows = cluster.hosts[KOR].store.cosignatures(&newest(&cluster, KOR).log).unwrap();
    assert_eq!(rows.len(), 4, "two kinds by two nodes");
}

#[test]
fn why_names_what_stands_in_the_way() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, "JPN+KOR+USA", "for all", Level::Local);
    let entry = newest(&cluster, KOR);
    let (answer, node) = why(&cluster, entry, "JPN+KOR+USA", "JPN");
    assert_eq!((answer.reason, node.reason), (Reason::Holds, Reason::Holds));
    assert_eq!(answer.sentence(), "JPN has it: JPN-1 states that it holds it");

    cluster.append(KOR, "KOR+USA", "for two", Level::Local);
    let pair = newest(&cluster, KOR);
    let (answer, _) = why(&cluster, pair, "KOR+USA", "JPN");
    assert_eq!(answer.reason, Reason::HashWitnessed(Hidden::NotInAudience));
    assert_eq!(answer.sight, Sight::LeafHash(Hidden::NotInAudience));
    assert_eq!(
        answer.sentence(),
        "JPN may not read it: the audience `KOR+USA` does not have it; JPN-1 has witnessed the leaf hash"
    );

    cluster.disconnect(KOR, JPN);
    for text in ["waits", "waits too", "and this"] {
        cluster.append(KOR, "JPN+KOR+USA", text, Level::Local);
    }
    let last = newest(&cluster, KOR);
    let (answer, node) = why(&cluster, last, "JPN+KOR+USA", "JPN");
    assert_eq!(answer.reason, Reason::LineDown);
    assert_eq!(
        (node.ahead.from, node.ahead.entries),
        (pair.index + 1, last.index - pair.index - 1)
    );
    assert!(
        answer.sentence().contains("2 entries of the IMMEDIATE lane go before it"),
        "{answer:?}"
    );
    let (answer, _) = why(&cluster, last, "JPN+KOR+USA", "USA");
    assert_eq!(answer.reason, Reason::Holds);
    let (answer, _) = why(&cluster, last, "JPN+KOR+USA", "KOR");
    assert_eq!(answer.reason, Reason::Wrote);
    let foreign = cluster.node(USA).why(last, "JPN+KOR+USA".parse().unwrap(), partner("JPN"));
    assert_eq!(foreign.reason, Reason::NotOurs);

    cluster.connect(KOR, JPN);
    let (answer, _) = why(&cluster, last, "JPN+KOR+USA", "JPN");
    assert_eq!(answer.reason, Reason::Holds, "{}", answer.sentence());

    // It was sent, and the other node's disk has not answered.
    cluster.hosts[USA].held_writes = Some(Vec::new());
    cluster.append(KOR, "JPN+KOR+USA", "on its way", Level::Local);
    let entry = newest(&cluster, KOR);
    let (answer, _) = why(&cluster, entry, "JPN+KOR+USA", "USA");
    assert_eq!(answer.reason, Reason::OnTheWay);
}

#[test]
fn why_names_who_withholds() {
    let mut cluster = Cluster::three();
    withhold(&mut cluster, "KOR", &["JPN"]);
    cluster.append(KOR, "JPN+KOR+USA", "not for JPN now", Level::Local);
    let entry = newest(&cluster, KOR);
    let (answer, _) = why(&cluster, entry, "JPN+KOR+USA", "JPN");
    assert_eq!(answer.reason, Reason::HashWitnessed(Hidden::Withheld));
    assert!(
        answer.sentence().contains("roster 2 of KOR withholds from it"),
        "{}",
        answer.sentence()
    );
    assert!(!cluster.texts(JPN).contains(&"not for JPN now".to_owned()));
    assert!(cluster.texts(USA).contains(&"not for JPN now".to_owned()));
}

#[test]
fn a_preview_says_exactly_what_is_then_sent() {
    for withheld in [&[][..], &["JPN"], &["USA"], &["JPN", "USA"]] {
        let mut cluster = Cluster::three();
        withhold(&mut cluster, "KOR", withheld);
        for audience in ["KOR", "JPN+KOR", "KOR+USA", "JPN+KOR+USA"] {
            let preview = cluster.node(KOR).preview(&append(audience, Level::Local)).unwrap();
            assert_eq!(preview.audience, audience.parse::<Audience>().unwrap());
            cluster.append(KOR, audience, "looked at", Level::Local);
            let entry = newest(&cluster, KOR);
            assert_eq!(preview.log, entry.log);
            for (host, name) in [(JPN, "JPN"), (USA, "USA")] {
                let batch = cluster.hosts[host].store.batch_of(&entry).unwrap().unwrap();
                let got_whole = batch.entries().any(|held| held.id() == entry);
                let told = preview.partners.iter().find(|p| p.partner == partner(name)).unwrap();
                let case = format!("{audience} to {name}, withheld from {withheld:?}");
                assert_eq!(told.sight.is_whole(), got_whole, "{case}");
                // The key travels to exactly those who get the entry.
                let readers: BTreeSet<PartnerId> = cluster
                    .charter
                    .charter
                    .readers(partner("KOR"), &preview.audience)
                    .into_keys()
                    .map(|node| node.partner())
                    .collect();
                assert_eq!(readers.contains(&partner(name)), got_whole, "{case}");
                assert!(told.nodes[0].connected, "{case}");
            }
        }
    }
}

#[test]
fn a_preview_refuses_what_an_append_refuses() {
    let mut cluster = Cluster::three();
    for (audience, level) in
        [("JPN+USA", Level::Local), ("KOR+AUS", Level::Local), ("KOR+USA", Level::Partners(2))]
    {
        let asked = append(audience, level);
        let told = cluster.node(KOR).preview(&asked).unwrap_err();
        cluster.clear();
        cluster.input(KOR, sync::Input::Append(asked));
        let refused = cluster.hosts[KOR].out.iter().find_map(|output| match output {
            sync::Output::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(Some(told), refused, "{audience}");
    }
}
