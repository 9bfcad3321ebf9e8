//! A federation in a folder of its own, its nodes as child processes, and a plain HTTP client.
//!
//! Nothing here sleeps for a result: waiting is polling with a bounded count, and running out of it
//! is a failure that says what was awaited and what was there.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// The view of all partners.
pub(crate) const EVERYONE: &str = "JPN+KOR+USA";
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);
/// Looks before giving up: 40 seconds, for a machine that is busy with other tests.
const POLLS_MAX: usize = 800;

/// Sizes by log.
pub(crate) type Cut = BTreeMap<String, u64>;

/// The binary under test.
pub(crate) fn watchfire() -> Command {
    Command::new(env!("CARGO_BIN_EXE_watchfire"))
}

/// A generator whose numbers follow from its seed (splitmix64, Steele et al., OOPSLA 2014).
pub(crate) struct Seeded(Cell<u64>);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut mixed = self.0.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A number from the environment, such as how many times to repeat.
pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("expected `{name}` as a number, got `{text}`"))
    })
}

/// The carrier of all lines under test: `WATCHFIRE_CARRIER`, or `tcp`. A whole run is made over each.
fn carrier() -> String {
    std::env::var("WATCHFIRE_CARRIER").unwrap_or_else(|_| "tcp".to_owned())
}

/// Looks until `look` gives something.
pub(crate) fn wait_for<T, S: Debug>(what: &str, mut look: impl FnMut() -> Result<T, S>) -> T {
    let mut last = None;
    for _ in 0..POLLS_MAX {
        match look() {
            Ok(found) => return found,
            Err(seen) => last = Some(seen),
        }
        std::thread::sleep(POLL);
    }
    panic!("expected {what}, last saw {last:#?}")
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The JSON object on the last line.
    pub(crate) fn json(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Runs a command of the binary to its end.
pub(crate) fn run<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Ended {
    let output =
        watchfire().args(arguments).stdin(Stdio::null()).output().expect("the binary runs");
    Ended {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The files of an exercise federation; removed when the test passed.
pub(crate) struct Federation {
    folder: PathBuf,
}

impl Federation {
    /// One node for each of KOR, JPN and USA, with calm intervals.
    pub(crate) fn new(name: &str) -> Self {
        Self::of(name, "JPN,KOR,USA", 1)
    }

    /// So many nodes for each of these partners.
    pub(crate) fn of(name: &str, partners: &str, nodes: u16) -> Self {
        Self::over(&carrier(), name, partners, nodes)
    }

    /// The usual three with more words for `charter init`.
    pub(crate) fn with(name: &str, more: &[&str]) -> Self {
        Self::made(&carrier(), name, ("JPN,KOR,USA", 1), more)
    }

    /// The same with all lines over this carrier.
    pub(crate) fn over(carrier: &str, name: &str, partners: &str, nodes: u16) -> Self {
        Self::made(carrier, name, (partners, nodes), &[])
    }

    fn made(carrier: &str, name: &str, (partners, nodes): (&str, u16), more: &[&str]) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        let count = nodes.to_string();
        let usual = [
            "charter".as_ref(),
            "init".as_ref(),
            folder.as_os_str(),
            "--exercise".as_ref(),
            name.as_ref(),
            "--partners".as_ref(),
            partners.as_ref(),
            "--nodes".as_ref(),
            count.as_ref(),
            "--carrier".as_ref(),
            carrier.as_ref(),
        ];
        let more: Vec<&std::ffi::OsStr> = more.iter().map(AsRef::as_ref).collect();
        let ended = run([&usual[..], &more].concat());
        assert!(ended.success, "{ended:#?}");
        let federation = Self { folder };
        for partner in partners.split(',') {
            for number in 1..=nodes {
                federation.edit_config(&format!("{partner}-{number}"), |text| {
                    text.replace("pulse_ms = 5000", "pulse_ms = 1000")
                        .replace("display_ms = 200", "display_ms = 500")
                });
            }
        }
        federation
    }

    pub(crate) fn home(&self, node: &str) -> PathBuf {
        self.folder.join(node)
    }

    pub(crate) fn config(&self, node: &str) -> PathBuf {
        self.home(node).join("node.toml")
    }

    pub(crate) fn data(&self, node: &str) -> PathBuf {
        self.home(node).join("data")
    }

    pub(crate) fn database(&self, node: &str) -> PathBuf {
        self.data(node).join("watchfire.sqlite")
    }

    pub(crate) fn edit_config(&self, node: &str, edit: impl FnOnce(&str) -> String) {
        let path = self.config(node);
        let text = std::fs::read_to_string(&path).expect("the configuration was made");
        std::fs::write(&path, edit(&text)).expect("the configuration can be written");
    }

    /// Where the partner's nodes reach this one.
    pub(crate) fn line_address(&self, node: &str) -> SocketAddr {
        let text = std::fs::read_to_string(self.config(node)).expect("the configuration was made");
        let lines = text.split("[lines]").nth(1).expect("there is a section of lines");
        let address = lines.split('"').nth(1).expect("the address is quoted");
        address.parse().expect("the address is one")
    }

    pub(crate) fn start(&self, node: &str) -> Node {
        self.start_as(node, watchfire())
    }

    /// Starts the node by `command`, which is the binary or something that becomes it.
    pub(crate) fn start_as(&self, node: &str, mut command: Command) -> Node {
        let config = self.config(node);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.home(node).join("stderr.txt"))
            .expect("the node's folder can be written");
        let mut child = command
            .args(["node", "--ready-json", "--stop-with-stdin", "--config"])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("its output is text");
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            child.wait().ok();
            panic!("`{node}` did not start: {}", self.stderr(node));
        };
        let token = std::fs::read_to_string(self.data(node).join("control-token"))
            .expect("a started node has a control token");
        Node { api: Api::new(ready["console"].as_str().expect("a console"), &token), child }
    }

    /// Starts all three.
    pub(crate) fn start_all(&self) -> [Node; 3] {
        ["JPN-1", "KOR-1", "USA-1"].map(|node| self.start(node))
    }

    /// What the node has said.
    pub(crate) fn stderr(&self, node: &str) -> String {
        std::fs::read_to_string(self.home(node).join("stderr.txt")).unwrap_or_default()
    }

    /// `watchfire fsck --json`.
    pub(crate) fn fsck(&self, node: &str) -> Value {
        let config = self.config(node);
        let ended =
            run(["fsck".as_ref(), "--json".as_ref(), "--config".as_ref(), config.as_os_str()]);
        assert!(ended.success, "{ended:#?}");
        ended.json()
    }

    /// Asserts that a cleanly stopped node's store has no fault.
    pub(crate) fn assert_clean(&self, node: &str) -> Value {
        let report = self.fsck(node);
        assert_eq!(report["faults"], json!([]), "{node}");
        assert_eq!(report["sealed"], true, "{node}: {report}");
        report
    }

    /// `watchfire replay --json`.
    pub(crate) fn replay(&self, node: &str, view: &str) -> Value {
        let config = self.config(node);
        let ended = run([
            "replay".as_ref(),
            "--json".as_ref(),
            "--view".as_ref(),
            view.as_ref(),
            "--config".as_ref(),
            config.as_os_str(),
        ]);
        assert!(ended.success, "{ended:#?}");
        ended.json()
    }
}

impl Drop for Federation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the federation's files are kept in {}", self.folder.display());
        } else {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// A running node; killed when dropped.
pub(crate) struct Node {
    pub(crate) api: Api,
    child: Child,
}

impl Node {
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(mut self) {
        self.kill_in_place();
    }

    /// The same, for a node that others still hold.
    pub(crate) fn kill_in_place(&mut self) {
        self.child.kill().expect("the node was running");
        self.child.wait().expect("the node can be waited for");
    }

    /// A clean stop.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("the node can be waited for");
        assert!(status.success(), "expected a clean stop, got {status}");
    }

    /// Whether the process still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An answer: its status, and its body as JSON where it is.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn good(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

/// A node's API, with a token.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    token: String,
    agent: ureq::Agent,
}

