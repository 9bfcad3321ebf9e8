//! Where the node keeps its log: the folder, the disk under it, the store and the high-water file.

use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use base::NodeId;
use log::{HighWater, Realm, Standing, StoreRead, StoreReadExt as _};

use super::network::{CONNECT_TIMEOUT, resolve};
use super::process::Life;
use super::{Check, State, Subject, child};
use crate::error::Error;
use crate::node::Being;
use crate::store::room::reserve_path;
use crate::store::{Access, AnyOpened, AnyStore, Engine, HighWaterFile, Inspected};

/// Free bytes below which the node may soon stop appending: a day of a busy exchange.
const FREE_BYTES_RESERVE: u64 = 4 * 1024 * 1024 * 1024;
/// Free bytes below which it is about to: what the write-ahead log and one backup's start may take.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;
/// Looks at a high-water file whose slot may just be being written.
const SLOT_READS_MAX: usize = 3;
/// How long reading the journal of a store on servers may take.
const JOURNAL_TIMEOUT: Duration = Duration::from_mins(1);
/// Where NATS servers listen if their address does not say.
const NATS_PORT: u16 = 4_222;

pub(super) fn folder(subject: &Subject) -> Vec<Check> {
    let path = &subject.config.data;
    let expected = "a folder that can be written";
    let seen = |found: String| Check::ok("store folder", found, expected);
    let shown = path.display();
    vec![match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            seen(format!("`{shown}` is not there yet")).warn(format!(
                "nothing to do before the first start; else change `data` in `{}`",
                subject.path.display()
            ))
        }
        Err(error) => seen(format!("`{shown}`: {error}"))
            .error(format!("check the rights on the folders above `{shown}`")),
        Ok(file) if !file.is_dir() => seen(format!("`{shown}` is no folder"))
            .error(format!("change `data` in `{}`", subject.path.display())),
        Ok(_) => match probe(path) {
            Ok(()) => seen(format!("`{shown}`")),
            Err(error) => seen(format!("`{shown}`: {error}"))
                .error(format!("give the node's user the folder: chown -R USER {shown}")),
        },
    }]
}

/// Makes and removes a file beside the store: rights alone do not tell of read-only disks and quotas.
fn probe(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!("doctor-{}", std::process::id()));
    std::fs::OpenOptions::new().create_new(true).write(true).open(&path)?;
    std::fs::remove_file(&path)
}

/// Files that another user left, who once ran the node or a command, are found before the node cannot
/// write them.
pub(super) fn owner(subject: &Subject) -> Vec<Check> {
    let folder = &subject.config.data;
    let (Ok(owner), Ok(files)) = (std::fs::metadata(folder), std::fs::read_dir(folder)) else {
        return Vec::new();
    };
    let foreign: Vec<String> = files
        .flatten()
        .filter(|file| file.metadata().is_ok_and(|data| data.uid() != owner.uid()))
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    let expected = "the folder's owner as owner of every file";
    if foreign.is_empty() {
        return vec![Check::ok("owner", format!("user {}", owner.uid()), expected)];
    }
    let hint = format!("chown -R {} {}", owner.uid(), folder.display());
    let found = format!("other owners of {}", foreign.join(", "));
    vec![Check::ok("owner", found, expected).error(hint)]
}

/// What `stat` says of a file system.
#[derive(Debug, PartialEq, Eq)]
struct FileSystem {
    free_bytes: u64,
    kind: String,
}

/// Reads `%a %S %T`: free blocks, bytes of a block, name of the type.
fn read_file_system(answer: &str) -> Option<FileSystem> {
    let mut words = answer.split_whitespace();
    let free: u64 = words.next()?.parse().ok()?;
    let block_bytes: u64 = words.next()?.parse().ok()?;
    let kind = words.next()?.to_owned();
    Some(FileSystem { free_bytes: free.checked_mul(block_bytes)?, kind })
}

/// The file system of the store folder, or of the nearest folder above it that is there. Asked of a
/// child process: a network disk that is gone would hold this one for ever.
fn file_system_of(subject: &Subject) -> Option<FileSystem> {
    let folder = subject.config.data.ancestors().find(|folder| folder.exists())?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let answer = child::ask("stat", &["--file-system", "--format=%a %S %T", folder.to_str()?])?;
    read_file_system(&answer)
}

