//! The cheapest assignment of rows to columns, each row to at most one column.
//!
//! Shortest augmenting paths with dual variables (Jonker, Volgenant, Computing 38 (1987) 325), for
//! rectangular problems in which every row may also stay alone at its own price. Ties go to the
//! lowest column, rows enter in order: the answer depends on nothing but the costs.

/// A pairing that may not be.
pub(super) const FORBIDDEN: f64 = f64::INFINITY;

/// For each row the column it gets, or `None` if it stays alone. `costs` is rows by columns, every
/// entry finite or [`FORBIDDEN`]; `alone` is the price of a row without a column.
pub(super) fn assign(costs: &[Vec<f64>], alone: &[f64]) -> Vec<Option<usize>> {
    assert_eq!(costs.len(), alone.len(), "one price of staying alone for each row");
    let rows = costs.len();
    let columns = costs.first().map_or(0, Vec::len);
    let mut search = Search {
        costs,
        alone,
        columns,
        row_price: vec![0.0; rows],
        column_price: vec![0.0; columns + rows],
        owner: vec![None; columns + rows],
    };
    for row in 0..rows {
        search.place(row);
    }
    let mut assigned = vec![None; rows];
    for (column, owner) in search.owner.iter().take(columns).enumerate() {
        if let Some(row) = owner {
            assigned[*row] = Some(column);
        }
    }
    assigned
}

struct Search<'a> {
    costs: &'a [Vec<f64>],
    alone: &'a [f64],
    /// Real columns; column `columns + row` is that row's own stand-in for staying alone.
    columns: usize,
    row_price: Vec<f64>,
    column_price: Vec<f64>,
    owner: Vec<Option<usize>>,
}

impl Search<'_> {
    fn cost(&self, row: usize, column: usize) -> f64 {
        if column < self.columns {
            self.costs[row][column]
        } else if column == self.columns + row {
            self.alone[row]
        } else {
            FORBIDDEN
        }
    }

    /// Finds the cheapest augmenting path from `start` and flips it.
    fn place(&mut self, start: usize) {
        let width = self.owner.len();
        let mut distance = vec![FORBIDDEN; width];
        let mut from = vec![start; width];
        let mut done = vec![false; width];
        let mut reached: Vec<usize> = Vec::new();
        let (mut row, mut so_far) = (start, 0.0);
        let end = loop {
            let mut nearest: Option<usize> = None;
            for column in 0..width {
                if done[column] {
                    continue;
                }
                let through = so_far + self.cost(row, column)
                    - self.row_price[row]
                    - self.column_price[column];
                if through < distance[column] {
                    distance[column] = through;
                    from[column] = row;
                }
                if distance[column] < nearest.map_or(FORBIDDEN, |n| distance[n]) {
                    nearest = Some(column);
                }
            }
            let column = nearest.expect("every row can stay alone, so a path always ends");
            so_far = distance[column];
            done[column] = true;
            match self.owner[column] {
                None => break column,
                Some(owner) => {
                    reached.push(column);
                    row = owner;
                }
            }
        };
        self.row_price[start] += so_far;
        for column in reached {
            let owner = self.owner[column].expect("reached columns are owned");
            self.row_price[owner] += so_far - distance[column];
            self.column_price[column] -= so_far - distance[column];
        }
        self.flip(start, end, &from);
    }

    fn flip(&mut self, start: usize, end: usize, from: &[usize]) {
        let mut column = end;
        loop {
            let row = from[column];
            let before = self.owner.iter().position(|owner| *owner == Some(row));
            self.owner[column] = Some(row);
            match before {
                Some(previous) if row != start => column = previous,
                _ => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheapest total by trying everything.
    fn cheapest(costs: &[Vec<f64>], alone: &[f64], row: usize, used: &mut Vec<bool>) -> f64 {
        if row == costs.len() {
            return 0.0;
        }
        let mut best = alone[row] + cheapest(costs, alone, row + 1, used);
        for column in 0..used.len() {
            if !used[column] && costs[row][column].is_finite() {
                used[column] = true;
                best = best.min(costs[row][column] + cheapest(costs, alone, row + 1, used));
                used[column] = false;
            }
        }
        best
    }

    fn total(costs: &[Vec<f64>], alone: &[f64], assigned: &[Option<usize>]) -> f64 {
        let price =
            |(row, column): (usize, &Option<usize>)| column.map_or(alone[row], |c| costs[row][c]);
        assigned.iter().enumerate().map(price).sum()
    }

    fn random(seed: &mut u64) -> f64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f64 / f64::from(1_u32 << 24)
    }

    #[test]
    fn every_small_problem_is_solved_as_by_brute_force() {
        let mut seed = 7;
        for case in 0..4_000 {
            let rows = case % 6;
            let columns = (case / 6) % 6;
            let costs: Vec<Vec<f64>> = (0..rows)
                .map(|_| {
                    (0..columns)
                        .map(|_| match random(&mut seed) {
                            draw if draw < 0.25 => FORBIDDEN,
                            // Few distinct values, so that ties are common.
                            draw if draw < 0.6 => (draw * 10.0).floor() - 3.0,
                            draw => 10.0 * draw - 3.0,
                        })
                        .collect()
                })
                .collect();
            let alone: Vec<f64> = (0..rows).map(|_| 4.0 * random(&mut seed)).collect();
            let assigned = assign(&costs, &alone);
            let mut columns_used: Vec<usize> = assigned.iter().flatten().copied().collect();
            columns_used.sort_unstable();
            columns_used.dedup();
            assert_eq!(columns_used.len(), assigned.iter().flatten().count(), "a column twice");
            let best = cheapest(&costs, &alone, 0, &mut vec![false; columns]);
            let got = total(&costs, &alone, &assigned);
            assert!(
                (got - best).abs() < 1e-9,
                "case {case}: {got} for {best}\n{costs:?} {alone:?}"
            );
        }
    }

    #[test]
    fn ties_go_to_the_lowest_column() {
        let costs = vec![vec![1.0, 1.0, 1.0], vec![1.0, 1.0, 1.0]];
        assert_eq!(assign(&costs, &[5.0, 5.0]), vec![Some(0), Some(1)]);
        assert_eq!(assign(&costs, &[0.0, 5.0]), vec![None, Some(0)]);
        assert_eq!(assign(&[], &[]), Vec::<Option<usize>>::new());
    }
}
