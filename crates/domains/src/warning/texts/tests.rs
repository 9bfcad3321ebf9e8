use super::super::events::Forecast;
use super::super::testkit::{region, tokyo};
use super::*;
use crate::Region;

const REASONS: [(Action, Reason); 6] = [
    (Action::Alert, Reason::Threat),
    (Action::Update, Reason::Changed),
    (Action::Update, Reason::Fell),
    (Action::Cancel, Reason::Passed),
    (Action::Cancel, Reason::Unsupported),
    (Action::Cancel, Reason::Mistake),
];

fn share(code: &str, probability: f64, nearby_only: bool) -> DistrictShare {
    DistrictShare { code: code.to_owned(), probability, nearby_only }
}

fn subject(area: Area, region: Region, districts: &[DistrictShare]) -> Subject {
    let impact = "2017-07-28T15:28:12Z".parse().unwrap();
    let forecast = Forecast { region, impact, impact_sigma_s: 5.0 };
    Subject { forecast, area, districts: districts.to_vec(), evidence: Vec::new() }
}

fn land(districts: &[DistrictShare]) -> Subject {
    subject(Area::Land, tokyo(), districts)
}

fn sea() -> Subject {
    subject(Area::Sea, region(43.1, 138.0, 2.0, 1.0), &[share("JP-01", 0.0, true)])
}

fn topic((action, reason): (Action, Reason), subject: &Subject, is_exercise: bool) -> Topic<'_> {
    Topic { action, reason, subject, before: None, utc_offset_minutes: 540, is_exercise }
}

#[test]
fn the_alert_reads_well_in_three_languages() {
    let districts = [
        share("JP-02", 0.1, false),
        share("JP-01", 0.6, false),
        share("JP-05", 0.0, true),
        share("JP-03", 0.05, false),
    ];
    let subject = land(&districts);
    let topic = topic(REASONS[0], &subject, false);
    let check = |language, expect: [&str; 3]| {
        let Words { event, headline, description, .. } = words(&topic, language);
        assert_eq!([event.as_str(), headline.as_str(), description.as_str()], expect);
    };
    check(
        Language::En,
        [
            "Ballistic missile warning",
            "Missile may fall in or near Hokkaido, Aomori, Iwate and 1 more. Take shelter now.",
            "A ballistic missile has been launched. It is expected to fall in or near Hokkaido, \
             Aomori, Iwate, Akita at about 00:28 (UTC+9).",
        ],
    );
    check(
        Language::Ja,
        [
            "弾道ミサイル警報",
            "北海道、青森県、岩手県ほか1地域またはその周辺にミサイル落下のおそれ。今すぐ避難してください。",
            "弾道ミサイルが発射されました。0時28分(UTC+9)頃、北海道、青森県、岩手県、秋田県またはその周辺に落下するおそれがあります。",
        ],
    );
    check(
        Language::Ko,
        [
            "탄도미사일 경보",
            "홋카이도, 아오모리현, 이와테현 외 1개 지역 또는 그 주변에 미사일 낙하 우려. 지금 바로 대피하십시오.",
            "탄도미사일이 발사되었습니다. 0시 28분(UTC+9)경 홋카이도, 아오모리현, 이와테현, 아키타현 또는 그 주변에 떨어질 것으로 예상됩니다.",
        ],
    );
}

#[test]
fn waters_are_called_near() {
    let districts = [share("JP-01", 0.0, true)];
    let subject = land(&districts);
    let topic = topic(REASONS[0], &subject, false);
    let headline = |language| words(&topic, language).headline;
    assert_eq!(headline(Language::En), "Missile may fall near Hokkaido. Take shelter now.");
    assert_eq!(
        headline(Language::Ja),
        "北海道の周辺にミサイル落下のおそれ。今すぐ避難してください。"
    );
    assert_eq!(headline(Language::Ko), "홋카이도 주변에 미사일 낙하 우려. 지금 바로 대피하십시오.");
}

