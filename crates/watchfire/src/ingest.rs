//! Feeds become scans: scenario lines and ASTERIX to the content of `track.scan`.

use std::collections::BTreeMap;

use base::{Degrees, Geodetic, Metres, PartnerId, Seconds, TimeDelta, Timestamp, limits};
use domains::track::events::{
    AsterixReport, Plot, PlotReport, PolarSigmas, ScanReport, SensorInfo, SensorKind,
};
use formats::asterix::{self, Content, DataSource, cat034, cat048};
use formats::scenario;

use crate::config::RadarSite;

/// Target reports of one radar within this time make one entry: about a sector of a turn.
const SECTOR: TimeDelta = TimeDelta::from_millis(1_000);
/// Radars of one feed that are kept apart.
const RADARS_MAX: usize = 256;
/// Turn of a radar whose recording does not say it: a common terminal-area one.
const PERIOD_DEFAULT: Seconds = Seconds(4.0);
/// A feed whose newest report is further than this from now is a recording and is shifted to now.
const LIVE_WITHIN: TimeDelta = TimeDelta::from_seconds(limits::SCAN_AGE_S_MAX);

/// Scans ready to append, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    pub(crate) scans: Vec<ScanReport>,
    /// Reasons with counts.
    pub(crate) skipped: BTreeMap<String, u64>,
}

impl Feed {
    /// Plots in all scans.
    pub(crate) fn plots(&self) -> u64 {
        self.scans.iter().map(|scan| scan.plots.len() as u64).sum()
    }

    /// Leaves out scans that no fold would take: another partner's sensors, and measurements too far
    /// from `now`, the node's clock.
    pub(crate) fn keep_usable(&mut self, now: Timestamp, partner: PartnerId) {
        let latest = now + TimeDelta::from_seconds(limits::SCAN_AHEAD_S_MAX);
        for scan in std::mem::take(&mut self.scans) {
            if scan.sensor.partner != partner {
                self.skip(format!(
                    "a sensor of `{}`; this is a node of `{partner}`",
                    scan.sensor.partner
                ));
            } else if now.since(scan.measured) > LIVE_WITHIN || scan.measured > latest {
                self.skip(format!(
                    "measured more than {} s before or {} s after this node's clock ({}); in an \
                     exercise `exercise_started` and the charter's epoch set that clock",
                    limits::SCAN_AGE_S_MAX,
                    limits::SCAN_AHEAD_S_MAX,
                    &now.to_string()[..16]
                ));
            } else {
                self.scans.push(scan);
            }
        }
    }

    fn skip(&mut self, reason: impl Into<String>) {
        *self.skipped.entry(reason.into()).or_default() += 1;
    }
}

/// The scans of a scenario file's lines, header first; all or nothing.
pub(crate) fn from_lines(file: &[u8]) -> Result<Feed, formats::Error> {
    let mut sensors = BTreeMap::new();
    let mut feed = Feed::default();
    for (_, line) in scenario::read(file) {
        match line? {
            scenario::Line::Header(header) => {
                sensors = header
                    .sensors()
                    .iter()
                    .map(|sensor| (sensor.id().as_str().to_owned(), sensor_info(sensor)))
                    .collect();
            }
            scenario::Line::Scan(scan) => {
                let sensor = sensors
                    .get(scan.sensor().as_str())
                    .expect("the reader lets only scans of the header's sensors pass");
                feed.scans.push(scan_report(sensor, &scan));
            }
            scenario::Line::Inject(_) => feed.skip("an inject is not a scan"),
        }
    }
    Ok(feed)
}

fn sensor_info(sensor: &scenario::Sensor) -> SensorInfo {
    // A geodetic sensor's plots carry their own sigmas; the fields below are then not used.
    let (kind, range_m, azimuth_deg, elevation_deg) = match sensor.kind() {
        scenario::SensorKind::Radar(sigmas) => {
            (SensorKind::Radar, sigmas.range().0, sigmas.azimuth().0, sigmas.elevation().0)
        }
        scenario::SensorKind::Geodetic => (SensorKind::Geodetic, 1_000.0, 1.0, 1.0),
    };
    SensorInfo {
        id: sensor.id().as_str().to_owned(),
        partner: sensor.partner(),
        kind,
        position: Some(*sensor.site()),
        sigma_range_m: range_m,
        sigma_azimuth_deg: azimuth_deg,
        sigma_elevation_deg: elevation_deg,
        pd: sensor.pd(),
        clutter: sensor.clutter(),
        period_s: sensor.period().0,
    }
}

