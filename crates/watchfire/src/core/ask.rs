//! Answers to questions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base::{NodeId, TimeDelta};
use domains::{Cut, ViewName, encode_content};
use log::{Audience, EntryId, Fact, Kind, LogId, Precedence};
use sync::{Append, Level, Ticket};
use tokio::sync::oneshot;

use super::answers::{Digest, EntryAnswer, Proposal, Status};
use super::correct::CORRECTIONS_COLLECTION;
use super::items::{
    ClockItem, INCOMPLETE_COLLECTION, IncompleteItem, LaneItem, LineItem, MissingItem, NodeItem,
    NodeState,
};
use super::pictures::Marks;
use super::{Core, Found, Metrics, Question, ScanGroup, Waiter, bulk};
use crate::console::Collections;
use crate::http::{self, Problem};
use crate::store::seal::hex;
use crate::store::{Asker, Job};

/// How long an append waits for its level unless it says so.
pub(super) const TIMEOUT_MS: u32 = 10_000;

impl Core {
    pub(super) fn answer(&mut self, question: Question) {
        // A handler that went away no longer cares.
        match question {
            Question::Now(reply) => drop(reply.send(self.clock.now())),
            Question::Partner(reply) => drop(reply.send(self.me.partner())),
            Question::Status(reply) => drop(reply.send(self.status())),
            Question::Views(reply) => drop(reply.send(self.views.names())),
            Question::Metrics(reply) => drop(reply.send(self.metrics())),
            Question::Picture { view, domain, reply } => {
                drop(reply.send(self.picture(&view, &domain)));
            }
            Question::Digest { view, cut, reply } => drop(reply.send(self.digest(&view, cut))),
            Question::Entries { log, from, limit, reply } => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                self.order(Job::Facts { log, from, limit, asker: Asker::Entries(reply) });
            }
            Question::Entry { id: EntryId { log, index }, reply } => {
                let asker = Asker::Entry(index, reply);
                self.order(Job::Facts { log, from: index, limit: 1, asker });
            }
            Question::Fact { id: EntryId { log, index }, reply } => {
                let asker = Asker::Fact(index, reply);
                self.order(Job::Facts { log, from: index, limit: 1, asker });
            }
            Question::Correct { proposal, cited, reply } => self.correct(&proposal, &cited, reply),
            Question::Cap { warning, reply } => drop(reply.send(self.cap(&warning))),
            Question::Append { proposal, reply } => self.append_proposal(&proposal, reply),
            Question::Bulk { bulk, reply } => self.append_bulk(bulk, reply),
            Question::Scans { scans, audience, reply } => {
                self.append_scans(&scans, audience, reply);
            }
            Question::Act { warning, act, note, reply } => self.act(&warning, act, note, reply),
            Question::Traced { request, question } => {
                if let Some(traces) = &mut self.traces {
                    traces.belongs_to(Some(request));
                }
                self.answer(*question);
                if let Some(traces) = &mut self.traces {
                    traces.belongs_to(None);
                }
            }
            Question::Found(Found { severity, source, message, hint }) => {
                self.find(severity, source, message, hint);
            }
            Question::CheckLines { order, reply } => self.check_lines(&order, reply),
            Question::Explain(question) => self.explain(question),
            Question::Charter(question) => self.answer_charter(question),
            Question::Carry(question) => self.carry(question),
            Question::Subscribe { view, seen, reply } => {
                drop(reply.send(self.views.subscribe(&view, seen, self.clock.now())));
            }
        }
    }

    pub(super) fn status(&self) -> Status {
        let logs = self.node.cut().into_iter().map(|(log, size)| (log.to_string(), size)).collect();
        let count = |of: fn(&domains::View) -> u64| {
            self.views.iter().map(|view| (view.name().to_string(), of(view))).collect()
        };
        Status {
            node: self.node_item(&ViewName::Own),
            now: self.clock.now(),
            lines: self.line_items(),
            logs,
            receipts_complete: self.node.receipts_complete() && self.node.receipts_stored(),
            facts: count(|view| view.len() as u64),
            refolded: count(domains::View::refolded),
            console: http::console_present(),
        }
    }

    fn metrics(&self) -> Metrics {
        Metrics {
            status: self.status(),
            appended: self.appended,
            refused: self.refused,
            findings: self.findings_total,
            fold_micros: self.fold_micros.clone(),
            waiting: self.lines.waiting(),
            exchange: self.node.counters(),
            room: self.room,
        }
    }

    pub(super) fn node_item(&self, view: &ViewName) -> NodeItem {
        let realm = self.charter.realm();
        let exercise = match realm {
            log::Realm::Operational => None,
            log::Realm::Exercise(name) => Some(name.as_str().to_owned()),
        };
        let notes: Vec<String> = self.store_fault.iter().cloned().chain(self.room_note()).collect();
        NodeItem {
            id: self.me,
            partner: self.me.partner(),
            realm: realm.to_string(),
            view: view.to_string(),
            views: self.views.names(),
            started: self.started,
            clock: ClockItem { epoch: self.clock.epoch(), rate: self.clock.rate() },
            exercise,
            edition: self.charter.edition(),
            state: if notes.is_empty() { NodeState::Ok } else { NodeState::Degraded },
            notes,
        }
    }

    pub(super) fn line_items(&self) -> Vec<LineItem> {
        let mut items = self.lines.items(|peer| self.node.relay_to(peer), |peer| self.lanes(peer));
        for suspended in self.node.suspended() {
            items
                .iter_mut()
                .filter(|line| line.id == suspended)
                .for_each(|line| line.suspended = true);
        }
        for line in &mut items {
            line.check = self.last_check(line.id);
        }
        items
    }

    fn lanes(&self, peer: NodeId) -> Vec<LaneItem> {
        let lines = self.node.lines();
        let line = lines.into_iter().find(|line| line.peer == peer);
        line.into_iter()
            .flat_map(|line| line.lanes)
            .map(|lane| LaneItem {
                lane: lane.lane.as_str().to_lowercase(),
                sent: lane.ours_size,
                // Outside the audience a partner holds only proofs, so its witness counts.
                held: lane.held_by_peer.max(lane.witnessed_by_peer),
                received: lane.durable,
                missing: lane
                    .missing
                    .into_iter()
                    .map(|part| MissingItem { from: part.start, to: part.end })
                    .collect(),
                cross_checked_by: lane.cross_checked_by.into_keys().collect(),
            })
            .collect()
    }

    fn picture(&mut self, view: &ViewName, domain: &str) -> Result<Collections, Problem> {
        let now = self.clock.now();
        let mut items = self.views.view(view)?.items(now).into_collections();
        let node = &self.node;
        let marks = Marks {
            realm: self.charter.realm(),
            came_late: &|entry| node.came_late(entry),
            is_contested: &|entry| node.is_contested(entry),
        };
        marks.put(&mut items);
        let mut picture: Collections = items
            .into_iter()
            .filter(|(name, _)| name.split('.').next() == Some(domain))
            .map(|(name, items)| (name.to_owned(), items))
            .collect();
        picture.insert(INCOMPLETE_COLLECTION.to_owned(), self.incomplete(view));
        Ok(picture)
    }

    /// The logs of a view that have a gap: those of the partners that may speak in it.
    fn incomplete(&self, view: &ViewName) -> BTreeMap<String, serde_json::Value> {
        let speaks = |partner| match view {
            ViewName::Own => true,
            ViewName::Audience(audience) => audience.contains(partner),
        };
        let mut logs: BTreeMap<LogId, Vec<MissingItem>> = BTreeMap::new();
        for (log, part) in self.node.incomplete().filter(|(log, _)| speaks(log.node.partner())) {
            logs.entry(log).or_default().push(MissingItem { from: part.start, to: part.end });
        }
        let item = |(id, missing): (LogId, Vec<MissingItem>)| {
            let item = IncompleteItem {
                id,
                partner: id.node.partner(),
                lane: id.lane.as_str().to_lowercase(),
                entries: missing.iter().map(|part| part.to - part.from).sum(),
                missing,
            };
            (id.to_string(), erased::Item::to_value(&item))
        };
        logs.into_iter().map(item).collect()
    }

    fn digest(&mut self, view: &ViewName, cut: Option<Cut>) -> Result<Digest, Problem> {
        let held: Cut = self.node.cut();
        let cut = cut.unwrap_or_else(|| held.clone());
        for (log, size) in &cut {
            let have = held.get(log).copied().unwrap_or(0);
            if have < *size {
                return Err(Problem::conflict(format!(
                    "not comparable: expected {size} entries of `{log}` without gaps, got {have}"
                ))
                .hint("wait until the lines have caught up"));
            }
        }
        let (digest, items) = self.views.digest(view, &cut)?;
        Ok(Digest {
            view: view.to_string(),
            cut: cut.iter().map(|(log, size)| (log.to_string(), *size)).collect(),
            fold_edition: domains::fold_editions()
                .into_iter()
                .map(|(name, edition)| (name.to_owned(), edition))
                .collect(),
            digest: hex(&digest),
            items,
        })
    }

    /// Gives statements read back from the store to whoever asked.
    pub(super) fn answer_facts(&mut self, facts: Vec<Fact>, asker: Asker) {
        match asker {
            Asker::Entries(reply) => {
                let answers = facts.iter().map(|fact| self.entry_answer(fact)).collect();
                drop(reply.send(answers));
            }
            Asker::Entry(index, reply) => {
                let found = facts.iter().find(|fact| fact.id.index == index);
                let answer = found.map(|fact| self.entry_answer(fact));
                drop(reply.send(answer));
            }
            Asker::Fact(index, reply) => {
                drop(reply.send(facts.into_iter().find(|fact| fact.id.index == index)));
            }
        }
    }

    fn entry_answer(&mut self, fact: &Fact) -> EntryAnswer {
        let kind = domains::kinds().into_iter().find(|kind| kind.name == fact.kind.as_str());
        EntryAnswer {
            id: fact.id.to_string(),
            origin: fact.origin,
            partner: fact.origin.partner(),
            logged: fact.logged,
            audience: fact.audience.to_string(),
            precedence: fact.precedence.as_str().to_owned(),
            kind: fact.kind.to_string(),
            edition: fact.edition,
            content: kind.and_then(|kind| (kind.to_json)(&fact.content).ok()),
            holders: self.node.holders(&fact.id, &fact.audience),
            contested: self.node.is_contested(&fact.id),
            corrections: self.corrections_of(fact),
        }
    }

    fn append_proposal(
        &mut self,
        proposal: &Proposal,
        reply: oneshot::Sender<Result<super::Appended, Problem>>,
    ) {
        let read = self.read_proposal(proposal);
        let read = read.and_then(|draft| self.room_for(draft.precedence).map(|()| draft));
        match read {
            Ok(append) => self.append(append, Waiter::Proposal(reply)),
            Err(problem) => {
                self.refused += 1;
                drop(reply.send(Err(problem)));
            }
        }
    }

    pub(super) fn read_proposal(&self, proposal: &Proposal) -> Result<Draft, Problem> {
        let known = domains::kinds();
        let kind = bulk::kind_of(&known, &proposal.kind)?;
        bulk::refuse_acts(kind.name)?;
        let content = (kind.from_json)(&proposal.content).map_err(|error| {
            Problem::refused(error.to_string()).hint("see the kind's schema in `/openapi.json`")
        })?;
        let audience = match &proposal.audience {
            None => self.charter.everyone(),
            Some(text) => {
                text.parse().map_err(|error: log::Error| Problem::refused(error.to_string()))?
            }
        };
        let precedence = match &proposal.precedence {
            None => kind.precedence,
            Some(text) => text
                .to_ascii_lowercase()
                .parse()
                .map_err(|error: log::Error| Problem::refused(error.to_string()))?,
        };
        let timeout_ms = i64::from(proposal.timeout_ms.unwrap_or(TIMEOUT_MS));
        Ok(Draft {
            kind: Kind::from_static(kind.name),
            edition: kind.edition,
            audience,
            precedence,
            content,
            level: level_of(proposal.level.as_deref())?,
            timeout: self.clock.stretch(TimeDelta::from_millis(timeout_ms)),
        })
    }

    fn append_scans(
        &mut self,
        scans: &[domains::track::events::ScanReport],
        audience: Option<Audience>,
        reply: oneshot::Sender<Result<Vec<String>, Problem>>,
    ) {
        if let Err(problem) = self.room_for(Precedence::Immediate) {
            self.refused += 1;
            drop(reply.send(Err(problem)));
            return;
        }
        // All or nothing: every scan is checked before the first is appended.
        let mut contents = Vec::with_capacity(scans.len());
        for scan in scans {
            if let Err(fault) = domains::track::events::Scan::new(scan.clone()) {
                self.refused += 1;
                drop(reply.send(
                    Err(
                        Problem::refused(fault.to_string()).hint(
                            "mend the sensor's figures; nothing of this request was appended",
                        ),
                    ),
                ));
                return;
            }
            contents.push(encode_content(scan));
        }
        if contents.is_empty() {
            drop(reply.send(Ok(Vec::new())));
            return;
        }
        let group = Arc::new(Mutex::new(ScanGroup {
            waiting: contents.len(),
            entries: Vec::with_capacity(contents.len()),
            refused: None,
            reply: Some(reply),
        }));
        let audience = audience.unwrap_or_else(|| self.charter.everyone());
        for content in contents {
            let draft = Draft {
                kind: Kind::from_static(domains::track::events::SCAN_KIND),
                edition: domains::track::events::EDITION,
                audience,
                precedence: Precedence::Immediate,
                content,
                level: Level::Local,
                timeout: self.clock.stretch(TimeDelta::from_millis(i64::from(TIMEOUT_MS))),
            };
            self.append(draft, Waiter::Scan(Arc::clone(&group)));
        }
    }

    /// The shell's own items for a view.
    pub(super) fn shell_items(&mut self, view: &ViewName) -> Collections {
        let value = |item: &dyn erased::Item| item.to_value();
        let node = self.node_item(view);
        let mut collections = Collections::new();
        collections
            .insert("node".to_owned(), BTreeMap::from([(node.id.to_string(), value(&node))]));
        let lines = self.line_items();
        collections.insert(
            "lines".to_owned(),
            lines.iter().map(|line| (line.id.to_string(), value(line))).collect(),
        );
        collections.insert(INCOMPLETE_COLLECTION.to_owned(), self.incomplete(view));
        collections.insert(CORRECTIONS_COLLECTION.to_owned(), self.correction_items(view));
        collections.insert(
            "findings".to_owned(),
            self.findings.iter().map(|finding| (finding.id.clone(), value(finding))).collect(),
        );
        collections
    }
}

