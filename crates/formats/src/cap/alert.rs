//! The rules that make a message fit to be sent.

use super::document::is_xml_character;
use super::{
    Area, CODE_IPAWS, Category, EVENT_CODE_SAME, Info, Message, MessageType, POLYGON_POINTS_MAX,
    Scope, Status, ValuePair,
};
use crate::Error;

/// A message that keeps every [`Rule`]; the only thing that can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert(Message);

impl Alert {
    /// `message`, if it keeps every [`Rule`]; otherwise the first it breaks.
    pub fn new(message: Message) -> Result<Self, Error> {
        check_message(&message).map_err(Error::CapRule)?;
        for info in &message.infos {
            check_info(info, &message).map_err(Error::CapRule)?;
            for area in &info.areas {
                check_area(area).map_err(Error::CapRule)?;
            }
        }
        check_infos_agree(&message.infos).map_err(Error::CapRule)?;
        check_text(&message).map_err(Error::CapRule)?;
        Ok(Self(message))
    }

    /// What it says.
    pub const fn message(&self) -> &Message {
        &self.0
    }
}

/// What an [`Alert`] must keep beyond the standard's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// Identifier and sender stand in references, so they hold neither blanks nor commas.
    #[error("expected an identifier and a sender without blanks, commas, `<` and `&`")]
    PlainName,
    /// A message says which profile it follows.
    #[error("expected at least one `code`, the profile the message follows")]
    Code,
    /// A message that acts on earlier ones names them.
    #[error("expected references in an update, cancel, acknowledgement or error")]
    References,
    /// A restricted message says to whom it is, a private one names its addressees, a public one
    /// does neither.
    #[error(
        "expected `restriction` in a restricted message and `addresses` in a private one alone"
    )]
    Scope,
    /// Readers of an exercise must see which it is.
    #[error("expected a `note` that names the exercise")]
    ExerciseNote,
    /// A message without a block says nothing.
    #[error("expected at least one info block")]
    Info,
    /// One block a language.
    #[error("expected every language once")]
    Language,
    /// A warning that never ends is not believed.
    #[error("expected `expires` in every block, after `sent` and `effective`")]
    Expires,
    /// Blocks differ in language, not in what happened.
    #[error("expected the same categories and event codes in every block")]
    SameEvent,
    /// Broadcast chains key on one code of three letters or digits.
    #[error("expected exactly one event code `SAME` of three letters or digits")]
    SameCode,
    /// A warning is for somewhere.
    #[error("expected at least one area in every block, with a polygon, circle or geocode")]
    Area,
    /// Receivers refuse longer outlines.
    #[error("expected at most {POLYGON_POINTS_MAX} points in a polygon")]
    PolygonPoints,
    /// A highest height needs a lowest one, and both must be numbers.
    #[error("expected a ceiling only above an altitude, both finite")]
    Heights,
    /// Readers must know what a file is.
    #[error("expected a media type and a description for every resource")]
    Resource,
    /// Required words, and characters that XML can carry.
    #[error("expected no empty text and no control characters")]
    Text,
}

impl Rule {
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::PlainName => "join the words with `-` or `.`",
            Self::Code => "add the profile's code, such as `IPAWSv1.0`",
            Self::References => "add the reference of the message that this one acts on",
            Self::Scope => "make scope, restriction and addresses agree",
            Self::ExerciseNote => "put the name of the exercise into `note`",
            Self::Info => "add an info block",
            Self::Language => "join the blocks of one language",
            Self::Expires => "set `expires` to when the warning ends by itself",
            Self::SameEvent => "copy categories and event codes from one block to the others",
            Self::SameCode => "add one event code `SAME`, such as `CDW`",
            Self::Area => "add an area with a polygon, circle or geocode",
            Self::PolygonPoints => "simplify the outline",
            Self::Heights => "give the altitude, or leave the ceiling out",
            Self::Resource => "add the media type and the description",
            Self::Text => "remove control characters, and leave empty texts out",
        }
    }
}

fn require(kept: bool, rule: Rule) -> Result<(), Rule> {
    if kept { Ok(()) } else { Err(rule) }
}

