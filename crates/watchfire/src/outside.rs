//! Services outside that a node posts to: heartbeats' and traces' common ground.
//!
//! An address may be a secret of its service, so messages show its host alone.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::audit;
use crate::core::{Found, Question};
use crate::error::Error;

/// Posts in a row that were not taken, after which an operator is told.
pub(crate) const FAILURES_TOLD: u64 = 3;
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Host and port of an address of the web.
pub(crate) fn address_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let named = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    (!host.is_empty()).then(|| if named { host.to_owned() } else { format!("{host}:{port}") })
}

/// What is wrong with an address that the configuration has as `SECTION.KEY`, with `SECTION.ca` beside it.
pub(crate) fn fault(section: &str, key: &str, url: &str, ca: Option<&Path>) -> Option<String> {
    let tls = url.starts_with("https://");
    if address_of(url).is_none() {
        // Whoever knows the address of such a service can speak for the node: it is not shown.
        return Some(format!("expected `{section}.{key}` as http://HOST/… or https://HOST/…"));
    }
    if tls && ca.is_none() {
        return Some(format!(
            "expected `{section}.ca`, a PEM file with the authority of the `https://` service, such as the system's bundle"
        ));
    }
    (ca.is_some() && !tls)
        .then(|| format!("expected `{section}.ca` with an `https://` address alone"))
}

/// One service, and how long it may take over a post.
pub(crate) struct Service {
    url: String,
    agent: ureq::Agent,
}

impl Service {
    /// `ca` vouches for an `https://` service.
    pub(crate) fn new(url: String, ca: Option<&Path>, limit: Duration) -> Result<Self, Error> {
        let mut agent = ureq::Agent::config_builder()
            .timeout_global(Some(limit))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent("watchfire");
        if let Some(path) = ca {
            agent = agent.tls_config(audit::trust(path)?);
        }
        Ok(Self { url, agent: agent.build().into() })
    }

    /// Posts JSON; gives the answer, or why it was not taken. Blocks within the limit.
    pub(crate) fn post(&self, body: &str) -> Result<String, String> {
        let host = address_of(&self.url).unwrap_or_default();
        let answer = self.agent.post(&self.url).header("Content-Type", "application/json");
        match answer.send(body) {
            Ok(mut answer) if answer.status().is_success() => {
                let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
                Ok(body.read_to_string().unwrap_or_default())
            }
            Ok(answer) => Err(format!("`{host}`: expected status 200, got {}", answer.status())),
            Err(ureq::Error::BadUri(_)) => Err(format!("`{host}`: the address cannot be used")),
            Err(error) => Err(format!("`{host}`: {error}")),
        }
    }
}

/// Tells the operator once posts fail again and again, and once they are taken again.
pub(crate) struct Telling {
    /// The section of the configuration.
    source: &'static str,
    /// What is posted.
    what: &'static str,
    questions: mpsc::Sender<Question>,
    failing: u64,
    told: bool,
}

impl Telling {
    pub(crate) const fn new(
        source: &'static str,
        what: &'static str,
        questions: mpsc::Sender<Question>,
    ) -> Self {
        Self { source, what, questions, failing: 0, told: false }
    }

    /// Notes how one went; gives how many failed in a row until now.
    pub(crate) fn note(&mut self, result: Result<(), String>) -> u64 {
        let Self { source, what, .. } = *self;
        let found = match result {
            Ok(()) => {
                self.failing = 0;
                self.told.then(|| Found {
                    severity: domains::Severity::Info,
                    source: source.to_owned(),
                    message: format!("{what} are taken again"),
                    hint: None,
                })
            }
            Err(why) => {
                tracing::debug!(source, why, "a service outside did not take a post");
                self.failing += 1;
                (self.failing >= FAILURES_TOLD && !self.told).then(|| Found {
                    severity: domains::Severity::Warning,
                    source: source.to_owned(),
                    message: format!("{} {what} in a row were not taken: {why}", self.failing),
                    hint: Some(format!(
                        "look at the service named by `{source}` in the configuration, and at the way to it; the node goes on"
                    )),
                })
            }
        };
        // A full queue is asked again at the next post: a loop that is busy is not held up further.
        if let Some(found) = found
            && self.questions.try_send(Question::Found(found)).is_ok()
        {
            self.told = !self.told;
        }
        self.failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        for (url, address) in [
            ("http://10.0.0.1/x?y", Some("10.0.0.1:80")),
            ("https://a.example", Some("a.example:443")),
            ("https://user:word@a.example:8443/ping", Some("a.example:8443")),
            ("http://[::1]:8080/", Some("[::1]:8080")),
            ("http:///x", None),
            ("nats://a.example", None),
        ] {
            assert_eq!(address_of(url).as_deref(), address, "{url}");
        }
    }
}
