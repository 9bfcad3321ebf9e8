//! Whether the node runs, and who holds a socket, from what the system shows of its processes.

use std::net::{IpAddr, SocketAddr};
use std::os::linux::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::client::Client;
use crate::config::Config;
use crate::error::Error;

/// The longest wait for a running node's answer: its loop answers within a turn.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the node runs.
pub(super) enum Life {
    /// It does not.
    Stopped,
    /// It does.
    Running {
        /// Its process, where this machine shows it.
        process: Option<u32>,
        /// What it says of itself.
        status: Result<Value, Error>,
    },
}

impl Life {
    /// Looks at who holds the lock, without trying it: a node that starts at this moment would be refused.
    pub(super) fn of(config: &Config) -> Self {
        let process = lock_holder(&config.data.join("lock"));
        let status =
            Client::within(config, ANSWER_TIMEOUT).and_then(|client| client.get("/api/v1/status"));
        match (process, status) {
            (None, Err(_)) => Self::Stopped,
            (process, status) => Self::Running { process, status },
        }
    }

    pub(super) fn process(&self) -> Option<u32> {
        match self {
            Self::Stopped => None,
            Self::Running { process, .. } => *process,
        }
    }

    /// The running node's answer, if it gave one.
    pub(super) fn status(&self) -> Option<&Value> {
        match self {
            Self::Running { status: Ok(status), .. } => Some(status),
            _ => None,
        }
    }
}

/// Which process has this file locked.
pub(super) fn lock_holder(path: &Path) -> Option<u32> {
    let file = std::fs::metadata(path).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let named_so = |process: u32| {
        std::fs::read_to_string(format!("/proc/{process}/comm"))
            .is_ok_and(|name| name.trim() == "watchfire")
    };
    let mut holders = holders(&locks, file.st_ino());
    // Layered file systems show another device there than the file's; then the name decides.
    holders
        .find(|(device, process)| *device == device_of(file.st_dev()) || named_so(*process))
        .map(|(_, process)| process)
}

/// Devices and processes of exclusive locks on an inode, as `/proc/locks` lists them.
fn holders(locks: &str, inode: u64) -> impl Iterator<Item = (String, u32)> + '_ {
    locks.lines().filter_map(move |line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, "FLOCK", _, "WRITE", process, place, ..] = words.as_slice() else { return None };
        let (device, number) = place.rsplit_once(':')?;
        let here = number.parse() == Ok(inode);
        here.then(|| Some((device.to_owned(), process.parse().ok()?))).flatten()
    })
}

/// A device number as `/proc/locks` writes it (`MAJOR:MINOR`, hexadecimal); the fields are those of
/// `gnu_dev_major` and `gnu_dev_minor`.
fn device_of(device: u64) -> String {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    format!("{major:02x}:{minor:02x}")
}

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// Who holds a socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody.
    Nobody,
    /// This process.
    This(u32),
    /// Not this process.
    Another,
    /// Somebody: the processes' open files are not shown to this user.
    Somebody,
}

/// Who listens at `address`, when `process` is expected to.
pub(super) fn holder(transport: Transport, address: SocketAddr, process: Option<u32>) -> Holder {
    let table = match (transport, address.ip()) {
        (Transport::Tcp, IpAddr::V4(_)) => "/proc/net/tcp",
        (Transport::Tcp, IpAddr::V6(_)) => "/proc/net/tcp6",
        (Transport::Udp, IpAddr::V4(_)) => "/proc/net/udp",
        (Transport::Udp, IpAddr::V6(_)) => "/proc/net/udp6",
    };
    let table = std::fs::read_to_string(table).unwrap_or_default();
    let Some(inode) = listening(&table, transport, address) else { return Holder::Nobody };
    let Some(process) = process else { return Holder::Somebody };
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return Holder::Somebody;
    };
    let socket = format!("socket:[{inode}]");
    let mut links = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    if links.any(|link| link.as_os_str() == socket.as_str()) {
        Holder::This(process)
    } else {
        Holder::Another
    }
}

/// The inode of the socket that listens there, in a table of `/proc/net`.
fn listening(table: &str, transport: Transport, address: SocketAddr) -> Option<u64> {
    /// `TCP_LISTEN`; a UDP socket that is bound and not connected shows `TCP_CLOSE`.
    const LISTEN: &str = "0A";
    const BOUND: &str = "07";

    let wanted = hexadecimal(address);
    let state = if transport == Transport::Tcp { LISTEN } else { BOUND };
    table.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let here = words.get(1) == Some(&wanted.as_str()) && words.get(3) == Some(&state);
        here.then(|| words.get(9)?.parse().ok()).flatten()
    })
}

/// An address as `/proc/net` writes it: words of 32 bits in the machine's byte order, then the port.
fn hexadecimal(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| {
        let word = word.try_into().expect("four octets are a word");
        format!("{:08X}", u32::from_ne_bytes(word))
    });
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_name_their_holders() {
        let locks = "1: POSIX  ADVISORY  WRITE 411 fd:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 412 fd:01:77 0 EOF\n\
                     3: FLOCK  ADVISORY  READ  413 fd:01:77 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 414 fd:01:78 0 EOF\n\
                     4: -> FLOCK  ADVISORY  WRITE 415 fd:01:78 0 EOF\n";
        let found: Vec<_> = holders(locks, 77).collect();
        assert_eq!(found, [("fd:01".to_owned(), 412)]);
        assert_eq!(device_of(0xfd01), "fd:01");
        assert_eq!(device_of(0x0800_0012), "00:8012");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_are_found_by_address_and_state() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1E1F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51234 1 x 100 0\n\
            1: 0100007F:1E20 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 51235 1 x 100 0\n\
            2: 00000000:1E21 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 51236 1 x 100 0\n";
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert_eq!(listening(table, Transport::Tcp, at("127.0.0.1:7711")), Some(51_234));
        assert_eq!(listening(table, Transport::Tcp, at("127.0.0.1:7712")), None);
        assert_eq!(listening(table, Transport::Udp, at("0.0.0.0:7713")), Some(51_236));
        assert_eq!(listening(table, Transport::Tcp, at("10.0.0.1:7711")), None);
        assert_eq!(hexadecimal(at("[::1]:80")), "00000000000000000000000001000000:0050");
    }
}
