//! The partner's process as the measuring one sees it; [`mod@super::partner`] is what runs in it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use base::Timestamp;
use log::EntryId;

use super::{PATIENCE, no_answer};
use crate::clock::instant;
use crate::error::Error;

/// The partner's process and what it says.
pub(super) struct Partner {
    pub(super) child: Child,
    pub(super) said: std_mpsc::Receiver<Said>,
}

/// One line of the partner's process.
pub(super) enum Said {
    Up,
    Folded {
        last: EntryId,
        wall: Timestamp,
    },
    /// A digest, or why there is none.
    Digest(Result<String, String>),
}

fn said(line: &str) -> Option<Said> {
    let mut words = line.split(' ');
    match words.next()? {
        "up" => Some(Said::Up),
        "folded" => Some(Said::Folded {
            last: words.next()?.parse().ok()?,
            wall: Timestamp::from_nanos(words.nth(1)?.parse().ok()?),
        }),
        "digest" => Some(Said::Digest(Ok(words.next()?.to_owned()))),
        "none" => Some(Said::Digest(Err(words.collect::<Vec<_>>().join(" ")))),
        _ => None,
    }
}

impl Partner {
    /// Starts the node of `config`; `within` are words before the command, such as those that
    /// enter a namespace.
    pub(super) fn start(config: &Path, within: &[String]) -> Result<Self, Error> {
        Self::start_as("partner", config, within)
    }

    /// The same with another command of the benchmarks.
    pub(super) fn start_as(role: &str, config: &Path, within: &[String]) -> Result<Self, Error> {
        let program = std::env::current_exe()
            .map_err(|error| Error::file("read", Path::new("/proc/self/exe"), error))?;
        let mut command = match within {
            [] => Command::new(&program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        let mut child = command
            .args(["bench", role, "--config"])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Error::file("run", &program, error))?;
        let out = child.stdout.take().expect("a pipe was asked for");
        let (says, heard) = std_mpsc::channel();
        let hear = move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(said) = said(&line) {
                    says.send(said).ok();
                }
            }
        };
        std::thread::Builder::new()
            .name("load-heard".to_owned())
            .spawn(hear)
            .map_err(|error| Error::input(error.to_string(), "check the limit on threads"))?;
        let partner = Self { child, said: heard };
        loop {
            match partner.said.recv_timeout(PATIENCE) {
                Ok(Said::Up) => return Ok(partner),
                Ok(_) => {}
                Err(_) => return Err(no_answer("the partner's process to start")),
            }
        }
    }

    /// When `entry` had been folded, by the machine's clock.
    pub(super) fn folded(&self, entry: &EntryId, patience: Duration) -> Result<Timestamp, Error> {
        let begun = instant();
        loop {
            let left = patience.saturating_sub(begun.elapsed());
            match self.said.recv_timeout(left) {
                Ok(Said::Folded { last, wall, .. })
                    if last.log == entry.log && last.index >= entry.index =>
                {
                    return Ok(wall);
                }
                Ok(_) => {}
                Err(_) => return Err(no_answer("the partner to fold everything")),
            }
        }
    }

    /// Its digest of the common view at `cut`, or why it has none.
    pub(super) fn digest(&mut self, cut: &str) -> Result<Result<String, String>, Error> {
        let stdin = self.child.stdin.as_mut().expect("it was started with one");
        let asked = writeln!(stdin, "digest {cut}").and_then(|()| stdin.flush());
        asked.map_err(|_| no_answer("the partner's process to be asked"))?;
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(Said::Digest(digest)) => return Ok(digest),
                Ok(_) => {}
                Err(_) => return Err(no_answer("the partner's digest")),
            }
        }
    }

    /// Ends it.
    pub(super) fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partners_lines_are_read() {
        let line = "folded KOR-1.flash.000102030405060708090a0b0c0d0e0f.7 3 123";
        let Some(Said::Folded { last, wall }) = said(line) else {
            panic!("a line of folds");
        };
        assert_eq!((last.index, wall.as_nanos()), (7, 123));
        assert!(matches!(said("up"), Some(Said::Up)));
        assert!(matches!(said("digest 0a"), Some(Said::Digest(Ok(digest))) if digest == "0a"));
        assert!(matches!(said("none yet now"), Some(Said::Digest(Err(why))) if why == "yet now"));
        assert!(said("folded x").is_none() && said("").is_none());
    }
}
