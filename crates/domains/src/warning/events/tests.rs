use super::super::Capability;
use super::super::testkit::{entry, exercise, node, region, tokyo};
use super::*;
use crate::{Domain, encode_content};

fn draft() -> DraftReport {
    let share = |code: &str, probability, nearby_only| DistrictShare {
        code: code.to_owned(),
        probability,
        nearby_only,
    };
    DraftReport {
        warning: "KOR-7.JPN.1".parse().unwrap(),
        action: Action::Alert,
        reason: Reason::Threat,
        subject: Subject {
            forecast: Forecast {
                region: tokyo(),
                impact: "2026-11-03T06:10:00Z".parse().unwrap(),
                impact_sigma_s: 5.0,
            },
            area: Area::Land,
            districts: vec![share("JP-13", 1.0, false), share("JP-14", 0.0, true)],
            evidence: vec![entry(node("KOR-1"), 40)],
        },
    }
}

fn officer() -> Officer {
    Officer { name: "Col. Kim".to_owned(), key_id: "k".to_owned(), signature: "s".to_owned() }
}

fn release() -> ReleaseReport {
    ReleaseReport {
        warning: "KOR-7.JPN.1".parse().unwrap(),
        draft: entry(node("JPN-1"), 3),
        note: Some("seen by two radars".to_owned()),
        officer: officer(),
    }
}

#[test]
fn contents_survive_postcard_and_json() {
    let kinds = Capability::kinds();
    let kind = |name: &str| *kinds.iter().find(|kind| kind.name == name).unwrap();
    let cancel = CancelReport {
        warning: "KOR-7.JPN.1".parse().unwrap(),
        reason: Reason::Mistake,
        note: None,
        officer: officer(),
    };
    for (name, bytes) in [
        (DRAFT_KIND, encode_content(&draft())),
        (RELEASE_KIND, encode_content(&release())),
        (UPDATE_KIND, encode_content(&release())),
        (CANCEL_KIND, encode_content(&cancel)),
    ] {
        let json = (kind(name).to_json)(&bytes).unwrap();
        assert_eq!((kind(name).from_json)(&json).unwrap(), bytes, "{name}: {json}");
        Event::decode(name, EDITION, &bytes).unwrap();
        assert!(Event::decode(name, EDITION + 1, &bytes).is_err());
        assert!(Event::decode(name, EDITION, &bytes[..bytes.len() - 1]).is_err(), "cut short");
    }
    assert_eq!(kinds.len(), 4);
    assert!(Event::decode("warning.whisper", EDITION, &[]).is_err());
}

