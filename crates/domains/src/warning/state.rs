//! The folded state: what is forecast, and every warning's way from draft to end.
//!
//! ```text
//!            draft               release             update
//!  forecast ───────► Draft ─────────────► Released ─────────► Updated ─┐ update
//!                      │                     │                   │ ▲───┘
//!                      └──── cancel ─────────┴──── cancel ───────┤
//!                            time over: Expired                  ▼
//!                                                            Cancelled
//! ```
//!
//! Only the owner's nodes and officers move a warning: what others say about it is a finding. The
//! fold never decides; [`super::decision`] compares forecasts with warnings and proposes drafts.

use std::collections::{BTreeMap, VecDeque};

use base::{NodeId, PartnerId, Seconds, TimeDelta, Timestamp};
use log::{Audience, EntryId};
use serde::Serialize;

use super::districts::{District, districts};
use super::events::{
    Action, Area, Cancel, DistrictShare, Draft, EVIDENCE_MAX, Event, Forecast, Reason, Release,
    Subject, WarningId,
};
use super::offing::{self, SEA_DISTRICTS_MAX};
use super::touch::{Reach, SIGMA_M_MAX};
use crate::{Certainty, Finding, Region, Severity, Signal, Signals, Statement};

/// The signal this domain hears.
pub const IMPACT_SIGNAL: &str = "track.impact";
/// Warnings kept; the longest closed gives way, and none is opened when all are open.
pub(super) const WARNINGS_MAX: usize = 1_000;
/// Drafts a warning keeps, so that an officer may release the one that was on the screen.
pub(super) const DRAFTS_KEPT_MAX: usize = 16;
/// Messages one warning may issue; each cites all before it.
pub(super) const MESSAGES_MAX: usize = 200;
/// A message stands this long after the latest likely time of impact.
pub(super) const STANDS_AFTER_IMPACT: TimeDelta = TimeDelta::from_seconds(3_600);
/// A forecast withdrawn this shortly before the time of impact counts as come true.
const LANDING_SLACK: TimeDelta = TimeDelta::from_seconds(60);

/// What the warning domain knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct State {
    /// By object.
    pub(super) forecasts: BTreeMap<String, Heard>,
    pub(super) warnings: BTreeMap<WarningId, Warning>,
}

/// The latest impact forecast heard of an object.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Heard {
    pub(super) forecast: Forecast,
    /// Whom it concerns, and where.
    pub(super) concerns: BTreeMap<PartnerId, Concern>,
    /// At sea the partner with the nearest district.
    pub(super) nearest: Option<PartnerId>,
    /// Since when it concerns these partners so: on land, at sea, or not at all.
    pub(super) steady: Timestamp,
    /// Since when nothing can rest on it: withdrawn before its time, unconfirmed or too wide.
    pub(super) lost: Option<Timestamp>,
    pub(super) evidence: Vec<EntryId>,
    /// Withdrawn when its time had come.
    pub(super) ended: bool,
}

/// What a forecast means to one partner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Concern {
    pub(super) area: Area,
    /// The districts touched, or at sea the nearest ones, in code order.
    pub(super) districts: Vec<DistrictShare>,
}

/// One warning of one partner about one object.
#[derive(Debug, Clone, Serialize)]
pub struct Warning {
    pub(super) id: WarningId,
    pub(super) stage: Stage,
    /// Who may read it.
    pub(super) audience: Audience,
    /// When it was first drafted.
    pub(super) drafted: Timestamp,
    /// The newest drafts, oldest first; never empty.
    pub(super) drafts: VecDeque<Proposal>,
    /// Drafts there ever were.
    pub(super) draft_count: u32,
    /// Whether the newest draft still waits for an officer.
    pub(super) pending: bool,
    pub(super) messages: Vec<Message>,
    /// How it was cancelled or expired.
    pub(super) closed: Option<Closing>,
}

/// How a warning ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Closing {
    pub(super) at: Timestamp,
    /// Why it was cancelled; `None` when it expired.
    pub(super) reason: Option<Reason>,
}

/// Where a warning stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Stage {
    /// Proposed, nothing said to the public.
    Draft,
    /// An alert is out.
    Released,
    /// An update is out.
    Updated,
    /// Withdrawn by an officer.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// A node's proposal.
#[derive(Debug, Clone, Serialize)]
pub struct Proposal {
    /// The entry that made it.
    pub entry: EntryId,
    /// When it was made.
    pub at: Timestamp,
    /// What the message would do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What it would say.
    pub subject: Subject,
}

