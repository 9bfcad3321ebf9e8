//! One track: its models, where it came from, what it is, and when it is given up.

use std::collections::{BTreeMap, VecDeque};

use base::{NodeId, PartnerId, Position, Seconds, TimeDelta, Timestamp, math};
use log::EntryId;
use serde::{Serialize, Serializer};

use super::assessment::{Forecast, Launch};
use super::bank::Bank;
use super::events::{PlotRef, SensorInfo};
use super::filters::beyond_aircraft;
use super::identity::Identity;
use super::items::{Class, Life, Phase};
use super::matrix::{dot, norm, scaled};
use super::motion::height_m;
use super::observation::Observation;

/// Plots that start a confirmed track (the M of M of N).
const CONFIRM_PLOTS: u64 = 4;
/// The same where a transponder answered.
const CONFIRM_PLOTS_COOPERATIVE: u64 = 3;
/// The same where it gave its address, which carries a parity of 24 bits: no false plot has one.
const CONFIRM_PLOTS_ADDRESSED: u64 = 1;
/// N: of the looks since the first plot at least this share must have hit.
const CONFIRM_SHARE: f64 = 0.5;
/// What has stayed within an aircraft's limits for this long is one: no rocket does.
const AIRCRAFT_AGE: TimeDelta = TimeDelta::from_seconds(90);
/// Score that confirms, that ends a track, and at which it stops growing.
const SCORE_CONFIRMED: f64 = 6.0;
const SCORE_LOST: f64 = -8.0;
const SCORE_MAX: f64 = 15.0;
/// What one plot may add or take.
const GAIN_MAX: f64 = 5.0;
/// What a look without a plot takes.
const MISS_COST: f64 = 1.5;
/// A sensor that tells of no false plots has some.
const CLUTTER_MIN: f64 = 0.02;
/// The false plots of a look are taken to lie this near the object, m³: (8 km)³, since that is where
/// they do harm.
const CLUTTER_VOLUME_M3: f64 = 5.1e11;
/// Vertical speed that makes a climb or a descent, m/s.
const CLIMB_MPS: f64 = 4.0;
/// Vertical speed known worse than this says nothing of the phase, m/s.
const CLIMB_SIGMA_MPS: f64 = 60.0;
/// Where reentry begins, metres.
const REENTRY_HEIGHT_M: f64 = 100_000.0;
/// Plots remembered: the first ones, and the newest ones.
const INITIATING_MAX: usize = 4;
const RECENT_MAX: usize = 32;
/// Points of a trail.
const TRAIL_MAX: usize = 64;
/// Aliases kept.
const ALIASES_MAX: usize = 16;

/// An internal id: derived from the first plot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TrackId(u64);

impl TrackId {
    /// FNV-1a (64 bits) over the first plot's entry and number.
    pub(super) fn of(first: &PlotRef) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let text = format!("{}#{}", first.entry, first.plot);
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        Self(text.bytes().fold(OFFSET, mix))
    }
}

impl std::fmt::Display for TrackId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "T{:012x}", self.0 >> 16)
    }
}

impl std::fmt::Debug for TrackId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for TrackId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// A sensor's share in a track.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) partner: PartnerId,
    pub(super) sensor: String,
    /// The node that last told of it.
    pub(super) node: NodeId,
    pub(super) plots: u64,
    pub(super) first: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) period_s: f64,
}

/// Where a track was, at a spacing that doubles when there are too many points.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Trail {
    /// Longitude, latitude, height.
    pub(super) points: Vec<[f64; 3]>,
    spacing_s: f64,
    last: Timestamp,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Track {
    pub(super) id: TrackId,
    pub(super) first_seen: Timestamp,
    /// Time of the last plot, which is the time of the models.
    pub(super) updated: Timestamp,
    pub(super) bank: Bank,
    pub(super) class: Class,
    pub(super) phase: Phase,
    pub(super) life: Life,
    /// Seen to fall freely where no aircraft flies.
    pub(super) proven: bool,
    pub(super) confirmed: Option<Timestamp>,
    pub(super) plots: u64,
    /// ln of how much likelier it is an object than a chain of false plots.
    pub(super) score: f64,
    pub(super) identity: Identity,
    pub(super) shares: BTreeMap<String, Share>,
    pub(super) initiating: Vec<PlotRef>,
    pub(super) recent: VecDeque<PlotRef>,
    pub(super) public_id: Option<String>,
    pub(super) aliases: Vec<String>,
    pub(super) trail: Trail,
    pub(super) launch: Option<Launch>,
    pub(super) forecast: Option<Forecast>,
}

