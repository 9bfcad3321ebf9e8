//! What the warning domain may be told: drafts by nodes; releases, updates and cancels by officers.
//!
//! Contents are postcard, edition 1; the same types read and write JSON:
//!
//! ```text
//! warning.draft     DraftReport    a node proposes what to say (alert, update or cancel)
//! warning.release   ReleaseReport  an officer releases a drafted alert
//! warning.update    ReleaseReport  an officer releases a drafted update
//! warning.cancel    CancelReport   an officer withdraws a warning, drafted or not
//! ```
//!
//! [`Draft`], [`Release`] and [`Cancel`] can only be made through their checks. That the officer's
//! signature holds is checked where keys are known, before a fact is folded; this module says over
//! which bytes it runs ([`ReleaseReport::signed_bytes`], [`CancelReport::signed_bytes`]).

use std::fmt;
use std::str::FromStr;

use base::{Geodetic, Metres, PartnerId, Seconds, Timestamp};
use log::{EntryId, Realm};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::districts::districts;
use super::offing::{SEA_DISTRICTS_MAX, SEA_REACH_M};
use super::touch::SIGMA_M_MAX;
use crate::domain::checked_content;
use crate::officer::check_text;
use crate::{DecodeError, Officer, Region, decode_content};

/// The kind of a node's proposal.
pub const DRAFT_KIND: &str = "warning.draft";
/// The kind of an officer's release of a drafted alert.
pub const RELEASE_KIND: &str = "warning.release";
/// The kind of an officer's release of a drafted update.
pub const UPDATE_KIND: &str = "warning.update";
/// The kind of an officer's withdrawal.
pub const CANCEL_KIND: &str = "warning.cancel";
/// The edition of all four contents.
pub(super) const EDITION: u16 = 1;
/// Entries a draft may cite.
pub(super) const EVIDENCE_MAX: usize = 16;
/// Bytes of an officer's note.
pub(super) const NOTE_BYTES_MAX: usize = 1_000;
/// Bytes of an object's id inside a warning's.
const OBJECT_BYTES_MAX: usize = 64;
/// Largest standard deviation of an impact time, seconds.
const IMPACT_SIGMA_S_MAX: f64 = 3_600.0;
/// Largest standard deviation of an impact place, metres.
const REGION_SIGMA_M_MAX: f64 = 20_000_000.0;

/// A decoded statement of the warning domain.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A node proposes.
    Draft(Draft),
    /// An officer releases a drafted alert.
    Release(Release),
    /// An officer releases a drafted update.
    Update(Release),
    /// An officer withdraws.
    Cancel(Cancel),
}

impl Event {
    /// Parses content.
    pub fn decode(kind: &str, edition: u16, content: &[u8]) -> Result<Self, DecodeError> {
        match (kind, edition) {
            (DRAFT_KIND, EDITION) => Draft::new(decode_content(content)?).map(Self::Draft),
            (RELEASE_KIND, EDITION) => Release::new(decode_content(content)?).map(Self::Release),
            (UPDATE_KIND, EDITION) => Release::new(decode_content(content)?).map(Self::Update),
            (CANCEL_KIND, EDITION) => Cancel::new(decode_content(content)?).map(Self::Cancel),
            _ => Err(DecodeError::new(
                format!("a kind of the warning domain in edition {EDITION}"),
                format!("`{kind}` of edition {edition}"),
            )),
        }
    }
}

/// A warning's name: the object, the partner that owns the warning, and a running number among that
/// partner's warnings of the object: `KOR-7.JPN.1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WarningId {
    object: String,
    owner: PartnerId,
    number: u32,
}

