//! Entries of a copy that came late: what filled a gap, and what came after a break in the line.
//!
//! They change the picture and page nobody, after a restart as well, so the store keeps their runs. The
//! note `late/<log>` in the store is, ascending and at most [`limits::LATE_RUNS_MAX`] times:
//!
//! ```text
//! first u64 | end u64      big-endian
//! ```
//!
//! Beyond that the two oldest are joined: what lies between them is older than all others.

use std::ops::Range;

use log::{EntryId, LogId, Write};

use crate::limits;
use crate::node::Node;

/// Runs of late entries of one copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Late {
    /// Ascending, neither empty nor touching.
    runs: Vec<Range<u64>>,
    /// Whether there is more than was last noted.
    changed: bool,
}

impl Late {
    /// These came late, or will.
    pub(crate) fn add(&mut self, run: Range<u64>) {
        if run.is_empty() || self.runs.iter().any(|r| r.start <= run.start && run.end <= r.end) {
            return;
        }
        let apart = |other: &Range<u64>| other.end < run.start || run.end < other.start;
        let touching = self.runs.iter().filter(|other| !apart(other));
        let joined = touching.fold(run.clone(), |a, b| a.start.min(b.start)..a.end.max(b.end));
        self.runs.retain(|other| apart(other));
        let place = self.runs.partition_point(|other| other.start < joined.start);
        self.runs.insert(place, joined);
        if self.runs.len() > limits::LATE_RUNS_MAX {
            let oldest = self.runs.remove(0);
            self.runs[0].start = oldest.start;
        }
        self.changed = true;
    }

    pub(crate) fn contains(&self, index: u64) -> bool {
        self.runs.iter().any(|run| run.contains(&index))
    }

    /// The name of the note about `log`.
    pub(crate) fn name(log: &LogId) -> String {
        format!("late/{log}")
    }

    /// What to write, if there is more than was last noted.
    pub(crate) fn note(&mut self, log: &LogId) -> Option<Write> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let ends = self.runs.iter().flat_map(|run| [run.start, run.end]);
        let value = ends.flat_map(u64::to_be_bytes).collect();
        Some(Write::Meta { name: Self::name(log), value })
    }

    /// As it was noted; nothing where the note is none.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let (ends, rest) = value.as_chunks::<8>();
        let (runs, odd) = ends.as_chunks::<2>();
        let run =
            |[first, end]: &[[u8; 8]; 2]| u64::from_be_bytes(*first)..u64::from_be_bytes(*end);
        let runs: Vec<Range<u64>> = runs.iter().map(run).collect();
        let sound = runs.iter().all(|run| !run.is_empty())
            && runs.is_sorted_by(|a, b| a.end < b.start)
            && runs.len() <= limits::LATE_RUNS_MAX;
        (sound && rest.is_empty() && odd.is_empty()).then_some(Self { runs, changed: false })
    }
}

impl Node {
    /// Whether an entry came late: such facts page nobody.
    pub fn came_late(&self, entry: &EntryId) -> bool {
        self.copies.get(&entry.log).is_some_and(|copy| copy.late.contains(entry.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(runs: &[Range<u64>]) -> Late {
        let mut late = Late::default();
        for run in runs {
            late.add(run.clone());
        }
        late
    }

    #[test]
    fn runs_that_meet_are_joined() {
        let both = [3..5, 7..9];
        for (added, expect) in [
            (&both[..], vec![(3, 5), (7, 9)]),
            (&[7..9, 3..5, 5..7], vec![(3, 9)]),
            (&[3..5, 5..5, 4..5], vec![(3, 5)]),
            (&[3..5, 9..12, 0..1, 4..10], vec![(0, 1), (3, 12)]),
        ] {
            let got: Vec<_> = late(added).runs.iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(got, expect, "{added:?}");
        }
        let some = late(&[3..5, 7..9]);
        let within: Vec<u64> = (0..10).filter(|index| some.contains(*index)).collect();
        assert_eq!(within, [3, 4, 7, 8]);
    }

    #[test]
    fn the_note_is_written_once_and_read_back() {
        let log = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let mut some = late(&[3..5, 7..9]);
        let Some(Write::Meta { name, value }) = some.note(&log) else { panic!("a note") };
        assert_eq!((name.as_str(), value.len()), (Late::name(&log).as_str(), 32));
        assert!(some.note(&log).is_none());
        some.add(4..5);
        assert!(some.note(&log).is_none(), "nothing new");
        assert_eq!(Late::read(&value), Some(some));
        let word =
            |numbers: &[u64]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>();
        for bad in
            [&value[..31], &word(&[3]), &word(&[5, 3]), &word(&[3, 5, 5, 7]), &word(&[7, 8, 1, 2])]
        {
            assert_eq!(Late::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn beyond_the_limit_the_oldest_are_joined() {
        let runs = limits::LATE_RUNS_MAX as u64 + 1;
        let many = late(&(0..runs).map(|run| run * 10..run * 10 + 5).collect::<Vec<_>>());
        assert_eq!(many.runs.len(), limits::LATE_RUNS_MAX);
        assert_eq!(many.runs[..2], [0..15, 20..25]);
    }
}
