//! Bad input: refused with what was expected, what came and the mend; the node goes on and appends
//! nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base::limits;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Cut, EVERYONE, Federation, run, scan, scan_proposal, wait_for};

/// Sizes of the logs that statements go into; pulses go on by themselves.
fn stated(api: &Api) -> Cut {
    let mut cut = api.cut();
    cut.retain(|log, _| !log.contains(".flash."));
    cut
}

/// A refusal that names `words`, as an RFC 9457 problem.
fn assert_refused(name: &str, answer: &Answer, status: u16, words: &[&str]) {
    let problem = &answer.body;
    assert_eq!(answer.status, status, "{name}: {problem}");
    let text = format!("{} {}", problem["detail"].as_str().unwrap_or_default(), problem["hint"]);
    for word in words {
        assert!(text.contains(word), "{name}: expected `{word}` in {problem}");
    }
    assert_eq!(problem["status"], status, "{name}");
    assert!(problem["title"].is_string() && problem["type"].is_string(), "{name}: {problem}");
}

/// The proposal with the value at a path replaced.
fn with(path: &str, value: Value) -> Value {
    let mut proposal = scan_proposal("KOR", "site-1", 1, EVERYONE);
    *proposal.pointer_mut(path).expect("the path is in the proposal") = value;
    proposal
}

fn refused_proposals() -> Vec<(&'static str, Vec<u8>, u16, Vec<&'static str>)> {
    let json = |value: Value| value.to_string().into_bytes();
    let long = "x".repeat(65);
    let mut unknown = scan_proposal("KOR", "site-1", 1, EVERYONE);
    unknown["colour"] = json!("red");
    let nan = scan_proposal("KOR", "site-1", 1, EVERYONE).to_string().replace("9000.0", "NaN");
    let infinite =
        scan_proposal("KOR", "site-1", 1, EVERYONE).to_string().replace("9000.0", "1e999");
    let plot = "/content/plots/0/report/geodetic";
    vec![
        ("no JSON", b"{\"kind\":".to_vec(), 422, vec!["EOF", "openapi"]),
        ("empty", Vec::new(), 422, vec!["EOF", "openapi"]),
        ("an array", b"[]".to_vec(), 422, vec!["openapi"]),
        ("unknown key", json(unknown), 422, vec!["`colour`", "expected"]),
        ("NaN", nan.into_bytes(), 422, vec!["openapi"]),
        ("infinite", infinite.into_bytes(), 422, vec!["openapi"]),
        (
            "unknown kind",
            json(with("/kind", json!("track.scam"))),
            422,
            vec!["expected", "`track.scan`", "got `track.scam`"],
        ),
        ("an officer's act", json(with("/kind", json!("warning.release"))), 403, vec!["officer"]),
        (
            "a node's own kind",
            json(with("/kind", json!("log.pulse"))),
            422,
            vec!["got `log.pulse`"],
        ),
        (
            "another kind's content",
            json(with("/content", json!({"public_id": "T1"}))),
            422,
            vec!["expected"],
        ),
        (
            "latitude",
            json(with(&format!("{plot}/lat_deg"), json!(91.0))),
            422,
            vec!["`lat_deg` from -90 to 90", "got 91", "site-1"],
        ),
        (
            "sigma",
            json(with(&format!("{plot}/sigma_m"), json!(0.0))),
            422,
            vec!["`sigma_m`", "got 0"],
        ),
        (
            "text for a number",
            json(with(&format!("{plot}/lon_deg"), json!("east"))),
            422,
            vec!["east", "expected"],
        ),
        (
            "sensor id",
            json(with("/content/sensor/id", json!("a b\n"))),
            422,
            vec!["sensor id", "got `a b"],
        ),
        ("long sensor id", json(with("/content/sensor/id", json!(long))), 422, vec!["64"]),
        (
            "partner code",
            json(with("/content/sensor/partner", json!("kor"))),
            422,
            vec!["`kor`", "three capital"],
        ),
        (
            "time",
            json(with("/content/measured", json!("yesterday"))),
            422,
            vec!["RFC 3339", "`yesterday`"],
        ),
        (
            "an audience without us",
            json(with("/audience", json!("JPN+USA"))),
            422,
            vec!["own partner", "got `JPN+USA`"],
        ),
        (
            "an audience of strangers",
            json(with("/audience", json!("KOR+FRA"))),
            422,
            vec!["charter", "`FRA+KOR`"],
        ),
        ("no audience", json(with("/audience", json!("everyone"))), 422, vec!["`everyone`"]),
        ("level", json(with("/level", json!("soon"))), 422, vec!["`local`", "got `soon`"]),
        (
            "level above the audience",
            json(with("/level", json!("partners(3)"))),
            422,
            vec!["at most 2", "partners(3)"],
        ),
    ]
}

