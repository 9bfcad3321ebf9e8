//! The console's and integrators' way in: JSON over HTTP, server-sent events, Prometheus.
//!
//! Start here: [`routes::routes`] is the one list from which the router and the `OpenAPI` document
//! are made. Every request becomes a [`Question`] to the loop; nothing here holds state of its own
//! but sessions.

mod assets;
mod auth;
mod bulk;
mod bundles;
mod explain;
mod handlers;
mod metrics;
pub(crate) mod openapi;
mod problem;
mod routes;
mod stream;
mod traced;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use base::{NodeId, limits};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::RadarSite;
use crate::core::Question;
use crate::error::Error;
use crate::heartbeat::Beats;
use crate::store::Reader;
use crate::telemetry::Sink;

pub(crate) use assets::present as console_present;
pub(crate) use auth::{Auth, random_token};
pub(crate) use handlers::cut_of;
pub(crate) use problem::Problem;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) auth: Arc<Auth>,
    pub(crate) questions: mpsc::Sender<Question>,
    pub(crate) radars: Arc<Vec<RadarSite>>,
    pub(crate) me: NodeId,
    pub(crate) store: Reader,
    /// What became of heartbeats, if the node beats.
    pub(crate) beats: Option<Arc<Beats>>,
    /// Where spans of requests go, if anywhere.
    pub(crate) traces: Option<Sink>,
}

impl App {
    /// Asks the loop and waits for its answer.
    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let question = match traced::current() {
            Some(request) => Question::Traced { request, question: Box::new(question(reply)) },
            None => question(reply),
        };
        self.questions.send(question).await.map_err(|_| Problem::stopping())?;
        answer.await.map_err(|_| Problem::stopping())
    }
}

/// The whole router.
pub(crate) fn router(app: App) -> Router {
    let mut guarded = Router::new();
    for route in routes::routes() {
        guarded = guarded.route(route.path, route.handler);
    }
    let guarded = guarded
        .route("/api/v1/stream", get(stream::stream))
        .route("/api/v1/logout", post(auth::logout))
        .layer(DefaultBodyLimit::max(limits::HTTP_BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), auth::guard))
        .layer(middleware::from_fn_with_state(app.clone(), traced::trace));
    Router::new()
        .merge(guarded)
        .route("/login", get(auth::login))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/openapi.json", get(|| async { axum::Json(openapi::document()) }))
        .route("/metrics", get(metrics::metrics))
        .route("/", get(assets::index))
        .route("/{*path}", get(assets::asset))
        .with_state(app)
}

/// Serves until `stop` changes.
pub(crate) async fn serve(
    listener: TcpListener,
    app: App,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let address = listener.local_addr().map(|a| a.to_string()).unwrap_or_default();
    axum::serve(listener, router(app))
        .with_graceful_shutdown(async move {
            stop.changed().await.ok();
        })
        .await
        .map_err(|source| Error::Listen { what: "the console", address, source })
}
