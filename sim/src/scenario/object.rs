//! Things that move, on the scene's clock.

use base::{TimeDelta, Timestamp};
use formats::scenario::TruthClass;

use super::aircraft::AirTrack;
use super::earth::Motion;
use super::flight::Trajectory;

/// How an object moves.
#[derive(Clone, Debug)]
pub enum Path {
    /// A boosted flight.
    Flight(Trajectory),
    /// An aircraft's course.
    Air(AirTrack),
}

/// One object of a scene.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name in the truth file, unique in the scene.
    pub name: String,
    /// What it is.
    pub class: TruthClass,
    /// When its path begins.
    pub start: Timestamp,
    /// Its path.
    pub path: Path,
}

/// An object at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sight {
    /// Where and how fast.
    pub motion: Motion,
    /// An engine of a missile burns.
    pub burning: bool,
}

impl Object {
    /// Where it is at `time`; nothing before it starts and after it ends.
    pub fn at(&self, time: Timestamp) -> Option<Sight> {
        let time_s = time.since(self.start).as_seconds().0;
        match &self.path {
            Path::Flight(flight) => {
                flight.at(time_s).map(|motion| Sight { motion, burning: flight.burns_at(time_s) })
            }
            Path::Air(track) => track.at(time_s).map(|motion| Sight { motion, burning: false }),
        }
    }

    /// When a flight comes down, to the nanosecond below.
    pub fn impact(&self) -> Option<Timestamp> {
        match &self.path {
            Path::Flight(flight) => {
                let exact = TimeDelta::from_seconds_f64(base::Seconds(flight.flight_s));
                Some(self.start + exact - TimeDelta::from_nanos(1))
            }
            Path::Air(_) => None,
        }
    }
}
