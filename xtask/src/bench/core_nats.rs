//! NATS core as a peer of FLASH: request and reply of a message beside a flood on one connection.
//!
//! The server and the one who answers are one host, the one who asks is the other. What is urgent and
//! what is bulk share the asking client's connection, as a client's messages do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::nats::message_length;
use crate::command::{Flag, Given};
use crate::error::Error;
use crate::netns::Hosts;
use crate::process;

/// Flags of the asking and the answering client.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::switch("--answer", "be the one who answers, until killed"),
    Flag::value("--server", "ADDRESS", "where the server listens"),
    Flag::value("--seconds", "N", "how long each of the two measurements may take"),
];

/// Bytes of an urgent message, and of one of the flood.
const SIZES: [usize; 2] = [256, 1_024];
/// Samples of each measurement at most.
const SAMPLES_MAX: usize = 200;
const BETWEEN: Duration = Duration::from_millis(40);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const PORT: u16 = 4_222;

/// Measures between two `hosts`, the second host of which runs `server`.
pub(super) fn measure(hosts: &Hosts, server: &Path, seconds: u64) -> Result<Value, Error> {
    let me = std::env::current_exe()
        .map_err(|source| Error::File { path: "/proc/self/exe".into(), source })?;
    let start = |command: &mut std::process::Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Ended).map_err(|source| Error::File { path: server.into(), source })
    };
    let address = format!("{}:{PORT}", Hosts::address(1));
    let mut serve = hosts.program(1, server);
    let host = Hosts::address(1);
    let _server = start(serve.args(["--addr", &host, "--port", &PORT.to_string()]))?;
    let mut answer = hosts.program(1, &me);
    let _answering = start(answer.args(["nats-core", "--answer", "--server", &address]))?;
    let mut ask = hosts.program(0, &me);
    ask.args(["nats-core", "--server", &address, "--seconds", &seconds.to_string()]);
    let said = process::run_for_stdout(ask)?;
    super::last_object("nats-core", &said)
}

