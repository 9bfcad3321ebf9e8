//! The loop: one virtual clock, one queue of events, three hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::{Body, Draft, HighWater, LaneWriter, LogHead, LogId, Precedence, StoreReadExt};
use sync::wire::Message;
use sync::{Append, Config, Input, Level, Node, Output, Setup, Ticket, limits};

use super::Options;
use super::cast::Cast;
use super::dice::Dice;
use super::disk::{Answer, Disk, Job};
use super::liar::{Liar, Lie};
use super::network::{Cut, HostIndex, Network, Parcel, Trouble};
use super::plan::{Mishap, Plan, Statement};
use super::report::{Counts, Fault, Report};
use super::witness::{KIND, Seen, Witness};

mod lies;

/// The first instant of every run.
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// How long hosts may take to agree once the faults are over.
const HEALING_MAX: TimeDelta = TimeDelta::from_seconds(180);
/// How long a process that dies once more is down.
const RELAPSE: TimeDelta = TimeDelta::from_millis(300);
/// How often hosts without a connection try to get one.
const DIAL_EVERY: TimeDelta = TimeDelta::from_millis(300);
/// Entries by which a lane is behind before it jumps.
const JUMP_ENTRIES: u64 = 6;
/// Between the upgrades of two hosts.
const UPGRADE_EVERY: TimeDelta = TimeDelta::from_seconds(11);
/// How often it is looked whether all agree.
const LOOK_EVERY: TimeDelta = TimeDelta::from_millis(250);

/// Something that happens at its time.
#[derive(Debug)]
enum Event {
    Tick { host: HostIndex, life: u64 },
    Arrival(Parcel),
    Hangup { at: HostIndex, other: HostIndex, connection: u64 },
    DiskDone { host: HostIndex, life: u64 },
    Dial { one: HostIndex, other: HostIndex },
    Start { host: HostIndex },
    Statement(usize),
    Mishap(Mishap),
    Mend { from: HostIndex, to: HostIndex },
    Calm { from: HostIndex, to: HostIndex },
    DiskWell { host: HostIndex },
    Truth(Lie),
    ClockRight { host: HostIndex },
    EndOfFaults,
    Look,
}

/// One machine.
#[derive(Debug)]
struct Host {
    id: NodeId,
    life: u64,
    node: Option<Node>,
    disk: Disk,
    clock_offset: TimeDelta,
    entropy: Dice,
    /// To crash in the middle of the next commit, and for how long.
    doomed: Option<TimeDelta>,
    /// To crash once more in the first commits of the next life.
    relapses: bool,
}

/// One run.
pub(super) struct World<'a> {
    cast: &'a Cast,
    options: &'a Options,
    seed: u64,
    now: Timestamp,
    dice: Dice,
    events: BTreeMap<(Timestamp, u64), Event>,
    sequence: u64,
    hosts: Vec<Host>,
    network: Network,
    liar: Option<Liar>,
    plan: Plan,
    witness: Witness,
    counts: Counts,
    calm_since: Option<Timestamp>,
    agreed: bool,
    /// Jumps in lives that are over.
    jumps: u64,
    /// Likewise frames passed on for others.
    relayed: u64,
}

fn relayed(host: &Host) -> u64 {
    host.node.as_ref().map_or(0, |node| node.counters().relayed)
}

fn jumps(host: &Host) -> u64 {
    host.node.as_ref().map_or(0, |node| node.counters().jumps)
}

