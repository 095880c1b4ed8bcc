//! Settings, schedules, prompts and logits that are refused by name.

use std::error::Error;

use dlm_continuous::SampleError;
use dlm_continuous::schedule;
use dlm_continuous::simplex::{
    Filling, OneHot, Projected, Projection, SimplexError, SimplexSettings,
};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, Rounding, Shape};

use crate::{Categorical, Chain, GREEDY, K, LAW, at, fill, keys};

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
