//! A Gaussian diffusion model: noisy vectors in, posterior means and token probabilities out.

use dlm_core::{Latent as _, Levels, NoiseLevel, TokenId};
use tch::{Kind, Tensor};

use super::Model;
use crate::{
    Error, TensorLatent,
    checkpoint::{LATENT_INPUT, Loader, Weights},
    network::{LatentInput, TokenVectors, attention_of_runs, latent_input},
    readout::HEAD_BYTES,
};

/// Known tokens around a stretch of noisy vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What stands before it, such as a prompt.
    pub before: &'a [TokenId],
    /// What stands behind it.
    pub after: &'a [TokenId],
}

/// Noisy stretches as a network is asked about them.
#[derive(Clone, Copy, Debug)]
pub struct NoisyQuery<'a> {
    /// What surrounds the stretch of each sequence.
    pub frames: &'a [Frame<'a>],
    /// `x_t`, `[sequences, length, width]`.
    pub x: &'a TensorLatent,
    /// How noisy each position is; no level may be without noise, because what is known
    /// belongs into the frame.
    pub levels: &'a Levels,
    /// What the step before predicted, in the shape of `x`: self-conditioning.
    pub previous: Option<&'a TensorLatent>,
}

/// What a prediction says of one noisy position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The most probable token, of equals the lowest.
    pub token: TokenId,
    /// Its probability.
    pub probability: f32,
    /// Entropy of the prediction, nats.
    pub entropy: f32,
}

/// What makes a network one of Gaussian diffusion.
pub(super) struct Noisy {
    input: LatentInput,
    vectors: TokenVectors,
    /// The input's tensors may lie in this file, so it goes last.
    _weights: Weights,
}

impl Noisy {
    /// Reads the adapter's part of it, for a network with these `embeddings`.
    pub(super) fn load(adapter: &std::path::Path, embeddings: &Tensor) -> Result<Self, Error> {
        let path = adapter.join(LATENT_INPUT);
        let weights = Weights::open(&[path])?;
        let loader = Loader::new(&weights, None, embeddings.device(), embeddings.kind());
        let parts = latent_input::parts(embeddings.size()[1]);
        let [a, b, c, d, e, f] = parts.map(|(name, shape)| loader.tensor(name, &shape));
        let parts = [a?, b?, c?, d?, e?, f?];
        loader.finish()?;
        let (input, vectors) = (LatentInput::new(parts), TokenVectors::of(embeddings)?);
        Ok(Self { input, vectors, _weights: weights })
    }
}

impl Model {
    /// Whether it is a Gaussian diffusion model.
    pub fn is_gaussian(&self) -> bool {
        self.noisy.is_some()
    }

    /// What noise is added to.
    ///
    /// # Errors
    ///
    /// Where the model is none of Gaussian diffusion.
    pub fn token_vectors(&self) -> Result<&TokenVectors, Error> {
        Ok(&self.noisy()?.vectors)
    }

    /// A latent of zeros in f32 for `sequences` stretches of `length` positions, where the
    /// model computes.
    ///
    /// # Errors
    ///
    /// Where the device has no room.
    pub fn blank(&self, sequences: usize, length: usize) -> Result<TensorLatent, Error> {
        let size = [sequences as i64, length as i64, self.shape.width];
        TensorLatent::new(Tensor::f_zeros(size, (Kind::Float, self.device))?)
    }

    /// `x(v)` of `tokens`, `[sequences, length, width]` in f32: what noise is added to.
    ///
    /// # Errors
    ///
    /// Where the model is none of Gaussian diffusion, a token is not in its vocabulary, or
    /// they do not make so many sequences of one length.
    pub fn vectors_of(&self, tokens: &[TokenId], sequences: usize) -> Result<TensorLatent, Error> {
        let table = self.noisy()?.vectors.exact();
        if sequences == 0 || !tokens.len().is_multiple_of(sequences) {
            let given = tokens.len();
            return Err(Error::Latent(format!("{given} tokens make no {sequences} sequences")));
        }
        let blank = self.blank(sequences, tokens.len() / sequences)?;
        crate::latent::embed(table, tokens, &blank)
    }

