//! `log`'s store port on NATS `JetStream`: a journal of commits in one replicated stream.
//!
//! ```text
//! commit ─► message(s) ─► publish, expecting the last sequence ─► quorum has fsynced ─► Ok
//! start  ─► read the whole journal ─► index of rows      reads ─► index, memory, or the stream
//! ```
//!
//! Start here: [`JetStreamStore::open`], then its `commit`. [`message`] draws the bytes, [`journal`]
//! reads and checks them, [`index`] knows where values lie, [`client`] speaks to the servers.
//!
//! What keeps the port's promises:
//! - **Atomic.** A commit is one message, or several of which only the last makes it whole. A row is
//!   never split over messages.
//! - **Durable.** `Ok` follows the stream's acknowledgement, which a majority of servers give; with
//!   `sync_interval: always` each has the message on its disk. Where the servers' monitoring can be
//!   read this is checked ([`settings`]).
//! - **One writer.** Every message expects the stream's last sequence, and a process that opens the
//!   journal appends a note first: from then on whatever another process sends is refused.
//! - **After doubt, a reread.** After a timeout, a lost connection or a change of leader nothing is
//!   appended before the journal's end was read again and compared with what was acknowledged, with
//!   what may have been persisted, and with the high-water file. A message that somebody else wrote, or
//!   acknowledged ones that stay gone, stop the store for good: [`StoreError::Stopped`]. A start, too,
//!   compares with how far this machine saw the journal acknowledged ([`end_note`]).

mod client;
mod cluster;
mod end_note;
mod index;
mod journal;
mod message;
mod settings;
pub(crate) mod soak;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::NodeId;
use base::limits::BATCH_BYTES_MAX;
use log::{
    Hash, KeyValue, LogId, LogState, Realm, Row, Store, StoreError, StoreRead, StoreReadExt as _,
    Table, Write,
};

use self::client::{Connection, StreamConfig, StreamInfo, Trouble};
use self::end_note::{EndNote, EndNoteFile};
use self::journal::{Journal, Strictness};
use self::message::{Head, Message, Process, What};
pub(crate) use self::settings::Settings;
use super::HighWaterFile;
use crate::error::Error;

/// How long a commit tries before it answers that it failed.
const COMMIT_PATIENCE: Duration = Duration::from_secs(4);
/// How long opening tries.
const OPEN_PATIENCE: Duration = Duration::from_secs(30);
/// How long the stream may seem to lack acknowledged messages: a server that was cut off answers from
/// the past until it gives up leading, which takes it ten seconds.
pub(crate) const BEHIND_PATIENCE: Duration = Duration::from_secs(30);
/// How long a process that did not close the journal is watched for signs of life, in several of the
/// pulses that every node writes.
pub(crate) const WATCH: Duration = Duration::from_secs(12);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// The largest row: a batch, its key and digest.
const ROW_BYTES_MAX: usize = BATCH_BYTES_MAX + 64 * 1024;

/// Whose journal to open, and how.
pub(crate) struct Opening<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) realm: &'a Realm,
    pub(crate) node: NodeId,
    /// The node's folder: it remembers which process of this machine opened the journal last, and how
    /// far it was acknowledged.
    pub(crate) data: &'a Path,
    /// The high-water file.
    pub(crate) high_water: PathBuf,
    /// How long to watch a journal that was not closed, see [`WATCH`].
    pub(crate) watch: Duration,
    /// How long a journal that ends too early is waited for, see [`BEHIND_PATIENCE`].
    pub(crate) behind: Duration,
}

impl Opening<'_> {
    /// The stream's name: `PREFIX_REALM_NODE`.
    pub(crate) fn stream(&self) -> String {
        let realm = self.realm.to_string().replace('/', "_");
        format!("{}_{realm}_{}", self.settings.prefix, self.node)
    }

    fn refuse(&self, message: String, hint: &str) -> Error {
        Error::Store { path: self.stream().into(), message, hint: hint.to_owned() }
    }
}

/// The end of the journal as far as it is known to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    sequence: u64,
    digest: Hash,
}

