//! The loop: one closed [`Input`], pure code, a list of effects.
//!
//! ```text
//! lines, store, questions, clock ─► Input ─► sync::Node ─► Output ─► store jobs, frames, facts
//!                                                                        facts ─► views ─► items, desires
//! ```
//!
//! Everything the node knows changes here, on one thread, in one order. Carriers and the store only
//! move bytes between queues; handlers only ask.

pub(crate) mod answers;
mod ask;
pub(crate) mod bulk;
pub(crate) mod carry;
pub(crate) mod charter;
pub(crate) mod correct;
mod effects;
pub(crate) mod explain;
pub(crate) mod items;
pub(crate) mod line_check;
mod lines;
mod pictures;
mod progress;
mod quiet;
mod refolding;
mod room;
mod traces;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{NodeId, PartnerId, Timestamp};
use domains::correction::Corrections;
use domains::{Cut, Placed, ViewName};
use log::{Audience, Charter, EntryId, Fact, LogId};
use sync::{Node, Output, Ticket};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use self::answers::{Acted, Appended, BulkAppended, Digest, EntryAnswer, Proposal, Status};
use self::bulk::BulkProposal;
use self::items::FindingItem;
use self::lines::LineTable;
use self::pictures::Views;
pub(crate) use self::progress::Progress;
use self::refolding::Refolding;
use crate::clock::Clock;
use crate::config::Tuning;
use crate::console::{Collections, Delta, EventId, Start};
use crate::entropy::SystemEntropy;
use crate::http::Problem;
use crate::line::{Carriers, LineEvent};
use crate::officer::Officer;
use crate::store::{Done, Job};

/// Inputs taken in one turn before the pictures are looked at.
const INPUTS_PER_TURN_MAX: usize = 256;
/// Findings of the shell kept; older ones go.
const FINDINGS_MAX: usize = 500;
/// Between two ticks of the replication.
const TICK: Duration = Duration::from_millis(100);

/// Time without a failed commit after which the store is said to work again: several of
/// [`sync::limits::STORE_RETRY_AFTER`].
const STORE_WELL_AFTER: Duration = Duration::from_secs(1);

/// Everything that can happen to the node.
#[derive(Debug)]
pub(crate) enum Input {
    /// Something came over a line, or a line changed.
    Line(LineEvent),
    /// The store finished a job.
    Store(Done),
    /// Somebody asks, or wants something done.
    Ask(Question),
    /// Time passed.
    Tick,
}

/// What handlers may ask; the answer goes through `reply`.
#[derive(Debug)]
pub(crate) enum Question {
    Now(oneshot::Sender<Timestamp>),
    Partner(oneshot::Sender<PartnerId>),
    Status(oneshot::Sender<Status>),
    Views(oneshot::Sender<Vec<String>>),
    Metrics(oneshot::Sender<Metrics>),
    Picture {
        view: ViewName,
        domain: String,
        reply: oneshot::Sender<Result<Collections, Problem>>,
    },
    Digest {
        view: ViewName,
        cut: Option<Cut>,
        reply: oneshot::Sender<Result<Digest, Problem>>,
    },
    Entries {
        log: LogId,
        from: u64,
        limit: u64,
        reply: oneshot::Sender<Vec<EntryAnswer>>,
    },
    Entry {
        id: EntryId,
        reply: oneshot::Sender<Option<EntryAnswer>>,
    },
    Cap {
        warning: String,
        reply: oneshot::Sender<Result<String, Problem>>,
    },
    Append {
        proposal: Proposal,
        reply: oneshot::Sender<Result<Appended, Problem>>,
    },
    Bulk {
        bulk: BulkProposal,
        reply: oneshot::Sender<Result<BulkAppended, Problem>>,
    },
    /// One readable entry, as it was said.
    Fact {
        id: EntryId,
        reply: oneshot::Sender<Option<Fact>>,
    },
    /// A correction of these entries, read back.
    Correct {
        proposal: correct::CorrectionProposal,
        cited: Vec<Fact>,
        reply: oneshot::Sender<Result<Acted, Problem>>,
    },
    Scans {
        scans: Vec<domains::track::events::ScanReport>,
        audience: Option<Audience>,
        reply: oneshot::Sender<Result<Vec<String>, Problem>>,
    },
    Act {
        warning: String,
        act: Act,
        note: answers::WarningNote,
        reply: oneshot::Sender<Result<Acted, Problem>>,
    },
    CheckLines {
        order: line_check::LineCheckOrder,
        reply: line_check::CheckReply,
    },
    Explain(explain::Explain),
    /// A question that came with a request whose trace is recorded.
    Traced {
        request: crate::telemetry::Context,
        question: Box<Question>,
    },
    /// Something beside the loop has a finding for it.
    Found(Found),
    Charter(charter::CharterQuestion),
    Carry(carry::Carry),
    Subscribe {
        view: ViewName,
        seen: Option<EventId>,
        reply: oneshot::Sender<Result<Subscription, Problem>>,
    },
}