impl Api {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .build()
            .into();
        Self { url: url.to_owned(), token: token.to_owned(), agent }
    }

    /// The same node with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let url = format!("{}{path}", self.url);
        self.agent.get(url).header("Authorization", self.bearer()).call().and_then(read)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Posts bytes as they are.
    pub(crate) fn try_post(
        &self,
        path: &str,
        media: &str,
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        self.agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", self.bearer())
            .header("Content-Type", media)
            .send(body)
            .and_then(read)
    }

    /// Posts JSON as a part of a trace.
    pub(crate) fn post_traced(&self, path: &str, body: &Value, traceparent: &str) -> Answer {
        self.agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", self.bearer())
            .header("Content-Type", "application/json")
            .header("traceparent", traceparent)
            .send(body.to_string().as_bytes())
            .and_then(read)
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, "application/json", body.to_string().as_bytes())
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Appends, and gives the id of what was acknowledged.
    #[track_caller]
    pub(crate) fn append(&self, proposal: &Value) -> String {
        let answer = self.post("/api/v1/entries", proposal).good();
        assert_eq!(answer["state"], "reached", "{answer}");
        answer["entry"].as_str().expect("an entry has an id").to_owned()
    }

    pub(crate) fn status(&self) -> Value {
        self.get("/api/v1/status").good()
    }

    /// Entries held without gaps, by log.
    pub(crate) fn cut(&self) -> Cut {
        cut_of(&self.status())
    }

    /// The digest of a view at a cut.
    pub(crate) fn digest(&self, view: &str, cut: &Cut) -> Value {
        let pairs: Vec<String> = cut.iter().map(|(log, size)| format!("{log}={size}")).collect();
        let view = view.replace('+', "%2B");
        self.get(&format!("/api/v1/digest?view={view}&cut={}", pairs.join(","))).good()
    }

    /// The line to `peer`, as the status page shows it.
    pub(crate) fn line(&self, peer: &str) -> Value {
        let status = self.status();
        let mut lines = status["lines"].as_array().into_iter().flatten();
        lines.find(|line| line["id"] == peer).cloned().expect("the charter names the line")
    }

    /// The first thing the console's stream says: everything it shows in the view `own`.
    pub(crate) fn snapshot(&self) -> Value {
        let url = format!("{}/api/v1/stream?view=own", self.url);
        let mut response = self
            .agent
            .get(url)
            .header("Authorization", self.bearer())
            .call()
            .expect("the stream opens");
        let reader = response.body_mut().as_reader().take(64 * 1024 * 1024);
        for line in BufReader::new(reader).lines() {
            let line = line.expect("the stream is text");
            if let Some(data) = line.strip_prefix("data:") {
                return serde_json::from_str(data).expect("events are JSON");
            }
        }
        panic!("expected an event, got the end of the stream")
    }

    /// Whether a finding with all of `words` is shown; else what is shown.
    pub(crate) fn finding(&self, words: &[&str]) -> Result<Value, Vec<String>> {
        let snapshot = self.snapshot();
        let mut seen = Vec::new();
        for finding in snapshot["collections"]["findings"].as_object().into_iter().flatten() {
            let text = finding.1.to_string();
            if words.iter().all(|word| text.contains(word)) {
                return Ok(finding.1.clone());
            }
            seen.push(text);
        }
        Err(seen)
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(256 * 1024 * 1024).read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status, body })
}

