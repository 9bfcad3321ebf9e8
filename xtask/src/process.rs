//! Starting other programs: echoed, timed, and their output kept where a count is read from it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crate::error::Error;

/// Bytes of a program's output that are kept for reading counts from; older ones are dropped.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a program printed and how it ended.
pub(crate) struct Outcome {
    /// Both streams, in the order their lines came.
    pub(crate) output: String,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

/// A program in the repository's root, with cargo named by the cargo that started us.
pub(crate) fn program(root: &Path, name: &str) -> Command {
    let name = match (name, std::env::var_os("CARGO")) {
        ("cargo", Some(cargo)) => cargo,
        _ => OsStr::new(name).to_owned(),
    };
    let mut command = Command::new(name);
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Whether a program is on the search path.
pub(crate) fn is_installed(name: &str) -> bool {
    find(name).is_some()
}

/// Where a program is on the search path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The command as one would type it, without the folders of the program.
pub(crate) fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![name.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| {
        let word = word.to_string_lossy();
        if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
    }));
    words.join(" ")
}

/// Runs to the end, passing both streams through as they come and keeping them.
pub(crate) fn run_kept(mut command: Command) -> Result<Outcome, Error> {
    let name = shown(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| start_error(&command, &name, source))?;
    let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
    let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
    let (lines, heard) = std::sync::mpsc::sync_channel::<String>(1024);
    let output = thread::scope(|scope| {
        let other = lines.clone();
        scope.spawn(move || pass_lines(stdout, &lines));
        scope.spawn(move || pass_lines(stderr, &other));
        let mut output = String::new();
        for line in heard {
            // A closed stdout (a pager that quit) must not stop the run.
            let _ = writeln!(std::io::stdout(), "{line}");
            if output.len() + line.len() > KEPT_BYTES_MAX {
                output.clear();
            }
            output.push_str(&line);
            output.push('\n');
        }
        output
    });
    let status = child.wait().map_err(|source| start_error(&command, &name, source))?;
    Ok(Outcome { output, status })
}

/// Runs to the end and keeps stdout, however it ended; stderr passes through.
pub(crate) fn run_kept_stdout(mut command: Command) -> Result<Outcome, Error> {
    let name = shown(&command);
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|source| start_error(&command, &name, source))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Outcome { output: text, status: output.status })
}

/// Runs to the end and returns stdout; stderr passes through.
pub(crate) fn run_for_stdout(mut command: Command) -> Result<String, Error> {
    let name = shown(&command);
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|source| start_error(&command, &name, source))?;
    if !output.status.success() {
        return Err(Error::Failed { program: name, status: output.status.to_string(), hint: None });
    }
    String::from_utf8(output.stdout).map_err(|error| Error::Shape {
        at: name,
        expected: "UTF-8 text on stdout".to_owned(),
        got: format!("another byte at {}", error.utf8_error().valid_up_to()),
        hint: "run it by hand to see what it prints".to_owned(),
    })
}

/// Runs to the end with its talk on our stderr; an unsuccessful end is an error.
pub(crate) fn run_talking(mut command: Command) -> Result<(), Error> {
    let name = shown(&command);
    eprintln!("$ {name}");
    command.stdout(std::io::stderr());
    let status = command.status().map_err(|source| start_error(&command, &name, source))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { program: name, status: status.to_string(), hint: None })
}

fn start_error(command: &Command, name: &str, source: std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::NotFound {
        let program = command.get_program().to_string_lossy().into_owned();
        return Error::Missing { hint: format!("install it; it was wanted for `{name}`"), program };
    }
    Error::File { path: PathBuf::from(command.get_program()), source }
}

fn pass_lines(stream: impl Read, lines: &std::sync::mpsc::SyncSender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&line);
        if lines.send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = program(Path::new("."), "sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_and_the_end_are_kept() {
        let got = run_kept(shell("echo out; echo err >&2; exit 3")).expect("sh runs");
        let mut lines: Vec<_> = got.output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["err", "out"]);
        assert_eq!(got.status.code(), Some(3));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run_for_stdout(program(Path::new("."), "no-such-program-here"))
            .expect_err("there is no such program");
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
        assert!(error.to_string().contains("`no-such-program-here`"), "{error}");
    }

    #[test]
    fn a_failing_program_is_shown_as_typed() {
        let error = run_for_stdout(shell("exit 2")).expect_err("it exits with 2");
        assert_eq!(error.to_string(), "`sh -c 'exit 2'` failed: exit status: 2");
    }
}
