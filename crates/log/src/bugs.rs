//! Faults that can be planted to show that the simulator's checkers catch them.
//!
//! They exist behind the feature `planted-bugs` alone; in every other build nothing can select one and
//! [`has`] is always false. A planted bug is one of its thread: runs on other threads are sound.

/// One planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Appends are acknowledged when the store operation is issued, not when it has ended.
    AcknowledgeBeforeSync,
    /// A partner's batch is taken though its leaves do not give the signed root.
    SkipRootCheck,
    /// A batch that came ahead of its turn is answered with a `holds` cosignature.
    HoldsOverGap,
    /// The entries of a batch become facts before the batch is verified.
    FoldUnverified,
    /// After a reconnect everything is taken to have arrived, and nothing is sent again.
    DropOnReconnect,
    /// A store behind the high-water file is continued as if nothing had been signed after it.
    IgnoreHighWater,
    /// A copy is reported held and cosigned when its store operation is issued.
    CosignBeforeStored,
    /// What is sent again starts one entry too late.
    ResendOffByOne,
    /// A batch is sent whole, whoever may read its entries.
    SkipAudienceFilter,
    /// A proof that a node signed two histories is thrown away.
    DropProof,
    /// The epoch key follows from its place in the log, so that a restart takes up the old one.
    ResumeEpochKey,
    /// A partner's stamp moves the clock however far ahead it is.
    FollowPeerClock,
    /// A batch whose store operation failed is made anew instead of repeated byte for byte.
    RetryOtherBytes,
    /// A receipt is counted for another node than the one that signed it.
    ReceiptOfAnother,
    /// The entries of a batch that is here already become facts again.
    FoldTwice,
    /// What members of an audience state about its entries is not compared.
    SkipCountCheck,
    /// Facts under a key that signed two histories are taken for as sound as any.
    TrustContested,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::AcknowledgeBeforeSync,
        Self::SkipRootCheck,
        Self::HoldsOverGap,
        Self::FoldUnverified,
        Self::DropOnReconnect,
        Self::IgnoreHighWater,
        Self::CosignBeforeStored,
        Self::ResendOffByOne,
        Self::SkipAudienceFilter,
        Self::DropProof,
        Self::ResumeEpochKey,
        Self::FollowPeerClock,
        Self::RetryOtherBytes,
        Self::ReceiptOfAnother,
        Self::FoldTwice,
        Self::SkipCountCheck,
        Self::TrustContested,
    ];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeSync => "acknowledge-before-sync",
            Self::SkipRootCheck => "skip-root-check",
            Self::HoldsOverGap => "holds-over-gap",
            Self::FoldUnverified => "fold-unverified",
            Self::DropOnReconnect => "drop-on-reconnect",
            Self::IgnoreHighWater => "ignore-high-water",
            Self::CosignBeforeStored => "cosign-before-stored",
            Self::ResendOffByOne => "resend-off-by-one",
            Self::SkipAudienceFilter => "skip-audience-filter",
            Self::DropProof => "drop-proof",
            Self::ResumeEpochKey => "resume-epoch-key",
            Self::FollowPeerClock => "follow-peer-clock",
            Self::RetryOtherBytes => "retry-other-bytes",
            Self::ReceiptOfAnother => "receipt-of-another",
            Self::FoldTwice => "fold-twice",
            Self::SkipCountCheck => "skip-count-check",
            Self::TrustContested => "trust-contested",
        }
    }
}

impl Bug {
    /// Within how many seeds the simulator has to catch it. Most show in every few histories; the
    /// rest need a fault that is rarer, such as a rollback or a forked log.
    pub const fn seeds_max(self) -> u64 {
        match self {
            Self::FollowPeerClock | Self::DropProof | Self::ResumeEpochKey => 80,
            Self::IgnoreHighWater
            | Self::ResendOffByOne
            | Self::SkipCountCheck
            | Self::TrustContested => 40,
            _ => 20,
        }
    }
}

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a fault in everything this thread runs, or takes it away.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether this fault is planted.
    pub fn has(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

/// A normal build: nothing is planted.
#[cfg(not(feature = "planted-bugs"))]
mod planted {
    use super::Bug;

    /// Whether this fault is planted: never.
    pub const fn has(_: Bug) -> bool {
        false
    }
}

pub use planted::*;
