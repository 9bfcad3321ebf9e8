//! What a new charter changes, in plain words, and whose signatures it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::PartnerId;

use super::{Agreement, Charter, CharterDraft, Fingerprint, NodeRecord, Roster};

/// One thing that is different, as a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change(String);

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A signature that is needed and not there, or there and not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Whose root.
    pub partner: PartnerId,
    /// `the agreement` or `its roster`.
    pub over: &'static str,
    /// Whether one is there that does not verify.
    pub bad: bool,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.bad { "does not verify" } else { "is missing" };
        write!(f, "the signature of the root of {} over {} {state}", self.partner, self.over)
    }
}

impl CharterDraft {
    /// What is still to be signed, partner by partner.
    pub fn missing(&self) -> Vec<Missing> {
        let agreed = self.agreement.canonical_text();
        let mut missing = Vec::new();
        for (partner, record) in &self.agreement.partners {
            let partner = *partner;
            let good = |text: &str, made| record.root.verify(text.as_bytes(), made);
            let signature = self.signatures.get(&partner);
            if !signature.is_some_and(|made| good(&agreed, made)) {
                let bad = signature.is_some();
                missing.push(Missing { partner, over: "the agreement", bad });
            }
            let roster = self.rosters.get(&partner);
            let made = roster.and_then(|(_, made)| made.as_ref());
            let signed = roster.zip(made).is_some_and(|((roster, _), made)| {
                good(&roster.canonical_text(&self.agreement.realm), made)
            });
            if !signed {
                let bad = made.is_some();
                missing.push(Missing { partner, over: "its roster", bad });
            }
        }
        missing
    }

    /// What this draft changes against the charter in force, in plain words.
    pub fn changes(&self, old: &Charter) -> Vec<Change> {
        let mut words = Words::default();
        words.agreement(old.agreement(), &self.agreement);
        for (partner, (roster, _)) in &self.rosters {
            match old.rosters().get(partner) {
                Some(known) => words.roster(known, roster),
                None => words.roster(&Roster::empty(*partner), roster),
            }
        }
        words.0
    }
}

/// A key as people compare it.
fn spell(key: &crate::VerifyingKey) -> Fingerprint {
    key.fingerprint()
}

#[derive(Default)]
struct Words(Vec<Change>);

impl Words {
    fn say(&mut self, sentence: String) {
        self.0.push(Change(sentence));
    }

    /// `what` left, came, or became another value.
    fn table<K: Ord + fmt::Display, V: PartialEq + fmt::Display>(
        &mut self,
        what: &str,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
    ) {
        for (key, value) in new {
            match old.get(key) {
                None => self.say(format!("{what} `{key}` is added: {value}")),
                Some(before) if before != value => {
                    self.say(format!("{what} `{key}` changes from {before} to {value}"));
                }
                Some(_) => {}
            }
        }
        for key in old.keys().filter(|key| !new.contains_key(key)) {
            self.say(format!("{what} `{key}` is removed"));
        }
    }

    fn set<T: Ord + fmt::Display>(&mut self, what: &str, old: &BTreeSet<T>, new: &BTreeSet<T>) {
        for item in new.difference(old) {
            self.say(format!("{what} `{item}` is added"));
        }
        for item in old.difference(new) {
            self.say(format!("{what} `{item}` is removed"));
        }
    }

