//! A log as tiles, after C2SP `tlog-tiles`: where each tile stands, and an auditor that recomputes all of
//! them up to the signed root.
//!
//! Tile `n` of level `l` is up to 256 hashes: level 0 holds leaf hashes, and hash `i` of a higher level is
//! the root of the full tile `256·n + i` below it. Only the last tile of a level may be partial, and a
//! partial tile has no hash above it.
//!
//! ```text
//! path     tile/L/N[.p/W]      L 0..=63 | N in groups of three digits, all but the last led by `x`
//! content  W hashes, 32 bytes each (256 where no W is named)
//! ```
//!
//! Nothing but hashes is in a tile. A leaf hash is SHA-256(0x00 | header | sealed body), so whoever is
//! handed an entry can find it in its tile, and whoever is not learns that it is there and no more.

use std::fmt;

use crate::keys::Hash;
use crate::merkle::Frontier;
use crate::store::{StoreRead, StoreReadExt};
use crate::{EquivocationProof, Error, Item, LogId, SignedCheckpoint};

/// Hashes of a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Levels that a log of 2^64 entries has.
const LEVELS: u8 = 8;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// One tile of a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tile {
    /// Its level; 0 holds leaf hashes.
    pub level: u8,
    /// Its place in the level, from 0.
    pub index: u64,
    /// Its hashes, 1 to 256.
    pub width: u16,
}

impl Tile {
    /// Whether it has all 256 hashes, and so never changes.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Bytes of its content.
    pub fn bytes(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// Leaves below one hash of it.
    const fn leaves_per_hash(&self) -> Option<u64> {
        1u64.checked_shl(8 * self.level as u32)
    }

    /// The size from which a log has it; nothing if no log can.
    pub fn needs_size(&self) -> Option<u64> {
        let last = self.index.checked_mul(u64::from(TILE_WIDTH))?.checked_add(self.width.into())?;
        last.checked_mul(self.leaves_per_hash()?)
    }

    /// The tile of `level` at `index` as a log of `size` entries has it; nothing if it has none.
    pub fn of_size(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(8 * u32::from(level)).filter(|_| level < LEVELS)?;
        let before = index.checked_mul(u64::from(TILE_WIDTH))?;
        let left = hashes.checked_sub(before).filter(|left| *left > 0)?;
        let width = u16::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        Some(Self { level, index, width })
    }

    /// Reads a path as [`Tile`]'s text gives it.
    pub fn parse(path: &str) -> Result<Self, Error> {
        let bad = || Error::text("a tile's path", "`tile/L/N` or `tile/L/N.p/W`", path);
        let rest = path.strip_prefix("tile/").ok_or_else(bad)?;
        let (level, rest) = rest.split_once('/').ok_or_else(bad)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().map_err(|_| bad())?),
            None => (rest, TILE_WIDTH),
        };
        let mut number: u64 = 0;
        for digits in index.split('/').map(|part| part.strip_prefix('x').unwrap_or(part)) {
            let plain = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
            let digits: u64 = digits.parse().ok().filter(|_| plain).ok_or_else(bad)?;
            number = number
                .checked_mul(1_000)
                .and_then(|thousands| thousands.checked_add(digits))
                .ok_or_else(bad)?;
        }
        let tile = Self { level: level.parse().map_err(|_| bad())?, index: number, width };
        let sound = (1..=TILE_WIDTH).contains(&width) && tile.level < 64;
        if sound && tile.to_string() == path { Ok(tile) } else { Err(bad()) }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let mut groups = vec![self.index % 1_000];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            if place > 0 {
                write!(f, "x{group:03}/")?;
            } else {
                write!(f, "{group:03}")?;
            }
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The root of the subtree over a tile's hashes.
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}

/// Leaf hashes of a log as a store knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// All that were asked for.
    Known(Vec<Hash>),
    /// The leaf at this index is hidden from this node inside a larger subtree, or is not held.
    Unknown(u64),
}

/// The leaf hashes of `from..to`.
pub fn leaf_hashes<S: StoreRead + ?Sized>(
    store: &S,
    log: &LogId,
    from: u64,
    to: u64,
) -> Result<Leaves, Error> {
    let mut leaves = Vec::new();
    let mut next = from;
    while next < to {
        let batch = store.batches(log, next, 1, usize::MAX)?.pop();
        let Some(batch) = batch.filter(|batch| batch.first() <= next) else {
            return Ok(Leaves::Unknown(next));
        };
        let mut at = batch.first();
        for item in batch.items() {
            match item {
                Item::Entry(entry) => {
                    if (next..to).contains(&at) {
                        leaves.push(*entry.leaf_hash());
                        next = at + 1;
                    }
                    at += 1;
                }
                Item::Hidden(run) => {
                    for (height, root) in run.subtrees() {
                        let end = at + (1 << height);
                        if height == 0 && (next..to).contains(&at) {
                            leaves.push(root);
                            next = end;
                        } else if at < to && end > next {
                            return Ok(Leaves::Unknown(next));
                        }
                        at = end;
                    }
                }
            }
        }
    }
    Ok(Leaves::Known(leaves))
}

/// What an auditor finds wrong with tiles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileFault {
    /// Another number of bytes than the tile has.
    #[error("expected {expected} bytes of `{tile}`, got {got}")]
    Length {
        /// Which.
        tile: Tile,
        /// What it has.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// A hash that is not the root of the tile below it.
    #[error("expected hash {place} of `{tile}` to be the root of the tile below it, got another")]
    Parent {
        /// Which.
        tile: Tile,
        /// Which hash of it, from 0.
        place: usize,
    },
    /// The tiles do not lead to the signed root.
    #[error("expected tiles that lead to the signed root at size {size}, got others")]
    Root {
        /// The size.
        size: u64,
    },
    /// The tiles do not lead through the root that was audited before.
    #[error("expected tiles that lead through the root audited before at size {size}, got others")]
    Rewritten {
        /// The size audited before.
        size: u64,
    },
}

