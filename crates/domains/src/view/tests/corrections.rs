//! Corrections come in any order, before what they cite and long after it was let go, and the state is
//! always that of the statements they leave.

use serde_json::json;

use super::*;
use crate::Officer;
use crate::correction::{
    Act, CHAIN_MAX, CORRECTIONS_PER_ENTRY_MAX, RecallReport, ReplacementReport,
};
use crate::track::events::{SCAN_KIND, ScanReport};

const ALL: &str = "JPN+KOR";

fn officer() -> Officer {
    Officer { name: "Col. Kim".to_owned(), key_id: String::new(), signature: "s".to_owned() }
}

/// The log of `KOR-1` and so on.
fn log_of(node: &str) -> LogId {
    let node = node.parse().unwrap();
    LogId { node, lane: Precedence::Routine, incarnation: Incarnation([1; 16]) }
}

/// A statement as a test writes it down.
#[derive(Clone)]
struct Said {
    node: &'static str,
    index: u64,
    seconds: i64,
    audience: &'static str,
    kind: &'static str,
    content: Vec<u8>,
}

impl Said {
    fn id(&self) -> EntryId {
        EntryId { log: log_of(self.node), index: self.index }
    }

    fn fact(&self) -> Arc<Fact> {
        let id = self.id();
        let logged = Timestamp::from_seconds(self.seconds);
        Arc::new(Fact {
            id,
            leaf_hash: log::sha256(&self.index.to_be_bytes()),
            at: logged,
            logged,
            origin: id.log.node,
            audience: self.audience.parse().unwrap(),
            precedence: id.log.lane,
            charter_edition: 1,
            kind: Kind::from_static(self.kind),
            edition: 1,
            content: self.content.clone(),
        })
    }
}

