//! The storage key: how a node keeps what it could read, after the line's keys are gone.
//!
//! All bodies of a batch that opened are sealed together, one row a batch, with AES-256-GCM-SIV
//! (RFC 8452): nonce = first 12 bytes of the batch's root, associated data = label, log, end and root.
//! The root commits to every leaf, so a nonce comes twice only for the same bodies, and then GCM-SIV
//! reveals nothing but that they are equal.
//!
//! Plain text, edition 1 (big-endian): for each body, `offset in the batch u16 | u32 length | body` in
//! ascending order, to the end.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use crate::codec::{Put, Reader};
use crate::entry::{BODY_BYTES_MAX, put_body};
use crate::seal::TAG_BYTES;
use crate::{Body, Checkpoint, Error, Kind};

/// A node's own key for what it keeps. Blank in debug output; wiped when dropped.
pub struct StorageKey {
    secret: Zeroizing<[u8; 32]>,
    key: LessSafeKey,
}

impl StorageKey {
    /// The key of 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        let key = UnboundKey::new(&AES_256_GCM_SIV, &*secret).expect("AES-256 keys have 32 bytes");
        Self { secret, key: LessSafeKey::new(key) }
    }

    /// A fresh key.
    pub fn random(rng: &mut dyn rand_core::CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *secret);
        Self::new(*secret)
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Seals the bodies of the batch that starts at `first` and ends at `checkpoint`; each with its
    /// index, ascending.
    pub fn wrap(&self, first: u64, checkpoint: &Checkpoint, bodies: &[(u64, Body)]) -> Vec<u8> {
        let bodies = bodies.iter();
        let parts = bodies.map(|(index, b)| (*index, &b.kind, b.edition, b.content.as_slice()));
        self.wrap_parts(first, checkpoint, parts)
    }

    /// The same from bodies in parts: index, kind, edition, content.
    pub(crate) fn wrap_parts<'b>(
        &self,
        first: u64,
        checkpoint: &Checkpoint,
        bodies: impl Iterator<Item = (u64, &'b Kind, u16, &'b [u8])> + Clone,
    ) -> Vec<u8> {
        let bytes =
            bodies.clone().map(|(_, kind, _, content)| 9 + kind.as_str().len() + content.len());
        let mut wrapped = Vec::with_capacity(bytes.sum::<usize>() + TAG_BYTES);
        for (index, kind, edition, content) in bodies {
            let offset = index.checked_sub(first).and_then(|offset| u16::try_from(offset).ok());
            wrapped.put_u16(offset.expect("bodies lie in their batch of at most 4096"));
            let at = wrapped.len();
            wrapped.put_u32(0);
            put_body(kind, edition, content, &mut wrapped);
            let length = u32::try_from(wrapped.len() - at - 4).expect("bodies are below 4 GiB");
            wrapped[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        let (nonce, associated) = binding(checkpoint);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(associated), &mut wrapped)
            .expect("a batch is far below the AEAD limit");
        wrapped
    }

    /// Opens what [`StorageKey::wrap`] sealed for the same batch.
    pub fn unwrap(
        &self,
        first: u64,
        checkpoint: &Checkpoint,
        wrapped: &[u8],
    ) -> Result<Vec<(u64, Body)>, Error> {
        let sealed = Error::Sealed { what: "a batch's stored bodies" };
        let split = wrapped.len().checked_sub(TAG_BYTES).ok_or_else(|| sealed.clone())?;
        let mut plain = Zeroizing::new(vec![0; split]);
        let (nonce, associated) = binding(checkpoint);
        let (body, tag) = wrapped.split_at(split);
        self.key
            .open_separate_gather(nonce, Aad::from(associated), body, tag, &mut plain)
            .map_err(|_| sealed)?;
        let mut reader = Reader::new("stored bodies", &plain);
        let mut bodies: Vec<(u64, Body)> = Vec::new();
        while !reader.is_empty() {
            let index = first + u64::from(reader.u16("an offset")?);
            if index >= checkpoint.size || bodies.last().is_some_and(|(last, _)| *last >= index) {
                return Err(reader.error("ascending offsets in the batch", index.to_string()));
            }
            bodies.push((index, Body::read(reader.blob(BODY_BYTES_MAX, "a body")?)?));
        }
        Ok(bodies)
    }
}

fn binding(checkpoint: &Checkpoint) -> (Nonce, Vec<u8>) {
    let mut associated = b"watchfire/stored-bodies/v1\0".to_vec();
    associated.put_realm(&checkpoint.realm);
    associated.put_log(&checkpoint.log);
    associated.put_u64(checkpoint.size);
    associated.put(&checkpoint.root);
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&checkpoint.root[..12]);
    (Nonce::assume_unique_for_key(nonce), associated)
}

impl Clone for StorageKey {
    fn clone(&self) -> Self {
        Self::new(*self.secret)
    }
}

impl Drop for StorageKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}
