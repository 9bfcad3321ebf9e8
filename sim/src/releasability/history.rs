//! One history: a log is written while the membership changes, and everybody listens to everything.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId, TimeDelta, Timestamp};
use log::testing::{SeededRng, node_record};
use log::{
    Agreement, Audience, Batch, Body, Charter, CharterDraft, Draft, Editions, EpochRing,
    ExerciseTime, HybridClock, Incarnation, LaneMirror, LaneWriter, LogHead, LogId, PartnerRecord,
    Precedence, Roster,
};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::Outcome;
use super::keys::{Keys, ORIGIN, PARTNERS};
use super::model::{Sealed, State};

/// Steps of one history.
const STEPS: usize = 28;
/// Entries of one batch at most.
const BATCH_ENTRIES_MAX: u64 = 9;
/// Audiences beside that of all members.
const AUDIENCES: usize = 5;

struct Play<'o> {
    seed: u64,
    outcome: &'o mut Outcome,
    dice: ChaCha12Rng,
    keys: Keys,
    state: State,
    charter: Charter,
    roster_numbers: BTreeMap<PartnerId, u32>,
    writer: LaneWriter,
    head: LogHead,
    clock: HybridClock,
    now: Timestamp,
    entropy: SeededRng,
    batches: Vec<Batch>,
    sealed: Vec<Sealed>,
    mirrors: BTreeMap<PartnerId, (LaneMirror, usize)>,
    /// The oldest sealing key each node still has.
    kept_from: BTreeMap<NodeId, u32>,
}

/// Plays the history of `seed`.
pub(super) fn play(seed: u64, outcome: &mut Outcome) {
    let mut play = Play::new(seed, outcome);
    for _ in 0..STEPS {
        play.step();
    }
    play.append();
    play.judge();
    play.judge_thieves();
    play.judge_impostor();
    outcome.histories += 1;
}

impl<'o> Play<'o> {
    fn new(seed: u64, outcome: &'o mut Outcome) -> Self {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let keys = Keys::new(seed);
        let origin: NodeId = ORIGIN.parse().expect("a node");
        let partners = PARTNERS.map(|name| name.parse::<PartnerId>().expect("a partner"));
        let members: BTreeSet<PartnerId> = BTreeSet::from([origin.partner()]);
        let mut state = State {
            origin: origin.partner(),
            members,
            listed: BTreeMap::new(),
            withheld: BTreeSet::new(),
            audiences: BTreeSet::new(),
        };
        let mut entropy = SeededRng::new(seed ^ 0x5eed);
        let log = LogId {
            node: origin,
            lane: Precedence::Priority,
            incarnation: Incarnation::random(&mut entropy),
        };
        let head = LogHead::start(log);
        let key = keys.nodes[&origin].key.clone();
        let writer = LaneWriter::new(keys.realm.clone(), &head, key);
        for node in keys.nodes.keys().filter(|node| node.number() == 1) {
            state.listed.insert(*node, 1);
        }
        let roster_numbers = partners.iter().map(|id| (*id, 1)).collect();
        for partner in partners {
            if dice.next_u64().is_multiple_of(2) {
                state.members.insert(partner);
            }
        }
        state.settle_audiences();
        draw_audiences(&mut state, &mut dice);
        let charter = sign(&keys, &state, 1, &roster_numbers);
        Self {
            seed,
            outcome,
            dice,
            keys,
            state,
            charter,
            roster_numbers,
            writer,
            head,
            clock: HybridClock::new(Timestamp::MIN),
            now: Timestamp::from_seconds(1_600_000_000),
            entropy,
            batches: Vec::new(),
            sealed: Vec::new(),
            mirrors: BTreeMap::new(),
            kept_from: BTreeMap::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.dice.next_u64() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let bound = u64::try_from(from.len()).expect("a handful");
        if bound == 0 {
            return None;
        }
        let place = usize::try_from(self.below(bound)).expect("a handful");
        Some(from[place])
    }

    fn others(&self) -> Vec<PartnerId> {
        let members = self.state.members.iter().copied();
        members.filter(|partner| *partner != self.state.origin).collect()
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=8 => self.append(),
            9 => self.join(),
            10 => self.leave(),
            11 => self.withhold(),
            12 => self.release(),
            13 | 14 => self.list_node(),
            15 | 16 => self.next_kem(),
            17 => self.destroy(),
            18 => self.restart(),
            _ => self.wait(),
        }
    }

