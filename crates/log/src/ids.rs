//! Names: realm, precedence, audience, log, entry, kind.
//!
//! Text forms, all ASCII:
//!
//! | thing | text |
//! | --- | --- |
//! | realm | `operational`, `exercise/freedom-edge` |
//! | precedence | `flash`, `immediate`, `priority`, `routine` |
//! | audience | `JPN+KOR+USA`, sorted |
//! | log | `KOR-1.flash.<32 hex digits>` |
//! | entry | `KOR-1.flash.<32 hex digits>.42` |
//! | checkpoint origin | `watchfire/<realm>/KOR-1/flash/<32 hex digits>` |
//! | kind | `track.scan` |

use std::fmt;
use std::str::FromStr;

use base::{NodeId, PartnerId, limits};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, base64};

/// The world a statement belongs to; nothing made in one verifies or opens in another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Realm {
    /// The real one.
    Operational,
    /// A named exercise.
    Exercise(ExerciseName),
}

impl Realm {
    /// Whether this is an exercise.
    pub const fn is_exercise(&self) -> bool {
        matches!(self, Self::Exercise(_))
    }

    /// The exercise of that name.
    pub fn exercise(name: &str) -> Result<Self, Error> {
        name.parse().map(Self::Exercise)
    }
}

/// The name of an exercise: 1 to 32 lower-case letters, digits and hyphens, a letter or digit first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExerciseName(Box<str>);

impl ExerciseName {
    /// Longest name, bytes.
    pub const BYTES_MAX: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExerciseName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let good = text.len() <= Self::BYTES_MAX
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b == b'-');
        if good {
            Ok(Self(text.into()))
        } else {
            Err(Error::text(
                "an exercise name",
                "1 to 32 lower-case letters, digits and hyphens (such as `freedom-edge`)",
                text,
            ))
        }
    }
}

impl fmt::Display for ExerciseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Realm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "operational" {
            return Ok(Self::Operational);
        }
        text.strip_prefix("exercise/")
            .ok_or_else(|| Error::text("a realm", "`operational` or `exercise/NAME`", text))?
            .parse()
            .map(Self::Exercise)
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operational => f.write_str("operational"),
            Self::Exercise(name) => write!(f, "exercise/{name}"),
        }
    }
}

/// How urgent a statement is (ACP 121); the most urgent sorts first.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Precedence {
    /// Initial enemy contact, warning of attack.
    Flash,
    /// Gravely affects security.
    Immediate,
    /// Ordinary operations.
    Priority,
    /// Everything else.
    Routine,
}

impl Precedence {
    /// All four, most urgent first.
    pub const ALL: [Self; 4] = [Self::Flash, Self::Immediate, Self::Priority, Self::Routine];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Immediate => "immediate",
            Self::Priority => "priority",
            Self::Routine => "routine",
        }
    }

    /// The byte that stands in headers: 0 (flash) to 3 (routine).
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The precedence of a header byte.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl FromStr for Precedence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| {
            Error::text("a precedence", "`flash`, `immediate`, `priority` or `routine`", text)
        })
    }
}

impl fmt::Display for Precedence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The partners a statement is releasable to: a non-empty set of at most
/// [`limits::PARTNERS_MAX`], sorted. Cheap to copy; no allocation.
#[derive(Clone, Copy)]
pub struct Audience {
    count: u8,
    /// Sorted; slots from `count` on repeat the first member and mean nothing.
    members: [PartnerId; limits::PARTNERS_MAX],
}

impl Audience {
    /// An audience of one.
    pub const fn only(partner: PartnerId) -> Self {
        Self { count: 1, members: [partner; limits::PARTNERS_MAX] }
    }

    /// The set of `members` in any order; empty, too large or with duplicates is refused.
    pub fn new(members: impl IntoIterator<Item = PartnerId>) -> Result<Self, Error> {
        const FORM: &str = "partners joined by `+`, each once (such as `JPN+KOR+USA`)";
        let mut members = members.into_iter();
        let first = members.next().ok_or_else(|| Error::text("an audience", FORM, ""))?;
        let mut audience = Self::only(first);
        for member in members {
            let Err(place) = audience.members().binary_search(&member) else {
                return Err(Error::text("an audience", FORM, &format!("{member} twice")));
            };
            let count = audience.members().len();
            if count == limits::PARTNERS_MAX {
                return Err(Error::Limit {
                    what: "partners in an audience",
                    max: limits::PARTNERS_MAX as u64,
                    got: count as u64 + 1,
                });
            }
            audience.members.copy_within(place..count, place + 1);
            audience.members[place] = member;
            audience.count += 1;
        }
        Ok(audience)
    }

