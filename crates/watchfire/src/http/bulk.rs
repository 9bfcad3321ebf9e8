//! Many statements of one kind in one request; see [`crate::core::bulk`] for the body's layout.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use base::limits;

use super::{App, Problem};
use crate::core::Question;
use crate::core::answers::BulkAppended;
use crate::core::bulk::{BulkForm, BulkHeading, BulkProposal};

pub(super) async fn append_bulk(
    State(app): State<App>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAppended>, Problem> {
    let body = body.map_err(|_| Problem::too_large(limits::HTTP_BODY_BYTES_MAX))?;
    let form = form_of(&headers)?;
    let heading = heading_of(&query)?;
    // Megabytes of JSON are read off the threads that serve sockets.
    let read = move || BulkProposal::read(&heading, form, &body);
    let bulk = tokio::task::spawn_blocking(read).await.map_err(|_| Problem::stopping())??;
    app.ask(|reply| Question::Bulk { bulk, reply }).await?.map(Json)
}

fn form_of(headers: &HeaderMap) -> Result<BulkForm, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/jsonl" | "application/x-ndjson" => Ok(BulkForm::JsonLines),
        "application/octet-stream" => Ok(BulkForm::Binary),
        other => Err(Problem::refused(format!(
            "expected content type `application/jsonl` or `application/octet-stream`, got `{other}`"
        ))),
    }
}

fn heading_of(query: &BTreeMap<String, String>) -> Result<BulkHeading, Problem> {
    let text = |name: &str| query.get(name).cloned();
    let timeout_ms = text("timeout_ms")
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| Problem::refused("expected `timeout_ms` as a whole number of milliseconds"))?;
    Ok(BulkHeading {
        kind: text("kind").unwrap_or_default(),
        audience: text("audience"),
        precedence: text("precedence"),
        level: text("level"),
        timeout_ms,
    })
}
