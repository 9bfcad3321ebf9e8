//! Faults that can be planted to show that the simulator's checkers catch them.
//!
//! They exist behind the feature `planted-bugs` alone; in every other build nothing can select one.

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
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AcknowledgeBeforeSync,
        Self::SkipRootCheck,
        Self::HoldsOverGap,
        Self::FoldUnverified,
        Self::DropOnReconnect,
    ];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeSync => "acknowledge-before-sync",
            Self::SkipRootCheck => "skip-root-check",
            Self::HoldsOverGap => "holds-over-gap",
            Self::FoldUnverified => "fold-unverified",
            Self::DropOnReconnect => "drop-on-reconnect",
        }
    }
}

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::sync::Arc;

    use base::NodeId;
    use log::{Batch, CosignatureKind, Fact};

    use super::Bug;
    use crate::api::Arrival;
    use crate::mirrored::Mirrored;
    use crate::node::{Node, Turn};
    use crate::own::tell;
    use crate::peer::send;

    impl Node {
        /// Plants a fault.
        pub fn plant(&mut self, bug: Bug) {
            self.bug = Some(bug);
            if bug == Bug::SkipRootCheck {
                self.copies.values_mut().for_each(|copy| copy.mirror_mut().plant_skip_root());
            }
        }

        pub(crate) fn planted(&self, mut copy: Mirrored) -> Mirrored {
            if self.has(Bug::SkipRootCheck) {
                copy.mirror_mut().plant_skip_root();
            }
            copy
        }

        /// Facts from a batch nobody has verified.
        pub(crate) fn fold_unverified_if_planted(
            &mut self,
            bytes: &Arc<[u8]>,
            turn: &mut Turn<'_>,
        ) {
            if !self.has(Bug::FoldUnverified) {
                return;
            }
            let Ok(batch) = Batch::parse(bytes.clone()) else { return };
            for entry in batch.stored_entries() {
                if let Ok(body) = self.ring.open(&entry) {
                    tell(Fact::new(&entry, body), Arrival::Live, turn);
                }
            }
        }

        /// `holds` for a batch whose predecessors are missing.
        pub(crate) fn hold_over_gap_if_planted(
            &self,
            peer: NodeId,
            bytes: &Arc<[u8]>,
            turn: &mut Turn<'_>,
        ) {
            if !self.has(Bug::HoldsOverGap) {
                return;
            }
            let Ok(batch) = Batch::parse(bytes.clone()) else { return };
            let Some(record) = self.charter.node(batch.log().node) else { return };
            let Ok(checkpoint) = batch.checkpoint().clone().verify(&record.key) else { return };
            let message = self.cosigned(&checkpoint, &[CosignatureKind::Holds], turn);
            send(peer, batch.log().lane, &message, turn);
        }
    }
}

/// A normal build: nothing is planted.
#[cfg(not(feature = "planted-bugs"))]
mod planted {
    use std::sync::Arc;

    use base::NodeId;

    use crate::mirrored::Mirrored;
    use crate::node::{Node, Turn};

    #[expect(clippy::unused_self, reason = "the signatures are those of the build with faults")]
    impl Node {
        pub(crate) const fn planted(&self, copy: Mirrored) -> Mirrored {
            copy
        }

        pub(crate) const fn fold_unverified_if_planted(&self, _: &Arc<[u8]>, _: &mut Turn<'_>) {}

        pub(crate) const fn hold_over_gap_if_planted(
            &self,
            _: NodeId,
            _: &Arc<[u8]>,
            _: &mut Turn<'_>,
        ) {
        }
    }
}
