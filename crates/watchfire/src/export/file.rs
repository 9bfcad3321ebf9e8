//! One file of one kind: written under another name, synced, then given its own.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::Kind;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::columns::Columns;
use super::state::Selection;
use crate::error::Error;

/// Row groups in one file; the format's own limit is 32,767.
const ROW_GROUPS_MAX: usize = 10_000;

/// A file that is being written; dropped before [`KindFile::finish`] it is removed.
pub(super) struct KindFile {
    writer: Option<SerializedFileWriter<File>>,
    partial: PathBuf,
    path: PathBuf,
    rows: u64,
}

/// A file that has its name.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Made {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl KindFile {
    /// Begins the file of that number.
    pub(super) fn create(
        folder: &Path,
        kind: Kind,
        number: u32,
        columns: &Columns,
        selection: &Selection,
    ) -> Result<Self, Error> {
        let folder = folder.join(kind.as_str());
        make_folder(&folder)?;
        let path = folder.join(name(number));
        let partial = folder.join(format!(".{}.partial", name(number)));
        std::fs::remove_file(&partial).ok();
        let file = File::options().write(true).create_new(true).mode(0o600).open(&partial);
        let file = file.map_err(|error| Error::file("write", &partial, error))?;
        let notes = [
            ("watchfire.edition", "1".to_owned()),
            ("watchfire.node", selection.node.to_string()),
            ("watchfire.realm", selection.realm.to_string()),
            ("watchfire.view", selection.view.to_string()),
            ("watchfire.kind", kind.to_string()),
        ];
        let notes = notes.map(|(key, value)| KeyValue::new(key.to_owned(), value));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("watchfire ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(notes.to_vec()))
            .build();
        let schema = columns.schema().expect("columns have names of their own and sound types");
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties));
        let writer = Some(writer.map_err(|error| failed(&partial, error))?);
        Ok(Self { writer, partial, path, rows: 0 })
    }

    fn writer(&mut self) -> &mut SerializedFileWriter<File> {
        self.writer.as_mut().expect("it is open until it is finished")
    }

    /// Writes what waits in `columns` as one row group.
    pub(super) fn write(&mut self, columns: &mut Columns) -> Result<(), Error> {
        let rows = columns.rows() as u64;
        if rows > 0 {
            let group = self.writer().next_row_group();
            let written = group.and_then(|group| columns.write(group));
            written.map_err(|error| failed(&self.partial, error))?;
            self.rows += rows;
        }
        Ok(())
    }

    /// Bytes written.
    pub(super) fn bytes(&mut self) -> u64 {
        self.writer().bytes_written() as u64
    }

    /// Whether it can take no more row groups.
    pub(super) fn is_full(&mut self) -> bool {
        self.writer().flushed_row_groups().len() >= ROW_GROUPS_MAX
    }

    /// Ends the file: its bytes are durable, then it has its name.
    pub(super) fn finish(mut self, kind: Kind) -> Result<Made, Error> {
        let refuse = |error| failed(&self.partial, error);
        let writer = self.writer.take().expect("it is finished once");
        let file = writer.into_inner().map_err(refuse)?;
        let synced = file.sync_all().and_then(|()| file.metadata());
        let bytes = synced.map_err(|error| Error::file("write", &self.partial, error))?.len();
        replace(&self.partial, &self.path)?;
        Ok(Made { path: self.path.clone(), kind, rows: self.rows, bytes })
    }
}

impl Drop for KindFile {
    fn drop(&mut self) {
        // It has another name once it is finished.
        std::fs::remove_file(&self.partial).ok();
    }
}

/// The name of the file of that number, from 1.
fn name(number: u32) -> String {
    format!("{number:06}.parquet")
}

/// Removes what an export that broke off left of a kind: files above `count`, and unfinished ones.
pub(super) fn tidy(folder: &Path, kind: Kind, count: u32) -> Result<(), Error> {
    let folder = folder.join(kind.as_str());
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("read", &folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::file("read", &folder, error))?;
        let found = entry.file_name();
        let Some(found) = found.to_str() else { continue };
        let plain = found.strip_prefix('.').and_then(|rest| rest.strip_suffix(".partial"));
        let number = plain.unwrap_or(found).strip_suffix(".parquet").and_then(|n| n.parse().ok());
        let Some(number): Option<u32> = number else { continue };
        if name(number) == plain.unwrap_or(found) && (plain.is_some() || number > count) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|error| Error::file("write", &path, error))?;
        }
    }
    Ok(())
}

/// Makes a folder that only its user reads, unless it is there.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Error::file("write", path, error))
}

/// Makes a file's or folder's bytes durable.
pub(super) fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Gives a synced file its name, durably.
pub(super) fn replace(from: &Path, to: &Path) -> Result<(), Error> {
    let folder = to.parent().unwrap_or(Path::new("."));
    std::fs::rename(from, to)
        .and_then(|()| sync(folder))
        .map_err(|error| Error::file("write", to, error))
}

fn failed(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(source) => *source,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    Error::file("write", path, source)
}
