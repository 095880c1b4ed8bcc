//! The few tokens that may be best, found by a matrix product in single precision.
//!
//! A product in f32 is fast, and its last bits depend on how it was cut into blocks. So it
//! only proposes: with a bound on its error, all tokens are kept that might be among the two
//! best, and whoever asked compares these in f64. Their answer depends on no block, no batch
//! and no thread.

use std::cmp::Ordering;

use dlm_core::TokenId;
use rayon::prelude::*;

use super::{Embeddings, product::times_transposed};

/// Positions and tokens of one product: the block of the vocabulary, and what comes of it,
/// stay in a core's cache.
const POSITIONS: usize = 128;
const TOKENS: usize = 1024;

/// The tokens of one position that may be best, and what else was asked of its scores.
pub(super) struct Found<T> {
    /// Among them, in order, are the two best and every token that ties with either, each
    /// with its score in f32.
    pub(super) candidates: Vec<(TokenId, f32)>,
    /// One entry for each block of the vocabulary, in order.
    pub(super) blocks: Vec<T>,
}

/// Searches the vocabulary for the greatest `s_v = x·w_v + o_v` of every position.
///
/// `x` is `[positions, dim]`; `also` is shown all scores once, a block of one position at a
/// time.
pub(super) fn search<T: Send>(
    x: &[f64],
    weights: &Embeddings,
    offsets: &[f32],
    also: impl Fn(&[f32]) -> T + Sync,
) -> Vec<Found<T>> {
    let (dim, vocab) = (weights.dim(), weights.vocab());
    let farthest = offsets.iter().fold(0.0, |most: f64, &offset| most.max(offset.abs().into()));
    let slack: Vec<f32> =
        x.par_chunks_exact(dim).map(|x| slack(x, weights.longest(), farthest)).collect();
    let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let blocks = vocab.div_ceil(TOKENS);
    let pieces = slack.len().div_ceil(POSITIONS);
    let work = |scores: &mut Vec<f32>, task: usize| {
        let (piece, block) = (task / blocks, task % blocks);
        let here = piece * POSITIONS..slack.len().min((piece + 1) * POSITIONS);
        let there = block * TOKENS..vocab.min((block + 1) * TOKENS);
        scores.resize(here.len() * there.len(), 0.0);
        let x = &single[here.start * dim..here.end * dim];
        let w = &weights.values()[there.start * dim..there.end * dim];
        times_transposed(x, w, dim, scores);
        let rows = scores.chunks_exact_mut(there.len()).zip(&slack[here]);
        let first = there.start as TokenId;
        rows.map(|(row, &slack)| Block::read(row, &offsets[there.clone()], slack, first, &also))
            .collect::<Vec<_>>()
    };
    let mut done: Vec<_> =
        (0..pieces * blocks).into_par_iter().map_init(Vec::new, work).map(Vec::into_iter).collect();
    let positions = slack.iter().enumerate();
    let merged = positions.map(|(position, &slack)| {
        let piece = position / POSITIONS;
        let all = &mut done[piece * blocks..(piece + 1) * blocks];
        merge(all.iter_mut().filter_map(Iterator::next), slack)
    });
    merged.collect()
}

/// What a block of the vocabulary said of one position.
struct Block<T> {
    best: [f32; 2],
    kept: Vec<(TokenId, f32)>,
    also: T,
}

impl<T> Block<T> {
    fn read(
        scores: &mut [f32],
        offsets: &[f32],
        slack: f32,
        first: TokenId,
        also: impl Fn(&[f32]) -> T,
    ) -> Self {
        let best = add_and_rank(scores, offsets);
        let least = best[1] - slack;
        let kept = |&(_, &score): &(TokenId, &f32)| reaches(score, least);
        let kept = (first..).zip(&*scores).filter(kept).map(|(v, &score)| (v, score)).collect();
        Self { best, kept, also: also(scores) }
    }
}

fn merge<T>(blocks: impl Iterator<Item = Block<T>>, slack: f32) -> Found<T> {
    let (mut best, mut kept, mut also) = (NONE, Vec::new(), Vec::new());
    for block in blocks {
        block.best.iter().for_each(|&score| insert(&mut best, score));
        kept.extend(block.kept);
        also.push(block.also);
    }
    let least = best[1] - slack;
    let candidates = kept.into_iter().filter(|&(_, score)| reaches(score, least));
    Found { candidates: candidates.collect(), blocks: also }
}

/// Whether a score is not below `least`: so is one that overflowed to NaN.
fn reaches(score: f32, least: f32) -> bool {
    score.partial_cmp(&least) != Some(Ordering::Less)
}

const NONE: [f32; 2] = [f32::NEG_INFINITY; 2];

/// Adds the offsets and gives the two greatest sums.
fn add_and_rank(scores: &mut [f32], offsets: &[f32]) -> [f32; 2] {
    // Sixteen rankings side by side, so that the compiler can use vectors.
    const LANES: usize = 16;
    let mut first = [f32::NEG_INFINITY; LANES];
    let mut second = first;
    let (whole, rest) = scores.as_chunks_mut::<LANES>();
    let (offsets, last) = offsets.as_chunks::<LANES>();
    for (scores, offsets) in whole.iter_mut().zip(offsets) {
        for lane in 0..LANES {
            let score = scores[lane] + offsets[lane];
            scores[lane] = score;
            let lesser = if first[lane] < score { first[lane] } else { score };
            first[lane] = if first[lane] < score { score } else { first[lane] };
            second[lane] = if second[lane] < lesser { lesser } else { second[lane] };
        }
    }
    let mut best = NONE;
    first.iter().chain(&second).for_each(|&score| insert(&mut best, score));
    for (score, offset) in rest.iter_mut().zip(last) {
        *score += offset;
        insert(&mut best, *score);
    }
    best
}

fn insert(best: &mut [f32; 2], score: f32) {
    if best[0] < score {
        *best = [score, best[0]];
    } else if best[1] < score {
        best[1] = score;
    }
}

/// How far below the second best score in f32 a token's may lie and the token still be one
/// of the two best.
///
/// A sum of `d` products in any order, fused or not, is off by at most `γ·Σ|x_i·w_i|`, which
/// is at most `γ·‖x‖·‖w‖`, with `γ = n·u/(1 − n·u)`, `n = d` and `u = 2⁻²⁴` (Higham 2002,
/// section 3.1). A few more roundings are those of `x`, of the offset, of its addition and of
/// the comparison. What is compared in f64 later, a score or a distance, is off by as many
/// roundings of its own, of at most `(‖x‖ + ‖w‖)²`. Both sides of a comparison may be off, so
/// all of it counts twice.
fn slack(x: &[f64], longest: f64, farthest: f64) -> f32 {
    const TINY: f64 = f32::MIN_POSITIVE as f64;
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let size = length * longest + farthest;
    let roundings = UNIT * (x.len() + 8) as f64;
    // Beyond these a score may overflow or the bound fail, and every token is compared.
    if !(length.max(longest).max(size) < 1e37 && roundings < 0.5) {
        return f32::INFINITY;
    }
    let relative = roundings / (1.0 - roundings) * size;
    let in_double =
        roundings * (f64::EPSILON / f64::from(f32::EPSILON)) * (length + longest).powi(2);
    // What a product loses where it is too small for a normal number.
    let absolute = TINY * x.len() as f64 * (2.0 + length + longest);
    (2.0 * (relative + in_double + absolute)) as f32 * 1.001
}
