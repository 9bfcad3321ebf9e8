//! Late and contested facts call nobody: neither a draft nor an alert goes out on entries that only
//! filled a gap, or whose nodes signed two histories.
//!
//! They change the picture, and officers see them there, marked. A draft with nothing sound among its
//! evidence waits until something sound supports it. An alert whose release came late is not written
//! out, for it went out when it was released; nor is one that rests on contested entries alone, which
//! an officer cannot release either. Each is said once, in a finding. What entries are worth the
//! replication knows, after a restart too ([`sync::Node::grounds`]).

use std::collections::BTreeSet;

use domains::Desire;
use domains::warning::{Warning, cap_identifier};
use log::EntryId;
use sync::Grounds;

use super::Core;
use crate::cap;
use crate::http::Problem;

/// Hushed drafts and alerts of which an operator was told; beyond it the first by name is forgotten,
/// and may be told again.
const TOLD_MAX: usize = 1_024;

/// What was hushed and said so.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    told: BTreeSet<String>,
}

impl Quiet {
    /// Whether nobody has been told of `key` yet.
    fn tell(&mut self, key: &str) -> bool {
        if self.told.len() >= TOLD_MAX && !self.told.contains(key) {
            self.told.pop_first();
        }
        self.told.insert(key.to_owned())
    }
}

impl Core {
    /// Whether a draft has to wait, because all it rests on came late or is contested.
    pub(super) fn hushes(&mut self, desire: &Desire) -> bool {
        let grounds = self.node.grounds(&desire.evidence);
        if desire.evidence.is_empty() || grounds.hold() {
            return false;
        }
        self.views.ask_again(&desire.key);
        if self.quiet.tell(&desire.key) {
            self.say_hushed(grounds, format!("`{}` is not drafted: {}", desire.key, why(grounds)));
        }
        true
    }

    /// Refuses an officer's act that would call people on contested entries alone. What merely came late
    /// an officer may judge.
    pub(super) fn refuse_contested(&self, name: &str, evidence: &[EntryId]) -> Result<(), Problem> {
        let grounds = self.node.grounds(evidence);
        if grounds.contested == 0 || grounds.contested < evidence.len() {
            return Ok(());
        }
        Err(Problem::conflict(format!("`{name}` is not released: {}", why(grounds))).hint(
            "wait for a statement of another node, or speak to the partner; a cancel goes out as ever",
        ))
    }

    /// Whether an alert is not written out, because its release came late or all it rests on is
    /// contested. One that is written stays.
    pub(super) fn hushes_alert(&mut self, warning: &Warning) -> bool {
        let Some(newest) = warning.messages().last() else { return false };
        let said = self.node.grounds(&[newest.entry]);
        let evidence = &newest.subject.evidence;
        let rests = self.node.grounds(evidence);
        let is_contested = newest.reason.calls()
            && (said.contested > 0 || (rests.contested > 0 && rests.contested == evidence.len()));
        if (said.late == 0 && !is_contested) || cap::is_written(&self.effects, warning) {
            return false;
        }
        let (entry, name) = (newest.entry, cap_identifier(warning, newest.sequence));
        if self.quiet.tell(&name) {
            let (grounds, why) = match (said.hold(), said.late > 0) {
                (true, _) => (rests, why(rests)),
                (_, true) => {
                    (said, format!("its release, entry `{entry}`, came late, after a gap"))
                }
                _ => (
                    said,
                    format!("the node of its release, entry `{entry}`, signed two histories"),
                ),
            };
            self.say_hushed(grounds, format!("the alert `{name}` is not written out: {why}"));
        }
        true
    }

    fn say_hushed(&mut self, grounds: Grounds, message: String) {
        let (source, hint) = if grounds.contested > 0 {
            (
                "contested facts",
                "`watchfire evidence` shows what is contested; one sound statement lets it through",
            )
        } else {
            (
                "late facts",
                "look at the picture: what is live calls as ever, what was late does not",
            )
        };
        self.find(domains::Severity::Warning, source.to_owned(), message, Some(hint.to_owned()));
    }
}

/// Why no effect may rest on these.
fn why(Grounds { late, contested, .. }: Grounds) -> String {
    match (late, contested) {
        (late, 0) => format!("all {late} entries it rests on came late, after a gap"),
        (0, contested) => {
            format!("all {contested} entries it rests on are of nodes that signed two histories")
        }
        (late, contested) => format!(
            "of the entries it rests on {late} came late, after a gap, and {contested} are of nodes \
             that signed two histories"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_words() {
        for (late, contested, expect) in [
            (2, 0, "all 2 entries it rests on came late, after a gap"),
            (0, 3, "all 3 entries it rests on are of nodes that signed two histories"),
            (
                1,
                1,
                "of the entries it rests on 1 came late, after a gap, and 1 are of nodes that signed two \
                 histories",
            ),
        ] {
            assert_eq!(why(Grounds { sound: 0, late, contested }), expect);
        }
    }

    #[test]
    fn what_was_told_is_bounded_and_told_once() {
        let mut quiet = Quiet::default();
        assert!(quiet.tell("a") && !quiet.tell("a"));
        for number in 0..TOLD_MAX {
            assert!(quiet.tell(&format!("b{number:05}")));
        }
        assert_eq!(quiet.told.len(), TOLD_MAX);
        assert!(quiet.tell("a"), "it had to go");
    }
}
