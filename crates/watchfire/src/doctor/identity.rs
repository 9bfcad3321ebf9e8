//! Who the node is: its files of secrets, the charter, the keys in both, and when they end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use log::{NodeRecord, NodeSecrets};

use super::{Check, Subject, all_or_faults};
use crate::config::Config;
use crate::node;
use crate::store::Engine;

/// Every file of secrets that a configuration names, with what it holds.
fn secrets_of(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut files = vec![("node keys", config.keys.clone()), ("TLS key", config.tls_key.clone())];
    files.extend(config.officer.clone().map(|path| ("officer's key", path)));
    let audit = config.audit.as_ref().and_then(|audit| audit.key.clone());
    files.extend(audit.map(|path| ("auditors' TLS key", path)));
    if let Engine::Jetstream(settings) = &config.store {
        files.extend(settings.user_file.clone().map(|path| ("NATS password", path)));
        files.extend(settings.token_file.clone().map(|path| ("NATS token", path)));
        files.extend(settings.key.clone().map(|path| ("NATS client key", path)));
    }
    files
}

pub(super) fn secret_files(subject: &Subject) -> Vec<Check> {
    let files = secrets_of(&subject.config);
    let names: Vec<&str> = files.iter().map(|(what, _)| *what).collect();
    let well = Check::ok("secret files", names.join(", "), "files only their owner can read");
    all_or_faults(well, files.iter().filter_map(|(what, path)| secret_file(what, path)).collect())
}

fn secret_file(what: &str, path: &Path) -> Option<Check> {
    const GROUP: u32 = 0o070;
    const OTHERS: u32 = 0o007;

    let name = format!("secret file `{}`", path.display());
    let expected = format!("the {what} in a file only its owner can read");
    let found = |found: String| Check::ok(&name, found, &expected);
    let file = match std::fs::metadata(path) {
        Ok(file) => file,
        Err(error) => {
            let hint = format!(
                "put the file there, or change its name in the configuration; {what} are made by `watchfire keys`"
            );
            return Some(found(error.to_string()).error(hint));
        }
    };
    if !file.is_file() {
        return Some(found("no file".to_owned()).error("name a file in the configuration"));
    }
    let mode = file.permissions().mode() & 0o777;
    let seen = found(format!("mode {mode:03o}"));
    let hint = format!("chmod 600 {}", path.display());
    if mode & OTHERS != 0 {
        Some(seen.error(hint))
    } else if mode & GROUP != 0 {
        Some(seen.warn(hint))
    } else {
        None
    }
}

pub(super) fn charter(subject: &Subject) -> Vec<Check> {
    let expected = "a charter that every root signed";
    let charters = match &subject.charter {
        Ok(charters) => charters,
        Err(error) => return vec![Check::refused("charter", error, expected)],
    };
    let (file, in_force) = (&charters.file, &charters.in_force);
    let found = format!(
        "edition {} of {}, fingerprint {}",
        in_force.edition(),
        in_force.realm(),
        in_force.fingerprint()
    );
    let newer = if in_force.fingerprint() == file.fingerprint() {
        String::new()
    } else {
        format!("; newer than the file, which says {}", file.fingerprint())
    };
    vec![Check::ok("charter", found + &newer, expected)]
}

pub(super) fn realm(subject: &Subject) -> Vec<Check> {
    let (Some(charter), Some(clock)) = (subject.in_force(), &subject.clock) else {
        return Vec::new();
    };
    let expected = "one realm in charter, keys and configuration";
    let realm = charter.realm();
    if let Err(error) = clock {
        return vec![Check::refused("realm", error, expected)];
    }
    match &subject.secrets {
        Ok(secrets) if secrets.realm != *realm => {
            let found = format!("the charter of `{realm}` with keys of `{}`", secrets.realm);
            let hint = "name the charter and the keys of one realm in the configuration";
            vec![Check::ok("realm", found, expected).error(hint)]
        }
        _ => vec![Check::ok("realm", realm.to_string(), expected)],
    }
}

