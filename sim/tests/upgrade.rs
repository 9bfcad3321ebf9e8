//! A cluster whose nodes are upgraded to a newer protocol edition one at a time.

use watchfire_sim::cluster::{Cast, Options, run};

#[test]
fn a_cluster_upgraded_one_node_at_a_time_keeps_every_promise() {
    let cast = Cast::assemble();
    let options = Options { upgrade: true, ..Options::default() };
    let mut jumps = 0;
    for seed in 1..16 {
        let report = run(&cast, &options, seed);
        assert!(report.passed(), "seed {seed}: {:?}", report.failures);
        jumps += report.jumps;
    }
    assert!(jumps > 0, "no node of the newer edition used it");
}
