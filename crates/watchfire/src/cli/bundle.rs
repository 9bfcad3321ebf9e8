//! `bundle export|import`: files for lines on which nothing but files goes.

use std::path::PathBuf;

use base::NodeId;
use serde_json::{Value, json};

use super::{ConfigArgument, print};
use crate::bundle::{self, Exported};
use crate::client::Client;
use crate::core::carry::{CarriedAnswer, ExportedNote, Plan, write_frames};
use crate::error::Error;
use crate::node::Being;
use crate::store::{Access, AnyOpened, AnyStore, Engine};

#[derive(clap::Subcommand)]
pub(super) enum BundleCommand {
    /// Write what another node lacks, and receipts for what it sent, into a file for it
    Export(ExportArguments),
    /// Take a file that another node made for this one; once or several times
    Import(ImportArguments),
}

#[derive(clap::Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The node it is for, such as JPN-1
    #[arg(long)]
    to: NodeId,
    /// Where each log begins in it: what that node has acknowledged, what was exported last (for lines on
    /// which nothing comes back), or its start
    #[arg(long, value_parser = ["acknowledged", "exported", "start"], default_value = "acknowledged")]
    since: String,
    /// The file to make
    file: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct ImportArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The file
    file: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl BundleCommand {
    pub(super) fn run(&self) -> Result<(), Error> {
        match self {
            Self::Export(arguments) => arguments.run(),
            Self::Import(arguments) => arguments.run(),
        }
    }
}

fn print_json(value: &Value) {
    print(&format!("{value}\n"));
}

impl ExportArguments {
    fn run(&self) -> Result<(), Error> {
        let mut being = Being::read(&self.node.config)?;
        let client = Client::of(&being.config)?;
        let path = format!("/api/v1/bundles/plan?to={}&since={}", self.to, self.since);
        let plan: Plan = client.get(&path)?;
        // After the plan, so that everything in the plan is seen.
        let AnyOpened { store, .. } = AnyStore::open(&being, Access::Read)?;
        being.follow(&store)?;
        let plan = plan.read(being.config.node, &being.charter).map_err(|message| {
            Error::input(message, "a newer charter has just come into force: export again")
        })?;
        let exported = bundle::write(&plan, &store, &being.charter, &being.secrets, &self.file)?;
        // Only now the next one may begin after it.
        let note = ExportedNote { to: exported.to, number: exported.number };
        client.post::<ExportedNote>("/api/v1/bundles/exported", &note)?;
        if self.json {
            print_json(&json!(exported));
        } else {
            let Exported { file, to, number, entries, bytes, .. } = exported;
            print(&format!(
                "{}: bundle {number} for {to}, {entries} entries, {bytes} bytes\n",
                file.display()
            ));
        }
        Ok(())
    }
}

impl ImportArguments {
    fn run(&self) -> Result<(), Error> {
        let mut being = Being::read(&self.node.config)?;
        let client = Client::of(&being.config)?;
        if being.config.store != Engine::Sqlite {
            let AnyOpened { store, .. } = AnyStore::open(&being, Access::Read)?;
            being.follow(&store)?;
        }
        let (charter, me) = (&being.charter, being.config.node);
        let mut brought = CarriedAnswer::default();
        let (header, chunks) = bundle::read(&self.file, charter, me, |header, frames, last| {
            let (from, number) = (header.from, header.number);
            let path = format!("/api/v1/bundles/frames?from={from}&number={number}&last={last}");
            let body = write_frames(&frames);
            let more: CarriedAnswer = client.send(&path, "application/octet-stream", &body)?;
            brought.entries += more.entries;
            brought.repeated += more.repeated;
            brought.gaps += more.gaps;
            brought.refused += more.refused;
            Ok(())
        })?;
        let edition = header.charter_edition;
        let other = (edition != charter.edition()).then_some(edition);
        if self.json {
            print_json(&json!({
                "from": header.from, "number": header.number, "chunks": chunks,
                "entries": brought.entries, "repeated": brought.repeated, "gaps": brought.gaps,
                "refused": brought.refused, "charter_edition": edition,
            }));
        } else {
            print(&format!("bundle {} of {}: {}\n", header.number, header.from, sentence(brought)));
            if let Some(edition) = other {
                print(&format!(
                    "it was made under charter edition {edition}, this node has {}: exchange charters\n",
                    charter.edition()
                ));
            }
        }
        if brought.refused > 0 {
            let message = format!("{} parts of the bundle were refused", brought.refused);
            return Err(Error::input(message, "the node's findings say which and why"));
        }
        Ok(())
    }
}

/// What a bundle brought, in words.
fn sentence(brought: CarriedAnswer) -> String {
    let CarriedAnswer { entries, repeated, gaps, refused } = brought;
    if refused > 0 {
        return format!("{entries} new entries, {refused} parts refused");
    }
    if gaps > 0 {
        return format!(
            "{entries} new entries, and {gaps} batches wait for an earlier bundle: import that, then this \
             one again"
        );
    }
    match (entries, repeated) {
        (0, 0) => "no entries, only what the other node holds".to_owned(),
        (0, _) => "nothing new, all of it was here already".to_owned(),
        (entries, _) => format!("{entries} new entries"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bundle_brought_is_one_sentence() {
        let said = |entries, repeated, gaps, refused| {
            sentence(CarriedAnswer { entries, repeated, gaps, refused })
        };
        assert_eq!(said(3, 0, 0, 0), "3 new entries");
        assert_eq!(said(0, 4, 0, 0), "nothing new, all of it was here already");
        assert!(said(0, 0, 2, 0).contains("import that, then this one again"));
        assert!(said(1, 0, 2, 5).ends_with("5 parts refused"));
        assert!(said(0, 0, 0, 0).starts_with("no entries"));
    }
}
