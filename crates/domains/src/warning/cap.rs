//! What a Common Alerting Protocol message says, before any XML.
//!
//! [`cap_content`] turns the newest message of a warning into a plain value with everything a writer of
//! CAP 1.2 needs; [`cap_preview`] does the same for a draft, marked as one. Both are pure: the same
//! warning gives the same content, so every node can rebuild and compare what was sent.
//!
//! - `identifier` is `WARNING.SEQUENCE`, `sender` is `NODE@watchfire`; `references` lists every
//!   earlier message of the warning, and a cancel names the same areas as the message it ends.
//! - The event code is `CDW`, *civil danger warning* (47 CFR 11.31(e), value name `SAME`): the code for
//!   an event that endangers a community at once; there is none for missiles alone.
//! - The status is `Exercise` in an exercise realm, `Actual` in the operational one, `Draft` in a
//!   preview; a note names the exercise, and the texts say it again in every language.

use base::Timestamp;
use log::{EntryId, Realm};
use serde::Serialize;

use super::assessment::{Certainty, Severity, Urgency, cap_words_of};
use super::districts::districts;
use super::events::{Action, DistrictShare, Reason, Subject};
use super::language::{Language, Text};
use super::state::{Message, Warning};
use super::texts::{Topic, Words, utc_offset_minutes, words};
use crate::Region;

/// The SAME event code of every message.
pub const SAME_EVENT_CODE: &str = "CDW";
/// Points of one outline, the last like the first: mobile alerting takes no more.
const OUTLINE_POINTS_MAX: usize = 100;
/// Outlines of one district: its largest parts near the impact region.
const OUTLINES_MAX: usize = 10;

/// Everything one alert says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CapContent {
    /// Unique to the message: the warning's name and the sequence.
    pub identifier: String,
    /// Who sends it.
    pub sender: String,
    /// When it was sent; of a preview, when it was drafted.
    pub sent: Timestamp,
    /// The clock of the likeliest district, minutes east of UTC, for every time in the message.
    pub utc_offset_minutes: i16,
    /// `Actual`, `Exercise` or `Draft`.
    pub status: CapStatus,
    /// `Alert`, `Update` or `Cancel`.
    pub message_type: Action,
    /// The exercise's name.
    pub note: Option<String>,
    /// The earlier messages of the warning, oldest first.
    pub references: Vec<CapReference>,
    /// How fast people should act.
    pub urgency: Urgency,
    /// How grave it is.
    pub severity: Severity,
    /// How sure it is.
    pub certainty: Certainty,
    /// What people should do, as CAP's word.
    pub response: CapResponse,
    /// The code for alerting equipment, value name `SAME`.
    pub event_code: &'static str,
    /// The expected time of impact.
    pub onset: Timestamp,
    /// When the message stops standing.
    pub expires: Timestamp,
    /// One block per language: English, Japanese, Korean.
    pub infos: Vec<CapInfo>,
    /// The areas, the same in every block.
    pub areas: Vec<CapArea>,
    /// Further names and values: the warning, and handles of the entries the message rests on. The
    /// public reads these, so they name neither officers nor audiences nor sensors.
    pub parameters: Vec<(&'static str, String)>,
}

/// Whether a message is meant in earnest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CapStatus {
    /// In earnest.
    Actual,
    /// In an exercise.
    Exercise,
    /// Not sent: a preview.
    Draft,
}

/// What people should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CapResponse {
    /// Take shelter.
    Shelter,
    /// Stay attentive.
    Monitor,
    /// Nothing any more.
    AllClear,
}

/// An earlier message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapReference {
    /// Who sent it.
    pub sender: String,
    /// Its identifier.
    pub identifier: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// The clock its times were written in, minutes east of UTC.
    pub utc_offset_minutes: i16,
}

/// The texts of one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapInfo {
    /// The language.
    pub language: Language,
    /// The kind of event.
    pub event: String,
    /// One line.
    pub headline: String,
    /// What happened or is expected.
    pub description: String,
    /// What to do.
    pub instruction: String,
}

/// One district.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CapArea {
    /// ISO 3166-2 code, value name `ISO3166-2`.
    pub code: String,
    /// What people call it.
    pub description: Text,
    /// Closed outlines of the largest parts near the impact region, latitude then longitude in
    /// degrees: at most 10 of at most 100 points; the code, not the outline, says which district.
    pub polygons: Vec<Vec<[f64; 2]>>,
}

impl CapStatus {
    /// Of a message in `realm`.
    pub const fn in_realm(realm: &Realm) -> Self {
        if realm.is_exercise() { Self::Exercise } else { Self::Actual }
    }

    /// The word of CAP 1.2.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "Actual",
            Self::Exercise => "Exercise",
            Self::Draft => "Draft",
        }
    }
}

/// What the newest message of `warning` says in `realm`; `None` when nothing was released yet.
pub fn cap_content(warning: &Warning, realm: &Realm) -> Option<CapContent> {
    let (message, earlier) = warning.messages().split_last()?;
    let said = Said {
        sequence: message.sequence,
        sender: sender(message),
        sent: message.sent,
        expires: message.expires(),
        action: message.action,
        reason: message.reason,
        subject: &message.subject,
    };
    Some(content(warning, &said, earlier, CapStatus::in_realm(realm), realm))
}

