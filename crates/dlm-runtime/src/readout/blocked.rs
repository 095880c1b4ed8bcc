//! Rows of the vocabulary cut into blocks, so that a search looks at each token once.
//!
//! One fast reduction per block leaves a few hundred numbers of a hundred thousand;
//! what is sought lies in the blocks that these single out.

use tch::{Kind, Tensor};

use crate::Error;

/// Tokens in a block: about the root of a vocabulary.
const WIDTH: i64 = 256;

/// `reduce` over the last dimension of the blocks of `x [rows, vocab]`, as
/// `[rows, blocks]`; the last block may be short.
pub(crate) fn each(
    x: &Tensor,
    reduce: impl Fn(&Tensor) -> Result<Tensor, tch::TchError>,
) -> Result<Tensor, Error> {
    let vocab = x.size()[1];
    let (whole, rest) = (vocab / WIDTH, vocab % WIDTH);
    let mut parts = Vec::with_capacity(2);
    if 0 < whole {
        parts.push(reduce(&x.f_unfold(1, WIDTH, WIDTH)?)?);
    }
    if 0 < rest {
        parts.push(reduce(&x.f_narrow(1, vocab - rest, rest)?.f_unsqueeze(1)?)?);
    }
    Ok(Tensor::f_cat(&parts, 1)?)
}

/// What `x [rows, vocab]` holds in `blocks [rows, n]`, `fill` beyond its end, and the
/// token each value belongs to; both `[rows, n·256]`.
pub(crate) fn inside(x: &Tensor, blocks: &Tensor, fill: f64) -> Result<(Tensor, Tensor), Error> {
    let (rows, vocab) = x.size2()?;
    let within = Tensor::f_arange(WIDTH, (Kind::Int64, x.device()))?;
    let first = blocks.f_mul_scalar(WIDTH)?.f_unsqueeze(2)?;
    let tokens = first.f_add(&within)?.f_view([rows, -1])?;
    let values = x.f_gather(1, &tokens.f_clamp_max(vocab - 1)?, false)?;
    Ok(match vocab % WIDTH {
        0 => (values, tokens),
        _ => (values.f_masked_fill(&tokens.f_ge(vocab)?, fill)?, tokens),
    })
}

/// The first token of each of `blocks`.
pub(crate) fn first_token(blocks: &Tensor) -> Result<Tensor, Error> {
    Ok(blocks.f_mul_scalar(WIDTH)?)
}

/// The largest values of some rows.
pub(crate) struct Largest {
    /// Largest first, `[rows, k]`.
    pub(crate) values: Tensor,
    /// Their tokens. Which of equals come first, and which take the last places, is
    /// libtorch's choice.
    pub(crate) tokens: Tensor,
    /// Of the tokens with the largest value the one with the smallest id, `[rows, 1]`.
    pub(crate) best: Tensor,
}

/// The `k ≤ vocab` largest values of each row of `x [rows, vocab]`.
pub(crate) fn largest(x: &Tensor, k: i64) -> Result<Largest, Error> {
    let blocks = (x.size()[1] + WIDTH - 1) / WIDTH;
    if blocks < 8 * k {
        let (values, tokens) = x.f_topk(k, -1, true, true)?;
        return Ok(Largest { values, tokens, best: x.f_argmax(-1, true)? });
    }
    let maxima = each(x, |block| block.f_amax([-1i64].as_slice(), false))?;
    // No block is needed but those of the k largest maxima.
    let (_, chosen) = maxima.f_topk(k, -1, true, false)?;
    let (values, tokens) = inside(x, &chosen, f64::NEG_INFINITY)?;
    let (values, places) = values.f_topk(k, -1, true, true)?;
    let tokens = tokens.f_gather(1, &places, false)?;

    let block = maxima.f_argmax(-1, true)?;
    let (in_block, _) = inside(x, &block, f64::NEG_INFINITY)?;
    let best = first_token(&block)?.f_add(&in_block.f_argmax(-1, true)?)?;
    Ok(Largest { values, tokens, best })
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::{Largest, largest};

    #[test]
    fn the_largest_come_out_of_their_blocks_in_order() {
        for vocab in [5, 2048, 2100, 10_000] {
            // 0, 7919, 15838, … modulo a prime: all different, in no order.
            let values: Vec<f32> = (0..3 * vocab).map(|i| (i * 7919 % 100_003) as f32).collect();
            let x = Tensor::f_from_slice(&values).unwrap().f_view([3, vocab]).unwrap();
            for k in [1, 2, 5] {
                let Largest { values: found, tokens, best } = largest(&x, k).unwrap();
                for row in 0..3 {
                    let all = &values[(row * vocab) as usize..((row + 1) * vocab) as usize];
                    let mut order: Vec<usize> = (0..all.len()).collect();
                    order.sort_by(|&a, &b| all[b].total_cmp(&all[a]));
                    assert_eq!(best.f_int64_value(&[row, 0]).unwrap(), order[0] as i64);
                    for rank in 0..k {
                        let expected = order[rank as usize];
                        assert_eq!(tokens.f_int64_value(&[row, rank]).unwrap(), expected as i64);
                        let value = found.f_double_value(&[row, rank]).unwrap();
                        assert_eq!(value, f64::from(all[expected]), "V = {vocab}, k = {k}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_best_of_equals_has_the_smallest_id_and_what_is_no_number_comes_first() {
        for vocab in [1000, 5000] {
            let mut values = vec![0.0f32; vocab];
            [17, 18, 300, vocab - 1].into_iter().for_each(|token| values[token] = 3.0);
            let row = |values: &[f32]| Tensor::f_from_slice(values).unwrap().f_view([1, -1]);
            let found = largest(&row(&values).unwrap(), 2).unwrap();
            assert_eq!(found.best.f_int64_value(&[0, 0]).unwrap(), 17);
            assert_eq!(found.values.f_double_value(&[0, 1]).unwrap(), 3.0);
            values[600] = f32::NAN;
            let found = largest(&row(&values).unwrap(), 2).unwrap();
            assert!(found.values.f_double_value(&[0, 0]).unwrap().is_nan());
        }
    }
}
