use super::super::events::{DRAFT_KIND, DraftReport, RELEASE_KIND, ReleaseReport, UPDATE_KIND};
use super::super::testkit::{World, entry, node, region, tokyo};
use super::super::{Act, Capability};
use super::*;
use crate::Officer;
use crate::{Domain, View, ViewName, canonical_bytes, encode_content};

fn released() -> World {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world
}

/// A release of `draft` as an officer of anyone could write it.
fn release_of(id: &str, draft: EntryId) -> Vec<u8> {
    encode_content(&ReleaseReport {
        warning: id.parse().unwrap(),
        draft,
        note: None,
        officer: Officer {
            name: "Anyone".to_owned(),
            key_id: String::new(),
            signature: String::new(),
        },
    })
}

/// What `me` wishes to draft now, to be folded as if `me` had appended it.
fn wish(world: &World, me: &str) -> Vec<u8> {
    world.wishes(me).remove(0).content
}

#[test]
fn a_warning_goes_from_draft_to_release_to_update_to_cancel() {
    let mut world = World::new();
    let check = |world: &World, expect: &str| assert_eq!(world.rows(), [expect]);
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    check(&world, "KOR-7.JPN.1 draft alert-threat said 0 supported true priority 2");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    check(&world, "KOR-7.JPN.1 released --- said 1 supported true priority 2");
    world.wait(310);
    world.forecast("KOR-7", tokyo(), 630, 5.0);
    world.obey("JPN-1");
    check(&world, "KOR-7.JPN.1 released update-changed said 1 supported true priority 2");
    world.wait(40);
    check(&world, "KOR-7.JPN.1 released update-changed said 1 supported true priority 1");
    world.officer("JPN-2", "KOR-7.JPN.1", Act::Update(None)).unwrap();
    check(&world, "KOR-7.JPN.1 updated --- said 2 supported true priority 1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Cancel(Some(Reason::Mistake))).unwrap();
    check(&world, "KOR-7.JPN.1 cancelled --- said 3 supported true priority 4");
    let said: Vec<(u32, Action, Reason, String)> = world
        .warning("KOR-7.JPN.1")
        .messages()
        .iter()
        .map(|m| (m.sequence, m.action, m.reason, m.sender.to_string()))
        .collect();
    assert_eq!(
        said,
        [
            (1, Action::Alert, Reason::Threat, "JPN-1".to_owned()),
            (2, Action::Update, Reason::Changed, "JPN-2".to_owned()),
            (3, Action::Cancel, Reason::Mistake, "JPN-1".to_owned()),
        ]
    );
    assert_eq!(world.complaints(), [""; 0]);
}

#[test]
fn what_others_say_about_a_warning_is_a_finding_and_changes_nothing() {
    let mut world = released();
    world.wait(40);
    world.forecast("KOR-7", tokyo(), 640, 5.0);
    let draft = world.append("JPN-1", DRAFT_KIND, wish(&world, "JPN-1"));
    let before = canonical_bytes(&world.state);
    world.append("KOR-1", UPDATE_KIND, release_of("KOR-7.JPN.1", draft));
    assert_eq!(
        world.complaints(),
        ["entry `KOR-1.flash.07070707070707070707070707070707.3` set aside: \
          warning `KOR-7.JPN.1` belongs to JPN, not to KOR-1"]
    );
    assert_eq!(canonical_bytes(&world.state), before);
    let stranger = world.officer("USA-1", "KOR-7.JPN.1", Act::Cancel(None)).unwrap();
    assert_eq!(
        world.complaints(),
        [format!(
            "entry `{stranger}` set aside: warning `KOR-7.JPN.1` belongs to JPN, not to USA-1"
        )]
    );
    let forged = world.append("USA-1", DRAFT_KIND, {
        let mut other = World::new();
        other.forecast("KOR-7", region(35.69, 139.3, 1.0, 1.0), 600, 5.0);
        wish(&other, "JPN-1")
    });
    assert_eq!(world.complaints().len(), 1, "{forged}");
    assert_eq!(canonical_bytes(&world.state), before);
}

#[test]
fn acts_on_unknown_names_and_drafts_are_findings() {
    let mut world = released();
    let draft = entry(node("JPN-1"), 999);
    let check = |world: &mut World, kind, id: &str, expect: &str| {
        let before = canonical_bytes(&world.state);
        let at = world.append("JPN-1", kind, release_of(id, draft));
        assert_eq!(world.complaints(), [format!("entry `{at}` set aside: {expect}")]);
        assert_eq!(canonical_bytes(&world.state), before);
    };
    check(&mut world, RELEASE_KIND, "KOR-8.JPN.1", "no warning `KOR-8.JPN.1` is known here");
    check(&mut world, RELEASE_KIND, "KOR-7.JPN.1", "warning `KOR-7.JPN.1` has no alert to release");
    check(
        &mut world,
        UPDATE_KIND,
        "KOR-7.JPN.1",
        &format!("warning `KOR-7.JPN.1` knows no draft `{draft}`"),
    );
}

#[test]
fn the_officer_releases_what_was_on_the_screen() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    let seen = world.append("JPN-1", DRAFT_KIND, wish(&world, "JPN-1"));
    world.forecast("KOR-7", region(35.69, 139.3, 1.0, 1.0), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(Some(seen))).unwrap();
    let warning = world.warning("KOR-7.JPN.1");
    assert_eq!(warning.messages()[0].subject.districts.len(), 3, "the draft of three districts");
    // The newer draft of four districts was an alert; after the release it comes back as an update.
    assert!(warning.pending().is_none());
    world.obey("JPN-1");
    let pending = world.warning("KOR-7.JPN.1").pending().unwrap();
    assert_eq!((pending.action, pending.subject.districts.len()), (Action::Update, 4));
    let older = world.officer("JPN-1", "KOR-7.JPN.1", Act::Update(Some(seen)));
    assert!(older.unwrap_err().message.contains("is one to alert, not to update"));
}

