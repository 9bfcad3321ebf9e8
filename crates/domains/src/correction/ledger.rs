//! Who corrects what, and which of several corrections rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base::{PartnerId, TimeDelta, Timestamp, limits};
use log::{Audience, EntryId, Fact, Kind};

use super::{Act, Correctable};
use crate::view::{Order, Placed, ViewName};

/// Corrections of one entry that count: more is a quarrel that folding cannot settle.
pub const CORRECTIONS_PER_ENTRY_MAX: usize = 16;
/// How deep corrections of corrections go: the eighth still counts.
pub const CHAIN_MAX: usize = 8;
/// Corrections a list of them remembers; beyond it the oldest are only in the log.
pub const RECORDS_MAX: usize = 65_536;

/// What rulings need to know of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) order: Order,
    pub(crate) partner: PartnerId,
    pub(crate) audience: Audience,
    pub(crate) act: Act,
    pub(crate) cited: Vec<EntryId>,
    /// The kind of its new content, and when that was measured.
    pub(crate) new: Option<(Kind, Option<Timestamp>)>,
}

/// An entry that may be cited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) order: Order,
    pub(crate) logged: Timestamp,
    pub(crate) partner: PartnerId,
    pub(crate) audience: Audience,
    pub(crate) kind: &'a Kind,
    /// Where it is a correction itself.
    pub(crate) record: Option<&'a Record>,
}

/// What holds of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ruling {
    /// The correction that rules; none where the entry counts as it is.
    pub(crate) ruled: Option<Ruled>,
    /// How many corrections count.
    pub(crate) counted: usize,
    /// What is wrong with corrections that cite it.
    pub(crate) remarks: Vec<(Order, Remark)>,
}

/// By which correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ruled {
    pub(crate) act: Act,
    pub(crate) by: Order,
    /// The correction whose content it gives: itself, or the one that corrected it.
    pub(crate) speaks: Order,
}

/// Why a correction does not count for an entry, or what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl Remark {
    fn new(message: String, hint: &'static str) -> Self {
        Self { message, hint }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

struct Known {
    record: Arc<Record>,
    depth: usize,
    /// Not recalled.
    stands: bool,
    speaks: Order,
}

/// All corrections of a set of facts, ruled on.
#[derive(Default)]
pub(crate) struct Ledger {
    known: BTreeMap<Order, Known>,
    /// Ascending.
    citing: BTreeMap<EntryId, Vec<Order>>,
}

impl Ledger {
    /// Of these corrections; of some it is known from before how deep they are at least.
    pub(crate) fn new(
        records: impl IntoIterator<Item = Arc<Record>>,
        depths: &BTreeMap<Order, usize>,
    ) -> Self {
        let mut ledger = Self::default();
        for record in records {
            let order = record.order;
            let depth = depths.get(&order).copied().unwrap_or(1);
            ledger.known.insert(order, Known { record, depth, stands: true, speaks: order });
        }
        let mut depths: BTreeMap<EntryId, usize> = BTreeMap::new();
        for (order, known) in &mut ledger.known {
            for entry in &known.record.cited {
                ledger.citing.entry(*entry).or_default().push(*order);
                known.depth = known.depth.max(1 + depths.get(entry).copied().unwrap_or(0));
            }
            depths.insert(order.entry(), known.depth);
        }
        // What cites a correction sorts after it, so the last ones are settled first.
        let orders: Vec<Order> = ledger.known.keys().copied().rev().collect();
        for order in orders {
            let record = Arc::clone(&ledger.known[&order].record);
            let Some(ruled) = ledger.rule(&record.target()).ruled else { continue };
            let known = ledger.known.get_mut(&order).expect("it was just listed");
            known.stands = ruled.act != Act::Recall;
            known.speaks = ruled.speaks;
        }
        ledger
    }

    /// Whether anything cites `entry`.
    pub(crate) fn cites(&self, entry: &EntryId) -> bool {
        self.citing.contains_key(entry)
    }

    /// How deep the correction there is; 0 where there is none.
    pub(crate) fn depth_of(&self, order: &Order) -> usize {
        self.known.get(order).map_or(0, |known| known.depth)
    }

    /// Every correction, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.known.values().map(|known| &known.record)
    }

    /// What holds of `target`.
    pub(crate) fn rule(&self, target: &Target<'_>) -> Ruling {
        let mut ruling = Ruling::default();
        let citing = self.citing.get(&target.order.entry()).into_iter().flatten();
        for order in citing.filter(|order| **order > target.order) {
            let known = &self.known[order];
            if !known.stands {
                continue;
            }
            let record = &known.record;
            let checked = admit(record, known.depth, target)
                .map_err(|remark| (*order, remark))
                .and_then(|()| self.fits(known, target));
            if let Err(remark) = checked {
                ruling.remarks.push(remark);
                continue;
            }
            if ruling.counted == CORRECTIONS_PER_ENTRY_MAX {
                ruling.remarks.push((*order, too_many()));
                continue;
            }
            ruling.counted += 1;
            if let Some(before) = ruling.ruled.filter(|before| contradicts(before.act, record.act))
            {
                let (entry, by) = (target.order.entry(), before.by.entry());
                let message = format!("entry `{entry}` was {} by `{by}` before", before.act.done());
                let hint = "the later one counts; recall the one that is wrong";
                ruling.remarks.push((*order, Remark::new(message, hint)));
            }
            ruling.ruled = Some(Ruled { act: record.act, by: *order, speaks: known.speaks });
        }
        ruling
    }

    /// Whether new content was measured when its place allows.
    fn fits(&self, known: &Known, target: &Target<'_>) -> Result<(), (Order, Remark)> {
        if target.record.is_some() {
            return Ok(());
        }
        let speaks = self.known.get(&known.speaks).map_or(&known.record, |other| &other.record);
        in_time(&known.record, speaks, target).map_err(|remark| (known.speaks, remark))
    }

    /// How deep a correction that cites these is.
    fn depth(&self, cited: &[EntryId]) -> usize {
        let cited: BTreeSet<&EntryId> = cited.iter().collect();
        let depths = self.known.iter().filter(|(order, _)| cited.contains(&order.entry()));
        1 + depths.map(|(_, known)| known.depth).max().unwrap_or(0)
    }

    /// Whether a correction that is still to be logged would count for `target`.
    pub(super) fn would_count(&self, record: &Record, target: &Target<'_>) -> Result<(), Remark> {
        admit(record, self.depth(&record.cited), target)?;
        if target.record.is_none() {
            in_time(record, record, target)?;
        }
        if self.rule(target).counted >= CORRECTIONS_PER_ENTRY_MAX {
            return Err(too_many());
        }
        Ok(())
    }
}

