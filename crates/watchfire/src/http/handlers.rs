//! One short function a route: read the request, ask the loop, answer.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base::limits;
use domains::ViewName;
use log::Audience;

use super::{App, Problem};
use crate::console::Collections;
use crate::core::answers::{
    Acted, Appended, Digest, EntryAnswer, Ingested, Link, Proposal, Status, WarningNote,
};
use crate::core::charter::{CharterAnswer, CharterFile, CharterQuestion};
use crate::core::correct::CorrectionProposal;
use crate::core::line_check::{LineCheckAnswer, LineCheckOrder};
use crate::core::{Act, Question};
use crate::ingest;

type Answer<T> = Result<Json<T>, Problem>;
type Parameters = Query<BTreeMap<String, String>>;

/// Entries one request may ask for.
const ENTRIES_MAX: u64 = 1_000;

pub(super) async fn status(State(app): State<App>) -> Answer<Status> {
    app.ask(Question::Status).await.map(Json)
}

pub(super) async fn charter(State(app): State<App>) -> Answer<CharterAnswer> {
    app.ask(|reply| Question::Charter(CharterQuestion::Show(reply))).await.map(Json)
}

pub(super) async fn adopt_charter(
    State(app): State<App>,
    headers: HeaderMap,
    file: Result<Json<CharterFile>, JsonRejection>,
) -> Answer<CharterAnswer> {
    app.auth.local_command(&headers, "charters are put in force")?;
    let Json(CharterFile { text }) = file.map_err(|error| bad_json(&error))?;
    let adopt = |reply| Question::Charter(CharterQuestion::Adopt { text, reply });
    app.ask(adopt).await?.map(Json)
}

pub(super) async fn line_check(
    State(app): State<App>,
    order: Result<Json<LineCheckOrder>, JsonRejection>,
) -> Answer<LineCheckAnswer> {
    let Json(order) = order.map_err(|error| bad_json(&error))?;
    app.ask(|reply| Question::CheckLines { order, reply }).await?.map(Json)
}

pub(super) async fn views(State(app): State<App>) -> Answer<Vec<String>> {
    app.ask(Question::Views).await.map(Json)
}

pub(super) async fn picture(
    State(app): State<App>,
    Path(domain): Path<String>,
    Query(query): Parameters,
) -> Answer<Collections> {
    if !domains::domains().iter().any(|known| known.name == domain) {
        let names: Vec<&str> = domains::domains().iter().map(|known| known.name).collect();
        return Err(Problem::not_found(format!(
            "expected a domain out of `{}`, got `{domain}`",
            names.join("`, `")
        )));
    }
    let view = view_of(&query)?;
    app.ask(|reply| Question::Picture { view, domain, reply }).await?.map(Json)
}

pub(super) async fn digest(State(app): State<App>, Query(query): Parameters) -> Answer<Digest> {
    let view = view_of(&query)?;
    let cut = query.get("cut").map(|text| cut_of(text)).transpose()?;
    app.ask(|reply| Question::Digest { view, cut, reply }).await?.map(Json)
}

pub(crate) fn cut_of(text: &str) -> Result<domains::Cut, Problem> {
    text.split(',')
        .map(|pair| {
            let parsed = pair
                .rsplit_once('=')
                .and_then(|(log, size)| Some((log.parse().ok()?, size.parse().ok()?)));
            parsed.ok_or_else(|| {
                Problem::refused(format!("expected `cut` as LOG=SIZE,…, got `{pair}`"))
                    .hint("copy the logs and sizes from `GET /api/v1/status`")
            })
        })
        .collect()
}

pub(super) async fn entries(
    State(app): State<App>,
    Query(query): Parameters,
) -> Answer<Vec<EntryAnswer>> {
    let Some(Ok(log)) = query.get("log").map(|text| text.parse()) else {
        return Err(Problem::refused("expected `log` as a log's name")
            .hint("copy one from `logs` of `GET /api/v1/status`"));
    };
    let number = |name: &str, default: u64| match query.get(name).map(|text| text.parse::<u64>()) {
        None => Ok(default),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(Problem::refused(format!("expected `{name}` as a whole number"))),
    };
    let from = number("from", 0)?;
    let limit = number("limit", 100)?.min(ENTRIES_MAX);
    app.ask(|reply| Question::Entries { log, from, limit, reply }).await.map(Json)
}

pub(super) async fn entry(State(app): State<App>, Path(id): Path<String>) -> Answer<EntryAnswer> {
    let id = id.parse().map_err(|error| Problem::refused(format!("{error}")))?;
    match app.ask(|reply| Question::Entry { id, reply }).await? {
        Some(entry) => Ok(Json(entry)),
        None => Err(Problem::not_found(format!("this node reads no entry `{id}`"))),
    }
}

pub(super) async fn districts() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/geo+json"),
        (header::CACHE_CONTROL, "private, max-age=86400"),
    ];
    (headers, domains::warning::districts().geojson().to_string()).into_response()
}

pub(super) async fn cap(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let xml = app.ask(|reply| Question::Cap { warning: id, reply }).await??;
    Ok(([(header::CONTENT_TYPE, "application/cap+xml")], xml).into_response())
}

