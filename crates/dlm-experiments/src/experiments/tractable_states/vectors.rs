//! Gaussian forward processes: drawn from the closed form, and transition by transition.

use dlm_continuous::{
    Noise, forward,
    noise::Stepwise,
    schedule::{NoiseSchedule, Schedule},
};
use dlm_core::{DenseLatent, Levels, NoiseLevel, Shape};
use dlm_rng::Key;

use super::{
    drawn::{Drawn, Effort, Watch, refused},
    fit::{Fit, standard_normal},
};
use crate::Error;

/// The number that noise is put on: one standard deviation of data.
const CLEAN: f64 = 1.0;

/// Draws from `q(x_t | x₀)`.
pub(super) fn at_once(
    schedule: &Schedule,
    t: f64,
    effort: Effort,
    key: Key,
) -> Result<Drawn, Error> {
    let level = schedule.level(t).map_err(refused)?;
    let clean = clean(effort.draws)?;
    let z = Stepwise::new([key]).fresh(&clean)?;
    let x = forward::corrupt(&clean, &level.into(), &z).map_err(refused)?;
    Ok(Drawn { fit: fit(&x, level), numbers: effort.draws as u64 })
}

/// Draws from `q(x_k | x_{k−1})`, step after step, beginning with data itself.
pub(super) fn step_by_step(
    schedule: &Schedule,
    t: f64,
    effort: Effort,
    key: Key,
    watch: &mut Watch<'_>,
) -> Result<Drawn, Error> {
    let Effort { draws, steps } = effort;
    let mut x = clean(draws)?;
    let mut noise = Stepwise::new([key]);
    let mut level = NoiseLevel::CLEAN;
    for k in 1..=steps {
        let next = schedule.level(t * k as f64 / steps as f64).map_err(refused)?;
        let (from, to): (Levels, Levels) = (level.into(), next.into());
        let z = noise.between(&x, &from, &to)?;
        x = forward::corrupt_further(&x, &from, &to, &z).map_err(refused)?;
        level = next;
        watch(k, &|| Ok(fit(&x, level)))?;
    }
    Ok(Drawn { fit: fit(&x, level), numbers: (draws * steps) as u64 })
}

/// As many numbers at [`CLEAN`], in one position, whose noise comes from one stream.
fn clean(draws: usize) -> Result<DenseLatent<f64>, Error> {
    let shape = Shape { batch: 1, length: 1, dim: draws };
    DenseLatent::new(shape, vec![CLEAN; draws]).map_err(refused)
}

/// `(x − α·x₀)/σ` beside the standard normal law.
fn fit(x: &DenseLatent<f64>, level: NoiseLevel) -> Fit {
    let NoiseLevel { alpha, sigma, .. } = level;
    standard_normal(x.values().iter().map(|x| (x - alpha * CLEAN) / sigma).collect())
}
