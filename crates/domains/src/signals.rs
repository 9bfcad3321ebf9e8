//! What domains tell each other and the operator.

use std::collections::VecDeque;

use base::{Degrees, Metres, Seconds, Timestamp, limits};
use log::EntryId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What, where, when, how sure, on what evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Dotted name such as `track.impact`; a domain's signals start with its name.
    pub what: &'static str,
    /// What it is about: an object's public id, else its internal one.
    pub subject: String,
    /// Where, as a 1-sigma error ellipse on the ground; `None` withdraws what was said before.
    pub region: Option<Region>,
    /// When, with its standard deviation.
    pub when: Option<(Timestamp, Seconds)>,
    /// How sure.
    pub certainty: Certainty,
    /// The statements it rests on, newest last.
    pub evidence: Vec<EntryId>,
}

/// How sure a signal is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Rests on an object not yet confirmed.
    Possible,
    /// Rests on a confirmed object.
    Confirmed,
}

/// A place with its 1-sigma error ellipse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// Latitude of the centre, WGS 84.
    pub lat: Degrees,
    /// Longitude of the centre, WGS 84.
    pub lon: Degrees,
    /// Standard deviation along the major axis.
    pub semi_major: Metres,
    /// Standard deviation along the minor axis.
    pub semi_minor: Metres,
    /// Direction of the major axis, clockwise from north.
    pub orientation: Degrees,
}

/// How bad a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something was set aside.
    Warning,
    /// Something is broken.
    Error,
}

/// Something an operator should know: a statement refused, a sensor that lies, a domain quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// When it counts.
    pub at: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// Which domain, sensor or entry.
    pub source: String,
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// The newest findings of a picture, at most [`limits::FINDINGS_KEPT_MAX`], and how many there were.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    kept: VecDeque<Finding>,
    total: u64,
}

impl Findings {
    /// Adds one; the oldest gives way when the limit is reached.
    pub fn record(&mut self, finding: Finding) {
        if self.kept.len() == limits::FINDINGS_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(finding);
        self.total += 1;
    }

    /// Those kept, each with its running number, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Finding)> {
        let dropped = self.total - self.kept.len() as u64;
        self.kept.iter().enumerate().map(move |(i, finding)| (dropped + i as u64, finding))
    }

    /// How many there ever were.
    pub const fn total(&self) -> u64 {
        self.total
    }
}

/// What one fold step gives off.
#[derive(Debug, Default)]
pub struct Signals {
    emitted: Vec<Signal>,
    findings: Vec<Finding>,
}

impl Signals {
    /// Tells the domains after this one.
    pub fn emit(&mut self, signal: Signal) {
        self.emitted.push(signal);
    }

    /// Records something an operator should know.
    pub fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What earlier domains emitted in this step.
    pub fn emitted(&self) -> &[Signal] {
        &self.emitted
    }

    pub(crate) fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_keep_the_newest_and_count_all() {
        let mut findings = Findings::default();
        for n in 0..limits::FINDINGS_KEPT_MAX + 3 {
            findings.record(Finding {
                at: Timestamp::from_seconds(0),
                severity: Severity::Info,
                source: "test".to_owned(),
                message: n.to_string(),
                hint: None,
            });
        }
        let (first, finding) = findings.iter().next().unwrap();
        assert_eq!((first, finding.message.as_str()), (3, "3"));
        assert_eq!(findings.total(), limits::FINDINGS_KEPT_MAX as u64 + 3);
        assert_eq!(findings.iter().count(), limits::FINDINGS_KEPT_MAX);
    }
}
