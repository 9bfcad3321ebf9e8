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
//!
//! [Corrections](crate::correction) change how facts are told. What they make of the facts kept is ruled
//! anew whenever one of them or something they cite comes in, as a pure function of those facts
//! (`overlay`), and the head is refolded from the first place that is told otherwise. A correction of
//! what was let go makes the view behind; whoever folds the log again tells the corrections in it
//! [beforehand](View::foretell), so that what is let go on the way was corrected first.

mod overlay;
mod place;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use base::{PartnerId, TimeDelta, Timestamp, limits};
use log::{Audience, EntryId, Fact, LogId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::overlay::Overlay;
pub use self::place::{Order, Placed};
use crate::{Items, Pictures, canonical_bytes, fold_editions};

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
    /// What corrections make of the facts.
    overlay: Overlay,
    /// Corrections that are known to come.
    foretold: BTreeMap<Order, Arc<Placed>>,
    /// Whether some of them were not ruled on yet.
    unruled: bool,
    /// Whether what was let go is corrected otherwise than it was folded.
    outdated: bool,
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

/// What of the facts that came in has to do with corrections.
#[derive(Default)]
struct Concerned {
    any: bool,
    /// By the corrections among them.
    cited: BTreeSet<EntryId>,
}

impl Concerned {
    fn note(&mut self, placed: &Placed, foretold: bool, overlay: &Overlay) {
        let entry = placed.order.entry();
        // What was foretold was ruled on before anything it cites was let go.
        if let Some(record) = placed.record().filter(|_| !foretold) {
            self.any = true;
            self.cited.extend(&record.cited);
        }
        self.any |= overlay.cites(&entry);
    }
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
            overlay: Overlay::default(),
            foretold: BTreeMap::new(),
            unruled: false,
            outdated: false,
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

    /// Tells of a correction that will be inserted later, so that what it cites is folded by it and may be
    /// let go before it comes.
    pub fn foretell(&mut self, correction: &Arc<Fact>, now: Timestamp) {
        let known = self.name.reads(&correction.audience) && correction.logged <= due(now);
        if let Some(placed) = Placed::read(correction).filter(|_| known)
            && placed.record().is_some()
        {
            self.foretold.insert(placed.order, placed);
            self.unruled = true;
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

    /// Whether facts came that sort before what was let go, or correct it: the head lacks them until the
    /// view is folded again from the log.
    pub fn is_behind(&self) -> bool {
        self.outdated || !self.late.is_empty()
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

    /// Puts what came in among the facts; gives the first place that is told otherwise than before.
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
        let any = std::mem::take(&mut self.unruled);
        let (mut dirty, mut concerned) = (None, Concerned { any, ..Concerned::default() });
        for placed in incoming {
            while let Some(known) = after.next_if(|known| known.order < placed.order) {
                self.facts.push_back(known);
            }
            if after.peek().is_some_and(|known| known.order == placed.order) {
                continue;
            }
            dirty.get_or_insert(placed.order);
            self.bytes += placed.fact.content.len();
            let foretold = self.foretold.remove(&placed.order).is_some();
            concerned.note(&placed, foretold, &self.overlay);
            self.facts.push_back(placed);
        }
        self.facts.extend(after);
        if concerned.any { dirty.into_iter().chain(self.rule(concerned)).min() } else { dirty }
    }

    /// Rules on the corrections again; gives the first place that is told otherwise than before.
    fn rule(&mut self, concerned: Concerned) -> Option<Order> {
        let mut cited = concerned.cited;
        let mut outdated = false;
        if let Some(base) = &self.base {
            // Of what the new corrections cite, that which may have been let go.
            let may_be_gone = |entry: &EntryId| {
                base.sizes.get(&entry.log).is_some_and(|size| entry.index < *size)
            };
            outdated |= self.facts.iter().any(|placed| {
                cited.remove(&placed.order.entry()) && self.overlay.is_frozen(&placed.order)
            });
            outdated |= cited.iter().any(may_be_gone);
        }
        let (first, deeper) = self.overlay.rule(self.facts.iter(), &self.foretold);
        outdated |= deeper;
        let base = self.base.as_ref().map(|base| base.state.order);
        self.outdated |= outdated || first.is_some_and(|first| Some(first) <= base);
        first.filter(|first| Some(*first) > base)
    }

    /// The place of the first fact after `order`.
    fn place_after(&self, order: Option<Order>) -> usize {
        order.map_or(0, |order| self.facts.partition_point(|placed| placed.order <= order))
    }

    fn refold(&mut self, dirty: Order) {
        let mut start = self.folded;
        let mut next = self.place_after(start);
        if start.is_some_and(|last| dirty <= last) {
            let keep = self.checkpoints.partition_point(|checkpoint| checkpoint.order < dirty);
            self.checkpoints.truncate(keep);
            let base = self.base.as_ref().map(|base| &base.state);
            let nearest = self.checkpoints.last().or(base);
            self.head = nearest.map(|state| state.pictures.clone()).unwrap_or_default();
            start = nearest.map(|state| state.order);
            // The facts that came in are folded for the first time, those after them again.
            let again = next;
            next = self.place_after(start);
            self.refolded += (again - next) as u64;
        }
        let let_go = self.let_go_count();
        let run = (self.facts.len() - next) as u64;
        let spacing = run.clamp(CHECKPOINT_FACTS, CHECKPOINT_FACTS_MAX);
        let checkpoints = &mut self.checkpoints;
        let mut last = checkpoints.last().map_or(let_go, |checkpoint| checkpoint.count);
        let facts = self.facts.range(next..);
        let folded = self.overlay.fold(&mut self.head, facts, start, |number, order, pictures| {
            let count = let_go + (next + number) as u64 + 1;
            if count - last >= spacing {
                checkpoints.push(Checkpoint { order, count, pictures: pictures.clone() });
                last = count;
            }
        });
        self.folded = folded.or(start);
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
        let mut cited = BTreeSet::new();
        for placed in self.facts.drain(..gone) {
            self.bytes -= placed.fact.content.len();
            let size = sizes.entry(placed.order.log).or_insert(0);
            *size = (*size).max(placed.order.index + 1);
            if self.overlay.cites(&placed.order.entry()) {
                cited.insert(placed.order.entry());
            }
        }
        self.overlay.let_go(&state.order, &cited);
        self.base = Some(Base { state, sizes });
    }

    /// The pictures over the entries below `cut`, folded from the base, or from nothing while nothing
    /// was let go. What was let go, and what it was corrected by, must be below the cut.
    pub fn pictures_at(&mut self, cut: &Cut) -> Result<Pictures, FoldError> {
        self.merge().into_iter().for_each(|dirty| self.refold(dirty));
        let below = |log: &LogId, index: u64| cut.get(log).is_some_and(|size| index < *size);
        let mut pictures = Pictures::default();
        if let Some(base) = &self.base {
            let mut made_of = base.sizes.iter().chain(&self.overlay.needs);
            if self.is_behind() || !made_of.all(|(log, size)| below(log, size - 1)) {
                return Err(FoldError { folded_before: base.state.order.at });
            }
            pictures = base.state.pictures.clone();
        }
        let covered = |placed: &&Arc<Placed>| below(&placed.order.log, placed.order.index);
        let facts = self.facts.iter().filter(covered);
        let start = self.base.as_ref().map(|base| base.state.order);
        let overlay = self.overlay.of_part(facts.clone());
        overlay.fold(&mut pictures, facts, start, |_, _, _| {});
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
        let editions = fold_editions();
        let name = match &self.name {
            ViewName::Own => "own".to_owned(),
            ViewName::Audience(members) => members.to_string(),
        };
        log::sha256(&canonical_bytes(&("watchfire-digest-v1", name, editions, pictures)))
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
