//! The file of a carried line: signed, chunked, checked from its first byte to its last.
//!
//! Bytes, edition 1 (big-endian):
//!
//! ```text
//! "WFX" 0x01
//! header   realm: u8 length, text | from: partner 3, number u16 | to: partner 3, number u16
//!          | charter edition u32 | charter hash 32 | number u64 | made i64 ns
//! chunks   length u32 (1..=FRAME_BYTES_MAX) | a frame of the line protocol | digest 32
//! end      0 u32 | chunks u64 | signature 64
//! ```
//!
//! The digest after the header (not in the file) is SHA-256 over everything before the first chunk; that
//! of a chunk is SHA-256(digest before it | frame). So damage is found in the very chunk it is in, and how
//! far a file is good is known. The signature is the exporting node's, over the lines
//! `watchfire/bundle/v1`, realm, from, to, number, number of chunks, last digest (base 64), each ended by a
//! newline. Nothing is preallocated from a count or length that came: a buffer grows with its bytes.
//!
//! Frames are those a line would have carried, in its order: a hello (what the exporting node holds, and
//! so what it acknowledges), charters, proofs of equivocation, cosignatures, batches projected for the
//! receiver. The receiver verifies each of them as if it had come over a line.

use base::{NodeId, PartnerId, Timestamp, limits};
use log::{Charter, Hash, Realm, Signature, SigningKey, base64, sha256};

const MAGIC: &[u8; 4] = b"WFX\x01";
const DIGEST_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// Chunks of one file: with the smallest chunk about what its largest size allows.
const CHUNKS_MAX: u64 = 1 << 28;
/// Bytes of the fixed part of a header, after the realm.
const FIXED_BYTES: usize = 5 + 5 + 4 + 32 + 8 + 8;

/// What a bundle says before its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeader {
    /// The realm.
    pub realm: Realm,
    /// Who exported it, and signs it.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// The charter edition of the exporting node.
    pub charter_edition: u32,
    /// The hash of that charter.
    pub charter_hash: Hash,
    /// Which bundle from that node to this one, from 1.
    pub number: u64,
    /// When it was made, by the exporting node's clock.
    pub made: Timestamp,
}

impl BundleHeader {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let realm = self.realm.to_string();
        out.push(u8::try_from(realm.len()).expect("a realm's text is below 64 bytes"));
        out.extend_from_slice(realm.as_bytes());
        for node in [self.from, self.to] {
            out.extend_from_slice(node.partner().as_bytes());
            out.extend_from_slice(&node.number().to_be_bytes());
        }
        out.extend_from_slice(&self.charter_edition.to_be_bytes());
        out.extend_from_slice(&self.charter_hash);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.made.as_nanos().to_be_bytes());
        out
    }

    fn signed_text(&self, chunks: u64, digest: &Hash) -> String {
        let Self { realm, from, to, number, .. } = self;
        let digest = base64::encode(digest);
        format!("watchfire/bundle/v1\n{realm}\n{from}\n{to}\n{number}\n{chunks}\n{digest}\n")
    }
}

/// Why a file is not taken. Nothing of it was used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Bytes that do not follow the layout, or were damaged on the way.
    #[error(
        "expected {expected} at byte {at} of a bundle, got {got}; it is good for {chunks} chunks, up to \
         byte {good}"
    )]
    Damaged {
        /// Offset from the start.
        at: u64,
        /// What should stand there.
        expected: &'static str,
        /// What stood there.
        got: String,
        /// Whole chunks before it.
        chunks: u64,
        /// Bytes up to the end of the last of them.
        good: u64,
    },
    /// The file ends too early.
    #[error(
        "expected a whole bundle, got its first {chunks} chunks, up to byte {good}, and no end"
    )]
    Partial {
        /// Whole chunks.
        chunks: u64,
        /// Bytes up to the end of the last of them.
        good: u64,
    },
    /// It belongs elsewhere.
    #[error("expected {what} `{expected}`, got a bundle with `{got}`")]
    Foreign {
        /// Such as `a bundle for`.
        what: &'static str,
        /// What this node is or has.
        expected: String,
        /// What the bundle names.
        got: String,
    },
    /// It is not signed by the node it names.
    #[error("expected a bundle signed by {from}, got one that is not")]
    Signature {
        /// Who should have signed.
        from: NodeId,
    },
}

