//! What a plot says about a position: rows of independent scalar measurements.

use base::{Degrees, Geodetic, LocalFrame, Metres, Position, Radians, Timestamp, math};

use super::events::{AsterixReport, Plot, PlotReport, Scan, SensorInfo};
use super::identity::Identity;
use super::matrix::{Matrix, Vector3, dot, norm, outer, scaled};
use super::motion::height_m;

/// Pressure altitude against height above the ellipsoid, one sigma, metres.
const FLIGHT_LEVEL_SIGMA_M: f64 = 150.0;
/// Height of a 3D ASTERIX radar, one sigma, metres.
const HEIGHT_SIGMA_M: f64 = 400.0;
/// What is believed of a target without any height: metres, one sigma.
const HEIGHT_GUESS_M: f64 = 6_000.0;
const HEIGHT_GUESS_SIGMA_M: f64 = 5_000.0;
/// No first position is believed better known than needed for a stable inverse, metres.
const PRIOR_SIGMA_M: f64 = 100_000.0;
/// How often that prior is narrowed tenfold before a plot is taken as telling next to nothing.
const PRIOR_TRIES: u32 = 5;

/// One plot, ready for the filters.
#[derive(Debug, Clone)]
pub(super) struct Observation {
    /// When it was measured.
    pub(super) at: Timestamp,
    /// The plot's place in its scan.
    pub(super) plot: u32,
    /// The likeliest position, ECEF metres.
    pub(super) position: Vector3,
    /// Root of the summed variances of that position, metres.
    pub(super) sigma_m: f64,
    /// ln of the volume its errors fill, ln m³.
    pub(super) log_volume: f64,
    /// Who it says it is.
    pub(super) identity: Identity,
    measurement: Measurement,
}

#[derive(Debug, Clone)]
enum Measurement {
    /// Range, azimuth, elevation; metres and radians.
    Polar { frame: LocalFrame, values: [f64; 3], variances: [f64; 3] },
    /// Range, azimuth and, if measured, height.
    Flat { frame: LocalFrame, values: [f64; 2], variances: [f64; 2], height: Option<(f64, f64)> },
    /// A place with equal variance all round.
    Place { place: Vector3, variance: f64 },
}

/// An observation linearised at a position: residual = measured − predicted, gradient of the
/// prediction by position, variance; three rows, of which the first `rows` count (the others have
/// residual 0, gradient 0, variance 1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    pub(super) rows: usize,
    pub(super) residuals: [f64; 3],
    pub(super) gradients: [Vector3; 3],
    pub(super) variances: [f64; 3],
}

impl Observation {
    /// The observations of a scan, in the order of its plots; of plots that say exactly the same
    /// (a feed that came over two networks) only the first.
    pub(super) fn of_scan(scan: &Scan) -> Vec<Self> {
        let sensor = &scan.report().sensor;
        let frame = sensor.position.as_ref().map(LocalFrame::at);
        let plots = &scan.report().plots;
        let numbered = (0_u32..).zip(plots).zip(repeated(plots));
        numbered
            .filter(|(_, repeated)| !repeated)
            .map(|((index, plot), _)| Self::new(sensor, frame.as_ref(), scan, index, plot))
            .collect()
    }

    fn new(
        sensor: &SensorInfo,
        frame: Option<&LocalFrame>,
        scan: &Scan,
        index: u32,
        plot: &Plot,
    ) -> Self {
        let site = || *frame.expect("a scan of a radar without a site is refused when decoded");
        let (measurement, identity) = match &plot.report {
            PlotReport::Radar { range_m, azimuth_deg, elevation_deg, sigmas } => {
                let [range_sigma_m, azimuth_sigma_deg, elevation_sigma_deg] = sigmas.map_or(
                    [sensor.sigma_range_m, sensor.sigma_azimuth_deg, sensor.sigma_elevation_deg],
                    |sigmas| [sigmas.range_m, sigmas.azimuth_deg, sigmas.elevation_deg],
                );
                let measurement = Measurement::Polar {
                    frame: site(),
                    values: [*range_m, radians(*azimuth_deg), radians(*elevation_deg)],
                    variances: [
                        square(range_sigma_m),
                        square(radians(azimuth_sigma_deg)),
                        square(radians(elevation_sigma_deg)),
                    ],
                };
                (measurement, Identity::default())
            }
            PlotReport::Geodetic { lat_deg, lon_deg, height_m, sigma_m } => {
                let place = Geodetic::new(Degrees(*lat_deg), Degrees(*lon_deg), Metres(*height_m))
                    .expect("a place out of range is refused when decoded");
                let place = place.to_ecef().xyz;
                (Measurement::Place { place, variance: square(*sigma_m) }, Identity::default())
            }
            PlotReport::Asterix(report) => {
                (flat(sensor, site(), report), Identity::of_asterix(report))
            }
        };
        let position = measurement.likeliest();
        let at = scan.measured_at(plot);
        let mut observation = Self {
            at,
            plot: index,
            position,
            sigma_m: 0.0,
            log_volume: 0.0,
            identity,
            measurement,
        };
        let covariance = observation.covariance();
        let trace: f64 = (0..3).map(|i| covariance.0[i][i]).sum();
        observation.sigma_m = math::sqrt(trace);
        let widest = 1.5 * math::ln(std::f64::consts::TAU * trace);
        observation.log_volume = covariance.cholesky().map_or(widest, |lower| {
            let log_det: f64 = (0..3).map(|i| math::ln(lower.0[i][i])).sum();
            1.5 * math::ln(std::f64::consts::TAU) + log_det
        });
        observation
    }

