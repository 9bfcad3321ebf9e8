//! What operators are told, without flooding them.

use std::collections::BTreeMap;

use base::Timestamp;

use crate::api::{Output, Severity};
use crate::config::Config;
use crate::limits;

/// Sources watched at once; when more come the oldest windows are forgotten.
const SOURCES_MAX: usize = 4_096;

/// Counts of what was refused or repeated since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames that were not frames.
    pub malformed: u64,
    /// Batches refused: wrong key, wrong root, wrong realm, too large.
    pub batches_refused: u64,
    /// Batches that were here already.
    pub duplicates: u64,
    /// Batches that came ahead of their turn.
    pub gaps: u64,
    /// Cosignatures and proofs refused.
    pub notes_refused: u64,
    /// Entries addressed to this node that did not open.
    pub unopened: u64,
    /// Store operations that failed and were tried again.
    pub store_retries: u64,
    /// Frames dropped because too much waited for the store.
    pub overflow: u64,
    /// Parts of logs sent again because nothing was reported durable for too long.
    pub resends: u64,
    /// Times a copy jumped ahead of a gap.
    pub jumps: u64,
    /// Times a member's count of an audience's entries was found to differ from this node's.
    pub counts_differ: u64,
    /// Frames passed on for two others.
    pub relayed: u64,
    /// Frames of tunnels that had nowhere to go, or whose tunnel had ended.
    pub relayed_dropped: u64,
    /// Frames of tunnels that are not as they should be.
    pub relayed_refused: u64,
    /// Findings not shown because there were too many of a kind.
    pub findings_withheld: u64,
}

impl Counters {
    /// Each count under its name, for whoever lists them.
    pub const fn named(&self) -> [(&'static str, u64); 15] {
        [
            ("malformed", self.malformed),
            ("batches_refused", self.batches_refused),
            ("duplicates", self.duplicates),
            ("gaps", self.gaps),
            ("notes_refused", self.notes_refused),
            ("unopened", self.unopened),
            ("store_retries", self.store_retries),
            ("overflow", self.overflow),
            ("resends", self.resends),
            ("jumps", self.jumps),
            ("counts_differ", self.counts_differ),
            ("relayed", self.relayed),
            ("relayed_dropped", self.relayed_dropped),
            ("relayed_refused", self.relayed_refused),
            ("findings_withheld", self.findings_withheld),
        ]
    }
}

#[derive(Debug)]
struct Seen {
    since: Timestamp,
    count: u32,
}

/// Lets a few findings of each topic and source through, and counts the rest.
#[derive(Debug)]
pub(crate) struct Findings {
    seen: BTreeMap<(&'static str, String), Seen>,
}

impl Findings {
    pub(crate) const fn new() -> Self {
        Self { seen: BTreeMap::new() }
    }

    /// Adds a finding to `out` unless its topic and source had too many lately.
    pub(crate) fn report(
        &mut self,
        finding: Finding<'_>,
        now: Timestamp,
        config: &Config,
        counters: &mut Counters,
        out: &mut Vec<Output>,
    ) {
        let Finding { topic, severity, source, message, hint } = finding;
        let window = config.scale(limits::FINDING_EVERY);
        if self.seen.len() >= SOURCES_MAX {
            self.seen.retain(|_, seen| now - seen.since < window);
        }
        if self.seen.len() >= SOURCES_MAX {
            self.seen.clear();
        }
        let seen =
            self.seen.entry((topic, source.clone())).or_insert(Seen { since: now, count: 0 });
        if now - seen.since >= window {
            *seen = Seen { since: now, count: 0 };
        }
        seen.count += 1;
        if seen.count > limits::FINDINGS_PER_SOURCE_MAX {
            counters.findings_withheld += 1;
            return;
        }
        out.push(Output::Finding { severity, source, message, hint: hint.map(str::to_owned) });
    }
}

/// One finding before it is let through.
pub(crate) struct Finding<'a> {
    /// What it is about in one word, for counting.
    pub(crate) topic: &'static str,
    /// How bad.
    pub(crate) severity: Severity,
    /// The node or log.
    pub(crate) source: String,
    /// What was expected, what came.
    pub(crate) message: String,
    /// The mend.
    pub(crate) hint: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use base::TimeDelta;

    use super::*;

    #[test]
    fn a_flood_is_counted_and_a_new_window_opens() {
        let (mut findings, mut counters) = (Findings::new(), Counters::default());
        let config = Config::default();
        let mut out = Vec::new();
        let mut report = |source: &str, now, counters: &mut Counters, out: &mut Vec<Output>| {
            let finding = Finding {
                topic: "test",
                severity: Severity::Warning,
                source: source.to_owned(),
                message: "expected a, got b".to_owned(),
                hint: None,
            };
            findings.report(finding, now, &config, counters, out);
        };
        let start = Timestamp::from_seconds(0);
        for _ in 0..100 {
            report("KOR-1", start, &mut counters, &mut out);
        }
        report("JPN-1", start, &mut counters, &mut out);
        assert_eq!(out.len(), limits::FINDINGS_PER_SOURCE_MAX as usize + 1);
        assert_eq!(counters.findings_withheld, 100 - u64::from(limits::FINDINGS_PER_SOURCE_MAX));
        let later = start + limits::FINDING_EVERY + TimeDelta::from_seconds(1);
        report("KOR-1", later, &mut counters, &mut out);
        assert_eq!(out.len(), limits::FINDINGS_PER_SOURCE_MAX as usize + 2);
    }
}
