//! How urgent a warning is: the console's priority and the words of CAP 1.2.
//!
//! Priorities follow the order of Japan's weather agency (purple over red over orange over yellow):
//!
//! | priority | when |
//! | --- | --- |
//! | 1 purple | land may be hit within five minutes |
//! | 2 red | land may be hit within fifteen, or waters near land within five |
//! | 3 orange | any other standing threat, such as to ships and aircraft |
//! | 4 yellow | unsupported, over, cancelled or expired |
//!
//! Times count to the early edge: two standard deviations before the expected impact.

use base::{Seconds, TimeDelta, Timestamp};
use serde::Serialize;

use super::events::{Action, Area, Reason, Subject};

/// Probability of a hit inside the named districts or area from which it counts as likely (CAP: above 50 %).
const LIKELY: f64 = 0.5;
/// Probability that the impact lies in the ellipse drawn for a sea area.
const SEA_AREA_HOLDS: f64 = 0.9;

/// The console's priority: 1 purple to 4 yellow.
pub(super) fn priority(subject: &Subject, stands: bool, now: Timestamp) -> u8 {
    if !stands {
        return 4;
    }
    let left = early(subject) - now;
    let within = |minutes: i64| left <= TimeDelta::from_seconds(60 * minutes);
    if subject.area == Area::Sea {
        return 3;
    }
    match (reaches_land(subject), within(5), within(15)) {
        (true, true, _) => 1,
        (true, false, true) | (false, true, _) => 2,
        _ => 3,
    }
}

/// How fast people should act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Urgency {
    /// At once.
    Immediate,
    /// Within the hour.
    Expected,
    /// Later.
    Future,
    /// No longer.
    Past,
}

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Severity {
    /// Extraordinary threat to life.
    Extreme,
    /// Significant threat to life.
    Severe,
    /// Possible threat to life.
    Moderate,
    /// None: the threat is over or never was.
    Minor,
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Certainty {
    /// It happened.
    Observed,
    /// More likely than not.
    Likely,
    /// Possible.
    Possible,
    /// Not expected.
    Unlikely,
}

macro_rules! cap_words {
    ($($type:ident: $($word:ident)*;)*) => {$(
        impl $type {
            /// The word of CAP 1.2.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)*
                }
            }
        }
    )*};
}

cap_words! {
    Urgency: Immediate Expected Future Past;
    Severity: Extreme Severe Moderate Minor;
    Certainty: Observed Likely Possible Unlikely;
}

/// The three words of CAP for a message said at `at`.
pub(super) fn cap_words_of(
    subject: &Subject,
    action: Action,
    reason: Reason,
    at: Timestamp,
) -> (Urgency, Severity, Certainty) {
    if action == Action::Cancel {
        return (Urgency::Past, Severity::Minor, Certainty::Unlikely);
    }
    let severity = match subject.area {
        Area::Sea => Severity::Moderate,
        Area::Land if reaches_land(subject) => Severity::Extreme,
        Area::Land => Severity::Severe,
    };
    if reason == Reason::Fell {
        return (Urgency::Past, severity, Certainty::Observed);
    }
    let left = early(subject) - at;
    let urgency = if left <= TimeDelta::from_seconds(15 * 60) {
        Urgency::Immediate
    } else if left <= TimeDelta::from_seconds(3_600) {
        Urgency::Expected
    } else {
        Urgency::Future
    };
    let hit = match subject.area {
        Area::Land => subject.districts.iter().map(|share| share.probability).sum(),
        // A sea area is drawn so that it holds the impact that often.
        Area::Sea => SEA_AREA_HOLDS,
    };
    (urgency, severity, if hit > LIKELY { Certainty::Likely } else { Certainty::Possible })
}

fn early(subject: &Subject) -> Timestamp {
    let forecast = &subject.forecast;
    forecast.impact - TimeDelta::from_seconds_f64(Seconds(2.0 * forecast.impact_sigma_s))
}

fn reaches_land(subject: &Subject) -> bool {
    subject.districts.iter().any(|share| !share.nearby_only)
}

#[cfg(test)]
mod tests;
