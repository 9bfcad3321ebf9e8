//! Warnings.
mod districts;
mod language;
mod touch;
pub use districts::{District, Districts, districts};
pub use language::{Language, Text};
pub use touch::{MARGIN_M, Reach, SAMPLES, SIGMA_M_MAX, Touch, ellipse_ring};
