//! Making a whole exercise federation in one place: keys, rosters, a signed charter, configurations.
//!
//! In operations every partner makes its own keys and only public halves and signatures travel; this
//! is for exercises, demonstrations and tests, and refuses the operational realm.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::Ed25519KeyPair;
use base::{NodeId, PartnerId, Timestamp};
use log::{
    Agreement, Audience, Carrier, CharterDraft, ExerciseTime, LineRecord, NodeRecord, NodeSecrets,
    OfficerRecord, PartnerRecord, Realm, RootSecret, Roster, SigningKey,
};
use zeroize::Zeroizing;

use crate::config::{Config, Http, Lines, RadarSite, Tuning};
use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::line::Identity;
use crate::officer::Officer;

/// Partners of a federation made in one place: every set of them becomes an audience.
const PARTNERS_MAX: usize = 6;

/// What a federation is made of.
pub(crate) struct Plan {
    pub(crate) realm: Realm,
    pub(crate) time: ExerciseTime,
    /// Wall time at which the exercise begins.
    pub(crate) started: Timestamp,
    pub(crate) partners: Vec<PartnerId>,
    /// Nodes of each partner, numbered from 1.
    pub(crate) nodes: u16,
    pub(crate) radars: Vec<RadarSite>,
    pub(crate) tuning: Tuning,
    /// Over what all lines run.
    pub(crate) carrier: Carrier,
    /// Who may carry ciphertext between two others.
    pub(crate) relays: BTreeSet<PartnerId>,
}

/// One node that was made.
pub(crate) struct Member {
    pub(crate) node: NodeId,
    pub(crate) config: PathBuf,
}

struct Made {
    secrets: NodeSecrets,
    tls: Zeroizing<Vec<u8>>,
    officer: (String, [u8; 32]),
    record: NodeRecord,
    lines: SocketAddr,
    http: SocketAddr,
}

/// Makes the partners' nodes with lines between all of them on loopback, below `folder`, which must be
/// empty.
pub(crate) fn make(folder: &Path, plan: &Plan) -> Result<Vec<Member>, Error> {
    make_at(folder, plan, &[])
}

/// As [`make`], with the partners' nodes at these addresses, in the order of the partners.
pub(crate) fn make_at(folder: &Path, plan: &Plan, hosts: &[IpAddr]) -> Result<Vec<Member>, Error> {
    if !hosts.is_empty() && hosts.len() != plan.partners.len() {
        let (partners, got) = (plan.partners.len(), hosts.len());
        return Err(Error::input(
            format!("expected {partners} hosts, one a partner, got {got}"),
            "name them as `--hosts 10.0.0.1,10.0.0.2`, in the order of the partners",
        ));
    }
    if !plan.realm.is_exercise() {
        return Err(Error::input(
            "a federation made in one place cannot be of the operational realm",
            "each partner makes its own keys with `watchfire charter`; see docs/operator-guide.md",
        ));
    }
    let distinct: BTreeSet<PartnerId> = plan.partners.iter().copied().collect();
    if distinct.len() != plan.partners.len() || !(2..=PARTNERS_MAX).contains(&distinct.len()) {
        return Err(Error::input(
            format!(
                "expected 2 to {PARTNERS_MAX} partners, each once, got `{}`",
                plan.partners.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            ),
            "name them as `--partners KOR,JPN,USA`",
        ));
    }
    let exists = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if exists {
        return Err(Error::input(
            format!("expected `{}` to be empty or absent", folder.display()),
            "name another folder; nothing is overwritten",
        ));
    }
    let mut made = BTreeMap::new();
    let mut roots = BTreeMap::new();
    let mut ports = FreePorts::default();
    for (place, partner) in plan.partners.iter().enumerate() {
        let host = hosts.get(place).copied();
        for number in 1..=plan.nodes {
            let node = NodeId::new(*partner, number).expect("it is a node number");
            made.insert(node, make_node(node, plan, host, &mut ports)?);
        }
        roots
            .insert(*partner, RootSecret::random(plan.realm.clone(), *partner, &mut SystemEntropy));
    }
    let charter = sign(plan, &made, &roots)?;
    write(folder, &charter, plan, &made, &roots)
}

/// A fresh TLS key as PKCS #8, and the digest the charter names it by.
pub(crate) fn tls_key() -> Result<(Zeroizing<Vec<u8>>, [u8; 32]), Error> {
    let key = Ed25519KeyPair::generate()
        .and_then(|pair| pair.to_pkcs8().map(|document| document.as_ref().to_vec()))
        .expect("the system's random generator works");
    let key = Zeroizing::new(key);
    let digest = Identity::from_pkcs8(&key, Path::new("a new TLS key"))?.spki_sha256();
    Ok((key, digest))
}

fn make_node(
    node: NodeId,
    plan: &Plan,
    host: Option<IpAddr>,
    ports: &mut FreePorts,
) -> Result<Made, Error> {
    let secrets = NodeSecrets::random(plan.realm.clone(), node, &mut SystemEntropy);
    let (tls, tls_spki_sha256) = tls_key()?;
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).expect("the system's random generator works");
    let (mut lines, http) = (ports.next()?, ports.next()?);
    lines.set_ip(host.unwrap_or(lines.ip()));
    let record = NodeRecord {
        key: secrets.key.verifying_key(),
        witness: secrets.witness.verifying_key(),
        holds: secrets.holds.verifying_key(),
        kem: secrets.newest_kem().public(),
        tls_spki_sha256,
        addresses: vec![lines.to_string()],
        expires: None,
        retired: Vec::new(),
    };
    let mut officer = format!("{}-duty-officer", node.partner());
    if node.number() > 1 {
        officer += &format!("-{}", node.number());
    }
    let officer = (officer, seed);
    Ok(Made { secrets, tls, officer, record, lines, http })
}