#[test]
fn every_message_is_complete_in_every_language_and_names_its_own_places_only() {
    let subject = land(&[share("US-GU", 0.4, false), share("US-MP", 0.1, false)]);
    for kind in REASONS {
        for is_exercise in [false, true] {
            for language in Language::ALL {
                let topic = topic(kind, &subject, is_exercise);
                let Words { event, headline, description, instruction } = words(&topic, language);
                for text in [&event, &headline, &description, &instruction] {
                    assert!(!text.is_empty() && !text.contains(['{', '}']), "{kind:?}: {text}");
                }
                for text in [&headline, &description] {
                    for district in districts().iter() {
                        let named = text.contains(district.name.in_language(language));
                        let meant = ["US-GU", "US-MP"].contains(&district.code);
                        assert_eq!(named, meant, "{kind:?} {}: {text}", district.code);
                    }
                }
                let script = |c: char| match language {
                    Language::En => c.is_ascii_alphabetic(),
                    Language::Ja => ('ぁ'..='ヿ').contains(&c),
                    Language::Ko => ('가'..='힣').contains(&c),
                };
                for text in [&event, &headline, &description, &instruction] {
                    assert!(text.chars().any(script), "{text}");
                }
                let marked = [&event, &headline, &description].map(|text| {
                    ["EXERCISE", "exercise", "訓練", "훈련"].iter().any(|word| text.contains(word))
                });
                assert_eq!(marked, [is_exercise; 3], "{headline} {description}");
            }
        }
    }
}

#[test]
fn an_update_says_which_districts_it_no_longer_names() {
    let subject = land(&[share("JP-13", 0.4, false)]);
    let before = land(&[share("JP-11", 0.1, false), share("JP-13", 0.4, false)]);
    let topic = Topic { before: Some(&before), ..topic(REASONS[1], &subject, false) };
    assert!(words(&topic, Language::En).description.ends_with(" No longer included: Saitama."));
    assert!(words(&topic, Language::Ja).description.ends_with("対象から外れた地域：埼玉県。"));
    assert!(
        words(&topic, Language::Ko).description.ends_with(" 대상에서 제외된 지역: 사이타마현.")
    );
}

#[test]
fn times_are_those_of_the_district() {
    let check = |code: &str, expect: &str| {
        let subject = land(&[share(code, 0.4, false)]);
        let district = districts().get(code).unwrap();
        let topic = Topic {
            utc_offset_minutes: utc_offset_minutes(district),
            ..topic(REASONS[0], &subject, false)
        };
        assert_eq!(time(&topic, Language::En), expect, "{code}");
    };
    check("JP-13", "00:28 (UTC+9)");
    check("KR-11", "00:28 (UTC+9)");
    check("US-GU", "01:28 (UTC+10)");
    check("US-HI", "05:28 (UTC-10)");
    check("US-AK", "06:28 (UTC-9)");
    check("US-AS", "04:28 (UTC-11)");
    check("US-DC", "10:28 (UTC-5)");
    check("US-TX", "09:28 (UTC-6)");
    check("US-CO", "08:28 (UTC-7)");
    check("US-CA", "07:28 (UTC-8)");
    check("US-PR", "11:28 (UTC-4)");
}

#[test]
fn an_update_calls_those_who_were_not_called_before() {
    let check = |before: &Subject, expect: [&str; 3]| {
        let subject = land(&[share("JP-13", 0.4, false)]);
        let topic = Topic { before: Some(before), ..topic(REASONS[1], &subject, false) };
        assert_eq!(Language::ALL.map(|language| words(&topic, language).headline), expect);
    };
    let stay = [
        "Update: missile may fall in or near Tokyo. Stay in shelter.",
        "更新：東京都またはその周辺にミサイル落下のおそれ。避難を続けてください。",
        "갱신: 도쿄도 또는 그 주변에 미사일 낙하 우려. 계속 대피하십시오.",
    ];
    let take = [
        "Update: missile may fall in or near Tokyo. Take shelter now.",
        "更新：東京都またはその周辺にミサイル落下のおそれ。今すぐ避難してください。",
        "갱신: 도쿄도 또는 그 주변에 미사일 낙하 우려. 지금 바로 대피하십시오.",
    ];
    check(&land(&[share("JP-11", 0.1, false), share("JP-13", 0.4, false)]), stay);
    check(&land(&[share("JP-11", 0.1, false)]), take);
    check(&Subject { area: Area::Sea, ..land(&[share("JP-13", 0.0, true)]) }, take);
}

