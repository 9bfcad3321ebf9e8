//! Sensors: what of the truth they see, when, and how wrongly.
//!
//! A look happens at once for the whole coverage (a dwell of a steered beam, or a sector of a turning
//! one). Radar plots are taken as corrected for refraction; what refraction leaves is the horizon,
//! drawn for an Earth of 4/3 radius where the target is inside the lower atmosphere.

use base::{Degrees, Ecef, Geodetic, LocalFrame, Metres, Polar, Position, Radians, Seconds, math};
use base::{TimeDelta, Timestamp, wgs84};
use formats::scenario as file;

use super::Error;
use super::object::{Object, Sight};
use super::random::Dice;

/// A constant error of a sensor that its header does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Bias {
    /// Added to every range, metres.
    pub range_m: f64,
    /// Added to every azimuth, degrees.
    pub azimuth_deg: f64,
    /// Added to every elevation, degrees.
    pub elevation_deg: f64,
}

/// The volume a sensor looks into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Nearest slant range, metres.
    pub range_m_min: f64,
    /// Farthest slant range, metres.
    pub range_m_max: f64,
    /// Middle of the sector, degrees from north.
    pub azimuth_deg: f64,
    /// Half its width, degrees; 180 is all around.
    pub half_width_deg: f64,
    /// Lowest apparent elevation, degrees.
    pub elevation_deg_min: f64,
}

/// What a look yields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reports {
    /// Range, azimuth, elevation with the header's sigmas and a bias nobody is told.
    Polar {
        /// As the header gives them.
        sigmas: file::PolarSigmas,
        /// Unknown to the readers of the file.
        bias: Bias,
    },
    /// Places, each Cartesian coordinate off by `sigma`.
    Places {
        /// Of each coordinate.
        sigma: Metres,
        /// Only what burns is seen (infrared).
        burning_only: bool,
    },
}

/// One sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// As the header of the scenario file names it: id, partner, site, pd, clutter, period.
    pub header: file::Sensor,
    /// What a look yields.
    pub reports: Reports,
    /// Where it looks.
    pub coverage: Coverage,
    /// From measurement to arrival at the node, at least.
    pub latency: Seconds,
    /// Up to this much more, uniform.
    pub latency_jitter: Seconds,
    /// Time of the first look after the beginning of the scene.
    pub first: Seconds,
    /// Looks without a plot are written down (they tell of a miss).
    pub empty_looks: bool,
}

impl Sensor {
    /// Every look from `begin` to `end`, in the order of measurement.
    pub fn watch(
        &self,
        objects: &[Object],
        begin: Timestamp,
        end: Timestamp,
        dice: &mut Dice,
    ) -> Result<Vec<file::Scan>, Error> {
        let mut scans = Vec::new();
        for number in 0_u32.. {
            let after_s = self.first.0 + f64::from(number) * self.header.period().0;
            let time = begin + TimeDelta::from_seconds_f64(Seconds(after_s));
            if time > end {
                break;
            }
            let plots = self.look(objects, time, dice)?;
            let late_s = self.latency.0 + dice.between(0.0, self.latency_jitter.0.max(1e-9));
            if plots.is_empty() && !self.empty_looks {
                continue;
            }
            // Arrival to the millisecond: files stay readable and no clock here is finer.
            let late = TimeDelta::from_millis(whole_millis(late_s));
            let id = self.header.id().clone();
            scans.push(file::Scan::new(time, time + late, id, u64::from(number), plots)?);
        }
        Ok(scans)
    }

    /// The plots of one look, sorted by place so that their order tells nothing about the truth.
    pub fn look(
        &self,
        objects: &[Object],
        time: Timestamp,
        dice: &mut Dice,
    ) -> Result<Vec<file::Plot>, Error> {
        let frame = LocalFrame::at(self.header.site());
        let mut plots = Vec::new();
        let mut visible = Vec::new();
        for sight in objects.iter().filter_map(|object| object.at(time)) {
            let polar = frame.to_enu(&sight.motion.position).to_polar();
            if !self.sees(&sight, &polar) {
                continue;
            }
            visible.push(polar);
            if dice.share() < self.header.pd() {
                plots.push(self.measure(&sight.motion.position, &polar, dice)?);
            }
        }
        for _ in 0..dice.poisson(self.header.clutter()) {
            let polar = self.false_place(&visible, dice);
            plots.push(match self.reports {
                Reports::Polar { .. } => polar_plot(&polar)?,
                Reports::Places { sigma, .. } => {
                    place_plot(&frame.to_ecef(&polar.to_enu()), sigma)?
                }
            });
        }
        plots.sort_by(|a, b| sort_key(a).partial_cmp(&sort_key(b)).expect("plots are finite"));
        Ok(plots)
    }

    /// Whether the coverage holds the target and the Earth leaves it in sight.
    fn sees(&self, sight: &Sight, polar: &Polar) -> bool {
        if matches!(self.reports, Reports::Places { burning_only: true, .. }) {
            // Seen from above, as soon as it is through the weather.
            const CLOUD_TOPS_M: f64 = 8_000.0;
            let height_m = sight.motion.position.to_geodetic().height().0;
            return sight.burning && height_m > CLOUD_TOPS_M;
        }
        let coverage = &self.coverage;
        let off_rad = polar.azimuth.0 - Radians::from(Degrees(coverage.azimuth_deg)).0;
        let off_deg = Degrees::from(Radians(math::wrap_pi(off_rad))).0;
        (coverage.range_m_min..=coverage.range_m_max).contains(&polar.range.0)
            && off_deg.abs() <= coverage.half_width_deg
            && apparent_elevation_deg(polar, sight) >= coverage.elevation_deg_min
    }

