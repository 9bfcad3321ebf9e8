//! Where the byzantine partner meets the world.

use base::TimeDelta;
use log::Precedence;

use super::super::liar::{Frame, Lie, Scene};
use super::super::network::{HostIndex, Parcel};
use super::super::report::Fault;
use super::{Event, World};

/// How far ahead a lying clock is.
const LYING_CLOCK: TimeDelta = TimeDelta::from_seconds(3_600);

impl World<'_> {
    /// Sends a frame of a host, through the liar if it is the liar's.
    pub(super) fn send_frame(&mut self, from: HostIndex, frame: Frame) {
        let Self { liar, hosts, cast, now, .. } = self;
        let Some(liar) = liar.as_mut().filter(|liar| liar.host == from) else {
            return self.send_as_it_is(from, frame);
        };
        let scene = Scene { cast, now: *now, disk: &hosts[from].disk, lanes: Vec::new() };
        for frame in liar.twist(frame, &scene) {
            self.send_as_it_is(from, frame);
        }
    }

    fn send_as_it_is(&mut self, from: HostIndex, (to, precedence, bytes): Frame) {
        if let Some(connection) = self.network.connection(from, to) {
            self.send(Parcel { from, to, connection, precedence, bytes });
        }
    }

    /// The byzantine partner lies.
    pub(super) fn lie(&mut self, lie: Lie, lasts: TimeDelta) {
        let Self { liar, hosts, cast, now, counts, witness, .. } = self;
        let liar = liar.as_mut().expect("only a seed with a liar has lies");
        let host = liar.host;
        let Some(node) = hosts[host].node.as_ref() else { return };
        let lanes = Precedence::ALL.map(|lane| node.own_log(lane)).to_vec();
        let scene = Scene { cast, now: *now, disk: &hosts[host].disk, lanes };
        let frames = liar.tell(lie, &scene);
        witness.liar_signed_twice = liar.signed_twice;
        counts.add(match lie {
            Lie::Fork { .. } => Fault::LieFork,
            Lie::BadBatch { .. } => Fault::LieBadBatch,
            Lie::InOthersName { .. } => Fault::LieInOthersName,
            Lie::Replay => Fault::LieReplay,
            Lie::HideEntries { .. } => Fault::LieHiddenEntries,
            Lie::HideLane { .. } => Fault::LieHiddenLane,
            Lie::Flood { .. } => Fault::LieFlood,
            Lie::Overstate { .. } => Fault::LieOverstated,
            Lie::FalseHello { .. } => Fault::LieHello,
            Lie::FalseProof { .. } => Fault::LieProof,
        });
        for frame in frames {
            self.send_as_it_is(host, frame);
        }
        self.after(lasts, Event::Truth(lie));
    }

    /// The byzantine partner's clock goes an hour ahead.
    pub(super) fn lie_about_time(&mut self, lasts: TimeDelta) {
        let host = self.liar.as_ref().expect("only a seed with a liar has lies").host;
        self.counts.add(Fault::LieClock);
        self.hosts[host].clock_offset = LYING_CLOCK;
        self.after(lasts, Event::ClockRight { host });
    }
}