/// Whether a later act by the same partner contradicts an earlier one, rather than going on from it.
const fn contradicts(before: Act, later: Act) -> bool {
    match later {
        Act::Recall => false,
        Act::Correct => true,
        Act::Supersede => matches!(before, Act::Recall),
    }
}

pub(super) fn not_corrected(kind: &Kind) -> Remark {
    Remark::new(
        format!("statements of kind `{kind}` are not corrected"),
        "the log's own statements stand; what no domain reads is not folded",
    )
}

fn too_many() -> Remark {
    Remark::new(
        format!("expected at most {CORRECTIONS_PER_ENTRY_MAX} corrections of one entry"),
        "recall those that are wrong, or recall the entry and say it anew",
    )
}

/// Whether `record`, so deep, may correct `target`.
fn admit(record: &Record, depth: usize, target: &Target<'_>) -> Result<(), Remark> {
    if depth > CHAIN_MAX {
        return Err(Remark::new(
            format!("expected corrections of corrections at most {CHAIN_MAX} deep"),
            "recall the entry itself and say it anew",
        ));
    }
    if record.partner != target.partner {
        return Err(Remark::new(
            format!(
                "expected a correction by `{}`, got one by `{}`",
                target.partner, record.partner
            ),
            "only the partner that made a statement corrects it; speak to it",
        ));
    }
    if record.audience != target.audience {
        return Err(Remark::new(
            format!(
                "expected the audience of what it cites, `{}`, got `{}`",
                target.audience, record.audience
            ),
            "correct it for everybody it was said to",
        ));
    }
    fits_kind(record, target)
}

fn fits_kind(record: &Record, target: &Target<'_>) -> Result<(), Remark> {
    let kind = match target.record.map(|cited| &cited.new) {
        // What a cited correction gives is corrected as its own kind would be.
        Some(Some((kind, _))) if record.act == Act::Correct => kind,
        Some(_) if record.act == Act::Recall => return Ok(()),
        Some(_) => {
            return Err(Remark::new(
                format!("a correction is not {}", record.act.done()),
                "recall it, and correct or supersede the entry it cites",
            ));
        }
        None => target.kind,
    };
    match (crate::correctable(kind.as_str()), record.act) {
        (None, _) => Err(not_corrected(kind)),
        (Some(Correctable::Never(instead)), _) => Err(Remark::new(
            format!(
                "statements of kind `{kind}` are not corrected, as effects are never rolled back"
            ),
            instead,
        )),
        (Some(Correctable::Momentary), Act::Supersede) => Err(Remark::new(
            format!("statements of kind `{kind}` are not superseded, as each is about one moment"),
            "append the newer statement; to mend this one, correct it",
        )),
        (Some(_), _) => match &record.new {
            Some((new, _)) if new != kind => Err(Remark::new(
                format!("expected new content of kind `{kind}`, got `{new}`"),
                "recall the entry and say the other thing on its own",
            )),
            _ => Ok(()),
        },
    }
}

