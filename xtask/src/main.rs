//! The developer's commands: `cargo xtask demo`, `cargo xtask test` and their helpers.
//!
//! Start here: [`COMMANDS`] is the whole list; the parser and every `--help` derive from it.
//! `tidy` holds the rules of the tree (each a small module), `test` the steps of the README's
//! second command, `generated` the files that are made from other files.
//!
//! **Architecture Invariant:** data goes to stdout, talk goes to stderr; `test` alone talks on
//! stdout, because its talk is its result.
//! **Architecture Invariant:** a tool that is not installed is named with the command that
//! installs it; nothing is left out silently.

mod bench;
mod command;
mod console;
mod demo;
mod error;
mod format;
mod fuzz;
mod generated;
mod licences;
mod netns;
mod process;
mod rust_source;
mod soak;
mod spdx;
mod test;
mod tidy;
mod toy;
mod tree;

use std::process::ExitCode;

use command::{Command, Flag, Request};
use error::Error;

/// Every command, in the order `--help` shows them.
const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        summary: "build the console and the node, then play a scenario on three nodes",
        positional: None,
        flags: &[Flag::switch("--release", "build with the release profile (slower to build)")],
        passes_on: Some("watchfire demo"),
        run: demo::run,
    },
    Command {
        name: "test",
        summary: "every check of the project, each step timed",
        positional: None,
        flags: test::FLAGS,
        passes_on: None,
        run: test::run,
    },
    Command {
        name: "fmt",
        summary: "format every Rust file",
        positional: None,
        flags: &[Flag::switch("--check", "change nothing; fail where a file is not formatted")],
        passes_on: None,
        run: format::run,
    },
    Command {
        name: "tidy",
        summary: "the rules of the tree: edges, lengths, words, dead files, licences",
        positional: None,
        flags: &[Flag::switch("--list", "print the rules and stop")],
        passes_on: None,
        run: tidy::run,
    },
    Command {
        name: "codegen",
        summary: "make the generated files anew",
        positional: None,
        flags: &[
            Flag::switch("--check", "change nothing; fail where a file is stale"),
            Flag::switch("--list", "print the generated files and stop"),
        ],
        passes_on: None,
        run: generated::run,
    },
    Command {
        name: "toy",
        summary: "add a toy domain to a copy of the workspace and look for it everywhere",
        positional: None,
        flags: &[],
        passes_on: None,
        run: toy::run,
    },
    Command {
        name: "bench",
        summary: "run a benchmark by name and report it next to this machine's limits",
        positional: Some("NAME"),
        flags: bench::FLAGS,
        passes_on: Some("the measuring program"),
        run: bench::run_bench,
    },
    Command {
        name: "nats-core",
        summary: "one client of the NATS comparison, started by `bench flash` on its own host",
        positional: None,
        flags: bench::core_nats::FLAGS,
        passes_on: None,
        run: bench::core_nats::run,
    },
    Command {
        name: "validate",
        summary: "compare results with published references by name",
        positional: Some("NAME"),
        flags: bench::FLAGS,
        passes_on: Some("the measuring program"),
        run: bench::run_validate,
    },
    Command {
        name: "soak",
        summary: "run a long load by name: simulated clusters, or real processes with faults",
        positional: Some("NAME"),
        flags: soak::FLAGS,
        passes_on: None,
        run: soak::run,
    },
    Command {
        name: "fuzz",
        summary: "make up input for a decoder, or for all of them",
        positional: Some("NAME"),
        flags: fuzz::FLAGS,
        passes_on: None,
        run: fuzz::run,
    },
];

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: Vec<String>) -> Result<ExitCode, Error> {
    match command::parse(COMMANDS, words)? {
        Request::Help(text) => {
            println!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Request::Run(command, given) => (command.run)(&given),
    }
}
