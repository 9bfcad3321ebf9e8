//! The models of one track side by side, and which of them the plots support.
//!
//! Cruise and boost start together. A fall is started from the boost estimate and started anew as
//! long as thrust shows; it is accepted once several plots agree with it better than with thrust.
//! After that the boost model ends, and comes back if the fall no longer fits. `lean` is the running
//! logarithm of the likelihood ratio of the ballistic models over cruise, older plots fading.

use serde::Serialize;

use super::filters::{self, Boost, Cruise, Fall, Fit, Gaussian};
use super::matrix::{Matrix, Vector3, dot, norm};
use super::observation::Observation;

/// Gates by degrees of freedom: 99.97% of true plots pass.
const GATES: [f64; 4] = [0.0, 13.1, 16.2, 18.8];
/// Elements of the boost model's state.
const BOOST_ELEMENTS: usize = 9;
/// How long before a plot that does not fit thrust may have changed, seconds.
const THRUST_CHANGE_S: f64 = 3.0;
/// Speed that a dying engine may yet add after a fall was started, m/s.
const TAIL_OFF_MPS: f64 = 20.0;
/// A fall is accepted after this many plots of its own,
const FALL_UPDATES_MIN: u32 = 6;
/// after this time, seconds: a weak upper stage (5 m/s²) shows itself in less,
const FALL_AGE_S_MIN: f64 = 24.0;
/// with this logarithm of the likelihood ratio over boost,
const FALL_EVIDENCE_MIN: f64 = 2.0;
/// and a misfit below this.
const FALL_MISFIT_MAX: f64 = 1.8;
/// A fall on probation is started anew below this.
const FALL_EVIDENCE_LOST: f64 = -4.0;
/// Running mean of the normalised innovation per degree of freedom that no right model reaches.
const MISFIT_MAX: f64 = 3.0;
/// Age at which an accepted fall needs no boost beside it, seconds.
const FALL_AGE_S_SETTLED: f64 = 90.0;
/// How fast older plots fade from `lean` and the misfits.
const LEAN_FADE: f64 = 0.93;
const MISFIT_FADE: f64 = 0.75;
const LEAN_MAX: f64 = 60.0;
/// Below this lean boost opens no gate: an aircraft that is missed must not reach for false plots.
const LEAN_BOOST_GATE: f64 = -6.0;
/// Plots in a row, lean beyond [`LEAN_CLASS`], with a fitting model, that make something ballistic.
const BALLISTIC_UPDATES_MIN: u32 = 5;
const LEAN_CLASS: f64 = 3.0;
/// Plots after which a model that lost is ended.
const SETTLED_PLOTS: u32 = 8;
const LEAN_SETTLED: f64 = 15.0;

/// The models of a track at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Bank {
    cruise: Option<Cruise>,
    boost: Option<Boost>,
    fall: Option<Falling>,
    lean: f64,
    cruise_misfit: f64,
    boost_misfit: f64,
    updates: u32,
    /// Updates in a row that leant to ballistic flight and fitted it.
    ballistic_updates: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Falling {
    estimate: Fall,
    updates: u32,
    age_s: f64,
    evidence: f64,
    misfit: f64,
    accepted: bool,
}

impl Bank {
    /// The models that one plot starts; something that answers a transponder only cruises.
    pub(super) fn start(observation: &Observation) -> Self {
        let (position, covariance) = (observation.position, observation.covariance());
        let cooperative = observation.identity.is_cooperative();
        Self {
            cruise: Some(filters::cruise_seed(&position, &covariance)),
            boost: (!cooperative).then(|| filters::boost_seed(&position, &covariance)),
            fall: None,
            lean: if cooperative { -LEAN_MAX } else { 0.0 },
            cruise_misfit: 1.0,
            boost_misfit: 1.0,
            updates: 1,
            ballistic_updates: 0,
        }
    }

    /// All models `duration_s` later.
    pub(super) fn predicted(&self, duration_s: f64) -> Self {
        Self {
            cruise: self.cruise.as_ref().map(|model| model.predicted(duration_s)),
            boost: self.boost.as_ref().map(|model| model.predicted(duration_s)),
            fall: self.fall.as_ref().map(|falling| Falling {
                estimate: falling.estimate.predicted(duration_s),
                ..falling.clone()
            }),
            ..self.clone()
        }
    }

