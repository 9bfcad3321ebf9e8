//! Lines between hosts: latency, one-way partitions, repeats, overtaking, damage, loss by disconnect.
//!
//! As the protocol asks of a carrier, frames of one precedence arrive in order within a connection,
//! unless a fault says otherwise; those of different precedences overtake one another at will.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{TimeDelta, Timestamp};
use log::Precedence;

use super::dice::Dice;
use super::report::{Counts, Fault};

/// A host by its place in the cluster.
pub(super) type HostIndex = usize;

/// One frame under way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// Sender.
    pub(super) from: HostIndex,
    /// Receiver.
    pub(super) to: HostIndex,
    /// The connection it was sent on.
    pub(super) connection: u64,
    /// Its precedence.
    pub(super) precedence: Precedence,
    /// The frame.
    pub(super) bytes: Arc<[u8]>,
}

/// What happens to frames of one direction while it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// They wait, as TCP waits, and arrive after the cut if the connection still stands.
    Stalls,
    /// They are gone, though the connection may stand.
    Swallows,
}

/// One direction of a line.
#[derive(Debug, Default)]
struct Direction {
    cut: Option<Cut>,
    stalled: Vec<Parcel>,
    /// Latest arrival promised for each connection and precedence.
    promised: BTreeMap<(u64, Precedence), Timestamp>,
    repeated: u64,
    reordered: u64,
    damaged: u64,
}

/// All lines, and the connection each host believes it has to each other.
#[derive(Debug)]
pub(super) struct Network {
    directions: BTreeMap<(HostIndex, HostIndex), Direction>,
    connections: BTreeMap<(HostIndex, HostIndex), u64>,
    opened: u64,
    latency_ms: u64,
}

impl Network {
    /// Lines between `hosts` hosts with latencies around `latency_ms`.
    pub(super) fn new(hosts: usize, latency_ms: u64) -> Self {
        let mut directions = BTreeMap::new();
        for from in 0..hosts {
            for to in (0..hosts).filter(|to| *to != from) {
                directions.insert((from, to), Direction::default());
            }
        }
        Self { directions, connections: BTreeMap::new(), opened: 0, latency_ms }
    }

    fn direction(&mut self, from: HostIndex, to: HostIndex) -> &mut Direction {
        self.directions.get_mut(&(from, to)).expect("every pair of hosts has two directions")
    }

    /// The connection `at` believes it has to `other`.
    pub(super) fn connection(&self, at: HostIndex, other: HostIndex) -> Option<u64> {
        self.connections.get(&(at, other)).copied()
    }

    /// Whether a connection can be opened between the two now.
    pub(super) fn can_connect(&self, one: HostIndex, other: HostIndex) -> bool {
        let open = |from, to| self.directions.get(&(from, to)).is_some_and(|d| d.cut.is_none());
        open(one, other) && open(other, one)
    }

    /// Opens a new connection at both ends.
    pub(super) fn connect(&mut self, one: HostIndex, other: HostIndex) {
        self.opened += 1;
        self.connections.insert((one, other), self.opened);
        self.connections.insert((other, one), self.opened);
    }

    /// Ends the connection as `at` sees it.
    pub(super) fn disconnect(&mut self, at: HostIndex, other: HostIndex) -> Option<u64> {
        self.connections.remove(&(at, other))
    }

    /// Cuts one direction.
    pub(super) fn cut(&mut self, from: HostIndex, to: HostIndex, cut: Cut) {
        self.direction(from, to).cut = Some(cut);
    }

    /// Mends one direction; gives what had waited, to be sent again.
    pub(super) fn mend(&mut self, from: HostIndex, to: HostIndex) -> Vec<Parcel> {
        let direction = self.direction(from, to);
        direction.cut = None;
        std::mem::take(&mut direction.stalled)
    }

    /// Makes one direction repeat, reorder and damage frames, each so often in a thousand.
    pub(super) fn trouble(&mut self, from: HostIndex, to: HostIndex, trouble: Trouble) {
        let direction = self.direction(from, to);
        direction.repeated = trouble.repeated;
        direction.reordered = trouble.reordered;
        direction.damaged = trouble.damaged;
    }

    /// Sends a frame; gives each arrival.
    pub(super) fn send(
        &mut self,
        parcel: Parcel,
        now: Timestamp,
        dice: &mut Dice,
        counts: &mut Counts,
    ) -> Vec<(Timestamp, Parcel)> {
        let latency_ms = self.latency_ms;
        let direction = self.direction(parcel.from, parcel.to);
        match direction.cut {
            Some(Cut::Stalls) => {
                direction.stalled.push(parcel);
                return Vec::new();
            }
            Some(Cut::Swallows) => {
                counts.add(Fault::FrameLost);
                return Vec::new();
            }
            None => {}
        }
        let mut arrivals = Vec::new();
        if dice.chance(direction.repeated) {
            counts.add(Fault::FrameRepeated);
            let late = now + dice.millis(1..latency_ms * 20);
            arrivals.push((late, parcel.clone()));
        }
        let mut parcel = parcel;
        if dice.chance(direction.damaged) {
            counts.add(Fault::FrameDamaged);
            parcel.bytes = damage(&parcel.bytes, dice);
        }
        let key = (parcel.connection, parcel.precedence);
        let promised = direction.promised.entry(key).or_insert(now);
        let mut arrival = now + dice.millis(latency_ms / 2..latency_ms * 2);
        if dice.chance(direction.reordered) {
            counts.add(Fault::FrameReordered);
            arrival += dice.millis(latency_ms..latency_ms * 10);
        } else {
            arrival = arrival.max(*promised + TimeDelta::from_nanos(1));
            *promised = arrival;
        }
        arrivals.push((arrival, parcel));
        arrivals
    }
}

/// How often one direction misbehaves, in a thousand frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A second copy arrives later.
    pub(super) repeated: u64,
    /// Others overtake it, within its precedence too.
    pub(super) reordered: u64,
    /// Bytes are changed or cut off.
    pub(super) damaged: u64,
}

fn damage(bytes: &[u8], dice: &mut Dice) -> Arc<[u8]> {
    let mut bytes = bytes.to_vec();
    if dice.chance(200) {
        bytes.truncate(dice.index(bytes.len()));
    } else {
        let at = dice.index(bytes.len());
        bytes[at] ^= 1 << dice.index(8);
    }
    bytes.into()
}
