//! A network that is shown its own last prediction.

use dlm_core::{Denoiser, Levels, ModelError};

/// A network that takes an earlier data prediction beside the state.
pub trait ConditionedDenoiser<X> {
    /// The posterior mean of the data, given also an earlier prediction of it in the shape of
    /// `x`; at the start of a run there is none.
    ///
    /// # Errors
    ///
    /// Whatever the network's forward pass ran into.
    fn denoise_given(
        &mut self,
        x: &X,
        levels: &Levels,
        earlier: Option<&X>,
    ) -> Result<X, ModelError>;

    /// Network evaluations of one call.
    fn evaluations(&self) -> usize {
        1
    }
}

impl<X, F> ConditionedDenoiser<X> for F
where
    F: FnMut(&X, &Levels, Option<&X>) -> Result<X, ModelError>,
{
    fn denoise_given(
        &mut self,
        x: &X,
        levels: &Levels,
        earlier: Option<&X>,
    ) -> Result<X, ModelError> {
        self(x, levels, earlier)
    }
}

/// Shows a network the prediction it made last, *self-conditioning* (Chen et al. 2023, Analog
/// Bits).
///
/// It remembers, so it belongs to one run: make one for each run, or [`forget`](Self::forget)
/// in between. A sampler that evaluates twice a step shows the second evaluation the first.
/// Adaptors around it (guidance, clamping) change what the sampler sees and not what the
/// network is shown; adaptors within it change both.
#[derive(Clone, Debug)]
pub struct SelfConditioned<N, X> {
    network: N,
    earlier: Option<X>,
}

impl<N, X> SelfConditioned<N, X> {
    /// A run's view of `network`, which has predicted nothing yet.
    pub fn new(network: N) -> Self {
        Self { network, earlier: None }
    }

    /// The network, and what it kept of the run.
    pub fn into_network(self) -> N {
        self.network
    }

    /// Forgets the last prediction: the next one starts a run.
    pub fn forget(&mut self) {
        self.earlier = None;
    }
}

impl<X: Clone, N: ConditionedDenoiser<X>> Denoiser<X> for SelfConditioned<N, X> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let x0 = self.network.denoise_given(x, levels, self.earlier.as_ref())?;
        self.earlier = Some(x0.clone());
        Ok(x0)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}
