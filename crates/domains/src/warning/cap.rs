//! What a Common Alerting Protocol message says, before any XML.
//!
//! [`cap_content`] turns the newest message of a warning into a plain value with everything a writer of
//! CAP 1.2 needs; [`cap_preview`] does the same for a draft, marked as one. Both are pure: the same
//! warning gives the same content, so every node can rebuild and compare what was sent.
//!
//! - `identifier` is `WARNING.SEQUENCE`, `sender` is `NODE@watchfire`; `references` lists every
//!   earlier message of the warning, and a cancel names the same areas as the message it ends.
//! - The event code is `CDW`, *civil danger warning* (47 CFR 11.31(e), value name `SAME`): the code for
//!   an event that endangers a community at once; there is none for missiles alone. Of a sea area it
//!   is `LAE`, *local area emergency*: no threat to the public as it stands, but it could become one.
//! - A sea area is the forecast's 90 % ellipse, nowhere narrower than 5 nautical miles, without a district's code: no district is inside it.
//! - The status is `Exercise` in an exercise realm, `Actual` in the operational one, `Draft` in a
//!   preview; a note names the exercise, and the texts say it again in every language.

use std::collections::BTreeMap;

use base::Timestamp;
use log::{EntryId, Realm};
use serde::Serialize;

use super::assessment::{Certainty, Severity, Urgency, cap_words_of};
use super::districts::districts;
use super::events::{Action, Area, DistrictShare, Reason, Subject};
use super::language::Language;
use super::offing;
use super::state::{Message, Warning};
use super::texts::sea::{Place, nearest};
use super::texts::{Topic, Words, utc_offset_minutes, words};
use super::touch::sea_rings;
use crate::Region;

/// The SAME event code of messages that call people to shelter.
pub const SAME_EVENT_CODE: &str = "CDW";
/// The SAME event code of messages about a sea area.
pub const SAME_EVENT_CODE_SEA: &str = "LAE";
/// Points of one outline, the last like the first: mobile alerting takes no more.
const OUTLINE_POINTS_MAX: usize = 100;
/// Vertices of a sea area's outline: the ellipse within 0.1 % of its size, and room for the cut at
/// the 180th meridian.
const SEA_OUTLINE_VERTICES: u32 = 72;
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
    /// What kinds of event it is.
    pub categories: Vec<CapCategory>,
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

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CapCategory {
    /// Public safety.
    Safety,
    /// Ships and aircraft.
    Transport,
}

/// What people should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CapResponse {
    /// Take shelter.
    Shelter,
    /// Keep away.
    Avoid,
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

/// One district, or the sea area.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CapArea {
    /// ISO 3166-2 code, value name `ISO3166-2`; none of a sea area, which lies in no district.
    pub code: Option<String>,
    /// What people call it, by language.
    pub description: BTreeMap<Language, String>,
    /// Of a sea area its outline, in two where it crosses the 180th meridian. Closed outlines of the largest parts near the impact region, latitude then longitude in
    /// degrees: at most 10 of at most 100 points; the code, if there is one, says which district.
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
    let topic = Topic {
        action: said.action,
        reason: said.reason,
        subject,
        before: earlier.last().map(|message| &message.subject),
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
        categories: match subject.area {
            Area::Land => vec![CapCategory::Safety],
            Area::Sea => vec![CapCategory::Safety, CapCategory::Transport],
        },
        urgency,
        severity,
        certainty,
        response: match (said.action, said.reason, subject.area) {
            (Action::Cancel, ..) => CapResponse::AllClear,
            (_, _, Area::Sea) => CapResponse::Avoid,
            (_, Reason::Fell, Area::Land) => CapResponse::Monitor,
            (_, _, Area::Land) => CapResponse::Shelter,
        },
        event_code: match subject.area {
            Area::Land => SAME_EVENT_CODE,
            Area::Sea => SAME_EVENT_CODE_SEA,
        },
        onset: subject.forecast.impact,
        expires: said.expires,
        infos: Language::ALL.into_iter().map(|language| info(&topic, language)).collect(),
        areas: match subject.area {
            Area::Land => areas(&subject.districts, &subject.forecast.region),
            Area::Sea => vec![sea_area(subject)],
        },
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
                code: Some(share.code.clone()),
                description: by_language(|l| district.name.in_language(l).to_owned()),
                polygons: district.rings_near(region, OUTLINES_MAX, OUTLINE_POINTS_MAX),
            })
        })
        .collect()
}

fn sea_area(subject: &Subject) -> CapArea {
    CapArea {
        code: None,
        description: by_language(|l| Place::of(subject, l).description(l)),
        polygons: sea_rings(&offing::sea_area(&subject.forecast.region), SEA_OUTLINE_VERTICES),
    }
}

fn by_language(text: impl Fn(Language) -> String) -> BTreeMap<Language, String> {
    Language::ALL.into_iter().map(|language| (language, text(language))).collect()
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

/// The clock of the likeliest district, at sea of the nearest.
fn offset_minutes(subject: &Subject) -> i16 {
    let code = match subject.area {
        Area::Sea => nearest(subject).map(|(code, _)| code),
        Area::Land => subject
            .districts
            .iter()
            .max_by(|a, b| {
                (b.nearby_only.cmp(&a.nearby_only)).then(a.probability.total_cmp(&b.probability))
            })
            .map(|share| share.code.as_str()),
    };
    code.and_then(|code| districts().get(code)).map_or(0, utc_offset_minutes)
}

#[cfg(test)]
mod tests;