#[test]
fn drafts_and_messages_expire_an_hour_after_the_latest_impact() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    world.wait(600 + 15 + 3_599);
    assert_eq!(world.rows(), ["KOR-7.JPN.1 draft alert-threat said 0 supported true priority 4"]);
    assert_eq!(world.complaints(), [""; 0]);
    world.wait(1);
    assert_eq!(world.rows(), ["KOR-7.JPN.1 expired --- said 0 supported true priority 4"]);
    assert_eq!(
        world.complaints(),
        ["warning `KOR-7.JPN.1` expired as a draft: no officer released or cancelled it"]
    );
    assert!(world.state.forecasts.is_empty(), "a forecast an hour past is forgotten");
    let late = world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap_err();
    assert_eq!(late.message, "expected a draft that waits, got none for warning `KOR-7.JPN.1`");

    let mut world = released();
    world.wait(600 + 15 + 3_600);
    assert_eq!(world.rows(), ["KOR-7.JPN.1 expired --- said 1 supported true priority 4"]);
    assert_eq!(world.complaints(), [""; 0], "a released warning ends without a word");
}

#[test]
fn advancing_in_one_step_or_many_is_the_same() {
    let run = |steps: i64| {
        let mut world = World::new();
        for object in ["KOR-9", "KOR-7", "KOR-8"] {
            world.forecast(object, tokyo(), 600, 5.0);
        }
        world.obey("JPN-1");
        for _ in 0..steps {
            world.wait(7_200 / steps);
        }
        (canonical_bytes(&world.state), world.complaints())
    };
    assert_eq!(run(1), run(720));
    assert_eq!(run(1).1.len(), 3);
}