#[test]
fn drafts_are_refused_with_what_was_expected() {
    let check = |change: &dyn Fn(&mut DraftReport), expect: &str| {
        let mut report = draft();
        change(&mut report);
        let error = Event::decode(DRAFT_KIND, EDITION, &encode_content(&report)).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    check(
        &|d| d.reason = Reason::Fell,
        "expected `threat` or `changed` as the reason of this action, got fell",
    );
    check(&|d| d.subject.districts.clear(), "expected at least one district, got none");
    check(
        &|d| d.subject.districts.reverse(),
        "expected districts in code order, each once, got another order",
    );
    check(
        &|d| d.subject.districts[0].code = "KR-11".to_owned(),
        "expected districts in code order, each once, got another order",
    );
    check(
        &|d| d.subject.districts[1].code = "KR-11".to_owned(),
        "expected districts of JPN only, got `KR-11`",
    );
    check(
        &|d| d.subject.districts[0].probability = 1.5,
        "expected a probability from 0 to 1, got 1.5",
    );
    check(
        &|d| d.subject.districts[0].probability = f64::NAN,
        "expected a probability from 0 to 1, got NaN",
    );
    check(
        &|d| d.subject.forecast.impact_sigma_s = -1.0,
        "expected impact time sigma (seconds) from 0 to 3600, got -1",
    );
    check(
        &|d| d.subject.forecast.region.lat.0 = f64::NAN,
        "expected an impact place on the Earth, got expected `latitude (degrees)` from -90 to 90, got NaN",
    );
    check(
        &|d| d.subject.forecast.region.orientation.0 = f64::INFINITY,
        "expected orientation (degrees) from -360 to 360, got inf",
    );
    check(
        &|d| d.subject.evidence = vec![entry(node("KOR-1"), 1); EVIDENCE_MAX + 1],
        "expected at most 16 cited entries, got 17",
    );
}

#[test]
fn sea_areas_are_drawable_and_off_the_districts_they_name() {
    let share = |code: &str, probability| DistrictShare {
        code: code.to_owned(),
        probability,
        nearby_only: true,
    };
    let sea = || {
        let mut report = draft();
        report.subject.area = Area::Sea;
        report.subject.forecast.region = region(43.1, 138.0, 2.0, 1.0);
        report.subject.districts = vec![share("JP-01", 0.0), share("JP-02", 0.0)];
        report
    };
    let check = |change: &dyn Fn(&mut DraftReport), expect: &str| {
        let mut report = sea();
        change(&mut report);
        let outcome = Event::decode(DRAFT_KIND, EDITION, &encode_content(&report));
        assert_eq!(outcome.err().map_or_else(String::new, |error| error.to_string()), expect);
    };
    check(&|_| (), "");
    check(
        &|d| d.subject.forecast.region.semi_major.0 = 150_001.0,
        "expected a sea area known to 150000 metres (1 sigma), got 150001 by 1000",
    );
    check(
        &|d| {
            d.subject.districts =
                ["JP-01", "JP-02", "JP-03", "JP-04"].map(|c| share(c, 0.0)).into();
        },
        "expected at most 3 districts of a sea area, got 4",
    );
    check(
        &|d| d.subject.districts = vec![share("JP-47", 0.0)],
        "expected districts within 370400 metres of the sea area, none of them hit, got `JP-47` with probability 0",
    );
    check(
        &|d| d.subject.districts[0].probability = 0.2,
        "expected districts within 370400 metres of the sea area, none of them hit, got `JP-01` with probability 0.2",
    );
}

#[test]
fn officers_are_named_and_notes_are_short() {
    let check = |change: &dyn Fn(&mut ReleaseReport), expect: &str| {
        let mut report = release();
        change(&mut report);
        let error = Event::decode(RELEASE_KIND, EDITION, &encode_content(&report)).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    check(&|r| r.officer.name.clear(), "expected officer name of 1 to 128 bytes, got 0 bytes");
    check(
        &|r| r.officer.name = "a\u{7}".to_owned(),
        "expected officer name without control characters, got a\\u{7}",
    );
    check(
        &|r| r.note = Some("x".repeat(NOTE_BYTES_MAX + 1)),
        "expected note of 0 to 1000 bytes, got 1001 bytes",
    );
}

#[test]
fn names_parse_or_say_why() {
    let id: WarningId = "KOR-7.JPN.12".parse().unwrap();
    assert_eq!((id.object(), id.owner().as_str(), id.number()), ("KOR-7", "JPN", 12));
    for bad in [
        "",
        "KOR-7",
        "KOR-7.JPN",
        "KOR-7.JPN.0",
        "KOR-7.JPN.01",
        "K 7.JPN.1",
        "K.jpn.1",
        "K.JPN.1.2",
    ] {
        let error = bad.parse::<WarningId>().unwrap_err().to_string();
        assert!(error.contains("`OBJECT.PARTNER.NUMBER`"), "{error}");
    }
    assert!("A-1.JPN.2".parse::<WarningId>().unwrap() < "A-1.JPN.10".parse().unwrap());
}

#[test]
fn signed_bytes_cover_everything_but_the_signature() {
    let bytes = |r: &ReleaseReport| r.signed_bytes(RELEASE_KIND, &exercise());
    let mut other_signature = release();
    other_signature.officer.signature = "other".to_owned();
    assert_eq!(bytes(&release()), bytes(&other_signature));
    let changes: [&dyn Fn(&mut ReleaseReport); 5] = [
        &|r| r.warning = "KOR-7.JPN.2".parse().unwrap(),
        &|r| r.draft.index += 1,
        &|r| r.note = None,
        &|r| r.officer.name.push('x'),
        &|r| r.officer.key_id.push('x'),
    ];
    for change in changes {
        let mut changed = release();
        change(&mut changed);
        assert_ne!(bytes(&release()), bytes(&changed));
    }
    assert_ne!(bytes(&release()), release().signed_bytes(UPDATE_KIND, &exercise()));
    assert_ne!(bytes(&release()), release().signed_bytes(RELEASE_KIND, &Realm::Operational));
}
