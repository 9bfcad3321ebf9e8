//! Every package in the lockfile has an allowed licence, an allowed source, and is not banned.
//!
//! The lists are those of `deny.toml`, so that `cargo deny` and this check cannot disagree on
//! what is allowed; this one needs nothing installed and always runs.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::process;
use crate::spdx::Expression;

/// The part of `deny.toml` that is read here; cargo-deny reads the rest.
#[derive(Deserialize)]
struct Policy {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// The part of `cargo metadata` that is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// Nothing for a member of the workspace.
    source: Option<String>,
}

/// Every breach of `deny.toml`, as lines to print.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Error> {
    let path = root.join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
    let policy: Policy = toml::from_str(&text).map_err(|error| Error::Shape {
        at: "deny.toml".to_owned(),
        expected: "the sections licenses, bans and sources".to_owned(),
        got: error.to_string(),
        hint: "mend the file; cargo-deny's documentation describes it".to_owned(),
    })?;
    let mut cargo = process::program(root, "cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    let printed = process::run_for_stdout(cargo)?;
    let metadata: Metadata = serde_json::from_str(&printed).map_err(|error| Error::Shape {
        at: "cargo metadata".to_owned(),
        expected: "a list of packages".to_owned(),
        got: error.to_string(),
        hint: "run it by hand to see what it prints".to_owned(),
    })?;
    let built = names_built(root, &policy.graph.targets)?;
    Ok(metadata.packages.iter().flat_map(|package| breaches(&policy, package, &built)).collect())
}

/// Names of the packages that are really built on these platforms: the lockfile also holds those
/// that only a feature nobody turned on, or another platform, would want.
fn names_built(root: &Path, targets: &[String]) -> Result<BTreeSet<String>, Error> {
    let mut cargo = process::program(root, "cargo");
    cargo.args(["tree", "--workspace", "--locked", "--edges", "all"]);
    for target in targets {
        cargo.args(["--target", target]);
    }
    cargo.args(["--prefix", "none", "--format", "{p}"]);
    let printed = process::run_for_stdout(cargo)?;
    Ok(printed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

/// What is wrong with one package.
fn breaches(policy: &Policy, package: &Package, built: &BTreeSet<String>) -> Vec<String> {
    let name = format!("[licences] package `{} {}`", package.name, package.version);
    let mut found = Vec::new();
    let allowed: Vec<String> = policy
        .licenses
        .exceptions
        .iter()
        .filter(|exception| exception.name == package.name)
        .flat_map(|exception| exception.allow.iter().cloned())
        .chain(policy.licenses.allow.iter().cloned())
        .collect();
    let licence = package.license.as_deref().unwrap_or_default();
    if !Expression::parse(licence).is_some_and(|one| one.is_satisfied_by(&allowed)) {
        found.push(format!(
            "{name}: expected a licence that `deny.toml` allows, got `{licence}`\n  hint: choose \
             another package, or add an exception with its reason"
        ));
    }
    let is_banned = policy.bans.deny.iter().any(|banned| banned.name == package.name);
    if is_banned && built.contains(&package.name) {
        found.push(format!(
            "{name}: expected no package banned by `deny.toml`, got this one\n  hint: `cargo tree \
             -i {}` shows who wants it; turn that feature off",
            package.name
        ));
    }
    if let Some(source) = &package.source {
        let url = source.strip_prefix("registry+").unwrap_or(source);
        if !policy.sources.allow_registry.iter().any(|allowed| allowed == url) {
            found.push(format!(
                "{name}: expected a source that `deny.toml` allows, got `{source}`\n  hint: depend \
                 on a release from crates.io"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
        [graph]
        targets = []
        [licenses]
        allow = [\"MIT\"]
        exceptions = [{ crate = \"odd\", allow = [\"OpenSSL\"] }]
        [bans]
        deny = [{ crate = \"native-tls\" }, { crate = \"openssl\" }]
        [sources]
        allow-registry = [\"https://registry.example/index\"]
    ";

    #[test]
    fn each_kind_of_breach_is_caught() {
        let policy: Policy = toml::from_str(POLICY).expect("parses");
        let built = BTreeSet::from(["native-tls".to_owned()]);
        let registry = Some("registry+https://registry.example/index");
        for (name, licence, source, expect) in [
            ("a", Some("MIT OR GPL-3.0"), registry, None),
            ("member", Some("MIT"), None, None),
            ("odd", Some("MIT AND OpenSSL"), registry, None),
            ("b", Some("MIT AND OpenSSL"), registry, Some("got `MIT AND OpenSSL`")),
            ("c", None, registry, Some("got ``")),
            ("native-tls", Some("MIT"), registry, Some("banned by `deny.toml`")),
            ("openssl", Some("MIT"), registry, None),
            ("d", Some("MIT"), Some("git+https://x.example/d"), Some("got `git+https://x.")),
        ] {
            let package = Package {
                name: name.to_owned(),
                version: "1.0.0".to_owned(),
                license: licence.map(str::to_owned),
                source: source.map(str::to_owned),
            };
            let got = breaches(&policy, &package, &built);
            assert_eq!(got.len(), usize::from(expect.is_some()), "{name}: {got:?}");
            assert!(got.iter().all(|line| line.contains(expect.unwrap_or_default())), "{got:?}");
        }
    }

    #[test]
    fn the_projects_own_policy_is_read() {
        let text = std::fs::read_to_string(crate::tree::root().join("deny.toml"));
        let policy: Policy = toml::from_str(&text.expect("deny.toml is there")).expect("parses");
        assert!(policy.licenses.allow.iter().any(|one| one == "Apache-2.0"));
        assert!(!policy.licenses.allow.iter().any(|one| one.starts_with("GPL")));
    }
}