    /// The members, sorted; never empty.
    pub fn members(&self) -> &[PartnerId] {
        &self.members[..usize::from(self.count)]
    }

    /// Whether `partner` may read.
    pub fn contains(&self, partner: PartnerId) -> bool {
        self.members().binary_search(&partner).is_ok()
    }

    /// Whether every member of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.members().iter().all(|m| other.contains(*m))
    }
}

impl PartialEq for Audience {
    fn eq(&self, other: &Self) -> bool {
        self.members() == other.members()
    }
}

impl Eq for Audience {}

impl PartialOrd for Audience {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Audience {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.members().cmp(other.members())
    }
}

impl std::hash::Hash for Audience {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.members().hash(state);
    }
}

impl FromStr for Audience {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let members: Result<Vec<PartnerId>, _> = text.split('+').map(str::parse).collect();
        Self::new(members?)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, member) in self.members().iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            f.write_str(member.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A random name for one unbroken life of a node's store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

impl Incarnation {
    /// A fresh one.
    pub fn random(rng: &mut dyn rand_core::CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl FromStr for Incarnation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        base64::unhex(text)
            .map(Self)
            .ok_or_else(|| Error::text("an incarnation", "32 lower-case hex digits", text))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::hex(&self.0))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One lane of one node in one incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// Who writes it.
    pub node: NodeId,
    /// At which precedence.
    pub lane: Precedence,
    /// In which life of the node's store.
    pub incarnation: Incarnation,
}

impl LogId {
    /// Bytes of [`LogId::to_key`].
    pub const KEY_BYTES: usize = 22;

    /// The checkpoint origin: `watchfire/<realm>/<node>/<lane>/<incarnation>`.
    pub fn origin(&self, realm: &Realm) -> String {
        format!("watchfire/{realm}/{}/{}/{}", self.node, self.lane, self.incarnation)
    }

    /// The realm and log of a checkpoint origin.
    pub fn from_origin(origin: &str) -> Result<(Realm, Self), Error> {
        let bad = || {
            let form = "`watchfire/REALM/NODE/LANE/INCARNATION`";
            Error::text("a checkpoint origin", form, origin)
        };
        let rest = origin.strip_prefix("watchfire/").ok_or_else(bad)?;
        let mut parts = rest.rsplitn(4, '/');
        let mut next = || parts.next().ok_or_else(bad);
        let (incarnation, lane, node, realm) = (next()?, next()?, next()?, next()?);
        let log = Self {
            node: node.parse().map_err(|_| bad())?,
            lane: lane.parse().map_err(|_| bad())?,
            incarnation: incarnation.parse().map_err(|_| bad())?,
        };
        Ok((realm.parse().map_err(|_| bad())?, log))
    }

    /// A fixed-width key whose byte order is the order of `LogId`: partner 3, number 2, lane 1,
    /// incarnation 16.
    pub fn to_key(&self) -> [u8; Self::KEY_BYTES] {
        let mut key = [0; Self::KEY_BYTES];
        key[..3].copy_from_slice(self.node.partner().as_bytes());
        key[3..5].copy_from_slice(&self.node.number().to_be_bytes());
        key[5] = self.lane.code();
        key[6..].copy_from_slice(&self.incarnation.0);
        key
    }

    /// The log of such a key.
    pub fn from_key(key: &[u8; Self::KEY_BYTES]) -> Result<Self, Error> {
        let bad = || Error::text("a log key", "partner, number, lane, incarnation", "other bytes");
        let partner = PartnerId::try_from([key[0], key[1], key[2]])?;
        let mut incarnation = [0; 16];
        incarnation.copy_from_slice(&key[6..]);
        Ok(Self {
            node: NodeId::new(partner, u16::from_be_bytes([key[3], key[4]]))?,
            lane: Precedence::from_code(key[5]).ok_or_else(bad)?,
            incarnation: Incarnation(incarnation),
        })
    }
}

impl FromStr for LogId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::text("a log", "`NODE.LANE.INCARNATION`", text);
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or_else(bad);
        let log = Self {
            node: next()?.parse().map_err(|_| bad())?,
            lane: next()?.parse().map_err(|_| bad())?,
            incarnation: next()?.parse().map_err(|_| bad())?,
        };
        if parts.next().is_some() { Err(bad()) } else { Ok(log) }
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.node, self.lane, self.incarnation)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One entry: its log and its place there, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The log.
    pub log: LogId,
    /// The place, from 0.
    pub index: u64,
}

