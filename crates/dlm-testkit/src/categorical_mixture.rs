//! Embedded words of a known joint law, with everything about their noisy latents exact.

mod denoiser;

use dlm_core::{NoiseLevel, TokenId, invert_cdf};
use dlm_rng::Stream;

use crate::Tabular;
use crate::gaussian_mixture::log_sum;

/// Words `w` of a [`Tabular`] law, each token `v` standing as its embedding `e_v`.
///
/// A noisy latent `x`, `[length, dim]`, whose position `i` is at `(αᵢ, σᵢ)`, is a mixture of
/// as many Gaussians as there are words, so all of this is a sum over words:
///
/// ```text
/// p(w | x) ∝ p(w)·Π_i N(xᵢ; αᵢ·e_{wᵢ}, σᵢ²·I)
/// E[x₀ | x] = Σ_w p(w | x)·e_w
/// ```
///
/// The tokens of a word depend on each other, which a mixture by position cannot show: what a
/// sampler with this denoiser gets wrong about words is the sampler's own doing.
///
/// A position at `σ = 0` is known: it holds the embedding nearest to `x/α`, or any of those
/// equally near, and its posterior mean is `x/α` to the bit.
#[derive(Clone, Debug)]
pub struct CategoricalMixture {
    table: Tabular,
    dim: usize,
    embeddings: Vec<f64>,
    /// All words, one after another.
    words: Vec<TokenId>,
    log_joint: Vec<f64>,
}

/// Why there is no such mixture, or no answer about a latent.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CategoricalError {
    /// Words without tokens, or a vocabulary without words.
    #[error("the words have no tokens: give a table of at least one token")]
    NoTokens,
    /// The embeddings are no matrix of one row per token.
    #[error(
        "{found} numbers are no embeddings of {vocab} tokens: give a row of the same length, \
         at least 1, for each, all finite"
    )]
    Embeddings {
        /// Numbers given.
        found: usize,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// A latent, or a direction, of another size.
    #[error("{found} {what}, not {expected}: give as many as a word has")]
    Size {
        /// What there are too few or too many of.
        what: &'static str,
        /// How many a word has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A position or a token that the words do not have.
    #[error("token {token} at position {position}: words have {length} tokens below {vocab}")]
    Place {
        /// The position.
        position: usize,
        /// The token.
        token: TokenId,
        /// Tokens of a word.
        length: usize,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// Nothing follows from a condition of probability 0.
    #[error(
        "the latent has probability 0: give finite numbers, and known positions that stand \
         together in a word of probability above 0"
    )]
    Impossible,
}

impl CategoricalMixture {
    /// The words of `table` under `embeddings`, row-major `[vocab, dim]`.
    ///
    /// # Errors
    ///
    /// [`CategoricalError::NoTokens`] and [`CategoricalError::Embeddings`].
    pub fn new(table: Tabular, embeddings: Vec<f64>) -> Result<Self, CategoricalError> {
        let vocab = table.mask() as usize;
        if table.length() == 0 || vocab == 0 {
            return Err(CategoricalError::NoTokens);
        }
        let dim = embeddings.len() / vocab;
        let finite = embeddings.iter().all(|number| number.is_finite());
        if dim == 0 || embeddings.len() != dim * vocab || !finite {
            return Err(CategoricalError::Embeddings { found: embeddings.len(), vocab });
        }
        let words = (0..table.joint().len()).flat_map(|index| table.word(index)).collect();
        let log_joint = table.joint().iter().map(|p| p.ln()).collect();
        Ok(Self { table, dim, embeddings, words, log_joint })
    }

    /// The law of the words.
    pub fn table(&self) -> &Tabular {
        &self.table
    }

    /// Numbers of a position, `d`.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The embeddings, row-major `[vocab, dim]`.
    pub fn embeddings(&self) -> &[f64] {
        &self.embeddings
    }

    /// The entropy of the words, nats: the least that a likelihood can cost on average.
    pub fn entropy(&self) -> f64 {
        let cost = |&p: &f64| if 0.0 < p { -p * p.ln() } else { 0.0 };
        self.table.joint().iter().map(cost).sum()
    }

    /// The embeddings of a word, `[length, dim]`.
    ///
    /// # Errors
    ///
    /// [`CategoricalError::Size`] and [`CategoricalError::Place`] for what is no word.
    pub fn embed(&self, word: &[TokenId]) -> Result<Vec<f64>, CategoricalError> {
        self.check("tokens", self.table.length(), word.len())?;
        for (position, &token) in word.iter().enumerate() {
            self.place(position, token)?;
        }
        Ok(word.iter().flat_map(|&token| self.embedding(token)).copied().collect())
    }

