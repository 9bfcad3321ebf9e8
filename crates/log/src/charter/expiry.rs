//! What runs out soon.

use base::{NodeId, PartnerId, TimeDelta, Timestamp};

use super::Charter;

/// Days before the end at which operators are warned, and once more each day after it.
pub const EXPIRY_DAYS: [i64; 4] = [60, 30, 7, 1];

const DAY_S: i64 = 24 * 60 * 60;

/// Something that runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiring {
    /// What: the agreement, a node's keys, an officer's key.
    pub what: String,
    /// Whose duty it is; nobody's alone for the agreement.
    pub partner: Option<PartnerId>,
    /// When.
    pub expires: Timestamp,
    /// The step of [`EXPIRY_DAYS`] reached, or a negative day count once over.
    pub days: i64,
}

impl Charter {
    /// What has reached a step of [`EXPIRY_DAYS`] at `now`, soonest first.
    pub fn expiring(&self, now: Timestamp) -> Vec<Expiring> {
        let mut found: Vec<Expiring> = Vec::new();
        let mut look = |what: String, partner, expires: Option<Timestamp>| {
            let Some(expires) = expires else { return };
            let left = expires - now;
            let day = |days: i64| TimeDelta::from_seconds(days * DAY_S);
            let days = if left <= TimeDelta::ZERO {
                -(-left).as_nanos().div_euclid(day(1).as_nanos()) - 1
            } else {
                match EXPIRY_DAYS.iter().rev().find(|step| left <= day(**step)) {
                    Some(step) => *step,
                    None => return,
                }
            };
            found.push(Expiring { what, partner, expires, days });
        };
        look(format!("charter edition {}", self.edition()), None, self.agreement.expires);
        for (id, node) in self.nodes() {
            let id: NodeId = id;
            look(format!("the keys of {id}"), Some(id.partner()), node.expires);
        }
        for (partner, roster) in self.rosters() {
            for (name, officer) in &roster.officers {
                look(format!("the key of officer `{name}`"), Some(*partner), officer.expires);
            }
        }
        found.sort_by(|a, b| (a.expires, &a.what).cmp(&(b.expires, &b.what)));
        found
    }
}
