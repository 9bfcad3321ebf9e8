//! Playing a scenario: each scan goes to its sensor's own partner when it would have arrived.

use std::collections::BTreeMap;

use base::{PartnerId, Timestamp};
use formats::scenario::{self, Header, Line, Scan};

use crate::client::Client;
use crate::clock::Clock;
use crate::core::answers::Ingested;
use crate::error::Error;

/// A scenario read and checked.
pub(crate) struct Scenario {
    pub(crate) header: Header,
    /// In order of arrival.
    pub(crate) scans: Vec<Scan>,
}

/// What was played.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Played {
    pub(crate) scans: u64,
    pub(crate) plots: u64,
    /// Scans of partners without a node here.
    pub(crate) without_node: u64,
    /// Scans a node did not take: too old for its clock, or it was not there.
    pub(crate) not_taken: u64,
}

impl Scenario {
    /// Reads a scenario file; the first bad line is refused with its number.
    pub(crate) fn read(file: &[u8], name: &str) -> Result<Self, Error> {
        let (mut header, mut scans) = (None, Vec::new());
        for (_, line) in scenario::read(file) {
            let line =
                line.map_err(|error| Error::input(format!("`{name}`: {error}"), error.hint()))?;
            match line {
                Line::Header(read) => header = Some(read),
                Line::Scan(scan) => scans.push(scan),
                Line::Inject(_) => {}
            }
        }
        let header = header.ok_or_else(|| {
            Error::input(format!("`{name}` has no header line"), "the first line is the header")
        })?;
        scans.sort_by_key(Scan::t_arrive);
        Ok(Self { header, scans })
    }

    /// When the first scan was measured.
    pub(crate) fn begins(&self) -> Option<Timestamp> {
        self.scans.iter().map(Scan::t_meas).min()
    }

    /// Plays to the nodes of `clients` by `clock` until the end or until `until` says stop; `between`
    /// is called between scans.
    pub(crate) fn play(
        &self,
        clients: &BTreeMap<PartnerId, Client>,
        clock: Clock,
        mut between: impl FnMut(Timestamp) -> bool,
    ) -> Played {
        let sensors: BTreeMap<&str, PartnerId> = self
            .header
            .sensors()
            .iter()
            .map(|sensor| (sensor.id().as_str(), sensor.partner()))
            .collect();
        let header = Line::Header(self.header.clone()).to_json();
        let mut played = Played::default();
        for scan in &self.scans {
            loop {
                let wait = clock.until(scan.t_arrive());
                if wait.is_zero() {
                    break;
                }
                std::thread::sleep(wait.min(std::time::Duration::from_millis(200)));
                if !between(clock.now()) {
                    return played;
                }
            }
            let partner = sensors.get(scan.sensor().as_str());
            let Some(client) = partner.and_then(|partner| clients.get(partner)) else {
                played.without_node += 1;
                continue;
            };
            let body = format!("{header}\n{}\n", Line::Scan(scan.clone()).to_json());
            // A node that is away loses its own sensors' scans; the others play on.
            let sent: Result<Ingested, Error> =
                client.send("/api/v1/reports", "application/jsonl", body.as_bytes());
            match sent {
                Ok(answer) => {
                    played.scans += answer.appended;
                    played.plots += answer.plots;
                    played.not_taken += answer.skipped.values().sum::<u64>();
                }
                Err(error) => {
                    if played.not_taken == 0 {
                        eprintln!("{}", crate::error::Report(&error));
                    }
                    played.not_taken += 1;
                }
            }
            if !between(clock.now()) {
                return played;
            }
        }
        played
    }
}
