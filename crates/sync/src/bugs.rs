//! What planted faults do here beyond a condition in the code they spoil; see [`log::bugs`].

pub(crate) use log::bugs::{Bug, has};

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::sync::Arc;

    use base::NodeId;
    use log::{Batch, CosignatureKind, Fact, LogId, Precedence};

    use super::{Bug, has};
    use crate::api::Arrival;
    use crate::node::{Node, Turn};
    use crate::own::tell;
    use crate::peer::send;

    impl Node {
        /// Facts from a batch nobody has verified, or that is here already.
        pub(crate) fn fold_if_planted(&mut self, bug: Bug, bytes: &Arc<[u8]>, turn: &mut Turn<'_>) {
            if !has(bug) {
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
            if !has(Bug::HoldsOverGap) {
                return;
            }
            let Ok(batch) = Batch::parse(bytes.clone()) else { return };
            let Some(record) = self.charter.node(batch.log().node) else { return };
            let Ok(checkpoint) = batch.checkpoint().clone().verify(&record.key) else { return };
            let message = self.cosigned(&checkpoint, &[CosignatureKind::Holds], turn.now);
            send(peer, batch.log().lane, &message, turn);
        }

        /// A copy counts as stored when its store operation is issued.
        pub(crate) fn cosign_early_if_planted(&mut self, log: LogId, turn: &mut Turn<'_>) {
            if has(Bug::CosignBeforeStored) && log.node != self.me {
                self.copies.get_mut(&log).expect("a copy is being stored").count_as_stored();
                self.cosign(log, turn);
            }
        }

        /// Whether a failed batch of an own lane went back to its queue to be made anew.
        pub(crate) fn make_anew_if_planted(&mut self, lane: Precedence) -> bool {
            let planted = has(Bug::RetryOtherBytes);
            if planted {
                self.lanes.get_mut(&lane).expect("a node has four lanes").take_back();
            }
            planted
        }

        /// The node a receipt is counted for.
        pub(crate) fn receipt_by(&self, by: NodeId) -> NodeId {
            let other = self.peers.keys().find(|peer| **peer != by);
            other.copied().filter(|_| has(Bug::ReceiptOfAnother)).unwrap_or(by)
        }
    }
}

/// A normal build: nothing is planted.
#[cfg(not(feature = "planted-bugs"))]
mod planted {
    use std::sync::Arc;

    use base::NodeId;
    use log::{LogId, Precedence};

    use super::Bug;
    use crate::node::{Node, Turn};

    #[expect(clippy::unused_self, reason = "the signatures are those of the build with faults")]
    impl Node {
        pub(crate) const fn fold_if_planted(&self, _: Bug, _: &Arc<[u8]>, _: &mut Turn<'_>) {}

        pub(crate) const fn hold_over_gap_if_planted(
            &self,
            _: NodeId,
            _: &Arc<[u8]>,
            _: &mut Turn<'_>,
        ) {
        }

        pub(crate) const fn cosign_early_if_planted(&self, _: LogId, _: &mut Turn<'_>) {}

        pub(crate) const fn make_anew_if_planted(&self, _: Precedence) -> bool {
            false
        }

        pub(crate) const fn receipt_by(&self, by: NodeId) -> NodeId {
            by
        }
    }
}
