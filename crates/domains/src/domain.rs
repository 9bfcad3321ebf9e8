//! The contract of a capability.

use std::collections::BTreeMap;

use base::{NodeId, Timestamp};
use log::{Audience, EntryId, Fact, Precedence};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Signals;
use crate::correction::Correctable;

/// A capability: what it may be told, how that changes its picture, what it shows and wants.
///
/// Every function is pure. `fold` and `advance` see facts in one total order that is equal on every
/// node, and may not fail: what cannot be used becomes a finding in [`Signals`].
pub trait Domain: 'static {
    /// The word in the registry; kinds and collections start with it and a dot.
    const NAME: &'static str;
    /// What people call it, in English.
    const TITLE: &'static str;
    /// Raised whenever the same facts would fold to other bytes.
    const FOLD_EDITION: u32;
    /// A decoded statement.
    type Event: Clone + Send + Sync;
    /// The folded state. Its canonical bytes ([`crate::canonical_bytes`]) are the digest, so it holds
    /// ordered collections only, no NaN, and nothing that depends on arrival order.
    type State: Clone + Default + Send + Sync + Serialize;

    /// The kinds of statement this domain reads.
    fn kinds() -> Vec<KindInfo>;

    /// The collections of items it shows.
    fn collections() -> Vec<Collection>;

    /// Parses one statement's content; everything later may rely on what this checked.
    fn decode(kind: &str, edition: u16, content: &[u8]) -> Result<Self::Event, DecodeError>;

    /// For sensor data the time of measurement, else `None` (the logged time counts).
    fn measured_at(_event: &Self::Event) -> Option<Timestamp> {
        None
    }

    /// Applies one statement.
    fn fold(state: &mut Self::State, statement: &Statement<'_, Self::Event>, signals: &mut Signals);

    /// Hears what domains earlier in the registry signalled in this step.
    fn sense(_state: &mut Self::State, _at: Timestamp, _signals: &mut Signals) {}

    /// Lets time pass up to `to`: deadlines fire in (deadline, id) order. Called before every fact, so
    /// it must cost next to nothing when nothing is due.
    fn advance(_state: &mut Self::State, _to: Timestamp, _signals: &mut Signals) {}

    /// Puts what the console shows at `now` into `items`.
    fn items(state: &Self::State, now: Timestamp, items: &mut Items);

    /// What node `me` should append on its own, seen in the view of `audience`; asked after every
    /// fold turn, and no longer wanted once the entry has folded.
    fn desires(
        _state: &Self::State,
        _me: NodeId,
        _audience: &Audience,
        _now: Timestamp,
    ) -> Vec<Desire> {
        Vec::new()
    }
}

/// One statement as a fold sees it.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a, E> {
    /// Who said it, where it stands in which log, who may read it.
    pub fact: &'a Fact,
    /// What was said.
    pub event: &'a E,
    /// When it counts: the measurement time of sensor data, else the logged time.
    pub at: Timestamp,
}

/// Why content could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got}")]
pub struct DecodeError {
    /// What would have been right.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl DecodeError {
    /// From what was expected and what came.
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into() }
    }
}

/// A kind of statement: its name, its present edition and the shape of its content.
#[derive(Clone, Copy)]
pub struct KindInfo {
    /// Dotted name starting with the domain's, such as `track.scan`.
    pub name: &'static str,
    /// The edition of the content's layout.
    pub edition: u16,
    /// One sentence for help and documentation.
    pub summary: &'static str,
    /// The precedence it is appended with unless said otherwise.
    pub precedence: Precedence,
    /// How statements of it may be corrected later.
    pub correctable: Correctable,
    /// The JSON schema of the content.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Content bytes from JSON, validated.
    pub from_json: fn(&Value) -> Result<Vec<u8>, DecodeError>,
    /// JSON from content bytes.
    pub to_json: fn(&[u8]) -> Result<Value, DecodeError>,
    /// Whether content bytes are what the kind's layout and its own checks allow.
    pub check: fn(&[u8]) -> Result<(), DecodeError>,
}

impl KindInfo {
    /// The kind whose content is a `T` in postcard encoding.
    pub fn of<T: Serialize + DeserializeOwned + JsonSchema>(
        name: &'static str,
        edition: u16,
        precedence: Precedence,
        correctable: Correctable,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            edition,
            summary,
            precedence,
            correctable,
            schema: |generator| generator.subschema_for::<T>(),
            from_json: |value| {
                let content: T = serde_json::from_value(value.clone()).map_err(|error| {
                    DecodeError::new("content of the kind's schema", error.to_string())
                })?;
                Ok(encode_content(&content))
            },
            to_json: |bytes| {
                let content: T = decode_content(bytes)?;
                serde_json::to_value(content)
                    .map_err(|error| DecodeError::new("content JSON can carry", error.to_string()))
            },
            check: |bytes| decode_content::<T>(bytes).map(drop),
        }
    }
}

