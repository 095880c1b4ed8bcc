//! The mixture asked about whole batches of latents.

use dlm_core::{
    Denoiser, DenseLatent, Differentiable, Latent, LatentError, Levels, ModelError, NoiseLevel,
    Real,
};

use super::{CategoricalError, CategoricalMixture};

impl<F: Real> Denoiser<DenseLatent<F>> for CategoricalMixture {
    fn denoise(
        &mut self,
        x: &DenseLatent<F>,
        levels: &Levels,
    ) -> Result<DenseLatent<F>, ModelError> {
        self.by_sequence(x, levels, |_, x, levels| self.posterior_mean(x, levels))
    }
}

impl<F: Real> Differentiable<DenseLatent<F>> for CategoricalMixture {
    fn jacobian_product(
        &mut self,
        x: &DenseLatent<F>,
        levels: &Levels,
        v: &DenseLatent<F>,
    ) -> Result<DenseLatent<F>, ModelError> {
        if x.shape() != v.shape() {
            return Err(LatentError::Shapes { left: x.shape(), right: v.shape() }.into());
        }
        let v: Vec<f64> = v.values().iter().map(|&v| v.into()).collect();
        let product = |start: usize, x: &[f64], levels: &[NoiseLevel]| {
            CategoricalMixture::jacobian_product(self, x, levels, &v[start..start + x.len()])
        };
        self.by_sequence(x, levels, product)
    }
}

impl CategoricalMixture {
    /// What `answer` makes of each sequence, told where its numbers start.
    fn by_sequence<F: Real>(
        &self,
        x: &DenseLatent<F>,
        levels: &Levels,
        answer: impl Fn(usize, &[f64], &[NoiseLevel]) -> Result<Vec<f64>, CategoricalError>,
    ) -> Result<DenseLatent<F>, ModelError> {
        let (shape, length) = (x.shape(), self.table.length());
        self.check("positions", length, shape.length).map_err(ModelError::new)?;
        self.check("numbers of a position", self.dim, shape.dim).map_err(ModelError::new)?;
        let mut answers = Vec::with_capacity(shape.numbers());
        for (row, sequence) in x.values().chunks_exact(length * self.dim).enumerate() {
            let sequence: Vec<f64> = sequence.iter().map(|&x| x.into()).collect();
            let levels: Vec<_> = (0..length).map(|i| levels.at(row * length + i)).collect();
            let found = answer(row * sequence.len(), &sequence, &levels);
            answers.extend(found.map_err(ModelError::new)?.into_iter().map(F::nearest));
        }
        Ok(DenseLatent::new(shape, answers)?)
    }
}
