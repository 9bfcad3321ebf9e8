//! What a console shows of a node's replication.

use std::collections::BTreeMap;
use std::ops::Range;

use base::{NodeId, TimeDelta, Timestamp};
use log::{Audience, Charter, EntryId, Incarnation, LogId, Precedence};

use crate::api::LineState;
use crate::findings::Counters;
use crate::node::Node;
use crate::tickets::members;

/// One lane between this node and another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// Which lane.
    pub lane: Precedence,
    /// Entries of this node's own log, durable here.
    pub ours_size: u64,
    /// Entries of it sent on the current connection, or there already.
    pub sent: u64,
    /// Entries of it covered by the peer's `holds` cosignature.
    pub held_by_peer: u64,
    /// Entries of it covered by the peer's `witness` cosignature.
    pub witnessed_by_peer: u64,
    /// The size of the peer's newest log of this lane as verified here, above all gaps.
    pub received: u64,
    /// That size as durable here.
    pub durable: u64,
    /// What is missing below it, ascending: the log jumped ahead and the rest is on its way.
    pub missing: Vec<Range<u64>>,
    /// Nodes that witnessed the very same history of the peer's log, and up to where.
    pub cross_checked_by: BTreeMap<NodeId, u64>,
}

/// The line to one other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineStatus {
    /// The node at the other end.
    pub peer: NodeId,
    /// Up, late or lost.
    pub state: LineState,
    /// How long ago anything was heard, wall time.
    pub quiet: Option<TimeDelta>,
    /// Half of the shortest recent round trip, wall time.
    pub lag: Option<TimeDelta>,
    /// The peer's clock minus ours.
    pub clock_offset: Option<TimeDelta>,
    /// Whether a connection stands and its hello was taken.
    pub connected: bool,
    /// Whether the peer signed two histories and is suspended here.
    pub suspended: bool,
    /// The four lanes, most urgent first.
    pub lanes: [LaneStatus; 4],
}

impl Node {
    /// Which node this is.
    pub const fn id(&self) -> NodeId {
        self.me
    }

    /// The incarnation its own lanes belong to.
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The charter in force.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// This node's log of one lane.
    pub fn own_log(&self, lane: Precedence) -> LogId {
        LogId { node: self.me, lane, incarnation: self.incarnation }
    }

    /// Every log with the size durable here without gaps.
    pub fn cut(&self) -> BTreeMap<LogId, u64> {
        let mut sizes = self.durable_sizes();
        sizes.retain(|_, size| *size > 0);
        sizes
    }

    /// For a log with entries addressed here that are not held: the first that may be missing.
    pub fn gap(&self, log: &LogId) -> Option<u64> {
        self.copies.get(log).and_then(crate::mirrored::Mirrored::first_missing)
    }

    /// The first entry of a log that came as a hash because its sender lacked it: for whom it is nobody
    /// here knows.
    pub fn unseen(&self, log: &LogId) -> Option<u64> {
        self.copies.get(log).and_then(crate::mirrored::Mirrored::unseen)
    }

    /// Counts since the process started.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Through whom a node is spoken with, where it is not over a line of its own.
    pub fn relay_to(&self, peer: NodeId) -> Option<NodeId> {
        self.relays.relay_to(peer)
    }

    /// Nodes of an entry's audience known to hold it, this one first. For an entry of a partner this is
    /// this node and nobody else: receipts go to the origin.
    pub fn holders(&self, entry: &EntryId, audience: &Audience) -> Vec<NodeId> {
        members(audience, self.holders_of(entry.index, entry).into_iter())
    }

    /// Nodes known to hold every entry from index `first` to the entry `last`, this one first.
    pub(crate) fn holders_of(&self, first: u64, entry: &EntryId) -> Vec<NodeId> {
        let mut holders = Vec::new();
        let held = match self.copies.get(&entry.log) {
            Some(copy) => copy.has_durable(entry.index),
            None => self.durable_size(&entry.log).is_some_and(|size| size > entry.index),
        };
        if held {
            holders.push(self.me);
        }
        if let Some(evidence) = self.evidence.get(&entry.log) {
            holders.extend(evidence.holders(first, entry.index));
        }
        holders
    }

    /// Whether every entry of every own lane is covered by `holds` of every charter node it is
    /// addressed to and by `witness` of all others, pulses aside.
    pub fn receipts_complete(&self) -> bool {
        self.receipts_missing().next().is_none()
    }

    /// The own lanes and nodes whose receipts do not cover everything, in order.
    pub fn receipts_missing(&self) -> impl Iterator<Item = (LogId, NodeId)> + '_ {
        let logs = self.lanes.values().map(crate::own::Lane::log);
        logs.flat_map(move |log| {
            let peers = self.peers.keys().copied();
            peers.filter(move |peer| !self.is_complete(&log, *peer)).map(move |peer| (log, peer))
        })
    }

    fn is_complete(&self, log: &LogId, peer: NodeId) -> bool {
        self.evidence.get(log).is_none_or(|evidence| evidence.complete(peer))
    }

    /// The lines to all other nodes, in order; `elapsed` times are measured at the last step.
    pub fn lines(&self) -> Vec<LineStatus> {
        self.peers.keys().map(|peer| self.line(*peer)).collect()
    }

    fn line(&self, id: NodeId) -> LineStatus {
        let peer = &self.peers[&id];
        let quiet = |heard: Timestamp| self.config.unscale(self.elapsed() - heard);
        LineStatus {
            peer: id,
            state: peer.line.state(),
            quiet: peer.line.heard_at().map(quiet),
            lag: peer.line.lag(),
            clock_offset: peer.line.clock_offset(),
            connected: self.is_greeted(id),
            suspended: self.is_suspended_node(id),
            lanes: Precedence::ALL.map(|lane| self.lane_status(id, lane)),
        }
    }

    fn lane_status(&self, id: NodeId, lane: Precedence) -> LaneStatus {
        let own = self.own_log(lane);
        let stated = self.evidence.get(&own).map(|evidence| evidence.stated(id));
        let stated = stated.unwrap_or_default();
        let session = self.peers[&id].session.as_ref();
        let sent = session.and_then(|session| session.outgoing.get(&own));
        // The newest incarnation is the one whose copy was heard of last; ids do not tell.
        let copies = self.copies.iter().filter(|(log, _)| log.node == id && log.lane == lane);
        let newest = copies.max_by_key(|(log, copy)| (copy.newest_stamp(), **log));
        LaneStatus {
            lane,
            ours_size: self.durable_size(&own).unwrap_or(0),
            sent: sent.map_or(0, crate::outgoing::Outgoing::sent),
            held_by_peer: stated.holds,
            witnessed_by_peer: stated.witness,
            received: newest.map_or(0, |(_, copy)| copy.newest()),
            durable: newest.map_or(0, |(_, copy)| copy.newest_durable()),
            missing: newest.map_or_else(Vec::new, |(_, copy)| copy.missing()),
            cross_checked_by: newest
                .map_or_else(BTreeMap::new, |(_, copy)| copy.cross_checked().clone()),
        }
    }
}
