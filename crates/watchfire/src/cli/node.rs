//! `node`, `demo` and `login`.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::json;

use super::{ConfigArgument, print};
use crate::client::Client;
use crate::config::{Config, Log, LogFormat};
use crate::core::answers::Link;
use crate::error::Error;
use crate::node::{Being, Ready, Watchers};
use crate::service::{Manager, Watchdog};
use crate::{demo, http};

#[derive(clap::Args)]
pub(super) struct NodeArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// When ready print one JSON line with the console's address and a log-in link
    #[arg(long)]
    ready_json: bool,
    /// Stop when standard input closes
    #[arg(long)]
    stop_with_stdin: bool,
}

#[derive(clap::Args)]
pub(super) struct DemoArguments {
    /// Seconds to run, then print the result and stop; until Ctrl-C if absent
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// How many times faster than real the exercise's clock runs
    #[arg(long, default_value_t = 60.0)]
    rate: f64,
    /// Print the result as one JSON object on the last line
    #[arg(long)]
    json: bool,
    /// An empty or absent folder to make the nodes in; a temporary one if absent
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Another scenario file to play
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The truth file of that scenario
    #[arg(long, value_name = "FILE", requires = "scenario")]
    truth: Option<PathBuf>,
    /// Leave drafted warnings to whoever sits at the console
    #[arg(long)]
    no_officer: bool,
}

fn log_to_stderr(log: &Log) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WATCHFIRE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(&log.filter));
    // A log that cannot be written, such as a file on a full disk, would else be complained of there
    // too, which ends the thread that logs: a node goes on without its log.
    let subscriber = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}

impl DemoArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        if !(self.rate > 0.0 && self.rate <= 1_000.0) {
            return Err(Error::input(
                format!("expected `--rate` above 0 and at most 1000, got {}", self.rate),
                "60 plays the flight of 47 minutes in 47 seconds",
            ));
        }
        demo::run(&demo::Options {
            seconds: self.seconds,
            rate: self.rate,
            json: self.json,
            folder: self.folder,
            scenario: self.scenario.map(|scenario| (scenario, self.truth)),
            no_officer: self.no_officer,
        })
    }
}

impl NodeArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let being = Being::read(&self.node.config)?;
        log_to_stderr(&being.config.log);
        let format = being.config.log.format;
        let name = being.config.node;
        let ready_json = self.ready_json;
        let runtime = crate::node::runtime()?;
        let manager = Manager::from_environment();
        let watchdog = manager.as_ref().and_then(Watchdog::from_environment);
        let (ends, told) = (stopped(self.stop_with_stdin), manager.clone());
        let stopped = async move {
            ends.await;
            if let Some(manager) = told {
                manager.stopping();
            }
        };
        let ready = move |Ready { console, link, .. }| {
            if ready_json {
                print(&format!("{}\n", json!({ "node": name, "console": console, "link": link })));
            } else if format == LogFormat::Json {
                let time = crate::clock::wall_now();
                let line = json!({
                    "timestamp": time, "level": "INFO", "target": "watchfire",
                    "message": "the node is up", "node": name, "console": console, "link": link,
                });
                eprintln!("{line}");
            } else {
                eprintln!("node {name} is up; console {console}");
                eprintln!("log in once with {link}");
                if !http::console_present() {
                    eprintln!("the console is absent: this node was built without Node.js");
                }
            }
            if let Some(manager) = &manager {
                manager.ready(&format!("{name} is up"));
            }
        };
        let watchers = Watchers { watchdog, ..Watchers::default() };
        runtime.block_on(crate::node::run(being, stopped, ready, watchers))?;
        // A thread may still wait for standard input; the node itself has ended.
        runtime.shutdown_background();
        Ok(())
    }
}

/// Ends at Ctrl-C, at SIGTERM, or when standard input closes if that is asked for.
async fn stopped(with_stdin: bool) {
    let (closed, input) = tokio::sync::oneshot::channel::<()>();
    if with_stdin {
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            std::io::stdin().read_to_end(&mut rest).ok();
            closed.send(()).ok();
        });
    } else {
        // Held for ever: nothing will come.
        std::mem::forget(closed);
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("the runtime has signals");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        _ = input => {}
    }
}

pub(super) fn login(arguments: &ConfigArgument) -> Result<(), Error> {
    let config = Config::read(&arguments.config)?;
    let link: Link = Client::of(&config)?.post("/api/v1/links", &json!({}))?;
    print(&format!("{}\n", link.url));
    Ok(())
}
