//! Sealing of bodies.
/// Bytes of an AES-256-GCM tag.
pub(crate) const TAG_BYTES: usize = 16;
