//! Lines that carry files: everything crosses, receipts come back, and no damaged, foreign or partial file
//! changes anything.

use base::NodeId;
use log::{CosignatureKind, Precedence, StoreReadExt};
use sync::{
    Arrival, BundleError, BundlePiece, BundlePlan, BundleReader, BundleWriter, Input, Level, Since,
    carried_batch,
};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

/// The next bundle from one host to another, written and confirmed.
fn export(cluster: &mut Cluster, from: usize, to: usize, since: Since) -> Vec<u8> {
    let plan: BundlePlan =
        cluster.node(from).bundle_plan(cluster.hosts[to].id, since, cluster.now).unwrap();
    let mut out = Vec::new();
    let mut writer = BundleWriter::begin(plan.header.clone(), &mut out);
    plan.frames.iter().for_each(|frame| writer.chunk(frame, &mut out));
    for (log, first, end) in &plan.logs {
        let batches =
            cluster.hosts[from].store.batches(log, *first, usize::MAX, usize::MAX).unwrap();
        for batch in batches.iter().filter(|batch| batch.end() <= *end) {
            let frame = carried_batch(batch, plan.header.to, &cluster.charter.charter);
            writer.chunk(&frame, &mut out);
        }
    }
    writer.end(&cluster.charter.secrets[&cluster.hosts[from].id].key, &mut out);
    cluster.input(from, Input::Exported { plan });
    out
}

/// Every piece of a file, in pushes of `step` bytes.
fn pieces(
    cluster: &Cluster,
    at: usize,
    file: &[u8],
    step: usize,
) -> Result<Vec<BundlePiece>, BundleError> {
    let charter = &cluster.charter.charter;
    let mut reader = BundleReader::new(charter, cluster.hosts[at].id);
    let mut found = Vec::new();
    for bytes in file.chunks(step) {
        reader.push(bytes);
        while let Some(piece) = reader.piece()? {
            found.push(piece);
        }
    }
    reader.finish().map(|()| found)
}

fn import(cluster: &mut Cluster, at: usize, file: &[u8]) -> Result<(), BundleError> {
    let mut header = None;
    for piece in pieces(cluster, at, file, 4_096)? {
        match piece {
            BundlePiece::Header(read) => header = Some(read),
            BundlePiece::Frame(frame) => {
                let header = header.as_ref().unwrap();
                let (from, number) = (header.from, header.number);
                cluster.input(at, Input::Carried { from, number, frame });
            }
            BundlePiece::End => {
                let header = header.as_ref().unwrap();
                let (from, number) = (header.from, header.number);
                let node = cluster.node(at);
                assert!(node.has_stored(&node.taken_of(from)));
                cluster.input(at, Input::Imported { from, number });
            }
        }
    }
    Ok(())
}

fn apart() -> Cluster {
    let mut cluster = Cluster::new(&["JPN-1", "KOR-1", "USA-1"]);
    cluster.run_for(200);
    cluster
}

#[test]
fn statements_cross_and_receipts_come_back() {
    let mut cluster = apart();
    let ticket = cluster.append(KOR, "JPN+KOR", "by courier", Level::Partners(1));
    cluster.append(KOR, "KOR+USA", "not for JPN", Level::Local);
    let there = export(&mut cluster, KOR, JPN, Since::Acknowledged);
    cluster.run_for(4_000);
    import(&mut cluster, JPN, &there).unwrap();
    let late = ("by courier".to_owned(), Arrival::Backfilled);
    assert_eq!(cluster.told(JPN), [late], "what a file brings is to page nobody");
    let log = cluster.node(KOR).own_log(Precedence::Immediate);
    assert_eq!(cluster.node(JPN).cut()[&log], cluster.node(KOR).cut()[&log]);
    assert!(cluster.acknowledged(KOR, ticket).is_none(), "nothing has come back yet");

    let back = export(&mut cluster, JPN, KOR, Since::Acknowledged);
    import(&mut cluster, KOR, &back).unwrap();
    assert!(cluster.acknowledged(KOR, ticket).is_some(), "`holds` comes over the gap");
    let size = cluster.node(KOR).cut()[&log];
    assert_eq!(cluster.stated(KOR, JPN, Precedence::Immediate, CosignatureKind::Holds), size);
    // What was acknowledged does not go again.
    let plan =
        cluster.node(KOR).bundle_plan(cluster.hosts[JPN].id, Since::Acknowledged, cluster.now);
    assert!(plan.unwrap().logs.iter().all(|(of, from, _)| *of != log || *from == size));
}

