//! Frames of the line protocol, editions 1 and 2, big-endian.
//!
//! The hello is of every edition: it names the editions its sender speaks, and the two ends go on in
//! the highest that both have. A frame that came with a later edition is not sent below it.
//!
//! A carrier delivers whole frames; within one connection those of one precedence arrive in order
//! and complete, or the connection ends. Everything else (repeats, frames of other precedences
//! overtaking, a connection that ends anywhere) the protocol tolerates.
//!
//! ```text
//! frame       "WFS" 0x01 | type u8 | body, to the end
//! 1 hello     lowest edition u16 | highest edition u16 | node: partner 3, number u16 | process 16 | connection u32
//!             | charter edition u32 | charter hash 32 | realm: u8 length, text
//!             | count u32 (at most 16,384) | count x (log 22 | size u64), sorted by log
//!             | count u16 (at most 4,096) | count x (log 22 | from u64 | to u64), sorted:
//!               parts held above gaps
//!             | what later editions add, at most 1,024 bytes, to the end
//! 2 batch     flags u8 (1: what is hash-only here is outside the receiver's audience)
//!             | batch, as the log crate draws it
//! 3 held      log 22 | size u64           durable at the sender up to `size`
//! 4 want      log 22 | from u64           send again from `from`
//! 5 cosigned  signed checkpoint: u16 length, bytes | count u8 (at most 4; 0 since edition 2)
//!             | count x (cosignature or range receipt: u16 length, bytes)
//! 6 ping      t1 i64 ns
//! 7 pong      t1 i64 ns | t2 i64 ns | t3 i64 ns
//! 8 contested equivocation proof, at most 64 KiB
//! 9 restate   log 22                   cosign again what you hold of it
//! edition 2:
//! 10 jump     signed checkpoint: u16 length, bytes | peaks: count u8, 32 each
//!             | consistency proof: count u8, 32 each    the log goes on from this checkpoint; what
//!                                                       is below comes behind
//! 11 above    log 22 | from u64 | to u64                durable at the sender above a gap
//! 12 batches  flags u8, as batch | count x (batch: u32 length, bytes), to the end, 1 to 4,096
//! 13 counts   count u8 (1 to 64) | count x (count of an audience's entries: u16 length, bytes)
//! 14 relay    from: partner 3, number u16 | to, likewise | precedence u8
//!             | part u8 (1 offer, 2 answer, 3 sealed) | as the log crate draws it, to the end
//! 16 standing charter edition u32 | charter hash 32 | count u8 (at most 32)
//!             | count x (partner 3 | roster number u32), sorted by partner
//! 17 charter  a charter file, UTF-8, at most 1 MiB
//! log         partner 3 | number u16 | lane u8 | incarnation 16
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, PartnerId, Timestamp};
use log::{Hash, LogId, Precedence, Realm};

use crate::Error;
use crate::limits::{
    BATCHES_PER_FRAME_MAX, COUNTS_PER_FRAME_MAX, HELLO_ISLANDS_MAX, HELLO_LATER_BYTES_MAX,
    HELLO_LOGS_MAX, PROOF_BYTES_MAX,
};

const MAGIC: &[u8; 4] = b"WFS\x01";

/// Cosignatures one frame may carry.
const COSIGNATURES_MAX: u8 = 4;
/// Hashes of one tree's right edge or one proof: a tree of 2^64 leaves needs no more.
const HASHES_MAX: u8 = 65;

/// What a frame that goes out is about, as far as somebody who measures needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glimpse {
    /// A batch that ends at this size.
    Batch {
        /// The log.
        log: LogId,
        /// Its size after the batch.
        size: u64,
    },
    /// Cosignatures over a checkpoint of this size.
    Cosigned {
        /// The log.
        log: LogId,
        /// The checkpoint's size.
        size: u64,
    },
}

/// What is in an own frame, read without copying or checking it; nothing of frames of other types.
pub fn glimpses(frame: &[u8]) -> Vec<Glimpse> {
    read_glimpses(frame).unwrap_or_default()
}

