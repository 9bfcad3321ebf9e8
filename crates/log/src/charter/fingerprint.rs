//! Fingerprints people compare by voice.

use std::fmt;

use crate::keys::Hash;

/// A SHA-256 hash people can compare by voice.
///
/// The text is its first 100 bits as five groups of four base 32 characters without I, L, O and U.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub Hash);

impl Fingerprint {
    const GROUPS: usize = 5;

    fn characters(&self) -> impl Iterator<Item = char> + '_ {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let bits = self.0.iter().take(16).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        (0..Self::GROUPS * 4)
            .map(move |i| char::from(ALPHABET[(bits >> (123 - 5 * i)) as usize & 31]))
    }

    /// The same characters as words of the NATO spelling alphabet, a comma between groups.
    pub fn spoken(&self) -> String {
        let mut text = String::new();
        for (i, character) in self.characters().enumerate() {
            if i > 0 {
                text.push_str(if i.is_multiple_of(4) { ", " } else { " " });
            }
            text.push_str(spelling_word(character));
        }
        text
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, character) in self.characters().enumerate() {
            if i > 0 && i.is_multiple_of(4) {
                f.write_str("-")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn spelling_word(character: char) -> &'static str {
    const WORDS: [&str; 36] = [
        "Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Alfa",
        "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett",
        "Kilo", "Lima", "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango",
        "Uniform", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
    ];
    let digit = character.to_digit(36).expect("fingerprints are letters and digits");
    WORDS[digit as usize]
}
