//! Passphrases and PINs: from a file, a descriptor or the terminal, never from an argument.

use std::io::Read as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::error::Error;

/// Shorter ones are refused where a new one is chosen.
const NEW_BYTES_MIN: usize = 12;
/// Longer ones are refused: a wrong file was named.
const BYTES_MAX: u64 = 1_024;

/// Where a passphrase comes from; the terminal is asked if nothing is given.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Source {
    /// Read the passphrase or PIN from this file's first line
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase or PIN from this open file descriptor's first line
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
}

impl Source {
    /// The passphrase that opens `what`.
    pub(crate) fn read(&self, what: &str) -> Result<Zeroizing<String>, Error> {
        let path = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(path), _) => path.clone(),
            (None, Some(number)) => PathBuf::from(format!("/dev/fd/{number}")),
            (None, None) => return ask(&format!("passphrase of {what}: ")),
        };
        let mut text = Zeroizing::new(String::new());
        std::fs::File::open(&path)
            .and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| Error::file("read", &path, error))?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() || text.len() as u64 > BYTES_MAX {
            return Err(Error::input(
                format!("expected one line of 1 to {BYTES_MAX} bytes in `{}`", path.display()),
                "put the passphrase alone on the first line",
            ));
        }
        Ok(Zeroizing::new(line.to_owned()))
    }

    /// A new passphrase for `what`, asked for twice at a terminal.
    pub(crate) fn choose(&self, what: &str) -> Result<Zeroizing<String>, Error> {
        let chosen = self.read(&format!("the new {what}"))?;
        if chosen.len() < NEW_BYTES_MIN {
            return Err(Error::input(
                format!(
                    "expected a passphrase of at least {NEW_BYTES_MIN} bytes, got {}",
                    chosen.len()
                ),
                "choose five or six words at random",
            ));
        }
        if self.passphrase_file.is_none() && self.passphrase_fd.is_none() {
            let again = ask("the same again: ")?;
            if *again != *chosen {
                return Err(Error::input("the two passphrases differ", "try again"));
            }
        }
        Ok(chosen)
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Error> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        Error::input(
            format!("expected a terminal to ask for a passphrase at: {error}"),
            "name a file with `--passphrase-file` or a descriptor with `--passphrase-fd`",
        )
    })
}
