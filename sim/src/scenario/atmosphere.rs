//! The U.S. Standard Atmosphere, 1976: density and speed of sound by height.
//!
//! Up to 86 km: the seven linear-temperature layers of table 4 with equations 33a, 33b, 42 and 50.
//! Above: log-linear interpolation of the printed densities of table VIII part 1, with the speed of
//! sound held at its 86 km value (drag there is far below anything a sensor resolves).

use base::math;

/// Sea-level gravity of the standard, m/s².
const GRAVITY_MPS2: f64 = 9.80665;
/// Effective Earth radius of the standard, metres.
const RADIUS_M: f64 = 6_356_766.0;
/// Specific gas constant of air, J/(kg·K): 8,314.32 / 28.9644.
const GAS_CONSTANT: f64 = 8_314.32 / 28.964_4;
/// Ratio of specific heats.
const HEAT_RATIO: f64 = 1.4;
/// Where the layers end, metres of geometric height.
const LAYERS_END_M: f64 = 86_000.0;
/// No air is felt above this height, metres.
const SPACE_M: f64 = 1_000_000.0;

struct Layer {
    base_m: f64,
    temperature_k: f64,
    lapse_k_per_m: f64,
    pressure_pa: f64,
}

/// Table 4 (geopotential metres, molecular temperature, gradient) with the base pressures that
/// follow from 101,325 Pa.
const LAYERS: [Layer; 7] = [
    layer(0.0, 288.15, -0.0065, 101_325.0),
    layer(11_000.0, 216.65, 0.0, 22_632.06),
    layer(20_000.0, 216.65, 0.001, 5_474.889),
    layer(32_000.0, 228.65, 0.0028, 868.018_7),
    layer(47_000.0, 270.65, 0.0, 110.906_3),
    layer(51_000.0, 270.65, -0.0028, 66.938_87),
    layer(71_000.0, 214.65, -0.002, 3.956_420),
];

const fn layer(base_m: f64, temperature_k: f64, lapse_k_per_m: f64, pressure_pa: f64) -> Layer {
    Layer { base_m, temperature_k, lapse_k_per_m, pressure_pa }
}

/// Geometric height (metres) and density (kg/m³), table VIII.
const HIGH: [(f64, f64); 16] = [
    (86_000.0, 6.958e-6),
    (90_000.0, 3.416e-6),
    (95_000.0, 1.393e-6),
    (100_000.0, 5.604e-7),
    (110_000.0, 9.708e-8),
    (120_000.0, 2.222e-8),
    (130_000.0, 8.152e-9),
    (150_000.0, 2.076e-9),
    (200_000.0, 2.541e-10),
    (250_000.0, 6.073e-11),
    (300_000.0, 1.916e-11),
    (400_000.0, 2.803e-12),
    (500_000.0, 5.215e-13),
    (600_000.0, 1.137e-13),
    (800_000.0, 1.136e-14),
    (1_000_000.0, 3.561e-15),
];

/// The air at one height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// Density, kg/m³.
    pub density_kg_m3: f64,
    /// Speed of sound, m/s.
    pub sound_mps: f64,
}

/// The air at `height_m` above the ellipsoid (taken as above sea level); below zero it is that of
/// the lowest layer continued, above 1,000 km there is none.
pub fn air_at(height_m: f64) -> Air {
    if height_m >= LAYERS_END_M {
        let sound_mps = layer_air(LAYERS_END_M).sound_mps;
        return Air { density_kg_m3: high_density(height_m), sound_mps };
    }
    layer_air(height_m.max(-5_000.0))
}

fn layer_air(height_m: f64) -> Air {
    let geopotential_m = RADIUS_M * height_m / (RADIUS_M + height_m);
    let index = LAYERS.iter().rposition(|l| geopotential_m >= l.base_m).unwrap_or(0);
    let layer = &LAYERS[index];
    let above_m = geopotential_m - layer.base_m;
    let temperature_k = layer.temperature_k + layer.lapse_k_per_m * above_m;
    let scale = GRAVITY_MPS2 / GAS_CONSTANT;
    let ratio = if layer.lapse_k_per_m == 0.0 {
        math::exp(-scale * above_m / layer.temperature_k)
    } else {
        math::pow(layer.temperature_k / temperature_k, scale / layer.lapse_k_per_m)
    };
    Air {
        density_kg_m3: layer.pressure_pa * ratio / (GAS_CONSTANT * temperature_k),
        sound_mps: math::sqrt(HEAT_RATIO * GAS_CONSTANT * temperature_k),
    }
}

fn high_density(height_m: f64) -> f64 {
    if height_m >= SPACE_M {
        return 0.0;
    }
    let above = HIGH.iter().position(|row| row.0 > height_m).unwrap_or(HIGH.len() - 1);
    let ((low_m, low), (high_m, high)) = (HIGH[above - 1], HIGH[above]);
    let share = (height_m - low_m) / (high_m - low_m);
    math::exp(math::ln(low) + share * (math::ln(high) - math::ln(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_and_sound_match_the_printed_tables() {
        // Table I (geometric height, SI): height m, density kg/m³, speed of sound m/s.
        let printed = [
            (0.0, 1.2250, 340.29),
            (1_000.0, 1.1117, 336.43),
            (5_000.0, 0.73643, 320.55),
            (10_000.0, 0.41351, 299.53),
            (15_000.0, 0.19476, 295.07),
            (20_000.0, 0.088910, 295.07),
            (30_000.0, 0.018410, 301.71),
            (40_000.0, 0.0039957, 317.19),
            (50_000.0, 0.0010269, 329.80),
            (60_000.0, 3.0968e-4, 315.07),
            (70_000.0, 8.2829e-5, 297.06),
            (80_000.0, 1.8458e-5, 282.54),
        ];
        for (height_m, density, sound) in printed {
            let air = air_at(height_m);
            let off = air.density_kg_m3 / density - 1.0;
            assert!(off.abs() < 2e-4, "density at {height_m}: {off}");
            assert!((air.sound_mps - sound).abs() < 0.02, "sound at {height_m}: {}", air.sound_mps);
        }
    }

    #[test]
    fn the_air_thins_without_a_jump_and_ends() {
        let mut below = air_at(0.0).density_kg_m3;
        for step in 1..=2_000_u32 {
            let density = air_at(f64::from(step) * 500.0).density_kg_m3;
            assert!(density < below && density > 0.90 * below || density == 0.0, "{step}");
            below = density;
        }
        assert_eq!(air_at(1.5e6).density_kg_m3.to_bits(), 0.0_f64.to_bits());
    }
}
