//! For the local commands `watchfire bundle export` and `import`; see [`crate::core::carry`].

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use base::{NodeId, limits};
use sync::Since;

use super::handlers::bad_json;
use super::{App, Problem};
use crate::core::Question;
use crate::core::carry::{self, CarriedAnswer, CarriedFrames, Carry, ExportedNote, Plan};

type Parameters = Query<BTreeMap<String, String>>;
type Answer<T> = Result<Json<T>, Problem>;

/// Frames are verified whoever brings them; what a bundle says of itself only its reader has verified.
fn local_command(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    app.auth.local_command(headers, "bundles are made and read")
}

fn node_of(query: &BTreeMap<String, String>, name: &str) -> Result<NodeId, Problem> {
    let text = query.get(name).map_or("", String::as_str);
    text.parse().map_err(|error: base::Error| Problem::refused(format!("`{name}`: {error}")))
}

pub(super) async fn plan(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Parameters,
) -> Answer<Plan> {
    local_command(&app, &headers)?;
    let to = node_of(&query, "to")?;
    let since = match query.get("since").map(String::as_str) {
        None | Some("acknowledged") => Since::Acknowledged,
        Some("exported") => Since::Exported,
        Some("start") => Since::Start,
        Some(other) => {
            return Err(Problem::refused(format!(
                "expected `acknowledged`, `exported` or `start`, got `{other}`"
            )));
        }
    };
    app.ask(|reply| Question::Carry(Carry::Plan { to, since, reply })).await?.map(Json)
}

pub(super) async fn exported(
    State(app): State<App>,
    headers: HeaderMap,
    note: Result<Json<ExportedNote>, JsonRejection>,
) -> Answer<ExportedNote> {
    local_command(&app, &headers)?;
    let Json(note) = note.map_err(|error| bad_json(&error))?;
    let ExportedNote { to, number } = note;
    app.ask(|reply| Question::Carry(Carry::Exported { to, number, reply })).await??;
    Ok(Json(note))
}

pub(super) async fn frames(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Answer<CarriedAnswer> {
    local_command(&app, &headers)?;
    let body = body.map_err(|_| Problem::too_large(limits::HTTP_BODY_BYTES_MAX))?;
    let number = query.get("number").and_then(|text| text.parse().ok()).ok_or_else(|| {
        Problem::refused("expected `number` as the number of a bundle, got another or none")
    })?;
    let from = node_of(&query, "from")?;
    let last = query.get("last").is_some_and(|text| text == "true");
    let frames = CarriedFrames { from, number, last, frames: carry::read_frames(&body)? };
    app.ask(|reply| Question::Carry(Carry::Frames { frames, reply })).await?.map(Json)
}
