//! Commands and flags as data: the parser and the help text derive from one table.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::error::Error;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    /// The word on the command line.
    pub(crate) name: &'static str,
    /// One line of help.
    pub(crate) summary: &'static str,
    /// The name of the one positional argument, when the command takes one.
    pub(crate) positional: Option<&'static str>,
    /// The flags it knows.
    pub(crate) flags: &'static [Flag],
    /// The program that receives every word this command does not know.
    pub(crate) passes_on: Option<&'static str>,
    /// What it does.
    pub(crate) run: fn(&Given) -> Result<ExitCode, Error>,
}

/// One flag of a command.
pub(crate) struct Flag {
    name: &'static str,
    value: Option<&'static str>,
    help: &'static str,
}

impl Flag {
    /// A flag without a value.
    pub(crate) const fn switch(name: &'static str, help: &'static str) -> Self {
        Self { name, value: None, help }
    }

    /// A flag with a value; it may be given more than once.
    pub(crate) const fn value(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self { name, value: Some(value), help }
    }
}

/// What was given on the command line, parsed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Given {
    /// The positional argument.
    pub(crate) positional: Option<String>,
    /// Words for the program that the command starts.
    pub(crate) passed_on: Vec<String>,
    switches: Vec<&'static str>,
    values: Vec<(&'static str, String)>,
}

impl Given {
    /// Whether a switch was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.switches.contains(&name)
    }

    /// Every value given to a flag, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.values.iter().filter(|(key, _)| *key == name).map(|(_, v)| v.as_str()).collect()
    }
}

/// What the command line asks for.
pub(crate) enum Request<'a> {
    /// Print this text.
    Help(String),
    /// Run this command.
    Run(&'a Command, Given),
}

/// Parses the words after `cargo xtask`.
pub(crate) fn parse(commands: &[Command], words: Vec<String>) -> Result<Request<'_>, Error> {
    let mut words = words.into_iter();
    let Some(first) = words.next() else {
        return Ok(Request::Help(overview(commands)));
    };
    if matches!(first.as_str(), "--help" | "-h" | "help") {
        return Ok(Request::Help(overview(commands)));
    }
    let Some(command) = commands.iter().find(|command| command.name == first) else {
        let known: Vec<_> = commands.iter().map(|command| command.name).collect();
        return Err(Error::Usage {
            message: format!("expected a command, got `{first}`"),
            hint: format!("the commands are {}; see `cargo xtask --help`", known.join(", ")),
        });
    };
    let words: Vec<String> = words.collect();
    if words.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h") {
        return Ok(Request::Help(help(command)));
    }
    parse_flags(command, words).map(|given| Request::Run(command, given))
}

fn parse_flags(command: &Command, words: Vec<String>) -> Result<Given, Error> {
    let mut given = Given::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" && command.passes_on.is_some() {
            given.passed_on.extend(words.by_ref());
            break;
        }
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        match command.flags.iter().find(|flag| flag.name == name) {
            Some(flag) if flag.value.is_none() && attached.is_none() => {
                given.switches.push(flag.name);
            }
            Some(flag) => {
                let Some(noun) = flag.value else {
                    return Err(usage(command, format!("`{name}` takes no value, got `{word}`")));
                };
                let Some(value) = attached.or_else(|| words.next()) else {
                    return Err(usage(command, format!("expected `{name} {noun}`, got no value")));
                };
                given.values.push((flag.name, value));
            }
            None if !word.starts_with('-')
                && command.positional.is_some()
                && given.positional.is_none() =>
            {
                given.positional = Some(word);
            }
            None if command.passes_on.is_some() => given.passed_on.push(word),
            None => {
                return Err(usage(
                    command,
                    format!("expected a flag of `cargo xtask {}`, got `{word}`", command.name),
                ));
            }
        }
    }
    Ok(given)
}

fn usage(command: &Command, message: String) -> Error {
    Error::Usage { message, hint: format!("see `cargo xtask {} --help`", command.name) }
}

fn overview(commands: &[Command]) -> String {
    let mut text = "cargo xtask COMMAND\n\nCommands:\n".to_owned();
    for command in commands {
        let _ = writeln!(text, "  {:<10} {}", command.name, command.summary);
    }
    text.push_str("\n`cargo xtask COMMAND --help` shows a command's flags.");
    text
}

fn help(command: &Command) -> String {
    let mut usage = format!("cargo xtask {}", command.name);
    if let Some(noun) = command.positional {
        let _ = write!(usage, " {noun}");
    }
    if !command.flags.is_empty() {
        usage.push_str(" [FLAGS]");
    }
    let mut text = format!("{}\n\nUsage: {usage}\n", command.summary);
    if !command.flags.is_empty() {
        text.push_str("\nFlags:\n");
    }
    for flag in command.flags {
        let name = match flag.value {
            Some(noun) => format!("{} {noun}", flag.name),
            None => flag.name.to_owned(),
        };
        let _ = writeln!(text, "  {name:<18} {}", flag.help);
    }
    if let Some(program) = command.passes_on {
        let _ = writeln!(text, "\nEvery other word is passed on to `{program}`.");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Command] = &[
        Command {
            name: "plain",
            summary: "a plain command",
            positional: Some("NAME"),
            flags: &[
                Flag::switch("--json", "print JSON"),
                Flag::value("--only", "STEP", "one step"),
            ],
            passes_on: None,
            run: |_| Ok(ExitCode::SUCCESS),
        },
        Command {
            name: "outer",
            summary: "starts another program",
            positional: None,
            flags: &[Flag::switch("--release", "release profile")],
            passes_on: Some("inner"),
            run: |_| Ok(ExitCode::SUCCESS),
        },
    ];

    fn given(line: &str) -> Result<Given, String> {
        match parse(TABLE, line.split_whitespace().map(str::to_owned).collect()) {
            Ok(Request::Run(_, given)) => Ok(given),
            Ok(Request::Help(text)) => Err(text),
            Err(error) => Err(format!("{error}; {}", error.hint().unwrap_or_default())),
        }
    }

    #[test]
    fn flags_values_and_positional_are_told_apart() {
        let got = given("plain --only a line --only=b --json").expect("parses");
        assert_eq!(got.positional.as_deref(), Some("line"));
        assert_eq!(got.values("--only"), ["a", "b"]);
        assert!(got.has("--json"));
    }

    #[test]
    fn unknown_words_of_an_outer_command_are_passed_on() {
        let got = given("outer --for 90 --release --json -- --release").expect("parses");
        assert!(got.has("--release"));
        assert_eq!(got.passed_on, ["--for", "90", "--json", "--release"]);
    }

    #[test]
    fn errors_say_what_was_expected_and_where_to_look() {
        for (line, expect) in [
            ("fly", "expected a command, got `fly`; the commands are plain, outer; see"),
            ("plain --fast", "expected a flag of `cargo xtask plain`, got `--fast`; see"),
            ("plain --only", "expected `--only STEP`, got no value; see"),
            ("plain --json=1", "`--json` takes no value, got `--json=1`; see"),
            ("plain a b", "expected a flag of `cargo xtask plain`, got `b`; see"),
        ] {
            let got = given(line).expect_err(line);
            assert!(got.starts_with(expect), "{line}: {got}");
        }
    }

    #[test]
    fn help_lists_every_flag() {
        let text = given("plain --help").expect_err("help");
        assert!(text.contains("cargo xtask plain NAME [FLAGS]"), "{text}");
        assert!(text.contains("--only STEP"), "{text}");
        assert!(given("outer -h").expect_err("help").contains("passed on to `inner`"));
        assert!(given("").expect_err("help").contains("outer"));
    }
}