/// Who measured a plot, and where that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) sensor: &'a SensorInfo,
    pub(super) key: &'a str,
    pub(super) entry: EntryId,
}

impl Track {
    /// The track that one plot starts.
    pub(super) fn start(observation: &Observation, origin: &Origin<'_>) -> Self {
        let first = PlotRef { entry: origin.entry, plot: observation.plot };
        let mut track = Self {
            id: TrackId::of(&first),
            first_seen: observation.at,
            updated: observation.at,
            bank: Bank::start(observation),
            class: Class::Unknown,
            phase: Phase::Unknown,
            life: Life::Tentative,
            proven: false,
            confirmed: None,
            plots: 0,
            score: 0.0,
            identity: Identity::default(),
            shares: BTreeMap::new(),
            initiating: Vec::new(),
            recent: VecDeque::new(),
            public_id: None,
            aliases: Vec::new(),
            trail: Trail::default(),
            launch: None,
            forecast: None,
        };
        track.remember(observation, origin);
        track.revive();
        track.classify();
        track
    }

    /// What a plot adds to the score: ln of how much likelier it is the object than a false plot,
    /// less the looks in which there was none (Blackman, Popoli, section 6.2).
    fn gain(&self, sharpness: f64, observation: &Observation, sensor: &SensorInfo) -> f64 {
        let clutter = sensor.clutter.max(CLUTTER_MIN);
        let false_plots = math::ln(clutter / CLUTTER_VOLUME_M3) + observation.log_volume;
        let silence_s = observation.at.since(self.updated).as_seconds().0;
        let missed = (silence_s / sensor.period_s - 0.9).clamp(0.0, 3.0).floor();
        (sharpness - false_plots).clamp(-GAIN_MAX, GAIN_MAX) - MISS_COST * missed
    }

    /// Takes `observation` in; false when no model stands it, or it is more likely clutter.
    pub(super) fn take(&mut self, observation: &Observation, origin: &Origin<'_>) -> bool {
        if self.shares.get(origin.key).is_some_and(|share| share.updated == observation.at) {
            // The same look again, over another network or on the edge of two sectors.
            return true;
        }
        let duration_s = observation.at.since(self.updated).as_seconds().0;
        let mut bank = self.bank.predicted(duration_s);
        let Some(sharpness) = bank.update(observation, duration_s) else { return false };
        self.score += self.gain(sharpness, observation, origin.sensor);
        self.score = self.score.min(SCORE_MAX);
        if self.score < SCORE_LOST && !self.proven {
            return false;
        }
        self.bank = bank;
        self.updated = observation.at;
        self.remember(observation, origin);
        self.revive();
        self.classify();
        self.look_back();
        true
    }

