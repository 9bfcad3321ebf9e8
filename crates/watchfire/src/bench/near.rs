//! A node in this process.

use std::path::Path;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use log::EntryId;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{PATIENCE, no_answer};
use crate::clock::instant;
use crate::core::answers::{BulkAppended, Status};
use crate::core::bulk::BulkProposal;
use crate::core::items::LineState;
use crate::core::{Folded, Question};
use crate::error::Error;
use crate::http::Problem;
use crate::node::{self, Being};

/// A node that runs in this process.
pub(super) struct Near {
    questions: mpsc::Sender<Question>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), Error>>,
}

/// What the loop says to a bulk append.
pub(super) type Answer = Result<BulkAppended, Problem>;

impl Near {
    /// Starts the node of `config`; it tells `probe` of every fold.
    pub(super) fn start(
        runtime: &Runtime,
        config: &Path,
        probe: Option<std_mpsc::Sender<Folded>>,
    ) -> Result<Self, Error> {
        let being = Being::read(config)?;
        let (stop, stopping) = oneshot::channel::<()>();
        let (ready, up) = std_mpsc::channel();
        let stopped = async move { drop(stopping.await) };
        let announce = move |node: node::Ready| drop(ready.send(node.questions));
        let watchers = node::Watchers { probe, ..node::Watchers::default() };
        let running = runtime.spawn(node::run(being, stopped, announce, watchers));
        let questions = up.recv_timeout(PATIENCE).map_err(|_| no_answer("the node to start"))?;
        Ok(Self { questions, stop, running })
    }

    /// Waits until every line is up and the receipts of before are known.
    pub(super) fn wait_for_line(&self) -> Result<(), Error> {
        let begun = instant();
        while begun.elapsed() < PATIENCE {
            let status = self.status()?;
            if status.lines.iter().all(|line| line.state == LineState::Up)
                && status.receipts_complete
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(no_answer("the line to come up"))
    }

    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Error> {
        super::ask(&self.questions, question)
    }

    pub(super) fn status(&self) -> Result<Status, Error> {
        self.ask(Question::Status)
    }

    /// Hands statements to the loop; what answers once they are as safe as they ask to be.
    pub(super) fn bulk(&self, bulk: BulkProposal) -> Result<oneshot::Receiver<Answer>, Error> {
        let (reply, asked) = oneshot::channel();
        self.questions
            .blocking_send(Question::Bulk { bulk, reply })
            .map_err(|_| no_answer("the loop to take a question"))?;
        Ok(asked)
    }

    /// Stops the node and waits for its end.
    pub(super) fn end(self, runtime: &Runtime) {
        self.stop.send(()).ok();
        runtime.block_on(self.running).ok();
    }
}

/// The loop's answer; nothing if there was no room.
pub(super) fn answer(asked: oneshot::Receiver<Answer>) -> Result<Option<BulkAppended>, Error> {
    match asked.blocking_recv().map_err(|_| no_answer("the loop to answer"))? {
        Ok(appended) => Ok(Some(appended)),
        Err(problem) if problem.status == 503 => Ok(None),
        Err(problem) => Err(refusal(problem)),
    }
}

/// A refusal as the command's own error.
pub(super) fn refusal(problem: Problem) -> Error {
    Error::input(problem.detail, problem.hint.unwrap_or_default())
}

/// The id an answer tells.
pub(super) fn entry_id(text: &str) -> Result<EntryId, Error> {
    text.parse().map_err(|_| Error::input("expected an entry's id", "report this"))
}
