use super::super::events::{DistrictShare, Forecast};
use super::super::testkit::tokyo;
use super::*;

fn subject(probability: f64, nearby_only: bool) -> Subject {
    let districts = vec![DistrictShare { code: "JP-13".to_owned(), probability, nearby_only }];
    let impact = Timestamp::from_seconds(10_000);
    let forecast = Forecast { region: tokyo(), impact, impact_sigma_s: 15.0 };
    Subject { forecast, area: Area::Land, districts, evidence: Vec::new() }
}

/// The instant `left_s` before the early edge of the impact (30 s before the expected one).
fn left(left_s: i64) -> Timestamp {
    Timestamp::from_seconds(10_000 - 30 - left_s)
}

#[test]
fn priorities_go_by_land_and_time_left() {
    let check = |nearby_only, left_s, expect| {
        assert_eq!(priority(&subject(0.9, nearby_only), true, left(left_s)), expect, "{left_s}");
    };
    check(false, 301, 2);
    check(false, 300, 1);
    check(false, -60, 1);
    check(false, 901, 3);
    check(false, 900, 2);
    check(true, 301, 3);
    check(true, 300, 2);
    assert_eq!(priority(&subject(0.9, false), false, left(60)), 4);
    let sea = Subject { area: Area::Sea, ..subject(0.0, true) };
    assert_eq!(
        priority(&sea, true, left(60)),
        3,
        "below anything about land, however near in time"
    );
    assert_eq!(priority(&sea, true, left(3_601)), 3);
    assert_eq!(priority(&sea, false, left(60)), 4);
}

#[test]
fn cap_words_go_by_reason_land_time_and_chance() {
    let check = |subject: &Subject, action, reason, left_s, expect: [&str; 3]| {
        let (urgency, severity, certainty) = cap_words_of(subject, action, reason, left(left_s));
        assert_eq!([urgency.as_str(), severity.as_str(), certainty.as_str()], expect);
    };
    let (alert, threat) = (Action::Alert, Reason::Threat);
    check(&subject(0.9, false), alert, threat, 900, ["Immediate", "Extreme", "Likely"]);
    check(&subject(0.5, false), alert, threat, 901, ["Expected", "Extreme", "Possible"]);
    check(&subject(0.0, true), alert, threat, 3_601, ["Future", "Severe", "Possible"]);
    check(&subject(0.9, false), Action::Update, Reason::Fell, -60, ["Past", "Extreme", "Observed"]);
    check(&subject(0.9, false), Action::Cancel, Reason::Passed, 60, ["Past", "Minor", "Unlikely"]);
    let sea = Subject { area: Area::Sea, ..subject(0.0, true) };
    check(&sea, alert, threat, 900, ["Immediate", "Moderate", "Likely"]);
    check(&sea, alert, threat, 2_000, ["Expected", "Moderate", "Likely"]);
    check(&sea, Action::Update, Reason::Fell, -60, ["Past", "Moderate", "Observed"]);
    check(&sea, Action::Cancel, Reason::Passed, 60, ["Past", "Minor", "Unlikely"]);
}
