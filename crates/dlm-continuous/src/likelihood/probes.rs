//! Directions along which a trace is taken.

use dlm_core::Latent;
use dlm_rng::{Key, Purpose};

use super::draws::filled;
use super::{LikelihoodError, Path};

/// How the trace of a derivative `J` is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trace {
    /// `Σ_j ⟨e_j, J·e_j⟩` over all coordinates of a sequence: exact, and as many products as
    /// there are.
    Exact,
    /// `E⟨v, J·v⟩ = tr J` over random `v` with `E v·vᵀ = I` (Hutchinson 1989). A probe is kept
    /// along the whole flow (Grathwohl et al., FFJORD, 2019), so that each makes an estimate of
    /// its own and their spread is the standard error.
    Hutchinson {
        /// Probes, at least 1; from 2 on the error is known.
        probes: u64,
        /// Their law.
        law: ProbeLaw,
        /// Names them: [`Purpose::Noise`] of the sequence's name, the step being the probe.
        key: Key,
    },
}

/// The law of a probe's numbers, all independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeLaw {
    /// `±1`: the least variance of all, `2·Σ_{i≠j} J_ij²` for a symmetric `J`; 0 for a diagonal
    /// one.
    Rademacher,
    /// `N(0, 1)`: variance `2·Σ_ij J_ij²`, whatever the basis.
    Gaussian,
}

impl Trace {
    pub(super) fn check(&self) -> Result<(), LikelihoodError> {
        match self {
            Self::Hutchinson { probes: 0, .. } => Err(LikelihoodError::Setting {
                field: "probes",
                value: 0.0,
                range: "of at least 1",
            }),
            _ => Ok(()),
        }
    }

    /// The directions for `x`, each 0 at conditions.
    pub(super) fn directions<X: Latent>(
        &self,
        x: &X,
        sequences: &[u64],
        path: &Path<'_>,
    ) -> Result<Vec<X>, LikelihoodError> {
        let (shape, moves) = (x.shape(), path.moves());
        match *self {
            Self::Exact => {
                let unit = |coordinate: usize| {
                    let (position, number) = (coordinate / shape.dim, coordinate % shape.dim);
                    Ok(x.map_positions(&|i, row| {
                        row.fill(0.0);
                        if i % shape.length == position && moves(i) {
                            row[number] = 1.0;
                        }
                    })?)
                };
                (0..shape.length * shape.dim).map(unit).collect()
            }
            Self::Hutchinson { probes, law, key } => {
                let probe = |probe: u64| {
                    let key = key.purpose(Purpose::Noise).step(probe);
                    let v = filled(x, sequences, key, |stream| match law {
                        ProbeLaw::Gaussian => stream.normal(),
                        ProbeLaw::Rademacher if stream.uniform() < 0.5 => -1.0,
                        ProbeLaw::Rademacher => 1.0,
                    })?;
                    Ok(v.map_positions(&|i, row| {
                        if !moves(i) {
                            row.fill(0.0);
                        }
                    })?)
                };
                (0..probes).map(probe).collect()
            }
        }
    }
}
