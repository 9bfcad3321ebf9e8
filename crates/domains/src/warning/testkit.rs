//! A small world for this domain's tests: signals in, wishes and officers' acts folded back.

use std::sync::Arc;

use base::{Degrees, Metres, NodeId, PartnerId, Seconds, TimeDelta, Timestamp};
use log::{Audience, EntryId, Fact, Incarnation, Kind, LogId, Precedence, Realm};

use super::*;
use crate::{Certainty as How, Finding, Items, Region, Signal, Signer};

pub(super) const START: &str = "2026-11-03T06:00:00Z";

/// A fold under test with its clock; entries come from `NODE`-named logs with running numbers.
pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) findings: Vec<Finding>,
    pub(super) audience: Audience,
    /// Everything folded, in order.
    pub(super) facts: Vec<Arc<Fact>>,
}

/// A region by place and semi-axes in kilometres.
pub(super) fn region(lat: f64, lon: f64, major_km: f64, minor_km: f64) -> Region {
    Region {
        lat: Degrees(lat),
        lon: Degrees(lon),
        semi_major: Metres(1_000.0 * major_km),
        semi_minor: Metres(1_000.0 * minor_km),
        orientation: Degrees(0.0),
    }
}

/// Tokyo with Saitama and Kanagawa near.
pub(super) fn tokyo() -> Region {
    region(35.69, 139.50, 1.0, 1.0)
}

pub(super) fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

pub(super) fn exercise() -> Realm {
    "exercise/first-light".parse().unwrap()
}

pub(super) fn entry(node: NodeId, index: u64) -> EntryId {
    let log = LogId { node, lane: Precedence::Flash, incarnation: Incarnation([7; 16]) };
    EntryId { log, index }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            state: State::default(),
            now: START.parse().unwrap(),
            findings: Vec::new(),
            audience: "JPN+KOR+USA".parse().unwrap(),
            facts: Vec::new(),
        }
    }

    /// Lets `seconds` pass.
    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += TimeDelta::from_seconds(seconds);
        let mut signals = Signals::default();
        Capability::advance(&mut self.state, self.now, &mut signals);
        self.findings.extend(signals.take_findings());
    }

    /// A confirmed forecast of impact at START + `at_s` ± `sigma_s`.
    pub(super) fn forecast(&mut self, object: &str, region: Region, at_s: i64, sigma_s: f64) {
        self.signal(object, Some(region), at_s, sigma_s, How::Confirmed, IMPACT_SIGNAL);
    }

    pub(super) fn withdraw(&mut self, object: &str) {
        self.signal(object, None, 0, 0.0, How::Confirmed, IMPACT_SIGNAL);
    }

    pub(super) fn signal(
        &mut self,
        object: &str,
        region: Option<Region>,
        at_s: i64,
        sigma_s: f64,
        certainty: How,
        what: &'static str,
    ) {
        let start: Timestamp = START.parse().unwrap();
        let mut signals = Signals::default();
        signals.emit(Signal {
            what,
            subject: object.to_owned(),
            region,
            when: region.map(|_| (start + TimeDelta::from_seconds(at_s), Seconds(sigma_s))),
            certainty,
            evidence: vec![entry(node("KOR-1"), 40), entry(node("JPN-1"), 41)],
        });
        Capability::sense(&mut self.state, self.now, &mut signals);
        self.findings.extend(signals.take_findings());
    }

    /// What `me` wishes to append.
    pub(super) fn wishes(&self, me: &str) -> Vec<Desire> {
        Capability::desires(&self.state, node(me), &self.audience, self.now)
    }

    /// The drafts `me` wishes to append, as `ID action reason CODE CODE…`.
    pub(super) fn drafts(&self, me: &str) -> Vec<String> {
        self.wishes(me)
            .iter()
            .map(|wish| {
                let Event::Draft(draft) =
                    Capability::decode(wish.kind, wish.edition, &wish.content).unwrap()
                else {
                    panic!("a node only drafts, not {}", wish.kind)
                };
                let DraftReport { warning, action, reason, subject } = draft.report();
                let codes: Vec<&str> =
                    subject.districts.iter().map(|share| share.code.as_str()).collect();
                format!("{warning} {action:?} {reason:?} {}", codes.join(" "))
            })
            .collect()
    }

    /// Appends what `me` wishes; the number of entries.
    pub(super) fn obey(&mut self, me: &str) -> usize {
        let wishes = self.wishes(me);
        for wish in &wishes {
            self.append(me, wish.kind, wish.content.clone());
        }
        wishes.len()
    }

    /// Folds an entry by `origin`; its place in the origin's log.
    pub(super) fn append(&mut self, origin: &str, kind: &'static str, content: Vec<u8>) -> EntryId {
        let id = entry(node(origin), self.facts.len() as u64);
        self.now += TimeDelta::from_millis(1);
        let event = Capability::decode(kind, 1, &content).unwrap();
        let fact = Fact {
            id,
            leaf_hash: [0; 32],
            at: self.now,
            logged: self.now,
            origin: node(origin),
            audience: self.audience,
            precedence: Precedence::Flash,
            charter_edition: 1,
            kind: kind.parse::<Kind>().unwrap(),
            edition: 1,
            content,
        };
        let mut signals = Signals::default();
        let statement = Statement { fact: &fact, event: &event, at: self.now };
        Capability::fold(&mut self.state, &statement, &mut signals);
        self.findings.extend(signals.take_findings());
        self.facts.push(Arc::new(fact));
        id
    }

    /// An officer at `origin` acts on warning `id`.
    pub(super) fn officer(
        &mut self,
        origin: &str,
        id: &str,
        what: Act,
    ) -> Result<EntryId, ActError> {
        let signer: Signer<'_> = &|bytes| format!("{} bytes signed", bytes.len());
        let id: WarningId = id.parse().unwrap();
        let who = ("Col. Kim", "key-1", signer);
        let wish = act(&self.state, &id, what, None, who, &exercise())?;
        Ok(self.append(origin, wish.kind, wish.content))
    }

    pub(super) fn warning(&self, id: &str) -> &Warning {
        self.state.get(&id.parse().unwrap()).unwrap()
    }

    /// Every warning as `ID stage pending-action-reason messages supported priority`.
    pub(super) fn rows(&self) -> Vec<String> {
        let mut items = Items::default();
        Capability::items(&self.state, self.now, &mut items);
        let shown = items.into_collections().remove(WARNINGS_COLLECTION).unwrap_or_default();
        shown
            .values()
            .map(|item| {
                let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
                format!(
                    "{} {} {}-{} said {} supported {} priority {}",
                    word(&item["id"]),
                    word(&item["state"]),
                    word(&item["pending"]["action"]),
                    word(&item["pending"]["reason"]),
                    item["sequence"],
                    item["supported"],
                    item["priority"],
                )
            })
            .collect()
    }

    /// The findings so far, taken out.
    pub(super) fn complaints(&mut self) -> Vec<String> {
        self.findings.drain(..).map(|finding| finding.message).collect()
    }
}

/// The partner's own audience.
pub(super) fn only(partner: &str) -> Audience {
    Audience::only(partner.parse::<PartnerId>().unwrap())
}
