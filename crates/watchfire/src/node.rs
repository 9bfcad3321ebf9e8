//! Starting a node: what it is from its files, then the loop, the lines, the store and the console.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base::NodeId;
use log::{Carrier, Charter, NodeSecrets, Realm};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::audit;
use crate::clock::Clock;
use crate::config::Config;
use crate::core::{Beginning, Core, Inbox, Probe, Progress, Question};
use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::feed;
use crate::heartbeat::{self, Signs};
use crate::http::{self, App, Auth};
use crate::line::{self, Directory, Events, Identity, Lines, Route};
use crate::officer::Officer;
use crate::service::Watchdog;
use crate::store::{self, Access, AnyOpened, AnyStore, Engine, HighWaterFile, SqliteStore, seal};
use crate::telemetry;

/// Line events waiting for the loop; carriers wait beyond it.
const LINE_EVENTS_MAX: usize = 1_024;
/// Frames of lanes below FLASH waiting for the loop: few, so that nothing urgent waits behind them.
const BULK_EVENTS_MAX: usize = 32;
/// Questions waiting for the loop; handlers wait beyond it.
const QUESTIONS_MAX: usize = 256;

/// Who this node is, read and checked.
pub(crate) struct Being {
    pub(crate) config: Config,
    pub(crate) charter: Arc<Charter>,
    pub(crate) secrets: NodeSecrets,
    pub(crate) clock: Clock,
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))
}

/// Reads a charter file and checks every signature.
pub(crate) fn read_charter(path: &Path) -> Result<Charter, Error> {
    Charter::parse_verify(&read_text(path)?).map_err(|error| Error::Identity {
        what: "charter",
        path: path.to_owned(),
        hint: error.hint().unwrap_or("ask the partners for the signed charter").to_owned(),
        message: error.to_string(),
    })
}

/// Reads a node's key file.
pub(crate) fn read_secrets(path: &Path) -> Result<NodeSecrets, Error> {
    let text = zeroize::Zeroizing::new(read_text(path)?);
    NodeSecrets::parse(&text).map_err(|error| Error::Identity {
        what: "keys",
        path: path.to_owned(),
        message: error.to_string(),
        hint: "name the key file that belongs to this node".to_owned(),
    })
}

/// The charter in force at a node: its file, unless its store remembers newer. A store that cannot be
/// read is for whoever reads it next to complain about.
pub(crate) fn in_force(
    config: &Config,
    file: &Charter,
    store: &impl log::StoreRead,
) -> Result<Option<Arc<Charter>>, Error> {
    match sync::CharterHistory::read(file.clone(), store) {
        Ok(history) => Ok(Some(history.in_force().clone())),
        Err(sync::Error::Log(error @ log::Error::Charter { .. })) => Err(Error::Identity {
            what: "charter",
            path: config.charter.clone(),
            hint: error.hint().unwrap_or("name the charter this node had").to_owned(),
            message: format!(
                "the store remembers one that does not follow on it (`{}`): {error}",
                config.database().display()
            ),
        }),
        Err(_) => Ok(None),
    }
}

impl Being {
    /// What a carrier needs to know of this node.
    pub(crate) fn lines(&self) -> Result<Lines, Error> {
        Ok(lines(&self.config, &self.charter, Arc::new(self.identity()?)))
    }

