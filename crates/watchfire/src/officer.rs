//! Officers' acts: signed over the exact body, checked against the origin's roster.

use domains::correction::Correction;
use domains::warning::{self, Event};
use log::{Charter, Fact, Signature, SigningKey};
use zeroize::Zeroizing;

use crate::store::seal::hex;

/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// The officer in whose name this node's console acts.
pub(crate) struct Officer {
    name: String,
    key: SigningKey,
}

impl Officer {
    /// The officer `name` with this key.
    pub(crate) const fn new(name: String, key: SigningKey) -> Self {
        Self { name, key }
    }

    /// Reads a file of two lines: `officer NAME`, `key HEX`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bad =
            || "expected the lines `officer NAME` and `key` with 64 hexadecimal digits".to_owned();
        let mut lines = text.lines();
        let name = lines.next().and_then(|line| line.strip_prefix("officer ")).ok_or_else(bad)?;
        let key = lines.next().and_then(|line| line.strip_prefix("key ")).ok_or_else(bad)?;
        let seed: [u8; 32] = unhex(key).and_then(|bytes| bytes.try_into().ok()).ok_or_else(bad)?;
        if name.is_empty() || lines.next().is_some() {
            return Err(bad());
        }
        Ok(Self::new(name.to_owned(), SigningKey::from_seed(seed)))
    }

    /// The file [`Officer::parse`] reads, from the key's seed.
    pub(crate) fn file(name: &str, seed: &[u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(format!("officer {name}\nkey {}\n", *Zeroizing::new(hex(seed))))
    }

    /// Who.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The public half of the key.
    pub(crate) fn public(&self) -> log::VerifyingKey {
        self.key.verifying_key()
    }

    /// Names the key: the first 16 digits of its public half.
    pub(crate) fn key_id(&self) -> String {
        hex(&self.key.verifying_key().0[..8])
    }

    /// The signature over `bytes` as text.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        hex(&self.key.sign(bytes).0)
    }
}

/// Whether `fact` may be folded: acts that need an officer carry the signature of one on the roster
/// of the partner whose node logged it. Anything that is no such act may.
pub(crate) fn check(fact: &Fact, charter: &Charter) -> Result<(), String> {
    let kind = fact.kind.as_str();
    if domains::correction::is_correction(fact) {
        let Ok(correction) = Correction::read(fact) else { return Ok(()) };
        let bytes = correction.signed_bytes(charter.realm());
        return verify(correction.officer(), &bytes, fact, charter);
    }
    if ![warning::RELEASE_KIND, warning::UPDATE_KIND, warning::CANCEL_KIND].contains(&kind) {
        return Ok(());
    }
    // What does not decode becomes the fold's finding.
    let Ok(event) = Event::decode(kind, fact.edition, &fact.content) else { return Ok(()) };
    let (officer, bytes) = match &event {
        Event::Draft(_) => return Ok(()),
        Event::Release(release) | Event::Update(release) => {
            let report = release.report();
            (&report.officer, report.signed_bytes(kind, charter.realm()))
        }
        Event::Cancel(cancel) => {
            (&cancel.report().officer, cancel.report().signed_bytes(charter.realm()))
        }
    };
    verify(officer, &bytes, fact, charter)
}

fn verify(
    officer: &domains::Officer,
    bytes: &[u8],
    fact: &Fact,
    charter: &Charter,
) -> Result<(), String> {
    let partner = fact.origin.partner();
    let keys = charter.officer_keys(partner, &officer.name, fact.logged);
    if keys.is_empty() {
        return Err(format!(
            "expected an officer of `{partner}`'s roster who may act at {}, got `{}`",
            fact.logged, officer.name
        ));
    }
    let signature: Option<[u8; SIGNATURE_BYTES]> =
        unhex(&officer.signature).and_then(|bytes| bytes.try_into().ok());
    match signature {
        Some(signature) if keys.iter().any(|key| key.verify(bytes, &Signature(signature))) => {
            Ok(())
        }
        _ => Err(format!(
            "expected the signature of officer `{}` over the act, got another",
            officer.name
        )),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}
