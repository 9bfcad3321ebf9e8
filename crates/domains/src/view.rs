//! The fold over exactly the entries one audience may read.
//!
//! Facts fold in the order (`at`, log, index, hash). The head is kept folded; a fact that sorts
//! before it marks the view, and the next look refolds once from the nearest checkpoint. So the state
//! is always the fold of all facts in order, whatever the order of arrival: [`View::pictures_at`]
//! folds them again and must agree.
//!
//! A view keeps its newest facts only ([`FACTS_KEPT_MAX`], [`FACTS_KEPT_BYTES_MAX`]); what came before
//! them is let go and stays as one folded state, the base. Every fact is in the log, so a fact that
//! sorts before the base makes the view [behind](View::is_behind): whoever holds the log folds it
//! again from there and lets the new view [adopt](View::adopt) what the old one heard since.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use base::{PartnerId, TimeDelta, Timestamp, limits};
use log::{Audience, Fact, LogId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Event, Finding, Items, Pictures, Severity, canonical_bytes, decode, domains};

#[cfg(test)]
mod tests;

/// Least number of facts between two checkpoints of the folded state.
const CHECKPOINT_FACTS: u64 = 64;
/// Most facts between two checkpoints: what one late fact costs at most to fold again in a flood.
const CHECKPOINT_FACTS_MAX: u64 = 4_096;
/// A checkpoint goes when its neighbours lie nearer to each other than a fourth of its age, in
/// facts: a refold costs at most that share more than it must.
const CHECKPOINT_AGE_SHARE: u64 = 4;
/// Facts one view keeps: many minutes of a busy federation. With more, the older half is let go.
pub const FACTS_KEPT_MAX: usize = 65_536;
/// Bytes of content one view keeps; the same happens.
pub const FACTS_KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;
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

/// Which entries something was made of: ranges of indices by log.
pub type Heard = BTreeMap<LogId, Vec<Range<u64>>>;

/// Why a picture cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not comparable: expected facts back to the first entry, but those before `{folded_before}` were folded and let go"
)]
pub struct FoldError {
    /// Facts before this time are no longer held.
    pub folded_before: Timestamp,
}

/// A fact with its place and its content decoded, once for all views.
pub struct Placed {
    order: Order,
    fact: Arc<Fact>,
    content: Content,
    /// Of another history of its log than the one taken first.
    apart: bool,
}

enum Content {
    Readable(Event),
    Refused(Finding),
}

impl Placed {
    /// Decodes a fact; `None` if no domain reads its kind.
    pub fn read(fact: &Arc<Fact>) -> Option<Arc<Self>> {
        Self::of(fact, false)
    }

    /// The same of a fact of another history of its log than the one taken first, which is kept apart.
    pub fn read_apart(fact: &Arc<Fact>) -> Option<Arc<Self>> {
        Self::of(fact, true)
    }

    fn of(fact: &Arc<Fact>, apart: bool) -> Option<Arc<Self>> {
        let (at, content) = place(fact)?;
        let order = Order { at, log: fact.id.log, index: fact.id.index, hash: fact.leaf_hash };
        Some(Arc::new(Self { order, fact: Arc::clone(fact), content, apart }))
    }
}

/// A state folded so far.
#[derive(Clone)]
struct Checkpoint {
    /// The last fact in it.
    order: Order,
    /// How many facts are in it.
    count: u64,
    pictures: Pictures,
}

/// What was let go of, folded.
struct Base {
    state: Checkpoint,
    /// One above the highest index in it, by log.
    sizes: Cut,
}

/// A view: its newest facts in order, and the fold of all.
pub struct View {
    name: ViewName,
    facts: VecDeque<Arc<Placed>>,
    /// Of the contents of `facts`.
    bytes: usize,
    /// Taken in since the last look, in the order of arrival.
    incoming: Vec<Arc<Placed>>,
    /// Logged too far ahead of the clock.
    pending: BTreeMap<Order, Arc<Placed>>,
    base: Option<Base>,
    /// The newest facts that sort before the base and are not in it.
    late: VecDeque<Arc<Placed>>,
    /// Hashes of the facts kept apart, as ranges of indices do not tell which history was heard. Whoever
    /// keeps them bounds them.
    apart: BTreeSet<[u8; 32]>,
    checkpoints: Vec<Checkpoint>,
    head: Pictures,
    /// The last fact folded into the head.
    folded: Option<Order>,
    refolded: u64,
    kept_max: usize,
}

/// Facts logged up to then are folded at `now`.
fn due(now: Timestamp) -> Timestamp {
    now + TimeDelta::from_seconds(limits::CLOCK_AHEAD_S_MAX)
}

impl View {
    /// An empty view.
    pub fn new(name: ViewName) -> Self {
        Self {
            name,
            facts: VecDeque::new(),
            bytes: 0,
            incoming: Vec::new(),
            pending: BTreeMap::new(),
            base: None,
            late: VecDeque::new(),
            apart: BTreeSet::new(),
            checkpoints: Vec::new(),
            head: Pictures::default(),
            folded: None,
            refolded: 0,
            kept_max: FACTS_KEPT_MAX,
        }
    }

