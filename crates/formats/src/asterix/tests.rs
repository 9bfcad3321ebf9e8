//! Byte vectors written from the standard, one with every item of each category.

use base::Geodetic;

use super::cat048::{
    Cartesian, CodeQuality, Detection, FlightLevel, Friend, ModeC, ModeCode, PlotCharacteristics,
    Position, RawDoppler, Reach, Record, Register, TargetReport, TrackQuality, TrackStatus,
    Velocity, Vertical,
};
use super::*;

/// Every item of category 048, one a line.
const FULL_048: &str = "
    FF FF FF FE
    19 0C
    00 80 80
    F5 55 C0
    FF FF 40 00
    6E 38
    BF FC
    FE 40 05 C3 20 9C FF 80
    3C 66 0C
    10 C2 36 D4 18 20
    02 01 02 03 04 05 06 07 40 11 12 13 14 15 16 17 50
    FD EB
    00 80 FF 80
    07 B9 58 2E
    DD B0
    80 40 20 10
    03 2E
    0A AA
    8A BC 05 55
    3F FF
    C0 83 FF 01 00 0A 00 64 04 00
    2A F5
    30 31 32 33 34 35 36
    B6
    22 9C
    15
    05 55
    03 AA BB
    13 B8 A0 11 01 02 03 04 05 06 07 00 90 09 12 34 01 2C 00";

/// Every item of category 034, one a line.
const FULL_034: &str = "
    FF FE
    19 0E
    02
    3A 69 2B
    40
    02 80
    9C 94 60 28 D5 80
    9C 3A 90 60 50
    02 0C 01 FF FF
    01 00 02 00 40 00 80 00
    05
    01 F4 1A 00 00 C0 00 00
    80 40
    02 AA
    03 BB CC";

