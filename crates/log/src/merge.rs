//! One copy out of two sparse ones.
//!
//! After a store was restored, a node's old tail comes back from its partners, each of which holds other
//! entries whole. Leaves hidden in both copies stay hidden; the roots that cover such a run stand in one
//! copy or the other, because the run ends where one of their runs ends.

use std::collections::BTreeMap;

use crate::batch::BatchWriter;
use crate::merkle::cover;
use crate::{Batch, Entry, Error, Hash, Item};

impl Batch {
    /// This copy with the entries that `other` carries whole added.
    ///
    /// `self` must be verified. What `other` adds is proven by `self`'s own roots: hiding it again must
    /// give `self`, byte for byte. A copy of another range or history is refused.
    pub fn merge(&self, other: &Self) -> Result<Self, Error> {
        let refuse = |expected| Error::text("a copy of a batch", expected, "another");
        let one_range = self.first() == other.first() && self.checkpoint() == other.checkpoint();
        if !one_range {
            return Err(refuse("the same log, range and checkpoint"));
        }
        let mut entries: BTreeMap<u64, &Entry> = BTreeMap::new();
        let mut roots: BTreeMap<(u64, u32), Hash> = BTreeMap::new();
        for batch in [other, self] {
            for item in batch.items() {
                match item {
                    Item::Entry(entry) => {
                        entries.insert(entry.id().index, entry);
                    }
                    Item::Hidden(run) => {
                        let mut at = run.first;
                        for (height, root) in run.subtrees() {
                            roots.insert((at, height), root);
                            at += 1 << height;
                        }
                    }
                }
            }
        }
        let mut writer = BatchWriter::new(self.checkpoint(), self.first());
        let mut next = self.first();
        let mut hide_up_to = |writer: &mut BatchWriter, end: u64| {
            let mut at = next;
            let found: Option<Vec<Hash>> = cover(next, end)
                .map(|height| {
                    let root = roots.get(&(at, height)).copied();
                    at += 1 << height;
                    root
                })
                .collect();
            let count = u32::try_from(end - next).expect("a batch has at most 4096 leaves");
            next = end + 1;
            let found = found.ok_or_else(|| refuse("roots over what both hide"))?;
            writer.hidden_roots(count, found.iter());
            Ok::<(), Error>(())
        };
        for (index, entry) in &entries {
            hide_up_to(&mut writer, *index)?;
            writer.entry(entry.header(), entry.sealed_body());
        }
        hide_up_to(&mut writer, self.end())?;
        let merged = Self::parse(writer.bytes)?;
        let own: Vec<u64> = self.entries().map(|entry| entry.id().index).collect();
        let again = merged.keep_whole(|entry| own.binary_search(&entry.id().index).is_ok());
        if again.as_bytes() == self.as_bytes() {
            Ok(merged)
        } else {
            Err(refuse("entries that this copy's roots prove"))
        }
    }
}
