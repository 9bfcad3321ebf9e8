//! Sealing: an epoch key per (log, audience, process start), wrapped to every member node.
//!
//! - Body: AES-256-GCM under the epoch key; nonce = four zero bytes and the entry's index (u64,
//!   big-endian); associated data = the whole header, realm included. An index is sealed once under a
//!   key: the writer either retries a failed batch byte for byte or drops its keys.
//! - Epoch entry, kind `log.epoch`, not sealed: the key wrapped to each member node by HPKE (RFC 9180)
//!   with X-Wing, HKDF-SHA-256 and AES-256-GCM; info = label, realm, log,
//!   epoch, audience, recipient and its KEM generation; associated data = commitment.
//! - Commitment = SHA-256("watchfire/epoch-commitment/v1" 0x00 | realm | log | epoch | audience | key).
//!   AES-GCM does not commit to its key; with this, two members either open the same bodies or one of
//!   them complains.
//!
//! An epoch's number is the index of its epoch entry plus one, so a reader that lacks a key knows which
//! entry has it.
//!
//! Content of an epoch entry, edition 1 (big-endian):
//!
//! ```text
//! audience: u8 count, 3 bytes each | commitment 32
//! | wraps, to the end, sorted: node (partner 3, number u16) | generation u32 | encapsulation 1120
//!   | sealed key 48
//! ```

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base::NodeId;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use crate::codec::{Put, Reader};
use crate::contents::kinds;
use crate::entry::log_part;
use crate::keys::{Hash, sha256};
use crate::{
    Audience, Body, Entry, EntryHeader, EntryId, Error, LogId, Realm, Verified, base64, bugs,
};

/// Bytes of an AES-256-GCM tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of an X-Wing public key.
pub const KEM_PUBLIC_BYTES: usize = 1216;
pub(crate) const ENCAPSULATION_BYTES: usize = 1120;
pub(crate) const SEALED_KEY_BYTES: usize = 32 + TAG_BYTES;
/// Wraps in one epoch entry: more would not fit its content.
pub const EPOCH_WRAPS_MAX: usize = 200;

/// A node's public KEM key (X-Wing) and its generation.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublic {
    /// Counts up with every new key of a node.
    pub generation: u32,
    /// The X-Wing encapsulation key.
    pub key: Box<[u8; KEM_PUBLIC_BYTES]>,
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = base64::hex(&self.key[..4]);
        write!(f, "KemPublic(generation {}, {start}…)", self.generation)
    }
}

/// A node's private KEM key (X-Wing) of one generation. Blank in debug output; wiped when dropped.
pub struct KemSecret {
    generation: u32,
    seed: Zeroizing<[u8; 32]>,
    key: <XWing as Kem>::PrivateKey,
}

impl KemSecret {
    /// The key of a 32-byte X-Wing seed.
    pub fn from_seed(generation: u32, seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = <XWing as Kem>::PrivateKey::from_bytes(&*seed)
            .expect("any 32 bytes are an X-Wing decapsulation key");
        Self { generation, seed, key }
    }

    /// A fresh key.
    pub fn random(generation: u32, rng: &mut dyn rand_core::CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(generation, *seed)
    }

    /// Which key of the node this is.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The public half.
    pub fn public(&self) -> KemPublic {
        let bytes = XWing::sk_to_pk(&self.key).to_bytes();
        let key: Box<[u8; KEM_PUBLIC_BYTES]> = Box::new(
            bytes.as_slice().try_into().expect("an X-Wing encapsulation key has 1216 bytes"),
        );
        KemPublic { generation: self.generation, key }
    }

    pub(crate) const fn key(&self) -> &<XWing as Kem>::PrivateKey {
        &self.key
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl Clone for KemSecret {
    fn clone(&self) -> Self {
        Self::from_seed(self.generation, *self.seed)
    }
}

impl fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KemSecret(generation {}, ..)", self.generation)
    }
}

/// One audience's key in one log, as AES-256-GCM uses it.
pub(crate) struct EpochKey(LessSafeKey);

