#![expect(clippy::float_cmp, reason = "values must arrive to the bit")]

use super::*;

const HEADER: &str = r#"{"edition":1,"seed":7,"realm":"exercise/first-light","sensors":[{"id":"KOR/R1","partner":"KOR","kind":"radar","lat_deg":36.6,"lon_deg":127.5,"height_m":80.0,"sigma_range_m":30.0,"sigma_azimuth_deg":0.05,"sigma_elevation_deg":0.05,"pd":0.9,"clutter":2.0,"period_s":10.0},{"id":"USA-SAT","partner":"USA","kind":"geodetic","lat_deg":0.0,"lon_deg":140.0,"height_m":35786000.0,"pd":1.0,"clutter":0.0,"period_s":10.0}]}"#;
const RADAR: &str = r#"{"t_meas":1501252920000000000,"t_arrive":1501252920200000000,"sensor":"KOR/R1","scan":0,"plots":[{"range_m":452000.1,"azimuth_deg":359.9,"elevation_deg":12.3,"sigma_range_m":15.0,"sigma_azimuth_deg":0.1,"sigma_elevation_deg":0.2,"doppler_mps":-310.5},{"range_m":1.0,"azimuth_deg":0.0,"elevation_deg":-0.5}]}"#;
const PLACE: &str = r#"{"t_meas":1501252930000000000,"t_arrive":1501252931000000000,"sensor":"USA-SAT","scan":1,"plots":[{"lat_deg":40.6,"lon_deg":126.4,"height_m":21000.0,"sigma_m":900.0}]}"#;
const INJECT: &str =
    r#"{"t":1501252990000000000,"inject":"line-cut","between":["KOR","JPN"],"for_s":30}"#;

