//! How scans, declarations and time change the picture.

use std::collections::BTreeSet;

use base::{NodeId, TimeDelta, Timestamp, limits};
use log::{EntryId, Precedence};

use super::assessment::{Forecast, IMPACT_SIGNAL, Launch};
use super::association::associate;
use super::events::{DECLARED_KIND, Declared, DeclaredReport, EDITION, Scan, ScanReport};
use super::items::{Class, Life, Phase};
use super::life::{Deadline, Origin, Track, TrackId};
use super::matrix::{Matrix, dot, minus, norm};
use super::observation::Observation;
use super::state::{SENSORS_MAX, Sensor, Shared, State, WAITING_MAX};
use crate::{Certainty, Desire, Finding, Severity, Signal, Signals, encode_content};

/// Entries cited by a signal.
const SIGNAL_EVIDENCE: usize = 16;
/// Two tracks nearer than this in six degrees of freedom are one object.
const MERGE_DISTANCE2: f64 = 14.0;
/// A node that contributed declares if the first one was silent for this long, seconds a rank.
const DECLARE_RANK_S: i64 = 20;
/// A declaration waits this long for its object, seconds.
const WAITING_S_MAX: i64 = 600;

/// Folds one scan that stands in `entry`.
pub(super) fn observe(state: &mut State, scan: &Scan, entry: EntryId, signals: &mut Signals) {
    let report = scan.report();
    let content = log::sha256(&encode_content(report));
    let Some(key) = hear(state, report, content, signals) else { return };
    let origin = Origin { sensor: &report.sensor, key: &key, entry };
    let observations = Observation::of_scan(scan);
    let mut touched = update_tracks(state, &observations, &origin, report.measured, signals);
    touched.sort_unstable();
    for id in &touched {
        join_twin(state, *id, &touched, signals);
    }
    for id in touched {
        assess(state, id, signals);
    }
    state.schedule();
}

/// Folds one declaration.
pub(super) fn declare(
    state: &mut State,
    declared: &Declared,
    at: Timestamp,
    signals: &mut Signals,
) {
    let report = declared.report();
    let oldest = at - TimeDelta::from_seconds(WAITING_S_MAX);
    while state.waiting.first_key_value().is_some_and(|((since, _), _)| *since < oldest) {
        state.waiting.pop_first();
    }
    match named(state, report) {
        Some(id) => {
            let track = state.tracks.get_mut(&id).expect("just found").change();
            track.declare(&report.public_id);
            tell(track, signals);
        }
        None if state.waiting.len() < WAITING_MAX => {
            state.waiting.insert((at, report.public_id.clone()), report.clone());
        }
        None => {}
    }
}

/// Fires deadlines up to `to`.
pub(super) fn advance(state: &mut State, to: Timestamp, signals: &mut Signals) {
    while state.next_deadline.is_some_and(|next| next <= to) {
        let mut due: Vec<(Timestamp, TrackId, Deadline)> = state
            .tracks
            .iter()
            .map(|(id, track)| {
                let (at, deadline) = track.0.next_deadline();
                (at, *id, deadline)
            })
            .filter(|(at, ..)| *at <= to)
            .collect();
        due.sort_unstable_by_key(|(at, id, _)| (*at, *id));
        for (_, id, deadline) in due {
            fire(state, id, deadline, signals);
        }
        state.schedule();
    }
}

fn fire(state: &mut State, id: TrackId, deadline: Deadline, signals: &mut Signals) {
    let track = state.tracks.get_mut(&id).expect("deadlines come from the tracks").change();
    match deadline {
        Deadline::Stale => track.life = Life::Stale,
        Deadline::Land => track.phase = Phase::Landed,
        Deadline::Lose => {
            track.life = Life::Lost;
            withdraw(track, signals);
        }
        Deadline::Drop => {
            withdraw(track, signals);
            state.tracks.remove(&id);
        }
    }
}

