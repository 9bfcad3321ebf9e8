use super::super::events::Event;
use super::super::testkit::{World, exercise, tokyo};
use super::*;

const SIGNER: Signer<'_> = &|bytes| format!("{} bytes signed", bytes.len());

fn attempt(world: &World, id: &str, what: Act) -> Result<Desire, ActError> {
    let who = ("Col. Kim", "key-1", SIGNER);
    act(&world.state, &id.parse().unwrap(), what, None, who, &exercise())
}

fn check(world: &World, id: &str, what: Act, message: &str, hint: &str) {
    let error = attempt(world, id, what).unwrap_err();
    assert_eq!((error.message.as_str(), error.hint.as_str()), (message, hint));
}

#[test]
fn an_act_is_the_entry_that_folds_cleanly() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    let wish = attempt(&world, "KOR-7.JPN.1", Act::Release(None)).unwrap();
    assert_eq!((wish.kind, wish.precedence), (RELEASE_KIND, Precedence::Flash));
    let Event::Release(release) = Event::decode(wish.kind, wish.edition, &wish.content).unwrap()
    else {
        panic!("a release was asked for")
    };
    let report = release.report();
    let signed = report.signed_bytes(RELEASE_KIND, &exercise());
    assert_eq!(report.officer.signature, SIGNER(&signed), "signed over what is appended");
    world.append("JPN-1", wish.kind, wish.content);
    assert_eq!(world.complaints(), [""; 0]);
    assert_eq!(world.rows(), ["KOR-7.JPN.1 released --- said 1 supported true priority 2"]);
}

#[test]
fn an_act_that_cannot_be_says_why_and_what_to_do() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    check(
        &world,
        "KOR-8.JPN.1",
        Act::Release(None),
        "expected the name of a known warning, got `KOR-8.JPN.1`",
        "list the warnings of this view and take a name from there",
    );
    assert!(attempt(&world, "KOR-8.JPN.1", Act::Release(None)).unwrap_err().unknown);
    check(
        &world,
        "KOR-7.JPN.1",
        Act::Update(None),
        "warning `KOR-7.JPN.1` has no update to release",
        "the first message is released, every later one is an update",
    );
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    check(
        &world,
        "KOR-7.JPN.1",
        Act::Update(None),
        "expected a draft that waits, got none for warning `KOR-7.JPN.1`",
        "nothing changed since the last message; cancel it if it must end",
    );
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Cancel(None)).unwrap();
    check(
        &world,
        "KOR-7.JPN.1",
        Act::Cancel(None),
        "expected an open warning, got `KOR-7.JPN.1`, which is closed",
        "nothing more need be done",
    );
    check(
        &world,
        "KOR-7.JPN.1",
        Act::Cancel(Some(Reason::Passed)),
        "expected an open warning, got `KOR-7.JPN.1`, which is closed",
        "nothing more need be done",
    );
}

#[test]
fn a_note_too_long_or_an_unfit_reason_is_refused_before_anything_is_appended() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    let id = "KOR-7.JPN.1".parse().unwrap();
    let note = Some("x".repeat(1_001));
    let who = ("Col. Kim", "key-1", SIGNER);
    let long = act(&world.state, &id, Act::Release(None), note, who, &exercise()).unwrap_err();
    assert_eq!(long.message, "expected note of 0 to 1000 bytes, got 1001 bytes");
    let unfit = attempt(&world, "KOR-7.JPN.1", Act::Cancel(Some(Reason::Fell))).unwrap_err();
    assert!(unfit.message.ends_with("as the reason of this action, got fell"), "{unfit}");
}
