//! The bounded queue in front of a line: FLASH first, each precedence in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// Frames of one precedence that may wait; one more closes the line, which then resumes from what
/// the partner holds.
const FRAMES_MAX: usize = 4_096;
/// Bytes of one precedence that may wait, likewise.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Precedences, most urgent first.
const LANES: usize = 4;

#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Queues {
    lanes: [Lane; LANES],
    closed: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    queues: Mutex<Queues>,
    changed: Notify,
}

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
    pub(crate) fn push(&self, lane: usize, frame: Vec<u8>) {
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
        drop(queues);
        self.0.changed.notify_one();
    }

    /// Ends the connection.
    pub(crate) fn close(&self, why: String) {
        self.0.lock().closed.get_or_insert(why);
        self.0.changed.notify_one();
    }

    /// Frames and bytes that wait, by lane.
    pub(crate) fn waiting(&self) -> [(usize, usize); LANES] {
        let queues = self.0.lock();
        std::array::from_fn(|lane| (queues.lanes[lane].frames.len(), queues.lanes[lane].bytes))
    }
}

impl Taker {
    /// The next frame, most urgent first; `Err` says why the line is to be closed. Cancel safe.
    pub(crate) async fn next(&self) -> Result<Vec<u8>, String> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut queues = self.0.lock();
                if let Some(why) = &queues.closed {
                    return Err(why.clone());
                }
                for lane in &mut queues.lanes {
                    if let Some(frame) = lane.frames.pop_front() {
                        lane.bytes -= frame.len();
                        return Ok(frame);
                    }
                }
            }
            changed.await;
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queues> {
        self.queues.lock().expect("no holder of the queue lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn urgent_frames_overtake_and_order_is_kept() {
        let (outbox, taker) = Outbox::new();
        for (lane, frame) in [(3, 1), (3, 2), (0, 3), (1, 4), (0, 5)] {
            outbox.push(lane, vec![frame]);
        }
        let mut got = Vec::new();
        for _ in 0..5 {
            got.extend(taker.next().await.unwrap());
        }
        assert_eq!(got, [3, 5, 4, 1, 2]);
        outbox.close("done".to_owned());
        assert_eq!(taker.next().await.unwrap_err(), "done");
    }

    #[tokio::test]
    async fn a_slow_partner_is_shed() {
        let (outbox, taker) = Outbox::new();
        for _ in 0..=FRAMES_MAX {
            outbox.push(2, vec![0]);
        }
        assert!(taker.next().await.unwrap_err().contains("too slowly"));
        assert_eq!(outbox.waiting()[2].0, FRAMES_MAX + 1);
    }
}
