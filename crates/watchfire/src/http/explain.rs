//! Receipts of an entry, why a partner has or has not got it, and previews of what is not done yet.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use base::PartnerId;
use log::{EntryId, entry_header};

use super::handlers::bad_json;
use super::{App, Problem};
use crate::core::answers::{Proposal, WarningNote};
use crate::core::explain::{self, EntryReceipts, Explain, Planned, Preview, WhyAnswer};
use crate::core::{Act, Question};

type Answer<T> = Result<Json<T>, Problem>;

fn entry_of(text: &str) -> Result<EntryId, Problem> {
    text.parse().map_err(|error: log::Error| {
        Problem::refused(error.to_string())
            .hint("copy an entry's id from an append, an alert's evidence or `GET /api/v1/entries`")
    })
}

fn unknown(id: &EntryId) -> Problem {
    Problem::not_found(format!("this node holds no entry `{id}`"))
        .hint("compare its number with the sizes of `logs` in `GET /api/v1/status`")
}

pub(super) async fn receipts(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<EntryReceipts> {
    let id = entry_of(&id)?;
    let charter = app.ask(|reply| Question::Explain(Explain::Charter(reply))).await?;
    let me = app.me;
    let found = app.store.read(move |store| explain::receipts(store, &charter, me, id)).await?;
    found.map(Json).ok_or_else(|| unknown(&id))
}

pub(super) async fn why(
    State(app): State<App>,
    Path((id, partner)): Path<(String, String)>,
) -> Answer<WhyAnswer> {
    let entry = entry_of(&id)?;
    let partner: PartnerId =
        partner.parse().map_err(|error: base::Error| Problem::refused(error.to_string()))?;
    let charter = app.ask(|reply| Question::Explain(Explain::Charter(reply))).await?;
    let known = charter.agreement().partners.keys();
    if !charter.agreement().partners.contains_key(&partner) {
        let names: Vec<&str> = known.map(PartnerId::as_str).collect();
        return Err(Problem::not_found(format!(
            "expected a partner out of `{}`, got `{partner}`",
            names.join("`, `")
        )));
    }
    let header = app.store.read(move |store| entry_header(store, &entry)).await?;
    let audience = header.ok_or_else(|| unknown(&entry))?.audience;
    let found = app
        .ask(|reply| Question::Explain(Explain::Why { entry, audience, partner, reply }))
        .await?;
    app.store.read(move |store| explain::why(store, &found)).await.map(Json)
}

pub(super) async fn preview(
    State(app): State<App>,
    proposal: Result<Json<Proposal>, JsonRejection>,
) -> Answer<Preview> {
    let Json(proposal) = proposal.map_err(|error| bad_json(&error))?;
    let planned =
        app.ask(|reply| Question::Explain(Explain::Preview { proposal, reply })).await??;
    shown(&app, planned).await
}

/// What an officer's act would send; `act` is `release`, `update` or `cancel`.
pub(super) async fn preview_act(
    State(app): State<App>,
    Path((warning, act)): Path<(String, String)>,
    note: Result<Json<WarningNote>, JsonRejection>,
) -> Answer<Preview> {
    let act = match act.as_str() {
        "release" => Act::Release,
        "update" => Act::Update,
        "cancel" => Act::Cancel,
        other => {
            return Err(Problem::not_found(format!(
                "expected `release`, `update` or `cancel`, got `{other}`"
            )));
        }
    };
    let Json(note) = note.map_err(|error| bad_json(&error))?;
    let question = |reply| Question::Explain(Explain::PreviewAct { warning, act, note, reply });
    let planned = app.ask(question).await??;
    shown(&app, planned).await
}

async fn shown(app: &App, planned: Planned) -> Answer<Preview> {
    app.store.read(move |store| explain::preview(store, &planned)).await.map(Json)
}