#[test]
fn bad_requests_are_refused_and_leave_nothing() {
    let federation = Federation::new("refusals");
    let korea = federation.start("KOR-1");
    let api = &korea.api;
    api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    let before = stated(api);
    let proposals = refused_proposals();
    for (name, body, status, words) in &proposals {
        let answer = api.try_post("/api/v1/entries", "application/json", body).expect(name);
        assert_refused(name, &answer, *status, words);
    }
    let precedence = api.post("/api/v1/entries", &with_precedence("urgent"));
    assert_refused("precedence", &precedence, 422, &["`flash`", "got `urgent`"]);
    let plot = scan("KOR", "site-1", 1)["plots"][0].clone();
    let mut crowded = scan_proposal("KOR", "site-1", 1, EVERYONE);
    crowded["content"]["plots"] = vec![plot; limits::SCAN_PLOTS_MAX + 1].into();
    let crowded = api.post("/api/v1/entries", &crowded);
    assert_refused("plots", &crowded, 422, &["0 to 5000 plots", "got 5001"]);
    assert_eq!(stated(api), before);
    println!("{} bodies refused, sizes unchanged", proposals.len() + 2);
    api.append(&scan_proposal("KOR", "site-1", 2, EVERYONE));
    korea.stop();
    federation.assert_clean("KOR-1");
}

fn with_precedence(text: &str) -> Value {
    let mut proposal = scan_proposal("KOR", "site-1", 1, EVERYONE);
    proposal["precedence"] = json!(text);
    proposal
}

#[test]
fn bad_feeds_and_strangers_are_refused() {
    let federation = Federation::new("strangers");
    let mut korea = federation.start("KOR-1");
    let api = korea.api.clone();
    let before = stated(&api);
    let post = |path: &str, body: &[u8]| {
        api.try_post(path, "application/octet-stream", body).expect("the node answers")
    };

    let huge = vec![b' '; limits::HTTP_BODY_BYTES_MAX + 1];
    for path in ["/api/v1/entries", "/api/v1/reports", "/api/v1/asterix"] {
        let answer = api.try_post(path, "application/json", &huge).expect("the node answers");
        assert_refused(path, &answer, 413, &["at most 8388608 bytes", "in parts"]);
    }
    let lines = post("/api/v1/reports", b"{\"edition\": 1}\nnot a scan\n");
    assert_refused(
        "scenario lines",
        &lines,
        422,
        &["line 1", "missing field `seed`", "begin with"],
    );
    let audience = post("/api/v1/asterix?audience=moon", b"");
    assert_refused("feed audience", &audience, 422, &["`moon`"]);
    for rubbish in
        [&[0xff; 300][..], &[48, 0, 200, 0xff, 0xff], &[48, 0, 2], &[0; 64], b"GET / HTTP/1.1"]
    {
        let answer = post("/api/v1/asterix", rubbish);
        if answer.status == 200 {
            assert_eq!(answer.body["appended"], 0, "{}", answer.body);
            let skipped = answer.body["skipped"].as_object().expect("reasons with counts");
            assert!(
                !skipped.is_empty(),
                "expected a reason why {rubbish:?} was not used: {}",
                answer.body
            );
        } else {
            assert_refused("ASTERIX rubbish", &answer, 422, &["expected"]);
        }
    }

    for token in ["", "wrong", &"0".repeat(64)] {
        for (path, body) in [("/api/v1/status", None), ("/api/v1/entries", Some(json!({})))] {
            let other = api.with_token(token);
            let answer = body.map_or_else(|| other.get(path), |body| other.post(path, &body));
            assert_refused(
                "token",
                &answer,
                401,
                &["expected a session cookie or a bearer token", "watchfire login"],
            );
        }
    }
    assert_refused("a used-up link", &api.get("/login?token=0"), 403, &["one-time link"]);
    assert_refused(
        "unknown domain",
        &api.get("/api/v1/picture/weather"),
        404,
        &["`track`", "`weather`"],
    );
    assert_refused("unknown view", &api.get("/api/v1/digest?view=MOON"), 422, &["`MOON`"]);
    assert_refused("bad cut", &api.get("/api/v1/digest?cut=x"), 422, &["LOG=SIZE", "got `x`"]);
    assert_refused("bad log", &api.get("/api/v1/entries?log=x"), 422, &["a log's name"]);

    assert!(korea.runs());
    assert_eq!(stated(&api), before);
    api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    korea.stop();
    federation.assert_clean("KOR-1");
}

