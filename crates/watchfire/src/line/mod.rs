//! Lines: QUIC, or TCP and TLS 1.3, with raw public keys named in the charter (RFC 7250), both sides
//! proven.
//!
//! A carrier only moves frames between streams and bounded queues: no work happens on a receive path.
//! One task owns each connection's four streams and its pacer; the charter says which side dials and
//! over what, and it keeps dialling.
//!
//! ```text
//! frames ─► outbox ─► pacer ─► four streams, one a lane ─► pacer ─► the loop's two queues
//!
//! QUIC: one connection, four bidirectional streams, each begun with its lane (u8)
//! TCP:  four connections, each begun with lane u8 | random name of the four 16
//! ```
//!
//! Then units of [`sync::pacer`] until the connection ends. QUIC streams have priorities in the sender;
//! TCP connections have a not-sent low-water mark and a DSCP mark for each lane. A QUIC socket sends all
//! lanes, and its library sets the whole of each packet's traffic class for ECN: it carries no marks.

mod carry;
mod outbox;
mod quic;
mod tcp;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::NodeId;
use log::{Carrier, Charter};
use tokio::sync::{mpsc, watch};

use crate::error::Error;

pub(crate) use outbox::{Outbox, Taker};
pub(crate) use quic::{plain_client, plain_server};
pub(crate) use tls::{Directory, Identity};

/// Connections being set up at once; further ones wait in the system's backlog.
const HANDSHAKES_MAX: usize = 16;
/// A connection that has not proven itself by then is closed: four handshakes of a few kilobytes each
/// way, at 64 kbit/s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// First and longest wait between two dials.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a carrier tells the loop.
#[derive(Debug)]
pub(crate) enum LineEvent {
    /// A proven connection stands; `outbox` takes frames for it.
    Connected { peer: NodeId, connection: u64, outbox: Outbox },
    /// A frame came.
    Received { peer: NodeId, connection: u64, frame: Vec<u8> },
    /// The connection ended.
    Disconnected { peer: NodeId, connection: u64, why: String },
    /// Somebody who is not in the charter, or not whom we dialled, was turned away.
    Refused { address: String, why: String },
}

/// The loop's two queues.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    /// FLASH frames, and beginnings and ends of connections.
    pub(crate) urgent: mpsc::Sender<LineEvent>,
    /// All other frames.
    pub(crate) bulk: mpsc::Sender<LineEvent>,
}

/// One line of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Over what.
    pub(crate) carrier: Carrier,
    /// Where to dial, if this side dials.
    pub(crate) dial: Option<String>,
}

/// What a carrier needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) me: NodeId,
    pub(crate) realm: String,
    pub(crate) identity: Arc<Identity>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) listen: SocketAddr,
}

/// What the tasks of a carrier share.
#[derive(Clone)]
struct Around {
    lines: Arc<Lines>,
    events: Events,
    numbers: Arc<std::sync::atomic::AtomicU64>,
    stop: watch::Receiver<bool>,
}

/// The name of a carrier in line states.
pub(crate) const fn name(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Tcp => "tcp+tls",
        other => other.as_str(),
    }
}

/// Listens, dials, and reports into `events` until `stop` changes.
pub(crate) async fn start(
    lines: Lines,
    events: Events,
    stop: watch::Receiver<bool>,
) -> Result<Carriers, Error> {
    let numbers = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let around = Around { lines: Arc::new(lines), events, numbers, stop };
    tcp::start(&around).await?;
    let runtime = tokio::runtime::Handle::current();
    let carriers = Carriers { around, runtime, running: Mutex::default() };
    carriers.carry_what_is_named()?;
    Ok(carriers)
}

/// The carriers of a running node, to follow the charter.
pub(crate) struct Carriers {
    around: Around,
    runtime: tokio::runtime::Handle,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// Whether QUIC is listened for; begins with the first charter that names a QUIC line.
    quic: bool,
    /// Whom a task dials over what; it ends when the charter names no such line any more.
    dialling: BTreeMap<(NodeId, &'static str), tokio::task::JoinHandle<()>>,
}

impl Carriers {
    /// Accepts and dials whom this charter names, and nobody else, from now on.
    pub(crate) fn follow(&self, charter: &Charter) -> Result<(), Error> {
        let lines = &self.around.lines;
        lines.directory.follow(lines.me, charter);
        self.carry_what_is_named()
    }

    fn carry_what_is_named(&self) -> Result<(), Error> {
        // Sockets belong to the threads that serve them, and the loop is another.
        let _entered = self.runtime.enter();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = self.around.lines.directory.routes();
        let dialled = routes.iter().filter(|(_, route)| route.dial.is_some());
        running.dialling.retain(|_, task| !task.is_finished());
        for (peer, route) in dialled {
            let (around, peer, carrier) = (&self.around, *peer, route.carrier);
            running.dialling.entry((peer, name(carrier))).or_insert_with(|| {
                if carrier == Carrier::Quic {
                    tokio::spawn(quic::keep_dialling(around.clone(), peer))
                } else {
                    tokio::spawn(tcp::keep_dialling(around.clone(), peer))
                }
            });
        }
        if !running.quic && routes.values().any(|route| route.carrier == Carrier::Quic) {
            quic::start(&self.around)?;
            running.quic = true;
        }
        Ok(())
    }
}

impl Around {
    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    async fn refuse(&self, address: String, why: String) {
        self.events.urgent.send(LineEvent::Refused { address, why }).await.ok();
    }

    /// Where to dial `peer` over `carrier` by the charter now in force, if at all.
    fn address(&self, peer: NodeId, carrier: Carrier) -> Option<String> {
        self.lines.directory.route(peer).filter(|route| route.carrier == carrier)?.dial
    }

    /// Waits before the next dial; whether there is to be one.
    async fn wait(&mut self, wait: &mut Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(*wait) => *wait = (*wait * 2).min(BACKOFF.1),
            _ = self.stop.changed() => return false,
        }
        true
    }
}

impl Lines {
    /// Which charter node has this key, if it has a line here. Over what it comes is not asked: it may
    /// not know yet that the charter names another carrier, and learns so over the line.
    fn proven(&self, key: Option<&[u8]>) -> Result<NodeId, String> {
        let peer =
            key.and_then(|key| self.directory.node(key)).ok_or("the key is not in the charter")?;
        if self.directory.route(peer).is_none() {
            return Err(format!("the charter names no line from `{peer}` to `{}`", self.me));
        }
        Ok(peer)
    }
}
