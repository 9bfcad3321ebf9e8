//! `charter roster`: what one partner's root decides alone.

use std::path::PathBuf;

use base::{NodeId, PartnerId, Timestamp};
use log::{Roster, VerifyingKey};

use super::{print, read_draft, refused, standing, write_draft};
use crate::cli::keys::read_parts;
use crate::clock::wall_now;
use crate::error::Error;
use crate::root_key::RootArguments;

/// Changes to one partner's roster.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct RosterArguments {
    /// The charter or draft
    file: PathBuf,
    /// Whose roster
    #[arg(long)]
    partner: PartnerId,
    /// Public halves of new or replaced nodes and officers
    #[arg(long, value_name = "FILE", num_args = 1..)]
    add: Vec<PathBuf>,
    /// A node that is no more
    #[arg(long, value_name = "NODE")]
    remove_node: Vec<NodeId>,
    /// An officer who may act no longer
    #[arg(long, value_name = "NAME")]
    remove_officer: Vec<String>,
    /// From when acts of a removed or replaced officer are ignored; now if absent
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Stop releasing anything to this partner
    #[arg(long, value_name = "PARTNER")]
    withhold: Vec<PartnerId>,
    /// Release to this partner again
    #[arg(long, value_name = "PARTNER")]
    release: Vec<PartnerId>,
    #[command(flatten)]
    root: RootArguments,
    /// The charter with the new roster
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl RosterArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let mut draft = read_draft(&self.file)?;
        let partner = self.partner;
        let known = draft.rosters.get(&partner).map(|(roster, _)| roster.clone());
        let mut roster = known.clone().unwrap_or_else(|| Roster::empty(partner));
        self.change(&mut roster, &draft.agreement.realm)?;
        match known {
            Some(known) if known == roster => {
                return Err(Error::input(
                    "expected something to change in the roster, got nothing",
                    "see `watchfire charter roster --help`",
                ));
            }
            Some(known) => roster.number = known.number + 1,
            None => {}
        }
        let realm = draft.agreement.realm.clone();
        let root = self.root.open(partner, &realm)?;
        let signature = root.sign(roster.canonical_text(&realm).as_bytes())?;
        draft.add_roster(roster, signature).map_err(|error| refused(&self.file, &error))?;
        write_draft(&self.out, &draft)?;
        print(&standing(&draft));
        Ok(())
    }

    fn change(&self, roster: &mut Roster, realm: &log::Realm) -> Result<(), Error> {
        let until = self.until.unwrap_or_else(wall_now);
        for path in &self.add {
            let parts = read_parts(path)?;
            let foreign = parts.nodes.keys().any(|node| node.partner() != self.partner)
                || parts.officers.iter().any(|officer| officer.partner != self.partner);
            if foreign || parts.realm != *realm {
                return Err(Error::input(
                    format!("expected public halves of `{}` in `{realm}`", self.partner),
                    format!("`watchfire keys show {}` says whose they are", path.display()),
                ));
            }
            for (id, record) in parts.nodes {
                replace_node(roster, id, record)?;
            }
            for officer in parts.officers {
                roster.revoke_officer(&officer.name, until);
                roster.officers.insert(officer.name, officer.record);
            }
        }
        for node in &self.remove_node {
            if roster.nodes.remove(node).is_none() {
                return Err(absent("a node", node));
            }
        }
        for name in &self.remove_officer {
            if !roster.revoke_officer(name, until) {
                return Err(absent("an officer", name));
            }
        }
        roster.withhold.extend(self.withhold.iter().copied());
        for partner in &self.release {
            roster.withhold.remove(partner);
        }
        Ok(())
    }
}

fn absent(what: &str, name: &dyn std::fmt::Display) -> Error {
    Error::input(
        format!("expected {what} of the roster, got `{name}`"),
        "`watchfire charter verify` lists them",
    )
}

/// A node's record in the place of the one before; new signing keys must say where the old logs end.
fn replace_node(roster: &mut Roster, id: NodeId, mut record: log::NodeRecord) -> Result<(), Error> {
    let Some(old) = roster.nodes.get(&id) else {
        roster.nodes.insert(id, record);
        return Ok(());
    };
    let retires = |key: VerifyingKey| record.retired.iter().any(|retired| retired.key == key);
    if old.key != record.key && !retires(old.key) {
        return Err(Error::input(
            format!("expected the new keys of `{id}` to say where its old logs end"),
            "make them with `watchfire keys rotate`",
        ));
    }
    if record.kem.generation < old.kem.generation {
        return Err(Error::input(
            format!(
                "expected sealing generation {} or above for `{id}`, got {}",
                old.kem.generation, record.kem.generation
            ),
            "make the keys with `watchfire keys rotate`",
        ));
    }
    let mut retired = old.retired.clone();
    retired.append(&mut record.retired);
    record.retired = retired;
    roster.nodes.insert(id, record);
    Ok(())
}
