//! That the loop comes by, told to those who watch it.

use super::Core;
use crate::service::Watchdog;

/// Who watches the loop.
#[derive(Default)]
pub(crate) struct Progress {
    /// The service manager, if it wants signs of life.
    pub(crate) watchdog: Option<Watchdog>,
}

impl Core {
    /// Told at each tick, from the loop itself: whatever holds the loop up holds this up too.
    pub(super) fn come_by(&mut self) {
        if let Some(watchdog) = &mut self.progress.watchdog {
            watchdog.came_by();
        }
    }
}