fn seconds(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

fn insert_all(view: &mut View, facts: &[Arc<Fact>], now: Timestamp) {
    for fact in facts {
        view.insert(fact, now);
    }
}

fn declared(name: &str) -> Vec<u8> {
    let entry = EntryId { log: log_of("KOR-1"), index: 0 };
    let evidence = vec![PlotRef { entry, plot: 0 }];
    encode_content(&DeclaredReport { public_id: name.to_owned(), evidence })
}

/// A scan of one plot, measured then.
fn scanned(seconds: i64, lat_deg: f64) -> Vec<u8> {
    let report: ScanReport = serde_json::from_value(json!({
        "sensor": {
            "id": "s", "partner": "KOR", "kind": "geodetic", "position": null,
            "sigma_range_m": 100.0, "sigma_azimuth_deg": 1.0, "sigma_elevation_deg": 1.0,
            "pd": 0.9, "clutter": 0.0, "period_s": 1.0,
        },
        "scan": 1, "measured": Timestamp::from_seconds(seconds),
        "plots": [{ "offset_ns": 0, "report": { "geodetic": {
            "lat_deg": lat_deg, "lon_deg": 128.0, "height_m": 9_000.0, "sigma_m": 100.0,
        } } }],
    }))
    .unwrap();
    encode_content(&report)
}

fn recall(cited: &[EntryId]) -> Vec<u8> {
    let mut cited = cited.to_vec();
    cited.sort_unstable();
    cited.dedup();
    encode_content(&RecallReport { cited, reason: "a test".to_owned(), officer: officer() })
}

fn replace(cited: EntryId, kind: &str, content: Vec<u8>) -> Vec<u8> {
    let (reason, kind) = ("a test".to_owned(), kind.to_owned());
    encode_content(&ReplacementReport {
        cited,
        reason,
        kind,
        edition: 1,
        content,
        officer: officer(),
    })
}

/// A history as tests write it: `KOR-1` says it second by second.
struct Script(Vec<Said>);

impl Script {
    fn say(
        &mut self,
        node: &'static str,
        audience: &'static str,
        kind: &'static str,
        content: Vec<u8>,
    ) -> EntryId {
        let index = self.0.iter().filter(|said| said.node == node).count() as u64;
        let seconds = 1_000 + seconds(self.0.len());
        self.0.push(Said { node, index, seconds, audience, kind, content });
        self.0.last().unwrap().id()
    }

    fn declare(&mut self, name: &str) -> EntryId {
        self.say("KOR-1", ALL, DECLARED_KIND, declared(name))
    }

    fn act(&mut self, act: Act, cited: EntryId, content: Option<Vec<u8>>) -> EntryId {
        let content = match content {
            None => recall(&[cited]),
            Some(content) => replace(cited, DECLARED_KIND, content),
        };
        self.say("KOR-1", ALL, act.kind(), content)
    }

    fn facts(&self) -> Vec<Arc<Fact>> {
        self.0.iter().map(Said::fact).collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(2_000 + seconds(self.0.len()))
    }

    /// The pictures of all of it, asserted to be the same in reverse and one by one.
    fn pictures(&self) -> Pictures {
        let mut facts = self.facts();
        let fold = |facts: &[Arc<Fact>], at_once: usize| {
            let mut view = View::new(ViewName::Own);
            for chunk in facts.chunks(at_once) {
                insert_all(&mut view, chunk, self.now());
                view.head(self.now());
            }
            view.head(self.now()).clone()
        };
        let expect = fold(&facts, usize::MAX);
        let digest = canonical_bytes(&expect);
        assert_eq!(canonical_bytes(&fold(&facts, 1)), digest, "one by one");
        facts.reverse();
        assert_eq!(canonical_bytes(&fold(&facts, 1)), digest, "one by one from the last");
        expect
    }

    /// The names that wait for their object, with the second they were declared.
    fn names(&self) -> Vec<String> {
        self.pictures().track.state().unwrap().waiting_names()
    }

    fn findings(&self) -> Vec<String> {
        self.pictures().findings().iter().map(|(_, finding)| finding.message.clone()).collect()
    }
}

fn script() -> Script {
    Script(Vec::new())
}

#[test]
fn what_is_recalled_was_never_said() {
    let mut all = script();
    all.declare("A");
    let wrong = all.declare("B");
    all.declare("C");
    all.act(Act::Recall, wrong, None);
    assert_eq!(all.names(), ["1000 A", "1002 C"]);
    assert_eq!(all.findings(), [""; 0]);
    let mut without = script();
    without.declare("A");
    without.0.push(all.0[2].clone());
    assert_eq!(canonical_bytes(&without.pictures()), canonical_bytes(&all.pictures()));
}

#[test]
fn a_correction_stands_in_its_place_and_a_supersession_in_its_own_time() {
    let mut all = script();
    let (first, second) = (all.declare("A"), all.declare("B"));
    all.act(Act::Correct, first, Some(declared("A2")));
    all.act(Act::Supersede, second, Some(declared("B2")));
    assert_eq!(all.names(), ["1000 A2", "1003 B2"]);
    all.act(Act::Supersede, second, Some(declared("B3")));
    assert_eq!(all.names(), ["1000 A2", "1004 B3"]);
    assert_eq!(all.findings(), [""; 0], "the newest of several supersessions is no quarrel");
}

#[test]
fn a_recalled_correction_lets_the_original_count_again_and_a_corrected_one_says_the_other() {
    let mut all = script();
    let wrong = all.declare("A");
    let correction = all.act(Act::Correct, wrong, Some(declared("B")));
    let mended = all.act(Act::Correct, correction, Some(declared("C")));
    assert_eq!(all.names(), ["1000 C"]);
    let undone = all.act(Act::Recall, mended, None);
    assert_eq!(all.names(), ["1000 B"]);
    all.act(Act::Recall, correction, None);
    assert_eq!(all.names(), ["1000 A"]);
    let gone = all.act(Act::Recall, wrong, None);
    assert_eq!(all.names(), [""; 0]);
    all.act(Act::Recall, gone, None);
    all.act(Act::Recall, undone, None);
    assert_eq!(all.names(), ["1000 A"], "what it corrected is recalled still");
    assert_eq!(all.findings(), [""; 0]);
}

#[test]
fn of_two_that_contradict_each_other_the_later_counts_and_it_is_said() {
    let mut all = script();
    let wrong = all.declare("A");
    let first = all.act(Act::Correct, wrong, Some(declared("B")));
    let second = all.act(Act::Correct, wrong, Some(declared("C")));
    assert_eq!(all.names(), ["1000 C"]);
    let said =
        format!("entry `{second}` on `{wrong}`: entry `{wrong}` was corrected by `{first}` before");
    assert_eq!(all.findings(), [said]);
    all.act(Act::Recall, second, None);
    assert_eq!((all.names(), all.findings()), (vec!["1000 B".to_owned()], Vec::new()));
}

/// Says something to be cited.
type Saying = fn(&mut Script) -> EntryId;

#[test]
fn only_the_same_partner_corrects_for_the_same_audience_and_only_what_may_be_corrected() {
    let cases: [(&str, Saying, &str); 7] = [
        ("JPN-1", |all| all.declare("A"), "expected a correction by `KOR`, got one by `JPN`"),
        (
            "KOR-2",
            |all| all.say("KOR-1", "KOR", DECLARED_KIND, declared("A")),
            "expected the audience of what it cites, `KOR`, got `JPN+KOR`",
        ),
        (
            "KOR-2",
            |all| all.say("KOR-1", ALL, "warning.cancel", vec![9]),
            "effects are never rolled back",
        ),
        (
            "KOR-2",
            |all| all.say("KOR-1", ALL, "warning.draft", vec![9]),
            "effects are never rolled back",
        ),
        (
            "KOR-2",
            |all| all.say("KOR-1", ALL, "track.moon", vec![9]),
            "`track.moon` are not corrected",
        ),
        ("KOR-2", |all| all.say("KOR-1", ALL, "correction.recall", vec![9]), "are not corrected"),
        ("KOR-2", |all| all.declare("A"), ""),
    ];
    for (node, say, expect) in cases {
        let mut all = script();
        let cited = say(&mut all);
        let before = all.names();
        all.say(node, ALL, Act::Recall.kind(), recall(&[cited]));
        if expect.is_empty() {
            assert_eq!((all.names(), all.findings()), (Vec::new(), Vec::new()));
        } else {
            assert_eq!(all.names(), before, "{expect}");
            let found = all.findings().pop().unwrap();
            assert!(found.contains(expect), "{found}");
        }
    }
}

#[test]
fn each_act_fits_what_it_cites() {
    let check = |cited: Saying, act: Act, kind: &str, content: Vec<u8>, expect: &str| {
        let mut all = script();
        let cited = cited(&mut all);
        let before = canonical_bytes(&all.pictures().track);
        all.say("KOR-1", ALL, act.kind(), replace(cited, kind, content));
        assert_eq!(canonical_bytes(&all.pictures().track), before, "{expect}");
        let found = all.findings().pop().unwrap();
        assert!(found.contains(expect), "{found}");
    };
    let scan = |all: &mut Script| all.say("KOR-1", ALL, SCAN_KIND, scanned(1_000, 36.0));
    check(
        scan,
        Act::Supersede,
        SCAN_KIND,
        scanned(1_000, 36.1),
        "not superseded, as each is about one moment",
    );
    check(
        scan,
        Act::Correct,
        DECLARED_KIND,
        declared("A"),
        "expected new content of kind `track.scan`",
    );
    check(scan, Act::Correct, SCAN_KIND, scanned(100, 36.1), "expected a measurement from");
    check(scan, Act::Correct, SCAN_KIND, vec![1, 2], "refused: expected");
    check(scan, Act::Correct, "track.moon", vec![1, 2], "refused: expected");
    let supersession = |all: &mut Script| {
        let cited = all.declare("A");
        all.act(Act::Supersede, cited, Some(declared("B")))
    };
    check(
        supersession,
        Act::Supersede,
        DECLARED_KIND,
        declared("C"),
        "a correction is not superseded",
    );
    let recalled = |all: &mut Script| {
        let cited = all.declare("A");
        all.act(Act::Recall, cited, None)
    };
    check(recalled, Act::Correct, DECLARED_KIND, declared("C"), "a correction is not corrected");
}

#[test]
fn a_scan_is_corrected_in_time_too() {
    let mut all = script();
    let late = all.say("KOR-1", ALL, SCAN_KIND, scanned(990, 36.0));
    all.say("KOR-2", ALL, SCAN_KIND, scanned(995, 36.2));
    all.say("KOR-1", ALL, Act::Correct.kind(), replace(late, SCAN_KIND, scanned(998, 36.3)));
    let mut right = script();
    right.say("KOR-1", ALL, SCAN_KIND, scanned(998, 36.3));
    right.say("KOR-2", ALL, SCAN_KIND, scanned(995, 36.2));
    assert_eq!(canonical_bytes(&all.pictures()), canonical_bytes(&right.pictures()));
}

#[test]
fn limits_hold_and_are_said() {
    let mut all = script();
    let wrong = all.declare("A");
    for number in 0..=CORRECTIONS_PER_ENTRY_MAX {
        all.act(Act::Supersede, wrong, Some(declared(&format!("B{number}"))));
    }
    let last = format!("{} B{}", 1_000 + CORRECTIONS_PER_ENTRY_MAX, CORRECTIONS_PER_ENTRY_MAX - 1);
    assert_eq!(all.names(), [last]);
    assert!(all.findings()[0].contains("at most 16 corrections of one entry"));
    let mut deep = script();
    let mut cited = deep.declare("A");
    for _ in 0..CHAIN_MAX {
        cited = deep.act(Act::Recall, cited, None);
    }
    assert_eq!(deep.names(), ["1000 A"], "an even number of recalls");
    deep.act(Act::Recall, cited, None);
    assert_eq!(deep.names(), ["1000 A"]);
    assert!(deep.findings()[0].contains("at most 8 deep"), "{:?}", deep.findings());
}

/// Kind and content.
type New = (String, Vec<u8>);

/// What a correction leaves of an entry, by the words of the design and with nothing remembered.
struct Oracle<'a>(&'a [Said]);

