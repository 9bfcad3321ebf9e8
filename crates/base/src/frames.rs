//! Places: geodetic coordinates on WGS 84, Cartesian vectors whose frame is in the type.
//!
//! Constants: NIMA TR8350.2, third edition, table 3.1. Conversions: Hofmann-Wellenhof et al.,
//! *GNSS*, section 8.2; the inverse is Bowring's formula (Survey Review 28 (1985) 202) iterated a
//! fixed number of times, so every platform does the same arithmetic.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::{Degrees, Error, Metres, Radians, math};

/// The WGS 84 ellipsoid and gravity constants.
pub mod wgs84 {
    /// Semi-major axis, metres.
    pub const SEMI_MAJOR_M: f64 = 6_378_137.0;
    /// Flattening.
    pub const FLATTENING: f64 = 1.0 / 298.257_223_563;
    /// Semi-minor axis, metres.
    pub const SEMI_MINOR_M: f64 = SEMI_MAJOR_M * (1.0 - FLATTENING);
    /// First eccentricity squared.
    pub const ECCENTRICITY_SQUARED: f64 = FLATTENING * (2.0 - FLATTENING);
    /// Earth's rotation rate, rad/s.
    pub const ROTATION_RATE: f64 = 7.292_115e-5;
    /// Gravitational parameter including the atmosphere, m³/s².
    pub const GM: f64 = 3.986_004_418e14;
    /// Second zonal harmonic (EGM96, tide free).
    pub const J2: f64 = 1.082_626_683_553e-3;
}

/// A frame of reference; implemented by the marker types here only.
pub trait Frame: Copy + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

/// Earth-centred, Earth-fixed (WGS 84): x to 0°N 0°E, z to the north pole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ecef;
/// East, north, up at some origin held by a [`LocalFrame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Enu;

impl sealed::Sealed for Ecef {}
impl sealed::Sealed for Enu {}
impl Frame for Ecef {}
impl Frame for Enu {}

macro_rules! vector {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name<F: Frame> {
            #[doc = concat!("Components, ", $unit, ".")]
            pub xyz: [f64; 3],
            #[serde(skip)]
            frame: PhantomData<F>,
        }

        impl<F: Frame> $name<F> {
            #[doc = concat!("From components in ", $unit, ".")]
            pub const fn new(xyz: [f64; 3]) -> Self {
                Self { xyz, frame: PhantomData }
            }
        }
    };
}

vector!(
    /// A place in frame `F`, metres.
    Position,
    "metres"
);
vector!(
    /// A velocity relative to and expressed in frame `F`, metres per second.
    Velocity,
    "metres per second"
);

impl<F: Frame> Position<F> {
    /// Straight-line distance.
    pub fn distance(&self, other: &Self) -> Metres {
        let [dx, dy, dz] = std::array::from_fn(|i| self.xyz[i] - other.xyz[i]);
        Metres(math::sqrt(dx * dx + dy * dy + dz * dz))
    }
}

/// Latitude, longitude and height above the WGS 84 ellipsoid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "RawGeodetic")]
pub struct Geodetic {
    lat_deg: f64,
    lon_deg: f64,
    height_m: f64,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct RawGeodetic {
    lat_deg: f64,
    lon_deg: f64,
    height_m: f64,
}

impl TryFrom<RawGeodetic> for Geodetic {
    type Error = Error;

    fn try_from(raw: RawGeodetic) -> Result<Self, Error> {
        Self::new(Degrees(raw.lat_deg), Degrees(raw.lon_deg), Metres(raw.height_m))
    }
}

impl Geodetic {
    /// Latitude -90 to 90, longitude -180 to 360 (kept in (-180, 180]), height -20 km to 1,000,000 km.
    pub fn new(lat: Degrees, lon: Degrees, height: Metres) -> Result<Self, Error> {
        let within = |what, value: f64, min: f64, max: f64| {
            if (min..=max).contains(&value) {
                Ok(value)
            } else {
                Err(Error::OutOfRange { what, min, max, got: value })
            }
        };
        let lon = within("longitude (degrees)", lon.0, -180.0, 360.0)?;
        Ok(Self {
            lat_deg: within("latitude (degrees)", lat.0, -90.0, 90.0)?,
            lon_deg: if lon > 180.0 {
                lon - 360.0
            } else if lon <= -180.0 {
                180.0
            } else {
                lon
            },
            height_m: within("height (metres)", height.0, -20_000.0, 1e9)?,
        })
    }

    /// Latitude, positive north.
    pub const fn lat(&self) -> Degrees {
        Degrees(self.lat_deg)
    }

