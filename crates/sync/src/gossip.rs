//! Gossip: what others witnessed is passed on, so that nodes without a line between them are
//! cross-checked too.
//!
//! Of each log and witness only the newest is kept, and passed on once, to everyone but its witness
//! and whoever it came from; to the log's own node it is a receipt. Sizes only rise, so it ends.

use std::collections::BTreeMap;

use base::NodeId;
use log::{LogId, Precedence, SignedCheckpoint};

use crate::node::{Node, Turn};
use crate::peer::send;
use crate::wire::Message;

/// The newest of what each other node was heard to witness of one log.
#[derive(Debug, Default)]
pub(crate) struct Heard(BTreeMap<NodeId, Witnessed>);

#[derive(Debug)]
struct Witnessed {
    size: u64,
    from: NodeId,
    /// To be passed on; nothing once it was.
    message: Option<Message>,
}

impl Heard {
    /// `by` witnessed a checkpoint, as `from` told; both were verified.
    pub(crate) fn hear(
        &mut self,
        by: NodeId,
        from: NodeId,
        checkpoint: &SignedCheckpoint,
        cosignature: Vec<u8>,
    ) {
        let size = checkpoint.checkpoint.size;
        if self.0.get(&by).is_some_and(|known| known.size >= size) {
            return;
        }
        let (checkpoint, cosignatures) = (checkpoint.to_bytes(), vec![cosignature]);
        let message = Some(Message::Cosigned { checkpoint, cosignatures });
        self.0.insert(by, Witnessed { size, from, message });
    }

    fn take_news(&mut self) -> Vec<(NodeId, NodeId, Message)> {
        let news = self.0.iter_mut();
        news.filter_map(|(by, heard)| Some((*by, heard.from, heard.message.take()?))).collect()
    }
}

impl Node {
    /// Passes on what others witnessed since the last round.
    pub(crate) fn gossip(&mut self, turn: &mut Turn<'_>) {
        let mut news: Vec<(LogId, NodeId, NodeId, Message)> = Vec::new();
        let suspended = self.suspended_logs();
        for (log, copy) in &mut self.copies {
            if !suspended.contains(log) {
                let heard = copy.heard.take_news().into_iter();
                news.extend(heard.map(|(by, from, message)| (*log, by, from, message)));
            }
        }
        for (_, by, from, message) in news {
            for peer in self.peers.keys().copied().collect::<Vec<_>>() {
                if peer != by && peer != from && self.is_greeted(peer) {
                    send(peer, Precedence::Routine, &message, turn);
                }
            }
        }
    }
}