    fn remember(&mut self, observation: &Observation, origin: &Origin<'_>) {
        self.plots += 1;
        self.identity.learn(&observation.identity);
        let plot = PlotRef { entry: origin.entry, plot: observation.plot };
        if self.initiating.len() < INITIATING_MAX {
            self.initiating.push(plot);
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(plot);
        let share = self.shares.entry(origin.key.to_owned()).or_insert_with(|| Share {
            partner: origin.sensor.partner,
            sensor: origin.sensor.id.clone(),
            node: origin.entry.log.node,
            plots: 0,
            first: observation.at,
            updated: observation.at,
            period_s: origin.sensor.period_s,
        });
        share.plots += 1;
        share.updated = share.updated.max(observation.at);
        share.node = origin.entry.log.node;
        share.period_s = origin.sensor.period_s;
        self.trail.extend(&self.bank.lead().position(), observation.at);
    }

    fn revive(&mut self) {
        match self.life {
            Life::Tentative if self.is_established() => {
                self.life = Life::Confirmed;
                self.confirmed = Some(self.updated);
            }
            Life::Stale | Life::Lost => self.life = Life::Confirmed,
            _ => {}
        }
    }

    /// M of N over all sensors that saw it.
    fn is_established(&self) -> bool {
        let wanted = if self.identity.aircraft_address.is_some() {
            CONFIRM_PLOTS_ADDRESSED
        } else if self.identity.is_cooperative() {
            CONFIRM_PLOTS_COOPERATIVE
        } else {
            CONFIRM_PLOTS
        };
        let looks: f64 = self
            .shares
            .values()
            .map(|share| {
                let span_s = self.updated.since(share.first).as_seconds().0;
                1.0 + (span_s / share.period_s + 0.1).floor().max(0.0)
            })
            .sum();
        let sure = wanted == CONFIRM_PLOTS_ADDRESSED || self.score >= SCORE_CONFIRMED;
        sure && self.plots >= wanted && self.plots as f64 >= CONFIRM_SHARE * looks
    }

    /// Decides class and phase from the models.
    fn classify(&mut self) {
        let lead = self.bank.lead();
        let up = scaled(&lead.position(), 1.0 / norm(&lead.position()));
        let velocity = lead.velocity();
        let climb_mps = dot(&velocity, &up);
        let height_m = height_m(&lead.position());
        let beyond_aircraft = beyond_aircraft(&lead);
        let fallen = self.bank.accepted_fall().is_some();
        let confirmed = self.confirmed.is_some();
        if self.identity.is_cooperative() {
            self.class = Class::Aircraft;
            self.proven = false;
        } else if confirmed && beyond_aircraft && self.bank.is_ballistic() {
            self.class = Class::Ballistic;
            self.proven |= fallen;
        } else if self.class != Class::Ballistic {
            let aged = self.updated.since(self.first_seen) > AIRCRAFT_AGE;
            let flies = self.bank.is_cruising() || aged;
            let flies = flies && confirmed && !beyond_aircraft;
            self.class = if flies { Class::Aircraft } else { Class::Unknown };
        }
        self.phase = match self.class {
            Class::Ballistic if !fallen && climb_mps > 0.0 => Phase::Boost,
            Class::Ballistic if climb_mps < 0.0 && height_m < REENTRY_HEIGHT_M => Phase::Reentry,
            Class::Ballistic if fallen => Phase::Coast,
            Class::Ballistic => Phase::Unknown,
            _ if !confirmed || lead.sigma_along(3, &up) > CLIMB_SIGMA_MPS => Phase::Unknown,
            _ if climb_mps > CLIMB_MPS => Phase::Climb,
            _ if climb_mps < -CLIMB_MPS => Phase::Descent,
            _ => Phase::Level,
        };
    }

    /// Keeps the launch estimate with the least spread.
    fn look_back(&mut self) {
        const BOOST_PLOTS_MIN: u64 = 4;
        let Some(boost) = self.bank.boost().filter(|_| self.bank.accepted_fall().is_none()) else {
            return;
        };
        if self.plots < BOOST_PLOTS_MIN || self.identity.is_cooperative() {
            return;
        }
        let seen = Launch::from_boost(boost, self.updated);
        let better = |seen: &Launch| self.launch.is_none_or(|kept| spread(seen) < spread(&kept));
        if let Some(seen) = seen.filter(better) {
            self.launch = Some(seen);
        }
    }

    /// Whether an impact may be told of it.
    pub(super) fn may_forecast(&self) -> bool {
        self.proven
            && self.class == Class::Ballistic
            && self.confirmed.is_some()
            && !matches!(self.life, Life::Tentative | Life::Lost)
            && self.bank.accepted_fall().is_some()
    }

    /// Whether a new forecast is worth its price: the nearer the impact, the more often.
    pub(super) fn forecast_is_due(&self) -> bool {
        let Some(forecast) = &self.forecast else { return true };
        let age_s = self.updated.since(forecast.made).as_seconds().0;
        let left_s =
            forecast.impact.map_or(500.0, |impact| impact.time.since(self.updated).as_seconds().0);
        age_s >= (0.01 * left_s).clamp(2.0, 20.0)
    }

    /// The shortest look period of the sensors that saw it, seconds.
    fn period_s(&self) -> f64 {
        self.shares.values().map(|share| share.period_s).fold(3_600.0, f64::min)
    }

    /// When the next thing happens to it if it is not seen again, and what.
    pub(super) fn next_deadline(&self) -> (Timestamp, Deadline) {
        const LANDED_KEPT_S: f64 = 3_600.0;
        const LOST_KEPT_S: f64 = 60.0;
        const COAST_S_MAX: f64 = 1_500.0;
        let after = |seconds: f64| self.updated + TimeDelta::from_seconds_f64(Seconds(seconds));
        let period_s = self.period_s();
        let impact = self.forecast.as_ref().and_then(|forecast| forecast.impact);
        if self.life == Life::Tentative {
            return (after((2.6 * period_s).clamp(3.0, 90.0)), Deadline::Drop);
        }
        if let Some(impact) = impact.filter(|_| self.proven) {
            let landed = impact.time + TimeDelta::from_seconds_f64(Seconds(impact.time_sigma_s));
            if self.phase == Phase::Landed {
                let kept = TimeDelta::from_seconds_f64(Seconds(LANDED_KEPT_S));
                return (landed + kept, Deadline::Drop);
            }
            let stale = after((3.6 * period_s).clamp(10.0, 120.0));
            if self.life == Life::Confirmed && stale < landed {
                return (stale, Deadline::Stale);
            }
            let lost = after(COAST_S_MAX);
            if self.life == Life::Lost {
                return (lost + TimeDelta::from_seconds_f64(Seconds(LOST_KEPT_S)), Deadline::Drop);
            }
            return if lost < landed { (lost, Deadline::Lose) } else { (landed, Deadline::Land) };
        }
        let lost_s = (10.0 * period_s).clamp(60.0, 300.0);
        match self.life {
            Life::Confirmed => (after((3.6 * period_s).clamp(10.0, 120.0)), Deadline::Stale),
            Life::Stale => (after(lost_s.max((3.6 * period_s).clamp(10.0, 120.0))), Deadline::Lose),
            Life::Lost | Life::Tentative => (after(lost_s + LOST_KEPT_S), Deadline::Drop),
        }
    }

    /// The entries it rests on, oldest first, each once, at most `count` of the newest.
    pub(super) fn evidence(&self, count: usize) -> Vec<EntryId> {
        let mut newest: Vec<EntryId> = Vec::new();
        for plot in self.recent.iter().rev() {
            if newest.len() == count {
                break;
            }
            if !newest.contains(&plot.entry) {
                newest.push(plot.entry);
            }
        }
        newest.reverse();
        newest
    }

    /// Whether it used `plot`, as far as it remembers.
    pub(super) fn used(&self, plot: &PlotRef) -> bool {
        self.initiating.contains(plot) || self.recent.contains(plot)
    }

    /// Takes `id` as public id, or as an alias if it has one.
    pub(super) fn declare(&mut self, id: &str) {
        match &self.public_id {
            None => self.public_id = Some(id.to_owned()),
            Some(known) if known != id => self.add_alias(id),
            Some(_) => {}
        }
    }

    /// Remembers another id of the same object.
    pub(super) fn add_alias(&mut self, id: &str) {
        let known = self.aliases.iter().any(|alias| alias == id);
        if !known && self.aliases.len() < ALIASES_MAX {
            self.aliases.push(id.to_owned());
        }
    }
}

/// What happens to a track that is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    /// It is shown as old.
    Stale,
    /// Its forecast impact time passes.
    Land,
    /// It is given up.
    Lose,
    /// It leaves the picture.
    Drop,
}

fn spread(launch: &Launch) -> f64 {
    // A second is about what a rocket moves in its first few hundred metres.
    launch.sigma_m + 300.0 * launch.time_sigma_s
}

impl Trail {
    fn extend(&mut self, position: &[f64; 3], at: Timestamp) {
        const SPACING_S: f64 = 2.0;
        if self.points.is_empty() {
            self.spacing_s = SPACING_S;
        } else if at.since(self.last).as_seconds().0 < self.spacing_s {
            return;
        }
        if self.points.len() == TRAIL_MAX {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.spacing_s *= 2.0;
        }
        let place = Position::new(*position).to_geodetic();
        self.points.push([place.lon().0, place.lat().0, place.height().0]);
        self.last = at;
    }
}
