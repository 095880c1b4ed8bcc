//! A latent on a device.

use dlm_core::{DenseLatent, Latent, LatentError, Real, Shape, Weights};
use tch::{Kind, Tensor};

use super::on_host;
use crate::{DeviceChoice, Error};

/// A latent `[batch, length, dim]` that is a tensor on some device.
///
/// A combination is computed in f32 where the numbers are narrower, and rounded once at its
/// end. Where the state is small, or in a host's memory anyway, [`DenseLatent`] is faster.
#[derive(Debug)]
pub struct TensorLatent {
    shape: Shape,
    tensor: Tensor,
}

/// The numbers of a [`TensorLatent`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatentDtype {
    /// 16-bit floats with the range of f32.
    Bf16,
    /// 32-bit floats.
    #[default]
    F32,
    /// 64-bit floats.
    F64,
}

impl LatentDtype {
    fn kind(self) -> Kind {
        match self {
            Self::Bf16 => Kind::BFloat16,
            Self::F32 => Kind::Float,
            Self::F64 => Kind::Double,
        }
    }
}

impl TensorLatent {
    /// `tensor` as a latent; its numbers must not be changed while the latent lives.
    ///
    /// # Errors
    ///
    /// [`Error::Latent`] where it has not three dimensions, or holds other numbers than
    /// bf16, f32 or f64.
    pub fn new(tensor: Tensor) -> Result<Self, Error> {
        let size = tensor.size();
        let &[batch, length, dim] = size.as_slice() else {
            return Err(Error::Latent(format!(
                "a tensor of shape {size:?} is no latent: give one of [batch, length, dim]"
            )));
        };
        let kind = tensor.kind();
        if !matches!(kind, Kind::BFloat16 | Kind::Float | Kind::Double) {
            let problem = format!("a latent of {kind:?}: give one of bf16, f32 or f64");
            return Err(Error::Latent(problem));
        }
        let [batch, length, dim] = [batch, length, dim].map(|size| size as usize);
        Ok(Self { shape: Shape { batch, length, dim }, tensor })
    }

    /// The same latent on a device.
    ///
    /// # Errors
    ///
    /// Where the device cannot be used.
    pub fn from_dense<F: Real>(
        latent: &DenseLatent<F>,
        device: DeviceChoice,
        dtype: LatentDtype,
    ) -> Result<Self, Error> {
        Self::placed(latent, device.resolve()?, dtype.kind())
    }

    /// The same latent in host memory.
    ///
    /// # Errors
    ///
    /// Where the device failed.
    pub fn to_dense<F: Real>(&self) -> Result<DenseLatent<F>, Error> {
        let values: Vec<f64> = on_host(&self.tensor, Kind::Double)?;
        let values = values.into_iter().map(F::nearest).collect();
        Ok(DenseLatent::new(self.shape, values)?)
    }

    /// The numbers, `[batch, length, dim]`.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// `c·x` by one operation of libtorch.
    ///
    /// # Errors
    ///
    /// Where the device failed.
    pub fn scaled(&self, c: f64) -> Result<Self, Error> {
        Ok(Self { shape: self.shape, tensor: self.tensor.f_mul_scalar(c)? })
    }

    /// `x + y` by one operation of libtorch.
    ///
    /// # Errors
    ///
    /// Where the shapes differ, or the device failed.
    pub fn plus(&self, other: &Self) -> Result<Self, Error> {
        self.matches(other)?;
        Ok(Self { shape: self.shape, tensor: self.tensor.f_add(&other.tensor)? })
    }

    fn placed<F: Real>(
        latent: &DenseLatent<F>,
        device: tch::Device,
        kind: Kind,
    ) -> Result<Self, Error> {
        let shape = latent.shape();
        let size = [shape.batch, shape.length, shape.dim].map(|size| size as i64);
        let values: Vec<f64> = latent.values().iter().map(|&value| value.into()).collect();
        // Narrowed before it travels.
        let tensor = Tensor::f_from_slice(&values)?.f_to_kind(kind)?.f_to_device(device)?;
        Ok(Self { shape, tensor: tensor.f_view(size)? })
    }

    fn matches(&self, other: &Self) -> Result<(), LatentError> {
        if self.shape != other.shape {
            return Err(LatentError::Shapes { left: self.shape, right: other.shape });
        }
        let place = |x: &Self| (x.tensor.kind(), x.tensor.device());
        match place(self) == place(other) {
            true => Ok(()),
            false => Err(failed(Error::Latent(format!(
                "latents of {:?} and {:?} cannot be combined: give all the same numbers on the \
                 same device",
                place(self),
                place(other)
            )))),
        }
    }