    /// Reads the configuration at `path` and everything it names; refuses what does not fit together.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let config = Config::read(path)?;
        let charter = read_charter(&config.charter)?;
        let secrets = read_secrets(&config.keys)?;
        let clock = clock(&config, &charter)?;
        let mut being = Self { clock, charter: Arc::new(charter), secrets, config };
        let database = being.config.database();
        if being.config.store == Engine::Sqlite
            && database.exists()
            && let Ok(store) = SqliteStore::open_for_reading(&database)
        {
            // One that does not follow on the file is for `fsck` and the node's start to report.
            being.follow(&store).ok();
        }
        being.check()?;
        Ok(being)
    }

    /// Takes the charter that the node's store remembers, if it is newer than the file. An embedded
    /// store was asked when this was read.
    pub(crate) fn follow(&mut self, store: &impl log::StoreRead) -> Result<(), Error> {
        if let Some(charter) = in_force(&self.config, &self.charter, store)? {
            self.charter = charter;
        }
        Ok(())
    }

    /// Refuses keys of another node or realm, or keys the charter does not name.
    fn check(&self) -> Result<(), Error> {
        let Self { config, charter, secrets, .. } = self;
        let refuse = |message: String, hint: &str| {
            Err(Error::Identity {
                what: "keys",
                path: config.keys.clone(),
                message,
                hint: hint.to_owned(),
            })
        };
        if secrets.node != config.node || secrets.realm != *charter.realm() {
            return refuse(
                format!(
                    "expected the keys of `{}` in `{}`, got those of `{}` in `{}`",
                    config.node,
                    charter.realm(),
                    secrets.node,
                    secrets.realm
                ),
                "name this node's own key file as `keys`",
            );
        }
        let Some(record) = charter.node(config.node) else {
            return refuse(
                format!("the charter lists no node `{}`", config.node),
                "have the partner's root sign a roster with this node",
            );
        };
        if record.key != secrets.key.verifying_key() {
            return refuse(
                format!("the charter names another key for `{}`", config.node),
                "use the key file the roster was made from, or sign a new roster",
            );
        }
        Ok(())
    }

    /// The TLS key, checked against the charter.
    fn identity(&self) -> Result<Identity, Error> {
        read_identity(&self.config, &self.charter)
    }
}

/// Reads a node's TLS key and checks it against the charter.
pub(crate) fn read_identity(config: &Config, charter: &Charter) -> Result<Identity, Error> {
    let path = &config.tls_key;
    let key = std::fs::read(path).map_err(|error| Error::file("read", path, error))?;
    let identity = Identity::from_pkcs8(&zeroize::Zeroizing::new(key), path)?;
    let named = charter.node(config.node).map(|record| record.tls_spki_sha256);
    if named != Some(identity.spki_sha256()) {
        return Err(Error::Identity {
            what: "TLS key",
            path: path.clone(),
            message: format!("the charter names another TLS key for `{}`", config.node),
            hint: "use the TLS key the roster was made from, or sign a new roster".to_owned(),
        });
    }
    Ok(identity)
}

/// Reads the key of the officer who acts at this node, if one does.
pub(crate) fn read_officer(config: &Config) -> Result<Option<Officer>, Error> {
    let Some(path) = &config.officer else { return Ok(None) };
    let text = zeroize::Zeroizing::new(read_text(path)?);
    Officer::parse(&text).map(Some).map_err(|message| Error::Identity {
        what: "officer key",
        path: path.clone(),
        message,
        hint: "name the file `officer.key` that `watchfire charter init` made for this node"
            .to_owned(),
    })
}

/// How picture time runs at a node.
pub(crate) fn clock(config: &Config, charter: &Charter) -> Result<Clock, Error> {
    let refuse = |message: &str| {
        Err(Error::Config { path: config.charter.clone(), message: message.to_owned() })
    };
    match (charter.realm(), charter.agreement().exercise, config.exercise_started) {
        (Realm::Operational, _, None) => Ok(Clock::wall()),
        (Realm::Operational, _, Some(_)) => {
            refuse("expected no `exercise_started` in the operational realm")
        }
        (Realm::Exercise(_), Some(time), Some(started)) => {
            Ok(Clock::exercise(started, time.epoch, time.clock_rate))
        }
        (Realm::Exercise(_), _, _) => {
            refuse("expected `exercise_started`, the wall time at which the exercise began")
        }
    }
}

/// The nodes `me` has a line to, with the address of those it dials.
pub(crate) fn peers(me: NodeId, charter: &Charter) -> BTreeMap<NodeId, Route> {
    charter
        .agreement()
        .lines
        .iter()
        .filter(|line| matches!(line.carrier, Carrier::Tcp | Carrier::Quic))
        .filter_map(|line| {
            let carrier = line.carrier;
            if line.from == me {
                let dial = charter.node(line.to)?.addresses.first().cloned();
                Some((line.to, Route { carrier, dial }))
            } else {
                (line.to == me).then_some((line.from, Route { carrier, dial: None }))
            }
        })
        .collect()
}

