//! The console's files, embedded at build time; without them a page that says so.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// No script, style or connection but the node's own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Watchfire</title>\
    <body><h1>The console is absent</h1><p>This node was built without Node.js. The node itself works: \
    see <a href=\"/openapi.json\">the API</a>. To have the console, install Node 20 or later, run \
    <code>npm ci</code> and <code>npm run build</code> in <code>web</code>, and build the node again.</p>";

/// Whether the console was there when the node was built.
pub(crate) const fn present() -> bool {
    !FILES.is_empty()
}

/// `GET /`.
pub(super) async fn index() -> Response {
    file("index.html").unwrap_or_else(|| page(ABSENT.as_bytes()))
}

/// `GET /{*path}`: a file of the console, else its start page for its own addresses.
pub(super) async fn asset(Path(path): Path<String>) -> Response {
    match file(&path) {
        Some(response) => response,
        None if path.contains('.') => StatusCode::NOT_FOUND.into_response(),
        None => index().await,
    }
}

fn file(path: &str) -> Option<Response> {
    let (name, bytes) = FILES.iter().find(|(name, _)| *name == path)?;
    let mut response = page(bytes);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    if name.starts_with("assets/") {
        // Names under `assets` carry their content's hash.
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, forever);
    }
    Some(response)
}

fn page(bytes: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, bytes).into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}
