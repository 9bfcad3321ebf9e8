//! What can be wrong with bytes from outside, and how to mend it.

use crate::{asterix, cap};

/// A refused input. The text says what was expected, what came and where; [`Error::hint`] says what
/// to do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A quantity outside its range, a bad partner code and the like.
    #[error(transparent)]
    Value(#[from] base::Error),
    /// Text that does not follow its rule.
    #[error("expected {expected}, got `{got}`")]
    Text {
        /// The rule.
        expected: &'static str,
        /// What came, shortened.
        got: String,
    },
    /// A scan or sensor with fields of two kinds, or with some of its kind missing.
    #[error("expected {expected}, got {got}")]
    Fields {
        /// The fields that belong together.
        expected: &'static str,
        /// Which of them came.
        got: &'static str,
    },
    /// More of something than its named limit.
    #[error("expected at most {limit} {what}, got {got}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// How many came.
        got: usize,
    },
    /// A line of a JSON Lines file that cannot be taken.
    #[error("line {line}: {reason}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What was expected and what came.
        reason: String,
        /// How to mend it.
        hint: &'static str,
    },
    /// A recording whose framing nothing recognises.
    #[error(
        "expected a recording as pcap, pcapng or ASTERIX data blocks, got one beginning with bytes \
         {start:02x?}"
    )]
    Framing {
        /// How it begins, filled up with zeros.
        start: [u8; 4],
    },
    /// A capture file that contradicts itself or ends early.
    #[error("expected {expected} at offset {offset}, got {got}")]
    Capture {
        /// What should be there.
        expected: &'static str,
        /// Bytes from the start of the recording.
        offset: usize,
        /// The number of bytes, or the number, that is there.
        got: usize,
    },
    /// A captured frame of a link type that is not read.
    #[error(
        "expected a frame of Ethernet, Linux cooked or raw IP at offset {offset}, got link type {got}"
    )]
    LinkType {
        /// Bytes from the start of the recording.
        offset: usize,
        /// The number of the link type.
        got: u32,
    },
    /// A part of a datagram that was captured in parts.
    #[error("expected a whole datagram at offset {offset}, got an IP fragment")]
    Fragment {
        /// Bytes from the start of the recording.
        offset: usize,
    },
    /// Bytes after the last data block that are no block.
    #[error("expected a data block header of 3 bytes at offset {offset}, got {left} bytes left")]
    AsterixTail {
        /// Bytes from the start of the recording.
        offset: usize,
        /// Bytes left in the datagram.
        left: usize,
    },
    /// A data block whose length cannot be right.
    #[error(
        "expected a data block of category {category:03} with a length from 3 to {left} at offset \
         {offset}, got length {length}"
    )]
    AsterixBlock {
        /// Bytes from the start of the recording.
        offset: usize,
        /// Category as sent.
        category: u8,
        /// Length as sent.
        length: usize,
        /// Bytes left in the datagram.
        left: usize,
    },
    /// A malformed record.
    #[error("{0}")]
    Asterix(asterix::Fault),
    /// A document that is not well-formed, or uses what is never read.
    #[error("document refused at offset {offset}: {reason}")]
    Xml {
        /// Bytes from the start of the document.
        offset: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An alert message with an element that the standard does not allow.
    #[error("expected {expected} in `{element}`, got `{got}`")]
    Cap {
        /// Name of the element.
        element: &'static str,
        /// What it may hold.
        expected: &'static str,
        /// What it holds.
        got: String,
    },
    /// An alert message that breaks a rule of warning systems.
    #[error("{0}")]
    CapRule(cap::Rule),
}

impl Error {
    /// What the person who supplied the input can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Value(_) | Self::Text { .. } => {
                "correct the value at its source and send it again"
            }
            Self::Fields { .. } => "give all fields of one kind and none of the other",
            Self::TooMany { .. } => "split the input into several smaller ones",
            Self::Line { hint, .. } => hint,
            Self::Framing { .. } => {
                "record the feed as pcap, or store its UDP payloads one after the other"
            }
            Self::Capture { .. } => {
                "check that the capture is whole and its snap length not too small"
            }
            Self::LinkType { .. } => "capture on an Ethernet interface, or on `any`",
            Self::Fragment { .. } => {
                "capture where datagrams are whole, or let the radar send shorter ones"
            }
            Self::AsterixTail { .. } | Self::AsterixBlock { .. } => {
                "check that the recording is whole and holds ASTERIX alone"
            }
            Self::Asterix(fault) => fault.hint(),
            Self::Xml { .. } => "send plain well-formed XML in UTF-8 without a document type",
            Self::Cap { .. } => "validate the message against the schema of CAP 1.1 or 1.2",
            Self::CapRule(rule) => rule.hint(),
        }
    }

    /// Text quoted from an input, cut to a length that fits a message.
    pub(crate) fn quote(text: &str) -> String {
        const CHARS_MAX: usize = 80;
        match text.char_indices().nth(CHARS_MAX) {
            None => text.to_owned(),
            Some((end, _)) => format!("{}…", &text[..end]),
        }
    }
}

/// `value` if it lies from `min` to `max`; NaN does not.
pub(crate) fn within(what: &'static str, value: f64, min: f64, max: f64) -> Result<f64, Error> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(base::Error::OutOfRange { what, min, max, got: value }.into())
    }
}