fn read_glimpses(frame: &[u8]) -> Option<Vec<Glimpse>> {
    let mut reader = Reader { bytes: frame, at: MAGIC.len() };
    let batch = |bytes: &[u8]| {
        let (log, size) = log::Batch::end_of(bytes).ok()?;
        Some(Glimpse::Batch { log, size })
    };
    match reader.u8("a frame type").ok()? {
        2 => {
            reader.batch_flags().ok()?;
            batch(reader.rest()).map(|one| vec![one])
        }
        5 => {
            let signed = reader.short("a signed checkpoint").ok()?;
            let log::Checkpoint { log, size, .. } =
                log::SignedCheckpoint::from_bytes(signed).ok()?.checkpoint;
            let is_signed = reader.u8("a count of cosignatures").ok()? > 0;
            is_signed.then(|| vec![Glimpse::Cosigned { log, size }])
        }
        12 => {
            reader.batch_flags().ok()?;
            let mut found = Vec::new();
            while !reader.is_empty() && found.len() < BATCHES_PER_FRAME_MAX {
                let length = reader.u32("a batch's length").ok()? as usize;
                found.push(batch(reader.take(length, "a batch").ok()?)?);
            }
            Some(found)
        }
        _ => None,
    }
}

/// What one node says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Who is here and what it holds; the first frame of a connection.
    Hello(Hello),
    /// A batch of some log.
    Batch {
        /// Whether hash-only entries in it are hash-only because the receiver is outside their
        /// audience, and not because the sender lacks them.
        complete: bool,
        /// The batch as the log crate encodes it.
        batch: Arc<[u8]>,
    },
    /// The sender has this log durably up to `size`.
    Held {
        /// The log.
        log: LogId,
        /// Entries durable at the sender.
        size: u64,
    },
    /// The sender asks for this log from `from` on.
    Want {
        /// The log.
        log: LogId,
        /// First entry wanted.
        from: u64,
    },
    /// A checkpoint with cosignatures: a receipt to the origin, a cross-check to others. Without any, it is
    /// shown as one that was seen.
    Cosigned {
        /// The origin's signed checkpoint, as the log crate encodes it.
        checkpoint: Vec<u8>,
        /// Cosignatures and range receipts over it, as the log crate encodes them; at most 4.
        cosignatures: Vec<Vec<u8>>,
    },
    /// Are you there, and what is your clock?
    Ping {
        /// The sender's clock.
        sent: Timestamp,
    },
    /// The answer to a ping.
    Pong {
        /// The ping's time, echoed.
        sent: Timestamp,
        /// The answerer's clock when the ping came.
        received: Timestamp,
        /// The answerer's clock when it answered.
        answered: Timestamp,
    },
    /// Proof that a node signed two histories.
    Contested(Vec<u8>),
    /// The sender, whose log it is, lacks the receiver's cosignatures for what it holds.
    Restate {
        /// The log.
        log: LogId,
    },
    /// The log goes on from this checkpoint; what is below it comes behind.
    Jump(Jump),
    /// The sender has this part of a log durably, above a gap.
    Above {
        /// The log.
        log: LogId,
        /// First entry held.
        from: u64,
        /// First entry not held.
        to: u64,
    },
    /// Several batches, as they would come one by one.
    Batches {
        /// As of a batch, for all of them.
        complete: bool,
        /// The batches as the log crate encodes them; 1 to 4,096.
        batches: Vec<Arc<[u8]>>,
    },
    /// Which charter and rosters the sender has in force.
    Standing(Standing),
    /// A charter file the receiver lacks: the next edition, or newer rosters.
    Charter(String),
    /// How many entries of logs audiences have, as the log crate encodes it; 1 to 64.
    Counts(Vec<Vec<u8>>),
    /// Something of a tunnel between two nodes that a third carries.
    Relay(Relay),
}

/// What a third node carries between two whose line is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Who sent it.
    pub from: NodeId,
    /// For whom it is.
    pub to: NodeId,
    /// How urgent it is.
    pub precedence: Precedence,
    /// What the bytes are.
    pub part: RelayPart,
    /// As the log crate encodes it.
    pub bytes: Vec<u8>,
}

/// What a relayed frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayPart {
    /// The offer of a tunnel.
    Offer,
    /// The answer to an offer.
    Answer,
    /// A sealed frame.
    Sealed,
}

