use super::super::testkit::{World, node, only, region, tokyo};
use super::super::{Act, Capability, IMPACT_SIGNAL};
use super::*;
use crate::{Certainty, Domain, Region};

const ALERT: &str = "KOR-7.JPN.1 Alert Threat JP-11 JP-13 JP-14";

#[test]
fn only_the_owner_of_the_districts_drafts_and_only_once() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    assert_eq!(world.drafts("KOR-1"), [""; 0]);
    assert_eq!(world.drafts("USA-2"), [""; 0]);
    assert_eq!(world.drafts("JPN-1"), [ALERT]);
    assert_eq!(world.wishes("JPN-1"), world.wishes("JPN-2"), "one wish, whoever of JPN writes it");
    assert_eq!(world.wishes("JPN-1")[0].precedence, Precedence::Flash);
    assert_eq!(world.obey("JPN-1"), 1);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "nothing more to say until something changes");
    assert_eq!(world.rows(), ["KOR-7.JPN.1 draft alert-threat said 0 supported true priority 2"]);
}

#[test]
fn an_object_over_two_partners_is_two_warnings() {
    let mut world = World::new();
    // Between Tsushima and Busan, 30 km long.
    world.forecast("KOR-7", region(34.9, 129.2, 10.0, 10.0), 600, 5.0);
    assert_eq!(world.drafts("KOR-1"), ["KOR-7.KOR.1 Alert Threat KR-26 KR-31 KR-48"]);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Alert Threat JP-42"]);
}

#[test]
fn nothing_is_drafted_without_a_confirmed_forecast_of_impact() {
    let mut world = World::new();
    let check = |world: &World, what: &str| assert_eq!(world.drafts("JPN-1"), [""; 0], "{what}");
    check(&world, "no signal");
    world.signal("KOR-7", Some(tokyo()), 600, 5.0, Certainty::Possible, IMPACT_SIGNAL);
    check(&world, "not confirmed");
    world.signal("KOR-8", Some(tokyo()), 600, 5.0, Certainty::Confirmed, "track.aircraft");
    check(&world, "another signal, such as of an aircraft");
    world.forecast("KOR-9", region(30.0, 150.0, 10.0, 3.0), 600, 5.0);
    check(&world, "the open ocean");
    world.forecast("KOR-10", region(35.69, 139.5, 151.0, 1.0), 600, 5.0);
    check(&world, "too wide");
    assert_eq!(
        world.complaints(),
        ["impact forecast of `KOR-10` is too wide to name districts (151 km, 1 sigma)"]
    );
    world.forecast("KOR-10", region(35.69, 139.5, 152.0, 1.0), 600, 5.0);
    assert_eq!(world.complaints(), [""; 0], "said once");
    world.forecast("KOR-11", tokyo(), -20, 5.0);
    check(&world, "over before it was heard");
    world.forecast("no name, but a place", tokyo(), 600, 5.0);
    check(&world, "an object without a name that can be cited");
    world.audience = only("KOR");
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    check(&world, "a view this partner does not share");
}

#[test]
fn forecasts_with_numbers_that_are_none_are_set_aside() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, f64::NAN);
    world.forecast("KOR-7", region(f64::NAN, 139.5, 1.0, 1.0), 600, 5.0);
    world.forecast("KOR-7", region(35.69, 139.5, f64::INFINITY, 1.0), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0]);
    let complaints = world.complaints();
    assert_eq!(complaints.len(), 3);
    assert!(
        complaints[0].starts_with("impact forecast of `KOR-7` set aside: expected impact time")
    );
}

#[test]
fn material_changes_are_drafted_and_small_ones_are_not() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.wait(SETTLES_S + 1);

    world.forecast("KOR-7", tokyo(), 609, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "9 s later");
    world.forecast("KOR-7", tokyo(), 612, 7.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "12 s later, within two standard deviations");
    world.forecast("KOR-7", tokyo(), 612, 5.0);
    let update = "KOR-7.JPN.1 Update Changed JP-11 JP-13 JP-14";
    assert_eq!(world.drafts("JPN-1"), [update], "12 s later");
    world.forecast("KOR-7", region(35.70, 139.52, 1.0, 1.0), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "2 km aside, the same districts");
    world.forecast("KOR-7", region(35.69, 139.53, 0.9, 0.9), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "3 km aside, the same districts");

    world.forecast("KOR-7", region(35.69, 139.30, 1.0, 1.0), 600, 5.0);
    let moved = "KOR-7.JPN.1 Update Changed JP-11 JP-13 JP-14 JP-19";
    assert_eq!(world.drafts("JPN-1"), [moved], "18 km west: Yamanashi is added");
    world.obey("JPN-1");
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "a dropped district waits until things settle");
    world.wait(SETTLES_S);
    assert_eq!(world.drafts("JPN-1"), [update]);
}

