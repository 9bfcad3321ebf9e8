//! The node at the other end of a measurement, in a process of its own.
//!
//! It says on its standard output, one line each: `up`, and after every turn of its loop
//! `folded ENTRY COUNT WALL_NS` for each log that gained facts. It ends when its standard input does.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc;

use crate::error::Error;
use crate::node::{self, Being};

/// Runs the node of `config`.
pub(crate) fn run(config: &Path) -> Result<(), Error> {
    let being = Being::read(config)?;
    let runtime = node::runtime()?;
    let (probe, probed) = mpsc::channel();
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Ends with the measuring process, whichever way that ends.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        stop.send(()).ok();
    });
    std::thread::Builder::new()
        .name("probe".to_owned())
        .spawn(move || tell(&probed))
        .map_err(|error| Error::input(error.to_string(), "check the limit on threads"))?;
    let stopped = async move { drop(stopping.await) };
    runtime.block_on(node::run(being, stopped, |_| say("up"), Some(probe)))
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

fn tell(probed: &mpsc::Receiver<crate::core::Folded>) {
    for folded in probed {
        say(&format!("folded {} {} {}", folded.last, folded.count, folded.wall.as_nanos()));
    }
}
