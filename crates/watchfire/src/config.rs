//! A node's configuration: one typed definition, unknown keys refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base::{Geodetic, NodeId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::feed::Feed;
use crate::heartbeat::Heartbeat;
use crate::store::{Disk, Engine};
use crate::telemetry::Telemetry;

/// The node's TOML file. Relative paths are relative to the file's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Which node of the charter this is.
    pub(crate) node: NodeId,
    /// The charter file.
    pub(crate) charter: PathBuf,
    /// The node's secret keys.
    pub(crate) keys: PathBuf,
    /// The node's TLS key (PKCS #8, Ed25519).
    pub(crate) tls_key: PathBuf,
    /// The key file of the officer in whose name this node's console acts, if any.
    #[serde(default)]
    pub(crate) officer: Option<PathBuf>,
    /// In an exercise: the wall time at which its clock read the charter's epoch.
    #[serde(default)]
    pub(crate) exercise_started: Option<Timestamp>,
    /// The folder for the database, the high-water file and effects such as CAP files.
    pub(crate) data: PathBuf,
    /// The console and API.
    pub(crate) http: Http,
    /// The lines to other nodes.
    pub(crate) lines: Lines,
    /// What keeps the log: a file of this machine unless set.
    #[serde(default)]
    pub(crate) store: Engine,
    /// Room on the disk of an embedded store.
    #[serde(default)]
    pub(crate) disk: Disk,
    /// What the node writes to standard error.
    #[serde(default)]
    pub(crate) log: Log,
    /// Intervals and thresholds.
    #[serde(default)]
    pub(crate) tuning: Tuning,
    /// Radar sites for recordings that do not carry them, by `SAC/SIC`.
    #[serde(default)]
    pub(crate) radars: Vec<RadarSite>,
    /// Where outside auditors may read checkpoints and tiles; nowhere if absent.
    #[serde(default)]
    pub(crate) audit: Option<Audit>,
    /// Who outside is told, again and again, that the node works; nobody if absent.
    #[serde(default)]
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Where traces of what the node does go; nowhere if absent.
    #[serde(default)]
    pub(crate) telemetry: Option<Telemetry>,
    /// Sensor feeds this node listens to.
    #[serde(default)]
    pub(crate) feeds: Vec<Feed>,
}

/// Where the console and API are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// A loopback address: put a TLS-terminating proxy before it to serve others.
    pub(crate) listen: SocketAddr,
}

/// Where partners' nodes reach this one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lines {
    /// The address of the TLS listener.
    pub(crate) listen: SocketAddr,
}

/// What is served to outside auditors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    /// The address; one that is not loopback needs a certificate.
    pub(crate) listen: SocketAddr,
    /// The certificate chain (PEM) for HTTPS.
    #[serde(default)]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[serde(default)]
    pub(crate) key: Option<PathBuf>,
    /// Requests a second of one address, with five seconds' worth at once; 200 if absent.
    #[serde(default = "requests_per_s")]
    pub(crate) requests_per_s: u32,
}

const fn requests_per_s() -> u32 {
    200
}

impl Audit {
    fn check(&self) -> Result<(), String> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err("expected `audit.certificate` and `audit.key` together".to_owned());
        }
        if self.certificate.is_none() && !self.listen.ip().is_loopback() {
            return Err(format!(
                "expected `audit.certificate` and `audit.key` for an address others reach, got `{}` \
                 without",
                self.listen
            ));
        }
        if self.requests_per_s == 0 {
            return Err("expected `audit.requests_per_s` of 1 or more".to_owned());
        }
        Ok(())
    }
}

/// What the node says of itself while it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Lines for people, or one JSON object a line.
    pub(crate) format: LogFormat,
    /// What is said, such as `warn` or `info,watchfire::line=debug`; `WATCHFIRE_LOG` counts before it.
    pub(crate) filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "warn".to_owned() }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: `timestamp`, `level`, `target`, `message` and the fields of the message.
    Json,
}

impl Log {
    fn fault(&self) -> Option<String> {
        let read = tracing_subscriber::EnvFilter::try_new(&self.filter);
        read.err().map(|error| {
            format!("expected `log.filter` such as `warn`, got `{}`: {error}", self.filter)
        })
    }
}

/// Intervals in milliseconds of wall time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tuning {
    /// Between two pulses.
    pub(crate) pulse_ms: u32,
    /// Between two updates of the console.
    pub(crate) display_ms: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { pulse_ms: 5_000, display_ms: 200 }
    }
}

/// Where a radar stands that a recording names only by its codes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RadarSite {
    /// System area code.
    pub(crate) sac: u8,
    /// System identification code.
    pub(crate) sic: u8,
    /// Its place.
    pub(crate) site: Geodetic,
}

impl Config {
    /// Reads and checks the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        let refuse = |message: String| Error::Config { path: path.to_owned(), message };
        let mut config: Self = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if !config.http.listen.ip().is_loopback() {
            return Err(refuse(format!(
                "expected `http.listen` on a loopback address, got `{}`; put a TLS-terminating proxy before it",
                config.http.listen
            )));
        }
        let Tuning { pulse_ms, display_ms } = config.tuning;
        if pulse_ms < 50 || display_ms < 20 {
            return Err(refuse(format!(
                "expected `tuning.pulse_ms` >= 50 and `tuning.display_ms` >= 20, got {pulse_ms}, {display_ms}"
            )));
        }
        if let Some(audit) = &config.audit {
            audit.check().map_err(refuse)?;
        }
        if let Some(fault) = config.log.fault() {
            return Err(refuse(fault));
        }
        if let Some(fault) = config.store.fault() {
            return Err(refuse(fault));
        }
        if let Some(fault) = config.heartbeat.as_ref().and_then(Heartbeat::fault) {
            return Err(refuse(fault));
        }
        if let Some(fault) = config.telemetry.as_ref().and_then(Telemetry::fault) {
            return Err(refuse(fault));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let officer = config.officer.iter_mut();
        let audit =
            config.audit.iter_mut().flat_map(|a| a.certificate.iter_mut().chain(&mut a.key));
        for file in [&mut config.charter, &mut config.keys, &mut config.tls_key, &mut config.data]
            .into_iter()
            .chain(officer)
            .chain(audit)
            .chain(config.heartbeat.iter_mut().flat_map(Heartbeat::paths_mut))
            .chain(config.telemetry.iter_mut().filter_map(|telemetry| telemetry.ca.as_mut()))
            .chain(config.store.paths_mut())
        {
            if file.is_relative() {
                *file = folder.join(&*file);
            }
        }
        Ok(config)
    }

    /// The database of the node's realm.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("watchfire.sqlite")
    }

    /// The high-water file, outside the database and its backups.
    pub(crate) fn high_water(&self) -> PathBuf {
        self.data.join("high-water")
    }

    /// The token local commands authenticate with; readable by the node's user only.
    pub(crate) fn control_token(&self) -> PathBuf {
        self.data.join("control-token")
    }

    /// The address local commands reach the node at.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.http.listen)
    }
}