/// The writer's side.
struct Writer {
    process: Process,
    tail: Tail,
    end: EndNoteFile,
    /// Commits asked for: no two attempts with other content share a number.
    commits: u64,
    /// Whether the journal's end must be read again before anything is appended.
    unsure: bool,
    behind_since: Option<Instant>,
    stopped: Option<String>,
    high_water: PathBuf,
    /// Logs that the store lacked when it was opened; the node cites them as lost.
    lost: BTreeSet<LogId>,
}

/// One node's journal. The writer and any number of readers share what was read.
pub(crate) struct JetStreamStore {
    journal: Arc<Journal>,
    writer: Option<Writer>,
}

/// What opening found.
pub(crate) struct Opened {
    pub(crate) store: JetStreamStore,
    /// What could not be checked of the servers, in words.
    pub(crate) unknown: Vec<String>,
    /// Damage found, when opened for checking; otherwise damage is an error.
    pub(crate) faults: Vec<String>,
}

impl JetStreamStore {
    /// Opens the journal for writing, making the stream if there is none. Whatever another process
    /// still sends for this node is refused from here on.
    pub(crate) fn open(opening: &Opening<'_>) -> Result<Opened, Error> {
        let mut unknown = opening.settings.check_servers()?;
        let (journal, info) = connect(opening, true)?;
        let (process, before) = (random_process(), EndNote::read(opening.data)?);
        watch(opening, &journal, &info, before.map(|note| note.process))?;
        let mut tail = Tail { sequence: 0, digest: [0; 32] };
        let (begun, mut lost) = (crate::clock::instant(), None);
        loop {
            let mut faults = Vec::new();
            journal
                .read_on(&mut tail, Strictness::Stop, &mut faults)
                .map_err(|why| damaged(opening, &why))?;
            if journal.opened_by(process) {
                break;
            }
            if let Some(lack) = before.and_then(|note| journal.lacks(note.tail)) {
                if begun.elapsed() < opening.behind {
                    std::thread::sleep(PAUSE);
                    continue;
                }
                lost = Some(lack);
            }
            let head = Head {
                what: What::Opened,
                process,
                commit: 0,
                part: 0,
                parts: 1,
                before: tail.digest,
            };
            let note = message::encode(&head, &[]);
            match journal.publish(note, tail.sequence) {
                Err(Trouble::Refused(why)) => {
                    return Err(opening.refuse(why, "mend the servers' configuration"));
                }
                Err(trouble) if begun.elapsed() > OPEN_PATIENCE => {
                    return Err(opening.refuse(
                        format!("expected the stream to take a note: {trouble}"),
                        "a majority of the NATS servers must run; see `nats server report jetstream`",
                    ));
                }
                Err(_) => std::thread::sleep(PAUSE),
                // The next turn reads it.
                Ok(()) => {}
            }
        }
        unknown.extend(lost);
        let end = EndNoteFile::open(opening.data)?;
        end.write(EndNote { process, tail });
        let high_water = opening.high_water.clone();
        let mut store = Self { journal, writer: None };
        let marks = HighWaterFile::inspect(&high_water)?.marks;
        let missing = store.missing(&marks.unwrap_or_default());
        let lost = missing
            .map_err(|error| damaged(opening, &error.to_string()))?
            .into_iter()
            .map(|state| state.log)
            .collect();
        store.writer = Some(Writer {
            process,
            tail,
            end,
            commits: 0,
            unsure: false,
            behind_since: None,
            stopped: None,
            high_water,
            lost,
        });
        Ok(Opened { store, unknown, faults: Vec::new() })
    }

    /// Opens the journal for reading, writing nothing; damage is listed and passed over.
    pub(crate) fn inspect(opening: &Opening<'_>) -> Result<Opened, Error> {
        let unknown = opening.settings.check_servers()?;
        // Before the journal: a node that runs beside goes on meanwhile.
        let note = EndNote::read(opening.data)?;
        let (journal, _) = connect(opening, false)?;
        let mut faults = Vec::new();
        let mut tail = Tail { sequence: 0, digest: [0; 32] };
        journal
            .read_on(&mut tail, Strictness::List, &mut faults)
            .map_err(|why| damaged(opening, &why))?;
        faults.extend(note.and_then(|note| journal.lacks(note.tail)));
        Ok(Opened { store: Self { journal, writer: None }, unknown, faults })
    }

