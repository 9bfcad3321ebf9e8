//! Who takes part: three partners with a node each, and somebody who belongs to none.
//!
//! Keys and charter are made once and shared by all seeds.

use std::sync::Arc;

use base::PartnerId;
use log::testing::{self, TestCharter};
use log::{Charter, NodeSecrets, Realm};

/// The nodes, by host.
const NODES: [&str; 3] = ["JPN-1", "KOR-1", "USA-1"];

/// Charter and keys.
#[derive(Clone, Debug)]
pub struct Cast {
    /// The agreement.
    pub charter: Arc<Charter>,
    /// Each host's keys, in order of host.
    pub secrets: Vec<NodeSecrets>,
    /// Keys the charter does not know.
    pub stranger: NodeSecrets,
    /// The same names with other keys: what a liar seals for nobody.
    pub(super) false_charter: Arc<Charter>,
    /// A partner nothing is addressed to.
    pub(super) outsider: PartnerId,
    /// The same cast under a charter by which every partner may relay.
    pub(super) relaying: Option<Box<Self>>,
}

impl Cast {
    /// The usual three.
    pub fn assemble() -> Self {
        let realm = Realm::exercise("cluster").expect("a good name");
        let relayed = testing::charter_with(&realm, &NODES, 1, |agreement| {
            agreement.relays = agreement.partners.keys().copied().collect();
        });
        let mut cast = Self::under(testing::charter(&realm, &NODES, 1), realm.clone());
        cast.relaying = Some(Box::new(Self::under(relayed, realm)));
        cast
    }

    fn under(TestCharter { charter, secrets, .. }: TestCharter, realm: Realm) -> Self {
        let node = NODES[0].parse().expect("a good name");
        let stranger = NodeSecrets::random(realm, node, &mut testing::SeededRng::new(2));
        let others = testing::charter(charter.realm(), &NODES, 3).charter;
        Self {
            charter: Arc::new(charter),
            secrets: secrets.into_values().collect(),
            stranger,
            false_charter: Arc::new(others),
            outsider: "AUS".parse().expect("a good name"),
            relaying: None,
        }
    }
}
