//! `charter init --from` and `charter amend`: the agreement before anybody signed it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base::{NodeId, PartnerId, Timestamp};
use log::{Agreement, Audience, Carrier, CharterDraft, CharterParts, ExerciseTime, LineRecord};

use super::{print, refused, standing, write_draft};
use crate::cli::keys::read_parts;
use crate::error::Error;
use crate::node::read_charter;

/// What the partners agree on beside who they are.
#[derive(clap::Args, Debug, Default)]
pub(in crate::cli) struct Terms {
    /// An audience, such as KOR+USA; that of all partners is always there. Every set of up to six
    /// partners if none is named
    #[arg(long, value_name = "PARTNERS")]
    audience: Vec<Audience>,
    /// A line `FROM:TO` or `FROM:TO:CARRIER`; the first dials. Between all nodes over TCP if none is
    /// named
    #[arg(long, value_name = "LINE", value_parser = line)]
    line: Vec<LineRecord>,
    /// A partner that may carry ciphertext between two others whose line is down
    #[arg(long, value_name = "PARTNER")]
    relay: Vec<PartnerId>,
    /// A named deadline in seconds, such as `release=120`
    #[arg(long, value_name = "NAME=SECONDS", value_parser = named::<u32>)]
    deadline: Vec<(String, u32)>,
    /// When the partners want to agree anew
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
}

impl Terms {
    pub(super) fn relays(&self) -> BTreeSet<PartnerId> {
        self.relay.iter().copied().collect()
    }
}

/// The next edition of a charter, as changes to the one in force.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct AmendArguments {
    /// The charter in force
    charter: PathBuf,
    /// The draft to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Public halves of a joining partner, or of a partner's new root
    #[arg(long, value_name = "FILE", num_args = 1..)]
    add: Vec<PathBuf>,
    /// A partner that leaves; its audiences and lines go with it
    #[arg(long, value_name = "PARTNER")]
    remove_partner: Option<PartnerId>,
    /// An audience to take away
    #[arg(long, value_name = "PARTNERS")]
    remove_audience: Vec<Audience>,
    /// Lines between two nodes to take away, `A:B`
    #[arg(long, value_name = "LINE", value_parser = line)]
    remove_line: Vec<LineRecord>,
    /// A partner that is to carry for others no more
    #[arg(long, value_name = "PARTNER")]
    remove_relay: Vec<PartnerId>,
    /// The fold edition of a domain, such as `track=2`
    #[arg(long, value_name = "DOMAIN=EDITION", value_parser = named::<u16>)]
    fold: Vec<(String, u16)>,
    #[command(flatten)]
    terms: Terms,
}

fn line(text: &str) -> Result<LineRecord, String> {
    let bad = || format!("expected `FROM:TO` or `FROM:TO:CARRIER`, got `{text}`");
    let mut words = text.split(':');
    let mut node = || words.next().and_then(|word| word.parse::<NodeId>().ok()).ok_or_else(bad);
    let (from, to) = (node()?, node()?);
    let carrier = match words.next() {
        None => Carrier::Tcp,
        Some(word) => super::carrier(word)?,
    };
    words.next().map_or(Ok(LineRecord { from, to, carrier }), |_| Err(bad()))
}

fn named<T: std::str::FromStr>(text: &str) -> Result<(String, T), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("expected `NAME=NUMBER`, got `{text}`"))?;
    let value = value.parse().map_err(|_| format!("expected a number, got `{value}`"))?;
    Ok((name.to_owned(), value))
}

/// Partners up to which every set of them becomes an audience by itself.
const SETS_PARTNERS_MAX: usize = 6;

fn every_set(partners: &[PartnerId]) -> BTreeSet<Audience> {
    (1..1_u32 << partners.len())
        .map(|set| {
            let members = partners.iter().enumerate().filter(|(i, _)| set & (1 << i) != 0);
            Audience::new(members.map(|(_, partner)| *partner)).expect("a set of known partners")
        })
        .collect()
}

fn lines_between(nodes: &[NodeId]) -> Vec<LineRecord> {
    let mut lines = Vec::new();
    for (place, from) in nodes.iter().enumerate() {
        for to in &nodes[place + 1..] {
            lines.push(LineRecord { from: *from, to: *to, carrier: Carrier::Tcp });
        }
    }
    lines
}

fn join(files: &[PathBuf]) -> Result<CharterParts, Error> {
    let mut parts: Option<CharterParts> = None;
    for path in files {
        let next = read_parts(path)?;
        match &mut parts {
            None => parts = Some(next),
            Some(parts) => parts.join(next).map_err(|error| refused(path, &error))?,
        }
    }
    parts.ok_or_else(|| Error::input("expected files of public halves", "name them with `--from`"))
}

