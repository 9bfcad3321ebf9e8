//! What a node proposes: a pure comparison of forecasts with warnings.
//!
//! A node drafts for its own partner's districts only, in the view of one audience, and only drafts:
//! what the public hears is an officer's act. Asked again before the draft folds, it wishes the same
//! under the same key; once folded, the wish is gone. The rules, for each object:
//!
//! | warning | forecast | draft |
//! | --- | --- | --- |
//! | none open | confirmed, touches own districts | alert, `threat` |
//! | none open | confirmed, at sea off own districts, nobody nearer, known to [`SEA_SIGMA_M_MAX`] | alert, `threat` |
//! | open | materially changed ([`is_material`]), such as from sea to land | alert or update, `changed` |
//! | public | its time is over | update, `fell` |
//! | open | for [`SETTLES_S`] no longer on or off own districts | cancel, `passed` |
//! | open | for [`SUPPORT_SETTLES_S`] withdrawn before its time, unconfirmed or too wide | cancel, `unsupported` |

use base::{Geodetic, Metres, NodeId, PartnerId, TimeDelta, Timestamp};
use log::{Audience, Precedence};

use super::events::{
    Action, Area, DRAFT_KIND, DraftReport, EDITION, Forecast, Reason, Subject, WarningId,
};
use super::state::{Heard, State, Warning};
use crate::{Desire, encode_content};

/// An impact time moving by more than this, or by two standard deviations, is a material change.
pub const IMPACT_MOVES_S: f64 = 10.0;
/// An impact point moving by more than this, or by two standard deviations, is a material change.
pub const REGION_MOVES_M: f64 = 5_000.0;
/// Changes that add no district wait this long after the last message or draft.
pub const SETTLES_S: i64 = 30;
/// Lost support raises the alarm at once, but a cancel is drafted only when it stays lost this long:
/// a track that misses a few scans comes back.
pub const SUPPORT_SETTLES_S: i64 = 20;
/// A sea area is first warned of when its 1-sigma major axis is at most this long, so that a wild
/// early forecast alarms no ship.
pub const SEA_SIGMA_M_MAX: f64 = 25_000.0;

/// The drafts node `me` should append, seen in the view of `audience`.
pub(super) fn desires(
    state: &State,
    me: NodeId,
    audience: &Audience,
    now: Timestamp,
) -> Vec<Desire> {
    let owner = me.partner();
    if !audience.contains(owner) {
        return Vec::new();
    }
    let new = state
        .forecasts
        .iter()
        .filter(|(object, _)| {
            state.newest(object, owner).is_none_or(|warning| !warning.stage().is_open())
        })
        .filter_map(|(object, heard)| new_warning(state, object, heard, me, now));
    let open = state
        .warnings
        .values()
        .filter(|warning| warning.id.owner() == owner && warning.stage.is_open())
        .filter_map(|warning| next_draft(state, warning, now));
    new.chain(open).map(|(count, report)| desire(&report, count, audience)).collect()
}

/// A wish names the warning and how many drafts it has seen, so it is one wish until the draft folds.
fn desire(report: &DraftReport, drafts: u32, audience: &Audience) -> Desire {
    // That its time is over or its support gone is not what any entry says: it is drafted whichever way
    // the entries came that the warning rests on.
    let evidence = if report.reason.calls() { report.subject.evidence.clone() } else { Vec::new() };
    Desire {
        key: format!("{DRAFT_KIND}/{audience}/{}/{drafts}", report.warning),
        kind: DRAFT_KIND,
        edition: EDITION,
        precedence: Precedence::Flash,
        content: encode_content(report),
        evidence,
    }
}

fn new_warning(
    state: &State,
    object: &str,
    heard: &Heard,
    me: NodeId,
    now: Timestamp,
) -> Option<(u32, DraftReport)> {
    let owner = me.partner();
    let coming = !heard.ended && heard.forecast.latest_impact() > now;
    if !coming || heard.lost.is_some() {
        return None;
    }
    let subject = subject(heard, owner)?;
    if subject.area == Area::Sea && !begins_at_sea(state, object, heard, owner) {
        return None;
    }
    let before = state.newest(object, owner);
    // An officer who called it a mistake has seen this forecast: only a changed one comes again.
    let dismissed = before.and_then(|warning| Some((warning, warning.closed?))).is_some_and(
        |(warning, closing)| {
            closing.reason == Some(Reason::Mistake)
                && !is_material(warning.latest().0, &subject, now - closing.at)
        },
    );
    if dismissed {
        return None;
    }
    let number = before.map_or(1, |closed| closed.id.number() + 1);
    // An object whose name cannot stand in a warning's is the tracker's own and not yet declared.
    let warning = WarningId::new(object, owner, number).ok()?;
    Some((0, DraftReport { warning, action: Action::Alert, reason: Reason::Threat, subject }))
}

