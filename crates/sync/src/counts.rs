//! How many entries of a log an audience has, compared between its members: an entry hidden from one of
//! them shows.
//!
//! At each pulse a node states what it has to every peer that may know: for each log and each audience
//! that both belong to, a size, the number of entries for the audience below it and a digest of their
//! places. The log's own node states it too. Whoever has come to the same size compares, the members
//! with each other and each of them with the origin, so that it does not help to tell each of them
//! something else; statements that came early wait. Nothing is stated to a partner about an audience
//! it does not belong to, or that the origin withholds from it.
//!
//! Two statements of an origin that contradict each other are kept in the store, under the note
//! `counts/<log>/<audience>`: two times a length (u16, big-endian) and a statement, as the log crate
//! draws it.

use std::collections::{BTreeMap, VecDeque};

use base::{NodeId, PartnerId};
use log::{Audience, Batch, CountStatement, EntryCount, LogId, Precedence, Tally, Verified, Write};

use crate::api::Severity;
use crate::bugs::{self, Bug};
use crate::findings::Finding;
use crate::limits;
use crate::node::{Node, Purpose, Turn};
use crate::peer::send;
use crate::wire::Message;

type Stated = Verified<CountStatement>;

/// The counts of one log.
#[derive(Debug, Default)]
pub(crate) struct LogCounts {
    tally: Tally,
    /// The newest statements of the log's own node, oldest first.
    of_origin: BTreeMap<Audience, VecDeque<Stated>>,
    /// The newest statement of each node about a size this copy has not come to.
    ahead: BTreeMap<(NodeId, Audience), Stated>,
    /// Differences that were told: how many more the other had.
    told: BTreeMap<(NodeId, Audience), i128>,
}

impl LogCounts {
    /// A batch became part of the log.
    pub(crate) fn take(&mut self, batch: &Batch) {
        self.tally.take(batch);
    }

    /// Keeps a statement of the log's own node; gives an earlier one that contradicts it.
    fn keep_of_origin(&mut self, statement: &Stated) -> Option<Stated> {
        let kept = self.of_origin.entry(statement.audience).or_default();
        if let Some(same) = kept.iter().find(|kept| kept.size == statement.size) {
            return (same.entries != statement.entries).then(|| same.clone());
        }
        kept.push_back(statement.clone());
        if kept.len() > limits::ORIGIN_COUNTS_KEPT_MAX {
            kept.pop_front();
        }
        None
    }

    /// What waited for the size this copy has now come to.
    fn reached(&mut self) -> Vec<Stated> {
        let size = self.tally.size();
        let ripe = self.ahead.extract_if(.., |_, statement| statement.size <= size);
        ripe.map(|(_, statement)| statement).collect()
    }
}

/// Up to which size of each log each audience was told on one connection.
pub(crate) type CountsTold = BTreeMap<(LogId, Audience), u64>;

impl Node {
    /// Whether two partners may compare counts of what `origin` says to `audience`.
    fn may_compare(&self, origin: PartnerId, audience: &Audience, with: PartnerId) -> bool {
        let reads = |partner| self.charter.sight(origin, partner, audience).is_whole();
        reads(self.me.partner()) && reads(with)
    }

    fn log_counts(&mut self, log: &LogId) -> Option<&mut LogCounts> {
        if self.is_own_lane(log) {
            return self.lanes.get_mut(&log.lane).map(|lane| &mut lane.counts);
        }
        let copy = self.copies.get_mut(log).filter(|_| log.node != self.me);
        copy.map(|copy| &mut copy.counts)
    }

    /// Up to where counts of a log can be compared, at most `size`: not where its sender lacked entries
    /// itself.
    fn countable(&self, log: &LogId, size: u64) -> u64 {
        self.unseen(log).map_or(size, |unseen| unseen.min(size))
    }

