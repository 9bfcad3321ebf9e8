//! `receipts`, `why` and `preview`: one plain sentence first, then the facts.

use base::{NodeId, PartnerId};
use log::EntryId;

use super::{AppendArguments, ConfigArgument, inspect, print};
use crate::client::Client;
use crate::config::Config;
use crate::core::explain::{self, EntryReceipts, NodeReceipt, Preview, WhyAnswer};
use crate::error::Error;
use crate::node::Being;
use crate::store::{Access, AnyOpened, AnyStore};

#[derive(clap::Args)]
pub(super) struct ReceiptsArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The entry, such as `KOR-1.flash.00112233445566778899aabbccddeeff.7`
    #[arg(value_name = "ENTRY")]
    entry: String,
    /// As one JSON object, with the signed lines
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct WhyArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The entry
    #[arg(value_name = "ENTRY")]
    entry: String,
    /// The partner, such as JPN
    #[arg(value_name = "PARTNER")]
    partner: String,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn entry_of(text: &str) -> Result<EntryId, Error> {
    text.parse().map_err(|error: log::Error| {
        Error::input(error.to_string(), "copy an entry's id from `append` or an alert's evidence")
    })
}

pub(super) fn print_json(value: &impl serde::Serialize) {
    let text = serde_json::to_string(value).expect("an answer is plain data");
    print(&format!("{text}\n"));
}

fn time(time: Option<base::Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

impl ReceiptsArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let id = entry_of(&self.entry)?;
        let receipts = self.ask(id)?;
        if self.json {
            print_json(&receipts);
            return Ok(());
        }
        let mut page = format!("{}\n", receipts.summary);
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        page += &format!(
            "entry {}  {}  for {}  logged {}\n",
            receipts.entry,
            receipts.precedence,
            word(&receipts.audience),
            time(receipts.logged)
        );
        for node in &receipts.nodes {
            page += &receipt_line(node);
        }
        print(&page);
        Ok(())
    }

    /// From the running node, or from the store of one that does not run.
    fn ask(&self, id: EntryId) -> Result<EntryReceipts, Error> {
        let config = Config::read(&self.node.config)?;
        let path = format!("/api/v1/entries/{id}/receipts");
        let asked = Client::of(&config).and_then(|client| client.get(&path));
        let Err(Error::Remote { connected: false, .. }) = &asked else { return asked };
        let being = Being::read(&self.node.config)?;
        let AnyOpened { store, .. } = AnyStore::open(&being, Access::Read)?;
        let read = explain::receipts(&store, &being.charter, config.node, id);
        let read = read.map_err(|error| Error::Store {
            path: config.database(),
            message: error.to_string(),
            hint: "run `watchfire fsck`".to_owned(),
        })?;
        read.ok_or_else(|| {
            Error::input(
                format!("this node's store holds no entry `{id}`"),
                "compare its number with the sizes that `watchfire status` shows",
            )
        })
    }
}

fn receipt_line(node: &NodeReceipt) -> String {
    let mut line = format!("  {:7} {:8}", node.node.to_string(), node.state);
    match node.state.as_str() {
        "origin" => line += "  wrote it",
        "here" => line += "  holds it: this node",
        _ => {
            if let Some(held) = node.held {
                line += &format!("  held {held}");
            }
            if let Some(size) = node.holds_size {
                line += &format!(" (all addressed to it below {size})");
            }
            if let Some([from, to]) = node.range {
                line += &format!(" (range {from} to {to}, above a gap)");
            }
            line += &format!("  witnessed {}", time(node.witnessed));
            if node.addressed == Some(false) {
                line += "  not addressed: leaf hash only";
            }
        }
    }
    line + "\n"
}

impl WhyArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let id = entry_of(&self.entry)?;
        let partner: PartnerId = self.partner.parse().map_err(|error: base::Error| {
            Error::input(error.to_string(), "name a partner by its three letters, such as JPN")
        })?;
        let client = Client::of(&Config::read(&self.node.config)?)?;
        let why: WhyAnswer = client.get(&format!("/api/v1/entries/{id}/why/{partner}"))?;
        if self.json {
            print_json(&why);
            return Ok(());
        }
        let mut page = format!("{}\n", why.sentence);
        page += &format!(
            "entry {}  {} lane  for {}  {} sees {}{}\n",
            why.entry,
            why.lane,
            why.audience,
            why.partner,
            why.sees,
            why.hidden.as_ref().map_or_else(String::new, |hidden| format!(" ({hidden})"))
        );
        page += &format!(
            "charter edition {}  roster {} of {}  roster {} of the origin\n",
            why.charter_edition, why.roster, why.partner, why.origin_roster
        );
        for node in &why.nodes {
            page += &format!(
                "  {}  {}  line {} over {}{}\n",
                node.node,
                node.reason,
                node.line,
                node.carrier.as_deref().unwrap_or("nothing"),
                node.quiet_s.map_or_else(String::new, |quiet| format!(", heard {quiet:.1} s ago"))
            );
            page += &format!(
                "    sent {}  witnessed {}  holds below {}  last receipt {}\n",
                node.sent,
                node.witnessed,
                node.holds,
                time(node.last_receipt)
            );
            if node.ahead_entries > 0 {
                let least = if node.ahead_bytes_more { "at least " } else { "" };
                page += &format!(
                    "    {} entries go first ({least}{} bytes)\n",
                    node.ahead_entries, node.ahead_bytes
                );
            }
        }
        print(&page);
        Ok(())
    }
}

pub(super) fn preview(arguments: &AppendArguments) -> Result<(), Error> {
    let proposal = inspect::proposal(arguments)?;
    let client = Client::of(&Config::read(&arguments.node.config)?)?;
    let preview: Preview = client.post("/api/v1/preview", &proposal)?;
    if arguments.json {
        print_json(&preview);
        return Ok(());
    }
    let mut page = format!("{}\n", preview.sentence);
    page += &format!(
        "{}  {} lane  for {}  {} bytes; nothing was appended\n",
        preview.kind, preview.lane, preview.audience, preview.bytes
    );
    for partner in &preview.partners {
        let hidden = partner.hidden.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        page += &format!("  {}  sees {}{hidden}\n", partner.partner, partner.sees);
        for node in &partner.nodes {
            let first: &NodeId = &node.node;
            page += &format!(
                "    {first}  line {} over {}, {} entries of the lane go first\n",
                node.line,
                node.carrier.as_deref().unwrap_or("nothing"),
                node.ahead_entries
            );
        }
    }
    for cited in &preview.downgraded {
        let readers: Vec<String> = cited.readers.iter().map(ToString::to_string).collect();
        page += &format!(
            "downgraded: {} (for {}) is seen by {} as {}\n",
            cited.entry,
            cited.audience,
            readers.join(", "),
            cited.handle
        );
    }
    print(&page);
    Ok(())
}
