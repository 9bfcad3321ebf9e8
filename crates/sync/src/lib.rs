//! Replication: the sans-IO heart of one node.
//!
//! Start here: [`Node::restore`] makes a node from its store, [`Node::step`] takes one [`Input`] and
//! gives [`Output`]s. The simulator and the real shell drive the same code; neither the clock nor the
//! disk nor the network is in it.
//!
//! ```text
//! Append ─► queue ─► batch ─► Store ─► Stored ─► Fact, Acknowledged(local), Send batch
//!                                                                             │ partner
//! Acknowledged(partners) ◄─ Receipt ◄─ cosigned ◄─ Stored ◄─ Store ◄─ Fact ◄─ verify, open
//! ```
//!
//! - **Persist before send**: a batch is sent, and told to the fold, after its `Stored` with `Ok`.
//! - **Natural batching**: one store operation in flight per lane; what comes meanwhile is the next
//!   batch. Lanes never share an operation, so FLASH waits for nobody.
//! - **Resume from any size**: a connection starts with each side's sizes ([`wire::Hello`]); each
//!   streams what the other lacks, FLASH first, within a window per log. Repeats, frames that overtake
//!   others and connections that end anywhere are tolerated.
//! - **Jump ahead**: for a lane that is far behind when a connection begins new sealing keys are made; it
//!   goes on from the checkpoint where they begin, proven to extend the newest one held. What lies
//!   between comes behind everything live, the most urgent lanes first, against the same checkpoints,
//!   and is marked late.
//! - **Receipts**: what a partner has stored it cosigns: `witness` always, `holds` unless something
//!   addressed to it is missing or does not open.
//! - **A store put back** starts a new incarnation; partners return the old tail.
//!
//! | module | holds |
//! | --- | --- |
//! | `api` | [`Input`], [`Output`] and what they carry |
//! | `node` | the state, [`Node::step`], store operations and their repetition |
//! | `restore` | from a store to a node; incarnations |
//! | `own` | own lanes: queue, batches, pulses |
//! | `mirrored` | copies of other logs: verify, open, store, hold |
//! | `gap` | what is addressed here and not held |
//! | `late` | which entries came late, and so page nobody |
//! | `holes` | old own logs put together from several partners' copies |
//! | `jump`, `backfill` | ahead of a long gap, and what fills it from behind |
//! | `receipts` | cosignatures given and taken, cross-checks |
//! | `convicted`, `apart` | keys that signed two histories, what their facts are worth; the other histories |
//! | `history` | which cosignatures are kept for good |
//! | `bundle`, `carry` | the file of a line that carries files; what goes into one and comes out |
//! | `preview`, `why` | what a release would send to whom; why somebody has or has not got an entry |
//! | `counts` | entries of an audience counted, so that what is hidden from a member shows |
//! | `gossip` | what others witnessed, passed on |
//! | `relay` | two whose line is down, by way of a third |
//! | `peer`, `outgoing`, `line`, `clock` | connections, what each peer lacks, pings, clocks that are off |
//! | `trim` | the notes of a store that was put back |
//! | `editions` | charters at run time: checked, stored, put in force, passed on |
//! | `tickets`, `evidence`, `findings` | acknowledgements, receipts per log, what operators are told |
//! | [`wire`], [`limits`] | frames and every bound |
//! | [`pacer`] | how frames share a line: segments, acknowledgements, pace |
//!
//! **Architecture Invariant:** no I/O, no clock, no randomness: time, entropy and results of reads and
//! writes are inputs.
//! **Architecture Invariant:** a fact comes from a verified entry, and only the log crate verifies.
//! **Architecture Invariant:** nothing leaves a node that it could forget.

mod apart;
mod api;
mod backfill;
mod bugs;
mod bundle;
mod carry;
mod clock;
mod config;
mod convicted;
mod counts;
mod editions;
mod error;
mod evidence;
mod findings;
mod gap;
mod gossip;
mod history;
mod holes;
mod jump;
mod late;
pub mod limits;
mod line;
mod mirrored;
mod node;
mod outgoing;
mod own;
pub mod pacer;
mod peer;
mod preview;
mod receipts;
mod relay;
mod restore;
mod status;
mod tickets;
mod trim;
mod why;
pub mod wire;

pub use api::{
    Append, Arrival, Bulk, CloseReason, Input, Level, LineState, Op, Output, Refusal, Severity,
    Ticket,
};
pub use bundle::{BundleError, BundleHeader, BundlePiece, BundleReader, BundleWriter};
pub use carry::{BundlePlan, CarriedCounts, Since, Taken, carried_batch};
pub use config::Config;
pub use convicted::Grounds;
pub use editions::CharterHistory;
pub use error::Error;
pub use findings::Counters;
pub use node::{Node, Setup};
pub use preview::{NodePreview, PartnerPreview, Preview};
pub use status::{LaneStatus, LineStatus};
pub use trim::trim_notes;
pub use why::{Ahead, NodeWhy, Reason, Why};