/// Something an operator should know, found beside the loop.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) severity: domains::Severity,
    pub(crate) source: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What an officer can do with a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Release,
    Update,
    Cancel,
}

/// A console's place at a view.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) boot: u64,
    pub(crate) start: Start,
    pub(crate) updates: broadcast::Receiver<Update>,
}

/// One change, shared by all consoles of a view.
#[derive(Debug, Clone)]
pub(crate) struct Update(pub(crate) Arc<Delta>);

/// What the metrics page needs.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) status: Status,
    pub(crate) appended: u64,
    pub(crate) refused: u64,
    pub(crate) findings: u64,
    pub(crate) fold_micros: Histogram,
    pub(crate) waiting: BTreeMap<NodeId, [(usize, usize); 4]>,
    pub(crate) exchange: sync::Counters,
    pub(crate) room: Option<crate::store::Standing>,
}

/// Counts by upper bound, for Prometheus.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    pub(crate) counts: [u64; Self::BOUNDS.len() + 1],
    pub(crate) sum: u64,
}

impl Histogram {
    /// Upper bounds in microseconds.
    pub(crate) const BOUNDS: [u64; 7] = [50, 200, 1_000, 5_000, 20_000, 100_000, 500_000];

    fn record(&mut self, micros: u64) {
        let place = Self::BOUNDS.iter().position(|bound| micros <= *bound);
        self.counts[place.unwrap_or(Self::BOUNDS.len())] += 1;
        self.sum += micros;
    }
}

/// What the loop is made of.
pub(crate) struct Core {
    pub(crate) me: NodeId,
    pub(crate) clock: Clock,
    pub(crate) started: Timestamp,
    pub(crate) charter: Arc<Charter>,
    pub(crate) tuning: Tuning,
    pub(crate) effects: std::path::PathBuf,
    officer: Option<Officer>,
    node: Node,
    carriers: Option<Carriers>,
    charter_waiters: Vec<CharterWaiter>,
    entropy: SystemEntropy,
    store: std::sync::mpsc::Sender<Job>,
    views: Views,
    lines: LineTable,
    quiet: quiet::Quiet,
    corrections: Corrections,
    findings: VecDeque<FindingItem>,
    findings_total: u64,
    waiting: BTreeMap<Ticket, Waiter>,
    next_ticket: u64,
    appended: u64,
    refused: u64,
    store_fault: Option<String>,
    store_failed: Option<std::time::Instant>,
    /// How much room the store has, as far as it says.
    room: Option<crate::store::Standing>,
    /// Why the store refuses for good.
    store_stopped: Option<String>,
    fold_micros: Histogram,
    shown: std::time::Instant,
    refolding: Refolding,
    carrying: carry::Carrying,
    checks: line_check::LineChecks,
    progress: Progress,
    traces: Option<traces::Traces>,
    probe: Option<Probe>,
    /// Last index and count of the facts that came in this turn, by log, while somebody measures.
    probed: BTreeMap<LogId, (u64, u64)>,
}

/// Facts of one log that were folded in one turn of the loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folded {
    /// The last of them.
    pub(crate) last: EntryId,
    /// How many.
    pub(crate) count: u64,
    /// When the fold had them, for whoever measures in this process.
    pub(crate) at: std::time::Instant,
    /// The same by the machine's clock, for whoever measures in another process.
    pub(crate) wall: Timestamp,
}

impl Folded {
    /// Whether `entry` has been folded, now or earlier.
    pub(crate) fn has(&self, entry: &EntryId) -> bool {
        self.last.log == entry.log && self.last.index >= entry.index
    }
}

/// Hears of entries when their facts have been folded.
pub(crate) type Probe = std::sync::mpsc::Sender<Folded>;

/// Who waits for a charter to be in force.
type CharterWaiter = oneshot::Sender<Result<charter::CharterAnswer, Problem>>;

