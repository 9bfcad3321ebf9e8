//! An officer's correction, made from the entries it cites: the entry to append, or why it cannot be.

use std::sync::Arc;

use base::{PartnerId, Timestamp};
use log::{Audience, EntryId, Fact, LogId, Realm};
use serde_json::Value;

use super::events::{EDITION, Replacement, known};
use super::ledger::{Remark, not_corrected};
use super::{Act, CITED_MAX, Correction, Corrections, PRECEDENCE, Record};
use crate::view::{Order, Placed};
use crate::{DecodeError, Desire, Officer, Signer, decode};

/// What an officer wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// To do what.
    pub act: Act,
    /// To which entries; one unless it recalls.
    pub cited: &'a [Fact],
    /// Why.
    pub reason: &'a str,
    /// The new content, of the kind's schema, unless it recalls.
    pub content: Option<&'a Value>,
    /// By whose node.
    pub partner: PartnerId,
    /// When.
    pub now: Timestamp,
}

/// Why a correction is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub hint: &'static str,
}

fn refuse<T>(message: String, hint: &'static str) -> Result<T, Refusal> {
    Err(Refusal { message, hint })
}

impl From<Remark> for Refusal {
    fn from(Remark { message, hint }: Remark) -> Self {
        Self { message, hint }
    }
}

/// The entry that does what is asked, and for whom, by the officer named `name` with key `key_id`.
pub fn prepare(
    asked: &Asked<'_>,
    corrections: &mut Corrections,
    (name, key_id, sign): (&str, &str, Signer<'_>),
    realm: &Realm,
) -> Result<(Desire, Audience), Refusal> {
    let first = match asked.cited {
        [] => return refuse("expected an entry to correct, got none".to_owned(), "name one"),
        [first] => first,
        [first, ..] if asked.act == Act::Recall => first,
        more => {
            return refuse(
                format!("expected one entry, got {}", more.len()),
                "each is corrected or superseded by an entry of its own",
            );
        }
    };
    if asked.cited.len() > CITED_MAX {
        return refuse(
            format!("expected at most {CITED_MAX} entries, got {}", asked.cited.len()),
            "recall them in several acts",
        );
    }
    let replacement = replacement(asked, first)?;
    let mut cited: Vec<EntryId> = asked.cited.iter().map(|fact| fact.id).collect();
    cited.sort_unstable();
    cited.dedup();
    let record = record(asked, first, &cited, replacement.as_ref())?;
    for fact in asked.cited {
        check(asked, fact, &record, corrections)?;
    }
    let officer =
        Officer { name: name.to_owned(), key_id: key_id.to_owned(), signature: String::new() };
    let reason = asked.reason.to_owned();
    let mut correction = Correction::unsigned(asked.act, cited, reason, replacement, officer)
        .map_err(|error| Refusal {
            message: error.to_string(),
            hint: "give a reason of 1 to 1,000 bytes of printable text",
        })?;
    correction.sign(sign(&correction.signed_bytes(realm)));
    let kind = asked.act.kind();
    let desire = Desire {
        key: format!("{kind}/{}", first.id),
        kind,
        edition: EDITION,
        precedence: PRECEDENCE,
        content: correction.content(),
        // It is an officer's act.
        evidence: Vec::new(),
    };
    Ok((desire, first.audience))
}

/// The new content, read as the kind of what is cited.
fn replacement(asked: &Asked<'_>, cited: &Fact) -> Result<Option<Replacement>, Refusal> {
    let content = match (asked.act, asked.content) {
        (Act::Recall, None) => return Ok(None),
        (Act::Recall, Some(_)) => {
            let hint = "correct or supersede it, or leave the content out";
            return refuse("a recall has no new content".to_owned(), hint);
        }
        (_, None) => {
            let hint = "give the whole statement as it should be, of the kind's schema";
            return refuse("expected new content, got none".to_owned(), hint);
        }
        (_, Some(content)) => content,
    };
    // What corrects a correction gives content of the kind that one gives.
    let given = Correction::read(cited).ok().and_then(|given| given.replacement().cloned());
    let (name, before) = given.map_or((cited.kind.to_string(), cited.content.clone()), |given| {
        (given.kind.to_string(), given.content)
    });
    let unreadable = |error: DecodeError| Refusal {
        message: error.to_string(),
        hint: "see the kind's schema in `/openapi.json`",
    };
    let Ok(kind) = known(&name) else {
        // The rulings say why it cannot be corrected.
        return Ok(Some(Replacement { kind: cited.kind, edition: cited.edition, content: before }));
    };
    let bytes = (kind.from_json)(content).map_err(unreadable)?;
    if bytes == before {
        return refuse(
            "expected other content than the entry has".to_owned(),
            "to withdraw it, recall it",
        );
    }
    let kind_name = log::Kind::from_static(kind.name);
    Ok(Some(Replacement { kind: kind_name, edition: kind.edition, content: bytes }))
}

/// The correction as it would be known, after everything else.
fn record(
    asked: &Asked<'_>,
    first: &Fact,
    cited: &[EntryId],
    replacement: Option<&Replacement>,
) -> Result<Record, Refusal> {
    let new = match replacement {
        None => None,
        Some(Replacement { kind, edition, content }) => {
            let measured = match decode(kind.as_str(), *edition, content) {
                None => None,
                Some(Ok((_, measured))) => measured,
                Some(Err(error)) => {
                    let hint = "see the kind's schema in `/openapi.json`";
                    return refuse(error.to_string(), hint);
                }
            };
            Some((*kind, measured))
        }
    };
    let log = LogId { node: first.origin, ..first.id.log };
    Ok(Record {
        order: Order { at: asked.now, log, index: u64::MAX, hash: [u8::MAX; 32] },
        partner: asked.partner,
        audience: first.audience,
        act: asked.act,
        cited: cited.to_vec(),
        new,
    })
}

/// Whether `record` would count for `fact`, and has not been said already.
fn check(
    asked: &Asked<'_>,
    fact: &Fact,
    record: &Record,
    corrections: &mut Corrections,
) -> Result<(), Refusal> {
    let said = |refusal: Refusal| Refusal {
        message: format!("entry `{}`: {}", fact.id, refusal.message),
        ..refusal
    };
    let Some(placed) = Placed::read(&Arc::new(fact.clone())) else {
        return Err(said(not_corrected(&fact.kind).into()));
    };
    let target = placed.target();
    let ledger = corrections.ledger();
    ledger.would_count(record, &target).map_err(|remark| said(remark.into()))?;
    if target.order.at > asked.now {
        let hint = "it is measured ahead of the clock; say it again in a second";
        return refuse(format!("entry `{}` is not due yet", fact.id), hint);
    }
    let Some(ruled) = ledger.rule(&target).ruled.filter(|ruled| ruled.act == Act::Recall) else {
        return Ok(());
    };
    let hint = if asked.act == Act::Recall {
        "nothing more need be done; to have it count again, recall the recall"
    } else {
        "recall the recall first, so that it counts again"
    };
    refuse(format!("entry `{}` was recalled by `{}`", fact.id, ruled.by.entry()), hint)
}
