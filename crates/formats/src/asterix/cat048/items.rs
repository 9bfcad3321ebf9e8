//! The items of category 048 that have an inner structure.

use std::fmt;

use base::{Degrees, Metres, MetresPerSecond};

use super::super::cursor::Cursor;
use super::super::{FOOT_M, nautical_miles, turns};
use crate::Error;

/// How a target was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detection {
    /// Not at all: the position is extrapolated.
    None,
    /// By primary radar.
    Psr,
    /// By secondary radar.
    Ssr,
    /// By both.
    SsrPsr,
    /// By a Mode S all-call.
    ModeSAllCall,
    /// By a Mode S roll-call.
    ModeSRollCall,
    /// By a Mode S all-call and primary radar.
    ModeSAllCallPsr,
    /// By a Mode S roll-call and primary radar.
    ModeSRollCallPsr,
}

/// The military Mode 4 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Friend {
    /// Not asked.
    NotAsked,
    /// Answered rightly.
    Friendly,
    /// Answered otherwise.
    Unknown,
    /// Did not answer.
    NoReply,
}

/// I048/020; what later parts say is false where they were not sent.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent bit of the item")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetReport {
    /// TYP.
    pub detection: Detection,
    /// SIM: a simulated target.
    pub simulated: bool,
    /// RDP: from the second processor chain.
    pub chain_2: bool,
    /// SPI: the pilot presses ident.
    pub special_position: bool,
    /// RAB: a fixed transponder that checks the radar, not an aircraft.
    pub field_monitor: bool,
    /// TST: a test target.
    pub test: bool,
    /// ERR: the range is beyond I048/040.
    pub extended_range: bool,
    /// XPP: X-pulse present.
    pub x_pulse: bool,
    /// ME: military emergency.
    pub military_emergency: bool,
    /// MI: military identification.
    pub military_identification: bool,
    /// FOE/FRI.
    pub friend: Friend,
}

impl TargetReport {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let bytes = cursor.extended("020")?;
        let bit = |byte: usize, number: u8| {
            bytes.get(byte).is_some_and(|byte| byte >> (number - 1) & 1 == 1)
        };
        Ok(Self {
            detection: match bytes[0] >> 5 {
                0 => Detection::None,
                1 => Detection::Psr,
                2 => Detection::Ssr,
                3 => Detection::SsrPsr,
                4 => Detection::ModeSAllCall,
                5 => Detection::ModeSRollCall,
                6 => Detection::ModeSAllCallPsr,
                _ => Detection::ModeSRollCallPsr,
            },
            simulated: bit(0, 5),
            chain_2: bit(0, 4),
            special_position: bit(0, 3),
            field_monitor: bit(0, 2),
            test: bit(1, 8),
            extended_range: bit(1, 7),
            x_pulse: bit(1, 6),
            military_emergency: bit(1, 5),
            military_identification: bit(1, 4),
            friend: match (bit(1, 3), bit(1, 2)) {
                (false, false) => Friend::NotAsked,
                (false, true) => Friend::Friendly,
                (true, false) => Friend::Unknown,
                (true, true) => Friend::NoReply,
            },
        })
    }
}

/// What is known about a code or height that a transponder sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeQuality {
    /// V: not validated.
    pub unvalidated: bool,
    /// G: garbled by another answer, or corrected.
    pub garbled: bool,
}

impl CodeQuality {
    /// Validated and not garbled.
    pub const fn is_usable(self) -> bool {
        !self.unvalidated && !self.garbled
    }

    fn of(first: u8) -> Self {
        Self { unvalidated: first & 0x80 != 0, garbled: first & 0x40 != 0 }
    }
}

/// I048/070, /050, /055: a Mode 3/A, 2 or 1 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeCode {
    /// How far to trust it.
    pub quality: CodeQuality,
    /// L: not from this scan's answer, but kept or smoothed by the radar.
    pub kept: bool,
    /// The code, 12 bits (5 for Mode 1); people write it in octal, as `Display` does.
    pub code: u16,
}

impl ModeCode {
    pub(super) fn take(cursor: &mut Cursor<'_>, item: &'static str) -> Result<Self, Error> {
        let bytes = cursor.array::<2>(item)?;
        Ok(Self {
            quality: CodeQuality::of(bytes[0]),
            kept: bytes[0] & 0x20 != 0,
            code: u16::from_be_bytes(bytes) & 0x0fff,
        })
    }

    pub(super) fn take_mode_1(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let byte = cursor.u8("055")?;
        Ok(Self {
            quality: CodeQuality::of(byte),
            kept: byte & 0x20 != 0,
            code: u16::from(byte & 0x1f),
        })
    }
}

