//! Units as the streams carry them; see the module above for the layout.

use crate::Error;

pub(super) const DATA_HEADER_BYTES: usize = 5;
pub(super) const ACK_BYTES: usize = 7;

const KIND_ACK: u8 = 0b0100_0000;

/// One unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    Data { lane: usize, number: u16, content: &'a [u8] },
    Ack { lane: usize, number: u16, arrived_us: u32 },
}

pub(super) fn error(expected: &'static str, got: impl Into<String>) -> Error {
    Error::Line { expected, got: got.into() }
}

fn lane_bits(lane: usize) -> u8 {
    u8::try_from(lane << 4).expect("a lane is 0 to 3")
}

impl<'a> Unit<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        match *self {
            Self::Data { lane, number, content } => {
                let mut out = Vec::with_capacity(DATA_HEADER_BYTES + content.len());
                let length = u16::try_from(content.len()).expect("at most `SEGMENT_BYTES_MAX`");
                out.push(lane_bits(lane));
                out.extend_from_slice(&number.to_be_bytes());
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(content);
                out
            }
            Self::Ack { lane, number, arrived_us } => {
                let mut out = Vec::with_capacity(ACK_BYTES);
                out.push(KIND_ACK | lane_bits(lane));
                out.extend_from_slice(&number.to_be_bytes());
                out.extend_from_slice(&arrived_us.to_be_bytes());
                out
            }
        }
    }

    /// The unit at the front of `bytes` and its length; nothing while it is not whole.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, Error> {
        let Some(&tag) = bytes.first() else { return Ok(None) };
        let lane = usize::from((tag >> 4) & 3);
        if tag & 0b1000_1111 != 0 {
            return Err(error("a data unit or an acknowledgement", format!("tag {tag:#04x}")));
        }
        let is_ack = tag & KIND_ACK != 0;
        let Some(header) = bytes.get(..if is_ack { ACK_BYTES } else { DATA_HEADER_BYTES }) else {
            return Ok(None);
        };
        let number = u16::from_be_bytes([header[1], header[2]]);
        if is_ack {
            let arrived_us = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
            return Ok(Some((Self::Ack { lane, number, arrived_us }, ACK_BYTES)));
        }
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > super::SEGMENT_BYTES_MAX {
            return Err(error("a segment of 1 to 32,768 bytes", length.to_string()));
        }
        let end = DATA_HEADER_BYTES + length;
        let content = bytes.get(DATA_HEADER_BYTES..end);
        Ok(content.map(|content| (Self::Data { lane, number, content }, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_fixed() {
        let data = Unit::Data { lane: 3, number: 0x0102, content: &[9, 8] };
        assert_eq!(data.encode(), [0x30, 1, 2, 0, 2, 9, 8]);
        let ack = Unit::Ack { lane: 1, number: 0xfffe, arrived_us: 0x0a0b_0c0d };
        assert_eq!(ack.encode(), [0x50, 0xff, 0xfe, 0x0a, 0x0b, 0x0c, 0x0d]);
        for unit in [data, ack] {
            let bytes = unit.encode();
            assert_eq!(Unit::parse(&bytes), Ok(Some((unit, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(Unit::parse(&bytes[..cut]), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn other_tags_and_lengths_are_refused() {
        for bad in [
            &[0x80_u8, 0, 0, 0, 1, 1][..],
            &[0x01, 0, 0, 0, 1, 1],
            &[0x48, 0, 0, 0, 0, 0, 0],
            &[0x00, 0, 0, 0, 0],
            &[0x00, 0, 0, 0x80, 1],
        ] {
            assert!(Unit::parse(bad).is_err(), "{bad:x?}");
        }
    }
}
