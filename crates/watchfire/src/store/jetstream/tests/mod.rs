//! The journal against real NATS servers: every promise of the port, and what servers and wires do.

mod proxy;

use std::path::{Path, PathBuf};
use std::time::Duration;

use log::testing::port;
use log::{LogId, LogState, Realm, Store as _, StoreError, StoreRead, StoreReadExt as _, Write};

use self::proxy::{Proxy, Wire};
use super::cluster::{self, Cluster};
use super::{JetStreamStore, Opened, Opening, Settings};
use crate::store::HighWaterFile;
use crate::store::tests::Folder;

/// Starts `count` servers, or says why not.
fn servers(folder: &Folder, count: usize) -> Option<Cluster> {
    match cluster::program() {
        Ok(program) => {
            let path = folder.path().join("nats");
            Some(Cluster::start(program, &path, count).expect("the servers start"))
        }
        Err(why) => {
            println!("SKIPPED: the store on NATS JetStream: {why}");
            None
        }
    }
}

/// One node's place: settings, folder, high-water file.
struct Place {
    settings: Settings,
    data: PathBuf,
    watch: Duration,
}

impl Place {
    fn new(folder: &Folder, cluster: &Cluster, servers: &[String], name: &str) -> Self {
        let data = folder.path().join(name);
        std::fs::create_dir_all(&data).expect("the folder can be written");
        let replicas = cluster.servers().len();
        let text = format!(
            "servers = {servers:?}\nmonitors = {:?}\nreplicas = {replicas}",
            cluster.monitors()
        );
        let settings: Settings = toml::from_str(&text).expect("good settings");
        assert_eq!(settings.fault(), None);
        Self { settings, data, watch: Duration::from_millis(300) }
    }

    fn opening(&self) -> Opening<'_> {
        Opening {
            settings: &self.settings,
            realm: &Realm::Operational,
            node: node(),
            data: &self.data,
            high_water: self.data.join("high-water"),
            watch: self.watch,
            behind: Duration::from_millis(500),
        }
    }

    fn open(&self) -> JetStreamStore {
        let Opened { store, unknown, .. } =
            JetStreamStore::open(&self.opening()).expect("the journal opens");
        assert_eq!(unknown, Vec::<String>::new(), "every server's setting was read");
        store
    }

    fn faults(&self) -> Vec<String> {
        JetStreamStore::inspect(&self.opening()).expect("the journal can be read").faults
    }
}

fn node() -> base::NodeId {
    "KOR-1".parse().expect("a node")
}

fn note(name: &str, value: &[u8]) -> Write {
    Write::Meta { name: name.to_owned(), value: value.to_vec() }
}

fn commit(store: &mut JetStreamStore, number: u64) {
    store
        .commit(&[note(&number.to_string(), &number.to_be_bytes())])
        .expect("servers take commits");
}

fn has(store: &impl StoreRead, number: u64) -> bool {
    let value = store.meta(&number.to_string()).expect("the store reads");
    value.is_some_and(|value| value == number.to_be_bytes())
}

/// The port's bench: faults are a wire that loses what is said, or what is answered.
struct Wired {
    place: Place,
    proxy: Proxy,
}

impl port::Bench for Wired {
    type Store = JetStreamStore;

    fn open(&mut self) -> JetStreamStore {
        self.place.open()
    }

    fn fail_next(&mut self, _: &mut JetStreamStore, persisted: bool) {
        self.proxy.set(if persisted { Wire::Mute } else { Wire::Deaf });
    }

    fn mend(&mut self) {
        self.proxy.set(Wire::Whole);
    }

    fn reader(&self, store: &JetStreamStore) -> Option<Box<dyn StoreRead + Send>> {
        Some(Box::new(store.reader()))
    }
}

#[test]
fn the_ports_promises_hold() {
    let folder = Folder::new("jetstream-port");
    let Some(cluster) = servers(&folder, 1) else { return };
    let proxy = Proxy::before(&cluster.servers()[0]);
    let place = Place::new(&folder, &cluster, &[proxy.address()], "data");
    let mut bench = Wired { place, proxy };
    port::check(&mut bench);
    assert_eq!(bench.place.faults(), Vec::<String>::new());
}

