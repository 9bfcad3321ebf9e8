//! What an origin hides from one member of an audience, its members find out.

use base::Timestamp;
use log::{
    Body, CountStatement, Draft, EntryCount, HybridClock, LaneWriter, LogHead, LogId, Precedence,
    StoreReadExt, Tally,
};
use sync::wire::Message;
use sync::{Level, Output};

use crate::cluster::{Cluster, KIND};

const JPN: usize = 0;
const KOR: usize = 1;
const USA: usize = 2;

/// KOR's process stops, and whoever holds its key goes on with its ROUTINE lane.
struct Impostor {
    writer: LaneWriter,
    log: LogId,
    at: Timestamp,
}

impl Impostor {
    fn of_kor(cluster: &mut Cluster) -> Self {
        let log = cluster.node(KOR).own_log(Precedence::Routine);
        let key = cluster.charter.secrets[&cluster.hosts[KOR].id].key.clone();
        let realm = cluster.charter.charter.realm().clone();
        let at = cluster.now;
        cluster.stop(KOR);
        let peer = cluster.hosts[KOR].id;
        for host in [JPN, USA] {
            cluster.input(host, sync::Input::Connected { peer });
        }
        cluster.clear();
        Self { writer: LaneWriter::new(realm, &LogHead::start(log), key), log, at }
    }

    /// One entry for `audience`, shown whole to these members and hidden from the other one.
    fn say(&mut self, cluster: &mut Cluster, audience: &str, text: &str, to: &[usize]) {
        self.show(cluster, audience, text, to, true);
    }

    /// The same; where it is not complete, as of a store that lacks what is hidden.
    fn show(
        &mut self,
        cluster: &mut Cluster,
        audience: &str,
        text: &str,
        to: &[usize],
        complete: bool,
    ) {
        let charter = cluster.charter.charter.clone();
        let body = Body { kind: KIND, edition: 1, content: text.as_bytes().to_vec() };
        let draft = Draft { audience: audience.parse().unwrap(), body };
        let mut clock = HybridClock::new(Timestamp::MIN);
        let rng = &mut cluster.rng;
        let made = self.writer.append(vec![draft], &charter, &mut clock, self.at, rng).unwrap();
        self.writer.settle();
        for host in [JPN, USA] {
            let outsider = "AUS".parse().unwrap();
            let partner = cluster.hosts[host].id.partner();
            let reader = if to.contains(&host) { partner } else { outsider };
            let copy = made.batch.for_audience(reader).as_bytes().clone();
            let frame = Message::Batch { complete, batch: copy }.encode();
            cluster.deliver(KOR, host, frame);
        }
    }

    /// What KOR's key states about the lane.
    fn states(&self, cluster: &Cluster, audience: &str, entries: EntryCount) -> Vec<u8> {
        let by = cluster.hosts[KOR].id;
        let key = &cluster.charter.secrets[&by].key;
        let of = (self.log, self.writer.size());
        let realm = cluster.charter.charter.realm().clone();
        let about = (audience.parse().unwrap(), entries);
        CountStatement::sign(realm, by, of, about, cluster.now, key).to_bytes()
    }
}

fn told(cluster: &Cluster, host: usize, words: &str) -> bool {
    cluster.findings(host).iter().any(|finding| finding.contains(words))
}

#[test]
fn an_entry_hidden_from_one_member_shows_at_both_within_a_pulse() {
    let mut cluster = Cluster::three();
    let mut kor = Impostor::of_kor(&mut cluster);
    kor.say(&mut cluster, "JPN+KOR+USA", "for all", &[JPN, USA]);
    cluster.run_for(6_000);
    assert_eq!(cluster.node(JPN).counters().counts_differ, 0, "nothing is hidden yet");
    kor.say(&mut cluster, "JPN+KOR+USA", "not for USA after all", &[JPN]);
    cluster.run_for(6_000);
    let log = kor.log;
    let at_usa = format!(
        "expected the 3 entries of {log} for JPN+KOR+USA below 3 that JPN-1 has, got 2 here: some are \
         hidden from this node"
    );
    let at_jpn = format!(
        "expected the 2 entries of {log} for JPN+KOR+USA below 3 that USA-1 has, got 3 here: some are \
         hidden from USA-1"
    );
    assert!(told(&cluster, USA, &at_usa), "{:?}", cluster.findings(USA));
    assert!(told(&cluster, JPN, &at_jpn), "{:?}", cluster.findings(JPN));
    cluster.clear();
    cluster.run_for(40_000);
    assert!(!told(&cluster, USA, "hidden"), "once, though it is stated again");
    // A restart reads the store and finds it again.
    cluster.stop(USA);
    cluster.start(USA);
    cluster.connect(JPN, USA);
    cluster.run_for(6_000);
    assert!(told(&cluster, USA, &at_usa), "{:?}", cluster.findings(USA));
}

