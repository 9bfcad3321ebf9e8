//! Many seeds in one go, over several threads, that can be ended at any moment and gone on with.
//!
//! Seeds are played in blocks of [`BLOCK`]. After each block the progress file is written anew and put
//! in the old one's place, so that a process that ends loses no more than the blocks under way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Cast, Counts, Options, Report, run};

/// Seeds of one block.
const BLOCK: u64 = 50;
/// Failing seeds kept in the report.
const FAILURES_MAX: usize = 20;

/// What to play.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The first seed.
    pub start: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads.
    pub jobs: usize,
    /// The state of the source this is built from; progress of another is not gone on with.
    pub commit: String,
    /// The progress file.
    pub progress: PathBuf,
    /// How each is played.
    pub options: Options,
}

/// What was played so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The state of the source.
    pub commit: String,
    /// The first seed.
    pub start: u64,
    /// Seeds asked for.
    pub seeds: u64,
    /// Statements a seed, at least.
    pub entries_wanted: u64,
    /// Blocks that are done.
    blocks: BTreeSet<u64>,
    /// Seeds that were played.
    pub played: u64,
    /// Those in which a checker was not content.
    pub failed: u64,
    /// Those with a byzantine partner.
    pub byzantine: u64,
    /// Those in which its two histories were proven.
    pub convicted: u64,
    /// Statements taken.
    pub entries: u64,
    /// The fewest in one seed.
    pub entries_per_seed_min: u64,
    /// Statements acknowledged at their level.
    pub acknowledged: u64,
    /// Statements answered "pending".
    pub pending: u64,
    /// Statements held above a gap of a log whose origin lost its disk, which are not returned to it.
    pub cut_off: u64,
    /// Frames that a third partner passed on.
    pub relayed: u64,
    /// Faults by kind.
    pub faults: Counts,
    /// The fewest planned faults in one seed.
    pub planned_faults_per_seed_min: u64,
    /// The longest time from the end of the faults to agreement, virtual milliseconds.
    pub healed_ms_max: u64,
    /// Virtual hours.
    pub virtual_h: f64,
    /// Wall time, summed over every run that went on with it.
    pub wall_s: f64,
    /// Processor time, likewise.
    pub cpu_s: f64,
    /// The first failing seeds, with what was wrong.
    pub failures: Vec<(u64, String)>,
}

impl Tally {
    fn add(&mut self, block: u64, reports: &[Report]) {
        for report in reports {
            let first = self.played == 0;
            let least = |known: &mut u64, this: u64| {
                *known = if first { this } else { (*known).min(this) };
            };
            least(&mut self.entries_per_seed_min, report.entries);
            least(&mut self.planned_faults_per_seed_min, report.planned());
            self.played += 1;
            self.byzantine += u64::from(report.byzantine);
            self.convicted += u64::from(report.convicted > 0);
            self.entries += report.entries;
            self.acknowledged += report.acknowledged;
            self.pending += report.pending;
            self.cut_off += report.cut_off;
            self.relayed += report.relayed;
            self.faults.merge(&report.faults);
            self.healed_ms_max = self.healed_ms_max.max(report.healed_ms);
            self.virtual_h += report.virtual_s as f64 / 3_600.0;
            if let Some(failure) = report.failures.first() {
                self.failed += 1;
                if self.failures.len() < FAILURES_MAX {
                    self.failures.push((report.seed, failure.clone()));
                }
            }
        }
        self.blocks.insert(block);
    }

    /// Whether every seed asked for was played.
    pub const fn is_complete(&self) -> bool {
        self.played >= self.seeds
    }
}

