//! From bytes to a small tree of the elements of one namespace.
//!
//! No document type, no entities of its own, no processing of anything outside the document: those
//! are how XML has been used against its readers. Depth and size are limited; elements of other
//! namespaces (signatures) are passed over.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::events::{BytesDecl, Event};
use quick_xml::name::ResolveResult;

use super::DOCUMENT_BYTES_MAX;
use crate::Error;

/// Elements inside one another; CAP itself has five.
const DEPTH_MAX: usize = 16;

/// An element.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    /// All text directly inside, joined.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

/// The root element of `bytes` and its namespace.
pub(super) fn parse(bytes: &[u8]) -> Result<(Element, String), Error> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let got = bytes.len();
        return Err(Error::TooMany { what: "bytes of a document", limit: DOCUMENT_BYTES_MAX, got });
    }
    let text = decode(bytes)?;
    let mut builder = Builder::default();
    let mut reader = NsReader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    loop {
        let offset = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let refuse = |reason: String| Error::Xml { offset, reason };
        let (namespace, event) =
            reader.read_resolved_event().map_err(|error| refuse(error.to_string()))?;
        match event {
            Event::Start(start) => {
                let namespace = match namespace {
                    ResolveResult::Bound(namespace) => namespace.0,
                    ResolveResult::Unbound | ResolveResult::Unknown(_) => Default::default(),
                };
                let name = start.local_name();
                builder.start(namespace.as_ref(), name.as_ref()).map_err(refuse)?;
            }
            Event::End(_) => builder.end(),
            Event::Text(text) => builder.text(&text.xml10_content()),
            Event::CData(text) => builder.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character),
                    Ok(None) => predefined(&reference),
                    Err(_) => None,
                };
                let character = resolved.filter(|&character| is_xml_character(character));
                let Some(character) = character else {
                    let name = Error::quote(&reference);
                    return Err(refuse(format!("expected no entity of its own, got `&{name};`")));
                };
                builder.text(character.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => {
                return Err(refuse("expected no document type, got a `<!DOCTYPE`".to_owned()));
            }
            Event::Eof => break,
            // Empty elements come as a start and an end.
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    builder.finish().ok_or_else(|| Error::Xml {
        offset: bytes.len(),
        reason: "expected one complete element, got none".to_owned(),
    })
}

/// Characters that XML 1.0 allows.
pub(super) const fn is_xml_character(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// The document as text: UTF-8, or ISO 8859-1 where it says so.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match declared_encoding(bytes).as_deref() {
        None | Some("utf-8" | "us-ascii") => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(Error::Xml {
                offset: error.valid_up_to(),
                reason: format!("expected UTF-8, got byte {:#04x}", bytes[error.valid_up_to()]),
            }),
        },
        // Its 256 characters are the first 256 of Unicode.
        Some("iso-8859-1") => Ok(bytes.iter().copied().map(char::from).collect()),
        Some(other) => Err(Error::Xml {
            offset: 0,
            reason: format!("expected UTF-8 or ISO-8859-1, got `{}`", Error::quote(other)),
        }),
    }
}

/// The encoding that the XML declaration names, in small letters.
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    const DECLARATION_BYTES_MAX: usize = 256;
    let start = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let declaration = start.strip_prefix(b"<?")?;
    let end = declaration.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    // Any other instruction is none; the reader of its parts takes the name's length for granted.
    declaration.strip_prefix("xml")?.strip_prefix([' ', '\t', '\r', '\n'])?;
    let declaration = BytesDecl::from_start(quick_xml::events::BytesStart::from_content(
        declaration,
        "xml".len(),
    ));
    Some(declaration.encoding()?.ok()?.to_ascii_lowercase())
}

/// Builds the tree, without recursion.
#[derive(Debug, Default)]
struct Builder {
    namespace: Option<String>,
    open: Vec<Element>,
    /// Open elements of other namespaces.
    foreign: usize,
    root: Option<Element>,
}

impl Builder {
    fn start(&mut self, namespace: &str, name: &str) -> Result<(), String> {
        if self.root.is_some() {
            return Err("expected one root element, got a second".to_owned());
        }
        if self.open.len() + self.foreign == DEPTH_MAX {
            return Err(format!("expected at most {DEPTH_MAX} elements inside one another"));
        }
        let own = self.namespace.get_or_insert_with(|| namespace.to_owned());
        if self.foreign > 0 || own != namespace {
            self.foreign += 1;
        } else {
            self.open.push(Element { name: name.to_owned(), ..Element::default() });
        }
        Ok(())
    }

    fn end(&mut self) {
        if self.foreign > 0 {
            self.foreign -= 1;
            return;
        }
        // The reader checks that every end has its start.
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) {
        if self.foreign == 0
            && let Some(element) = self.open.last_mut()
        {
            element.text.push_str(text);
        }
    }

    fn finish(self) -> Option<(Element, String)> {
        // What is still open at the end of the document was cut off.
        let complete = self.open.is_empty() && self.foreign == 0;
        self.root.filter(|_| complete).zip(self.namespace)
    }
}
