//! Every bound that crosses a crate's edge, in one place, each with its reason.
//!
//! A received count never sizes an allocation: buffers grow with the bytes that really came.

/// Partners in one charter. Audiences are bit sets over this many.
pub const PARTNERS_MAX: usize = 32;
/// Nodes one partner may list.
pub const NODES_PER_PARTNER_MAX: usize = 16;
/// Bytes of one entry's sealed content: one radar scan of a few thousand plots fits with room.
pub const ENTRY_CONTENT_BYTES_MAX: usize = 256 * 1024;
/// Entries in one batch (one signature, one store row).
pub const BATCH_ENTRIES_MAX: usize = 4_096;
/// Bytes of one batch on the wire or in the store.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one frame of the line protocol.
pub const FRAME_BYTES_MAX: usize = BATCH_BYTES_MAX + 64 * 1024;
/// Plots in one scan entry.
pub const SCAN_PLOTS_MAX: usize = 5_000;
/// Bytes of a charter file.
pub const CHARTER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one HTTP request body.
pub const HTTP_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one line in a JSON-lines file.
pub const JSON_LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Measurement times older than this before the logged time are refused (seconds).
pub const SCAN_AGE_S_MAX: i64 = 600;
/// Measurement times further than this after the logged time are refused (seconds).
pub const SCAN_AHEAD_S_MAX: i64 = 1;
/// A stamp this far ahead of the receiver's clock is stored but flagged (seconds).
pub const CLOCK_AHEAD_S_MAX: i64 = 2;
/// Findings kept in a picture; older ones are counted, not kept.
pub const FINDINGS_KEPT_MAX: usize = 1_000;
/// Tracks a picture holds; further ones are dropped with a finding.
pub const TRACKS_MAX: usize = 20_000;
