//! Signed notes, checkpoints, cosignatures and range receipts.
//!
//! Checkpoints follow C2SP `tlog-checkpoint` (a signed note of origin, size and root), cosignatures
//! C2SP `tlog-cosignature` with Ed25519 (`cosignature/v1`), key hashes C2SP `signed-note`:
//!
//! ```text
//! watchfire/operational/KOR-1/flash/00…0f     <- origin, also the name of the log's key
//! 42
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — watchfire/operational/KOR-1/flash/00…0f Az3g…   <- base 64 of key hash (4) and signature (64)
//! ```
//!
//! On the wire and on disk the same statements are bytes, edition 1 (big-endian), from which the notes
//! can be made. A checkpoint:
//!
//! ```text
//! "WFK" 0x01 | realm: u8 length, text | log 22 | size u64 | root 32 | signature 64
//! ```
//!
//! A cosignature:
//!
//! ```text
//! "WFC" 0x01 | realm: u8 length, text | kind u8 (0 witness, 1 holds) | by: partner 3, number u16
//! | log 22 | size u64 | root 32 | time u64 (POSIX seconds) | signature 64
//! ```
//!
//! A range receipt says of a mirror above a gap: "every entry of `from..to` addressed to me is durable
//! here and opens". Bytes, edition 1: `"WFH" 0x01 | realm | by | log 22 | from u64 | to u64 | size u64
//! | root 32 | time u64 | signature 64`; the holds key signs the lines
//! `watchfire/holds-range/v1`, `time T`, origin, `FROM TO`, size, root, each ended by a newline.

use base::{NodeId, Timestamp};

use crate::codec::{Put, Reader};
use crate::keys::{Hash, Signature, SigningKey, VerifyingKey, sha256};
use crate::{Error, LogId, Realm, Verified, base64};

/// Signature type bytes of C2SP `signed-note`.
pub(crate) const TYPE_ED25519: u8 = 1;
pub(crate) const TYPE_COSIGNATURE: u8 = 4;

/// The first four bytes of SHA-256(name | newline | type | key).
pub(crate) fn key_hash(name: &str, signature_type: u8, key: &VerifyingKey) -> [u8; 4] {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(&[b'\n', signature_type]);
    bytes.extend_from_slice(&key.0);
    let [a, b, c, d, ..] = sha256(&bytes);
    [a, b, c, d]
}

/// A log's state: so many entries with this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The realm.
    pub realm: Realm,
    /// The log.
    pub log: LogId,
    /// Entries.
    pub size: u64,
    /// The RFC 9162 root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The note text: origin, size, root, each ended by a newline.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.log.origin(&self.realm), self.size, base64::encode(&self.root))
    }

    /// Signs with the node key.
    pub fn sign(self, key: &SigningKey) -> Verified<SignedCheckpoint> {
        let signature = key.sign(self.text().as_bytes());
        Verified::new(SignedCheckpoint { checkpoint: self, signature })
    }

    fn parse_text(text: &str) -> Result<Self, Error> {
        let bad = |expected| Error::text("a checkpoint", expected, text);
        let mut lines = text.split_terminator('\n');
        let mut next = |expected| lines.next().ok_or_else(|| bad(expected));
        let (realm, log) = LogId::from_origin(next("an origin line")?)?;
        let size = next("a size line")?;
        let canonical = size == "0" || size.starts_with(|c: char| ('1'..='9').contains(&c));
        let size = size.parse().ok().filter(|_| canonical);
        let size = size.ok_or_else(|| bad("a size without leading zeros"))?;
        let root = base64::decode_array(next("a root line")?);
        let root = root.ok_or_else(|| bad("a root of 32 bytes in base 64"))?;
        let checkpoint = Self { realm, log, size, root };
        if checkpoint.text() == text { Ok(checkpoint) } else { Err(bad("three lines")) }
    }
}

/// A checkpoint with its log's signature, not yet checked unless inside [`Verified`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    pub(crate) signature: Signature,
}

const CHECKPOINT_MAGIC: [u8; 4] = *b"WFK\x01";

