//! A node's private keys and a partner's root key as text files.
//!
//! ```text
//! watchfire node-keys v1          watchfire root-key v1
//! realm exercise/alpha            realm exercise/alpha
//! node KOR-1                      partner KOR
//! key <base 64, 32 bytes>         key <base 64, 32 bytes>
//! witness <…>
//! holds <…>
//! storage <…>
//! kem 1 <…>                       one line a generation, ascending
//! ```
//!
//! The realm in the file keeps an exercise's keys out of the operational realm.

use std::fmt;

use base::{NodeId, PartnerId};
use zeroize::Zeroizing;

use crate::keys::SigningKey;
use crate::{Error, KemSecret, Realm, StorageKey, base64};

/// All private keys of one node. Blank in debug output; wiped when dropped.
#[derive(Clone)]
pub struct NodeSecrets {
    /// The realm these keys are for.
    pub realm: Realm,
    /// Whose they are.
    pub node: NodeId,
    /// Signs the node's logs.
    pub key: SigningKey,
    /// Signs `witness` cosignatures.
    pub witness: SigningKey,
    /// Signs `holds` cosignatures and range receipts.
    pub holds: SigningKey,
    /// Seals what is kept on disk.
    pub storage: StorageKey,
    /// Open epoch keys; ascending generations, never empty.
    pub kem: Vec<KemSecret>,
}

impl NodeSecrets {
    /// Fresh keys, KEM generation 1.
    pub fn random(realm: Realm, node: NodeId, rng: &mut dyn rand_core::CryptoRng) -> Self {
        Self {
            realm,
            node,
            key: SigningKey::random(rng),
            witness: SigningKey::random(rng),
            holds: SigningKey::random(rng),
            storage: StorageKey::random(rng),
            kem: vec![KemSecret::random(1, rng)],
        }
    }

    /// Fresh signing keys for a node that goes on; storage and KEM keys stay, so that what it has
    /// remains readable to it.
    #[must_use]
    pub fn rotate_signing(&self, rng: &mut dyn rand_core::CryptoRng) -> Self {
        Self {
            key: SigningKey::random(rng),
            witness: SigningKey::random(rng),
            holds: SigningKey::random(rng),
            ..self.clone()
        }
    }

    /// Adds a KEM key of the next generation; the older ones stay until they are destroyed.
    pub fn add_kem(&mut self, rng: &mut dyn rand_core::CryptoRng) {
        let next = self.newest_kem().generation() + 1;
        self.kem.push(KemSecret::random(next, rng));
    }

    /// Destroys KEM keys older than `generation`; the newest always stays. Gives how many went.
    pub fn destroy_kem_before(&mut self, generation: u32) -> usize {
        let newest = self.newest_kem().generation();
        let before = self.kem.len();
        self.kem.retain(|kem| kem.generation() >= generation || kem.generation() == newest);
        before - self.kem.len()
    }

    /// The KEM key others wrap to: the newest.
    pub fn newest_kem(&self) -> &KemSecret {
        self.kem.last().expect("a node has at least one KEM key")
    }

    /// The key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(1024));
        let mut line = |name: &str, value: &str| {
            text.push_str(name);
            text.push(' ');
            text.push_str(value);
            text.push('\n');
        };
        let secret = |bytes: &[u8; 32]| Zeroizing::new(base64::encode(bytes));
        line("watchfire", "node-keys v1");
        line("realm", &self.realm.to_string());
        line("node", &self.node.to_string());
        line("key", &secret(self.key.seed()));
        line("witness", &secret(self.witness.seed()));
        line("holds", &secret(self.holds.seed()));
        line("storage", &secret(self.storage.secret()));
        for kem in &self.kem {
            let value = Zeroizing::new(format!("{} {}", kem.generation(), *secret(kem.seed())));
            line("kem", &value);
        }
        text
    }

    /// Reads a key file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = Lines { what: "a node key file", lines: text.lines() };
        lines.value("watchfire", |v| (v == "node-keys v1").then_some(()))?;
        let realm = lines.value("realm", |v| v.parse().ok())?;
        let node = lines.value("node", |v| v.parse().ok())?;
        let mut signing = |name| lines.value(name, secret).map(SigningKey::from_seed);
        let (key, witness, holds) = (signing("key")?, signing("witness")?, signing("holds")?);
        let storage = lines.value("storage", secret).map(StorageKey::new)?;
        let mut kem: Vec<KemSecret> = Vec::new();
        while kem.is_empty() || !lines.is_done() {
            let next = lines.value("kem", |value| {
                let (generation, seed) = value.split_once(' ')?;
                let generation: u32 = generation.parse().ok()?;
                let ascending = kem.last().is_none_or(|last| last.generation() < generation);
                ascending.then_some(KemSecret::from_seed(generation, secret(seed)?))
            })?;
            kem.push(next);
        }
        Ok(Self { realm, node, key, witness, holds, storage, kem })
    }
}

impl fmt::Debug for NodeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeSecrets({}, {}, ..)", self.realm, self.node)
    }
}

/// A partner's root key. Blank in debug output; wiped when dropped.
#[derive(Clone)]
pub struct RootSecret {
    /// The realm this root signs charters of.
    pub realm: Realm,
    /// Whose it is.
    pub partner: PartnerId,
    /// The key.
    pub key: SigningKey,
}

impl RootSecret {
    /// A fresh root key.
    pub fn random(realm: Realm, partner: PartnerId, rng: &mut dyn rand_core::CryptoRng) -> Self {
        Self { realm, partner, key: SigningKey::random(rng) }
    }

    /// The key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(base64::encode(self.key.seed()));
        Zeroizing::new(format!(
            "watchfire root-key v1\nrealm {}\npartner {}\nkey {}\n",
            self.realm, self.partner, *key
        ))
    }

    /// Reads a key file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = Lines { what: "a root key file", lines: text.lines() };
        lines.value("watchfire", |v| (v == "root-key v1").then_some(()))?;
        let realm = lines.value("realm", |v| v.parse().ok())?;
        let partner = lines.value("partner", |v| v.parse().ok())?;
        let key = SigningKey::from_seed(lines.value("key", secret)?);
        if lines.is_done() {
            Ok(Self { realm, partner, key })
        } else {
            Err(Error::text(lines.what, "nothing after `key`", "another line"))
        }
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootSecret({}, {}, ..)", self.realm, self.partner)
    }
}

fn secret(text: &str) -> Option<[u8; 32]> {
    base64::decode_array(text)
}

/// `NAME VALUE` lines in a fixed order. Values are never shown in errors.
pub(crate) struct Lines<'a> {
    pub(crate) what: &'static str,
    pub(crate) lines: std::str::Lines<'a>,
}

impl Lines<'_> {
    pub(crate) fn value<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let line = self.lines.next().unwrap_or_default();
        line.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(' '))
            .and_then(read)
            .ok_or_else(|| Error::text(self.what, name, "another or a malformed line"))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.lines.clone().next().is_none()
    }
}