#[test]
fn one_entry_hidden_from_each_shows_although_the_numbers_agree() {
    let mut cluster = Cluster::three();
    let mut kor = Impostor::of_kor(&mut cluster);
    kor.say(&mut cluster, "JPN+KOR+USA", "for all", &[JPN, USA]);
    kor.say(&mut cluster, "JPN+KOR+USA", "for JPN", &[JPN]);
    kor.say(&mut cluster, "JPN+KOR+USA", "for USA", &[USA]);
    cluster.run_for(6_000);
    let words = "each has some that the other has not";
    assert!(told(&cluster, JPN, words) && told(&cluster, USA, words));
}

#[test]
fn an_origin_that_tells_two_members_different_counts_is_shown_and_kept() {
    let mut cluster = Cluster::three();
    let mut kor = Impostor::of_kor(&mut cluster);
    let audience = "JPN+KOR+USA";
    kor.say(&mut cluster, audience, "for all", &[JPN, USA]);
    kor.say(&mut cluster, audience, "for JPN", &[JPN]);
    // Each is told what it has.
    for host in [JPN, USA] {
        let mut tally = Tally::new();
        let store = &cluster.hosts[host].store;
        let batches = store.batches(&kor.log, 0, usize::MAX, usize::MAX).unwrap();
        for batch in &batches {
            tally.take(batch);
        }
        let entries = tally.count(&audience.parse().unwrap(), tally.size()).unwrap();
        let frame = Message::Counts(vec![kor.states(&cluster, audience, entries)]).encode();
        cluster.deliver(KOR, host, frame);
        assert!(cluster.findings(host).is_empty(), "{:?}", cluster.findings(host));
    }
    cluster.run_for(6_000);
    let words = format!("expected one count of {} for {audience} below 3 from KOR-1", kor.log);
    for (host, count) in
        [(JPN, "got 3 and, by way of USA-1, 2"), (USA, "got 2 and, by way of JPN-1, 3")]
    {
        assert!(told(&cluster, host, &words), "{:?}", cluster.findings(host));
        assert!(told(&cluster, host, count), "{:?}", cluster.findings(host));
        let note = format!("counts/{}/{audience}", kor.log);
        let kept = cluster.hosts[host].store.meta(&note).unwrap().unwrap();
        let length = usize::from(u16::from_be_bytes([kept[0], kept[1]]));
        let one = CountStatement::from_bytes(&kept[2..2 + length]).unwrap();
        let other = CountStatement::from_bytes(&kept[4 + length..]).unwrap();
        let key = cluster.charter.charter.node(cluster.hosts[KOR].id).unwrap().key;
        assert!(one.clone().verify(&key).is_ok() && other.clone().verify(&key).is_ok());
        assert_ne!(one.entries, other.entries);
    }
}

#[test]
fn the_origins_own_word_shows_what_an_audience_of_two_lacks() {
    let mut cluster = Cluster::three();
    let mut kor = Impostor::of_kor(&mut cluster);
    kor.say(&mut cluster, "KOR+USA", "for two", &[USA]);
    kor.say(&mut cluster, "KOR+USA", "hidden by a fault", &[]);
    let frame = |entries| Message::Counts(vec![kor.states(&cluster, "KOR+USA", entries)]).encode();
    let frame = frame(EntryCount { count: 3, digest: [1; 32] });
    cluster.deliver(KOR, USA, frame);
    let words = "for KOR+USA below 3 that KOR-1 says it sent, got 2 here";
    assert!(told(&cluster, USA, words), "{:?}", cluster.findings(USA));
}

#[test]
fn what_the_origin_lacks_itself_is_not_said_to_be_hidden() {
    for complete in [true, false] {
        let mut cluster = Cluster::three();
        let mut kor = Impostor::of_kor(&mut cluster);
        kor.say(&mut cluster, "KOR+USA", "for two", &[USA]);
        kor.show(&mut cluster, "KOR+USA", "lost with the disk", &[], complete);
        // As it was stated before the disk was lost.
        let before = kor.states(&cluster, "KOR+USA", EntryCount { count: 3, digest: [1; 32] });
        cluster.deliver(KOR, USA, Message::Counts(vec![before]).encode());
        assert_eq!(told(&cluster, USA, "some are hidden"), complete, "{:?}", cluster.findings(USA));
        // Nor after a restart, which reads what is missing from the store.
        cluster.stop(USA);
        cluster.start(USA);
        let peer = cluster.hosts[KOR].id;
        cluster.input(USA, sync::Input::Connected { peer });
        cluster.clear();
        let before = kor.states(&cluster, "KOR+USA", EntryCount { count: 3, digest: [1; 32] });
        cluster.deliver(KOR, USA, Message::Counts(vec![before]).encode());
        assert_eq!(told(&cluster, USA, "some are hidden"), complete, "{:?}", cluster.findings(USA));
    }
}

