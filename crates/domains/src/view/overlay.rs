//! What corrections make of the facts of a view: which are told otherwise than they stand.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use log::EntryId;

use super::Cut;
use super::place::{Order, Placed};
use crate::correction::{Act, Ledger, Ruled};
use crate::{Finding, Pictures, Severity};

/// What is folded in place of a fact.
#[derive(Clone, Default)]
pub(super) struct Told {
    /// What it says instead, and the correction whose content that is; nothing if absent.
    instead: Option<(Order, Arc<Placed>)>,
    /// What is wrong with a correction, by the place of the entry it cites.
    findings: BTreeMap<Order, Finding>,
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        let speaks = |told: &Self| told.instead.as_ref().map(|(speaks, _)| *speaks);
        speaks(self) == speaks(other) && self.findings == other.findings
    }
}

impl Told {
    fn step(&self, pictures: &mut Pictures) {
        for finding in self.findings.values() {
            pictures.advance(finding.at);
            pictures.record(finding.clone());
        }
        if let Some((_, placed)) = &self.instead {
            placed.step(pictures);
        }
    }
}

/// A corrected measurement of another time, told there.
#[derive(Clone)]
struct Moved {
    speaks: Order,
    /// Where the fact itself stands.
    from: Order,
    placed: Arc<Placed>,
}

impl PartialEq for Moved {
    fn eq(&self, other: &Self) -> bool {
        (self.speaks, self.from) == (other.speaks, other.from)
    }
}

/// What is told otherwise, by the place where it is told.
#[derive(Clone, Default)]
struct Telling {
    told: BTreeMap<Order, Told>,
    moved: BTreeMap<Order, Moved>,
}

/// A correction that cites something let go of.
struct Frozen {
    told: Option<Told>,
    /// How deep it is, which is no longer seen where what it cites is gone.
    depth: usize,
}

/// What corrections make of a set of facts.
#[derive(Default)]
pub(super) struct Overlay {
    telling: Telling,
    ledger: Ledger,
    /// Corrections, and what they moved, whose cited facts were let go: what was ruled then stays.
    frozen: BTreeMap<Order, Frozen>,
    frozen_moved: BTreeMap<Order, Moved>,
    /// How much of each log what was let go rests on by being corrected from there.
    pub(super) needs: Cut,
}

/// The first place where two maps differ.
fn first_difference<V: PartialEq>(a: &BTreeMap<Order, V>, b: &BTreeMap<Order, V>) -> Option<Order> {
    let unlike = |here: &BTreeMap<Order, V>, there: &BTreeMap<Order, V>| {
        here.iter().find(|(order, value)| there.get(order) != Some(value)).map(|(order, _)| *order)
    };
    [unlike(a, b), unlike(b, a)].into_iter().flatten().min()
}

/// Drops what stands up to `order`.
fn keep_after<V>(map: &mut BTreeMap<Order, V>, order: &Order) {
    let mut after = map.split_off(order);
    after.remove(order);
    *map = after;
}

impl Overlay {
    /// Whether some correction cites `entry`.
    pub(super) fn cites(&self, entry: &EntryId) -> bool {
        self.ledger.cites(entry)
    }

    /// Whether the correction there cites what was let go.
    pub(super) fn is_frozen(&self, order: &Order) -> bool {
        self.frozen.contains_key(order)
    }

