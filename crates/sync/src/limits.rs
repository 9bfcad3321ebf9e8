//! Every bound of the replication protocol, each with its reason.
//!
//! Times are wall time; [`Config::rate`](crate::Config) stretches them when the node's clock runs
//! faster than the wall (exercises).

use base::TimeDelta;

/// Lowest and highest edition of the frames in [`crate::wire`] that this release speaks; a peer with
/// which it has none in common is refused. 2 adds jumps ahead.
pub const PROTOCOL_EDITIONS: (u16, u16) = (1, 2);

/// Entries that may wait for a lane's store operation. One more is refused, not queued: the caller
/// learns at once that this node cannot keep up.
pub const LANE_QUEUE_ENTRIES_MAX: usize = 65_536;
/// Bytes of content that may wait for a lane's store operation; same overflow as the count.
pub const LANE_QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Statements of one bulk append: a quarter of the queue, so that four callers find room.
pub const BULK_ENTRIES_MAX: usize = 16_384;
/// Content bytes after which a batch is closed: a frame of bulk must not hold up what is more urgent,
/// and a line of 64 kbit/s is to carry it within [`ON_THE_LINE_MAX`].
/// One entry may always be larger.
pub const BATCH_CONTENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of sealed batches of one lane that are not yet durable; what comes beyond waits unsealed.
/// Twice what the store takes while the next operation is sealed.
pub const SEALED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Appends that wait for their acknowledgement level. One more is refused unless its level is local.
pub const TICKETS_MAX: usize = 262_144;

/// Bytes of one log sent to one peer and not yet reported durable there. One batch may always be
/// under way, whatever its size: what a gigabit line carries while a busy partner syncs.
pub const WINDOW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of own newest batches kept in memory per log, so that a peer that keeps up costs no reads:
/// [`WINDOW_BYTES_MAX`], what is being sealed and stored meanwhile, and as much again.
pub const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes asked of the store in one read for a peer that catches up; as much again may be read ahead of
/// what was sent.
pub const LOAD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of verified batches of one mirrored log that wait for the store. Beyond it frames of that
/// log are dropped and asked for again once there is room.
pub const MIRROR_PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Incarnations of one lane of one node that are followed; further ones are refused with a finding.
pub const INCARNATIONS_MAX: usize = 64;
/// Logs one hello may list.
pub const HELLO_LOGS_MAX: usize = 16_384;
/// Parts above gaps one hello may list; those beyond are not told and come again.
pub const HELLO_ISLANDS_MAX: usize = 4_096;
/// Bytes that a later edition may add to a hello.
pub const HELLO_LATER_BYTES_MAX: usize = 1_024;
/// Runs of late entries kept of one copy; beyond it the two oldest are joined.
pub const LATE_RUNS_MAX: usize = 64;
/// Entries by which one lane of a peer is behind when it greets before it jumps ahead and the rest
/// comes behind; a shorter gap is sent in order. [`Config::jump_entries`](crate::Config) may change it.
pub const JUMP_ENTRIES: u64 = 512;
/// Least time between two jumps of one log toward one peer: each makes new sealing keys.
pub const JUMP_EVERY: TimeDelta = TimeDelta::from_seconds(5);
/// Batches in one frame that fills a gap.
pub const BATCHES_PER_FRAME_MAX: usize = 4_096;
/// Bytes after which a frame that fills a gap is closed; one batch may always be larger.
pub const BACKFILL_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes that fill gaps on the way to one peer and not yet reported durable there: the most, and the
/// least, however slow the line.
pub const BACKFILL_WINDOW_BYTES: (usize, usize) = (32 * 1024, 4 * 1024 * 1024);
/// Time's worth of the line that may be on the way to fill gaps: what a live entry of the same
/// precedence may have to wait behind.
pub const BACKFILL_WINDOW: TimeDelta = TimeDelta::from_millis(250);
/// Bytes read ahead of what a gap's filling has sent, over all logs of one peer.
pub const BACKFILL_READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Checkpoints per log remembered for comparison with what other nodes saw.
pub const CHECKPOINTS_KEPT_MAX: usize = 1_024;
/// Counts in one frame.
pub const COUNTS_PER_FRAME_MAX: usize = 64;
/// Newest counts of a log's own node kept of each audience, to be shown where members' counts differ.
pub const ORIGIN_COUNTS_KEPT_MAX: usize = 8;
/// Bytes kept of other histories of one log whose node signed two; what is beyond is let go with a
/// finding. Enough for hours of an urgent lane: it is evidence, not a copy.
pub const APART_BYTES_MAX: usize = 1024 * 1024;
/// Logs of which other histories are kept.
pub const APART_LOGS_MAX: usize = 64;
/// Bytes of such batches that wait for the place they begin at to be read.
pub const APART_WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Times the copy of one such log is read from its start in one life of the process: only the holder of
/// its key can cause it, and shall not keep the disk busy.
pub const APART_READS_MAX: u32 = 8;
/// Bytes of one equivocation proof on the line.
pub const PROOF_BYTES_MAX: usize = 64 * 1024;
/// Replaced statements that wait for the store, one a second of each node, kind and log. While a disk is
/// full for long, the oldest go: a receipt then shows the next later time.
pub const HISTORY_WAITING_MAX: usize = 4_096;
/// Findings of one kind about one source within [`FINDING_EVERY`]; further ones are only counted.
pub const FINDINGS_PER_SOURCE_MAX: u32 = 8;
/// Frames of one connection that may be refused before the line is closed.
pub const REFUSALS_MAX: u32 = 16;
/// Largest `k` of the acknowledgement level `partners(k)`.
pub const PARTNERS_K_MAX: u8 = 31;

