//! One task a connection: reads frames, writes frames, holds no opinion.

use std::time::Duration;

use base::{NodeId, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsStream;

use super::{LineEvent, Outbox};

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 64 * 1024;
/// A peer that takes no byte for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const LENGTH_BYTES: usize = 4;

/// Carries frames over `tls` until it ends, and reports its beginning and end.
pub(super) async fn carry(
    tls: TlsStream<TcpStream>,
    peer: NodeId,
    connection: u64,
    events: mpsc::Sender<LineEvent>,
    mut stop: watch::Receiver<bool>,
) {
    let (outbox, taker) = Outbox::new();
    if events.send(LineEvent::Connected { peer, connection, outbox }).await.is_err() {
        return;
    }
    let (reader, writer) = tokio::io::split(tls);
    // Both halves live in this one task; neither can be held up by the other's full buffer.
    let why = tokio::select! {
        why = receive(reader, peer, connection, &events) => why,
        why = send(writer, &taker) => why,
        _ = stop.changed() => "this node is stopping".to_owned(),
    };
    events.send(LineEvent::Disconnected { peer, connection, why }).await.ok();
}

async fn receive(
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    peer: NodeId,
    connection: u64,
    events: &mpsc::Sender<LineEvent>,
) -> String {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    loop {
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return "the partner closed the line".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        loop {
            match split(&mut buffer) {
                Ok(Some(frame)) => {
                    let event = LineEvent::Received { peer, connection, frame };
                    if events.send(event).await.is_err() {
                        return "this node is stopping".to_owned();
                    }
                }
                Ok(None) => break,
                Err(why) => return why,
            }
        }
        // Grown with the bytes that really came, never from the announced length.
        buffer.reserve(READ_BYTES);
    }
}

/// Takes one whole frame off the front of `buffer`.
fn split(buffer: &mut Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length == 0 || length > limits::FRAME_BYTES_MAX {
        let max = limits::FRAME_BYTES_MAX;
        return Err(format!("expected a frame of 1 to {max} bytes, got one of {length}"));
    }
    let end = LENGTH_BYTES + length;
    if buffer.len() < end {
        return Ok(None);
    }
    let frame = buffer[LENGTH_BYTES..end].to_vec();
    buffer.drain(..end);
    Ok(Some(frame))
}

async fn send(mut writer: WriteHalf<TlsStream<TcpStream>>, taker: &super::Taker) -> String {
    loop {
        let frame = match taker.next().await {
            Ok(frame) => frame,
            Err(why) => return why,
        };
        let length = u32::try_from(frame.len()).expect("frames are made within FRAME_BYTES_MAX");
        let mut bytes = Vec::with_capacity(LENGTH_BYTES + frame.len());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&frame);
        let written = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        match tokio::time::timeout(WRITE_TIMEOUT, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the partner takes no bytes".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_where_they_end() {
        let mut buffer = vec![0, 0, 0, 2, 7, 8, 0, 0, 0, 1];
        assert_eq!(split(&mut buffer).unwrap(), Some(vec![7, 8]));
        assert_eq!(split(&mut buffer).unwrap(), None);
        buffer.push(9);
        assert_eq!(split(&mut buffer).unwrap(), Some(vec![9]));
        assert!(buffer.is_empty());
    }

    #[test]
    fn absurd_lengths_are_refused_before_anything_is_allocated() {
        for length in [[0, 0, 0, 0], [255, 255, 255, 255]] {
            let error = split(&mut length.to_vec()).unwrap_err();
            assert!(error.contains("expected a frame of 1 to"), "{error}");
        }
    }
}
