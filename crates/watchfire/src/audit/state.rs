//! What an auditor remembers between audits: of each log the last signed note that was verified, and the
//! evidence of every fault. A JSON file, edition 1, replaced as a whole:
//!
//! ```text
//! { "edition": 1,
//!   "logs":     { ORIGIN: NOTE, … },
//!   "evidence": [ { "origin", "fault", "before": NOTE or null, "got": NOTE or null }, … ] }
//! ```

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Faults kept with their notes; the oldest go first.
const EVIDENCE_MAX: usize = 1_000;
const EDITION: u32 = 1;

/// An auditor's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    edition: u32,
    /// The last note verified of each log.
    pub(crate) logs: BTreeMap<String, String>,
    /// What was found wrong, with what was signed.
    pub(crate) evidence: Vec<Evidence>,
}

/// One fault and the signed notes around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    /// The log.
    pub(crate) origin: String,
    /// What is wrong.
    pub(crate) fault: String,
    /// The note verified before.
    pub(crate) before: Option<String>,
    /// The note that came, if it was signed.
    pub(crate) got: Option<String>,
}

impl Memory {
    /// Reads the file; a new memory if there is none.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { edition: EDITION, logs: BTreeMap::new(), evidence: Vec::new() });
            }
            Err(error) => return Err(Error::file("read", path, error)),
        };
        let hint = "name the file an earlier audit wrote; without it roll-backs go unseen";
        let state: Self = serde_json::from_str(&text).map_err(|error| {
            Error::input(format!("audit state `{}`: {error}", path.display()), hint)
        })?;
        if state.edition == EDITION {
            Ok(state)
        } else {
            let message = format!(
                "audit state `{}`: expected edition {EDITION}, got {}",
                path.display(),
                state.edition
            );
            Err(Error::input(message, hint))
        }
    }

    /// Writes the file beside itself and renames it, so that a crash leaves the old or the new one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let fail = |error| Error::file("write", path, error);
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let text = serde_json::to_string_pretty(self).expect("a state is plain data");
        let mut file = std::fs::File::create(&beside).map_err(fail)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
        std::fs::rename(&beside, path).map_err(fail)
    }

    /// Keeps evidence, once.
    pub(crate) fn blame(&mut self, evidence: Evidence) {
        if self.evidence.contains(&evidence) {
            return;
        }
        if self.evidence.len() == EVIDENCE_MAX {
            self.evidence.remove(0);
        }
        self.evidence.push(evidence);
    }
}
