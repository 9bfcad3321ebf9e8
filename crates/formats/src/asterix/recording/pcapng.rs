//! The capture file that succeeded libpcap's, as today's capture programs write it.
//!
//! ```text
//! file   block, block, …
//! block  type (4) │ total length (4) │ body, padded to 4 │ total length (4)
//! ```
//!
//! Read are section headers (byte order), interface descriptions (link type, resolution and offset of
//! times), enhanced and simple packets; other blocks are passed over by their length. Source: the
//! Internet-Draft draft-ietf-opsawg-pcapng.

use base::Timestamp;

use super::ByteOrder;
use super::frame::Frame;
use crate::Error;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Type and two lengths.
const FRAME_BYTES: usize = 12;
/// Interfaces of one section that are remembered.
const INTERFACES_MAX: usize = 256;
const BLOCK_BYTES_MAX: usize = 1024 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    recording: &'a [u8],
    at: usize,
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u32,
    /// Units of time in a second.
    units_per_second: u64,
    /// Seconds to add to every time.
    offset_s: i64,
}

impl<'a> Reader<'a> {
    /// `None` if the recording is something else.
    pub(super) fn open(recording: &'a [u8]) -> Option<Self> {
        let found = recording.starts_with(&SECTION_HEADER.to_be_bytes());
        // The first block's own byte-order mark decides; this is only where reading begins.
        let order = ByteOrder::Big;
        found.then_some(Self { recording, at: 0, order, interfaces: Vec::new() })
    }

