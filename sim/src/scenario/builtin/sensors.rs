//! Sensors of three partners at public, approximate sites.

use base::{Degrees, Geodetic, Metres, PartnerId, Seconds};
use formats::scenario::{self as file, PolarSigmas, SensorKind};

use super::super::Error;
use super::super::sensor::{Bias, Coverage, Reports, Sensor};

/// Early-warning radar near Cheongju, looking north and east.
pub(super) fn cheongju(period_s: f64) -> Result<Sensor, Error> {
    radar(&Radar {
        id: "KOR-CHEONGJU",
        partner: "KOR",
        place: (36.6, 127.5, 300.0),
        sigmas: (30.0, 0.05, 0.05),
        coverage: Coverage {
            range_m_min: 10_000.0,
            range_m_max: 2_000_000.0,
            azimuth_deg: 20.0,
            half_width_deg: 80.0,
            elevation_deg_min: 0.8,
        },
        pd: 0.92,
        clutter: 0.7,
        period_s,
        first_s: 0.0,
        latency_s: 0.15,
    })
}

/// Forward radar at Shariki, looking west.
pub(super) fn shariki(period_s: f64) -> Result<Sensor, Error> {
    radar(&Radar {
        id: "JPN-SHARIKI",
        partner: "JPN",
        place: (40.9, 140.33, 30.0),
        sigmas: (15.0, 0.03, 0.03),
        coverage: Coverage {
            range_m_min: 10_000.0,
            range_m_max: 4_500_000.0,
            azimuth_deg: 290.0,
            half_width_deg: 75.0,
            elevation_deg_min: 1.5,
        },
        pd: 0.95,
        clutter: 0.3,
        period_s,
        first_s: 1.3,
        latency_s: 0.25,
    })
}

/// Warning radar on Sado island, all around.
pub(super) fn sado(period_s: f64) -> Result<Sensor, Error> {
    radar(&Radar {
        id: "JPN-SADO",
        partner: "JPN",
        place: (38.1, 138.33, 1_000.0),
        sigmas: (40.0, 0.06, 0.06),
        coverage: Coverage {
            range_m_min: 10_000.0,
            range_m_max: 1_500_000.0,
            azimuth_deg: 0.0,
            half_width_deg: 180.0,
            elevation_deg_min: 0.5,
        },
        pd: 0.9,
        clutter: 0.6,
        period_s,
        first_s: 2.1,
        latency_s: 0.3,
    })
}

/// Infrared from geostationary height: places of what burns, late and coarse.
pub(super) fn overhead() -> Result<Sensor, Error> {
    places(&Places {
        id: "USA-OVERHEAD",
        place: (0.0, 140.0, 35_786_000.0),
        sigma_m: 1_500.0,
        burning_only: true,
        coverage: Coverage {
            range_m_min: 0.0,
            range_m_max: 42_000_000.0,
            azimuth_deg: 0.0,
            half_width_deg: 180.0,
            elevation_deg_min: -90.0,
        },
        pd: 0.95,
        period_s: 5.0,
        first_s: 0.7,
        latency_s: (4.0, 4.0),
    })
}

/// A ship in the Sea of Japan that sends places instead of its radar's polar plots.
pub(super) fn ship(period_s: f64) -> Result<Sensor, Error> {
    places(&Places {
        id: "USA-SHIP",
        place: (39.6, 134.4, 20.0),
        sigma_m: 300.0,
        burning_only: false,
        coverage: Coverage {
            range_m_min: 5_000.0,
            range_m_max: 1_200_000.0,
            azimuth_deg: 0.0,
            half_width_deg: 180.0,
            elevation_deg_min: 0.5,
        },
        pd: 0.9,
        period_s,
        first_s: 3.4,
        latency_s: (1.0, 1.5),
    })
}

/// The same radar with constant errors its header does not tell.
pub(super) fn biased(
    mut sensor: Sensor,
    range_m: f64,
    azimuth_deg: f64,
    elevation_deg: f64,
) -> Sensor {
    if let Reports::Polar { bias, .. } = &mut sensor.reports {
        *bias = Bias { range_m, azimuth_deg, elevation_deg };
    }
    sensor
}

/// The same sensor with `clutter` false plots a look.
pub(super) fn cluttered(mut sensor: Sensor, clutter: f64) -> Result<Sensor, Error> {
    let (pd, period) = (sensor.header.pd(), sensor.header.period());
    sensor.header = sensor.header.with_detection(pd, clutter, period)?;
    Ok(sensor)
}

struct Radar {
    id: &'static str,
    partner: &'static str,
    place: (f64, f64, f64),
    sigmas: (f64, f64, f64),
    coverage: Coverage,
    pd: f64,
    clutter: f64,
    period_s: f64,
    first_s: f64,
    latency_s: f64,
}

fn radar(radar: &Radar) -> Result<Sensor, Error> {
    let (range_m, azimuth_deg, elevation_deg) = radar.sigmas;
    let sigmas = PolarSigmas::new(Metres(range_m), Degrees(azimuth_deg), Degrees(elevation_deg))?;
    let partner: PartnerId = radar.partner.parse()?;
    let kind = SensorKind::Radar(sigmas);
    let header = file::Sensor::new(radar.id.parse()?, partner, kind, site(radar.place)?)
        .with_detection(radar.pd, radar.clutter, Seconds(radar.period_s))?;
    Ok(Sensor {
        header,
        reports: Reports::Polar { sigmas, bias: Bias::default() },
        coverage: radar.coverage,
        latency: Seconds(radar.latency_s),
        latency_jitter: Seconds(0.2),
        first: Seconds(radar.first_s),
        empty_looks: true,
    })
}

struct Places {
    id: &'static str,
    place: (f64, f64, f64),
    sigma_m: f64,
    burning_only: bool,
    coverage: Coverage,
    pd: f64,
    period_s: f64,
    first_s: f64,
    latency_s: (f64, f64),
}

fn places(places: &Places) -> Result<Sensor, Error> {
    let partner: PartnerId = "USA".parse()?;
    let kind = SensorKind::Geodetic;
    let header = file::Sensor::new(places.id.parse()?, partner, kind, site(places.place)?)
        .with_detection(places.pd, 0.0, Seconds(places.period_s))?;
    Ok(Sensor {
        header,
        reports: Reports::Places {
            sigma: Metres(places.sigma_m),
            burning_only: places.burning_only,
        },
        coverage: places.coverage,
        latency: Seconds(places.latency_s.0),
        latency_jitter: Seconds(places.latency_s.1),
        first: Seconds(places.first_s),
        empty_looks: false,
    })
}

fn site((lat_deg, lon_deg, height_m): (f64, f64, f64)) -> Result<Geodetic, Error> {
    Ok(Geodetic::new(Degrees(lat_deg), Degrees(lon_deg), Metres(height_m))?)
}