/// Who waits for an append.
enum Waiter {
    Proposal(oneshot::Sender<Result<Appended, Problem>>),
    Bulk {
        entries: u64,
        reply: oneshot::Sender<Result<BulkAppended, Problem>>,
    },
    Scan(Arc<std::sync::Mutex<ScanGroup>>),
    Act {
        state: &'static str,
        reply: oneshot::Sender<Result<Acted, Problem>>,
    },
    /// An entry of the line check that began with this number, by its place in it.
    Check {
        first: u64,
        place: usize,
    },
    Own,
}

/// Scans appended for one request; the last one answered answers it.
struct ScanGroup {
    waiting: usize,
    entries: Vec<String>,
    refused: Option<Problem>,
    reply: Option<oneshot::Sender<Result<Vec<String>, Problem>>>,
}

/// What a new loop starts from.
pub(crate) struct Beginning {
    pub(crate) me: NodeId,
    pub(crate) clock: Clock,
    pub(crate) charter: Arc<Charter>,
    pub(crate) tuning: Tuning,
    pub(crate) effects: std::path::PathBuf,
    pub(crate) officer: Option<Officer>,
    pub(crate) node: Node,
    /// The carriers, which follow the charter; none in tests of the loop alone.
    pub(crate) carriers: Option<Carriers>,
    /// What restoring gave off, not yet carried out.
    pub(crate) outputs: Vec<Output>,
    pub(crate) store: std::sync::mpsc::Sender<Job>,
    pub(crate) progress: Progress,
    pub(crate) traces: Option<crate::telemetry::Sink>,
    pub(crate) probe: Option<Probe>,
}

/// Where inputs come from.
pub(crate) struct Inbox {
    pub(crate) lines: mpsc::Receiver<LineEvent>,
    /// Frames of lanes below FLASH.
    pub(crate) bulk: mpsc::Receiver<LineEvent>,
    pub(crate) store: mpsc::UnboundedReceiver<Done>,
    pub(crate) questions: mpsc::Receiver<Question>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Core {
    /// Carries out what restoring gave off, and is ready to run.
    pub(crate) fn new(beginning: Beginning) -> Self {
        let Beginning {
            me,
            clock,
            charter,
            tuning,
            effects,
            officer,
            node,
            carriers,
            outputs,
            store,
            progress,
            traces,
            probe,
        } = beginning;
        let started = clock.now();
        let mut core = Self {
            views: Views::new(me, &charter),
            lines: LineTable::new(me, &charter, started),
            me,
            clock,
            started,
            charter,
            tuning,
            effects,
            officer,
            node,
            carriers,
            charter_waiters: Vec::new(),
            entropy: SystemEntropy,
            store,
            quiet: quiet::Quiet::default(),
            corrections: Corrections::default(),
            findings: VecDeque::new(),
            findings_total: 0,
            waiting: BTreeMap::new(),
            next_ticket: 1,
            appended: 0,
            refused: 0,
            store_fault: None,
            store_failed: None,
            room: None,
            store_stopped: None,
            fold_micros: Histogram::default(),
            shown: crate::clock::instant(),
            refolding: Refolding::default(),
            carrying: carry::Carrying::default(),
            checks: line_check::LineChecks::default(),
            progress,
            traces: traces.map(|sink| traces::Traces::new(sink, me)),
            probe,
            probed: BTreeMap::new(),
        };
        core.carry_out(outputs);
        core
    }

    /// Runs until told to stop, or until the store refuses for good: why.
    pub(crate) async fn run(mut self, mut inbox: Inbox) -> Option<String> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Store answers first: they release batches and acknowledgements already paid for.
            let input = tokio::select! {
                biased;
                _ = inbox.stop.changed() => return None,
                Some(done) = inbox.store.recv() => Input::Store(done),
                _ = tick.tick() => Input::Tick,
                Some(event) = inbox.lines.recv() => Input::Line(event),
                Some(event) = inbox.bulk.recv() => Input::Line(event),
                Some(question) = inbox.questions.recv() => Input::Ask(question),
            };
            self.take(input);
            for turn in 0..INPUTS_PER_TURN_MAX {
                if let Ok(done) = inbox.store.try_recv() {
                    self.take(Input::Store(done));
                } else if let Ok(event) = inbox.lines.try_recv() {
                    self.take(Input::Line(event));
                } else if turn % 2 == 0
                    && let Ok(event) = inbox.bulk.try_recv()
                {
                    self.take(Input::Line(event));
                } else if let Ok(question) = inbox.questions.try_recv() {
                    self.take(Input::Ask(question));
                } else if let Ok(event) = inbox.bulk.try_recv() {
                    self.take(Input::Line(event));
                } else {
                    break;
                }
            }
            self.settle_carried();
            self.look();
            if let Some(why) = self.store_stopped.take() {
                return Some(why);
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Line(event) => self.take_line(event),
            Input::Store(done) => self.take_store(done),
            Input::Ask(question) => self.answer(question),
            Input::Tick => {
                self.step(sync::Input::Tick);
                self.tend_check();
                if let Some(traces) = &mut self.traces {
                    traces.come_by();
                }
                self.come_by();
            }
        }
    }

