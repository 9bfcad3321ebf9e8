//! That the loop comes by, told to those who watch it.

use std::time::Instant;

use super::Core;
use crate::heartbeat::{Sign, Signs, State};
use crate::service::Watchdog;

/// Who watches the loop.
pub(crate) struct Progress {
    /// The service manager, if it wants signs of life.
    watchdog: Option<Watchdog>,
    /// Where the heartbeat finds them.
    signs: Signs,
    /// When the store last took an append; at first when the loop began.
    stored: Instant,
}

impl Progress {
    pub(crate) fn new(watchdog: Option<Watchdog>, signs: Signs) -> Self {
        Self { watchdog, signs, stored: crate::clock::instant() }
    }

    /// The store has taken an append.
    pub(super) fn stored(&mut self, at: Instant) {
        self.stored = at;
    }
}

impl Core {
    /// Told at each tick, from the loop itself: whatever holds the loop up holds this up too.
    pub(super) fn come_by(&mut self) {
        let lines_up = self.lines.all_up(|peer| self.node.relay_to(peer));
        let roomy = self.room.is_none_or(|room| room.level == crate::store::Level::Ample);
        let sound = roomy && lines_up && self.node.incomplete().next().is_none();
        self.progress.signs.leave(Sign {
            at: crate::clock::instant(),
            stored: self.progress.stored,
            refuses: self.store_fault.is_some() || self.store_stopped.is_some(),
            state: if sound { State::Ok } else { State::Degraded },
        });
        if let Some(watchdog) = &mut self.progress.watchdog {
            watchdog.came_by();
        }
    }
}
