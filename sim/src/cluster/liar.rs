//! The byzantine partner: a sound node whose frames pass through a liar on their way out.
//!
//! The liar has all of the partner's keys. It may tell one partner another history of a lane than the
//! others, sign what does not fit, speak in other partners' names, say again what it or others said,
//! hide entries or whole lanes, overstate what it holds, and flood. It cannot make another partner's
//! signature, and it does not stop the sound node beneath it, so that its partners have a reason to
//! listen. When the faults are over it lies no more; a history it has forked stays forked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp};
use log::rand_core::Rng;
use log::{
    Batch, Body, Charter, Cosignature, CosignatureKind, CountStatement, Draft, EquivocationProof,
    HybridClock, LaneWriter, LogHead, LogId, LogState, Precedence, Pulse, StoreReadExt,
};
use sync::wire::{Hello, Message};

use super::cast::Cast;
use super::dice::Dice;
use super::disk::Disk;
use super::network::HostIndex;
use super::witness::KIND;

/// One way to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// From here on the victim is told another history of the lane; `readable` says whether it can
    /// open it.
    Fork {
        /// Who is lied to.
        victim: HostIndex,
        /// In which lane.
        lane: Precedence,
        /// Whether the victim's keys open what it gets.
        readable: bool,
    },
    /// A signed batch that no sound node makes.
    BadBatch {
        /// Who is lied to.
        victim: HostIndex,
        /// In which lane.
        lane: Precedence,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// A batch of another partner's log under the liar's key.
    InOthersName {
        /// Who is lied to.
        victim: HostIndex,
        /// In whose name.
        name: HostIndex,
        /// In which lane.
        lane: Precedence,
    },
    /// Frames sent or heard before are sent again, to anybody, for a while.
    Replay,
    /// What is addressed to the victim is sent to it as hashes, for a while.
    HideEntries {
        /// Who is lied to.
        victim: HostIndex,
        /// In which lane.
        lane: Precedence,
    },
    /// Nothing of a lane is sent to the victim, for a while.
    HideLane {
        /// Who is lied to.
        victim: HostIndex,
        /// In which lane.
        lane: Precedence,
    },
    /// Many frames at once.
    Flood {
        /// Who is flooded.
        victim: HostIndex,
        /// With what.
        with: Flood,
    },
    /// Receipts for what the liar does not have, and sizes it does not hold.
    Overstate {
        /// Who is lied to.
        victim: HostIndex,
    },
    /// A hello with other sizes, in the middle of a connection.
    FalseHello {
        /// Who is lied to.
        victim: HostIndex,
    },
    /// A proof against an honest node that proves nothing.
    FalseProof {
        /// Who is lied to.
        victim: HostIndex,
        /// Who is accused.
        accused: HostIndex,
    },
}

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A byte of an entry is not what was signed.
    Byte,
    /// It carries whole what the victim may not have.
    Audience,
    /// It leaves out entries before it.
    Gap,
    /// Its entries are older than those before.
    Backwards,
}

/// What a flood is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    /// Random bytes.
    Garbage,
    /// Requests for logs that are there and logs that are not.
    Wants,
    /// Hellos with as many logs as a frame may list.
    Hellos,
    /// Pings.
    Pings,
    /// Old batches.
    Batches,
}

impl Lie {
    /// Whether this signs another history than the sound node beneath does.
    const fn signs_twice(self) -> bool {
        matches!(self, Self::Fork { .. } | Self::BadBatch { .. })
    }
}

/// One frame to send.
pub(super) type Frame = (HostIndex, Precedence, Arc<[u8]>);

/// Frames remembered to be sent again.
const MEMORY_FRAMES_MAX: usize = 64;

/// Frames in a thousand with which a forked lane's other history goes to those told the true one.
const SHOWS_BOTH_PER_MILLE: u64 = 100;

/// The liar on top of one host.
#[derive(Debug)]
pub(super) struct Liar {
    /// The byzantine host.
    pub(super) host: HostIndex,
    id: NodeId,
    dice: Dice,
    /// The charter as the liar would have it: the same names with other keys.
    false_charter: Arc<Charter>,
    fork: Option<Fork>,
    lasting: Vec<Lie>,
    memory: VecDeque<(Precedence, Arc<[u8]>)>,
    /// Whether two histories are signed somewhere.
    pub(super) signed_twice: bool,
    /// Entries sent as hashes to somebody they are addressed to: whose log, to whom.
    pub(super) hidden: BTreeSet<(LogId, HostIndex)>,
}

