//! The one list of routes: the router and the `OpenAPI` document are both made from it.

use axum::routing::{MethodRouter, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{App, bulk, bundles, explain, handlers};
use crate::console::Collections;
use crate::core::answers::{
    Acted, Appended, BulkAppended, Digest, EntryAnswer, Ingested, Link, Proposal, Status,
    WarningNote,
};
use crate::core::carry::{CarriedAnswer, ExportedNote, Plan};
use crate::core::charter::{CharterAnswer, CharterFile};
use crate::core::correct::CorrectionProposal;
use crate::core::explain::{EntryReceipts, Preview, WhyAnswer};
use crate::core::line_check::{LineCheckAnswer, LineCheckOrder};

/// What a body is made of.
pub(super) enum Body {
    /// JSON of this schema.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Text or bytes of this media type.
    Text(&'static str),
}

impl Body {
    fn json<T: JsonSchema>() -> Self {
        Self::Json(SchemaGenerator::subschema_for::<T>)
    }
}

/// One route.
pub(super) struct Route {
    /// Lower-case HTTP method.
    pub(super) method: &'static str,
    /// Path with `{placeholders}`.
    pub(super) path: &'static str,
    /// Unique name.
    pub(super) name: &'static str,
    /// Part of the API it belongs to.
    pub(super) tag: &'static str,
    /// One sentence.
    pub(super) summary: &'static str,
    /// Query parameters: name and meaning.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// What is sent, if anything.
    pub(super) request: Option<Body>,
    /// What comes back.
    pub(super) response: Body,
    /// What does it.
    pub(super) handler: MethodRouter<App>,
}

const VIEW: (&str, &str) = ("view", "own, or an audience such as JPN+KOR+USA");

/// What a bulk append says of all its statements.
const BULK_QUERY: &[(&str, &str)] = &[
    ("kind", "the kind of every statement"),
    ("audience", "who may read them; all partners if absent"),
    ("precedence", "flash, immediate, priority or routine; the kind's own if absent"),
    ("level", "local, partners(K) or all, for all of them; local if absent"),
    ("timeout_ms", "how long to wait for the level; 10000 if absent"),
];

/// Every guarded route but the stream.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = reading();
    routes.extend(writing());
    routes.extend(acting());
    routes.extend(explaining());
    routes.extend(chartering());
    routes.extend(carrying());
    routes
}

fn reading() -> Vec<Route> {
    let read = |path, name, tag, summary, query, response, handler| Route {
        method: "get",
        path,
        name,
        tag,
        summary,
        query,
        request: None,
        response,
        handler,
    };
    vec![
        read(
            "/api/v1/status",
            "status",
            "node",
            "What the node is, its lines, logs and receipts",
            &[],
            Body::json::<Status>(),
            get(handlers::status),
        ),
        read(
            "/api/v1/views",
            "views",
            "node",
            "The views this node folds",
            &[],
            Body::json::<Vec<String>>(),
            get(handlers::views),
        ),
        read(
            "/api/v1/picture/{domain}",
            "picture",
            "pictures",
            "One domain's picture in a view",
            &[VIEW],
            Body::json::<Collections>(),
            get(handlers::picture),
        ),
        read(
            "/api/v1/digest",
            "digest",
            "pictures",
            "The digest of a view at a cut",
            &[VIEW, ("cut", "log=size pairs separated by commas; all held entries if absent")],
            Body::json::<Digest>(),
            get(handlers::digest),
        ),
        read(
            "/api/v1/entries",
            "entries",
            "log",
            "Readable entries of a log",
            &[
                ("log", "the log's name"),
                ("from", "first index, 0 if absent"),
                ("limit", "at most 1000, 100 if absent"),
            ],
            Body::json::<Vec<EntryAnswer>>(),
            get(handlers::entries),
        ),
        read(
            "/api/v1/entries/{id}",
            "entry",
            "log",
            "One readable entry, and who holds it",
            &[],
            Body::json::<EntryAnswer>(),
            get(handlers::entry),
        ),
        read(
            "/api/v1/districts",
            "districts",
            "warning",
            "The districts warnings name, as GeoJSON",
            &[],
            Body::Text("application/geo+json"),
            get(handlers::districts),
        ),
        read(
            "/api/v1/warnings/{id}/cap",
            "warning_cap",
            "warning",
            "A warning as CAP 1.2",
            &[],
            Body::Text("application/cap+xml"),
            get(handlers::cap),
        ),
    ]
}

fn writing() -> Vec<Route> {
    let write = |path, name, tag, summary, query, request, response, handler| Route {
        method: "post",
        path,
        name,
        tag,
        summary,
        query,
        request,
        response,
        handler,
    };
    vec![
        write(
            "/api/v1/entries",
            "append",
            "log",
            "Append a statement of a registered kind",
            &[],
            Some(Body::json::<Proposal>()),
            Body::json::<Appended>(),
            post(handlers::append),
        ),
        write(
            "/api/v1/entries/bulk",
            "append_bulk",
            "log",
            "Append many statements of one kind, one JSON content a line, all or none",
            BULK_QUERY,
            Some(Body::Text("application/jsonl")),
            Body::json::<BulkAppended>(),
            post(bulk::append_bulk),
        ),
        write(
            "/api/v1/reports",
            "reports",
            "track",
            "Append sensor scans given as the lines of a scenario file",
            &[("audience", "who may read them; all partners if absent")],
            Some(Body::Text("application/jsonl")),
            Body::json::<Ingested>(),
            post(handlers::reports),
        ),
        write(
            "/api/v1/asterix",
            "asterix",
            "track",
            "Append target reports given as ASTERIX or a capture of it",
            &[("audience", "who may read them; all partners if absent")],
            Some(Body::Text("application/octet-stream")),
            Body::json::<Ingested>(),
            post(handlers::asterix),
        ),
        write(
            "/api/v1/links",
            "link",
            "node",
            "A new one-time log-in link; for local commands",
            &[],
            None,
            Body::json::<Link>(),
            post(handlers::link),
        ),
    ]
}

/// What officers do, in the name of the officer whose key the node holds.
fn acting() -> Vec<Route> {
    let act = |path, name, tag, summary, request, handler| Route {
        method: "post",
        path,
        name,
        tag,
        summary,
        query: &[],
        request: Some(request),
        response: Body::json::<Acted>(),
        handler,
    };
    let note = Body::json::<WarningNote>;
    vec![
        act(
            "/api/v1/warnings/{id}/release",
            "warning_release",
            "warning",
            "Release a drafted warning",
            note(),
            post(handlers::release),
        ),
        act(
            "/api/v1/warnings/{id}/update",
            "warning_update",
            "warning",
            "Release the drafted update of a warning",
            note(),
            post(handlers::update),
        ),
        act(
            "/api/v1/warnings/{id}/cancel",
            "warning_cancel",
            "warning",
            "Cancel a warning",
            note(),
            post(handlers::cancel),
        ),
        act(
            "/api/v1/corrections",
            "correct",
            "log",
            "Recall, correct or supersede entries of the partner's own nodes, as this node's officer",
            Body::json::<CorrectionProposal>(),
            post(handlers::correct),
        ),
    ]
}

fn explaining() -> Vec<Route> {
    let route = |method, path, name, tag, summary, request, response, handler| Route {
        method,
        path,
        name,
        tag,
        summary,
        query: &[],
        request,
        response,
        handler,
    };
    vec![
        route(
            "get",
            "/api/v1/entries/{id}/receipts",
            "entry_receipts",
            "log",
            "Who held an entry, and when",
            None,
            Body::json::<EntryReceipts>(),
            get(explain::receipts),
        ),
        route(
            "get",
            "/api/v1/entries/{id}/why/{partner}",
            "entry_why",
            "log",
            "Why a partner has or has not got an entry",
            None,
            Body::json::<WhyAnswer>(),
            get(explain::why),
        ),
        route(
            "post",
            "/api/v1/line-check",
            "line_check",
            "node",
            "Test lines with real entries that nobody folds; answered when the test is over",
            Some(Body::json::<LineCheckOrder>()),
            Body::json::<LineCheckAnswer>(),
            post(handlers::line_check),
        ),
        route(
            "post",
            "/api/v1/preview",
            "preview",
            "log",
            "What appending a statement would send to whom; nothing is appended",
            Some(Body::json::<Proposal>()),
            Body::json::<Preview>(),
            post(explain::preview),
        ),
        route(
            "post",
            "/api/v1/warnings/{id}/preview/{act}",
            "warning_preview",
            "warning",
            "What an officer's `release`, `update` or `cancel` would send to whom; nothing is done",
            Some(Body::json::<WarningNote>()),
            Body::json::<Preview>(),
            post(explain::preview_act),
        ),
    ]
}

fn chartering() -> Vec<Route> {
    let route = |method, name, summary, request, handler| Route {
        method,
        path: "/api/v1/charter",
        name,
        tag: "node",
        summary,
        query: &[],
        request,
        response: Body::json::<CharterAnswer>(),
        handler,
    };
    vec![
        route(
            "get",
            "charter",
            "The charter in force, here and at other nodes",
            None,
            get(handlers::charter),
        ),
        route(
            "post",
            "charter_adopt",
            "Put a newer charter or roster in force; for local commands",
            Some(Body::json::<CharterFile>()),
            post(handlers::adopt_charter),
        ),
    ]
}

fn carrying() -> Vec<Route> {
    let route = |method, path, name, summary, query, request, response, handler| Route {
        method,
        path,
        name,
        tag: "bundles",
        summary,
        query,
        request,
        response,
        handler,
    };
    vec![
        route(
            "get",
            "/api/v1/bundles/plan",
            "bundle_plan",
            "What the next bundle for a node is made of; for local commands",
            &[
                ("to", "the node it is for"),
                ("since", "acknowledged (if absent), exported or start: where logs begin in it"),
            ],
            None,
            Body::json::<Plan>(),
            get(bundles::plan),
        ),
        route(
            "post",
            "/api/v1/bundles/exported",
            "bundle_exported",
            "The bundle that was planned last is whole and on a disk; for local commands",
            &[],
            Some(Body::json::<ExportedNote>()),
            Body::json::<ExportedNote>(),
            post(bundles::exported),
        ),
        route(
            "post",
            "/api/v1/bundles/frames",
            "bundle_frames",
            "Frames of a bundle that was read to its signed end; for local commands",
            &[
                ("from", "the node that made the bundle"),
                ("number", "the bundle's number"),
                ("last", "true with the last frames of it"),
            ],
            Some(Body::Text("application/octet-stream")),
            Body::json::<CarriedAnswer>(),
            post(bundles::frames),
        ),
    ]
}

/// The names in a path's braces.
pub(super) fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
