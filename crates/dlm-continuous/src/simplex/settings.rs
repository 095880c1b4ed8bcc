//! The settings of the simplex samplers, and the published ones.

use serde::{Deserialize, Serialize};

use super::denoiser::check_temperature;
use super::one_hot::check_k;
use super::{Projection, SimplexError};
use crate::schedule::Cosine;

/// The settings of a simplex sampler. What a file leaves out is as in [`tess`](Self::tess).
///
/// ```
/// use dlm_continuous::simplex::{Projection, SimplexSettings};
///
/// let fewer = SimplexSettings { steps: 100, ..SimplexSettings::ssd_lm() };
/// assert_eq!(fewer.block, Some(25));
/// assert!(fewer.validate().is_ok());
/// let empty = SimplexSettings { projection: Projection::MultiHot { top_p: 0.0 }, ..fewer };
/// assert_eq!(empty.validate().unwrap_err().to_string(), "top_p = 0 is outside (0, 1]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimplexSettings {
    /// `K`, above 0; 5.
    pub k: f64,
    /// What becomes of the network's logits; the likeliest token.
    pub projection: Projection,
    /// What they are divided by before, above 0; 1.
    pub temperature: f64,
    /// Whether the network is shown the vectors that its last logits were projected to, from
    /// the second step of a block on; it is.
    pub self_conditioned: bool,
    /// Positions that are filled together, from the left; all of them if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// Steps of each block, evenly spaced in time, 1 to 1 000 000; 1000.
    pub steps: usize,
}

/// More than any run needs, and a list that still fits into memory.
const MOST_STEPS: usize = 1_000_000;

impl SimplexSettings {
    /// SSD-LM (Han et al. 2023): blocks of 25, 1000 steps each, `K = 5`, tokens drawn from the
    /// nucleus of 0.95, without self-conditioning. The 0.95 is the value of the published
    /// scripts; it has not been compared with the paper.
    pub const fn ssd_lm() -> Self {
        Self {
            projection: Projection::Sampled { top_p: 0.95 },
            self_conditioned: false,
            block: Some(25),
            ..Self::tess()
        }
    }

    /// TESS (Karimi Mahabadi et al. 2024): the whole response at once, 1000 steps, `K = 5`, the
    /// likeliest tokens, and networks that are shown their last prediction.
    pub const fn tess() -> Self {
        Self {
            k: 5.0,
            projection: Projection::Greedy {},
            temperature: 1.0,
            self_conditioned: true,
            block: None,
            steps: 1000,
        }
    }

    /// The schedule of both, the squared cosine with offset 1e-4.
    pub fn schedule() -> Cosine {
        Cosine { offset: 1e-4, ..Cosine::default() }
    }

    /// Fails where a setting lies outside its range.
    ///
    /// # Errors
    ///
    /// [`SimplexError::Parameter`].
    pub fn validate(self) -> Result<(), SimplexError> {
        check_k(self.k)?;
        self.projection.validate()?;
        check_temperature(self.temperature)?;
        if !(1..=MOST_STEPS).contains(&self.steps) {
            let (value, range) = (self.steps as f64, "[1, 1000000]");
            return Err(SimplexError::Parameter { field: "steps", value, range });
        }
        match self.block {
            Some(0) => {
                Err(SimplexError::Parameter { field: "block", value: 0.0, range: "1, 2, …" })
            }
            _ => Ok(()),
        }
    }
}

impl Default for SimplexSettings {
    fn default() -> Self {
        Self::tess()
    }
}

#[cfg(test)]
mod tests {
    use super::SimplexSettings;

    #[test]
    fn the_published_settings_read_back_from_a_file() {
        for settings in [SimplexSettings::ssd_lm(), SimplexSettings::tess()] {
            let text = toml::to_string(&settings).unwrap();
            assert_eq!(toml::from_str::<SimplexSettings>(&text).unwrap(), settings, "{text}");
            assert!(settings.validate().is_ok());
        }
        let brief = "k = 5.0\nsteps = 10\nprojection = { kind = \"multi-hot\", top_p = 0.9 }";
        let settings: SimplexSettings = toml::from_str(brief).unwrap();
        assert_eq!((settings.temperature, settings.block), (1.0, None));
    }

    #[test]
    fn what_a_file_leaves_out_is_as_published() {
        let read = |text: &str| toml::from_str::<SimplexSettings>(text);
        assert_eq!(read("").unwrap(), SimplexSettings::tess());
        let sampled = "block = 25\nself_conditioned = false\nprojection = { kind = \"sampled\" }";
        assert_eq!(read(sampled).unwrap(), SimplexSettings::ssd_lm());
        assert!(read("nucleus = 0.9").is_err());
    }
}
