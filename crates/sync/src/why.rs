//! Why a partner has or has not got an entry.
//!
//! Asked at the entry's origin, which has the receipts; the answer names what stands in the way, for each
//! node of the partner, from the charter, the line, the lane's queue and the partner's own statements.

use base::{NodeId, PartnerId, TimeDelta};
use log::{Audience, Carrier, EntryId, Hidden, Sight};

use crate::api::LineState;
use crate::node::Node;

/// What is known of one entry and one partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The entry.
    pub entry: EntryId,
    /// Who may read it.
    pub audience: Audience,
    /// The partner asked about.
    pub partner: PartnerId,
    /// What it sees of the entry now.
    pub sight: Sight,
    /// The charter edition this was judged by.
    pub charter_edition: u32,
    /// The partner's roster that was judged by, and the origin's.
    pub rosters: (u32, u32),
    /// The answer for the partner: that of its node that is furthest.
    pub reason: Reason,
    /// The same for each of its nodes, in order.
    pub nodes: Vec<NodeWhy>,
}

/// What is known of one entry and one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeWhy {
    /// The node.
    pub node: NodeId,
    /// The answer.
    pub reason: Reason,
    /// Over what the charter's line to it runs; nothing if there is none.
    pub carrier: Option<Carrier>,
    /// How that line stands.
    pub line: LineState,
    /// Whether a connection stands.
    pub connected: bool,
    /// How long ago anything was heard on it, wall time.
    pub quiet: Option<TimeDelta>,
    /// Entries of the log that were sent, or that the node has.
    pub sent: u64,
    /// Entries of the log it has witnessed.
    pub witnessed: u64,
    /// Entries of the log below which it holds everything addressed to it.
    pub holds: u64,
    /// What has to go to it before the entry.
    pub ahead: Ahead,
}

/// A place in a queue: entries of the same lane that go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// First entry not sent yet.
    pub from: u64,
    /// Entries from there to the one asked about, which does not count.
    pub entries: u64,
}

/// Why an entry is or is not somewhere; later ones are nearer to being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The entry is another partner's: that partner has the receipts.
    NotOurs,
    /// The partner lists no node.
    NoNode,
    /// The charter has no line to the node.
    NoLine,
    /// The node signed two histories and is suspended here.
    Suspended,
    /// It sees a leaf hash only, and has not stated that it has that.
    Hashed(Hidden),
    /// It sees a leaf hash only, and has witnessed it.
    HashWitnessed(Hidden),
    /// The line carries files: it goes with the next one.
    Carried,
    /// The line is down.
    LineDown,
    /// Others go first.
    Queued,
    /// It was sent, and no receipt has come.
    OnTheWay,
    /// The node has the tree, and states that something at or below the entry is missing or does not open.
    Incomplete,
    /// The partner wrote it.
    Wrote,
    /// The node states that it holds it.
    Holds,
}

impl Reason {
    /// One word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotOurs => "not-ours",
            Self::NoNode => "no-node",
            Self::NoLine => "no-line",
            Self::Suspended => "suspended",
            Self::Hashed(_) => "leaf-hash",
            Self::HashWitnessed(_) => "leaf-hash-witnessed",
            Self::Carried => "carried-by-file",
            Self::LineDown => "line-down",
            Self::Queued => "queued",
            Self::OnTheWay => "on-the-way",
            Self::Incomplete => "incomplete",
            Self::Wrote => "wrote-it",
            Self::Holds => "holds",
        }
    }

    /// Whether the partner has the entry.
    pub const fn has_it(self) -> bool {
        matches!(self, Self::Wrote | Self::Holds)
    }
}

impl Node {
    /// Why `partner` has or has not got `entry`, whose header names `audience`.
    pub fn why(&self, entry: EntryId, audience: Audience, partner: PartnerId) -> Why {
        let origin = entry.log.node.partner();
        let sight = self.charter.sight(origin, partner, &audience);
        let listed = self.charter.nodes().map(|(node, _)| node);
        let theirs = listed.filter(|node| node.partner() == partner);
        let nodes: Vec<NodeWhy> = theirs.map(|node| self.node_why(entry, sight, node)).collect();
        let furthest = nodes.iter().map(|node| node.reason).max();
        let number = |of| self.charter.rosters().get(&of).map_or(0, |roster| roster.number);
        let reason =
            if partner == origin { Reason::Wrote } else { furthest.unwrap_or(Reason::NoNode) };
        Why {
            entry,
            audience,
            partner,
            sight,
            charter_edition: self.charter.edition(),
            rosters: (number(partner), number(origin)),
            reason,
            nodes,
        }
    }

