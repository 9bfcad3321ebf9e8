//! What a correction says, as bytes and as JSON.
//!
//! Contents, edition 1, postcard (`varint`: LEB128; a text or list is its length as a varint, then its
//! elements; an entry is its node as text | lane varint (0 FLASH to 3 ROUTINE) | incarnation 16 | index varint):
//!
//! ```text
//! correction.recall      cited: list of 1..=256 entries, ascending | reason: text, 1..=1,000 bytes | officer
//! correction.correct     cited: one entry | reason: text | kind: text, 1..=48 bytes | edition varint
//! correction.supersede       | content: list of bytes, at most 256 KiB with the rest | officer
//! officer                name: text, 1..=128 bytes | key id: text, ..=128 | signature: text, ..=4,096
//! ```
//!
//! The officer signs the postcard of (`watchfire-officer-act-v1`, realm, kind, everything before the
//! officer, name, key id). In JSON the new content is that of its own kind's schema.

use log::{EntryId, Fact, Kind, Realm};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Act, PRECEDENCE};
use crate::officer::check_text;
use crate::{DecodeError, KindInfo, Officer, decode_content, encode_content};

/// The kind that withdraws.
pub const RECALL_KIND: &str = "correction.recall";
/// The kind that mends in place.
pub const CORRECT_KIND: &str = "correction.correct";
/// The kind that replaces from now on.
pub const SUPERSEDE_KIND: &str = "correction.supersede";
/// The edition of all three contents.
pub(super) const EDITION: u16 = 1;
/// Entries one recall cites: some minutes of one sensor. Each costs a look-up in every view.
pub const CITED_MAX: usize = 256;
/// Bytes of a reason.
pub const REASON_BYTES_MAX: usize = 1_000;

/// Content of `correction.recall`, edition 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecallReport {
    /// The entries withdrawn, ascending, each once: 1 to 256.
    pub cited: Vec<EntryId>,
    /// Why, 1 to 1,000 bytes.
    pub reason: String,
    /// Who.
    pub officer: Officer,
}

/// Content of `correction.correct` and `correction.supersede`, edition 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacementReport {
    /// The entry mended or replaced.
    pub cited: EntryId,
    /// Why, 1 to 1,000 bytes.
    pub reason: String,
    /// The kind of the new content: that of the entry, or of what a cited correction gives.
    pub kind: String,
    /// The edition of that kind.
    pub edition: u16,
    /// The new content.
    pub content: Vec<u8>,
    /// Who.
    pub officer: Officer,
}

/// How a [`ReplacementReport`] reads as JSON.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReplacementReport")]
#[serde(deny_unknown_fields)]
struct ReplacementJson {
    /// The entry mended or replaced.
    cited: EntryId,
    /// Why, 1 to 1,000 bytes.
    reason: String,
    /// The kind of the new content: that of the entry, or of what a cited correction gives.
    kind: String,
    /// The edition of that kind.
    edition: u16,
    /// The new content, of the kind's schema.
    content: Value,
    /// Who.
    officer: Officer,
}

/// The new content a correction gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Its kind.
    pub kind: Kind,
    /// The edition of that kind.
    pub edition: u16,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A correction whose every part has been checked but the new content, which is its domain's to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    act: Act,
    cited: Vec<EntryId>,
    reason: String,
    replacement: Option<Replacement>,
    officer: Officer,
}

impl Correction {
    /// Parses content.
    pub fn decode(kind: &str, edition: u16, content: &[u8]) -> Result<Self, DecodeError> {
        match (Act::of(kind), edition) {
            (Some(Act::Recall), EDITION) => Self::recall(decode_content(content)?),
            (Some(act), EDITION) => Self::replacing(act, decode_content(content)?),
            _ => Err(DecodeError::new(
                format!("a kind of correction in edition {EDITION}"),
                format!("`{kind}` of edition {edition}"),
            )),
        }
    }

    /// Of an entry.
    pub fn read(fact: &Fact) -> Result<Self, DecodeError> {
        Self::decode(fact.kind.as_str(), fact.edition, &fact.content)
    }