    /// Linearised at `position`.
    pub(super) fn linear(&self, position: &Vector3) -> Linear {
        match &self.measurement {
            Measurement::Polar { frame, values, variances } => {
                let (predicted, gradients) = polar_rows(frame, position);
                Linear {
                    rows: 3,
                    residuals: [
                        values[0] - predicted[0],
                        math::wrap_pi(values[1] - predicted[1]),
                        values[2] - predicted[2],
                    ],
                    gradients,
                    variances: *variances,
                }
            }
            Measurement::Flat { frame, values, variances, height } => {
                let (predicted, gradients) = polar_rows(frame, position);
                let (height_residual, up, height_variance) =
                    height.map_or((0.0, [0.0; 3], 1.0), |(measured_m, variance)| {
                        let up = scaled(position, 1.0 / norm(position).max(1.0));
                        (measured_m - height_m(position), up, variance)
                    });
                Linear {
                    rows: if height.is_some() { 3 } else { 2 },
                    residuals: [
                        values[0] - predicted[0],
                        math::wrap_pi(values[1] - predicted[1]),
                        height_residual,
                    ],
                    gradients: [gradients[0], gradients[1], up],
                    variances: [variances[0], variances[1], height_variance],
                }
            }
            Measurement::Place { place, variance } => Linear {
                rows: 3,
                residuals: std::array::from_fn(|i| place[i] - position[i]),
                gradients: Matrix::<3, 3>::identity().0,
                variances: [*variance; 3],
            },
        }
    }

    /// Covariance of [`Observation::position`], m².
    pub(super) fn covariance(&self) -> Matrix<3, 3> {
        let mut linear = self.linear(&self.position);
        if linear.rows == 2 {
            linear.gradients[2] = scaled(&self.position, 1.0 / norm(&self.position).max(1.0));
            linear.variances[2] = square(HEIGHT_GUESS_SIGMA_M);
        }
        let mut measured = Matrix::<3, 3>::ZERO;
        for (gradient, variance) in linear.gradients.iter().zip(linear.variances) {
            measured.add_block(0, 0, &outer(gradient, gradient), 1.0 / variance);
        }
        // Rows that are nearly parallel (overhead) or of wildly different worth need more of a prior.
        let mut prior_m = PRIOR_SIGMA_M;
        for _ in 0..PRIOR_TRIES {
            let mut information = measured;
            let prior = Matrix::<3, 3>::diagonal(&[1.0 / square(prior_m); 3]);
            information.add_block(0, 0, &prior, 1.0);
            if let Some(covariance) = inverse(&information) {
                return covariance;
            }
            prior_m *= 0.1;
        }
        Matrix::diagonal(&[square(PRIOR_SIGMA_M); 3])
    }
}

impl Measurement {
    fn likeliest(&self) -> Vector3 {
        match self {
            Self::Polar { frame, values, .. } => at_polar(frame, *values),
            Self::Flat { frame, values, height, .. } => {
                let height_m = height.map_or(HEIGHT_GUESS_M, |(height_m, _)| height_m);
                at_height(frame, *values, height_m)
            }
            Self::Place { place, .. } => *place,
        }
    }
}

