//! Through a third: two nodes whose line is down go on over a node of another partner, where the charter
//! lets it relay.
//!
//! The two make a tunnel ([`log::Tunnel`]) and speak the line protocol inside it, so that resuming,
//! receipts and everything else are as on a line of their own. The node between sees who speaks with whom,
//! when, how urgently and how much; it keeps nothing. It passes on what came from a neighbour for a
//! neighbour, never further, and what it passes on may be dropped where a line is busy.
//!
//! The lower of the two ends offers, through each relay it reaches in turn. A connection of the two's own
//! ends the tunnel.

use std::collections::BTreeMap;

use base::{NodeId, Timestamp};
use log::{PendingTunnel, Precedence, Tunnel, TunnelEnds, TunnelOffer};

use crate::api::{Output, Severity};
use crate::findings::Finding;
use crate::limits;
use crate::node::{Node, Turn};
use crate::peer::send;
use crate::wire::{Message, Relay, RelayPart};

/// What goes through others.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    /// By the far end.
    through: BTreeMap<NodeId, Through>,
    /// Since when there has been no connection to a node, and the relay tried last.
    without: BTreeMap<NodeId, (Timestamp, Option<NodeId>)>,
    /// The newest offer taken of each node, by its own clock.
    newest: BTreeMap<NodeId, Timestamp>,
}

#[derive(Debug)]
struct Through {
    relay: NodeId,
    state: State,
}

#[derive(Debug)]
enum State {
    Offered { pending: Box<PendingTunnel>, at: Timestamp },
    Open(Tunnel),
}

impl Relays {
    /// Through whom a node is spoken with.
    pub(crate) fn relay_to(&self, peer: NodeId) -> Option<NodeId> {
        let through = self.through.get(&peer)?;
        matches!(through.state, State::Open(_)).then_some(through.relay)
    }

    /// Forgets the tunnel to a node, whatever its state.
    pub(crate) fn end(&mut self, peer: NodeId) {
        self.through.remove(&peer);
    }

    fn opened(&mut self, peer: NodeId, relay: NodeId, tunnel: Tunnel) {
        self.through.insert(peer, Through { relay, state: State::Open(tunnel) });
    }
}

impl Node {
    fn is_relayed(&self, peer: NodeId) -> bool {
        self.relays.relay_to(peer).is_some()
    }

    fn has_line_of_its_own(&self, peer: NodeId) -> bool {
        let session = self.peers.get(&peer).and_then(|peer| peer.session.as_ref());
        session.is_some() && !self.is_relayed(peer)
    }

    /// Whether `relay` is a neighbour that may carry for this node and `far`.
    fn can_relay(&self, relay: NodeId, far: NodeId) -> bool {
        self.has_line_of_its_own(relay)
            && self.edition_with(relay) >= 2
            && self.charter.may_relay(relay, [self.me, far])
            && !self.is_suspended_node(relay)
            && !self.is_suspended_node(far)
    }

    /// Offers tunnels to nodes that have been out of reach for a while, and ends those that the charter no
    /// longer allows.
    pub(crate) fn tend_relays(&mut self, turn: &mut Turn<'_>) {
        for far in self.peers.keys().copied().collect::<Vec<_>>() {
            let relay = self.relays.relay_to(far);
            if relay.is_some_and(|relay| !self.can_relay(relay, far)) {
                self.disconnected(far);
            }
            let is_connected = self.peers.get(&far).is_some_and(|peer| peer.session.is_some());
            if is_connected {
                self.relays.without.remove(&far);
            } else {
                self.offer_if_due(far, turn);
            }
        }
    }