    fn agreement(&mut self, old: &Agreement, new: &Agreement) {
        if old.realm != new.realm {
            self.say(format!("the realm changes from `{}` to `{}`", old.realm, new.realm));
        }
        if old.edition != new.edition {
            self.say(format!("the edition changes from {} to {}", old.edition, new.edition));
        }
        let time = |agreement: &Agreement| match agreement.exercise {
            Some(time) => format!("epoch {} at rate {}", time.epoch, time.clock_rate),
            None => "none".to_owned(),
        };
        if time(old) != time(new) {
            self.say(format!("the exercise's time changes from {} to {}", time(old), time(new)));
        }
        let end = |agreement: &Agreement| {
            agreement.expires.map_or_else(|| "never".to_owned(), |at| at.to_string())
        };
        if old.expires != new.expires {
            self.say(format!("the agreement's end changes from {} to {}", end(old), end(new)));
        }
        for (id, partner) in &new.partners {
            match old.partners.get(id) {
                None => self.say(format!(
                    "partner {id} ({}) joins, root {}",
                    partner.name,
                    spell(&partner.root)
                )),
                Some(before) if before.root != partner.root => self.say(format!(
                    "partner {id} has a new root: {} becomes {}",
                    spell(&before.root),
                    spell(&partner.root)
                )),
                Some(before) if before.name != partner.name => {
                    self.say(format!("partner {id} is now called {}", partner.name));
                }
                Some(_) => {}
            }
        }
        for id in old.partners.keys().filter(|id| !new.partners.contains_key(id)) {
            self.say(format!(
                "partner {id} is removed: nothing sealed from then on is readable to it"
            ));
        }
        self.set("audience", &old.audiences, &new.audiences);
        let lines = |agreement: &Agreement| -> BTreeSet<String> {
            let line = |l: &super::LineRecord| {
                format!("{} dials {} over {}", l.from, l.to, l.carrier.as_str())
            };
            agreement.lines.iter().map(line).collect()
        };
        self.set("line", &lines(old), &lines(new));
        self.set("relay", &old.relays, &new.relays);
        let seconds = |agreement: &Agreement| -> BTreeMap<String, String> {
            agreement.deadlines_s.iter().map(|(k, s)| (k.clone(), format!("{s} s"))).collect()
        };
        self.table("deadline", &seconds(old), &seconds(new));
        self.table("fold edition of", &old.folds, &new.folds);
    }

    fn roster(&mut self, old: &Roster, new: &Roster) {
        let partner = new.partner;
        if old == new {
            return;
        }
        if new.number <= old.number && !old.nodes.is_empty() {
            self.say(format!(
                "the roster of {partner} differs without a higher number ({} after {}): it is not taken",
                new.number, old.number
            ));
        }
        for (id, node) in &new.nodes {
            match old.nodes.get(id) {
                None => self.say(format!("node {id} is added, log key {}", spell(&node.key))),
                Some(before) => self.node(&id.to_string(), before, node),
            }
        }
        for id in old.nodes.keys().filter(|id| !new.nodes.contains_key(id)) {
            self.say(format!("node {id} is removed"));
        }
        let named = |roster: &Roster| -> BTreeMap<String, String> {
            let end = |expires: Option<base::Timestamp>| {
                expires.map_or_else(String::new, |at| format!(" until {at}"))
            };
            let officers = roster.officers.iter();
            officers
                .map(|(name, o)| (name.clone(), format!("key {}{}", spell(&o.key), end(o.expires))))
                .collect()
        };
        self.table(&format!("officer of {partner}"), &named(old), &named(new));
        for former in new.former_officers.iter().filter(|f| !old.former_officers.contains(f)) {
            self.say(format!(
                "acts of officer `{}` of {partner} count only if logged before {}",
                former.name, former.until
            ));
        }
        for other in new.withhold.difference(&old.withhold) {
            self.say(format!("{partner} stops releasing anything to {other}"));
        }
        for other in old.withhold.difference(&new.withhold) {
            self.say(format!("{partner} releases to {other} again"));
        }
    }

    fn node(&mut self, id: &str, old: &NodeRecord, new: &NodeRecord) {
        for (what, before, after) in [
            ("log key", old.key, new.key),
            ("witness key", old.witness, new.witness),
            ("holds key", old.holds, new.holds),
        ] {
            if before != after {
                let (before, after) = (spell(&before), spell(&after));
                self.say(format!("node {id} has a new {what}: {before} becomes {after}"));
            }
        }
        if old.kem != new.kem {
            let (before, after) = (old.kem.generation, new.kem.generation);
            self.say(format!(
                "node {id} has a new sealing key: generation {before} becomes {after}"
            ));
        }
        if old.tls_spki_sha256 != new.tls_spki_sha256 {
            self.say(format!("node {id} has a new TLS key"));
        }
        if old.addresses != new.addresses {
            self.say(format!("node {id} listens at {}", new.addresses.join(", ")));
        }
        if old.expires != new.expires {
            let end = new.expires.map_or_else(|| "never".to_owned(), |at| at.to_string());
            self.say(format!("the keys of node {id} are to be replaced by {end}"));
        }
        for retired in new.retired.iter().filter(|keys| !old.retired.contains(keys)) {
            let logs = retired.logs.len();
            self.say(format!(
                "node {id} retires log key {}, which signed {logs} logs to their end",
                spell(&retired.key)
            ));
        }
    }
}
