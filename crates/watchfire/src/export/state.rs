//! What a folder of exported files holds: the note `export.json` beside them.
//!
//! ```text
//! {"edition": 1, "node": "KOR-1", "realm": "operational", "view": "own", "from": null, "to": null,
//!  "everything": {LOG: [[FROM, TO], …]},        entries of any kind that are exported, or need not be
//!  "kinds": {KIND: {"files": 3, "rows": 1234, "covered": {LOG: [[FROM, TO], …]}}}}
//! ```
//!
//! A file has its name before the note counts it. A file that is not counted was made by an export
//! that broke off: the next one removes it and makes it again, so no row is there twice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use base::{NodeId, Timestamp};
use domains::ViewName;
use log::{Kind, LogId, Realm};
use serde::{Deserialize, Serialize};

use super::file::{replace, sync};
use crate::error::Error;

/// The note's name.
pub(super) const NAME: &str = "export.json";
const EDITION: u16 = 1;
/// Kinds of statement one folder takes: each has a file open while it is written.
pub(super) const KINDS_MAX: usize = 256;

/// Ranges of indexes, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|(_, to)| *to < range.start);
        let last = self.0.partition_point(|(from, _)| *from <= range.end);
        let from = self.0.get(first).filter(|_| first < last).map_or(range.start, |r| r.0);
        let to = last.checked_sub(1).filter(|_| first < last).map_or(range.end, |at| self.0[at].1);
        self.0.splice(first..last, [(from.min(range.start), to.max(range.end))]);
    }

    /// The end of the range that `index` lies in.
    pub(super) fn end_of(&self, index: u64) -> Option<u64> {
        let at = self.0.partition_point(|(_, to)| *to <= index);
        self.0.get(at).filter(|(from, _)| *from <= index).map(|(_, to)| *to)
    }
}

/// Ranges by log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Covered(BTreeMap<LogId, Ranges>);

impl Covered {
    pub(super) fn add(&mut self, log: LogId, range: Range<u64>) {
        self.0.entry(log).or_default().add(range);
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (log, ranges) in &other.0 {
            ranges.0.iter().for_each(|(from, to)| self.add(*log, *from..*to));
        }
    }

    pub(super) fn end_of(&self, log: &LogId, index: u64) -> Option<u64> {
        self.0.get(log)?.end_of(index)
    }
}

/// What of one kind was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfKind {
    /// Files made, numbered from 1; whoever took some away keeps them.
    pub(super) files: u32,
    /// Rows in them.
    pub(super) rows: u64,
    /// Entries looked at for this kind, beyond those looked at for all.
    pub(super) covered: Covered,
}

/// The note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    edition: u16,
    node: NodeId,
    realm: Realm,
    view: ViewName,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    pub(super) everything: Covered,
    pub(super) kinds: BTreeMap<Kind, OfKind>,
}

/// Whose facts a folder holds, and which of them.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) node: NodeId,
    pub(super) realm: Realm,
    pub(super) view: ViewName,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl State {
    fn new(selection: &Selection) -> Self {
        let Selection { node, realm, view, from, to } = selection.clone();
        let (everything, kinds) = (Covered::default(), BTreeMap::new());
        Self { edition: EDITION, node, realm, view, from, to, everything, kinds }
    }

    /// Reads the note in `folder`, or leaves one there if the folder is empty. A folder with other
    /// things in it, or with an export of something else, is refused.
    pub(super) fn open(folder: &Path, selection: &Selection) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                refuse_strangers(folder)?;
                let state = Self::new(selection);
                state.write(folder)?;
                return Ok(state);
            }
            Err(error) => return Err(Error::file("read", &path, error)),
        };
        let state: Self = serde_json::from_str(&text).map_err(|error| {
            Error::input(
                format!("`{}` is not the note of an export: {error}", path.display()),
                "export into a new folder",
            )
        })?;
        let made = Self { everything: Covered::default(), kinds: BTreeMap::new(), ..state.clone() };
        let wanted = Self::new(selection);
        if made != wanted {
            let words = |state: &Self| serde_json::to_string(state).expect("a note is plain");
            return Err(Error::input(
                format!(
                    "expected `{}` to hold an export of {}, got one of {}",
                    folder.display(),
                    words(&wanted),
                    words(&made)
                ),
                "export into a new folder, or with the same `--view`, `--from` and `--to` as before",
            ));
        }
        Ok(state)
    }

    /// Puts the note in place of the one before.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(NAME);
        let partial = folder.join(format!(".{NAME}.partial"));
        let refuse = |error| Error::file("write", &path, error);
        let text = serde_json::to_string(self).expect("a note is plain") + "\n";
        std::fs::write(&partial, text).and_then(|()| sync(&partial)).map_err(refuse)?;
        replace(&partial, &path)
    }
}

fn refuse_strangers(folder: &Path) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file("read", folder, error))?;
    for entry in entries {
        let name = entry.map_err(|error| Error::file("read", folder, error))?.file_name();
        if !name.to_string_lossy().starts_with('.') {
            return Err(Error::input(
                format!(
                    "expected an empty folder or an earlier export at `{}`, got `{}` in it",
                    folder.display(),
                    name.display()
                ),
                "name a folder of its own",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_where_they_meet() {
        let check = |added: &[(u64, u64)], expect: &[(u64, u64)]| {
            let mut ranges = Ranges::default();
            for (from, to) in added {
                ranges.add(*from..*to);
            }
            assert_eq!(ranges.0, expect, "{added:?}");
        };
        check(&[], &[]);
        check(&[(3, 3)], &[]);
        check(&[(0, 4), (4, 9)], &[(0, 9)]);
        check(&[(6, 9), (0, 4)], &[(0, 4), (6, 9)]);
        check(&[(0, 2), (4, 6), (8, 9), (1, 8)], &[(0, 9)]);
        check(&[(0, 9), (2, 3)], &[(0, 9)]);
        check(&[(0, 2), (8, 9), (3, 5)], &[(0, 2), (3, 5), (8, 9)]);
    }

    #[test]
    fn the_end_of_a_range_is_found_from_within_it_alone() {
        let mut ranges = Ranges::default();
        ranges.add(2..4);
        ranges.add(7..8);
        let ends: Vec<Option<u64>> = (0..9).map(|index| ranges.end_of(index)).collect();
        let expect = [None, None, Some(4), Some(4), None, None, None, Some(8), None];
        assert_eq!(ends, expect);
    }
}