    fn offer_if_due(&mut self, far: NodeId, turn: &mut Turn<'_>) {
        let (since, last) = *self.relays.without.entry(far).or_insert((turn.elapsed, None));
        let offered = self.relays.through.get(&far).and_then(|through| match through.state {
            State::Offered { at, .. } => Some(at),
            State::Open(_) => None,
        });
        let patience = self.config.scale(limits::RELAY_ANSWER_WITHIN);
        if self.me > far
            || turn.elapsed - since < self.config.scale(limits::RELAY_AFTER)
            || offered.is_some_and(|at| turn.elapsed - at < patience)
        {
            return;
        }
        let able: Vec<NodeId> =
            self.peers.keys().copied().filter(|relay| self.can_relay(*relay, far)).collect();
        let next = able.iter().find(|relay| last.is_none_or(|last| **relay > last));
        let Some(relay) = next.or_else(|| able.first()).copied() else { return };
        let ends = TunnelEnds { from: self.me, to: far };
        let (offer, pending) = TunnelOffer::make(
            self.charter.realm(),
            ends,
            turn.now,
            &self.secrets.key,
            &mut *turn.entropy,
        );
        self.relays.without.insert(far, (since, Some(relay)));
        let state = State::Offered { pending: Box::new(pending), at: turn.elapsed };
        self.relays.through.insert(far, Through { relay, state });
        self.send_part(relay, far, RelayPart::Offer, offer, turn);
    }

    fn send_part(
        &self,
        relay: NodeId,
        to: NodeId,
        part: RelayPart,
        bytes: Vec<u8>,
        turn: &mut Turn<'_>,
    ) {
        let precedence = Precedence::Flash;
        let message = Message::Relay(Relay { from: self.me, to, precedence, part, bytes });
        send(relay, precedence, &message, turn);
    }

    /// Something of a tunnel came from a neighbour.
    pub(crate) fn on_relay(&mut self, neighbour: NodeId, relayed: Relay, turn: &mut Turn<'_>) {
        if relayed.to != self.me {
            return self.pass_on(neighbour, relayed, turn);
        }
        if relayed.from == self.me || !self.can_relay(neighbour, relayed.from) {
            let from = relayed.from;
            let message = format!("expected nothing of {from} by way of {neighbour}, got a frame");
            return self.refuse_relayed(neighbour, message, turn);
        }
        match relayed.part {
            RelayPart::Offer => self.on_offer(neighbour, relayed.from, &relayed.bytes, turn),
            RelayPart::Answer => self.on_answer(neighbour, relayed.from, &relayed.bytes, turn),
            RelayPart::Sealed => self.on_sealed(neighbour, &relayed, turn),
        }
    }

    fn refuse_relayed(&mut self, neighbour: NodeId, message: String, turn: &mut Turn<'_>) {
        self.counters.relayed_refused += 1;
        self.warn("relay", &neighbour, message, turn);
        self.refuse_frame(neighbour, turn);
    }

    /// Carries for two others: what a neighbour says itself, to another neighbour.
    fn pass_on(&mut self, neighbour: NodeId, relayed: Relay, turn: &mut Turn<'_>) {
        let Relay { from, to, precedence, .. } = relayed;
        let lawful = from == neighbour
            && self.has_line_of_its_own(neighbour)
            && self.charter.may_relay(self.me, [from, to]);
        if !lawful {
            let message = format!(
                "expected frames of {neighbour} for a node that the charter lets this one relay to, got \
                 one of {from} for {to}"
            );
            return self.refuse_relayed(neighbour, message, turn);
        }
        if !self.has_line_of_its_own(to) || self.edition_with(to) < 2 {
            self.counters.relayed_dropped += 1;
            return;
        }
        self.counters.relayed += 1;
        let bytes = Message::Relay(relayed).encode().into();
        turn.out.push(Output::Pass { peer: to, precedence, bytes });
    }

    fn on_offer(&mut self, relay: NodeId, from: NodeId, bytes: &[u8], turn: &mut Turn<'_>) {
        // A line of their own is better, and the offer may be an old one that was kept.
        if self.has_line_of_its_own(from) {
            return;
        }
        let key = self.charter.node(from).map(|record| record.key);
        let taken = TunnelOffer::read(bytes).and_then(|offer| {
            let TunnelOffer { realm, ends, .. } = &offer;
            let (expected, got) = (TunnelEnds { from, to: self.me }, *ends);
            if got != expected || realm != self.charter.realm() || from > self.me {
                let got = format!("one of `{realm}` from {} to {}", got.from, got.to);
                return Err(log::Error::Text {
                    what: "a tunnel's offer",
                    expected: "an offer from the lower end to this node, in its realm",
                    got,
                });
            }
            // An offer that was kept and sent again ends no tunnel; where there is none, the clock of the
            // offerer may have been put back.
            let newest = self.relays.newest.get(&from).copied();
            let is_open = self.is_relayed(from);
            if newest.is_some_and(|newest| newest == offer.made || (newest > offer.made && is_open))
            {
                return Ok(None);
            }
            let key = key.expect("`can_relay` found a line to it in the charter");
            let (answer, tunnel) = offer.answer(&key, &self.secrets.key, &mut *turn.entropy)?;
            Ok(Some((offer.made, answer, tunnel)))
        });
        match taken {
            // An old one, repeated.
            Ok(None) => self.counters.relayed_dropped += 1,
            Ok(Some((made, answer, tunnel))) => {
                self.relays.newest.insert(from, made);
                self.send_part(relay, from, RelayPart::Answer, answer, turn);
                self.open_relayed(from, relay, tunnel, turn);
            }
            Err(error) => self.refuse_relayed(relay, error.to_string(), turn),
        }
    }

