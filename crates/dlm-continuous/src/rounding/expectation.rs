//! Mean embeddings of distributions over the whole vocabulary.

use rayon::prelude::*;

use super::{Embeddings, RoundingError, product::add_product};

/// Positions and tokens of one product.
const POSITIONS: usize = 32;
const TOKENS: usize = 256;

/// `Σ_v p_v·e_v` of every position, `[positions, dim]`, in f64.
///
/// `distribution` writes a position's `[vocab]` probabilities. The products are cut along
/// sequences of `length` positions and on one thread each, so that no bit of a sequence
/// depends on what else is in the batch.
pub(crate) fn expectation(
    embeddings: &Embeddings,
    positions: usize,
    length: usize,
    distribution: impl Fn(usize, &mut [f64]) -> Result<(), RoundingError> + Sync,
) -> Result<Vec<f64>, RoundingError> {
    let (vocab, dim) = (embeddings.vocab(), embeddings.dim());
    let mut means = vec![0.0; positions * dim];
    let pieces = means.chunks_mut(length.max(1) * dim).enumerate().flat_map(|(sequence, rows)| {
        let first = sequence * length;
        let cut = rows.chunks_mut(POSITIONS * dim).enumerate();
        cut.map(move |(piece, rows)| (first + piece * POSITIONS, rows))
    });
    let pieces: Vec<_> = pieces.collect();
    let work = |(p, e): &mut (Vec<f64>, Vec<f64>), (first, means): (usize, &mut [f64])| {
        p.resize(means.len() / dim * vocab, 0.0);
        for (position, p) in (first..).zip(p.chunks_exact_mut(vocab)) {
            distribution(position, p)?;
        }
        for (block, rows) in embeddings.values().chunks(TOKENS * dim).enumerate() {
            e.clear();
            e.extend(rows.iter().map(|&value| f64::from(value)));
            add_product(&p[block * TOKENS..], vocab, e, dim, means);
        }
        Ok(())
    };
    pieces.into_par_iter().map_init(Default::default, work).collect::<Result<(), _>>()?;
    Ok(means)
}
