//! `charter`: drafting, signing, joining, comparing and checking the agreement.
//!
//! The texts travel as files; keys do not. `init` or `amend` makes a draft, every root signs its copy,
//! `merge` joins the copies, `verify` says what is missing. A roster needs its own root only.

mod draft;
mod roster;

use std::path::{Path, PathBuf};

use base::{PartnerId, Timestamp};
use clap::Subcommand;
use log::{Carrier, Charter, CharterDraft, ExerciseTime, Realm};

use super::{ConfigArgument, print};
use crate::client::Client;
use crate::clock::wall_now;
use crate::config::{Config, Tuning};
use crate::core::charter::{CharterAnswer, CharterFile};
use crate::error::Error;
use crate::federation::{self, Plan};
use crate::node::read_charter;
use crate::root_key::RootArguments;

#[derive(Subcommand)]
pub(super) enum CharterCommand {
    /// Draft a charter from partners' public halves, or make a whole exercise federation in one place
    Init(Box<InitArguments>),
    /// Draft the next edition of a charter
    Amend(Box<draft::AmendArguments>),
    /// Sign a draft, and the partner's roster in it, with the partner's root key
    Sign(SignArguments),
    /// Join copies of one draft that were signed apart, or newer rosters
    Merge {
        /// Copies of the same agreement
        #[arg(required = true, num_args = 2..)]
        files: Vec<PathBuf>,
        /// The file to make
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Say in plain words what a new charter or draft changes, and whose signatures it lacks
    Diff {
        /// The charter in force
        old: PathBuf,
        /// The draft or charter that is to follow
        new: PathBuf,
    },
    /// Sign a partner's next roster: its nodes, officers, and whom it releases to
    Roster(Box<roster::RosterArguments>),
    /// Put a newer charter or roster in force at a running node, which passes it on
    Adopt {
        /// The charter file
        file: PathBuf,
        #[command(flatten)]
        node: ConfigArgument,
    },
    /// Show the charter in force at a running node, and who else has it
    Show {
        #[command(flatten)]
        node: ConfigArgument,
        /// As one JSON object, the file's text among it
        #[arg(long)]
        json: bool,
    },
    /// Check every signature of a charter and print what it says
    Verify {
        /// The charter file
        file: PathBuf,
    },
}

#[derive(clap::Args)]
pub(super) struct InitArguments {
    /// The draft to make; with `--exercise` an empty or absent folder
    path: PathBuf,
    /// Make a whole exercise federation of this name: small letters, digits and `-`
    #[arg(long, requires = "partners", conflicts_with = "from")]
    exercise: Option<String>,
    /// The partners of that exercise, such as KOR,JPN,USA
    #[arg(long, value_delimiter = ',', requires = "exercise")]
    partners: Vec<PartnerId>,
    /// The addresses of that exercise's nodes, in the order of the partners; loopback if absent
    #[arg(long, value_delimiter = ',', requires = "exercise")]
    hosts: Vec<std::net::IpAddr>,
    /// Nodes of each of them
    #[arg(long, requires = "exercise", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    nodes: u16,
    /// Files of public halves (`*.public.toml`) that the partners contribute
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "exercise")]
    from: Vec<PathBuf>,
    #[command(flatten)]
    terms: draft::Terms,
    /// The exercise's time when it begins; now if absent
    #[arg(long)]
    epoch: Option<Timestamp>,
    /// Over what the lines of that exercise run
    #[arg(long, value_parser = carrier, default_value = "tcp", requires = "exercise")]
    carrier: Carrier,
    /// Exercise seconds per second
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
}

