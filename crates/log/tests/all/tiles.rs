//! Tiles against the specification's own examples, against a tree made leaf by leaf, and against tampering.

use std::collections::BTreeMap;

use watchfire_log::{
    Cosignature, CosignatureKind, CosignedCheckpoint, Frontier, Hash, Leaves, Precedence, Progress,
    SignedCheckpoint, Store, Tile, TileAudit, TileFault, Write, leaf_hashes, sha256, tile_root,
    verifier_keys,
};

use crate::common::{Origin, Reader, at, draft, node, world};

#[test]
fn paths_are_those_of_the_specification() {
    for (level, index, width, path) in [
        (0, 0, 256, "tile/0/000"),
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (1, 999, 1, "tile/1/999.p/1"),
        (2, 1_000, 255, "tile/2/x001/000.p/255"),
    ] {
        let tile = Tile { level, index, width };
        assert_eq!(tile.to_string(), path);
        assert_eq!(Tile::parse(path).unwrap(), tile);
    }
    for bad in [
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
        "tile/0/+00",
        "tile/entries/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "",
    ] {
        assert!(Tile::parse(bad).is_err(), "`{bad}` was taken");
    }
}

/// C2SP tlog-tiles, "Partial Tiles": a tree of size 70,000.
#[test]
fn a_tree_of_70_000_has_the_tiles_the_specification_counts() {
    let width = |level, index| Tile::of_size(level, index, 70_000).map(|tile| tile.width);
    assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (Some(256), Some(112), None));
    assert_eq!((width(1, 0), width(1, 1), width(1, 2)), (Some(256), Some(17), None));
    assert_eq!((width(2, 0), width(2, 1), width(3, 0)), (Some(1), None, None));
    assert_eq!((Tile::of_size(1, 0, 256).unwrap().width, Tile::of_size(1, 0, 255)), (1, None));
    for (level, index) in [(0, 273), (1, 1), (2, 0)] {
        let tile = Tile::of_size(level, index, 70_000).unwrap();
        assert!(tile.needs_size().unwrap() <= 70_000, "{tile}");
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| sha256(&index.to_be_bytes())).collect()
}

fn tree(leaves: &[Hash]) -> Frontier {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree
}

/// Every tile of a tree, from its definition: hash `i` of level `l` is the root over 256^l leaves.
fn tiles(leaves: &[Hash]) -> BTreeMap<Tile, Vec<u8>> {
    let mut tiles = BTreeMap::new();
    let mut hashes = leaves.to_vec();
    for level in 0.. {
        if hashes.is_empty() {
            return tiles;
        }
        for (index, chunk) in (0..).zip(hashes.chunks(256)) {
            let width = u16::try_from(chunk.len()).unwrap();
            tiles.insert(Tile { level, index, width }, chunk.concat());
        }
        let full = hashes.chunks_exact(256);
        hashes = full.map(|chunk| tree(chunk).root()).collect();
    }
    tiles
}

fn signed(leaves: &[Hash]) -> SignedCheckpoint {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let mut checkpoint =
        origin.append(&world, vec![draft("KOR", "x")]).checkpoint.checkpoint.clone();
    (checkpoint.size, checkpoint.root) = (leaves.len() as u64, tree(leaves).root());
    checkpoint.sign(&world.secrets[&node("KOR-1")].key).into_inner()
}

fn audit(
    checkpoint: &SignedCheckpoint,
    known: Option<(u64, Hash)>,
    tiles: &BTreeMap<Tile, Vec<u8>>,
) -> Result<u64, TileFault> {
    let mut audit = TileAudit::new(checkpoint, known);
    while let Some(tile) = audit.next() {
        audit.take(&tiles[&tile])?;
    }
    let taken = audit.taken();
    audit.finish().map(|()| taken)
}

#[test]
fn an_audit_takes_every_tile_and_comes_to_the_root() {
    for size in [1, 2, 255, 256, 257, 511, 512, 600, 65_535, 65_536, 65_537, 66_000] {
        let leaves = leaves(size);
        let tiles = tiles(&leaves);
        let checkpoint = signed(&leaves);
        assert_eq!(audit(&checkpoint, None, &tiles), Ok(tiles.len() as u64), "size {size}");
        for old in [1, size / 2, size - 1, size] {
            let known = tree(&leaves[..usize::try_from(old).unwrap()]).root();
            assert!(audit(&checkpoint, Some((old, known)), &tiles).is_ok(), "{old} of {size}");
        }
    }
}

#[test]
fn every_tampered_tile_and_every_rewritten_past_is_found() {
    let leaves = leaves(66_000);
    let good = tiles(&leaves);
    let checkpoint = signed(&leaves);
    for (tile, content) in &good {
        for at in [0, content.len() / 2, content.len() - 1] {
            let mut bad = good.clone();
            bad.get_mut(tile).unwrap()[at] ^= 1;
            let found = audit(&checkpoint, None, &bad);
            assert!(found.is_err(), "byte {at} of {tile}");
        }
        let mut short = good.clone();
        short.get_mut(tile).unwrap().pop();
        assert!(
            matches!(audit(&checkpoint, None, &short), Err(TileFault::Length { .. })),
            "{tile}"
        );
    }
    // A log that signs another past gives tiles that fit its new root: only the old root shows it.
    let mut other = leaves;
    other[300] = sha256(b"another");
    let (past, rewritten) = (tree(&self::leaves(400)).root(), signed(&other));
    assert!(audit(&rewritten, None, &tiles(&other)).is_ok());
    assert_eq!(
        audit(&rewritten, Some((400, past)), &tiles(&other)),
        Err(TileFault::Rewritten { size: 400 })
    );
}

