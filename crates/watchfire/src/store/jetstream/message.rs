//! One message of the journal, edition 1 (big-endian).
//!
//! ```text
//! "WFJ" 3 | edition u8 = 1 | what u8 | process 16 | commit u64 | part u16 | parts u16 |
//! SHA-256 of the message before it 32 (zeros before the first) |
//! rows, each: table u8 | key length u16 | key | value length u32 | value |
//! SHA-256 over everything before it 32
//! ```
//!
//! `what`: 0 a process opened the journal, 1 rows, 2 the process closed it. `commit` counts the commits
//! of a process from 1; `part` counts the messages of one commit from 0 and only the last of `parts`
//! makes the commit whole. Each message names the digest of the one before it, so the journal is a hash
//! chain: a message that is missing, changed or in another place is found when the journal is read.

use log::{Hash, Row, Table, sha256};

/// Starts every message: three letters and the edition.
const MAGIC: [u8; 4] = *b"WFJ\x01";
const PLACE_BYTES: usize = 1 + 16 + 8 + 2 + 2 + 32;
/// Bytes of a message around its rows.
pub(super) const FRAME_BYTES: usize = MAGIC.len() + PLACE_BYTES + DIGEST_BYTES;
const DIGEST_BYTES: usize = 32;
/// Bytes of a row around its key and value.
const ROW_BYTES: usize = 1 + 2 + 4;
/// Messages one commit may take; a group of writes is far below it.
const PARTS_MAX: usize = 4_096;

/// The random name of one opening of the journal for writing.
pub(super) type Process = [u8; 16];

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Opened,
    Rows,
    Closed,
}

/// The head of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) what: What,
    pub(super) process: Process,
    pub(super) commit: u64,
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) before: Hash,
}

/// A row within a message: which, and where its value lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    pub(super) start: usize,
    pub(super) length: usize,
}

/// A message read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) head: Head,
    pub(super) rows: Vec<Placed>,
    pub(super) digest: Hash,
}

/// Writes the message; its digest is its last 32 bytes.
pub(super) fn encode(head: &Head, rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES + rows.iter().map(row_bytes).sum::<usize>());
    out.extend_from_slice(&MAGIC);
    out.push(match head.what {
        What::Opened => 0,
        What::Rows => 1,
        What::Closed => 2,
    });
    out.extend_from_slice(&head.process);
    out.extend_from_slice(&head.commit.to_be_bytes());
    out.extend_from_slice(&head.part.to_be_bytes());
    out.extend_from_slice(&head.parts.to_be_bytes());
    out.extend_from_slice(&head.before);
    for row in rows {
        let key = u16::try_from(row.key.len()).expect("keys are names and numbers");
        let value = u32::try_from(row.value.len()).expect("rows are below 4 GiB");
        out.push(row.table.code());
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&row.key);
        out.extend_from_slice(&value.to_be_bytes());
        out.extend_from_slice(&row.value);
    }
    let digest = sha256(&out);
    out.extend_from_slice(&digest);
    out
}

/// The digest that ends an encoded message.
pub(super) fn digest_of(message: &[u8]) -> Hash {
    *message.last_chunk().expect("an encoded message ends in its digest")
}

/// The bytes a row takes in a message.
pub(super) fn row_bytes(row: &Row) -> usize {
    ROW_BYTES + row.key.len() + row.value.len()
}

/// Splits rows into the messages of one commit, none above `bytes_max` unless one row is.
pub(super) fn split(rows: Vec<Row>, bytes_max: usize) -> Vec<Vec<Row>> {
    let mut parts: Vec<Vec<Row>> = vec![Vec::new()];
    let mut bytes = FRAME_BYTES;
    for row in rows {
        let more = row_bytes(&row);
        let part = parts.last_mut().expect("there is always one");
        if bytes + more > bytes_max && !part.is_empty() {
            parts.push(vec![row]);
            bytes = FRAME_BYTES + more;
        } else {
            part.push(row);
            bytes += more;
        }
    }
    assert!(parts.len() <= PARTS_MAX, "a commit is bounded by the writer's group");
    parts
}

