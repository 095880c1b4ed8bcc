//! What cannot be computed is refused by name.

use dlm_continuous::LevelsError;
use dlm_continuous::likelihood::{
    Bound, EmbeddingSoftmax, FiniteDifference, Flow, Integral, LikelihoodError, Path, ProbeLaw,
    Reconstruction, Trace, Vlb,
};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_core::{DenseLatent, Latent, Levels, ModelError, NoiseLevel};
use dlm_rng::Key;
use dlm_testkit::GaussianMixture;

use crate::straight::{Straight, numbers, sequences};

const SCHEDULE: Straight = Straight { most: 4.0, least: -5.0, keeps_variance: true };

fn free(_: &DenseLatent, levels: &Levels) -> Result<Vec<f64>, ModelError> {
    Ok(vec![0.0; levels.as_slice().len()])
}

fn bounds(
    vlb: Vlb,
    integral: &Integral<'_>,
    values: Vec<f64>,
    names: &[u64],
    reconstruction: &mut dyn Reconstruction<DenseLatent>,
) -> Result<Vec<Bound>, LikelihoodError> {
    let mut denoiser = GaussianMixture::gaussian(0.0, 1.0).unwrap();
    vlb.estimate(integral, &numbers(values), names, &mut denoiser, reconstruction)
}

fn path() -> Path<'static> {
    Path::from_noise(&SCHEDULE, 0.0).unwrap()
}

#[test]
fn nothing_is_estimated_from_nothing() {
    let vlb = |draws| Vlb { draws, key: Key::new(1) };
    let strata = |strata| Integral::Continuous { path: path(), strata };
    let error = bounds(vlb(0), &strata(1), vec![0.0], &[0], &mut free).unwrap_err();
    assert_eq!(error.to_string(), "draws is 0: give a number of at least 1");
    let error = bounds(vlb(1), &strata(0), vec![0.0], &[0], &mut free).unwrap_err();
    assert!(matches!(error, LikelihoodError::Setting { field: "strata", .. }));
    let error = bounds(vlb(1), &Integral::Grid(&[]), vec![0.0], &[0], &mut free).unwrap_err();
    assert!(matches!(error, LikelihoodError::Levels(LevelsError::TooFew(0))));

    let gaussian = &mut GaussianMixture::gaussian(0.0, 1.0).unwrap();
    let mut flow = Flow { path: path(), steps: 0, trace: Trace::Exact };
    let error = flow.estimate(&numbers(vec![0.0]), &[0], gaussian).unwrap_err();
    assert!(matches!(error, LikelihoodError::Setting { field: "steps", .. }));
    flow.steps = 1;
    flow.trace = Trace::Hutchinson { probes: 0, law: ProbeLaw::Gaussian, key: Key::new(1) };
    let error = flow.estimate(&numbers(vec![0.0]), &[0], gaussian).unwrap_err();
    assert!(matches!(error, LikelihoodError::Setting { field: "probes", .. }));
    for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(FiniteDifference::new((), step).is_err());
    }
}

#[test]
fn levels_that_make_no_path_are_refused() {
    let level = |t: f64| SCHEDULE.level(t).unwrap();
    let shared = |level| Levels::Shared(level);
    let error = |noise, clean| Path::new(&SCHEDULE, noise, clean).err().unwrap();
    let rising = error(shared(level(0.2)), shared(level(0.7)));
    assert!(
        matches!(rising, LikelihoodError::Levels(LevelsError::Rising { step: 0, position: 0 })),
        "{rising}"
    );
    let infinite = error(shared(level(0.7)), shared(NoiseLevel::CLEAN));
    assert!(matches!(infinite, LikelihoodError::Infinite { position: 0 }), "{infinite}");
    let ends = |second| Levels::PerPosition(vec![NoiseLevel::CLEAN, second]);
    let still = error(ends(level(0.7)), ends(level(0.7)));
    assert!(matches!(still, LikelihoodError::Still { position: 1, .. }), "{still}");
    let wrong = NoiseLevel { sigma: f64::NAN, ..level(0.5) };
    let wrong = error(ends(wrong), ends(level(0.2)));
    assert!(
        matches!(
            wrong,
            LikelihoodError::Levels(LevelsError::Invalid { index: 0, position: 1, .. })
        ),
        "{wrong}"
    );
    let late = Path::from_noise(&SCHEDULE, 1.5).err().unwrap();
    assert!(matches!(late, LikelihoodError::Schedule(_)), "{late}");

    let vlb = Vlb { draws: 1, key: Key::new(1) };
    let grid = [level(1.0), level(0.2), level(0.4)].map(Levels::Shared);
    let error = bounds(vlb, &Integral::Grid(&grid), vec![0.0], &[0], &mut free).unwrap_err();
    assert!(
        matches!(error, LikelihoodError::Levels(LevelsError::Rising { step: 1, position: 0 })),
        "{error}"
    );
}

