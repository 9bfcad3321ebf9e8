//! All chance of a simulated run, from one seed.

use std::ops::Range;

use base::TimeDelta;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A seeded generator with the few draws the simulator needs.
#[derive(Clone, Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The generator of `seed`; `stream` keeps independent uses apart.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A whole number of `range`, which is not empty. The bias of the remainder does not matter here.
    pub(super) fn between(&mut self, range: Range<u64>) -> u64 {
        assert!(range.start < range.end, "a draw needs a range that is not empty");
        range.start + self.0.next_u64() % (range.end - range.start)
    }

    /// An index below `count`.
    pub(super) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.between(0..count as u64)).expect("below a usize")
    }

    /// True `per_mille` times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.between(0..1000) < per_mille
    }

    /// One of `choices`, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// A length of time of `millis`.
    pub(super) fn millis(&mut self, millis: Range<u64>) -> TimeDelta {
        let micros = self.between(millis.start * 1000..millis.end * 1000);
        TimeDelta::from_nanos(i64::try_from(micros * 1000).expect("short times"))
    }

    /// The generator, for keys and nonces.
    pub(super) fn entropy(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }
}
