//! Proof that a node signed two checkpoints that do not extend each other.
//!
//! Bytes, edition 1 (big-endian):
//!
//! ```text
//! "WFQ" 0x01 | a: signed checkpoint | b: signed checkpoint (layouts: `checkpoint`, without magic)
//! | prefix flag u8: 0, or 1 followed by root 32 | consistency hashes, 32 each, to the end
//! ```
//!
//! Without a prefix the two have one size and different roots. With one, the consistency proof leads
//! from (a's size, prefix root) to b, so b's log had another beginning than a. It is for histories that
//! were never signed at one size: whoever holds the leaves between can make it.

use crate::codec::{Put, Reader};
use crate::keys::{Hash, VerifyingKey};
use crate::{Error, LogId, SignedCheckpoint, Verified, verify_consistency};

const MAGIC: [u8; 4] = *b"WFQ\x01";
/// Hashes of one consistency proof: a tree of 2^64 leaves needs no more.
const PROOF_HASHES_MAX: usize = 65;

/// Two checkpoints of one log that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivocationProof {
    a: SignedCheckpoint,
    b: SignedCheckpoint,
    prefix: Option<(Hash, Vec<Hash>)>,
}

impl EquivocationProof {
    /// The proof that `a` and `b` are of one log and size but not of one root, if so.
    pub fn of_one_size(a: &SignedCheckpoint, b: &SignedCheckpoint) -> Option<Self> {
        let (first, second) = (&a.checkpoint, &b.checkpoint);
        let one_place =
            first.log == second.log && first.realm == second.realm && first.size == second.size;
        (one_place && first.root != second.root).then(|| Self {
            a: a.clone(),
            b: b.clone(),
            prefix: None,
        })
    }

    /// The proof that `b` extends (`a`'s size, `prefix_root`) and not `a`, if `consistency` shows it.
    pub fn of_prefix(
        a: &SignedCheckpoint,
        b: &SignedCheckpoint,
        prefix_root: Hash,
        consistency: Vec<Hash>,
    ) -> Option<Self> {
        let proof = Self { a: a.clone(), b: b.clone(), prefix: Some((prefix_root, consistency)) };
        proof.contradicts().then_some(proof)
    }

    /// Whose log.
    pub const fn log(&self) -> LogId {
        self.a.checkpoint.log
    }

    /// The two checkpoints.
    pub const fn checkpoints(&self) -> (&SignedCheckpoint, &SignedCheckpoint) {
        (&self.a, &self.b)
    }

    fn contradicts(&self) -> bool {
        let (a, b) = (&self.a.checkpoint, &self.b.checkpoint);
        if a.log != b.log || a.realm != b.realm {
            return false;
        }
        match &self.prefix {
            None => a.size == b.size && a.root != b.root,
            Some((root, hashes)) => {
                a.root != *root
                    && a.size > 0
                    && verify_consistency(a.size, root, b.size, &b.root, hashes).is_ok()
            }
        }
    }

    /// Checks both signatures with the node's key, and the contradiction.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Error> {
        self.a.clone().verify(key)?;
        self.b.clone().verify(key)?;
        if self.contradicts() {
            Ok(Verified::new(self))
        } else {
            Err(Error::Proof { what: "contradiction" })
        }
    }

    /// The bytes, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        self.a.put(&mut out);
        self.b.put(&mut out);
        match &self.prefix {
            None => out.put_u8(0),
            Some((root, hashes)) => {
                out.put_u8(1);
                out.put(root);
                for hash in hashes {
                    out.put(hash);
                }
            }
        }
        out
    }

    /// Reads the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("an equivocation proof", bytes);
        reader.magic(MAGIC, "`WFQ` edition 1")?;
        let a = SignedCheckpoint::read(&mut reader)?;
        let b = SignedCheckpoint::read(&mut reader)?;
        let prefix = match reader.u8("a prefix flag")? {
            0 => None,
            1 => {
                let root = reader.array("a prefix root")?;
                let mut hashes = Vec::new();
                while !reader.is_empty() && hashes.len() < PROOF_HASHES_MAX {
                    hashes.push(reader.array("a hash")?);
                }
                Some((root, hashes))
            }
            other => return Err(reader.error("0 or 1", other.to_string())),
        };
        reader.finish()?;
        Ok(Self { a, b, prefix })
    }
}
