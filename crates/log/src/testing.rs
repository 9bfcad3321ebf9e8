//! Keys and charters for tests and simulators: everything follows from a seed.

pub mod port;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use base::{NodeId, PartnerId, Timestamp};

use crate::keys::sha256;
use crate::{
    Agreement, Audience, Carrier, Charter, CharterDraft, ExerciseTime, LineRecord, NodeRecord,
    NodeSecrets, PartnerRecord, Realm, RootSecret, Roster,
};

/// Whether this thread takes shortcuts through the costly cryptography from here on: signatures and
/// the wraps of epoch keys are models. Nothing signed before verifies after, or the other way round.
pub fn take_shortcuts(taken: bool) {
    crate::shortcuts::take(taken);
}

/// A generator whose bytes follow from its seed: SHA-256 of seed and a counter.
#[derive(Clone, Debug)]
pub struct SeededRng {
    seed: u64,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl SeededRng {
    /// The generator of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: 0, block: [0; 32], used: 32 }
    }
}

impl rand_core::TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            if self.used == self.block.len() {
                let input = [self.seed.to_be_bytes(), self.counter.to_be_bytes()].concat();
                self.block = sha256(&input);
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for SeededRng {}

/// A verified charter and every private key behind it.
#[derive(Clone, Debug)]
pub struct TestCharter {
    /// The charter, edition 1.
    pub charter: Charter,
    /// The roots.
    pub roots: BTreeMap<PartnerId, RootSecret>,
    /// The nodes' keys.
    pub secrets: BTreeMap<NodeId, NodeSecrets>,
}

/// A charter of `realm` for `nodes` such as `KOR-1`: their partners, every audience of one, two or all
/// of them, and a TCP line between every two nodes.
///
/// # Panics
/// If a name is not a node.
pub fn charter(realm: &Realm, nodes: &[&str], seed: u64) -> TestCharter {
    charter_with(realm, nodes, seed, |_| {})
}

/// The same with terms of its own.
///
/// # Panics
/// If a name is not a node.
pub fn charter_with(
    realm: &Realm,
    nodes: &[&str],
    seed: u64,
    change: impl FnOnce(&mut Agreement),
) -> TestCharter {
    let mut rng = SeededRng::new(seed);
    let nodes: BTreeSet<NodeId> =
        nodes.iter().map(|name| name.parse().expect("a node name")).collect();
    let partners: BTreeSet<PartnerId> = nodes.iter().map(NodeId::partner).collect();
    let roots: BTreeMap<PartnerId, RootSecret> = partners
        .iter()
        .map(|partner| (*partner, RootSecret::random(realm.clone(), *partner, &mut rng)))
        .collect();
    let secrets: BTreeMap<NodeId, NodeSecrets> = nodes
        .iter()
        .map(|node| (*node, NodeSecrets::random(realm.clone(), *node, &mut rng)))
        .collect();
    let mut terms = agreement(realm, &nodes, &roots);
    change(&mut terms);
    let mut draft = CharterDraft::new(terms);
    for (partner, root) in &roots {
        draft.sign_agreement(*partner, &root.key).expect("the partner's own root");
        let roster = roster(*partner, &secrets);
        draft.sign_roster(roster, &root.key).expect("the partner's own root");
    }
    TestCharter { charter: draft.finish().expect("every root signed"), roots, secrets }
}

fn agreement(
    realm: &Realm,
    nodes: &BTreeSet<NodeId>,
    roots: &BTreeMap<PartnerId, RootSecret>,
) -> Agreement {
    let mut audiences = BTreeSet::from([
        Audience::new(roots.keys().copied()).expect("test charters have few partners")
    ]);
    for a in roots.keys() {
        audiences.insert(Audience::only(*a));
        for b in roots.keys().filter(|b| a < *b) {
            audiences.insert(Audience::new([*a, *b]).expect("two different partners"));
        }
    }
    let lines = nodes.iter().flat_map(|from| {
        let later = nodes.iter().filter(move |to| from < *to);
        later.map(|to| LineRecord { from: *from, to: *to, carrier: Carrier::Tcp })
    });
    Agreement {
        edition: 1,
        realm: realm.clone(),
        exercise: realm.is_exercise().then_some(ExerciseTime {
            epoch: Timestamp::from_seconds(1_501_252_800),
            clock_rate: 60.0,
        }),
        partners: roots
            .iter()
            .map(|(partner, root)| {
                let root = root.key.verifying_key();
                (*partner, PartnerRecord { name: format!("Partner {partner}"), root })
            })
            .collect(),
        audiences,
        lines: lines.collect(),
        relays: BTreeSet::new(),
        deadlines_s: BTreeMap::new(),
        folds: BTreeMap::new(),
        expires: None,
    }
}

fn roster(partner: PartnerId, secrets: &BTreeMap<NodeId, NodeSecrets>) -> Roster {
    let own = secrets.iter().filter(|(node, _)| node.partner() == partner);
    Roster {
        partner,
        number: 1,
        nodes: own.map(|(node, secrets)| (*node, node_record(secrets))).collect(),
        officers: BTreeMap::new(),
        former_officers: Vec::new(),
        withhold: BTreeSet::new(),
    }
}

/// The public record of a node's keys, with no address and a made-up TLS key.
pub fn node_record(secrets: &NodeSecrets) -> NodeRecord {
    NodeRecord {
        key: secrets.key.verifying_key(),
        witness: secrets.witness.verifying_key(),
        holds: secrets.holds.verifying_key(),
        kem: secrets.newest_kem().public(),
        tls_spki_sha256: sha256(secrets.node.to_string().as_bytes()),
        addresses: Vec::new(),
        expires: None,
        retired: Vec::new(),
    }
}
