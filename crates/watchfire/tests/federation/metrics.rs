//! What a node tells Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Api, EVERYONE, Federation, scan_proposal, settle, wait_for};

/// Samples by name and labels; every sample must belong to a family that was declared once.
fn samples(api: &Api) -> BTreeMap<String, f64> {
    let answer = api.get("/metrics");
    assert_eq!(answer.status, 200);
    let (mut families, mut samples) = (BTreeSet::new(), BTreeMap::new());
    for line in answer.body.as_str().expect("text").lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').expect("a name and a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name.to_owned()), "declared twice: {line}");
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a sample and its value");
        let family = name.split('{').next().expect("a name");
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| family.strip_suffix(end));
        let declared =
            families.contains(family) || plain.is_some_and(|name| families.contains(name));
        assert!(declared, "of no family: {line}");
        let value = value.parse().expect("a number");
        assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    samples
}

/// Whether a sample is this whole number.
fn is(sample: f64, whole: f64) -> bool {
    (sample - whole).abs() < 0.5
}

#[test]
fn every_line_and_lane_has_its_figures() {
    let federation = Federation::new("metrics");
    let [japan, korea, usa] = federation.start_all();
    let before = samples(&korea.api);
    for number in 0..7 {
        korea.api.append(&scan_proposal("KOR", "metrics", number, EVERYONE));
    }
    settle(&[&japan.api, &korea.api, &usa.api]);
    let after = wait_for("the figures of both lines", || {
        let after = samples(&korea.api);
        let held = |peer: &str| -> f64 {
            let start = format!("watchfire_lane_held_entries{{peer=\"{peer}\"");
            after.iter().filter(|(name, _)| name.starts_with(&start)).map(|(_, held)| held).sum()
        };
        if held("JPN-1") >= 7.0 && held("USA-1") >= 7.0 { Ok(after) } else { Err(after) }
    });
    for peer in ["JPN-1", "USA-1"] {
        for name in ["up", "relayed", "lag_seconds", "clock_offset_seconds"] {
            assert!(
                after.contains_key(&format!("watchfire_line_{name}{{peer=\"{peer}\"}}")),
                "{name}"
            );
        }
        for lane in ["flash", "immediate", "priority", "routine"] {
            let of = |name: &str| after[&format!("{name}{{peer=\"{peer}\",lane=\"{lane}\"}}")];
            assert!(is(of("watchfire_lane_missing_entries"), 0.0));
            assert!(of("watchfire_lane_sent_entries") >= of("watchfire_lane_held_entries"));
            assert!(of("watchfire_line_waiting_bytes") >= of("watchfire_line_waiting_frames"));
        }
    }
    let grown = |name: &str| after[name] - before[name];
    assert!(is(grown("watchfire_appended_entries_total"), 7.0));
    let events = after.keys().filter(|name| name.starts_with("watchfire_exchange_total{event="));
    assert_eq!(events.count(), 15);
    assert!(is(after["watchfire_exchange_total{event=\"batches_refused\"}"], 0.0));
    println!("{} samples", after.len());
    for node in [japan, korea, usa] {
        node.stop();
    }
}
