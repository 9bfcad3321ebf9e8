//! How far off a district a place at sea lies, and on which side.
//!
//! Everything is measured on the plane tangent at the place ([`LocalFrame`]). The horizontal part of
//! the chord to a point at distance d on a sphere of radius R is R sin(d/R), so d = R asin(chord/R):
//! within 0.4 % of the geodesic, far below the 10 km to which texts round. The side is the direction
//! from the middle of the parts of the district in reach, not from the nearest headland or islet: "west of
//! Hokkaido" lies west of all of it.

use base::{Geodetic, LocalFrame, Metres, math};

use super::districts::{District, Districts, Ring, UNITS_PER_DEGREE};
use super::language::Text;
use super::touch::{RADIUS_90, Window, distance_squared};
use crate::Region;

/// A fall at sea within this distance of a district concerns its partner: 200 nautical miles, the
/// breadth to which an exclusive economic zone may reach (UNCLOS article 57). Only a distance: it
/// says nothing about whose waters they are.
pub const SEA_REACH_M: f64 = 370_400.0;
/// Districts a warning of a sea area names at most.
pub const SEA_DISTRICTS_MAX: usize = 3;
/// Districts are named beside the nearest one, and partners heard beside its partner, if they are at
/// most this much farther.
pub const SEA_SLACK_M: f64 = 20_000.0;
/// A sea area reaches at least this far from its centre: 5 nautical miles. However well the point is
/// known, what falls may break up and drift, and ships do not steer by less.
pub const SEA_AREA_M_MIN: f64 = 9_260.0;
/// Mean radius of the Earth (IUGG), metres.
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A place at sea as seen from a district.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offing {
    /// From the nearest point of the district's boundary.
    pub distance: Metres,
    /// Which side of the district the place lies on.
    pub side: Side,
}

/// A point of the compass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// 337.5° to 22.5°.
    North,
    /// 22.5° to 67.5°.
    Northeast,
    /// 67.5° to 112.5°.
    East,
    /// 112.5° to 157.5°.
    Southeast,
    /// 157.5° to 202.5°.
    South,
    /// 202.5° to 247.5°.
    Southwest,
    /// 247.5° to 292.5°.
    West,
    /// 292.5° to 337.5°.
    Northwest,
}

impl Side {
    /// The word in each language.
    pub const fn word(self) -> Text {
        match self {
            Self::North => Text { en: "north", ja: "北", ko: "북쪽" },
            Self::Northeast => Text { en: "northeast", ja: "北東", ko: "북동쪽" },
            Self::East => Text { en: "east", ja: "東", ko: "동쪽" },
            Self::Southeast => Text { en: "southeast", ja: "南東", ko: "남동쪽" },
            Self::South => Text { en: "south", ja: "南", ko: "남쪽" },
            Self::Southwest => Text { en: "southwest", ja: "南西", ko: "남서쪽" },
            Self::West => Text { en: "west", ja: "西", ko: "서쪽" },
            Self::Northwest => Text { en: "northwest", ja: "北西", ko: "북서쪽" },
        }
    }

    /// Of the direction `east`, `north`.
    fn towards([east, north]: [f64; 2]) -> Self {
        const SIDES: [(f64, Side); 8] = [
            (-157.5, Side::South),
            (-112.5, Side::Southwest),
            (-67.5, Side::West),
            (-22.5, Side::Northwest),
            (22.5, Side::North),
            (67.5, Side::Northeast),
            (112.5, Side::East),
            (157.5, Side::Southeast),
        ];
        let bearing_deg = math::atan2(east, north) * 180.0 / std::f64::consts::PI;
        SIDES.iter().find(|(to, _)| bearing_deg <= *to).map_or(Self::South, |(_, side)| *side)
    }
}

/// A district whose partner a fall at sea concerns.
#[derive(Debug, Clone, Copy)]
pub struct Offshore<'a> {
    /// The district.
    pub district: &'a District,
    /// How far off and on which side of it.
    pub offing: Offing,
}

impl Districts {
    /// The districts within [`SEA_REACH_M`] of the centre of `region`, nearest first; as near, by
    /// partner and code.
    pub fn offshore(&self, region: &Region) -> Vec<Offshore<'_>> {
        let Some(place) = Place::of(region) else { return Vec::new() };
        let mut offshore: Vec<Offshore<'_>> = self
            .iter()
            .filter_map(|district| Some(Offshore { district, offing: place.offing(district)? }))
            .collect();
        let key = |of: &Offshore<'_>| (of.district.partner, of.district.code);
        offshore.sort_by(|a, b| {
            let nearer = a.offing.distance.0.total_cmp(&b.offing.distance.0);
            nearer.then(key(a).cmp(&key(b)))
        });
        offshore
    }
}