impl Relay {
    fn put(&self, out: &mut Vec<u8>) {
        for node in [self.from, self.to] {
            out.extend_from_slice(node.partner().as_bytes());
            out.extend_from_slice(&node.number().to_be_bytes());
        }
        out.push(self.precedence.code());
        out.push(match self.part {
            RelayPart::Offer => 1,
            RelayPart::Answer => 2,
            RelayPart::Sealed => 3,
        });
        out.extend_from_slice(&self.bytes);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (from, to) = (reader.node()?, reader.node()?);
        let code = reader.u8("a precedence")?;
        let precedence = Precedence::from_code(code)
            .ok_or_else(|| reader.error("a precedence from 0 to 3", code.to_string()))?;
        let part = match reader.u8("a part of a tunnel")? {
            1 => RelayPart::Offer,
            2 => RelayPart::Answer,
            3 => RelayPart::Sealed,
            other => return Err(reader.error("a part from 1 to 3", other.to_string())),
        };
        Ok(Self { from, to, precedence, part, bytes: reader.rest().to_vec() })
    }
}

/// From where a log goes on for one that is far behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The origin's signed checkpoint, as the log crate encodes it.
    pub checkpoint: Vec<u8>,
    /// The right edge of its tree, largest subtree first.
    pub peaks: Vec<Hash>,
    /// That it extends the newest checkpoint the receiver has.
    pub proof: Vec<Hash>,
}

/// Which charter and rosters a node has in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The edition.
    pub edition: u32,
    /// The hash of that agreement.
    pub hash: [u8; 32],
    /// Each partner's roster by its number.
    pub rosters: BTreeMap<PartnerId, u32>,
}

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The lowest protocol edition spoken.
    pub lowest: u16,
    /// The highest protocol edition spoken.
    pub highest: u16,
    /// Who speaks.
    pub node: NodeId,
    /// Random name of the process, new with every start.
    pub process: [u8; 16],
    /// Connections this process has opened to the receiver, counting this one.
    pub connection: u32,
    /// The charter edition in force at the sender.
    pub charter_edition: u32,
    /// The hash of that charter.
    pub charter_hash: [u8; 32],
    /// The sender's realm.
    pub realm: Realm,
    /// Every log the sender holds, its own too, with the size durable there; sorted by log.
    pub logs: Vec<(LogId, u64)>,
    /// Parts of logs held above gaps, sorted, each with its first index and the one after its last.
    pub islands: Vec<(LogId, u64, u64)>,
    /// What later editions add; not read here.
    pub later: Vec<u8>,
}

