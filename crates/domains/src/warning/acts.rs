//! An officer's act, made from what the officer saw: the entry to append, or why it cannot be.

use log::{EntryId, Precedence, Realm};

use super::events::{
    Action, CANCEL_KIND, Cancel, CancelReport, EDITION, RELEASE_KIND, Reason, Release,
    ReleaseReport, UPDATE_KIND, WarningId,
};
use super::state::{Refusal, State, Warning};
use crate::{DecodeError, Desire, Officer, Signer, encode_content};

/// What an officer wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Release the pending alert, or the draft in that entry if it is still current.
    Release(Option<EntryId>),
    /// Release the pending update, or the draft in that entry if it is still current.
    Update(Option<EntryId>),
    /// Withdraw the warning; without a reason, for the reason of the pending draft, else a mistake.
    Cancel(Option<Reason>),
}

/// Why an act cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ActError {
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// Whether no such warning is known, rather than that it does not stand as the act needs it.
    pub unknown: bool,
}

/// The entry that does `act` to warning `id` for the officer named `name` with key `key_id`; its body is
/// handed to `sign` as [`ReleaseReport::signed_bytes`] or [`CancelReport::signed_bytes`] in `realm`.
pub fn act(
    state: &State,
    id: &WarningId,
    act: Act,
    note: Option<String>,
    (name, key_id, sign): (&str, &str, Signer<'_>),
    realm: &Realm,
) -> Result<Desire, ActError> {
    let warning = state.get(id).ok_or_else(|| ActError {
        message: format!("expected the name of a known warning, got `{id}`"),
        hint: "list the warnings of this view and take a name from there".to_owned(),
        unknown: true,
    })?;
    let officer =
        Officer { name: name.to_owned(), key_id: key_id.to_owned(), signature: String::new() };
    let mut evidence = Vec::new();
    let (kind, content) = match act {
        Act::Release(draft) => {
            let draft = chosen(warning, draft, Action::Alert, &mut evidence)?;
            release(
                RELEASE_KIND,
                ReleaseReport { warning: id.clone(), draft, note, officer },
                sign,
                realm,
            )
        }
        Act::Update(draft) => {
            let draft = chosen(warning, draft, Action::Update, &mut evidence)?;
            release(
                UPDATE_KIND,
                ReleaseReport { warning: id.clone(), draft, note, officer },
                sign,
                realm,
            )
        }
        Act::Cancel(reason) => {
            if !warning.stage().is_open() {
                return Err(ActError {
                    message: format!("expected an open warning, got `{id}`, which is closed"),
                    hint: "nothing more need be done".to_owned(),
                    unknown: false,
                });
            }
            let drafted = warning.pending().map(|draft| draft.reason);
            let reason = reason
                .or(drafted.filter(|reason| reason.fits(Action::Cancel)))
                .unwrap_or(Reason::Mistake);
            let mut report = CancelReport { warning: id.clone(), reason, note, officer };
            report.officer.signature = sign(&report.signed_bytes(realm));
            Cancel::new(report).map(|cancel| (CANCEL_KIND, encode_content(cancel.report())))
        }
    }?;
    Ok(Desire {
        key: format!("{kind}/{id}/{}", warning.messages().len()),
        kind,
        edition: EDITION,
        precedence: Precedence::Flash,
        content,
        evidence,
    })
}

fn release(
    kind: &'static str,
    mut report: ReleaseReport,
    sign: Signer<'_>,
    realm: &Realm,
) -> Result<(&'static str, Vec<u8>), DecodeError> {
    report.officer.signature = sign(&report.signed_bytes(kind, realm));
    Release::new(report).map(|release| (kind, encode_content(release.report())))
}

/// The draft to let out, and what it rests on if it calls people.
fn chosen(
    warning: &Warning,
    draft: Option<EntryId>,
    action: Action,
    evidence: &mut Vec<EntryId>,
) -> Result<EntryId, ActError> {
    let draft =
        draft.or_else(|| warning.pending().map(|draft| draft.entry)).ok_or_else(|| ActError {
            message: format!(
                "expected a draft that waits, got none for warning `{}`",
                warning.id()
            ),
            hint: "nothing changed since the last message; cancel it if it must end".to_owned(),
            unknown: false,
        })?;
    let draft = warning.releasable(draft, action)?;
    if draft.reason.calls() {
        evidence.clone_from(&draft.subject.evidence);
    }
    Ok(draft.entry)
}

impl From<Refusal> for ActError {
    fn from(refusal: Refusal) -> Self {
        Self { message: refusal.message, hint: refusal.hint.to_owned(), unknown: false }
    }
}

impl From<DecodeError> for ActError {
    fn from(error: DecodeError) -> Self {
        Self {
            message: error.to_string(),
            hint: "shorten the note and use printable text".to_owned(),
            unknown: false,
        }
    }
}

#[cfg(test)]
mod tests;
