//! From a captured frame down to its UDP datagram.
//!
//! Sources: IEEE 802.3 and 802.1Q, the link-type registry of tcpdump.org, RFC 791, 8200 and 768.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base::Timestamp;

use super::Datagram;
use crate::Error;

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// Where `bytes` begin in the recording.
    pub(super) offset: usize,
    pub(super) time: Option<Timestamp>,
    /// As the registry numbers them.
    pub(super) link_type: u32,
    pub(super) bytes: &'a [u8],
}

/// A part of the recording.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    offset: usize,
    bytes: &'a [u8],
}

impl Part<'_> {
    fn get(self, from: usize, to: usize) -> Option<Self> {
        let bytes = self.bytes.get(from..to)?;
        Some(Self { offset: self.offset + from, bytes })
    }

    fn after(self, count: usize) -> Option<Self> {
        self.get(count, self.bytes.len())
    }
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_UDP: u8 = 17;

impl<'a> Frame<'a> {
    /// The UDP datagram inside, or `None` if there is something else.
    pub(super) fn datagram(&self) -> Result<Option<Datagram<'a>>, Error> {
        let Some(packet) = self.network()? else { return Ok(None) };
        let parsed = match packet.bytes.first().map(|byte| byte >> 4) {
            Some(4) => ipv4(packet)?,
            Some(6) => ipv6(packet)?,
            _ => None,
        };
        let Some((address, segment)) = parsed else { return Ok(None) };
        let (port, payload) = udp(segment)?;
        Ok(Some(Datagram {
            offset: payload.offset,
            time: self.time,
            destination: Some(SocketAddr::new(address, port)),
            payload: payload.bytes,
        }))
    }

    /// The network layer's packet, or `None` if it is not IP.
    fn network(&self) -> Result<Option<Part<'a>>, Error> {
        // Numbers of link types, and how many bytes they put before the packet.
        const NULL: u32 = 0;
        const ETHERNET: u32 = 1;
        const RAW: [u32; 5] = [12, 14, 101, 228, 229];
        const LOOP: u32 = 108;
        const COOKED: u32 = 113;
        const COOKED_2: u32 = 276;
        let whole = Part { offset: self.offset, bytes: self.bytes };
        Ok(match self.link_type {
            ETHERNET => after_ethertype(whole, 12),
            COOKED => after_ethertype(whole, 14),
            COOKED_2 => match self.bytes.first_chunk() {
                Some(kind) if is_ip(u16::from_be_bytes(*kind)) => whole.after(20),
                _ => None,
            },
            NULL | LOOP => whole.after(4),
            other if RAW.contains(&other) => Some(whole),
            other => return Err(Error::LinkType { offset: self.offset, got: other }),
        })
    }
}

/// What follows the Ethernet type at byte `at`, past any VLAN tags, if it is IP.
fn after_ethertype(frame: Part<'_>, mut at: usize) -> Option<Part<'_>> {
    const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
    const TAGS_MAX: usize = 4;
    for _ in 0..=TAGS_MAX {
        let kind = u16::from_be_bytes(*frame.bytes.get(at..)?.first_chunk()?);
        if !TAGS.contains(&kind) {
            return if is_ip(kind) { frame.after(at + 2) } else { None };
        }
        at += 4;
    }
    None
}

/// The destination and the UDP segment of an IPv4 packet, or `None` if it carries something else.
fn ipv4(packet: Part<'_>) -> Result<Option<(IpAddr, Part<'_>)>, Error> {
    const HEADER_BYTES_MIN: usize = 20;
    let Some(header) = packet.bytes.first_chunk::<HEADER_BYTES_MIN>() else {
        return Err(cut(packet, "an IPv4 header of 20 bytes"));
    };
    if header[9] != PROTOCOL_UDP {
        return Ok(None);
    }
    // More fragments, or an offset.
    if u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0 {
        return Err(Error::Fragment { offset: packet.offset });
    }
    let header_length = usize::from(header[0] & 0x0f) * 4;
    // Zero where the network card cut the packet after the capture: then all of it is meant.
    let length = match usize::from(u16::from_be_bytes([header[2], header[3]])) {
        0 => packet.bytes.len(),
        length => length,
    };
    if header_length < HEADER_BYTES_MIN {
        return Err(cut(packet, "an IPv4 header length of 20 bytes or more"));
    }
    let segment = packet.get(header_length, length);
    let segment = segment.ok_or_else(|| cut(packet, "a whole IPv4 packet"))?;
    let [.., a, b, c, d] = *header;
    Ok(Some((Ipv4Addr::new(a, b, c, d).into(), segment)))
}

/// The destination and the UDP segment of an IPv6 packet, or `None` if it carries something else.
fn ipv6(packet: Part<'_>) -> Result<Option<(IpAddr, Part<'_>)>, Error> {
    const HEADER_BYTES: usize = 40;
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const DESTINATION: u8 = 60;
    const EXTENSIONS_MAX: usize = 8;
    let Some(header) = packet.bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(cut(packet, "an IPv6 header of 40 bytes"));
    };
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let Some(mut rest) = packet.get(HEADER_BYTES, HEADER_BYTES + length) else {
        return Err(cut(packet, "a whole IPv6 packet"));
    };
    let address: [u8; 16] = header[24..].try_into().expect("the last 16 bytes of 40");
    let mut next = header[6];
    for _ in 0..EXTENSIONS_MAX {
        let extension_length = match (next, rest.bytes) {
            (PROTOCOL_UDP, _) => return Ok(Some((Ipv6Addr::from(address).into(), rest))),
            (FRAGMENT, [_, _, high, low, ..]) => {
                // An offset, or more fragments; the two bits between are spare.
                if u16::from_be_bytes([*high, *low]) & 0xfff9 != 0 {
                    return Err(Error::Fragment { offset: packet.offset });
                }
                8
            }
            (HOP_BY_HOP | ROUTING | DESTINATION, [_, units, ..]) => 8 + usize::from(*units) * 8,
            _ => return Ok(None),
        };
        next = rest.bytes[0];
        let further = rest.after(extension_length);
        rest = further.ok_or_else(|| cut(rest, "a whole IPv6 extension header"))?;
    }
    Ok(None)
}

/// The destination port and the payload of a UDP segment.
fn udp(segment: Part<'_>) -> Result<(u16, Part<'_>), Error> {
    const HEADER_BYTES: usize = 8;
    let Some(header) = segment.bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(cut(segment, "a UDP header of 8 bytes"));
    };
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = segment.get(HEADER_BYTES, length);
    let payload = payload.ok_or_else(|| cut(segment, "a whole UDP datagram"))?;
    Ok((u16::from_be_bytes([header[2], header[3]]), payload))
}

fn cut(part: Part<'_>, expected: &'static str) -> Error {
    Error::Capture { expected, offset: part.offset, got: part.bytes.len() }
}

const fn is_ip(kind: u16) -> bool {
    matches!(kind, ETHERTYPE_IPV4 | ETHERTYPE_IPV6)
}