/// Another history of one lane, told to one victim.
#[derive(Debug)]
struct Fork {
    log: LogId,
    victim: HostIndex,
    readable: bool,
    writer: LaneWriter,
    clock: HybridClock,
    start: u64,
    batches: BTreeMap<u64, Batch>,
}

/// What a liar needs to see to lie.
pub(super) struct Scene<'a> {
    pub(super) cast: &'a Cast,
    pub(super) now: Timestamp,
    pub(super) disk: &'a Disk,
    /// The lanes the sound node beneath writes now.
    pub(super) lanes: Vec<LogId>,
}

impl Liar {
    /// A liar on top of `host`.
    pub(super) fn new(host: HostIndex, cast: &Cast, dice: Dice) -> Self {
        Self {
            host,
            id: cast.secrets[host].node,
            dice,
            false_charter: Arc::clone(&cast.false_charter),
            fork: None,
            lasting: Vec::new(),
            memory: VecDeque::new(),
            signed_twice: false,
            hidden: BTreeSet::new(),
        }
    }

    /// Ends every lie but a fork, which cannot be taken back.
    pub(super) fn repent(&mut self) {
        self.lasting.clear();
    }

    /// Ends one lasting lie.
    pub(super) fn end(&mut self, lie: Lie) {
        self.lasting.retain(|lasting| *lasting != lie);
    }

    /// A frame came to the liar's host.
    pub(super) fn hear(&mut self, precedence: Precedence, bytes: &Arc<[u8]>) {
        if self.memory.len() == MEMORY_FRAMES_MAX {
            self.memory.pop_front();
        }
        self.memory.push_back((precedence, bytes.clone()));
    }

    /// What becomes of a frame the sound node beneath sends.
    pub(super) fn twist(&mut self, frame: Frame, scene: &Scene<'_>) -> Vec<Frame> {
        let (to, precedence, bytes) = frame;
        let mut out = Vec::new();
        match self.twisted(to, &bytes, scene) {
            Twisted::Sound => out.push((to, precedence, bytes.clone())),
            Twisted::Other(other) => out.push((to, precedence, other)),
            Twisted::Nothing => {}
        }
        out.extend(self.show_both(to, &bytes, scene));
        if self.lasting.contains(&Lie::Replay) && !self.memory.is_empty() && self.dice.chance(200) {
            let (precedence, old) = self.memory[self.dice.index(self.memory.len())].clone();
            let anybody = (self.host + 1 + self.dice.index(scene.cast.secrets.len() - 1))
                % scene.cast.secrets.len();
            out.push((anybody, precedence, old));
        }
        self.hear(precedence, &bytes);
        out
    }

    /// Now and then whoever is told the true history of a forked lane is told the other one too.
    fn show_both(&mut self, to: HostIndex, bytes: &[u8], scene: &Scene<'_>) -> Option<Frame> {
        let fork = self.fork.as_mut().filter(|fork| fork.victim != to)?;
        let Ok(Message::Batch { batch, .. }) = Message::decode(bytes) else { return None };
        let genuine = Batch::parse(batch).ok().filter(|batch| batch.log() == fork.log)?;
        if !self.dice.chance(SHOWS_BOTH_PER_MILLE) {
            return None;
        }
        let charter = if fork.readable { &scene.cast.charter } else { &self.false_charter };
        match fork.instead_of(&genuine, charter, scene.now, &mut self.dice) {
            Twisted::Other(other) => Some((to, fork.log.lane, other)),
            _ => None,
        }
    }

    fn twisted(&mut self, to: HostIndex, bytes: &Arc<[u8]>, scene: &Scene<'_>) -> Twisted {
        if self.fork.is_none() && self.lasting.is_empty() && self.hidden.is_empty() {
            return Twisted::Sound;
        }
        let (complete, batch) = match Message::decode(bytes) {
            Ok(Message::Batch { complete, batch }) => (complete, batch),
            Ok(Message::Counts(counts)) => return self.keep_silent_about(to, counts),
            _ => return Twisted::Sound,
        };
        let Ok(batch) = Batch::parse(batch) else { return Twisted::Sound };
        let log = batch.log();
        if log.node != self.id {
            return Twisted::Sound;
        }
        let lane = log.lane;
        if self.lasting.contains(&Lie::HideLane { victim: to, lane }) {
            return Twisted::Nothing;
        }
        if let Some(fork) = self.fork.as_mut().filter(|fork| fork.log == log && fork.victim == to) {
            let charter = if fork.readable { &scene.cast.charter } else { &self.false_charter };
            return fork.instead_of(&batch, charter, scene.now, &mut self.dice);
        }
        if self.lasting.contains(&Lie::HideEntries { victim: to, lane }) {
            // The copy for a partner that reads nothing of it, said to be complete.
            let other = scene.cast.outsider;
            self.hidden.insert((log, to));
            let batch = batch.for_audience(other).as_bytes().clone();
            return Twisted::Other(Message::Batch { complete, batch }.encode().into());
        }
        Twisted::Sound
    }