    /// The estimate of the likeliest model.
    pub(super) fn lead(&self) -> Gaussian<6> {
        let fall = self.accepted_fall().map(six);
        let boost = || self.boost.as_ref().filter(|_| self.lean > 0.0).map(six);
        let any = || self.boost.as_ref().map(six).or(self.fall.as_ref().map(|f| six(&f.estimate)));
        fall.or_else(boost)
            .or(self.cruise)
            .or_else(any)
            .expect("a bank has at least one model, see `settle`")
    }

    /// The likeliest model's estimate `duration_s` later, the others left behind.
    pub(super) fn lead_predicted(&self, duration_s: f64) -> Gaussian<6> {
        if let Some(fall) = self.accepted_fall() {
            six(&fall.predicted(duration_s))
        } else if let Some(boost) = self.boost.as_ref().filter(|_| self.lean > 0.0) {
            six(&boost.predicted(duration_s))
        } else if let Some(cruise) = &self.cruise {
            cruise.predicted(duration_s)
        } else {
            self.predicted(duration_s).lead()
        }
    }

    /// The fall, if plots have shown that there is no thrust.
    pub(super) fn accepted_fall(&self) -> Option<&Fall> {
        self.fall.as_ref().filter(|falling| falling.accepted).map(|falling| &falling.estimate)
    }

    /// The boost estimate, if thrust is not excluded.
    pub(super) const fn boost(&self) -> Option<&Boost> {
        self.boost.as_ref()
    }

    /// Whether several plots in a row fitted ballistic flight, and better than cruise.
    pub(super) const fn is_ballistic(&self) -> bool {
        self.ballistic_updates >= BALLISTIC_UPDATES_MIN
    }

    /// Whether the plots fit cruise better than ballistic flight.
    pub(super) fn is_cruising(&self) -> bool {
        self.lean < -LEAN_CLASS
    }