/// A collection of items in the console's state.
#[derive(Clone, Copy)]
pub struct Collection {
    /// Dotted name starting with the domain's, such as `track.tracks`.
    pub name: &'static str,
    /// What people call it, in English.
    pub title: &'static str,
    /// The JSON schema of one item.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Collection {
    /// The collection whose items are `T`s.
    pub fn of<T: JsonSchema>(name: &'static str, title: &'static str) -> Self {
        Self { name, title, schema: |generator| generator.subschema_for::<T>() }
    }
}

/// The items of a picture: collection, id, value.
pub type Shown = BTreeMap<&'static str, BTreeMap<String, Value>>;

/// Where a domain puts what it shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Items(Shown);

impl Items {
    /// Shows `item` under `id` in `collection` (a name from [`Domain::collections`]).
    pub fn put(&mut self, collection: &'static str, id: impl Into<String>, item: &impl Serialize) {
        let value = serde_json::to_value(item).expect("items are plain structs with text keys");
        self.0.entry(collection).or_default().insert(id.into(), value);
    }

    /// Everything put so far.
    pub const fn collections(&self) -> &Shown {
        &self.0
    }

    /// Everything put so far, given away.
    pub fn into_collections(self) -> Shown {
        self.0
    }
}

/// Marks the items that say whether they are `contested`: those that rest on nothing sound. The fold does
/// not know whose key is in doubt, the shell does.
///
/// An item rests on the entries of its `evidence`; one that has an `entry` was said by that, and is what
/// that is worth whatever it rests on. An item without either stays as it is.
pub fn mark_contested(items: &mut Shown, is_contested: impl Fn(&EntryId) -> bool) {
    let doubtful = |value: &Value| {
        let entry = value.as_str().and_then(|entry| entry.parse().ok());
        entry.is_some_and(|entry| is_contested(&entry))
    };
    for item in items.values_mut().flat_map(BTreeMap::values_mut) {
        if item.get("contested").is_none() {
            continue;
        }
        let said = item.get("entry").is_some_and(doubtful);
        let evidence = item.get("evidence").and_then(Value::as_array);
        let rests = evidence.is_some_and(|all| !all.is_empty() && all.iter().all(doubtful));
        item["contested"] = (said || rests).into();
    }
}

/// An entry a node should append by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desire {
    /// Names the wish: the same wish asked again is not appended twice.
    pub key: String,
    /// The kind of the entry.
    pub kind: &'static str,
    /// The edition of its content.
    pub edition: u16,
    /// Its precedence.
    pub precedence: Precedence,
    /// Its content.
    pub content: Vec<u8>,
    /// What it rests on, where appending it calls somebody: it is not appended on late or contested
    /// entries alone. Empty where it calls nobody.
    pub evidence: Vec<EntryId>,
}

/// Content whose every reader meets checked values only: `Checked` is made of `Report` by `Checked::new`,
/// and reads and writes as one.
macro_rules! checked_content {
    ($($checked:ident($report:ident), $fault:ty;)+) => {$(
        impl TryFrom<$report> for $checked {
            type Error = $fault;

            fn try_from(report: $report) -> Result<Self, $fault> {
                Self::new(report)
            }
        }

        impl From<$checked> for $report {
            fn from(checked: $checked) -> Self {
                checked.0
            }
        }
    )+};
}
pub(crate) use checked_content;

/// Content bytes of a statement (postcard).
pub fn encode_content(content: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(content).expect("content types are plain data of known length")
}

/// Parses content bytes; trailing bytes are refused.
pub fn decode_content<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (content, rest) = postcard::take_from_bytes(bytes).map_err(|error| {
        DecodeError::new("postcard content of the kind's edition", error.to_string())
    })?;
    if rest.is_empty() {
        Ok(content)
    } else {
        Err(DecodeError::new(
            "content that ends with its last field",
            format!("{} bytes more", rest.len()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_rests_on_nothing_sound_is_contested() {
        let id = |node: &str| format!("{node}.flash.000102030405060708090a0b0c0d0e0f.7");
        let (sound, doubtful) = (id("JPN-1"), id("KOR-1"));
        let is_contested = |entry: &EntryId| entry.log.node.to_string() == "KOR-1";
        for (item, expect) in [
            (json!({ "evidence": [sound, doubtful] }), false),
            (json!({ "evidence": [doubtful, doubtful] }), true),
            (json!({ "evidence": [] }), false),
            (json!({}), false),
            (json!({ "entry": sound, "evidence": [doubtful] }), true),
            (json!({ "entry": doubtful, "evidence": [sound] }), true),
            (json!({ "entry": sound, "evidence": [sound] }), false),
            (json!({ "entry": "none", "evidence": [3] }), false),
        ] {
            let mut marked = item.clone();
            marked["contested"] = false.into();
            let mut items = Shown::from([("a.b", BTreeMap::from([("x".to_owned(), marked)]))]);
            mark_contested(&mut items, is_contested);
            assert_eq!(items["a.b"]["x"]["contested"], expect, "{item}");
            let mut silent =
                Shown::from([("a.b", BTreeMap::from([("x".to_owned(), item.clone())]))]);
            mark_contested(&mut silent, is_contested);
            assert_eq!(silent["a.b"]["x"], item, "an item that does not say stays as it is");
        }
    }
}