/// A message an officer let out.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// From 1 within the warning.
    pub sequence: u32,
    /// The officer's entry.
    pub entry: EntryId,
    /// The node it was sent from.
    pub sender: NodeId,
    /// When it was sent.
    pub sent: Timestamp,
    /// What it does.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What it says.
    pub subject: Subject,
    /// Who let it out.
    pub officer: String,
    /// A word to the other partners.
    pub note: Option<String>,
}

impl Forecast {
    /// The latest likely time of impact: three standard deviations late.
    pub fn latest_impact(&self) -> Timestamp {
        self.impact + self.three_sigma()
    }

    /// Whether a withdrawal at `at` means that it came true.
    fn is_due(&self, at: Timestamp) -> bool {
        at + LANDING_SLACK >= self.impact - self.three_sigma()
    }

    fn three_sigma(&self) -> TimeDelta {
        TimeDelta::from_seconds_f64(Seconds(3.0 * self.impact_sigma_s))
    }
}

impl Stage {
    /// Whether the warning still stands or may still be released.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Released | Self::Updated)
    }

    /// Whether the public was told and not yet untold.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Released | Self::Updated)
    }
}

impl Message {
    /// When it stops standing: an hour after the latest likely impact or after it was sent.
    pub fn expires(&self) -> Timestamp {
        self.subject.forecast.latest_impact().max(self.sent) + STANDS_AFTER_IMPACT
    }
}

impl Warning {
    /// Its name.
    pub const fn id(&self) -> &WarningId {
        &self.id
    }

    /// Where it stands.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Who may read it.
    pub const fn audience(&self) -> &Audience {
        &self.audience
    }

    /// The messages let out so far, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The draft that waits for an officer.
    pub fn pending(&self) -> Option<&Proposal> {
        if self.pending && self.stage.is_open() { self.drafts.back() } else { None }
    }

    /// Every entry that a release of it cites: the draft that waits, and what that or the newest message
    /// rests on.
    pub fn cited(&self) -> Vec<EntryId> {
        let draft = self.pending().map(|draft| draft.entry);
        draft.into_iter().chain(self.latest().0.evidence.iter().copied()).collect()
    }

    /// The entry by which something was proposed or said last.
    pub fn newest_entry(&self) -> EntryId {
        let said = self.messages.last().map(|message| message.entry);
        let proposed = self.drafts.back().map(|draft| draft.entry);
        let newest = if self.pending { proposed.or(said) } else { said.or(proposed) };
        newest.expect("a warning begins with a draft")
    }

    /// What was proposed or said last, with its reason and time.
    pub(super) fn latest(&self) -> (&Subject, Action, Reason, Timestamp) {
        let said = self.messages.last().map(|m| (&m.subject, m.action, m.reason, m.sent));
        let proposed = self.drafts.back().map(|d| (&d.subject, d.action, d.reason, d.at));
        match (said, if self.pending { proposed } else { None }) {
            (_, Some(proposed)) => proposed,
            (Some(said), None) => said,
            (None, None) => proposed.expect("a warning begins with a draft"),
        }
    }

    /// When it expires if nothing more is said.
    fn deadline(&self) -> Timestamp {
        match (self.messages.last(), self.drafts.back()) {
            (Some(message), _) => message.expires(),
            (None, Some(draft)) => {
                draft.subject.forecast.latest_impact().max(draft.at) + STANDS_AFTER_IMPACT
            }
            (None, None) => unreachable!("a warning begins with a draft"),
        }
    }
}

impl State {
    /// The warning of that name.
    pub fn get(&self, id: &WarningId) -> Option<&Warning> {
        self.warnings.get(id)
    }