impl Message {
    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(MAGIC);
        out.push(self.code());
        match self {
            Self::Hello(hello) => hello.put(&mut out),
            Self::Batch { complete, batch } => {
                out.push(u8::from(*complete));
                out.extend_from_slice(batch);
            }
            Self::Held { log, size: count } | Self::Want { log, from: count } => {
                out.extend_from_slice(&log.to_key());
                out.extend_from_slice(&count.to_be_bytes());
            }
            Self::Cosigned { checkpoint, cosignatures } => {
                put_short(&mut out, checkpoint);
                out.push(u8::try_from(cosignatures.len()).expect("at most 4 cosignatures"));
                for bytes in cosignatures {
                    put_short(&mut out, bytes);
                }
            }
            Self::Contested(bytes) => out.extend_from_slice(bytes),
            Self::Restate { log } => out.extend_from_slice(&log.to_key()),
            Self::Jump(jump) => jump.put(&mut out),
            Self::Above { log, from, to } => {
                out.extend_from_slice(&log.to_key());
                out.extend_from_slice(&from.to_be_bytes());
                out.extend_from_slice(&to.to_be_bytes());
            }
            Self::Batches { complete, batches } => {
                out.push(u8::from(*complete));
                for batch in batches {
                    let length = u32::try_from(batch.len()).expect("batches are below 16 MiB");
                    out.extend_from_slice(&length.to_be_bytes());
                    out.extend_from_slice(batch);
                }
            }
            Self::Standing(standing) => standing.put(&mut out),
            Self::Relay(relay) => relay.put(&mut out),
            Self::Charter(text) => out.extend_from_slice(text.as_bytes()),
            Self::Counts(statements) => {
                out.push(u8::try_from(statements.len()).expect("at most 64 counts"));
                for bytes in statements {
                    put_short(&mut out, bytes);
                }
            }
            Self::Ping { sent } => put_time(&mut out, *sent),
            Self::Pong { sent, received, answered } => {
                put_time(&mut out, *sent);
                put_time(&mut out, *received);
                put_time(&mut out, *answered);
            }
        }
        out
    }

    /// The message of a frame; what is not exactly one frame of this edition is refused.
    pub fn decode(frame: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader { bytes: frame, at: 0 };
        let magic: [u8; 4] = reader.array("`WFS` and edition 1")?;
        if magic != *MAGIC {
            return Err(Error::Frame {
                at: 0,
                expected: "`WFS` and edition 1",
                got: format!("`{}`", magic.escape_ascii()),
            });
        }
        let message = match reader.u8("a frame type")? {
            1 => Self::Hello(Hello::read(&mut reader)?),
            2 => Self::Batch { complete: reader.batch_flags()?, batch: reader.rest().into() },
            3 => Self::Held { log: reader.log()?, size: reader.u64("a size")? },
            4 => Self::Want { log: reader.log()?, from: reader.u64("an index")? },
            5 => Self::read_cosigned(&mut reader)?,
            6 => Self::Ping { sent: reader.time()? },
            7 => Self::Pong {
                sent: reader.time()?,
                received: reader.time()?,
                answered: reader.time()?,
            },
            8 => Self::Contested(reader.proof()?),
            9 => Self::Restate { log: reader.log()? },
            10 => Self::Jump(Jump::read(&mut reader)?),
            11 => Self::Above {
                log: reader.log()?,
                from: reader.u64("an index")?,
                to: reader.u64("an index")?,
            },
            12 => Self::read_batches(&mut reader)?,
            13 => Self::read_counts(&mut reader)?,
            14 => Self::Relay(Relay::read(&mut reader)?),
            16 => Self::Standing(Standing::read(&mut reader)?),
            17 => Self::Charter(reader.charter()?),
            other => return Err(reader.error("a known frame type", other.to_string())),
        };
        reader.finish()?;
        Ok(message)
    }

    fn read_cosigned(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let checkpoint = reader.short("a signed checkpoint")?.to_vec();
        let count = reader.u8("a count of cosignatures")?;
        if count > COSIGNATURES_MAX {
            return Err(reader.error("at most 4 cosignatures", count.to_string()));
        }
        let cosignatures: Result<Vec<Vec<u8>>, Error> =
            (0..count).map(|_| reader.short("a cosignature").map(<[u8]>::to_vec)).collect();
        Ok(Self::Cosigned { checkpoint, cosignatures: cosignatures? })
    }

    fn read_counts(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let count = reader.u8("a count of counts")?;
        if !(1..=COUNTS_PER_FRAME_MAX).contains(&usize::from(count)) {
            return Err(reader.error("1 to 64 counts", count.to_string()));
        }
        let statements: Result<Vec<Vec<u8>>, Error> =
            (0..count).map(|_| reader.short("a count of entries").map(<[u8]>::to_vec)).collect();
        Ok(Self::Counts(statements?))
    }

    fn read_batches(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let complete = reader.batch_flags()?;
        let mut batches: Vec<Arc<[u8]>> = Vec::new();
        while batches.is_empty() || !reader.is_empty() {
            if batches.len() >= BATCHES_PER_FRAME_MAX {
                return Err(reader.error("at most 4,096 batches", "more"));
            }
            let length = reader.u32("a batch's length")? as usize;
            batches.push(reader.take(length, "a batch")?.into());
        }
        Ok(Self::Batches { complete, batches })
    }

    /// The edition this frame came with.
    pub const fn edition(&self) -> u16 {
        match self {
            Self::Jump(_)
            | Self::Above { .. }
            | Self::Batches { .. }
            | Self::Counts(_)
            | Self::Relay(_)
            | Self::Standing(_)
            | Self::Charter(_) => 2,
            Self::Cosigned { cosignatures, .. } if cosignatures.is_empty() => 2,
            _ => 1,
        }
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Batch { .. } => 2,
            Self::Held { .. } => 3,
            Self::Want { .. } => 4,
            Self::Cosigned { .. } => 5,
            Self::Ping { .. } => 6,
            Self::Pong { .. } => 7,
            Self::Contested(_) => 8,
            Self::Restate { .. } => 9,
            Self::Jump(_) => 10,
            Self::Above { .. } => 11,
            Self::Batches { .. } => 12,
            Self::Counts(_) => 13,
            Self::Relay(_) => 14,
            Self::Standing(_) => 16,
            Self::Charter(_) => 17,
        }
    }
}