/// The threads that serve sockets.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()
        .map_err(|error| Error::input(error.to_string(), "check the system's limits on threads"))
}

/// A node that is up.
pub(crate) struct Ready {
    /// The console's address.
    pub(crate) console: String,
    /// Opens it once.
    pub(crate) link: String,
    /// The way to the loop, for measurements within this process.
    pub(crate) questions: mpsc::Sender<Question>,
}

/// Who watches a running node, beside those who ask it.
#[derive(Default)]
pub(crate) struct Watchers {
    /// Hears of every entry when its fact has been folded.
    pub(crate) probe: Option<Probe>,
    /// Hears that the loop comes by.
    pub(crate) watchdog: Option<Watchdog>,
}

/// Runs the node until `stopped` ends; `ready` is called once it is up.
pub(crate) async fn run(
    being: Being,
    stopped: impl Future<Output = ()>,
    ready: impl FnOnce(Ready),
    watchers: Watchers,
) -> Result<(), Error> {
    let identity = Arc::new(being.identity()?);
    let officer = read_officer(&being.config)?;
    let (_lock, AnyOpened { mut store, unknown, .. }) = open_store(&being)?;
    let Being { config, charter, secrets, clock } = being;
    let control = control_token(&config)?;

    let (stop, stopping) = watch::channel(false);
    let (urgent, lines_inbox) = mpsc::channel(LINE_EVENTS_MAX);
    let (bulk, bulk_inbox) = mpsc::channel(BULK_EVENTS_MAX);
    let (questions, questions_inbox) = mpsc::channel(QUESTIONS_MAX);
    let (done, store_inbox) = mpsc::unbounded_channel();

    let database = config.database();
    let mut high_water = HighWaterFile::open(&config.high_water(), charter.realm(), config.node)?;
    pay_what_is_owed(&mut store, &high_water)
        .map_err(|error| damaged(&database, &error.to_string()))?;
    let reading = store::Reading { storage: secrets.storage.clone() };
    let setup =
        sync::Setup { config: replication(&config, clock), charter: Arc::clone(&charter), secrets };
    let (node, mut outputs) = restore(setup, &store, high_water.noted(), clock)
        .map_err(|error| damaged(&database, &error.to_string()))?;
    let charter = Arc::new(node.charter().clone());
    // Nothing is written before the store proved good: a refused start leaves the seal as evidence.
    if config.store == Engine::Sqlite {
        seal::break_seal(&database)?;
    }
    outputs.extend(unknown.into_iter().map(unchecked));
    high_water.make_whole()?;
    // Each with readers of its own, so that auditors keep nobody waiting.
    let (reader, auditors_reader) = (store::Reader::new(&store), store::Reader::new(&store));
    let (jobs, store_thread) = store::start(store, high_water, reading, config.disk, done)?;
    let events = Events { urgent, bulk };
    let carriers =
        line::start(lines(&config, &charter, identity), events, stopping.clone()).await?;

    let listener = listen_to_consoles(&config).await?;
    let app = App {
        auth: Arc::new(Auth::new(control)),
        radars: Arc::new(config.radars.clone()),
        me: config.node,
        store: reader,
        beats: config.heartbeat.as_ref().map(|_| Arc::default()),
        traces: traces(&config, charter.realm(), &questions, &stopping)?,
        questions,
    };
    let asking = app.questions.clone();
    let signs = Signs::default();
    beat(&config, charter.realm(), &signs, &app, &stopping)?;
    listen_to_feeds(&config, &asking, &stopping).await?;
    let link = format!("{}/login?token={}", config.url(), app.auth.link());
    listen_to_auditors(&config, auditors_reader, &asking, &stopping).await?;
    let traces = app.traces.clone();
    let web = tokio::spawn(http::serve(listener, app, stopping.clone()));

    let core = Core::new(Beginning {
        me: config.node,
        clock,
        charter,
        tuning: config.tuning,
        effects: config.data.join("cap"),
        officer,
        node,
        carriers: Some(carriers),
        outputs,
        store: jobs,
        progress: Progress::new(watchers.watchdog, signs),
        traces,
        probe: watchers.probe,
    });
    let inbox = Inbox {
        lines: lines_inbox,
        bulk: bulk_inbox,
        store: store_inbox,
        questions: questions_inbox,
        stop: stopping,
    };
    let (loop_thread, end) = start_loop(core, inbox);
    ready(Ready { console: config.url(), link, questions: asking });
    let ended = until(stopped, end).await;
    stop.send(true).ok();
    let panicked = loop_thread.join().is_err();
    // Streams of consoles end with the loop; whatever is left is cut.
    web.abort();
    store_thread.join().ok();
    if panicked {
        return Err(loop_panicked(database));
    }
    ended.map_or(Ok(()), |why| Err(stopped_for_good(database, why)))
}

