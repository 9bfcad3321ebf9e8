//! A lane from writer to mirrors: what is taken, what is refused, who can read.

use crate::common::{self, Origin, Reader, at, draft, node, partner, world};
use base::{TimeDelta, limits};
use watchfire_log::rand_core::Rng as _;
use watchfire_log::testing::{SeededRng, charter};
use watchfire_log::{
    Batch, Complaint, ComplaintReason, EpochRing, EquivocationProof, Error, Fault, Frontier, Item,
    LaneMirror, LaneWriter, LogHead, OpenProblem, Precedence, Realm, RejectReason, Store,
    StoreReadExt, fsck, replay,
};

const ALL: &str = "JPN+KOR+USA";

#[test]
fn everyone_reads_what_is_addressed_to_them_and_computes_the_same_root() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let mut usa = Reader::new(&world, "USA-1", log);
    let mut jpn = Reader::new(&world, "JPN-1", log);
    for round in 0..20 {
        let mut drafts = vec![draft(ALL, &format!("all {round}"))];
        for i in 0..round {
            drafts.push(draft("KOR+USA", &format!("two {round}.{i}")));
        }
        drafts.push(draft("KOR", &format!("own {round}")));
        let appended = origin.append(&world, drafts);
        for reader in [&mut usa, &mut jpn] {
            let accepted = reader.take(&world, &appended);
            assert_eq!(*accepted.checkpoint, *appended.checkpoint);
        }
    }
    assert!(usa.problems.is_empty() && jpn.problems.is_empty());
    assert_eq!(jpn.texts(), (0..20).map(|i| format!("all {i}")).collect::<Vec<_>>());
    assert_eq!(usa.texts().len(), 20 + (0..20).sum::<usize>());
    assert!(usa.texts().iter().all(|text| !text.starts_with("own")));
    for (reader, name) in [(&usa, "USA-1"), (&jpn, "JPN-1")] {
        assert_eq!(reader.mirror.head().done.frontier.root(), origin.writer.state().root);
        let report = fsck(&reader.store, &common::scope(&world, node(name)));
        assert_eq!(report.faults, []);
        assert_eq!((report.checkpoints, report.receipts), (20, 2));
    }
    let report = fsck(&origin.store, &common::scope(&world, node("KOR-1")));
    assert_eq!((report.faults, report.entries), (vec![], origin.writer.size()));
}

#[test]
fn logged_times_rise_and_facts_are_the_drafts() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Priority);
    let first = origin.append(&world, vec![draft(ALL, "a"), draft(ALL, "b")]);
    origin.now = at(-100);
    let second = origin.append(&world, vec![draft(ALL, "c")]);
    let facts = [first.facts.clone(), second.facts.clone()].concat();
    assert!(facts.is_sorted_by(|a, b| a.logged < b.logged));
    assert_eq!(facts.len(), 4, "three drafts and one epoch entry");
    assert_eq!(first.draft_ids().map(|id| id.index).collect::<Vec<_>>(), [1, 2]);
    let storage = &world.secrets[&node("KOR-1")].storage;
    let mut replayed = Vec::new();
    let scope = common::scope(&world, node("KOR-1"));
    let log = origin.writer.log();
    let count = replay(&origin.store, &scope, storage, &log, |fact| replayed.push(fact)).unwrap();
    assert_eq!((count, replayed), (4, facts));
}

