//! Category 048: what a radar reports about targets, record by record.
//!
//! Every item of edition 1.32 is read; of the reserved expansion field, the extended range that
//! replaces a range beyond 256 nautical miles. Units are converted exactly.

mod expansion;
mod items;

use base::{Degrees, Metres, MetresPerSecond};

pub use items::{
    Capability, CodeQuality, Conditions, Detection, Doppler, FlightLevel, Friend, Identification,
    ModeC, ModeCode, PlotCharacteristics, RawDoppler, TargetReport, TrackStatus, Vertical,
};

use super::cursor::Cursor;
use super::{DataSource, FOOT_M, TimeOfDay, nautical_miles, nautical_miles_per_second, turns};
use crate::Error;

/// The category's number.
pub const CATEGORY: u8 = 48;

/// One target report: a plot, a local track, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Where it begins, in bytes from the start of the recording.
    pub offset: usize,
    /// Its bytes.
    pub length: usize,
    /// I048/010, the radar.
    pub source: Option<DataSource>,
    /// I048/140, when the target was measured.
    pub time_of_day: Option<TimeOfDay>,
    /// I048/020, kind of report.
    pub report: Option<TargetReport>,
    /// I048/040, measured position, with the extended range of RE where it applies.
    pub position: Option<Position>,
    /// I048/070, Mode 3/A code.
    pub mode_3a: Option<ModeCode>,
    /// I048/090, flight level.
    pub flight_level: Option<FlightLevel>,
    /// I048/130, quality of the plot.
    pub plot: Option<PlotCharacteristics>,
    /// I048/220, 24-bit address of the aircraft.
    pub aircraft_address: Option<u32>,
    /// I048/240, what the aircraft calls itself.
    pub identification: Option<Identification>,
    /// I048/250, Comm-B registers as sent.
    pub registers: Vec<Register>,
    /// I048/161, the radar's number of the track, 0 to 4,095.
    pub track_number: Option<u16>,
    /// I048/042, the local track's position.
    pub cartesian: Option<Cartesian>,
    /// I048/200, the local track's velocity.
    pub velocity: Option<Velocity>,
    /// I048/170, the local track's state.
    pub track: Option<TrackStatus>,
    /// I048/210, standard deviations of the local track.
    pub track_quality: Option<TrackQuality>,
    /// I048/030, warnings and target classes.
    pub conditions: Conditions,
    /// I048/080, low-quality pulses of the Mode 3/A code (12 bits, code order).
    pub mode_3a_confidence: Option<u16>,
    /// I048/100, Mode C in Gray code with its confidence.
    pub mode_c: Option<ModeC>,
    /// I048/110, height above mean sea level measured by a 3D radar.
    pub height_3d: Option<Metres>,
    /// I048/120, radial speed.
    pub doppler: Option<Doppler>,
    /// I048/230, what the transponder can do, and flight status.
    pub capability: Option<Capability>,
    /// I048/260, the collision-avoidance advisory as sent.
    pub resolution_advisory: Option<[u8; 7]>,
    /// I048/055, Mode 1 code (5 bits).
    pub mode_1: Option<ModeCode>,
    /// I048/050, Mode 2 code.
    pub mode_2: Option<ModeCode>,
    /// I048/065, low-quality pulses of the Mode 1 code (5 bits).
    pub mode_1_confidence: Option<u8>,
    /// I048/060, low-quality pulses of the Mode 2 code (12 bits).
    pub mode_2_confidence: Option<u16>,
    /// SP, special purpose field without its length.
    pub special_purpose: Option<Vec<u8>>,
    /// RE, reserved expansion field without its length.
    pub reserved_expansion: Option<Vec<u8>>,
}

/// I048/040: from the radar, in slant range and azimuth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Slant range.
    pub range: Metres,
    /// How far `range` can be trusted.
    pub reach: Reach,
    /// Clockwise from the radar's north, 0 to 360 (excluded).
    pub azimuth: Degrees,
}

/// Whether a range fits its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Below 256 nautical miles, as measured.
    Normal,
    /// Beyond, taken from the extended range report of the expansion field.
    Extended,
    /// Beyond, but the report does not say how far: the range is only a lower bound.
    AtLeast,
}

/// I048/250: one Comm-B register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its number, first digit in the high four bits: `0x40` is BDS 4,0. 0 for a broadcast.
    pub number: u8,
    /// Its 56 bits.
    pub data: [u8; 7],
}

/// I048/042: from the radar, in its plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cartesian {
    /// To the east.
    pub x: Metres,
    /// To the north.
    pub y: Metres,
}

/// I048/200.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Velocity {
    /// Over the ground.
    pub ground_speed: MetresPerSecond,
    /// Clockwise from geographical north at the aircraft, 0 to 360 (excluded).
    pub heading: Degrees,
}