    /// A reader beside this store.
    pub(crate) fn reader(&self) -> Self {
        Self { journal: Arc::clone(&self.journal), writer: None }
    }

    /// Says in the journal that this process has ended, so that the next need not wait.
    pub(crate) fn close(mut self) {
        let Some(writer) = self.writer.take().filter(|writer| !writer.unsure) else { return };
        let head = Head {
            what: What::Closed,
            process: writer.process,
            commit: writer.commits,
            part: 0,
            parts: 1,
            before: writer.tail.digest,
        };
        let note = message::encode(&head, &[]);
        if let Err(trouble) = self.journal.publish(note, writer.tail.sequence) {
            tracing::warn!(%trouble, "the journal could not be closed");
        }
    }

    /// Marks whose signed root the store does not have.
    fn missing(&self, marks: &[LogState]) -> Result<Vec<LogState>, log::Error> {
        let mut missing = Vec::new();
        for mark in marks {
            if self.root_at(&mark.log, mark.size)? != Some(mark.root) {
                missing.push(*mark);
            }
        }
        Ok(missing)
    }

    /// Reads the journal's end again and compares it with all that is known.
    fn rejoin(&mut self) -> Result<(), Doubt> {
        let writer = self.writer.as_mut().expect("only the writer is in doubt");
        let info = self.journal.info()?;
        if info.created != self.journal.created {
            return Err(Doubt::Stop(format!(
                "expected the stream that was made at {}, got one made at {}",
                self.journal.created, info.created
            )));
        }
        let last = info.state.last_seq;
        if last < writer.tail.sequence {
            return writer.behind(format!(
                "expected the stream to end at {} or later as acknowledged, got {last}",
                writer.tail.sequence
            ));
        }
        if writer.tail.sequence > 0 {
            let (sequence, digest) = (writer.tail.sequence, writer.tail.digest);
            let found = self.journal.leaders_copy(sequence)?;
            if found.as_deref().map(message::digest_of) != Some(digest) {
                return writer.behind(format!(
                    "expected message {sequence} as it was acknowledged, got another one or none"
                ));
            }
        }
        while writer.tail.sequence < last {
            let sequence = writer.tail.sequence + 1;
            let found = self.journal.leaders_copy(sequence)?;
            let bytes = found.ok_or_else(|| Doubt::Wait(format!("message {sequence} is late")))?;
            // An attempt that was not acknowledged and was persisted all the same, or another's.
            match message::decode(&bytes) {
                Ok(message) if message.head.process == writer.process => {
                    if message.head.before != writer.tail.digest {
                        return Err(Doubt::Stop(format!(
                            "expected message {sequence} to follow the one before it as it was acknowledged"
                        )));
                    }
                    self.journal.take(sequence, &bytes);
                    writer.tail = Tail { sequence, digest: message.digest };
                }
                other => return Err(Doubt::Stop(foreign(sequence, &other))),
            }
        }
        self.journal.forget();
        let inspected = HighWaterFile::inspect(&writer.high_water)
            .map_err(|error| Doubt::Wait(error.to_string()))?;
        let mut marks = inspected.marks.unwrap_or_default();
        marks.retain(|mark| !writer.lost.contains(&mark.log));
        let missing = self.missing(&marks).map_err(|error| Doubt::Wait(error.to_string()))?;
        let writer = self.writer.as_mut().expect("only the writer is in doubt");
        if let Some(mark) = missing.first() {
            return writer.behind(format!(
                "expected the signed root of {} at size {} from the high-water file, got another one or none",
                mark.log, mark.size
            ));
        }
        writer.behind_since = None;
        writer.unsure = false;
        writer.note_end();
        Ok(())
    }
}

