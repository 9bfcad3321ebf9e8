//! The dead man's switch outside: beats come while a node works, and stop when it does not.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::support::{
    EVERYONE, Federation, Node, figure, scan_proposal, take_post, wait_for, watchfire,
};

/// Where beats are posted.
const PATH: &str = "/alive/5f3a";
/// Between two beats in these tests.
const EVERY_S: u64 = 1;
/// The longest wait for a beat that is to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// Without a beat for this long there are none: a service would raise its alarm.
const SILENCE: Duration = Duration::from_secs(4 * EVERY_S);
/// Beats that may still come after the node stopped working: one under way, and those until the store's
/// next append fails.
const LAST_BEATS_MAX: usize = 5;

/// A service that takes beats.
struct Service {
    address: SocketAddr,
    beats: Receiver<Value>,
    /// What it answers.
    status: Arc<AtomicU16>,
    gone: Arc<AtomicBool>,
}

impl Service {
    fn start(address: SocketAddr) -> Self {
        Self::start_over(address, None)
    }

    /// The same over TLS, where there is a configuration for it.
    fn start_over(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("it is bound");
        let (heard, beats) = mpsc::channel();
        let (status, gone) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicBool::new(false)));
        let (answer, left) = (Arc::clone(&status), Arc::clone(&gone));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                if left.load(Ordering::SeqCst) {
                    return;
                }
                let status = answer.load(Ordering::SeqCst);
                match &tls {
                    None => drop(heard.send(take_post(stream, PATH, status))),
                    Some(tls) => {
                        let session = rustls::ServerConnection::new(Arc::clone(tls));
                        let session = session.expect("the configuration is sound");
                        let mut stream = rustls::StreamOwned::new(session, stream);
                        // A client that does not trust this service ends the handshake.
                        if stream.conn.complete_io(&mut stream.sock).is_ok() {
                            heard.send(take_post(stream, PATH, status)).ok();
                        }
                    }
                }
            }
        });
        Self { address, beats, status, gone }
    }

    fn next(&self) -> Value {
        self.beats.recv_timeout(PATIENCE).expect("a beat comes")
    }

    /// Waits until no beat has come for [`SILENCE`]; gives how many came before.
    #[track_caller]
    fn falls_silent(&self) -> usize {
        for count in 0..=LAST_BEATS_MAX {
            if self.beats.recv_timeout(SILENCE).is_err() {
                return count;
            }
        }
        panic!("expected silence after {LAST_BEATS_MAX} beats, got more");
    }

    /// Nobody listens any more.
    fn leave(self) -> SocketAddr {
        self.gone.store(true, Ordering::SeqCst);
        // Wakes the thread, which ends and closes the port with it.
        TcpStream::connect(self.address).ok();
        wait_for("the port to close", || match TcpStream::connect(self.address) {
            Ok(_) => Err("it takes connections"),
            Err(_) => Ok(()),
        });
        self.address
    }
}

/// A federation whose KOR-1 beats to a service that listens.
fn watched(name: &str) -> (Federation, Service) {
    let (federation, service) = (Federation::new(name), Service::start(any()));
    beat_to(&federation, service.address);
    (federation, service)
}

