//! The fold over exactly the entries one audience may read.
//!
//! Facts fold in the order (`at`, log, index, hash). The head is kept folded; a fact that sorts
//! before it marks the view, and the next look refolds once from the nearest checkpoint. So the state
//! is always the fold of all facts in order, whatever the order of arrival: [`View::digest_at`]
//! recomputes it from nothing and must agree.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base::{PartnerId, TimeDelta, Timestamp, limits};
use log::{Audience, Fact, LogId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Event, Finding, Items, Pictures, Severity, canonical_bytes, decode, domains};

/// Facts between two checkpoints of the folded state.
const CHECKPOINT_FACTS: usize = 64;
/// Checkpoints kept; when there are more, every second one of the older half goes.
const CHECKPOINTS_MAX: usize = 32;
/// Facts held for the future by one view; beyond it they are refused with a finding.
const PENDING_MAX: usize = 10_000;

/// Which entries a view folds: all that this node can read, or those an audience may read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViewName {
    /// All this node can read.
    Own,
    /// What every member of the audience can read.
    Audience(Audience),
}

impl ViewName {
    /// Whether a fact released to `audience` belongs to this view.
    pub fn reads(&self, audience: &Audience) -> bool {
        match self {
            Self::Own => true,
            Self::Audience(members) => members.is_subset(audience),
        }
    }

    /// The audience to which effects of this view go: its own, or `me` alone for the own view.
    pub fn audience(&self, me: PartnerId) -> Audience {
        match self {
            Self::Own => Audience::only(me),
            Self::Audience(members) => *members,
        }
    }
}

impl fmt::Display for ViewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Audience(members) => fmt::Display::fmt(members, f),
        }
    }
}

impl FromStr for ViewName {
    type Err = <Audience as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "own" { Ok(Self::Own) } else { text.parse().map(Self::Audience) }
    }
}

impl Serialize for ViewName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ViewName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a fact stands in the one order every node folds in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The measurement time of sensor data, else the logged time.
    pub at: Timestamp,
    /// The log it stands in.
    pub log: LogId,
    /// Its place in the log.
    pub index: u64,
    /// Its leaf hash, so that even contested entries have one order.
    pub hash: [u8; 32],
}

/// How much of each log a digest covers: entries below the size, held without gaps.
pub type Cut = BTreeMap<LogId, u64>;

/// Why a digest cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not comparable: expected facts back to the first entry, but those before `{folded_before}` were folded and let go"
)]
pub struct FoldError {
    /// Facts before this time are no longer held.
    pub folded_before: Timestamp,
}

struct Dated {
    fact: Arc<Fact>,
    content: Content,
}

enum Content {
    Readable(Event),
    Refused(Finding),
}

/// A view: its facts in order, and their fold.
pub struct View {
    name: ViewName,
    facts: BTreeMap<Order, Dated>,
    pending: BTreeMap<Order, Dated>,
    checkpoints: Vec<(Order, Pictures)>,
    head: Pictures,
    /// The last fact folded into the head.
    folded: Option<Order>,
    /// The earliest fact not folded into the head.
    dirty: Option<Order>,
    refolded: u64,
}

impl View {
    /// An empty view.
    pub fn new(name: ViewName) -> Self {
        Self {
            name,
            facts: BTreeMap::new(),
            pending: BTreeMap::new(),
            checkpoints: Vec::new(),
            head: Pictures::default(),
            folded: None,
            dirty: None,
            refolded: 0,
        }
    }

    /// Which entries it folds.
    pub const fn name(&self) -> &ViewName {
        &self.name
    }

    /// Takes a fact in if it belongs here; known ones and kinds of no domain change nothing.
    /// A fact logged more than [`limits::CLOCK_AHEAD_S_MAX`] after `now` waits until it is due.
    pub fn insert(&mut self, fact: &Arc<Fact>, now: Timestamp) {
        if !self.name.reads(&fact.audience) {
            return;
        }
        let Some((at, content)) = place(fact) else { return };
        let order = Order { at, log: fact.id.log, index: fact.id.index, hash: fact.leaf_hash };
        let dated = Dated { fact: Arc::clone(fact), content };
        if fact.logged > now + TimeDelta::from_seconds(limits::CLOCK_AHEAD_S_MAX) {
            if self.pending.len() < PENDING_MAX {
                self.pending.insert(order, dated);
            }
            return;
        }
        self.admit(order, dated);
    }

    fn admit(&mut self, order: Order, dated: Dated) {
        if self.facts.insert(order, dated).is_none() {
            self.dirty = Some(self.dirty.map_or(order, |dirty| dirty.min(order)));
        }
    }

    /// The fold of all facts that are due at `now`.
    pub fn head(&mut self, now: Timestamp) -> &Pictures {
        let due = now + TimeDelta::from_seconds(limits::CLOCK_AHEAD_S_MAX);
        while let Some(entry) = self.pending.first_entry() {
            if entry.get().fact.logged > due {
                break;
            }
            let (order, dated) = entry.remove_entry();
            self.admit(order, dated);
        }
        if let Some(dirty) = self.dirty.take() {
            self.refold(dirty);
        }
        &self.head
    }

    /// The head with time let pass to `now`: what is displayed and decided on.
    pub fn live(&mut self, now: Timestamp) -> Pictures {
        let mut live = self.head(now).clone();
        if self.folded.is_none_or(|last| last.at < now) {
            live.advance(now);
        }
        live
    }

