//! Files nothing reaches: not part of any crate, imported by no page.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Finding, Rule};
use crate::rust_source::{self, Inclusion, Target};
use crate::tree::{Tree, is_rust};

/// Endings tried when an import names a file without one.
const WEB_ENDINGS: &[&str] = &["", ".ts", ".svelte", ".svelte.ts", ".js", ".mjs", "/index.ts"];
/// Sources of the console that must be reached from a page, a tool's configuration or a test.
const WEB_SOURCES: &[&str] = &[".ts", ".svelte", ".css", ".js", ".mjs"];

pub(super) const RUST: Rule = Rule {
    name: "dead-rust",
    what: "every .rs file is reached by `mod` from a target of its crate",
    check: rust,
};

pub(super) const WEB: Rule = Rule {
    name: "dead-web",
    what: "every .ts and .svelte file of the console is imported by something",
    check: web,
};

fn rust(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for (path, _) in tree.texts(&["Cargo.toml"]) {
        for root in targets(tree, path) {
            reach_rust(tree, &root, true, &mut reached);
        }
    }
    tree.paths()
        .filter(|path| is_rust(path) && !reached.contains(*path))
        .map(|path| {
            Finding::of_file(
                path,
                "a file that `mod` reaches",
                "a file no target includes",
                "add its `mod` line, or delete it",
            )
        })
        .collect()
}

/// The files that cargo compiles as roots of a package.
fn targets(tree: &Tree, manifest_path: &str) -> Vec<String> {
    let folder = manifest_path.trim_end_matches("Cargo.toml");
    let below = |path: &str| -> Option<Vec<String>> {
        Some(path.strip_prefix(folder)?.split('/').map(str::to_owned).collect())
    };
    let mut found: Vec<String> = tree
        .paths()
        .filter(|path| is_rust(path))
        .filter(|path| {
            let Some(parts) = below(path) else { return false };
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            matches!(
                parts[..],
                ["build.rs"]
                    | ["src", "lib.rs" | "main.rs"]
                    | ["src", "bin", _]
                    | ["src", "bin", _, "main.rs"]
                    | ["tests" | "benches" | "examples", _]
                    | ["tests" | "benches" | "examples", _, "main.rs"]
            )
        })
        .map(str::to_owned)
        .collect();
    let manifest = tree.text(manifest_path).and_then(|text| text.parse::<Table>().ok());
    for value in manifest.unwrap_or_default().values() {
        let listed = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let paths = listed.iter().filter_map(|target| target.get("path")?.as_str());
        found.extend(paths.map(|path| join(folder.trim_end_matches('/'), path)));
    }
    found
}

