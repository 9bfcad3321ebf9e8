//! `log`'s store port on `SQLite`: one table of rows for each of the port's tables.
//!
//! WAL mode with `synchronous=FULL`: a commit that returned is on the disk. `cell_size_check` and the
//! rows' own digests find damage; [`super::seal`] covers the bytes that no row uses.

use std::cell::OnceCell;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use log::{Row, Store, StoreError, StoreRead, Table, Write};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::seal;
use crate::error::Error;

/// `Watc` in ASCII: says whose file this is.
const APPLICATION_ID: i32 = 0x5761_7463;
/// Edition of the schema.
const SCHEMA_EDITION: i32 = 1;
/// Bytes of a page of a new file: most rows are batches of tens of kilobytes, which lie in chains of pages, and
/// each page is a write and a read of its own.
const PAGE_BYTES: u32 = 16 * 1024;
/// How long one connection waits for another.
const BUSY_MS: u64 = 10_000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads only; the file must exist.
    Read,
    /// Reads a file that no process has open and that was closed cleanly, and leaves nothing beside it.
    Still,
    /// Reads and writes; makes the file if need be.
    Write,
}

/// One connection to the store.
pub(crate) struct SqliteStore {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Of a store opened as still: the connection for when a node has opened it meanwhile.
    woken: Option<OnceCell<Connection>>,
}

pub(super) fn failed(action: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full { action },
        _ => StoreError::Failed { action, reason: error.to_string() },
    }
}

/// The file beside the database that `SQLite` names by this ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The URI under which `SQLite` takes no locks and makes no files (sqlite.org/uri.html, "immutable").
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte));
            }
            other => uri += &format!("%{other:02X}"),
        }
    }
    uri + "?immutable=1"
}

