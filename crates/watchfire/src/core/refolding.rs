//! Views that must be folded again from the log, because facts came that sort before what they keep.
//!
//! It happens on the store's history thread while the view goes on as it is; what it hears meanwhile
//! the new view takes over. After a partition many such facts come in a row: they are waited for, and a
//! refold never takes more than a fifth of one core.

use std::time::{Duration, Instant};

use base::Timestamp;
use domains::ViewName;

use super::Core;
use crate::clock::instant;
use crate::store::{Job, Refolded, Wanted};

/// A view waits this long for more facts of the past.
const GATHER: Duration = Duration::from_millis(500);
/// Times the last refold took that pass before the next.
const REST: u32 = 4;

/// What is being folded again.
#[derive(Debug, Default)]
pub(super) struct Refolding {
    /// Since when some view has been behind.
    behind: Option<Instant>,
    ordered: Option<Instant>,
    not_before: Option<Instant>,
}

impl Core {
    /// Orders the refold of a view that is behind, one at a time.
    pub(super) fn refold_behind(&mut self, now: Timestamp) {
        let Some(name) = self.views.behind() else {
            self.refolding.behind = None;
            return;
        };
        let moment = instant();
        let state = &mut self.refolding;
        let since = *state.behind.get_or_insert(moment);
        let due = moment.duration_since(since) >= GATHER
            && state.not_before.is_none_or(|at| moment >= at);
        if state.ordered.is_none() && due {
            state.ordered = Some(moment);
            tracing::info!(view = %name, "facts of the past are folded in; the view is folded again");
            let charter = self.charter.clone();
            let corrected = !self.corrections.is_empty();
            self.order(Job::Refold(Wanted { name, charter, now, corrected }));
        }
    }

    /// A view was folded again.
    pub(super) fn refolded(&mut self, name: &ViewName, result: Result<Refolded, log::Error>) {
        let moment = instant();
        let state = &mut self.refolding;
        let took = state.ordered.take().map_or(Duration::ZERO, |at| moment.duration_since(at));
        state.not_before = Some(moment + took * REST);
        state.behind = None;
        match result {
            Ok(Refolded(view, heard)) => self.views.replace(name, *view, &heard),
            Err(error) => self.find(
                domains::Severity::Error,
                format!("view {name}"),
                format!("facts of the past could not be folded in: {error}"),
                Some("run `watchfire fsck`; the view shows what came since".to_owned()),
            ),
        }
    }
}
