//! Walking through the bytes of one data block, with errors that name the item and its place.

use std::fmt;

use crate::Error;

/// Where and why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes from the start of the recording.
    pub offset: usize,
    /// The block's category.
    pub category: u8,
    /// The item's number in the category, or the part of it.
    pub item: &'static str,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The block ends inside the item.
    Short { expected: usize, left: usize },
    /// A presence bit of something the edition does not define, so its length is unknown.
    Undefined { defined: &'static str, number: usize },
    /// A length or value that the item cannot have.
    Value { expected: &'static str, got: u32 },
}

impl Fault {
    pub(crate) fn hint(&self) -> &'static str {
        match self.kind {
            Kind::Short { .. } => {
                "check that the recording is whole and the sender's edition is supported"
            }
            Kind::Undefined { .. } => "check which edition of the category the sender writes",
            Kind::Value { .. } => "check the sender's encoder, or which edition it writes",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, category, item, kind } = self;
        match kind {
            Kind::Short { expected, left } => write!(
                f,
                "expected item I{category:03}/{item} of {expected} bytes at offset {offset}, got \
                 {left} bytes left"
            ),
            Kind::Undefined { defined, number } => write!(
                f,
                "expected {defined} in I{category:03}/{item} at offset {offset}, got {number}"
            ),
            Kind::Value { expected, got } => write!(
                f,
                "expected {expected} in I{category:03}/{item} at offset {offset}, got {got}"
            ),
        }
    }
}

/// A reading position inside one data block.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
    category: u8,
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`, which lie `offset` into the recording.
    pub(super) const fn new(bytes: &'a [u8], offset: usize, category: u8) -> Self {
        Self { rest: bytes, offset, category }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes from the start of the recording.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// The next `count` bytes, as (part of) `item`.
    pub(super) fn bytes(&mut self, item: &'static str, count: usize) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            let left = self.rest.len();
            return Err(self.fault(item, Kind::Short { expected: count, left }));
        };
        self.rest = rest;
        self.offset += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, item: &'static str) -> Result<[u8; N], Error> {
        Ok(self.bytes(item, N)?.try_into().expect("`bytes` gives the count asked for"))
    }

    pub(super) fn u8(&mut self, item: &'static str) -> Result<u8, Error> {
        self.array(item).map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self, item: &'static str) -> Result<u16, Error> {
        self.array(item).map(u16::from_be_bytes)
    }

    /// An item of `N` 16-bit numbers.
    pub(super) fn words<const N: usize>(&mut self, item: &'static str) -> Result<[u16; N], Error> {
        let bytes = self.bytes(item, 2 * N)?;
        Ok(std::array::from_fn(|i| u16::from_be_bytes([bytes[2 * i], bytes[2 * i + 1]])))
    }

    pub(super) fn u24(&mut self, item: &'static str) -> Result<u32, Error> {
        let [a, b, c] = self.array(item)?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// A byte, and further ones as long as the last bit says so.
    pub(super) fn extended(&mut self, item: &'static str) -> Result<&'a [u8], Error> {
        let more = self.rest.iter().take_while(|&byte| byte & 1 == 1).count();
        self.bytes(item, more + 1)
    }

    /// A count, then that many parts of `N` bytes.
    pub(super) fn counted<const N: usize>(
        &mut self,
        item: &'static str,
    ) -> Result<Vec<[u8; N]>, Error> {
        let count = usize::from(self.u8(item)?);
        let parts = self.bytes(item, count * N)?;
        Ok(parts.as_chunks().0.to_vec())
    }

    /// A length that counts itself, then the rest of the item.
    pub(super) fn prefixed(&mut self, item: &'static str) -> Result<&'a [u8], Error> {
        let before = self.clone();
        match usize::from(self.u8(item)?) {
            0 => Err(before.value(item, "a length of 1 or more", 0)),
            length => self.bytes(item, length - 1),
        }
    }

    /// Presence bits, seven a byte: the numbers, from 1, of what is present.
    pub(super) fn present(
        &mut self,
        item: &'static str,
    ) -> Result<impl Iterator<Item = usize> + use<'a>, Error> {
        let bytes = self.extended(item)?;
        Ok(bytes.iter().enumerate().flat_map(|(i, byte)| {
            (0..7).filter(move |bit| byte >> (7 - bit) & 1 == 1).map(move |bit| i * 7 + bit + 1)
        }))
    }

    /// The error for a presence bit that `item` does not define; `defined` says which it does.
    pub(super) fn undefined(
        &self,
        item: &'static str,
        defined: &'static str,
        number: usize,
    ) -> Error {
        self.fault(item, Kind::Undefined { defined, number })
    }

    /// The error for a value that `item` cannot have.
    pub(super) fn value(&self, item: &'static str, expected: &'static str, got: u32) -> Error {
        self.fault(item, Kind::Value { expected, got })
    }

    fn fault(&self, item: &'static str, kind: Kind) -> Error {
        Error::Asterix(Fault { offset: self.offset, category: self.category, item, kind })
    }
}