    /// Rules on `facts`, with `foretold` corrections that are still to come; gives the first place
    /// where something is told otherwise than before, and whether a correction of what was let go lies
    /// deeper than it did.
    pub(super) fn rule<'f>(
        &mut self,
        facts: impl Iterator<Item = &'f Arc<Placed>> + Clone,
        foretold: &BTreeMap<Order, Arc<Placed>>,
    ) -> (Option<Order>, bool) {
        let (ledger, telling) = self.ruled(facts, foretold);
        let told = first_difference(&self.telling.told, &telling.told);
        let moved = first_difference(&self.telling.moved, &telling.moved);
        let deeper = self.frozen.iter().any(|(order, was)| ledger.depth_of(order) > was.depth);
        (self.ledger, self.telling) = (ledger, telling);
        (told.into_iter().chain(moved).min(), deeper)
    }

    /// The same of a part of the facts, apart.
    pub(super) fn of_part<'f>(&self, facts: impl Iterator<Item = &'f Arc<Placed>> + Clone) -> Self {
        let (ledger, telling) = self.ruled(facts, &BTreeMap::new());
        Self { telling, ledger, ..Self::default() }
    }

    fn ruled<'f>(
        &self,
        facts: impl Iterator<Item = &'f Arc<Placed>> + Clone,
        foretold: &BTreeMap<Order, Arc<Placed>>,
    ) -> (Ledger, Telling) {
        let corrections: BTreeMap<Order, Arc<Placed>> = facts
            .clone()
            .filter(|placed| placed.record().is_some())
            .map(|placed| (placed.order, Arc::clone(placed)))
            .chain(foretold.clone())
            .collect();
        let records = corrections.values().filter_map(|placed| placed.record());
        let depths = self.frozen.iter().map(|(order, frozen)| (*order, frozen.depth));
        let ledger = Ledger::new(records.cloned(), &depths.collect());
        let mut telling = Telling::default();
        let is_cited = |placed: &&Arc<Placed>| ledger.cites(&placed.order.entry());
        let mut cited: Vec<&Arc<Placed>> = facts.filter(is_cited).collect();
        cited.extend(foretold.values().filter(is_cited));
        for placed in cited {
            let ruling = ledger.rule(&placed.target());
            for (order, remark) in ruling.remarks {
                let fact = &corrections[&order].fact;
                let finding = Finding {
                    at: order.at,
                    severity: Severity::Warning,
                    source: format!("{} {}", fact.origin, fact.kind),
                    message: format!("entry `{}` on `{}`: {remark}", fact.id, placed.fact.id),
                    hint: Some(remark.hint.to_owned()),
                };
                telling.told.entry(order).or_default().findings.insert(placed.order, finding);
            }
            if let (None, Some(ruled)) = (placed.record(), ruling.ruled) {
                telling.tell(placed, ruled, &corrections);
            }
        }
        for (order, frozen) in &self.frozen {
            let Some(frozen) = &frozen.told else { continue };
            let told = telling.told.entry(*order).or_default();
            told.instead.clone_from(&frozen.instead);
            told.findings.extend(frozen.findings.clone());
        }
        telling.moved.extend(self.frozen_moved.clone());
        (ledger, telling)
    }

    /// The facts up to `base` are let go, those of `gone` among them being cited: what was ruled on
    /// them is kept with the corrections that stand after them.
    pub(super) fn let_go(&mut self, base: &Order, gone: &BTreeSet<EntryId>) {
        keep_after(&mut self.telling.told, base);
        keep_after(&mut self.telling.moved, base);
        keep_after(&mut self.frozen, base);
        let left = self.telling.moved.iter().filter(|(_, moved)| moved.from <= *base);
        self.frozen_moved = left.map(|(order, moved)| (*order, moved.clone())).collect();
        let mut frozen: BTreeSet<EntryId> = self.frozen.keys().map(Order::entry).collect();
        for record in self.ledger.records().filter(|record| record.order > *base) {
            let order = record.order;
            let rests = |entry: &EntryId| gone.contains(entry) || frozen.contains(entry);
            if !self.frozen.contains_key(&order) && !record.cited.iter().any(rests) {
                continue;
            }
            frozen.insert(order.entry());
            let told = self.telling.told.get(&order).cloned();
            self.frozen.insert(order, Frozen { told, depth: self.ledger.depth_of(&order) });
            let size = self.needs.entry(order.log).or_insert(0);
            *size = (*size).max(order.index + 1);
        }
    }

    /// Folds `facts`, which sort after `start`, as they are told; `each` sees the state after each, with
    /// its number from 0 and its place; gives the last place.
    pub(super) fn fold<'f>(
        &self,
        pictures: &mut Pictures,
        facts: impl Iterator<Item = &'f Arc<Placed>>,
        start: Option<Order>,
        mut each: impl FnMut(usize, Order, &Pictures),
    ) -> Option<Order> {
        let after = start.map_or(Bound::Unbounded, Bound::Excluded);
        let mut told = self.telling.told.range((after, Bound::Unbounded)).peekable();
        let mut moved = self.telling.moved.range((after, Bound::Unbounded)).peekable();
        let mut last = None;
        for (number, placed) in facts.enumerate() {
            while let Some((_, moved)) = moved.next_if(|(order, _)| **order < placed.order) {
                moved.placed.step(pictures);
            }
            while told.next_if(|(order, _)| **order < placed.order).is_some() {}
            match told.next_if(|(order, _)| **order == placed.order) {
                Some((_, told)) => told.step(pictures),
                None => placed.step(pictures),
            }
            last = Some(placed.order);
            each(number, placed.order, pictures);
        }
        for (order, moved) in moved {
            moved.placed.step(pictures);
            last = Some(*order);
        }
        last
    }
}

impl Telling {
    fn tell(&mut self, placed: &Placed, ruled: Ruled, corrections: &BTreeMap<Order, Arc<Placed>>) {
        let Ruled { act, by, speaks } = ruled;
        let mut told = Told::default();
        match act {
            Act::Recall => {}
            Act::Correct => {
                let new = placed.retold(&corrections[&speaks], true);
                if new.order == placed.order {
                    told.instead = Some((speaks, new));
                } else {
                    let moved = Moved { speaks, from: placed.order, placed: new };
                    self.moved.insert(moved.placed.order, moved);
                }
            }
            Act::Supersede => {
                let new = corrections[&by].retold(&corrections[&speaks], false);
                self.told.entry(by).or_default().instead = Some((speaks, new));
            }
        }
        self.told.insert(placed.order, told);
    }
}
