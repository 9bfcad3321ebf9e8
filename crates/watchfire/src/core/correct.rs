//! Officers' corrections: what is asked, the entry that says it, and what is shown of all of them.

use std::collections::BTreeMap;

use base::Timestamp;
use domains::ViewName;
use domains::correction::{self, Act, Asked, Note};
use log::{EntryId, Fact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use super::answers::Acted;
use super::{Core, Waiter};
use crate::http::Problem;

/// The collection of [`CorrectionItem`]s.
pub(crate) const CORRECTIONS_COLLECTION: &str = "corrections";
/// Corrections a console is shown; older ones are with their entries.
const SHOWN_MAX: usize = 200;

/// What an officer wants to say about entries of the partner's own nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrectionProposal {
    /// What to do.
    pub(crate) act: Act,
    /// To which entries: 1 to 256 to recall, else one.
    pub(crate) entries: Vec<EntryId>,
    /// Why, 1 to 1,000 bytes.
    pub(crate) reason: String,
    /// The whole statement as it should be, of the entry's kind; none to recall.
    #[serde(default)]
    pub(crate) content: Option<Value>,
}

/// What a correction said about an entry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EntryCorrection {
    /// The correction's own entry, with reason and new content.
    pub(crate) entry: EntryId,
    /// What it does.
    pub(crate) act: Act,
    /// When it was logged.
    pub(crate) logged: Timestamp,
    /// Whether pictures follow it: it counts, and none after it does.
    pub(crate) rules: bool,
}

/// A correction as the console shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Correction")]
pub(crate) struct CorrectionItem {
    /// Its entry.
    pub(crate) id: EntryId,
    /// What it does.
    pub(crate) act: Act,
    /// When it was logged.
    pub(crate) logged: Timestamp,
    /// Who corrects.
    pub(crate) partner: base::PartnerId,
    /// The entries it cites.
    pub(crate) cited: Vec<EntryId>,
    /// Whether it was not recalled itself.
    pub(crate) stands: bool,
}

impl From<Note> for EntryCorrection {
    fn from(Note { entry, act, logged, rules, .. }: Note) -> Self {
        Self { entry, act, logged, rules }
    }
}

impl Core {
    /// Appends the correction of these entries, for the officer of this node.
    pub(super) fn correct(
        &mut self,
        proposal: &CorrectionProposal,
        cited: &[Fact],
        reply: oneshot::Sender<Result<Acted, Problem>>,
    ) {
        let CorrectionProposal { act, reason, content, .. } = proposal;
        let asked = Asked {
            act: *act,
            cited,
            reason,
            content: content.as_ref(),
            partner: self.me.partner(),
            now: self.clock.now(),
        };
        let Some(officer) = &self.officer else {
            self.refused += 1;
            return drop(reply.send(Err(super::effects::no_officer())));
        };
        let (key_id, sign) = (officer.key_id(), |bytes: &[u8]| officer.sign(bytes));
        let who = (officer.name(), key_id.as_str(), &sign as domains::Signer<'_>);
        let realm = self.charter.realm();
        match correction::prepare(&asked, &mut self.corrections, who, realm) {
            Ok((desire, audience)) => {
                let draft = self.draft_of(desire, audience);
                self.append(draft, Waiter::Act { state: act.done(), reply });
            }
            Err(refusal) => {
                self.refused += 1;
                let problem = Problem::conflict(refusal.message).hint(refusal.hint);
                drop(reply.send(Err(problem)));
            }
        }
    }

    /// What was said about an entry by correcting it, in order.
    pub(super) fn corrections_of(&mut self, fact: &Fact) -> Vec<EntryCorrection> {
        self.corrections.of(fact).into_iter().map(EntryCorrection::from).collect()
    }

    /// The newest corrections that a view reads.
    pub(super) fn correction_items(&mut self, view: &ViewName) -> BTreeMap<String, Value> {
        let newest = self.corrections.newest(view, SHOWN_MAX);
        let item =
            |(id, act, logged, cited, stands): (EntryId, Act, Timestamp, Vec<EntryId>, bool)| {
                let partner = id.log.node.partner();
                let item = CorrectionItem { id, act, logged, partner, cited, stands };
                let value =
                    serde_json::to_value(item).expect("items are plain structs with text keys");
                (id.to_string(), value)
            };
        newest.into_iter().map(item).collect()
    }
}
