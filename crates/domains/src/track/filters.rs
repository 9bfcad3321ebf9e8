//! Gaussian estimates and the three ways a thing may move: cruising, boosted, falling.
//!
//! All states are ECEF, position first, then velocity. Prediction is by each model's own physics,
//! the update is the extended Kalman filter's in Joseph form, one scalar row after another (the rows
//! of an observation are independent). Bar-Shalom, Li, Kirubarajan, *Estimation with Applications to
//! Tracking and Navigation*, sections 5.2 and 10.3.

use base::math;
use serde::Serialize;

use super::matrix::{Matrix, Vector3, dot, norm, outer, scaled, serialize_array};
use super::motion::{Force, Moving, drag, free_fall, gradients, height_m};
use super::observation::Linear;

/// Acceleration noise of a cruising aircraft, m²/s³: a standard-rate turn stays in the gate.
const CRUISE_NOISE_LEVEL: f64 = 6.0;
const CRUISE_NOISE_UP: f64 = 1.5;
/// Jerk noise of a rocket under thrust, m²/s⁵: staging drops several g between two scans.
const BOOST_JERK_NOISE: f64 = 15.0;
/// Acceleration noise of free fall, m²/s³: gravity beyond J2 over a whole flight.
const FALL_NOISE: f64 = 2e-6;
/// Relative error of the drag model, correlated over [`DRAG_ERROR_S`]: it changes with Mach number.
const DRAG_ERROR: f64 = 0.10;
const DRAG_ERROR_S: f64 = 2.0;
/// Drift of the logarithm of the ballistic coefficient, 1/s, where there is drag.
const BALLISTIC_DRIFT: f64 = 2e-4;
/// While a body climbs, and below this drag (m/s²), what was learnt of the ballistic coefficient is
/// forgotten over [`BALLISTIC_MEMORY_S`]: a last breath of thrust looks like little drag, and warheads
/// part from their rockets.
const DRAG_SEEN_MPS2: f64 = 1e-3;
const BALLISTIC_MEMORY_S: f64 = 5.0;
/// Longest covariance step, seconds.
const FALL_STEP_S_MAX: f64 = 6.0;

/// A Gaussian over an ECEF state whose first six elements are position and velocity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Gaussian<const N: usize> {
    #[serde(serialize_with = "serialize_array")]
    pub(super) mean: [f64; N],
    pub(super) covariance: Matrix<N, N>,
}

/// How an observation fits a prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// Normalised innovation squared.
    pub(super) distance2: f64,
    /// ln det of the innovation covariance.
    pub(super) log_det: f64,
    /// ln of the product of the measurement's own variances.
    pub(super) log_noise: f64,
    /// Degrees of freedom.
    pub(super) freedom: usize,
}

impl Fit {
    /// ln of the density at the observation relative to the measurement's own peak density: 0 at
    /// best, the lower the wider the prediction and the further off the plot.
    pub(super) fn sharpness(&self) -> f64 {
        -0.5 * (self.distance2 + self.log_det - self.log_noise)
    }

    /// ln of the Gaussian density at the observation.
    pub(super) fn log_likelihood(&self) -> f64 {
        const LN_TAU: f64 = 1.837_877_066_409_345_3;
        -0.5 * (self.distance2 + self.log_det + self.freedom as f64 * LN_TAU)
    }
}

impl<const N: usize> Gaussian<N> {
    pub(super) fn position(&self) -> Vector3 {
        [self.mean[0], self.mean[1], self.mean[2]]
    }

    pub(super) fn velocity(&self) -> Vector3 {
        [self.mean[3], self.mean[4], self.mean[5]]
    }

    pub(super) fn moving(&self) -> Moving {
        Moving { position: self.position(), velocity: self.velocity() }
    }

    /// Root of the summed variances of three elements from `first`.
    pub(super) fn sigma(&self, first: usize) -> f64 {
        let variance: f64 = (first..first + 3).map(|i| self.covariance.0[i][i]).sum();
        math::sqrt(variance.max(0.0))
    }

    /// Standard deviation of position (`first` 0) or velocity (3) along the unit vector `axis`.
    pub(super) fn sigma_along(&self, first: usize, axis: &Vector3) -> f64 {
        let block: Matrix<3, 3> = self.block(first, first);
        math::sqrt(dot(axis, &block.apply(axis)).max(0.0))
    }

