//! What a backup says of itself: one JSON object beside the copied database.

use std::path::{Path, PathBuf};

use base::{NodeId, Timestamp};
use log::StoreReadExt as _;
use serde::{Deserialize, Serialize};

use crate::clock::wall_now;
use crate::error::Error;
use crate::node::Being;
use crate::store::SqliteStore;
use crate::store::seal::{self, hex};

/// Edition of the manifest.
const EDITION: u32 = 1;
/// Bytes of a manifest that is read: far above one with every log a charter allows.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Edition of these keys.
    pub(crate) edition: u32,
    /// Version of the program that wrote it.
    pub(crate) program: String,
    /// Whose store it is.
    pub(crate) node: NodeId,
    /// In which realm.
    pub(crate) realm: String,
    /// The charter's edition.
    pub(crate) charter_edition: u32,
    /// The charter's fingerprint.
    pub(crate) charter: String,
    /// Wall time at which the copy was begun: everything acknowledged before is in it.
    pub(crate) taken: Timestamp,
    /// Picture time of the newest entry in it.
    pub(crate) newest: Option<Timestamp>,
    /// The copied database.
    pub(crate) database: DatabaseFile,
    /// The logs in it.
    pub(crate) logs: Vec<LogAt>,
    /// What verifying the copy counted.
    pub(crate) entries: u64,
    /// Checkpoints verified in it.
    pub(crate) checkpoints: u64,
    /// Cosignatures and range receipts verified in it.
    pub(crate) receipts: u64,
}

/// The copied database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseFile {
    /// Its name beside the manifest.
    pub(crate) file: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub(crate) sha256: String,
}

/// How far a log reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogAt {
    /// The log.
    pub(crate) log: log::LogId,
    /// Entries without a gap.
    pub(crate) size: u64,
    /// The root over them, hexadecimal.
    pub(crate) root: String,
    /// The logged time of the last one.
    pub(crate) logged: Option<Timestamp>,
}

/// Where the parts of a backup lie: a folder, or a database file with its manifest beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) database: PathBuf,
    pub(crate) manifest: PathBuf,
    /// The folder to make, if it is one.
    pub(crate) folder: Option<PathBuf>,
}

impl Place {
    /// The parts at `path`: a path that ends in `.sqlite` is a file, any other a folder.
    pub(crate) fn at(path: &Path) -> Self {
        if path.extension().is_some_and(|extension| extension == "sqlite") {
            let manifest = path.with_extension("manifest.json");
            return Self { database: path.to_owned(), manifest, folder: None };
        }
        Self {
            database: path.join("watchfire.sqlite"),
            manifest: path.join("manifest.json"),
            folder: Some(path.to_owned()),
        }
    }
}

impl Manifest {
    /// Describes the verified copy at `database`.
    pub(crate) fn of(
        being: &Being,
        taken: Timestamp,
        database: &Path,
        report: &log::FsckReport,
    ) -> Result<Self, Error> {
        let broken = |error: &dyn std::fmt::Display| Error::Store {
            path: database.to_owned(),
            message: error.to_string(),
            hint: "the copy is damaged: look at the disk it is on, and back up again".to_owned(),
        };
        let (bytes, sha256) =
            seal::digest(database).map_err(|error| Error::file("read", database, error))?;
        let store = SqliteStore::open(database, crate::store::Access::Read)?;
        let heads = store.heads().map_err(|error| broken(&error))?;
        let logs: Vec<LogAt> = heads
            .iter()
            .map(|head| LogAt {
                log: head.log,
                size: head.size(),
                root: hex(&head.done.frontier.root()),
                logged: Some(head.done.logged).filter(|logged| *logged != Timestamp::MIN),
            })
            .collect();
        Ok(Self {
            edition: EDITION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            node: being.config.node,
            realm: being.charter.realm().to_string(),
            charter_edition: being.charter.edition(),
            charter: being.charter.fingerprint().to_string(),
            taken,
            newest: logs.iter().filter_map(|log| log.logged).max(),
            database: DatabaseFile {
                file: database.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                bytes,
                sha256,
            },
            logs,
            entries: report.entries,
            checkpoints: report.checkpoints,
            receipts: report.receipts,
        })
    }

    /// Reads the manifest at `place` and compares the database with it, byte for byte.
    pub(crate) fn read_verify(place: &Place) -> Result<Self, Error> {
        use std::io::Read as _;

        let path = &place.manifest;
        let refuse = |message: String, hint: &str| Error::Store {
            path: path.clone(),
            message,
            hint: hint.to_owned(),
        };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| Error::file("read", path, error))?;
        let manifest: Self = serde_json::from_str(&text).map_err(|error| {
            refuse(
                format!("expected a backup's manifest: {error}"),
                "name the folder or file that `watchfire backup` wrote",
            )
        })?;
        if manifest.edition != EDITION {
            return Err(refuse(
                format!("expected edition {EDITION}, got {}", manifest.edition),
                "restore it with the version of `watchfire` that wrote it",
            ));
        }
        let (bytes, sha256) = seal::digest(&place.database)
            .map_err(|error| Error::file("read", &place.database, error))?;
        if bytes != manifest.database.bytes || sha256 != manifest.database.sha256 {
            return Err(Error::Store {
                path: place.database.clone(),
                message: format!(
                    "expected {} bytes with SHA-256 `{}`, got {bytes} with `{sha256}`",
                    manifest.database.bytes, manifest.database.sha256
                ),
                hint: "the backup was changed or is damaged: use another one".to_owned(),
            });
        }
        Ok(manifest)
    }

    /// Refuses a backup of another node or realm.
    pub(crate) fn check_owner(&self, being: &Being, place: &Place) -> Result<(), Error> {
        let realm = being.charter.realm().to_string();
        if self.node == being.config.node && self.realm == realm {
            return Ok(());
        }
        Err(Error::Store {
            path: place.manifest.clone(),
            message: format!(
                "expected a backup of `{}` in `{realm}`, got one of `{}` in `{}`",
                being.config.node, self.node, self.realm
            ),
            hint: "name the configuration of the node the backup is of".to_owned(),
        })
    }

    /// Seconds of wall time since it was taken.
    pub(crate) fn age_s(&self) -> f64 {
        wall_now().since(self.taken).as_seconds().0
    }
}
