use serde_json::json;

use super::super::testkit::{World, exercise, region, tokyo};
use super::super::{Act, Capability};
use super::*;
use crate::Domain;

fn shown(world: &World) -> BTreeMap<String, Value> {
    let mut items = Items::default();
    Capability::items(&world.state, world.now, &mut items);
    items.into_collections().remove(WARNINGS_COLLECTION).unwrap()
}

fn released() -> World {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world
}

#[test]
fn the_item_has_the_agreed_fields() {
    let items = shown(&released());
    let item = &items["KOR-7.JPN.1"];
    let mut short = item.clone();
    let rest = short.as_object_mut().unwrap();
    let (districts, headline) =
        (rest.remove("districts").unwrap(), rest.remove("headline").unwrap());
    assert_eq!(
        short,
        json!({
            "id": "KOR-7.JPN.1",
            "object": "KOR-7",
            "owner": "JPN",
            "state": "released",
            "priority": 2,
            "realm_status": null,
            "audience": "JPN+KOR+USA",
            "area": "land",
            "impact_time": "2026-11-03T06:10:00Z",
            "impact_time_sigma_s": 5.0,
            "severity": "Extreme",
            "urgency": "Immediate",
            "certainty": "Likely",
            "drafted": "2026-11-03T06:00:00.001Z",
            "entry": "JPN-1.flash.07070707070707070707070707070707.1",
            "released": "2026-11-03T06:00:00.002Z",
            "released_by": "Col. Kim",
            "supported": true,
            "late": false,
            "contested": false,
            "pending": null,
            "evidence": [
                "KOR-1.flash.07070707070707070707070707070707.40",
                "JPN-1.flash.07070707070707070707070707070707.41",
            ],
            "source": "JPN+KOR",
            "references": ["KOR-7.JPN.1.1"],
            "sequence": 1,
        })
    );
    assert_eq!(
        districts[1],
        json!({
            "code": "JP-13", "partner": "JPN",
            "name": { "en": "Tokyo", "ja": "東京都", "ko": "도쿄도" },
            "probability": 1.0, "nearby_only": false,
        })
    );
    assert_eq!(
        headline["en"],
        "Missile may fall in or near Tokyo, Saitama, Kanagawa. Take shelter now."
    );
}

#[test]
fn the_realm_is_marked_in_every_headline_of_an_exercise() {
    let mut items = shown(&released());
    mark_realm(&mut items, &exercise());
    let item = &items["KOR-7.JPN.1"];
    assert_eq!(item["realm_status"], "Exercise");
    for (language, mark) in [("en", "EXERCISE: "), ("ja", "【訓練】"), ("ko", "[훈련] ")] {
        assert!(item["headline"][language].as_str().unwrap().starts_with(mark));
    }
    let mut items = shown(&released());
    let before = items["KOR-7.JPN.1"]["headline"].clone();
    mark_realm(&mut items, &Realm::Operational);
    assert_eq!(items["KOR-7.JPN.1"]["realm_status"], "Actual");
    assert_eq!(items["KOR-7.JPN.1"]["headline"], before);
}

#[test]
fn a_pending_draft_names_the_entry_to_release() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    let item = shown(&world)["KOR-7.JPN.1"].clone();
    assert_eq!(
        item["pending"],
        json!({
            "entry": "JPN-1.flash.07070707070707070707070707070707.0",
            "action": "alert",
            "reason": "threat",
            "drafted": "2026-11-03T06:00:00.001Z",
        })
    );
    assert_eq!((&item["released"], &item["sequence"]), (&Value::Null, &json!(0)));
}

#[test]
fn a_sea_area_is_an_item_like_any_other() {
    let mut world = World::new();
    world.forecast("KOR-7", region(43.1, 138.0, 2.0, 1.0), 600, 5.0);
    world.obey("JPN-1");
    let item = shown(&world)["KOR-7.JPN.1"].clone();
    assert_eq!((&item["area"], &item["priority"]), (&json!("sea"), &json!(3)));
    assert_eq!(
        item["districts"],
        json!([{
            "code": "JP-01", "partner": "JPN",
            "name": { "en": "Hokkaido", "ja": "北海道", "ko": "홋카이도" },
            "probability": 0.0, "nearby_only": true,
        }])
    );
    assert_eq!(
        item["headline"],
        json!({
            "en": "Missile may fall at sea about 150 km west of Hokkaido. Ships and aircraft: keep clear.",
            "ja": "北海道の西約150kmの海上にミサイル落下のおそれ。船舶と航空機は近づかないでください。",
            "ko": "홋카이도 서쪽 약 150km 해상에 미사일 낙하 우려. 선박과 항공기는 접근하지 마십시오.",
        })
    );
}
