//! Putting a backup back, and rehearsing it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::Timestamp;
use domains::{Cut, ViewName};
use log::Trim;
use serde::Serialize;
use serde_json::Value;

use super::{Manifest, Place, private, sync_file, verify};
use crate::client::Client;
use crate::clock::{instant, wall_now};
use crate::error::Error;
use crate::node::{Being, lock};
use crate::replay::{Replayed, replay};
use crate::store::seal::{break_seal, hex};
use crate::store::{Access, Engine, SqliteStore};

/// A log cut short to reach a moment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cutback {
    /// The log.
    pub(crate) log: String,
    /// Entries left.
    pub(crate) size: u64,
    /// Entries dropped.
    pub(crate) dropped: u64,
}

/// What restoring did.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restored {
    /// The database that is in place now.
    pub(crate) database: PathBuf,
    /// Where the database that was there is now.
    pub(crate) previous: Option<PathBuf>,
    /// When the backup was taken.
    pub(crate) taken: Timestamp,
    /// Its age in seconds.
    pub(crate) age_s: f64,
    /// Logs cut short by `--to`.
    pub(crate) cut: Vec<Cutback>,
    /// Entries in the restored store.
    pub(crate) entries: u64,
}

/// Whether a database that is already there may be moved aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It may not: refuse.
    Keep,
    /// It may.
    MoveAside,
}

/// Puts the backup at `source` in the place of the stopped node's store, cut back to what was logged
/// up to `last`. The node's next start begins a new incarnation that cites what it signed before.
pub(crate) fn restore(
    being: &Being,
    source: &Path,
    last: Option<Timestamp>,
    existing: Existing,
) -> Result<Restored, Error> {
    if being.config.store != Engine::Sqlite {
        return Err(Error::input(
            "expected `engine = \"sqlite\"` in the node's `[store]`, got a stream that is never put back",
            "set it for the node that is restored; it fetches what came later from partners",
        ));
    }
    let place = Place::at(source);
    let manifest = Manifest::read_verify(&place)?;
    manifest.check_owner(being, &place)?;
    let data = &being.config.data;
    std::fs::create_dir_all(data).map_err(|error| Error::file("write", data, error))?;
    let _lock = lock(&being.config)?;
    let database = being.config.database();
    if database.exists() && existing == Existing::Keep {
        return Err(Error::Store {
            path: database,
            message: "expected no store here, got one".to_owned(),
            hint: "give `--replace`: the store that is here is moved aside, not removed".to_owned(),
        });
    }
    let fresh = database.with_extension("restoring");
    remove_database(&fresh)?;
    let prepared = prepare(being, &place, &fresh, last)?;
    let previous = move_aside(&database)?;
    break_seal(&database)?;
    std::fs::rename(&fresh, &database).map_err(|error| Error::file("write", &database, error))?;
    sync_file(data)?;
    Ok(Restored {
        database,
        previous,
        taken: manifest.taken,
        age_s: manifest.age_s(),
        cut: prepared.cut,
        entries: prepared.entries,
    })
}

struct Prepared {
    cut: Vec<Cutback>,
    entries: u64,
}

/// Makes the store at `fresh` from the backup: copied, cut back, its incarnation forgotten, verified.
fn prepare(
    being: &Being,
    place: &Place,
    fresh: &Path,
    last: Option<Timestamp>,
) -> Result<Prepared, Error> {
    std::fs::copy(&place.database, fresh).map_err(|error| Error::file("write", fresh, error))?;
    private(fresh, 0o600)?;
    let damaged = |error: &dyn std::fmt::Display| Error::Store {
        path: fresh.to_owned(),
        message: error.to_string(),
        hint: "the backup is not what it was: use another one".to_owned(),
    };
    let mut store = SqliteStore::open(fresh, Access::Write)?;
    let mut trim = match last {
        None => Trim::default(),
        Some(last) => log::trim_after(&store, last).map_err(|error| damaged(&error))?,
    };
    sync::trim_notes(&store, &mut trim).map_err(|error| damaged(&error))?;
    store.replace(&trim.writes, &trim.removals).map_err(|error| damaged(&error))?;
    store.fold_whole().map_err(|error| damaged(&error))?;
    store.close();
    let report = verify(being, fresh)?;
    for leftover in companions(fresh) {
        std::fs::remove_file(leftover).ok();
    }
    sync_file(fresh)?;
    let cut = trim.logs.iter().map(|log| Cutback {
        log: log.log.to_string(),
        size: log.size,
        dropped: log.dropped,
    });
    Ok(Prepared { cut: cut.collect(), entries: report.entries })
}

