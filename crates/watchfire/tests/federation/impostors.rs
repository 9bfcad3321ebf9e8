//! Callers on the line's port who speak TLS: strangers, partners of another exercise, and a partner's
//! own key in the hands of somebody who sends rubbish.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::limits;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::support::{Api, EVERYONE, Federation, scan_proposal, wait_for};

/// A caller does not care whom it speaks to.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A connection to Korea's node with the TLS key in a file, in a realm.
fn connect(federation: &Federation, key: &Path, realm: &str) -> Connection {
    let key = std::fs::read(key).expect("the key was made");
    let key =
        aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key)).expect("an Ed25519 key");
    let public = key.public_key().expect("with its public half").as_ref().to_vec();
    let identity = Arc::new(CertifiedKey::new(vec![CertificateDer::from(public)], key));
    let resolver = rustls::client::AlwaysResolvesClientRawPublicKeys::new(identity);
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![format!("watchfire/1/{realm}").into_bytes()];
    let name = ServerName::try_from("watchfire.invalid").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let socket = TcpStream::connect(federation.line_address("KOR-1")).expect("the node listens");
    socket.set_read_timeout(Some(Duration::from_secs(25))).expect("a timeout can be set");
    StreamOwned::new(session, socket)
}

/// Sends `bytes` over a connection and reads until the node hangs up. How it ended, and how many bytes
/// the node had sent.
fn send(mut tls: Connection, bytes: &[u8]) -> (String, usize) {
    let mut answer = Vec::new();
    let ended = tls
        .write_all(bytes)
        .and_then(|()| tls.flush())
        .and_then(|()| tls.read_to_end(&mut answer).map(|_| ()));
    let ended = match ended {
        Ok(()) => "closed".to_owned(),
        Err(error) => {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the node did not hang up");
            error.to_string()
        }
    };
    (ended, answer.len())
}

/// Calls with one connection.
fn call(federation: &Federation, key: &Path, realm: &str, bytes: &[u8]) -> (String, usize) {
    send(connect(federation, key, realm), bytes)
}

/// Calls as a partner's carrier does, a connection for each lane, and sends `bytes` in the first.
fn call_whole(federation: &Federation, key: &Path, realm: &str, bytes: &[u8]) -> String {
    let open = |lane: u8| {
        let mut connection = connect(federation, key, realm);
        let greeting = [&[lane][..], &[9; 16]].concat();
        connection.write_all(&greeting).and_then(|()| connection.flush()).expect("a greeting");
        connection
    };
    let [first, _second, _third, _fourth] = [0, 1, 2, 3].map(open);
    send(first, bytes).0
}

/// The first unit of lane 0 with this content, as the pacer frames it.
fn unit(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short unit").to_be_bytes();
    [&[0, 0, 0][..], &length, content].concat()
}

fn frame(length: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], body].concat()
}

fn await_finding(api: &Api, words: &[&str]) {
    wait_for("a finding", || api.finding(words));
}

#[test]
fn callers_who_are_not_partners_here_are_turned_away() {
    let federation = Federation::new("impostors");
    let elsewhere = Federation::new("elsewhere");
    let mut korea = federation.start("KOR-1");
    let api = korea.api.clone();
    let realm = "exercise/impostors";

    let stranger = elsewhere.home("JPN-1").join("tls.key");
    let (ended, received) = call(&federation, &stranger, realm, b"\0\0\0\x01x");
    assert_eq!(received, 0, "a stranger was told something: {ended}");
    println!("a key of another charter: {ended}");
    let partner = federation.home("JPN-1").join("tls.key");
    for other in ["operational", "exercise/elsewhere"] {
        let (ended, received) = call(&federation, &partner, other, b"\0\0\0\x01x");
        assert_eq!(received, 0, "{other} was told something: {ended}");
        println!("a partner's key in `{other}`: {ended}");
    }
    let own = federation.home("KOR-1").join("tls.key");
    let (ended, received) = call(&federation, &own, realm, b"\0\0\0\x01x");
    assert_eq!(received, 0, "our own key was told something: {ended}");
    await_finding(&api, &["line from 127.0.0.1", "turned away"]);
    await_finding(&api, &["no line from `KOR-1` to `KOR-1`"]);

    assert!(korea.runs());
    let logs = api.cut();
    assert!(logs.keys().all(|log| log.starts_with("KOR-1.flash.")), "only own pulses: {logs:?}");
    korea.stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn rubbish_under_a_partners_key_closes_the_line_and_nothing_else() {
    let federation = Federation::new("rubbish");
    let mut korea = federation.start("KOR-1");
    let api = korea.api.clone();
    let partner = federation.home("JPN-1").join("tls.key");
    let huge = u32::try_from(limits::FRAME_BYTES_MAX + 1).expect("a frame's length fits");
    let rubbish = [
        ("a frame of nothing", unit(&frame(0, b""))),
        ("an absurd length", unit(&frame(u32::MAX, b"x"))),
        ("one byte too long", unit(&frame(huge, b"x"))),
        ("an unknown message", unit(&frame(1, &[0xee]))),
        ("a unit of nothing", unit(b"")),
        ("a text", b"GET / HTTP/1.1\r\n".to_vec()),
        ("an acknowledgement of what was never sent", vec![0x40, 0x70, 0, 0, 0, 0, 0]),
    ];
    let (ended, _) = call(&federation, &partner, "exercise/rubbish", &[0; 17]);
    println!("one lane alone: {ended}");
    await_finding(&api, &["JPN-1", "a connection for each of 4 lanes"]);
    for (name, bytes) in &rubbish {
        let ended = call_whole(&federation, &partner, "exercise/rubbish", bytes);
        println!("{name}: {ended}");
        assert!(korea.runs(), "{name}");
    }
    await_finding(&api, &["JPN-1", "expected"]);

    // The partner itself gets through afterwards, with everything.
    let japan = federation.start("JPN-1");
    let entry = japan.api.append(&scan_proposal("JPN", "site-2", 1, EVERYONE));
    wait_for("the partner's entry", || {
        let answer = api.get(&format!("/api/v1/entries/{entry}"));
        if answer.status == 200 { Ok(()) } else { Err(answer) }
    });
    korea.stop();
    japan.stop();
    federation.assert_clean("KOR-1");
}