    /// `x̂₀ = Σ_v p(v | x_t)·x(v)` of every noisy position, in the shape of `query.x` and f32,
    /// and what `p` says of each, row-major over `[sequences, length]`.
    ///
    /// # Errors
    ///
    /// Where the model is none of Gaussian diffusion, shapes do not agree, a sequence is too
    /// long, a position has no noise, or `p` is no number.
    pub fn denoise(&self, query: &NoisyQuery<'_>) -> Result<(TensorLatent, Vec<Guess>), Error> {
        let (mut means, mut guesses) = (Vec::new(), Vec::new());
        let table = self.noisy()?.vectors.table();
        self.noisy_logits(query, &mut |logits, start| {
            let log_p = logits.f_log_softmax(-1, None::<Kind>)?;
            let p = log_p.f_exp()?;
            let entropy = p.f_mul(&log_p)?.f_sum_dim_intlist([-1i64].as_slice(), true, None)?;
            let (best, token) = p.f_max_dim(-1, true)?;
            let kind = Kind::Double;
            let said = [token.f_to_kind(kind)?, best.f_to_kind(kind)?, entropy.f_to_kind(kind)?];
            let said: Vec<f64> = crate::latent::on_host(&Tensor::f_cat(&said, 1)?, kind)?;
            for (row, said) in said.chunks_exact(3).enumerate() {
                let &[token, probability, entropy] = said else { continue };
                if probability.is_nan() {
                    let position = start as usize + row;
                    let sequence = position / query.x.shape().length;
                    return Err(Error::NotANumber { sequence, position });
                }
                guesses.push(Guess {
                    token: token as TokenId,
                    probability: probability as f32,
                    entropy: (-entropy).max(0.0) as f32,
                });
            }
            means.push(p.f_to_kind(table.kind())?.f_matmul(table)?.f_to_kind(Kind::Float)?);
            Ok(())
        })?;
        let size = query.x.tensor().size();
        let mean = TensorLatent::new(Tensor::f_cat(&means, 0)?.f_view(size.as_slice())?)?;
        Ok((mean, guesses))
    }

    /// `ln p(v | x_t)` of the token `v` that `targets` names for every noisy position, and
    /// whether it is the most probable one; row-major over `[sequences, length]`.
    ///
    /// # Errors
    ///
    /// As [`denoise`](Self::denoise), and where there is not a target below the vocabulary
    /// for each position.
    pub fn recognise(
        &self,
        query: &NoisyQuery<'_>,
        targets: &[TokenId],
    ) -> Result<Vec<(f64, bool)>, Error> {
        self.of_tokens(query, targets, 1)
    }

    /// `ln p(v | x_t)` of `each` tokens `v` for every noisy position, `tokens` and result
    /// row-major over `[sequences, length, each]`: one pass of the network for all of them.
    ///
    /// # Errors
    ///
    /// As [`recognise`](Self::recognise).
    pub fn weigh(
        &self,
        query: &NoisyQuery<'_>,
        tokens: &[TokenId],
        each: usize,
    ) -> Result<Vec<f64>, Error> {
        let found = self.of_tokens(query, tokens, each)?;
        Ok(found.into_iter().map(|(log_p, _)| log_p).collect())
    }

    /// `ln p` of `each` tokens a position, and whether each is the most probable one.
    fn of_tokens(
        &self,
        query: &NoisyQuery<'_>,
        tokens: &[TokenId],
        each: usize,
    ) -> Result<Vec<(f64, bool)>, Error> {
        let (positions, vocab) = (query.x.shape().positions(), self.shape.vocab);
        let fits = tokens.len() == positions * each && 0 < each;
        if !fits || tokens.iter().any(|&v| vocab <= i64::from(v)) {
            let given = tokens.len();
            return Err(Error::Latent(format!(
                "{given} targets for {positions} positions: give each position as many tokens \
                 below {vocab}"
            )));
        }
        let tokens: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
        let tokens = Tensor::f_from_slice(&tokens)?.f_view([positions as i64, each as i64])?;
        let tokens = tokens.f_to_device(self.device)?;
        let mut found = Vec::with_capacity(positions * each);
        self.noisy_logits(query, &mut |logits, start| {
            let wanted = tokens.f_narrow(0, start, logits.size()[0])?;
            let right = logits.f_argmax(1, true)?.f_eq_tensor(&wanted)?;
            let log_p = logits.f_log_softmax(1, Kind::Double)?.f_gather(1, &wanted, false)?;
            let both = Tensor::f_stack(&[log_p, right.f_to_kind(Kind::Double)?], 2)?;
            let both: Vec<f64> = crate::latent::on_host(&both, Kind::Double)?;
            found.extend(both.chunks_exact(2).map(|pair| (pair[0], pair[1] == 1.0)));
            Ok(())
        })?;
        Ok(found)
    }

    fn noisy(&self) -> Result<&Noisy, Error> {
        self.noisy.as_ref().ok_or_else(|| {
            let problem = "noisy vectors are read by a Gaussian diffusion model alone: give its \
                           adapter with --adapter";
            Error::Ask(problem.to_string())
        })
    }

