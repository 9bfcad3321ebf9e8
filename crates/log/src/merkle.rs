//! The RFC 9162 Merkle tree over SHA-256: incremental frontier, inclusion and consistency proofs.
//!
//! Leaf hash: SHA-256(0x00 | leaf); node hash: SHA-256(0x01 | left | right); the empty tree's root is
//! SHA-256 of nothing (RFC 9162 section 2.1.1). Proof layout: section 2.1.3.1 and 2.1.4.1.

use crate::keys::{Hash, sha256};
use crate::subtrees::LEVEL_HEIGHT;
use crate::{Error, codec};

/// The hash of an inner node.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}

/// The right edge of a tree: the roots of its perfect subtrees, largest first. Enough to append and
/// to compute the root; at most 64 hashes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One hash for each bit set in `size`, most significant first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The frontier of `size` leaves from its peaks, largest first; the number of peaks must be the
    /// number of bits set in `size`.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Self, Error> {
        if peaks.len() == size.count_ones() as usize {
            Ok(Self { size, peaks })
        } else {
            Err(Error::Proof { what: "frontier" })
        }
    }

    /// Leaves so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The peaks, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends one leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(leaf, 0);
    }

    /// Appends one leaf, and adds to `completed` the root of the subtree of 256 leaves it completes.
    pub(crate) fn push_noting(&mut self, leaf: Hash, completed: &mut Vec<Hash>) {
        self.push_subtree_noting(leaf, 0, completed);
    }

    /// Appends a perfect subtree of 2^`height` leaves by its root; the size must be a multiple of
    /// that.
    pub(crate) fn push_subtree(&mut self, root: Hash, height: u32) {
        self.join(root, height, |_, _| {});
    }

    /// Appends a perfect subtree, and adds to `completed` the root of each subtree of 256 leaves that
    /// this completes; one that is larger hides them, so own logs alone, whose leaves are all known,
    /// can be noted.
    pub(crate) fn push_subtree_noting(
        &mut self,
        root: Hash,
        height: u32,
        completed: &mut Vec<Hash>,
    ) {
        self.join(root, height, |level, hash| {
            if level == LEVEL_HEIGHT {
                completed.push(*hash);
            }
        });
    }

    fn join(&mut self, root: Hash, height: u32, mut note: impl FnMut(u32, &Hash)) {
        assert!(
            self.size.trailing_zeros() >= height,
            "a subtree of height {height} cannot stand at {}",
            self.size
        );
        let mut hash = root;
        let mut level = height;
        note(level, &hash);
        while self.size >> level & 1 == 1 {
            let left = self.peaks.pop().expect("one peak for each bit set in the size");
            hash = node_hash(&left, &hash);
            level += 1;
            note(level, &hash);
        }
        self.peaks.push(hash);
        self.size += 1 << height;
    }

    /// The root hash.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => sha256(&[]),
            Some(smallest) => peaks.fold(*smallest, |right, left| node_hash(left, &right)),
        }
    }

    /// Bytes: size u64, then the peaks.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        use codec::Put;
        out.put_u64(self.size);
        for peak in &self.peaks {
            out.put(peak);
        }
    }

    pub(crate) fn read(reader: &mut codec::Reader<'_>) -> Result<Self, Error> {
        let size = reader.u64("a tree size")?;
        let peaks: Result<Vec<Hash>, Error> =
            (0..size.count_ones()).map(|_| reader.array("a peak")).collect();
        Ok(Self { size, peaks: peaks? })
    }
}

/// The heights of the perfect subtrees that cover leaves `from..to` left to right, each standing at a
/// multiple of its own size.
pub(crate) fn cover(from: u64, to: u64) -> impl Iterator<Item = u32> {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let aligned = at.trailing_zeros().min(63);
        let height = aligned.min((to - at).ilog2());
        at += 1 << height;
        Some(height)
    })
}

/// Where proofs take their hashes from.
///
/// `node(height, index)` is the root of the perfect subtree over leaves
/// `index * 2^height .. (index + 1) * 2^height`, or nothing if it is not known.
pub trait Nodes {
    /// The subtree root, if known.
    fn node(&self, height: u32, index: u64) -> Option<Hash>;
}

/// Every leaf hash of a tree, in order; slow and simple, for tests, tools and small logs.
impl Nodes for [Hash] {
    fn node(&self, height: u32, index: u64) -> Option<Hash> {
        let start = usize::try_from(index.checked_shl(height)?).ok()?;
        let leaves = self.get(start..start.checked_add(1 << height)?)?;
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.push(*leaf);
        }
        Some(frontier.root())
    }
}

