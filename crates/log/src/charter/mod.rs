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
mod draft;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::{NodeId, PartnerId, Timestamp, limits};

pub use draft::CharterDraft;

use crate::keys::{Hash, Signature, VerifyingKey, sha256};
use crate::{Audience, Error, KemPublic, Realm};

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
    /// Named deadlines, seconds; the domains say which names they read.
    pub deadlines_s: BTreeMap<String, u32>,
    /// The active fold edition of each domain.
    pub folds: BTreeMap<String, u16>,
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
    const ALL: [Self; 4] = [Self::Quic, Self::Tcp, Self::OneWay, Self::Bundle];

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

/// One partner's nodes and officers, numbered and signed by its root alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Whose.
    pub partner: PartnerId,
    /// Counts up from 1; a higher number replaces a lower one.
    pub number: u32,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// Officers by name.
    pub officers: BTreeMap<String, VerifyingKey>,
    /// Partners nothing is released to, whatever the audience says.
    pub withhold: BTreeSet<PartnerId>,
}

/// One node's public keys and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Signs the node's logs.
    pub key: VerifyingKey,
    /// Signs `witness` cosignatures.
    pub witness: VerifyingKey,
    /// Signs `holds` cosignatures and range receipts.
    pub holds: VerifyingKey,
    /// Epoch keys are wrapped to it.
    pub kem: KemPublic,
    /// SHA-256 of the TLS key's `SubjectPublicKeyInfo` (DER).
    pub tls_spki_sha256: Hash,
    /// `HOST:PORT` where the node listens; may be empty for one that only dials.
    pub addresses: Vec<String>,
}

