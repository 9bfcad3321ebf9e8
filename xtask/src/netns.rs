//! Network namespaces for benchmarks and soaks: hosts on one bridge, whose lines can be cut and starved.
//!
//! ```text
//! hub namespace:  bridge ─┬─ port 1 ── veth ── eth0 10.77.0.1  in namespace 1
//!                         ├─ port 2 ── veth ── eth0 10.77.0.2  in namespace 2
//!                         └─ …
//! ```
//!
//! Everything is made with `ip` and `tc` as root and goes when [`Hosts`] is dropped. The host's own
//! network is not touched.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::process;

/// Bytes of the smallest token bucket: one Ethernet frame.
const BURST_LEAST: u64 = 1_600;
/// The kernel refills a bucket about so often a second.
const REFILLS_PER_S: u64 = 250;

/// Hosts that reach one another over one bridge.
pub(crate) struct Hosts {
    prefix: String,
    names: Vec<String>,
}

/// What is done to one host's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// What others send to it.
    In,
    /// What it sends.
    Out,
}

impl Hosts {
    /// Why namespaces cannot be made here, if they cannot.
    pub(crate) fn unavailable() -> Option<String> {
        for program in ["ip", "tc"] {
            if !process::is_installed(program) {
                return Some(format!("`{program}` is not installed; install `iproute2`"));
            }
        }
        let name = format!("wf-probe-{}", std::process::id());
        let made = quiet(&["ip", "netns", "add", &name]);
        let runs = made && quiet(&["ip", "netns", "exec", &name, "true"]);
        quiet(&["ip", "netns", "del", &name]);
        (!runs).then(|| "network namespaces need root and a kernel that has them".to_owned())
    }

    /// A hub and a namespace for each of `names`, at most 8 letters each.
    pub(crate) fn make(names: &[&str]) -> Result<Self, Error> {
        let prefix = format!("wf{}", std::process::id());
        let hosts = Self { prefix, names: names.iter().map(|name| (*name).to_owned()).collect() };
        let hub = hosts.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])?;
        for place in 0..names.len() {
            let (name, port) = (hosts.namespace(place), port(place));
            ip(&["netns", "add", &name])?;
            ip(&[
                "-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns",
                &name,
            ])?;
            ip(&["-n", &hub, "link", "set", &port, "master", "bridge", "up"])?;
            let address = format!("{}/24", Self::address(place));
            ip(&["-n", &name, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &name, "link", "set", "eth0", "up"])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
        }
        Ok(hosts)
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn namespace(&self, place: usize) -> String {
        format!("{}-{}", self.prefix, self.names[place])
    }

    /// The address of a host.
    pub(crate) fn address(place: usize) -> String {
        format!("10.77.0.{}", place + 1)
    }

    /// A program that runs at a host.
    pub(crate) fn program(&self, place: usize, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(place)]).arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// The words before a program that make it run at a host.
    pub(crate) fn words(&self, place: usize) -> [String; 4] {
        ["ip", "netns", "exec", &self.namespace(place)].map(str::to_owned)
    }

    /// The words of the command that plugs a host's line, with `up` or `down` to follow.
    pub(crate) fn plug_words(&self, place: usize) -> [String; 6] {
        ["ip", "-n", &self.hub(), "link", "set", &port(place)].map(str::to_owned)
    }

    /// Plugs a host's line in or out.
    pub(crate) fn plug(&self, place: usize, up: bool) -> Result<(), Error> {
        let state = if up { "up" } else { "down" };
        ip(&["-n", &self.hub(), "link", "set", &port(place), state])
    }

    /// Keeps a host apart from every other host that is kept apart, and from nobody else.
    pub(crate) fn part(&self, place: usize, apart: bool) -> Result<(), Error> {
        let state = if apart { "on" } else { "off" };
        let (hub, port) = (self.hub(), port(place));
        ip(&["-n", &hub, "link", "set", &port, "type", "bridge_slave", "isolated", state])
    }

    /// Limits one direction of a host's line to a rate with 100 ms of queue; a rate of nothing lets no
    /// frame through.
    pub(crate) fn starve(
        &self,
        place: usize,
        direction: Direction,
        kbit_s: u32,
    ) -> Result<(), Error> {
        let (space, device) = self.end(place, direction);
        // A frame larger than the burst never passes; a larger burst lets frames pass too early.
        let refill = u64::from(kbit_s) * 1_000 / 8 / REFILLS_PER_S;
        let (rate, burst) = match kbit_s {
            0 => ("8kbit".to_owned(), 20),
            rate => (format!("{rate}kbit"), refill.max(BURST_LEAST)),
        };
        let burst = burst.to_string();
        let words = ["qdisc", "replace", "dev", &device, "root", "tbf", "rate", &rate];
        tc(&space, &[&words[..], &["burst", &burst, "latency", "100ms"]].concat())
    }

    /// Takes a limit away; there may be none.
    pub(crate) fn feed(&self, place: usize, direction: Direction) {
        let (space, device) = self.end(place, direction);
        quiet(&["tc", "-n", &space, "qdisc", "del", "dev", &device, "root"]);
    }

    fn end(&self, place: usize, direction: Direction) -> (String, String) {
        match direction {
            Direction::In => (self.hub(), port(place)),
            Direction::Out => (self.namespace(place), "eth0".to_owned()),
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for place in 0..self.names.len() {
            quiet(&["ip", "netns", "del", &self.namespace(place)]);
        }
        quiet(&["ip", "netns", "del", &self.hub()]);
    }
}

fn port(place: usize) -> String {
    format!("port{}", place + 1)
}

fn ip(words: &[&str]) -> Result<(), Error> {
    run("ip", words)
}

fn tc(namespace: &str, words: &[&str]) -> Result<(), Error> {
    run("tc", &[&["-n", namespace][..], words].concat())
}

fn run(program: &str, words: &[&str]) -> Result<(), Error> {
    let mut command = Command::new(program);
    command.args(words);
    let shown = process::shown(&command);
    let output = command.output().map_err(|source| Error::File { path: program.into(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let status = format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    Err(Error::Failed { program: shown, status, hint: Some("run it as root".to_owned()) })
}

/// Runs a program whose failure does not matter; says whether it succeeded.
fn quiet(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
