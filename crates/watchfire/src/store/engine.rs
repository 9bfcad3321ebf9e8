//! Which engine keeps the log, and what all engines have in common.

use std::path::{Path, PathBuf};

use log::{KeyValue, Row, Store, StoreError, StoreRead, Table, Write};
use serde::{Deserialize, Serialize};

use super::jetstream::{self, JetStreamStore};
use super::{Access, HighWaterFile, SqliteStore};
use crate::error::Error;
use crate::node::Being;

/// Rows read at once while copying; a batch may take megabytes.
const COPY_ROWS: usize = 64;

/// The part `[store]` of a node's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
pub(crate) enum Engine {
    /// One file of this machine.
    #[default]
    Sqlite,
    /// A replicated stream of a NATS cluster, see [`jetstream`].
    Jetstream(Box<jetstream::Settings>),
}

impl Engine {
    /// What is wrong with the settings, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Jetstream(settings) => settings.fault(),
        }
    }

    /// The files named, to be made relative to the configuration's folder.
    pub(crate) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Sqlite => Vec::new(),
            Self::Jetstream(settings) => settings.paths_mut().collect(),
        }
    }
}

/// A store of one of the engines.
pub(crate) enum AnyStore {
    Sqlite(SqliteStore),
    JetStream(JetStreamStore),
}

/// An opened store, and what its engine has to say about itself.
pub(crate) struct AnyOpened {
    pub(crate) store: AnyStore,
    /// What could not be checked, in words for the operator.
    pub(crate) unknown: Vec<String>,
    /// Damage found outside of rows.
    pub(crate) faults: Vec<String>,
}

impl AnyStore {
    /// Opens the store of a node, for its one process or beside it.
    pub(crate) fn open(being: &Being, access: Access) -> Result<AnyOpened, Error> {
        let Being { config, charter, .. } = being;
        match &config.store {
            Engine::Sqlite => {
                let database = config.database();
                let store = match access {
                    Access::Read => SqliteStore::open_for_reading(&database)?,
                    Access::Still | Access::Write => SqliteStore::open(&database, access)?,
                };
                let store = Self::Sqlite(store);
                Ok(AnyOpened { store, unknown: Vec::new(), faults: Vec::new() })
            }
            Engine::Jetstream(settings) => {
                let opening = jetstream::Opening {
                    settings,
                    realm: charter.realm(),
                    node: config.node,
                    data: &config.data,
                    high_water: config.high_water(),
                    watch: jetstream::WATCH,
                    behind: jetstream::BEHIND_PATIENCE,
                };
                let jetstream::Opened { store, unknown, faults } = match access {
                    Access::Read | Access::Still => JetStreamStore::inspect(&opening)?,
                    Access::Write => JetStreamStore::open(&opening)?,
                };
                Ok(AnyOpened { store: Self::JetStream(store), unknown, faults })
            }
        }
    }

    /// What the engine's own check finds wrong; of a journal, opening it has found that.
    pub(crate) fn integrity(&self) -> Vec<String> {
        match self {
            Self::Sqlite(store) => store.integrity(),
            Self::JetStream(_) => Vec::new(),
        }
    }

    /// Writes a copy of the store as a file of `SQLite` to `path`, which must not exist: the form of
    /// every backup, whatever the engine. It is synced by the caller.
    pub(crate) fn copy_into(&self, path: &Path) -> Result<(), StoreError> {
        let store = match self {
            Self::Sqlite(store) => return store.copy_into(path),
            Self::JetStream(store) => store,
        };
        let mut copy = SqliteStore::open(path, Access::Write)
            .map_err(|error| StoreError::Failed { action: "copy", reason: error.to_string() })?;
        for table in Table::ALL {
            let mut next = Vec::new();
            loop {
                let rows = store.scan(table, &next, COPY_ROWS)?;
                let Some((last, _)) = rows.last() else { break };
                next.clone_from(last);
                next.push(0);
                copy.put_rows(rows.into_iter().map(|(key, value)| Row { table, key, value }))?;
            }
        }
        copy.close();
        Ok(())
    }

    /// Another reader of the same store.
    pub(super) fn reader(&self) -> Result<Self, Error> {
        match self {
            Self::Sqlite(store) => SqliteStore::open(store.path(), Access::Read).map(Self::Sqlite),
            Self::JetStream(store) => Ok(Self::JetStream(store.reader())),
        }
    }

    /// Says that no process has the store open any more, in whatever way its engine knows.
    pub(super) fn close(self, high_water: &HighWaterFile) {
        match self {
            Self::Sqlite(store) => {
                let path = store.path().to_owned();
                store.close();
                if let Err(error) = super::seal::write(&path, high_water.paths()) {
                    tracing::warn!(%error, "the closed store could not be sealed");
                }
            }
            Self::JetStream(store) => store.close(),
        }
    }
}

impl StoreRead for AnyStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sqlite(store) => store.get(table, key),
            Self::JetStream(store) => store.get(table, key),
        }
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        match self {
            Self::Sqlite(store) => store.scan(table, from, limit),
            Self::JetStream(store) => store.scan(table, from, limit),
        }
    }

    fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError> {
        match self {
            Self::Sqlite(store) => store.last(table, to),
            Self::JetStream(store) => store.last(table, to),
        }
    }
}

impl Store for AnyStore {
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.commit(writes),
            Self::JetStream(store) => store.commit(writes),
        }
    }
}
