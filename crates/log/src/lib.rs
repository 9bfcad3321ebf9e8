//! The log: signed, sealed, append-only statements and everything that proves them.
//!
//! Start here: [`Fact`] is what a domain reads; [`LaneWriter`] makes a node's own log and
//! [`LaneMirror`] verifies a partner's; both speak in [`Batch`]es, which are entries plus the
//! [`SignedCheckpoint`] after them. [`Charter`] says who may sign and who may read; [`EpochRing`]
//! opens what is sealed; [`Store`] is the port to disk and [`fsck`](fn@fsck) re-verifies what is on it.
//!
//! | module | holds |
//! | --- | --- |
//! | `ids` | realm, precedence, audience, log and entry ids, kinds |
//! | `entry` | header, body, [`Verified`], [`Fact`], leaf hash |
//! | `merkle`, `subtrees` | RFC 9162 tree: frontier, proofs; what proofs of a long log are made from |
//! | `note`, `checkpoint` | C2SP signed notes, checkpoints, cosignatures, range receipts |
//! | `batch`, `merge`, `stored` | entries plus checkpoint as bytes; sparse copies made and joined |
//! | `seal`, `storage` | epoch keys and HPKE wraps; the storage key |
//! | `writer`, `mirror`, `clock` | the two ends of a lane; the hybrid logical clock |
//! | `tiles`, `cosigned` | what outside auditors read, and how they check it |
//! | `counts` | how many entries an audience has, so that what is hidden from a member shows |
//! | `equivocation`, `apart` | proof that a node signed two histories; what is kept of the other one |
//! | `release` | what of a log leaves for whom, for sending, sealing and previews alike |
//! | `tunnel` | frames sealed between two nodes through a third |
//! | `receipts` | who stated what about an entry, and when, from a store |
//! | `charter` | the agreement, its root signatures, rosters and editions |
//! | `secrets`, `sealed_root` | key files; a root key under a passphrase |
//! | `contents` | the `log.*` kinds: pulse, epoch, complaint, ... |
//! | `store`, `high_water`, `fsck` | the disk port, the rollback guard, the verifier |
//! | `trim` | cutting a store back to a moment |
//! | `memory`, `testing`, `shortcuts` | a store with faults to order; seeded charters; cheap stand-ins for costly cryptography (feature `test-support`) |
//! | [`bugs`] | faults to plant, for the simulator to catch (feature `planted-bugs`) |
//!
//! **Architecture Invariant:** no I/O, no clock, no randomness: time and generators are arguments.
//! **Architecture Invariant:** only this crate can make a [`Verified`] value.
//! **Architecture Invariant:** the realm is in every signed or sealed byte string, so nothing made in
//! an exercise verifies or opens in the operational realm.

mod apart;
pub mod base64;
mod batch;
pub mod bugs;
mod charter;
mod checkpoint;
mod clock;
mod codec;
mod contents;
mod cosigned;
mod counts;
mod entry;
mod equivocation;
mod error;
mod fsck;
mod high_water;
mod ids;
mod keys;
#[cfg(any(test, feature = "test-support"))]
mod memory;
mod merge;
mod merkle;
mod mirror;
mod receipts;
mod release;
mod seal;
mod sealed_root;
mod secrets;
#[cfg(any(test, feature = "test-support"))]
mod shortcuts;
mod storage;
mod store;
mod stored;
mod subtrees;
#[cfg(any(test, feature = "test-support"))]
pub mod testing;
mod tiles;
mod trim;
mod tunnel;
mod writer;

pub use apart::Apart;
pub use batch::{Batch, HiddenRun, Item};
pub use charter::{
    Agreement, Carrier, Change, Charter, CharterDraft, CharterParts, EXPIRY_DAYS, Editions,
    ExerciseTime, Expiring, Fingerprint, FormerOfficer, LineRecord, Missing, NodeRecord,
    OfficerPart, OfficerRecord, PartnerRecord, RetiredKeys, Roster,
};
pub use checkpoint::{Checkpoint, Cosignature, CosignatureKind, HoldsRange, SignedCheckpoint};
pub use clock::HybridClock;
pub use contents::{
    Complaint, ComplaintReason, IncarnationCause, IncarnationStart, LineCheck, LogState, Pulse,
    kinds,
};
pub use cosigned::{CosignedCheckpoint, verifier_keys};
pub use counts::{CountStatement, EntryCount, Tally};
pub use entry::{Body, Entry, EntryHeader, Fact, Verified};
pub use equivocation::EquivocationProof;
pub use error::Error;
pub use fsck::{FsckFault, FsckReport, FsckScope, fsck, replay};
pub use high_water::{HighWater, Standing};
pub use ids::{Audience, EntryId, ExerciseName, Incarnation, Kind, LogId, Precedence, Realm};
pub use keys::{Hash, Signature, SigningKey, VerifyingKey, sha256};
#[cfg(any(test, feature = "test-support"))]
pub use memory::{Fault, MemoryStore};
pub use merkle::{
    Frontier, Nodes, prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
};
pub use mirror::{Accepted, LaneMirror, Observation, RejectReason};
pub use rand_core;
pub use receipts::{Receipt, Statement, entry_header, receipts_of};
pub use release::{Hidden, Sight};
pub use seal::{EPOCH_WRAPS_MAX, EpochRing, KEM_PUBLIC_BYTES, KemPublic, KemSecret, OpenProblem};
pub use sealed_root::{PassphraseCost, SealedRoot};
pub use secrets::{NodeSecrets, RootSecret};
pub use storage::StorageKey;
pub use store::{
    Cursor, JUMPS_MAX, Jump, KeyValue, LogHead, Row, Store, StoreError, StoreRead, StoreReadExt,
    Table, Write,
};
pub use stored::{StoredFacts, stored_facts};
pub use subtrees::Subtrees;
pub use tiles::{Leaves, Progress, TILE_WIDTH, Tile, TileAudit, TileFault, leaf_hashes, tile_root};
pub use trim::{Trim, TrimmedLog, trim_after};
pub use tunnel::{PendingTunnel, Tunnel, TunnelEnds, TunnelOffer};
pub use writer::{Appended, Draft, EPOCH_AGE_MAX, EPOCH_ENTRIES_MAX, LaneWriter};