#[derive(clap::Args)]
pub(super) struct SignArguments {
    /// The draft
    file: PathBuf,
    /// Whose root signs
    #[arg(long)]
    partner: PartnerId,
    #[command(flatten)]
    root: RootArguments,
    /// The signed copy to make; the draft itself is replaced if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The carrier of this name.
pub(super) fn carrier(word: &str) -> Result<Carrier, String> {
    let names = Carrier::ALL.map(Carrier::as_str);
    let found = Carrier::ALL.into_iter().find(|carrier| carrier.as_str() == word);
    found.ok_or_else(|| format!("expected one of `{}`, got `{word}`", names.join("`, `")))
}

impl CharterCommand {
    pub(super) fn run(self) -> Result<(), Error> {
        match self {
            Self::Init(arguments) => arguments.run(),
            Self::Amend(arguments) => arguments.run(),
            Self::Sign(arguments) => arguments.run(),
            Self::Merge { files, out } => merge(&files, &out),
            Self::Diff { old, new } => diff(&old, &new),
            Self::Roster(arguments) => arguments.run(),
            Self::Adopt { file, node } => adopt(&file, &node),
            Self::Show { node, json } => show(&node, json),
            Self::Verify { file } => verify(&file),
        }
    }
}

impl InitArguments {
    fn run(self) -> Result<(), Error> {
        let Some(exercise) = &self.exercise else {
            let time =
                ExerciseTime { epoch: self.epoch.unwrap_or_else(wall_now), clock_rate: self.rate };
            return draft::from_parts(&self.path, &self.from, &self.terms, time);
        };
        let realm = Realm::exercise(exercise).map_err(|error| {
            Error::input(error.to_string(), "small letters, digits and `-`, such as `autumn-2026`")
        })?;
        let started = wall_now();
        let members = federation::make_at(
            &self.path,
            &Plan {
                realm,
                time: ExerciseTime { epoch: self.epoch.unwrap_or(started), clock_rate: self.rate },
                started,
                partners: self.partners,
                nodes: self.nodes,
                radars: Vec::new(),
                tuning: Tuning::default(),
                carrier: self.carrier,
                relays: self.terms.relays(),
            },
            &self.hosts,
        )?;
        for member in members {
            print(&format!(
                "{}\twatchfire node --config {}\n",
                member.node,
                member.config.display()
            ));
        }
        Ok(())
    }
}

fn refused(path: &Path, error: &log::Error) -> Error {
    Error::Identity {
        what: "charter",
        path: path.to_owned(),
        hint: error.hint().unwrap_or("ask the partners for the file again").to_owned(),
        message: error.to_string(),
    }
}

fn read_draft(path: &Path) -> Result<CharterDraft, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    CharterDraft::parse(&text).map_err(|error| refused(path, &error))
}

/// Writes a draft or charter; an existing file is put out of the way only by a whole new one.
fn write_draft(path: &Path, draft: &CharterDraft) -> Result<(), Error> {
    let refuse = |error| Error::file("write", path, error);
    let new = path.with_extension("new");
    std::fs::write(&new, draft.to_text()).map_err(refuse)?;
    std::fs::File::open(&new).and_then(|file| file.sync_all()).map_err(refuse)?;
    std::fs::rename(&new, path).map_err(refuse)
}

/// What has been signed and what has not.
fn standing(draft: &CharterDraft) -> String {
    let print = draft.agreement.fingerprint();
    let mut page = format!(
        "realm       {}\nedition     {}\nfingerprint {print}\nread aloud  {}\n",
        draft.agreement.realm,
        draft.agreement.edition,
        print.spoken(),
    );
    for missing in draft.missing() {
        page += &format!("to do       {missing}\n");
    }
    page
}

impl SignArguments {
    fn run(self) -> Result<(), Error> {
        let mut draft = read_draft(&self.file)?;
        let refuse = |error: log::Error| refused(&self.file, &error);
        let partner = self.partner;
        let realm = draft.agreement.realm.clone();
        eprint!("{}", standing(&draft));
        let root = self.root.open(partner, &realm)?;
        let named = draft.agreement.partners.get(&partner).map(|record| record.root);
        if named != Some(root.public()) {
            return Err(Error::input(
                format!(
                    "expected the root the draft names for `{partner}`, got {}",
                    root.public().fingerprint()
                ),
                "compare with `watchfire keys show`; the draft must name this key",
            ));
        }
        let signature = root.sign(draft.agreement.canonical_text().as_bytes())?;
        draft.add_signature(partner, signature).map_err(refuse)?;
        let Some((roster, _)) = draft.rosters.get(&partner).cloned() else {
            return Err(Error::input(
                format!("expected a roster of `{partner}` in the draft, got none"),
                "add its nodes with `watchfire charter roster`, or draft again with their public halves",
            ));
        };
        let signature = root.sign(roster.canonical_text(&realm).as_bytes())?;
        draft.add_roster(roster, signature).map_err(refuse)?;
        write_draft(self.out.as_deref().unwrap_or(&self.file), &draft)?;
        print(&standing(&draft));
        Ok(())
    }
}