/// Why a soak cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// The progress file is of something else.
    #[error(
        "expected progress of {expected} in `{path}`, got {got}; remove the file, or go on with that"
    )]
    OtherProgress {
        /// Which file.
        path: PathBuf,
        /// What is played now.
        expected: String,
        /// What the file is of.
        got: String,
    },
    /// The file cannot be read or written.
    #[error("expected to read and write `{path}`, got: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl Soak {
    fn name(commit: &str, start: u64, entries: u64) -> String {
        format!("seeds from {start} with {entries} statements at {commit}")
    }

    fn fresh(&self) -> Tally {
        Tally {
            commit: self.commit.clone(),
            start: self.start,
            seeds: self.seeds,
            entries_wanted: self.options.entries as u64,
            ..Tally::default()
        }
    }

    /// What the progress file says, or nothing done.
    pub fn resume(&self) -> Result<Tally, SoakError> {
        let path = self.progress.clone();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(self.fresh()),
            Err(error) => return Err(SoakError::File { path, reason: error.to_string() }),
        };
        let known: Tally = serde_json::from_str(&text)
            .map_err(|error| SoakError::File { path: path.clone(), reason: error.to_string() })?;
        let expected = Self::name(&self.commit, self.start, self.options.entries as u64);
        let got = Self::name(&known.commit, known.start, known.entries_wanted);
        if expected != got {
            return Err(SoakError::OtherProgress { path, expected, got });
        }
        Ok(Tally { seeds: self.seeds, ..known })
    }

    /// Plays what is left; `told` hears of the tally after each block.
    pub fn run(&self, mut told: impl FnMut(&Tally)) -> Result<Tally, SoakError> {
        let mut tally = self.resume()?;
        let (wall_before, cpu_before) = (tally.wall_s, tally.cpu_s);
        let (began, cpu_began) = (Instant::now(), cpu_s());
        let left: Vec<u64> =
            (0..self.seeds.div_ceil(BLOCK)).filter(|block| !tally.blocks.contains(block)).collect();
        let cast = Cast::assemble();
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let (done, finished) = mpsc::channel();
            for _ in 0..self.jobs.max(1) {
                let (done, next, left, cast) = (done.clone(), &next, &left, &cast);
                scope.spawn(move || {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let place = usize::try_from(place).expect("few blocks");
                        let Some(block) = left.get(place) else { return };
                        let seeds = block * BLOCK..((block + 1) * BLOCK).min(self.seeds);
                        let play = |seed| run(cast, &self.options, self.start + seed);
                        let reports: Vec<Report> = seeds.map(play).collect();
                        if done.send((*block, reports)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(done);
            for (block, reports) in finished {
                tally.add(block, &reports);
                tally.wall_s = wall_before + began.elapsed().as_secs_f64();
                tally.cpu_s = cpu_before + cpu_s() - cpu_began;
                self.write(&tally)?;
                told(&tally);
            }
            Ok(tally)
        })
    }

    fn write(&self, tally: &Tally) -> Result<(), SoakError> {
        let write = |path: &Path| {
            let text = serde_json::to_string(tally).map_err(|error| error.to_string())?;
            let fresh = path.with_extension("new");
            std::fs::write(&fresh, text).map_err(|error| error.to_string())?;
            std::fs::rename(&fresh, path).map_err(|error| error.to_string())
        };
        write(&self.progress)
            .map_err(|reason| SoakError::File { path: self.progress.clone(), reason })
    }
}

/// Processor seconds of this process, its ended threads included; nothing where the system does not
/// say.
fn cpu_s() -> f64 {
    // Fields 14 and 15 of proc(5) stat, in clock ticks of a hundredth of a second; the name in field 2
    // may hold spaces and ends with the last parenthesis.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soak(seeds: u64, progress: PathBuf) -> Soak {
        let options = Options { entries: 40, ..Options::default() };
        Soak { start: 500, seeds, jobs: 2, commit: "abc".to_owned(), progress, options }
    }

    #[test]
    fn an_interrupted_soak_counts_as_one_that_was_not() {
        let folder = std::env::temp_dir().join(format!("watchfire-soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let whole = soak(60, folder.join("whole.json")).run(|_| {}).unwrap();
        assert_eq!((whole.played, whole.failed, whole.is_complete()), (60, 0, true));
        let mut parts = soak(50, folder.join("parts.json")).run(|_| {}).unwrap();
        assert!(parts.is_complete());
        let longer = soak(60, folder.join("parts.json"));
        assert!(!longer.resume().unwrap().is_complete(), "ten are left");
        parts = longer.run(|_| {}).unwrap();
        assert_eq!(parts.faults, whole.faults);
        assert_eq!((parts.entries, parts.acknowledged), (whole.entries, whole.acknowledged));
        let other = Soak { commit: "def".to_owned(), ..longer };
        assert!(matches!(other.resume(), Err(SoakError::OtherProgress { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
