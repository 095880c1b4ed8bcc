//! What a random number is for.

/// What a random number is for: numbers of different purposes are independent.
///
/// The discriminant is half of the generator's key, so it is part of every
/// recorded result: a number once given is never changed and never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u64)]
pub enum Purpose {
    /// Which token a position takes.
    #[default]
    Token = 0,
    /// Which masked position comes first.
    Order = 1,
    /// Which committed tokens turn back into noise.
    Remask = 2,
    /// Noise: Gaussian of a continuous sampler, uniform tokens of a discrete one.
    Noise = 3,
    /// A diffusion time.
    Time = 4,
    /// What the forward process does to a clean token.
    Corrupt = 5,
    /// Which units a resample holds.
    Bootstrap = 6,
    /// Initial weights of a network.
    Weights = 7,
    /// Which data come first, or into which part they fall.
    Data = 8,
    /// Inputs of a test.
    Test = 9,
    /// Which masked positions an ancestral step reveals.
    Reveal = 10,
}
