//! Tiles made from the store, with those that never change kept in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use log::{
    Error, Hash, Leaves, LogId, StoreRead, StoreReadExt, TILE_WIDTH, Tile, leaf_hashes, tile_root,
};

/// Full tiles kept, 8 KiB each; the oldest go first.
const TILES_KEPT_MAX: usize = 4_096;
/// Roots of full level 0 tiles kept, 32 bytes each, over all logs; enough for half a billion entries.
const ROOTS_KEPT_MAX: usize = 2 * 1024 * 1024;
/// Level 0 tiles one request may have read before its client is told to come back.
const READS_PER_REQUEST_MAX: u64 = 512;

/// What there is of a tile.
pub(super) enum Served {
    /// Its content.
    Tile(Arc<[u8]>),
    /// The log is not that large.
    Beyond,
    /// This node may not read all of it.
    Hidden,
    /// What lies below has to be read first; some of it was.
    Working,
}

/// The tiles of every log.
#[derive(Default)]
pub(super) struct Tiles {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    full: BTreeMap<(LogId, Tile), Arc<[u8]>>,
    order: VecDeque<(LogId, Tile)>,
    /// Roots of the first full level 0 tiles of each log.
    roots: BTreeMap<LogId, Vec<Hash>>,
}

impl Kept {
    fn keep(&mut self, log: LogId, tile: Tile, content: &Arc<[u8]>) {
        if self.full.insert((log, tile), Arc::clone(content)).is_none() {
            self.order.push_back((log, tile));
        }
        while self.order.len() > TILES_KEPT_MAX {
            let oldest = self.order.pop_front().expect("more than one is there");
            self.full.remove(&oldest);
        }
    }

    /// Adds the root of a log's tile `index` if it is the next one and there is room.
    fn add_root(&mut self, log: LogId, index: u64, root: Hash) {
        let all: usize = self.roots.values().map(Vec::len).sum();
        if all >= ROOTS_KEPT_MAX {
            // Another log's are made again when they are asked for.
            if let Some(other) = self.roots.keys().copied().find(|other| *other != log) {
                self.roots.remove(&other);
            }
        }
        let roots = self.roots.entry(log).or_default();
        if roots.len() as u64 == index && roots.len() < ROOTS_KEPT_MAX {
            roots.push(root);
        }
    }
}

impl Tiles {
    /// One tile of a log as the store has it.
    pub(super) fn serve(
        &self,
        store: &dyn StoreRead,
        log: LogId,
        tile: Tile,
    ) -> Result<Served, Error> {
        let size = store.head(&log)?.map_or(0, |head| head.size());
        if tile.needs_size().is_none_or(|needs| needs > size) {
            return Ok(Served::Beyond);
        }
        if let Some(content) = self.lock().full.get(&(log, tile)) {
            return Ok(Served::Tile(Arc::clone(content)));
        }
        let hashes = if tile.level == 0 {
            let from = tile.index * u64::from(TILE_WIDTH);
            match leaf_hashes(store, &log, from, from + u64::from(tile.width))? {
                Leaves::Known(hashes) => hashes,
                Leaves::Unknown(_) => return Ok(Served::Hidden),
            }
        } else {
            let below = tiles_below(&tile);
            if let Some(other) = self.read_up_to(store, log, below)? {
                return Ok(other);
            }
            let kept = self.lock();
            let roots = kept.roots.get(&log).map_or(&[][..], Vec::as_slice);
            let start = first_below(&tile);
            let count = usize::from(tile.width);
            let each = usize::try_from(leaf_tiles_per_hash(&tile)).unwrap_or(usize::MAX);
            let Some(roots) = start.checked_add(count * each).and_then(|end| roots.get(start..end))
            else {
                return Ok(Served::Working);
            };
            roots.chunks(each).map(tile_root).collect()
        };
        let content: Arc<[u8]> = hashes.concat().into();
        if tile.is_full() {
            let mut kept = self.lock();
            kept.keep(log, tile, &content);
            if tile.level == 0 {
                kept.add_root(log, tile.index, tile_root(&hashes));
            }
        }
        Ok(Served::Tile(content))
    }

    /// Reads the roots of the first `below` level 0 tiles, or says why not all are there.
    fn read_up_to(
        &self,
        store: &dyn StoreRead,
        log: LogId,
        below: u64,
    ) -> Result<Option<Served>, Error> {
        for _ in 0..READS_PER_REQUEST_MAX {
            let have = self.lock().roots.get(&log).map_or(0, |roots| roots.len() as u64);
            if have >= below {
                return Ok(None);
            }
            let from = have * u64::from(TILE_WIDTH);
            match leaf_hashes(store, &log, from, from + u64::from(TILE_WIDTH))? {
                Leaves::Known(hashes) => self.lock().add_root(log, have, tile_root(&hashes)),
                Leaves::Unknown(_) => return Ok(Some(Served::Hidden)),
            }
        }
        Ok(Some(Served::Working))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder panics")
    }
}

/// Level 0 tiles below one hash of a tile above level 0.
const fn leaf_tiles_per_hash(tile: &Tile) -> u64 {
    1 << (8 * (tile.level as u64 - 1))
}

/// The first level 0 tile below a tile above level 0.
fn first_below(tile: &Tile) -> usize {
    let first = tile.index * u64::from(TILE_WIDTH) * leaf_tiles_per_hash(tile);
    usize::try_from(first).unwrap_or(usize::MAX)
}

/// How many level 0 tiles end with the last one below it.
fn tiles_below(tile: &Tile) -> u64 {
    let hashes = tile.index * u64::from(TILE_WIDTH) + u64::from(tile.width);
    hashes * leaf_tiles_per_hash(tile)
}
