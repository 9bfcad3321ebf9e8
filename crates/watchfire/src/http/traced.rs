//! A span a request, and the trace that a caller has for it (`traceparent`).

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use crate::clock::instant;
use crate::entropy::random_u64;
use crate::telemetry::{Context, Sink, Span, SpanId, SpanKind, TraceId, Word};

tokio::task_local! {
    /// The span of the request that this task answers.
    static REQUEST: Context;
}

/// The span of the request that is being answered, if it is recorded.
pub(super) fn current() -> Option<Context> {
    REQUEST.try_with(|context| *context).ok()
}

/// Records the request if its caller records it, or else by the share of the configuration.
pub(super) async fn trace(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // Pages of the console and the probes of monitors are not what anyone looks for.
    let route = route.filter(|route| route.starts_with("/api/"));
    let (Some(sink), Some(route)) = (&app.traces, route) else { return next.run(request).await };
    let Some((at, parent)) = begin(sink, &request) else { return next.run(request).await };
    let method = request.method().to_string();
    let began = instant();
    let response = REQUEST.scope(at, next.run(request)).await;
    let status = response.status();
    sink.offer(Span {
        at,
        parent,
        link: None,
        name: format!("{method} {route}"),
        kind: SpanKind::Server,
        began,
        ended: instant(),
        words: vec![
            ("http.request.method", Word::Text(method)),
            ("http.route", Word::Text(route)),
            ("http.response.status_code", Word::Number(i64::from(status.as_u16()))),
        ],
        error: status.is_server_error().then_some("the node could not answer"),
    });
    response
}

/// The span of a request and what it hangs from; nothing if it is not to be recorded.
fn begin(sink: &Sink, request: &Request) -> Option<(Context, Option<SpanId>)> {
    let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    if let Some((caller, sampled)) = header.and_then(Context::parse) {
        let at = Context { trace: caller.trace, span: SpanId::random() };
        return sampled.then_some((at, Some(caller.span)));
    }
    let mut trace = [0; 16];
    trace[..8].copy_from_slice(&random_u64().max(1).to_be_bytes());
    trace[8..].copy_from_slice(&random_u64().to_be_bytes());
    let at = Context { trace: TraceId(trace), span: SpanId::random() };
    sink.samples(at.trace).then_some((at, None))
}