enum Left {
    AsItIs,
    Nothing,
    /// Another content, of the correction there.
    InPlace(usize),
    /// The same, at the place of the first.
    At(usize, usize),
}

impl Oracle<'_> {
    fn report(&self, of: usize) -> Option<(Act, Vec<EntryId>, Option<New>)> {
        let said = &self.0[of];
        let act = Act::of(said.kind)?;
        if act == Act::Recall {
            let report: RecallReport = crate::decode_content(&said.content).unwrap();
            return Some((act, report.cited, None));
        }
        let report: ReplacementReport = crate::decode_content(&said.content).unwrap();
        Some((act, vec![report.cited], Some((report.kind, report.content))))
    }

    fn depth(&self, of: usize) -> usize {
        let Some((_, cited, _)) = self.report(of) else { return 0 };
        let earlier = (0..of).filter(|other| cited.contains(&self.0[*other].id()));
        1 + earlier.map(|other| self.depth(other)).max().unwrap_or(0)
    }

    fn admits(&self, correction: usize, cited: usize) -> bool {
        let (Some((act, entries, new)), said) = (self.report(correction), &self.0[cited]) else {
            return false;
        };
        let by = &self.0[correction];
        let new = new.map(|(kind, _)| kind);
        let fits = match self.report(cited) {
            Some((_, _, given)) => match act {
                Act::Recall => true,
                Act::Correct => given.is_some_and(|(kind, _)| Some(kind) == new),
                Act::Supersede => false,
            },
            None => match act {
                Act::Recall => true,
                Act::Correct => new.as_deref() == Some(said.kind),
                Act::Supersede => said.kind == DECLARED_KIND && new.as_deref() == Some(said.kind),
            },
        };
        entries.contains(&said.id())
            && correction > cited
            && by.audience == said.audience
            && by.node[..3] == said.node[..3]
            && self.depth(correction) <= CHAIN_MAX
            && fits
    }

    fn left(&self, of: usize) -> Left {
        let counted = (0..self.0.len()).filter(|other| self.admits(*other, of));
        let counted = counted.filter(|other| !matches!(self.left(*other), Left::Nothing));
        let Some(last) = counted.take(CORRECTIONS_PER_ENTRY_MAX).last() else {
            return Left::AsItIs;
        };
        let speaks = match self.left(last) {
            Left::InPlace(other) => other,
            _ => last,
        };
        match Act::of(self.0[last].kind).unwrap() {
            Act::Recall => Left::Nothing,
            Act::Correct => Left::InPlace(speaks),
            Act::Supersede => Left::At(last, speaks),
        }
    }

    /// The statements that are left, none of them a correction.
    fn facts(&self) -> Vec<Arc<Fact>> {
        let with = |at: usize, speaks: usize| {
            let (_, _, new) = self.report(speaks).unwrap();
            let (kind, content) = new.unwrap();
            let kind = if kind == SCAN_KIND { SCAN_KIND } else { DECLARED_KIND };
            Said { kind, content, ..self.0[at].clone() }.fact()
        };
        let statements = (0..self.0.len()).filter(|of| Act::of(self.0[*of].kind).is_none());
        statements
            .filter_map(|of| match self.left(of) {
                Left::AsItIs => Some(self.0[of].fact()),
                Left::Nothing => None,
                Left::InPlace(speaks) => Some(with(of, speaks)),
                Left::At(at, speaks) => Some(with(at, speaks)),
            })
            .collect()
    }
}

