//! `recall`, `correct` and `supersede`: an officer of this node mends what the partner's nodes said.

use domains::correction::Act;

use super::explain::{entry_of, print_json};
use super::{ConfigArgument, inspect, print};
use crate::client::Client;
use crate::config::Config;
use crate::core::answers::Acted;
use crate::core::correct::CorrectionProposal;
use crate::error::Error;

#[derive(clap::Args)]
pub(super) struct RecallArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The entries to withdraw, 1 to 256, such as `KOR-1.flash.00112233445566778899aabbccddeeff.7`
    #[arg(value_name = "ENTRY", required = true)]
    entries: Vec<String>,
    /// Why, up to 1,000 bytes; all who may read the entries read it
    #[arg(long)]
    reason: String,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct ReplaceArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The entry to mend or replace
    #[arg(value_name = "ENTRY")]
    entry: String,
    /// The whole statement as it should be, as JSON of its kind's schema, or `-` for standard input
    #[arg(value_name = "CONTENT")]
    content: String,
    /// Why, up to 1,000 bytes; all who may read the entry read it
    #[arg(long)]
    reason: String,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl RecallArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let entries = self.entries.iter().map(|text| entry_of(text)).collect::<Result<_, _>>()?;
        let (act, reason) = (Act::Recall, self.reason);
        let proposal = CorrectionProposal { act, entries, reason, content: None };
        say(&self.node, &proposal, self.json)
    }
}

impl ReplaceArguments {
    pub(super) fn run(self, act: Act) -> Result<(), Error> {
        let entries = vec![entry_of(&self.entry)?];
        let content = Some(inspect::content(&self.content)?);
        let proposal = CorrectionProposal { act, entries, reason: self.reason, content };
        say(&self.node, &proposal, self.json)
    }
}

fn say(node: &ConfigArgument, proposal: &CorrectionProposal, json: bool) -> Result<(), Error> {
    let client = Client::of(&Config::read(&node.config)?)?;
    let acted: Acted = client.post("/api/v1/corrections", proposal)?;
    if json {
        print_json(&acted);
        return Ok(());
    }
    let cited: Vec<String> = proposal.entries.iter().map(ToString::to_string).collect();
    print(&format!("{} {} by {}\n", cited.join(" "), acted.state, acted.entry));
    Ok(())
}
