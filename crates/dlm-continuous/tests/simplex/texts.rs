//! Texts: what stands before a block, what a network is shown, what it continues.

use dlm_continuous::denoiser::TokenLogits;
use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::sample;
use dlm_continuous::schedule;
use dlm_continuous::simplex::{Filling, OneHot, Projected, Projection, Renoise, SimplexSettings};
use dlm_core::{DenseLatent, Latent, Levels, ModelError, NoiseLevel, Shape, TokenId};

use crate::{Categorical, Chain, GREEDY, K, LAW, NEXT, at, chi_square, fill, keys};

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
