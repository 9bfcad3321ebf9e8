//! Traces for a node's own operators, in OTLP over HTTP: off unless configured.
//!
//! Start here: [`start`] gives a [`Sink`], which the loop and the API offer spans to. What is traced is in
//! `core::traces` (the life of a batch) and `http::traced` (requests).
//!
//! Nothing waits for a trace: a sink's queue is bounded, what finds it full is dropped and counted, and
//! posting is done beside everything else. No content, kind or officer is in a span; names of audiences
//! only where the setting says so. What may leave a node for partners is the charter's affair: a collector
//! is not a partner, so it must be the operator's own.

mod otlp;
mod span;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::NodeId;
use log::Realm;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

pub(crate) use self::span::{Context, Span, SpanId, SpanKind, TraceId, Word};
use crate::core::Question;
use crate::error::Error;
use crate::outside::{self, Service, Telling};

/// Spans that wait to be posted; more are dropped and counted.
const SPANS_WAITING_MAX: usize = 4_096;
/// Spans of one post.
const SPANS_PER_POST: usize = 512;
/// Between two posts that are not full.
const GATHER: Duration = Duration::from_millis(500);
/// After a post that was not taken.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest wait for the collector to take a post.
const POST_TIMEOUT: Duration = Duration::from_secs(10);
/// The path that the protocol names for traces.
const PATH: &str = "/v1/traces";

/// The part `[telemetry]` of a node's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// The collector's address without `/v1/traces`: `http://` or `https://`.
    pub(crate) otlp: String,
    /// Certificates (PEM) that vouch for an `https://` collector.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
    /// The share of traces that begin here and are recorded, 0 to 1; 0.1 if absent.
    #[serde(default = "sample_ratio")]
    pub(crate) sample_ratio: f64,
    /// Whether spans name audiences; not if absent.
    #[serde(default)]
    pub(crate) audiences: bool,
}

const fn sample_ratio() -> f64 {
    0.1
}

impl Telemetry {
    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            let got = self.sample_ratio;
            return Some(format!("expected `telemetry.sample_ratio` from 0 to 1, got {got}"));
        }
        outside::fault("telemetry", "otlp", &self.otlp, self.ca.as_deref())
    }
}

/// What became of spans, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Taken by the collector.
    pub(crate) sent: AtomicU64,
    /// Found the queue full.
    pub(crate) dropped: AtomicU64,
    /// Posted and not taken.
    pub(crate) failed: AtomicU64,
}

/// Where spans are offered.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    spans: mpsc::Sender<Span>,
    counts: Arc<Counts>,
    sample_ratio: f64,
    /// Whether spans name audiences.
    pub(crate) audiences: bool,
}

