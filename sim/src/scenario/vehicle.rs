//! Illustrative vehicle classes: how a boost accelerates and how the air resists.
//!
//! A stage is described by what its motion shows (first acceleration, exhaust speed, burn time), not
//! by masses nobody outside knows; the numbers are round ones in the range of the public literature
//! on each class, and the plan bends them until the published flight comes out.

use base::math;

/// One stage under constant thrust: acceleration `a0 / (1 - t·a0/c)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Thrust acceleration at ignition, m/s².
    pub ignition_mps2: f64,
    /// Effective exhaust speed, m/s.
    pub exhaust_mps: f64,
    /// Longest burn, seconds; below `exhaust_mps / ignition_mps2`.
    pub burn_s: f64,
    /// Mass over hypersonic drag area at ignition, kg/m².
    pub ballistic_kg_m2: f64,
}

/// A class of vehicles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vehicle {
    /// Name of the class.
    pub name: &'static str,
    /// First to last.
    pub stages: &'static [Stage],
    /// Mass over hypersonic drag area of what comes down, kg/m².
    pub reentry_ballistic_kg_m2: f64,
    /// Seconds straight up before the pitch programme begins.
    pub rise_s: f64,
    /// Seconds the pitch programme takes.
    pub pitch_over_s: f64,
}

/// Two liquid stages, separate re-entry vehicle (Hwasong-14 like).
pub const LIQUID_TWO_STAGE: Vehicle = Vehicle {
    name: "liquid, two stages",
    stages: &[
        Stage { ignition_mps2: 14.0, exhaust_mps: 2_600.0, burn_s: 135.0, ballistic_kg_m2: 6.5e4 },
        Stage { ignition_mps2: 11.0, exhaust_mps: 2_850.0, burn_s: 235.0, ballistic_kg_m2: 2.0e4 },
    ],
    reentry_ballistic_kg_m2: 7_000.0,
    rise_s: 10.0,
    pitch_over_s: 60.0,
};

/// Two larger liquid stages, separate re-entry vehicle (Hwasong-15 and -17 like).
pub const LIQUID_TWO_STAGE_HEAVY: Vehicle = Vehicle {
    name: "liquid, two stages, heavy",
    stages: &[
        Stage { ignition_mps2: 14.0, exhaust_mps: 2_700.0, burn_s: 140.0, ballistic_kg_m2: 9.0e4 },
        Stage { ignition_mps2: 11.0, exhaust_mps: 2_950.0, burn_s: 245.0, ballistic_kg_m2: 3.0e4 },
    ],
    reentry_ballistic_kg_m2: 8_000.0,
    rise_s: 10.0,
    pitch_over_s: 60.0,
};

/// Three solid stages, separate re-entry vehicle (Hwasong-18 like).
pub const SOLID_THREE_STAGE: Vehicle = Vehicle {
    name: "solid, three stages",
    stages: &[
        Stage { ignition_mps2: 20.0, exhaust_mps: 2_450.0, burn_s: 65.0, ballistic_kg_m2: 8.0e4 },
        Stage { ignition_mps2: 20.0, exhaust_mps: 2_700.0, burn_s: 80.0, ballistic_kg_m2: 4.0e4 },
        Stage { ignition_mps2: 16.0, exhaust_mps: 2_750.0, burn_s: 155.0, ballistic_kg_m2: 1.5e4 },
    ],
    reentry_ballistic_kg_m2: 9_000.0,
    rise_s: 6.0,
    pitch_over_s: 40.0,
};

/// One liquid stage, separate re-entry vehicle (Hwasong-12 like).
pub const LIQUID_SINGLE_STAGE: Vehicle = Vehicle {
    name: "liquid, one stage",
    stages: &[Stage {
        ignition_mps2: 16.0,
        exhaust_mps: 2_700.0,
        burn_s: 158.0,
        ballistic_kg_m2: 5.5e4,
    }],
    reentry_ballistic_kg_m2: 6_000.0,
    rise_s: 8.0,
    pitch_over_s: 60.0,
};

