//! A checkpoint with everybody's signatures as one C2SP note: made for auditors, and read by them.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId};

use crate::checkpoint::{Note, TYPE_COSIGNATURE, TYPE_ED25519, key_hash};
use crate::receipts::last_replaced;
use crate::store::{StoreRead, StoreReadExt};
use crate::{
    Charter, Cosignature, CosignatureKind, Error, LogId, NodeRecord, Realm, SignedCheckpoint,
    Statement, Verified, VerifyingKey, base64,
};

/// Seconds by which a checkpoint with more cosignatures may be older than the newest cosigned one.
const OLDER_S_MAX: u64 = 10;

/// A checkpoint and the cosignatures over exactly it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedCheckpoint {
    /// The checkpoint.
    pub checkpoint: Verified<SignedCheckpoint>,
    /// Cosignatures by nodes of the charter, each verified; in the note's order.
    pub cosignatures: Vec<Verified<Cosignature>>,
    /// Names of signature lines by keys the charter does not have; they say nothing.
    pub unknown: Vec<String>,
}

impl CosignedCheckpoint {
    /// Reads a note and checks it against the charter: realm, the log's node, its signature, and every
    /// line that claims to be by a node of the charter.
    pub fn from_note(text: &str, charter: &Charter) -> Result<Self, Error> {
        let log = LogId::from_origin(text.lines().next().unwrap_or_default())?.1;
        let node = record(charter, log.node)?;
        let checkpoint = SignedCheckpoint::from_note(text, &node.key)?;
        let stated = &checkpoint.checkpoint;
        if stated.realm != *charter.realm() {
            let got = stated.realm.to_string();
            return Err(Error::text("a checkpoint", "the charter's realm", &got));
        }
        let origin = stated.log.origin(&stated.realm);
        let mut cosignatures = Vec::new();
        let mut unknown = Vec::new();
        for (name, bytes) in Note::parse(text)?.signatures {
            if name == origin {
                continue;
            }
            let signer = cosigner(name, charter.realm());
            let known = signer.and_then(|(by, kind)| Some((by, kind, charter.node(by)?)));
            let Some((by, kind, node)) = known else {
                unknown.push(name.to_owned());
                continue;
            };
            let key = cosigner_key(node, kind);
            let made = Cosignature::from_note_line(kind, by, stated, &bytes, &key);
            match made {
                Some(made) => cosignatures.push(made.verify(&key)?),
                None => unknown.push(name.to_owned()),
            }
        }
        Ok(Self { checkpoint, cosignatures, unknown })
    }

    /// The note: the log's signature first, then the cosignatures of nodes in the charter.
    pub fn to_note(&self, charter: &Charter) -> Result<String, Error> {
        let node = record(charter, self.checkpoint.checkpoint.log.node)?;
        let mut note = self.checkpoint.to_note(&node.key);
        for made in &self.cosignatures {
            if let Some(node) = charter.node(made.by) {
                note += &made.to_note_line(&cosigner_key(node, made.kind));
            }
        }
        Ok(note)
    }

    /// Partners other than the log's own with a cosignature of this kind, in order.
    pub fn partners(&self, kind: CosignatureKind) -> BTreeSet<PartnerId> {
        let own = self.checkpoint.checkpoint.log.node.partner();
        let of_kind = self.cosignatures.iter().filter(|made| made.kind == kind);
        of_kind.map(|made| made.by.partner()).filter(|partner| *partner != own).collect()
    }

