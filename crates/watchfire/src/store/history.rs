//! A view folded again from the log, on a thread of its own, in bounded memory.
//!
//! All logs are read side by side, a few batches of each at a time, and handed to the view in the
//! order of their logged times; measurements that were logged late find their place among the facts
//! the view keeps.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use base::Timestamp;
use domains::correction::is_correction;
use domains::{Heard, Placed, View, ViewName};
use log::{
    Apart, Charter, Error, Fact, LogId, StorageKey, StoreRead, StoreReadExt as _, stored_facts,
};

use crate::officer;

/// Bytes of one log's batches read at once.
const READ_BYTES: usize = 512 * 1024;
/// Facts between two looks at the view, so that it lets go of what it need not keep.
const LOOK_FACTS: usize = 1_024;

/// Bytes of corrections' contents a refold holds at once; with more it is given up, and the view goes on
/// as it is.
const CORRECTIONS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A view to fold again.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: ViewName,
    /// Whose officers may act.
    pub(crate) charter: Arc<Charter>,
    pub(crate) now: Timestamp,
    /// Whether any correction was heard of.
    pub(crate) corrected: bool,
}

/// What reading statements back takes.
pub(crate) struct Reading {
    pub(crate) storage: StorageKey,
}

impl Reading {
    /// Folds the view that is wanted from everything stored; and which entries that was.
    pub(super) fn fold(
        &self,
        store: &impl StoreRead,
        wanted: &Wanted,
    ) -> Result<(View, Heard), Error> {
        let Wanted { name, charter, now, corrected } = wanted;
        let mut view = View::new(name.clone());
        if *corrected {
            self.foretell(store, &mut view, charter, *now)?;
        }
        let mut heard = Heard::new();
        let mut sources = self.sources(store)?;
        let mut count = 0_usize;
        loop {
            for source in &mut sources {
                source.fill(store, &self.storage, &mut heard)?;
            }
            sources.retain(|source| !source.facts.is_empty());
            let next = |source: &Source| source.facts.front().map(|fact| (fact.logged, source.log));
            let Some(first) = sources.iter_mut().min_by_key(|source| next(source)) else { break };
            let fact = first.facts.pop_front().expect("only sources with facts are kept");
            let placed = if first.apart { Placed::read_apart } else { Placed::read };
            // The loop has told of acts without their officer's signature when they came.
            if officer::check(&fact, charter).is_ok()
                && let Some(placed) = placed(&Arc::new(fact))
            {
                view.insert_placed(&placed, *now);
                count += 1;
                if count.is_multiple_of(LOOK_FACTS) {
                    view.head(*now);
                }
            }
        }
        view.head(*now);
        Ok((view, heard))
    }

    /// Every log, and what is kept of other histories.
    fn sources(&self, store: &impl StoreRead) -> Result<Vec<Source>, Error> {
        let logs = store.heads()?.into_iter().map(|head| Ok(Source::new(head.log)));
        let apart = store.apart(None)?;
        logs.chain(apart.iter().map(|kept| Source::apart(kept, &self.storage))).collect()
    }

    /// Tells the view of every correction stored, as one may stand long after what it cites, which is
    /// let go by then.
    fn foretell(
        &self,
        store: &impl StoreRead,
        view: &mut View,
        charter: &Charter,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut bytes = 0_usize;
        for mut source in self.sources(store)? {
            let mut read = Heard::new();
            loop {
                source.fill(store, &self.storage, &mut read)?;
                if source.facts.is_empty() {
                    break;
                }
                for fact in source.facts.drain(..).filter(is_correction) {
                    if officer::check(&fact, charter).is_err() {
                        continue;
                    }
                    bytes += fact.content.len();
                    if bytes > CORRECTIONS_BYTES_MAX {
                        let (max, got) = (CORRECTIONS_BYTES_MAX as u64, bytes as u64);
                        return Err(Error::Limit { what: "bytes of corrections", max, got });
                    }
                    view.foretell(&Arc::new(fact), now);
                }
            }
        }
        Ok(())
    }
}

/// One log being read.
struct Source {
    log: LogId,
    next: u64,
    facts: VecDeque<Fact>,
    /// Of another history, read whole.
    apart: bool,
}

impl Source {
    const fn new(log: LogId) -> Self {
        Self { log, next: 0, facts: VecDeque::new(), apart: false }
    }

    fn apart(kept: &Apart, storage: &StorageKey) -> Result<Self, Error> {
        let facts = kept.facts(storage)?.into();
        Ok(Self { log: kept.batch().log(), next: kept.batch().end(), facts, apart: true })
    }

    /// Reads on if nothing read is left; stays empty at the end.
    fn fill(
        &mut self,
        store: &impl StoreRead,
        storage: &StorageKey,
        heard: &mut Heard,
    ) -> Result<(), Error> {
        while self.facts.is_empty() && !self.apart {
            let found = stored_facts(store, storage, &self.log, self.next, READ_BYTES)?;
            let Some(last) = found.read.last() else { break };
            self.next = last.end;
            let ranges = heard.entry(self.log).or_default();
            found.read.into_iter().for_each(|range| extend(ranges, range));
            self.facts.extend(found.facts);
        }
        Ok(())
    }
}

/// Adds a range after the others, joined to the last where they meet.
fn extend(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}
