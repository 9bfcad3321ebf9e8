//! What the shell knows of its lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::{Charter, Precedence};

use super::items::{LaneItem, LineItem, LineState};
use crate::line::{self, Outbox, Route};

/// Every line the charter gives this node.
pub(super) struct LineTable(BTreeMap<NodeId, Row>);

struct Row {
    carrier: log::Carrier,
    connection: Option<(u64, Outbox)>,
    state: LineState,
    since: Timestamp,
    last_heard: Option<Timestamp>,
    lag: Option<TimeDelta>,
    clock_offset: Option<TimeDelta>,
    note: Option<String>,
}

fn milliseconds(delta: TimeDelta) -> f64 {
    delta.as_nanos() as f64 / 1e6
}

impl LineTable {
    pub(super) fn new(me: NodeId, charter: &Charter, now: Timestamp) -> Self {
        let mut table = Self(BTreeMap::new());
        table.follow(me, charter, now);
        table
    }

    /// Has the lines of this charter, and no others.
    pub(super) fn follow(&mut self, me: NodeId, charter: &Charter, now: Timestamp) {
        let row = |route: &Route| Row {
            carrier: route.carrier,
            connection: None,
            state: LineState::Lost,
            since: now,
            last_heard: None,
            lag: None,
            clock_offset: None,
            note: Some("not connected yet".to_owned()),
        };
        let peers = crate::node::peers(me, charter);
        for (peer, row) in &mut self.0 {
            match peers.get(peer) {
                // What stands is replaced once the new carrier connects: until then the other side may
                // not have heard of it.
                Some(route) => row.carrier = route.carrier,
                None => {
                    if let Some((_, outbox)) = row.connection.take() {
                        outbox.close(format!("the charter names no line to `{peer}` any more"));
                    }
                }
            }
        }
        self.0.retain(|peer, _| peers.contains_key(peer));
        for (peer, route) in peers {
            self.0.entry(peer).or_insert_with(|| row(&route));
        }
    }

    pub(super) fn connected(&mut self, peer: NodeId, connection: u64, outbox: Outbox) {
        let Some(row) = self.0.get_mut(&peer) else { return };
        if let Some((_, old)) = row.connection.replace((connection, outbox)) {
            old.close("replaced by a newer connection".to_owned());
        }
        row.note = None;
    }

    /// Whether frames of this connection still count.
    pub(super) fn is_current(&self, peer: NodeId, connection: u64) -> bool {
        self.0
            .get(&peer)
            .and_then(|row| row.connection.as_ref())
            .is_some_and(|(current, _)| *current == connection)
    }

    pub(super) fn heard(&mut self, peer: NodeId, now: Timestamp) {
        if let Some(row) = self.0.get_mut(&peer) {
            row.last_heard = Some(now);
        }
    }

    /// Whether it was the current connection that ended.
    pub(super) fn disconnected(&mut self, peer: NodeId, connection: u64, why: &str) -> bool {
        if !self.is_current(peer, connection) {
            return false;
        }
        if let Some(row) = self.0.get_mut(&peer) {
            row.connection = None;
            row.note = Some(why.to_owned());
        }
        true
    }

    pub(super) fn send(&self, peer: NodeId, precedence: Precedence, bytes: Arc<[u8]>) {
        if let Some(outbox) = self.outbox(peer) {
            outbox.push(usize::from(precedence.code()), bytes);
        }
    }

    /// Queues a frame that goes on for others, unless much waits: a line is not closed for them.
    pub(super) fn pass(&self, peer: NodeId, precedence: Precedence, bytes: Arc<[u8]>) {
        if let Some(outbox) = self.outbox(peer) {
            outbox.pass(usize::from(precedence.code()), bytes);
        }
    }

    pub(super) fn close(&self, peer: NodeId, why: &str) {
        if let Some(outbox) = self.outbox(peer) {
            outbox.close(why.to_owned());
        }
    }

    fn outbox(&self, peer: NodeId) -> Option<&Outbox> {
        self.0.get(&peer)?.connection.as_ref().map(|(_, outbox)| outbox)
    }

    pub(super) fn measured(
        &mut self,
        peer: NodeId,
        state: sync::LineState,
        lag: Option<TimeDelta>,
        clock_offset: Option<TimeDelta>,
        now: Timestamp,
    ) {
        let Some(row) = self.0.get_mut(&peer) else { return };
        let state = LineState::from(state);
        if state != row.state {
            row.state = state;
            row.since = now;
        }
        row.lag = lag;
        row.clock_offset = clock_offset;
    }

    /// Whether every line is up by a connection of its own.
    pub(super) fn all_up(&self, via: impl Fn(NodeId) -> Option<NodeId>) -> bool {
        self.0.iter().all(|(peer, row)| row.state == LineState::Up && via(*peer).is_none())
    }

    /// What carries each line.
    pub(super) fn carriers(&self) -> impl Iterator<Item = (NodeId, log::Carrier)> + '_ {
        self.0.iter().map(|(peer, row)| (*peer, row.carrier))
    }

    /// Frames and bytes that wait, by node.
    pub(super) fn waiting(&self) -> BTreeMap<NodeId, [(usize, usize); 4]> {
        self.0
            .iter()
            .filter_map(|(peer, row)| Some((*peer, row.connection.as_ref()?.1.waiting())))
            .collect()
    }

    /// The rows as the console shows them. `rate` turns picture time back into wall time.
    pub(super) fn items(
        &self,
        via: impl Fn(NodeId) -> Option<NodeId>,
        lanes: impl Fn(NodeId) -> Vec<LaneItem>,
    ) -> Vec<LineItem> {
        self.0
            .iter()
            .map(|(peer, row)| LineItem {
                id: *peer,
                partner: peer.partner(),
                state: row.state,
                since: row.since,
                last_heard: row.last_heard,
                lag_ms: row.lag.map(milliseconds),
                clock_offset_ms: row.clock_offset.map(milliseconds),
                carrier: line::name(row.carrier).to_owned(),
                via: via(*peer),
                suspended: false,
                check: None,
                lanes: lanes(*peer),
                note: row.note.clone(),
            })
            .collect()
    }
}