    /// Which entries it folds.
    pub const fn name(&self) -> &ViewName {
        &self.name
    }

    /// Takes a fact in if it belongs here; kinds of no domain change nothing, nor do known facts while
    /// they are kept. A fact logged more than [`limits::CLOCK_AHEAD_S_MAX`] after `now` waits until it
    /// is due.
    pub fn insert(&mut self, fact: &Arc<Fact>, now: Timestamp) {
        if self.name.reads(&fact.audience)
            && let Some(placed) = Placed::read(fact)
        {
            self.take(&placed, now);
        }
    }

    /// As [`View::insert`], of a fact decoded before.
    pub fn insert_placed(&mut self, placed: &Arc<Placed>, now: Timestamp) {
        if self.name.reads(&placed.fact.audience) {
            self.take(placed, now);
        }
    }

    fn take(&mut self, placed: &Arc<Placed>, now: Timestamp) {
        if placed.apart && !self.apart.insert(placed.order.hash) {
            return;
        }
        if placed.fact.logged <= due(now) {
            self.incoming.push(Arc::clone(placed));
        } else if self.pending.len() < PENDING_MAX {
            self.pending.insert(placed.order, Arc::clone(placed));
        }
    }

    /// The fold of all facts that are due at `now`.
    pub fn head(&mut self, now: Timestamp) -> &Pictures {
        while let Some(entry) = self.pending.first_entry() {
            if entry.get().fact.logged > due(now) {
                break;
            }
            self.incoming.push(entry.remove());
        }
        if let Some(dirty) = self.merge() {
            self.refold(dirty);
            self.let_go();
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

    /// How many facts it is made of, those let go included.
    pub fn len(&self) -> usize {
        usize::try_from(self.let_go_count()).unwrap_or(usize::MAX)
            + self.facts.len()
            + self.incoming.len()
    }

    /// Whether there is no fact yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many facts were folded again because one came late.
    pub const fn refolded(&self) -> u64 {
        self.refolded
    }

    /// Whether facts came that sort before what was let go: the head lacks them until the view is
    /// folded again from the log.
    pub fn is_behind(&self) -> bool {
        !self.late.is_empty()
    }

    /// Takes over what `old` heard of entries other than `heard`, from which this view was folded.
    pub fn adopt(&mut self, old: Self, heard: &Heard) {
        let Self { facts, incoming, pending, late, refolded, .. } = old;
        let known = &mut self.apart;
        let mut news = |placed: &Arc<Placed>| {
            if placed.apart {
                return known.insert(placed.order.hash);
            }
            let ranges = heard.get(&placed.order.log).into_iter().flatten();
            !ranges.into_iter().any(|range| range.contains(&placed.order.index))
        };
        let all = facts.into_iter().chain(incoming).chain(late);
        self.incoming.extend(all.filter(&mut news));
        self.pending.extend(pending.into_iter().filter(|(_, placed)| news(placed)));
        self.refolded += refolded;
    }

    fn let_go_count(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.state.count)
    }

    /// Puts what came in among the facts; gives the first that is new.
    fn merge(&mut self) -> Option<Order> {
        let mut incoming = std::mem::take(&mut self.incoming);
        incoming.sort_unstable_by_key(|placed| placed.order);
        incoming.dedup_by(|later, kept| later.order == kept.order);
        if let Some(base) = &self.base {
            let early = incoming.partition_point(|placed| placed.order <= base.state.order);
            self.late.extend(incoming.drain(..early));
            // The log has all of them; the newest are kept, as the store may still be writing those.
            let surplus = self.late.len().saturating_sub(self.kept_max);
            self.late.drain(..surplus);
        }
        let first = incoming.first()?.order;
        let place = if self.facts.back().is_some_and(|last| last.order >= first) {
            self.facts.partition_point(|placed| placed.order < first)
        } else {
            self.facts.len()
        };
        let mut after = self.facts.split_off(place).into_iter().peekable();
        let mut dirty = None;
        for placed in incoming {
            while let Some(known) = after.next_if(|known| known.order < placed.order) {
                self.facts.push_back(known);
            }
            if after.peek().is_some_and(|known| known.order == placed.order) {
                continue;
            }
            dirty.get_or_insert(placed.order);
            self.bytes += placed.fact.content.len();
            self.facts.push_back(placed);
        }
        self.facts.extend(after);
        dirty
    }

    /// The place of the first fact after `order`.
    fn place_after(&self, order: Option<Order>) -> usize {
        order.map_or(0, |order| self.facts.partition_point(|placed| placed.order <= order))
    }

    fn refold(&mut self, dirty: Order) {
        let mut next = self.place_after(self.folded);
        if self.folded.is_some_and(|last| dirty < last) {
            let keep = self.checkpoints.partition_point(|checkpoint| checkpoint.order < dirty);
            self.checkpoints.truncate(keep);
            let base = self.base.as_ref().map(|base| &base.state);
            let nearest = self.checkpoints.last().or(base);
            self.head = nearest.map(|state| state.pictures.clone()).unwrap_or_default();
            let start = nearest.map(|state| state.order);
            // The facts that came in are folded for the first time, those after them again.
            let again = next;
            next = self.place_after(start);
            self.refolded += (again - next) as u64;
        }
        let let_go = self.let_go_count();
        let run = (self.facts.len() - next) as u64;
        let spacing = run.clamp(CHECKPOINT_FACTS, CHECKPOINT_FACTS_MAX);
        let mut last = self.checkpoints.last().map_or(let_go, |checkpoint| checkpoint.count);
        for place in next..self.facts.len() {
            let placed = &self.facts[place];
            step(&mut self.head, placed);
            let count = let_go + place as u64 + 1;
            if count - last >= spacing {
                let (order, pictures) = (placed.order, self.head.clone());
                self.checkpoints.push(Checkpoint { order, count, pictures });
                last = count;
            }
        }
        self.folded = self.facts.back().map(|placed| placed.order);
        thin(&mut self.checkpoints, let_go, let_go + self.facts.len() as u64);
    }

    /// Lets the older half of the facts go when there are too many, up to a checkpoint.
    fn let_go(&mut self) {
        if self.facts.len() <= self.kept_max && self.bytes <= FACTS_KEPT_BYTES_MAX {
            return;
        }
        let before = self.let_go_count();
        let surplus = self.facts.len().checked_sub(self.kept_max);
        let mut most = surplus.map_or(0, |surplus| surplus + self.kept_max / 2);
        if self.bytes > FACTS_KEPT_BYTES_MAX {
            let (surplus, mut bytes) = (self.bytes - FACTS_KEPT_BYTES_MAX / 2, 0);
            let over = |placed: &Arc<Placed>| {
                bytes += placed.fact.content.len();
                bytes >= surplus
            };
            most = most.max(self.facts.iter().position(over).unwrap_or(0));
        }
        let most = before + most as u64;
        let place = self.checkpoints.partition_point(|checkpoint| checkpoint.count <= most);
        let Some(state) = self.checkpoints.drain(..place).next_back() else { return };
        let gone = usize::try_from(state.count - before).expect("a part of the facts kept");
        let mut sizes = self.base.take().map(|base| base.sizes).unwrap_or_default();
        for placed in self.facts.drain(..gone) {
            self.bytes -= placed.fact.content.len();
            let size = sizes.entry(placed.order.log).or_insert(0);
            *size = (*size).max(placed.order.index + 1);
        }
        self.base = Some(Base { state, sizes });
    }

    /// The pictures over the entries below `cut`, folded from the base, or from nothing while nothing
    /// was let go. What was let go must be below the cut.
    pub fn pictures_at(&mut self, cut: &Cut) -> Result<Pictures, FoldError> {
        let below = |log: &LogId, index: u64| cut.get(log).is_some_and(|size| index < *size);
        let mut pictures = Pictures::default();
        if let Some(base) = &self.base {
            if !base.sizes.iter().all(|(log, size)| below(log, size - 1)) {
                return Err(FoldError { folded_before: base.state.order.at });
            }
            pictures = base.state.pictures.clone();
        }
        self.merge().into_iter().for_each(|dirty| self.refold(dirty));
        for placed in &self.facts {
            if below(&placed.order.log, placed.order.index) {
                step(&mut pictures, placed);
            }
        }
        Ok(pictures)
    }

    /// When the last fact below `cut` counts; the epoch if there is none.
    pub fn last_at(&self, cut: &Cut) -> Timestamp {
        let below = |placed: &&Arc<Placed>| {
            cut.get(&placed.order.log).is_some_and(|size| placed.order.index < *size)
        };
        let kept = self.facts.iter().rev().find(below).map(|placed| placed.order.at);
        let base = || self.base.as_ref().map(|base| base.state.order.at);
        kept.or_else(base).unwrap_or_default()
    }

    /// The digest of the view over the entries below `cut`.
    pub fn digest_at(&mut self, cut: &Cut) -> Result<[u8; 32], FoldError> {
        self.pictures_at(cut).map(|pictures| self.digest_of(&pictures))
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

fn step(pictures: &mut Pictures, placed: &Placed) {
    pictures.advance(placed.order.at);
    match &placed.content {
        Content::Readable(event) => pictures.fold(&placed.fact, event, placed.order.at),
        Content::Refused(finding) => pictures.record(finding.clone()),
    }
}

/// Drops checkpoints that lie closer together than their age needs; `from` facts were let go, `count`
/// are folded now.
fn thin(checkpoints: &mut Vec<Checkpoint>, from: u64, count: u64) {
    let counts: Vec<u64> = checkpoints.iter().map(|checkpoint| checkpoint.count).collect();
    let mut kept = from;
    let mut place = 0;
    checkpoints.retain(|checkpoint| {
        let next = counts.get(place + 1);
        place += 1;
        let age = count - checkpoint.count;
        let keep = next
            .is_none_or(|next| next - kept > (age / CHECKPOINT_AGE_SHARE).max(CHECKPOINT_FACTS));
        if keep {
            kept = checkpoint.count;
        }
        keep
    });
}