impl EpochKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 keys have 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `body` in place and gives the tag.
    pub(crate) fn seal(&self, index: u64, header: &[u8], body: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(index), Aad::from(header), body)
            .expect("bodies are far below the AES-GCM limit");
        tag.as_ref().try_into().expect("AES-GCM tags have 16 bytes")
    }

    fn open(&self, index: u64, header: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let split = sealed.len().checked_sub(TAG_BYTES)?;
        let (body, tag) = sealed.split_at(split);
        let mut out = vec![0; split];
        self.0.open_separate_gather(nonce(index), Aad::from(header), body, tag, &mut out).ok()?;
        Some(out)
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

fn nonce(index: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// What an epoch belongs to; every wrap and the commitment are bound to all of it.
#[derive(Clone, Debug)]
pub(crate) struct EpochScope<'a> {
    pub(crate) realm: &'a Realm,
    pub(crate) log: LogId,
    pub(crate) epoch: u64,
    pub(crate) audience: Audience,
}

impl EpochScope<'_> {
    fn to_bytes(&self, label: &str) -> Vec<u8> {
        let mut bytes = label.as_bytes().to_vec();
        bytes.put_u8(0);
        bytes.put_realm(self.realm);
        bytes.put_log(&self.log);
        bytes.put_u64(self.epoch);
        bytes.put_audience(&self.audience);
        bytes
    }

    fn commitment(&self, key: &[u8; 32]) -> Hash {
        let mut bytes = Zeroizing::new(self.to_bytes("watchfire/epoch-commitment/v1"));
        bytes.put(key);
        sha256(&bytes)
    }

    /// HPKE info: label 0x00 | realm | log | epoch | audience | recipient node | generation.
    fn wrap_info(&self, node: NodeId, generation: u32) -> Vec<u8> {
        let mut bytes = self.to_bytes("watchfire/epoch-wrap/v1");
        bytes.put_node(node);
        bytes.put_u32(generation);
        bytes
    }
}

pub(crate) type Aead = hpke::aead::AesGcm256;
pub(crate) type Kdf = hpke::kdf::HkdfSha256;

/// Makes an epoch: a fresh key and the content of the entry that hands it to `members`.
pub(crate) fn make_epoch(
    scope: &EpochScope<'_>,
    members: &BTreeMap<NodeId, KemPublic>,
    rng: &mut dyn rand_core::CryptoRng,
) -> Result<(EpochKey, Vec<u8>), Error> {
    if members.len() > EPOCH_WRAPS_MAX {
        return Err(Error::Limit {
            what: "nodes in an audience",
            max: EPOCH_WRAPS_MAX as u64,
            got: members.len() as u64,
        });
    }
    let mut key = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *key);
    if bugs::has(bugs::Bug::ResumeEpochKey) {
        *key = sha256(&scope.to_bytes("planted"));
    }
    let commitment = scope.commitment(&key);
    let mut content = Vec::new();
    content.put_audience(&scope.audience);
    content.put(&commitment);
    let mut rng = rng;
    for (node, public) in members {
        let refused = |_| Error::Key { what: "KEM", node: *node };
        let recipient = <XWing as Kem>::PublicKey::from_bytes(&public.key[..]).map_err(refused)?;
        let info = scope.wrap_info(*node, public.generation);
        #[cfg(any(test, feature = "test-support"))]
        if crate::shortcuts::are_taken() {
            let wrapped = crate::shortcuts::wrap(&public.key[..], &info, &key, &commitment, rng);
            content.put_node(*node);
            content.put_u32(public.generation);
            content.put(&wrapped.0);
            content.put(&wrapped.1);
            continue;
        }
        let (encapsulation, sealed) = hpke::single_shot_seal_with_rng::<Aead, Kdf, XWing>(
            &OpModeS::Base,
            &recipient,
            &info,
            &*key,
            &commitment,
            &mut rng,
        )
        .map_err(refused)?;
        content.put_node(*node);
        content.put_u32(public.generation);
        content.put(&encapsulation.to_bytes());
        content.put(&sealed);
    }
    Ok((EpochKey::new(&key), content))
}

