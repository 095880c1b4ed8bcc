//! A mixture of experts (Shazeer et al. 2017) with a softmax router.
//!
//! With router probabilities `p = softmax(W_r·x)` in f32 and the `k` most probable
//! experts `T(x)`: `y = Σ_{e ∈ T(x)} pₑ·swigluₑ(x)`, plus a shared layer where there is
//! one. The weights `pₑ` of the chosen experts are not made to sum to 1.

use tch::{Device, Kind, Tensor};

use super::blocks::{Linear, SwiGlu};
use crate::{Error, checkpoint::Loader};

/// A router and its experts.
pub(crate) struct Mixture {
    /// `W_r [experts, width]`.
    router: Linear,
    experts: Vec<SwiGlu>,
    /// Computed for every token.
    shared: Option<SwiGlu>,
    /// Experts per token, `k`.
    chosen: i64,
}

/// Sizes of a mixture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MixtureShape {
    pub(crate) width: i64,
    /// Inner width of one expert.
    pub(crate) inner: i64,
    pub(crate) experts: i64,
    /// Experts per token.
    pub(crate) chosen: i64,
    /// Inner width of the shared layer, where there is one.
    pub(crate) shared: Option<i64>,
}

impl Mixture {
    /// Loads `prefix.mlp.gate`, `prefix.mlp.experts.…` and `prefix.shared_expert`.
    pub(crate) fn load(
        loader: &Loader<'_>,
        prefix: &str,
        shape: MixtureShape,
    ) -> Result<Self, Error> {
        let MixtureShape { width, inner, experts, chosen, .. } = shape;
        let router = format!("{prefix}.mlp.gate");
        let expert = |e| swiglu(loader, &format!("{prefix}.mlp.experts.{e}"), width, inner);
        let shared = |inner| swiglu(loader, &format!("{prefix}.shared_expert"), width, inner);
        Ok(Self {
            router: Linear::load(loader, &router, [experts, width], false)?,
            experts: (0..experts).map(expert).collect::<Result<_, _>>()?,
            shared: shape.shared.map(shared).transpose()?,
            chosen,
        })
    }

    /// `x [tokens, width]` to the same shape.
    ///
    /// The tokens of an expert are gathered and go through it as one matrix.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        let (weights, experts) = self.route(x)?;
        let weights = weights.f_to_kind(x.kind())?.f_view([-1, 1])?;
        let experts = experts.f_view([-1])?;
        // Choices in the order of their experts; `k` of them belong to each token.
        let order = experts.f_argsort_stable(true, 0, false)?;
        let tokens = order.f_floor_divide_scalar(self.chosen)?;
        let loads = experts.f_bincount(None::<&Tensor>, self.experts.len() as i64)?;
        let loads: Vec<i64> = Vec::try_from(&loads.f_to_device(Device::Cpu)?)?;
        let mut y = match &self.shared {
            Some(layer) => layer.apply(x)?,
            None => x.f_zeros_like()?,
        };
        let mut start = 0;
        for (expert, load) in self.experts.iter().zip(loads) {
            if 0 < load {
                let tokens = tokens.f_narrow(0, start, load)?;
                let weights = weights.f_index_select(0, &order.f_narrow(0, start, load)?)?;
                let fed = expert.apply(&x.f_index_select(0, &tokens)?)?.f_mul_(&weights)?;
                y = y.f_index_add_(0, &tokens, &fed)?;
            }
            start += load;
        }
        Ok(y)
    }

    /// Router probabilities of the chosen experts, best first, and who they are, both
    /// `[tokens, k]`.
    pub(crate) fn route(&self, x: &Tensor) -> Result<(Tensor, Tensor), Error> {
        let p = self.router.apply(x)?.f_softmax(-1, Kind::Float)?;
        Ok(p.f_topk(self.chosen, -1, true, true)?)
    }

    /// The products that one token passes through, as `(in, out)`.
    pub(crate) fn products(&self) -> Vec<(i64, i64)> {
        let chosen = self.experts.iter().take(self.chosen as usize);
        let layers = chosen.chain(&self.shared).flat_map(SwiGlu::products);
        std::iter::once(self.router.shape()).chain(layers).collect()
    }
}

/// Loads `module.gate_proj`, `up_proj` and `down_proj`, without biases.
pub(crate) fn swiglu(
    loader: &Loader<'_>,
    module: &str,
    width: i64,
    inner: i64,
) -> Result<SwiGlu, Error> {
    let linear =
        |name: &str, shape| Linear::load(loader, &format!("{module}.{name}"), shape, false);
    Ok(SwiGlu {
        gate: linear("gate_proj", [inner, width])?,
        up: linear("up_proj", [inner, width])?,
        down: linear("down_proj", [width, inner])?,
    })
}