/// A history of statements and corrections of all kinds, good and bad.
fn history(seed: &mut u64, length: usize) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    for n in 0..length {
        let node = ["KOR-1", "KOR-2", "JPN-1"][size(random(seed) % 3)];
        let index = all.iter().filter(|said| said.node == node).count() as u64;
        let seconds = 10_000 + seconds(n);
        let audience = if random(seed).is_multiple_of(8) { "KOR" } else { ALL };
        let audience = if node == "JPN-1" { ALL } else { audience };
        let measured = seconds - (random(seed) % 20).cast_signed();
        let lat_deg = 36.0 + (random(seed) % 100) as f64 / 1_000.0;
        let name = format!("N{n}");
        let (kind, content) = if !random(seed).is_multiple_of(6) || all.is_empty() {
            match random(seed) % 3 {
                0 => (SCAN_KIND, scanned(measured, lat_deg)),
                _ => (DECLARED_KIND, declared(&name)),
            }
        } else {
            // Mostly what was said lately, sometimes anything.
            let reach =
                if random(seed).is_multiple_of(16) { all.len() } else { all.len().min(25) } as u64;
            let mut pick = || all[all.len() - 1 - size(random(seed) % reach)].clone();
            let (cited, more) = (pick(), pick());
            let like = crate::correction::Correction::read(&cited.fact()).ok();
            let like = like.and_then(|given| given.replacement().map(|new| new.kind));
            let scans =
                cited.kind == SCAN_KIND || like.is_some_and(|kind| kind.as_str() == SCAN_KIND);
            // A measurement stays within what its statement's own place allows.
            let mut root = cited.clone();
            while let Ok(given) = crate::correction::Correction::read(&root.fact()) {
                root = all.iter().find(|said| said.id() == given.cited()[0]).unwrap().clone();
            }
            let measured = root.seconds - (random(seed) % 20).cast_signed();
            let new = if scans { scanned(measured, lat_deg) } else { declared(&name) };
            let new_kind = if scans { SCAN_KIND } else { DECLARED_KIND };
            match random(seed) % 4 {
                0 => (Act::Recall.kind(), recall(&[cited.id(), more.id()])),
                1 => (Act::Correct.kind(), replace(cited.id(), new_kind, new)),
                2 if !scans => (Act::Supersede.kind(), replace(cited.id(), new_kind, new)),
                _ => (Act::Recall.kind(), recall(&[cited.id()])),
            }
        };
        all.push(Said { node, index, seconds, audience, kind, content });
    }
    all
}

