//! What the track domain may be told: scans of sensors, and public ids declared for objects.
//!
//! Contents are postcard; the same types read and write JSON. [`Scan`] and [`Declared`] can only be
//! made through their checks, so the tracker relies on every number being finite and in range.

use base::{Geodetic, PartnerId, TimeDelta, Timestamp, limits};
use log::EntryId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::checked_content;
use crate::{DecodeError, decode_content};

/// The kind of a sensor's scan or sector.
pub const SCAN_KIND: &str = "track.scan";
/// The kind that gives an object its public id.
pub const DECLARED_KIND: &str = "track.declared";
/// The edition of both contents.
pub const EDITION: u16 = 1;
/// A plot's time lies at most this far from its scan's (seconds).
pub const PLOT_OFFSET_S_MAX: i64 = 60;
/// Plots a declaration may cite.
pub const DECLARED_EVIDENCE_MAX: usize = 16;
/// Bytes of a sensor's id.
pub const SENSOR_ID_BYTES_MAX: usize = 64;

/// A decoded statement of the track domain.
#[derive(Debug, Clone)]
pub enum Event {
    /// What one sensor saw.
    Scan(Scan),
    /// The public id of an object.
    Declared(Declared),
}

impl Event {
    /// Parses content; a scan that lies is refused with the sensor's name.
    pub fn decode(kind: &str, edition: u16, content: &[u8]) -> Result<Self, DecodeError> {
        match (kind, edition) {
            (SCAN_KIND, EDITION) => decode_content(content)
                .and_then(|report| Scan::new(report).map_err(DecodeError::from))
                .map(Self::Scan),
            (DECLARED_KIND, EDITION) => decode_content(content)
                .and_then(|report| Declared::new(report).map_err(DecodeError::from))
                .map(Self::Declared),
            _ => Err(DecodeError::new(
                format!("`{SCAN_KIND}` or `{DECLARED_KIND}` of edition {EDITION}"),
                format!("`{kind}` of edition {edition}"),
            )),
        }
    }
}

/// Content of `track.scan`, edition 1: what one sensor saw in one scan or sector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanReport {
    /// Who measured, and how well.
    pub sensor: SensorInfo,
    /// The sensor's running number of the scan.
    pub scan: u64,
    /// Reference time of the scan.
    pub measured: Timestamp,
    /// At most [`limits::SCAN_PLOTS_MAX`].
    pub plots: Vec<Plot>,
}

/// What a sensor measures.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SensorKind {
    /// Range, azimuth and elevation from its site.
    Radar,
    /// Places on or above the Earth.
    Geodetic,
    /// ASTERIX target reports: slant range, azimuth and flight level from its site.
    Asterix,
}

/// A sensor as its scans describe it; every scan carries it, so that an entry stands alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorInfo {
    /// 1 to 64 ASCII letters, digits, `-`, `_`, `.` or `/`; unique within the partner.
    pub id: String,
    /// Whose sensor it is.
    pub partner: PartnerId,
    /// What it measures.
    pub kind: SensorKind,
    /// Its site; needed for radars and ASTERIX, else it may be unknown.
    pub position: Option<Geodetic>,
    /// Standard deviation of slant range, metres, 0.1 to 100 km (may be 0 for geodetic sensors,
    /// whose plots carry their own, like the next two).
    pub sigma_range_m: f64,
    /// Standard deviation of azimuth, degrees, 0.0001 to 45.
    pub sigma_azimuth_deg: f64,
    /// Standard deviation of elevation, degrees, 0.0001 to 45.
    pub sigma_elevation_deg: f64,
    /// Probability of detection in one scan, 0.001 to 1.
    pub pd: f64,
    /// Expected false plots in one scan, 0 to [`limits::SCAN_PLOTS_MAX`].
    pub clutter: f64,
    /// Seconds from one look at a place to the next, 0.001 to 3,600.
    pub period_s: f64,
}

/// One plot of a scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plot {
    /// Measurement time less the scan's reference time, nanoseconds, within ± 60 s.
    pub offset_ns: TimeDelta,
    /// What was measured.
    pub report: PlotReport,
}

