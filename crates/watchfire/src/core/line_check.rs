//! Testing lines with real entries: appended, sealed, carried, verified and held like any other.
//!
//! A check appends entries of the kind `log.line-check`, which no domain folds, one a tick, and takes
//! the time from each append to each partner node's signed `holds`. What is not held in time is lost.
//! One check runs at a time, within the limits below, and the last result of each node stays with its
//! line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use base::{NodeId, PartnerId, TimeDelta, Timestamp};
use log::{Audience, Body, Charter, EntryId, LineCheck, LogId, Precedence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::Level;
use tokio::sync::oneshot;

use super::ask::Draft;
use super::{Core, Waiter};
use crate::clock::instant;
use crate::http::Problem;

/// Entries of one check.
pub(crate) const COUNT_MAX: u32 = 100;
/// Entries of a check that does not say how many.
pub(crate) const COUNT: u32 = 10;
/// Bytes of content of one entry.
pub(crate) const SIZE_MAX: u32 = 16 * 1024;
/// Bytes of content of an entry of a check that does not say.
pub(crate) const SIZE: u32 = 256;
/// Bytes of content of one check: what a line of 64 kbit/s carries in ten seconds. The entries stay in
/// the log.
pub(crate) const BYTES_MAX: u32 = 64 * 1024;
/// Time between two checks, so that nobody keeps a line busy by trying it.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Time after the last append within which an entry has to be held.
const HELD_WITHIN: Duration = Duration::from_secs(15);

/// What to test.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineCheckOrder {
    /// The partner; every partner of the widest audience if absent.
    pub(crate) partner: Option<String>,
    /// How many entries, 1 to 100; 10 if absent.
    pub(crate) count: Option<u32>,
    /// Bytes of content of each, 16 to 16,384; 256 if absent. All of them at most 65,536.
    pub(crate) size: Option<u32>,
    /// `flash`, `immediate`, `priority` or `routine`: the lane; routine if absent.
    pub(crate) precedence: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LineCheckAnswer {
    /// Who could read the entries.
    pub(crate) audience: String,
    /// The lane.
    pub(crate) lane: String,
    /// Bytes of content of each entry.
    pub(crate) size: u32,
    /// Entries appended.
    pub(crate) sent: u32,
    /// Milliseconds until an entry was durable here, half of them and 99 in a hundred.
    pub(crate) local: Option<Latency>,
    /// Each node tested, in order.
    pub(crate) nodes: Vec<LineCheckResult>,
}

/// What a check found of one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LineCheckResult {
    /// The node.
    pub(crate) node: NodeId,
    /// Whose it is.
    pub(crate) partner: PartnerId,
    /// The lane tested.
    pub(crate) lane: String,
    /// When the check began, picture time.
    pub(crate) at: Timestamp,
    /// Bytes of content of each entry.
    pub(crate) size: u32,
    /// Entries appended.
    pub(crate) sent: u32,
    /// Entries this node's signature says it holds.
    pub(crate) held: u32,
    /// Entries it does not hold in time.
    pub(crate) lost: u32,
    /// From the append to its `holds`; nothing if it holds none.
    pub(crate) latency: Option<Latency>,
}

/// Times, wall milliseconds, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LineCheckLatency")]
#[expect(clippy::struct_field_names, reason = "the API's words: the unit is in the name")]
pub(crate) struct Latency {
    /// Half are at most this.
    pub(crate) p50_ms: f64,
    /// Of a hundred 99 are at most this.
    pub(crate) p99_ms: f64,
    /// The longest.
    pub(crate) max_ms: f64,
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let rank = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).checked_sub(1)?;
            times.get(place).map(|time| time.as_secs_f64() * 1e3)
        };
        Some(Self { p50_ms: rank(50)?, p99_ms: rank(99)?, max_ms: rank(100)? })
    }
}

/// Who waits for a check.
pub(crate) type CheckReply = oneshot::Sender<Result<LineCheckAnswer, Problem>>;

/// The check under way, and what the last ones found.
#[derive(Debug, Default)]
pub(super) struct LineChecks {
    running: Option<Running>,
    ended: Option<Instant>,
    last: BTreeMap<NodeId, LineCheckResult>,
    /// Entries of this kind appended since the process began.
    number: u64,
}

