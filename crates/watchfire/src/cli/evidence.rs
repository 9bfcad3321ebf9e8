//! `evidence`: what a store keeps of nodes that signed two histories, side by side.

use std::collections::BTreeMap;

use log::{
    Apart, Charter, EquivocationProof, Fact, LogId, StorageKey, StoreRead, StoreReadExt as _,
    VerifyingKey, stored_facts,
};
use serde::Serialize;

use super::{ConfigArgument, print};
use crate::error::Error;
use crate::node::Being;
use crate::store::{Access, AnyOpened, AnyStore, seal::hex};

/// Digits of a hash that people compare.
const DIGITS: usize = 16;

#[derive(clap::Args)]
pub(super) struct EvidenceArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// Everything kept.
#[derive(Debug, Serialize)]
struct Evidence {
    proofs: Vec<Proof>,
    /// Logs of which another history is kept.
    logs: Vec<TwoHistories>,
}

/// A proof that a key signed two histories.
#[derive(Debug, Serialize)]
struct Proof {
    node: String,
    /// Fingerprint of the key, if a charter this node had names it.
    key: Option<String>,
    /// Whether the node's roster still names that key.
    on_roster: bool,
    log: String,
    /// Sizes and roots that were signed and contradict each other.
    checkpoints: [Checkpoint; 2],
}

#[derive(Debug, Serialize)]
struct Checkpoint {
    size: u64,
    root: String,
}

/// One log, as it was taken first and as it was told otherwise.
#[derive(Debug, Serialize)]
struct TwoHistories {
    log: String,
    /// Entries held of the history taken first, without gaps.
    held: u64,
    /// The first entry in which what is kept apart differs, if the same place is held whole.
    differs_from: Option<u64>,
    /// Places of which the other history is kept, in order of size and root.
    entries: Vec<Place>,
}

/// One place in a log.
#[derive(Debug, Serialize)]
struct Place {
    index: u64,
    /// Root of the batch it is in, which its node signed.
    root: String,
    apart: Said,
    /// What the history taken first has there; nothing where it is a hash or is not held.
    held: Option<Said>,
}

/// What an entry says of itself.
#[derive(Debug, Serialize)]
struct Said {
    leaf: String,
    logged: String,
    audience: String,
    /// Nothing where the entry did not open.
    kind: Option<String>,
}

impl EvidenceArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let mut being = Being::read(&self.node.config)?;
        let AnyOpened { store, .. } = AnyStore::open(&being, Access::Read)?;
        being.follow(&store)?;
        let evidence = Evidence::read(&store, &being.charter, &being.secrets.storage);
        let evidence = evidence.map_err(|error| Error::Store {
            path: being.config.database(),
            message: error.to_string(),
            hint: "run `watchfire fsck`".to_owned(),
        })?;
        if self.json {
            let answer = serde_json::to_string(&evidence).expect("evidence is plain data");
            print(&format!("{answer}\n"));
        } else {
            print(&evidence.page());
        }
        Ok(())
    }
}

impl Evidence {
    fn read(
        store: &impl StoreRead,
        charter: &Charter,
        storage: &StorageKey,
    ) -> Result<Self, log::Error> {
        let proofs =
            store.equivocations()?.into_iter().map(|proof| Proof::of(&proof, charter)).collect();
        let mut kept: BTreeMap<LogId, Vec<Apart>> = BTreeMap::new();
        for apart in store.apart(None)? {
            kept.entry(apart.batch().log()).or_default().push(apart);
        }
        let logs = kept.into_iter().map(|(log, kept)| two_histories(store, storage, log, &kept));
        Ok(Self { proofs, logs: logs.collect::<Result<_, _>>()? })
    }

