//! What is appended.
//!
//! - `declared`: `track.declared` of exactly 256 bytes, a public id and the eight plots it stands on.
//!   Decoded, checked and folded by the registry like any other; no track has used those plots, so
//!   it waits in the picture for its object. The cheapest statement of this size any domain reads.
//! - `filler`: 928 bytes of a kind no domain reads: kept, replicated and counted, folded into nothing.
//!   For lines that are slower than any fold.
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
/// The plots it cites.
const PLOTS: u64 = 8;
/// Of which each plot is this many: node 6, lane 1, incarnation 16, index 4, place 1.
const PLOT_BYTES: usize = 28;
/// And the id's length and first letters and the number of plots this many.
const DECLARED_BYTES_BESIDE: usize = 6;
/// Bytes of one filler.
pub(super) const FILLER_BYTES: usize = 928;
/// The kind of a filler.
pub(super) const FILLER_KIND: &str = "bench.filler";
/// Where the entries cited begin, so that all have one length.
const CITED_FROM: u64 = 100_000_000;
/// Declarations that cite other entries than any other.
const DISTINCT: u64 = 5_000_000;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Declarations of 256 bytes.
    Declared,
    /// Statements of 928 bytes that no domain reads.
    Filler,
    /// Scans of one plot.
    Scan,
}

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Filler => "filler",
            Self::Scan => "scan",
        }
    }

    /// The content of statement `number`, measured at `now`.
    pub(super) fn content(self, number: u64, now: Timestamp) -> Vec<u8> {
        match self {
            Self::Declared => declared(number),
            Self::Filler => filler(number),
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
            Self::Declared => DECLARED_KIND,
            Self::Filler => FILLER_KIND,
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

/// A declaration of [`PLOTS`] plots.
fn declared(number: u64) -> Vec<u8> {
    let log = LogId {
        node: "JPN-1".parse().expect("a node"),
        lane: Precedence::Routine,
        incarnation: Incarnation([0xb5; 16]),
    };
    let cited = |place: u64| PlotRef {
        entry: EntryId { log, index: CITED_FROM + number % DISTINCT * PLOTS + place },
        plot: 0,
    };
    let plots = usize::try_from(PLOTS).expect("few");
    let width = DECLARED_BYTES - DECLARED_BYTES_BESIDE - plots * PLOT_BYTES;
    let public_id = format!("JPN-{number:0>width$}");
    encode_content(&DeclaredReport { public_id, evidence: (0..PLOTS).map(cited).collect() })
}

/// The number again and again, so that no two are alike.
fn filler(number: u64) -> Vec<u8> {
    number.to_be_bytes().into_iter().cycle().take(FILLER_BYTES).collect()
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
        let contents = [0, 9, 10, 123_456, 9_999_999].map(declared);
        for content in &contents {
            assert_eq!(content.len(), DECLARED_BYTES);
            (kind.check)(content).expect("a declaration");
        }
        assert_ne!(contents[1], contents[2]);
    }

    #[test]
    fn fillers_have_one_length_and_a_kind_of_no_domain() {
        assert!(domains::kinds().iter().all(|kind| kind.name != FILLER_KIND));
        let contents = [0, 1, 9_999_999].map(filler);
        assert!(contents.iter().all(|content| content.len() == FILLER_BYTES));
        assert_ne!(contents[0], contents[1]);
    }
}
