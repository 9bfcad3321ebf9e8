//! Alerts out and in: against the schema, against other people's documents, and against bad ones.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base::Timestamp;
use watchfire_formats::Error;
use watchfire_formats::cap::{
    Alert, Area, CODE_IPAWS, Category, Certainty, Circle, EVENT_CODE_SAME, Info, Language, Message,
    MessageType, Moment, Polygon, Resource, ResponseType, Rule, Scope, Severity, Status, Urgency,
    ValuePair, Version, read,
};

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

fn info(language: Language, event: &str, headline: &str, place: &str) -> Info {
    let mut info = Info::new(
        language,
        Category::Security,
        event,
        Urgency::Immediate,
        Severity::Extreme,
        Certainty::Likely,
    );
    info.categories.push(Category::Safety);
    info.responses = vec![ResponseType::Shelter];
    info.event_codes = vec![ValuePair::new(EVENT_CODE_SAME, "CDW")];
    info.effective = Some(moment("2017-07-28T23:44:10+09:00"));
    info.onset = Some(moment("2017-07-29T00:29:12+09:00"));
    info.expires = Some(moment("2017-07-29T01:29:12+09:00"));
    info.headline = Some(headline.to_owned());
    info.description = Some("a < b & c > d \"e\" 'f' ]]> \u{1f6a8}\tx\ny".to_owned());
    info.parameters = vec![ValuePair::new("impactSigmaSeconds", "14")];
    info.resources = vec![Resource {
        description: "map".to_owned(),
        mime_type: Some("image/png".to_owned()),
        size: Some(1_234),
        uri: Some("https://example.org/a?b=1&c=2".to_owned()),
        ..Resource::default()
    }];
    let mut district = Area::district(place, "JP-01");
    district.polygons =
        vec![Polygon::new(&[(41.0, 139.0), (43.5, 139.0), (43.5, 141.25), (41.0, 139.0)]).unwrap()];
    district.circles = vec![Circle::new((42.0, -139.5), 60.5).unwrap()];
    district.altitude_ft = Some(0.0);
    district.ceiling_ft = Some(100.5);
    info.areas = vec![district];
    info
}

/// A message that keeps every rule and uses every element.
fn full() -> Message {
    let mut message = Message::new(
        "KOR-1.2017-07-28.3",
        "watchfire@kor.example",
        moment("2017-07-28T23:44:10+09:00"),
        Status::Exercise,
        MessageType::Update,
        Scope::Public,
    );
    message.source = Some("KOR-1".to_owned());
    message.codes = vec![CODE_IPAWS.to_owned(), "watchfire".to_owned()];
    message.note = Some("exercise/first-light".to_owned());
    let mut earlier = message.reference();
    earlier.identifier = "KOR-1.2017-07-28.1".into();
    let mut second = earlier.clone();
    second.identifier = "KOR-1.2017-07-28.2".into();
    message.references = vec![earlier, second];
    message.incidents = Some("M-1".to_owned());
    message.infos = vec![
        info(Language::english(), "Ballistic missile", "EXERCISE: take shelter", "Hokkaido"),
        info(Language::japanese(), "弾道ミサイル", "【訓練】避難してください", "北海道"),
        info(Language::korean(), "탄도미사일", "[훈련] 대피하십시오", "홋카이도"),
    ];
    message
}

#[test]
fn every_element_comes_back_as_it_went() {
    let alert = Alert::new(full()).unwrap();
    let xml = alert.to_xml();
    let (version, message) = read(xml.as_bytes()).unwrap();
    assert_eq!(version, Version::V1_2);
    assert_eq!(&message, alert.message());
    assert!(xml.contains("<sent>2017-07-28T23:44:10+09:00</sent>"), "{xml}");
    assert!(xml.contains("<polygon>41,139 43.5,139 43.5,141.25 41,139</polygon>"), "{xml}");
    assert!(xml.contains("a &lt; b &amp; c"), "{xml}");
}

