//! Lines that carry files, at the loop: what the next bundle is made of, and what a bundle brought.
//!
//! The local commands `watchfire bundle export` and `import` write and read the files, with the node's
//! own configuration and keys; the loop plans, takes frames and says when they are stored. Frames come in
//! the body of a request, again and again to its end:
//!
//! ```text
//! length u32 big-endian (1..=FRAME_BYTES_MAX) | a frame of the line protocol
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base::{NodeId, Timestamp, limits};
use log::{LogId, base64};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::{BundleHeader, BundlePlan, Since};
use tokio::sync::oneshot;

use super::Core;
use crate::http::Problem;
use crate::store::seal::hex;

/// How long the store may take over the frames of one request.
const STORED_WITHIN: Duration = Duration::from_secs(30);
/// Requests whose frames wait for the store at once.
const WAITING_MAX: usize = 8;

/// Questions of this module.
#[derive(Debug)]
pub(crate) enum Carry {
    /// What the next bundle for a node is made of.
    Plan { to: NodeId, since: Since, reply: oneshot::Sender<Result<Plan, Problem>> },
    /// The bundle that was planned last for a node is whole and on a disk.
    Exported { to: NodeId, number: u64, reply: oneshot::Sender<Result<(), Problem>> },
    /// Frames of a bundle that was read to its signed end.
    Frames { frames: CarriedFrames, reply: oneshot::Sender<Result<CarriedAnswer, Problem>> },
}

/// Some frames of one bundle.
#[derive(Debug)]
pub(crate) struct CarriedFrames {
    pub(crate) from: NodeId,
    pub(crate) number: u64,
    /// Whether the bundle ends with them.
    pub(crate) last: bool,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// What the next bundle for a node is made of.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Plan {
    /// Whom it is for.
    pub(crate) to: NodeId,
    /// Which bundle from this node to that one.
    pub(crate) number: u64,
    /// The time in it.
    pub(crate) made: Timestamp,
    /// The charter edition in force at this node.
    pub(crate) charter_edition: u32,
    /// Its hash, hexadecimal.
    pub(crate) charter_hash: String,
    /// The first frames, base 64.
    pub(crate) frames: Vec<String>,
    /// Then the stored batches of these logs.
    pub(crate) logs: Vec<PlannedLog>,
}

/// A part of a log that goes into a bundle.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PlannedLog {
    /// The log.
    pub(crate) log: String,
    /// The first entry.
    pub(crate) from: u64,
    /// The one after the last.
    pub(crate) end: u64,
}

/// A node and the number of a bundle for it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ExportedNote {
    /// Whom the bundle is for.
    pub(crate) to: NodeId,
    /// Its number.
    pub(crate) number: u64,
}

/// What frames of a bundle brought; all of it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CarriedAnswer {
    /// Entries that were new here.
    pub(crate) entries: u64,
    /// Batches that were here already.
    pub(crate) repeated: u64,
    /// Batches that could not be joined because entries before them are missing: an earlier bundle is.
    pub(crate) gaps: u64,
    /// Batches, cosignatures and frames that were refused; the findings say why.
    pub(crate) refused: u64,
}

/// Who waits until what came is stored.
pub(super) struct Waiting {
    from: NodeId,
    number: u64,
    last: bool,
    until: Instant,
    taken: sync::Taken,
    before: Standing,
    reply: oneshot::Sender<Result<CarriedAnswer, Problem>>,
}

/// How a node's logs and bundles stood.
#[derive(Clone, Copy)]
struct Standing {
    entries: u64,
    counts: sync::CarriedCounts,
}

/// Bundles planned and frames taken that are not settled yet.
#[derive(Default)]
pub(super) struct Carrying {
    planned: BTreeMap<NodeId, BundlePlan>,
    waiting: Vec<Waiting>,
}

impl Plan {
    fn of(plan: &BundlePlan) -> Self {
        let header = &plan.header;
        let logs = plan.logs.iter().map(|(log, from, end)| PlannedLog {
            log: log.to_string(),
            from: *from,
            end: *end,
        });
        Self {
            to: header.to,
            number: header.number,
            made: header.made,
            charter_edition: header.charter_edition,
            charter_hash: hex(&header.charter_hash),
            frames: plan.frames.iter().map(|frame| base64::encode(frame)).collect(),
            logs: logs.collect(),
        }
    }

    /// The plan as the node made it, for a command that has the same charter; else what differs.
    pub(crate) fn read(&self, from: NodeId, charter: &log::Charter) -> Result<BundlePlan, String> {
        let hash = charter.fingerprint().0;
        if self.charter_hash != hex(&hash) {
            return Err(format!(
                "expected the running node to have charter edition {} as in the file, got another \
                 (edition {})",
                charter.edition(),
                self.charter_edition
            ));
        }
        let frames = self.frames.iter().map(|text| base64::decode(text));
        let frames: Option<Vec<Vec<u8>>> = frames.collect();
        let logs = self.logs.iter().map(|part| {
            part.log
                .parse::<LogId>()
                .map(|log| (log, part.from, part.end))
                .map_err(|e| e.to_string())
        });
        Ok(BundlePlan {
            header: BundleHeader {
                realm: charter.realm().clone(),
                from,
                to: self.to,
                charter_edition: self.charter_edition,
                charter_hash: hash,
                number: self.number,
                made: self.made,
            },
            frames: frames.ok_or("expected frames in base 64")?,
            logs: logs.collect::<Result<_, _>>()?,
        })
    }
}

