//! Formatting of every tracked Rust file: the domains are declared by a macro, so `cargo fmt`, which
//! follows `mod` lines, does not reach them.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::command::Given;
use crate::error::Error;
use crate::process;
use crate::tree::{self, Tree, is_rust};

/// `cargo xtask fmt`
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    let mut rustfmt = command(&tree::root())?;
    if given.has("--check") {
        rustfmt.arg("--check");
    }
    let status = rustfmt
        .status()
        .map_err(|source| Error::File { path: rustfmt.get_program().into(), source })?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `rustfmt` with every Rust file of the tree; `rustfmt.toml` says how.
pub(crate) fn command(root: &Path) -> Result<Command, Error> {
    let tree = Tree::open(root)?;
    let mut rustfmt = process::program(root, "rustfmt");
    rustfmt.args(tree.paths().filter(|path| is_rust(path)));
    Ok(rustfmt)
}
