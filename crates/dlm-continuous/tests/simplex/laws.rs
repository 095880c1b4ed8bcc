//! Steps and runs, with exact logits, in numbers that are compared with the forward process.

use std::ops::ControlFlow;

use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::simplex::{OneHot, Projected, Projection, Renoise};
use dlm_continuous::{Outcome, Step, Stepped, sample};
use dlm_core::{DenseLatent, Latent, Levels, NoiseLevel, Rounding, Shape};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::kolmogorov::{SIGNIFICANCE, probability};
use crate::{Categorical, GREEDY, K, LAW, at, chi_square, keys};

/// `E w' = α'·ŵ₀` and `Var w' = (σ'·K)²`, whatever `w` was.
#[test]
fn a_step_has_the_mean_and_variance_of_the_forward_process() {
    let shape = Shape { batch: 1, length: 20_000, dim: 4 };
    let levels = [at(1.0), at(0.4)].map(Levels::Shared);
    let mut network = Categorical(LAW);
    let one_hot = OneHot::new(4, K).unwrap();
    let mut denoiser = Projected::new(&mut network, one_hot, GREEDY, keys(1)).unwrap();
    let x = DenseLatent::new(shape, vec![0.0; shape.numbers()]).unwrap();
    let mut noise = Stepwise::new(keys(1));
    let outcome =
        sample(&Renoise { k: K }, &levels, x, &mut denoiser, &mut noise, &mut ()).unwrap();
    // At `w = 0` nothing is known but the law, so the projection is the likeliest token.
    for token in 0..4 {
        let column: Vec<f64> = outcome.x.rows().map(|row| row[token]).collect();
        let n = column.len() as f64;
        let mean = column.iter().sum::<f64>() / n;
        let variance = column.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n;
        let expected = at(0.4).alpha * if token == 2 { K } else { -K };
        let std = at(0.4).sigma * K;
        assert!((mean - expected).abs() < 4.5 * std / n.sqrt(), "token {token}: {mean}");
        let off = variance / std.powi(2) - 1.0;
        assert!(off.abs() < 4.5 * (2.0 / n).sqrt(), "token {token}: {off}");
    }
}

/// A run of even steps in time from pure noise, on 8,000 positions.
fn run(
    steps: u32,
    projection: Projection,
    observer: &mut dyn dlm_continuous::Observer<DenseLatent>,
) -> Outcome<DenseLatent> {
    let shape = Shape { batch: 2, length: 4_000, dim: 4 };
    let levels: Vec<Levels> =
        (0..=steps).map(|i| at(1.0 - f64::from(i) / f64::from(steps)).into()).collect();
    let mut network = Categorical(LAW);
    let one_hot = OneHot::new(4, K).unwrap();
    let mut denoiser = Projected::new(&mut network, one_hot, projection, keys(2)).unwrap();
    let mut noise = Stepwise::new(keys(2));
    let x = noise.fresh(&DenseLatent::<f64>::zeros(shape)).unwrap();
    let start = x.map_positions(&|_, row| row.iter_mut().for_each(|w| *w *= K)).unwrap();
    sample(&Renoise { k: K }, &levels, start, &mut denoiser, &mut noise, observer).unwrap()
}

/// With exact logits the sampling projection keeps the token law, for steps of any size; a
/// nucleus, entered at pure noise, cuts it off.
#[test]
fn sampled_tokens_have_the_law_of_the_data() {
    let cut = LAW.map(|p| if p < 0.2 { 0.0 } else { p / 0.8 });
    for (steps, top_p, law) in [(1, 1.0, LAW), (2, 1.0, LAW), (60, 1.0, LAW), (1, 0.7, cut)] {
        let outcome = run(steps, Projection::Sampled { top_p }, &mut ());
        assert_eq!(outcome.nfe, steps as usize);
        let mut counts = [0.0; 4];
        for rounded in OneHot::new(4, K).unwrap().round(&outcome.x).unwrap() {
            counts[rounded.token as usize] += 1.0;
        }
        let p = chi_square(&counts, &law);
        assert!(p > 1e-3, "{steps} steps, nucleus {top_p}: {counts:?}, p = {p}");
    }
}

/// The probabilities of what stands at each token between the steps of a run, by the marginals
/// of the forward process: `p·N(αK, σ²K²) + (1 − p)·N(−αK, σ²K²)`.
fn marginals(projection: Projection) -> Vec<f64> {
    let mut probabilities = Vec::new();
    let mut observer = |step: &Step<'_>, next: &Stepped<DenseLatent>| {
        let NoiseLevel { alpha, sigma, .. } = step.to.at(0);
        // At the end there is no noise, and no distribution function without steps.
        if 0.0 < sigma {
            for (token, p) in LAW.into_iter().enumerate() {
                let column = next.x.rows().map(|row| row[token]).collect();
                let [up, down] =
                    [K, -K].map(|corner| Normal::new(alpha * corner, sigma * K).unwrap());
                let cdf = |w: f64| p * up.cdf(w) + (1.0 - p) * down.cdf(w);
                probabilities.push(probability(column, cdf));
            }
        }
        ControlFlow::Continue(())
    };
    run(8, projection, &mut observer);
    assert_eq!(probabilities.len(), 7 * LAW.len());
    probabilities
}

#[test]
fn states_on_the_way_have_the_marginals_of_the_forward_process() {
    let sampled = marginals(Projection::Sampled { top_p: 1.0 });
    assert!(sampled.iter().all(|&p| SIGNIFICANCE < p), "{sampled:?}");
    // Projections that draw from no posterior are noticed at every token.
    for other in [GREEDY, Projection::Sampled { top_p: 0.7 }] {
        let other_p = marginals(other);
        let noticed = |token: usize| (0..7).any(|k| other_p[4 * k + token] < SIGNIFICANCE);
        assert!((0..4).all(noticed), "{other:?}: {other_p:?}");
    }
}
