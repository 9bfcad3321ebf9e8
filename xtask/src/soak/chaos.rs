//! Three real nodes in network namespaces, with load on every lane, that are killed, stopped, cut off
//! and starved by a seeded schedule; then everything heals and is compared.
//!
//! What must hold at the end: every acknowledged entry is at every node it is addressed to and is read
//! back there as it was said, `watchfire fsck` finds nothing anywhere, and the digests of the common view
//! are equal at a common cut. Acknowledged means answered by the node, at whatever level.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::servers::Servers;
use super::{commit, number};
use crate::command::Given;
use crate::demo;
use crate::error::Error;
use crate::netns::{Direction, Hosts};
use crate::process;
use crate::tree;

const PARTNERS: [&str; 3] = ["JPN", "KOR", "USA"];
/// How long a node may take to be ready: it replays its store, beside whatever else the machine does.
const READY_WITHIN: Duration = Duration::from_mins(3);
/// How long the nodes may take to agree once everything is well.
const HEAL_WITHIN: Duration = Duration::from_mins(3);

/// What can be done to the nodes; each lasts for a while and is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mishap {
    /// SIGKILL, and a new process later.
    Kill,
    /// SIGSTOP and SIGCONT.
    Stop,
    /// The line is unplugged.
    Unplug,
    /// Nothing reaches it, though what it sends arrives.
    Deafen,
    /// Nothing it sends arrives, though it hears all.
    Mute,
    /// It and the next node do not reach one another.
    Part,
    /// Its line carries 64 kbit/s each way.
    Starve,
}

impl Mishap {
    const ALL: [Self; 7] =
        [Self::Kill, Self::Stop, Self::Unplug, Self::Deafen, Self::Mute, Self::Part, Self::Starve];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::Stop => "stopped",
            Self::Unplug => "unplugged",
            Self::Deafen => "deafened",
            Self::Mute => "muted",
            Self::Part => "parted",
            Self::Starve => "starved",
        }
    }
}

/// What to do.
struct Plan {
    lasts: Duration,
    seed: u64,
    /// Text put at the end of every node's configuration, such as another store; `{node}` is its name.
    more_config: String,
    /// Whether each node's log is in a stream of NATS servers, which are killed as well.
    jetstream: bool,
}

/// A node and the driver beside it.
struct Host {
    name: String,
    config: PathBuf,
    node: Option<Child>,
    stopped: bool,
}

/// Runs it all and reports.
pub(super) fn run(given: &Given) -> Result<Value, Error> {
    if let Some(reason) = Hosts::unavailable() {
        return Ok(json!({ "sound": true, "skipped": reason }));
    }
    let minutes = number(given, "--minutes", 30)?;
    let more_config = match given.values("--config").last() {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|source| Error::File { path: (*path).into(), source })?,
        None => String::new(),
    };
    let seed = number(given, "--start", 1)?;
    let jetstream = match given.values("--store").last().copied() {
        None | Some("sqlite") => false,
        Some("jetstream") => true,
        Some(other) => {
            return Err(Error::Usage {
                message: format!("expected `--store` with `sqlite` or `jetstream`, got `{other}`"),
                hint: "the usual is `sqlite`".to_owned(),
            });
        }
    };
    let plan = Plan { lasts: Duration::from_mins(minutes), seed, more_config, jetstream };
    let root = tree::root();
    // Of what is built now, whatever is checked out at the end.
    let commit = commit()?;
    let program = demo::build_program(&root, "watchfire", "watchfire", &[])?;
    let folder = root.join("target").join(format!("chaos-{}", std::process::id()));
    let mut chaos = Chaos::prepare(&program, &folder, &plan)?;
    let report = chaos.play(&plan);
    drop(chaos);
    let mut report = report?;
    if report["sound"] == true {
        // What is well is of no further use; what is not is left to be looked at.
        let _ = std::fs::remove_dir_all(&folder);
    } else {
        report["folder"] = json!(folder.display().to_string());
    }
    let store = if jetstream { " --store jetstream" } else { "" };
    let command = format!("cargo xtask soak chaos --minutes {minutes} --start {seed}{store}");
    report["command"] = json!(command);
    report["commit"] = json!(commit);
    Ok(report)
}

struct Chaos {
    program: PathBuf,
    hosts: Hosts,
    members: Vec<Host>,
    /// The servers of their stores, if they have any.
    servers: Option<Servers>,
    random: u64,
}