#[test]
fn generated_alerts_validate_against_the_schema() {
    let schema = shared("cap/schema/cap12.xsd");
    let Some(schema) = schema else {
        skipped("schema validation, shared folder missing");
        return;
    };
    if Command::new("xmllint").arg("--version").stderr(Stdio::null()).output().is_err() {
        skipped("schema validation, xmllint is not installed");
        return;
    }
    let mut plain = full();
    plain.status = Status::Actual;
    plain.kind = MessageType::Alert;
    plain.references.clear();
    plain.note = None;
    plain.infos.truncate(1);
    plain.infos[0].resources.clear();
    let mut cancel = full();
    cancel.kind = MessageType::Cancel;
    cancel.sent = Moment::new(cancel.sent.at(), -300).unwrap();
    cancel.scope = Scope::Restricted;
    cancel.restriction = Some("members".to_owned());
    for message in [full(), plain, cancel] {
        let xml = Alert::new(message).unwrap().to_xml();
        let mut child = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(&schema)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn other_peoples_documents_are_read_and_the_bad_ones_refused() {
    let Some(folder) = shared("cap/testdata") else {
        skipped("documents of others, shared folder missing");
        return;
    };
    let bad = [
        ("invalid.cap", "expected a text in `scope`, got `nothing`"),
        ("noaa_errors.cap", "expected a text in `urgency`, got `nothing`"),
        ("xee.cap", "expected no document type"),
    ];
    let mut read_well = Vec::new();
    for folder in [folder, shared("cap/examples").unwrap()] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "cap") {
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let result = read(&std::fs::read(&path).unwrap());
            if let Some((_, says)) = bad.iter().find(|(file, _)| *file == name) {
                let error = result.expect_err(&name);
                assert!(error.to_string().contains(says), "{name}: {error}");
                assert!(!error.hint().is_empty());
            } else {
                let (_, message) = result.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(!message.identifier.is_empty());
                read_well.push(name);
            }
        }
    }
    assert_eq!(read_well.len(), 13, "{read_well:?}");
}

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples").join(path);
    path.exists().then_some(path)
}

#[test]
fn a_foreign_document_means_what_it_says() {
    let Some(folder) = shared("cap/testdata") else {
        skipped("documents of others, shared folder missing");
        return;
    };
    let (version, message) = read(&std::fs::read(folder.join("weather.cap")).unwrap()).unwrap();
    assert_eq!(version, Version::V1_1);
    assert_eq!(message.status, Status::Actual);
    assert_eq!(message.infos[0].language.as_str(), "en-US");
    let latin = read(&std::fs::read(folder.join("earthquake-iso8859-1.cap")).unwrap()).unwrap();
    assert_eq!(latin.0, Version::V1_2);
    let replaced = latin.1.infos.iter().any(|info| format!("{info:?}").contains('\u{fffd}'));
    assert!(!replaced, "a character of ISO 8859-1 was lost");
}

/// Changes the full message and names the rule that must refuse it.
fn check_rule(rule: Rule, change: impl FnOnce(&mut Message)) {
    let mut message = full();
    change(&mut message);
    assert_eq!(Alert::new(message), Err(Error::CapRule(rule)), "{rule:?}");
    assert!(!Error::CapRule(rule).hint().is_empty());
}