    fn append(&mut self) {
        self.outcome.step("append");
        self.now += TimeDelta::from_millis(250);
        let count = 1 + self.below(BATCH_ENTRIES_MAX);
        let audiences: Vec<BTreeSet<PartnerId>> = self.state.audiences.iter().cloned().collect();
        let audiences: Vec<&BTreeSet<PartnerId>> =
            audiences.iter().filter(|audience| audience.contains(&self.state.origin)).collect();
        let mut drafts = Vec::new();
        let mut expected = Vec::new();
        for number in 0..count {
            let audience = self.pick(&audiences).expect("that of all members is there");
            // A fact that was sealed for fewer before is released anew now and then.
            let old = usize::try_from(self.below(64)).expect("small");
            let content = match self.sealed.get(old) {
                Some(old) => old.content.clone(),
                None => format!("{} {} {number}", self.seed, self.sealed.len()).into_bytes(),
            };
            let readers = self.state.readers(audience);
            let named = Audience::new(audience.iter().copied()).expect("members");
            let kind = "track.scan".parse().expect("a kind");
            let body = Body { kind, edition: 1, content: content.clone() };
            drafts.push(Draft { audience: named, body });
            expected.push((named, content, readers));
        }
        let appended = self
            .writer
            .append(drafts, &self.charter, &mut self.clock, self.now, &mut self.entropy)
            .expect("audiences are the charter's");
        self.writer.settle();
        self.head = appended.head.clone();
        for (id, (audience, content, readers)) in appended.draft_ids().zip(expected) {
            self.sealed.push(Sealed { index: id.index, audience, content, readers });
        }
        self.batches.push(appended.batch);
        self.send();
    }

    /// Every member is sent what it may have; what it lacks from before comes first.
    fn send(&mut self) {
        let log = self.writer.log();
        for partner in self.others() {
            let start = || {
                let head = LogHead::start(log);
                (LaneMirror::new(self.keys.realm.clone(), partner, head), 0)
            };
            let (mirror, next) = self.mirrors.entry(partner).or_insert_with(start);
            for batch in &self.batches[*next..] {
                let copy = batch.released_to(partner, &self.charter);
                let whole: BTreeSet<u64> = copy.entries().map(|entry| entry.id().index).collect();
                let latest = batch.end() == self.batches[self.batches.len() - 1].end();
                let here = self
                    .sealed
                    .iter()
                    .filter(|entry| entry.index >= batch.first() && entry.index < batch.end());
                for entry in here.filter(|_| latest) {
                    let members: BTreeSet<PartnerId> =
                        entry.audience.members().iter().copied().collect();
                    let released = self.state.releases(&members, partner);
                    self.outcome.projected_cases += 1;
                    if whole.contains(&entry.index) != released {
                        let what =
                            format!("entry {} sent to {partner}: {}", entry.index, !released);
                        self.outcome.fault(self.seed, &what);
                    }
                }
                if let Err(error) = mirror.accept(copy.as_bytes().clone(), &self.charter) {
                    self.outcome.fault(self.seed, &format!("{partner} refused a batch: {error}"));
                }
            }
            *next = self.batches.len();
        }
    }

    fn join(&mut self) {
        let outside: Vec<PartnerId> = self.keys.roots.keys().copied().collect();
        let outside: Vec<PartnerId> =
            outside.into_iter().filter(|id| !self.state.members.contains(id)).collect();
        let Some(partner) = self.pick(&outside) else { return };
        self.outcome.step("join");
        self.state.members.insert(partner);
        self.next_edition();
    }

    fn leave(&mut self) {
        let others = self.others();
        let Some(partner) = self.pick(&others) else { return };
        self.outcome.step("leave");
        self.state.members.remove(&partner);
        self.state.withheld.remove(&partner);
        self.next_edition();
    }

    fn next_edition(&mut self) {
        self.state.settle_audiences();
        draw_audiences(&mut self.state, &mut self.dice);
        // The origin withholds from members only, so its roster may be another one.
        *self.roster_numbers.get_mut(&self.state.origin).expect("the origin's") += 1;
        let edition = self.charter.edition() + 1;
        let next = sign(&self.keys, &self.state, edition, &self.roster_numbers);
        match self.charter.compare(next.text()) {
            Ok(Editions::Newer(charter)) => self.charter = *charter,
            other => self.outcome.fault(self.seed, &format!("edition {edition}: {other:?}")),
        }
    }