    fn node_why(&self, entry: EntryId, sight: Sight, node: NodeId) -> NodeWhy {
        let stated = self.evidence.get(&entry.log).map(|evidence| evidence.stated(node));
        let stated = stated.unwrap_or_default();
        let line = self.line_to(node);
        let heard = self.peers.get(&node).and_then(|peer| peer.line.heard_at());
        let quiet = heard.map(|heard| self.config.unscale(self.elapsed() - heard));
        let sent = self.sent_to(node, &entry.log);
        let from = sent.min(entry.index);
        NodeWhy {
            node,
            reason: self.reason(entry, sight, node),
            carrier: line.carrier,
            line: line.state,
            connected: line.connected,
            quiet,
            sent,
            witnessed: stated.witness,
            holds: stated.holds,
            ahead: Ahead { from, entries: entry.index - from },
        }
    }

    fn reason(&self, entry: EntryId, sight: Sight, node: NodeId) -> Reason {
        if node == self.me || node == entry.log.node {
            // What is asked about was read from this node's own store.
            let here = node == entry.log.node || sight.is_whole();
            return if here { Reason::Holds } else { Reason::NotOurs };
        }
        if entry.log.node != self.me {
            return Reason::NotOurs;
        }
        let evidence = self.evidence.get(&entry.log);
        let witnessed = evidence.is_some_and(|known| known.stated(node).witness > entry.index);
        if let Sight::LeafHash(hidden) = sight {
            return if witnessed { Reason::HashWitnessed(hidden) } else { Reason::Hashed(hidden) };
        }
        if evidence.is_some_and(|known| {
            known.holders(entry.index, entry.index).any(|holder| holder == node)
        }) {
            return Reason::Holds;
        }
        if self.is_suspended_node(node) {
            return Reason::Suspended;
        }
        if witnessed {
            return Reason::Incomplete;
        }
        let line = self.line_to(node);
        match line.carrier {
            None => Reason::NoLine,
            Some(Carrier::Bundle | Carrier::OneWay) => Reason::Carried,
            Some(_) if !line.connected => Reason::LineDown,
            Some(_) if self.sent_to(node, &entry.log) <= entry.index => Reason::Queued,
            Some(_) => Reason::OnTheWay,
        }
    }
}

impl Why {
    /// The answer in one sentence, without what needs the store (sizes in bytes, times of receipts).
    pub fn sentence(&self) -> String {
        let Self { partner, audience, entry, .. } = self;
        let named: Vec<String> = self
            .nodes
            .iter()
            .filter(|node| node.reason == self.reason)
            .map(|node| node.node.to_string())
            .collect();
        let names = if named.is_empty() { partner.to_string() } else { named.join(", ") };
        let first = self.nodes.iter().find(|node| node.reason == self.reason);
        let ahead = first.map_or(0, |node| node.ahead.entries);
        let lane = entry.log.lane.as_str().to_uppercase();
        let queue = match ahead {
            0 => format!("it is next in the {lane} lane"),
            1 => format!("1 entry of the {lane} lane goes before it"),
            ahead => format!("{ahead} entries of the {lane} lane go before it"),
        };
        let quiet = first.and_then(|node| node.quiet);
        let quiet = quiet.map_or_else(
            || "nothing was heard on it since this node started".to_owned(),
            |quiet| format!("last heard {} s ago", quiet.as_nanos() / 1_000_000_000),
        );
        match self.reason {
            Reason::Holds => format!("{partner} has it: {names} states that it holds it"),
            Reason::Wrote => format!("{partner} wrote it"),
            Reason::NotOurs => format!(
                "this node cannot say: receipts for entries of {} go to that node; ask there",
                entry.log.node
            ),
            Reason::NoNode => {
                format!("{partner} has not got it: its roster lists no node to send to")
            }
            Reason::NoLine => {
                format!("{partner} has not got it: the charter has no line to {names}")
            }
            Reason::Suspended => format!(
                "{partner} has not stated that it holds it: {names} signed two histories and its \
                 statements are not taken"
            ),
            Reason::Hashed(hidden) | Reason::HashWitnessed(hidden) => {
                let why = match hidden {
                    Hidden::NotInAudience => format!("the audience `{audience}` does not have it"),
                    Hidden::Withheld => format!(
                        "roster {} of {} withholds from it",
                        self.rosters.1,
                        entry.log.node.partner()
                    ),
                    Hidden::NotAPartner => {
                        format!("charter edition {} does not have it", self.charter_edition)
                    }
                };
                let seen = if matches!(self.reason, Reason::HashWitnessed(_)) {
                    format!("{names} has witnessed the leaf hash")
                } else {
                    "it will see a leaf hash, and has not witnessed it yet".to_owned()
                };
                format!("{partner} may not read it: {why}; {seen}")
            }
            Reason::Carried => format!(
                "{partner} has not stated that it holds it: the line to {names} carries files; \
                 it goes with the next `watchfire bundle export`"
            ),
            Reason::LineDown => {
                format!("{partner} has not got it: the line to {names} is down, {quiet}; {queue}")
            }
            Reason::Queued => {
                format!("{partner} has not got it yet: the line to {names} is busy; {queue}")
            }
            Reason::OnTheWay => {
                format!("it was sent to {names}, which has not stated yet that it holds it")
            }
            Reason::Incomplete => format!(
                "{names} has the tree, and states that something addressed to it at or before this \
                 entry is missing or does not open"
            ),
        }
    }
}
