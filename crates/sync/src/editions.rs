//! Charters at run time: newer rosters and the next edition are checked, stored, put in force, and
//! passed on.
//!
//! ```text
//! operator or peer ─► compare ─► Store ─► Stored ─► in force: Output::CharterInForce
//!                                                      └► to every peer that lacks it
//! ```
//!
//! - A roster takes effect on its own root's signature; an edition once all that
//!   `Charter::check_successor` asks have signed.
//! - Nothing is used before it is durable: an entry header that names an edition the node could forget
//!   would run backwards after a crash.
//! - **In force here** is what an origin seals and releases by: a removed partner reads nothing sealed
//!   after its removal was received here. Headers name the edition, and each node tells its peers
//!   which edition and rosters it has ([`Standing`]), which the status shows.
//! - During the change-over nodes of successive editions keep talking: a hello of another edition is
//!   taken, the editions between are sent one after another, and entries of an edition that has not
//!   arrived yet are asked for again once it has.
//!
//! The notes `charter.0`, `charter.1`, ... in the store are the charter files put in force, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{NodeId, PartnerId};
use log::{Charter, Editions, Precedence, StoreRead, StoreReadExt, Write};

use crate::Error;
use crate::api::{CloseReason, Output, Severity};
use crate::findings::Finding;
use crate::limits;
use crate::node::{Node, Purpose, Turn};
use crate::peer::{Peer, send};
use crate::wire::{Message, Standing};

/// What this node knows of charters beside the one in force.
#[derive(Debug)]
pub(crate) struct EditionsHeld {
    /// Charter files put in force so far, oldest first; the last is in force.
    files: Vec<Arc<Charter>>,
    /// Notes in the store.
    noted: usize,
    /// Being stored, then put in force.
    pending: Option<Arc<Charter>>,
    /// Came while another was being stored.
    waiting: Vec<(Option<NodeId>, String)>,
    /// What each peer last said it has.
    of_peers: BTreeMap<NodeId, Standing>,
    warned_at: Option<base::Timestamp>,
}

/// What a node read from its store about charters.
#[derive(Clone, Debug)]
pub struct CharterHistory {
    /// Put in force so far, oldest first, the one in force last; never empty.
    files: Vec<Arc<Charter>>,
    /// How many of them are notes in the store.
    noted: usize,
}

impl CharterHistory {
    /// What is in force given the operator's `file` and what `store` remembers: the file, unless the
    /// store has newer.
    pub fn read(file: Charter, store: &impl StoreRead) -> Result<Self, Error> {
        let mut files: Vec<Arc<Charter>> = Vec::new();
        for number in 0..limits::CHARTERS_KEPT_MAX {
            let Some(value) = store.meta(&note_name(number))? else { break };
            let text = String::from_utf8_lossy(&value);
            let mut charter = Charter::parse_verify(&text)?;
            if let Some(before) = files.last() {
                charter.inherit(before);
            }
            files.push(Arc::new(charter));
        }
        let noted = files.len();
        let Some(last) = files.last() else {
            return Ok(Self { files: vec![Arc::new(file)], noted });
        };
        match last.compare(file.text())? {
            Editions::Newer(charter) => files.push(Arc::from(charter)),
            Editions::Known | Editions::Older => {}
            Editions::Later { .. } => {
                // The operator skipped editions; every root named in the file has signed it.
                let mut file = file;
                file.inherit(last);
                files.push(Arc::new(file));
            }
        }
        Ok(Self { files, noted })
    }

    /// The charter in force.
    pub fn in_force(&self) -> &Arc<Charter> {
        self.files.last().expect("there is always one")
    }
}

fn note_name(number: usize) -> String {
    format!("charter.{number}")
}

impl EditionsHeld {
    pub(crate) fn new(history: CharterHistory) -> Self {
        let CharterHistory { files, noted } = history;
        Self {
            files,
            noted,
            pending: None,
            waiting: Vec::new(),
            of_peers: BTreeMap::new(),
            warned_at: None,
        }
    }

    /// The texts of those put in force last, at most `count`, the one in force at the end.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &str> {
        let skipped = self.files.len().saturating_sub(count);
        self.files.iter().skip(skipped).map(|charter| charter.text())
    }

    /// The newest file of an edition.
    fn of_edition(&self, edition: u32) -> Option<&Arc<Charter>> {
        self.files.iter().rev().find(|charter| charter.edition() == edition)
    }

    pub(crate) const fn of_peers(&self) -> &BTreeMap<NodeId, Standing> {
        &self.of_peers
    }
}

