//! Which districts an impact region touches, and how likely each is hit.
//!
//! The region is a Gaussian on the plane tangent at its centre (east, north; [`LocalFrame`]), given by
//! its 1-sigma ellipse. Two questions are asked of each district:
//!
//! - *How likely is it hit?* The share of [`SAMPLES`] fixed points of equal probability that fall into
//!   its boundary. The points are a sunflower on the unit Gaussian: the i-th has radius
//!   √(−2 ln(1 − (i + ½)/n)) and turns by the golden angle (Vogel, Mathematical Biosciences 44
//!   (1979) 179, mapped through the Rayleigh quantile), so they are the same on every platform.
//! - *Is it touched at all?* Its boundary comes within the 99 % ellipse ([`Reach::Land`]), or within
//!   the ellipse whose semi-axes are longer by the [`MARGIN_M`] ([`Reach::Waters`]). This is exact, so
//!   no thin touch is missed, and an impact at sea close to a coast names the coast.

use std::sync::OnceLock;

use base::{Degrees, Geodetic, LocalFrame, Metres, Radians, math};

use super::districts::{
    Bounds, District, Districts, Polygon, Ring, UNITS_PER_DEGREE, closed_degrees,
};
use super::outline::simplified;
use crate::Region;

/// Points in the sample: the share of a district is known to about 0.1 %.
pub const SAMPLES: usize = 1_024;
/// Districts this close to the 99 % ellipse are touched: 12 nautical miles, the width of the
/// territorial sea (UNCLOS article 3), which also covers debris and the coast's own coarseness.
pub const MARGIN_M: f64 = 22_224.0;
/// Radius of the 99 % region of a unit Gaussian in the plane: √(−2 ln 0.01).
pub const RADIUS_99: f64 = 3.034_854_258_770_293;
/// Radius of the 90 % region of a unit Gaussian in the plane: √(−2 ln 0.1).
pub const RADIUS_90: f64 = 2.145_966_026_289_347;
/// Standard deviations below this are taken as this: no boundary here is known better.
const SIGMA_M_MIN: f64 = 100.0;
/// Regions wider than this (1 sigma, metres) say nothing about districts.
pub const SIGMA_M_MAX: f64 = 150_000.0;

/// A district touched by an impact region.
#[derive(Debug, Clone, Copy)]
pub struct Touch<'a> {
    /// The district.
    pub district: &'a District,
    /// How likely the impact lies inside its boundary, 0 to 1.
    pub probability: f64,
    /// How far the region reaches.
    pub reach: Reach,
}

/// How far a region reaches into a district.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The 99 % ellipse meets its land.
    Land,
    /// Only the margin around the ellipse does.
    Waters,
}

impl Districts {
    /// The districts touched by `region`, in table order; none when the region is wider than
    /// [`SIGMA_M_MAX`] or not a place on the Earth.
    pub fn touched(&self, region: &Region) -> Vec<Touch<'_>> {
        let Some(plane) = Plane::of(region) else { return Vec::new() };
        self.iter()
            .filter_map(|district| {
                let near: Vec<&Polygon> = district
                    .polygons
                    .iter()
                    .filter(|polygon| plane.window.shift(&polygon.bounds).is_some())
                    .collect();
                let shape = Shape::of(&plane, &near);
                let reach = shape.reach(&plane)?;
                Some(Touch { district, probability: shape.probability(), reach })
            })
            .collect()
    }
}

impl District {
    /// The outer rings near `region` in degrees, latitude then longitude, closed, largest part first:
    /// at most `rings_max`, each simplified to at most `points_max` points.
    pub fn rings_near(
        &self,
        region: &Region,
        rings_max: usize,
        points_max: usize,
    ) -> Vec<Vec<[f64; 2]>> {
        let Some(plane) = Plane::of(region) else { return Vec::new() };
        self.polygons
            .iter()
            .filter(|polygon| plane.window.shift(&polygon.bounds).is_some())
            .take(rings_max)
            .map(|polygon| simplified(&polygon.rings[0], points_max.saturating_sub(1)))
            .filter(|ring| ring.len() < points_max)
            .map(|ring| closed_degrees(&ring).into_iter().map(|[lon, lat]| [lat, lon]).collect())
            .collect()
    }
}

