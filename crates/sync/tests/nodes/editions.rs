//! Charters at run time: rosters and editions reach every node, and nothing is lost on the way.

use log::testing::{SeededRng, node_record};
use log::{
    Audience, Charter, CharterDraft, FsckScope, LogState, NodeSecrets, Precedence, RetiredKeys,
    Roster, fsck,
};
use sync::{CharterHistory, Input, Level, Output};

use crate::cluster::Cluster;

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;
const ALL: &str = "JPN+KOR+USA";

/// The charter a host has in force.
pub(crate) fn in_force(cluster: &Cluster, host: usize) -> Charter {
    cluster.node(host).charter().clone()
}

/// The same charter with another roster of `name`, signed by its root.
pub(crate) fn with_roster(
    cluster: &Cluster,
    charter: &Charter,
    name: &str,
    change: impl FnOnce(&mut Roster),
) -> String {
    let partner = name.parse().unwrap();
    let mut draft = charter.draft();
    let mut roster = draft.rosters[&partner].0.clone();
    roster.number += 1;
    change(&mut roster);
    draft.sign_roster(roster, &cluster.charter.roots[&partner].key).unwrap();
    draft.to_text()
}

/// The next edition, signed by every root it names.
fn next_edition(
    cluster: &Cluster,
    charter: &Charter,
    change: impl FnOnce(&mut CharterDraft),
) -> String {
    let mut draft = charter.draft();
    draft.agreement.edition += 1;
    draft.signatures.clear();
    change(&mut draft);
    for partner in draft.agreement.partners.keys().copied().collect::<Vec<_>>() {
        draft.sign_agreement(partner, &cluster.charter.roots[&partner].key).unwrap();
    }
    draft.to_text()
}

fn remove(draft: &mut CharterDraft, name: &str) {
    let id = name.parse().unwrap();
    draft.agreement.partners.remove(&id);
    draft.rosters.remove(&id);
    draft.agreement.audiences.retain(|audience| !audience.contains(id));
    draft.agreement.lines.retain(|line| line.from.partner() != id && line.to.partner() != id);
    let left = draft.agreement.partners.keys().copied();
    draft.agreement.audiences.insert(Audience::new(left).unwrap());
}

pub(crate) fn adopt(cluster: &mut Cluster, host: usize, text: String) {
    cluster.input(host, Input::Charter { text });
}

pub(crate) fn fsck_clean(cluster: &Cluster, host: usize) {
    let file = cluster.charter.charter.clone();
    let store = &cluster.hosts[host].store;
    let history = CharterHistory::read(file, store).unwrap();
    let node = cluster.hosts[host].id;
    let storage = Some(&cluster.charter.secrets[&node].storage);
    let scope = FsckScope { charter: history.in_force(), node, storage, high_water: None };
    let report = fsck(store, &scope);
    assert_eq!(report.faults, []);
    assert!(report.entries > 0);
}

#[test]
fn a_roster_takes_effect_everywhere_at_once_and_what_it_withholds_stays_closed() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, ALL, "before", Level::All);
    let text = with_roster(&cluster, &in_force(&cluster, KOR), "KOR", |roster| {
        roster.withhold.insert("JPN".parse().unwrap());
    });
    adopt(&mut cluster, KOR, text);
    for host in [JPN, KOR, USA] {
        assert_eq!(in_force(&cluster, host).rosters()[&"KOR".parse().unwrap()].number, 2);
        let adopted = |output: &Output| matches!(output, Output::CharterInForce { .. });
        assert_eq!(cluster.hosts[host].out.iter().filter(|output| adopted(output)).count(), 1);
        let known = cluster.node(host).standings();
        assert!(known.values().all(|theirs| *theirs == cluster.node(host).standing()), "{known:?}");
    }
    cluster.append(KOR, ALL, "withheld", Level::Local);
    cluster.append(JPN, ALL, "from japan", Level::Local);
    cluster.run_for(500);
    assert_eq!(cluster.texts(JPN), ["before", "from japan"]);
    assert_eq!(cluster.texts(USA), ["before", "withheld", "from japan"]);
    let again = with_roster(&cluster, &in_force(&cluster, USA), "KOR", |roster| {
        roster.withhold.clear();
    });
    adopt(&mut cluster, USA, again);
    cluster.append(KOR, ALL, "released", Level::All);
    assert_eq!(cluster.texts(JPN), ["before", "from japan", "released"]);
    for host in [JPN, KOR, USA] {
        fsck_clean(&cluster, host);
    }
}

#[test]
fn a_removed_partner_reads_nothing_sealed_after_its_removal_and_the_others_go_on() {
    let mut cluster = Cluster::three();
    cluster.append(KOR, ALL, "before", Level::All);
    let text = next_edition(&cluster, &in_force(&cluster, KOR), |draft| remove(draft, "JPN"));
    adopt(&mut cluster, USA, text);
    assert_eq!(in_force(&cluster, KOR).edition(), 2);
    assert_eq!(in_force(&cluster, USA).edition(), 2);
    assert!(!cluster.is_connected(JPN, KOR) && !cluster.is_connected(JPN, USA));
    let mark = cluster.node(KOR).cut();
    cluster.append(KOR, "KOR+USA", "after", Level::All);
    cluster.append(USA, "KOR+USA", "answer", Level::All);
    assert_eq!(cluster.texts(USA), ["before", "after", "answer"]);
    // Everything KOR has sealed since, given to JPN with every key it has.
    let batches = log::StoreReadExt::batches(
        &cluster.hosts[KOR].store,
        &cluster.node(KOR).own_log(Precedence::Immediate),
        0,
        usize::MAX,
        usize::MAX,
    );
    let jpn = cluster.hosts[JPN].id;
    let secrets = &cluster.charter.secrets[&jpn];
    let mut ring = log::EpochRing::new(secrets.realm.clone(), jpn, secrets.kem.clone());
    let own = cluster.node(KOR).own_log(Precedence::Immediate);
    let mut opened = 0;
    for entry in batches.unwrap().iter().flat_map(log::Batch::stored_entries) {
        if ring.open(&entry).is_ok() {
            assert!(entry.id().index < mark[&own], "{} opened", entry.id());
            opened += 1;
        }
    }
    assert!(opened >= 2, "what was released before stays readable");
    // The removed node comes back with the old charter and is turned away by both.
    cluster.connect(JPN, KOR);
    cluster.run_for(200);
    assert!(!cluster.is_connected(JPN, KOR));
    cluster.stop(KOR);
    cluster.clear();
    cluster.start(KOR);
    assert_eq!(in_force(&cluster, KOR).edition(), 2, "the store remembers");
    cluster.connect(KOR, USA);
    cluster.append(KOR, "KOR+USA", "restarted", Level::All);
    assert_eq!(cluster.texts(USA).last().unwrap(), "restarted");
    fsck_clean(&cluster, KOR);
    fsck_clean(&cluster, USA);
}

