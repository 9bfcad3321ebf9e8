//! The command line: one typed definition from which parsing, help and completions come.

mod audit;
mod backup;
mod bundle;
mod charter;
mod correct;
mod doctor;
mod evidence;
mod explain;
mod export;
mod ingest;
mod inspect;
mod keys;
mod line_check;
mod node;
mod systemd;

use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, Parser, Subcommand};
use domains::correction;

use crate::error::Error;

/// Early warning and consultation between partners who trust each other's facts, not each other's
/// servers.
#[derive(Parser)]
#[command(name = "watchfire", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run three nodes on this machine and play a published flight to them
    Demo(node::DemoArguments),
    /// Run a node
    Node(node::NodeArguments),
    /// Print a new one-time log-in link of a running node
    Login(ConfigArgument),
    /// Draft, sign, compare and check charters
    #[command(subcommand)]
    Charter(charter::CharterCommand),
    /// Make, replace and destroy keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Read sensor data and send it to a node
    #[command(subcommand)]
    Ingest(ingest::IngestCommand),
    /// Play or describe a scenario file
    #[command(subcommand)]
    Scenario(ingest::ScenarioCommand),
    /// Append a statement of a registered kind to a running node
    Append(AppendArguments),
    /// Withdraw entries of this partner's nodes
    Recall(correct::RecallArguments),
    /// Mend an entry of this partner's nodes in its place and time
    Correct(correct::ReplaceArguments),
    /// Replace an entry of this partner's nodes from now on
    Supersede(correct::ReplaceArguments),
    /// Fetch a node's logs as an outsider and verify all of them
    Audit(audit::AuditArguments),
    /// Show what appending a statement would send to whom, without appending it
    Preview(AppendArguments),
    /// Show who held an entry, and when
    Receipts(explain::ReceiptsArguments),
    /// Say why a partner has or has not got an entry
    Why(explain::WhyArguments),
    /// Show one domain's picture at a running node
    Picture(PictureArguments),
    /// Show how a running node stands
    Status(StatusArguments),
    /// Test a running node's lines with real entries, and show how long they took to be held
    LineCheck(line_check::LineCheckArguments),
    /// Look at a node's configuration and surroundings, and say what is wrong and how to mend it
    Doctor(doctor::DoctorArguments),
    /// Print a hardened systemd unit for a node
    Systemd(systemd::SystemdArguments),
    /// Fold a stopped node's log again and print the digest
    Replay(inspect::ReplayArguments),
    /// Verify every byte of a stopped node's store
    Fsck(inspect::FsckArguments),
    /// Show what a store keeps of nodes that signed two histories
    Evidence(evidence::EvidenceArguments),
    /// Copy a node's store while it runs, and verify the copy
    Backup(backup::BackupArguments),
    /// Put a backup back at a stopped node, or rehearse it
    Restore(backup::RestoreArguments),
    /// Write what a node knows to files for other programs
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Write and read the files of lines on which nothing but files goes
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// List the domains and their kinds of statement
    Domains {
        /// As the documentation's index
        #[arg(long)]
        markdown: bool,
    },
    /// Print the `OpenAPI` document of the node's API
    Openapi,
    /// Measure this machine's nodes
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
enum BenchCommand {
    /// From an append at one node to its fold at the partner, over a real line on loopback
    Line {
        /// How many appends, one after the other
        #[arg(long, default_value_t = 1_000)]
        samples: usize,
        /// Print the result as one JSON object on the last line
        #[arg(long)]
        json: bool,
    },
    /// Entries a second and idle latency of two nodes, each a process of its own, on this machine
    Exchange(crate::bench::Exchange),
    /// The round trip of FLASH over a slow line, idle and beside a saturating backlog
    Flash(crate::bench::Flash),
    /// Catching up after a cut, and FLASH meanwhile, over a line between two hosts
    Catchup(crate::bench::Catchup),
    /// The far end of a plain stream that measures a line
    #[command(hide = true)]
    Sink(crate::bench::Sink),
    /// The round trip of an urgent message over plain QUIC with stream priorities, for comparison
    PlainQuinn(crate::bench::PlainQuinn),
    /// Its other end, ended by closing its standard input
    #[command(hide = true)]
    PlainQuinnAnswer(ConfigArgument),
    /// The other node of a measurement, ended by closing its standard input
    #[command(hide = true)]
    Partner(ConfigArgument),
    /// Commits to a store on three NATS servers of its own, which are killed in turn
    Jetstream {
        /// How many kills
        #[arg(long, default_value_t = 24)]
        kills: usize,
        /// Print the result as one JSON object on the last line
        #[arg(long)]
        json: bool,
    },
}

