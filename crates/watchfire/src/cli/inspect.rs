//! Looking at nodes: `append`, `picture`, `status`, `replay`, `fsck`, `domains`.

use std::collections::BTreeMap;
use std::io::Read as _;

use domains::correction::{self, Act};
use domains::{Correctable, KindInfo};
use serde_json::{Value, json};

use super::{AppendArguments, ConfigArgument, PictureArguments, StatusArguments, print};
use crate::client::Client;
use crate::config::Config;
use crate::core::answers::{Appended, Proposal};
use crate::error::Error;
use crate::node::Being;
use crate::replay::{Replayed, replay, view_named};
use crate::store::{Access, AnyOpened, AnyStore, Engine, HighWaterFile, seal};

/// The statement that the command line describes.
pub(super) fn proposal(arguments: &AppendArguments) -> Result<Proposal, Error> {
    Ok(Proposal {
        kind: arguments.kind.clone(),
        content: content(&arguments.content)?,
        audience: arguments.audience.clone(),
        precedence: arguments.precedence.clone(),
        level: arguments.level.clone(),
        timeout_ms: None,
    })
}

/// Content as JSON, from an argument or standard input.
pub(super) fn content(argument: &str) -> Result<Value, Error> {
    let mut text = argument.to_owned();
    if text == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text).map_err(|error| {
            Error::input(
                format!("could not read standard input: {error}"),
                "give the content as text",
            )
        })?;
    }
    serde_json::from_str(&text).map_err(|error| {
        Error::input(
            format!("expected the content as JSON: {error}"),
            "see `watchfire openapi` for the kind's schema",
        )
    })
}

pub(super) fn append(arguments: &AppendArguments) -> Result<(), Error> {
    let proposal = proposal(arguments)?;
    let client = Client::of(&Config::read(&arguments.node.config)?)?;
    let appended: Appended = client.post("/api/v1/entries", &proposal)?;
    if arguments.json {
        let answer = serde_json::to_string(&appended).expect("an answer is plain data");
        print(&format!("{answer}\n"));
        return Ok(());
    }
    let holders: Vec<String> = appended.holders.iter().map(ToString::to_string).collect();
    print(&format!("{} {} held by {}\n", appended.entry, appended.state, holders.join(" ")));
    Ok(())
}

pub(super) fn picture(arguments: &PictureArguments) -> Result<(), Error> {
    let client = Client::of(&Config::read(&arguments.node.config)?)?;
    let view = arguments.view.replace('+', "%2B");
    let items: Value = client.get(&format!("/api/v1/picture/{}?view={view}", arguments.domain))?;
    print(&format!("{items:#}\n"));
    Ok(())
}

pub(super) fn status(arguments: &StatusArguments) -> Result<(), Error> {
    let client = Client::of(&Config::read(&arguments.node.config)?)?;
    let status: Value = client.get("/api/v1/status")?;
    if arguments.json {
        print(&format!("{status}\n"));
        return Ok(());
    }
    let word = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let number = |value: &Value| {
        value.as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"))
    };
    let node = &status["node"];
    let mut page = format!(
        "{}  {}  charter edition {}  {}  {}\n",
        word(&node["id"]),
        word(&node["realm"]),
        node["edition"],
        word(&node["state"]),
        word(&status["now"])
    );
    for line in status["lines"].as_array().into_iter().flatten() {
        page += &format!(
            "line {}  {}  lag {} ms  clock {} ms  {}\n",
            word(&line["id"]),
            word(&line["state"]),
            number(&line["lag_ms"]),
            number(&line["clock_offset_ms"]),
            word(&line["note"])
        );
        for lane in line["lanes"].as_array().into_iter().flatten() {
            page += &format!(
                "  {:9}  sent {}  held there {}  received {}\n",
                word(&lane["lane"]),
                lane["sent"],
                lane["held"],
                lane["received"]
            );
        }
    }
    page +=
        &format!("receipts complete: {}   console {}\n", status["receipts_complete"], client.url());
    print(&page);
    Ok(())
}

#[derive(clap::Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The view: own, or an audience such as JPN+KOR+USA
    #[arg(long, default_value = "own")]
    view: String,
    /// As one JSON object, items included
    #[arg(long)]
    json: bool,
}

impl ReplayArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let mut being = Being::read(&self.node.config)?;
        let name = view_named(&being, &self.view)?;
        let database = being.config.database();
        let AnyOpened { store, .. } = AnyStore::open(&being, Access::Read)?;
        being.follow(&store)?;
        let marks = HighWaterFile::inspect(&being.config.high_water())?.marks_of(&store);
        let marks = marks.map_err(|error| Error::Store {
            path: database.clone(),
            message: error.to_string(),
            hint: "run `watchfire fsck`".to_owned(),
        })?;
        let mut high_water = log::HighWater::new(being.charter.realm().clone(), being.config.node);
        for mark in &marks {
            high_water.raise(mark);
        }
        let mut replayed = replay(&being, &store, Some(&high_water), name)?;
        let pictures = replayed.pictures()?;
        let Replayed { view, cut } = replayed;
        let digest = seal::hex(&view.digest_of(&pictures));
        let items = pictures.items(view.last_at(&cut));
        if self.json {
            let cut: BTreeMap<String, u64> =
                cut.iter().map(|(log, size)| (log.to_string(), *size)).collect();
            let answer = json!({
                "view": self.view, "facts": view.len(), "digest": digest, "cut": cut,
                "items": items.collections(),
            });
            print(&format!("{answer}\n"));
        } else {
            print(&format!("view {}  facts {}  digest {digest}\n", self.view, view.len()));
            for (collection, items) in items.collections() {
                print(&format!("  {collection}  {}\n", items.len()));
            }
        }
        Ok(())
    }
}

