//! Simplex samplers against known laws.

use std::error::Error;

use dlm_continuous::denoiser::TokenLogits;
use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::schedule::{self, NoiseSchedule, ScheduleError};
use dlm_continuous::simplex::{
    Filling, OneHot, Projected, Projection, Renoise, SimplexError, SimplexSettings,
};
use dlm_continuous::{SampleError, sample};
use dlm_core::{
    Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel, Rounding, Shape, TokenId,
};
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

/// With exact logits the sampling projection keeps the token law, for steps of any size; a
/// nucleus, entered at pure noise, cuts it off.
#[test]
fn sampled_tokens_have_the_law_of_the_data() {
    let cut = LAW.map(|p| if p < 0.2 { 0.0 } else { p / 0.8 });
    for (steps, top_p, law) in [(1, 1.0, LAW), (2, 1.0, LAW), (60, 1.0, LAW), (1, 0.7, cut)] {
        let shape = Shape { batch: 2, length: 4_000, dim: 4 };
        let levels: Vec<Levels> =
            (0..=steps).map(|i| at(1.0 - f64::from(i) / f64::from(steps)).into()).collect();
        let mut network = Categorical(LAW);
        let one_hot = OneHot::new(4, K).unwrap();
        let projection = Projection::Sampled { top_p };
        let mut denoiser = Projected::new(&mut network, one_hot, projection, keys(2)).unwrap();
        let mut noise = Stepwise::new(keys(2));
        let x = noise.fresh(&DenseLatent::<f64>::zeros(shape)).unwrap();
        let start = x.map_positions(&|_, row| row.iter_mut().for_each(|w| *w *= K)).unwrap();
        let sampler = Renoise { k: K };
        let outcome = sample(&sampler, &levels, start, &mut denoiser, &mut noise, &mut ()).unwrap();
        assert_eq!(outcome.nfe, steps as usize);
        let mut counts = [0.0; 4];
        for rounded in one_hot.round(&outcome.x).unwrap() {
            counts[rounded.token as usize] += 1.0;
        }
        let p = chi_square(&counts, &law);
        assert!(p > 1e-3, "{steps} steps, nucleus {top_p}: {counts:?}, p = {p}");
    }
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

#[test]
fn blocks_continue_what_was_written_before() {
    let settings = SimplexSettings {
        block: Some(1),
        steps: 3,
        projection: Projection::Sampled { top_p: 1.0 },
        ..SimplexSettings::ssd_lm()
    };
    let prompt: Vec<TokenId> = vec![0, 2];
    let prompts = vec![prompt.as_slice(); 400];
    let texts = fill(settings, &mut Chain, &prompts, 6, &keys(400)).unwrap();
    let mut counts = [0.0; 4];
    for text in &texts {
        assert_eq!(text.len(), 6);
        let mut previous = 2;
        for &token in text {
            counts[((token + 4 - previous) % 4) as usize] += 1.0;
            previous = token;
        }
    }
    let p = chi_square(&counts, &[0.1, NEXT, 0.1, 0.1]);
    assert!(p > 1e-3, "{counts:?}, p = {p}");
}

/// The context reaches the network clean and stays as it is; the last block may be shorter.
#[test]
fn the_context_is_clean_and_the_blocks_are_as_long_as_they_should_be() {
    let mut lengths = vec![];
    let mut network = |w: &DenseLatent,
                       levels: &Levels,
                       _: Option<&DenseLatent>|
     -> Result<DenseLatent, ModelError> {
        let context = levels.as_slice().iter().filter(|&&l| l == NoiseLevel::CLEAN).count();
        lengths.push((context, w.shape().length));
        let first = w.rows().next().unwrap();
        assert_eq!(first, [-K, K, -K, -K]);
        Categorical(LAW).logits(w, levels, None)
    };
    for projection in
        [GREEDY, Projection::MultiHot { top_p: 0.9 }, Projection::Shifted { top_p: 0.9 }]
    {
        let settings =
            SimplexSettings { block: Some(4), steps: 2, projection, ..SimplexSettings::ssd_lm() };
        let texts = fill(settings, &mut network, &[&[1, 3], &[1, 0]], 10, &keys(2)).unwrap();
        assert!(texts.iter().all(|text| text.len() == 10));
    }
    let each = [(2, 6), (2, 6), (6, 10), (6, 10), (10, 12), (10, 12)];
    assert_eq!(lengths, each.repeat(3));
}

#[test]
fn positions_of_a_prompt_come_out_bit_identical() {
    let shape = Shape { batch: 2, length: 3, dim: 4 };
    let x = Stepwise::new(keys(2)).fresh(&DenseLatent::<f64>::zeros(shape)).unwrap();
    let levels: Vec<Levels> = [1.0, 0.5, 0.0]
        .map(|t| Levels::PerPosition(vec![NoiseLevel::CLEAN, at(t), at(t * t)]))
        .to_vec();
    let mut network = Categorical(LAW);
    let one_hot = OneHot::new(4, K).unwrap();
    let mut denoiser = Projected::new(&mut network, one_hot, GREEDY, keys(2)).unwrap();
    let mut noise = Stepwise::new(keys(2));
    let sampler = Renoise { k: K };
    let outcome = sample(&sampler, &levels, x.clone(), &mut denoiser, &mut noise, &mut ()).unwrap();
    for (index, (before, after)) in x.rows().zip(outcome.x.rows()).enumerate() {
        assert_eq!(before == after, index % 3 == 0, "position {index}");
    }
}

/// On the published schedule, self-conditioned as TESS: the network is first shown nothing and
/// then what its logits were projected to, with which it can answer as a peaked law.
#[test]
fn a_network_is_shown_its_last_projection() {
    let mut shown = vec![];
    let mut network = |w: &DenseLatent, levels: &Levels, earlier: Option<&DenseLatent>| {
        shown.push(earlier.map(|x0| x0.rows().nth(1).unwrap().to_vec()));
        Categorical(LAW).logits(w, levels, None)
    };
    let schedule = SimplexSettings::schedule();
    assert_eq!(schedule, schedule::Cosine { offset: 1e-4, ..schedule::Cosine::default() });
    let mut run = |self_conditioned: bool| {
        let settings = SimplexSettings { self_conditioned, steps: 3, ..SimplexSettings::default() };
        let (network, blank) = (&mut network, &|shape| DenseLatent::zeros(shape));
        Filling { settings, network, vocab: 4, schedule: &schedule, blank }
            .run(&[&[0]], 1, &keys(1), &mut ())
            .unwrap()
    };
    assert_eq!(run(true), run(false));
    assert_eq!(shown[0], None);
    // There is almost nothing to see in the first state, so the likeliest token is the answer.
    assert_eq!(shown[1], Some(vec![-K, -K, K, -K]));
    assert!(shown[2].is_some());
    assert_eq!(shown[3..], [None, None, None]);
}

#[test]
fn a_schedule_is_checked_before_a_text_is_written() {
    let schedule = schedule::Cosine { alpha_min: 2.0, ..SimplexSettings::schedule() };
    let (settings, blank) = (SimplexSettings::tess(), &|shape| DenseLatent::zeros(shape));
    let mut network = Chain;
    let error = Filling { settings, network: &mut network, vocab: 4, schedule: &schedule, blank }
        .run(&[&[0]], 1, &keys(1), &mut ())
        .unwrap_err();
    assert!(error.to_string().starts_with("alpha_min = 2 "), "{error}");
}

#[test]
fn settings_outside_their_range_are_named() {
    let good = SimplexSettings::ssd_lm();
    let cases = [
        (SimplexSettings { k: 0.0, ..good }, "k = 0 is outside (0, ∞)"),
        (SimplexSettings { k: f64::NAN, ..good }, "k = NaN is outside (0, ∞)"),
        (SimplexSettings { temperature: -1.0, ..good }, "temperature = -1 is outside (0, ∞)"),
        (SimplexSettings { steps: 0, ..good }, "steps = 0 is outside [1, 1000000]"),
        (SimplexSettings { block: Some(0), ..good }, "block = 0 is outside 1, 2, …"),
    ];
    let nuclei = [0.0, -0.5, 1.1, f64::NAN].map(|top_p| {
        let projection = Projection::Sampled { top_p };
        (SimplexSettings { projection, ..good }, format!("top_p = {top_p} is outside (0, 1]"))
    });
    let cases = cases.map(|(settings, message)| (settings, message.to_owned()));
    for (settings, message) in cases.into_iter().chain(nuclei) {
        assert_eq!(settings.validate().unwrap_err().to_string(), message);
        let error = fill(settings, &mut Chain, &[&[0]], 2, &keys(1)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert!(matches!(OneHot::new(0, K), Err(SimplexError::Vocabulary)));
    assert!(matches!(OneHot::new(3, -K), Err(SimplexError::Parameter { field: "k", .. })));
}

#[test]
fn bad_input_is_named() {
    let settings = SimplexSettings { steps: 2, ..SimplexSettings::tess() };
    let uneven = fill(settings, &mut Chain, &[&[0], &[0, 1]], 2, &keys(2)).unwrap_err();
    assert_eq!(
        uneven.to_string(),
        "prompt 1 has 2 tokens, the first has 1: fill prompts of one length together"
    );
    let keyless = fill(settings, &mut Chain, &[&[0], &[1]], 2, &keys(1)).unwrap_err();
    assert_eq!(keyless.to_string(), "1 keys for 2 sequences: give each sequence its own");
    let token = fill(settings, &mut Chain, &[&[4]], 2, &keys(1)).unwrap_err();
    let cause = token.source().unwrap_or(&token).to_string();
    assert_eq!(cause, "token 4 is not in the vocabulary of 4: give one below 4");

    for logits in [[f64::NAN, 0.0, 0.0, 0.0], [f64::INFINITY; 4], [f64::NEG_INFINITY; 4]] {
        let mut network = |w: &DenseLatent,
                           _: &Levels,
                           _: Option<&DenseLatent>|
         -> Result<DenseLatent, ModelError> {
            let second = |i: usize, row: &mut [f64]| {
                row.fill(0.0);
                if i == 3 {
                    row.copy_from_slice(&logits);
                }
            };
            Ok(w.map_positions(&second)?)
        };
        let error = fill(settings, &mut network, &[&[0], &[0]], 1, &keys(2)).unwrap_err();
        let SimplexError::Sample(SampleError::Model { step: 0, source }) = error else {
            panic!("{error:?}");
        };
        let cause = source.source().unwrap().to_string();
        assert!(cause.starts_with("the logits of sequence 1, position 1 make no"), "{cause}");
    }

    let x = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 1, dim: 3 });
    let one_hot = OneHot::new(4, K).unwrap();
    let cause = |error: ModelError| error.source().unwrap().to_string();
    let other = "vectors of 3 numbers for a vocabulary of 4: give one number a token";
    assert_eq!(cause(one_hot.round(&x).unwrap_err()), other);
    let mut network = Categorical(LAW);
    let mut denoiser = Projected::new(&mut network, one_hot, GREEDY, keys(1)).unwrap();
    assert_eq!(cause(denoiser.denoise(&x, &at(0.5).into()).unwrap_err()), other);
    let shape = Shape { batch: 1, length: 2, dim: 4 };
    let mut nan = DenseLatent::<f64>::zeros(shape);
    nan.values_mut()[6] = f64::NAN;
    let message = "the state of sequence 0, position 1 is not finite: look at what the network predicts there";
    assert_eq!(cause(one_hot.round(&nan).unwrap_err()), message);
    let few = "1 tokens for 2 positions: give one each";
    assert_eq!(cause(one_hot.embed(&[1], &nan).unwrap_err()), few);
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