#[test]
fn every_kind_of_line_round_trips_byte_for_byte() {
    let file =
        [HEADER, RADAR, "", PLACE, r#"{"t":1501252990000000000,"inject":"pause"}"#].join("\n");
    for (number, line) in read(file.as_bytes()) {
        let written = line.unwrap().to_json();
        assert_eq!(written, file.lines().nth(number - 1).unwrap());
    }
    assert_eq!(read(file.as_bytes()).count(), 4);
}

#[test]
fn values_arrive_where_they_belong() {
    let Line::Scan(scan) = Line::parse(1, RADAR).unwrap() else { panic!("not a scan") };
    assert_eq!(scan.t_meas().to_string(), "2017-07-28T14:42:00Z");
    let Plot::Polar(plot) = scan.plots()[0] else { panic!("not polar") };
    assert_eq!(plot.range().0, 452_000.1);
    assert_eq!(plot.sigmas().unwrap().elevation().0, 0.2);
    assert_eq!(plot.doppler().unwrap().0, -310.5);
    let Line::Inject(inject) = Line::parse(1, INJECT).unwrap() else { panic!("not an inject") };
    assert_eq!(inject.name, "line-cut");
    assert_eq!(inject.parameters["for_s"], 30);
    let Line::Header(header) = Line::parse(1, HEADER).unwrap() else { panic!("not a header") };
    assert_eq!(header.seed(), 7);
    assert_eq!(header.sensors()[0].site().lat().0, 36.6);
    assert_eq!(header.sensors()[1].kind(), SensorKind::Geodetic);
}

#[test]
fn every_double_survives_a_round_trip() {
    let mut bits: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..20_000 {
        bits = bits.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let range = f64::from_bits((bits >> 12) | 0x3ff0_0000_0000_0000) * 1e6;
        let plot = PolarPlot::new(base::Metres(range), base::Degrees(1.0), base::Degrees(2.0));
        let plot = Plot::Polar(plot.unwrap());
        let text = serde_json::to_string(&plot).unwrap();
        assert_eq!(serde_json::from_str::<Plot>(&text).unwrap(), plot, "{text}");
    }
}

/// A bad line, and a part of the message that must say what is wrong.
fn check_refused(text: &str, says: &str) {
    let file = format!("{HEADER}\n{text}\n{RADAR}\n");
    let results: Vec<_> = read(file.as_bytes()).collect();
    assert_eq!(results.len(), 3, "the reader stopped at `{}`", Error::quote(text));
    let error = results[1].1.clone().unwrap_err();
    assert!(error.to_string().starts_with("line 2: "), "{error}");
    assert!(
        error.to_string().contains(says),
        "`{}` gave `{error}`, not `{says}`",
        Error::quote(text)
    );
    assert!(!error.hint().is_empty());
    assert!(results[2].1.is_ok(), "the line after `{}` was refused", Error::quote(text));
}

#[test]
fn bad_lines_are_refused_with_the_reason_and_the_next_line_is_read() {
    let scan = |plot: &str| {
        format!(r#"{{"t_meas":1,"t_arrive":2,"sensor":"KOR/R1","scan":0,"plots":[{plot}]}}"#)
    };
    check_refused("{", "EOF");
    check_refused("[]", "column");
    check_refused("{}", "expected a header (`edition`), a scan (`t_meas`) or an inject");
    check_refused(HEADER, "expected one header, got a second");
    check_refused(&RADAR.replace("\"scan\":0", "\"scan\":-1"), "invalid value");
    check_refused(&RADAR.replace("\"scan\":0", "\"scam\":0"), "unknown field `scam`");
    check_refused(
        &RADAR.replace("KOR/R1", "JPN/R9"),
        "expected a sensor of the header, got `JPN/R9`",
    );
    check_refused(&RADAR.replace("KOR/R1", "a b"), "expected a sensor id");
    check_refused(&RADAR.replace("KOR/R1", "USA-SAT"), "expected geodetic plots from `USA-SAT`");
    check_refused(&PLACE.replace("USA-SAT", "KOR/R1"), "expected polar plots from `KOR/R1`");
    check_refused(&RADAR.replace("1501252920000000000", "1.5"), "invalid type");
    for (plot, says) in [
        (r#"{"range_m":1,"azimuth_deg":2}"#, "a part or a mixture"),
        (r#"{"range_m":1,"azimuth_deg":2,"elevation_deg":3,"sigma_m":1}"#, "a part or a mixture"),
        (r#"{"range_m":1,"azimuth_deg":2,"elevation_deg":3,"sigma_range_m":1}"#, "some of them"),
        (r#"{"range_m":-1,"azimuth_deg":2,"elevation_deg":3}"#, "`range (metres)` from 0"),
        (r#"{"range_m":1,"azimuth_deg":360,"elevation_deg":3}"#, "`azimuth (degrees)` from 0"),
        (r#"{"range_m":1,"azimuth_deg":0,"elevation_deg":90.1}"#, "`elevation (degrees)` from -90"),
        (r#"{"range_m":1,"azimuth_deg":0,"elevation_deg":3,"doppler_mps":1e6}"#, "`doppler"),
        (r#"{"range_m":1e999,"azimuth_deg":0,"elevation_deg":3}"#, "number out of range"),
        (r#"{"range_m":NaN,"azimuth_deg":0,"elevation_deg":3}"#, "expected value"),
        (r#"{"lat_deg":1,"lon_deg":2,"height_m":3,"sigma_m":0}"#, "`position sigma (metres)`"),
        (r#"{"lat_deg":91,"lon_deg":2,"height_m":3,"sigma_m":1}"#, "`latitude (degrees)`"),
    ] {
        check_refused(&scan(plot), says);
    }
    let many =
        vec![r#"{"range_m":1,"azimuth_deg":2,"elevation_deg":3}"#; limits::SCAN_PLOTS_MAX + 1];
    check_refused(&scan(&many.join(",")), "expected at most 5000 plots in a scan, got 5001");
    let long = format!("{}{INJECT}", " ".repeat(limits::JSON_LINE_BYTES_MAX));
    check_refused(&long, "expected at most 4194304 bytes");
}

#[test]
fn bad_headers_are_refused_and_nothing_after_them_is_read() {
    for (text, says) in [
        (RADAR.to_owned(), "expected the header as first line"),
        (
            HEADER.replace("\"edition\":1", "\"edition\":2"),
            "expected scenario edition `1`, got `2`",
        ),
        (HEADER.replace("exercise/first-light", "operational"), "never plays in the operational"),
        (HEADER.replace("exercise/first-light", "exercise/"), "realm `exercise/NAME`"),
        (HEADER.replace("USA-SAT", "KOR/R1"), "expected every sensor id once, got `KOR/R1 twice`"),
        (HEADER.replace("\"KOR\"", "\"kor\""), "expected a partner"),
        (HEADER.replace("\"sigma_range_m\":30.0,", ""), "some of them"),
        (HEADER.replace("\"sigma_range_m\":30.0", "\"sigma_range_m\":-30.0"), "`range sigma"),
        (HEADER.replace("\"kind\":\"radar\"", "\"kind\":\"geodetic\""), "without polar sigmas"),
        (HEADER.replace("\"pd\":0.9", "\"pd\":1.1"), "`probability of detection` from 0 to 1"),
        (HEADER.replace("\"period_s\":10.0", "\"period_s\":0"), "`scan period (seconds)`"),
    ] {
        let file = format!("\n{text}\n{RADAR}\n");
        let results: Vec<_> = read(file.as_bytes()).collect();
        assert_eq!(results.len(), 1, "{text}");
        let error = results[0].1.clone().unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains(says), "`{error}` not `{says}`");
    }
    assert!(read(b"\xff\n").next().unwrap().1.unwrap_err().to_string().contains("0xff"));
    assert_eq!(read(b"").count(), 0);
}

#[test]
fn truth_lines_round_trip_and_refuse_nonsense() {
    let text = r#"{"t":1501252920000000000,"object":"HS14","class":"ballistic","ecef_m":[-2879000.5,3900000.0,4130000.25],"velocity_mps":[1.0,-2.0,3.5]}"#;
    let truth = Truth::parse(1, text).unwrap();
    assert_eq!(truth.to_json(), text);
    assert_eq!(truth.class(), TruthClass::Ballistic);
    for (bad, says) in [
        (text.replace("ballistic", "kite"), "unknown variant `kite`"),
        (text.replace("HS14", ""), "expected an object name"),
        (text.replace("-2879000.5", "1e11"), "`position (metres)`"),
        (text.replace("3.5]", "3.5,4]"), "column"),
        (text.replace("\"t\"", "\"time\""), "unknown field `time`"),
    ] {
        let error = Truth::parse(9, &bad).unwrap_err().to_string();
        assert!(error.starts_with("line 9: ") && error.contains(says), "{error}");
    }
}
