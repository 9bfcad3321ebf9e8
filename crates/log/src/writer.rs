//! A node's own log: sealing, appending, signing.
//!
//! One [`LaneWriter::append`] makes one batch with one signature. What it returns is not part of the
//! log until the store has it:
//!
//! 1. `append` gives an [`Appended`], which continues the one before it, settled or not: the next
//!    batch is sealed while the store still writes.
//! 2. The shell commits [`Appended::writes`] in the order of the log, several batches in one act or
//!    one after the other, then the high-water file.
//! 3. `Ok`: [`LaneWriter::settle`] for each batch in order, and only now may it be sent or folded.
//!    `Err`: commit the same writes again (byte for byte the same) before those of any later batch, or
//!    read the store: if the batch is there, `settle`; if it is not, [`LaneWriter::abandon_epoch`],
//!    which drops it, every batch after it and every epoch key, so that no index is ever sealed twice
//!    under one key.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use base::{NodeId, TimeDelta, Timestamp, limits};

use crate::batch::BatchWriter;
use crate::contents::kinds;
use crate::entry::{BODY_BYTES_MAX, LeafHasher, log_part, put_body};
use crate::keys::{Hash, Signature, SigningKey};
use crate::seal::{EpochKey, EpochScope, TAG_BYTES, make_epoch};
use crate::store::Cursor;
use crate::{
    Audience, Batch, Body, Charter, Checkpoint, Entry, EntryHeader, EntryId, Error, Fact,
    HybridClock, Item, LogHead, LogId, Realm, SignedCheckpoint, StorageKey, Verified, Write,
};

/// Entries sealed under one epoch key before it is replaced.
pub const EPOCH_ENTRIES_MAX: u64 = 1 << 20;
/// Age of an epoch key before it is replaced.
pub const EPOCH_AGE_MAX: TimeDelta = TimeDelta::from_seconds(24 * 60 * 60);

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// To whom.
    pub audience: Audience,
    /// What.
    pub body: Body,
}

/// One batch of a node's own log, not yet persisted.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The batch, whole.
    pub batch: Batch,
    /// Its checkpoint.
    pub checkpoint: Verified<SignedCheckpoint>,
    /// Its statements, epoch entries included, in order of index.
    pub facts: Vec<Fact>,
    /// Where the log stands with it.
    pub head: LogHead,
    /// Roots of the subtrees of 256 leaves that it completes, for [`crate::Subtrees`].
    pub completed: Vec<Hash>,
}

impl Appended {
    /// What to commit, in one act. Making it again gives the same bytes.
    pub fn writes(&self, storage: &StorageKey) -> Vec<Write> {
        let checkpoint = &self.checkpoint.checkpoint;
        let facts = self.facts.iter();
        let bodies =
            facts.map(|fact| (fact.id.index, &fact.kind, fact.edition, fact.content.as_slice()));
        let wrapped = storage.wrap_parts(self.batch.first(), checkpoint, bodies);
        vec![
            Write::Batch(self.batch.clone()),
            Write::Head(self.head.clone()),
            Write::Bodies { log: self.batch.log(), end: self.batch.end(), wrapped },
        ]
    }

    /// Ids of the appended drafts, in their order; epoch entries are left out.
    pub fn draft_ids(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.facts.iter().filter(|fact| fact.kind != kinds::EPOCH).map(|fact| fact.id)
    }
}

/// One lane of this node.
#[derive(Debug)]
pub struct LaneWriter {
    realm: Realm,
    log: LogId,
    key: SigningKey,
    log_part: Vec<u8>,
    cursor: Cursor,
    epochs: BTreeMap<Audience, Epoch>,
    /// What each batch that is not settled leads to, in order.
    pending: VecDeque<(Cursor, BTreeMap<Audience, Epoch>)>,
}

