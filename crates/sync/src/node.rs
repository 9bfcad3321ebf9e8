//! The node: its state, and the one way in and out of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::rand_core::CryptoRng;
use log::{
    Charter, EpochRing, HybridClock, Incarnation, LogId, LogState, NodeSecrets, Precedence,
    StoreError, Write,
};

use crate::apart::KeptApart;
use crate::api::{Input, Op, Output, Severity};
use crate::carry::Carried;
use crate::config::Config;
use crate::convicted::Convicted;
use crate::editions::{CharterHistory, EditionsHeld};
use crate::evidence::Evidence;
use crate::findings::{Counters, Finding, Findings};
use crate::limits;
use crate::mirrored::Mirrored;
use crate::own::Lane;
use crate::peer::Peer;
use crate::receipts::ReceiptQueue;
use crate::relay::Relays;
use crate::tickets::Tickets;

/// What one node is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the operator set.
    pub config: Config,
    /// The agreement.
    pub charter: Arc<Charter>,
    /// The node's private keys; they name the node and its realm.
    pub secrets: NodeSecrets,
}

/// One node's replication: its own lanes, its copies of partners' logs, its lines.
///
/// Made by [`Node::restore`]; driven by [`Node::step`]. It never waits, reads no clock and does no
/// I/O, so a simulator and a real shell run the very same code.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) charter: Arc<Charter>,
    pub(crate) editions: EditionsHeld,
    pub(crate) secrets: NodeSecrets,
    pub(crate) me: NodeId,
    /// Random name of this process.
    pub(crate) process: [u8; 16],
    pub(crate) incarnation: Incarnation,
    /// Written with the first batch of each lane, so that a restart knows the incarnation.
    pub(crate) incarnation_note: Write,
    pub(crate) clock: HybridClock,
    pub(crate) ring: EpochRing,
    pub(crate) lanes: BTreeMap<Precedence, Lane>,
    /// Every log that is not one of the lanes: partners', and this node's own of old incarnations.
    pub(crate) copies: BTreeMap<LogId, Mirrored>,
    /// What partners stated about own logs, old ones too.
    pub(crate) evidence: BTreeMap<LogId, Evidence>,
    pub(crate) peers: BTreeMap<NodeId, Peer>,
    /// Nodes that are spoken with through others.
    pub(crate) relays: Relays,
    pub(crate) tickets: Tickets,
    /// What goes and comes by file.
    pub(crate) carried: BTreeMap<NodeId, Carried>,
    pub(crate) receipts: ReceiptQueue,
    /// Keys that signed two histories.
    pub(crate) convicted: Convicted,
    /// What is kept of their other histories.
    pub(crate) apart: KeptApart,
    pub(crate) findings: Findings,
    pub(crate) counters: Counters,
    last_op: u64,
    storing: BTreeMap<Op, StoreTask>,
    loading: BTreeMap<Op, LoadTask>,
    retries: VecDeque<(Timestamp, StoreTask)>,
    /// The node's clock at the last step, and the time that has passed without jumps.
    last_now: Option<Timestamp>,
    elapsed: Timestamp,
    pub(crate) pulse_at: Option<Timestamp>,
    pub(crate) cross_check_at: Option<Timestamp>,
    pub(crate) cross_check_again_at: Option<Timestamp>,
}

/// One step under way.
pub(crate) struct Turn<'a> {
    /// The node's clock, as statements carry it.
    pub(crate) now: Timestamp,
    /// Time that has passed, for everything that waits: never goes back, never leaps.
    pub(crate) elapsed: Timestamp,
    pub(crate) entropy: &'a mut dyn CryptoRng,
    pub(crate) out: &'a mut Vec<Output>,
}

/// A store operation in flight, kept whole to be repeated byte for byte.
#[derive(Debug)]
struct StoreTask {
    purpose: Purpose,
    urgency: Precedence,
    writes: Arc<[Write]>,
    high_water: Vec<LogState>,
}

/// What a store operation is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// A batch of an own lane.
    Own(Precedence),
    /// Batches of a mirrored log, or a jump of it.
    Mirror(LogId),
    /// A batch of an old own log that gained entries.
    Fill(LogId),
    /// Partners' cosignatures.
    Receipts,
    /// A charter, to be put in force.
    Charter,
    /// Something nobody waits for.
    Note,
}

/// A read in flight for a peer that catches up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadTask {
    pub(crate) peer: NodeId,
    pub(crate) log: LogId,
    pub(crate) purpose: LoadPurpose,
}