fn reach_rust(tree: &Tree, path: &str, is_root: bool, reached: &mut BTreeSet<String>) {
    let Some(text) = tree.text(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    // Children of `a/b.rs` lie in `a/b/`; children of a root or of `a/mod.rs` beside it.
    let own = if is_root || file == "mod.rs" {
        folder.to_owned()
    } else {
        join(folder, file.trim_end_matches(".rs"))
    };
    for Inclusion { inside, target } in rust_source::inclusions(text, &rust_source::mask(text).code)
    {
        match target {
            Target::Path(relative) => reach_rust(tree, &join(folder, &relative), false, reached),
            Target::Module(name) => {
                let base = inside.iter().fold(own.clone(), |base, inner| join(&base, inner));
                reach_rust(tree, &join(&base, &format!("{name}.rs")), false, reached);
                reach_rust(tree, &join(&base, &format!("{name}/mod.rs")), false, reached);
            }
        }
    }
}

fn web(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for path in tree.paths().filter(|path| is_web_root(path)) {
        reach_web(tree, path, &mut reached);
    }
    tree.paths()
        .filter(|path| path.starts_with("web/src/"))
        .filter(|path| WEB_SOURCES.iter().any(|ending| path.ends_with(ending)))
        .filter(|path| !path.ends_with(".d.ts") && !reached.contains(*path))
        .map(|path| {
            Finding::of_file(
                path,
                "a file that something imports",
                "a file nothing imports",
                "import it, or delete it",
            )
        })
        .collect()
}

/// Pages, tools' configurations, scripts and tests: what a person or a tool starts.
fn is_web_root(path: &str) -> bool {
    let Some(inner) = path.strip_prefix("web/") else { return false };
    let is_source = [".ts", ".mjs", ".js", ".html", ".json"].iter().any(|end| inner.ends_with(end));
    let outside_src = !inner.starts_with("src/") && !inner.contains("node_modules/");
    let is_test = inner.contains(".test.") || inner.contains(".spec.");
    is_source && (outside_src || is_test)
}

fn reach_web(tree: &Tree, path: &str, reached: &mut BTreeSet<String>) {
    let Some(text) = tree.text(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for quoted in quoted(text) {
        let name = quoted.split(['?', '#']).next().unwrap_or(quoted);
        let base = match name.as_bytes() {
            [b'.', ..] => join(folder, name),
            [b'/', ..] => join("web", name.trim_start_matches('/')),
            // Entries of a configuration are written from the console's folder.
            _ if name.starts_with("src/") => join("web", name),
            _ => continue,
        };
        if let Some((start, end)) = base.split_once('*') {
            let end = end.trim_start_matches(['*', '/']);
            let matching: Vec<_> = tree
                .paths()
                .filter(|path| path.starts_with(start) && path.ends_with(end))
                .map(str::to_owned)
                .collect();
            for path in &matching {
                reach_web(tree, path, reached);
            }
            continue;
        }
        let stem = base.trim_end_matches(".js");
        for candidate in WEB_ENDINGS
            .iter()
            .flat_map(|ending| [format!("{base}{ending}"), format!("{stem}{ending}")])
        {
            reach_web(tree, &candidate, reached);
        }
    }
}

/// Everything between two equal quotes on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        ['\'', '"', '`'].into_iter().flat_map(move |quote| line.split(quote).skip(1))
    })
}

/// Joins a folder and a relative path, resolving `.` and `..`.
pub(super) fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(found: Vec<Finding>) -> Vec<String> {
        found.into_iter().map(|one| one.path).collect()
    }

    #[test]
    fn rust_files_without_a_mod_line_are_caught() {
        let tree = Tree::of(&[
            ("a/Cargo.toml", "[[bin]]\nname = \"x\"\npath = \"odd/x.rs\"\n"),
            ("a/odd/x.rs", ""),
            ("a/build.rs", ""),
            ("a/src/lib.rs", "mod b;\nmod c { mod d; }\n// mod gone;\n"),
            ("a/src/b.rs", "mod e;\n#[path = \"f/odd.rs\"]\nmod g;\n"),
            ("a/src/b/e.rs", ""),
            ("a/src/f/odd.rs", ""),
            ("a/src/c/d/mod.rs", "mod h;"),
            ("a/src/c/d/h.rs", ""),
            ("a/src/bin/tool.rs", ""),
            ("a/src/gone.rs", ""),
            ("a/tests/one.rs", "mod common;"),
            ("a/tests/common/mod.rs", ""),
            ("a/tests/common/lost.rs", ""),
        ]);
        assert_eq!(paths(rust(&tree)), ["a/src/gone.rs", "a/tests/common/lost.rs"]);
    }

    #[test]
    fn console_files_nothing_imports_are_caught() {
        let tree = Tree::of(&[
            ("web/index.html", "<script type=\"module\" src=\"/src/main.ts\"></script>"),
            ("web/src/main.ts", "import App from './app/App.svelte'\nimport('./late.js')\n"),
            ("web/src/app/App.svelte", "<script>import { x } from '../kit/x'</script>"),
            ("web/src/kit/x.ts", "new Worker(new URL('./w.ts?worker', import.meta.url))"),
            ("web/src/kit/w.ts", "import.meta.glob('../domains/*/panel.svelte')"),
            ("web/src/domains/track/panel.svelte", ""),
            ("web/src/late.ts", ""),
            ("web/src/env.d.ts", ""),
            ("web/src/kit/x.test.ts", "import './only-tested'"),
            ("web/src/kit/only-tested.ts", ""),
            ("web/src/kit/lost.ts", "import './x'"),
            ("web/src/kit/lost.svelte", ""),
        ]);
        assert_eq!(paths(web(&tree)), ["web/src/kit/lost.svelte", "web/src/kit/lost.ts"]);
    }
}
