//! Absorbing and uniform diffusion in closed form.

use dlm_core::{Canvas, TokenId};
use dlm_rng::{Key, Purpose};

use super::{ForwardError, Noise, Spiked};
use crate::{Alphabet, Clock};

/// Absorbing or uniform diffusion: each position on its own turns to noise by its clock.
///
/// With `α_{t|s} = α_t/α_s` and `π` the noise (the mask, or every token with `1/K`),
///
/// ```text
/// q(x_t | x₀)  = α_t     [x_t = x₀]  + (1 − α_t)     π(x_t)
/// q(x_t | x_s) = α_{t|s} [x_t = x_s] + (1 − α_{t|s}) π(x_t)
/// q(x_s | x_t, x₀) = q(x_t | x_s) q(x_s | x₀)/q(x_t | x₀)
/// ```
///
/// for `0 ≤ s ≤ t ≤ 1` (Austin et al. 2021). Nothing here costs more with a larger
/// vocabulary.
///
/// ```
/// use dlm_discrete::{Clock, Schedule, forward::{Noise, Process}};
///
/// let clock = Clock::Shared(Schedule::Linear);
/// let process = Process::new(Noise::Uniform, clock, 50_000, 50_000)?;
/// let law = process.marginal(0, 17, 0.4)?;
/// assert!((law.probability(17) - (0.6 + 0.4 / 50_000.0)).abs() < 1e-12);
/// # Ok::<(), dlm_discrete::forward::ForwardError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    noise: Noise,
    clock: Clock,
    alphabet: Alphabet,
}

impl Process {
    /// The process on the tokens below `vocab` other than `mask`.
    ///
    /// # Errors
    ///
    /// Where the clock is none, or there are no tokens.
    pub fn new(
        noise: Noise,
        clock: Clock,
        vocab: usize,
        mask: TokenId,
    ) -> Result<Self, ForwardError> {
        clock.validate()?;
        let alphabet = Alphabet::new(vocab, mask);
        if vocab == 0 || alphabet.is_empty() {
            return Err(ForwardError::NoTokens { vocab, mask });
        }
        Ok(Self { noise, clock, alphabet })
    }

    /// What tokens turn into.
    pub fn noise(&self) -> Noise {
        self.noise
    }

    /// How fast they do.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The clean tokens.
    pub fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// `q(x_t | x₀)` of a position.
    ///
    /// # Errors
    ///
    /// [`ForwardError::NotAState`] where `x_0` is no clean token.
    pub fn marginal(&self, position: usize, x_0: TokenId, t: f64) -> Result<Spiked, ForwardError> {
        self.clean(x_0)?;
        Ok(self.kept(x_0, self.clock.alpha(position, t)))
    }

    /// `q(x_t | x_s)` of a position, `s ≤ t`.
    ///
    /// # Errors
    ///
    /// [`ForwardError::NotAState`] where `x_s` is no state of the process.
    pub fn transition(
        &self,
        position: usize,
        x_s: TokenId,
        s: f64,
        t: f64,
    ) -> Result<Spiked, ForwardError> {
        self.state(x_s)?;
        Ok(self.kept(x_s, self.clock.survival(position, s, t)))
    }

