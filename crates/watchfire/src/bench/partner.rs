//! The node at the other end of a measurement, in a process of its own.
//!
//! It says on its standard output, one line each: `up`, and after every turn of its loop
//! `folded ENTRY COUNT WALL_NS` for each log that gained facts. A line `digest LOG=SIZE,…` on its standard
//! input is answered by `digest HEX` of the common view at that cut, or `none REASON`. It ends when its
//! standard input does.

use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::core::Question;
use crate::error::Error;
use crate::node::{self, Being};

/// Runs the node of `config`.
pub(crate) fn run(config: &Path) -> Result<(), Error> {
    let being = Being::read(config)?;
    let runtime = node::runtime()?;
    let (probe, probed) = mpsc::channel();
    let (stop, stopping) = oneshot::channel::<()>();
    let (ready, up) = mpsc::channel();
    std::thread::spawn(move || {
        // Ends with the measuring process, whichever way that ends.
        if let Ok(near) = up.recv() {
            listen(&near);
        }
        stop.send(()).ok();
    });
    std::thread::Builder::new()
        .name("probe".to_owned())
        .spawn(move || tell(&probed))
        .map_err(|error| Error::input(error.to_string(), "check the limit on threads"))?;
    let stopped = async move { drop(stopping.await) };
    let announce = move |node: node::Ready| {
        ready.send(node.questions).ok();
        say("up");
    };
    let watchers = node::Watchers { probe: Some(probe), ..node::Watchers::default() };
    runtime.block_on(node::run(being, stopped, announce, watchers))
}

/// Answers what is asked on standard input until it ends.
fn listen(near: &tokio::sync::mpsc::Sender<Question>) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let Some(cut) = line.strip_prefix("digest ") else { continue };
        match digest(near, cut) {
            Ok(digest) => say(&format!("digest {digest}")),
            Err(why) => say(&format!("none {why}")),
        }
    }
}

fn digest(near: &tokio::sync::mpsc::Sender<Question>, cut: &str) -> Result<String, String> {
    let cut = crate::http::cut_of(cut).map_err(|problem| problem.detail)?;
    let view = "JPN+KOR".parse().map_err(|_| "not a view".to_owned())?;
    let asked = super::ask(near, |reply| Question::Digest { view, cut: Some(cut), reply });
    let answered = asked.map_err(|error| error.to_string())?;
    answered.map(|digest| digest.digest).map_err(|problem| problem.detail)
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
