//! The functional core: one folder a capability, and the registry.
//!
//! Start here: [`Domain`] is the contract a capability fulfils, [`registry`](crate#the-registry) is
//! the list of them, [`View`] folds the facts one audience may read into [`Pictures`].
//!
//! ```text
//! Fact ─► decode ─► order (at, log, index, hash) ─► advance, fold, sense ─► Pictures ─► items, desires, digest
//! ```
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

mod digest;
mod domain;
mod officer;
mod registry;
mod signals;
mod view;

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

registry::registry! {
    track
    warning
}
