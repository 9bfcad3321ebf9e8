//! Files one can hold in one's head, functions one can read without scrolling far.

use super::{Finding, Rule};
use crate::rust_source;
use crate::tree::Tree;

/// Lines of one source file.
const FILE_LINES_MAX: usize = 800;
/// Lines of one function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 100;
/// Files made by a program, with the program; nobody holds them in the head.
const GENERATED: &[(&str, &str)] =
    &[("web/src/generated/", "made by `npm run generate` from docs/openapi.json")];

pub(super) const FILES: Rule =
    Rule { name: "file-length", what: "a source file has at most 800 lines", check: files };

pub(super) const FUNCTIONS: Rule = Rule {
    name: "function-length",
    what: "a Rust function has at most 100 lines",
    check: functions,
};

fn files(tree: &Tree) -> Vec<Finding> {
    tree.texts(&[".rs", ".ts", ".svelte", ".mjs", ".js", ".py"])
        .filter(|(path, _)| !GENERATED.iter().any(|(start, _)| path.starts_with(start)))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let found = Finding::of_file(
                path,
                &format!("at most {FILE_LINES_MAX} lines"),
                format!("{lines} lines"),
                "split it along its parts; the module's first doc line names each part",
            );
            (lines > FILE_LINES_MAX).then_some(found)
        })
        .collect()
}

fn functions(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(&[".rs"]) {
        for function in rust_source::functions(&rust_source::mask(text).code) {
            let lines = function.last - function.first + 1;
            if lines > FUNCTION_LINES_MAX {
                found.push(
                    Finding::of_file(
                        path,
                        &format!("at most {FUNCTION_LINES_MAX} lines a function"),
                        format!("`{}` with {lines} lines", function.name),
                        "push the `if`s up and the `for`s down; name each step",
                    )
                    .at(function.first),
                );
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_caught() {
        let (fits, long) = ("x\n".repeat(800), "x\n".repeat(801));
        let tree = Tree::of(&[
            ("a.rs", &fits),
            ("b.rs", &long),
            ("web/src/app/c.svelte", &long),
            ("web/src/generated/api.ts", &long),
            ("notes.md", &long),
        ]);
        let got: Vec<_> = files(&tree).into_iter().map(|one| (one.path, one.got)).collect();
        assert_eq!(
            got,
            [
                ("b.rs".to_owned(), "801 lines".to_owned()),
                ("web/src/app/c.svelte".to_owned(), "801 lines".to_owned()),
            ]
        );
    }

    #[test]
    fn long_functions_are_caught_where_they_begin() {
        let body = "    step();\n".repeat(98);
        let fits = format!("//! Doc.\nfn fits() {{\n{body}}}\n");
        let long = format!("//! Doc.\nfn long() {{\n    // }}\n{body}}}\n");
        let got = functions(&Tree::of(&[("a.rs", &fits), ("b.rs", &long)]));
        assert_eq!(got.len(), 1, "{got:?}");
        assert_eq!((got[0].path.as_str(), got[0].line), ("b.rs", Some(2)));
        assert_eq!(got[0].got, "`long` with 101 lines");
    }
}
