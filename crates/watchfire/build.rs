//! Embeds the built console (`web/dist`) if it is there, and says so if it is not.
//!
//! `WATCHFIRE_WEB=require` makes a missing console an error, for releases.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets this"));
    let dist = root.join("../../web/dist");
    println!("cargo::rerun-if-env-changed=WATCHFIRE_WEB");
    let mut files = Vec::new();
    collect(&dist, &dist, &mut files);
    files.sort();
    if files.is_empty() {
        assert!(
            std::env::var("WATCHFIRE_WEB").as_deref() != Ok("require"),
            "WATCHFIRE_WEB=require, but `web/dist` is empty: run `npm ci && npm run build` in `web`"
        );
        // Watch the folder above, so that a console built later is noticed.
        println!("cargo::rerun-if-changed={}", root.join("../../web").display());
    } else {
        println!("cargo::rerun-if-changed={}", dist.display());
    }
    let mut list = String::from("&[\n");
    for (name, path) in &files {
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())
            .expect("writing to a string");
    }
    list.push(']');
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets this"));
    std::fs::write(out.join("console_files.rs"), list).expect("the output folder is writable");
}

fn collect(base: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(base, &path, files);
        } else if let (Ok(name), Ok(real)) = (path.strip_prefix(base), path.canonicalize()) {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push((name.to_string_lossy().replace('\\', "/"), real));
        }
    }
}