    /// `Σ_k c_k·x_k` by operations of libtorch.
    fn sum<const N: usize>(weights: &Weights<N>, terms: [&Self; N]) -> Result<Tensor, Error> {
        let first = &terms[0].tensor;
        let kind = if first.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        let sum = match weights {
            // Nobody changes the numbers of a latent, so two may be the same.
            Weights::Shared(weights) if Weights::keeps(weights) => first.shallow_clone(),
            Weights::Shared(weights) => add_up(terms, kind, |k, x| x.f_mul_scalar(weights[k]))?,
            Weights::PerPosition(each) => {
                let n = each.len() as i64;
                let column = |k: usize| {
                    let column: Vec<f64> = each.iter().map(|weights| weights[k]).collect();
                    let column = Tensor::f_from_slice(&column)?.f_to_kind(kind)?;
                    column.f_to_device(first.device())?.f_view([n, 1])
                };
                // A row for each position, in groups over which the weights repeat.
                let rows = [-1, n, first.size()[2]];
                let scaled = |k, x: &Tensor| x.f_reshape(rows)?.f_mul(&column(k)?);
                let sum = add_up(terms, kind, scaled)?;
                let kept: Vec<bool> = each.iter().map(Weights::keeps).collect();
                let sum = match kept.contains(&true) {
                    true => {
                        let kept = Tensor::f_from_slice(&kept)?.f_to_device(first.device())?;
                        let whole = first.f_to_kind(kind)?.f_reshape(rows)?;
                        whole.f_where_self(&kept.f_view([n, 1])?, &sum)?
                    }
                    false => sum,
                };
                sum.f_view(first.size().as_slice())?
            }
        };
        Ok(sum.f_to_kind(first.kind())?)
    }
}

impl Latent for TensorLatent {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn combine<const N: usize>(
        weights: &Weights<N>,
        terms: [&Self; N],
    ) -> Result<Self, LatentError> {
        let first = terms.first().ok_or(LatentError::NoTerms)?;
        terms.iter().try_for_each(|term| first.matches(term))?;
        weights.check(first.shape)?;
        let tensor = match first.shape.numbers() {
            0 => first.tensor.shallow_clone(),
            _ => Self::sum(weights, terms).map_err(failed)?,
        };
        Ok(Self { shape: first.shape, tensor })
    }

    /// Through host memory: `change` is a function of the processor. What is needed at every
    /// step belongs to a denoiser that works on the device.
    fn map_positions(
        &self,
        change: &(dyn Fn(usize, &mut [f64]) + Sync),
    ) -> Result<Self, LatentError> {
        let changed = self.to_dense::<f64>().map_err(failed)?.map_positions(change)?;
        Self::placed(&changed, self.tensor.device(), self.tensor.kind()).map_err(failed)
    }

    fn dot(&self, other: &Self) -> Result<Vec<f64>, LatentError> {
        self.matches(other)?;
        match self.shape.numbers() {
            0 => Ok(vec![0.0; self.shape.batch]),
            _ => product(&self.tensor, &other.tensor, self.shape).map_err(failed),
        }
    }
}

/// `Σ_k scaled(k, x_k)` in `kind`; only the first term gets a tensor that stays.
fn add_up<const N: usize>(
    terms: [&TensorLatent; N],
    kind: Kind,
    scaled: impl Fn(usize, &Tensor) -> Result<Tensor, tch::TchError>,
) -> Result<Tensor, Error> {
    let mut sum = scaled(0, &terms[0].tensor.f_to_kind(kind)?)?;
    for (k, term) in terms.iter().enumerate().skip(1) {
        sum = sum.f_add_(&scaled(k, &term.tensor.f_to_kind(kind)?)?)?;
    }
    Ok(sum)
}

/// `⟨x, y⟩` of every sequence in f64.
///
/// A device sums in an order of its own that may depend on the batch. Here one half of the
/// numbers is added to the other until one number is left, which leaves no choice.
fn product(x: &Tensor, y: &Tensor, shape: Shape) -> Result<Vec<f64>, Error> {
    let mut left = (shape.length * shape.dim) as i64;
    let rows = [shape.batch as i64, left];
    let double = |x: &Tensor| x.f_to_kind(Kind::Double)?.f_reshape(rows);
    let mut sums = double(x)?.f_mul(&double(y)?)?;
    while 1 < left {
        let half = left / 2;
        // Of an odd number the middle one waits for the next round.
        let upper = sums.f_narrow(1, left - half, half)?;
        let _ = sums.f_narrow(1, 0, half)?.f_add_(&upper)?;
        left -= half;
        sums = sums.f_narrow(1, 0, left)?;
    }
    on_host(&sums, Kind::Double)
}

fn failed(error: Error) -> LatentError {
    LatentError::Backend(Box::new(error))
}