#[derive(Debug)]
struct Running {
    /// The number of its first entry: tells its entries from those of one before.
    first: u64,
    began: Timestamp,
    audience: Audience,
    lane: Precedence,
    size: u32,
    count: u32,
    /// When each entry was appended, by its place in the check.
    appended: Vec<Instant>,
    local: Vec<Duration>,
    /// Where they stand, once durable here: place in the check.
    entries: BTreeMap<EntryId, usize>,
    /// Of each node tested: the time each entry took, by its place in the check.
    nodes: BTreeMap<NodeId, BTreeMap<usize, Duration>>,
    reply: CheckReply,
}

/// A check that may begin.
struct Planned {
    audience: Audience,
    lane: Precedence,
    size: u32,
    count: u32,
    nodes: BTreeSet<NodeId>,
}

impl Running {
    fn is_over(&self, now: Instant) -> bool {
        let all = self.appended.len() == self.count as usize;
        let held = |times: &BTreeMap<usize, Duration>| times.len() == self.count as usize;
        let late = self.appended.last().is_some_and(|at| now - *at >= HELD_WITHIN);
        all && (late || self.nodes.values().all(held))
    }

    /// Entries from `range` of `log` are held by `by`.
    fn hold(&mut self, log: LogId, range: Range<u64>, by: NodeId, now: Instant) {
        let Some(times) = self.nodes.get_mut(&by) else { return };
        for (id, place) in &self.entries {
            if id.log == log && range.contains(&id.index) {
                let took = self.appended.get(*place).map(|at| now - *at);
                times.entry(*place).or_insert_with(|| took.unwrap_or_default());
            }
        }
    }

    fn results(&self) -> Vec<LineCheckResult> {
        let sent = u32::try_from(self.appended.len()).unwrap_or(u32::MAX);
        let result = |(node, times): (&NodeId, &BTreeMap<usize, Duration>)| {
            let held = u32::try_from(times.len()).unwrap_or(u32::MAX);
            LineCheckResult {
                node: *node,
                partner: node.partner(),
                lane: self.lane.as_str().to_lowercase(),
                at: self.began,
                size: self.size,
                sent,
                held,
                lost: sent - held,
                latency: Latency::of(times.values().copied().collect()),
            }
        };
        self.nodes.iter().map(result).collect()
    }
}

/// The audience a check of `partner` is for: the smallest of the charter's with both, or the widest.
fn audience_of(charter: &Charter, me: PartnerId, partner: Option<PartnerId>) -> Option<Audience> {
    let own = charter.audiences_of(me).filter(|audience| audience.members().len() > 1);
    match partner {
        Some(partner) => own
            .filter(|audience| audience.contains(partner))
            .min_by_key(|audience| (audience.members().len(), *audience)),
        None => own.max_by_key(|audience| (audience.members().len(), *audience)),
    }
}

/// Lines of whose nodes receipts come by themselves.
fn answers(carrier: log::Carrier) -> bool {
    matches!(carrier, log::Carrier::Quic | log::Carrier::Tcp)
}

fn number_in(
    name: &'static str,
    given: Option<u32>,
    usual: u32,
    range: Range<u32>,
) -> Result<u32, Problem> {
    let number = given.unwrap_or(usual);
    if range.contains(&number) {
        return Ok(number);
    }
    let (least, most) = (range.start, range.end - 1);
    Err(Problem::refused(format!("expected `{name}` from {least} to {most}, got {number}"))
        .hint("a check is to try the line, not to fill it"))
}

impl Core {
    /// Begins a check; answered when it is over.
    pub(super) fn check_lines(&mut self, order: &LineCheckOrder, reply: CheckReply) {
        match self.plan_check(order) {
            Ok(Planned { audience, lane, size, count, nodes }) => {
                self.checks.running = Some(Running {
                    first: self.checks.number + 1,
                    began: self.clock.now(),
                    audience,
                    lane,
                    size,
                    count,
                    appended: Vec::new(),
                    local: Vec::new(),
                    entries: BTreeMap::new(),
                    nodes: nodes.into_iter().map(|node| (node, BTreeMap::new())).collect(),
                    reply,
                });
                self.tend_check();
            }
            Err(problem) => drop(reply.send(Err(problem))),
        }
    }