mod erased {
    pub(super) trait Item {
        fn to_value(&self) -> serde_json::Value;
    }

    impl<T: serde::Serialize> Item for T {
        fn to_value(&self) -> serde_json::Value {
            serde_json::to_value(self).expect("items are plain structs with text keys")
        }
    }
}

/// A statement about to be appended.
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) edition: u16,
    pub(super) audience: Audience,
    pub(super) precedence: Precedence,
    pub(super) content: Vec<u8>,
    pub(super) level: Level,
    pub(super) timeout: TimeDelta,
}

impl Draft {
    /// What the replication is asked, to do it or to say what it would do.
    pub(super) fn into_append(self, ticket: Ticket) -> Append {
        let Self { kind, edition, audience, precedence, content, level, timeout } = self;
        Append { ticket, audience, precedence, kind, edition, content, level, timeout }
    }
}

pub(super) fn level_of(text: Option<&str>) -> Result<Level, Problem> {
    match text {
        None | Some("local") => Ok(Level::Local),
        Some("all") => Ok(Level::All),
        Some(other) => other
            .strip_prefix("partners(")
            .and_then(|rest| rest.strip_suffix(')')?.parse().ok())
            .map(Level::Partners)
            .ok_or_else(|| {
                Problem::refused(format!("expected `local`, `partners(K)` or `all`, got `{other}`"))
            }),
    }
}