    fn page(&self) -> String {
        if self.proofs.is_empty() {
            return "no node is known to have signed two histories\n".to_owned();
        }
        let mut page = String::new();
        for proof in &self.proofs {
            let key = proof.key.as_deref().unwrap_or("unknown here");
            let standing = if proof.on_roster {
                "still on its roster: suspended"
            } else {
                "no longer on its roster"
            };
            page += &format!("{} signed two histories of {}\n", proof.node, proof.log);
            page += &format!("  key {key}, {standing}\n");
            for made in &proof.checkpoints {
                page += &format!("  signed: size {}, root {}\n", made.size, short(&made.root));
            }
        }
        for log in &self.logs {
            page += &format!("{}: {} entries held, and apart:\n", log.log, log.held);
            for place in &log.entries {
                let line = |said: &Said| {
                    let kind = said.kind.as_deref().unwrap_or("closed");
                    format!("{}  {}  {}  {kind}", short(&said.leaf), said.logged, said.audience)
                };
                let held = place.held.as_ref().map_or_else(|| "not held whole".to_owned(), line);
                page += &format!("  entry {}\n    held   {held}\n", place.index);
                page += &format!("    apart  {}\n", line(&place.apart));
            }
        }
        page
    }
}

impl Proof {
    fn of(proof: &EquivocationProof, charter: &Charter) -> Self {
        let log = proof.log();
        let known = charter.stored_log_keys(&log, 0);
        let key: Option<VerifyingKey> =
            known.into_iter().find(|key| proof.clone().verify(key).is_ok());
        let (a, b) = proof.checkpoints();
        let checkpoint = |made: &log::SignedCheckpoint| Checkpoint {
            size: made.checkpoint.size,
            root: hex(&made.checkpoint.root),
        };
        Self {
            node: log.node.to_string(),
            key: key.map(|key| key.fingerprint().to_string()),
            on_roster: charter.node(log.node).is_some_and(|record| Some(record.key) == key),
            log: log.to_string(),
            checkpoints: [checkpoint(a), checkpoint(b)],
        }
    }
}

fn two_histories(
    store: &impl StoreRead,
    storage: &StorageKey,
    log: LogId,
    kept: &[Apart],
) -> Result<TwoHistories, log::Error> {
    let mut entries = Vec::new();
    for apart in kept {
        let facts = apart.facts(storage)?;
        let root = hex(&apart.batch().checkpoint().checkpoint.root);
        for entry in apart.entries() {
            let id = entry.id();
            let opened = facts.iter().find(|fact| fact.id == id);
            let held = match store.batch_of(&id)? {
                Some(batch) => held(store, storage, &batch, id.index)?,
                None => None,
            };
            entries.push(Place {
                index: id.index,
                root: root.clone(),
                apart: Said::of(&entry, opened),
                held,
            });
        }
    }
    let differs =
        |place: &&Place| place.held.as_ref().is_some_and(|held| held.leaf != place.apart.leaf);
    let differs_from = entries.iter().filter(differs).map(|place| place.index).min();
    let held = store.head(&log)?.map_or(0, |head| head.size());
    Ok(TwoHistories { log: log.to_string(), held, differs_from, entries })
}

/// What the copy has at `index`.
fn held(
    store: &impl StoreRead,
    storage: &StorageKey,
    batch: &log::Batch,
    index: u64,
) -> Result<Option<Said>, log::Error> {
    let found = batch.stored_entries().find(|entry| entry.id().index == index);
    let Some(entry) = found else { return Ok(None) };
    let facts = stored_facts(store, storage, &batch.log(), index, 1)?.facts;
    Ok(Some(Said::of(&entry, facts.iter().find(|fact| fact.id.index == index))))
}

impl Said {
    fn of(entry: &log::Verified<log::Entry>, opened: Option<&Fact>) -> Self {
        let header = entry.header();
        Self {
            leaf: hex(entry.leaf_hash()),
            logged: header.logged.to_string(),
            audience: header.audience.to_string(),
            kind: opened.map(|fact| fact.kind.to_string()),
        }
    }
}

fn short(hash: &str) -> &str {
    hash.get(..DIGITS).unwrap_or(hash)
}
