//! Checkpoints, cosignatures and tiles for outside auditors, read-only over HTTP(S).
//!
//! Off unless the configuration has a section `audit`. Nobody logs in: what is served are hashes and
//! signatures, in C2SP form (`tlog-checkpoint`, `tlog-cosignature`, `tlog-tiles`), each log under the
//! path that is its origin line:
//!
//! ```text
//! /                                    which logs there are, as JSON
//! /watchfire/REALM/NODE/LANE/INCARNATION/checkpoint        the signed note, cosignatures included
//! /watchfire/REALM/NODE/LANE/INCARNATION/tile/L/N[.p/W]    hashes; these never change
//! ```
//!
//! Entries (`tile/entries/…`) are never served: an auditor belongs to no audience, and even a header says
//! to whom something was urgent. Who is handed an entry finds its leaf hash in the tiles. A partner's log
//! has tiles here as far as this node may read it; its own node serves all of them.
//!
//! Bounds: connections, requests a second by address, bytes of a path, tiles kept in memory, and the
//! work one request may cause. A client over its rate is told when to come back.

mod fetch;
mod listener;
mod rate;
mod state;
mod tiles;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base::NodeId;
use log::{Charter, CosignedCheckpoint, LogId, StoreReadExt, Tile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use self::fetch::{Fetched, Fetcher, trust};
use self::listener::{AuditListener, Peer};
use self::rate::Rates;
pub(crate) use self::state::{Evidence, Memory};
use self::tiles::{Served, Tiles};
use crate::config;
use crate::core::Question;
use crate::core::explain::Explain;
use crate::error::Error;
use crate::http::Problem;
use crate::store::Reader;

/// Bytes of a request's path; the longest log's longest tile has fewer.
const PATH_BYTES_MAX: usize = 512;
/// Seconds for which a tile may be kept by whoever fetched it: it never changes.
const TILE_CACHE: &str = "public, max-age=31536000, immutable";
/// A checkpoint changes with the next batch.
const CHECKPOINT_CACHE: &str = "no-cache";

/// Which logs a node serves to auditors.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Index {
    /// The node that serves.
    pub(crate) node: NodeId,
    /// Its realm.
    pub(crate) realm: String,
    /// The charter's edition.
    pub(crate) charter_edition: u32,
    /// The charter's fingerprint, to compare with the auditor's copy.
    pub(crate) charter: String,
    /// The logs.
    pub(crate) logs: Vec<IndexLog>,
}

/// One log.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IndexLog {
    /// The origin line, which is also the path.
    pub(crate) origin: String,
    /// Entries held here.
    pub(crate) size: u64,
    /// Whether this node wrote it and so has every tile.
    pub(crate) own: bool,
}

#[derive(Clone)]
struct App {
    me: NodeId,
    store: Reader,
    tiles: Arc<Tiles>,
    rates: Arc<Rates>,
    questions: mpsc::Sender<Question>,
}

/// Listens as configured until `stop` changes.
pub(crate) async fn start(
    config: &config::Audit,
    me: NodeId,
    store: Reader,
    questions: mpsc::Sender<Question>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let listener = AuditListener::open(config).await?;
    let app = App {
        me,
        store,
        tiles: Arc::new(Tiles::default()),
        rates: Arc::new(Rates::new(config.requests_per_s)),
        questions,
    };
    let router = Router::new()
        .fallback(answer)
        .layer(middleware::from_fn_with_state(app.clone(), limit))
        .with_state(app)
        .into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move {
            stop.changed().await.ok();
        });
        if let Err(error) = served.await {
            tracing::error!(%error, "auditors are no longer served");
        }
    });
    Ok(())
}

/// Turns away what is too long, not a read, or too often.
async fn limit(
    State(app): State<App>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let refuse = |status: StatusCode, message: &'static str| {
        (status, format!("{message}\n")).into_response()
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "expected GET: nothing is written here");
    }
    if request.uri().path().len() > PATH_BYTES_MAX {
        return refuse(StatusCode::URI_TOO_LONG, "expected a path of at most 512 bytes");
    }
    if let Err(wait) = app.rates.take(peer.ip(), crate::clock::instant()) {
        return later(StatusCode::TOO_MANY_REQUESTS, wait, "too many requests from this address");
    }
    next.run(request).await
}

fn later(status: StatusCode, wait_s: u64, message: &str) -> Response {
    let headers = [(header::RETRY_AFTER, wait_s.to_string())];
    (status, headers, format!("{message}; come back in {wait_s} s\n")).into_response()
}