/// One solid stage that comes down in one piece (KN-25 like).
pub const SOLID_SHORT_RANGE: Vehicle = Vehicle {
    name: "solid, short range",
    stages: &[Stage {
        ignition_mps2: 38.0,
        exhaust_mps: 2_350.0,
        burn_s: 57.0,
        ballistic_kg_m2: 4.5e4,
    }],
    reentry_ballistic_kg_m2: 9_000.0,
    rise_s: 1.5,
    pitch_over_s: 18.0,
};

/// Drag of a slender pointed body over its hypersonic value, by Mach number: Mach, ratio.
const DRAG_SHAPE: [(f64, f64); 11] = [
    (0.0, 1.0),
    (0.8, 1.05),
    (0.95, 1.5),
    (1.1, 2.2),
    (1.3, 2.15),
    (2.0, 1.7),
    (3.0, 1.4),
    (5.0, 1.15),
    (8.0, 1.03),
    (12.0, 1.0),
    (100.0, 1.0),
];

/// Drag coefficient over its hypersonic value at `mach` (0 or more), linear between the rows.
pub fn drag_ratio(mach: f64) -> f64 {
    let above = DRAG_SHAPE.iter().position(|row| row.0 > mach).unwrap_or(DRAG_SHAPE.len() - 1);
    let ((low, from), (high, to)) = (DRAG_SHAPE[above.max(1) - 1], DRAG_SHAPE[above.max(1)]);
    from + (to - from) * ((mach - low) / (high - low)).min(1.0)
}

/// A stage with the plan's pace applied: burns `pace` times longer at 1/`pace` the thrust, so its
/// speed gain stays and only the time (and the loss to gravity) changes.
pub fn paced(stage: &Stage, pace: f64) -> Stage {
    Stage { ignition_mps2: stage.ignition_mps2 / pace, burn_s: stage.burn_s * pace, ..*stage }
}

impl Stage {
    /// Mass over mass at ignition, `burning_s` seconds in.
    pub fn mass_share(&self, burning_s: f64) -> f64 {
        1.0 - burning_s * self.ignition_mps2 / self.exhaust_mps
    }

    /// Speed gained in free space after `burning_s` seconds, m/s (Tsiolkovsky).
    pub fn speed_gain_mps(&self, burning_s: f64) -> f64 {
        -self.exhaust_mps * math::ln(self.mass_share(burning_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_keeps_some_mass_and_can_lift_off() {
        let classes = [
            LIQUID_TWO_STAGE,
            LIQUID_TWO_STAGE_HEAVY,
            SOLID_THREE_STAGE,
            LIQUID_SINGLE_STAGE,
            SOLID_SHORT_RANGE,
        ];
        for class in classes {
            assert!(class.stages[0].ignition_mps2 > 1.3 * 9.8, "{}", class.name);
            for stage in class.stages {
                let left = stage.mass_share(stage.burn_s);
                assert!((0.05..0.5).contains(&left), "{}: {left}", class.name);
                let gain = stage.speed_gain_mps(stage.burn_s);
                let slow = paced(stage, 1.2);
                assert!((slow.speed_gain_mps(slow.burn_s) - gain).abs() < 1e-9 * gain);
            }
        }
    }

    #[test]
    fn drag_peaks_past_the_speed_of_sound_and_settles() {
        assert!((drag_ratio(0.0) - 1.0).abs() < 1e-12);
        assert!((drag_ratio(1.1) - 2.2).abs() < 1e-12);
        assert!((drag_ratio(1.2) - 2.175).abs() < 1e-12);
        assert!((drag_ratio(20.0) - 1.0).abs() < 1e-12);
        assert!((drag_ratio(500.0) - 1.0).abs() < 1e-12);
    }
}