#[test]
fn a_fall_at_sea_reads_well_in_three_languages() {
    let subject = sea();
    let topic = topic(REASONS[0], &subject, false);
    let check = |language, expect: [&str; 4]| {
        let Words { event, headline, description, instruction } = words(&topic, language);
        assert_eq!([event, headline, description, instruction], expect);
    };
    check(
        Language::En,
        [
            "Missile expected to fall at sea",
            "Missile may fall at sea about 150 km west of Hokkaido. Ships and aircraft: keep clear.",
            "A ballistic missile has been launched. It is expected to fall at sea about 150 km west of \
             Hokkaido, within about 10 km of 43°06'N 138°00'E, at about 00:28 (UTC+9). It is not \
             expected to reach land.",
            "Ships and aircraft: keep clear of the area around 43°06'N 138°00'E until the missile has \
             fallen. Do not approach or touch anything that falls; report it to the coast guard or to \
             air traffic control.",
        ],
    );
    check(
        Language::Ja,
        [
            "ミサイルの海上落下予測",
            "北海道の西約150kmの海上にミサイル落下のおそれ。船舶と航空機は近づかないでください。",
            "弾道ミサイルが発射されました。0時28分(UTC+9)頃、北海道の西約150kmの海上（北緯43度06分、東経138度00分から約10km以内）に落下するおそれがあります。陸地への落下は予想されていません。",
            "船舶と航空機は、ミサイルが落下するまで北緯43度06分、東経138度00分付近の区域に近づかないでください。落下物には近づかず、触れず、海上保安機関または航空管制機関に知らせてください。",
        ],
    );
    check(
        Language::Ko,
        [
            "미사일 해상 낙하 예상",
            "홋카이도 서쪽 약 150km 해상에 미사일 낙하 우려. 선박과 항공기는 접근하지 마십시오.",
            "탄도미사일이 발사되었습니다. 0시 28분(UTC+9)경 홋카이도 서쪽 약 150km 해상(북위 43도 06분, 동경 138도 00분에서 약 10km 이내)에 떨어질 것으로 예상됩니다. 육지에는 떨어지지 않을 것으로 예상됩니다.",
            "선박과 항공기는 미사일이 떨어질 때까지 북위 43도 06분, 동경 138도 00분 부근 구역에 접근하지 마십시오. 낙하물에는 가까이 가거나 손대지 말고 해양경찰 또는 항공교통관제기관에 알리십시오.",
        ],
    );
}

#[test]
fn nobody_is_told_to_shelter_because_of_a_fall_at_sea() {
    const SHELTER_WORDS: [&str; 7] = ["shelter", "indoors", "避難", "屋内", "대피", "실내", "지하"];
    let subject = sea();
    for kind in REASONS {
        for language in Language::ALL {
            let Words { event, headline, description, instruction } =
                words(&topic(kind, &subject, true), language);
            for text in [&event, &headline, &description, &instruction] {
                assert!(!text.is_empty() && !text.contains(['{', '}']), "{kind:?}: {text}");
                assert!(!SHELTER_WORDS.iter().any(|word| text.contains(word)), "{kind:?}: {text}");
            }
            let marked = [&event, &headline, &description].map(|text| {
                ["EXERCISE", "exercise", "訓練", "훈련"].iter().any(|word| text.contains(word))
            });
            assert_eq!(marked, [true; 3], "{headline} {description}");
            assert!(headline.contains("150"), "every headline says where: {headline}");
        }
    }
}

#[test]
fn a_threat_that_leaves_the_land_says_that_shelter_is_lifted() {
    let subject = sea();
    let before = land(&[share("JP-01", 0.4, false), share("JP-02", 0.1, false)]);
    let topic = Topic { before: Some(&before), ..topic(REASONS[1], &subject, false) };
    let check = |language, expect: &str| {
        let description = words(&topic, language).description;
        assert!(description.ends_with(expect), "{description}");
    };
    check(Language::En, " The warning to take shelter is lifted for Hokkaido, Aomori.");
    check(Language::Ja, "北海道、青森県の避難の呼びかけは解除します。");
    check(Language::Ko, " 홋카이도, 아오모리현의 대피 경보는 해제합니다.");
}

#[test]
fn places_are_in_degrees_and_minutes_of_either_half() {
    let check = |lat, lon, expect: [&str; 3]| {
        let mut subject = sea();
        subject.forecast.region = region(lat, lon, 1.0, 1.0);
        let fill = |language| sea::Place::of(&subject, language).fill("{position}");
        assert_eq!(Language::ALL.map(fill), expect);
    };
    check(
        43.9999,
        -178.004,
        ["44°00'N 178°00'W", "北緯44度00分、西経178度00分", "북위 44도 00분, 서경 178도 00분"],
    );
    check(
        -14.5,
        -170.02,
        ["14°30'S 170°01'W", "南緯14度30分、西経170度01分", "남위 14도 30분, 서경 170도 01분"],
    );
}
