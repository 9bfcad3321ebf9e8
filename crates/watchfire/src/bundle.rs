//! Bundles as files: written whole or not at all, read to the end before anything of them is used.
//!
//! Start here: [`write()`] makes the file of a plan that the running node gave, [`read()`] gives the
//! frames of one for the running node to take. Layout and checks are `sync`'s.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base::NodeId;
use log::{Charter, NodeSecrets, StoreRead, StoreReadExt};
use serde::Serialize;
use sync::{BundleError, BundleHeader, BundlePiece, BundlePlan, BundleReader, BundleWriter};

use crate::error::Error;

/// Bytes read or written at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bytes of frames handed to the node before it is waited for.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of the largest bundle that is written or read.
const BUNDLE_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// What a bundle that was written holds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exported {
    /// The file.
    pub(crate) file: PathBuf,
    /// Whom it is for.
    pub(crate) to: NodeId,
    /// Which bundle to that node.
    pub(crate) number: u64,
    /// Entries it carries, those whose leaf hash alone is released included.
    pub(crate) entries: u64,
    /// Chunks.
    pub(crate) chunks: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

/// Writes the bundle of a plan: beside `file` first, which appears only when it is whole and on the disk.
pub(crate) fn write(
    plan: &BundlePlan,
    store: &impl StoreRead,
    charter: &Charter,
    secrets: &NodeSecrets,
    file: &Path,
) -> Result<Exported, Error> {
    if file.exists() {
        return Err(Error::input(
            format!("expected nothing at `{}`, got a file", file.display()),
            "name another file: a bundle that may not have been carried yet is never replaced",
        ));
    }
    let mut beside = file.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let fail = |error| Error::file("write", &beside, error);
    let mut out = File::create(&beside).map_err(fail)?;
    let mut pending = Vec::new();
    let mut bytes = 0;
    let mut entries = 0;
    let mut writer = BundleWriter::begin(plan.header.clone(), &mut pending);
    for frame in &plan.frames {
        writer.chunk(frame, &mut pending);
    }
    for (log, from, end) in &plan.logs {
        let mut next = *from;
        while next < *end {
            let batches = store.batches(log, next, usize::MAX, PIECE_BYTES);
            let batches = batches.map_err(|error| unreadable(&error))?;
            for batch in batches.iter().take_while(|batch| batch.first() < *end) {
                writer.chunk(&sync::carried_batch(batch, plan.header.to, charter), &mut pending);
                entries += batch.end() - batch.first().max(next);
                next = batch.end();
            }
            if batches.is_empty() {
                let message = format!("expected entries of {log} from {next}, got none");
                return Err(Error::input(message, "run `watchfire fsck` once the node is stopped"));
            }
            bytes += pending.len() as u64;
            if bytes > BUNDLE_BYTES_MAX {
                let message = format!("expected a bundle of at most {BUNDLE_BYTES_MAX} bytes");
                return Err(Error::input(message, "export more often, or `--since exported`"));
            }
            out.write_all(&pending).map_err(fail)?;
            pending.clear();
        }
    }
    let chunks = writer.end(&secrets.key, &mut pending);
    bytes += pending.len() as u64;
    out.write_all(&pending).and_then(|()| out.sync_all()).map_err(fail)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::rename(&beside, file)
        .and_then(|()| File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
        .map_err(|error| Error::file("write", file, error))?;
    let (to, number) = (plan.header.to, plan.header.number);
    Ok(Exported { file: file.to_owned(), to, number, entries, chunks, bytes })
}

fn unreadable(error: &log::Error) -> Error {
    Error::input(error.to_string(), "run `watchfire fsck` once the node is stopped")
}

/// Reads a bundle twice: first to its end and signature, then again in groups of frames for `take`, which
/// is told with which one the bundle ends. What
/// is not whole, damaged or not for this node is refused before `take` is called at all.
pub(crate) fn read(
    file: &Path,
    charter: &Charter,
    me: NodeId,
    mut take: impl FnMut(&BundleHeader, Vec<Vec<u8>>, bool) -> Result<(), Error>,
) -> Result<(BundleHeader, u64), Error> {
    let mut chunks = 0;
    let header = walk(file, charter, me, |_, _| {
        chunks += 1;
        Ok(())
    })?;
    let mut group: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    walk(file, charter, me, |header, frame| {
        if bytes + frame.len() > GROUP_BYTES_MAX && !group.is_empty() {
            bytes = 0;
            take(header, std::mem::take(&mut group), false)?;
        }
        bytes += frame.len() + 4;
        group.push(frame);
        Ok(())
    })?;
    take(&header, group, true)?;
    Ok((header, chunks))
}

/// Reads a bundle to its end.
fn walk(
    file: &Path,
    charter: &Charter,
    me: NodeId,
    mut visit: impl FnMut(&BundleHeader, Vec<u8>) -> Result<(), Error>,
) -> Result<BundleHeader, Error> {
    let refuse =
        |error: &BundleError| Error::input(format!("`{}`: {error}", file.display()), error.hint());
    let mut input = File::open(file).map_err(|error| Error::file("read", file, error))?;
    let length = input.metadata().map_err(|error| Error::file("read", file, error))?.len();
    if length > BUNDLE_BYTES_MAX {
        let name = file.display();
        return Err(Error::input(
            format!(
                "`{name}`: expected a bundle of at most {BUNDLE_BYTES_MAX} bytes, got {length}"
            ),
            "ask for several smaller ones",
        ));
    }
    let mut reader = BundleReader::new(charter, me);
    let mut header = None;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = input.read(&mut piece).map_err(|error| Error::file("read", file, error))?;
        reader.push(&piece[..count]);
        while let Some(next) = reader.piece().map_err(|error| refuse(&error))? {
            match next {
                BundlePiece::Header(read) => header = Some(read),
                BundlePiece::Frame(frame) => {
                    let header = header.as_ref().expect("a header comes before frames");
                    visit(header, frame)?;
                }
                BundlePiece::End => {}
            }
        }
        if count == 0 {
            reader.finish().map_err(|error| refuse(&error))?;
            return Ok(header.expect("a bundle that ends has a header"));
        }
    }
}
