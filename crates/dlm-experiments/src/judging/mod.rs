//! Who judges a text: the base, which is kin to what it judges, and counts of ordinary prose,
//! which are not.

mod ngram;

use dlm_core::TokenId;
use dlm_runtime::Model;

pub(crate) use ngram::NgramJudge;

use crate::{
    Error,
    evaluation::{causal, distinct, repeated, unigram_entropy},
};

/// What a judge makes of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Judged {
    /// `−ln p(text)`.
    pub(crate) nats: f64,
    /// Of how many tokens or bytes, whichever the judge reads.
    pub(crate) count: usize,
}

/// How varied a text is: a judge alone would praise one that repeats itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variety {
    /// Entropy of its tokens' frequencies, nats.
    pub(crate) entropy: Option<f64>,
    /// The share of distinct pairs.
    pub(crate) distinct_2: Option<f64>,
    /// The share of runs of four that stood there before.
    pub(crate) repeated_4: Option<f64>,
}

impl Judged {
    /// Nats a token or byte; none for an empty text.
    pub(crate) fn per_unit(self) -> Option<f64> {
        (0 < self.count).then(|| self.nats / self.count as f64)
    }
}

impl Variety {
    /// Of `tokens`.
    pub(crate) fn of(tokens: &[TokenId]) -> Self {
        let (entropy, distinct_2) = (unigram_entropy(tokens), distinct(tokens, 2));
        Self { entropy, distinct_2, repeated_4: repeated(tokens, 4) }
    }
}

/// What a causal model makes of `answer` to `prompt`, in its own tokens: writer and judge need
/// no tokenizer in common.
///
/// # Errors
///
/// Where the prompt cannot be used, or both exceed the judge's context.
pub(crate) fn causal(judge: &mut Model, prompt: &str, answer: &str) -> Result<Judged, Error> {
    let each = causal_by_token(judge, prompt, answer)?;
    Ok(Judged { nats: each.iter().map(|(_, nats)| nats).sum(), count: each.len() })
}

/// The judge's tokens of `answer`, each with its `−ln p` given the prompt and those before.
///
/// # Errors
///
/// Where the prompt cannot be used, or both exceed the judge's context.
pub(crate) fn causal_by_token(
    judge: &mut Model,
    prompt: &str,
    answer: &str,
) -> Result<Vec<(TokenId, f64)>, Error> {
    let text = judge.text()?;
    let (mut whole, tokens) = (text.opening(prompt)?, text.encode(answer)?);
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let opening = whole.len();
    whole.extend(&tokens);
    let read = causal::by_token(judge, &whole, opening..whole.len())?;
    Ok(tokens.into_iter().zip(read.into_iter().map(|(nats, _)| nats)).collect())
}