/// What a read is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LoadPurpose {
    /// Batches to be sent in order.
    Follow,
    /// Batches that fill a gap.
    Backfill,
    /// Leaves that the proof of a jump is made from.
    Jump,
    /// A copy, up to where another history leaves it.
    Apart,
}

/// The longest step of the clock that counts as time passed, wall time.
const CLOCK_STEP_MAX: TimeDelta = TimeDelta::from_seconds(10);

pub(crate) struct NodeParts {
    pub(crate) setup: Setup,
    pub(crate) charters: CharterHistory,
    pub(crate) process: [u8; 16],
    pub(crate) incarnation: Incarnation,
    pub(crate) incarnation_note: Write,
    pub(crate) lanes: BTreeMap<Precedence, Lane>,
}

impl Node {
    pub(crate) fn new(parts: NodeParts) -> Self {
        let NodeParts { setup, charters, process, incarnation, incarnation_note, lanes } = parts;
        let Setup { config, charter, secrets } = setup;
        let me = secrets.node;
        let peers = charter.nodes().map(|(id, _)| id).filter(|id| *id != me);
        Self {
            peers: peers.map(|id| (id, Peer::new())).collect(),
            ring: EpochRing::new(secrets.realm.clone(), me, secrets.kem.clone()),
            apart: KeptApart::new(EpochRing::new(secrets.realm.clone(), me, secrets.kem.clone())),
            config,
            charter,
            editions: EditionsHeld::new(charters),
            secrets,
            me,
            process,
            incarnation,
            incarnation_note,
            clock: HybridClock::new(Timestamp::MIN),
            lanes,
            copies: BTreeMap::new(),
            evidence: BTreeMap::new(),
            relays: Relays::default(),
            tickets: Tickets::new(me),
            carried: BTreeMap::new(),
            receipts: ReceiptQueue::default(),
            convicted: Convicted::default(),
            findings: Findings::new(),
            counters: Counters::default(),
            last_op: 0,
            storing: BTreeMap::new(),
            loading: BTreeMap::new(),
            retries: VecDeque::new(),
            last_now: None,
            elapsed: Timestamp::from_seconds(0),
            pulse_at: None,
            cross_check_at: None,
            cross_check_again_at: None,
        }
    }

    /// Takes one input at `now` on the node's clock and adds what follows from it to `out`.
    ///
    /// `now` may go back; `entropy` is drawn from for keys only.
    pub fn step(
        &mut self,
        now: Timestamp,
        entropy: &mut dyn CryptoRng,
        input: Input,
        out: &mut Vec<Output>,
    ) {
        let step = self.last_now.map_or(TimeDelta::ZERO, |last| now - last);
        let elapsed = self.pass_time(now);
        let before = out.len();
        let mut turn = Turn { now, elapsed, entropy, out };
        self.note_own_step(step, &mut turn);
        match input {
            Input::Append(append) => self.append(append, &mut turn),
            Input::AppendBulk(bulk) => self.append_bulk(bulk, &mut turn),
            Input::Connected { peer } => {
                self.disconnected(peer);
                self.connected(peer, &mut turn);
            }
            Input::Disconnected { peer } => {
                // A line of its own that ended: not what goes through others meanwhile.
                if self.relays.relay_to(peer).is_none() {
                    self.disconnected(peer);
                }
            }
            Input::Received { peer, bytes } => self.received(peer, &bytes, &mut turn),
            Input::Stored { op, result } => self.stored(op, result, &mut turn),
            Input::Loaded { op, result } => {
                if let Some(task) = self.loading.remove(&op) {
                    self.loaded(op, task, result, &mut turn);
                }
            }
            Input::Charter { text } => self.take_charter(None, &text, &mut turn),
            Input::Carried { from, number, frame } => {
                self.take_carried(from, number, &frame, &mut turn);
            }
            Input::Imported { from, number } => self.imported(from, number, &mut turn),
            Input::Exported { plan } => self.exported(&plan, &mut turn),
            Input::Tick => self.tick(&mut turn),
        }
        self.flush(&mut turn);
        self.seal_relayed(&mut out[before..]);
    }

    fn pass_time(&mut self, now: Timestamp) -> Timestamp {
        let step = self.last_now.map_or(TimeDelta::ZERO, |last| now - last);
        let most = self.config.scale(CLOCK_STEP_MAX);
        self.elapsed += step.clamp(TimeDelta::ZERO, most);
        self.last_now = Some(now);
        self.elapsed
    }