#[test]
fn lost_support_raises_an_alarm_and_drafts_a_cancel() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.wait(60);
    world.withdraw("KOR-7");
    let alarmed = "KOR-7.JPN.1 released --- said 1 supported false priority 4";
    assert_eq!(world.rows(), [alarmed]);
    world.wait(SUPPORT_SETTLES_S - 1);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "it may come back");
    world.wait(1);
    let cancel = "KOR-7.JPN.1 Cancel Unsupported JP-11 JP-13 JP-14";
    assert_eq!(world.drafts("JPN-1"), [cancel]);
    world.obey("JPN-1");
    assert_eq!(world.drafts("JPN-1"), [""; 0], "the public message stands until an officer acts");
    assert_eq!(
        world.rows(),
        ["KOR-7.JPN.1 released cancel-unsupported said 1 supported false priority 4"]
    );
    // The object is seen again: the withdrawal is overtaken by an update.
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Update Changed JP-11 JP-13 JP-14"]);
}

#[test]
fn support_that_flickers_alarms_at_once_and_drafts_nothing() {
    for how in ["withdrawn", "unconfirmed", "too wide"] {
        let mut world = World::new();
        world.forecast("KOR-7", tokyo(), 600, 5.0);
        world.obey("JPN-1");
        world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
        world.wait(60);
        match how {
            "withdrawn" => world.withdraw("KOR-7"),
            "unconfirmed" => {
                let possible = Certainty::Possible;
                world.signal("KOR-7", Some(tokyo()), 600, 5.0, possible, IMPACT_SIGNAL);
            }
            _ => world.forecast("KOR-7", region(35.69, 139.5, 151.0, 1.0), 600, 5.0),
        }
        let alarmed = "KOR-7.JPN.1 released --- said 1 supported false priority 4";
        assert_eq!(world.rows(), [alarmed], "{how}");
        world.wait(SUPPORT_SETTLES_S - 1);
        assert_eq!(world.drafts("JPN-1"), [""; 0], "{how}");
        world.forecast("KOR-7", tokyo(), 600, 5.0);
        let calm = "KOR-7.JPN.1 released --- said 1 supported true priority 2";
        assert_eq!(world.rows(), [calm], "{how}");
        for _ in 0..10 {
            assert_eq!(world.drafts("JPN-1"), [""; 0], "{how}: nothing changed");
            world.wait(10);
        }
        // Lost again: the time counts anew.
        world.withdraw("KOR-7");
        world.wait(SUPPORT_SETTLES_S - 1);
        assert_eq!(world.drafts("JPN-1"), [""; 0], "{how}");
        world.wait(1);
        assert_eq!(world.drafts("JPN-1").len(), 1, "{how}");
    }
}

#[test]
fn nothing_is_drafted_on_lost_support() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.withdraw("KOR-7");
    assert_eq!(world.drafts("JPN-1"), [""; 0]);
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [ALERT]);
}

/// Where the flight of 2017-07-28 came down.
fn off_hokkaido() -> Region {
    region(43.1, 138.0, 2.0, 1.0)
}

/// The west coast of Hokkaido.
fn hokkaido() -> Region {
    region(43.2, 140.6, 2.0, 1.0)
}

#[test]
fn a_fall_at_sea_is_warned_of_by_the_partner_nearest() {
    let check = |lat, lon, expect: &[&str]| {
        let mut world = World::new();
        world.forecast("KOR-7", region(lat, lon, 2.0, 1.0), 600, 5.0);
        let all = ["JPN-1", "KOR-1", "USA-1"].map(|node| world.drafts(node)).concat();
        assert_eq!(all, expect, "{lat} {lon}");
    };
    check(43.1, 138.0, &["KOR-7.JPN.1 Alert Threat JP-01"]);
    check(36.5, 131.5, &["KOR-7.KOR.1 Alert Threat KR-47"]);
    check(38.6, 130.1, &["KOR-7.KOR.1 Alert Threat KR-42 KR-47"]);
    check(12.0, 146.0, &["KOR-7.USA.1 Alert Threat US-GU"]);
    // South of Guam: 364 km off, then 380.
    check(9.95, 144.7, &["KOR-7.USA.1 Alert Threat US-GU"]);
    check(9.80, 144.7, &[]);
    check(30.0, 150.0, &[]);
}