/// Opens the store for this process alone.
fn open_store(being: &Being) -> Result<(std::fs::File, AnyOpened), Error> {
    let config = &being.config;
    std::fs::create_dir_all(&config.data)
        .map_err(|error| Error::file("write", &config.data, error))?;
    let lock = lock(config)?;
    if config.store == Engine::Sqlite {
        store::make_room(&config.data, config.disk);
    }
    Ok((lock, AnyStore::open(being, Access::Write)?))
}

/// A finding about what could not be checked of the store's engine.
fn unchecked(message: String) -> sync::Output {
    sync::Output::Finding {
        severity: sync::Severity::Warning,
        source: "store".to_owned(),
        message,
        hint: Some("see \"Running on NATS JetStream\" in the operator's guide".to_owned()),
    }
}

/// Waits for the end: nothing if it was asked for, else why the loop ended by itself, if it knows.
async fn until(
    stopped: impl Future<Output = ()>,
    end: tokio::sync::oneshot::Receiver<Option<String>>,
) -> Option<String> {
    tokio::select! {
        () = stopped => None,
        end = end => {
            tracing::error!("the loop ended by itself");
            end.ok().flatten()
        }
    }
}

fn loop_panicked(path: std::path::PathBuf) -> Error {
    Error::Store {
        path,
        message: "the loop panicked; what was acknowledged is on the disk".to_owned(),
        hint: "start the node again, and report the panic printed above".to_owned(),
    }
}

fn stopped_for_good(path: std::path::PathBuf, message: String) -> Error {
    Error::Store {
        path,
        message,
        hint: "find out who else writes or what the engine lost; a new start compares with the high-water file and begins a new incarnation if need be".to_owned(),
    }
}

/// Puts into the database what only the high-water file has, after a crash between the two.
fn pay_what_is_owed(store: &mut AnyStore, high_water: &HighWaterFile) -> Result<(), log::Error> {
    // Only a store of this machine answers before its database has the rows.
    let AnyStore::Sqlite(store) = store else { return Ok(()) };
    let rows = high_water.owed(store)?;
    if !rows.is_empty() {
        store.put_rows(rows.into_iter())?;
    }
    Ok(())
}

fn replication(config: &Config, clock: Clock) -> sync::Config {
    sync::Config {
        pulse_every: base::TimeDelta::from_millis(i64::from(config.tuning.pulse_ms)),
        rate: clock.whole_rate(),
        ..sync::Config::default()
    }
}

type Restored = (sync::Node, Vec<sync::Output>);

fn restore(
    setup: sync::Setup,
    store: &AnyStore,
    noted: Option<&log::HighWater>,
    clock: Clock,
) -> Result<Restored, sync::Error> {
    sync::Node::restore(setup, store, noted, clock.now(), &mut SystemEntropy)
}

