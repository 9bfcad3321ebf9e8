//! Entries of a copy that are addressed here and not held.
//!
//! The note `gap/<log>` in the store is: first u64 | end u64, big-endian.

use log::{Batch, Item, LogId, Write};

/// From the first such entry to just past the last; what lies between counts as not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) first: u64,
    pub(crate) end: u64,
}

impl Gap {
    pub(crate) const fn at(index: u64) -> Self {
        Self { first: index, end: index + 1 }
    }

    /// The hidden entries of a batch whose sender lacks them.
    pub(crate) fn of_hidden(batch: &Batch) -> Option<Self> {
        batch.items().iter().fold(None, |gap, item| match item {
            Item::Entry(_) => gap,
            Item::Hidden(run) => {
                let end = run.first + u64::from(run.count);
                Self::join(gap, Some(Self { first: run.first, end }))
            }
        })
    }

    /// Both, and what lies between.
    pub(crate) fn join(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        Some(Self { first: a.first.min(b.first), end: a.end.max(b.end) })
    }

    /// The name of the note about `log`.
    pub(crate) fn name(log: &LogId) -> String {
        format!("gap/{log}")
    }

    pub(crate) fn note(self, log: &LogId) -> Write {
        let value = [self.first.to_be_bytes(), self.end.to_be_bytes()].concat();
        Write::Meta { name: Self::name(log), value }
    }

    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let (first, end) = value.split_first_chunk()?;
        let gap = Self {
            first: u64::from_be_bytes(*first),
            end: u64::from_be_bytes(end.try_into().ok()?),
        };
        (gap.first < gap.end).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_join_and_read_back() {
        let joined = Gap::join(Some(Gap::at(7)), Some(Gap { first: 2, end: 4 })).unwrap();
        assert_eq!(joined, Gap { first: 2, end: 8 });
        assert_eq!(Gap::join(None, Some(joined)), Some(joined));
        let log = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let Write::Meta { name, value } = joined.note(&log) else { unreachable!("a note") };
        assert_eq!((name, Gap::read(&value)), (Gap::name(&log), Some(joined)));
        for bad in [&value[..15], &[value.as_slice(), &[0]].concat(), &[0; 16]] {
            assert_eq!(Gap::read(bad), None);
        }
    }
}