#[test]
fn a_wild_forecast_of_a_fall_at_sea_alarms_nobody() {
    let mut world = World::new();
    world.forecast("KOR-7", region(43.1, 138.0, 25.1, 3.0), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0]);
    world.forecast("KOR-7", region(43.1, 138.0, 24.9, 3.0), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Alert Threat JP-01"]);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.wait(SETTLES_S);
    world.forecast("KOR-7", region(43.1, 138.0, 40.0, 3.0), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "what was said still holds");
    assert_eq!(world.rows(), ["KOR-7.JPN.1 released --- said 1 supported true priority 3"]);
}

#[test]
fn a_sea_warning_follows_the_forecast_only_when_it_moves() {
    let mut world = World::new();
    world.forecast("KOR-7", off_hokkaido(), 600, 4.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.forecast("KOR-7", region(43.1, 138.2, 2.0, 1.0), 600, 4.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "16 km east, but not settled");
    world.wait(SETTLES_S);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Update Changed JP-01"]);
    world.forecast("KOR-7", region(43.1, 138.05, 2.0, 1.0), 605, 4.0);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "4 km and 5 s");
    world.forecast("KOR-7", off_hokkaido(), 611, 4.0);
    assert_eq!(world.drafts("JPN-1").len(), 1, "11 s");
    world.forecast("KOR-7", off_hokkaido(), 600, 4.0);
    world.withdraw("KOR-7");
    world.wait(SUPPORT_SETTLES_S);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Cancel Unsupported JP-01"]);
}

