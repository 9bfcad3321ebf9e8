//! A root key in a file that a passphrase opens.
//!
//! ```text
//! watchfire sealed-root-key v1
//! realm operational
//! partner KOR
//! public ed25519:<base 64>
//! argon2id <memory KiB> <passes> <lanes> <salt, base 64, 16 bytes>
//! sealed <base 64, 12 bytes nonce and 48 bytes>
//! ```
//!
//! Key = Argon2id (RFC 9106) of the passphrase; the seed is sealed with AES-256-GCM under it, with
//! every line before `sealed` as associated data, so nothing in the file can be exchanged. The costs
//! are in the file, so that they can rise; what is below or above the limits here is refused, so that
//! a file cannot be weakened unnoticed or exhaust its reader.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base::PartnerId;
use zeroize::Zeroizing;

use crate::keys::SigningKey;
use crate::secrets::Lines;
use crate::{Error, Realm, RootSecret, VerifyingKey, base64};

const FIRST_LINE: &str = "sealed-root-key v1";
const NONCE_BYTES: usize = 12;
const SALT_BYTES: usize = 16;
const SEALED_BYTES: usize = NONCE_BYTES + 32 + 16;

/// How costly a guess is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl PassphraseCost {
    /// What new files get: above RFC 9106's second choice, about a second on a small machine.
    pub const STANDARD: Self = Self { memory_kib: 256 * 1024, passes: 3 };
    /// The least that is taken (OWASP's minimum for Argon2id); fast enough for tests.
    pub const LEAST: Self = Self { memory_kib: 19 * 1024, passes: 2 };
    /// The most that is taken: 2 GiB, 20 passes.
    const MOST: Self = Self { memory_kib: 2 * 1024 * 1024, passes: 20 };

    const fn is_sound(self) -> bool {
        self.memory_kib >= Self::LEAST.memory_kib
            && self.memory_kib <= Self::MOST.memory_kib
            && self.passes >= Self::LEAST.passes
            && self.passes <= Self::MOST.passes
    }
}

/// A root key that needs a passphrase. The public half stands in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRoot {
    /// The realm this root signs charters of.
    pub realm: Realm,
    /// Whose it is.
    pub partner: PartnerId,
    /// The public half.
    pub public: VerifyingKey,
    cost: PassphraseCost,
    salt: [u8; SALT_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl SealedRoot {
    /// Seals `root` under `passphrase`.
    ///
    /// # Panics
    /// If the cost is outside what [`SealedRoot::open`] takes.
    pub fn seal(
        root: &RootSecret,
        passphrase: &[u8],
        cost: PassphraseCost,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Self {
        assert!(cost.is_sound(), "a cost within the limits");
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let (realm, partner) = (root.realm.clone(), root.partner);
        let public = root.key.verifying_key();
        let mut made = Self { realm, partner, public, cost, salt, sealed: [0; SEALED_BYTES] };
        let mut seed = Zeroizing::new(*root.key.seed());
        let tag = made
            .key(passphrase)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(made.head().as_bytes()),
                &mut *seed,
            )
            .expect("32 bytes are far below the AES-GCM limit");
        made.sealed[..NONCE_BYTES].copy_from_slice(&nonce);
        made.sealed[NONCE_BYTES..NONCE_BYTES + 32].copy_from_slice(&*seed);
        made.sealed[NONCE_BYTES + 32..].copy_from_slice(tag.as_ref());
        made
    }

    /// Opens it, or says that the passphrase is not the one.
    pub fn open(&self, passphrase: &[u8]) -> Result<RootSecret, Error> {
        let refuse = Error::Passphrase { partner: self.partner };
        let (nonce, sealed) = self.sealed.split_first_chunk().expect("a nonce stands first");
        let mut plain = Zeroizing::new([0; 32]);
        let (body, tag) = sealed.split_at(32);
        self.key(passphrase)
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(self.head().as_bytes()),
                body,
                tag,
                &mut *plain,
            )
            .map_err(|_| refuse.clone())?;
        let key = SigningKey::from_seed(*plain);
        if key.verifying_key() != self.public {
            return Err(refuse);
        }
        Ok(RootSecret { realm: self.realm.clone(), partner: self.partner, key })
    }

    fn key(&self, passphrase: &[u8]) -> LessSafeKey {
        let PassphraseCost { memory_kib, passes } = self.cost;
        let params = Params::new(memory_kib, passes, 1, Some(32)).expect("costs were checked");
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &self.salt, &mut *key)
            .expect("salt and key have lengths Argon2 takes");
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("AES-256 keys have 32 bytes"))
    }

    fn head(&self) -> String {
        let PassphraseCost { memory_kib, passes } = self.cost;
        format!(
            "watchfire {FIRST_LINE}\nrealm {}\npartner {}\npublic {}\n\
             argon2id {memory_kib} {passes} 1 {}\n",
            self.realm,
            self.partner,
            self.public,
            base64::encode(&self.salt)
        )
    }

    /// The key file.
    pub fn to_text(&self) -> String {
        format!("{}sealed {}\n", self.head(), base64::encode(&self.sealed))
    }

    /// Whether `text` is such a file, by its first line.
    pub fn is_sealed(text: &str) -> bool {
        text.lines().next().and_then(|line| line.strip_prefix("watchfire ")) == Some(FIRST_LINE)
    }

    /// Reads a key file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = Lines { what: "a sealed root key file", lines: text.lines() };
        lines.value("watchfire", |v| (v == FIRST_LINE).then_some(()))?;
        let realm = lines.value("realm", |v| v.parse().ok())?;
        let partner = lines.value("partner", |v| v.parse().ok())?;
        let public = lines.value("public", |v| v.parse().ok())?;
        let (cost, salt) = lines.value("argon2id", |value| {
            let mut words = value.split(' ');
            let memory_kib = words.next()?.parse().ok()?;
            let passes = words.next()?.parse().ok()?;
            let lanes: u32 = words.next()?.parse().ok()?;
            let salt = base64::decode_array(words.next()?)?;
            let cost = PassphraseCost { memory_kib, passes };
            (cost.is_sound() && lanes == 1 && words.next().is_none()).then_some((cost, salt))
        })?;
        let sealed = lines.value("sealed", base64::decode_array)?;
        if lines.is_done() {
            Ok(Self { realm, partner, public, cost, salt, sealed })
        } else {
            Err(Error::text(lines.what, "nothing after `sealed`", "another line"))
        }
    }
}