#[test]
fn the_same_statements_give_the_same_bytes() {
    let run = || {
        let mut world = released();
        world.wait(40);
        world.forecast("KOR-7", region(35.69, 139.3, 1.0, 1.0), 640, 5.0);
        world.obey("JPN-1");
        canonical_bytes(&world.state)
    };
    assert_eq!(run(), run());
    assert_ne!(run(), canonical_bytes(&released().state));
}

#[test]
fn any_order_of_arrival_gives_the_same_digest() {
    let mut world = released();
    world.wait(40);
    world.forecast("KOR-7", region(35.69, 139.3, 1.0, 1.0), 640, 5.0);
    world.obey("JPN-1");
    let stranger = world.officer("USA-1", "KOR-7.JPN.1", Act::Cancel(None)).unwrap();
    world.officer("JPN-2", "KOR-7.JPN.1", Act::Update(None)).unwrap();
    let digest = |order: &[usize]| {
        let mut view = View::new(ViewName::Audience(world.audience));
        for place in order {
            view.insert(&world.facts[*place], world.now);
            view.head(world.now);
        }
        let head = view.head(world.now).clone();
        let state = head.warning.state().unwrap();
        let (stage, said) = {
            let warning = state.get(&"KOR-7.JPN.1".parse().unwrap()).unwrap();
            (warning.stage(), warning.messages().len())
        };
        assert_eq!((stage, said), (Stage::Updated, 2), "{stranger} changed nothing");
        view.digest_of(&head)
    };
    let expect = digest(&[0, 1, 2, 3, 4]);
    for order in [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 0, 2, 1], [1, 0, 3, 2, 4]] {
        assert_eq!(digest(&order), expect, "{order:?}");
    }
}

#[test]
fn a_warning_keeps_its_newest_drafts_only() {
    let mut world = World::new();
    for step in 0..40 {
        // To and fro between Kanto and Kansai: every forecast adds a district.
        let place = if step % 2 == 0 { tokyo() } else { region(34.7, 135.6, 1.0, 1.0) };
        world.forecast("KOR-7", place, 900, 5.0);
        assert_eq!(world.obey("JPN-1"), 1, "step {step}");
    }
    let warning = world.warning("KOR-7.JPN.1");
    assert_eq!((warning.drafts.len(), warning.draft_count), (DRAFTS_KEPT_MAX, 40));
}

#[test]
fn the_longest_closed_warning_gives_way_and_none_opens_when_all_are_open() {
    let mut world = World::new();
    world.forecast("KOR-0", tokyo(), 600, 5.0);
    let template = wish(&world, "JPN-1");
    let Event::Draft(draft) = Capability::decode(DRAFT_KIND, 1, &template).unwrap() else {
        panic!("a node drafts")
    };
    let draft_for = |object: usize| {
        encode_content(&DraftReport {
            warning: format!("KOR-{object}.JPN.1").parse().unwrap(),
            ..draft.report().clone()
        })
    };
    for object in 0..WARNINGS_MAX {
        world.append("JPN-1", DRAFT_KIND, draft_for(object));
    }
    assert_eq!(world.complaints(), [""; 0]);
    world.append("JPN-1", DRAFT_KIND, draft_for(WARNINGS_MAX));
    assert!(world.complaints()[0].ends_with("expected at most 1000 open warnings"));
    world.officer("JPN-1", "KOR-5.JPN.1", Act::Cancel(None)).unwrap();
    world.officer("JPN-1", "KOR-3.JPN.1", Act::Cancel(None)).unwrap();
    world.append("JPN-1", DRAFT_KIND, draft_for(WARNINGS_MAX));
    assert_eq!(world.complaints(), [""; 0]);
    assert_eq!(world.state.warnings.len(), WARNINGS_MAX);
    assert!(world.state.get(&"KOR-5.JPN.1".parse().unwrap()).is_none(), "closed first");
    assert!(world.state.get(&"KOR-3.JPN.1".parse().unwrap()).is_some());
}
