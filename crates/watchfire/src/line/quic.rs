//! QUIC: one connection, a stream for each lane, stream priorities.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::NodeId;
use log::Carrier;
use quinn::{Connection, Endpoint, TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Join};

use super::outbox::LANES;
use super::{Around, BACKOFF, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, Lines, carry, tls};
use crate::error::Error;

/// A connection on which nothing came for this long is dead; pings come every second.
const IDLE_MAX: Duration = Duration::from_secs(20);

type Lane = Join<quinn::RecvStream, quinn::SendStream>;

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let lanes = VarInt::from_u32(u32::try_from(LANES).expect("four"));
    config
        .max_concurrent_bidi_streams(lanes)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        // A probe of a full packet would hold a 64 kbit/s line for 190 ms.
        .mtu_discovery_config(None)
        .max_idle_timeout(Some(IDLE_MAX.try_into().expect("20 s is an idle timeout")));
    Arc::new(config)
}

fn refused(address: SocketAddr, source: std::io::Error) -> Error {
    Error::Listen { what: "lines over QUIC", address: address.to_string(), source }
}

/// A listening endpoint with this line's keys; the library's settings but for those `set` changes.
fn listening(lines: &Lines, set: impl FnOnce(&mut quinn::ServerConfig)) -> Result<Endpoint, Error> {
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls::server(lines))
        .map_err(|error| refused(lines.listen, std::io::Error::other(error)))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    set(&mut config);
    Endpoint::server(config, lines.listen).map_err(|source| refused(lines.listen, source))
}

/// A connection to `peer` at `to`; the library's settings but for those `set` changes.
async fn dialled(
    lines: &Lines,
    peer: NodeId,
    to: SocketAddr,
    set: impl FnOnce(&mut quinn::ClientConfig),
) -> Result<(Endpoint, Connection), Failed> {
    let from: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls::client(lines, peer))
        .map_err(|error| failed(&error))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    set(&mut config);
    let endpoint = Endpoint::client(from).map_err(|error| failed(&error))?;
    let connecting =
        endpoint.connect_with(config, to, "watchfire.invalid").map_err(|error| failed(&error))?;
    let connection = connecting.await.map_err(|error| {
        let refused = matches!(error, quinn::ConnectionError::TransportError(_));
        (error.to_string(), refused)
    })?;
    Ok((endpoint, connection))
}

/// A listening endpoint as the library comes, for comparisons.
pub(crate) fn plain_server(lines: &Lines) -> Result<Endpoint, Error> {
    listening(lines, |_| ())
}

/// A connection as the library comes, for comparisons.
pub(crate) async fn plain_client(
    lines: &Lines,
    peer: NodeId,
    to: SocketAddr,
) -> Result<(Endpoint, Connection), Error> {
    let dialled = dialled(lines, peer, to, |_| ()).await;
    dialled.map_err(|(why, _)| refused(to, std::io::Error::other(why)))
}

pub(super) fn start(around: &Around) -> Result<(), Error> {
    let endpoint = listening(&around.lines, |config| {
        config.transport_config(transport()).migration(false);
    })?;
    tokio::spawn(accept(endpoint, around.clone()));
    Ok(())
}

async fn accept(endpoint: Endpoint, mut around: Around) {
    let places = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let incoming = tokio::select! {
            Some(incoming) = endpoint.accept() => incoming,
            _ = around.stop.changed() => break,
            else => return,
        };
        let around = around.clone();
        tokio::spawn(async move {
            let address = incoming.remote_address().to_string();
            let greeted = greeted(&around, incoming);
            let why = match tokio::time::timeout(HANDSHAKE_TIMEOUT, greeted).await {
                Ok(Ok((peer, connection, streams))) => {
                    drop(place);
                    run(&around, peer, &connection, streams).await;
                    return;
                }
                Ok(Err(why)) => why,
                Err(_) => "the handshake took too long".to_owned(),
            };
            around.refuse(address, why).await;
        });
    }
    endpoint.close(VarInt::from_u32(0), b"stopping");
}

