//! Files that are made from other files: what makes each, and whether it is fresh.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::command::Given;
use crate::console;
use crate::demo;
use crate::error::Error;
use crate::process;
use crate::tree;

/// Every generated file, in an order in which each is made after what it is made from.
const GENERATED: &[Generated] = &[
    Generated {
        path: "docs/openapi.json",
        from: "the routes and the registry of domains",
        maker: Maker::Program(&["openapi"]),
    },
    Generated {
        path: "docs/domains.md",
        from: "the registry of domains",
        maker: Maker::Program(&["domains", "--markdown"]),
    },
    Generated {
        path: "web/src/generated/api.ts",
        from: "docs/openapi.json",
        maker: Maker::Npm(&["run", "--silent", "generate"]),
    },
];

/// One generated file.
struct Generated {
    path: &'static str,
    from: &'static str,
    maker: Maker,
}

/// What makes a file.
enum Maker {
    /// `watchfire` with these words prints it.
    Program(&'static [&'static str]),
    /// `npm` with these words, in the console's folder, writes it in place.
    Npm(&'static [&'static str]),
}

/// What became of one file.
enum Made {
    Fresh,
    /// It differed, first at this line; without `--check` it is written.
    Stale(usize),
    Skipped(&'static str),
}

/// `cargo xtask codegen`
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    if given.has("--list") {
        for file in GENERATED {
            println!("{:<28} from {}", file.path, file.from);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let is_check = given.has("--check");
    let stale = make_all(&tree::root(), is_check)?;
    if stale == 0 || !is_check {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::Faults {
        what: "stale generated files".to_owned(),
        count: stale,
        hint: MEND.to_owned(),
    })
}

/// The mend of a stale file.
pub(crate) const MEND: &str = "run `cargo xtask codegen` and commit what it writes";

/// Makes every generated file, or only compares, and returns how many were stale.
pub(crate) fn make_all(root: &Path, is_check: bool) -> Result<usize, Error> {
    let node = console::node_is_usable(root);
    let watchfire = demo::build_program(root, "watchfire", "watchfire", &[])?;
    let mut stale = 0;
    for file in GENERATED {
        match make(root, &watchfire, node, file, is_check)? {
            Made::Fresh => println!("{}: fresh", file.path),
            Made::Skipped(reason) => println!("{}: SKIPPED: {reason}", file.path),
            Made::Stale(_) if !is_check => {
                stale += 1;
                println!("{}: written", file.path);
            }
            Made::Stale(line) => {
                stale += 1;
                println!(
                    "{}:{line}: expected what {} gives, got an older or edited text\n  hint: {MEND}",
                    file.path, file.from
                );
            }
        }
    }
    Ok(stale)
}

fn make(
    root: &Path,
    watchfire: &Path,
    node: bool,
    file: &Generated,
    is_check: bool,
) -> Result<Made, Error> {
    let path = root.join(file.path);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let new = match file.maker {
        Maker::Program(words) => {
            let mut program = process::program(root, &watchfire.to_string_lossy());
            program.args(words);
            process::run_for_stdout(program)?
        }
        Maker::Npm(_) if !node => return Ok(Made::Skipped(console::NODE_ABSENT)),
        Maker::Npm(words) => {
            if console::install_is_stale(root) {
                process::run_talking(console::npm(root, &["ci"]))?;
            }
            process::run_talking(console::npm(root, words))?;
            read(&path)?
        }
    };
    if new == old {
        return Ok(Made::Fresh);
    }
    let kept = if is_check { &old } else { &new };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|source| Error::File { path: folder.to_owned(), source })?;
    }
    std::fs::write(&path, kept).map_err(|source| Error::File { path, source })?;
    Ok(Made::Stale(first_difference(&old, &new)))
}

fn read(path: &PathBuf) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File { path: path.clone(), source })
}

/// The first line that differs, counted from 1.
fn first_difference(old: &str, new: &str) -> usize {
    old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        for (old, new, expect) in
            [("a\nb\nc", "a\nB\nc", 2), ("", "a", 1), ("a\n", "a\nb\n", 2), ("a\nb", "a", 2)]
        {
            assert_eq!(first_difference(old, new), expect, "{old:?} {new:?}");
        }
    }

    #[test]
    fn every_generated_file_has_its_own_path_and_lies_in_the_tree() {
        for (at, file) in GENERATED.iter().enumerate() {
            assert!(!file.path.starts_with('/') && !file.path.contains(".."), "{}", file.path);
            assert!(GENERATED[at + 1..].iter().all(|other| other.path != file.path));
        }
    }
}