/// What a plot says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlotReport {
    /// A radar's polar plot.
    Radar {
        /// Slant range, metres, 1 m to 100,000 km.
        range_m: f64,
        /// Clockwise from true north, degrees, -360 to 360.
        azimuth_deg: f64,
        /// Above the local horizontal, degrees, -90 to 90.
        elevation_deg: f64,
        /// Sigmas of this plot where they differ from the sensor's.
        sigmas: Option<PolarSigmas>,
    },
    /// A place.
    Geodetic {
        /// WGS 84 latitude, degrees.
        lat_deg: f64,
        /// WGS 84 longitude, degrees.
        lon_deg: f64,
        /// Height above the ellipsoid, metres.
        height_m: f64,
        /// Standard deviation in each direction, metres, 0.1 to 1,000 km.
        sigma_m: f64,
    },
    /// An ASTERIX target report.
    Asterix(AsterixReport),
}

/// Standard deviations of a polar plot, in the ranges of [`SensorInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolarSigmas {
    /// Of slant range, metres.
    pub range_m: f64,
    /// Of azimuth, degrees.
    pub azimuth_deg: f64,
    /// Of elevation, degrees.
    pub elevation_deg: f64,
}

/// The items of an ASTERIX target report (CAT048) that the tracker uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsterixReport {
    /// System area code (I048/010).
    pub sac: u8,
    /// System identification code (I048/010).
    pub sic: u8,
    /// Slant range, metres, 0 to 1,000 km (I048/040).
    pub rho_m: f64,
    /// Azimuth clockwise from north, degrees, 0 to 360 (I048/040).
    pub theta_deg: f64,
    /// Flight level as metres, -3 to 50 km (I048/090).
    pub flight_level_m: Option<f64>,
    /// Height measured by a 3D radar, metres, -3 to 50 km (I048/110).
    pub height_m: Option<f64>,
    /// Mode 3/A code, 0 to 4095 (I048/070).
    pub mode_3a: Option<u16>,
    /// Aircraft address, 24 bits (I048/220).
    pub aircraft_address: Option<u32>,
    /// Aircraft identification, at most 16 ASCII characters (I048/240).
    pub callsign: Option<String>,
    /// The radar's own track number, 0 to 4095 (I048/161).
    pub track_number: Option<u16>,
}

/// A scan whose every number has been checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "ScanReport", into = "ScanReport")]
pub struct Scan(ScanReport);

/// Content of `track.declared`, edition 1: gives an object its public id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredReport {
    /// 1 to 32 ASCII letters, digits and `-`.
    pub public_id: String,
    /// The plots the object was started from: 1 to [`DECLARED_EVIDENCE_MAX`].
    pub evidence: Vec<PlotRef>,
}

/// One plot of one entry.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct PlotRef {
    /// The scan's entry.
    pub entry: EntryId,
    /// Which of its plots, from 0.
    pub plot: u32,
}

/// A declaration that has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "DeclaredReport", into = "DeclaredReport")]
pub struct Declared(DeclaredReport);

/// Why a scan or declaration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A number out of its range, or not a number.
    #[error("expected `{what}` from {min} to {max}{whose}, got {got}")]
    Number {
        /// Which quantity, with its unit.
        what: &'static str,
        /// Smallest accepted value.
        min: f64,
        /// Largest accepted value.
        max: f64,
        /// What came.
        got: f64,
        /// Sensor and plot.
        whose: Whose,
    },
    /// Text of another form.
    #[error("expected {expected}, got `{got}`")]
    Text {
        /// The form.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// More or fewer than may be.
    #[error("expected {min} to {max} {what}{whose}, got {got}")]
    Count {
        /// Of what.
        what: &'static str,
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
        /// How many came.
        got: usize,
        /// Sensor.
        whose: Whose,
    },
    /// A radar without a site, or a plot that its sensor cannot make.
    #[error("expected {expected}{whose}")]
    Missing {
        /// What would have been right.
        expected: &'static str,
        /// Sensor and plot.
        whose: Whose,
    },
}