    /// States to every peer what is here of each audience both belong to, where it has grown.
    pub(crate) fn state_counts(&mut self, turn: &mut Turn<'_>) {
        let peers: Vec<NodeId> =
            self.peers.keys().copied().filter(|peer| self.edition_with(*peer) >= 2).collect();
        if peers.is_empty() {
            return;
        }
        let mut news: BTreeMap<NodeId, Vec<Vec<u8>>> = BTreeMap::new();
        for (log, size) in self.durable_sizes() {
            if self.is_suspended(&log) {
                continue;
            }
            let size = self.countable(&log, size);
            let Some(counts) = self.log_counts(&log) else { continue };
            let audiences = counts.tally.audiences();
            let counted: Vec<(Audience, EntryCount)> = audiences
                .filter_map(|audience| Some((audience, counts.tally.count(&audience, size)?)))
                .collect();
            for (audience, entries) in counted {
                let mut due = peers.clone();
                due.retain(|peer| {
                    self.may_compare(log.node.partner(), &audience, peer.partner())
                        && self.tell_count(*peer, (log, audience), size)
                });
                if due.is_empty() {
                    continue;
                }
                let made = CountStatement::sign(
                    self.charter.realm().clone(),
                    self.me,
                    (log, size),
                    (audience, entries),
                    turn.now,
                    &self.secrets.key,
                );
                for peer in due {
                    news.entry(peer).or_default().push(made.to_bytes());
                }
            }
        }
        for (peer, statements) in news {
            for part in statements.chunks(limits::COUNTS_PER_FRAME_MAX) {
                let message = Message::Counts(part.to_vec());
                send(peer, Precedence::Routine, &message, turn);
            }
        }
    }

    /// Whether a peer has not been told this size on its connection; it counts as told from here on.
    /// An audience for which nothing came is told all the same: that is what is compared.
    fn tell_count(&mut self, peer: NodeId, of: (LogId, Audience), size: u64) -> bool {
        let session = self.peers.get_mut(&peer).and_then(|peer| peer.session.as_mut());
        session.is_some_and(|session| session.counts_told.insert(of, size) != Some(size))
    }

    /// Counts are to be told again: a line may have swallowed them.
    pub(crate) fn state_counts_again(&mut self) {
        let sessions = self.peers.values_mut().filter_map(|peer| peer.session.as_mut());
        sessions.for_each(|session| session.counts_told.clear());
    }

    /// A peer stated what it has, or passed on what an origin stated.
    pub(crate) fn on_counts(&mut self, peer: NodeId, statements: &[Vec<u8>], turn: &mut Turn<'_>) {
        for bytes in statements {
            let statement = match CountStatement::from_bytes(bytes) {
                Ok(statement) => statement,
                Err(error) => return self.refuse_note(peer, error.to_string(), turn),
            };
            if let Err(message) = self.check_sender(peer, &statement) {
                return self.refuse_note(peer, message, turn);
            }
            let origin = statement.log.node;
            let by = statement.by.partner();
            let known = self.charter.node(statement.by).map(|record| record.key);
            // Of another edition of the charter, withheld, or suspended: nothing to compare.
            let Some(key) = known.filter(|_| {
                self.charter.allows(origin.partner(), &statement.audience)
                    && self.may_compare(origin.partner(), &statement.audience, by)
                    && !self.is_suspended(&statement.log)
            }) else {
                continue;
            };
            match statement.verify(&key) {
                Ok(statement) => self.take_count(peer, statement, turn),
                Err(error) => return self.refuse_note(peer, error.to_string(), turn),
            }
        }
    }

    fn check_sender(&self, peer: NodeId, statement: &CountStatement) -> Result<(), String> {
        let CountStatement { by, log, audience, realm, .. } = statement;
        if realm != self.charter.realm() {
            return Err(format!("expected counts of `{}`, got `{realm}`", self.charter.realm()));
        }
        if *by != peer && *by != log.node {
            return Err(format!("expected counts by {peer} or {}, got {by}'s", log.node));
        }
        if !audience.contains(self.me.partner()) || !audience.contains(by.partner()) {
            return Err(format!("expected counts for members to a member, got {audience}'s"));
        }
        Ok(())
    }

    fn take_count(&mut self, peer: NodeId, statement: Stated, turn: &mut Turn<'_>) {
        let log = statement.log;
        let Some(counts) = self.log_counts(&log) else { return };
        if statement.by == log.node
            && let Some(other) = counts.keep_of_origin(&statement)
        {
            self.tell_contradiction(peer, &other, &statement, turn);
        }
        self.compare_count(statement, turn);
    }

    /// Compares what waited for what a copy has now come to.
    pub(crate) fn compare_counts_ahead(&mut self, log: LogId, turn: &mut Turn<'_>) {
        let ripe = self.log_counts(&log).map(LogCounts::reached).unwrap_or_default();
        for statement in ripe {
            self.compare_count(statement, turn);
        }
    }

