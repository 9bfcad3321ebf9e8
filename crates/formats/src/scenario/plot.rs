//! Plots: one detection of one sensor.

use base::{Degrees, Geodetic, Metres, MetresPerSecond};
use serde::{Deserialize, Serialize};

use super::PolarSigmas;
use crate::Error;
use crate::error::within;

/// One detection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawPlot", into = "RawPlot")]
pub enum Plot {
    /// Seen by a radar.
    Polar(PolarPlot),
    /// A place.
    Geodetic(GeodeticPlot),
}

/// Range, azimuth and elevation from the sensor's site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolarPlot {
    range: Metres,
    azimuth: Degrees,
    elevation: Degrees,
    sigmas: Option<PolarSigmas>,
    doppler: Option<MetresPerSecond>,
}

impl PolarPlot {
    /// Slant range 0 to 1,000,000 km; azimuth clockwise from true north, 0 (included) to 360
    /// (excluded); elevation above the local horizontal, -90 to 90.
    pub fn new(range: Metres, azimuth: Degrees, elevation: Degrees) -> Result<Self, Error> {
        // The largest double below 360: the circle is half open.
        const AZIMUTH_MAX_DEG: f64 = 360.0_f64.next_down();
        Ok(Self {
            range: Metres(within("range (metres)", range.0, 0.0, 1e9)?),
            azimuth: Degrees(within("azimuth (degrees)", azimuth.0, 0.0, AZIMUTH_MAX_DEG)?),
            elevation: Degrees(within("elevation (degrees)", elevation.0, -90.0, 90.0)?),
            sigmas: None,
            doppler: None,
        })
    }

    /// The same plot with its own sigmas instead of the sensor's.
    #[must_use]
    pub const fn with_sigmas(self, sigmas: PolarSigmas) -> Self {
        Self { sigmas: Some(sigmas), ..self }
    }

    /// The same plot with a range rate (positive away from the sensor), within ±30 km/s.
    pub fn with_doppler(self, doppler: MetresPerSecond) -> Result<Self, Error> {
        let doppler = within("doppler (metres per second)", doppler.0, -30_000.0, 30_000.0)?;
        Ok(Self { doppler: Some(MetresPerSecond(doppler)), ..self })
    }

    /// Slant range.
    pub const fn range(&self) -> Metres {
        self.range
    }

    /// From true north, clockwise.
    pub const fn azimuth(&self) -> Degrees {
        self.azimuth
    }

    /// Above the local horizontal.
    pub const fn elevation(&self) -> Degrees {
        self.elevation
    }

    /// This plot's own sigmas, where they differ from the sensor's.
    pub const fn sigmas(&self) -> Option<PolarSigmas> {
        self.sigmas
    }

    /// Range rate, positive away from the sensor.
    pub const fn doppler(&self) -> Option<MetresPerSecond> {
        self.doppler
    }
}

/// A place with the standard deviation of each of its three coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeodeticPlot {
    place: Geodetic,
    sigma: Metres,
}

impl GeodeticPlot {
    /// `sigma` above 0, up to 1,000 km.
    pub fn new(place: Geodetic, sigma: Metres) -> Result<Self, Error> {
        let sigma = within("position sigma (metres)", sigma.0, f64::MIN_POSITIVE, 1e6)?;
        Ok(Self { place, sigma: Metres(sigma) })
    }

    /// Where.
    pub const fn place(&self) -> &Geodetic {
        &self.place
    }

    /// Of each Cartesian coordinate.
    pub const fn sigma(&self) -> Metres {
        self.sigma
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range_m: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azimuth_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elevation_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_range_m: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_azimuth_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_elevation_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doppler_mps: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lat_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lon_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height_m: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigma_m: Option<f64>,
}

impl TryFrom<RawPlot> for Plot {
    type Error = Error;

    fn try_from(raw: RawPlot) -> Result<Self, Error> {
        let sigmas = PolarSigmas::from_fields(
            raw.sigma_range_m,
            raw.sigma_azimuth_deg,
            raw.sigma_elevation_deg,
        )?;
        let polar = (raw.range_m, raw.azimuth_deg, raw.elevation_deg);
        let geodetic = (raw.lat_deg, raw.lon_deg, raw.height_m, raw.sigma_m);
        match (polar, geodetic) {
            ((Some(range), Some(azimuth), Some(elevation)), (None, None, None, None)) => {
                let plot = PolarPlot::new(Metres(range), Degrees(azimuth), Degrees(elevation))?;
                let plot = PolarPlot { sigmas, ..plot };
                match raw.doppler_mps {
                    None => Ok(Self::Polar(plot)),
                    Some(doppler) => plot.with_doppler(MetresPerSecond(doppler)).map(Self::Polar),
                }
            }
            ((None, None, None), (Some(lat), Some(lon), Some(height), Some(sigma)))
                if sigmas.is_none() && raw.doppler_mps.is_none() =>
            {
                let place = Geodetic::new(Degrees(lat), Degrees(lon), Metres(height))?;
                GeodeticPlot::new(place, Metres(sigma)).map(Self::Geodetic)
            }
            _ => Err(Error::Fields {
                expected: "a plot with `range_m`, `azimuth_deg`, `elevation_deg`, or with `lat_deg`, \
                           `lon_deg`, `height_m`, `sigma_m`",
                got: "a part or a mixture of them",
            }),
        }
    }
}

impl From<Plot> for RawPlot {
    fn from(plot: Plot) -> Self {
        match plot {
            Plot::Polar(polar) => Self {
                range_m: Some(polar.range.0),
                azimuth_deg: Some(polar.azimuth.0),
                elevation_deg: Some(polar.elevation.0),
                sigma_range_m: polar.sigmas.map(|s| s.range().0),
                sigma_azimuth_deg: polar.sigmas.map(|s| s.azimuth().0),
                sigma_elevation_deg: polar.sigmas.map(|s| s.elevation().0),
                doppler_mps: polar.doppler.map(|d| d.0),
                ..Self::default()
            },
            Plot::Geodetic(geodetic) => Self {
                lat_deg: Some(geodetic.place.lat().0),
                lon_deg: Some(geodetic.place.lon().0),
                height_m: Some(geodetic.place.height().0),
                sigma_m: Some(geodetic.sigma.0),
                ..Self::default()
            },
        }
    }
}
