//! `GET /metrics`: Prometheus text, format 0.0.4. Counts only: nothing releasable is in it.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{App, Problem};
use crate::core::items::{LaneItem, LineItem, LineState};
use crate::core::{Histogram, Metrics, Question};
use crate::heartbeat::Beats;
use crate::telemetry::Counts;

const LANES: [&str; 4] = ["flash", "immediate", "priority", "routine"];

pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let metrics = app.ask(Question::Metrics).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let mut text = text(&metrics);
    text.extend(app.beats.as_deref().map(heartbeats));
    text.extend(app.traces.as_ref().map(|sink| spans(sink.counts())));
    Ok((headers, text).into_response())
}

fn text(metrics: &Metrics) -> String {
    let mut page = Page(String::new());
    let status = &metrics.status;
    page.family("watchfire_appended_entries_total", "counter", "Appends that reached their level");
    page.sample("watchfire_appended_entries_total", "", metrics.appended);
    page.family("watchfire_refused_total", "counter", "Appends and requests that were refused");
    page.sample("watchfire_refused_total", "", metrics.refused);
    page.family("watchfire_findings_total", "counter", "Findings of the shell");
    page.sample("watchfire_findings_total", "", metrics.findings);
    page.family("watchfire_log_entries", "gauge", "Entries held without gaps");
    for (log, size) in &status.logs {
        page.sample("watchfire_log_entries", &format!("log=\"{log}\""), *size);
    }
    page.family("watchfire_view_facts", "gauge", "Facts folded into a view");
    for (view, count) in &status.facts {
        page.sample("watchfire_view_facts", &format!("view=\"{view}\""), *count);
    }
    page.family(
        "watchfire_view_refolded_total",
        "counter",
        "Facts folded again because one came late",
    );
    for (view, count) in &status.refolded {
        page.sample("watchfire_view_refolded_total", &format!("view=\"{view}\""), *count);
    }
    lines(&mut page, metrics);
    lanes(&mut page, metrics);
    if let Some(room) = &metrics.room {
        page.family("watchfire_disk_free_bytes", "gauge", "Free bytes on the store's disk");
        page.sample("watchfire_disk_free_bytes", "", room.free_bytes);
        let help = "0: room for everything, 1: ROUTINE and PRIORITY wait, 2: all but FLASH waits";
        page.family("watchfire_disk_level", "gauge", help);
        page.sample("watchfire_disk_level", "", room.level as u64);
        page.family("watchfire_disk_reserve", "gauge", "1 if the reserve for FLASH is there");
        page.sample("watchfire_disk_reserve", "", u64::from(room.reserved));
    }
    page.family("watchfire_receipts_complete", "gauge", "1 if every partner holds what it should");
    page.sample("watchfire_receipts_complete", "", u64::from(status.receipts_complete));
    histogram(&mut page, &metrics.fold_micros);
    page.0
}

/// What a line has to tell, if it is known.
type LineFigure = fn(&LineItem) -> Option<f64>;

/// Name, help and figure of each line.
const LINE_FIGURES: [(&str, &str, LineFigure); 4] = [
    ("watchfire_line_up", "1 if the line is up", |line| {
        Some(f64::from(u8::from(line.state == LineState::Up)))
    }),
    ("watchfire_line_relayed", "1 if a third node carries for the two", |line| {
        Some(f64::from(u8::from(line.via.is_some())))
    }),
    ("watchfire_line_lag_seconds", "Half of the shortest recent round trip", |line| {
        line.lag_ms.map(|lag_ms| lag_ms / 1e3)
    }),
    ("watchfire_line_clock_offset_seconds", "The other node's clock minus ours", |line| {
        line.clock_offset_ms.map(|offset_ms| offset_ms / 1e3)
    }),
];

fn lines(page: &mut Page, metrics: &Metrics) {
    for (name, help, figure) in LINE_FIGURES {
        page.family(name, "gauge", help);
        for line in &metrics.status.lines {
            if let Some(figure) = figure(line) {
                page.sample(name, &format!("peer=\"{}\"", line.id), figure);
            }
        }
    }
    page.family("watchfire_line_waiting_frames", "gauge", "Frames queued for a line");
    page.waiting("watchfire_line_waiting_frames", metrics, |(frames, _)| frames);
    page.family("watchfire_line_waiting_bytes", "gauge", "Bytes queued for a line");
    page.waiting("watchfire_line_waiting_bytes", metrics, |(_, bytes)| bytes);
}

