//! Seeded randomness: `ChaCha8` with one stream a user, so that adding a sensor changes no other.

use base::math;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A stream of numbers that depends on nothing but its seed and its number.
#[derive(Clone, Debug)]
pub struct Dice {
    generator: ChaCha8Rng,
}

impl Dice {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self { generator }
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn share(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.generator.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in [`low`, `high`).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Normal with mean 0 and standard deviation 1 (Box and Muller, Ann. Math. Stat. 29 (1958) 610).
    pub fn normal(&mut self) -> f64 {
        let radius = math::sqrt(-2.0 * math::ln(1.0 - self.share()));
        radius * math::cos(std::f64::consts::TAU * self.share())
    }

    /// Poisson with mean `mean` (0 to 100), by Knuth's product of uniforms.
    pub fn poisson(&mut self, mean: f64) -> usize {
        assert!((0.0..=100.0).contains(&mean), "means above 100 need another method");
        let floor = math::exp(-mean);
        let (mut count, mut product) = (0, self.share());
        while product > floor {
            count += 1;
            product *= self.share();
        }
        count
    }

    /// Uniform in 0 … `count` - 1; `count` at least 1.
    pub fn index(&mut self, count: usize) -> usize {
        assert!(count > 0, "there must be something to choose from");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the product is in [0, count)"
        )]
        let index = (self.share() * count as f64) as usize;
        index.min(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_distinct() {
        let first = |seed, stream| Dice::new(seed, stream).generator.next_u64();
        assert_eq!(first(1, 0), first(1, 0));
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut dice = Dice::new(7, 3);
        let count = 200_000;
        let (mut sum, mut squares, mut fourths, mut counts, mut counts2) =
            (0.0, 0.0, 0.0, 0.0, 0.0);
        for _ in 0..count {
            let x = dice.normal();
            sum += x;
            squares += x * x;
            fourths += x * x * x * x;
            let k = dice.poisson(2.5) as f64;
            counts += k;
            counts2 += k * k;
        }
        let n = f64::from(count);
        // Five standard errors each.
        assert!((sum / n).abs() < 5.0 / math::sqrt(n));
        assert!((squares / n - 1.0).abs() < 5.0 * math::sqrt(2.0 / n));
        assert!((fourths / n - 3.0).abs() < 5.0 * math::sqrt(96.0 / n));
        let mean = counts / n;
        assert!((mean - 2.5).abs() < 5.0 * math::sqrt(2.5 / n), "{mean}");
        let variance = counts2 / n - mean * mean;
        assert!((variance - 2.5).abs() < 0.05, "{variance}");
        let mut seen = [0_u32; 3];
        for _ in 0..3_000 {
            seen[dice.index(3)] += 1;
        }
        assert!(seen.iter().all(|&k| (850..1_150).contains(&k)), "{seen:?}");
    }
}
