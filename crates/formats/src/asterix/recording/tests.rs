use super::*;

/// A data block of an unread category.
const BLOCK: &[u8] = &[62, 0, 5, 0xaa, 0xbb];
const TIME: &str = "2016-05-05T07:35:56.508910Z";

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[0x52, 0x84, 0x56, 0x73], length.as_slice(), &[0, 0], payload].concat()
}

/// An IPv4 packet with `options` to 232.1.1.31, fragment field as given.
fn ipv4(protocol: u8, fragment: u16, options: &[u8], body: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let length = u16::try_from(20 + options.len() + body.len()).unwrap().to_be_bytes();
    let [f1, f2] = fragment.to_be_bytes();
    let start = [0x40 | words, 0, length[0], length[1], 0, 0, f1, f2, 5, protocol, 0, 0];
    [start.as_slice(), &[10, 17, 58, 183, 232, 1, 1, 31], options, body].concat()
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let start = [0x60, 0, 0, 0, length[0], length[1], next, 5];
    let addresses = [[0xfe; 16], [0xff; 16]].concat();
    [start.as_slice(), &addresses, body].concat()
}

fn ethernet(kind: &[u8], body: &[u8]) -> Vec<u8> {
    // Short frames are filled up with zeros on the wire.
    [&[0; 12], kind, body, &[0; 9]].concat()
}

#[derive(Clone, Copy)]
struct Style {
    order: ByteOrder,
    nanos: bool,
}

impl Style {
    fn word(self, value: u32) -> [u8; 4] {
        match self.order {
            ByteOrder::Big => value.to_be_bytes(),
            ByteOrder::Little => value.to_le_bytes(),
        }
    }
}

const COMMON: Style = Style { order: ByteOrder::Little, nanos: false };

fn pcap(style: Style, link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let magic = if style.nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let header = [magic, 0, 0, 0, 65_535, link_type];
    let mut file: Vec<u8> = header.iter().flat_map(|&word| style.word(word)).collect();
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap();
        let fraction = if style.nanos { 508_910_000 } else { 508_910 };
        for word in [1_462_433_756, fraction, length, length] {
            file.extend(style.word(word));
        }
        file.extend(frame);
    }
    file
}

/// Reads the recording, which must hold `BLOCK` in each of `count` datagrams.
fn check(recording: &[u8], framing: Framing, count: usize, passed_over: u64, case: &str) {
    let mut datagrams = open(recording).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(datagrams.framing(), framing, "{case}");
    let mut found = 0;
    for datagram in datagrams.by_ref() {
        let datagram = datagram.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(datagram.payload, BLOCK, "{case}");
        assert_eq!(&recording[datagram.offset..][..BLOCK.len()], BLOCK, "{case}");
        found += 1;
    }
    assert_eq!((found, datagrams.passed_over()), (count, passed_over), "{case}");
}

#[test]
fn every_byte_order_and_resolution_of_pcap_gives_the_same_time() {
    let frame = ethernet(&[0x08, 0x00], &ipv4(17, 0x4000, &[], &udp(BLOCK)));
    for order in [ByteOrder::Big, ByteOrder::Little] {
        for nanos in [false, true] {
            let file = pcap(Style { order, nanos }, 1, &[frame.clone(), frame.clone()]);
            check(&file, Framing::Pcap, 2, 0, &format!("{order:?} {nanos}"));
            let first = open(&file).unwrap().next().unwrap().unwrap();
            assert_eq!(first.time, Some(TIME.parse().unwrap()));
            assert_eq!(first.destination, Some("232.1.1.31:22131".parse().unwrap()));
        }
    }
}

#[test]
fn every_way_down_to_udp_is_found() {
    let v4 = ipv4(17, 0, &[], &udp(BLOCK));
    let v6 = ipv6(17, &udp(BLOCK));
    let hop_by_hop = ipv6(0, &[&[17, 1], [0; 14].as_slice(), &udp(BLOCK)].concat());
    let whole_fragment = ipv6(44, &[&[17, 0, 0, 0, 1, 2, 3, 4], udp(BLOCK).as_slice()].concat());
    let cooked = |kind: [u8; 2], body: &[u8]| [&[0; 14], kind.as_slice(), body].concat();
    let cooked_2 = |kind: [u8; 2], body: &[u8]| [&kind, [0; 18].as_slice(), body].concat();
    for (case, link_type, frame) in [
        ("ethernet", 1, ethernet(&[0x08, 0x00], &v4)),
        ("ethernet with checksum", 0x1400_0001, ethernet(&[0x08, 0x00], &v4)),
        ("vlan", 1, ethernet(&[0x81, 0x00, 0, 5, 0x08, 0x00], &v4)),
        ("vlan in vlan", 1, ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6, 0x86, 0xdd], &v6)),
        ("ip options", 1, ethernet(&[0x08, 0x00], &ipv4(17, 0, &[1; 8], &udp(BLOCK)))),
        ("ipv6", 1, ethernet(&[0x86, 0xdd], &v6)),
        ("hop by hop", 1, ethernet(&[0x86, 0xdd], &hop_by_hop)),
        ("whole fragment", 101, whole_fragment),
        ("cooked", 113, cooked([0x08, 0x00], &v4)),
        ("cooked 2", 276, cooked_2([0x86, 0xdd], &v6)),
        ("raw", 101, v4.clone()),
        ("ipv4 alone", 228, v4.clone()),
        ("ipv6 alone", 229, v6.clone()),
        ("loopback", 0, [&[2, 0, 0, 0], v4.as_slice()].concat()),
    ] {
        check(&pcap(COMMON, link_type, &[frame]), Framing::Pcap, 1, 0, case);
    }
}

