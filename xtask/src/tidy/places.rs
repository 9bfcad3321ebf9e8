//! What must not be written down: paths of one machine, hosts of registries, large files.

use super::{Finding, Rule};
use crate::rust_source::line_of;
use crate::tree::Tree;

/// First folders of absolute paths that exist on one machine only.
const MACHINE_FOLDERS: &[&str] = &["work", "root", "farm", "home", "Users"];
/// Bytes of one tracked file.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Files that may be larger, each with its reason.
const LARGE_FILES: &[(&str, &str)] = &[];
/// The one source cargo's lockfile may name; it is the same on every machine.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) const MACHINE_PATHS: Rule = Rule {
    name: "machine-paths",
    what: "no absolute path of one machine is written down",
    check: machine_paths,
};

pub(super) const REGISTRIES: Rule = Rule {
    name: "registries",
    what: "lock and package files name no registry host",
    check: registries,
};

pub(super) const SIZE: Rule = Rule {
    name: "file-size",
    what: "a tracked file has at most 1 MiB unless it is listed with a reason",
    check: size,
};

fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in tree.paths() {
        let Some(text) = tree.text(path) else { continue };
        for folder in MACHINE_FOLDERS {
            let sign = format!("/{folder}/");
            let ends = text.match_indices(&sign).filter(|(at, _)| begins_path(text, *at));
            found.extend(ends.map(|(at, _)| {
                Finding::of_file(
                    path,
                    "paths relative to the repository",
                    format!("`{sign}`"),
                    "use a relative path, `env!(\"CARGO_MANIFEST_DIR\")`, or a temporary folder",
                )
                .at(line_of(text, at))
            }));
        }
    }
    found
}

/// Whether the slash at a byte begins an absolute path, not the middle of one or of an address.
fn begins_path(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    !before.is_some_and(|sign| sign.is_alphanumeric() || "._-~}>)$*@/".contains(sign))
}

fn registries(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut breach = |path: &str, line: usize, got: &str, mend: &str| {
        let got = format!("`{}`", got.trim());
        found.push(Finding::of_file(path, "no registry host", got, mend).at(line + 1));
    };
    for (path, text) in tree.texts(&["Cargo.lock"]) {
        for (line, content) in text.lines().enumerate() {
            if content.starts_with("source = ") && !content.contains(CRATES_IO) {
                breach(path, line, content, "depend on a release from crates.io");
            }
        }
    }
    for (path, text) in tree.texts(&["package-lock.json"]) {
        for (line, content) in text.lines().enumerate() {
            if content.contains("\"resolved\":") {
                breach(path, line, content, "set `omit-lockfile-registry-resolved=true` in .npmrc");
            }
        }
    }
    for (path, text) in
        tree.texts(&[".npmrc", "pip.conf", ".cargo/config.toml", "requirements.txt"])
    {
        for (line, content) in text.lines().enumerate() {
            if content.contains("://") || content.contains("replace-with") {
                breach(path, line, content, "keep a machine's registry in its own configuration");
            }
        }
    }
    found
}

fn size(tree: &Tree) -> Vec<Finding> {
    tree.paths()
        .filter(|path| !LARGE_FILES.iter().any(|(large, _)| large == path))
        .filter(|path| tree.size(path) > FILE_BYTES_MAX)
        .map(|path| {
            Finding::of_file(
                path,
                &format!("at most {FILE_BYTES_MAX} bytes"),
                format!("{} bytes", tree.size(path)),
                "make it smaller, make it at build time, or list it with its reason in \
                 `xtask/src/tidy/places.rs`",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_caught() {
        let slash = "/";
        for (text, count) in [
            (format!("see {slash}work/x"), 1),
            (format!("\"{slash}home/me\""), 1),
            (format!("a\n`{slash}root/.cargo`"), 1),
            (format!("merkle{slash}root/leaf"), 0),
            (format!("https://host{slash}home/page"), 0),
            (format!("..{slash}work/x"), 0),
            (format!("{slash}workspace/x"), 0),
        ] {
            assert_eq!(machine_paths(&Tree::of(&[("a.md", &text)])).len(), count, "{text}");
        }
    }

    #[test]
    fn registry_hosts_are_caught() {
        let own = format!("[[package]]\nname = \"a\"\nsource = \"{CRATES_IO}\"\n");
        for (path, text, line) in [
            ("Cargo.lock", own.as_str(), None),
            ("Cargo.lock", "[[package]]\nsource = \"git+https://example.org/x\"\n", Some(2)),
            ("web/package-lock.json", "{\n\"resolved\": \"https://example.org/a.tgz\"}", Some(2)),
            ("web/package-lock.json", "{\n\"integrity\": \"sha512-x\"}", None),
            ("web/.npmrc", "registry=https://example.org/\n", Some(1)),
            (".cargo/config.toml", "[source.crates-io]\nreplace-with = \"x\"\n", Some(2)),
        ] {
            let got = registries(&Tree::of(&[(path, text)]));
            let expect: Vec<_> = line.into_iter().map(Some).collect();
            assert_eq!(got.iter().map(|one| one.line).collect::<Vec<_>>(), expect, "{text}");
        }
    }

    #[test]
    fn large_files_are_caught() {
        let (fits, large) = ("x".repeat(FILE_BYTES_MAX), "x".repeat(FILE_BYTES_MAX + 1));
        let got = size(&Tree::of(&[("a.bin", &fits), ("b.bin", &large)]));
        assert_eq!(got.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["b.bin"]);
    }
}
