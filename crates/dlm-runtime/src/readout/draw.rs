//! Tokens drawn by inverting a cumulative distribution, one uniform number each.
//!
//! The weights of a block of tokens are summed in their own precision, the sums of the
//! blocks in f64. The uniform number singles out a block and then, in f64 again, a token
//! within it. With weights in f32 a token's probability is therefore exact up to about
//! 1e-6 of itself; it is not rounded to the spacing of a cumulative sum in f32, which
//! would take from the vocabulary's end what is smaller than 1e-7. A larger number never
//! draws a smaller token, and a token without weight is never drawn.
//!
//! One number crosses to the device where Gumbel noise would be a vocabulary.

use dlm_core::{Affine, Measure, Transition};
use tch::{Kind, Tensor};

use super::blocked;
use crate::Error;

/// The largest number below 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

/// Cumulative weights, block by block.
struct Cumulative<'a> {
    /// `[rows, vocab]`, none below 0.
    weights: &'a Tensor,
    /// Sums of the blocks in f64, `[rows, blocks]`.
    sums: Tensor,
    /// Their sums up to and with each block.
    upto: Tensor,
}

impl<'a> Cumulative<'a> {
    fn new(weights: &'a Tensor) -> Result<Self, Error> {
        let kind = weights.kind();
        let sums = blocked::each(weights, |block| {
            block.f_sum_dim_intlist([-1i64].as_slice(), false, kind)
        })?;
        let sums = sums.f_to_kind(Kind::Double)?;
        let upto = sums.f_cumsum(1, Kind::Double)?;
        Ok(Self { weights, sums, upto })
    }

    /// The whole weight, `[rows, 1]`.
    fn total(&self) -> Result<Tensor, Error> {
        Ok(self.upto.f_narrow(1, self.upto.size()[1] - 1, 1)?)
    }

    /// The first token whose cumulative weight exceeds `threshold [rows, 1]`, which is
    /// below the total.
    fn token(&self, threshold: &Tensor) -> Result<Tensor, Error> {
        let last = self.upto.size()[1] - 1;
        let block = passed(&self.upto, threshold)?.f_clamp_max(last)?;
        let sum = self.sums.f_gather(1, &block, false)?;
        let before = self.upto.f_gather(1, &block, false)?.f_sub(&sum)?;
        // The block's sum in f64 may differ from the one in f32, so the rest of the
        // threshold is taken as a share of it.
        let share = threshold.f_sub(&before)?.f_div(&sum)?.f_clamp(0.0, BELOW_ONE)?;
        let (weights, _) = blocked::inside(self.weights, &block, 0.0)?;
        let upto = weights.f_cumsum(1, Kind::Double)?;
        let whole = upto.f_narrow(1, upto.size()[1] - 1, 1)?;
        let within = passed(&upto, &share.f_mul(&whole)?)?;
        let token = blocked::first_token(&block)?.f_add(&within)?;
        Ok(token.f_clamp_max(self.weights.size()[1] - 1)?)
    }
}

/// How many of the ascending `values [rows, n]` do not exceed `threshold [rows, 1]`.
fn passed(values: &Tensor, threshold: &Tensor) -> Result<Tensor, Error> {
    let passed = values.f_le_tensor(threshold)?;
    Ok(passed.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?)
}

/// A token for each row from `softmax(l/T)`, `[rows, 1]`, given `p = softmax(l)`, the
/// largest logits `[rows, 1]` and one uniform number per row.
pub(crate) fn tempered(
    logits: &Tensor,
    p: &Tensor,
    largest: &Tensor,
    temperature: f64,
    uniforms: &Tensor,
) -> Result<Tensor, Error> {
    let own;
    let weights = if temperature == 1.0 {
        p
    } else {
        // Relative to the largest logit, or a temperature near 0 would overflow; within
        // the range of f32, or one outside would turn equal logits into no number.
        let temperature = temperature.clamp(f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX));
        let mut relative = logits.f_sub(largest)?;
        own = relative.f_div_scalar_(temperature)?.f_softmax(-1, Kind::Float)?;
        &own
    };
    let cumulative = Cumulative::new(weights)?;
    cumulative.token(&cumulative.total()?.f_mul(uniforms)?)
}

/// One row's reverse step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Its index among the rows.
    pub(super) row: i64,
    /// From which weights it draws.
    pub(super) transition: Transition,
    /// The token that stands there.
    pub(super) current: u32,
    /// The uniform number of its draw.
    pub(super) uniform: f64,
}