    /// What the sound node beneath says it sent is not said to whom something of it is hidden from.
    fn keep_silent_about(&self, to: HostIndex, counts: Vec<Vec<u8>>) -> Twisted {
        let said = counts.len();
        let harmless = |bytes: &Vec<u8>| {
            CountStatement::from_bytes(bytes)
                .is_ok_and(|stated| !self.hidden.contains(&(stated.log, to)))
        };
        let left: Vec<Vec<u8>> = counts.into_iter().filter(harmless).collect();
        match left.len() {
            0 => Twisted::Nothing,
            all if all == said => Twisted::Sound,
            _ => Twisted::Other(Message::Counts(left).encode().into()),
        }
    }

    /// Begins a lie; gives the frames to send at once.
    pub(super) fn tell(&mut self, lie: Lie, scene: &Scene<'_>) -> Vec<Frame> {
        self.signed_twice |= lie.signs_twice();
        match lie {
            Lie::Fork { victim, lane, readable } => {
                self.fork(victim, lane, readable, scene);
                Vec::new()
            }
            Lie::Replay | Lie::HideEntries { .. } | Lie::HideLane { .. } => {
                self.lasting.push(lie);
                Vec::new()
            }
            Lie::BadBatch { victim, lane, wrong } => {
                self.bad_batch(victim, lane, wrong, scene).into_iter().collect()
            }
            Lie::InOthersName { victim, name, lane } => {
                self.in_others_name(victim, name, lane, scene).into_iter().collect()
            }
            Lie::Flood { victim, with } => self.flood(victim, with, scene),
            Lie::Overstate { victim } => self.overstate(victim, scene),
            Lie::FalseHello { victim } => vec![self.false_hello(victim, 8, scene)],
            Lie::FalseProof { victim, accused } => {
                self.false_proof(victim, accused, scene).into_iter().collect()
            }
        }
    }

    fn head(log: LogId, scene: &Scene<'_>) -> LogHead {
        let head = scene.disk.store.head(&log).ok().flatten();
        head.filter(|head| head.jumps.is_empty()).unwrap_or_else(|| LogHead::start(log))
    }

    fn fork(&mut self, victim: HostIndex, lane: Precedence, readable: bool, scene: &Scene<'_>) {
        let Some(log) = scene.lanes.iter().find(|log| log.lane == lane).copied() else { return };
        let head = Self::head(log, scene);
        let secrets = &scene.cast.secrets[self.host];
        self.fork = Some(Fork {
            log,
            victim,
            readable,
            writer: LaneWriter::new(secrets.realm.clone(), &head, secrets.key.clone()),
            clock: HybridClock::new(head.done.logged),
            start: head.size(),
            batches: BTreeMap::new(),
        });
    }

    /// One batch that continues `log` under the liar's key.
    fn continuation(&mut self, head: &LogHead, drafts: Vec<Draft>, scene: &Scene<'_>) -> Batch {
        let secrets = &scene.cast.secrets[self.host];
        let mut writer = LaneWriter::new(secrets.realm.clone(), head, secrets.key.clone());
        let mut clock = HybridClock::new(head.done.logged);
        let charter = &scene.cast.charter;
        let entropy = self.dice.entropy();
        let appended = writer.append(drafts, charter, &mut clock, scene.now, entropy);
        appended.expect("the liar keeps to the charter's audiences").batch
    }

    fn bad_batch(
        &mut self,
        victim: HostIndex,
        lane: Precedence,
        wrong: Wrong,
        scene: &Scene<'_>,
    ) -> Option<Frame> {
        let log = scene.lanes.iter().find(|log| log.lane == lane).copied()?;
        let mut head = Self::head(log, scene);
        let everyone = scene.cast.charter.everyone();
        let audience = match wrong {
            Wrong::Audience => log::Audience::only(self.id.partner()),
            _ => everyone,
        };
        let draft = |audience| Draft { audience, body: statement(b"bad") };
        if wrong == Wrong::Gap {
            let skipped = self.continuation(&head, vec![draft(everyone)], scene);
            for entry in skipped.entries() {
                head.done.frontier.push(*entry.leaf_hash());
            }
        }
        if wrong == Wrong::Backwards {
            head.done.logged = scene.now + TimeDelta::from_seconds(-3_600);
        }
        let now = if wrong == Wrong::Backwards { head.done.logged } else { scene.now };
        let scene = &Scene { now, cast: scene.cast, disk: scene.disk, lanes: Vec::new() };
        let batch = self.continuation(&head, vec![draft(audience)], scene);
        let mut bytes = batch.as_bytes().to_vec();
        if wrong == Wrong::Byte {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }
        Some((victim, lane, frame_of(bytes)))
    }

