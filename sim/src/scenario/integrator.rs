//! Dormand and Prince's explicit Runge-Kutta pair of orders 5 and 4 with adaptive steps and a
//! continuous fourth-order output.
//!
//! Coefficients and step control: Hairer, Nørsett and Wanner, *Solving Ordinary Differential
//! Equations I*, second edition, sections II.4 to II.6 (table 5.2 and the code DOPRI5).
//! The estimator elsewhere in the workspace uses a fixed-step method of another family, in another
//! frame, so that neither can hide the other's fault.

use base::math;

use super::Error;

/// Accepted and rejected steps one integration may take; a flight needs a few thousand.
const STEPS_MAX: usize = 200_000;

/// Error allowed per step: `absolute[i] + relative · |y[i]|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance<const N: usize> {
    /// Part that scales with the component, dimensionless.
    pub relative: f64,
    /// Part in the unit of each component.
    pub absolute: [f64; N],
    /// Longest step, seconds.
    pub step_s_max: f64,
}

/// One accepted step, able to give the state anywhere inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<const N: usize> {
    /// Time at the start, seconds.
    pub start_s: f64,
    /// Length, seconds, positive.
    pub length_s: f64,
    /// Shape 5×N: the polynomials of Hairer et al., equation II.6.12, in nested form.
    coefficients: [[f64; N]; 5],
}

impl<const N: usize> Step<N> {
    /// Time at the end, seconds.
    pub fn end_s(&self) -> f64 {
        self.start_s + self.length_s
    }

    /// The state at `time_s`, which should lie inside the step.
    pub fn at(&self, time_s: f64) -> [f64; N] {
        let along = (time_s - self.start_s) / self.length_s;
        let rest = 1.0 - along;
        let c = &self.coefficients;
        std::array::from_fn(|i| {
            c[0][i] + along * (c[1][i] + rest * (c[2][i] + along * (c[3][i] + rest * c[4][i])))
        })
    }
}

/// Integrates `derivative` from `start_s` to `end_s`, appending every accepted step to `steps`, and
/// returns the state at the end. Stops early after the first step for which `stop` holds at its end.
pub fn integrate<const N: usize>(
    derivative: &impl Fn(f64, &[f64; N]) -> [f64; N],
    start_s: f64,
    end_s: f64,
    state: [f64; N],
    tolerance: &Tolerance<N>,
    stop: &impl Fn(f64, &[f64; N]) -> bool,
    steps: &mut Vec<Step<N>>,
) -> Result<[f64; N], Error> {
    const SAFETY: f64 = 0.9;
    const SHRINK_MIN: f64 = 0.2;
    const GROWTH_MAX: f64 = 5.0;
    let (mut time_s, mut state) = (start_s, state);
    let mut slope = derivative(time_s, &state);
    let mut length_s = tolerance.step_s_max.min(0.01).min(end_s - start_s);
    for _ in 0..STEPS_MAX {
        if time_s >= end_s {
            return Ok(state);
        }
        let last = time_s + length_s >= end_s;
        let tried_s = if last { end_s - time_s } else { length_s };
        let trial = try_step(derivative, time_s, tried_s, &state, &slope, tolerance);
        if !trial.error.is_finite() {
            return Err(Error::Integration { time_s, reason: "the state left the finite numbers" });
        }
        // Order 5 with the classical controller: the next length aims at an error of 0.9⁵.
        let factor = SAFETY * math::pow(trial.error.max(1e-12), -0.2);
        length_s = (tried_s * factor.clamp(SHRINK_MIN, GROWTH_MAX)).min(tolerance.step_s_max);
        if trial.error > 1.0 {
            continue;
        }
        time_s = if last { end_s } else { time_s + tried_s };
        state = trial.end;
        slope = trial.slope;
        steps.push(trial.step);
        if stop(time_s, &state) {
            return Ok(state);
        }
    }
    Err(Error::Integration { time_s, reason: "too many steps" })
}

struct Trial<const N: usize> {
    end: [f64; N],
    slope: [f64; N],
    error: f64,
    step: Step<N>,
}

/// Weights of the stage slopes; rows are stages 2 to 7, the last of which is the solution itself.
const STAGE: [[f64; 6]; 6] = [
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19_372.0 / 6_561.0, -25_360.0 / 2_187.0, 64_448.0 / 6_561.0, -212.0 / 729.0, 0.0, 0.0],
    [9_017.0 / 3_168.0, -355.0 / 33.0, 46_732.0 / 5_247.0, 49.0 / 176.0, -5_103.0 / 18_656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1_113.0, 125.0 / 192.0, -2_187.0 / 6_784.0, 11.0 / 84.0],
];
/// Times of stages 2 to 7 as fractions of the step.
const NODE: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];
/// Difference of the fifth- and fourth-order weights.
const ERROR: [f64; 7] = [
    71.0 / 57_600.0,
    0.0,
    -71.0 / 16_695.0,
    71.0 / 1_920.0,
    -17_253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];
