//! Backups of a store: taken while the node runs, verified, put back, rehearsed.
//!
//! Start here: [`take`] copies and verifies, [`restore::restore`] puts back into a new incarnation,
//! [`restore::drill`] does so in a scratch folder and compares with the running node.
//!
//! A backup is a database and a manifest, never the high-water file: what was signed since must stay
//! known. Keys and charter are not in it.

pub(crate) mod manifest;
pub(crate) mod restore;

use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

pub(crate) use manifest::{Manifest, Place};

use crate::clock::wall_now;
use crate::error::Error;
use crate::node::Being;
use crate::store::{Access, AnyStore, SqliteStore};

/// A backup that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) manifest: Manifest,
    /// Whether it lies on the same file system as the store, so that one disk loses both.
    pub(crate) same_disk: bool,
}

/// Verifies every row of the database at `path`, the high-water file left out of account.
pub(crate) fn verify(being: &Being, path: &Path) -> Result<log::FsckReport, Error> {
    let store = SqliteStore::open(path, Access::Read)?;
    let mut faults = store.integrity();
    let scope = log::FsckScope {
        charter: &being.charter,
        node: being.config.node,
        storage: Some(&being.secrets.storage),
        high_water: None,
    };
    let report = log::fsck(&store, &scope);
    faults.extend(report.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)));
    match faults.first() {
        None => Ok(report),
        Some(first) => Err(Error::Store {
            path: path.to_owned(),
            message: format!("expected no fault, got {}, the first: {first}", faults.len()),
            hint: "run `watchfire fsck` on the node's own store; if that is clean the copy's disk is at fault"
                .to_owned(),
        }),
    }
}

/// Copies the store, while its node runs or not, to `target`; the copy is verified before it gets its
/// name.
pub(crate) fn take(being: &Being, target: &Path) -> Result<Taken, Error> {
    let place = Place::at(target);
    let source = being.config.database();
    let wanted = place.folder.as_ref().unwrap_or(&place.database);
    for path in [wanted, &place.manifest] {
        if path.exists() {
            return Err(Error::input(
                format!("expected nothing at `{}`, got something", path.display()),
                "a backup never replaces another: give it a name of its own, such as the date",
            ));
        }
    }
    let parent = wanted.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).to_owned();
    std::fs::create_dir_all(&parent).map_err(|error| Error::file("write", &parent, error))?;
    let partial = Partial::make(wanted)?;
    let copy = partial.path().join(place.database.file_name().unwrap_or_default());
    let manifest_copy = partial.path().join(place.manifest.file_name().unwrap_or_default());
    let taken = wall_now();
    AnyStore::open(being, Access::Read)?.store.copy_into(&copy).map_err(|error| Error::Store {
        path: source.clone(),
        message: error.to_string(),
        hint: format!("check the rights and free space at `{}`", parent.display()),
    })?;
    private(&copy, 0o600)?;
    sync_file(&copy)?;
    let report = verify(being, &copy)?;
    let manifest = Manifest::of(being, taken, &copy, &report)?;
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain") + "\n";
    std::fs::write(&manifest_copy, text)
        .map_err(|error| Error::file("write", &manifest_copy, error))?;
    sync_file(&manifest_copy)?;
    sync_file(partial.path())?;
    let rename = |from: &Path, to: &Path| {
        std::fs::rename(from, to).map_err(|error| Error::file("write", to, error))
    };
    if let Some(folder) = &place.folder {
        rename(partial.path(), folder)?;
    } else {
        // The manifest last: without it a database is no backup.
        rename(&copy, &place.database)?;
        rename(&manifest_copy, &place.manifest)?;
    }
    sync_file(&parent)?;
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    Ok(Taken { manifest, same_disk: device(&source) == device(&place.database) })
}

/// A folder beside the target that goes again unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    fn make(target: &Path) -> Result<Self, Error> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let path = target.with_file_name(name);
        std::fs::create_dir(&path).map_err(|error| Error::file("write", &path, error))?;
        private(&path, 0o700)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn private(path: &Path, mode: u32) -> Result<(), Error> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|error| Error::file("write", path, error))
}

/// Makes a file's or folder's bytes durable.
fn sync_file(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::file("write", path, error))
}