    fn in_others_name(
        &mut self,
        victim: HostIndex,
        name: HostIndex,
        lane: Precedence,
        scene: &Scene<'_>,
    ) -> Option<Frame> {
        let other = scene.cast.secrets[name].node;
        let heads = scene.disk.store.heads().ok()?;
        let head =
            heads.into_iter().find(|head| head.log.node == other && head.log.lane == lane)?;
        let head = Some(head).filter(|head| head.jumps.is_empty())?;
        let draft = Draft { audience: scene.cast.charter.everyone(), body: statement(b"forged") };
        let batch = self.continuation(&head, vec![draft], scene);
        Some((victim, lane, frame_of(batch.as_bytes().to_vec())))
    }

    fn flood(&mut self, victim: HostIndex, with: Flood, scene: &Scene<'_>) -> Vec<Frame> {
        let count = match with {
            Flood::Hellos => 3,
            Flood::Batches => 40,
            _ => 300,
        };
        let frames = (0..count).filter_map(|_| match with {
            Flood::Garbage => {
                let mut bytes = b"WFS\x01".to_vec();
                let length = 5 + self.dice.index(200);
                bytes.resize_with(length, || u8::try_from(self.dice.index(256)).expect("a byte"));
                Some((victim, self.dice.pick(&Precedence::ALL), bytes.into()))
            }
            Flood::Wants => {
                let log = self.some_log(scene)?;
                let from = self.dice.between(0..300);
                let message = Message::Want { log, from };
                Some((victim, log.lane, message.encode().into()))
            }
            Flood::Hellos => Some(self.false_hello(victim, 16_384, scene)),
            Flood::Pings => {
                let message = Message::Ping { sent: Timestamp::MAX };
                Some((victim, Precedence::Flash, message.encode().into()))
            }
            Flood::Batches => {
                let old = self.memory.get(self.dice.index(self.memory.len().max(1)))?;
                Some((victim, old.0, old.1.clone()))
            }
        });
        frames.collect()
    }

    /// A log that exists, or one that does not.
    fn some_log(&mut self, scene: &Scene<'_>) -> Option<LogId> {
        let heads = scene.disk.store.heads().ok()?;
        let mut log = heads.get(self.dice.index(heads.len().max(1)))?.log;
        if self.dice.chance(300) {
            log.incarnation = log::Incarnation::random(self.dice.entropy());
        }
        Some(log)
    }

    fn overstate(&mut self, victim: HostIndex, scene: &Scene<'_>) -> Vec<Frame> {
        let them = scene.cast.secrets[victim].node;
        let secrets = &scene.cast.secrets[self.host];
        let mut out = Vec::new();
        for head in scene.disk.store.heads().unwrap_or_default() {
            let log = head.log;
            let size = head.size() + self.dice.between(1..50);
            out.push((victim, log.lane, Message::Held { log, size }.encode().into()));
            let batches = scene.disk.store.batches(&log, 0, usize::MAX, usize::MAX);
            let newest = batches.unwrap_or_default().pop();
            if let Some(batch) = newest.filter(|_| log.node == them) {
                let key = &scene.cast.charter.node(them).expect("a node of the cast").key;
                let Ok(checkpoint) = batch.checkpoint().clone().verify(key) else { continue };
                let kind = CosignatureKind::Holds;
                let made = Cosignature::sign(kind, self.id, &checkpoint, scene.now, &secrets.holds);
                let message = Message::Cosigned {
                    checkpoint: checkpoint.to_bytes(),
                    cosignatures: vec![made.to_bytes()],
                };
                out.push((victim, log.lane, message.encode().into()));
            }
        }
        out
    }