    pub(super) fn block<const A: usize, const B: usize>(
        &self,
        row: usize,
        column: usize,
    ) -> Matrix<A, B> {
        Matrix(std::array::from_fn(|i| {
            std::array::from_fn(|j| self.covariance.0[row + i][column + j])
        }))
    }

    /// How `linear`, made at this mean's position, fits; `widen` is extra variance of the position in
    /// every direction, m² (room for manoeuvre in gates). `None` if numbers ran away.
    pub(super) fn fit(&self, linear: &Linear, widen: f64) -> Option<Fit> {
        let mut position: Matrix<3, 3> = self.block(0, 0);
        position.add_block(0, 0, &Matrix::<3, 3>::identity(), widen);
        let mut innovation = Matrix(linear.gradients).congruence(&position);
        for i in 0..3 {
            innovation.0[i][i] += linear.variances[i];
        }
        let lower = innovation.cholesky()?;
        let white = lower.solve_lower(&linear.residuals);
        let log_det = 2.0 * (0..linear.rows).map(|i| math::ln(lower.0[i][i])).sum::<f64>();
        let distance2 = dot(&white, &white);
        (distance2.is_finite() && log_det.is_finite()).then_some(Fit {
            distance2,
            log_det,
            log_noise: (0..linear.rows).map(|i| math::ln(linear.variances[i])).sum(),
            freedom: linear.rows,
        })
    }

    /// The update with `linear`, made at this mean's position.
    pub(super) fn update(&mut self, linear: &Linear) {
        let start = self.position();
        for row in 0..linear.rows {
            let gradient = linear.gradients[row];
            let variance = linear.variances[row];
            let moved = std::array::from_fn(|i| self.mean[i] - start[i]);
            let residual = linear.residuals[row] - dot(&gradient, &moved);
            self.update_row(&gradient, residual, variance);
        }
        self.covariance = self.covariance.symmetric();
    }

    fn update_row(&mut self, gradient: &Vector3, residual: f64, variance: f64) {
        let spread = |matrix: &Matrix<N, N>| -> [f64; N] {
            std::array::from_fn(|i| {
                matrix.0[i][0] * gradient[0]
                    + matrix.0[i][1] * gradient[1]
                    + matrix.0[i][2] * gradient[2]
            })
        };
        let cross = spread(&self.covariance);
        let innovation =
            gradient[0] * cross[0] + gradient[1] * cross[1] + gradient[2] * cross[2] + variance;
        let gain: [f64; N] = std::array::from_fn(|i| cross[i] / innovation);
        for (mean, gain) in self.mean.iter_mut().zip(&gain) {
            *mean += gain * residual;
        }
        // Joseph: (I - K h) P (I - K h)ᵀ + K r Kᵀ, as two rank-one steps.
        let mut left = self.covariance;
        for (row, gain) in left.0.iter_mut().zip(&gain) {
            for (element, cross) in row.iter_mut().zip(&cross) {
                *element -= gain * cross;
            }
        }
        let right = spread(&left);
        for ((row, own), right) in left.0.iter_mut().zip(&gain).zip(&right) {
            for (element, gain) in row.iter_mut().zip(&gain) {
                *element += (variance * own - right) * gain;
            }
        }
        self.covariance = left;
    }

    pub(super) fn is_sound(&self) -> bool {
        self.mean.iter().all(|value| value.is_finite())
            && self.covariance.is_finite()
            && (0..N).all(|i| self.covariance.0[i][i] > 0.0)
    }
}

/// Position and velocity, nearly constant velocity.
pub(super) type Cruise = Gaussian<6>;
/// Position, velocity and non-gravitational acceleration, which wanders.
pub(super) type Boost = Gaussian<9>;
/// Position, velocity and the logarithm of the ballistic coefficient in kg/m².
pub(super) type Fall = Gaussian<7>;

