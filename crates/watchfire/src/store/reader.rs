//! Reading the store beside the running node: for receipts, audits and files to carry, off the loop.

use std::path::PathBuf;
use std::sync::Arc;

use log::StoreRead;
use tokio::sync::Semaphore;

use super::jetstream::JetStreamStore;
use super::{Access, AnyStore, SqliteStore};
use crate::error::Error;
use crate::http::Problem;

/// Reads at once; more wait. Each has a connection of its own.
const READERS_MAX: usize = 4;

/// Where a reader finds the store.
#[derive(Clone)]
enum Source {
    File(Arc<PathBuf>),
    Journal(Arc<JetStreamStore>),
}

/// Opens the store for reading as often as is asked, a few at a time.
#[derive(Clone)]
pub(crate) struct Reader {
    source: Source,
    places: Arc<Semaphore>,
}

impl Reader {
    /// Of an open store.
    pub(crate) fn new(store: &AnyStore) -> Self {
        let source = match store {
            AnyStore::Sqlite(store) => Source::File(Arc::new(store.path().to_owned())),
            AnyStore::JetStream(store) => Source::Journal(Arc::new(store.reader())),
        };
        Self { source, places: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// The store as every commit up to now left it.
    fn open(&self) -> Result<AnyStore, Error> {
        match &self.source {
            Source::File(path) => SqliteStore::open(path, Access::Read).map(AnyStore::Sqlite),
            Source::Journal(journal) => Ok(AnyStore::JetStream(journal.reader())),
        }
    }

    /// Does `work` with the store on a thread where reading may take its time.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn StoreRead) -> Result<T, log::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Problem::stopping())?;
        let reader = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            let store = reader.open().map_err(|error| error.to_string())?;
            work(&store).map_err(|error| error.to_string())
        });
        let done = done.await.map_err(|_| Problem::stopping())?;
        done.map_err(|message| {
            Problem::conflict(format!("the store could not be read: {message}"))
                .hint("run `watchfire fsck` once the node is stopped")
        })
    }
}
