//! How many entries of a log each audience has, so that its members find out what is hidden from one
//! of them.
//!
//! Bytes of a statement, edition 1 (big-endian):
//!
//! ```text
//! "WFN" 0x01 | realm: u8 length, text | by 5 | log 22 | size u64
//! | audience: u8 count, 3 bytes each | count u64 | digest 32 | time u64 POSIX seconds | signature 64
//! ```
//!
//! The digest says which indexes the entries have: SHA-256 over the previous digest (32 zero bytes at
//! first), the first index and the end (u64 each) of every longest run of entries for the audience, in
//! order. Indexes are enough, as the root says what stands at each of them.
//!
//! A statement is for members of its audience alone: how much is said to whom is theirs to know.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use base::{NodeId, Timestamp};

use crate::checkpoint::posix_seconds;
use crate::codec::{Put, Reader};
use crate::keys::{Hash, Signature, SigningKey, VerifyingKey, sha256};
use crate::{Audience, Batch, Error, Item, LogId, Realm, Verified, base64};

/// Runs kept apart of the newest part of a log: a statement about any size among them can be compared.
const RUNS_KEPT_MAX: usize = 1_024;
/// Runs kept of what is held above gaps; beyond it the log is not counted on until a restart.
const RUNS_ABOVE_MAX: usize = 65_536;
/// Audiences counted in one log; a charter has fewer.
const AUDIENCES_MAX: usize = 4_096;

/// How many entries, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCount {
    /// Entries.
    pub count: u64,
    /// Which indexes they have.
    pub digest: Hash,
}

/// Entries of one audience so far: runs that are over, and the newest.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    count: u64,
    over: Hash,
    newest: Option<(u64, u64)>,
}

impl Running {
    fn add(&mut self, from: u64, to: u64) {
        self.count += to - from;
        match &mut self.newest {
            Some((_, end)) if *end == from => *end = to,
            _ => {
                self.over = self.digest();
                self.newest = Some((from, to));
            }
        }
    }

    fn digest(&self) -> Hash {
        self.newest.map_or(self.over, |(from, to)| {
            sha256(&[&self.over[..], &from.to_be_bytes(), &to.to_be_bytes()].concat())
        })
    }
}

/// Consecutive leaves of one audience, or hidden ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    from: u64,
    to: u64,
    /// A place in the list of audiences; nothing for hidden leaves.
    audience: Option<u16>,
}

/// Consecutive leaves above a gap.
#[derive(Clone, Debug)]
struct Above {
    start: u64,
    runs: Vec<Run>,
}

impl Above {
    fn end(&self) -> u64 {
        self.runs.last().map_or(self.start, |run| run.to)
    }
}

/// The entries of one log, counted by audience as its batches come.
///
/// What stands above a gap waits until the gap is filled; a statement is always about everything below
/// a size.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    audiences: Vec<Audience>,
    /// What is below `recent`, by audience.
    settled: BTreeMap<u16, Running>,
    recent: VecDeque<Run>,
    end: u64,
    above: Vec<Above>,
    runs_above: usize,
    given_up: bool,
}

