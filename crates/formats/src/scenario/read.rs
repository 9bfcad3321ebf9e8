//! Reading: one line at a time, and a whole file with the rules that span lines.

use std::collections::BTreeMap;

use base::limits;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Header, Inject, Line, Plot, Scan, SensorKind};
use crate::Error;

impl Line {
    /// Line number `line` (from 1) of a scenario file or stream. Which kind of line it is follows
    /// from its keys: `edition`, `t_meas` or `inject`.
    pub fn parse(line: usize, text: &str) -> Result<Self, Error> {
        match Probe::of(line, text)? {
            Probe { edition: Some(_), .. } => {
                typed::<Header>(line, text, HINT_HEADER).map(Self::Header)
            }
            Probe { t_meas: Some(_), .. } => typed::<Scan>(line, text, HINT_SCAN).map(Self::Scan),
            Probe { inject: Some(_), .. } => {
                typed::<Inject>(line, text, HINT_INJECT).map(Self::Inject)
            }
            _ => Err(Error::Line {
                line,
                reason: format!(
                    "expected a header (`edition`), a scan (`t_meas`) or an inject (`inject`), got \
                     `{}`",
                    Error::quote(text)
                ),
                hint: HINT_SCAN,
            }),
        }
    }
}

/// The lines of a whole scenario file, with their numbers from 1; blank lines are passed over.
///
/// Beyond [`Line::parse`] this holds the rules that span lines: the header is the first line and
/// comes once, and every scan names one of its sensors and carries that sensor's kind of plot. After
/// a refused line the next one is read; after a missing header nothing is.
pub fn read(file: &[u8]) -> Lines<'_> {
    Lines { rest: Some(file), number: 0, sensors: None, ended: false }
}

/// Iterator over a scenario file, made by [`read`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: usize,
    /// `None` until the header came.
    sensors: Option<BTreeMap<String, bool>>,
    ended: bool,
}

impl Iterator for Lines<'_> {
    type Item = (usize, Result<Line, Error>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let rest = self.rest?;
            let (bytes, rest) = match rest.iter().position(|&b| b == b'\n') {
                Some(end) => (&rest[..end], Some(&rest[end + 1..])),
                None => (rest, None),
            };
            self.rest = rest;
            self.number += 1;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let line = self.take(bytes);
            self.ended = self.sensors.is_none();
            return Some((self.number, line));
        }
        None
    }
}

impl Lines<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<Line, Error> {
        let number = self.number;
        let refuse = |reason: String, hint| Err(Error::Line { line: number, reason, hint });
        let text = std::str::from_utf8(bytes).map_err(|error| Error::Line {
            line: number,
            reason: format!("expected UTF-8 text, got byte {:#04x}", bytes[error.valid_up_to()]),
            hint: "save the file as UTF-8",
        })?;
        let line = Line::parse(number, text)?;
        match (&line, &self.sensors) {
            (Line::Header(header), None) => {
                let radar = |kind| matches!(kind, SensorKind::Radar(_));
                self.sensors = Some(
                    header
                        .sensors()
                        .iter()
                        .map(|sensor| (sensor.id().to_string(), radar(sensor.kind())))
                        .collect(),
                );
            }
            (Line::Header(_), Some(_)) => {
                return refuse(
                    "expected one header, got a second".to_owned(),
                    "split joined scenario files at their headers",
                );
            }
            (_, None) => {
                return refuse(
                    "expected the header as first line, got another kind of line".to_owned(),
                    HINT_HEADER,
                );
            }
            (Line::Scan(scan), Some(sensors)) => check_scan(number, scan, sensors)?,
            (Line::Inject(_), Some(_)) => {}
        }
        Ok(line)
    }
}

fn check_scan(line: usize, scan: &Scan, sensors: &BTreeMap<String, bool>) -> Result<(), Error> {
    let Some(&radar) = sensors.get(scan.sensor().as_str()) else {
        return Err(Error::Line {
            line,
            reason: format!("expected a sensor of the header, got `{}`", scan.sensor()),
            hint: "list the sensor in the header",
        });
    };
    let fits = |plot: &Plot| matches!(plot, Plot::Polar(_)) == radar;
    if scan.plots().iter().all(fits) {
        return Ok(());
    }
    let (expected, got) = if radar { ("polar", "geodetic") } else { ("geodetic", "polar") };
    Err(Error::Line {
        line,
        reason: format!("expected {expected} plots from `{}`, got {got} ones", scan.sensor()),
        hint: "make the sensor's `kind` in the header agree with its plots",
    })
}

const HINT_HEADER: &str = "begin with a line of `edition`, `seed`, `realm` and `sensors`";
const HINT_SCAN: &str = "give `t_meas`, `t_arrive`, `sensor`, `scan` and `plots`, one scan a line";
const HINT_INJECT: &str = "give `t` and `inject` beside the inject's own keys";

/// Which of the telling keys a line has.
#[derive(Deserialize)]
struct Probe {
    edition: Option<IgnoredAny>,
    t_meas: Option<IgnoredAny>,
    inject: Option<IgnoredAny>,
}

impl Probe {
    fn of(line: usize, text: &str) -> Result<Self, Error> {
        typed(line, text, "write each line as one complete JSON object")
    }
}

/// `text` as a `T`, or an error with the line and the column.
pub(super) fn typed<T: DeserializeOwned>(
    line: usize,
    text: &str,
    hint: &'static str,
) -> Result<T, Error> {
    if text.len() > limits::JSON_LINE_BYTES_MAX {
        return Err(Error::Line {
            line,
            reason: format!(
                "expected at most {} bytes, got {}",
                limits::JSON_LINE_BYTES_MAX,
                text.len()
            ),
            hint: "split the scan into sectors",
        });
    }
    serde_json::from_str(text).map_err(|error| {
        // The parser counts lines within this one; only its column says something.
        let full = error.to_string();
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        let reason = full.strip_suffix(suffix.as_str()).unwrap_or(&full);
        Error::Line { line, reason: format!("column {}: {reason}", error.column()), hint }
    })
}
