//! The samplers that `dlm generate` knows, whatever their process.

use std::{collections::BTreeSet, ops::Deref};

use dlm_core::{Canvas, MaskPredictor, Measure, TokenId};
use dlm_discrete::{
    Observer, Outcome,
    forward::Noise,
    jump::{self, JumpSampler},
    unmasking::{self, Commit, ConfigError, EndPolicy, Order, UnmaskingSampler},
};
use dlm_rng::Key;
use dlm_runtime::{Model, Parametrisation};
use serde::{Deserialize, Serialize};

use super::GaussianSampler;
use crate::{Error, reference_text};

/// How canvases are filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "process", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "a run has one sampler")]
pub enum Sampler {
    /// Masks become tokens.
    Unmasking(UnmaskingSampler),
    /// Every position may jump at every step.
    Jump(JumpSampler),
    /// Noise on vectors becomes tokens.
    Gaussian(GaussianSampler),
}

/// A network as masked samplers ask it, which lends itself to those that ask otherwise.
pub(super) trait Lent: MaskPredictor {
    /// The model.
    fn lend(&self) -> Box<dyn Deref<Target = Model> + '_>;
}

impl Lent for Model {
    fn lend(&self) -> Box<dyn Deref<Target = Model> + '_> {
        Box::new(self)
    }
}

/// What a sampler runs on.
pub(super) struct Work<'a> {
    pub(super) network: &'a mut dyn Lent,
    /// Most canvases that are evaluated together.
    pub(super) batch: usize,
    /// Frequencies of all tokens, where the order weighs them.
    pub(super) frequencies: &'a [f32],
    /// The tokens that end a text.
    pub(super) ends: &'a [TokenId],
}

impl Sampler {
    /// With the model's end tokens, where the sampler heeds any and names none.
    pub(super) fn with_ends(mut self, ends: &[TokenId]) -> Self {
        if let Self::Unmasking(sampler) = &mut self
            && sampler.ending.tokens.is_empty()
        {
            sampler.ending.tokens = ends.to_vec();
        }
        self
    }

    /// The tokens that end a text: the sampler's, or the model's where it has none.
    pub(super) fn ends(&self, model: &Model) -> Vec<TokenId> {
        match self {
            Self::Unmasking(sampler) => sampler.ending.tokens.clone(),
            Self::Jump(_) | Self::Gaussian(_) => model.ends(),
        }
    }

    /// Refuses settings that cannot be, before anything is written.
    pub(super) fn check(&self, canvases: &[Canvas], model: &Model) -> Result<(), Error> {
        if model.is_gaussian() && !matches!(self, Self::Gaussian(_)) {
            let problem = "the model is one of Gaussian diffusion and has no masks to fill: \
                           choose a --solver instead of a preset, a sampler or their flags";
            return Err(Error::Argument(problem.to_string()));
        }
        match self {
            Self::Unmasking(sampler) => check_unmasking(sampler, canvases, model),
            Self::Jump(sampler) => check_jumps(sampler, model),
            Self::Gaussian(sampler) => sampler.check(canvases, model),
        }
    }

    /// Frequencies of all tokens in the reference text, where the order weighs them.
    pub(super) fn frequencies(&self, model: &Model) -> Result<Vec<f32>, Error> {
        let Self::Unmasking(UnmaskingSampler { order: Order::PositionCalibrated { .. }, .. }) =
            self
        else {
            return Ok(Vec::new());
        };
        let lexicon = reference_text::lexicon(model)?;
        let folder = || model.source().folder.clone();
        let lexicon = lexicon.ok_or_else(|| Error::NoFrequencies { folder: folder() })?;
        Ok(lexicon.unigram().iter().map(|&share| share as f32).collect())
    }

    /// Fills `canvases` with a key each.
    pub(super) fn fill(
        &self,
        work: Work<'_>,
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, Error> {
        let Work { network, batch, frequencies, ends } = work;
        match self {
            Self::Unmasking(sampler) => {
                let filling = unmasking::Filling::new(sampler, network);
                let filling = unmasking::Filling { batch, frequencies, ..filling };
                Ok(filling.run(canvases, &mut keys.to_vec(), observer)?)
            }
            Self::Jump(sampler) => {
                let filling = jump::Filling { sampler, predictor: network, batch, ends };
                Ok(filling.run(canvases, keys, observer)?)
            }
            Self::Gaussian(sampler) => {
                sampler.fill(&network.lend(), batch, ends, canvases, keys, observer)
            }
        }
    }

    /// What a run cannot make use of, in sentences.
    pub(super) fn notes(&self, canvases: &[Canvas], model: &Model) -> Vec<String> {
        match self {
            Self::Unmasking(sampler) => notes_on_unmasking(sampler, canvases),
            Self::Jump(sampler) if sampler.noise == Noise::Uniform => vec![notes_on_noise(model)],
            Self::Jump(_) | Self::Gaussian(_) => Vec::new(),
        }
    }
}

fn check_unmasking(
    sampler: &UnmaskingSampler,
    canvases: &[Canvas],
    model: &Model,
) -> Result<(), Error> {
    if sampler.ending.policy != EndPolicy::None && sampler.ending.tokens.is_empty() {
        let problem = "--eos: the checkpoint names no token that ends a text: name them in \
                       ending.tokens of a --sampler file, or leave --eos out";
        return Err(Error::Argument(problem.to_string()));
    }
    sampler.check(canvases, model.vocab()).map_err(|error| Error::Sampling(error.into()))?;
    if let Commit::Independent { .. } = sampler.commit {
        let what = "independent sets need dependences between positions, which this command \
                    has no source of: choose another --commit";
        return Err(Error::Sampling(ConfigError::Missing { what }.into()));
    }
    Ok(())
}

fn check_jumps(sampler: &JumpSampler, model: &Model) -> Result<(), Error> {
    sampler.validate().map_err(|error| Error::Jumping(error.into()))?;
    let found = model.parametrisation();
    match sampler.measure() {
        Measure::Score if found != Some(Parametrisation::Sedd) => {
            let found = found.map_or("logits".to_string(), |found| found.to_string());
            Err(Error::NoScores { found })
        }
        _ => Ok(()),
    }
}

fn notes_on_unmasking(sampler: &UnmaskingSampler, canvases: &[Canvas]) -> Vec<String> {
    let lengths: BTreeSet<usize> = canvases.iter().map(|canvas| canvas.response().len()).collect();
    let mut notes: Vec<String> =
        lengths.into_iter().flat_map(|length| sampler.notes(length)).collect();
    let negative = matches!(sampler.order, Order::Entropy | Order::CertaintyPrior { .. });
    match limit(&sampler.commit) {
        Some(limit) if negative && 0.0 <= limit => notes.push(format!(
            "the order's confidence is −entropy, at most 0, and the limit is {limit}: no \
             position ever exceeds it; give a negative --threshold"
        )),
        _ => {}
    }
    notes
}

/// What uniform noise means for a network that has only seen masks.
fn notes_on_noise(model: &Model) -> String {
    let note = "the sampler's noise is random tokens, and the network was trained on masks: \
                expect what it makes of tokens it takes for text";
    match model.parametrisation() {
        Some(Parametrisation::Subs) => format!(
            "{note}; read as subs it is certain of every token it sees, so that noise stays: \
             try --parametrisation d3pm"
        ),
        _ => note.to_string(),
    }
}

/// The confidence that a rule asks for, in the order's units.
fn limit(commit: &Commit) -> Option<f64> {
    match commit {
        Commit::Threshold { above, .. }
        | Commit::Stable { above, .. }
        | Commit::Runs { above, .. } => Some(*above),
        _ => None,
    }
}
