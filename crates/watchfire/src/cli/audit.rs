//! `audit`: fetches a node's logs as an outsider and verifies all of them.
//!
//! Of each log: the checkpoint's signature and every cosignature against the charter, how it stands to the
//! checkpoint verified last time, every tile recomputed up to the signed root and through the old one.

use std::path::PathBuf;

use log::{Charter, CosignatureKind, CosignedCheckpoint, LogId, Progress, TileAudit};
use serde::Serialize;
use serde_json::json;

use super::print;
use crate::audit::{Evidence, Fetched, Fetcher, Index, Memory};
use crate::config::Config;
use crate::error::Error;

#[derive(clap::Args)]
pub(super) struct AuditArguments {
    /// Where a node serves auditors, such as `https://audit.example:8443`, or the path of one log there
    #[arg(value_name = "URL")]
    url: String,
    /// The charter whose keys must have signed; that of `--config` if absent
    #[arg(long, value_name = "FILE")]
    charter: Option<PathBuf>,
    /// A node's configuration file, to take the charter from
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
    /// What earlier audits verified; made if absent
    #[arg(long, value_name = "FILE", default_value = "audit-state.json")]
    state: PathBuf,
    /// For https: a PEM file with the server's certificate or its authority
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print the verifier keys of every log as C2SP tools take them, and verify nothing
    #[arg(long)]
    keys: bool,
    /// As one JSON object on the last line; faults do not change the exit status then
    #[arg(long)]
    json: bool,
}

/// What was found of one log.
#[derive(Debug, Serialize)]
struct LogReport {
    origin: String,
    /// Entries under the verified checkpoint.
    size: u64,
    /// Entries under the one verified last time.
    previous_size: Option<u64>,
    /// Base 64 as in the note.
    root: String,
    /// Partners that witnessed this very checkpoint.
    witnessed_by: Vec<String>,
    /// Partners that hold everything addressed to them below it.
    held_by: Vec<String>,
    /// Tiles recomputed.
    tiles: u64,
    /// `verified`; `checkpoint-only` where the server may not read the whole log; or `fault`.
    verdict: &'static str,
    /// Why not all could be verified, or what is wrong.
    note: Option<String>,
}

/// How an audit of a log can end early.
enum Stop {
    /// The world's fault: nothing is learnt about the log.
    Error(Error),
    /// The log's fault, and the note that proves it if one was signed.
    Fault(String, Option<String>),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl AuditArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let charter = self.charter()?;
        let (base, only) = split(&self.url);
        let fetcher = Fetcher::new(&base, self.ca.as_deref())?;
        let (index, origins) = self.origins(&fetcher, &charter, only)?;
        if self.keys {
            return print_keys(&charter, &origins);
        }
        let mut state = Memory::read(&self.state)?;
        let mut faults: Vec<String> = Vec::new();
        if let Some(index) = &index {
            faults.extend(judge_index(index, &charter, &mut state, &origins));
        }
        let mut reports = Vec::new();
        for origin in &origins {
            let report = audit_log(&fetcher, &charter, origin, &mut state)?;
            if report.verdict == "fault" {
                let note = report.note.clone().unwrap_or_default();
                faults.push(format!("{origin}: {note}"));
            }
            reports.push(report);
            // What was verified stays verified if the next log's server goes away.
            state.write(&self.state)?;
        }
        state.write(&self.state)?;
        self.tell(&reports, &faults)
    }

    fn charter(&self) -> Result<Charter, Error> {
        let path = match &self.charter {
            Some(path) => path.clone(),
            None => Config::read(&self.config)?.charter,
        };
        let text = std::fs::read_to_string(&path).map_err(|e| Error::file("read", &path, e))?;
        Charter::parse_verify(&text).map_err(|error| Error::Identity {
            what: "charter",
            path,
            hint: error.hint().unwrap_or("ask the partners for the signed charter").to_owned(),
            message: error.to_string(),
        })
    }

    /// The server's list of logs, or the one log that the address names.
    fn origins(
        &self,
        fetcher: &Fetcher,
        charter: &Charter,
        only: Option<String>,
    ) -> Result<(Option<Index>, Vec<String>), Error> {
        let strange = |message: String| Error::Remote {
            url: self.url.clone(),
            message,
            hint: Some("is it the address at which the node serves auditors?".to_owned()),
            connected: true,
        };
        let (index, origins) = if let Some(origin) = only {
            (None, vec![origin])
        } else {
            let Fetched::Found(content) = fetcher.get("/")? else {
                return Err(strange("expected a list of logs, got none".to_owned()));
            };
            let index: Index = serde_json::from_slice(&content)
                .map_err(|error| strange(format!("expected a list of logs: {error}")))?;
            let origins = index.logs.iter().map(|log| log.origin.clone()).collect();
            (Some(index), origins)
        };
        for origin in &origins {
            let (realm, _) =
                LogId::from_origin(origin).map_err(|error| strange(error.to_string()))?;
            if realm != *charter.realm() {
                return Err(strange(format!(
                    "expected logs of `{}`, got `{origin}`",
                    charter.realm()
                )));
            }
        }
        Ok((index, origins))
    }

    fn tell(&self, reports: &[LogReport], faults: &[String]) -> Result<(), Error> {
        if self.json {
            let answer = json!({ "url": self.url, "logs": reports, "faults": faults });
            print(&format!("{answer}\n"));
            return Ok(());
        }
        for report in reports {
            let before = report.previous_size.map_or_else(
                || "first audit".to_owned(),
                |before| format!("{} more than last time", report.size.saturating_sub(before)),
            );
            print(&format!(
                "{}  {}  {} entries, {before}, {} tiles, witnessed by {}, held by {}\n",
                report.verdict,
                report.origin,
                report.size,
                report.tiles,
                named(&report.witnessed_by),
                named(&report.held_by)
            ));
            if let (Some(note), "checkpoint-only") = (&report.note, report.verdict) {
                print(&format!("  {note}\n"));
            }
        }
        for fault in faults {
            print(&format!("fault: {fault}\n"));
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::input(
            format!("{} faults at `{}`", faults.len(), self.url),
            format!(
                "the signed notes are kept in `{}`: show them to the partners",
                self.state.display()
            ),
        ))
    }
}

