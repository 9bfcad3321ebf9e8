//! What can go wrong because of bytes, files, peers or configuration.

use base::NodeId;

/// Everything this crate refuses. Each message says what was expected, what came and where;
/// [`Error::hint`] names the mend where there is one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is not the thing it should name.
    #[error("expected {what} as {expected}, got `{got}`")]
    Text {
        /// The thing, such as `an audience`.
        what: &'static str,
        /// The form it has.
        expected: &'static str,
        /// What came, shortened.
        got: String,
    },
    /// Bytes that do not follow their layout.
    #[error("expected {expected} at byte {at} of {what}, got {got}")]
    Wire {
        /// The layout, such as `a batch`.
        what: &'static str,
        /// Offset from the start.
        at: usize,
        /// What should stand there.
        expected: &'static str,
        /// What stood there.
        got: String,
    },
    /// Something larger than its named limit.
    #[error("expected at most {max} {what}, got {got}")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// The limit.
        max: u64,
        /// What came.
        got: u64,
    },
    /// A signature that its key did not make over these bytes.
    #[error("expected a signature by {whose} over {over}, got one that does not verify")]
    Signature {
        /// Whose key was tried.
        whose: String,
        /// What was signed.
        over: &'static str,
    },
    /// A signature that should be there and is not.
    #[error("expected a signature by {whose} over {over}, got none")]
    Unsigned {
        /// Whose key is missing.
        whose: String,
        /// What should have been signed.
        over: &'static str,
    },
    /// A charter or roster that does not say what one must.
    #[error("expected {expected} at `{place}` of the charter, got {got}")]
    Charter {
        /// Where: a key path, or line and column.
        place: String,
        /// What should stand there.
        expected: String,
        /// What stood there.
        got: String,
        /// The mend.
        hint: &'static str,
    },
    /// An audience, node or partner the charter does not name.
    #[error("expected {what} named by charter edition {edition}, got `{got}`")]
    NotInCharter {
        /// Such as `an audience`.
        what: &'static str,
        /// What came.
        got: String,
        /// The edition asked.
        edition: u32,
    },
    /// A proof that does not lead to the root.
    #[error("expected a {what} that leads to the signed root, got one that does not")]
    Proof {
        /// `consistency proof`, `inclusion proof`, ...
        what: &'static str,
    },
    /// A sealed body that this key does not open.
    #[error("expected {what} that opens under its key, got one that does not")]
    Sealed {
        /// What was to be opened.
        what: &'static str,
    },
    /// A passphrase that does not open its file, or a file that was changed.
    #[error(
        "expected the passphrase of the root key of {partner}, got another, or the file was changed"
    )]
    Passphrase {
        /// Whose key.
        partner: base::PartnerId,
    },
    /// No epoch key is known for a sealed body.
    #[error("expected an epoch entry for epoch {epoch} of {log} before its first use, got none")]
    NoEpochKey {
        /// The log.
        log: String,
        /// The epoch number.
        epoch: u64,
    },
    /// A public key this node cannot use.
    #[error("expected a usable {what} key for {node}, got one that is refused")]
    Key {
        /// `KEM`, `Ed25519`.
        what: &'static str,
        /// Whose.
        node: NodeId,
    },
    /// A value handed to `base` was refused.
    #[error(transparent)]
    Base(#[from] base::Error),
    /// The store refused or lost something.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
}

impl Error {
    /// The mend, in one sentence without a full stop, where one is known.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Charter { hint, .. } => Some(hint),
            Self::NotInCharter { .. } => {
                Some("add it to the charter and have every root sign the new edition")
            }
            Self::Limit { .. } => Some("split it into smaller parts"),
            Self::Unsigned { .. } => Some("`watchfire charter sign` adds a root's signature"),
            Self::Passphrase { .. } => Some("enter it again; there is no other way in"),
            Self::Signature { .. } => {
                Some("compare fingerprints with the owner of the key over another channel")
            }
            _ => None,
        }
    }

    pub(crate) fn text(what: &'static str, expected: &'static str, got: &str) -> Self {
        Self::Text { what, expected, got: shorten(got) }
    }
}

/// At most 80 characters of `text`, so that a hostile peer cannot fill a log file.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    shown.push('…');
    shown
}
