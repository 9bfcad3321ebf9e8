//! Many statements of one kind in one request.
//!
//! The handler's thread reads, checks and encodes; the loop only queues, so that a feed of thousands a
//! second costs it no JSON. Bytes, edition 1, to the end of the body:
//!
//! ```text
//! length u32 big-endian (at most 256 KiB) | content in the kind's own encoding
//! ```
//!
//! As JSON Lines every line is one content of the kind's schema. A request is appended whole, in its
//! order, or refused whole.

use base::{TimeDelta, limits};
use domains::KindInfo;
use log::{Audience, Kind, Precedence};
use sync::Level;
use tokio::sync::oneshot;

use super::answers::BulkAppended;
use super::ask::{TIMEOUT_MS, level_of};
use super::{Core, Waiter};
use crate::http::Problem;

/// What one request says of all its statements; absent parts as for a single one.
#[derive(Debug, Clone, Default)]
pub(crate) struct BulkHeading {
    pub(crate) kind: String,
    pub(crate) audience: Option<String>,
    pub(crate) precedence: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) timeout_ms: Option<u32>,
}

/// Statements whose contents were checked.
#[derive(Debug, Clone)]
pub(crate) struct BulkProposal {
    pub(crate) kind: Kind,
    pub(crate) edition: u16,
    /// All partners if absent.
    pub(crate) audience: Option<Audience>,
    pub(crate) precedence: Precedence,
    pub(crate) level: Level,
    pub(crate) timeout_ms: u32,
    pub(crate) contents: Vec<Vec<u8>>,
}

/// How the body of a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BulkForm {
    /// One JSON content a line.
    JsonLines,
    /// Length and content, again and again.
    Binary,
}

impl BulkProposal {
    /// Reads and checks a request; nothing of a bad one is taken.
    pub(crate) fn read(
        heading: &BulkHeading,
        form: BulkForm,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let known = domains::kinds();
        let kind = kind_of(&known, &heading.kind)?;
        refuse_acts(kind.name)?;
        let refuse = |error: log::Error| Problem::refused(error.to_string());
        let audience = heading.audience.as_deref().map(|text| text.replace(' ', "+").parse());
        let precedence =
            heading.precedence.as_deref().map(|text| text.to_ascii_lowercase().parse());
        let contents = match form {
            BulkForm::JsonLines => json_lines(kind, body)?,
            BulkForm::Binary => binary(kind, body)?,
        };
        Ok(Self {
            kind: Kind::from_static(kind.name),
            edition: kind.edition,
            audience: audience.transpose().map_err(refuse)?,
            precedence: precedence.transpose().map_err(refuse)?.unwrap_or(kind.precedence),
            level: level_of(heading.level.as_deref())?,
            timeout_ms: heading.timeout_ms.unwrap_or(TIMEOUT_MS),
            contents,
        })
    }
}

fn at(number: usize, message: &str) -> Problem {
    Problem::refused(format!("statement {number}: {message}"))
        .hint("mend it and send the whole request again; nothing of it was appended")
}

fn room(contents: &[Vec<u8>]) -> Result<(), Problem> {
    let max = sync::limits::BULK_ENTRIES_MAX;
    if contents.len() < max {
        return Ok(());
    }
    Err(Problem::refused(format!("expected at most {max} statements, got more"))
        .hint("send them in several requests"))
}

fn json_lines(kind: &KindInfo, body: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut contents = Vec::new();
    for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        room(&contents)?;
        let value = serde_json::from_slice(line).map_err(|e| at(number, &e.to_string()))?;
        let content = (kind.from_json)(&value).map_err(|error| at(number, &error.to_string()))?;
        contents.push(content);
    }
    Ok(contents)
}

fn binary(kind: &KindInfo, mut body: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    let mut contents = Vec::new();
    while !body.is_empty() {
        room(&contents)?;
        let number = contents.len();
        let Some((length, rest)) = body.split_first_chunk::<4>() else {
            return Err(at(number, &format!("expected 4 bytes of length, got {}", body.len())));
        };
        let length = u32::from_be_bytes(*length) as usize;
        let (max, left) = (limits::ENTRY_CONTENT_BYTES_MAX, rest.len());
        if length > max || length > left {
            let message = format!("expected a length up to {}, got {length}", max.min(left));
            return Err(at(number, &message));
        }
        let (content, rest) = rest.split_at(length);
        (kind.check)(content).map_err(|error| at(number, &error.to_string()))?;
        contents.push(content.to_vec());
        body = rest;
    }
    Ok(contents)
}

/// The registered kind of that name.
pub(super) fn kind_of<'k>(known: &'k [KindInfo], name: &str) -> Result<&'k KindInfo, Problem> {
    known.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|kind| kind.name).collect();
        Problem::refused(format!("expected a kind out of `{}`, got `{name}`", names.join("`, `")))
            .hint("`x-watchfire-kinds` in `/openapi.json` describes each")
    })
}

