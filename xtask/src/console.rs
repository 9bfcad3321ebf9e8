//! Building the console, where Node is there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::error::Error;
use crate::process;

/// The oldest major version of Node that builds the console.
const NODE_MAJOR_MIN: u32 = 20;
/// What makes a built console stale: files and folders below the console's folder.
const SOURCES: &[&str] = &[
    "src",
    "public",
    "scripts",
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "vite.config.ts",
];

/// The sentence shown where Node is absent or too old.
pub(crate) const NODE_ABSENT: &str = "Node 20 or later is not installed";

/// Whether a Node that can build the console is installed.
pub(crate) fn node_is_usable(root: &Path) -> bool {
    if !process::is_installed("node") || !process::is_installed("npm") {
        return false;
    }
    let mut node = process::program(root, "node");
    node.arg("--version");
    process::run_for_stdout(node)
        .is_ok_and(|version| major(&version).is_some_and(|major| major >= NODE_MAJOR_MIN))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// `npm` in the console's folder, quiet about colours and funding.
pub(crate) fn npm(root: &Path, words: &[&str]) -> Command {
    let mut npm = process::program(root, "npm");
    npm.args(words).current_dir(root.join("web")).env("NO_COLOR", "1").env("CI", "true");
    npm
}

/// Whether `npm ci` has to run: never run, or the lockfile is newer than what it left.
pub(crate) fn install_is_stale(root: &Path) -> bool {
    let left = newest(&root.join("web/node_modules/.package-lock.json"));
    left.is_none() || newest(&root.join("web/package-lock.json")) > left
}

/// Builds the console where its sources are newer than its build. Its talk goes to stderr.
pub(crate) fn build_when_stale(root: &Path) -> Result<(), Error> {
    if !node_is_usable(root) {
        eprintln!("console absent: {NODE_ABSENT}; the node runs without it");
        return Ok(());
    }
    let built = newest(&root.join("web/dist/index.html"));
    let source = SOURCES.iter().filter_map(|source| newest(&root.join("web").join(source))).max();
    if built.is_some() && source <= built {
        eprintln!("console is built");
        return Ok(());
    }
    if install_is_stale(root) {
        process::run_talking(npm(root, &["ci"]))?;
    }
    process::run_talking(npm(root, &["run", "build"]))
}

/// The newest change of a file, or of any file below a folder.
fn newest(path: &Path) -> Option<SystemTime> {
    let about = std::fs::metadata(path).ok()?;
    if !about.is_dir() {
        return about.modified().ok();
    }
    let inside = std::fs::read_dir(path).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    inside.filter_map(|path: PathBuf| newest(&path)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_read() {
        for (text, expect) in [("v20.20.2\n", Some(20)), ("v9.0.0", Some(9)), ("20", None)] {
            assert_eq!(major(text), expect, "{text}");
        }
    }
}
