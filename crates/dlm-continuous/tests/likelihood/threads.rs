//! The number of threads changes no bit of a likelihood.

use dlm_continuous::likelihood::{Flow, Integral, Path, ProbeLaw, Trace, Vlb};
use dlm_core::{DenseLatent, Levels, ModelError};
use dlm_rng::Key;
use dlm_testkit::{Component, GaussianMixture};

use crate::straight::{Straight, sequences};

#[test]
fn threads_change_nothing() {
    // Probes, predictions and scalar products are the work of several threads. A combination of
    // so few numbers is that of one; dlm-core has its own test of more.
    let (batch, length, dim) = (64, 64, 9);
    let value = |i: usize| (i as f64 * 0.37).sin();
    let x = sequences([batch, length, dim], (0..batch * length * dim).map(value).collect());
    let names: Vec<u64> = (0..batch as u64).collect();
    let schedule = Straight::new(4.0, -5.0);
    let component = Component { weight: 1.0, mean: vec![0.1; dim], std: 0.7 };
    let mixture = GaussianMixture::new(vec![component]).unwrap();
    let likelihoods = || {
        let path = Path::from_noise(&schedule, 0.0).unwrap();
        let mut free =
            |_: &DenseLatent, _: &Levels| -> Result<Vec<f64>, ModelError> { Ok(vec![0.0; batch]) };
        let data = &mut mixture.clone();
        let integral = Integral::Continuous { path: path.clone(), strata: 3 };
        let vlb = Vlb { draws: 2, key: Key::new(1) };
        let bounds = vlb.estimate(&integral, &x, &names, data, &mut free).unwrap();
        let trace = Trace::Hutchinson { probes: 2, law: ProbeLaw::Gaussian, key: Key::new(2) };
        let flow = Flow { path: path.clone(), steps: 2, trace };
        let densities = flow.estimate(&x, &names, data).unwrap();
        let bounds = bounds.iter().map(|bound| bound.value.to_bits());
        let densities = densities.iter().map(|density| density.value.to_bits());
        bounds.chain(densities).collect::<Vec<u64>>()
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(likelihoods)
    };
    assert_eq!(on(1), on(2));
}
