//! Decoded facts as Parquet files, for whatever engine a partner already has.
//!
//! Start here: [`run`] reads the store log by log and adds what its folder does not have yet. Columns
//! are described in [`columns`], what the folder holds in [`state`].
//!
//! Everything this node can read goes in, or what one audience may read; what it cannot read is not
//! there to be exported. Memory holds one read of a log and the rows of the row groups under way.

mod columns;
mod file;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Timestamp;
use domains::{KindInfo, Placed};
use log::{Fact, Kind, LogId, StorageKey, StoreReadExt as _, stored_facts};

use self::columns::Columns;
use self::file::{KindFile, Made};
use self::state::{Covered, KINDS_MAX, Selection, State};
use crate::error::Error;
use crate::node::Being;
use crate::replay::view_named;
use crate::store::{Access, AnyOpened, AnyStore};

/// Bytes of one log read at once.
const READ_BYTES: usize = 512 * 1024;
/// Bytes of rows that wait, of all kinds; beyond it the kind with the most is written out.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Rows of one kind that wait.
const WAITING_ROWS_MAX: usize = 65_536;

/// What to export, and where to.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) folder: PathBuf,
    /// These kinds; all if empty.
    pub(crate) kinds: BTreeSet<Kind>,
    /// `own`, or an audience.
    pub(crate) view: String,
    /// Logged at this time or later.
    pub(crate) from: Option<Timestamp>,
    /// Logged before this time.
    pub(crate) to: Option<Timestamp>,
    /// A file that has reached this size is followed by another.
    pub(crate) file_bytes: u64,
}

/// What an export did.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Exported {
    /// Files made, in order.
    pub(crate) files: Vec<Made>,
    /// Rows in them.
    pub(crate) rows: u64,
    /// Rows that earlier exports put into this folder.
    pub(crate) rows_before: u64,
    /// Entries for this node whose body it has not got or not opened; a later export takes them.
    pub(crate) unopened: u64,
}

/// Adds to the folder what the store has and the folder has not.
pub(crate) fn run(being: &mut Being, wish: &Wish) -> Result<Exported, Error> {
    let AnyOpened { store, .. } = AnyStore::open(being, Access::Read)?;
    being.follow(&store)?;
    let selection = Selection {
        node: being.config.node,
        realm: being.charter.realm().clone(),
        view: view_named(being, &wish.view)?,
        from: wish.from,
        to: wish.to,
    };
    file::make_folder(&wish.folder)?;
    let _lock = lock(&wish.folder)?;
    let state = State::open(&wish.folder, &selection)?;
    tidy(&wish.folder, &state)?;
    let mut export = Export {
        wish,
        selection,
        storage: &being.secrets.storage,
        known: domains::kinds(),
        exported: Exported {
            rows_before: state.kinds.values().map(|of| of.rows).sum(),
            ..Exported::default()
        },
        state,
        looked: Covered::default(),
        open: BTreeMap::new(),
    };
    let broken = |error: log::Error| Error::Store {
        path: being.config.database(),
        message: error.to_string(),
        hint: "run `watchfire fsck`".to_owned(),
    };
    for head in store.heads().map_err(broken)? {
        export.read(&store, head.log, &broken)?;
    }
    export.end()
}

/// One export a folder.
fn lock(folder: &Path) -> Result<std::fs::File, Error> {
    let path = folder.join(".lock");
    let file = std::fs::File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| Error::file("write", &path, error))?;
    file.try_lock().map_err(|_| {
        Error::input(
            format!("another export is writing to `{}`", folder.display()),
            "wait until it has ended",
        )
    })?;
    Ok(file)
}

/// Removes what an export that broke off left.
fn tidy(folder: &Path, state: &State) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file("read", folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::file("read", folder, error))?;
        let Some(kind) = entry.file_name().to_str().and_then(|name| name.parse::<Kind>().ok())
        else {
            continue;
        };
        if entry.path().is_dir() {
            file::tidy(folder, kind, state.kinds.get(&kind).map_or(0, |of| of.files))?;
        }
    }
    Ok(())
}

/// An export under way.
struct Export<'a> {
    wish: &'a Wish,
    selection: Selection,
    storage: &'a StorageKey,
    known: Vec<KindInfo>,
    state: State,
    /// What this run has looked at.
    looked: Covered,
    open: BTreeMap<Kind, Open>,
    exported: Exported,
}

/// A kind whose rows gather.
struct Open {
    columns: Columns,
    file: KindFile,
}

