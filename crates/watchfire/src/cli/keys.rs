//! `keys`: the ceremonies in which a partner makes its own keys; only public halves leave it.

use std::path::{Path, PathBuf};

use base::{NodeId, PartnerId, Timestamp};
use clap::Subcommand;
use log::{
    Charter, CharterParts, HighWater, KemSecret, LogState, NodeRecord, NodeSecrets, OfficerPart,
    OfficerRecord, PartnerRecord, PassphraseCost, Realm, RetiredKeys, RootSecret, SealedRoot,
    SigningKey, StoreReadExt, VerifyingKey,
};
use zeroize::Zeroizing;

use super::{ConfigArgument, print};
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::federation::{private, public, tls_key};
use crate::node::{Being, read_charter, read_secrets};
use crate::officer::Officer;
use crate::passphrase::Source;
use crate::root_key::{Token, TokenArguments};
use crate::store::{Access, AnyOpened, AnyStore};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a partner's root key, in a file under a passphrase or in a PKCS #11 token
    Root(RootKeyArguments),
    /// Make a node's keys and their public halves
    Node(NodeKeyArguments),
    /// Make an officer's key and its public half
    Officer(OfficerKeyArguments),
    /// Show public halves with their fingerprints
    Show {
        /// Files named `*.public.toml`
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write down where a node's logs end, from any stopped node that has them
    Ends(EndsArguments),
    /// Make a node's next keys, because the old ones are due, lost or stolen
    Rotate(RotateArguments),
    /// Destroy a stopped node's sealing keys before a generation: what they open stays closed
    Destroy(DestroyArguments),
}

#[derive(clap::Args)]
pub(super) struct RootKeyArguments {
    /// The partner, such as KOR
    partner: PartnerId,
    /// `operational` or `exercise/NAME`
    #[arg(long)]
    realm: Realm,
    /// The partner's name for people
    #[arg(long)]
    name: Option<String>,
    /// The key file to make; with `--pkcs11` only the public half is written, beside that name
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Without a passphrase; exercises only
    #[arg(long, conflicts_with_all = ["pkcs11", "passphrase_file", "passphrase_fd"])]
    plain: bool,
    #[command(flatten)]
    token: TokenArguments,
    #[command(flatten)]
    passphrase: Source,
}