impl BundleError {
    /// The mend.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "copy the file again from where it was exported; nothing was used"
            }
            Self::Partial { .. } => "copy the file again to its end; nothing was used",
            Self::Foreign { .. } => "carry it to the node it names, or export one for this node",
            Self::Signature { .. } => {
                "ask the partner whether it made the file; nothing of it was used"
            }
        }
    }
}

/// Makes a bundle, piece by piece.
#[derive(Debug)]
pub struct BundleWriter {
    header: BundleHeader,
    digest: Hash,
    chunks: u64,
}

impl BundleWriter {
    /// Begins a bundle: its first bytes go into `out`.
    pub fn begin(header: BundleHeader, out: &mut Vec<u8>) -> Self {
        let bytes = header.to_bytes();
        let digest = sha256(&bytes);
        out.extend_from_slice(&bytes);
        Self { header, digest, chunks: 0 }
    }

    /// Adds one frame.
    ///
    /// # Panics
    /// If the frame is empty or larger than a line carries.
    pub fn chunk(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        assert!(!frame.is_empty() && frame.len() <= limits::FRAME_BYTES_MAX, "a frame of the line");
        let length = u32::try_from(frame.len()).expect("frames are below 4 GiB");
        self.digest = sha256(&[&self.digest[..], frame].concat());
        self.chunks += 1;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(frame);
        out.extend_from_slice(&self.digest);
    }

    /// Ends and signs it; gives the number of chunks.
    pub fn end(self, key: &SigningKey, out: &mut Vec<u8>) -> u64 {
        let text = self.header.signed_text(self.chunks, &self.digest);
        out.extend_from_slice(&0u32.to_be_bytes());
        out.extend_from_slice(&self.chunks.to_be_bytes());
        out.extend_from_slice(&key.sign(text.as_bytes()).0);
        self.chunks
    }
}

/// One piece of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundlePiece {
    /// What it says of itself; belongs here, and is not yet proven to be whole or signed.
    Header(BundleHeader),
    /// A frame, its digest checked.
    Frame(Vec<u8>),
    /// The end: whole and signed.
    End,
}

/// Reads a bundle as its bytes come.
#[derive(Debug)]
pub struct BundleReader<'a> {
    charter: &'a Charter,
    me: NodeId,
    buffer: Vec<u8>,
    /// Where in the buffer reading goes on.
    at: usize,
    /// Bytes of the file before that place.
    before: u64,
    header: Option<BundleHeader>,
    digest: Hash,
    chunks: u64,
    good: u64,
    ended: bool,
}

impl<'a> BundleReader<'a> {
    /// A reader at node `me`.
    pub const fn new(charter: &'a Charter, me: NodeId) -> Self {
        Self {
            charter,
            me,
            buffer: Vec::new(),
            at: 0,
            before: 0,
            header: None,
            digest: [0; DIGEST_BYTES],
            chunks: 0,
            good: 0,
            ended: false,
        }
    }