pub(super) fn file_system(subject: &Subject) -> Vec<Check> {
    const EXPECTED: &str = "a file system of this machine's own disk";
    vec![match file_system_of(subject) {
        Some(found) => judge_kind(&found.kind, subject.config.store == Engine::Sqlite),
        None => Check::ok("file system", "unknown: `stat` gave no answer in time", EXPECTED)
            .warn("run `stat --file-system` on the store folder"),
    }]
}

/// Memory is emptied by a restart; on network disks locks and synced writes are promises of others.
fn judge_kind(kind: &str, embedded: bool) -> Check {
    const NETWORK: [&str; 9] =
        ["nfs", "nfs4", "smb", "smb2", "cifs", "fuseblk", "fuse", "afs", "9p"];
    const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

    let expected = "a file system of this machine's own disk";
    let seen = Check::ok("file system", kind, expected);
    let hint = "name a folder on a local disk as `data`";
    let network = NETWORK.contains(&kind) || kind == "v9fs";
    match (network, MEMORY.contains(&kind)) {
        (true, _) if embedded => seen.error(hint),
        (true, _) | (_, true) => seen.warn(hint),
        _ => seen,
    }
}

pub(super) fn free_space(subject: &Subject) -> Vec<Check> {
    file_system_of(subject).map(|found| judge_free(found.free_bytes)).into_iter().collect()
}

/// Whether the reserve for FLASH is there; a node that runs gave it up, one that stopped makes it.
pub(super) fn reserve(subject: &Subject) -> Vec<Check> {
    let disk = subject.config.disk;
    if subject.config.store != Engine::Sqlite || disk.reserve_mib == 0 {
        return Vec::new();
    }
    let there = std::fs::metadata(reserve_path(&subject.config.data)).map_or(0, |file| file.len());
    let mib = there / (1024 * 1024);
    let expected = format!("{} MiB set aside for FLASH", disk.reserve_mib);
    let seen = Check::ok("reserve", format!("{mib} MiB"), expected);
    vec![match &subject.life {
        _ if mib == u64::from(disk.reserve_mib) => seen,
        Life::Stopped => seen.warn("the next start makes it where there is room"),
        Life::Running { .. } => {
            seen.error("the disk was full: free space, and the node makes it again by itself")
        }
    }]
}

fn judge_free(free_bytes: u64) -> Check {
    const MIB: u64 = 1024 * 1024;

    let expected = format!("a reserve of {} MiB", FREE_BYTES_RESERVE / MIB);
    let seen = Check::ok("free space", format!("{} MiB", free_bytes / MIB), expected);
    let hint =
        "free space on the disk of the store, or give it a larger one: a full disk pauses appends";
    if free_bytes < FREE_BYTES_MIN {
        seen.error(hint)
    } else if free_bytes < FREE_BYTES_RESERVE {
        seen.warn(hint)
    } else {
        seen
    }
}

pub(super) fn store(subject: &Subject) -> Vec<Check> {
    let expected = "a store that can be read";
    let database = subject.config.database();
    match &subject.store {
        None if subject.config.store != Engine::Sqlite => Vec::new(),
        None => {
            let found = format!("none yet at `{}`: the first start makes it", database.display());
            vec![Check::ok("store", found, expected)]
        }
        Some(Err(error)) => vec![Check::refused("store", error, expected)],
        Some(Ok(store)) => vec![match store.heads() {
            Ok(heads) => Check::ok("store", format!("{} logs", heads.len()), expected),
            Err(error) => Check::ok("store", error.to_string(), expected)
                .error("stop the node and run `watchfire fsck`"),
        }],
    }
}