    fn compare_count(&mut self, statement: Stated, turn: &mut Turn<'_>) {
        let CountStatement { by, log, size, audience, entries: theirs, .. } = *statement;
        let own = self.is_own_lane(&log);
        let countable = self.countable(&log, size) == size;
        let Some(counts) = self.log_counts(&log).filter(|_| !bugs::has(Bug::SkipCountCheck)) else {
            return;
        };
        let Some(mine) = counts.tally.count(&audience, size) else {
            // Too long ago to be compared, or still to come; more of an own log than there is, is
            // nothing this node has to answer for.
            if size > counts.tally.size() && !own {
                counts.ahead.insert((by, audience), statement);
            }
            return;
        };
        if !countable {
            return;
        }
        if mine == theirs {
            counts.told.remove(&(by, audience));
            return;
        }
        let more = i128::from(theirs.count) - i128::from(mine.count);
        if counts.told.insert((by, audience), more) == Some(more) {
            return;
        }
        self.counters.counts_differ += 1;
        self.tell_difference(&statement, mine.count, turn);
        self.pass_on_origins_word(by, log, audience, turn);
    }

    /// Who lacks entries of an audience, as far as two counts say it.
    fn tell_difference(&mut self, statement: &CountStatement, mine: u64, turn: &mut Turn<'_>) {
        let CountStatement { by, log, size, audience, entries: theirs, .. } = statement;
        let (origin, theirs) = (log.node, theirs.count);
        let says = if *by == origin { "says it sent" } else { "has" };
        let lacks = match theirs.cmp(&mine) {
            std::cmp::Ordering::Less => format!("some are hidden from {by}"),
            std::cmp::Ordering::Greater => "some are hidden from this node".to_owned(),
            std::cmp::Ordering::Equal => "each has some that the other has not".to_owned(),
        };
        let message = format!(
            "expected the {theirs} entries of {log} for {audience} below {size} that {by} {says}, \
             got {mine} here: {lacks}"
        );
        let hint = if origin == self.me {
            "run `watchfire why` with the entry and the partner that lacks it"
        } else {
            "speak to the partner whose log it is: a member of the audience is not shown everything; \
             if it withheld for a time, these are entries of that time"
        };
        let (severity, source) = (Severity::Error, log.to_string());
        self.finding(
            Finding { topic: "counts", severity, source, message, hint: Some(hint) },
            turn,
        );
    }

    /// Shows a member whose count differs what the origin told this node: if the origin told each of
    /// them something else, its signatures say so.
    fn pass_on_origins_word(
        &mut self,
        to: NodeId,
        log: LogId,
        audience: Audience,
        turn: &mut Turn<'_>,
    ) {
        if to == log.node || self.edition_with(to) < 2 {
            return;
        }
        let Some(counts) = self.log_counts(&log) else { return };
        let words = counts.of_origin.get(&audience).into_iter().flatten();
        let words: Vec<Vec<u8>> = words.map(|statement| statement.to_bytes()).collect();
        if !words.is_empty() {
            send(to, Precedence::Routine, &Message::Counts(words), turn);
        }
    }

    /// An origin told two members different things.
    fn tell_contradiction(
        &mut self,
        peer: NodeId,
        one: &CountStatement,
        other: &CountStatement,
        turn: &mut Turn<'_>,
    ) {
        let CountStatement { log, size, audience, entries, .. } = one;
        let message = format!(
            "expected one count of {log} for {audience} below {size} from {}, got {} and, by way of \
             {peer}, {}",
            log.node, entries.count, other.entries.count
        );
        let hint = "speak to the partner: its node signed both; they are kept in the store";
        let (severity, source) = (Severity::Error, log.to_string());
        self.finding(
            Finding { topic: "counts told", severity, source, message, hint: Some(hint) },
            turn,
        );
        let mut value = Vec::new();
        for statement in [one, other] {
            let bytes = statement.to_bytes();
            let length = u16::try_from(bytes.len()).expect("statements are below 64 KiB");
            value.extend_from_slice(&length.to_be_bytes());
            value.extend_from_slice(&bytes);
        }
        let writes = [Write::Meta { name: format!("counts/{log}/{audience}"), value }];
        self.store(Purpose::Note, Precedence::Routine, writes.into(), Vec::new(), turn);
    }
}
