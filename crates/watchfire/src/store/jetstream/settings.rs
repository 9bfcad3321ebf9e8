//! What an operator sets for a store on NATS `JetStream`, and what can be checked of the servers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::ConnectOptions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// The longest wait for one server's monitoring page.
const MONITOR: Duration = Duration::from_secs(2);
/// Bytes of messages kept in memory, in MiB, unless set.
const CACHE_MIB: u32 = 64;

/// The part `[store]` of a node's configuration with `engine = "jetstream"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The servers of the cluster, such as `nats://10.0.0.1:4222`; `tls://` asks for TLS.
    pub(crate) servers: Vec<String>,
    /// What the names of streams and subjects begin with.
    #[serde(default = "prefix")]
    pub(crate) prefix: String,
    /// Copies of the stream; 1 loses with its disk and is for trials.
    #[serde(default = "replicas")]
    pub(crate) replicas: usize,
    /// The servers' monitoring addresses (`http://…:8222`), where `sync_interval` can be read.
    #[serde(default)]
    pub(crate) monitors: Vec<String>,
    /// A file with a user and, on its second line, the password.
    #[serde(default)]
    pub(crate) user_file: Option<PathBuf>,
    /// A file with a token.
    #[serde(default)]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates that vouch for the servers (PEM), instead of the system's.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
    /// This node's certificate for the servers (PEM).
    #[serde(default)]
    pub(crate) certificate: Option<PathBuf>,
    /// And its key (PEM).
    #[serde(default)]
    pub(crate) key: Option<PathBuf>,
    /// Messages kept in memory, in MiB.
    #[serde(default = "cache_mib")]
    pub(crate) cache_mib: u32,
}

fn prefix() -> String {
    "WATCHFIRE".to_owned()
}

const fn replicas() -> usize {
    3
}

const fn cache_mib() -> u32 {
    CACHE_MIB
}

impl Settings {
    /// What is wrong with them, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let good = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
        if self.servers.is_empty() {
            return Some("expected `store.servers` to name at least one server".to_owned());
        }
        if self.prefix.is_empty() || !self.prefix.chars().all(good) {
            return Some(format!(
                "expected `store.prefix` of letters, digits, `-` and `_`, got `{}`",
                self.prefix
            ));
        }
        if ![1, 3, 5].contains(&self.replicas) {
            return Some(format!("expected `store.replicas` 1, 3 or 5, got {}", self.replicas));
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Some("expected `store.certificate` and `store.key` together".to_owned());
        }
        None
    }

    /// The files named, to be made relative to the configuration's folder.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [
            &mut self.user_file,
            &mut self.token_file,
            &mut self.ca,
            &mut self.certificate,
            &mut self.key,
        ]
        .into_iter()
        .flatten()
    }

    /// How to log in.
    pub(super) fn authentication(&self) -> Result<ConnectOptions, Error> {
        let mut options = ConnectOptions::new();
        if let Some(path) = &self.user_file {
            let text = secret(path)?;
            let mut lines = text.lines();
            let (user, password) = (lines.next(), lines.next());
            let (Some(user), Some(password)) = (user, password) else {
                return Err(Error::input(
                    format!("expected a user and a password on two lines in `{}`", path.display()),
                    "write them as the NATS server's configuration has them",
                ));
            };
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        if let Some(path) = &self.token_file {
            options = options.token(secret(path)?.trim().to_owned());
        }
        if let Some(path) = &self.ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            let pair = (certificate.clone(), key.clone());
            options = options.add_client_certificate(pair.0, pair.1).require_tls(true);
        }
        Ok(options)
    }

    /// Looks whether the servers answer only for what is on a disk. A server that does not is an error;
    /// what could not be found out comes back in words.
    pub(super) fn check_servers(&self) -> Result<Vec<String>, Error> {
        let mut unknown = Vec::new();
        if self.monitors.is_empty() {
            unknown.push(
                "expected `store.monitors` to name the NATS servers' monitoring addresses, got none: \
                 whether they run with `sync_interval: always` could not be checked"
                    .to_owned(),
            );
        }
        for monitor in &self.monitors {
            match read_monitor(monitor) {
                Ok(page) => judge(monitor, &page)?,
                Err(why) => unknown.push(format!(
                    "expected the NATS server's monitoring at `{monitor}` to answer: {why}; \
                     whether it runs with `sync_interval: always` could not be checked"
                )),
            }
        }
        Ok(unknown)
    }
}

fn secret(path: &Path) -> Result<zeroize::Zeroizing<String>, Error> {
    std::fs::read_to_string(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| Error::file("read", path, error))
}

fn read_monitor(monitor: &str) -> Result<Value, String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(MONITOR)).build().into();
    let url = format!("{}/varz", monitor.trim_end_matches('/'));
    let mut answer = agent.get(&url).call().map_err(|error| error.to_string())?;
    answer.body_mut().read_json().map_err(|error| error.to_string())
}

fn judge(monitor: &str, page: &Value) -> Result<(), Error> {
    let config = &page["jetstream"]["config"];
    if config["sync_always"] == true {
        return Ok(());
    }
    let got = if config.is_object() {
        format!(
            "`sync_interval` of {} s",
            config["sync_interval"].as_u64().unwrap_or(0) / 1_000_000_000
        )
    } else {
        "no JetStream".to_owned()
    };
    Err(Error::input(
        format!(
            "expected the NATS server at `{monitor}` to run JetStream with `sync_interval: always`, got {got}"
        ),
        "set `jetstream { sync_interval: always }` on every server: without it acknowledged entries are lost with the power",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_servers_that_always_sync_pass() {
        let page = |config| json!({ "jetstream": { "config": config } });
        let judged = |page: &Value| judge("http://a:8222", page).map_err(|error| error.to_string());
        assert_eq!(judged(&page(json!({ "sync_always": true }))), Ok(()));
        let lazy = page(json!({ "sync_interval": 120_000_000_000_u64 }));
        assert_eq!(
            judged(&lazy).expect_err("it syncs every two minutes"),
            "expected the NATS server at `http://a:8222` to run JetStream with `sync_interval: always`, got `sync_interval` of 120 s"
        );
        judged(&json!({ "jetstream": {} })).expect_err("JetStream is off");
    }

    #[test]
    fn settings_are_checked() {
        let check = |text: &str| {
            toml::from_str::<Settings>(text)
                .map_err(|error| error.message().to_owned())
                .map(|settings| settings.fault())
        };
        assert_eq!(check("servers = ['nats://a']"), Ok(None));
        let fault = |text: &str| check(text).expect("it is read").expect("it is refused");
        assert!(fault("servers = []").contains("at least one"));
        assert!(fault("servers = ['a']\nprefix = 'a.b'").contains("`a.b`"));
        assert!(fault("servers = ['a']\nreplicas = 2").contains("got 2"));
        assert!(fault("servers = ['a']\nkey = 'k'").contains("together"));
        check("servers = ['a']\nservres = 1").expect_err("unknown keys are refused");
    }
}