    fn take_line(&mut self, event: LineEvent) {
        match event {
            LineEvent::Connected { peer, connection, outbox } => {
                self.lines.connected(peer, connection, outbox);
                self.step(sync::Input::Connected { peer });
            }
            LineEvent::Received { peer, connection, frame } => {
                // Frames of a connection that was replaced or closed are of the past.
                if self.lines.is_current(peer, connection) {
                    self.lines.heard(peer, self.clock.now());
                    self.step(sync::Input::Received { peer, bytes: frame });
                }
            }
            LineEvent::Disconnected { peer, connection, why } => {
                if self.lines.disconnected(peer, connection, &why) {
                    self.step(sync::Input::Disconnected { peer });
                }
            }
            LineEvent::Refused { address, why } => self.find(
                domains::Severity::Warning,
                format!("line from {address}"),
                format!("turned away: {why}"),
                Some(
                    "compare both nodes' charters: edition, realm and this node's TLS key"
                        .to_owned(),
                ),
            ),
        }
    }

    fn take_store(&mut self, done: Done) {
        match done {
            Done::Stored { op, result } => {
                let shed = matches!(result, Err(log::StoreError::Shed));
                let fault = result.as_ref().err().filter(|_| !shed).map(ToString::to_string);
                let now = crate::clock::instant();
                // A small FLASH commit may get through while the others fail: what failed is
                // tried again soon, and only when none of that fails any more is all well.
                let failing = self.store_failed.is_some_and(|at| now - at < STORE_WELL_AFTER);
                if fault.is_some() {
                    self.store_failed = Some(now);
                } else if !shed {
                    self.progress.stored(now);
                }
                if !shed && fault != self.store_fault && (fault.is_some() || !failing) {
                    self.note_store(fault);
                }
                if let Some(traces) = &mut self.traces {
                    traces.stored(op, result.is_ok());
                }
                self.step(sync::Input::Stored { op, result });
            }
            Done::Loaded { op, result } => self.step(sync::Input::Loaded { op, result }),
            Done::Facts { facts, asker } => self.answer_facts(facts, asker),
            Done::Refolded { name, result } => self.refolded(&name, result),
            Done::Room(standing) => self.take_room(standing),
            Done::Stopped { reason } => {
                self.store_stopped.get_or_insert(reason);
            }
        }
    }

    fn note_store(&mut self, fault: Option<String>) {
        let (severity, message) = match &fault {
            Some(fault) => (domains::Severity::Error, format!("appends are paused: {fault}")),
            None => (domains::Severity::Info, "appends go on: the store works again".to_owned()),
        };
        let hint =
            fault.as_ref().map(|_| "free space on the disk, or bring the store's servers back; the node goes on by itself".to_owned());
        self.find(severity, "store".to_owned(), message, hint);
        self.store_fault = fault;
    }