/// The content of an epoch entry, read.
#[derive(Clone, Debug)]
struct EpochContent<'a> {
    audience: Audience,
    commitment: Hash,
    wraps: Vec<Wrap<'a>>,
}

#[derive(Clone, Debug)]
struct Wrap<'a> {
    node: NodeId,
    generation: u32,
    encapsulation: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> EpochContent<'a> {
    fn read(content: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("an epoch entry", content);
        let audience = reader.audience()?;
        let commitment = reader.array("a commitment")?;
        let mut wraps: Vec<Wrap<'_>> = Vec::new();
        while !reader.is_empty() {
            let (node, generation) = (reader.node()?, reader.u32("a generation")?);
            if wraps.last().is_some_and(|last| last.node >= node) {
                return Err(reader.error("wraps sorted by node", format!("{node} out of order")));
            }
            let encapsulation = reader.take(ENCAPSULATION_BYTES, "an encapsulation")?;
            let sealed = reader.take(SEALED_KEY_BYTES, "a sealed key")?;
            wraps.push(Wrap { node, generation, encapsulation, sealed });
        }
        Ok(Self { audience, commitment, wraps })
    }
}

/// Why a sealed entry addressed to this node does not open. All but
/// [`OpenProblem::UnknownEpoch`] are the origin's fault and worth a complaint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenProblem {
    /// The key is not known yet; the entry named has it.
    #[error("expected epoch entry {epoch_entry} to be learned first")]
    UnknownEpoch {
        /// The epoch entry.
        epoch_entry: EntryId,
    },
    /// The epoch entry carries no wrap for this node.
    #[error("expected a wrap for {node} in the epoch entry, got none")]
    NoWrap {
        /// This node.
        node: NodeId,
    },
    /// The wrap is for a KEM generation this node no longer has.
    #[error("expected a wrap for a KEM key in use, got generation {generation}")]
    KemGone {
        /// The generation asked for.
        generation: u32,
    },
    /// The wrap does not open.
    #[error("expected a wrap that opens, got one that does not")]
    BadWrap,
    /// The wrapped key is not the committed one.
    #[error("expected the committed epoch key, got another")]
    Commitment,
    /// The epoch entry is malformed or its audience is not the header's.
    #[error("expected an epoch entry that follows its layout, got one that does not")]
    BadEpochEntry,
    /// The body does not open under its epoch key.
    #[error("expected a body that opens under its epoch key, got one that does not")]
    BadSeal,
    /// The body opens and is not a body.
    #[error("expected a body that follows its layout, got one that does not")]
    BadBody,
    /// A body that should be sealed is not.
    #[error("expected a sealed body for kind `{kind}`, got a plain one")]
    Plain {
        /// Its kind.
        kind: crate::Kind,
    },
    /// The entry is not addressed to this node's partner.
    #[error("expected an audience with {partner}, got {audience}")]
    NotAddressed {
        /// This node's partner.
        partner: base::PartnerId,
        /// The entry's audience.
        audience: Audience,
    },
}

/// A node's keys of the epochs it may read.
pub struct EpochRing {
    realm: Realm,
    node: NodeId,
    kem: Vec<KemSecret>,
    keys: BTreeMap<(LogId, u64), Known>,
    /// Epoch entries whose wraps are opened at first use.
    deferred: BTreeMap<(LogId, u64), Verified<Entry>>,
    /// Epochs whose entry is no good; every body under them fails the same way.
    failed: BTreeMap<(LogId, u64), OpenProblem>,
}

/// An epoch this node can open.
struct Known {
    audience: Audience,
    key: EpochKey,
    /// A header's bytes; the first `log_part` of them are the same for the whole log.
    header: Vec<u8>,
    log_part: usize,
}

