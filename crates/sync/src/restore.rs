//! From a store to a running node.
//!
//! Reads every batch once, tells every statement again, and decides whether this node's own logs may
//! be continued: a store that lacks what the high-water file says was signed was put back, and
//! continuing would sign a second history, so the node begins a new incarnation that cites the old
//! logs. Their lost tail comes back from partners.
//!
//! The note `incarnation` in the store is: incarnation 16 | the logs it cites, to the end, each
//! log 22 | size u64 | root 32. It is written with the first batch of each lane.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use base::{NodeId, Timestamp};
use log::rand_core::CryptoRng;
use log::{
    Batch, CosignatureKind, Entry, Fact, HighWater, Incarnation, IncarnationCause,
    IncarnationStart, LaneMirror, LaneWriter, LogHead, LogId, LogState, Precedence,
    SignedCheckpoint, Statement, StoreRead, StoreReadExt, Verified, VerifyingKey, Write, kinds,
};

use crate::Error;
use crate::api::{Arrival, Output, Severity};
use crate::bugs::{self, Bug};
use crate::carry::Carried;
use crate::editions::CharterHistory;
use crate::findings::Finding;
use crate::gap::Gap;
use crate::jump;
use crate::late::Late;
use crate::limits;
use crate::mirrored::Mirrored;
use crate::node::{Node, NodeParts, Setup, Turn};
use crate::own::{Lane, tell};

/// The name of the note that says which incarnation the store belongs to.
pub(crate) const INCARNATION_NOTE: &str = "incarnation";
/// Batches read at once.
const BATCHES_AT_ONCE: usize = 256;
/// Newest epoch entries of a log kept to be opened when a body needs them: a log in use has one a
/// lane, audience and start of its node's process.
const EPOCHS_KEPT_MAX: usize = 64;

impl Node {
    /// A node that goes on from `store`; the outputs are its statements again, and what it has to say
    /// about the store.
    ///
    /// `high_water` is the content of the high-water file, nothing if there is no file. `now` is the
    /// node's clock.
    pub fn restore(
        setup: Setup,
        store: &impl StoreRead,
        high_water: Option<&HighWater>,
        now: Timestamp,
        entropy: &mut dyn CryptoRng,
    ) -> Result<(Self, Vec<Output>), Error> {
        let me = setup.secrets.node;
        let mut setup = setup;
        let charters = CharterHistory::read((*setup.charter).clone(), store)?;
        setup.charter = charters.in_force().clone();
        check_keys(&setup)?;
        let heads = store.heads()?;
        let note = read_note(store)?;
        let retired = |incarnation: &Incarnation| retired(&setup, incarnation);
        let life = Life::decide(me, &heads, note.as_ref(), high_water, store, &retired, entropy)?;
        let lanes = Precedence::ALL.map(|lane| {
            let log = LogId { node: me, lane, incarnation: life.incarnation };
            let head = heads.iter().find(|head| head.log == log).cloned();
            let noted = head.is_some();
            let head = head.unwrap_or_else(|| LogHead::start(log));
            let (realm, key) = (setup.secrets.realm.clone(), setup.secrets.key.clone());
            (lane, Lane::new(LaneWriter::new(realm, &head, key), noted))
        });
        let mut process = [0; 16];
        entropy.fill_bytes(&mut process);
        let mut node = Self::new(NodeParts {
            setup,
            charters,
            process,
            incarnation: life.incarnation,
            incarnation_note: life.note(),
            lanes: BTreeMap::from(lanes),
        });
        let mut out = Vec::new();
        let elapsed = Timestamp::from_seconds(0);
        let mut turn = Turn { now, elapsed, entropy, out: &mut out };
        for head in heads {
            node.restore_log(store, head, &mut turn)?;
        }
        for peer in node.peers.keys().copied().collect::<Vec<_>>() {
            let note = store.meta(&Carried::name(peer))?;
            if let Some(carried) = note.as_deref().and_then(Carried::read) {
                node.carried.insert(peer, carried);
            }
        }
        for proof in store.equivocations()? {
            node.restore_proof(&proof);
        }
        node.restore_apart(&store.apart(None)?, &mut turn)?;
        node.note_charter(&mut turn);
        node.begin(&life, &mut turn);
        node.flush(&mut turn);
        Ok((node, out))
    }

