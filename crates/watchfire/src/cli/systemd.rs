//! `systemd`: a unit for a node, made from its configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{ConfigArgument, print};
use crate::config::Config;
use crate::error::Error;

/// Ports below it need a capability.
const PORT_FREE_MIN: u16 = 1_024;

#[derive(clap::Args)]
pub(super) struct SystemdArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The user the node runs as
    #[arg(long, default_value = "watchfire")]
    user: String,
    /// The program; this one if absent
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl SystemdArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let config = Config::read(&self.node.config)?;
        let good = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
        if self.user.is_empty() || !self.user.chars().all(good) {
            return Err(Error::input(
                format!("expected a user's name, got `{}`", self.user),
                "name a user of the system, such as `--user watchfire`",
            ));
        }
        let program = match &self.program {
            Some(program) => absolute(program)?,
            None => std::env::current_exe()
                .map_err(|error| Error::input(error.to_string(), "name it with `--program`"))?,
        };
        let unit = Unit {
            node: config.node.to_string(),
            user: self.user.clone(),
            program,
            config: absolute(&self.node.config)?,
            data: absolute(&config.data)?,
            beats: beats_of(&config)?,
            low_port: listens(&config).iter().any(|address| address.port() < PORT_FREE_MIN),
        };
        unit.check()?;
        print(&unit.text());
        let name = format!("watchfire-{}.service", config.node);
        eprintln!(
            "next: write this to `/etc/systemd/system/{name}`, see that `{}` can read the \
             configuration, charter and keys, then `systemctl daemon-reload` and \
             `systemctl enable --now {name}`",
            self.user
        );
        Ok(())
    }
}

/// Every address the node listens on.
fn listens(config: &Config) -> Vec<SocketAddr> {
    let audit = config.audit.as_ref().map(|audit| audit.listen);
    let feeds = config.feeds.iter().map(|feed| feed.asterix_udp);
    [config.http.listen, config.lines.listen].into_iter().chain(audit).chain(feeds).collect()
}

/// The folder in which heartbeats are written, if they are.
fn beats_of(config: &Config) -> Result<Option<PathBuf>, Error> {
    let file = config.heartbeat.as_ref().and_then(|heartbeat| heartbeat.file.as_deref());
    file.and_then(Path::parent).map(absolute).transpose()
}

/// The path from the root; links are kept as they are named.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::file("read", path, error))
}

/// What a unit is made from.
struct Unit {
    node: String,
    user: String,
    program: PathBuf,
    config: PathBuf,
    data: PathBuf,
    /// The folder of the file that holds the last heartbeat.
    beats: Option<PathBuf>,
    low_port: bool,
}

impl Unit {
    /// Refuses places that a hardened service does not see, and names a unit cannot hold.
    fn check(&self) -> Result<(), Error> {
        for path in [&self.program, &self.config, &self.data].into_iter().chain(&self.beats) {
            let text = path.to_str().filter(|text| !text.contains(char::is_control));
            if text.is_none() {
                return Err(Error::input(
                    format!("expected a path of plain text, got `{}`", path.display()),
                    "rename it",
                ));
            }
            if ["/tmp", "/var/tmp"].iter().any(|folder| path.starts_with(folder)) {
                return Err(Error::input(
                    format!(
                        "expected no path below a folder of temporary files, got `{}`",
                        path.display()
                    ),
                    "move it, such as to /etc/watchfire and /var/lib/watchfire: a service has temporary folders of its own",
                ));
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        let Self { node, user, .. } = self;
        let (program, config) = (argument(&self.program), argument(&self.config));
        let (room, home, capability) = (self.room(), self.home(), self.capability());
        let data = word(&self.data);
        format!(
            "\
# Watchfire node {node}. Made by `watchfire systemd`; make it again when the configuration changes.
[Unit]
Description=Watchfire node {node}
Documentation=man:systemd.service(5) man:systemd.exec(5)
# Entries carry this machine's time.
Wants=network-online.target time-sync.target
After=network-online.target time-sync.target
RequiresMountsFor={data}
# An early-warning node is started again for as long as it takes.
StartLimitIntervalSec=0

[Service]
# READY=1 once every part is up; WATCHDOG=1 from the loop itself, so that a stuck one is restarted.
Type=notify
NotifyAccess=main
WatchdogSec=30
ExecStart={program} node --config {config}
Restart=on-failure
RestartSec=5
# The log is read and folded at the start; a long one takes minutes.
TimeoutStartSec=15min
# What was acknowledged is on the disk at any moment: a node that does not stop may be killed.
TimeoutStopSec=30
User={user}
UMask=0077

# What is written, and nothing else.
{room}
ProtectSystem=strict
{home}
PrivateTmp=true
PrivateDevices=true

# Many lines and consoles at once; no memory with keys in it on the disk.
LimitNOFILE=65536
LimitCORE=0
OOMScoreAdjust=-500

# Sockets only, and no more rights than those.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{capability}
NoNewPrivileges=true
LockPersonality=true
MemoryDenyWriteExecute=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
RemoveIPC=true
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
"
        )
    }

    /// How the data folder may be written: made by systemd where it keeps such folders.
    fn room(&self) -> String {
        let beats = self.beats.iter().map(|folder| format!("\nReadWritePaths={}", word(folder)));
        let room = match self.data.strip_prefix("/var/lib") {
            Ok(below) if !below.as_os_str().is_empty() => {
                format!("StateDirectory={}\nStateDirectoryMode=0700", word(below))
            }
            _ => format!(
                "# Make it before the first start: install -d -m 700 -o {} FOLDER\nReadWritePaths={}",
                self.user,
                word(&self.data)
            ),
        };
        room + &beats.collect::<String>()
    }

    /// Homes are hidden unless something of the node is in one.
    fn home(&self) -> &'static str {
        let homes = ["/home", "/root", "/run/user"];
        let paths = [&self.program, &self.config, &self.data];
        let used = paths.iter().any(|path| homes.iter().any(|home| path.starts_with(home)));
        if used { "ProtectHome=read-only" } else { "ProtectHome=true" }
    }

    fn capability(&self) -> &'static str {
        if self.low_port {
            "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE"
        } else {
            "CapabilityBoundingSet="
        }
    }
}