/// Folds what was delivered again from the log, as the store's thread does.
fn from_the_log(old: View, delivered: &[Arc<Fact>], now: Timestamp) -> View {
    let mut stored = delivered.to_vec();
    stored.sort_by_key(|fact| (fact.logged, fact.id));
    let mut heard = Heard::new();
    for fact in &stored {
        heard.entry(fact.id.log).or_default().push(fact.id.index..fact.id.index + 1);
    }
    let mut fresh = View::new(old.name().clone());
    fresh.kept_max = old.kept_max;
    for fact in &stored {
        fresh.foretell(fact, now);
    }
    for chunk in stored.chunks(16) {
        insert_all(&mut fresh, chunk, now);
        fresh.head(now);
    }
    fresh.adopt(old, &heard);
    fresh.head(now);
    fresh
}

fn view_of(name: &str) -> ViewName {
    name.parse().unwrap()
}

#[test]
fn histories_with_corrections_fold_alike_in_any_order_and_as_the_oracle_says() {
    const LENGTH: usize = 700;
    let now = Timestamp::from_seconds(20_000);
    let (mut refolds, mut let_go, mut corrected) = (0, 0, 0);
    for seed in 1..=24_u64 {
        let mut seed = seed * 7_919;
        let said = history(&mut seed, LENGTH);
        let facts: Vec<Arc<Fact>> = said.iter().map(Said::fact).collect();
        let mut cut = Cut::new();
        for fact in &facts {
            let size = cut.entry(fact.id.log).or_insert(0);
            *size = (*size).max(fact.id.index + 1);
        }
        for name in ["own", ALL] {
            let mut whole = View::new(view_of(name));
            insert_all(&mut whole, &facts, now);
            let pictures = whole.head(now).clone();
            let expect = whole.digest_of(&pictures);
            let readable = |said: &&Said| view_of(name).reads(&said.audience.parse().unwrap());
            let read: Vec<Said> = said.iter().filter(readable).cloned().collect();
            let left = Oracle(&read).facts();
            corrected += read.len() - left.len();
            let mut plain = View::new(view_of(name));
            insert_all(&mut plain, &left, now);
            // A finding lets time pass up to its place, so both are compared at one time.
            let (told, plain) = (whole.live(now).track, plain.live(now).track);
            assert!(canonical_bytes(&told) == canonical_bytes(&plain), "seed {seed}, view {name}");

            let mut mixed = facts.clone();
            let reach = [1, 3, 60][size(random(&mut seed) % 3)];
            for i in 0..mixed.len() {
                let to = (i + size(random(&mut seed) % reach)).min(mixed.len() - 1);
                mixed.swap(i, to);
            }
            // Some come long after all others.
            for _ in 0..12 {
                let late = mixed.remove(size(random(&mut seed) % LENGTH as u64));
                mixed.push(late);
            }
            let at_once = 1 + size(random(&mut seed) % 30);
            let mut view = View::new(view_of(name));
            view.kept_max = [100, 160, 220][size(random(&mut seed) % 3)];
            let mut delivered = 0;
            for chunk in mixed.chunks(at_once) {
                insert_all(&mut view, chunk, now);
                delivered += chunk.len();
                view.head(now);
                let mut turns = 0;
                while view.is_behind() {
                    view = from_the_log(view, &mixed[..delivered], now);
                    (refolds, turns) = (refolds + 1, turns + 1);
                    assert!(turns <= 2, "seed {seed}: behind again and again");
                }
                let_go += usize::from(view.base.is_some());
            }
            let head = view.head(now).clone();
            assert!(view.digest_of(&head) == expect, "seed {seed}, view {name}: the head");
            assert!(
                view.digest_at(&cut).unwrap() == expect,
                "seed {seed}, view {name}: at the cut"
            );
        }
    }
    assert!(refolds > 20 && let_go > 200 && corrected > 1_000, "{refolds} {let_go} {corrected}");
}

