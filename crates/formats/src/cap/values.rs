//! The small values of a message: times, shapes, references, languages.

use std::fmt;
use std::str::FromStr;

use base::{TimeDelta, Timestamp};

use crate::Error;
use crate::error::within;

/// A word out of a closed list.
pub(super) trait Word: Sized {
    /// For messages: which words there are.
    const EXPECTED: &'static str;
    /// The word, if it is one of them.
    fn from_word(word: &str) -> Option<Self>;
}

/// A time to the second with the offset of the place it is told for, such as
/// `2017-07-28T23:42:00+09:00`; UTC is written `-00:00`, never `Z`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    at: Timestamp,
    offset_minutes: i16,
}

impl Moment {
    const OFFSET_MINUTES_MAX: u16 = 14 * 60;

    /// `at`, cut to the second, told `offset_minutes` (at most 14 h) ahead of UTC.
    pub fn new(at: Timestamp, offset_minutes: i16) -> Result<Self, Error> {
        const SECOND_NANOS: i64 = 1_000_000_000;
        let limit = f64::from(Self::OFFSET_MINUTES_MAX);
        within("offset from UTC (minutes)", f64::from(offset_minutes), -limit, limit)?;
        // Cutting down from the first half second of the range would leave it.
        let nanos = at.as_nanos();
        let at = Timestamp::from_nanos(nanos.saturating_sub(nanos.rem_euclid(SECOND_NANOS)));
        Ok(Self { at, offset_minutes })
    }

    /// When.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Minutes that local time is ahead of UTC.
    pub const fn offset_minutes(&self) -> i16 {
        self.offset_minutes
    }
}

impl FromStr for Moment {
    type Err = Error;

    /// Takes what either version of the standard allows: an offset or `Z`, and fractions of a second.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Text {
            expected: "a time such as `2017-07-28T23:42:00+09:00`",
            got: Error::quote(text),
        };
        let at: Timestamp = text.parse().map_err(|_| bad())?;
        if text.ends_with('Z') {
            return Self::new(at, 0);
        }
        let zone = text.get(text.len().saturating_sub(6)..).ok_or_else(bad)?;
        let &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = zone.as_bytes() else {
            return Err(bad());
        };
        let digit = |byte: u8| i16::from(byte.wrapping_sub(b'0').min(9));
        let minutes = (digit(h1) * 10 + digit(h2)) * 60 + digit(m1) * 10 + digit(m2);
        Self::new(at, if sign == b'-' { -minutes } else { minutes })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ahead = TimeDelta::from_seconds(i64::from(self.offset_minutes) * 60);
        let local = (self.at + ahead).to_string();
        // The text of the shifted time is the local time, but for its zone.
        let local = local.get(.."2017-07-28T23:42:00".len()).unwrap_or(&local);
        let minutes = self.offset_minutes.unsigned_abs();
        let sign = if self.offset_minutes > 0 { '+' } else { '-' };
        write!(f, "{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A language tag such as `ja-JP`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Language(String);

impl Language {
    /// American English, which a block without a tag means.
    pub fn english() -> Self {
        Self("en-US".to_owned())
    }

    /// Japanese.
    pub fn japanese() -> Self {
        Self("ja-JP".to_owned())
    }

    /// Korean.
    pub fn korean() -> Self {
        Self("ko-KR".to_owned())
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let fits = |part: &str| (1..=8).contains(&part.len());
        let letters = fits(first) && first.bytes().all(|b| b.is_ascii_alphabetic());
        if letters && parts.all(|p| fits(p) && p.bytes().all(|b| b.is_ascii_alphanumeric())) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Text { expected: "a language such as `ja-JP`", got: Error::quote(text) })
    }
}

/// A value and the name of the list or system it comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValuePair {
    /// The list or system.
    pub name: String,
    /// The value.
    pub value: String,
}