/// Has the node of KOR beat to `address`.
fn beat_to(federation: &Federation, address: SocketAddr) {
    federation.edit_config("KOR-1", |text| {
        format!(
            "{text}\n[heartbeat]\nurl = \"http://{address}{PATH}\"\nfile = \"beat.json\"\nevery_s = {EVERY_S}\n"
        )
    });
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Sends a signal by name.
fn signal(node: &Node, name: &str) {
    let sent = Command::new("kill").args([name, &node.process().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn beats_come_and_stop_with_the_node() {
    let (federation, service) = watched("heartbeat");
    let korea = federation.start("KOR-1");
    let beat = service.next();
    let names: BTreeSet<&str> =
        beat.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["edition", "node", "realm", "state", "time"]));
    assert_eq!(beat["edition"], 1);
    assert_eq!(beat["node"], "KOR-1");
    assert_eq!(beat["realm"], "exercise/heartbeat");
    // No partner runs.
    assert_eq!(beat["state"], "degraded");
    let time: base::Timestamp = beat["time"].as_str().and_then(|t| t.parse().ok()).expect("a time");
    let age = crate::support::now().since(time);
    assert!(age < base::TimeDelta::from_seconds(40), "{age:?}");

    let (japan, usa) = (federation.start("JPN-1"), federation.start("USA-1"));
    wait_for("a beat of a node without fault", || {
        let beat = service.next();
        if beat["state"] == "ok" { Ok(()) } else { Err(beat) }
    });
    let file = federation.home("KOR-1").join("beat.json");
    let written = std::fs::read_to_string(&file).expect("the file holds a beat");
    let written: Value = serde_json::from_str(&written).expect("a beat is JSON");
    assert_eq!((&written["node"], &written["edition"]), (&"KOR-1".into(), &1.into()));
    // A beat is counted once its answer came.
    wait_for("both beats to be counted", || {
        let sent = figure(&korea, "watchfire_heartbeat_sent_total");
        if sent >= 2 { Ok(()) } else { Err(sent) }
    });
    assert_eq!(figure(&korea, "watchfire_heartbeat_failures_in_a_row"), 0);

    // A process that is stopped says nothing, and goes on where it was.
    signal(&korea, "-STOP");
    println!("{} beats after it was stopped", service.falls_silent());
    signal(&korea, "-CONT");
    service.next();
    korea.stop();
    println!("{} beats after it ended", service.falls_silent());
    japan.stop();
    usa.stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn a_store_that_fails_silences_the_node() {
    let (federation, service) = watched("heartbeat-store");
    // A write beyond the limit is to fail rather than to end the process.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_watchfire")]);
    let korea = federation.start_as("KOR-1", command);
    let limit = |bytes: &str| {
        let (process, limit) = (korea.process().to_string(), format!("--fsize={bytes}:unlimited"));
        let set = Command::new("prlimit").args(["--pid", &process, &limit]).status();
        set.is_ok_and(|status| status.success())
    };
    if !limit("unlimited") {
        println!("SKIPPED: prlimit of util-linux is missing");
        return;
    }
    korea.api.append(&scan_proposal("KOR", "site-1", 0, EVERYONE));
    service.next();
    // Nothing of the store can grow, nor the file of beats be written anew.
    assert!(limit("1"));
    println!("{} beats after the store failed", service.falls_silent());
    let status = korea.api.status();
    assert_eq!(status["node"]["state"], "degraded", "{status}");
    assert!(figure(&korea, "watchfire_heartbeat_withheld_total") >= 1);

    assert!(limit("unlimited"));
    service.next();
    korea.api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    korea.stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn a_service_that_takes_no_beats_is_a_finding_and_holds_nobody_up() {
    let (federation, service) = watched("heartbeat-service");
    let korea = federation.start("KOR-1");
    service.next();
    service.status.store(500, Ordering::SeqCst);
    let words = ["heartbeats in a row were not taken", "expected status 200, got 500"];
    let finding = wait_for("a finding", || korea.api.finding(&words));
    assert_eq!(finding["severity"], "warning", "{finding}");
    // Whoever knows the whole address could speak for the node.
    assert!(!finding.to_string().contains("5f3a"), "{finding}");
    assert!(figure(&korea, "watchfire_heartbeat_failures_in_a_row") >= 3);
    service.status.store(200, Ordering::SeqCst);
    wait_for("a finding", || korea.api.finding(&["heartbeats are taken again"]));
    assert_eq!(figure(&korea, "watchfire_heartbeat_failures_in_a_row"), 0);

    let address = service.leave();
    wait_for("three failures", || match figure(&korea, "watchfire_heartbeat_failures_in_a_row") {
        3.. => Ok(()),
        few => Err(few),
    });
    korea.api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    let service = Service::start(address);
    service.next();
    korea.stop();
    federation.assert_clean("KOR-1");
}

/// Makes a certificate for 127.0.0.1 and its key; nothing without the program.
fn certificate(folder: &Path, name: &str) -> Option<(PathBuf, PathBuf)> {
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    let (settings, certificate, key) = (path("cnf"), path("pem"), path("key"));
    let text = "[req]\ndistinguished_name=name\nx509_extensions=extensions\nprompt=no\n\
                [name]\nCN=heartbeat\n\
                [extensions]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
    std::fs::write(&settings, text).expect("the folder can be written");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ed25519", "-noenc", "-days", "2", "-config"])
        .arg(&settings)
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .ok()?;
    assert!(made.status.success(), "{made:?}");
    Some((certificate, key))
}

#[test]
fn a_service_over_tls_is_trusted_by_its_certificate_alone() {
    let federation = Federation::new("heartbeat-tls");
    let home = federation.home("KOR-1");
    let (Some((own, key)), Some((other, _))) =
        (certificate(&home, "own"), certificate(&home, "other"))
    else {
        println!("SKIPPED: openssl is missing; it makes the certificates of this test");
        return;
    };
    let chain = CertificateDer::pem_file_iter(&own).expect("it was made");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(key).expect("it was made");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key is the certificate's");
    let service = Service::start_over(any(), Some(Arc::new(tls)));
    let address = service.address;
    let plain = std::fs::read_to_string(federation.config("KOR-1")).expect("it was made");
    let trusting = |authority: &Path| {
        format!(
            "{plain}\n[heartbeat]\nurl = \"https://{address}/alive/5f3a\"\nca = {:?}\nevery_s = {EVERY_S}\n",
            authority.file_name().expect("a file")
        )
    };
    federation.edit_config("KOR-1", |_| trusting(&other));
    let korea = federation.start("KOR-1");
    let finding = wait_for("a finding", || korea.api.finding(&["heartbeats", "not taken"]));
    println!("{}", finding["message"]);
    assert_eq!(figure(&korea, "watchfire_heartbeat_sent_total"), 0);
    korea.stop();
    assert!(service.beats.try_recv().is_err(), "nothing was told to a stranger");

    federation.edit_config("KOR-1", |_| trusting(&own));
    let korea = federation.start("KOR-1");
    assert_eq!(service.next()["node"], "KOR-1");
    korea.stop();
}

#[test]
fn a_heartbeat_to_nowhere_is_refused_at_the_start() {
    let federation = Federation::new("heartbeat-refused");
    federation.edit_config("KOR-1", |text| format!("{text}\n[heartbeat]\nevery_s = 1\n"));
    let config = federation.config("KOR-1");
    let ended = watchfire().args(["node", "--config"]).arg(config).output().expect("it runs");
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("expected `heartbeat.url` or `heartbeat.file`, got neither"), "{said}");
}