/// Why the writer may not append yet.
enum Doubt {
    /// Nothing decided; to be asked again.
    Wait(String),
    /// Never again.
    Stop(String),
}

impl From<Trouble> for Doubt {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoStream => Self::Wait("the stream is not there".to_owned()),
            other => Self::Wait(other.to_string()),
        }
    }
}

impl Writer {
    fn note_end(&self) {
        self.end.write(EndNote { process: self.process, tail: self.tail });
    }

    /// The stream seems to have lost what it acknowledged: wait, but not for ever.
    fn behind(&mut self, why: String) -> Result<(), Doubt> {
        let since = *self.behind_since.get_or_insert_with(crate::clock::instant);
        Err(if since.elapsed() > BEHIND_PATIENCE { Doubt::Stop(why) } else { Doubt::Wait(why) })
    }
}

/// Names the writer of a message that is not ours.
fn foreign(sequence: u64, message: &Result<Message, &'static str>) -> String {
    match message {
        Ok(Message { head: Head { what: What::Opened, .. }, .. }) => format!(
            "expected to be the journal's only writer, got another process of this node that opened it (message {sequence})"
        ),
        Ok(_) => format!("expected only own messages, got one of another process ({sequence})"),
        Err(expected) => format!("expected {expected} as message {sequence}, got something else"),
    }
}

impl StoreRead for JetStreamStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.journal.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.journal.scan(table, from, limit)
    }

    fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError> {
        self.journal.last(table, to)
    }
}

impl Store for JetStreamStore {
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let failed = |reason: String| StoreError::Failed { action: "commit", reason };
        let Some(writer) = &mut self.writer else {
            return Err(failed("it was opened for reading".to_owned()));
        };
        if let Some(why) = &writer.stopped {
            return Err(StoreError::Stopped { reason: why.clone() });
        }
        writer.commits += 1;
        let commit = writer.commits;
        let rows: Vec<Row> = writes.iter().map(Write::row).collect();
        let parts = message::split(rows, self.journal.message_bytes_max());
        let begun = crate::clock::instant();
        let mut why = "the stream's end is not known".to_owned();
        while begun.elapsed() < COMMIT_PATIENCE {
            if self.writer.as_ref().is_some_and(|writer| writer.unsure) {
                match self.rejoin() {
                    Ok(()) if self.journal.has_whole(self.process(), commit) => return Ok(()),
                    Ok(()) => {}
                    Err(Doubt::Stop(reason)) => {
                        let writer = self.writer.as_mut().expect("it was there");
                        writer.stopped = Some(reason.clone());
                        return Err(StoreError::Stopped { reason });
                    }
                    Err(Doubt::Wait(reason)) => {
                        why = reason;
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                }
            }
            match self.send(commit, &parts) {
                Ok(()) => return Ok(()),
                Err(Trouble::Refused(reason)) => return Err(failed(reason)),
                Err(trouble) => why = trouble.to_string(),
            }
        }
        Err(failed(why))
    }
}

impl JetStreamStore {
    fn process(&self) -> Process {
        self.writer.as_ref().expect("only the writer commits").process
    }

    /// Publishes the parts of one commit, one after the other.
    fn send(&mut self, commit: u64, parts: &[Vec<Row>]) -> Result<(), Trouble> {
        let writer = self.writer.as_mut().expect("only the writer commits");
        let count = u16::try_from(parts.len()).expect("below the limit of parts");
        for (part, rows) in (0..).zip(parts) {
            let head = Head {
                what: What::Rows,
                process: writer.process,
                commit,
                part,
                parts: count,
                before: writer.tail.digest,
            };
            let bytes = message::encode(&head, rows);
            let digest = message::digest_of(&bytes);
            let (after, shared) = (writer.tail.sequence, Arc::<[u8]>::from(bytes.as_slice()));
            // From here a crash, or a late answer, finds this message at the journal's end or not; it
            // can only ever come right after `after`.
            if let Err(trouble) = self.journal.publish(bytes, after) {
                writer.unsure |= !matches!(trouble, Trouble::Refused(_));
                return Err(trouble);
            }
            self.journal.take(after + 1, &shared);
            writer.tail = Tail { sequence: after + 1, digest };
        }
        writer.note_end();
        Ok(())
    }
}

