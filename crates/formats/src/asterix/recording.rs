//! Recordings of ASTERIX: what framing a file has, and the datagrams inside it.
//!
//! Some surveillance networks put six bytes before every data block in a datagram: the length of both
//! (2) and a time of their own (4). They are recognised and taken off.
//!
//! A capture's frames that carry no UDP (ARP, TCP, …) are passed over and counted. Fragments of
//! larger datagrams are refused one by one: nothing is reassembled.

mod frame;
mod pcap;
mod pcapng;

use std::net::SocketAddr;

use base::Timestamp;

use crate::Error;

/// How a recording frames its datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Framing {
    /// Data blocks, one after the other.
    Raw,
    /// A capture file of libpcap.
    Pcap,
    /// A capture file of its successor.
    Pcapng,
    /// A recorder's file, usually named `.gps`: 2,200 bytes of header, then data blocks of which each
    /// is followed by ten bytes of the recorder's own.
    Gps,
}

/// Some data blocks that came together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where `payload` begins, in bytes from the start of the recording.
    pub offset: usize,
    /// When it was captured, where the recording says so.
    pub time: Option<Timestamp>,
    /// Where it was sent, where the recording says so.
    pub destination: Option<SocketAddr>,
    /// The data blocks.
    pub payload: &'a [u8],
}

/// Recognises the framing of `recording`.
pub fn open(recording: &[u8]) -> Result<Recording<'_>, Error> {
    let source = if let Some(reader) = pcap::Reader::open(recording)? {
        Source::Pcap(reader)
    } else if let Some(reader) = pcapng::Reader::open(recording) {
        Source::Pcapng(reader)
    } else if gps_blocks(recording).is_some_and(|end| end == recording.len()) {
        Source::Gps { recording, at: GPS_HEADER_BYTES }
    } else if recording.is_empty() || block_length(recording).is_some() {
        Source::Raw(Some(recording))
    } else {
        let start = recording.first_chunk().copied().unwrap_or_else(|| {
            std::array::from_fn(|i| recording.get(i).copied().unwrap_or_default())
        });
        return Err(Error::Framing { start });
    };
    Ok(Recording { source, prefixed: None, passed_over: 0 })
}

/// Iterator over the datagrams of a recording, made by [`open`].
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    source: Source<'a>,
    /// What is left of a datagram whose blocks have a prefix each.
    prefixed: Option<Datagram<'a>>,
    passed_over: u64,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Raw(Option<&'a [u8]>),
    Pcap(pcap::Reader<'a>),
    Pcapng(pcapng::Reader<'a>),
    Gps { recording: &'a [u8], at: usize },
}

impl Recording<'_> {
    /// How the datagrams are framed.
    pub const fn framing(&self) -> Framing {
        match self.source {
            Source::Raw(_) => Framing::Raw,
            Source::Pcap(_) => Framing::Pcap,
            Source::Pcapng(_) => Framing::Pcapng,
            Source::Gps { .. } => Framing::Gps,
        }
    }

    /// Frames so far that carried no UDP datagram.
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }
}

impl<'a> Recording<'a> {
    /// The first block of a datagram that [`is_prefixed`]; the others are kept for later.
    fn without_prefix(&mut self, datagram: Datagram<'a>) -> Datagram<'a> {
        let (first, rest) = datagram.payload.split_at(prefixed_length(datagram.payload));
        if !rest.is_empty() {
            let offset = datagram.offset + first.len();
            self.prefixed = Some(Datagram { offset, payload: rest, ..datagram });
        }
        let (offset, payload) = (datagram.offset + PREFIX_BYTES, &first[PREFIX_BYTES..]);
        Datagram { offset, payload, ..datagram }
    }
}

impl<'a> Iterator for Recording<'a> {
    type Item = Result<Datagram<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(rest) = self.prefixed.take() {
            return Some(Ok(self.without_prefix(rest)));
        }
        loop {
            let frame = match &mut self.source {
                Source::Raw(whole) => {
                    let payload = whole.take()?;
                    return Some(Ok(Datagram {
                        offset: 0,
                        time: None,
                        destination: None,
                        payload,
                    }));
                }
                Source::Gps { recording, at } => {
                    let offset = *at;
                    let length = block_length(&recording[offset..])?;
                    *at += length + GPS_TRAILER_BYTES;
                    let payload = &recording[offset..offset + length];
                    return Some(Ok(Datagram { offset, time: None, destination: None, payload }));
                }
                Source::Pcap(reader) => reader.next()?,
                Source::Pcapng(reader) => reader.next()?,
            };
            match frame.and_then(|frame| frame.datagram()) {
                Ok(None) => self.passed_over += 1,
                Ok(Some(datagram)) if is_prefixed(datagram.payload) => {
                    return Some(Ok(self.without_prefix(datagram)));
                }
                Ok(Some(datagram)) => return Some(Ok(datagram)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

const PREFIX_BYTES: usize = 6;

/// Whether `payload` is made of blocks with a prefix each, and not of plain ones.
fn is_prefixed(mut payload: &[u8]) -> bool {
    if payload.is_empty() || block_length(payload).is_some() {
        return false;
    }
    while !payload.is_empty() {
        let length = prefixed_length(payload);
        let fits = |block: &[u8]| block_length(block) == Some(block.len());
        if !payload.get(PREFIX_BYTES..length).is_some_and(fits) {
            return false;
        }
        payload = &payload[length..];
    }
    true
}

/// What the prefix says of the length of itself and its block; 0 without a prefix.
fn prefixed_length(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)))
}

const GPS_HEADER_BYTES: usize = 2_200;
const GPS_TRAILER_BYTES: usize = 10;

/// Length of the data block that begins `bytes`, if its header makes sense.
fn block_length(bytes: &[u8]) -> Option<usize> {
    let &[_, high, low] = bytes.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    (3..=bytes.len()).contains(&length).then_some(length)
}

/// Where the chain of blocks and trailers ends, if there is one.
fn gps_blocks(recording: &[u8]) -> Option<usize> {
    let mut at = GPS_HEADER_BYTES;
    while at < recording.len() {
        at += block_length(&recording[at..])? + GPS_TRAILER_BYTES;
    }
    Some(at)
}

/// Numbers in a capture's own byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    /// The `index`th 32-bit number of `bytes`, which must be long enough.
    fn u32_at(self, bytes: &[u8], index: usize) -> u32 {
        let word = bytes[4 * index..4 * index + 4].try_into().expect("four bytes");
        self.u32(word)
    }
}

#[cfg(test)]
mod tests;
