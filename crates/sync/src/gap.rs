//! Entries of a copy that are addressed here and not held.
//!
//! The note `gap/<log>` in the store is: first u64 | end u64 | unseen u64, big-endian; the last is 2^64 - 1
//! where nothing is unseen.

use log::{Batch, Item, LogId, Write};

/// From the first such entry to just past the last; what lies between counts as not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// The first entry that came as a hash because its sender lacks it: for whom it is nobody here
    /// knows. Entries that are here and do not open are no such.
    pub(crate) unseen: Option<u64>,
}

impl Gap {
    /// An entry that is here and does not open.
    pub(crate) const fn at(index: u64) -> Self {
        Self { first: index, end: index + 1, unseen: None }
    }

    /// The hidden entries of a batch whose sender lacks them.
    pub(crate) fn of_hidden(batch: &Batch) -> Option<Self> {
        batch.items().iter().fold(None, |gap, item| match item {
            Item::Entry(_) => gap,
            Item::Hidden(run) => {
                let (first, end) = (run.first, run.first + u64::from(run.count));
                Self::join(gap, Some(Self { first, end, unseen: Some(first) }))
            }
        })
    }

    /// Both, and what lies between.
    pub(crate) fn join(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        let unseen = a.unseen.into_iter().chain(b.unseen).min();
        Some(Self { first: a.first.min(b.first), end: a.end.max(b.end), unseen })
    }

    /// The name of the note about `log`.
    pub(crate) fn name(log: &LogId) -> String {
        format!("gap/{log}")
    }

    pub(crate) fn note(self, log: &LogId) -> Write {
        let parts = [self.first, self.end, self.unseen.unwrap_or(u64::MAX)];
        let value = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
        Write::Meta { name: Self::name(log), value }
    }

    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let (parts, rest) = value.as_chunks::<8>();
        let &[first, end, unseen] = parts else { return None };
        let [first, end, unseen] = [first, end, unseen].map(u64::from_be_bytes);
        let unseen = (unseen != u64::MAX).then_some(unseen);
        (rest.is_empty() && first < end).then_some(Self { first, end, unseen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_join_and_read_back() {
        let unseen = Gap { first: 2, end: 4, unseen: Some(2) };
        let joined = Gap::join(Some(Gap::at(7)), Some(unseen)).unwrap();
        assert_eq!(joined, Gap { first: 2, end: 8, unseen: Some(2) });
        assert_eq!(Gap::join(None, Some(joined)), Some(joined));
        let log = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        for gap in [joined, Gap::at(7)] {
            let Write::Meta { name, value } = gap.note(&log) else { unreachable!("a note") };
            assert_eq!((name, Gap::read(&value)), (Gap::name(&log), Some(gap)));
            for bad in [&value[..23], &[value.as_slice(), &[0]].concat(), &[0; 24]] {
                assert_eq!(Gap::read(bad), None);
            }
        }
    }
}
