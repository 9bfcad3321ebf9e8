//! The project's documents say what is there.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use super::dead::join;
use super::edges::{MEMBERS_ALLOWED, dependencies, manifests, package_of};
use super::{Finding, Rule};
use crate::rust_source::line_of;
use crate::tree::Tree;

/// The heading of the table that names every dependency.
const DEPENDENCIES_HEADING: &str = "## Dependencies";

/// Beginnings by which a path from the root is told from other words in backticks.
const FOLDERS: &[&str] = &["crates/", "sim/", "xtask/", "web/src/", "docs/", "scenarios/"];

pub(super) const CHANGELOG: Rule =
    Rule { name: "changelog", what: "CHANGELOG.md has an Unreleased section", check: changelog };

pub(super) const LICENCE: Rule = Rule {
    name: "licence",
    what: "LICENSE is the one licence text; no file carries a header of its own",
    check: licence,
};

pub(super) const DEPENDENCIES: Rule = Rule {
    name: "dependencies",
    what: "DESIGN.md names every direct dependency with its licence and why, and no other",
    check: named_dependencies,
};

pub(super) const LINKS: Rule = Rule {
    name: "links",
    what: "links and paths in the project's documents lead somewhere",
    check: links,
};

fn changelog(tree: &Tree) -> Vec<Finding> {
    let text = tree.text("CHANGELOG.md").unwrap_or_default();
    if text.lines().any(|line| line.trim() == "## Unreleased") {
        return Vec::new();
    }
    vec![Finding::of_file(
        "CHANGELOG.md",
        "a section `## Unreleased`",
        "none",
        "add it on top; a release renames it",
    )]
}

fn licence(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let text = tree.text("LICENSE").unwrap_or_default();
    if !text.contains("Apache License") || !text.contains("Version 2.0") {
        found.push(Finding::of_file(
            "LICENSE",
            "the Apache License, Version 2.0",
            if text.is_empty() { "no such file" } else { "another text" },
            "restore the licence text",
        ));
    }
    for (path, text) in tree.texts(&[".rs", ".ts", ".svelte", ".py", ".mjs"]) {
        let header = text.lines().take(5).position(|line| {
            line.contains("SPDX-License-Identifier") || line.contains("Copyright (c)")
        });
        if let Some(line) = header {
            let mend = "delete the header: the project's one licence is LICENSE. Code of others \
                        does not belong in a source file";
            let got = "a header of its own";
            found.push(Finding::of_file(path, "no licence header", got, mend).at(line + 1));
        }
    }
    found
}

fn named_dependencies(tree: &Tree) -> Vec<Finding> {
    let used = direct_dependencies(tree);
    let named = dependency_rows(tree.text("DESIGN.md").unwrap_or_default());
    let absent = used.iter().filter(|(name, _)| !named.contains_key(*name)).map(|(name, path)| {
        Finding::of_file(
            "DESIGN.md",
            &format!("a row for `{name}`, a dependency in `{path}`"),
            "none",
            "add `| \\`name\\` | licence | why |` to its table of dependencies",
        )
    });
    let stale = named.iter().filter(|(name, _)| !used.contains_key(*name)).map(|(name, line)| {
        Finding::of_file(
            "DESIGN.md",
            "rows for dependencies in use",
            format!("a row for `{name}`, which no manifest names"),
            "delete the row",
        )
        .at(*line)
    });
    absent.chain(stale).collect()
}

/// Every direct dependency outside the project, with a manifest that names it.
fn direct_dependencies(tree: &Tree) -> BTreeMap<String, String> {
    let shared = tree.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok());
    let shared = shared.as_ref().and_then(|root| root.get("workspace")?.get("dependencies"));
    let mut found = BTreeMap::new();
    for (path, manifest) in manifests(tree) {
        for (key, value) in dependencies(&manifest) {
            let package = package_of(key, value, shared);
            if !MEMBERS_ALLOWED.iter().any(|(_, name, _)| *name == package) {
                found.insert(package.to_owned(), path.to_owned());
            }
        }
    }
    for (path, text) in tree.texts(&["/package.json"]) {
        let package: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        for kind in ["dependencies", "devDependencies"] {
            let names = package.get(kind).and_then(serde_json::Value::as_object);
            for name in names.into_iter().flat_map(serde_json::Map::keys) {
                found.insert(name.clone(), path.to_owned());
            }
        }
    }
    found
}

/// The names in the first column of the table of dependencies, with their lines.
fn dependency_rows(text: &str) -> BTreeMap<String, usize> {
    let start = text.find(DEPENDENCIES_HEADING).unwrap_or(text.len());
    let section = &text[start..];
    let end = section[1.min(section.len())..].find("\n## ").map_or(section.len(), |at| at + 1);
    let first = line_of(text, start);
    let rows = section[..end].lines().enumerate().filter_map(|(line, content)| {
        let cell = content.strip_prefix("| `")?;
        let (name, rest) = cell.split_once('`')?;
        // A row without a licence or a reason does not count as naming it.
        let filled = rest.split('|').skip(1).take(2).all(|cell| !cell.trim().is_empty());
        (filled && rest.matches('|').count() >= 3).then(|| (name.to_owned(), first + line))
    });
    rows.collect()
}

