//! What can go wrong in a developer's command, and the mend.

use std::fmt;
use std::path::PathBuf;

/// A failure of a developer's command. The message says what was expected and what came;
/// [`Error::hint`] names the mend.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The command line is not one the command knows.
    Usage { message: String, hint: String },
    /// A program this command needs is not installed.
    Missing { program: String, hint: String },
    /// A program ran and failed.
    Failed { program: String, status: String, hint: Option<String> },
    /// A file could not be read or written.
    File { path: PathBuf, source: std::io::Error },
    /// A file or a program's output has the wrong shape.
    Shape { at: String, expected: String, got: String, hint: String },
    /// The check itself found faults; they are already printed.
    Faults { what: String, count: usize, hint: String },
}

impl Error {
    /// The command or edit that mends it.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. }
            | Self::Missing { hint, .. }
            | Self::Shape { hint, .. }
            | Self::Faults { hint, .. } => Some(hint),
            Self::Failed { hint, .. } => hint.as_deref(),
            Self::File { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { message, .. } => out.write_str(message),
            Self::Missing { program, .. } => {
                write!(out, "expected `{program}` to be installed, found no such program")
            }
            Self::Failed { program, status, .. } => write!(out, "`{program}` failed: {status}"),
            Self::File { path, source } => write!(out, "`{}`: {source}", path.display()),
            Self::Shape { at, expected, got, .. } => {
                write!(out, "`{at}`: expected {expected}, got {got}")
            }
            Self::Faults { what, count, .. } => write!(out, "{what}: {count} found"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}