impl Chaos {
    fn prepare(program: &Path, folder: &Path, plan: &Plan) -> Result<Self, Error> {
        let hosts = Hosts::make(&PARTNERS)?;
        let addresses: Vec<String> = (0..PARTNERS.len()).map(Hosts::address).collect();
        let mut init = Command::new(program);
        init.args(["charter", "init"]).arg(folder).args(["--exercise", "chaos"]);
        init.args(["--partners", &PARTNERS.join(","), "--hosts", &addresses.join(",")]);
        process::run_talking(init)?;
        let mut members = Vec::new();
        for partner in PARTNERS {
            let name = format!("{partner}-1");
            let config = folder.join(&name).join("node.toml");
            let failed = |source| Error::File { path: config.clone(), source };
            let mut text = std::fs::read_to_string(&config).map_err(failed)?;
            text.push_str(&plan.more_config.replace("{node}", &name));
            if plan.jetstream {
                text = text.replace("engine = \"sqlite\"", &Servers::config());
            }
            std::fs::write(&config, text).map_err(failed)?;
            members.push(Host { name, config, node: None, stopped: false });
        }
        let servers = plan
            .jetstream
            .then(|| Servers::start(&tree::root(), folder, &hosts, PARTNERS.len()))
            .transpose()?;
        Ok(Self { program: program.to_owned(), hosts, members, servers, random: plan.seed })
    }

    fn draw(&mut self, bound: u64) -> u64 {
        draw(&mut self.random, bound)
    }

    fn place(&mut self) -> usize {
        let drawn = self.draw(PARTNERS.len() as u64);
        usize::try_from(drawn).expect("three places")
    }

    fn start(&mut self, place: usize) -> Result<(), Error> {
        let member = &mut self.members[place];
        if member.node.is_some() {
            return Ok(());
        }
        let log = member.config.with_file_name("node.log");
        let failed = |source| Error::File { path: log.clone(), source };
        let talk = std::fs::OpenOptions::new().create(true).append(true).open(&log);
        let mut node = self.hosts.program(place, &self.program);
        node.args(["node", "--ready-json", "--stop-with-stdin", "--config"]).arg(&member.config);
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(talk.map_err(failed)?);
        let mut child = node.spawn().map_err(failed)?;
        let stdout = child.stdout.take().expect("its output is piped");
        let (ready, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            // The first line says that it is ready; the rest is only read so that it can be written.
            let _ = ready.send(lines.next().is_some());
            lines.for_each(drop);
        });
        if heard.recv_timeout(READY_WITHIN).unwrap_or(false) {
            member.node = Some(child);
            return Ok(());
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(Error::Failed {
            program: format!("watchfire node of {}", member.name),
            status: "not ready".to_owned(),
            hint: Some(format!("read `{}`", log.display())),
        })
    }

    fn signal(&mut self, place: usize, signal: &str) {
        let member = &mut self.members[place];
        if let Some(node) = &member.node {
            let sent = Command::new("kill").args([signal, &node.id().to_string()]).status();
            member.stopped = signal == "-STOP" && sent.is_ok_and(|status| status.success());
        }
    }

    fn kill(&mut self, place: usize) {
        if let Some(mut node) = self.members[place].node.take() {
            // SIGKILL takes a stopped process too.
            let _ = node.kill();
            let _ = node.wait();
            self.members[place].stopped = false;
        }
    }

    fn begin(&mut self, mishap: Mishap, place: usize) -> Result<(), Error> {
        match mishap {
            Mishap::Kill => self.kill(place),
            Mishap::Stop => self.signal(place, "-STOP"),
            Mishap::Unplug => self.hosts.plug(place, false)?,
            Mishap::Deafen => self.hosts.starve(place, Direction::In, 0)?,
            Mishap::Mute => self.hosts.starve(place, Direction::Out, 0)?,
            Mishap::Part => {
                self.hosts.part(place, true)?;
                self.hosts.part((place + 1) % PARTNERS.len(), true)?;
            }
            Mishap::Starve => {
                self.hosts.starve(place, Direction::In, 64)?;
                self.hosts.starve(place, Direction::Out, 64)?;
            }
        }
        Ok(())
    }