/// Recomputes a log from its tiles, without fetching anything itself: [`TileAudit::next`] names the tile
/// to fetch, [`TileAudit::take`] checks it, [`TileAudit::finish`] compares the root.
#[derive(Clone, Debug)]
pub struct TileAudit {
    size: u64,
    root: Hash,
    /// The size and root that were audited before.
    known: Option<(u64, Hash)>,
    tree: Frontier,
    /// Per level from 1: roots of full tiles below that are not yet compared, and tiles compared.
    above: Vec<(Vec<Hash>, u64)>,
    taken: u64,
}

impl TileAudit {
    /// An audit of the log at a checkpoint, which was audited before at the size and root of `known`.
    pub fn new(checkpoint: &SignedCheckpoint, known: Option<(u64, Hash)>) -> Self {
        let stated = &checkpoint.checkpoint;
        let levels = usize::from(LEVELS);
        Self {
            size: stated.size,
            root: stated.root,
            known,
            tree: Frontier::new(),
            above: vec![(Vec::new(), 0); levels],
            taken: 0,
        }
    }

    /// The tile to fetch next, or nothing when all were taken.
    pub fn next(&self) -> Option<Tile> {
        let full = usize::from(TILE_WIDTH);
        if let Some(level) = self.above.iter().position(|(roots, _)| roots.len() == full) {
            return Some(self.tile_above(level));
        }
        if self.tree.size() < self.size {
            return Tile::of_size(0, self.tree.size() / u64::from(TILE_WIDTH), self.size);
        }
        let level = self.above.iter().position(|(roots, _)| !roots.is_empty())?;
        Some(self.tile_above(level))
    }

    fn tile_above(&self, place: usize) -> Tile {
        let (roots, index) = &self.above[place];
        let level = u8::try_from(place + 1).expect("a log has eight levels");
        let width = u16::try_from(roots.len()).expect("a tile has at most 256 hashes");
        Tile { level, index: *index, width }
    }

    /// Takes the content of the tile that [`TileAudit::next`] named.
    pub fn take(&mut self, content: &[u8]) -> Result<(), TileFault> {
        let Some(tile) = self.next() else { return Ok(()) };
        if content.len() != tile.bytes() {
            let (expected, got) = (tile.bytes(), content.len());
            return Err(TileFault::Length { tile, expected, got });
        }
        let (hashes, _) = content.as_chunks::<HASH_BYTES>();
        if tile.level == 0 {
            self.take_leaves(hashes)?;
        } else {
            self.compare(tile, hashes)?;
        }
        self.taken += 1;
        if tile.is_full() {
            // The last level has no tile above it: 2^64 entries are never reached.
            if let Some((roots, _)) = self.above.get_mut(usize::from(tile.level)) {
                roots.push(tile_root(hashes));
            }
        }
        Ok(())
    }

    fn take_leaves(&mut self, hashes: &[Hash]) -> Result<(), TileFault> {
        for hash in hashes {
            self.tree.push(*hash);
            if let Some((size, root)) = self.known
                && size == self.tree.size()
                && root != self.tree.root()
            {
                return Err(TileFault::Rewritten { size });
            }
        }
        Ok(())
    }

    fn compare(&mut self, tile: Tile, hashes: &[Hash]) -> Result<(), TileFault> {
        let (roots, index) = &mut self.above[usize::from(tile.level) - 1];
        if let Some(place) = roots.iter().zip(hashes).position(|(root, hash)| root != hash) {
            return Err(TileFault::Parent { tile, place });
        }
        roots.clear();
        *index += 1;
        Ok(())
    }

    /// Tiles taken so far.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Compares the recomputed root with the signed one.
    pub fn finish(self) -> Result<(), TileFault> {
        assert!(self.next().is_none(), "an audit ends when every tile was taken");
        let right = self.tree.size() == self.size && self.tree.root() == self.root;
        if right { Ok(()) } else { Err(TileFault::Root { size: self.size }) }
    }
}

/// How a checkpoint stands to the one audited before. Both are signed by the log's node.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// None was audited before.
    First,
    /// The very same.
    Same,
    /// More entries; the tiles must lead through the old root.
    Grown,
    /// Fewer entries than were signed before: an old checkpoint is served, or the log was rolled back.
    RolledBack {
        /// The size audited before.
        from: u64,
    },
    /// Two roots of one size: proof that the node signed two histories.
    Forked(Box<EquivocationProof>),
}

impl Progress {
    /// From the checkpoint audited before to this one, of the same log.
    pub fn between(before: Option<&SignedCheckpoint>, now: &SignedCheckpoint) -> Self {
        let Some(before) = before else { return Self::First };
        let (old, new) = (&before.checkpoint, &now.checkpoint);
        assert_eq!((&old.realm, old.log), (&new.realm, new.log), "checkpoints of one log compare");
        match new.size.cmp(&old.size) {
            std::cmp::Ordering::Less => Self::RolledBack { from: old.size },
            std::cmp::Ordering::Greater => Self::Grown,
            std::cmp::Ordering::Equal => match EquivocationProof::of_one_size(before, now) {
                Some(proof) => Self::Forked(Box::new(proof)),
                None => Self::Same,
            },
        }
    }
}
