//! TCP + TLS 1.3: a connection for each lane, so that no lane waits behind another in the system.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base::NodeId;
use log::Carrier;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsStream;

use super::outbox::LANES;
use super::{Around, BACKOFF, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, carry, tls};
use crate::error::Error;

/// Bytes the system may hold unsent: what is urgent waits behind no more of its own lane.
const NOT_SENT_BYTES: u32 = 16 * 1024;
/// DSCP marks by lane: EF, AF31, AF21 (RFC 4594, section 2.3) and best effort.
const DSCP: [u32; LANES] = [46, 26, 18, 0];
/// The lane and the name of the four connections that belong together.
const GREETING_BYTES: usize = 17;

type Tls = TlsStream<TcpStream>;

/// Connections of peers that have not all come yet: one group a peer, so bounded by the charter.
type Gathering = Arc<Mutex<BTreeMap<NodeId, Group>>>;

struct Group {
    name: [u8; 16],
    streams: [Option<Tls>; LANES],
}

pub(super) async fn start(around: &Around) -> Result<(), Error> {
    let listen = around.lines.listen;
    let listener = TcpListener::bind(listen).await.map_err(|source| Error::Listen {
        what: "lines",
        address: listen.to_string(),
        source,
    })?;
    tokio::spawn(accept(listener, around.clone()));
    Ok(())
}

fn tune(socket: &TcpStream) {
    socket.set_nodelay(true).ok();
    // Neither is needed for correctness; systems without them carry on.
    SockRef::from(socket).set_tcp_notsent_lowat(NOT_SENT_BYTES).ok();
}

fn mark(stream: &Tls, lane: usize) {
    let socket = SockRef::from(stream.get_ref().0);
    let class = DSCP[lane] << 2;
    match stream.get_ref().0.local_addr() {
        Ok(SocketAddr::V6(_)) => socket.set_tclass_v6(class).ok(),
        _ => socket.set_tos_v4(class).ok(),
    };
}

async fn accept(listener: TcpListener, mut around: Around) {
    let acceptor = tls::acceptor(&around.lines);
    let places = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES_MAX));
    let gathering = Gathering::default();
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
            _ = around.stop.changed() => return,
        };
        let (acceptor, around, gathering) =
            (acceptor.clone(), around.clone(), Arc::clone(&gathering));
        tokio::spawn(async move {
            let greeted = greeted(&around, &acceptor, socket);
            let why = match tokio::time::timeout(HANDSHAKE_TIMEOUT, greeted).await {
                Ok(Ok((peer, greeting, stream))) => {
                    drop(place);
                    Box::pin(gather(&around, &gathering, peer, greeting, stream)).await;
                    return;
                }
                Ok(Err(Unproven::Silent)) => {
                    return tracing::debug!(%address, "a connection ended before its first byte");
                }
                Ok(Err(Unproven::Refused(why))) => why,
                Err(_) => "the handshake took too long".to_owned(),
            };
            around.refuse(address.to_string(), why).await;
        });
    }
}

/// Why a connection did not become a line.
enum Unproven {
    /// It ended before it said anything: somebody looks whether the port is open, as `watchfire doctor`
    /// at a partner and monitoring do, which is no finding.
    Silent,
    /// It was turned away.
    Refused(String),
}

impl From<String> for Unproven {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

async fn greeted(
    around: &Around,
    acceptor: &tokio_rustls::TlsAcceptor,
    socket: TcpStream,
) -> Result<(NodeId, [u8; GREETING_BYTES], Tls), Unproven> {
    tune(&socket);
    if !matches!(socket.peek(&mut [0]).await, Ok(1)) {
        return Err(Unproven::Silent);
    }
    let mut stream = acceptor.accept(socket).await.map_err(|error| error.to_string())?;
    let peer = around.lines.proven(tls::peer_key(stream.get_ref().1))?;
    let mut greeting = [0; GREETING_BYTES];
    stream.read_exact(&mut greeting).await.map_err(|error| error.to_string())?;
    if usize::from(greeting[0]) >= LANES {
        return Err(format!("expected a lane from 0 to 3, got {}", greeting[0]).into());
    }
    Ok((peer, greeting, TlsStream::Server(stream)))
}

/// Puts a lane's connection to the others of its name; the last one starts the line. Those whose
/// others do not come in time are closed.
async fn gather(
    around: &Around,
    gathering: &Gathering,
    peer: NodeId,
    [lane, name @ ..]: [u8; GREETING_BYTES],
    stream: Tls,
) {
    let lane = usize::from(lane);
    mark(&stream, lane);
    let whole = {
        let mut groups = gathering.lock().expect("no holder of this lock panics");
        let group = groups
            .entry(peer)
            .and_modify(|group| {
                if group.name != name {
                    *group = Group { name, streams: Default::default() };
                }
            })
            .or_insert_with(|| Group { name, streams: Default::default() });
        group.streams[lane] = Some(stream);
        if group.streams.iter().all(Option::is_some) { groups.remove(&peer) } else { None }
    };
    if let Some(group) = whole {
        let streams = group.streams.map(|stream| stream.expect("all four came"));
        let (events, stop) = (around.events.clone(), around.stop.clone());
        carry::carry(streams, peer, around.next_number(), events, stop).await;
        return;
    }
    tokio::time::sleep(HANDSHAKE_TIMEOUT).await;
    let left = {
        let mut groups = gathering.lock().expect("no holder of this lock panics");
        let same = groups.get(&peer).is_some_and(|group| group.name == name);
        if same { groups.remove(&peer) } else { None }
    };
    if let Some(group) = left {
        let came = group.streams.iter().flatten().count();
        let why = format!("expected a connection for each of {LANES} lanes, got {came} in time");
        around.refuse(format!("`{peer}`"), why).await;
    }
}

pub(super) async fn keep_dialling(mut around: Around, peer: NodeId) {
    let connector = tls::connector(&around.lines, peer);
    let mut wait = BACKOFF.0;
    // The charter may name another address, or no such line any more.
    while let Some(address) = around.address(peer, Carrier::Tcp) {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, connect(&connector, &address)).await {
            Ok(Ok(streams)) => {
                wait = BACKOFF.0;
                let (events, stop) = (around.events.clone(), around.stop.clone());
                carry::carry(streams, peer, around.next_number(), events, stop).await;
            }
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "dialling failed");
                if error.kind() == std::io::ErrorKind::InvalidData {
                    around.refuse(address.clone(), error.to_string()).await;
                }
            }
            Err(_) => tracing::debug!(%peer, "dialling took too long"),
        }
        if !around.wait(&mut wait).await {
            return;
        }
    }
}

async fn connect(
    connector: &tokio_rustls::TlsConnector,
    address: &str,
) -> std::io::Result<[Tls; LANES]> {
    let mut greeting = [0; GREETING_BYTES];
    aws_lc_rs::rand::fill(&mut greeting[1..]).map_err(std::io::Error::other)?;
    let mut streams = Vec::with_capacity(LANES);
    for lane in 0..LANES {
        let socket = TcpStream::connect(address).await?;
        tune(&socket);
        let mut stream = connector.connect(tls::server_name(), socket).await?;
        greeting[0] = u8::try_from(lane).expect("a lane is 0 to 3");
        stream.write_all(&greeting).await?;
        stream.flush().await?;
        let stream = TlsStream::Client(stream);
        mark(&stream, lane);
        streams.push(stream);
    }
    Ok(streams.try_into().unwrap_or_else(|_| unreachable!("one stream a lane was made")))
}