fn scan_report(sensor: &SensorInfo, scan: &scenario::Scan) -> ScanReport {
    let plots = scan
        .plots()
        .iter()
        .map(|plot| {
            let report = match plot {
                scenario::Plot::Polar(polar) => PlotReport::Radar {
                    range_m: polar.range().0,
                    azimuth_deg: polar.azimuth().0,
                    elevation_deg: polar.elevation().0,
                    sigmas: polar.sigmas().map(|sigmas| PolarSigmas {
                        range_m: sigmas.range().0,
                        azimuth_deg: sigmas.azimuth().0,
                        elevation_deg: sigmas.elevation().0,
                    }),
                },
                scenario::Plot::Geodetic(plot) => PlotReport::Geodetic {
                    lat_deg: plot.place().lat().0,
                    lon_deg: plot.place().lon().0,
                    height_m: plot.place().height().0,
                    sigma_m: plot.sigma().0,
                },
            };
            Plot { offset_ns: TimeDelta::ZERO, report }
        })
        .collect();
    ScanReport { sensor: sensor.clone(), scan: scan.number(), measured: scan.t_meas(), plots }
}

/// One target report with the time it was measured.
struct Timed {
    at: Timestamp,
    source: DataSource,
    report: AsterixReport,
}

/// What service messages have said of radars so far.
#[derive(Debug, Default)]
pub(crate) struct Radars(BTreeMap<DataSource, Radar>);

#[derive(Debug, Default)]
struct Radar {
    site: Option<Geodetic>,
    period: Option<Seconds>,
}

/// The scans of an ASTERIX recording or datagram in any framing `formats` knows.
///
/// Times of day fall on the day closest to `now`, or to the capture's own time. A recording, that is
/// a feed whose newest report is not within [`LIVE_WITHIN`] of `now`, is shifted so that its newest
/// report is of now: it can be folded, and its real time stays in the file.
pub(crate) fn from_asterix(
    bytes: &[u8],
    now: Timestamp,
    partner: PartnerId,
    sites: &[RadarSite],
) -> Feed {
    let mut feed = Feed::default();
    let mut radars = Radars::default();
    let reports = read_reports(bytes, now, &mut radars, &mut feed);
    scans_of(reports, now, partner, sites, &radars, feed)
}

/// The scans of datagrams that have just come; `radars` remembers what service messages say.
pub(crate) fn from_datagrams(
    datagrams: &[Vec<u8>],
    now: Timestamp,
    partner: PartnerId,
    sites: &[RadarSite],
    radars: &mut Radars,
) -> Feed {
    let mut feed = Feed::default();
    let mut reports = Vec::new();
    for datagram in datagrams {
        reports.extend(read_blocks(datagram, 0, now, radars, &mut feed));
    }
    scans_of(reports, now, partner, sites, radars, feed)
}

fn scans_of(
    reports: Vec<Timed>,
    now: Timestamp,
    partner: PartnerId,
    sites: &[RadarSite],
    radars: &Radars,
    mut feed: Feed,
) -> Feed {
    let newest = reports.iter().map(|timed| timed.at).max().unwrap_or(now);
    let apart = newest.since(now).as_nanos().unsigned_abs();
    let shift = if apart > LIVE_WITHIN.as_nanos().unsigned_abs() {
        now.since(newest)
    } else {
        TimeDelta::ZERO
    };
    let mut sectors: BTreeMap<DataSource, Vec<Timed>> = BTreeMap::new();
    let mut scans = Vec::new();
    for mut timed in reports {
        timed.at += shift;
        if now.since(timed.at) > LIVE_WITHIN {
            feed.skip(format!("older than {} s before the newest report", limits::SCAN_AGE_S_MAX));
            continue;
        }
        let sector = sectors.entry(timed.source).or_default();
        let full = sector.len() >= limits::SCAN_PLOTS_MAX
            || sector
                .first()
                .is_some_and(|first| timed.at.since(first.at) >= SECTOR || timed.at < first.at);
        if full {
            scans.push((timed.source, std::mem::take(sector)));
        }
        sector.push(timed);
    }
    scans.extend(sectors.into_iter().filter(|(_, sector)| !sector.is_empty()));
    for (number, (source, sector)) in scans.into_iter().enumerate() {
        let radar = radars.0.get(&source);
        let site = sites
            .iter()
            .find(|site| (site.sac, site.sic) == (source.sac, source.sic))
            .map(|site| site.site)
            .or_else(|| radar.and_then(|radar| radar.site));
        let Some(site) = site else {
            for _ in &sector {
                feed.skip(format!("the site of radar {source} is unknown"));
            }
            continue;
        };
        let period = radar.and_then(|radar| radar.period).unwrap_or(PERIOD_DEFAULT);
        feed.scans.push(asterix_scan(source, partner, site, period, number as u64, &sector));
    }
    feed
}