/// Officers' acts carry a signature that only their own commands make.
pub(super) fn refuse_acts(kind: &str) -> Result<(), Problem> {
    let acts = [
        domains::warning::RELEASE_KIND,
        domains::warning::UPDATE_KIND,
        domains::warning::CANCEL_KIND,
    ];
    if acts.contains(&kind) {
        return Err(Problem::forbidden("an officer's act is not appended by hand")
            .hint("use the warning's own `release`, `update` or `cancel`"));
    }
    if domains::correction::Act::of(kind).is_some() {
        return Err(Problem::forbidden("a correction is an officer's act, not appended by hand")
            .hint("use `watchfire recall`, `correct` or `supersede`, or `/api/v1/corrections`"));
    }
    Ok(())
}

impl Core {
    pub(super) fn append_bulk(
        &mut self,
        bulk: BulkProposal,
        reply: oneshot::Sender<Result<BulkAppended, Problem>>,
    ) {
        let BulkProposal { kind, edition, audience, precedence, level, timeout_ms, contents } =
            bulk;
        if let Err(problem) = self.room_for(precedence) {
            self.refused += 1;
            drop(reply.send(Err(problem)));
            return;
        }
        let entries = contents.len() as u64;
        let ticket = self.new_ticket(Waiter::Bulk { entries, reply });
        let timeout = self.clock.stretch(TimeDelta::from_millis(i64::from(timeout_ms)));
        let audience = audience.unwrap_or_else(|| self.charter.everyone());
        self.step(sync::Input::AppendBulk(sync::Bulk {
            ticket,
            audience,
            precedence,
            kind,
            edition,
            contents,
            level,
            timeout,
        }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heading(kind: &str) -> BulkHeading {
        BulkHeading { kind: kind.to_owned(), ..BulkHeading::default() }
    }

    fn declared(name: &str) -> serde_json::Value {
        let entry = "KOR-1.flash.000102030405060708090a0b0c0d0e0f.7";
        json!({"public_id": name, "evidence": [{"entry": entry, "plot": 0}]})
    }

    fn read(kind: &str, form: BulkForm, body: &[u8]) -> Result<BulkProposal, Problem> {
        BulkProposal::read(&heading(kind), form, body)
    }

    #[test]
    fn lines_and_bytes_give_the_same_contents() {
        let lines = format!("{}\n\n  {}\n", declared("KOR-1"), declared("KOR-2"));
        let from_lines = read("track.declared", BulkForm::JsonLines, lines.as_bytes()).unwrap();
        assert_eq!(from_lines.contents.len(), 2);
        assert_eq!(from_lines.precedence, Precedence::Flash);
        assert_eq!((from_lines.level, from_lines.audience), (Level::Local, None));
        let mut bytes = Vec::new();
        for content in &from_lines.contents {
            bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
            bytes.extend(content);
        }
        let from_bytes = read("track.declared", BulkForm::Binary, &bytes).unwrap();
        assert_eq!(from_bytes.contents, from_lines.contents);
        for cut in 1..bytes.len() {
            let whole = cut == 4 + from_lines.contents[0].len();
            let taken = read("track.declared", BulkForm::Binary, &bytes[..cut]);
            assert_eq!(taken.is_ok(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_bad_statement_refuses_all_and_says_which() {
        let good = declared("KOR-1");
        for (kind, form, body, expect) in [
            ("track.moon", BulkForm::JsonLines, good.to_string(), "expected a kind out of"),
            ("warning.release", BulkForm::JsonLines, good.to_string(), "officer's act"),
            ("correction.recall", BulkForm::JsonLines, good.to_string(), "officer's act"),
            ("track.declared", BulkForm::JsonLines, format!("{good}\n{{}}"), "statement 1: "),
            ("track.declared", BulkForm::JsonLines, format!("{good}\nx"), "statement 1: "),
            ("track.declared", BulkForm::Binary, "\0\0\0\u{1}x".to_owned(), "statement 0: "),
            ("track.declared", BulkForm::Binary, "\u{7f}aaaa".to_owned(), "expected a length"),
        ] {
            let problem = read(kind, form, body.as_bytes()).unwrap_err();
            assert!(problem.detail.contains(expect), "{kind} {body}: {}", problem.detail);
        }
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let line = format!("{}\n", declared("KOR-1"));
        let max = sync::limits::BULK_ENTRIES_MAX;
        let body = line.repeat(max);
        let taken = read("track.declared", BulkForm::JsonLines, body.as_bytes());
        assert_eq!(taken.unwrap().contents.len(), max);
        let problem = read("track.declared", BulkForm::JsonLines, (body + &line).as_bytes());
        assert!(problem.unwrap_err().detail.contains("at most 16384 statements"));
    }
}
