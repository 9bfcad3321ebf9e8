//! Ahead of a long gap: a lane that a peer is far behind with goes on from a checkpoint of now.
//!
//! ```text
//! origin                                                              peer
//! greeted, behind by more than `Config::jump_entries`:
//!   new sealing keys from here on ─► read the leaves around the old end
//!   ─► Jump { checkpoint, right edge, proof from the old end } ─────► verify, store, witness
//!   live batches, which need nothing from below ────────────────────► fold at once
//!   Batches behind them, FLASH lanes first ──────────────────────────► fold late, page nobody
//! ```
//!
//! What is sealed above the jump is sealed under keys whose epoch entries are above it too, so that a
//! reader needs nothing of the gap to open it: the jump goes to exactly where the new keys begin, whatever
//! the lane has gained since.
//!
//! The note `jump/<log>` in the store is the signed checkpoint that the last jump went to: until
//! something stands above it, no batch holds that signature.

use std::ops::Range;

use base::{NodeId, Timestamp};
use log::{
    Appended, Batch, Frontier, Hash, JUMPS_MAX, LogId, RejectReason, SignedCheckpoint, Subtrees,
    Write,
};

use crate::api::Op;
use crate::limits;
use crate::mirrored::Taken;
use crate::node::{LoadPurpose, LoadTask, Node, Turn};
use crate::outgoing::Outgoing;
use crate::peer::{Session, send};
use crate::wire::{self, Message};

/// The newest end of an own lane.
#[derive(Debug)]
pub(crate) struct Tip {
    /// The newest settled checkpoint and its tree.
    newest: Option<(SignedCheckpoint, Frontier)>,
    subtrees: Subtrees,
    /// Everything from this entry on is sealed under keys made for it.
    renewed: Option<u64>,
    /// The checkpoint and tree at exactly that entry: where a jump may go. Beyond it there may be
    /// entries whose keys' entries would lie in the gap.
    fresh: Option<(SignedCheckpoint, Frontier)>,
}

impl Tip {
    pub(crate) const fn new() -> Self {
        Self { newest: None, subtrees: Subtrees::new(), renewed: None, fresh: None }
    }

    /// A batch became part of the log.
    pub(crate) fn settled(&mut self, appended: &Appended) {
        self.subtrees.push(&appended.completed);
        let frontier = appended.head.done.frontier.clone();
        self.newest = Some((appended.batch.checkpoint().clone(), frontier));
        self.note_fresh();
    }

    /// Keys were renewed with so many entries in the log or on their way into it.
    pub(crate) fn renewed(&mut self, size: u64) {
        self.renewed = Some(size);
        self.fresh = None;
        self.note_fresh();
    }

    /// A batch ends where keys were renewed, so the log comes to exactly that size.
    fn note_fresh(&mut self) {
        let size = self.newest.as_ref().map(|(_, tree)| tree.size());
        if size.is_some() && size == self.renewed {
            self.fresh.clone_from(&self.newest);
        }
    }

    /// A batch was read back from the store.
    pub(crate) fn restore(&mut self, batch: &Batch) {
        let mut frontier = self.newest.take().map_or_else(Frontier::new, |(_, tree)| tree);
        self.subtrees.extend(batch, &mut frontier);
        self.newest = Some((batch.checkpoint().clone(), frontier));
    }
}

/// A jump that is being made ready for one peer.
#[derive(Debug)]
pub(crate) struct JumpPlan {
    /// The newest size the peer has.
    base: u64,
    /// Entries of the log when the plan was made: what comes later must need no older key.
    planned: u64,
    /// Hashes read so far of the leaves that the proof is made from.
    leaves: Vec<Hash>,
    load: Option<Op>,
}

/// The name of the note with the checkpoint of the last jump.
pub(crate) fn note_name(log: &LogId) -> String {
    format!("jump/{log}")
}

impl Session {
    /// From where an own lane of `size` entries goes on live at this peer, and what it lacks below,
    /// as its hello said; what cannot be is not believed.
    pub(crate) fn standing(&self, log: &LogId, size: u64) -> (u64, Vec<Range<u64>>) {
        let there = self.held.get(log).copied().unwrap_or(0).min(size);
        if self.edition < 2 {
            return (there, Vec::new());
        }
        let (mut end, mut gaps) = (there, Vec::new());
        for (_, from, to) in self.islands.iter().filter(|(of, _, _)| of == log) {
            if *from <= end || *to > size {
                return (there, Vec::new());
            }
            gaps.push(end..*from);
            end = *to;
        }
        (end, gaps)
    }
}

