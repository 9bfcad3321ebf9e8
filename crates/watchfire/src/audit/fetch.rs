//! Fetching from a log's server, for `watchfire audit`: bounded, patient when told to wait, never trusting.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::Error;

/// One request may take this long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Times a server may ask to wait, a request.
const WAITS_MAX: u32 = 600;
/// Longest that is waited at a time, seconds.
const WAIT_S_MAX: u64 = 10;
/// Bytes of the longest answer: an index of many logs.
const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A server of logs.
pub(crate) struct Fetcher {
    base: String,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The content.
    Found(Vec<u8>),
    /// There is no such thing; the server's reason.
    Missing(String),
}

impl Fetcher {
    /// The server at `base`; one reached over TLS is checked against the authorities in `authorities`.
    pub(crate) fn new(base: &str, authorities: Option<&Path>) -> Result<Self, Error> {
        let refuse = |message: String, hint: &str| Err(Error::input(message, hint));
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false);
        if base.starts_with("https://") {
            let Some(path) = authorities else {
                return refuse(
                    format!("expected `--ca FILE` for `{base}`"),
                    "name a PEM file with the authority, or the very certificate, of the server",
                );
            };
            config = config.tls_config(trust(path)?);
        } else if !base.starts_with("http://") {
            return refuse(
                format!("expected an address that begins with http:// or https://, got `{base}`"),
                "copy it from the partner's notice, such as https://audit.example:8443",
            );
        }
        Ok(Self { base: base.trim_end_matches('/').to_owned(), agent: config.build().into() })
    }

    /// `GET path`; waits when told to.
    pub(crate) fn get(&self, path: &str) -> Result<Fetched, Error> {
        let url = format!("{}{path}", self.base);
        let fail = |message: String, hint: &str| Error::Remote {
            url: url.clone(),
            message,
            hint: Some(hint.to_owned()),
            connected: false,
        };
        for _ in 0..=WAITS_MAX {
            let mut response = self.agent.get(&url).call().map_err(|error| {
                fail(error.to_string(), "is the address right, and does the node serve auditors?")
            })?;
            let status = response.status().as_u16();
            if status == 429 || status == 503 {
                let told = response.headers().get("retry-after");
                let told = told.and_then(|wait| wait.to_str().ok()?.parse().ok()).unwrap_or(1);
                std::thread::sleep(Duration::from_secs(told.clamp(1, WAIT_S_MAX)));
                continue;
            }
            let mut content = Vec::new();
            let reader = response.body_mut().as_reader();
            let read = reader.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut content);
            read.map_err(|error| fail(error.to_string(), "try again"))?;
            if content.len() as u64 > ANSWER_BYTES_MAX {
                let message = format!("expected at most {ANSWER_BYTES_MAX} bytes, got more");
                return Err(fail(message, "speak to who runs the node"));
            }
            return match status {
                200 => Ok(Fetched::Found(content)),
                404 => {
                    let reason = String::from_utf8_lossy(&content).trim().to_owned();
                    Ok(Fetched::Missing(reason))
                }
                other => Err(fail(
                    format!("expected status 200 or 404, got {other}"),
                    "try again later, or speak to who runs the node",
                )),
            };
        }
        Err(fail(format!("was told to wait {WAITS_MAX} times"), "try again later"))
    }
}

/// TLS with a server that one of the certificates in this file vouches for, and no other.
pub(crate) fn trust(path: &Path) -> Result<TlsConfig, Error> {
    let refuse = |message: String| Error::Identity {
        what: "certificate authority",
        path: path.to_owned(),
        message,
        hint: "name a PEM file with at least one certificate".to_owned(),
    };
    let read: Result<Vec<_>, _> =
        rustls::pki_types::CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read = read.map_err(|error| refuse(error.to_string()))?;
    if read.is_empty() {
        return Err(refuse("expected a certificate, got none".to_owned()));
    }
    let roots: Vec<Certificate<'static>> =
        read.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(provider))
        .build())
}
