//! What fills the gaps below a jump: read in large pieces, sent behind everything live, the most
//! urgent lanes first.
//!
//! At most [`limits::BACKFILL_WINDOW`] worth of the line is on the way, measured by what the peer
//! reports durable, so that a live entry of the lowest precedence does not wait long either. The
//! window follows the delivery rate as the congestion window of BBR does (Cardwell et al., "BBR:
//! Congestion-Based Congestion Control", ACM Queue 14(5), 2016): rate times round trip, and a share
//! more that keeps the line busy.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::{Batch, LogId, Precedence};

use crate::api::Op;
use crate::config::Config;
use crate::limits;
use crate::node::{LoadPurpose, LoadTask, Node, Turn};
use crate::peer::{released, send};
use crate::wire::Message;

/// The gaps of one peer's copies of this node's lanes.
#[derive(Debug)]
pub(crate) struct Backfill {
    gaps: BTreeMap<LogId, Gaps>,
    window: Window,
    under_way_bytes: usize,
    /// Read and not sent, all of one log, in order.
    ready: VecDeque<Batch>,
    ready_bytes: usize,
    load: Option<Op>,
    resend_at: Option<Timestamp>,
}

/// What the peer lacks of one log.
#[derive(Debug)]
struct Gaps {
    /// Ascending; the first starts where the peer's complete part ends.
    open: VecDeque<Range<u64>>,
    /// The next entry to send.
    next: u64,
    /// End and bytes of each frame sent and not reported durable.
    under_way: VecDeque<(u64, usize)>,
}

/// How much may be on the way.
#[derive(Debug)]
struct Window {
    bytes: usize,
    /// Since when bytes are counted for the next measure, and how many were delivered.
    measuring: Option<(Timestamp, usize)>,
}

/// Least time over which a delivery rate is measured.
const MEASURE_OVER: TimeDelta = TimeDelta::from_millis(50);
/// The window before anything was measured.
const WINDOW_START: usize = 256 * 1024;

impl Window {
    /// `bytes` were delivered; `lag` is half a round trip, wall time.
    fn delivered(&mut self, bytes: usize, lag: TimeDelta, now: Timestamp, config: &Config) {
        let Some((since, before)) = self.measuring else {
            self.measuring = Some((now, 0));
            return;
        };
        let (took, delivered) = (config.unscale(now - since), before + bytes);
        if took < MEASURE_OVER {
            self.measuring = Some((since, delivered));
            return;
        }
        let share = limits::BACKFILL_WINDOW + lag + lag;
        let wanted = delivered as i128 * i128::from(share.as_nanos()) / i128::from(took.as_nanos());
        let (least, most) = limits::BACKFILL_WINDOW_BYTES;
        let most = most.min(self.bytes * 2);
        self.bytes = usize::try_from(wanted).unwrap_or(most).clamp(least, most.max(least));
        self.measuring = Some((now, 0));
    }
}

impl Gaps {
    /// What comes next to be sent, if not all of it was.
    fn unsent(&self) -> Option<Range<u64>> {
        let next = self.open.iter().find(|gap| gap.end > self.next)?;
        Some(next.start.max(self.next)..next.end)
    }
}

impl Backfill {
    pub(crate) const fn new() -> Self {
        Self {
            gaps: BTreeMap::new(),
            window: Window { bytes: WINDOW_START, measuring: None },
            under_way_bytes: 0,
            ready: VecDeque::new(),
            ready_bytes: 0,
            load: None,
            resend_at: None,
        }
    }

    /// A gap of `log` opened above those there are.
    pub(crate) fn open(&mut self, log: LogId, gap: Range<u64>) {
        if gap.is_empty() {
            return;
        }
        let next = gap.start;
        let gaps = self.gaps.entry(log).or_insert_with(|| Gaps {
            open: VecDeque::new(),
            next,
            under_way: VecDeque::new(),
        });
        gaps.open.push_back(gap);
        self.forget_ready();
    }

    /// The peer reported `size` entries of `log` durable without a gap.
    pub(crate) fn hold(
        &mut self,
        log: &LogId,
        size: u64,
        lag: TimeDelta,
        now: Timestamp,
        config: &Config,
    ) {
        let Some(gaps) = self.gaps.get_mut(log) else { return };
        let mut delivered = 0;
        while gaps.under_way.front().is_some_and(|(end, _)| *end <= size) {
            delivered += gaps.under_way.pop_front().map_or(0, |(_, bytes)| bytes);
        }
        while gaps.open.front().is_some_and(|gap| gap.end <= size) {
            gaps.open.pop_front();
        }
        if let Some(gap) = gaps.open.front_mut() {
            gap.start = gap.start.max(size);
        }
        gaps.next = gaps.next.max(size);
        if gaps.open.is_empty() {
            let left: usize = gaps.under_way.iter().map(|(_, bytes)| bytes).sum();
            self.under_way_bytes -= left;
            self.gaps.remove(log);
        }
        if delivered > 0 {
            self.under_way_bytes -= delivered;
            self.window.delivered(delivered, lag, now, config);
            let again = now + config.scale(limits::RESEND_AFTER);
            self.resend_at = (self.under_way_bytes > 0).then_some(again);
        }
        // What is ready may have come another way.
        if self.ready.front().is_some_and(|batch| batch.log() == *log && batch.end() <= size) {
            self.forget_ready();
        }
    }

    /// The peer asks for `log` from `from` on: whether that is in a gap, and then due again.
    pub(crate) fn rewind(&mut self, log: &LogId, from: u64) -> bool {
        let Some(gaps) = self.gaps.get_mut(log) else { return false };
        if !gaps.open.iter().any(|gap| gap.contains(&from)) {
            return false;
        }
        gaps.next = from;
        let left: usize = gaps.under_way.drain(..).map(|(_, bytes)| bytes).sum();
        self.under_way_bytes -= left;
        self.forget_ready();
        true
    }