/// The sensor, and the plot in its scan, that a fault lies with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    sensor: String,
    plot: Option<usize>,
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.sensor.is_empty() {
            return Ok(());
        }
        write!(f, " of sensor `{}`", self.sensor)?;
        self.plot.map_or(Ok(()), |plot| write!(f, ", plot {plot}"))
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        let (expected, got) = match fault {
            Fault::Number { what, min, max, got, whose } => {
                (format!("`{what}` from {min} to {max}{whose}"), got.to_string())
            }
            Fault::Text { expected, got } => (expected.to_owned(), format!("`{got}`")),
            Fault::Count { what, min, max, got, whose } => {
                (format!("{min} to {max} {what}{whose}"), got.to_string())
            }
            Fault::Missing { expected, whose } => (format!("{expected}{whose}"), "none".to_owned()),
        };
        Self { expected, got }
    }
}

impl Scan {
    /// Checks every number of `report`.
    pub fn new(report: ScanReport) -> Result<Self, Fault> {
        let sensor = &report.sensor;
        let whose = Whose { sensor: sensor.id.clone(), plot: None };
        check_sensor(sensor, &whose)?;
        if report.plots.len() > limits::SCAN_PLOTS_MAX {
            return Err(Fault::Count {
                what: "plots",
                min: 0,
                max: limits::SCAN_PLOTS_MAX,
                got: report.plots.len(),
                whose,
            });
        }
        for (index, plot) in report.plots.iter().enumerate() {
            let whose = Whose { sensor: sensor.id.clone(), plot: Some(index) };
            check_plot(sensor, plot, &whose)?;
        }
        Ok(Self(report))
    }

    /// The checked report.
    pub const fn report(&self) -> &ScanReport {
        &self.0
    }

    /// When plot `plot` was measured.
    pub fn measured_at(&self, plot: &Plot) -> Timestamp {
        self.0.measured + plot.offset_ns
    }
}

impl Declared {
    /// Checks id and evidence of `report`.
    pub fn new(report: DeclaredReport) -> Result<Self, Fault> {
        let id = report.public_id.as_bytes();
        if id.is_empty()
            || id.len() > 32
            || !id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        {
            return Err(Fault::Text {
                expected: "a public id of 1 to 32 ASCII letters, digits and `-`",
                got: report.public_id.escape_debug().take(64).collect(),
            });
        }
        if !(1..=DECLARED_EVIDENCE_MAX).contains(&report.evidence.len()) {
            return Err(Fault::Count {
                what: "cited plots",
                min: 1,
                max: DECLARED_EVIDENCE_MAX,
                got: report.evidence.len(),
                whose: Whose::default(),
            });
        }
        Ok(Self(report))
    }

    /// The checked report.
    pub const fn report(&self) -> &DeclaredReport {
        &self.0
    }
}

checked_content! {
    Scan(ScanReport), Fault;
    Declared(DeclaredReport), Fault;
}

/// No sensor is better than these: metres, degrees (0.4 seconds of arc).
const SIGMA_M_MIN: f64 = 0.1;
const SIGMA_DEG_MIN: f64 = 1e-4;

fn within(what: &'static str, got: f64, min: f64, max: f64, whose: &Whose) -> Result<(), Fault> {
    if (min..=max).contains(&got) {
        Ok(())
    } else {
        Err(Fault::Number { what, min, max, got, whose: whose.clone() })
    }
}

fn check_sensor(sensor: &SensorInfo, whose: &Whose) -> Result<(), Fault> {
    let id = sensor.id.as_bytes();
    let good = |b: &u8| b.is_ascii_alphanumeric() || b"-_./".contains(b);
    if !(1..=SENSOR_ID_BYTES_MAX).contains(&id.len()) || !id.iter().all(good) {
        return Err(Fault::Text {
            expected: "a sensor id of 1 to 64 ASCII letters, digits, `-`, `_`, `.` or `/`",
            got: sensor.id.escape_debug().take(64).collect(),
        });
    }
    if sensor.position.is_none() && sensor.kind != SensorKind::Geodetic {
        return Err(Fault::Missing { expected: "the site (`position`)", whose: whose.clone() });
    }
    let range = |what, got, min, max| within(what, got, min, max, whose);
    // Plots of a geodetic sensor carry their own sigma.
    let geodetic = sensor.kind == SensorKind::Geodetic;
    let least_m = if geodetic { 0.0 } else { SIGMA_M_MIN };
    let least_deg = if geodetic { 0.0 } else { SIGMA_DEG_MIN };
    range("sigma_range_m", sensor.sigma_range_m, least_m, 1e5)?;
    range("sigma_azimuth_deg", sensor.sigma_azimuth_deg, least_deg, 45.0)?;
    range("sigma_elevation_deg", sensor.sigma_elevation_deg, least_deg, 45.0)?;
    range("pd", sensor.pd, 1e-3, 1.0)?;
    range("clutter", sensor.clutter, 0.0, limits::SCAN_PLOTS_MAX as f64)?;
    range("period_s", sensor.period_s, 1e-3, 3_600.0)
}

