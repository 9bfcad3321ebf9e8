//! The TOML form of a charter. Unknown keys are refused; every refusal says where.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, PartnerId, Timestamp, limits};
use serde::{Deserialize, Serialize};

use super::{
    Agreement, Carrier, CharterDraft, CharterParts, ExerciseTime, FormerOfficer, LineRecord,
    NodeRecord, OfficerPart, OfficerRecord, PartnerRecord, RetiredKeys, Roster,
};
use crate::keys::{Hash, Signature, VerifyingKey};
use crate::{Audience, Error, KemPublic, LogState, Realm, base64};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CharterFile {
    edition: u32,
    realm: Realm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exercise: Option<ExerciseFile>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    deadlines_s: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    folds: BTreeMap<String, u16>,
    #[serde(default)]
    audiences: Vec<Audience>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    relays: BTreeSet<PartnerId>,
    partner: Vec<PartnerFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    line: Vec<LineFile>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    signatures: BTreeMap<PartnerId, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roster: Vec<RosterFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExerciseFile {
    epoch: Timestamp,
    clock_rate: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartnerFile {
    id: PartnerId,
    name: String,
    root: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFile {
    from: NodeId,
    to: NodeId,
    carrier: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RosterFile {
    partner: PartnerId,
    number: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withhold: Vec<PartnerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default)]
    node: Vec<NodeFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    officer: Vec<OfficerFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former_officer: Vec<FormerOfficerFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    id: NodeId,
    addresses: Vec<String>,
    key: String,
    witness: String,
    holds: String,
    tls_spki_sha256: String,
    kem_generation: u32,
    kem: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<RetiredFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetiredFile {
    key: String,
    witness: String,
    holds: String,
    #[serde(default)]
    log: Vec<LogEndFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogEndFile {
    log: String,
    size: u64,
    root: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfficerFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partner: Option<PartnerId>,
    name: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormerOfficerFile {
    name: String,
    key: String,
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartsFile {
    realm: Realm,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partner: Vec<PartnerFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    node: Vec<NodeFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    officer: Vec<OfficerFile>,
}

fn wrong(place: &str, expected: &str, got: &str, hint: &'static str) -> Error {
    Error::Charter {
        place: place.to_owned(),
        expected: expected.to_owned(),
        got: format!("`{}`", crate::error::shorten(got)),
        hint,
    }
}

const HINT_MADE: &str = "`watchfire charter init` writes keys in this form";

fn key(place: &str, text: &str) -> Result<VerifyingKey, Error> {
    text.parse().map_err(|_| wrong(place, "`ed25519:` and 44 base 64 digits", text, HINT_MADE))
}

fn signature(place: &str, text: &str) -> Result<Signature, Error> {
    let hint = "`watchfire charter sign` writes signatures in this form";
    let bytes = base64::decode_array(text);
    bytes.map(Signature).ok_or_else(|| wrong(place, "88 base 64 digits", text, hint))
}

/// Text people chose: 1 to 200 bytes without control characters.
fn human(place: &str, text: &str) -> Result<String, Error> {
    let good = (1..=200).contains(&text.len()) && !text.chars().any(char::is_control);
    if good {
        Ok(text.to_owned())
    } else {
        let expected = "1 to 200 bytes of text without control characters";
        Err(wrong(place, expected, &text.escape_debug().to_string(), "shorten it to one line"))
    }
}

/// A key of an open table: lower-case letters, digits and underscores.
fn word(place: &str, text: &str) -> Result<String, Error> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        let expected = "lower-case letters, digits and underscores";
        Err(wrong(place, expected, text, "rename the key"))
    }
}

fn unique<K: Ord + std::fmt::Display, V>(
    place: &str,
    pairs: impl IntoIterator<Item = Result<(K, V), Error>>,
) -> Result<BTreeMap<K, V>, Error> {
    let mut map = BTreeMap::new();
    for pair in pairs {
        let (name, value) = pair?;
        if map.contains_key(&name) {
            return Err(wrong(place, "each name once", &name.to_string(), "remove one of the two"));
        }
        map.insert(name, value);
    }
    Ok(map)
}

pub(super) fn parse(text: &str) -> Result<CharterDraft, Error> {
    if text.len() > limits::CHARTER_BYTES_MAX {
        return Err(Error::Limit {
            what: "bytes in a charter",
            max: limits::CHARTER_BYTES_MAX as u64,
            got: text.len() as u64,
        });
    }
    let file: CharterFile = toml::from_str(text).map_err(|error| {
        let hint = "`watchfire charter init` writes a complete one to compare with";
        syntax_error(text, &error, "a charter", hint)
    })?;
    let agreement = agreement(&file)?;
    agreement.check()?;
    let signatures = file.signatures.iter().map(|(partner, text)| {
        agreement.root(*partner)?;
        Ok((*partner, signature(&format!("signatures.{partner}"), text)?))
    });
    let signatures = unique("signatures", signatures)?;
    let rosters = file.roster.iter().map(|file| {
        let place = format!("roster of {}, signature", file.partner);
        let signature = file.signature.as_ref().map(|text| signature(&place, text)).transpose()?;
        let roster = roster(file)?;
        roster.check(&agreement)?;
        Ok((file.partner, (roster, signature)))
    });
    let rosters = unique("roster", rosters)?;
    Ok(CharterDraft { agreement, signatures, rosters })
}

/// Where the TOML reader stopped, as line and column.
fn syntax_error(text: &str, error: &toml::de::Error, what: &str, hint: &'static str) -> Error {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    let got = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    Error::Charter {
        place: format!("line {line}, column {column}"),
        expected: format!("{what} ({})", error.message().replace('\n', ", ")),
        got: format!("`{}`", crate::error::shorten(got)),
        hint,
    }
}

fn partners(
    files: &[PartnerFile],
) -> impl Iterator<Item = Result<(PartnerId, PartnerRecord), Error>> + '_ {
    files.iter().enumerate().map(|(i, partner)| {
        let place = format!("partner[{i}]");
        let root = key(&format!("{place}.root"), &partner.root)?;
        let name = human(&format!("{place}.name"), &partner.name)?;
        Ok((partner.id, PartnerRecord { name, root }))
    })
}

fn agreement(file: &CharterFile) -> Result<Agreement, Error> {
    let mut audiences = BTreeSet::new();
    for audience in &file.audiences {
        if !audiences.insert(*audience) {
            let hint = "remove one of the two";
            return Err(wrong("audiences", "each audience once", &audience.to_string(), hint));
        }
    }
    let lines = file.line.iter().enumerate().map(|(i, line)| {
        let carrier = Carrier::ALL.into_iter().find(|c| c.as_str() == line.carrier);
        let carrier = carrier.ok_or_else(|| {
            let expected = "`quic`, `tcp`, `one-way` or `bundle`";
            let hint = "`tcp` works wherever a connection does";
            wrong(&format!("line[{i}].carrier"), expected, &line.carrier, hint)
        })?;
        Ok(LineRecord { from: line.from, to: line.to, carrier })
    });
    Ok(Agreement {
        edition: file.edition,
        realm: file.realm.clone(),
        exercise: file
            .exercise
            .as_ref()
            .map(|time| ExerciseTime { epoch: time.epoch, clock_rate: time.clock_rate }),
        partners: unique("partner", partners(&file.partner))?,
        audiences,
        lines: lines.collect::<Result<_, Error>>()?,
        relays: file.relays.clone(),
        deadlines_s: unique(
            "deadlines_s",
            file.deadlines_s.iter().map(|(k, v)| Ok((word("deadlines_s", k)?, *v))),
        )?,
        folds: unique("folds", file.folds.iter().map(|(k, v)| Ok((word("folds", k)?, *v))))?,
        expires: file.expires,
    })
}

fn roster(file: &RosterFile) -> Result<Roster, Error> {
    let place = format!("roster of {}", file.partner);
    let nodes = file.node.iter().map(|node| Ok((node.id, node_record(node)?)));
    let officers = file.officer.iter().map(|file| officer(&place, file));
    let former = file.former_officer.iter().map(|file| {
        let place = format!("{place}, former_officer");
        let (name, key) = (human(&place, &file.name)?, key(&place, &file.key)?);
        Ok(FormerOfficer { name, key, until: file.until })
    });
    let mut former_officers = former.collect::<Result<Vec<_>, Error>>()?;
    former_officers.sort();
    Ok(Roster {
        partner: file.partner,
        number: file.number,
        nodes: unique(&format!("{place}, node"), nodes)?,
        officers: unique(&format!("{place}, officer"), officers)?,
        former_officers,
        withhold: file.withhold.iter().copied().collect(),
    })
}

fn officer(place: &str, file: &OfficerFile) -> Result<(String, OfficerRecord), Error> {
    let name = human(&format!("{place}, officer.name"), &file.name)?;
    let key = key(&format!("{place}, officer.key"), &file.key)?;
    Ok((name, OfficerRecord { key, expires: file.expires }))
}

fn retired(place: &str, file: &RetiredFile) -> Result<RetiredKeys, Error> {
    let end = |file: &LogEndFile| {
        let bad = |what, got: &str| wrong(&format!("{place}.log"), what, got, HINT_ROTATED);
        let log = file.log.parse().map_err(|_| bad("a log's name", &file.log))?;
        let root = base64::decode_array(&file.root);
        let root = root.ok_or_else(|| bad("32 bytes in base 64 (a root)", &file.root))?;
        Ok(LogState { log, size: file.size, root })
    };
    Ok(RetiredKeys {
        key: key(&format!("{place}.key"), &file.key)?,
        witness: key(&format!("{place}.witness"), &file.witness)?,
        holds: key(&format!("{place}.holds"), &file.holds)?,
        logs: file.log.iter().map(end).collect::<Result<_, Error>>()?,
    })
}

const HINT_ROTATED: &str = "`watchfire keys rotate` writes them in this form";

pub(super) fn parse_parts(text: &str) -> Result<CharterParts, Error> {
    let file: PartsFile = toml::from_str(text)
        .map_err(|error| syntax_error(text, &error, "public halves of keys", HINT_PARTS))?;
    let nodes = file.node.iter().map(|node| Ok((node.id, node_record(node)?)));
    let officers = file.officer.iter().enumerate().map(|(i, file)| {
        let place = format!("officer[{i}]");
        let partner = file.partner.ok_or_else(|| {
            let expected = "the partner whose officer this is";
            wrong(&format!("{place}.partner"), expected, "", HINT_PARTS)
        })?;
        let (name, record) = officer(&place, file)?;
        Ok(OfficerPart { partner, name, record })
    });
    let officers = officers.collect::<Result<Vec<_>, Error>>()?;
    Ok(CharterParts {
        realm: file.realm,
        partners: unique("partner", partners(&file.partner))?,
        nodes: unique("node", nodes)?,
        officers,
    })
}

const HINT_PARTS: &str =
    "`watchfire keys root|node|officer` write such files, named `*.public.toml`";

pub(super) fn parts_to_text(parts: &CharterParts) -> String {
    let file = PartsFile {
        realm: parts.realm.clone(),
        partner: parts.partners.iter().map(partner_file).collect(),
        node: parts.nodes.iter().map(node_file).collect(),
        officer: parts
            .officers
            .iter()
            .map(|part| OfficerFile {
                partner: Some(part.partner),
                ..officer_file((&part.name, &part.record))
            })
            .collect(),
    };
    toml::to_string(&file).expect("parts' types all have a TOML form")
}

fn partner_file((id, partner): (&PartnerId, &PartnerRecord)) -> PartnerFile {
    PartnerFile { id: *id, name: partner.name.clone(), root: partner.root.to_string() }
}

fn officer_file((name, record): (&String, &OfficerRecord)) -> OfficerFile {
    let (key, expires) = (record.key.to_string(), record.expires);
    OfficerFile { partner: None, name: name.clone(), key, expires }
}

fn node_record(file: &NodeFile) -> Result<NodeRecord, Error> {
    let place = |name: &str| format!("node {}, {name}", file.id);
    let kem = base64::decode(&file.kem).and_then(|bytes| bytes.try_into().ok());
    let kem: Box<[u8; 1216]> = kem.ok_or_else(|| {
        wrong(&place("kem"), "1216 bytes in base 64 (an X-Wing key)", &file.kem, HINT_MADE)
    })?;
    let tls: Option<Hash> = base64::decode_array(&file.tls_spki_sha256);
    let tls = tls.ok_or_else(|| {
        let expected = "32 bytes in base 64 (SHA-256 of the TLS public key)";
        wrong(&place("tls_spki_sha256"), expected, &file.tls_spki_sha256, HINT_MADE)
    })?;
    let addresses = file.addresses.iter().map(|address| {
        let good = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if good && !address.contains(char::is_whitespace) {
            human(&place("addresses"), address)
        } else {
            let hint = "give a name or address and a port from 1 to 65535";
            Err(wrong(&place("addresses"), "`HOST:PORT`", address, hint))
        }
    });
    Ok(NodeRecord {
        key: key(&place("key"), &file.key)?,
        witness: key(&place("witness"), &file.witness)?,
        holds: key(&place("holds"), &file.holds)?,
        kem: KemPublic { generation: file.kem_generation, key: kem },
        tls_spki_sha256: tls,
        addresses: addresses.collect::<Result<_, Error>>()?,
        expires: file.expires,
        retired: file
            .retired
            .iter()
            .map(|old| retired(&place("retired"), old))
            .collect::<Result<_, Error>>()?,
    })
}

pub(super) fn to_text(draft: &CharterDraft) -> String {
    let agreement = &draft.agreement;
    let file = CharterFile {
        edition: agreement.edition,
        realm: agreement.realm.clone(),
        expires: agreement.expires,
        exercise: agreement
            .exercise
            .map(|time| ExerciseFile { epoch: time.epoch, clock_rate: time.clock_rate }),
        deadlines_s: agreement.deadlines_s.clone(),
        folds: agreement.folds.clone(),
        audiences: agreement.audiences.iter().copied().collect(),
        relays: agreement.relays.clone(),
        partner: agreement.partners.iter().map(partner_file).collect(),
        line: agreement
            .lines
            .iter()
            .map(|line| LineFile {
                from: line.from,
                to: line.to,
                carrier: line.carrier.as_str().to_owned(),
            })
            .collect(),
        signatures: draft.signatures.iter().map(|(p, s)| (*p, base64::encode(&s.0))).collect(),
        roster: draft.rosters.values().map(|(roster, s)| roster_file(roster, s.as_ref())).collect(),
    };
    toml::to_string(&file).expect("a charter's types all have a TOML form")
}

fn node_file((id, node): (&NodeId, &NodeRecord)) -> NodeFile {
    let end = |end: &LogState| LogEndFile {
        log: end.log.to_string(),
        size: end.size,
        root: base64::encode(&end.root),
    };
    let retired = |old: &RetiredKeys| RetiredFile {
        key: old.key.to_string(),
        witness: old.witness.to_string(),
        holds: old.holds.to_string(),
        log: old.logs.iter().map(end).collect(),
    };
    NodeFile {
        id: *id,
        addresses: node.addresses.clone(),
        key: node.key.to_string(),
        witness: node.witness.to_string(),
        holds: node.holds.to_string(),
        tls_spki_sha256: base64::encode(&node.tls_spki_sha256),
        kem_generation: node.kem.generation,
        kem: base64::encode(&node.kem.key[..]),
        expires: node.expires,
        retired: node.retired.iter().map(retired).collect(),
    }
}

fn roster_file(roster: &Roster, signature: Option<&Signature>) -> RosterFile {
    let former = |former: &FormerOfficer| FormerOfficerFile {
        name: former.name.clone(),
        key: former.key.to_string(),
        until: former.until,
    };
    RosterFile {
        partner: roster.partner,
        number: roster.number,
        withhold: roster.withhold.iter().copied().collect(),
        signature: signature.map(|s| base64::encode(&s.0)),
        node: roster.nodes.iter().map(node_file).collect(),
        officer: roster.officers.iter().map(officer_file).collect(),
        former_officer: roster.former_officers.iter().map(former).collect(),
    }
}