/// The standing of a charter, as peers tell one another.
fn standing(charter: &Charter) -> Standing {
    let rosters = charter.rosters().iter();
    Standing {
        edition: charter.edition(),
        hash: charter.fingerprint().0,
        rosters: rosters.map(|(partner, roster)| (*partner, roster.number)).collect(),
    }
}

impl Node {
    /// Notes what is in force at the start, if the store does not know it yet.
    pub(crate) fn note_charter(&mut self, turn: &mut Turn<'_>) {
        let held = &self.editions;
        let missing: Vec<Write> = held.files[held.noted..]
            .iter()
            .enumerate()
            .map(|(i, charter)| note(held.noted + i, charter))
            .collect();
        if missing.is_empty() {
            return;
        }
        self.editions.noted = self.editions.files.len();
        self.store(Purpose::Note, Precedence::Flash, missing.into(), Vec::new(), turn);
    }

    /// What a charter file from the operator is to the one in force; changes nothing.
    pub fn compare_charter(&self, text: &str) -> Result<Editions, log::Error> {
        self.charter.compare(text)
    }

    /// What peers last said which edition and rosters they have.
    pub fn standings(&self) -> &BTreeMap<NodeId, Standing> {
        self.editions.of_peers()
    }

    /// What this node has in force.
    pub fn standing(&self) -> Standing {
        standing(&self.charter)
    }

    /// A charter file came from the operator or a peer.
    pub(crate) fn take_charter(&mut self, from: Option<NodeId>, text: &str, turn: &mut Turn<'_>) {
        if self.editions.pending.is_some() {
            if self.editions.waiting.len() < limits::CHARTERS_WAITING_MAX {
                self.editions.waiting.push((from, text.to_owned()));
            }
            return;
        }
        match self.charter.compare(text) {
            Ok(Editions::Newer(charter)) => self.store_charter(Arc::from(charter), turn),
            Ok(Editions::Known) => {}
            Ok(Editions::Older) => {
                if let Some(peer) = from {
                    self.send_newer(peer, turn);
                }
            }
            Ok(Editions::Later { edition }) => {
                let mine = self.charter.edition();
                let message =
                    format!("expected charter edition {} next, got edition {edition}", mine + 1);
                self.charter_finding(from, Severity::Warning, message, turn);
                if let Some(peer) = from {
                    self.tell_standing(peer, turn);
                }
            }
            Err(error) => {
                self.charter_finding(from, Severity::Error, error.to_string(), turn);
                if let Some(peer) = from {
                    self.refuse_frame(peer, turn);
                }
            }
        }
    }

    fn charter_finding(
        &mut self,
        from: Option<NodeId>,
        severity: Severity,
        message: String,
        turn: &mut Turn<'_>,
    ) {
        let source = from.map_or_else(|| self.me.to_string(), |peer| peer.to_string());
        let hint = Some("`watchfire charter diff` shows what is different and what is not signed");
        self.finding(Finding { topic: "charter", severity, source, message, hint }, turn);
    }

    fn store_charter(&mut self, next: Arc<Charter>, turn: &mut Turn<'_>) {
        if self.editions.noted >= limits::CHARTERS_KEPT_MAX {
            let max = limits::CHARTERS_KEPT_MAX;
            let message = format!("expected at most {max} charters and rosters, got one more");
            return self.charter_finding(None, Severity::Error, message, turn);
        }
        let writes = [note(self.editions.noted, &next)];
        self.editions.noted += 1;
        self.editions.pending = Some(next);
        self.store(Purpose::Charter, Precedence::Flash, writes.into(), Vec::new(), turn);
    }

