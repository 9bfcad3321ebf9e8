//! The districts a warning can name: Japan's 47 prefectures, Korea's 17 provinces and cities, the
//! United States' 50 states, federal district and five territories.
//!
//! The data is compiled in from `data/districts.tsv` and `data/boundaries.tsv` (sources, licence and
//! format: `data/PROVENANCE.md`, `data/extract.py`), about 230 kB, parsed once at first use.
//! Boundaries follow those sources and take no position on any claim.

use std::sync::OnceLock;

use base::PartnerId;
use serde_json::{Value, json};

use super::language::Text;

/// Data units in one degree: vertices are integers of 1e-4 degrees, about 11 m.
pub(super) const UNITS_PER_DEGREE: f64 = 10_000.0;
const LON_UNITS_MAX: i32 = 1_800_000;
const LAT_UNITS_MAX: i32 = 900_000;
/// Vertices of one ring; a sanity bound on the compiled-in data.
const RING_VERTICES_MAX: usize = 20_000;

/// All districts, in the order of the table: by partner, then code.
#[derive(Debug)]
pub struct Districts {
    rows: Vec<District>,
}

/// One first-level administrative district of a partner.
#[derive(Debug)]
pub struct District {
    /// ISO 3166-2 code, such as `JP-13`.
    pub code: &'static str,
    /// Whose it is.
    pub partner: PartnerId,
    /// What people call it.
    pub name: Text,
    pub(super) polygons: Vec<Polygon>,
}

/// An outer ring and its holes, with the box around it.
#[derive(Debug)]
pub(super) struct Polygon {
    /// The outer ring first, counter-clockwise; holes clockwise. None crosses the 180th meridian.
    pub(super) rings: Vec<Ring>,
    pub(super) bounds: Bounds,
}

/// Vertices, longitude then latitude, in units of 1e-4 degrees; the last joins the first.
pub(super) type Ring = Vec<[i32; 2]>;

/// A box in units of 1e-4 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) west: i32,
    pub(super) south: i32,
    pub(super) east: i32,
    pub(super) north: i32,
}

/// What can be wrong with the tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} in line {line} of `{table}`, got `{got}`")]
pub(super) struct TableError {
    table: &'static str,
    line: usize,
    expected: &'static str,
    got: String,
}

/// The compiled-in districts.
pub fn districts() -> &'static Districts {
    static DISTRICTS: OnceLock<Districts> = OnceLock::new();
    DISTRICTS.get_or_init(|| {
        Districts::parse(
            include_str!("../../data/districts.tsv"),
            include_str!("../../data/boundaries.tsv"),
        )
        .expect("the compiled-in tables are checked by a test")
    })
}

impl Districts {
    /// Every district.
    pub fn iter(&self) -> impl Iterator<Item = &District> {
        self.rows.iter()
    }

    /// The district with ISO 3166-2 code `code`.
    pub fn get(&self, code: &str) -> Option<&District> {
        self.rows.iter().find(|district| district.code == code)
    }

    /// A `GeoJSON` feature collection (RFC 7946) of all districts with the properties `code`,
    /// `partner`, `name_en`, `name_ja` and `name_ko`.
    pub fn geojson(&self) -> Value {
        let features: Vec<Value> = self.rows.iter().map(District::feature).collect();
        json!({ "type": "FeatureCollection", "features": features })
    }

    pub(super) fn parse(table: &'static str, boundaries: &'static str) -> Result<Self, TableError> {
        const TABLE: &str = "districts.tsv";
        const BOUNDARIES: &str = "boundaries.tsv";
        let mut rows = Vec::new();
        let mut shapes = lines(BOUNDARIES, "code\tboundary", boundaries)?;
        for (line, text) in lines(TABLE, "code\tpartner\tname_en\tname_ja\tname_ko\tsource", table)?
        {
            let bad = |table, line, expected, got: &str| TableError {
                table,
                line,
                expected,
                got: got.to_owned(),
            };
            let fields: Vec<&'static str> = text.split('\t').collect();
            let [code, partner, en, ja, ko, _source] = fields[..] else {
                return Err(bad(TABLE, line, "six fields parted by tabs", text));
            };
            if [code, en, ja, ko].iter().any(|field| field.is_empty()) {
                return Err(bad(TABLE, line, "no empty field", text));
            }
            if rows.iter().any(|known: &District| known.code == code) {
                return Err(bad(TABLE, line, "each code once", code));
            }
            let partner =
                partner.parse().map_err(|_| bad(TABLE, line, "a partner code", partner))?;
            let (line, shape) = shapes
                .next()
                .ok_or_else(|| bad(BOUNDARIES, line, "a boundary for every district", "the end"))?;
            let boundary = shape
                .strip_prefix(code)
                .and_then(|rest| rest.strip_prefix('\t'))
                .ok_or_else(|| bad(BOUNDARIES, line, "the codes of `districts.tsv`", code))?;
            let polygons = polygons(boundary)
                .map_err(|(expected, got)| bad(BOUNDARIES, line, expected, &got))?;
            rows.push(District { code, partner, name: Text { en, ja, ko }, polygons });
        }
        match shapes.next() {
            None => Ok(Self { rows }),
            Some((line, text)) => Err(TableError {
                table: BOUNDARIES,
                line,
                expected: "the end after the last district",
                got: text.chars().take(5).collect(),
            }),
        }
    }
}