    pub(super) fn next(&mut self) -> Option<Result<Frame<'a>, Error>> {
        while self.at < self.recording.len() {
            let offset = self.at;
            let block = match self.block() {
                Ok(block) => block,
                Err(error) => {
                    // After a fault no later block can be found.
                    self.at = self.recording.len();
                    return Some(Err(error));
                }
            };
            self.at = offset + block.length;
            let frame = match block.kind {
                SECTION_HEADER => {
                    self.interfaces.clear();
                    None
                }
                INTERFACE_DESCRIPTION => self.interface(&block, offset).err().map(Err),
                ENHANCED_PACKET => Some(self.enhanced(&block, offset)),
                SIMPLE_PACKET => Some(self.simple(&block, offset)),
                _ => None,
            };
            if frame.is_some() {
                return frame;
            }
        }
        None
    }

    fn block(&mut self) -> Result<BlockFrame<'a>, Error> {
        let offset = self.at;
        let rest = &self.recording[offset..];
        let short = |expected| Error::Capture { expected, offset, got: rest.len() };
        if rest.len() < FRAME_BYTES {
            return Err(short("a capture block of at least 12 bytes"));
        }
        if rest.starts_with(&SECTION_HEADER.to_be_bytes()) {
            self.order = match &rest[8..12] {
                [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
                _ => return Err(short("a byte-order mark in the section header")),
            };
        }
        let length = self.order.u32_at(rest, 1) as usize;
        if !(FRAME_BYTES..=BLOCK_BYTES_MAX).contains(&length) || !length.is_multiple_of(4) {
            let expected = "a capture block of 12 to 1,048,576 bytes";
            return Err(Error::Capture { expected, offset, got: length });
        }
        let Some(bytes) = rest.get(..length) else {
            return Err(short("as many bytes as the capture block says"));
        };
        let kind = self.order.u32_at(bytes, 0);
        Ok(BlockFrame { kind, length, body: &bytes[8..length - 4] })
    }

    fn interface(&mut self, block: &BlockFrame<'_>, offset: usize) -> Result<(), Error> {
        const FIXED_BYTES: usize = 8;
        let Some((fixed, options)) = block.body.split_at_checked(FIXED_BYTES) else {
            let expected = "an interface description of at least 8 bytes";
            return Err(Error::Capture { expected, offset, got: block.body.len() });
        };
        if self.interfaces.len() == INTERFACES_MAX {
            let expected = "at most 256 interfaces in a section";
            return Err(Error::Capture { expected, offset, got: INTERFACES_MAX + 1 });
        }
        let mut interface = Interface {
            link_type: u32::from(self.order.u16([fixed[0], fixed[1]])),
            units_per_second: 1_000_000,
            offset_s: 0,
        };
        self.options(options, &mut interface);
        self.interfaces.push(interface);
        Ok(())
    }

    fn options(&self, mut options: &[u8], interface: &mut Interface) {
        const RESOLUTION: u16 = 9;
        const OFFSET: u16 = 14;
        while let Some((header, rest)) = options.split_at_checked(4) {
            let code = self.order.u16([header[0], header[1]]);
            let length = usize::from(self.order.u16([header[2], header[3]]));
            let Some(value) = rest.get(..length) else { return };
            match (code, value) {
                (RESOLUTION, &[resolution]) => {
                    interface.units_per_second = units_per_second(resolution);
                }
                (OFFSET, value) if value.len() == 8 => {
                    let (high, low) = match self.order {
                        ByteOrder::Big => (0, 1),
                        ByteOrder::Little => (1, 0),
                    };
                    let word = |index| u64::from(self.order.u32_at(value, index));
                    interface.offset_s = (word(high) << 32 | word(low)).cast_signed();
                }
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }

    fn enhanced(&self, block: &BlockFrame<'a>, offset: usize) -> Result<Frame<'a>, Error> {
        const FIXED_BYTES: usize = 20;
        let Some((fixed, data)) = block.body.split_at_checked(FIXED_BYTES) else {
            let expected = "a packet block of at least 20 bytes";
            return Err(Error::Capture { expected, offset, got: block.body.len() });
        };
        let word = |index| self.order.u32_at(fixed, index);
        let interface = self.described(word(0), offset)?;
        let length = word(3) as usize;
        let Some(bytes) = data.get(..length) else {
            let expected = "as many bytes as the packet block says";
            return Err(Error::Capture { expected, offset, got: data.len() });
        };
        let units = u64::from(word(1)) << 32 | u64::from(word(2));
        Ok(Frame {
            offset: offset + 8 + FIXED_BYTES,
            time: Some(interface.time(units)),
            link_type: interface.link_type,
            bytes,
        })
    }

    fn simple(&self, block: &BlockFrame<'a>, offset: usize) -> Result<Frame<'a>, Error> {
        const FIXED_BYTES: usize = 4;
        let Some((fixed, data)) = block.body.split_at_checked(FIXED_BYTES) else {
            let expected = "a packet block of at least 4 bytes";
            return Err(Error::Capture { expected, offset, got: block.body.len() });
        };
        let interface = self.described(0, offset)?;
        // Padding, or less than the original where the capture cut it: UDP's own length decides.
        let length = data.len().min(self.order.u32_at(fixed, 0) as usize);
        Ok(Frame {
            offset: offset + 8 + FIXED_BYTES,
            time: None,
            link_type: interface.link_type,
            bytes: &data[..length],
        })
    }

    fn described(&self, number: u32, offset: usize) -> Result<Interface, Error> {
        let interface = self.interfaces.get(number as usize).copied();
        interface.ok_or(Error::Capture {
            expected: "a packet of an interface described before it",
            offset,
            got: number as usize,
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct BlockFrame<'a> {
    kind: u32,
    length: usize,
    body: &'a [u8],
}

/// Units in a second: a power of ten, or of two where the first bit is set. Finer than a 64-bit
/// number can count, and coarser than a second, is taken as the finest it can.
fn units_per_second(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 {
        10_u64.saturating_pow(exponent)
    } else {
        2_u64.saturating_pow(exponent)
    }
}

impl Interface {
    fn time(self, units: u64) -> Timestamp {
        const NANOS_PER_SECOND: i128 = 1_000_000_000;
        let per_second = i128::from(self.units_per_second);
        let nanos = i128::from(units) * NANOS_PER_SECOND / per_second
            + i128::from(self.offset_s) * NANOS_PER_SECOND;
        let clamped = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp::from_nanos(i64::try_from(clamped).expect("clamped to the range"))
    }
}
