//! Server-sent events: a snapshot or what was missed, then ordered deltas and a heartbeat.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{broadcast, mpsc};

use super::{App, Problem};
use crate::console::{EventId, Start};
use crate::core::{Question, Subscription, Update};

/// Between two heartbeats of a quiet stream; the page calls three missing ones frozen.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Events waiting for one slow console; one more ends its stream, and it resumes by id.
const EVENTS_MAX: usize = 64;
/// Consoles streaming at once.
const STREAMS_MAX: usize = 128;

static STREAMS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(STREAMS_MAX);

/// `GET /api/v1/stream?view=…`, resumed by `Last-Event-ID`.
pub(super) async fn stream(
    State(app): State<App>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = STREAMS.try_acquire().map_err(|_| {
        Problem::conflict(format!("expected at most {STREAMS_MAX} streams at once"))
            .hint("close a console")
    })?;
    let view = super::handlers::view_of(&query)?;
    let seen = headers.get("last-event-id").and_then(|v| v.to_str().ok()?.parse::<EventId>().ok());
    let subscription = app.ask(|reply| Question::Subscribe { view, seen, reply }).await??;
    let (sender, mut receiver) = mpsc::channel(EVENTS_MAX);
    tokio::spawn(async move {
        let _place = place;
        feed(app, subscription, seen, sender).await;
    });
    let events = futures_core_stream(move |context| receiver.poll_recv(context));
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// A stream from a poll function; events are whole chunks and cannot fail.
fn futures_core_stream(
    poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Send + 'static,
) -> impl futures_core::Stream<Item = Result<Bytes, Infallible>> + Send {
    struct Polled<F>(F);

    impl<F> futures_core::Stream for Polled<F>
    where
        F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Unpin,
    {
        type Item = Result<Bytes, Infallible>;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            (self.0)(context).map(|event| event.map(Ok))
        }
    }

    Polled(Box::new(poll))
}

async fn feed(
    app: App,
    subscription: Subscription,
    seen: Option<EventId>,
    sender: mpsc::Sender<Bytes>,
) {
    let Subscription { boot, start, mut updates } = subscription;
    let mut seq = seen.map_or(0, |id| id.seq);
    let first: Vec<Bytes> = match start {
        Start::Snapshot(snapshot) => {
            seq = snapshot.seq;
            vec![event("snapshot", Some(EventId { boot, seq }), &*snapshot)]
        }
        Start::Missed(deltas) => deltas
            .iter()
            .inspect(|delta| seq = delta.seq)
            .map(|delta| event("delta", Some(EventId { boot, seq: delta.seq }), delta))
            .collect(),
    };
    for event in first {
        if sender.send(event).await.is_err() {
            return;
        }
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let bytes = tokio::select! {
            update = updates.recv() => match update {
                Ok(Update(delta)) => {
                    seq = delta.seq;
                    event("delta", Some(EventId { boot, seq }), &*delta)
                }
                // A console too slow for its deltas is cut off and resumes, or gets a snapshot.
                Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => return,
            },
            _ = heartbeat.tick() => match app.ask(Question::Now).await {
                Ok(now) => event("heartbeat", None, &json!({ "seq": seq, "now": now })),
                Err(_) => return,
            },
        };
        if sender.try_send(bytes).is_err() {
            return;
        }
    }
}

fn event(name: &str, id: Option<EventId>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("events are plain structs with text keys");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {data}\n\n"))
}
