//! Which plot belongs to which track: gates, clusters, the cheapest assignment in each.
//!
//! Confirmed tracks choose first, then tentative ones with a speed, then single plots, so that a new
//! track never takes a plot from an old one. Within a rank, tracks and plots that share gates form
//! clusters (union-find), and each cluster is solved for the least sum of innovation squared plus
//! ln det (global nearest neighbour; Blackman, Popoli, *Design and Analysis of Modern Tracking
//! Systems*, section 6.4).

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;

use super::assignment::{FORBIDDEN, assign};
use super::bank::Bank;
use super::items::{Life, Phase};
use super::life::Track;
use super::matrix::{minus, norm};
use super::observation::Observation;

/// Tracks in a cluster that is solved exactly; beyond it the cheapest pairs are taken in order.
const CLUSTER_TRACKS_MAX: usize = 256;
/// Plots older than the track by more than this do not update it, seconds.
const BACKWARD_S_MAX: f64 = 30.0;
/// Room in the coarse gate beyond the estimate's own spread, m/s².
const COARSE_ROOM_MPS2: f64 = 60.0;

/// A plot that lies in a track's gate.
#[derive(Debug, Clone, Copy)]
struct Pair {
    track: usize,
    plot: usize,
    cost: f64,
    /// What the track pays for staying alone.
    alone: f64,
}

/// The pairs (track, plot) to update, by the tracks' places in `tracks`.
pub(super) fn associate(
    tracks: &[&Track],
    observations: &[Observation],
    measured: Timestamp,
) -> Vec<(usize, usize)> {
    let mut free: Vec<bool> = vec![true; observations.len()];
    let scene = Scene::new(observations, measured);
    let mut chosen = Vec::new();
    for rank in 0..3 {
        let mut pairs = Vec::new();
        for (index, track) in tracks.iter().enumerate() {
            if rank_of(track) == Some(rank) {
                scene.gate(index, track, &free, &mut pairs);
            }
        }
        for (track, plot) in solve(&pairs, tracks.len(), observations.len()) {
            free[plot] = false;
            chosen.push((track, plot));
        }
    }
    chosen.sort_unstable();
    chosen
}

fn rank_of(track: &Track) -> Option<u8> {
    match track.life {
        _ if track.phase == Phase::Landed => None,
        Life::Confirmed | Life::Stale => Some(0),
        Life::Tentative if track.plots > 1 => Some(1),
        Life::Tentative => Some(2),
        Life::Lost => None,
    }
}

/// The plots of a scan, ready for the coarse search.
struct Scene<'a> {
    observations: &'a [Observation],
    measured: Timestamp,
    /// Plots by their x coordinate.
    order: Vec<(f64, usize)>,
    /// The largest distance of a plot's time from the scan's, seconds.
    widest_s: f64,
    /// The largest gate of a plot by its own errors, metres.
    widest_m: f64,
}