impl ValuePair {
    /// `value` of the list `name`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A reference to an earlier message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its sender.
    pub sender: String,
    /// Its identifier.
    pub identifier: String,
    /// When it was sent.
    pub sent: Moment,
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Text {
            expected: "a reference as `SENDER,IDENTIFIER,SENT`",
            got: Error::quote(text),
        };
        let mut parts = text.splitn(3, ',');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or_else(bad);
        let (sender, identifier, sent) = (part()?, part()?, part()?);
        Ok(Self {
            sender: sender.to_owned(),
            identifier: identifier.to_owned(),
            sent: sent.parse()?,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.sender, self.identifier, self.sent)
    }
}

/// A point as latitude and longitude in degrees, to the millionth (0.1 m).
type Point = (f64, f64);

fn point(lat_deg: f64, lon_deg: f64) -> Result<Point, Error> {
    const STEPS: f64 = 1e6;
    let round = |degrees: f64| {
        let rounded = (degrees * STEPS).round() / STEPS;
        // One zero, not two: `-0` would be written.
        if rounded == 0.0 { 0.0 } else { rounded }
    };
    let lat_deg = within("latitude (degrees)", lat_deg, -90.0, 90.0)?;
    let lon_deg = within("longitude (degrees)", lon_deg, -180.0, 180.0)?;
    Ok((round(lat_deg), round(lon_deg)))
}

fn parse_point(text: &str) -> Option<(f64, f64)> {
    let (lat, lon) = text.split_once(',')?;
    Some((lat.parse().ok()?, lon.parse().ok()?))
}

/// A closed outline.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon(Vec<Point>);

impl Polygon {
    /// From (latitude, longitude) pairs in degrees: four or more, the last like the first.
    pub fn new(points: &[(f64, f64)]) -> Result<Self, Error> {
        const POINTS_MIN: usize = 4;
        let points = points.iter().map(|&(lat, lon)| point(lat, lon));
        let points = points.collect::<Result<Vec<_>, _>>()?;
        if points.len() < POINTS_MIN || points.first() != points.last() {
            return Err(Error::Text {
                expected: "a polygon of four points or more, the last like the first",
                got: format!("{} points", points.len()),
            });
        }
        Ok(Self(points))
    }

    /// (Latitude, longitude) pairs in degrees, the last like the first.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.0
    }
}

impl FromStr for Polygon {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let points = text.split_ascii_whitespace().map(|pair| {
            parse_point(pair).ok_or_else(|| Error::Text {
                expected: "a point as `LATITUDE,LONGITUDE`",
                got: Error::quote(pair),
            })
        });
        Self::new(&points.collect::<Result<Vec<_>, _>>()?)
    }
}

impl fmt::Display for Polygon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (lat, lon)) in self.0.iter().enumerate() {
            write!(f, "{}{lat},{lon}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// A disc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    centre: Point,
    radius_km: f64,
}

impl Circle {
    /// Around a (latitude, longitude) pair in degrees; radius 0 to 20,038 km (half way round).
    pub fn new(centre: (f64, f64), radius_km: f64) -> Result<Self, Error> {
        const HALF_WAY_ROUND_KM: f64 = 20_038.0;
        Ok(Self {
            centre: point(centre.0, centre.1)?,
            radius_km: within("radius (kilometres)", radius_km, 0.0, HALF_WAY_ROUND_KM)?,
        })
    }

    /// (Latitude, longitude) in degrees.
    pub const fn centre(&self) -> (f64, f64) {
        self.centre
    }

    /// Kilometres.
    pub const fn radius_km(&self) -> f64 {
        self.radius_km
    }
}

impl FromStr for Circle {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text
            .trim()
            .split_once(' ')
            .and_then(|(centre, radius)| Some((parse_point(centre)?, radius.trim().parse().ok()?)));
        let (centre, radius_km) = parsed.ok_or_else(|| Error::Text {
            expected: "a circle as `LATITUDE,LONGITUDE RADIUS`",
            got: Error::quote(text),
        })?;
        Self::new(centre, radius_km)
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{} {}", self.centre.0, self.centre.1, self.radius_km)
    }
}
