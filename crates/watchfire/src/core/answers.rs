//! The shapes of questions' answers, as the API gives them.

use std::collections::BTreeMap;

use base::{NodeId, PartnerId, Timestamp};
use log::EntryId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::correct::EntryCorrection;
use super::items::{LineItem, NodeItem};

/// What the node is and how it stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Status {
    /// The node.
    pub(crate) node: NodeItem,
    /// Picture time.
    pub(crate) now: Timestamp,
    /// Its lines.
    pub(crate) lines: Vec<LineItem>,
    /// Entries held without gaps, by log.
    pub(crate) logs: BTreeMap<String, u64>,
    /// Whether every partner that should hold them holds all of this node's entries.
    pub(crate) receipts_complete: bool,
    /// Facts folded, by view.
    pub(crate) facts: BTreeMap<String, u64>,
    /// Facts folded again because one came late, by view.
    pub(crate) refolded: BTreeMap<String, u64>,
    /// Whether the console was built in.
    pub(crate) console: bool,
}

/// The digest of a view.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Digest {
    /// The view.
    pub(crate) view: String,
    /// Sizes by log: entries below them are covered.
    pub(crate) cut: BTreeMap<String, u64>,
    /// Fold editions by domain.
    pub(crate) fold_edition: BTreeMap<String, u32>,
    /// SHA-256, hexadecimal.
    #[expect(clippy::struct_field_names, reason = "the API's word")]
    pub(crate) digest: String,
    /// Items at the cut, by collection.
    pub(crate) items: BTreeMap<String, u64>,
}

/// A statement to append.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proposal {
    /// The kind, such as `track.scan`.
    pub(crate) kind: String,
    /// Content of the kind's schema.
    pub(crate) content: Value,
    /// Who may read it; all partners if absent.
    pub(crate) audience: Option<String>,
    /// `flash`, `immediate`, `priority` or `routine`; the kind's own if absent.
    pub(crate) precedence: Option<String>,
    /// `local` (if absent), `partners(K)` or `all`.
    pub(crate) level: Option<String>,
    /// How long to wait for the level; 10,000 if absent.
    pub(crate) timeout_ms: Option<u32>,
}

/// An entry that was appended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Appended {
    /// The entry.
    pub(crate) entry: String,
    /// `reached`, or `pending`: durable here, the level not reached in time.
    pub(crate) state: String,
    /// Nodes that hold it.
    pub(crate) holders: Vec<NodeId>,
}

/// Statements that were appended together.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BulkAppended {
    /// How many; all of the request.
    pub(crate) appended: u64,
    /// The last of them; the others stand before it in the same log, in the order sent.
    pub(crate) last: String,
    /// `reached`, or `pending`: durable here, the level not reached in time.
    pub(crate) state: String,
    /// Nodes that hold every one of them.
    pub(crate) holders: Vec<NodeId>,
}

/// What became of a feed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ingested {
    /// Entries appended.
    pub(crate) appended: u64,
    /// Their ids.
    pub(crate) entries: Vec<String>,
    /// Plots in them.
    pub(crate) plots: u64,
    /// Records that were not used, with the reason.
    pub(crate) skipped: BTreeMap<String, u64>,
}

/// A readable entry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EntryAnswer {
    /// Its id.
    pub(crate) id: String,
    /// Who said it.
    pub(crate) origin: NodeId,
    /// Whose node that is.
    pub(crate) partner: PartnerId,
    /// When it was logged.
    pub(crate) logged: Timestamp,
    /// Who may read it.
    pub(crate) audience: String,
    /// How urgent it was.
    pub(crate) precedence: String,
    /// Its kind.
    pub(crate) kind: String,
    /// The edition of its content.
    pub(crate) edition: u16,
    /// Its content, or null if no domain reads the kind.
    pub(crate) content: Option<Value>,
    /// Nodes that hold it, as far as receipts have come; of own entries only.
    pub(crate) holders: Vec<NodeId>,
    /// Whether its node signed two histories: no effect may rest on it alone.
    pub(crate) contested: bool,
    /// What was said about it by correcting it, in order; the content above is as it was said first.
    pub(crate) corrections: Vec<EntryCorrection>,
}

/// An officer's remark.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarningNote {
    /// Free text for the other partners, kept in the entry.
    #[serde(default)]
    pub(crate) note: Option<String>,
    /// The draft the officer saw: the act is refused if a newer one has come. The newest if absent.
    #[serde(default)]
    pub(crate) draft: Option<EntryId>,
    /// Why a warning is cancelled; the pending draft's reason, else a mistake, if absent.
    #[serde(default)]
    pub(crate) reason: Option<domains::warning::Reason>,
}

/// What an officer's act led to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Acted {
    /// The entry that records it.
    pub(crate) entry: String,
    /// What became of the warning, or of the entries, by it.
    pub(crate) state: String,
}

/// A one-time log-in link.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Link {
    /// Opens the console once.
    pub(crate) url: String,
}
