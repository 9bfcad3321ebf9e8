//! `fsck` finds every flipped byte, every missing row and every torn commit.

use watchfire_log::{
    Complaint, ComplaintReason, Cosignature, CosignatureKind, EntryId, Fault, FsckReport,
    HighWater, HoldsRange, Incarnation, LogState, MemoryStore, Precedence, RejectReason, Row,
    Standing, Store, StoreReadExt, Table, Write, fsck,
};

use crate::common::{self, Origin, Reader, at, draft, node};

const ALL: &str = "JPN+KOR+USA";

/// A store with a row in every table.
fn full_store(world: &watchfire_log::testing::TestCharter) -> MemoryStore {
    let mut origin = Origin::new(world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let mut usa = Reader::new(world, "USA-1", log);
    for i in 0..3 {
        let drafts = vec![draft(ALL, &format!("{i}")), draft("KOR", "own"), draft("KOR+USA", "x")];
        usa.take(world, &origin.append(world, drafts));
    }
    let mut store = usa.store;
    let last = store.last_batch(&log).unwrap().unwrap();
    let key = world.secrets[&node("KOR-1")].key.verifying_key();
    let checkpoint = last.checkpoint().clone().verify(&key).unwrap();
    let jpn = &world.secrets[&node("JPN-1")];
    let complaint = Complaint {
        entry: EntryId { log, index: 1 },
        leaf_hash: [1; 32],
        reason: ComplaintReason::BadSeal,
    };
    let by = node("JPN-1");
    store
        .commit(&[
            Write::Cosignature(Cosignature::sign(
                CosignatureKind::Witness,
                by,
                &checkpoint,
                at(5),
                &jpn.witness,
            )),
            Write::Receipt(HoldsRange::sign(by, 2..5, &checkpoint, at(5), &jpn.holds)),
            Write::History(
                Cosignature::sign(CosignatureKind::Holds, by, &checkpoint, at(4), &jpn.holds)
                    .into(),
            ),
            Write::Complaint { by, complaint },
            Write::Equivocation(fork(world)),
            crate::samples::apart(world).note(),
            Write::Meta { name: "realm".into(), value: b"exercise/alpha".to_vec() },
        ])
        .unwrap();
    for table in Table::ALL {
        assert!(store.rows().any(|(of, _, _)| of == table), "a row in {table:?}");
    }
    store
}

fn fork(world: &watchfire_log::testing::TestCharter) -> watchfire_log::EquivocationProof {
    let mut one = Origin::new(world, "JPN-1", Precedence::Flash);
    let mut two = Origin::new(world, "JPN-1", Precedence::Flash);
    let mut usa = Reader::new(world, "USA-1", one.writer.log());
    usa.take(world, &one.append(world, vec![draft(ALL, "one")]));
    let other = two.append(world, vec![draft(ALL, "two")]);
    match usa.mirror.accept(other.batch.as_bytes().clone(), &world.charter) {
        Err(RejectReason::Equivocation(proof)) => *proof,
        other => panic!("expected a proof, got {other:?}"),
    }
}

#[test]
fn every_flipped_byte_of_a_small_store_is_found() {
    let world = common::world();
    let store = full_store(&world);
    let scope = common::scope(&world, node("USA-1"));
    let check = |store: &MemoryStore| fsck(store, &scope);
    let clean = check(&store);
    assert_eq!(
        clean,
        FsckReport {
            entries: 8,
            checkpoints: 4,
            receipts: 5,
            apart: 2,
            faults: vec![],
            faults_total: 0
        }
    );
    let rows: Vec<Row> = store
        .rows()
        .map(|(table, key, value)| Row { table, key: key.to_vec(), value: value.to_vec() })
        .collect();
    let mut flips = 0;
    for row in &rows {
        // Every byte of the value; long ones are flipped in place to keep the test quick.
        for at in 0..row.value.len() {
            let mut damaged = store.clone();
            damaged.value_mut(row.table, &row.key).unwrap()[at] ^= 1 << (at % 8);
            assert!(check(&damaged).faults_total > 0, "{:?} value byte {at}", row.table);
            flips += 1;
        }
        for at in 0..row.key.len() {
            let mut damaged = store.clone();
            damaged.remove(row.table, &row.key);
            let mut key = row.key.clone();
            key[at] ^= 1 << (at % 8);
            damaged.put_raw(Row { key, ..row.clone() });
            assert!(check(&damaged).faults_total > 0, "{:?} key byte {at}", row.table);
            flips += 1;
        }
    }
    assert!(flips > 10_000, "{flips} bytes tried");
}

#[test]
fn a_missing_batch_body_or_head_is_found() {
    let world = common::world();
    let store = full_store(&world);
    let scope = common::scope(&world, node("USA-1"));
    for table in [Table::Head, Table::Batch, Table::Bodies] {
        let keys = store.rows().filter(|(of, _, _)| *of == table).map(|(_, key, _)| key.to_vec());
        for key in keys.collect::<Vec<_>>() {
            let mut damaged = store.clone();
            damaged.remove(table, &key);
            assert!(fsck(&damaged, &scope).faults_total > 0, "{table:?}");
        }
    }
}

#[test]
fn swapped_rows_with_right_digests_are_found() {
    // A row of another table or key, re-digested as a patient vandal would.
    let world = common::world();
    let store = full_store(&world);
    let scope = common::scope(&world, node("USA-1"));
    let log = store.heads().unwrap()[0].log;
    let batches = store.batches(&log, 0, 9, usize::MAX).unwrap();
    let bodies = store.bodies(&log, batches[0].end()).unwrap().unwrap();
    let mut damaged = store.clone();
    let end = batches[1].end();
    damaged.commit(&[Write::Bodies { log, end, wrapped: bodies }]).unwrap();
    assert!(fsck(&damaged, &scope).faults_total > 0);
    let mut damaged = store.clone();
    let narrow = batches[1].for_audience(node("JPN-1").partner());
    damaged.commit(&[Write::Batch(narrow)]).unwrap();
    assert!(fsck(&damaged, &scope).faults_total > 0);
}

#[test]
fn a_torn_commit_is_found() {
    let world = common::world();
    let storage = world.secrets[&node("KOR-1")].storage.clone();
    let scope = common::scope(&world, node("KOR-1"));
    for rows in [1, 2] {
        let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
        origin.append(&world, vec![draft(ALL, "whole")]);
        let appended = origin.prepare(&world.charter, vec![draft(ALL, "torn")]);
        origin.store.fail_next(Fault::Torn { rows });
        assert!(origin.store.commit(&appended.writes(&storage)).is_err());
        assert!(fsck(&origin.store, &scope).faults_total > 0, "{rows} rows");
    }
}

#[test]
fn a_rolled_back_store_is_behind_the_high_water_file() {
    let world = common::world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let mut file = HighWater::new(world.charter.realm().clone(), node("KOR-1"));
    origin.append(&world, vec![draft(ALL, "backed up")]);
    let backup = origin.store.clone();
    origin.append(&world, vec![draft(ALL, "lost")]);
    file.raise(&origin.writer.state());
    let mut scope = common::scope(&world, node("KOR-1"));
    scope.high_water = Some(&file);
    assert_eq!(fsck(&origin.store, &scope).faults, []);
    let report = fsck(&backup, &scope);
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].place, "high-water file");
    // What the shell does with it: cite the old log in a new incarnation.
    let standing = file
        .standing(|log, size| {
            let batch = backup.batch_ending(log, size)?;
            Ok::<_, watchfire_log::Error>(batch.map(|b| b.checkpoint().checkpoint.root))
        })
        .unwrap();
    let Standing::Behind { signed } = standing else { panic!("{standing:?}") };
    assert_eq!(signed, [origin.writer.state()]);
    assert_ne!(signed[0].log.incarnation, Incarnation([0; 16]));
}

#[test]
fn a_held_back_commit_is_lost_in_a_crash_and_the_high_water_file_tells() {
    let world = common::world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    origin.append(&world, vec![draft(ALL, "synced")]);
    origin.store.hold_back();
    origin.append(&world, vec![draft(ALL, "not synced")]);
    let mut file = HighWater::new(world.charter.realm().clone(), node("KOR-1"));
    let state: LogState = origin.writer.state();
    file.raise(&state);
    origin.store.crash();
    let mut scope = common::scope(&world, node("KOR-1"));
    assert_eq!(fsck(&origin.store, &scope).faults, []);
    scope.high_water = Some(&file);
    assert_eq!(fsck(&origin.store, &scope).faults_total, 1);
}