#[test]
fn a_member_reads_again_after_a_restart_and_an_outsider_never() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let mut usa = Reader::new(&world, "USA-1", log);
    usa.take(&world, &origin.append(&world, vec![draft("KOR+USA", "before")]));
    // A restarted reader has lost its epoch keys; the entry that is missing is named and held.
    let realm = world.charter.realm().clone();
    usa.ring = EpochRing::new(realm.clone(), usa.node, world.secrets[&usa.node].kem.clone());
    usa.mirror = LaneMirror::new(realm.clone(), partner("USA"), usa.mirror.head().clone());
    let next = origin.append(&world, vec![draft("KOR+USA", "after")]);
    let accepted = usa.mirror.accept(next.batch.as_bytes().clone(), &world.charter).unwrap();
    let OpenProblem::UnknownEpoch { epoch_entry } =
        usa.ring.open(&accepted.entries[0]).unwrap_err()
    else {
        panic!("the key is gone")
    };
    let held = usa.store.batch_of(&epoch_entry).unwrap().unwrap();
    let mut again = LaneMirror::new(realm.clone(), partner("USA"), LogHead::start(log));
    let held = again.accept(held.as_bytes().clone(), &world.charter).unwrap();
    usa.ring.open(&held.entries[0]).unwrap();
    assert_eq!(usa.ring.open(&accepted.entries[0]).unwrap().content, b"after");

    // An outsider with the whole ciphertext and every key it has.
    let jpn = node("JPN-1");
    let mut outsider = EpochRing::new(realm, jpn, world.secrets[&jpn].kem.clone());
    for entry in held.entries.iter().chain(&accepted.entries) {
        let problem = outsider.open(entry).unwrap_err();
        assert!(matches!(problem, OpenProblem::NotAddressed { .. }), "{problem}");
    }
    let copy = next.batch.for_audience(partner("JPN"));
    assert_eq!(copy.entries().count(), 0);
    assert!(matches!(copy.items(), [Item::Hidden(run)] if run.count == 1));
}

#[test]
fn an_outsider_is_not_wrapped_to_even_if_it_pretends_to_be_a_member() {
    // USA's node name with JPN's keys: the wrap is for USA's KEM key and does not open.
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let mut reader = Reader::new(&world, "USA-1", origin.writer.log());
    let kem = world.secrets[&node("JPN-1")].kem.clone();
    reader.ring = EpochRing::new(world.charter.realm().clone(), node("USA-1"), kem);
    reader.take(&world, &origin.append(&world, vec![draft("KOR+USA", "canary")]));
    assert_eq!(reader.problems, [(0, OpenProblem::BadWrap), (1, OpenProblem::BadWrap)]);
    let complaint = Complaint::new(
        watchfire_log::EntryId { log: origin.writer.log(), index: 0 },
        [0; 32],
        &reader.problems[0].1,
    );
    assert_eq!(complaint.unwrap().reason, ComplaintReason::BadWrap);
    for store in [&origin.store, &reader.store] {
        for (_, _, value) in store.rows() {
            assert!(!value.windows(6).any(|window| window == b"canary"));
        }
    }
}

#[test]
fn an_exercise_neither_verifies_nor_opens_in_the_operational_realm() {
    let exercise = world();
    // The same nodes and keys, another realm: only the realm differs.
    let operational = charter(&Realm::Operational, &["JPN-1", "KOR-1", "USA-1"], 1);
    assert_eq!(
        exercise.secrets[&node("KOR-1")].key.verifying_key(),
        operational.secrets[&node("KOR-1")].key.verifying_key()
    );
    let mut origin = Origin::new(&exercise, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let appended = origin.append(&exercise, vec![draft(ALL, "drill")]);
    let mut mirror = LaneMirror::new(Realm::Operational, partner("USA"), LogHead::start(log));
    let refused = mirror.accept(appended.batch.as_bytes().clone(), &operational.charter);
    assert!(matches!(refused, Err(RejectReason::Realm { .. })));
    // A verified exercise entry handed to an operational ring with the right keys.
    let mut usa = Reader::new(&exercise, "USA-1", log);
    let accepted = usa.take(&exercise, &appended);
    let kem = operational.secrets[&node("USA-1")].kem.clone();
    let mut ring = EpochRing::new(Realm::Operational, node("USA-1"), kem);
    assert_eq!(ring.open(&accepted.entries[0]), Err(OpenProblem::BadWrap));
    assert!(ring.open(&accepted.entries[1]).is_err());
    assert_eq!(usa.texts(), ["drill"]);
}

#[test]
fn every_flipped_byte_of_a_batch_is_refused() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    origin.append(&world, vec![draft(ALL, "first"), draft("KOR+USA", "x")]);
    let mut jpn = Reader::new(&world, "JPN-1", log);
    let batches = origin.store.batches(&log, 0, 9, usize::MAX).unwrap();
    let copy = batches[0].for_audience(partner("JPN"));
    for at in 0..copy.as_bytes().len() {
        let mut bytes = copy.as_bytes().to_vec();
        bytes[at] ^= 0x10;
        let head = jpn.mirror.head().clone();
        assert!(jpn.mirror.accept(bytes, &world.charter).is_err(), "byte {at}");
        assert_eq!(*jpn.mirror.head(), head);
    }
    for cut in 0..copy.as_bytes().len() {
        let bytes = copy.as_bytes()[..cut].to_vec();
        assert!(jpn.mirror.accept(bytes, &world.charter).is_err(), "cut {cut}");
    }
    let longer = [copy.as_bytes(), &[0][..]].concat();
    assert!(matches!(jpn.mirror.accept(longer, &world.charter), Err(RejectReason::Malformed(_))));
    jpn.mirror.accept(copy.as_bytes().clone(), &world.charter).unwrap();
}

