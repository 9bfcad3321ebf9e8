//! A tunnel between two nodes through a third: authenticated by the charter's node keys, sealed so that
//! the node in between sees sizes and times and nothing else.
//!
//! ```text
//! offerer                                                        answerer
//! Offer { fresh X-Wing key, time } signed ──────────────────────► verify
//!    verify ◄────────────────────── Answer { hash of the offer, encapsulation } signed
//! sealed frames in both directions, each with keys of its own
//! ```
//!
//! The fresh key belongs to one offer and is gone once it is answered, so what was sealed stays closed to
//! whoever later learns a node's long-lived keys. Both directions' keys are exported from one HPKE context
//! (RFC 9180, section 5.3; X-Wing, HKDF-SHA-256) whose info is the hash of the offer and who answers it.
//!
//! Bytes, edition 1 (big-endian):
//!
//! ```text
//! offer   "WFU" 0x01 | realm: u8 length, text | from: partner 3, number u16 | to, likewise
//!         | made i64 ns | X-Wing key 1216 | signature 64, over all before it
//! answer  "WFV" 0x01 | hash of the offer 32 | from | to | encapsulation 1120 | signature 64, likewise
//! sealed  counter u64 | AES-256-GCM of a frame, tag 16; nonce = precedence u8, 3 zero bytes, counter;
//!         associated data = precedence u8
//! ```
//!
//! A counter rises within its precedence and is taken once: what is repeated or overtaken is refused.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base::{NodeId, Timestamp};
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use crate::codec::{Put, Reader};
use crate::keys::{Hash, Signature, SigningKey, VerifyingKey, sha256};
use crate::seal::{Aead, ENCAPSULATION_BYTES, KEM_PUBLIC_BYTES, Kdf, TAG_BYTES};
use crate::{Error, KemSecret, Precedence, Realm};

const OFFER_MAGIC: [u8; 4] = *b"WFU\x01";
const ANSWER_MAGIC: [u8; 4] = *b"WFV\x01";
const SIGNATURE_BYTES: usize = 64;
/// What sealing adds to a frame.
const SEALED_EXTRA_BYTES: usize = 8 + TAG_BYTES;

/// Who speaks with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelEnds {
    /// Who made the offer or the answer.
    pub from: NodeId,
    /// For whom it is.
    pub to: NodeId,
}

/// An offer as it came, its signature not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelOffer {
    /// The realm.
    pub realm: Realm,
    /// Who offers what to whom.
    pub ends: TunnelEnds,
    /// When it was made, by the offerer's clock: a later offer replaces it.
    pub made: Timestamp,
    key: Box<[u8; KEM_PUBLIC_BYTES]>,
    bytes: Vec<u8>,
}

/// What the offerer keeps until it is answered.
#[derive(Debug)]
pub struct PendingTunnel {
    ends: TunnelEnds,
    hash: Hash,
    secret: KemSecret,
}