fn named(partners: &[String]) -> String {
    if partners.is_empty() { "nobody".to_owned() } else { partners.join(", ") }
}

/// The server's base, and the log's origin if the address names one.
fn split(url: &str) -> (String, Option<String>) {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/checkpoint").unwrap_or(url);
    match url.split_once("/watchfire/") {
        Some((base, rest)) => (base.to_owned(), Some(format!("watchfire/{rest}"))),
        None => (url.to_owned(), None),
    }
}

fn print_keys(charter: &Charter, origins: &[String]) -> Result<(), Error> {
    for origin in origins {
        let log = LogId::from_origin(origin).map(|(_, log)| log);
        let keys = log.and_then(|log| log::verifier_keys(charter, &log));
        let keys = keys.map_err(|error| {
            Error::input(error.to_string(), "take the charter that the node serves under")
        })?;
        print(&format!("{}\n", keys.join("\n")));
    }
    Ok(())
}

/// Faults of the list itself: logs that were there and are gone.
fn judge_index(
    index: &Index,
    charter: &Charter,
    state: &mut Memory,
    origins: &[String],
) -> Vec<String> {
    let mut faults = Vec::new();
    let ours = charter.fingerprint().to_string();
    if index.charter_edition == charter.edition() && index.charter != ours {
        faults.push(format!(
            "expected charter {ours} of edition {}, got {}",
            charter.edition(),
            index.charter
        ));
    }
    let own =
        |origin: &String| LogId::from_origin(origin).is_ok_and(|(_, log)| log.node == index.node);
    let gone: Vec<String> =
        state.logs.keys().filter(|known| own(known) && !origins.contains(known)).cloned().collect();
    for origin in gone {
        let fault = "expected the log that was audited before, got a list without it".to_owned();
        let before = state.logs.get(&origin).cloned();
        faults.push(format!("{origin}: {fault}"));
        state.blame(Evidence { origin, fault, before, got: None });
    }
    faults
}

fn audit_log(
    fetcher: &Fetcher,
    charter: &Charter,
    origin: &str,
    state: &mut Memory,
) -> Result<LogReport, Error> {
    let before = state.logs.get(origin).cloned();
    match examine(fetcher, charter, origin, before.as_deref()) {
        Ok((report, note)) => {
            if report.verdict == "verified" {
                state.logs.insert(origin.to_owned(), note);
            }
            Ok(report)
        }
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Fault(fault, got)) => {
            let origin = origin.to_owned();
            let evidence = Evidence { origin: origin.clone(), fault: fault.clone(), before, got };
            state.blame(evidence);
            Ok(LogReport {
                origin,
                size: 0,
                previous_size: None,
                root: String::new(),
                witnessed_by: Vec::new(),
                held_by: Vec::new(),
                tiles: 0,
                verdict: "fault",
                note: Some(fault),
            })
        }
    }
}

