//! The `log.*` kinds: what nodes say about logs themselves.
//!
//! All are edition 1, big-endian; `log` is 22 bytes (partner 3, number u16, lane u8, incarnation 16).
//!
//! ```text
//! log.epoch          see `seal`; not sealed
//! log.incarnation    cause u8 (0 first start, 1 store behind, 2 store replaced, 3 key replaced)
//!                    | old logs, to the end, sorted: log | size u64 | root 32
//! log.pulse          sent i64 ns | logs, to the end, sorted: log | size u64 | root 32
//! log.holds-range    a range receipt, see `checkpoint`
//! log.complaint      log | index u64 | leaf hash 32 | reason u8
//! log.equivocation   a proof, see `mirror`
//! log.line-check     number u64 | sent i64 ns | padding, to the end; at least 16 bytes
//! ```

use base::Timestamp;

use crate::codec::{Put, Reader};
use crate::keys::Hash;
use crate::{Body, EntryId, Error, LogId, OpenProblem};

/// The kinds of this crate; no domain folds them.
pub mod kinds {
    use crate::Kind;

    /// Hands an epoch key to the members of an audience.
    pub const EPOCH: Kind = Kind::from_static("log.epoch");
    /// Opens an incarnation and cites the logs it does not continue.
    pub const INCARNATION: Kind = Kind::from_static("log.incarnation");
    /// Sizes and roots of a node's logs: liveness and cross-check.
    pub const PULSE: Kind = Kind::from_static("log.pulse");
    /// A range receipt as an entry.
    pub const HOLDS_RANGE: Kind = Kind::from_static("log.holds-range");
    /// An entry addressed to the complainer does not open.
    pub const COMPLAINT: Kind = Kind::from_static("log.complaint");
    /// Two checkpoints that do not extend each other.
    pub const EQUIVOCATION: Kind = Kind::from_static("log.equivocation");
    /// Tests a line; no domain folds it.
    pub const LINE_CHECK: Kind = Kind::from_static("log.line-check");

    /// Every kind above.
    pub const ALL: [Kind; 7] =
        [EPOCH, INCARNATION, PULSE, HOLDS_RANGE, COMPLAINT, EQUIVOCATION, LINE_CHECK];

    /// Whether a body of this kind may travel unsealed: it holds nothing but wraps.
    pub fn may_be_plain(kind: &Kind) -> bool {
        *kind == EPOCH
    }
}

/// The edition of every content here.
const EDITION: u16 = 1;

/// A log's size and root, cited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The log.
    pub log: LogId,
    /// Entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

fn put_states(out: &mut Vec<u8>, states: &[LogState]) {
    for state in states {
        out.put_log(&state.log);
        out.put_u64(state.size);
        out.put(&state.root);
    }
}

fn read_states(reader: &mut Reader<'_>) -> Result<Vec<LogState>, Error> {
    let mut states: Vec<LogState> = Vec::new();
    while !reader.is_empty() {
        let log = reader.log()?;
        if states.last().is_some_and(|last| last.log >= log) {
            return Err(reader.error("logs in order", format!("{log}")));
        }
        states.push(LogState { log, size: reader.u64("a size")?, root: reader.array("a root")? });
    }
    Ok(states)
}

/// A node's heartbeat: what its logs are, said to everyone at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// When it was sent, the node's clock.
    pub sent: Timestamp,
    /// The node's own logs, sorted; for its own lane the state before the pulse.
    pub logs: Vec<LogState>,
}

impl Pulse {
    /// The body to append.
    pub fn to_body(&self) -> Body {
        let mut content = Vec::new();
        content.put_timestamp(self.sent);
        put_states(&mut content, &self.logs);
        Body { kind: kinds::PULSE, edition: EDITION, content }
    }

    /// Reads the content.
    pub fn read(content: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a pulse", content);
        Ok(Self { sent: reader.timestamp("a time")?, logs: read_states(&mut reader)? })
    }
}

/// Why an incarnation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncarnationCause {
    /// The node's first start.
    FirstStart,
    /// The store was behind the high-water file: restored or rolled back.
    StoreBehind,
    /// The store was lost or another one was found.
    StoreReplaced,
    /// The node's roster gave it new signing keys; the logs under the old ones ended.
    KeyReplaced,
}

/// The first entry of an incarnation: what it does not continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncarnationStart {
    /// Why.
    pub cause: IncarnationCause,
    /// The old logs as the high-water file had them, sorted.
    pub old: Vec<LogState>,
}

impl IncarnationStart {
    /// The body to append.
    pub fn to_body(&self) -> Body {
        let mut content = Vec::new();
        content.put_u8(self.cause as u8);
        put_states(&mut content, &self.old);
        Body { kind: kinds::INCARNATION, edition: EDITION, content }
    }

    /// Reads the content.
    pub fn read(content: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("an incarnation", content);
        let cause = match reader.u8("a cause")? {
            0 => IncarnationCause::FirstStart,
            1 => IncarnationCause::StoreBehind,
            2 => IncarnationCause::StoreReplaced,
            3 => IncarnationCause::KeyReplaced,
            other => return Err(reader.error("cause 0 to 3", other.to_string())),
        };
        Ok(Self { cause, old: read_states(&mut reader)? })
    }
}