impl<'a> World<'a> {
    /// The world of `seed` before anything has happened.
    pub(super) fn new(cast: &'a Cast, options: &'a Options, seed: u64) -> Self {
        let realm = cast.charter.realm();
        let hosts: Vec<Host> = cast
            .secrets
            .iter()
            .zip(10..)
            .map(|(secrets, stream)| Host {
                id: secrets.node,
                life: 0,
                node: None,
                disk: Disk::new(HighWater::new(realm.clone(), secrets.node)),
                clock_offset: TimeDelta::ZERO,
                entropy: Dice::new(seed, stream),
                doomed: None,
                relapses: false,
            })
            .collect();
        let partners: Vec<_> = hosts.iter().map(|host| host.id.partner()).collect();
        let plan = Plan::draw(seed, &partners, &cast.charter, options.entries);
        let liar = plan.liar.map(|host| Liar::new(host, cast, Dice::new(seed, 3)));
        Self {
            network: Network::new(hosts.len(), plan.latency_ms),
            cast,
            options,
            seed,
            now: START,
            dice: Dice::new(seed, 2),
            events: BTreeMap::new(),
            sequence: 0,
            hosts,
            liar,
            witness: Witness::new(plan.liar),
            plan,
            counts: Counts::default(),
            calm_since: None,
            agreed: false,
            jumps: 0,
            relayed: 0,
        }
    }