impl Node {
    /// Makes jumps ready for the lanes that a peer, which has just greeted or was silent, is far
    /// behind with.
    pub(crate) fn plan_jumps(&mut self, peer: NodeId, turn: &mut Turn<'_>) {
        let sizes: Vec<(LogId, u64)> =
            self.lanes.values().map(|lane| (lane.log(), lane.size())).collect();
        let every = self.config.scale(limits::JUMP_EVERY);
        for (log, size) in sizes {
            let Some(known) = self.peers.get_mut(&peer) else { return };
            let Some(session) = known.session.as_mut().filter(|session| session.edition >= 2)
            else {
                return;
            };
            let Some(outgoing) = session.outgoing.get_mut(&log) else { continue };
            let base = outgoing.sent();
            let islands = session.islands.iter().filter(|(of, _, _)| *of == log).count();
            let recent = known.jumped_at.get(&log).is_some_and(|at| turn.elapsed - *at < every);
            let far = size.saturating_sub(base) > self.config.jump_entries;
            if !far || recent || islands >= JUMPS_MAX || session.jumps.contains_key(&log) {
                continue;
            }
            // What is being read to go on in order comes behind now.
            outgoing.load = None;
            known.jumped_at.insert(log, turn.elapsed);
            let plan = JumpPlan { base, planned: size, leaves: Vec::new(), load: None };
            session.jumps.insert(log, plan);
            let lane = self.lanes.get_mut(&log.lane).expect("a node has four lanes");
            lane.renew_epochs();
        }
    }

    /// Sends a jump that was planned once its proof can be made; whether one is planned.
    pub(crate) fn pump_jump(&mut self, peer: NodeId, log: LogId, turn: &mut Turn<'_>) -> bool {
        let Some(known) = self.peers.get_mut(&peer) else { return false };
        let Some(session) = known.session.as_mut() else { return false };
        let Some(plan) = session.jumps.get_mut(&log) else { return false };
        let tip = &self.lanes[&log.lane].tip;
        let Some((checkpoint, frontier)) = &tip.fresh else { return true };
        let size = frontier.size();
        if plan.load.is_some() || size < plan.planned {
            return true;
        }
        let needed = if plan.base == 0 { 0..0 } else { Subtrees::leaves_needed(plan.base, size) };
        let next = needed.start + plan.leaves.len() as u64;
        if next < needed.end {
            let op = self.load(LoadTask { peer, log, purpose: LoadPurpose::Jump }, next, turn);
            self.jump_plan(peer, &log).expect("it was just seen").load = Some(op);
            return true;
        }
        let leaves = &plan.leaves[..usize::try_from(needed.end - needed.start).unwrap_or(0)];
        let proof = tip.subtrees.prove(plan.base, frontier, leaves);
        let jump = proof.map(|proof| {
            let (checkpoint, peaks) = (checkpoint.to_bytes(), frontier.peaks().to_vec());
            Message::Jump(wire::Jump { checkpoint, peaks, proof })
        });
        let base = plan.base;
        session.jumps.remove(&log);
        match jump {
            Ok(message) => {
                session.outgoing.insert(log, Outgoing::new(size));
                session.backfill.open(log, base..size);
                send(peer, log.lane, &message, turn);
            }
            // It goes on in order instead, which is slower and loses nothing.
            Err(error) => self.warn("jump", &log, error.to_string(), turn),
        }
        false
    }

    fn jump_plan(&mut self, peer: NodeId, log: &LogId) -> Option<&mut JumpPlan> {
        self.peers.get_mut(&peer)?.session.as_mut()?.jumps.get_mut(log)
    }

    /// The store answered a read for the proof of a jump.
    pub(crate) fn jump_loaded(
        &mut self,
        op: Op,
        task: LoadTask,
        batches: &[Batch],
        turn: &mut Turn<'_>,
    ) {
        let LoadTask { peer, log, .. } = task;
        let Some(plan) = self.jump_plan(peer, &log).filter(|plan| plan.load == Some(op)) else {
            return;
        };
        plan.load = None;
        let first = Subtrees::leaves_needed(plan.base, u64::MAX);
        for batch in batches {
            let next = first.start + plan.leaves.len() as u64;
            let fits = batch.first() <= next && next < batch.end().min(first.end);
            let Some(hashes) = batch.leaf_hashes(next).filter(|_| fits) else { continue };
            let room = usize::try_from(first.end - next).unwrap_or(0);
            plan.leaves.extend(hashes.into_iter().take(room));
        }
        if batches.is_empty() {
            // The store lacks what it had: `load` has said so, and the lane goes on in order.
            self.peers.get_mut(&peer).and_then(|known| known.session.as_mut()?.jumps.remove(&log));
        }
        self.pump(peer, log, turn);
    }