    fn withhold(&mut self) {
        let others = self.others();
        let Some(partner) = self.pick(&others) else { return };
        if self.state.withheld.insert(partner) {
            self.outcome.step("withhold");
            self.new_roster(self.state.origin);
        }
    }

    fn release(&mut self) {
        let withheld: Vec<PartnerId> = self.state.withheld.iter().copied().collect();
        let Some(partner) = self.pick(&withheld) else { return };
        self.outcome.step("release");
        self.state.withheld.remove(&partner);
        self.new_roster(self.state.origin);
    }

    /// A partner's second node comes or goes.
    fn list_node(&mut self) {
        let members: Vec<PartnerId> = self.state.members.iter().copied().collect();
        let Some(partner) = self.pick(&members) else { return };
        let second = NodeId::new(partner, 2).expect("a node number");
        if self.state.listed.remove(&second).is_some() {
            self.outcome.step("node leaves");
        } else {
            self.outcome.step("node joins");
            let newest = self.keys.nodes[&second].newest_kem().generation();
            self.state.listed.insert(second, newest);
        }
        self.new_roster(partner);
    }

    fn next_kem(&mut self) {
        let listed: Vec<NodeId> = self.state.listed.keys().copied().collect();
        let Some(node) = self.pick(&listed) else { return };
        if !self.state.members.contains(&node.partner()) {
            return;
        }
        self.outcome.step("next sealing key");
        let generation = self.keys.next_kem(node);
        self.state.listed.insert(node, generation);
        self.new_roster(node.partner());
    }

    fn destroy(&mut self) {
        let nodes: Vec<NodeId> = self.keys.nodes.keys().copied().collect();
        let node = self.pick(&nodes).expect("there are nodes");
        let newest = self.keys.nodes[&node].newest_kem().generation();
        if self.kept_from.get(&node).copied().unwrap_or(1) < newest {
            self.outcome.step("sealing keys destroyed");
            self.kept_from.insert(node, newest);
        }
    }

    fn restart(&mut self) {
        self.outcome.step("restart");
        let key = self.keys.nodes[&self.writer.log().node].key.clone();
        self.writer = LaneWriter::new(self.keys.realm.clone(), &self.head, key);
    }

    fn wait(&mut self) {
        self.outcome.step("a day passes");
        self.now += TimeDelta::from_seconds(25 * 60 * 60);
    }

    fn new_roster(&mut self, partner: PartnerId) {
        let number = self.roster_numbers.get_mut(&partner).expect("everybody has one");
        *number += 1;
        let roster = roster(&self.keys, &self.state, partner, *number);
        let text = roster.canonical_text(&self.keys.realm);
        let signature = self.keys.roots[&partner].key.sign(text.as_bytes());
        if let Err(error) = self.charter.adopt_roster(roster, &signature) {
            self.outcome.fault(self.seed, &format!("a roster of {partner}: {error}"));
        }
    }

    /// Entries that `ring` opens, given every recorded byte, with what they say.
    fn opened(&self, mut ring: EpochRing) -> BTreeMap<u64, Vec<u8>> {
        let mut opened = BTreeMap::new();
        for entry in self.batches.iter().flat_map(Batch::stored_entries) {
            if let Ok(body) = ring.open(&entry) {
                opened.insert(entry.id().index, body.content);
            }
        }
        opened
    }

    fn judge(&mut self) {
        let mut opened: BTreeMap<PartnerId, BTreeMap<u64, Vec<u8>>> = BTreeMap::new();
        for node in self.keys.nodes.keys() {
            let ring = EpochRing::new(self.keys.realm.clone(), *node, self.keys.kem(*node));
            opened.entry(node.partner()).or_default().append(&mut self.opened(ring));
        }
        for (partner, opened) in &opened {
            for entry in &self.sealed {
                self.outcome.cases += 1;
                let (found, released) = (opened.get(&entry.index), entry.is_for(*partner));
                match (found, released) {
                    (Some(content), true) if *content == entry.content => {
                        self.outcome.readable += 1;
                    }
                    (None, false) => self.outcome.hidden += 1,
                    _ => {
                        let (index, audience) = (entry.index, entry.audience);
                        let what = format!(
                            "entry {index} for {audience}: released to {partner}: {released}, \
                             opened: {}",
                            found.is_some()
                        );
                        self.outcome.fault(self.seed, &what);
                    }
                }
            }
        }
    }

