//! Plays the built-in scenarios through the whole fold: scans in, declarations and drafts folded back,
//! officers who read a draft for a minute before they let it out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base::{Degrees, Geodetic, Metres, NodeId, TimeDelta, Timestamp};
use log::{Audience, EntryId, Fact, Incarnation, Kind, LogId, Precedence, Realm};
use serde_json::Value;
use watchfire_domains::correction::{Act as Mend, Asked, CITED_MAX, Corrections, prepare};
use watchfire_domains::track::events::{
    DECLARED_KIND, EDITION as SCAN_EDITION, Plot, PlotReport, SCAN_KIND, ScanReport, SensorInfo,
    SensorKind,
};
use watchfire_domains::warning::{
    Act, Action, Area, DRAFT_KIND, Message, Reason, WARNINGS_COLLECTION, WarningId, act,
};
use watchfire_domains::{Signer, View, ViewName, encode_content};

const NODES: [&str; 3] = ["JPN-1", "KOR-1", "USA-1"];
/// An officer looks at a draft this long.
const OFFICER_LOOKS: TimeDelta = TimeDelta::from_seconds(60);

struct Play {
    view: View,
    audience: Audience,
    next: BTreeMap<LogId, u64>,
    facts: Vec<Arc<Fact>>,
    /// Drafts, when first seen waiting.
    seen: BTreeMap<EntryId, Timestamp>,
    drafted: u32,
}

fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

fn scans(name: &str) -> Vec<(Timestamp, ScanReport)> {
    let file = format!("../../scenarios/{name}.jsonl");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).expect("built-in scenarios are committed");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sensors: BTreeMap<&str, SensorInfo> = lines[0]["sensors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["id"].as_str().unwrap(), sensor(line)))
        .collect();
    let mut scans: Vec<(Timestamp, ScanReport)> = lines[1..]
        .iter()
        .filter(|line| line.get("scan").is_some())
        .map(|line| {
            let arrives = Timestamp::from_nanos(line["t_arrive"].as_i64().unwrap());
            (arrives, scan(&sensors[line["sensor"].as_str().unwrap()], line))
        })
        .collect();
    scans.sort_by_key(|(arrives, _)| *arrives);
    scans
}

fn sensor(line: &Value) -> SensorInfo {
    let number = |key: &str| line.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let (lat, lon) = (Degrees(number("lat_deg")), Degrees(number("lon_deg")));
    SensorInfo {
        id: line["id"].as_str().unwrap().to_owned(),
        partner: line["partner"].as_str().unwrap().parse().unwrap(),
        kind: if line["kind"] == "radar" { SensorKind::Radar } else { SensorKind::Geodetic },
        position: Some(Geodetic::new(lat, lon, Metres(number("height_m"))).unwrap()),
        sigma_range_m: number("sigma_range_m"),
        sigma_azimuth_deg: number("sigma_azimuth_deg"),
        sigma_elevation_deg: number("sigma_elevation_deg"),
        pd: number("pd"),
        clutter: number("clutter"),
        period_s: number("period_s"),
    }
}

fn scan(sensor: &SensorInfo, line: &Value) -> ScanReport {
    let number = |plot: &Value, key: &str| plot[key].as_f64().unwrap();
    let plots = line["plots"].as_array().unwrap().iter().map(|plot| Plot {
        offset_ns: TimeDelta::ZERO,
        report: if plot.get("range_m").is_some() {
            PlotReport::Radar {
                range_m: number(plot, "range_m"),
                azimuth_deg: number(plot, "azimuth_deg"),
                elevation_deg: number(plot, "elevation_deg"),
                sigmas: None,
            }
        } else {
            PlotReport::Geodetic {
                lat_deg: number(plot, "lat_deg"),
                lon_deg: number(plot, "lon_deg"),
                height_m: number(plot, "height_m"),
                sigma_m: number(plot, "sigma_m"),
            }
        },
    });
    ScanReport {
        sensor: sensor.clone(),
        scan: line["scan"].as_u64().unwrap(),
        measured: Timestamp::from_nanos(line["t_meas"].as_i64().unwrap()),
        plots: plots.collect(),
    }
}

impl Play {
    fn new() -> Self {
        let audience: Audience = "JPN+KOR+USA".parse().unwrap();
        let view = View::new(ViewName::Audience(audience));
        let (next, seen) = (BTreeMap::new(), BTreeMap::new());
        Self { view, audience, next, facts: Vec::new(), seen, drafted: 0 }
    }

