//! The rules of the tree, each a name and a pure function from the files to findings.
//!
//! They run as a test of this crate, so `cargo test` alone catches a breach. A rule reads the
//! tree and nothing else; each is tested by a planted breach.

mod apart;
mod dead;
mod documents;
mod edges;
mod length;
mod places;
mod purity;
mod words;

use std::fmt;
use std::process::ExitCode;

use crate::command::Given;
use crate::error::Error;
use crate::tree::{self, Tree};

/// Every rule, in the order they are run and listed.
pub(crate) const RULES: &[Rule] = &[
    edges::EDGES,
    edges::MEMBERS,
    purity::BANS,
    purity::DEPENDENCIES,
    apart::DOMAINS,
    apart::TRUTH,
    length::FILES,
    length::FUNCTIONS,
    words::UNFINISHED,
    words::SILENCED,
    dead::RUST,
    dead::WEB,
    places::MACHINE_PATHS,
    places::REGISTRIES,
    places::SIZE,
    documents::CHANGELOG,
    documents::LICENCE,
    documents::DEPENDENCIES,
    documents::LINKS,
];

/// One rule of the tree.
pub(crate) struct Rule {
    /// The name shown in brackets after the place.
    pub(crate) name: &'static str,
    /// What it holds, in one line.
    pub(crate) what: &'static str,
    /// The breaches.
    pub(crate) check: fn(&Tree) -> Vec<Finding>,
}

/// One breach: where, what was expected, what came, and the mend.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Counted from 1; nothing when the whole file is meant.
    pub(crate) line: Option<usize>,
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) mend: String,
}

impl Finding {
    /// A breach of a whole file.
    pub(crate) fn of_file(path: &str, expected: &str, got: impl Into<String>, mend: &str) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            expected: expected.to_owned(),
            got: got.into(),
            mend: mend.to_owned(),
        }
    }

    /// The same breach at a line.
    pub(crate) fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        write!(out, ": expected {}, got {}\n  hint: {}", self.expected, self.got, self.mend)
    }
}

/// Every breach of every rule, as lines to print.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let found = |rule: &Rule| -> Vec<String> {
        (rule.check)(tree).iter().map(|finding| format!("[{}] {finding}", rule.name)).collect()
    };
    RULES.iter().flat_map(found).collect()
}

/// `cargo xtask tidy`
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    if given.has("--list") {
        for rule in RULES {
            println!("{:<16} {}", rule.name, rule.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let root = tree::root();
    let mut breaches = check(&Tree::open(&root)?);
    breaches.extend(crate::licences::check(&root)?);
    for breach in &breaches {
        println!("{breach}");
    }
    if breaches.is_empty() {
        eprintln!("tidy: {} rules and every package's licence hold", RULES.len());
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::Faults {
        what: "breaches of the tree's rules".to_owned(),
        count: breaches.len(),
        hint:
            "each line above names its mend; `cargo xtask tidy --list` tells what each rule is for"
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_is_tidy() {
        let tree = Tree::open(&tree::root()).expect("the repository can be read");
        assert!(tree.has("Cargo.toml"), "the root was not found");
        let breaches = check(&tree);
        assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
    }

    #[test]
    fn rules_have_distinct_names() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn a_finding_reads_place_expected_got_hint() {
        let finding = Finding::of_file("a/b.rs", "at most 800 lines", "801", "split it").at(801);
        assert_eq!(
            finding.to_string(),
            "a/b.rs:801: expected at most 800 lines, got 801\n  hint: split it"
        );
    }
}
