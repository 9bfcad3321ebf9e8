//! A charter before everyone has signed.

use std::collections::BTreeMap;

use base::PartnerId;

use super::{Agreement, Charter, Roster, file};
use crate::keys::{Signature, SigningKey};
use crate::{Error, Realm};

/// The charter file with whatever signatures it has so far.
#[derive(Clone, Debug, PartialEq)]
pub struct CharterDraft {
    /// The agreement to be signed by every root.
    pub agreement: Agreement,
    /// Roots' signatures over the agreement.
    pub signatures: BTreeMap<PartnerId, Signature>,
    /// Rosters, each with its root's signature once given.
    pub rosters: BTreeMap<PartnerId, (Roster, Option<Signature>)>,
}

impl CharterDraft {
    /// A draft with nothing signed.
    pub const fn new(agreement: Agreement) -> Self {
        Self { agreement, signatures: BTreeMap::new(), rosters: BTreeMap::new() }
    }

    /// Reads the file without checking signatures.
    pub fn parse(text: &str) -> Result<Self, Error> {
        file::parse(text)
    }

    /// The file.
    pub fn to_text(&self) -> String {
        file::to_text(self)
    }

    /// Adds `partner`'s signature over the agreement; the key must be the partner's root.
    pub fn sign_agreement(&mut self, partner: PartnerId, root: &SigningKey) -> Result<(), Error> {
        self.check_root(partner, root, "the agreement")?;
        self.add_signature(partner, root.sign(self.agreement.canonical_text().as_bytes()))
    }

    /// Puts `roster` in, signed by its partner's root.
    pub fn sign_roster(&mut self, roster: Roster, root: &SigningKey) -> Result<(), Error> {
        self.check_root(roster.partner, root, "a roster")?;
        let signature = root.sign(roster.canonical_text(&self.agreement.realm).as_bytes());
        self.add_roster(roster, signature)
    }

    /// Adds a signature over the agreement that `partner`'s root made elsewhere.
    pub fn add_signature(&mut self, partner: PartnerId, made: Signature) -> Result<(), Error> {
        let root = self.agreement.root(partner)?;
        if !root.verify(self.agreement.canonical_text().as_bytes(), &made) {
            let whose = format!("the root of {partner}");
            return Err(Error::Signature { whose, over: "the agreement" });
        }
        self.signatures.insert(partner, made);
        Ok(())
    }

    /// Puts in a roster that its partner's root signed elsewhere.
    pub fn add_roster(&mut self, roster: Roster, made: Signature) -> Result<(), Error> {
        let root = self.agreement.root(roster.partner)?;
        roster.check(&self.agreement)?;
        let text = roster.canonical_text(&self.agreement.realm);
        if !root.verify(text.as_bytes(), &made) {
            let whose = format!("the root of {}", roster.partner);
            return Err(Error::Signature { whose, over: "a roster" });
        }
        self.rosters.insert(roster.partner, (roster, Some(made)));
        Ok(())
    }

    /// Joins a copy of the same agreement that others have signed. Every signature it brings is
    /// verified; of two rosters the higher number stays.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        let (mine, theirs) = (&self.agreement, &other.agreement);
        if mine.canonical_text() != theirs.canonical_text() {
            return Err(Error::Charter {
                place: "agreement".to_owned(),
                expected: format!("edition {}, {}", mine.edition, mine.fingerprint()),
                got: format!("edition {}, {}", theirs.edition, theirs.fingerprint()),
                hint: "`watchfire charter diff` shows what is different; merge copies of one draft",
            });
        }
        for (partner, made) in other.signatures {
            self.add_signature(partner, made)?;
        }
        for (partner, (roster, made)) in other.rosters {
            let have = self.rosters.get(&partner);
            let number = have.map_or(0, |(have, _)| have.number);
            if let Some((known, signed)) = have
                && number == roster.number
                && *known != roster
                && (signed.is_some() || made.is_none())
            {
                return Err(Error::Charter {
                    place: format!("roster of {partner}"),
                    expected: format!("one roster of number {number}"),
                    got: "two that differ".to_owned(),
                    hint: "have that partner's root sign the right one under the next number",
                });
            }
            match made {
                Some(made) if roster.number >= number => self.add_roster(roster, made)?,
                None if roster.number > number => {
                    roster.check(&self.agreement)?;
                    self.rosters.insert(partner, (roster, None));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_root(
        &self,
        partner: PartnerId,
        root: &SigningKey,
        over: &'static str,
    ) -> Result<(), Error> {
        if self.agreement.root(partner)? == root.verifying_key() {
            Ok(())
        } else {
            Err(Error::Signature { whose: format!("the root of {partner}"), over })
        }
    }

    /// The charter, if every root has signed the agreement and its own roster.
    pub fn finish(self) -> Result<Charter, Error> {
        let text = self.to_text();
        self.verify(&text)
    }

    pub(super) fn verify(self, text: &str) -> Result<Charter, Error> {
        self.agreement.check()?;
        let agreed = self.agreement.canonical_text();
        for (partner, record) in &self.agreement.partners {
            let whose = || format!("the root of {partner}");
            let over = "the charter";
            match self.signatures.get(partner) {
                None => return Err(Error::Unsigned { whose: whose(), over }),
                Some(signature) if !record.root.verify(agreed.as_bytes(), signature) => {
                    return Err(Error::Signature { whose: whose(), over });
                }
                Some(_) => {}
            }
            verify_roster(self.rosters.get(partner), record.root, whose(), &self.agreement.realm)?;
        }
        let (mut rosters, mut roster_signatures) = (BTreeMap::new(), BTreeMap::new());
        for (partner, (roster, signature)) in self.rosters {
            rosters.insert(partner, roster);
            roster_signatures.extend(signature.map(|signature| (partner, signature)));
        }
        Ok(Charter {
            agreement: self.agreement,
            signatures: self.signatures,
            rosters,
            roster_signatures,
            text: text.to_owned(),
            former: BTreeMap::new(),
            departed: BTreeMap::new(),
        })
    }
}

fn verify_roster(
    roster: Option<&(Roster, Option<Signature>)>,
    root: crate::VerifyingKey,
    whose: String,
    realm: &Realm,
) -> Result<(), Error> {
    let over = "its roster";
    match roster {
        Some((roster, Some(signature))) => {
            if root.verify(roster.canonical_text(realm).as_bytes(), signature) {
                Ok(())
            } else {
                Err(Error::Signature { whose, over })
            }
        }
        _ => Err(Error::Unsigned { whose, over }),
    }
}