/// A key in use.
#[derive(Clone, Debug)]
struct Epoch {
    number: u64,
    key: Arc<EpochKey>,
    since: Timestamp,
    entries: u64,
    /// To whom it was wrapped, with KEM generations: a change means a new key.
    readers: BTreeMap<NodeId, u32>,
}

impl Epoch {
    fn is_fit(&self, readers: &BTreeMap<NodeId, u32>, now: Timestamp) -> bool {
        self.entries < EPOCH_ENTRIES_MAX
            && now - self.since < EPOCH_AGE_MAX
            && self.readers == *readers
    }
}

impl LaneWriter {
    /// Continues the log at `head` ([`LogHead::start`] for a new one). Epoch keys start afresh.
    pub fn new(realm: Realm, head: &LogHead, key: SigningKey) -> Self {
        assert!(head.jumps.is_empty(), "a node's own log has no gap");
        let log_part = log_part(&realm, &head.log);
        Self {
            realm,
            log: head.log,
            key,
            log_part,
            cursor: head.done.clone(),
            epochs: BTreeMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// The log.
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// Entries that are settled.
    pub const fn size(&self) -> u64 {
        self.cursor.frontier.size()
    }

    /// Root and size that are settled, as a pulse cites them.
    pub fn state(&self) -> crate::LogState {
        let frontier = &self.cursor.frontier;
        crate::LogState { log: self.log, size: frontier.size(), root: frontier.root() }
    }

    /// Whether a batch waits to be settled or abandoned.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Where the next batch begins: after the last one made, settled or not.
    fn newest(&self) -> (&Cursor, &BTreeMap<Audience, Epoch>) {
        match self.pending.back() {
            Some((cursor, epochs)) => (cursor, epochs),
            None => (&self.cursor, &self.epochs),
        }
    }

    /// How many of `drafts`, from the first, surely fit one batch, epoch entries included.
    pub fn fitting<'d>(drafts: impl IntoIterator<Item = &'d Draft>, charter: &Charter) -> usize {
        let epoch_bytes = 64 + charter.nodes().count() * 1_180;
        let mut bytes = 512;
        let mut leaves = 0;
        let mut audiences: Vec<Audience> = Vec::new();
        let mut count = 0;
        for draft in drafts {
            if !audiences.contains(&draft.audience) {
                audiences.push(draft.audience);
                leaves += 1;
                bytes += ENTRY_OVERHEAD_BYTES + epoch_bytes;
            }
            leaves += 1;
            bytes += ENTRY_OVERHEAD_BYTES + draft.body.content.len();
            if leaves > limits::BATCH_ENTRIES_MAX || bytes > limits::BATCH_BYTES_MAX {
                break;
            }
            count += 1;
        }
        count
    }

    /// Seals, hashes and signs one batch. Nothing changes if it is refused.
    ///
    /// # Panics
    /// If `drafts` is empty.
    pub fn append(
        &mut self,
        drafts: Vec<Draft>,
        charter: &Charter,
        clock: &mut HybridClock,
        now: Timestamp,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Result<Appended, Error> {
        assert!(!drafts.is_empty(), "a batch has at least one entry");
        assert_eq!(*charter.realm(), self.realm, "one process serves one realm");
        let mut good = None;
        for draft in &drafts {
            self.check(draft, &mut good, charter)?;
        }
        clock.observe(self.newest().0.logged, Timestamp::MAX);
        let mut assembly = Assembly::new(self);
        for draft in drafts {
            let epoch = self.epoch_for(&mut assembly, draft.audience, charter, clock, now, rng)?;
            assembly.push(self, draft, epoch, charter.edition(), clock.next(now))?;
        }
        let (appended, cursor, epochs) = assembly.finish(self);
        self.pending.push_back((cursor, epochs));
        Ok(appended)
    }

    /// The oldest batch that waits is in the store.
    pub fn settle(&mut self) {
        let (cursor, epochs) = self.pending.pop_front().expect("a batch waits to be settled");
        self.cursor = cursor;
        self.epochs = epochs;
    }

    /// Seals what comes next under new keys, whose entries stand above everything appended so far: a
    /// reader that skips what is below can open what is above.
    pub fn renew_epochs(&mut self) {
        match self.pending.back_mut() {
            Some((_, epochs)) => epochs.clear(),
            None => self.epochs.clear(),
        }
    }

    /// The oldest batch that waits is not in the store and never will be: forget it, those after it
    /// and every epoch key.
    pub fn abandon_epoch(&mut self) {
        self.pending.clear();
        self.epochs.clear();
    }

    /// `good` is the audience last found allowed: most drafts follow suit.
    fn check(
        &self,
        draft: &Draft,
        good: &mut Option<Audience>,
        charter: &Charter,
    ) -> Result<(), Error> {
        if *good == Some(draft.audience) {
        } else if charter.allows(self.log.node.partner(), &draft.audience) {
            *good = Some(draft.audience);
        } else {
            return Err(Error::NotInCharter {
                what: "an audience with this node's partner",
                got: draft.audience.to_string(),
                edition: charter.edition(),
            });
        }
        let bytes = draft.body.content.len();
        if bytes > limits::ENTRY_CONTENT_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of content",
                max: limits::ENTRY_CONTENT_BYTES_MAX as u64,
                got: bytes as u64,
            });
        }
        Ok(())
    }

    /// The epoch to seal the next entry under; puts an epoch entry first where a new key is needed.
    fn epoch_for(
        &self,
        assembly: &mut Assembly,
        audience: Audience,
        charter: &Charter,
        clock: &mut HybridClock,
        now: Timestamp,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Result<u64, Error> {
        if let Some(number) = assembly.settled.get(&audience) {
            return Ok(*number);
        }
        let members = charter.readers(self.log.node.partner(), &audience);
        let readers: BTreeMap<NodeId, u32> =
            members.iter().map(|(node, kem)| (*node, kem.generation)).collect();
        if let Some(epoch) = assembly.epochs.get(&audience)
            && epoch.is_fit(&readers, now)
        {
            assembly.settled.insert(audience, epoch.number);
            return Ok(epoch.number);
        }
        let number = assembly.cursor.frontier.size() + 1;
        let scope = EpochScope { realm: &self.realm, log: self.log, epoch: number, audience };
        let (key, content) = make_epoch(&scope, &members, rng)?;
        let body = Body { kind: kinds::EPOCH, edition: 1, content };
        assembly.push(self, Draft { audience, body }, 0, charter.edition(), clock.next(now))?;
        let epoch = Epoch { number, key: Arc::new(key), since: now, entries: 0, readers };
        assembly.epochs.insert(audience, epoch);
        assembly.settled.insert(audience, number);
        Ok(number)
    }
}

