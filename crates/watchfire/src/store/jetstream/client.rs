//! The few `JetStream` requests the store makes, over the client's connection.
//!
//! Requests and answers are those of the `JetStream` wire API (`$JS.API.…`, JSON): making and describing a
//! stream, publishing with `Nats-Expected-Last-Sequence`, and reading runs of messages directly. Every
//! call has its time limit; a call that runs out may have been carried out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, HeaderMap, Request, RequestErrorKind};
use futures_core::Stream as _;
use log::base64;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::settings::Settings;
use crate::error::Error;

/// One answer, or one message of a run, comes within this time or the call failed.
const CALL: Duration = Duration::from_secs(2);
/// A server that does not greet within this time is left for the next one.
const GREETING: Duration = Duration::from_secs(1);
/// Between two signs of life of a connection; two missed ones end it.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Longest pause before the next server is tried.
const RECONNECT_MAX: Duration = Duration::from_millis(500);
/// Between two looks at a connection that is being made.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes asked for in one run of messages.
const RUN_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The server's code for an expected sequence that is not the last.
const WRONG_LAST_SEQUENCE: u64 = 10_071;
/// The server's code for a stream that is not there.
const STREAM_NOT_FOUND: u64 = 10_059;

/// Why a call was not answered as hoped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No answer, or none that decides: it may have been carried out, and may yet be.
    Unsure(String),
    /// The stream's last sequence is another one; nothing was written.
    Moved,
    /// There is no such stream.
    NoStream,
    /// Refused for a reason that trying again does not mend.
    Refused(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsure(why) | Self::Refused(why) => f.write_str(why),
            Self::Moved => f.write_str("another last sequence"),
            Self::NoStream => f.write_str("no such stream"),
        }
    }
}

/// What the server says of a stream.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    pub(super) created: String,
    pub(super) state: StreamState,
}

/// The part of a stream's state that is read here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StreamState {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
}

/// A stream's configuration: what the store relies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamConfig {
    name: String,
    subjects: Vec<String>,
    retention: String,
    storage: String,
    num_replicas: usize,
    discard: String,
    max_msgs: i64,
    max_bytes: i64,
    max_age: i64,
    max_msg_size: i64,
    deny_delete: bool,
    deny_purge: bool,
    allow_direct: bool,
    /// `async` would answer before anything is on a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persist_mode: Option<String>,
}

impl StreamConfig {
    /// Kept for ever, never deleted from, on this many disks.
    pub(super) fn wanted(name: &str, subject: &str, replicas: usize) -> Self {
        Self {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            retention: "limits".to_owned(),
            storage: "file".to_owned(),
            num_replicas: replicas,
            discard: "new".to_owned(),
            max_msgs: -1,
            max_bytes: -1,
            max_age: 0,
            max_msg_size: -1,
            deny_delete: true,
            deny_purge: true,
            allow_direct: true,
            persist_mode: None,
        }
    }

    /// What a stream found has otherwise than wanted, in words. A stream that may delete or purge, or
    /// that is bounded in bytes, is the operator's choice.
    pub(super) fn differs(&self, found: &Self) -> Option<String> {
        let lenient = Self {
            deny_delete: self.deny_delete,
            deny_purge: self.deny_purge,
            max_bytes: self.max_bytes,
            persist_mode: found.persist_mode.clone().filter(|mode| mode != "default"),
            ..found.clone()
        };
        (lenient != *self).then(|| {
            let text = |config: &Self| serde_json::to_string(config).unwrap_or_default();
            format!("expected `{}`, got `{}`", text(self), text(found))
        })
    }
}

#[derive(Deserialize)]
struct Failure {
    err_code: Option<u64>,
    description: String,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<Failure>,
    seq: Option<u64>,
}

#[derive(Deserialize)]
struct Fetched {
    message: Option<FetchedMessage>,
}

#[derive(Deserialize)]
struct FetchedMessage {
    data: Option<String>,
}

/// A connection to the servers, kept up by the client library.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    stream: String,
    subject: String,
}

impl Connection {
    /// Connects to any of the servers within `patience`.
    pub(super) async fn open(
        settings: &Settings,
        name: &str,
        stream: String,
        subject: String,
        patience: Duration,
    ) -> Result<Self, Error> {
        let options = settings
            .authentication()?
            .name(name)
            .connection_timeout(GREETING)
            .ping_interval(PING_EVERY)
            .request_timeout(Some(CALL))
            .max_reconnects(None)
            .ignore_discovered_servers()
            .reconnect_delay_callback(|attempts| {
                let step = Duration::from_millis(25 * u64::try_from(attempts).unwrap_or(u64::MAX));
                step.min(RECONNECT_MAX)
            });
        let begun = crate::clock::instant();
        let client = loop {
            let why = match Self::try_connect(options.clone(), &settings.servers).await {
                Ok(client) => break client,
                Err(why) => why,
            };
            if begun.elapsed() > patience {
                return Err(Error::input(
                    format!(
                        "expected one of the NATS servers `{}` to answer: {why}",
                        settings.servers.join("`, `")
                    ),
                    "start the servers, or mend `servers` and the credentials in the node's `[store]`",
                ));
            }
            tokio::time::sleep(LOOK).await;
        };
        Ok(Self { client, stream, subject })
    }

    async fn try_connect(options: ConnectOptions, servers: &[String]) -> Result<Client, String> {
        let mut addresses = Vec::new();
        for server in servers {
            let address: async_nats::ServerAddr =
                server.parse().map_err(|error| format!("`{server}`: {error}"))?;
            addresses.push(address);
        }
        options.connect(addresses).await.map_err(|error| error.to_string())
    }

    /// The largest message the servers take.
    pub(super) fn message_bytes_max(&self) -> usize {
        self.client.max_payload()
    }

