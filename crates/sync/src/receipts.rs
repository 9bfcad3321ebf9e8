//! Cosignatures: given for what is held here, taken for what partners hold.

use std::collections::BTreeMap;
use std::ops::Range;

use base::{NodeId, Timestamp};
use log::{
    Checkpoint, Cosignature, CosignatureKind, HoldsRange, LogId, Observation, Precedence,
    RejectReason, SignedCheckpoint, Verified, Write,
};

use crate::api::{Output, Severity};
use crate::findings::Finding;
use crate::history::History;
use crate::limits;
use crate::mirrored::Mirrored;
use crate::node::{Node, Purpose, Turn};
use crate::outgoing::Outgoing;
use crate::peer::send;
use crate::wire::Message;

/// Receipts that wait for the store: the newest of each log, node and kind.
#[derive(Debug, Default)]
pub(crate) struct ReceiptQueue {
    waiting: BTreeMap<(LogId, NodeId, CosignatureKind), Verified<Cosignature>>,
    ranges: BTreeMap<(LogId, NodeId), Verified<HoldsRange>>,
    /// What newer ones replaced.
    pub(crate) history: History,
    in_flight: bool,
}

impl ReceiptQueue {
    pub(crate) fn stored(&mut self) {
        self.in_flight = false;
    }
}

impl Node {
    /// Whether the store has every receipt that came.
    pub fn receipts_stored(&self) -> bool {
        let ReceiptQueue { waiting, ranges, in_flight, .. } = &self.receipts;
        !*in_flight && waiting.is_empty() && ranges.is_empty()
    }
}

/// What a partner states about a checkpoint.
enum Statement {
    Cosignature(Verified<Cosignature>),
    Range(Verified<HoldsRange>),
}

/// The first bytes of a range receipt.
const RANGE_MAGIC: &[u8] = b"WFH";

impl Node {
    /// States what is held here about a log to its origin.
    pub(crate) fn cosign(&mut self, log: LogId, turn: &mut Turn<'_>) {
        if self.is_greeted(log.node) {
            for message in self.stated(&log, log.node, turn.now) {
                send(log.node, log.lane, &message, turn);
            }
        }
    }

    /// What is stated to `to` about a log held here: receipts to its origin, those above and below a gap
    /// too; a cross-check to others.
    pub(crate) fn stated(&self, log: &LogId, to: NodeId, now: Timestamp) -> Vec<Message> {
        let copy = self.copies.get(log).filter(|_| log.node != self.me);
        let copy = copy.filter(|_| !self.is_suspended(log));
        let Some((copy, checkpoint)) = copy.and_then(|copy| Some((copy, copy.checkpoint()?)))
        else {
            return Vec::new();
        };
        if log.node != to {
            return vec![self.cosigned(checkpoint, &[CosignatureKind::Witness], now)];
        }
        let kinds: &[CosignatureKind] = if copy.holds_all() {
            &[CosignatureKind::Witness, CosignatureKind::Holds]
        } else {
            &[CosignatureKind::Witness]
        };
        let mut newest = self.cosigned(checkpoint, kinds, now);
        if let (Some(range), Message::Cosigned { cosignatures, .. }) =
            (copy.held_above_gap(), &mut newest)
        {
            let receipt = HoldsRange::sign(self.me, range, checkpoint, now, &self.secrets.holds);
            cosignatures.push(receipt.to_bytes());
        }
        let below = copy.checkpoint_below();
        let below = below.map(|below| self.cosigned(below, &[CosignatureKind::Holds], now));
        [newest].into_iter().chain(below).collect()
    }

    pub(crate) fn cosigned(
        &self,
        checkpoint: &Verified<SignedCheckpoint>,
        kinds: &[CosignatureKind],
        now: Timestamp,
    ) -> Message {
        let sign = |kind: &CosignatureKind| {
            let key = match kind {
                CosignatureKind::Witness => &self.secrets.witness,
                CosignatureKind::Holds => &self.secrets.holds,
            };
            Cosignature::sign(*kind, self.me, checkpoint, now, key).to_bytes()
        };
        Message::Cosigned {
            checkpoint: checkpoint.to_bytes(),
            cosignatures: kinds.iter().map(sign).collect(),
        }
    }

