//! The demonstration's node processes. Each stops when its standard input closes, so none is left
//! behind however this process ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use base::NodeId;
use serde_json::Value;

use crate::error::Error;
use crate::federation::Member;

/// Started nodes.
pub(super) struct Nodes(Vec<Started>);

/// One of them.
pub(super) struct Started {
    pub(super) id: NodeId,
    pub(super) console: String,
    pub(super) link: String,
    child: Child,
}

impl Nodes {
    /// Starts every member and waits until each is ready.
    pub(super) fn start(members: &[Member]) -> Result<Self, Error> {
        let program = std::env::current_exe()
            .map_err(|error| Error::input(error.to_string(), "run `watchfire` by its path"))?;
        let mut nodes = Self(Vec::new());
        for member in members {
            let mut child = Command::new(&program)
                .args(["node", "--ready-json", "--stop-with-stdin", "--config"])
                .arg(&member.config)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| Error::file("start", &program, error))?;
            let stdout = child.stdout.take().expect("its output is piped");
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).ok();
            let ready: Value = serde_json::from_str(&line).map_err(|_| {
                Error::input(
                    format!("the node `{}` did not start", member.node),
                    "its error is printed above",
                )
            })?;
            let word = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
            nodes.0.push(Started {
                id: member.node,
                console: word("console"),
                link: word("link"),
                child,
            });
        }
        Ok(nodes)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Started> {
        self.0.iter()
    }

    /// Waits for the nodes to end by themselves.
    pub(super) fn wait(&mut self) {
        for node in &mut self.0 {
            // Waiting closes a standard input it finds, and that would stop the node.
            let open = node.child.stdin.take();
            node.child.wait().ok();
            drop(open);
        }
    }

    /// Asks every node to stop and waits.
    pub(super) fn stop(&mut self) {
        for node in &mut self.0 {
            drop(node.child.stdin.take());
        }
        self.wait();
    }
}
