//! `doctor`.

use super::{ConfigArgument, print};
use crate::doctor::{self, State};
use crate::error::Error;

#[derive(clap::Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// Each check to standard error, and all of them as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

impl DoctorArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let report = doctor::examine(&self.node.config, |check| {
            if self.json {
                eprintln!("{check}");
            } else {
                print(&format!("{check}\n"));
            }
        });
        if self.json {
            let answer = serde_json::to_string(&report).expect("a report is plain data");
            print(&format!("{answer}\n"));
        }
        let count = |state| report.checks.iter().filter(|check| check.state == state).count();
        let (errors, warnings) = (count(State::Error), count(State::Warning));
        let total = report.checks.len();
        if report.ok {
            eprintln!("{total} checks, {warnings} of them doubtful, nothing wrong");
            return Ok(());
        }
        Err(Error::input(
            format!("expected nothing wrong, got {errors} of {total} checks in error"),
            "do what the hints of lines that begin with `error` say, then look again",
        ))
    }
}
