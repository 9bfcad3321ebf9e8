//! One task a connection: it owns the four streams, the pacer, and nothing else.
//!
//! Whatever can go on goes on in one turn: bytes that came are taken apart, frames go to the loop's two
//! bounded queues (FLASH and the connection's own events in one, all else in the other), frames that wait
//! in the outbox go to the pacer, units to the streams. A full queue of the loop stops the reading of bulk
//! only.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{NodeId, Timestamp};
use log::Precedence;
use sync::pacer::Pacer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep};

use super::outbox::LANES;
use super::{Events, LineEvent, Outbox, Taker};

/// Bytes asked of a stream at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes given to streams and not yet taken by them, beyond which the pacer is asked for no more.
const WRITING_BYTES_MAX: usize = 256 * 1024;
/// Rounds of one turn before other tasks have theirs.
const ROUNDS_MAX: usize = 32;

/// A stream of one lane.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Carries frames over four streams, FLASH first, until one of them ends.
pub(super) async fn carry<S: Stream>(
    streams: [S; LANES],
    peer: NodeId,
    connection: u64,
    events: Events,
    mut stop: watch::Receiver<bool>,
) {
    let (outbox, taker) = Outbox::new();
    let begun = Instant::now();
    if events.urgent.send(LineEvent::Connected { peer, connection, outbox }).await.is_err() {
        return;
    }
    let mut line = Carried {
        peer,
        connection,
        begun,
        streams,
        pacer: Pacer::new(Timestamp::from_seconds(0)),
        taker,
        writing: std::array::from_fn(|_| Writing::default()),
        urgent: Gate::new(events.urgent.clone()),
        bulk: Gate::new(events.bulk.clone()),
        buffer: vec![0; READ_BYTES],
        timer: Box::pin(tokio::time::sleep_until(begun)),
    };
    let why = tokio::select! {
        why = poll_fn(|context| line.turn(context)) => why,
        _ = stop.changed() => "this node is stopping".to_owned(),
    };
    events.urgent.send(LineEvent::Disconnected { peer, connection, why }).await.ok();
}

struct Carried<S> {
    peer: NodeId,
    connection: u64,
    begun: Instant,
    streams: [S; LANES],
    pacer: Pacer,
    taker: Taker,
    writing: [Writing; LANES],
    urgent: Gate,
    bulk: Gate,
    buffer: Vec<u8>,
    timer: Pin<Box<Sleep>>,
}

/// Bytes a stream has still to take.
#[derive(Default)]
struct Writing {
    bytes: Vec<u8>,
    gone: usize,
    unflushed: bool,
}

/// Whether anything moved, or why the connection ends.
type Moved = Result<bool, String>;

impl<S: Stream> Carried<S> {
    fn now(&self) -> Timestamp {
        let nanos = self.begun.elapsed().as_nanos();
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Poll<String> {
        for _ in 0..ROUNDS_MAX {
            match self.round(context) {
                Err(why) => return Poll::Ready(why),
                Ok(false) if self.sleeps(context) => return Poll::Pending,
                Ok(_) => {}
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn round(&mut self, context: &mut Context<'_>) -> Moved {
        let mut moved = self.urgent.pass_on(context)? | self.bulk.pass_on(context)?;
        for lane in 0..LANES {
            moved |= self.read(lane, context)?;
        }
        if let Some(why) = self.taker.closed(context) {
            return Err(why);
        }
        for lane in Precedence::ALL {
            while self.pacer.wants(lane)
                && let Some(frame) = self.taker.take(lane as usize)
            {
                self.pacer.push(lane, frame);
            }
        }
        while self.writing.iter().map(|w| w.bytes.len()).sum::<usize>() < WRITING_BYTES_MAX
            && let Some(segment) = self.pacer.poll(self.now())
        {
            self.writing[segment.lane as usize].bytes.extend_from_slice(&segment.bytes);
            moved = true;
        }
        for lane in 0..LANES {
            moved |= self.write(lane, context)?;
        }
        Ok(moved)
    }

    fn read(&mut self, lane: usize, context: &mut Context<'_>) -> Moved {
        let gate = if lane == 0 { &self.urgent } else { &self.bulk };
        if !gate.waiting.is_empty() {
            return Ok(false);
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match Pin::new(&mut self.streams[lane]).poll_read(context, &mut buffer) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Err(error)) => return Err(error.to_string()),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                return Err("the partner closed the line".to_owned());
            }
            Poll::Ready(Ok(())) => {}
        }
        let count = buffer.filled().len();
        let mut frames = Vec::new();
        let now = self.now();
        let taken =
            self.pacer.receive(Precedence::ALL[lane], &self.buffer[..count], now, &mut frames);
        taken.map_err(|error| error.to_string())?;
        let (peer, connection) = (self.peer, self.connection);
        let gate = if lane == 0 { &mut self.urgent } else { &mut self.bulk };
        let received = |(_, frame)| LineEvent::Received { peer, connection, frame };
        gate.waiting.extend(frames.into_iter().map(received));
        gate.pass_on(context)?;
        Ok(true)
    }

    fn write(&mut self, lane: usize, context: &mut Context<'_>) -> Moved {
        let writing = &mut self.writing[lane];
        let mut stream = Pin::new(&mut self.streams[lane]);
        let mut moved = false;
        while writing.gone < writing.bytes.len() {
            match stream.as_mut().poll_write(context, &writing.bytes[writing.gone..]) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Ready(Ok(0)) => return Err("the partner takes no bytes".to_owned()),
                Poll::Ready(Ok(count)) => {
                    writing.gone += count;
                    writing.unflushed = true;
                    moved = true;
                }
            }
        }
        if writing.gone == writing.bytes.len() {
            writing.bytes.clear();
            writing.gone = 0;
        }
        if writing.unflushed {
            match stream.poll_flush(context) {
                Poll::Pending => {}
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Ready(Ok(())) => writing.unflushed = false,
            }
        }
        Ok(moved)
    }

    /// Whether there is nothing to do until something comes in or the time set here.
    fn sleeps(&mut self, context: &mut Context<'_>) -> bool {
        let blocked =
            self.writing.iter().map(|w| w.bytes.len()).sum::<usize>() >= WRITING_BYTES_MAX;
        let Some(at) = self.pacer.wake_at().filter(|_| !blocked) else { return true };
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(0);
        self.timer.as_mut().reset(self.begun + std::time::Duration::from_nanos(nanos));
        self.timer.as_mut().poll(context).is_pending()
    }
}

type Reserving = Pin<
    Box<
        dyn Future<Output = Result<mpsc::OwnedPermit<LineEvent>, mpsc::error::SendError<()>>>
            + Send,
    >,
>;

/// The way into one of the loop's queues, with what waits in front of it.
struct Gate {
    sender: mpsc::Sender<LineEvent>,
    waiting: VecDeque<LineEvent>,
    reserving: Option<Reserving>,
}

impl Gate {
    const fn new(sender: mpsc::Sender<LineEvent>) -> Self {
        Self { sender, waiting: VecDeque::new(), reserving: None }
    }

    fn pass_on(&mut self, context: &mut Context<'_>) -> Moved {
        let mut moved = false;
        while !self.waiting.is_empty() {
            let sender = self.sender.clone();
            let reserving = self.reserving.get_or_insert_with(|| Box::pin(sender.reserve_owned()));
            let Poll::Ready(permit) = reserving.as_mut().poll(context) else { break };
            self.reserving = None;
            let permit = permit.map_err(|_| "this node is stopping".to_owned())?;
            permit.send(self.waiting.pop_front().expect("something waits"));
            moved = true;
        }
        Ok(moved)
    }
}
