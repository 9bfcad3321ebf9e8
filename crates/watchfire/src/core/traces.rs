//! What becomes of each batch, as spans for the node's operators.
//!
//! ```text
//! own:       append (one a request) ─ batch ┬ seal     from the step that sealed it to the order to commit
//!                                           ├ commit   until it is durable
//!                                           ├ fold     into every view
//!                                           ├ send     to a peer: from durable to queued for the line
//!                                           └ holds    from there to that peer's receipt
//! received:  batch ┬ verify   from the frame's turn to the order to store
//!                  ├ store    until it is durable
//!                  ├ fold     into every view
//!                  └ receipt  from durable to the cosignature queued for its origin
//! ```
//!
//! A batch has the same trace at every node ([`Context::of_batch`]) unless a request with a trace of its
//! own waits for it: then it joins the first such trace, and links to the common one. Only what the loop
//! sees anyway is looked at, and nothing while telemetry is off.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use base::NodeId;
use log::{Batch, CosignatureKind, EntryId, LogId, Write};
use sync::wire::{Glimpse, glimpses};
use sync::{Op, Output, Ticket};

use crate::clock::instant;
use crate::telemetry::{Context, Sink, Span, SpanId, SpanKind, Word};

/// Batches followed at once; the oldest is told of as far as it came.
const LIVES_MAX: usize = 1_024;
/// Requests that wait and are followed; further ones have no span.
const ASKED_MAX: usize = 4_096;
/// A batch is told of once nothing more is expected, this long after it was durable.
const LINGER: Duration = Duration::from_secs(1);
/// Or this long after it began.
const LIFE_MAX: Duration = Duration::from_secs(30);
/// Audiences named of one batch.
const AUDIENCES_MAX: usize = 8;

/// A batch by its log and the size after it.
type Key = (LogId, u64);

/// Somebody's append.
struct Asked {
    began: Instant,
    /// The request it came with.
    request: Option<Context>,
}

/// An append that was answered.
struct Answered {
    asked: Asked,
    entry: EntryId,
    state: &'static str,
    at: Instant,
}

/// A part of a life.
struct Part {
    name: &'static str,
    began: Instant,
    ended: Instant,
    peer: Option<NodeId>,
}

struct Life {
    first: u64,
    own: bool,
    began: Instant,
    ordered: Instant,
    stored: Option<Instant>,
    failures: i64,
    waits_for_fold: bool,
    /// When it was queued for a peer, until that peer's receipt.
    sent: BTreeMap<NodeId, Instant>,
    told: BTreeSet<(&'static str, Option<NodeId>)>,
    parts: Vec<Part>,
    appends: Vec<Answered>,
    audiences: Vec<String>,
}

/// The batches that are followed.
pub(super) struct Traces {
    sink: Sink,
    me: NodeId,
    /// The request whose question is being answered.
    request: Option<Context>,
    asked: BTreeMap<Ticket, Asked>,
    lives: BTreeMap<Key, Life>,
    order: VecDeque<Key>,
    ops: BTreeMap<Op, Vec<Key>>,
}

impl Traces {
    pub(super) const fn new(sink: Sink, me: NodeId) -> Self {
        Self {
            sink,
            me,
            request: None,
            asked: BTreeMap::new(),
            lives: BTreeMap::new(),
            order: VecDeque::new(),
            ops: BTreeMap::new(),
        }
    }

    /// What is appended until this is called again belongs to that request.
    pub(super) const fn belongs_to(&mut self, request: Option<Context>) {
        self.request = request;
    }

    /// An append goes to the replication.
    pub(super) fn asks(&mut self, ticket: Ticket) {
        if self.asked.len() < ASKED_MAX {
            self.asked.insert(ticket, Asked { began: instant(), request: self.request });
        }
    }

    /// The store ended an operation.
    pub(super) fn stored(&mut self, op: Op, is_durable: bool) {
        let now = instant();
        for key in self.ops.remove(&op).unwrap_or_default() {
            let Some(life) = self.lives.get_mut(&key) else { continue };
            if is_durable {
                life.stored = Some(now);
                let name = if life.own { "commit" } else { "store" };
                life.part(name, life.ordered, now, None);
            } else {
                life.failures += 1;
            }
        }
    }

