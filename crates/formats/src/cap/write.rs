//! Writing: an [`Alert`] as a document, elements in the order of the schema.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Alert, Area, Info, Message, Resource, ValuePair};

type Sink = Writer<Vec<u8>>;

impl Alert {
    /// The document: CAP 1.2, UTF-8.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        document(&mut writer, self.message()).expect("writing to memory does not fail");
        let mut bytes = writer.into_inner();
        bytes.push(b'\n');
        String::from_utf8(bytes).expect("text in, text out")
    }
}

fn document(writer: &mut Sink, message: &Message) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("alert")
        .with_attribute(("xmlns", "urn:oasis:names:tc:emergency:cap:1.2"))
        .write_inner_content(|writer| alert(writer, message))?;
    Ok(())
}

fn alert(writer: &mut Sink, message: &Message) -> io::Result<()> {
    text(writer, "identifier", &message.identifier)?;
    text(writer, "sender", &message.sender)?;
    text(writer, "sent", &message.sent.to_string())?;
    text(writer, "status", message.status.as_str())?;
    text(writer, "msgType", message.kind.as_str())?;
    optional(writer, "source", message.source.as_deref())?;
    text(writer, "scope", message.scope.as_str())?;
    optional(writer, "restriction", message.restriction.as_deref())?;
    optional(writer, "addresses", message.addresses.as_deref())?;
    for code in &message.codes {
        text(writer, "code", code)?;
    }
    optional(writer, "note", message.note.as_deref())?;
    if !message.references.is_empty() {
        let references: Vec<String> = message.references.iter().map(ToString::to_string).collect();
        text(writer, "references", &references.join(" "))?;
    }
    optional(writer, "incidents", message.incidents.as_deref())?;
    for block in &message.infos {
        writer.create_element("info").write_inner_content(|writer| info(writer, block))?;
    }
    Ok(())
}

fn info(writer: &mut Sink, info: &Info) -> io::Result<()> {
    text(writer, "language", info.language.as_str())?;
    for category in &info.categories {
        text(writer, "category", category.as_str())?;
    }
    text(writer, "event", &info.event)?;
    for response in &info.responses {
        text(writer, "responseType", response.as_str())?;
    }
    text(writer, "urgency", info.urgency.as_str())?;
    text(writer, "severity", info.severity.as_str())?;
    text(writer, "certainty", info.certainty.as_str())?;
    optional(writer, "audience", info.audience.as_deref())?;
    pairs(writer, "eventCode", &info.event_codes)?;
    for (name, moment) in
        [("effective", info.effective), ("onset", info.onset), ("expires", info.expires)]
    {
        optional(writer, name, moment.map(|moment| moment.to_string()).as_deref())?;
    }
    optional(writer, "senderName", info.sender_name.as_deref())?;
    optional(writer, "headline", info.headline.as_deref())?;
    optional(writer, "description", info.description.as_deref())?;
    optional(writer, "instruction", info.instruction.as_deref())?;
    optional(writer, "web", info.web.as_deref())?;
    optional(writer, "contact", info.contact.as_deref())?;
    pairs(writer, "parameter", &info.parameters)?;
    for file in &info.resources {
        writer.create_element("resource").write_inner_content(|writer| resource(writer, file))?;
    }
    for place in &info.areas {
        writer.create_element("area").write_inner_content(|writer| area(writer, place))?;
    }
    Ok(())
}

fn resource(writer: &mut Sink, resource: &Resource) -> io::Result<()> {
    text(writer, "resourceDesc", &resource.description)?;
    optional(writer, "mimeType", resource.mime_type.as_deref())?;
    optional(writer, "size", resource.size.map(|size| size.to_string()).as_deref())?;
    optional(writer, "uri", resource.uri.as_deref())?;
    optional(writer, "derefUri", resource.content.as_deref())?;
    optional(writer, "digest", resource.digest.as_deref())
}

fn area(writer: &mut Sink, area: &Area) -> io::Result<()> {
    text(writer, "areaDesc", &area.description)?;
    for polygon in &area.polygons {
        text(writer, "polygon", &polygon.to_string())?;
    }
    for circle in &area.circles {
        text(writer, "circle", &circle.to_string())?;
    }
    pairs(writer, "geocode", &area.geocodes)?;
    optional(writer, "altitude", area.altitude_ft.map(|feet| feet.to_string()).as_deref())?;
    optional(writer, "ceiling", area.ceiling_ft.map(|feet| feet.to_string()).as_deref())
}

fn pairs(writer: &mut Sink, name: &str, pairs: &[ValuePair]) -> io::Result<()> {
    for pair in pairs {
        writer.create_element(name).write_inner_content(|writer| {
            text(writer, "valueName", &pair.name)?;
            text(writer, "value", &pair.value)
        })?;
    }
    Ok(())
}

fn optional(writer: &mut Sink, name: &str, content: Option<&str>) -> io::Result<()> {
    content.map_or(Ok(()), |content| text(writer, name, content))
}

fn text(writer: &mut Sink, name: &str, content: &str) -> io::Result<()> {
    writer.create_element(name).write_text_content(BytesText::new(content))?;
    Ok(())
}