#[test]
fn duplicates_gaps_and_overlaps_change_nothing() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Routine);
    let mut usa = Reader::new(&world, "USA-1", origin.writer.log());
    let batches: Vec<Batch> =
        (0..4).map(|i| origin.append(&world, vec![draft(ALL, &format!("{i}"))]).batch).collect();
    let mut offer = |i: usize| {
        usa.mirror.accept(batches[i].as_bytes().clone(), &world.charter).map(|a| a.entries.len())
    };
    assert_eq!(offer(1), Err(RejectReason::Gap { have: 0, got: 2 }));
    assert_eq!(offer(0), Ok(2));
    assert_eq!(offer(0), Err(RejectReason::Duplicate { have: 2, got: 2 }));
    assert_eq!(offer(3), Err(RejectReason::Gap { have: 2, got: 4 }));
    assert_eq!(offer(1), Ok(1));
    assert_eq!(offer(2), Ok(1));
    assert_eq!(offer(1), Err(RejectReason::Duplicate { have: 4, got: 3 }));
    assert_eq!(offer(3), Ok(1));
}

#[test]
fn a_fork_is_proven_and_the_proof_verifies_for_everyone() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let mut usa = Reader::new(&world, "USA-1", log);
    let honest = origin.append(&world, vec![draft(ALL, "no launch")]);
    usa.take(&world, &honest);
    let key = world.secrets[&node("KOR-1")].key.clone();
    let realm = world.charter.realm().clone();
    let mut liar = LaneWriter::new(realm, &LogHead::start(log), key.clone());
    let mut clock = watchfire_log::HybridClock::new(at(0));
    let mut rng = SeededRng::new(99);
    let drafts = vec![draft(ALL, "launch")];
    let forked = liar.append(drafts, &world.charter, &mut clock, at(1), &mut rng).unwrap();
    let refused = usa.mirror.accept(forked.batch.as_bytes().clone(), &world.charter).unwrap_err();
    let RejectReason::Equivocation(proof) = refused else { panic!("{refused}") };
    let read = EquivocationProof::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(read, *proof);
    read.clone().verify(&key.verifying_key()).unwrap();
    assert!(read.verify(&world.secrets[&node("USA-1")].key.verifying_key()).is_err());
    let seen = usa.mirror.observe(forked.checkpoint.into_inner(), &world.charter);
    assert!(matches!(seen, Err(RejectReason::Equivocation(_))));
}

