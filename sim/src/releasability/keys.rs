//! Everybody who may take part, with all private keys.

use std::collections::BTreeMap;

use base::{NodeId, PartnerId};
use log::testing::SeededRng;
use log::{KemSecret, NodeSecrets, Realm, RootSecret};

/// The partners of every history; not all are members.
pub(super) const PARTNERS: [&str; 6] = ["AUS", "CAN", "GBR", "JPN", "KOR", "USA"];
/// Whose node writes the log.
pub(super) const ORIGIN: &str = "KOR-1";
const NODES_PER_PARTNER: u16 = 2;

/// Root and node keys of everybody.
pub(super) struct Keys {
    pub(super) realm: Realm,
    pub(super) roots: BTreeMap<PartnerId, RootSecret>,
    pub(super) nodes: BTreeMap<NodeId, NodeSecrets>,
    rng: SeededRng,
}

impl Keys {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SeededRng::new(seed);
        let realm = Realm::exercise("releasability").expect("a name");
        let partners = PARTNERS.map(|name| name.parse::<PartnerId>().expect("a partner"));
        let roots = partners
            .iter()
            .map(|id| (*id, RootSecret::random(realm.clone(), *id, &mut rng)))
            .collect();
        let mut nodes = BTreeMap::new();
        for partner in partners {
            for number in 1..=NODES_PER_PARTNER {
                let id = NodeId::new(partner, number).expect("a node number");
                nodes.insert(id, NodeSecrets::random(realm.clone(), id, &mut rng));
            }
        }
        Self { realm, roots, nodes, rng }
    }

    /// A node makes its next sealing key; gives its generation.
    pub(super) fn next_kem(&mut self, node: NodeId) -> u32 {
        let secrets = self.nodes.get_mut(&node).expect("everybody has keys");
        secrets.add_kem(&mut self.rng);
        secrets.newest_kem().generation()
    }

    /// Every sealing key `node` ever had.
    pub(super) fn kem(&self, node: NodeId) -> Vec<KemSecret> {
        self.nodes[&node].kem.clone()
    }
}
