//! The pure crates do no I/O, read no clock and know no carrier.

use toml::{Table, Value};

use super::edges::{dependencies, manifests, package_of};
use super::{Finding, Rule};
use crate::tree::Tree;

/// Folders of the pure crates.
const PURE: &[&str] =
    &["crates/base", "crates/log", "crates/sync", "crates/domains", "crates/formats"];

/// Methods a pure crate's `clippy.toml` bans.
const METHODS_BANNED: &[&str] = &[
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::env::var",
    "std::thread::spawn",
    "f64::sin",
    "f64::cos",
    "f64::sin_cos",
    "f64::tan",
    "f64::asin",
    "f64::acos",
    "f64::atan",
    "f64::atan2",
    "f64::exp",
    "f64::ln",
    "f64::log10",
    "f64::powf",
    "f64::powi",
    "f64::mul_add",
    "f64::hypot",
];

/// Types a pure crate's `clippy.toml` bans.
const TYPES_BANNED: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::fs::File",
    "std::net::TcpStream",
];

/// Packages that do I/O, read a clock or make randomness: the shell's alone.
const PACKAGES_OF_THE_SHELL: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "mio",
    "quinn",
    "rand",
    "rayon",
    "reqwest",
    "rusqlite",
    "rustls",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tower",
    "tracing-subscriber",
];

pub(super) const BANS: Rule = Rule {
    name: "purity-bans",
    what: "every pure crate's clippy.toml bans clocks, files, hash order and std trigonometry",
    check: bans,
};

pub(super) const DEPENDENCIES: Rule = Rule {
    name: "purity-crates",
    what: "no pure crate depends on a crate that does I/O; only the shell knows tokio, HTTP, TLS, SQL",
    check: shell_packages,
};

fn bans(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for folder in PURE.iter().filter(|folder| tree.has(&format!("{folder}/Cargo.toml"))) {
        let path = format!("{folder}/clippy.toml");
        let table = tree.text(&path).and_then(|text| text.parse::<Table>().ok());
        let table = table.unwrap_or_default();
        for (key, wanted) in
            [("disallowed-methods", METHODS_BANNED), ("disallowed-types", TYPES_BANNED)]
        {
            let banned = paths_in(table.get(key));
            for path_wanted in wanted.iter().filter(|path| !banned.contains(path)) {
                found.push(Finding::of_file(
                    &path,
                    &format!("`{path_wanted}` in `{key}`"),
                    "no such ban",
                    "copy the entry from `crates/base/clippy.toml`",
                ));
            }
        }
    }
    found
}

fn paths_in(list: Option<&Value>) -> Vec<&str> {
    let entries = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(|one| one.as_str().or_else(|| one.get("path")?.as_str())).collect()
}

fn shell_packages(tree: &Tree) -> Vec<Finding> {
    let shared = tree.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok());
    let shared = shared.as_ref().and_then(|root| root.get("workspace")?.get("dependencies"));
    let mut found = Vec::new();
    for (path, manifest) in manifests(tree) {
        if !PURE.contains(&path.trim_end_matches("/Cargo.toml")) {
            continue;
        }
        for (key, value) in dependencies(&manifest) {
            let package = package_of(key, value, shared);
            if PACKAGES_OF_THE_SHELL.contains(&package) {
                found.push(Finding::of_file(
                    path,
                    "a pure crate without I/O, clock or randomness",
                    format!("a dependency on `{package}`"),
                    "take what it gives as an argument and let `crates/watchfire` call it",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_ban_is_caught() {
        let all = |skip: &str| {
            let of = |list: &[&str]| {
                let kept = list.iter().filter(|path| **path != skip);
                let kept = kept.map(|path| format!("{{ path = \"{path}\", reason = \"\" }}"));
                kept.collect::<Vec<_>>().join(",")
            };
            let (methods, types) = (of(METHODS_BANNED), of(TYPES_BANNED));
            format!("disallowed-methods = [{methods}]\ndisallowed-types = [{types}]\n")
        };
        let found = |text: &str| {
            let files = [("crates/log/Cargo.toml", ""), ("crates/log/clippy.toml", text)];
            bans(&Tree::of(&files))
        };
        assert!(found(&all("none")).is_empty());
        let got = found(&all("f64::sin"));
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].expected, "`f64::sin` in `disallowed-methods`");
        assert_eq!(found("").len(), METHODS_BANNED.len() + TYPES_BANNED.len());
    }

    #[test]
    fn a_carrier_in_a_pure_crate_is_caught() {
        let manifest = "[dependencies]\ntokio.workspace = true\n";
        let tree = Tree::of(&[
            ("crates/sync/Cargo.toml", manifest),
            ("crates/watchfire/Cargo.toml", manifest),
        ]);
        let got = shell_packages(&tree);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].path, "crates/sync/Cargo.toml");
        assert_eq!(got[0].got, "a dependency on `tokio`");
    }
}