    /// Starts whatever may start: batches of own lanes.
    pub(crate) fn flush(&mut self, turn: &mut Turn<'_>) {
        for lane in Precedence::ALL {
            self.flush_lane(lane, turn);
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        self.retry_stores(turn);
        self.expire_tickets(turn);
        self.pulse(turn);
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            self.tick_peer(peer, turn);
        }
        self.tend_relays(turn);
        self.ask_for_what_is_behind(turn);
        self.cross_check(turn);
        self.warn_of_expiry(turn);
        self.flush_receipts(turn);
    }

    /// Issues a store operation.
    pub(crate) fn store(
        &mut self,
        purpose: Purpose,
        urgency: Precedence,
        writes: Arc<[Write]>,
        high_water: Vec<LogState>,
        turn: &mut Turn<'_>,
    ) {
        self.issue(StoreTask { purpose, urgency, writes, high_water }, turn);
    }

    fn issue(&mut self, task: StoreTask, turn: &mut Turn<'_>) {
        let op = self.next_op();
        turn.out.push(Output::Store {
            op,
            urgency: task.urgency,
            writes: task.writes.clone(),
            high_water: task.high_water.clone(),
        });
        self.storing.insert(op, task);
    }

    /// Issues a read.
    pub(crate) fn load(&mut self, task: LoadTask, from: u64, turn: &mut Turn<'_>) -> Op {
        let op = self.next_op();
        let bytes_max = limits::LOAD_BYTES_MAX;
        turn.out.push(Output::Load { op, log: task.log, from, bytes_max });
        self.loading.insert(op, task);
        op
    }

    fn next_op(&mut self) -> Op {
        self.last_op += 1;
        Op(self.last_op)
    }

    fn stored(&mut self, op: Op, result: Result<(), StoreError>, turn: &mut Turn<'_>) {
        let Some(task) = self.storing.remove(&op) else { return };
        if let Err(error) = result {
            self.counters.store_retries += 1;
            self.finding(
                Finding {
                    topic: "store",
                    severity: Severity::Error,
                    source: self.me.to_string(),
                    message: error.to_string(),
                    hint: Some("check the disk; the write is tried again"),
                },
                turn,
            );
            if let Purpose::Own(lane) = task.purpose
                && self.make_anew_if_planted(lane)
            {
                return;
            }
            let again = turn.elapsed + self.config.scale(limits::STORE_RETRY_AFTER);
            self.retries.push_back((again, task));
            return;
        }
        match task.purpose {
            Purpose::Own(lane) => self.own_stored(lane, turn),
            Purpose::Mirror(log) => self.mirror_stored(log, turn),
            Purpose::Fill(log) => self.filled_stored(log, turn),
            Purpose::Receipts => self.receipts.stored(),
            Purpose::Charter => self.charter_stored(turn),
            Purpose::Note => {}
        }
    }

    fn retry_stores(&mut self, turn: &mut Turn<'_>) {
        while self.retries.front().is_some_and(|(at, _)| *at <= turn.elapsed) {
            let (_, task) = self.retries.pop_front().expect("a front was seen");
            self.issue(task, turn);
        }
    }

    /// Tells the operator, within limits.
    pub(crate) fn finding(&mut self, finding: Finding<'_>, turn: &mut Turn<'_>) {
        let Self { findings, config, counters, .. } = self;
        findings.report(finding, turn.elapsed, config, counters, turn.out);
    }

    /// Tells the operator about a peer or log that did not do what it should.
    pub(crate) fn warn(
        &mut self,
        topic: &'static str,
        source: &impl ToString,
        message: String,
        turn: &mut Turn<'_>,
    ) {
        let source = source.to_string();
        let severity = Severity::Warning;
        self.finding(Finding { topic, severity, source, message, hint: None }, turn);
    }

    /// Time passed at the last step.
    pub(crate) const fn elapsed(&self) -> Timestamp {
        self.elapsed
    }

    /// Whether this is one of the lanes written now.
    pub(crate) fn is_own_lane(&self, log: &LogId) -> bool {
        self.lanes.get(&log.lane).is_some_and(|lane| lane.log() == *log)
    }

    /// Entries of a log that are durable here, if it is known.
    pub(crate) fn durable_size(&self, log: &LogId) -> Option<u64> {
        if let Some(copy) = self.copies.get(log) {
            return Some(copy.durable());
        }
        self.lanes.get(&log.lane).filter(|_| self.is_own_lane(log)).map(Lane::size)
    }

    /// Every log here with its durable size, in order.
    pub(crate) fn durable_sizes(&self) -> BTreeMap<LogId, u64> {
        let own = self.lanes.values().map(|lane| (lane.log(), lane.size()));
        own.chain(self.copies.iter().map(|(log, copy)| (*log, copy.durable()))).collect()
    }
}
