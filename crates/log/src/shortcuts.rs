//! Shortcuts through the costly cryptography, for simulators that play many thousands of histories.
//!
//! They are off unless a test asks for them ([`crate::testing::take_shortcuts`]), hold for its thread
//! alone, and are compiled in only with the feature `test-support`.
//!
//! - A signature is a model: bytes that follow from private key and message, which the thread remembers
//!   with both. One that is remembered word for word is good; every other, such as one over a changed
//!   byte, under another key or made elsewhere, is verified as ever, and fails.
//! - A key is wrapped under a model of the KEM: SHA-256 of the recipient's public key and fresh bytes
//!   stands for the shared secret, and unwrapping starts from the recipient's private key. Everything
//!   around it (info, commitment, AES-256-GCM, layout and length) is as it is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::keys::{Signature, SigningKey, VerifyingKey, sha256};
use crate::seal::{ENCAPSULATION_BYTES, KemSecret, SEALED_KEY_BYTES, TAG_BYTES};

/// Good signatures: key and signature, and what is signed.
type Known = BTreeMap<([u8; 32], [u8; 64]), Vec<u8>>;

thread_local! {
    static TAKEN: Cell<bool> = const { Cell::new(false) };
    static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) };
    static PUBLICS: RefCell<BTreeMap<[u8; 32], Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether this thread takes shortcuts; forgets what was known.
pub(crate) fn take(taken: bool) {
    TAKEN.set(taken);
    KNOWN.with_borrow_mut(BTreeMap::clear);
}

/// Whether this thread takes shortcuts.
pub(crate) fn are_taken() -> bool {
    TAKEN.get()
}

/// Whether this very signature is known for good.
pub(crate) fn knows(key: &VerifyingKey, message: &[u8], signature: &Signature) -> bool {
    let place = (key.0, signature.0);
    are_taken() && KNOWN.with_borrow(|known| known.get(&place).is_some_and(|m| m == message))
}

/// This very signature is good.
pub(crate) fn learn(key: &VerifyingKey, message: &[u8], signature: &Signature) {
    if are_taken() {
        KNOWN.with_borrow_mut(|known| known.insert((key.0, signature.0), message.to_vec()));
    }
}

/// The model of a signature, where shortcuts are taken.
pub(crate) fn sign(key: &SigningKey, message: &[u8]) -> Option<Signature> {
    if !are_taken() {
        return None;
    }
    let mut bytes = [0; 64];
    for (half, out) in bytes.chunks_exact_mut(32).enumerate() {
        let half = [u8::try_from(half).expect("two halves")];
        out.copy_from_slice(&sha256(
            &[b"model of a signature", &key.seed()[..], &half, message].concat(),
        ));
    }
    let signature = Signature(bytes);
    learn(&key.verifying_key(), message, &signature);
    Some(signature)
}

/// Wraps `key` to the owner of `public`: encapsulation and sealed key.
pub(crate) fn wrap(
    public: &[u8],
    info: &[u8],
    key: &[u8; 32],
    commitment: &[u8],
    rng: &mut dyn rand_core::CryptoRng,
) -> (Vec<u8>, Vec<u8>) {
    let mut encapsulation = vec![0; ENCAPSULATION_BYTES];
    rng.fill_bytes(&mut encapsulation[..32]);
    let mut sealed = key.to_vec();
    let cipher = cipher(public, &encapsulation, info);
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    cipher
        .seal_in_place_append_tag(nonce, Aad::from(commitment), &mut sealed)
        .expect("a key is far below the AES-GCM limit");
    (encapsulation, sealed)
}

/// Unwraps what [`wrap`] made.
pub(crate) fn unwrap(
    secret: &KemSecret,
    info: &[u8],
    encapsulation: &[u8],
    sealed: &[u8],
    commitment: &[u8],
) -> Option<[u8; 32]> {
    let public = PUBLICS.with_borrow_mut(|publics| {
        let public = || secret.public().key.to_vec();
        publics.entry(*secret.seed()).or_insert_with(public).clone()
    });
    let mut sealed: [u8; SEALED_KEY_BYTES] = sealed.try_into().ok()?;
    let cipher = cipher(&public, encapsulation, info);
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    cipher.open_in_place(nonce, Aad::from(commitment), &mut sealed).ok()?;
    sealed[..SEALED_KEY_BYTES - TAG_BYTES].try_into().ok()
}

fn cipher(public: &[u8], encapsulation: &[u8], info: &[u8]) -> LessSafeKey {
    let secret = sha256(&[b"model of a KEM", public, encapsulation, info].concat());
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret).expect("AES-256 keys have 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_hold_for_the_very_bytes_and_keys_alone() {
        take(true);
        let (key, other) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
        let signature = key.sign(b"message");
        assert!(key.verifying_key().verify(b"message", &signature));
        assert!(!key.verifying_key().verify(b"massage", &signature), "another message");
        assert!(!other.verifying_key().verify(b"message", &signature), "another key");
        let mut changed = signature;
        changed.0[63] ^= 1;
        assert!(!key.verifying_key().verify(b"message", &changed), "another signature");

        let (mine, theirs) = (KemSecret::from_seed(1, [3; 32]), KemSecret::from_seed(1, [4; 32]));
        let mut rng = crate::testing::SeededRng::new(5);
        let public = mine.public().key;
        let (encapsulation, sealed) = wrap(&public[..], b"info", &[9; 32], b"commitment", &mut rng);
        let open = |secret, info: &[u8], commitment: &[u8]| {
            unwrap(secret, info, &encapsulation, &sealed, commitment)
        };
        assert_eq!(open(&mine, b"info", b"commitment"), Some([9; 32]));
        assert_eq!(open(&theirs, b"info", b"commitment"), None, "another recipient");
        assert_eq!(open(&mine, b"other", b"commitment"), None, "another place");
        assert_eq!(open(&mine, b"info", b"other"), None, "another commitment");

        take(false);
        assert!(
            !key.verifying_key().verify(b"message", &signature),
            "models end with the shortcuts"
        );
        let signature = key.sign(b"message");
        take(true);
        assert!(key.verifying_key().verify(b"message", &signature), "and what is real is verified");
        take(false);
    }
}