    fn undo(&mut self, mishap: Mishap, place: usize) -> Result<(), Error> {
        match mishap {
            Mishap::Kill => self.start(place)?,
            Mishap::Stop => self.signal(place, "-CONT"),
            Mishap::Unplug => self.hosts.plug(place, true)?,
            Mishap::Deafen => self.hosts.feed(place, Direction::In),
            Mishap::Mute => self.hosts.feed(place, Direction::Out),
            Mishap::Part => {
                self.hosts.part(place, false)?;
                self.hosts.part((place + 1) % PARTNERS.len(), false)?;
            }
            Mishap::Starve => {
                self.hosts.feed(place, Direction::In);
                self.hosts.feed(place, Direction::Out);
            }
        }
        Ok(())
    }

    fn play(&mut self, plan: &Plan) -> Result<Value, Error> {
        for place in 0..PARTNERS.len() {
            self.start(place)?;
        }
        let (heard, acknowledged) = mpsc::channel();
        let mut drivers = Vec::new();
        for place in 0..PARTNERS.len() {
            drivers.push(self.drive(place, heard.clone())?);
        }
        drop(heard);
        let counts = self.schedule(plan)?;
        let unanswered = drivers.into_iter().map(Driver::end).sum::<u64>();
        let mut entries: BTreeMap<String, String> = BTreeMap::new();
        let mut levels: BTreeMap<String, u64> = BTreeMap::new();
        for line in acknowledged {
            let mut words = line.split(' ');
            let Some(entry) = words.next().filter(|entry| entry.contains('.')) else { continue };
            let mut next = || words.next().unwrap_or("?");
            let (lane, level, state, number) = (next(), next(), next(), next());
            *levels.entry(format!("{lane} {level} {state}")).or_insert(0) += 1;
            entries.insert(entry.to_owned(), number.to_owned());
        }
        let healed = Instant::now();
        let (cuts, agreed) = self.settle(&entries)?;
        let healed_s = healed.elapsed().as_secs_f64();
        let missing = missing(&entries, &cuts);
        let digests = self.digests(&cuts)?;
        let equal = digests.iter().collect::<BTreeSet<_>>().len() == 1 && !digests[0].is_empty();
        let altered = self.read_back(&entries, &cuts)?;
        let faults = self.verify()?;
        let kinds: BTreeMap<&str, u64> =
            counts.iter().map(|(mishap, count)| (mishap.as_str(), *count)).collect();
        Ok(json!({
            "sound": agreed && missing.is_empty() && altered.is_empty() && equal
                && faults.is_empty() && !entries.is_empty(),
            "minutes": plan.lasts.as_secs() / 60, "seed": plan.seed,
            "acknowledged": entries.len(), "acknowledged_by_lane_and_level": levels,
            "unanswered": unanswered, "mishaps": kinds, "agreed": agreed, "healed_s": healed_s,
            "missing": missing.len(), "missing_first": missing.first(),
            "altered_or_unread": altered.len(), "altered_or_unread_first": altered.first(),
            "digests": digests, "digests_equal": equal, "fsck_faults": faults,
            "nats": self.servers.as_mut().map(Servers::report),
        }))
    }