/// An open tunnel: one end of it.
pub struct Tunnel {
    seal: LessSafeKey,
    open: LessSafeKey,
    sent: [u64; Precedence::ALL.len()],
    received: [u64; Precedence::ALL.len()],
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl TunnelOffer {
    /// A fresh offer: what to send, and what to keep.
    pub fn make(
        realm: &Realm,
        ends: TunnelEnds,
        made: Timestamp,
        key: &SigningKey,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> (Vec<u8>, PendingTunnel) {
        let secret = KemSecret::random(0, rng);
        let mut bytes = OFFER_MAGIC.to_vec();
        bytes.put_realm(realm);
        bytes.put_node(ends.from);
        bytes.put_node(ends.to);
        bytes.put_timestamp(made);
        bytes.put(&secret.public().key[..]);
        sign(&mut bytes, key);
        let hash = sha256(&bytes);
        (bytes, PendingTunnel { ends, hash, secret })
    }

    /// Reads an offer.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a tunnel's offer", bytes);
        reader.magic(OFFER_MAGIC, "`WFU` edition 1")?;
        let realm = reader.realm()?;
        let ends = TunnelEnds { from: reader.node()?, to: reader.node()? };
        let made = reader.timestamp("when it was made")?;
        let key = reader.array::<KEM_PUBLIC_BYTES>("a fresh key")?;
        reader.take(SIGNATURE_BYTES, "a signature")?;
        reader.finish()?;
        Ok(Self { realm, ends, made, key: Box::new(key), bytes: bytes.to_vec() })
    }

    /// Takes up an offer that `offerer` signed: what to send back, and this end.
    pub fn answer(
        &self,
        offerer: &VerifyingKey,
        key: &SigningKey,
        mut rng: &mut dyn rand_core::CryptoRng,
    ) -> Result<(Vec<u8>, Tunnel), Error> {
        verify(&self.bytes, offerer, self.ends.from, "a tunnel's offer")?;
        let node = self.ends.from;
        let refused = |_| Error::Key { what: "KEM", node };
        let public = <XWing as Kem>::PublicKey::from_bytes(&self.key[..]).map_err(refused)?;
        let hash = sha256(&self.bytes);
        let (encapsulation, context) = hpke::setup_sender_with_rng::<Aead, Kdf, XWing>(
            &OpModeS::Base,
            &public,
            &info(&hash, self.ends),
            &mut rng,
        )
        .map_err(refused)?;
        let mut bytes = ANSWER_MAGIC.to_vec();
        bytes.put(&hash);
        bytes.put_node(self.ends.to);
        bytes.put_node(self.ends.from);
        bytes.put(&encapsulation.to_bytes());
        sign(&mut bytes, key);
        let tunnel = Tunnel::new(|label, out| context.export(label, out), false);
        Ok((bytes, tunnel))
    }
}

impl PendingTunnel {
    /// Takes the answer that `answerer` signed: this end.
    pub fn accept(&self, bytes: &[u8], answerer: &VerifyingKey) -> Result<Tunnel, Error> {
        let mut reader = Reader::new("a tunnel's answer", bytes);
        reader.magic(ANSWER_MAGIC, "`WFV` edition 1")?;
        let hash: Hash = reader.array("the hash of an offer")?;
        let ends = TunnelEnds { from: reader.node()?, to: reader.node()? };
        let encapsulation = reader.take(ENCAPSULATION_BYTES, "an encapsulation")?;
        reader.take(SIGNATURE_BYTES, "a signature")?;
        reader.finish()?;
        if (hash, ends.from, ends.to) != (self.hash, self.ends.to, self.ends.from) {
            let got = format!("one by {} for {}", ends.from, ends.to);
            return Err(Error::text("an answer", "the answer to this offer", &got));
        }
        verify(bytes, answerer, ends.from, "a tunnel's answer")?;
        let node = ends.from;
        let refused = |_| Error::Key { what: "KEM", node };
        let encapsulation =
            <XWing as Kem>::EncappedKey::from_bytes(encapsulation).map_err(refused)?;
        let context = hpke::setup_receiver::<Aead, Kdf, XWing>(
            &OpModeR::Base,
            self.secret.key(),
            &encapsulation,
            &info(&hash, self.ends),
        )
        .map_err(refused)?;
        Ok(Tunnel::new(|label, out| context.export(label, out), true))
    }
}

impl Tunnel {
    fn new(
        export: impl Fn(&[u8], &mut [u8]) -> Result<(), hpke::HpkeError>,
        is_offerer: bool,
    ) -> Self {
        let key = |label: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            export(label, &mut *key).expect("32 bytes are far below what HKDF gives");
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("AES-256 keys"))
        };
        let (out, back) = (key(b"offerer to answerer"), key(b"answerer to offerer"));
        let (seal, open) = if is_offerer { (out, back) } else { (back, out) };
        Self { seal, open, sent: [0; 4], received: [0; 4] }
    }

    /// Seals one frame.
    pub fn seal(&mut self, precedence: Precedence, frame: &[u8]) -> Vec<u8> {
        let counter = &mut self.sent[usize::from(precedence.code())];
        *counter += 1;
        let mut bytes = Vec::with_capacity(frame.len() + SEALED_EXTRA_BYTES);
        bytes.put_u64(*counter);
        bytes.put(frame);
        let (nonce, aad) = (nonce(precedence, *counter), Aad::from([precedence.code()]));
        let tag = self
            .seal
            .seal_in_place_separate_tag(nonce, aad, &mut bytes[8..])
            .expect("frames are far below the AES-GCM limit");
        bytes.put(tag.as_ref());
        bytes
    }

    /// Opens one frame; nothing if it is not the other end's, or came before.
    pub fn open(&mut self, precedence: Precedence, sealed: &[u8]) -> Option<Vec<u8>> {
        let (counter, sealed) = sealed.split_first_chunk::<8>()?;
        let counter = u64::from_be_bytes(*counter);
        let newest = self.received[usize::from(precedence.code())];
        let (frame, tag) = sealed.split_at(sealed.len().checked_sub(TAG_BYTES)?);
        if counter <= newest {
            return None;
        }
        let mut out = vec![0; frame.len()];
        let (nonce, aad) = (nonce(precedence, counter), Aad::from([precedence.code()]));
        self.open.open_separate_gather(nonce, aad, frame, tag, &mut out).ok()?;
        self.received[usize::from(precedence.code())] = counter;
        Some(out)
    }
}