#[test]
fn other_signers_editions_and_audiences_are_refused() {
    let world = world();
    let origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let mirror =
        |me: &str| LaneMirror::new(world.charter.realm().clone(), partner(me), LogHead::start(log));
    let mut clock = watchfire_log::HybridClock::new(at(0));
    let mut rng = SeededRng::new(5);
    let realm = world.charter.realm().clone();
    let wrong_key = world.secrets[&node("USA-1")].key.clone();
    let mut forger = LaneWriter::new(realm, &LogHead::start(log), wrong_key);
    let drafts = vec![draft(ALL, "forged")];
    let forged = forger.append(drafts, &world.charter, &mut clock, at(1), &mut rng).unwrap();
    let refused = mirror("USA").accept(forged.batch.as_bytes().clone(), &world.charter);
    assert_eq!(refused.unwrap_err(), RejectReason::Signature { node: node("KOR-1") });

    // Ciphertext carried whole to a partner outside the audience.
    let mut origin = origin;
    let appended = origin.append(&world, vec![draft("KOR+USA", "two")]);
    let refused = mirror("JPN").accept(appended.batch.as_bytes().clone(), &world.charter);
    assert!(matches!(refused, Err(RejectReason::NotReleasable { index: 0, .. })));

    // An audience that a newer charter would allow and this one does not.
    let wide = charter(world.charter.realm(), &["JPN-1", "KOR-1", "PRK-1", "USA-1"], 1);
    let key = world.secrets[&node("KOR-1")].key.clone();
    let mut early = LaneWriter::new(wide.charter.realm().clone(), &LogHead::start(log), key);
    let drafts = vec![draft("JPN+KOR+PRK+USA", "early")];
    let early = early.append(drafts, &wide.charter, &mut clock, at(1), &mut rng).unwrap();
    let refused = mirror("USA").accept(early.batch.as_bytes().clone(), &world.charter);
    assert!(matches!(refused, Err(RejectReason::NotReleasable { index: 0, .. })));

    let other = charter(world.charter.realm(), &["USA-1"], 1);
    let refused = mirror("USA").accept(appended.batch.as_bytes().clone(), &other.charter);
    assert_eq!(refused.unwrap_err(), RejectReason::UnknownNode { node: node("KOR-1") });
}

#[test]
fn a_failed_commit_is_repeated_byte_for_byte_or_its_keys_are_dropped() {
    let world = world();
    let storage = world.secrets[&node("KOR-1")].storage.clone();
    for fault in [Fault::FailNotPersisted, Fault::FailButPersisted] {
        let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
        origin.append(&world, vec![draft(ALL, "before")]);
        let appended = origin.prepare(&world.charter, vec![draft(ALL, "during")]);
        origin.store.fail_next(fault);
        assert!(origin.store.commit(&appended.writes(&storage)).is_err());
        let rows = |writes: Vec<watchfire_log::Write>| {
            writes.iter().map(watchfire_log::Write::row).collect::<Vec<_>>()
        };
        assert_eq!(rows(appended.writes(&storage)), rows(appended.writes(&storage)));
        origin.store.commit(&appended.writes(&storage)).unwrap();
        origin.writer.settle();
        let report = fsck(&origin.store, &common::scope(&world, node("KOR-1")));
        assert_eq!((report.faults, report.entries), (vec![], 3));
    }
    // Given up: the next batch takes the same indices under a new key.
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    origin.append(&world, vec![draft(ALL, "before")]);
    let lost = origin.prepare(&world.charter, vec![draft(ALL, "same text")]);
    origin.writer.abandon_epoch();
    let next = origin.append(&world, vec![draft(ALL, "same text")]);
    assert_eq!((lost.batch.first(), next.batch.first()), (2, 2));
    assert_eq!(lost.facts.len(), 1);
    assert_eq!(next.facts.len(), 2, "a new epoch entry comes first");
    let mut usa = Reader::new(&world, "USA-1", origin.writer.log());
    for batch in origin.store.batches(&origin.writer.log(), 0, 9, usize::MAX).unwrap() {
        let accepted = usa.mirror.accept(batch.as_bytes().clone(), &world.charter).unwrap();
        usa.keep(&world, &accepted);
    }
    assert_eq!(usa.texts(), ["before", "same text"]);
}

