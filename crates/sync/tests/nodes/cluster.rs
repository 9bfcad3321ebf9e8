//! A few nodes with stores in memory and lines that deliver at once, everything by hand.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::testing::{self, SeededRng, TestCharter};
use log::{
    Agreement, CosignatureKind, EntryId, Fact, FsckScope, HighWater, Kind, LogId, MemoryStore,
    Precedence, Realm, Store, StoreReadExt, fsck,
};
use sync::wire::Message;
use sync::{Append, Arrival, Config, Input, Level, Node, Op, Output, Setup, Ticket};

pub(crate) const KIND: Kind = Kind::from_static("test.statement");

/// One node, its store, and what it put out since it was last asked.
pub(crate) struct Host {
    pub(crate) id: NodeId,
    pub(crate) node: Option<Node>,
    pub(crate) store: MemoryStore,
    pub(crate) high_water: Option<HighWater>,
    /// Everything put out since [`Cluster::clear`].
    pub(crate) out: Vec<Output>,
    /// Store operations wait here while the disk is held.
    pub(crate) held_writes: Option<Vec<Op>>,
    /// Reads wait here while they are held.
    pub(crate) held_loads: Option<Vec<(Op, LogId, u64, usize)>>,
    pub(crate) config: Config,
}

pub(crate) struct Cluster {
    pub(crate) charter: TestCharter,
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Timestamp,
    pub(crate) rng: SeededRng,
    connected: BTreeSet<(usize, usize)>,
    tickets: u64,
    queue: VecDeque<(usize, Input)>,
    /// Pairs between which nothing passes although they stay connected, and what waits there.
    stalled: BTreeSet<(usize, usize)>,
    waiting: Vec<(usize, usize, Input)>,
}

impl Cluster {
    pub(crate) fn new(nodes: &[&str]) -> Self {
        Self::with(nodes, |_| {})
    }

    /// Nodes under a charter with terms of its own.
    pub(crate) fn with(nodes: &[&str], change: impl FnOnce(&mut Agreement)) -> Self {
        let realm = Realm::exercise("test").unwrap();
        let charter = testing::charter_with(&realm, nodes, 7, change);
        let hosts = nodes.iter().map(|name| Host {
            id: name.parse().unwrap(),
            node: None,
            store: MemoryStore::new(),
            high_water: None,
            out: Vec::new(),
            held_writes: None,
            held_loads: None,
            config: Config::default(),
        });
        let mut cluster = Self {
            hosts: hosts.collect(),
            charter,
            now: Timestamp::from_seconds(1_800_000_000),
            rng: SeededRng::new(1),
            connected: BTreeSet::new(),
            tickets: 0,
            queue: VecDeque::new(),
            stalled: BTreeSet::new(),
            waiting: Vec::new(),
        };
        for host in 0..nodes.len() {
            cluster.start(host);
        }
        cluster
    }

    /// Three nodes, all connected, their first pulses exchanged.
    pub(crate) fn three() -> Self {
        let mut cluster = Self::new(&["JPN-1", "KOR-1", "USA-1"]);
        cluster.connect_all();
        cluster.run_for(1_000);
        cluster
    }

    pub(crate) fn connect_all(&mut self) {
        for one in 0..self.hosts.len() {
            for other in one + 1..self.hosts.len() {
                self.connect(one, other);
            }
        }
    }

    pub(crate) fn start(&mut self, host: usize) {
        let setup = self.setup(host);
        let Host { store, high_water, .. } = &self.hosts[host];
        let (node, out) =
            Node::restore(setup, store, high_water.as_ref(), self.now, &mut self.rng).unwrap();
        self.hosts[host].node = Some(node);
        self.carry_out(host, out);
        self.settle();
    }

    pub(crate) fn setup(&self, host: usize) -> Setup {
        Setup {
            config: self.hosts[host].config.clone(),
            charter: Arc::new(self.charter.charter.clone()),
            secrets: self.charter.secrets[&self.hosts[host].id].clone(),
        }
    }

    pub(crate) fn stop(&mut self, host: usize) {
        self.hosts[host].node = None;
        for other in 0..self.hosts.len() {
            self.disconnect(host, other);
        }
    }

    pub(crate) fn node(&self, host: usize) -> &Node {
        self.hosts[host].node.as_ref().unwrap()
    }

    pub(crate) fn connect(&mut self, one: usize, other: usize) {
        self.connected.insert((one.min(other), one.max(other)));
        let (first, second) = (self.hosts[one].id, self.hosts[other].id);
        self.queue.push_back((one, Input::Connected { peer: second }));
        self.queue.push_back((other, Input::Connected { peer: first }));
        self.settle();
    }