    /// Leaves a server behind which nobody answers.
    async fn silence(&self) -> Trouble {
        // Where this fails, or takes its time, the connection is being made anew already.
        drop(tokio::time::timeout(CALL, self.client.force_reconnect()).await);
        Trouble::Unsure(format!("no answer within {} s", CALL.as_secs()))
    }

    async fn ask(&self, subject: String, request: Request) -> Result<Vec<u8>, Trouble> {
        // The library's own limit starts once the request is queued; a queue may be full as well.
        let answered = tokio::time::timeout(CALL, self.client.send_request(subject, request)).await;
        match answered {
            Err(_) => Err(self.silence().await),
            Ok(Ok(message)) => Ok(message.payload.to_vec()),
            Ok(Err(error)) if error.kind() == RequestErrorKind::TimedOut => {
                Err(self.silence().await)
            }
            Ok(Err(error)) if error.kind() == RequestErrorKind::MaxPayloadExceeded => {
                Err(Trouble::Refused(error.to_string()))
            }
            Ok(Err(error)) => Err(Trouble::Unsure(error.to_string())),
        }
    }

    /// What the stream is.
    pub(super) async fn info(&self) -> Result<StreamInfo, Trouble> {
        let bytes =
            self.ask(format!("$JS.API.STREAM.INFO.{}", self.stream), Request::new()).await?;
        read_info(&bytes)
    }

    /// Makes the stream; one that is there with the same configuration is as good.
    pub(super) async fn create(&self, config: &StreamConfig) -> Result<StreamInfo, Trouble> {
        let payload = serde_json::to_vec(config).expect("plain data");
        let request = Request::new().payload(payload.into());
        let bytes = self.ask(format!("$JS.API.STREAM.CREATE.{}", self.stream), request).await?;
        read_info(&bytes)
    }

    /// Appends a message after the one at `last`; its sequence is the next.
    pub(super) async fn publish(&self, message: Vec<u8>, last: u64) -> Result<(), Trouble> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", self.stream.as_str());
        headers.insert("Nats-Expected-Last-Sequence", last.to_string());
        let request = Request::new().headers(headers).payload(message.into());
        let bytes = self.ask(self.subject.clone(), request).await?;
        let answer: Answer = read(&bytes)?;
        match answer {
            Answer { error: Some(failure), .. } => Err(failure.into()),
            Answer { seq: Some(sequence), .. } if sequence == last + 1 => Ok(()),
            Answer { seq, .. } => {
                Err(Trouble::Refused(format!("expected sequence {}, got {seq:?}", last + 1)))
            }
        }
    }

    /// Messages from `first` on, as many as come in one run of up to `count`; none if there is none.
    /// A replica may answer, and one that lags knows fewer.
    pub(super) async fn run(
        &self,
        first: u64,
        count: usize,
    ) -> Result<BTreeMap<u64, Arc<[u8]>>, Trouble> {
        let inbox = self.client.new_inbox();
        let unsure = |error: &dyn std::fmt::Display| Trouble::Unsure(error.to_string());
        let mut answers =
            self.client.subscribe(inbox.clone()).await.map_err(|error| unsure(&error))?;
        let ask = json!({ "seq": first, "batch": count, "max_bytes": RUN_BYTES_MAX }).to_string();
        self.client
            .publish_with_reply(
                format!("$JS.API.DIRECT.GET.{}", self.stream),
                inbox,
                ask.into_bytes().into(),
            )
            .await
            .map_err(|error| unsure(&error))?;
        let mut messages = BTreeMap::new();
        loop {
            let next = std::future::poll_fn(|context| Pin::new(&mut answers).poll_next(context));
            let message = tokio::time::timeout(CALL, next)
                .await
                .map_err(|_| unsure(&"a run of messages broke off"))?
                .ok_or_else(|| unsure(&"the connection ended"))?;
            match message.status.map(|status| status.as_u16()) {
                // The end of the run; not found.
                Some(204 | 404) => return Ok(messages),
                Some(other) => {
                    let why = message.description.unwrap_or_default();
                    return Err(Trouble::Unsure(format!("status {other} {why}")));
                }
                None => {}
            }
            let sequence = message
                .headers
                .as_ref()
                .and_then(|headers| headers.get("Nats-Sequence"))
                .and_then(|value| value.as_str().parse().ok())
                .ok_or_else(|| Trouble::Refused("a message without its sequence".to_owned()))?;
            messages.insert(sequence, Arc::from(message.payload.to_vec()));
        }
    }

    /// One message, as the stream's leader has it.
    pub(super) async fn leaders_copy(&self, sequence: u64) -> Result<Option<Arc<[u8]>>, Trouble> {
        let ask = json!({ "seq": sequence }).to_string();
        let request = Request::new().payload(ask.into_bytes().into());
        let bytes = self.ask(format!("$JS.API.STREAM.MSG.GET.{}", self.stream), request).await?;
        let fetched: Fetched = read(&bytes)?;
        let data = fetched.message.map(|message| message.data.unwrap_or_default());
        Ok(data.and_then(|data| base64::decode(&data)).map(Arc::from))
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(bytes).map_err(|error| Trouble::Unsure(error.to_string()))
}

fn read_info(bytes: &[u8]) -> Result<StreamInfo, Trouble> {
    if let Answer { error: Some(failure), .. } = read(bytes)? {
        return Err(failure.into());
    }
    read(bytes)
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure.err_code {
            Some(WRONG_LAST_SEQUENCE) => Self::Moved,
            Some(STREAM_NOT_FOUND) => Self::NoStream,
            // Without a leader, without resources for now, or something newer servers say: not decided.
            _ => Self::Unsure(failure.description),
        }
    }
}