/// Writes frames as the body of a request.
pub(crate) fn write_frames(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        let length = u32::try_from(frame.len()).expect("frames are below 4 GiB");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(frame);
    }
    out
}

/// Reads the frames of a request.
pub(crate) fn read_frames(mut body: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        let taken = body.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = u32::from_be_bytes(*length) as usize;
            rest.split_at_checked(length)
                .filter(|_| (1..=limits::FRAME_BYTES_MAX).contains(&length))
        });
        let Some((frame, rest)) = taken else {
            return Err(Problem::refused("expected a length and a frame of it, got other bytes")
                .hint("use `watchfire bundle import`; nothing of the request was taken"));
        };
        frames.push(frame.to_vec());
        body = rest;
    }
    Ok(frames)
}

impl Core {
    pub(super) fn carry(&mut self, question: Carry) {
        // A handler that went away no longer cares.
        match question {
            Carry::Plan { to, since, reply } => drop(reply.send(self.plan_bundle(to, since))),
            Carry::Exported { to, number, reply } => drop(reply.send(self.exported(to, number))),
            Carry::Frames { frames, reply } => self.take_frames(frames, reply),
        }
    }

    fn plan_bundle(&mut self, to: NodeId, since: Since) -> Result<Plan, Problem> {
        let plan = self.node.bundle_plan(to, since, self.clock.now()).ok_or_else(|| {
            let others = self.charter.nodes().map(|(node, _)| node).filter(|node| *node != self.me);
            let others: Vec<String> = others.map(|node| node.to_string()).collect();
            Problem::not_found(format!(
                "expected another node out of `{}`, got `{to}`",
                others.join("`, `")
            ))
        })?;
        let answer = Plan::of(&plan);
        self.carrying.planned.insert(to, plan);
        Ok(answer)
    }

    fn exported(&mut self, to: NodeId, number: u64) -> Result<(), Problem> {
        let planned = self.carrying.planned.remove(&to).filter(|plan| plan.header.number == number);
        let plan = planned.ok_or_else(|| {
            Problem::conflict(format!(
                "expected bundle {number} for `{to}` to be the last one planned here, got another or none"
            ))
            .hint("the file is good and may be carried; the next export repeats what is in it")
        })?;
        self.step(sync::Input::Exported { plan });
        Ok(())
    }

    fn standing(&self, from: NodeId) -> Standing {
        let cut = self.node.cut();
        let of_it = cut.iter().filter(|(log, _)| log.node == from).map(|(_, size)| size);
        Standing { entries: of_it.sum(), counts: self.node.carried_counts(from) }
    }

    fn take_frames(
        &mut self,
        carried: CarriedFrames,
        reply: oneshot::Sender<Result<CarriedAnswer, Problem>>,
    ) {
        let CarriedFrames { from, number, last, frames } = carried;
        if from == self.me || self.charter.node(from).is_none() {
            let message = format!("expected frames of another node of the charter, got `{from}`");
            return drop(reply.send(Err(Problem::refused(message))));
        }
        if self.carrying.waiting.len() >= WAITING_MAX {
            let message = format!("expected at most {WAITING_MAX} imports at once");
            return drop(reply.send(Err(Problem::busy(message))));
        }
        let before = self.standing(from);
        for frame in frames {
            self.step(sync::Input::Carried { from, number, frame });
        }
        let until = crate::clock::instant() + STORED_WITHIN;
        let taken = self.node.taken_of(from);
        self.carrying.waiting.push(Waiting { from, number, last, until, taken, before, reply });
        self.settle_carried();
    }

    /// Answers whoever waited for frames that are stored by now, or waited too long.
    pub(super) fn settle_carried(&mut self) {
        if self.carrying.waiting.is_empty() {
            return;
        }
        let now = crate::clock::instant();
        for waiting in std::mem::take(&mut self.carrying.waiting) {
            if self.node.has_stored(&waiting.taken) {
                let Waiting { from, number, last, before, reply, .. } = waiting;
                if last {
                    self.step(sync::Input::Imported { from, number });
                }
                let now = self.standing(from);
                drop(reply.send(Ok(CarriedAnswer {
                    entries: now.entries.saturating_sub(before.entries),
                    repeated: now.counts.repeated - before.counts.repeated,
                    gaps: now.counts.gaps - before.counts.gaps,
                    refused: now.counts.refused - before.counts.refused,
                })));
            } else if now >= waiting.until {
                let problem = Problem::busy("the store has not taken what the bundle brought yet");
                let hint = "see the findings; import the file again, what is stored is passed over";
                drop(waiting.reply.send(Err(problem.hint(hint))));
            } else {
                self.carrying.waiting.push(waiting);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written_and_nothing_else_is() {
        let frames = vec![b"one".to_vec(), vec![7; 300]];
        let body = write_frames(&frames);
        assert_eq!(read_frames(&body).ok(), Some(frames));
        assert_eq!(read_frames(&[]).ok(), Some(Vec::new()));
        for cut in [1, 3, 6, body.len() - 1] {
            assert!(read_frames(&body[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read_frames(&[0; 4]).is_err(), "an empty frame");
        assert!(read_frames(&[0xff; 8]).is_err(), "a frame above the limit");
    }
}
