//! Whatever order facts come in, and whatever was let go, the state is the fold of all in order.

use log::{EntryId, Incarnation, Kind, Precedence};

use super::*;
use crate::encode_content;
use crate::track::events::{DECLARED_KIND, DeclaredReport, EDITION, PlotRef};

mod corrections;

const FACTS: u64 = 900;

fn log(number: u16) -> LogId {
    let partner = "KOR".parse().unwrap();
    let node = base::NodeId::new(partner, number).unwrap();
    LogId { node, lane: Precedence::Routine, incarnation: Incarnation([1; 16]) }
}

/// A declaration that stays in the picture for ten minutes: every fact changes the state, and which
/// of too many are kept depends on the order.
fn fact(log: LogId, index: u64, seconds: i64) -> Arc<Fact> {
    let id = EntryId { log, index };
    let report = DeclaredReport {
        public_id: format!("KOR-{}-{index}", log.node.number()),
        evidence: vec![PlotRef { entry: id, plot: 0 }],
    };
    let logged = Timestamp::from_seconds(seconds);
    Arc::new(Fact {
        id,
        leaf_hash: log::sha256(&index.to_be_bytes()),
        at: logged,
        logged,
        origin: log.node,
        audience: "JPN+KOR".parse().unwrap(),
        precedence: log.lane,
        charter_edition: 1,
        kind: Kind::from_static(DECLARED_KIND),
        edition: EDITION,
        content: encode_content(&report),
    })
}

/// Two logs whose statements alternate in time.
fn facts() -> Vec<Arc<Fact>> {
    (0..FACTS).map(|n| fact(log(1 + (n % 2) as u16), n / 2, n.cast_signed())).collect()
}

fn whole() -> Cut {
    Cut::from([(log(1), FACTS), (log(2), FACTS)])
}

fn now() -> Timestamp {
    Timestamp::from_seconds(FACTS.cast_signed())
}

/// A view of all facts given `at_once` at a time, in that order.
fn folded(facts: &[Arc<Fact>], at_once: usize, kept_max: usize) -> View {
    let mut view = View::new(ViewName::Own);
    view.kept_max = kept_max;
    for chunk in facts.chunks(at_once) {
        for fact in chunk {
            view.insert(fact, now());
        }
        view.head(now());
    }
    view
}

/// The digest of everything, folded from nothing in one go.
fn expected(facts: &[Arc<Fact>]) -> [u8; 32] {
    let mut view = folded(facts, facts.len(), usize::MAX);
    view.digest_at(&whole()).unwrap()
}

fn digest_of_head(view: &mut View) -> [u8; 32] {
    let pictures = view.head(now()).clone();
    view.digest_of(&pictures)
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// A number from a seed, by `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn any_order_of_arrival_gives_the_same_state() {
    let facts = facts();
    let expect = expected(&facts);
    for seed in 0..12_u64 {
        let mut seed = seed + 1;
        let mut mixed = facts.clone();
        // Disorder over a reach that grows with the seed, up to all of them.
        let reach = 1 + (seed * 97) % FACTS;
        for i in 0..mixed.len() {
            let to = (i + size(random(&mut seed) % reach)).min(mixed.len() - 1);
            mixed.swap(i, to);
        }
        let at_once = 1 + size(random(&mut seed) % 200);
        let mut view = folded(&mixed, at_once, usize::MAX);
        assert_eq!(digest_of_head(&mut view), expect, "{at_once} at once");
        assert_eq!(view.digest_at(&whole()).unwrap(), expect, "folded again");
        assert_eq!(view.len(), facts.len());
    }
}

#[test]
fn known_facts_change_nothing() {
    let facts = facts();
    let expect = expected(&facts);
    let mut view = folded(&facts, 100, usize::MAX);
    for fact in facts.iter().step_by(3) {
        view.insert(fact, now());
    }
    assert_eq!(digest_of_head(&mut view), expect);
    assert_eq!(view.len(), facts.len());
}

#[test]
fn what_is_let_go_stays_in_the_state_and_memory_is_bounded() {
    let facts = facts();
    let expect = expected(&facts);
    for (at_once, kept_max) in [(1, 200), (7, 300), (64, 256), (150, 200)] {
        let mut view = folded(&facts, at_once, kept_max);
        assert!(view.facts.len() <= kept_max + at_once, "{} kept", view.facts.len());
        assert!(view.facts.len() < facts.len() && view.base.is_some());
        let bytes: usize = view.facts.iter().map(|placed| placed.fact.content.len()).sum();
        assert_eq!(view.bytes, bytes);
        assert_eq!(view.len(), facts.len());
        assert_eq!(digest_of_head(&mut view), expect, "{at_once} at once, {kept_max} kept");
        assert_eq!(view.digest_at(&whole()).unwrap(), expect, "from the base");
        let early = Cut::from([(log(1), 10), (log(2), 10)]);
        assert!(view.digest_at(&early).is_err(), "the first entries were let go");
    }
}