    /// What the replication gave off in a step that began at `began`.
    pub(super) fn observe(&mut self, began: Instant, outputs: &[Output]) {
        let now = instant();
        for output in outputs {
            if let Output::Store { op, writes, .. } = output {
                self.order(*op, writes, began, now);
            }
        }
        for output in outputs {
            match output {
                Output::Fact { fact, .. } => {
                    if let Some((_, life)) = self.life_of(&fact.id) {
                        life.waits_for_fold = true;
                    }
                }
                Output::Send { peer, bytes, .. } if !self.lives.is_empty() => {
                    for glimpse in glimpses(bytes) {
                        self.sent(*peer, glimpse, now);
                    }
                }
                Output::Receipt { log, size, by, kind: CosignatureKind::Holds } => {
                    self.held(*log, 0, *size, *by, now);
                }
                Output::RangeReceipt { log, from, to, by } => {
                    self.held(*log, *from, *to, *by, now);
                }
                Output::Acknowledged { ticket, entry, .. } => {
                    self.answered(*ticket, Some(*entry), "reached", now);
                }
                Output::Pending { ticket, entry, .. } => {
                    self.answered(*ticket, *entry, "pending", now);
                }
                Output::Refused { ticket, .. } => self.answered(*ticket, None, "refused", now),
                _ => {}
            }
        }
    }

    fn order(&mut self, op: Op, writes: &[Write], began: Instant, now: Instant) {
        let mut keys = Vec::new();
        for write in writes {
            let Write::Batch(batch) = write else { continue };
            let key = (batch.log(), batch.end());
            let own = key.0.node == self.me;
            // Requests that are recorded may wait for any own batch.
            let wanted = own || self.sink.samples(Context::of_batch(&key.0, key.1).trace);
            if !wanted {
                continue;
            }
            keys.push(key);
            if self.lives.contains_key(&key) {
                continue;
            }
            if self.lives.len() == LIVES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.tell(oldest);
            }
            let mut life = Life::new(batch, own, began, now);
            if self.sink.audiences {
                life.audiences = audiences(batch);
            }
            life.part(if own { "seal" } else { "verify" }, began, now, None);
            self.lives.insert(key, life);
            self.order.push_back(key);
        }
        if !keys.is_empty() {
            self.ops.insert(op, keys);
        }
    }

    fn life_of(&mut self, entry: &EntryId) -> Option<(Key, &mut Life)> {
        let from = (entry.log, entry.index + 1);
        let (key, life) = self.lives.range_mut(from..).next()?;
        (key.0 == entry.log && life.first <= entry.index).then_some((*key, life))
    }

    fn sent(&mut self, peer: NodeId, glimpse: Glimpse, now: Instant) {
        match glimpse {
            Glimpse::Batch { log, size } => {
                let Some(life) = self.lives.get_mut(&(log, size)) else { return };
                let Some(stored) = life.stored.filter(|_| life.own) else { return };
                if life.part("send", stored, now, Some(peer)) {
                    life.sent.insert(peer, now);
                }
            }
            Glimpse::Cosigned { log, size } if log.node == peer => {
                for (_, life) in self.lives.range_mut((log, 0)..=(log, size)) {
                    if let Some(stored) = life.stored {
                        life.part("receipt", stored, now, Some(peer));
                    }
                }
            }
            Glimpse::Cosigned { .. } => {}
        }
    }

    fn held(&mut self, log: LogId, from: u64, to: u64, by: NodeId, now: Instant) {
        for (_, life) in self.lives.range_mut((log, from)..=(log, to)) {
            if life.first >= from
                && let Some(sent) = life.sent.remove(&by)
            {
                life.part("holds", sent, now, Some(by));
            }
        }
    }

    fn answered(
        &mut self,
        ticket: Ticket,
        entry: Option<EntryId>,
        state: &'static str,
        at: Instant,
    ) {
        let Some(asked) = self.asked.remove(&ticket) else { return };
        let found = entry.and_then(|entry| Some((entry, self.life_of(&entry)?.1)));
        if let Some((entry, life)) = found {
            life.appends.push(Answered { asked, entry, state, at });
        } else if let Some(request) = asked.request {
            // Refused, or its batch was told of before: the request is told of all the same.
            let context = Context { trace: request.trace, span: SpanId::random() };
            let mut span = span("append", context, Some(request.span), (asked.began, at));
            span.words.push(("watchfire.state", Word::Text(state.to_owned())));
            span.error = (state == "refused").then_some(state);
            self.sink.offer(span);
        }
    }

    /// Every view has folded what came in this turn.
    pub(super) fn folded(&mut self, began: Instant, ended: Instant) {
        for life in self.lives.values_mut().filter(|life| life.waits_for_fold) {
            life.waits_for_fold = false;
            life.part("fold", began, ended, None);
        }
    }

    /// Tells of what has ended.
    pub(super) fn come_by(&mut self) {
        let now = instant();
        let ended = |life: &Life| {
            let lingered = life.stored.is_some_and(|at| now - at >= LINGER);
            (lingered && life.is_whole()) || now - life.began >= LIFE_MAX
        };
        let keys = self.lives.iter().filter(|(_, life)| ended(life)).map(|(key, _)| *key);
        let keys: BTreeSet<Key> = keys.collect();
        self.order.retain(|key| !keys.contains(key));
        for key in keys {
            self.tell(key);
        }
        // What was restored is ordered without being followed; its answers find nothing.
        self.ops.retain(|_, keys| keys.iter().any(|key| self.lives.contains_key(key)));
    }

