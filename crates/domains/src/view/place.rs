//! A fact's place in the one order, and its content decoded once for all views.

use std::sync::Arc;

use base::Timestamp;
use log::{EntryId, Fact, LogId};

use crate::correction::{self, Correction, Record, Target};
use crate::{DecodeError, Event, Finding, Pictures, Severity, decode};

/// Where a fact stands in the one order every node folds in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The measurement time of sensor data, else the logged time.
    pub at: Timestamp,
    /// The log it stands in.
    pub log: LogId,
    /// Its place in the log.
    pub index: u64,
    /// Its leaf hash, so that even contested entries have one order.
    pub hash: [u8; 32],
}

impl Order {
    /// The entry that stands there.
    pub const fn entry(&self) -> EntryId {
        EntryId { log: self.log, index: self.index }
    }
}

/// A fact with its place and its content decoded, once for all views.
pub struct Placed {
    pub(super) order: Order,
    pub(super) fact: Arc<Fact>,
    content: Content,
    /// Of another history of its log than the one taken first.
    pub(super) apart: bool,
}

enum Content {
    Readable(Event),
    Refused(Finding),
    Correction(Arc<Record>),
}

impl Placed {
    /// Decodes a fact; `None` if no domain reads its kind and it corrects nothing.
    pub fn read(fact: &Arc<Fact>) -> Option<Arc<Self>> {
        Self::of(fact, false)
    }

    /// The same of a fact of another history of its log than the one taken first, which is kept apart.
    /// Which one that is differs from node to node, so a correction in it counts as any other.
    pub fn read_apart(fact: &Arc<Fact>) -> Option<Arc<Self>> {
        Self::of(fact, true)
    }

    fn of(fact: &Arc<Fact>, apart: bool) -> Option<Arc<Self>> {
        let (at, content) =
            if correction::is_correction(fact) { place_correction(fact) } else { place(fact)? };
        let order = Order { at, log: fact.id.log, index: fact.id.index, hash: fact.leaf_hash };
        Some(Arc::new(Self { order, fact: Arc::clone(fact), content, apart }))
    }

    /// Where it stands in the order of folding.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// Why no fold uses it, if none does.
    pub const fn refusal(&self) -> Option<&Finding> {
        match &self.content {
            Content::Refused(finding) => Some(finding),
            Content::Readable(_) | Content::Correction(_) => None,
        }
    }

    /// What it corrects.
    pub(crate) const fn record(&self) -> Option<&Arc<Record>> {
        match &self.content {
            Content::Correction(record) => Some(record),
            _ => None,
        }
    }

    /// It as something that may be cited.
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            order: self.order,
            logged: self.fact.logged,
            partner: self.fact.origin.partner(),
            audience: self.fact.audience,
            kind: &self.fact.kind,
            record: self.record().map(AsRef::as_ref),
        }
    }

    /// It with the new content that the correction `speaks` gives: at the same place, or if it `moves`
    /// where that was measured.
    pub(super) fn retold(&self, speaks: &Self, moves: bool) -> Arc<Self> {
        let correction = Correction::read(&speaks.fact).expect("it was read when it came");
        let new = correction.replacement().expect("only what gives new content speaks");
        let fact = Fact {
            kind: new.kind,
            edition: new.edition,
            content: new.content.clone(),
            ..(*self.fact).clone()
        };
        let (at, content) = place(&fact).expect("its kind was read when it came");
        let at = if moves { at } else { self.order.at };
        let order = Order { at, ..self.order };
        Arc::new(Self { order, fact: Arc::new(fact), content, apart: self.apart })
    }

    /// Folds it as it is; a correction of itself says nothing to a domain.
    pub(super) fn step(&self, pictures: &mut Pictures) {
        match &self.content {
            Content::Readable(event) => {
                pictures.advance(self.order.at);
                pictures.fold(&self.fact, event, self.order.at);
            }
            Content::Refused(finding) => {
                pictures.advance(self.order.at);
                pictures.record(finding.clone());
            }
            Content::Correction(_) => {}
        }
    }
}

fn refuse(fact: &Fact, message: &str, hint: &str) -> (Timestamp, Content) {
    let finding = Finding {
        at: fact.logged,
        severity: Severity::Warning,
        source: format!("{} {}", fact.origin, fact.kind),
        message: format!("entry `{}` refused: {message}", fact.id),
        hint: Some(hint.to_owned()),
    };
    (fact.logged, Content::Refused(finding))
}

/// When a fact counts and what it says, or `None` if no domain reads its kind.
fn place(fact: &Fact) -> Option<(Timestamp, Content)> {
    Some(match decode(fact.kind.as_str(), fact.edition, &fact.content)? {
        Err(error) => {
            refuse(fact, &error.to_string(), "the origin must append a corrected statement")
        }
        Ok((event, None)) => (fact.logged, Content::Readable(event)),
        Ok((event, Some(measured))) => {
            let (earliest, latest) = correction::measured_within(fact.logged);
            if (earliest..=latest).contains(&measured) {
                (measured, Content::Readable(event))
            } else {
                refuse(
                    fact,
                    &format!("expected a measurement from {earliest} to {latest}, got {measured}"),
                    "set the sensor's clock or the feed's time zone",
                )
            }
        }
    })
}

/// The same of a correction, whose new content must be readable too.
fn place_correction(fact: &Fact) -> (Timestamp, Content) {
    match read_correction(fact) {
        Ok(record) => (fact.logged, Content::Correction(Arc::new(record))),
        Err(error) => refuse(
            fact,
            &error.to_string(),
            "the origin must append the correction anew, as its kind's schema says",
        ),
    }
}

fn read_correction(fact: &Fact) -> Result<Record, DecodeError> {
    let correction = Correction::read(fact)?;
    let new = match correction.replacement() {
        None => None,
        Some(new) => {
            let (_, measured) =
                decode(new.kind.as_str(), new.edition, &new.content).ok_or_else(|| {
                    DecodeError::new("new content of a kind that a domain reads", new.kind.as_str())
                })??;
            Some((new.kind, measured))
        }
    };
    let order =
        Order { at: fact.logged, log: fact.id.log, index: fact.id.index, hash: fact.leaf_hash };
    Ok(Record {
        order,
        partner: fact.origin.partner(),
        audience: fact.audience,
        act: correction.act(),
        cited: correction.cited().to_vec(),
        new,
    })
}