    /// `q(x_s | x_t, x₀)` of a position, `s ≤ t`.
    ///
    /// # Errors
    ///
    /// [`ForwardError::NotAState`] as above; [`ForwardError::Impossible`] where
    /// `q(x_t | x₀) = 0`.
    pub fn posterior(
        &self,
        position: usize,
        x_t: TokenId,
        x_0: TokenId,
        s: f64,
        t: f64,
    ) -> Result<Spiked, ForwardError> {
        self.clean(x_0)?;
        self.state(x_t)?;
        let (alpha_s, alpha_t) = (self.clock.alpha(position, s), self.clock.alpha(position, t));
        let evidence = self.kept(x_0, alpha_t).probability(x_t);
        if evidence <= 0.0 {
            return Err(ForwardError::Impossible { x_t: x_t as usize });
        }
        let mask = self.alphabet.mask();
        Ok(match self.noise {
            Noise::Absorbing if x_t != mask => self.spiked(0.0, [(x_t, 1.0), (mask, 0.0)]),
            Noise::Absorbing => {
                let revealed = self.clock.reveal_probability(position, s, t);
                self.spiked(0.0, [(x_0, revealed), (mask, 1.0 - revealed)])
            }
            Noise::Uniform => {
                // (α_{t|s}[v = x_t] + a)(α_s[v = x₀] + b), multiplied out.
                let survival = self.clock.survival(position, s, t);
                let k = self.alphabet.len() as f64;
                let (a, b) = ((1.0 - survival) / k, (1.0 - alpha_s) / k);
                let stayed = survival * b + if x_t == x_0 { survival * alpha_s } else { 0.0 };
                let spikes = [(x_t, stayed / evidence), (x_0, a * alpha_s / evidence)];
                self.spiked(a * b * k / evidence, spikes)
            }
        })
    }

    /// A draw of `x_t` given `x₀ = tokens`, every position for itself.
    ///
    /// Position `i` uses the one number of `key.position(i)` for [`Purpose::Corrupt`], so
    /// the same key gives later times more noise in the same places: what is untouched at
    /// `t` is untouched at every earlier time.
    ///
    /// # Errors
    ///
    /// [`ForwardError::NotAState`] at the first token that is not clean.
    pub fn corrupt(
        &self,
        tokens: &[TokenId],
        t: f64,
        key: Key,
    ) -> Result<Vec<TokenId>, ForwardError> {
        let at = |(position, &token)| self.corrupted(position, token, t, key);
        tokens.iter().enumerate().map(at).collect()
    }

    /// The same for the response of a canvas; all other tokens stay.
    ///
    /// # Errors
    ///
    /// As [`Process::corrupt`]; the canvas is then as it was.
    pub fn corrupt_canvas(
        &self,
        canvas: &mut Canvas,
        t: f64,
        key: Key,
    ) -> Result<(), ForwardError> {
        let at = |&i: &usize| Ok((i, self.corrupted(i, canvas.tokens()[i], t, key)?));
        let noisy: Vec<_> =
            canvas.response().iter().map(at).collect::<Result<_, ForwardError>>()?;
        noisy.into_iter().for_each(|(position, token)| canvas.commit(position, token));
        Ok(())
    }

    fn corrupted(
        &self,
        position: usize,
        x_0: TokenId,
        t: f64,
        key: Key,
    ) -> Result<TokenId, ForwardError> {
        let key = key.position(position as u64).purpose(Purpose::Corrupt);
        Ok(self.marginal(position, x_0, t)?.draw(key.uniform()))
    }

    /// `kept·[v = token] + (1 − kept)·π(v)`.
    fn kept(&self, token: TokenId, kept: f64) -> Spiked {
        let lost = 1.0 - kept;
        match self.noise {
            Noise::Absorbing => self.spiked(0.0, [(token, kept), (self.alphabet.mask(), lost)]),
            Noise::Uniform => self.spiked(lost, [(token, kept), (token, 0.0)]),
        }
    }

    fn spiked(&self, flat: f64, spikes: [(TokenId, f64); 2]) -> Spiked {
        Spiked::new(self.alphabet, flat, spikes)
    }

    fn clean(&self, token: TokenId) -> Result<(), ForwardError> {
        match self.alphabet.contains(token) {
            true => Ok(()),
            false => {
                Err(ForwardError::NotAState { token: token as usize, states: self.alphabet.len() })
            }
        }
    }

    fn state(&self, token: TokenId) -> Result<(), ForwardError> {
        let absorbed = self.noise == Noise::Absorbing && token == self.alphabet.mask();
        if absorbed { Ok(()) } else { self.clean(token) }
    }
}