    /// Every warning, by name.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.values()
    }

    /// The newest warning of `owner` about `object`.
    pub(super) fn newest(&self, object: &str, owner: PartnerId) -> Option<&Warning> {
        let first = WarningId::new(object, owner, 1).ok()?;
        let last = WarningId::new(object, owner, u32::MAX).ok()?;
        self.warnings.range(first..=last).next_back().map(|(_, warning)| warning)
    }

    /// Whether the forecast a warning rests on stands: confirmed and of concern, or come true. Falls the
    /// moment support is lost; only the draft of a cancel waits to see whether it stays so.
    pub(super) fn supports(&self, warning: &Warning) -> bool {
        let Some(heard) = self.forecasts.get(warning.id.object()) else {
            return warning.stage.is_public() && warning.latest().2 == Reason::Fell;
        };
        let concerned = heard.concerns.contains_key(&warning.id.owner());
        heard.ended || (concerned && heard.lost.is_none())
    }

    /// Hears of impacts.
    pub(super) fn sense(&mut self, at: Timestamp, signals: &mut Signals) {
        let heard: Vec<Signal> = signals
            .emitted()
            .iter()
            .filter(|signal| signal.what == IMPACT_SIGNAL)
            .cloned()
            .collect();
        for signal in heard {
            match (signal.region, signal.when) {
                (Some(region), Some((impact, sigma))) => {
                    match Forecast::checked(region, impact, sigma) {
                        Ok(forecast) => self.hear(&signal, forecast, at, signals),
                        Err(error) => signals.find(finding(
                            at,
                            Severity::Error,
                            format!("impact forecast of `{}` set aside: {error}", signal.subject),
                            Some("the forecast's other parts still stand; report the tracker's fault"),
                        )),
                    }
                }
                _ => self.withdraw(&signal.subject, at),
            }
        }
    }

    fn hear(&mut self, signal: &Signal, forecast: Forecast, at: Timestamp, signals: &mut Signals) {
        let before = self.forecasts.get(&signal.subject);
        let same_region = before.filter(|heard| heard.forecast.region == forecast.region);
        let (concerns, nearest) = match same_region {
            Some(heard) => (heard.concerns.clone(), heard.nearest),
            None => concerns(&forecast.region),
        };
        let steady = before
            .filter(|heard| same_areas(&heard.concerns, &concerns))
            .map_or(at, |heard| heard.steady);
        let stands = signal.certainty == Certainty::Confirmed && !is_wide(&forecast.region);
        let lost = match before {
            _ if stands => None,
            Some(heard) => heard.lost.or(Some(at)),
            None => Some(at),
        };
        let was_wide = before.is_some_and(|heard| is_wide(&heard.forecast.region));
        if is_wide(&forecast.region) && !was_wide {
            signals.find(finding(
                at,
                Severity::Info,
                format!(
                    "impact forecast of `{}` is too wide to name districts ({:.0} km, 1 sigma)",
                    signal.subject,
                    forecast.region.semi_major.0 / 1_000.0
                ),
                None,
            ));
        }
        let newest = signal.evidence.len().saturating_sub(EVIDENCE_MAX);
        let heard = Heard {
            forecast,
            concerns,
            nearest,
            steady,
            lost,
            evidence: signal.evidence[newest..].to_vec(),
            ended: false,
        };
        self.forecasts.insert(signal.subject.clone(), heard);
    }

    fn withdraw(&mut self, object: &str, at: Timestamp) {
        if let Some(heard) = self.forecasts.get_mut(object) {
            if heard.forecast.is_due(at) {
                heard.ended = true;
            } else {
                heard.lost = heard.lost.or(Some(at));
            }
        }
    }

    /// Applies one statement.
    pub(super) fn fold(&mut self, statement: &Statement<'_, Event>, signals: &mut Signals) {
        let outcome = match statement.event {
            Event::Draft(draft) => self.draft(statement, draft),
            Event::Release(release) => self.release(statement, release, Action::Alert),
            Event::Update(release) => self.release(statement, release, Action::Update),
            Event::Cancel(cancel) => self.cancel(statement, cancel),
        };
        if let Err(Refusal { message, hint }) = outcome {
            let message = format!("entry `{}` set aside: {message}", statement.fact.id);
            signals.find(finding(statement.at, Severity::Warning, message, Some(hint)));
        }
    }

    fn draft(&mut self, statement: &Statement<'_, Event>, draft: &Draft) -> Result<(), Refusal> {
        let report = draft.report();
        let id = &report.warning;
        check_owner(statement, id)?;
        let proposal = Proposal {
            entry: statement.fact.id,
            at: statement.at,
            action: report.action,
            reason: report.reason,
            subject: report.subject.clone(),
        };
        if let Some(warning) = self.warnings.get_mut(id) {
            return warning.propose(proposal, statement.fact.audience);
        }
        if report.action != Action::Alert {
            return Err(unknown(id));
        }
        self.make_room()?;
        let warning = Warning {
            id: id.clone(),
            stage: Stage::Draft,
            audience: statement.fact.audience,
            drafted: statement.at,
            drafts: VecDeque::from([proposal]),
            draft_count: 1,
            pending: true,
            messages: Vec::new(),
            closed: None,
        };
        self.warnings.insert(id.clone(), warning);
        Ok(())
    }

    /// Lets the longest closed warning go when there are too many.
    fn make_room(&mut self) -> Result<(), Refusal> {
        if self.warnings.len() < WARNINGS_MAX {
            return Ok(());
        }
        let oldest = self
            .warnings
            .values()
            .filter_map(|warning| warning.closed.map(|closing| (closing.at, warning.id.clone())))
            .min();
        match oldest {
            Some((_, id)) => {
                self.warnings.remove(&id);
                Ok(())
            }
            None => Err(Refusal {
                message: format!("expected at most {WARNINGS_MAX} open warnings"),
                hint: "release or cancel the open ones",
            }),
        }
    }

    fn release(
        &mut self,
        statement: &Statement<'_, Event>,
        release: &Release,
        action: Action,
    ) -> Result<(), Refusal> {
        let report = release.report();
        check_owner(statement, &report.warning)?;
        let warning =
            self.warnings.get_mut(&report.warning).ok_or_else(|| unknown(&report.warning))?;
        let draft = warning.releasable(report.draft, action)?.clone();
        // A newer draft waits on, unless it was a first alert: it comes back as an update.
        warning.pending = warning
            .drafts
            .back()
            .is_some_and(|newest| newest.entry != draft.entry && newest.action != Action::Alert);
        warning.stage = match action {
            Action::Alert => Stage::Released,
            _ => Stage::Updated,
        };
        let officer = report.officer.name.clone();
        warning.say(statement, (action, draft.reason, draft.subject), officer, report.note.clone());
        Ok(())
    }

    fn cancel(&mut self, statement: &Statement<'_, Event>, cancel: &Cancel) -> Result<(), Refusal> {
        let report = cancel.report();
        check_owner(statement, &report.warning)?;
        let warning =
            self.warnings.get_mut(&report.warning).ok_or_else(|| unknown(&report.warning))?;
        if !warning.stage.is_open() {
            return Err(Refusal {
                message: format!("warning `{}` is closed already", warning.id),
                hint: "nothing more need be done",
            });
        }
        if let Some(said) = warning.messages.last().map(|message| message.subject.clone()) {
            let officer = report.officer.name.clone();
            let content = (Action::Cancel, report.reason, said);
            warning.say(statement, content, officer, report.note.clone());
        }
        warning.pending = false;
        warning.stage = Stage::Cancelled;
        warning.closed = Some(Closing { at: statement.at, reason: Some(report.reason) });
        Ok(())
    }

    /// Expires what is over, in (deadline, id) order, and forgets forecasts an hour past.
    pub(super) fn advance(&mut self, to: Timestamp, signals: &mut Signals) {
        let mut due: Vec<(Timestamp, WarningId)> = self
            .warnings
            .values()
            .filter(|warning| warning.stage.is_open() && warning.deadline() <= to)
            .map(|warning| (warning.deadline(), warning.id.clone()))
            .collect();
        due.sort();
        for (deadline, id) in due {
            let warning = self.warnings.get_mut(&id).expect("it was just listed");
            if warning.stage == Stage::Draft {
                signals.find(finding(
                    deadline,
                    Severity::Warning,
                    format!(
                        "warning `{id}` expired as a draft: no officer released or cancelled it"
                    ),
                    None,
                ));
            }
            warning.stage = Stage::Expired;
            warning.pending = false;
            warning.closed = Some(Closing { at: deadline, reason: None });
        }
        self.forecasts.retain(|_, heard| heard.forecast.latest_impact() + STANDS_AFTER_IMPACT > to);
    }
}

