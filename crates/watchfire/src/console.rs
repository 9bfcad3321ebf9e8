//! The console's state of one view as a snapshot and ordered deltas, resumable by event id.

use std::collections::{BTreeMap, VecDeque};

use base::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Deltas kept for consoles that come back; older ones get a snapshot.
const DELTAS_KEPT_MAX: usize = 512;

/// Items by collection and id.
pub(crate) type Collections = BTreeMap<String, BTreeMap<String, Value>>;

/// The whole state.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Snapshot {
    /// Number of the last change in it.
    pub(crate) seq: u64,
    /// The view it shows.
    pub(crate) view: String,
    /// Picture time at sending.
    pub(crate) now: Timestamp,
    /// Items by collection and id.
    pub(crate) collections: Collections,
}

/// What changed since the delta before.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Delta {
    /// One more than the delta's before.
    pub(crate) seq: u64,
    /// Picture time at sending.
    pub(crate) now: Timestamp,
    /// In the order of collection and id.
    pub(crate) changes: Vec<Change>,
}

/// One item that came, changed or went.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// The collection.
    pub(crate) collection: String,
    /// The item's id in it.
    pub(crate) id: String,
    /// The item, or null if it is gone.
    pub(crate) value: Option<Value>,
}

/// The id of an event: which run of the node, which change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) boot: u64,
    pub(crate) seq: u64,
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{}", self.boot, self.seq)
    }
}

impl std::str::FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (boot, seq) = text.split_once('-').ok_or(())?;
        Ok(Self {
            boot: u64::from_str_radix(boot, 16).map_err(|_| ())?,
            seq: seq.parse().map_err(|_| ())?,
        })
    }
}

/// What a console that connects gets first.
#[derive(Debug, PartialEq)]
pub(crate) enum Start {
    /// Everything.
    Snapshot(Box<Snapshot>),
    /// Only what it missed, possibly nothing.
    Missed(Vec<Delta>),
}

/// One view's state and its recent past.
#[derive(Debug)]
pub(crate) struct Console {
    view: String,
    boot: u64,
    seq: u64,
    collections: Collections,
    deltas: VecDeque<Delta>,
}

impl Console {
    /// Nothing shown yet. `boot` tells this run of the node from others.
    pub(crate) const fn new(view: String, boot: u64) -> Self {
        Self { view, boot, seq: 0, collections: Collections::new(), deltas: VecDeque::new() }
    }

    /// Shows `collections` from now on; the difference, if there is any.
    pub(crate) fn show(&mut self, collections: Collections, now: Timestamp) -> Option<&Delta> {
        let changes = difference(&self.collections, &collections);
        if changes.is_empty() {
            return None;
        }
        self.collections = collections;
        self.seq += 1;
        if self.deltas.len() == DELTAS_KEPT_MAX {
            self.deltas.pop_front();
        }
        self.deltas.push_back(Delta { seq: self.seq, now, changes });
        self.deltas.back()
    }

    /// What a console gets that last saw `seen`.
    pub(crate) fn start(&self, seen: Option<EventId>, now: Timestamp) -> Start {
        let oldest = self.deltas.front().map_or(self.seq + 1, |delta| delta.seq);
        match seen {
            Some(EventId { boot, seq })
                if boot == self.boot && seq <= self.seq && seq + 1 >= oldest && seq > 0 =>
            {
                Start::Missed(self.deltas.iter().filter(|delta| delta.seq > seq).cloned().collect())
            }
            _ => Start::Snapshot(Box::new(Snapshot {
                seq: self.seq,
                view: self.view.clone(),
                now,
                collections: self.collections.clone(),
            })),
        }
    }
}

fn difference(old: &Collections, new: &Collections) -> Vec<Change> {
    let nothing = BTreeMap::new();
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let mut changes = Vec::new();
    for name in names {
        let (before, after) =
            (old.get(name).unwrap_or(&nothing), new.get(name).unwrap_or(&nothing));
        for id in before.keys().filter(|id| !after.contains_key(*id)) {
            changes.push(Change { collection: name.clone(), id: id.clone(), value: None });
        }
        for (id, value) in after.iter().filter(|(id, value)| before.get(*id) != Some(value)) {
            let value = Some(value.clone());
            changes.push(Change { collection: name.clone(), id: id.clone(), value });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(items: &[(&str, &str, i64)]) -> Collections {
        let mut collections = Collections::new();
        for (collection, id, value) in items {
            collections
                .entry((*collection).to_owned())
                .or_default()
                .insert((*id).to_owned(), json!({ "n": value }));
        }
        collections
    }

    fn apply(collections: &mut Collections, delta: &Delta) {
        for Change { collection, id, value } in &delta.changes {
            let items = collections.entry(collection.clone()).or_default();
            match value {
                Some(value) => items.insert(id.clone(), value.clone()),
                None => items.remove(id),
            };
        }
        collections.retain(|_, items| !items.is_empty());
    }

    #[test]
    fn old_state_and_deltas_give_the_new_state() {
        let steps = [
            state(&[("track.tracks", "a", 1)]),
            state(&[("track.tracks", "a", 2), ("track.tracks", "b", 1)]),
            state(&[("track.tracks", "b", 1), ("lines", "JPN-1", 1)]),
            state(&[]),
        ];
        let now = Timestamp::from_seconds(0);
        let mut console = Console::new("own".to_owned(), 7);
        let mut replayed = Collections::new();
        for step in steps {
            let delta = console.show(step.clone(), now).unwrap().clone();
            apply(&mut replayed, &delta);
            assert_eq!(replayed, step);
        }
        assert!(console.show(Collections::new(), now).is_none());
    }

    #[test]
    fn a_console_that_returns_gets_what_it_missed() {
        let now = Timestamp::from_seconds(0);
        let mut console = Console::new("own".to_owned(), 7);
        for n in 0..3 {
            console.show(state(&[("x", "a", n)]), now);
        }
        let Start::Missed(missed) = console.start(Some(EventId { boot: 7, seq: 1 }), now) else {
            panic!("expected the missed deltas");
        };
        assert_eq!(missed.iter().map(|delta| delta.seq).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(console.start(Some(EventId { boot: 7, seq: 3 }), now), Start::Missed(vec![]));
        for stranger in [None, Some(EventId { boot: 8, seq: 1 }), Some(EventId { boot: 7, seq: 9 })]
        {
            assert!(matches!(console.start(stranger, now), Start::Snapshot(_)), "{stranger:?}");
        }
        for n in (100..).take(DELTAS_KEPT_MAX) {
            console.show(state(&[("x", "a", n)]), now);
        }
        assert!(matches!(
            console.start(Some(EventId { boot: 7, seq: 1 }), now),
            Start::Snapshot(_)
        ));
    }

    #[test]
    fn event_ids_read_back() {
        let id = EventId { boot: 0xabc, seq: 12 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("rubbish".parse::<EventId>(), Err(()));
    }
}
