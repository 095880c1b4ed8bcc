//! How much of an experiment is run.

use clap::ValueEnum;

/// A scale; each spec says what it means for its experiment.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Scale {
    /// Seconds: made-up data through the whole pipeline. Proves that it runs.
    Smoke,
    /// Minutes to an hour on a laptop, with the default model.
    Default,
    /// As much as the paper did, or more.
    Full,
}

impl Scale {
    /// Every scale, smallest first.
    pub(crate) const ALL: [Self; 3] = [Self::Smoke, Self::Default, Self::Full];

    /// As it is spelled in commands and folders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}