fn damaged(opening: &Opening<'_>, why: &str) -> Error {
    opening.refuse(
        why.to_owned(),
        "run `watchfire fsck`; a damaged journal is restored from a backup, or deleted and filled again by partners",
    )
}

/// Connects and looks at the stream.
fn connect(opening: &Opening<'_>, make: bool) -> Result<(Arc<Journal>, StreamInfo), Error> {
    let stream = opening.stream();
    let subject = format!("{stream}.journal");
    let wanted = StreamConfig::wanted(&stream, &subject, opening.settings.replicas);
    let name = format!("watchfire {}", opening.node);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::input(error.to_string(), "check the system's limits on threads"))?;
    let settings = opening.settings.clone();
    let connection = journal::wait(&runtime, async move {
        Connection::open(&settings, &name, stream, subject, OPEN_PATIENCE).await
    })?;
    let most = connection.message_bytes_max();
    if most < ROW_BYTES_MAX {
        return Err(opening.refuse(
            format!("expected servers that take messages of {ROW_BYTES_MAX} bytes, got {most}"),
            "set `max_payload: 8MB` on every NATS server",
        ));
    }
    let begun = crate::clock::instant();
    let info = loop {
        let asked = {
            let (connection, wanted) = (connection.clone(), wanted.clone());
            journal::wait(&runtime, async move {
                match connection.info().await {
                    Err(Trouble::NoStream) if make => connection.create(&wanted).await,
                    other => other,
                }
            })
        };
        match asked {
            Ok(info) => break info,
            Err(Trouble::Unsure(_)) if begun.elapsed() < OPEN_PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            Err(Trouble::NoStream) => {
                return Err(opening.refuse(
                    "there is no such stream".to_owned(),
                    "start the node once, or mend `store.prefix`",
                ));
            }
            Err(trouble) => {
                return Err(opening.refuse(
                    format!("expected the stream to be described: {trouble}"),
                    "a majority of the NATS servers must run with JetStream",
                ));
            }
        }
    };
    if let Some(difference) = wanted.differs(&info.config) {
        return Err(opening.refuse(
            difference,
            "set `store.replicas` as the stream has it, or change the stream with `nats stream edit`",
        ));
    }
    let cache = opening.settings.cache_mib as usize * 1024 * 1024;
    Ok((Arc::new(Journal::new(runtime, connection, info.created.clone(), cache)), info))
}

/// Waits for signs of life of a process that did not close the journal and is not this machine's own
/// former one, which the lock on the node's folder proves dead.
fn watch(
    opening: &Opening<'_>,
    journal: &Journal,
    info: &StreamInfo,
    own: Option<Process>,
) -> Result<(), Error> {
    let unsure =
        |trouble: Trouble| opening.refuse(trouble.to_string(), "the NATS servers must answer");
    let last = info.state.last_seq;
    if last == 0 {
        return Ok(());
    }
    let Some(bytes) = journal.leaders_copy(last).map_err(unsure)? else { return Ok(()) };
    let Ok(message) = message::decode(&bytes) else { return Ok(()) };
    if message.head.what == What::Closed || own == Some(message.head.process) {
        return Ok(());
    }
    let begun = crate::clock::instant();
    while begun.elapsed() < opening.watch {
        std::thread::sleep(PAUSE);
        // No answer is no sign of life; opening itself insists on one later.
        if journal.info().is_ok_and(|info| info.state.last_seq > last) {
            return Err(opening.refuse(
                format!("another process writes as `{}`", opening.node),
                "stop the other process first: one node runs once",
            ));
        }
    }
    Ok(())
}

fn random_process() -> Process {
    let mut process = [0; 16];
    aws_lc_rs::rand::fill(&mut process).expect("the system's random generator works");
    process
}
