//! The machine's random generator, as the pure crates take it.

use std::convert::Infallible;

use log::rand_core::{TryCryptoRng, TryRng};

/// The operating system's generator by way of the crypto library.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemEntropy;

impl TryRng for SystemEntropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        aws_lc_rs::rand::fill(bytes).expect("the system's random generator works");
        Ok(())
    }
}

impl TryCryptoRng for SystemEntropy {}

/// A number nobody could foresee.
pub(crate) fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    u64::from_le_bytes(bytes)
}
