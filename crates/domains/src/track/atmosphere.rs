//! Air density by the US Standard Atmosphere 1976 (NOAA-S/T 76-1562).
//!
//! Up to 86 km the seven layers of table 4 (geopotential height, base temperature, lapse rate);
//! above, exponential interpolation in the printed total mass densities of table I. Above
//! [`CEILING_M`] the air is neglected: there drag is below 2e-6 m/s² for any warhead.

use base::math;

/// Where the air ends for the tracker, metres.
pub(super) const CEILING_M: f64 = 200_000.0;

/// Effective earth radius of the standard, metres.
const EARTH_RADIUS_M: f64 = 6_356_766.0;
/// g₀'·M₀/R*, kelvin per metre (hydrostatic constant of the standard).
const HYDROSTATIC: f64 = 9.80665 * 0.028_964_4 / 8.314_32;
/// R*/M₀, J/(kg·K).
const GAS_CONSTANT: f64 = 8.314_32 / 0.028_964_4;

/// Base geopotential height (m), base temperature (K), lapse rate (K/m), base pressure (Pa).
const LAYERS: [(f64, f64, f64, f64); 7] = [
    (0.0, 288.15, -0.0065, 101_325.0),
    (11_000.0, 216.65, 0.0, 22_632.06),
    (20_000.0, 216.65, 0.001, 5_474.889),
    (32_000.0, 228.65, 0.0028, 868.018_7),
    (47_000.0, 270.65, 0.0, 110.906_3),
    (51_000.0, 270.65, -0.0028, 66.938_87),
    (71_000.0, 214.65, -0.002, 3.956_420),
];

/// Geometric height (m), natural logarithm of density in kg/m³, from the printed densities
/// 6.958e-6 (86 km), 3.416e-6, 1.393e-6, 5.604e-7, 9.708e-8, 2.222e-8, 8.152e-9, 3.831e-9, 2.076e-9,
/// 1.233e-9, 5.194e-10, 2.541e-10.
const UPPER: [(f64, f64); 12] = [
    (86_000.0, -11.875_62),
    (90_000.0, -12.587_05),
    (95_000.0, -13.484_03),
    (100_000.0, -14.394_61),
    (110_000.0, -16.147_73),
    (120_000.0, -17.622_27),
    (130_000.0, -18.624_97),
    (140_000.0, -19.380_13),
    (150_000.0, -19.992_80),
    (160_000.0, -20.513_78),
    (180_000.0, -21.378_32),
    (200_000.0, -22.093_29),
];

/// Density at `height_m` (geometric, metres), kg/m³; zero above [`CEILING_M`]. Below the sea the
/// lowest layer goes on.
pub(super) fn density_kgpm3(height_m: f64) -> f64 {
    if height_m >= CEILING_M {
        0.0
    } else if height_m >= UPPER[0].0 {
        math::exp(upper_log_density(height_m))
    } else {
        lower_density(height_m)
    }
}

/// The height over which density falls by e, metres, near `height_m`.
pub(super) fn scale_height_m(height_m: f64) -> f64 {
    const STEP_M: f64 = 250.0;
    let low = density_kgpm3(height_m - STEP_M);
    let high = density_kgpm3(height_m + STEP_M);
    if low > 0.0 && high > 0.0 { 2.0 * STEP_M / math::ln(low / high) } else { 40_000.0 }
}

fn upper_log_density(height_m: f64) -> f64 {
    let next = UPPER.partition_point(|(height, _)| *height <= height_m).min(UPPER.len() - 1);
    let ((low_m, low), (high_m, high)) = (UPPER[next - 1], UPPER[next]);
    low + (high - low) * (height_m - low_m) / (high_m - low_m)
}

fn lower_density(height_m: f64) -> f64 {
    let height_m = height_m.max(-5_000.0);
    let geopotential_m = EARTH_RADIUS_M * height_m / (EARTH_RADIUS_M + height_m);
    let layer = LAYERS.partition_point(|layer| layer.0 <= geopotential_m).max(1) - 1;
    let (base_m, base_k, lapse, base_pa) = LAYERS[layer];
    let temperature_k = base_k + lapse * (geopotential_m - base_m);
    let pressure_pa = if lapse == 0.0 {
        base_pa * math::exp(-HYDROSTATIC * (geopotential_m - base_m) / base_k)
    } else {
        base_pa * math::pow(base_k / temperature_k, HYDROSTATIC / lapse)
    };
    pressure_pa / (GAS_CONSTANT * temperature_k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_matches_the_printed_table() {
        // US Standard Atmosphere 1976, table I: geometric height, density; printed to four figures.
        for (height_m, printed) in [
            (0.0, 1.2250),
            (1_000.0, 1.1117),
            (5_000.0, 7.3643e-1),
            (10_000.0, 4.1351e-1),
            (11_000.0, 3.6480e-1),
            (20_000.0, 8.8910e-2),
            (30_000.0, 1.8410e-2),
            (40_000.0, 3.9957e-3),
            (50_000.0, 1.0269e-3),
            (60_000.0, 3.0968e-4),
            (70_000.0, 8.2829e-5),
            (80_000.0, 1.8458e-5),
            (86_000.0, 6.958e-6),
            (90_000.0, 3.416e-6),
            (100_000.0, 5.604e-7),
            (120_000.0, 2.222e-8),
            (150_000.0, 2.076e-9),
        ] {
            let got = density_kgpm3(height_m);
            let relative = (got / printed - 1.0).abs();
            assert!(relative < 1e-3, "{height_m} m: {got:e} for {printed:e}, {relative:e}");
        }
        assert!(density_kgpm3(CEILING_M) == 0.0);
    }

    #[test]
    fn density_falls_all_the_way_up() {
        let mut last = density_kgpm3(-1_000.0);
        let mut height_m = -900.0;
        while height_m < CEILING_M {
            let density = density_kgpm3(height_m);
            assert!(density < last, "{height_m}");
            let scale_m = scale_height_m(height_m);
            assert!((3_000.0..60_000.0).contains(&scale_m), "{height_m}: {scale_m}");
            last = density;
            height_m += 100.0;
        }
    }
}