fn check_plot(sensor: &SensorInfo, plot: &Plot, whose: &Whose) -> Result<(), Fault> {
    let offset_s = plot.offset_ns.as_seconds().0;
    let (min, max) = (-(PLOT_OFFSET_S_MAX as f64), PLOT_OFFSET_S_MAX as f64);
    within("plot offset (seconds)", offset_s, min, max, whose)?;
    let range = |what, got, min, max| within(what, got, min, max, whose);
    match (&plot.report, sensor.kind) {
        (PlotReport::Radar { range_m, azimuth_deg, elevation_deg, sigmas }, SensorKind::Radar) => {
            range("range_m", *range_m, 1.0, 1e8)?;
            range("azimuth_deg", *azimuth_deg, -360.0, 360.0)?;
            range("elevation_deg", *elevation_deg, -90.0, 90.0)?;
            if let Some(sigmas) = sigmas {
                range("sigmas.range_m", sigmas.range_m, SIGMA_M_MIN, 1e5)?;
                range("sigmas.azimuth_deg", sigmas.azimuth_deg, SIGMA_DEG_MIN, 45.0)?;
                range("sigmas.elevation_deg", sigmas.elevation_deg, SIGMA_DEG_MIN, 45.0)?;
            }
            Ok(())
        }
        (PlotReport::Geodetic { lat_deg, lon_deg, height_m, sigma_m }, SensorKind::Geodetic) => {
            range("lat_deg", *lat_deg, -90.0, 90.0)?;
            range("lon_deg", *lon_deg, -180.0, 360.0)?;
            range("height_m", *height_m, -20_000.0, 1e8)?;
            range("sigma_m", *sigma_m, SIGMA_M_MIN, 1e6)
        }
        (PlotReport::Asterix(report), SensorKind::Asterix) => check_asterix(report, whose),
        _ => {
            Err(Fault::Missing { expected: "plots of the sensor's own kind", whose: whose.clone() })
        }
    }
}

