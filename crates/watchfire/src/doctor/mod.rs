//! `watchfire doctor`: looks at a node's configuration and surroundings, line by line, and changes nothing.
//!
//! Start here: [`CHECKS`] is the plain list. A check is a function from the [`Subject`] to what it found;
//! one that cannot be made because of a fault that another check names gives nothing.
//!
//! **Architecture Invariant:** nothing here opens the store for writing, takes the node's lock, or dials a
//! line that is up: whoever looks must not be felt by a running node, nor by its partners.

mod child;
mod identity;
mod network;
mod place;
mod process;
mod running;
mod time;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::{Charter, NodeSecrets};
use serde::Serialize;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::node;
use crate::store::{Access, Engine, SqliteStore};

use process::Life;

/// Every check after that of the configuration, in an order in which a fault explains those after it.
const CHECKS: &[fn(&Subject) -> Vec<Check>] = &[
    identity::secret_files,
    identity::charter,
    identity::realm,
    identity::keys,
    identity::tls_key,
    identity::officer,
    identity::ends,
    place::folder,
    place::owner,
    place::file_system,
    place::free_space,
    place::reserve,
    place::store,
    place::high_water,
    place::servers,
    time::synchronisation,
    time::hardware_clock,
    network::listeners,
    running::node,
    running::charter,
    network::lines,
    network::heartbeat,
    network::telemetry,
    running::clocks,
    running::waiting,
    running::incomplete,
    running::tested,
    running::unchanged,
];

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Doubtful, or not to be known.
    Warning,
    /// Wrong.
    Error,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) name: String,
    /// How it is.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// What should be found.
    pub(crate) expected: String,
    /// The mend: a command or a file to change.
    pub(crate) hint: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: State::Ok,
            found: found.into(),
            expected: expected.into(),
            hint: None,
        }
    }

    fn warn(self, hint: impl Into<String>) -> Self {
        Self { state: State::Warning, hint: Some(hint.into()), ..self }
    }

    fn error(self, hint: impl Into<String>) -> Self {
        Self { state: State::Error, hint: Some(hint.into()), ..self }
    }

    /// What another part of the program refuses, in its words.
    fn refused(name: &str, error: &Error, expected: &str) -> Self {
        let hint = error.hint().unwrap_or_else(|| "see docs/operator-guide.md".to_owned());
        Self::ok(name, error.to_string(), expected).error(hint)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, state, found, expected, hint } = self;
        match state {
            State::Ok => write!(f, "ok       {name}: {found}")?,
            State::Warning => write!(f, "warning  {name}: expected {expected}, got {found}")?,
            State::Error => write!(f, "error    {name}: expected {expected}, got {found}")?,
        }
        match hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Each check.
    pub(crate) checks: Vec<Check>,
    /// Whether nothing is wrong.
    pub(crate) ok: bool,
}

/// The node that is looked at, with what its files say.
pub(crate) struct Subject {
    path: PathBuf,
    config: Config,
    charter: Result<Charters, Error>,
    secrets: Result<NodeSecrets, Error>,
    clock: Option<Result<Clock, Error>>,
    /// The store, read only; nothing if there is none yet or servers keep it.
    store: Option<Result<SqliteStore, Error>>,
    life: Life,
}

impl Subject {
    fn read(path: &Path, config: Config) -> Self {
        let life = Life::of(&config);
        let store = open(&config, &life);
        let charter = Charters::read(&config, store.as_ref());
        let secrets = node::read_secrets(&config.keys);
        let clock = charter.as_ref().ok().map(|charters| node::clock(&config, &charters.in_force));
        Self { path: path.to_owned(), charter, secrets, clock, store, life, config }
    }

    /// The charter in force, if one could be verified.
    fn in_force(&self) -> Option<&Charter> {
        self.charter.as_ref().ok().map(|charters| &*charters.in_force)
    }
}

/// The charter, twice.
struct Charters {
    /// What the file says.
    file: Charter,
    /// What the store remembers, where that is newer.
    in_force: Arc<Charter>,
}

impl Charters {
    fn read(config: &Config, store: Option<&Result<SqliteStore, Error>>) -> Result<Self, Error> {
        let file = node::read_charter(&config.charter)?;
        let newer = match store {
            Some(Ok(store)) => node::in_force(config, &file, store)?,
            _ => None,
        };
        let in_force = newer.unwrap_or_else(|| Arc::new(file.clone()));
        Ok(Self { file, in_force })
    }
}

/// Opens an embedded store for reading, without a trace where nobody else has it open.
fn open(config: &Config, life: &Life) -> Option<Result<SqliteStore, Error>> {
    let database = config.database();
    if config.store != Engine::Sqlite || !database.exists() {
        return None;
    }
    let wal = std::fs::metadata(config.data.join("watchfire.sqlite-wal"));
    let crashed = wal.is_ok_and(|wal| wal.len() > 0);
    let still = matches!(life, Life::Stopped) && !crashed;
    let access = if still { Access::Still } else { Access::Read };
    Some(SqliteStore::open(&database, access))
}

/// Makes every check of the node with this configuration; `tell` hears of each as it is made.
pub(crate) fn examine(path: &Path, mut tell: impl FnMut(&Check)) -> Report {
    let mut checks = Vec::new();
    let mut add = |check: Check| {
        tell(&check);
        checks.push(check);
    };
    match Config::read(path) {
        Err(error) => {
            let expected = "a file that `watchfire node` takes";
            add(Check::refused("configuration", &error, expected));
        }
        Ok(config) => {
            let found = format!("`{}`, node {}", path.display(), config.node);
            add(Check::ok("configuration", found, "known keys with fitting values"));
            let subject = Subject::read(path, config);
            CHECKS.iter().flat_map(|check| check(&subject)).for_each(add);
        }
    }
    let ok = checks.iter().all(|check| check.state != State::Error);
    Report { checks, ok }
}

/// Checks of the same kind as one that says all is well, or those of them that are not.
fn all_or_faults(well: Check, faults: Vec<Check>) -> Vec<Check> {
    if faults.is_empty() { vec![well] } else { faults }
}
