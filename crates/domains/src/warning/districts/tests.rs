use super::*;

/// Area on the sphere of equal area, km²; edges are straight in longitude and sine of latitude.
fn area_km2(district: &District) -> f64 {
    const AUTHALIC_RADIUS_KM: f64 = 6_371.007_2;
    let ring_km2 = |ring: &Ring| {
        let points: Vec<[f64; 2]> = closed_degrees(ring)
            .into_iter()
            .map(|[lon, lat]| [lon.to_radians(), base::math::sin(lat.to_radians())])
            .collect();
        let twice: f64 = points.windows(2).map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1]).sum();
        twice / 2.0 * AUTHALIC_RADIUS_KM * AUTHALIC_RADIUS_KM
    };
    district.polygons.iter().flat_map(|polygon| &polygon.rings).map(ring_km2).sum()
}

fn check_areas(bar: f64, official_km2: &[(&str, f64)]) {
    for (code, official) in official_km2 {
        let got = area_km2(districts().get(code).unwrap());
        let off = got / official - 1.0;
        assert!(off.abs() < bar, "{code}: {got:.0} km², officially {official:.0} ({off:+.3})");
    }
}

#[test]
fn every_partner_has_its_districts() {
    let count = |partner: &str| {
        districts().iter().filter(|district| district.partner.as_str() == partner).count()
    };
    assert_eq!([count("JPN"), count("KOR"), count("USA")], [47, 17, 56]);
    assert_eq!(districts().iter().count(), 120);
    for district in districts().iter() {
        let country = match district.partner.as_str() {
            "JPN" => "JP-",
            "KOR" => "KR-",
            _ => "US-",
        };
        assert!(district.code.starts_with(country), "{}", district.code);
        let Text { en, ja, ko } = district.name;
        assert!(en.is_ascii(), "{en}");
        assert!(ja.chars().all(|c| !c.is_ascii() && !('가'..='힣').contains(&c)), "{ja}");
        assert!(ko.chars().all(|c| ('가'..='힣').contains(&c) || c == ' '), "{ko}");
    }
    let mut names: Vec<_> = districts().iter().map(|district| district.name.ja).collect();
    names.extend(districts().iter().map(|district| district.name.ko));
    names.extend(districts().iter().map(|district| district.name.en));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3 * 120, "no name stands for two districts");
}

#[test]
fn japanese_areas_are_the_official_ones() {
    // Geospatial Information Authority of Japan, 2023, rounded; Hokkaido without the islands the
    // source does not show (83,424 km² with them). Coarse coasts cost small islands most.
    check_areas(
        0.09,
        &[
            ("JP-01", 78_421.0),
            ("JP-02", 9_646.0),
            ("JP-03", 15_275.0),
            ("JP-04", 7_282.0),
            ("JP-05", 11_638.0),
            ("JP-06", 9_323.0),
            ("JP-07", 13_784.0),
            ("JP-08", 6_098.0),
            ("JP-09", 6_408.0),
            ("JP-10", 6_362.0),
            ("JP-11", 3_798.0),
            ("JP-12", 5_157.0),
            ("JP-13", 2_194.0),
            ("JP-14", 2_416.0),
            ("JP-15", 12_584.0),
            ("JP-16", 4_248.0),
            ("JP-17", 4_186.0),
            ("JP-18", 4_191.0),
            ("JP-19", 4_465.0),
            ("JP-20", 13_562.0),
            ("JP-21", 10_621.0),
            ("JP-22", 7_777.0),
            ("JP-23", 5_173.0),
            ("JP-24", 5_774.0),
            ("JP-25", 4_017.0),
            ("JP-26", 4_612.0),
            ("JP-27", 1_905.0),
            ("JP-28", 8_401.0),
            ("JP-29", 3_691.0),
            ("JP-30", 4_725.0),
            ("JP-31", 3_507.0),
            ("JP-32", 6_708.0),
            ("JP-33", 7_114.0),
            ("JP-34", 8_479.0),
            ("JP-35", 6_113.0),
            ("JP-36", 4_147.0),
            ("JP-37", 1_877.0),
            ("JP-38", 5_676.0),
            ("JP-39", 7_103.0),
            ("JP-40", 4_988.0),
            ("JP-41", 2_441.0),
            ("JP-42", 4_131.0),
            ("JP-43", 7_409.0),
            ("JP-44", 6_341.0),
            ("JP-45", 7_734.0),
            ("JP-46", 9_186.0),
            ("JP-47", 2_282.0),
        ],
    );
}

