//! Three-vectors as plain arrays, for the numeric kernels of this folder only.

use base::math;

/// Inner product.
pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Vector product.
pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Euclidean length.
pub(super) fn norm(a: [f64; 3]) -> f64 {
    math::sqrt(dot(a, a))
}

/// `a + scale · b`.
pub(super) fn add_scaled(a: [f64; 3], scale: f64, b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] + scale * b[i])
}

/// `scale · a`.
pub(super) fn scaled(scale: f64, a: [f64; 3]) -> [f64; 3] {
    a.map(|component| scale * component)
}

/// Turned by `angle_rad` about the third axis, counter-clockwise.
pub(super) fn turned_about_pole(a: [f64; 3], angle_rad: f64) -> [f64; 3] {
    let (sin, cos) = math::sin_cos(angle_rad);
    [cos * a[0] - sin * a[1], sin * a[0] + cos * a[1], a[2]]
}
