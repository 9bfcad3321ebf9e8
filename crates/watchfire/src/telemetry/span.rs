//! A span: something that took time, where it belongs, and words about it.
//!
//! Ids and `traceparent` are those of W3C Trace Context (Recommendation of 2021-11-23, section 3.2):
//!
//! ```text
//! traceparent: 00 - 32 hex digits, the trace, not all 0 - 16 hex digits, the parent, not all 0 - flags, 2
//! ```

use std::time::Instant;

use log::LogId;

use crate::store::seal::hex;

/// Which trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId(pub(crate) [u8; 16]);

/// Which span of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanId(pub(crate) [u8; 8]);

impl SpanId {
    /// One that no other span has.
    pub(crate) fn random() -> Self {
        // Zeros are no id.
        Self(crate::entropy::random_u64().max(1).to_be_bytes())
    }
}

/// A span that others hang from or point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
}

impl Context {
    /// The life of a batch: every node gives it the same ids, and none has to send them.
    pub(crate) fn of_batch(log: &LogId, size: u64) -> Self {
        let text = format!("watchfire trace {log} {size}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let bytes = digest.as_ref();
        let trace = TraceId(bytes[..16].try_into().expect("a digest has 32 bytes"));
        Self { trace, span: SpanId(bytes[16..24].try_into().expect("a digest has 32 bytes")) }
    }

    /// What a `traceparent` header says: the caller's span, and whether the caller records it.
    pub(crate) fn parse(header: &str) -> Option<(Self, bool)> {
        let mut parts = header.trim().split('-');
        let version = parts.next().filter(|text| text.len() == 2)?;
        let trace: [u8; 16] = unhex(parts.next()?)?;
        let span: [u8; 8] = unhex(parts.next()?)?;
        let [flags]: [u8; 1] = unhex(parts.next()?)?;
        let [version]: [u8; 1] = unhex(version)?;
        // A later version may say more after the flags.
        let fits = version != 0xff && (version > 0 || parts.next().is_none());
        let named = trace != [0; 16] && span != [0; 8];
        (fits && named)
            .then_some((Self { trace: TraceId(trace), span: SpanId(span) }, flags & 1 == 1))
    }
}

/// Bytes from lower-case hexadecimal digits.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl std::fmt::Display for SpanId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What a span is to the one it hangs from; the numbers of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanKind {
    Internal = 1,
    Server = 2,
    Producer = 4,
    Consumer = 5,
}

/// A word about a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Text(String),
    Number(i64),
    Texts(Vec<String>),
}

/// Something that took time.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) at: Context,
    pub(crate) parent: Option<SpanId>,
    /// A span of another trace that belongs to this one.
    pub(crate) link: Option<Context>,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) words: Vec<(&'static str, Word)>,
    /// What went wrong, if anything did.
    pub(crate) error: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_or_refused() {
        let check = |header: &str, expect: Option<(&str, &str, bool)>| {
            let got = Context::parse(header);
            let got = got.map(|(at, sampled)| (at.trace.to_string(), at.span.to_string(), sampled));
            let expect = expect.map(|(trace, span, on)| (trace.to_owned(), span.to_owned(), on));
            assert_eq!(got, expect, "{header}");
        };
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        // The example of the specification, section 3.2.
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some((trace, span, true)));
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            Some((trace, span, false)),
        );
        check(
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            Some((trace, span, true)),
        );
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None);
        check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None);
        check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None);
        check("00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01", None);
        check("", None);
        check("00-é-é-01", None);
    }
}
