//! A partner's log as this node holds it: every batch verified before anything else sees it.
//!
//! A batch is taken when its checkpoint is signed by the log's node, it continues the copy at exactly
//! its size, its leaves give the signed root, and every entry it carries whole is one this node may
//! have. After a jump ([`LaneMirror::jump`]) the copy has two ends: the live one above the gap and the
//! complete one below, which later batches fill until it meets the jump's start. Further jumps leave
//! further gaps; they are filled from the lowest one up.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, PartnerId, Timestamp};

use crate::keys::{Hash, VerifyingKey};
use crate::store::{Cursor, JUMPS_MAX, Jump};
use crate::{
    Apart, Audience, Batch, Charter, Entry, EquivocationProof, Error, Frontier, Item, LogHead,
    LogId, Nodes, Realm, SignedCheckpoint, Verified, bugs, prove_consistency, verify_consistency,
};

/// Checkpoints remembered per log to tell a replay from a fork without reading the store.
const CHECKPOINTS_REMEMBERED_MAX: usize = 1_024;

/// Why a batch or checkpoint is not taken. None of these change the copy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// The bytes do not follow their layout.
    #[error(transparent)]
    Malformed(Error),
    /// It is of another realm.
    #[error("expected realm `{expected}`, got `{got}`")]
    Realm {
        /// This node's realm.
        expected: Realm,
        /// The batch's.
        got: Realm,
    },
    /// It is of another log.
    #[error("expected log {expected}, got {got}")]
    Log {
        /// The mirrored log.
        expected: LogId,
        /// The batch's.
        got: LogId,
    },
    /// The charter lists no such node.
    #[error("expected a node listed by its partner, got {node}")]
    UnknownNode {
        /// The log's node.
        node: NodeId,
    },
    /// The checkpoint is not signed by the log's node.
    #[error("expected a checkpoint signed by {node}, got one that is not")]
    Signature {
        /// The log's node.
        node: NodeId,
    },
    /// It is here already; nothing to do.
    #[error("expected a batch after {have} entries, got one up to {got} again")]
    Duplicate {
        /// Entries held without a gap.
        have: u64,
        /// The batch's end.
        got: u64,
    },
    /// Entries before it are missing.
    #[error("expected a batch that starts at {have}, got one that starts at {got}")]
    Gap {
        /// The end it should continue: the live one, or the complete one below a gap.
        have: u64,
        /// The batch's first index.
        got: u64,
    },
    /// It starts before and ends after what is held; the sender should start at `have`.
    #[error("expected a batch that starts at {have}, got one from {first} to {end}")]
    Overlap {
        /// Entries held without a gap.
        have: u64,
        /// The batch's first index.
        first: u64,
        /// The batch's end.
        end: u64,
    },
    /// Its leaves do not give the signed root.
    #[error("expected leaves that give the signed root at size {size}, got others")]
    Root {
        /// The checkpoint's size.
        size: u64,
    },
    /// The log's node signed two histories.
    #[error("expected one history, got two signed ones of size {}", .0.checkpoints().1.checkpoint.size)]
    Equivocation(Box<EquivocationProof>),
    /// The copy has as many gaps as it may have; it must be followed from its live end.
    #[error("expected at most {JUMPS_MAX} gaps, got a jump beyond {have}")]
    TooManyGaps {
        /// The live end.
        have: u64,
    },
    /// An entry was written under a charter edition this node does not have.
    #[error("expected charter edition {have} or older, got {got}")]
    CharterUnknown {
        /// This node's edition.
        have: u32,
        /// The entry's.
        got: u32,
    },
    /// Charter editions or logged times go backwards.
    #[error("expected {what} that rises in the log, got a lower one at entry {index}")]
    Backwards {
        /// `a logged time` or `a charter edition`.
        what: &'static str,
        /// The entry.
        index: u64,
    },
    /// An entry is carried whole that this node's partner may not have, or to an audience that the
    /// charter edition it names does not allow its origin.
    #[error("expected entries addressed to {partner}, got entry {index} for {audience}")]
    NotReleasable {
        /// This node's partner.
        partner: PartnerId,
        /// The entry.
        index: u64,
        /// Its audience.
        audience: Audience,
    },
}

impl RejectReason {
    /// Whether the sender broke the protocol, rather than time or order having played a part.
    pub const fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Duplicate { .. }
                | Self::Gap { .. }
                | Self::Overlap { .. }
                | Self::TooManyGaps { .. }
                | Self::CharterUnknown { .. }
                | Self::UnknownNode { .. }
        )
    }
}

