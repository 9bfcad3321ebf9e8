//! What this crate refuses.

use base::NodeId;

/// Everything that bytes, peers, charters or stores can cause here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not one frame of this protocol edition.
    #[error("expected {expected} at byte {at} of a frame, got {got}")]
    Frame {
        /// Offset from the start.
        at: usize,
        /// What should stand there.
        expected: &'static str,
        /// What stood there.
        got: String,
    },
    /// Bytes that do not continue the streams of a line.
    #[error("expected {expected} on the line, got {got}")]
    Line {
        /// What should have come.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The node that is to be restored is not in the charter.
    #[error("expected `{node}` among the nodes of charter edition {edition}, got no such node")]
    NotInCharter {
        /// Which node.
        node: NodeId,
        /// The charter's edition.
        edition: u32,
    },
    /// The private keys are not those the charter lists for the node.
    #[error(
        "expected the private keys of `{node}` as its partner's node list has them, got others"
    )]
    Keys {
        /// Which node.
        node: NodeId,
    },
    /// The store holds something that cannot have come from this node.
    #[error("expected {expected} in the store, got {got}")]
    Restore {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// The log crate refused a value.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// A name was refused.
    #[error(transparent)]
    Base(#[from] base::Error),
    /// The store failed while it was read.
    #[error(transparent)]
    Store(#[from] log::StoreError),
}

impl Error {
    /// The mend, in one sentence without a full stop, where one is known.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Frame { .. } | Self::Line { .. } => {
                Some("check that both ends run the same release of Watchfire")
            }
            Self::NotInCharter { .. } => {
                Some("have the partner's root sign a node list that names this node")
            }
            Self::Keys { .. } => {
                Some("point to the node's own key file, or have its list signed again")
            }
            Self::Restore { .. } => {
                Some("run `watchfire fsck`, then restore the store from a backup")
            }
            Self::Log(error) => error.hint(),
            _ => None,
        }
    }
}