    /// Takes bytes that follow those before. What [`BundleReader::piece`] has not given yet stays here, so
    /// it is asked until it has nothing before more is pushed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// The next piece, or nothing until more bytes are pushed.
    pub fn piece(&mut self) -> Result<Option<BundlePiece>, BundleError> {
        if self.ended {
            return match self.rest().len() {
                0 => Ok(None),
                more => Err(self.damaged(0, "the end", format!("{more} more bytes"))),
            };
        }
        let Some(header) = self.header.clone() else { return self.read_header() };
        let Some(length) = self.rest().first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
        else {
            return Ok(None);
        };
        if length == 0 {
            return self.read_end(&header);
        }
        let length = length as usize;
        if length > limits::FRAME_BYTES_MAX {
            let expected = "a chunk that a line could carry";
            return Err(self.damaged(0, expected, format!("{length} bytes")));
        }
        if self.chunks == CHUNKS_MAX {
            return Err(self.damaged(0, "at most 268,435,456 chunks", "another".to_owned()));
        }
        let Some((chunk, _)) = self.rest().split_at_checked(4 + length + DIGEST_BYTES) else {
            return Ok(None);
        };
        let (frame, stated) = chunk[4..].split_at(length);
        let digest = sha256(&[&self.digest[..], frame].concat());
        if stated != digest {
            return Err(self.damaged(4, "a chunk that gives its digest", "another".to_owned()));
        }
        let (frame, whole) = (frame.to_vec(), chunk.len());
        self.digest = digest;
        self.chunks += 1;
        self.consume(whole);
        Ok(Some(BundlePiece::Frame(frame)))
    }

    /// Says whether the file may end here.
    pub const fn finish(&self) -> Result<(), BundleError> {
        if self.ended {
            return Ok(());
        }
        Err(BundleError::Partial { chunks: self.chunks, good: self.good })
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        self.before += bytes as u64;
        self.good = self.before;
    }

    fn damaged(&self, offset: u64, expected: &'static str, got: String) -> BundleError {
        let (chunks, good) = (self.chunks, self.good);
        BundleError::Damaged { at: self.before + offset, expected, got, chunks, good }
    }

    fn read_header(&mut self) -> Result<Option<BundlePiece>, BundleError> {
        let rest = self.rest();
        let known = rest.len().min(MAGIC.len());
        if rest[..known] != MAGIC[..known] {
            let got = format!("`{}`", rest[..known].escape_ascii());
            return Err(self.damaged(0, "`WFX` and edition 1", got));
        }
        let Some(length) = rest.get(MAGIC.len()).map(|length| usize::from(*length)) else {
            return Ok(None);
        };
        let start = MAGIC.len() + 1;
        let Some(bytes) = rest.get(..start + length + FIXED_BYTES) else { return Ok(None) };
        let (whole, digest) = (bytes.len(), sha256(bytes));
        let realm = std::str::from_utf8(&bytes[start..start + length]).ok();
        let Some(realm) = realm.and_then(|text| text.parse::<Realm>().ok()) else {
            return Err(self.damaged(start as u64, "a realm", "other text".to_owned()));
        };
        let Some(header) = fixed_part(realm, &bytes[start + length..]) else {
            let at = (start + length) as u64;
            return Err(self.damaged(at, "two nodes", "other bytes".to_owned()));
        };
        self.belongs(&header)?;
        self.digest = digest;
        self.consume(whole);
        self.header = Some(header.clone());
        Ok(Some(BundlePiece::Header(header)))
    }

    fn belongs(&self, header: &BundleHeader) -> Result<(), BundleError> {
        let foreign =
            |what, expected: String, got: String| Err(BundleError::Foreign { what, expected, got });
        let charter = self.charter;
        if header.realm != *charter.realm() {
            let expected = charter.realm().to_string();
            return foreign("realm", expected, header.realm.to_string());
        }
        if header.to != self.me {
            return foreign("a bundle for", self.me.to_string(), header.to.to_string());
        }
        if header.from == self.me || charter.node(header.from).is_none() {
            let expected = "another node of the charter".to_owned();
            return foreign("one from", expected, header.from.to_string());
        }
        let (edition, hash) = (charter.edition(), charter.fingerprint().0);
        if header.charter_edition == edition && header.charter_hash != hash {
            let expected = charter.fingerprint().to_string();
            return foreign("charter", expected, format!("another edition {edition}"));
        }
        Ok(())
    }

