//! The one binary: a node, and the commands around it.
//!
//! Start here: [`cli`] is the one definition of commands from which help and completions come;
//! [`node::run`] starts a node; [`core::Core`] is its loop.
//!
//! **Architecture Invariant:** only this crate knows sockets, files, SQL, TLS, HTTP and the clock.
//! **Architecture Invariant:** nothing leaves a node before its store has it.

mod audit;
mod backup;
mod bench;
mod bundle;
mod cap;
mod cli;
mod client;
mod clock;
mod config;
mod console;
mod core;
mod demo;
mod doctor;
mod entropy;
mod error;
mod export;
mod federation;
mod feed;
mod heartbeat;
mod http;
mod ingest;
mod key_file;
mod line;
mod node;
mod officer;
mod outside;
mod passphrase;
mod play;
mod replay;
mod root_key;
mod service;
mod store;
mod telemetry;

use std::process::ExitCode;

/// Statements are many small pieces of memory; the system's allocator took a tenth of a busy node's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error::Report(&error));
            ExitCode::from(2)
        }
    }
}