/// A token for each of `steps`, whose measure is `measure`, and whether there was any
/// weight to draw from, both `[steps, 1]`. Everything is in f64. A current token outside
/// the vocabulary stands after its end.
pub(super) fn transitions(
    logits: &Tensor,
    p: &Tensor,
    measure: Measure,
    steps: &[Step],
) -> Result<(Tensor, Tensor), Error> {
    let (vocab, device) = (logits.size()[1], logits.device());
    let column = |value: &dyn Fn(&Step) -> f64| {
        let values: Vec<f64> = steps.iter().map(value).collect();
        Tensor::f_from_slice(&values)?.f_to_device(device)?.f_unsqueeze(1)
    };
    let whole = |value: &dyn Fn(&Step) -> i64| {
        let values: Vec<i64> = steps.iter().map(value).collect();
        Tensor::f_from_slice(&values)?.f_to_device(device)
    };
    let rows = whole(&|step| step.row)?;
    let current = whole(&|step| i64::from(step.current))?.f_unsqueeze(1)?;
    let at = current.f_clamp_max(vocab - 1)?;
    let known = current.f_lt(vocab)?.f_to_kind(Kind::Double)?;
    let unknown = known.f_neg()?.f_add_scalar(1.0)?;

    let double = |x: &Tensor| x.f_index_select(0, &rows)?.f_to_kind(Kind::Double);
    let mut s = match measure {
        Measure::Probability => double(p)?,
        Measure::Score => double(logits)?.f_exp_()?,
    };
    let there = s.f_gather(1, &at, false)?;
    let mut own = there.f_mul(&known)?;
    // Without its own output, so that a sum of nearly nothing is not a difference.
    let _ = s.f_scatter_(1, &at, &there.f_mul(&unknown)?)?;
    let others = s.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)?;
    let affine = |s: &mut Tensor, of: &dyn Fn(&Transition) -> Affine| {
        let part = |value: &dyn Fn(Affine) -> f64| column(&|step| value(of(&step.transition)));
        let rest = part(&|a| a.total)?.f_mul(&others)?.f_add_(&part(&|a| a.constant)?)?;
        s.f_mul_(&part(&|a| a.slope)?)?.f_add_(&rest)?.f_clamp_min_(0.0)
    };
    let stay = affine(&mut own, &|transition| transition.stay)?;
    let mut w = affine(&mut s, &|transition| transition.jump)?;
    let of_current = w.f_gather(1, &at, false)?.f_mul(&unknown)?.f_add_(&stay.f_mul(&known)?)?;
    let _ = w.f_scatter_(1, &at, &of_current)?;

    let cumulative = Cumulative::new(&w)?;
    let inside = cumulative.total()?;
    let total = stay.f_mul(&unknown)?.f_add_(&inside)?;
    let threshold = column(&|step| step.uniform)?.f_mul_(&total)?;
    let token = cumulative.token(&threshold)?;
    let token = current.f_where_self(&threshold.f_ge_tensor(&inside)?, &token)?;
    let possible = total.f_isfinite()?.f_logical_and(&total.f_gt(0.0)?)?;
    Ok((token, possible.f_to_kind(Kind::Int64)?))
}

#[cfg(test)]
mod tests {
    use dlm_core::{Affine, Measure, Transition};
    use dlm_rng::{Key, Purpose};
    use tch::{Kind, Tensor};

    use super::{Step, tempered, transitions};

    /// Below, at, and above whole blocks.
    const VOCABS: [usize; 5] = [3, 256, 300, 512, 1000];

    fn row(vocab: usize, salt: u64) -> Vec<f32> {
        let mut stream = Key::new(3).purpose(Purpose::Test).position(salt).stream();
        (0..vocab).map(|_| (2.0 * stream.normal()) as f32).collect()
    }

    fn rows(values: &[f32], times: usize) -> Tensor {
        let row = Tensor::f_from_slice(values).unwrap();
        row.f_unsqueeze(0).unwrap().f_repeat([times as i64, 1]).unwrap()
    }

    fn softmax(l: &Tensor) -> Tensor {
        l.f_softmax(-1, Kind::Float).unwrap()
    }

    /// The share of the whole below `token`, and up to it.
    fn bounds(w: &[f64], token: usize) -> (f64, f64) {
        let total: f64 = w.iter().sum();
        let below: f64 = w[..token].iter().sum();
        (below / total, (below + w[token]) / total)
    }

