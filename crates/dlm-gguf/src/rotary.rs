//! The two orders of a head's rows under rotary embeddings.
//!
//! Rotary embeddings (Su et al., 2021) turn pairs of a head's `d` components by
//! angles `θ₀ … θ_{d/2−1}`. Hugging Face pairs component `i` with `i + d/2`
//! (half-split); llama.cpp pairs `2i` with `2i + 1` (interleaved) and reorders
//! the rows of the query and key projections to match when it writes a file.

/// Rows from interleaved order, as GGUF stores them, to half-split order:
/// `out[h d + a d/2 + i] = rows[h d + 2i + a]` for head `h`, half `a ∈ {0, 1}`
/// and pair `i`.
///
/// `rows` is a matrix `[heads · d, columns]`, row by row. Returns `None` where
/// it is not one with an even `d ≥ 2`.
#[must_use]
pub fn half_split_rows(rows: &[f32], heads: usize, columns: usize) -> Option<Vec<f32>> {
    reordered(rows, heads, columns, |row, pairs| 2 * (row % pairs) + row / pairs)
}

/// Rows from half-split order to interleaved order: the inverse of
/// [`half_split_rows`], under the same conditions.
#[must_use]
pub fn interleaved_rows(rows: &[f32], heads: usize, columns: usize) -> Option<Vec<f32>> {
    reordered(rows, heads, columns, |row, pairs| (row % 2) * pairs + row / 2)
}

/// Every head's rows in another order; `source(row, pairs)` is the row of the
/// old head that becomes `row` of the new one.
fn reordered(
    rows: &[f32],
    heads: usize,
    columns: usize,
    source: impl Fn(usize, usize) -> usize,
) -> Option<Vec<f32>> {
    let pair = heads.checked_mul(columns)?.checked_mul(2)?;
    if pair == 0 || rows.is_empty() || !rows.len().is_multiple_of(pair) {
        return None;
    }
    let pairs = rows.len() / pair;
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(2 * pairs * columns) {
        for row in 0..2 * pairs {
            let start = source(row, pairs) * columns;
            out.extend_from_slice(&head[start..start + columns]);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heads, head width and columns of some matrices.
    const SHAPES: [(usize, usize, usize); 5] =
        [(1, 2, 1), (1, 8, 3), (3, 4, 5), (9, 64, 7), (2, 6, 1)];

    fn counting(heads: usize, width: usize, columns: usize) -> Vec<f32> {
        (0..heads * width * columns).map(|i| i as f32).collect()
    }

    #[test]
    fn each_order_is_the_inverse_of_the_other() {
        for (heads, width, columns) in SHAPES {
            let rows = counting(heads, width, columns);
            let there = interleaved_rows(&rows, heads, columns).unwrap();
            assert_eq!(half_split_rows(&there, heads, columns).unwrap(), rows);
            let there = half_split_rows(&rows, heads, columns).unwrap();
            assert_eq!(interleaved_rows(&there, heads, columns).unwrap(), rows);
        }
    }

    #[test]
    fn even_rows_become_the_first_half_of_their_own_head() {
        let rows = counting(2, 6, 1);
        let split = half_split_rows(&rows, 2, 1).unwrap();
        assert_eq!(split, [0., 2., 4., 1., 3., 5., 6., 8., 10., 7., 9., 11.]);
    }

    #[test]
    fn rows_that_are_no_whole_heads_are_refused() {
        for (length, heads, columns) in
            [(0, 1, 1), (6, 0, 1), (6, 1, 0), (6, 4, 1), (9, 1, 3), (6, usize::MAX, 2)]
        {
            let rows = vec![0.0; length];
            assert_eq!(half_split_rows(&rows, heads, columns), None);
            assert_eq!(interleaved_rows(&rows, heads, columns), None);
        }
    }

    /// Which two components of a head the `i`-th angle turns.
    type Pairing = fn(i: usize, width: usize) -> (usize, usize);

    fn turned(head: &[f64], position: f64, pairing: Pairing) -> Vec<f64> {
        let width = head.len();
        let mut out = head.to_vec();
        for i in 0..width / 2 {
            let angle = position * 10_000f64.powf(-2.0 * i as f64 / width as f64);
            let (a, b) = pairing(i, width);
            out[a] = head[a] * angle.cos() - head[b] * angle.sin();
            out[b] = head[a] * angle.sin() + head[b] * angle.cos();
        }
        out
    }

    fn projected(rows: &[f32], x: &[f64]) -> Vec<f64> {
        rows.chunks_exact(x.len())
            .map(|row| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum())
            .collect()
    }

    #[test]
    fn attention_scores_do_not_depend_on_the_order() {
        let interleaved: Pairing = |i, _| (2 * i, 2 * i + 1);
        let half_split: Pairing = |i, width| (i, i + width / 2);
        let (width, columns) = (16, 5);
        for heads in [1, 3] {
            let wave = |phase: f32| -> Vec<f32> {
                (0..heads * width * columns).map(|i| (i as f32 * phase).sin()).collect()
            };
            let (query, key) = (wave(0.71), wave(1.37));
            let x: Vec<f64> = (0..columns).map(|i| 0.5 - i as f64).collect();
            let y: Vec<f64> = (0..columns).map(|i| (i * i) as f64 - 3.0).collect();

            let scores = |query: &[f32], key: &[f32], pairing: Pairing| -> Vec<f64> {
                let (q, k) = (projected(query, &x), projected(key, &y));
                let heads = q.chunks_exact(width).zip(k.chunks_exact(width));
                heads
                    .map(|(q, k)| {
                        let (q, k) = (turned(q, 11.0, pairing), turned(k, 4.0, pairing));
                        q.iter().zip(&k).map(|(q, k)| q * k).sum()
                    })
                    .collect()
            };
            let restored = |rows: &[f32]| half_split_rows(rows, heads, columns).unwrap();

            let stored = scores(&query, &key, interleaved);
            let converted = scores(&restored(&query), &restored(&key), half_split);
            let unconverted = scores(&query, &key, half_split);
            for head in 0..heads {
                let size = 1.0 + stored[head].abs();
                assert!((stored[head] - converted[head]).abs() < 1e-12 * size);
                assert!((stored[head] - unconverted[head]).abs() > 1e-3 * size);
            }
        }
    }
}
