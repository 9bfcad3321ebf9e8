//! A small HTTP client for local commands: the node's control token, JSON in and out.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::error::Error;

/// A node may take this long over one request.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A node to talk to.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    token: String,
    agent: ureq::Agent,
}

impl Client {
    /// The node of this configuration, which must be running on this machine.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        Self::within(config, TIMEOUT)
    }

    /// The same, with another limit on how long a request may take.
    pub(crate) fn within(config: &Config, timeout: Duration) -> Result<Self, Error> {
        let path = config.control_token();
        let token = std::fs::read_to_string(&path).map_err(|_| Error::Remote {
            url: config.url(),
            message: format!("there is no control token at `{}`", path.display()),
            hint: Some("start the node first: `watchfire node --config FILE`".to_owned()),
            connected: false,
        })?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self { url: config.url(), token, agent })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// `GET path`.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let response = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", self.bearer())
            .call();
        self.read(response)
    }

    /// `POST path` with a JSON body.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let response = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", self.bearer())
            .send_json(body);
        self.read(response)
    }

    /// `POST path` with bytes.
    pub(crate) fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        media: &str,
        body: &[u8],
    ) -> Result<T, Error> {
        let response = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", self.bearer())
            .header("Content-Type", media)
            .send(body);
        self.read(response)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn read<T: DeserializeOwned>(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, Error> {
        let fail = |message: String, hint: Option<String>| Error::Remote {
            url: self.url.clone(),
            message,
            hint,
            connected: true,
        };
        let mut response = response.map_err(|error| Error::Remote {
            url: self.url.clone(),
            message: error.to_string(),
            hint: Some("is the node running? see `watchfire status`".to_owned()),
            connected: false,
        })?;
        let status = response.status();
        let text = response
            .body_mut()
            .with_config()
            .limit(256 * 1024 * 1024)
            .read_to_string()
            .map_err(|error| fail(error.to_string(), None))?;
        if !status.is_success() {
            let problem: Value = serde_json::from_str(&text).unwrap_or_default();
            let word = |name: &str| problem[name].as_str().map(str::to_owned);
            return Err(fail(
                word("detail").unwrap_or_else(|| format!("{status}: {text}")),
                word("hint"),
            ));
        }
        serde_json::from_str(&text)
            .map_err(|error| fail(format!("unreadable answer: {error}"), None))
    }
}
