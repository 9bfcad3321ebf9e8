//! Charter files: what is refused, where, and what a new edition needs.

use watchfire_log::testing::{SeededRng, charter, charter_with};
use watchfire_log::{
    Carrier, Charter, CharterDraft, Editions, Error, Fingerprint, LineRecord, NodeSecrets, Realm,
    RootSecret, SigningKey,
};

use crate::common::{self, node, partner};

fn refused(text: &str, parts: &[&str]) {
    let error = Charter::parse_verify(text).expect_err("refused");
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "expected `{part}` in: {message}");
    }
    assert!(error.hint().is_some(), "a hint for: {message}");
}

#[test]
fn a_signed_charter_reads_back_the_same() {
    let world = common::world();
    let text = world.charter.text();
    let read = Charter::parse_verify(text).unwrap();
    assert_eq!(read, world.charter);
    assert_eq!(CharterDraft::parse(text).unwrap().to_text(), text);
    assert_eq!(read.nodes().count(), 3);
    assert_eq!(read.everyone().to_string(), "JPN+KOR+USA");
    assert_eq!(read.audiences_of(partner("KOR")).count(), 4);
    assert!(read.allows(partner("KOR"), &"KOR+USA".parse().unwrap()));
    assert!(!read.allows(partner("JPN"), &"KOR+USA".parse().unwrap()));
    // Order, comments and spacing are not signed; values are.
    Charter::parse_verify(&format!("# a comment\n\n{text}\n# another\n")).unwrap();
}

#[test]
fn relays_are_agreed_and_carry_for_others_alone() {
    let (realm, nodes) = (Realm::exercise("alpha").unwrap(), ["JPN-1", "KOR-1", "USA-1"]);
    let by_usa = |carrier| {
        charter_with(&realm, &nodes, 7, |agreement| {
            agreement.relays.insert(partner("USA"));
            agreement.lines.iter_mut().for_each(|line| line.carrier = carrier);
        })
    };
    let world = by_usa(Carrier::Quic);
    let text = world.charter.text();
    assert_eq!(Charter::parse_verify(text).unwrap(), world.charter);
    assert!(world.charter.agreement().canonical_text().contains("\nrelay USA\n"));
    refused(&text.replacen("relays = [\"USA\"]", "relays = [\"JPN\"]", 1), &["the charter"]);
    refused(&text.replacen("relays = [\"USA\"]", "relays = [\"AUS\"]", 1), &["relays", "AUS"]);
    let may = |relay: &str, one: &str, other: &str, charter: &Charter| {
        charter.may_relay(node(relay), [node(one), node(other)])
    };
    for (relay, one, other, expected) in [
        ("USA-1", "JPN-1", "KOR-1", true),
        ("USA-1", "KOR-1", "JPN-1", true),
        ("KOR-1", "JPN-1", "USA-1", false),
        ("USA-1", "USA-1", "KOR-1", false),
        ("USA-2", "JPN-1", "KOR-1", false),
        ("USA-1", "JPN-1", "KOR-2", false),
    ] {
        assert_eq!(may(relay, one, other, &world.charter), expected, "{relay} for {one}, {other}");
    }
    for (carrier, expected) in
        [(Carrier::Tcp, true), (Carrier::OneWay, false), (Carrier::Bundle, false)]
    {
        let charter = by_usa(carrier).charter;
        assert_eq!(may("USA-1", "JPN-1", "KOR-1", &charter), expected, "{carrier:?}");
    }
    let gone = charter_with(&realm, &nodes, 7, |agreement| {
        agreement.relays.insert(partner("USA"));
        let (from, to) = (node("JPN-1"), node("KOR-2"));
        agreement.lines.push(LineRecord { from, to, carrier: Carrier::Tcp });
    });
    assert!(!may("USA-1", "JPN-1", "KOR-2", &gone.charter), "a line to a node on no roster");
    let mut draft = world.charter.draft();
    let mut roster = world.charter.rosters()[&partner("JPN")].clone();
    roster.number += 1;
    roster.withhold.insert(partner("USA"));
    draft.sign_roster(roster, &world.roots[&partner("JPN")].key).unwrap();
    let withheld = draft.finish().unwrap();
    assert!(!may("USA-1", "JPN-1", "KOR-1", &withheld), "an end withholds from the relay");
    let without = common::world().charter;
    let changes: Vec<String> =
        world.charter.draft().changes(&without).iter().map(ToString::to_string).collect();
    assert!(changes.contains(&"relay `USA` is added".to_owned()), "{changes:?}");
}

