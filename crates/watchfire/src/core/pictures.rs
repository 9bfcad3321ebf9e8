//! The views a node folds, and their consoles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{NodeId, Timestamp};
use domains::{Cut, Desire, Heard, Placed, View, ViewName};
use log::{Audience, Charter, EntryId, Realm};
use tokio::sync::broadcast;

use super::{Subscription, Update};
use crate::console::{Collections, Console, EventId};
use crate::http::Problem;

/// Changes a slow console may be behind before it is cut off.
const UPDATES_MAX: usize = 64;

/// Every view of this node.
pub(super) struct Views {
    seats: BTreeMap<ViewName, Seat>,
    /// Names of the seats, the widest audience first, `own` last.
    widest_first: Vec<ViewName>,
    /// Entries wanted by some view and asked for, until no view wants them.
    asked: BTreeSet<String>,
    boot: u64,
}

struct Seat {
    view: View,
    console: Console,
    updates: broadcast::Sender<Update>,
    fresh: bool,
    /// Came with a newer charter: what was said before is still to be folded from the log.
    without_past: bool,
}

/// An entry some view wants.
pub(super) struct Wanted {
    pub(super) audience: Audience,
    pub(super) desire: Desire,
}

impl Views {
    /// `own`, and one view for each of the charter's audiences that `me` belongs to.
    pub(super) fn new(me: NodeId, charter: &Charter) -> Self {
        let boot = crate::entropy::random_u64();
        let mut views =
            Self { seats: BTreeMap::new(), widest_first: Vec::new(), asked: BTreeSet::new(), boot };
        views.follow(me, charter);
        // Restoring tells of everything stored.
        views.seats.values_mut().for_each(|seat| seat.without_past = false);
        views
    }

    /// Has a view for each audience of this charter that `me` belongs to; those of earlier editions
    /// stay, as nothing is added to them any more.
    pub(super) fn follow(&mut self, me: NodeId, charter: &Charter) {
        let mut names = vec![ViewName::Own];
        names.extend(charter.audiences_of(me.partner()).map(ViewName::Audience));
        for name in names {
            let boot = self.boot;
            self.seats.entry(name.clone()).or_insert_with(|| Seat {
                view: View::new(name.clone()),
                console: Console::new(name.to_string(), boot),
                updates: broadcast::channel(UPDATES_MAX).0,
                fresh: true,
                without_past: true,
            });
        }
        self.widest_first = self.seats.keys().cloned().collect();
        self.widest_first.sort_by_key(|name| {
            let members = match name {
                ViewName::Own => 0,
                ViewName::Audience(audience) => audience.members().len(),
            };
            (std::cmp::Reverse(members), name.clone())
        });
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.seats.keys().map(ToString::to_string).collect()
    }

    pub(super) fn view_names(&self) -> impl Iterator<Item = &ViewName> {
        self.seats.keys()
    }

    pub(super) fn insert(&mut self, placed: &Arc<Placed>, now: Timestamp) {
        for seat in self.seats.values_mut() {
            seat.view.insert_placed(placed, now);
            seat.fresh = true;
        }
    }

    /// Folds what is new; whether there was anything.
    pub(super) fn fold(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        for seat in self.seats.values_mut().filter(|seat| seat.fresh) {
            seat.view.head(now);
            seat.fresh = false;
            any = true;
        }
        any
    }

    fn seat(&mut self, name: &ViewName) -> Result<&mut Seat, Problem> {
        let names = self.names().join("`, `");
        self.seats.get_mut(name).ok_or_else(|| {
            Problem::not_found(format!("expected a view out of `{names}`, got `{name}`"))
        })
    }

    pub(super) fn view(&mut self, name: &ViewName) -> Result<&mut View, Problem> {
        self.seat(name).map(|seat| &mut seat.view)
    }

    /// A view that waits for facts of the past.
    pub(super) fn behind(&self) -> Option<ViewName> {
        let behind = |seat: &&Seat| seat.view.is_behind() || seat.without_past;
        self.seats.values().find(behind).map(|seat| seat.view.name().clone())
    }

