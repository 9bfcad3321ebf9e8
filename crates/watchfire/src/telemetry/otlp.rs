//! Spans in OTLP's JSON encoding (OpenTelemetry Protocol 1.x, "JSON Protobuf Encoding"): ids in
//! hexadecimal, 64-bit numbers as text, field names in lowerCamelCase.

use std::time::Instant;

use base::Timestamp;
use serde_json::{Value, json};

use super::span::{Span, Word};

/// Which reading of the steady clock was which wall time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    pub(super) instant: Instant,
    pub(super) wall: Timestamp,
}

impl Anchor {
    /// Nanoseconds since 1970, as text.
    fn nanos(&self, at: Instant) -> String {
        let back = self.instant.saturating_duration_since(at);
        let ahead = at.saturating_duration_since(self.instant);
        let nanos = i128::from(self.wall.as_nanos()) - i128::try_from(back.as_nanos()).unwrap_or(0)
            + i128::try_from(ahead.as_nanos()).unwrap_or(0);
        nanos.max(0).to_string()
    }
}

/// Whose spans these are: attributes of the resource.
pub(super) type Resource = Vec<(&'static str, String)>;

/// One request of `POST /v1/traces`.
pub(super) fn request(resource: &Resource, spans: &[Span], anchor: Anchor) -> Value {
    let resource: Vec<Value> =
        resource.iter().map(|(key, text)| word(key, &Word::Text(text.clone()))).collect();
    let spans: Vec<Value> = spans.iter().map(|one| span(one, anchor)).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{
            "scope": { "name": "watchfire", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans,
        }],
    }] })
}

fn span(span: &Span, anchor: Anchor) -> Value {
    let words: Vec<Value> = span.words.iter().map(|(key, value)| word(key, value)).collect();
    let mut value = json!({
        "traceId": span.at.trace.to_string(),
        "spanId": span.at.span.to_string(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": anchor.nanos(span.began),
        "endTimeUnixNano": anchor.nanos(span.ended),
        "attributes": words,
    });
    if let Some(parent) = span.parent {
        value["parentSpanId"] = parent.to_string().into();
    }
    if let Some(link) = span.link {
        value["links"] =
            json!([{ "traceId": link.trace.to_string(), "spanId": link.span.to_string() }]);
    }
    if let Some(error) = span.error {
        value["status"] = json!({ "code": 2, "message": error });
    }
    value
}

fn word(key: &str, word: &Word) -> Value {
    let text = |text: &String| json!({ "stringValue": text });
    let value = match word {
        Word::Text(one) => text(one),
        Word::Number(number) => json!({ "intValue": number.to_string() }),
        Word::Texts(all) => {
            json!({ "arrayValue": { "values": all.iter().map(text).collect::<Vec<Value>>() } })
        }
    };
    json!({ "key": key, "value": value })
}

/// Spans that the collector did not take, by its own word.
pub(super) fn rejected(answer: &str) -> u64 {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    match &answer["partialSuccess"]["rejectedSpans"] {
        Value::String(text) => text.parse().unwrap_or(0),
        number => number.as_u64().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::span::{Context, SpanId, SpanKind, TraceId};

    #[test]
    fn a_request_is_as_the_protocol_draws_it() {
        let instant = crate::clock::instant();
        let at = Context { trace: TraceId([0x5b; 16]), span: SpanId([0xee; 8]) };
        let one = Span {
            at,
            parent: Some(SpanId([1; 8])),
            link: Some(Context { trace: TraceId([2; 16]), span: SpanId([3; 8]) }),
            name: "commit".to_owned(),
            kind: SpanKind::Internal,
            began: instant,
            ended: instant + Duration::from_nanos(1_500),
            words: vec![
                ("lane", Word::Text("flash".to_owned())),
                ("entries", Word::Number(1)),
                ("audiences", Word::Texts(vec!["JPN+KOR".to_owned()])),
            ],
            error: Some("the store failed"),
        };
        let anchor = Anchor { instant, wall: Timestamp::from_nanos(1_800_000_000_000_000_000) };
        let resource = vec![("service.name", "watchfire".to_owned())];
        let got = request(&resource, &[one], anchor);
        let expect = json!({ "resourceSpans": [{
            "resource": { "attributes": [
                { "key": "service.name", "value": { "stringValue": "watchfire" } } ] },
            "scopeSpans": [{
                "scope": { "name": "watchfire", "version": env!("CARGO_PKG_VERSION") },
                "spans": [{
                    "traceId": "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b",
                    "spanId": "eeeeeeeeeeeeeeee",
                    "parentSpanId": "0101010101010101",
                    "name": "commit",
                    "kind": 1,
                    "startTimeUnixNano": "1800000000000000000",
                    "endTimeUnixNano": "1800000000000001500",
                    "attributes": [
                        { "key": "lane", "value": { "stringValue": "flash" } },
                        { "key": "entries", "value": { "intValue": "1" } },
                        { "key": "audiences", "value": {
                            "arrayValue": { "values": [{ "stringValue": "JPN+KOR" }] } } },
                    ],
                    "links": [{ "traceId": "02020202020202020202020202020202",
                                "spanId": "0303030303030303" }],
                    "status": { "code": 2, "message": "the store failed" },
                }],
            }],
        }] });
        assert_eq!(got, expect);
    }

    #[test]
    fn what_a_collector_rejects_is_counted() {
        for (answer, count) in [
            ("", 0),
            ("{}", 0),
            (r#"{"partialSuccess":{}}"#, 0),
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}}"#, 3),
            (r#"{"partialSuccess":{"rejectedSpans":4}}"#, 4),
        ] {
            assert_eq!(rejected(answer), count, "{answer}");
        }
    }
}
