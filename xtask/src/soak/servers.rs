//! Three NATS servers beside each node of `cargo xtask soak chaos --store jetstream`, one of which is
//! killed now and then and started again.
//!
//! The servers of a partner run at its host and speak over its loopback, as a partner's machine room is
//! behind its own line. Each partner's servers are killed one at a time, with a rest between.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Error;
use crate::netns::Hosts;
use crate::test;

/// Servers of one partner.
const SERVERS: usize = 3;
/// Ports for clients, for monitoring and for one another, of the first server of a host.
const PORTS: [usize; 3] = [4_222, 8_222, 6_222];
/// How long a killed server stays away: at least, and at most so much more, milliseconds.
const AWAY_MS: (u64, u64) = (1_000, 8_000);
/// How long its partner's servers are left alone afterwards, likewise.
const REST_MS: (u64, u64) = (5_000, 10_000);

/// The servers of one partner.
struct Cluster {
    servers: Vec<Option<Child>>,
    /// Which is away, until when.
    away: Option<(usize, Instant)>,
    /// When the next is killed.
    next: Instant,
    kills: u64,
}

/// The servers of all partners; killed when dropped.
pub(super) struct Servers {
    program: PathBuf,
    folder: PathBuf,
    clusters: Vec<Cluster>,
}

impl Servers {
    /// Starts three at each of `places` hosts, with their files below `folder`.
    pub(super) fn start(
        root: &Path,
        folder: &Path,
        hosts: &Hosts,
        places: usize,
    ) -> Result<Self, Error> {
        let program = test::nats_server(root)?;
        let mut servers = Self { program, folder: folder.join("nats"), clusters: Vec::new() };
        let next = Instant::now() + Duration::from_millis(REST_MS.0);
        for place in 0..places {
            servers.clusters.push(Cluster { servers: Vec::new(), away: None, next, kills: 0 });
            for number in 0..SERVERS {
                servers.write_config(place, number)?;
                let child = servers.spawn(hosts, place, number)?;
                servers.clusters[place].servers.push(Some(child));
            }
        }
        Ok(servers)
    }

    fn file(&self, place: usize, number: usize, kind: &str) -> PathBuf {
        self.folder.join(format!("{place}-{number}.{kind}"))
    }

    fn write_config(&self, place: usize, number: usize) -> Result<(), Error> {
        let [client, monitor, route] = PORTS.map(|first| first + number);
        let routes: Vec<String> = (0..SERVERS)
            .map(|other| format!("\"nats://127.0.0.1:{}\"", PORTS[2] + other))
            .collect();
        let text = format!(
            "server_name: server-{number}\nlisten: 127.0.0.1:{client}\nhttp: 127.0.0.1:{monitor}\n\
             max_payload: 8MB\n\
             jetstream {{ store_dir: \"{}\", sync_interval: always, max_file_store: 8GB }}\n\
             cluster {{ name: watchfire, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
            self.file(place, number, "store").display(),
            routes.join(", "),
        );
        let path = self.file(place, number, "conf");
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| Error::File { path, source })
    }

    fn spawn(&self, hosts: &Hosts, place: usize, number: usize) -> Result<Child, Error> {
        let log = self.file(place, number, "log");
        let failed = |source| Error::File { path: log.clone(), source };
        let talk = std::fs::OpenOptions::new().create(true).append(true).open(&log);
        hosts
            .program(place, &self.program)
            .arg("--config")
            .arg(self.file(place, number, "conf"))
            .stdout(Stdio::null())
            .stderr(talk.map_err(failed)?)
            .spawn()
            .map_err(failed)
    }

    /// The part `[store]` of a node's configuration, the same at every host.
    pub(super) fn config() -> String {
        let addresses = |scheme: &str, first: usize| -> Vec<String> {
            (0..SERVERS).map(|number| format!("{scheme}://127.0.0.1:{}", first + number)).collect()
        };
        format!(
            "engine = \"jetstream\"\nservers = {:?}\nmonitors = {:?}",
            addresses("nats", PORTS[0]),
            addresses("http", PORTS[1])
        )
    }

    /// Kills who is due and starts again who was away long enough; `draw` gives numbers below a bound.
    pub(super) fn turn(
        &mut self,
        hosts: &Hosts,
        mut draw: impl FnMut(u64) -> u64,
    ) -> Result<(), Error> {
        let now = Instant::now();
        for place in 0..self.clusters.len() {
            let away = self.clusters[place].away;
            if let Some((number, until)) = away {
                if until <= now {
                    self.bring_back(hosts, place, number)?;
                    let rest = Duration::from_millis(REST_MS.0 + draw(REST_MS.1));
                    self.clusters[place].next = now + rest;
                }
            } else if self.clusters[place].next <= now {
                let number = usize::try_from(draw(SERVERS as u64)).expect("three servers");
                let lasts = Duration::from_millis(AWAY_MS.0 + draw(AWAY_MS.1));
                eprintln!("        NATS server {number} of host {place} killed for {lasts:.1?}");
                let cluster = &mut self.clusters[place];
                end(&mut cluster.servers[number]);
                cluster.away = Some((number, now + lasts));
                cluster.kills += 1;
            }
        }
        Ok(())
    }

    fn bring_back(&mut self, hosts: &Hosts, place: usize, number: usize) -> Result<(), Error> {
        let child = self.spawn(hosts, place, number)?;
        let cluster = &mut self.clusters[place];
        cluster.servers[number] = Some(child);
        cluster.away = None;
        Ok(())
    }

    /// Starts whoever is away.
    pub(super) fn heal(&mut self, hosts: &Hosts) -> Result<(), Error> {
        for place in 0..self.clusters.len() {
            if let Some((number, _)) = self.clusters[place].away {
                self.bring_back(hosts, place, number)?;
            }
        }
        Ok(())
    }

    /// What was done, and who ended without being killed.
    pub(super) fn report(&mut self) -> Value {
        let mut ended = Vec::new();
        for (place, cluster) in self.clusters.iter_mut().enumerate() {
            for (number, server) in cluster.servers.iter_mut().enumerate() {
                if let Some(Ok(Some(status))) = server.as_mut().map(Child::try_wait) {
                    ended.push(format!("server {number} of host {place}: {status}"));
                }
            }
        }
        let kills: Vec<u64> = self.clusters.iter().map(|cluster| cluster.kills).collect();
        json!({ "servers_each": SERVERS, "kills": kills, "ended_by_themselves": ended })
    }
}

fn end(server: &mut Option<Child>) {
    if let Some(mut child) = server.take() {
        // One that has ended already is as good.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.clusters.iter_mut().flat_map(|cluster| &mut cluster.servers).for_each(end);
    }
}