impl fmt::Display for ModeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.code)
    }
}

/// I048/090: pressure height in quarters of a flight level (25 ft).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlightLevel {
    /// How far to trust it.
    pub quality: CodeQuality,
    /// Quarters of a flight level, -8,192 to 8,191.
    pub quarters: i16,
}

impl FlightLevel {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let bytes = cursor.array::<2>("090")?;
        Ok(Self {
            quality: CodeQuality::of(bytes[0]),
            quarters: signed_14(u16::from_be_bytes(bytes)),
        })
    }

    /// Hundreds of feet.
    pub fn levels(self) -> f64 {
        f64::from(self.quarters) / 4.0
    }

    /// Height in the standard atmosphere, not above the sea or the ellipsoid.
    pub fn pressure_height(self) -> Metres {
        Metres(f64::from(self.quarters) * 25.0 * FOOT_M)
    }
}

/// The low 14 bits as a two's complement number.
pub(super) const fn signed_14(bits: u16) -> i16 {
    (bits << 2).cast_signed() >> 2
}

/// I048/130.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlotCharacteristics {
    /// SRL: width of the secondary plot.
    pub ssr_run_length: Option<Degrees>,
    /// SRR: answers received.
    pub ssr_replies: Option<u8>,
    /// SAM: amplitude of the answers, dBm.
    pub ssr_amplitude_dbm: Option<i8>,
    /// PRL: width of the primary plot.
    pub psr_run_length: Option<Degrees>,
    /// PAM: amplitude of the primary plot, dBm.
    pub psr_amplitude_dbm: Option<i8>,
    /// RPD: primary minus secondary range.
    pub range_difference: Option<Metres>,
    /// APD: primary minus secondary azimuth.
    pub azimuth_difference: Option<Degrees>,
}

impl PlotCharacteristics {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        const ITEM: &str = "130";
        let mut plot = Self::default();
        for number in cursor.present(ITEM)? {
            if number > 7 {
                return Err(cursor.undefined(ITEM, "subfields 1 to 7", number));
            }
            let byte = cursor.u8(ITEM)?;
            match number {
                1 => plot.ssr_run_length = Some(turns(byte, 13)),
                2 => plot.ssr_replies = Some(byte),
                3 => plot.ssr_amplitude_dbm = Some(byte.cast_signed()),
                4 => plot.psr_run_length = Some(turns(byte, 13)),
                5 => plot.psr_amplitude_dbm = Some(byte.cast_signed()),
                6 => plot.range_difference = Some(nautical_miles(byte.cast_signed(), 8)),
                _ => plot.azimuth_difference = Some(turns(byte.cast_signed(), 14)),
            }
        }
        Ok(plot)
    }
}

/// I048/240: up to eight characters, as sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identification([u8; 8]);

impl Identification {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let [a, b, c, d, e, f] = cursor.array("240")?;
        let bits = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Ok(Self(std::array::from_fn(|i| {
            // ICAO Annex 10 volume IV, table 3-9: six bits a character.
            match (bits >> (6 * (7 - i)) & 0x3f) as u8 {
                letter @ 1..=26 => b'A' + letter - 1,
                // Zeros come from transponders that have no name to send.
                0 | b' ' => b' ',
                digit @ b'0'..=b'9' => digit,
                _ => b'?',
            }
        })))
    }

    /// All eight characters; `?` stands for a code that means nothing.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the characters are ASCII by construction")
    }
}

impl fmt::Debug for Identification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Identification {
    /// Without the blanks that fill the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().trim_end())
    }
}

/// Whether a track keeps its height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vertical {
    /// It does.
    Level,
    /// It rises.
    Climbing,
    /// It sinks.
    Descending,
    /// Not known.
    Unknown,
}

/// I048/170; what the second part says is false where it was not sent.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent bit of the item")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackStatus {
    /// CNF: not yet confirmed.
    pub tentative: bool,
    /// RAD: what keeps it up: 0 combined, 1 primary, 2 secondary or Mode S, 3 invalid.
    pub sensor: u8,
    /// DOU: low confidence in the association.
    pub doubtful: bool,
    /// MAH: it turns or changes speed.
    pub manoeuvring: bool,
    /// CDM.
    pub vertical: Vertical,
    /// TRE: the last report of the track.
    pub ended: bool,
    /// GHO: a ghost, not a target.
    pub ghost: bool,
    /// SUP: kept up with a neighbour's tracks.
    pub supplied: bool,
    /// TCC: ranges corrected for slant before tracking.
    pub slant_corrected: bool,
}