/// A path as a word of a unit (`systemd.syntax(7)`): specifiers doubled, quoted where need be.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy().replace('%', "%%");
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "/._-%+:@,=".contains(sign);
    if text.chars().all(plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The same as a word of a command line, where variables are put in too.
fn argument(path: &Path) -> String {
    word(path).replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(config: &str, data: &str) -> Unit {
        Unit {
            node: "KOR-1".to_owned(),
            user: "watchfire".to_owned(),
            program: "/usr/local/bin/watchfire".into(),
            config: config.into(),
            data: data.into(),
            beats: None,
            low_port: false,
        }
    }

    #[track_caller]
    fn assert_line(text: &str, line: &str) {
        assert!(text.lines().any(|one| one == line), "expected `{line}` in\n{text}");
    }

    #[test]
    fn the_unit_follows_the_configuration() {
        let text = unit("/etc/watchfire/node.toml", "/var/lib/watchfire/KOR-1").text();
        for line in [
            "ExecStart=/usr/local/bin/watchfire node --config /etc/watchfire/node.toml",
            "StateDirectory=watchfire/KOR-1",
            "RequiresMountsFor=/var/lib/watchfire/KOR-1",
            "ProtectHome=true",
            "CapabilityBoundingSet=",
        ] {
            assert_line(&text, line);
        }
        let text = unit("/run/user/7/a b%$.toml", "/srv/watch \"fire\"").text();
        for line in [
            "ExecStart=/usr/local/bin/watchfire node --config \"/run/user/7/a b%%$$.toml\"",
            "ReadWritePaths=\"/srv/watch \\\"fire\\\"\"",
            "ProtectHome=read-only",
        ] {
            assert_line(&text, line);
        }
        let beating = Unit { beats: Some("/run/beats".into()), ..unit("/etc/a.toml", "/srv/data") };
        assert_line(&beating.text(), "ReadWritePaths=/run/beats");
        let low = Unit { low_port: true, ..unit("/etc/node.toml", "/srv/data") };
        assert_line(&low.text(), "AmbientCapabilities=CAP_NET_BIND_SERVICE");
    }

    #[test]
    fn places_a_service_does_not_see_are_refused() {
        let message = |unit: Unit| unit.check().expect_err("it is refused").to_string();
        assert_eq!(
            message(unit("/tmp/node.toml", "/srv/data")),
            "expected no path below a folder of temporary files, got `/tmp/node.toml`"
        );
        assert_eq!(
            message(unit("/etc/node.toml", "/srv/da\nta")),
            "expected a path of plain text, got `/srv/da\nta`"
        );
        unit("/etc/node.toml", "/srv/data").check().expect("plain places are taken");
    }
}
