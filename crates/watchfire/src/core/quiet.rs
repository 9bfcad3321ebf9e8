//! Late facts call nobody: neither a draft nor an alert goes out on entries that only filled a gap.
//!
//! They change the picture, and officers see them there, marked as late. A draft whose evidence is late
//! throughout waits until something live supports it; an alert whose release came late is not written
//! out, for it went out when it was released. Both are said once, in a finding. Which entries came late
//! the replication knows, after a restart too ([`sync::Node::came_late`]).

use std::collections::BTreeSet;

use domains::Desire;
use domains::warning::{Warning, cap_identifier};

use super::Core;

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
    /// Whether a draft has to wait, because all it rests on came late.
    pub(super) fn hushes(&mut self, desire: &Desire) -> bool {
        let evidence = &desire.evidence;
        let late = evidence.iter().filter(|entry| self.node.came_late(entry)).count();
        if evidence.is_empty() || late < evidence.len() {
            return false;
        }
        self.views.ask_again(&desire.key);
        if self.quiet.tell(&desire.key) {
            let key = &desire.key;
            self.say_late(format!(
                "`{key}` is not drafted: all {late} entries it rests on came late, after a gap"
            ));
        }
        true
    }

    /// Whether an alert is not written out, because its release came late.
    pub(super) fn hushes_alert(&mut self, warning: &Warning) -> bool {
        let Some(newest) = warning.messages().last() else { return false };
        let (entry, sequence) = (newest.entry, newest.sequence);
        if !self.node.came_late(&entry) {
            return false;
        }
        let name = cap_identifier(warning, sequence);
        if self.quiet.tell(&name) {
            self.say_late(format!(
                "the alert `{name}` is not written out: its release, entry `{entry}`, came late, \
                 after a gap"
            ));
        }
        true
    }

    fn say_late(&mut self, message: String) {
        self.find(
            domains::Severity::Warning,
            "late facts".to_owned(),
            message,
            Some(
                "look at the picture: what is live calls as ever, what was late does not"
                    .to_owned(),
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
