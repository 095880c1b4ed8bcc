//! How a position's token is drawn from the network's logits.

use dlm_core::{Crossing, Shaping, TokenId, TopP};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Guidance, biases, truncation and temperature of the token draw, in that order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRule {
    /// Softmax temperature; 0 takes the most probable token. Acts on the draw alone.
    pub temperature: f64,
    /// Classifier-free guidance `w`: `l_u + (w + 1)(l_c − l_u)`, with `l_u` predicted from
    /// the response alone; 0 is off, anything else costs a second evaluation a step.
    pub guidance: f64,
    /// Only the `k` most probable tokens.
    pub top_k: Option<usize>,
    /// Only the most probable tokens up to this mass, in `(0, 1]`.
    pub top_p: Option<f64>,
    /// Whether the token that crosses `top_p` is left out.
    pub drop_crossing: bool,
    /// Tokens that are never drawn.
    pub bans: Vec<TokenId>,
    /// Added to single tokens' logits.
    pub biases: Vec<(TokenId, f32)>,
}

impl TokenRule {
    /// Everything that is added to logits: biases and bans.
    pub(super) fn all_biases(&self) -> Vec<(TokenId, f32)> {
        let bans = self.bans.iter().map(|&token| (token, f32::NEG_INFINITY));
        self.biases.iter().copied().chain(bans).collect()
    }

    /// The shaping that this rule asks of the network.
    pub(super) fn shaping<'a>(&self, biases: &'a [(TokenId, f32)]) -> Shaping<'a> {
        let crossing = if self.drop_crossing { Crossing::Dropped } else { Crossing::Kept };
        Shaping {
            guidance: self.guidance,
            biases,
            top_k: self.top_k,
            top_p: self.top_p.map(|mass| TopP { mass, crossing }),
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let range = |field, value: f64, allowed, holds: bool| match holds {
            true => Ok(()),
            false => Err(ConfigError::Range { field, value, allowed }),
        };
        let temperature = self.temperature;
        let finite = (0.0..f64::INFINITY).contains(&temperature);
        range("temperature", temperature, "0 or above, and finite", finite)?;
        range("guidance", self.guidance, "finite", self.guidance.is_finite())?;
        if let Some(mass) = self.top_p {
            range("top_p", mass, "above 0 and at most 1", 0.0 < mass && mass <= 1.0)?;
        }
        if self.top_k == Some(0) {
            return Err(ConfigError::Zero { field: "top_k" });
        }
        for &(_, bias) in &self.biases {
            let allowed = "finite; a ban goes into bans";
            range("biases", f64::from(bias), allowed, bias.is_finite())?;
        }
        Ok(())
    }
}