    /// Longitude, positive east.
    pub const fn lon(&self) -> Degrees {
        Degrees(self.lon_deg)
    }

    /// Height above the ellipsoid.
    pub const fn height(&self) -> Metres {
        Metres(self.height_m)
    }

    /// The same place as a Cartesian vector.
    pub fn to_ecef(&self) -> Position<Ecef> {
        let (sin_lat, cos_lat) = math::sin_cos(Radians::from(self.lat()).0);
        let (sin_lon, cos_lon) = math::sin_cos(Radians::from(self.lon()).0);
        let normal =
            wgs84::SEMI_MAJOR_M / math::sqrt(1.0 - wgs84::ECCENTRICITY_SQUARED * sin_lat * sin_lat);
        let across = (normal + self.height_m) * cos_lat;
        Position::new([
            across * cos_lon,
            across * sin_lon,
            (normal * (1.0 - wgs84::ECCENTRICITY_SQUARED) + self.height_m) * sin_lat,
        ])
    }
}

impl Position<Ecef> {
    /// The same place in geodetic coordinates; exact to 1 µm from 20 km below to 1,000,000 km above
    /// the ellipsoid. The Earth's centre maps to the pole, 20 km down, like anything deeper.
    pub fn to_geodetic(&self) -> Geodetic {
        const ITERATIONS: usize = 4;
        let [x, y, z] = self.xyz;
        let (a, b) = (wgs84::SEMI_MAJOR_M, wgs84::SEMI_MINOR_M);
        let e2 = wgs84::ECCENTRICITY_SQUARED;
        let second_e2 = e2 / (1.0 - e2);
        let p = math::hypot(x, y);
        let mut reduced = math::atan2(z * a, p * b);
        let mut lat = 0.0;
        for _ in 0..ITERATIONS {
            let (sin_u, cos_u) = math::sin_cos(reduced);
            lat = math::atan2(
                z + second_e2 * b * sin_u * sin_u * sin_u,
                p - e2 * a * cos_u * cos_u * cos_u,
            );
            let (sin_lat, cos_lat) = math::sin_cos(lat);
            reduced = math::atan2((1.0 - wgs84::FLATTENING) * sin_lat, cos_lat);
        }
        let (sin_lat, cos_lat) = math::sin_cos(lat);
        let height = p * cos_lat + z * sin_lat - a * math::sqrt(1.0 - e2 * sin_lat * sin_lat);
        Geodetic {
            lat_deg: Degrees::from(Radians(lat)).0,
            lon_deg: Degrees::from(Radians(math::atan2(y, x))).0,
            height_m: height.clamp(-20_000.0, 1e9),
        }
    }
}

/// Range, azimuth (clockwise from north) and elevation as a sensor sees them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polar {
    /// Slant range.
    pub range: Metres,
    /// From true north, clockwise, in [0, 2π).
    pub azimuth: Radians,
    /// Above the local horizontal.
    pub elevation: Radians,
}

/// An east-north-up frame at a fixed origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalFrame {
    origin: [f64; 3],
    /// Rows east, north, up; shape 3×3; orthonormal.
    rows: [[f64; 3]; 3],
}

