//! A partner's root key: in a file under a passphrase, or in a PKCS #11 token that never lets it out.
//!
//! A token's module is loaded at run time from the path given. The key is an Ed25519 pair, mechanism
//! `CKM_EDDSA` (PKCS #11 3.0, section 2.3.14); what it signs is checked with the public half at once.

use std::path::{Path, PathBuf};

use base::PartnerId;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use log::{Realm, RootSecret, SealedRoot, Signature, VerifyingKey};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::passphrase::Source;

/// `edwards25519` as a DER printable string: the curve's name in PKCS #11 3.0.
const CURVE: [u8; 14] = *b"\x13\x0cedwards25519";

/// Which root key.
#[derive(clap::Args, Debug)]
pub(crate) struct RootArguments {
    /// The root key file
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "pkcs11",
        conflicts_with = "pkcs11"
    )]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) token: TokenArguments,
    #[command(flatten)]
    pub(crate) passphrase: Source,
}

/// Which token and which key in it.
#[derive(clap::Args, Debug)]
pub(crate) struct TokenArguments {
    /// The PKCS #11 module to load, where the root key is in a token
    #[arg(long, value_name = "MODULE")]
    pub(crate) pkcs11: Option<PathBuf>,
    /// The token's label; may be left out if there is one token
    #[arg(long, value_name = "LABEL", requires = "pkcs11")]
    pub(crate) token: Option<String>,
    /// The key's label in the token
    #[arg(long, value_name = "LABEL", requires = "pkcs11", default_value = "watchfire-root")]
    pub(crate) key_label: String,
}

/// A root key that can sign.
pub(crate) enum RootKey {
    /// From a file.
    File(RootSecret),
    /// In a token.
    Token(Box<Token>),
}

/// A key in a token, logged in.
pub(crate) struct Token {
    session: Session,
    private: ObjectHandle,
    public: VerifyingKey,
}

impl RootArguments {
    /// Opens the key of `partner` in `realm`.
    pub(crate) fn open(&self, partner: PartnerId, realm: &Realm) -> Result<RootKey, Error> {
        let Some(path) = &self.key else {
            let session = self.token.log_in(&self.passphrase)?;
            return Token::find(session, &self.token.key_label).map(Box::new).map(RootKey::Token);
        };
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
        let secret = read_file(path, &Zeroizing::new(text), &self.passphrase)?;
        if secret.partner != partner || secret.realm != *realm {
            return Err(Error::Identity {
                what: "root key",
                path: path.clone(),
                message: format!(
                    "expected the root of `{partner}` in `{realm}`, got that of `{}` in `{}`",
                    secret.partner, secret.realm
                ),
                hint: "name the root key of this partner and realm".to_owned(),
            });
        }
        Ok(RootKey::File(secret))
    }
}

fn read_file(path: &Path, text: &str, passphrase: &Source) -> Result<RootSecret, Error> {
    let refuse = |error: log::Error| Error::Identity {
        what: "root key",
        path: path.to_owned(),
        hint: error.hint().unwrap_or("`watchfire keys root` makes such a file").to_owned(),
        message: error.to_string(),
    };
    if !SealedRoot::is_sealed(text) {
        return RootSecret::parse(text).map_err(refuse);
    }
    let sealed = SealedRoot::parse(text).map_err(refuse)?;
    let passphrase = passphrase.read(&format!("the root key of {}", sealed.partner))?;
    sealed.open(passphrase.as_bytes()).map_err(refuse)
}

impl RootKey {
    /// The public half.
    pub(crate) fn public(&self) -> VerifyingKey {
        match self {
            Self::File(secret) => secret.key.verifying_key(),
            Self::Token(token) => token.public,
        }
    }

    /// The signature over `bytes`, checked.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Signature, Error> {
        match self {
            Self::File(secret) => Ok(secret.key.sign(bytes)),
            Self::Token(token) => token.sign(bytes),
        }
    }
}

fn refused(what: &str, error: &cryptoki::error::Error) -> Error {
    Error::input(
        format!("expected the PKCS #11 token to {what}, got: {error}"),
        "check the module's path, the token's label and the PIN with the token's own tool",
    )
}

