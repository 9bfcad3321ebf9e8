//! `watchfire bench jetstream`: commits on a real cluster of three while servers are killed in turn.
//!
//! Measured: the time of one commit, and for each kill the longest commit until the server is back, a
//! kill of the stream's leader and of a follower apart. At the end every acknowledged commit must be
//! read back by a new process and the journal must have no fault.

use std::path::Path;
use std::time::Duration;

use log::{Realm, Store as _, StoreReadExt as _, Write};
use serde_json::{Value, json};

use super::cluster::{self, Cluster};
use super::{BEHIND_PATIENCE, JetStreamStore, Opened, Opening, Settings, WATCH};
use crate::clock::instant;
use crate::error::Error;

/// Commits before the first kill.
const CALM: u64 = 300;
/// Commits between a kill and the server's return, and as many after it.
const AROUND: u64 = 40;
/// Bytes of one commit's value.
const VALUE_BYTES: usize = 300;
/// Tries of one commit before the run fails; each takes some seconds.
const TRIES_MAX: usize = 30;

/// Runs it; the last line of stdout is one JSON object if asked for.
pub(crate) fn run(kills: usize, json: bool) -> Result<(), Error> {
    let folder = std::env::temp_dir().join(format!("watchfire-soak-{}", std::process::id()));
    let result = soak(&folder, kills);
    std::fs::remove_dir_all(&folder).ok();
    let result = result?;
    for name in ["commit", "pause_leader_killed", "pause_follower_killed"] {
        let figures = &result["results"][name];
        eprintln!("{name}: p50 {} ms, max {} ms", figures["p50_ms"], figures["max_ms"]);
    }
    if json {
        println!("{result}");
    }
    Ok(())
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::input(
        format!("{what}: {error}"),
        "see the servers' logs, and whether the machine is overloaded",
    )
}

fn soak(folder: &Path, kills: usize) -> Result<Value, Error> {
    let program = cluster::program()
        .map_err(|why| Error::input(why, "`cargo xtask validate jetstream` installs it"))?;
    let servers = |error: std::io::Error| failed("the NATS servers", &error);
    let mut cluster = Cluster::start(program, &folder.join("nats"), 3).map_err(servers)?;
    let data = folder.join("data");
    std::fs::create_dir_all(&data).map_err(|error| Error::file("write", &data, error))?;
    let settings: Settings = toml::from_str(&format!(
        "servers = {:?}\nmonitors = {:?}",
        cluster.servers(),
        cluster.monitors()
    ))
    .expect("good settings");
    let opening = Opening {
        settings: &settings,
        realm: &Realm::exercise("soak").expect("a good name"),
        node: "KOR-1".parse().expect("a node"),
        data: &data,
        high_water: data.join("high-water"),
        watch: WATCH,
        behind: BEHIND_PATIENCE,
    };
    let Opened { store, .. } = JetStreamStore::open(&opening)?;
    let mut load = Load { store, commits: 0, failures: 0 };
    let mut calm = Vec::new();
    for _ in 0..CALM {
        calm.push(load.commit()?);
    }
    let (mut leader, mut follower) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        let leads = cluster.leader(&opening.stream());
        // Every other kill takes the leader; the others go around.
        let victim = if kill % 2 == 0 { leads.unwrap_or(kill % 3) } else { kill % 3 };
        let was_leader = leads == Some(victim);
        cluster.kill(victim).map_err(servers)?;
        let longest = load.longest(AROUND)?;
        cluster.restart(victim).map_err(servers)?;
        let longest = longest.max(load.longest(AROUND)?);
        eprintln!(
            "kill {}: server {victim}, leader {was_leader}, longest commit {} ms",
            kill + 1,
            longest.as_millis()
        );
        if was_leader { &mut leader } else { &mut follower }.push(longest);
    }
    let Load { store, commits, failures } = load;
    drop(store);
    let Opened { store, faults, .. } = JetStreamStore::inspect(&opening)?;
    let mut lost = 0;
    for number in 0..commits {
        let value = store.meta(&number.to_string()).map_err(|error| failed("reading", &error))?;
        lost += u64::from(value.is_none_or(|value| value.len() != VALUE_BYTES));
    }
    let all: Vec<Duration> = leader.iter().chain(&follower).copied().collect();
    let longest = all.iter().max().map_or(0.0, Duration::as_secs_f64);
    let goal = |name: &str, value: Value, unit: &str, goal: Value, met: bool| json!({ "name": name, "value": value, "unit": unit, "goal": goal, "met": met });
    Ok(json!({
        "results": {
            "kills": kills, "commits": commits, "commits_failed_and_repeated": failures,
            "lost": lost, "faults": faults,
            "commit": figures(calm), "pause": figures(all),
            "pause_leader_killed": figures(leader), "pause_follower_killed": figures(follower),
        },
        "goals": [
            goal("acknowledged commits lost", json!(lost), "commits", json!(0), lost == 0),
            goal("faults in the journal", json!(faults.len()), "faults", json!(0), faults.is_empty()),
            goal("longest pause of appends", json!(longest), "s", json!(30), longest <= 30.0),
        ],
    }))
}

struct Load {
    store: JetStreamStore,
    commits: u64,
    failures: u64,
}

impl Load {
    /// One commit, repeated until it is taken as the node does; how long that took.
    fn commit(&mut self) -> Result<Duration, Error> {
        let write = [Write::Meta { name: self.commits.to_string(), value: vec![7; VALUE_BYTES] }];
        let begun = instant();
        let mut last = None;
        for _ in 0..TRIES_MAX {
            match self.store.commit(&write) {
                Ok(()) => {
                    self.commits += 1;
                    return Ok(begun.elapsed());
                }
                Err(error) => last = Some(error),
            }
            self.failures += 1;
        }
        let why = last.map_or_else(String::new, |error| error.to_string());
        Err(failed("a commit was not taken", &why))
    }

    fn longest(&mut self, count: u64) -> Result<Duration, Error> {
        (0..count).try_fold(Duration::ZERO, |longest, _| Ok(longest.max(self.commit()?)))
    }
}

fn figures(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |part: usize| {
        let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(place).map(|time| (time.as_secs_f64() * 1e5).round() / 1e2)
    };
    json!({ "samples": times.len(), "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100) })
}