impl Export<'_> {
    /// Reads one log to its end, in bounded pieces.
    fn read(
        &mut self,
        store: &AnyStore,
        log: LogId,
        broken: &impl Fn(log::Error) -> Error,
    ) -> Result<(), Error> {
        let mut next = 0;
        loop {
            if let Some(end) = self.passed(&log, next) {
                next = end;
                continue;
            }
            let found =
                stored_facts(store, self.storage, &log, next, READ_BYTES).map_err(broken)?;
            let Some(last) = found.read.last() else { return Ok(()) };
            next = last.end;
            // Times of a log rise.
            let first = found.facts.first().map(|fact| fact.logged);
            if first.is_some_and(|first| self.selection.to.is_some_and(|to| first >= to)) {
                return Ok(());
            }
            for fact in found.facts {
                self.take(fact)?;
            }
            for range in found.read {
                let mut from = range.start;
                for index in found.unopened.iter().filter(|index| range.contains(index)) {
                    self.looked.add(log, from..*index);
                    from = index + 1;
                }
                self.looked.add(log, from..range.end);
            }
            self.exported.unopened += found.unopened.len() as u64;
            self.end_large_files()?;
        }
    }

    /// Where to go on if the entry at `index` is exported already, whatever its kind.
    fn passed(&self, log: &LogId, index: u64) -> Option<u64> {
        if let Some(end) = self.state.everything.end_of(log, index) {
            return Some(end);
        }
        let ends =
            self.wish.kinds.iter().map(|kind| {
                self.state.kinds.get(kind).and_then(|of| of.covered.end_of(log, index))
            });
        // The nearest end of all kinds asked for; nothing if one of them lacks the entry.
        ends.min().flatten()
    }

    fn take(&mut self, fact: Fact) -> Result<(), Error> {
        let Selection { view, from, to, .. } = &self.selection;
        let kind = fact.kind;
        let wanted = (self.wish.kinds.is_empty() || self.wish.kinds.contains(&kind))
            && view.reads(&fact.audience)
            && from.is_none_or(|from| fact.logged >= from)
            && to.is_none_or(|to| fact.logged < to);
        let (log, index) = (fact.id.log, fact.id.index);
        let of = self.state.kinds.get(&kind);
        let is_there = self.state.everything.end_of(&log, index).is_some()
            || of.is_some_and(|of| of.covered.end_of(&log, index).is_some());
        if !wanted || is_there {
            return Ok(());
        }
        let file_bytes = self.wish.file_bytes;
        let open = self.open(kind)?;
        let fact = Arc::new(fact);
        let (at, refused) = match Placed::read(&fact) {
            Some(placed) => {
                (placed.order().at, placed.refusal().map(|finding| finding.message.clone()))
            }
            None => (fact.logged, None),
        };
        open.columns.push(&fact, at, refused);
        let large = open.columns.bytes() as u64 >= file_bytes;
        if large || open.columns.rows() >= WAITING_ROWS_MAX {
            open.file.write(&mut open.columns)?;
        }
        let waiting = |open: &Open| open.columns.bytes();
        if self.open.values().map(waiting).sum::<usize>() > WAITING_BYTES_MAX {
            let most = self.open.values_mut().max_by_key(|open| waiting(open));
            let Open { columns, file } = most.expect("one was just opened");
            file.write(columns)?;
        }
        Ok(())
    }

    fn open(&mut self, kind: Kind) -> Result<&mut Open, Error> {
        if !self.open.contains_key(&kind) {
            if self.open.len() == KINDS_MAX {
                return Err(Error::input(
                    format!("expected at most {KINDS_MAX} kinds of statement, got `{kind}` more"),
                    "name the kinds wanted with `--kind`",
                ));
            }
            let info = self.known.iter().find(|info| info.name == kind.as_str()).copied();
            let columns = Columns::new(info, &self.selection.realm);
            let number = self.state.kinds.get(&kind).map_or(0, |of| of.files) + 1;
            let folder = &self.wish.folder;
            let file = KindFile::create(folder, kind, number, &columns, &self.selection)?;
            self.open.insert(kind, Open { columns, file });
        }
        Ok(self.open.get_mut(&kind).expect("it was just opened"))
    }

    /// Ends files that are large enough, and notes what they cover; between two reads of a log, so that
    /// they cover all that was looked at.
    fn end_large_files(&mut self) -> Result<(), Error> {
        let large: Vec<Kind> = self
            .open
            .iter_mut()
            .filter_map(|(kind, open)| {
                let large = open.file.bytes() >= self.wish.file_bytes || open.file.is_full();
                large.then_some(*kind)
            })
            .collect();
        for kind in large {
            self.end_file(kind)?;
            let of = self.state.kinds.entry(kind).or_default();
            of.covered.add_all(&self.looked);
            self.state.write(&self.wish.folder)?;
        }
        Ok(())
    }

    fn end_file(&mut self, kind: Kind) -> Result<(), Error> {
        let Open { mut columns, mut file } = self.open.remove(&kind).expect("it is open");
        file.write(&mut columns)?;
        let made = file.finish(kind)?;
        let of = self.state.kinds.entry(kind).or_default();
        of.files += 1;
        of.rows += made.rows;
        self.exported.rows += made.rows;
        self.exported.files.push(made);
        Ok(())
    }

    /// Ends every file, then the note that counts them all.
    fn end(mut self) -> Result<Exported, Error> {
        while let Some(kind) = self.open.keys().next().copied() {
            self.end_file(kind)?;
        }
        if self.wish.kinds.is_empty() {
            self.state.everything.add_all(&self.looked);
            for of in self.state.kinds.values_mut() {
                of.covered = Covered::default();
            }
        } else {
            for kind in &self.wish.kinds {
                self.state.kinds.entry(*kind).or_default().covered.add_all(&self.looked);
            }
        }
        self.state.write(&self.wish.folder)?;
        Ok(self.exported)
    }
}