    /// A peer's log goes on from a newer checkpoint.
    pub(crate) fn on_jump(&mut self, peer: NodeId, jump: wire::Jump, turn: &mut Turn<'_>) {
        let checkpoint = match SignedCheckpoint::from_bytes(&jump.checkpoint) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return self.refuse_batch_of(peer, &peer, error.to_string(), turn),
        };
        let (log, size) = (checkpoint.checkpoint.log, checkpoint.checkpoint.size);
        if log.node != peer {
            let message = format!("expected jumps of {peer}'s own logs, got one of {log}");
            return self.refuse_batch_of(peer, &log, message, turn);
        }
        if let Err(message) = self.admit(peer, log) {
            return self.refuse_batch_of(peer, &log, message, turn);
        }
        if self.is_suspended(&log) {
            self.counters.batches_refused += 1;
            return;
        }
        let copy = self.copies.get_mut(&log).expect("`admit` made the copy");
        if !copy.has_room(jump.checkpoint.len()) {
            self.counters.overflow += 1;
            return;
        }
        let newest = copy.newest();
        let jumped = Frontier::from_peaks(size, jump.peaks)
            .map_err(RejectReason::Malformed)
            .and_then(|tree| copy.mirror.jump(checkpoint, tree, &jump.proof, &self.charter));
        match jumped {
            Ok((checkpoint, head)) => {
                copy.stand_under(&self.charter);
                copy.late.add(newest..head.newest());
                let note = Write::Meta { name: note_name(&log), value: checkpoint.to_bytes() };
                copy.queue(Taken {
                    size: head.size(),
                    newest: head.newest(),
                    bytes: jump.checkpoint.len(),
                    checkpoint,
                    below: None,
                    writes: vec![Write::Head(head), note],
                });
                self.counters.jumps += 1;
                self.store_copy(log, turn);
                self.check_ahead(log, turn);
            }
            Err(RejectReason::Duplicate { .. }) => self.report_held(peer, log, turn),
            Err(RejectReason::Equivocation(proof)) => self.convict(*proof, peer, turn),
            Err(reason) if reason.is_fault() => {
                self.refuse_batch_of(peer, &log, reason.to_string(), turn);
                self.want(peer, log, newest, turn);
            }
            Err(_) => self.want(peer, log, newest, turn),
        }
    }

    /// Tells the origin how much is durable here above the gaps.
    pub(crate) fn report_above(&mut self, peer: NodeId, log: LogId, turn: &mut Turn<'_>) {
        let Some(copy) = self.copies.get(&log) else { return };
        let to = copy.newest_durable();
        let last = copy.mirror.head().jumps.last().map(|jump| jump.start.size());
        if let Some(from) = last.filter(|from| *from <= to && self.edition_with(peer) >= 2) {
            send(peer, log.lane, &Message::Above { log, from, to }, turn);
        }
    }

    /// The edition spoken with a peer; 0 without a connection whose hello was taken.
    pub(crate) fn edition_with(&self, peer: NodeId) -> u16 {
        let session = self.peers.get(&peer).and_then(|known| known.session.as_ref());
        session.map_or(0, |session| session.edition)
    }

    /// The parts of copies that the hello to `peer` lists as held above gaps.
    pub(crate) fn islands_to_tell(&self) -> Vec<(LogId, u64, u64)> {
        let parts = self.copies.iter().flat_map(|(log, copy)| {
            copy.mirror.head().islands().map(|part| (*log, part.start, part.end))
        });
        parts.take(limits::HELLO_ISLANDS_MAX).collect()
    }

    /// What is missing of every copy, below what is followed live.
    pub fn incomplete(&self) -> impl Iterator<Item = (LogId, Range<u64>)> + '_ {
        self.copies
            .iter()
            .flat_map(|(log, copy)| copy.missing().into_iter().map(move |range| (*log, range)))
    }
}

/// How long ago a peer's lane last jumped, by log.
pub(crate) type JumpedAt = std::collections::BTreeMap<LogId, Timestamp>;
