//! Simplex samplers against known laws.

#[path = "../kolmogorov/mod.rs"]
mod kolmogorov;
mod laws;
mod refusals;
mod texts;

use dlm_continuous::denoiser::TokenLogits;
use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::schedule::{NoiseSchedule, ScheduleError};
use dlm_continuous::simplex::{Filling, OneHot, Projection, SimplexError, SimplexSettings};
use dlm_core::{DenseLatent, Latent, Levels, ModelError, NoiseLevel, Rounding, Shape, TokenId};
use dlm_rng::{Key, Purpose};
use statrs::distribution::{ChiSquared, ContinuousCDF};

const K: f64 = 5.0;
/// The law of a token, least likely first so that nothing comes out right by its index.
const LAW: [f64; 4] = [0.05, 0.15, 0.5, 0.3];
const GREEDY: Projection = Projection::Greedy {};

/// The nearest of all corners, by the definition.
#[test]
fn rounding_takes_the_nearest_corner() {
    let shape = Shape { batch: 3, length: 20, dim: 4 };
    let x = Noise::fresh(&mut Stepwise::new(keys(3)), &DenseLatent::<f64>::zeros(shape)).unwrap();
    let one_hot = OneHot::new(4, 2.0).unwrap();
    for (w, rounded) in x.rows().zip(one_hot.round(&x).unwrap()) {
        let distance = |token: usize| {
            let corner = |i| if i == token { 2.0 } else { -2.0 };
            w.iter().enumerate().map(|(i, w)| (w - corner(i)).powi(2)).sum::<f64>().sqrt()
        };
        let mut distances: Vec<(f64, usize)> = (0..4).map(|i| (distance(i), i)).collect();
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(rounded.token as usize, distances[0].1);
        assert!((f64::from(rounded.distance.unwrap()) - distances[0].0).abs() < 1e-5);
        let margin = distances[1].0 - distances[0].0;
        assert!((f64::from(rounded.margin) - margin).abs() < 1e-5);
    }
    let tokens: Vec<TokenId> = (0..60).map(|i| i % 4).collect();
    let corners = one_hot.embed(&tokens, &x).unwrap();
    let back = one_hot.round(&corners).unwrap();
    assert!(back.iter().zip(tokens).all(|(r, t)| r.token == t && r.distance == Some(0.0)));
    let only = OneHot::new(1, 2.0).unwrap();
    let one = DenseLatent::<f64>::zeros(Shape { dim: 1, ..shape });
    assert_eq!(only.round(&one).unwrap()[0].margin, f32::INFINITY);
}

/// Four tokens on a circle: after one comes the next with probability 0.7. Filled one by one,
/// texts follow that chain.
struct Chain;

const NEXT: f64 = 0.7;

impl TokenLogits<DenseLatent> for Chain {
    fn logits(
        &mut self,
        w: &DenseLatent,
        levels: &Levels,
        _: Option<&DenseLatent>,
    ) -> Result<DenseLatent, ModelError> {
        let rows: Vec<&[f64]> = w.rows().collect();
        let length = w.shape().length;
        let after = |previous: usize, token: usize| match (previous + 1) % 4 == token {
            true => NEXT,
            false => (1.0 - NEXT) / 3.0,
        };
        Ok(w.map_positions(&|position, row| {
            let here = likelihood(rows[position], levels.at(position));
            let before = match position % length {
                0 => [0.0; 4],
                _ => likelihood(rows[position - 1], levels.at(position - 1)),
            };
            for (token, logit) in row.iter_mut().enumerate() {
                let chances =
                    (0..4).map(|previous| before[previous].exp() * after(previous, token));
                *logit = here[token] + chances.sum::<f64>().ln();
            }
        })?)
    }
}

fn keys(batch: u64) -> Vec<Key> {
    (0..batch).map(|i| Key::new(11).sequence(i).purpose(Purpose::Test)).collect()
}

/// Cosine, `α = cos(πt/2)`, never quite without signal.
fn at(t: f64) -> NoiseLevel {
    let (sigma, alpha) = (t * std::f64::consts::FRAC_PI_2).sin_cos();
    NoiseLevel { t, alpha, sigma }
}

struct Cosine;

impl NoiseSchedule for Cosine {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        Ok(at(t))
    }
}

/// The exact logits of independent tokens of this law.
struct Categorical([f64; 4]);

impl TokenLogits<DenseLatent> for Categorical {
    fn logits(
        &mut self,
        w: &DenseLatent,
        levels: &Levels,
        _: Option<&DenseLatent>,
    ) -> Result<DenseLatent, ModelError> {
        Ok(w.map_positions(&|position, row| {
            let likelihood = likelihood(row, levels.at(position));
            for (logit, (p, likelihood)) in row.iter_mut().zip(self.0.iter().zip(likelihood)) {
                *logit = p.ln() + likelihood;
            }
        })?)
    }
}

/// `ln p(w_t | token) = 2α·w_token/(Kσ²)` up to a constant, because `‖w − α·w₀‖²` differs by
/// `4αK·(w_a − w_b)` between tokens; as good as certain where `σ = 0`.
fn likelihood(w: &[f64], level: NoiseLevel) -> [f64; 4] {
    let scale = 2.0 * level.alpha / (K * level.sigma.powi(2).max(1e-6));
    let most = w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    std::array::from_fn(|token| scale * (w[token] - most))
}

fn fill(
    settings: SimplexSettings,
    network: &mut dyn TokenLogits<DenseLatent>,
    prompts: &[&[TokenId]],
    response: usize,
    keys: &[Key],
) -> Result<Vec<Vec<TokenId>>, SimplexError> {
    let vocab = 4;
    let blank = |shape| DenseLatent::zeros(shape);
    let mut filling = Filling { settings, network, vocab, schedule: &Cosine, blank: &blank };
    filling.run(prompts, response, keys, &mut ())
}

/// The chance of counts further from `law` than these.
fn chi_square(counts: &[f64], law: &[f64]) -> f64 {
    let n: f64 = counts.iter().sum();
    let cells: Vec<(f64, f64)> =
        counts.iter().copied().zip(law.iter().map(|p| p * n)).filter(|cell| cell.1 > 0.0).collect();
    assert_eq!(cells.iter().map(|cell| cell.0).sum::<f64>(), n, "a token that cannot be");
    let square: f64 = cells.iter().map(|(count, mean)| (count - mean).powi(2) / mean).sum();
    1.0 - ChiSquared::new(cells.len() as f64 - 1.0).unwrap().cdf(square)
}