#[test]
fn a_killed_or_frozen_server_of_three_loses_nothing() {
    let folder = Folder::new("jetstream-kill");
    let Some(mut cluster) = servers(&folder, 3) else { return };
    let place = Place::new(&folder, &cluster, &cluster.servers(), "data");
    let mut store = place.open();
    let mut number = 0;
    let mut more = |store: &mut JetStreamStore, count: u64| {
        for _ in 0..count {
            // What the node does: the same writes again until they are taken.
            let write = [note(&number.to_string(), &u64::to_be_bytes(number))];
            let taken = (0..20).any(|_| store.commit(&write).is_ok());
            assert!(taken, "two servers of three take commit {number}");
            number += 1;
        }
        number
    };
    more(&mut store, 5);
    let leader = cluster.leader(&place.opening().stream()).expect("the stream has a leader");
    cluster.kill(leader).expect("a process can be killed");
    more(&mut store, 5);
    cluster.restart(leader).expect("it starts again");
    let frozen = cluster.leader(&place.opening().stream()).expect("the stream has a leader");
    cluster.freeze(frozen, true).expect("a process can be frozen");
    more(&mut store, 5);
    cluster.freeze(frozen, false).expect("a process can go on");
    let count = more(&mut store, 5);
    drop(store);
    let store = place.open();
    assert!((0..count).all(|number| has(&store, number)), "every acknowledged commit is there");
    drop(store);
    assert_eq!(place.faults(), Vec::<String>::new());
}

#[test]
fn a_second_process_takes_over_and_the_first_stops() {
    let folder = Folder::new("jetstream-two");
    let Some(cluster) = servers(&folder, 1) else { return };
    let here = Place::new(&folder, &cluster, &cluster.servers(), "here");
    let there = Place::new(&folder, &cluster, &cluster.servers(), "there");
    let mut first = here.open();
    commit(&mut first, 1);
    let mut second = there.open();
    commit(&mut second, 2);
    let refused = first.commit(&[note("3", b"late")]).expect_err("another process writes");
    assert!(
        matches!(&refused, StoreError::Stopped { reason } if reason.contains("another process")),
        "{refused}"
    );
    let again = first.commit(&[note("3", b"late")]).expect_err("it stays stopped");
    assert_eq!(again, refused);
    assert!(has(&second, 1) && has(&second, 2) && second.meta("3").expect("reads").is_none());
    second.close();
    assert!(has(&here.open(), 2), "a closed journal is taken at once");
}

#[test]
fn a_process_that_shows_signs_of_life_is_not_pushed_aside() {
    let folder = Folder::new("jetstream-alive");
    let Some(cluster) = servers(&folder, 1) else { return };
    let here = Place::new(&folder, &cluster, &cluster.servers(), "here");
    let mut there = Place::new(&folder, &cluster, &cluster.servers(), "there");
    there.watch = Duration::from_secs(30);
    let mut first = here.open();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                commit(&mut first, number);
                number += 1;
            }
        });
        let refused = JetStreamStore::open(&there.opening()).err().map(|error| error.to_string());
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(refused.is_some_and(|why| why.contains("another process writes as `KOR-1`")));
    });
}

#[test]
fn a_stream_behind_the_high_water_file_stops_the_store() {
    let folder = Folder::new("jetstream-behind");
    let Some(cluster) = servers(&folder, 1) else { return };
    let proxy = Proxy::before(&cluster.servers()[0]);
    let place = Place::new(&folder, &cluster, &[proxy.address()], "data");
    let mut store = place.open();
    commit(&mut store, 1);
    // The node signed a root that the stream does not have.
    let path = place.opening().high_water;
    let mut marks = HighWaterFile::open(&path, &Realm::Operational, node()).expect("a new file");
    marks.make_whole().expect("the folder can be written");
    let log: LogId = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().expect("a log");
    marks.raise(&[LogState { log, size: 7, root: [7; 32] }]).expect("the file can be written");
    commit(&mut store, 2);
    proxy.set(Wire::Mute);
    store.commit(&[note("3", b"3")]).expect_err("no answer comes");
    proxy.set(Wire::Whole);
    let writer = store.writer.as_mut().expect("it was opened for writing");
    // As if it had been so for longer than a deposed leader may speak.
    writer.behind_since = crate::clock::instant().checked_sub(super::BEHIND_PATIENCE * 2);
    let refused = (0..20)
        .map(|_| store.commit(&[note("4", b"4")]).expect_err("nothing may be appended"))
        .find(|error| matches!(error, StoreError::Stopped { .. }));
    let refused = refused.expect("the store stops").to_string();
    assert!(refused.contains("the signed root of KOR-1.flash."), "{refused}");
    // Opened again it says so too: the node begins a new incarnation, and the log is known as lost.
    drop(store);
    let mut store = place.open();
    assert!(has(&store, 2));
    commit(&mut store, 5);
}