/// Whether the new content of `speaks`, given by `record`, was measured when `target`'s place allows.
fn in_time(record: &Record, speaks: &Record, target: &Target<'_>) -> Result<(), Remark> {
    let Some((_, Some(measured))) = speaks.new else { return Ok(()) };
    let logged = if record.act == Act::Correct { target.logged } else { record.order.at };
    let (earliest, latest) = measured_within(logged);
    if (earliest..=latest).contains(&measured) {
        return Ok(());
    }
    Err(Remark::new(
        format!("expected a measurement from {earliest} to {latest}, got {measured}"),
        "recall it instead: what was measured at another time is another statement",
    ))
}

/// When a statement logged then may have been measured.
pub(crate) fn measured_within(logged: Timestamp) -> (Timestamp, Timestamp) {
    let earliest = logged - TimeDelta::from_seconds(limits::SCAN_AGE_S_MAX);
    (earliest, logged + TimeDelta::from_seconds(limits::SCAN_AHEAD_S_MAX))
}

/// The kind of a cited correction is told by its record.
const SOME_CORRECTION: Kind = Kind::from_static(super::RECALL_KIND);

impl Record {
    /// The correction as something that may be cited.
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            order: self.order,
            // A correction's place is when it was logged.
            logged: self.order.at,
            partner: self.partner,
            audience: self.audience,
            kind: const { &SOME_CORRECTION },
            record: Some(self),
        }
    }
}

/// What was said about an entry by correcting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The correction.
    pub entry: EntryId,
    /// What it does.
    pub act: Act,
    /// When it was logged.
    pub logged: Timestamp,
    /// To whom it was said.
    pub audience: Audience,
    /// Whether it rules: it counts, was not recalled, and none after it counts.
    pub rules: bool,
}

/// The newest [`RECORDS_MAX`] corrections a node has heard of, for whoever asks about an entry.
#[derive(Default)]
pub struct Corrections {
    records: BTreeMap<Order, Arc<Record>>,
    /// Made when somebody asks.
    ledger: Option<Ledger>,
}

impl Corrections {
    /// Takes a correction in; other statements change nothing.
    pub fn insert(&mut self, placed: &Placed) {
        if let Some(record) = placed.record()
            && self.records.insert(record.order, Arc::clone(record)).is_none()
        {
            self.ledger = None;
            if self.records.len() > RECORDS_MAX {
                self.records.pop_first();
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn ledger(&mut self) -> &Ledger {
        let records = &self.records;
        self.ledger.get_or_insert_with(|| Ledger::new(records.values().cloned(), &BTreeMap::new()))
    }

    /// Every correction that cites the entry, in order.
    pub fn of(&mut self, fact: &Fact) -> Vec<Note> {
        let ledger = self.ledger();
        let Some(citing) = ledger.citing.get(&fact.id) else { return Vec::new() };
        let placed = Placed::read(&Arc::new(fact.clone()));
        let ruled = placed.and_then(|placed| ledger.rule(&placed.target()).ruled);
        let note = |order: &Order| {
            let record = &ledger.known[order].record;
            Note {
                entry: order.entry(),
                act: record.act,
                logged: order.at,
                audience: record.audience,
                rules: ruled.is_some_and(|ruled| ruled.by == *order),
            }
        };
        citing.iter().map(note).collect()
    }

    /// The newest corrections that `view` reads, at most `most`, newest first: each with the entries it
    /// cites and whether it stands.
    pub fn newest(
        &mut self,
        view: &ViewName,
        most: usize,
    ) -> Vec<(EntryId, Act, Timestamp, Vec<EntryId>, bool)> {
        let known = self.ledger().known.values().rev();
        known
            .filter(|known| view.reads(&known.record.audience))
            .take(most)
            .map(|known| {
                let Record { order, act, cited, .. } = &*known.record;
                (order.entry(), *act, order.at, cited.clone(), known.stands)
            })
            .collect()
    }
}
