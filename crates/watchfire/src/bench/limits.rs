//! What this machine can do at best, measured beside the nodes: disk, loopback, cryptography.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use log::SigningKey;
use serde_json::{Value, json};

use super::percentiles;
use crate::clock::instant;
use crate::error::Error;

/// Synced writes measured.
const SYNCS: usize = 400;
/// Bytes of one synced write.
const BLOCK_BYTES: usize = 4_096;
/// Round trips measured, after a tenth of that.
const ROUND_TRIPS: usize = 2_000;
/// Bytes of one message.
const MESSAGE_BYTES: usize = 256;
/// Repetitions of one operation of cryptography.
const REPETITIONS: u32 = 20_000;

/// Microseconds of cryptography on the sizes of one entry.
pub(super) struct Crypto {
    leaf_hash: f64,
    node_hash: f64,
    seal: f64,
    open: f64,
    sign: f64,
    verify: f64,
}

impl Crypto {
    /// On a leaf of `leaf_bytes` whose sealed body has `body_bytes`.
    pub(super) fn measure(leaf_bytes: usize, body_bytes: usize) -> Self {
        let leaf = vec![7_u8; leaf_bytes];
        let key = UnboundKey::new(&AES_256_GCM, &[3; 32]).expect("a key of 32 bytes");
        let key = LessSafeKey::new(key);
        let nonce = || Nonce::assume_unique_for_key([0; 12]);
        let header = [9_u8; 96];
        let seal = |body: &mut Vec<u8>| {
            body.clear();
            body.resize(body_bytes, 5);
            key.seal_in_place_append_tag(nonce(), Aad::from(header), body).expect("it is short");
        };
        let mut sealed = Vec::new();
        let sealing = each(REPETITIONS, || seal(&mut sealed));
        let mut opened = Vec::new();
        let opening = each(REPETITIONS, || {
            opened.clone_from(&sealed);
            key.open_in_place(nonce(), Aad::from(header), &mut opened).expect("it was sealed so");
        });
        let signing = SigningKey::from_seed([1; 32]);
        let signature = signing.sign(&leaf);
        Self {
            leaf_hash: each(REPETITIONS, || {
                black_box(digest(&SHA256, &leaf));
            }),
            node_hash: each(REPETITIONS, || {
                black_box(digest(&SHA256, &leaf[..65]));
            }),
            seal: sealing,
            open: opening,
            sign: each(REPETITIONS / 10, || {
                black_box(signing.sign(&leaf));
            }),
            verify: each(REPETITIONS / 10, || {
                assert!(signing.verifying_key().verify(&leaf, &signature));
            }),
        }
    }

    /// What one entry costs in hashing and sealing at its origin and at one partner: its leaf and one
    /// inner node of the tree at each, sealed once, opened once.
    pub(super) fn entry_us(&self) -> f64 {
        2.0 * (self.leaf_hash + self.node_hash) + self.seal + self.open
    }
}

/// Microseconds for each of `count` repetitions.
fn each(count: u32, mut act: impl FnMut()) -> f64 {
    let begun = instant();
    for _ in 0..count {
        act();
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// Times of writing one block in place in `folder` and making it durable.
pub(super) fn fdatasync(folder: &Path) -> Result<Vec<Duration>, Error> {
    let path = folder.join("fdatasync.bin");
    let fault = |error| Error::file("write", &path, error);
    let file: File =
        OpenOptions::new().create(true).truncate(true).write(true).open(&path).map_err(fault)?;
    file.write_all_at(&vec![0; 64 * BLOCK_BYTES], 0)
        .and_then(|()| file.sync_all())
        .map_err(fault)?;
    let mut times = Vec::with_capacity(SYNCS);
    for number in 0..SYNCS {
        let block = [number.to_le_bytes()[0]; BLOCK_BYTES];
        let begun = instant();
        file.write_all_at(&block, (number % 64 * BLOCK_BYTES) as u64)
            .and_then(|()| file.sync_data())
            .map_err(fault)?;
        times.push(begun.elapsed());
    }
    std::fs::remove_file(&path).ok();
    Ok(times)
}

/// Times of raw TCP ping-pong over loopback.
pub(super) fn round_trips() -> Result<Vec<Duration>, Error> {
    let all = ROUND_TRIPS + ROUND_TRIPS / 10;
    let fault = |error: std::io::Error| Error::input(error.to_string(), "check loopback");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut message = [0; MESSAGE_BYTES];
        for _ in 0..all {
            stream.read_exact(&mut message)?;
            stream.write_all(&message)?;
        }
        Ok(())
    });
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    let mut ping = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut message = [7; MESSAGE_BYTES];
        for number in 0..all {
            let begun = instant();
            stream.write_all(&message)?;
            stream.read_exact(&mut message)?;
            if number >= ROUND_TRIPS / 10 {
                times.push(begun.elapsed());
            }
        }
        Ok(())
    };
    ping().map_err(fault)?;
    echo.join().expect("the echo does not panic").map_err(fault)?;
    Ok(times)
}

/// The limits as they stand in a report.
pub(super) fn report(
    crypto: &Crypto,
    syncs: &mut [Duration],
    trips: &mut [Duration],
    leaf_bytes: usize,
    body_bytes: usize,
) -> Value {
    let per_second = syncs.len() as f64 / syncs.iter().sum::<Duration>().as_secs_f64();
    let round = |value: f64| (value * 1e3).round() / 1e3;
    json!({
        "fdatasync_us": percentiles(syncs),
        "fdatasync_per_s": per_second.round(),
        "raw_round_trip_us": percentiles(trips),
        "sha256_us": { "bytes": leaf_bytes, "each": round(crypto.leaf_hash) },
        "sha256_node_us": { "bytes": 65, "each": round(crypto.node_hash) },
        "aes_256_gcm_seal_us": { "bytes": body_bytes, "each": round(crypto.seal) },
        "aes_256_gcm_open_us": { "bytes": body_bytes, "each": round(crypto.open) },
        "ed25519_sign_us": { "bytes": leaf_bytes, "each": round(crypto.sign) },
        "ed25519_verify_us": { "bytes": leaf_bytes, "each": round(crypto.verify) },
        "hash_and_aead_per_entry_us": round(crypto.entry_us()),
    })
}