#[test]
fn drafts_outside_the_charter_or_the_limits_change_nothing() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let mut refuse = |drafts: Vec<watchfire_log::Draft>| {
        let (charter, now) = (&world.charter, at(1));
        let refused =
            origin.writer.append(drafts, charter, &mut origin.clock, now, &mut origin.rng);
        assert!(!origin.writer.is_waiting() && origin.writer.size() == 0);
        refused.unwrap_err()
    };
    assert!(matches!(refuse(vec![draft("JPN+USA", "not mine")]), Error::NotInCharter { .. }));
    assert!(matches!(refuse(vec![draft("KOR+PRK", "unknown")]), Error::NotInCharter { .. }));
    let large = "x".repeat(limits::ENTRY_CONTENT_BYTES_MAX + 1);
    assert!(matches!(refuse(vec![draft(ALL, &large)]), Error::Limit { .. }));
    let many: Vec<_> = (0..limits::BATCH_ENTRIES_MAX).map(|_| draft(ALL, "")).collect();
    assert!(matches!(refuse(many.clone()), Error::Limit { .. }));
    let fitting = LaneWriter::fitting(&many, &world.charter);
    assert_eq!(fitting, limits::BATCH_ENTRIES_MAX - 1, "one place is for the epoch entry");
    let heavy: Vec<_> = (0..20).map(|_| draft(ALL, &large[1..])).collect();
    let fitting = LaneWriter::fitting(&heavy, &world.charter);
    assert_eq!(fitting, 15);
    let appended = origin.append(&world, heavy[..fitting].to_vec());
    assert!(appended.batch.as_bytes().len() <= limits::BATCH_BYTES_MAX);
}

#[test]
fn epochs_rotate_with_age_and_membership() {
    let mut world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    assert_eq!(origin.append(&world, vec![draft(ALL, "1")]).facts.len(), 2);
    assert_eq!(origin.append(&world, vec![draft(ALL, "2")]).facts.len(), 1);
    origin.now += TimeDelta::from_seconds(86_400);
    assert_eq!(origin.append(&world, vec![draft(ALL, "3")]).facts.len(), 2);
    // KOR stops releasing to JPN by its own roster: a new key, and no wrap for JPN.
    let kor = partner("KOR");
    let mut roster = world.charter.rosters()[&kor].clone();
    roster.number = 2;
    roster.withhold.insert(partner("JPN"));
    let text = roster.canonical_text(world.charter.realm());
    let signature = world.roots[&kor].key.sign(text.as_bytes());
    world.charter.adopt_roster(roster, &signature).unwrap();
    let after = origin.append(&world, vec![draft(ALL, "4")]);
    assert_eq!(after.facts.len(), 2);
    assert!(!world.charter.releases(kor, partner("JPN")));
    let epoch = &after.facts[0].content;
    assert!(!epoch.windows(5).any(|window| window == b"JPN\x00\x01"));
    assert!(epoch.windows(5).any(|window| window == b"USA\x00\x01"));
}

#[test]
fn a_mirror_jumps_ahead_and_fills_the_gap_later() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Routine);
    let log = origin.writer.log();
    let mut jpn = Reader::new(&world, "JPN-1", log);
    let mut leaves = Vec::new();
    let mut batches = Vec::new();
    for i in 0..9 {
        let audience = if i % 2 == 0 { ALL } else { "KOR+USA" };
        let drafts = (0..=i).map(|k| draft(audience, &format!("{i}.{k}"))).collect();
        let appended = origin.append(&world, drafts);
        leaves.extend(appended.facts.iter().map(|fact| fact.leaf_hash));
        batches.push(appended);
    }
    for appended in &batches[..2] {
        jpn.take(&world, appended);
    }
    let size = |i: usize| usize::try_from(batches[i].batch.end()).unwrap();
    let frontier = |i: usize| {
        let mut frontier = Frontier::new();
        leaves[..size(i)].iter().for_each(|leaf| frontier.push(*leaf));
        frontier
    };
    let (from, to) = (batches[1].batch.end(), batches[5].batch.end());
    let proof = watchfire_log::prove_consistency(&leaves[..], from, to).unwrap();
    let target = || batches[5].checkpoint.clone().into_inner();
    let mut wrong = proof.clone();
    wrong[0][0] ^= 1;
    assert!(jpn.mirror.jump(target(), frontier(5), &wrong, &world.charter).is_err());
    assert!(jpn.mirror.jump(target(), frontier(4), &proof, &world.charter).is_err());
    let (_, head) = jpn.mirror.jump(target(), frontier(5), &proof, &world.charter).unwrap();
    jpn.store.commit(&[watchfire_log::Write::Head(head)]).unwrap();
    assert!(!jpn.take(&world, &batches[6]).backfill);
    assert!(jpn.take(&world, &batches[2]).backfill);
    assert!(!jpn.take(&world, &batches[7]).backfill);
    let scope = common::scope(&world, node("JPN-1"));
    assert_eq!(fsck(&jpn.store, &scope).faults, []);
    assert_eq!(jpn.mirror.head().size(), batches[2].batch.end());
    assert_eq!(jpn.mirror.head().newest(), batches[7].batch.end());
    let again = jpn
        .mirror
        .accept(batches[6].batch.for_audience(partner("JPN")).as_bytes().clone(), &world.charter);
    assert!(matches!(again, Err(RejectReason::Duplicate { .. })), "{again:?}");
    for i in [3, 4, 5] {
        assert!(jpn.take(&world, &batches[i]).backfill, "{i}");
    }
    assert_eq!(jpn.mirror.head().jumps, []);
    assert_eq!(jpn.mirror.head().size(), batches[7].batch.end());
    assert!(!jpn.take(&world, &batches[8]).backfill);
    assert_eq!(jpn.mirror.head().done.frontier.root(), origin.writer.state().root);
    assert_eq!(fsck(&jpn.store, &scope).faults, []);
}