#[test]
fn frames_without_udp_are_counted_and_passed_over() {
    let frames = [
        ethernet(&[0x08, 0x06], &[0; 28]),
        ethernet(&[0x08, 0x00], &ipv4(6, 0, &[], &[0; 20])),
        ethernet(&[0x86, 0xdd], &ipv6(58, &[0; 8])),
        ethernet(&[0x00, 0x20], &[0xaa; 32]),
        ethernet(&[0x08, 0x00], &ipv4(17, 0, &[], &udp(BLOCK))),
        Vec::new(),
    ];
    check(&pcap(COMMON, 1, &frames), Framing::Pcap, 1, 5, "mixture");
}

#[test]
fn a_block_with_a_prefix_is_found_behind_it() {
    let prefixed = [&[0, 11, 2, 0xbb, 0x40, 0x35], BLOCK].concat().repeat(3);
    let frame = ethernet(&[0x08, 0x00], &ipv4(17, 0, &[], &udp(&prefixed)));
    check(&pcap(COMMON, 1, &[frame]), Framing::Pcap, 3, 0, "prefix");
}

#[test]
fn a_recorders_file_is_recognised_by_its_chain_of_blocks() {
    let mut file = vec![0xcd; GPS_HEADER_BYTES];
    for _ in 0..4 {
        file.extend(BLOCK);
        file.extend([0x11, 0xd2, 0x8f, 0x0a, 0, 0, 0, 1, 0x17, 0]);
    }
    check(&file, Framing::Gps, 4, 0, "recorder");
    check(BLOCK, Framing::Raw, 1, 0, "raw");
    assert!(open(&[]).unwrap().next().unwrap().unwrap().payload.is_empty());
}

/// Blocks of a pcapng file in `style`.
fn pcapng(style: Style, blocks: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for (kind, body) in blocks {
        let length = u32::try_from(body.len().next_multiple_of(4) + 12).unwrap();
        file.extend(style.word(*kind));
        file.extend(style.word(length));
        file.extend(body);
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend(style.word(length));
    }
    file
}

#[test]
fn sections_interfaces_and_resolutions_of_pcapng_are_kept_apart() {
    let frame = ethernet(&[0x08, 0x00], &ipv4(17, 0, &[], &udp(BLOCK)));
    let raw = ipv4(17, 0, &[], &udp(BLOCK));
    let mut file = Vec::new();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let style = Style { order, nanos: false };
        let half = |value: u16| match order {
            ByteOrder::Big => value.to_be_bytes(),
            ByteOrder::Little => value.to_le_bytes(),
        };
        let section = [style.word(0x1a2b_3c4d).as_slice(), &[0; 12]].concat();
        let micros = [half(1).as_slice(), &[0; 6]].concat();
        // Option 9, one byte: times in 2^-10 s; then the end of options.
        let (link, option, length) = (half(101), half(9), half(1));
        let binary = [&link, [0; 6].as_slice(), &option, &length, &[0x8a, 0, 0, 0, 0, 0, 0, 0]];
        let packet = |interface: u32, time: u64, bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap();
            let [high, low] = [time >> 32, time & 0xffff_ffff].map(|w| u32::try_from(w).unwrap());
            let words = [interface, high, low, length, length].map(|word| style.word(word));
            [words.as_flattened(), bytes].concat()
        };
        let simple = [style.word(u32::try_from(frame.len()).unwrap()).as_slice(), &frame].concat();
        file.extend(pcapng(
            style,
            &[
                (0x0a0d_0d0a, section),
                (1, micros),
                (1, binary.concat()),
                (5, vec![0; 12]),
                (6, packet(0, 1_462_433_756_508_910, &frame)),
                (6, packet(1, 1_462_433_756 << 10 | 512, &raw)),
                (3, simple),
            ],
        ));
    }
    check(&file, Framing::Pcapng, 6, 0, "pcapng");
    let times: Vec<_> = open(&file).unwrap().map(|datagram| datagram.unwrap().time).collect();
    let half_past = "2016-05-05T07:35:56.5Z".parse().unwrap();
    assert_eq!(times[..3], [Some(TIME.parse().unwrap()), Some(half_past), None]);
    assert_eq!(times[..3], times[3..]);
}