    fn read_end(&mut self, header: &BundleHeader) -> Result<Option<BundlePiece>, BundleError> {
        let Some((end, _)) = self.rest().split_at_checked(4 + 8 + SIGNATURE_BYTES) else {
            return Ok(None);
        };
        let (chunks, signature) = end[4..].split_first_chunk().expect("twelve bytes and more");
        let signature: [u8; SIGNATURE_BYTES] = signature.try_into().expect("64 bytes are left");
        let (chunks, whole) = (u64::from_be_bytes(*chunks), end.len());
        if chunks != self.chunks {
            let got = format!("{chunks} where {} came", self.chunks);
            return Err(self.damaged(4, "the number of chunks", got));
        }
        let text = header.signed_text(chunks, &self.digest);
        let from = header.from;
        let key = self.charter.node(from).map(|node| node.key);
        let signed = key.is_some_and(|key| key.verify(text.as_bytes(), &Signature(signature)));
        if !signed {
            return Err(BundleError::Signature { from });
        }
        self.consume(whole);
        self.ended = true;
        Ok(Some(BundlePiece::End))
    }
}

fn fixed_part(realm: Realm, bytes: &[u8]) -> Option<BundleHeader> {
    let node = |at: usize| {
        let partner = PartnerId::try_from([bytes[at], bytes[at + 1], bytes[at + 2]]).ok()?;
        NodeId::new(partner, u16::from_be_bytes([bytes[at + 3], bytes[at + 4]])).ok()
    };
    let (from, to) = (node(0)?, node(5)?);
    let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok();
    Some(BundleHeader {
        realm,
        from,
        to,
        charter_edition: u32::from_be_bytes(bytes.get(10..14)?.try_into().ok()?),
        charter_hash: bytes.get(14..46)?.try_into().ok()?,
        number: u64::from_be_bytes(number(46)?),
        made: Timestamp::from_nanos(i64::from_be_bytes(number(54)?)),
    })
}

#[cfg(test)]
mod tests {
    use log::testing;

    use super::*;

    fn header() -> BundleHeader {
        BundleHeader {
            realm: Realm::Operational,
            from: "KOR-1".parse().unwrap(),
            to: "JPN-2".parse().unwrap(),
            charter_edition: 3,
            charter_hash: [0xcc; 32],
            number: 9,
            made: Timestamp::from_nanos(0x0102_0304_0506_0708),
        }
    }

    /// A bundle of one chunk, as the module's documentation draws it, up to the signature.
    const LAYOUT: &str = "57465801 0b 6f7065726174696f6e616c 4b4f52 0001 4a504e 0002 00000003 \
        cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc 0000000000000009 \
        0102030405060708 00000003 616263 \
        f34a47803859ee0ed227b3240c7dfabf5b4c5a7aef714288af4fe02722435278 00000000 0000000000000001";

    fn from_hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|sign| sign.to_digit(16)).collect();
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
    }

    #[test]
    fn the_layout_is_as_drawn() {
        let mut out = Vec::new();
        let mut writer = BundleWriter::begin(header(), &mut out);
        writer.chunk(b"abc", &mut out);
        let key = SigningKey::from_seed([7; 32]);
        let text = writer.header.signed_text(writer.chunks, &writer.digest);
        assert_eq!(writer.end(&key, &mut out), 1);
        let (before, signature) = out.split_last_chunk::<SIGNATURE_BYTES>().unwrap();
        assert_eq!(before, from_hex(LAYOUT));
        assert!(key.verifying_key().verify(text.as_bytes(), &Signature(*signature)));
        assert!(
            text.starts_with("watchfire/bundle/v1\noperational\nKOR-1\nJPN-2\n9\n1\n"),
            "{text}"
        );
    }

    #[test]
    fn a_length_allocates_nothing() {
        let charter = testing::charter(&Realm::Operational, &["JPN-2", "KOR-1"], 1);
        let mut reader = BundleReader::new(&charter.charter, "JPN-2".parse().unwrap());
        let mut out = Vec::new();
        let header = BundleHeader { charter_edition: 0, ..header() };
        BundleWriter::begin(header, &mut out);
        out.extend_from_slice(&u32::MAX.to_be_bytes());
        reader.push(&out);
        assert!(matches!(reader.piece(), Ok(Some(BundlePiece::Header(_)))));
        let refused = reader.piece().unwrap_err().to_string();
        assert!(refused.contains("a chunk that a line could carry"), "{refused}");
    }
}