    /// What the live head shows at `now`.
    pub fn items(&mut self, now: Timestamp) -> Items {
        self.live(now).items(now)
    }

    /// How many facts are folded.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether nothing is folded yet.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// How many facts were folded again because one came late.
    pub const fn refolded(&self) -> u64 {
        self.refolded
    }

    fn refold(&mut self, dirty: Order) {
        if self.folded.is_some_and(|last| dirty < last) {
            let keep = self.checkpoints.partition_point(|(order, _)| *order < dirty);
            self.checkpoints.truncate(keep);
            let before = self.folded;
            let nearest = self.checkpoints.last();
            self.head = nearest.map(|(_, pictures)| pictures.clone()).unwrap_or_default();
            self.folded = nearest.map(|(order, _)| *order);
            self.refolded += count_between(&self.facts, self.folded, before);
        }
        let from = self.folded.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let mut since = self
            .checkpoints
            .last()
            .map_or(0, |(order, _)| count_between(&self.facts, Some(*order), self.folded));
        for (order, dated) in self.facts.range((from, std::ops::Bound::Unbounded)) {
            step(&mut self.head, *order, dated);
            self.folded = Some(*order);
            since += 1;
            if since >= CHECKPOINT_FACTS as u64 {
                self.checkpoints.push((*order, self.head.clone()));
                thin(&mut self.checkpoints);
                since = 0;
            }
        }
    }

    /// The pictures over the entries below `cut`, folded from nothing.
    pub fn pictures_at(&self, cut: &Cut) -> Pictures {
        let mut pictures = Pictures::default();
        for (order, dated) in &self.facts {
            if cut.get(&order.log).is_some_and(|size| order.index < *size) {
                step(&mut pictures, *order, dated);
            }
        }
        pictures
    }

    /// When the last fact below `cut` counts; the epoch if there is none.
    pub fn last_at(&self, cut: &Cut) -> Timestamp {
        let below = |order: &&Order| cut.get(&order.log).is_some_and(|size| order.index < *size);
        self.facts.keys().rev().find(below).map_or(Timestamp::default(), |order| order.at)
    }

    /// The digest of the view over the entries below `cut`.
    pub fn digest_at(&self, cut: &Cut) -> [u8; 32] {
        self.digest_of(&self.pictures_at(cut))
    }

    /// The digest of `pictures` as a state of this view: SHA-256 over the view's name, the fold
    /// editions and the canonical bytes of the pictures.
    pub fn digest_of(&self, pictures: &Pictures) -> [u8; 32] {
        let editions: Vec<(&str, u32)> =
            domains().iter().map(|domain| (domain.name, domain.fold_edition)).collect();
        let name = match &self.name {
            ViewName::Own => "own".to_owned(),
            ViewName::Audience(members) => members.to_string(),
        };
        log::sha256(&canonical_bytes(&("watchfire-digest-v1", name, editions, pictures)))
    }
}

/// When a fact counts and what it says, or `None` if no domain reads its kind.
fn place(fact: &Fact) -> Option<(Timestamp, Content)> {
    let refuse = |message: String, hint: &str| {
        let finding = Finding {
            at: fact.logged,
            severity: Severity::Warning,
            source: format!("{} {}", fact.origin, fact.kind),
            message: format!("entry `{}` refused: {message}", fact.id),
            hint: Some(hint.to_owned()),
        };
        Some((fact.logged, Content::Refused(finding)))
    };
    match decode(fact)? {
        Err(error) => refuse(error.to_string(), "the origin must append a corrected statement"),
        Ok((event, None)) => Some((fact.logged, Content::Readable(event))),
        Ok((event, Some(measured))) => {
            let earliest = fact.logged - TimeDelta::from_seconds(limits::SCAN_AGE_S_MAX);
            let latest = fact.logged + TimeDelta::from_seconds(limits::SCAN_AHEAD_S_MAX);
            if (earliest..=latest).contains(&measured) {
                Some((measured, Content::Readable(event)))
            } else {
                refuse(
                    format!("expected a measurement from {earliest} to {latest}, got {measured}"),
                    "set the sensor's clock or the feed's time zone",
                )
            }
        }
    }
}

fn step(pictures: &mut Pictures, order: Order, dated: &Dated) {
    pictures.advance(order.at);
    match &dated.content {
        Content::Readable(event) => pictures.fold(&dated.fact, event, order.at),
        Content::Refused(finding) => pictures.record(finding.clone()),
    }
}

fn count_between(facts: &BTreeMap<Order, Dated>, after: Option<Order>, to: Option<Order>) -> u64 {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let Some(to) = to else { return 0 };
    let lower = after.map_or(Unbounded, Excluded);
    if after.is_some_and(|after| after >= to) {
        return 0;
    }
    facts.range((lower, Included(to))).count() as u64
}

/// Keeps the newer half dense and halves the older one when there are too many.
fn thin(checkpoints: &mut Vec<(Order, Pictures)>) {
    if checkpoints.len() > CHECKPOINTS_MAX {
        let half = checkpoints.len() / 2;
        let mut place = 0;
        checkpoints.retain(|_| {
            place += 1;
            place > half || place % 2 == 0
        });
    }
}
