//! Keys that signed two histories, and what their statements are worth from then on.
//!
//! A proof convicts a key. Every log under it is suspended: nothing more of it is taken, stated about
//! or passed on. Every fact under it is contested, from the first entry on and in every lane: whoever
//! else has the key, nobody can say since when. A node that its partner's roster gives a new key begins
//! new logs, which are as sound as any; the old ones stay contested.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::NodeId;
use log::{EntryId, EquivocationProof, LogId, Precedence, VerifyingKey, Write};

use crate::api::{Output, Severity};
use crate::bugs::{self, Bug};
use crate::findings::Finding;
use crate::node::{Node, Purpose, Turn};
use crate::peer::send;
use crate::wire::Message;

/// Every proven key, with its proof.
#[derive(Debug, Default)]
pub(crate) struct Convicted(BTreeMap<(NodeId, VerifyingKey), Conviction>);

#[derive(Debug)]
struct Conviction {
    log: LogId,
    proof: Arc<[u8]>,
}

impl Convicted {
    /// A key whose proof was verified.
    pub(crate) fn add(&mut self, key: VerifyingKey, proof: &EquivocationProof) {
        let (log, proof) = (proof.log(), proof.to_bytes().into());
        self.0.insert((log.node, key), Conviction { log, proof });
    }

    fn has(&self, node: NodeId, key: Option<VerifyingKey>) -> bool {
        key.is_some_and(|key| self.0.contains_key(&(node, key)))
    }
}

/// What entries are worth together as the ground for an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grounds {
    /// Entries that came as they were said, under keys nobody has put in doubt.
    pub sound: usize,
    /// Entries that came late.
    pub late: usize,
    /// Entries under a key that signed two histories, late or not.
    pub contested: usize,
}

impl Grounds {
    /// Whether an effect may rest on them: on one that is sound at least.
    pub const fn hold(&self) -> bool {
        self.sound > 0
    }
}

impl Node {
    /// Whether the key a log stands under signed two histories.
    pub(crate) fn is_suspended(&self, log: &LogId) -> bool {
        !self.convicted.0.is_empty() && self.convicted.has(log.node, self.key_of(log))
    }

    /// Whether the key a node has now signed two histories.
    pub(crate) fn is_suspended_node(&self, node: NodeId) -> bool {
        let key = self.charter.node(node).map(|record| record.key);
        self.convicted.has(node, key)
    }

    /// The key a log was verified with, or would be.
    fn key_of(&self, log: &LogId) -> Option<VerifyingKey> {
        let copy = self.copies.get(log).and_then(|copy| copy.key);
        copy.or_else(|| self.charter.log_key(log, 0))
    }

    /// The copies that are suspended.
    pub(crate) fn suspended_logs(&self) -> BTreeSet<LogId> {
        self.copies.keys().copied().filter(|log| self.is_suspended(log)).collect()
    }

    /// Nodes whose present key signed two histories.
    pub fn suspended(&self) -> impl Iterator<Item = NodeId> + '_ {
        let present = |(node, key): &&(NodeId, VerifyingKey)| {
            self.charter.node(*node).is_some_and(|record| record.key == *key)
        };
        self.convicted.0.keys().filter(present).map(|(node, _)| *node)
    }

    /// Whether an entry is contested: its node signed two histories under the key of its log.
    pub fn is_contested(&self, entry: &EntryId) -> bool {
        self.is_suspended(&entry.log) && !bugs::has(Bug::TrustContested)
    }

    /// What `evidence` is worth as the ground for an effect.
    pub fn grounds(&self, evidence: &[EntryId]) -> Grounds {
        let mut grounds = Grounds::default();
        for entry in evidence {
            if self.is_contested(entry) {
                grounds.contested += 1;
            } else if self.came_late(entry) {
                grounds.late += 1;
            } else {
                grounds.sound += 1;
            }
        }
        grounds
    }

    /// The proofs that whoever has the charter in force can verify: those against keys it names.
    pub(crate) fn proofs(&self) -> Vec<Arc<[u8]>> {
        let known = |((_, key), made): &(&(NodeId, VerifyingKey), &Conviction)| {
            self.charter.log_key(&made.log, 0) == Some(*key)
        };
        self.convicted.0.iter().filter(known).map(|(_, made)| made.proof.clone()).collect()
    }

    /// Tells every peer of the keys that signed two histories; most know, and drop it.
    pub(crate) fn tell_contested(&self, turn: &mut Turn<'_>) {
        for proof in self.proofs() {
            let message = Message::Contested(proof.to_vec());
            for peer in self.peers.keys().copied().filter(|peer| self.is_greeted(*peer)) {
                send(peer, Precedence::Routine, &message, turn);
            }
        }
    }

    /// A proof from the store: by which of the keys its node ever had.
    pub(crate) fn restore_proof(&mut self, proof: &EquivocationProof) {
        let keys = self.charter.stored_log_keys(&proof.log(), 0);
        let key = keys.into_iter().find(|key| proof.clone().verify(key).is_ok());
        // Of a node that no charter here names there is nothing to suspend.
        if let Some(key) = key {
            self.convicted.add(key, proof);
        }
    }

    /// A peer sent, or this node found, proof that a node signed two histories.
    pub(crate) fn convict(
        &mut self,
        proof: EquivocationProof,
        reported_by: NodeId,
        turn: &mut Turn<'_>,
    ) {
        let log = proof.log();
        let node = log.node;
        let keys = self.charter.stored_log_keys(&log, 0);
        let known = self.convicted.has(node, self.charter.log_key(&log, 0));
        if known || keys.is_empty() || bugs::has(Bug::DropProof) {
            return;
        }
        let (mut by, mut refused) = (None, None);
        for key in keys {
            match proof.clone().verify(&key) {
                Ok(_) => by = by.or(Some(key)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let Some(key) = by else {
            let why = refused.map_or_else(String::new, |error| error.to_string());
            return self.refuse_note(reported_by, why, turn);
        };
        if self.convicted.has(node, Some(key)) {
            return;
        }
        self.convicted.add(key, &proof);
        let message = format!("expected one history of {log}, got two that {node} signed");
        let hint = "speak to the partner: its key is used twice or was stolen; its lanes are suspended here until its roster names a new one";
        let severity = Severity::Error;
        let source = node.to_string();
        self.finding(
            Finding { topic: "equivocation", severity, source, message, hint: Some(hint) },
            turn,
        );
        let bytes = proof.to_bytes();
        let shown: Arc<[u8]> = bytes.clone().into();
        turn.out.push(Output::Equivocation { node, log, reported_by, proof: shown });
        let writes = [Write::Equivocation(proof)];
        self.store(Purpose::Note, Precedence::Flash, writes.into(), Vec::new(), turn);
        let message = Message::Contested(bytes);
        // The one that reported it too: it may have shown one half and not know the other.
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            if self.is_greeted(peer) {
                send(peer, Precedence::Flash, &message, turn);
            }
        }
    }

    pub(crate) fn on_contested(&mut self, peer: NodeId, bytes: &[u8], turn: &mut Turn<'_>) {
        match EquivocationProof::from_bytes(bytes) {
            Ok(proof) => self.convict(proof, peer, turn),
            Err(error) => self.refuse_note(peer, error.to_string(), turn),
        }
    }
}
