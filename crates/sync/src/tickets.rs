//! Appends that wait for their acknowledgement.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId, Timestamp};
use log::{Audience, EntryId, LogId};

use crate::api::{Level, Output, Ticket};

#[derive(Debug)]
struct Waiting {
    /// The index of a bulk append's first entry, once that is durable here.
    first: Option<u64>,
    /// Set once the entry, the last of a bulk append, is durable here.
    entry: Option<EntryId>,
    audience: Audience,
    level: Level,
    deadline: Timestamp,
}

/// Every append not answered yet.
#[derive(Debug)]
pub(crate) struct Tickets {
    me: NodeId,
    waiting: BTreeMap<Ticket, Waiting>,
    /// Those durable here that wait for partners, by their (last) entry.
    by_entry: BTreeMap<EntryId, Ticket>,
    deadlines: BTreeSet<(Timestamp, Ticket)>,
}

impl Tickets {
    pub(crate) const fn new(me: NodeId) -> Self {
        Self { me, waiting: BTreeMap::new(), by_entry: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn contains(&self, ticket: Ticket) -> bool {
        self.waiting.contains_key(&ticket)
    }

    pub(crate) fn open(
        &mut self,
        ticket: Ticket,
        audience: Audience,
        level: Level,
        deadline: Timestamp,
    ) {
        let waiting = Waiting { first: None, entry: None, audience, level, deadline };
        let before = self.waiting.insert(ticket, waiting);
        assert!(before.is_none(), "a ticket in use is refused before it is opened");
        self.deadlines.insert((deadline, ticket));
    }

    /// The first entry of a bulk append is durable here.
    pub(crate) fn begin(&mut self, ticket: Ticket, first: EntryId) {
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            waiting.first = Some(first.index);
        }
    }

    /// The ticket's entry is durable here, and held by `holders` (this node first).
    pub(crate) fn durable(
        &mut self,
        ticket: Ticket,
        entry: EntryId,
        holders: &[NodeId],
        out: &mut Vec<Output>,
    ) {
        let Some(waiting) = self.waiting.get_mut(&ticket) else { return };
        waiting.entry = Some(entry);
        if waiting.reached(self.me, holders) {
            self.acknowledge(ticket, entry, holders, out);
        } else {
            self.by_entry.insert(entry, ticket);
        }
    }

    /// Waiting appends of `log` whose (last) entry is in `from..to`: the index of the first entry,
    /// the last entry, the ticket.
    pub(crate) fn between(&self, log: LogId, from: u64, to: u64) -> Vec<(u64, EntryId, Ticket)> {
        if from >= to {
            return Vec::new();
        }
        let range = EntryId { log, index: from }..EntryId { log, index: to };
        let first = |entry: &EntryId, ticket| self.waiting[ticket].first.unwrap_or(entry.index);
        self.by_entry
            .range(range)
            .map(|(entry, ticket)| (first(entry, ticket), *entry, *ticket))
            .collect()
    }

    /// More nodes hold a waiting entry.
    pub(crate) fn held(
        &mut self,
        entry: EntryId,
        ticket: Ticket,
        holders: &[NodeId],
        out: &mut Vec<Output>,
    ) {
        let me = self.me;
        if self.waiting.get(&ticket).is_some_and(|waiting| waiting.reached(me, holders)) {
            self.acknowledge(ticket, entry, holders, out);
        }
    }

    fn acknowledge(
        &mut self,
        ticket: Ticket,
        entry: EntryId,
        holders: &[NodeId],
        out: &mut Vec<Output>,
    ) {
        let waiting = self.close(ticket).expect("only waiting tickets are acknowledged");
        let level = waiting.level;
        let holders = members(&waiting.audience, holders.iter().copied());
        out.push(Output::Acknowledged { ticket, entry, level, holders });
    }

    /// Closes a ticket without an answer; the caller gives it, if the ticket was still waiting.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        self.close(ticket).is_some()
    }

    fn close(&mut self, ticket: Ticket) -> Option<Waiting> {
        let waiting = self.waiting.remove(&ticket)?;
        self.deadlines.remove(&(waiting.deadline, ticket));
        if let Some(entry) = waiting.entry {
            self.by_entry.remove(&entry);
        }
        Some(waiting)
    }

    /// Closes and names the tickets whose time ran out, in order of deadline, with their audience, and the
    /// index of the first entry and the last entry if they are durable here.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<Expired> {
        let mut expired = Vec::new();
        while let Some((deadline, ticket)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            let waiting = self.close(ticket).expect("every deadline has its ticket");
            let first = waiting.first;
            let durable = waiting.entry.map(|last| (first.unwrap_or(last.index), last));
            expired.push((ticket, waiting.audience, durable));
        }
        expired
    }
}