/// Most bytes an entry takes beside its content: header, audience of 32, kind, seal, lengths.
const ENTRY_OVERHEAD_BYTES: usize = 1 + 8 + 8 + 4 + 8 + 97 + 4 + 1 + 48 + 2 + TAG_BYTES;

/// A batch being put together, apart from the writer so that a refusal changes nothing.
struct Assembly {
    first: u64,
    cursor: Cursor,
    epochs: BTreeMap<Audience, Epoch>,
    /// Epochs found fit or made for this batch, so that each audience is looked at once.
    settled: BTreeMap<Audience, u64>,
    out: BatchWriter,
    leaves: Vec<(EntryHeader, Hash, Range<usize>)>,
    facts: Vec<Fact>,
    completed: Vec<Hash>,
    /// Both parts of the header being sealed; the first stays.
    header: Vec<u8>,
    hasher: LeafHasher,
}

impl Assembly {
    fn new(writer: &LaneWriter) -> Self {
        let (cursor, epochs) = writer.newest();
        let (cursor, epochs) = (cursor.clone(), epochs.clone());
        let first = cursor.frontier.size();
        Self {
            first,
            // Root and signature are known only at the end; their places are kept.
            out: BatchWriter::new(&writer.unsigned(0, [0; 32]), first),
            cursor,
            epochs,
            settled: BTreeMap::new(),
            leaves: Vec::new(),
            facts: Vec::new(),
            completed: Vec::new(),
            header: writer.log_part.clone(),
            hasher: LeafHasher::new(&writer.log_part),
        }
    }