    pub(crate) fn disconnect(&mut self, one: usize, other: usize) {
        if !self.connected.remove(&(one.min(other), one.max(other))) {
            return;
        }
        let (first, second) = (self.hosts[one].id, self.hosts[other].id);
        self.queue.push_back((one, Input::Disconnected { peer: second }));
        self.queue.push_back((other, Input::Disconnected { peer: first }));
        self.settle();
    }

    pub(crate) fn is_connected(&self, one: usize, other: usize) -> bool {
        self.connected.contains(&(one.min(other), one.max(other)))
    }

    /// Delivers a frame as if `from` had sent it.
    pub(crate) fn deliver(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        let peer = self.hosts[from].id;
        self.input(to, Input::Received { peer, bytes });
    }

    pub(crate) fn input(&mut self, host: usize, input: Input) {
        self.queue.push_back((host, input));
        self.settle();
    }

    /// Processes everything that follows at once.
    pub(crate) fn settle(&mut self) {
        while let Some((host, input)) = self.queue.pop_front() {
            let Some(node) = self.hosts[host].node.as_mut() else { continue };
            let mut out = Vec::new();
            node.step(self.now, &mut self.rng, input, &mut out);
            self.carry_out(host, out);
        }
    }

    fn carry_out(&mut self, host: usize, out: Vec<Output>) {
        for output in out {
            self.hosts[host].out.push(output.clone());
            match output {
                Output::Store { op, writes, high_water, .. } => {
                    if let Some(held) = &mut self.hosts[host].held_writes {
                        held.push(op);
                        continue;
                    }
                    let result = self.hosts[host].store.commit(&writes);
                    let realm = self.charter.charter.realm().clone();
                    let Host { id, high_water: file, .. } = &mut self.hosts[host];
                    if result.is_ok() {
                        let raised = file.get_or_insert_with(|| HighWater::new(realm, *id));
                        for state in &high_water {
                            raised.raise(state);
                        }
                    }
                    self.queue.push_back((host, Input::Stored { op, result }));
                }
                Output::Load { op, log, from, bytes_max } => {
                    if let Some(held) = &mut self.hosts[host].held_loads {
                        held.push((op, log, from, bytes_max));
                        continue;
                    }
                    let result = self.hosts[host].store.batches(&log, from, usize::MAX, bytes_max);
                    self.queue.push_back((host, Input::Loaded { op, result }));
                }
                Output::Send { peer, bytes, .. } | Output::Pass { peer, bytes, .. } => {
                    let to = self.host_of(peer);
                    if self.is_connected(host, to) {
                        let (peer, bytes) = (self.hosts[host].id, bytes.to_vec());
                        let frame = Input::Received { peer, bytes };
                        if self.stalled.contains(&(host.min(to), host.max(to))) {
                            self.waiting.push((host, to, frame));
                        } else {
                            self.queue.push_back((to, frame));
                        }
                    }
                }
                Output::Close { peer, .. } => {
                    let other = self.host_of(peer);
                    self.connected.remove(&(host.min(other), host.max(other)));
                    let peer = self.hosts[host].id;
                    self.queue.push_back((other, Input::Disconnected { peer }));
                }
                _ => {}
            }
        }
    }

    /// Nothing passes between two hosts until [`Cluster::unstall`]; they stay connected.
    pub(crate) fn stall(&mut self, one: usize, other: usize) {
        self.stalled.insert((one.min(other), one.max(other)));
    }

    /// The line loses the first batch that waits on it.
    pub(crate) fn lose_a_batch(&mut self, from: usize, to: usize) {
        let is_batch = |(a, b, input): &(usize, usize, Input)| match input {
            Input::Received { bytes, .. } if (*a, *b) == (from, to) => {
                matches!(Message::decode(bytes), Ok(Message::Batch { .. }))
            }
            _ => false,
        };
        let place = self.waiting.iter().position(is_batch).expect("a batch waits");
        self.waiting.remove(place);
    }

    /// Everything that waited between two hosts passes.
    pub(crate) fn unstall(&mut self, one: usize, other: usize) {
        self.stalled.remove(&(one.min(other), one.max(other)));
        let pair = [one, other];
        for (from, to, frame) in std::mem::take(&mut self.waiting) {
            if pair.contains(&from) && pair.contains(&to) {
                self.queue.push_back((to, frame));
            } else {
                self.waiting.push((from, to, frame));
            }
        }
        self.settle();
    }

    /// Answers the reads that a host holds back; those they lead to are held too.
    pub(crate) fn release_loads(&mut self, host: usize) {
        let held = self.hosts[host].held_loads.as_mut().map(std::mem::take).unwrap_or_default();
        for (op, log, from, bytes_max) in held {
            let result = self.hosts[host].store.batches(&log, from, usize::MAX, bytes_max);
            self.input(host, Input::Loaded { op, result });
        }
    }

