//! What of a log leaves for whom, decided here alone: sending, sealing and every preview ask
//! [`Charter::sight`], so what an officer is shown before a release is what then happens.

use std::fmt;

use base::{NodeId, PartnerId};

use crate::{Audience, Carrier, Charter};

/// What a partner sees of an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sight {
    /// Header and body: the entry is sealed to the partner's nodes and sent whole.
    Whole,
    /// The leaf hash, alone or inside the root of a subtree; never header, body or key.
    LeafHash(Hidden),
}

impl Sight {
    /// Whether the partner reads the entry.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Whole)
    }
}

/// Why a partner sees no more than a leaf hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hidden {
    /// The audience does not have it.
    NotInAudience,
    /// The origin's roster withholds from it.
    Withheld,
    /// The charter no longer has it.
    NotAPartner,
}

impl Hidden {
    /// One word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotInAudience => "not-in-audience",
            Self::Withheld => "withheld",
            Self::NotAPartner => "not-a-partner",
        }
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Charter {
    /// Whether the node `relay` may carry ciphertext between two nodes of other partners: the charter has
    /// its partner among the relays, all three nodes, and a connected line between the two, and neither
    /// of them withholds from it. What goes by file or one way stays so.
    pub fn may_relay(&self, relay: NodeId, ends: [NodeId; 2]) -> bool {
        let (agreement, partner) = (self.agreement(), relay.partner());
        let connected = agreement.lines.iter().any(|line| {
            (ends == [line.from, line.to] || ends == [line.to, line.from])
                && matches!(line.carrier, Carrier::Quic | Carrier::Tcp)
        });
        let releases =
            |end: &NodeId| end.partner() != partner && self.releases(end.partner(), partner);
        connected
            && agreement.relays.contains(&partner)
            && [relay].iter().chain(&ends).all(|node| self.node(*node).is_some())
            && ends.iter().all(releases)
    }

    /// What `partner` sees now of an entry of `origin` for `audience`.
    pub fn sight(&self, origin: PartnerId, partner: PartnerId, audience: &Audience) -> Sight {
        if !audience.contains(partner) {
            Sight::LeafHash(Hidden::NotInAudience)
        } else if !self.agreement().partners.contains_key(&partner) {
            Sight::LeafHash(Hidden::NotAPartner)
        } else if !self.releases(origin, partner) {
            Sight::LeafHash(Hidden::Withheld)
        } else {
            Sight::Whole
        }
    }
}