#[test]
fn a_checkpoint_stands_to_the_one_before_it() {
    let leaves = leaves(500);
    let (half, whole) = (signed(&leaves[..250]), signed(&leaves));
    let mut other = leaves.clone();
    other[7] = sha256(b"another");
    let forked = signed(&other);
    assert_eq!(Progress::between(None, &half), Progress::First);
    assert_eq!(Progress::between(Some(&half), &whole), Progress::Grown);
    assert_eq!(Progress::between(Some(&whole), &whole), Progress::Same);
    assert_eq!(Progress::between(Some(&whole), &half), Progress::RolledBack { from: 500 });
    let Progress::Forked(proof) = Progress::between(Some(&whole), &forked) else {
        panic!("expected a proof of two histories")
    };
    assert!(proof.verify(&world().secrets[&node("KOR-1")].key.verifying_key()).is_ok());
}

#[test]
fn tiles_come_from_the_store_as_far_as_its_node_may_read() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let (mut usa, mut jpn) = (Reader::new(&world, "USA-1", log), Reader::new(&world, "JPN-1", log));
    let mut all = Vec::new();
    for round in 0..5 {
        let drafts = vec![
            draft("JPN+KOR+USA", &format!("{round}")),
            draft("KOR+USA", "a"),
            draft("KOR+USA", "b"),
        ];
        let appended = origin.append(&world, drafts);
        all.extend(appended.batch.entries().map(|entry| *entry.leaf_hash()));
        usa.take(&world, &appended);
        jpn.take(&world, &appended);
    }
    let size = all.len();
    for (from, to) in [(0, size), (1, size), (3, 4), (size - 1, size)] {
        let (first, end) = (from as u64, to as u64);
        let expected = Leaves::Known(all[from..to].to_vec());
        assert_eq!(leaf_hashes(&origin.store, &log, first, end).unwrap(), expected);
        assert_eq!(leaf_hashes(&usa.store, &log, first, end).unwrap(), expected);
    }
    let beyond = leaf_hashes(&origin.store, &log, 0, size as u64 + 1).unwrap();
    assert_eq!(beyond, Leaves::Unknown(size as u64));
    // Two neighbours that JPN may not read are one subtree there, and no leaf hash of either.
    let hidden = leaf_hashes(&jpn.store, &log, 0, size as u64).unwrap();
    assert!(matches!(hidden, Leaves::Unknown(_)), "{hidden:?}");
    let mut tree = Frontier::new();
    for leaf in &all {
        tree.push(*leaf);
    }
    assert_eq!(tree.root(), origin.writer.state().root);
    assert_eq!(tile_root(&all), tree.root());
}

#[test]
fn the_served_note_is_the_one_most_partners_cosigned_lately() {
    let world = world();
    let mut origin = Origin::new(&world, "KOR-1", Precedence::Flash);
    let log = origin.writer.log();
    let cosign = |checkpoint, name: &str, kind, seconds| {
        let keys = &world.secrets[&node(name)];
        let key = if kind == CosignatureKind::Witness { &keys.witness } else { &keys.holds };
        Cosignature::sign(kind, node(name), checkpoint, at(seconds), key)
    };
    let witness = CosignatureKind::Witness;
    let [one, two, three] = ["one", "two", "three"]
        .map(|text| origin.append(&world, vec![draft("KOR", text)]).checkpoint);
    let newest = |store: &watchfire_log::MemoryStore| {
        CosignedCheckpoint::newest(store, &log, &world.charter).unwrap().unwrap()
    };
    assert_eq!(*newest(&origin.store).checkpoint, *three, "nobody cosigned");
    // JPN cosigned all three, USA the second: that one has two witnesses.
    origin
        .store
        .commit(&[
            Write::History(cosign(&one, "JPN-1", witness, 1).into()),
            Write::History(cosign(&two, "JPN-1", witness, 2).into()),
            Write::Cosignature(cosign(&three, "JPN-1", witness, 3)),
            Write::Cosignature(cosign(&two, "USA-1", witness, 2)),
            Write::Cosignature(cosign(&two, "USA-1", CosignatureKind::Holds, 2)),
        ])
        .unwrap();
    let best = newest(&origin.store);
    assert_eq!(*best.checkpoint, *two);
    let note = best.to_note(&world.charter).unwrap();
    let read = CosignedCheckpoint::from_note(&note, &world.charter).unwrap();
    assert_eq!(read, best);
    let names = |kind| read.partners(kind).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(witness), ["JPN", "USA"]);
    assert_eq!(names(CosignatureKind::Holds), ["USA"]);
    // USA has been silent for long: the newest counts.
    origin.store.commit(&[Write::Cosignature(cosign(&three, "JPN-1", witness, 60))]).unwrap();
    assert_eq!(*newest(&origin.store).checkpoint, *three);
    // Any changed byte of a line by a known key is a fault, and a foreign line is only named.
    let foreign = format!("{note}— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6Q==\n");
    let read = CosignedCheckpoint::from_note(&foreign, &world.charter).unwrap();
    assert_eq!(read.unknown, ["example.com/foo"]);
    let line = note.lines().last().unwrap();
    let damaged =
        note.replace(line, &line.replace(&line[line.len() - 20..line.len() - 12], "AAAAAAAA"));
    assert!(CosignedCheckpoint::from_note(&damaged, &world.charter).is_err());
    assert_eq!(verifier_keys(&world.charter, &log).unwrap().len(), 5);
}