fn hex(text: &str) -> Vec<u8> {
    text.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn block(category: u8, records: &[u8]) -> Vec<u8> {
    let length = u16::try_from(records.len() + HEADER_BYTES).unwrap().to_be_bytes();
    [&[category], length.as_slice(), records].concat()
}

fn target(record: &[u8]) -> Result<Record, Error> {
    let bytes = block(cat048::CATEGORY, record);
    let mut found = blocks(&bytes, 0);
    let first = found.next().expect("one block");
    assert!(found.next().is_none());
    first.map(|block| match block.content {
        Content::Cat048(mut records) => {
            assert_eq!(records.len(), 1);
            records.remove(0)
        }
        other => panic!("not category 048: {other:?}"),
    })
}

fn service(record: &[u8]) -> Result<cat034::Record, Error> {
    let bytes = block(cat034::CATEGORY, record);
    blocks(&bytes, 0).next().expect("one block").map(|block| match block.content {
        Content::Cat034(mut records) => records.remove(0),
        other => panic!("not category 034: {other:?}"),
    })
}

const FULL_REPORT: TargetReport = TargetReport {
    detection: Detection::ModeSRollCallPsr,
    simulated: true,
    chain_2: false,
    special_position: true,
    field_monitor: false,
    test: false,
    extended_range: true,
    x_pulse: false,
    military_emergency: true,
    military_identification: false,
    friend: Friend::Unknown,
};

const fn quality(unvalidated: bool, garbled: bool) -> CodeQuality {
    CodeQuality { unvalidated, garbled }
}

#[test]
fn every_item_of_category_048_means_what_the_standard_says() {
    let bytes = hex(FULL_048);
    let mut record = target(&bytes).unwrap();
    assert_eq!((record.offset, record.length), (HEADER_BYTES, bytes.len()));
    assert_eq!(record.identification.take().unwrap().to_string(), "DLH65A");
    assert_eq!(record.time_of_day.take().unwrap().seconds(), Seconds(257.0));
    let doppler = record.doppler.take().unwrap();
    assert_eq!(doppler.calculated, Some((MetresPerSecond(-1.0), true)));
    let raw = RawDoppler {
        speed: MetresPerSecond(10.0),
        ambiguity: MetresPerSecond(100.0),
        frequency_mhz: 1_024,
    };
    assert_eq!(doppler.raw, [raw]);
    assert_eq!(std::mem::take(&mut record.conditions).codes(), [1, 23]);
    let capability = record.capability.take().unwrap();
    assert_eq!((capability.communications, capability.flight_status), (1, 2));
    assert!(capability.ii_only && capability.acas && capability.acas_capability == 5);
    let expected = Record {
        offset: HEADER_BYTES,
        length: bytes.len(),
        source: Some(DataSource { sac: 0x19, sic: 0x0c }),
        report: Some(FULL_REPORT),
        position: Some(Position {
            range: Metres(300.0 * 1_852.0),
            reach: Reach::Extended,
            azimuth: Degrees(90.0),
        }),
        mode_3a: Some(ModeCode { quality: quality(false, true), kept: true, code: 0o7070 }),
        flight_level: Some(FlightLevel { quality: quality(true, false), quarters: -4 }),
        plot: Some(PlotCharacteristics {
            ssr_run_length: Some(Degrees(2.8125)),
            ssr_replies: Some(5),
            ssr_amplitude_dbm: Some(-61),
            psr_run_length: Some(Degrees(1.40625)),
            psr_amplitude_dbm: Some(-100),
            range_difference: Some(Metres(-1_852.0 / 256.0)),
            azimuth_difference: Some(Degrees(-2.8125)),
        }),
        aircraft_address: Some(0x3c_66_0c),
        registers: vec![
            Register { number: 0x40, data: [1, 2, 3, 4, 5, 6, 7] },
            Register { number: 0x50, data: [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17] },
        ],
        track_number: Some(3_563),
        cartesian: Some(Cartesian { x: Metres(1_852.0), y: Metres(-1_852.0) }),
        velocity: Some(Velocity {
            ground_speed: MetresPerSecond(1_977.0 * 1_852.0 / 16_384.0),
            heading: Degrees(124.002_685_546_875),
        }),
        track: Some(TrackStatus {
            tentative: true,
            sensor: 2,
            doubtful: true,
            manoeuvring: true,
            vertical: Vertical::Descending,
            ended: true,
            ghost: false,
            supplied: true,
            slant_corrected: true,
        }),
        track_quality: Some(TrackQuality {
            x: Metres(1_852.0),
            y: Metres(926.0),
            ground_speed: MetresPerSecond(1_852.0 / 512.0),
            heading: Degrees(1.40625),
        }),
        mode_3a_confidence: Some(0xaaa),
        mode_c: Some(ModeC { quality: quality(true, false), gray: 0xabc, confidence: 0x555 }),
        height_3d: Some(Metres(-7.62)),
        resolution_advisory: Some([0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36]),
        mode_1: Some(ModeCode { quality: quality(true, false), kept: true, code: 0b10110 }),
        mode_2: Some(ModeCode { quality: quality(false, false), kept: true, code: 0o1234 }),
        mode_1_confidence: Some(0b10101),
        mode_2_confidence: Some(0x555),
        special_purpose: Some(vec![0xaa, 0xbb]),
        reserved_expansion: Some(bytes[bytes.len() - 18..].to_vec()),
        ..Record::default()
    };
    assert_eq!(record, expected);
}

#[test]
fn every_item_of_category_034_means_what_the_standard_says() {
    let bytes = hex(FULL_034);
    let expected = cat034::Record {
        offset: HEADER_BYTES,
        length: bytes.len(),
        source: Some(DataSource { sac: 0x19, sic: 0x0e }),
        message: Some(cat034::Message::SectorCrossing),
        time_of_day: TimeOfDay::from_steps(0x3a_69_2b),
        sector: Some(Degrees(90.0)),
        rotation_period: Some(Seconds(5.0)),
        status: Some(cat034::Status {
            common: Some(cat034::CommonStatus {
                inhibited: true,
                chain_2: false,
                restarted: false,
                processor_overload: true,
                transmission_overload: false,
                unmonitored: true,
                time_invalid: false,
            }),
            psr: Some(0x60),
            ssr: Some(0x28),
            mode_s: Some(0xd580),
        }),
        processing: Some(cat034::Processing {
            common: Some(0x3a),
            psr: Some(0x90),
            ssr: Some(0x60),
            mode_s: Some(0x50),
        }),
        counts: vec![
            cat034::Count { kind: 1, count: 1_025 },
            cat034::Count { kind: 31, count: 2_047 },
        ],
        window: Some(cat034::Window {
            range_start: Metres(1_852.0),
            range_end: Metres(3_704.0),
            azimuth_start: Degrees(90.0),
            azimuth_end: Degrees(180.0),
        }),
        filter: Some(5),
        site: Geodetic::new(Degrees(36.5625), Degrees(-90.0), Metres(500.0)).ok(),
        collimation: Some(cat034::Collimation {
            range: Metres(-1_852.0),
            azimuth: Degrees(1.40625),
        }),
        reserved_expansion: Some(vec![0xaa]),
        special_purpose: Some(vec![0xbb, 0xcc]),
    };
    assert_eq!(service(&bytes).unwrap(), expected);
}

#[test]
fn a_code_is_usable_only_if_validated_and_clear() {
    for (first, usable) in [("0E", true), ("8E", false), ("4E", false), ("2E", true)] {
        let code = target(&hex(&format!("08 {first} 38"))).unwrap().mode_3a.unwrap();
        assert_eq!((code.quality.is_usable(), code.code), (usable, 0o7070), "{first}");
    }
}

#[test]
fn parts_that_were_not_sent_are_absent() {
    // Only the source; only a plain report descriptor; subfields 1 and 7 of the plot's quality.
    assert_eq!(target(&hex("80 01 02")).unwrap().report, None);
    let report = target(&hex("20 20")).unwrap().report.unwrap();
    assert_eq!((report.detection, report.extended_range), (Detection::Psr, false));
    let plot = target(&hex("02 82 40 40")).unwrap().plot.unwrap();
    assert_eq!((plot.ssr_run_length, plot.ssr_replies), (Some(Degrees(2.8125)), None));
    assert_eq!(plot.azimuth_difference, Some(Degrees(1.40625)));
}

#[test]
fn a_range_beyond_the_item_is_never_taken_for_a_measurement() {
    // FSPEC: items 020, 040 and RE. The report says the range is beyond.
    let start = "31 01 01 02 21 40 FF FF 00 00";
    for (expansion, reach) in [
        ("05 08 01 2C 00", Reach::Extended),
        ("03 80 00", Reach::AtLeast),
        ("02 00", Reach::AtLeast),
    ] {
        let position = target(&hex(&format!("{start} {expansion}"))).unwrap().position.unwrap();
        assert_eq!(position.reach, reach, "{expansion}");
    }
    let error = target(&hex(&format!("{start} 04 08 01 2C"))).unwrap_err().to_string();
    assert_eq!(error, "expected item I048/RE/ERR of 3 bytes at offset 15, got 2 bytes left");
}

#[test]
fn malformed_records_say_what_was_expected_and_where() {
    for (record, says) in [
        ("10 01 02", "expected item I048/040 of 4 bytes at offset 4, got 2 bytes left"),
        ("01", "expected item I048/FSPEC of 2 bytes at offset 3, got 1 bytes left"),
        ("20 01", "expected item I048/020 of 2 bytes at offset 4, got 1 bytes left"),
        ("01 20 02 00", "expected item I048/250 of 16 bytes at offset 6, got 1 bytes left"),
        ("01 01 01 04 00", "expected a length of 1 or more in I048/SP at offset 7, got 0"),
        ("01 01 01 04 03 00", "expected item I048/SP of 2 bytes at offset 8, got 1 bytes left"),
        ("01 01 01 01 80", "field reference numbers 1 to 28 in I048/FSPEC at offset 8, got 29"),
        ("40 A8 C0 00", "below 24 h in 1/128 s in I048/140 at offset 4, got 11059200"),
        ("02 01 80 00", "expected subfields 1 to 7 in I048/130 at offset 6, got 8"),
        ("01 01 04 20 00", "expected subfields 1 and 2 in I048/120 at offset 7, got 3"),
    ] {
        let error = target(&hex(record)).expect_err(record);
        assert!(error.to_string().contains(says), "`{record}`: `{error}` is not `{says}`");
        assert!(!error.hint().is_empty());
    }
    for (record, says) in [
        ("04 40", "expected subfields 1, 4, 5 and 6 in I034/050 at offset 5, got 2"),
        ("02 20", "expected subfields 1, 4, 5 and 6 in I034/060 at offset 5, got 3"),
        ("01 10 00 00 7F FF FF 00 00 00", "a latitude of 90 degrees or less in I034/120"),
        ("01 01 80", "field reference numbers 1 to 14 in I034/FSPEC at offset 6, got 15"),
    ] {
        let error = service(&hex(record)).expect_err(record);
        assert!(error.to_string().contains(says), "`{record}`: `{error}` is not `{says}`");
    }
}

#[test]
fn a_refused_block_does_not_hide_the_next_one() {
    let good = block(cat048::CATEGORY, &hex("80 01 02"));
    let bad = block(cat048::CATEGORY, &hex("80 01 02 80 01"));
    let other = block(62, &[1, 2, 3]);
    let bytes = [good.clone(), bad, other, good.clone()].concat();
    let results: Vec<_> = blocks(&bytes, 100).collect();
    assert_eq!(results.len(), 4);
    assert!(matches!(&results[0], Ok(Block { offset: 100, length: 6, .. })));
    let error = results[1].as_ref().unwrap_err().to_string();
    assert_eq!(error, "expected item I048/010 of 2 bytes at offset 113, got 1 bytes left");
    assert!(matches!(&results[2], Ok(Block { category: 62, content: Content::Skipped, .. })));
    assert!(matches!(&results[3], Ok(Block { offset: 120, content: Content::Cat048(_), .. })));
}

#[test]
fn headers_that_contradict_the_bytes_end_the_reading() {
    for (bytes, says) in [
        ("30 00", "expected a data block header of 3 bytes at offset 7, got 2 bytes left"),
        ("30 00 02", "category 048 with a length from 3 to 3 at offset 7, got length 2"),
        ("30 00 09 80", "category 048 with a length from 3 to 4 at offset 7, got length 9"),
    ] {
        let bytes = hex(bytes);
        let mut found = blocks(&bytes, 7);
        let error = found.next().unwrap().unwrap_err().to_string();
        assert!(error.contains(says), "`{error}` is not `{says}`");
        assert!(found.next().is_none());
    }
    assert!(blocks(&[], 0).next().is_none());
}

#[test]
fn every_truncation_of_a_record_is_refused() {
    for (category, text) in [(cat048::CATEGORY, FULL_048), (cat034::CATEGORY, FULL_034)] {
        let bytes = hex(text);
        for length in 1..bytes.len() {
            let result = blocks(&block(category, &bytes[..length]), 0).next().unwrap();
            assert!(result.is_err(), "category {category} cut to {length} bytes was taken");
        }
    }
}

#[test]
fn mutated_records_never_panic_and_lie_where_they_say() {
    let mut state: u64 = 7;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let seeds = [
        block(cat048::CATEGORY, &hex(FULL_048)),
        block(cat034::CATEGORY, &hex(FULL_034)),
        block(cat048::CATEGORY, &hex("FD F7 02 19 C9 35 6D 4D A0 C5 AF F1 E0 02 00 05 28 00")),
    ];
    let mut taken = 0;
    for round in 0..60_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=next(6) {
            let at = next(bytes.len());
            bytes[at] = u8::try_from(next(256)).unwrap();
        }
        let cut = if round % 5 == 0 { next(bytes.len()) } else { bytes.len() };
        for block in blocks(&bytes[..cut], 0).flatten() {
            taken += 1;
            let mut at = block.offset + HEADER_BYTES;
            let spans: Vec<(usize, usize)> = match &block.content {
                Content::Cat034(records) => records.iter().map(|r| (r.offset, r.length)).collect(),
                Content::Cat048(records) => records.iter().map(|r| (r.offset, r.length)).collect(),
                Content::Skipped => continue,
            };
            for (offset, length) in spans {
                assert_eq!(offset, at);
                at += length;
            }
            assert_eq!(at, block.offset + block.length);
        }
    }
    assert!(taken > 10_000, "only {taken} blocks survived, the loop tests little");
}