    /// Hands the logits of all noisy positions to `each`, some rows at a time, with the index
    /// of the first.
    fn noisy_logits(
        &self,
        query: &NoisyQuery<'_>,
        each: &mut dyn FnMut(&Tensor, i64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let shape = query.x.shape();
        self.check_noisy(query)?;
        let flat = |x: &TensorLatent| -> Result<Tensor, Error> {
            let rows = [shape.positions() as i64, shape.dim as i64];
            Ok(x.tensor().f_reshape(rows)?.f_to_device(self.device)?.f_to_kind(Kind::Float)?)
        };
        let (x, previous) = (flat(query.x)?, query.previous.map(flat).transpose()?);
        let levels: Vec<NoiseLevel> =
            (0..shape.positions()).map(|position| query.levels.at(position)).collect();
        let longest = query.frames.iter().map(|f| f.before.len() + f.after.len()).max();
        let tokens = longest.unwrap_or(0) + shape.length;
        let together = (self.batch_tokens / tokens.max(1)).max(1);
        for (index, frames) in query.frames.chunks(together).enumerate() {
            let start = index * together * shape.length;
            let count = frames.len() * shape.length;
            let own = |x: &Tensor| x.f_narrow(0, start as i64, count as i64);
            let (x, levels) = (own(&x)?, &levels[start..start + count]);
            let previous = previous.as_ref().map(own).transpose()?;
            let hidden = self.noisy_hidden(frames, &x, levels, previous.as_ref())?;
            let evidence = self.noisy()?.vectors.evidence(&x, levels)?;
            let most = (HEAD_BYTES / (4 * self.shape.vocab)).max(1);
            for first in (0..count as i64).step_by(most as usize) {
                let rows = most.min(count as i64 - first);
                let piece = |x: &Tensor| x.f_narrow(0, first, rows);
                let logits = self.network.logits(&piece(&hidden)?)?.f_to_kind(Kind::Float)?;
                let known =
                    piece(&evidence)?.f_linear::<Tensor>(self.noisy()?.vectors.table(), None)?;
                each(&logits.f_add(&known.f_to_kind(Kind::Float)?)?, start as i64 + first)?;
            }
        }
        Ok(())
    }

    /// The row of hidden states that each noisy position is read from, `[positions, width]`.
    fn noisy_hidden(
        &self,
        frames: &[Frame<'_>],
        x: &Tensor,
        levels: &[NoiseLevel],
        previous: Option<&Tensor>,
    ) -> Result<Tensor, Error> {
        let noisy = self.noisy()?;
        let decoder = self
            .network
            .decoder()
            .ok_or_else(|| Error::Ask("this network cannot read noisy vectors".to_string()))?;
        let length = levels.len() / frames.len();
        let (mut ids, mut positions, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rows, mut read) = (Vec::new(), Vec::new());
        for Frame { before, after } in frames {
            let start = ids.len();
            ids.extend(before.iter().map(|&token| i64::from(token)));
            for position in before.len()..before.len() + length {
                rows.push((start + position) as i64);
                read.push((start + self.diffusion.row(position)) as i64);
                // Any token will do where a vector is put in its place.
                ids.push(0);
            }
            ids.extend(after.iter().map(|&token| i64::from(token)));
            lengths.push(ids.len() - start);
            positions.extend(0..(ids.len() - start) as i64);
        }
        let tensor = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(self.device);
        let vectors = noisy.input.read(&noisy.vectors, x, levels, previous)?;
        let h = decoder.embed(&tensor(&ids)?)?.f_index_copy(0, &tensor(&rows)?, &vectors)?;
        let hidden = decoder
            .run(h, &tensor(&positions)?, &mut |_, q, k, v| attention_of_runs(q, k, v, &lengths))?;
        Ok(hidden.f_index_select(0, &tensor(&read)?)?)
    }

    fn check_noisy(&self, query: &NoisyQuery<'_>) -> Result<(), Error> {
        let NoisyQuery { frames, x, levels, previous } = query;
        let shape = x.shape();
        let refuse = |problem: String| Err(Error::Latent(problem));
        if frames.len() != shape.batch || frames.is_empty() || shape.length == 0 {
            let given = frames.len();
            return refuse(format!(
                "{given} frames for a latent of {shape}: give each sequence one"
            ));
        }
        if shape.dim as i64 != self.shape.width {
            let width = self.shape.width;
            return refuse(format!(
                "a latent of {shape}: this model's vectors have {width} numbers"
            ));
        }
        if let Some(previous) = previous.filter(|previous| previous.shape() != shape) {
            let other = previous.shape();
            return refuse(format!("an earlier prediction of {other} for a latent of {shape}"));
        }
        levels.check(shape).map_err(|error| Error::Latent(error.to_string()))?;
        if let Some(position) = (0..shape.positions()).find(|&i| levels.at(i).sigma <= 0.0) {
            return refuse(format!(
                "position {position} has no noise: put what is known into the frame"
            ));
        }
        for frame in *frames {
            let ids = frame.before.iter().chain(frame.after);
            if let Some(token) = ids.into_iter().find(|&&id| self.shape.vocab <= i64::from(id)) {
                return refuse(format!("token {token} of a frame is not in the vocabulary"));
            }
            self.check_length(frame.before.len() + shape.length + frame.after.len())?;
        }
        Ok(())
    }
}