    fn restore_log(
        &mut self,
        store: &impl StoreRead,
        head: LogHead,
        turn: &mut Turn<'_>,
    ) -> Result<(), Error> {
        let log = head.log;
        let own = log.node == self.me;
        let current = self.is_current(&log);
        if current && !head.jumps.is_empty() {
            let got = format!("{log} with a gap");
            return Err(Error::Restore { expected: "own logs without a gap", got });
        }
        let held: Vec<Range<u64>> = std::iter::once(0..head.size()).chain(head.islands()).collect();
        if !current {
            let (realm, partner) = (self.charter.realm().clone(), self.me.partner());
            let copy = Mirrored::new(LaneMirror::new(realm, partner, head));
            self.copies.insert(log, copy);
            if let Some(value) = store.meta(&Gap::name(&log))? {
                let gap = Gap::read(&value).ok_or_else(|| Error::Restore {
                    expected: "a gap as notes tell it",
                    got: format!("{} bytes about {log}", value.len()),
                })?;
                self.copy_mut(&log).add_gap(Some(gap));
            }
            if let Some(value) = store.meta(&Late::name(&log))? {
                self.copy_mut(&log).late = Late::read(&value).unwrap_or_default();
            }
        }
        let mut epochs = VecDeque::new();
        for part in held {
            self.restore_part(store, log, part, &mut epochs, turn)?;
        }
        if !current && let Some(value) = store.meta(&jump::note_name(&log))? {
            // The checkpoint of the last jump as it was stored.
            let (checkpoint, key) = self.verify_stored(&SignedCheckpoint::from_bytes(&value)?)?;
            let copy = self.copy_mut(&log);
            copy.key = Some(key);
            if checkpoint.checkpoint.size == copy.newest_durable() {
                copy.restore_checkpoint(checkpoint);
            }
        }
        for entry in epochs {
            self.ring.defer(&entry);
        }
        if own && !current {
            self.open_filled(log, turn);
        }
        if own {
            self.restore_receipts(store, log)?;
        } else {
            for cosignature in store.cosignatures(&log)? {
                if cosignature.kind == CosignatureKind::Witness {
                    self.copy_mut(&log).confirm(cosignature.by, cosignature.checkpoint.size);
                }
            }
        }
        Ok(())
    }

    /// What partners stated about an own log.
    fn restore_receipts(&mut self, store: &impl StoreRead, log: LogId) -> Result<(), Error> {
        let mut newest = Vec::new();
        let evidence = self.evidence.entry(log).or_default();
        for cosignature in store.cosignatures(&log)? {
            evidence.state(cosignature.by, cosignature.kind, cosignature.checkpoint.size);
            newest.push(Statement::Cosignature(cosignature));
        }
        for receipt in store.receipts(&log)? {
            evidence.state_range(receipt.by, receipt.from..receipt.to);
            newest.push(Statement::Range(receipt));
        }
        for statement in newest {
            // One by a node that has left the charter will not be replaced.
            let Some(record) = self.charter.node(statement.by()) else { continue };
            if let Ok(statement) = statement.verify(record) {
                self.receipts.history.restore(statement);
            }
        }
        Ok(())
    }