    fn false_hello(&mut self, victim: HostIndex, logs_max: usize, scene: &Scene<'_>) -> Frame {
        let charter = &scene.cast.charter;
        let mut logs: BTreeMap<LogId, u64> = BTreeMap::new();
        for head in scene.disk.store.heads().unwrap_or_default() {
            logs.insert(head.log, self.dice.between(0..head.size() + 20));
        }
        while logs.len() < logs_max {
            let log = LogId {
                node: self.id,
                lane: self.dice.pick(&Precedence::ALL),
                incarnation: log::Incarnation::random(self.dice.entropy()),
            };
            logs.insert(log, self.dice.between(1..9));
        }
        let mut process = [0; 16];
        self.dice.entropy().fill_bytes(&mut process);
        let hello = Hello {
            lowest: sync::limits::PROTOCOL_EDITIONS.0,
            highest: sync::limits::PROTOCOL_EDITIONS.1,
            node: self.id,
            process,
            connection: 77,
            charter_edition: charter.edition(),
            charter_hash: charter.fingerprint().0,
            realm: charter.realm().clone(),
            logs: logs.into_iter().take(logs_max).collect(),
            islands: Vec::new(),
            later: Vec::new(),
        };
        (victim, Precedence::Flash, Message::Hello(hello).encode().into())
    }

    /// Two checkpoints of one log of the accused, of other sizes, said to contradict each other.
    fn false_proof(
        &mut self,
        victim: HostIndex,
        accused: HostIndex,
        scene: &Scene<'_>,
    ) -> Option<Frame> {
        let other = scene.cast.secrets[accused].node;
        let heads = scene.disk.store.heads().ok()?;
        let log = heads.into_iter().find(|head| head.log.node == other)?.log;
        let batches = scene.disk.store.batches(&log, 0, usize::MAX, usize::MAX).ok()?;
        let (first, last) = (batches.first()?.checkpoint(), batches.last()?.checkpoint());
        let mut forged = last.clone();
        // Either a root that was never signed, or sizes that do not compare.
        if self.dice.chance(500) {
            forged.checkpoint.root[0] ^= 1;
        } else {
            forged.checkpoint.size = first.checkpoint.size;
        }
        let proof = EquivocationProof::of_one_size(last, &forged)
            .or_else(|| EquivocationProof::of_one_size(first, &forged))?;
        let message = Message::Contested(proof.to_bytes());
        Some((victim, Precedence::Flash, message.encode().into()))
    }
}

/// What becomes of a frame.
enum Twisted {
    Sound,
    Other(Arc<[u8]>),
    Nothing,
}

impl Fork {
    /// What the victim gets instead of a genuine batch: as many leaves, so that both histories have
    /// checkpoints of one size.
    fn instead_of(
        &mut self,
        genuine: &Batch,
        charter: &Charter,
        now: Timestamp,
        dice: &mut Dice,
    ) -> Twisted {
        if genuine.end() <= self.start {
            return Twisted::Sound;
        }
        let at = self.writer.size();
        if genuine.end() > at {
            // The first batch of a writer begins with the epoch entry of its audience.
            let epochs = u64::from(self.batches.is_empty());
            let drafts = (genuine.end() - at).saturating_sub(epochs);
            if drafts > 0 {
                let drafts = (0..drafts).map(|number| self.draft(at + number, charter, now));
                let drafts = drafts.collect();
                let Self { writer, clock, .. } = self;
                let appended = writer.append(drafts, charter, clock, now, dice.entropy());
                let appended = appended.expect("the liar keeps to the charter's audiences");
                writer.settle();
                self.batches.insert(at, appended.batch);
            }
        }
        let first = genuine.first().max(self.start);
        let told = self.batches.range(..=first).next_back().map(|(_, batch)| batch);
        match told.filter(|batch| batch.end() > first) {
            Some(batch) => Twisted::Other(frame_of(batch.as_bytes().to_vec())),
            None => Twisted::Nothing,
        }
    }

    /// A statement nobody made, or a pulse whose sizes and roots are wrong.
    fn draft(&self, number: u64, charter: &Charter, now: Timestamp) -> Draft {
        let body = if self.log.lane == Precedence::Flash && number.is_multiple_of(3) {
            let state = LogState { log: self.log, size: number.max(1), root: [7; 32] };
            Pulse { sent: now, logs: vec![state] }.to_body()
        } else {
            statement(format!("another history {number}").as_bytes())
        };
        Draft { audience: charter.everyone(), body }
    }
}

fn statement(content: &[u8]) -> Body {
    Body { kind: KIND, edition: 1, content: content.to_vec() }
}

fn frame_of(batch: Vec<u8>) -> Arc<[u8]> {
    Message::Batch { complete: true, batch: batch.into() }.encode().into()
}
