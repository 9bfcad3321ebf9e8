//! Sensors as a scenario's header names them.

use std::fmt;
use std::str::FromStr;

use base::{Degrees, Geodetic, Metres, PartnerId, Seconds, limits};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::within;

/// The name of a sensor: 1 to 64 ASCII letters, digits, `-`, `_`, `.` or `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SensorId(String);

impl SensorId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SensorId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        const BYTES_MAX: usize = 64;
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if (1..=BYTES_MAX).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text))
        } else {
            Err(Error::Text {
                expected: "a sensor id of 1 to 64 ASCII letters, digits, `-`, `_`, `.` or `/`",
                got: Error::quote(&text),
            })
        }
    }
}

impl FromStr for SensorId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl From<SensorId> for String {
    fn from(id: SensorId) -> Self {
        id.0
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Standard deviations of a radar's polar measurements; each finite and above zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolarSigmas {
    range: Metres,
    azimuth: Degrees,
    elevation: Degrees,
}

impl PolarSigmas {
    /// Range sigma up to 1,000 km; angle sigmas up to 180°.
    pub fn new(range: Metres, azimuth: Degrees, elevation: Degrees) -> Result<Self, Error> {
        Ok(Self {
            range: Metres(within("range sigma (metres)", range.0, f64::MIN_POSITIVE, 1e6)?),
            azimuth: Degrees(within(
                "azimuth sigma (degrees)",
                azimuth.0,
                f64::MIN_POSITIVE,
                180.0,
            )?),
            elevation: Degrees(within(
                "elevation sigma (degrees)",
                elevation.0,
                f64::MIN_POSITIVE,
                180.0,
            )?),
        })
    }

    /// Of the slant range.
    pub const fn range(&self) -> Metres {
        self.range
    }

    /// Of the azimuth.
    pub const fn azimuth(&self) -> Degrees {
        self.azimuth
    }

    /// Of the elevation.
    pub const fn elevation(&self) -> Degrees {
        self.elevation
    }

    /// From three optional JSON fields: all or none.
    pub(super) fn from_fields(
        range_m: Option<f64>,
        azimuth_deg: Option<f64>,
        elevation_deg: Option<f64>,
    ) -> Result<Option<Self>, Error> {
        match (range_m, azimuth_deg, elevation_deg) {
            (None, None, None) => Ok(None),
            (Some(range), Some(azimuth), Some(elevation)) => {
                Self::new(Metres(range), Degrees(azimuth), Degrees(elevation)).map(Some)
            }
            _ => Err(Error::Fields {
                expected: "all of `sigma_range_m`, `sigma_azimuth_deg`, `sigma_elevation_deg` or none",
                got: "some of them",
            }),
        }
    }
}

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SensorKind {
    /// Range, azimuth and elevation from its site, with these sigmas unless a plot says otherwise.
    Radar(PolarSigmas),
    /// Places on or above the Earth; every plot carries its own sigma.
    Geodetic,
}

/// One sensor of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSensor", into = "RawSensor")]
pub struct Sensor {
    id: SensorId,
    partner: PartnerId,
    kind: SensorKind,
    site: Geodetic,
    pd: f64,
    clutter: f64,
    period: Seconds,
}

impl Sensor {
    /// A sensor that detects with probability `pd` = 1, without clutter, once a second; see
    /// [`Sensor::with_detection`].
    pub const fn new(id: SensorId, partner: PartnerId, kind: SensorKind, site: Geodetic) -> Self {
        Self { id, partner, kind, site, pd: 1.0, clutter: 0.0, period: Seconds(1.0) }
    }

    /// The same sensor with probability of detection `pd` (0 to 1), mean false plots a scan `clutter`
    /// (0 to the plots a scan may hold) and scan `period` (above 0, up to a day).
    pub fn with_detection(self, pd: f64, clutter: f64, period: Seconds) -> Result<Self, Error> {
        const DAY_S: f64 = 86_400.0;
        Ok(Self {
            pd: within("probability of detection", pd, 0.0, 1.0)?,
            clutter: within("clutter (plots a scan)", clutter, 0.0, limits::SCAN_PLOTS_MAX as f64)?,
            period: Seconds(within("scan period (seconds)", period.0, 1e-3, DAY_S)?),
            ..self
        })
    }

    /// Its name, unique in the file.
    pub const fn id(&self) -> &SensorId {
        &self.id
    }

    /// Whose sensor it is.
    pub const fn partner(&self) -> PartnerId {
        self.partner
    }

    /// What it measures.
    pub const fn kind(&self) -> SensorKind {
        self.kind
    }

    /// Where it stands.
    pub const fn site(&self) -> &Geodetic {
        &self.site
    }

    /// Probability of detection of an object in coverage, 0 to 1.
    pub const fn pd(&self) -> f64 {
        self.pd
    }

    /// Mean number of false plots a scan.
    pub const fn clutter(&self) -> f64 {
        self.clutter
    }

    /// Time from scan to scan.
    pub const fn period(&self) -> Seconds {
        self.period
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    Radar,
    Geodetic,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSensor {
    id: SensorId,
    partner: PartnerId,
    kind: RawKind,
    lat_deg: f64,
    lon_deg: f64,
    height_m: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_range_m: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_azimuth_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_elevation_deg: Option<f64>,
    pd: f64,
    clutter: f64,
    period_s: f64,
}

impl TryFrom<RawSensor> for Sensor {
    type Error = Error;

    fn try_from(raw: RawSensor) -> Result<Self, Error> {
        let sigmas = PolarSigmas::from_fields(
            raw.sigma_range_m,
            raw.sigma_azimuth_deg,
            raw.sigma_elevation_deg,
        )?;
        let kind = match (raw.kind, sigmas) {
            (RawKind::Radar, Some(sigmas)) => SensorKind::Radar(sigmas),
            (RawKind::Geodetic, None) => SensorKind::Geodetic,
            (RawKind::Radar, None) => {
                return Err(Error::Fields {
                    expected: "a radar with `sigma_range_m`, `sigma_azimuth_deg`, `sigma_elevation_deg`",
                    got: "none of them",
                });
            }
            (RawKind::Geodetic, Some(_)) => {
                return Err(Error::Fields {
                    expected: "a geodetic sensor without polar sigmas (each plot has its `sigma_m`)",
                    got: "polar sigmas",
                });
            }
        };
        let site = Geodetic::new(Degrees(raw.lat_deg), Degrees(raw.lon_deg), Metres(raw.height_m))?;
        Self::new(raw.id, raw.partner, kind, site).with_detection(
            raw.pd,
            raw.clutter,
            Seconds(raw.period_s),
        )
    }
}

impl From<Sensor> for RawSensor {
    fn from(sensor: Sensor) -> Self {
        let (kind, sigmas) = match sensor.kind {
            SensorKind::Radar(sigmas) => (RawKind::Radar, Some(sigmas)),
            SensorKind::Geodetic => (RawKind::Geodetic, None),
        };
        Self {
            id: sensor.id,
            partner: sensor.partner,
            kind,
            lat_deg: sensor.site.lat().0,
            lon_deg: sensor.site.lon().0,
            height_m: sensor.site.height().0,
            sigma_range_m: sigmas.map(|s| s.range.0),
            sigma_azimuth_deg: sigmas.map(|s| s.azimuth.0),
            sigma_elevation_deg: sigmas.map(|s| s.elevation.0),
            pd: sensor.pd,
            clutter: sensor.clutter,
            period_s: sensor.period.0,
        }
    }
}