fn links(tree: &Tree) -> Vec<Finding> {
    let folders: BTreeSet<&str> =
        tree.paths().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at])).collect();
    let mut found = Vec::new();
    for (path, text) in tree.texts(&[".md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', ' ']).next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let full = join(folder, file);
            if !tree.has(&full) && !folders.contains(full.as_str()) {
                found.push(
                    Finding::of_file(
                        path,
                        "a link to a file of the project",
                        format!("`{target}`"),
                        "name the file from this document's folder",
                    )
                    .at(line_of(text, at)),
                );
            }
        }
    }
    for (path, text) in tree.texts(&[".md"]) {
        for (at, named) in named_paths(text) {
            if !tree.has(named) && !folders.contains(named.trim_end_matches('/')) {
                let mend = "name the file from the root, as it is called now";
                let got = format!("`{named}`");
                let found_one = Finding::of_file(path, "a path of the project", got, mend);
                found.push(found_one.at(line_of(text, at)));
            }
        }
    }
    found
}

/// Every path from the root that a document writes in backticks, with the byte it begins at.
fn named_paths(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('`').filter_map(move |part| {
        let start = at;
        at += part.len() + 1;
        let is_path = FOLDERS.iter().any(|folder| part.starts_with(folder));
        let is_literal = !part.contains([' ', '*', '{', '<', '\n']);
        (is_path && is_literal).then_some((start, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_without_unreleased_is_caught() {
        assert!(changelog(&Tree::of(&[("CHANGELOG.md", "# C\n\n## Unreleased\n")])).is_empty());
        assert_eq!(changelog(&Tree::of(&[("CHANGELOG.md", "## 1.0\n")])).len(), 1);
        assert_eq!(changelog(&Tree::of(&[])).len(), 1);
    }

    #[test]
    fn a_missing_licence_and_a_header_are_caught() {
        let whole = "Apache License\nVersion 2.0, January 2004\n";
        let header = format!("//! Doc.\n// SPDX-{}\n", "License-Identifier: MIT");
        let good = Tree::of(&[("LICENSE", whole), ("a.rs", "//! Doc.\n")]);
        assert!(licence(&good).is_empty());
        let got = licence(&Tree::of(&[("LICENSE", "MIT"), ("a.rs", &header)]));
        let got: Vec<_> = got.into_iter().map(|one| (one.path, one.line)).collect();
        assert_eq!(got, [("LICENSE".to_owned(), None), ("a.rs".to_owned(), Some(2))]);
    }

    #[test]
    fn unnamed_and_stale_dependencies_are_caught() {
        let design = "# D\n## Dependencies\n| name | licence | why |\n| --- | --- | --- |\n\
                      | `serde` | MIT | data |\n| `gone` | MIT | nothing |\n| `empty` | | why |\n\
                      ## Other\n| `libm` | MIT | elsewhere |\n";
        let tree = Tree::of(&[
            ("DESIGN.md", design),
            ("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n"),
            (
                "crates/log/Cargo.toml",
                "[dependencies]\nserde.workspace = true\nlibm = \"1\"\nempty = \"1\"\n\
                 watchfire-base = { path = \"../base\" }\n",
            ),
            ("web/package.json", "{\"devDependencies\":{\"vite\":\"8\"}}"),
        ]);
        let got: Vec<_> =
            named_dependencies(&tree).into_iter().map(|one| (one.expected, one.line)).collect();
        assert_eq!(
            got,
            [
                ("a row for `empty`, a dependency in `crates/log/Cargo.toml`".to_owned(), None),
                ("a row for `libm`, a dependency in `crates/log/Cargo.toml`".to_owned(), None),
                ("a row for `vite`, a dependency in `web/package.json`".to_owned(), None),
                ("rows for dependencies in use".to_owned(), Some(6)),
            ]
        );
    }

    #[test]
    fn paths_that_lead_nowhere_are_caught() {
        let text = "`crates/a/src/b.rs` `crates/a` `log.epoch`\n`crates/gone.rs` `crates/*/x`\n";
        let tree = Tree::of(&[("a.md", text), ("crates/a/src/b.rs", "")]);
        let got: Vec<_> = links(&tree).into_iter().map(|one| (one.got, one.line)).collect();
        assert_eq!(got, [("`crates/gone.rs`".to_owned(), Some(2))]);
    }

    #[test]
    fn links_that_lead_nowhere_are_caught() {
        let text =
            "[a](docs/b.md#x) [b](docs/) [c](https://example.org/x) [d](#here)\n[e](gone.md)\n";
        let tree = Tree::of(&[("a.md", text), ("docs/b.md", "[up](../a.md) [self](b.md)\n")]);
        let got: Vec<_> = links(&tree).into_iter().map(|one| (one.got, one.line)).collect();
        assert_eq!(got, [("`gone.md`".to_owned(), Some(2))]);
    }
}