#[derive(clap::Args)]
pub(super) struct NodeKeyArguments {
    /// The node, such as KOR-1
    node: NodeId,
    /// `operational` or `exercise/NAME`
    #[arg(long)]
    realm: Realm,
    /// `HOST:PORT` where partners reach it; more than once if there are several
    #[arg(long, value_name = "HOST:PORT")]
    address: Vec<String>,
    /// When the keys are to be replaced
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// The folder for `node.keys` and `tls.key`
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct OfficerKeyArguments {
    /// The name acts carry, such as `KOR-duty-officer`
    name: String,
    /// Whose officer
    #[arg(long)]
    partner: PartnerId,
    /// `operational` or `exercise/NAME`
    #[arg(long)]
    realm: Realm,
    /// When the key ends: acts logged from then on are ignored
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// The key file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct EndsArguments {
    /// Whose logs
    node: NodeId,
    #[command(flatten)]
    config: ConfigArgument,
    /// The file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct RotateArguments {
    /// The node
    node: NodeId,
    /// The charter that names its keys now
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// Where its logs end, from `watchfire keys ends` at that node or at partners
    #[arg(long, value_name = "FILE", required = true)]
    ends: Vec<PathBuf>,
    /// The old key file; without it the node was lost, and every key is new
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// When the new keys are to be replaced
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// The folder for the new `node.keys` and `tls.key`
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct DestroyArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The first generation to keep
    #[arg(long, value_name = "GENERATION")]
    before: u32,
}

impl KeysCommand {
    pub(super) fn run(self) -> Result<(), Error> {
        match self {
            Self::Root(arguments) => arguments.run(),
            Self::Node(arguments) => arguments.run(),
            Self::Officer(arguments) => arguments.run(),
            Self::Show { files } => show(&files),
            Self::Ends(arguments) => arguments.run(),
            Self::Rotate(arguments) => arguments.run(),
            Self::Destroy(arguments) => arguments.run(),
        }
    }
}

/// Where the public half of the key in `file` is written.
fn public_path(file: &Path) -> PathBuf {
    file.with_extension("public.toml")
}

/// Writes public halves and says what to compare by voice.
fn publish(path: &Path, parts: &CharterParts) -> Result<(), Error> {
    public(path, parts.to_text().as_bytes())?;
    print(&format!("{}\n{}", path.display(), describe(parts)));
    Ok(())
}

fn describe(parts: &CharterParts) -> String {
    let mut page = format!("realm {}\n", parts.realm);
    let mut line = |what: String, key: &VerifyingKey| {
        let print = key.fingerprint();
        page += &format!("{what}\n  fingerprint {print}\n  read aloud  {}\n", print.spoken());
    };
    for (id, partner) in &parts.partners {
        line(format!("root of {id}, {}", partner.name), &partner.root);
    }
    for (id, node) in &parts.nodes {
        line(format!("node {id}, sealing generation {}", node.kem.generation), &node.key);
    }
    for officer in &parts.officers {
        line(format!("officer `{}` of {}", officer.name, officer.partner), &officer.record.key);
    }
    page
}

impl RootKeyArguments {
    fn run(self) -> Result<(), Error> {
        let (realm, partner) = (self.realm.clone(), self.partner);
        if self.plain && !realm.is_exercise() {
            return Err(Error::input(
                "expected a passphrase or a token for an operational root key",
                "leave out `--plain`",
            ));
        }
        let root = if self.token.pkcs11.is_some() {
            let session = self.token.log_in(&self.passphrase)?;
            Token::make(session, &self.token.key_label)?.public()
        } else {
            let secret = RootSecret::random(realm.clone(), partner, &mut SystemEntropy);
            if self.plain {
                private(&self.out, secret.to_text().as_bytes())?;
            } else {
                let passphrase = self.passphrase.choose(&format!("root key of {partner}"))?;
                let cost = PassphraseCost::STANDARD;
                let sealed =
                    SealedRoot::seal(&secret, passphrase.as_bytes(), cost, &mut SystemEntropy);
                private(&self.out, sealed.to_text().as_bytes())?;
            }
            secret.key.verifying_key()
        };
        let name = self.name.unwrap_or_else(|| partner.to_string());
        let mut parts = CharterParts::new(realm);
        parts.partners.insert(partner, PartnerRecord { name, root });
        publish(&public_path(&self.out), &parts)
    }
}

fn record(
    secrets: &NodeSecrets,
    tls_spki_sha256: [u8; 32],
    addresses: Vec<String>,
    expires: Option<Timestamp>,
) -> NodeRecord {
    NodeRecord {
        key: secrets.key.verifying_key(),
        witness: secrets.witness.verifying_key(),
        holds: secrets.holds.verifying_key(),
        kem: secrets.newest_kem().public(),
        tls_spki_sha256,
        addresses,
        expires,
        retired: Vec::new(),
    }
}

/// Writes a node's key files and public halves.
fn hand_out(
    folder: &Path,
    secrets: &NodeSecrets,
    tls: &[u8],
    record: NodeRecord,
) -> Result<(), Error> {
    private(&folder.join("node.keys"), secrets.to_text().as_bytes())?;
    private(&folder.join("tls.key"), tls)?;
    let mut parts = CharterParts::new(secrets.realm.clone());
    parts.nodes.insert(secrets.node, record);
    publish(&folder.join(format!("{}.public.toml", secrets.node)), &parts)
}

impl NodeKeyArguments {
    fn run(self) -> Result<(), Error> {
        let secrets = NodeSecrets::random(self.realm, self.node, &mut SystemEntropy);
        let (tls, digest) = tls_key()?;
        let record = record(&secrets, digest, self.address, self.expires);
        hand_out(&self.out, &secrets, &tls, record)
    }
}

impl OfficerKeyArguments {
    fn run(self) -> Result<(), Error> {
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *seed).expect("the system's random generator works");
        let key = SigningKey::from_seed(*seed).verifying_key();
        private(&self.out, Officer::file(&self.name, &seed).as_bytes())?;
        let mut parts = CharterParts::new(self.realm);
        let record = OfficerRecord { key, expires: self.expires };
        parts.officers.push(OfficerPart { partner: self.partner, name: self.name, record });
        publish(&public_path(&self.out), &parts)
    }
}

/// Reads a file of public halves.
pub(super) fn read_parts(path: &Path) -> Result<CharterParts, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    CharterParts::parse(&text).map_err(|error| Error::Identity {
        what: "public halves",
        path: path.to_owned(),
        hint: error.hint().unwrap_or("ask their owner for the file again").to_owned(),
        message: error.to_string(),
    })
}

fn show(files: &[PathBuf]) -> Result<(), Error> {
    for path in files {
        print(&format!("{}\n{}", path.display(), describe(&read_parts(path)?)));
    }
    Ok(())
}