    /// Reads one part of a log that is held without a gap.
    fn restore_part(
        &mut self,
        store: &impl StoreRead,
        log: LogId,
        part: Range<u64>,
        epochs: &mut VecDeque<Verified<Entry>>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Error> {
        let mut next = part.start;
        while next < part.end {
            let batches = store.batches(&log, next, BATCHES_AT_ONCE, limits::LOAD_BYTES_MAX)?;
            let batches = batches.iter().take_while(|batch| batch.first() < part.end);
            let before = next;
            for batch in batches {
                next = batch.end();
                self.restore_batch(store, batch, epochs, turn)?;
            }
            if next == before {
                let (expected, got) =
                    ("every batch below a log's size", format!("{log} to {next}"));
                return Err(Error::Restore { expected, got });
            }
        }
        Ok(())
    }

    fn is_current(&self, log: &LogId) -> bool {
        log.node == self.me && log.incarnation == self.incarnation
    }

    fn copy_mut(&mut self, log: &LogId) -> &mut Mirrored {
        self.copies.get_mut(log).expect("the copy was just restored")
    }

    fn restore_batch(
        &mut self,
        store: &impl StoreRead,
        batch: &Batch,
        epochs: &mut VecDeque<Verified<Entry>>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Error> {
        let log = batch.log();
        let current = self.is_current(&log);
        let checkpoint = batch.checkpoint();
        let (mut bodies, mut unopened) = (BTreeMap::new(), BTreeSet::new());
        if let Some(wrapped) = store.bodies(&log, batch.end())? {
            let stated = &checkpoint.checkpoint;
            bodies.extend(self.secrets.storage.unwrap(batch.first(), stated, &wrapped)?);
        }
        for entry in batch.stored_entries() {
            let header = *entry.header();
            let index = header.id.index;
            if log.node == self.me {
                self.clock.observe(header.logged, Timestamp::MAX);
            } else {
                self.clock.observe(header.logged, turn.now + self.config.clock_slack());
            }
            let Some(body) = bodies.remove(&index) else {
                if !current {
                    self.copy_mut(&log).add_gap(Some(Gap::at(index)));
                    unopened.insert(index);
                }
                continue;
            };
            if log.node == self.me && body.kind != kinds::PULSE {
                self.evidence.entry(log).or_default().require(index, &header.audience);
            }
            if !current && body.kind == kinds::EPOCH {
                epochs.push_back(entry.clone());
                if epochs.len() > EPOCHS_KEPT_MAX {
                    epochs.pop_front();
                }
            }
            tell(Fact::new(&entry, body), Arrival::Replayed, turn);
        }
        if log.node == self.me && !current {
            self.copy_mut(&log).holes.note(batch, unopened);
        }
        if current {
            let (size, root) = (batch.end(), checkpoint.checkpoint.root);
            let lane = self.lanes.get_mut(&log.lane).expect("a node has four lanes");
            lane.remember_root(size, root);
            lane.tip.restore(batch);
            lane.counts.take(batch);
            return Ok(());
        }
        self.copy_mut(&log).counts.take(batch);
        self.copy_mut(&log).remember(checkpoint);
        if [self.copies[&log].durable(), self.copies[&log].newest_durable()].contains(&batch.end())
        {
            let (verified, key) = self.verify_stored(checkpoint)?;
            let copy = self.copy_mut(&log);
            copy.key = Some(key);
            copy.restore_checkpoint(verified);
        }
        Ok(())
    }

    /// Verifies a stored checkpoint; its node may have other keys by now, or be gone.
    fn verify_stored(
        &self,
        made: &SignedCheckpoint,
    ) -> Result<(Verified<SignedCheckpoint>, VerifyingKey), Error> {
        let stated = &made.checkpoint;
        let (node, edition) = (stated.log.node, self.charter.edition());
        let mut last = Error::NotInCharter { node, edition };
        for key in self.charter.stored_log_keys(&stated.log, stated.size) {
            match made.clone().verify(&key) {
                Ok(verified) => return Ok((verified, key)),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// Says what the incarnation begins with.
    fn begin(&mut self, life: &Life, turn: &mut Turn<'_>) {
        let Some(cause) = life.cause else { return };
        let old = life.cited.clone();
        self.append_own(Precedence::Flash, IncarnationStart { cause, old }.to_body());
        if matches!(cause, IncarnationCause::FirstStart | IncarnationCause::KeyReplaced) {
            return;
        }
        let message = format!(
            "expected a store with everything this node signed, got an older or another one; \
             incarnation {} begins and the old tail is asked of partners",
            life.incarnation
        );
        self.finding(
            Finding {
                topic: "incarnation",
                severity: Severity::Warning,
                source: self.me.to_string(),
                message,
                hint: Some("if nobody restored a backup, find out who replaced the store"),
            },
            turn,
        );
    }
}

fn check_keys(setup: &Setup) -> Result<(), Error> {
    let node = setup.secrets.node;
    let edition = setup.charter.edition();
    let record = setup.charter.node(node).ok_or(Error::NotInCharter { node, edition })?;
    let secrets = &setup.secrets;
    let same = record.key == secrets.key.verifying_key()
        && record.witness == secrets.witness.verifying_key()
        && record.holds == secrets.holds.verifying_key()
        && secrets.realm == *setup.charter.realm();
    if same { Ok(()) } else { Err(Error::Keys { node }) }
}

/// Whether the node's roster says that this incarnation's logs ended under an older key.
fn retired(setup: &Setup, incarnation: &Incarnation) -> bool {
    let record = setup.charter.node(setup.secrets.node);
    let ended = record.into_iter().flat_map(|record| &record.retired);
    ended.flat_map(|old| &old.logs).any(|end| end.log.incarnation == *incarnation)
}

/// Which incarnation runs, and why a new one began.
struct Life {
    incarnation: Incarnation,
    cited: Vec<LogState>,
    cause: Option<IncarnationCause>,
}

impl Life {
    fn decide(
        me: NodeId,
        heads: &[LogHead],
        note: Option<&(Incarnation, Vec<LogState>)>,
        high_water: Option<&HighWater>,
        store: &impl StoreRead,
        retired: &dyn Fn(&Incarnation) -> bool,
        entropy: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let signed: Vec<LogState> = high_water.map_or_else(Vec::new, |file| file.logs().collect());
        let cause = match (note, high_water) {
            (None, None) if heads.iter().all(|head| head.log.node != me) => {
                IncarnationCause::FirstStart
            }
            (None, Some(file)) if file.logs().next().is_none() => IncarnationCause::FirstStart,
            (None, _) | (Some(_), None) => IncarnationCause::StoreReplaced,
            (Some((incarnation, cited)), Some(_)) => {
                if retired(incarnation) {
                    IncarnationCause::KeyReplaced
                } else if bugs::has(Bug::IgnoreHighWater) || !is_behind(&signed, cited, store)? {
                    let (incarnation, cited) = (*incarnation, cited.clone());
                    return Ok(Self { incarnation, cited, cause: None });
                } else {
                    IncarnationCause::StoreBehind
                }
            }
        };
        let mut cited: BTreeMap<LogId, LogState> =
            signed.into_iter().map(|state| (state.log, state)).collect();
        for head in heads.iter().filter(|head| head.log.node == me) {
            let frontier = &head.done.frontier;
            let state = LogState { log: head.log, size: frontier.size(), root: frontier.root() };
            let known = cited.entry(head.log).or_insert(state);
            if known.size < state.size {
                *known = state;
            }
        }
        let incarnation = Incarnation::random(entropy);
        Ok(Self { incarnation, cited: cited.into_values().collect(), cause: Some(cause) })
    }

    fn note(&self) -> Write {
        let mut value = self.incarnation.0.to_vec();
        for state in &self.cited {
            value.extend_from_slice(&state.log.to_key());
            value.extend_from_slice(&state.size.to_be_bytes());
            value.extend_from_slice(&state.root);
        }
        Write::Meta { name: INCARNATION_NOTE.to_owned(), value }
    }
}

/// Whether the store lacks something this node signed and does not cite as lost.
fn is_behind(
    signed: &[LogState],
    cited: &[LogState],
    store: &impl StoreRead,
) -> Result<bool, Error> {
    for state in signed {
        if cited.iter().any(|old| old.log == state.log && old.size >= state.size) {
            continue;
        }
        if store.root_at(&state.log, state.size)? != Some(state.root) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_note(store: &impl StoreRead) -> Result<Option<(Incarnation, Vec<LogState>)>, Error> {
    const STATE_BYTES: usize = LogId::KEY_BYTES + 8 + 32;
    let Some(value) = store.meta(INCARNATION_NOTE)? else { return Ok(None) };
    let bad = || Error::Restore {
        expected: "a note of the incarnation",
        got: format!("{} bytes", value.len()),
    };
    let (incarnation, states) = value.split_first_chunk::<16>().ok_or_else(bad)?;
    if states.len() % STATE_BYTES != 0 {
        return Err(bad());
    }
    let mut cited = Vec::new();
    for bytes in states.chunks_exact(STATE_BYTES) {
        let (key, rest) = bytes.split_first_chunk().ok_or_else(bad)?;
        let (size, root) = rest.split_first_chunk().ok_or_else(bad)?;
        cited.push(LogState {
            log: LogId::from_key(key)?,
            size: u64::from_be_bytes(*size),
            root: root.try_into().map_err(|_| bad())?,
        });
    }
    Ok(Some((Incarnation(*incarnation), cited)))
}