/// Sends bytes to the line's port and waits until the node hangs up.
fn knock(federation: &Federation, bytes: &[u8]) {
    let mut socket =
        TcpStream::connect(federation.line_address("KOR-1")).expect("the node listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    socket.write_all(bytes).expect("the node reads");
    let mut answer = Vec::new();
    // A reset is a hang-up too.
    if let Err(error) = socket.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{bytes:?}");
    }
}

/// A TLS 1.3 client that shows no key.
fn hello_without_key(federation: &Federation) -> String {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"watchfire/1/exercise/line-port".to_vec()];
    let name = rustls::pki_types::ServerName::try_from("watchfire.invalid").expect("a name");
    let mut session =
        rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a session");
    let mut socket =
        TcpStream::connect(federation.line_address("KOR-1")).expect("the node listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let error = session.complete_io(&mut socket).expect_err("the handshake is refused");
    error.to_string()
}

#[test]
fn rubbish_on_the_line_port_is_turned_away() {
    let federation = Federation::new("line-port");
    let mut korea = federation.start("KOR-1");
    let api = korea.api.clone();
    let before = stated(&api);
    let rubbish: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 4_096],
        &[0xff; 4_096],
        b"\x16\x03\x01\x40\x01garbage",
        b"SSH-2.0-x\r\n",
    ];
    for bytes in rubbish {
        knock(&federation, bytes);
    }
    println!("a client without a key: {}", hello_without_key(&federation));
    wait_for("a finding that names the callers", || {
        api.finding(&["line from 127.0.0.1", "turned away", "charters"])
    });
    assert!(korea.runs());
    assert_eq!(stated(&api), before);

    // A partner still gets through.
    let usa = federation.start("USA-1");
    let entry = usa.api.append(&scan_proposal("USA", "site-2", 1, EVERYONE));
    wait_for("the partner's entry", || {
        let answer = api.get(&format!("/api/v1/entries/{entry}"));
        if answer.status == 200 { Ok(()) } else { Err(answer) }
    });
    korea.stop();
    usa.stop();
    federation.assert_clean("KOR-1");
}

/// Starting with files that are not right: exit status, message and mend.
fn assert_no_start(federation: &Federation, name: &str, words: &[&str]) {
    let config = federation.config("KOR-1");
    let ended = run([
        "node".as_ref(),
        "--stop-with-stdin".as_ref(),
        "--config".as_ref(),
        config.as_os_str(),
    ]);
    assert!(!ended.success, "{name}: {ended:?}");
    for word in words.iter().chain(&["hint:"]) {
        assert!(ended.stderr.contains(word), "{name}: expected `{word}` in {}", ended.stderr);
    }
    assert!(!federation.database("KOR-1").exists(), "{name}: nothing may be made");
}

