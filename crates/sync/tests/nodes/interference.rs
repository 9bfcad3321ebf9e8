//! Non-interference: the same history with and without facts for KOR alone, compared at JPN.
//!
//! Clock, order and entropy are the same in both. JPN's statements must be the same in everything a fold
//! reads; only positions in the shared log may move, and with them leaf hashes, roots and ciphertexts.

use std::collections::BTreeMap;

use base::{NodeId, Timestamp};
use log::{Audience, Batch, EntryId, Item, Kind, LogId, Precedence};
use sync::wire::Message;
use sync::{Arrival, Level};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;
const ALL: &str = "JPN+KOR+USA";
const SECRET: &str = "canary-4f7d-bittern";

/// Everything a fold reads of a statement, and its place among those of its log that JPN may read.
type Seen =
    (Timestamp, LogId, usize, NodeId, Audience, Precedence, u32, Kind, u16, Vec<u8>, Arrival);

/// Plays one history; `secrets` says whether KOR also speaks to itself.
fn play(secrets: bool) -> Cluster {
    let mut cluster = Cluster::three();
    // Every key both histories use exists before they part, so that entropy is drawn alike.
    for audience in [ALL, "KOR", "JPN+KOR", "KOR+USA"] {
        cluster.append(KOR, audience, "warm up", Level::Local);
        cluster.run_for(100);
    }
    for round in 0..40 {
        if secrets {
            cluster.append(KOR, "KOR", &format!("{SECRET} {round}"), Level::Local);
        }
        cluster.run_for(100);
        let (host, audience) =
            [(KOR, ALL), (JPN, ALL), (KOR, "JPN+KOR"), (USA, ALL), (KOR, "KOR+USA")][round % 5];
        cluster.append(host, audience, &format!("round {round}"), Level::Local);
        cluster.run_for(100);
    }
    cluster.run_for(6_000);
    cluster
}

/// JPN's statements of domains, in the order it told them.
fn seen(cluster: &Cluster) -> Vec<Seen> {
    let mut places: BTreeMap<LogId, Vec<EntryId>> = BTreeMap::new();
    for (fact, _) in cluster.facts(JPN) {
        if fact.kind.domain() != "log" {
            places.entry(fact.id.log).or_default().push(fact.id);
        }
    }
    let facts = cluster.facts(JPN).into_iter().filter(|(fact, _)| fact.kind.domain() != "log");
    facts
        .map(|(fact, arrival)| {
            let of_log = &places[&fact.id.log];
            let place = of_log.iter().position(|id| *id == fact.id).unwrap();
            (
                fact.at,
                fact.id.log,
                place,
                fact.origin,
                fact.audience,
                fact.precedence,
                fact.charter_edition,
                fact.kind,
                fact.edition,
                fact.content.clone(),
                arrival,
            )
        })
        .collect()
}

/// Audience, time and length of the entries one batch carries whole.
type Whole = Vec<(Audience, Timestamp, usize)>;

/// For each frame KOR sent to JPN: its type, and of a batch the audience, time and length of every
/// entry it carries whole.
fn sent(cluster: &Cluster) -> Vec<(&'static str, Whole)> {
    let whole = |batch| {
        let batch = Batch::parse(batch).unwrap();
        let entries = batch.items().iter().filter_map(|item| match item {
            Item::Entry(entry) if entry.header().epoch > 0 => Some(entry),
            _ => None,
        });
        let entries = entries.map(|entry| {
            let header = entry.header();
            (header.audience, header.logged, entry.sealed_body().len())
        });
        entries.collect::<Whole>()
    };
    let of = |message: Message| match message {
        Message::Batch { batch, .. } => Some(("batch", whole(batch))),
        Message::Batches { batches, .. } => {
            Some(("batches", batches.into_iter().flat_map(whole).collect()))
        }
        _ => None,
    };
    // A batch of nothing but hidden leaves is what the claim leaves out: that something was said.
    let frames = cluster.sent(KOR, JPN).into_iter().filter_map(of);
    frames.filter(|(_, whole)| !whole.is_empty()).collect()
}

#[test]
fn facts_for_kor_alone_change_nothing_that_is_derived_or_sent_whole_to_jpn() {
    let (without, with) = (play(false), play(true));
    let told = with.texts(KOR);
    assert_eq!(told.iter().filter(|text| text.contains(SECRET)).count(), 40, "the fact is there");
    assert!(!with.texts(JPN).iter().any(|text| text.contains(SECRET)));
    let (plain, secret) = (seen(&without), seen(&with));
    assert!(plain.len() > 30, "{}", plain.len());
    assert_eq!(plain, secret);
    let (plain, secret) = (sent(&without), sent(&with));
    assert!(plain.iter().map(|(_, whole)| whole.len()).sum::<usize>() > 16, "{plain:?}");
    assert_eq!(plain, secret);
    // The positions do move: that is the metadata a shared log shows.
    let size = |cluster: &Cluster| {
        let log = cluster.node(KOR).own_log(Precedence::Immediate);
        cluster.node(JPN).cut()[&log]
    };
    assert_eq!(size(&with), size(&without) + 40);
    // No frame to JPN holds the secret in any of its bytes.
    let jpn = with.hosts[JPN].id;
    for output in &with.hosts[KOR].out {
        if let sync::Output::Send { peer, bytes, .. } = output
            && *peer == jpn
        {
            assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
        }
    }
    let rows = |cluster: &Cluster| {
        log::StoreRead::scan(&cluster.hosts[JPN].store, log::Table::Batch, &[], usize::MAX).unwrap()
    };
    let needle = SECRET.as_bytes();
    let found =
        rows(&with).iter().any(|(_, value)| value.windows(needle.len()).any(|p| p == needle));
    assert!(!found);
}
