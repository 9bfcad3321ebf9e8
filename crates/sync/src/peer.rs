//! Connections: greeting, sending what a peer lacks, pings.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::{Batch, Charter, Item, LogId, Precedence};

use crate::api::{CloseReason, LineState, Op, Output, Severity};
use crate::backfill::Backfill;
use crate::bugs::{self, Bug};
use crate::counts::CountsTold;
use crate::findings::Finding;
use crate::jump::{JumpPlan, JumpedAt};
use crate::limits;
use crate::line::Line;
use crate::node::{LoadPurpose, LoadTask, Node, Turn};
use crate::outgoing::Outgoing;
use crate::wire::{Hello, Message};

/// Another node of the charter.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) line: Line,
    pub(crate) session: Option<Session>,
    /// Connections opened by this process.
    connections: u32,
    pub(crate) jumped_at: JumpedAt,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    opened_at: Timestamp,
    /// The process and connection number of the hello that was taken.
    greeted: Option<([u8; 16], u32)>,
    /// What was here of the peer's own logs, durable or on its way into the store, when the connection
    /// opened: what it lacks of that, it has lost.
    of_peer: BTreeMap<LogId, u64>,
    /// The edition both ends speak; 0 before the greeting.
    pub(crate) edition: u16,
    /// What the hello listed.
    pub(crate) held: BTreeMap<LogId, u64>,
    /// What it listed above gaps.
    pub(crate) islands: Vec<(LogId, u64, u64)>,
    pub(crate) outgoing: BTreeMap<LogId, Outgoing>,
    /// Jumps being made ready.
    pub(crate) jumps: BTreeMap<LogId, JumpPlan>,
    pub(crate) backfill: Backfill,
    pub(crate) refusals: u32,
    /// Counts of entries told.
    pub(crate) counts_told: CountsTold,
    /// When cosignatures that should have come were last asked for.
    pub(crate) restated_at: Timestamp,
}

impl Peer {
    pub(crate) const fn new() -> Self {
        Self { line: Line::new(), session: None, connections: 0, jumped_at: JumpedAt::new() }
    }
}

impl Node {
    pub(crate) fn connected(&mut self, id: NodeId, turn: &mut Turn<'_>) {
        let Some(peer) = self.peers.get_mut(&id) else {
            turn.out.push(Output::Close { peer: id, why: CloseReason::UnknownNode });
            return;
        };
        peer.connections += 1;
        peer.line.connect(turn.elapsed);
        let of_peer = self.copies.iter().filter(|(log, _)| log.node == id);
        peer.session = Some(Session {
            opened_at: turn.elapsed,
            greeted: None,
            of_peer: of_peer.map(|(log, copy)| (*log, copy.newest())).collect(),
            edition: 0,
            held: BTreeMap::new(),
            islands: Vec::new(),
            jumps: BTreeMap::new(),
            backfill: Backfill::new(),
            outgoing: BTreeMap::new(),
            refusals: 0,
            counts_told: CountsTold::new(),
            restated_at: turn.elapsed,
        });
        let hello = self.hello(id);
        send(id, Precedence::Flash, &Message::Hello(hello), turn);
    }

    pub(crate) fn hello(&self, to: NodeId) -> Hello {
        // An operator's node has a handful of logs; the limit only bounds what a frame may hold.
        let told = |(log, size)| match self.copies.get(&log) {
            Some(copy) => (log, copy.size_to_tell(to)),
            None => (log, size),
        };
        let logs = self.durable_sizes().into_iter().map(told);
        let logs = logs.take(limits::HELLO_LOGS_MAX).collect();
        Hello {
            lowest: self.config.editions.0,
            highest: self.config.editions.1,
            node: self.me,
            process: self.process,
            connection: self.peers[&to].connections,
            charter_edition: self.charter.edition(),
            charter_hash: self.charter.fingerprint().0,
            realm: self.charter.realm().clone(),
            logs,
            islands: self.islands_to_tell(),
            later: Vec::new(),
        }
    }

