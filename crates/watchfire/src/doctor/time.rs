//! Whether the machine's clock follows the world's: facts carry its time.

use std::path::Path;

use super::{Check, Subject, child};

/// Made by systemd-timesyncd once it has set the clock.
const TIMESYNCD_FILE: &str = "/run/systemd/timesync/synchronized";
/// An offset from which on the node's statements are noticeably early or late.
const OFFSET_S_MAX: f64 = 0.1;
const EXPECTED: &str = "a clock that is synchronised";

/// What could be learned about the clock.
#[derive(Debug, PartialEq)]
enum Clock {
    /// It follows, with this offset where one is told; by whose word.
    Follows(Option<f64>, &'static str),
    /// It does not, by whose word.
    Free(&'static str),
    /// Nobody answers.
    Unknown,
}

/// The kernel's own state can be read by a system call alone (`adjtimex`), which the standard library
/// does not offer: programs that ask it are asked instead.
pub(super) fn synchronisation(subject: &Subject) -> Vec<Check> {
    let chrony = child::ask("chronyc", &["-n", "-c", "tracking"]);
    let timedate = || child::ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"]);
    let clock = chrony
        .and_then(|answer| read_chrony(&answer))
        .or_else(|| timedate().and_then(|answer| read_timedate(&answer)))
        .or_else(|| {
            let set = Path::new(TIMESYNCD_FILE).exists();
            set.then_some(Clock::Follows(None, "systemd-timesyncd"))
        });
    let operational = subject.in_force().is_none_or(|charter| !charter.realm().is_exercise());
    vec![judge(&clock.unwrap_or(Clock::Unknown), operational)]
}

/// Reads `chronyc -c tracking`: 14 values, the offset of system time the fifth, the leap status last.
fn read_chrony(answer: &str) -> Option<Clock> {
    const VALUES: usize = 14;

    let values: Vec<&str> = answer.trim().split(',').collect();
    if values.len() != VALUES {
        return None;
    }
    let offset_s: f64 = values[4].parse().ok()?;
    Some(match values[VALUES - 1] {
        "Not synchronised" => Clock::Free("chrony"),
        _ => Clock::Follows(Some(offset_s), "chrony"),
    })
}

fn read_timedate(answer: &str) -> Option<Clock> {
    match answer.trim() {
        "yes" => Some(Clock::Follows(None, "the kernel (timedatectl)")),
        "no" => Some(Clock::Free("the kernel (timedatectl)")),
        _ => None,
    }
}

fn judge(clock: &Clock, operational: bool) -> Check {
    let seen = |found: String| Check::ok("time", found, EXPECTED);
    match clock {
        Clock::Follows(Some(offset_s), who) if offset_s.abs() > OFFSET_S_MAX => {
            seen(format!("an offset of {offset_s:.3} s, says {who}"))
                .warn("look at the time sources: `chronyc sources`")
        }
        Clock::Follows(Some(offset_s), who) => {
            seen(format!("synchronised, offset {offset_s:.6} s, says {who}"))
        }
        Clock::Follows(None, who) => seen(format!("synchronised, says {who}")),
        Clock::Free(who) => {
            let seen = seen(format!("a clock that runs free, says {who}"));
            let hint = "name time servers to chrony or systemd-timesyncd and start it";
            if operational { seen.error(hint) } else { seen.warn(hint) }
        }
        Clock::Unknown => seen("unknown: nothing on this machine answers".to_owned())
            .warn("install chrony, or look at the clock by other means"),
    }
}

/// Precision time is optional: what is there is told.
pub(super) fn hardware_clock(_: &Subject) -> Vec<Check> {
    let mut clocks = names("/dev", |name| name.starts_with("ptp"));
    clocks.sort();
    let mut followers = programs(&["phc2sys", "ptp4l"]);
    followers.sort();
    let word = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let found = format!("clocks {}; programs {}", word(&clocks), word(&followers));
    vec![Check::ok("precision time", found, "optional: PTP clocks and what follows them")]
}

/// Names in a folder that `fits` takes.
fn names(folder: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.file_name().into_string().ok()).filter(|name| fits(name)).collect()
}

/// Which of these programs run.
fn programs(wanted: &[&str]) -> Vec<String> {
    let numbers = names("/proc", |name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let called = |number: &String| std::fs::read_to_string(format!("/proc/{number}/comm")).ok();
    let called: Vec<String> = numbers.iter().filter_map(called).collect();
    let runs = |program: &&&str| called.iter().any(|name| name.trim() == **program);
    wanted.iter().filter(runs).map(|program| (*program).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn answers_of_time_programs_are_read() {
        let chrony = "0A000001,10.0.0.1,2,1764598021.123456789,-0.000012345,0.000004321,0.000021000,-12.345,0.001,0.012,0.000456789,0.000123456,64.2,Normal\n";
        assert_eq!(read_chrony(chrony), Some(Clock::Follows(Some(-0.000_012_345), "chrony")));
        let free = ",,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n";
        assert_eq!(read_chrony(free), Some(Clock::Free("chrony")));
        assert_eq!(read_chrony("506 Cannot talk to daemon\n"), None);
        assert_eq!(read_timedate("yes\n"), Some(Clock::Follows(None, "the kernel (timedatectl)")));
        assert_eq!(read_timedate("no\n"), Some(Clock::Free("the kernel (timedatectl)")));
        assert_eq!(read_timedate(""), None);
    }

    #[test]
    fn clocks_are_judged() {
        let check = |clock: Clock, operational, state, found: &str| {
            let got = judge(&clock, operational);
            assert_eq!((got.state, got.found.as_str()), (state, found));
        };
        check(
            Clock::Follows(Some(0.000_01), "chrony"),
            true,
            State::Ok,
            "synchronised, offset 0.000010 s, says chrony",
        );
        check(
            Clock::Follows(Some(-0.25), "chrony"),
            true,
            State::Warning,
            "an offset of -0.250 s, says chrony",
        );
        check(Clock::Free("chrony"), true, State::Error, "a clock that runs free, says chrony");
        check(Clock::Free("chrony"), false, State::Warning, "a clock that runs free, says chrony");
        check(Clock::Unknown, true, State::Warning, "unknown: nothing on this machine answers");
    }
}
