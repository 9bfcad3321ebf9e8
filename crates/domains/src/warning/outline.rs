//! Boundaries short enough for alerting equipment.
//!
//! The vertex whose triangle with its neighbours is smallest goes first (Visvalingam and Whyatt, The
//! Cartographic Journal 30 (1993) 46), unless another vertex lies in that triangle, so that an outline
//! does not cross itself where it comes close. Integers only: the same outline on every platform.

use std::collections::BTreeSet;

use super::districts::{Ring, bounds};

/// `ring` with at most `vertices_max` vertices (three at least), or with more where every further
/// cut would let the outline cross itself.
pub(super) fn simplified(ring: &Ring, vertices_max: usize) -> Ring {
    let count = ring.len();
    // The neighbours left of each vertex, and the corners left by size.
    let mut before: Vec<usize> = (0..count).map(|i| (i + count - 1) % count).collect();
    let mut after: Vec<usize> = (0..count).map(|i| (i + 1) % count).collect();
    let mut left = vec![true; count];
    let size = |i: usize, before: &[usize], after: &[usize]| {
        twice_area([ring[before[i]], ring[i], ring[after[i]]]).abs()
    };
    let mut corners: BTreeSet<(i64, usize)> =
        (0..count).map(|i| (size(i, &before, &after), i)).collect();
    while corners.len() > vertices_max.max(3) {
        let free = corners.iter().copied().find(|(_, i)| {
            let corner = [ring[before[*i]], ring[*i], ring[after[*i]]];
            let boxed = bounds(&corner);
            let others = ring.iter().zip(&left).filter(|(v, left)| **left && boxed.holds(**v));
            others.map(|(vertex, _)| *vertex).all(|v| corner.contains(&v) || !holds(corner, v))
        });
        let Some((area, i)) = free else { break };
        corners.remove(&(area, i));
        left[i] = false;
        let neighbours = [before[i], after[i]];
        let sizes = neighbours.map(|n| size(n, &before, &after));
        after[neighbours[0]] = neighbours[1];
        before[neighbours[1]] = neighbours[0];
        for (neighbour, old) in neighbours.into_iter().zip(sizes) {
            corners.remove(&(old, neighbour));
            corners.insert((size(neighbour, &before, &after), neighbour));
        }
    }
    ring.iter().zip(&left).filter(|(_, left)| **left).map(|(vertex, _)| *vertex).collect()
}

/// Twice the signed area of a triangle, positive when counter-clockwise.
fn twice_area([a, b, c]: [[i32; 2]; 3]) -> i64 {
    let step = |p: [i32; 2], i: usize| i64::from(p[i]) - i64::from(a[i]);
    step(b, 0) * step(c, 1) - step(c, 0) * step(b, 1)
}

/// Whether `point` lies in the triangle or on its rim.
fn holds([a, b, c]: [[i32; 2]; 3], point: [i32; 2]) -> bool {
    let sides = [[a, b, point], [b, c, point], [c, a, point]].map(twice_area);
    sides.iter().all(|side| *side >= 0) || sides.iter().all(|side| *side <= 0)
}

#[cfg(test)]
mod tests {
    use super::super::districts::{districts, twice_area as ring_twice_area};
    use super::*;

    fn check(ring: &[[i32; 2]], vertices_max: usize, expect: &[[i32; 2]]) {
        assert_eq!(simplified(&ring.to_vec(), vertices_max), expect);
    }

    #[test]
    fn the_least_corner_goes_first() {
        let square = [[0, 0], [5, -1], [10, 0], [10, 10], [0, 10]];
        check(&square, 5, &square);
        check(&square, 4, &[[0, 0], [10, 0], [10, 10], [0, 10]]);
        check(&square, 2, &simplified(&square.to_vec(), 3));
    }

    #[test]
    fn a_corner_with_another_vertex_inside_stays() {
        // The bump at (50, -10) is the least corner, but cutting it would cross the bay's tip.
        let ring = [[0, 0], [50, -10], [100, 0], [100, 90], [70, 90], [50, -5], [30, 90], [0, 90]];
        check(&ring, 7, &[[0, 0], [50, -10], [100, 0], [70, 90], [50, -5], [30, 90], [0, 90]]);
    }

    #[test]
    fn every_district_keeps_its_size_within_a_hundred_vertices() {
        for district in districts().iter() {
            let ring = &district.polygons[0].rings[0];
            let cut = simplified(ring, 99);
            assert!(cut.len() <= 99, "{}: {}", district.code, cut.len());
            let (before, after) = (ring_twice_area(ring) as f64, ring_twice_area(&cut) as f64);
            assert!((after / before - 1.0).abs() < 0.03, "{}: {}", district.code, after / before);
        }
    }
}