impl FromStr for EntryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::text("an entry", "`NODE.LANE.INCARNATION.INDEX`", text);
        let (log, index) = text.rsplit_once('.').ok_or_else(bad)?;
        let canonical = index == "0" || !index.starts_with(['0', '+']);
        if !canonical {
            return Err(bad());
        }
        Ok(Self { log: log.parse().map_err(|_| bad())?, index: index.parse().map_err(|_| bad())? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.log, self.index)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a body is: a dotted name such as `track.scan`. The first part names the domain.
///
/// At most [`Kind::BYTES_MAX`] bytes; two or more parts, each a lower-case letter followed by
/// lower-case letters, digits and hyphens. Cheap to copy; no allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Zeros after `length`.
    bytes: [u8; Self::BYTES_MAX],
    length: u8,
}

impl Kind {
    /// Longest kind, bytes.
    pub const BYTES_MAX: usize = 48;

    /// The kind written in source; a bad literal does not compile in a constant.
    pub const fn from_static(text: &'static str) -> Self {
        match Self::parse(text.as_bytes()) {
            Some(kind) => kind,
            None => panic!("a kind is dotted lower-case words of at most 48 bytes"),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the length is at most 48")]
    const fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > Self::BYTES_MAX {
            return None;
        }
        let mut bytes = [0; Self::BYTES_MAX];
        let (mut i, mut parts, mut part_start) = (0, 1, true);
        while i < text.len() {
            let byte = text[i];
            bytes[i] = byte;
            if part_start {
                if !byte.is_ascii_lowercase() {
                    return None;
                }
                part_start = false;
            } else if byte == b'.' {
                parts += 1;
                part_start = true;
            } else if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
                return None;
            }
            i += 1;
        }
        if part_start || parts < 2 {
            return None;
        }
        Some(Self { bytes, length: text.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)])
            .expect("a kind is ASCII by construction")
    }

    /// The first part, which names the domain.
    pub fn domain(&self) -> &str {
        self.as_str().split('.').next().expect("a kind has two parts by construction")
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Option<Self> {
        Self::parse(text)
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text.as_bytes()).ok_or_else(|| {
            let form = "dotted lower-case words of at most 48 bytes (such as `track.scan`)";
            Error::text("a kind", form, text)
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text form's schema.
macro_rules! text_schema {
    ($type:ty, $name:literal, $pattern:literal) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

macro_rules! text_serde {
    ($type:ty, $name:literal, $pattern:literal) => {
        text_schema!($type, $name, $pattern);

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base::deserialize_text(deserializer)
            }
        }
    };
}

text_serde!(Realm, "Realm", "^(operational|exercise/[a-z0-9][a-z0-9-]{0,31})$");
text_serde!(Audience, "Audience", "^[A-Z]{3}(\\+[A-Z]{3}){0,31}$");
text_serde!(Incarnation, "Incarnation", "^[0-9a-f]{32}$");
text_serde!(Kind, "Kind", "^[a-z][a-z0-9-]*(\\.[a-z][a-z0-9-]*)+$");
text_schema!(
    LogId,
    "LogId",
    "^[A-Z]{3}-[1-9][0-9]{0,2}\\.(flash|immediate|priority|routine)\\.[0-9a-f]{32}$"
);
text_schema!(
    EntryId,
    "EntryId",
    "^[A-Z]{3}-[1-9][0-9]{0,2}\\.(flash|immediate|priority|routine)\\.[0-9a-f]{32}\\.[0-9]+$"
);

/// An entry's id in formats people do not read.
#[derive(Serialize, Deserialize)]
struct CompactEntryId(NodeId, Precedence, [u8; 16], u64);

/// A log's.
#[derive(Serialize, Deserialize)]
struct CompactLogId(NodeId, Precedence, [u8; 16]);

macro_rules! compact_serde {
    ($type:ty, $compact:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    <$compact>::from(*self).serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    base::deserialize_text(deserializer)
                } else {
                    <$compact>::deserialize(deserializer).map(Self::from)
                }
            }
        }
    };
}

