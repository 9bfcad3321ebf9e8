//! Asking a program of the system, for as long as a limit says.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The longest wait for one program; one that hangs (on a dead network disk) is left behind.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What `program` prints; nothing if it is not there, says nothing or takes too long.
pub(super) fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take()?;
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        stdout.take(ANSWER_BYTES_MAX).read_to_string(&mut text).ok();
        said.send(text).ok();
    });
    let answer = heard.recv_timeout(TIMEOUT).ok();
    child.kill().ok();
    if answer.is_some() {
        // It has closed its output; one that hangs is not waited for.
        child.wait().ok();
    }
    answer.filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_answer_or_are_left() {
        assert_eq!(ask("echo", &["yes"]).as_deref(), Some("yes\n"));
        assert_eq!(ask("true", &[]), None);
        assert_eq!(ask("no-such-program-anywhere", &[]), None);
        let began = crate::clock::instant();
        assert_eq!(ask("sleep", &["60"]), None);
        assert!(began.elapsed() < TIMEOUT * 5, "{:?}", began.elapsed());
    }
}
