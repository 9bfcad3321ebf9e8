//! A batch: consecutive leaves of one log and the checkpoint after them.
//!
//! Bytes, edition 1 (big-endian), the same on the wire and on disk; at most
//! [`limits::BATCH_BYTES_MAX`] bytes and [`limits::BATCH_ENTRIES_MAX`] leaves:
//!
//! ```text
//! "WFB" 0x01
//! checkpoint   realm: u8 length, text | log 22 | size u64 | root 32 | signature 64
//! first        u64, index of the first leaf; size - first is the number of leaves, at least 1
//! items, to the end:
//!   0x00 hidden   count u32 (at least 1) | roots, 32 bytes each
//!   0x01 entry    entry part of the header (see `entry`) | body: u32 length, bytes as sealed
//! ```
//!
//! A hidden run stands for leaves the receiver may not read. Its roots are those of the fewest perfect
//! subtrees that cover the run, left to right, so a run of n leaves costs at most 2·log2(n) hashes and
//! the receiver still computes the signed root. Two hidden runs never follow one another.

use std::ops::Range;
use std::sync::Arc;

use base::{PartnerId, limits};

use crate::codec::{Put, Reader};
use crate::entry::{BODY_BYTES_MAX, LeafHasher, log_part};
use crate::keys::Hash;
use crate::merkle::{Frontier, cover, node_hash};
use crate::{Charter, Entry, EntryHeader, Error, LogId, SignedCheckpoint};

const MAGIC: [u8; 4] = *b"WFB\x01";
const TAG_HIDDEN: u8 = 0;
const TAG_ENTRY: u8 = 1;

/// A parsed batch. Its hashes are computed, its signature and root are not yet checked: that is
/// [`crate::LaneMirror`]'s work, or it was made here by [`crate::LaneWriter`].
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Arc<[u8]>,
    checkpoint: SignedCheckpoint,
    first: u64,
    items: Arc<Vec<Item>>,
}

/// One or more leaves of a batch.
#[derive(Clone, Debug)]
pub enum Item {
    /// A whole entry.
    Entry(Entry),
    /// Leaves the holder of this copy may not read.
    Hidden(HiddenRun),
}

/// A run of leaves known by subtree roots only.
#[derive(Clone, Debug)]
pub struct HiddenRun {
    /// Index of the first.
    pub first: u64,
    /// How many.
    pub count: u32,
    batch: Arc<[u8]>,
    roots: Range<usize>,
}

impl HiddenRun {
    /// Heights and roots of the covering subtrees, left to right.
    pub fn subtrees(&self) -> impl Iterator<Item = (u32, Hash)> + '_ {
        let roots = self.batch[self.roots.clone()].chunks_exact(32);
        cover(self.first, self.first + u64::from(self.count))
            .zip(roots.map(|root| root.try_into().expect("chunks of 32")))
    }
}