impl Warning {
    fn propose(&mut self, proposal: Proposal, audience: Audience) -> Result<(), Refusal> {
        if !self.stage.is_open() {
            return Err(Refusal {
                message: format!("warning `{}` is closed", self.id),
                hint: "a new threat by the same object is a new warning, with the next number",
            });
        }
        let fits = match proposal.action {
            Action::Alert => self.stage == Stage::Draft,
            Action::Update => self.stage.is_public(),
            Action::Cancel => true,
        };
        if !fits {
            return Err(Refusal {
                message: format!(
                    "warning `{}` takes no draft to {} as it stands",
                    self.id,
                    verb(proposal.action)
                ),
                hint: "alerts come before the first release, updates after it",
            });
        }
        if self.drafts.len() == DRAFTS_KEPT_MAX {
            self.drafts.pop_front();
        }
        self.drafts.push_back(proposal);
        self.draft_count += 1;
        self.pending = true;
        self.audience = audience;
        Ok(())
    }

    /// The draft in entry `entry`, if an officer may release it as `action`.
    pub(super) fn releasable(&self, entry: EntryId, action: Action) -> Result<&Proposal, Refusal> {
        let refuse = |message: String, hint| Err(Refusal { message, hint });
        if !self.stage.is_open() {
            return refuse(
                format!("warning `{}` is closed", self.id),
                "a new threat by the same object is a new warning, with the next number",
            );
        }
        if (self.stage == Stage::Draft) != (action == Action::Alert) {
            return refuse(
                format!("warning `{}` has no {} to release", self.id, verb(action)),
                "the first message is released, every later one is an update",
            );
        }
        if self.messages.len() >= MESSAGES_MAX {
            return refuse(
                format!("warning `{}` has issued {MESSAGES_MAX} messages", self.id),
                "cancel it; a threat that stands is drafted anew",
            );
        }
        let latest_said = self.messages.last().map(|message| message.sent);
        match self.drafts.iter().find(|draft| draft.entry == entry) {
            Some(draft) if draft.action != action => refuse(
                format!(
                    "draft `{entry}` is one to {}, not to {}",
                    verb(draft.action),
                    verb(action)
                ),
                "use the act that fits the draft",
            ),
            Some(draft) if latest_said.is_some_and(|said| said >= draft.at) => refuse(
                format!("draft `{entry}` is older than the latest message"),
                "look at the newest draft and release that",
            ),
            Some(draft) => Ok(draft),
            None => refuse(
                format!("warning `{}` knows no draft `{entry}`", self.id),
                "look at the newest draft and release that",
            ),
        }
    }

