//! Reading and checking the journal, and the rows found in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};

use log::{KeyValue, StoreError, Table};

use super::client::{Connection, StreamInfo, Trouble};
use super::index::{Cache, Index, Place};
use super::message::{self, Message, Process, What};
use super::{OPEN_PATIENCE, PAUSE, ROW_BYTES_MAX, Tail};

/// Messages asked for in one run while reading everything.
const RUN_MESSAGES: usize = 512;
/// Messages read ahead when one is asked for that is not in memory.
const AHEAD_MESSAGES: usize = 64;

/// What damage means to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// It ends the reading.
    Stop,
    /// It is listed, and the reading goes on.
    List,
}

/// Messages by sequence; `None` where the leader has none.
type Run = BTreeMap<u64, Option<Arc<[u8]>>>;

/// The stream, and what was read of it.
pub(super) struct Journal {
    /// Taken when dropped, because a runtime must not wait for its tasks within another.
    runtime: Option<tokio::runtime::Runtime>,
    connection: Connection,
    /// When the stream was made: another one of the same name is not this one.
    pub(super) created: String,
    index: RwLock<Index>,
    cache: Mutex<Cache>,
    newest: Mutex<Newest>,
}

/// The last things read.
#[derive(Debug, Default)]
struct Newest {
    opened: Option<Process>,
    whole: Option<(Process, u64)>,
}