impl Batch {
    /// Reads a batch strictly; nothing is allocated from its counts.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Self, Error> {
        let bytes: Arc<[u8]> = bytes.into();
        let (checkpoint, first, at) = Self::parse_start(&bytes)?;
        let items = Arc::new(read_items(&bytes, &checkpoint, first, at)?);
        Ok(Self { bytes, checkpoint, first, items })
    }

    /// Reads only what stands before the items, so that a batch can be refused for its signature or
    /// place before its leaves are hashed. Gives checkpoint, first index and where the items start.
    pub(crate) fn parse_start(bytes: &[u8]) -> Result<(SignedCheckpoint, u64, usize), Error> {
        if bytes.len() > limits::BATCH_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes in a batch",
                max: limits::BATCH_BYTES_MAX as u64,
                got: bytes.len() as u64,
            });
        }
        let mut reader = Reader::new("a batch", bytes);
        reader.magic(MAGIC, "`WFB` edition 1")?;
        let checkpoint = SignedCheckpoint::read(&mut reader)?;
        let first = reader.u64("the first index")?;
        let size = checkpoint.checkpoint.size;
        let leaves = size.checked_sub(first).filter(|leaves| *leaves > 0).ok_or_else(|| {
            reader.error("a first index below the size", format!("{first} with size {size}"))
        })?;
        if leaves > limits::BATCH_ENTRIES_MAX as u64 {
            return Err(Error::Limit {
                what: "entries in a batch",
                max: limits::BATCH_ENTRIES_MAX as u64,
                got: leaves,
            });
        }
        Ok((checkpoint, first, reader.at()))
    }

    pub(crate) fn parse_items(
        bytes: Arc<[u8]>,
        checkpoint: SignedCheckpoint,
        first: u64,
        at: usize,
    ) -> Result<Self, Error> {
        let items = Arc::new(read_items(&bytes, &checkpoint, first, at)?);
        Ok(Self { bytes, checkpoint, first, items })
    }

    pub(crate) fn from_parts(
        bytes: Arc<[u8]>,
        checkpoint: SignedCheckpoint,
        first: u64,
        items: Vec<Item>,
    ) -> Self {
        Self { bytes, checkpoint, first, items: Arc::new(items) }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Whose log.
    pub const fn log(&self) -> LogId {
        self.checkpoint.checkpoint.log
    }

    /// Index of the first leaf.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The size of the log after the last leaf.
    pub const fn end(&self) -> u64 {
        self.checkpoint.checkpoint.size
    }

    /// The checkpoint after the last leaf.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Entries and hidden runs, in order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The entries this copy carries whole.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.items.iter().filter_map(|item| match item {
            Item::Entry(entry) => Some(entry),
            Item::Hidden(_) => None,
        })
    }

    /// Appends the leaves to `frontier`, which must stand at [`Batch::first`].
    pub fn extend(&self, frontier: &mut Frontier) {
        assert_eq!(frontier.size(), self.first, "a batch extends the frontier at its first index");
        for item in self.items.iter() {
            match item {
                Item::Entry(entry) => frontier.push(*entry.leaf_hash()),
                Item::Hidden(run) => {
                    for (height, root) in run.subtrees() {
                        frontier.push_subtree(root, height);
                    }
                }
            }
        }
    }

    /// As [`Batch::extend`], and adds to `completed` the root of each subtree of 256 leaves that this
    /// completes; for batches that carry everything whole.
    pub(crate) fn extend_noting(&self, frontier: &mut Frontier, completed: &mut Vec<Hash>) {
        assert_eq!(frontier.size(), self.first, "a batch extends the frontier at its first index");
        for item in self.items.iter() {
            match item {
                Item::Entry(entry) => frontier.push_noting(*entry.leaf_hash(), completed),
                Item::Hidden(run) => {
                    for (height, root) in run.subtrees() {
                        frontier.push_subtree_noting(root, height, completed);
                    }
                }
            }
        }
    }

    /// The hash of each leaf from `from` on, for a batch that carries everything whole; nothing if it
    /// does not.
    pub fn leaf_hashes(&self, from: u64) -> Option<Vec<Hash>> {
        let mut hashes = Vec::new();
        for item in self.items.iter() {
            let Item::Entry(entry) = item else { return None };
            if entry.id().index >= from {
                hashes.push(*entry.leaf_hash());
            }
        }
        Some(hashes)
    }

    /// The copy `partner` may have: entries addressed to it whole, everything else hidden.
    #[must_use]
    pub fn for_audience(&self, partner: PartnerId) -> Self {
        self.keep_whole(|entry| entry.header().audience.contains(partner))
    }

    /// The copy that is released to `partner` now: as [`Batch::for_audience`], but with everything
    /// hidden if the log's owner withholds from that partner or the charter no longer has it.
    #[must_use]
    pub fn released_to(&self, partner: PartnerId, charter: &Charter) -> Self {
        let origin = self.log().node.partner();
        self.keep_whole(|entry| charter.sight(origin, partner, &entry.header().audience).is_whole())
    }

    /// The copy that carries whole only what `keep` says.
    pub(crate) fn keep_whole(&self, keep: impl Fn(&Entry) -> bool) -> Self {
        let readable = |item: &Item| matches!(item, Item::Entry(entry) if keep(entry));
        if self.items.iter().all(readable) {
            return self.clone();
        }
        let mut writer = BatchWriter::new(&self.checkpoint, self.first);
        let mut hidden = Run::new(self.first);
        for item in self.items.iter() {
            match item {
                Item::Entry(entry) if readable(item) => {
                    writer.hidden(&hidden);
                    writer.entry(entry.header(), entry.sealed_body());
                    hidden = Run::new(entry.id().index + 1);
                }
                Item::Entry(entry) => hidden.push(0, *entry.leaf_hash()),
                Item::Hidden(run) => run.subtrees().for_each(|(h, root)| hidden.push(h, root)),
            }
        }
        writer.hidden(&hidden);
        Self::parse(writer.bytes).expect("a projection of a batch is a batch")
    }
}