    /// Steps the replication and carries out what it asks for.
    fn step(&mut self, input: sync::Input) {
        let mut outputs = Vec::new();
        let now = self.clock.now();
        let began = self.traces.as_ref().map(|_| crate::clock::instant());
        self.node.step(now, &mut self.entropy, input, &mut outputs);
        if let (Some(traces), Some(began)) = (&mut self.traces, began) {
            traces.observe(began, &outputs);
        }
        self.carry_out(outputs);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Store { op, urgency, writes, high_water } => {
                    self.order(Job::Commit { op, urgency, writes, high_water });
                }
                Output::Load { op, log, from, bytes_max } => {
                    self.order(Job::Load { op, log, from, bytes_max });
                }
                Output::Send { peer, precedence, bytes } => {
                    self.lines.send(peer, precedence, bytes);
                }
                Output::Pass { peer, precedence, bytes } => {
                    self.lines.pass(peer, precedence, bytes);
                }
                Output::Acknowledged { ticket, entry, holders, .. } => {
                    self.acknowledged(ticket, Some(entry), &holders, "reached");
                }
                Output::Pending { ticket, entry, holders } => {
                    self.acknowledged(ticket, entry, &holders, "pending");
                }
                Output::Refused { ticket, reason } => self.refused(ticket, &reason),
                Output::Fact { fact, arrival } => self.know(&fact, arrival),
                Output::Line { peer, state, lag, clock_offset } => {
                    let now = self.clock.now();
                    self.lines.measured(peer, state, lag, clock_offset, now);
                }
                Output::Finding { severity, source, message, hint } => {
                    let severity = match severity {
                        sync::Severity::Info => domains::Severity::Info,
                        sync::Severity::Warning => domains::Severity::Warning,
                        sync::Severity::Error => domains::Severity::Error,
                    };
                    self.find(severity, source, message, hint);
                }
                Output::Equivocation { node, log, reported_by, .. } => self.find(
                    domains::Severity::Error,
                    format!("node {node}"),
                    format!("log `{log}` has two histories (reported by `{reported_by}`); all lanes of this node key are suspended, and what it said is contested"),
                    Some("speak to the partner; `watchfire evidence` shows what is kept".to_owned()),
                ),
                Output::CharterInForce { charter } => self.follow_charter(charter),
                Output::Close { peer, why } => self.lines.close(peer, &format!("{why:?}")),
                Output::Receipt { log, size, by, kind: log::CosignatureKind::Holds } => {
                    self.check_held(log, 0..size, by);
                }
                Output::RangeReceipt { log, from, to, by } => self.check_held(log, from..to, by),
                // Receipts show in the lanes; what later editions add is theirs to show.
                _ => {}
            }
        }
    }

    fn order(&self, job: Job) {
        // The store's thread ends only with the process; if it died, the node must not go on as if.
        assert!(self.store.send(job).is_ok(), "the store's thread lives as long as the loop");
    }

    fn know(&mut self, fact: &Arc<Fact>, arrival: sync::Arrival) {
        if self.probe.is_some() {
            let seen = self.probed.entry(fact.id.log).or_insert((0, 0));
            *seen = (fact.id.index, seen.1 + 1);
        }
        let read = match arrival {
            sync::Arrival::Apart => Placed::read_apart,
            _ => Placed::read,
        };
        if self.admits(fact)
            && let Some(placed) = read(fact)
        {
            self.corrections.insert(&placed);
            self.views.insert(&placed, self.clock.now());
        }
    }

    /// Records something an operator should know.
    fn find(
        &mut self,
        severity: domains::Severity,
        source: String,
        message: String,
        hint: Option<String>,
    ) {
        if severity == domains::Severity::Info {
            tracing::info!(source, finding = message, "finding");
        } else {
            tracing::warn!(source, finding = message, hint, "finding");
        }
        if self.findings.len() == FINDINGS_MAX {
            self.findings.pop_front();
        }
        let id = format!("node-{:06}", self.findings_total);
        self.findings_total += 1;
        let at = self.clock.now();
        self.findings.push_back(FindingItem { id, at, severity, source, message, hint });
    }

    /// Folds what came in this turn; shows and acts on it when it is time to.
    fn look(&mut self) {
        let now = self.clock.now();
        let began = crate::clock::instant();
        if self.views.fold(now) {
            let micros = began.elapsed().as_micros();
            self.fold_micros.record(u64::try_from(micros).unwrap_or(u64::MAX));
            if let Some(traces) = &mut self.traces {
                traces.folded(began, crate::clock::instant());
            }
        }
        self.refold_behind(now);
        if let Some(probe) = &self.probe {
            let (at, wall) = (crate::clock::instant(), crate::clock::wall_now());
            for (log, (index, count)) in std::mem::take(&mut self.probed) {
                let last = EntryId { log, index };
                probe.send(Folded { last, count, at, wall }).ok();
            }
        }
        let every = Duration::from_millis(u64::from(self.tuning.display_ms));
        if self.shown.elapsed() >= every {
            self.shown = crate::clock::instant();
            self.act_and_show(now);
        }
    }
}
