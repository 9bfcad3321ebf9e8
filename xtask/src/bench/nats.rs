//! NATS `JetStream` as a peer to measure: a server of our own and a client in plain TCP.
//!
//! The client protocol is text (docs.nats.io, "Client Protocol"): the server greets with `INFO`, the
//! client says `CONNECT`, `SUB SUBJECT SID`, `PUB SUBJECT REPLY LENGTH` and the payload; messages come
//! as `MSG SUBJECT SID [REPLY] LENGTH` and the payload. A publish to a stream's subject with a reply
//! subject is answered with the sequence once the stream has stored it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Error;

/// Bytes of one message.
pub(super) const MESSAGE_BYTES: usize = 256;
/// The longest wait for the server or one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest any one measurement goes on.
const MEASURE: Duration = Duration::from_secs(6);
/// Messages of one measurement at most.
const MESSAGES_MAX: usize = 400_000;
/// Messages under way at once when batching.
const OUTSTANDING: usize = 4_096;

/// A server with a folder of its own, ended when dropped.
pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// Starts `program` with file storage in `folder`, every write synced.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Self, Error> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        std::fs::create_dir_all(folder).map_err(fault(folder))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(fault(Path::new("loopback")))?
            .port();
        let config = folder.join("nats.conf");
        let store = folder.join("store");
        let text = format!(
            "host: \"127.0.0.1\"\nport: {port}\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            store.display()
        );
        std::fs::write(&config, text).map_err(fault(&config))?;
        let child = Command::new(program)
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(fault(program))?;
        Ok(Self { child, folder: folder.to_owned(), port })
    }

    /// A connection, once the server answers.
    pub(super) fn connect(&self) -> Result<Client, Error> {
        let begun = Instant::now();
        loop {
            match Client::connect(self.port) {
                Ok(client) => return Ok(client),
                Err(error) if begun.elapsed() > PATIENCE => return Err(shape(&error.to_string())),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended here or ended already: nothing else to do in either case.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One connection.
pub(super) struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    inbox: String,
}

impl Client {
    fn connect(port: u16) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        let inbox = format!("_INBOX.watchfire-{}", std::process::id());
        let connect = json!({"verbose": false, "pedantic": false, "lang": "rust", "version": "0"});
        write!(stream, "CONNECT {connect}\r\nSUB {inbox}.> 1\r\nPING\r\n")?;
        let mut client = Self { stream, reader, inbox };
        while client.line()? != "PONG" {}
        Ok(client)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The payload of the next message.
    fn next(&mut self) -> std::io::Result<Vec<u8>> {
        loop {
            let line = self.line()?;
            if line == "PING" {
                self.stream.write_all(b"PONG\r\n")?;
                continue;
            }
            if line.starts_with("-ERR") {
                return Err(std::io::Error::other(line));
            }
            let Some(length) = message_length(&line) else { continue };
            let mut payload = vec![0; length + 2];
            self.reader.read_exact(&mut payload)?;
            payload.truncate(length);
            return Ok(payload);
        }
    }

    fn publish(&mut self, subject: &str, payload: &[u8]) -> std::io::Result<()> {
        let mut message = Vec::with_capacity(payload.len() + 96);
        write!(message, "PUB {subject} {}.1 {}\r\n", self.inbox, payload.len())?;
        message.extend_from_slice(payload);
        message.extend_from_slice(b"\r\n");
        self.stream.write_all(&message)
    }

    /// Makes a stream of one replica in files.
    fn make_stream(&mut self, name: &str) -> Result<(), Error> {
        let config = json!({
            "name": name, "subjects": [format!("{name}.>")], "storage": "file", "num_replicas": 1,
        });
        let subject = format!("$JS.API.STREAM.CREATE.{name}");
        let answer = self
            .publish(&subject, config.to_string().as_bytes())
            .and_then(|()| self.next())
            .map_err(|error| shape(&error.to_string()))?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        if answer.get("error").is_some() || answer.get("config").is_none() {
            return Err(shape(&answer.to_string()));
        }
        Ok(())
    }

    /// Publishes with `outstanding` messages under way; the time of each to its answer.
    fn publish_many(
        &mut self,
        subject: &str,
        outstanding: usize,
    ) -> std::io::Result<(Duration, Vec<Duration>)> {
        let payload = [7; MESSAGE_BYTES];
        let begun = Instant::now();
        let mut sent = std::collections::VecDeque::new();
        let mut times = Vec::new();
        let going = |count: usize| count < MESSAGES_MAX && begun.elapsed() < MEASURE;
        let mut count = 0;
        loop {
            while sent.len() < outstanding && going(count) {
                sent.push_back(Instant::now());
                self.publish(subject, &payload)?;
                count += 1;
            }
            let Some(at) = sent.pop_front() else { return Ok((begun.elapsed(), times)) };
            let answer: Value = serde_json::from_slice(&self.next()?).unwrap_or(Value::Null);
            if answer.get("seq").is_none() {
                return Err(std::io::Error::other(answer.to_string()));
            }
            times.push(at.elapsed());
        }
    }
}

/// The payload's length of a `MSG` line; nothing of other lines.
pub(super) fn message_length(line: &str) -> Option<usize> {
    line.strip_prefix("MSG ")?.rsplit(' ').next()?.parse().ok()
}

fn shape(got: &str) -> Error {
    Error::Shape {
        at: "nats-server".to_owned(),
        expected: "an answer of JetStream".to_owned(),
        got: got.chars().take(200).collect(),
        hint: "run the server by hand with its log on".to_owned(),
    }
}

/// `JetStream` with an `fsync` for each message, and with many publishes under way.
pub(super) fn jetstream(program: &Path, folder: &Path) -> Result<Value, Error> {
    let server = Server::start(program, folder)?;
    let mut client = server.connect()?;
    client.make_stream("BENCH")?;
    let fault = |error: std::io::Error| shape(&error.to_string());
    let (took, mut one) = client.publish_many("BENCH.one", 1).map_err(fault)?;
    let each = per_second(one.len(), took);
    let (took, many) = client.publish_many("BENCH.many", OUTSTANDING).map_err(fault)?;
    one.sort_unstable();
    let at = |part: usize| one.get(one.len() * part / 100).map(Duration::as_micros);
    Ok(json!({
        "what": "one server, one stream of one replica in files, sync_interval: always; nothing signed, sealed or folded, no second node",
        "message_bytes": MESSAGE_BYTES,
        "fsync_per_message": {
            "messages": one.len(), "messages_per_s": each,
            "p50_us": at(50).and_then(|us| u64::try_from(us).ok()),
            "p99_us": at(99).and_then(|us| u64::try_from(us).ok()),
        },
        "batching": {
            "outstanding": OUTSTANDING, "messages": many.len(),
            "messages_per_s": per_second(many.len(), took),
        },
    }))
}

fn per_second(count: usize, took: Duration) -> f64 {
    (count as f64 / took.as_secs_f64()).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_have_a_length() {
        for (line, expect) in [
            ("MSG _INBOX.a.1 1 42", Some(42)),
            ("MSG _INBOX.a.1 1 reply.to 7", Some(7)),
            ("+OK", None),
            ("INFO {}", None),
        ] {
            assert_eq!(message_length(line), expect, "{line}");
        }
    }
}