pub(super) fn keys(subject: &Subject) -> Vec<Check> {
    let me = subject.config.node;
    let secrets = match &subject.secrets {
        Ok(secrets) => secrets,
        Err(error) => return vec![Check::refused("node keys", error, "the keys of this node")],
    };
    let Some(charter) = subject.in_force() else { return Vec::new() };
    let expected = format!("the keys that the charter names for {me}");
    let record = match charter.node(me) {
        Some(record) if secrets.node == me => record,
        record => {
            let found = match record {
                Some(_) => format!("the keys of {}", secrets.node),
                None => format!("a charter without {me}"),
            };
            let hint = "name this node's own key file as `keys`, or have the partner's root sign a roster with it: `watchfire charter roster`";
            return vec![Check::ok("node keys", found, expected).error(hint)];
        }
    };
    let kem = secrets.newest_kem().generation();
    let found = format!("signing key {}, sealing generation {kem}", record.key.fingerprint());
    let faults = differing(secrets, record)
        .into_iter()
        .map(|(name, found, hint)| Check::ok(name, found, &expected).error(hint));
    all_or_faults(Check::ok("node keys", found, &expected), faults.collect())
}

/// Keys that differ between the file and the charter: name, what was found, the mend.
fn differing(
    secrets: &NodeSecrets,
    record: &NodeRecord,
) -> Vec<(&'static str, String, &'static str)> {
    const OTHER: &str =
        "use the key file the roster was made from, or sign a new one: `watchfire charter roster`";

    let mut faults = Vec::new();
    let mut compare = |name, held: log::VerifyingKey, named: log::VerifyingKey| {
        if held != named {
            let (held, named) = (held.fingerprint(), named.fingerprint());
            faults.push((name, format!("{held} in the file, {named} in the charter"), OTHER));
        }
    };
    compare("signing key", secrets.key.verifying_key(), record.key);
    compare("witness key", secrets.witness.verifying_key(), record.witness);
    compare("receipt key", secrets.holds.verifying_key(), record.holds);
    let generation = record.kem.generation;
    if !secrets.kem.iter().any(|kem| kem.public() == record.kem) {
        let found = format!("no key that opens what is sealed to generation {generation}");
        faults.push(("sealing key", found, OTHER));
    }
    faults
}

pub(super) fn tls_key(subject: &Subject) -> Vec<Check> {
    let Some(charter) = subject.in_force() else { return Vec::new() };
    let expected = format!("the TLS key that the charter names for {}", subject.config.node);
    match node::read_identity(&subject.config, charter) {
        Ok(_) => vec![Check::ok("TLS key", "the charter's", expected)],
        Err(error) => vec![Check::refused("TLS key", &error, &expected)],
    }
}

pub(super) fn officer(subject: &Subject) -> Vec<Check> {
    let expected = "the key of an officer on this partner's roster";
    let officer = match node::read_officer(&subject.config) {
        Ok(Some(officer)) => officer,
        Ok(None) => return vec![Check::ok("officer", "none acts at this node", expected)],
        Err(error) => return vec![Check::refused("officer", &error, expected)],
    };
    let (Some(charter), Some(Ok(clock))) = (subject.in_force(), &subject.clock) else {
        return Vec::new();
    };
    let partner = subject.config.node.partner();
    let named = charter.officer_keys(partner, officer.name(), clock.now());
    let name = officer.name();
    if named.contains(&officer.public()) {
        return vec![Check::ok("officer", format!("`{name}`"), expected)];
    }
    let found = format!("a key of `{name}` that counts for nothing");
    let hint = format!(
        "name an officer's key that the roster has, or add it: `watchfire charter roster … --partner {partner}`"
    );
    vec![Check::ok("officer", found, expected).error(hint)]
}

pub(super) fn ends(subject: &Subject) -> Vec<Check> {
    let (Some(charter), Some(Ok(clock))) = (subject.in_force(), &subject.clock) else {
        return Vec::new();
    };
    let expected = "charter and keys that do not end soon";
    let mine = subject.config.node.partner();
    let faults = charter.expiring(clock.now()).into_iter().map(|ending| {
        let own = ending.partner.is_none_or(|partner| partner == mine);
        let over = ending.days < 0;
        let when = if over { "ended" } else { "ends" };
        let seen = Check::ok(
            format!("end of {}", ending.what),
            format!("{when} {}", ending.expires),
            expected,
        );
        let hint = match ending.partner {
            None => "agree anew: `watchfire charter amend`, then `sign` and `merge`",
            Some(_) => "see \"Changing it\" in docs/operator-guide.md: `watchfire keys rotate`, `watchfire keys officer`",
        };
        if over && own { seen.error(hint) } else { seen.warn(hint) }
    });
    let days = log::EXPIRY_DAYS[0];
    let well = Check::ok("ends", format!("nothing ends within {days} days"), expected);
    all_or_faults(well, faults.collect())
}