/// What one lane of one line has to tell.
type LaneCount = fn(&LaneItem) -> u64;

/// Name, help and count of each figure of a lane.
const LANE_FIGURES: [(&str, &str, LaneCount); 4] = [
    ("watchfire_lane_sent_entries", "Entries in this node's own log", |lane| lane.sent),
    ("watchfire_lane_held_entries", "Of those, held by the other node", |lane| lane.held),
    ("watchfire_lane_received_entries", "Followed here of the other node's log", |lane| {
        lane.received
    }),
    ("watchfire_lane_missing_entries", "Missing below that", |lane| {
        lane.missing.iter().map(|part| part.to - part.from).sum()
    }),
];

fn lanes(page: &mut Page, metrics: &Metrics) {
    for (name, help, count) in LANE_FIGURES {
        page.family(name, "gauge", help);
        for line in &metrics.status.lines {
            for lane in &line.lanes {
                let labels = format!("peer=\"{}\",lane=\"{}\"", line.id, lane.lane);
                page.sample(name, &labels, count(lane));
            }
        }
    }
    let name = "watchfire_exchange_total";
    page.family(name, "counter", "What the exchange met with since the process started");
    for (event, count) in metrics.exchange.named() {
        page.sample(name, &format!("event=\"{event}\""), count);
    }
}

fn heartbeats(beats: &Beats) -> String {
    let mut page = Page(String::new());
    for (name, kind, help, value) in [
        ("sent_total", "counter", "Heartbeats that were taken", &beats.sent),
        ("failed_total", "counter", "Heartbeats that were not taken", &beats.failed),
        ("failures_in_a_row", "gauge", "Heartbeats not taken since the last one", &beats.failing),
        (
            "withheld_total",
            "counter",
            "Heartbeats not made: the node did not work",
            &beats.withheld,
        ),
    ] {
        let name = format!("watchfire_heartbeat_{name}");
        page.family(&name, kind, help);
        page.sample(&name, "", value.load(Ordering::Relaxed));
    }
    page.0
}

fn spans(counts: &Counts) -> String {
    const NAME: &str = "watchfire_telemetry_spans_total";
    let mut page = Page(String::new());
    page.family(NAME, "counter", "Spans of traces, by what became of them");
    for (outcome, count) in
        [("sent", &counts.sent), ("dropped", &counts.dropped), ("failed", &counts.failed)]
    {
        let label = format!("outcome=\"{outcome}\"");
        page.sample(NAME, &label, count.load(Ordering::Relaxed));
    }
    page.0
}

fn histogram(page: &mut Page, histogram: &Histogram) {
    const NAME: &str = "watchfire_fold_seconds";
    page.family(NAME, "histogram", "Time to fold one turn's facts into all views");
    let mut total = 0;
    for (bound, count) in Histogram::BOUNDS.iter().zip(histogram.counts) {
        total += count;
        let labels = format!("le=\"{}\"", *bound as f64 / 1e6);
        page.sample(&format!("{NAME}_bucket"), &labels, total);
    }
    total += histogram.counts[Histogram::BOUNDS.len()];
    page.sample(&format!("{NAME}_bucket"), "le=\"+Inf\"", total);
    page.sample(&format!("{NAME}_sum"), "", histogram.sum as f64 / 1e6);
    page.sample(&format!("{NAME}_count"), "", total);
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
            .expect("writing to a string");
    }

    /// What waits for each lane of each line.
    fn waiting(&mut self, name: &str, metrics: &Metrics, of: impl Fn((usize, usize)) -> usize) {
        for (peer, lanes) in &metrics.waiting {
            for (lane, waiting) in LANES.iter().zip(lanes) {
                let labels = format!("peer=\"{peer}\",lane=\"{lane}\"");
                self.sample(name, &labels, of(*waiting));
            }
        }
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        writeln!(self.0, "{name}{labels} {value}").expect("writing to a string");
    }
}
