//! Traces as a collector gets them: whole lives of batches, requests of callers with a trace, nothing of
//! what was said; and a collector that does not answer holds up nobody.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{EVERYONE, Federation, figure, scan_proposal, settle, take_post, wait_for};

/// Names a Python that has the protocol's own definitions.
const PYTHON: &str = "WATCHFIRE_OTLP_PYTHON";
/// The trace of a caller, and its span (W3C Trace Context, section 3.2).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector that keeps what it gets.
struct Collector {
    address: SocketAddr,
    posts: Arc<Mutex<Vec<Value>>>,
    status: Arc<AtomicU16>,
}

/// A span, and the node whose it is.
#[derive(Debug, Clone)]
struct Found {
    node: String,
    span: Value,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let posts: Arc<Mutex<Vec<Value>>> = Arc::default();
        let status = Arc::new(AtomicU16::new(200));
        let (kept, answer) = (Arc::clone(&posts), Arc::clone(&status));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let status = answer.load(Ordering::SeqCst);
                let post = take_post(stream.expect("a connection"), "/v1/traces", status);
                if status == 200 {
                    kept.lock().expect("no test panicked with it").push(post);
                }
            }
        });
        Self { address, posts, status }
    }

    fn posts(&self) -> Vec<Value> {
        self.posts.lock().expect("no test panicked with it").clone()
    }

    /// Every span so far.
    fn spans(&self) -> Vec<Found> {
        let mut all = Vec::new();
        for post in self.posts() {
            for resource in list(&post["resourceSpans"]) {
                let words = list(&resource["resource"]["attributes"]);
                let node = word(&words, "watchfire.node");
                for scope in list(&resource["scopeSpans"]) {
                    let spans = list(&scope["spans"]);
                    all.extend(spans.into_iter().map(|span| Found { node: node.clone(), span }));
                }
            }
        }
        all
    }

    /// The parts of the batch that `picks` at `node`, once there are at least these.
    fn life(
        &self,
        node: &str,
        picks: impl Fn(&Value) -> bool,
        parts: &[&str],
    ) -> (Value, Vec<Value>) {
        wait_for("the life of a batch", || {
            let spans = self.spans();
            let of_node = || spans.iter().filter(|found| found.node == node);
            let root = of_node().find(|found| found.span["name"] == "batch" && picks(&found.span));
            let Some(root) = root.map(|found| found.span.clone()) else { return Err(spans) };
            let children: Vec<Value> = of_node()
                .filter(|found| found.span["parentSpanId"] == root["spanId"])
                .map(|found| found.span.clone())
                .collect();
            let names: BTreeSet<&str> =
                children.iter().filter_map(|c| c["name"].as_str()).collect();
            if parts.iter().all(|part| names.contains(part)) {
                Ok((root, children))
            } else {
                Err(spans)
            }
        })
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The text of an attribute.
fn word(words: &[Value], key: &str) -> String {
    let found = words.iter().find(|word| word["key"] == key);
    let text = found.and_then(|word| word["value"]["stringValue"].as_str());
    text.unwrap_or_else(|| panic!("expected `{key}` in {words:?}")).to_owned()
}

fn nanos(span: &Value, end: &str) -> u64 {
    span[end].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{span:#}"))
}

fn traced(federation: &Federation, node: &str, collector: SocketAddr, more: &str) {
    federation.edit_config(node, |text| {
        format!("{text}\n[telemetry]\notlp = \"http://{collector}\"\n{more}\n")
    });
}

fn traceparent(sampled: bool) -> String {
    format!("00-{TRACE}-{CALLER}-{:02x}", u8::from(sampled))
}

/// An append that every partner is to hold.
fn proposal(number: u64) -> Value {
    let mut proposal = scan_proposal("KOR", "KOR-SECRET", number, EVERYONE);
    proposal["level"] = "all".into();
    proposal
}

#[test]
fn an_entry_is_followed_from_the_request_to_the_receipts() {
    let (federation, collector) = (Federation::new("traces"), Collector::start());
    for node in ["JPN-1", "KOR-1"] {
        traced(&federation, node, collector.address, "sample_ratio = 1");
    }
    let [japan, korea, usa] = federation.start_all();
    settle(&[&japan.api, &korea.api, &usa.api]);
    let answer = korea.api.post_traced("/api/v1/entries", &proposal(0), &traceparent(true)).good();
    assert_eq!(answer["state"], "reached", "{answer}");

    let of_caller = |span: &Value| span["traceId"] == TRACE;
    let own = ["seal", "commit", "fold", "send", "holds"];
    let (batch, parts) = collector.life("KOR-1", of_caller, &own);
    let spans = collector.spans();
    let named = |name: &str| {
        let found = spans.iter().find(|found| found.span["name"] == name && of_caller(&found.span));
        let found = found.unwrap_or_else(|| panic!("no `{name}` in {spans:#?}"));
        found.span.clone()
    };
    let (request, append) = (named("POST /api/v1/entries"), named("append"));
    assert_eq!((&request["parentSpanId"], &request["kind"]), (&json!(CALLER), &json!(2)));
    assert_eq!(append["parentSpanId"], request["spanId"]);
    assert_eq!(batch["parentSpanId"], append["spanId"]);
    assert_eq!(word(&list(&append["attributes"]), "watchfire.entry"), answer["entry"]);
    for name in ["send", "holds"] {
        let of_name = parts.iter().filter(|part| part["name"] == name);
        let peers: BTreeSet<String> =
            of_name.map(|part| word(&list(&part["attributes"]), "watchfire.peer")).collect();
        assert_eq!(peers, BTreeSet::from(["JPN-1".to_owned(), "USA-1".to_owned()]), "{name}");
    }
    for part in parts.iter().chain([&batch, &append, &request]) {
        assert!(nanos(part, "startTimeUnixNano") <= nanos(part, "endTimeUnixNano"), "{part:#}");
    }
    let begins = |name: &str| {
        let found = parts.iter().find(|part| part["name"] == name).expect("it is there");
        nanos(found, "startTimeUnixNano")
    };
    let order = ["seal", "commit", "send", "holds"].map(begins);
    assert!(order.is_sorted(), "{order:?}");

    // A partner gives the batch the same ids, though none crossed the line.
    let common = batch["links"][0]["traceId"].clone();
    let at_partner = ["verify", "store", "fold", "receipt"];
    let (received, _) = collector.life("JPN-1", |span| span["traceId"] == common, &at_partner);
    assert_eq!(received["kind"], 5);
    assert_eq!(received["links"][0], batch["links"][0]);

    let text = serde_json::to_string(&collector.posts()).expect("posts are JSON");
    for word in ["KOR-SECRET", "track.scan", EVERYONE, "content"] {
        assert!(!text.contains(word), "`{word}` left the node in a trace");
    }
    wait_for("spans to be counted", || {
        let sent = figure(&korea, "watchfire_telemetry_spans_total{outcome=\"sent\"}");
        if sent > 0 { Ok(()) } else { Err(sent) }
    });
    parse_with_the_protocols_own_definitions(&collector.posts());
    for node in [japan, korea, usa] {
        node.stop();
    }
}

/// Strictly, by the definitions that OpenTelemetry publishes.
fn parse_with_the_protocols_own_definitions(posts: &[Value]) {
    let Some(python) = std::env::var_os(PYTHON) else {
        println!(
            "SKIPPED: parsing traces by the protocol's definitions: `{PYTHON}` names no Python with them"
        );
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/federation/parse_otlp.py");
    let mut parser = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let input = parser.stdin.take().expect("its input is piped");
    serde_json::to_writer(input, posts).expect("the script reads");
    let output = parser.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counted: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let spans: usize = posts
        .iter()
        .flat_map(|post| list(&post["resourceSpans"]))
        .flat_map(|resource| list(&resource["scopeSpans"]))
        .map(|scope| list(&scope["spans"]).len())
        .sum();
    assert_eq!(counted["spans"], spans, "{counted}");
    assert_eq!(
        counted["kinds"],
        json!(["INTERNAL", "SERVER", "PRODUCER", "CONSUMER"]),
        "{counted}"
    );
}

#[test]
fn without_a_share_only_requests_that_their_caller_records_are() {
    let (federation, collector) = (Federation::new("traces-share"), Collector::start());
    traced(&federation, "KOR-1", collector.address, "sample_ratio = 0\naudiences = true");
    let [japan, korea, usa] = federation.start_all();
    settle(&[&japan.api, &korea.api, &usa.api]);
    korea.api.post("/api/v1/entries", &proposal(0)).good();
    korea.api.post_traced("/api/v1/entries", &proposal(1), &traceparent(false)).good();
    let last = korea.api.post_traced("/api/v1/entries", &proposal(2), &traceparent(true)).good();
    let (batch, _) = collector.life("KOR-1", |_| true, &["commit", "holds"]);
    let spans = collector.spans();
    assert!(spans.iter().all(|found| found.span["traceId"] == TRACE), "{spans:#?}");
    let appends: Vec<String> = spans
        .iter()
        .filter(|found| found.span["name"] == "append")
        .map(|found| word(&list(&found.span["attributes"]), "watchfire.entry"))
        .collect();
    assert_eq!(json!(appends), json!([last["entry"]]));
    let words = list(&batch["attributes"]);
    let audiences = words.iter().find(|word| word["key"] == "watchfire.audiences");
    let values = &audiences.expect("the setting names them")["value"]["arrayValue"]["values"];
    assert_eq!(*values, json!([{ "stringValue": EVERYONE }]));
    for node in [japan, korea, usa] {
        node.stop();
    }
}

#[test]
fn a_collector_that_fails_is_told_of_and_holds_up_nobody() {
    let (federation, collector) = (Federation::new("traces-fail"), Collector::start());
    collector.status.store(503, Ordering::SeqCst);
    traced(&federation, "KOR-1", collector.address, "sample_ratio = 1");
    let korea = federation.start("KOR-1");
    let told = wait_for("a finding", || {
        korea.api.append(&scan_proposal("KOR", "KOR-A", 0, EVERYONE));
        korea.api.finding(&["telemetry", "in a row were not taken", "503"])
    });
    assert_eq!(told["severity"], "warning", "{told}");
    assert!(figure(&korea, "watchfire_telemetry_spans_total{outcome=\"failed\"}") > 0);
    collector.status.store(200, Ordering::SeqCst);
    wait_for("traces to be taken again", || {
        korea.api.append(&scan_proposal("KOR", "KOR-A", 1, EVERYONE));
        korea.api.finding(&["telemetry", "are taken again"])
    });
    korea.stop();
}
