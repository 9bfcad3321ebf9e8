//! The files of the repository as the rules see them: path and bytes, nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::process;

/// Folders that hold nothing of ours when the files are found without git.
const SKIPPED_FOLDERS: &[&str] = &[".git", "target", "node_modules", "dist", "artefacts"];

/// Every file that belongs to the project, by its path from the root with `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// The files git tracks or would track; without git, every file outside build folders.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let paths = if root.join(".git").exists() {
            tracked(root)?
        } else {
            let mut paths = Vec::new();
            walk(root, root, &mut paths)?;
            paths
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let full = root.join(&path);
            // A tracked file that is deleted but not committed yet is simply not there.
            if full.is_file() {
                let bytes =
                    std::fs::read(&full).map_err(|source| Error::File { path: full, source })?;
                files.insert(path, bytes);
            }
        }
        Ok(Self { files })
    }

    /// A tree of literals, for the rules' own tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        Self { files }
    }

    /// Every path, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Bytes of a file.
    pub(crate) fn size(&self, path: &str) -> usize {
        self.files.get(path).map_or(0, Vec::len)
    }

    /// The bytes of a file, if there is such a file.
    pub(crate) fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The text of a file, or nothing when it is absent or not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(path)?).ok()
    }

    /// Every text file whose path ends with one of the endings.
    pub(crate) fn texts<'a>(
        &'a self,
        endings: &'a [&str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.paths()
            .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
            .filter_map(|path| Some((path, self.text(path)?)))
    }
}

/// Whether a path names a Rust source.
pub(crate) fn is_rust(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs")
}

/// The repository's root: the folder above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the crate lies one folder below the root").to_owned()
}

fn tracked(root: &Path) -> Result<Vec<String>, Error> {
    let mut git = process::program(root, "git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = process::run_for_stdout(git)?;
    Ok(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &Path, paths: &mut Vec<String>) -> Result<(), Error> {
    let fault = |source| Error::File { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(fault)?;
        if kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str()) {
            walk(root, &path, paths)?;
        } else if kind.is_file() {
            let relative = path.strip_prefix(root).expect("the walk stays below its root");
            paths.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_git_ignored_and_deleted_files_are_left_out() {
        let root = std::env::temp_dir().join(format!("watchfire-git-{}", std::process::id()));
        std::fs::create_dir_all(&root).expect("makes folder");
        let git = |words: &[&str]| {
            let mut git = process::program(&root, "git");
            git.args(words);
            process::run_for_stdout(git).expect("git runs")
        };
        git(&["init", "--quiet"]);
        for (path, text) in [(".gitignore", "/made"), ("made", "x"), ("gone", "x"), ("new", "x")] {
            std::fs::write(root.join(path), text).expect("writes");
        }
        git(&["add", "gone"]);
        std::fs::remove_file(root.join("gone")).expect("removes");
        let tree = Tree::open(&root).expect("opens");
        std::fs::remove_dir_all(&root).expect("cleans up");
        assert_eq!(tree.paths().collect::<Vec<_>>(), [".gitignore", "new"]);
    }

    #[test]
    fn without_git_build_folders_are_left_out() {
        let root = std::env::temp_dir().join(format!("watchfire-tree-{}", std::process::id()));
        for (path, text) in
            [("src/lib.rs", "a"), ("target/debug/x.rs", "b"), ("web/node_modules/y.ts", "c")]
        {
            let full = root.join(path);
            std::fs::create_dir_all(full.parent().expect("has a folder")).expect("makes folder");
            std::fs::write(full, text).expect("writes");
        }
        let tree = Tree::open(&root).expect("opens");
        std::fs::remove_dir_all(&root).expect("cleans up");
        assert_eq!(tree.paths().collect::<Vec<_>>(), ["src/lib.rs"]);
        assert_eq!(tree.text("src/lib.rs"), Some("a"));
    }
}