impl Cruise {
    /// The estimate `duration_s` later.
    pub(super) fn predicted(&self, duration_s: f64) -> Self {
        let mut next = *self;
        let mut transition = Matrix::identity();
        for i in 0..3 {
            next.mean[i] += duration_s * self.mean[i + 3];
            transition.0[i][i + 3] = duration_s;
        }
        next.covariance = transition.congruence(&self.covariance);
        let up = scaled(&next.position(), 1.0 / norm(&next.position()).max(1.0));
        let mut noise = Matrix::<3, 3>::identity();
        noise.add_block(0, 0, &Matrix::<3, 3>::identity(), CRUISE_NOISE_LEVEL - 1.0);
        noise.add_block(0, 0, &outer(&up, &up), CRUISE_NOISE_UP - CRUISE_NOISE_LEVEL);
        add_acceleration_noise(&mut next.covariance, &noise, duration_s.abs());
        next
    }
}

impl Boost {
    /// The estimate `duration_s` later.
    pub(super) fn predicted(&self, duration_s: f64) -> Self {
        const STEP_S_MAX: f64 = 5.0;
        let count = (duration_s.abs() / STEP_S_MAX).ceil().clamp(1.0, 200.0);
        let mut next = *self;
        let mut done = 0.0;
        while done < count {
            next = next.stepped(duration_s / count);
            done += 1.0;
        }
        next
    }

    /// The non-gravitational acceleration, m/s².
    pub(super) fn thrust(&self) -> Vector3 {
        [self.mean[6], self.mean[7], self.mean[8]]
    }

    fn stepped(&self, step_s: f64) -> Self {
        let thrust = self.thrust();
        let moved = self.moving().rk4(step_s, Force::Thrust(thrust));
        let (by_position, by_velocity) = gradients(&self.position(), &self.velocity(), Force::None);
        let mut rate = Matrix::<9, 9>::ZERO;
        rate.add_block(0, 3, &Matrix::<3, 3>::identity(), 1.0);
        rate.add_block(3, 0, &by_position, 1.0);
        rate.add_block(3, 3, &by_velocity, 1.0);
        rate.add_block(3, 6, &Matrix::<3, 3>::identity(), 1.0);
        let mut next = self.carried(&transition(&rate, step_s), &moved);
        let t = step_s.abs();
        let (t2, t3) = (t * t, t * t * t);
        for i in 0..3 {
            let noise = [
                (i, i, t2 * t3 / 20.0),
                (i, i + 3, t2 * t2 / 8.0),
                (i, i + 6, t3 / 6.0),
                (i + 3, i + 3, t3 / 3.0),
                (i + 3, i + 6, t2 / 2.0),
                (i + 6, i + 6, t),
            ];
            for (row, column, factor) in noise {
                next.covariance.0[row][column] += BOOST_JERK_NOISE * factor;
                if row != column {
                    next.covariance.0[column][row] += BOOST_JERK_NOISE * factor;
                }
            }
        }
        next
    }
}

impl Fall {
    /// Where the estimate of ln(β / (kg/m²)) stands in the state.
    pub(super) const LN_BALLISTIC: usize = 6;
    /// What is believed of ln β before any drag was seen: 5,000 kg/m², a factor of 2.2 either way
    /// (a spent stage is a tenth of that).
    pub(super) const LN_BALLISTIC_MEAN: f64 = 8.517_193_191_416_238;
    pub(super) const LN_BALLISTIC_SIGMA: f64 = 0.8;

    /// Starts from a position and velocity estimate.
    pub(super) fn from_moving<const N: usize>(estimate: &Gaussian<N>) -> Self {
        let mut covariance = Matrix::ZERO;
        covariance.add_block(0, 0, &estimate.block::<6, 6>(0, 0), 1.0);
        covariance.0[6][6] = Self::LN_BALLISTIC_SIGMA * Self::LN_BALLISTIC_SIGMA;
        let mut mean = [Self::LN_BALLISTIC_MEAN; 7];
        mean[..6].copy_from_slice(&estimate.mean[..6]);
        Self { mean, covariance }
    }

    /// Drag as the estimate has it.
    pub(super) fn force(&self) -> Force {
        // Between a feather and a solid rod; a wild estimate must not blow up the integrator.
        Force::Drag(math::exp(-self.mean[Self::LN_BALLISTIC].clamp(4.0, 12.0)))
    }