impl Bounds {
    /// Whether `point` lies in the box or on its rim.
    pub(super) fn holds(&self, [x, y]: [i32; 2]) -> bool {
        (self.west..=self.east).contains(&x) && (self.south..=self.north).contains(&y)
    }
}

impl District {
    fn feature(&self) -> Value {
        let coordinates: Vec<Vec<Vec<[f64; 2]>>> = self
            .polygons
            .iter()
            .map(|polygon| polygon.rings.iter().map(closed_degrees).collect())
            .collect();
        json!({
            "type": "Feature",
            "properties": {
                "code": self.code,
                "partner": self.partner,
                "name_en": self.name.en,
                "name_ja": self.name.ja,
                "name_ko": self.name.ko,
            },
            "geometry": { "type": "MultiPolygon", "coordinates": coordinates },
        })
    }
}

/// The ring in degrees, longitude then latitude, its first vertex repeated at the end.
pub(super) fn closed_degrees(ring: &Ring) -> Vec<[f64; 2]> {
    ring.iter()
        .chain(ring.first())
        .map(|[x, y]| [f64::from(*x) / UNITS_PER_DEGREE, f64::from(*y) / UNITS_PER_DEGREE])
        .collect()
}

/// The numbered lines after the header.
fn lines(
    table: &'static str,
    header: &'static str,
    text: &'static str,
) -> Result<impl Iterator<Item = (usize, &'static str)>, TableError> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    match lines.next() {
        Some((_, first)) if first == header => Ok(lines),
        first => Err(TableError {
            table,
            line: 1,
            expected: header,
            got: first.map_or(String::new(), |(_, line)| line.to_owned()),
        }),
    }
}

type Fault = (&'static str, String);

fn polygons(text: &str) -> Result<Vec<Polygon>, Fault> {
    text.split('|')
        .map(|polygon| {
            let rings: Vec<Ring> = polygon.split(';').map(ring).collect::<Result<_, _>>()?;
            for (place, ring) in rings.iter().enumerate() {
                let outer = place == 0;
                if (twice_area(ring) > 0) != outer {
                    return Err((
                        "outer rings counter-clockwise and holes clockwise",
                        format!("ring {place}"),
                    ));
                }
            }
            let bounds = bounds(&rings[0]);
            Ok(Polygon { rings, bounds })
        })
        .collect()
}

fn ring(text: &str) -> Result<Ring, Fault> {
    let mut vertices: Ring = Vec::new();
    let mut numbers = text.split(' ');
    let mut at = [0_i32; 2];
    while let Some(lon) = numbers.next() {
        let lat = numbers.next().ok_or_else(|| ("pairs of integers", lon.to_owned()))?;
        for (sum, text) in at.iter_mut().zip([lon, lat]) {
            let step: i32 = text.parse().map_err(|_| ("an integer", text.to_owned()))?;
            *sum = sum.checked_add(step).ok_or_else(|| ("a small step", text.to_owned()))?;
        }
        let inside = at[0].abs() <= LON_UNITS_MAX && at[1].abs() <= LAT_UNITS_MAX;
        if !inside {
            return Err(("a vertex on the Earth", format!("{at:?}")));
        }
        vertices.push(at);
    }
    if (3..=RING_VERTICES_MAX).contains(&vertices.len()) {
        Ok(vertices)
    } else {
        Err(("a ring of 3 to 20,000 vertices", format!("{} vertices", vertices.len())))
    }
}

/// Twice the signed area in square units, positive for counter-clockwise rings.
pub(super) fn twice_area(ring: &Ring) -> i64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter()
        .zip(next)
        .map(|(a, b)| i64::from(a[0]) * i64::from(b[1]) - i64::from(b[0]) * i64::from(a[1]))
        .sum()
}

/// The box around at least one vertex.
pub(super) fn bounds(ring: &[[i32; 2]]) -> Bounds {
    let [x, y] = ring[0];
    ring.iter().fold(Bounds { west: x, south: y, east: x, north: y }, |b, [x, y]| Bounds {
        west: b.west.min(*x),
        south: b.south.min(*y),
        east: b.east.max(*x),
        north: b.north.max(*y),
    })
}

#[cfg(test)]
mod tests;
