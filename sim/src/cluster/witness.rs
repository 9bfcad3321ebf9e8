//! The checkers: they see everything, and say what must never happen when it does.
//!
//! - Every fact is a statement some client made, for an audience its reader belongs to, told once a
//!   life in the order of its log, the same at every host.
//! - What is acknowledged is durable where the acknowledgement says, then and at the end.
//! - What a `holds` receipt covers is durable at its cosigner.
//! - Nobody is found to have signed two histories, for nobody did.
//! - Once the faults are over, all hosts come to the same logs, and to the same facts for those who
//!   may read them; receipts are complete, and every byte of every store verifies.

use std::collections::{BTreeMap, BTreeSet};

use base::NodeId;
use log::{
    Audience, Batch, CosignatureKind, EntryId, Fact, FsckScope, Hash, Kind, LogId, StoreReadExt,
    fsck,
};
use sync::{Arrival, Level, Node, Output, Ticket};

use super::cast::Cast;
use super::disk::Disk;
use super::network::HostIndex;

/// The kind of every simulated statement.
pub(super) const KIND: Kind = Kind::from_static("sim.statement");

/// One host, as the checkers see it.
pub(super) struct Seen<'a> {
    /// Which.
    pub(super) host: HostIndex,
    /// Its node.
    pub(super) id: NodeId,
    /// Its disk.
    pub(super) disk: &'a Disk,
    /// Its process, if it runs.
    pub(super) node: Option<&'a Node>,
}

#[derive(Debug)]
struct Issued {
    origin: NodeId,
    audience: Audience,
}

#[derive(Debug)]
struct Acknowledged {
    entry: EntryId,
    content: Vec<u8>,
    level: Level,
}

/// Facts one process has told.
#[derive(Debug, Default)]
struct Told {
    statements: BTreeSet<EntryId>,
    next: BTreeMap<LogId, u64>,
}

/// What was seen so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Witness {
    issued: BTreeMap<Vec<u8>, Issued>,
    tickets: BTreeMap<Ticket, Vec<u8>>,
    acknowledged: Vec<Acknowledged>,
    /// Statements taken and not refused.
    pub(super) taken: u64,
    /// Answers "durable here, pending".
    pub(super) pending: u64,
    leaves: BTreeMap<EntryId, Hash>,
    contents: BTreeMap<EntryId, (Vec<u8>, Audience)>,
    told: BTreeMap<HostIndex, Told>,
    /// What was wrong, the first first.
    pub(super) failures: Vec<String>,
}

/// Failures kept: the first says most.
const FAILURES_MAX: usize = 20;