/// What node `me` should declare: every confirmed ballistic object without a public id, by the node
/// that told of its first plot; the other contributors wait their turn.
pub(super) fn desires(state: &State, me: NodeId, now: Timestamp) -> Vec<Desire> {
    let mut desires = Vec::new();
    for track in state.tracks.values().map(|track| &*track.0) {
        let Some(confirmed) = track.confirmed else { continue };
        if track.public_id.is_some()
            || track.class != Class::Ballistic
            || track.initiating.is_empty()
        {
            continue;
        }
        let first = track.initiating[0].entry.log.node;
        let mut others: Vec<NodeId> = track.shares.values().map(|share| share.node).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|node| *node != first);
        let mut ranked = std::iter::once(first).chain(others).zip(0..);
        let Some((_, rank)) = ranked.find(|(node, _)| *node == me) else { continue };
        if now.since(confirmed) < TimeDelta::from_seconds(rank * DECLARE_RANK_S) {
            continue;
        }
        let report = DeclaredReport {
            public_id: format!("{}-{}", me.partner(), track.id),
            evidence: track.initiating.clone(),
        };
        desires.push(Desire {
            key: format!("{DECLARED_KIND}/{}", track.id),
            kind: DECLARED_KIND,
            edition: EDITION,
            precedence: Precedence::Flash,
            content: encode_content(&report),
            // A name calls nobody.
            evidence: Vec::new(),
        });
    }
    desires
}

/// Notes the sensor and its scan; `None` when there are too many sensors, or the same scan was heard.
fn hear(
    state: &mut State,
    report: &ScanReport,
    content: [u8; 32],
    signals: &mut Signals,
) -> Option<String> {
    let (info, measured) = (&report.sensor, report.measured);
    let key = format!("{}/{}", info.partner, info.id);
    let full = state.sensors.len() >= SENSORS_MAX && !state.sensors.contains_key(&key);
    if full {
        signals.find(Finding {
            at: measured,
            severity: Severity::Warning,
            source: format!("sensor {key}"),
            message: format!(
                "expected at most {SENSORS_MAX} sensors, got one more; scan set aside"
            ),
            hint: Some("give each sensor one lasting id".to_owned()),
        });
        return None;
    }
    let sensor = state.sensors.entry(key.clone()).or_insert_with(|| Sensor {
        info: info.clone(),
        scans: 0,
        last_scan: measured,
        heard: BTreeSet::new(),
    });
    if !sensor.note(measured, content) {
        return None;
    }
    sensor.info = info.clone();
    sensor.scans += 1;
    Some(key)
}