/// A batch that was taken.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The batch as received, to be stored as it is.
    pub batch: Batch,
    /// The entries it carries whole, in order.
    pub entries: Vec<Verified<Entry>>,
    /// Its checkpoint, to be cosigned once stored.
    pub checkpoint: Verified<SignedCheckpoint>,
    /// Where the log stands with it.
    pub head: LogHead,
    /// Whether it fills a gap below the live end; such facts are to page nobody.
    pub backfill: bool,
}

/// What a checkpoint seen elsewhere says.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The same as the one held.
    Confirmed,
    /// Further than this copy.
    Ahead,
    /// At a size this copy has no checkpoint in memory for.
    Unknown,
}

/// This node's copy of one log.
#[derive(Clone, Debug)]
pub struct LaneMirror {
    realm: Realm,
    me: PartnerId,
    head: LogHead,
    recent: BTreeMap<u64, SignedCheckpoint>,
}

impl LaneMirror {
    /// Continues the copy at `head` ([`LogHead::start`] for a new one) for a node of `me`.
    pub const fn new(realm: Realm, me: PartnerId, head: LogHead) -> Self {
        Self { realm, me, head, recent: BTreeMap::new() }
    }

    /// The log.
    pub const fn log(&self) -> LogId {
        self.head.log
    }

    /// Where the copy stands.
    pub const fn head(&self) -> &LogHead {
        &self.head
    }

    /// Remembers a stored checkpoint, so that a fork at its size is recognised after a restart. Its
    /// signature is verified when something contradicts it, not before: there are many.
    pub fn remember(&mut self, checkpoint: &SignedCheckpoint) {
        if checkpoint.checkpoint.log == self.head.log {
            self.keep(checkpoint);
        }
    }

    /// Takes a batch, or says why not. The caller persists what it gets before cosigning it.
    pub fn accept(
        &mut self,
        bytes: impl Into<Arc<[u8]>>,
        charter: &Charter,
    ) -> Result<Accepted, RejectReason> {
        let bytes: Arc<[u8]> = bytes.into();
        let (checkpoint, first, at) =
            Batch::parse_start(&bytes).map_err(RejectReason::Malformed)?;
        let checkpoint = self.check_signed(checkpoint, charter)?;
        if let Some(proof) = self.contradicted(&checkpoint, charter) {
            return Err(RejectReason::Equivocation(proof));
        }
        let backfill = self.place(checkpoint.checkpoint.size, first)?;
        let batch = Batch::parse_items(bytes, (*checkpoint).clone(), first, at)
            .map_err(RejectReason::Malformed)?;
        let start = self.cursor(first).clone();
        let cursor = match continued(&batch, start.clone(), charter, self.me) {
            Err(RejectReason::Root { .. }) if bugs::has(bugs::Bug::SkipRootCheck) => {
                let mut cursor = start;
                batch.extend(&mut cursor.frontier);
                cursor
            }
            verified => verified?,
        };
        let mut head = self.head.clone();
        match head.jumps.last_mut() {
            Some(jump) if !backfill => {
                let first = batch.entries().next().map(|entry| entry.header().logged);
                jump.first = jump.first.min(first.unwrap_or(Timestamp::MAX));
                jump.live = cursor;
            }
            _ => head.done = cursor,
        }
        if let Some(jump) = head.jumps.first()
            && head.done.frontier.size() >= jump.start.size()
        {
            // The gap is filled; both ends must have met in one tree.
            if head.done.frontier != jump.start {
                return Err(RejectReason::Root { size: batch.end() });
            }
            if head.done.logged >= jump.first {
                let index = jump.start.size();
                return Err(RejectReason::Backwards { what: "a logged time", index });
            }
            let (filled, live) = (head.done.logged, head.jumps.remove(0).live);
            head.done = Cursor { logged: filled.max(live.logged), ..live };
        }
        self.keep(&checkpoint);
        self.head = head;
        let entries = batch.entries().cloned().map(Verified::new).collect();
        Ok(Accepted { batch, entries, checkpoint, head: self.head.clone(), backfill })
    }

    /// Verifies a batch of another history of this log than the one held: signed by the log's node, its
    /// leaves those of its checkpoint after `start`. It changes nothing of the copy.
    pub fn verify_apart(
        &self,
        bytes: impl Into<Arc<[u8]>>,
        start: &Cursor,
        charter: &Charter,
    ) -> Result<Apart, RejectReason> {
        let bytes: Arc<[u8]> = bytes.into();
        let (checkpoint, first, at) =
            Batch::parse_start(&bytes).map_err(RejectReason::Malformed)?;
        let checkpoint = self.check_signed(checkpoint, charter)?;
        if first != start.frontier.size() {
            return Err(RejectReason::Gap { have: start.frontier.size(), got: first });
        }
        let batch = Batch::parse_items(bytes, checkpoint.into_inner(), first, at)
            .map_err(RejectReason::Malformed)?;
        continued(&batch, start.clone(), charter, self.me)?;
        Ok(Apart::new(start.clone(), batch))
    }

