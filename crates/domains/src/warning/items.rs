//! What the console shows of warnings.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use log::{EntryId, Realm};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::assessment::{cap_words_of, priority};
use super::cap::{CapStatus, cap_identifier};
use super::districts::districts;
use super::events::{Action, Area, DistrictShare, Reason, Subject};
use super::language::{Language, Text};
use super::state::{Stage, State, Warning};
use super::texts::{Topic, mark_exercise, words};
use crate::Items;

/// The collection of warnings.
pub const WARNINGS_COLLECTION: &str = "warning.warnings";

/// One row of the warnings table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Warning")]
pub struct WarningItem {
    /// The warning's name.
    pub id: String,
    /// The object's public id.
    pub object: String,
    /// The partner that owns it.
    pub owner: String,
    /// `draft`, `released`, `updated`, `cancelled` or `expired`.
    #[schemars(extend("enum" = ["draft", "released", "updated", "cancelled", "expired"]))]
    pub state: &'static str,
    /// 1 (purple, most urgent) to 4 (yellow).
    #[schemars(extend("enum" = [1, 2, 3, 4]))]
    pub priority: u8,
    /// `Actual` or `Exercise`, `null` before the node has said which.
    #[schemars(extend("enum" = ["Actual", "Exercise", null]))]
    pub realm_status: Option<&'static str>,
    /// Who may read it, such as `JPN+KOR+USA`.
    pub audience: String,
    /// Whether people on land or ships and aircraft are warned.
    pub area: Area,
    /// The districts, in code order; at sea the nearest ones, `nearby_only` with probability 0.
    pub districts: Vec<DistrictItem>,
    /// Expected time of impact.
    pub impact_time: Timestamp,
    /// Its standard deviation, seconds.
    pub impact_time_sigma_s: f64,
    /// CAP's word.
    pub severity: &'static str,
    /// CAP's word.
    pub urgency: &'static str,
    /// CAP's word.
    pub certainty: &'static str,
    /// One line by language.
    #[schemars(with = "Text")]
    pub headline: BTreeMap<Language, String>,
    /// When it was first drafted.
    pub drafted: Timestamp,
    /// When it was first released.
    pub released: Option<Timestamp>,
    /// The officer who released it first.
    pub released_by: Option<String>,
    /// Whether the forecast it rests on stands; `false` raises an alarm.
    pub supported: bool,
    /// The draft that waits for an officer.
    pub pending: Option<PendingItem>,
    /// The entry by which something was proposed or said last.
    pub entry: EntryId,
    /// Whether that entry came here late, after a gap: such a warning calls nobody.
    pub late: bool,
    /// Whether that entry, or everything it rests on, is of a node that signed two histories: such a
    /// warning calls nobody.
    pub contested: bool,
    /// The entries it rests on, newest last.
    pub evidence: Vec<EntryId>,
    /// The partners whose entries it rests on, such as `JPN+KOR`.
    pub source: String,
    /// CAP identifiers of the messages so far, oldest first.
    pub references: Vec<String>,
    /// Number of the newest message, 0 before the first.
    pub sequence: u32,
}

/// A district of a warning.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "WarningDistrict")]
pub struct DistrictItem {
    /// ISO 3166-2 code.
    pub code: String,
    /// The partner.
    pub partner: String,
    /// Its name by language.
    #[schemars(with = "Text")]
    pub name: BTreeMap<Language, &'static str>,
    /// How likely the impact lies inside it, 0 to 1.
    pub probability: f64,
    /// Only the margin around the 99 % region reaches it.
    pub nearby_only: bool,
}

/// A draft that waits for an officer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PendingDraft")]
pub struct PendingItem {
    /// The draft's entry: what a release must name.
    pub entry: EntryId,
    /// What it would do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// When it was drafted.
    pub drafted: Timestamp,
}

/// Puts every warning into `items`.
pub(super) fn put(state: &State, now: Timestamp, items: &mut Items) {
    for warning in state.warnings() {
        items.put(WARNINGS_COLLECTION, warning.id().to_string(), &item(state, warning, now));
    }
}