    /// Lets a host read again.
    pub(crate) fn read_again(&mut self, host: usize) {
        self.release_loads(host);
        while self.hosts[host].held_loads.as_ref().is_some_and(|held| !held.is_empty()) {
            self.release_loads(host);
        }
        self.hosts[host].held_loads = None;
    }

    /// Every byte of a host's store verifies.
    pub(crate) fn assert_clean(&self, host: usize) {
        let Host { id, store, high_water, .. } = &self.hosts[host];
        let scope = FsckScope {
            charter: &self.charter.charter,
            node: *id,
            storage: Some(&self.charter.secrets[id].storage),
            high_water: high_water.as_ref(),
        };
        assert_eq!(fsck(store, &scope).faults, [], "the store of {id}");
    }

    pub(crate) fn host_of(&self, id: NodeId) -> usize {
        self.hosts.iter().position(|host| host.id == id).unwrap()
    }

    /// Lets time pass in ticks.
    pub(crate) fn run_for(&mut self, millis: i64) {
        for _ in 0..millis / 100 {
            self.now += TimeDelta::from_millis(100);
            for host in 0..self.hosts.len() {
                self.input(host, Input::Tick);
            }
        }
    }

    pub(crate) fn append(
        &mut self,
        host: usize,
        audience: &str,
        text: &str,
        level: Level,
    ) -> Ticket {
        self.append_in(host, Precedence::Immediate, audience, text.as_bytes(), level)
    }

    pub(crate) fn append_in(
        &mut self,
        host: usize,
        precedence: Precedence,
        audience: &str,
        content: &[u8],
        level: Level,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let append = Append {
            ticket,
            audience: audience.parse().unwrap(),
            precedence,
            kind: KIND,
            edition: 1,
            content: content.to_vec(),
            level,
            timeout: TimeDelta::from_seconds(10),
        };
        self.input(host, Input::Append(append));
        ticket
    }

    pub(crate) fn clear(&mut self) {
        for host in &mut self.hosts {
            host.out.clear();
        }
    }

    /// Texts of the test statements a host told, in order, with how they came.
    pub(crate) fn told(&self, host: usize) -> Vec<(String, Arrival)> {
        let facts = self.facts(host).into_iter();
        facts
            .filter(|(fact, _)| fact.kind == KIND)
            .map(|(fact, arrival)| (String::from_utf8(fact.content.clone()).unwrap(), arrival))
            .collect()
    }

    pub(crate) fn texts(&self, host: usize) -> Vec<String> {
        self.told(host).into_iter().map(|(text, _)| text).collect()
    }

    pub(crate) fn facts(&self, host: usize) -> Vec<(Arc<Fact>, Arrival)> {
        let facts = self.hosts[host].out.iter().filter_map(|output| match output {
            Output::Fact { fact, arrival } => Some((fact.clone(), *arrival)),
            _ => None,
        });
        facts.collect()
    }

    pub(crate) fn acknowledged(
        &self,
        host: usize,
        ticket: Ticket,
    ) -> Option<(EntryId, Vec<NodeId>)> {
        self.hosts[host].out.iter().find_map(|output| match output {
            Output::Acknowledged { ticket: of, entry, holders, .. } if *of == ticket => {
                Some((*entry, holders.clone()))
            }
            _ => None,
        })
    }

    pub(crate) fn findings(&self, host: usize) -> Vec<String> {
        let findings = self.hosts[host].out.iter().filter_map(|output| match output {
            Output::Finding { message, .. } => Some(message.clone()),
            _ => None,
        });
        findings.collect()
    }

    /// Frames a host sent to another, decoded.
    pub(crate) fn sent(&self, from: usize, to: usize) -> Vec<Message> {
        let to = self.hosts[to].id;
        let frames = self.hosts[from].out.iter().filter_map(|output| match output {
            Output::Send { peer, bytes, .. } | Output::Pass { peer, bytes, .. } if *peer == to => {
                Some(Message::decode(bytes).unwrap())
            }
            _ => None,
        });
        frames.collect()
    }

    /// The newest size `by` stated about logs of `host` in one lane.
    pub(crate) fn stated(
        &self,
        host: usize,
        by: usize,
        lane: Precedence,
        kind: CosignatureKind,
    ) -> u64 {
        let lines = self.node(host).lines();
        let line = lines.iter().find(|line| line.peer == self.hosts[by].id).unwrap();
        let lane = line.lanes.iter().find(|status| status.lane == lane).unwrap();
        match kind {
            CosignatureKind::Witness => lane.witnessed_by_peer,
            CosignatureKind::Holds => lane.held_by_peer,
        }
    }
}