fn check_message(message: &Message) -> Result<(), Rule> {
    for name in [&message.identifier, &message.sender] {
        let plain =
            |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | '<' | '&');
        require(!name.is_empty() && name.chars().all(plain), Rule::PlainName)?;
    }
    require(!message.codes.is_empty(), Rule::Code)?;
    let acts = message.kind != MessageType::Alert;
    require(!acts || !message.references.is_empty(), Rule::References)?;
    let restricted = message.scope == Scope::Restricted;
    let private = message.scope == Scope::Private;
    let scoped = message.restriction.is_some() == restricted;
    require(scoped && message.addresses.is_some() == private, Rule::Scope)?;
    let exercise = message.status == Status::Exercise;
    require(!exercise || message.note.is_some(), Rule::ExerciseNote)?;
    require(!message.infos.is_empty(), Rule::Info)
}

fn check_info(info: &Info, message: &Message) -> Result<(), Rule> {
    let after = |expires: super::Moment| {
        expires.at() > message.sent.at()
            && info.effective.is_none_or(|effective| expires.at() > effective.at())
    };
    require(info.expires.is_some_and(after), Rule::Expires)?;
    if message.codes.iter().any(|code| code == CODE_IPAWS) {
        let mut same = info.event_codes.iter().filter(|code| code.name == EVENT_CODE_SAME);
        let fits = |code: &ValuePair| {
            code.value.len() == 3 && code.value.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        require(same.next().is_some_and(fits) && same.next().is_none(), Rule::SameCode)?;
    }
    let described = info
        .resources
        .iter()
        .all(|resource| !resource.description.is_empty() && resource.mime_type.is_some());
    require(described, Rule::Resource)?;
    require(!info.areas.is_empty(), Rule::Area)
}

fn check_area(area: &Area) -> Result<(), Rule> {
    let shapes = area.polygons.len() + area.circles.len() + area.geocodes.len();
    require(shapes > 0, Rule::Area)?;
    let short = area.polygons.iter().all(|polygon| polygon.points().len() <= POLYGON_POINTS_MAX);
    require(short, Rule::PolygonPoints)?;
    let heights = match (area.altitude_ft, area.ceiling_ft) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(low), None) => low.is_finite(),
        (Some(low), Some(high)) => low.is_finite() && high.is_finite() && low <= high,
    };
    require(heights, Rule::Heights)
}

fn check_infos_agree(infos: &[Info]) -> Result<(), Rule> {
    let languages: std::collections::BTreeSet<_> =
        infos.iter().map(|info| &info.language).collect();
    require(languages.len() == infos.len(), Rule::Language)?;
    let event = |info: &Info| -> (Vec<Category>, Vec<ValuePair>) {
        let (mut categories, mut codes) = (info.categories.clone(), info.event_codes.clone());
        categories.sort_unstable();
        codes.sort_unstable();
        (categories, codes)
    };
    let events: Vec<_> = infos.iter().map(event).collect();
    let categorised = events.iter().all(|(categories, _)| !categories.is_empty());
    require(categorised && events.array_windows().all(|[a, b]| a == b), Rule::SameEvent)
}

fn check_text(message: &Message) -> Result<(), Rule> {
    let of_message = [&message.source, &message.restriction, &message.addresses, &message.note]
        .into_iter()
        .chain([&message.incidents])
        .flatten()
        .chain(&message.codes)
        .chain(message.references.iter().flat_map(|r| [&r.sender, &r.identifier]));
    require(of_message.map(String::as_str).all(is_text), Rule::Text)?;
    for info in &message.infos {
        let of_info = [&info.audience, &info.sender_name, &info.headline, &info.description]
            .into_iter()
            .chain([&info.instruction, &info.web, &info.contact])
            .flatten()
            .chain([&info.event])
            .chain(info.event_codes.iter().chain(&info.parameters).flat_map(pair_texts))
            .chain(info.resources.iter().flat_map(|r| {
                [&r.mime_type, &r.uri, &r.content, &r.digest]
                    .into_iter()
                    .flatten()
                    .chain([&r.description])
            }))
            .chain(info.areas.iter().flat_map(|area| {
                area.geocodes.iter().flat_map(pair_texts).chain([&area.description])
            }));
        require(of_info.map(String::as_str).all(is_text), Rule::Text)?;
    }
    Ok(())
}

fn pair_texts(pair: &ValuePair) -> [&String; 2] {
    [&pair.name, &pair.value]
}

/// Something to read that XML carries unchanged: a carriage return would come back as a line feed.
fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().all(|c| is_xml_character(c) && c != '\r')
}
