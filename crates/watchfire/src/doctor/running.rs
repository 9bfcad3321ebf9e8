//! What a running node says of itself.

use base::NodeId;
use serde_json::Value;

use super::process::Life;
use super::{Check, State, Subject, all_or_faults};
use crate::client::Client;

/// A difference of clocks that makes a partner's statements come from the future: the node itself
/// finds fault with it.
const CLOCK_OFFSET_MS_MAX: f64 = 1_000.0 * base::limits::CLOCK_AHEAD_S_MAX as f64;
/// A difference that a synchronised clock does not have.
const CLOCK_OFFSET_MS_DOUBTFUL: f64 = 200.0;
/// Entries not yet held at the other end of a line that is up: what a busy node has under way.
const WAITING_ENTRIES_MAX: u64 = 10_000;

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The line to `peer` in a status.
pub(super) fn line_of(status: &Value, peer: NodeId) -> Option<&Value> {
    items(status, "lines").find(|line| word(line, "id") == peer.to_string())
}

pub(super) fn node(subject: &Subject) -> Vec<Check> {
    let config = subject.path.display();
    let seen = |found: String| Check::ok("node", found, "a node without degraded parts");
    let status = match &subject.life {
        Life::Stopped => return vec![seen("not running".to_owned())],
        Life::Running { status: Err(_), .. } if token_is_hidden(subject) => {
            return vec![
                seen("a control token that this user may not read".to_owned())
                    .warn("run the doctor as the node's user"),
            ];
        }
        Life::Running { status: Err(error), process } => {
            let process = process.map_or_else(|| "unknown".to_owned(), |one| one.to_string());
            return vec![
                seen(format!("process {process} runs and does not answer: {error}"))
                    .error("its loop may be stuck: look at its log, then restart it"),
            ];
        }
        Life::Running { status: Ok(status), .. } => status,
    };
    let process = subject.life.process();
    let process = process.map(|process| format!(", process {process}")).unwrap_or_default();
    let running = format!(
        "{} since {}{process}",
        word(&status["node"], "id"),
        word(&status["node"], "started")
    );
    if word(&status["node"], "id") != subject.config.node.to_string() {
        let found = format!("another node at `{}`: {running}", subject.config.url());
        return vec![
            seen(found).error(format!("give each node its own `http.listen` in `{config}`")),
        ];
    }
    if word(&status["node"], "state") == "ok" {
        return vec![seen(running)];
    }
    let notes: Vec<&str> = items(&status["node"], "notes").filter_map(Value::as_str).collect();
    let hint = format!("see the findings on the console: `watchfire login --config {config}`");
    vec![seen(format!("degraded: {}", notes.join("; "))).error(hint)]
}