/// The files `SQLite` keeps beside a database.
fn companions(database: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

fn remove_database(database: &Path) -> Result<(), Error> {
    for path in companions(database).iter().map(PathBuf::as_path).chain([database]) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("write", path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Moves a database and what `SQLite` keeps beside it out of the way; where to.
fn move_aside(database: &Path) -> Result<Option<PathBuf>, Error> {
    if !database.exists() {
        // A write-ahead log without its database would be applied to the restored one.
        remove_database(database)?;
        return Ok(None);
    }
    let aside = database.with_extension(format!("before-{}", wall_now().as_nanos()));
    let pairs = companions(database).into_iter().zip(companions(&aside));
    for (from, to) in std::iter::once((database.to_owned(), aside.clone())).chain(pairs) {
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|error| Error::file("write", &to, error))?;
        }
    }
    Ok(Some(aside))
}

/// How one view of a rehearsed restore compares with the running node.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Compared {
    /// The view.
    pub(crate) view: String,
    /// Facts folded from the backup.
    pub(crate) facts: u64,
    /// The digest of the backup's picture at its own cut.
    pub(crate) restored: String,
    /// The running node's digest at the same cut; null if it was not asked or could not say.
    pub(crate) running: Option<String>,
    /// Whether both are equal; null without an answer.
    pub(crate) equal: Option<bool>,
}

/// What a rehearsal found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Drill {
    /// When the backup was taken.
    pub(crate) taken: Timestamp,
    /// Its age in seconds.
    pub(crate) age_s: f64,
    /// Seconds that copying, verifying and folding took.
    pub(crate) took_s: f64,
    /// Entries in it.
    pub(crate) entries: u64,
    /// Logs cut short by `--to`.
    pub(crate) cut: Vec<Cutback>,
    /// The views.
    pub(crate) views: Vec<Compared>,
    /// Entries the running node holds that the backup does not; null if it does not run.
    pub(crate) behind: Option<u64>,
    /// Why nothing was compared, if so.
    pub(crate) not_compared: Option<String>,
}

impl Drill {
    /// Whether a running node said that its picture at the backup's cut is another.
    pub(crate) fn differs(&self) -> bool {
        self.views.iter().any(|view| view.equal == Some(false))
    }
}

/// Restores `source` into the empty or absent folder `scratch`, verifies and folds it, and compares
/// with the running node at the common cut. The node's own store is not touched.
pub(crate) fn drill(
    being: &Being,
    source: &Path,
    last: Option<Timestamp>,
    scratch: &Path,
) -> Result<Drill, Error> {
    let began = instant();
    let place = Place::at(source);
    let manifest = Manifest::read_verify(&place)?;
    manifest.check_owner(being, &place)?;
    let scratch = Scratch::make(scratch)?;
    let fresh = scratch.0.join("watchfire.sqlite");
    let prepared = prepare(being, &place, &fresh, last)?;
    let mut names = vec![ViewName::Own];
    let partner = being.config.node.partner();
    names.extend(being.charter.audiences_of(partner).map(ViewName::Audience));
    let mut views = Vec::new();
    let mut common = Cut::new();
    let store = SqliteStore::open(&fresh, Access::Read)?;
    for name in names {
        let mut replayed = replay(being, &store, None, name.clone())?;
        let pictures = replayed.pictures()?;
        let Replayed { view, cut } = replayed;
        let digest = hex(&view.digest_of(&pictures));
        common = cut;
        views.push(Compared {
            view: name.to_string(),
            facts: view.len() as u64,
            restored: digest,
            running: None,
            equal: None,
        });
    }
    let took_s = began.elapsed().as_secs_f64();
    let compared = compare(being, &common, &mut views);
    Ok(Drill {
        taken: manifest.taken,
        age_s: manifest.age_s(),
        took_s,
        entries: prepared.entries,
        cut: prepared.cut,
        views,
        behind: compared.as_ref().ok().copied(),
        not_compared: compared.err().map(|error| error.to_string()),
    })
}

/// Asks the running node for its digests at `cut`; gives how many entries it holds beyond.
fn compare(being: &Being, cut: &Cut, views: &mut [Compared]) -> Result<u64, Error> {
    let client = Client::of(&being.config)?;
    let status: Value = client.get("/api/v1/status")?;
    let held: BTreeMap<String, u64> =
        serde_json::from_value(status["logs"].clone()).unwrap_or_default();
    let pairs: Vec<String> = cut
        .iter()
        .filter(|(_, size)| **size > 0)
        .map(|(log, size)| format!("{log}={size}"))
        .collect();
    for view in views {
        let name = view.view.replace('+', "%2B");
        let path = format!("/api/v1/digest?view={name}&cut={}", pairs.join(","));
        let answer: Value = client.get(&path)?;
        view.running = answer["digest"].as_str().map(str::to_owned);
        view.equal = view.running.as_ref().map(|running| *running == view.restored);
    }
    let restored: BTreeMap<String, u64> =
        cut.iter().map(|(log, size)| (log.to_string(), *size)).collect();
    Ok(held
        .iter()
        .map(|(log, size)| size.saturating_sub(restored.get(log).copied().unwrap_or(0)))
        .sum())
}

/// A folder of a rehearsal; removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn make(path: &Path) -> Result<Self, Error> {
        if path.exists() {
            return Err(Error::input(
                format!("expected nothing at `{}`, got something", path.display()),
                "name a folder that does not exist: it is made, and removed afterwards",
            ));
        }
        std::fs::create_dir_all(path).map_err(|error| Error::file("write", path, error))?;
        private(path, 0o700)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