#[test]
fn every_changed_value_is_refused() {
    let world = common::world();
    let text = world.charter.text();
    for (from, to, parts) in [
        ("edition = 1", "edition = 2", &["signature by the root of", "the charter"][..]),
        ("exercise/alpha", "exercise/bravo", &["the charter"]),
        ("clock_rate = 60.0", "clock_rate = 61.0", &["the charter"]),
        ("Partner KOR", "Partner PRK", &["the charter"]),
        ("\"KOR+USA\", ", "", &["the charter"]),
        ("carrier = \"tcp\"", "carrier = \"quic\"", &["the charter"]),
        ("number = 1", "number = 2", &["the root of JPN", "its roster"]),
        ("kem_generation = 1", "kem_generation = 2", &["its roster"]),
        ("addresses = []", "addresses = [\"evil:1\"]", &["its roster"]),
        ("edition = 1", "edition = 1\nsurprise = 1", &["line 2, column 1", "surprise"]),
        ("edition = 1", "edition = \"one\"", &["line 1, column 11"]),
        ("clock_rate = 60.0", "clock_rate = 0.0", &["exercise.clock_rate", "above 0"]),
        ("exercise/alpha", "operational", &["`exercise`", "a table"]),
        ("carrier = \"tcp\"", "carrier = \"pigeon\"", &["line[0].carrier", "pigeon"]),
        ("addresses = []", "addresses = [\"nowhere\"]", &["addresses", "HOST:PORT"]),
        ("\"JPN+KOR+USA\", ", "", &["`audience`", "JPN+KOR+USA"]),
    ] {
        assert!(text.contains(from), "`{from}` is in the file");
        refused(&text.replacen(from, to, 1), parts);
    }
    refused("", &["line 1, column 1"]);
    let large = "#".repeat(base::limits::CHARTER_BYTES_MAX + 1);
    assert!(matches!(Charter::parse_verify(&large), Err(Error::Limit { .. })));
}

#[test]
fn a_charter_needs_every_root_and_every_roster() {
    let world = common::world();
    let draft = CharterDraft::parse(world.charter.text()).unwrap();
    for name in ["JPN", "KOR", "USA"] {
        let mut unsigned = draft.clone();
        unsigned.signatures.remove(&partner(name));
        let error = unsigned.finish().unwrap_err();
        let whose = format!("the root of {name}");
        assert_eq!(error, Error::Unsigned { whose, over: "the charter" });
        assert!(error.hint().unwrap().contains("charter sign"));
        let mut unsigned = draft.clone();
        unsigned.rosters.remove(&partner(name));
        assert!(matches!(unsigned.finish(), Err(Error::Unsigned { over: "its roster", .. })));
    }
    // Another partner's root cannot sign for it.
    let mut draft = draft;
    let other = &world.roots[&partner("USA")].key;
    assert!(draft.sign_agreement(partner("KOR"), other).is_err());
    let roster = world.charter.rosters()[&partner("KOR")].clone();
    assert!(draft.sign_roster(roster, other).is_err());
}

fn successor(
    world: &watchfire_log::testing::TestCharter,
    change: impl FnOnce(&mut CharterDraft),
    signers: &[(&str, &SigningKey)],
) -> Result<(), Error> {
    let mut draft = CharterDraft::parse(world.charter.text()).unwrap();
    draft.agreement.edition += 1;
    draft.signatures.clear();
    change(&mut draft);
    for (name, key) in signers {
        draft.sign_agreement(partner(name), key)?;
    }
    world.charter.check_successor(&draft.finish()?)
}

#[test]
fn editions_follow_one_another_with_all_other_roots() {
    let world = common::world();
    let root = |name| &world.roots[&partner(name)].key;
    let everyone = [("JPN", root("JPN")), ("KOR", root("KOR")), ("USA", root("USA"))];
    successor(&world, |_| {}, &everyone).unwrap();
    assert!(successor(&world, |_| {}, &everyone[..2]).is_err());
    assert!(successor(&world, |draft| draft.agreement.edition += 1, &everyone).is_err());
    let removal = |names: &'static [&'static str]| {
        move |draft: &mut CharterDraft| {
            for name in names {
                let id = partner(name);
                draft.agreement.partners.remove(&id);
                draft.rosters.remove(&id);
                draft.agreement.audiences.retain(|audience| !audience.contains(id));
                draft.agreement.lines.retain(|l| l.from.partner() != id && l.to.partner() != id);
            }
            let left = draft.agreement.partners.keys().copied();
            draft.agreement.audiences.insert(watchfire_log::Audience::new(left).unwrap());
        }
    };
    // Removing JPN needs KOR and USA only; removing two at once is refused.
    successor(&world, removal(&["JPN"]), &everyone[1..]).unwrap();
    assert!(successor(&world, removal(&["JPN", "USA"]), &everyone[1..2]).is_err());
    // Replacing USA's root: the others and the new key, which also signs its roster again.
    let fresh = SigningKey::random(&mut SeededRng::new(3));
    let replace = |draft: &mut CharterDraft| {
        let usa = partner("USA");
        draft.agreement.partners.get_mut(&usa).unwrap().root = fresh.verifying_key();
        let roster = draft.rosters[&usa].0.clone();
        draft.sign_roster(roster, &fresh).unwrap();
    };
    let signers = [everyone[0], everyone[1], ("USA", &fresh)];
    successor(&world, replace, &signers).unwrap();
    assert!(successor(&world, replace, &signers[1..]).is_err());
}