    fn plan_check(&self, order: &LineCheckOrder) -> Result<Planned, Problem> {
        if self.checks.running.is_some() {
            return Err(Problem::busy("expected no check under way, got one that is not over")
                .hint("wait for it: its result stays with the line"));
        }
        if let Some(rest) = self.checks.ended.map(|at| CHECK_EVERY.saturating_sub(at.elapsed()))
            && !rest.is_zero()
        {
            let seconds = rest.as_secs() + 1;
            return Err(Problem::busy(format!(
                "expected {} s between two checks, got the next too soon",
                CHECK_EVERY.as_secs()
            ))
            .hint(format!("ask again in {seconds} s")));
        }
        let count = number_in("count", order.count, COUNT, 1..COUNT_MAX + 1)?;
        // A number and a time are in each entry.
        let size = number_in("size", order.size, SIZE, 16..SIZE_MAX + 1)?;
        if count * size > BYTES_MAX {
            let got = count * size;
            return Err(Problem::refused(format!(
                "expected at most {BYTES_MAX} bytes in one check, got {count} × {size} = {got}"
            ))
            .hint("take fewer entries or smaller ones: they stay in the log"));
        }
        let lane = match &order.precedence {
            None => Precedence::Routine,
            Some(text) => text
                .to_ascii_lowercase()
                .parse()
                .map_err(|error: log::Error| Problem::refused(error.to_string()))?,
        };
        let partner = match &order.partner {
            None => None,
            Some(text) => Some(text.parse::<PartnerId>().map_err(|_| {
                Problem::refused(format!("expected a partner such as `JPN`, got `{text}`"))
            })?),
        };
        let me = self.me.partner();
        let audience = audience_of(&self.charter, me, partner).ok_or_else(|| {
            let with = partner.map_or_else(|| "others".to_owned(), |of| of.to_string());
            Problem::refused(format!("expected an audience of the charter with {with}, got none"))
                .hint("`watchfire charter show` lists the audiences")
        })?;
        let tested = |id: &NodeId| match partner {
            Some(partner) => id.partner() == partner,
            None => audience.contains(id.partner()),
        };
        let nodes: BTreeSet<NodeId> = self
            .lines
            .carriers()
            .filter(|(id, how)| tested(id) && answers(*how))
            .map(|(id, _)| id)
            .collect();
        if nodes.is_empty() {
            return Err(Problem::refused(
                "expected a line on which receipts come back by themselves, got none",
            )
            .hint("lines that carry files or one way only are tested by what they carry"));
        }
        Ok(Planned { audience, lane, size, count, nodes })
    }

    /// Appends the next entry of a check, one a tick, and ends it when all is held or time is up.
    pub(super) fn tend_check(&mut self) {
        let Some(running) = &mut self.checks.running else { return };
        let now = instant();
        if running.is_over(now) {
            return self.end_check();
        }
        if running.appended.len() == running.count as usize {
            return;
        }
        let place = running.appended.len();
        let first = running.first;
        running.appended.push(now);
        self.checks.number += 1;
        let fixed =
            LineCheck { number: 0, sent: Timestamp::MIN, padding: 0 }.to_body().content.len();
        let padding = (running.size as usize).saturating_sub(fixed);
        let sent = self.clock.now();
        let Body { kind, edition, content } =
            LineCheck { number: self.checks.number, sent, padding }.to_body();
        let draft = Draft {
            kind,
            edition,
            audience: running.audience,
            precedence: running.lane,
            content,
            level: Level::Local,
            timeout: self.clock.stretch(TimeDelta::from_seconds(10)),
        };
        self.append(draft, Waiter::Check { first, place });
    }

    /// An entry of a check is durable here.
    pub(super) fn check_appended(&mut self, first: u64, place: usize, entry: EntryId) {
        let running = self.checks.running.as_mut().filter(|running| running.first == first);
        let Some(running) = running else { return };
        let now = instant();
        running.entries.insert(entry, place);
        running.local.extend(running.appended.get(place).map(|at| now - *at));
    }

