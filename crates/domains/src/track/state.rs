//! The folded picture: tracks, sensors, declared ids.

use std::collections::{BTreeMap, BTreeSet};
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

    /// Declarations without their object, as `SECONDS NAME`.
    #[cfg(test)]
    pub(crate) fn waiting_names(&self) -> Vec<String> {
        let name =
            |(at, name): &(Timestamp, String)| format!("{} {name}", at.as_nanos() / 1_000_000_000);
        self.waiting.keys().map(name).collect()
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
    /// The contents heard for the newest moment: the same scan reported to two nodes stands in two
    /// logs and is one scan. Facts fold in order of measurement, so equal contents meet here. Not part
    /// of the digest: it follows from the facts of one moment.
    #[serde(skip)]
    pub(super) heard: BTreeSet<[u8; 32]>,
}

/// Contents of one sensor and moment that are remembered; further ones count as new.
const HEARD_MAX: usize = 64;

impl Sensor {
    /// Notes a scan by its content; `false` if the same was heard before.
    pub(super) fn note(&mut self, measured: Timestamp, content: [u8; 32]) -> bool {
        if measured > self.last_scan {
            self.heard.clear();
        }
        let is_new = !self.heard.contains(&content);
        if is_new && self.heard.len() < HEARD_MAX {
            self.heard.insert(content);
        }
        self.last_scan = self.last_scan.max(measured);
        is_new
    }

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
