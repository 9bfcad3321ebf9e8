//! The texts that roots sign: one fact a line, sorted, each line ended by a newline.
//!
//! Values that people chose (names, addresses) stand last on their line and hold no control
//! characters, so no value can pass for another line.

use std::fmt::Write as _;

use super::{Agreement, Roster};
use crate::{Realm, base64};

impl Agreement {
    /// The text every root signs. First line `watchfire charter v1`.
    pub fn canonical_text(&self) -> String {
        let mut text = "watchfire charter v1\n".to_owned();
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("strings take every write");
            text.push('\n');
        };
        line(format_args!("edition {}", self.edition));
        line(format_args!("realm {}", self.realm));
        if let Some(expires) = self.expires {
            line(format_args!("expires {expires}"));
        }
        if let Some(time) = &self.exercise {
            line(format_args!("exercise {} {}", time.epoch, time.clock_rate));
        }
        for (id, partner) in &self.partners {
            line(format_args!("partner {id} {} {}", partner.root, partner.name));
        }
        for audience in &self.audiences {
            line(format_args!("audience {audience}"));
        }
        for entry in &self.lines {
            line(format_args!("line {} {} {}", entry.from, entry.to, entry.carrier.as_str()));
        }
        for partner in &self.relays {
            line(format_args!("relay {partner}"));
        }
        for (name, seconds) in &self.deadlines_s {
            line(format_args!("deadline {name} {seconds}"));
        }
        for (domain, edition) in &self.folds {
            line(format_args!("fold {domain} {edition}"));
        }
        text
    }
}

impl Roster {
    /// The text the partner's root signs. First line `watchfire roster v1`.
    pub fn canonical_text(&self, realm: &Realm) -> String {
        let mut text = "watchfire roster v1\n".to_owned();
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("strings take every write");
            text.push('\n');
        };
        line(format_args!("realm {realm}"));
        line(format_args!("partner {}", self.partner));
        line(format_args!("number {}", self.number));
        for (id, node) in &self.nodes {
            line(format_args!("node {id} {} {} {}", node.key, node.witness, node.holds));
            let kem = base64::encode(&node.kem.key[..]);
            line(format_args!("kem {id} {} {kem}", node.kem.generation));
            line(format_args!("tls {id} {}", base64::encode(&node.tls_spki_sha256)));
            for address in &node.addresses {
                line(format_args!("address {id} {address}"));
            }
            if let Some(expires) = node.expires {
                line(format_args!("node-expires {id} {expires}"));
            }
            for old in &node.retired {
                line(format_args!("retired {id} {} {} {}", old.key, old.witness, old.holds));
                for end in &old.logs {
                    let root = base64::encode(&end.root);
                    line(format_args!("retired-log {} {} {} {root}", old.key, end.log, end.size));
                }
            }
        }
        for (name, officer) in &self.officers {
            line(format_args!("officer {} {name}", officer.key));
            if let Some(expires) = officer.expires {
                line(format_args!("officer-expires {} {expires} {name}", officer.key));
            }
        }
        for former in &self.former_officers {
            line(format_args!("former-officer {} {} {}", former.key, former.until, former.name));
        }
        for partner in &self.withhold {
            line(format_args!("withhold {partner}"));
        }
        text
    }
}
