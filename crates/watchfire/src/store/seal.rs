//! The seal of a closed store: digests of every byte of its files, used bytes or not.
//!
//! Rows carry their own digests, but a database file also has bytes that no row uses. A node that
//! closes cleanly leaves a seal; one that opens the store removes it first. `fsck` checks a sealed
//! store byte for byte; of an unsealed one (running, or crashed) it checks every row and says so.
//!
//! ```text
//! watchfire seal v1
//! NAME BYTES SHA-256            one line a file
//! sha256 <over everything before this line>
//! ```

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use crate::error::Error;

const HEADING: &str = "watchfire seal v1\n";

/// What checking a seal gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// There is none: the store is open, or its node did not stop cleanly.
    Absent,
    /// What differs; empty if every byte is as sealed.
    Present(Vec<String>),
}

fn seal_path(database: &Path) -> PathBuf {
    database.with_extension("seal")
}

/// Whether the store at `database` was closed cleanly and not opened for writing since. The seal is broken before
/// the first page of the database changes.
pub(crate) fn is_there(database: &Path) -> bool {
    seal_path(database).exists()
}

/// Seals the closed store at `database` with `others` beside it.
pub(crate) fn write(database: &Path, others: [&Path; 2]) -> Result<(), Error> {
    let mut text = HEADING.to_owned();
    for path in std::iter::once(database).chain(others) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (bytes, digest) = digest(path).map_err(|error| Error::file("read", path, error))?;
        writeln!(text, "{name} {bytes} {digest}").expect("writing to a string");
    }
    let sum = hex(aws_lc_rs::digest::digest(&SHA256, text.as_bytes()).as_ref());
    text += &format!("sha256 {sum}\n");
    let path = seal_path(database);
    std::fs::write(&path, text)
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(|error| Error::file("write", &path, error))
}

/// Removes the seal, durably, before the store may change.
pub(crate) fn break_seal(database: &Path) -> Result<(), Error> {
    let path = seal_path(database);
    match std::fs::remove_file(&path) {
        Ok(()) => {
            let folder = path.parent().unwrap_or(Path::new("."));
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| Error::file("write", folder, error))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file("write", &path, error)),
    }
}

/// Compares the files with their seal.
pub(crate) fn check(database: &Path) -> Result<Checked, Error> {
    let path = seal_path(database);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Checked::Absent),
        Err(error) => return Err(Error::file("read", &path, error)),
    };
    let damaged =
        || Ok(Checked::Present(vec![format!("{}: the seal itself is damaged", path.display())]));
    let Ok(text) = String::from_utf8(bytes) else { return damaged() };
    let Some(split) = text.rfind("sha256 ") else { return damaged() };
    let (body, sum) = text.split_at(split);
    let expect = hex(aws_lc_rs::digest::digest(&SHA256, body.as_bytes()).as_ref());
    let Some(lines) = body.strip_prefix(HEADING).filter(|_| sum == format!("sha256 {expect}\n"))
    else {
        return damaged();
    };
    let folder = database.parent().unwrap_or(Path::new("."));
    let mut faults = Vec::new();
    for line in lines.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let now = digest(&folder.join(name)).map_or_else(
            |error| error.to_string(),
            |(bytes, digest)| format!("{name} {bytes} {digest}"),
        );
        if now != line {
            faults.push(format!("{name}: expected the bytes that were sealed, got others"));
        }
    }
    Ok(Checked::Present(faults))
}

/// Bytes and SHA-256 of a file.
pub(crate) fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let (mut total, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((total, hex(context.finish().as_ref()))),
            n => {
                context.update(&buffer[..n]);
                total += n as u64;
            }
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}
