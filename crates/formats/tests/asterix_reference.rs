//! Every record of real recordings against the Python package `asterix-decoder`.
//!
//! `WATCHFIRE_ASTERIX_PYTHON` names a Python that has the package. Recordings: those it ships, and
//! those in the folder of samples beside the repository.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use watchfire_formats::asterix::{Block, Content, blocks, cat034, cat048, open};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the environment names an outside tool for this test"
)]
fn every_record_equals_the_reference() {
    let Ok(python) = std::env::var("WATCHFIRE_ASTERIX_PYTHON") else {
        skipped("comparison with asterix-decoder, WATCHFIRE_ASTERIX_PYTHON is not set");
        return;
    };
    let samples = Path::new(FOLDER).join("../../../shared/samples/asterix");
    if !samples.exists() {
        skipped("recordings beside the repository, shared folder missing");
    }
    let output = Command::new(&python)
        .arg(Path::new(FOLDER).join("testdata/asterix_reference.py"))
        .args(samples.exists().then_some(samples))
        .output()
        .unwrap_or_else(|error| panic!("cannot start `{python}`: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut compared = [0_usize; 2];
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let reference: Value = serde_json::from_str(line).unwrap();
        let file = reference["file"].as_str().unwrap();
        let expected = reference["records"].as_array().unwrap();
        let decoded = decode(file);
        assert_eq!(decoded.len(), expected.len(), "records in {file}");
        for (number, (ours, theirs)) in decoded.iter().zip(expected).enumerate() {
            assert_eq!(ours, theirs, "record {number} of {file}");
            compared[usize::from(ours["category"] == cat048::CATEGORY)] += 1;
        }
    }
    println!("compared: {} records of category 034, {} of category 048", compared[0], compared[1]);
    assert!(compared[0] >= 35 && compared[1] >= 129, "the package's own recordings are missing");
}

fn decode(file: &str) -> Vec<Value> {
    let recording = std::fs::read(file).unwrap();
    open(&recording)
        .unwrap_or_else(|error| panic!("{file}: {error}"))
        .map(|datagram| datagram.unwrap_or_else(|error| panic!("{file}: {error}")))
        .flat_map(|datagram| blocks(datagram.payload, datagram.offset))
        .map(|block| block.unwrap_or_else(|error| panic!("{file}: {error}")))
        .flat_map(|block| rows(&block))
        .collect()
}

fn rows(block: &Block) -> Vec<Value> {
    match &block.content {
        Content::Cat034(records) => records.iter().map(service_row).collect(),
        Content::Cat048(records) => records.iter().map(target_row).collect(),
        Content::Skipped => Vec::new(),
    }
}

const NAUTICAL_MILE_M: f64 = 1852.0;

fn target_row(record: &cat048::Record) -> Value {
    json!({
        "category": cat048::CATEGORY,
        "length": record.length,
        "sac": record.source.map(|source| source.sac),
        "sic": record.source.map(|source| source.sic),
        "time_of_day_s": record.time_of_day.map(|time| time.seconds().0),
        "rho_nm": record.position.map(|position| position.range.0 / NAUTICAL_MILE_M),
        "theta_deg": record.position.map(|position| position.azimuth.0),
        "mode_3a": record.mode_3a.map(|code| code.to_string()),
        "track_number": record.track_number,
        "flight_level": record.flight_level.map(cat048::FlightLevel::levels),
        "aircraft_address": record.aircraft_address.map(|address| format!("{address:06X}")),
        "identification": record.identification.map(|name| name.as_str().to_owned()),
        "x_nm": record.cartesian.map(|place| place.x.0 / NAUTICAL_MILE_M),
        "y_nm": record.cartesian.map(|place| place.y.0 / NAUTICAL_MILE_M),
        "heading_deg": record.velocity.map(|velocity| velocity.heading.0),
        "detection": record.report.map(|report| report.detection as u8),
    })
}

fn service_row(record: &cat034::Record) -> Value {
    let code = |message| match message {
        cat034::Message::NorthMarker => 1,
        cat034::Message::SectorCrossing => 2,
        cat034::Message::GeographicalFiltering => 3,
        cat034::Message::JammingStrobe => 4,
        cat034::Message::SolarStorm => 5,
        cat034::Message::SsrJammingStrobe => 6,
        cat034::Message::ModeSJammingStrobe => 7,
        cat034::Message::Other(code) => code,
    };
    json!({
        "category": cat034::CATEGORY,
        "length": record.length,
        "sac": record.source.map(|source| source.sac),
        "sic": record.source.map(|source| source.sic),
        "time_of_day_s": record.time_of_day.map(|time| time.seconds().0),
        "message": record.message.map(code),
        "sector_deg": record.sector.map(|sector| sector.0),
    })
}

/// Says it past the capture of passing tests' output.
fn skipped(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {what}").expect("standard error takes a line");
}