/// Whether the node could be asked by its own user alone.
fn token_is_hidden(subject: &Subject) -> bool {
    let opened = std::fs::File::open(subject.config.control_token());
    opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Whether partners have the same charter in force.
pub(super) fn charter(subject: &Subject) -> Vec<Check> {
    if subject.life.status().is_none() {
        return Vec::new();
    }
    let expected = "the charter in force here at every node";
    let asked = Client::of(&subject.config).and_then(|client| client.get("/api/v1/charter"));
    let answer: Value = match asked {
        Ok(answer) => answer,
        Err(error) => return vec![Check::refused("charter at partners", &error, expected)],
    };
    let told = items(&answer, "nodes").filter(|node| !node["edition"].is_null());
    let others: Vec<String> = told
        .filter(|node| node["same"] == false)
        .map(|node| format!("{} has edition {}", word(node, "node"), node["edition"]))
        .collect();
    let seen = |found: String| Check::ok("charter at partners", found, expected);
    if others.is_empty() {
        return vec![seen("the same wherever it was told".to_owned())];
    }
    let hint = "`watchfire charter show` says who has what; the newer one passes over the lines";
    vec![seen(others.join(", ")).warn(hint)]
}

/// One check of each line of a running node, or one that says all are well.
fn each_line(
    subject: &Subject,
    well: Check,
    judge: impl Fn(&Value) -> Option<Check>,
) -> Vec<Check> {
    let Some(status) = subject.life.status() else { return Vec::new() };
    all_or_faults(well, items(status, "lines").filter_map(judge).collect())
}

pub(super) fn clocks(subject: &Subject) -> Vec<Check> {
    let well = Check::ok("clocks", "none differs", "partners' clocks that agree with this one");
    each_line(subject, well, clock)
}

fn clock(line: &Value) -> Option<Check> {
    let offset_ms = line["clock_offset_ms"].as_f64()?;
    let seen = Check::ok(
        format!("clock of {}", word(line, "id")),
        format!("{offset_ms:.0} ms off"),
        format!("a difference below {CLOCK_OFFSET_MS_DOUBTFUL:.0} ms"),
    );
    let hint = "compare both machines' clocks with a third; the check `time` is about this one";
    match offset_ms.abs() {
        off if off > CLOCK_OFFSET_MS_MAX => Some(seen.error(hint)),
        off if off > CLOCK_OFFSET_MS_DOUBTFUL => Some(seen.warn(hint)),
        _ => None,
    }
}

pub(super) fn waiting(subject: &Subject) -> Vec<Check> {
    let expected = format!("at most {WAITING_ENTRIES_MAX} entries that a partner does not hold");
    let well = Check::ok("entries waiting", "within the limit", &expected);
    each_line(subject, well, |line| waiting_on(line, &expected))
}

fn waiting_on(line: &Value, expected: &str) -> Option<Check> {
    let count = |lane: &Value, name: &str| lane[name].as_u64().unwrap_or_default();
    let lanes = items(line, "lanes");
    let waiting: u64 =
        lanes.map(|lane| count(lane, "sent").saturating_sub(count(lane, "held"))).sum();
    if waiting <= WAITING_ENTRIES_MAX {
        return None;
    }
    let peer = word(line, "id");
    let found = format!("{waiting} entries");
    let hint = format!("see the line to {peer}; `watchfire why ENTRY {peer}` tells of one entry");
    Some(Check::ok(format!("entries waiting for {peer}"), found, expected).warn(hint))
}

pub(super) fn incomplete(subject: &Subject) -> Vec<Check> {
    let well = Check::ok("incomplete logs", "none", "logs without gaps");
    each_line(subject, well, gaps)
}

fn gaps(line: &Value) -> Option<Check> {
    let number = |part: &Value, name: &str| part[name].as_u64().unwrap_or_default();
    let missing: Vec<String> = items(line, "lanes")
        .flat_map(|lane| {
            items(lane, "missing").map(|part| {
                let (from, to) = (number(part, "from"), number(part, "to"));
                format!("{} of {}", to.saturating_sub(from), word(lane, "lane"))
            })
        })
        .collect();
    if missing.is_empty() {
        return None;
    }
    let peer = word(line, "id");
    let found = format!("entries on their way: {}", missing.join(", "));
    let hint =
        format!("wait while the line to {peer} is up; until then an empty list is no all clear");
    Some(Check::ok(format!("logs of {peer}"), found, "logs without gaps").warn(hint))
}

/// What the last line check of each line found; one that was never tested is no fault.
pub(super) fn tested(subject: &Subject) -> Vec<Check> {
    let well = Check::ok(
        "tested lines",
        "nothing lost in the last `watchfire line-check` of any line, or none was made",
        "every test entry held",
    );
    each_line(subject, well, lost)
}

fn lost(line: &Value) -> Option<Check> {
    let check = &line["check"];
    let lost = check["lost"].as_u64().filter(|lost| *lost > 0)?;
    let partner = word(line, "partner");
    let found = format!("{lost} of {} lost, {}", check["sent"], word(check, "at"));
    let hint = format!("test again: `watchfire line-check {partner}`");
    let name = format!("tested line to {}", word(line, "id"));
    Some(Check::ok(name, found, "every test entry held").warn(hint))
}

/// What was read while the node started or stopped may be neither of one state nor of the other.
pub(super) fn unchanged(subject: &Subject) -> Vec<Check> {
    let now = Life::of(&subject.config);
    let same = matches!(
        (&subject.life, &now),
        (Life::Stopped, Life::Stopped) | (Life::Running { .. }, Life::Running { .. })
    ) && subject.life.process() == now.process();
    if same {
        return Vec::new();
    }
    let expected = "a node that runs or not, all the while";
    let seen = Check::ok("meanwhile", "it started or stopped during the checks", expected);
    let check = Check { state: State::Warning, ..seen };
    vec![check.warn("look again: `watchfire doctor`")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(check: Option<Check>) -> Option<(State, String)> {
        check.map(|check| (check.state, check.found))
    }

    #[test]
    fn lines_are_judged_by_what_the_node_says() {
        let at =
            |offset_ms: f64| state(clock(&json!({"id": "JPN-1", "clock_offset_ms": offset_ms})));
        assert_eq!(at(12.0), None);
        assert_eq!(at(-201.0), Some((State::Warning, "-201 ms off".to_owned())));
        assert_eq!(at(2_001.0), Some((State::Error, "2001 ms off".to_owned())));
        assert_eq!(state(clock(&json!({"id": "JPN-1", "clock_offset_ms": null}))), None);

        let lanes = |sent: u64, held: u64| {
            json!({"id": "JPN-1", "lanes": [
                {"lane": "flash", "sent": 7, "held": 7, "missing": []},
                {"lane": "routine", "sent": sent, "held": held, "missing": [{"from": 3, "to": 10}]},
            ]})
        };
        assert_eq!(state(waiting_on(&lanes(10_000, 0), "")), None);
        let found = Some((State::Warning, "10001 entries".to_owned()));
        assert_eq!(state(waiting_on(&lanes(10_001, 0), "")), found);
        let found = Some((State::Warning, "entries on their way: 7 of routine".to_owned()));
        assert_eq!(state(gaps(&lanes(1, 1))), found);
        assert_eq!(state(gaps(&json!({"id": "JPN-1", "lanes": []}))), None);

        let check =
            |lost: u64| json!({"id": "JPN-1", "check": {"sent": 10, "lost": lost, "at": "T"}});
        assert_eq!(state(lost(&check(0))), None);
        assert_eq!(state(lost(&json!({"id": "JPN-1", "check": null}))), None);
        let found = Some((State::Warning, "3 of 10 lost, T".to_owned()));
        assert_eq!(state(lost(&check(3))), found);
    }
}
