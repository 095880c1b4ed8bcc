//! Token embeddings as the data of a Gaussian diffusion.

use dlm_core::NoiseLevel;
use tch::{Kind, Tensor};

use crate::Error;

/// The vectors that Gaussian noise is added to, one for each token:
///
/// ```text
/// x(v) = √d·(e_v − μ)/‖e_v − μ‖        μ = mean of the e_v        s = mean ‖e_v − μ‖/√d
/// ```
///
/// All are of length `√d`, so a coordinate has about unit variance, noise of one level is
/// equally strong for each token, and training cannot move a token away from its neighbours
/// (Dieleman et al. 2022 normalise for the same reason). The common part `μ` of embeddings
/// says nothing about a token and would only make all of them look alike.
pub struct TokenVectors {
    /// `x`, `[vocab, d]`, in f32.
    exact: Tensor,
    /// The same in the network's numbers.
    table: Tensor,
    /// `μ [d]`, in the network's numbers.
    mean: Tensor,
    /// `s`.
    scale: f64,
}

impl TokenVectors {
    /// The vectors of the tokens whose embeddings are `embedding [vocab, d]`.
    pub(crate) fn of(embedding: &Tensor) -> Result<Self, Error> {
        let kind = embedding.kind();
        let e = embedding.f_detach()?.f_to_kind(Kind::Float)?;
        let mean = e.f_mean_dim([0i64].as_slice(), true, Kind::Float)?;
        let centred = e.f_sub(&mean)?;
        let lengths = centred.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), true)?;
        let lengths = lengths.f_clamp_min(f64::from(f32::MIN_POSITIVE))?;
        let root = (e.size()[1] as f64).sqrt();
        let exact = centred.f_div(&lengths)?.f_mul_scalar_(root)?;
        let scale = f64::try_from(&lengths.f_mean(Kind::Double)?)? / root;
        let mean = mean.f_to_kind(kind)?.f_squeeze_dim(0)?;
        Ok(Self { table: exact.f_to_kind(kind)?, exact, mean, scale })
    }

    /// `x`, `[vocab, d]`, in f32.
    pub fn exact(&self) -> &Tensor {
        &self.exact
    }

    /// `x`, `[vocab, d]`, in the network's numbers.
    pub fn table(&self) -> &Tensor {
        &self.table
    }

    /// What each token's noisy vector says for it, `ln q(x_t | v)` up to a number that all
    /// tokens share, as the `y` of `y·x(v)`: `y = α/σ²·x_t`, `[rows, d]`, in the network's
    /// numbers.
    ///
    /// `q(x_t | v) = N(α·x(v), σ²)` and `‖x(v)‖` is the same for all `v`, so
    /// `ln q = α/σ²·x_t·x(v) + …`. Added to the logits of a network that looks at the other
    /// positions, this is Bayes' rule (Gulrajani and Hashimoto 2023, output prior).
    ///
    /// # Errors
    ///
    /// Where there is not a level for each row.
    pub fn evidence(&self, x: &Tensor, levels: &[NoiseLevel]) -> Result<Tensor, Error> {
        let weight = |level: &NoiseLevel| (level.alpha / level.sigma.powi(2)) as f32;
        let weights: Vec<f32> = levels.iter().map(weight).collect();
        let weights = Tensor::f_from_slice(&weights)?.f_to_device(x.device())?.f_unsqueeze(1)?;
        Ok(x.f_mul(&weights)?.f_to_kind(self.table.kind())?)
    }

    /// `μ + s·x`, which is about an embedding again.
    pub(crate) fn back(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(x.f_mul_scalar(self.scale)?.f_add(&self.mean)?)
    }
}
