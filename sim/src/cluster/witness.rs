//! The checkers: they see everything, and say what must never happen when it does.
//!
//! - Every fact is a statement some client made, for an audience its reader belongs to, told once a
//!   life in the order of its log (what fills a gap in an order of its own), the same at every host.
//! - What is acknowledged is durable where the acknowledgement says, then and at the end.
//! - What a `holds` receipt covers is durable at its cosigner.
//! - No effect may rest on facts under a key that signed two histories alone: once a host has the proof,
//!   each of them is contested there, after a restart too, and beside one sound fact it does no harm.
//!   What is kept apart of the other history is of a proven node, and nobody honest is contested.
//! - Nobody honest is found to have signed two histories. A byzantine partner's two histories are
//!   proven at every honest node once two of them hold checkpoints that contradict each other.
//! - Where an honest host lacks an entry that is addressed to it and another honest member of the
//!   audience has, one of them says so; and nobody says so of an honest host's log.
//! - Once the faults are over, all hosts come to the same logs, and to the same facts for those who
//!   may read them; receipts are complete, and every byte of every store verifies.
//!
//! One thing is counted and let be: what a partner holds above a gap of a log whose origin has lost its
//! disk is not returned, as nothing proves to the origin what lies between.
//!
//! Of a byzantine partner only what honest nodes make of it is checked: its own store, answers and
//! receipts may say anything. Its statements have to reach everybody they are addressed to unless it
//! was convicted or hid them.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, Timestamp};
use log::{
    Audience, Batch, CosignatureKind, EntryId, Fact, FsckScope, Hash, Kind, LogId, StoreReadExt,
    fsck, sha256,
};
use sync::{Arrival, Level, Node, Output, Ticket};

use super::cast::Cast;
use super::disk::Disk;
use super::ledger::{Ledger, look_at_frame};
use super::liar::Liar;
use super::network::HostIndex;

mod grounds;

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
    /// Whether an honest host beside the origin held it.
    held: bool,
}

/// Facts one process has told.
#[derive(Debug, Default)]
struct Told {
    statements: BTreeSet<EntryId>,
    /// Of every fact: when it holds and what it is, by audience.
    facts: BTreeMap<Audience, BTreeMap<(Timestamp, EntryId), Hash>>,
    /// The next index of each log, of what is told live or from the store.
    next: BTreeMap<LogId, u64>,
    /// Every entry told.
    entries: BTreeSet<EntryId>,
    /// Those told of other histories, kept apart.
    apart: BTreeSet<(EntryId, Hash)>,
}

/// What was seen so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// The byzantine host.
    liar: Option<HostIndex>,
    /// Whether it has signed two histories of anything.
    pub(super) liar_signed_twice: bool,
    /// Honest hosts that have proven it.
    pub(super) convicted: BTreeSet<HostIndex>,
    /// Those whose present process has the proof.
    proven: BTreeSet<HostIndex>,
    /// Facts told of other histories than the one taken first.
    pub(super) apart: u64,
    ledgers: BTreeMap<HostIndex, Ledger>,
    issued: BTreeMap<Vec<u8>, Issued>,
    tickets: BTreeMap<Ticket, Vec<u8>>,
    acknowledged: Vec<Acknowledged>,
    /// Statements taken and not refused.
    pub(super) taken: u64,
    /// Answers "durable here, pending".
    pub(super) pending: u64,
    /// Logs of which a host said that a member of an audience lacks entries.
    found_hidden: BTreeSet<String>,
    leaves: BTreeMap<EntryId, Hash>,
    contents: BTreeMap<EntryId, (Vec<u8>, Audience)>,
    told: BTreeMap<HostIndex, Told>,
    /// What was wrong, the first first.
    pub(super) failures: Vec<String>,
}

/// Words of every finding that two counts of an audience's entries differ.
const HIDDEN_WORDS: &str = " here: ";

/// Failures kept: the first says most.
const FAILURES_MAX: usize = 20;

impl Witness {
    /// Nothing seen yet.
    pub(super) fn new(liar: Option<HostIndex>) -> Self {
        Self { liar, ..Self::default() }
    }

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
    pub(super) fn start(&mut self, host: HostIndex, id: NodeId, disk: &Disk) {
        self.told.insert(host, Told::default());
        // What a crash took of a proof is found again.
        match disk.store.equivocations() {
            Ok(proofs) if !proofs.is_empty() => drop(self.proven.insert(host)),
            _ => drop(self.proven.remove(&host)),
        }
        self.ledgers.entry(host).or_default().start(id, disk);
    }

