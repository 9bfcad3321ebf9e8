//! Lines: TCP + TLS 1.3 with raw public keys named in the charter (RFC 7250), both sides proven.
//!
//! A carrier only moves frames between the socket and bounded queues: no work happens on a receive
//! path. One task owns each TLS stream; the charter says which side dials, and it keeps dialling.
//!
//! ```text
//! frame: u32 big-endian length │ that many bytes (at most limits::FRAME_BYTES_MAX)
//! ```

mod outbox;
mod stream;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::NodeId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::error::Error;

pub(crate) use outbox::{Outbox, Taker};
pub(crate) use tls::{Directory, Identity};

/// Names the carrier in line states.
pub(crate) const CARRIER: &str = "tcp+tls";
/// Connections being set up at once; further ones wait in the system's backlog.
const HANDSHAKES_MAX: usize = 16;
/// A connection that has not proven itself by then is closed.
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

/// What a carrier needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) me: NodeId,
    pub(crate) realm: String,
    pub(crate) identity: Arc<Identity>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) listen: SocketAddr,
    /// Whom this node has a line to, and where to dial those it dials.
    pub(crate) peers: BTreeMap<NodeId, Option<String>>,
}

/// Listens, dials, and reports into `events` until `stop` changes.
pub(crate) async fn start(
    lines: Lines,
    events: mpsc::Sender<LineEvent>,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let listener = TcpListener::bind(lines.listen).await.map_err(|source| Error::Listen {
        what: "lines",
        address: lines.listen.to_string(),
        source,
    })?;
    let lines = Arc::new(lines);
    let numbers = Arc::new(std::sync::atomic::AtomicU64::new(1));
    tokio::spawn(accept(
        listener,
        Arc::clone(&lines),
        events.clone(),
        Arc::clone(&numbers),
        stop.clone(),
    ));
    for (peer, address) in &lines.peers {
        if let Some(address) = address {
            let dial = Dial { lines: Arc::clone(&lines), peer: *peer, address: address.clone() };
            tokio::spawn(dial.keep(events.clone(), Arc::clone(&numbers), stop.clone()));
        }
    }
    Ok(())
}

type Numbers = Arc<std::sync::atomic::AtomicU64>;

fn next(numbers: &Numbers) -> u64 {
    numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

async fn accept(
    listener: TcpListener,
    lines: Arc<Lines>,
    events: mpsc::Sender<LineEvent>,
    numbers: Numbers,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = tls::acceptor(&lines);
    let places = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (socket, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(pair) => pair,
                Err(error) => {
                    tracing::warn!(%error, "accepting a line failed");
                    tokio::time::sleep(BACKOFF.0).await;
                    continue;
                }
            },
            _ = stop.changed() => return,
        };
        let (acceptor, lines, events, stop) =
            (acceptor.clone(), Arc::clone(&lines), events.clone(), stop.clone());
        let connection = next(&numbers);
        tokio::spawn(async move {
            socket.set_nodelay(true).ok();
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await;
            let why = match handshake {
                Ok(Ok(tls)) => match lines.proven(tls.get_ref().1) {
                    Ok(peer) => {
                        drop(place);
                        stream::carry(
                            tokio_rustls::TlsStream::Server(tls),
                            peer,
                            connection,
                            events,
                            stop,
                        )
                        .await;
                        return;
                    }
                    Err(why) => why,
                },
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the handshake took too long".to_owned(),
            };
            events.send(LineEvent::Refused { address: address.to_string(), why }).await.ok();
        });
    }
}

impl Lines {
    /// Which charter node the other side has proven to be.
    fn proven(&self, session: &impl tls::Proven) -> Result<NodeId, String> {
        let peer = session
            .peer_key()
            .and_then(|key| self.directory.node(key))
            .ok_or("the key is not in the charter")?;
        if self.peers.contains_key(&peer) {
            Ok(peer)
        } else {
            Err(format!("the charter names no line from `{peer}` to `{}`", self.me))
        }
    }
}

struct Dial {
    lines: Arc<Lines>,
    peer: NodeId,
    address: String,
}

impl Dial {
    async fn keep(
        self,
        events: mpsc::Sender<LineEvent>,
        numbers: Numbers,
        mut stop: watch::Receiver<bool>,
    ) {
        let connector = tls::connector(&self.lines, self.peer);
        let mut wait = BACKOFF.0;
        loop {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, self.connect(&connector)).await {
                Ok(Ok(tls)) => {
                    wait = BACKOFF.0;
                    let stream = tokio_rustls::TlsStream::Client(tls);
                    let connection = next(&numbers);
                    stream::carry(stream, self.peer, connection, events.clone(), stop.clone())
                        .await;
                }
                Ok(Err(error)) => {
                    tracing::debug!(peer = %self.peer, %error, "dialling failed");
                    if error.kind() == std::io::ErrorKind::InvalidData {
                        let (address, why) = (self.address.clone(), error.to_string());
                        events.send(LineEvent::Refused { address, why }).await.ok();
                    }
                }
                Err(_) => tracing::debug!(peer = %self.peer, "dialling took too long"),
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(BACKOFF.1),
                _ = stop.changed() => return,
            }
        }
    }

    async fn connect(
        &self,
        connector: &tokio_rustls::TlsConnector,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let socket = TcpStream::connect(&self.address).await?;
        socket.set_nodelay(true)?;
        connector.connect(tls::server_name(), socket).await
    }
}