impl TrackStatus {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let bytes = cursor.extended("170")?;
        let first = bytes[0];
        let second = bytes.get(1).copied().unwrap_or(0);
        Ok(Self {
            tentative: first & 0x80 != 0,
            sensor: first >> 5 & 3,
            doubtful: first & 0x10 != 0,
            manoeuvring: first & 0x08 != 0,
            vertical: match first >> 1 & 3 {
                0 => Vertical::Level,
                1 => Vertical::Climbing,
                2 => Vertical::Descending,
                _ => Vertical::Unknown,
            },
            ended: second & 0x80 != 0,
            ghost: second & 0x40 != 0,
            supplied: second & 0x20 != 0,
            slant_corrected: second & 0x10 != 0,
        })
    }
}

/// I048/030: the standard's codes, in the order sent; 7 bits each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Vec<u8>);

impl Conditions {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        Ok(Self(cursor.extended("030")?.iter().map(|byte| byte >> 1).collect()))
    }

    /// The codes.
    pub fn codes(&self) -> &[u8] {
        &self.0
    }
}

/// I048/100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeC {
    /// How far to trust it.
    pub quality: CodeQuality,
    /// The 12 pulses in the order sent (C1 A1 C2 A2 C4 A4 B1 D1 B2 D2 B4 D4), Gray code.
    pub gray: u16,
    /// Low-quality pulses, in the same order.
    pub confidence: u16,
}

impl ModeC {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let [a, b, c, d] = cursor.array("100")?;
        Ok(Self {
            quality: CodeQuality::of(a),
            gray: u16::from_be_bytes([a, b]) & 0x0fff,
            confidence: u16::from_be_bytes([c, d]) & 0x0fff,
        })
    }
}

/// I048/120; positive away from the radar, as the standard recommends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doppler {
    /// Computed by the radar, and whether it doubts it.
    pub calculated: Option<(MetresPerSecond, bool)>,
    /// As measured, one for each transmitted frequency.
    pub raw: Vec<RawDoppler>,
}

/// One measured radial speed, known up to multiples of its ambiguity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawDoppler {
    /// As measured.
    pub speed: MetresPerSecond,
    /// Step of the ambiguity.
    pub ambiguity: MetresPerSecond,
    /// Transmitter frequency, MHz.
    pub frequency_mhz: u16,
}

impl Doppler {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        const ITEM: &str = "120";
        let mut doppler = Self::default();
        for number in cursor.present(ITEM)? {
            match number {
                1 => {
                    let bits = cursor.u16(ITEM)?;
                    let speed = (bits << 6).cast_signed() >> 6;
                    doppler.calculated =
                        Some((MetresPerSecond(f64::from(speed)), bits & 0x8000 != 0));
                }
                2 => {
                    let raw = |[a, b, c, d, e, f]: [u8; 6]| RawDoppler {
                        speed: MetresPerSecond(f64::from(u16::from_be_bytes([a, b]))),
                        ambiguity: MetresPerSecond(f64::from(u16::from_be_bytes([c, d]))),
                        frequency_mhz: u16::from_be_bytes([e, f]),
                    };
                    doppler.raw = cursor.counted(ITEM)?.into_iter().map(raw).collect();
                }
                other => return Err(cursor.undefined(ITEM, "subfields 1 and 2", other)),
            }
        }
        Ok(doppler)
    }
}

/// I048/230.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent bit of the item")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// COM: communications capability, the standard's code 0 to 7.
    pub communications: u8,
    /// STAT: alert, ident and airborne state, the standard's code 0 to 7.
    pub flight_status: u8,
    /// SI: only II codes.
    pub ii_only: bool,
    /// MSSC: Mode S specific services.
    pub specific_services: bool,
    /// ARC: heights in steps of 25 ft, not 100.
    pub fine_altitude: bool,
    /// AIC: can identify itself.
    pub identification: bool,
    /// B1A: bit 16 of BDS 1,0.
    pub acas: bool,
    /// B1B: bits 37 to 40 of BDS 1,0.
    pub acas_capability: u8,
}

impl Capability {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let [first, second] = cursor.array("230")?;
        Ok(Self {
            communications: first >> 5,
            flight_status: first >> 2 & 7,
            ii_only: first & 0x02 != 0,
            specific_services: second & 0x80 != 0,
            fine_altitude: second & 0x40 != 0,
            identification: second & 0x20 != 0,
            acas: second & 0x10 != 0,
            acas_capability: second & 0x0f,
        })
    }
}