#[test]
fn every_rule_refuses_what_breaks_it() {
    check_rule(Rule::PlainName, |m| m.identifier = "a b".to_owned());
    check_rule(Rule::PlainName, |m| m.sender = "a,b".to_owned());
    check_rule(Rule::PlainName, |m| m.sender.clear());
    check_rule(Rule::Code, |m| m.codes.clear());
    check_rule(Rule::References, |m| m.references.clear());
    check_rule(Rule::Scope, |m| m.scope = Scope::Private);
    check_rule(Rule::Scope, |m| m.addresses = Some("x".to_owned()));
    check_rule(Rule::ExerciseNote, |m| m.note = None);
    check_rule(Rule::Info, |m| m.infos.clear());
    check_rule(Rule::Language, |m| m.infos[2].language = Language::english());
    check_rule(Rule::Expires, |m| m.infos[1].expires = None);
    check_rule(Rule::Expires, |m| m.infos[1].expires = Some(m.sent));
    check_rule(Rule::SameEvent, |m| m.infos[1].categories = vec![Category::Safety]);
    check_rule(Rule::SameEvent, |m| m.infos[0].event_codes.push(ValuePair::new("x", "y")));
    check_rule(Rule::SameEvent, |m| m.infos.iter_mut().for_each(|i| i.categories.clear()));
    check_rule(Rule::SameCode, |m| m.infos[0].event_codes.clear());
    check_rule(Rule::SameCode, |m| m.infos[0].event_codes[0].value = "CD".to_owned());
    check_rule(Rule::SameCode, |m| {
        m.infos[2].event_codes.push(ValuePair::new(EVENT_CODE_SAME, "CAE"));
    });
    check_rule(Rule::Area, |m| m.infos[2].areas.clear());
    check_rule(Rule::Area, |m| m.infos[2].areas.push(Area::default()));
    check_rule(Rule::PolygonPoints, |m| {
        let mut points: Vec<_> = (0..100).map(|i| (f64::from(i) / 10.0, 0.0)).collect();
        points.push(points[0]);
        m.infos[0].areas[0].polygons.push(Polygon::new(&points).unwrap());
    });
    check_rule(Rule::Heights, |m| m.infos[0].areas[0].altitude_ft = None);
    check_rule(Rule::Heights, |m| m.infos[0].areas[0].altitude_ft = Some(f64::NAN));
    check_rule(Rule::Resource, |m| m.infos[0].resources[0].mime_type = None);
    check_rule(Rule::Text, |m| m.infos[1].headline = Some(" \n".to_owned()));
    check_rule(Rule::Text, |m| m.infos[1].event = "a\u{7}b".to_owned());
    check_rule(Rule::Text, |m| m.note = Some("a\rb".to_owned()));
    check_rule(Rule::Text, |m| m.infos[0].areas[0].geocodes[0].value.clear());
}

#[test]
fn times_keep_their_offset_and_never_say_z() {
    let at: Timestamp = "2017-07-28T14:42:00.999Z".parse().unwrap();
    for (offset_minutes, text) in [
        (540, "2017-07-28T23:42:00+09:00"),
        (-300, "2017-07-28T09:42:00-05:00"),
        (-570, "2017-07-28T05:12:00-09:30"),
        (0, "2017-07-28T14:42:00-00:00"),
        (840, "2017-07-29T04:42:00+14:00"),
    ] {
        let moment = Moment::new(at, offset_minutes).unwrap();
        assert_eq!(moment.to_string(), text);
        assert_eq!(text.parse::<Moment>().unwrap(), moment);
    }
    assert!(Moment::new(at, 841).is_err() && Moment::new(at, i16::MIN).is_err());
    assert_eq!(moment("2017-07-28T14:42:00Z").to_string(), "2017-07-28T14:42:00-00:00");
    for bad in ["", "2017-07-28", "2017-07-28T14:42:00", "2017-07-28T14:42:00+9", "today"] {
        assert!(bad.parse::<Moment>().is_err(), "`{bad}` was taken");
    }
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        assert!(!Moment::new(edge, 840).unwrap().to_string().is_empty());
        assert!(!Moment::new(edge, -840).unwrap().to_string().is_empty());
    }
}

#[test]
fn shapes_are_closed_and_on_the_earth() {
    for bad in ["1,1 2,2 1,1", "1,1 2,2 3,3 4,4", "91,0 1,1 2,2 91,0", "1 2 3 1", "a,b c,d e,f a,b"]
    {
        assert!(bad.parse::<Polygon>().is_err(), "`{bad}` was taken");
    }
    for bad in ["1,1", "1,1 -1", "1,181 5", "1,1 NaN", "1,1 99999"] {
        assert!(bad.parse::<Circle>().is_err(), "`{bad}` was taken");
    }
    let polygon = Polygon::new(&[(-1e-9, 0.0), (1.0, 1e-7), (1.0 / 3.0, 2.0), (0.0, 0.0)]);
    assert_eq!(polygon.unwrap().to_string(), "0,0 1,0 0.333333,2 0,0");
}

