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

/// Where the newest message of `warning` stands in `folder` once it is written.
fn path_of(folder: &Path, warning: &Warning) -> Option<PathBuf> {
    let newest = warning.messages().last()?;
    Some(folder.join(format!("{}.xml", warning::cap_identifier(warning, newest.sequence))))
}

/// Whether the newest message of `warning` is written.
pub(crate) fn is_written(folder: &Path, warning: &Warning) -> bool {
    path_of(folder, warning).is_some_and(|path| path.exists())
}

/// Writes the newest message of `warning` into `folder` unless it is there already; its path.
pub(crate) fn write_once(
    folder: &Path,
    warning: &Warning,
    realm: &Realm,
) -> Result<Option<PathBuf>, Error> {
    let Some(path) = path_of(folder, warning) else { return Ok(None) };
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{Degrees, Metres, TimeDelta};
    use domains::warning::{
        self as warning, DRAFT_KIND, DistrictShare, DraftReport, Forecast, RELEASE_KIND, Reason,
        ReleaseReport, Subject, UPDATE_KIND,
    };
    use domains::{Officer, Region, View, ViewName, encode_content};
    use formats::cap::Message;
    use log::{Audience, EntryId, Fact, Incarnation, Kind, LogId, Precedence};

    use super::*;

    /// What a drafted message says: what it does and why, where, and about which district.
    type Said = (Action, Reason, warning::Area, (f64, f64), &'static str);

    const SEA: Said = (Action::Alert, Reason::Threat, warning::Area::Sea, (43.1, 138.0), "JP-01");

    fn subject((_, _, area, (lat, lon), code): Said, impact: Timestamp) -> Subject {
        let region = Region {
            lat: Degrees(lat),
            lon: Degrees(lon),
            semi_major: Metres(2_000.0),
            semi_minor: Metres(1_000.0),
            orientation: Degrees(20.0),
        };
        let (probability, nearby_only) =
            if area == warning::Area::Sea { (0.0, true) } else { (1.0, false) };
        let code = code.to_owned();
        Subject {
            forecast: Forecast { region, impact, impact_sigma_s: 20.0 },
            area,
            districts: vec![DistrictShare { code, probability, nearby_only }],
            evidence: Vec::new(),
        }
    }

    /// The newest message after each of `said` was drafted and let out, as written and read back.
    fn published(owner: &str, said: &[Said]) -> Message {
        let node = format!("{owner}-1").parse().expect("a node");
        let audience: Audience = "JPN+KOR+USA".parse().expect("an audience");
        let log = LogId { node, lane: Precedence::Flash, incarnation: Incarnation([7; 16]) };
        let start = Timestamp::from_seconds(1_501_255_000);
        let id: warning::WarningId = format!("KOR-7.{owner}.1").parse().expect("a name");
        let mut view = View::new(ViewName::Audience(audience));
        let mut index = 0;
        let mut append = |kind: &'static str, content: Vec<u8>| {
            let at = start + TimeDelta::from_seconds(60 * index);
            let entry = EntryId { log, index: index.cast_unsigned() };
            index += 1;
            let fact = Fact {
                id: entry,
                leaf_hash: [0; 32],
                at,
                logged: at,
                origin: node,
                audience,
                precedence: Precedence::Flash,
                charter_edition: 1,
                kind: Kind::from_static(kind),
                edition: 1,
                content,
            };
            view.insert(&Arc::new(fact), at);
            entry
        };
        for said in said {
            let subject = subject(*said, start + TimeDelta::from_seconds(1_200));
            let (action, reason) = (said.0, said.1);
            let report = DraftReport { warning: id.clone(), action, reason, subject };
            let draft = append(DRAFT_KIND, encode_content(&report));
            let kind = if action == Action::Alert { RELEASE_KIND } else { UPDATE_KIND };
            let officer = Officer {
                name: "Duty officer".to_owned(),
                key_id: String::new(),
                signature: String::new(),
            };
            let release = ReleaseReport { warning: id.clone(), draft, note: None, officer };
            append(kind, encode_content(&release));
        }
        let pictures = view.live(start + TimeDelta::from_seconds(600));
        let warning = pictures.warning.state().and_then(|state| state.get(&id)).expect("drafted");
        let realm: Realm = "exercise/cap".parse().expect("a realm");
        let document = document(warning, &realm).expect("released").expect("by the rules");
        formats::cap::read(document.as_bytes()).expect("it can be read back").1
    }

    #[test]
    fn a_sea_area_is_published_as_an_outline_to_avoid() {
        let message = published("JPN", &[SEA]);
        assert_eq!(message.infos.len(), 3);
        for info in &message.infos {
            assert_eq!(info.categories, [Category::Safety, Category::Transport]);
            assert_eq!(info.responses, [ResponseType::Avoid]);
            assert_eq!((info.severity, info.certainty), (Severity::Moderate, Certainty::Likely));
            let [area] = &info.areas[..] else { panic!("one area") };
            assert_eq!((area.geocodes.len(), area.polygons.len()), (0, 1));
            assert_eq!(area.polygons[0].points().len(), 73);
        }
    }

    #[test]
    fn outlines_on_either_side_of_the_180th_meridian_are_published() {
        let sea = (Action::Alert, Reason::Threat, warning::Area::Sea, (50.0, 179.99), "US-AK");
        let message = published("USA", &[sea]);
        assert_eq!(message.infos[0].areas[0].polygons.len(), 2);
    }

    #[test]
    fn an_escalation_is_published_as_an_update_that_cites_the_alert() {
        let land = (Action::Update, Reason::Changed, warning::Area::Land, (43.2, 140.7), "JP-01");
        let message = published("JPN", &[SEA, land]);
        assert_eq!((message.kind, message.references.len()), (MessageType::Update, 1));
        let info = &message.infos[0];
        assert_eq!(info.categories, [Category::Safety]);
        assert_eq!(info.responses, [ResponseType::Shelter]);
        assert_eq!(info.areas[0].geocodes.len(), 1);
        let headline = info.headline.as_deref().expect("a headline");
        assert!(headline.ends_with("Take shelter now."), "{headline}");
    }
}