impl EpochRing {
    /// An empty ring for `node`, which has these KEM keys.
    pub const fn new(realm: Realm, node: NodeId, kem: Vec<KemSecret>) -> Self {
        Self {
            realm,
            node,
            kem,
            keys: BTreeMap::new(),
            deferred: BTreeMap::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Opens a verified entry. Epoch entries are learned on the way, so entries are best handed over
    /// in the order of their log; a key that is missing after a restart is in the entry that
    /// [`OpenProblem::UnknownEpoch`] names.
    pub fn open(&mut self, entry: &Verified<Entry>) -> Result<Body, OpenProblem> {
        let header = entry.header();
        let partner = self.node.partner();
        if !header.audience.contains(partner) {
            return Err(OpenProblem::NotAddressed { partner, audience: header.audience });
        }
        if header.epoch == 0 {
            let body = Body::read(entry.sealed_body()).map_err(|_| OpenProblem::BadBody)?;
            if !kinds::may_be_plain(&body.kind) {
                return Err(OpenProblem::Plain { kind: body.kind });
            }
            if body.kind == kinds::EPOCH {
                let slot = (header.id.log, header.id.index + 1);
                match self.unwrap(header, &body.content) {
                    Ok(key) => {
                        let audience = header.audience;
                        let header = log_part(&self.realm, &header.id.log);
                        let log_part = header.len();
                        self.keys.insert(slot, Known { audience, key, header, log_part })
                    }
                    Err(problem) => {
                        self.failed.insert(slot, problem.clone());
                        return Err(problem);
                    }
                };
            }
            return Ok(body);
        }
        let slot = (header.id.log, header.epoch);
        if let Some(entry) = self.deferred.remove(&slot) {
            self.open(&entry)?;
        }
        if let Some(problem) = self.failed.get(&slot) {
            return Err(problem.clone());
        }
        let Some(known) = self.keys.get_mut(&slot) else {
            let epoch_entry = EntryId { log: header.id.log, index: header.epoch - 1 };
            return Err(OpenProblem::UnknownEpoch { epoch_entry });
        };
        if known.audience != header.audience {
            return Err(OpenProblem::BadSeal);
        }
        known.header.truncate(known.log_part);
        header.put_entry_part(&mut known.header);
        let plain = known.key.open(header.id.index, &known.header, entry.sealed_body());
        Body::take(plain.ok_or(OpenProblem::BadSeal)?).map_err(|_| OpenProblem::BadBody)
    }

    /// Keeps an epoch entry to be learned at the first body that needs it; opening a wrap costs some
    /// hundred microseconds, and after a restart most epochs are over. Other entries are ignored.
    pub fn defer(&mut self, entry: &Verified<Entry>) {
        let header = entry.header();
        if header.epoch == 0 && header.audience.contains(self.node.partner()) {
            self.deferred.insert((header.id.log, header.id.index + 1), entry.clone());
        }
    }

    fn unwrap(&self, header: &EntryHeader, content: &[u8]) -> Result<EpochKey, OpenProblem> {
        let epoch = EpochContent::read(content).map_err(|_| OpenProblem::BadEpochEntry)?;
        if epoch.audience != header.audience {
            return Err(OpenProblem::BadEpochEntry);
        }
        let node = self.node;
        let wrap = epoch.wraps.iter().find(|wrap| wrap.node == node);
        let wrap = wrap.ok_or(OpenProblem::NoWrap { node })?;
        let secret = self.kem.iter().find(|secret| secret.generation == wrap.generation);
        let secret = secret.ok_or(OpenProblem::KemGone { generation: wrap.generation })?;
        let scope = EpochScope {
            realm: &self.realm,
            log: header.id.log,
            epoch: header.id.index + 1,
            audience: epoch.audience,
        };
        let key = unwrap_key(&scope, node, wrap, secret, &epoch.commitment)?;
        Ok(EpochKey::new(&key))
    }

    /// Forgets the keys of a log's epochs before the entry at `index`.
    pub fn forget_before(&mut self, log: LogId, index: u64) {
        self.keys.retain(|(of, epoch), _| *of != log || *epoch > index);
        self.deferred.retain(|(of, epoch), _| *of != log || *epoch > index);
        self.failed.retain(|(of, epoch), _| *of != log || *epoch > index);
    }

    /// Forgets KEM keys older than `generation`; what only they open stays closed from here on.
    pub fn destroy_kem_before(&mut self, generation: u32) {
        self.kem.retain(|secret| secret.generation >= generation);
    }
}

impl fmt::Debug for EpochRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochRing({}, {} keys)", self.node, self.keys.len())
    }
}