    /// Tells every other node what was witnessed since the last round.
    pub(crate) fn cross_check(&mut self, turn: &mut Turn<'_>) {
        if self.cross_check_at.is_some_and(|at| turn.elapsed < at) {
            return;
        }
        self.cross_check_at = Some(turn.elapsed + self.config.scale(limits::CROSS_CHECK_EVERY));
        if self.cross_check_again_at.is_none_or(|at| turn.elapsed >= at) {
            let again = self.config.scale(limits::CROSS_CHECK_AGAIN);
            self.cross_check_again_at = Some(turn.elapsed + again);
            self.copies.values_mut().for_each(Mirrored::cross_check_again);
            self.tell_contested(turn);
            self.state_counts_again();
        }
        self.gossip(turn);
        let (mut news, mut below) = (Vec::new(), Vec::new());
        let suspended = self.suspended_logs();
        for (log, copy) in &mut self.copies {
            if log.node != self.me && !suspended.contains(log) {
                news.extend(copy.news_to_cross_check());
                below.extend(copy.news_below());
            }
        }
        for checkpoint in below {
            let log = checkpoint.checkpoint.log;
            let message = self.cosigned(&checkpoint, &[], turn.now);
            for peer in self.peers.keys().copied().filter(|peer| *peer != log.node) {
                if self.edition_with(peer) >= 2 {
                    send(peer, Precedence::Routine, &message, turn);
                }
            }
        }
        for checkpoint in news {
            let log = checkpoint.checkpoint.log;
            let others = self.peers.keys().copied().filter(|peer| *peer != log.node);
            let others: Vec<NodeId> = others.filter(|peer| self.is_greeted(*peer)).collect();
            if others.is_empty() {
                continue;
            }
            let message = self.cosigned(&checkpoint, &[CosignatureKind::Witness], turn.now);
            for peer in others {
                send(peer, Precedence::Routine, &message, turn);
            }
        }
    }