impl Witness {
    fn fail(&mut self, failure: String) {
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(failure);
        }
    }

    /// How many appends were acknowledged.
    pub(super) fn acknowledged_count(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// A client appends.
    pub(super) fn issue(
        &mut self,
        ticket: Ticket,
        origin: NodeId,
        audience: Audience,
        content: &[u8],
    ) {
        self.issued.insert(content.to_vec(), Issued { origin, audience });
        self.tickets.insert(ticket, content.to_vec());
        self.taken += 1;
    }

    /// A process starts.
    pub(super) fn start(&mut self, host: HostIndex) {
        self.told.insert(host, Told::default());
    }

    /// Looks at one output of a host; `hosts` are all of them.
    pub(super) fn look(&mut self, host: HostIndex, output: &Output, hosts: &[Seen<'_>]) {
        let id = hosts[host].id;
        match output {
            Output::Fact { fact, arrival } => self.look_at_fact(host, fact, *arrival, &hosts[host]),
            Output::Acknowledged { ticket, entry, level, holders } => {
                self.look_at_answer(*ticket, *entry, *level, holders, hosts, host);
            }
            Output::Pending { entry, .. } => {
                self.pending += 1;
                if let Some(entry) = entry
                    && !is_durable(hosts[host].disk, entry)
                {
                    self.fail(format!("{id} says {entry} is durable here, pending, and it is not"));
                }
            }
            Output::Refused { reason, .. } => {
                self.fail(format!("{id} refused a statement it had room for: {reason}"));
            }
            Output::Receipt { log, size, by, kind: CosignatureKind::Holds } => {
                self.look_at_receipt(*log, *size, *by, hosts);
            }
            Output::Equivocation { node, log, .. } => {
                self.fail(format!("{id} convicted {node}, which is honest, over {log}"));
            }
            _ => {}
        }
    }

    fn look_at_fact(&mut self, host: HostIndex, fact: &Fact, arrival: Arrival, seen: &Seen<'_>) {
        let (id, entry) = (seen.id, fact.id);
        let leaf = *self.leaves.entry(entry).or_insert(fact.leaf_hash);
        if leaf != fact.leaf_hash {
            self.fail(format!("{id} told another {entry} than others did"));
        }
        if !fact.audience.contains(id.partner()) {
            self.fail(format!("{id} opened {entry}, which is for {}", fact.audience));
        }
        let told = self.told.get_mut(&host).expect("a host starts before it tells");
        let next = told.next.entry(entry.log).or_insert(0);
        let in_order = entry.index >= *next;
        *next = (*next).max(entry.index + 1);
        // The tail of an own log of before a rollback is put together from several copies.
        let returned = entry.log.node == id && arrival == Arrival::Backfilled;
        if !in_order && !returned {
            self.fail(format!("{id} told {entry} out of order or twice"));
        }
        if fact.kind != KIND {
            if fact.kind.domain() != "log" {
                self.fail(format!("{id} told a `{}`, which nobody said", fact.kind));
            }
            return;
        }
        let told = self.told.get_mut(&host).expect("a host starts before it tells");
        if !told.statements.insert(entry) {
            self.fail(format!("{id} told {entry} twice"));
        }
        let issued = self.issued.get(&fact.content);
        let genuine = issued
            .is_some_and(|issued| issued.origin == fact.origin && issued.audience == fact.audience);
        if !genuine {
            let start = String::from_utf8_lossy(&fact.content[..fact.content.len().min(24)]);
            self.fail(format!("{id} told {entry} (`{start}`), which {} never said", fact.origin));
        }
        self.contents.insert(entry, (fact.content.clone(), fact.audience));
    }

    fn look_at_answer(
        &mut self,
        ticket: Ticket,
        entry: EntryId,
        level: Level,
        holders: &[NodeId],
        hosts: &[Seen<'_>],
        host: HostIndex,
    ) {
        let id = hosts[host].id;
        let Some(content) = self.tickets.remove(&ticket) else {
            return self.fail(format!("{id} answered a ticket twice, or one that nobody has"));
        };
        if !is_durable(hosts[host].disk, &entry) {
            self.fail(format!("{id} acknowledged {entry}, which is not durable there"));
        }
        for holder in holders {
            let seen = hosts.iter().find(|seen| seen.id == *holder).expect("a host of the cluster");
            if !is_durable(seen.disk, &entry) && !seen.disk.was_rolled_back {
                self.fail(format!("{id} says {holder} holds {entry}, and it is not durable there"));
            }
        }
        self.acknowledged.push(Acknowledged { entry, content, level });
    }

    fn look_at_receipt(&mut self, log: LogId, size: u64, by: NodeId, hosts: &[Seen<'_>]) {
        let seen = hosts.iter().find(|seen| seen.id == by).expect("a host of the cluster");
        let durable = durable_size(seen.disk, &log);
        if durable < size && !seen.disk.was_rolled_back {
            self.fail(format!("{by} signed `holds` for {log} up to {size} and has {durable}"));
        }
    }

    /// Whether all hosts are up and have come to the same logs with all receipts; if not, why not.
    pub(super) fn disagreement(hosts: &[Seen<'_>]) -> Option<String> {
        let mut cuts = Vec::new();
        for seen in hosts {
            let Some(node) = seen.node else { return Some(format!("{} is down", seen.id)) };
            if let Some((log, peer)) = node.receipts_missing().next() {
                return Some(format!("{} lacks receipts of {peer} for {log}", seen.id));
            }
            cuts.push((seen.id, node.cut()));
        }
        let ((first, cut), others) = cuts.split_first()?;
        for (id, other) in others {
            for log in cut.keys().chain(other.keys()) {
                let (here, there) = (cut.get(log), other.get(log));
                if here != there {
                    return Some(format!("{first} has {here:?} of {log} and {id} has {there:?}"));
                }
            }
        }
        None
    }

    /// Looks at everything once all hosts agree.
    pub(super) fn look_at_the_end(&mut self, hosts: &[Seen<'_>], cast: &Cast) {
        for seen in hosts {
            let (Some(node), Some(told)) = (seen.node, self.told.get(&seen.host)) else { continue };
            let mut failures = Vec::new();
            for (entry, (_, audience)) in &self.contents {
                let due = audience.contains(seen.id.partner());
                let lost = !hosts.iter().any(|other| {
                    self.told.get(&other.host).is_some_and(|told| told.statements.contains(entry))
                });
                if due && !lost && !told.statements.contains(entry) {
                    let gap = node.gap(&entry.log);
                    failures.push(format!("{} never told {entry} (gap {gap:?})", seen.id));
                }
            }
            failures.extend(look_at_store(seen, cast));
            for failure in failures {
                self.fail(failure);
            }
        }
        self.look_for_lost(hosts);
        self.compare_roots(hosts);
    }

    fn look_for_lost(&mut self, hosts: &[Seen<'_>]) {
        let rolled_back = hosts.iter().any(|seen| seen.disk.was_rolled_back);
        let mut failures = Vec::new();
        for acknowledged in &self.acknowledged {
            let Acknowledged { entry, content, level } = acknowledged;
            let told = |seen: &&Seen<'_>| {
                let told = self.told.get(&seen.host);
                told.is_some_and(|told| told.statements.contains(entry))
            };
            let kept = hosts.iter().any(|seen| seen.id == entry.log.node && told(&seen));
            let same = self.contents.get(entry).is_some_and(|(known, _)| known == content);
            // `local` survives a crash, not the loss of the disk, which a rollback is; and an
            // audience of one has nobody to return it.
            let alone = self.contents.get(entry).is_some_and(|(_, a)| a.members().len() == 1);
            let gone = rolled_back && !hosts.iter().any(|seen| told(&seen));
            let excused = gone && (*level == Level::Local || alone);
            let found = kept && same;
            if !found && !excused {
                failures.push(format!("{entry} was acknowledged at {level:?} and is lost"));
            }
        }
        for failure in failures {
            self.fail(failure);
        }
    }

    fn compare_roots(&mut self, hosts: &[Seen<'_>]) {
        let mut roots: BTreeMap<LogId, (NodeId, Hash)> = BTreeMap::new();
        for seen in hosts {
            let heads = match seen.disk.store.heads() {
                Ok(heads) => heads,
                Err(error) => {
                    self.fail(format!("{}'s store does not read: {error}", seen.id));
                    continue;
                }
            };
            for head in heads {
                let root = head.done.frontier.root();
                let (first, known) = *roots.entry(head.log).or_insert((seen.id, root));
                if known != root {
                    self.fail(format!("{first} and {} have other roots of {}", seen.id, head.log));
                }
            }
        }
    }
}

/// Verifies every byte of a host's store, and that it carries nothing whole that the host's partner
/// may not have.
fn look_at_store(seen: &Seen<'_>, cast: &Cast) -> Vec<String> {
    let (id, disk) = (seen.id, seen.disk);
    let scope = FsckScope {
        charter: &cast.charter,
        node: id,
        storage: Some(&cast.secrets[seen.host].storage),
        // What was signed and lost with the disk may have been lost for good.
        high_water: disk.high_water.as_ref().filter(|_| !disk.was_rolled_back),
    };
    let report = fsck(&disk.store, &scope);
    let faults = report.faults.iter();
    let mut failures: Vec<String> =
        faults.map(|fault| format!("fsck of {id}: {}: {}", fault.place, fault.problem)).collect();
    for head in disk.store.heads().unwrap_or_default() {
        let batches = disk.store.batches(&head.log, 0, usize::MAX, usize::MAX);
        for entry in batches.unwrap_or_default().iter().flat_map(Batch::entries) {
            if !entry.header().audience.contains(id.partner()) {
                failures.push(format!("{id} keeps {} whole", entry.id()));
            }
        }
    }
    failures
}

fn durable_size(disk: &Disk, log: &LogId) -> u64 {
    disk.store.head(log).ok().flatten().map_or(0, |head| head.size())
}

fn is_durable(disk: &Disk, entry: &EntryId) -> bool {
    durable_size(disk, &entry.log) > entry.index
}