fn damaged(database: &Path, message: &str) -> Error {
    Error::Store {
        path: database.to_owned(),
        message: message.to_owned(),
        hint: "run `watchfire fsck`; a damaged store is restored from partners and backups"
            .to_owned(),
    }
}

fn lines(config: &Config, charter: &Charter, identity: Arc<Identity>) -> Lines {
    Lines {
        me: config.node,
        realm: charter.realm().to_string(),
        identity,
        directory: Arc::new(Directory::new(config.node, charter)),
        listen: config.lines.listen,
    }
}

async fn listen_to_consoles(config: &Config) -> Result<TcpListener, Error> {
    let address = config.http.listen;
    let refuse =
        |source| Error::Listen { what: "the console", address: address.to_string(), source };
    TcpListener::bind(address).await.map_err(refuse)
}

async fn listen_to_feeds(
    config: &Config,
    questions: &mpsc::Sender<Question>,
    stopping: &watch::Receiver<bool>,
) -> Result<(), Error> {
    for feed in &config.feeds {
        let around = feed::Around {
            partner: config.node.partner(),
            sites: config.radars.clone(),
            questions: questions.clone(),
        };
        feed::start(feed, around, stopping.clone()).await?;
    }
    Ok(())
}

/// Tells whoever the configuration names that the node works, for as long as it does.
fn beat(
    config: &Config,
    realm: &Realm,
    signs: &Signs,
    app: &App,
    stopping: &watch::Receiver<bool>,
) -> Result<(), Error> {
    let (Some(heartbeat), Some(beats)) = (&config.heartbeat, &app.beats) else { return Ok(()) };
    let around = heartbeat::Around {
        me: config.node,
        realm: realm.to_string(),
        pulse: std::time::Duration::from_millis(u64::from(config.tuning.pulse_ms)),
        signs: signs.clone(),
        questions: app.questions.clone(),
        beats: Arc::clone(beats),
    };
    heartbeat::start(heartbeat, around, stopping.clone())
}

/// Where spans go, if the configuration names a collector.
fn traces(
    config: &Config,
    realm: &Realm,
    questions: &mpsc::Sender<Question>,
    stopping: &watch::Receiver<bool>,
) -> Result<Option<telemetry::Sink>, Error> {
    let Some(settings) = &config.telemetry else { return Ok(None) };
    let around =
        telemetry::Around { me: config.node, realm: realm.clone(), questions: questions.clone() };
    telemetry::start(settings, &around, stopping.clone()).map(Some)
}

/// Serves auditors where the configuration says so.
async fn listen_to_auditors(
    config: &Config,
    reader: store::Reader,
    questions: &mpsc::Sender<Question>,
    stopping: &watch::Receiver<bool>,
) -> Result<(), Error> {
    let Some(audit) = &config.audit else { return Ok(()) };
    audit::start(audit, config.node, reader, questions.clone(), stopping.clone()).await
}

/// Starts the loop on a thread of its own, so that folding never holds up sockets.
fn start_loop(
    core: Core,
    inbox: Inbox,
) -> (std::thread::JoinHandle<()>, tokio::sync::oneshot::Receiver<Option<String>>) {
    let (ended, end) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("loop".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime with a timer can be made");
        let why = runtime.block_on(core.run(inbox));
        ended.send(why).ok();
    });
    (thread.expect("a thread can be started"), end)
}

/// One process a store.
pub(crate) fn lock(config: &Config) -> Result<std::fs::File, Error> {
    let path = config.data.join("lock");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| Error::file("write", &path, error))?;
    file.try_lock().map_err(|_| Error::Store {
        path: config.data.clone(),
        message: "another process has this store open".to_owned(),
        hint: "stop the other node, or give this one its own `data` folder".to_owned(),
    })?;
    Ok(file)
}

/// A fresh token for local commands, in a file only this user reads.
fn control_token(config: &Config) -> Result<String, Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let path = config.control_token();
    let token = http::random_token();
    std::fs::remove_file(&path).ok();
    std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(token.as_bytes()))
        .map_err(|error| Error::file("write", &path, error))?;
    Ok(token)
}