impl Standing {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.edition.to_be_bytes());
        out.extend_from_slice(&self.hash);
        out.push(u8::try_from(self.rosters.len()).expect("a charter has at most 32 partners"));
        for (partner, number) in &self.rosters {
            out.extend_from_slice(partner.as_bytes());
            out.extend_from_slice(&number.to_be_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let edition = reader.u32("a charter edition")?;
        let hash = reader.array("a charter hash")?;
        let count = usize::from(reader.u8("a count of rosters")?);
        if count > base::limits::PARTNERS_MAX {
            return Err(reader.error("at most 32 rosters", count.to_string()));
        }
        let mut rosters = BTreeMap::new();
        for _ in 0..count {
            let partner = PartnerId::try_from(reader.array::<3>("a partner")?)?;
            if rosters.last_key_value().is_some_and(|(last, _)| *last >= partner) {
                return Err(reader.error("partners in order, each once", partner.to_string()));
            }
            rosters.insert(partner, reader.u32("a roster number")?);
        }
        Ok(Self { edition, hash, rosters })
    }
}

impl Hello {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lowest.to_be_bytes());
        out.extend_from_slice(&self.highest.to_be_bytes());
        out.extend_from_slice(self.node.partner().as_bytes());
        out.extend_from_slice(&self.node.number().to_be_bytes());
        out.extend_from_slice(&self.process);
        out.extend_from_slice(&self.connection.to_be_bytes());
        out.extend_from_slice(&self.charter_edition.to_be_bytes());
        out.extend_from_slice(&self.charter_hash);
        let realm = self.realm.to_string();
        out.push(u8::try_from(realm.len()).expect("a realm's text is below 64 bytes"));
        out.extend_from_slice(realm.as_bytes());
        let count = u32::try_from(self.logs.len()).expect("at most `HELLO_LOGS_MAX`");
        out.extend_from_slice(&count.to_be_bytes());
        for (log, size) in &self.logs {
            out.extend_from_slice(&log.to_key());
            out.extend_from_slice(&size.to_be_bytes());
        }
        let count = u16::try_from(self.islands.len()).expect("at most `HELLO_ISLANDS_MAX`");
        out.extend_from_slice(&count.to_be_bytes());
        for (log, from, to) in &self.islands {
            out.extend_from_slice(&log.to_key());
            out.extend_from_slice(&from.to_be_bytes());
            out.extend_from_slice(&to.to_be_bytes());
        }
        out.extend_from_slice(&self.later);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (lowest, highest) = (reader.u16("an edition")?, reader.u16("an edition")?);
        let partner = PartnerId::try_from(reader.array::<3>("a partner")?)?;
        let node = NodeId::new(partner, reader.u16("a node number")?)?;
        let process = reader.array("a process name")?;
        let connection = reader.u32("a connection number")?;
        let charter_edition = reader.u32("a charter edition")?;
        let charter_hash = reader.array("a charter hash")?;
        let length = usize::from(reader.u8("a realm's length")?);
        let text = reader.take(length, "a realm")?;
        let realm = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| reader.error("a realm", format!("`{}`", text.escape_ascii())))?;
        let count = reader.u32("a count of logs")? as usize;
        if count > HELLO_LOGS_MAX {
            return Err(reader.error("at most 16,384 logs", count.to_string()));
        }
        let mut logs: Vec<(LogId, u64)> = Vec::new();
        for _ in 0..count {
            let (log, size) = (reader.log()?, reader.u64("a size")?);
            if logs.last().is_some_and(|(last, _)| *last >= log) {
                return Err(reader.error("logs in order, each once", log.to_string()));
            }
            logs.push((log, size));
        }
        let islands = Self::read_islands(reader)?;
        let later = reader.rest();
        if later.len() > HELLO_LATER_BYTES_MAX {
            let got = format!("{} more bytes", later.len());
            return Err(reader.error("at most 1,024 bytes of later editions", got));
        }
        Ok(Self {
            lowest,
            highest,
            node,
            process,
            connection,
            charter_edition,
            charter_hash,
            realm,
            logs,
            islands,
            later: later.to_vec(),
        })
    }

    fn read_islands(reader: &mut Reader<'_>) -> Result<Vec<(LogId, u64, u64)>, Error> {
        let count = usize::from(reader.u16("a count of parts above gaps")?);
        if count > HELLO_ISLANDS_MAX {
            return Err(reader.error("at most 4,096 parts above gaps", count.to_string()));
        }
        let mut islands: Vec<(LogId, u64, u64)> = Vec::new();
        for _ in 0..count {
            let island = (reader.log()?, reader.u64("an index")?, reader.u64("an index")?);
            let (log, from, to) = island;
            let after = islands.last().is_none_or(|(last, _, end)| (*last, *end) <= (log, from));
            if !after || to < from {
                return Err(reader.error("parts above gaps in order", format!("{from} to {to}")));
            }
            islands.push(island);
        }
        Ok(islands)
    }
}

