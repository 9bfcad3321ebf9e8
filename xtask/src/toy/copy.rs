//! A copy of the workspace that compiles beside it without disturbing it.
//!
//! The copy lies below the target folder and stays there, so that the next run compiles only what
//! changed. It shares the compiled packages of the registry with the workspace (one build folder)
//! and nothing else: its own packages carry another version, hence other file names.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::program_in;
use crate::error::Error;
use crate::process;
use crate::tree::Tree;

/// What the copy's packages carry after their version.
const VERSION_SUFFIX: &str = "-copy";

/// The copy.
pub(super) struct Copy {
    /// Its root.
    pub(super) root: PathBuf,
    /// Where intermediate files go: the workspace's own target folder.
    build: PathBuf,
    /// Where its programs go.
    programs: PathBuf,
}

impl Copy {
    /// Makes it, or brings it up to date; files that are equal keep their times.
    pub(super) fn make(workspace: &Path) -> Result<Self, Error> {
        let build = target_folder(workspace)?;
        let programs = build.join("toy");
        let copy = Self { root: programs.join("workspace"), build, programs };
        let tree = Tree::open(workspace)?;
        for path in tree.paths() {
            let text = || tree.text(path).unwrap_or_default();
            match path {
                "Cargo.toml" => copy.write(path, &other_version(text()))?,
                "Cargo.lock" => copy.write(path, &other_versions(text()))?,
                _ => copy.write_bytes(path, tree.bytes(path).expect("a path of the tree"))?,
            }
        }
        copy.remove_stale(&tree)?;
        copy.take_console(workspace, Path::new("web/dist"))?;
        Ok(copy)
    }

    /// Builds its node and returns the program's path.
    pub(super) fn build(&self) -> Result<PathBuf, Error> {
        let mut cargo = process::program(&self.root, "cargo");
        cargo.args([
            "build",
            "--locked",
            "--offline",
            "--package",
            "watchfire",
            "--bin",
            "watchfire",
        ]);
        cargo.env("CARGO_BUILD_BUILD_DIR", &self.build).env("CARGO_TARGET_DIR", &self.programs);
        eprintln!("$ {} (in {})", process::shown(&cargo), self.root.display());
        cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
        program_in(&process::run_for_stdout(cargo)?)
    }

    /// The text of a file of the copy.
    pub(super) fn read(&self, path: &str) -> Result<String, Error> {
        let full = self.root.join(path);
        std::fs::read_to_string(&full).map_err(|source| Error::File { path: full, source })
    }

    /// Writes a file of the copy where it differs.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<(), Error> {
        self.write_bytes(path, text.as_bytes())
    }

    fn write_bytes(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let full = self.root.join(path);
        if std::fs::read(&full).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        let fault = |source| Error::File { path: full.clone(), source };
        std::fs::create_dir_all(full.parent().expect("it lies below the root")).map_err(fault)?;
        std::fs::write(&full, bytes).map_err(fault)
    }

    /// Removes what an earlier copy had and the workspace has no more.
    fn remove_stale(&self, tree: &Tree) -> Result<(), Error> {
        for path in Tree::open(&self.root)?.paths().filter(|path| !tree.has(path)) {
            let full = self.root.join(path);
            std::fs::remove_file(&full).map_err(|source| Error::File { path: full, source })?;
        }
        Ok(())
    }

    /// Takes the built console along, which git does not track.
    fn take_console(&self, workspace: &Path, folder: &Path) -> Result<(), Error> {
        let Ok(entries) = std::fs::read_dir(workspace.join(folder)) else { return Ok(()) };
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                self.take_console(workspace, &path)?;
            } else {
                let bytes = std::fs::read(entry.path())
                    .map_err(|source| Error::File { path: entry.path(), source })?;
                self.write_bytes(&path.to_string_lossy(), &bytes)?;
            }
        }
        Ok(())
    }
}

/// The manifest with another version for every package of the workspace.
fn other_version(manifest: &str) -> String {
    const KEY: &str = "version = \"";
    let Some(line) = manifest.lines().find(|line| line.starts_with(KEY)) else {
        return manifest.to_owned();
    };
    manifest.replacen(line, &format!("{}{VERSION_SUFFIX}\"", line.trim_end_matches('"')), 1)
}

/// The lockfile with those versions: packages of the workspace are the ones without a source.
fn other_versions(lockfile: &str) -> String {
    let of = |block: &str| {
        let is_own = block.contains("[[package]]") && !block.contains("\nsource = ");
        if is_own { other_version(block) } else { block.to_owned() }
    };
    lockfile.split("\n\n").map(of).collect::<Vec<_>>().join("\n\n")
}

/// Where cargo builds the workspace to.
fn target_folder(workspace: &Path) -> Result<PathBuf, Error> {
    let mut cargo = process::program(workspace, "cargo");
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let printed = process::run_for_stdout(cargo)?;
    let metadata: Option<Value> = serde_json::from_str(&printed).ok();
    let folder = metadata.as_ref().and_then(|metadata| metadata["target_directory"].as_str());
    folder.map(PathBuf::from).ok_or_else(|| Error::Shape {
        at: "cargo metadata".to_owned(),
        expected: "a target folder".to_owned(),
        got: "none".to_owned(),
        hint: "run it by hand to see what it prints".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_packages_own_version_changes() {
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\n[workspace.dependencies]\nlibm = { version = \"0.2\" }\n";
        assert_eq!(other_version(manifest), manifest.replace("0.1.0", "0.1.0-copy"));
        let lockfile = "version = 4\n\n[[package]]\nname = \"libm\"\nversion = \"0.2.1\"\nsource = \"registry\"\n\n\
                        [[package]]\nname = \"xtask\"\nversion = \"0.1.0\"\n";
        assert_eq!(other_versions(lockfile), lockfile.replace("0.1.0", "0.1.0-copy"));
    }
}