/// The root of leaves `from..to`, where `from` is a multiple of a power of two not below `to - from`.
fn range_root(nodes: &(impl Nodes + ?Sized), from: u64, to: u64) -> Option<Hash> {
    let mut at = from;
    let mut parts = Vec::new();
    for height in cover(from, to) {
        parts.push(nodes.node(height, at >> height)?);
        at += 1 << height;
    }
    let mut parts = parts.into_iter().rev();
    let smallest = parts.next()?;
    Some(parts.fold(smallest, |right, left| node_hash(&left, &right)))
}

/// The largest power of two below `size`; `size` is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The proof that the leaf at `index` is in the tree of `size` leaves (RFC 9162 section 2.1.3.1), or
/// nothing if a hash is not known or `index` is not below `size`.
pub fn prove_inclusion(nodes: &(impl Nodes + ?Sized), index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut proof = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(range_root(nodes, middle, to)?);
            to = middle;
        } else {
            proof.push(range_root(nodes, from, middle)?);
            from = middle;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The proof that the tree of `size` leaves extends that of `old` (RFC 9162 section 2.1.4.1), or
/// nothing if a hash is not known or `old` is not from 1 to `size`.
pub fn prove_consistency(nodes: &(impl Nodes + ?Sized), old: u64, size: u64) -> Option<Vec<Hash>> {
    if old == 0 || old > size {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut proof = Vec::new();
    // Walks from the root towards the right edge of the old tree; `whole` holds while the subtree's
    // old root is the old root itself, which the verifier has.
    let mut whole = true;
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            proof.push(range_root(nodes, middle, to)?);
            to = middle;
        } else {
            proof.push(range_root(nodes, from, middle)?);
            from = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(nodes, from, to)?);
    }
    proof.reverse();
    Some(proof)
}

/// Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves with `root`
/// (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    let wrong = Error::Proof { what: "inclusion proof" };
    if index >= size {
        return Err(wrong);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(wrong);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(wrong) }
}