    /// Mishaps one after the other, up to three at a time, none twice at one place.
    fn schedule(&mut self, plan: &Plan) -> Result<BTreeMap<Mishap, u64>, Error> {
        let begun = Instant::now();
        let mut counts = BTreeMap::new();
        let mut lasting: Vec<(Instant, Mishap, usize)> = Vec::new();
        let mut next = begun + Duration::from_secs(3);
        while begun.elapsed() < plan.lasts {
            let now = Instant::now();
            let over: Vec<_> =
                lasting.iter().filter(|(until, ..)| *until <= now).copied().collect();
            lasting.retain(|(until, ..)| *until > now);
            for (_, mishap, place) in over {
                self.undo(mishap, place)?;
            }
            if now >= next {
                let drawn = usize::try_from(self.draw(7)).expect("seven kinds");
                let (mishap, place) = (Mishap::ALL[drawn], self.place());
                let line = |kind| !matches!(kind, Mishap::Kill | Mishap::Stop);
                // Two of a kind would be undone by the first to end: one on a line, one on a process.
                let taken = lasting.iter().any(|(_, other, at)| {
                    (line(*other) && line(mishap)) || (*at == place && line(*other) == line(mishap))
                });
                if !taken {
                    let lasts = Duration::from_millis(500 + self.draw(12_000));
                    eprintln!(
                        "{:>5} s: {} {} for {lasts:.1?}",
                        begun.elapsed().as_secs(),
                        self.members[place].name,
                        mishap.as_str()
                    );
                    self.begin(mishap, place)?;
                    *counts.entry(mishap).or_insert(0) += 1;
                    lasting.push((now + lasts, mishap, place));
                }
                next = now + Duration::from_millis(1_000 + self.draw(5_000));
            }
            if let Some(mut servers) = self.servers.take() {
                let turned = servers.turn(&self.hosts, |bound| draw(&mut self.random, bound));
                self.servers = Some(servers);
                turned?;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if let Some(servers) = &mut self.servers {
            servers.heal(&self.hosts)?;
        }
        for (_, mishap, place) in lasting {
            self.undo(mishap, place)?;
        }
        Ok(counts)
    }

    fn drive(&self, place: usize, heard: mpsc::Sender<String>) -> Result<Driver, Error> {
        let mut driver = self.driver(place)?;
        driver.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |source| Error::File { path: "xtask".into(), source };
        let mut child = driver.spawn().map_err(failed)?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("its output is piped");
        let reader = std::thread::spawn(move || {
            let mut unanswered = 0;
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(end) = serde_json::from_str::<Value>(&line) {
                    unanswered = end["unanswered"].as_u64().unwrap_or(0);
                } else if heard.send(line).is_err() {
                    break;
                }
            }
            unanswered
        });
        Ok(Driver { child, stdin, reader })
    }

    /// This program again, beside a node.
    fn driver(&self, place: usize) -> Result<Command, Error> {
        let me = std::env::current_exe()
            .map_err(|source| Error::File { path: "xtask".into(), source })?;
        let mut driver = self.hosts.program(place, &me);
        driver.args(["soak", "driver", "--json", "--node"]).arg(&self.members[place].config);
        Ok(driver)
    }

    fn ask(&self, place: usize, path: &str) -> Result<Value, Error> {
        let mut driver = self.driver(place)?;
        driver.args(["--get", path]);
        let outcome = process::run_kept_stdout(driver)?;
        let answer: Value = serde_json::from_str(outcome.output.trim()).unwrap_or_default();
        Ok(answer["answer"].clone())
    }

    /// Waits until all nodes hold every acknowledged entry and all receipts; gives each one's sizes.
    fn settle(
        &self,
        entries: &BTreeMap<String, String>,
    ) -> Result<(Vec<BTreeMap<String, u64>>, bool), Error> {
        let begun = Instant::now();
        loop {
            let (mut cuts, mut complete) = (Vec::new(), true);
            for place in 0..PARTNERS.len() {
                let status = self.ask(place, "/api/v1/status")?;
                complete &= status["receipts_complete"] == true;
                let logs = status["logs"].as_object().cloned().unwrap_or_default();
                let sizes = logs.into_iter().filter_map(|(log, size)| Some((log, size.as_u64()?)));
                cuts.push(sizes.collect());
            }
            let agreed = complete && missing(entries, &cuts).is_empty();
            if agreed || begun.elapsed() > HEAL_WITHIN {
                return Ok((cuts, agreed));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Each node's digest of the common view at what all of them hold.
    fn digests(&self, cuts: &[BTreeMap<String, u64>]) -> Result<Vec<String>, Error> {
        let mut common = cuts[0].clone();
        for cut in &cuts[1..] {
            common = common
                .into_iter()
                .filter_map(|(log, size)| Some((log.clone(), size.min(*cut.get(&log)?))))
                .collect();
        }
        let cut: Vec<String> = common.iter().map(|(log, size)| format!("{log}={size}")).collect();
        let view = PARTNERS.join("%2B");
        let path = format!("/api/v1/digest?view={view}&cut={}", cut.join(","));
        (0..PARTNERS.len())
            .map(|place| {
                let answer = self.ask(place, &path)?;
                Ok(answer["digest"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// Reads every log back at every node; gives each acknowledged entry that is not as it was said, with
    /// the node.
    fn read_back(
        &self,
        entries: &BTreeMap<String, String>,
        cuts: &[BTreeMap<String, u64>],
    ) -> Result<Vec<String>, Error> {
        let mut altered = Vec::new();
        for (place, cut) in cuts.iter().enumerate() {
            let mut driver = self.driver(place)?;
            driver.arg("--read").stdin(Stdio::piped()).stdout(Stdio::piped());
            let failed = |source| Error::File { path: "xtask".into(), source };
            let mut child = driver.spawn().map_err(failed)?;
            let mut stdin = child.stdin.take().expect("its input is piped");
            let logs: Vec<String> =
                cut.iter().map(|(log, size)| format!("{log} {size}\n")).collect();
            let asking = std::thread::spawn(move || {
                // One that has ended has said what it could.
                let _ = stdin.write_all(logs.concat().as_bytes());
            });
            let stdout = child.stdout.take().expect("its output is piped");
            let mut read = BTreeMap::new();
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((entry, number)) =
                    line.split_once(' ').filter(|_| !line.starts_with('{'))
                {
                    read.insert(entry.to_owned(), number.to_owned());
                }
            }
            let _ = asking.join();
            let _ = child.wait();
            let name = &self.members[place].name;
            altered.extend(differing(entries, &read).map(|entry| format!("{name}: {entry}")));
        }
        Ok(altered)
    }

    /// Stops every node and verifies its store; gives what is wrong.
    fn verify(&mut self) -> Result<Vec<String>, Error> {
        let mut faults = Vec::new();
        for (place, member) in self.members.iter_mut().enumerate() {
            if let Some(mut node) = member.node.take() {
                drop(node.stdin.take());
                let status = node.wait();
                if !status.is_ok_and(|status| status.success()) {
                    faults.push(format!("{} did not stop cleanly", member.name));
                }
            }
            // At the host, where the servers of its store are.
            let mut fsck = self.hosts.program(place, &self.program);
            fsck.args(["fsck", "--json", "--config"]).arg(&member.config);
            let outcome = process::run_kept_stdout(fsck)?;
            let line = outcome.output.lines().last().unwrap_or_default();
            let report: Value = serde_json::from_str(line).unwrap_or_default();
            match report["faults"].as_array() {
                Some(found) => faults.extend(found.iter().map(|f| format!("{}: {f}", member.name))),
                None => faults.push(format!("{}: fsck gave no report", member.name)),
            }
        }
        Ok(faults)
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        for place in 0..PARTNERS.len() {
            self.kill(place);
        }
        // Before the namespaces go.
        self.servers = None;
    }
}

/// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): below `bound`.
fn draw(random: &mut u64, bound: u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *random;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % bound
}

/// A driver process and what reads it.
struct Driver {
    child: Child,
    stdin: Option<ChildStdin>,
    reader: std::thread::JoinHandle<u64>,
}

impl Driver {
    /// Lets go of it and waits; gives the appends that were not answered.
    fn end(mut self) -> u64 {
        drop(self.stdin.take());
        let _ = self.child.wait();
        self.reader.join().unwrap_or(0)
    }
}

/// Acknowledged entries that some node does not hold, all being addressed to all.
fn missing(entries: &BTreeMap<String, String>, cuts: &[BTreeMap<String, u64>]) -> Vec<String> {
    let held = |entry: &str, cut: &BTreeMap<String, u64>| {
        let (log, index) = entry.rsplit_once('.')?;
        Some(*cut.get(log)? > index.parse::<u64>().ok()?)
    };
    let lacking = |entry: &&String| !cuts.iter().all(|cut| held(entry, cut).unwrap_or(false));
    entries.keys().filter(lacking).cloned().collect()
}

/// Acknowledged entries that were not read back with the number they were said with.
fn differing<'a>(
    entries: &'a BTreeMap<String, String>,
    read: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    let differs = |(entry, number): &(&String, &String)| read.get(*entry) != Some(*number);
    entries.iter().filter(differs).map(|(entry, _)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_missing_where_a_cut_ends_before_it() {
        let cut = |size| BTreeMap::from([("KOR-1.flash.00".to_owned(), size)]);
        let entries =
            ["KOR-1.flash.00.3", "KOR-1.flash.00.4", "JPN-1.flash.00.0"].map(str::to_owned);
        let entries = entries.map(|entry| (entry, "1".to_owned())).into_iter().collect();
        let got = missing(&entries, &[cut(9), cut(4)]);
        assert_eq!(got, ["JPN-1.flash.00.0", "KOR-1.flash.00.4"]);
    }

    #[test]
    fn an_entry_differs_where_it_is_read_otherwise_or_not_at_all() {
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let said = of(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let read = of(&[("a", "1"), ("b", "3"), ("d", "9")]);
        assert_eq!(differing(&said, &read).collect::<Vec<_>>(), ["b", "c"]);
    }
}