    /// Offers the spans of a life, if it is recorded.
    fn tell(&mut self, key: Key) {
        let Some(life) = self.lives.remove(&key) else { return };
        let common = Context::of_batch(&key.0, key.1);
        let of_request = life.appends.iter().find_map(|append| append.asked.request);
        if of_request.is_none() && !self.sink.samples(common.trace) {
            return;
        }
        // The origin's life has the common id; others point to it.
        let root = match of_request {
            None if life.own => common,
            None => Context { trace: common.trace, span: SpanId::random() },
            Some(request) => Context { trace: request.trace, span: SpanId::random() },
        };
        let mut parent = None;
        for append in &life.appends {
            let at = append.asked.request.map_or(root, |request| request);
            let context = Context { trace: at.trace, span: SpanId::random() };
            let times = (append.asked.began, append.at);
            let mut span = span("append", context, Some(at.span), times);
            span.words.push(("watchfire.entry", Word::Text(append.entry.to_string())));
            span.words.push(("watchfire.state", Word::Text(append.state.to_owned())));
            if append.asked.request.is_some() && parent.is_none() {
                parent = Some(context.span);
            } else if at.trace != root.trace {
                span.link = Some(root);
            }
            self.sink.offer(span);
        }
        let mut whole = span("batch", root, parent, life.times());
        whole.kind = if life.own { SpanKind::Producer } else { SpanKind::Consumer };
        whole.link = (root != common).then_some(common);
        whole.words = life.words(&key);
        self.sink.offer(whole);
        for part in life.parts {
            let context = Context { trace: root.trace, span: SpanId::random() };
            let mut span = span(part.name, context, Some(root.span), (part.began, part.ended));
            let peer = part.peer.map(|peer| ("watchfire.peer", Word::Text(peer.to_string())));
            span.words.extend(peer);
            self.sink.offer(span);
        }
    }
}

fn span(
    name: &'static str,
    at: Context,
    parent: Option<SpanId>,
    (began, ended): (Instant, Instant),
) -> Span {
    Span {
        at,
        parent,
        link: None,
        name: name.to_owned(),
        kind: SpanKind::Internal,
        began,
        ended,
        words: Vec::new(),
        error: None,
    }
}

fn audiences(batch: &Batch) -> Vec<String> {
    let names: BTreeSet<String> =
        batch.entries().map(|entry| entry.header().audience.to_string()).collect();
    names.into_iter().take(AUDIENCES_MAX).collect()
}

impl Life {
    fn new(batch: &Batch, own: bool, began: Instant, ordered: Instant) -> Self {
        Self {
            first: batch.first(),
            own,
            began,
            ordered,
            stored: None,
            failures: 0,
            waits_for_fold: false,
            sent: BTreeMap::new(),
            told: BTreeSet::new(),
            parts: Vec::new(),
            appends: Vec::new(),
            audiences: Vec::new(),
        }
    }

    /// Adds a part, once for each peer; whether it was new.
    fn part(
        &mut self,
        name: &'static str,
        began: Instant,
        ended: Instant,
        peer: Option<NodeId>,
    ) -> bool {
        let new = self.told.insert((name, peer));
        if new {
            self.parts.push(Part { name, began, ended, peer });
        }
        new
    }

    /// Whether nothing more is expected of it.
    fn is_whole(&self) -> bool {
        let receipted = self.own || self.parts.iter().any(|part| part.name == "receipt");
        self.stored.is_some() && self.sent.is_empty() && !self.waits_for_fold && receipted
    }

    fn times(&self) -> (Instant, Instant) {
        let asked = self.appends.iter().map(|append| append.asked.began);
        let began = asked.chain([self.began]).min().unwrap_or(self.began);
        let ended = self.parts.iter().map(|part| part.ended).max().unwrap_or(self.ordered);
        (began, ended)
    }

    fn words(&self, (log, size): &Key) -> Vec<(&'static str, Word)> {
        let number = |number: u64| Word::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let mut words = vec![
            ("watchfire.log", Word::Text(log.to_string())),
            ("watchfire.origin", Word::Text(log.node.to_string())),
            ("watchfire.lane", Word::Text(log.lane.as_str().to_owned())),
            ("watchfire.first", number(self.first)),
            ("watchfire.size", number(*size)),
            ("watchfire.entries", number(size - self.first)),
        ];
        if self.failures > 0 {
            words.push(("watchfire.failures", Word::Number(self.failures)));
        }
        if !self.audiences.is_empty() {
            words.push(("watchfire.audiences", Word::Texts(self.audiences.clone())));
        }
        words
    }
}
