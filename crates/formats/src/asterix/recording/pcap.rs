//! The capture file of libpcap.
//!
//! ```text
//! file    magic (4) │ version (4) │ zone, accuracy (8) │ snap length (4) │ link type (4) │ packet, …
//! packet  seconds (4) │ fraction (4) │ captured length (4) │ original length (4) │ frame
//! ```
//!
//! The magic number tells byte order and the unit of the fraction. Source: the Internet-Draft
//! draft-ietf-opsawg-pcap.

use base::{TimeDelta, Timestamp};

use super::ByteOrder;
use super::frame::Frame;
use crate::Error;

const HEADER_BYTES: usize = 24;
const PACKET_HEADER_BYTES: usize = 16;
/// Bytes of one frame; the largest snap length the tools use.
const FRAME_BYTES_MAX: usize = 256 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    recording: &'a [u8],
    at: usize,
    order: ByteOrder,
    nanos_per_fraction: i64,
    link_type: u32,
}

impl<'a> Reader<'a> {
    /// `None` if the recording is something else.
    pub(super) fn open(recording: &'a [u8]) -> Result<Option<Self>, Error> {
        let (order, nanos_per_fraction) = match recording.first_chunk() {
            Some([0xa1, 0xb2, 0xc3, 0xd4]) => (ByteOrder::Big, 1_000),
            Some([0xd4, 0xc3, 0xb2, 0xa1]) => (ByteOrder::Little, 1_000),
            Some([0xa1, 0xb2, 0x3c, 0x4d]) => (ByteOrder::Big, 1),
            Some([0x4d, 0x3c, 0xb2, 0xa1]) => (ByteOrder::Little, 1),
            _ => return Ok(None),
        };
        if recording.len() < HEADER_BYTES {
            return Err(Error::Capture {
                expected: "a capture header of 24 bytes",
                offset: 0,
                got: recording.len(),
            });
        }
        // The upper half of the last word tells of checksums at frame ends, which UDP lengths exclude.
        let link_type = order.u32_at(recording, 5) & 0xffff;
        Ok(Some(Self { recording, at: HEADER_BYTES, order, nanos_per_fraction, link_type }))
    }

    pub(super) fn next(&mut self) -> Option<Result<Frame<'a>, Error>> {
        let offset = self.at;
        let rest = &self.recording[offset..];
        if rest.is_empty() {
            return None;
        }
        // After a fault no later packet can be found.
        self.at = self.recording.len();
        let Some((header, rest)) = rest.split_at_checked(PACKET_HEADER_BYTES) else {
            let expected = "a packet header of 16 bytes";
            return Some(Err(Error::Capture { expected, offset, got: rest.len() }));
        };
        let word = |index| self.order.u32_at(header, index);
        let length = word(2) as usize;
        if length > FRAME_BYTES_MAX {
            let expected = "a packet of at most 262,144 bytes";
            return Some(Err(Error::Capture { expected, offset, got: length }));
        }
        let Some(bytes) = rest.get(..length) else {
            let expected = "as many bytes as the packet header says";
            return Some(Err(Error::Capture { expected, offset, got: rest.len() }));
        };
        let time = Timestamp::from_seconds(i64::from(word(0)))
            + TimeDelta::from_nanos(i64::from(word(1)) * self.nanos_per_fraction);
        let start = offset + PACKET_HEADER_BYTES;
        self.at = start + length;
        Some(Ok(Frame { offset: start, time: Some(time), link_type: self.link_type, bytes }))
    }
}