    fn recall(report: RecallReport) -> Result<Self, DecodeError> {
        let RecallReport { cited, reason, officer } = report;
        if !(1..=CITED_MAX).contains(&cited.len()) {
            return Err(DecodeError::new(
                format!("1 to {CITED_MAX} cited entries"),
                cited.len().to_string(),
            ));
        }
        if !cited.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::new("cited entries ascending, each once", "another order"));
        }
        Self { act: Act::Recall, cited, reason, replacement: None, officer }.checked()
    }

    fn replacing(act: Act, report: ReplacementReport) -> Result<Self, DecodeError> {
        let ReplacementReport { cited, reason, kind, edition, content, officer } = report;
        let kind: Kind = kind
            .parse()
            .map_err(|error: log::Error| DecodeError::new("a kind", error.to_string()))?;
        let replacement = Some(Replacement { kind, edition, content });
        Self { act, cited: vec![cited], reason, replacement, officer }.checked()
    }

    fn checked(self) -> Result<Self, DecodeError> {
        check_text("reason", &self.reason, 1..=REASON_BYTES_MAX)?;
        self.officer.check()?;
        Ok(self)
    }

    /// What it does.
    pub const fn act(&self) -> Act {
        self.act
    }

    /// To which entries, ascending; one unless it recalls.
    pub fn cited(&self) -> &[EntryId] {
        &self.cited
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The new content, unless it recalls.
    pub const fn replacement(&self) -> Option<&Replacement> {
        self.replacement.as_ref()
    }

    /// Who.
    pub const fn officer(&self) -> &Officer {
        &self.officer
    }

    /// The bytes the officer signs in `realm`: everything but the signature.
    pub fn signed_bytes(&self, realm: &Realm) -> Vec<u8> {
        const DOMAIN: &str = "watchfire-officer-act-v1";
        let Self { act, cited, reason, replacement, officer } = self;
        let (kind, Officer { name, key_id, .. }) = (act.kind(), officer);
        match replacement {
            None => encode_content(&(DOMAIN, realm, kind, cited, reason, name, key_id)),
            Some(Replacement { kind: new, edition, content }) => encode_content(&(
                DOMAIN,
                realm,
                kind,
                &cited[0],
                reason,
                (new.as_str(), edition, content),
                name,
                key_id,
            )),
        }
    }

    /// The content of the entry.
    pub(super) fn content(self) -> Vec<u8> {
        let Self { mut cited, reason, replacement, officer, .. } = self;
        match replacement {
            None => encode_content(&RecallReport { cited, reason, officer }),
            Some(Replacement { kind, edition, content }) => {
                let (cited, kind) = (cited.remove(0), kind.to_string());
                encode_content(&ReplacementReport {
                    cited,
                    reason,
                    kind,
                    edition,
                    content,
                    officer,
                })
            }
        }
    }

    /// One that is still to be signed.
    pub(super) fn unsigned(
        act: Act,
        cited: Vec<EntryId>,
        reason: String,
        replacement: Option<Replacement>,
        officer: Officer,
    ) -> Result<Self, DecodeError> {
        Self { act, cited, reason, replacement, officer }.checked()
    }

    pub(super) fn sign(&mut self, signature: String) {
        self.officer.signature = signature;
    }
}

/// A content of corrections as the registry lists it.
pub(super) trait Listed {
    fn schema(generator: &mut SchemaGenerator) -> Schema;
    fn from_json(value: &Value) -> Result<Vec<u8>, DecodeError>;
    fn to_json(bytes: &[u8]) -> Result<Value, DecodeError>;
    fn check(bytes: &[u8]) -> Result<(), DecodeError>;
}

/// The kind that does `act`, with contents `T`.
pub(super) fn kind<T: Listed>(act: Act, summary: &'static str) -> KindInfo {
    KindInfo {
        name: act.kind(),
        edition: EDITION,
        summary,
        precedence: PRECEDENCE,
        // What may be done to a correction depends on what it does: see the ledger.
        correctable: super::Correctable::Standing,
        schema: T::schema,
        from_json: T::from_json,
        to_json: T::to_json,
        check: T::check,
    }
}

fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T, DecodeError> {
    serde_json::from_value(value.clone())
        .map_err(|error| DecodeError::new("content of the kind's schema", error.to_string()))
}

fn json(value: &impl Serialize) -> Result<Value, DecodeError> {
    serde_json::to_value(value)
        .map_err(|error| DecodeError::new("content JSON can carry", error.to_string()))
}

/// The registered kind of a name.
pub(super) fn known(name: &str) -> Result<KindInfo, DecodeError> {
    crate::kinds()
        .into_iter()
        .find(|kind| kind.name == name && Act::of(name).is_none())
        .ok_or_else(|| DecodeError::new("a kind that a domain reads", format!("`{name}`")))
}

/// The registered kind of new content, of this edition.
fn known_as(name: &str, edition: u16) -> Result<KindInfo, DecodeError> {
    let kind = known(name)?;
    if kind.edition == edition {
        return Ok(kind);
    }
    Err(DecodeError::new(format!("`{name}` of edition {}", kind.edition), edition.to_string()))
}

impl Listed for RecallReport {
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Self>()
    }

    fn from_json(value: &Value) -> Result<Vec<u8>, DecodeError> {
        parsed(value).and_then(Correction::recall).map(Correction::content)
    }

    fn to_json(bytes: &[u8]) -> Result<Value, DecodeError> {
        Self::check(bytes)?;
        decode_content::<Self>(bytes).and_then(|report| json(&report))
    }

    fn check(bytes: &[u8]) -> Result<(), DecodeError> {
        decode_content(bytes).and_then(Correction::recall).map(drop)
    }
}

impl Listed for ReplacementReport {
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<ReplacementJson>()
    }

    fn from_json(value: &Value) -> Result<Vec<u8>, DecodeError> {
        let ReplacementJson { cited, reason, kind, edition, content, officer } = parsed(value)?;
        let content = (known_as(&kind, edition)?.from_json)(&content)?;
        let report = Self { cited, reason, kind, edition, content, officer };
        Correction::replacing(Act::Correct, report).map(Correction::content)
    }

    fn to_json(bytes: &[u8]) -> Result<Value, DecodeError> {
        Self::check(bytes)?;
        let Self { cited, reason, kind, edition, content, officer } = decode_content(bytes)?;
        let content = (known(&kind)?.to_json)(&content)?;
        json(&ReplacementJson { cited, reason, kind, edition, content, officer })
    }

    fn check(bytes: &[u8]) -> Result<(), DecodeError> {
        let report: Self = decode_content(bytes)?;
        let Self { kind, edition, content, .. } = report.clone();
        Correction::replacing(Act::Correct, report)?;
        (known_as(&kind, edition)?.check)(&content)
    }
}
