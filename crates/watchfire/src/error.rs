//! What can go wrong in the shell, always with the mend.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error of the binary: one sentence, and a hint that names the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error("could not {verb} `{}`: {source}", path.display())]
    File { verb: &'static str, path: PathBuf, source: std::io::Error },
    /// A configuration file that is not what it should be.
    #[error("configuration `{}`: {message}", path.display())]
    Config { path: PathBuf, message: String },
    /// A charter or key file that does not fit.
    #[error("{what} `{}`: {message}", path.display())]
    Identity { what: &'static str, path: PathBuf, message: String, hint: String },
    /// The store is not this node's, or is damaged.
    #[error("store `{}`: {message}", path.display())]
    Store { path: PathBuf, message: String, hint: String },
    /// A socket could not be opened.
    #[error("could not listen on `{address}` for {what}: {source}")]
    Listen { what: &'static str, address: String, source: std::io::Error },
    /// A node that was asked did not do it.
    #[error("node at `{url}`: {message}")]
    Remote { url: String, message: String, hint: Option<String>, connected: bool },
    /// Input that was refused.
    #[error("{message}")]
    Input { message: String, hint: Option<String> },
}

impl Error {
    pub(crate) fn file(verb: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { verb, path: path.to_owned(), source }
    }

    pub(crate) fn input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Input { message: message.into(), hint: Some(hint.into()) }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::File { verb, path, .. } => Some(match *verb {
                "read" => format!("check that `{}` exists and is readable", path.display()),
                _ => format!("check the rights and free space at `{}`", path.display()),
            }),
            Self::Config { .. } => {
                Some("compare with `watchfire node --help`; unknown keys are refused".to_owned())
            }
            Self::Identity { hint, .. } | Self::Store { hint, .. } => Some(hint.clone()),
            Self::Listen { .. } => Some(
                "choose a free port in the node's configuration, or stop what uses it".to_owned(),
            ),
            Self::Remote { hint, .. } | Self::Input { hint, .. } => hint.clone(),
        }
    }
}

/// How an error is printed: one line, then the hint.
pub(crate) struct Report<'a>(pub(crate) &'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.0)?;
        match self.0.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