impl District {
    /// Where the centre of `region` lies as seen from here; `None` beyond [`SEA_REACH_M`].
    pub fn offing(&self, region: &Region) -> Option<Offing> {
        Place::of(region)?.offing(self)
    }
}

/// The region whose 90 % ellipse is the sea area: `region`, widened where it is narrower than
/// [`SEA_AREA_M_MIN`].
pub(super) fn sea_area(region: &Region) -> Region {
    let widened = |sigma: Metres| Metres(sigma.0.max(SEA_AREA_M_MIN / RADIUS_90));
    Region {
        semi_major: widened(region.semi_major),
        semi_minor: widened(region.semi_minor),
        ..*region
    }
}

/// Those of `offshore` (nearest first) that are about as near as the first.
pub(super) fn nearest<'a>(offshore: &[Offshore<'a>]) -> Vec<Offshore<'a>> {
    let Some(first) = offshore.first() else { return Vec::new() };
    let reach_m = first.offing.distance.0 + SEA_SLACK_M;
    offshore.iter().copied().take_while(|of| of.offing.distance.0 <= reach_m).collect()
}

/// A place with its tangent plane.
struct Place {
    frame: LocalFrame,
    window: Window,
}

impl Place {
    fn of(region: &Region) -> Option<Self> {
        let centre = Geodetic::new(region.lat, region.lon, Metres(0.0)).ok()?;
        let window = Window::around(&centre, SEA_REACH_M);
        Some(Self { frame: LocalFrame::at(&centre), window })
    }

    fn offing(&self, district: &District) -> Option<Offing> {
        let mut distance_m = f64::INFINITY;
        // The sums of area and of area times middle.
        let mut weight = 0.0;
        let mut moment = [0.0; 2];
        let near =
            district.polygons.iter().filter(|polygon| self.window.shift(&polygon.bounds).is_some());
        for polygon in near {
            let part = Part::of(&self.frame, &polygon.rings[0]);
            if part.distance_m > SEA_REACH_M {
                continue;
            }
            distance_m = distance_m.min(part.distance_m);
            weight += part.area;
            moment = std::array::from_fn(|i| moment[i] + part.moment[i]);
        }
        if !(distance_m <= SEA_REACH_M && weight > 0.0) {
            return None;
        }
        // From the middle to the place, which is the origin.
        let side = Side::towards(moment.map(|sum| -sum / weight));
        Some(Offing { distance: Metres(distance_m), side })
    }
}

/// One outline on the tangent plane.
struct Part {
    distance_m: f64,
    /// Twice its area.
    area: f64,
    /// Twice its area times its middle.
    moment: [f64; 2],
}

impl Part {
    fn of(frame: &LocalFrame, ring: &Ring) -> Self {
        let points: Vec<[f64; 2]> = ring.iter().map(|vertex| project(frame, *vertex)).collect();
        let mut squared = f64::INFINITY;
        let (mut area, mut moment) = (0.0, [0.0; 2]);
        for (i, a) in points.iter().enumerate() {
            let b = &points[(i + 1) % points.len()];
            squared = squared.min(distance_squared(*a, *b));
            // The outline's middle by its triangles with the origin (Green's theorem).
            let cross = a[0] * b[1] - b[0] * a[1];
            area += cross;
            moment = std::array::from_fn(|i| moment[i] + cross * (a[i] + b[i]) / 3.0);
        }
        let chord = math::sqrt(squared) / EARTH_RADIUS_M;
        Self { distance_m: EARTH_RADIUS_M * math::asin(chord.min(1.0)), area, moment }
    }
}

/// East and north of a vertex on the plane, metres.
fn project(frame: &LocalFrame, vertex: [i32; 2]) -> [f64; 2] {
    let [lon, lat] = vertex.map(|units| base::Degrees(f64::from(units) / UNITS_PER_DEGREE));
    let place =
        Geodetic::new(lat, lon, Metres(0.0)).expect("vertices were checked to lie on the Earth");
    let [east, north, _] = frame.to_enu(&place.to_ecef()).xyz;
    [east, north]
}

#[cfg(test)]
mod tests;