pub(super) async fn append(
    State(app): State<App>,
    proposal: Result<Json<Proposal>, JsonRejection>,
) -> Answer<Appended> {
    let Json(proposal) = proposal.map_err(|error| bad_json(&error))?;
    app.ask(|reply| Question::Append { proposal, reply }).await?.map(Json)
}

pub(super) async fn correct(
    State(app): State<App>,
    proposal: Result<Json<CorrectionProposal>, JsonRejection>,
) -> Answer<Acted> {
    let Json(mut proposal) = proposal.map_err(|error| bad_json(&error))?;
    proposal.entries.sort_unstable();
    proposal.entries.dedup();
    if proposal.entries.len() > domains::correction::CITED_MAX {
        return Err(Problem::refused(format!(
            "expected at most {} entries, got {}",
            domains::correction::CITED_MAX,
            proposal.entries.len()
        ))
        .hint("recall them in several acts"));
    }
    let mut cited = Vec::new();
    for id in proposal.entries.clone() {
        let found = app.ask(|reply| Question::Fact { id, reply }).await?;
        cited.push(found.ok_or_else(|| {
            Problem::not_found(format!("this node reads no entry `{id}`")).hint(
                "copy an entry's id from an append, an alert's evidence or `GET /api/v1/entries`",
            )
        })?);
    }
    app.ask(|reply| Question::Correct { proposal, cited, reply }).await?.map(Json)
}

pub(super) fn bad_json(error: &JsonRejection) -> Problem {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large(limits::HTTP_BODY_BYTES_MAX);
    }
    Problem::refused(error.body_text()).hint("see the request's schema in `/openapi.json`")
}

pub(super) async fn reports(
    State(app): State<App>,
    Query(query): Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Ingested> {
    let audience = audience_of(&query)?;
    let body = body.map_err(|_| Problem::too_large(limits::HTTP_BODY_BYTES_MAX))?;
    let feed = ingest::from_lines(&body)
        .map_err(|error| Problem::refused(error.to_string()).hint(error.hint()))?;
    ingest(&app, feed, audience).await
}

pub(super) async fn asterix(
    State(app): State<App>,
    Query(query): Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Ingested> {
    let audience = audience_of(&query)?;
    let body = body.map_err(|_| Problem::too_large(limits::HTTP_BODY_BYTES_MAX))?;
    let now = app.ask(Question::Now).await?;
    let partner = app.ask(Question::Partner).await?;
    let feed = ingest::from_asterix(&body, now, partner, &app.radars);
    ingest(&app, feed, audience).await
}

async fn ingest(app: &App, mut feed: ingest::Feed, audience: Option<Audience>) -> Answer<Ingested> {
    let now = app.ask(Question::Now).await?;
    let partner = app.ask(Question::Partner).await?;
    feed.keep_usable(now, partner);
    let plots = feed.plots();
    let skipped = feed.skipped.clone();
    let scans = feed.scans;
    let entries = app.ask(|reply| Question::Scans { scans, audience, reply }).await??;
    Ok(Json(Ingested { appended: entries.len() as u64, entries, plots, skipped }))
}

fn audience_of(query: &BTreeMap<String, String>) -> Result<Option<Audience>, Problem> {
    query
        .get("audience")
        .map(|text| text.replace(' ', "+").parse::<Audience>())
        .transpose()
        .map_err(|error| Problem::refused(error.to_string()))
}

/// The view asked for; a `+` that a client left unescaped has become a space.
pub(super) fn view_of(query: &BTreeMap<String, String>) -> Result<ViewName, Problem> {
    let text = query.get("view").map_or("own", String::as_str).replace(' ', "+");
    text.parse().map_err(|error: <ViewName as std::str::FromStr>::Err| {
        Problem::refused(error.to_string()).hint("`GET /api/v1/views` lists the views")
    })
}

type Note = Result<Json<WarningNote>, JsonRejection>;

pub(super) async fn release(
    app: State<App>,
    id: Path<String>,
    headers: HeaderMap,
    note: Note,
) -> Answer<Acted> {
    act(app, id, Act::Release, &headers, note).await
}

pub(super) async fn update(
    app: State<App>,
    id: Path<String>,
    headers: HeaderMap,
    note: Note,
) -> Answer<Acted> {
    act(app, id, Act::Update, &headers, note).await
}

pub(super) async fn cancel(
    app: State<App>,
    id: Path<String>,
    headers: HeaderMap,
    note: Note,
) -> Answer<Acted> {
    act(app, id, Act::Cancel, &headers, note).await
}

async fn act(
    State(app): State<App>,
    Path(warning): Path<String>,
    act: Act,
    headers: &HeaderMap,
    note: Note,
) -> Answer<Acted> {
    let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
    let note = match note {
        Ok(Json(note)) => note,
        Err(_) if empty => WarningNote::default(),
        Err(error) => return Err(bad_json(&error)),
    };
    app.ask(|reply| Question::Act { warning, act, note, reply }).await?.map(Json)
}

pub(super) async fn link(State(app): State<App>, headers: HeaderMap) -> Answer<Link> {
    app.auth.local_command(&headers, "links are made")?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    Ok(Json(Link { url: format!("http://{host}/login?token={}", app.auth.link()) }))
}