    /// Lets ln β return to what is believed before any drag was seen (an Ornstein-Uhlenbeck process
    /// whose long-term spread is the prior's).
    fn forget_drag(&mut self, time_s: f64) {
        let kept = math::exp(-time_s / BALLISTIC_MEMORY_S);
        let last = Self::LN_BALLISTIC;
        self.mean[last] =
            Self::LN_BALLISTIC_MEAN + kept * (self.mean[last] - Self::LN_BALLISTIC_MEAN);
        for i in 0..7 {
            self.covariance.0[last][i] *= kept;
            self.covariance.0[i][last] *= kept;
        }
        self.covariance.0[last][last] +=
            (1.0 - kept * kept) * Self::LN_BALLISTIC_SIGMA * Self::LN_BALLISTIC_SIGMA;
    }

    /// Keeps ln β where bodies are: with hardly any drag a wild value would never come back.
    pub(super) fn bound_drag(&mut self) {
        self.mean[Self::LN_BALLISTIC] = self.mean[Self::LN_BALLISTIC].clamp(5.5, 10.3);
    }

    /// The estimate `duration_s` later.
    pub(super) fn predicted(&self, duration_s: f64) -> Self {
        const STEPS_MAX: u32 = 4_000;
        let mut next = *self;
        let mut left_s = duration_s;
        for _ in 0..STEPS_MAX {
            let step_s = next.moving().step_s().min(FALL_STEP_S_MAX);
            if left_s.abs() <= step_s {
                break;
            }
            next = next.stepped(if left_s < 0.0 { -step_s } else { step_s });
            left_s -= if left_s < 0.0 { -step_s } else { step_s };
        }
        if left_s == 0.0 { next } else { next.stepped(left_s) }
    }

    fn stepped(&self, step_s: f64) -> Self {
        let force = self.force();
        let moved = self.moving().rk4(step_s, force);
        let (by_position, by_velocity) = gradients(&self.position(), &self.velocity(), force);
        let Force::Drag(inverse_m2pkg) = force else { unreachable!("falling has drag only") };
        let pull = drag(&self.position(), &self.velocity(), inverse_m2pkg);
        let mut rate = Matrix::<7, 7>::ZERO;
        rate.add_block(0, 3, &Matrix::<3, 3>::identity(), 1.0);
        rate.add_block(3, 0, &by_position, 1.0);
        rate.add_block(3, 3, &by_velocity, 1.0);
        for (i, pull) in pull.iter().enumerate() {
            rate.0[3 + i][6] = -pull;
        }
        let mut next = self.carried(&transition(&rate, step_s), &moved);
        let mut noise = Matrix::<3, 3>::diagonal(&[FALL_NOISE; 3]);
        let pull_mps2 = norm(&pull);
        if pull_mps2 > 0.0 {
            let side = DRAG_ERROR * DRAG_ERROR * DRAG_ERROR_S;
            // A tenth of the pull along the path, a thirtieth across it (lift of a body that sways).
            noise.add_block(0, 0, &outer(&pull, &pull), side);
            noise.add_block(0, 0, &Matrix::<3, 3>::identity(), side * pull_mps2 * pull_mps2 / 9.0);
            next.covariance.0[6][6] += BALLISTIC_DRIFT * step_s.abs();
        }
        if pull_mps2 < DRAG_SEEN_MPS2 || moved.radial_speed_mps() > 0.0 {
            next.forget_drag(step_s.abs());
        }
        add_acceleration_noise(&mut next.covariance, &noise, step_s.abs());
        next
    }
}

impl<const N: usize> Gaussian<N> {
    /// The covariance carried by `transition`, the mean moved to `moved`.
    fn carried(&self, transition: &Matrix<N, N>, moved: &Moving) -> Self {
        let mut mean = self.mean;
        mean[..3].copy_from_slice(&moved.position);
        mean[3..6].copy_from_slice(&moved.velocity);
        Self { mean, covariance: transition.congruence(&self.covariance) }
    }
}

/// I + A t + ½ A² t².
fn transition<const N: usize>(rate: &Matrix<N, N>, step_s: f64) -> Matrix<N, N> {
    let mut transition = Matrix::identity();
    transition.add_block(0, 0, rate, step_s);
    transition.add_block(0, 0, &rate.times(rate), 0.5 * step_s * step_s);
    transition
}

