//! Category 034: what a radar says about itself, record by record.
//!
//! Every item of edition 1.29 is read. Bits that only describe a radar's internal load and channel
//! choice stay packed, in the standard's order, inside [`Status`] and [`Processing`].

use base::{Degrees, Geodetic, Metres, Seconds};

use super::cursor::Cursor;
use super::{DataSource, TimeOfDay, nautical_miles, turns};
use crate::Error;

/// The category's number.
pub const CATEGORY: u8 = 34;

/// One service message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Where it begins, in bytes from the start of the recording.
    pub offset: usize,
    /// Its bytes.
    pub length: usize,
    /// I034/010, the radar.
    pub source: Option<DataSource>,
    /// I034/000, what the message says.
    pub message: Option<Message>,
    /// I034/030, when.
    pub time_of_day: Option<TimeOfDay>,
    /// I034/020, azimuth at which the sector begins, clockwise from north, 0 to 360 (excluded).
    pub sector: Option<Degrees>,
    /// I034/041, time of one antenna turn.
    pub rotation_period: Option<Seconds>,
    /// I034/050, what works.
    pub status: Option<Status>,
    /// I034/060, what is reduced.
    pub processing: Option<Processing>,
    /// I034/070, reports sent in the last turn.
    pub counts: Vec<Count>,
    /// I034/100, the part of the coverage the message is about.
    pub window: Option<Window>,
    /// I034/110, the data filter's code.
    pub filter: Option<u8>,
    /// I034/120, where the radar stands.
    pub site: Option<Geodetic>,
    /// I034/090, primary radar's mean offset against its secondary radar.
    pub collimation: Option<Collimation>,
    /// RE, reserved expansion field without its length.
    pub reserved_expansion: Option<Vec<u8>>,
    /// SP, special purpose field without its length.
    pub special_purpose: Option<Vec<u8>>,
}

/// I034/000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Message {
    /// The antenna passed north.
    NorthMarker,
    /// The antenna entered a sector.
    SectorCrossing,
    /// A filter on part of the coverage.
    GeographicalFiltering,
    /// A direction from which the primary radar is jammed.
    JammingStrobe,
    /// Solar storm.
    SolarStorm,
    /// A direction from which the secondary radar is jammed.
    SsrJammingStrobe,
    /// A direction from which Mode S is jammed.
    ModeSJammingStrobe,
    /// A type that edition 1.29 does not name.
    Other(u8),
}

impl From<u8> for Message {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::NorthMarker,
            2 => Self::SectorCrossing,
            3 => Self::GeographicalFiltering,
            4 => Self::JammingStrobe,
            5 => Self::SolarStorm,
            6 => Self::SsrJammingStrobe,
            7 => Self::ModeSJammingStrobe,
            other => Self::Other(other),
        }
    }
}

/// I034/050: the common part's flags that matter to a receiver, and each sensor's bits as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The common part, if sent.
    pub common: Option<CommonStatus>,
    /// Primary radar: antenna (1 bit), channel (2), overload, monitoring disconnected, spare (3).
    pub psr: Option<u8>,
    /// Secondary radar: as for the primary one.
    pub ssr: Option<u8>,
    /// Mode S: antenna, channel (2), overload, monitoring disconnected, coordination channel, data
    /// link channel, coordination overload, data link overload, spare (7).
    pub mode_s: Option<u16>,
}

/// The common part of I034/050.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent bit of the item")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonStatus {
    /// NOGO: the data must not be used operationally.
    pub inhibited: bool,
    /// The second processor chain is in use.
    pub chain_2: bool,
    /// The processor restarted: track numbers begin anew.
    pub restarted: bool,
    /// The processor is overloaded.
    pub processor_overload: bool,
    /// The transmission is overloaded.
    pub transmission_overload: bool,
    /// The monitoring system is not connected.
    pub unmonitored: bool,
    /// The time source is not valid.
    pub time_invalid: bool,
}

/// I034/060, each part's bits as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processing {
    /// Spare (1 bit), reduction step of the processor (3), of the transmission (3), spare (1).
    pub common: Option<u8>,
    /// Primary radar: polarisation (1 bit), reduction step (3), sensitivity map (2), spare (2).
    pub psr: Option<u8>,
    /// Secondary radar: reduction step (3 bits), spare (5).
    pub ssr: Option<u8>,
    /// Mode S: reduction step (3 bits), not autonomous (1), spare (4).
    pub mode_s: Option<u8>,
}

/// One counter of I034/070.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What is counted: the standard's code, 0 to 31.
    pub kind: u8,
    /// How many, 0 to 2,047.
    pub count: u16,
}

/// I034/100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Nearest range.
    pub range_start: Metres,
    /// Furthest range.
    pub range_end: Metres,
    /// Where it begins, clockwise from north.
    pub azimuth_start: Degrees,
    /// Where it ends; smaller than the start if the window spans north.
    pub azimuth_end: Degrees,
}

/// I034/090.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collimation {
    /// Primary minus secondary range.
    pub range: Metres,
    /// Primary minus secondary azimuth.
    pub azimuth: Degrees,
}