impl<'a> Scene<'a> {
    fn new(observations: &'a [Observation], measured: Timestamp) -> Self {
        let mut order: Vec<(f64, usize)> =
            observations.iter().enumerate().map(|(i, o)| (o.position[0], i)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let offset_s = |o: &Observation| o.at.since(measured).as_seconds().0.abs();
        Self {
            observations,
            measured,
            order,
            widest_s: observations.iter().map(offset_s).fold(0.0, f64::max),
            widest_m: observations.iter().map(own_gate_m).fold(0.0, f64::max),
        }
    }

    /// Adds the pairs of one track.
    fn gate(&self, index: usize, track: &Track, free: &[bool], pairs: &mut Vec<Pair>) {
        let duration_s = self.measured.since(track.updated).as_seconds().0;
        let ahead = track.bank.lead_predicted(duration_s);
        let centre = ahead.position();
        let room_s = duration_s.abs().min(20.0);
        let speed_mps = norm(&ahead.velocity()) + 4.0 * ahead.sigma(3);
        let radius_m = 5.0 * ahead.sigma(0)
            + 0.5 * COARSE_ROOM_MPS2 * room_s * room_s
            + speed_mps * self.widest_s
            + 1_000.0;
        let (low, high) =
            (centre[0] - radius_m - self.widest_m, centre[0] + radius_m + self.widest_m);
        let from = self.order.partition_point(|(x, _)| *x < low);
        let near = |plot: usize| {
            let observation = &self.observations[plot];
            let apart_m = norm(&minus(&observation.position, &centre));
            free[plot] && apart_m <= radius_m + own_gate_m(observation)
        };
        // Plots of one time share one prediction.
        let mut predicted: Option<(Timestamp, Bank)> = None;
        for (_, plot) in self.order[from..].iter().take_while(|(x, _)| *x <= high) {
            let observation = &self.observations[*plot];
            let after_s = observation.at.since(track.updated).as_seconds().0;
            if !near(*plot) || after_s < -BACKWARD_S_MAX {
                continue;
            }
            let Some(affinity) = track.identity.affinity(&observation.identity) else { continue };
            if predicted.as_ref().is_none_or(|(at, _)| *at != observation.at) {
                predicted = Some((observation.at, track.bank.predicted(after_s)));
            }
            let bank = &predicted.as_ref().expect("just made").1;
            if let Some((cost, alone)) = bank.cost(observation, after_s) {
                pairs.push(Pair { track: index, plot: *plot, cost: cost + affinity, alone });
            }
        }
    }
}

/// How far a true target may be from a plot by the plot's own errors, metres.
fn own_gate_m(observation: &Observation) -> f64 {
    5.0 * observation.sigma_m
}

/// The cheapest assignment over `pairs`.
fn solve(pairs: &[Pair], tracks: usize, plots: usize) -> Vec<(usize, usize)> {
    let mut sets = UnionFind::new(tracks + plots);
    for pair in pairs {
        sets.join(pair.track, tracks + pair.plot);
    }
    let mut clusters: BTreeMap<usize, Vec<Pair>> = BTreeMap::new();
    for pair in pairs {
        clusters.entry(sets.root(pair.track)).or_default().push(*pair);
    }
    clusters.into_values().flat_map(|cluster| solve_cluster(&cluster)).collect()
}

fn solve_cluster(pairs: &[Pair]) -> Vec<(usize, usize)> {
    let mut rows: Vec<usize> = pairs.iter().map(|pair| pair.track).collect();
    let mut columns: Vec<usize> = pairs.iter().map(|pair| pair.plot).collect();
    for places in [&mut rows, &mut columns] {
        places.sort_unstable();
        places.dedup();
    }
    if rows.len() > CLUSTER_TRACKS_MAX {
        return greedy(pairs);
    }
    let place = |list: &[usize], value: usize| {
        list.binary_search(&value).expect("rows and columns come from the pairs")
    };
    let mut costs = vec![vec![FORBIDDEN; columns.len()]; rows.len()];
    let mut alone = vec![f64::NEG_INFINITY; rows.len()];
    for pair in pairs {
        let row = place(&rows, pair.track);
        costs[row][place(&columns, pair.plot)] = pair.cost;
        alone[row] = alone[row].max(pair.alone);
    }
    assign(&costs, &alone)
        .into_iter()
        .enumerate()
        .filter_map(|(row, column)| column.map(|column| (rows[row], columns[column])))
        .collect()
}

fn greedy(pairs: &[Pair]) -> Vec<(usize, usize)> {
    let mut sorted: Vec<&Pair> = pairs.iter().collect();
    sorted
        .sort_by(|a, b| a.cost.total_cmp(&b.cost).then((a.track, a.plot).cmp(&(b.track, b.plot))));
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let (mut tracks, mut plots) = (BTreeSet::new(), BTreeSet::new());
    for pair in sorted {
        if !tracks.contains(&pair.track) && !plots.contains(&pair.plot) {
            tracks.insert(pair.track);
            plots.insert(pair.plot);
            chosen.push((pair.track, pair.plot));
        }
    }
    chosen
}

/// Disjoint sets with path halving; the smaller index is the root, so roots do not depend on order.
struct UnionFind(Vec<usize>);

impl UnionFind {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(track: usize, plot: usize, cost: f64) -> Pair {
        Pair { track, plot, cost, alone: 18.8 }
    }

    #[test]
    fn clusters_are_solved_apart_and_globally() {
        // Track 0 is nearest to plot 0, but then track 1 would get nothing.
        let pairs = [pair(0, 0, 1.0), pair(0, 1, 2.0), pair(1, 0, 1.5), pair(5, 7, 3.0)];
        let mut chosen = solve(&pairs, 8, 8);
        chosen.sort_unstable();
        assert_eq!(chosen, vec![(0, 1), (1, 0), (5, 7)]);
    }

    #[test]
    fn greedy_takes_the_cheapest_first() {
        let pairs = [pair(0, 0, 1.0), pair(0, 1, 2.0), pair(1, 0, 1.5)];
        assert_eq!(greedy(&pairs), vec![(0, 0)]);
    }

    #[test]
    fn union_find_joins_chains() {
        let mut sets = UnionFind::new(5);
        sets.join(3, 4);
        sets.join(1, 3);
        assert_eq!((sets.root(4), sets.root(0)), (1, 0));
    }
}
