use super::super::Act;
use super::super::testkit::{World, entry, exercise, node, region, tokyo};
use super::*;

fn said(what: &[Act]) -> World {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    for act in what {
        world.wait(31);
        if matches!(act, Act::Update(_)) {
            world.forecast("KOR-7", region(35.69, 139.3, 1.0, 1.0), 630, 5.0);
            world.obey("JPN-1");
        }
        world.officer("JPN-1", "KOR-7.JPN.1", *act).unwrap();
    }
    world
}

fn content(world: &World, realm: &Realm) -> CapContent {
    cap_content(world.warning("KOR-7.JPN.1"), realm).unwrap()
}

#[test]
fn a_draft_has_a_preview_and_no_message() {
    let world = said(&[]);
    let warning = world.warning("KOR-7.JPN.1");
    assert_eq!(cap_content(warning, &Realm::Operational), None);
    let preview = cap_preview(warning, &exercise()).unwrap();
    assert_eq!(preview.status.as_str(), "Draft");
    assert_eq!(preview.identifier, "KOR-7.JPN.1.1");
    assert!(preview.infos[0].headline.starts_with("EXERCISE: "), "{:?}", preview.infos[0]);
    assert_eq!(cap_preview(said(&[Act::Release(None)]).warning("KOR-7.JPN.1"), &exercise()), None);
}

#[test]
fn the_alert_says_what_was_released() {
    let content = content(&said(&[Act::Release(None)]), &Realm::Operational);
    assert_eq!(content.identifier, "KOR-7.JPN.1.1");
    assert_eq!(content.sender, "JPN-1@watchfire");
    assert_eq!(content.sent.to_string(), "2026-11-03T06:00:31.002Z");
    assert_eq!(content.utc_offset_minutes, 540);
    assert_eq!((content.status, content.message_type), (CapStatus::Actual, Action::Alert));
    assert_eq!((content.note.clone(), content.references.len()), (None, 0));
    assert_eq!(content.response, CapResponse::Shelter);
    assert_eq!(content.event_code, "CDW");
    assert_eq!(content.onset.to_string(), "2026-11-03T06:10:00Z");
    assert_eq!(content.expires.to_string(), "2026-11-03T07:10:15Z");
    let words = [content.urgency.as_str(), content.severity.as_str(), content.certainty.as_str()];
    assert_eq!(words, ["Immediate", "Extreme", "Likely"]);
    let languages: Vec<&str> = content.infos.iter().map(|info| info.language.tag()).collect();
    assert_eq!(languages, ["en-US", "ja-JP", "ko-KR"]);
    let areas: Vec<(&str, &str)> = content
        .areas
        .iter()
        .map(|area| (area.code.as_deref().unwrap(), area.description[&Language::Ja].as_str()))
        .collect();
    assert_eq!(areas, [("JP-11", "埼玉県"), ("JP-13", "東京都"), ("JP-14", "神奈川県")]);
    assert_eq!(content.categories, [CapCategory::Safety]);
    for area in &content.areas {
        assert_eq!(area.polygons.len(), 1, "{:?}: the part near, not the far islands", area.code);
        assert_eq!(area.polygons[0].first(), area.polygons[0].last());
    }
    let public = format!("{:?}", content.parameters);
    assert!(!["KOR-1", "JPN-1", "Kim", "flash", "0707"].iter().any(|word| public.contains(word)));
    assert_eq!(evidence_handle(&entry(node("KOR-1"), 40)), "a90a685ec4d32a508d0c4c7c8d96ba7c");
    assert_eq!(
        content.parameters,
        [
            ("watchfire-warning", "KOR-7.JPN.1".to_owned()),
            ("watchfire-evidence", evidence_handle(&entry(node("KOR-1"), 40))),
            ("watchfire-evidence", evidence_handle(&entry(node("JPN-1"), 41))),
        ]
    );
}

#[test]
fn updates_and_cancels_cite_every_message_before_them() {
    let world = said(&[Act::Release(None), Act::Update(None), Act::Cancel(None)]);
    let warning = world.warning("KOR-7.JPN.1");
    let cancel = content(&world, &exercise());
    assert_eq!(
        (cancel.identifier.as_str(), cancel.message_type),
        ("KOR-7.JPN.1.3", Action::Cancel)
    );
    let cited: Vec<&str> = cancel.references.iter().map(|r| r.identifier.as_str()).collect();
    assert_eq!(cited, ["KOR-7.JPN.1.1", "KOR-7.JPN.1.2"]);
    assert_eq!(cancel.references[1].sent, warning.messages()[1].sent);
    assert_eq!((cancel.response, cancel.certainty.as_str()), (CapResponse::AllClear, "Unlikely"));
    assert!(cancel.expires > cancel.sent);
    assert_eq!(cancel.areas.len(), 4, "the areas of the message it ends");
}