/// The 90 % ellipse of `region` as a closed ring of `vertices` + 1 points, longitude then latitude in
/// degrees, counter-clockwise; longitudes run on past ±180 where the ring crosses the antimeridian.
pub fn ellipse_ring(region: &Region, vertices: u32) -> Vec<[f64; 2]> {
    let Some(plane) = Plane::of(region) else { return Vec::new() };
    let lon = region.lon.0;
    let mut ring: Vec<[f64; 2]> = (0..vertices)
        .map(|i| {
            let turn = -std::f64::consts::TAU * f64::from(i) / f64::from(vertices);
            let (sin, cos) = math::sin_cos(turn);
            let place = plane.place(RADIUS_90 * cos, RADIUS_90 * sin);
            let mut east = place.lon().0 - lon;
            if east > 180.0 {
                east -= 360.0;
            } else if east < -180.0 {
                east += 360.0;
            }
            [lon + east, place.lat().0]
        })
        .collect();
    ring.extend(ring.first().copied());
    ring
}

/// The 90 % ellipse of `region` as closed rings, latitude then longitude in degrees: one of `vertices` + 1
/// points, or two of at most `vertices` + 3 on either side of the 180th meridian where it crosses it.
pub(super) fn sea_rings(region: &Region, vertices: u32) -> Vec<Vec<[f64; 2]>> {
    let ring = ellipse_ring(region, vertices);
    // The ring runs on past the meridian at most one turn.
    [0.0, -360.0, 360.0]
        .into_iter()
        .map(|turn| {
            let turned: Vec<[f64; 2]> = ring.iter().map(|[lon, lat]| [lon + turn, *lat]).collect();
            let mut part = cut(&cut(&turned, 180.0, 1.0), -180.0, -1.0);
            part.extend(part.first().copied());
            part.into_iter().map(|[lon, lat]| [lat, lon]).collect::<Vec<_>>()
        })
        .filter(|part| part.len() > 3)
        .collect()
}

/// The part of a convex ring where `sign` × longitude does not exceed `sign` × `edge_deg`, without its
/// closing point (Sutherland and Hodgman, CACM 17 (1974) 32).
fn cut(ring: &[[f64; 2]], edge_deg: f64, sign: f64) -> Vec<[f64; 2]> {
    let inside = |point: [f64; 2]| sign * (edge_deg - point[0]) >= 0.0;
    let mut kept = Vec::new();
    for (i, b) in ring.iter().copied().enumerate() {
        let a = ring[(i + ring.len() - 1) % ring.len()];
        if inside(a) != inside(b) {
            let along = (edge_deg - a[0]) / (b[0] - a[0]);
            kept.push([edge_deg, a[1] + along * (b[1] - a[1])]);
        }
        if inside(b) && kept.last() != Some(&b) {
            kept.push(b);
        }
    }
    if kept.len() > 1 && kept.first() == kept.last() {
        kept.pop();
    }
    kept
}

/// The tangent plane of a region with coordinates along its axes, in standard deviations.
struct Plane {
    frame: LocalFrame,
    /// Unit vectors (east, north) of the major and the minor axis.
    axes: [[f64; 2]; 2],
    /// Standard deviations along them, metres.
    sigmas_m: [f64; 2],
    window: Window,
}