    fn on_answer(&mut self, relay: NodeId, from: NodeId, bytes: &[u8], turn: &mut Turn<'_>) {
        let key = self.charter.node(from).map(|record| record.key);
        let Some(Through { relay: asked, state: State::Offered { pending, .. } }) =
            self.relays.through.get(&from)
        else {
            self.counters.relayed_dropped += 1;
            return;
        };
        if *asked != relay || self.has_line_of_its_own(from) {
            self.counters.relayed_dropped += 1;
            return;
        }
        let key = key.expect("`can_relay` found a line to it in the charter");
        match pending.accept(bytes, &key) {
            Ok(tunnel) => self.open_relayed(from, relay, tunnel, turn),
            Err(error) => self.refuse_relayed(relay, error.to_string(), turn),
        }
    }

    fn open_relayed(&mut self, far: NodeId, relay: NodeId, tunnel: Tunnel, turn: &mut Turn<'_>) {
        self.disconnected(far);
        self.relays.opened(far, relay, tunnel);
        self.connected(far, turn);
        let message = format!(
            "expected a line of its own to {far}, got none: frames go by way of {relay}, sealed"
        );
        let (severity, source) = (Severity::Info, far.to_string());
        let hint = Some("look at the line between the two; it is used again as soon as it works");
        self.finding(Finding { topic: "relay", severity, source, message, hint }, turn);
    }

    fn on_sealed(&mut self, relay: NodeId, relayed: &Relay, turn: &mut Turn<'_>) {
        let from = relayed.from;
        let Some(Through { relay: used, state: State::Open(tunnel) }) =
            self.relays.through.get_mut(&from)
        else {
            // Of a tunnel that has ended here: its other end will notice the silence.
            self.counters.relayed_dropped += 1;
            return;
        };
        let frame = (*used == relay).then(|| tunnel.open(relayed.precedence, &relayed.bytes));
        match frame.flatten() {
            Some(frame) => self.received(from, &frame, turn),
            None => self.counters.relayed_refused += 1,
        }
    }

    /// A neighbour is gone, and with it whoever was spoken with through it.
    pub(crate) fn end_relayed_through(&mut self, relay: NodeId) {
        let gone: Vec<NodeId> = self
            .relays
            .through
            .iter()
            .filter(|(_, through)| through.relay == relay)
            .map(|(far, _)| *far)
            .collect();
        for far in gone {
            if self.is_relayed(far) {
                self.disconnected(far);
            }
            self.relays.end(far);
        }
    }

    /// Seals what a step sends to nodes that are spoken with through others.
    pub(crate) fn seal_relayed(&mut self, sent: &mut [Output]) {
        if self.relays.through.is_empty() {
            return;
        }
        for output in sent {
            let Output::Send { peer, precedence, bytes } = output else { continue };
            let (to, precedence) = (*peer, *precedence);
            let Some(Through { relay, state: State::Open(tunnel) }) =
                self.relays.through.get_mut(&to)
            else {
                continue;
            };
            let sealed = tunnel.seal(precedence, bytes);
            let part = RelayPart::Sealed;
            let message = Relay { from: self.me, to, precedence, part, bytes: sealed };
            let bytes = Message::Relay(message).encode().into();
            *output = Output::Send { peer: *relay, precedence, bytes };
        }
    }
}