#[test]
fn an_exercise_says_so_everywhere() {
    let content = content(&said(&[Act::Release(None)]), &exercise());
    assert_eq!(content.status, CapStatus::Exercise);
    assert_eq!(content.note.as_deref(), Some("Exercise first-light"));
    for (info, word) in content.infos.iter().zip(["EXERCISE", "訓練", "훈련"]) {
        assert!(info.event.contains(word) && info.headline.contains(word), "{info:?}");
        assert!(info.description.to_uppercase().contains(word), "{info:?}");
    }
}

#[test]
fn american_messages_name_a_civil_originator_and_the_local_clock() {
    let mut world = World::new();
    world.forecast("KOR-7", region(13.45, 144.78, 3.0, 1.0), 600, 5.0);
    world.obey("USA-1");
    world.officer("USA-1", "KOR-7.USA.1", Act::Release(None)).unwrap();
    let content = cap_content(world.warning("KOR-7.USA.1"), &Realm::Operational).unwrap();
    assert_eq!(content.utc_offset_minutes, 600);
    assert!(content.parameters.contains(&("EAS-ORG", "CIV".to_owned())));
}

/// What is said of a fall at sea, released by the owner's officer.
fn at_sea(owner: &str, region: Region) -> CapContent {
    let mut world = World::new();
    world.forecast("KOR-7", region, 600, 5.0);
    let (node, id) = (format!("{owner}-1"), format!("KOR-7.{owner}.1"));
    world.obey(&node);
    world.officer(&node, &id, Act::Release(None)).unwrap();
    cap_content(world.warning(&id), &Realm::Operational).unwrap()
}

#[test]
fn a_sea_area_is_an_outline_for_ships_and_aircraft_and_no_district() {
    let content = at_sea("JPN", region(43.1, 138.0, 2.0, 1.0));
    assert_eq!(content.categories, [CapCategory::Safety, CapCategory::Transport]);
    assert_eq!((content.response, content.event_code), (CapResponse::Avoid, "LAE"));
    let words = [content.urgency.as_str(), content.severity.as_str(), content.certainty.as_str()];
    assert_eq!(words, ["Immediate", "Moderate", "Likely"]);
    assert_eq!(content.utc_offset_minutes, 540);
    let [area] = &content.areas[..] else { panic!("one area: {:?}", content.areas) };
    assert_eq!(area.code, None);
    let description: Vec<&str> = area.description.values().map(String::as_str).collect();
    assert_eq!(
        description,
        [
            "Sea within about 10 km of 43°06'N 138°00'E, about 150 km west of Hokkaido",
            "北海道の西約150kmの海上（北緯43度06分、東経138度00分から約10km以内）",
            "홋카이도 서쪽 약 150km 해상(북위 43도 06분, 동경 138도 00분에서 약 10km 이내)",
        ]
    );
    let [ring] = &area.polygons[..] else { panic!("one outline") };
    assert_eq!((ring.len(), ring.first()), (73, ring.last()));
    let north_to_south = |ring: &[[f64; 2]]| {
        let lats = ring.iter().map(|[lat, _]| *lat);
        lats.fold((90.0_f64, -90.0_f64), |(south, north), lat| (south.min(lat), north.max(lat)))
    };
    // 5 nautical miles are 5 minutes of latitude, within 0.1 %.
    let (south, north) = north_to_south(ring);
    assert!((north - 43.1 - 0.0834).abs() < 2e-4 && (43.1 - south - 0.0834).abs() < 2e-4);
    // 90 % of an impact known to 10 km (1 sigma) lie within 21.5 km or 0.193 degrees.
    let (south, north) =
        north_to_south(&at_sea("JPN", region(43.1, 138.0, 10.0, 1.0)).areas[0].polygons[0]);
    assert!((north - 43.1 - 0.193).abs() < 5e-4 && (43.1 - south - 0.193).abs() < 5e-4);
}

#[test]
fn a_sea_area_across_the_180th_meridian_is_two_outlines() {
    // South of the Aleutians.
    let content = at_sea("USA", region(50.0, 179.99, 5.0, 5.0));
    assert!(content.areas[0].description[&Language::En].ends_with(" of Alaska"));
    let rings = &content.areas[0].polygons;
    assert_eq!(rings.len(), 2);
    for ring in rings {
        assert!(ring.len() <= 100 && ring.first() == ring.last(), "{ring:?}");
        assert!(ring.iter().all(|[_, lon]| (-180.0..=180.0).contains(lon)), "{ring:?}");
        let east = ring.iter().filter(|[_, lon]| *lon > 0.0).count();
        assert!(east == 0 || east == ring.len(), "each on its own side: {ring:?}");
    }
}