#[test]
fn files_may_come_twice_late_and_out_of_order() {
    let mut cluster = apart();
    let mut files = Vec::new();
    for text in ["one", "two", "three"] {
        cluster.append(KOR, "JPN+KOR+USA", text, Level::Local);
        files.push(export(&mut cluster, KOR, JPN, Since::Exported));
    }
    let numbers: Vec<u64> = files
        .iter()
        .map(|file| match &pieces(&cluster, JPN, file, 999).unwrap()[0] {
            BundlePiece::Header(header) => header.number,
            other => panic!("expected a header, got {other:?}"),
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    import(&mut cluster, JPN, &files[2]).unwrap();
    assert!(cluster.texts(JPN).is_empty(), "what came before it is missing");
    assert!(cluster.node(JPN).counters().gaps > 0);
    for at in [0, 0, 1, 2, 1] {
        import(&mut cluster, JPN, &files[at]).unwrap();
    }
    assert_eq!(cluster.texts(JPN), ["one", "two", "three"]);
    assert_eq!(cluster.node(JPN).bundle_numbers(cluster.hosts[KOR].id), (3, 0));
    // A lost file: from what was acknowledged everything goes again.
    let all = export(&mut cluster, KOR, USA, Since::Exported);
    drop(all);
    let again = export(&mut cluster, KOR, USA, Since::Acknowledged);
    import(&mut cluster, USA, &again).unwrap();
    assert_eq!(cluster.texts(USA), ["one", "two", "three"]);
    // What was noted survives a restart.
    let before = cluster.node(KOR).bundle_numbers(cluster.hosts[JPN].id);
    cluster.stop(KOR);
    cluster.start(KOR);
    assert_eq!(cluster.node(KOR).bundle_numbers(cluster.hosts[JPN].id), before);
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_file_is_refused() {
    let mut cluster = apart();
    cluster.append(KOR, "JPN+KOR+USA", "small", Level::Local);
    let file = export(&mut cluster, KOR, JPN, Since::Acknowledged);
    for step in [1, 7, file.len()] {
        assert!(pieces(&cluster, JPN, &file, step).is_ok(), "pushed by {step}");
    }
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 0x20;
        assert!(pieces(&cluster, JPN, &bad, 4_096).is_err(), "byte {at} flipped");
    }
    for cut in 0..file.len() {
        match pieces(&cluster, JPN, &file[..cut], 4_096) {
            Err(BundleError::Partial { good, .. }) => assert!(good <= cut as u64),
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    let longer = [&file[..], b"x"].concat();
    assert!(matches!(pieces(&cluster, JPN, &longer, 4_096), Err(BundleError::Damaged { .. })));
    assert!(matches!(
        pieces(&cluster, JPN, b"PK\x03\x04 a zip", 8),
        Err(BundleError::Damaged { .. })
    ));
    assert!(cluster.texts(JPN).is_empty(), "nothing of a refused file is used");
}

#[test]
fn files_for_others_of_other_realms_or_signed_by_others_are_refused() {
    let mut cluster = apart();
    cluster.append(KOR, "JPN+KOR+USA", "for JPN", Level::Local);
    let file = export(&mut cluster, KOR, JPN, Since::Acknowledged);
    let refused = pieces(&cluster, USA, &file, 4_096).unwrap_err();
    assert!(matches!(refused, BundleError::Foreign { what: "a bundle for", .. }), "{refused}");
    // Another federation with nodes of the same names: other keys, and another realm.
    let strangers =
        log::testing::charter(&log::Realm::exercise("other").unwrap(), &["JPN-1", "KOR-1"], 9);
    let me: NodeId = "JPN-1".parse().unwrap();
    let mut reader = BundleReader::new(&strangers.charter, me);
    reader.push(&file);
    assert!(matches!(reader.piece(), Err(BundleError::Foreign { what: "realm", .. })));
    let plan = cluster.node(KOR).bundle_plan(me, Since::Start, cluster.now).unwrap();
    let mut forged = Vec::new();
    let writer = BundleWriter::begin(plan.header, &mut forged);
    writer.end(&cluster.charter.secrets[&cluster.hosts[USA].id].key, &mut forged);
    let refused = pieces(&cluster, JPN, &forged, 4_096).unwrap_err();
    assert_eq!(refused, BundleError::Signature { from: cluster.hosts[KOR].id });
}