fn read_items(
    bytes: &Arc<[u8]>,
    checkpoint: &SignedCheckpoint,
    first: u64,
    at: usize,
) -> Result<Vec<Item>, Error> {
    let mut reader = Reader::new("a batch", bytes);
    reader.take(at, "a batch's start")?;
    let log = checkpoint.checkpoint.log;
    let mut hasher = LeafHasher::new(&log_part(&checkpoint.checkpoint.realm, &log));
    let end = checkpoint.checkpoint.size;
    let mut next = first;
    let mut items = Vec::new();
    while !reader.is_empty() {
        match reader.u8("an item")? {
            TAG_HIDDEN => {
                if matches!(items.last(), Some(Item::Hidden(_))) {
                    return Err(reader.error("an entry after a hidden run", "a hidden run"));
                }
                let count = reader.u32("a count")?;
                if count == 0 || u64::from(count) > end - next {
                    let left = end - next;
                    return Err(
                        reader.error("a run within the batch", format!("{count}, {left} left"))
                    );
                }
                let start = reader.at();
                let subtrees = cover(next, next + u64::from(count)).count();
                reader.take(32 * subtrees, "roots of hidden subtrees")?;
                let roots = start..reader.at();
                items.push(Item::Hidden(HiddenRun {
                    first: next,
                    count,
                    batch: bytes.clone(),
                    roots,
                }));
                next += u64::from(count);
            }
            TAG_ENTRY => {
                let start = reader.at();
                let header = EntryHeader::read_entry_part(log, &mut reader)?;
                if header.id.index != next || next >= end {
                    let got = format!("{} where {next} comes next of {end}", header.id.index);
                    return Err(reader.error("the next index", got));
                }
                let entry_part = start..reader.at();
                let body = reader.blob(BODY_BYTES_MAX, "a body of at most 256 KiB")?;
                let hash = hasher.hash(&bytes[entry_part], body);
                let body = reader.at() - body.len()..reader.at();
                items.push(Item::Entry(Entry::new(header, hash, bytes.clone(), body)));
                next += 1;
            }
            other => return Err(reader.error("item 0 or 1", other.to_string())),
        }
    }
    if next == end {
        Ok(items)
    } else {
        Err(reader.error("as many leaves as the size says", format!("{next} of {end}")))
    }
}

/// Assembles the bytes of a batch whose checkpoint is known.
pub(crate) struct BatchWriter {
    pub(crate) bytes: Vec<u8>,
}

impl BatchWriter {
    pub(crate) fn new(checkpoint: &SignedCheckpoint, first: u64) -> Self {
        let mut bytes = MAGIC.to_vec();
        checkpoint.put(&mut bytes);
        bytes.put_u64(first);
        Self { bytes }
    }

    pub(crate) fn entry(&mut self, header: &EntryHeader, body: &[u8]) {
        self.bytes.put_u8(TAG_ENTRY);
        header.put_entry_part(&mut self.bytes);
        self.bytes.put_blob(body);
    }

    /// Appends an entry whose body is written and sealed where it stays: `entry_part` is its header's
    /// second part, `put` appends the body. Gives the body's place.
    pub(crate) fn entry_in_place(
        &mut self,
        entry_part: &[u8],
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Range<usize> {
        self.bytes.put_u8(TAG_ENTRY);
        self.bytes.put(entry_part);
        let at = self.bytes.len();
        self.bytes.put_u32(0);
        put(&mut self.bytes);
        let body = at + 4..self.bytes.len();
        let length = u32::try_from(body.len()).expect("bodies are far below 4 GiB");
        self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        body
    }

    fn hidden(&mut self, run: &Run) {
        self.hidden_roots(run.count, run.subtrees.iter().map(|(_, root)| root));
    }

    /// A run of `count` hidden leaves by the roots that cover it; nothing if there are none.
    pub(crate) fn hidden_roots<'r>(&mut self, count: u32, roots: impl Iterator<Item = &'r Hash>) {
        if count == 0 {
            return;
        }
        self.bytes.put_u8(TAG_HIDDEN);
        self.bytes.put_u32(count);
        for root in roots {
            self.bytes.put(root);
        }
    }
}

/// A hidden run being gathered: always the fewest perfect subtrees.
struct Run {
    next: u64,
    count: u32,
    subtrees: Vec<(u32, Hash)>,
}

impl Run {
    const fn new(first: u64) -> Self {
        Self { next: first, count: 0, subtrees: Vec::new() }
    }

    fn push(&mut self, height: u32, root: Hash) {
        let (mut height, mut root) = (height, root);
        let mut start = self.next;
        self.next += 1 << height;
        self.count += 1 << height;
        // Two siblings of one height become their parent when the left one stands at its place.
        while let Some((left_height, left)) = self.subtrees.last() {
            let parent_start = start.wrapping_sub(1 << height);
            if *left_height != height || parent_start.trailing_zeros() <= height {
                break;
            }
            root = node_hash(left, &root);
            height += 1;
            start = parent_start;
            self.subtrees.pop();
        }
        self.subtrees.push((height, root));
    }
}