#[test]
fn a_threat_to_the_sea_that_nears_land_escalates_at_once() {
    let mut world = World::new();
    world.forecast("KOR-7", off_hokkaido(), 600, 5.0);
    world.obey("JPN-1");
    world.forecast("KOR-7", hokkaido(), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Alert Changed JP-01"], "before the release");
    world.forecast("KOR-7", off_hokkaido(), 600, 5.0);
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    assert_eq!(world.rows(), ["KOR-7.JPN.1 released --- said 1 supported true priority 3"]);
    world.forecast("KOR-7", hokkaido(), 600, 5.0);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Update Changed JP-01"]);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Update(None)).unwrap();
    assert_eq!(world.rows(), ["KOR-7.JPN.1 updated --- said 2 supported true priority 2"]);
    let said: Vec<(u32, Area)> = world
        .warning("KOR-7.JPN.1")
        .messages()
        .iter()
        .map(|message| (message.sequence, message.subject.area))
        .collect();
    assert_eq!(said, [(1, Area::Sea), (2, Area::Land)]);
}

#[test]
fn a_threat_to_land_that_moves_off_to_sea_is_updated_once_it_settles() {
    let mut world = World::new();
    world.forecast("KOR-7", hokkaido(), 900, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.wait(60);
    // To and fro across the coast's margin: nobody is told to leave shelter.
    for _ in 0..5 {
        world.forecast("KOR-7", off_hokkaido(), 900, 5.0);
        world.wait(SETTLES_S - 1);
        assert_eq!(world.drafts("JPN-1"), [""; 0]);
        world.forecast("KOR-7", hokkaido(), 900, 5.0);
        world.wait(1);
        assert_eq!(world.drafts("JPN-1"), [""; 0]);
    }
    world.forecast("KOR-7", off_hokkaido(), 900, 5.0);
    world.wait(SETTLES_S);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Update Changed JP-01"]);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Update(None)).unwrap();
    assert_eq!(world.rows(), ["KOR-7.JPN.1 updated --- said 2 supported true priority 3"]);
    world.wait(700);
    world.withdraw("KOR-7");
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Update Fell JP-01"]);
}

#[test]
fn a_sea_warning_beyond_reach_is_lifted() {
    let mut world = World::new();
    world.forecast("KOR-7", off_hokkaido(), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.forecast("KOR-7", region(30.0, 150.0, 1.0, 1.0), 600, 5.0);
    assert_eq!(world.rows(), ["KOR-7.JPN.1 released --- said 1 supported false priority 4"]);
    world.wait(SETTLES_S);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Cancel Passed JP-01"]);
}

#[test]
fn between_two_coasts_one_partner_speaks() {
    // Eastwards along 37 degrees north Japan's coast becomes the nearer.
    let place = |lon| region(37.0, lon, 2.0, 1.0);
    let speakers = |world: &World| {
        let nodes = ["JPN-1", "KOR-1", "USA-1"].into_iter();
        nodes.filter(|node| !world.drafts(node).is_empty()).collect::<Vec<_>>()
    };
    let fresh = |lon| {
        let mut world = World::new();
        world.forecast("KOR-7", place(lon), 600, 5.0);
        world
    };
    let middle = (0..200)
        .map(|step| 131.5 + 0.01 * f64::from(step))
        .find(|lon| speakers(&fresh(*lon)) == ["JPN-1"])
        .unwrap();
    assert_eq!(speakers(&fresh(middle - 0.01)), ["KOR-1"], "{middle}");
    let mut world = fresh(middle - 0.01);
    world.obey("KOR-1");
    for step in 0..6 {
        world.forecast("KOR-7", place(middle + 0.01 * f64::from(step % 2)), 600, 5.0);
        assert_eq!(speakers(&world), [""; 0], "Korea spoke first and is still about as near");
        world.wait(SETTLES_S);
    }
    world.forecast("KOR-7", place(middle + 0.5), 600, 5.0);
    world.wait(SETTLES_S);
    assert_eq!(world.drafts("KOR-1"), ["KOR-7.KOR.1 Cancel Passed KR-47"]);
}

#[test]
fn a_forecast_that_moves_away_drafts_a_lifting() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
    world.forecast("KOR-7", region(30.0, 150.0, 1.0, 1.0), 700, 5.0);
    assert_eq!(world.rows(), ["KOR-7.JPN.1 released --- said 1 supported false priority 4"]);
    world.wait(SETTLES_S);
    assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Cancel Passed JP-11 JP-13 JP-14"]);
    world.obey("JPN-1");
    assert_eq!(world.obey("JPN-1"), 0);
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Cancel(None)).unwrap();
    assert_eq!(world.warning("KOR-7.JPN.1").messages().last().unwrap().reason, Reason::Passed);
    assert_eq!(world.drafts("JPN-1"), [""; 0]);
}

#[test]
fn after_the_time_of_impact_the_fall_is_drafted_whether_or_not_the_track_ends() {
    for withdrawn in [false, true] {
        let mut world = World::new();
        world.forecast("KOR-7", tokyo(), 600, 5.0);
        world.obey("JPN-1");
        world.officer("JPN-1", "KOR-7.JPN.1", Act::Release(None)).unwrap();
        world.wait(598);
        assert_eq!(world.drafts("JPN-1"), [""; 0], "not yet over");
        if withdrawn {
            world.withdraw("KOR-7");
        } else {
            world.wait(20);
        }
        assert_eq!(world.drafts("JPN-1"), ["KOR-7.JPN.1 Update Fell JP-11 JP-13 JP-14"]);
        world.obey("JPN-1");
        world.officer("JPN-1", "KOR-7.JPN.1", Act::Update(None)).unwrap();
        assert_eq!(world.drafts("JPN-1"), [""; 0]);
        assert_eq!(world.rows(), ["KOR-7.JPN.1 updated --- said 2 supported true priority 4"]);
    }
}

#[test]
fn a_mistake_is_not_drafted_again_unless_it_changes_but_a_new_threat_is() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 900, 5.0);
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.1", Act::Cancel(None)).unwrap();
    world.wait(60);
    assert_eq!(world.drafts("JPN-1"), [""; 0], "the officer saw this forecast");
    world.forecast("KOR-7", region(35.69, 139.30, 1.0, 1.0), 900, 5.0);
    let again = "KOR-7.JPN.2 Alert Threat JP-11 JP-13 JP-14 JP-19";
    assert_eq!(world.drafts("JPN-1"), [again], "a further district, the next number");
    world.obey("JPN-1");
    world.officer("JPN-1", "KOR-7.JPN.2", Act::Cancel(Some(Reason::Unsupported))).unwrap();
    assert_eq!(world.drafts("JPN-1").len(), 1, "supported again after all");
}

#[test]
fn wishes_name_what_they_have_seen() {
    let mut world = World::new();
    world.forecast("KOR-7", tokyo(), 600, 5.0);
    let key = |world: &World| world.wishes("JPN-1")[0].key.clone();
    assert_eq!(key(&world), "warning.draft/JPN+KOR+USA/KOR-7.JPN.1/0");
    world.forecast("KOR-7", tokyo(), 601, 5.0);
    assert_eq!(key(&world), "warning.draft/JPN+KOR+USA/KOR-7.JPN.1/0", "still the same wish");
    world.obey("JPN-1");
    world.forecast("KOR-7", region(35.69, 139.30, 1.0, 1.0), 600, 5.0);
    assert_eq!(key(&world), "warning.draft/JPN+KOR+USA/KOR-7.JPN.1/1");
    let own = Capability::desires(&world.state, node("JPN-1"), &only("JPN"), world.now);
    assert_eq!(own[0].key, "warning.draft/JPN/KOR-7.JPN.1/1");
}