    #[test]
    fn every_token_with_weight_is_drawn_by_the_numbers_that_fall_to_it_and_no_other() {
        for vocab in VOCABS {
            let mut l = row(vocab, vocab as u64);
            // Ruled out: the first, the last, and what lies around a boundary of blocks.
            for token in [0, 255, 256, vocab - 1] {
                if token < vocab && 3 < vocab {
                    l[token] = f32::NEG_INFINITY;
                }
            }
            for temperature in [1.0, 0.5, 3.0] {
                let w: Vec<f64> = l.iter().map(|&l| (f64::from(l) / temperature).exp()).collect();
                let (tokens, middles): (Vec<usize>, Vec<f64>) = (0..vocab)
                    .map(|token| (token, bounds(&w, token)))
                    // Boundaries are where f32 has rounded the weights below them to.
                    .filter(|(_, (below, above))| 1e-6 < above - below)
                    .map(|(token, (below, above))| (token, (below + above) / 2.0))
                    .unzip();
                let ends = [0.0, f64::MIN_POSITIVE, 1.0_f64.next_down()];
                let uniforms: Vec<f64> = middles.iter().copied().chain(ends).collect();
                let l = rows(&l, uniforms.len());
                let best = l.f_amax([1i64].as_slice(), true).unwrap();
                let column = Tensor::f_from_slice(&uniforms).unwrap().f_unsqueeze(1).unwrap();
                let drawn = tempered(&l, &softmax(&l), &best, temperature, &column).unwrap();
                let drawn = Vec::<i64>::try_from(&drawn.f_view([-1]).unwrap()).unwrap();
                let possible = |&token: &usize| 0.0 < w[token];
                let first = (0..vocab).find(possible).unwrap();
                let last = (0..vocab).rfind(possible).unwrap();
                let expected = tokens.iter().copied().chain([first, first, last]);
                for ((ours, theirs), u) in drawn.iter().zip(expected).zip(&uniforms) {
                    assert_eq!(*ours, theirs as i64, "V = {vocab}, T = {temperature}, u = {u}");
                }
            }
        }
    }

    #[test]
    fn a_step_draws_by_the_weights_of_its_definition_wherever_the_current_token_stands() {
        let affine = |slope, total, constant| Affine { slope, total, constant };
        for vocab in VOCABS {
            let values = row(vocab, 7);
            let one = 1.0 / vocab as f64;
            for measure in [Measure::Probability, Measure::Score] {
                let kinds = [
                    (affine(0.4, 0.0, 0.0), affine(0.0, 0.0, 0.6)),
                    (affine(0.7, 0.1 * one, one), affine(3.0, 0.2, 0.1)),
                    (affine(1.0, -0.5 * one, 0.0), affine(0.0, 0.0, 0.0)),
                ];
                let currents = [0, vocab / 2, vocab - 1, vocab, vocab + 9].map(|v| v as u32);
                let steps: Vec<Step> = (0..210)
                    .map(|i| {
                        let (jump, stay) = kinds[i % 3];
                        let transition = Transition { measure, jump, stay };
                        let uniform = (i as f64 * 0.618_034).fract();
                        Step { row: 0, transition, current: currents[i % 5], uniform }
                    })
                    .collect();
                let l = rows(&values, 1);
                let p = softmax(&l);
                let (tokens, possible) = transitions(&l, &p, measure, &steps).unwrap();
                let whole = |x: Tensor| Vec::<i64>::try_from(&x.f_view([-1]).unwrap()).unwrap();
                assert_eq!(whole(possible), [1; 210]);
                let s: Vec<f64> = match measure {
                    Measure::Probability => Vec::<f32>::try_from(&p.f_view([-1]).unwrap())
                        .unwrap()
                        .into_iter()
                        .map(f64::from)
                        .collect(),
                    Measure::Score => values.iter().map(|&l| f64::from(l).exp()).collect(),
                };
                for (step, drawn) in steps.iter().zip(whole(tokens)) {
                    let w = step.transition.weights(&s, step.current);
                    let place = if drawn < vocab as i64 { drawn as usize } else { vocab };
                    let at = format!("V = {vocab}, {step:?}: {drawn}");
                    assert!(place < vocab || drawn == i64::from(step.current), "{at}");
                    let (below, above) = bounds(&w, place);
                    let fits = below - 1e-12 <= step.uniform && step.uniform < above + 1e-12;
                    assert!(fits && 0.0 < w[place], "{at}: {below}..{above}");
                }
            }
        }
    }

    #[test]
    fn weights_that_add_up_to_nothing_or_to_no_number_are_reported() {
        let l = rows(&[0.0, 800.0, f32::NEG_INFINITY], 1);
        let step = |measure, slope| {
            let jump = Affine { slope, ..Affine::default() };
            let transition = Transition { measure, jump, stay: Affine::default() };
            let step = Step { row: 0, transition, current: 0, uniform: 0.5 };
            let (_, possible) = transitions(&l, &softmax(&l), measure, &[step]).unwrap();
            possible.f_int64_value(&[0, 0]).unwrap()
        };
        assert_eq!(step(Measure::Probability, 1.0), 1);
        assert_eq!(step(Measure::Probability, -1.0), 0);
        assert_eq!(step(Measure::Score, 1.0), 0, "the score overflows");
    }
}