    /// The store has it: put it in force.
    pub(crate) fn charter_stored(&mut self, turn: &mut Turn<'_>) {
        let next = self.editions.pending.take().expect("an operation answers what is stored");
        let before = std::mem::replace(&mut self.charter, next.clone());
        self.editions.files.push(next.clone());
        self.meet_peers(&before, turn);
        self.check_own_record(turn);
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            self.send_newer(peer, turn);
            self.tell_standing(peer, turn);
        }
        turn.out.push(Output::CharterInForce { charter: next });
        // What was refused because its edition was not known yet.
        let suspended = self.suspended_logs();
        let logs: Vec<_> = self.copies.iter().map(|(log, copy)| (*log, copy.received())).collect();
        for (log, from) in logs.into_iter().filter(|(log, _)| !suspended.contains(log)) {
            self.want(log.node, log, from, turn);
        }
        for (from, text) in std::mem::take(&mut self.editions.waiting) {
            self.take_charter(from, &text, turn);
        }
    }

    /// Nodes that came are met, nodes that went or have another TLS key are parted from.
    fn meet_peers(&mut self, before: &Charter, turn: &mut Turn<'_>) {
        let (me, charter) = (self.me, self.charter.clone());
        for (id, record) in charter.nodes().filter(|(id, _)| *id != me) {
            self.peers.entry(id).or_insert_with(Peer::new);
            let old = before.node(id).map(|old| old.tls_spki_sha256);
            if old.is_some_and(|old| old != record.tls_spki_sha256) {
                self.close(id, CloseReason::Mismatch, turn);
            }
        }
        let gone: Vec<NodeId> =
            self.peers.keys().copied().filter(|id| charter.node(*id).is_none()).collect();
        for id in gone {
            self.close(id, CloseReason::UnknownNode, turn);
            self.peers.remove(&id);
            self.editions.of_peers.remove(&id);
        }
    }

    /// The charter must still name this node's own keys.
    fn check_own_record(&mut self, turn: &mut Turn<'_>) {
        let me = self.me;
        let message = match self.charter.node(me) {
            None => format!("expected {me} on its partner's roster, got a roster without it"),
            Some(record) if record.key != self.secrets.key.verifying_key() => {
                format!("expected the keys {me} runs with on its roster, got newer ones")
            }
            Some(_) => return,
        };
        let hint = Some("stop this node, and start it with the keys its roster names");
        let (severity, source) = (Severity::Error, me.to_string());
        self.finding(Finding { topic: "own record", severity, source, message, hint }, turn);
    }

    /// Tells a peer what is in force here.
    pub(crate) fn tell_standing(&self, peer: NodeId, turn: &mut Turn<'_>) {
        if self.edition_with(peer) >= 2 {
            let message = Message::Standing(standing(&self.charter));
            send(peer, Precedence::Flash, &message, turn);
        }
    }

    /// A peer said what it has.
    pub(crate) fn on_standing(&mut self, peer: NodeId, theirs: Standing, turn: &mut Turn<'_>) {
        self.editions.of_peers.insert(peer, theirs);
        self.send_newer(peer, turn);
    }

    /// Sends a peer whose standing is known the next charter file it lacks.
    fn send_newer(&self, peer: NodeId, turn: &mut Turn<'_>) {
        let Some(theirs) =
            self.editions.of_peers.get(&peer).filter(|_| self.edition_with(peer) >= 2)
        else {
            return;
        };
        let mine = self.charter.edition();
        // One after another: an edition is taken after the one before it.
        let first = theirs.edition.saturating_add(1);
        for edition in first..=mine {
            if let Some(charter) = self.editions.of_edition(edition) {
                let text = charter.text().to_owned();
                send(peer, Precedence::Flash, &Message::Charter(text), turn);
            }
        }
        let number = |partner: &PartnerId| theirs.rosters.get(partner).copied().unwrap_or(0);
        let newer = |(partner, roster): (&PartnerId, &log::Roster)| roster.number > number(partner);
        if theirs.edition == mine && self.charter.rosters().iter().any(newer) {
            let text = self.charter.text().to_owned();
            send(peer, Precedence::Flash, &Message::Charter(text), turn);
        }
    }

    /// Whether a hello of another edition or agreement may be taken: successive editions talk, two
    /// agreements of one number do not.
    pub(crate) fn charter_fits(&self, edition: u32, hash: &[u8; 32]) -> bool {
        match self.editions.of_edition(edition) {
            Some(known) => known.fingerprint().0 == *hash,
            // Newer, and it will be sent; or older than anything kept here.
            None => true,
        }
    }

    /// Warns of what runs out, once a day of the node's clock.
    pub(crate) fn warn_of_expiry(&mut self, turn: &mut Turn<'_>) {
        let due = |at: base::Timestamp| turn.now - at >= limits::EXPIRY_WARNED_EVERY;
        if !self.editions.warned_at.is_none_or(due) {
            return;
        }
        self.editions.warned_at = Some(turn.now);
        for ending in self.charter.expiring(turn.now) {
            let own = ending.partner.is_none_or(|partner| partner == self.me.partner());
            let severity = if own && ending.days < 0 { Severity::Error } else { Severity::Warning };
            let message = if ending.days < 0 {
                format!(
                    "expected {} to be replaced by {}, got no newer",
                    ending.what, ending.expires
                )
            } else {
                format!("{} end on {}, within {} days", ending.what, ending.expires, ending.days)
            };
            let hint = Some("replace them with `watchfire keys` and `watchfire charter roster`");
            let source = ending.what;
            self.finding(Finding { topic: "expiry", severity, source, message, hint }, turn);
        }
    }
}

fn note(number: usize, charter: &Charter) -> Write {
    Write::Meta { name: note_name(number), value: charter.text().as_bytes().to_vec() }
}
