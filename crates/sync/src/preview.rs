//! What an append would send to whom, told before it is done.
//!
//! Nothing here decides: the append's own checks refuse, and [`log::Charter::sight`], which sealing and
//! sending ask too, says what each partner sees. So a preview cannot promise what then does not happen.

use std::collections::BTreeMap;

use base::{NodeId, PartnerId};
use log::{Audience, Carrier, LogId, Sight};

use crate::api::{Append, LineState, Refusal};
use crate::node::Node;

/// What an append would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The log it would go into.
    pub log: LogId,
    /// Its place there, if nothing else comes first.
    pub index: u64,
    /// Who may read it.
    pub audience: Audience,
    /// Bytes of content.
    pub bytes: usize,
    /// Every other partner of the charter, in order.
    pub partners: Vec<PartnerPreview>,
}

/// What one partner would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerPreview {
    /// The partner.
    pub partner: PartnerId,
    /// What it would see.
    pub sight: Sight,
    /// Its nodes, in order.
    pub nodes: Vec<NodePreview>,
}

/// One node the entry, or its leaf hash, would go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodePreview {
    /// The node.
    pub node: NodeId,
    /// Over what the charter's line to it runs; nothing if there is no line.
    pub carrier: Option<Carrier>,
    /// How that line stands.
    pub line: LineState,
    /// Whether it would leave at once.
    pub connected: bool,
    /// Entries of that lane which must go to it first.
    pub ahead: u64,
}

impl Node {
    /// What `append` would send to whom, or why it would be refused.
    pub fn preview(&self, append: &Append) -> Result<Preview, Refusal> {
        self.check_append(append)?;
        let mine = self.me.partner();
        let log = self.own_log(append.precedence);
        let index = self.durable_size(&log).unwrap_or(0);
        let mut nodes: BTreeMap<PartnerId, Vec<NodePreview>> = BTreeMap::new();
        for (node, _) in self.charter.nodes().filter(|(node, _)| *node != self.me) {
            let line = self.line_to(node);
            nodes.entry(node.partner()).or_default().push(NodePreview {
                node,
                carrier: line.carrier,
                line: line.state,
                connected: line.connected,
                ahead: index.saturating_sub(self.sent_to(node, &log)),
            });
        }
        let others = self.charter.agreement().partners.keys().filter(|partner| **partner != mine);
        let partners = others.map(|partner| PartnerPreview {
            partner: *partner,
            sight: self.charter.sight(mine, *partner, &append.audience),
            nodes: nodes.remove(partner).unwrap_or_default(),
        });
        Ok(Preview {
            log,
            index,
            audience: append.audience,
            bytes: append.content.len(),
            partners: partners.collect(),
        })
    }

    /// The charter's line to a node and how it stands.
    pub(crate) fn line_to(&self, node: NodeId) -> LineTo {
        let lines = &self.charter.agreement().lines;
        let ends = |from, to| (from == self.me && to == node) || (from == node && to == self.me);
        let carrier = lines.iter().find(|line| ends(line.from, line.to)).map(|line| line.carrier);
        let state = self.peers.get(&node).map_or(LineState::Lost, |peer| peer.line.state());
        LineTo { carrier, state, connected: self.is_greeted(node) }
    }

    /// Entries of an own log that have been sent to a node, or that it holds or has witnessed.
    pub(crate) fn sent_to(&self, node: NodeId, log: &LogId) -> u64 {
        let stated = self.evidence.get(log).map(|evidence| evidence.stated(node));
        let stated = stated.unwrap_or_default();
        let session = self.peers.get(&node).and_then(|peer| peer.session.as_ref());
        let sent = session.and_then(|session| session.outgoing.get(log));
        let sent = sent.map_or(0, crate::outgoing::Outgoing::sent);
        sent.max(stated.witness).max(stated.holds)
    }
}

/// A line as the charter and the connection have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineTo {
    pub(crate) carrier: Option<Carrier>,
    pub(crate) state: LineState,
    pub(crate) connected: bool,
}
