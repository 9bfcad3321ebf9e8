use super::*;

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

fn topic(
    (action, reason): (Action, Reason),
    districts: &[DistrictShare],
    is_exercise: bool,
) -> Topic<'_> {
    Topic {
        action,
        reason,
        districts,
        dropped: &[],
        impact: "2017-07-28T15:28:12Z".parse().unwrap(),
        utc_offset_minutes: 540,
        is_exercise,
    }
}

#[test]
fn the_alert_reads_well_in_three_languages() {
    let districts = [
        share("JP-02", 0.1, false),
        share("JP-01", 0.6, false),
        share("JP-05", 0.0, true),
        share("JP-03", 0.05, false),
    ];
    let topic = topic(REASONS[0], &districts, false);
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
    let topic = topic(REASONS[0], &districts, false);
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
    let districts = [share("US-GU", 0.4, false), share("US-MP", 0.1, false)];
    for kind in REASONS {
        for is_exercise in [false, true] {
            for language in Language::ALL {
                let topic = topic(kind, &districts, is_exercise);
                let Words { event, headline, description, instruction } = words(&topic, language);
                for text in [&event, &headline, &description, &instruction] {
                    assert!(!text.is_empty() && !text.contains(['{', '}']), "{kind:?}: {text}");
                }
                for text in [&headline, &description] {
                    for district in super::districts().iter() {
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
    let districts = [share("JP-13", 0.4, false)];
    let dropped = [share("JP-11", 0.1, false)];
    let topic = Topic { dropped: &dropped, ..topic(REASONS[1], &districts, false) };
    assert!(words(&topic, Language::En).description.ends_with(" No longer included: Saitama."));
    assert!(words(&topic, Language::Ja).description.ends_with("対象から外れた地域：埼玉県。"));
    assert!(
        words(&topic, Language::Ko).description.ends_with(" 대상에서 제외된 지역: 사이타마현.")
    );
}

#[test]
fn times_are_those_of_the_district() {
    let check = |code: &str, expect: &str| {
        let districts = [share(code, 0.4, false)];
        let district = super::districts().get(code).unwrap();
        let topic = Topic {
            utc_offset_minutes: utc_offset_minutes(district),
            ..topic(REASONS[0], &districts, false)
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