/// Drafts edition 1 from what the partners contribute.
pub(super) fn from_parts(
    out: &Path,
    files: &[PathBuf],
    terms: &Terms,
    time: ExerciseTime,
) -> Result<(), Error> {
    if out.exists() {
        return Err(Error::input(
            format!("expected no file `{}` yet", out.display()),
            "name another; nothing is overwritten",
        ));
    }
    let parts = join(files)?;
    let partners: Vec<PartnerId> = parts.partners.keys().copied().collect();
    if let Some(stray) = parts
        .nodes
        .keys()
        .map(NodeId::partner)
        .chain(parts.officers.iter().map(|officer| officer.partner))
        .find(|partner| !parts.partners.contains_key(partner))
    {
        return Err(Error::input(
            format!(
                "expected the root of `{stray}` among the files, got only its nodes or officers"
            ),
            "add the file that `watchfire keys root` wrote for that partner",
        ));
    }
    let mut audiences: BTreeSet<Audience> = terms.audience.iter().copied().collect();
    if audiences.is_empty() && partners.len() <= SETS_PARTNERS_MAX {
        audiences = every_set(&partners);
    }
    audiences.extend(Audience::new(partners.iter().copied()).ok());
    let nodes: Vec<NodeId> = parts.nodes.keys().copied().collect();
    let agreement = Agreement {
        edition: 1,
        exercise: parts.realm.is_exercise().then_some(time),
        realm: parts.realm.clone(),
        partners: parts.partners.clone(),
        audiences,
        lines: if terms.line.is_empty() { lines_between(&nodes) } else { terms.line.clone() },
        relays: terms.relays(),
        deadlines_s: terms.deadline.iter().cloned().collect(),
        folds: domains::domains()
            .iter()
            .map(|domain| {
                (domain.name.to_owned(), u16::try_from(domain.fold_edition).unwrap_or(u16::MAX))
            })
            .collect::<BTreeMap<_, _>>(),
        expires: terms.expires,
    };
    let mut draft = CharterDraft::new(agreement);
    for partner in partners {
        draft.rosters.insert(partner, (parts.roster(partner), None));
    }
    finish(out, &draft)
}

/// Reads the draft back as others will, writes it and says what is to be done.
fn finish(out: &Path, draft: &CharterDraft) -> Result<(), Error> {
    CharterDraft::parse(&draft.to_text()).map_err(|error| refused(out, &error))?;
    write_draft(out, draft)?;
    print(&standing(draft));
    Ok(())
}

impl AmendArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let charter = read_charter(&self.charter)?;
        let mut draft = charter.draft();
        draft.signatures.clear();
        draft.agreement.edition += 1;
        let before = draft.agreement.partners.len();
        if !self.add.is_empty() {
            self.take_parts(&mut draft)?;
        }
        if let Some(partner) = self.remove_partner {
            remove(&mut draft, partner)?;
        }
        let agreement = &mut draft.agreement;
        if agreement.partners.len() > before {
            // A joining partner is in the audience of all, and in those that are named.
            agreement.audiences.extend(agreement.partners.keys().map(|id| Audience::only(*id)));
        }
        agreement.audiences.extend(Audience::new(agreement.partners.keys().copied()).ok());
        agreement.audiences.extend(self.terms.audience.iter().copied());
        for audience in &self.remove_audience {
            agreement.audiences.remove(audience);
        }
        for gone in &self.remove_line {
            let same = |line: &LineRecord| (line.from, line.to) == (gone.from, gone.to);
            agreement.lines.retain(|line| !same(line));
        }
        agreement.lines.extend(self.terms.line.iter().copied());
        agreement.relays.extend(self.terms.relays());
        agreement.relays.retain(|relay| !self.remove_relay.contains(relay));
        agreement.deadlines_s.extend(self.terms.deadline.iter().cloned());
        agreement.folds.extend(self.fold.iter().cloned());
        agreement.expires = self.terms.expires.or(agreement.expires);
        for change in draft.changes(&charter) {
            eprintln!("{change}");
        }
        finish(&self.out, &draft)
    }

    fn take_parts(&self, draft: &mut CharterDraft) -> Result<(), Error> {
        let parts = join(&self.add)?;
        let agreement = &mut draft.agreement;
        if parts.realm != agreement.realm {
            return Err(Error::input(
                format!("expected public halves of `{}`, got `{}`", agreement.realm, parts.realm),
                "keys of one realm never serve another",
            ));
        }
        for (id, record) in &parts.partners {
            let joins = agreement.partners.insert(*id, record.clone()).is_none();
            if joins {
                draft.rosters.insert(*id, (parts.roster(*id), None));
            } else if let Some((_, signature)) = draft.rosters.get_mut(id) {
                // A new root signs the roster again.
                *signature = None;
            }
        }
        let stray = parts.nodes.keys().find(|node| !parts.partners.contains_key(&node.partner()));
        if let Some(node) = stray {
            return Err(Error::input(
                format!("expected nodes of joining partners, got `{node}`"),
                "a member's own nodes go into its roster: `watchfire charter roster`",
            ));
        }
        let old: Vec<NodeId> = draft
            .rosters
            .values()
            .flat_map(|(roster, _)| roster.nodes.keys().copied())
            .filter(|node| !parts.nodes.contains_key(node))
            .collect();
        if self.terms.line.is_empty() {
            for node in parts.nodes.keys() {
                let line =
                    |from: &NodeId| LineRecord { from: *from, to: *node, carrier: Carrier::Tcp };
                draft.agreement.lines.extend(old.iter().map(line));
            }
        }
        Ok(())
    }
}

fn remove(draft: &mut CharterDraft, partner: PartnerId) -> Result<(), Error> {
    let agreement = &mut draft.agreement;
    if agreement.partners.remove(&partner).is_none() {
        return Err(Error::input(
            format!("expected a partner of the charter to remove, got `{partner}`"),
            "`watchfire charter verify` lists them",
        ));
    }
    draft.rosters.remove(&partner);
    agreement.relays.remove(&partner);
    agreement.audiences.retain(|audience| !audience.contains(partner));
    agreement.lines.retain(|line| line.from.partner() != partner && line.to.partner() != partner);
    Ok(())
}