/// Verifies one log; gives the report and the note that was verified.
fn examine(
    fetcher: &Fetcher,
    charter: &Charter,
    origin: &str,
    before: Option<&str>,
) -> Result<(LogReport, String), Stop> {
    let unsigned = |fault: String| Stop::Fault(fault, None);
    let content = match fetcher.get(&format!("/{origin}/checkpoint"))? {
        Fetched::Found(content) => content,
        Fetched::Missing(reason) => {
            return Err(unsigned(format!("expected a checkpoint, got none: {reason}")));
        }
    };
    let note = String::from_utf8(content)
        .map_err(|_| unsigned("expected a checkpoint as text, got other bytes".to_owned()))?;
    let got = CosignedCheckpoint::from_note(&note, charter)
        .map_err(|error| unsigned(error.to_string()))?;
    let stated = got.checkpoint.checkpoint.clone();
    if stated.log.origin(&stated.realm) != origin {
        let other = stated.log.origin(&stated.realm);
        return Err(unsigned(format!("expected a checkpoint of `{origin}`, got `{other}`")));
    }
    let signed = |fault: String| Stop::Fault(fault, Some(note.clone()));
    // The charter may have changed since; what was verified then is only read now.
    let before = before.map(|text| CosignedCheckpoint::from_note(text, charter));
    let before = before.transpose().map_err(|error| {
        unsigned(format!("the note in the audit state does not verify any more: {error}"))
    })?;
    let old = before.as_ref().map(|before| &before.checkpoint.checkpoint);
    let earlier = before.as_ref().map(|before| &*before.checkpoint);
    match Progress::between(earlier, &got.checkpoint) {
        Progress::RolledBack { from } => {
            return Err(signed(format!(
                "expected at least the {from} entries that were audited before, got a checkpoint of \
                 {}: the log was rolled back or an old checkpoint is served",
                stated.size
            )));
        }
        Progress::Forked(_) => {
            return Err(signed(format!(
                "expected the root audited before at size {}, got another one signed by the same \
                 node: it signed two histories",
                stated.size
            )));
        }
        Progress::First | Progress::Same | Progress::Grown => {}
    }
    let known = old.map(|old| (old.size, old.root));
    let mut audit = TileAudit::new(&got.checkpoint, known);
    let mut hidden = None;
    while let Some(tile) = audit.next() {
        match fetcher.get(&format!("/{origin}/{tile}"))? {
            Fetched::Found(content) => {
                audit.take(&content).map_err(|fault| signed(fault.to_string()))?;
            }
            Fetched::Missing(reason) => {
                hidden = Some(format!("`{tile}` is not served: {reason}"));
                break;
            }
        }
    }
    let tiles = audit.taken();
    if hidden.is_none() {
        audit.finish().map_err(|fault| signed(fault.to_string()))?;
    }
    let names = |kind| got.partners(kind).iter().map(ToString::to_string).collect();
    let report = LogReport {
        origin: origin.to_owned(),
        size: stated.size,
        previous_size: old.map(|old| old.size),
        root: stated.text().lines().nth(2).unwrap_or_default().to_owned(),
        witnessed_by: names(CosignatureKind::Witness),
        held_by: names(CosignatureKind::Holds),
        tiles,
        verdict: if hidden.is_some() { "checkpoint-only" } else { "verified" },
        note: hidden,
    };
    Ok((report, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_server_or_one_log() {
        let log = "watchfire/exercise/alpha/KOR-1/flash/00112233445566778899aabbccddeeff";
        for (url, base, only) in [
            ("http://127.0.0.1:9/", "http://127.0.0.1:9", None),
            (&format!("https://a.example/{log}"), "https://a.example", Some(log)),
            (&format!("https://a.example/{log}/checkpoint"), "https://a.example", Some(log)),
        ] {
            assert_eq!(split(url), (base.to_owned(), only.map(str::to_owned)), "{url}");
        }
    }
}
