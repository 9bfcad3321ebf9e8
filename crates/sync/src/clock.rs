//! Clocks that are off: this node's own, seen by its steps, and partners', seen by pings.
//!
//! A stamp too far ahead is flagged where it is verified (`mirrored`). Nothing here changes what the
//! node does: stamps stay strictly increasing whatever its clock does, and what waits is measured by
//! time passed ([`Node::step`](crate::Node::step)), which neither leaps nor goes back.

use base::{NodeId, TimeDelta};

use crate::api::Severity;
use crate::findings::Finding;
use crate::limits;
use crate::node::{Node, Turn};

fn millis(delta: TimeDelta) -> i64 {
    delta.as_nanos() / 1_000_000
}

impl Node {
    /// This node's clock moved by `step` since the last input.
    pub(crate) fn note_own_step(&mut self, step: TimeDelta, turn: &mut Turn<'_>) {
        let wall = self.config.unscale(step);
        let message = if wall <= -limits::CLOCK_BACK_TOLD {
            format!("expected a clock that goes on, got one set back by {} ms", -millis(wall))
        } else if wall >= limits::CLOCK_AHEAD_TOLD {
            format!(
                "expected to be asked every 100 ms, got nothing for {} ms: the clock was set ahead, \
                 or the process was held",
                millis(wall)
            )
        } else {
            return;
        };
        let hint = Some("see that this machine keeps time from a reference (`chronyc tracking`)");
        let (severity, source) = (Severity::Warning, self.me.to_string());
        self.finding(Finding { topic: "own clock", severity, source, message, hint }, turn);
    }

    /// The offset of a peer's clock was measured anew.
    pub(crate) fn note_offset(&mut self, peer: NodeId, offset: TimeDelta, turn: &mut Turn<'_>) {
        let ahead_max = TimeDelta::from_seconds(base::limits::CLOCK_AHEAD_S_MAX);
        if offset < ahead_max && offset > -ahead_max {
            return;
        }
        let message = format!(
            "expected the clock of {peer} within {} ms of this node's, got {} ms",
            millis(ahead_max),
            millis(offset)
        );
        let hint = Some("compare the clocks of both nodes with a reference");
        let (severity, source) = (Severity::Warning, peer.to_string());
        self.finding(Finding { topic: "clock offset", severity, source, message, hint }, turn);
    }
}