fn unwrap_key(
    scope: &EpochScope<'_>,
    node: NodeId,
    wrap: &Wrap<'_>,
    secret: &KemSecret,
    commitment: &Hash,
) -> Result<Zeroizing<[u8; 32]>, OpenProblem> {
    #[cfg(any(test, feature = "test-support"))]
    if crate::shortcuts::are_taken() {
        let info = scope.wrap_info(node, wrap.generation);
        let key =
            crate::shortcuts::unwrap(secret, &info, wrap.encapsulation, wrap.sealed, commitment);
        let key = Zeroizing::new(key.ok_or(OpenProblem::BadWrap)?);
        let committed = scope.commitment(&key) == *commitment;
        return if committed { Ok(key) } else { Err(OpenProblem::Commitment) };
    }
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(wrap.encapsulation)
        .map_err(|_| OpenProblem::BadWrap)?;
    let plain = hpke::single_shot_open::<Aead, Kdf, XWing>(
        &OpModeR::Base,
        &secret.key,
        &encapsulation,
        &scope.wrap_info(node, wrap.generation),
        wrap.sealed,
        commitment,
    );
    let plain = Zeroizing::new(plain.map_err(|_| OpenProblem::BadWrap)?);
    let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| OpenProblem::BadWrap)?;
    let key = Zeroizing::new(key);
    if scope.commitment(&key) == *commitment { Ok(key) } else { Err(OpenProblem::Commitment) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SeededRng, charter};
    use crate::{Complaint, ComplaintReason, Incarnation, Precedence};

    fn scope(realm: &Realm) -> EpochScope<'_> {
        let log = LogId {
            node: "KOR-1".parse().unwrap(),
            lane: Precedence::Flash,
            incarnation: Incarnation([5; 16]),
        };
        EpochScope { realm, log, epoch: 1, audience: "KOR+USA".parse().unwrap() }
    }

    fn entry(content: Vec<u8>, audience: &str, index: u64, epoch: u64) -> Verified<Entry> {
        let realm = Realm::Operational;
        let header = EntryHeader {
            id: EntryId { log: scope(&realm).log, index },
            logged: base::Timestamp::from_seconds(1),
            charter_edition: 1,
            epoch,
            audience: audience.parse().unwrap(),
        };
        let body = if epoch == 0 {
            let mut bytes = Vec::new();
            Body { kind: kinds::EPOCH, edition: 1, content }.put(&mut bytes);
            bytes
        } else {
            content
        };
        let length = body.len();
        Verified::new(Entry::new(header, [0; 32], body.into(), 0..length))
    }

    /// A ring of USA-1 and an honest epoch content for KOR-1 and USA-1.
    fn ring_and_content() -> (EpochRing, EpochKey, Vec<u8>) {
        let realm = Realm::Operational;
        let world = charter(&realm, &["JPN-1", "KOR-1", "USA-1"], 1);
        let usa: NodeId = "USA-1".parse().unwrap();
        let ring = EpochRing::new(realm.clone(), usa, world.secrets[&usa].kem.clone());
        let scope = scope(&realm);
        let members = world.charter.readers(scope.log.node.partner(), &scope.audience);
        let (key, content) = make_epoch(&scope, &members, &mut SeededRng::new(3)).unwrap();
        assert_eq!(members.len(), 2);
        (ring, key, content)
    }

    fn complaint(problem: &OpenProblem) -> Option<ComplaintReason> {
        let entry = entry(vec![], "KOR+USA", 0, 0).id();
        Complaint::new(entry, [0; 32], problem).map(|complaint| complaint.reason)
    }

    #[test]
    fn a_key_that_is_not_the_committed_one_is_refused_and_complained_about() {
        let realm = Realm::Operational;
        let world = charter(&realm, &["JPN-1", "KOR-1", "USA-1"], 1);
        let usa: NodeId = "USA-1".parse().unwrap();
        let (mut ring, _, honest) = ring_and_content();
        let scope = scope(&realm);
        // The origin wraps another key for USA-1 under the same commitment.
        let commitment = EpochContent::read(&honest).unwrap().commitment;
        let kem = world.secrets[&usa].newest_kem().public();
        let recipient = <XWing as Kem>::PublicKey::from_bytes(&kem.key[..]).unwrap();
        let (encapsulation, sealed) = hpke::single_shot_seal_with_rng::<Aead, Kdf, XWing>(
            &OpModeS::Base,
            &recipient,
            &scope.wrap_info(usa, 1),
            &[9; 32],
            &commitment,
            &mut SeededRng::new(8),
        )
        .unwrap();
        let mut content = honest[..honest.len() - ENCAPSULATION_BYTES - SEALED_KEY_BYTES].to_vec();
        content.put(&encapsulation.to_bytes());
        content.put(&sealed);
        let problem = ring.open(&entry(content, "KOR+USA", 0, 0)).unwrap_err();
        assert_eq!(problem, OpenProblem::Commitment);
        assert_eq!(complaint(&problem), Some(ComplaintReason::Commitment));
        let body = ring.open(&entry(vec![0; 40], "KOR+USA", 1, 1)).unwrap_err();
        assert_eq!(body, OpenProblem::Commitment);
    }

    #[test]
    fn every_changed_byte_of_an_epoch_entry_fails_for_its_reader_or_is_another_members() {
        let (_, _, content) = ring_and_content();
        let wrap = 5 + 4 + ENCAPSULATION_BYTES + SEALED_KEY_BYTES;
        let start = content.len() - 2 * wrap;
        // Every header byte, and bytes spread over this reader's wrap (opening costs much).
        let own = content.len() - wrap;
        for at in (0..start).chain((own..content.len()).step_by(37)) {
            let (mut ring, _, mut changed) = ring_and_content();
            changed[at] ^= 1;
            assert!(ring.open(&entry(changed, "KOR+USA", 0, 0)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_body_opens_only_with_its_header_audience_and_epoch() {
        let realm = Realm::Operational;
        let (mut ring, key, content) = ring_and_content();
        let epoch_entry = entry(content, "KOR+USA", 0, 0);
        let body = Body { kind: "track.scan".parse().unwrap(), edition: 1, content: vec![1; 40] };
        let sealed_for = |audience: &str, index| {
            let header = *entry(vec![], audience, index, 1).header();
            let mut bytes = Vec::new();
            body.put(&mut bytes);
            let tag = key.seal(index, &header.to_bytes(&realm), &mut bytes);
            [&bytes[..], &tag].concat()
        };
        let good = sealed_for("KOR+USA", 1);
        let missing = ring.open(&entry(good.clone(), "KOR+USA", 1, 1)).unwrap_err();
        assert!(matches!(missing, OpenProblem::UnknownEpoch { .. }));
        assert_eq!(complaint(&missing), None);
        ring.defer(&epoch_entry);
        assert_eq!(ring.open(&entry(good.clone(), "KOR+USA", 1, 1)).unwrap(), body);
        for (sealed, audience, index, epoch) in [
            (good.clone(), "KOR+USA", 2, 1),
            (good.clone(), "JPN+KOR+USA", 1, 1),
            (sealed_for("JPN+KOR+USA", 1), "JPN+KOR+USA", 1, 1),
            (good[..good.len() - 1].to_vec(), "KOR+USA", 1, 1),
            (vec![], "KOR+USA", 1, 1),
        ] {
            let problem = ring.open(&entry(sealed, audience, index, epoch)).unwrap_err();
            assert_eq!(problem, OpenProblem::BadSeal);
        }
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 0x80;
            assert!(ring.open(&entry(flipped, "KOR+USA", 1, 1)).is_err(), "byte {at}");
        }
        ring.forget_before(epoch_entry.id().log, 1);
        assert!(ring.open(&entry(good, "KOR+USA", 1, 1)).is_err());
    }
}
