//! What the console shows: tracks and sensors, in the names and units of the API.

use base::{Degrees, LocalFrame, PartnerId, Position, Radians, Timestamp, Velocity, math};
use schemars::JsonSchema;
use serde::Serialize;

use super::events::SensorKind;
use super::life::Track;
use super::state::{Sensor, State};
use crate::Items;

/// The collection of tracks.
pub const TRACKS: &str = "track.tracks";
/// The collection of sensors.
pub const SENSORS: &str = "track.sensors";

/// One track.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Track")]
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
    /// Whether every one of those is of a node that signed two histories.
    pub contested: bool,
    /// Other ids it had.
    pub aliases: Vec<String>,
}

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[schemars(rename = "TrackClass")]
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
#[schemars(rename = "TrackPhase")]
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
#[schemars(rename = "TrackState")]
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
#[schemars(rename = "TrackSource")]
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
#[schemars(rename = "TrackIdentity")]
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
#[schemars(rename = "Launch")]
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
#[schemars(rename = "Apogee")]
pub struct ApogeeItem {
    /// Height above the ellipsoid, metres.
    pub height_m: f64,
    /// When.
    pub time: Timestamp,
}

/// Where and when an object will land.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Impact")]
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
#[schemars(rename = "Sensor")]
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
#[schemars(rename = "SensorState")]
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

/// Entries shown as evidence.
const EVIDENCE_SHOWN: usize = 16;

/// Puts tracks and sensors as they stand at `now`.
pub(super) fn show(state: &State, now: Timestamp, items: &mut Items) {
    for track in state.tracks.values() {
        let item = TrackItem::of(&track.0);
        items.put(TRACKS, item.id.clone(), &item);
    }
    for (key, sensor) in &state.sensors {
        items.put(SENSORS, key.clone(), &SensorItem::of(key, sensor, now));
    }
}

impl TrackItem {
    fn of(track: &Track) -> Self {
        let lead = track.bank.lead();
        let place = Position::new(lead.position()).to_geodetic();
        let velocity = LocalFrame::at(&place).velocity_to_enu(&Velocity::new(lead.velocity()));
        let [east_mps, north_mps, climb_mps] = velocity.xyz;
        let ground_mps = math::hypot(east_mps, north_mps);
        let course_deg = Degrees::from(Radians(math::atan2(east_mps, north_mps))).0;
        let forecast = track.forecast.as_ref();
        Self {
            id: track.id.to_string(),
            public_id: track.public_id.clone(),
            class: track.class,
            phase: track.phase,
            state: track.life,
            lat_deg: place.lat().0,
            lon_deg: place.lon().0,
            height_m: place.height().0,
            speed_mps: math::hypot(ground_mps, climb_mps),
            course_deg: if course_deg < 0.0 { course_deg + 360.0 } else { course_deg },
            climb_mps,
            position_sigma_m: lead.sigma(0),
            updated: track.updated,
            first_seen: track.first_seen,
            plots: track.plots,
            sources: track
                .shares
                .values()
                .map(|share| Source {
                    partner: share.partner,
                    sensor: share.sensor.clone(),
                    plots: share.plots,
                    updated: share.updated,
                })
                .collect(),
            identity: IdentityItem {
                mode_3a: track.identity.mode_3a.map(|code| format!("{code:04o}")),
                aircraft_address: track.identity.aircraft_address.map(|a| format!("{a:06X}")),
                callsign: track.identity.callsign.clone(),
                track_number: track.identity.track_number.map(|(_, _, number)| number),
            },
            launch: launch_item(track),
            apogee: forecast
                .and_then(|forecast| forecast.apogee)
                .map(|(height_m, time)| ApogeeItem { height_m, time }),
            impact: impact_item(track),
            trail: track.trail.points.clone(),
            evidence: track.evidence(EVIDENCE_SHOWN).iter().map(ToString::to_string).collect(),
            contested: false,
            aliases: track.aliases.clone(),
        }
    }
}

fn launch_item(track: &Track) -> Option<LaunchItem> {
    let launch = track.launch.as_ref().filter(|_| track.class == Class::Ballistic)?;
    Some(LaunchItem {
        lat_deg: launch.lat_deg,
        lon_deg: launch.lon_deg,
        time: launch.time,
        time_sigma_s: launch.time_sigma_s,
        region: launch.ring(),
    })
}

fn impact_item(track: &Track) -> Option<ImpactItem> {
    let impact = track.forecast.as_ref().and_then(|forecast| forecast.impact)?;
    let (semi_major_m, semi_minor_m) = impact.ninety_percent_m();
    Some(ImpactItem {
        lat_deg: impact.lat_deg,
        lon_deg: impact.lon_deg,
        time: impact.time,
        time_sigma_s: impact.time_sigma_s,
        semi_major_m,
        semi_minor_m,
        orientation_deg: impact.orientation_deg,
        region: impact.ring(),
    })
}

impl SensorItem {
    fn of(key: &str, sensor: &Sensor, now: Timestamp) -> Self {
        let info = &sensor.info;
        Self {
            id: key.to_owned(),
            partner: info.partner,
            kind: info.kind,
            lat_deg: info.position.map(|place| place.lat().0),
            lon_deg: info.position.map(|place| place.lon().0),
            height_m: info.position.map(|place| place.height().0),
            scans: sensor.scans,
            last_scan: sensor.last_scan,
            state: sensor.hearing(now),
        }
    }
}