/// Charter files remembered by one node; a further one is refused with a finding. One a week for a
/// lifetime.
pub const CHARTERS_KEPT_MAX: usize = 4_096;
/// Charter files that wait while one is being stored; further ones are dropped, and told of again.
pub const CHARTERS_WAITING_MAX: usize = 8;
/// Time on the node's clock between two warnings of what runs out.
pub const EXPIRY_WARNED_EVERY: TimeDelta = TimeDelta::from_seconds(24 * 60 * 60);

/// How often the shell calls with [`Input::Tick`](crate::Input::Tick).
pub const TICK_EVERY: TimeDelta = TimeDelta::from_millis(100);
/// Default time between two pulses.
pub const PULSE_EVERY: TimeDelta = TimeDelta::from_seconds(5);
/// Time between two pings on an idle or busy line.
pub const PING_EVERY: TimeDelta = TimeDelta::from_seconds(1);
/// A line not heard for this long is late.
pub const LATE_AFTER: TimeDelta = TimeDelta::from_seconds(3);
/// A line not heard for this long is lost and its connection closed.
pub const LOST_AFTER: TimeDelta = TimeDelta::from_seconds(15);
/// A connection on which no hello came for this long is closed.
pub const HELLO_WITHIN: TimeDelta = TimeDelta::from_seconds(10);
/// Time before what a peer has not reported durable is sent again (doubles up to
/// [`RESEND_AFTER_MAX`]); carriers do not lose frames within a connection, so this is a safety net.
pub const RESEND_AFTER: TimeDelta = TimeDelta::from_seconds(20);
/// How long a slow line may take to carry one batch: a request for what was sent is believed only when
/// nothing of that log has been sent or reported durable for this long.
pub const ON_THE_LINE_MAX: TimeDelta = TimeDelta::from_seconds(10);
/// Longest time between two such resends.
pub const RESEND_AFTER_MAX: TimeDelta = TimeDelta::from_seconds(320);
/// Least time between two requests for the same part of a log.
pub const WANT_EVERY: TimeDelta = TimeDelta::from_millis(500);
/// A log that stays this long behind what its origin's pulse lists is asked for.
pub const BEHIND_AFTER: TimeDelta = TimeDelta::from_seconds(2);
/// Time between two rounds of cosignatures to nodes other than the log's origin.
pub const CROSS_CHECK_EVERY: TimeDelta = TimeDelta::from_seconds(5);
/// Time after which the newest cosignatures and the proofs against others are told again: a line that
/// stands may have swallowed them.
pub const CROSS_CHECK_AGAIN: TimeDelta = TimeDelta::from_seconds(30);
/// Time between two requests for cosignatures that should have come.
pub const RESTATE_EVERY: TimeDelta = TimeDelta::from_seconds(5);
/// Time before a failed store operation is tried again, byte for byte.
pub const STORE_RETRY_AFTER: TimeDelta = TimeDelta::from_millis(200);
/// How long what fills a gap may not go on before it is asked for again.
pub const GAP_ASK_AFTER: TimeDelta = TimeDelta::from_seconds(30);

/// Time without a connection after which a way through a third node is looked for.
pub const RELAY_AFTER: TimeDelta = TimeDelta::from_seconds(3);

/// How long an offer through one relay waits for its answer before the next is tried.
pub const RELAY_ANSWER_WITHIN: TimeDelta = TimeDelta::from_seconds(5);

/// Bytes of one log under way through a relay: what a line that others use may have to hold.
pub const RELAYED_WINDOW_BYTES_MAX: usize = 256 * 1024;

/// Window over which [`FINDINGS_PER_SOURCE_MAX`] counts.
pub const FINDING_EVERY: TimeDelta = TimeDelta::from_seconds(60);
/// A step back of this node's own clock, wall time, from which on an operator is told.
pub const CLOCK_BACK_TOLD: TimeDelta = TimeDelta::from_millis(500);
/// A leap ahead between two inputs, wall time, from which on an operator is told.
pub const CLOCK_AHEAD_TOLD: TimeDelta = TimeDelta::from_seconds(10);
/// Round trips among which the shortest gives the clock offset.
pub const CLOCK_SAMPLES: usize = 8;