#[test]
fn wrong_files_do_not_start() {
    let federation = Federation::new("wrong-files");
    let home = federation.home("KOR-1");
    let config = std::fs::read_to_string(federation.config("KOR-1")).expect("it was made");
    let charter = std::fs::read_to_string(home.join("charter.toml")).expect("it was made");
    let flipped = {
        // One letter of the first root's signature.
        let place =
            charter.rfind("signature").expect("a charter is signed") + "signature = \"".len() + 8;
        let other = if charter.as_bytes()[place] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &charter[..place], &charter[place + 1..])
    };
    let configurations = [
        (
            "unknown key",
            config.replace("data = ", "colour = \"red\"\ndata = "),
            vec!["`colour`", "expected one of"],
        ),
        ("missing key", config.replace("data = \"data\"\n", ""), vec!["missing field `data`"]),
        ("no TOML", "node = [".to_owned(), vec!["TOML"]),
        (
            "open to all",
            config.replacen("[http]\nlisten = \"127.0.0.1", "[http]\nlisten = \"0.0.0.0", 1),
            vec!["loopback", "got `0.0.0.0", "proxy"],
        ),
        (
            "another node",
            config.replace("node = \"KOR-1\"", "node = \"USA-1\""),
            vec!["`USA-1`", "`KOR-1`"],
        ),
        (
            "fast pulses",
            config.replace("pulse_ms = 1000", "pulse_ms = 1"),
            vec!["pulse_ms", "got 1"],
        ),
        (
            "another node's keys",
            config.replace("keys = \"node.keys\"", "keys = \"../USA-1/node.keys\""),
            vec!["expected the keys of `KOR-1`", "`USA-1`"],
        ),
        (
            "another node's TLS key",
            config.replace("\"tls.key\"", "\"../USA-1/tls.key\""),
            vec!["another TLS key for `KOR-1`"],
        ),
        (
            "absent charter",
            config.replace("charter.toml", "charter.xml"),
            vec!["could not read", "charter.xml"],
        ),
        (
            "keys that are none",
            config.replace("keys = \"node.keys\"", "keys = \"charter.toml\""),
            vec!["expected"],
        ),
    ];
    for (name, text, words) in &configurations {
        assert_ne!(text, &config, "{name}: the edit found nothing to replace");
        federation.edit_config("KOR-1", |_| text.clone());
        assert_no_start(&federation, name, words);
    }
    federation.edit_config("KOR-1", |_| config.clone());
    let charters = [
        ("a flipped signature", flipped, vec!["charter.toml", "signature"]),
        (
            "another realm",
            charter.replace("exercise/wrong-files", "operational"),
            vec!["charter.toml"],
        ),
        ("cut short", charter[..charter.len() / 2].to_owned(), vec!["charter.toml"]),
    ];
    for (name, text, words) in &charters {
        assert_ne!(text, &charter, "{name}: the edit found nothing to replace");
        std::fs::write(home.join("charter.toml"), text).expect("the file can be written");
        assert_no_start(&federation, name, words);
    }
    std::fs::write(home.join("charter.toml"), &charter).expect("the file can be written");
    federation.start("KOR-1").stop();
    federation.assert_clean("KOR-1");
}

#[test]
fn commands_refuse_what_cannot_be_right() {
    let federation = Federation::new("refused-commands");
    let folder = federation.home("other");
    let folder = folder.to_str().expect("a plain path");
    let twice = run(["charter", "init", folder, "--exercise", "x", "--partners", "JPN,KOR,KOR"]);
    assert!(!twice.success && twice.stderr.contains("each once, got `JPN,KOR,KOR`"), "{twice:#?}");
    let config = federation.config("JPN-1");
    let config = config.to_str().expect("a plain path");
    let view = run(["replay", "--config", config, "--view", "FOO"]);
    assert!(!view.success && view.stderr.contains("expected a view out of `own`"), "{view:#?}");
    let rubbish = run(["ingest", "asterix", config]);
    assert!(!rubbish.success, "{rubbish:#?}");
}

#[test]
fn scans_no_fold_would_take_are_not_appended_in_silence() {
    let federation = Federation::new("old-scans");
    let japan = federation.start("JPN-1");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/exercise-akita.jsonl");
    let config = federation.config("JPN-1");
    let sent = run(["ingest", "reports", file, "--config", config.to_str().expect("a plain path")]);
    assert!(sent.stderr.contains("appended 0 entries"), "{sent:#?}");
    assert!(sent.stderr.contains("a sensor of `KOR`; this is a node of `JPN`"), "{sent:#?}");
    assert!(sent.stderr.contains("measured more than 600 s before"), "{sent:#?}");
    japan.stop();
}
