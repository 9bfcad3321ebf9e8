//! Names of partners and nodes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// A sovereign member of the agreement: an ISO 3166 alpha-3 code such as `KOR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartnerId([u8; 3]);

impl PartnerId {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a partner code is ASCII by construction")
    }

    /// The three bytes of the code, as they stand in entry headers.
    pub const fn as_bytes(&self) -> &[u8; 3] {
        &self.0
    }
}

impl TryFrom<[u8; 3]> for PartnerId {
    type Error = Error;

    fn try_from(code: [u8; 3]) -> Result<Self, Error> {
        if code.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(code))
        } else {
            Err(Error::Partner { got: String::from_utf8_lossy(&code).into_owned() })
        }
    }
}

impl FromStr for PartnerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let code: [u8; 3] =
            text.as_bytes().try_into().map_err(|_| Error::Partner { got: text.to_owned() })?;
        Self::try_from(code)
    }
}

impl fmt::Display for PartnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PartnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One running Watchfire of a partner: `KOR-1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    partner: PartnerId,
    number: u16,
}

impl NodeId {
    /// The largest node number a partner may use.
    pub const NUMBER_MAX: u16 = 999;

    /// The node `number` (1 to 999) of `partner`.
    pub fn new(partner: PartnerId, number: u16) -> Result<Self, Error> {
        if (1..=Self::NUMBER_MAX).contains(&number) {
            Ok(Self { partner, number })
        } else {
            Err(Error::Node { got: format!("{partner}-{number}") })
        }
    }

    /// Whose node this is.
    pub const fn partner(&self) -> PartnerId {
        self.partner
    }

    /// The number among the partner's nodes.
    pub const fn number(&self) -> u16 {
        self.number
    }
}

impl FromStr for NodeId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Node { got: text.to_owned() };
        let (partner, number) = text.split_once('-').ok_or_else(bad)?;
        if number.starts_with(['0', '+']) {
            return Err(bad());
        }
        let number = number.parse().map_err(|_| bad())?;
        Self::new(partner.parse().map_err(|_| bad())?, number).map_err(|_| bad())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partner, self.number)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a type from its text without keeping the text.
struct TextVisitor<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> serde::de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// For `Deserialize` of types that stand as their text: reads one without keeping the text.
pub fn deserialize_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(TextVisitor(std::marker::PhantomData))
}

macro_rules! text_serde {
    ($type:ty, $name:literal, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_text(deserializer)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

text_serde!(PartnerId, "PartnerId", "^[A-Z]{3}$");
text_serde!(NodeId, "NodeId", "^[A-Z]{3}-[1-9][0-9]{0,2}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_and_nodes_parse_or_say_why() {
        assert_eq!("KOR".parse::<PartnerId>().unwrap().to_string(), "KOR");
        assert_eq!("JPN-12".parse::<NodeId>().unwrap().to_string(), "JPN-12");
        for bad in ["kor", "KO", "KORE", "KÖR", ""] {
            assert!(bad.parse::<PartnerId>().is_err(), "`{bad}` was taken");
        }
        for bad in ["KOR", "KOR-0", "KOR-1000", "KOR-01", "KOR-+1", "KOR-x", "-1"] {
            let error = bad.parse::<NodeId>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }
}