/// A ticket whose time ran out: its audience, its first index and last entry.
type Expired = (Ticket, Audience, Option<(u64, EntryId)>);

/// Those of `holders` that are of an audience: a receipt covers what is hidden from its signer too.
pub(crate) fn members(audience: &Audience, holders: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
    holders.filter(|holder| audience.contains(holder.partner())).collect()
}

impl Waiting {
    fn reached(&self, me: NodeId, holders: &[NodeId]) -> bool {
        let others = other_partners(&self.audience, me.partner());
        let needed = match self.level {
            Level::Local => 0,
            Level::Partners(k) => usize::from(k),
            Level::All => others,
        };
        let partners: BTreeSet<PartnerId> = holders
            .iter()
            .map(NodeId::partner)
            .filter(|partner| *partner != me.partner() && self.audience.contains(*partner))
            .collect();
        partners.len() >= needed
    }
}

/// How many partners other than `mine` the audience has.
pub(crate) fn other_partners(audience: &Audience, mine: PartnerId) -> usize {
    audience.members().iter().filter(|member| **member != mine).count()
}

#[cfg(test)]
mod tests {
    use base::TimeDelta;
    use log::{Incarnation, Precedence};

    use super::*;

    fn node(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    fn entry(index: u64) -> EntryId {
        let log = LogId {
            node: node("KOR-1"),
            lane: Precedence::Flash,
            incarnation: Incarnation([0; 16]),
        };
        EntryId { log, index }
    }

    fn acknowledged(out: &[Output]) -> usize {
        out.iter().filter(|output| matches!(output, Output::Acknowledged { .. })).count()
    }

    #[test]
    fn partners_count_once_and_only_members() {
        let mut tickets = Tickets::new(node("KOR-1"));
        let audience = "JPN+KOR+USA".parse().unwrap();
        tickets.open(Ticket(1), audience, Level::Partners(2), Timestamp::MAX);
        let mut out = Vec::new();
        tickets.durable(Ticket(1), entry(0), &[node("KOR-1")], &mut out);
        for holders in [
            vec![node("KOR-1"), node("KOR-2"), node("JPN-1")],
            vec![node("KOR-1"), node("JPN-1"), node("JPN-2")],
            vec![node("KOR-1"), node("AUS-1"), node("JPN-1")],
        ] {
            tickets.held(entry(0), Ticket(1), &holders, &mut out);
            assert_eq!(acknowledged(&out), 0, "{holders:?}");
        }
        let holders = [node("KOR-1"), node("JPN-1"), node("USA-1")];
        tickets.held(entry(0), Ticket(1), &holders, &mut out);
        assert_eq!((acknowledged(&out), tickets.len()), (1, 0));
        tickets.open(Ticket(2), "KOR+USA".parse().unwrap(), Level::Partners(1), Timestamp::MAX);
        out.clear();
        tickets.durable(Ticket(2), entry(1), &holders, &mut out);
        let told = out.iter().find_map(|output| match output {
            Output::Acknowledged { holders, .. } => Some(holders.clone()),
            _ => None,
        });
        assert_eq!(told, Some(vec![node("KOR-1"), node("USA-1")]), "others hold but a hash");
    }

    #[test]
    fn time_runs_out_once_with_what_is_durable() {
        let mut tickets = Tickets::new(node("KOR-1"));
        let start = Timestamp::from_seconds(10);
        let audience: Audience = "JPN+KOR".parse().unwrap();
        tickets.open(Ticket(1), audience, Level::All, start + TimeDelta::from_seconds(1));
        tickets.open(Ticket(2), audience, Level::All, start);
        let mut out = Vec::new();
        tickets.durable(Ticket(1), entry(4), &[node("KOR-1")], &mut out);
        assert_eq!(tickets.expire(start), vec![(Ticket(2), audience, None)]);
        assert_eq!(
            tickets.expire(start + TimeDelta::from_seconds(9)),
            vec![(Ticket(1), audience, Some((4, entry(4))))]
        );
        assert!(tickets.expire(Timestamp::MAX).is_empty() && out.is_empty());
        tickets.durable(Ticket(2), entry(5), &[node("KOR-1")], &mut out);
        assert!(out.is_empty(), "an answered ticket stays answered");
    }

    #[test]
    fn an_audience_of_one_is_reached_at_once() {
        let mut tickets = Tickets::new(node("KOR-1"));
        let mut out = Vec::new();
        tickets.open(
            Ticket(7),
            Audience::only(node("KOR-1").partner()),
            Level::All,
            Timestamp::MAX,
        );
        tickets.durable(Ticket(7), entry(0), &[node("KOR-1")], &mut out);
        assert_eq!(acknowledged(&out), 1);
    }
}
