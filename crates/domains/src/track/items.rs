//! What the console shows: tracks and sensors, in the names and units of the API.

use base::{PartnerId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::events::SensorKind;

/// The collection of tracks.
pub const TRACKS: &str = "track.tracks";
/// The collection of sensors.
pub const SENSORS: &str = "track.sensors";

/// One track.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TrackItem {
    /// Internal id, derived from the first plot.
    pub id: String,
    /// Declared id, the same in every view.
    pub public_id: Option<String>,
    /// What it is.
    pub class: Class,
    /// What it is doing.
    pub phase: Phase,
    /// How far it is believed.
    pub state: Life,
    /// Latitude, degrees.
    pub lat_deg: f64,
    /// Longitude, degrees.
    pub lon_deg: f64,
    /// Height above the ellipsoid, metres.
    pub height_m: f64,
    /// Speed over the turning Earth, m/s.
    pub speed_mps: f64,
    /// Direction over ground, clockwise from north, degrees.
    pub course_deg: f64,
    /// Vertical speed, positive up, m/s.
    pub climb_mps: f64,
    /// Root of the summed variances of the position, metres.
    pub position_sigma_m: f64,
    /// Time of the last plot.
    pub updated: Timestamp,
    /// Time of the first plot.
    pub first_seen: Timestamp,
    /// Plots used.
    pub plots: u64,
    /// Who contributed.
    pub sources: Vec<Source>,
    /// What a transponder said.
    pub identity: IdentityItem,
    /// Where it started, of ballistic objects.
    pub launch: Option<LaunchItem>,
    /// Its highest point, of ballistic objects.
    pub apogee: Option<ApogeeItem>,
    /// Where it will land, of ballistic objects.
    pub impact: Option<ImpactItem>,
    /// Where it was: longitude, latitude, height; at most 64 points, oldest first.
    pub trail: Vec<[f64; 3]>,
    /// The newest entries it rests on, at most 16, oldest first.
    pub evidence: Vec<String>,
    /// Other ids it had.
    pub aliases: Vec<String>,
}

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Falls freely after a boost.
    Ballistic,
    /// Flies in the air.
    Aircraft,
    /// Not decided.
    #[default]
    Unknown,
}

/// What a track is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Under thrust.
    Boost,
    /// Free fall outside the air.
    Coast,
    /// Falling through the air.
    Reentry,
    /// Its impact time has passed.
    Landed,
    /// Level flight.
    Level,
    /// Climbing.
    Climb,
    /// Descending.
    Descent,
    /// Not decided.
    #[default]
    Unknown,
}

/// How far a track is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Too few plots yet.
    #[default]
    Tentative,
    /// Enough plots.
    Confirmed,
    /// Not seen for some time.
    Stale,
    /// Given up.
    Lost,
}

/// A sensor's share in a track.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Source {
    /// Whose sensor.
    pub partner: PartnerId,
    /// The sensor's id.
    pub sensor: String,
    /// Plots used.
    pub plots: u64,
    /// Time of the last one.
    pub updated: Timestamp,
}

/// What a transponder said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct IdentityItem {
    /// Mode 3/A code, four octal digits.
    pub mode_3a: Option<String>,
    /// Aircraft address, six hexadecimal digits.
    pub aircraft_address: Option<String>,
    /// Aircraft identification.
    pub callsign: Option<String>,
    /// The radar's own track number.
    pub track_number: Option<u16>,
}

/// Where and when an object started.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LaunchItem {
    /// Latitude, degrees.
    pub lat_deg: f64,
    /// Longitude, degrees.
    pub lon_deg: f64,
    /// When.
    pub time: Timestamp,
    /// Its standard deviation, seconds.
    pub time_sigma_s: f64,
    /// The 90% region as a closed ring of longitude, latitude.
    pub region: Vec<[f64; 2]>,
}

/// The highest point of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ApogeeItem {
    /// Height above the ellipsoid, metres.
    pub height_m: f64,
    /// When.
    pub time: Timestamp,
}

/// Where and when an object will land.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImpactItem {
    /// Latitude, degrees.
    pub lat_deg: f64,
    /// Longitude, degrees.
    pub lon_deg: f64,
    /// When.
    pub time: Timestamp,
    /// Its standard deviation, seconds.
    pub time_sigma_s: f64,
    /// Half the longer axis of the 90% ellipse, metres.
    pub semi_major_m: f64,
    /// Half the shorter axis of the 90% ellipse, metres.
    pub semi_minor_m: f64,
    /// Direction of the longer axis, clockwise from north, degrees, 0 to 180.
    pub orientation_deg: f64,
    /// The 90% ellipse as a closed ring of longitude, latitude.
    pub region: Vec<[f64; 2]>,
}

/// One sensor.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SensorItem {
    /// Partner and id.
    pub id: String,
    /// Whose sensor.
    pub partner: PartnerId,
    /// What it measures.
    pub kind: SensorKind,
    /// Latitude of the site, degrees.
    pub lat_deg: Option<f64>,
    /// Longitude of the site, degrees.
    pub lon_deg: Option<f64>,
    /// Height of the site, metres.
    pub height_m: Option<f64>,
    /// Scans folded.
    pub scans: u64,
    /// Time of the last one.
    pub last_scan: Timestamp,
    /// Whether it is heard.
    pub state: Hearing,
}

/// Whether a sensor is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// Its scans come.
    #[default]
    Live,
    /// Three periods without a scan.
    Stale,
    /// Ten periods without a scan.
    Lost,
}