/// Associates, updates, starts; the tracks that took a plot.
fn update_tracks(
    state: &mut State,
    observations: &[Observation],
    origin: &Origin<'_>,
    measured: Timestamp,
    signals: &mut Signals,
) -> Vec<TrackId> {
    let ids: Vec<TrackId> = state.tracks.keys().copied().collect();
    let tracks: Vec<&Track> = state.tracks.values().map(|track| &*track.0).collect();
    let chosen = associate(&tracks, observations, measured);
    let mut free = vec![true; observations.len()];
    let mut touched = Vec::new();
    for (track, plot) in chosen {
        free[plot] = false;
        let shared = state.tracks.get_mut(&ids[track]).expect("ids are the keys");
        if shared.change().take(&observations[plot], origin) {
            touched.push(ids[track]);
        } else {
            withdraw(shared.change(), signals);
            state.tracks.remove(&ids[track]);
        }
    }
    let mut dropped = 0_usize;
    for (observation, _) in observations.iter().zip(&free).filter(|(_, free)| **free) {
        let track = Track::start(observation, origin);
        if state.has_room() {
            state.tracks.entry(track.id).or_insert_with(|| Shared::new(track));
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 {
        signals.find(Finding {
            at: measured,
            severity: Severity::Warning,
            source: format!("sensor {}", origin.key),
            message: format!(
                "expected at most {} tracks, {dropped} plots started none",
                limits::TRACKS_MAX
            ),
            hint: Some("raise the sensor's thresholds or split the picture".to_owned()),
        });
    }
    touched
}

/// Joins a track that was just confirmed to an older one of the same object; `touched`, sorted, are
/// the tracks that took a plot of this scan.
fn join_twin(state: &mut State, id: TrackId, touched: &[TrackId], signals: &mut Signals) {
    let Some(young) = state.tracks.get(&id).map(|track| &track.0) else { return };
    if young.confirmed != Some(young.updated) {
        return;
    }
    let same = |(other, old): (&TrackId, &Shared<Track>)| {
        let old = &old.0;
        // Cheapest first: this is asked of every track. Two that took plots of one scan are two.
        let comparable = old.confirmed < young.confirmed
            && matches!(old.life, Life::Confirmed | Life::Stale)
            && old.phase != Phase::Landed
            && touched.binary_search(other).is_err()
            && old.identity.affinity(&young.identity).is_some_and(|affinity| affinity <= 0.0);
        comparable.then(|| distance2(old, young)).flatten().map(|d| (d, *other))
    };
    let nearest = state
        .tracks
        .iter()
        .filter_map(same)
        .filter(|(distance2, _)| *distance2 < MERGE_DISTANCE2)
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let Some((_, older)) = nearest else { return };
    let mut young = state.tracks.remove(&id).expect("just found");
    withdraw(young.change(), signals);
    let old = state.tracks.get_mut(&older).expect("just found").change();
    old.add_alias(&young.0.id.to_string());
    if let Some(public_id) = &young.0.public_id {
        old.declare(public_id);
    }
}

/// Squared Mahalanobis distance of two tracks at the time of the younger one.
fn distance2(old: &Track, young: &Track) -> Option<f64> {
    const APART_M: f64 = 50_000.0;
    let after_s = young.updated.since(old.updated).as_seconds().0;
    let (before, b) = (old.bank.lead(), young.bank.lead());
    let offset_m = norm(&minus(&before.position(), &b.position()));
    if offset_m > APART_M + norm(&before.velocity()) * after_s.abs() {
        return None;
    }
    let a = old.bank.lead_predicted(after_s);
    let mut both: Matrix<6, 6> = a.covariance;
    both.add_block(0, 0, &b.covariance, 1.0);
    let apart: [f64; 6] = std::array::from_fn(|i| a.mean[i] - b.mean[i]);
    let white = both.cholesky()?.solve_lower(&apart);
    Some(dot(&white, &white))
}

/// Renews what is foreseen of a track that took a plot, and tells it.
fn assess(state: &mut State, id: TrackId, signals: &mut Signals) {
    if !state.tracks.contains_key(&id) {
        return;
    }
    let claimed = claim(state, id);
    let track = state.tracks.get_mut(&id).expect("checked above").change();
    if !track.may_forecast() {
        withdraw(track, signals);
        track.forecast = None;
        return;
    }
    if track.forecast_is_due() {
        let fall = track.bank.accepted_fall().expect("a forecast needs a fall");
        let forecast = Forecast::new(fall, track.updated, track.forecast.as_ref());
        if track.launch.is_none() {
            track.launch = Launch::from_fall(fall, track.updated);
        }
        if forecast.impact.is_none() {
            withdraw(track, signals);
        }
        track.forecast = Some(forecast);
        tell(track, signals);
    } else if claimed {
        tell(track, signals);
    }
}

/// Gives a confirmed track the public id that waited for it.
fn claim(state: &mut State, id: TrackId) -> bool {
    let track = state.tracks.get(&id).expect("the caller checked");
    if state.waiting.is_empty() || track.0.confirmed.is_none() {
        return false;
    }
    let uses = |report: &DeclaredReport| report.evidence.iter().any(|plot| track.0.used(plot));
    let mine: Vec<(Timestamp, String)> = state
        .waiting
        .iter()
        .filter(|(_, report)| uses(report))
        .map(|(key, _)| key.clone())
        .collect();
    let track = state.tracks.get_mut(&id).expect("the caller checked").change();
    for key in &mine {
        state.waiting.remove(key);
        track.declare(&key.1);
    }
    !mine.is_empty()
}

/// The track that used most of the plots a declaration cites; the lowest id among equals.
fn named(state: &State, report: &DeclaredReport) -> Option<TrackId> {
    let used = |track: &Track| report.evidence.iter().filter(|plot| track.used(plot)).count();
    let mut best: Option<(usize, TrackId)> = None;
    for (id, track) in &state.tracks {
        let count = used(&track.0);
        if count > best.map_or(0, |(most, _)| most) {
            best = Some((count, *id));
        }
    }
    best.map(|(_, id)| id)
}

/// Tells the impact of a declared track.
fn tell(track: &Track, signals: &mut Signals) {
    let impact = track.forecast.as_ref().and_then(|forecast| forecast.impact);
    if let (Some(impact), Some(public_id)) = (impact, &track.public_id) {
        signals.emit(impact.signal(public_id, track.evidence(SIGNAL_EVIDENCE)));
    }
}

/// Takes back what was told of a track's impact.
fn withdraw(track: &mut Track, signals: &mut Signals) {
    let told = track.forecast.as_ref().is_some_and(|forecast| forecast.impact.is_some())
        && track.phase != Phase::Landed;
    if let (true, Some(public_id)) = (told, &track.public_id) {
        signals.emit(Signal {
            what: IMPACT_SIGNAL,
            subject: public_id.clone(),
            region: None,
            when: None,
            certainty: Certainty::Confirmed,
            evidence: track.evidence(SIGNAL_EVIDENCE),
        });
    }
}

#[cfg(test)]
mod tests;
