//! What goes into a node and what comes out of it.

use std::sync::Arc;

use base::{NodeId, TimeDelta};
use log::{
    Audience, Batch, Charter, CosignatureKind, EntryId, Fact, Kind, LogId, LogState, Precedence,
    StoreError, Write,
};

/// A caller's name for one append; unique among those not yet answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// A node's name for one store operation; never repeated within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Op(pub u64);

/// How durable an append must be before it is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// In this node's store: survives crash and power loss, not the loss of the disk.
    Local,
    /// And held by nodes of this many other partners of the audience (1 or more, at most all).
    Partners(u8),
    /// And held by some node of every other partner of the audience.
    All,
}

/// One statement to append.
#[derive(Clone, Debug)]
pub struct Append {
    /// The caller's name for it; the answers carry it.
    pub ticket: Ticket,
    /// Who may read it: an audience of the charter that includes this node's partner.
    pub audience: Audience,
    /// The lane it goes into.
    pub precedence: Precedence,
    /// What the content is; `log.*` kinds are the node's own and refused.
    pub kind: Kind,
    /// The edition of that kind.
    pub edition: u16,
    /// The content, at most [`base::limits::ENTRY_CONTENT_BYTES_MAX`] bytes.
    pub content: Vec<u8>,
    /// When to acknowledge.
    pub level: Level,
    /// How long to wait for that level before answering [`Output::Pending`].
    pub timeout: TimeDelta,
}

/// Many statements of one kind, appended in order, with one answer.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// The caller's name for all of them; the answers carry it.
    pub ticket: Ticket,
    /// As for [`Append`].
    pub audience: Audience,
    /// As for [`Append`].
    pub precedence: Precedence,
    /// As for [`Append`].
    pub kind: Kind,
    /// As for [`Append`].
    pub edition: u16,
    /// The contents, 1 to [`crate::limits::BULK_ENTRIES_MAX`], each as for [`Append`].
    pub contents: Vec<Vec<u8>>,
    /// When to acknowledge: when every one of them has reached the level.
    pub level: Level,
    /// As for [`Append`].
    pub timeout: TimeDelta,
}

/// What the world tells a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// A statement to append. Answered by exactly one of [`Output::Acknowledged`],
    /// [`Output::Pending`] and [`Output::Refused`], unless the process ends first.
    Append(Append),
    /// Many statements to append, taken whole or refused whole. Answered like one append whose entry
    /// is the last of them.
    AppendBulk(Bulk),
    /// A carrier opened a connection to this peer, whose key it has checked against the charter.
    /// Replaces an earlier connection.
    Connected {
        /// The peer.
        peer: NodeId,
    },
    /// The connection to this peer ended.
    Disconnected {
        /// The peer.
        peer: NodeId,
    },
    /// A whole frame came from a connected peer.
    Received {
        /// The peer.
        peer: NodeId,
        /// The frame, at most [`base::limits::FRAME_BYTES_MAX`] bytes.
        bytes: Vec<u8>,
    },
    /// A store operation ended. After `Err` it may be persisted or not; the node issues the same
    /// writes again under a new [`Op`].
    Stored {
        /// Which.
        op: Op,
        /// How.
        result: Result<(), StoreError>,
    },
    /// A read ended.
    Loaded {
        /// Which.
        op: Op,
        /// Stored batches as asked, from `StoreReadExt::batches`.
        result: Result<Vec<Batch>, log::Error>,
    },
    /// The operator hands over a charter file: newer rosters or the next edition. Answered by
    /// [`Output::CharterInForce`] or a finding; [`crate::Node::compare_charter`] says beforehand which.
    Charter {
        /// The file.
        text: String,
    },
    /// A frame of a bundle that was read to its signed end.
    Carried {
        /// Who exported it.
        from: NodeId,
        /// The bundle's number.
        number: u64,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Every frame of a bundle was given and is stored.
    Imported {
        /// Who exported it.
        from: NodeId,
        /// The bundle's number.
        number: u64,
    },
    /// A bundle was written and is on a disk.
    Exported {
        /// What it was made of.
        plan: crate::BundlePlan,
    },
    /// Time has passed; due every [`crate::limits::TICK_EVERY`] of wall time.
    Tick,
}

