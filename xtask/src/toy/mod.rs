//! `cargo xtask toy`: a new domain is one folder and one word.
//!
//! A copy of the workspace gets the folder and the word; everything that should follow from them is
//! then looked for, the console's panel included; the word goes again, and nothing may be left.

mod copy;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::command::Given;
use crate::console;
use crate::demo;
use crate::error::Error;
use crate::process;
use crate::tree;
use copy::Copy;

/// The toy domain's only file.
const DOMAIN: &str = include_str!("domain.txt");
const FOLDER_FILE: &str = "crates/domains/src/toy/mod.rs";
const REGISTRY: &str = "crates/domains/src/lib.rs";
/// Where the list of words begins and ends.
const WORDS: (&str, &str) = ("registry::registry! {", "\n}");

/// Whether the word stands in the registry.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Present,
    Removed,
}

/// One place where a domain must show, and what shows it.
struct Place {
    name: &'static str,
    text: String,
    sign: &'static str,
}

/// `cargo xtask toy`
pub(crate) fn run(_: &Given) -> Result<ExitCode, Error> {
    let found = check(&tree::root())?;
    for fault in &found.faults {
        println!("{fault}");
    }
    if found.faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::Faults {
        what: "places that do not follow the registry".to_owned(),
        count: found.faults.len(),
        hint: "make them from the registry, as their neighbours are".to_owned(),
    })
}

/// What became of the check.
pub(crate) struct Found {
    /// Places that did as they should.
    pub(crate) right: usize,
    /// One sentence for each that did not.
    pub(crate) faults: Vec<String>,
    /// Why the console was not looked at, where it was not.
    pub(crate) console_skipped: Option<&'static str>,
}

/// Adds the toy domain to a copy, looks, removes the word, looks again.
pub(crate) fn check(root: &Path) -> Result<Found, Error> {
    let copy = Copy::make(root)?;
    let mut found = Found { right: 0, faults: Vec::new(), console_skipped: None };
    let plain = copy.read(REGISTRY)?;
    copy.write(FOLDER_FILE, DOMAIN)?;
    for (word, registry) in [(Word::Present, with_word(&plain)?), (Word::Removed, plain)] {
        copy.write(REGISTRY, &registry)?;
        let program = copy.build()?;
        for place in places(&copy, &program)? {
            found.judge(word, &place);
        }
        match console_skipped(root) {
            Some(reason) => found.console_skipped = Some(reason),
            None => found.look_at_console(root, &program, word)?,
        }
    }
    Ok(found)
}

fn with_word(registry: &str) -> Result<String, Error> {
    let (head, tail) = registry.split_once(WORDS.0).ok_or_else(no_list)?;
    let (words, rest) = tail.split_once(WORDS.1).ok_or_else(no_list)?;
    Ok(format!("{head}{}{words}\n    toy{}{rest}", WORDS.0, WORDS.1))
}

fn no_list() -> Error {
    Error::Shape {
        at: REGISTRY.to_owned(),
        expected: format!("a list that begins with `{}`", WORDS.0),
        got: "none".to_owned(),
        hint: "follow the list to where it went in `xtask/src/toy/mod.rs`".to_owned(),
    }
}

/// Every text that is made from the registry.
fn places(copy: &Copy, program: &Path) -> Result<Vec<Place>, Error> {
    let said = |words: &[&str]| {
        let mut command = process::program(&copy.root, &program.to_string_lossy());
        command.args(words);
        process::run_for_stdout(command)
    };
    let picture = said(&["picture", "--help"])?;
    let append = said(&["append", "--help"])?;
    let openapi = said(&["openapi"])?;
    let index = said(&["domains", "--markdown"])?;
    let place = |name, text: &str, sign| Place { name, text: text.to_owned(), sign };
    let mut places = vec![
        place("`watchfire picture --help`", &picture, "toy"),
        place("`watchfire append --help`", &append, "toy.painted"),
        place("the API's paths", &openapi, "\"/api/v1/picture/toy\": {"),
        place("the API's schemas", &openapi, "\"ToyThing\": {"),
        place("the API's list of domains", &openapi, "\"name\": \"toy\""),
        place("the API's list of kinds", &openapi, "\"toy.painted\": {"),
        place("the documentation's index", &index, "## toy"),
    ];
    if console::node_is_usable(&copy.root) {
        copy.write("docs/openapi.json", &openapi)?;
        let mut generate = process::program(&copy.root, "node");
        generate.arg("web/scripts/generate.mjs");
        process::run_talking(generate)?;
        let types = copy.read("web/src/generated/api.ts")?;
        places.push(place("the console's types", &types, "export interface ToyThing {"));
        places.push(place("the console's collections", &types, "'toy.things': ToyThing;"));
    }
    Ok(places)
}