#[test]
fn levels_have_one_for_each_position() {
    let x = sequences([2, 3, 1], vec![0.1; 6]);
    let list = |t: f64, n: usize| Levels::PerPosition(vec![SCHEDULE.level(t).unwrap(); n]);
    let gaussian = &mut GaussianMixture::gaussian(0.0, 1.0).unwrap();
    let vlb = Vlb { draws: 1, key: Key::new(1) };
    let own = [list(1.0, 3), list(0.0, 2)];
    let [noise, clean] = own.clone();
    let path = Path::new(&SCHEDULE, noise, clean).unwrap();
    let flow = Flow { path: path.clone(), steps: 1, trace: Trace::Exact };
    let of_flow = flow.estimate(&x, &[0, 1], gaussian).unwrap_err();
    let mut bound = |integral: &Integral<'_>| {
        let free = &mut |_: &DenseLatent, _: &Levels| Ok(vec![0.0; 2]);
        vlb.estimate(integral, &x, &[0, 1], gaussian, free).unwrap_err()
    };
    let integrals = [Integral::Continuous { path, strata: 1 }, Integral::Grid(&own)];
    let [of_path, of_chain] = integrals.each_ref().map(&mut bound);
    for error in [of_flow, of_path, of_chain] {
        assert!(
            error.to_string().starts_with("2 levels for a latent of shape [2, 3, 1]"),
            "{error}"
        );
    }
}

/// An empty batch has no likelihoods, and an empty sequence costs nothing.
#[test]
fn nothing_costs_nothing() {
    let gaussian = &mut GaussianMixture::gaussian(0.0, 1.0).unwrap();
    let vlb = Vlb { draws: 2, key: Key::new(1) };
    let integral = Integral::Continuous { path: path(), strata: 2 };
    let flow = Flow { path: path(), steps: 1, trace: Trace::Exact };
    for (batch, length) in [(0, 3), (2, 0)] {
        let x = sequences([batch, length, 1], vec![]);
        let names: Vec<u64> = (0..batch as u64).collect();
        let mut tokens = EmbeddingSoftmax::new(vec![-1.0, 1.0], 1, vec![]).unwrap();
        let bounds = vlb.estimate(&integral, &x, &names, gaussian, &mut tokens).unwrap();
        let densities = flow.estimate(&x, &names, gaussian).unwrap();
        assert_eq!((bounds.len(), densities.len()), (batch, batch));
        assert!(bounds.iter().all(|bound| bound.value == 0.0));
        assert!(densities.iter().all(|density| density.value == 0.0));
    }
}

#[test]
fn what_is_no_number_is_named() {
    let vlb = Vlb { draws: 3, key: Key::new(1) };
    let integral = Integral::Continuous { path: path(), strata: 2 };
    let error = bounds(vlb, &integral, vec![0.0, f64::NAN], &[0, 1], &mut free).unwrap_err();
    assert!(matches!(error, LikelihoodError::Data { sequence: 1 }), "{error}");
    let error = bounds(vlb, &integral, vec![0.0], &[0, 1], &mut free).unwrap_err();
    assert_eq!(error.to_string(), "2 names for 1 sequences: give one for each");

    let mut draws = 0;
    let mut fails_late = |_: &DenseLatent, _: &Levels| {
        draws += 1;
        Ok(vec![0.0, if draws == 3 { f64::INFINITY } else { 0.0 }])
    };
    let error = bounds(vlb, &integral, vec![0.0; 2], &[0, 1], &mut fails_late).unwrap_err();
    assert!(matches!(error, LikelihoodError::Draw { draw: 2, sequence: 1 }), "{error}");
    let mut too_many = |_: &DenseLatent, _: &Levels| Ok(vec![0.0; 3]);
    let error = bounds(vlb, &integral, vec![0.0; 2], &[0, 1], &mut too_many).unwrap_err();
    assert_eq!(error.to_string(), "3 reconstructions for 2 sequences: give one for each");

    let mut calls = 0;
    let fails_late = |x: &DenseLatent, _: &Levels| -> Result<DenseLatent, ModelError> {
        // Each step asks four times for itself, and twice for each of the four products.
        calls += 1;
        let third =
            |i, row: &mut [f64]| row.fill(if 24 < calls && i == 1 { f64::NAN } else { 0.0 });
        Ok(x.map_positions(&third)?)
    };
    let mut denoiser = FiniteDifference::new(fails_late, 1e-3).unwrap();
    let flow = Flow { path: path(), steps: 4, trace: Trace::Exact };
    let error = flow.estimate(&numbers(vec![0.1; 2]), &[0, 1], &mut denoiser).unwrap_err();
    assert!(matches!(error, LikelihoodError::NotFinite { step: 2, sequence: 1 }), "{error}");
}

#[test]
fn tokens_without_embeddings_are_refused() {
    let softmax = EmbeddingSoftmax::new;
    for (embeddings, dim) in [(vec![], 1), (vec![1.0; 3], 2), (vec![1.0], 0), (vec![f64::NAN], 1)] {
        let error = softmax(embeddings, dim, vec![0]).unwrap_err();
        assert!(matches!(error, LikelihoodError::Embeddings { .. }), "{error}");
    }
    let error = softmax(vec![0.0; 4], 2, vec![1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "token 2 at position 1: give tokens below 2");
    let mut tokens = softmax(vec![0.0; 4], 2, vec![1, 0]).unwrap();
    let levels = Levels::Shared(SCHEDULE.level(0.5).unwrap());
    assert!(tokens.nats(&sequences([1, 3, 2], vec![0.0; 6]), &levels).is_err());
    assert!(tokens.nats(&sequences([1, 2, 1], vec![0.0; 2]), &levels).is_err());
}