/// Adds white acceleration noise of density `noise` (m²/s³) over `time_s`.
fn add_acceleration_noise<const N: usize>(
    covariance: &mut Matrix<N, N>,
    noise: &Matrix<3, 3>,
    time_s: f64,
) {
    let time2 = time_s * time_s;
    covariance.add_block(0, 0, noise, time2 * time_s / 3.0);
    covariance.add_block(0, 3, noise, time2 / 2.0);
    covariance.add_block(3, 0, noise, time2 / 2.0);
    covariance.add_block(3, 3, noise, time_s);
}

/// Above this height (metres) or speed (m/s) no aircraft flies.
const AIRCRAFT_HEIGHT_M_MAX: f64 = 30_000.0;
const AIRCRAFT_SPEED_MPS_MAX: f64 = 1_200.0;
/// Vertical certainty without which nothing is called too high or too fast, metres.
const HEIGHT_SIGMA_M_MAX: f64 = 5_000.0;

/// Whether an estimate is higher or faster than aircraft fly, with three sigma to spare.
pub(super) fn beyond_aircraft(estimate: &Gaussian<6>) -> bool {
    let position = estimate.position();
    let up = scaled(&position, 1.0 / norm(&position).max(1.0));
    let height_sigma_m = estimate.sigma_along(0, &up);
    let high = height_m(&position) - 3.0 * height_sigma_m > AIRCRAFT_HEIGHT_M_MAX;
    let fast = norm(&estimate.velocity()) - 3.0 * estimate.sigma(3) > AIRCRAFT_SPEED_MPS_MAX;
    (high || fast) && height_sigma_m < HEIGHT_SIGMA_M_MAX
}

/// Above this height (metres) a first plot is believed to be of something fast.
const SPACE_M: f64 = 30_000.0;

/// Speed prior of a first plot, one sigma in each direction, m/s.
fn speed_sigma_mps(height_m: f64) -> f64 {
    if height_m > SPACE_M { 3_000.0 } else { 350.0 }
}

/// A cruising estimate from one place.
pub(super) fn cruise_seed(position: &Vector3, covariance: &Matrix<3, 3>) -> Cruise {
    seed(position, covariance)
}

/// A boosted estimate from one place: below [`SPACE_M`] carried against gravity, above it free.
pub(super) fn boost_seed(position: &Vector3, covariance: &Matrix<3, 3>) -> Boost {
    let mut boost: Boost = seed(position, covariance);
    boost.set_thrust(height_m(position) > SPACE_M);
    boost
}

/// A boosted estimate that takes over from another model.
pub(super) fn boost_from<const N: usize>(estimate: &Gaussian<N>) -> Boost {
    let mut covariance = Matrix::ZERO;
    covariance.add_block(0, 0, &estimate.block::<6, 6>(0, 0), 1.0);
    let mut mean = [0.0; 9];
    mean[..6].copy_from_slice(&estimate.mean[..6]);
    let mut boost = Boost { mean, covariance };
    boost.set_thrust(height_m(&estimate.position()) > SPACE_M);
    boost
}

impl Boost {
    fn set_thrust(&mut self, free: bool) {
        const SIGMA_MPS2: f64 = 20.0;
        let held = free_fall(&self.position(), &self.velocity());
        for (i, held) in held.iter().enumerate() {
            self.mean[6 + i] = if free { 0.0 } else { -held };
            self.covariance.0[6 + i][6 + i] = SIGMA_MPS2 * SIGMA_MPS2;
        }
    }
}

fn seed<const N: usize>(position: &Vector3, covariance: &Matrix<3, 3>) -> Gaussian<N> {
    let sigma_mps = speed_sigma_mps(height_m(position));
    let mut seeded = Gaussian { mean: [0.0; N], covariance: Matrix::ZERO };
    seeded.mean[..3].copy_from_slice(position);
    seeded.covariance.add_block(0, 0, covariance, 1.0);
    for i in 3..6 {
        seeded.covariance.0[i][i] = sigma_mps * sigma_mps;
    }
    seeded
}

#[cfg(test)]
pub(super) mod tests;