impl LocalFrame {
    /// The frame at `origin`.
    pub fn at(origin: &Geodetic) -> Self {
        let (sin_lat, cos_lat) = math::sin_cos(Radians::from(origin.lat()).0);
        let (sin_lon, cos_lon) = math::sin_cos(Radians::from(origin.lon()).0);
        Self {
            origin: origin.to_ecef().xyz,
            rows: [
                [-sin_lon, cos_lon, 0.0],
                [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
                [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
            ],
        }
    }

    /// The origin.
    pub const fn origin(&self) -> Position<Ecef> {
        Position::new(self.origin)
    }

    /// Rotation from ECEF to ENU, rows east, north, up.
    pub const fn rows(&self) -> &[[f64; 3]; 3] {
        &self.rows
    }

    /// An ECEF place seen from the origin.
    pub fn to_enu(&self, place: &Position<Ecef>) -> Position<Enu> {
        let d: [f64; 3] = std::array::from_fn(|i| place.xyz[i] - self.origin[i]);
        Position::new(std::array::from_fn(|i| {
            self.rows[i][0] * d[0] + self.rows[i][1] * d[1] + self.rows[i][2] * d[2]
        }))
    }

    /// The ECEF place of a local vector.
    pub fn to_ecef(&self, place: &Position<Enu>) -> Position<Ecef> {
        Position::new(std::array::from_fn(|i| {
            self.origin[i]
                + (self.rows[0][i] * place.xyz[0]
                    + self.rows[1][i] * place.xyz[1]
                    + self.rows[2][i] * place.xyz[2])
        }))
    }

    /// An ECEF velocity in local axes (the frame turns with the Earth, so nothing is added).
    pub fn velocity_to_enu(&self, velocity: &Velocity<Ecef>) -> Velocity<Enu> {
        let v = velocity.xyz;
        Velocity::new(std::array::from_fn(|i| {
            self.rows[i][0] * v[0] + self.rows[i][1] * v[1] + self.rows[i][2] * v[2]
        }))
    }
}

impl Position<Enu> {
    /// The local vector in polar form; azimuth 0 at the zenith.
    pub fn to_polar(&self) -> Polar {
        let [east, north, up] = self.xyz;
        let ground = math::hypot(east, north);
        let azimuth = if ground == 0.0 { 0.0 } else { math::atan2(east, north) };
        Polar {
            range: Metres(math::hypot(ground, up)),
            azimuth: Radians(if azimuth < 0.0 { azimuth + std::f64::consts::TAU } else { azimuth }),
            elevation: Radians(math::atan2(up, ground)),
        }
    }
}

impl Polar {
    /// The local Cartesian vector.
    pub fn to_enu(&self) -> Position<Enu> {
        let (sin_az, cos_az) = math::sin_cos(self.azimuth.0);
        let (sin_el, cos_el) = math::sin_cos(self.elevation.0);
        let ground = self.range.0 * cos_el;
        Position::new([ground * sin_az, ground * cos_az, self.range.0 * sin_el])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lon: f64, height: f64) -> Geodetic {
        Geodetic::new(Degrees(lat), Degrees(lon), Metres(height)).unwrap()
    }

    #[test]
    fn ecef_matches_published_values() {
        // pymap3d 3.1 geodetic2ecef(42, -82, 200), to the millimetre.
        let [x, y, z] = place(42.0, -82.0, 200.0).to_ecef().xyz;
        assert!((x - 660_675.251_825).abs() < 1e-3, "{x}");
        assert!((y + 4_700_948.683_161).abs() < 1e-3, "{y}");
        assert!((z - 4_245_737.662_221_6).abs() < 1e-3, "{z}");
    }

    #[test]
    fn geodetic_round_trip_is_exact_to_a_micrometre() {
        for lat in [-90.0, -89.999, -45.0, 0.0, 1e-9, 37.5, 89.0, 90.0] {
            for lon in [-179.999, -1.0, 0.0, 129.7, 180.0] {
                for height in [-10_000.0, 0.0, 8_848.0, 3_724_900.0, 4e7, 4e8] {
                    let ecef = place(lat, lon, height).to_ecef();
                    let back = ecef.to_geodetic().to_ecef();
                    let miss = ecef.distance(&back).0;
                    let bar = 1e-6 + 4e-15 * height.abs();
                    assert!(miss < bar, "{lat} {lon} {height}: {miss}");
                }
            }
        }
    }

    #[test]
    fn local_frame_round_trips_and_points_up() {
        let origin = place(36.0, 128.0, 50.0);
        let frame = LocalFrame::at(&origin);
        let above = place(36.0, 128.0, 1_050.0).to_ecef();
        let [east, north, up] = frame.to_enu(&above).xyz;
        assert!(east.abs() < 1e-6 && north.abs() < 1e-6 && (up - 1_000.0).abs() < 1e-6);
        let polar =
            Polar { range: Metres(250_000.0), azimuth: Radians(4.0), elevation: Radians(0.3) };
        let back = frame.to_enu(&frame.to_ecef(&polar.to_enu())).to_polar();
        assert!((back.range.0 - polar.range.0).abs() < 1e-6);
        assert!((back.azimuth.0 - polar.azimuth.0).abs() < 1e-11);
        assert!((back.elevation.0 - polar.elevation.0).abs() < 1e-11);
    }

    #[test]
    fn impossible_places_are_refused() {
        for (lat, lon, height) in
            [(90.1, 0.0, 0.0), (f64::NAN, 0.0, 0.0), (0.0, -181.0, 0.0), (0.0, 0.0, f64::INFINITY)]
        {
            assert!(Geodetic::new(Degrees(lat), Degrees(lon), Metres(height)).is_err());
        }
        assert!(serde_json_refuses());
    }

    fn serde_json_refuses() -> bool {
        // Deserialisation goes through the same constructor.
        Geodetic::try_from(RawGeodetic { lat_deg: 91.0, lon_deg: 0.0, height_m: 0.0 }).is_err()
    }
}
