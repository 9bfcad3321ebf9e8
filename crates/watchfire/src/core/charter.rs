//! The charter in force: shown, and replaced by a newer one that the operator or a peer brings.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, Timestamp};
use log::{Charter, Editions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::limits::CHARTERS_WAITING_MAX;
use sync::wire::Standing;
use tokio::sync::oneshot;

use super::Core;
use crate::http::Problem;

/// What may be asked about the charter.
#[derive(Debug)]
pub(crate) enum CharterQuestion {
    /// What is in force, here and at peers.
    Show(oneshot::Sender<CharterAnswer>),
    /// Put this file in force; answered once it is durable.
    Adopt { text: String, reply: oneshot::Sender<Result<CharterAnswer, Problem>> },
}

/// A charter file to put in force.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CharterFile {
    /// The file's text.
    pub(crate) text: String,
}

/// The charter in force.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CharterAnswer {
    /// Its edition.
    pub(crate) edition: u32,
    /// Its fingerprint, to compare by voice.
    pub(crate) fingerprint: String,
    /// The same as words of the spelling alphabet.
    pub(crate) spoken: String,
    /// Number of each partner's roster.
    pub(crate) rosters: BTreeMap<String, u32>,
    /// What other nodes last said they have in force.
    pub(crate) nodes: Vec<CharterAtNode>,
    /// What runs out soon or has run out.
    pub(crate) expiring: Vec<CharterExpiring>,
    /// The file, with every signature.
    pub(crate) text: String,
}

/// What another node has in force.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CharterAtNode {
    /// The node.
    pub(crate) node: NodeId,
    /// Its edition; null if it has not said.
    pub(crate) edition: Option<u32>,
    /// Number of each partner's roster there.
    pub(crate) rosters: BTreeMap<String, u32>,
    /// Whether that is what is in force here.
    pub(crate) same: bool,
}

/// Something that runs out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CharterExpiring {
    /// What.
    pub(crate) what: String,
    /// When.
    pub(crate) expires: Timestamp,
}

fn numbers(standing: &Standing) -> BTreeMap<String, u32> {
    standing.rosters.iter().map(|(partner, number)| (partner.to_string(), *number)).collect()
}

impl Core {
    pub(super) fn answer_charter(&mut self, question: CharterQuestion) {
        match question {
            CharterQuestion::Show(reply) => drop(reply.send(self.charter_answer())),
            CharterQuestion::Adopt { text, reply } => self.adopt(text, reply),
        }
    }

    fn charter_answer(&self) -> CharterAnswer {
        let mine = self.node.standing();
        let at = |node: NodeId| {
            let theirs = self.node.standings().get(&node);
            CharterAtNode {
                node,
                edition: theirs.map(|theirs| theirs.edition),
                rosters: theirs.map(numbers).unwrap_or_default(),
                same: theirs == Some(&mine),
            }
        };
        let others = self.charter.nodes().map(|(id, _)| id).filter(|id| *id != self.me);
        let expiring = self.charter.expiring(self.clock.now()).into_iter();
        CharterAnswer {
            edition: self.charter.edition(),
            fingerprint: self.charter.fingerprint().to_string(),
            spoken: self.charter.fingerprint().spoken(),
            rosters: numbers(&mine),
            nodes: others.map(at).collect(),
            expiring: expiring
                .map(|ending| CharterExpiring { what: ending.what, expires: ending.expires })
                .collect(),
            text: self.charter.text().to_owned(),
        }
    }

    fn adopt(&mut self, text: String, reply: oneshot::Sender<Result<CharterAnswer, Problem>>) {
        let edition = self.charter.edition();
        let refusal = match self.node.compare_charter(&text) {
            Ok(Editions::Newer(_)) if self.charter_waiters.len() >= CHARTERS_WAITING_MAX => {
                Problem::busy(format!("{CHARTERS_WAITING_MAX} charter files wait already"))
            }
            Ok(Editions::Newer(_)) => {
                self.charter_waiters.push(reply);
                return self.step(sync::Input::Charter { text });
            }
            Ok(Editions::Known) => {
                drop(reply.send(Ok(self.charter_answer())));
                return;
            }
            Ok(Editions::Older) => Problem::conflict(format!(
                "expected something newer than edition {edition} and its rosters, got older"
            ))
            .hint("`watchfire charter diff` shows what is different"),
            Ok(Editions::Later { edition: got }) => {
                Problem::conflict(format!("expected edition {} next, got {got}", edition + 1))
                    .hint("put the editions between in force first, one after another")
            }
            Err(error) => Problem::refused(error.to_string())
                .hint(error.hint().unwrap_or("`watchfire charter verify` checks the file")),
        };
        drop(reply.send(Err(refusal)));
    }

    /// Lines, views and checks follow the charter that is now in force.
    pub(super) fn follow_charter(&mut self, charter: Arc<Charter>) {
        self.lines.follow(self.me, &charter, self.clock.now());
        self.views.follow(self.me, &charter);
        let followed = self.carriers.as_ref().map(|carriers| carriers.follow(&charter));
        if let Some(Err(error)) = followed {
            self.find(
                domains::Severity::Error,
                "lines".to_owned(),
                error.to_string(),
                Some("free that address and start this node again".to_owned()),
            );
        }
        self.charter = charter;
        for reply in std::mem::take(&mut self.charter_waiters) {
            drop(reply.send(Ok(self.charter_answer())));
        }
    }
}