fn merge(files: &[PathBuf], out: &Path) -> Result<(), Error> {
    let mut whole = read_draft(&files[0])?;
    for path in &files[1..] {
        whole.merge(read_draft(path)?).map_err(|error| refused(path, &error))?;
    }
    write_draft(out, &whole)?;
    print(&standing(&whole));
    Ok(())
}

fn diff(old: &Path, new: &Path) -> Result<(), Error> {
    let charter = read_charter(old)?;
    let draft = read_draft(new)?;
    let changes = draft.changes(&charter);
    let mut page = String::new();
    for change in &changes {
        page += &format!("{change}\n");
    }
    if changes.is_empty() {
        page += "nothing changes\n";
    }
    let missing = draft.missing();
    for missing in &missing {
        page += &format!("to do: {missing}\n");
    }
    if missing.is_empty() {
        match charter.compare(&draft.to_text()) {
            Ok(log::Editions::Newer(_)) => page += "every signature is there: nodes will take it\n",
            Ok(log::Editions::Known) => page += "nodes have it already\n",
            Ok(log::Editions::Older) => page += "it is older than the charter in force\n",
            Ok(_) => page += "editions between the two are missing: nodes take one at a time\n",
            Err(error) => page += &format!("nodes will refuse it: {error}\n"),
        }
    }
    print(&page);
    Ok(())
}

fn verify(file: &Path) -> Result<(), Error> {
    let draft = read_draft(file)?;
    let mut page = standing(&draft);
    for (partner, (roster, _)) in &draft.rosters {
        let root = draft.agreement.partners.get(partner).map(|record| record.root.fingerprint());
        let root = root.map_or_else(String::new, |root| root.to_string());
        let nodes: Vec<String> = roster.nodes.keys().map(ToString::to_string).collect();
        let officers: Vec<&str> = roster.officers.keys().map(String::as_str).collect();
        page += &format!(
            "{partner}         roster {}, nodes {}, officers {}, root {root}\n",
            roster.number,
            nodes.join(" "),
            officers.join(" ")
        );
        for withheld in &roster.withhold {
            page += &format!("            releases nothing to {withheld}\n");
        }
    }
    let verified = draft.finish();
    if let Ok(charter) = &verified {
        for ending in charter.expiring(wall_now()) {
            page += &format!("expires     {} on {}\n", ending.what, ending.expires);
        }
    }
    print(&page);
    verified.map(|_: Charter| ()).map_err(|error| refused(file, &error))
}

fn adopt(file: &Path, node: &ConfigArgument) -> Result<(), Error> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::file("read", file, error))?;
    Charter::parse_verify(&text).map_err(|error| refused(file, &error))?;
    let client = Client::of(&Config::read(&node.config)?)?;
    let answer: CharterAnswer = client.post("/api/v1/charter", &CharterFile { text })?;
    print(&in_force(&answer));
    Ok(())
}

fn show(node: &ConfigArgument, json: bool) -> Result<(), Error> {
    let client = Client::of(&Config::read(&node.config)?)?;
    let answer: CharterAnswer = client.get("/api/v1/charter")?;
    if json {
        let line = serde_json::to_string(&answer).expect("an answer is plain data");
        print(&format!("{line}\n"));
    } else {
        print(&in_force(&answer));
    }
    Ok(())
}

fn in_force(answer: &CharterAnswer) -> String {
    let numbers = |rosters: &std::collections::BTreeMap<String, u32>| {
        let numbers = rosters.iter().map(|(partner, number)| format!("{partner} {number}"));
        numbers.collect::<Vec<_>>().join(", ")
    };
    let mut page = format!(
        "edition     {}\nfingerprint {}\nread aloud  {}\nrosters     {}\n",
        answer.edition,
        answer.fingerprint,
        answer.spoken,
        numbers(&answer.rosters)
    );
    for at in &answer.nodes {
        let standing = match at.edition {
            None => "has not said what it has".to_owned(),
            Some(_) if at.same => "has the same".to_owned(),
            Some(edition) => format!("has edition {edition}, rosters {}", numbers(&at.rosters)),
        };
        page += &format!("{}       {standing}\n", at.node);
    }
    for ending in &answer.expiring {
        page += &format!("expires     {} on {}\n", ending.what, ending.expires);
    }
    page
}