impl WarningId {
    /// From the object's id (1 to 64 ASCII letters, digits and hyphens) and a number from 1.
    pub fn new(object: &str, owner: PartnerId, number: u32) -> Result<Self, DecodeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let named = (1..=OBJECT_BYTES_MAX).contains(&object.len()) && object.bytes().all(plain);
        if named && number > 0 {
            Ok(Self { object: object.to_owned(), owner, number })
        } else {
            Err(DecodeError::new(
                "a warning as `OBJECT.PARTNER.NUMBER` (such as `KOR-7.JPN.1`)",
                format!(
                    "`{}.{owner}.{number}`",
                    object.escape_debug().take(80).collect::<String>()
                ),
            ))
        }
    }

    /// The object's public id.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The partner whose warning this is.
    pub const fn owner(&self) -> PartnerId {
        self.owner
    }

    /// The running number among the owner's warnings of the object, from 1.
    pub const fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for WarningId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.object, self.owner, self.number)
    }
}

impl FromStr for WarningId {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let bad = || {
            DecodeError::new(
                "a warning as `OBJECT.PARTNER.NUMBER` (such as `KOR-7.JPN.1`)",
                format!("`{}`", text.escape_debug().take(80).collect::<String>()),
            )
        };
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or_else(bad);
        let (object, owner, number) = (next()?, next()?, next()?);
        if parts.next().is_some() || number.starts_with(['0', '+']) {
            return Err(bad());
        }
        let owner = owner.parse().map_err(|_| bad())?;
        Self::new(object, owner, number.parse().map_err(|_| bad())?)
    }
}

impl Serialize for WarningId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WarningId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for WarningId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WarningId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^[A-Za-z0-9-]{1,64}\\.[A-Z]{3}\\.[1-9][0-9]*$"
        })
    }
}

/// What a message does to the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The first message of a warning.
    Alert,
    /// Replaces the messages before it.
    Update,
    /// Ends the warning.
    Cancel,
}

/// Why a message is proposed; it chooses the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An object is forecast to come down on, near or off the owner's districts.
    Threat,
    /// Districts, time or place of the forecast changed.
    Changed,
    /// The forecast time of impact is over.
    Fell,
    /// The forecast no longer concerns the owner's districts.
    Passed,
    /// What the warning rested on is gone.
    Unsupported,
    /// The warning should not have been given.
    Mistake,
}

impl Reason {
    /// Whether a message of this reason calls people, rather than saying that a time is over or support
    /// gone: such a message must rest on something.
    pub const fn calls(self) -> bool {
        matches!(self, Self::Threat | Self::Changed)
    }

    /// Whether a message of this reason may do `action`.
    pub const fn fits(self, action: Action) -> bool {
        match action {
            Action::Alert => matches!(self, Self::Threat | Self::Changed),
            Action::Update => matches!(self, Self::Changed | Self::Fell),
            Action::Cancel => matches!(self, Self::Passed | Self::Unsupported | Self::Mistake),
        }
    }
}

/// Where a message says an object comes down; it chooses the texts and what is asked of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// On a district or in the waters close to it: people on land take shelter.
    Land,
    /// In waters farther off: ships and aircraft keep clear, nobody on land need do anything.
    Sea,
}

/// Where and when an object is expected to come down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// Where, with its 1-sigma ellipse.
    pub region: Region,
    /// When.
    pub impact: Timestamp,
    /// Standard deviation of the time, 0 to 3,600 s.
    pub impact_sigma_s: f64,
}

impl Forecast {
    /// Checks that every number is finite and in its range.
    pub fn checked(region: Region, impact: Timestamp, sigma: Seconds) -> Result<Self, DecodeError> {
        Geodetic::new(region.lat, region.lon, Metres(0.0))
            .map_err(|error| DecodeError::new("an impact place on the Earth", error.to_string()))?;
        let within = |what: &str, value: f64, min: f64, max: f64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(DecodeError::new(format!("{what} from {min} to {max}"), value.to_string()))
            }
        };
        within("semi-major sigma (metres)", region.semi_major.0, 0.0, REGION_SIGMA_M_MAX)?;
        within("semi-minor sigma (metres)", region.semi_minor.0, 0.0, REGION_SIGMA_M_MAX)?;
        within("orientation (degrees)", region.orientation.0, -360.0, 360.0)?;
        within("impact time sigma (seconds)", sigma.0, 0.0, IMPACT_SIGMA_S_MAX)?;
        Ok(Self { region, impact, impact_sigma_s: sigma.0 })
    }
}

