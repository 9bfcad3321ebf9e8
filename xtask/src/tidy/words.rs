//! Words that do not land: unfinished work, silenced lints, tests left out.

use super::{Finding, Rule};
use crate::rust_source;
use crate::tree::{Tree, is_rust};

/// Marks of unfinished work.
const UNFINISHED_WORDS: &[&str] = &["FIXME", "TODO", "XXX", "HACK"];
/// Files that are code or configuration of ours, without Rust, which is masked first.
const OTHER_SOURCES: &[&str] =
    &[".ts", ".svelte", ".mjs", ".js", ".css", ".html", ".py", ".sh", ".toml", ".yml", ".ci/run"];

/// What a text must not hold, and what to do instead.
struct Banned {
    sign: &'static str,
    endings: &'static [&'static str],
    instead: &'static str,
}

const SILENCING: &[Banned] = &[
    Banned {
        sign: "allow(",
        endings: &[".rs"],
        instead: "write `#[expect(lint, reason = \"…\")]`, which fails once it is not needed",
    },
    Banned {
        sign: "#[ignore",
        endings: &[".rs"],
        instead: "run the test, or move it to a named step of `cargo xtask test`",
    },
    Banned {
        sign: ".only(",
        endings: &[".ts", ".mjs", ".js"],
        instead: "run every test; name one on the command line while working",
    },
    Banned {
        sign: "@ts-ignore",
        endings: &[".ts", ".svelte"],
        instead: "give the value its type, or `@ts-expect-error` with a reason",
    },
    Banned {
        sign: "@ts-nocheck",
        endings: &[".ts", ".svelte"],
        instead: "give the values their types",
    },
];

pub(super) const UNFINISHED: Rule =
    Rule { name: "unfinished", what: "no mark of unfinished work lands", check: unfinished };

pub(super) const SILENCED: Rule = Rule {
    name: "silenced",
    what: "no lint is switched off without a reason and no test is left out",
    check: silenced,
};

fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(&[".rs"]) {
        marks(path, &rust_source::mask(text).comments, &mut found);
    }
    for (path, text) in tree.texts(OTHER_SOURCES) {
        marks(path, text, &mut found);
    }
    found
}

fn marks(path: &str, text: &str, found: &mut Vec<Finding>) {
    for (at, word) in rust_source::words(text) {
        if UNFINISHED_WORDS.contains(&word) {
            found.push(
                Finding::of_file(
                    path,
                    "finished work",
                    format!("`{word}`"),
                    "do it, or describe the state of the world in a sentence",
                )
                .at(rust_source::line_of(text, at)),
            );
        }
    }
}

fn silenced(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for banned in SILENCING {
        for (path, text) in tree.texts(banned.endings) {
            let code = if is_rust(path) { rust_source::mask(text).code } else { text.to_owned() };
            for (at, _) in code.match_indices(banned.sign) {
                if banned.sign == "allow(" && !in_attribute(&code, at) {
                    continue;
                }
                found.push(
                    Finding::of_file(
                        path,
                        "lints and tests left on",
                        format!("`{}`", banned.sign),
                        banned.instead,
                    )
                    .at(rust_source::line_of(&code, at)),
                );
            }
        }
    }
    found
}

/// Whether a byte of masked code lies in `#[…]` or `#![…]`.
fn in_attribute(code: &str, at: usize) -> bool {
    let Some(open) = code[..at].rfind("#[").max(code[..at].rfind("#![")) else { return false };
    let whole = !code.as_bytes()[at - 1].is_ascii_alphanumeric() && code.as_bytes()[at - 1] != b'_';
    whole && !code[open..at].contains(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_caught_in_comments_only() {
        let mark = UNFINISHED_WORDS[0];
        let rust = format!("const A: &str = \"{mark}\";\n// {mark}: later\n");
        let script = format!("let a = 1;\n/* {mark} */\n");
        let tree = Tree::of(&[("a.rs", &rust), ("b.ts", &script), ("c.md", &script)]);
        let got: Vec<_> = unfinished(&tree).into_iter().map(|one| (one.path, one.line)).collect();
        assert_eq!(got, [("a.rs".to_owned(), Some(2)), ("b.ts".to_owned(), Some(2))]);
    }

    #[test]
    fn silenced_lints_and_skipped_tests_are_caught() {
        for (path, text, line) in [
            ("a.rs", "\n#[allow(dead_code)]\nfn f() {}\n", Some(2)),
            ("a.rs", "#![allow(dead_code)]\n", Some(1)),
            ("a.rs", "#[cfg_attr(test, allow(dead_code))]\n", Some(1)),
            ("a.rs", "#[test]\n#[ignore]\nfn f() {}\n", Some(2)),
            ("a.rs", "fn f() { gate.allow(1); }\n", None),
            ("a.rs", "#[x]\nfn allow() { disallow(1) }\n", None),
            ("a.rs", "// #[allow(dead_code)]\n", None),
            ("a.rs", "#[expect(dead_code, reason = \"allow(\")]\n", None),
            ("a.test.ts", "it.only('x', () => {})\n", Some(1)),
            ("a.svelte", "// @ts-ignore\n", Some(1)),
        ] {
            let got = silenced(&Tree::of(&[(path, text)]));
            let expect: Vec<_> = line.into_iter().map(Some).collect();
            assert_eq!(got.iter().map(|one| one.line).collect::<Vec<_>>(), expect, "{text}");
        }
    }
}