    pub(crate) fn disconnected(&mut self, id: NodeId) {
        self.relays.end(id);
        self.end_relayed_through(id);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.session = None;
            peer.line.disconnect();
        }
    }

    pub(crate) fn close(&mut self, id: NodeId, why: CloseReason, turn: &mut Turn<'_>) {
        let through = self.relays.relay_to(id);
        self.disconnected(id);
        if through.is_none() {
            turn.out.push(Output::Close { peer: id, why });
        }
    }

    /// Whether there is a connection whose hello was taken.
    pub(crate) fn is_greeted(&self, id: NodeId) -> bool {
        let session = self.peers.get(&id).and_then(|peer| peer.session.as_ref());
        session.is_some_and(|session| session.greeted.is_some())
    }

    /// A frame came.
    pub(crate) fn received(&mut self, id: NodeId, bytes: &[u8], turn: &mut Turn<'_>) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.session.is_some()) else {
            return;
        };
        let was_silent = peer.line.state() != LineState::Up;
        peer.line.hear(turn.elapsed);
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.counters.malformed += 1;
                let (severity, source) = (Severity::Warning, id.to_string());
                let (message, hint) = (error.to_string(), error.hint());
                self.finding(Finding { topic: "frame", severity, source, message, hint }, turn);
                return self.close(id, CloseReason::Malformed, turn);
            }
        };
        if was_silent {
            // The connection outlived a break in the line: what waited may be old by now.
            self.plan_jumps(id, turn);
        }
        match message {
            Message::Hello(hello) => self.on_hello(id, hello, turn),
            Message::Batch { complete, batch } => self.on_batch(id, complete, &batch, turn),
            Message::Held { log, size } => self.on_held(id, log, size, turn),
            Message::Want { log, from } => self.on_want(id, log, from, turn),
            Message::Cosigned { checkpoint, cosignatures } => {
                self.on_cosigned(id, &checkpoint, &cosignatures, turn);
            }
            Message::Ping { sent } => {
                let pong = Message::Pong { sent, received: turn.now, answered: turn.now };
                send(id, Precedence::Flash, &pong, turn);
            }
            Message::Pong { sent, received, answered } => {
                let times = [sent, received, answered, turn.now];
                let peer = self.peers.get_mut(&id).expect("the peer sent this frame");
                if peer.line.pong(times, &self.config) {
                    let offset = peer.line.clock_offset().unwrap_or(TimeDelta::ZERO);
                    self.note_offset(id, offset, turn);
                    self.report_line(id, turn);
                }
            }
            Message::Contested(proof) => self.on_contested(id, &proof, turn),
            Message::Restate { log } if log.node == id => self.cosign(log, turn),
            Message::Restate { .. } => {}
            Message::Jump(jump) => self.on_jump(id, jump, turn),
            Message::Above { log, to, .. } => self.on_above(id, log, to, turn),
            Message::Counts(statements) => self.on_counts(id, &statements, turn),
            Message::Batches { complete, batches } => {
                for batch in &batches {
                    self.on_batch(id, complete, batch, turn);
                }
            }
            Message::Relay(relayed) => self.on_relay(id, relayed, turn),
            Message::Standing(standing) => self.on_standing(id, standing, turn),
            Message::Charter(text) => self.take_charter(Some(id), &text, turn),
        }
    }

    fn on_hello(&mut self, id: NodeId, hello: Hello, turn: &mut Turn<'_>) {
        if let Some((message, hint)) = self.mismatch(id, &hello) {
            let (severity, source) = (Severity::Error, id.to_string());
            let hint = Some(hint);
            self.finding(Finding { topic: "hello", severity, source, message, hint }, turn);
            return self.close(id, CloseReason::Mismatch, turn);
        }
        let greeting = (hello.process, hello.connection);
        let session = self.peers.get_mut(&id).and_then(|peer| peer.session.as_mut());
        let session = session.expect("frames without a connection are dropped");
        if session.greeted == Some(greeting) {
            return;
        }
        session.greeted = Some(greeting);
        session.edition = hello.highest.min(self.config.editions.1);
        session.held = hello.logs.into_iter().collect();
        session.islands = hello.islands;
        let (of_peer, held) = (session.of_peer.clone(), session.held.clone());
        let (outgoing, backfill) = self.plan_outgoing(id, &of_peer);
        let session = self.peers.get_mut(&id).and_then(|peer| peer.session.as_mut());
        let session = session.expect("the session was just greeted");
        (session.outgoing, session.backfill) = (outgoing, backfill);
        session.jumps.clear();
        self.plan_jumps(id, turn);
        for (log, size) in &held {
            if let Some(copy) = self.copies.get_mut(log).filter(|_| log.node == id) {
                copy.expect_backfill(*size);
            }
        }
        for proof in self.proofs() {
            send(id, Precedence::Flash, &Message::Contested(proof.to_vec()), turn);
        }
        let theirs = self.copies.keys().copied().filter(|log| log.node == id);
        for log in theirs.collect::<Vec<_>>() {
            self.cosign(log, turn);
        }
        self.tell_standing(id, turn);
        self.pump_peer(id, turn);
    }

    /// Why this hello does not fit, and the mend.
    fn mismatch(&self, id: NodeId, hello: &Hello) -> Option<(String, &'static str)> {
        let (lowest, highest) = self.config.editions;
        if hello.highest < lowest || hello.lowest > highest {
            let (from, to) = (hello.lowest, hello.highest);
            return Some((
                format!(
                    "expected a protocol edition from {lowest} to {highest} from {id}, got {from} to {to}"
                ),
                "upgrade the node with the older release of Watchfire first",
            ));
        }
        if hello.node != id {
            return Some((
                format!("expected a hello from {id}, got one from {}", hello.node),
                "compare the TLS keys in the charter with those of both nodes",
            ));
        }
        if hello.realm != *self.charter.realm() {
            let expected = self.charter.realm();
            return Some((
                format!("expected realm `{expected}` from {id}, got `{}`", hello.realm),
                "a process serves one realm: connect nodes of the same realm only",
            ));
        }
        if !self.charter_fits(hello.charter_edition, &hello.charter_hash) {
            let got = hello.charter_edition;
            return Some((
                format!(
                    "expected charter edition {got} from {id} as it is known here, got another"
                ),
                "compare charter fingerprints by telephone: two agreements have one number",
            ));
        }
        None
    }

    /// What to send to a peer that has just greeted: own logs, and what it has lost of its own; and
    /// what fills the gaps of its copies.
    fn plan_outgoing(
        &self,
        id: NodeId,
        of_peer: &BTreeMap<LogId, u64>,
    ) -> (BTreeMap<LogId, Outgoing>, Backfill) {
        let (mut outgoing, mut backfill) = (BTreeMap::new(), Backfill::new());
        let peer = &self.peers[&id];
        let session = peer.session.as_ref().expect("the session was just greeted");
        for (log, size) in self.durable_sizes() {
            let there = session.held.get(&log).copied().unwrap_or(0);
            if log.node == self.me {
                let (mut start, mut gaps) = (there.min(size), Vec::new());
                if bugs::has(Bug::DropOnReconnect) && peer.connections > 1 {
                    start = size;
                } else if self.is_own_lane(&log) {
                    (start, gaps) = session.standing(&log, size);
                }
                outgoing.insert(log, Outgoing::new(start));
                for gap in gaps {
                    backfill.open(log, gap);
                }
            } else if of_peer.get(&log).is_some_and(|known| there < *known)
                && !self.is_suspended(&log)
            {
                // Of two histories a node is not given back the one it may not know.
                outgoing.insert(log, Outgoing::new(there));
            }
        }
        (outgoing, backfill)
    }

    /// Bytes of one log that may be under way to a peer.
    fn window(&self, peer: NodeId) -> usize {
        match self.relays.relay_to(peer) {
            Some(_) => limits::RELAYED_WINDOW_BYTES_MAX,
            None => limits::WINDOW_BYTES_MAX,
        }
    }

    fn outgoing(&mut self, peer: NodeId, log: &LogId) -> Option<&mut Outgoing> {
        self.peers.get_mut(&peer)?.session.as_mut()?.outgoing.get_mut(log)
    }

    fn on_held(&mut self, id: NodeId, log: LogId, size: u64, turn: &mut Turn<'_>) {
        let Some(mine) = self.durable_size(&log) else { return };
        let (elapsed, config) = (turn.elapsed, self.config.clone());
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let lag = peer.line.lag().unwrap_or(TimeDelta::ZERO);
        let Some(session) = peer.session.as_mut() else { return };
        let size = size.min(mine);
        session.backfill.hold(&log, size, lag, elapsed, &config);
        let Some(outgoing) = session.outgoing.get_mut(&log) else { return };
        outgoing.hold(size, elapsed, &config);
        self.pump(id, log, turn);
        self.pump_backfill(id, turn);
    }

    /// The peer has a log durably up to `to`, above its gaps.
    fn on_above(&mut self, id: NodeId, log: LogId, to: u64, turn: &mut Turn<'_>) {
        let Some(mine) = self.durable_size(&log) else { return };
        let (elapsed, config) = (turn.elapsed, self.config.clone());
        let Some(outgoing) = self.outgoing(id, &log) else { return };
        outgoing.hold(to.min(mine), elapsed, &config);
        self.pump(id, log, turn);
    }

    fn on_want(&mut self, id: NodeId, log: LogId, from: u64, turn: &mut Turn<'_>) {
        if bugs::has(Bug::DropOnReconnect)
            || self.durable_size(&log).is_none_or(|size| from >= size)
        {
            return;
        }
        let session = self.peers.get_mut(&id).and_then(|peer| peer.session.as_mut());
        let Some(session) = session else { return };
        session.jumps.remove(&log);
        if session.backfill.rewind(&log, from) {
            return self.pump_backfill(id, turn);
        }
        let Some(outgoing) = session.outgoing.get_mut(&log) else { return };
        if outgoing.may_be_on_the_line(from, turn.elapsed, &self.config) {
            return;
        }
        outgoing.rewind(from);
        self.pump(id, log, turn);
    }

    /// Sends what a log gained to every peer that follows it.
    pub(crate) fn pump_log(&mut self, log: LogId, turn: &mut Turn<'_>) {
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            self.follow(peer, log);
            self.pump(peer, log, turn);
        }
    }

    /// Own logs that began after the greeting are followed from their start.
    fn follow(&mut self, peer: NodeId, log: LogId) {
        if log.node != self.me || !self.is_greeted(peer) {
            return;
        }
        let session = self.peers.get_mut(&peer).and_then(|peer| peer.session.as_mut());
        if let Some(session) = session {
            let there = session.held.get(&log).copied().unwrap_or(0);
            session.outgoing.entry(log).or_insert_with(|| Outgoing::new(there));
        }
    }

    /// Sends what a peer lacks, the most urgent lanes first.
    pub(crate) fn pump_peer(&mut self, peer: NodeId, turn: &mut Turn<'_>) {
        let session = self.peers.get(&peer).and_then(|peer| peer.session.as_ref());
        let Some(session) = session else { return };
        let mut logs: Vec<LogId> = session.outgoing.keys().copied().collect();
        logs.sort_by_key(|log| (log.lane, *log));
        for log in logs {
            self.pump(peer, log, turn);
        }
        self.pump_backfill(peer, turn);
    }

    /// Sends what a peer lacks of one log, as far as the window allows.
    pub(crate) fn pump(&mut self, peer: NodeId, log: LogId, turn: &mut Turn<'_>) {
        if self.pump_jump(peer, log, turn) {
            return;
        }
        let Some(size) = self.durable_size(&log) else { return };
        let window = self.window(peer);
        loop {
            let Some(outgoing) = self.outgoing(peer, &log) else { return };
            let next = outgoing.sent();
            if next >= size || !outgoing.has_room(window) {
                break;
            }
            let ready = outgoing.take_ready();
            let Some(batch) = ready.or_else(|| self.cached(&log, next)) else { break };
            self.send_batch(peer, &batch, turn);
        }
        self.read_ahead(peer, log, size, turn);
    }

    fn cached(&self, log: &LogId, first: u64) -> Option<Batch> {
        let own = self.lanes.get(&log.lane).filter(|lane| lane.log() == *log);
        own.and_then(|lane| lane.cached(first)).cloned()
    }

    /// Reads what a peer will be sent next and is not in memory, so that the line never waits for the
    /// disk twice.
    fn read_ahead(&mut self, peer: NodeId, log: LogId, size: u64, turn: &mut Turn<'_>) {
        let Some(outgoing) = self.outgoing(peer, &log) else { return };
        let from = outgoing.read_from();
        if from >= size || !outgoing.reads_ahead() || self.cached(&log, from).is_some() {
            return;
        }
        let op = self.load(LoadTask { peer, log, purpose: LoadPurpose::Follow }, from, turn);
        self.outgoing(peer, &log).expect("it was there").load = Some(op);
    }

    fn send_batch(&mut self, peer: NodeId, batch: &Batch, turn: &mut Turn<'_>) {
        let log = batch.log();
        let (complete, bytes) = (is_complete(batch), released(batch, peer, &self.charter));
        let message = Message::Batch { complete, batch: bytes.clone() };
        let (elapsed, config) = (turn.elapsed, self.config.clone());
        let outgoing = self.outgoing(peer, &log).expect("batches are sent where they are followed");
        outgoing.send(batch.end(), bytes.len(), elapsed, &config);
        send(peer, log.lane, &message, turn);
    }

    /// The store answered a read.
    pub(crate) fn loaded(
        &mut self,
        op: Op,
        task: LoadTask,
        result: Result<Vec<Batch>, log::Error>,
        turn: &mut Turn<'_>,
    ) {
        let LoadTask { log, purpose, .. } = task;
        let batches = match result {
            Ok(batches) => batches,
            Err(error) => {
                let (severity, source) = (Severity::Error, log.to_string());
                let (message, hint) = (error.to_string(), Some("run `watchfire fsck`"));
                self.finding(Finding { topic: "load", severity, source, message, hint }, turn);
                Vec::new()
            }
        };
        match purpose {
            LoadPurpose::Follow => self.follow_loaded(op, task, batches, turn),
            LoadPurpose::Backfill => self.backfill_loaded(op, task, batches, turn),
            LoadPurpose::Jump => self.jump_loaded(op, task, &batches, turn),
            LoadPurpose::Apart => self.apart_loaded(op, &batches, turn),
        }
    }

    fn follow_loaded(&mut self, op: Op, task: LoadTask, batches: Vec<Batch>, turn: &mut Turn<'_>) {
        let LoadTask { peer, log, .. } = task;
        let Some(outgoing) = self.outgoing(peer, &log) else { return };
        if outgoing.load != Some(op) {
            return;
        }
        outgoing.load = None;
        // Where the store lacks what it had, `loaded` has said so; the next tick tries again.
        if outgoing.keep(batches) {
            self.pump(peer, log, turn);
        }
    }

    /// What time brings for one peer.
    pub(crate) fn tick_peer(&mut self, id: NodeId, turn: &mut Turn<'_>) {
        let config = self.config.clone();
        let peer = self.peers.get_mut(&id).expect("ticks are for known peers");
        if peer.line.refresh(turn.elapsed, &config) {
            self.report_line(id, turn);
        }
        let peer = self.peers.get_mut(&id).expect("ticks are for known peers");
        let Some(session) = peer.session.as_mut() else { return };
        if peer.line.silent(turn.elapsed, &config) {
            return self.close(id, CloseReason::Silent, turn);
        }
        let open_for = turn.elapsed - session.opened_at;
        if session.greeted.is_none() && open_for >= config.scale(limits::HELLO_WITHIN) {
            return self.close(id, CloseReason::NoHello, turn);
        }
        let overdue = session.outgoing.values_mut().map(|log| u64::from(log.overdue(turn.elapsed)));
        self.counters.resends += overdue.sum::<u64>();
        self.counters.resends += u64::from(session.backfill.overdue(turn.elapsed));
        if peer.line.ping_due(turn.elapsed, &config) {
            send(id, Precedence::Flash, &Message::Ping { sent: turn.now }, turn);
        }
        self.ask_for_receipts(id, turn);
        self.pump_peer(id, turn);
    }

    fn report_line(&self, id: NodeId, turn: &mut Turn<'_>) {
        let line = &self.peers[&id].line;
        turn.out.push(Output::Line {
            peer: id,
            state: line.state(),
            lag: line.lag(),
            clock_offset: line.clock_offset(),
        });
    }
}

/// Whether every entry of a stored batch is here, so that what its projection hides is outside the
/// receiver's audience.
pub(crate) fn is_complete(batch: &Batch) -> bool {
    batch.items().iter().all(|item| matches!(item, Item::Entry(_)))
}

/// A stored batch as `to` may have it.
pub(crate) fn released(batch: &Batch, to: NodeId, charter: &Charter) -> Arc<[u8]> {
    if bugs::has(Bug::SkipAudienceFilter) {
        return batch.as_bytes().clone();
    }
    batch.released_to(to.partner(), charter).as_bytes().clone()
}

/// Puts a message on its way.
pub(crate) fn send(peer: NodeId, precedence: Precedence, message: &Message, turn: &mut Turn<'_>) {
    turn.out.push(Output::Send { peer, precedence, bytes: message.encode().into() });
}