/// Reads one post of JSON, answers it, and gives its body.
pub(crate) fn take_post(stream: impl Read + Write, path: &str, status: u16) -> Value {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request line");
    assert_eq!(line, format!("POST {path} HTTP/1.1\r\n"));
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a header");
        let header = line.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        assert!(!header.starts_with("authorization") && !header.starts_with("cookie"), "{header}");
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let stream = reader.get_mut();
    stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).expect("the node reads");
    serde_json::from_slice(&body).expect("what is posted is JSON")
}

/// A figure of the metrics page.
pub(crate) fn figure(node: &Node, name: &str) -> u64 {
    let page = node.api.get("/metrics").body;
    let page = page.as_str().expect("the page is text");
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("expected `{name}` in {page}")).parse().expect("a number")
}

/// Every file of a folder with its bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let read = |entry: std::fs::DirEntry| {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        (entry.file_name().to_string_lossy().into_owned(), bytes)
    };
    entries.map(|entry| read(entry.expect("an entry"))).collect()
}

/// The sizes in a status.
pub(crate) fn cut_of(status: &Value) -> Cut {
    serde_json::from_value(status["logs"].clone()).expect("sizes by log")
}

/// Waits until what stands in any node's logs now is held by all and every receipt is there; gives
/// that cut.
pub(crate) fn settle(nodes: &[&Api]) -> Cut {
    let mut target = Cut::new();
    for api in nodes {
        for (log, size) in api.cut() {
            let largest = target.entry(log).or_insert(0);
            *largest = size.max(*largest);
        }
    }
    wait_for("all nodes to hold the same with receipts complete", || {
        let statuses: Vec<Value> = nodes.iter().map(|api| api.status()).collect();
        let reached = statuses.iter().all(|status| {
            let held = cut_of(status);
            status["receipts_complete"] == true
                && target.iter().all(|(log, size)| held.get(log).is_some_and(|held| held >= size))
        });
        if reached { Ok(()) } else { Err((target.clone(), statuses)) }
    });
    target
}

/// Asserts that all nodes have one digest of the view at the cut; gives it.
#[track_caller]
pub(crate) fn assert_same_digest(nodes: &[&Api], view: &str, cut: &Cut) -> Value {
    let digests: Vec<Value> = nodes.iter().map(|api| api.digest(view, cut)).collect();
    for digest in &digests {
        assert_eq!(digest, &digests[0]);
    }
    digests[0].clone()
}

/// A scan of `sensor` with one plot of an aircraft on its way north, measured now.
pub(crate) fn scan(partner: &str, sensor: &str, number: u64) -> Value {
    let measured = now();
    let flown_deg = (measured.as_nanos() / 1_000_000 % 3_600_000) as f64 * 2.5e-6;
    json!({
        "sensor": {
            "id": sensor, "partner": partner, "kind": "geodetic", "position": null,
            "sigma_range_m": 100.0, "sigma_azimuth_deg": 1.0, "sigma_elevation_deg": 1.0,
            "pd": 0.9, "clutter": 0.0, "period_s": 1.0,
        },
        "scan": number,
        "measured": measured,
        "plots": [{ "offset_ns": 0, "report": { "geodetic": {
            "lat_deg": 36.0 + flown_deg, "lon_deg": 128.0, "height_m": 9_000.0, "sigma_m": 100.0,
        } } }],
    })
}

/// An append of that scan.
pub(crate) fn scan_proposal(partner: &str, sensor: &str, number: u64, audience: &str) -> Value {
    json!({
        "kind": "track.scan", "content": scan(partner, sensor, number),
        "audience": audience, "level": "local",
    })
}

/// Wall time, which is also the exercise's in these federations.
pub(crate) fn now() -> base::Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests stand outside the node, where the wall clock is"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).expect("the clock is past 1970");
    base::Timestamp::from_nanos(i64::try_from(since.as_nanos()).expect("the clock is before 2262"))
}