    /// A peer sent a checkpoint with cosignatures.
    pub(crate) fn on_cosigned(
        &mut self,
        peer: NodeId,
        checkpoint: &[u8],
        cosignatures: &[Vec<u8>],
        turn: &mut Turn<'_>,
    ) {
        let checkpoint = match SignedCheckpoint::from_bytes(checkpoint) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return self.refuse_note(peer, error.to_string(), turn),
        };
        let mut verified = Vec::new();
        for bytes in cosignatures {
            match self.verify_statement(&checkpoint.checkpoint, bytes) {
                Ok(statement) => verified.push(statement),
                Err(error) => return self.refuse_note(peer, error.to_string(), turn),
            }
        }
        if checkpoint.checkpoint.log.node == self.me {
            self.take_receipts(peer, checkpoint, verified, turn);
        } else {
            self.take_cross_check(peer, &checkpoint, &verified, turn);
        }
    }

    fn verify_statement(
        &self,
        checkpoint: &Checkpoint,
        bytes: &[u8],
    ) -> Result<Statement, log::Error> {
        if !bytes.starts_with(RANGE_MAGIC) {
            return self.verify_cosignature(checkpoint, bytes).map(Statement::Cosignature);
        }
        let receipt = HoldsRange::from_bytes(bytes)?;
        let unknown = || log::Error::NotInCharter {
            what: "a node that states what it holds",
            got: receipt.by.to_string(),
            edition: self.charter.edition(),
        };
        let key = self.charter.node(receipt.by).ok_or_else(unknown)?.holds;
        if receipt.checkpoint != *checkpoint {
            let whose = receipt.by.to_string();
            return Err(log::Error::Signature { whose, over: "the checkpoint it came with" });
        }
        receipt.verify(&key).map(Statement::Range)
    }

    fn verify_cosignature(
        &self,
        checkpoint: &Checkpoint,
        bytes: &[u8],
    ) -> Result<Verified<Cosignature>, log::Error> {
        let cosignature = Cosignature::from_bytes(bytes)?;
        let unknown = || log::Error::NotInCharter {
            what: "a cosigner",
            got: cosignature.by.to_string(),
            edition: self.charter.edition(),
        };
        let record = self.charter.node(cosignature.by).ok_or_else(unknown)?;
        let key = match cosignature.kind {
            CosignatureKind::Witness => record.witness,
            CosignatureKind::Holds => record.holds,
        };
        if cosignature.checkpoint != *checkpoint {
            let whose = cosignature.by.to_string();
            return Err(log::Error::Signature { whose, over: "the checkpoint it came with" });
        }
        cosignature.verify(&key)
    }

    pub(crate) fn refuse_note(&mut self, peer: NodeId, message: String, turn: &mut Turn<'_>) {
        self.counters.notes_refused += 1;
        self.warn("note", &peer, message, turn);
        self.refuse_frame(peer, turn);
    }

    /// Receipts for an own log.
    fn take_receipts(
        &mut self,
        peer: NodeId,
        checkpoint: SignedCheckpoint,
        statements: Vec<Statement>,
        turn: &mut Turn<'_>,
    ) {
        let stated = checkpoint.checkpoint.clone();
        let (log, size) = (stated.log, stated.size);
        let known = self.lanes.get(&log.lane).filter(|lane| lane.log() == log);
        let known = known.and_then(|lane| lane.root_at(size));
        let mine = match known {
            Some(root) if *root == stated.root => true,
            _ => {
                let key = self.charter.log_key(&log, size);
                key.is_some_and(|key| checkpoint.verify(&key).is_ok())
            }
        };
        if !mine {
            let message = "expected receipts for a checkpoint this node signed, got another";
            return self.refuse_note(peer, message.to_owned(), turn);
        }
        if known.is_some_and(|root| *root != stated.root)
            || self.durable_size(&log).is_none_or(|have| have < size)
        {
            // An old log whose tail is still coming back is as it should be.
            if self.is_own_lane(&log) {
                self.warn_of_own_fork(log, peer, turn);
            }
            return;
        }
        for statement in statements {
            match statement {
                Statement::Cosignature(made) => self.take_receipt(log, size, made, turn),
                Statement::Range(receipt) => self.take_range(log, receipt, turn),
            }
        }
    }

    /// Asks a peer to state again what it holds of this node's lanes, where it has reported more
    /// durable than it has cosigned: its cosignatures were lost on the way.
    pub(crate) fn ask_for_receipts(&mut self, id: NodeId, turn: &mut Turn<'_>) {
        let every = self.config.scale(limits::RESTATE_EVERY);
        let Some(session) = self.peers.get_mut(&id).and_then(|peer| peer.session.as_mut()) else {
            return;
        };
        if turn.elapsed - session.restated_at < every {
            return;
        }
        session.restated_at = turn.elapsed;
        let lacking = |(log, outgoing): (&LogId, &Outgoing)| {
            let evidence = self.evidence.get(log)?;
            (evidence.stated(id).witness < outgoing.held()).then_some(*log)
        };
        let logs: Vec<LogId> = session.outgoing.iter().filter_map(lacking).collect();
        for log in logs {
            send(id, log.lane, &Message::Restate { log }, turn);
        }
    }

    /// A partner has more of a current lane than the store knows: nobody but this node's key could
    /// have made it.
    pub(crate) fn warn_of_own_fork(&mut self, log: LogId, peer: NodeId, turn: &mut Turn<'_>) {
        let message = format!(
            "expected no more of {log} than this store has, got more of it back from {peer}"
        );
        self.finding(
            Finding {
                topic: "fork",
                severity: Severity::Error,
                source: log.to_string(),
                message,
                hint: Some(
                    "stop the node and remove its high-water file: it was put back together with \
                     the store, and a new incarnation must begin",
                ),
            },
            turn,
        );
    }

    fn take_receipt(
        &mut self,
        log: LogId,
        size: u64,
        cosignature: Verified<Cosignature>,
        turn: &mut Turn<'_>,
    ) {
        let (by, kind) = (self.receipt_by(cosignature.by), cosignature.kind);
        let evidence = self.evidence.entry(log).or_default();
        let Some(before) = evidence.state(by, kind, size) else { return };
        turn.out.push(Output::Receipt { log, size, by, kind });
        self.receipts.history.replace(cosignature.clone().into());
        self.receipts.waiting.insert((log, by, kind), cosignature);
        if kind == CosignatureKind::Holds {
            self.tell_waiting(log, before..size, turn);
        }
    }

    fn take_range(&mut self, log: LogId, receipt: Verified<HoldsRange>, turn: &mut Turn<'_>) {
        let (by, from, to) = (receipt.by, receipt.from, receipt.to);
        let evidence = self.evidence.entry(log).or_default();
        let Some(news) = evidence.state_range(by, from..to) else { return };
        turn.out.push(Output::RangeReceipt { log, from, to, by });
        self.receipts.history.replace(receipt.clone().into());
        self.receipts.ranges.insert((log, by), receipt);
        self.tell_waiting(log, news, turn);
    }

    /// Entries of an own log gained a holder: what waited for it may be acknowledged.
    fn tell_waiting(&mut self, log: LogId, range: Range<u64>, turn: &mut Turn<'_>) {
        for (first, entry, ticket) in self.tickets.between(log, range.start, range.end) {
            let holders = self.holders_of(first, &entry);
            self.tickets.held(entry, ticket, &holders, turn.out);
        }
    }

    /// Writes the receipts that wait, one operation at a time and once a tick: nobody waits for it, and a
    /// FLASH entry is not to find the store busy with them. Those lost in a crash are asked for again.
    pub(crate) fn flush_receipts(&mut self, turn: &mut Turn<'_>) {
        let ReceiptQueue { waiting, ranges, history, in_flight } = &mut self.receipts;
        if *in_flight || (waiting.is_empty() && ranges.is_empty()) {
            return;
        }
        *in_flight = true;
        let cosignatures = std::mem::take(waiting).into_values().map(Write::Cosignature);
        let ranges = std::mem::take(ranges).into_values().map(Write::Receipt);
        let replaced = history.drain().map(Write::History);
        let writes: Vec<Write> = cosignatures.chain(ranges).chain(replaced).collect();
        self.store(Purpose::Receipts, Precedence::Routine, writes.into(), Vec::new(), turn);
    }

    /// What another node witnessed of a log mirrored here too.
    fn take_cross_check(
        &mut self,
        peer: NodeId,
        checkpoint: &SignedCheckpoint,
        statements: &[Statement],
        turn: &mut Turn<'_>,
    ) {
        let log = checkpoint.checkpoint.log;
        let size = checkpoint.checkpoint.size;
        let witnesses = statements.iter().filter_map(|statement| match statement {
            Statement::Cosignature(made) => Some(made),
            Statement::Range(_) => None,
        });
        let Some(copy) = self.copies.get_mut(&log) else { return };
        let same = copy.root_at(size) == Some(&checkpoint.checkpoint.root);
        match copy.mirror().observe(checkpoint.clone(), &self.charter) {
            Ok(seen) if same || seen == Observation::Confirmed => {
                for made in witnesses {
                    copy.confirm(made.by, size);
                    copy.heard.hear(made.by, peer, checkpoint, made.to_bytes());
                }
            }
            Ok(Observation::Ahead) => {
                for made in witnesses {
                    copy.confirm_later(made.by, checkpoint.clone());
                    copy.heard.hear(made.by, peer, checkpoint, made.to_bytes());
                }
            }
            Ok(_) => {}
            Err(RejectReason::Equivocation(proof)) => self.convict(*proof, peer, turn),
            Err(reason) => self.refuse_note(peer, reason.to_string(), turn),
        }
    }
}