/// Which node.
#[derive(clap::Args)]
struct ConfigArgument {
    /// The node's configuration file
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
}

#[derive(clap::Args)]
struct StatusArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct AppendArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The kind of statement
    #[arg(value_parser = PossibleValuesParser::new(domains::kinds().into_iter().map(|kind| kind.name)))]
    kind: String,
    /// Its content as JSON of the kind's schema, or `-` for standard input
    content: String,
    /// Who may read it, such as KOR+USA; all partners if absent
    #[arg(long)]
    audience: Option<String>,
    /// flash, immediate, priority or routine; the kind's own if absent
    #[arg(long)]
    precedence: Option<String>,
    /// `local`, `partners(K)` or `all`: when to call it appended
    #[arg(long)]
    level: Option<String>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct PictureArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The domain
    #[arg(value_parser = PossibleValuesParser::new(domains::domains().into_iter().map(|domain| domain.name)))]
    domain: String,
    /// The view: own, or an audience such as JPN+KOR+USA
    #[arg(long, default_value = "own")]
    view: String,
}

/// Does what the command line says.
pub(crate) fn run() -> Result<(), Error> {
    match Cli::parse().command {
        Command::Demo(arguments) => arguments.run(),
        Command::Node(arguments) => arguments.run(),
        Command::Login(arguments) => node::login(&arguments),
        Command::Charter(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Ingest(command) => command.run(),
        Command::Scenario(command) => command.run(),
        Command::Append(arguments) => inspect::append(&arguments),
        Command::Recall(arguments) => arguments.run(),
        Command::Correct(arguments) => arguments.run(correction::Act::Correct),
        Command::Supersede(arguments) => arguments.run(correction::Act::Supersede),
        Command::Audit(arguments) => arguments.run(),
        Command::Preview(arguments) => explain::preview(&arguments),
        Command::Receipts(arguments) => arguments.run(),
        Command::Why(arguments) => arguments.run(),
        Command::Picture(arguments) => inspect::picture(&arguments),
        Command::Status(arguments) => inspect::status(&arguments),
        Command::LineCheck(arguments) => arguments.run(),
        Command::Doctor(arguments) => arguments.run(),
        Command::Systemd(arguments) => arguments.run(),
        Command::Replay(arguments) => arguments.run(),
        Command::Fsck(arguments) => arguments.run(),
        Command::Evidence(arguments) => arguments.run(),
        Command::Backup(arguments) => arguments.run(),
        Command::Restore(arguments) => arguments.run(),
        Command::Export(command) => command.run(),
        Command::Bundle(command) => command.run(),
        Command::Domains { markdown } => {
            print(&inspect::domains(markdown));
            Ok(())
        }
        Command::Openapi => {
            let document = crate::http::openapi::document();
            print(&format!("{document:#}\n"));
            Ok(())
        }
        Command::Bench(BenchCommand::Line { samples, json }) => crate::bench::line(samples, json),
        Command::Bench(BenchCommand::Exchange(arguments)) => crate::bench::exchange(&arguments),
        Command::Bench(BenchCommand::Flash(arguments)) => crate::bench::flash(&arguments),
        Command::Bench(BenchCommand::Catchup(arguments)) => crate::bench::catchup(&arguments),
        Command::Bench(BenchCommand::Sink(arguments)) => crate::bench::sink(&arguments),
        Command::Bench(BenchCommand::PlainQuinn(arguments)) => {
            crate::bench::plain_quinn(&arguments)
        }
        Command::Bench(BenchCommand::PlainQuinnAnswer(node)) => {
            crate::bench::plain_quinn_answer(&node.config)
        }
        Command::Bench(BenchCommand::Partner(node)) => crate::bench::partner(&node.config),
        Command::Bench(BenchCommand::Jetstream { kills, json }) => {
            crate::store::jetstream::soak::run(kills, json)
        }
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "watchfire",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    }
}

/// Prints to standard output; a reader that went away is no error.
fn print(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound_and_lists_every_domain() {
        Cli::command().debug_assert();
        let help = Cli::command()
            .find_subcommand_mut("picture")
            .expect("there is such a command")
            .render_long_help()
            .to_string();
        for domain in domains::domains() {
            assert!(help.contains(domain.name), "{help}");
        }
    }
}
