//! A wire between the store and a server that a test can cut in either direction.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Wire {
    /// Everything passes.
    Whole,
    /// What the store says is lost.
    Deaf,
    /// What the server answers is lost.
    Mute,
}

/// Listens on loopback and passes bytes on to one server.
pub(super) struct Proxy {
    port: u16,
    wire: Arc<AtomicU8>,
}

impl Proxy {
    /// Before the server at `nats://HOST:PORT`.
    pub(super) fn before(server: &str) -> Self {
        let server = server.strip_prefix("nats://").expect("a server's address").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let wire = Arc::new(AtomicU8::new(Wire::Whole as u8));
        let cut = Arc::clone(&wire);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // A cut wire takes no new connections.
                let far = TcpStream::connect(&server).ok();
                let Some(far) = far.filter(|_| cut.load(Ordering::SeqCst) == Wire::Whole as u8)
                else {
                    continue;
                };
                pass(&near, &far, Wire::Deaf, &cut);
                pass(&far, &near, Wire::Mute, &cut);
            }
        });
        Self { port, wire }
    }

    pub(super) fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(super) fn set(&self, wire: Wire) {
        self.wire.store(wire as u8, Ordering::SeqCst);
    }
}

/// Copies one direction on a thread; `lost` is the state in which its bytes are lost. A connection that
/// lost bytes ends when the wire is whole again.
fn pass(from: &TcpStream, to: &TcpStream, lost: Wire, wire: &Arc<AtomicU8>) {
    let (mut from, mut to) =
        (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    let wire = Arc::clone(wire);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut broken = false;
        while let Ok(read) = from.read(&mut buffer)
            && read > 0
        {
            let cut = wire.load(Ordering::SeqCst) == lost as u8;
            broken |= cut;
            if cut {
                continue;
            }
            if broken || to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    });
}