    /// Whoever steals the key file after old sealing keys were destroyed.
    fn judge_thieves(&mut self) {
        for (node, kept) in &self.kept_from {
            let kem = self.keys.kem(*node);
            let kem = kem.into_iter().filter(|key| key.generation() >= *kept).collect();
            let ring = EpochRing::new(self.keys.realm.clone(), *node, kem);
            let opened = self.opened(ring);
            for entry in &self.sealed {
                self.outcome.thief_cases += 1;
                let still = entry.readers.get(node).is_some_and(|generation| generation >= kept);
                if opened.contains_key(&entry.index) != still {
                    let index = entry.index;
                    let what = format!("entry {index} at {node} after its keys went: {}", !still);
                    self.outcome.fault(self.seed, &what);
                }
            }
        }
    }

    /// A partner that claims to be another's node, with nothing but its own keys.
    fn judge_impostor(&mut self) {
        let nodes: Vec<NodeId> = self.keys.nodes.keys().copied().collect();
        let thief = self.pick(&nodes).expect("there are nodes");
        let victims: Vec<NodeId> =
            nodes.into_iter().filter(|node| node.partner() != thief.partner()).collect();
        let victim = self.pick(&victims).expect("there are other partners");
        let ring = EpochRing::new(self.keys.realm.clone(), victim, self.keys.kem(thief));
        let opened = self.opened(ring);
        self.outcome.impostor_cases += u64::try_from(self.sealed.len()).expect("a history");
        for entry in self.sealed.iter().filter(|entry| opened.contains_key(&entry.index)) {
            let what = format!("entry {} opened for {thief} as {victim}", entry.index);
            self.outcome.fault(self.seed, &what);
        }
    }
}

/// Random audiences among the members, each with the origin in it.
fn draw_audiences(state: &mut State, dice: &mut ChaCha12Rng) {
    for _ in 0..AUDIENCES {
        let mask = dice.next_u64();
        let chosen = state.members.iter().enumerate();
        let mut audience: BTreeSet<PartnerId> =
            chosen.filter(|(i, _)| mask >> i & 1 == 1).map(|(_, id)| *id).collect();
        audience.insert(state.origin);
        state.audiences.insert(audience);
    }
}

fn roster(keys: &Keys, state: &State, partner: PartnerId, number: u32) -> Roster {
    let mut roster = Roster { number, ..Roster::empty(partner) };
    for (node, generation) in state.listed.iter().filter(|(node, _)| node.partner() == partner) {
        let secrets = &keys.nodes[node];
        let mut record = node_record(secrets);
        let kem = secrets.kem.iter().find(|kem| kem.generation() == *generation);
        record.kem = kem.expect("listed keys were made").public();
        roster.nodes.insert(*node, record);
    }
    if partner == state.origin {
        roster.withhold.clone_from(&state.withheld);
    }
    roster
}

/// The charter of this membership, signed by every member's root.
fn sign(keys: &Keys, state: &State, edition: u32, numbers: &BTreeMap<PartnerId, u32>) -> Charter {
    let member = |id: &PartnerId| {
        let root = keys.roots[id].key.verifying_key();
        (*id, PartnerRecord { name: id.to_string(), root })
    };
    let audience =
        |set: &BTreeSet<PartnerId>| Audience::new(set.iter().copied()).expect("a few members");
    let mut draft = CharterDraft::new(Agreement {
        edition,
        realm: keys.realm.clone(),
        exercise: Some(ExerciseTime {
            epoch: Timestamp::from_seconds(1_600_000_000),
            clock_rate: 1.0,
        }),
        partners: state.members.iter().map(member).collect(),
        audiences: state.audiences.iter().map(audience).collect(),
        lines: Vec::new(),
        relays: BTreeSet::new(),
        deadlines_s: BTreeMap::new(),
        folds: BTreeMap::new(),
        expires: None,
    });
    for partner in &state.members {
        let root = &keys.roots[partner].key;
        draft.sign_agreement(*partner, root).expect("the partner's own root");
        let roster = roster(keys, state, *partner, numbers[partner]);
        draft.sign_roster(roster, root).expect("the partner's own root");
    }
    draft.finish().expect("everybody signed")
}