/// I048/210: standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackQuality {
    /// Of x.
    pub x: Metres,
    /// Of y.
    pub y: Metres,
    /// Of the ground speed.
    pub ground_speed: MetresPerSecond,
    /// Of the heading.
    pub heading: Degrees,
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
        match number {
            1..=14 => position_and_track(&mut record, number, cursor)?,
            _ => codes_and_rest(&mut record, number, cursor)?,
        }
    }
    record.length = cursor.offset() - offset;
    Ok(record)
}

/// Field reference numbers 1 to 14 of the user application profile (edition 1.32).
fn position_and_track(
    record: &mut Record,
    number: usize,
    cursor: &mut Cursor<'_>,
) -> Result<(), Error> {
    match number {
        1 => {
            let [sac, sic] = cursor.array("010")?;
            record.source = Some(DataSource { sac, sic });
        }
        2 => record.time_of_day = Some(TimeOfDay::take(cursor, "140")?),
        3 => record.report = Some(TargetReport::take(cursor)?),
        4 => {
            let [range, azimuth] = cursor.words("040")?;
            let beyond = record.report.is_some_and(|report| report.extended_range);
            record.position = Some(Position {
                range: nautical_miles(range, 8),
                reach: if beyond { Reach::AtLeast } else { Reach::Normal },
                azimuth: turns(azimuth, 16),
            });
        }
        5 => record.mode_3a = Some(ModeCode::take(cursor, "070")?),
        6 => record.flight_level = Some(FlightLevel::take(cursor)?),
        7 => record.plot = Some(PlotCharacteristics::take(cursor)?),
        8 => record.aircraft_address = Some(cursor.u24("220")?),
        9 => record.identification = Some(Identification::take(cursor)?),
        10 => {
            let register = |part: [u8; 8]| {
                let [data @ .., number] = part;
                Register { number, data }
            };
            record.registers = cursor.counted("250")?.into_iter().map(register).collect();
        }
        11 => record.track_number = Some(cursor.u16("161")? & 0x0fff),
        12 => {
            let [x, y] = cursor.words("042")?.map(u16::cast_signed);
            let (x, y) = (nautical_miles(x, 7), nautical_miles(y, 7));
            record.cartesian = Some(Cartesian { x, y });
        }
        13 => {
            let [ground_speed, heading] = cursor.words("200")?;
            record.velocity = Some(Velocity {
                ground_speed: nautical_miles_per_second(ground_speed, 14),
                heading: turns(heading, 16),
            });
        }
        14 => record.track = Some(TrackStatus::take(cursor)?),
        other => unreachable!("field reference number {other} is the other function's"),
    }
    Ok(())
}

/// Field reference numbers 15 to 28 of the user application profile (edition 1.32).
fn codes_and_rest(
    record: &mut Record,
    number: usize,
    cursor: &mut Cursor<'_>,
) -> Result<(), Error> {
    match number {
        15 => {
            let [x, y, ground_speed, heading] = cursor.array("210")?;
            record.track_quality = Some(TrackQuality {
                x: nautical_miles(x, 7),
                y: nautical_miles(y, 7),
                ground_speed: nautical_miles_per_second(ground_speed, 14),
                heading: turns(heading, 12),
            });
        }
        16 => record.conditions = Conditions::take(cursor)?,
        17 => record.mode_3a_confidence = Some(cursor.u16("080")? & 0x0fff),
        18 => record.mode_c = Some(ModeC::take(cursor)?),
        19 => {
            let steps = items::signed_14(cursor.u16("110")?);
            record.height_3d = Some(Metres(f64::from(steps) * 25.0 * FOOT_M));
        }
        20 => record.doppler = Some(Doppler::take(cursor)?),
        21 => record.capability = Some(Capability::take(cursor)?),
        22 => record.resolution_advisory = Some(cursor.array("260")?),
        23 => record.mode_1 = Some(ModeCode::take_mode_1(cursor)?),
        24 => record.mode_2 = Some(ModeCode::take(cursor, "050")?),
        25 => record.mode_1_confidence = Some(cursor.u8("065")? & 0x1f),
        26 => record.mode_2_confidence = Some(cursor.u16("060")? & 0x0fff),
        27 => record.special_purpose = Some(cursor.prefixed("SP")?.to_vec()),
        28 => {
            let before = cursor.offset();
            let field = cursor.prefixed("RE")?;
            record.reserved_expansion = Some(field.to_vec());
            if let Some(position) = &mut record.position
                && position.reach == Reach::AtLeast
                && let Some(range) = expansion::extended_range(field, before + 1)?
            {
                *position = Position { range, reach: Reach::Extended, ..*position };
            }
        }
        other => return Err(cursor.undefined("FSPEC", "field reference numbers 1 to 28", other)),
    }
    Ok(())
}