impl Sink {
    /// Takes a span, or drops and counts it.
    pub(crate) fn offer(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a trace that begins here is recorded: by its id, so that every node with the same
    /// share decides alike.
    pub(crate) fn samples(&self, trace: TraceId) -> bool {
        let tail = trace.0[8..].try_into().expect("a trace's id has 16 bytes");
        let place = u64::from_be_bytes(tail) >> 11;
        // 53 bits of both are exact.
        (place as f64) < self.sample_ratio * (1_u64 << 53) as f64
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Whose traces they are.
pub(crate) struct Around {
    pub(crate) me: NodeId,
    pub(crate) realm: Realm,
    pub(crate) questions: mpsc::Sender<Question>,
}

/// Posts spans until `stop` changes.
pub(crate) fn start(
    config: &Telemetry,
    around: &Around,
    stop: watch::Receiver<bool>,
) -> Result<Sink, Error> {
    let url = format!("{}{PATH}", config.otlp.trim_end_matches('/'));
    let service = Arc::new(Service::new(url, config.ca.as_deref(), POST_TIMEOUT)?);
    let resource = vec![
        ("service.name", "watchfire".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.namespace", around.me.partner().to_string()),
        ("service.instance.id", around.me.to_string()),
        ("watchfire.node", around.me.to_string()),
        ("watchfire.partner", around.me.partner().to_string()),
        ("watchfire.realm", around.realm.to_string()),
    ];
    let (spans, waiting) = mpsc::channel(SPANS_WAITING_MAX);
    let counts = Arc::new(Counts::default());
    let telling = Telling::new("telemetry", "posts of traces", around.questions.clone());
    let poster = Poster { service, resource, counts: Arc::clone(&counts), telling };
    tokio::spawn(poster.run(waiting, stop));
    let Telemetry { sample_ratio, audiences, .. } = *config;
    Ok(Sink { spans, counts, sample_ratio, audiences })
}

struct Poster {
    service: Arc<Service>,
    resource: otlp::Resource,
    counts: Arc<Counts>,
    telling: Telling,
}

impl Poster {
    async fn run(mut self, mut waiting: mpsc::Receiver<Span>, mut stop: watch::Receiver<bool>) {
        let mut spans = Vec::with_capacity(SPANS_PER_POST);
        loop {
            spans.clear();
            let count = tokio::select! {
                count = waiting.recv_many(&mut spans, SPANS_PER_POST) => count,
                _ = stop.changed() => return,
            };
            let pause = tokio::select! {
                taken = self.post(&spans) => match taken {
                    true if count == SPANS_PER_POST => Duration::ZERO,
                    true => GATHER,
                    false => PAUSE,
                },
                _ = stop.changed() => return,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Posts these; whether they were taken.
    async fn post(&mut self, spans: &[Span]) -> bool {
        let anchor =
            otlp::Anchor { instant: crate::clock::instant(), wall: crate::clock::wall_now() };
        let body = otlp::request(&self.resource, spans, anchor).to_string();
        let service = Arc::clone(&self.service);
        // The client blocks, within its limit.
        let posted = tokio::task::spawn_blocking(move || service.post(&body)).await;
        let result = posted.unwrap_or_else(|error| Err(error.to_string()));
        let count = spans.len() as u64;
        let taken = result.as_ref().map_or(0, |answer| count - otlp::rejected(answer).min(count));
        self.counts.sent.fetch_add(taken, Ordering::Relaxed);
        self.counts.failed.fetch_add(count - taken, Ordering::Relaxed);
        self.telling.note(result.map(drop)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let fault = |text: &str| {
            let read: Result<Telemetry, _> = toml::from_str(text);
            read.map_err(|error| error.message().to_owned()).map(|read| read.fault())
        };
        assert_eq!(fault("otlp = \"http://127.0.0.1:4318\""), Ok(None));
        assert_eq!(
            fault("otlp = \"https://a.example\"\nca = \"a.pem\"\nsample_ratio = 1"),
            Ok(None)
        );
        let starts = |text, words: &str| {
            let got = fault(text).expect("it is read").expect("it is refused");
            assert!(got.starts_with(words), "expected `{words}`, got `{got}`");
        };
        starts("otlp = \"a.example\"", "expected `telemetry.otlp` as http://HOST");
        starts("otlp = \"https://a.example\"", "expected `telemetry.ca`, a PEM file");
        starts(
            "otlp = \"http://a\"\nsample_ratio = 1.5",
            "expected `telemetry.sample_ratio` from 0",
        );
        starts(
            "otlp = \"http://a\"\nsample_ratio = nan",
            "expected `telemetry.sample_ratio` from 0",
        );
        assert!(fault("").is_err() && fault("otlp = \"http://a\"\nsampling = 1").is_err());
    }

    /// A sink nobody empties.
    fn sink(sample_ratio: f64) -> (Sink, mpsc::Receiver<Span>) {
        let (spans, waiting) = mpsc::channel(2);
        (Sink { spans, counts: Arc::default(), sample_ratio, audiences: false }, waiting)
    }

    #[test]
    fn about_the_share_asked_for_is_recorded() {
        let log: log::LogId =
            "KOR-1.flash.00000000000000000000000000000007".parse().expect("a log's name");
        let count = |ratio| {
            let (sink, _) = sink(ratio);
            (0..1_000).filter(|size| sink.samples(Context::of_batch(&log, *size).trace)).count()
        };
        assert_eq!((count(0.0), count(1.0)), (0, 1_000));
        assert!((200..300).contains(&count(0.25)), "{}", count(0.25));
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (sink, _waiting) = sink(1.0);
        let now = crate::clock::instant();
        for _ in 0..5 {
            sink.offer(Span {
                at: Context { trace: TraceId([1; 16]), span: SpanId([1; 8]) },
                parent: None,
                link: None,
                name: "one".to_owned(),
                kind: SpanKind::Internal,
                began: now,
                ended: now,
                words: Vec::new(),
                error: None,
            });
        }
        assert_eq!(sink.counts().dropped.load(Ordering::Relaxed), 3);
    }
}