/// The records of one data block.
pub(super) fn records(mut cursor: Cursor<'_>) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    while !cursor.is_at_end() {
        records.push(record(&mut cursor)?);
    }
    Ok(records)
}

fn record(cursor: &mut Cursor<'_>) -> Result<Record, Error> {
    let offset = cursor.offset();
    let mut record = Record { offset, ..Record::default() };
    for number in cursor.present("FSPEC")? {
        item(&mut record, number, cursor)?;
    }
    record.length = cursor.offset() - offset;
    Ok(record)
}

/// Reads the item with field reference number `number` (edition 1.29, table of the user application
/// profile).
fn item(record: &mut Record, number: usize, cursor: &mut Cursor<'_>) -> Result<(), Error> {
    match number {
        1 => {
            let [sac, sic] = cursor.array("010")?;
            record.source = Some(DataSource { sac, sic });
        }
        2 => record.message = Some(cursor.u8("000")?.into()),
        3 => record.time_of_day = Some(TimeOfDay::take(cursor, "030")?),
        4 => record.sector = Some(turns(cursor.u8("020")?, 8)),
        5 => record.rotation_period = Some(Seconds(f64::from(cursor.u16("041")?) / 128.0)),
        6 => record.status = Some(status(cursor)?),
        7 => record.processing = Some(processing(cursor)?),
        8 => {
            let count = |part| {
                let bits = u16::from_be_bytes(part);
                Count { kind: part[0] >> 3, count: bits & 0x07ff }
            };
            record.counts = cursor.counted("070")?.into_iter().map(count).collect();
        }
        9 => {
            let [range_start, range_end, azimuth_start, azimuth_end] = cursor.words("100")?;
            record.window = Some(Window {
                range_start: nautical_miles(range_start, 8),
                range_end: nautical_miles(range_end, 8),
                azimuth_start: turns(azimuth_start, 16),
                azimuth_end: turns(azimuth_end, 16),
            });
        }
        10 => record.filter = Some(cursor.u8("110")?),
        11 => record.site = Some(site(cursor)?),
        12 => {
            let [range, azimuth] = cursor.array("090")?.map(u8::cast_signed);
            record.collimation =
                Some(Collimation { range: nautical_miles(range, 7), azimuth: turns(azimuth, 14) });
        }
        13 => record.reserved_expansion = Some(cursor.prefixed("RE")?.to_vec()),
        14 => record.special_purpose = Some(cursor.prefixed("SP")?.to_vec()),
        other => return Err(cursor.undefined("FSPEC", "field reference numbers 1 to 14", other)),
    }
    Ok(())
}

/// I034/120.
fn site(cursor: &mut Cursor<'_>) -> Result<Geodetic, Error> {
    const ITEM: &str = "120";
    let before = cursor.clone();
    let [h1, h2, lat @ .., lon1, lon2, lon3] = cursor.array::<8>(ITEM)?;
    let height = i16::from_be_bytes([h1, h2]);
    let angle = |[a, b, c]: [u8; 3]| {
        // The sign bit of the 24-bit number is moved to the top, and the number back down.
        let steps = i32::from_be_bytes([a, b, c, 0]) >> 8;
        f64::from(steps) * 180.0 / f64::from(1 << 23)
    };
    let (lat, lon) = (angle(lat), angle([lon1, lon2, lon3]));
    Geodetic::new(Degrees(lat), Degrees(lon), Metres(f64::from(height))).map_err(|_| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "90 to 180")]
        let got = lat.abs() as u32;
        before.value(ITEM, "a latitude of 90 degrees or less", got)
    })
}

/// I034/050.
fn status(cursor: &mut Cursor<'_>) -> Result<Status, Error> {
    const ITEM: &str = "050";
    let mut status = Status::default();
    for number in cursor.present(ITEM)? {
        match number {
            1 => {
                let bits = cursor.u8(ITEM)?;
                let bit = |number: u8| bits >> (number - 1) & 1 == 1;
                status.common = Some(CommonStatus {
                    inhibited: bit(8),
                    chain_2: bit(7),
                    restarted: bit(6),
                    processor_overload: bit(5),
                    transmission_overload: bit(4),
                    unmonitored: bit(3),
                    time_invalid: bit(2),
                });
            }
            4 => status.psr = Some(cursor.u8(ITEM)?),
            5 => status.ssr = Some(cursor.u8(ITEM)?),
            6 => status.mode_s = Some(cursor.u16(ITEM)?),
            other => return Err(cursor.undefined(ITEM, "subfields 1, 4, 5 and 6", other)),
        }
    }
    Ok(status)
}

/// I034/060.
fn processing(cursor: &mut Cursor<'_>) -> Result<Processing, Error> {
    const ITEM: &str = "060";
    let mut processing = Processing::default();
    for number in cursor.present(ITEM)? {
        let part = match number {
            1 => &mut processing.common,
            4 => &mut processing.psr,
            5 => &mut processing.ssr,
            6 => &mut processing.mode_s,
            other => return Err(cursor.undefined(ITEM, "subfields 1, 4, 5 and 6", other)),
        };
        *part = Some(cursor.u8(ITEM)?);
    }
    Ok(processing)
}
