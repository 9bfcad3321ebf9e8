//! What can be wrong with bytes from outside, and how to mend it.

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