#[derive(clap::Args)]
pub(super) struct FsckArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl FsckArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let mut being = Being::read(&self.node.config)?;
        let database = being.config.database();
        let mut faults = Vec::new();
        let sealed = match (&being.config.store, seal::check(&database)?) {
            (Engine::Sqlite, seal::Checked::Present(found)) => {
                faults.extend(found);
                true
            }
            _ => false,
        };
        let inspected = HighWaterFile::inspect(&being.config.high_water())?;
        faults.extend(inspected.faults.iter().cloned());
        let (mut entries, mut checkpoints, mut receipts, mut apart) = (0, 0, 0, 0);
        match AnyStore::open(&being, Access::Read) {
            Err(error) => faults.push(error.to_string()),
            Ok(AnyOpened { store, faults: found, .. }) => {
                faults.extend(found);
                faults.extend(store.integrity());
                if let Err(error) = being.follow(&store) {
                    faults.push(error.to_string());
                }
                let mut high_water =
                    log::HighWater::new(being.charter.realm().clone(), being.config.node);
                match inspected.marks_of(&store) {
                    Ok(marks) => marks.iter().for_each(|mark| high_water.raise(mark)),
                    Err(error) => faults.push(error.to_string()),
                }
                let scope = log::FsckScope {
                    charter: &being.charter,
                    node: being.config.node,
                    storage: Some(&being.secrets.storage),
                    high_water: inspected.marks.is_some().then_some(&high_water),
                };
                let report = log::fsck(&store, &scope);
                (entries, checkpoints, receipts) =
                    (report.entries, report.checkpoints, report.receipts);
                apart = report.apart;
                faults.extend(
                    report.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)),
                );
            }
        }
        if self.json {
            let answer = json!({
                "entries": entries, "checkpoints": checkpoints, "receipts": receipts,
                "apart": apart, "faults": faults, "sealed": sealed,
            });
            print(&format!("{answer}\n"));
        } else {
            let seal = if sealed {
                "every byte compared with the seal"
            } else {
                "not sealed: the node did not stop cleanly, or runs; rows were verified"
            };
            print(&format!(
                "{entries} entries, {checkpoints} checkpoints, {receipts} receipts; {seal}\n"
            ));
            if apart > 0 {
                print(&format!(
                    "{apart} entries of other histories, kept apart: `watchfire evidence` shows them\n"
                ));
            }
            for fault in &faults {
                print(&format!("fault: {fault}\n"));
            }
        }
        if faults.is_empty() || self.json {
            Ok(())
        } else {
            Err(Error::Store {
                path: database,
                message: format!("{} faults", faults.len()),
                hint: "restore the store from a backup or let partners send the log again"
                    .to_owned(),
            })
        }
    }
}

/// The registered domains, for people or as the documentation's index.
pub(super) fn domains(markdown: bool) -> String {
    let mut page = String::new();
    if markdown {
        page +=
            "# Domains\n\nMade by `watchfire domains --markdown` from the registry; do not edit.\n";
    }
    for domain in domains::domains() {
        page += &domain_heading(markdown, domain.name, domain.title, domain.fold_edition);
        page += &kinds_of(markdown, domain.name);
        let own = |name: &str| name.split('.').next() == Some(domain.name);
        if markdown {
            page += "\n| collection | what it shows |\n| --- | --- |\n";
        }
        for collection in domains::collections().iter().filter(|collection| own(collection.name)) {
            page += &if markdown {
                format!("| `{}` | {} |\n", collection.name, collection.title)
            } else {
                format!("  {}: {}\n", collection.name, collection.title)
            };
        }
    }
    // No domain: what every view honours.
    let title = "Corrections of statements of any domain";
    page += &domain_heading(markdown, correction::NAME, title, correction::FOLD_EDITION);
    page + &kinds_of(markdown, correction::NAME)
}

fn domain_heading(markdown: bool, name: &str, title: &str, edition: u32) -> String {
    if markdown {
        format!("\n## {name}\n\n{title}, fold edition {edition}.\n\n")
    } else {
        format!("{name}  {title}, fold edition {edition}\n")
    }
}

/// The kinds that begin with a word.
fn kinds_of(markdown: bool, word: &str) -> String {
    let mut page = String::new();
    if markdown {
        page += "| kind | edition | precedence | what it says | may be |\n";
        page += "| --- | --- | --- | --- | --- |\n";
    }
    let kinds = domains::kinds().into_iter();
    for kind in kinds.filter(|kind| kind.name.split('.').next() == Some(word)) {
        let KindInfo { name, edition, precedence, summary, .. } = kind;
        let may_be = match (kind.correctable, Act::of(name)) {
            (_, Some(Act::Recall)) => "recalled",
            (_, Some(_)) | (Correctable::Momentary, None) => "recalled, corrected",
            (Correctable::Standing, None) => "recalled, corrected, superseded",
            (Correctable::Never(_), None) => "none of it",
        };
        page += &if markdown {
            format!("| `{name}` | {edition} | {precedence} | {summary} | {may_be} |\n")
        } else {
            format!("  {name} edition {edition}, {precedence}: {summary} May be: {may_be}.\n")
        };
    }
    page
}
