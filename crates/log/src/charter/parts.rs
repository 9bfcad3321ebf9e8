//! What each partner contributes to a charter: public halves only, as a TOML file.
//!
//! ```text
//! realm = "operational"
//! [[partner]]  id, name, root                     from `watchfire keys root`
//! [[node]]     as in a charter's roster           from `watchfire keys node`
//! [[officer]]  partner, name, key, expires        from `watchfire keys officer`
//! ```

use std::collections::BTreeMap;

use base::{NodeId, PartnerId, limits};

use super::{NodeRecord, OfficerRecord, PartnerRecord, Roster, file};
use crate::{Error, Realm};

/// Public halves of keys, on their way into an agreement or a roster.
#[derive(Clone, Debug, PartialEq)]
pub struct CharterParts {
    /// The realm the keys were made for.
    pub realm: Realm,
    /// Members.
    pub partners: BTreeMap<PartnerId, PartnerRecord>,
    /// Nodes.
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// Officers.
    pub officers: Vec<OfficerPart>,
}

/// One officer's public half.
#[derive(Clone, Debug, PartialEq)]
pub struct OfficerPart {
    /// Whose officer.
    pub partner: PartnerId,
    /// The name acts carry.
    pub name: String,
    /// The key.
    pub record: OfficerRecord,
}

impl CharterParts {
    /// Nothing yet.
    pub const fn new(realm: Realm) -> Self {
        Self { realm, partners: BTreeMap::new(), nodes: BTreeMap::new(), officers: Vec::new() }
    }

    /// Reads a file of parts.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > limits::CHARTER_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes in a file of parts",
                max: limits::CHARTER_BYTES_MAX as u64,
                got: text.len() as u64,
            });
        }
        file::parse_parts(text)
    }

    /// The file.
    pub fn to_text(&self) -> String {
        file::parts_to_text(self)
    }

    /// Adds what another file of the same realm brings; nothing may come twice.
    pub fn join(&mut self, other: Self) -> Result<(), Error> {
        let refuse = |place: &str, expected: String, got: String, hint| {
            Err(Error::Charter { place: place.to_owned(), expected, got, hint })
        };
        if other.realm != self.realm {
            let (expected, got) = (format!("`{}`", self.realm), format!("`{}`", other.realm));
            return refuse("realm", expected, got, "keys of one realm never serve another");
        }
        for (id, partner) in other.partners {
            if self.partners.insert(id, partner).is_some() {
                let expected = "each partner's root once".to_owned();
                return refuse("partner", expected, format!("`{id}` twice"), HINT_ONCE);
            }
        }
        for (id, node) in other.nodes {
            if self.nodes.insert(id, node).is_some() {
                let expected = "each node once".to_owned();
                return refuse("node", expected, format!("`{id}` twice"), HINT_ONCE);
            }
        }
        for officer in other.officers {
            let same = |o: &OfficerPart| (o.partner, &o.name) == (officer.partner, &officer.name);
            if self.officers.iter().any(same) {
                let got = format!("`{}` twice", officer.name);
                return refuse("officer", "each officer once".to_owned(), got, HINT_ONCE);
            }
            self.officers.push(officer);
        }
        Ok(())
    }

    /// The first roster of `partner`, of what is here of it.
    pub fn roster(&self, partner: PartnerId) -> Roster {
        let nodes = self.nodes.iter().filter(|(id, _)| id.partner() == partner);
        let officers = self.officers.iter().filter(|officer| officer.partner == partner);
        Roster {
            nodes: nodes.map(|(id, record)| (*id, record.clone())).collect(),
            officers: officers.map(|o| (o.name.clone(), o.record)).collect(),
            ..Roster::empty(partner)
        }
    }
}

const HINT_ONCE: &str = "leave out one of the two files";