impl SignedCheckpoint {
    /// The signed note, for tools that speak C2SP.
    pub fn to_note(&self, key: &VerifyingKey) -> String {
        let origin = self.checkpoint.log.origin(&self.checkpoint.realm);
        let hash = key_hash(&origin, TYPE_ED25519, key);
        let signature = [&hash[..], &self.signature.0].concat();
        format!("{}\n{}", self.checkpoint.text(), note_line(&origin, &signature))
    }

    /// Reads a signed note and checks it with the node's key; lines by other keys are ignored.
    pub fn from_note(text: &str, key: &VerifyingKey) -> Result<Verified<Self>, Error> {
        let note = Note::parse(text)?;
        let checkpoint = Checkpoint::parse_text(note.text)?;
        let origin = checkpoint.log.origin(&checkpoint.realm);
        let hash = key_hash(&origin, TYPE_ED25519, key);
        let signature = note
            .signatures
            .iter()
            .filter(|(name, _)| *name == origin)
            .find_map(|(_, bytes)| bytes.strip_prefix(&hash[..])?.try_into().ok())
            .ok_or_else(|| Error::Unsigned { whose: origin.clone(), over: "a checkpoint" })?;
        Self { checkpoint, signature: Signature(signature) }.verify(key)
    }

    /// Checks the signature with the node's key.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Error> {
        if key.verify(self.checkpoint.text().as_bytes(), &self.signature) {
            Ok(Verified::new(self))
        } else {
            Err(Error::Signature {
                whose: self.checkpoint.log.node.to_string(),
                over: "a checkpoint",
            })
        }
    }

    /// The bytes, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = CHECKPOINT_MAGIC.to_vec();
        self.put(&mut out);
        out
    }

    /// Reads the bytes; nothing may follow.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a checkpoint", bytes);
        reader.magic(CHECKPOINT_MAGIC, "`WFK` edition 1")?;
        let signed = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(signed)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.put_realm(&self.checkpoint.realm);
        out.put_log(&self.checkpoint.log);
        out.put_u64(self.checkpoint.size);
        out.put(&self.checkpoint.root);
        out.put(&self.signature.0);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let checkpoint = Checkpoint {
            realm: reader.realm()?,
            log: reader.log()?,
            size: reader.u64("a size")?,
            root: reader.array("a root")?,
        };
        Ok(Self { checkpoint, signature: Signature(reader.array("a signature")?) })
    }
}

/// A signed note: text, an empty line, signature lines.
pub(crate) struct Note<'a> {
    text: &'a str,
    pub(crate) signatures: Vec<(&'a str, Vec<u8>)>,
}

/// Most signature lines of one note.
const NOTE_SIGNATURES_MAX: usize = 64;

impl<'a> Note<'a> {
    pub(crate) fn parse(note: &'a str) -> Result<Self, Error> {
        let bad = |expected| Error::text("a signed note", expected, note);
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(bad("text without control characters"));
        }
        let split = note.rfind("\n\n").ok_or_else(|| bad("an empty line before signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if lines.is_empty() || !lines.ends_with('\n') {
            return Err(bad("signature lines ended by a newline"));
        }
        let mut signatures = Vec::new();
        for line in lines.split_terminator('\n') {
            let parts = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
            let (name, signature) = parts.ok_or_else(|| bad("`— NAME SIGNATURE` lines"))?;
            let named = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
            let bytes = base64::decode(signature).filter(|bytes| bytes.len() > 4 && named);
            signatures.push((name, bytes.ok_or_else(|| bad("`— NAME SIGNATURE` lines"))?));
            if signatures.len() > NOTE_SIGNATURES_MAX {
                return Err(bad("at most 64 signature lines"));
            }
        }
        Ok(Self { text, signatures })
    }
}

fn note_line(name: &str, signature: &[u8]) -> String {
    format!("— {name} {}\n", base64::encode(signature))
}

/// What a cosigner states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CosignatureKind {
    /// "Consistent with everything I cosigned."
    Witness,
    /// "And every entry below this size addressed to me is durable here and opens."
    Holds,
}