    fn push(
        &mut self,
        writer: &LaneWriter,
        draft: Draft,
        epoch: u64,
        charter_edition: u32,
        logged: Timestamp,
    ) -> Result<(), Error> {
        let index = self.cursor.frontier.size();
        let id = EntryId { log: writer.log, index };
        let header = EntryHeader { id, logged, charter_edition, epoch, audience: draft.audience };
        self.header.truncate(writer.log_part.len());
        header.put_entry_part(&mut self.header);
        let Body { kind, edition, content } = draft.body;
        let entry_part = &self.header[writer.log_part.len()..];
        let place = self.out.entry_in_place(entry_part, |bytes| {
            let start = bytes.len();
            put_body(&kind, edition, &content, bytes);
            if epoch > 0 {
                let state =
                    self.epochs.get_mut(&draft.audience).expect("an epoch was made or found");
                let tag = state.key.seal(index, &self.header, &mut bytes[start..]);
                bytes.extend_from_slice(&tag);
                state.entries += 1;
            }
        });
        assert!(place.len() <= BODY_BYTES_MAX, "contents are checked before sealing");
        let hash = self.hasher.hash(entry_part, &self.out.bytes[place.clone()]);
        let end = place.end;
        self.leaves.push((header, hash, place));
        self.cursor.frontier.push_noting(hash, &mut self.completed);
        self.cursor.logged = logged;
        self.facts.push(Fact {
            id,
            leaf_hash: hash,
            at: logged,
            logged,
            origin: writer.log.node,
            audience: draft.audience,
            precedence: writer.log.lane,
            charter_edition,
            kind,
            edition,
            content,
        });
        let over = |what, max: usize, got: usize| {
            if got > max {
                Err(Error::Limit { what, max: max as u64, got: got as u64 })
            } else {
                Ok(())
            }
        };
        over("entries in a batch", limits::BATCH_ENTRIES_MAX, self.leaves.len())?;
        over("bytes in a batch", limits::BATCH_BYTES_MAX, end)
    }

    fn finish(mut self, writer: &LaneWriter) -> (Appended, Cursor, BTreeMap<Audience, Epoch>) {
        let frontier = &self.cursor.frontier;
        let unsigned = writer.unsigned(frontier.size(), frontier.root());
        let checkpoint = unsigned.checkpoint.sign(&writer.key);
        let start = BatchWriter::new(&checkpoint, self.first).bytes;
        self.out.bytes[..start.len()].copy_from_slice(&start);
        let bytes: Arc<[u8]> = self.out.bytes.into();
        let items = self.leaves.into_iter();
        let items = items
            .map(|(header, hash, body)| Item::Entry(Entry::new(header, hash, bytes.clone(), body)));
        let items = items.collect();
        let batch = Batch::from_parts(bytes.clone(), (*checkpoint).clone(), self.first, items);
        let head = LogHead { log: writer.log, done: self.cursor.clone(), jumps: Vec::new() };
        let (facts, completed) = (self.facts, self.completed);
        let appended = Appended { batch, checkpoint, facts, head, completed };
        (appended, self.cursor, self.epochs)
    }
}

impl LaneWriter {
    fn unsigned(&self, size: u64, root: Hash) -> SignedCheckpoint {
        let checkpoint = Checkpoint { realm: self.realm.clone(), log: self.log, size, root };
        SignedCheckpoint { checkpoint, signature: Signature([0; 64]) }
    }
}
