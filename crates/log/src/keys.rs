//! Hashes, Ed25519 keys and signatures.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::{Error, base64};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", base64::hex(&self.0[..4]))
    }
}

/// An Ed25519 public key; text `ed25519:` and base 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey(pub [u8; 32]);

impl VerifyingKey {
    /// What people compare by voice.
    pub fn fingerprint(&self) -> crate::Fingerprint {
        crate::Fingerprint(sha256(&self.0))
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        #[cfg(any(test, feature = "test-support"))]
        if crate::shortcuts::knows(self, message, signature) {
            return true;
        }
        let good = UnparsedPublicKey::new(&ED25519, self.0).verify(message, &signature.0).is_ok();
        #[cfg(any(test, feature = "test-support"))]
        if good {
            crate::shortcuts::learn(self, message, signature);
        }
        good
    }
}

impl FromStr for VerifyingKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.strip_prefix("ed25519:")
            .and_then(base64::decode_array)
            .map(Self)
            .ok_or_else(|| Error::text("a public key", "`ed25519:` and 44 base 64 digits", text))
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", base64::encode(&self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An Ed25519 private key. Blank in debug output; no serde, no Display; wiped when dropped.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&*seed).expect("any 32 bytes are an Ed25519 seed");
        let public =
            pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes");
        Self { seed, pair, public: VerifyingKey(public) }
    }

    /// A fresh key.
    pub fn random(rng: &mut dyn rand_core::CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(*seed)
    }

    /// The public half.
    pub const fn verifying_key(&self) -> VerifyingKey {
        self.public
    }

    /// The signature over `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        #[cfg(any(test, feature = "test-support"))]
        if let Some(signature) = crate::shortcuts::sign(self, message) {
            return signature;
        }
        let signature = self.pair.sign(message);
        Signature(signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes"))
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl Clone for SigningKey {
    fn clone(&self) -> Self {
        Self::from_seed(*self.seed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8032_test_2_verifies() {
        // RFC 8032 section 7.1, TEST 2.
        let key = SigningKey::from_seed(
            base64::unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
                .unwrap(),
        );
        assert_eq!(
            base64::hex(&key.verifying_key().0),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = key.sign(&[0x72]);
        assert_eq!(base64::hex(&signature.0[..8]), "92a009a9f0d4cab8");
        assert!(key.verifying_key().verify(&[0x72], &signature));
        assert!(!key.verifying_key().verify(&[0x73], &signature));
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
