//! `cargo xtask demo`: the README's first command.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde::Deserialize;

use crate::command::Given;
use crate::console;
use crate::error::Error;
use crate::process;
use crate::tree;

/// One line of cargo's build messages, as much of it as names the built program.
#[derive(Deserialize)]
struct BuildMessage {
    reason: String,
    target: Option<BuildTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct BuildTarget {
    name: String,
}

/// Builds the console and the node, then becomes `watchfire demo`.
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    let root = tree::root();
    console::build_when_stale(&root)?;
    let profile = if given.has("--release") { &["--release"][..] } else { &[] };
    let program = build_program(&root, "watchfire", "watchfire", profile)?;
    let mut demo = Command::new(&program);
    demo.arg("demo").args(&given.passed_on);
    eprintln!("$ {}", process::shown(&demo));
    become_program(demo, program)
}

/// Builds one program of the workspace as it is shipped, with the features its own package asks for,
/// and returns its path. Cargo's talk goes to stderr.
pub(crate) fn build_program(
    root: &Path,
    package: &str,
    program: &str,
    profile: &[&str],
) -> Result<PathBuf, Error> {
    build(root, &[&["--package", package][..], profile].concat(), program)
}

/// Builds one program with the features the tests of the whole workspace were compiled with, so that
/// nothing is compiled twice.
pub(crate) fn build_tool(root: &Path, program: &str, more: &[&str]) -> Result<PathBuf, Error> {
    build(root, &[&["--workspace"][..], more].concat(), program)
}

fn build(root: &Path, words: &[&str], program: &str) -> Result<PathBuf, Error> {
    let mut cargo = process::program(root, "cargo");
    cargo.arg("build").args(words).args(["--bin", program]);
    eprintln!("$ {}", process::shown(&cargo));
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let messages = process::run_for_stdout(cargo)?;
    executable_in(&messages, program).ok_or_else(|| no_executable(program))
}

/// Cargo built something else.
pub(crate) fn no_executable(program: &str) -> Error {
    Error::Shape {
        at: format!("cargo build --bin {program}"),
        expected: "a message that names the built program".to_owned(),
        got: "none".to_owned(),
        hint: "run it by hand to see what it prints".to_owned(),
    }
}

/// The path of a program in cargo's build messages.
pub(crate) fn executable_in(messages: &str, program: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<BuildMessage>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == program))
        .find_map(|message| message.executable)
}

/// Replaces this process, so that signals and the exit status are the program's own.
#[cfg(unix)]
fn become_program(mut command: Command, path: PathBuf) -> Result<ExitCode, Error> {
    use std::os::unix::process::CommandExt as _;
    let source = command.exec();
    Err(Error::File { path, source })
}

/// Runs the program and ends with its exit status.
#[cfg(not(unix))]
fn become_program(mut command: Command, path: PathBuf) -> Result<ExitCode, Error> {
    let status = command.status().map_err(|source| Error::File { path, source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_program_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"base"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"watchfire"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"watchfire"},"executable":"t/debug/watchfire"}
{"reason":"build-finished","success":true}"#;
        let got = executable_in(messages, "watchfire");
        assert_eq!(got.as_deref(), Some(Path::new("t/debug/watchfire")));
        assert_eq!(executable_in(messages, "base"), None);
    }
}
