//! Reading and writing big-endian layouts: strict, no allocation from received counts.

use base::{NodeId, PartnerId, Timestamp};

use crate::{Audience, Error, Incarnation, LogId, Precedence, Realm};

/// A cursor over received bytes.
pub(crate) struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn error(&self, expected: &'static str, got: impl Into<String>) -> Error {
        Error::Wire { what: self.what, at: self.at, expected, got: got.into() }
    }

    pub(crate) fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Error> {
        let left = self.bytes.len() - self.at;
        if count > left {
            return Err(self.error(expected, format!("{left} of {count} bytes")));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], Error> {
        Ok(self.take(N, expected)?.try_into().expect("`take` gave N bytes"))
    }

    pub(crate) fn u8(&mut self, expected: &'static str) -> Result<u8, Error> {
        self.array::<1>(expected).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, expected: &'static str) -> Result<u16, Error> {
        self.array(expected).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, expected: &'static str) -> Result<u32, Error> {
        self.array(expected).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, expected: &'static str) -> Result<u64, Error> {
        self.array(expected).map(u64::from_be_bytes)
    }

    pub(crate) fn timestamp(&mut self, expected: &'static str) -> Result<Timestamp, Error> {
        self.array(expected).map(|b| Timestamp::from_nanos(i64::from_be_bytes(b)))
    }

    pub(crate) fn magic(&mut self, magic: [u8; 4], expected: &'static str) -> Result<(), Error> {
        let before = self.at;
        let got: [u8; 4] = self.array(expected)?;
        if got == magic {
            return Ok(());
        }
        self.at = before;
        Err(self.error(expected, format!("`{}`", got.escape_ascii())))
    }

    /// A byte count of `u32`, at most `max`, then the bytes.
    pub(crate) fn blob(&mut self, max: usize, expected: &'static str) -> Result<&'a [u8], Error> {
        let length = self.u32(expected)? as usize;
        if length > max {
            return Err(self.error(expected, format!("{length} bytes where {max} is the limit")));
        }
        self.take(length, expected)
    }

    pub(crate) fn short_text(&mut self, expected: &'static str) -> Result<&'a str, Error> {
        let length = usize::from(self.u8(expected)?);
        let bytes = self.take(length, expected)?;
        std::str::from_utf8(bytes).map_err(|_| self.error(expected, "bytes that are not UTF-8"))
    }

    pub(crate) fn realm(&mut self) -> Result<Realm, Error> {
        let text = self.short_text("a realm")?;
        text.parse().map_err(|_| self.error("a realm", format!("`{}`", text.escape_debug())))
    }

    pub(crate) fn partner(&mut self) -> Result<PartnerId, Error> {
        let code: [u8; 3] = self.array("a partner")?;
        PartnerId::try_from(code)
            .map_err(|_| self.error("a partner", format!("`{}`", code.escape_ascii())))
    }

    pub(crate) fn node(&mut self) -> Result<NodeId, Error> {
        let (partner, number) = (self.partner()?, self.u16("a node number")?);
        NodeId::new(partner, number)
            .map_err(|_| self.error("a node number from 1 to 999", number.to_string()))
    }

    pub(crate) fn log(&mut self) -> Result<LogId, Error> {
        let node = self.node()?;
        let lane = self.u8("a lane")?;
        let lane = Precedence::from_code(lane)
            .ok_or_else(|| self.error("a lane from 0 to 3", lane.to_string()))?;
        Ok(LogId { node, lane, incarnation: Incarnation(self.array("an incarnation")?) })
    }

    pub(crate) fn audience(&mut self) -> Result<Audience, Error> {
        const EXPECTED: &str = "an audience of 1 to 32 sorted partners";
        let count = self.u8(EXPECTED)?;
        let mut last = None;
        let members: Result<Vec<PartnerId>, Error> = (0..count)
            .map(|_| {
                let partner = self.partner()?;
                if last >= Some(partner) {
                    return Err(self.error(EXPECTED, format!("{partner} out of order")));
                }
                last = Some(partner);
                Ok(partner)
            })
            .collect();
        Audience::new(members?).map_err(|_| self.error(EXPECTED, format!("{count} partners")))
    }

    pub(crate) fn finish(&self) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let left = self.bytes.len() - self.at;
        Err(self.error("the end", format!("{left} more bytes")))
    }
}

/// Appends layouts to a byte vector.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }
    fn put_timestamp(&mut self, value: Timestamp) {
        self.put(&value.as_nanos().to_be_bytes());
    }
    fn put_blob(&mut self, bytes: &[u8]) {
        self.put_u32(u32::try_from(bytes.len()).expect("blobs are far below 4 GiB"));
        self.put(bytes);
    }
    fn put_short_text(&mut self, text: &str) {
        self.put_u8(u8::try_from(text.len()).expect("short texts are at most 255 bytes"));
        self.put(text.as_bytes());
    }
    fn put_realm(&mut self, realm: &Realm) {
        self.put_short_text(&realm.to_string());
    }
    fn put_node(&mut self, node: NodeId) {
        self.put(node.partner().as_bytes());
        self.put_u16(node.number());
    }
    fn put_log(&mut self, log: &LogId) {
        self.put(&log.to_key());
    }
    fn put_audience(&mut self, audience: &Audience) {
        self.put_u8(u8::try_from(audience.members().len()).expect("at most 32 partners"));
        for member in audience.members() {
            self.put(member.as_bytes());
        }
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
