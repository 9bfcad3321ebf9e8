//! What a charter must say beyond what its types hold; every refusal names the place.

use base::{PartnerId, limits};

use super::{Agreement, Roster};
use crate::{Audience, Error};

impl Agreement {
    /// Checks what a type cannot say; the error names the place.
    pub(super) fn check(&self) -> Result<(), Error> {
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
        if let Some(partner) = self.relays.iter().find(|partner| unknown(partner)) {
            let expected = "relays that are partners of this charter";
            let hint = "add the partner or take it out of the relays";
            return wrong("relays", expected, format!("`{partner}`"), hint);
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
    pub(super) fn check(&self, agreement: &Agreement) -> Result<(), Error> {
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
            for (i, log) in node.retired.iter().flat_map(|old| &old.logs).enumerate() {
                let twice = node.retired.iter().flat_map(|old| &old.logs).skip(i + 1);
                if log.log.node != *id || twice.into_iter().any(|other| other.log == log.log) {
                    return Err(Error::Charter {
                        place: place(&format!("node {id}, retired.log")),
                        expected: "logs of that node, each under one retired key".into(),
                        got: format!("`{}`", log.log),
                        hint: "`watchfire keys rotate` writes the list",
                    });
                }
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