fn console_skipped(root: &Path) -> Option<&'static str> {
    if !console::node_is_usable(root) {
        return Some(console::NODE_ABSENT);
    }
    if !root.join("web/dist/index.html").is_file() {
        return Some("the console is not built; run `npm ci && npm run build` in `web`");
    }
    let chromium = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = chromium.iter().any(|name| process::is_installed(name));
    (!is_there).then_some("Chromium is not installed")
}

impl Found {
    fn judge(&mut self, word: Word, place: &Place) {
        let shows = place.text.contains(place.sign);
        let (expected, got) = match word {
            Word::Present => (true, "is absent although the word is in the registry"),
            Word::Removed => (false, "is still there although the word is gone"),
        };
        if shows == expected {
            self.right += 1;
            println!("{}: `{}` {}", place.name, place.sign, if shows { "there" } else { "gone" });
        } else {
            self.faults.push(format!("{}: `{}` {got}", place.name, place.sign));
        }
    }

    /// Starts nodes of the copy's program, appends a toy statement, and looks for its row in a browser.
    fn look_at_console(&mut self, root: &Path, program: &Path, word: Word) -> Result<(), Error> {
        let statement = json!({
            "kind": "toy.painted",
            "content": { "id": "t1", "colour": "vermilion" },
            "collection": "toy.things",
            "title": "Toys",
            "cell": "vermilion",
            "present": word == Word::Present,
        });
        let mut journey = console::npm(root, &["run", "journeys", "--", "a domain without a page"]);
        journey.env("WATCHFIRE_PROGRAM", program).env("WATCHFIRE_STATEMENT", statement.to_string());
        journey.env("WATCHFIRE_ARTEFACTS", root.join("artefacts/toy"));
        let outcome = process::run_kept(journey)?;
        if outcome.status.success() {
            self.right += 1;
        } else {
            self.faults.push(format!("the console's panel with the word {word:?}: see above"));
        }
        Ok(())
    }
}

/// The program of `messages`, cargo's build messages.
fn program_in(messages: &str) -> Result<std::path::PathBuf, Error> {
    demo::executable_in(messages, "watchfire").ok_or_else(|| demo::no_executable("watchfire"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_goes_to_the_end_of_the_list() {
        let got = with_word("a\nregistry::registry! {\n    track\n    warning\n}\nb\n}\n")
            .expect("a list");
        assert_eq!(got, "a\nregistry::registry! {\n    track\n    warning\n    toy\n}\nb\n}\n");
        let error = with_word("mod track;").expect_err("no list");
        assert!(error.to_string().contains(REGISTRY), "{error}");
    }

    #[test]
    fn a_place_is_judged_by_whether_the_word_is_there() {
        let mut found = Found { right: 0, faults: Vec::new(), console_skipped: None };
        let place = |text: &str| Place { name: "help", text: text.to_owned(), sign: "toy" };
        found.judge(Word::Present, &place("track, toy"));
        found.judge(Word::Removed, &place("track"));
        assert_eq!((found.right, found.faults.len()), (2, 0));
        found.judge(Word::Present, &place("track"));
        found.judge(Word::Removed, &place("track, toy"));
        assert_eq!(
            found.faults,
            [
                "help: `toy` is absent although the word is in the registry",
                "help: `toy` is still there although the word is gone"
            ]
        );
    }
}