#[test]
fn korean_areas_are_the_official_ones() {
    // Statistics Korea, 2023, rounded; Daegu with Gunwi county.
    check_areas(
        0.05,
        &[
            ("KR-11", 605.0),
            ("KR-26", 771.0),
            ("KR-27", 1_499.0),
            ("KR-28", 1_067.0),
            ("KR-29", 501.0),
            ("KR-30", 540.0),
            ("KR-31", 1_063.0),
            ("KR-41", 10_200.0),
            ("KR-42", 16_830.0),
            ("KR-43", 7_407.0),
            ("KR-44", 8_247.0),
            ("KR-45", 8_073.0),
            ("KR-46", 12_363.0),
            ("KR-47", 18_424.0),
            ("KR-48", 10_542.0),
            ("KR-49", 1_850.0),
            ("KR-50", 465.0),
        ],
    );
}

#[test]
fn areas_of_states_and_territories_are_the_official_ones() {
    // United States Census Bureau, 2010, total area of inland states, land area of coastal ones.
    check_areas(
        0.04,
        &[
            ("US-AK", 1_477_953.0),
            ("US-AZ", 295_234.0),
            ("US-CO", 269_601.0),
            ("US-HI", 16_635.0),
            ("US-IA", 145_746.0),
            ("US-KS", 213_100.0),
            ("US-NM", 314_917.0),
            ("US-NV", 286_380.0),
            ("US-PR", 8_868.0),
            ("US-TX", 676_587.0),
            ("US-VI", 346.0),
            ("US-WY", 253_335.0),
        ],
    );
    check_areas(0.14, &[("US-GU", 543.0), ("US-MP", 472.0), ("US-AS", 198.0), ("US-DC", 177.0)]);
}

#[test]
fn geojson_has_closed_rings_and_the_agreed_properties() {
    let collection = districts().geojson();
    assert_eq!(collection["type"], "FeatureCollection");
    let features = collection["features"].as_array().unwrap();
    assert_eq!(features.len(), 120);
    let tokyo = features.iter().find(|f| f["properties"]["code"] == "JP-13").unwrap();
    assert_eq!(
        tokyo["properties"],
        json!({
            "code": "JP-13", "partner": "JPN",
            "name_en": "Tokyo", "name_ja": "東京都", "name_ko": "도쿄도",
        })
    );
    for feature in features {
        for polygon in feature["geometry"]["coordinates"].as_array().unwrap() {
            for ring in polygon.as_array().unwrap() {
                let ring = ring.as_array().unwrap();
                assert!(ring.len() >= 4);
                assert_eq!(ring.first(), ring.last());
            }
        }
    }
}

#[test]
fn no_ring_crosses_the_antimeridian() {
    for district in districts().iter() {
        for polygon in &district.polygons {
            let width = polygon.bounds.east - polygon.bounds.west;
            assert!(f64::from(width) < 90.0 * UNITS_PER_DEGREE, "{}", district.code);
        }
    }
}

#[test]
fn bad_tables_are_refused_with_their_line() {
    const HEADER: &str = "code\tpartner\tname_en\tname_ja\tname_ko\tsource\n";
    const SHAPES: &str = "code\tboundary\n";
    const ROW: &str = "JP-13\tJPN\tTokyo\t東京都\t도쿄도\tx";
    let check = |table: String, boundaries: String, expect: &str| {
        let error = Districts::parse(table.leak(), boundaries.leak()).unwrap_err().to_string();
        assert_eq!(error, expect);
    };
    check(
        "code\n".to_owned(),
        SHAPES.to_owned(),
        "expected code\tpartner\tname_en\tname_ja\tname_ko\tsource in line 1 of `districts.tsv`, got `code`",
    );
    check(
        format!("{HEADER}{ROW}"),
        SHAPES.to_owned(),
        "expected a boundary for every district in line 2 of `boundaries.tsv`, got `the end`",
    );
    check(
        format!("{HEADER}{ROW}"),
        format!("{SHAPES}JP-14\t0 0 1 0 0 1"),
        "expected the codes of `districts.tsv` in line 2 of `boundaries.tsv`, got `JP-13`",
    );
    for (boundary, expect) in [
        (
            "0 0 1 0",
            "expected a ring of 3 to 20,000 vertices in line 2 of `boundaries.tsv`, got `2 vertices`",
        ),
        (
            "0 0 0 1 1 0",
            "expected outer rings counter-clockwise and holes clockwise in line 2 of `boundaries.tsv`, got `ring 0`",
        ),
        ("0 0 1 x 0 1", "expected an integer in line 2 of `boundaries.tsv`, got `x`"),
        ("0 0 1 0 1", "expected pairs of integers in line 2 of `boundaries.tsv`, got `1`"),
        (
            "0 900001 1 0 0 1",
            "expected a vertex on the Earth in line 2 of `boundaries.tsv`, got `[0, 900001]`",
        ),
    ] {
        check(format!("{HEADER}{ROW}"), format!("{SHAPES}JP-13\t{boundary}"), expect);
    }
}