impl CosignatureKind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Holds => "holds",
        }
    }
}

/// A partner's statement about a checkpoint, by its witness or its holds key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Which statement, and so which key.
    pub kind: CosignatureKind,
    /// Who states it.
    pub by: NodeId,
    /// About what.
    pub checkpoint: Checkpoint,
    /// When, POSIX seconds.
    pub time_s: u64,
    signature: Signature,
}

impl Cosignature {
    /// States `kind` about a verified checkpoint at `now`.
    ///
    /// The caller has persisted what it states; see [`crate::Store`].
    pub fn sign(
        kind: CosignatureKind,
        by: NodeId,
        checkpoint: &Verified<SignedCheckpoint>,
        now: Timestamp,
        key: &SigningKey,
    ) -> Verified<Self> {
        let checkpoint = checkpoint.checkpoint.clone();
        let time_s = posix_seconds(now);
        let signature = key.sign(cosigned_text(&checkpoint, time_s).as_bytes());
        Verified::new(Self { kind, by, checkpoint, time_s, signature })
    }

    /// The name of the cosigner's key: `watchfire/<realm>/<node>/witness` or `…/holds`.
    pub fn key_name(&self) -> String {
        format!("watchfire/{}/{}/{}", self.checkpoint.realm, self.by, self.kind.word())
    }

    /// The line to add to the checkpoint's signed note.
    pub fn to_note_line(&self, key: &VerifyingKey) -> String {
        let name = self.key_name();
        let mut bytes = key_hash(&name, TYPE_COSIGNATURE, key).to_vec();
        bytes.put_u64(self.time_s);
        bytes.put(&self.signature.0);
        note_line(&name, &bytes)
    }

    /// The statement of a note's line by `by`, if the line is by `key`; not yet verified.
    pub(crate) fn from_note_line(
        kind: CosignatureKind,
        by: NodeId,
        checkpoint: &Checkpoint,
        bytes: &[u8],
        key: &VerifyingKey,
    ) -> Option<Self> {
        let name = format!("watchfire/{}/{by}/{}", checkpoint.realm, kind.word());
        let rest = bytes.strip_prefix(&key_hash(&name, TYPE_COSIGNATURE, key)[..])?;
        let (time, signature) = rest.split_first_chunk::<8>()?;
        let (time_s, signature) = (u64::from_be_bytes(*time), signature.try_into().ok()?);
        let checkpoint = checkpoint.clone();
        Some(Self { kind, by, checkpoint, time_s, signature: Signature(signature) })
    }

    /// Checks the signature with the key for its kind.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Error> {
        if key.verify(cosigned_text(&self.checkpoint, self.time_s).as_bytes(), &self.signature) {
            Ok(Verified::new(self))
        } else {
            Err(Error::Signature { whose: self.key_name(), over: "a cosigned checkpoint" })
        }
    }

    /// The bytes, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = COSIGNATURE_MAGIC.to_vec();
        out.put_realm(&self.checkpoint.realm);
        out.put_u8(self.kind as u8);
        out.put_node(self.by);
        out.put_log(&self.checkpoint.log);
        out.put_u64(self.checkpoint.size);
        out.put(&self.checkpoint.root);
        out.put_u64(self.time_s);
        out.put(&self.signature.0);
        out
    }

    /// Reads the bytes; nothing may follow.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a cosignature", bytes);
        reader.magic(COSIGNATURE_MAGIC, "`WFC` edition 1")?;
        let realm = reader.realm()?;
        let kind = match reader.u8("a kind")? {
            0 => CosignatureKind::Witness,
            1 => CosignatureKind::Holds,
            other => return Err(reader.error("kind 0 or 1", other.to_string())),
        };
        let by = reader.node()?;
        let log = reader.log()?;
        let size = reader.u64("a size")?;
        let root = reader.array("a root")?;
        let time_s = reader.u64("a time")?;
        let signature = Signature(reader.array("a signature")?);
        reader.finish()?;
        let checkpoint = Checkpoint { realm, log, size, root };
        Ok(Self { kind, by, checkpoint, time_s, signature })
    }
}