impl fmt::Debug for SealedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedRoot({}, {}, ..)", self.realm, self.partner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRng;

    fn sealed() -> (RootSecret, SealedRoot) {
        let mut rng = SeededRng::new(11);
        let root = RootSecret::random(Realm::Operational, "KOR".parse().unwrap(), &mut rng);
        let sealed = SealedRoot::seal(&root, b"the fire is lit", PassphraseCost::LEAST, &mut rng);
        (root, sealed)
    }

    #[test]
    fn only_the_passphrase_opens_it_and_the_file_reads_back() {
        let (root, sealed) = sealed();
        let text = sealed.to_text();
        assert!(SealedRoot::is_sealed(&text) && !SealedRoot::is_sealed(&root.to_text()));
        let read = SealedRoot::parse(&text).unwrap();
        assert_eq!(read, sealed);
        assert_eq!(*read.open(b"the fire is lit").unwrap().to_text(), *root.to_text());
        assert_eq!(
            read.open(b"the fire is out").unwrap_err(),
            Error::Passphrase { partner: root.partner }
        );
        let secret = root.to_text().lines().last().unwrap()[4..].to_owned();
        assert!(!text.contains(&secret));
    }

    #[test]
    fn nothing_in_the_file_can_be_exchanged_or_weakened() {
        let (_, sealed) = sealed();
        let text = sealed.to_text();
        let other = SigningKey::from_seed([3; 32]).verifying_key().to_string();
        for (from, to) in [
            ("operational".to_owned(), "exercise/alpha".to_owned()),
            ("partner KOR".to_owned(), "partner JPN".to_owned()),
            (sealed.public.to_string(), other),
            (" 2 1 ".to_owned(), " 3 1 ".to_owned()),
        ] {
            let changed = SealedRoot::parse(&text.replacen(&from, &to, 1)).unwrap();
            assert!(changed.open(b"the fire is lit").is_err(), "`{from}` became `{to}`");
        }
        for (from, to) in [("19456", "64"), ("19456", "99999999"), (" 2 1 ", " 1 1 ")] {
            assert!(SealedRoot::parse(&text.replacen(from, to, 1)).is_err(), "{to}");
        }
        assert!(SealedRoot::parse(&format!("{text}more\n")).is_err());
    }
}
