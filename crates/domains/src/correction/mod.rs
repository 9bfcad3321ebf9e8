//! Corrections: statements about statements, which every view honours and no domain need know.
//!
//! Start here: [`Correction`] is what one says, [`prepare`] makes an officer's entry, `Ledger` rules on
//! what is cited, and [`View`](crate::View) folds by its rulings. The three acts:
//!
//! | act | it says | what is folded |
//! | --- | --- | --- |
//! | recall | it should not have been said | nothing in its place |
//! | correct | it was wrong from the start | the new content in its place, under its id |
//! | supersede | it was right and is no more | nothing in its place; the new content at the time of supersession |
//!
//! The entry that is cited stays in its log for ever, and so does what was said and sent on its
//! strength: a warning that loses its support raises the alarm and is cancelled by an officer. That is
//! why an act that had an effect cannot be recalled ([`Correctable::Never`]).
//!
//! **Which counts.** A correction counts for an entry that sorts before it, was made by a node of the same
//! partner, for the same audience, of a kind that may be corrected so. Of several that count the last in
//! the order of facts rules. A correction may be recalled, and what it cites counts again; one that gives
//! new content may be corrected. What does not count, or contradicts another, is a finding at its place.
//!
//! **Architecture Invariant:** a ruling follows from the set of facts alone, never from the order in which
//! they came, so views that hold the same facts have the same digest.

mod act;
mod events;
mod ledger;

use log::{Fact, Precedence};

pub use act::{Asked, Refusal, prepare};
pub use events::{
    CITED_MAX, CORRECT_KIND, Correction, REASON_BYTES_MAX, RECALL_KIND, RecallReport,
    ReplacementReport, SUPERSEDE_KIND,
};
pub use ledger::{CHAIN_MAX, CORRECTIONS_PER_ENTRY_MAX, Corrections, Note, RECORDS_MAX};
pub(crate) use ledger::{Ledger, Record, Ruled, Target, measured_within};

use crate::KindInfo;

/// The first word of the kinds; no domain can have it.
pub const NAME: &str = "correction";
/// Raised whenever the same corrections would rule otherwise.
pub const FOLD_EDITION: u32 = 1;

/// What a correction does to what it cites.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Withdraws it altogether.
    Recall,
    /// Mends what was wrong from the start, in its place and time.
    Correct,
    /// Replaces what was right, from the correction's time on.
    Supersede,
}

impl Act {
    /// The kind of the entry that does it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Recall => RECALL_KIND,
            Self::Correct => CORRECT_KIND,
            Self::Supersede => SUPERSEDE_KIND,
        }
    }

    /// The act an entry of this kind does.
    pub fn of(kind: &str) -> Option<Self> {
        [Self::Recall, Self::Correct, Self::Supersede].into_iter().find(|act| act.kind() == kind)
    }

    /// What it has done to an entry, for sentences.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Recall => "recalled",
            Self::Correct => "corrected",
            Self::Supersede => "superseded",
        }
    }
}

/// How statements of a kind may be corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correctable {
    /// Recalled, corrected and superseded: it stands until something newer takes its place.
    Standing,
    /// Recalled and corrected: it is about one moment, and the next moment has a statement of its own.
    Momentary,
    /// Not at all, because it has effects that are never rolled back: what to do instead.
    Never(&'static str),
}

/// Whether `fact` is a correction.
pub fn is_correction(fact: &Fact) -> bool {
    fact.kind.domain() == NAME
}

/// The kinds of correction.
pub(crate) fn kinds() -> Vec<KindInfo> {
    vec![
        events::kind::<RecallReport>(
            Act::Recall,
            "An officer withdraws statements of the partner's own nodes.",
        ),
        events::kind::<ReplacementReport>(
            Act::Correct,
            "An officer mends a statement in its place and time.",
        ),
        events::kind::<ReplacementReport>(
            Act::Supersede,
            "An officer replaces a statement from now on.",
        ),
    ]
}

/// The lane of corrections: before bulk, and behind alerts, as new content may be large.
pub(crate) const PRECEDENCE: Precedence = Precedence::Immediate;
#[cfg(test)]
mod tests;
