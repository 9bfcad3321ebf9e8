//! Who acts: the officer that an act's entry names, and the signature over it.
//!
//! That the signature holds is checked where keys are known, before a fact is folded.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DecodeError;

/// Bytes of an officer's name and of a key's name.
const NAME_BYTES_MAX: usize = 128;
/// Characters of an officer's signature.
const SIGNATURE_BYTES_MAX: usize = 4_096;

/// An officer and the signature over the act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Officer {
    /// Name in the partner's list of officers, 1 to 128 bytes.
    pub name: String,
    /// Name of the key, up to 128 bytes.
    pub key_id: String,
    /// The signature as text, up to 4,096 bytes.
    pub signature: String,
}

/// Signs an officer's act: from the bytes to the signature as text.
pub type Signer<'a> = &'a dyn Fn(&[u8]) -> String;

impl Officer {
    /// Checks every text's length and letters.
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        check_text("officer name", &self.name, 1..=NAME_BYTES_MAX)?;
        check_text("key name", &self.key_id, 0..=NAME_BYTES_MAX)?;
        check_text("signature", &self.signature, 0..=SIGNATURE_BYTES_MAX)
    }
}

/// Checks a text's length in bytes, and that nothing in it moves a terminal's cursor but line ends.
pub(crate) fn check_text(
    what: &str,
    text: &str,
    bytes: RangeInclusive<usize>,
) -> Result<(), DecodeError> {
    if !bytes.contains(&text.len()) {
        return Err(DecodeError::new(
            format!("{what} of {} to {} bytes", bytes.start(), bytes.end()),
            format!("{} bytes", text.len()),
        ));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(DecodeError::new(
            format!("{what} without control characters"),
            text.escape_debug().take(64).collect::<String>(),
        ));
    }
    Ok(())
}
