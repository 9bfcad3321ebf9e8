//! What is appended.
//!
//! - `declared`: `track.declared` of exactly 256 bytes, a public id and the eight plots it stands on.
//!   Decoded, checked and folded by the registry like any other; no track has used those plots, so
//!   it waits in the picture for its object. The cheapest statement of this size any domain reads.
//! - `declared-long`: the same of 928 bytes and 32 plots.
//! - `scan`: `track.scan` of one plot of one aircraft that stands still: associated, filtered and
//!   assessed by the tracker.

use base::Timestamp;
use domains::encode_content;
use domains::track::events::{
    DECLARED_KIND, DeclaredReport, EDITION, Plot, PlotRef, PlotReport, SCAN_KIND, ScanReport,
    SensorInfo, SensorKind,
};
use log::{EntryId, Incarnation, Kind, LogId, Precedence};
use sync::Level;

use crate::core::bulk::BulkProposal;

/// Bytes of one declaration.
pub(super) const DECLARED_BYTES: usize = 256;
/// Bytes of one long declaration.
pub(super) const DECLARED_LONG_BYTES: usize = 928;
/// Of which each plot is this many: node 6, lane 1, incarnation 16, index 4, place 1.
const PLOT_BYTES: usize = 28;
/// And the id's length and first letters and the number of plots this many.
const DECLARED_BYTES_BESIDE: usize = 6;
/// Where the entries cited begin, so that all have one length.
const CITED_FROM: u64 = 100_000_000;
/// Declarations that cite other entries than any other.
const DISTINCT: u64 = 5_000_000;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Declarations of 256 bytes.
    Declared,
    /// Declarations of 952 bytes.
    DeclaredLong,
    /// Scans of one plot.
    Scan,
}

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::DeclaredLong => "declared-long",
            Self::Scan => "scan",
        }
    }

    /// The content of statement `number`, measured at `now`.
    pub(super) fn content(self, number: u64, now: Timestamp) -> Vec<u8> {
        match self {
            Self::Declared => declared(number, 8, DECLARED_BYTES),
            Self::DeclaredLong => declared(number, 32, DECLARED_LONG_BYTES),
            Self::Scan => encode_content(&scan(number, now)),
        }
    }

    /// `count` statements from `number` on as one append.
    pub(super) fn bulk(
        self,
        number: u64,
        count: u64,
        now: Timestamp,
        precedence: Precedence,
        level: Level,
    ) -> BulkProposal {
        let kind = match self {
            Self::Declared | Self::DeclaredLong => DECLARED_KIND,
            Self::Scan => SCAN_KIND,
        };
        BulkProposal {
            kind: Kind::from_static(kind),
            edition: EDITION,
            audience: None,
            precedence,
            level,
            timeout_ms: 60_000,
            contents: (number..number + count).map(|number| self.content(number, now)).collect(),
        }
    }
}

/// A declaration of `plots` plots, its id as long as `length` asks for.
fn declared(number: u64, plots: u64, length: usize) -> Vec<u8> {
    let log = LogId {
        node: "JPN-1".parse().expect("a node"),
        lane: Precedence::Routine,
        incarnation: Incarnation([0xb5; 16]),
    };
    let cited = |place: u64| PlotRef {
        entry: EntryId { log, index: CITED_FROM + number % DISTINCT * 32 + place },
        plot: 0,
    };
    let width = length - DECLARED_BYTES_BESIDE - usize::try_from(plots).expect("few") * PLOT_BYTES;
    let public_id = format!("JPN-{number:0>width$}");
    encode_content(&DeclaredReport { public_id, evidence: (0..plots).map(cited).collect() })
}

fn scan(number: u64, measured: Timestamp) -> ScanReport {
    ScanReport {
        sensor: SensorInfo {
            id: "JPN-BENCH".to_owned(),
            partner: "JPN".parse().expect("a code"),
            kind: SensorKind::Geodetic,
            position: None,
            sigma_range_m: 100.0,
            sigma_azimuth_deg: 0.1,
            sigma_elevation_deg: 0.1,
            pd: 0.9,
            clutter: 0.0,
            period_s: 1.0,
        },
        scan: number,
        measured,
        plots: vec![Plot {
            offset_ns: base::TimeDelta::ZERO,
            report: PlotReport::Geodetic {
                lat_deg: 35.0,
                lon_deg: 139.0,
                height_m: 10_000.0,
                sigma_m: 100.0,
            },
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_has_the_same_length_and_is_one() {
        let kinds = domains::kinds();
        let kind = kinds.iter().find(|kind| kind.name == DECLARED_KIND).expect("it is registered");
        for (plots, length) in [(8, DECLARED_BYTES), (32, DECLARED_LONG_BYTES)] {
            let contents =
                [0, 9, 10, 123_456, 9_999_999].map(|number| declared(number, plots, length));
            for content in &contents {
                assert_eq!(content.len(), length);
                (kind.check)(content).expect("a declaration");
            }
            assert_ne!(contents[1], contents[2]);
        }
    }
}