impl From<LogId> for CompactLogId {
    fn from(log: LogId) -> Self {
        Self(log.node, log.lane, log.incarnation.0)
    }
}

impl From<CompactLogId> for LogId {
    fn from(CompactLogId(node, lane, incarnation): CompactLogId) -> Self {
        Self { node, lane, incarnation: Incarnation(incarnation) }
    }
}

impl From<EntryId> for CompactEntryId {
    fn from(EntryId { log, index }: EntryId) -> Self {
        Self(log.node, log.lane, log.incarnation.0, index)
    }
}

impl From<CompactEntryId> for EntryId {
    fn from(CompactEntryId(node, lane, incarnation, index): CompactEntryId) -> Self {
        Self { log: CompactLogId(node, lane, incarnation).into(), index }
    }
}

compact_serde!(LogId, CompactLogId);
compact_serde!(EntryId, CompactEntryId);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f";

    fn round_trip<T: FromStr<Err = Error> + fmt::Display>(text: &str) {
        assert_eq!(text.parse::<T>().unwrap_or_else(|e| panic!("{e}")).to_string(), text);
    }

    fn refused<T: FromStr<Err = Error>>(text: &str) {
        assert!(text.parse::<T>().is_err(), "`{text}` was taken");
    }

    #[test]
    fn text_forms_round_trip() {
        round_trip::<Realm>("operational");
        round_trip::<Realm>("exercise/freedom-edge");
        round_trip::<Audience>("JPN+KOR+USA");
        round_trip::<Kind>("track.scan");
        round_trip::<LogId>(&format!("KOR-1.flash.{HEX}"));
        round_trip::<EntryId>(&format!("KOR-1.routine.{HEX}.0"));
        round_trip::<EntryId>(&format!("KOR-12.routine.{HEX}.{}", u64::MAX));
        let log: LogId = format!("USA-3.priority.{HEX}").parse().unwrap();
        for realm in ["operational", "exercise/x"] {
            let realm: Realm = realm.parse().unwrap();
            assert_eq!(LogId::from_origin(&log.origin(&realm)).unwrap(), (realm, log));
        }
        assert_eq!(LogId::from_key(&log.to_key()).unwrap(), log);
    }

    #[test]
    fn other_text_is_refused() {
        for bad in ["", "Operational", "exercise/", "exercise/A", "exercise/-a", "exercise/a/b"] {
            refused::<Realm>(bad);
        }
        for bad in ["", "KOR+", "KOR+KOR", "kor", "KOR,USA", "USA+KOR+USA"] {
            refused::<Audience>(bad);
        }
        for bad in ["", "track", "track.", ".scan", "Track.scan", "track..scan", "track.1", "a.b c"]
        {
            refused::<Kind>(bad);
        }
        refused::<Kind>(&format!("a.{}", "b".repeat(47)));
        refused::<EntryId>(&format!("KOR-1.flash.{HEX}"));
        refused::<EntryId>(&format!("KOR-1.flash.{HEX}.01"));
        refused::<EntryId>(&format!("KOR-1.flash.{HEX}.-1"));
        refused::<LogId>(&format!("KOR-1.flash.{HEX}.7"));
    }

    #[test]
    fn audiences_are_sets() {
        let mixed: Audience = "USA+KOR+JPN".parse().unwrap();
        assert_eq!(mixed.to_string(), "JPN+KOR+USA");
        let two: Audience = "USA+KOR".parse().unwrap();
        assert!(two.is_subset(&mixed) && !mixed.is_subset(&two));
        assert!(two.contains("KOR".parse().unwrap()) && !two.contains("JPN".parse().unwrap()));
    }

    #[test]
    fn key_order_is_the_order_of_logs() {
        let mut logs: Vec<LogId> = Vec::new();
        for node in ["JPN-1", "JPN-2", "JPN-10", "KOR-1"] {
            for lane in Precedence::ALL {
                for incarnation in [0u8, 9] {
                    logs.push(LogId {
                        node: node.parse().unwrap(),
                        lane,
                        incarnation: Incarnation([incarnation; 16]),
                    });
                }
            }
        }
        assert!(logs.is_sorted());
        assert!(logs.iter().map(LogId::to_key).collect::<Vec<_>>().is_sorted());
    }
}