/// A district in a forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DistrictShare {
    /// ISO 3166-2 code.
    pub code: String,
    /// How likely the impact lies inside its boundary, 0 to 1.
    pub probability: f64,
    /// Only the margin around the 99 % region reaches it; at sea not even that.
    pub nearby_only: bool,
}

/// What a message says: the forecast, the districts and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Where and when.
    pub forecast: Forecast,
    /// On or close to land, or farther off.
    pub area: Area,
    /// The owner's districts it touches, or at sea the nearest of the owner's, at most three; in code
    /// order, never empty.
    pub districts: Vec<DistrictShare>,
    /// The entries it rests on, newest last, at most 16.
    pub evidence: Vec<EntryId>,
}

/// Content of `warning.draft`, edition 1: a node proposes a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftReport {
    /// Which warning.
    pub warning: WarningId,
    /// What the message would do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What it would say.
    pub subject: Subject,
}

/// Content of `warning.release` and `warning.update`, edition 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseReport {
    /// Which warning.
    pub warning: WarningId,
    /// The draft the officer saw and releases.
    pub draft: EntryId,
    /// A word to the other partners, up to 1,000 bytes; not for the public.
    pub note: Option<String>,
    /// Who.
    pub officer: Officer,
}

/// Content of `warning.cancel`, edition 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelReport {
    /// Which warning.
    pub warning: WarningId,
    /// `passed`, `unsupported` or `mistake`.
    pub reason: Reason,
    /// A word to the other partners, up to 1,000 bytes; not for the public.
    pub note: Option<String>,
    /// Who.
    pub officer: Officer,
}

impl ReleaseReport {
    /// The bytes the officer signs for an act of `kind` in `realm`: everything but the signature.
    pub fn signed_bytes(&self, kind: &str, realm: &Realm) -> Vec<u8> {
        let Officer { name, key_id, .. } = &self.officer;
        crate::encode_content(&(
            "watchfire-officer-act-v1",
            realm,
            kind,
            &self.warning,
            &self.draft,
            &self.note,
            name,
            key_id,
        ))
    }
}

impl CancelReport {
    /// The bytes the officer signs in `realm`: everything but the signature.
    pub fn signed_bytes(&self, realm: &Realm) -> Vec<u8> {
        let Officer { name, key_id, .. } = &self.officer;
        crate::encode_content(&(
            "watchfire-officer-act-v1",
            realm,
            CANCEL_KIND,
            &self.warning,
            self.reason,
            &self.note,
            name,
            key_id,
        ))
    }
}

/// A checked proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "DraftReport", into = "DraftReport")]
pub struct Draft(DraftReport);

/// A checked release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "ReleaseReport", into = "ReleaseReport")]
pub struct Release(ReleaseReport);

/// A checked withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "CancelReport", into = "CancelReport")]
pub struct Cancel(CancelReport);

impl Draft {
    /// Checks forecast, districts, evidence, and that reason and action fit.
    pub fn new(report: DraftReport) -> Result<Self, DecodeError> {
        let DraftReport { warning, action, reason, subject } = &report;
        check_reason(*reason, *action)?;
        let Forecast { region, impact, impact_sigma_s } = subject.forecast;
        Forecast::checked(region, impact, Seconds(impact_sigma_s))?;
        check_districts(warning.owner(), &subject.districts)?;
        if subject.area == Area::Sea {
            check_sea(subject)?;
        }
        if subject.evidence.len() > EVIDENCE_MAX {
            return Err(DecodeError::new(
                format!("at most {EVIDENCE_MAX} cited entries"),
                subject.evidence.len().to_string(),
            ));
        }
        Ok(Self(report))
    }