#[test]
fn honest_nodes_agree_and_no_stranger_to_an_audience_is_told() {
    let mut cluster = Cluster::three();
    let audiences = ["KOR+USA", "JPN+KOR+USA", "JPN+KOR", "KOR"];
    for round in 0..12 {
        let audience = audiences[round % audiences.len()];
        for lane in [Precedence::Flash, Precedence::Routine] {
            cluster.append_in(KOR, lane, audience, format!("{round}").as_bytes(), Level::Local);
        }
        match round {
            3 => cluster.disconnect(KOR, USA),
            7 => cluster.connect(KOR, USA),
            8 => {
                cluster.stop(JPN);
                cluster.start(JPN);
                cluster.connect_all();
            }
            _ => {}
        }
        cluster.run_for(2_000);
    }
    cluster.run_for(6_000);
    let mut statements = 0;
    for from in [JPN, KOR, USA] {
        assert_eq!(cluster.node(from).counters().counts_differ, 0);
        for to in [JPN, KOR, USA] {
            for message in cluster.sent(from, to) {
                let Message::Counts(counts) = message else { continue };
                for bytes in counts {
                    let statement = CountStatement::from_bytes(&bytes).unwrap();
                    let members = [from, to].map(|host| cluster.hosts[host].id.partner());
                    assert!(members.iter().all(|member| statement.audience.contains(*member)));
                    statements += 1;
                }
            }
        }
    }
    assert!(statements > 30, "{statements}");
}

#[test]
fn a_jump_is_counted_once_its_gap_is_filled() {
    let mut cluster = Cluster::three();
    cluster.disconnect(KOR, USA);
    for number in 0..700 {
        let audience = if number % 3 == 0 { "KOR+USA" } else { "JPN+KOR+USA" };
        cluster.append_in(KOR, Precedence::Routine, audience, &[7], Level::Local);
    }
    cluster.connect(KOR, USA);
    cluster.run_for(12_000);
    assert!(cluster.node(USA).counters().jumps > 0);
    let sent = cluster.sent(USA, KOR).into_iter().filter_map(|message| match message {
        Message::Counts(counts) => Some(counts),
        _ => None,
    });
    let log = cluster.node(KOR).own_log(Precedence::Routine);
    let size = cluster.node(KOR).cut()[&log];
    let whole = sent.flatten().any(|bytes| {
        let statement = CountStatement::from_bytes(&bytes).unwrap();
        statement.log == log && statement.size == size
    });
    assert!(whole);
    for host in [JPN, KOR, USA] {
        assert_eq!(cluster.node(host).counters().counts_differ, 0);
    }
}

#[test]
fn counts_by_somebody_else_or_for_others_or_forged_are_refused() {
    let mut cluster = Cluster::three();
    let mut kor = Impostor::of_kor(&mut cluster);
    kor.say(&mut cluster, "JPN+KOR", "for two", &[JPN]);
    let entries = EntryCount { count: 1, digest: [1; 32] };
    let own = kor.states(&cluster, "JPN+KOR", entries);
    let mut forged = own.clone();
    *forged.last_mut().unwrap() ^= 1;
    let by_jpn = {
        let by = cluster.hosts[JPN].id;
        let key = &cluster.charter.secrets[&by].key;
        let realm = cluster.charter.charter.realm().clone();
        let about = ("JPN+USA".parse().unwrap(), entries);
        CountStatement::sign(realm, by, (kor.log, 2), about, cluster.now, key).to_bytes()
    };
    for (to, bytes, words) in [
        (USA, own, "for members to a member, got JPN+KOR's"),
        (JPN, forged, "signature"),
        (USA, by_jpn, "by KOR-1 or KOR-1, got JPN-1's"),
    ] {
        cluster.clear();
        let before = cluster.node(to).counters().notes_refused;
        cluster.deliver(KOR, to, Message::Counts(vec![bytes]).encode());
        assert_eq!(cluster.node(to).counters().notes_refused, before + 1);
        assert!(told(&cluster, to, words), "{:?}", cluster.findings(to));
    }
    let kept = |output: &&Output| matches!(output, Output::Store { .. });
    assert_eq!(cluster.hosts[USA].out.iter().filter(kept).count(), 0);
}
