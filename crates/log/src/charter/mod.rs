//! The charter: the agreement between partners as a file, and each partner's own roster.
//!
//! One TOML file holds the agreement (signed by every root) and the rosters (each signed by its own
//! partner's root alone). Signatures are over canonical texts, see [`Agreement::canonical_text`] and
//! [`Roster::canonical_text`], so spacing, comments and order in the file do not matter.
//!
//! - A new edition needs every root; removing a partner or replacing a root needs every *other* root
//!   ([`Charter::check_successor`]).
//! - A roster counts up on its own and takes effect at once ([`Charter::adopt_roster`]).
//! - A root may stop releasing to anyone by `withhold` in its own roster.
//!
//! [`Charter`] is always verified; [`CharterDraft`] is the same file before all have signed.

mod canonical;
mod change;
mod check;
mod draft;
mod editions;
mod expiry;
mod file;
mod fingerprint;
mod parts;
mod roster;

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId, Timestamp};

pub use change::{Change, Missing};
pub use draft::CharterDraft;
pub use editions::Editions;
pub use expiry::{EXPIRY_DAYS, Expiring};
pub use fingerprint::Fingerprint;
pub use parts::{CharterParts, OfficerPart};
pub use roster::{FormerOfficer, NodeRecord, OfficerRecord, RetiredKeys, Roster};

use crate::keys::{Signature, VerifyingKey, sha256};
use crate::{Audience, Error, KemPublic, LogId, Realm};

/// What all partners agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Counts up from 1.
    pub edition: u32,
    /// The realm everything under this charter belongs to.
    pub realm: Realm,
    /// An exercise's time; present exactly when the realm is an exercise.
    pub exercise: Option<ExerciseTime>,
    /// The members.
    pub partners: BTreeMap<PartnerId, PartnerRecord>,
    /// The sets of partners an entry may be addressed to.
    pub audiences: BTreeSet<Audience>,
    /// Which nodes are connected, and how.
    pub lines: Vec<LineRecord>,
    /// Partners whose nodes may carry ciphertext between two others whose line is down.
    pub relays: BTreeSet<PartnerId>,
    /// Named deadlines, seconds; the domains say which names they read.
    pub deadlines_s: BTreeMap<String, u32>,
    /// The active fold edition of each domain.
    pub folds: BTreeMap<String, u16>,
    /// When the partners want to have agreed anew; findings warn before, nothing stops after.
    pub expires: Option<Timestamp>,
}

/// How an exercise's clock runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExerciseTime {
    /// The exercise's time when it starts.
    pub epoch: Timestamp,
    /// Exercise seconds per second, above 0 and at most 10,000.
    pub clock_rate: f64,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerRecord {
    /// A name for people.
    pub name: String,
    /// The root key, kept offline.
    pub root: VerifyingKey,
}

/// How two nodes exchange frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// QUIC with one stream per lane.
    Quic,
    /// TCP with TLS 1.3.
    Tcp,
    /// A line that carries one way only.
    OneWay,
    /// A file carried by hand.
    Bundle,
}

impl Carrier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Quic, Self::Tcp, Self::OneWay, Self::Bundle];

    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
            Self::OneWay => "one-way",
            Self::Bundle => "bundle",
        }
    }
}

/// A line between two nodes; the first one dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRecord {
    /// Who dials.
    pub from: NodeId,
    /// Who listens.
    pub to: NodeId,
    /// Over what.
    pub carrier: Carrier,
}

/// An agreement every root has signed, with rosters their roots have signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Charter {
    agreement: Agreement,
    signatures: BTreeMap<PartnerId, Signature>,
    rosters: BTreeMap<PartnerId, Roster>,
    roster_signatures: BTreeMap<PartnerId, Signature>,
    text: String,
    /// Records of nodes as earlier editions and rosters had them: what is stored stays verifiable.
    former: BTreeMap<NodeId, Vec<NodeRecord>>,
    /// Last rosters of partners that left: their officers' acts of before stay valid.
    departed: BTreeMap<PartnerId, Roster>,
}

impl Charter {
    /// Reads a charter file and checks every signature in it.
    pub fn parse_verify(text: &str) -> Result<Self, Error> {
        CharterDraft::parse(text)?.verify(text)
    }

    /// The file as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The agreement.
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The edition that entry headers name.
    pub const fn edition(&self) -> u32 {
        self.agreement.edition
    }

    /// The realm.
    pub const fn realm(&self) -> &Realm {
        &self.agreement.realm
    }

    /// The agreement's fingerprint, to compare over the telephone.
    pub fn fingerprint(&self) -> Fingerprint {
        self.agreement.fingerprint()
    }

    /// The rosters by partner; every partner has one.
    pub const fn rosters(&self) -> &BTreeMap<PartnerId, Roster> {
        &self.rosters
    }

    /// Its root's signature over the agreement, if the partner is a member.
    pub fn signature(&self, partner: PartnerId) -> Option<&Signature> {
        self.signatures.get(&partner)
    }

    /// A node's record, if its partner lists it.
    pub fn node(&self, id: NodeId) -> Option<&NodeRecord> {
        self.rosters.get(&id.partner())?.nodes.get(&id)
    }

