//! Reading: from the tree of a document to a [`Message`].
//!
//! More is taken than is written: optional elements may be empty, in any order, and times may have a
//! `Z`. An unknown element is refused, as is a second of what may come once: both are how a mistyped
//! warning looks.

use std::str::FromStr;

use super::document::{self, Element};
use super::values::Word;
use super::{Area, Info, Language, Message, Resource, ValuePair};
use crate::Error;

/// Versions of the standard that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// CAP 1.1 (2005).
    V1_1,
    /// CAP 1.2 (2010).
    V1_2,
}

/// The message in `document` and the version it was written in.
pub fn read(document: &[u8]) -> Result<(Version, Message), Error> {
    let (root, namespace) = document::parse(document)?;
    let version = match namespace.as_str() {
        "urn:oasis:names:tc:emergency:cap:1.1" => Version::V1_1,
        "urn:oasis:names:tc:emergency:cap:1.2" => Version::V1_2,
        other => {
            return Err(Error::Cap {
                element: "alert",
                expected: "the namespace of CAP 1.1 or 1.2",
                got: Error::quote(other),
            });
        }
    };
    if root.name != "alert" {
        let got = Error::quote(&root.name);
        return Err(Error::Cap { element: "alert", expected: "an `alert` as root", got });
    }
    message(Fields::new("alert", root)).map(|message| (version, message))
}

fn message(mut fields: Fields) -> Result<Message, Error> {
    let references = fields.optional("references")?.unwrap_or_default();
    let message = Message {
        identifier: fields.required("identifier")?,
        sender: fields.required("sender")?,
        sent: fields.parsed("sent")?,
        status: fields.word("status")?,
        kind: fields.word("msgType")?,
        source: fields.optional("source")?,
        scope: fields.word("scope")?,
        restriction: fields.optional("restriction")?,
        addresses: fields.optional("addresses")?,
        codes: fields.texts("code"),
        note: fields.optional("note")?,
        references: references
            .split_ascii_whitespace()
            .map(|reference| parse("references", reference))
            .collect::<Result<_, _>>()?,
        incidents: fields.optional("incidents")?,
        infos: fields.each("info").map(info).collect::<Result<_, _>>()?,
    };
    fields.finish()?;
    Ok(message)
}

fn info(mut fields: Fields) -> Result<Info, Error> {
    let categories = fields.words("category")?;
    if categories.is_empty() {
        return Err(Error::Cap {
            element: "category",
            expected: "one or more",
            got: "none".to_owned(),
        });
    }
    let info = Info {
        language: match fields.optional("language")? {
            Some(tag) => parse("language", &tag)?,
            None => Language::english(),
        },
        categories,
        event: fields.required("event")?,
        responses: fields.words("responseType")?,
        urgency: fields.word("urgency")?,
        severity: fields.word("severity")?,
        certainty: fields.word("certainty")?,
        audience: fields.optional("audience")?,
        event_codes: fields.pairs("eventCode")?,
        effective: fields.maybe("effective")?,
        onset: fields.maybe("onset")?,
        expires: fields.maybe("expires")?,
        sender_name: fields.optional("senderName")?,
        headline: fields.optional("headline")?,
        description: fields.optional("description")?,
        instruction: fields.optional("instruction")?,
        web: fields.optional("web")?,
        contact: fields.optional("contact")?,
        parameters: fields.pairs("parameter")?,
        resources: fields.each("resource").map(resource).collect::<Result<_, _>>()?,
        areas: fields.each("area").map(area).collect::<Result<_, _>>()?,
    };
    fields.finish()?;
    Ok(info)
}

fn resource(mut fields: Fields) -> Result<Resource, Error> {
    let resource = Resource {
        description: fields.required("resourceDesc")?,
        mime_type: fields.optional("mimeType")?,
        size: fields.maybe("size")?,
        uri: fields.optional("uri")?,
        content: fields.optional("derefUri")?,
        digest: fields.optional("digest")?,
    };
    fields.finish()?;
    Ok(resource)
}