impl Plane {
    fn of(region: &Region) -> Option<Self> {
        let sigmas_m = [region.semi_major.0, region.semi_minor.0];
        if !sigmas_m.iter().all(|sigma| (0.0..=SIGMA_M_MAX).contains(sigma)) {
            return None;
        }
        let sigmas_m = sigmas_m.map(|sigma| sigma.max(SIGMA_M_MIN));
        let centre = Geodetic::new(region.lat, region.lon, Metres(0.0)).ok()?;
        if !region.orientation.0.is_finite() {
            return None;
        }
        let (sin, cos) = math::sin_cos(Radians::from(region.orientation).0);
        let reach_m = RADIUS_99 * sigmas_m[0].max(sigmas_m[1]) + MARGIN_M;
        Some(Self {
            frame: LocalFrame::at(&centre),
            axes: [[sin, cos], [cos, -sin]],
            sigmas_m,
            window: Window::around(&centre, reach_m),
        })
    }

    /// Coordinates of a vertex in standard deviations along the axes.
    fn project(&self, vertex: [i32; 2]) -> [f64; 2] {
        let [lon, lat] = vertex.map(|units| f64::from(units) / UNITS_PER_DEGREE);
        let place = Geodetic::new(Degrees(lat), Degrees(lon), Metres(0.0))
            .expect("vertices were checked to lie on the Earth");
        let [east, north, _] = self.frame.to_enu(&place.to_ecef()).xyz;
        std::array::from_fn(|i| {
            (self.axes[i][0] * east + self.axes[i][1] * north) / self.sigmas_m[i]
        })
    }

    /// The place at (`x`, `y`) standard deviations along the axes.
    fn place(&self, x: f64, y: f64) -> Geodetic {
        let along = [x * self.sigmas_m[0], y * self.sigmas_m[1]];
        let [east, north] =
            std::array::from_fn(|i| self.axes[0][i] * along[0] + self.axes[1][i] * along[1]);
        self.frame.to_ecef(&base::Position::new([east, north, 0.0])).to_geodetic()
    }

    /// Factors from standard deviations to units of the ellipse that is `radius` standard deviations
    /// and `margin_m` wide.
    fn factors(&self, radius: f64, margin_m: f64) -> [f64; 2] {
        self.sigmas_m.map(|sigma| sigma / (radius * sigma + margin_m))
    }
}

/// The box of places a region could touch, in units of 1e-4 degrees; the longitude may run on past
/// the antimeridian.
pub(super) struct Window {
    bounds: Bounds,
    /// The region lies so near a pole that every longitude counts.
    all_longitudes: bool,
}

impl Window {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "degrees times 1e4 fit i32 many times over"
    )]
    pub(super) fn around(centre: &Geodetic, reach_m: f64) -> Self {
        /// Length of a degree of latitude at the equator, the shortest one, metres.
        const DEGREE_OF_LATITUDE_M: f64 = 110_574.0;
        let (lat, lon) = (centre.lat().0, centre.lon().0);
        let north_deg = reach_m / DEGREE_OF_LATITUDE_M;
        let farthest = lat.abs() + north_deg;
        let all_longitudes = farthest >= 89.0;
        let east_deg = if all_longitudes {
            180.0
        } else {
            north_deg / math::cos(Radians::from(Degrees(farthest)).0)
        };
        let units = |degrees: f64| (degrees * UNITS_PER_DEGREE) as i32;
        Self {
            bounds: Bounds {
                west: units(lon - east_deg) - 1,
                south: units(lat - north_deg) - 1,
                east: units(lon + east_deg) + 1,
                north: units(lat + north_deg) + 1,
            },
            all_longitudes,
        }
    }

    /// By how many turns `other` must be moved east to meet the window, if it does.
    pub(super) fn shift(&self, other: &Bounds) -> Option<i32> {
        const TURN: i32 = 3_600_000;
        if other.north < self.bounds.south || other.south > self.bounds.north {
            return None;
        }
        if self.all_longitudes {
            return Some(0);
        }
        [0, -1, 1].into_iter().find(|turns| {
            let moved = turns * TURN;
            other.east + moved >= self.bounds.west && other.west + moved <= self.bounds.east
        })
    }
}

/// The parts of a district near a region, as edges in standard deviations along its axes.
struct Shape {
    edges: Vec<[[f64; 2]; 2]>,
}