/// Runs a future on the store's own runtime and waits; callers are threads that may block.
pub(super) fn wait<T: Send + 'static>(
    runtime: &tokio::runtime::Runtime,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let (answer, answered) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move { answer.send(future.await).ok() });
    answered.recv().expect("the runtime lives as long as the store")
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Journal {
    pub(super) fn new(
        runtime: tokio::runtime::Runtime,
        connection: Connection,
        created: String,
        cache_bytes_max: usize,
    ) -> Self {
        Self {
            runtime: Some(runtime),
            connection,
            created,
            index: RwLock::default(),
            cache: Mutex::new(Cache::new(cache_bytes_max)),
            newest: Mutex::default(),
        }
    }

    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        wait(self.runtime.as_ref().expect("taken only when dropped"), future)
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        // Servers may differ after a reconnect; what every server was required to take always fits.
        self.connection.message_bytes_max().clamp(1, ROW_BYTES_MAX)
    }

    pub(super) fn info(&self) -> Result<StreamInfo, Trouble> {
        let connection = self.connection.clone();
        self.wait(async move { connection.info().await })
    }

    pub(super) fn publish(&self, message: Vec<u8>, last: u64) -> Result<(), Trouble> {
        let connection = self.connection.clone();
        self.wait(async move { connection.publish(message, last).await })
    }

    pub(super) fn leaders_copy(&self, sequence: u64) -> Result<Option<Arc<[u8]>>, Trouble> {
        let connection = self.connection.clone();
        self.wait(async move { connection.leaders_copy(sequence).await })
    }

    fn run(&self, first: u64, count: usize) -> Result<BTreeMap<u64, Arc<[u8]>>, Trouble> {
        let connection = self.connection.clone();
        self.wait(async move { connection.run(first, count).await })
    }

    /// Takes a message that is known to be the next and whole.
    pub(super) fn take(&self, sequence: u64, bytes: &Arc<[u8]>) {
        let message = message::decode(bytes).expect("it was encoded here");
        self.enter(sequence, &message, bytes).expect("parts were sent in order");
    }

    fn enter(
        &self,
        sequence: u64,
        message: &Message,
        bytes: &Arc<[u8]>,
    ) -> Result<(), &'static str> {
        let head = &message.head;
        self.cache.lock().expect("no holder panics").put(sequence, Arc::clone(bytes));
        self.index.write().expect("no holder panics").take(sequence, message, bytes)?;
        let mut newest = self.newest.lock().expect("no holder panics");
        match head.what {
            What::Opened => newest.opened = Some(head.process),
            What::Rows if head.part + 1 == head.parts => {
                newest.whole = Some((head.process, head.commit));
            }
            What::Rows | What::Closed => {}
        }
        Ok(())
    }

    /// What the journal lacks of what was acknowledged up to `tail`, in words; nothing while the servers
    /// do not answer.
    pub(super) fn lacks(&self, tail: Tail) -> Option<String> {
        let Tail { sequence, digest } = tail;
        if sequence == 0 {
            return None;
        }
        let found = self.leaders_copy(sequence).ok()?;
        if found.as_deref().map(message::digest_of) == Some(digest) {
            return None;
        }
        let end = self.info().map_or(0, |info| info.state.last_seq);
        Some(format!(
            "expected message {sequence} as it was acknowledged, got another one or none, and the journal's \
             end at {end}: the servers lost messages; what partners hold of them comes back"
        ))
    }

    /// Whether the process was the last to open the journal.
    pub(super) fn opened_by(&self, process: Process) -> bool {
        self.newest.lock().expect("no holder panics").opened == Some(process)
    }

    /// Whether this is the last whole commit.
    pub(super) fn has_whole(&self, process: Process, commit: u64) -> bool {
        self.newest.lock().expect("no holder panics").whole == Some((process, commit))
    }

    /// Forgets the messages in memory: what is read next comes from the stream.
    pub(super) fn forget(&self) {
        self.cache.lock().expect("no holder panics").clear();
    }

    /// Reads from `tail` to the stream's end, checking that each message is whole and follows the one
    /// before it.
    pub(super) fn read_on(
        &self,
        tail: &mut Tail,
        strictness: Strictness,
        faults: &mut Vec<String>,
    ) -> Result<(), String> {
        let mut fault = |why: String| match strictness {
            Strictness::Stop => Err(why),
            Strictness::List => {
                faults.push(why);
                Ok(())
            }
        };
        let begun = crate::clock::instant();
        let state = loop {
            match self.info() {
                Ok(info) => break info.state,
                Err(trouble) if begun.elapsed() > OPEN_PATIENCE => return Err(trouble.to_string()),
                Err(_) => std::thread::sleep(PAUSE),
            }
        };
        while tail.sequence < state.last_seq {
            let next = tail.sequence + 1;
            if next < state.first_seq {
                fault(format!("messages {next} to {}: deleted", state.first_seq - 1))?;
                *tail = Tail { sequence: state.first_seq - 1, digest: [0; 32] };
                continue;
            }
            for (sequence, bytes) in self.next_run(next)? {
                for missing in tail.sequence + 1..sequence {
                    fault(format!("message {missing}: missing"))?;
                }
                let gap = sequence != tail.sequence + 1;
                tail.sequence = sequence;
                let bytes =
                    bytes.map_or_else(|| Arc::from([]), |bytes| self.better(sequence, bytes));
                match message::decode(&bytes) {
                    Err(expected) => {
                        fault(format!("message {sequence}: expected {expected}"))?;
                        tail.digest = [0; 32];
                    }
                    Ok(message) => {
                        if message.head.before != tail.digest || gap {
                            fault(format!(
                                "message {sequence}: does not follow the one before it"
                            ))?;
                        }
                        if let Err(expected) = self.enter(sequence, &message, &bytes) {
                            fault(format!("message {sequence}: expected {expected}"))?;
                        }
                        tail.digest = message.digest;
                    }
                }
            }
        }
        Ok(())
    }

    /// The messages from `next` on that come at once: at least one, or `None` where the leader has none.
    fn next_run(&self, next: u64) -> Result<Run, String> {
        let begun = crate::clock::instant();
        loop {
            let why = match self.run(next, RUN_MESSAGES) {
                Ok(messages) if !messages.is_empty() => {
                    return Ok(messages.into_iter().map(|(n, bytes)| (n, Some(bytes))).collect());
                }
                // The replica that answered lags, or the message is gone: the leader knows.
                Ok(_) => match self.leaders_copy(next) {
                    Ok(bytes) => return Ok(BTreeMap::from([(next, bytes)])),
                    Err(trouble) => trouble,
                },
                Err(trouble) => trouble,
            };
            if begun.elapsed() > OPEN_PATIENCE {
                return Err(format!("message {next} could not be read: {why}"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The message itself if it is whole, or the leader's copy of it.
    fn better(&self, sequence: u64, bytes: Arc<[u8]>) -> Arc<[u8]> {
        if message::decode(&bytes).is_ok() {
            return bytes;
        }
        tracing::warn!(sequence, "a replica gave a damaged message; the leader is asked");
        match self.leaders_copy(sequence) {
            Ok(Some(other)) => other,
            Ok(None) | Err(_) => bytes,
        }
    }

    fn message(&self, sequence: u64) -> Result<Arc<[u8]>, StoreError> {
        if let Some(bytes) = self.cache.lock().expect("no holder panics").get(sequence) {
            return Ok(bytes);
        }
        let failed = |reason: String| StoreError::Failed { action: "read", reason };
        let mut run = self.run(sequence, AHEAD_MESSAGES).unwrap_or_default();
        let found = match run.remove(&sequence) {
            Some(bytes) => Some(bytes),
            None => self.leaders_copy(sequence).map_err(|trouble| failed(trouble.to_string()))?,
        };
        let bytes = found.ok_or_else(|| failed(format!("message {sequence} is missing")))?;
        let bytes = self.better(sequence, bytes);
        let mut cache = self.cache.lock().expect("no holder panics");
        cache.put(sequence, Arc::clone(&bytes));
        for (sequence, bytes) in run {
            if message::decode(&bytes).is_ok() {
                cache.put(sequence, bytes);
            }
        }
        Ok(bytes)
    }

    fn value(&self, place: &Place) -> Result<Vec<u8>, StoreError> {
        match place {
            Place::Here(value) => Ok(value.to_vec()),
            Place::Journal { sequence, start, length } => {
                let bytes = self.message(*sequence)?;
                // Of a message cut short nothing is left; the row's digest says so to the reader.
                Ok(bytes.get(*start..start + length).unwrap_or_default().to_vec())
            }
        }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let place = self.index.read().expect("no holder panics").get(table, key);
        place.map(|place| self.value(&place)).transpose()
    }

    pub(super) fn scan(
        &self,
        table: Table,
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<KeyValue>, StoreError> {
        let rows = self.index.read().expect("no holder panics").scan(table, from, limit);
        rows.into_iter().map(|(key, place)| Ok((key, self.value(&place)?))).collect()
    }

    pub(super) fn last(&self, table: Table, to: &[u8]) -> Result<Option<KeyValue>, StoreError> {
        let row = self.index.read().expect("no holder panics").last(table, to);
        row.map(|(key, place)| Ok((key, self.value(&place)?))).transpose()
    }
}