const COSIGNATURE_MAGIC: [u8; 4] = *b"WFC\x01";

fn cosigned_text(checkpoint: &Checkpoint, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{}", checkpoint.text())
}

pub(crate) fn posix_seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_nanos().div_euclid(1_000_000_000)).unwrap_or(0)
}

/// A partner's statement that it holds a range of a log above a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldsRange {
    /// Who states it.
    pub by: NodeId,
    /// First index held.
    pub from: u64,
    /// First index not stated to be held.
    pub to: u64,
    /// The checkpoint the range was verified against; its size is at least `to`.
    pub checkpoint: Checkpoint,
    /// When, POSIX seconds.
    pub time_s: u64,
    signature: Signature,
}

const HOLDS_RANGE_MAGIC: [u8; 4] = *b"WFH\x01";

impl HoldsRange {
    /// States that `from..to` is durable here and opens.
    pub fn sign(
        by: NodeId,
        range: std::ops::Range<u64>,
        checkpoint: &Verified<SignedCheckpoint>,
        now: Timestamp,
        key: &SigningKey,
    ) -> Verified<Self> {
        let mut receipt = Self {
            by,
            from: range.start,
            to: range.end,
            checkpoint: checkpoint.checkpoint.clone(),
            time_s: posix_seconds(now),
            signature: Signature([0; 64]),
        };
        receipt.signature = key.sign(receipt.text().as_bytes());
        Verified::new(receipt)
    }

    fn text(&self) -> String {
        format!(
            "watchfire/holds-range/v1\ntime {}\n{}\n{} {}\n{}\n{}\n",
            self.time_s,
            self.checkpoint.log.origin(&self.checkpoint.realm),
            self.from,
            self.to,
            self.checkpoint.size,
            base64::encode(&self.checkpoint.root)
        )
    }