    /// Whether nothing was reported durable for too long; if so, everything is due again.
    pub(crate) fn overdue(&mut self, now: Timestamp) -> bool {
        if self.resend_at.is_none_or(|at| now < at) {
            return false;
        }
        for gaps in self.gaps.values_mut() {
            gaps.next = gaps.open.front().map_or(gaps.next, |gap| gap.start);
            gaps.under_way.clear();
        }
        self.under_way_bytes = 0;
        self.resend_at = None;
        self.forget_ready();
        true
    }

    fn forget_ready(&mut self) {
        self.ready.clear();
        self.ready_bytes = 0;
        self.load = None;
    }

    /// The log that is filled now, and where it goes on: the most urgent lane first.
    fn current(&self) -> Option<(LogId, Range<u64>)> {
        let unsent = self.gaps.iter().filter_map(|(log, gaps)| Some((*log, gaps.unsent()?)));
        unsent.min_by_key(|(log, _)| (log.lane, *log))
    }

    fn has_room(&self) -> bool {
        self.under_way_bytes < self.window.bytes
    }

    /// From where to read next of the log that is filled now.
    fn read_from(&self) -> Option<(LogId, u64)> {
        if self.load.is_some() || self.ready_bytes >= limits::BACKFILL_READ_BYTES_MAX / 2 {
            return None;
        }
        let (log, unsent) = self.current()?;
        let next = self.ready.back().map_or(unsent.start, Batch::end);
        (next < unsent.end).then_some((log, next))
    }

    /// Batches for one frame, taken out of what is ready.
    fn next_frame(&mut self) -> Vec<Batch> {
        let mut batches = Vec::new();
        let Some((log, unsent)) = self.current() else { return batches };
        let (mut next, mut bytes) = (unsent.start, 0);
        while let Some(batch) = self.ready.front() {
            // A batch that begins below `next` is the one it lies in; nothing else may come first.
            let fits = batch.log() == log && batch.first() <= next && batch.end() > next;
            let size = batch.as_bytes().len();
            let full = batches.len() >= limits::BATCHES_PER_FRAME_MAX
                || (bytes + size > limits::BACKFILL_FRAME_BYTES_MAX && bytes > 0);
            if !fits || full || next >= unsent.end {
                break;
            }
            next = batch.end();
            bytes += size;
            self.ready_bytes -= size;
            batches.extend(self.ready.pop_front());
        }
        if batches.is_empty() && !self.ready.is_empty() {
            // What was read is of a log that waits now, or came another way.
            self.forget_ready();
        }
        batches
    }

    fn sent(&mut self, log: &LogId, end: u64, bytes: usize, now: Timestamp, config: &Config) {
        let gaps = self.gaps.get_mut(log).expect("only gaps are filled");
        gaps.next = end;
        gaps.under_way.push_back((end, bytes));
        self.under_way_bytes += bytes;
        if self.window.measuring.is_none() {
            self.window.measuring = Some((now, 0));
        }
        if self.resend_at.is_none() {
            self.resend_at = Some(now + config.scale(limits::RESEND_AFTER));
        }
    }
}

impl Node {
    fn backfill(&mut self, peer: NodeId) -> Option<&mut Backfill> {
        let session = self.peers.get_mut(&peer)?.session.as_mut()?;
        Some(&mut session.backfill)
    }

    /// Sends what fills a peer's gaps, as far as the window allows, and reads on.
    pub(crate) fn pump_backfill(&mut self, peer: NodeId, turn: &mut Turn<'_>) {
        loop {
            let Some(backfill) = self.backfill(peer) else { return };
            let batches = if backfill.has_room() { backfill.next_frame() } else { Vec::new() };
            if batches.is_empty() {
                break;
            }
            self.send_backfill(peer, &batches, turn);
        }
        let Some((log, from)) = self.backfill(peer).and_then(|backfill| backfill.read_from())
        else {
            return;
        };
        let op = self.load(LoadTask { peer, log, purpose: LoadPurpose::Backfill }, from, turn);
        self.backfill(peer).expect("it was there").load = Some(op);
    }

    fn send_backfill(&mut self, peer: NodeId, batches: &[Batch], turn: &mut Turn<'_>) {
        let last = batches.last().expect("a frame has batches");
        let (log, end) = (last.log(), last.end());
        let batches: Vec<Arc<[u8]>> =
            batches.iter().map(|batch| released(batch, peer, &self.charter)).collect();
        let bytes = batches.iter().map(|batch| batch.len()).sum();
        let config = self.config.clone();
        let backfill = self.backfill(peer).expect("frames are made for a session");
        backfill.sent(&log, end, bytes, turn.elapsed, &config);
        // Own lanes lack nothing: what the projection hides is not for this peer.
        send(peer, Precedence::Routine, &Message::Batches { complete: true, batches }, turn);
    }

    /// The store answered a read for a gap.
    pub(crate) fn backfill_loaded(
        &mut self,
        op: Op,
        task: LoadTask,
        batches: Vec<Batch>,
        turn: &mut Turn<'_>,
    ) {
        let Some(backfill) = self.backfill(task.peer) else { return };
        if backfill.load != Some(op) {
            return;
        }
        backfill.load = None;
        if batches.is_empty() {
            // The store lacks what it had, and `loaded` has said so; the next tick tries again.
            return;
        }
        for batch in batches {
            backfill.ready_bytes += batch.as_bytes().len();
            backfill.ready.push_back(batch);
        }
        self.pump_backfill(task.peer, turn);
    }
}