    /// The association cost of `observation` with these models, predicted to its time over
    /// `duration_s`: the least over the models of innovation squared plus ln det, with the gate's
    /// own price; `None` outside every gate.
    pub(super) fn cost(&self, observation: &Observation, duration_s: f64) -> Option<(f64, f64)> {
        // Three sigma of room for an acceleration that began `before_s` before the last plot.
        let room = |mps2: f64, before_s: f64| {
            let time_s = (duration_s.abs() + before_s).min(20.0);
            let reach_m = 0.5 * mps2 * time_s * time_s / 3.0;
            reach_m * reach_m
        };
        let gated = |fit: Option<Fit>| {
            let fit = fit.filter(|fit| fit.distance2 <= GATES[fit.freedom])?;
            Some((fit.distance2 + fit.log_det, GATES[fit.freedom] + fit.log_det))
        };
        let cruise = self.cruise.as_ref().and_then(|model| {
            gated(model.fit(&observation.linear(&model.position()), room(12.0, 0.0)))
        });
        let boost = self.boost.as_ref().filter(|_| self.lean > LEAN_BOOST_GATE).and_then(|model| {
            gated(model.fit(&observation.linear(&model.position()), room(60.0, THRUST_CHANGE_S)))
        });
        let fall = self.fall.as_ref().filter(|falling| falling.accepted).and_then(|falling| {
            let model = &falling.estimate;
            gated(model.fit(&observation.linear(&model.position()), room(1.0, 0.0)))
        });
        [fall, boost, cruise].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Updates all models, predicted to its time over `duration_s`, with `observation`. The best
    /// model's [`Fit::sharpness`], or `None` when no sound model is left.
    pub(super) fn update(&mut self, observation: &Observation, duration_s: f64) -> Option<f64> {
        self.updates = self.updates.saturating_add(1);
        let cruise = self.cruise.as_mut().and_then(|m| correct(m, observation, duration_s, 20.0));
        let boost = self.boost.as_mut().and_then(|m| correct(m, observation, duration_s, 40.0));
        let fall = self.fall.as_mut().and_then(|falling| {
            let fit = correct(&mut falling.estimate, observation, duration_s, 0.0)?;
            falling.estimate.bound_drag();
            falling.updates = falling.updates.saturating_add(1);
            falling.age_s += duration_s.max(0.0);
            let fade = if falling.accepted { faded_slowly } else { faded };
            falling.misfit = fade(falling.misfit, &fit);
            Some(fit)
        });
        if let Some(fit) = &cruise {
            self.cruise_misfit = faded(self.cruise_misfit, fit);
        }
        if let Some(fit) = &boost {
            self.boost_misfit = faded(self.boost_misfit, fit);
        }
        self.cruise = self.cruise.take().filter(Gaussian::is_sound);
        self.boost = self.boost.take().filter(Gaussian::is_sound);
        self.fall = self.fall.take().filter(|falling| falling.estimate.is_sound());
        if self.cruise.is_none() && self.boost.is_none() && self.fall.is_none() {
            return None;
        }
        self.weigh(cruise.as_ref(), boost.as_ref(), fall.as_ref());
        self.settle(observation.identity.is_cooperative());
        let misfit = self
            .fall
            .as_ref()
            .filter(|falling| falling.accepted)
            .map_or(self.boost_misfit, |falling| falling.misfit);
        if self.lean > LEAN_CLASS && misfit < MISFIT_MAX {
            self.ballistic_updates = self.ballistic_updates.saturating_add(1);
        } else {
            self.ballistic_updates = 0;
        }
        let fits = [cruise, boost, fall].into_iter().flatten();
        fits.map(|fit| fit.sharpness()).reduce(f64::max)
    }

    fn weigh(&mut self, cruise: Option<&Fit>, boost: Option<&Fit>, fall: Option<&Fit>) {
        let fall_counts = fall.filter(|_| self.accepted_fall().is_some());
        let ballistic = [boost, fall_counts].into_iter().flatten().map(Fit::log_likelihood);
        if let (Some(cruise), Some(ballistic)) = (cruise, ballistic.reduce(f64::max)) {
            let gained = ballistic - cruise.log_likelihood();
            self.lean = (LEAN_FADE * self.lean + gained).clamp(-LEAN_MAX, LEAN_MAX);
        }
        if let (Some(falling), Some(boost), Some(fall)) = (&mut self.fall, boost, fall) {
            falling.evidence += fall.log_likelihood() - boost.log_likelihood();
        }
    }

    /// Starts, accepts and ends models.
    fn settle(&mut self, cooperative: bool) {
        if cooperative {
            let lead = self.lead();
            self.cruise.get_or_insert(lead);
            (self.boost, self.fall, self.lean) = (None, None, -LEAN_MAX);
            return;
        }
        self.settle_fall();
        match (&self.cruise, &self.boost, &self.fall) {
            (Some(cruise), None, None) if self.cruise_misfit > MISFIT_MAX => {
                self.boost = Some(filters::boost_from(cruise));
                (self.boost_misfit, self.lean) = (1.0, -2.0);
            }
            (Some(_), Some(_), _)
                if self.updates >= SETTLED_PLOTS
                    && self.lean < -LEAN_SETTLED
                    && self.accepted_fall().is_none()
                    && !filters::beyond_aircraft(&self.lead()) =>
            {
                (self.boost, self.fall, self.lean) = (None, None, -LEAN_MAX);
            }
            (Some(_), _, Some(falling)) if falling.accepted && self.lean > LEAN_SETTLED => {
                (self.cruise, self.lean) = (None, LEAN_MAX);
            }
            _ => {}
        }
    }

    fn settle_fall(&mut self) {
        const START_PLOTS: u32 = 3;
        match (&mut self.fall, &self.boost) {
            (None, Some(boost)) if self.updates >= START_PLOTS => {
                self.fall = Some(Falling::start(boost));
            }
            (Some(falling), boost) if falling.accepted => {
                if falling.misfit > MISFIT_MAX {
                    let again = boost.unwrap_or_else(|| {
                        let mut again = filters::boost_from(&falling.estimate);
                        loosen(&mut again, 10.0, 40.0);
                        again
                    });
                    self.fall = Some(Falling::start(&again));
                    if boost.is_none() {
                        self.boost_misfit = 1.0;
                    }
                    self.boost = Some(again);
                } else if boost.is_some() && falling.age_s >= FALL_AGE_S_SETTLED {
                    self.boost = None;
                }
            }
            (Some(falling), Some(boost)) => {
                if falling.evidence < FALL_EVIDENCE_LOST || falling.misfit > MISFIT_MAX {
                    self.fall = Some(Falling::start(boost));
                } else if falling.updates >= FALL_UPDATES_MIN
                    && falling.age_s >= FALL_AGE_S_MIN
                    && falling.evidence > FALL_EVIDENCE_MIN
                    && falling.misfit < FALL_MISFIT_MAX
                    && filters::beyond_aircraft(&six(&falling.estimate))
                    && unthrust(boost)
                {
                    falling.accepted = true;
                }
            }
            _ => {}
        }
    }
}

impl Falling {
    fn start(boost: &Boost) -> Self {
        let mut estimate = Fall::from_moving(boost);
        for i in 3..6 {
            estimate.covariance.0[i][i] += TAIL_OFF_MPS * TAIL_OFF_MPS;
        }
        Self { estimate, updates: 0, age_s: 0.0, evidence: 0.0, misfit: 1.0, accepted: false }
    }
}

/// Whether the boost model itself sees no thrust along the path: below 3 m/s² or three sigma.
fn unthrust(boost: &Boost) -> bool {
    let velocity = boost.velocity();
    let speed_mps = norm(&velocity);
    if speed_mps < 1.0 {
        return false;
    }
    let along: Vector3 = std::array::from_fn(|i| velocity[i] / speed_mps);
    let thrust = dot(&boost.thrust(), &along);
    thrust < (3.0 * boost.sigma_along(6, &along)).max(3.0)
}

fn six<const N: usize>(estimate: &Gaussian<N>) -> Gaussian<6> {
    let mut mean = [0.0; 6];
    mean.copy_from_slice(&estimate.mean[..6]);
    Gaussian { mean, covariance: estimate.block(0, 0) }
}

fn faded(misfit: f64, fit: &Fit) -> f64 {
    let now = fit.distance2 / fit.freedom as f64;
    MISFIT_FADE * misfit + (1.0 - MISFIT_FADE) * now.min(50.0)
}

/// The same for an accepted fall, where one or two false plots at the gate's edge must not count for
/// thrust: a longer memory, and no plot counts for more than the gate lets pass.
fn faded_slowly(misfit: f64, fit: &Fit) -> f64 {
    const FADE: f64 = 0.88;
    let now = fit.distance2 / fit.freedom as f64;
    FADE * misfit + (1.0 - FADE) * now.min(7.0)
}

/// How well `observation` fitted; the model is then updated, loosened first for an unforeseen
/// acceleration of `mps2` if the plot lay outside the gate.
fn correct<const N: usize>(
    model: &mut Gaussian<N>,
    observation: &Observation,
    duration_s: f64,
    mps2: f64,
) -> Option<Fit> {
    let linear = observation.linear(&model.position());
    let fit = model.fit(&linear, 0.0)?;
    // Thrust ends or begins between plots: its model must let go at the first doubt.
    let doubt = if N == BOOST_ELEMENTS { 0.5 } else { 1.0 };
    if fit.distance2 > doubt * GATES[fit.freedom] && mps2 > 0.0 {
        let before_s = if N == BOOST_ELEMENTS { THRUST_CHANGE_S } else { 0.0 };
        loosen(model, duration_s.abs() + before_s, mps2);
    }
    model.update(&linear);
    Some(fit)
}

fn loosen<const N: usize>(model: &mut Gaussian<N>, duration_s: f64, mps2: f64) {
    let time_s = duration_s.abs().min(20.0);
    let speed = mps2 * time_s;
    let reach = 0.5 * speed * time_s;
    let identity = Matrix::<3, 3>::identity();
    model.covariance.add_block(0, 0, &identity, reach * reach);
    model.covariance.add_block(0, 3, &identity, reach * speed);
    model.covariance.add_block(3, 0, &identity, reach * speed);
    model.covariance.add_block(3, 3, &identity, speed * speed * 1.01);
    if N == BOOST_ELEMENTS {
        model.covariance.add_block(6, 6, &identity, mps2 * mps2);
    }
}