/// Flips one byte of `needle` wherever a server keeps it; how often.
fn damage(folder: &Path, needle: &[u8]) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").map_while(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found += damage(&path, needle);
        } else if path.extension().is_some_and(|kind| kind == "blk") {
            let mut bytes = std::fs::read(&path).expect("a block of messages");
            let places: Vec<usize> = (0..bytes.len().saturating_sub(needle.len()))
                .filter(|place| bytes[*place..].starts_with(needle))
                .collect();
            for place in &places {
                bytes[*place] ^= 1;
            }
            found += places.len();
            std::fs::write(&path, bytes).expect("a block of messages");
        }
    }
    found
}

/// A store with three commits on one server; the second one's value is `needle-in-the-journal`.
fn three_commits(place: &Place) -> JetStreamStore {
    let mut store = place.open();
    commit(&mut store, 1);
    store.commit(&[note("flipped", b"needle-in-the-journal")]).expect("servers take commits");
    commit(&mut store, 2);
    store
}

fn damage_the_needle(folder: &Folder) {
    let found = damage(&folder.path().join("nats"), b"needle-in-the-journal");
    assert!(found > 0, "the server keeps messages in the clear");
}

#[test]
fn a_damaged_message_is_found_and_named() {
    let folder = Folder::new("jetstream-damage");
    let Some(mut cluster) = servers(&folder, 1) else { return };
    let place = Place::new(&folder, &cluster, &cluster.servers(), "data");
    three_commits(&place).close();
    assert_eq!(place.faults(), Vec::<String>::new());
    // A server that was stopped knows its messages by its index and does not look at them.
    cluster.stop(0).expect("a process can be told to end");
    damage_the_needle(&folder);
    cluster.restart(0).expect("it starts again");
    let faults = place.faults();
    assert!(faults.iter().any(|fault| fault.starts_with("message 3:")), "{faults:?}");
    let refused = JetStreamStore::open(&place.opening()).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|why| why.contains("message 3:")), "a node does not start on it");
}

#[test]
fn a_journal_that_came_back_shorter_is_noticed() {
    let folder = Folder::new("jetstream-shorter");
    let Some(mut cluster) = servers(&folder, 1) else { return };
    let place = Place::new(&folder, &cluster, &cluster.servers(), "data");
    let mut store = three_commits(&place);
    // A server that crashed looks, and cuts its copy off at the damage without a word.
    cluster.kill(0).expect("a process can be killed");
    damage_the_needle(&folder);
    cluster.restart(0).expect("it starts again");
    let faults = place.faults();
    assert!(
        faults.len() == 1 && faults[0].starts_with("expected message 4 as it was acknowledged"),
        "{faults:?}"
    );
    // The process that was there appends nothing behind the cut.
    let writer = store.writer.as_mut().expect("it was opened for writing");
    writer.behind_since = crate::clock::instant().checked_sub(super::BEHIND_PATIENCE * 2);
    let refused = (0..20)
        .map(|_| store.commit(&[note("5", b"5")]).expect_err("nothing may be appended"))
        .find(|error| matches!(error, StoreError::Stopped { .. }));
    let refused = refused.expect("the store stops").to_string();
    assert!(refused.contains("to end at 4 or later as acknowledged, got 2"), "{refused}");
    drop(store);
    // The next start says what is gone and goes on with what is there, once.
    let opened = JetStreamStore::open(&place.opening()).expect("the journal opens");
    assert!(opened.unknown.iter().any(|lack| lack.contains("the servers lost messages")));
    let mut store = opened.store;
    assert!(has(&store, 1) && !has(&store, 2));
    commit(&mut store, 6);
    store.close();
    assert_eq!(place.faults(), Vec::<String>::new());
    assert!(has(&place.open(), 6));
}