/// The one error that a recording of these frames gives.
fn check_refused(recording: &[u8], says: &str) {
    let error = match open(recording) {
        Err(error) => error,
        Ok(datagrams) => {
            let errors: Vec<_> = datagrams.filter_map(Result::err).collect();
            assert_eq!(errors.len(), 1, "{says}: {errors:?}");
            errors[0].clone()
        }
    };
    assert!(error.to_string().contains(says), "`{error}` is not `{says}`");
    assert!(!error.hint().is_empty());
}

#[test]
fn broken_recordings_are_refused_with_the_place() {
    let packet = ipv4(17, 0, &[], &udp(BLOCK));
    let good = pcap(COMMON, 101, std::slice::from_ref(&packet));
    let one = |frame: Vec<u8>| pcap(COMMON, 101, &[frame]);
    check_refused(b"GIF89a", "got one beginning with bytes [47, 49, 46, 38]");
    check_refused(b"0", "got one beginning with bytes [30, 00, 00, 00]");
    check_refused(&good[..20], "expected a capture header of 24 bytes at offset 0, got 20");
    check_refused(&good[..30], "expected a packet header of 16 bytes at offset 24, got 6");
    check_refused(&good[..good.len() - 1], "as many bytes as the packet header says at offset 24");
    let mut long = good.clone();
    long[34] = 9;
    check_refused(&long, "expected a packet of at most 262,144 bytes at offset 24, got 589");
    check_refused(&pcap(COMMON, 147, &[vec![0; 9]]), "at offset 40, got link type 147");
    check_refused(&one(ipv4(17, 0x2000, &[], &udp(BLOCK))), "at offset 40, got an IP fragment");
    check_refused(&one(ipv4(17, 0x0007, &[], &udp(BLOCK))), "at offset 40, got an IP fragment");
    check_refused(&one(ipv6(44, &[17, 0, 0, 1, 0, 0, 0, 0])), "got an IP fragment");
    check_refused(&one(packet[..packet.len() - 2].to_vec()), "expected a whole IPv4 packet");
    check_refused(&one(packet[..15].to_vec()), "expected an IPv4 header of 20 bytes");
    check_refused(&one(ipv6(17, &udp(BLOCK))[..30].to_vec()), "expected an IPv6 header of 40");
    check_refused(&one(ipv6(0, &[17, 9])), "expected a whole IPv6 extension header");
    check_refused(&one(ipv4(17, 0, &[], &udp(BLOCK)[..7])), "expected a UDP header of 8 bytes");
    check_refused(&one(ipv4(17, 0, &[], &udp(BLOCK)[..10])), "expected a whole UDP datagram");
    let section = [COMMON.word(0x1a2b_3c4d).as_slice(), &[0; 12]].concat();
    let orphan = pcapng(COMMON, &[(0x0a0d_0d0a, section.clone()), (6, vec![0; 20])]);
    check_refused(&orphan, "a packet of an interface described before it at offset 28, got 0");
    check_refused(&orphan[..40], "as many bytes as the capture block says at offset 28");
    check_refused(&pcapng(COMMON, &[(0x0a0d_0d0a, vec![0; 16])]), "a byte-order mark");
}

#[test]
fn mutated_recordings_never_panic() {
    let v4 = ethernet(&[0x08, 0x00], &ipv4(17, 0, &[1; 4], &udp(BLOCK)));
    let v6 = ethernet(
        &[0x81, 0, 0, 1, 0x86, 0xdd],
        &ipv6(0, &[&[17, 0, 0, 0, 0, 0, 0, 0], udp(BLOCK).as_slice()].concat()),
    );
    let section = [COMMON.word(0x1a2b_3c4d).as_slice(), &[0; 12]].concat();
    let simple = [COMMON.word(u32::try_from(v4.len()).unwrap()).as_slice(), &v4].concat();
    let interface =
        vec![1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 6, 0, 0, 0, 14, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let seeds = [
        pcap(COMMON, 1, &[v4, v6]),
        pcapng(COMMON, &[(0x0a0d_0d0a, section), (1, interface), (3, simple.clone()), (6, simple)]),
    ];
    let mut state: u64 = 11;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let mut datagrams = 0;
    for round in 0..40_000 {
        let mut bytes = seeds[round % 2].clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            bytes[at] = u8::try_from(next(256)).unwrap();
        }
        let cut = if round % 4 == 0 { next(bytes.len()) } else { bytes.len() };
        let Ok(recording) = open(&bytes[..cut]) else { continue };
        for datagram in recording.flatten() {
            let end = datagram.offset + datagram.payload.len();
            assert_eq!(&bytes[datagram.offset..end], datagram.payload);
            datagrams += 1;
        }
    }
    assert!(datagrams > 10_000, "only {datagrams} datagrams, the loop tests little");
}
