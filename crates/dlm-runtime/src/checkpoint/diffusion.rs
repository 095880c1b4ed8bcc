//! How a network is used as a diffusion model: its mask, its attention, its shift.

use std::path::Path;

use serde_json::Value;

use super::{adapter, config::Config};
use crate::{
    Error,
    network::{Family, Parametrisation},
};

/// The settings that turn a transformer into a diffusion model.
///
/// This is the one home of the mask id. It is sought in config.json, then in an
/// adapter's diffusion_config.json, then as the mask token of the tokenizer; MDLM's is the
/// last of its vocabulary where none of these names one. What an adapter says of the
/// network wins over what the architecture implies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diffusion {
    /// The mask, where the checkpoint has one; an autoregressive or Gaussian model has none.
    pub mask: Option<u32>,
    /// Whether noise is Gaussian and on vectors, instead of masks in the place of tokens.
    pub gaussian: bool,
    /// Who sees whom.
    pub attention: Attention,
    /// Whether the logits for position `i` come out of row `i − 1`.
    pub shifted: bool,
    /// Whether the mask itself may be predicted. Published checkpoints let it,
    /// although they never do; adapters of this project rule it out, because their
    /// mask is a token that the base already had. Of MDLM the parametrisation says more.
    pub predicts_mask: bool,
    /// How MDLM's output is read; absent in other families, whose logits are logits.
    pub parametrisation: Option<Parametrisation>,
    /// The token that ends a text, where config.json or the adapter names one.
    pub end_of_sequence: Option<u32>,
}

/// Who sees whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Every position sees all of its sequence.
    Bidirectional,
    /// A position sees itself and what stands before it.
    Causal,
}

impl Diffusion {
    /// Collects the settings; `mask_token` is the id of the tokenizer's mask token.
    pub(crate) fn find(
        family: Family,
        config: &Config,
        adapter: Option<&Path>,
        mask_token: Option<u32>,
    ) -> Result<Self, Error> {
        let attention = match family.is_causal() {
            true => Attention::Causal,
            false => Attention::Bidirectional,
        };
        let vocab = family.shape(config)?.vocab;
        let mut settings = Self {
            mask: mask_in(config, vocab)?,
            gaussian: false,
            attention,
            shifted: family.is_shifted(),
            predicts_mask: true,
            parametrisation: family.parametrisation(config)?,
            end_of_sequence: config.token("eos_token_id")?,
        };
        if let Some(folder) = adapter {
            settings.adapt(&Config::read(&folder.join(adapter::FILES[2]))?, vocab)?;
        }
        settings.mask = settings.mask.or(mask_token).or(family.appended_mask(vocab));
        Ok(settings)
    }

    /// Reads the output as `chosen` says, where that is said.
    pub(crate) fn parametrise(&mut self, chosen: Option<Parametrisation>) -> Result<(), Error> {
        if chosen.is_some() && self.parametrisation.is_none() {
            let problem = "a parametrisation was chosen, and only MDLM has one: leave it out";
            return Err(Error::Ask(problem.to_string()));
        }
        self.parametrisation = chosen.or(self.parametrisation);
        Ok(())
    }

    fn adapt(&mut self, adapter: &Config, vocab: i64) -> Result<(), Error> {
        self.mask = self.mask.or(mask_in(adapter, vocab)?);
        self.attention = match adapter.text("attention")? {
            None => self.attention,
            Some("bidirectional") => Attention::Bidirectional,
            Some("causal") => Attention::Causal,
            Some(_) => {
                return Err(adapter.complaint("attention", "should be bidirectional or causal"));
            }
        };
        self.shifted = match adapter.get("logits").map(Value::as_str) {
            None => self.shifted,
            Some(Some("shifted_right")) => true,
            Some(Some("in_place")) => false,
            Some(_) => {
                return Err(adapter.complaint("logits", "should be shifted_right or in_place"));
            }
        };
        self.gaussian = match adapter.text("process")? {
            None | Some("masked") => false,
            Some("gaussian") => true,
            Some(_) => return Err(adapter.complaint("process", "should be masked or gaussian")),
        };
        self.predicts_mask = false;
        self.end_of_sequence = adapter.token("eos_token_id")?.or(self.end_of_sequence);
        Ok(())
    }

    /// The row of hidden states from which the prediction for `position` is read.
    pub(crate) fn row(&self, position: usize) -> usize {
        // Nothing stands before the first position, so it is read in place, as
        // Dream's own sampler does.
        if self.shifted { position.saturating_sub(1) } else { position }
    }
}

/// The mask id that a file names, which has to be a row of the embedding.
fn mask_in(config: &Config, vocab: i64) -> Result<Option<u32>, Error> {
    let field = "mask_token_id";
    let mask = config.token(field)?;
    match mask {
        Some(mask) if vocab <= i64::from(mask) => {
            let problem = format!("{mask} should be below the {vocab} rows of the embedding");
            Err(config.complaint(field, problem))
        }
        _ => Ok(mask),
    }
}
