//! Which statements of partners are kept for good, so that a receipt of any age can be shown.
//!
//! Of each node and kind the newest statement about a log is stored as it comes. Once one of a later
//! second replaces it, the old one is written to the history: one row a second at most, and the first
//! row that covers an entry says when it was first held; see [`log::receipts_of`].

use std::collections::{BTreeMap, VecDeque};

use base::NodeId;
use log::{CosignatureKind, LogId, Statement, Verified};

use crate::limits;

/// One log, one node, one kind; no kind stands for ranges.
type Series = (LogId, NodeId, Option<CosignatureKind>);

/// The newest of every series, and what was replaced and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct History {
    newest: BTreeMap<Series, Verified<Statement>>,
    replaced: VecDeque<Verified<Statement>>,
}

impl History {
    /// Takes a stored statement as the newest of its series, after a restart.
    pub(crate) fn restore(&mut self, statement: Verified<Statement>) {
        self.newest.insert(series(&statement), statement);
    }

    /// Takes a statement that says more than the one before it.
    pub(crate) fn replace(&mut self, statement: Verified<Statement>) {
        let time_s = statement.time_s();
        let before = self.newest.insert(series(&statement), statement);
        if let Some(before) = before.filter(|before| before.time_s() != time_s) {
            if self.replaced.len() == limits::HISTORY_WAITING_MAX {
                self.replaced.pop_front();
            }
            self.replaced.push_back(before);
        }
    }

    /// What is to be written now.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Verified<Statement>> + '_ {
        self.replaced.drain(..)
    }
}

fn series(statement: &Statement) -> Series {
    let kind = match statement {
        Statement::Cosignature(made) => Some(made.kind),
        Statement::Range(_) => None,
    };
    (statement.checkpoint().log, statement.by(), kind)
}
