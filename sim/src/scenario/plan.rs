//! From what was announced about a flight to a flight that does it.
//!
//! Unknowns: azimuth, tilt, cut-off and, where a flight time was announced to the second, the pace
//! of the boost. Conditions: ground bearing, apogee, range and that time. Damped Newton steps with a
//! Jacobian from differences, started from the best point of a coarse grid. Aiming happens in the
//! turning frame: the azimuth that is found differs from the ground bearing by what the Earth's
//! turning does to the flight.

use std::f64::consts::TAU;

use base::{Degrees, Geodetic, Radians, Seconds, math};

use super::Error;
use super::earth::{Environment, geodesic_between};
use super::flight::{COARSE, FINE, Guidance, Shot, Trajectory, fly};
use super::integrator::Tolerance;
use super::vehicle::Vehicle;

/// What a flight must reproduce.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightPlan {
    /// Launch place.
    pub site: Geodetic,
    /// What flies.
    pub vehicle: Vehicle,
    /// First bearing of the ground line from launch to impact.
    pub bearing: Degrees,
    /// Highest point above the ellipsoid, km.
    pub apogee_km: f64,
    /// Launch to impact along the ground, km.
    pub range_km: f64,
    /// Launch to impact, where it was announced.
    pub flight_time: Option<Seconds>,
}

/// What a solved flight leaves unexplained: relative for apogee and range, absolute for the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residuals {
    /// (flown - published) / published.
    pub apogee: f64,
    /// (flown - published) / published.
    pub range: f64,
    /// Flown - published, degrees.
    pub bearing_deg: f64,
    /// Flown - published, seconds; nothing where none was published.
    pub flight_time_s: Option<f64>,
}

/// A flight that fulfils a plan.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The boost that was found.
    pub guidance: Guidance,
    /// The flight.
    pub trajectory: Trajectory,
    /// How well it fits.
    pub residuals: Residuals,
}

/// Burn times may be stretched or pressed this far from the class's own.
const PACE_MIN: f64 = 0.7;
const PACE_MAX: f64 = 1.4;

impl FlightPlan {
    /// The same plan re-aimed so that the ground line ends at `target`.
    #[must_use]
    pub fn aimed_at(mut self, target: &Geodetic) -> Self {
        let line = geodesic_between(&self.site, target);
        self.bearing = line.bearing;
        self.range_km = line.distance.0 / 1_000.0;
        self
    }

    /// Finds the boost. An apogee, range and time no boost of the class reaches is
    /// [`Error::Unreachable`]; a time that only an unlikely boost would give is left as a residual.
    pub fn solve(&self) -> Result<Solution, Error> {
        let mut guess = self.search()?;
        guess = self.newton(guess, &COARSE, 3, 1e-5)?;
        if self.flight_time.is_some() {
            let timed = self.newton(guess, &COARSE, 4, 1e-5)?;
            guess = timed;
            if timed.pace <= PACE_MIN || timed.pace >= PACE_MAX {
                guess = self.newton(timed, &COARSE, 3, 1e-5)?;
            } else {
                guess = self.newton(guess, &FINE, 4, 1e-9)?;
            }
        }
        guess = self.newton(guess, &FINE, 3, 1e-9)?;
        let trajectory = fly(&self.shot(guess), Environment::Full, &FINE)?;
        let residuals = self.residuals(&trajectory);
        Ok(Solution { guidance: guess, trajectory, residuals })
    }

    fn shot(&self, guidance: Guidance) -> Shot {
        Shot { site: self.site, vehicle: self.vehicle, guidance }
    }

    fn residuals(&self, flown: &Trajectory) -> Residuals {
        let off_rad = Radians::from(Degrees(flown.ground.bearing.0 - self.bearing.0)).0;
        Residuals {
            apogee: flown.apogee_m / (self.apogee_km * 1_000.0) - 1.0,
            range: flown.ground.distance.0 / (self.range_km * 1_000.0) - 1.0,
            bearing_deg: Degrees::from(Radians(math::wrap_pi(off_rad))).0,
            flight_time_s: self.flight_time.map(|time| flown.flight_s - time.0),
        }
    }

    /// Residuals as one dimensionless vector, in the order of the unknowns of [`Self::newton`].
    fn misses(&self, guidance: Guidance, tolerance: &Tolerance<6>) -> Result<[f64; 4], Error> {
        let flown = fly(&self.shot(guidance), Environment::Full, tolerance)?;
        let residuals = self.residuals(&flown);
        let time = match (residuals.flight_time_s, self.flight_time) {
            (Some(off_s), Some(published)) => off_s / published.0,
            _ => 0.0,
        };
        Ok([residuals.apogee, residuals.range, residuals.bearing_deg * TAU / 360.0, time])
    }

