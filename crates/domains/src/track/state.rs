//! The folded picture: tracks, sensors, declared ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Timestamp, limits};
use serde::{Serialize, Serializer};

use super::events::{DeclaredReport, SensorInfo};
use super::items::Hearing;
use super::life::{Track, TrackId};

/// Declarations that wait for the object they name.
pub(super) const WAITING_MAX: usize = 256;
/// Sensors a picture knows.
pub(super) const SENSORS_MAX: usize = 1_024;

/// The folded state of the domain.
#[derive(Debug, Clone, Default, Serialize)]
pub struct State {
    pub(super) tracks: BTreeMap<TrackId, Shared<Track>>,
    pub(super) sensors: BTreeMap<String, Sensor>,
    /// Declarations without their object yet, by the time they count.
    pub(super) waiting: BTreeMap<(Timestamp, String), DeclaredReport>,
    /// The earliest deadline of any track; `None` when there is none.
    pub(super) next_deadline: Option<Timestamp>,
}

impl State {
    /// How many tracks are shown.
    pub fn tracks(&self) -> usize {
        self.tracks.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.tracks.len() < limits::TRACKS_MAX
    }

    /// Looks up the earliest deadline again.
    pub(super) fn schedule(&mut self) {
        self.next_deadline = self.tracks.values().map(|track| track.0.next_deadline().0).min();
    }
}

/// A sensor and its latest scan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sensor {
    pub(super) info: SensorInfo,
    pub(super) scans: u64,
    pub(super) last_scan: Timestamp,
}

impl Sensor {
    /// Whether it is heard at `now`.
    pub(super) fn hearing(&self, now: Timestamp) -> Hearing {
        const STALE_PERIODS: f64 = 3.0;
        const LOST_PERIODS: f64 = 10.0;
        let silence_s = now.since(self.last_scan).as_seconds().0;
        let period_s = self.info.period_s.max(1.0);
        if silence_s > LOST_PERIODS * period_s {
            Hearing::Lost
        } else if silence_s > STALE_PERIODS * period_s {
            Hearing::Stale
        } else {
            Hearing::Live
        }
    }
}

/// A value shared between copies of the picture until one of them changes it.
#[derive(Debug, Clone)]
pub(super) struct Shared<T>(pub(super) Arc<T>);

impl<T: Clone> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    pub(super) fn change(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