const SMALL: &str = r#"<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>1</identifier><sender>s</sender><sent>2017-07-28T23:42:00+09:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope></alert>"#;

#[test]
fn hostile_and_broken_documents_are_refused_with_the_reason() {
    assert!(read(SMALL.as_bytes()).is_ok());
    let nested = format!("{}{}", "<a>".repeat(1_000), "</a>".repeat(1_000));
    for (document, says) in [
        (String::new(), "expected one complete element"),
        (SMALL.replace("</alert>", ""), "expected one complete element"),
        (SMALL.replace("</sender>", "</sent>"), "document refused"),
        (format!("{SMALL}{SMALL}"), "got a second"),
        (format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{SMALL}"), "expected no document type"),
        (SMALL.replace(">s<", ">&b;<"), "expected no entity of its own, got `&b;`"),
        (SMALL.replace(">s<", ">&#0;<"), "expected no entity of its own"),
        (SMALL.replace(">s<", ">&#x1b;<"), "expected no entity of its own"),
        (SMALL.replace("<scope>", &format!("{nested}<scope>")), "at most 16 elements"),
        (SMALL.replace("cap:1.2", "cap:1.0"), "expected the namespace of CAP 1.1 or 1.2"),
        (SMALL.replace("alert", "alerts"), "expected an `alert` as root"),
        (SMALL.replace("Actual", "actual"), "one of `Actual` `Exercise`"),
        (SMALL.replace("<scope>", "<scoop>x</scoop><scope>"), "elements of the standard"),
        (SMALL.replace("<sender>", "<sender>t</sender><sender>"), "at most one in `sender`"),
        (SMALL.replace("+09:00", ""), "expected a time such as"),
        (format!("<?xml version='1.0' encoding='UTF-16'?>{SMALL}"), "got `utf-16`"),
        (" ".repeat(4 * 1024 * 1024 + 1), "at most 4194304 bytes"),
    ] {
        let error = read(document.as_bytes()).expect_err(says).to_string();
        assert!(error.contains(says), "`{error}` does not say `{says}`");
    }
    assert!(read(b"<a>\xff</a>").unwrap_err().to_string().contains("0xff"));
}

#[test]
fn references_texts_and_foreign_elements_are_understood() {
    let document = SMALL
        .replace(">s<", "><![CDATA[s<]]>&#x41;&amp;<")
        .replace("<scope>", "<source/><x:y xmlns:x=\"z\"><scope>?</scope></x:y><scope>");
    let (_, message) = read(document.as_bytes()).unwrap();
    assert_eq!(message.sender, "s<A&");
    assert_eq!(message.source, None);
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>".as_slice();
    let body = SMALL.replace(">s<", ">~<").into_bytes();
    let bytes: Vec<u8> = latin
        .iter()
        .copied()
        .chain(body.iter().map(|&b| if b == b'~' { 0xe9 } else { b }))
        .collect();
    assert_eq!(read(&bytes).unwrap().1.sender, "é");
}

#[test]
fn mutated_documents_never_panic() {
    let xml = Alert::new(full()).unwrap().to_xml().into_bytes();
    let mut state: u64 = 1;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let mut refused = 0;
    for _ in 0..3_000 {
        let mut bytes = xml.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, b"<>&;'\"/!"[next(8)]),
                _ => {
                    let end = (at + next(40)).min(bytes.len());
                    bytes.drain(at..end);
                    bytes.push(b' ');
                }
            }
        }
        match read(&bytes) {
            Ok((_, message)) => drop(Alert::new(message)),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 1_000, "only {refused} of 3,000 were refused");
}

/// Says it past the capture of passing tests' output.
fn skipped(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {what}").expect("standard error takes a line");
}