fn area(mut fields: Fields) -> Result<Area, Error> {
    let area = Area {
        description: fields.required("areaDesc")?,
        polygons: fields.parsed_texts("polygon")?,
        circles: fields.parsed_texts("circle")?,
        geocodes: fields.pairs("geocode")?,
        altitude_ft: fields.maybe("altitude")?,
        ceiling_ft: fields.maybe("ceiling")?,
    };
    fields.finish()?;
    Ok(area)
}

/// The children of one element, taken out one name after the other.
struct Fields {
    parent: &'static str,
    rest: Vec<Element>,
}

impl Fields {
    fn new(parent: &'static str, element: Element) -> Self {
        Self { parent, rest: element.children }
    }

    /// Every child of that name.
    fn each(&mut self, name: &'static str) -> impl Iterator<Item = Self> + use<> {
        let taken: Vec<Element> = self.rest.extract_if(.., |child| child.name == name).collect();
        taken.into_iter().map(move |element| Self::new(name, element))
    }

    /// The text of every child of that name, without blanks around; empty ones left out.
    fn texts(&mut self, name: &'static str) -> Vec<String> {
        self.rest
            .extract_if(.., |child| child.name == name)
            .map(|child| child.text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect()
    }

    fn optional(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        let mut texts = self.texts(name);
        if texts.len() > 1 {
            let got = format!("{}", texts.len());
            return Err(Error::Cap { element: name, expected: "at most one", got });
        }
        Ok(texts.pop())
    }

    fn required(&mut self, name: &'static str) -> Result<String, Error> {
        self.optional(name)?.ok_or_else(|| Error::Cap {
            element: name,
            expected: "a text",
            got: "nothing".to_owned(),
        })
    }

    fn parsed<T: FromStr>(&mut self, name: &'static str) -> Result<T, Error>
    where
        Error: From<T::Err>,
    {
        parse(name, &self.required(name)?)
    }

    fn maybe<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, Error> {
        let parsed = |text: String| {
            text.parse().map_err(|_| Error::Cap {
                element: name,
                expected: "a value of its type",
                got: Error::quote(&text),
            })
        };
        self.optional(name)?.map(parsed).transpose()
    }

    fn parsed_texts<T: FromStr<Err = Error>>(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<T>, Error> {
        self.texts(name).iter().map(|text| parse(name, text)).collect()
    }

    fn word<T: Word>(&mut self, name: &'static str) -> Result<T, Error> {
        word(name, &self.required(name)?)
    }

    fn words<T: Word>(&mut self, name: &'static str) -> Result<Vec<T>, Error> {
        self.texts(name).iter().map(|text| word(name, text)).collect()
    }

    /// Names with values; a value may be empty.
    fn pairs(&mut self, name: &'static str) -> Result<Vec<ValuePair>, Error> {
        self.each(name)
            .map(|mut pair| {
                let read = ValuePair {
                    name: pair.required("valueName")?,
                    value: pair.optional("value")?.unwrap_or_default(),
                };
                pair.finish()?;
                Ok(read)
            })
            .collect()
    }

    /// Nothing may be left.
    fn finish(&self) -> Result<(), Error> {
        match self.rest.first() {
            None => Ok(()),
            Some(left) => Err(Error::Cap {
                element: self.parent,
                expected: "only elements of the standard",
                got: Error::quote(&left.name),
            }),
        }
    }
}

fn word<T: Word>(element: &'static str, text: &str) -> Result<T, Error> {
    let got = || Error::quote(text);
    T::from_word(text).ok_or_else(|| Error::Cap { element, expected: T::EXPECTED, got: got() })
}

fn parse<T: FromStr>(element: &'static str, text: &str) -> Result<T, Error>
where
    Error: From<T::Err>,
{
    text.parse().map_err(|error| match Error::from(error) {
        Error::Text { expected, got } => Error::Cap { element, expected, got },
        other => other,
    })
}
