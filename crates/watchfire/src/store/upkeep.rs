//! What is done to a whole store: copying it while it is used, removing rows.

use std::path::Path;

use log::{Row, StoreError, Table, Write};
use rusqlite::params;

use super::sqlite::{SqliteStore, failed};

impl SqliteStore {
    /// Writes a copy of the store as it is at this moment to `path`, which must not exist; a node may
    /// go on writing meanwhile. The copy has no free pages, so nothing that was erased is in it.
    ///
    /// `SQLite` does not sync what it writes here: that is the caller's.
    pub(crate) fn copy_into(&self, path: &Path) -> Result<(), StoreError> {
        let name = path.to_str().ok_or_else(|| StoreError::Failed {
            action: "copy",
            reason: format!("expected a path in UTF-8, got `{}`", path.display()),
        })?;
        self.connection.execute("VACUUM INTO ?1", [name]).map(|_| ()).map_err(failed("copy"))
    }

    /// Puts and removes rows as one atomic act. Content of removed rows is overwritten with zeros
    /// (`secure_delete`); in the write-ahead log it stays until [`SqliteStore::fold_whole`].
    pub(crate) fn replace(
        &mut self,
        writes: &[Write],
        removals: &[(Table, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed("begin"))?;
        for (table, key) in removals {
            let sql = format!("DELETE FROM {} WHERE key = ?1", table.as_str());
            let mut statement = transaction.prepare_cached(&sql).map_err(failed("remove"))?;
            statement.execute([key]).map_err(failed("remove"))?;
        }
        for write in writes {
            let Row { table, key, value } = write.row();
            let sql =
                format!("INSERT OR REPLACE INTO {} (key, value) VALUES (?1, ?2)", table.as_str());
            let mut statement = transaction.prepare_cached(&sql).map_err(failed("write"))?;
            statement.execute(params![key, value]).map_err(failed("write"))?;
        }
        transaction.commit().map_err(failed("commit"))
    }

    /// Folds the write-ahead log back and empties it, so that no byte of removed rows is left in it.
    /// `false` if a reader held it up.
    pub(crate) fn fold_whole(&self) -> Result<bool, StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            .map(|busy| busy == 0)
            .map_err(failed("fold back"))
    }
}