#[test]
fn a_time_of_day_falls_on_the_day_closest_to_the_reference() {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let steps = |seconds: u32| TimeOfDay::from_steps(seconds * 128).unwrap();
    for (seconds, reference, expected) in [
        (86_399, "2024-03-01T00:00:01Z", "2024-02-29T23:59:59Z"),
        (1, "2024-02-29T23:59:59Z", "2024-03-01T00:00:01Z"),
        (3_600, "2024-03-01T12:00:00Z", "2024-03-01T01:00:00Z"),
        (0, "2024-03-01T12:00:00Z", "2024-03-01T00:00:00Z"),
        (0, "2024-03-01T12:00:00.000000001Z", "2024-03-02T00:00:00Z"),
        (43_200, "1969-12-31T23:00:00Z", "1969-12-31T12:00:00Z"),
    ] {
        assert_eq!(resolve_time(steps(seconds), time(reference)), time(expected), "{reference}");
    }
    assert_eq!(TimeOfDay::from_steps(86_400 * 128), None);
    let last = TimeOfDay::from_steps(86_400 * 128 - 1).unwrap();
    assert_eq!(last.since_midnight(), TimeDelta::from_nanos(86_399_992_187_500));
    resolve_time(last, Timestamp::MAX);
    resolve_time(last, Timestamp::MIN);
}