/// Reads a message; an error says what was expected.
pub(super) fn decode(bytes: &[u8]) -> Result<Message, &'static str> {
    let (body, digest) =
        bytes.split_last_chunk::<DIGEST_BYTES>().ok_or("a message of the journal")?;
    let rest = body.strip_prefix(&MAGIC).ok_or("a message of the journal, edition 1")?;
    if sha256(body) != *digest {
        return Err("a message whose digest fits");
    }
    let mut reader = Reader { rest, at: MAGIC.len() };
    let what = match reader.take::<1>()?[0] {
        0 => What::Opened,
        1 => What::Rows,
        2 => What::Closed,
        _ => return Err("`opened`, `rows` or `closed`"),
    };
    let head = Head {
        what,
        process: reader.take()?,
        commit: u64::from_be_bytes(reader.take()?),
        part: u16::from_be_bytes(reader.take()?),
        parts: u16::from_be_bytes(reader.take()?),
        before: reader.take()?,
    };
    if head.part >= head.parts || (what != What::Rows && head.parts != 1) {
        return Err("a part below the number of parts");
    }
    let mut rows = Vec::new();
    while !reader.rest.is_empty() {
        let code = reader.take::<1>()?[0];
        let table = Table::ALL.into_iter().find(|table| table.code() == code);
        let table = table.ok_or("a known table")?;
        let length = usize::from(u16::from_be_bytes(reader.take()?));
        let key = reader.bytes(length)?.to_vec();
        let length = u32::from_be_bytes(reader.take()?);
        let length = usize::try_from(length).map_err(|_| "a row that fits in memory")?;
        let start = reader.at;
        let value = reader.bytes(length)?;
        Row::content(table, &key, value).map_err(|_| "rows whose digests fit")?;
        rows.push(Placed { table, key, start, length });
    }
    if what != What::Rows && !rows.is_empty() {
        return Err("no rows in a note of the process");
    }
    Ok(Message { head, rows, digest: *digest })
}

struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("a whole message")?;
        self.rest = rest;
        self.at += length;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        Ok(self.bytes(N)?.try_into().expect("split at N"))
    }
}

#[cfg(test)]
mod tests {
    use log::Write;

    use super::*;

    fn row(name: &str, value: &[u8]) -> Row {
        Write::Meta { name: name.to_owned(), value: value.to_vec() }.row()
    }

    fn head(what: What) -> Head {
        Head { what, process: [7; 16], commit: 3, part: 0, parts: 1, before: [9; 32] }
    }

    /// The layout as drawn: a note that process 07… opened the journal after the message 09….
    const OPENED: &str = "57464a01000707070707070707070707070707070700000000000000030000000109\
         09090909090909090909090909090909090909090909090909090909090909";

    #[test]
    fn the_layout_is_as_drawn() {
        let bytes = encode(&head(What::Opened), &[]);
        let hex = crate::store::seal::hex(&bytes);
        assert_eq!(hex[..hex.len() - 64], OPENED.replace(char::is_whitespace, ""));
        assert_eq!(bytes.len(), FRAME_BYTES);
    }

    #[test]
    fn what_was_written_is_read() {
        let rows = [row("a", b"first"), row("b", b""), row("", &[1; 300])];
        let bytes = encode(&head(What::Rows), &rows);
        let message = decode(&bytes).expect("it was just written");
        assert_eq!((message.head, message.digest), (head(What::Rows), digest_of(&bytes)));
        for (placed, row) in message.rows.iter().zip(&rows) {
            assert_eq!((placed.table, &placed.key), (row.table, &row.key));
            assert_eq!(bytes[placed.start..placed.start + placed.length], row.value);
        }
        assert_eq!(message.rows.len(), rows.len());
    }

    #[test]
    fn every_changed_or_cut_byte_is_refused() {
        let bytes = encode(&head(What::Rows), &[row("a", b"first")]);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed).is_err(), "byte {at}");
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn rows_split_at_their_edges() {
        let rows =
            vec![row("a", &[0; 100]), row("b", &[0; 100]), row("c", &[0; 400]), row("d", b"")];
        let sizes = |bytes_max| -> Vec<usize> {
            split(rows.clone(), bytes_max).iter().map(Vec::len).collect()
        };
        let two = FRAME_BYTES + row_bytes(&rows[0]) + row_bytes(&rows[1]);
        assert_eq!(sizes(usize::MAX), [4]);
        assert_eq!(sizes(two), [2, 1, 1]);
        assert_eq!(sizes(two - 1), [1, 1, 1, 1]);
        assert_eq!(split(Vec::new(), 1).len(), 1);
    }
}