/// A process that ends with this value.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Ended here or ended already: nothing else to do in either case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `cargo xtask nats-core`, one of the two clients.
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    let value = |flag| given.values(flag).first().copied().map(str::to_owned);
    let server = value("--server").and_then(|text| text.parse().ok());
    let server = server.unwrap_or(SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT));
    let seconds = value("--seconds").and_then(|text| text.parse().ok()).unwrap_or(10);
    let fault = |error: std::io::Error| Error::Shape {
        at: "nats-server".to_owned(),
        expected: "answers of a NATS server".to_owned(),
        got: error.to_string(),
        hint: "run the server by hand with its log on".to_owned(),
    };
    if given.has("--answer") {
        answer(server).map_err(fault)?;
    } else {
        println!("{}", ask(server, Duration::from_secs(seconds)).map_err(fault)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn connect(server: SocketAddrV4, subject: &str) -> std::io::Result<(TcpStream, Reader)> {
    let begun = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(server) {
            Ok(stream) => break stream,
            Err(error) if begun.elapsed() > CONNECT_PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(BETWEEN),
        }
    };
    stream.set_nodelay(true)?;
    let connect = json!({"verbose": false, "pedantic": false, "lang": "rust", "version": "0"});
    write!(stream, "CONNECT {connect}\r\nSUB {subject} 1\r\nPING\r\n")?;
    let mut reader = Reader(BufReader::with_capacity(1 << 16, stream.try_clone()?));
    while reader.line()? != "PONG" {}
    Ok((stream, reader))
}

struct Reader(BufReader<TcpStream>);

impl Reader {
    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The next message's line and payload; pings are answered.
    fn message(
        &mut self,
        pong: impl Fn() -> std::io::Result<()>,
    ) -> std::io::Result<(String, Vec<u8>)> {
        loop {
            let line = self.line()?;
            if line == "PING" {
                pong()?;
            } else if let Some(length) = message_length(&line) {
                let mut payload = vec![0; length + 2];
                self.0.read_exact(&mut payload)?;
                payload.truncate(length);
                return Ok((line, payload));
            }
        }
    }
}

fn publish(
    stream: &mut TcpStream,
    subject: &str,
    reply: &str,
    payload: &[u8],
) -> std::io::Result<()> {
    let mut message = format!("PUB {subject} {reply} {}\r\n", payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message.extend_from_slice(b"\r\n");
    stream.write_all(&message)
}

/// Answers what is urgent and drops the flood.
fn answer(server: SocketAddrV4) -> std::io::Result<()> {
    let (mut stream, mut reader) = connect(server, "bench.>")?;
    loop {
        let pong = || (&stream).write_all(b"PONG\r\n");
        let (line, payload) = reader.message(pong)?;
        let words: Vec<&str> = line.split(' ').collect();
        if let ["MSG", "bench.urgent", _, reply, _] = words.as_slice() {
            publish(&mut stream, reply, "", &payload)?;
        }
    }
}

/// One connection, shared by the samples and the flood.
struct Asking {
    stream: Arc<Mutex<TcpStream>>,
    replies: std::sync::mpsc::Receiver<(Instant, Vec<u8>)>,
}

fn ask(server: SocketAddrV4, seconds: Duration) -> std::io::Result<Value> {
    let inbox = format!("_INBOX.{}", std::process::id());
    let (stream, mut reader) = connect(server, &inbox)?;
    let stream = Arc::new(Mutex::new(stream));
    let (heard, replies) = std::sync::mpsc::channel();
    let pongs = Arc::clone(&stream);
    std::thread::spawn(move || {
        let pong = || lock(&pongs).write_all(b"PONG\r\n");
        while let Ok((_, payload)) = reader.message(pong) {
            heard.send((Instant::now(), payload)).ok();
        }
    });
    let asking = Asking { stream, replies };
    let mut idle = asking.samples(&inbox, seconds)?;
    let over = AtomicBool::new(false);
    let sent = AtomicU64::new(0);
    let mut loaded = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let flood = publish(&mut lock(&asking.stream), "bench.bulk", "", &[7; SIZES[1]]);
                if flood.is_err() {
                    return;
                }
                sent.fetch_add(SIZES[1] as u64, Ordering::Relaxed);
            }
        });
        std::thread::sleep(seconds / 4);
        let samples = asking.samples(&inbox, seconds);
        over.store(true, Ordering::Relaxed);
        samples
    })?;
    Ok(json!({
        "idle": figures(&mut idle),
        "loaded": figures(&mut loaded),
        "flood_bytes_written": sent.load(Ordering::Relaxed),
    }))
}

fn lock(stream: &Mutex<TcpStream>) -> std::sync::MutexGuard<'_, TcpStream> {
    stream.lock().expect("no holder of the connection panics")
}

impl Asking {
    /// Round trips one after the other; the one that is out when time is up counts as what it took
    /// so far.
    fn samples(&self, inbox: &str, seconds: Duration) -> std::io::Result<Vec<Duration>> {
        let begun = Instant::now();
        let mut times = Vec::new();
        while times.len() < SAMPLES_MAX && begun.elapsed() < seconds {
            std::thread::sleep(BETWEEN);
            let asked = Instant::now();
            publish(&mut lock(&self.stream), "bench.urgent", inbox, &[1; SIZES[0]])?;
            let left = (begun + seconds).saturating_duration_since(Instant::now());
            if let Ok((at, _)) = self.replies.recv_timeout(left.max(BETWEEN)) {
                times.push(at.saturating_duration_since(asked));
            } else {
                times.push(asked.elapsed());
                break;
            }
        }
        Ok(times)
    }
}

fn figures(times: &mut [Duration]) -> Value {
    times.sort_unstable();
    let at = |part: usize| {
        let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(place).and_then(|time| u64::try_from(time.as_micros()).ok())
    };
    json!({ "samples": times.len(), "p50_us": at(50), "p99_us": at(99), "max_us": at(100) })
}
