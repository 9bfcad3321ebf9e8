//! The functional core: one folder a capability, and the registry.
//!
//! Start here: [`Domain`] is the contract a capability fulfils, [`registry`](crate#the-registry) is
//! the list of them, [`View`] folds the facts one audience may read into [`Pictures`].
//!
//! ```text
//! Fact ─► decode ─► order (at, log, index, hash) ─► advance, fold, sense ─► Pictures ─► items, desires, digest
//! ```
//!
//! [Corrections](correction) change what is told, at the same place for every domain.
//!
//! # The registry
//! The words in the `registry!` call below are the whole list of domains: the module, the state in
//! [`Pictures`], the event decoding, the API schema, the command line and the console panel follow
//! from the word. Adding one is one folder (with a `Capability` that implements [`Domain`]) and one
//! word; removing the word removes it everywhere.
//!
//! **Architecture Invariant:** folds have no clock, no randomness, no I/O and no `Result`; a bad fact
//! becomes a recorded finding.
//! **Architecture Invariant:** domains never import each other; they meet in [`Signals`], and a signal
//! flows only from a word to the words after it.
//! **Architecture Invariant:** a panic in one domain's fold quarantines that domain and says so; the
//! others go on.
//! **Architecture Invariant:** corrections are honoured by [`View`] alone; no domain knows of them.

pub mod correction;
mod digest;
mod domain;
mod officer;
mod registry;
mod signals;
mod view;

pub use correction::Correctable;
pub use digest::canonical_bytes;
pub use domain::{
    Collection, DecodeError, Desire, Domain, Items, KindInfo, Shown, Statement, decode_content,
    encode_content, mark_contested,
};
pub use officer::{Officer, Signer};
pub use registry::{Capabilities, Slot};
pub use signals::{Certainty, Finding, Findings, Region, Severity, Signal, Signals};
pub use view::{
    Cut, FACTS_KEPT_BYTES_MAX, FACTS_KEPT_MAX, FoldError, Heard, Order, Placed, View, ViewName,
};

/// How statements of a registered kind may be corrected; `None` if no domain reads the kind.
pub(crate) fn correctable(kind: &str) -> Option<Correctable> {
    let found = kinds().into_iter().find(|known| known.name == kind);
    found.filter(|kind| correction::Act::of(kind.name).is_none()).map(|kind| kind.correctable)
}

/// The editions of the folds of which a digest is made: every domain's, and that of corrections.
pub fn fold_editions() -> Vec<(&'static str, u32)> {
    let domains = domains().into_iter().map(|domain| (domain.name, domain.fold_edition));
    domains.chain([(correction::NAME, correction::FOLD_EDITION)]).collect()
}

registry::registry! {
    track
    warning
}
