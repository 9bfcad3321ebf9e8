//! Scenario and truth files: JSON Lines of sensors, scans, injects and true trajectories.
//!
//! SI units, degrees, times as integer nanoseconds of UTC. One object a line:
//!
//! ```text
//! {"edition":1,"seed":7,"realm":"exercise/NAME","sensors":[{…}]}       first line, once
//! {"t_meas":…,"t_arrive":…,"sensor":"ID","scan":0,"plots":[{…}]}       a scan or sector
//! {"t":…,"inject":"NAME",…}                                            a scripted event
//! ```
//!
//! A radar's plot is `{"range_m","azimuth_deg","elevation_deg"}`, optionally with `doppler_mps` and
//! with all three of `sigma_range_m`, `sigma_azimuth_deg`, `sigma_elevation_deg` where they differ
//! from the sensor's. A geodetic plot is `{"lat_deg","lon_deg","height_m","sigma_m"}`.
//! The truth file is apart: `{"t","object","class","ecef_m":[x,y,z],"velocity_mps":[x,y,z]}`.
//!
//! Start here: [`read`] for a whole file, [`Line::parse`] for one line of a stream, [`Line::to_json`]
//! to write one. Unknown keys are refused, so that a misspelt sigma cannot pass silently.

mod plot;
mod read;
mod sensor;
mod truth;

use base::{Timestamp, limits};
use serde::{Deserialize, Serialize};

pub use plot::{GeodeticPlot, Plot, PolarPlot};
pub use read::{Lines, read};
pub use sensor::{PolarSigmas, Sensor, SensorId, SensorKind};
pub use truth::{Truth, TruthClass};

use crate::Error;

/// The edition of the layout that this module reads and writes.
pub const EDITION: u32 = 1;
/// Sensors in one header.
pub const SENSORS_MAX: usize = 1_024;

/// One line of a scenario file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// The first line.
    Header(Header),
    /// What one sensor saw in one scan or sector.
    Scan(Scan),
    /// A scripted event.
    Inject(Inject),
}

impl Line {
    /// The line as JSON, without a line end.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("finite numbers and string keys always serialise")
    }
}

/// The first line of a scenario file: what it is and which sensors take part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawHeader")]
pub struct Header {
    edition: u32,
    seed: u64,
    realm: String,
    sensors: Vec<Sensor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeader {
    edition: u32,
    seed: u64,
    realm: String,
    sensors: Vec<Sensor>,
}

impl TryFrom<RawHeader> for Header {
    type Error = Error;

    fn try_from(raw: RawHeader) -> Result<Self, Error> {
        if raw.edition != EDITION {
            return Err(Error::Text {
                expected: "scenario edition `1`",
                got: raw.edition.to_string(),
            });
        }
        Self::new(raw.seed, raw.realm, raw.sensors)
    }
}

impl Header {
    /// A header for `realm` (`exercise/` and a name of small letters, digits and `-`), with up to
    /// [`SENSORS_MAX`] sensors of distinct ids. `seed` is what a generator started from; a recording
    /// says 0.
    pub fn new(seed: u64, realm: String, sensors: Vec<Sensor>) -> Result<Self, Error> {
        const NAME_BYTES_MAX: usize = 64;
        let named = realm.strip_prefix("exercise/").is_some_and(|name| {
            (1..=NAME_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
        if !named {
            return Err(Error::Text {
                expected: "a realm `exercise/NAME` of small letters, digits and `-` (a scenario \
                           never plays in the operational realm)",
                got: Error::quote(&realm),
            });
        }
        if sensors.len() > SENSORS_MAX {
            let got = sensors.len();
            return Err(Error::TooMany { what: "sensors", limit: SENSORS_MAX, got });
        }
        let mut ids: Vec<&SensorId> = sensors.iter().map(Sensor::id).collect();
        ids.sort_unstable();
        if let Some([twice, _]) = ids.array_windows().find(|[a, b]| a == b) {
            return Err(Error::Text {
                expected: "every sensor id once",
                got: format!("{twice} twice"),
            });
        }
        Ok(Self { edition: EDITION, seed, realm, sensors })
    }

    /// What the generator started from; 0 for a recording.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The exercise realm the scenario plays in.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The sensors, in the file's order.
    pub fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }
}

/// What one sensor saw in one scan or sector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawScan")]
pub struct Scan {
    #[serde(with = "nanos")]
    t_meas: Timestamp,
    #[serde(with = "nanos")]
    t_arrive: Timestamp,
    sensor: SensorId,
    #[serde(rename = "scan")]
    number: u64,
    plots: Vec<Plot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScan {
    #[serde(with = "nanos")]
    t_meas: Timestamp,
    #[serde(with = "nanos")]
    t_arrive: Timestamp,
    sensor: SensorId,
    scan: u64,
    plots: Vec<Plot>,
}

impl TryFrom<RawScan> for Scan {
    type Error = Error;

    fn try_from(raw: RawScan) -> Result<Self, Error> {
        Self::new(raw.t_meas, raw.t_arrive, raw.sensor, raw.scan, raw.plots)
    }
}

impl Scan {
    /// Scan number `number` of `sensor`, measured at `t_meas`, at the node at `t_arrive`; up to
    /// [`limits::SCAN_PLOTS_MAX`] plots, all of one kind.
    pub fn new(
        t_meas: Timestamp,
        t_arrive: Timestamp,
        sensor: SensorId,
        number: u64,
        plots: Vec<Plot>,
    ) -> Result<Self, Error> {
        if plots.len() > limits::SCAN_PLOTS_MAX {
            return Err(Error::TooMany {
                what: "plots in a scan",
                limit: limits::SCAN_PLOTS_MAX,
                got: plots.len(),
            });
        }
        let polar = plots.iter().filter(|plot| matches!(plot, Plot::Polar(_))).count();
        if polar != 0 && polar != plots.len() {
            return Err(Error::Fields {
                expected: "plots of one kind in a scan",
                got: "polar and geodetic plots",
            });
        }
        Ok(Self { t_meas, t_arrive, sensor, number, plots })
    }

    /// When the plots were measured.
    pub const fn t_meas(&self) -> Timestamp {
        self.t_meas
    }

    /// When the scan reaches its node.
    pub const fn t_arrive(&self) -> Timestamp {
        self.t_arrive
    }

    /// Whose scan it is.
    pub const fn sensor(&self) -> &SensorId {
        &self.sensor
    }

    /// The sensor's running number of the scan.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The plots, all of one kind.
    pub fn plots(&self) -> &[Plot] {
        &self.plots
    }
}

/// A scripted event: its time, its name and whatever parameters the name calls for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inject {
    /// When it happens.
    #[serde(with = "nanos")]
    pub t: Timestamp,
    /// What happens.
    #[serde(rename = "inject")]
    pub name: String,
    /// The other keys of the line.
    #[serde(flatten)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

/// Times as integer nanoseconds of UTC.
mod nanos {
    use base::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    pub(super) fn serialize<S: Serializer>(
        t: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(t.as_nanos())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_nanos)
    }
}

#[cfg(test)]
mod tests;