/// What the pending draft of `warning` would say in `realm`; `None` when none waits.
pub fn cap_preview(warning: &Warning, realm: &Realm) -> Option<CapContent> {
    let draft = warning.pending()?;
    let latest = draft.subject.forecast.latest_impact();
    let said = Said {
        sequence: warning.messages().last().map_or(1, |message| message.sequence + 1),
        sender: format!("{}@watchfire", draft.entry.log.node),
        sent: draft.at,
        expires: latest.max(draft.at) + super::state::STANDS_AFTER_IMPACT,
        action: draft.action,
        reason: draft.reason,
        subject: &draft.subject,
    };
    Some(content(warning, &said, warning.messages(), CapStatus::Draft, realm))
}

/// The identifier of a message of `warning`.
pub fn cap_identifier(warning: &Warning, sequence: u32) -> String {
    format!("{}.{sequence}", warning.id())
}

struct Said<'a> {
    sequence: u32,
    sender: String,
    sent: Timestamp,
    expires: Timestamp,
    action: Action,
    reason: Reason,
    subject: &'a Subject,
}

fn content(
    warning: &Warning,
    said: &Said<'_>,
    earlier: &[Message],
    status: CapStatus,
    realm: &Realm,
) -> CapContent {
    let subject = said.subject;
    let (urgency, severity, certainty) = cap_words_of(subject, said.action, said.reason, said.sent);
    let dropped = dropped(earlier, subject);
    let topic = Topic {
        action: said.action,
        reason: said.reason,
        districts: &subject.districts,
        dropped: &dropped,
        impact: subject.forecast.impact,
        utc_offset_minutes: offset_minutes(subject),
        is_exercise: realm.is_exercise(),
    };
    CapContent {
        identifier: cap_identifier(warning, said.sequence),
        sender: said.sender.clone(),
        sent: said.sent,
        utc_offset_minutes: topic.utc_offset_minutes,
        status,
        message_type: said.action,
        note: match realm {
            Realm::Operational => None,
            Realm::Exercise(name) => Some(format!("Exercise {}", name.as_str())),
        },
        references: earlier.iter().map(|message| reference(warning, message)).collect(),
        urgency,
        severity,
        certainty,
        response: match (said.action, said.reason) {
            (Action::Cancel, _) => CapResponse::AllClear,
            (_, Reason::Fell) => CapResponse::Monitor,
            _ => CapResponse::Shelter,
        },
        event_code: SAME_EVENT_CODE,
        onset: subject.forecast.impact,
        expires: said.expires,
        infos: Language::ALL.into_iter().map(|language| info(&topic, language)).collect(),
        areas: areas(&subject.districts, &subject.forecast.region),
        parameters: parameters(warning, subject),
    }
}

fn info(topic: &Topic<'_>, language: Language) -> CapInfo {
    let Words { event, headline, description, instruction } = words(topic, language);
    CapInfo { language, event, headline, description, instruction }
}

fn areas(shares: &[DistrictShare], region: &Region) -> Vec<CapArea> {
    shares
        .iter()
        .filter_map(|share| {
            let district = districts().get(&share.code)?;
            Some(CapArea {
                code: share.code.clone(),
                description: district.name,
                polygons: district.rings_near(region, OUTLINES_MAX, OUTLINE_POINTS_MAX),
            })
        })
        .collect()
}

/// Districts the message before named and this one does not.
fn dropped(earlier: &[Message], subject: &Subject) -> Vec<DistrictShare> {
    let named = |code: &str| subject.districts.iter().any(|share| share.code == code);
    let before = earlier.last().map_or(&[][..], |message| &message.subject.districts);
    before.iter().filter(|share| !named(&share.code)).cloned().collect()
}

fn parameters(warning: &Warning, subject: &Subject) -> Vec<(&'static str, String)> {
    let mut parameters = vec![("watchfire-warning", warning.id().to_string())];
    let handles =
        subject.evidence.iter().map(|entry| ("watchfire-evidence", evidence_handle(entry)));
    parameters.extend(handles);
    // Alerting equipment in the United States wants to know that a civil authority speaks.
    if warning.id().owner().as_str() == "USA" {
        parameters.push(("EAS-ORG", "CIV".to_owned()));
    }
    parameters
}

/// An opaque handle of an entry for readers outside its audience: 32 hex digits of SHA-256 over
/// `watchfire-evidence-v1` and the entry's name. Members find the entry again by hashing the names they
/// know; others learn neither whose it is nor, since a log's incarnation is random, can guess it.
pub fn evidence_handle(entry: &EntryId) -> String {
    let hash = log::sha256(format!("watchfire-evidence-v1 {entry}").as_bytes());
    let half: [u8; 16] = hash[..16].try_into().expect("a hash has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(half))
}

fn reference(warning: &Warning, message: &Message) -> CapReference {
    CapReference {
        sender: sender(message),
        identifier: cap_identifier(warning, message.sequence),
        sent: message.sent,
        utc_offset_minutes: offset_minutes(&message.subject),
    }
}

fn sender(message: &Message) -> String {
    format!("{}@watchfire", message.sender)
}

/// The clock of the likeliest district.
fn offset_minutes(subject: &Subject) -> i16 {
    subject
        .districts
        .iter()
        .max_by(|a, b| {
            (b.nearby_only.cmp(&a.nearby_only)).then(a.probability.total_cmp(&b.probability))
        })
        .and_then(|share| districts().get(&share.code))
        .map_or(0, utc_offset_minutes)
}

#[cfg(test)]
mod tests;
