//! Processor time and memory of a process, thread by thread, from `/proc`.
//!
//! `man 5 proc`: fields 14 and 15 of `/proc/PID/task/TID/stat` are user and system time in clock ticks;
//! Linux gives user space 100 ticks a second on every architecture (`USER_HZ`).

use std::collections::BTreeMap;

/// Ticks a second.
const TICKS: f64 = 100.0;

/// Seconds of processor time by thread name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cpu(BTreeMap<String, f64>);

impl Cpu {
    /// Of a running process; empty where the system does not tell.
    pub(super) fn of(pid: u32) -> Self {
        let mut threads = BTreeMap::new();
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        for task in tasks.flatten() {
            let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
            if let Some((name, seconds)) = parse(&stat) {
                *threads.entry(name).or_insert(0.0) += seconds;
            }
        }
        Self(threads)
    }

    /// What was used since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let used = |(name, seconds): (&String, &f64)| {
            let earlier = before.0.get(name).copied().unwrap_or(0.0);
            (name.clone(), (seconds - earlier).max(0.0))
        };
        Self(self.0.iter().map(used).collect())
    }

    /// Seconds of the threads whose name starts with `prefix`.
    pub(super) fn of_threads(&self, prefix: &str) -> f64 {
        self.0.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, seconds)| seconds).sum()
    }

    /// Seconds of all threads.
    pub(super) fn total(&self) -> f64 {
        self.of_threads("")
    }

    /// Microseconds for each of `entries`, by thread.
    pub(super) fn micros_each(&self, entries: u64) -> BTreeMap<&str, f64> {
        let each = |seconds: f64| (seconds / entries as f64 * 1e8).round() / 100.0;
        self.0.iter().map(|(name, seconds)| (name.as_str(), each(*seconds))).collect()
    }
}

/// Thread name and seconds of one `stat` line; the name is in brackets and may hold anything.
fn parse(stat: &str) -> Option<(String, f64)> {
    let (start, end) = (stat.find('(')?, stat.rfind(')')?);
    let name = stat.get(start + 1..end)?;
    let mut fields = stat.get(end + 1..)?.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((name.to_owned(), (user + system) / TICKS))
}

/// The most memory a process ever had resident, MiB.
pub(super) fn peak_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// Lets the peak of a process begin anew (`man 5 proc`: `clear_refs`, 5).
pub(super) fn forget_peak(pid: u32) {
    // Where the system refuses, the peak is that of the whole run: higher, never lower.
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_gives_name_and_seconds() {
        let line = "7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(parse(line), Some(("a) b (c".to_owned(), 3.0)));
        assert_eq!(parse("7 (a R 1"), None);
    }

    #[test]
    fn this_process_has_used_some() {
        let mine = std::process::id();
        assert!(!Cpu::of(mine).0.is_empty());
        assert!(peak_mib(mine).is_some_and(|mib| mib > 0));
    }
}