    /// Moves the live end to a newer checkpoint, leaving a gap: `proof` shows that it extends the
    /// newest one held, `frontier` is its tree. Gives the checkpoint and the new head. The parts held
    /// above earlier gaps are kept.
    pub fn jump(
        &mut self,
        checkpoint: SignedCheckpoint,
        frontier: Frontier,
        proof: &[Hash],
        charter: &Charter,
    ) -> Result<(Verified<SignedCheckpoint>, LogHead), RejectReason> {
        let checkpoint = self.check_signed(checkpoint, charter)?;
        let newest = self.newest_cursor().clone();
        let (size, root) = (checkpoint.checkpoint.size, checkpoint.checkpoint.root);
        if size <= newest.frontier.size() {
            let have = newest.frontier.size();
            return Err(RejectReason::Duplicate { have, got: size });
        }
        verify_consistency(newest.frontier.size(), &newest.frontier.root(), size, &root, proof)
            .map_err(RejectReason::Malformed)?;
        if frontier.size() != size || frontier.root() != root {
            return Err(RejectReason::Malformed(Error::Proof { what: "frontier" }));
        }
        if self.head.jumps.len() >= JUMPS_MAX {
            return Err(RejectReason::TooManyGaps { have: self.head.newest() });
        }
        let live = Cursor { frontier: frontier.clone(), logged: newest.logged };
        self.head.jumps.push(Jump { start: frontier, first: Timestamp::MAX, live });
        self.keep(&checkpoint);
        Ok((checkpoint, self.head.clone()))
    }

    /// Compares a checkpoint seen elsewhere, such as one that another partner cosigned.
    pub fn observe(
        &self,
        checkpoint: SignedCheckpoint,
        charter: &Charter,
    ) -> Result<Observation, RejectReason> {
        let checkpoint = self.check_signed(checkpoint, charter)?;
        if let Some(proof) = self.contradicted(&checkpoint, charter) {
            return Err(RejectReason::Equivocation(proof));
        }
        match self.recent.get(&checkpoint.checkpoint.size) {
            Some(known) if known.checkpoint.root == checkpoint.checkpoint.root => {
                Ok(Observation::Confirmed)
            }
            None if checkpoint.checkpoint.size > self.head.newest() => Ok(Observation::Ahead),
            Some(_) | None => Ok(Observation::Unknown),
        }
    }

    /// The proof that a remembered checkpoint and this one are not of one log.
    fn contradicted(
        &self,
        checkpoint: &SignedCheckpoint,
        charter: &Charter,
    ) -> Option<Box<EquivocationProof>> {
        let known = self.recent.get(&checkpoint.checkpoint.size)?;
        let proof = EquivocationProof::of_one_size(known, checkpoint)?;
        // Of a damaged store nobody is accused.
        self.check_signed(known.clone(), charter).is_ok().then(|| Box::new(proof))
    }

    /// The proof that a verified batch of another history contradicts a remembered checkpoint that it
    /// passes: at that size the other history had another root. Nothing if it does not, or is not whole.
    pub fn contradicted_by(
        &self,
        apart: &Apart,
        charter: &Charter,
    ) -> Option<Box<EquivocationProof>> {
        let (first, end) = (apart.batch().first(), apart.batch().end());
        let (size, known) = self.recent.range(first + 1..=end).next_back()?;
        let leaves = apart.batch().leaf_hashes(first)?;
        let passed = PassedBy::new(apart.start().frontier.clone(), leaves, *size)?;
        let prefix = passed.tree.root();
        let hashes = prove_consistency(&passed, *size, end)?;
        let made = apart.batch().checkpoint();
        let proof = EquivocationProof::of_prefix(known, made, prefix, hashes)?;
        // Of a damaged store nobody is accused.
        self.check_signed(known.clone(), charter).is_ok().then(|| Box::new(proof))
    }

    fn check_signed(
        &self,
        checkpoint: SignedCheckpoint,
        charter: &Charter,
    ) -> Result<Verified<SignedCheckpoint>, RejectReason> {
        let stated = &checkpoint.checkpoint;
        if stated.realm != self.realm {
            let got = stated.realm.clone();
            return Err(RejectReason::Realm { expected: self.realm.clone(), got });
        }
        if stated.log != self.head.log {
            return Err(RejectReason::Log { expected: self.head.log, got: stated.log });
        }
        let node = stated.log.node;
        if charter.node(node).is_none() {
            return Err(RejectReason::UnknownNode { node });
        }
        let key: VerifyingKey =
            charter.log_key(&stated.log, stated.size).ok_or(RejectReason::Signature { node })?;
        checkpoint.verify(&key).map_err(|_| RejectReason::Signature { node })
    }

