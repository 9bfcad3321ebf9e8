//! Warnings: which districts an object endangers, what to say about it, and who said so.
//!
//! Start here: [`State`] is the fold of drafts and officers' acts; [`act`] makes an officer's entry;
//! [`cap_content`] is what an alert says. The parts:
//!
//! ```text
//! track.impact ─► touch (districts) ─► State ─► decision ─► draft ─► officer's act ─► message ─► cap
//! ```
//!
//! **Architecture Invariant:** a node only drafts; nothing is said to the public without an officer's
//! entry, and only the owner of the districts moves the warning.
//! **Architecture Invariant:** the only ground for a draft is the signal `track.impact` of a confirmed
//! object; this domain knows no tracks and no aircraft.

mod acts;
mod assessment;
mod cap;
mod decision;
mod districts;
mod events;
mod items;
mod language;
mod offing;
mod outline;
mod state;
mod texts;
mod touch;

#[cfg(test)]
mod testkit;

use base::{NodeId, Timestamp};
use log::{Audience, Precedence};

use crate::{
    Collection, Correctable, DecodeError, Desire, Domain, Items, KindInfo, Signals, Statement,
};

pub use acts::{Act, ActError, act};
pub use assessment::{Certainty, Severity, Urgency};
pub use cap::{
    CapArea, CapCategory, CapContent, CapInfo, CapReference, CapResponse, CapStatus,
    SAME_EVENT_CODE, SAME_EVENT_CODE_SEA, cap_content, cap_identifier, cap_preview,
    evidence_handle,
};
pub use decision::{IMPACT_MOVES_S, REGION_MOVES_M, SEA_SIGMA_M_MAX, SETTLES_S, SUPPORT_SETTLES_S};
pub use districts::{District, Districts, districts};
pub use events::{
    Action, Area, CANCEL_KIND, Cancel, CancelReport, DRAFT_KIND, DistrictShare, Draft, DraftReport,
    Event, Forecast, RELEASE_KIND, Reason, Release, ReleaseReport, Subject, UPDATE_KIND, WarningId,
};
pub use items::{
    DistrictItem, PendingItem, WARNINGS_COLLECTION, WarningItem, mark_late, mark_realm,
};
pub use language::{Language, Text};
pub use offing::{
    Offing, Offshore, SEA_AREA_M_MIN, SEA_DISTRICTS_MAX, SEA_REACH_M, SEA_SLACK_M, Side,
};
pub use state::{IMPACT_SIGNAL, Message, Proposal, Stage, State, Warning};
pub use touch::{MARGIN_M, RADIUS_90, RADIUS_99, Reach, SAMPLES, SIGMA_M_MAX, Touch, ellipse_ring};

/// What was drafted and said is taken back in the open.
const NOT_UNSAID: Correctable =
    Correctable::Never("cancel the warning, or release an update of it");

/// The warning domain.
#[derive(Debug, Clone, Copy)]
pub struct Capability;

impl Domain for Capability {
    const NAME: &'static str = "warning";
    const TITLE: &'static str = "Warnings";
    const FOLD_EDITION: u32 = 2;
    type Event = Event;
    type State = State;

    fn kinds() -> Vec<KindInfo> {
        let flash = Precedence::Flash;
        vec![
            KindInfo::of::<Draft>(
                DRAFT_KIND,
                events::EDITION,
                flash,
                NOT_UNSAID,
                "A node proposes an alert, an update or a cancel for its partner's districts.",
            ),
            KindInfo::of::<Release>(
                RELEASE_KIND,
                events::EDITION,
                flash,
                NOT_UNSAID,
                "An officer releases a drafted alert.",
            ),
            KindInfo::of::<Release>(
                UPDATE_KIND,
                events::EDITION,
                flash,
                NOT_UNSAID,
                "An officer releases a drafted update.",
            ),
            KindInfo::of::<Cancel>(
                CANCEL_KIND,
                events::EDITION,
                flash,
                NOT_UNSAID,
                "An officer withdraws a warning.",
            ),
        ]
    }

    fn collections() -> Vec<Collection> {
        vec![Collection::of::<WarningItem>(WARNINGS_COLLECTION, "Warnings")]
    }

    fn decode(kind: &str, edition: u16, content: &[u8]) -> Result<Event, DecodeError> {
        Event::decode(kind, edition, content)
    }

    fn fold(state: &mut State, statement: &Statement<'_, Event>, signals: &mut Signals) {
        state.fold(statement, signals);
    }

    fn sense(state: &mut State, at: Timestamp, signals: &mut Signals) {
        state.sense(at, signals);
    }

    fn advance(state: &mut State, to: Timestamp, signals: &mut Signals) {
        state.advance(to, signals);
    }

    fn items(state: &State, now: Timestamp, items: &mut Items) {
        items::put(state, now, items);
    }

    fn desires(state: &State, me: NodeId, audience: &Audience, now: Timestamp) -> Vec<Desire> {
        decision::desires(state, me, audience, now)
    }
}