#[test]
fn a_digest_at_a_cut_knows_only_the_corrections_below_it() {
    let now = Timestamp::from_seconds(20_000);
    for seed in 1..=12_u64 {
        let mut seed = seed * 104_729;
        let said = history(&mut seed, 300);
        let facts: Vec<Arc<Fact>> = said.iter().map(Said::fact).collect();
        let mut view = View::new(ViewName::Own);
        insert_all(&mut view, &facts, now);
        view.head(now);
        for part in [40, 150, 260] {
            let mut cut = Cut::new();
            for fact in &facts[..part] {
                cut.insert(fact.id.log, fact.id.index + 1);
            }
            let mut fresh = View::new(ViewName::Own);
            insert_all(&mut fresh, &facts[..part], now);
            let expect = fresh.head(now).clone();
            assert!(view.digest_at(&cut).unwrap() == fresh.digest_of(&expect), "{seed} at {part}");
        }
    }
}

#[test]
fn a_cut_without_a_correction_of_what_was_let_go_is_refused() {
    let now = Timestamp::from_seconds(20_000);
    let mut all = script();
    let wrong = all.declare("A");
    for n in 0..200 {
        all.declare(&format!("B{n}"));
    }
    let correction = all.act(Act::Recall, wrong, None);
    let facts = all.facts();
    let mut view = View::new(ViewName::Own);
    view.kept_max = 100;
    view.foretell(facts.last().unwrap(), now);
    for chunk in facts.chunks(16) {
        insert_all(&mut view, chunk, now);
        view.head(now);
    }
    assert!(view.base.is_some() && !view.is_behind(), "the entry was let go, recalled");
    let log = correction.log;
    let refused = view.digest_at(&Cut::from([(log, correction.index)]));
    assert!(refused.is_err(), "what was let go was folded by the correction above the cut");
    let whole = view.digest_at(&Cut::from([(log, correction.index + 1)])).unwrap();
    assert_eq!(whole, view.digest_of(&all.pictures()));
}
