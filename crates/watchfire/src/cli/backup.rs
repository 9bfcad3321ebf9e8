//! `backup` and `restore`.

use std::path::PathBuf;

use base::Timestamp;
use serde_json::json;

use super::{ConfigArgument, print};
use crate::backup::restore::{self, Drill, Existing};
use crate::backup::{self, Taken};
use crate::error::Error;
use crate::node::Being;

#[derive(clap::Args)]
pub(super) struct BackupArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// A new folder, or a new file whose name ends in `.sqlite`
    target: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl BackupArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let being = Being::read(&self.node.config)?;
        let Taken { manifest, same_disk } = backup::take(&being, &self.target)?;
        if same_disk {
            eprintln!("warning: the backup is on the same file system as the store");
            eprintln!("hint: keep it on another disk, in another building");
        }
        if self.json {
            let mut answer = serde_json::to_value(&manifest).expect("a manifest is plain");
            answer["same_disk"] = json!(same_disk);
            print(&format!("{answer}\n"));
        } else {
            print(&format!(
                "{}  {} entries in {} logs, verified  {} bytes  sha256 {}\n",
                self.target.display(),
                manifest.entries,
                manifest.logs.len(),
                manifest.database.bytes,
                manifest.database.sha256
            ));
        }
        Ok(())
    }
}

#[derive(clap::Args)]
pub(super) struct RestoreArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// What `watchfire backup` wrote
    backup: PathBuf,
    /// Drop what was logged after this moment, picture time, whole batches only
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Rehearse: restore into a scratch folder, verify, fold, compare with the running node
    #[arg(long, conflicts_with = "replace")]
    drill: bool,
    /// The scratch folder of a rehearsal; a temporary one if absent
    #[arg(long, requires = "drill")]
    scratch: Option<PathBuf>,
    /// Move a store that is already there aside
    #[arg(long)]
    replace: bool,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl RestoreArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let being = Being::read(&self.node.config)?;
        if self.drill {
            return self.drill(&being);
        }
        let existing = if self.replace { Existing::MoveAside } else { Existing::Keep };
        let restored = restore::restore(&being, &self.backup, self.to, existing)?;
        if self.json {
            let answer = serde_json::to_value(&restored).expect("figures and names are plain");
            print(&format!("{answer}\n"));
            return Ok(());
        }
        let mut page = format!(
            "{}  {} entries, verified; the backup is {}\n",
            restored.database.display(),
            restored.entries,
            age(restored.age_s)
        );
        if let Some(previous) = &restored.previous {
            page += &format!("the store that was there is now {}\n", previous.display());
        }
        for log in &restored.cut {
            page += &format!("{}  cut to {}, {} dropped\n", log.log, log.size, log.dropped);
        }
        page +=
            "start the node: it begins a new incarnation and asks partners for what is missing\n";
        print(&page);
        Ok(())
    }

    fn drill(&self, being: &Being) -> Result<(), Error> {
        let scratch = self.scratch.clone().unwrap_or_else(|| {
            let name = format!("watchfire-drill-{}-{}", being.config.node, std::process::id());
            std::env::temp_dir().join(name)
        });
        let drill = restore::drill(being, &self.backup, self.to, &scratch)?;
        if self.json {
            let answer = serde_json::to_value(&drill).expect("figures and names are plain");
            print(&format!("{answer}\n"));
        } else {
            print(&page(&drill));
        }
        if drill.differs() {
            return Err(Error::Store {
                path: self.backup.clone(),
                message: "the picture folded from the backup is not the running node's".to_owned(),
                hint: "run `watchfire fsck` and `watchfire replay` on the stopped node; one of the two stores is wrong"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

fn page(drill: &Drill) -> String {
    let mut page = format!(
        "the backup is {}; restored, verified and folded in {:.1} s: {} entries, no fault\n",
        age(drill.age_s),
        drill.took_s,
        drill.entries
    );
    for view in &drill.views {
        let verdict = match view.equal {
            Some(true) => "equal at the running node",
            Some(false) => "DIFFERENT at the running node",
            None => "not compared",
        };
        page += &format!(
            "view {}  facts {}  digest {}  {verdict}\n",
            view.view, view.facts, view.restored
        );
    }
    if let Some(behind) = drill.behind {
        page += &format!("the running node holds {behind} entries that the backup lacks\n");
    }
    if let Some(why) = &drill.not_compared {
        page += &format!("nothing was compared: {why}\n");
    }
    page
}

/// An age in words, from its seconds.
fn age(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} seconds old"),
        s if s < 7_200.0 => format!("{:.0} minutes old", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} hours old", s / 3_600.0),
        s => format!("{:.0} days old", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_at_a_glance() {
        let check = |seconds, expect: &str| assert_eq!(age(seconds), format!("{expect} old"));
        check(0.4, "0 seconds");
        check(119.0, "119 seconds");
        check(600.0, "10 minutes");
        check(10_800.0, "3 hours");
        check(864_000.0, "10 days");
    }
}
