//! Tracks: what flies where, what it is, and where a falling thing will land.
//!
//! ```text
//! Scan ─► observation ─► association ─► filters ─► track (life, class, phase) ─► assessment ─► impact
//!                             └─► initiation of new tracks
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`events`] | what the domain is told: scans and declared public ids |
//! | `observation`, `identity` | what a plot says of a position and of who flies |
//! | `matrix`, `atmosphere`, `motion` | numbers of fixed size, air density, free fall |
//! | `filters` | the three models: cruise, boost, fall |
//! | `assignment`, `association` | gates, clusters, the best assignment of plots to tracks |
//! | `bank`, `life` | the models of one track side by side; its class, phase and states |
//! | `assessment` | launch, apogee, impact with its uncertainty |
//! | `state`, `tracker` | the folded picture and how a scan changes it |
//! | [`items`] | what the console shows |
//!
//! **Architecture Invariant:** no aircraft has an impact: a forecast needs a confirmed object that
//! has fallen freely through several observations, was seen above 30 km or faster than 1.2 km/s with
//! three sigma to spare, and never answered a transponder.
//! **Architecture Invariant:** ids derive from the plots an object was started from, never from
//! counters, so that every node gives the same id whatever the order of arrival.

pub mod events;
pub mod items;

mod assessment;
mod assignment;
mod association;
mod atmosphere;
mod bank;
mod filters;
mod identity;
mod life;
mod matrix;
mod motion;
mod observation;
mod state;
mod tracker;

pub use state::State;

use base::{NodeId, Timestamp};
use log::{Audience, Precedence};

use crate::{
    Collection, Correctable, DecodeError, Desire, Domain, Items, KindInfo, Signals, Statement,
};

/// The track domain.
pub struct Capability;

impl Domain for Capability {
    const NAME: &'static str = "track";
    const TITLE: &'static str = "Tracks";
    const FOLD_EDITION: u32 = 1;
    type Event = events::Event;
    type State = State;

    fn kinds() -> Vec<KindInfo> {
        vec![
            KindInfo::of::<events::Scan>(
                events::SCAN_KIND,
                events::EDITION,
                Precedence::Immediate,
                Correctable::Momentary,
                "What one sensor saw in one scan or sector.",
            ),
            KindInfo::of::<events::Declared>(
                events::DECLARED_KIND,
                events::EDITION,
                Precedence::Flash,
                Correctable::Standing,
                "The public id of an object, with the plots it was started from.",
            ),
        ]
    }

    fn collections() -> Vec<Collection> {
        vec![
            Collection::of::<items::TrackItem>(items::TRACKS, "Tracks"),
            Collection::of::<items::SensorItem>(items::SENSORS, "Sensors"),
        ]
    }

    fn decode(kind: &str, edition: u16, content: &[u8]) -> Result<events::Event, DecodeError> {
        events::Event::decode(kind, edition, content)
    }

    fn measured_at(event: &events::Event) -> Option<Timestamp> {
        match event {
            events::Event::Scan(scan) => Some(scan.report().measured),
            events::Event::Declared(_) => None,
        }
    }

    fn fold(state: &mut State, statement: &Statement<'_, events::Event>, signals: &mut Signals) {
        match statement.event {
            events::Event::Scan(scan) => tracker::observe(state, scan, statement.fact.id, signals),
            events::Event::Declared(declared) => {
                tracker::declare(state, declared, statement.at, signals);
            }
        }
    }

    fn advance(state: &mut State, to: Timestamp, signals: &mut Signals) {
        tracker::advance(state, to, signals);
    }

    fn items(state: &State, now: Timestamp, items: &mut Items) {
        items::show(state, now, items);
    }

    fn desires(state: &State, me: NodeId, _: &Audience, now: Timestamp) -> Vec<Desire> {
        tracker::desires(state, me, now)
    }
}