#[test]
fn a_node_that_slept_through_two_editions_takes_them_one_after_another() {
    let mut cluster = Cluster::three();
    cluster.append(USA, ALL, "before", Level::All);
    cluster.stop(USA);
    for edition in 2..=3 {
        let next = next_edition(&cluster, &in_force(&cluster, KOR), |draft| {
            draft.agreement.deadlines_s.insert("release".to_owned(), 60 * edition);
        });
        adopt(&mut cluster, KOR, next);
        cluster.append(KOR, ALL, &format!("under {edition}"), Level::Local);
    }
    cluster.clear();
    cluster.start(USA);
    cluster.connect_all();
    cluster.run_for(1_000);
    assert_eq!(in_force(&cluster, USA).edition(), 3);
    let told = cluster.texts(USA);
    assert_eq!(told, ["before", "under 2", "under 3"]);
    cluster.append(USA, ALL, "from usa", Level::All);
    let facts = cluster.facts(JPN);
    assert_eq!(facts.last().unwrap().0.charter_edition, 3);
    fsck_clean(&cluster, USA);
}

#[test]
fn two_agreements_of_one_number_and_unsigned_ones_are_refused() {
    let mut cluster = Cluster::three();
    let first = in_force(&cluster, KOR);
    let unsigned = next_edition(&cluster, &first, |_| {}).replacen("release", "r", 1);
    let mut draft = CharterDraft::parse(&unsigned).unwrap();
    draft.signatures.pop_first();
    adopt(&mut cluster, KOR, draft.to_text());
    assert_eq!(in_force(&cluster, KOR).edition(), 1);
    assert!(cluster.findings(KOR).last().unwrap().contains("the root of JPN"));
    // Split roots: KOR and JPN take one edition 2 while USA takes another.
    cluster.disconnect(JPN, USA);
    cluster.disconnect(KOR, USA);
    for (host, seconds) in [(KOR, 60), (USA, 90)] {
        let next = next_edition(&cluster, &first, |draft| {
            draft.agreement.deadlines_s.insert("release".to_owned(), seconds);
        });
        adopt(&mut cluster, host, next);
    }
    assert_eq!(in_force(&cluster, JPN).edition(), 2);
    cluster.clear();
    cluster.connect(KOR, USA);
    assert!(!cluster.is_connected(KOR, USA));
    let said = [cluster.findings(KOR), cluster.findings(USA)].concat();
    assert!(said.iter().any(|text| text.contains("as it is known here, got another")), "{said:?}");
}

#[test]
fn a_node_goes_on_under_new_keys_and_its_old_logs_stay_good() {
    let mut cluster = Cluster::three();
    let first = cluster.append(KOR, ALL, "under the old key", Level::All);
    let (entry, _) = cluster.acknowledged(KOR, first).unwrap();
    let id = cluster.hosts[KOR].id;
    cluster.stop(KOR);
    let old = cluster.charter.charter.node(id).unwrap().clone();
    let ends: Vec<LogState> = cluster.hosts[KOR].high_water.as_ref().unwrap().logs().collect();
    let fresh: NodeSecrets = cluster.charter.secrets[&id].rotate_signing(&mut SeededRng::new(77));
    let text = with_roster(&cluster, &in_force(&cluster, JPN), "KOR", |roster| {
        let mut record = node_record(&fresh);
        record.tls_spki_sha256 = old.tls_spki_sha256;
        let (key, witness, holds) = (old.key, old.witness, old.holds);
        record.retired.push(RetiredKeys { key, witness, holds, logs: ends });
        roster.nodes.insert(id, record);
    });
    adopt(&mut cluster, JPN, text.clone());
    cluster.charter.secrets.insert(id, fresh);
    cluster.charter.charter = Charter::parse_verify(&text).unwrap();
    cluster.clear();
    cluster.start(KOR);
    cluster.connect_all();
    cluster.run_for(6_000);
    cluster.append(KOR, ALL, "under the new key", Level::All);
    for host in [JPN, USA] {
        assert_eq!(cluster.texts(host), ["under the new key"], "{:?}", cluster.findings(host));
        fsck_clean(&cluster, host);
    }
    assert_eq!(cluster.texts(KOR), ["under the old key", "under the new key"]);
    assert_ne!(cluster.node(KOR).own_log(Precedence::Immediate), entry.log);
    fsck_clean(&cluster, KOR);
    // A thief of the old key adds to the old log, and nobody takes it.
    cluster.stop(USA);
    cluster.clear();
    cluster.start(USA);
    assert_eq!(cluster.texts(USA), ["under the old key", "under the new key"]);
}