    /// The grid point that comes nearest in apogee and range (by ratio).
    fn search(&self) -> Result<Guidance, Error> {
        let azimuth = Radians::from(self.bearing);
        let mut best: Option<(f64, Guidance)> = None;
        for tilt_step in 0..14_u32 {
            for share_step in 0..20_u32 {
                let guidance = Guidance {
                    azimuth,
                    tilt: Radians(0.01 + 0.08 * f64::from(tilt_step)),
                    cutoff_share: 1.0 - 0.04 * f64::from(share_step),
                    pace: 1.0,
                };
                // Points that escape or fall back at once are no candidates.
                let Ok(flown) = fly(&self.shot(guidance), Environment::Full, &COARSE) else {
                    continue;
                };
                let apogee = math::ln(flown.apogee_m.max(1.0) / (self.apogee_km * 1_000.0));
                let range = math::ln(flown.ground.distance.0.max(1.0) / (self.range_km * 1_000.0));
                let miss = apogee * apogee + 0.25 * range * range;
                if best.is_none_or(|(least, _)| miss < least) {
                    best = Some((miss, guidance));
                }
            }
        }
        best.map(|(_, guidance)| guidance).ok_or(self.unreachable(f64::INFINITY))
    }

    /// Newton steps on the first `unknowns` of (cut-off, tilt, azimuth, pace) until every miss is
    /// below `goal`, or, with the pace clamped at an end, until the pace stays there.
    fn newton(
        &self,
        start: Guidance,
        tolerance: &Tolerance<6>,
        unknowns: usize,
        goal: f64,
    ) -> Result<Guidance, Error> {
        const ITERATIONS_MAX: usize = 40;
        const NUDGE: [f64; 4] = [1e-4, 1e-4, 1e-3, 1e-3];
        const STRIDE_MAX: [f64; 4] = [0.04, 0.05, 0.3, 0.08];
        let mut guidance = start;
        let mut worst = f64::INFINITY;
        for _ in 0..ITERATIONS_MAX {
            let miss = self.misses(guidance, tolerance)?;
            worst = miss[..unknowns].iter().fold(0.0, |w: f64, m| w.max(m.abs()));
            let clamped = unknowns == 4 && (guidance.pace <= PACE_MIN || guidance.pace >= PACE_MAX);
            if worst < goal || clamped {
                return Ok(guidance);
            }
            let mut matrix = [[0.0; 5]; 4];
            for column in 0..unknowns {
                let nudge = NUDGE[column];
                let nudged = self.misses(moved(guidance, column, nudge), tolerance)?;
                for row in 0..unknowns {
                    matrix[row][column] = (nudged[row] - miss[row]) / nudge;
                }
            }
            for row in 0..unknowns {
                matrix[row][4] = -miss[row];
            }
            let step = solve_linear(matrix, unknowns).ok_or(self.unreachable(worst))?;
            let shrink = (0..unknowns)
                .map(|i| STRIDE_MAX[i] / step[i].abs().max(1e-300))
                .fold(1.0, f64::min);
            for (column, stride) in step.iter().enumerate().take(unknowns) {
                guidance = moved(guidance, column, shrink * stride);
            }
            guidance = clamped_to_sense(guidance);
        }
        Err(self.unreachable(worst))
    }

    fn unreachable(&self, miss: f64) -> Error {
        Error::Unreachable {
            vehicle: self.vehicle.name,
            apogee_km: self.apogee_km,
            range_km: self.range_km,
            miss,
        }
    }
}

/// One unknown moved: 0 cut-off, 1 tilt, 2 azimuth, 3 pace.
fn moved(mut guidance: Guidance, unknown: usize, by: f64) -> Guidance {
    match unknown {
        0 => guidance.cutoff_share += by,
        1 => guidance.tilt.0 += by,
        2 => guidance.azimuth.0 += by,
        _ => guidance.pace += by,
    }
    guidance
}

fn clamped_to_sense(guidance: Guidance) -> Guidance {
    Guidance {
        azimuth: guidance.azimuth,
        tilt: Radians(guidance.tilt.0.clamp(0.002, 1.5)),
        cutoff_share: guidance.cutoff_share.clamp(0.05, 1.0),
        pace: guidance.pace.clamp(PACE_MIN, PACE_MAX),
    }
}

/// Gauss-Jordan elimination with column pivots on an augmented matrix (right side in column 4).
fn solve_linear(mut matrix: [[f64; 5]; 4], unknowns: usize) -> Option<[f64; 4]> {
    for pivot in 0..unknowns {
        let best = (pivot..unknowns)
            .max_by(|&a, &b| matrix[a][pivot].abs().total_cmp(&matrix[b][pivot].abs()))?;
        matrix.swap(pivot, best);
        let lead = matrix[pivot][pivot];
        if !lead.is_finite() || lead.abs() < 1e-14 {
            return None;
        }
        let divided = matrix[pivot].map(|value| value / lead);
        matrix[pivot] = divided;
        for row in (0..unknowns).filter(|&row| row != pivot) {
            let factor = matrix[row][pivot];
            matrix[row] = std::array::from_fn(|i| matrix[row][i] - factor * divided[i]);
        }
    }
    Some(std::array::from_fn(|i| if i < unknowns { matrix[i][4] } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_systems_solve_and_singular_ones_are_refused() {
        let solved = solve_linear(
            [
                [0.0, 2.0, 0.0, 0.0, 4.0],
                [3.0, 0.0, 1.0, 0.0, 5.0],
                [0.0, 0.0, 4.0, 0.0, 8.0],
                [0.0; 5],
            ],
            3,
        )
        .unwrap();
        assert_eq!(solved.map(f64::to_bits), [1.0, 2.0, 2.0, 0.0].map(f64::to_bits));
        assert!(solve_linear([[1.0; 5]; 4], 2).is_none());
    }
}