/// Weights of the continuous output.
const DENSE: [f64; 7] = [
    -12_715_105_075.0 / 11_282_082_432.0,
    0.0,
    87_487_479_700.0 / 32_700_410_799.0,
    -10_690_763_975.0 / 1_880_347_072.0,
    701_980_252_875.0 / 199_316_789_632.0,
    -1_453_857_185.0 / 822_651_844.0,
    69_997_945.0 / 29_380_423.0,
];

fn try_step<const N: usize>(
    derivative: &impl Fn(f64, &[f64; N]) -> [f64; N],
    start_s: f64,
    length_s: f64,
    start: &[f64; N],
    slope: &[f64; N],
    tolerance: &Tolerance<N>,
) -> Trial<N> {
    let mut slopes = [[0.0; N]; 7];
    slopes[0] = *slope;
    let mut end = *start;
    for stage in 0..6 {
        end = std::array::from_fn(|i| {
            let sum: f64 = (0..=stage).map(|k| STAGE[stage][k] * slopes[k][i]).sum();
            start[i] + length_s * sum
        });
        slopes[stage + 1] = derivative(start_s + NODE[stage] * length_s, &end);
    }
    let weighted = |weights: &[f64; 7], i: usize| {
        length_s * (0..7).map(|k| weights[k] * slopes[k][i]).sum::<f64>()
    };
    let mut sum = 0.0;
    for i in 0..N {
        let scale = tolerance.absolute[i]
            + tolerance.relative * math::sqrt((start[i] * start[i]).max(end[i] * end[i]));
        let ratio = weighted(&ERROR, i) / scale;
        sum += ratio * ratio;
    }
    let rise: [f64; N] = std::array::from_fn(|i| end[i] - start[i]);
    let bend: [f64; N] = std::array::from_fn(|i| length_s * slopes[0][i] - rise[i]);
    let coefficients = [
        *start,
        rise,
        bend,
        std::array::from_fn(|i| rise[i] - length_s * slopes[6][i] - bend[i]),
        std::array::from_fn(|i| weighted(&DENSE, i)),
    ];
    Trial {
        end,
        slope: slopes[6],
        error: math::sqrt(sum / N as f64),
        step: Step { start_s, length_s, coefficients },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmonic_oscillator_keeps_its_closed_form_between_and_at_steps() {
        let tolerance = Tolerance { relative: 1e-11, absolute: [1e-11; 2], step_s_max: 10.0 };
        let mut steps = Vec::new();
        let end = integrate(
            &|_, y: &[f64; 2]| [y[1], -y[0]],
            0.0,
            20.0,
            [0.0, 1.0],
            &tolerance,
            &|_, _| false,
            &mut steps,
        )
        .unwrap();
        assert!((end[0] - math::sin(20.0)).abs() < 2e-9, "{}", end[0]);
        for step in &steps {
            let middle_s = step.start_s + 0.37 * step.length_s;
            let miss = step.at(middle_s)[0] - math::sin(middle_s);
            assert!(miss.abs() < 2e-9, "{miss} at {middle_s}");
            assert!((step.at(step.end_s())[1] - math::cos(step.end_s())).abs() < 2e-9);
        }
    }

    #[test]
    fn halving_the_step_divides_the_error_by_two_to_the_fifth() {
        let error = |step_s: f64| {
            let loose = Tolerance { relative: 1.0, absolute: [1e3; 2], step_s_max: step_s };
            let (mut time_s, mut state) = (0.0, [0.0, 1.0]);
            while time_s < 4.0 - 1e-9 {
                let slope = [state[1], -state[0]];
                let derivative = |_: f64, y: &[f64; 2]| [y[1], -y[0]];
                state = try_step(&derivative, time_s, step_s, &state, &slope, &loose).end;
                time_s += step_s;
            }
            (state[0] - math::sin(4.0)).abs()
        };
        let ratio = error(0.2) / error(0.1);
        assert!((24.0..48.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_state_that_blows_up_is_an_error() {
        let tolerance = Tolerance { relative: 1e-9, absolute: [1e-9], step_s_max: 1.0 };
        let run = integrate(
            &|_, y: &[f64; 1]| [y[0] * y[0]],
            0.0,
            2.0,
            [1.0],
            &tolerance,
            &|_, _| false,
            &mut Vec::new(),
        );
        assert!(matches!(run, Err(Error::Integration { .. })));
    }
}