    /// Which end the batch continues: `true` for the one below a gap.
    fn place(&self, end: u64, first: u64) -> Result<bool, RejectReason> {
        let have = self.head.size();
        let newest = self.head.newest();
        if first == newest {
            Ok(false)
        } else if first == have {
            Ok(true)
        } else if end <= have || self.head.islands().any(|of| of.start <= first && end <= of.end) {
            Err(RejectReason::Duplicate { have, got: end })
        } else if first > newest {
            Err(RejectReason::Gap { have: newest, got: first })
        } else if first > have {
            Err(RejectReason::Gap { have, got: first })
        } else {
            Err(RejectReason::Overlap { have, first, end })
        }
    }

    fn cursor(&self, first: u64) -> &Cursor {
        let newest = self.newest_cursor();
        if newest.frontier.size() == first { newest } else { &self.head.done }
    }

    fn newest_cursor(&self) -> &Cursor {
        self.head.jumps.last().map_or(&self.head.done, |jump| &jump.live)
    }

    fn keep(&mut self, checkpoint: &SignedCheckpoint) {
        self.recent.insert(checkpoint.checkpoint.size, checkpoint.clone());
        if self.recent.len() > CHECKPOINTS_REMEMBERED_MAX {
            self.recent.pop_first();
        }
    }
}

/// A tree on its way through a batch, and the batch's leaves: what leads from the one to the other end.
struct PassedBy {
    /// At the size that is passed.
    tree: Frontier,
    first: u64,
    leaves: Vec<Hash>,
}

impl PassedBy {
    fn new(start: Frontier, leaves: Vec<Hash>, size: u64) -> Option<Self> {
        let (first, mut tree) = (start.size(), start);
        let before = usize::try_from(size.checked_sub(first)?).ok()?;
        leaves.get(..before)?.iter().for_each(|leaf| tree.push(*leaf));
        Some(Self { tree, first, leaves })
    }
}

impl Nodes for PassedBy {
    fn node(&self, height: u32, index: u64) -> Option<Hash> {
        let size = self.tree.size();
        if size >> height & 1 == 1 && size >> height == index + 1 {
            let place = (size >> height).count_ones() as usize;
            return self.tree.peaks().get(place.checked_sub(1)?).copied();
        }
        let from = usize::try_from(index.checked_shl(height)?.checked_sub(self.first)?).ok()?;
        let leaves = self.leaves.get(from..from.checked_add(1_usize.checked_shl(height)?)?)?;
        let mut subtree = Frontier::new();
        for leaf in leaves {
            subtree.push(*leaf);
        }
        Some(subtree.root())
    }
}

/// Where a log stands after `batch`, whose checkpoint was verified: its entries are in order, ones a
/// node of `me` may have, and its leaves give the signed root.
pub(crate) fn continued(
    batch: &Batch,
    mut cursor: Cursor,
    charter: &Charter,
    me: PartnerId,
) -> Result<Cursor, RejectReason> {
    check_entries(batch, &mut cursor, charter, me)?;
    batch.extend(&mut cursor.frontier);
    if cursor.frontier.root() == batch.checkpoint().checkpoint.root {
        Ok(cursor)
    } else {
        Err(RejectReason::Root { size: batch.end() })
    }
}

/// Checks order, charter edition and audience of every entry carried whole for a node of `me`; moves
/// the cursor's logged time, not its tree.
fn check_entries(
    batch: &Batch,
    cursor: &mut Cursor,
    charter: &Charter,
    me: PartnerId,
) -> Result<(), RejectReason> {
    let origin = batch.log().node.partner();
    let mut edition = 0;
    // Audience and edition of the entry before, if they were found good: most follow suit.
    let mut good: Option<(Audience, u32)> = None;
    for item in batch.items() {
        let Item::Entry(entry) = item else { continue };
        let header = entry.header();
        let index = header.id.index;
        if header.logged <= cursor.logged {
            return Err(RejectReason::Backwards { what: "a logged time", index });
        }
        if header.charter_edition < edition {
            return Err(RejectReason::Backwards { what: "a charter edition", index });
        }
        if header.charter_edition > charter.edition() {
            let (have, got) = (charter.edition(), header.charter_edition);
            return Err(RejectReason::CharterUnknown { have, got });
        }
        let audience = header.audience;
        if good != Some((audience, header.charter_edition)) {
            let agreed =
                header.charter_edition < charter.edition() || charter.allows(origin, &audience);
            if !audience.contains(me) || !audience.contains(origin) || !agreed {
                return Err(RejectReason::NotReleasable { partner: me, index, audience });
            }
            good = Some((audience, header.charter_edition));
        }
        cursor.logged = header.logged;
        edition = header.charter_edition;
    }
    Ok(())
}