fn sign(
    plan: &Plan,
    made: &BTreeMap<NodeId, Made>,
    roots: &BTreeMap<PartnerId, RootSecret>,
) -> Result<String, Error> {
    let refuse =
        |error: log::Error| Error::input(error.to_string(), error.hint().unwrap_or("report this"));
    let partners = roots
        .iter()
        .map(|(id, root)| {
            let record = PartnerRecord { name: id.to_string(), root: root.key.verifying_key() };
            (*id, record)
        })
        .collect();
    let nodes: Vec<NodeId> = made.keys().copied().collect();
    let mut lines = Vec::new();
    for (place, from) in nodes.iter().enumerate() {
        for to in &nodes[place + 1..] {
            lines.push(LineRecord { from: *from, to: *to, carrier: plan.carrier });
        }
    }
    let mut draft = CharterDraft::new(Agreement {
        edition: 1,
        realm: plan.realm.clone(),
        exercise: Some(plan.time),
        partners,
        audiences: audiences(&plan.partners),
        lines,
        relays: plan.relays.clone(),
        deadlines_s: BTreeMap::new(),
        folds: domains::domains()
            .iter()
            .map(|domain| {
                (domain.name.to_owned(), u16::try_from(domain.fold_edition).unwrap_or(u16::MAX))
            })
            .collect(),
        expires: None,
    });
    for (partner, root) in roots {
        draft.sign_agreement(*partner, &root.key).map_err(refuse)?;
        let own = made.iter().filter(|(node, _)| node.partner() == *partner);
        let roster = Roster {
            partner: *partner,
            number: 1,
            nodes: own.clone().map(|(node, made)| (*node, made.record.clone())).collect(),
            officers: own
                .map(|(_, made)| {
                    let (name, seed) = &made.officer;
                    let key = SigningKey::from_seed(*seed).verifying_key();
                    (name.clone(), OfficerRecord { key, expires: None })
                })
                .collect(),
            former_officers: Vec::new(),
            withhold: BTreeSet::new(),
        };
        draft.sign_roster(roster, &root.key).map_err(refuse)?;
    }
    draft.finish().map(|charter| charter.text().to_owned()).map_err(refuse)
}

/// Every non-empty set of the partners: each alone, each pair, and so on to all.
fn audiences(partners: &[PartnerId]) -> BTreeSet<Audience> {
    (1..1_u32 << partners.len())
        .map(|set| {
            let members = partners.iter().enumerate().filter(|(i, _)| set & (1 << i) != 0);
            Audience::new(members.map(|(_, partner)| *partner)).expect("a set of known partners")
        })
        .collect()
}

fn write(
    folder: &Path,
    charter: &str,
    plan: &Plan,
    made: &BTreeMap<NodeId, Made>,
    roots: &BTreeMap<PartnerId, RootSecret>,
) -> Result<Vec<Member>, Error> {
    for (partner, root) in roots {
        private(&folder.join("roots").join(format!("{partner}.key")), root.to_text().as_bytes())?;
    }
    let mut members = Vec::new();
    for (node, made) in made {
        let home = folder.join(node.to_string());
        private(&home.join("node.keys"), made.secrets.to_text().as_bytes())?;
        private(&home.join("tls.key"), &made.tls)?;
        private(
            &home.join("officer.key"),
            Officer::file(&made.officer.0, &made.officer.1).as_bytes(),
        )?;
        private(&home.join("charter.toml"), charter.as_bytes())?;
        let config = Config {
            node: *node,
            charter: "charter.toml".into(),
            keys: "node.keys".into(),
            tls_key: "tls.key".into(),
            officer: Some("officer.key".into()),
            exercise_started: Some(plan.started),
            data: "data".into(),
            http: Http { listen: made.http },
            lines: Lines { listen: made.lines },
            store: crate::store::Engine::default(),
            disk: crate::store::Disk::default(),
            log: crate::config::Log::default(),
            tuning: plan.tuning,
            radars: plan.radars.clone(),
            audit: None,
            heartbeat: None,
            telemetry: None,
            feeds: Vec::new(),
        };
        let text = toml::to_string(&config).expect("a configuration is plain data");
        let path = home.join("node.toml");
        private(&path, text.as_bytes())?;
        members.push(Member { node: *node, config: path });
    }
    Ok(members)
}

/// Writes a new file that only this user reads.
pub(crate) fn private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create(path, bytes, 0o600)
}

/// Writes a new file that everybody may read.
pub(crate) fn public(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create(path, bytes, 0o644)
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| Error::file("write", folder, error))?;
    std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Error::file("write", path, error))
}

/// Free loopback ports; each is held until all are chosen, so that none is given twice.
#[derive(Default)]
struct FreePorts(Vec<TcpListener>);

impl FreePorts {
    fn next(&mut self) -> Result<SocketAddr, Error> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen =
            |source| Error::Listen { what: "a free port", address: any.to_string(), source };
        let listener = TcpListener::bind(any).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        self.0.push(listener);
        Ok(address)
    }
}