pub(super) fn high_water(subject: &Subject) -> Vec<Check> {
    let expected = "a store that has everything this node signed";
    let seen = |found: String| Check::ok("high-water file", found, expected);
    // Read first: a running node raises its marks after the store has what they are about.
    let marks = match marks(subject) {
        Ok(marks) => marks,
        Err(error) => return vec![Check::refused("high-water file", &error, expected)],
    };
    let faults: Vec<Check> = marks
        .faults
        .iter()
        .map(|fault| {
            seen(format!("a damaged slot: {fault}")).warn(
                "the node goes on with the other slot; run `watchfire fsck` and look at the disk",
            )
        })
        .collect();
    if subject.config.store != Engine::Sqlite {
        let compared = compare_journal(subject, marks, seen);
        return faults.into_iter().chain([compared]).collect();
    }
    let compared = match (&marks.marks, &subject.store) {
        (None, None) => seen("none yet: the first start makes it".to_owned()),
        (None, Some(_)) if faults.is_empty() => seen("a store and no high-water file".to_owned())
            .error("put the file back; without it a restored store could sign a second history"),
        (Some(_), None) => seen("marks, and no store".to_owned()).warn(
            "the next start begins a new incarnation; `watchfire restore` puts a backup back first",
        ),
        (Some(_), Some(Ok(_))) => compare(subject, &marks, seen),
        (_, Some(_)) => return faults,
    };
    faults.into_iter().chain([compared]).collect()
}

fn marks(subject: &Subject) -> Result<Inspected, Error> {
    let path = subject.config.high_water();
    let mut found = HighWaterFile::inspect(&path)?;
    for _ in 1..SLOT_READS_MAX {
        if found.faults.is_empty() || matches!(subject.life, Life::Stopped) {
            break;
        }
        found = HighWaterFile::inspect(&path)?;
    }
    Ok(found)
}

fn compare(subject: &Subject, marks: &Inspected, seen: impl Fn(String) -> Check) -> Check {
    let (Some(Ok(store)), Some(charter)) = (&subject.store, subject.in_force()) else {
        return not_compared(seen);
    };
    judge(&Comparison::make(marks, store, charter.realm(), subject.config.node), seen)
}

fn not_compared(seen: impl Fn(String) -> Check) -> Check {
    seen("not compared: see the faults above".to_owned())
        .warn("mend what is named above, then look again")
}

/// The same with a journal that servers keep, which is read whole: within a limit.
fn compare_journal(subject: &Subject, marks: Inspected, seen: impl Fn(String) -> Check) -> Check {
    if subject.charter.is_err() || subject.secrets.is_err() {
        return not_compared(seen);
    }
    let (said, heard) = mpsc::channel();
    let path = subject.path.clone();
    // Left to itself when the limit has passed: it only reads, and ends with this process.
    std::thread::spawn(move || said.send(read_journal(&path, &marks)));
    match heard.recv_timeout(JOURNAL_TIMEOUT) {
        Ok(Ok((comparison, unchecked))) => {
            let check = judge(&comparison, seen);
            match unchecked.into_iter().next().filter(|_| check.state == State::Ok) {
                None => check,
                Some(unchecked) => {
                    Check { found: format!("{}; {unchecked}", check.found), ..check }
                        .warn("see \"Running on NATS JetStream\" in the operator's guide")
                }
            }
        }
        Ok(Err(error)) => seen(error.to_string()).error(error.hint().unwrap_or_default()),
        Err(_) => {
            let limit = JOURNAL_TIMEOUT.as_secs();
            seen(format!("not compared: the journal was not read within {limit} s"))
                .warn("stop the node and run `watchfire fsck`, which reads it")
        }
    }
}

type Journal = (Comparison, Vec<String>);

fn read_journal(path: &Path, marks: &Inspected) -> Result<Journal, Error> {
    let being = Being::read(path)?;
    let AnyOpened { store, mut unknown, faults } = AnyStore::open(&being, Access::Read)?;
    unknown.extend(faults);
    let realm = being.charter.realm();
    Ok((Comparison::make(marks, &store, realm, being.config.node), unknown))
}

/// How a store stands to the high-water file.
struct Comparison {
    logs: usize,
    standing: Result<Standing, log::Error>,
}