impl SqliteStore {
    /// Opens the store at `path`; a file that is not one is refused.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        Self::open_with(path, access, None)
    }

    /// Opens the store for reading; one that was closed cleanly is left without a file more.
    ///
    /// If a node opens it meanwhile, what was read until then is of the moment it was closed, and what is
    /// read from then on is of the moment of reading.
    pub(crate) fn open_for_reading(path: &Path) -> Result<Self, Error> {
        let wal = std::fs::metadata(beside(path, "-wal")).map_or(0, |file| file.len());
        let is_still = wal == 0 && seal::is_there(path);
        Self::open(path, if is_still { Access::Still } else { Access::Read })
    }

    /// The same over a named VFS and with this `synchronous` setting, for tests of power loss.
    pub(crate) fn open_with(
        path: &Path,
        access: Access,
        faults: Option<(&str, &str)>,
    ) -> Result<Self, Error> {
        let refuse = |message: String| Error::Store {
            path: path.to_owned(),
            message,
            hint:
                "run `watchfire fsck` on it; a damaged store is restored from partners and backups"
                    .to_owned(),
        };
        let flags = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Still => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match faults {
            Some((vfs, _)) => Connection::open_with_flags_and_vfs(path, flags, vfs),
            None if access == Access::Still => Connection::open_with_flags(immutable(path), flags),
            None => Connection::open_with_flags(path, flags),
        };
        let connection = opened.map_err(|error| refuse(error.to_string()))?;
        let woken = (access == Access::Still).then(OnceCell::new);
        let store = Self { connection, path: path.to_owned(), woken };
        let synchronous = faults.map_or("FULL", |(_, synchronous)| synchronous);
        store
            .prepare(access, synchronous, faults.is_some())
            .map_err(|error| refuse(error.to_string()))?;
        let owner: i32 = store
            .connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(|error| refuse(error.to_string()))?;
        if owner != APPLICATION_ID {
            return Err(refuse(format!(
                "expected a Watchfire store, got application id {owner:#x}"
            )));
        }
        store.check_length(access).map_err(refuse)?;
        Ok(store)
    }

    /// Refuses a file that was cut within a page. While a write-ahead log is there the file may end
    /// anywhere: what is missing is in that log.
    fn check_length(&self, access: Access) -> Result<(), String> {
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        if access == Access::Read || self.wal_bytes() > 0 {
            return Ok(());
        }
        let page =
            self.connection.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0));
        let page = page.map_err(|error| error.to_string())?;
        if length.is_multiple_of(u64::from(page)) {
            return Ok(());
        }
        Err(format!("expected whole pages of {page} bytes, got a file of {length} bytes"))
    }

    fn prepare(&self, access: Access, synchronous: &str, exclusive: bool) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        if exclusive {
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        connection.pragma_update(None, "cell_size_check", true)?;
        if access != Access::Write {
            return Ok(());
        }
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        }
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "secure_delete", true)?;
        // Folding the write-ahead log back is done on another connection, off the commit path.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        if version == 0 {
            let mut schema = String::from("BEGIN IMMEDIATE;");
            for table in Table::ALL {
                schema += &format!(
                    "CREATE TABLE IF NOT EXISTS {} (key BLOB PRIMARY KEY, value BLOB NOT NULL);",
                    table.as_str()
                );
            }
            schema += &format!(
                "PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_EDITION}; COMMIT;"
            );
            connection.execute_batch(&schema)?;
        }
        Ok(())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in the write-ahead log.
    pub(crate) fn wal_bytes(&self) -> u64 {
        std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |file| file.len())
    }

    /// Reads; a store that is not still any more is read again, as one that others write.
    fn reading<T>(
        &self,
        read: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let read = |connection: &Connection| read(connection).map_err(failed("read"));
        let Some(woken) = &self.woken else { return read(&self.connection) };
        if woken.get().is_none() {
            let found = read(&self.connection);
            if seal::is_there(&self.path) {
                return found;
            }
        }
        if woken.get().is_none() {
            let Self { connection, .. } =
                Self::open(&self.path, Access::Read).map_err(|error| StoreError::Failed {
                    action: "read",
                    reason: error.to_string(),
                })?;
            woken.get_or_init(|| connection);
        }
        read(woken.get().expect("just opened"))
    }

    /// Folds the write-ahead log back without holding up writers.
    pub(crate) fn fold_back(&self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded back");
        }
    }

    /// Folds everything back and closes.
    pub(crate) fn close(self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded back");
        }
    }

    /// What `SQLite`'s own check finds wrong; empty if nothing.
    pub(crate) fn integrity(&self) -> Vec<String> {
        let check = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect()
        };
        match check() {
            Ok(lines) if lines == ["ok"] => Vec::new(),
            Ok(lines) => lines,
            Err(error) => vec![error.to_string()],
        }
    }
}

impl StoreRead for SqliteStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = format!("SELECT value FROM {} WHERE key = ?1", table.as_str());
        self.reading(|connection| {
            connection.prepare_cached(&sql)?.query_row([key], |row| row.get(0)).optional()
        })
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let sql = format!(
            "SELECT key, value FROM {} WHERE key >= ?1 ORDER BY key LIMIT ?2",
            table.as_str()
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows =
                statement.query_map(params![from, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    fn last(&self, table: Table, to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        let sql = format!(
            "SELECT key, value FROM {} WHERE key <= ?1 ORDER BY key DESC LIMIT 1",
            table.as_str()
        );
        self.reading(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([to], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }
}

impl SqliteStore {
    /// Puts rows as they are, in one durable act.
    pub(crate) fn put_rows(&mut self, rows: impl Iterator<Item = Row>) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed("begin"))?;
        for Row { table, key, value } in rows {
            let sql =
                format!("INSERT OR REPLACE INTO {} (key, value) VALUES (?1, ?2)", table.as_str());
            let mut statement = transaction.prepare_cached(&sql).map_err(failed("write"))?;
            statement.execute(params![key, value]).map_err(failed("write"))?;
        }
        transaction.commit().map_err(failed("commit"))
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.put_rows(writes.iter().map(Write::row))
    }
}