    /// Puts `fresh`, folded from the log's entries `heard`, in the place of the view of that name.
    pub(super) fn replace(&mut self, name: &ViewName, fresh: View, heard: &Heard) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        let old = std::mem::replace(&mut seat.view, fresh);
        seat.view.adopt(old, heard);
        seat.without_past = false;
        seat.fresh = true;
    }

    /// What was wanted and not done is wanted again when it is next shown.
    pub(super) fn ask_again(&mut self, key: &str) {
        self.asked.remove(key);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &View> {
        self.seats.values().map(|seat| &seat.view)
    }

    pub(super) fn subscribe(
        &mut self,
        name: &ViewName,
        seen: Option<EventId>,
        now: Timestamp,
    ) -> Result<Subscription, Problem> {
        let boot = self.boot;
        let seat = self.seat(name)?;
        let updates = seat.updates.subscribe();
        Ok(Subscription { boot, start: seat.console.start(seen, now), updates })
    }

    /// Shows every view as it is at `now`, with the shell's own items and what only `marks` knows;
    /// returns what views want.
    pub(super) fn show(
        &mut self,
        me: NodeId,
        now: Timestamp,
        mut shell: BTreeMap<ViewName, Collections>,
        marks: &Marks<'_>,
    ) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let mut wished = BTreeSet::new();
        // The widest audience that wants something gets it; narrower views want the same thing too.
        for name in &self.widest_first {
            let Some(seat) = self.seats.get_mut(name) else { continue };
            let live = seat.view.live(now);
            let audience = name.audience(me.partner());
            for desire in live.desires(me, &audience, now) {
                if wished.insert(desire.key.clone()) && self.asked.insert(desire.key.clone()) {
                    wanted.push(Wanted { audience, desire });
                }
            }
            let mut collections = shell.remove(name).unwrap_or_default();
            let mut items = live.items(now).into_collections();
            marks.put(&mut items);
            add_items(&mut collections, items);
            add_findings(&mut collections, &live);
            if let Some(delta) = seat.console.show(collections, now) {
                // No receiver only means that no console is open.
                seat.updates.send(Update(Arc::new(delta.clone()))).ok();
            }
        }
        self.asked.retain(|key| wished.contains(key));
        wanted
    }

    /// The digest and item counts of a view at a cut.
    pub(super) fn digest(
        &mut self,
        name: &ViewName,
        cut: &Cut,
    ) -> Result<([u8; 32], BTreeMap<String, u64>), Problem> {
        let view = self.view(name)?;
        let pictures = view.pictures_at(cut).map_err(|error| {
            Problem::conflict(error.to_string())
                .hint("ask for a newer cut, or stop the node and use `watchfire replay`")
        })?;
        let last = view.last_at(cut);
        let items = pictures.items(last);
        let counts = items
            .collections()
            .iter()
            .map(|(name, items)| ((*name).to_owned(), items.len() as u64))
            .collect();
        Ok((view.digest_of(&pictures), counts))
    }
}

/// What a fold does not know of its own items.
pub(super) struct Marks<'a> {
    pub(super) realm: &'a Realm,
    pub(super) came_late: &'a dyn Fn(&EntryId) -> bool,
    pub(super) is_contested: &'a dyn Fn(&EntryId) -> bool,
}

impl Marks<'_> {
    pub(super) fn put(
        &self,
        items: &mut BTreeMap<&'static str, BTreeMap<String, serde_json::Value>>,
    ) {
        if let Some(warnings) = items.get_mut(domains::warning::WARNINGS_COLLECTION) {
            domains::warning::mark_realm(warnings, self.realm);
            domains::warning::mark_late(warnings, self.came_late);
        }
        domains::mark_contested(items, self.is_contested);
    }
}

fn add_items(
    collections: &mut Collections,
    items: BTreeMap<&'static str, BTreeMap<String, serde_json::Value>>,
) {
    for (name, items) in items {
        collections.insert(name.to_owned(), items);
    }
}

fn add_findings(collections: &mut Collections, pictures: &domains::Pictures) {
    let findings = collections.entry("findings".to_owned()).or_default();
    for (number, finding) in pictures.findings().iter() {
        let id = format!("fold-{number:06}");
        let item = super::items::FindingItem {
            id: id.clone(),
            at: finding.at,
            severity: finding.severity,
            source: finding.source.clone(),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
        };
        let value = serde_json::to_value(item).expect("items are plain structs with text keys");
        findings.insert(id, value);
    }
}