#[test]
fn acts_of_a_partner_that_left_stay_those_of_its_officers() {
    let world = common::world();
    let jpn = partner("JPN");
    let key = SigningKey::random(&mut SeededRng::new(4)).verifying_key();
    let mut draft = world.charter.draft();
    let mut roster = draft.rosters[&jpn].0.clone();
    roster.number += 1;
    roster
        .officers
        .insert("akebono".to_owned(), watchfire_log::OfficerRecord { key, expires: None });
    assert!(roster.revoke_officer("akebono", base::Timestamp::from_nanos(50)));
    draft.sign_roster(roster, &world.roots[&jpn].key).unwrap();
    let before = draft.clone().finish().unwrap();
    draft.agreement.edition += 1;
    draft.signatures.clear();
    draft.agreement.partners.remove(&jpn);
    draft.rosters.remove(&jpn);
    draft.agreement.audiences.retain(|audience| !audience.contains(jpn));
    draft.agreement.lines.retain(|l| l.from.partner() != jpn && l.to.partner() != jpn);
    for name in ["KOR", "USA"] {
        draft.sign_agreement(partner(name), &world.roots[&partner(name)].key).unwrap();
    }
    let Editions::Newer(after) = before.compare(&draft.to_text()).unwrap() else {
        panic!("the next edition")
    };
    let keys = |charter: &Charter, at| {
        charter.officer_keys(jpn, "akebono", base::Timestamp::from_nanos(at))
    };
    assert!(!after.rosters().contains_key(&jpn));
    for charter in [&before, &*after] {
        assert_eq!(keys(charter, 49), [key]);
        assert_eq!(keys(charter, 50), []);
    }
    assert_eq!(after.officer_keys(jpn, "yugure", base::Timestamp::from_nanos(49)), []);
}

#[test]
fn rosters_count_up_under_their_own_root() {
    let mut world = common::world();
    let kor = partner("KOR");
    let realm = world.charter.realm().clone();
    let roster = |number: u32| {
        let mut roster = common::world().charter.rosters()[&kor].clone();
        roster.number = number;
        roster
    };
    let sign = |roster: &watchfire_log::Roster, name: &str| {
        common::world().roots[&partner(name)].key.sign(roster.canonical_text(&realm).as_bytes())
    };
    let (same, next) = (roster(1), roster(2));
    assert!(world.charter.adopt_roster(same.clone(), &sign(&same, "KOR")).is_err());
    assert!(world.charter.adopt_roster(next.clone(), &sign(&next, "USA")).is_err());
    world.charter.adopt_roster(next.clone(), &sign(&next, "KOR")).unwrap();
    assert_eq!(world.charter.rosters()[&kor].number, 2);
    let mut foreign = roster(3);
    let record = foreign.nodes[&node("KOR-1")].clone();
    foreign.nodes.insert(node("USA-9"), record.clone());
    assert!(world.charter.adopt_roster(foreign.clone(), &sign(&foreign, "KOR")).is_err());
    let mut one_key = roster(3);
    one_key.nodes.get_mut(&node("KOR-1")).unwrap().holds = record.witness;
    assert!(world.charter.adopt_roster(one_key.clone(), &sign(&one_key, "KOR")).is_err());
}

#[test]
fn fingerprints_are_read_aloud() {
    let fingerprint = Fingerprint([0x12; 32]);
    assert_eq!(fingerprint.to_string(), "2891-44GJ-2891-44GJ-2891");
    assert!(fingerprint.spoken().starts_with("Two Eight Nine One, Four Four Golf Juliett, Two"));
    let (a, b) = (common::world(), charter(&Realm::Operational, &["KOR-1"], 1));
    assert_ne!(a.charter.fingerprint(), b.charter.fingerprint());
}

#[test]
fn key_files_round_trip_and_say_nothing_in_errors() {
    let mut rng = SeededRng::new(4);
    let realm = Realm::exercise("alpha").unwrap();
    let mut secrets = NodeSecrets::random(realm.clone(), node("KOR-1"), &mut rng);
    secrets.kem.push(watchfire_log::KemSecret::random(2, &mut rng));
    let text = secrets.to_text();
    let read = NodeSecrets::parse(&text).unwrap();
    assert_eq!(*read.to_text(), *text);
    assert_eq!(read.newest_kem().public(), secrets.newest_kem().public());
    assert_eq!(format!("{read:?}"), "NodeSecrets(exercise/alpha, KOR-1, ..)");
    for line in 0..text.lines().count() {
        let kept: Vec<&str> =
            text.lines().enumerate().filter(|(i, _)| *i != line).map(|(_, l)| l).collect();
        let result = NodeSecrets::parse(&kept.join("\n"));
        assert!(result.is_err() || line >= 7, "without line {line}");
    }
    let secret = text.lines().nth(3).unwrap().strip_prefix("key ").unwrap().to_owned();
    let broken = text.replace("witness ", &format!("witness {secret}"));
    let error = NodeSecrets::parse(&broken).unwrap_err().to_string();
    assert!(!error.contains(&secret[..8]), "{error}");
    let root = RootSecret::random(realm, partner("KOR"), &mut rng);
    let text = root.to_text();
    assert_eq!(*RootSecret::parse(&text).unwrap().to_text(), *text);
    assert!(RootSecret::parse(&format!("{}extra\n", *text)).is_err());
}
