//! Roots of the large subtrees of one log, so that a proof reads a few hundred leaves and not the log.
//!
//! Kept in memory: the root of every perfect subtree of 2^8, 2^16, 2^24 … leaves, an eighth of a byte
//! an entry. What lies below is computed from the leaves around the older of the two sizes, which the
//! caller reads from its store, and from the tree's own right edge. The heights are those of the C2SP
//! `tlog-tiles` hash tiles.

use crate::keys::Hash;
use crate::merkle::{Frontier, Nodes, prove_consistency};
use crate::{Batch, Error};

/// Height of the lowest subtrees kept, and between two levels.
pub(crate) const LEVEL_HEIGHT: u32 = 8;
/// Leaves of one such subtree.
const LEVEL_LEAVES: usize = 1 << LEVEL_HEIGHT;

/// The subtrees of one log.
#[derive(Clone, Debug, Default)]
pub struct Subtrees {
    /// The roots of height 8 first, then 16, and so on.
    levels: Vec<Vec<Hash>>,
}

impl Subtrees {
    /// Those of an empty log.
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// Takes the roots that a batch completed, in order (see [`crate::Appended::completed`]).
    pub fn push(&mut self, completed: &[Hash]) {
        for root in completed {
            self.push_at(0, *root);
        }
    }

    fn push_at(&mut self, level: usize, root: Hash) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let roots = &mut self.levels[level];
        roots.push(root);
        if roots.len().is_multiple_of(LEVEL_LEAVES) {
            let mut frontier = Frontier::new();
            for root in &roots[roots.len() - LEVEL_LEAVES..] {
                frontier.push(*root);
            }
            self.push_at(level + 1, frontier.root());
        }
    }

    /// Takes a stored batch, and moves `frontier` over it: how the subtrees come back after a restart.
    pub fn extend(&mut self, batch: &Batch, frontier: &mut Frontier) {
        let mut completed = Vec::new();
        batch.extend_noting(frontier, &mut completed);
        self.push(&completed);
    }

    /// The leaves whose hashes [`Subtrees::prove`] needs for `old`: the block it lies in, as far as the
    /// tree of `size` leaves goes.
    pub fn leaves_needed(old: u64, size: u64) -> std::ops::Range<u64> {
        let first = old >> LEVEL_HEIGHT << LEVEL_HEIGHT;
        first..(first + LEVEL_LEAVES as u64).min(size)
    }

    /// The proof that the tree of `frontier` extends that of `old` leaves; `leaves` are those that
    /// [`Subtrees::leaves_needed`] names. From nothing everything follows, with an empty proof.
    pub fn prove(
        &self,
        old: u64,
        frontier: &Frontier,
        leaves: &[Hash],
    ) -> Result<Vec<Hash>, Error> {
        if old == 0 {
            return Ok(Vec::new());
        }
        let first = Self::leaves_needed(old, frontier.size()).start;
        let known = Known { levels: &self.levels, first, leaves, frontier };
        prove_consistency(&known, old, frontier.size()).ok_or(Error::Proof { what: "subtree" })
    }
}

/// Everything a proof may draw on.
struct Known<'a> {
    levels: &'a [Vec<Hash>],
    /// Index of the first of `leaves`; a multiple of 256.
    first: u64,
    leaves: &'a [Hash],
    frontier: &'a Frontier,
}

impl Known<'_> {
    fn in_levels(&self, height: u32, index: u64) -> Option<Hash> {
        let level = usize::try_from(height / LEVEL_HEIGHT).ok()?.checked_sub(1)?;
        let above = height % LEVEL_HEIGHT;
        self.levels.get(level)?.as_slice().node(above, index)
    }

    fn in_leaves(&self, height: u32, index: u64) -> Option<Hash> {
        let offset = index.checked_shl(height)?.checked_sub(self.first)?;
        self.leaves.node(height, offset >> height)
    }

    fn on_edge(&self, height: u32, index: u64) -> Option<Hash> {
        let size = self.frontier.size();
        let is_peak = size >> height & 1 == 1 && size >> height == index + 1;
        let place = (size >> height).count_ones() as usize;
        is_peak.then(|| self.frontier.peaks().get(place.checked_sub(1)?).copied()).flatten()
    }
}

impl Nodes for Known<'_> {
    fn node(&self, height: u32, index: u64) -> Option<Hash> {
        self.on_edge(height, index)
            .or_else(|| self.in_levels(height, index))
            .or_else(|| self.in_leaves(height, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::sha256;
    use crate::merkle::verify_consistency;

    #[test]
    fn every_proof_from_subtrees_is_the_one_from_all_leaves() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|i| sha256(&i.to_be_bytes())).collect();
        let mut frontier = Frontier::new();
        let mut subtrees = Subtrees::new();
        let mut roots = vec![frontier.root()];
        let mut states = Vec::new();
        let sizes = [1_usize, 255, 256, 257, 511, 700, 4_096, 65_535, 65_536, 65_800, 70_000];
        for (place, leaf) in leaves.iter().enumerate() {
            let mut completed = Vec::new();
            frontier.push_noting(*leaf, &mut completed);
            subtrees.push(&completed);
            roots.push(frontier.root());
            if sizes.contains(&(place + 1)) {
                states.push((frontier.clone(), subtrees.clone()));
            }
        }
        let place = |index: u64| usize::try_from(index).unwrap();
        for (frontier, subtrees) in &states {
            let size = frontier.size();
            for old in [0_u64, 1, 2, 200, 255, 256, 300, 512, 690, 1_024, 65_536, 65_799, 69_999] {
                if old > size {
                    continue;
                }
                let needed = Subtrees::leaves_needed(old, size);
                let read = &leaves[place(needed.start.min(size))..place(needed.end)];
                let proof = subtrees.prove(old, frontier, read).unwrap();
                let (before, after) = (roots[place(old)], frontier.root());
                verify_consistency(old, &before, size, &after, &proof)
                    .unwrap_or_else(|error| panic!("{old} to {size}: {error}"));
            }
        }
    }

    #[test]
    fn a_proof_without_its_leaves_is_refused() {
        let leaves: Vec<Hash> = (0..600_u32).map(|i| sha256(&i.to_be_bytes())).collect();
        let (mut frontier, mut completed) = (Frontier::new(), Vec::new());
        for leaf in &leaves {
            frontier.push_noting(*leaf, &mut completed);
        }
        let mut subtrees = Subtrees::new();
        subtrees.push(&completed);
        assert!(subtrees.prove(300, &frontier, &[]).is_err());
        assert!(subtrees.prove(300, &frontier, &leaves[256..512]).is_ok());
    }
}