#[test]
fn a_gap_is_not_filled_with_what_is_later_than_what_follows_it() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Routine);
    let mut jpn = Reader::new(&world, "JPN-1", origin.writer.log());
    let before = origin.append(&world, vec![draft(ALL, "before")]);
    origin.now = at(100);
    let between = origin.append(&world, vec![draft(ALL, "between")]);
    jpn.take(&world, &before);
    let facts = [&before.facts[..], &between.facts].concat();
    let leaves: Vec<_> = facts.iter().map(|fact| fact.leaf_hash).collect();
    let (from, to) = (before.batch.end(), between.batch.end());
    let proof = watchfire_log::prove_consistency(&leaves[..], from, to).unwrap();
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier.push(*leaf);
    }
    // A clock that goes back, as only a node that lies has it.
    let (realm, log) = (world.charter.realm().clone(), origin.writer.log());
    let mut head = LogHead::start(log);
    head.done.frontier = frontier.clone();
    let key = world.secrets[&node("KOR-1")].key.clone();
    origin.writer = LaneWriter::new(realm, &head, key);
    (origin.now, origin.clock) = (at(50), watchfire_log::HybridClock::new(at(0)));
    let after = origin.append(&world, vec![draft(ALL, "after")]);
    let target = between.checkpoint.clone().into_inner();
    let (_, head) = jpn.mirror.jump(target, frontier, &proof, &world.charter).unwrap();
    jpn.store.commit(&[watchfire_log::Write::Head(head)]).unwrap();
    // Nor does anything follow the filled gap that is earlier than what filled it.
    let mut filled = jpn.mirror.clone();
    filled.accept(between.batch.as_bytes().clone(), &world.charter).unwrap();
    let refused = filled.accept(after.batch.as_bytes().clone(), &world.charter).unwrap_err();
    assert_eq!(refused, RejectReason::Backwards { what: "a logged time", index: to });
    jpn.take(&world, &after);
    let refused = jpn.mirror.accept(between.batch.as_bytes().clone(), &world.charter).unwrap_err();
    assert_eq!(refused, RejectReason::Backwards { what: "a logged time", index: to });
    assert!(refused.is_fault());
    assert_eq!((jpn.mirror.head().size(), jpn.mirror.head().newest()), (from, after.batch.end()));
    assert_eq!(fsck(&jpn.store, &common::scope(&world, node("JPN-1"))).faults, []);
}

#[test]
fn sparse_copies_of_every_pattern_verify() {
    let world = world();
    for pattern in 0..64u32 {
        let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
        let mut jpn = Reader::new(&world, "JPN-1", origin.writer.log());
        for round in 0..3 {
            let drafts = (0..6).map(|bit| {
                let audience = if pattern >> bit & 1 == 1 { ALL } else { "KOR" };
                draft(audience, &format!("{round}.{bit}"))
            });
            let appended = origin.append(&world, drafts.collect());
            let accepted = jpn.take(&world, &appended);
            // Projecting a sparse copy again, for the same or a narrower reader, changes nothing more.
            let again = accepted.batch.for_audience(partner("JPN"));
            assert_eq!(again.as_bytes(), accepted.batch.as_bytes());
            let narrow = accepted.batch.for_audience(partner("USA"));
            assert!(narrow.as_bytes().len() <= appended.batch.as_bytes().len());
        }
        assert_eq!(jpn.mirror.head().done.frontier.root(), origin.writer.state().root);
        assert_eq!(jpn.texts().len(), 3 * pattern.count_ones() as usize);
    }
}

