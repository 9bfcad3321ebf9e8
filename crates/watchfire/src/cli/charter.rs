//! `charter`: making exercise federations, checking charters.

use std::path::PathBuf;

use base::{PartnerId, Timestamp};
use clap::Subcommand;
use log::{Charter, ExerciseTime, Realm};

use super::print;
use crate::clock::wall_now;
use crate::config::Tuning;
use crate::error::Error;
use crate::federation::{self, Plan};

#[derive(Subcommand)]
pub(super) enum CharterCommand {
    /// Make a whole exercise federation: keys, a signed charter, one configuration a partner
    Init(InitArguments),
    /// Check every signature of a charter and print what it says
    Verify {
        /// The charter file
        file: PathBuf,
    },
}

#[derive(clap::Args)]
pub(super) struct InitArguments {
    /// An empty or absent folder
    folder: PathBuf,
    /// The exercise's name: small letters, digits and `-`
    #[arg(long)]
    exercise: String,
    /// The partners, such as KOR,JPN,USA
    #[arg(long, value_delimiter = ',', required = true)]
    partners: Vec<PartnerId>,
    /// The exercise's time when it begins; now if absent
    #[arg(long)]
    epoch: Option<Timestamp>,
    /// Exercise seconds per second
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
}

impl CharterCommand {
    pub(super) fn run(self) -> Result<(), Error> {
        match self {
            Self::Init(arguments) => arguments.run(),
            Self::Verify { file } => verify(&file),
        }
    }
}

impl InitArguments {
    fn run(self) -> Result<(), Error> {
        let realm = Realm::exercise(&self.exercise).map_err(|error| {
            Error::input(error.to_string(), "small letters, digits and `-`, such as `autumn-2026`")
        })?;
        let started = wall_now();
        let members = federation::make(
            &self.folder,
            &Plan {
                realm,
                time: ExerciseTime { epoch: self.epoch.unwrap_or(started), clock_rate: self.rate },
                started,
                partners: self.partners,
                radars: Vec::new(),
                tuning: Tuning::default(),
            },
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

fn verify(file: &PathBuf) -> Result<(), Error> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::file("read", file, error))?;
    let charter = Charter::parse_verify(&text).map_err(|error| Error::Identity {
        what: "charter",
        path: file.clone(),
        hint: error.hint().unwrap_or("ask the partners for the signed charter").to_owned(),
        message: error.to_string(),
    })?;
    let mut page = format!(
        "realm       {}\nedition     {}\nfingerprint {}\nread aloud  {}\n",
        charter.realm(),
        charter.edition(),
        charter.fingerprint(),
        charter.fingerprint().spoken(),
    );
    for (partner, roster) in charter.rosters() {
        let nodes: Vec<String> = roster.nodes.keys().map(ToString::to_string).collect();
        let officers: Vec<&str> = roster.officers.keys().map(String::as_str).collect();
        page += &format!(
            "{partner}         roster {}, nodes {}, officers {}\n",
            roster.number,
            nodes.join(" "),
            officers.join(" ")
        );
    }
    print(&page);
    Ok(())
}