    /// An entry of a check was not taken: the check ends with what it has.
    pub(super) fn check_refused(&mut self, first: u64, problem: &Problem) {
        if let Some(running) = self.checks.running.take_if(|running| running.first == first) {
            self.checks.ended = Some(instant());
            drop(running.reply.send(Err(problem.clone())));
        }
    }

    /// A node's signature covers entries of an own log.
    pub(super) fn check_held(&mut self, log: LogId, range: Range<u64>, by: NodeId) {
        if let Some(running) = &mut self.checks.running {
            running.hold(log, range, by, instant());
        }
    }

    fn end_check(&mut self) {
        let Some(running) = self.checks.running.take() else { return };
        self.checks.ended = Some(instant());
        let nodes = running.results();
        for result in &nodes {
            self.checks.last.insert(result.node, result.clone());
            if result.lost > 0 {
                let LineCheckResult { node, lane, sent, lost, .. } = result;
                self.find(
                    domains::Severity::Warning,
                    format!("line to {node}"),
                    format!("of {sent} test entries in the {lane} lane {lost} were not held in time"),
                    Some(format!("`watchfire doctor` looks at the line; `watchfire why ENTRY {}` at an entry", node.partner())),
                );
            }
        }
        let answer = LineCheckAnswer {
            audience: running.audience.to_string(),
            lane: running.lane.as_str().to_lowercase(),
            size: running.size,
            sent: u32::try_from(running.appended.len()).unwrap_or(u32::MAX),
            local: Latency::of(running.local),
            nodes,
        };
        // Whoever asked may be gone; the result stays with the lines.
        drop(running.reply.send(Ok(answer)));
    }

    /// What the last check of a node found.
    pub(super) fn last_check(&self, node: NodeId) -> Option<LineCheckResult> {
        self.checks.last.get(&node).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_nearest_ranks() {
        let times = |count: u64| (1..=count).rev().map(Duration::from_millis).collect();
        let latency = |p50_ms, p99_ms, max_ms| Some(Latency { p50_ms, p99_ms, max_ms });
        assert_eq!(Latency::of(times(0)), None);
        assert_eq!(Latency::of(times(1)), latency(1.0, 1.0, 1.0));
        assert_eq!(Latency::of(times(10)), latency(5.0, 10.0, 10.0));
        assert_eq!(Latency::of(times(100)), latency(50.0, 99.0, 100.0));
    }

    #[test]
    fn a_check_counts_what_is_held_and_what_is_lost() {
        let (jpn, usa): (NodeId, NodeId) = ("JPN-1".parse().unwrap(), "USA-1".parse().unwrap());
        let log: LogId = "KOR-1.routine.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let (reply, _answer) = oneshot::channel();
        let start = instant();
        let mut running = Running {
            first: 1,
            began: Timestamp::from_seconds(0),
            audience: "JPN+KOR+USA".parse().unwrap(),
            lane: Precedence::Routine,
            size: 256,
            count: 2,
            appended: vec![start],
            local: Vec::new(),
            entries: BTreeMap::from([(EntryId { log, index: 7 }, 0)]),
            nodes: [jpn, usa].map(|node| (node, BTreeMap::new())).into(),
            reply,
        };
        let after = |ms: u64| start + Duration::from_millis(ms);
        running.hold(log, 0..8, jpn, after(20));
        running.hold(log, 0..8, jpn, after(90));
        assert!(!running.is_over(after(100)), "one is still to be appended");
        running.appended.push(after(100));
        running.entries.insert(EntryId { log, index: 9 }, 1);
        running.hold(log, 8..9, jpn, after(110));
        running.hold(log, 8..10, jpn, after(140));
        running.hold(log, 9..10, usa, after(150));
        assert!(!running.is_over(after(200)));
        assert!(running.is_over(after(100) + HELD_WITHIN), "what is not held in time is lost");
        let found: Vec<_> =
            running.results().into_iter().map(|r| (r.node, r.held, r.lost, r.latency)).collect();
        let latency = |p50_ms, max_ms| Some(Latency { p50_ms, p99_ms: max_ms, max_ms });
        assert_eq!(found, [(jpn, 2, 0, latency(20.0, 40.0)), (usa, 1, 1, latency(50.0, 50.0))]);
    }
}