    fn say(
        &mut self,
        statement: &Statement<'_, Event>,
        (action, reason, subject): (Action, Reason, Subject),
        officer: String,
        note: Option<String>,
    ) {
        let sequence = self.messages.last().map_or(1, |message| message.sequence + 1);
        self.messages.push(Message {
            sequence,
            entry: statement.fact.id,
            sender: statement.fact.origin,
            sent: statement.at,
            action,
            reason,
            subject,
            officer,
            note,
        });
    }
}

/// Why a statement changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: &'static str,
}

fn unknown(id: &WarningId) -> Refusal {
    Refusal {
        message: format!("no warning `{id}` is known here"),
        hint: "check the warning's name and that its draft is releasable to this audience",
    }
}

fn check_owner(statement: &Statement<'_, Event>, id: &WarningId) -> Result<(), Refusal> {
    let origin = statement.fact.origin;
    if origin.partner() == id.owner() {
        Ok(())
    } else {
        Err(Refusal {
            message: format!("warning `{id}` belongs to {}, not to {origin}", id.owner()),
            hint: "only the owner's nodes and officers move a warning",
        })
    }
}

const fn verb(action: Action) -> &'static str {
    match action {
        Action::Alert => "alert",
        Action::Update => "update",
        Action::Cancel => "cancel",
    }
}

fn is_wide(region: &Region) -> bool {
    region.semi_major.0.max(region.semi_minor.0) > SIGMA_M_MAX
}

/// Whom an impact there concerns, and at sea who is nearest: partners with districts touched; if there
/// are none, those with a district about as near as the nearest in reach.
fn concerns(region: &Region) -> (BTreeMap<PartnerId, Concern>, Option<PartnerId>) {
    let mut concerns: BTreeMap<PartnerId, Concern> = BTreeMap::new();
    if is_wide(region) {
        return (concerns, None);
    }
    for touch in districts().touched(region) {
        let nearby_only = touch.reach == Reach::Waters;
        add(&mut concerns, Area::Land, touch.district, touch.probability, nearby_only);
    }
    if !concerns.is_empty() {
        return (concerns, None);
    }
    let offshore = offing::nearest(&districts().offshore(region));
    for off in &offshore {
        add(&mut concerns, Area::Sea, off.district, 0.0, true);
    }
    for concern in concerns.values_mut() {
        concern.districts.truncate(SEA_DISTRICTS_MAX);
        concern.districts.sort_by(|a, b| a.code.cmp(&b.code));
    }
    (concerns, offshore.first().map(|nearest| nearest.district.partner))
}

fn add(
    concerns: &mut BTreeMap<PartnerId, Concern>,
    area: Area,
    district: &District,
    probability: f64,
    nearby_only: bool,
) {
    let code = district.code.to_owned();
    concerns
        .entry(district.partner)
        .or_insert_with(|| Concern { area, districts: Vec::new() })
        .districts
        .push(DistrictShare { code, probability, nearby_only });
}

/// Whether the same partners are concerned, each by the same kind of area.
fn same_areas(a: &BTreeMap<PartnerId, Concern>, b: &BTreeMap<PartnerId, Concern>) -> bool {
    let areas = |(partner, concern): (&PartnerId, &Concern)| (*partner, concern.area);
    a.iter().map(areas).eq(b.iter().map(areas))
}

fn finding(at: Timestamp, severity: Severity, message: String, hint: Option<&str>) -> Finding {
    Finding {
        at,
        severity,
        source: "warning".to_owned(),
        message,
        hint: hint.map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests;
