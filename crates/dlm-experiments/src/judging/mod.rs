//! Who judges a text: the base, which is kin to what it judges, and counts of ordinary prose,
//! which are not.

mod ngram;

use std::ops::Range;

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

/// What a causal model makes of each answer to its prompt, in its own tokens: writer and judge
/// need no tokenizer in common. White space alone says nothing and counts nothing.
///
/// # Errors
///
/// Where a prompt cannot be used, or a prompt and its answer exceed the judge's context.
pub(crate) fn causal(judge: &mut Model, texts: &[(&str, &str)]) -> Result<Vec<Judged>, Error> {
    let codec = judge.text()?;
    let lay = |&(prompt, answer): &(&str, &str)| -> Result<(Vec<TokenId>, usize), Error> {
        let mut whole = codec.opening(prompt)?;
        let opening = whole.len();
        if !answer.trim().is_empty() {
            whole.extend(codec.encode(answer)?);
        }
        Ok((whole, opening))
    };
    let laid: Vec<(Vec<TokenId>, usize)> = texts.iter().map(lay).collect::<Result<_, _>>()?;
    let says = |(whole, opening): &&(Vec<TokenId>, usize)| *opening < whole.len();
    let asked: Vec<(&[TokenId], Range<usize>)> = laid
        .iter()
        .filter(says)
        .map(|(whole, opening)| (&whole[..], *opening..whole.len()))
        .collect();
    let mut read = causal::by_tokens(judge, &asked)?.into_iter();
    let judged = |text: &(Vec<TokenId>, usize)| {
        let each = Some(text).filter(says).and_then(|_| read.next()).unwrap_or_default();
        Judged { nats: each.iter().map(|(nats, _)| nats).sum(), count: each.len() }
    };
    Ok(laid.iter().map(judged).collect())
}