    fn is_liar(&self, id: NodeId, hosts: &[Seen<'_>]) -> bool {
        self.liar.is_some_and(|liar| hosts[liar].id == id)
    }

    /// Looks at one output of a host; `hosts` are all of them.
    pub(super) fn look(
        &mut self,
        host: HostIndex,
        output: &Output,
        hosts: &[Seen<'_>],
        now: Timestamp,
    ) {
        let id = hosts[host].id;
        if self.liar == Some(host) {
            // Whatever else it says: it opens nothing that is not for it.
            if let Output::Fact { fact, .. } = output
                && !fact.audience.contains(id.partner())
            {
                self.fail(format!("{id} opened {}, which is for {}", fact.id, fact.audience));
            }
            return;
        }
        match output {
            // Copies of old own logs come back without a mark; nothing of them is made here.
            Output::Store { writes, high_water, .. } if !high_water.is_empty() => {
                let ledger = self.ledgers.get_mut(&host).expect("a host starts before it writes");
                if let Some(failure) = ledger.look_at_writes(id, writes, now) {
                    self.fail(failure);
                }
            }
            Output::Send { peer, bytes, .. } => {
                if let Some(failure) = look_at_frame(id, *peer, bytes, hosts[host].disk) {
                    self.fail(failure);
                }
            }
            Output::Fact { fact, arrival } => {
                let lied = self.is_liar(fact.origin, hosts);
                if *arrival == Arrival::Apart {
                    self.look_at_apart(host, fact, &hosts[host], lied);
                } else {
                    self.look_at_fact(host, fact, *arrival, &hosts[host], lied);
                }
                self.look_at_grounds(&hosts[host], fact.id, lied);
            }
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
            Output::RangeReceipt { log, from, to, by } => {
                for index in [*from, *to - 1] {
                    let entry = EntryId { log: *log, index };
                    let seen = hosts.iter().find(|seen| seen.id == *by).expect("a host");
                    let excused = seen.disk.was_rolled_back || self.is_liar(*by, hosts);
                    if !is_durable(seen.disk, &entry) && !excused {
                        self.fail(format!("{by} signed a range with {entry}, which it has not"));
                    }
                }
            }
            Output::Finding { source, message, .. } if message.contains(HIDDEN_WORDS) => {
                let lied = self
                    .liar
                    .is_some_and(|liar| source.starts_with(&format!("{}.", hosts[liar].id)));
                if lied {
                    self.found_hidden.insert(source.clone());
                } else {
                    self.fail(format!("{id} says of an honest log: {message}"));
                }
            }
            Output::Equivocation { node, log, .. } => {
                if self.is_liar(*node, hosts) && self.liar_signed_twice {
                    self.convicted.insert(host);
                    self.proven.insert(host);
                } else {
                    self.fail(format!("{id} convicted {node}, which told one history of {log}"));
                }
            }
            _ => {}
        }
    }

    fn look_at_fact(
        &mut self,
        host: HostIndex,
        fact: &Fact,
        arrival: Arrival,
        seen: &Seen<'_>,
        lied: bool,
    ) {
        let (id, entry) = (seen.id, fact.id);
        let leaf = *self.leaves.entry(entry).or_insert(fact.leaf_hash);
        if leaf != fact.leaf_hash && !lied {
            self.fail(format!("{id} told another {entry} than others did"));
        }
        if !fact.audience.contains(id.partner()) {
            self.fail(format!("{id} opened {entry}, which is for {}", fact.audience));
        }
        let told = self.told.get_mut(&host).expect("a host starts before it tells");
        // What is caught up with may begin above a gap and go on with what fills it.
        let fills = arrival == Arrival::Backfilled;
        let next = told.next.entry(entry.log).or_insert(0);
        let in_order = (fills || entry.index >= *next) && told.entries.insert(entry);
        if !fills {
            *next = entry.index + 1;
        }
        // The tail of an own log of before a rollback is put together from several copies.
        let returned = entry.log.node == id && fills;
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
        let known = told.facts.entry(fact.audience).or_default();
        known.insert((fact.at, entry), fact.leaf_hash);
        if !told.statements.insert(entry) {
            self.fail(format!("{id} told {entry} twice"));
        }
        let issued = self.issued.get(&fact.content);
        let genuine = issued
            .is_some_and(|issued| issued.origin == fact.origin && issued.audience == fact.audience);
        if !genuine && !lied {
            let start = String::from_utf8_lossy(&fact.content[..fact.content.len().min(24)]);
            self.fail(format!("{id} told {entry} (`{start}`), which {} never said", fact.origin));
        }
        self.contents.entry(entry).or_insert_with(|| (fact.content.clone(), fact.audience));
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
            let excused = seen.disk.was_rolled_back || self.is_liar(*holder, hosts);
            if !is_durable(seen.disk, &entry) && !excused {
                self.fail(format!("{id} says {holder} holds {entry}, and it is not durable there"));
            }
        }
        let origin = entry.log.node;
        let held = holders.iter().any(|by| *by != origin && !self.is_liar(*by, hosts));
        self.acknowledged.push(Acknowledged { entry, content, level, held });
    }

    fn look_at_receipt(&mut self, log: LogId, size: u64, by: NodeId, hosts: &[Seen<'_>]) {
        let seen = hosts.iter().find(|seen| seen.id == by).expect("a host of the cluster");
        let durable = durable_size(seen.disk, &log);
        let excused = seen.disk.was_rolled_back || self.is_liar(by, hosts);
        if durable < size && !excused {
            self.fail(format!("{by} signed `holds` for {log} up to {size} and has {durable}"));
        }
    }

    fn honest<'s, 'h>(
        &self,
        hosts: &'h [Seen<'s>],
    ) -> impl Iterator<Item = &'h Seen<'s>> + use<'s, 'h> {
        let liar = self.liar;
        hosts.iter().filter(move |seen| Some(seen.host) != liar)
    }

    /// Whether all honest hosts are up and have come to the same logs with all receipts; if not, why
    /// not. Logs of a byzantine partner that told two histories are theirs to differ in.
    pub(super) fn disagreement(&self, hosts: &[Seen<'_>], liar: Option<&Liar>) -> Option<String> {
        let mut cuts = Vec::new();
        for seen in self.honest(hosts) {
            let Some(node) = seen.node else { return Some(format!("{} is down", seen.id)) };
            let mut missing = node.receipts_missing();
            if let Some((log, peer)) = missing.find(|(_, peer)| !self.is_liar(*peer, hosts)) {
                return Some(format!("{} lacks receipts of {peer} for {log}", seen.id));
            }
            let mut cut = node.cut();
            cut.retain(|log, _| !(self.liar_signed_twice && self.is_liar(log.node, hosts)));
            cuts.push((seen.id, cut));
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
        // A tail that a partner returns may want a second try, which nothing else waits for.
        if let Some(untold) = self.untold(hosts, liar) {
            return Some(untold);
        }
        if let Some(log) = self.liar_signed_twice.then(|| self.contradiction(hosts)).flatten() {
            let free = self.honest(hosts).find(|seen| !self.convicted.contains(&seen.host));
            return free.map(|seen| format!("{} has not seen two histories of {log}", seen.id));
        }
        if let Some(log) = liar.and_then(|liar| self.hidden_and_not_found(hosts, liar)) {
            return Some(format!("nobody has found out that entries of {log} are hidden"));
        }
        let some = !self.convicted.is_empty();
        let free = self.honest(hosts).find(|seen| some && !self.convicted.contains(&seen.host));
        free.map(|seen| format!("{} has not been shown the proof another has", seen.id))
    }

    /// A log of the byzantine partner of which two honest hosts hold checkpoints of one size and
    /// different roots.
    fn contradiction(&self, hosts: &[Seen<'_>]) -> Option<LogId> {
        let mut roots: BTreeMap<(LogId, u64), Hash> = BTreeMap::new();
        for seen in self.honest(hosts) {
            for head in seen.disk.store.heads().unwrap_or_default() {
                if !self.is_liar(head.log.node, hosts) {
                    continue;
                }
                let batches = seen.disk.store.batches(&head.log, 0, usize::MAX, usize::MAX);
                for batch in batches.unwrap_or_default() {
                    let root = batch.checkpoint().checkpoint.root;
                    if *roots.entry((head.log, batch.end())).or_insert(root) != root {
                        return Some(head.log);
                    }
                }
            }
        }
        None
    }

    /// A log of the byzantine partner of which one honest host lacks an entry that is addressed to it
    /// and to another that has it, while neither has said so.
    fn hidden_and_not_found(&self, hosts: &[Seen<'_>], liar: &Liar) -> Option<LogId> {
        let logs: BTreeSet<LogId> = liar.hidden.iter().map(|(log, _)| *log).collect();
        let excused = self.liar_signed_twice || !self.convicted.is_empty();
        let unfound = |log: &LogId| !excused && !self.found_hidden.contains(&log.to_string());
        logs.into_iter().filter(unfound).find(|log| {
            let whole: Vec<BTreeMap<EntryId, Audience>> = self
                .honest(hosts)
                .map(|seen| {
                    let batches = seen.disk.store.batches(log, 0, usize::MAX, usize::MAX);
                    let batches = batches.unwrap_or_default();
                    let entries = batches.iter().flat_map(Batch::entries);
                    entries.map(|entry| (entry.id(), entry.header().audience)).collect()
                })
                .collect();
            // A host that knows its copy for lacking something has said so.
            let unseen: Vec<Option<u64>> = self
                .honest(hosts)
                .map(|seen| seen.node.and_then(|node| node.unseen(log)))
                .collect();
            let members = |audience: &Audience| {
                self.honest(hosts).all(|seen| audience.contains(seen.id.partner()))
            };
            let (Some(one), Some(other)) = (whole.first(), whole.get(1)) else { return false };
            let differs =
                |a: &BTreeMap<EntryId, Audience>, b: &BTreeMap<EntryId, Audience>, unseen| {
                    a.iter().any(|(entry, audience)| {
                        let known = |first: u64| first <= entry.index;
                        members(audience)
                            && !b.contains_key(entry)
                            && !Option::is_some_and(unseen, known)
                    })
                };
            differs(one, other, unseen[1]) || differs(other, one, unseen[0])
        })
    }

    fn has_told(&self, seen: &Seen<'_>, entry: &EntryId) -> bool {
        self.told.get(&seen.host).is_some_and(|told| told.statements.contains(entry))
    }

    /// A statement that an honest host may read and has not told, while another honest one has.
    fn untold(&self, hosts: &[Seen<'_>], liar: Option<&Liar>) -> Option<String> {
        for seen in self.honest(hosts) {
            let Some(node) = seen.node else { continue };
            for (entry, (_, audience)) in &self.contents {
                let due = audience.contains(seen.id.partner());
                let lied = self.is_liar(entry.log.node, hosts);
                let hidden = liar.is_some_and(|l| l.hidden.contains(&(entry.log, seen.host)));
                let excused = lied && (self.liar_signed_twice || hidden);
                let kept = || self.honest(hosts).any(|other| self.has_told(other, entry));
                if due
                    && !excused
                    && !self.has_told(seen, entry)
                    && kept()
                    && !self.is_cut_off(hosts, entry)
                {
                    let gap = node.gap(&entry.log);
                    return Some(format!("{} never told {entry} (gap {gap:?})", seen.id));
                }
            }
        }
        None
    }

    /// Whether an entry whose origin has lost its disk was told, and is held above a gap by every honest
    /// host that told it.
    fn is_cut_off(&self, hosts: &[Seen<'_>], entry: &EntryId) -> bool {
        let origin = hosts.iter().find(|seen| seen.id == entry.log.node);
        let mut told = self.honest(hosts).filter(|seen| self.has_told(seen, entry)).peekable();
        origin.is_some_and(|seen| seen.disk.was_rolled_back)
            && told.peek().is_some()
            && told.all(|seen| durable_size(seen.disk, &entry.log) <= entry.index)
    }

    /// Statements that are cut off from their origin.
    pub(super) fn cut_off(&self, hosts: &[Seen<'_>]) -> BTreeSet<EntryId> {
        let entries = self.contents.keys().copied();
        entries.filter(|entry| self.is_cut_off(hosts, entry)).collect()
    }

    /// Looks at everything once all honest hosts agree.
    pub(super) fn look_at_the_end(&mut self, hosts: &[Seen<'_>], cast: &Cast, liar: Option<&Liar>) {
        let mut failures = Vec::new();
        for seen in self.honest(hosts) {
            // What a byzantine partner keeps to itself stays closed: the keys of its entries, and those of a
            // tail that it alone could return.
            let now = seen.node.map(|node| node.incarnation().to_string()).unwrap_or_default();
            let excused = |fault: &log::FsckFault| {
                let of = |id: NodeId| fault.place.contains(&format!(" of {id}."));
                let returned =
                    seen.disk.was_rolled_back && of(seen.id) && !fault.place.contains(&now);
                self.liar.is_some_and(|liar| {
                    (of(hosts[liar].id) || returned) && fault.problem.ends_with("got none")
                })
            };
            failures.extend(look_at_store(seen, cast, excused));
        }
        for failure in failures {
            self.fail(failure);
        }
        self.look_at_all_grounds(hosts);
        self.look_for_lost(hosts);
        self.compare_roots(hosts);
        self.compare_digests(hosts, cast, liar);
    }

    /// The digest of each view must be the same at all honest hosts that may read it.
    fn compare_digests(&mut self, hosts: &[Seen<'_>], cast: &Cast, liar: Option<&Liar>) {
        let cut_off: BTreeSet<LogId> = self.cut_off(hosts).iter().map(|entry| entry.log).collect();
        let lied = |log: &LogId| {
            self.is_liar(log.node, hosts)
                && (self.liar_signed_twice
                    || liar.is_some_and(|liar| liar.hidden.iter().any(|(hidden, _)| hidden == log)))
        };
        let mut failures = Vec::new();
        for audience in &cast.charter.agreement().audiences {
            let readers = self.honest(hosts).filter(|seen| audience.contains(seen.id.partner()));
            let mut digests = readers.map(|seen| {
                let facts = self.told.get(&seen.host).and_then(|told| told.facts.get(audience));
                let mut bytes = Vec::new();
                for ((at, entry), leaf) in facts.into_iter().flatten() {
                    if !lied(&entry.log) && !cut_off.contains(&entry.log) {
                        bytes.extend_from_slice(&at.as_nanos().to_be_bytes());
                        bytes.extend_from_slice(leaf);
                    }
                }
                (seen.id, sha256(&bytes))
            });
            let Some((first, digest)) = digests.next() else { continue };
            for (id, other) in digests {
                if digest != other {
                    failures.push(format!("{first} and {id} have other digests of {audience}"));
                }
            }
        }
        for failure in failures {
            self.fail(failure);
        }
    }

    fn look_for_lost(&mut self, hosts: &[Seen<'_>]) {
        let rolled_back = hosts.iter().any(|seen| seen.disk.was_rolled_back);
        let mut failures = Vec::new();
        for acknowledged in &self.acknowledged {
            let Acknowledged { entry, content, level, held } = acknowledged;
            let kept =
                hosts.iter().any(|seen| seen.id == entry.log.node && self.has_told(seen, entry));
            let same = self.contents.get(entry).is_some_and(|(known, _)| known == content);
            // `local` survives a crash, not the loss of the disk, which a rollback is; and what none
            // but a byzantine partner held beside it nobody must return.
            let gone = rolled_back
                && (!self.honest(hosts).any(|seen| self.has_told(seen, entry))
                    || self.is_cut_off(hosts, entry));
            let excused = gone && (*level == Level::Local || !held);
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
        for seen in hosts.iter().filter(|seen| Some(seen.host) != self.liar).collect::<Vec<_>>() {
            let heads = match seen.disk.store.heads() {
                Ok(heads) => heads,
                Err(error) => {
                    self.fail(format!("{}'s store does not read: {error}", seen.id));
                    continue;
                }
            };
            for head in heads {
                if self.liar_signed_twice && self.is_liar(head.log.node, hosts) {
                    continue;
                }
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
fn look_at_store(
    seen: &Seen<'_>,
    cast: &Cast,
    excused: impl Fn(&log::FsckFault) -> bool,
) -> Vec<String> {
    let (id, disk) = (seen.id, seen.disk);
    let scope = FsckScope {
        charter: &cast.charter,
        node: id,
        storage: Some(&cast.secrets[seen.host].storage),
        // What was signed and lost with the disk may have been lost for good.
        high_water: disk.high_water.as_ref().filter(|_| !disk.was_rolled_back),
    };
    let report = fsck(&disk.store, &scope);
    let faults = report.faults.iter().filter(|fault| !excused(fault));
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
    let head = disk.store.head(&entry.log).ok().flatten();
    head.is_some_and(|head| {
        head.size() > entry.index || head.islands().any(|part| part.contains(&entry.index))
    })
}