fn missing(message: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("{message}\n")).into_response()
}

/// What a path asks for.
#[derive(Debug, PartialEq)]
enum Wanted {
    Index,
    Checkpoint(LogId),
    Tile(LogId, Tile),
    Entries,
}

fn wanted(path: &str, charter: &Charter) -> Option<Wanted> {
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some(Wanted::Index);
    }
    let (origin, rest) = match path.split_once("/tile/") {
        Some((origin, rest)) => (origin, Some(rest)),
        None => (path.strip_suffix("/checkpoint")?, None),
    };
    let (realm, log) = LogId::from_origin(origin).ok()?;
    if realm != *charter.realm() {
        return None;
    }
    match rest {
        None => Some(Wanted::Checkpoint(log)),
        Some(rest) if rest.starts_with("entries/") => Some(Wanted::Entries),
        Some(rest) => Some(Wanted::Tile(log, Tile::parse(&format!("tile/{rest}")).ok()?)),
    }
}

async fn answer(State(app): State<App>, request: Request) -> Response {
    match respond(&app, request.uri().path()).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn respond(app: &App, path: &str) -> Result<Response, Problem> {
    let (reply, charter) = oneshot::channel();
    let question = Question::Explain(Explain::Charter(reply));
    app.questions.send(question).await.map_err(|_| Problem::stopping())?;
    let charter = charter.await.map_err(|_| Problem::stopping())?;
    let Some(wanted) = wanted(path, &charter) else {
        return Ok(missing("expected `/`, or the path of a log of this realm, as `/` lists them"));
    };
    match wanted {
        Wanted::Index => index(app, charter).await,
        Wanted::Checkpoint(log) => checkpoint(app, charter, log).await,
        Wanted::Tile(log, tile) => serve_tile(app, log, tile).await,
        Wanted::Entries => Ok(missing(
            "entries are not served to auditors: tiles hold their leaf hashes, and whoever may read \
             an entry finds it there",
        )),
    }
}

async fn index(app: &App, charter: Arc<Charter>) -> Result<Response, Problem> {
    let heads = app.store.read(|store| store.heads()).await?;
    let logs = heads.iter().filter(|head| head.size() > 0).map(|head| IndexLog {
        origin: head.log.origin(charter.realm()),
        size: head.size(),
        own: head.log.node == app.me,
    });
    let index = Index {
        node: app.me,
        realm: charter.realm().to_string(),
        charter_edition: charter.edition(),
        charter: charter.fingerprint().to_string(),
        logs: logs.collect(),
    };
    Ok(([(header::CACHE_CONTROL, CHECKPOINT_CACHE)], Json(index)).into_response())
}

async fn checkpoint(app: &App, charter: Arc<Charter>, log: LogId) -> Result<Response, Problem> {
    let read = move |store: &dyn log::StoreRead| {
        let newest = CosignedCheckpoint::newest(store, &log, &charter)?;
        newest.map(|newest| newest.to_note(&charter)).transpose()
    };
    let Some(note) = app.store.read(read).await? else {
        return Ok(missing("this node holds nothing of that log"));
    };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, CHECKPOINT_CACHE),
    ];
    Ok((headers, note).into_response())
}

async fn serve_tile(app: &App, log: LogId, tile: Tile) -> Result<Response, Problem> {
    let tiles = Arc::clone(&app.tiles);
    let served = app.store.read(move |store| tiles.serve(store, log, tile)).await?;
    Ok(match served {
        Served::Tile(content) => {
            let mut headers = HeaderMap::new();
            let kind = HeaderValue::from_static("application/octet-stream");
            headers.insert(header::CONTENT_TYPE, kind);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(TILE_CACHE));
            (headers, content.to_vec()).into_response()
        }
        Served::Beyond => missing("the log has no such tile yet"),
        Served::Hidden => missing(
            "this node may not read all of that part of the log, so it has no such tile; the node \
             that wrote the log serves it",
        ),
        Served::Working => {
            let message = "the tiles below are being read";
            later(StatusCode::SERVICE_UNAVAILABLE, 1, message)
        }
    })
}

/// The address a rate is counted for: all of one IPv6 customer's network is one client.
fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            let network = std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            address.to_ipv4_mapped().map_or(IpAddr::V6(network), IpAddr::V4)
        }
    }
}
