//! What one partner's root alone decides: its nodes, its officers, and whom it releases to.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId, Timestamp};

use crate::keys::{Hash, VerifyingKey};
use crate::{KemPublic, LogId, LogState};

/// One partner's nodes and officers, numbered and signed by its root alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Whose.
    pub partner: PartnerId,
    /// Counts up from 1; a higher number replaces a lower one.
    pub number: u32,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// Officers by name.
    pub officers: BTreeMap<String, OfficerRecord>,
    /// Officers who may act no longer; what they did before stays done.
    pub former_officers: Vec<FormerOfficer>,
    /// Partners nothing is released to, whatever the audience says.
    pub withhold: BTreeSet<PartnerId>,
}

/// One officer's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfficerRecord {
    /// Signs the officer's acts.
    pub key: VerifyingKey,
    /// Acts logged from then on are ignored.
    pub expires: Option<Timestamp>,
}

/// An officer whose key was revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormerOfficer {
    /// The name the acts carry.
    pub name: String,
    /// The revoked key.
    pub key: VerifyingKey,
    /// Acts logged from then on are ignored.
    pub until: Timestamp,
}

/// One node's public keys and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Signs the node's logs.
    pub key: VerifyingKey,
    /// Signs `witness` cosignatures.
    pub witness: VerifyingKey,
    /// Signs `holds` cosignatures and range receipts.
    pub holds: VerifyingKey,
    /// Epoch keys are wrapped to it.
    pub kem: KemPublic,
    /// SHA-256 of the TLS key's `SubjectPublicKeyInfo` (DER).
    pub tls_spki_sha256: Hash,
    /// `HOST:PORT` where the node listens; may be empty for one that only dials.
    pub addresses: Vec<String>,
    /// When the keys should have been replaced; findings warn before, nothing stops after.
    pub expires: Option<Timestamp>,
    /// Keys the node had before, with the logs they signed to their end.
    pub retired: Vec<RetiredKeys>,
}

/// Signing keys a node no longer uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKeys {
    /// Signed the logs below.
    pub key: VerifyingKey,
    /// Signed `witness` cosignatures.
    pub witness: VerifyingKey,
    /// Signed `holds` cosignatures and range receipts.
    pub holds: VerifyingKey,
    /// The logs under that key and where each ended: nothing longer is taken, so a thief of the old
    /// key can add nothing.
    pub logs: Vec<LogState>,
}

impl NodeRecord {
    /// The key that signs `log` at `size` entries; nothing if the log ended before.
    pub fn log_key(&self, log: &LogId, size: u64) -> Option<VerifyingKey> {
        for old in &self.retired {
            if let Some(end) = old.logs.iter().find(|end| end.log == *log) {
                return (size <= end.size).then_some(old.key);
            }
        }
        Some(self.key)
    }
}

impl Roster {
    /// A first roster with nothing in it.
    pub const fn empty(partner: PartnerId) -> Self {
        Self {
            partner,
            number: 1,
            nodes: BTreeMap::new(),
            officers: BTreeMap::new(),
            former_officers: Vec::new(),
            withhold: BTreeSet::new(),
        }
    }

    /// Keys under which an act of officer `name`, logged at `at`, is valid.
    pub fn officer_keys(&self, name: &str, at: Timestamp) -> impl Iterator<Item = VerifyingKey> {
        let current = self.officers.get(name);
        let current = current.filter(|record| record.expires.is_none_or(|expires| at < expires));
        let former = self.former_officers.iter();
        let former = former.filter(move |old| old.name == name && at < old.until);
        let keys: Vec<VerifyingKey> =
            current.map(|record| record.key).into_iter().chain(former.map(|old| old.key)).collect();
        keys.into_iter()
    }

    /// Takes an officer off the list; acts logged before `until` stay valid.
    pub fn revoke_officer(&mut self, name: &str, until: Timestamp) -> bool {
        let Some(record) = self.officers.remove(name) else { return false };
        let until = record.expires.map_or(until, |expires| expires.min(until));
        self.former_officers.push(FormerOfficer { name: name.to_owned(), key: record.key, until });
        self.former_officers.sort();
        true
    }
}