impl Tally {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            audiences: Vec::new(),
            settled: BTreeMap::new(),
            recent: VecDeque::new(),
            end: 0,
            above: Vec::new(),
            runs_above: 0,
            given_up: false,
        }
    }

    /// Entries counted, from the first without a gap.
    pub const fn size(&self) -> u64 {
        self.end
    }

    /// Counts a batch that was taken into the log; one that is here already changes nothing.
    pub fn take(&mut self, batch: &Batch) {
        if self.given_up {
            return;
        }
        if batch.first() == self.end {
            self.runs(batch, Self::push);
            self.close_gaps();
            return;
        }
        if batch.first() < self.end {
            return;
        }
        let place = match self.above.iter().position(|part| part.end() == batch.first()) {
            Some(place) => place,
            None if self
                .above
                .iter()
                .any(|part| (part.start..part.end()).contains(&batch.first())) =>
            {
                return;
            }
            None => {
                let place = self.above.partition_point(|part| part.start < batch.first());
                self.above.insert(place, Above { start: batch.first(), runs: Vec::new() });
                place
            }
        };
        self.runs(batch, |tally, run| {
            let runs = &mut tally.above[place].runs;
            if let Some(last) = runs.last_mut().filter(|last| last.audience == run.audience) {
                last.to = run.to;
            } else {
                runs.push(run);
                tally.runs_above += 1;
            }
        });
        if self.runs_above > RUNS_ABOVE_MAX {
            *self = Self { given_up: true, ..Self::new() };
        }
    }

    fn runs(&mut self, batch: &Batch, mut push: impl FnMut(&mut Self, Run)) {
        let mut open: Option<(Audience, Run)> = None;
        for item in batch.items() {
            match item {
                Item::Entry(entry) => {
                    let (index, audience) = (entry.id().index, entry.header().audience);
                    if let Some((of, run)) = &mut open
                        && *of == audience
                    {
                        run.to = index + 1;
                        continue;
                    }
                    if let Some((_, run)) = open.take() {
                        push(self, run);
                    }
                    let audience_place = self.place_of(audience);
                    open = Some((
                        audience,
                        Run { from: index, to: index + 1, audience: audience_place },
                    ));
                }
                Item::Hidden(hidden) => {
                    if let Some((_, run)) = open.take() {
                        push(self, run);
                    }
                    let to = hidden.first + u64::from(hidden.count);
                    push(self, Run { from: hidden.first, to, audience: None });
                }
            }
        }
        if let Some((_, run)) = open {
            push(self, run);
        }
    }

    fn place_of(&mut self, audience: Audience) -> Option<u16> {
        let known = self.audiences.iter().position(|known| *known == audience);
        let place = known.or_else(|| {
            (self.audiences.len() < AUDIENCES_MAX).then(|| {
                self.audiences.push(audience);
                self.audiences.len() - 1
            })
        })?;
        u16::try_from(place).ok()
    }

    fn push(&mut self, run: Run) {
        assert_eq!(run.from, self.end, "runs are counted in the order of their log");
        self.end = run.to;
        match self.recent.back_mut().filter(|last| last.audience == run.audience) {
            Some(last) => last.to = run.to,
            None => self.recent.push_back(run),
        }
        if self.recent.len() > RUNS_KEPT_MAX
            && let Some(Run { from, to, audience }) = self.recent.pop_front()
            && let Some(place) = audience
        {
            self.settled.entry(place).or_default().add(from, to);
        }
    }

    fn close_gaps(&mut self) {
        while self.above.first().is_some_and(|part| part.start <= self.end) {
            let part = self.above.remove(0);
            self.runs_above -= part.runs.len();
            for run in part.runs {
                if run.to > self.end {
                    self.push(Run { from: run.from.max(self.end), ..run });
                }
            }
        }
    }

    /// The audiences that entries were counted for.
    pub fn audiences(&self) -> impl Iterator<Item = Audience> + '_ {
        self.audiences.iter().copied()
    }

    /// The entries for `audience` below `size`; nothing where that is not known here: beyond what is
    /// counted, or too long ago.
    pub fn count(&self, audience: &Audience, size: u64) -> Option<EntryCount> {
        let kept_from = self.recent.front().map_or(self.end, |run| run.from);
        if self.given_up || size > self.end || size < kept_from {
            return None;
        }
        let place = self.audiences.iter().position(|known| known == audience);
        let place = place.and_then(|place| u16::try_from(place).ok());
        let mut running = place.and_then(|place| self.settled.get(&place).copied());
        if place.is_some() {
            for run in self.recent.iter().filter(|run| run.audience == place && run.from < size) {
                running.get_or_insert_default().add(run.from, run.to.min(size));
            }
        }
        let running = running.unwrap_or_default();
        Some(EntryCount { count: running.count, digest: running.digest() })
    }
}

/// "Below this size of this log, so many entries for this audience are here": signed by a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountStatement {
    /// The realm.
    pub realm: Realm,
    /// Who states it: the log's own node, or a member that copies it.
    pub by: NodeId,
    /// The log.
    pub log: LogId,
    /// Everything below this size was counted.
    pub size: u64,
    /// Whose entries.
    pub audience: Audience,
    /// How many, and which.
    pub entries: EntryCount,
    /// When, POSIX seconds.
    pub time_s: u64,
    signature: Signature,
}

