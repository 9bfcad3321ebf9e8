//! Released warnings as CAP 1.2 documents: the warning domain's content in `formats`' types.

use std::path::{Path, PathBuf};

use base::Timestamp;
use domains::warning::{
    self, Action, CapArea, CapCategory, CapContent, CapInfo, CapResponse, CapStatus, Warning,
};
use formats::cap::{
    Alert, Area, CODE_IPAWS, Category, Certainty, EVENT_CODE_SAME, Info, Language, Message,
    MessageType, Moment, POLYGON_POINTS_MAX, Polygon, Reference, ResponseType, Scope, Severity,
    Status, Urgency, ValuePair,
};
use log::Realm;

use crate::error::Error;

/// The newest released message of `warning` as a document; `None` if nothing was released.
pub(crate) fn document(warning: &Warning, realm: &Realm) -> Option<Result<String, formats::Error>> {
    warning::cap_content(warning, realm).map(|content| alert(&content).map(|alert| alert.to_xml()))
}

/// Writes the newest message of `warning` into `folder` unless it is there already; its path.
pub(crate) fn write_once(
    folder: &Path,
    warning: &Warning,
    realm: &Realm,
) -> Result<Option<PathBuf>, Error> {
    let Some(newest) = warning.messages().last() else { return Ok(None) };
    let path = folder.join(format!("{}.xml", warning::cap_identifier(warning, newest.sequence)));
    if path.exists() {
        return Ok(Some(path));
    }
    let Some(document) = document(warning, realm) else { return Ok(None) };
    let document = document.map_err(|error| {
        Error::input(
            format!("the alert `{}` cannot be written: {error}", path.display()),
            error.hint(),
        )
    })?;
    // A reader sees the whole document or none.
    let unfinished = path.with_extension("unfinished");
    std::fs::create_dir_all(folder).map_err(|error| Error::file("write", folder, error))?;
    std::fs::write(&unfinished, document)
        .and_then(|()| std::fs::File::open(&unfinished)?.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, &path))
        .map_err(|error| Error::file("write", &path, error))?;
    Ok(Some(path))
}

fn alert(content: &CapContent) -> Result<Alert, formats::Error> {
    let moment = |at: Timestamp| Moment::new(at, content.utc_offset_minutes);
    let status = match content.status {
        CapStatus::Actual => Status::Actual,
        CapStatus::Exercise => Status::Exercise,
        CapStatus::Draft => Status::Draft,
    };
    let kind = match content.message_type {
        Action::Alert => MessageType::Alert,
        Action::Update => MessageType::Update,
        Action::Cancel => MessageType::Cancel,
    };
    let mut message = Message::new(
        &content.identifier,
        &content.sender,
        moment(content.sent)?,
        status,
        kind,
        Scope::Public,
    );
    message.codes = vec![CODE_IPAWS.to_owned()];
    message.note.clone_from(&content.note);
    message.references = content
        .references
        .iter()
        .map(|earlier| {
            Ok(Reference {
                sender: earlier.sender.clone(),
                identifier: earlier.identifier.clone(),
                sent: Moment::new(earlier.sent, earlier.utc_offset_minutes)?,
            })
        })
        .collect::<Result<_, formats::Error>>()?;
    message.infos =
        content.infos.iter().map(|texts| info(content, texts)).collect::<Result<_, _>>()?;
    Alert::new(message)
}

fn info(content: &CapContent, texts: &CapInfo) -> Result<Info, formats::Error> {
    let moment = |at: Timestamp| Moment::new(at, content.utc_offset_minutes);
    let language = match texts.language {
        warning::Language::En => Language::english(),
        warning::Language::Ja => Language::japanese(),
        warning::Language::Ko => Language::korean(),
    };
    let mut info = Info::new(
        language,
        Category::Safety,
        &texts.event,
        word(Urgency::ALL, Urgency::as_str, content.urgency.as_str()),
        word(Severity::ALL, Severity::as_str, content.severity.as_str()),
        word(Certainty::ALL, Certainty::as_str, content.certainty.as_str()),
    );
    info.categories = content.categories.iter().copied().map(category).collect();
    info.responses = vec![match content.response {
        CapResponse::Shelter => ResponseType::Shelter,
        CapResponse::Avoid => ResponseType::Avoid,
        CapResponse::Monitor => ResponseType::Monitor,
        CapResponse::AllClear => ResponseType::AllClear,
    }];
    info.event_codes = vec![ValuePair::new(EVENT_CODE_SAME, content.event_code)];
    info.onset = Some(moment(content.onset)?);
    info.expires = Some(moment(content.expires)?);
    info.sender_name = Some(content.sender.clone());
    info.headline = Some(texts.headline.clone());
    info.description = Some(texts.description.clone());
    info.instruction = Some(texts.instruction.clone());
    info.parameters = content
        .parameters
        .iter()
        .map(|(name, value)| ValuePair::new(*name, value.clone()))
        .collect();
    info.areas =
        content.areas.iter().map(|area| shape(area, texts.language)).collect::<Result<_, _>>()?;
    Ok(info)
}

const fn category(category: CapCategory) -> Category {
    match category {
        CapCategory::Safety => Category::Safety,
        CapCategory::Transport => Category::Transport,
    }
}

/// A district by its code, a sea area by its outline alone; outlines only where receivers can be
/// expected to draw them.
fn shape(area: &CapArea, language: warning::Language) -> Result<Area, formats::Error> {
    let description = area.description.get(&language).cloned().unwrap_or_default();
    let mut shape = match &area.code {
        Some(code) => Area::district(description, code),
        None => Area { description, ..Area::default() },
    };
    for ring in area.polygons.iter().filter(|ring| ring.len() <= POLYGON_POINTS_MAX) {
        let points: Vec<(f64, f64)> = ring.iter().map(|[lat, lon]| (*lat, *lon)).collect();
        shape.polygons.push(Polygon::new(&points)?);
    }
    Ok(shape)
}

/// The same word in the other crate's enumeration; both follow CAP 1.2, section 3.2.
fn word<T: Copy>(all: &[T], as_str: fn(T) -> &'static str, wanted: &str) -> T {
    all.iter()
        .copied()
        .find(|candidate| as_str(*candidate) == wanted)
        .expect("both crates use the words of CAP 1.2")
}
