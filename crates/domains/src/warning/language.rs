//! The three languages of every public text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text in the three languages; a table field or a fixed phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Japanese.
    pub ja: &'static str,
    /// Korean.
    pub ko: &'static str,
}

/// A language of public texts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
}

impl Language {
    /// All three, in the order in which they stand in an alert.
    pub const ALL: [Self; 3] = [Self::En, Self::Ja, Self::Ko];

    /// The code of ISO 639-1, such as `ja`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
            Self::Ko => "ko",
        }
    }

    /// The tag of RFC 3066 that CAP wants, such as `ja-JP`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en-US",
            Self::Ja => "ja-JP",
            Self::Ko => "ko-KR",
        }
    }
}

impl Text {
    /// The text in one language.
    pub const fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Ja => self.ja,
            Language::Ko => self.ko,
        }
    }
}
