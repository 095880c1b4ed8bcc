//! The presets of both kinds of sampler, found by name in one place.

use crate::{jump, unmasking};

/// A named sampler of either kind.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// Masks become tokens.
    Unmasking(&'static unmasking::presets::Preset),
    /// Every position may jump.
    Jump(&'static jump::presets::Preset),
}

/// No preset has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no preset is called {name:?}: did you mean {nearest:?}? there are {all}")]
pub struct UnknownPreset {
    /// What was asked for.
    pub name: String,
    /// The name most like it.
    pub nearest: &'static str,
    /// All names.
    pub all: String,
}

/// The presets of both kinds, the masked samplers first.
pub fn all() -> impl Iterator<Item = Preset> {
    let unmasking = unmasking::presets::ALL.iter().map(Preset::Unmasking);
    unmasking.chain(jump::presets::ALL.iter().map(Preset::Jump))
}

/// The preset called `name`, of whichever kind.
///
/// ```
/// use dlm_discrete::presets::{Preset, find};
///
/// assert!(matches!(find("llada")?, Preset::Unmasking(_)));
/// assert!(matches!(find("duo-psi")?, Preset::Jump(_)));
/// assert_eq!(find("sedd-eular").unwrap_err().nearest, "sedd-euler");
/// # Ok::<(), dlm_discrete::presets::UnknownPreset>(())
/// ```
///
/// # Errors
///
/// Where there is none; the message names the most similar.
pub fn find(name: &str) -> Result<Preset, UnknownPreset> {
    let found = all().find(|preset| preset.name() == name);
    found.ok_or_else(|| UnknownPreset::among(all().map(Preset::name), name))
}

impl Preset {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unmasking(preset) => preset.name,
            Self::Jump(preset) => preset.name,
        }
    }
}

impl UnknownPreset {
    /// None of `names` is `name`.
    pub(crate) fn among(names: impl Iterator<Item = &'static str>, name: &str) -> Self {
        let names: Vec<&str> = names.collect();
        let lower = name.to_lowercase();
        let alike = |known: &&str| (strsim::jaro_winkler(known, &lower) * 1e6) as u32;
        let nearest = names.iter().copied().max_by_key(alike).unwrap_or("");
        Self { name: name.to_string(), nearest, all: names.join(", ") }
    }
}