impl Jump {
    fn put(&self, out: &mut Vec<u8>) {
        put_short(out, &self.checkpoint);
        for hashes in [&self.peaks, &self.proof] {
            out.push(u8::try_from(hashes.len()).expect("at most 65 hashes"));
            for hash in hashes {
                out.extend_from_slice(hash);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let checkpoint = reader.short("a signed checkpoint")?.to_vec();
        Ok(Self { checkpoint, peaks: reader.hashes()?, proof: reader.hashes()? })
    }
}

fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    out.extend_from_slice(&time.as_nanos().to_be_bytes());
}

fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("checkpoints and cosignatures are below 64 KiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A cursor over one received frame.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, expected: &'static str, got: impl Into<String>) -> Error {
        Error::Frame { at: self.at, expected, got: got.into() }
    }

    fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Error> {
        let left = self.bytes.len() - self.at;
        if count > left {
            return Err(self.error(expected, format!("{left} of {count} bytes")));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Error> {
        Ok(self.take(N, expected)?.try_into().expect("`take` gave N bytes"))
    }

    fn u8(&mut self, expected: &'static str) -> Result<u8, Error> {
        self.array::<1>(expected).map(|[byte]| byte)
    }

    fn u16(&mut self, expected: &'static str) -> Result<u16, Error> {
        self.array(expected).map(u16::from_be_bytes)
    }

    fn u32(&mut self, expected: &'static str) -> Result<u32, Error> {
        self.array(expected).map(u32::from_be_bytes)
    }

    fn u64(&mut self, expected: &'static str) -> Result<u64, Error> {
        self.array(expected).map(u64::from_be_bytes)
    }

    fn time(&mut self) -> Result<Timestamp, Error> {
        self.array("a time").map(|bytes| Timestamp::from_nanos(i64::from_be_bytes(bytes)))
    }

    fn node(&mut self) -> Result<NodeId, Error> {
        let partner = PartnerId::try_from(self.array::<3>("a partner")?)?;
        Ok(NodeId::new(partner, self.u16("a node's number")?)?)
    }

    fn log(&mut self) -> Result<LogId, Error> {
        Ok(LogId::from_key(&self.array("a log")?)?)
    }

    fn batch_flags(&mut self) -> Result<bool, Error> {
        match self.u8("batch flags")? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.error("batch flags 0 or 1", other.to_string())),
        }
    }

    fn hashes(&mut self) -> Result<Vec<Hash>, Error> {
        let count = self.u8("a count of hashes")?;
        if count > HASHES_MAX {
            return Err(self.error("at most 65 hashes", count.to_string()));
        }
        (0..count).map(|_| self.array("a hash")).collect()
    }

    const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    fn charter(&mut self) -> Result<String, Error> {
        let length = self.bytes.len() - self.at;
        if length > base::limits::CHARTER_BYTES_MAX {
            return Err(self.error("a charter of at most 1 MiB", format!("{length} bytes")));
        }
        let text = std::str::from_utf8(self.rest()).map(str::to_owned);
        text.map_err(|_| self.error("a charter in UTF-8", "other bytes"))
    }

    fn short(&mut self, expected: &'static str) -> Result<&'a [u8], Error> {
        let length = usize::from(self.u16(expected)?);
        self.take(length, expected)
    }

    fn proof(&mut self) -> Result<Vec<u8>, Error> {
        let rest = self.rest();
        if rest.len() > PROOF_BYTES_MAX {
            return Err(self.error("at most 65,536 bytes of proof", rest.len().to_string()));
        }
        Ok(rest.to_vec())
    }

    fn finish(&self) -> Result<(), Error> {
        let left = self.bytes.len() - self.at;
        if left == 0 { Ok(()) } else { Err(self.error("the end", format!("{left} more bytes"))) }
    }
}

#[cfg(test)]
mod tests;