/// An agreement every root has signed, with rosters their roots have signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Charter {
    agreement: Agreement,
    rosters: BTreeMap<PartnerId, Roster>,
    text: String,
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

    /// Takes a newer roster of one partner, signed by that partner's root.
    pub fn adopt_roster(&mut self, roster: Roster, signature: &Signature) -> Result<(), Error> {
        let partner = roster.partner;
        let root = self.agreement.root(partner)?;
        roster.check(&self.agreement)?;
        let text = roster.canonical_text(self.realm());
        if !root.verify(text.as_bytes(), signature) {
            return Err(Error::Signature {
                whose: format!("the root of {partner}"),
                over: "a roster",
            });
        }
        let have = self.rosters[&partner].number;
        if roster.number <= have {
            return Err(Error::Charter {
                place: format!("roster of {partner}, number"),
                expected: format!("a number above {have}"),
                got: format!("`{}`", roster.number),
                hint: "count the roster's number up and sign it again",
            });
        }
        self.rosters.insert(partner, roster);
        Ok(())
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
            let newer = next.rosters.get(partner).map_or(u32::MAX, |r| r.number);
            if newer < roster.number {
                let expected = format!("roster number {} or above", roster.number);
                return Err(refuse(&format!("roster of {partner}"), expected, newer.to_string()));
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

    /// Checks what a type cannot say; the error names the place.
    fn check(&self) -> Result<(), Error> {
        let wrong = |place: &str, expected: &str, got: String, hint| {
            Err(Error::Charter { place: place.into(), expected: expected.into(), got, hint })
        };
        if self.edition == 0 {
            return wrong("edition", "a number from 1", "`0`".into(), "the first edition is 1");
        }
        if self.realm.is_exercise() != self.exercise.is_some() {
            let got = if self.exercise.is_some() { "a table" } else { "nothing" };
            let expected = "an `[exercise]` table exactly when the realm is an exercise";
            return wrong("exercise", expected, got.into(), "an exercise declares epoch and rate");
        }
        if let Some(time) = self.exercise
            && !(time.clock_rate > 0.0 && time.clock_rate <= 10_000.0)
        {
            let got = format!("`{}`", time.clock_rate);
            let expected = "a rate above 0 and at most 10000";
            return wrong("exercise.clock_rate", expected, got, "1.0 is real time");
        }
        if self.partners.is_empty() || self.partners.len() > limits::PARTNERS_MAX {
            let got = self.partners.len().to_string();
            return wrong("partner", "1 to 32 partners", got, "each `[[partner]]` is one member");
        }
        let unknown = |p: &PartnerId| !self.partners.contains_key(p);
        for audience in &self.audiences {
            if let Some(partner) = audience.members().iter().find(|p| unknown(p)) {
                let expected = "members that are partners of this charter";
                let hint = "add the partner or take it out of the audience";
                return wrong("audience", expected, format!("`{partner}`"), hint);
            }
        }
        let everyone = Audience::new(self.partners.keys().copied())?;
        if !self.audiences.contains(&everyone) {
            let expected = "the audience of all partners among the audiences";
            let hint = "pulses go to everyone, so that audience is always needed";
            return wrong("audience", expected, format!("none of `{everyone}`"), hint);
        }
        for line in &self.lines {
            if line.from == line.to || unknown(&line.from.partner()) || unknown(&line.to.partner())
            {
                let expected = "two nodes of this charter's partners";
                let got = format!("`{}` and `{}`", line.from, line.to);
                return wrong("line.between", expected, got, "a line joins two different nodes");
            }
        }
        Ok(())
    }
}

impl Roster {
    fn check(&self, agreement: &Agreement) -> Result<(), Error> {
        let place = |key: &str| format!("roster of {}, {key}", self.partner);
        agreement.root(self.partner)?;
        if self.number == 0 {
            return Err(Error::Charter {
                place: place("number"),
                expected: "a number from 1".into(),
                got: "`0`".into(),
                hint: "the first roster is number 1",
            });
        }
        if self.nodes.len() > limits::NODES_PER_PARTNER_MAX {
            return Err(Error::Limit {
                what: "nodes of one partner",
                max: limits::NODES_PER_PARTNER_MAX as u64,
                got: self.nodes.len() as u64,
            });
        }
        for (id, node) in &self.nodes {
            if id.partner() != self.partner {
                return Err(Error::Charter {
                    place: place("node.id"),
                    expected: format!("a node of {}", self.partner),
                    got: format!("`{id}`"),
                    hint: "each root lists its own nodes only",
                });
            }
            if node.key == node.witness || node.key == node.holds || node.witness == node.holds {
                return Err(Error::Charter {
                    place: place(&format!("node {id}")),
                    expected: "three different keys for `key`, `witness` and `holds`".into(),
                    got: "one key twice".into(),
                    hint: "a cosignature says which statement it is by its key alone",
                });
            }
        }
        Ok(())
    }
}

/// A SHA-256 hash people can compare by voice.
///
/// The text is its first 100 bits as five groups of four base 32 characters without I, L, O and U.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub Hash);

impl Fingerprint {
    const GROUPS: usize = 5;

    fn characters(&self) -> impl Iterator<Item = char> + '_ {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let bits = self.0.iter().take(16).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        (0..Self::GROUPS * 4)
            .map(move |i| char::from(ALPHABET[(bits >> (123 - 5 * i)) as usize & 31]))
    }

    /// The same characters as words of the NATO spelling alphabet, a comma between groups.
    pub fn spoken(&self) -> String {
        let mut text = String::new();
        for (i, character) in self.characters().enumerate() {
            if i > 0 {
                text.push_str(if i.is_multiple_of(4) { ", " } else { " " });
            }
            text.push_str(spelling_word(character));
        }
        text
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, character) in self.characters().enumerate() {
            if i > 0 && i.is_multiple_of(4) {
                f.write_str("-")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn spelling_word(character: char) -> &'static str {
    const WORDS: [&str; 36] = [
        "Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Alfa",
        "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett",
        "Kilo", "Lima", "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango",
        "Uniform", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
    ];
    let digit = character.to_digit(36).expect("fingerprints are letters and digits");
    WORDS[digit as usize]
}