    fn of(name: &str) -> Self {
        let mut play = Self::new();
        let mut now = play.until(name, |_, _| false);
        for _ in 0..30 {
            now += TimeDelta::from_seconds(10);
            play.turn(now);
        }
        play
    }

    /// Plays the scans until `enough`, else to the last; gives the time then.
    fn until(&mut self, name: &str, enough: fn(&mut Self, Timestamp) -> bool) -> Timestamp {
        let mut now = Timestamp::default();
        for (arrives, report) in scans(name) {
            now = arrives;
            let origin = NodeId::new(report.sensor.partner, 1).unwrap();
            let content = encode_content(&report);
            self.append(origin, (SCAN_KIND, SCAN_EDITION), Precedence::Immediate, content, now);
            self.turn(now);
            if enough(self, now) {
                break;
            }
        }
        now
    }

    fn append(
        &mut self,
        origin: NodeId,
        (kind, edition): (&'static str, u16),
        precedence: Precedence,
        content: Vec<u8>,
        now: Timestamp,
    ) {
        let log = LogId { node: origin, lane: precedence, incarnation: Incarnation([9; 16]) };
        let index = self.next.entry(log).or_default();
        let id = EntryId { log, index: *index };
        *index += 1;
        let fact = Fact {
            id,
            leaf_hash: [0; 32],
            at: now,
            logged: now,
            origin,
            audience: self.audience,
            precedence,
            charter_edition: 1,
            kind: Kind::from_static(kind),
            edition,
            content,
        };
        let fact = Arc::new(fact);
        self.view.insert(&fact, now);
        self.facts.push(fact);
    }

    /// Officers recall everything of `kind` that their partner's nodes said.
    fn recall(&mut self, kind: &str, now: Timestamp) {
        let mut corrections = Corrections::default();
        for origin in NODES.map(node) {
            let said = |fact: &&Arc<Fact>| fact.kind.as_str() == kind && fact.origin == origin;
            let cited: Vec<Fact> = self.facts.iter().filter(said).map(|f| (**f).clone()).collect();
            for cited in cited.chunks(CITED_MAX) {
                let asked = Asked {
                    act: Mend::Recall,
                    cited,
                    reason: "a recording was played to the radar",
                    content: None,
                    partner: origin.partner(),
                    now,
                };
                let signer: Signer<'_> = &|_| "signed".to_owned();
                let who = ("Duty officer", "key", signer);
                let realm: Realm = "exercise/play".parse().unwrap();
                let (wish, _) = prepare(&asked, &mut corrections, who, &realm).unwrap();
                self.append(origin, (wish.kind, wish.edition), wish.precedence, wish.content, now);
            }
        }
    }

    /// The one warning as the console shows it.
    fn shown(&mut self, now: Timestamp) -> Value {
        let items = self.view.items(now).into_collections();
        let warnings = items.get(WARNINGS_COLLECTION).expect("there is a warning");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings.values().next().unwrap().clone()
    }

    /// Every node appends what it wishes, and the owner's officer lets out what was read.
    fn turn(&mut self, now: Timestamp) {
        let live = self.view.live(now);
        for me in NODES.map(node) {
            for wish in live.desires(me, &self.audience, now) {
                self.drafted += u32::from(wish.kind == DRAFT_KIND);
                self.append(me, (wish.kind, wish.edition), wish.precedence, wish.content, now);
            }
        }
        let state = live.warning.state().unwrap();
        let mut acts = Vec::new();
        for warning in state.warnings() {
            let Some(draft) = warning.pending() else { continue };
            if now - *self.seen.entry(draft.entry).or_insert(now) < OFFICER_LOOKS {
                continue;
            }
            let what = match draft.action {
                Action::Alert => Act::Release(Some(draft.entry)),
                Action::Update => Act::Update(Some(draft.entry)),
                Action::Cancel => Act::Cancel(None),
            };
            let signer: Signer<'_> = &|_| "signed".to_owned();
            let who = ("Duty officer", "key", signer);
            let realm: Realm = "exercise/play".parse().unwrap();
            let wish = act(state, warning.id(), what, None, who, &realm).unwrap();
            acts.push((NodeId::new(warning.id().owner(), 1).unwrap(), wish));
        }
        for (origin, wish) in acts {
            self.append(origin, (wish.kind, wish.edition), wish.precedence, wish.content, now);
        }
    }

    /// Every warning as its owner and its messages: action, reason, area, codes.
    fn said(&mut self, now: Timestamp) -> Vec<(String, Vec<Said>)> {
        let live = self.view.live(now);
        let state = live.warning.state().unwrap();
        let said = |message: &Message| {
            let codes = message.subject.districts.iter().map(|share| share.code.clone()).collect();
            (message.action, message.reason, message.subject.area, codes)
        };
        state
            .warnings()
            .map(|warning| {
                let messages = warning.messages().iter().map(said).collect();
                (warning.id().owner().to_string(), messages)
            })
            .collect()
    }
}

type Said = (Action, Reason, Area, Vec<String>);

/// One warning of `owner` about `area` and `code`: an alert, perhaps an update, then that it fell.
fn check(name: &str, owner: &str, area: Area, code: &str) {
    let mut play = Play::of(name);
    let last = play.seen.values().max().copied().expect("something waited for an officer");
    let warnings = play.said(last + TimeDelta::from_seconds(120));
    println!("{name}: {} drafts; {warnings:?}", play.drafted);
    let [(said_by, messages)] = &warnings[..] else { panic!("one warning: {warnings:?}") };
    assert_eq!(said_by, owner);
    assert!(messages.iter().all(|(_, _, about, codes)| *about == area && codes == &[code]));
    let (first, rest) = messages.split_first().unwrap();
    let (last, between) = rest.split_last().unwrap();
    assert_eq!(first.0, Action::Alert);
    assert_eq!((last.0, last.1), (Action::Update, Reason::Fell));
    assert!(between.len() <= 1, "an officer is not kept busy: {between:?}");
    // What was drafted and never let out, because it was overtaken while the officer read it.
    let overtaken = play.drafted as usize - messages.len();
    assert!(overtaken <= 2, "{overtaken} drafts overtaken");
}

#[test]
fn the_flight_of_2017_07_28_warns_ships_and_aircraft_off_hokkaido() {
    check("hwasong14-2017-07-28", "JPN", Area::Sea, "JP-01");
}

#[test]
fn the_exercise_over_akita_calls_people_to_shelter() {
    check("exercise-akita", "JPN", Area::Land, "JP-05");
}

#[test]
fn the_short_flight_of_2022_10_05_warns_ships_and_aircraft_off_korea() {
    check("short-range-2022-10-05", "KOR", Area::Sea, "KR-42");
}

/// Whether an alert is out.
fn is_released(play: &mut Play, now: Timestamp) -> bool {
    let live = play.view.live(now);
    live.warning.state().unwrap().warnings().any(|warning| !warning.messages().is_empty())
}

#[test]
fn a_warning_whose_scans_are_recalled_loses_its_support_and_is_cancelled_by_an_officer() {
    let mut play = Play::new();
    let mut now = play.until("exercise-akita", is_released);
    assert_eq!(play.shown(now)["supported"], true);
    now += TimeDelta::from_seconds(1);
    play.recall(SCAN_KIND, now);
    let shown = play.shown(now);
    assert_eq!((&shown["supported"], &shown["state"]), (&false.into(), &"released".into()));
    for _ in 0..100 {
        now += TimeDelta::from_seconds(1);
        play.turn(now);
    }
    assert_eq!(play.shown(now)["state"], "cancelled");
    let [(_, messages)] = &play.said(now)[..] else { panic!("one warning") };
    let acts: Vec<(Action, Reason)> = messages.iter().map(|said| (said.0, said.1)).collect();
    let expect = [(Action::Alert, Reason::Threat), (Action::Cancel, Reason::Unsupported)];
    assert_eq!(acts, expect, "what was said stays said, until an officer takes it back");
}

#[test]
fn a_warning_about_a_name_that_is_recalled_loses_its_support_too() {
    let mut play = Play::new();
    let mut now = play.until("exercise-akita", is_released);
    now += TimeDelta::from_seconds(1);
    play.recall(DECLARED_KIND, now);
    let shown = play.shown(now);
    assert_eq!(shown["supported"], false, "nobody knows an object by that name");
    let id: WarningId = shown["id"].as_str().unwrap().parse().unwrap();
    for _ in 0..100 {
        now += TimeDelta::from_seconds(1);
        play.turn(now);
    }
    let live = play.view.live(now);
    let closed = live.warning.state().unwrap().get(&id).unwrap().clone();
    let last = closed.messages().last().unwrap();
    assert_eq!((last.action, last.reason), (Action::Cancel, Reason::Unsupported));
}

#[test]
fn aircraft_and_a_fall_in_the_open_ocean_warn_nobody() {
    for name in ["mixed-traffic", "overflight-2017-09-15"] {
        let mut play = Play::of(name);
        assert_eq!((play.drafted, play.said(Timestamp::default())), (0, Vec::new()), "{name}");
    }
}