#[test]
fn a_long_hidden_run_costs_few_bytes() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Routine);
    let drafts = (0..4_000).map(|i| draft("KOR", &format!("{i}"))).collect();
    let copy = origin.append(&world, drafts).batch.for_audience(partner("JPN"));
    assert!(copy.as_bytes().len() < 1_024, "{}", copy.as_bytes().len());
    let mut jpn = Reader::new(&world, "JPN-1", origin.writer.log());
    jpn.mirror.accept(copy.as_bytes().clone(), &world.charter).unwrap();
}

#[test]
fn two_sparse_copies_make_one_and_forged_ones_do_not() {
    let world = world();
    for seed in 0..40u64 {
        let mut rng = SeededRng::new(seed);
        let mut pick = || rng.next_u32() as usize;
        let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
        let audiences = ["KOR", "KOR+USA", "JPN+KOR", ALL];
        origin.append(
            &world,
            (0..pick() % 9).map(|_| draft("KOR", "before")).chain([draft(ALL, "")]).collect(),
        );
        let drafts = (0..20).map(|i| draft(audiences[pick() % 4], &format!("{i}")));
        let whole = origin.append(&world, drafts.collect()).batch;
        let (jpn, usa) = (whole.for_audience(partner("JPN")), whole.for_audience(partner("USA")));
        let merged = jpn.merge(&usa).unwrap();
        assert_eq!(merged.as_bytes(), usa.merge(&jpn).unwrap().as_bytes());
        assert_eq!(merged.for_audience(partner("JPN")).as_bytes(), jpn.as_bytes());
        let readable = |entry: &&watchfire_log::Entry| entry.header().audience.members().len() > 1;
        assert_eq!(merged.entries().count(), whole.entries().filter(readable).count());
        assert_eq!(merged.merge(&whole).unwrap().as_bytes(), whole.as_bytes());
        // A flipped byte in the added copy: refused, or the byte was not needed.
        for at in (0..usa.as_bytes().len()).step_by(7) {
            let mut bytes = usa.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(forged) = Batch::parse(bytes)
                && let Ok(made) = jpn.merge(&forged)
            {
                let mut mirror = LaneMirror::new(
                    world.charter.realm().clone(),
                    partner("KOR"),
                    LogHead::start(origin.writer.log()),
                );
                let first = &origin.store.batches(&whole.log(), 0, 1, 1).unwrap()[0];
                mirror.accept(first.as_bytes().clone(), &world.charter).unwrap();
                mirror.accept(made.as_bytes().clone(), &world.charter).unwrap();
            }
        }
    }
}

#[test]
fn what_is_withheld_leaves_as_hashes() {
    let mut world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let before = origin.append(&world, vec![draft(ALL, "before")]).batch;
    let jpn = partner("JPN");
    assert_eq!(before.released_to(jpn, &world.charter).entries().count(), 2);
    let kor = partner("KOR");
    let mut roster = world.charter.rosters()[&kor].clone();
    roster.number = 2;
    roster.withhold.insert(jpn);
    let text = roster.canonical_text(world.charter.realm());
    let signature = world.roots[&kor].key.sign(text.as_bytes());
    world.charter.adopt_roster(roster, &signature).unwrap();
    let copy = before.released_to(jpn, &world.charter);
    assert_eq!(copy.entries().count(), 0);
    Reader::new(&world, "JPN-1", before.log())
        .mirror
        .accept(copy.as_bytes().clone(), &world.charter)
        .unwrap();
    assert_eq!(before.released_to(partner("USA"), &world.charter).entries().count(), 2);
}
