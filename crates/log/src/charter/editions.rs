//! One charter after another: newer rosters, the next edition, and what stays known of the old.

use super::{Charter, CharterDraft, Roster};
use crate::Error;
use crate::keys::Signature;

/// What a charter that came is to the one in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Editions {
    /// It says nothing new.
    Known,
    /// It is of an earlier edition; whoever sent it should have ours.
    Older,
    /// It brings newer rosters, the next edition, or both: this is the charter to put in force.
    Newer(Box<Charter>),
    /// Editions between the two are missing.
    Later {
        /// Its edition.
        edition: u32,
    },
}

impl Charter {
    /// The charter file as a draft, with every signature.
    pub fn draft(&self) -> CharterDraft {
        let signed = |(partner, roster): (&base::PartnerId, &Roster)| {
            let signature = self.roster_signatures.get(partner).copied();
            (*partner, (roster.clone(), signature))
        };
        CharterDraft {
            agreement: self.agreement.clone(),
            signatures: self.signatures.clone(),
            rosters: self.rosters.iter().map(signed).collect(),
        }
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
        let before = self.clone();
        self.rosters.insert(partner, roster);
        self.roster_signatures.insert(partner, *signature);
        self.text = self.draft().to_text();
        self.inherit(&before);
        Ok(())
    }

    /// Remembers how `before` recorded nodes that this charter records otherwise or not at all, and the
    /// officers of partners that left, so that what they signed and is stored stays verifiable.
    pub fn inherit(&mut self, before: &Self) {
        for (partner, roster) in before.departed.iter().chain(&before.rosters) {
            if !self.rosters.contains_key(partner) {
                self.departed.insert(*partner, roster.clone());
            }
        }
        let old =
            before.former.iter().flat_map(|(id, records)| records.iter().map(move |r| (*id, r)));
        let old: Vec<_> = old.chain(before.nodes()).map(|(id, r)| (id, r.clone())).collect();
        for (id, record) in old {
            let same = |other: &super::NodeRecord| {
                (other.key, other.witness, other.holds)
                    == (record.key, record.witness, record.holds)
            };
            if self.node(id).is_some_and(same) {
                continue;
            }
            let known = self.former.entry(id).or_default();
            if !known.iter().any(same) {
                known.push(record);
            }
        }
    }

    /// What `text`, a charter file from anywhere, is to this charter. Everything in it is verified; a
    /// newer roster needs its own root's signature only, the next edition all that
    /// [`Charter::check_successor`] asks.
    pub fn compare(&self, text: &str) -> Result<Editions, Error> {
        let next = Self::parse_verify(text)?;
        if next.realm() != self.realm() {
            return Err(Error::Charter {
                place: "realm".to_owned(),
                expected: format!("`{}`", self.realm()),
                got: format!("`{}`", next.realm()),
                hint: "a process serves one realm",
            });
        }
        if next.edition() > self.edition().saturating_add(1) {
            return Ok(Editions::Later { edition: next.edition() });
        }
        if next.edition() > self.edition() {
            return self.succeed(next).map(|charter| Editions::Newer(Box::new(charter)));
        }
        if next.edition() == self.edition() && next.fingerprint() != self.fingerprint() {
            return Err(Error::Charter {
                place: "edition".to_owned(),
                expected: format!(
                    "the agreement {} as edition {}",
                    self.fingerprint(),
                    self.edition()
                ),
                got: format!("another of that number, {}", next.fingerprint()),
                hint: "compare fingerprints by telephone: roots have signed two agreements of one number",
            });
        }
        let mut merged = self.clone();
        let mut newer = false;
        for (partner, roster) in &next.rosters {
            let Some(have) = self.rosters.get(partner).map(|roster| roster.number) else {
                continue;
            };
            // A roster of an older edition counts only if the root that signed it is still the root.
            let same_root = self.agreement.root(*partner)? == next.agreement.root(*partner)?;
            if roster.number > have && same_root {
                merged.adopt_roster(roster.clone(), &next.roster_signatures[partner])?;
                newer = true;
            }
        }
        Ok(match newer {
            true => Editions::Newer(Box::new(merged)),
            false if next.edition() < self.edition() => Editions::Older,
            false if next.rosters.iter().any(|(p, r)| r.number < self.rosters[p].number) => {
                Editions::Older
            }
            false => Editions::Known,
        })
    }

    /// The next edition in force: `next`, with the newer rosters held here.
    fn succeed(&self, mut next: Self) -> Result<Self, Error> {
        for (partner, roster) in &self.rosters {
            let same_root = next.agreement.partners.get(partner).map(|p| p.root)
                == Some(self.agreement.root(*partner)?);
            if same_root && next.rosters[partner].number < roster.number {
                next.adopt_roster(roster.clone(), &self.roster_signatures[partner])?;
            }
        }
        self.check_successor(&next)?;
        next.inherit(self);
        Ok(next)
    }
}