    fn measure(
        &self,
        place: &Position<Ecef>,
        polar: &Polar,
        dice: &mut Dice,
    ) -> Result<file::Plot, Error> {
        match self.reports {
            Reports::Polar { sigmas, bias } => {
                let range = polar.range.0 + bias.range_m + sigmas.range().0 * dice.normal();
                let azimuth_deg = bias.azimuth_deg + sigmas.azimuth().0 * dice.normal();
                let elevation_deg = bias.elevation_deg + sigmas.elevation().0 * dice.normal();
                polar_plot(&Polar {
                    range: Metres(range),
                    azimuth: Radians(polar.azimuth.0 + Radians::from(Degrees(azimuth_deg)).0),
                    elevation: Radians(polar.elevation.0 + Radians::from(Degrees(elevation_deg)).0),
                })
            }
            Reports::Places { sigma, .. } => {
                let off = place.xyz.map(|x| x + sigma.0 * dice.normal());
                place_plot(&Position::new(off), sigma)
            }
        }
    }

    /// A false plot: half of them close to something real (where they hurt), the others anywhere in
    /// the coverage.
    fn false_place(&self, visible: &[Polar], dice: &mut Dice) -> Polar {
        const NEAR_RANGE_M: f64 = 15_000.0;
        const NEAR_ANGLE_DEG: f64 = 1.5;
        const ELEVATION_DEG_MAX: f64 = 60.0;
        let coverage = &self.coverage;
        let angle = |degrees: f64| Radians::from(Degrees(degrees)).0;
        if !visible.is_empty() && dice.share() < 0.5 {
            let near = visible[dice.index(visible.len())];
            let range_m = near.range.0 + dice.between(-NEAR_RANGE_M, NEAR_RANGE_M);
            let azimuth = near.azimuth.0 + angle(dice.between(-NEAR_ANGLE_DEG, NEAR_ANGLE_DEG));
            let elevation = near.elevation.0 + angle(dice.between(-NEAR_ANGLE_DEG, NEAR_ANGLE_DEG));
            return Polar {
                range: Metres(range_m.clamp(coverage.range_m_min, coverage.range_m_max)),
                azimuth: Radians(azimuth),
                elevation: Radians(elevation.max(angle(coverage.elevation_deg_min))),
            };
        }
        let (left, right) = (
            coverage.azimuth_deg - coverage.half_width_deg,
            coverage.azimuth_deg + coverage.half_width_deg,
        );
        Polar {
            range: Metres(dice.between(coverage.range_m_min, coverage.range_m_max)),
            azimuth: Radians(angle(dice.between(left, right))),
            elevation: Radians(angle(dice.between(coverage.elevation_deg_min, ELEVATION_DEG_MAX))),
        }
    }
}

/// True elevation plus what the lower atmosphere bends: d/(8R), the difference between an Earth of
/// true and of 4/3 radius, for targets below 20 km.
fn apparent_elevation_deg(polar: &Polar, sight: &Sight) -> f64 {
    const BENDING_TOP_M: f64 = 20_000.0;
    let elevation_deg = Degrees::from(polar.elevation).0;
    if sight.motion.position.to_geodetic().height().0 > BENDING_TOP_M {
        return elevation_deg;
    }
    let bend_rad = polar.range.0 / (8.0 * wgs84::SEMI_MAJOR_M);
    elevation_deg + Degrees::from(Radians(bend_rad)).0
}

/// Rounded to 0.1 m and 0.0001°, far below any sigma here.
fn polar_plot(polar: &Polar) -> Result<file::Plot, Error> {
    let elevation = Degrees::from(polar.elevation).0;
    // Over the zenith and out on the other side.
    let (turn, elevation) =
        if elevation > 90.0 { (180.0, 180.0 - elevation) } else { (0.0, elevation) };
    let azimuth = Degrees::from(polar.azimuth).0 + turn;
    let around = rounded(azimuth - 360.0 * (azimuth / 360.0).floor(), 1e4);
    let plot = file::PolarPlot::new(
        Metres(rounded(polar.range.0.max(0.0), 10.0)),
        Degrees(if around >= 360.0 { 0.0 } else { around }),
        Degrees(rounded(elevation.max(-90.0), 1e4)),
    )?;
    Ok(file::Plot::Polar(plot))
}

/// Rounded to 0.000001° and 0.1 m.
fn place_plot(place: &Position<Ecef>, sigma: Metres) -> Result<file::Plot, Error> {
    let exact = place.to_geodetic();
    let rounded = Geodetic::new(
        Degrees(rounded(exact.lat().0, 1e6)),
        Degrees(rounded(exact.lon().0, 1e6)),
        Metres(rounded(exact.height().0, 10.0)),
    )
    .map_err(formats::Error::from)?;
    Ok(file::Plot::Geodetic(file::GeodeticPlot::new(rounded, sigma)?))
}

fn sort_key(plot: &file::Plot) -> [f64; 3] {
    match plot {
        file::Plot::Polar(plot) => [plot.azimuth().0, plot.range().0, plot.elevation().0],
        file::Plot::Geodetic(plot) => {
            [plot.place().lon().0, plot.place().lat().0, plot.place().height().0]
        }
    }
}

/// Nearest multiple of 1/`per_unit`, never a negative zero.
pub(super) fn rounded(value: f64, per_unit: f64) -> f64 {
    (value * per_unit).round() / per_unit + 0.0
}

#[expect(clippy::cast_possible_truncation, reason = "latencies are seconds, not centuries")]
fn whole_millis(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}

#[cfg(test)]
mod tests;
