//! `export`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base::Timestamp;
use clap::Subcommand;
use log::Kind;

use super::{ConfigArgument, print};
use crate::error::Error;
use crate::export::{self, Exported, Wish};
use crate::node::Being;

#[derive(Subcommand)]
pub(super) enum ExportCommand {
    /// Decoded facts as Parquet files, a folder a kind; again into the same folder adds what is new
    Parquet(ParquetArguments),
}

#[derive(clap::Args)]
pub(super) struct ParquetArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The folder; what goes there is in the clear
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this kind of statement; may be given again
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,
    /// Only what was logged at this time or later, picture time
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only what was logged before this time, picture time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Only what this audience may read, such as JPN+KOR+USA; `own` is all this node can read
    #[arg(long, default_value = "own")]
    view: String,
    /// Begin another file once one has so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    file_mib: u32,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl ExportCommand {
    pub(super) fn run(self) -> Result<(), Error> {
        match self {
            Self::Parquet(arguments) => arguments.run(),
        }
    }
}

impl ParquetArguments {
    fn run(self) -> Result<(), Error> {
        let mut being = Being::read(&self.node.config)?;
        let wish = Wish {
            folder: self.out,
            kinds: BTreeSet::from_iter(self.kind),
            view: self.view,
            from: self.from,
            to: self.to,
            file_bytes: u64::from(self.file_mib) * 1024 * 1024,
        };
        let exported = export::run(&mut being, &wish)?;
        if self.json {
            let answer = serde_json::to_string(&exported).expect("figures and names are plain");
            print(&format!("{answer}\n"));
        } else {
            print(&page(&exported));
        }
        Ok(())
    }
}

fn page(exported: &Exported) -> String {
    let Exported { files, rows, rows_before, unopened } = exported;
    let mut page = String::new();
    for made in files {
        page += &format!("{}  {} rows  {} bytes\n", made.path.display(), made.rows, made.bytes);
    }
    page += &if files.is_empty() {
        format!("nothing new: {rows_before} rows were exported before\n")
    } else {
        format!("{rows} rows in {} files; {rows_before} rows before\n", files.len())
    };
    if *unopened > 0 {
        page += &format!(
            "{unopened} entries are not opened here; a later export takes them once they are\n"
        );
    }
    page
}
