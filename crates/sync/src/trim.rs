//! The notes of a store that was put back or cut: what a node must not take up again.

use log::{StoreRead, StoreReadExt, Table, Trim};

use crate::gap::Gap;
use crate::restore::INCARNATION_NOTE;

/// Adds to `trim` what the notes of this crate need.
///
/// The note of the incarnation goes, whether or not anything was cut: a store that was put back begins
/// a new one even where the high-water file was put back with it. A gap ends where its log ends.
pub fn trim_notes(store: &impl StoreRead, trim: &mut Trim) -> Result<(), log::Error> {
    trim.removals.push((Table::Meta, INCARNATION_NOTE.as_bytes().to_vec()));
    for cut in &trim.logs {
        let name = Gap::name(&cut.log);
        let Some(value) = store.meta(&name)? else { continue };
        match Gap::read(&value).filter(|gap| gap.first < cut.size) {
            Some(gap) => {
                let unseen = gap.unseen.filter(|unseen| *unseen < cut.size);
                let gap = Gap { end: gap.end.min(cut.size), unseen, ..gap };
                trim.writes.push(gap.note(&cut.log));
            }
            None => trim.removals.push((Table::Meta, name.into_bytes())),
        }
    }
    Ok(())
}