/// Whether each plot says exactly what an earlier one of its scan said.
fn repeated(plots: &[Plot]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..plots.len()).collect();
    // Stable: of equal plots the first stays first.
    order.sort_by(|a, b| {
        let (a, b) = (&plots[*a], &plots[*b]);
        a.offset_ns.cmp(&b.offset_ns).then(reach(a).total_cmp(&reach(b)))
    });
    let mut repeated = vec![false; plots.len()];
    for pair in order.array_windows::<2>() {
        repeated[pair[1]] = plots[pair[0]] == plots[pair[1]];
    }
    repeated
}

/// Any one number of a plot, to sort by.
const fn reach(plot: &Plot) -> f64 {
    match &plot.report {
        PlotReport::Radar { range_m, .. } => *range_m,
        PlotReport::Geodetic { lat_deg, .. } => *lat_deg,
        PlotReport::Asterix(report) => report.rho_m,
    }
}

fn flat(sensor: &SensorInfo, frame: LocalFrame, report: &AsterixReport) -> Measurement {
    let height = match (report.height_m, report.flight_level_m) {
        (_, Some(level_m)) => Some((level_m, square(FLIGHT_LEVEL_SIGMA_M))),
        (Some(height_m), None) => Some((height_m, square(HEIGHT_SIGMA_M))),
        (None, None) => None,
    };
    Measurement::Flat {
        frame,
        values: [report.rho_m, radians(report.theta_deg)],
        variances: [square(sensor.sigma_range_m), square(radians(sensor.sigma_azimuth_deg))],
        height,
    }
}

/// Range, azimuth and elevation of `position`, and their gradients in ECEF.
fn polar_rows(frame: &LocalFrame, position: &Vector3) -> ([f64; 3], [Vector3; 3]) {
    let [east, north, up] = frame.to_enu(&Position::new(*position)).xyz;
    let ground_m = math::hypot(east, north).max(1.0);
    let range2 = ground_m * ground_m + up * up;
    let range_m = math::sqrt(range2);
    let ground2 = ground_m * ground_m;
    let local = [
        [east / range_m, north / range_m, up / range_m],
        [north / ground2, -east / ground2, 0.0],
        [-east * up / (ground_m * range2), -north * up / (ground_m * range2), ground_m / range2],
    ];
    let rows = frame.rows();
    let gradients = local.map(|row| {
        std::array::from_fn(|i| row[0] * rows[0][i] + row[1] * rows[1][i] + row[2] * rows[2][i])
    });
    ([range_m, math::atan2(east, north), math::atan2(up, ground_m)], gradients)
}

fn at_polar(frame: &LocalFrame, [range_m, azimuth, elevation]: [f64; 3]) -> Vector3 {
    let polar = base::Polar {
        range: Metres(range_m),
        azimuth: Radians(azimuth),
        elevation: Radians(elevation),
    };
    frame.to_ecef(&polar.to_enu()).xyz
}

/// The point at slant range and azimuth whose height is `target_m`; overhead if it lies above that.
fn at_height(frame: &LocalFrame, [range_m, azimuth]: [f64; 2], target_m: f64) -> Vector3 {
    let site = frame.origin().xyz;
    let site_radius_m = norm(&site);
    let radius_m = site_radius_m - height_m(&site) + target_m;
    let range_m = range_m.max(1.0);
    let sine = (radius_m * radius_m - site_radius_m * site_radius_m - range_m * range_m)
        / (2.0 * site_radius_m * range_m);
    let mut elevation = math::asin(sine);
    for _ in 0..3 {
        let miss_m = target_m - height_m(&at_polar(frame, [range_m, azimuth, elevation]));
        let lever_m = range_m * math::cos(elevation).max(0.05);
        elevation = (elevation + (miss_m / lever_m).clamp(-0.2, 0.2))
            .clamp(-std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2);
    }
    at_polar(frame, [range_m, azimuth, elevation])
}

/// Inverse of a positive definite matrix.
fn inverse(matrix: &Matrix<3, 3>) -> Option<Matrix<3, 3>> {
    let lower = matrix.cholesky()?;
    let columns: [Vector3; 3] = std::array::from_fn(|j| {
        let mut unit = [0.0; 3];
        unit[j] = 1.0;
        lower.solve_lower(&unit)
    });
    // L⁻ᵀ L⁻¹: columns of L⁻¹ are `columns`.
    let inverse: Matrix<3, 3> =
        Matrix(std::array::from_fn(|i| std::array::from_fn(|j| dot(&columns[i], &columns[j]))));
    inverse.is_finite().then_some(inverse)
}

