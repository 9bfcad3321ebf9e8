//! What must not know each other though one crate or one manifest would let it.

use super::{Finding, Rule};
use crate::rust_source;
use crate::tree::Tree;

/// The folder whose folders are the domains.
const DOMAINS_FOLDER: &str = "crates/domains/src/";
/// The folder of the physics that makes the truth.
const TRUTH_FOLDER: &str = "sim/src/scenario";
/// The crate of the estimators, as code names it.
const ESTIMATORS: &[&str] = &["domains", "watchfire_domains"];

pub(super) const DOMAINS: Rule = Rule {
    name: "domains-apart",
    what: "no domain names another; they meet in signals",
    check: domains,
};

pub(super) const TRUTH: Rule = Rule {
    name: "truth-apart",
    what: "the physics that makes the truth uses nothing of the estimators",
    check: truth,
};

fn domains(tree: &Tree) -> Vec<Finding> {
    let library = tree.text("crates/domains/src/lib.rs").unwrap_or_default();
    let all = rust_source::registry(&rust_source::mask(library).code);
    let mut found = Vec::new();
    for own in &all {
        for (path, text) in tree.texts(&[".rs"]) {
            let inner = path.strip_prefix(DOMAINS_FOLDER).unwrap_or_default();
            if !inner.starts_with(&format!("{own}/")) && inner != format!("{own}.rs") {
                continue;
            }
            let code = rust_source::mask(text).code;
            for (at, word) in rust_source::words(&code) {
                if all.iter().any(|other| other == word && other != own) && is_root(&code, at) {
                    found.push(
                        Finding::of_file(
                            path,
                            &format!("`{own}` to know no other domain"),
                            format!("`crate::{word}`"),
                            "emit a signal in one and read it in the other",
                        )
                        .at(rust_source::line_of(&code, at)),
                    );
                }
            }
        }
    }
    found
}

/// Whether the name at a byte is the first after `crate::`, alone or in a list of imports.
fn is_root(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end();
    if before.ends_with("crate::") {
        return true;
    }
    let start = before.rfind(';').map_or(0, |end| end + 1);
    let Some(list) = before[start..].find("use crate::{").map(|list| start + list) else {
        return false;
    };
    let inside = &before[list..];
    let depth = inside.matches('{').count().saturating_sub(inside.matches('}').count());
    depth == 1 && inside.ends_with(['{', ','])
}

fn truth(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(&[".rs"]).filter(|(path, _)| path.starts_with(TRUTH_FOLDER)) {
        let code = rust_source::mask(text).code;
        let named = rust_source::words(&code).filter(|(at, word)| {
            ESTIMATORS.contains(word) && code[at + word.len()..].starts_with("::")
        });
        found.extend(named.map(|(at, word)| {
            Finding::of_file(
                path,
                "physics of its own",
                format!("`{word}::`"),
                "write it again here, with another formulation: one must not hide the other's fault",
            )
            .at(rust_source::line_of(&code, at))
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_names_another_is_caught() {
        for (text, line) in [
            ("use crate::track::Track;", Some(1)),
            ("\nfn f(x: crate::track::Track) {}", Some(2)),
            ("use crate::{\n    Signal, track::Track,\n};", Some(2)),
            ("use crate::{Signal, Signals};\nlet track = 1;", None),
            ("use crate::{warning::track, Signal};", None),
            ("use super::track;\n// crate::track", None),
        ] {
            let tree = Tree::of(&[
                ("crates/domains/src/lib.rs", "registry::registry! { track warning }"),
                ("crates/domains/src/warning/mod.rs", text),
                ("crates/domains/src/track/mod.rs", "use crate::track::own;"),
            ]);
            let got: Vec<_> = domains(&tree).iter().map(|one| one.line).collect();
            assert_eq!(got, line.into_iter().map(Some).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn truth_that_uses_an_estimator_is_caught() {
        let tree = Tree::of(&[
            ("sim/src/scenario/flight.rs", "use base::math;\nuse domains::track::gravity;"),
            ("sim/src/scenario/earth.rs", "// domains::track\nlet domains = 1;"),
            ("sim/src/cluster/mod.rs", "use domains::View;"),
        ]);
        let got: Vec<_> = truth(&tree).into_iter().map(|one| (one.path, one.line)).collect();
        assert_eq!(got, [("sim/src/scenario/flight.rs".to_owned(), Some(2))]);
    }
}