/// Whether `owner` is to speak first about an impact at sea: it is known well enough, no other partner
/// is nearer, and none speaks of it already, so that a forecast between two coasts does not pass to
/// and fro.
fn begins_at_sea(state: &State, object: &str, heard: &Heard, owner: PartnerId) -> bool {
    let known = heard.forecast.region.semi_major.0 <= SEA_SIGMA_M_MAX;
    let spoken_for =
        heard.concerns.keys().filter(|partner| **partner != owner).any(|other| {
            state.newest(object, *other).is_some_and(|warning| warning.stage().is_open())
        });
    known && heard.nearest == Some(owner) && !spoken_for
}

fn next_draft(state: &State, warning: &Warning, now: Timestamp) -> Option<(u32, DraftReport)> {
    let (latest, said, why, at) = warning.latest();
    let public = warning.stage.is_public();
    let heard = state.forecasts.get(warning.id.object());
    let forecast = heard.map_or(&latest.forecast, |heard| &heard.forecast);
    let over = heard.is_some_and(|heard| heard.ended) || forecast.latest_impact() <= now;
    let changed = if public { Action::Update } else { Action::Alert };
    let concern = heard.and_then(|heard| subject(heard, warning.id.owner()));
    let lost = heard.map_or(Some(at), |heard| heard.lost);
    let steady = heard.map_or(at, |heard| heard.steady);
    let (action, reason, subject) = if over && why != Reason::Unsupported {
        if !public || why == Reason::Fell {
            return None;
        }
        (Action::Update, Reason::Fell, concern.unwrap_or_else(|| latest.clone()))
    } else if let Some(lost) = lost {
        if now - lost < TimeDelta::from_seconds(SUPPORT_SETTLES_S) {
            return None;
        }
        (Action::Cancel, Reason::Unsupported, latest.clone())
    } else if let Some(subject) = concern {
        if said != Action::Cancel && !is_material(latest, &subject, now - at.max(steady)) {
            return None;
        }
        (changed, Reason::Changed, subject)
    } else {
        if now - steady < TimeDelta::from_seconds(SETTLES_S) {
            return None;
        }
        (Action::Cancel, Reason::Passed, latest.clone())
    };
    // The same withdrawal is proposed once.
    if action == Action::Cancel && said == Action::Cancel && why == reason {
        return None;
    }
    let report = DraftReport { warning: warning.id.clone(), action, reason, subject };
    Some((warning.draft_count, report))
}

/// What a message about this forecast would say, if it concerns `owner`.
fn subject(heard: &Heard, owner: PartnerId) -> Option<Subject> {
    let concern = heard.concerns.get(&owner)?;
    Some(Subject {
        forecast: heard.forecast,
        area: concern.area,
        districts: concern.districts.clone(),
        evidence: heard.evidence.clone(),
    })
}

/// Whether `new` must be said after `old`: land is threatened where only the sea was, or a district is
/// added; or, once `settled` for [`SETTLES_S`], only the sea is threatened any more, a district is dropped
/// or comes in reach itself, or the impact moves in time by more than [`IMPACT_MOVES_S`] or in place by
/// more than [`REGION_MOVES_M`], and by two standard deviations. At sea which districts are near is
/// no matter of its own.
pub(super) fn is_material(old: &Subject, new: &Subject, settled: TimeDelta) -> bool {
    let named =
        |subject: &Subject, code: &str| subject.districts.iter().any(|share| share.code == code);
    let added = new.districts.iter().any(|share| !named(old, &share.code));
    match (old.area, new.area) {
        (Area::Sea, Area::Land) => return true,
        (Area::Land, Area::Land) if added => return true,
        _ if settled < TimeDelta::from_seconds(SETTLES_S) => return false,
        (Area::Land, Area::Sea) => return true,
        (Area::Sea, Area::Sea) => return impact_moved(&old.forecast, &new.forecast),
        (Area::Land, Area::Land) => {}
    }
    let dropped = old.districts.iter().any(|share| !named(new, &share.code));
    let reached = new.districts.iter().any(|share| {
        !share.nearby_only
            && old.districts.iter().any(|before| before.code == share.code && before.nearby_only)
    });
    dropped || reached || impact_moved(&old.forecast, &new.forecast)
}

fn impact_moved(old: &Forecast, new: &Forecast) -> bool {
    let moved_s = (new.impact - old.impact).as_seconds().0.abs();
    let place = |forecast: &Forecast| {
        Geodetic::new(forecast.region.lat, forecast.region.lon, Metres(0.0))
            .expect("forecasts were checked to lie on the Earth")
            .to_ecef()
    };
    let moved_m = place(old).distance(&place(new)).0;
    moved_s > IMPACT_MOVES_S.max(2.0 * new.impact_sigma_s)
        || moved_m > REGION_MOVES_M.max(2.0 * new.region.semi_major.0)
}

#[cfg(test)]
mod tests;
