//! The little linear algebra that Markov chains need.

/// A matrix, row by row.
pub(crate) type Rows = Vec<Vec<f64>>;

/// `aᵢⱼ → aⱼᵢ`.
pub(crate) fn transposed(a: &[Vec<f64>]) -> Rows {
    let columns = a.first().map_or(0, Vec::len);
    (0..columns).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

/// The row vector `x·A`.
pub(crate) fn applied(x: &[f64], a: &[Vec<f64>]) -> Vec<f64> {
    let mut product = vec![0.0; a.first().map_or(0, Vec::len)];
    for (x, row) in x.iter().zip(a).filter(|(x, _)| **x != 0.0) {
        product.iter_mut().zip(row).for_each(|(sum, a)| *sum += x * a);
    }
    product
}

/// `A·B`.
pub(crate) fn multiplied(a: &[Vec<f64>], b: &[Vec<f64>]) -> Rows {
    a.iter().map(|row| applied(row, b)).collect()
}

/// `Aⁿ` of a square matrix.
pub(crate) fn power(a: &[Vec<f64>], mut n: usize) -> Rows {
    let mut square = a.to_vec();
    let mut product: Rows = (0..a.len())
        .map(|i| (0..a.len()).map(|j| if i == j { 1.0 } else { 0.0 }).collect())
        .collect();
    while 0 < n {
        if n % 2 == 1 {
            product = multiplied(&product, &square);
        }
        n /= 2;
        if 0 < n {
            square = multiplied(&square, &square);
        }
    }
    product
}

/// Divides by the sum; a vector without mass stays as it is.
pub(crate) fn normalise(x: &mut [f64]) {
    let total: f64 = x.iter().sum();
    if 0.0 < total {
        x.iter_mut().for_each(|x| *x /= total);
    }
}
