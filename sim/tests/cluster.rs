//! The cluster simulator as a test: some seeds in every build, planted bugs with their feature.
//!
//! Many seeds: `cargo run --release -p watchfire-sim --bin sim-cluster -- --seeds 1000`; planted bugs:
//! `cargo run --release -p watchfire-sim --features planted-bugs --bin sim-cluster -- --planted`.

use watchfire_sim::cluster::{Cast, Counts, Fault, Options, Report, run};

/// Seeds played in every build.
const SEEDS: std::ops::Range<u64> = 1..51;

fn play(options: &Options, seeds: std::ops::Range<u64>) -> Vec<Report> {
    let cast = Cast::assemble();
    seeds.map(|seed| run(&cast, options, seed)).collect()
}

#[test]
fn every_seed_converges_and_loses_nothing() {
    let reports = play(&Options::default(), SEEDS);
    let mut faults = Counts::default();
    let convicted = reports.iter().filter(|report| report.convicted > 0).count();
    assert!(convicted > 0, "no seed of {SEEDS:?} proved two histories");
    let apart = reports.iter().filter(|report| report.apart > 0).count();
    assert!(apart > 0, "no seed of {SEEDS:?} kept another history apart");
    let jumps: u64 = reports.iter().map(|report| report.jumps).sum();
    assert!(jumps > SEEDS.end - SEEDS.start, "{jumps} jumps in {SEEDS:?}");
    for report in &reports {
        let seed = report.seed;
        assert!(
            report.passed(),
            "seed {seed}: {:?}\nagain: sim-cluster --seed {seed} --trace",
            report.failures
        );
        assert!(report.entries >= 200, "seed {seed}: {} statements", report.entries);
        assert!(report.planned() >= 5, "seed {seed}: {} planned faults", report.planned());
        faults.merge(&report.faults);
    }
    for fault in [
        Fault::Partition,
        Fault::OneWayPartition,
        Fault::Disconnect,
        Fault::Crash,
        Fault::WriteTorn,
        Fault::WriteUnanswered,
        Fault::HighWaterBehind,
        Fault::WriteDropped,
        Fault::WriteFailed,
        Fault::WriteFailedButPersisted,
        Fault::Rollback,
        Fault::Forgery,
        Fault::LieFork,
        Fault::LieBadBatch,
        Fault::LieInOthersName,
        Fault::LieReplay,
        Fault::LieHiddenEntries,
        Fault::LieHiddenLane,
        Fault::LieFlood,
        Fault::LieOverstated,
        Fault::LieHello,
        Fault::LieProof,
        Fault::LieClock,
        Fault::FrameLost,
        Fault::FrameRepeated,
        Fault::FrameReordered,
        Fault::FrameDamaged,
    ] {
        assert!(faults.of(fault) > 0, "no seed of {SEEDS:?} had {fault:?}");
    }
}

#[test]
fn a_run_follows_from_its_seed() {
    let cast = Cast::assemble();
    let options = Options::default();
    for seed in [3, 8] {
        let (first, second) = (run(&cast, &options, seed), run(&cast, &options, seed));
        assert_eq!(
            serde_json::to_string(&first).unwrap(),
            serde_json::to_string(&second).unwrap(),
            "seed {seed} played differently the second time"
        );
    }
}

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_bug_is_caught() {
    let cast = Cast::assemble();
    for bug in log::bugs::Bug::ALL {
        let options = Options { bug: Some(bug), ..Options::default() };
        let seeds = bug.seeds_max();
        let caught = (1..=seeds).any(|seed| !run(&cast, &options, seed).passed());
        assert!(caught, "`{}` escaped {seeds} seeds", bug.as_str());
    }
}
