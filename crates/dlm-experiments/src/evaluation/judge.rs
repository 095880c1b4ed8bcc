//! Who judges what was written: a causal model that reads the same tokens.

use dlm_core::TokenId;
use dlm_runtime::{Model, ModelFile};

use super::{
    causal,
    rows::{Author, WrittenRow},
    texts::Text,
    writer::Written,
    written::{distinct, repeated, run_entropy, unigram_entropy},
};
use crate::Error;

/// The files that make a tokenizer.
const TOKENIZER: [&str; 4] = ["tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json"];

/// Whether `judge` can judge what `model` writes, token by token, if a prompt and its answer
/// take up to `longest` tokens.
///
/// # Errors
///
/// Where it is not causal, has another vocabulary or tokenizer, or too short a context.
pub(super) fn check(model: &Model, judge: &Model, longest: usize) -> Result<(), Error> {
    let (ours, theirs) = (model.description(), judge.description());
    let refuse = |problem: String| Err(Error::Argument(format!("judge {}: {problem}", theirs.id)));
    if !theirs.causal || !theirs.shifted {
        return refuse(
            "it is not causal, so it gives no text a probability: name a causal model of the same \
             tokenizer with --judge, or leave samples out with --samples 0"
                .to_string(),
        );
    }
    if ours.vocab != theirs.vocab {
        return refuse(format!(
            "its vocabulary of {} is not that of {}, which has {}: name a judge of the same \
             tokenizer with --judge",
            theirs.vocab, ours.id, ours.vocab
        ));
    }
    if theirs.context < longest {
        return refuse(format!(
            "a prompt and its answer take up to {longest} tokens and its context has {}: lower \
             --gen-length, or name another judge with --judge",
            theirs.context
        ));
    }
    if tokenizer(model)? != tokenizer(judge)? {
        return refuse(format!(
            "its tokenizer is not that of {}: name a judge of the same tokenizer with --judge",
            ours.id
        ));
    }
    Ok(())
}

/// What is to be said of an answer to the prompt of `text`, which reads `said`.
///
/// # Errors
///
/// Where the judge fails.
pub(super) fn row(
    judge: &mut Model,
    text: &Text,
    author: Author,
    written: &Written,
    said: String,
) -> Result<WrittenRow, Error> {
    let Written { tokens, ended } = written;
    let whole = [text.opening(), tokens].concat();
    let nats = match tokens.is_empty() {
        true => 0.0,
        false => causal::read(judge, &whole, text.opening().len()..whole.len())?.nats,
    };
    let listed: Vec<String> = tokens.iter().map(TokenId::to_string).collect();
    Ok(WrittenRow {
        line: text.line,
        author,
        tokens: tokens.len(),
        ended: *ended,
        nats,
        entropy: unigram_entropy(tokens),
        bigram_entropy: run_entropy(tokens, 2),
        distinct_2: distinct(tokens, 2),
        distinct_3: distinct(tokens, 3),
        rep_4: repeated(tokens, 4),
        text: said,
        token_ids: format!("[{}]", listed.join(",")),
    })
}

fn tokenizer(model: &Model) -> Result<Vec<ModelFile>, Error> {
    let mut files = model.source().files()?;
    files.retain(|file| TOKENIZER.contains(&file.name.as_str()));
    Ok(files)
}