    /// Every node of every partner, in order.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeRecord)> {
        self.rosters.values().flat_map(|roster| roster.nodes.iter().map(|(id, node)| (*id, node)))
    }

    /// The audience of all partners.
    pub fn everyone(&self) -> Audience {
        Audience::new(self.agreement.partners.keys().copied())
            .expect("a charter has 1 to 32 partners")
    }

    /// The charter's audiences that `partner` belongs to, in order.
    pub fn audiences_of(&self, partner: PartnerId) -> impl Iterator<Item = Audience> + '_ {
        self.agreement.audiences.iter().copied().filter(move |a| a.contains(partner))
    }

    /// Whether `origin` may address an entry to `audience`: the charter names it and the origin
    /// belongs to it.
    pub fn allows(&self, origin: PartnerId, audience: &Audience) -> bool {
        audience.contains(origin) && self.agreement.audiences.contains(audience)
    }

    /// Whether `origin` now releases to `partner` at all.
    pub fn releases(&self, origin: PartnerId, partner: PartnerId) -> bool {
        self.agreement.partners.contains_key(&partner)
            && self.rosters.get(&origin).is_some_and(|roster| !roster.withhold.contains(&partner))
    }

    /// The nodes an epoch key for `audience` is wrapped to by `origin`, in order.
    pub fn readers(&self, origin: PartnerId, audience: &Audience) -> BTreeMap<NodeId, KemPublic> {
        audience
            .members()
            .iter()
            .filter(|partner| self.sight(origin, **partner, audience).is_whole())
            .filter_map(|partner| self.rosters.get(partner))
            .flat_map(|roster| roster.nodes.iter().map(|(id, node)| (*id, node.kem.clone())))
            .collect()
    }

    /// Keys under which an act of an officer of `partner`, logged at `at`, is valid; of a partner that
    /// left, by its last roster.
    pub fn officer_keys(&self, partner: PartnerId, name: &str, at: Timestamp) -> Vec<VerifyingKey> {
        let roster = self.rosters.get(&partner).or_else(|| self.departed.get(&partner));
        roster.map(|roster| roster.officer_keys(name, at).collect()).unwrap_or_default()
    }

    /// The key that signs `log` at `size` entries: the node's own, or, for a log the roster lists as
    /// retired, the retired key up to the size it had then.
    pub fn log_key(&self, log: &LogId, size: u64) -> Option<VerifyingKey> {
        self.node(log.node)?.log_key(log, size)
    }

    /// Keys that may have signed what is stored of `log` at `size`: as [`Charter::log_key`], then
    /// those of earlier editions and rosters.
    pub fn stored_log_keys(&self, log: &LogId, size: u64) -> Vec<VerifyingKey> {
        let former = self.former.get(&log.node).into_iter().flatten();
        let mut keys: Vec<VerifyingKey> = self.log_key(log, size).into_iter().collect();
        keys.extend(
            former.flat_map(|record| [Some(record.key), record.log_key(log, size)]).flatten(),
        );
        keys
    }

    /// Records under which `node` may have signed what is stored, the one in force first: its
    /// retired keys and what earlier editions and rosters said follow.
    pub fn stored_records(&self, node: NodeId) -> Vec<NodeRecord> {
        let former = self.former.get(&node).into_iter().flatten();
        let mut records = Vec::new();
        for record in self.node(node).into_iter().chain(former) {
            records.push(record.clone());
            records.extend(record.retired.iter().map(|old| NodeRecord {
                key: old.key,
                witness: old.witness,
                holds: old.holds,
                ..record.clone()
            }));
        }
        records
    }

    /// Whether `next` may follow this charter: the next edition of the same realm, with at most one
    /// partner removed or root replaced, which all other roots have then signed.
    pub fn check_successor(&self, next: &Self) -> Result<(), Error> {
        let refuse = |place: &str, expected: String, got: String| Error::Charter {
            place: place.to_owned(),
            expected,
            got,
            hint: "make one change per edition and have every other root sign it",
        };
        let (old, new) = (&self.agreement, &next.agreement);
        if new.realm != old.realm {
            return Err(refuse("realm", format!("`{}`", old.realm), format!("`{}`", new.realm)));
        }
        if old.edition.checked_add(1) != Some(new.edition) {
            let expected = format!("edition {}", u64::from(old.edition) + 1);
            return Err(refuse("edition", expected, format!("`{}`", new.edition)));
        }
        let changed: Vec<String> = old
            .partners
            .iter()
            .filter(|(id, partner)| new.partners.get(id).is_none_or(|p| p.root != partner.root))
            .map(|(id, _)| id.to_string())
            .collect();
        if changed.len() > 1 {
            let expected = "at most one partner removed or root replaced".to_owned();
            return Err(refuse("partner", expected, format!("`{}`", changed.join("`, `"))));
        }
        for (partner, roster) in &self.rosters {
            let Some(newer) = next.rosters.get(partner) else { continue };
            if newer.number < roster.number || (newer.number == roster.number && newer != roster) {
                let expected = format!("the roster of number {} or a higher one", roster.number);
                let got = format!("another of number {}", newer.number);
                return Err(refuse(&format!("roster of {partner}"), expected, got));
            }
        }
        Ok(())
    }
}

impl Agreement {
    /// The fingerprint of the canonical text.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(sha256(self.canonical_text().as_bytes()))
    }

    fn root(&self, partner: PartnerId) -> Result<VerifyingKey, Error> {
        self.partners.get(&partner).map(|p| p.root).ok_or_else(|| Error::NotInCharter {
            what: "a partner",
            got: partner.to_string(),
            edition: self.edition,
        })
    }
}
