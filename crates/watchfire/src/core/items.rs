//! What the shell itself shows on the console: the node, its lines, what went wrong.

use base::{NodeId, PartnerId, Timestamp};
use log::LogId;
use schemars::JsonSchema;
use serde::Serialize;

use super::line_check::LineCheckResult;

/// The collection of [`IncompleteItem`]s.
pub(crate) const INCOMPLETE_COLLECTION: &str = "incomplete";

/// This node.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "NodeInfo")]
pub(crate) struct NodeItem {
    /// The node, such as `KOR-1`.
    pub(crate) id: NodeId,
    /// Whose it is.
    pub(crate) partner: PartnerId,
    /// `operational` or `exercise/NAME`.
    pub(crate) realm: String,
    /// The view these items show.
    pub(crate) view: String,
    /// Every view this node folds.
    pub(crate) views: Vec<String>,
    /// When this run of the node began, picture time.
    pub(crate) started: Timestamp,
    /// How picture time runs.
    pub(crate) clock: ClockItem,
    /// The exercise's name, or null in operations.
    pub(crate) exercise: Option<String>,
    /// The charter's edition.
    pub(crate) edition: u32,
    /// Whether everything works.
    pub(crate) state: NodeState,
    /// What does not.
    pub(crate) notes: Vec<String>,
}

/// How picture time runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "PictureClock")]
pub(crate) struct ClockItem {
    /// When picture time began.
    pub(crate) epoch: Timestamp,
    /// Picture seconds per wall second; 1 outside exercises.
    pub(crate) rate: f64,
}

/// Whether everything works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeState {
    /// It does.
    Ok,
    /// See the notes.
    Degraded,
}

/// The line to one other node.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Line")]
pub(crate) struct LineItem {
    /// The node at the other end.
    pub(crate) id: NodeId,
    /// Whose it is.
    pub(crate) partner: PartnerId,
    /// By the time since anything was heard.
    pub(crate) state: LineState,
    /// When it came into that state, picture time.
    pub(crate) since: Timestamp,
    /// When anything was last heard, picture time.
    pub(crate) last_heard: Option<Timestamp>,
    /// Half of the shortest recent round trip, wall milliseconds.
    pub(crate) lag_ms: Option<f64>,
    /// The other node's clock minus this one's, wall milliseconds.
    pub(crate) clock_offset_ms: Option<f64>,
    /// What carries it.
    pub(crate) carrier: String,
    /// The node that carries frames between the two, sealed, while they have no connection.
    pub(crate) via: Option<NodeId>,
    /// Whether the other node signed two histories: nothing more of it is taken until its roster names
    /// another key, and what it said is contested.
    pub(crate) suspended: bool,
    /// What the last test of the line with real entries found, since this run of the node began.
    pub(crate) check: Option<LineCheckResult>,
    /// The four lanes.
    pub(crate) lanes: Vec<LaneItem>,
    /// Why it is not up.
    pub(crate) note: Option<String>,
}

/// One lane of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Lane")]
pub(crate) struct LaneItem {
    /// Its precedence.
    #[schemars(extend("enum" = ["flash", "immediate", "priority", "routine"]))]
    pub(crate) lane: String,
    /// Entries in this node's own log.
    pub(crate) sent: u64,
    /// Of those, held by the other node.
    pub(crate) held: u64,
    /// The size of the other node's log up to which it is followed here.
    pub(crate) received: u64,
    /// What is missing below it, ascending: the lane went ahead after a break, and this is on its way.
    pub(crate) missing: Vec<MissingItem>,
    /// Nodes that cosigned the same checkpoints of the other node's log.
    pub(crate) cross_checked_by: Vec<NodeId>,
}

/// A part of a log that is missing here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Missing")]
pub(crate) struct MissingItem {
    /// Its first entry.
    pub(crate) from: u64,
    /// The entry after its last.
    pub(crate) to: u64,
}

/// A log of which a view lacks something that is on its way: until it has come the picture is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Incomplete")]
pub(crate) struct IncompleteItem {
    /// The log.
    pub(crate) id: LogId,
    /// Whose it is.
    pub(crate) partner: PartnerId,
    /// Its precedence.
    #[schemars(extend("enum" = ["flash", "immediate", "priority", "routine"]))]
    pub(crate) lane: String,
    /// Entries that are missing.
    pub(crate) entries: u64,
    /// Which, ascending.
    pub(crate) missing: Vec<MissingItem>,
}

/// By the time since anything was heard on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineState {
    /// Heard just now.
    Up,
    /// Not heard for a while.
    Late,
    /// Not heard for long, or never.
    Lost,
}

impl From<sync::LineState> for LineState {
    fn from(state: sync::LineState) -> Self {
        match state {
            sync::LineState::Up => Self::Up,
            sync::LineState::Late => Self::Late,
            sync::LineState::Lost => Self::Lost,
        }
    }
}

/// Something an operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub(crate) struct FindingItem {
    /// A running number in its list.
    pub(crate) id: String,
    /// When it was found, picture time.
    pub(crate) at: Timestamp,
    /// How bad it is.
    pub(crate) severity: domains::Severity,
    /// Which part of the system, sensor or entry.
    pub(crate) source: String,
    /// One sentence: what was expected, what came.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) hint: Option<String>,
}