    /// Runs to the end.
    pub(super) fn run(mut self) -> Report {
        self.schedule_plan();
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = at;
            self.happen(event);
            if self.agreed || !self.witness.failures.is_empty() {
                break;
            }
        }
        let healed = self.calm_since.map_or(TimeDelta::ZERO, |since| self.now - since);
        let whole = |time: TimeDelta, unit: i64| u64::try_from(time.as_nanos() / unit).unwrap_or(0);
        Report {
            seed: self.seed,
            entries: self.witness.taken,
            acknowledged: self.witness.acknowledged_count(),
            pending: self.witness.pending,
            byzantine: self.liar.is_some(),
            convicted: self.witness.convicted.len() as u64,
            apart: self.witness.apart,
            cut_off: self.witness.cut_off(&see(&self.hosts)).len() as u64,
            jumps: self.jumps + self.hosts.iter().map(jumps).sum::<u64>(),
            relayed: self.relayed + self.hosts.iter().map(relayed).sum::<u64>(),
            faults: self.counts,
            virtual_s: whole(self.now - START, 1_000_000_000),
            healed_ms: whole(healed, 1_000_000),
            failures: self.witness.failures,
        }
    }

    fn schedule_plan(&mut self) {
        for host in 0..self.hosts.len() {
            let at = START + self.dice.millis(0..200);
            self.at(at, Event::Start { host });
            for other in host + 1..self.hosts.len() {
                let at = START + self.dice.millis(1..300);
                self.at(at, Event::Dial { one: host, other });
            }
        }
        for (number, statement) in self.plan.statements.clone().iter().enumerate() {
            self.at(START + statement.at, Event::Statement(number));
        }
        for (at, mishap) in self.plan.mishaps.clone() {
            self.at(START + at, Event::Mishap(mishap));
        }
        if self.options.upgrade {
            let mut at = START;
            for host in 0..self.hosts.len() {
                at += UPGRADE_EVERY;
                let lasts = self.dice.millis(500..3_000);
                self.at(
                    at,
                    Event::Mishap(Mishap::Crash { host, lasts, writing: false, again: false }),
                );
            }
        }
        self.at(START + self.plan.ends, Event::EndOfFaults);
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.sequence += 1;
        self.events.insert((at.max(self.now), self.sequence), event);
    }

    fn after(&mut self, delay: TimeDelta, event: Event) {
        self.at(self.now + delay, event);
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if self.options.trace {
            let millis = (self.now - START).as_nanos() / 1_000;
            eprintln!("{:>9}.{:03} ms  {}", millis / 1_000, millis % 1_000, line());
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { host, life } => {
                if self.hosts[host].life == life && self.hosts[host].node.is_some() {
                    self.step(host, Input::Tick);
                    self.after(limits::TICK_EVERY, Event::Tick { host, life });
                }
            }
            Event::Arrival(parcel) => {
                if self.network.connection(parcel.to, parcel.from) == Some(parcel.connection) {
                    let peer = self.hosts[parcel.from].id;
                    if let Some(liar) = self.liar.as_mut().filter(|liar| liar.host == parcel.to) {
                        liar.hear(parcel.precedence, &parcel.bytes);
                    }
                    let bytes = parcel.bytes.to_vec();
                    self.step(parcel.to, Input::Received { peer, bytes });
                }
            }
            Event::Hangup { at, other, connection } => {
                if self.network.connection(at, other) == Some(connection) {
                    self.hang_up(at, other);
                }
            }
            Event::DiskDone { host, life } => self.disk_done(host, life),
            Event::Dial { one, other } => self.dial(one, other),
            Event::Start { host } => self.start(host),
            Event::Statement(number) => self.append(number),
            Event::Mishap(mishap) => self.mishap(mishap),
            Event::Mend { from, to } => self.mend(from, to),
            Event::Calm { from, to } => self.network.trouble(from, to, Trouble::default()),
            Event::DiskWell { host } => {
                self.hosts[host].disk.failing_per_mille = 0;
                self.hosts[host].disk.slowness = 1;
            }
            Event::Truth(lie) => self.liar.iter_mut().for_each(|liar| liar.end(lie)),
            Event::ClockRight { host } => self.hosts[host].clock_offset = TimeDelta::ZERO,
            Event::EndOfFaults => self.end_faults(),
            Event::Look => self.look(),
        }
    }

    /// One input into one node, and everything that follows at once.
    fn step(&mut self, host: HostIndex, input: Input) {
        let mut out = Vec::new();
        let Host { node, clock_offset, entropy, .. } = &mut self.hosts[host];
        let Some(node) = node else { return };
        node.step(self.now + *clock_offset, entropy.entropy(), input, &mut out);
        self.carry_out(host, out);
    }

    fn carry_out(&mut self, host: HostIndex, out: Vec<Output>) {
        for output in out {
            self.trace(|| format!("{} {}", self.hosts[host].id, brief(&output)));
            let seen: Vec<Seen<'_>> = see(&self.hosts);
            self.witness.look(host, &output, &seen, self.now);
            match output {
                Output::Store { op, urgency, writes, high_water: marks } => {
                    self.ask_disk(host, Job::Commit { op, urgency, writes, marks });
                }
                Output::Load { op, log, from, bytes_max } => {
                    self.ask_disk(host, Job::Load { op, log, from, bytes_max });
                }
                Output::Send { peer, precedence, bytes }
                | Output::Pass { peer, precedence, bytes } => {
                    let to = self.host_of(peer);
                    self.send_frame(host, (to, precedence, bytes));
                }
                Output::Close { peer, .. } => {
                    let other = self.host_of(peer);
                    self.drop_connection(host, other);
                }
                _ => {}
            }
        }
    }

    fn host_of(&self, id: NodeId) -> HostIndex {
        self.hosts.iter().position(|host| host.id == id).expect("a host of the cluster")
    }

    fn send(&mut self, parcel: Parcel) {
        let Self { network, dice, counts, now, .. } = self;
        for (arrival, parcel) in network.send(parcel, *now, dice, counts) {
            self.at(arrival, Event::Arrival(parcel));
        }
    }

    fn ask_disk(&mut self, host: HostIndex, job: Job) {
        if self.hosts[host].disk.ask(job) {
            self.schedule_disk(host);
        }
    }

    fn schedule_disk(&mut self, host: HostIndex) {
        let delay = self.hosts[host].disk.latency(&mut self.dice);
        let life = self.hosts[host].life;
        self.after(delay, Event::DiskDone { host, life });
    }

    fn disk_done(&mut self, host: HostIndex, life: u64) {
        if self.hosts[host].life != life {
            return;
        }
        if self.hosts[host].disk.is_writing()
            && let Some(lasts) = self.hosts[host].doomed.take()
        {
            return self.crash(host, lasts);
        }
        let answer = self.hosts[host].disk.finish(&mut self.dice, &mut self.counts);
        if self.hosts[host].disk.is_busy() {
            self.schedule_disk(host);
        }
        match answer {
            Some(Answer::Stored(op, result)) => self.step(host, Input::Stored { op, result }),
            Some(Answer::Loaded(op, result)) => self.step(host, Input::Loaded { op, result }),
            None => {}
        }
    }

    /// Opens a connection where one end lacks it, and looks again later.
    fn dial(&mut self, one: HostIndex, other: HostIndex) {
        let up = self.hosts[one].node.is_some() && self.hosts[other].node.is_some();
        let stands = self.network.connection(one, other).is_some()
            && self.network.connection(one, other) == self.network.connection(other, one);
        if up && !stands && self.network.can_connect(one, other) {
            self.network.connect(one, other);
            let (first, second) = (self.hosts[one].id, self.hosts[other].id);
            self.trace(|| format!("{first} and {second} connect"));
            self.step(one, Input::Connected { peer: second });
            self.step(other, Input::Connected { peer: first });
        }
        let jitter = self.dice.millis(0..200);
        self.after(DIAL_EVERY + jitter, Event::Dial { one, other });
    }

    fn hang_up(&mut self, at: HostIndex, other: HostIndex) {
        self.network.disconnect(at, other);
        let peer = self.hosts[other].id;
        self.step(at, Input::Disconnected { peer });
    }

    /// One end lets go; the other hears of it if the line is whole.
    fn drop_connection(&mut self, at: HostIndex, other: HostIndex) {
        let Some(connection) = self.network.disconnect(at, other) else { return };
        if self.network.can_connect(at, other) {
            let delay = self.dice.millis(1..50);
            self.after(delay, Event::Hangup { at: other, other: at, connection });
        }
    }

    /// Lanes jump when they are a few entries behind, so that most seeds have gaps.
    fn config(&self, host: HostIndex) -> Config {
        let (lowest, highest) = limits::PROTOCOL_EDITIONS;
        let old = self.options.upgrade && self.hosts[host].life == 0;
        let highest = if old { lowest } else { highest };
        Config { jump_entries: JUMP_ENTRIES, editions: (lowest, highest), ..Config::default() }
    }

    fn start(&mut self, host: HostIndex) {
        if self.hosts[host].node.is_some() {
            return;
        }
        let Host { id, disk, .. } = &self.hosts[host];
        self.witness.start(host, *id, disk);
        let setup = Setup {
            config: self.config(host),
            charter: Arc::clone(&self.cast.charter),
            secrets: self.cast.secrets[host].clone(),
        };
        let Host { id, disk, clock_offset, entropy, life, .. } = &mut self.hosts[host];
        let (now, entropy) = (self.now + *clock_offset, entropy.entropy());
        let restored = Node::restore(setup, &disk.store, disk.high_water.as_ref(), now, entropy);
        match restored {
            Ok((node, out)) => {
                let life = *life;
                if std::mem::take(&mut self.hosts[host].relapses) {
                    self.hosts[host].doomed = Some(RELAPSE);
                }
                self.hosts[host].node = Some(node);
                self.trace(|| format!("{} starts, life {life}", self.hosts[host].id));
                self.carry_out(host, out);
                let phase = self.dice.millis(0..100);
                self.after(phase, Event::Tick { host, life });
            }
            Err(error) => self.witness.failures.push(format!("{id} does not restart: {error}")),
        }
    }

    fn append(&mut self, number: usize) {
        let statement = self.plan.statements[number].clone();
        let host = statement.host;
        if self.hosts[host].node.is_none() {
            // The client tries again until its node is back.
            let delay = self.dice.millis(200..800);
            self.after(delay, Event::Statement(number));
            return;
        }
        let ticket = Ticket(number as u64);
        let id = self.hosts[host].id;
        self.witness.issue(ticket, id, statement.audience, &statement.content);
        self.step(
            host,
            Input::Append(Append {
                ticket,
                audience: statement.audience,
                precedence: statement.precedence,
                kind: KIND,
                edition: 1,
                content: statement.content,
                level: statement.level,
                timeout: statement.timeout,
            }),
        );
    }

    fn mishap(&mut self, mishap: Mishap) {
        self.trace(|| format!("mishap: {mishap:?}"));
        match mishap {
            Mishap::Partition { one, other, one_way, cut, lasts } => {
                self.counts.add(if one_way { Fault::OneWayPartition } else { Fault::Partition });
                self.cut(one, other, cut, lasts);
                if !one_way {
                    self.cut(other, one, cut, lasts);
                }
            }
            Mishap::Disconnect { one, other } => {
                self.counts.add(Fault::Disconnect);
                self.hang_up(one, other);
                self.hang_up(other, one);
            }
            Mishap::Crash { host, lasts, writing, again } => {
                self.hosts[host].relapses = again;
                if writing {
                    self.hosts[host].doomed = Some(lasts);
                } else {
                    self.crash(host, lasts);
                }
            }
            Mishap::BackUp { host } => self.hosts[host].disk.back_up(),
            Mishap::RollBack { host, lasts } => {
                self.crash(host, lasts);
                if self.hosts[host].disk.roll_back() {
                    self.counts.add(Fault::Rollback);
                }
            }
            Mishap::Trouble { from, to, trouble, lasts } => {
                self.counts.add(Fault::LineTrouble);
                self.network.trouble(from, to, trouble);
                self.after(lasts, Event::Calm { from, to });
            }
            Mishap::DiskFails { host, lasts } => {
                self.counts.add(Fault::FailingDisk);
                self.hosts[host].disk.failing_per_mille = 400;
                self.after(lasts, Event::DiskWell { host });
            }
            Mishap::DiskCrawls { host, lasts } => {
                self.counts.add(Fault::SlowDisk);
                self.hosts[host].disk.slowness = 100;
                self.after(lasts, Event::DiskWell { host });
            }
            Mishap::ClockStep { host, offset } => {
                self.counts.add(Fault::ClockStep);
                self.hosts[host].clock_offset = offset;
            }
            Mishap::Forgery { victim, name } => self.forge(victim, name),
            Mishap::Lie { lie, lasts } => self.lie(lie, lasts),
            Mishap::LieClock { lasts } => self.lie_about_time(lasts),
        }
    }

    fn cut(&mut self, from: HostIndex, to: HostIndex, cut: Cut, lasts: TimeDelta) {
        self.network.cut(from, to, cut);
        self.after(lasts, Event::Mend { from, to });
    }

    fn mend(&mut self, from: HostIndex, to: HostIndex) {
        for parcel in self.network.mend(from, to) {
            self.send(parcel);
        }
    }

    fn crash(&mut self, host: HostIndex, lasts: TimeDelta) {
        let Some(node) = self.hosts[host].node.take() else { return };
        self.jumps += node.counters().jumps;
        self.relayed += node.counters().relayed;
        self.counts.add(Fault::Crash);
        self.hosts[host].life += 1;
        let Self { hosts, dice, counts, .. } = self;
        hosts[host].disk.crash(dice, counts);
        for other in (0..self.hosts.len()).filter(|other| *other != host) {
            self.drop_connection(host, other);
        }
        self.after(lasts, Event::Start { host });
    }

    /// A stranger continues a partner's log, as the victim has it, under a key of its own.
    fn forge(&mut self, victim: HostIndex, name: HostIndex) {
        let Some(connection) = self.network.connection(victim, name) else { return };
        let Some(node) = self.hosts[name].node.as_ref() else { return };
        let lane = self.dice.pick(&Precedence::ALL);
        let log: LogId = node.own_log(lane);
        let head = self.hosts[victim].disk.store.head(&log).ok().flatten();
        // A writer goes on from a whole tree: a copy with a gap is left alone.
        let head = head.filter(|head| head.jumps.is_empty());
        let head = head.unwrap_or_else(|| LogHead::start(log));
        let charter = &self.cast.charter;
        let key = self.cast.stranger.key.clone();
        let mut writer = LaneWriter::new(charter.realm().clone(), &head, key);
        let body = Body { kind: KIND, edition: 1, content: b"forged".to_vec() };
        let draft = Draft { audience: charter.everyone(), body };
        let mut clock = log::HybridClock::new(head.done.logged);
        let entropy = self.dice.entropy();
        let forged = writer.append(vec![draft], charter, &mut clock, self.now, entropy);
        let Ok(forged) = forged else { return };
        self.counts.add(Fault::Forgery);
        let message = Message::Batch { complete: true, batch: forged.batch.as_bytes().clone() };
        self.send(Parcel {
            from: name,
            to: victim,
            connection,
            precedence: lane,
            bytes: message.encode().into(),
        });
    }

    fn end_faults(&mut self) {
        self.trace(|| "the faults are over".to_owned());
        self.calm_since = Some(self.now);
        for host in 0..self.hosts.len() {
            self.hosts[host].disk.failing_per_mille = 0;
            self.hosts[host].disk.slowness = 1;
            self.hosts[host].doomed = None;
            self.hosts[host].relapses = false;
            self.hosts[host].clock_offset = TimeDelta::ZERO;
            self.start(host);
            for other in (0..self.hosts.len()).filter(|other| *other != host) {
                self.network.trouble(host, other, Trouble::default());
                self.mend(host, other);
            }
        }
        self.liar.iter_mut().for_each(Liar::repent);
        self.last_words();
        self.after(LOOK_EVERY, Event::Look);
    }

    /// With no fault left everyone sends one message in each lane, and everyone is to see all.
    fn last_words(&mut self) {
        for host in 0..self.hosts.len() {
            for precedence in Precedence::ALL {
                let number = self.plan.statements.len();
                self.plan.statements.push(Statement {
                    at: self.now - START,
                    host,
                    audience: self.cast.charter.everyone(),
                    precedence,
                    content: format!("last word {number}").into_bytes(),
                    level: Level::Local,
                    timeout: TimeDelta::from_seconds(20),
                });
                self.after(TimeDelta::ZERO, Event::Statement(number));
            }
        }
    }

    fn look(&mut self) {
        let seen = see(&self.hosts);
        let said = self.witness.taken == self.plan.statements.len() as u64;
        let disagreement = self
            .witness
            .disagreement(&seen, self.liar.as_ref())
            .or_else(|| (!said).then(|| "a client still waits for its node".to_owned()));
        let Some(disagreement) = disagreement else {
            let liar = self.liar.as_ref();
            self.witness.look_at_the_end(&seen, self.cast, liar);
            self.agreed = true;
            return;
        };
        let since = self.calm_since.expect("looks begin when the faults end");
        if self.now - since >= HEALING_MAX {
            self.witness.failures.push(format!("no agreement after the faults: {disagreement}"));
            return;
        }
        self.after(LOOK_EVERY, Event::Look);
    }
}

fn see(hosts: &[Host]) -> Vec<Seen<'_>> {
    let seen = hosts.iter().enumerate();
    seen.map(|(host, state)| Seen {
        host,
        id: state.id,
        disk: &state.disk,
        node: state.node.as_ref(),
    })
    .collect()
}

/// One line about an output, for traces.
fn brief(output: &Output) -> String {
    match output {
        Output::Store { op, urgency, writes, .. } => {
            format!("stores {} writes, {urgency}, op {}", writes.len(), op.0)
        }
        Output::Send { peer, precedence, bytes } => {
            let what = match Message::decode(bytes) {
                Ok(Message::Batch { batch, .. }) => match log::Batch::parse(batch) {
                    Ok(batch) => format!("{} {}..{}", batch.log(), batch.first(), batch.end()),
                    Err(error) => error.to_string(),
                },
                Ok(Message::Cosigned { .. }) => "cosigned checkpoint".to_owned(),
                Ok(other) => format!("{other:?}"),
                Err(error) => error.to_string(),
            };
            format!("sends {peer} {precedence}: {what}")
        }
        Output::Fact { fact, arrival } => format!("tells {} {} {arrival:?}", fact.id, fact.kind),
        other => format!("{other:?}"),
    }
}
