//! What should be readable, in plain sets: shares nothing with the charter or the sealing.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId};
use log::Audience;

/// The membership the origin has received.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) origin: PartnerId,
    pub(super) members: BTreeSet<PartnerId>,
    /// Nodes on rosters, with the generation of their sealing key.
    pub(super) listed: BTreeMap<NodeId, u32>,
    /// Whom the origin's root withholds from.
    pub(super) withheld: BTreeSet<PartnerId>,
    pub(super) audiences: BTreeSet<BTreeSet<PartnerId>>,
}

/// What one entry said and who may read it, fixed when it was sealed.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) index: u64,
    pub(super) audience: Audience,
    pub(super) content: Vec<u8>,
    /// Nodes it was released to, with the generation of the key that opens it.
    pub(super) readers: BTreeMap<NodeId, u32>,
}

impl State {
    /// Whether an entry for `audience` sealed now is released to `partner`.
    pub(super) fn releases(&self, audience: &BTreeSet<PartnerId>, partner: PartnerId) -> bool {
        audience.contains(&partner)
            && self.members.contains(&partner)
            && !self.withheld.contains(&partner)
    }

    /// Nodes that can read an entry for `audience` sealed now.
    pub(super) fn readers(&self, audience: &BTreeSet<PartnerId>) -> BTreeMap<NodeId, u32> {
        let listed = self.listed.iter();
        listed
            .filter(|(node, _)| self.releases(audience, node.partner()))
            .map(|(node, generation)| (*node, *generation))
            .collect()
    }

    /// Drops audiences that name somebody who left, and keeps that of all members.
    pub(super) fn settle_audiences(&mut self) {
        let members = self.members.clone();
        self.audiences.retain(|audience| audience.is_subset(&members));
        self.audiences.insert(members);
    }
}

impl Sealed {
    /// Whether it was released to `partner` when it was sealed.
    pub(super) fn is_for(&self, partner: PartnerId) -> bool {
        self.readers.keys().any(|node| node.partner() == partner)
    }
}