fn radians(degrees: f64) -> f64 {
    Radians::from(Degrees(degrees)).0
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use base::{PartnerId, TimeDelta};

    use super::*;
    use crate::track::events::{ScanReport, SensorKind};
    use crate::track::matrix::minus;

    fn scan(kind: SensorKind, report: PlotReport) -> Scan {
        Scan::new(ScanReport {
            sensor: SensorInfo {
                id: "S".to_owned(),
                partner: "KOR".parse::<PartnerId>().unwrap(),
                kind,
                position: Some(Geodetic::new(Degrees(36.6), Degrees(127.5), Metres(90.0)).unwrap()),
                sigma_range_m: 50.0,
                sigma_azimuth_deg: 0.1,
                sigma_elevation_deg: 0.1,
                pd: 0.9,
                clutter: 0.0,
                period_s: 5.0,
            },
            scan: 0,
            measured: Timestamp::from_seconds(0),
            plots: vec![Plot { offset_ns: TimeDelta::ZERO, report }],
        })
        .unwrap()
    }

    fn only(scan: &Scan) -> Observation {
        Observation::of_scan(scan).remove(0)
    }

    #[test]
    fn a_polar_plot_fits_its_own_place_and_its_gradients_are_slopes() {
        let report = PlotReport::Radar {
            range_m: 450_000.0,
            azimuth_deg: 350.0,
            elevation_deg: 12.0,
            sigmas: None,
        };
        let observation = only(&scan(SensorKind::Radar, report));
        let here = observation.linear(&observation.position);
        assert!(here.residuals.iter().all(|r| r.abs() < 1e-6), "{:?}", here.residuals);
        for axis in 0..3 {
            let mut ahead = observation.position;
            ahead[axis] += 10.0;
            let there = observation.linear(&ahead);
            for row in 0..3 {
                let slope = (here.residuals[row] - there.residuals[row]) / 10.0;
                let error = (slope - here.gradients[row][axis]).abs();
                assert!(error < 2e-5 * if row == 0 { 1.0 } else { 1e-5 }, "{row} {axis} {error}");
            }
        }
        // 0.1° at 450 km is 785 m, and the range is known to 50 m.
        let covariance = observation.covariance();
        let trace = covariance.0[0][0] + covariance.0[1][1] + covariance.0[2][2];
        assert!((math::sqrt(trace) - 1_098.0).abs() < 30.0, "{}", math::sqrt(trace));
    }

    #[test]
    fn flight_level_gives_height_and_none_gives_a_wide_guess() {
        let report = AsterixReport {
            rho_m: 200_000.0,
            theta_deg: 40.0,
            flight_level_m: Some(10_668.0),
            ..AsterixReport::default()
        };
        let observation = only(&scan(SensorKind::Asterix, PlotReport::Asterix(report.clone())));
        assert!((height_m(&observation.position) - 10_668.0).abs() < 1.0);
        assert_eq!(observation.linear(&observation.position).rows, 3);
        let unknown = AsterixReport { flight_level_m: None, ..report };
        let observation = only(&scan(SensorKind::Asterix, PlotReport::Asterix(unknown)));
        assert_eq!(observation.linear(&observation.position).rows, 2);
        let up = scaled(&observation.position, 1.0 / norm(&observation.position));
        let spread = dot(&up, &observation.covariance().apply(&up));
        assert!((4_500.0..5_100.0).contains(&math::sqrt(spread)), "{}", math::sqrt(spread));
    }

    #[test]
    fn an_aircraft_above_the_radar_is_overhead_not_lost() {
        let report = AsterixReport {
            rho_m: 2_000.0,
            theta_deg: 0.0,
            flight_level_m: Some(9_000.0),
            ..AsterixReport::default()
        };
        let observation = only(&scan(SensorKind::Asterix, PlotReport::Asterix(report)));
        assert!(observation.position.iter().all(|v| v.is_finite()));
        assert!(observation.covariance().is_finite());
    }

    #[test]
    fn a_place_is_a_place() {
        let report = PlotReport::Geodetic {
            lat_deg: 41.0,
            lon_deg: 139.0,
            height_m: 120_000.0,
            sigma_m: 300.0,
        };
        let observation = only(&scan(SensorKind::Geodetic, report));
        let linear = observation.linear(&[0.0; 3]);
        assert!(norm(&minus(&linear.residuals, &observation.position)) < 1e-9);
        assert!((observation.covariance().0[1][1] - 90_000.0).abs() < 1.0);
    }
}
