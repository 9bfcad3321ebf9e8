//! What the node does: appends, officers' acts, alerts written out.

use std::collections::BTreeMap;

use base::NodeId;
use domains::warning::{self, Warning, WarningId};
use domains::{Desire, ViewName};
use log::{Audience, EntryId, Kind};
use sync::{Level, Refusal, Ticket};
use tokio::sync::oneshot;

use super::answers::{Acted, Appended, BulkAppended, WarningNote};
use super::ask::Draft;
use super::pictures::Marks;
use super::{Act, Core, Waiter};
use crate::console::Collections;
use crate::http::Problem;
use crate::{cap, officer};

impl Core {
    pub(super) fn append(&mut self, draft: Draft, waiter: Waiter) {
        let ticket = self.new_ticket(waiter);
        self.step(sync::Input::Append(draft.into_append(ticket)));
    }

    /// A ticket that nobody has, for `waiter`.
    pub(super) fn new_ticket(&mut self, waiter: Waiter) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.waiting.insert(ticket, waiter);
        if let Some(traces) = &mut self.traces {
            traces.asks(ticket);
        }
        ticket
    }

    pub(super) fn acknowledged(
        &mut self,
        ticket: Ticket,
        entry: Option<EntryId>,
        holders: &[NodeId],
        state: &str,
    ) {
        let Some(waiter) = self.waiting.remove(&ticket) else { return };
        let Some(entry) = entry else {
            return self.disappoint(
                waiter,
                &Problem::conflict(
                    "the store has not answered in time; the entry may yet be appended",
                )
                .hint("see the findings; the node goes on by itself when the store works again"),
            );
        };
        self.appended += match &waiter {
            Waiter::Bulk { entries, .. } => *entries,
            _ => 1,
        };
        match waiter {
            Waiter::Bulk { entries, reply } => drop(reply.send(Ok(BulkAppended {
                appended: entries,
                last: entry.to_string(),
                state: state.to_owned(),
                holders: holders.to_vec(),
            }))),
            Waiter::Proposal(reply) => drop(reply.send(Ok(Appended {
                entry: entry.to_string(),
                state: state.to_owned(),
                holders: holders.to_vec(),
            }))),
            Waiter::Scan(group) => {
                let mut group = group.lock().expect("no holder panics");
                group.entries.push(entry.to_string());
                group.count_down();
            }
            Waiter::Act { state, reply } => {
                drop(reply.send(Ok(Acted { entry: entry.to_string(), state: state.to_owned() })));
            }
            Waiter::Check { first, place } => self.check_appended(first, place, entry),
            Waiter::Own => {}
        }
    }

    pub(super) fn refused(&mut self, ticket: Ticket, reason: &Refusal) {
        self.refused += 1;
        let Some(waiter) = self.waiting.remove(&ticket) else { return };
        if matches!(waiter, Waiter::Own) {
            self.find(domains::Severity::Error, "append".to_owned(), reason.to_string(), None);
        }
        let problem = match reason {
            Refusal::QueueFull { .. } | Refusal::TooManyWaiting(_) => {
                Problem::busy(reason.to_string())
            }
            _ => Problem::refused(reason.to_string()),
        };
        self.disappoint(waiter, &problem);
    }

    fn disappoint(&mut self, waiter: Waiter, problem: &Problem) {
        match waiter {
            Waiter::Proposal(reply) => drop(reply.send(Err(problem.clone()))),
            Waiter::Bulk { reply, .. } => drop(reply.send(Err(problem.clone()))),
            Waiter::Scan(group) => {
                let mut group = group.lock().expect("no holder panics");
                group.refused = Some(problem.clone());
                group.count_down();
            }
            Waiter::Act { reply, .. } => drop(reply.send(Err(problem.clone()))),
            Waiter::Check { first, .. } => self.check_refused(first, problem),
            Waiter::Own => {}
        }
    }

    /// Lets a fact into the pictures unless it is an act without its officer's signature.
    pub(super) fn admits(&mut self, fact: &log::Fact) -> bool {
        match officer::check(fact, &self.charter) {
            Ok(()) => true,
            Err(why) => {
                self.find(
                    domains::Severity::Error,
                    format!("{} {}", fact.origin, fact.kind),
                    format!("entry `{}` is not folded: {why}", fact.id),
                    Some(
                        "speak to the partner: the act must be signed by an officer on its roster"
                            .to_owned(),
                    ),
                );
                false
            }
        }
    }

    pub(super) fn act(
        &mut self,
        name: &str,
        act: Act,
        note: WarningNote,
        reply: oneshot::Sender<Result<Acted, Problem>>,
    ) {
        match self.draft_act(name, act, note) {
            Ok((draft, state)) => self.append(draft, Waiter::Act { state, reply }),
            Err(problem) => drop(reply.send(Err(problem))),
        }
    }

    pub(super) fn draft_act(
        &mut self,
        name: &str,
        act: Act,
        note: WarningNote,
    ) -> Result<(Draft, &'static str), Problem> {
        let warning = self.warning(name)?;
        if warning.id().owner() != self.me.partner() {
            return Err(Problem::forbidden(format!(
                "expected a warning of `{}`, got one of `{}`",
                self.me.partner(),
                warning.id().owner()
            ))
            .hint("only the partner whose districts are touched releases and cancels"));
        }
        let Some(officer) = &self.officer else {
            return Err(no_officer());
        };
        let (act, state) = match act {
            Act::Release => (warning::Act::Release(note.draft), "released"),
            Act::Update => (warning::Act::Update(note.draft), "updated"),
            Act::Cancel => (warning::Act::Cancel(note.reason), "cancelled"),
        };
        let view = ViewName::Audience(self.charter.everyone());
        let pictures = self.views.view(&view)?.live(self.clock.now());
        let known = pictures
            .warning
            .state()
            .ok_or_else(|| Problem::conflict("the warning domain is quarantined"))?;
        let sign = |bytes: &[u8]| officer.sign(bytes);
        let key_id = officer.key_id();
        let desire = warning::act(
            known,
            warning.id(),
            act,
            note.note,
            (officer.name(), &key_id, &sign),
            self.charter.realm(),
        )
        .map_err(|error| {
            let problem = if error.unknown {
                Problem::not_found(error.message)
            } else {
                Problem::conflict(error.message)
            };
            problem.hint(error.hint)
        })?;
        self.refuse_contested(name, &desire.evidence)?;
        Ok((self.draft_of(desire, *warning.audience()), state))
    }

    pub(super) fn draft_of(&self, desire: Desire, audience: Audience) -> Draft {
        Draft {
            kind: Kind::from_static(desire.kind),
            edition: desire.edition,
            audience,
            precedence: desire.precedence,
            content: desire.content,
            level: Level::Local,
            timeout: self.clock.stretch(base::TimeDelta::from_seconds(10)),
        }
    }

    /// The warning of that name, in the widest view that has it.
    fn warning(&mut self, name: &str) -> Result<Warning, Problem> {
        let missing = || {
            Problem::not_found(format!("there is no warning `{name}` in any view of this node"))
                .hint("`GET /api/v1/picture/warning` lists them")
        };
        let id: WarningId = name.parse().map_err(|_| missing())?;
        let view = ViewName::Audience(self.charter.everyone());
        let now = self.clock.now();
        let pictures = self.views.view(&view)?.live(now);
        pictures.warning.state().and_then(|state| state.get(&id).cloned()).ok_or_else(missing)
    }

    /// The entries a warning rests on, and the draft that waits.
    pub(super) fn evidence(&mut self, name: &str) -> Result<Vec<EntryId>, Problem> {
        Ok(self.warning(name)?.cited())
    }

    pub(super) fn cap(&mut self, name: &str) -> Result<String, Problem> {
        let warning = self.warning(name)?;
        match cap::document(&warning, self.charter.realm()) {
            None => Err(Problem::conflict("the warning is a draft; nothing has been released")
                .hint("an officer of the owning partner releases it")),
            Some(document) => document.map_err(|error| Problem::conflict(error.to_string())),
        }
    }

    /// Shows the pictures, appends what they want, writes out what officers released.
    pub(super) fn act_and_show(&mut self, now: base::Timestamp) {
        let names: Vec<ViewName> = self.views.view_names().cloned().collect();
        let shell: BTreeMap<ViewName, Collections> =
            names.into_iter().map(|view| (view.clone(), self.shell_items(&view))).collect();
        let node = &self.node;
        let marks = Marks {
            realm: self.charter.realm(),
            came_late: &|entry| node.came_late(entry),
            is_contested: &|entry| node.is_contested(entry),
        };
        let wanted = self.views.show(self.me, now, shell, &marks);
        for wish in wanted {
            if self.hushes(&wish.desire) {
                continue;
            }
            let draft = self.draft_of(wish.desire, wish.audience);
            self.append(draft, Waiter::Own);
        }
        self.write_alerts(now);
    }

    /// Writes each released message of this partner's warnings as a CAP file, once.
    fn write_alerts(&mut self, now: base::Timestamp) {
        let view = ViewName::Audience(self.charter.everyone());
        let Ok(seat) = self.views.view(&view) else { return };
        let pictures = seat.head(now);
        let Some(state) = pictures.warning.state() else { return };
        let mine = self.me.partner();
        let released: Vec<Warning> = state
            .warnings()
            .filter(|warning| warning.id().owner() == mine && !warning.messages().is_empty())
            .cloned()
            .collect();
        for warning in released {
            if self.hushes_alert(&warning) {
                continue;
            }
            if let Err(error) = cap::write_once(&self.effects, &warning, self.charter.realm()) {
                let hint = error.hint();
                self.find(domains::Severity::Error, "alert".to_owned(), error.to_string(), hint);
            }
        }
    }
}

/// What an act needs and this node lacks.
pub(super) fn no_officer() -> Problem {
    Problem::forbidden("no officer acts at this node")
        .hint("name an officer's key file as `officer` in the node's configuration")
}

impl super::ScanGroup {
    fn count_down(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0
            && let Some(reply) = self.reply.take()
        {
            let answer = match self.refused.take() {
                Some(problem) => Err(problem),
                None => Ok(std::mem::take(&mut self.entries)),
            };
            drop(reply.send(answer));
        }
    }
}
