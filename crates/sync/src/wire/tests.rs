use log::{Incarnation, Precedence};

use super::*;

fn log(number: u16, lane: Precedence) -> LogId {
    LogId {
        node: NodeId::new("KOR".parse().unwrap(), number).unwrap(),
        lane,
        incarnation: Incarnation([7; 16]),
    }
}

fn samples() -> Vec<Message> {
    let time = Timestamp::from_nanos;
    vec![
        Message::Hello(Hello {
            lowest: 1,
            highest: 2,
            node: "JPN-2".parse().unwrap(),
            process: [9; 16],
            connection: 3,
            charter_edition: 4,
            charter_hash: [5; 32],
            realm: "exercise/spring".parse().unwrap(),
            logs: vec![
                (log(1, Precedence::Flash), 12),
                (log(1, Precedence::Routine), 0),
                (log(2, Precedence::Flash), u64::MAX),
            ],
            islands: vec![
                (log(1, Precedence::Flash), 20, 30),
                (log(1, Precedence::Flash), 40, 40),
                (log(2, Precedence::Flash), 1, 2),
            ],
            later: b"later".to_vec(),
        }),
        Message::Batch { complete: true, batch: [1, 2, 3].into() },
        Message::Batch { complete: false, batch: [].into() },
        Message::Held { log: log(1, Precedence::Priority), size: 77 },
        Message::Want { log: log(1, Precedence::Immediate), from: 78 },
        Message::Cosigned {
            checkpoint: b"checkpoint".to_vec(),
            cosignatures: vec![vec![1], vec![2, 3]],
        },
        Message::Ping { sent: time(-1) },
        Message::Pong { sent: time(1), received: time(2), answered: time(3) },
        Message::Contested(b"proof".to_vec()),
        Message::Restate { log: log(3, Precedence::Flash) },
        Message::Jump(Jump {
            checkpoint: b"checkpoint".to_vec(),
            peaks: vec![[1; 32], [2; 32]],
            proof: vec![[3; 32]],
        }),
        Message::Above { log: log(1, Precedence::Routine), from: 7, to: 9 },
        Message::Batches { complete: true, batches: vec![[1, 2].into(), [3].into()] },
        Message::Standing(Standing {
            edition: 7,
            hash: [3; 32],
            rosters: BTreeMap::from([("JPN".parse().unwrap(), 2), ("KOR".parse().unwrap(), 11)]),
        }),
        Message::Charter("edition = 1\n".to_owned()),
        Message::Counts(vec![vec![1, 2], vec![3]]),
        Message::Relay(Relay {
            from: "JPN-1".parse().unwrap(),
            to: "KOR-2".parse().unwrap(),
            precedence: Precedence::Priority,
            part: RelayPart::Sealed,
            bytes: vec![7, 8],
        }),
    ]
}

#[test]
fn frames_round_trip() {
    for message in samples() {
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn the_layout_of_edition_1_is_fixed() {
    let held = Message::Held { log: log(1, Precedence::Flash), size: 258 }.encode();
    let mut expected = b"WFS\x01\x03KOR\x00\x01\x00".to_vec();
    expected.extend_from_slice(&[7; 16]);
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(held, expected);
}

#[test]
fn truncated_and_longer_frames_are_refused() {
    for message in samples() {
        let frame = message.encode();
        // Batches and proofs run to the end; their own layouts find a cut. A hello may be longer.
        let open = matches!(
            message,
            Message::Batch { .. }
                | Message::Contested(_)
                | Message::Hello(_)
                | Message::Charter(_)
                | Message::Relay(_)
        );
        let fixed = match message {
            Message::Hello(_) => frame.len() - 5,
            // After its first batch a frame of several is whole.
            Message::Batches { .. } => 12,
            Message::Relay(_) => 17,
            _ if open => 5,
            _ => frame.len(),
        };
        for cut in 0..fixed {
            assert!(Message::decode(&frame[..cut]).is_err(), "{message:?} cut at {cut}");
        }
        if !open {
            let longer = [frame.as_slice(), &[0]].concat();
            assert!(Message::decode(&longer).is_err(), "{message:?} with a byte more");
        }
    }
}

#[test]
fn other_editions_types_flags_and_orders_are_refused() {
    for bad in [
        &b"WFS\x02\x06\0\0\0\0\0\0\0\0"[..],
        b"WFS\x01\x00",
        b"WFS\x01\x7f",
        b"WFS\x01\x0c\x01",
        b"WFS\x01\x02\x02",
        b"WFS\x01\x0eJPN\x00\x01KOR\x00\x01\x04\x01",
        b"WFS\x01\x0eJPN\x00\x01KOR\x00\x01\x00\x04",
        b"",
    ] {
        assert!(Message::decode(bad).is_err(), "`{}` was taken", bad.escape_ascii());
    }
    let Message::Hello(mut hello) = samples().remove(0) else { unreachable!("a hello") };
    let mut other = hello.clone();
    other.islands.swap(0, 1);
    assert!(Message::decode(&Message::Hello(other).encode()).is_err());
    hello.logs.swap(0, 1);
    let error = Message::decode(&Message::Hello(hello).encode()).unwrap_err();
    assert!(error.to_string().contains("logs in order"), "{error}");
}

#[test]
fn no_flipped_byte_panics() {
    for message in samples() {
        let frame = message.encode();
        for at in 0..frame.len() {
            let mut other = frame.clone();
            other[at] ^= 0xff;
            if let Ok(read) = Message::decode(&other) {
                assert_ne!(read, message, "byte {at} does not count");
            }
        }
    }
}