/// What a node asks of the world, in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Commit these writes atomically and durably, then raise the high-water file durably, then
    /// answer with [`Input::Stored`]. Operations may be committed in any order and together, except
    /// that `Flash` never waits for another.
    Store {
        /// The name to answer with.
        op: Op,
        /// How urgent.
        urgency: Precedence,
        /// What to write.
        writes: Arc<[Write]>,
        /// States to raise in the high-water file once the writes are durable; often empty.
        high_water: Vec<LogState>,
    },
    /// Read stored batches of `log` from the one that contains entry `from`, up to about
    /// `bytes_max` (one at least, if there is one), and answer with [`Input::Loaded`].
    Load {
        /// The name to answer with.
        op: Op,
        /// Which log.
        log: LogId,
        /// First entry wanted.
        from: u64,
        /// Stop once this many bytes are read.
        bytes_max: usize,
    },
    /// Send this frame; `Flash` overtakes all others, and so on down.
    Send {
        /// To whom.
        peer: NodeId,
        /// How urgent.
        precedence: Precedence,
        /// The frame.
        bytes: Arc<[u8]>,
    },
    /// Pass this frame on for others; it may be dropped where much waits for the line.
    Pass {
        /// To whom.
        peer: NodeId,
        /// How urgent.
        precedence: Precedence,
        /// The frame.
        bytes: Arc<[u8]>,
    },
    /// An append reached its level.
    Acknowledged {
        /// The caller's name for it.
        ticket: Ticket,
        /// Its entry.
        entry: EntryId,
        /// The level asked for.
        level: Level,
        /// Nodes that hold it, this one first.
        holders: Vec<NodeId>,
    },
    /// An append's time ran out before its level was reached. It stays in the log and travels on.
    Pending {
        /// The caller's name for it.
        ticket: Ticket,
        /// Its entry if it is durable here; nothing while the store still owes an answer.
        entry: Option<EntryId>,
        /// Nodes that hold it.
        holders: Vec<NodeId>,
    },
    /// An append was not taken; nothing of it is in the log.
    Refused {
        /// The caller's name for it.
        ticket: Ticket,
        /// Why.
        reason: Refusal,
    },
    /// A verified, opened statement, told once. Those of one log come in its order, but for
    /// [`Arrival::Backfilled`]: what fills a gap comes after what stands above it.
    ///
    /// Own statements come once durable. A partner's may come before this node's store has them, as
    /// folding does not wait; effects must wait for [`Output::Receipt`] or the node's `cut`.
    Fact {
        /// The statement.
        fact: Arc<Fact>,
        /// How it came.
        arrival: Arrival,
    },
    /// A partner's cosignature over one of this node's logs was verified.
    Receipt {
        /// Which log.
        log: LogId,
        /// Up to which size.
        size: u64,
        /// By whom.
        by: NodeId,
        /// What it states.
        kind: CosignatureKind,
    },
    /// A partner that lacks something of one of this node's logs stated what it holds above that.
    RangeReceipt {
        /// Which log.
        log: LogId,
        /// First entry held.
        from: u64,
        /// First entry not stated to be held.
        to: u64,
        /// By whom.
        by: NodeId,
    },
    /// The state of a line changed, or its measurements did (at most once per ping).
    Line {
        /// The node at the other end.
        peer: NodeId,
        /// Up, late or lost.
        state: LineState,
        /// Half of the shortest recent round trip, wall time.
        lag: Option<TimeDelta>,
        /// The peer's clock minus ours.
        clock_offset: Option<TimeDelta>,
    },
    /// Something an operator should know.
    Finding {
        /// How bad.
        severity: Severity,
        /// The part of the system it is about, such as a node or a log.
        source: String,
        /// One sentence: what was expected, what came.
        message: String,
        /// The mend, where one is known.
        hint: Option<String>,
    },
    /// Another charter is durable and in force: lines, views and keys follow it.
    CharterInForce {
        /// The charter.
        charter: Arc<Charter>,
    },
    /// A node signed two histories; its lanes are suspended here.
    Equivocation {
        /// Which node.
        node: NodeId,
        /// In which log.
        log: LogId,
        /// Who told us: ourselves, or the peer that forwarded the proof.
        reported_by: NodeId,
        /// The proof, for others to verify.
        proof: Arc<[u8]>,
    },
    /// End the connection to this peer; the shell connects again with backoff.
    Close {
        /// The peer.
        peer: NodeId,
        /// Why.
        why: CloseReason,
    },
}

/// How a fact reached this node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Arrival {
    /// As it happened.
    Live,
    /// Late, after a gap: it changes the picture and pages nobody.
    Backfilled,
    /// From this node's own store after a restart.
    Replayed,
    /// Of another history of its log than the one taken first, kept apart: its id may name two facts. It
    /// is contested, and told again after a restart.
    Apart,
}

/// Why an append was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The charter names no such audience.
    #[error("expected an audience of the charter, got `{0}`")]
    UnknownAudience(Audience),
    /// This node's partner is not in the audience.
    #[error("expected an audience with this node's own partner, got `{0}`")]
    NotAMember(Audience),
    /// More partners asked for than the audience has.
    #[error("expected at most {others} other partners, got `partners({asked})`")]
    LevelAboveAudience {
        /// How many were asked for.
        asked: u8,
        /// How many others there are.
        others: u8,
    },
    /// `log.*` kinds are written by the node itself.
    #[error("expected a kind of a domain, got `{0}`")]
    ReservedKind(Kind),
    /// The content is too large.
    #[error("expected at most {max} bytes of content, got {got}")]
    TooLarge {
        /// The limit.
        max: usize,
        /// What came.
        got: usize,
    },
    /// The lane's queue is full: the store cannot keep up.
    #[error("expected room in the {lane} lane, got {waiting} entries waiting for the store")]
    QueueFull {
        /// Which lane.
        lane: Precedence,
        /// How many wait.
        waiting: usize,
    },
    /// A bulk append of nothing, or of too much.
    #[error("expected 1 to {max} statements in one bulk append, got {got}")]
    BulkSize {
        /// The limit.
        max: usize,
        /// What came.
        got: usize,
    },
    /// Too many appends wait for partners.
    #[error("expected fewer than {0} appends waiting for partners")]
    TooManyWaiting(usize),
    /// A ticket of this name is not answered yet.
    #[error("expected a new ticket, got one that is still waiting")]
    TicketInUse,
    /// The log crate refused the entry.
    #[error("{0}")]
    Log(String),
}

/// The state of a line, by the time since anything was heard on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LineState {
    /// Heard within [`crate::limits::LATE_AFTER`].
    Up,
    /// Not heard for longer than that.
    Late,
    /// Not heard for [`crate::limits::LOST_AFTER`], or never.
    Lost,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something was refused; the node goes on.
    Warning,
    /// Somebody must act.
    Error,
}

/// Why a connection is to be ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// Another realm, protocol edition, node or charter than this connection should have.
    Mismatch,
    /// A frame that is not one.
    Malformed,
    /// Too many frames were refused.
    TooManyRefusals,
    /// Nothing was heard for too long.
    Silent,
    /// No hello came.
    NoHello,
    /// The charter names no such node.
    UnknownNode,
}