impl EndsArguments {
    fn run(self) -> Result<(), Error> {
        let being = Being::read(&self.config.config)?;
        let charter = &being.charter;
        let database = being.config.database();
        let refuse = |error: log::Error| Error::Store {
            path: database.clone(),
            message: error.to_string(),
            hint: "stop the node first; run `watchfire fsck`".to_owned(),
        };
        let AnyOpened { store, .. } = AnyStore::open(&being, Access::Read)?;
        let mut ends = HighWater::new(charter.realm().clone(), self.node);
        for head in store.heads().map_err(refuse)? {
            let frontier = &head.done.frontier;
            if head.log.node == self.node && frontier.size() > 0 {
                let (log, size, root) = (head.log, frontier.size(), frontier.root());
                ends.raise(&LogState { log, size, root });
            }
        }
        let count = ends.logs().count();
        if count == 0 {
            return Err(Error::input(
                format!("expected logs of `{}` in `{}`, got none", self.node, database.display()),
                "ask a partner that was connected to that node",
            ));
        }
        public(&self.out, ends.to_text().as_bytes())?;
        print(&format!("{}: {count} logs of {}\n", self.out.display(), self.node));
        Ok(())
    }
}

/// The furthest end of each log that any of the files names.
fn read_ends(files: &[PathBuf], realm: &Realm, node: NodeId) -> Result<Vec<LogState>, Error> {
    let mut furthest = HighWater::new(realm.clone(), node);
    for path in files {
        let refuse = |message: String| Error::Identity {
            what: "ends",
            path: path.clone(),
            message,
            hint: "make the file again with `watchfire keys ends`".to_owned(),
        };
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
        let ends = HighWater::parse(&text).map_err(|error| refuse(error.to_string()))?;
        if ends.node != node || ends.realm != *realm {
            let (expected, got) = (format!("`{node}` in `{realm}`"), (&ends.node, &ends.realm));
            return Err(refuse(format!(
                "expected logs of {expected}, got those of `{}` in `{}`",
                got.0, got.1
            )));
        }
        ends.logs().for_each(|state| furthest.raise(&state));
    }
    Ok(furthest.logs().collect())
}

impl RotateArguments {
    fn run(self) -> Result<(), Error> {
        let charter = read_charter(&self.charter)?;
        let realm = charter.realm().clone();
        let old = charter.node(self.node).ok_or_else(|| {
            Error::input(
                format!("expected a node of the charter, got `{}`", self.node),
                "name the node as its roster does",
            )
        })?;
        let logs = read_ends(&self.ends, &realm, self.node)?;
        let secrets = self.secrets(&charter, old)?;
        let (tls, digest) = tls_key()?;
        let mut record = record(&secrets, digest, old.addresses.clone(), self.expires);
        let (key, witness, holds) = (old.key, old.witness, old.holds);
        record.retired.push(RetiredKeys { key, witness, holds, logs });
        hand_out(&self.out, &secrets, &tls, record)?;
        eprintln!(
            "next: `watchfire charter roster {} --partner {} --add {}` puts them in force",
            self.charter.display(),
            self.node.partner(),
            self.out.join(format!("{}.public.toml", self.node)).display(),
        );
        Ok(())
    }

    /// New signing keys. Storage and sealing keys go on where the old file is there; the sealing key
    /// of a new generation joins them.
    fn secrets(&self, charter: &Charter, old: &NodeRecord) -> Result<NodeSecrets, Error> {
        let realm = charter.realm().clone();
        let Some(path) = &self.keys else {
            let mut secrets = NodeSecrets::random(realm, self.node, &mut SystemEntropy);
            let generation = old.kem.generation + 1;
            secrets.kem = vec![KemSecret::random(generation, &mut SystemEntropy)];
            return Ok(secrets);
        };
        let held = read_secrets(path)?;
        if held.node != self.node || held.realm != realm || held.key.verifying_key() != old.key {
            return Err(Error::Identity {
                what: "keys",
                path: path.clone(),
                message: format!("expected the keys the charter names for `{}`", self.node),
                hint: "leave out `--keys` if they are lost".to_owned(),
            });
        }
        let mut secrets = held.rotate_signing(&mut SystemEntropy);
        secrets.add_kem(&mut SystemEntropy);
        Ok(secrets)
    }
}

impl DestroyArguments {
    fn run(self) -> Result<(), Error> {
        let config = Config::read(&self.config.config)?;
        let _lock = crate::node::lock(&config)?;
        let mut secrets = read_secrets(&config.keys)?;
        let gone = secrets.destroy_kem_before(self.before);
        crate::key_file::replace(&config.keys, secrets.to_text().as_bytes())?;
        print(&format!(
            "{gone} sealing keys of {} destroyed; generation {} is in use\n",
            config.node,
            secrets.newest_kem().generation()
        ));
        Ok(())
    }
}
