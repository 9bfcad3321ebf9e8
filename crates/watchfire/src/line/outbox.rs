//! The bounded queue in front of a line: FLASH first, each precedence in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

/// Frames of one precedence that may wait; one more closes the line, which then resumes from what
/// the partner holds.
const FRAMES_MAX: usize = 4_096;
/// Bytes of one precedence that may wait, likewise.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Frames and bytes of one precedence that may wait before what goes on for others is dropped: half of
/// that, so that nobody else's traffic closes a line.
const PASSED_BEHIND_MAX: (usize, usize) = (FRAMES_MAX / 2, BYTES_MAX / 2);
/// Precedences, most urgent first.
pub(super) const LANES: usize = 4;

#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Queues {
    lanes: [Lane; LANES],
    closed: Option<String>,
    /// Wakes the task that owns the stream.
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<Queues>);

/// The filling end; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(Arc<Shared>);

/// The emptying end, owned by the task that owns the stream.
#[derive(Debug)]
pub(crate) struct Taker(Arc<Shared>);

impl Outbox {
    /// A new queue's two ends.
    pub(crate) fn new() -> (Self, Taker) {
        let shared = Arc::new(Shared::default());
        (Self(Arc::clone(&shared)), Taker(shared))
    }

    /// Queues `frame` at `lane` (0 is FLASH). An overflowing queue closes the line.
    pub(crate) fn push(&self, lane: usize, frame: Arc<[u8]>) {
        let mut queues = self.0.lock();
        if queues.closed.is_some() {
            return;
        }
        let queue = &mut queues.lanes[lane.min(LANES - 1)];
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        if queue.frames.len() > FRAMES_MAX || queue.bytes > BYTES_MAX {
            queues.closed =
                Some("the partner takes frames too slowly; resuming from what it holds".to_owned());
        }
        queues.wake();
    }

    /// Queues a frame that goes on for others; drops it where too much waits.
    pub(crate) fn pass(&self, lane: usize, frame: Arc<[u8]>) {
        let (frames, bytes) = self.waiting()[lane.min(LANES - 1)];
        if frames < PASSED_BEHIND_MAX.0 && bytes + frame.len() < PASSED_BEHIND_MAX.1 {
            self.push(lane, frame);
        }
    }

    /// Ends the connection.
    pub(crate) fn close(&self, why: String) {
        let mut queues = self.0.lock();
        queues.closed.get_or_insert(why);
        queues.wake();
    }

    /// Frames and bytes that wait, by lane.
    pub(crate) fn waiting(&self) -> [(usize, usize); LANES] {
        let queues = self.0.lock();
        std::array::from_fn(|lane| (queues.lanes[lane].frames.len(), queues.lanes[lane].bytes))
    }
}

impl Taker {
    /// Why the line is to be closed, if it is; otherwise the task is woken at the next change.
    pub(crate) fn closed(&self, context: &Context<'_>) -> Option<String> {
        let mut queues = self.0.lock();
        queues.waker = Some(context.waker().clone());
        queues.closed.clone()
    }

    /// The next frame of a lane.
    pub(crate) fn take(&self, lane: usize) -> Option<Arc<[u8]>> {
        let mut queues = self.0.lock();
        let queue = &mut queues.lanes[lane.min(LANES - 1)];
        let frame = queue.frames.pop_front()?;
        queue.bytes -= frame.len();
        Some(frame)
    }
}

impl Queues {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queues> {
        self.0.lock().expect("no holder of the queue lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_lane_is_kept_and_closing_is_told() {
        let context = Context::from_waker(Waker::noop());
        let (outbox, taker) = Outbox::new();
        for (lane, frame) in [(3, 1), (3, 2), (0, 3), (1, 4), (0, 5)] {
            outbox.push(lane, [frame].into());
        }
        let mut got = Vec::new();
        for lane in 0..LANES {
            while let Some(frame) = taker.take(lane) {
                got.extend_from_slice(&frame);
            }
        }
        assert_eq!(got, [3, 5, 4, 1, 2]);
        assert_eq!(taker.closed(&context), None);
        outbox.close("done".to_owned());
        assert_eq!(taker.closed(&context).unwrap(), "done");
    }

    #[test]
    fn a_slow_partner_is_shed() {
        let context = Context::from_waker(Waker::noop());
        let (outbox, taker) = Outbox::new();
        for _ in 0..=FRAMES_MAX {
            outbox.push(2, [0].into());
        }
        assert!(taker.closed(&context).unwrap().contains("too slowly"));
        assert_eq!(outbox.waiting()[2].0, FRAMES_MAX + 1);
    }

    #[test]
    fn what_goes_on_for_others_closes_no_line() {
        let context = Context::from_waker(Waker::noop());
        let (outbox, taker) = Outbox::new();
        for _ in 0..2 * FRAMES_MAX {
            outbox.pass(0, [0].into());
        }
        assert_eq!(outbox.waiting()[0].0, FRAMES_MAX / 2);
        outbox.push(0, [1].into());
        assert_eq!(taker.closed(&context), None);
        assert_eq!(outbox.waiting()[0].0, FRAMES_MAX / 2 + 1);
    }
}
