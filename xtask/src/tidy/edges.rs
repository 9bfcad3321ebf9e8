//! Which crate may depend on which.

use toml::{Table, Value};

use super::{Finding, Rule};
use crate::tree::Tree;

/// Each member: its folder, its package, and the members it may depend on.
///
/// `None` means any: the shell composes everything, the simulator and the commands test it.
pub(super) const MEMBERS_ALLOWED: &[(&str, &str, Option<&[&str]>)] = &[
    ("crates/base", "watchfire-base", Some(&[])),
    ("crates/log", "watchfire-log", Some(&["watchfire-base"])),
    ("crates/sync", "watchfire-sync", Some(&["watchfire-log", "watchfire-base"])),
    ("crates/domains", "watchfire-domains", Some(&["watchfire-log", "watchfire-base"])),
    ("crates/formats", "watchfire-formats", Some(&["watchfire-base"])),
    (
        "crates/watchfire",
        "watchfire",
        Some(&[
            "watchfire-base",
            "watchfire-log",
            "watchfire-sync",
            "watchfire-domains",
            "watchfire-formats",
        ]),
    ),
    ("sim", "watchfire-sim", None),
    ("xtask", "xtask", None),
];

pub(super) const EDGES: Rule = Rule {
    name: "edges",
    what: "a crate depends only on the crates ARCHITECTURE.md draws an edge to",
    check: edges,
};

pub(super) const MEMBERS: Rule = Rule {
    name: "members",
    what: "every crate is a known member and takes the workspace's lints",
    check: members,
};

fn edges(tree: &Tree) -> Vec<Finding> {
    let shared = tree.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok());
    let shared = shared.as_ref().and_then(|root| root.get("workspace")?.get("dependencies"));
    let mut found = Vec::new();
    for (path, manifest) in manifests(tree) {
        let folder = path.trim_end_matches("/Cargo.toml");
        let Some((_, package, Some(allowed))) =
            MEMBERS_ALLOWED.iter().find(|(known, _, _)| *known == folder)
        else {
            continue;
        };
        for (key, value) in dependencies(&manifest) {
            let target = package_of(key, value, shared);
            let is_member = MEMBERS_ALLOWED.iter().any(|(_, name, _)| *name == target);
            // A crate may turn on its own features for its own tests.
            let is_itself = target == *package;
            if is_member && !is_itself && !allowed.contains(&target) {
                found.push(Finding::of_file(
                    path,
                    &format!("`{package}` to depend on {}", list(allowed)),
                    format!("an edge to `{target}`"),
                    "move the shared part down to a crate both may use, or pass it in as data",
                ));
            }
        }
    }
    found
}

fn members(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, manifest) in manifests(tree) {
        let folder = path.trim_end_matches("/Cargo.toml");
        let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
        let known = MEMBERS_ALLOWED.iter().find(|(known, _, _)| *known == folder);
        if known.is_none_or(|(_, package, _)| Some(*package) != name) {
            found.push(Finding::of_file(
                path,
                "a crate that the table of edges knows",
                format!("package `{}`", name.unwrap_or("without a name")),
                "add it to ARCHITECTURE.md and to the table in `xtask/src/tidy/edges.rs`",
            ));
        }
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        if inherits != Some(true) {
            found.push(Finding::of_file(
                path,
                "`[lints] workspace = true`",
                "lints of its own or none",
                "take the workspace's lints; they forbid `unsafe`",
            ));
        }
    }
    found
}

/// Every manifest of a member, parsed; one that does not parse is cargo's to report.
pub(super) fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, Table)> {
    tree.texts(&["/Cargo.toml"])
        .filter(|(path, _)| !path.starts_with("fuzz/"))
        .filter_map(|(path, text)| Some((path, text.parse::<Table>().ok()?)))
}

/// Every dependency of a manifest: normal, development, build, and those of one platform.
pub(super) fn dependencies(manifest: &Table) -> Vec<(&str, &Value)> {
    let mut tables = vec![manifest];
    if let Some(Value::Table(targets)) = manifest.get("target") {
        tables.extend(targets.values().filter_map(Value::as_table));
    }
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .into_iter()
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flat_map(|table| table.iter().map(|(key, value)| (key.as_str(), value)))
        .collect()
}

/// The package behind a dependency's key: a rename here or in the workspace's table, or the key.
pub(super) fn package_of<'a>(key: &'a str, value: &'a Value, shared: Option<&'a Value>) -> &'a str {
    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
    let value = if inherited { shared.and_then(|shared| shared.get(key)) } else { Some(value) };
    value.and_then(|value| value.get("package")?.as_str()).unwrap_or(key)
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "no other crate of the project".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\n\
        log = { path = \"crates/log\", package = \"watchfire-log\" }\nserde = \"1\"\n";

    fn breaches(rule: &Rule, manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[("Cargo.toml", ROOT), ("crates/base/Cargo.toml", manifest)]);
        (rule.check)(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_edge_upwards_is_caught_however_it_is_written() {
        for manifest in [
            "[dependencies]\nlog.workspace = true\n",
            "[dependencies]\nlog = { workspace = true }\n",
            "[dependencies]\nanything = { path = \"../log\", package = \"watchfire-log\" }\n",
            "[dev-dependencies]\nwatchfire-log = { path = \"../log\" }\n",
            "[target.'cfg(unix)'.build-dependencies]\nlog.workspace = true\n",
        ] {
            let got = breaches(&EDGES, manifest);
            assert_eq!(
                got,
                [
                    "crates/base/Cargo.toml: expected `watchfire-base` to depend on no other crate of \
                  the project, got an edge to `watchfire-log`\n  hint: move the shared part down \
                  to a crate both may use, or pass it in as data"
                ],
                "{manifest}"
            );
        }
        for manifest in [
            "[dependencies]\nserde.workspace = true\n",
            "[dev-dependencies]\nwatchfire-base = { path = \".\", features = [\"x\"] }\n",
        ] {
            assert!(breaches(&EDGES, manifest).is_empty(), "{manifest}");
        }
    }

    #[test]
    fn an_unknown_crate_and_own_lints_are_caught() {
        let good = "[package]\nname = \"watchfire-base\"\n[lints]\nworkspace = true\n";
        assert!(breaches(&MEMBERS, good).is_empty());
        let got = breaches(&MEMBERS, "[package]\nname = \"other\"\n");
        assert_eq!(got.len(), 2, "{got:?}");
        assert!(got[0].contains("got package `other`"), "{got:?}");
        assert!(got[1].contains("`[lints] workspace = true`"), "{got:?}");
    }
}
