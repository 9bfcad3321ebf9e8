//! Sockets: where the node listens, and whether its partners can be reached.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use base::NodeId;
use log::{Carrier, Charter, LineRecord};
use serde_json::Value;

use super::process::{Holder, Life, Transport, holder};
use super::running::line_of;
use super::{Check, Subject};
use crate::config::Config;
use crate::outside::address_of;

/// The longest wait for the name of one host.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for one connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Every socket a node listens on.
fn sockets(config: &Config, charter: Option<&Charter>) -> Vec<(String, Transport, SocketAddr)> {
    let mut sockets = vec![
        ("listen http".to_owned(), Transport::Tcp, config.http.listen),
        ("listen lines".to_owned(), Transport::Tcp, config.lines.listen),
    ];
    let quic = charter.is_some_and(|charter| {
        let mut lines = lines_of(config.node, charter).into_iter();
        lines.any(|(_, line)| line.carrier == Carrier::Quic)
    });
    if quic {
        sockets.push(("listen lines (QUIC)".to_owned(), Transport::Udp, config.lines.listen));
    }
    let audit = config.audit.as_ref();
    sockets.extend(audit.map(|audit| ("listen audit".to_owned(), Transport::Tcp, audit.listen)));
    sockets.extend(
        config
            .feeds
            .iter()
            .map(|feed| ("listen feed".to_owned(), Transport::Udp, feed.asterix_udp)),
    );
    sockets
}

pub(super) fn listeners(subject: &Subject) -> Vec<Check> {
    let sockets = sockets(&subject.config, subject.in_force());
    let look = |(name, transport, address): (String, Transport, SocketAddr)| match &subject.life {
        Life::Stopped => free(name, transport, address),
        Life::Running { process, .. } => held(name, transport, address, *process),
    };
    sockets.into_iter().map(look).collect()
}

/// Whether a stopped node could listen there.
fn free(name: String, transport: Transport, address: SocketAddr) -> Check {
    let bound = match transport {
        Transport::Tcp => TcpListener::bind(address).map(drop),
        Transport::Udp => UdpSocket::bind(address).map(drop),
    };
    let seen = |found: String| Check::ok(name, format!("`{address}` {found}"), "a free address");
    match bound {
        Ok(()) => seen("is free".to_owned()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            seen(format!("may not be used by this user: {error}"))
                .warn("give the node CAP_NET_BIND_SERVICE, or choose a port above 1023")
        }
        Err(error) => seen(format!("cannot be used: {error}")).error(
            "stop what listens there (`ss -lntup`), or change the address in the configuration",
        ),
    }
}

/// Whether a running node listens there.
fn held(name: String, transport: Transport, address: SocketAddr, process: Option<u32>) -> Check {
    let seen = |found: String| {
        Check::ok(name, format!("`{address}` {found}"), "an address this node listens on")
    };
    match holder(transport, address, process) {
        Holder::This(process) => seen(format!("held by this node, process {process}")),
        Holder::Somebody => seen("in use; the node runs".to_owned()),
        Holder::Another => seen("held by another process than the node".to_owned())
            .error("stop what listens there (`ss -lntup`), then restart the node"),
        Holder::Nobody => seen("not listened on, though the node runs".to_owned())
            .error("restart the node: its configuration was changed since it started"),
    }
}

/// The lines the charter gives a node, with who is at the other end.
fn lines_of(me: NodeId, charter: &Charter) -> Vec<(NodeId, LineRecord)> {
    let other = |line: &LineRecord| {
        let ends = [(line.from, line.to), (line.to, line.from)];
        ends.into_iter().find(|(this, _)| *this == me).map(|(_, peer)| (peer, *line))
    };
    charter.agreement().lines.iter().filter_map(other).collect()
}

pub(super) fn lines(subject: &Subject) -> Vec<Check> {
    let Some(charter) = subject.in_force() else { return Vec::new() };
    let lines = lines_of(subject.config.node, charter);
    if lines.is_empty() {
        let found = format!("no line of {}", subject.config.node);
        let hint = "agree on lines: `watchfire charter amend … --line FROM:TO`";
        return vec![Check::ok("lines", found, "lines to partners").warn(hint)];
    }
    let status = subject.life.status();
    // Side by side: each may take its whole limit.
    std::thread::scope(|scope| {
        let looks: Vec<_> = lines
            .iter()
            .map(|(peer, line)| {
                let status = status.and_then(|status| line_of(status, *peer));
                scope.spawn(move || look_at(charter, *peer, line, status))
            })
            .collect();
        let joined = looks.into_iter().map(|look| look.join().expect("a look does not panic"));
        joined.collect()
    })
}

