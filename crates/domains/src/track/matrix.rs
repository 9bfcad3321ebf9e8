//! Small matrices of fixed size, every sum in a written order, so that all platforms agree bit for
//! bit. Vectors are plain arrays.

use base::math;
use serde::ser::{Serialize, SerializeTuple, Serializer};

/// A 3-vector.
pub(super) type Vector3 = [f64; 3];

/// An `R` by `C` matrix, row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Matrix<const R: usize, const C: usize>(pub [[f64; C]; R]);

impl<const R: usize, const C: usize> Matrix<R, C> {
    pub(super) const ZERO: Self = Self([[0.0; C]; R]);

    /// Adds `block`, times `factor`, with its first element at (`row`, `column`).
    pub(super) fn add_block<const A: usize, const B: usize>(
        &mut self,
        row: usize,
        column: usize,
        block: &Matrix<A, B>,
        factor: f64,
    ) {
        for (i, line) in block.0.iter().enumerate() {
            for (j, value) in line.iter().enumerate() {
                self.0[row + i][column + j] += factor * value;
            }
        }
    }

    pub(super) fn times<const K: usize>(&self, other: &Matrix<C, K>) -> Matrix<R, K> {
        let mut product = Matrix::ZERO;
        for (i, row) in self.0.iter().enumerate() {
            for (c, left) in row.iter().enumerate() {
                if *left == 0.0 {
                    continue;
                }
                for (j, right) in other.0[c].iter().enumerate() {
                    product.0[i][j] += left * right;
                }
            }
        }
        product
    }

    pub(super) fn times_transposed<const K: usize>(&self, other: &Matrix<K, C>) -> Matrix<R, K> {
        let mut product = Matrix::ZERO;
        for (i, row) in self.0.iter().enumerate() {
            for (j, column) in other.0.iter().enumerate() {
                product.0[i][j] = dot(row, column);
            }
        }
        product
    }

    pub(super) fn apply(&self, vector: &[f64; C]) -> [f64; R] {
        std::array::from_fn(|i| dot(&self.0[i], vector))
    }
}

impl<const N: usize> Matrix<N, N> {
    pub(super) fn identity() -> Self {
        Self::diagonal(&[1.0; N])
    }

    pub(super) fn diagonal(values: &[f64; N]) -> Self {
        let mut matrix = Self::ZERO;
        for (i, value) in values.iter().enumerate() {
            matrix.0[i][i] = *value;
        }
        matrix
    }

    /// `self` · `inner` · `self`ᵀ, made exactly symmetric.
    pub(super) fn congruence(&self, inner: &Self) -> Self {
        self.times(inner).times_transposed(self).symmetric()
    }

    /// Half the sum with its transpose.
    pub(super) fn symmetric(mut self) -> Self {
        for i in 0..N {
            for j in 0..i {
                let mean = 0.5 * (self.0[i][j] + self.0[j][i]);
                self.0[i][j] = mean;
                self.0[j][i] = mean;
            }
        }
        self
    }

    /// The lower triangle L with L·Lᵀ = `self`, or `None` if not positive definite.
    pub(super) fn cholesky(&self) -> Option<Self> {
        let mut lower = Self::ZERO;
        for i in 0..N {
            for j in 0..=i {
                let mut sum = self.0[i][j];
                for k in 0..j {
                    sum -= lower.0[i][k] * lower.0[j][k];
                }
                if i != j {
                    lower.0[i][j] = sum / lower.0[j][j];
                } else if sum > 0.0 && sum.is_finite() {
                    lower.0[i][i] = math::sqrt(sum);
                } else {
                    return None;
                }
            }
        }
        Some(lower)
    }

    /// For a lower triangle L from [`Matrix::cholesky`]: the y with L·y = `right`.
    pub(super) fn solve_lower(&self, right: &[f64; N]) -> [f64; N] {
        let mut solved = *right;
        for i in 0..N {
            for k in 0..i {
                solved[i] -= self.0[i][k] * solved[k];
            }
            solved[i] /= self.0[i][i];
        }
        solved
    }

    /// Whether all elements are numbers.
    pub(super) fn is_finite(&self) -> bool {
        self.0.iter().flatten().all(|value| value.is_finite())
    }
}

impl<const R: usize, const C: usize> Serialize for Matrix<R, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(R * C)?;
        for value in self.0.iter().flatten() {
            tuple.serialize_element(value)?;
        }
        tuple.end()
    }
}

/// Writes an array of any length; serde's own stop at 32 and at generic lengths.
pub(super) fn serialize_array<S: Serializer, const N: usize>(
    array: &[f64; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut tuple = serializer.serialize_tuple(N)?;
    for value in array {
        tuple.serialize_element(value)?;
    }
    tuple.end()
}

pub(super) fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    let mut sum = 0.0;
    for (x, y) in a.iter().zip(b) {
        sum += x * y;
    }
    sum
}

pub(super) fn norm(a: &Vector3) -> f64 {
    math::sqrt(dot(a, a))
}

pub(super) fn minus(a: &Vector3, b: &Vector3) -> Vector3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a` + `factor` · `b`.
pub(super) fn along(a: &Vector3, factor: f64, b: &Vector3) -> Vector3 {
    [a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]]
}

pub(super) fn scaled(a: &Vector3, factor: f64) -> Vector3 {
    [a[0] * factor, a[1] * factor, a[2] * factor]
}

/// `a`·`b`ᵀ.
pub(super) fn outer(a: &Vector3, b: &Vector3) -> Matrix<3, 3> {
    Matrix(std::array::from_fn(|i| std::array::from_fn(|j| a[i] * b[j])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_rebuilds_and_solves() {
        let matrix = Matrix([[4.0, 2.0, 0.6], [2.0, 5.0, 1.5], [0.6, 1.5, 3.0]]);
        let lower = matrix.cholesky().unwrap();
        let rebuilt = lower.times_transposed(&lower);
        for (a, b) in rebuilt.0.iter().flatten().zip(matrix.0.iter().flatten()) {
            assert!((a - b).abs() < 1e-14, "{a} {b}");
        }
        let solved = lower.solve_lower(&[1.0, 2.0, 3.0]);
        let back = lower.apply(&solved);
        assert!((back[2] - 3.0).abs() < 1e-14);
        assert!(Matrix([[1.0, 2.0], [2.0, 1.0]]).cholesky().is_none());
        assert!(Matrix([[f64::NAN]]).cholesky().is_none());
    }

    #[test]
    fn products_agree_with_hand_results() {
        let a = Matrix([[1.0, 2.0], [3.0, 4.0]]);
        let b = Matrix([[0.0, 1.0], [1.0, 0.0]]);
        assert_eq!(a.times(&b), Matrix([[2.0, 1.0], [4.0, 3.0]]));
        assert_eq!(a.times_transposed(&a), Matrix([[5.0, 11.0], [11.0, 25.0]]));
        assert_eq!(a.congruence(&Matrix::identity()), Matrix([[5.0, 11.0], [11.0, 25.0]]));
        assert_eq!(Matrix([a.apply(&[1.0, 1.0])]), Matrix([[3.0, 7.0]]));
    }
}
