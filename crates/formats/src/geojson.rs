//! `GeoJSON`: features for maps, out and in.
//!
//! Start here: [`FeatureCollection`]; serde writes and reads it. Coordinates are longitude and latitude
//! in degrees on WGS 84, then the height in metres where there is one. Source: RFC 7946. Unknown
//! members are passed over, as the RFC lets everyone add some; the geometries here are the ones that
//! districts, tracks and regions need.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::error::within;

/// Features that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureCollection {
    #[serde(rename = "type")]
    kind: FeatureCollectionType,
    /// The features, in the order they are drawn.
    pub features: Vec<Feature>,
}

impl FeatureCollection {
    /// A collection of these features.
    pub const fn new(features: Vec<Feature>) -> Self {
        Self { kind: FeatureCollectionType::FeatureCollection, features }
    }
}

/// Something with a place and properties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    #[serde(rename = "type")]
    kind: FeatureType,
    /// Its name among the features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it is; `None` if that is not known.
    pub geometry: Option<Geometry>,
    /// What else is known.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub properties: Map<String, Value>,
}

impl Feature {
    /// A feature without an id.
    pub const fn new(geometry: Geometry, properties: Map<String, Value>) -> Self {
        Self { kind: FeatureType::Feature, id: None, geometry: Some(geometry), properties }
    }

    /// The same feature with an id.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

/// A shape on the Earth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "coordinates")]
pub enum Geometry {
    /// A place.
    Point(Position),
    /// A way.
    LineString(Vec<Position>),
    /// An outline, then the holes in it.
    Polygon(Vec<Ring>),
    /// Several outlines with their holes.
    MultiPolygon(Vec<Vec<Ring>>),
}

/// A place: longitude, latitude, and height where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Position {
    lon_deg: f64,
    lat_deg: f64,
    height_m: Option<f64>,
}

impl Position {
    /// Longitude -180 to 180, latitude -90 to 90.
    pub fn new(lon_deg: f64, lat_deg: f64) -> Result<Self, Error> {
        Ok(Self {
            lon_deg: within("longitude (degrees)", lon_deg, -180.0, 180.0)?,
            lat_deg: within("latitude (degrees)", lat_deg, -90.0, 90.0)?,
            height_m: None,
        })
    }

    /// The same place with a height above the ellipsoid, -20 km to 1,000,000 km.
    pub fn with_height(self, height_m: f64) -> Result<Self, Error> {
        Ok(Self { height_m: Some(within("height (metres)", height_m, -2e4, 1e9)?), ..self })
    }

    /// Degrees east.
    pub const fn lon_deg(&self) -> f64 {
        self.lon_deg
    }

    /// Degrees north.
    pub const fn lat_deg(&self) -> f64 {
        self.lat_deg
    }

    /// Metres above the ellipsoid.
    pub const fn height_m(&self) -> Option<f64> {
        self.height_m
    }
}

impl TryFrom<Vec<f64>> for Position {
    type Error = Error;

    fn try_from(numbers: Vec<f64>) -> Result<Self, Error> {
        match numbers[..] {
            [lon_deg, lat_deg] => Self::new(lon_deg, lat_deg),
            [lon_deg, lat_deg, height_m] => Self::new(lon_deg, lat_deg)?.with_height(height_m),
            _ => Err(Error::Text {
                expected: "a position of two or three numbers",
                got: format!("{} numbers", numbers.len()),
            }),
        }
    }
}

impl From<Position> for Vec<f64> {
    fn from(position: Position) -> Self {
        [position.lon_deg, position.lat_deg].into_iter().chain(position.height_m).collect()
    }
}

/// A closed line: four positions or more, the last like the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Position>", into = "Vec<Position>")]
pub struct Ring(Vec<Position>);

impl Ring {
    /// From positions; an outline runs against the clock, a hole with it.
    pub fn new(positions: Vec<Position>) -> Result<Self, Error> {
        const POSITIONS_MIN: usize = 4;
        if positions.len() < POSITIONS_MIN || positions.first() != positions.last() {
            return Err(Error::Text {
                expected: "a ring of four positions or more, the last like the first",
                got: format!("{} positions", positions.len()),
            });
        }
        Ok(Self(positions))
    }

    /// The positions, the last like the first.
    pub fn positions(&self) -> &[Position] {
        &self.0
    }
}

impl TryFrom<Vec<Position>> for Ring {
    type Error = Error;

    fn try_from(positions: Vec<Position>) -> Result<Self, Error> {
        Self::new(positions)
    }
}

impl From<Ring> for Vec<Position> {
    fn from(ring: Ring) -> Self {
        ring.0
    }
}

/// The word that marks a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum FeatureCollectionType {
    FeatureCollection,
}

/// The word that marks a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum FeatureType {
    Feature,
}

/// Properties may be `null`.
fn null_as_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTION: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature","id":"JP-01","geometry":{"type":"MultiPolygon","coordinates":[[[[139.0,41.0],[141.25,43.5],[139.0,43.5],[139.0,41.0]]]]},"properties":{"code":"JP-01"}},{"type":"Feature","geometry":{"type":"LineString","coordinates":[[126.4,40.6,0.0],[127.0,40.7,125000.5]]},"properties":{}},{"type":"Feature","geometry":null,"properties":{}}]}"#;

    #[test]
    fn a_collection_comes_back_byte_for_byte() {
        let collection: FeatureCollection = serde_json::from_str(COLLECTION).unwrap();
        assert_eq!(collection.features.len(), 3);
        assert_eq!(serde_json::to_string(&collection).unwrap(), COLLECTION);
        let null = COLLECTION.replace("\"properties\":{}", "\"properties\":null,\"bbox\":[1]");
        assert_eq!(serde_json::from_str::<FeatureCollection>(&null).unwrap(), collection);
    }

    #[test]
    fn a_collection_is_built_from_its_parts() {
        let at = |lon, lat| Position::new(lon, lat).unwrap();
        let ring = Ring::new(vec![at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0), at(0.0, 0.0)]).unwrap();
        let feature = Feature::new(Geometry::Polygon(vec![ring]), Map::new()).with_id("a");
        let text = serde_json::to_string(&FeatureCollection::new(vec![feature])).unwrap();
        assert!(
            text.contains(r#""coordinates":[[[0.0,0.0],[1.0,0.0],[0.0,1.0],[0.0,0.0]]]"#),
            "{text}"
        );
    }

    #[test]
    fn shapes_that_are_none_are_refused() {
        for (from, to) in [
            ("\"type\":\"FeatureCollection\"", "\"type\":\"Feature\""),
            ("\"type\":\"LineString\"", "\"type\":\"Line\""),
            ("[139.0,43.5],[139.0,41.0]", "[139.0,43.5],[139.0,41.5]"),
            ("[139.0,43.5],", ""),
            ("[139.0,43.5]", "[181.0,43.5]"),
            ("[139.0,43.5]", "[139.0,90.5]"),
            ("[126.4,40.6,0.0]", "[126.4]"),
            ("[126.4,40.6,0.0]", "[126.4,40.6,0.0,1.0]"),
            ("[126.4,40.6,0.0]", "[126.4,40.6,1e10]"),
        ] {
            let bad = COLLECTION.replace(from, to);
            assert_ne!(bad, COLLECTION);
            assert!(serde_json::from_str::<FeatureCollection>(&bad).is_err(), "`{to}` was taken");
        }
    }
}