fn read_reports(bytes: &[u8], now: Timestamp, radars: &mut Radars, feed: &mut Feed) -> Vec<Timed> {
    let recording = match asterix::open(bytes) {
        Ok(recording) => recording,
        Err(error) => {
            feed.skip(error.to_string());
            return Vec::new();
        }
    };
    let mut reports = Vec::new();
    for datagram in recording {
        match datagram {
            Ok(datagram) => {
                let reference = datagram.time.unwrap_or(now);
                reports.extend(read_blocks(
                    datagram.payload,
                    datagram.offset,
                    reference,
                    radars,
                    feed,
                ));
            }
            Err(error) => feed.skip(error.to_string()),
        }
    }
    reports
}

fn read_blocks(
    payload: &[u8],
    offset: usize,
    reference: Timestamp,
    radars: &mut Radars,
    feed: &mut Feed,
) -> Vec<Timed> {
    let mut reports = Vec::new();
    for block in asterix::blocks(payload, offset) {
        match block.map(|block| (block.category, block.content)) {
            Ok((_, Content::Cat048(records))) => {
                for record in &records {
                    match timed(record, reference) {
                        Ok(report) => reports.push(report),
                        Err(reason) => feed.skip(reason),
                    }
                }
            }
            Ok((_, Content::Cat034(records))) => note_radars(&records, &mut radars.0),
            Ok((category, Content::Skipped)) => {
                feed.skip(format!("category {category:03} is not read"));
            }
            Err(error) => feed.skip(error.to_string()),
        }
    }
    reports
}

fn note_radars(records: &[cat034::Record], radars: &mut BTreeMap<DataSource, Radar>) {
    for record in records {
        let Some(source) = record.source else { continue };
        if radars.len() >= RADARS_MAX && !radars.contains_key(&source) {
            continue;
        }
        let radar = radars.entry(source).or_default();
        radar.site = record.site.or(radar.site);
        radar.period = record.rotation_period.or(radar.period);
    }
}

fn timed(record: &cat048::Record, reference: Timestamp) -> Result<Timed, &'static str> {
    let source = record.source.ok_or("a target report without its radar (I048/010)")?;
    let time = record.time_of_day.ok_or("a target report without time of day (I048/140)")?;
    let position = record.position.ok_or("a target report without position (I048/040)")?;
    if position.reach == cat048::Reach::AtLeast {
        return Err("a target report with a lower bound for its range");
    }
    let code = record.mode_3a.filter(|code| code.quality.is_usable()).map(|code| code.code);
    let level = record.flight_level.filter(|level| level.quality.is_usable());
    Ok(Timed {
        at: asterix::resolve_time(time, reference),
        source,
        report: AsterixReport {
            sac: source.sac,
            sic: source.sic,
            rho_m: position.range.0,
            theta_deg: position.azimuth.0,
            flight_level_m: level.map(|level| level.pressure_height().0),
            height_m: record.height_3d.map(|height| height.0),
            mode_3a: code,
            aircraft_address: record.aircraft_address,
            callsign: record
                .identification
                .map(|name| name.as_str().trim().to_owned())
                .filter(|name| !name.is_empty()),
            track_number: record.track_number,
        },
    })
}

fn asterix_scan(
    source: DataSource,
    partner: PartnerId,
    site: Geodetic,
    period: Seconds,
    number: u64,
    sector: &[Timed],
) -> ScanReport {
    let measured = sector.first().map_or_else(Timestamp::default, |first| first.at);
    ScanReport {
        sensor: SensorInfo {
            id: format!("asterix/{:03}/{:03}", source.sac, source.sic),
            partner,
            kind: SensorKind::Asterix,
            position: Some(site),
            // A monopulse secondary radar's usual figures: EUROCONTROL-STD-006 asks for 70 m, 0.08°.
            sigma_range_m: Metres(70.0).0,
            sigma_azimuth_deg: Degrees(0.08).0,
            sigma_elevation_deg: Degrees(1.0).0,
            pd: 0.95,
            clutter: 1.0,
            period_s: period.0,
        },
        scan: number,
        measured,
        plots: sector
            .iter()
            .map(|timed| Plot {
                offset_ns: timed.at.since(measured),
                report: PlotReport::Asterix(timed.report.clone()),
            })
            .collect(),
    }
}
