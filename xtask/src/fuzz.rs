//! `cargo xtask fuzz [NAME]`: libFuzzer over the decoders of `sim/src/decoders.rs`, on stable Rust.
//!
//! The fuzzer in `fuzz/` is compiled with LLVM's coverage counters and without a sanitizer, which is
//! what stable Rust offers; safe code needs none. What it finds stays under `target/fuzz/NAME`;
//! `--keep` puts the smallest set of inputs with the same coverage into `fuzz/corpus/NAME`, which the
//! tests of `watchfire-sim` replay. Inputs that crash are left under `fuzz/artifacts`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::command::{Flag, Given};
use crate::demo;
use crate::error::Error;
use crate::process;
use crate::tree;

/// Flags of `fuzz`.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::switch("--list", "print the names and stop"),
    Flag::switch(
        "--keep",
        "put the smallest set of inputs with the same coverage into fuzz/corpus",
    ),
    Flag::value("--seconds", "COUNT", "how long for each decoder (default 600; 0 only keeps)"),
];

/// What rustc is told for coverage, as cargo-fuzz does for `--sanitizer none`.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
     --cfg fuzzing -Ccodegen-units=1";
/// Bytes of one input.
const INPUT_BYTES_MAX: usize = 8_192;
/// Files kept of one corpus.
const KEPT_FILES_MAX: usize = 400;
/// Bytes kept of one corpus.
const KEPT_BYTES_MAX: u64 = 256 * 1024;

/// `cargo xtask fuzz [NAME]`
pub(crate) fn run(given: &Given) -> Result<ExitCode, Error> {
    let root = tree::root();
    let names = names(&root)?;
    if given.has("--list") {
        for name in &names {
            println!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<&String> = match given.positional.as_deref() {
        None => names.iter().collect(),
        Some(wanted) => names.iter().filter(|name| *name == wanted).collect(),
    };
    if chosen.is_empty() {
        let wanted = given.positional.as_deref().unwrap_or_default();
        return Err(Error::Usage {
            message: format!("expected the name of a decoder, got `{wanted}`"),
            hint: format!("the names are: {}", names.join(", ")),
        });
    }
    let seconds = given.values("--seconds").last().copied().unwrap_or("600");
    if seconds.parse::<u32>().is_err() {
        return Err(Error::Usage {
            message: format!("expected `--seconds` with a whole number, got `{seconds}`"),
            hint: "try `--seconds 600`".to_owned(),
        });
    }
    let program = build(&root)?;
    for name in chosen {
        let fuzzed = Fuzzed { root: &root, program: &program, name };
        fuzzed.prepare()?;
        if seconds != "0" {
            fuzzed.fuzz(seconds)?;
        }
        if given.has("--keep") {
            fuzzed.keep()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The decoders' names, as their table in `sim/src/decoders.rs` has them.
fn names(root: &Path) -> Result<Vec<String>, Error> {
    let path = root.join("sim/src/decoders.rs");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
    let table = text.split("\n];").next().unwrap_or_default();
    let named = table.split("name: \"").skip(1);
    Ok(named.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect())
}

fn build(root: &Path) -> Result<PathBuf, Error> {
    let folder = root.join("fuzz");
    let host = process::run_for_stdout({
        let mut rustc = process::program(&folder, "rustc");
        rustc.arg("-vV");
        rustc
    })?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let mut cargo = process::program(&folder, "cargo");
    // With a target named, build scripts and macros are compiled without the counters.
    cargo.args(["build", "--release", "--locked", "--target", host]);
    cargo.env("RUSTFLAGS", COVERAGE);
    eprintln!("$ {} (in `fuzz`)", process::shown(&cargo));
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = process::run_for_stdout(cargo)?;
    let name = "watchfire-fuzz";
    demo::executable_in(&messages, name).ok_or_else(|| demo::no_executable(name))
}

/// One decoder being fuzzed.
struct Fuzzed<'a> {
    root: &'a Path,
    program: &'a Path,
    name: &'a str,
}

impl Fuzzed<'_> {
    fn found(&self) -> PathBuf {
        self.root.join("target/fuzz").join(self.name)
    }

    fn corpus(&self) -> PathBuf {
        self.root.join("fuzz/corpus").join(self.name)
    }

    fn fuzzer(&self) -> Command {
        let mut fuzzer = process::program(self.root, &self.program.to_string_lossy());
        fuzzer.env("WATCHFIRE_FUZZ", self.name);
        fuzzer
    }

    /// Folders, and the first inputs.
    fn prepare(&self) -> Result<(), Error> {
        let artifacts = self.root.join("fuzz/artifacts");
        for path in [self.found(), self.corpus(), artifacts] {
            std::fs::create_dir_all(&path).map_err(|source| Error::File { path, source })?;
        }
        let mut seeds = self.fuzzer();
        seeds.env("WATCHFIRE_FUZZ_SEEDS", self.found());
        process::run_talking(seeds)
    }

    fn fuzz(&self, seconds: &str) -> Result<(), Error> {
        let artifacts = self.root.join("fuzz/artifacts").join(format!("{}-", self.name));
        let mut fuzzer = self.fuzzer();
        fuzzer.arg(self.found()).arg(self.corpus());
        fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
        fuzzer.arg(format!("-artifact_prefix={}", artifacts.display()));
        fuzzer.args(["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"]);
        process::run_talking(fuzzer)
    }

    /// Puts the smallest set with the same coverage in the corpus' place.
    fn keep(&self) -> Result<(), Error> {
        let fresh = self.root.join("target/fuzz").join(format!("{}.kept", self.name));
        let _ = std::fs::remove_dir_all(&fresh);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        std::fs::create_dir_all(&fresh).map_err(failed(&fresh))?;
        let mut merge = self.fuzzer();
        merge.arg("-merge=1").arg(format!("-max_len={INPUT_BYTES_MAX}"));
        merge.arg(&fresh).arg(self.found()).arg(self.corpus());
        process::run_talking(merge)?;
        let mut files: Vec<(u64, PathBuf)> = Vec::new();
        for file in std::fs::read_dir(&fresh).map_err(failed(&fresh))? {
            let file = file.map_err(failed(&fresh))?;
            let bytes = file.metadata().map_err(failed(&file.path()))?.len();
            files.push((bytes, file.path()));
        }
        files.sort();
        let corpus = self.corpus();
        std::fs::remove_dir_all(&corpus).map_err(failed(&corpus))?;
        std::fs::create_dir_all(&corpus).map_err(failed(&corpus))?;
        let (mut kept, mut kept_bytes) = (0, 0);
        for (bytes, path) in files.iter().filter(|(bytes, _)| *bytes > 0) {
            if kept == KEPT_FILES_MAX || kept_bytes + bytes > KEPT_BYTES_MAX {
                break;
            }
            let name = path.file_name().expect("a file of a folder has a name");
            // The fuzzer names an input by its hash: half of it tells four hundred apart.
            let name: String = name.to_string_lossy().chars().take(16).collect();
            std::fs::copy(path, corpus.join(name)).map_err(failed(path))?;
            (kept, kept_bytes) = (kept + 1, kept_bytes + bytes);
        }
        eprintln!("{}: {kept} of {} inputs kept, {kept_bytes} bytes", self.name, files.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_corpus_has_a_decoder_of_its_name() {
        let root = tree::root();
        let mut names = names(&root).unwrap();
        names.sort();
        let corpora = std::fs::read_dir(root.join("fuzz/corpus")).unwrap();
        let mut found: Vec<String> =
            corpora.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
        found.sort();
        assert_eq!(names, found);
    }
}
