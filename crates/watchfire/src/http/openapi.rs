//! The `OpenAPI` 3.1 document, made from the route list and the registry.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Problem;
use super::routes::{self, Body, Route};
use crate::console::{Delta, Snapshot};
use crate::core::correct::CorrectionItem;
use crate::core::items::{FindingItem, INCOMPLETE_COLLECTION, IncompleteItem, LineItem, NodeItem};

/// The document: routes, then one picture path a domain, its collections and its kinds.
pub(crate) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    // An answer has every field, if only as null; what is sent may leave out what has a default.
    let mut answers = settings.clone().for_serialize().into_generator();
    let mut requests = settings.for_deserialize().into_generator();
    let mut paths = Map::new();
    for route in routes::routes() {
        add(&mut paths, &route, &mut answers, &mut requests);
    }
    paths.insert("/api/v1/stream".to_owned(), stream_path(&mut answers));
    let mut listed = Vec::new();
    for domain in domains::domains() {
        let (path, entry) = domain_path(&domain, &mut answers);
        paths.insert(path, entry);
        listed.push(domain_entry(&domain));
    }
    let kinds: Map<String, Value> = domains::kinds()
        .iter()
        .map(|kind| {
            let entry = json!({
                "edition": kind.edition,
                "summary": kind.summary,
                "precedence": kind.precedence.as_str(),
                "schema": (kind.schema)(&mut requests),
            });
            (kind.name.to_owned(), entry)
        })
        .collect();
    for schema in [
        answers.subschema_for::<NodeItem>(),
        answers.subschema_for::<LineItem>(),
        answers.subschema_for::<FindingItem>(),
        answers.subschema_for::<CorrectionItem>(),
    ] {
        drop(schema);
    }
    let mut schemas = answers.take_definitions(true);
    // What both directions use is described as it may be sent: the wider of the two.
    schemas.extend(requests.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Watchfire node",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Early warning and consultation between partners. Errors are RFC 9457 problems.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "session": [] }, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "watchfire_session" },
                "token": { "type": "http", "scheme": "bearer" },
            },
        },
        "x-watchfire-domains": listed,
        "x-watchfire-kinds": kinds,
    })
}

fn domain_entry(domain: &domains::Capabilities) -> Value {
    let own = |name: &str| name.split('.').next() == Some(domain.name);
    let collections: Vec<Value> = domains::collections()
        .iter()
        .filter(|collection| own(collection.name))
        .map(|collection| json!({ "name": collection.name, "title": collection.title }))
        .collect();
    json!({ "name": domain.name, "title": domain.title, "collections": collections })
}

fn domain_path(domain: &domains::Capabilities, generator: &mut SchemaGenerator) -> (String, Value) {
    let mut properties = Map::new();
    for collection in domains::collections() {
        if collection.name.split('.').next() == Some(domain.name) {
            let item = (collection.schema)(generator);
            properties.insert(
                collection.name.to_owned(),
                json!({ "type": "object", "description": collection.title, "additionalProperties": item }),
            );
        }
    }
    let item = generator.subschema_for::<IncompleteItem>();
    properties.insert(
        INCOMPLETE_COLLECTION.to_owned(),
        json!({
            "type": "object", "additionalProperties": item,
            "description": "Logs of the view of which something is missing: not empty while the picture is incomplete",
        }),
    );
    let entry = json!({
        "get": {
            "operationId": format!("picture_{}", domain.name),
            "summary": format!("{}: the picture in a view", domain.title),
            "tags": [domain.name],
            "parameters": [parameter("view", "query", "own, or an audience such as JPN+KOR+USA")],
            "responses": responses(&json!({ "type": "object", "properties": properties }), "application/json", generator),
        }
    });
    (format!("/api/v1/picture/{}", domain.name), entry)
}

fn stream_path(generator: &mut SchemaGenerator) -> Value {
    let (snapshot, delta) =
        (generator.subschema_for::<Snapshot>(), generator.subschema_for::<Delta>());
    json!({
        "get": {
            "operationId": "stream",
            "summary": "Server-sent events: `snapshot`, then `delta`s in order, `heartbeat` every second; resume by Last-Event-ID",
            "tags": ["console"],
            "parameters": [
                parameter("view", "query", "own, or an audience such as JPN+KOR+USA"),
                parameter("Last-Event-ID", "header", "the id of the last event seen"),
            ],
            "responses": responses(&json!({ "anyOf": [snapshot, delta] }), "text/event-stream", generator),
        }
    })
}

fn parameter(name: &str, place: &str, description: &str) -> Value {
    json!({
        "name": name, "in": place, "required": place == "path",
        "description": description, "schema": { "type": "string" },
    })
}

fn responses(schema: &Value, media: &str, generator: &mut SchemaGenerator) -> Value {
    let problem = generator.subschema_for::<Problem>();
    json!({
        "200": { "description": "Done", "content": { media: { "schema": schema } } },
        "default": {
            "description": "Refused, with the reason and the mend",
            "content": { "application/problem+json": { "schema": problem } },
        },
    })
}

fn add(
    paths: &mut Map<String, Value>,
    route: &Route,
    answers: &mut SchemaGenerator,
    requests: &mut SchemaGenerator,
) {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
    });
    let mut parameters: Vec<Value> = routes::placeholders(route.path)
        .map(|name| parameter(name, "path", "as other answers name it"))
        .collect();
    parameters.extend(route.query.iter().map(|(name, text)| parameter(name, "query", text)));
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    let media = |body: &Body, generator: &mut SchemaGenerator| -> (Value, &'static str) {
        match body {
            Body::Json(schema) => (schema(generator).to_value(), "application/json"),
            Body::Text(media) => (json!({ "type": "string" }), media),
        }
    };
    if let Some(body) = &route.request {
        let (schema, kind) = media(body, requests);
        operation["requestBody"] =
            json!({ "required": true, "content": { kind: { "schema": schema } } });
    }
    let (schema, kind) = media(&route.response, answers);
    operation["responses"] = responses(&schema, kind, answers);
    let path = paths.entry(route.path).or_insert_with(|| json!({}));
    path[route.method] = operation;
}