/// Whether `proof` shows that the tree of `size` leaves with `root` extends that of `old` leaves with
/// `old_root` (RFC 9162 section 2.1.4.2). From the empty tree everything follows, with an empty proof.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    let wrong = Error::Proof { what: "consistency proof" };
    let check = |good: bool| if good { Ok(()) } else { Err(wrong.clone()) };
    if old > size {
        return check(false);
    }
    if old == size {
        return check(proof.is_empty() && old_root == root);
    }
    if old == 0 {
        return check(proof.is_empty() && *old_root == sha256(&[]));
    }
    let mut proof = proof.iter();
    let first = if old.is_power_of_two() {
        *old_root
    } else {
        *proof.next().ok_or_else(|| wrong.clone())?
    };
    let (mut node, mut last) = (old - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut hash) = (first, first);
    for sibling in proof {
        if last == 0 {
            return check(false);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    check(last == 0 && old_hash == *old_root && hash == *root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::{hex, unhex};

    /// MTH as RFC 9162 section 2.1.1 writes it, sharing no code with the frontier.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(b""),
            [leaf] => *leaf,
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                let (left, right) = (definition(&leaves[..k]), definition(&leaves[k..]));
                sha256(&[&[1], &left[..], &right[..]].concat())
            }
        }
    }

    fn leaf(bytes: &[u8]) -> Hash {
        sha256(&[&[0], bytes].concat())
    }

    fn numbered(count: usize) -> Vec<Hash> {
        (0..count).map(|i| leaf(&i.to_be_bytes())).collect()
    }

    fn root_of(leaves: &[Hash]) -> Hash {
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.push(*leaf);
        }
        frontier.root()
    }

    /// The eight leaves of the Certificate Transparency reference tree and its roots.
    const REFERENCE: [(&str, &str); 8] = [
        ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (
            "606162636465666768696a6b6c6d6e6f",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ];

    fn reference_leaves() -> Vec<Hash> {
        REFERENCE
            .iter()
            .map(|(text, _)| {
                let bytes: Vec<u8> = text
                    .as_bytes()
                    .chunks(2)
                    .map(|p| unhex::<1>(std::str::from_utf8(p).unwrap()).unwrap()[0])
                    .collect();
                leaf(&bytes)
            })
            .collect()
    }

    #[test]
    fn reference_roots() {
        assert_eq!(
            hex(&Frontier::new().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let leaves = reference_leaves();
        for (i, (_, root)) in REFERENCE.iter().enumerate() {
            assert_eq!(hex(&root_of(&leaves[..=i])), *root, "size {}", i + 1);
        }
    }

    #[test]
    fn reference_proofs() {
        let leaves = reference_leaves();
        let hexed = |proof: Vec<Hash>| proof.iter().map(|h| hex(h)).collect::<Vec<_>>();
        // Published paths of the reference tree: leaf 5 (index 5) of 8 and leaf 2 of 3.
        assert_eq!(
            hexed(prove_inclusion(&leaves[..], 5, 8).unwrap()),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hexed(prove_inclusion(&leaves[..], 2, 3).unwrap()),
            ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]
        );
        // Consistency from 6 to 8 and from 2 to 5.
        assert_eq!(
            hexed(prove_consistency(&leaves[..], 6, 8).unwrap()),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hexed(prove_consistency(&leaves[..], 2, 5).unwrap()),
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]
        );
    }

    #[test]
    fn frontier_equals_the_definition() {
        let leaves = numbered(130);
        let mut frontier = Frontier::new();
        for count in 0..=leaves.len() {
            assert_eq!(frontier.root(), definition(&leaves[..count]), "size {count}");
            assert_eq!(frontier.peaks().len(), (count as u64).count_ones() as usize);
            if let Some(leaf) = leaves.get(count) {
                frontier.push(*leaf);
            }
        }
    }

    #[test]
    fn covered_runs_give_the_same_tree() {
        let leaves = numbered(40);
        for from in 0..40u64 {
            for to in from..=40 {
                let mut frontier = Frontier::new();
                for leaf in &leaves[..usize::try_from(from).unwrap()] {
                    frontier.push(*leaf);
                }
                for height in cover(from, to) {
                    let index = frontier.size() >> height;
                    frontier.push_subtree(leaves[..].node(height, index).unwrap(), height);
                }
                assert_eq!(frontier.size(), to);
                assert_eq!(frontier.root(), definition(&leaves[..usize::try_from(to).unwrap()]));
            }
        }
    }

    #[test]
    fn every_inclusion_proof_verifies_and_no_other_does() {
        let leaves = numbered(33);
        for size in 1..=33u64 {
            let root = definition(&leaves[..usize::try_from(size).unwrap()]);
            for index in 0..size {
                let leaf = leaves[usize::try_from(index).unwrap()];
                let proof = prove_inclusion(&leaves[..], index, size).unwrap();
                verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
                assert!(verify_inclusion(&leaf, index + 1, size, &proof, &root).is_err());
                assert!(verify_inclusion(&root, index, size, &proof, &leaf).is_err() || size == 1);
                for cut in 0..proof.len() {
                    assert!(verify_inclusion(&leaf, index, size, &proof[..cut], &root).is_err());
                    let mut wrong = proof.clone();
                    wrong[cut][31] ^= 1;
                    assert!(verify_inclusion(&leaf, index, size, &wrong, &root).is_err());
                }
                let longer = [&proof[..], &[root]].concat();
                assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
            }
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_no_other_does() {
        let leaves = numbered(33);
        let root = |size: u64| definition(&leaves[..usize::try_from(size).unwrap()]);
        for size in 1..=33u64 {
            verify_consistency(0, &root(0), size, &root(size), &[]).unwrap();
            for old in 1..=size {
                let proof = prove_consistency(&leaves[..], old, size).unwrap();
                verify_consistency(old, &root(old), size, &root(size), &proof).unwrap();
                let mut other = root(old);
                other[0] ^= 1;
                assert!(verify_consistency(old, &other, size, &root(size), &proof).is_err());
                assert!(verify_consistency(old, &root(old), size, &other, &proof).is_err());
                for cut in 0..proof.len() {
                    let short = &proof[..cut];
                    assert!(verify_consistency(old, &root(old), size, &root(size), short).is_err());
                    let mut wrong = proof.clone();
                    wrong[cut][0] ^= 1;
                    assert!(
                        verify_consistency(old, &root(old), size, &root(size), &wrong).is_err()
                    );
                }
                let longer = [&proof[..], &[root(old)]].concat();
                assert!(verify_consistency(old, &root(old), size, &root(size), &longer).is_err());
            }
        }
    }
}
