//! Who may use the console and the API: a one-time link for people, a token file for local commands.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Mutex;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{TimeDelta, Timestamp};

use super::App;
use super::problem::Problem;
use crate::clock::wall_now;

const COOKIE: &str = "watchfire_session";
/// Sessions at once; the oldest gives way.
const SESSIONS_MAX: usize = 64;
/// Links printed and not yet used; the oldest gives way.
const LINKS_MAX: usize = 16;
/// A link is good for this long.
const LINK_LIFE: TimeDelta = TimeDelta::from_seconds(24 * 3_600);
/// A session ends this long after its last use.
const SESSION_LIFE: TimeDelta = TimeDelta::from_seconds(12 * 3_600);

/// Tokens and sessions.
pub(crate) struct Auth {
    control: String,
    links: Mutex<VecDeque<(String, Timestamp)>>,
    sessions: Mutex<BTreeMap<String, Timestamp>>,
}

/// 256 random bits in hexadecimal.
pub(crate) fn random_token() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

fn same(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

impl Auth {
    /// With the token local commands use.
    pub(crate) const fn new(control: String) -> Self {
        Self { control, links: Mutex::new(VecDeque::new()), sessions: Mutex::new(BTreeMap::new()) }
    }

    /// A new one-time token for `/login`.
    pub(crate) fn link(&self) -> String {
        let token = random_token();
        let mut links = self.links.lock().expect("no holder panics");
        if links.len() == LINKS_MAX {
            links.pop_front();
        }
        links.push_back((token.clone(), wall_now()));
        token
    }

    fn redeem(&self, token: &str) -> Option<String> {
        let mut links = self.links.lock().expect("no holder panics");
        let now = wall_now();
        links.retain(|(_, made)| now.since(*made) < LINK_LIFE);
        let place = links.iter().position(|(link, _)| same(link, token))?;
        links.remove(place);
        let session = random_token();
        let mut sessions = self.sessions.lock().expect("no holder panics");
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) =
                sessions.iter().min_by_key(|(_, used)| **used).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        sessions.insert(session.clone(), now);
        Some(session)
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        if let Some(proven) = self.has_control_token(headers) {
            return proven;
        }
        let cookie = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
        let Some(session) = cookie.and_then(session_in) else { return false };
        let now = wall_now();
        let mut sessions = self.sessions.lock().expect("no holder panics");
        sessions.retain(|_, used| now.since(*used) < SESSION_LIFE);
        match sessions.get_mut(session) {
            Some(used) => {
                *used = now;
                true
            }
            None => false,
        }
    }

    /// Whether the bearer token of a request is the control token; nothing without such a token.
    fn has_control_token(&self, headers: &HeaderMap) -> Option<bool> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        Some(same(value.strip_prefix("Bearer ")?, &self.control))
    }

    /// Refuses who has only a session; `what` is what local commands alone do.
    pub(super) fn local_command(&self, headers: &HeaderMap, what: &str) -> Result<(), Problem> {
        if self.has_control_token(headers) == Some(true) {
            return Ok(());
        }
        Err(Problem::forbidden(format!("expected the control token; {what} by local commands")))
    }

    fn end(&self, headers: &HeaderMap) {
        let cookie = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
        if let Some(session) = cookie.and_then(session_in) {
            self.sessions.lock().expect("no holder panics").remove(session);
        }
    }
}

fn session_in(cookies: &str) -> Option<&str> {
    cookies.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Turns away whoever has neither session nor token, and writes that another site asks for.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if !local(request.headers()) {
        return Problem::forbidden("expected the `Host` of a loopback address").into_response();
    }
    if !app.auth.admits(request.headers()) {
        return Problem::unauthorized().into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !same_origin(request.headers()) {
        return Problem::forbidden("expected an `Origin` that is this node").into_response();
    }
    next.run(request).await
}

/// A page elsewhere that resolves its own name to this machine shows its name here.
fn local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host)
        }
        (Some(_), None) => false,
    }
}

/// `GET /login?token=…`: a good link becomes a session, once.
pub(super) async fn login(
    State(app): State<App>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    match query.get("token").and_then(|token| app.auth.redeem(token)) {
        Some(session) => {
            let cookie = format!("{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/");
            let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, "/".to_owned())];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        None => Problem::forbidden("expected a one-time link that was not used before")
            .hint("run `watchfire login --config FILE` for a new one")
            .into_response(),
    }
}

/// `POST /api/v1/logout`.
pub(super) async fn logout(State(app): State<App>, headers: HeaderMap) -> StatusCode {
    app.auth.end(&headers);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_link_works_once_and_a_session_until_it_ends() {
        let auth = Auth::new("control".to_owned());
        let link = auth.link();
        let session = auth.redeem(&link).unwrap();
        assert_eq!(auth.redeem(&link), None);
        let with = headers(&[(header::COOKIE, &format!("a=b; {COOKIE}={session}"))]);
        assert!(auth.admits(&with));
        auth.end(&with);
        assert!(!auth.admits(&with));
    }

    #[test]
    fn only_the_right_token_is_admitted() {
        let auth = Auth::new("control".to_owned());
        for (value, expect) in
            [("Bearer control", true), ("Bearer contro", false), ("control", false)]
        {
            assert_eq!(auth.admits(&headers(&[(header::AUTHORIZATION, value)])), expect, "{value}");
        }
        assert!(!auth.admits(&HeaderMap::new()));
    }

    #[test]
    fn a_session_is_no_local_command_whatever_else_the_request_carries() {
        let auth = Auth::new("control".to_owned());
        let session = auth.redeem(&auth.link()).unwrap();
        let cookie = format!("{COOKIE}={session}");
        for (authorization, admitted, command) in [
            ("Bearer control", true, true),
            ("Basic control", true, false),
            ("Bearer session", false, false),
        ] {
            let with =
                headers(&[(header::COOKIE, &cookie), (header::AUTHORIZATION, authorization)]);
            assert_eq!(auth.admits(&with), admitted, "{authorization}");
            assert_eq!(auth.local_command(&with, "x is done").is_ok(), command, "{authorization}");
        }
        assert!(auth.local_command(&headers(&[(header::COOKIE, &cookie)]), "x is done").is_err());
    }

    #[test]
    fn other_sites_cannot_write_or_rebind() {
        let host = (header::HOST, "127.0.0.1:8101");
        assert!(same_origin(&headers(std::slice::from_ref(&host))));
        assert!(same_origin(&headers(&[host.clone(), (header::ORIGIN, "http://127.0.0.1:8101")])));
        assert!(!same_origin(&headers(&[host.clone(), (header::ORIGIN, "http://evil.example")])));
        assert!(local(&headers(&[host])));
        assert!(!local(&headers(&[(header::HOST, "evil.example:8101")])));
    }
}
