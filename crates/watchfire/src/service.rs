//! What the service manager and the node say to each other: `sd_notify(3)` over a datagram socket.
//!
//! ```text
//! $NOTIFY_SOCKET   a path, or `@` and an abstract name; one datagram a message, lines `NAME=VALUE`
//! READY=1          every part of the node is up
//! WATCHDOG=1       the loop has come by; missing for $WATCHDOG_USEC, the node is restarted
//! STOPPING=1       the node was told to stop, and does
//! ```
//!
//! Without that variable nothing is said. A manager that does not read never holds the node up.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Signs of life in the time after which the manager misses one.
const PINGS_PER_TIMEOUT: u32 = 3;

/// The manager that started this process.
pub(crate) struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    /// The one that the environment names, if one does.
    pub(crate) fn from_environment() -> Option<Arc<Self>> {
        let name = std::env::var("NOTIFY_SOCKET").ok()?;
        let manager = Self::at(&name);
        if manager.is_none() {
            tracing::warn!(name, "the service manager's socket cannot be used");
        }
        manager.map(Arc::new)
    }

    fn at(name: &str) -> Option<Self> {
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok()?,
            None => SocketAddr::from_pathname(name).ok()?,
        };
        let socket = UnixDatagram::unbound().ok()?;
        // The loop itself speaks: it must not wait for a reader.
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, address })
    }

    /// Every part is up.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The node stops because it was told to.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Whether the message was taken.
    fn tell(&self, message: &str) -> bool {
        let sent = self.socket.send_to_addr(message.as_bytes(), &self.address);
        if let Err(error) = &sent {
            tracing::debug!(%error, "the service manager takes no message");
        }
        sent.is_ok()
    }
}

/// The loop's signs of life, as often as the manager wants them.
pub(crate) struct Watchdog {
    manager: Arc<Manager>,
    every: Duration,
    last: Option<Instant>,
}

impl Watchdog {
    /// What the environment asks for, if it asks this process.
    pub(crate) fn from_environment(manager: &Arc<Manager>) -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        let every = interval(
            variable("WATCHDOG_USEC").as_deref(),
            variable("WATCHDOG_PID").as_deref(),
            std::process::id(),
        )?;
        Some(Self { manager: Arc::clone(manager), every, last: None })
    }

    /// The loop has come by.
    pub(crate) fn came_by(&mut self) {
        let now = crate::clock::instant();
        let due = self.last.is_none_or(|last| now - last >= self.every);
        // What was not taken is said again at the next turn.
        if due && self.manager.tell("WATCHDOG=1") {
            self.last = Some(now);
        }
    }
}

/// Time between two signs of life by the variables of `sd_watchdog_enabled(3)`.
fn interval(timeout_us: Option<&str>, process: Option<&str>, me: u32) -> Option<Duration> {
    let mine = process.is_none_or(|process| process.parse() == Ok(me));
    let timeout_us: u64 = timeout_us?.parse().ok()?;
    (mine && timeout_us > 0).then(|| Duration::from_micros(timeout_us) / PINGS_PER_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_says_how_often() {
        let every = |timeout, process| interval(timeout, process, 42);
        assert_eq!(every(Some("30000000"), None), Some(Duration::from_secs(10)));
        assert_eq!(every(Some("30000000"), Some("42")), Some(Duration::from_secs(10)));
        assert_eq!(every(Some("30000000"), Some("43")), None);
        assert_eq!(every(Some("0"), None), None);
        assert_eq!(every(Some("soon"), None), None);
        assert_eq!(every(None, None), None);
    }

    #[test]
    fn a_manager_that_does_not_read_holds_nobody_up() {
        let name = format!("watchfire-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let reader = UnixDatagram::bind_addr(&address).expect("nobody has this name");
        let manager = Manager::at(&format!("@{name}")).expect("the name is one");
        let taken = (0..100_000).take_while(|_| manager.tell("WATCHDOG=1")).count();
        assert!((1..100_000).contains(&taken), "expected a full queue, got {taken} taken");
        let mut message = [0; 64];
        let length = reader.recv(&mut message).expect("messages wait");
        assert_eq!(&message[..length], b"WATCHDOG=1");
        drop(reader);
        assert!(!manager.tell("STOPPING=1"));
    }
}