impl TokenArguments {
    /// Opens a session with the token and logs in with the PIN.
    pub(crate) fn log_in(&self, pin: &Source) -> Result<Session, Error> {
        let module = self.pkcs11.as_deref().unwrap_or(Path::new(""));
        let library =
            Pkcs11::new(module).map_err(|error| refused("have a module that loads", &error))?;
        library
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|error| refused("start", &error))?;
        let slots =
            library.get_slots_with_token().map_err(|error| refused("list its slots", &error))?;
        let mut found = Vec::new();
        for slot in slots {
            let Ok(info) = library.get_token_info(slot) else { continue };
            let label = info.label().trim_end().to_owned();
            let wanted = self.token.as_ref().is_none_or(|wanted| *wanted == label);
            if info.token_initialized() && wanted {
                found.push((slot, label));
            }
        }
        let [(slot, label)] = found.as_slice() else {
            let names: Vec<&str> = found.iter().map(|(_, label)| label.as_str()).collect();
            return Err(Error::input(
                format!("expected one token to choose, got {}: {}", found.len(), names.join(", ")),
                "name it with `--token LABEL`",
            ));
        };
        let session =
            library.open_rw_session(*slot).map_err(|error| refused("open a session", &error))?;
        let pin = pin.read(&format!("token `{label}`"))?;
        session
            .login(UserType::User, Some(&AuthPin::new(pin.as_str().into())))
            .map_err(|error| refused("take the PIN", &error))?;
        Ok(session)
    }
}

impl Token {
    /// Makes a new key pair that the token never gives out.
    pub(crate) fn make(session: Session, label: &str) -> Result<Self, Error> {
        if find(&session, ObjectClass::PRIVATE_KEY, label)?.is_some() {
            return Err(Error::input(
                format!("expected no key `{label}` in the token yet, got one"),
                "choose another `--key-label`; nothing is overwritten",
            ));
        }
        let name = Attribute::Label(label.as_bytes().to_vec());
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::EcParams(CURVE.to_vec()),
            name.clone(),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            name,
        ];
        session
            .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
            .map_err(|error| refused("make an Ed25519 key", &error))?;
        Self::find(session, label)
    }

    /// The key pair of that label.
    pub(crate) fn find(session: Session, label: &str) -> Result<Self, Error> {
        let absent = || {
            Error::input(
                format!("expected an Ed25519 key `{label}` in the token, got none"),
                "make one with `watchfire keys root --pkcs11 …`, or name its label",
            )
        };
        let private = find(&session, ObjectClass::PRIVATE_KEY, label)?.ok_or_else(absent)?;
        let public = find(&session, ObjectClass::PUBLIC_KEY, label)?.ok_or_else(absent)?;
        let attributes = session
            .get_attributes(public, &[AttributeType::EcPoint])
            .map_err(|error| refused("give the public key", &error))?;
        let point = attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::EcPoint(point) => Some(point),
            _ => None,
        });
        // A DER OCTET STRING of 32 bytes, or those bytes alone (both forms are in use).
        let point = point.unwrap_or_default();
        let bare = point.strip_prefix(b"\x04\x20").unwrap_or(&point);
        let public = bare.try_into().map(VerifyingKey).map_err(|_| absent())?;
        Ok(Self { session, private, public })
    }

    /// The public half.
    pub(crate) const fn public(&self) -> VerifyingKey {
        self.public
    }

    fn sign(&self, bytes: &[u8]) -> Result<Signature, Error> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let made = self
            .session
            .sign(&mechanism, self.private, bytes)
            .map_err(|error| refused("sign", &error))?;
        let made: Option<[u8; 64]> = made.try_into().ok();
        made.map(Signature).filter(|made| self.public.verify(bytes, made)).ok_or_else(|| {
            Error::input(
                "expected an Ed25519 signature by the token's key, got one that does not verify",
                "the label names a pair whose halves do not belong together",
            )
        })
    }
}

fn find(session: &Session, class: ObjectClass, label: &str) -> Result<Option<ObjectHandle>, Error> {
    let template = [
        Attribute::Class(class),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let found =
        session.find_objects(&template).map_err(|error| refused("list its keys", &error))?;
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        more => Err(Error::input(
            format!("expected one key `{label}` in the token, got {}", more.len()),
            "give each key its own label",
        )),
    }
}