#[test]
fn a_late_fact_within_what_is_kept_refolds_and_an_older_one_waits_for_the_log() {
    let facts = facts();
    let expect = expected(&facts);
    let (inside, before) = (size(FACTS) - 40, 10);
    let told: Vec<Arc<Fact>> = facts
        .iter()
        .enumerate()
        .filter(|(n, _)| *n != inside && *n != before)
        .map(|(_, f)| f.clone())
        .collect();
    let mut view = folded(&told, 50, 200);
    view.insert(&facts[inside], now());
    view.head(now());
    assert!(view.refolded() >= 39 && !view.is_behind());
    view.insert(&facts[before], now());
    view.head(now());
    assert!(view.is_behind(), "it sorts before what was let go");
    // The log folded again, up to a while ago; the rest is taken over.
    let told_up_to = FACTS / 2 - 60;
    let mut heard = Heard::new();
    let mut fresh = View::new(ViewName::Own);
    fresh.kept_max = 200;
    for fact in facts.iter().filter(|fact| fact.id.index < told_up_to) {
        fresh.insert(fact, now());
        fresh.head(now());
        heard.entry(fact.id.log).or_insert_with(|| std::iter::once(0..told_up_to).collect());
    }
    fresh.adopt(view, &heard);
    assert_eq!(digest_of_head(&mut fresh), expect);
    assert!(!fresh.is_behind());
    assert_eq!(fresh.digest_at(&whole()).unwrap(), expect);
}

#[test]
fn facts_of_the_future_wait_until_they_are_due() {
    let ahead = fact(log(1), 0, 100);
    let mut view = View::new(ViewName::Own);
    view.insert(&ahead, Timestamp::from_seconds(50));
    view.head(Timestamp::from_seconds(50));
    assert_eq!(view.len(), 0);
    view.head(Timestamp::from_seconds(99));
    assert_eq!(view.len(), 1);
}

#[test]
fn checkpoints_stay_few_and_spread() {
    let view = folded(&facts(), 1, usize::MAX);
    let counts: Vec<u64> = view.checkpoints.iter().map(|checkpoint| checkpoint.count).collect();
    assert!((3..=16).contains(&counts.len()), "{counts:?}");
    assert!(counts.last().is_some_and(|last| FACTS - last <= 2 * CHECKPOINT_FACTS), "{counts:?}");
}

/// Another fact at the place of `of`, as its node's other history has it.
fn otherwise(of: &Fact) -> Arc<Fact> {
    let leaf_hash = log::sha256(&of.leaf_hash);
    let report = DeclaredReport {
        public_id: format!("KOR-{}-other", of.id.index),
        evidence: vec![PlotRef { entry: of.id, plot: 0 }],
    };
    Arc::new(Fact { leaf_hash, content: encode_content(&report), ..of.clone() })
}

#[test]
fn two_histories_fold_to_one_state_in_whatever_order_they_come() {
    let told: Vec<Arc<Fact>> = facts().into_iter().take(120).collect();
    let apart: Vec<Arc<Fact>> = told.iter().skip(60).step_by(3).map(|of| otherwise(of)).collect();
    let mut orders = Vec::new();
    for first in [false, true] {
        let mut view = View::new(ViewName::Own);
        let tell = |view: &mut View, some: &[Arc<Fact>], place: fn(&Arc<Fact>) -> _| {
            for fact in some {
                let placed: Option<Arc<Placed>> = place(fact);
                view.insert_placed(&placed.unwrap(), now());
                view.head(now());
            }
        };
        if first {
            tell(&mut view, &apart, Placed::read_apart);
        }
        tell(&mut view, &told, Placed::read);
        // Told again, as after a restart, they change nothing.
        tell(&mut view, &apart, Placed::read_apart);
        assert_eq!(view.len(), told.len() + apart.len());
        orders.push((digest_of_head(&mut view), view));
    }
    let (one, other) = (orders.remove(0), orders.remove(0));
    assert_eq!(one.0, other.0, "whichever came first");
    assert_eq!(other.1.facts.iter().filter(|placed| placed.apart).count(), apart.len());
    let without = {
        let mut view = folded(&told, 7, usize::MAX);
        digest_of_head(&mut view)
    };
    assert_ne!(one.0, without, "both histories are in the picture");
    // The log folded again has one of them apart; the others are taken over from the old view.
    let heard = Heard::from([1, 2].map(|n| (log(n), std::iter::once(0..FACTS).collect())));
    let mut fresh = folded(&told, 7, usize::MAX);
    fresh.insert_placed(&Placed::read_apart(&apart[0]).unwrap(), now());
    fresh.adopt(one.1, &heard);
    assert_eq!(digest_of_head(&mut fresh), one.0);
    assert_eq!(fresh.len(), told.len() + apart.len());
}