impl Comparison {
    fn make(marks: &Inspected, store: &impl StoreRead, realm: &Realm, me: NodeId) -> Self {
        let mut file = HighWater::new(realm.clone(), me);
        let standing = marks.marks_of(store).and_then(|marks| {
            // Marks of another node are named by the checks of the keys.
            let own = marks.iter().filter(|mark| mark.log.node == me);
            own.for_each(|mark| file.raise(mark));
            file.standing(|log, size| store.root_at(log, size))
        });
        Self { logs: file.logs().count(), standing }
    }
}

fn judge(Comparison { logs, standing }: &Comparison, seen: impl Fn(String) -> Check) -> Check {
    match standing {
        Ok(Standing::Continues) => {
            seen(format!("{logs} logs of this node, all of it in the store"))
        }
        Ok(Standing::Behind { .. }) => seen("a store that lacks entries this node signed".to_owned())
            .error("the store was put back or lost its end: its next start begins a new incarnation and fetches what partners have; run `watchfire fsck` first"),
        Err(error) => seen(error.to_string()).error("stop the node and run `watchfire fsck`"),
    }
}

/// Servers that keep the log, if servers do.
pub(super) fn servers(subject: &Subject) -> Vec<Check> {
    let Engine::Jetstream(settings) = &subject.config.store else { return Vec::new() };
    let total = settings.servers.len();
    let faults: Vec<String> =
        settings.servers.iter().filter_map(|server| unreachable(server)).collect();
    let expected = format!("{} of {total} servers or more that take connections", total / 2 + 1);
    let found = format!("{} of {total}", total - faults.len());
    if faults.is_empty() {
        return vec![Check::ok("store servers", found, expected)];
    }
    let seen = Check::ok("store servers", format!("{found}; {}", faults.join("; ")), expected);
    let hint = "start the servers, or mend `store.servers` in the configuration";
    vec![if faults.len() * 2 >= total { seen.error(hint) } else { seen.warn(hint) }]
}

/// Why a server cannot be reached, if it cannot.
fn unreachable(server: &str) -> Option<String> {
    let address = server_address(server);
    let tried = resolve(&address).and_then(|addresses| {
        let connect = |address| TcpStream::connect_timeout(address, CONNECT_TIMEOUT);
        connect(addresses.first().ok_or("it has no address")?).map_err(|error| error.to_string())
    });
    tried.err().map(|why| format!("`{address}`: {why}"))
}

/// Host and port of `nats://[USER[:PASSWORD]@]HOST[:PORT]`.
fn server_address(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
    let port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if port { host.to_owned() } else { format!("{host}:{NATS_PORT}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_judged_by_the_reserve() {
        let check = |bytes, state, found: &str| {
            let got = judge_free(bytes);
            assert_eq!((got.state, got.found.as_str()), (state, found));
            assert_eq!(got.expected, "a reserve of 4096 MiB");
        };
        check(0, State::Error, "0 MiB");
        check(536_870_911, State::Error, "511 MiB");
        check(536_870_912, State::Warning, "512 MiB");
        check(4_294_967_295, State::Warning, "4095 MiB");
        check(4_294_967_296, State::Ok, "4096 MiB");
    }

    #[test]
    fn file_systems_are_told_apart() {
        let read = read_file_system("17194089 4096 ext2/ext3\n");
        let expected = FileSystem { free_bytes: 70_426_988_544, kind: "ext2/ext3".to_owned() };
        assert_eq!(read, Some(expected));
        assert_eq!(read_file_system("stat: no such file"), None);
        for (kind, embedded, state) in [
            ("ext2/ext3", true, State::Ok),
            ("xfs", true, State::Ok),
            ("nfs", true, State::Error),
            ("nfs", false, State::Warning),
            ("tmpfs", true, State::Warning),
        ] {
            assert_eq!(judge_kind(kind, embedded).state, state, "{kind}");
        }
    }

    #[test]
    fn servers_have_addresses() {
        for (server, address) in [
            ("nats://10.0.0.1:4222", "10.0.0.1:4222"),
            ("tls://nats.example", "nats.example:4222"),
            ("nats://user:word@nats.example:4333/", "nats.example:4333"),
        ] {
            assert_eq!(server_address(server), address);
        }
    }
}