    /// Checks range and signature with the node's holds key.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Error> {
        let sound = self.from < self.to && self.to <= self.checkpoint.size;
        if sound && key.verify(self.text().as_bytes(), &self.signature) {
            Ok(Verified::new(self))
        } else {
            Err(Error::Signature { whose: self.by.to_string(), over: "a range receipt" })
        }
    }

    /// The bytes, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = HOLDS_RANGE_MAGIC.to_vec();
        out.put_realm(&self.checkpoint.realm);
        out.put_node(self.by);
        out.put_log(&self.checkpoint.log);
        out.put_u64(self.from);
        out.put_u64(self.to);
        out.put_u64(self.checkpoint.size);
        out.put(&self.checkpoint.root);
        out.put_u64(self.time_s);
        out.put(&self.signature.0);
        out
    }

    /// Reads the bytes; nothing may follow.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a range receipt", bytes);
        reader.magic(HOLDS_RANGE_MAGIC, "`WFH` edition 1")?;
        let realm = reader.realm()?;
        let by = reader.node()?;
        let log = reader.log()?;
        let (from, to) = (reader.u64("a first index")?, reader.u64("an end index")?);
        let size = reader.u64("a size")?;
        let root = reader.array("a root")?;
        let time_s = reader.u64("a time")?;
        let signature = Signature(reader.array("a signature")?);
        reader.finish()?;
        let checkpoint = Checkpoint { realm, log, size, root };
        Ok(Self { by, from, to, checkpoint, time_s, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Go checksum database's published verifier key: `sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8`.
    #[test]
    fn published_key_hash() {
        let bytes = base64::decode("Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").unwrap();
        assert_eq!(bytes[0], TYPE_ED25519);
        let key = VerifyingKey(bytes[1..].try_into().unwrap());
        assert_eq!(base64::hex(&key_hash("sum.golang.org", TYPE_ED25519, &key)), "033de0ae");
    }

    /// `example.com/foo`, a published C2SP test key and note.
    #[test]
    fn published_note_verifies() {
        let text = "This is an example message.\n";
        let note = format!(
            "{text}\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
        );
        let key = base64::decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
        let key = VerifyingKey(key[1..].try_into().unwrap());
        let parsed = Note::parse(&note).unwrap();
        let (name, bytes) = &parsed.signatures[0];
        assert_eq!(bytes[..4], key_hash(name, TYPE_ED25519, &key));
        assert_eq!(base64::hex(&bytes[..4]), "530d903a");
        let signature = Signature(bytes[4..].try_into().unwrap());
        assert!(key.verify(parsed.text.as_bytes(), &signature));
    }

    fn sample() -> (SigningKey, Checkpoint) {
        let log = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let realm = Realm::exercise("alpha").unwrap();
        (SigningKey::from_seed([7; 32]), Checkpoint { realm, log, size: 42, root: [9; 32] })
    }

    #[test]
    fn checkpoints_round_trip_and_refuse_other_keys_and_texts() {
        let (key, checkpoint) = sample();
        let signed = checkpoint.clone().sign(&key);
        let public = key.verifying_key();
        assert_eq!(SignedCheckpoint::from_bytes(&signed.to_bytes()).unwrap(), *signed);
        let note = signed.to_note(&public);
        assert_eq!(*SignedCheckpoint::from_note(&note, &public).unwrap(), *signed);
        let other = SigningKey::from_seed([8; 32]).verifying_key();
        assert!(SignedCheckpoint::from_note(&note, &other).is_err());
        assert!(signed.into_inner().verify(&other).is_err());
        for (from, to) in [
            ("\n42\n", "\n042\n"),
            ("\n42\n", "\n43\n"),
            ("alpha", "bravo"),
            ("\n\n", "\nextension\n\n"),
        ] {
            let changed = note.replace(from, to);
            assert!(SignedCheckpoint::from_note(&changed, &public).is_err(), "{changed}");
        }
        assert!(SignedCheckpoint::from_note(note.trim_end(), &public).is_err());
    }

    #[test]
    fn cosignatures_are_of_one_kind_one_time_one_checkpoint() {
        let (key, checkpoint) = sample();
        let holds = SigningKey::from_seed([1; 32]);
        let now = Timestamp::from_seconds(1_679_315_147);
        let by = "JPN-1".parse().unwrap();
        let signed = checkpoint.sign(&key);
        let made = Cosignature::sign(CosignatureKind::Holds, by, &signed, now, &holds);
        assert!(
            cosigned_text(&made.checkpoint, made.time_s).starts_with(
                "cosignature/v1\ntime 1679315147\nwatchfire/exercise/alpha/KOR-1/flash/"
            )
        );
        let bytes = made.to_bytes();
        let read = Cosignature::from_bytes(&bytes).unwrap();
        assert_eq!(read, *made);
        read.clone().verify(&holds.verifying_key()).unwrap();
        assert!(read.clone().verify(&key.verifying_key()).is_err());
        for change in [
            Cosignature { time_s: 1, ..read.clone() },
            Cosignature {
                checkpoint: Checkpoint { size: 43, ..read.checkpoint.clone() },
                ..read.clone()
            },
        ] {
            assert!(change.verify(&holds.verifying_key()).is_err());
        }
        assert!(Cosignature::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Cosignature::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        let public = key.verifying_key();
        let note = signed.to_note(&public) + &read.to_note_line(&holds.verifying_key());
        assert_eq!(*SignedCheckpoint::from_note(&note, &public).unwrap(), *signed);
    }

    #[test]
    fn range_receipts_round_trip_and_refuse_empty_ranges() {
        let (key, checkpoint) = sample();
        let signed = checkpoint.sign(&key);
        let by = "JPN-1".parse().unwrap();
        let now = Timestamp::from_seconds(5);
        let made = HoldsRange::sign(by, 10..20, &signed, now, &key);
        let read = HoldsRange::from_bytes(&made.to_bytes()).unwrap();
        assert_eq!(read, *made);
        read.clone().verify(&key.verifying_key()).unwrap();
        assert!(HoldsRange { to: 21, ..read }.verify(&key.verifying_key()).is_err());
        for range in [20..20, 40..43] {
            let made = HoldsRange::sign(by, range, &signed, now, &key).into_inner();
            assert!(made.verify(&key.verifying_key()).is_err());
        }
    }
}