async fn run(around: &Around, peer: NodeId, connection: &Connection, streams: [Lane; LANES]) {
    let (events, stop) = (around.events.clone(), around.stop.clone());
    carry::carry(streams, peer, around.next_number(), events, stop).await;
    connection.close(VarInt::from_u32(0), b"");
}

async fn greeted(
    around: &Around,
    incoming: quinn::Incoming,
) -> Result<(NodeId, Connection, [Lane; LANES]), String> {
    let connection = incoming.await.map_err(|error| error.to_string())?;
    let keys =
        connection.peer_identity().and_then(|any| any.downcast::<Vec<CertificateDer<'_>>>().ok());
    let key = keys.as_ref().and_then(|keys| keys.first()).map(AsRef::as_ref);
    let peer = around.lines.proven(key).inspect_err(|why| {
        connection.close(VarInt::from_u32(1), why.as_bytes());
    })?;
    let mut streams: [Option<Lane>; LANES] = Default::default();
    for _ in 0..LANES {
        let (send, mut receive) =
            connection.accept_bi().await.map_err(|error| error.to_string())?;
        let lane = usize::from(receive.read_u8().await.map_err(|error| error.to_string())?);
        let place = streams.get_mut(lane).filter(|place| place.is_none());
        let place = place.ok_or_else(|| format!("expected each lane once, got lane {lane}"))?;
        prefer(&send, lane);
        *place = Some(tokio::io::join(receive, send));
    }
    Ok((peer, connection, streams.map(|stream| stream.expect("each lane came once"))))
}

/// Lower lanes first.
fn prefer(stream: &quinn::SendStream, lane: usize) {
    let priority = i32::try_from(LANES - lane).expect("at most four");
    // Fails only on a stream that is closed, which the first write tells as well.
    stream.set_priority(priority).ok();
}

pub(super) async fn keep_dialling(mut around: Around, peer: NodeId) {
    let mut wait = BACKOFF.0;
    // The charter may name another address, or no such line any more.
    while let Some(address) = around.address(peer, Carrier::Quic) {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, connect(&around, peer, &address)).await {
            Ok(Ok((_endpoint, connection, streams))) => {
                wait = BACKOFF.0;
                run(&around, peer, &connection, streams).await;
            }
            Ok(Err((why, refused))) => {
                tracing::debug!(%peer, why, "dialling failed");
                if refused {
                    around.refuse(address.clone(), why).await;
                }
            }
            Err(_) => tracing::debug!(%peer, "dialling took too long"),
        }
        if !around.wait(&mut wait).await {
            return;
        }
    }
}

/// Why a dial failed, and whether because the other side is not whom we dialled.
type Failed = (String, bool);

fn failed(error: &dyn std::fmt::Display) -> Failed {
    (error.to_string(), false)
}

async fn connect(
    around: &Around,
    peer: NodeId,
    address: &str,
) -> Result<(Endpoint, Connection, [Lane; LANES]), Failed> {
    let mut addresses = tokio::net::lookup_host(address).await.map_err(|error| failed(&error))?;
    let to = addresses.next().ok_or_else(|| failed(&"the name has no address"))?;
    let (endpoint, connection) = dialled(&around.lines, peer, to, |config| {
        config.transport_config(transport());
    })
    .await?;
    let mut streams = Vec::with_capacity(LANES);
    for lane in 0..LANES {
        let (mut send, receive) = connection.open_bi().await.map_err(|error| failed(&error))?;
        prefer(&send, lane);
        let lane = u8::try_from(lane).expect("a lane is 0 to 3");
        send.write_u8(lane).await.map_err(|error| failed(&error))?;
        streams.push(tokio::io::join(receive, send));
    }
    let streams =
        streams.try_into().unwrap_or_else(|_| unreachable!("one stream a lane was opened"));
    Ok((endpoint, connection, streams))
}