const MAGIC: [u8; 4] = *b"WFN\x01";

impl CountStatement {
    /// States what is here, under the node's key.
    pub fn sign(
        realm: Realm,
        by: NodeId,
        (log, size): (LogId, u64),
        (audience, entries): (Audience, EntryCount),
        now: Timestamp,
        key: &SigningKey,
    ) -> Verified<Self> {
        let (time_s, signature) = (posix_seconds(now), Signature([0; 64]));
        let mut made = Self { realm, by, log, size, audience, entries, time_s, signature };
        made.signature = key.sign(made.text().as_bytes());
        Verified::new(made)
    }

    fn text(&self) -> String {
        let Self { realm, by, log, size, audience, entries, time_s, .. } = self;
        let (count, digest) = (entries.count, base64::encode(&entries.digest));
        let origin = log.origin(realm);
        format!(
            "watchfire/counts/v1\n{by}\ntime {time_s}\n{origin}\n{size}\n{audience}\n{count}\n{digest}\n"
        )
    }

    /// Checks counts and signature with the node's key.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Error> {
        let sound = self.entries.count <= self.size;
        if sound && key.verify(self.text().as_bytes(), &self.signature) {
            Ok(Verified::new(self))
        } else {
            Err(Error::Signature { whose: self.by.to_string(), over: "a count of entries" })
        }
    }

    /// The bytes, edition 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.put_realm(&self.realm);
        out.put_node(self.by);
        out.put_log(&self.log);
        out.put_u64(self.size);
        out.put_audience(&self.audience);
        out.put_u64(self.entries.count);
        out.put(&self.entries.digest);
        out.put_u64(self.time_s);
        out.put(&self.signature.0);
        out
    }

    /// Reads the bytes; nothing may follow.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new("a count of entries", bytes);
        reader.magic(MAGIC, "`WFN` edition 1")?;
        let realm = reader.realm()?;
        let (by, log, size) = (reader.node()?, reader.log()?, reader.u64("a size")?);
        let audience = reader.audience()?;
        let count = reader.u64("a count")?;
        let entries = EntryCount { count, digest: reader.array("a digest")? };
        let time_s = reader.u64("a time")?;
        let signature = Signature(reader.array("a signature")?);
        reader.finish()?;
        Ok(Self { realm, by, log, size, audience, entries, time_s, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SeededRng, charter};
    use crate::{Body, Draft, HybridClock, Incarnation, LaneWriter, LogHead, Precedence};

    /// Batches of two drafts each, for these audiences in turn.
    fn batches(audiences: &[&str]) -> Vec<Batch> {
        let world = charter(&Realm::Operational, &["JPN-1", "KOR-1", "USA-1"], 1);
        let node: NodeId = "KOR-1".parse().unwrap();
        let log = LogId { node, lane: Precedence::Routine, incarnation: Incarnation([5; 16]) };
        let key = world.secrets[&node].key.clone();
        let mut writer = LaneWriter::new(Realm::Operational, &LogHead::start(log), key);
        let mut clock = HybridClock::new(Timestamp::MIN);
        let mut rng = SeededRng::new(2);
        let made = audiences.chunks(2).map(|pair| {
            let draft = |audience: &&str| Draft {
                audience: audience.parse().unwrap(),
                body: Body { kind: "test.it".parse().unwrap(), edition: 1, content: vec![7] },
            };
            let drafts = pair.iter().map(draft).collect();
            let now = Timestamp::from_seconds(1);
            let made = writer.append(drafts, &world.charter, &mut clock, now, &mut rng).unwrap();
            writer.settle();
            made.batch
        });
        made.collect()
    }

    const MIXED: [&str; 12] = [
        "KOR+USA",
        "JPN+KOR+USA",
        "JPN+KOR+USA",
        "KOR",
        "KOR+USA",
        "KOR+USA",
        "KOR+USA",
        "KOR",
        "JPN+KOR+USA",
        "KOR+USA",
        "KOR",
        "KOR+USA",
    ];

    #[test]
    fn the_order_in_which_batches_come_does_not_show() {
        let batches = batches(&MIXED);
        let end = batches.last().unwrap().end();
        let mut whole = Tally::new();
        for batch in &batches {
            whole.take(batch);
        }
        for order in
            [[0, 3, 4, 1, 2, 5], [0, 5, 1, 2, 3, 4], [0, 2, 4, 5, 1, 3], [0, 0, 3, 3, 1, 2]]
        {
            let mut tally = Tally::new();
            for place in order {
                tally.take(&batches[place]);
            }
            let reached = tally.size();
            assert!(reached == end || order == [0, 0, 3, 3, 1, 2]);
            for audience in whole.audiences() {
                for size in 0..=reached {
                    let expected = whole.count(&audience, size);
                    assert!(expected.is_some());
                    assert_eq!(
                        tally.count(&audience, size),
                        expected,
                        "{audience} {size} {order:?}"
                    );
                }
                assert_eq!(tally.count(&audience, reached + 1), None);
            }
        }
        let count = |audience: &str| whole.count(&audience.parse().unwrap(), end).unwrap().count;
        // An epoch entry for each audience is addressed to it too.
        assert_eq!((count("KOR+USA"), count("JPN+KOR+USA"), count("KOR")), (7, 4, 4));
        assert_eq!(count("JPN+KOR"), 0);
    }

    #[test]
    fn one_hidden_entry_shows_and_so_does_one_hidden_for_another() {
        let batches = batches(&MIXED);
        let (usa, audience) = ("USA".parse().unwrap(), "KOR+USA".parse::<Audience>().unwrap());
        let tally_without = |hidden: Option<u64>| {
            let mut tally = Tally::new();
            for batch in &batches {
                let copy = batch.for_audience(usa);
                tally.take(&copy.keep_whole(|entry| Some(entry.id().index) != hidden));
            }
            tally.count(&audience, tally.size()).unwrap()
        };
        let of_audience = |batch: &Batch| {
            let entries = batch.entries().filter(|entry| entry.header().audience == audience);
            entries.map(|entry| entry.id().index).collect::<Vec<_>>()
        };
        let indexes: Vec<u64> = batches.iter().flat_map(of_audience).collect();
        let all = tally_without(None);
        let mut seen = vec![all.digest];
        for index in indexes {
            let less = tally_without(Some(index));
            assert_eq!(less.count, all.count - 1);
            assert!(!seen.contains(&less.digest), "entry {index}");
            seen.push(less.digest);
        }
    }

    #[test]
    fn what_is_too_old_or_too_much_is_not_compared() {
        let audience: Audience = "KOR".parse().unwrap();
        let mut tally = Tally { audiences: vec![audience], ..Tally::new() };
        for index in 0..3 * RUNS_KEPT_MAX as u64 {
            tally.push(Run { from: index, to: index + 1, audience: (index % 2 == 0).then_some(0) });
        }
        let kept = RUNS_KEPT_MAX as u64;
        assert_eq!(tally.count(&audience, 2 * kept - 1), None);
        assert_eq!(tally.count(&audience, 2 * kept).unwrap().count, kept);
        assert_eq!(tally.count(&audience, 3 * kept).unwrap().count, 3 * kept / 2);
    }

    #[test]
    fn statements_are_bound_to_every_word() {
        let world = charter(&Realm::Operational, &["JPN-1", "KOR-1", "USA-1"], 1);
        let by: NodeId = "USA-1".parse().unwrap();
        let log = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let audience = "KOR+USA".parse().unwrap();
        let entries = EntryCount { count: 3, digest: [9; 32] };
        let (key, now) = (&world.secrets[&by].key, Timestamp::from_seconds(60));
        let realm = Realm::Operational;
        let made = CountStatement::sign(realm, by, (log, 7), (audience, entries), now, key);
        let bytes = made.to_bytes();
        let read = CountStatement::from_bytes(&bytes).unwrap();
        assert_eq!(read.clone().verify(&key.verifying_key()).unwrap(), made);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let good = CountStatement::from_bytes(&other)
                .is_ok_and(|read| read.verify(&key.verifying_key()).is_ok());
            assert!(!good, "byte {at} does not count");
            assert!(CountStatement::from_bytes(&bytes[..at]).is_err());
        }
        let beyond = CountStatement { size: 2, ..read };
        assert!(beyond.verify(&key.verifying_key()).is_err());
    }
}