    /// `p(w | x)` of all words in lexicographic order; `x` is `[length, dim]`, and `levels`
    /// has one level for each position.
    ///
    /// # Errors
    ///
    /// [`CategoricalError::Size`], and [`CategoricalError::Impossible`] where no word agrees
    /// with the known positions.
    pub fn word_posterior(
        &self,
        x: &[f64],
        levels: &[NoiseLevel],
    ) -> Result<Vec<f64>, CategoricalError> {
        let mut terms = self.log_terms(x, levels)?;
        let total = log_sum(&terms);
        if !total.is_finite() {
            return Err(CategoricalError::Impossible);
        }
        terms.iter_mut().for_each(|term| *term = (*term - total).exp());
        Ok(terms)
    }

    /// `p(x₀ⁱ = v | x)` of all tokens `v` at each position `i`, `[length][vocab]`.
    ///
    /// # Errors
    ///
    /// As [`word_posterior`](Self::word_posterior).
    pub fn token_posteriors(
        &self,
        x: &[f64],
        levels: &[NoiseLevel],
    ) -> Result<Vec<Vec<f64>>, CategoricalError> {
        let mut tokens = vec![vec![0.0; self.table.mask() as usize]; self.table.length()];
        for (word, p) in self.words().zip(self.word_posterior(x, levels)?) {
            for (position, &token) in tokens.iter_mut().zip(word) {
                position[token as usize] += p;
            }
        }
        Ok(tokens)
    }

    /// `E[x₀ | x]`, `[length, dim]`.
    ///
    /// # Errors
    ///
    /// As [`word_posterior`](Self::word_posterior).
    pub fn posterior_mean(
        &self,
        x: &[f64],
        levels: &[NoiseLevel],
    ) -> Result<Vec<f64>, CategoricalError> {
        Ok(self.mean_under(&self.word_posterior(x, levels)?, x, levels))
    }

    /// `J·v` with `J = ∂E[x₀ | x]/∂x`, `[length, dim]`: the posterior covariance, over all
    /// positions, of `x₀` with `Σ_j α_j/σ_j²·⟨x₀ʲ, vʲ⟩`. A known position follows its own `x`
    /// alone.
    ///
    /// # Errors
    ///
    /// As [`word_posterior`](Self::word_posterior).
    pub fn jacobian_product(
        &self,
        x: &[f64],
        levels: &[NoiseLevel],
        v: &[f64],
    ) -> Result<Vec<f64>, CategoricalError> {
        self.check("numbers of a direction", self.table.length() * self.dim, v.len())?;
        let posterior = self.word_posterior(x, levels)?;
        let mean = self.mean_under(&posterior, x, levels);
        let mut product = vec![0.0; x.len()];
        for (word, p) in self.words().zip(posterior) {
            let latent = word.iter().flat_map(|&token| self.embedding(token));
            let off: Vec<f64> = latent.zip(&mean).map(|(e, mean)| e - mean).collect();
            let pull = |i: usize| self.pull(levels, i) * off[i] * v[i];
            let along: f64 = (0..v.len()).map(pull).sum();
            product.iter_mut().zip(off).for_each(|(product, off)| *product += p * along * off);
        }
        for (i, product) in product.iter_mut().enumerate() {
            let level = levels[i / self.dim];
            if level.sigma == 0.0 {
                *product = v[i] / level.alpha;
            }
        }
        Ok(product)
    }

    /// `ln p(x)`, nats: the density of the noisy positions and the probability of the tokens
    /// at the known ones, jointly; `−∞` where no word agrees with these.
    ///
    /// # Errors
    ///
    /// [`CategoricalError::Size`].
    pub fn log_density(&self, x: &[f64], levels: &[NoiseLevel]) -> Result<f64, CategoricalError> {
        Ok(log_sum(&self.log_terms(x, levels)?))
    }

    /// `∇_x ln p(x₀ⁱ = v | x)`, `[length, dim]`, for token `v` at position `i`: what guidance
    /// towards that token adds to the score. It is `α/σ²·(E[x₀ | x, x₀ⁱ = v] − E[x₀ | x])`,
    /// and 0 at known positions.
    ///
    /// # Errors
    ///
    /// [`CategoricalError::Place`] for a token that there is not,
    /// [`CategoricalError::Impossible`] for one that cannot be there, and as
    /// [`word_posterior`](Self::word_posterior).
    pub fn token_gradient(
        &self,
        x: &[f64],
        levels: &[NoiseLevel],
        position: usize,
        token: TokenId,
    ) -> Result<Vec<f64>, CategoricalError> {
        self.place(position, token)?;
        let posterior = self.word_posterior(x, levels)?;
        let mean = self.mean_under(&posterior, x, levels);
        let there = |(word, p): (&[TokenId], &f64)| if word[position] == token { *p } else { 0.0 };
        let mut given: Vec<f64> = self.words().zip(&posterior).map(there).collect();
        let total: f64 = given.iter().sum();
        if total <= 0.0 {
            return Err(CategoricalError::Impossible);
        }
        given.iter_mut().for_each(|p| *p /= total);
        let guided = self.mean_under(&given, x, levels);
        let gradient =
            |(i, (guided, mean)): (usize, (&f64, &f64))| self.pull(levels, i) * (guided - mean);
        Ok(guided.iter().zip(&mean).enumerate().map(gradient).collect())
    }