fn check_asterix(report: &AsterixReport, whose: &Whose) -> Result<(), Fault> {
    let range = |what, got, min, max| within(what, got, min, max, whose);
    range("rho_m", report.rho_m, 0.0, 1e6)?;
    range("theta_deg", report.theta_deg, 0.0, 360.0)?;
    range("flight_level_m", report.flight_level_m.unwrap_or(0.0), -3_000.0, 50_000.0)?;
    range("height_m", report.height_m.unwrap_or(0.0), -3_000.0, 50_000.0)?;
    range("mode_3a", f64::from(report.mode_3a.unwrap_or(0)), 0.0, 4_095.0)?;
    let address = f64::from(report.aircraft_address.unwrap_or(0));
    range("aircraft_address", address, 0.0, 16_777_215.0)?;
    range("track_number", f64::from(report.track_number.unwrap_or(0)), 0.0, 4_095.0)?;
    let callsign = report.callsign.as_deref().unwrap_or("");
    if callsign.len() > 16 || !callsign.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(Fault::Text {
            expected: "a callsign of at most 16 printable ASCII characters",
            got: callsign.escape_debug().take(64).collect(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base::{Degrees, Metres};

    use super::*;
    use log::LogId;

    use crate::encode_content;

    fn report() -> ScanReport {
        ScanReport {
            sensor: SensorInfo {
                id: "KOR/ew-1".to_owned(),
                partner: "KOR".parse().unwrap(),
                kind: SensorKind::Radar,
                position: Some(Geodetic::new(Degrees(36.6), Degrees(127.5), Metres(90.0)).unwrap()),
                sigma_range_m: 50.0,
                sigma_azimuth_deg: 0.1,
                sigma_elevation_deg: 0.1,
                pd: 0.95,
                clutter: 1.0,
                period_s: 5.0,
            },
            scan: 7,
            measured: Timestamp::from_seconds(1_501_252_920),
            plots: vec![Plot {
                offset_ns: TimeDelta::from_millis(250),
                report: PlotReport::Radar {
                    range_m: 450_000.0,
                    azimuth_deg: 350.0,
                    elevation_deg: 3.0,
                    sigmas: None,
                },
            }],
        }
    }

    #[test]
    fn a_scan_survives_postcard_and_json() {
        let report = report();
        let bytes = encode_content(&report);
        let Ok(Event::Scan(scan)) = Event::decode(SCAN_KIND, EDITION, &bytes) else {
            panic!("a good scan was refused");
        };
        assert_eq!(scan.report(), &report);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(serde_json::from_value::<ScanReport>(json).unwrap(), report);
        assert!(Event::decode(SCAN_KIND, 2, &bytes).is_err());
        assert!(Event::decode(SCAN_KIND, EDITION, &bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn a_sensor_that_lies_is_refused_by_name() {
        type Lie = (&'static str, fn(&mut ScanReport));
        let lies: [Lie; 9] = [
            ("range_m", |r| set_range(r, f64::NAN)),
            ("range_m", |r| set_range(r, -1.0)),
            ("range_m", |r| set_range(r, f64::INFINITY)),
            ("sigma_range_m", |r| r.sensor.sigma_range_m = 0.0),
            ("sigma_azimuth_deg", |r| r.sensor.sigma_azimuth_deg = f64::NAN),
            ("pd", |r| r.sensor.pd = 1.5),
            ("period_s", |r| r.sensor.period_s = 0.0),
            ("site", |r| r.sensor.position = None),
            ("offset", |r| r.plots[0].offset_ns = TimeDelta::from_seconds(61)),
        ];
        for (what, lie) in lies {
            let mut report = report();
            lie(&mut report);
            let error = Event::decode(SCAN_KIND, EDITION, &encode_content(&report)).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(what) && text.contains("KOR/ew-1"), "{text}");
        }
    }

    #[test]
    fn counts_kinds_and_ids_are_limited() {
        let mut many = report();
        many.plots = vec![many.plots[0].clone(); limits::SCAN_PLOTS_MAX + 1];
        assert!(Scan::new(many).unwrap_err().to_string().contains("5001"));
        let mut mixed = report();
        mixed.sensor.kind = SensorKind::Geodetic;
        assert!(Scan::new(mixed).unwrap_err().to_string().contains("own kind"));
        let mut nameless = report();
        nameless.sensor.id = "a b".to_owned();
        assert!(Scan::new(nameless).is_err());
        let nothing = DeclaredReport { public_id: "KOR-1".to_owned(), evidence: Vec::new() };
        assert!(Declared::new(nothing).is_err());
    }

    #[test]
    fn ids_are_text_where_people_read_and_bytes_elsewhere() {
        let log: LogId = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let entry = EntryId { log, index: u64::MAX };
        let text = serde_json::to_string(&(log, entry)).unwrap();
        assert_eq!(text, format!("[\"{log}\",\"{entry}\"]"));
        assert_eq!(serde_json::from_str::<(LogId, EntryId)>(&text).unwrap(), (log, entry));
        let bytes = encode_content(&(log, entry));
        // Node as its text with a length 6, lane 1, incarnation 16; the largest index 10.
        assert_eq!(bytes.len(), 23 + 23 + 10);
        assert_eq!(postcard::from_bytes::<(LogId, EntryId)>(&bytes).unwrap(), (log, entry));
        assert!(postcard::from_bytes::<LogId>(&bytes[..22]).is_err());
        assert!(serde_json::from_str::<EntryId>(&format!("\"{log}\"")).is_err());
    }

    fn set_range(report: &mut ScanReport, value: f64) {
        let PlotReport::Radar { range_m, .. } = &mut report.plots[0].report else { return };
        *range_m = value;
    }
}
