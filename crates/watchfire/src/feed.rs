//! Live sensor feeds: ASTERIX over UDP, as radars and their concentrators send it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use base::PartnerId;
use log::Audience;
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::RadarSite;
use crate::core::Question;
use crate::error::Error;
use crate::ingest::{self, Radars};

/// Target reports are gathered for this long, so that a sector is one entry and not fifty.
const GATHER: Duration = Duration::from_millis(250);
/// Bytes gathered at most; what comes beyond it before the next flush is dropped and counted.
const GATHERED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The largest datagram UDP carries.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// One feed in the node's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feed {
    /// Where datagrams with ASTERIX data blocks arrive.
    pub(crate) asterix_udp: SocketAddr,
    /// Who may read the reports, such as `KOR+USA`; all partners if absent.
    #[serde(default)]
    pub(crate) audience: Option<String>,
}

/// What a feed needs to know of its node.
#[derive(Clone)]
pub(crate) struct Around {
    pub(crate) partner: PartnerId,
    pub(crate) sites: Vec<RadarSite>,
    pub(crate) questions: mpsc::Sender<Question>,
}

/// Listens until `stop` changes.
pub(crate) async fn start(
    feed: &Feed,
    around: Around,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let audience =
        feed.audience.as_ref().map(|text| text.parse::<Audience>()).transpose().map_err(
            |error| Error::input(error.to_string(), "name the feed's audience as `KOR+USA`"),
        )?;
    let socket = UdpSocket::bind(feed.asterix_udp).await.map_err(|source| Error::Listen {
        what: "an ASTERIX feed",
        address: feed.asterix_udp.to_string(),
        source,
    })?;
    tokio::spawn(listen(socket, audience, around, stop));
    Ok(())
}

async fn listen(
    socket: UdpSocket,
    audience: Option<Audience>,
    around: Around,
    mut stop: watch::Receiver<bool>,
) {
    let mut radars = Radars::default();
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    let mut gathered: Vec<Vec<u8>> = Vec::new();
    let (mut bytes, mut dropped) = (0, 0_u64);
    let mut flush = tokio::time::interval(GATHER);
    loop {
        tokio::select! {
            received = socket.recv(&mut datagram) => match received {
                Ok(length) if bytes + length <= GATHERED_BYTES_MAX => {
                    gathered.push(datagram[..length].to_vec());
                    bytes += length;
                }
                Ok(_) => dropped += 1,
                Err(error) => tracing::warn!(%error, "receiving from a feed failed"),
            },
            _ = flush.tick() => {
                if dropped > 0 {
                    tracing::warn!(dropped, "a feed sent more than the node takes");
                    dropped = 0;
                }
                if gathered.is_empty() {
                    continue;
                }
                bytes = 0;
                let datagrams = std::mem::take(&mut gathered);
                if append(&datagrams, audience, &around, &mut radars).await.is_none() {
                    return;
                }
            }
            _ = stop.changed() => return,
        }
    }
}

/// Appends what was gathered; `None` once the loop is gone.
async fn append(
    datagrams: &[Vec<u8>],
    audience: Option<Audience>,
    around: &Around,
    radars: &mut Radars,
) -> Option<()> {
    let (reply, answer) = oneshot::channel();
    around.questions.send(Question::Now(reply)).await.ok()?;
    let now = answer.await.ok()?;
    let feed = ingest::from_datagrams(datagrams, now, around.partner, &around.sites, radars);
    report(&feed.skipped);
    if feed.scans.is_empty() {
        return Some(());
    }
    let (reply, answer) = oneshot::channel();
    let scans = feed.scans;
    around.questions.send(Question::Scans { scans, audience, reply }).await.ok()?;
    if let Err(problem) = answer.await.ok()? {
        tracing::warn!(
            detail = problem.detail,
            hint = problem.hint,
            "a feed's reports were refused"
        );
    }
    Some(())
}

fn report(skipped: &BTreeMap<String, u64>) {
    for (reason, count) in skipped {
        tracing::warn!(count, reason, "a feed's reports were skipped");
    }
}
