//! Damaged bytes of every wire form: readers refuse or read something, and never panic or hang.

use watchfire_log::rand_core::Rng as _;
use watchfire_log::testing::SeededRng;
use watchfire_log::{
    Apart, Batch, Charter, Complaint, Cosignature, EquivocationProof, HighWater, HoldsRange,
    IncarnationStart, LaneMirror, LineCheck, LogHead, NodeSecrets, Pulse, SignedCheckpoint,
};

use crate::common::{partner, world};
use crate::samples::samples;

#[test]
fn no_reader_panics() {
    let world = world();
    let samples = samples();
    let mut rng = SeededRng::new(21);
    let log = SignedCheckpoint::from_bytes(&find(&samples, "checkpoint-1.hex")).unwrap();
    let log = log.checkpoint.log;
    let mut refused = 0;
    for (name, sample) in &samples {
        for _ in 0..300 {
            let bytes = damaged(sample, &samples, &mut rng);
            let realm = world.charter.realm().clone();
            let mut mirror = LaneMirror::new(realm, partner("JPN"), LogHead::start(log));
            let mut results = vec![
                Batch::parse(bytes.clone()).is_ok(),
                SignedCheckpoint::from_bytes(&bytes).is_ok(),
                Cosignature::from_bytes(&bytes).is_ok(),
                HoldsRange::from_bytes(&bytes).is_ok(),
                EquivocationProof::from_bytes(&bytes).is_ok(),
                Apart::from_bytes(&bytes).is_ok(),
                Pulse::read(&bytes).is_ok(),
                IncarnationStart::read(&bytes).is_ok(),
                Complaint::read(&bytes).is_ok(),
                LineCheck::read(&bytes).is_ok(),
            ];
            if let Ok(text) = std::str::from_utf8(&bytes) {
                results.push(Charter::parse_verify(text).is_ok());
                results.push(HighWater::parse(text).is_ok());
                results.push(NodeSecrets::parse(text).is_ok());
                results.push(SignedCheckpoint::from_note(text, &key(&world)).is_ok());
            }
            refused += results.iter().filter(|ok| !**ok).count();
            let taken = mirror.accept(bytes, &world.charter).is_ok();
            assert!(!taken || name.starts_with("batch"), "{name} was taken as a batch");
        }
    }
    assert!(refused > 10_000, "{refused} refusals");
}

fn key(world: &watchfire_log::testing::TestCharter) -> watchfire_log::VerifyingKey {
    world.secrets[&crate::common::node("KOR-1")].key.verifying_key()
}

fn find(samples: &[(&str, Vec<u8>)], name: &str) -> Vec<u8> {
    samples.iter().find(|(of, _)| *of == name).map(|(_, bytes)| bytes.clone()).unwrap()
}

/// Flips, cuts, repeats or splices at random places.
fn damaged(sample: &[u8], samples: &[(&str, Vec<u8>)], rng: &mut SeededRng) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    let mut pick = |below: usize| rng.next_u32() as usize % below.max(1);
    for _ in 0..=pick(4) {
        let at = pick(bytes.len());
        match pick(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << pick(8),
            1 if at < bytes.len() => bytes[at] = [0, 0xff, 0x7f, b'\n', b' '][pick(5)],
            2 => bytes.truncate(at),
            3 => {
                let (_, other) = &samples[pick(samples.len())];
                let from = pick(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let again = bytes[at..(at + pick(64)).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}