/// What is wrong with an entry that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComplaintReason {
    /// No wrap for the complainer.
    NoWrap,
    /// The wrap does not open.
    BadWrap,
    /// The wrapped key is not the committed one.
    Commitment,
    /// The epoch entry is malformed.
    BadEpochEntry,
    /// The body does not open.
    BadSeal,
    /// The body is malformed, or not sealed where it must be.
    BadBody,
}

impl ComplaintReason {
    const ALL: [Self; 6] = [
        Self::NoWrap,
        Self::BadWrap,
        Self::Commitment,
        Self::BadEpochEntry,
        Self::BadSeal,
        Self::BadBody,
    ];
}

/// "This entry, addressed to me, does not open"; signed by being an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The entry.
    pub entry: EntryId,
    /// Its leaf hash, so that a fork cannot answer for it.
    pub leaf_hash: Hash,
    /// What is wrong.
    pub reason: ComplaintReason,
}

impl Complaint {
    /// The complaint about `problem`, if it is the origin's fault.
    pub const fn new(entry: EntryId, leaf_hash: Hash, problem: &OpenProblem) -> Option<Self> {
        let reason = match problem {
            OpenProblem::UnknownEpoch { .. }
            | OpenProblem::KemGone { .. }
            | OpenProblem::NotAddressed { .. } => return None,
            OpenProblem::NoWrap { .. } => ComplaintReason::NoWrap,
            OpenProblem::BadWrap => ComplaintReason::BadWrap,
            OpenProblem::Commitment => ComplaintReason::Commitment,
            OpenProblem::BadEpochEntry => ComplaintReason::BadEpochEntry,
            OpenProblem::BadSeal => ComplaintReason::BadSeal,
            OpenProblem::BadBody | OpenProblem::Plain { .. } => ComplaintReason::BadBody,
        };
        Some(Self { entry, leaf_hash, reason })
    }

    /// The body to append.
    pub fn to_body(&self) -> Body {
        Body { kind: kinds::COMPLAINT, edition: EDITION, content: self.to_bytes() }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut content = Vec::new();
        content.put_log(&self.entry.log);
        content.put_u64(self.entry.index);
        content.put(&self.leaf_hash);
        content.put_u8(self.reason as u8);
        content
    }

    /// Reads the content.
    pub fn read(content: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a complaint", content);
        let entry = EntryId { log: reader.log()?, index: reader.u64("an index")? };
        let leaf_hash = reader.array("a leaf hash")?;
        let reason = reader.u8("a reason")?;
        let reason = ComplaintReason::ALL
            .get(usize::from(reason))
            .copied()
            .ok_or_else(|| reader_error(&reader, reason))?;
        reader.finish()?;
        Ok(Self { entry, leaf_hash, reason })
    }
}

fn reader_error(reader: &Reader<'_>, reason: u8) -> Error {
    reader.error("reason 0 to 5", reason.to_string())
}

/// A test of operational lines that no domain folds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCheck {
    /// Counts up per sender.
    pub number: u64,
    /// When it was sent, the node's clock.
    pub sent: Timestamp,
    /// Bytes of padding, to measure larger entries.
    pub padding: usize,
}

impl LineCheck {
    /// The body to append.
    pub fn to_body(&self) -> Body {
        let mut content = Vec::new();
        content.put_u64(self.number);
        content.put_timestamp(self.sent);
        content.resize(content.len() + self.padding, 0);
        Body { kind: kinds::LINE_CHECK, edition: EDITION, content }
    }

    /// Reads the content.
    pub fn read(content: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a line check", content);
        let (number, sent) = (reader.u64("a number")?, reader.timestamp("a time")?);
        Ok(Self { number, sent, padding: content.len() - reader.at() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lane: &str) -> LogState {
        let log = format!("KOR-1.{lane}.000102030405060708090a0b0c0d0e0f").parse().unwrap();
        LogState { log, size: 7, root: [3; 32] }
    }

    #[test]
    fn contents_round_trip_and_refuse_disorder() {
        let pulse = Pulse {
            sent: Timestamp::from_seconds(9),
            logs: vec![state("flash"), state("routine")],
        };
        assert_eq!(Pulse::read(&pulse.to_body().content).unwrap(), pulse);
        let disorder = Pulse { logs: vec![state("routine"), state("flash")], ..pulse.clone() };
        assert!(Pulse::read(&disorder.to_body().content).is_err());
        let start =
            IncarnationStart { cause: IncarnationCause::StoreBehind, old: pulse.logs.clone() };
        assert_eq!(IncarnationStart::read(&start.to_body().content).unwrap(), start);
        for reason in ComplaintReason::ALL {
            let entry = EntryId { log: state("flash").log, index: 5 };
            let complaint = Complaint { entry, leaf_hash: [1; 32], reason };
            assert_eq!(Complaint::read(&complaint.to_body().content).unwrap(), complaint);
        }
        let check = LineCheck { number: 3, sent: Timestamp::from_seconds(1), padding: 100 };
        assert_eq!(LineCheck::read(&check.to_body().content).unwrap(), check);
        assert!(LineCheck::read(&check.to_body().content[..9]).is_err());
    }

    #[test]
    fn kinds_are_the_log_domain() {
        assert!(kinds::ALL.iter().all(|kind| kind.domain() == "log"));
    }
}