fn look_at(charter: &Charter, peer: NodeId, line: &LineRecord, status: Option<&Value>) -> Check {
    let name = format!("line {peer}");
    let Some(status) = status else { return Check { name, ..reach(charter, peer, line) } };
    let word = |key: &str| status[key].as_str().unwrap_or_default();
    let (state, since, via) = (word("state"), word("since"), word("via"));
    let expected = "a line that is up";
    if state == "up" && via.is_empty() {
        // It proves more than another connection would.
        return Check::ok(name, format!("up since {since}"), expected);
    }
    let way = if via.is_empty() { String::new() } else { format!(" by way of {via}") };
    let reach = reach(charter, peer, line);
    let found = format!("{state}{way} since {since} ({}); {}", word("note"), reach.found);
    let seen = Check::ok(name, found, expected);
    let hint = reach.hint.unwrap_or_else(|| {
        format!(
            "look at {peer} and its `watchfire doctor`: it may be down, or have another charter"
        )
    });
    if state == "lost" { seen.error(hint) } else { seen.warn(hint) }
}

/// Whether the other end of a line can be reached, as far as it can be known without the line.
fn reach(charter: &Charter, peer: NodeId, line: &LineRecord) -> Check {
    let seen = |found: String| Check::ok("", found, "an address that takes connections");
    if !matches!(line.carrier, Carrier::Tcp | Carrier::Quic) {
        return seen(format!("files are carried ({})", line.carrier.as_str()));
    }
    if line.to != peer {
        return seen(format!("{peer} dials this node: nothing to try from here"));
    }
    let address = charter.node(peer).and_then(|record| record.addresses.first());
    let Some(address) = address else {
        return seen(format!("the charter names no address of {peer}")).error(format!(
            "have {} sign a roster with the address: `watchfire keys node … --address HOST:PORT`",
            peer.partner()
        ));
    };
    let addresses = match resolve(address) {
        Ok(addresses) => addresses,
        Err(why) => {
            return seen(format!("`{address}` does not resolve: {why}"))
                .error("look at the name and at this machine's resolver: `getent hosts HOST`");
        }
    };
    if line.carrier == Carrier::Quic {
        let found = format!(
            "`{address}` resolves to {}; whether UDP arrives cannot be known without the line",
            addresses[0]
        );
        return seen(found);
    }
    let mut last = None;
    for socket in &addresses {
        match TcpStream::connect_timeout(socket, CONNECT_TIMEOUT) {
            Ok(_) => return seen(format!("`{address}` takes connections at {socket}")),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map(|error| error.to_string()).unwrap_or_default();
    seen(format!("`{address}` takes no connection: {why}"))
        .error(format!("see that {peer} runs, and what filters the way to `{address}`"))
}

/// Whether the service that takes heartbeats can be reached. None is sent: it would silence an alarm.
pub(super) fn heartbeat(subject: &Subject) -> Vec<Check> {
    let Some(heartbeat) = &subject.config.heartbeat else {
        let expected = "somebody outside who notices when this node stops";
        let check = Check::ok("heartbeat", "nobody is told", expected);
        return vec![check.warn("name a dead man's switch as `heartbeat` in the configuration; see docs/operator-guide.md")];
    };
    let seen = |found: String| Check::ok("heartbeat", found, "a service that takes connections");
    let Some(address) = heartbeat.url.as_deref().and_then(address_of) else {
        return vec![seen("written to a file; see that somebody watches it".to_owned())];
    };
    vec![match connect(&address) {
        Ok(()) => seen(format!("`{address}` takes connections")),
        Err(why) => seen(format!("`{address}`: {why}"))
            .error("look at the service and the way to it, or change `heartbeat.url`"),
    }]
}

/// Whether the collector of traces can be reached; the node works without it.
pub(super) fn telemetry(subject: &Subject) -> Vec<Check> {
    let Some(telemetry) = &subject.config.telemetry else { return Vec::new() };
    let seen = |found: String| Check::ok("telemetry", found, "a collector that takes connections");
    let Some(address) = address_of(&telemetry.otlp) else { return Vec::new() };
    vec![match connect(&address) {
        Ok(()) => seen(format!("`{address}` takes connections")),
        Err(why) => seen(format!("`{address}`: {why}"))
            .warn("look at the collector and the way to it, or change `telemetry.otlp`"),
    }]
}

fn connect(address: &str) -> Result<(), String> {
    let addresses = resolve(address)?;
    let connected = TcpStream::connect_timeout(&addresses[0], CONNECT_TIMEOUT);
    connected.map(drop).map_err(|error| error.to_string())
}

/// The addresses of `HOST:PORT`, at least one, within a limit that the system's resolver does not have.
pub(super) fn resolve(address: &str) -> Result<Vec<SocketAddr>, String> {
    let (said, heard) = mpsc::channel();
    let name = address.to_owned();
    std::thread::spawn(move || {
        let found = name.to_socket_addrs().map_err(|error| error.to_string());
        said.send(found.map(|all| all.take(ADDRESSES_MAX).collect::<Vec<_>>())).ok();
    });
    let found = heard
        .recv_timeout(RESOLVE_TIMEOUT)
        .map_err(|_| format!("no answer within {} s", RESOLVE_TIMEOUT.as_secs()))??;
    if found.is_empty() { Err("it has no address".to_owned()) } else { Ok(found) }
}
