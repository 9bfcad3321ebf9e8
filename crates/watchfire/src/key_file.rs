//! Replacing a secret file so that the old bytes are gone, as far as a file system lets us.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::Error;

/// Writes `bytes` to a new file, puts it in the place of `path`, and overwrites the old bytes.
///
/// The new file is durable under its name before the old bytes are touched, so a crash leaves one of
/// the two whole. Overwriting reaches what a file system writes in place; copy-on-write file systems
/// and flash keep old blocks for a while, which the operator's guide says.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let refuse = |error| Error::file("write", path, error);
    let new = path.with_extension("new");
    let old = std::fs::OpenOptions::new().write(true).open(path).map_err(refuse)?;
    let length = old.metadata().map_err(refuse)?.len();
    std::fs::remove_file(&new).ok();
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&new)
        .map_err(refuse)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(refuse)?;
    std::fs::rename(&new, path).map_err(refuse)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(refuse)?;
    // The old file has no name any more; its blocks are written over through the open handle.
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut old = old;
    old.write_all(&zeros).and_then(|()| old.sync_all()).map_err(refuse)
}