fn nonce(precedence: Precedence, counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[0] = precedence.code();
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// HPKE info: label 0x00 | hash of the offer | who offered | who answers.
fn info(hash: &Hash, ends: TunnelEnds) -> Vec<u8> {
    let mut bytes = b"watchfire/tunnel/v1\0".to_vec();
    bytes.put(hash);
    bytes.put_node(ends.from);
    bytes.put_node(ends.to);
    bytes
}

fn sign(bytes: &mut Vec<u8>, key: &SigningKey) {
    let signature = key.sign(bytes);
    bytes.put(&signature.0);
}

fn verify(bytes: &[u8], key: &VerifyingKey, by: NodeId, over: &'static str) -> Result<(), Error> {
    let (signed, signature) =
        bytes.split_last_chunk::<SIGNATURE_BYTES>().expect("its layout was read");
    if key.verify(signed, &Signature(*signature)) {
        Ok(())
    } else {
        Err(Error::Signature { whose: by.to_string(), over })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRng;

    struct Pair {
        ends: TunnelEnds,
        keys: [SigningKey; 2],
        realm: Realm,
        rng: SeededRng,
    }

    impl Pair {
        fn new(seed: u64) -> Self {
            let mut rng = SeededRng::new(seed);
            let keys = [SigningKey::random(&mut rng), SigningKey::random(&mut rng)];
            let ends = TunnelEnds { from: "JPN-1".parse().unwrap(), to: "KOR-1".parse().unwrap() };
            Self { ends, keys, realm: Realm::exercise("alpha").unwrap(), rng }
        }

        fn offer(&mut self) -> (Vec<u8>, PendingTunnel) {
            let made = Timestamp::from_seconds(5);
            TunnelOffer::make(&self.realm, self.ends, made, &self.keys[0], &mut self.rng)
        }

        fn open(&mut self) -> (Tunnel, Tunnel) {
            let (offer, pending) = self.offer();
            let offer = TunnelOffer::read(&offer).unwrap();
            let offerer = self.keys[0].verifying_key();
            let (answer, theirs) = offer.answer(&offerer, &self.keys[1], &mut self.rng).unwrap();
            (pending.accept(&answer, &self.keys[1].verifying_key()).unwrap(), theirs)
        }
    }

    #[test]
    fn frames_pass_both_ways_in_every_precedence_once() {
        let (mut one, mut other) = Pair::new(1).open();
        for precedence in Precedence::ALL {
            for round in 0..3 {
                let text = format!("{precedence} {round}");
                let there = one.seal(precedence, text.as_bytes());
                assert_eq!(there.len(), text.len() + SEALED_EXTRA_BYTES);
                assert!(!there.windows(5).any(|part| part == &text.as_bytes()[..5]));
                assert_eq!(other.open(precedence, &there).unwrap(), text.as_bytes());
                assert_eq!(other.open(precedence, &there), None, "repeated");
                assert_eq!(one.open(precedence, &there), None, "sent back to its sender");
                let back = other.seal(precedence, b"back");
                assert_eq!(one.open(precedence, &back).unwrap(), b"back");
            }
        }
        let old = one.seal(Precedence::Flash, b"old");
        let new = one.seal(Precedence::Flash, b"new");
        assert_eq!(other.open(Precedence::Routine, &new), None, "of another precedence");
        assert_eq!(other.open(Precedence::Flash, &new).unwrap(), b"new");
        assert_eq!(other.open(Precedence::Flash, &old), None, "overtaken");
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let mut pair = Pair::new(2);
        let (offer, pending) = pair.offer();
        let offerer = pair.keys[0].verifying_key();
        let read = TunnelOffer::read(&offer).unwrap();
        let (answer, _) = read.answer(&offerer, &pair.keys[1], &mut pair.rng).unwrap();
        let answerer = pair.keys[1].verifying_key();
        for place in 0..offer.len() {
            let mut changed = offer.clone();
            changed[place] ^= 1;
            let taken = TunnelOffer::read(&changed)
                .and_then(|offer| offer.answer(&offerer, &pair.keys[1], &mut pair.rng));
            assert!(taken.is_err(), "byte {place} of the offer");
        }
        for place in 0..answer.len() {
            let mut changed = answer.clone();
            changed[place] ^= 1;
            assert!(pending.accept(&changed, &answerer).is_err(), "byte {place} of the answer");
        }
        assert!(pending.accept(&answer, &offerer).is_err(), "signed by another");
        let (_, other) = pair.offer();
        assert!(other.accept(&answer, &answerer).is_err(), "of another offer");
        let (mut one, mut there) = pair.open();
        let sealed = one.seal(Precedence::Flash, b"a frame");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(there.open(Precedence::Flash, &changed), None, "byte {place}");
        }
        for length in 0..sealed.len() {
            assert_eq!(there.open(Precedence::Flash, &sealed[..length]), None);
        }
        assert_eq!(there.open(Precedence::Flash, &sealed).unwrap(), b"a frame");
    }
}
