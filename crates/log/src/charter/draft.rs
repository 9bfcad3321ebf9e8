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
        let signature = root.sign(self.agreement.canonical_text().as_bytes());
        self.signatures.insert(partner, signature);
        Ok(())
    }

    /// Puts `roster` in, signed by its partner's root.
    pub fn sign_roster(&mut self, roster: Roster, root: &SigningKey) -> Result<(), Error> {
        self.check_root(roster.partner, root, "a roster")?;
        roster.check(&self.agreement)?;
        let signature = root.sign(roster.canonical_text(&self.agreement.realm).as_bytes());
        self.rosters.insert(roster.partner, (roster, Some(signature)));
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
        let rosters = self.rosters.into_iter().map(|(partner, (roster, _))| (partner, roster));
        Ok(Charter { agreement: self.agreement, rosters: rosters.collect(), text: text.to_owned() })
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