    /// A word's noisy latent into `x`, `[length, dim]`, and the index of that word.
    ///
    /// # Errors
    ///
    /// [`CategoricalError::Size`].
    pub fn draw(
        &self,
        levels: &[NoiseLevel],
        stream: &mut Stream,
        x: &mut [f64],
    ) -> Result<usize, CategoricalError> {
        self.sizes(x, levels)?;
        let word = invert_cdf(self.table.joint(), stream.uniform());
        let tokens = &self.words[word * self.table.length()..][..self.table.length()];
        let latent = tokens.iter().flat_map(|&token| self.embedding(token));
        for (i, (x, e)) in x.iter_mut().zip(latent).enumerate() {
            let level = levels[i / self.dim];
            *x = level.alpha * e + level.sigma * stream.normal();
        }
        Ok(word)
    }
}

impl CategoricalMixture {
    /// `ln(p(w)·Π_i N(xᵢ; αᵢ·e_{wᵢ}, σᵢ²·I))` of all words; a known position counts 1 for the
    /// nearest embeddings and 0 for all others.
    fn log_terms(&self, x: &[f64], levels: &[NoiseLevel]) -> Result<Vec<f64>, CategoricalError> {
        self.sizes(x, levels)?;
        let rows = x.chunks_exact(self.dim).zip(levels);
        let each: Vec<_> = rows.map(|(x, &level)| self.log_likelihoods(x, level)).collect();
        let term = |(word, prior): (&[TokenId], &f64)| {
            let tokens = word.iter().zip(&each).map(|(&token, each)| each[token as usize]);
            prior + tokens.sum::<f64>()
        };
        Ok(self.words().zip(&self.log_joint).map(term).collect())
    }

    /// `ln N(x; α·e_v, σ²·I)` of all tokens at one position.
    fn log_likelihoods(&self, x: &[f64], level: NoiseLevel) -> Vec<f64> {
        let square = |e: &[f64]| -> f64 {
            x.iter().zip(e).map(|(x, e)| (x - level.alpha * e).powi(2)).sum()
        };
        let squares: Vec<f64> = self.embeddings.chunks_exact(self.dim).map(square).collect();
        let variance = level.sigma.powi(2);
        if variance == 0.0 {
            let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
            let known = |&square: &f64| if square == least { 0.0 } else { f64::NEG_INFINITY };
            return squares.iter().map(known).collect();
        }
        let normal = (std::f64::consts::TAU * variance).ln() * self.dim as f64;
        squares.iter().map(|square| -0.5 * (square / variance + normal)).collect()
    }

    /// `E[x₀]` under a law of words, `x/α` at known positions.
    fn mean_under(&self, law: &[f64], x: &[f64], levels: &[NoiseLevel]) -> Vec<f64> {
        let mut mean = vec![0.0; x.len()];
        for (word, &p) in self.words().zip(law) {
            let latent = word.iter().flat_map(|&token| self.embedding(token));
            mean.iter_mut().zip(latent).for_each(|(mean, e)| *mean += p * e);
        }
        for (i, mean) in mean.iter_mut().enumerate() {
            let level = levels[i / self.dim];
            if level.sigma == 0.0 {
                *mean = x[i] / level.alpha;
            }
        }
        mean
    }

    /// `α/σ²` of the position that number `i` belongs to; 0 where it is known.
    fn pull(&self, levels: &[NoiseLevel], i: usize) -> f64 {
        let level = levels[i / self.dim];
        if level.sigma == 0.0 { 0.0 } else { level.alpha / level.sigma.powi(2) }
    }

    fn words(&self) -> impl Iterator<Item = &[TokenId]> {
        self.words.chunks_exact(self.table.length())
    }

    fn embedding(&self, token: TokenId) -> &[f64] {
        &self.embeddings[token as usize * self.dim..][..self.dim]
    }

    fn sizes(&self, x: &[f64], levels: &[NoiseLevel]) -> Result<(), CategoricalError> {
        self.check("levels", self.table.length(), levels.len())?;
        self.check("numbers", self.table.length() * self.dim, x.len())
    }

    fn check(
        &self,
        what: &'static str,
        expected: usize,
        found: usize,
    ) -> Result<(), CategoricalError> {
        match expected == found {
            true => Ok(()),
            false => Err(CategoricalError::Size { what, expected, found }),
        }
    }

    fn place(&self, position: usize, token: TokenId) -> Result<(), CategoricalError> {
        let (length, vocab) = (self.table.length(), self.table.mask() as usize);
        match position < length && (token as usize) < vocab {
            true => Ok(()),
            false => Err(CategoricalError::Place { position, token, length, vocab }),
        }
    }
}

#[cfg(test)]
mod tests;
