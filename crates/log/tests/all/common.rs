//! Three nodes, their charter, and one log carried from the first to the others.

use std::collections::BTreeMap;

use base::{NodeId, PartnerId, TimeDelta, Timestamp};
use watchfire_log::testing::{SeededRng, TestCharter, charter};
use watchfire_log::{
    Accepted, Appended, Body, Charter, Cosignature, CosignatureKind, Draft, EpochRing, Fact,
    FsckScope, HybridClock, Incarnation, LaneMirror, LaneWriter, LogHead, LogId, MemoryStore,
    OpenProblem, Precedence, Realm, Store, Write,
};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_500_000_000 + seconds)
}

pub(crate) fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

pub(crate) fn partner(name: &str) -> PartnerId {
    name.parse().unwrap()
}

pub(crate) fn draft(audience: &str, text: &str) -> Draft {
    let kind = "track.scan".parse().unwrap();
    let body = Body { kind, edition: 1, content: text.as_bytes().to_vec() };
    Draft { audience: audience.parse().unwrap(), body }
}

/// A node that writes one lane.
pub(crate) struct Origin {
    pub(crate) writer: LaneWriter,
    pub(crate) clock: HybridClock,
    pub(crate) store: MemoryStore,
    pub(crate) node: NodeId,
    pub(crate) rng: SeededRng,
    pub(crate) now: Timestamp,
}

impl Origin {
    pub(crate) fn new(world: &TestCharter, name: &str, lane: Precedence) -> Self {
        let node = node(name);
        let mut rng = SeededRng::new(7);
        let log = LogId { node, lane, incarnation: Incarnation::random(&mut rng) };
        let key = world.secrets[&node].key.clone();
        let realm = world.charter.realm().clone();
        let writer = LaneWriter::new(realm, &LogHead::start(log), key);
        let clock = HybridClock::new(Timestamp::MIN);
        Self { writer, clock, store: MemoryStore::new(), node, rng, now: at(0) }
    }

    pub(crate) fn prepare(&mut self, charter: &Charter, drafts: Vec<Draft>) -> Appended {
        self.now += TimeDelta::from_millis(250);
        self.writer.append(drafts, charter, &mut self.clock, self.now, &mut self.rng).unwrap()
    }

    pub(crate) fn append(&mut self, world: &TestCharter, drafts: Vec<Draft>) -> Appended {
        let appended = self.prepare(&world.charter, drafts);
        let writes = appended.writes(&world.secrets[&self.node].storage);
        self.store.commit(&writes).unwrap();
        self.writer.settle();
        appended
    }
}

/// A node that mirrors one log.
pub(crate) struct Reader {
    pub(crate) mirror: LaneMirror,
    pub(crate) ring: EpochRing,
    pub(crate) store: MemoryStore,
    pub(crate) node: NodeId,
    pub(crate) facts: BTreeMap<u64, Fact>,
    pub(crate) problems: Vec<(u64, OpenProblem)>,
}

impl Reader {
    pub(crate) fn new(world: &TestCharter, name: &str, log: LogId) -> Self {
        let node = node(name);
        let realm = world.charter.realm().clone();
        let mirror = LaneMirror::new(realm.clone(), node.partner(), LogHead::start(log));
        let ring = EpochRing::new(realm, node, world.secrets[&node].kem.clone());
        Self {
            mirror,
            ring,
            store: MemoryStore::new(),
            node,
            facts: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// Verifies, opens, stores and cosigns what `appended` releases to this node's partner.
    pub(crate) fn take(&mut self, world: &TestCharter, appended: &Appended) -> Accepted {
        let copy = appended.batch.for_audience(self.node.partner());
        let accepted = self.mirror.accept(copy.as_bytes().clone(), &world.charter).unwrap();
        self.keep(world, &accepted);
        accepted
    }

    pub(crate) fn keep(&mut self, world: &TestCharter, accepted: &Accepted) {
        let secrets = &world.secrets[&self.node];
        let mut bodies = Vec::new();
        for entry in &accepted.entries {
            let index = entry.id().index;
            match self.ring.open(entry) {
                Ok(body) => {
                    self.facts.insert(index, Fact::new(entry, body.clone()));
                    bodies.push((index, body));
                }
                Err(problem) => self.problems.push((index, problem)),
            }
        }
        let batch = &accepted.batch;
        let checkpoint = &accepted.checkpoint;
        let wrapped = secrets.storage.wrap(batch.first(), &checkpoint.checkpoint, &bodies);
        let cosign = |kind, key| {
            Write::Cosignature(Cosignature::sign(kind, self.node, checkpoint, at(9), key))
        };
        self.store
            .commit(&[
                Write::Batch(batch.clone()),
                Write::Head(accepted.head.clone()),
                Write::Bodies { log: batch.log(), end: batch.end(), wrapped },
                cosign(CosignatureKind::Witness, &secrets.witness),
                cosign(CosignatureKind::Holds, &secrets.holds),
            ])
            .unwrap();
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let kind = "track.scan".parse().unwrap();
        let scans = self.facts.values().filter(|fact| fact.kind == kind);
        scans.map(|fact| String::from_utf8(fact.content.clone()).unwrap()).collect()
    }
}

pub(crate) fn world() -> TestCharter {
    let realm = Realm::exercise("alpha").unwrap();
    charter(&realm, &["JPN-1", "KOR-1", "USA-1"], 1)
}

pub(crate) fn scope(world: &TestCharter, node: NodeId) -> FsckScope<'_> {
    let storage = Some(&world.secrets[&node].storage);
    FsckScope { charter: &world.charter, node, storage, high_water: None }
}
