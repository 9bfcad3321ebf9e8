//! The rows of one small commit beside the marks raised for it.
//!
//! Bytes, edition 1 (big-endian):
//!
//! ```text
//! "WFR" 0x01 | length u32 of what follows
//! sequence u64 | spans u8: log 22, first u64, size u64 | rows u16: table u8, key u16 and bytes,
//!              value u32 and bytes
//! SHA-256 over the slot's marks, then everything of the redo before this
//! ```

use log::{LogId, Row, StoreRead, StoreReadExt as _, Table, sha256};

const MAGIC: [u8; 4] = *b"WFR\x01";
const DIGEST_BYTES: usize = 32;
const LOG_BYTES: usize = 22;

/// A part of an own log that a commit adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) log: LogId,
    /// Where the log stood before.
    pub(crate) first: u64,
    /// Where it stands with it.
    pub(crate) size: u64,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redo {
    /// Counts raises.
    pub(super) sequence: u64,
    pub(super) spans: Vec<Span>,
    pub(super) rows: Vec<Row>,
}

impl Redo {
    /// Whether the store, with `before` already put in, stands exactly where this commit begins.
    pub(super) fn fits(&self, store: &impl StoreRead, before: &[Row]) -> Result<bool, log::Error> {
        for span in &self.spans {
            let size = match size_in(before, &span.log) {
                Some(size) => size,
                None => store.head(&span.log)?.map_or(0, |head| head.size()),
            };
            if size != span.first {
                return Ok(false);
            }
        }
        Ok(!self.spans.is_empty())
    }

    pub(super) fn put(&self, marks: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.push(u8::try_from(self.spans.len()).expect("a node has four lanes"));
        for span in &self.spans {
            out.extend_from_slice(&span.log.to_key());
            out.extend_from_slice(&span.first.to_be_bytes());
            out.extend_from_slice(&span.size.to_be_bytes());
        }
        let rows = u16::try_from(self.rows.len()).expect("a small commit has few rows");
        out.extend_from_slice(&rows.to_be_bytes());
        for Row { table, key, value } in &self.rows {
            out.push(table.code());
            let key_bytes = u16::try_from(key.len()).expect("keys are short");
            out.extend_from_slice(&key_bytes.to_be_bytes());
            out.extend_from_slice(key);
            let value_bytes = u32::try_from(value.len()).expect("a small commit is small");
            out.extend_from_slice(&value_bytes.to_be_bytes());
            out.extend_from_slice(value);
        }
        let length = u32::try_from(out.len() - start - 8 + DIGEST_BYTES).expect("a small commit");
        out[start + 4..start + 8].copy_from_slice(&length.to_be_bytes());
        let digest = sha256(&[marks, &out[start..]].concat());
        out.extend_from_slice(&digest);
    }

    /// Reads what [`Redo::put`] made for these marks; `Err` says what is wrong.
    pub(super) fn read(marks: &[u8], bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "expected a redo as it was written, got a damaged one".to_owned();
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let body = rest.get(..length).filter(|_| head[..4] == MAGIC).ok_or_else(damaged)?;
        let (content, digest) = body.split_last_chunk::<DIGEST_BYTES>().ok_or_else(damaged)?;
        if sha256(&[marks, head, content].concat()) != *digest {
            return Err(damaged());
        }
        Cursor(content).redo().ok_or_else(damaged)
    }
}

/// The size of `log` after `rows`, if they say.
fn size_in(rows: &[Row], log: &LogId) -> Option<u64> {
    let key = log.to_key();
    let head = rows.iter().rfind(|row| row.table == Table::Head && row.key == key)?;
    let content = Row::content(head.table, &head.key, &head.value).ok()?;
    content.first_chunk().map(|size| u64::from_be_bytes(*size))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn redo(mut self) -> Option<Redo> {
        let sequence = u64::from_be_bytes(self.array()?);
        let [spans] = self.array()?;
        let spans = (0..spans)
            .map(|_| {
                let log = LogId::from_key(&self.array::<LOG_BYTES>()?).ok()?;
                let first = u64::from_be_bytes(self.array()?);
                Some(Span { log, first, size: u64::from_be_bytes(self.array()?) })
            })
            .collect::<Option<Vec<Span>>>()?;
        let rows = u16::from_be_bytes(self.array()?);
        let rows = (0..rows)
            .map(|_| {
                let [code] = self.array()?;
                let table = Table::ALL.into_iter().find(|table| table.code() == code)?;
                let key = usize::from(u16::from_be_bytes(self.array()?));
                let key = self.take(key)?.to_vec();
                let value = u32::from_be_bytes(self.array()?) as usize;
                Some(Row { table, key, value: self.take(value)?.to_vec() })
            })
            .collect::<Option<Vec<Row>>>()?;
        self.0.is_empty().then_some(Redo { sequence, spans, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Redo {
        let log = "KOR-1.flash.000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let rows = vec![
            Row { table: Table::Batch, key: vec![1, 2], value: vec![3; 700] },
            Row { table: Table::Meta, key: b"note".to_vec(), value: vec![] },
        ];
        Redo { sequence: 7, spans: vec![Span { log, first: 4, size: 9 }], rows }
    }

    #[test]
    fn a_redo_round_trips_and_every_changed_byte_is_refused() {
        let mut bytes = Vec::new();
        sample().put(b"marks", &mut bytes);
        let mut padded = bytes.clone();
        padded.resize(4_096, 0);
        assert_eq!(Redo::read(b"marks", &padded), Ok(sample()));
        assert!(Redo::read(b"other", &padded).is_err(), "it belongs to its marks");
        for at in 0..bytes.len() {
            padded[at] ^= 0x10;
            assert!(Redo::read(b"marks", &padded).is_err(), "byte {at}");
            padded[at] ^= 0x10;
        }
        for cut in 0..bytes.len() {
            assert!(Redo::read(b"marks", &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
