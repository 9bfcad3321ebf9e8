//! What partners have stated about this node's own logs.

use std::collections::BTreeMap;
use std::ops::Range;

use base::{NodeId, PartnerId};
use log::{Audience, CosignatureKind};

/// Sizes one node has cosigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) witness: u64,
    pub(crate) holds: u64,
}

/// The receipts for one own log, and what they still have to reach.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    by: BTreeMap<NodeId, Stated>,
    /// What nodes with gaps hold above them: their newest range receipts, by where they start.
    ranges: BTreeMap<NodeId, BTreeMap<u64, u64>>,
    /// For each partner the size that covers everything addressed to it, pulses aside.
    needed: BTreeMap<PartnerId, u64>,
    /// The size that covers everything, pulses aside.
    needed_by_all: u64,
}

impl Evidence {
    /// Takes note of an own entry that needs receipts.
    pub(crate) fn require(&mut self, index: u64, audience: &Audience) {
        self.needed_by_all = self.needed_by_all.max(index + 1);
        for member in audience.members() {
            let needed = self.needed.entry(*member).or_insert(0);
            *needed = (*needed).max(index + 1);
        }
    }

    /// Takes a verified statement; gives the size stated before it if it says more.
    pub(crate) fn state(&mut self, by: NodeId, kind: CosignatureKind, size: u64) -> Option<u64> {
        let stated = self.by.entry(by).or_default();
        let known = match kind {
            CosignatureKind::Witness => &mut stated.witness,
            CosignatureKind::Holds => &mut stated.holds,
        };
        if size <= *known {
            return None;
        }
        if kind == CosignatureKind::Holds
            && let Some(ranges) = self.ranges.get_mut(&by)
        {
            ranges.retain(|_, end| *end > size);
        }
        Some(std::mem::replace(known, size))
    }

    /// Takes a verified range receipt; gives the part of it that is new, if any. A node states one
    /// range for each jump; of more than it can have jumped the lowest are forgotten.
    pub(crate) fn state_range(&mut self, by: NodeId, range: Range<u64>) -> Option<Range<u64>> {
        let holds = self.by.get(&by).map_or(0, |stated| stated.holds);
        let ranges = self.ranges.entry(by).or_default();
        let known = ranges.get(&range.start).copied().unwrap_or(range.start).max(holds);
        if range.end <= known {
            return None;
        }
        ranges.insert(range.start, range.end);
        if ranges.len() > log::JUMPS_MAX + 1 {
            ranges.pop_first();
        }
        Some(range.start.max(known)..range.end)
    }

    pub(crate) fn stated(&self, by: NodeId) -> Stated {
        self.by.get(&by).copied().unwrap_or_default()
    }

    /// Nodes other than the origin whose `holds` or range receipt covers every entry from `first` to
    /// `last`; for those outside their audience that says nothing.
    pub(crate) fn holders(&self, first: u64, last: u64) -> impl Iterator<Item = NodeId> + '_ {
        let covered = move |node: &NodeId, stated: &Stated| {
            let ranges = self.ranges.get(node).into_iter().flatten();
            let above = ranges.into_iter().any(|(from, to)| {
                (*from..*to).contains(&last) && (*from <= first || *from <= stated.holds)
            });
            stated.holds > last || above
        };
        self.by.iter().filter(move |(node, stated)| covered(node, stated)).map(|(node, _)| *node)
    }

    /// Whether `node` has witnessed everything and holds everything addressed to its partner.
    pub(crate) fn complete(&self, node: NodeId) -> bool {
        let stated = self.stated(node);
        let needed = self.needed.get(&node.partner()).copied().unwrap_or(0);
        stated.holds >= needed && stated.witness >= self.needed_by_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_means_held_where_addressed_and_witnessed_elsewhere() {
        let (jpn, usa): (NodeId, NodeId) = ("JPN-1".parse().unwrap(), "USA-1".parse().unwrap());
        let mut evidence = Evidence::default();
        evidence.require(0, &"JPN+KOR+USA".parse().unwrap());
        evidence.require(1, &"KOR+USA".parse().unwrap());
        assert_eq!(evidence.state(jpn, CosignatureKind::Holds, 1), Some(0));
        assert!(!evidence.complete(jpn), "not witnessed to the end");
        assert_eq!(evidence.state(jpn, CosignatureKind::Witness, 2), Some(0));
        assert!(evidence.complete(jpn), "the second entry is not addressed to it");
        assert_eq!(evidence.state(usa, CosignatureKind::Witness, 2), Some(0));
        assert!(!evidence.complete(usa));
        assert_eq!(evidence.state(usa, CosignatureKind::Holds, 2), Some(0));
        assert_eq!(evidence.state(usa, CosignatureKind::Holds, 1), None, "an older receipt");
        assert!(evidence.complete(usa));
        assert_eq!(evidence.holders(1, 1).collect::<Vec<_>>(), vec![usa]);
        assert_eq!(evidence.holders(0, 0).collect::<Vec<_>>(), vec![jpn, usa]);
        assert_eq!(evidence.state_range(jpn, 3..5), Some(3..5));
        assert_eq!(evidence.state_range(jpn, 3..9), Some(5..9));
        assert_eq!(evidence.state_range(jpn, 3..8), None, "an older receipt");
        assert_eq!(evidence.holders(8, 8).collect::<Vec<_>>(), vec![jpn]);
        assert_eq!(evidence.holders(2, 2).count(), 0);
        assert_eq!(evidence.holders(3, 8).collect::<Vec<_>>(), vec![jpn], "a span above the gap");
        assert_eq!(evidence.holders(0, 8).count(), 0, "a span over the gap");
        assert_eq!(evidence.state_range(jpn, 20..21), Some(20..21), "above another gap");
        assert_eq!(evidence.holders(8, 8).collect::<Vec<_>>(), vec![jpn], "and the first is kept");
        assert_eq!(evidence.state(jpn, CosignatureKind::Holds, 9), Some(1), "the first gap closed");
        assert_eq!(evidence.state_range(jpn, 3..9), None);
        assert_eq!(evidence.holders(20, 20).collect::<Vec<_>>(), vec![jpn]);
        assert_eq!(evidence.holders(9, 9).count(), 0);
    }
}