    /// What it says.
    pub const fn report(&self) -> &DraftReport {
        &self.0
    }
}

impl Release {
    /// Checks the note and the officer.
    pub fn new(report: ReleaseReport) -> Result<Self, DecodeError> {
        report.officer.check()?;
        check_note(report.note.as_deref())?;
        Ok(Self(report))
    }

    /// What it says.
    pub const fn report(&self) -> &ReleaseReport {
        &self.0
    }
}

impl Cancel {
    /// Checks the reason, the note and the officer.
    pub fn new(report: CancelReport) -> Result<Self, DecodeError> {
        check_reason(report.reason, Action::Cancel)?;
        report.officer.check()?;
        check_note(report.note.as_deref())?;
        Ok(Self(report))
    }

    /// What it says.
    pub const fn report(&self) -> &CancelReport {
        &self.0
    }
}

checked_content! {
    Draft(DraftReport), DecodeError;
    Release(ReleaseReport), DecodeError;
    Cancel(CancelReport), DecodeError;
}

fn check_reason(reason: Reason, action: Action) -> Result<(), DecodeError> {
    if reason.fits(action) {
        Ok(())
    } else {
        let fitting = match action {
            Action::Alert => "`threat` or `changed`",
            Action::Update => "`changed` or `fell`",
            Action::Cancel => "`passed`, `unsupported` or `mistake`",
        };
        Err(DecodeError::new(
            format!("{fitting} as the reason of this action"),
            format!("{reason:?}").to_lowercase(),
        ))
    }
}

fn check_districts(owner: PartnerId, shares: &[DistrictShare]) -> Result<(), DecodeError> {
    let first = shares.first().map(|share| share.code.as_str());
    if first.is_none() {
        return Err(DecodeError::new("at least one district", "none"));
    }
    if !shares.is_sorted_by(|a, b| a.code < b.code) {
        return Err(DecodeError::new("districts in code order, each once", "another order"));
    }
    for DistrictShare { code, probability, .. } in shares {
        let owned = districts().get(code).is_some_and(|district| district.partner == owner);
        if !owned {
            return Err(DecodeError::new(
                format!("districts of {owner} only"),
                format!("`{}`", code.escape_debug().take(16).collect::<String>()),
            ));
        }
        if !(0.0..=1.0).contains(probability) {
            return Err(DecodeError::new("a probability from 0 to 1", probability.to_string()));
        }
    }
    Ok(())
}

/// A sea area can be drawn, and lies in reach of the few districts it names.
fn check_sea(Subject { forecast, districts: shares, .. }: &Subject) -> Result<(), DecodeError> {
    let Region { semi_major, semi_minor, .. } = forecast.region;
    if semi_major.0.max(semi_minor.0) > SIGMA_M_MAX {
        return Err(DecodeError::new(
            format!("a sea area known to {SIGMA_M_MAX} metres (1 sigma)"),
            format!("{} by {}", semi_major.0, semi_minor.0),
        ));
    }
    if shares.len() > SEA_DISTRICTS_MAX {
        return Err(DecodeError::new(
            format!("at most {SEA_DISTRICTS_MAX} districts of a sea area"),
            shares.len().to_string(),
        ));
    }
    for DistrictShare { code, probability, nearby_only } in shares {
        let off = districts().get(code).is_some_and(|d| d.offing(&forecast.region).is_some());
        if !(off && *nearby_only && *probability <= 0.0) {
            return Err(DecodeError::new(
                format!("districts within {SEA_REACH_M} metres of the sea area, none of them hit"),
                format!("`{code}` with probability {probability}"),
            ));
        }
    }
    Ok(())
}

fn check_note(note: Option<&str>) -> Result<(), DecodeError> {
    check_text("note", note.unwrap_or_default(), 0..=NOTE_BYTES_MAX)
}

#[cfg(test)]
mod tests;
