//! `watchfire bench plain-quinn`: the peer of [`mod@super::flash`] that has only stream priorities.
//!
//! One QUIC connection with the library's own settings (Cubic, path MTU discovery, pacing): an urgent
//! stream of priority 1 whose messages of 256 bytes are echoed, and beside it, under load, a stream of
//! priority 0 that is never short of messages of 1,024 bytes. An echo's last bytes count the bulk that
//! had come, which gives the goodput.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use log::Carrier;
use quinn::{Connection, RecvStream, SendStream};
use serde_json::{Value, json};

use super::child::Partner;
use super::{Output, no_answer, percentiles, two_members};
use crate::clock::instant;
use crate::error::Error;
use crate::line;
use crate::node::{self, Being};

/// Bytes of an urgent message.
const URGENT_BYTES: usize = 256;
/// Bytes of a message of the bulk.
const BULK_BYTES: usize = 1_024;
/// Between two samples, as in the measurement this is compared with.
const BETWEEN: Duration = Duration::from_millis(40);
/// Samples of each measurement at most.
const SAMPLES_MAX: usize = 200;
/// Round trips before the first that counts.
const WARM_UP: usize = 3;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct PlainQuinn {
    /// The line's rate in bits a second, for the goodput
    #[arg(long)]
    bits: u64,
    /// Where the two ends stand; loopback if absent
    #[arg(long, num_args = 2)]
    hosts: Vec<std::net::IpAddr>,
    /// A word before the other end's command, once for each, such as `ip`, `netns`, `exec`, NAME
    #[arg(long = "within")]
    within: Vec<String>,
    /// How long each of the two measurements takes at most
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    #[command(flatten)]
    output: Output,
}

/// Runs the measurement and prints it.
pub(crate) fn plain_quinn(arguments: &PlainQuinn) -> Result<(), Error> {
    arguments.output.of("plain-quinn", |folder| {
        Ok(json!({ "results": measure(folder, arguments)?, "peers": {}, "limits": {}, "goals": [] }))
    })
}

fn measure(folder: &Path, arguments: &PlainQuinn) -> Result<Value, Error> {
    let members = two_members(folder, Carrier::Quic, &arguments.hosts)?;
    let [here, there] = members.as_slice() else { return Err(no_answer("two nodes")) };
    let partner = Partner::start_as("plain-quinn-answer", &there.config, &arguments.within)?;
    let lines = Being::read(&here.config)?.lines()?;
    let to = Being::read(&there.config)?.config.lines.listen;
    let runtime = node::runtime()?;
    let measured = runtime.block_on(async {
        let (endpoint, connection) = line::plain_client(&lines, there.node, to).await?;
        let measured = samples(&connection, arguments).await;
        connection.close(0_u32.into(), b"over");
        endpoint.wait_idle().await;
        measured.map_err(|error| Error::input(error, "is the line up?"))
    });
    partner.end();
    measured
}

async fn samples(connection: &Connection, arguments: &PlainQuinn) -> Result<Value, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (send, receive) = connection.open_bi().await.map_err(|error| text(&error))?;
    send.set_priority(1).map_err(|error| text(&error))?;
    let mut urgent = Urgent { send, receive };
    let seconds = Duration::from_secs(arguments.seconds);
    eprintln!("plain quinn on the idle line");
    let (mut idle, _) = urgent.samples(seconds).await?;
    let mut bulk = connection.open_uni().await.map_err(|error| text(&error))?;
    bulk.set_priority(0).map_err(|error| text(&error))?;
    let flood =
        tokio::spawn(async move { while bulk.write_all(&[7; BULK_BYTES]).await.is_ok() {} });
    tokio::time::sleep(seconds / 2).await;
    eprintln!("plain quinn beside the bulk");
    let (mut loaded, bytes_a_second) = urgent.samples(seconds).await?;
    flood.abort();
    let share = bytes_a_second * 8.0 / arguments.bits as f64;
    Ok(json!({
        "idle": percentiles(&mut idle),
        "loaded": percentiles(&mut loaded),
        "goodput_share": (share * 1e3).round() / 1e3,
    }))
}

struct Urgent {
    send: SendStream,
    receive: RecvStream,
}

impl Urgent {
    /// One message there and back; the bulk the other end had by then.
    async fn round_trip(&mut self) -> Result<u64, String> {
        let mut message = [1; URGENT_BYTES];
        self.send.write_all(&message).await.map_err(|error| error.to_string())?;
        self.receive.read_exact(&mut message).await.map_err(|error| error.to_string())?;
        let (_, count) = message.split_last_chunk().expect("256 bytes have a last eight");
        Ok(u64::from_be_bytes(*count))
    }

    /// Round trips one after the other, and the bytes of bulk a second meanwhile.
    async fn samples(&mut self, seconds: Duration) -> Result<(Vec<Duration>, f64), String> {
        for _ in 0..WARM_UP {
            self.round_trip().await?;
        }
        let begun = instant();
        let (mut times, mut first, mut last) = (Vec::new(), None, None);
        while times.len() < SAMPLES_MAX && begun.elapsed() < seconds {
            tokio::time::sleep(BETWEEN).await;
            let sent = instant();
            let count = self.round_trip().await?;
            times.push(sent.elapsed());
            let point = (begun.elapsed(), count);
            first.get_or_insert(point);
            last = Some(point);
        }
        let (Some(first), Some(last)) = (first, last) else { return Ok((times, 0.0)) };
        let time = last.0.saturating_sub(first.0).as_secs_f64();
        let rate = if time > 0.0 { (last.1 - first.1) as f64 / time } else { 0.0 };
        Ok((times, rate))
    }
}

/// The other end: echoes what is urgent, counts the bulk.
pub(crate) fn answer(config: &Path) -> Result<(), Error> {
    let lines = Being::read(config)?.lines()?;
    let runtime = node::runtime()?;
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Ends with the measuring process, whichever way that ends.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        stop.send(()).ok();
    });
    runtime.block_on(async {
        let endpoint = line::plain_server(&lines)?;
        println!("up");
        let serve = async {
            while let Some(incoming) = endpoint.accept().await {
                if let Ok(connection) = incoming.await {
                    serve(&connection).await;
                }
            }
        };
        tokio::select! {
            () = serve => {}
            _ = stopping => {}
        }
        Ok(())
    })
}

async fn serve(connection: &Connection) {
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    let bulk = connection.clone();
    let counting = tokio::spawn(async move {
        let Ok(mut bulk) = bulk.accept_uni().await else { return };
        while let Ok(Some(chunk)) = bulk.read_chunk(usize::MAX, true).await {
            counted.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
        }
    });
    if let Ok((mut send, mut receive)) = connection.accept_bi().await {
        send.set_priority(1).ok();
        let mut message = [0; URGENT_BYTES];
        while receive.read_exact(&mut message).await.is_ok() {
            let count = taken.load(Ordering::Relaxed).to_be_bytes();
            message[URGENT_BYTES - count.len()..].copy_from_slice(&count);
            if send.write_all(&message).await.is_err() {
                break;
            }
        }
    }
    counting.abort();
}
