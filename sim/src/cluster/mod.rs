//! The seeded cluster simulator: three nodes of `sync` and `log` over a virtual clock, network and
//! disk, with faults, and checkers that see everything.
//!
//! Start here: [`run`] plays one seed. `sim-cluster --seeds N` plays many, `--seed S --trace` one with
//! everything it does, `--planted` shows that the checkers catch every planted bug.
//!
//! | module | holds |
//! | --- | --- |
//! | `plan` | what a seed has in store: statements and mishaps |
//! | `world` | the loop |
//! | `network`, `disk` | lines and stores with their faults |
//! | `liar` | the byzantine partner of three seeds in four |
//! | `witness`, `ledger` | the checkers |
//! | `cast` | keys and charter |
//! | `soak` | many seeds on several threads, resumable |
//!
//! **Architecture Invariant:** a run follows from its seed alone; whatever iterates does so in a fixed
//! order.

mod cast;
mod dice;
mod disk;
mod ledger;
mod liar;
mod network;
mod plan;
mod report;
mod soak;
mod witness;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use cast::Cast;
use log::bugs::Bug;
pub use report::{Counts, Fault, Report};
pub use soak::{Soak, SoakError, Tally};

/// How to run a seed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Statements appended, at least.
    pub entries: usize,
    /// Print everything that happens.
    pub trace: bool,
    /// The planted bug; takes effect with the feature `planted-bugs` alone.
    pub bug: Option<Bug>,
    /// Hosts begin with the first protocol edition and are upgraded one at a time, by a restart.
    pub upgrade: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { entries: 200, trace: false, bug: None, upgrade: false }
    }
}

/// One seed in so many is played with all of its cryptography, the others with the shortcuts of
/// [`log::testing::take_shortcuts`].
const WHOLE_EVERY: u64 = 16;

/// One seed in so many is played under a charter by which every partner may relay.
const RELAYING_EVERY: u64 = 5;

/// Plays one seed. A panic in a node is a failure like any other.
pub fn run(cast: &Cast, options: &Options, seed: u64) -> Report {
    log::testing::take_shortcuts(!seed.is_multiple_of(WHOLE_EVERY));
    let relaying = cast.relaying.as_deref().filter(|_| seed.is_multiple_of(RELAYING_EVERY));
    let cast = relaying.unwrap_or(cast);
    #[cfg(feature = "planted-bugs")]
    log::bugs::plant(options.bug);
    let played = catch_unwind(AssertUnwindSafe(|| world::World::new(cast, options, seed).run()));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        Report {
            seed,
            entries: 0,
            acknowledged: 0,
            pending: 0,
            byzantine: false,
            convicted: 0,
            apart: 0,
            jumps: 0,
            cut_off: 0,
            relayed: 0,
            faults: Counts::default(),
            virtual_s: 0,
            healed_ms: 0,
            failures: vec![format!("a node panicked: {text}")],
        }
    })
}
