//! How much room the disk has, as the loop tells and acts on it.

use domains::Severity;
use log::Precedence;

use super::Core;
use crate::http::Problem;
use crate::store::{Level, Standing};

/// What of the levels people are told.
const fn word(level: Level) -> &'static str {
    match level {
        Level::Ample => "room for everything",
        Level::Low => "ROUTINE and PRIORITY wait",
        Level::Last => "all but FLASH waits",
    }
}

impl Core {
    /// The store's disk has more or less room than before.
    pub(super) fn take_room(&mut self, standing: Standing) {
        let before = self.room.replace(standing).map_or(Level::Ample, |before| before.level);
        if before == standing.level {
            return;
        }
        let mib = standing.free_bytes / (1024 * 1024);
        let message =
            format!("{mib} MiB are left on the disk of the store: {}", word(standing.level));
        let (severity, hint) = match standing.level {
            Level::Ample => (Severity::Info, None),
            Level::Low => {
                (Severity::Warning, Some("free space on it, or give the store a larger one"))
            }
            Level::Last => (
                Severity::Error,
                Some(
                    "free space on it now: what waits goes on by itself, and the reserve is made again",
                ),
            ),
        };
        self.find(severity, "disk".to_owned(), message, hint.map(str::to_owned));
    }

    /// What the node's notes say of the disk.
    pub(super) fn room_note(&self) -> Option<String> {
        let standing = self.room.filter(|standing| standing.level != Level::Ample)?;
        let mib = standing.free_bytes / (1024 * 1024);
        Some(format!("the disk of the store has {mib} MiB left: {}", word(standing.level)))
    }

    /// Refuses an append that would wait for room.
    pub(super) fn room_for(&self, precedence: Precedence) -> Result<(), Problem> {
        match self.room.filter(|standing| standing.level.sheds(precedence)) {
            None => Ok(()),
            Some(standing) => Err(Problem::busy(format!(
                "expected room on the disk for {precedence}, got {} MiB: {}; nothing was appended",
                standing.free_bytes / (1024 * 1024),
                word(standing.level)
            ))
            .hint("free space on the disk of the store; what is more urgent is still taken")),
        }
    }
}