/// Says in every item of [`WARNINGS_COLLECTION`] whether it is meant in earnest: the fold does not know
/// its realm, the shell does. In an exercise every headline begins by saying so.
pub fn mark_realm(warnings: &mut BTreeMap<String, Value>, realm: &Realm) {
    for item in warnings.values_mut() {
        item["realm_status"] = CapStatus::in_realm(realm).as_str().into();
        if !realm.is_exercise() {
            continue;
        }
        for language in Language::ALL {
            let text = &mut item["headline"][language.code()];
            let marked = text.as_str().map(|headline| mark_exercise(headline, language));
            if let Some(marked) = marked {
                *text = marked.into();
            }
        }
    }
}

/// Says in every item of [`WARNINGS_COLLECTION`] whether what it says last came here late: the fold does
/// not know how entries came, the shell does.
pub fn mark_late(warnings: &mut BTreeMap<String, Value>, came_late: impl Fn(&EntryId) -> bool) {
    for item in warnings.values_mut() {
        let entry = item["entry"].as_str().and_then(|entry| entry.parse().ok());
        item["late"] = entry.is_some_and(|entry| came_late(&entry)).into();
    }
}

fn item(state: &State, warning: &Warning, now: Timestamp) -> WarningItem {
    let (subject, action, reason, at) = warning.latest();
    let (urgency, severity, certainty) = cap_words_of(subject, action, reason, at.max(now));
    let supported = state.supports(warning);
    let coming = subject.forecast.latest_impact() > now && reason != Reason::Fell;
    let stands = warning.stage().is_open() && supported && coming && action != Action::Cancel;
    let first = warning.messages().first();
    WarningItem {
        id: warning.id().to_string(),
        object: warning.id().object().to_owned(),
        owner: warning.id().owner().to_string(),
        state: match warning.stage() {
            Stage::Draft => "draft",
            Stage::Released => "released",
            Stage::Updated => "updated",
            Stage::Cancelled => "cancelled",
            Stage::Expired => "expired",
        },
        priority: priority(subject, stands, now),
        realm_status: None,
        audience: warning.audience().to_string(),
        area: subject.area,
        districts: subject.districts.iter().filter_map(district).collect(),
        impact_time: subject.forecast.impact,
        impact_time_sigma_s: subject.forecast.impact_sigma_s,
        severity: severity.as_str(),
        urgency: urgency.as_str(),
        certainty: certainty.as_str(),
        headline: headline(warning),
        drafted: warning.drafted,
        released: first.map(|message| message.sent),
        released_by: first.map(|message| message.officer.clone()),
        supported: supported || !warning.stage().is_open(),
        pending: warning.pending().map(|draft| PendingItem {
            entry: draft.entry,
            action: draft.action,
            reason: draft.reason,
            drafted: draft.at,
        }),
        entry: warning.newest_entry(),
        late: false,
        contested: false,
        evidence: subject.evidence.clone(),
        source: source(subject),
        references: warning
            .messages()
            .iter()
            .map(|message| cap_identifier(warning, message.sequence))
            .collect(),
        sequence: warning.messages().last().map_or(0, |message| message.sequence),
    }
}

fn district(share: &DistrictShare) -> Option<DistrictItem> {
    let district = districts().get(&share.code)?;
    Some(DistrictItem {
        code: share.code.clone(),
        partner: district.partner.to_string(),
        name: Language::ALL.map(|l| (l, district.name.in_language(l))).into(),
        probability: share.probability,
        nearby_only: share.nearby_only,
    })
}

/// The headline of the pending draft, else of the newest message.
fn headline(warning: &Warning) -> BTreeMap<Language, String> {
    let (subject, action, reason, _) = warning.latest();
    let said = warning.messages();
    let before = if warning.pending().is_some() { said.last() } else { said.iter().rev().nth(1) };
    let topic = Topic {
        action,
        reason,
        subject,
        before: before.map(|message| &message.subject),
        utc_offset_minutes: 0,
        is_exercise: false,
    };
    Language::ALL.map(|language| (language, words(&topic, language).headline)).into()
}

fn source(subject: &Subject) -> String {
    let partners: BTreeSet<_> =
        subject.evidence.iter().map(|entry| entry.log.node.partner()).collect();
    let names: Vec<&str> = partners.iter().map(base::PartnerId::as_str).collect();
    names.join("+")
}

#[cfg(test)]
mod tests;