impl Shape {
    fn of(plane: &Plane, polygons: &[&Polygon]) -> Self {
        let rings = polygons.iter().flat_map(|polygon| &polygon.rings);
        Self { edges: rings.flat_map(|ring| edges(plane, ring)).collect() }
    }

    fn reach(&self, plane: &Plane) -> Option<Reach> {
        if self.holds_centre() || self.within(plane.factors(RADIUS_99, 0.0)) {
            Some(Reach::Land)
        } else if self.within(plane.factors(RADIUS_99, MARGIN_M)) {
            Some(Reach::Waters)
        } else {
            None
        }
    }

    /// Whether the centre of the region lies inside (even-odd rule).
    fn holds_centre(&self) -> bool {
        self.edges.iter().filter(|edge| crosses_east_of(edge, [0.0, 0.0])).count() % 2 == 1
    }

    /// Whether an edge comes within 1 of the centre after scaling by `factors`.
    fn within(&self, factors: [f64; 2]) -> bool {
        self.edges.iter().any(|[a, b]| {
            let [a, b] = [a, b].map(|p| [p[0] * factors[0], p[1] * factors[1]]);
            distance_squared(a, b) <= 1.0
        })
    }

    /// The share of the sample inside: each edge flips the points west of it in its band.
    fn probability(&self) -> f64 {
        let points = sample();
        let mut inside = vec![false; points.len()];
        for edge in &self.edges {
            let [a, b] = edge;
            let from = points.partition_point(|p| p[1] < a[1].min(b[1]));
            let to = points.partition_point(|p| p[1] < a[1].max(b[1]));
            for (point, inside) in points[from..to].iter().zip(&mut inside[from..to]) {
                *inside ^= crosses_east_of(edge, *point);
            }
        }
        inside.iter().filter(|inside| **inside).count() as f64 / points.len() as f64
    }
}

/// The squared distance of the origin from the edge between `a` and `b`.
pub(super) fn distance_squared(a: [f64; 2], b: [f64; 2]) -> f64 {
    let d = [b[0] - a[0], b[1] - a[1]];
    let length_squared = d[0] * d[0] + d[1] * d[1];
    let along = if length_squared > 0.0 {
        (-(a[0] * d[0] + a[1] * d[1]) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let nearest = [a[0] + along * d[0], a[1] + along * d[1]];
    nearest[0] * nearest[0] + nearest[1] * nearest[1]
}

fn edges<'a>(plane: &Plane, ring: &'a Ring) -> impl Iterator<Item = [[f64; 2]; 2]> + use<'a> {
    let points: Vec<[f64; 2]> = ring.iter().map(|vertex| plane.project(*vertex)).collect();
    (0..points.len()).map(move |i| [points[i], points[(i + 1) % points.len()]])
}

/// Whether the edge, half open in y, meets the ray from `point` towards larger x.
fn crosses_east_of(edge: &[[f64; 2]; 2], point: [f64; 2]) -> bool {
    let [a, b] = edge;
    (a[1] <= point[1]) != (b[1] <= point[1])
        && point[0] < a[0] + (point[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
}

/// The fixed points, sorted by y.
fn sample() -> &'static [[f64; 2]] {
    static POINTS: OnceLock<Vec<[f64; 2]>> = OnceLock::new();
    POINTS.get_or_init(|| {
        /// π (3 − √5), radians.
        const GOLDEN_ANGLE: f64 = 2.399_963_229_728_653;
        let mut points: Vec<[f64; 2]> = (0..SAMPLES)
            .map(|i| {
                let share = (i as f64 + 0.5) / SAMPLES as f64;
                let radius = math::sqrt(-2.0 * math::ln(1.0 - share));
                let (sin, cos) = math::sin_cos(i as f64 * GOLDEN_ANGLE);
                [radius * cos, radius * sin]
            })
            .collect();
        points.sort_by(|a, b| a[1].total_cmp(&b[1]).then(a[0].total_cmp(&b[0])));
        points
    })
}

#[cfg(test)]
mod tests;