    /// The checkpoint of a stored log that auditors should see: of those that were cosigned within ten
    /// seconds of the newest cosignature the one that most partners cosigned, the largest of these; the
    /// newest held if nobody cosigned. Nothing for a log without entries.
    pub fn newest<S: StoreRead + ?Sized>(
        store: &S,
        log: &LogId,
        charter: &Charter,
    ) -> Result<Option<Self>, Error> {
        let mut by_size: BTreeMap<u64, Vec<Cosignature>> = BTreeMap::new();
        let mut add = |made: Cosignature| {
            by_size.entry(made.checkpoint.size).or_default().push(made);
        };
        for made in store.cosignatures(log)? {
            for replaced in last_replaced(store, log, made.kind, made.by)? {
                if let Statement::Cosignature(old) = replaced {
                    add(old);
                }
            }
            add(made);
        }
        let times = by_size.values().flatten().map(|made| made.time_s);
        let fresh = times.max().unwrap_or(0).saturating_sub(OLDER_S_MAX);
        by_size.retain(|_, made| made.iter().any(|made| made.time_s >= fresh));
        let count = |made: &[Cosignature]| {
            made.iter().map(|made| made.by.partner()).collect::<BTreeSet<_>>().len()
        };
        let mut sizes: Vec<u64> = by_size.keys().copied().collect();
        sizes.sort_by_key(|size| std::cmp::Reverse((count(&by_size[size]), *size)));
        for size in sizes {
            let Some(batch) = store.batch_ending(log, size)? else { continue };
            let made = by_size.remove(&size).unwrap_or_default();
            return Self::checked(batch.checkpoint().clone(), made, charter).map(Some);
        }
        let Some(batch) = store.last_batch(log)? else { return Ok(None) };
        Self::checked(batch.checkpoint().clone(), Vec::new(), charter).map(Some)
    }

    /// Verified again on the way out: what is served must be what an auditor accepts.
    fn checked(
        checkpoint: SignedCheckpoint,
        made: Vec<Cosignature>,
        charter: &Charter,
    ) -> Result<Self, Error> {
        let node = record(charter, checkpoint.checkpoint.log.node)?;
        let checkpoint = checkpoint.verify(&node.key)?;
        let verify = |made: Cosignature| {
            let node = charter.node(made.by)?;
            let same = made.checkpoint == checkpoint.checkpoint;
            let key = cosigner_key(node, made.kind);
            made.verify(&key).ok().filter(|_| same)
        };
        let cosignatures = made.into_iter().filter_map(verify).collect();
        Ok(Self { checkpoint, cosignatures, unknown: Vec::new() })
    }
}

fn record(charter: &Charter, node: NodeId) -> Result<&NodeRecord, Error> {
    charter.node(node).ok_or_else(|| Error::NotInCharter {
        what: "a node",
        got: node.to_string(),
        edition: charter.edition(),
    })
}

const fn cosigner_key(node: &NodeRecord, kind: CosignatureKind) -> VerifyingKey {
    match kind {
        CosignatureKind::Witness => node.witness,
        CosignatureKind::Holds => node.holds,
    }
}

/// The node and kind that a cosigner's name `watchfire/REALM/NODE/KIND` stands for.
fn cosigner(name: &str, realm: &Realm) -> Option<(NodeId, CosignatureKind)> {
    let rest = name.strip_prefix(&format!("watchfire/{realm}/"))?;
    let (node, kind) = rest.split_once('/')?;
    let kind = match kind {
        "witness" => CosignatureKind::Witness,
        "holds" => CosignatureKind::Holds,
        _ => return None,
    };
    Some((node.parse().ok()?, kind))
}

/// The C2SP verifier keys (`NAME+HASH+KEY`) of everybody who may sign checkpoints of `log`: its node
/// first, then every other node's two cosigning keys.
pub fn verifier_keys(charter: &Charter, log: &LogId) -> Result<Vec<String>, Error> {
    let realm = charter.realm();
    let own = record(charter, log.node)?;
    let mut keys = vec![verifier_key(&log.origin(realm), TYPE_ED25519, &own.key)];
    for (by, node) in charter.nodes().filter(|(by, _)| *by != log.node) {
        for kind in [CosignatureKind::Witness, CosignatureKind::Holds] {
            let name = format!("watchfire/{realm}/{by}/{}", kind.word());
            keys.push(verifier_key(&name, TYPE_COSIGNATURE, &cosigner_key(node, kind)));
        }
    }
    Ok(keys)
}

fn verifier_key(name: &str, signature_type: u8, key: &VerifyingKey) -> String {
    let hash = base64::hex(&key_hash(name, signature_type, key));
    let bytes = [&[signature_type][..], &key.0].concat();
    format!("{name}+{hash}+{}", base64::encode(&bytes))
}
